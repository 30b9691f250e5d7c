// Sorted sets: putting in.
//
// What is to be done is planned before anything changes: each item finds the member, or an earlier item about the same one, and is decided upon.
// Then either the packed list has room for all of it and is edited, which can't fail, or a root takes it: new members come in beside the old ones,
// which can be taken back, and only then what they replace is taken out, which can't fail either.
#include <math.h>

#include "base/mem.h"
#include "type/zset_int.h"

enum { FEW = 8 };

struct step {
    uint64_t hash;
    double was;            // if it was there
    double score;          // to be
    bool there, changes;
    struct member *old;    // of a root
    struct member *fresh;  // what takes its place
};

struct plan {
    struct step *steps;     // one for each item; items about the same member use the first's
    uint32_t *seen;         // hash table of steps, number + 1; NULL: there is one item only
    size_t mask;
    bool grows;             // it becomes a root, if it is not one already
    size_t bytes;           // of packed pairs to be inserted
    bool changes;
    struct step few[FEW];
    uint32_t few_seen[2 * FEW];
    void *memory;
};

// ---- planning ----------------------------------------------------------------------------------------------------------------

static bool plan_begin(struct plan *p, size_t n) {
    memset(p, 0, offsetof(struct plan, few));
    p->memory = NULL;
    p->steps = p->few;
    p->seen = n > 1 ? p->few_seen : NULL;
    p->mask = 2 * FEW - 1;
    if (n > FEW) {
        while (p->mask < 2 * n) p->mask = 2 * p->mask + 1;
        p->memory = mem_alloc(n * sizeof *p->steps + (p->mask + 1) * sizeof *p->seen);
        if (!p->memory) return false;
        p->steps = p->memory;
        p->seen = (uint32_t *)(void *)(p->steps + n);
    }
    if (p->seen) memset(p->seen, 0, (p->mask + 1) * sizeof *p->seen);
    return true;
}

// The step of an earlier item about the same member; NULL: this one is the first, and is remembered.
static struct step *earlier(struct plan *p, const struct zset_add *items, size_t i) {
    if (!p->seen) return NULL;
    uint64_t hash = p->steps[i].hash;
    for (size_t at = hash >> 24 & p->mask;; at = (at + 1) & p->mask) {
        if (p->seen[at] == 0) {
            p->seen[at] = (uint32_t)i + 1;
            return NULL;
        }
        size_t other = p->seen[at] - 1;
        if (p->steps[other].hash == hash && slice_equal(items[other].member, items[i].member)) return &p->steps[other];
    }
}

static void look_up(const struct value *v, struct step *s, struct slice member) {
    if (v->root) {
        s->old = table_find(&zset_root(v)->members, s->hash, zset_member_is, &member);
        s->there = s->old != NULL;
        if (s->there) s->was = s->old->score;
    } else if (v->there) {
        s->there = zset_score(v, member, &s->was);
    }
    s->score = s->was;
}

static enum zset_outcome decide(struct step *s, double score, uint32_t flags) {
    if (s->there || s->changes) {
        if ((flags & ZSET_NX) || ((flags & ZSET_LT) && score >= s->score) || ((flags & ZSET_GT) && score <= s->score)) return ZSET_NOTHING;
        if (score == s->score) return ZSET_NOTHING;
        s->score = score;
        s->changes = true;
        return ZSET_UPDATED;
    }
    if (flags & ZSET_XX) return ZSET_NOTHING;
    s->score = score;
    s->changes = true;
    return ZSET_ADDED;
}

// Hashes; where there are several, their buckets arrive together.
static void plan_hashes(struct plan *p, const struct value *v, const struct zset_add *items, size_t n) {
    const struct hash_key *seed = value_seed(v);
    for (size_t i = 0; i < n; i++) {
        p->steps[i] = (struct step){ .hash = v->root || n > 1 ? hash_bytes(seed, items[i].member.p, items[i].member.n) : 0 };
        if (v->root && n > 1) table_prefetch_bucket(&zset_root(v)->members, p->steps[i].hash);
    }
}

static bool fits_packed(const struct value *v, size_t added, size_t longest) {
    const struct settings *s = value_settings(v);
    return zset_count(v) + added <= settings_number(&s->zset_max_listpack_entries) && longest <= settings_number(&s->zset_max_listpack_value);
}

static void plan_items(struct plan *p, const struct value *v, struct zset_add *items, size_t n, uint32_t flags) {
    size_t added = 0;
    plan_hashes(p, v, items, n);
    p->grows = v->root;
    for (size_t i = 0; i < n; i++) {
        struct step *s = earlier(p, items, i);
        if (!s) {
            s = &p->steps[i];
            look_up(v, s, items[i].member);
        }
        items[i].outcome = decide(s, items[i].score, flags);
        if (p->grows) continue;
        p->grows = items[i].outcome == ZSET_ADDED && !fits_packed(v, ++added, items[i].member.n);
        if (!p->grows && s->score == 0) s->score = 0; // there is no -0 in packed lists
    }
    for (size_t i = 0; i < n; i++) {
        struct step *s = &p->steps[i];
        if (!s->changes) continue;
        if (s->there && s->score == s->was && signbit(s->score) == signbit(s->was)) { // by way of other scores
            s->changes = false;
            continue;
        }
        p->changes = true;
        if (!v->root) p->bytes += zset_packed_size(s->score, items[i].member);
    }
}

// ---- packed ------------------------------------------------------------------------------------------------------------------

static bool apply_packed(struct value *v, const struct plan *p, const struct zset_add *items, size_t n) {
    size_t had = v->there ? packed_bytes(v->bytes) : PACKED_EMPTY, freed = 0;
    for (size_t i = 0; i < n; i++) {
        if (p->steps[i].changes && p->steps[i].there) freed += zset_packed_size_at(v->bytes, zset_packed_find(v->bytes, items[i].member));
    }
    size_t size = had + p->bytes - freed;
    bool empty = !v->there;
    char *bytes = value_resize(v, MAX(size, had), 0);
    if (!bytes) return false;
    if (empty) packed_init(bytes);
    for (size_t i = 0; i < n; i++) {
        if (p->steps[i].changes && p->steps[i].there) packed_remove(bytes, zset_packed_find(bytes, items[i].member), 2);
    }
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &p->steps[i];
        if (s->changes) zset_packed_insert(bytes, zset_packed_place(bytes, s->score, items[i].member), s->score, items[i].member);
    }
    if (size < had) value_shrink(v, size);
    return true;
}

// ---- roots -------------------------------------------------------------------------------------------------------------------

// A root with what is packed in v. NULL: no memory.
static struct zset_root *root_of_packed(struct value *v) {
    struct slab *nodes = value_nodes(v);
    struct zset_root *r = nodes ? zset_root_new(nodes, value_seed(v)) : NULL;
    struct zset_iter it;
    if (!r) return NULL;
    for (bool more = zset_iter_at(&it, v, 0); more; more = zset_iter_next(&it)) {
        if (zset_root_add(r, it.item.member, it.item.score, zset_hash(r, it.item.member))) continue;
        zset_root_drop(r);
        return NULL;
    }
    return r;
}

// Whether a member may have the score without leaving its place in the order, and nobody else knows of its score: the tree does of each leaf's first.
static bool keeps_place(const struct zset_root *r, const struct member *m, double score) {
    struct tree_at at = zset_order_find(r, m, NULL), near;
    struct slice name = zset_member_name(m);
    bool rises = score > m->score;
    if (at.i == 0) return false;
    near = rises ? tree_next(at) : tree_previous(at);
    if (!near.leaf) return true;
    const struct member *other = tree_item(near);
    if (other->score == score) return (slice_compare(name, zset_member_name(other)) < 0) == rises;
    return (score < other->score) == rises;
}

static bool apply_step(struct zset_root *r, struct step *s, struct slice member) {
    if (!s->there) {
        s->fresh = zset_root_add(r, member, s->score, s->hash);
        return s->fresh;
    }
    if (s->score == s->was) { // it is the other zero: equal in the order
        s->old->score = s->score;
        return true;
    }
    struct member *m = zset_member_new(r, member, s->score);
    if (!m) return false;
    if (!zset_order_insert(r, m)) {
        zset_member_free(r, m);
        return false;
    }
    s->fresh = m;
    return true;
}

// The newcomer goes again.
static void undo_step(struct zset_root *r, const struct step *s) {
    if (s->old) s->old->score = s->was;
    if (!s->fresh) return;
    zset_order_remove(r, s->fresh);
    if (!s->there) table_remove(&r->members, s->hash, s->fresh);
    zset_member_free(r, s->fresh);
}

static void finish_step(struct zset_root *r, const struct step *s) {
    if (!s->there || !s->fresh) return;
    table_replace(&r->members, s->hash, s->old, s->fresh);
    zset_order_remove(r, s->old);
    zset_member_free(r, s->old);
}

static bool apply_root(struct zset_root *r, struct plan *p, const struct zset_add *items, size_t n) {
    struct step *first = &p->steps[0];
    for (size_t i = 0; unlikely(r->root.imaged) && i < n; i++) {
        if (p->steps[i].changes) zset_will_change(r, p->steps[i].hash, items[i].member, p->steps[i].old);
    }
    if (n == 1 && first->there && keeps_place(r, first->old, first->score)) {
        first->old->score = first->score;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (!p->steps[i].changes || apply_step(r, &p->steps[i], items[i].member)) continue;
        while (i-- > 0) undo_step(r, &p->steps[i]);
        return false;
    }
    for (size_t i = 0; i < n; i++) finish_step(r, &p->steps[i]);
    return true;
}

// The value turns from packed, or nothing, into a root.
static bool apply_grown(struct value *v, struct plan *p, const struct zset_add *items, size_t n) {
    struct zset_root *r = root_of_packed(v);
    if (!r) return false;
    for (size_t i = 0; i < n; i++) {
        struct step *s = &p->steps[i];
        s->hash = zset_hash(r, items[i].member);
        if (s->changes && s->there) s->old = table_find(&r->members, s->hash, zset_member_is, &items[i].member);
    }
    if (apply_root(r, p, items, n) && value_set_root(v, &r->root)) return true;
    zset_root_drop(r);
    return false;
}

bool zset_add(struct value *v, struct zset_add *items, size_t n, uint32_t flags) {
    struct plan p;
    bool done = true;
    if (v->txn->no_memory || !plan_begin(&p, n)) return false;
    plan_items(&p, v, items, n, flags);
    if (p.changes) {
        done = v->root ? apply_root(zset_root(v), &p, items, n) :
            p.grows ? apply_grown(v, &p, items, n) : apply_packed(v, &p, items, n);
    }
    mem_free(p.memory);
    return done;
}

// ---- building ----------------------------------------------------------------------------------------------------------------

static bool build_packed(struct value *v, const struct zset_item *items, size_t n) {
    size_t size = PACKED_EMPTY;
    for (size_t i = 0; i < n; i++) size += zset_packed_size(items[i].score, items[i].member);
    char *p = value_resize(v, size, 0);
    if (!p) return false;
    packed_init(p);
    for (size_t i = 0; i < n; i++) zset_packed_insert(p, packed_end(p), items[i].score, items[i].member);
    return true;
}

bool zset_build(struct value *v, const struct zset_item *items, size_t n) {
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) longest = MAX(longest, items[i].member.n);
    if (fits_packed(v, n, longest)) return build_packed(v, items, n);
    struct slab *nodes = value_nodes(v);
    struct zset_root *r = nodes ? zset_root_new(nodes, value_seed(v)) : NULL;
    if (!r) return false;
    for (size_t i = 0; i < n; i++) {
        if (zset_root_add(r, items[i].member, items[i].score, zset_hash(r, items[i].member))) continue;
        zset_root_drop(r);
        return false;
    }
    return value_set_root(v, &r->root);
}
