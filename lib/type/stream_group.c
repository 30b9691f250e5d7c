// Groups of a stream, their consumers, and what is pending for them.
//
// A pending entry is one object, in its group's tree and in its consumer's. Only between stream_claim and stream_claim_end one that goes from a consumer
// to another is in the trees of both.
#include "type/stream_int.h"

// ---- orders --------------------------------------------------------------------------------------------------------------------

static int compare_group(const void *item, const void *key) {
    return stream_name_compare(stream_group_name(item), *(const struct slice *)key);
}
static int compare_consumer(const void *item, const void *key) {
    return stream_name_compare(stream_consumer_name(item), *(const struct slice *)key);
}
static int compare_pending(const void *item, const void *key) {
    return stream_id_compare(((const struct stream_pending *)item)->id, *(const struct stream_id *)key);
}
static uint64_t word_group(const void *item) { return stream_name_word(stream_group_name(item)); }
static uint64_t word_consumer(const void *item) { return stream_name_word(stream_consumer_name(item)); }
static uint64_t word_pending(const void *item) { return ((const struct stream_pending *)item)->id.ms; }

void stream_init_groups(struct stream *s) { tree_init(&s->groups, s->nodes.slab, word_group); }

static void *found(struct tree_at at) { return at.leaf ? tree_item(at) : NULL; }

// ---- groups and consumers ------------------------------------------------------------------------------------------------------

struct stream_group *stream_group(const struct stream *s, struct slice name) {
    return s->groups.count ? found(tree_find(&s->groups, compare_group, &name, stream_name_word(name), NULL)) : NULL;
}

static size_t group_size(const struct stream_group *g) { return sizeof *g + g->name_n; }
static size_t consumer_size(const struct stream_consumer *c) { return sizeof *c + c->name_n; }

struct stream_group *stream_add_group(struct stream *s, struct slice name, struct stream_id last_id, int64_t read) {
    if (name.n > UINT32_MAX) return NULL;
    struct stream_group *g = stream_alloc(s, sizeof *g + name.n);
    if (!g) return NULL;
    *g = (struct stream_group){ .last_id = last_id, .read = read, .name_n = (uint32_t)name.n };
    tree_init(&g->pending, s->nodes.slab, word_pending);
    tree_init(&g->consumers, s->nodes.slab, word_consumer);
    if (name.n) memcpy(g->name, name.p, name.n);
    if (tree_insert(&s->groups, compare_group, &name, stream_name_word(name), g)) return g;
    stream_free(s, g, group_size(g));
    return NULL;
}

struct stream_consumer *stream_consumer(const struct stream_group *g, struct slice name) {
    return g->consumers.count ? found(tree_find(&g->consumers, compare_consumer, &name, stream_name_word(name), NULL)) : NULL;
}

struct stream_consumer *stream_add_consumer(struct stream *s, struct stream_group *g, struct slice name, int64_t now_ms) {
    if (name.n > UINT32_MAX) return NULL;
    struct stream_consumer *c = stream_alloc(s, sizeof *c + name.n);
    if (!c) return NULL;
    *c = (struct stream_consumer){ .seen_ms = now_ms, .active_ms = -1, .name_n = (uint32_t)name.n };
    tree_init(&c->pending, s->nodes.slab, word_pending);
    if (name.n) memcpy(c->name, name.p, name.n);
    if (tree_insert(&g->consumers, compare_consumer, &name, stream_name_word(name), c)) return c;
    stream_free(s, c, consumer_size(c));
    return NULL;
}

// ---- pending entries -----------------------------------------------------------------------------------------------------------

struct stream_pending *stream_pending(const struct tree *pending, struct stream_id id) {
    return pending->count ? found(tree_find(pending, compare_pending, &id, id.ms, NULL)) : NULL;
}

struct tree_at stream_pending_from(const struct tree *pending, struct stream_id id) {
    return tree_lower(pending, compare_pending, &id, id.ms, NULL);
}

static bool pending_insert(struct tree *t, struct stream_pending *p) { return tree_insert(t, compare_pending, &p->id, p->id.ms, p); }

static void pending_remove(struct tree *t, const struct stream_pending *p) {
    void *gone = tree_remove(t, compare_pending, &p->id, p->id.ms);
    invariant(gone == p);
}

void stream_acknowledge(struct stream *s, struct stream_group *g, struct stream_pending *p) {
    pending_remove(&p->consumer->pending, p);
    pending_remove(&g->pending, p);
    stream_free(s, p, sizeof *p);
}

static bool add_pending(struct stream *s, struct stream_group *g, struct stream_consumer *to, struct stream_claim *c) {
    struct stream_pending *p = stream_alloc(s, sizeof *p);
    if (!p) return false;
    *p = (struct stream_pending){ c->id, to, c->time_ms, c->count };
    if (pending_insert(&g->pending, p)) {
        if (pending_insert(&to->pending, p)) {
            c->p = p;
            return true;
        }
        pending_remove(&g->pending, p);
    }
    stream_free(s, p, sizeof *p);
    return false;
}

bool stream_claim(struct stream *s, struct stream_group *g, struct stream_consumer *to, struct stream_claim *c) {
    struct stream_pending *p = c->p = stream_pending(&g->pending, c->id);
    c->fresh = !p;
    if (!p) return add_pending(s, g, to, c);
    c->moves = p->consumer != to && !stream_pending(&to->pending, c->id); // it may have been claimed a moment ago, too
    if (c->moves && !pending_insert(&to->pending, p)) return false;
    c->was_time_ms = p->time_ms;
    c->was_count = p->count;
    p->time_ms = c->time_ms;
    p->count = c->count;
    return true;
}

void stream_claim_undo(struct stream *s, struct stream_group *g, struct stream_consumer *to, const struct stream_claim *c) {
    if (c->fresh) {
        stream_acknowledge(s, g, c->p);
        return;
    }
    if (c->moves) pending_remove(&to->pending, c->p);
    c->p->time_ms = c->was_time_ms;
    c->p->count = c->was_count;
}

void stream_claim_end(struct stream_consumer *to, const struct stream_claim *c) {
    if (c->moves) pending_remove(&c->p->consumer->pending, c->p);
    c->p->consumer = to;
}

// ---- the end of all that ---------------------------------------------------------------------------------------------------------

struct dropping {
    struct stream *s;
    struct stream_group *g;
};

static void drop_pending(void *arg, void *item) {
    const struct dropping *d = arg;
    stream_free(d->s, item, sizeof(struct stream_pending));
}

static void drop_pending_of_consumer(void *arg, void *item) {
    const struct dropping *d = arg;
    pending_remove(&d->g->pending, item);
    drop_pending(arg, item);
}

static void consumer_free(struct stream *s, struct stream_group *g, struct stream_consumer *c) {
    struct slice name = stream_consumer_name(c);
    tree_remove(&g->consumers, compare_consumer, &name, stream_name_word(name));
    stream_free(s, c, consumer_size(c));
}

void stream_drop_consumer(struct stream *s, struct stream_group *g, struct stream_consumer *c) {
    struct dropping d = { s, g };
    tree_remove_range(&c->pending, 0, UINT64_MAX, drop_pending_of_consumer, &d);
    consumer_free(s, g, c);
}

// About `budget` objects of a group. True: it is gone, too.
static bool group_free(struct stream *s, struct stream_group *g, size_t *budget) {
    enum { A_NODE_HAS = 32 };
    while (g->consumers.count) {
        struct stream_consumer *c = tree_item(tree_first(&g->consumers));
        size_t cost = MIN(1 + (size_t)(c->pending.count / A_NODE_HAS), *budget);
        if (cost == 0 || !tree_free(&c->pending, cost)) return *budget = 0, false;
        *budget -= cost;
        consumer_free(s, g, c);
    }
    struct dropping d = { s, g };
    *budget -= (size_t)tree_remove_range(&g->pending, 0, *budget, drop_pending, &d);
    if (g->pending.count) return false;
    struct slice name = stream_group_name(g);
    tree_remove(&s->groups, compare_group, &name, stream_name_word(name));
    stream_free(s, g, group_size(g));
    return true;
}

static uint64_t group_bytes(const struct stream_group *g) {
    uint64_t n = slab_round(group_size(g)) + g->pending.count * slab_round(sizeof(struct stream_pending));
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) n += slab_round(consumer_size(tree_item(at)));
    return n;
}

// A large one goes to a stream of its own, which is dropped.
void stream_drop_group(struct value *v, struct stream_group *g) {
    enum { LARGE = 1000 };
    struct stream *s = value_stream(v), *doomed = NULL;
    struct slice name = stream_group_name(g);
    uint64_t word = stream_name_word(name);
    if (g->pending.count + g->consumers.count > LARGE) doomed = stream_create(s->nodes.slab);
    if (doomed && tree_insert(&doomed->groups, compare_group, &name, word, g)) {
        uint64_t bytes = group_bytes(g);
        tree_remove(&s->groups, compare_group, &name, word);
        s->bytes -= bytes;
        doomed->bytes += bytes;
    }
    size_t budget = SIZE_MAX;
    if (!doomed || !doomed->groups.count) group_free(s, g, &budget);
    if (doomed) value_drop_root(v, &doomed->root);
}

bool stream_free_groups(struct stream *s, size_t *budget) {
    while (s->groups.count) {
        if (*budget == 0 || !group_free(s, tree_item(tree_first(&s->groups)), budget)) return false;
        if (*budget) --*budget;
    }
    return true;
}

// ---- copies, memory, checks --------------------------------------------------------------------------------------------------------

static bool copy_consumer(struct stream *s, struct stream_group *g, const struct stream_consumer *from) {
    struct stream_consumer *c = stream_add_consumer(s, g, stream_consumer_name(from), from->seen_ms);
    if (!c) return false;
    c->active_ms = from->active_ms;
    for (struct tree_at at = tree_first(&from->pending); at.leaf; at = tree_next(at)) {
        const struct stream_pending *p = tree_item(at);
        struct stream_claim claim = { .id = p->id, .time_ms = p->time_ms, .count = p->count };
        if (!stream_claim(s, g, c, &claim)) return false;
    }
    return true;
}

bool stream_copy_groups(struct stream *to, const struct stream *from) {
    for (struct tree_at at = tree_first(&from->groups); at.leaf; at = tree_next(at)) {
        const struct stream_group *g = tree_item(at);
        struct stream_group *copy = stream_add_group(to, stream_group_name(g), g->last_id, g->read);
        if (!copy) return false;
        for (struct tree_at c = tree_first(&g->consumers); c.leaf; c = tree_next(c)) {
            if (!copy_consumer(to, copy, tree_item(c))) return false;
        }
    }
    return true;
}

uint64_t stream_groups_memory(const struct stream *s) {
    uint64_t n = s->groups.bytes;
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) {
        const struct stream_group *g = tree_item(at);
        n += g->pending.bytes + g->consumers.bytes;
        for (struct tree_at c = tree_first(&g->consumers); c.leaf; c = tree_next(c)) n += ((struct stream_consumer *)tree_item(c))->pending.bytes;
    }
    return n;
}

static int check_pending(const void *a, const void *b) { return compare_pending(a, &((const struct stream_pending *)b)->id); }
static int check_consumer(const void *a, const void *b) {
    struct slice name = stream_consumer_name(b);
    return compare_consumer(a, &name);
}
static int check_group(const void *a, const void *b) {
    struct slice name = stream_group_name(b);
    return compare_group(a, &name);
}

static void check_one(const struct stream_group *g, uint64_t *bytes) {
    uint64_t owned = 0;
    tree_check(&g->pending, check_pending);
    tree_check(&g->consumers, check_consumer);
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) {
        const struct stream_consumer *c = tree_item(at);
        tree_check(&c->pending, check_pending);
        *bytes += slab_round(consumer_size(c));
        owned += c->pending.count;
        for (struct tree_at p = tree_first(&c->pending); p.leaf; p = tree_next(p)) {
            const struct stream_pending *one = tree_item(p);
            invariant(one->consumer == c && stream_pending(&g->pending, one->id) == one);
        }
    }
    invariant(owned == g->pending.count);
    *bytes += slab_round(group_size(g)) + owned * slab_round(sizeof(struct stream_pending));
}

void stream_check_groups(const struct stream *s, uint64_t *bytes) {
    tree_check(&s->groups, check_group);
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) check_one(tree_item(at), bytes);
}
