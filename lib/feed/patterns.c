// Patterns, so that a name is not matched against each of them: by the bytes in front of their first special one, cut to PREFIX_MAX. A name's own
// beginnings, of those lengths that there are, lead to the patterns that can match it; only these are looked at, as are those that begin with a
// special byte.
#include "base/glob.h"
#include "base/mem.h"
#include "feed/feed_int.h"

struct prefix {
    struct map_node node;
    struct channel *first;
    size_t n;
    char bytes[PREFIX_MAX];
};

static size_t literal_length(struct slice pattern) {
    size_t n = 0;
    while (n < pattern.n && n < PREFIX_MAX && !memchr("*?[\\", pattern.p[n], 4)) n++;
    return n;
}

static struct prefix *find(const struct patterns *p, uint64_t hash, const char *bytes, size_t n) {
    for (struct map_node *m = map_first(&p->prefixes, hash); m; m = m->next) {
        struct prefix *x = CONTAINER_OF(m, struct prefix, node);
        if (m->hash == hash && x->n == n && memcmp(x->bytes, bytes, n) == 0) return x;
    }
    return NULL;
}

bool patterns_add(struct patterns *p, const struct hash_key *seed, struct channel *c) {
    size_t n = literal_length(c->name);
    uint64_t hash = hash_bytes(seed, c->name.p, n);
    struct prefix *x = find(p, hash, c->name.p, n);
    if (!x) {
        x = map_reserve(&p->prefixes) ? mem_alloc_zero(sizeof *x) : NULL;
        if (!x) return false;
        x->n = n;
        memcpy(x->bytes, c->name.p, n);
        map_add(&p->prefixes, &x->node, hash);
        p->lengths[n]++;
    }
    c->next_of_prefix = x->first;
    c->at_of_prefix = &x->first;
    if (x->first) x->first->at_of_prefix = &c->next_of_prefix;
    x->first = c;
    return true;
}

void patterns_remove(struct patterns *p, const struct hash_key *seed, struct channel *c) {
    size_t n = literal_length(c->name);
    struct prefix *x = find(p, hash_bytes(seed, c->name.p, n), c->name.p, n);
    *c->at_of_prefix = c->next_of_prefix;
    if (c->next_of_prefix) c->next_of_prefix->at_of_prefix = c->at_of_prefix;
    if (x->first) return;
    p->lengths[n]--;
    map_remove(&p->prefixes, &x->node);
    mem_free(x);
}

bool feed_pattern_matches(struct slice pattern, struct slice channel) { return channel.n ? glob_match(pattern, channel, false) : !pattern.n; }

void patterns_match(const struct patterns *p, const struct hash_key *seed, struct slice name, pattern_visit_fn *visit, void *arg) {
    size_t longest = MIN(name.n, (size_t)PREFIX_MAX);
    for (size_t n = 0; n <= longest; n++) {
        if (!p->lengths[n]) continue;
        const struct prefix *x = find(p, hash_bytes(seed, name.p, n), name.p, n);
        for (struct channel *c = x ? x->first : NULL; c; c = c->next_of_prefix) {
            if (feed_pattern_matches(c->name, name)) visit(arg, c);
        }
    }
}

void patterns_free(struct patterns *p) {
    for (size_t i = 0; i < p->prefixes.size; i++) {
        for (struct map_node *m = p->prefixes.chains[i], *next; m; m = next) {
            next = m->next;
            mem_free(CONTAINER_OF(m, struct prefix, node));
        }
    }
    map_free(&p->prefixes);
}
