// Sorted sets: what they are, looking into them, and taking out. Putting in is zset_add.c.
#include "type/zset.h"

#include <math.h>

#include "type/zset_int.h"

// ---- roots -----------------------------------------------------------------------------------------------------------------

static uint64_t hash_member(const void *ctx, const void *entry) {
    struct slice s = zset_member_name(entry);
    return hash_bytes(ctx, s.p, s.n);
}

bool zset_member_is(const void *entry, const void *key) {
    const struct slice *name = key;
    struct slice have = zset_member_name(entry);
    return likely(have.n == name->n) && likely(bytes_equal(have.p, name->p, have.n));
}

int zset_compare(const void *item, const void *key) {
    const struct member *a = item, *b = key;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return slice_compare(zset_member_name(a), zset_member_name(b));
}

static uint64_t word_of(const void *item) { return zset_word(item); }

struct member *zset_member_new(struct zset_root *r, struct slice name, double score) {
    struct member *m = slab_alloc(r->order.slab, zset_member_size(name.n));
    if (!m) return NULL;
    uint32_t n = (uint32_t)name.n;
    char *to = m->bytes;
    m->score = score;
    m->len = (uint8_t)MIN(name.n, MEMBER_LONG);
    if (m->len == MEMBER_LONG) {
        memcpy(to, &n, sizeof n);
        to += sizeof n;
    }
    if (n) memcpy(to, name.p, n);
    r->bytes += slab_round(zset_member_size(n));
    return m;
}

void zset_member_free(struct zset_root *r, struct member *m) {
    size_t size = zset_member_size(zset_member_name(m).n);
    r->bytes -= slab_round(size);
    slab_free(r->order.slab, m, size);
}

struct zset_root *zset_root_new(struct slab *nodes, const struct hash_key *seed) {
    struct zset_root *r = slab_alloc(nodes, sizeof *r);
    if (!r) return NULL;
    *r = (struct zset_root){ .root.type = TYPE_ZSET };
    table_init(&r->members, nodes, hash_member, seed);
    tree_init(&r->order, nodes, word_of);
    return r;
}

struct freeing {
    struct zset_root *r;
    size_t work;
};

// Large members are mappings or rows of pages, which take longer.
static void free_visited(void *arg, void *member) {
    struct freeing *f = arg;
    f->work += 1 + zset_member_name(member).n / 16384;
    zset_member_free(f->r, member);
}

// The tree's nodes, then the table with the members.
static bool root_free(struct slab *nodes, struct root *root, size_t budget) {
    struct zset_root *r = (struct zset_root *)root;
    struct freeing f = { r, 0 };
    if (!tree_free(&r->order, budget)) return false;
    do r->freeing = table_free_walk(&r->members, r->freeing, 1, free_visited, &f);
    while (r->freeing && f.work < budget);
    if (r->freeing) return false;
    invariant(r->bytes == 0);
    slab_free(nodes, r, sizeof *r);
    return true;
}

void zset_root_drop(struct zset_root *r) { root_free(r->order.slab, &r->root, SIZE_MAX); }

static struct root *root_copy(struct slab *nodes, const struct root *from) {
    const struct zset_root *f = (const struct zset_root *)from;
    struct zset_root *r = zset_root_new(nodes, f->members.ctx);
    if (!r) return NULL;
    for (struct tree_at at = tree_first(&f->order); at.leaf; at = tree_next(at)) {
        const struct member *m = tree_item(at);
        struct slice name = zset_member_name(m);
        if (zset_root_add(r, name, m->score, zset_hash(r, name))) continue;
        zset_root_drop(r);
        return NULL;
    }
    return &r->root;
}

struct member *zset_root_add(struct zset_root *r, struct slice name, double score, uint64_t hash) {
    struct member *m = zset_member_new(r, name, score);
    if (!m) return NULL;
    if (!zset_order_insert(r, m)) goto no_tree;
    if (!table_insert(&r->members, hash, m)) goto no_table;
    return m;
no_table:
    zset_order_remove(r, m);
no_tree:
    zset_member_free(r, m);
    return NULL;
}

static size_t root_memory(const struct root *root) {
    const struct zset_root *r = (const struct zset_root *)root;
    return slab_round(sizeof *r) + r->bytes + r->members.bytes + r->order.bytes;
}

// ---- looking -----------------------------------------------------------------------------------------------------------------

uint64_t zset_count(const struct value *v) { return !v->there ? 0 : v->root ? zset_root(v)->order.count : packed_count(v->bytes) / 2; }

bool zset_score(const struct value *v, struct slice member, double *score) {
    if (!v->there) return false;
    if (!v->root) {
        size_t at = zset_packed_find(v->bytes, member);
        if (at) *score = zset_packed_score(v->bytes, at);
        return at;
    }
    const struct zset_root *r = zset_root(v);
    const struct member *m = table_find(&r->members, zset_hash(r, member), zset_member_is, &member);
    if (m) *score = m->score;
    return m;
}

void zset_scores(const struct value *v, const struct slice *members, size_t n, double *scores) {
    const struct zset_root *r = v->there && v->root ? zset_root(v) : NULL;
    uint64_t hash[ZSET_SCORES_MAX];
    const struct table_bucket *hint[ZSET_SCORES_MAX];
    for (size_t i = 0; i < n; i++) {
        if (!r) {
            if (!zset_score(v, members[i], &scores[i])) scores[i] = NAN;
            continue;
        }
        hash[i] = zset_hash(r, members[i]);
        hint[i] = table_prefetch_bucket(&r->members, hash[i]);
    }
    if (!r) return;
    for (size_t i = 0; i < n; i++) {
        if (hint[i]) table_prefetch_entry(hint[i], hash[i]);
    }
    for (size_t i = 0; i < n; i++) {
        const struct member *m = table_find(&r->members, hash[i], zset_member_is, &members[i]);
        scores[i] = m ? m->score : NAN;
    }
}

static bool packed_rank(const char *p, struct slice member, uint64_t *rank, double *score) {
    *rank = 0;
    for (size_t at = packed_first(p); at; at = packed_next(p, packed_next(p, at)), ++*rank) {
        if (!packed_equal(p, at, member)) continue;
        *score = zset_packed_score(p, at);
        return true;
    }
    return false;
}

bool zset_rank(const struct value *v, struct slice member, uint64_t *rank, double *score) {
    if (!v->there) return false;
    if (!v->root) return packed_rank(v->bytes, member, rank, score);
    const struct zset_root *r = zset_root(v);
    const struct member *m = table_find(&r->members, zset_hash(r, member), zset_member_is, &member);
    if (!m) return false;
    *score = m->score;
    zset_order_find(r, m, rank);
    return true;
}

struct zset_item zset_random(const struct value *v, char number[NUM_INT_MAX]) {
    if (v->root) {
        const struct member *m = table_random(&zset_root(v)->members, value_random(v));
        return (struct zset_item){ zset_member_name(m), m->score };
    }
    size_t at = packed_index(v->bytes, (int64_t)random_below(value_random(v), zset_count(v)) * 2);
    return (struct zset_item){ packed_string(v->bytes, at, number), zset_packed_score(v->bytes, at) };
}

// ---- walking -----------------------------------------------------------------------------------------------------------------

static bool show(struct zset_iter *it) {
    if (it->p) {
        if (!it->at) return false;
        it->item = (struct zset_item){ packed_string(it->p, it->at, it->number), zset_packed_score(it->p, it->at) };
        return true;
    }
    if (!it->node.leaf) return false;
    const struct member *m = tree_item(it->node);
    it->item = (struct zset_item){ zset_member_name(m), m->score };
    return true;
}

bool zset_iter_at(struct zset_iter *it, const struct value *v, uint64_t rank) {
    if (rank >= zset_count(v)) return false;
    it->p = v->root ? NULL : v->bytes;
    if (it->p) it->at = packed_index(it->p, (int64_t)rank * 2);
    else it->node = tree_at_rank(&zset_root(v)->order, rank);
    return show(it);
}

bool zset_iter_next(struct zset_iter *it) {
    if (it->p) it->at = packed_next(it->p, packed_next(it->p, it->at));
    else it->node = tree_next(it->node);
    return show(it);
}

bool zset_iter_previous(struct zset_iter *it) {
    if (!it->p) it->node = tree_previous(it->node);
    else if ((it->at = packed_previous(it->p, it->at)) != 0) it->at = packed_previous(it->p, it->at);
    return show(it);
}

struct scan {
    zset_visit_fn *visit;
    void *arg;
};

static void visit_member(void *arg, void *entry) {
    const struct scan *s = arg;
    const struct member *m = entry;
    s->visit(s->arg, &(struct zset_item){ zset_member_name(m), m->score });
}

uint64_t zset_scan(const struct value *v, uint64_t cursor, size_t max, zset_visit_fn *visit, void *arg) {
    if (v->root) return table_scan(&zset_root(v)->members, cursor, max, visit_member, &(struct scan){ visit, arg });
    struct zset_iter it;
    for (bool more = zset_iter_at(&it, v, 0); more; more = zset_iter_next(&it)) visit(arg, &it.item);
    return 0;
}

// ---- spans -------------------------------------------------------------------------------------------------------------------

// Whether something is before one end of a span (`after`: or at it): then it is outside in front of a lower end, inside of an upper one.
struct edge {
    const struct zset_bound *bound;
    bool by_member, after;
};

static bool is_before(const struct edge *e, double score, struct slice member) {
    const struct zset_bound *b = e->bound;
    if (!e->by_member) return score < b->score || (e->after && score == b->score);
    int c = b->endless ? -b->endless : slice_compare(member, b->member);
    return c < 0 || (c == 0 && e->after);
}

static int compare_edge(const void *item, const void *key) {
    const struct member *m = item;
    return is_before(key, m->score, zset_member_name(m)) ? -1 : 1;
}

// Members come before scores in none of the tree's words: where all scores are equal, as they should be, any member's word is everyone's.
static uint64_t edge_word(const struct tree *t, const struct edge *e) {
    if (!e->by_member) return tree_word_double(e->bound->score);
    return e->bound->endless ? (e->bound->endless < 0 ? 0 : UINT64_MAX) : zset_word(tree_item(tree_first(t)));
}

static bool is_void(const struct zset_bounds *b) {
    const struct zset_bound *min = &b->min, *max = &b->max;
    int c = min->score < max->score ? -1 : min->score > max->score;
    if (b->by_member) {
        c = min->endless != max->endless ? min->endless - max->endless : min->endless ? -1 : slice_compare(min->member, max->member);
        if (min->endless > 0 || max->endless < 0) return true;
    }
    return c > 0 || (c == 0 && (min->exclusive || max->exclusive));
}

// From one end to the other, as Redis does: where scores differ and members decide, what is found depends on that.
static uint64_t packed_span(const char *p, const struct edge *low, const struct edge *high, bool backwards, uint64_t *from) {
    uint64_t n = packed_count(p) / 2, first = 0, count = 0;
    size_t start = packed_first(p), last = packed_previous(p, packed_last(p)), at = backwards ? last : start;
    char number[NUM_INT_MAX];
    if (is_before(low, zset_packed_score(p, last), packed_string(p, last, number))) return 0;
    if (!is_before(high, zset_packed_score(p, start), packed_string(p, start, number))) return 0;
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0) at = backwards ? packed_previous(p, packed_previous(p, at)) : packed_next(p, packed_next(p, at));
        struct slice member = packed_string(p, at, number);
        double score = zset_packed_score(p, at);
        bool above = !is_before(low, score, member), below = is_before(high, score, member);
        if (count > 0 ? (backwards ? above : below) : above && below) {
            if (count++ == 0) first = i;
        } else if (count > 0 || (backwards ? below : above)) {
            break; // out at the other end
        }
    }
    *from = backwards ? n - first - count : first;
    return count;
}

uint64_t zset_span(const struct value *v, const struct zset_bounds *b, bool backwards, uint64_t *from) {
    struct edge low = { &b->min, b->by_member, b->min.exclusive }, high = { &b->max, b->by_member, !b->max.exclusive };
    uint64_t end;
    *from = 0;
    if (is_void(b) || zset_count(v) == 0) return 0;
    if (!v->root) return packed_span(v->bytes, &low, &high, backwards, from);
    const struct tree *t = &zset_root(v)->order;
    tree_lower(t, compare_edge, &low, edge_word(t, &low), from);
    tree_lower(t, compare_edge, &high, edge_word(t, &high), &end);
    return end > *from ? end - *from : 0;
}

// ---- taking out ----------------------------------------------------------------------------------------------------------------

// Bytes that are shared with a copy of the value become its own.
bool zset_open(struct value *v) {
    if (v->txn->no_memory) return false;
    return !v->there || v->root || value_resize(v, v->len, 0);
}

static void packed_take(struct value *v, size_t at, size_t n) {
    packed_remove(v->bytes, at, 2 * n);
    if (packed_count(v->bytes) > 0) value_shrink(v, packed_bytes(v->bytes)); // an empty one is deleted anyway
}

bool zset_remove(struct value *v, struct slice member) {
    if (!v->there) return false;
    if (!v->root) {
        size_t at = zset_packed_find(v->bytes, member);
        if (at) packed_take(v, at, 1);
        return at;
    }
    struct zset_root *r = zset_root(v);
    uint64_t hash = zset_hash(r, member);
    struct member *m = table_find(&r->members, hash, zset_member_is, &member);
    if (!m) return false;
    zset_will_change(r, hash, member, m);
    zset_order_remove(r, m);
    table_remove(&r->members, hash, m);
    zset_member_free(r, m);
    return true;
}

static void forget_member(void *arg, void *item) {
    struct zset_root *r = arg;
    uint64_t hash = hash_member(r->members.ctx, item);
    zset_will_change(r, hash, zset_member_name(item), item);
    table_remove(&r->members, hash, item);
    zset_member_free(r, item);
}

void zset_remove_span(struct value *v, uint64_t from, uint64_t n) {
    if (n == 0 || from >= zset_count(v)) return;
    if (v->root) tree_remove_range(&zset_root(v)->order, from, n, forget_member, zset_root(v));
    else packed_take(v, packed_index(v->bytes, (int64_t)from * 2), n);
}

// ---- kind ----------------------------------------------------------------------------------------------------------------------

static const char *encoding(const struct value *v) { return v->root ? "skiplist" : "listpack"; }

static void check_member(void *arg, void *entry) {
    const struct zset_root *r = arg;
    struct slice name = zset_member_name(entry);
    invariant(!isnan(((const struct member *)entry)->score));
    invariant(table_find(&r->members, zset_hash(r, name), zset_member_is, &name) == entry);
    invariant(zset_order_find(r, entry, NULL).leaf);
}

static void check(const struct value *v) {
    invariant(zset_count(v) > 0);
    if (!v->root) {
        zset_packed_check(v->bytes);
        return;
    }
    struct zset_root *r = zset_root(v);
    size_t bytes = 0;
    tree_check(&r->order, zset_compare);
    table_check(&r->members);
    invariant(r->members.count == r->order.count);
    for (uint64_t at = table_walk(&r->members, 0, 16, check_member, r); at; at = table_walk(&r->members, at, 16, check_member, r)) { }
    for (struct tree_at at = tree_first(&r->order); at.leaf; at = tree_next(at)) {
        bytes += slab_round(zset_member_size(zset_member_name(tree_item(at)).n));
    }
    invariant(bytes == r->bytes);
}

static const struct table *items(const struct root *r) { return &((const struct zset_root *)r)->members; }

const struct value_kind value_kind_zset = {
    .name = "zset", .encoding = encoding, .count = zset_count, .check = check, .free = root_free, .copy = root_copy, .memory = root_memory,
    .items = items,
};
