// Large hashes, and all in which a field expires: a table (ds/table.h) of fields, each one allocation with its value, keyed by the hash of its name; and a
// heap (hash_heap.c) of those with an expiry. All of it is in one slab.
//
// A field that expires is in both, from the moment of its change; `due` of the root is the callers' (hash.c).
#include "base/mem.h"
#include "type/hash_int.h"

// ---- fields ----------------------------------------------------------------------------------------------------------------

static size_t size_of(uint8_t flags, struct slice name, struct slice value) { return field_head(flags) + name.n + value.n; }

static void copy_value(struct field *f, struct slice value) {
    char *to = (char *)(uintptr_t)field_value(f).p;
    if (value.n) memcpy(to, value.p, value.n);
}

static struct field *new_field(struct hash *h, struct slice name, struct slice value, int64_t at_ms) {
    bool is_long = name.n > FIELD_SHORT_MAX || value.n > FIELD_SHORT_MAX;
    if (name.n > UINT32_MAX || value.n > UINT32_MAX) return NULL; // proto-max-bulk-len may be set higher
    uint8_t flags = (uint8_t)((at_ms ? FIELD_EXPIRES : 0) | (is_long ? FIELD_LONG : 0));
    size_t size = size_of(flags, name, value);
    struct field *f = slab_alloc(h->fields.slab, size);
    if (!f) return NULL;
    *f = (struct field){ flags, is_long ? 0 : (uint8_t)name.n, is_long ? 0 : (uint8_t)value.n };
    if (at_ms) memcpy(f->data, &at_ms, sizeof at_ms);
    if (is_long) {
        uint32_t lengths[2] = { (uint32_t)name.n, (uint32_t)value.n };
        memcpy((char *)f + field_head(flags) - sizeof lengths, lengths, sizeof lengths);
    }
    if (name.n) memcpy((char *)f + field_head(flags), name.p, name.n);
    copy_value(f, value);
    h->field_bytes += slab_round(size);
    return f;
}

static void free_field(struct hash *h, struct field *f) {
    size_t size = field_size(f);
    h->field_bytes -= slab_round(size);
    slab_free(h->fields.slab, f, size);
}

static uint64_t hash_field(const void *ctx, const void *entry) {
    struct slice name = field_name(entry);
    return hash_bytes(ctx, name.p, name.n);
}

// ---- changes ---------------------------------------------------------------------------------------------------------------

// Most changes: one value, which fits where the old one is.
static bool set_in_place(struct field *f, struct slice name, struct slice value, int64_t at_ms) {
    if ((f->flags & FIELD_EXPIRES) && at_ms != HASH_KEEP_EXPIRY) return false;
    if (!(f->flags & FIELD_LONG) && value.n > FIELD_SHORT_MAX) return false;
    if (slab_round(field_size(f)) != slab_round(size_of(f->flags, name, value))) return false;
    if (f->flags & FIELD_LONG) {
        uint32_t n = (uint32_t)value.n;
        memcpy((char *)(uintptr_t)field_name(f).p - sizeof n, &n, sizeof n);
    } else {
        f->value_len = (uint8_t)value.n;
    }
    copy_value(f, value);
    return true;
}

void hash_prefetch(const struct hash *h, const struct slice *names, size_t stride, size_t count) {
    const struct table_bucket *buckets[HASH_AHEAD];
    uint64_t hashes[HASH_AHEAD];
    if (count < 2 || h->fields.count < HASH_AHEAD_MIN) return;
    count = MIN(count, (size_t)HASH_AHEAD);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of_name(h, names[i * stride]);
        buckets[i] = table_prefetch_bucket(&h->fields, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (buckets[i]) table_prefetch_entry(buckets[i], hashes[i]);
    }
}

static inline void will_change(struct hash *h, uint64_t hash, struct slice name, const struct field *f) {
    if (unlikely(h->root.imaged)) root_item_changes(&h->root, hash, name, f);
}

// A field that was put, and the one that it is instead of (NULL: of none). The latter is in the heap until the commit.
struct change {
    struct field *old, *new;
    uint64_t hash;
};

// c->hash and c->old are found already.
static bool put_one(struct hash *h, struct change *c, struct slice name, const struct slice *value, int64_t at_ms) {
    if (at_ms == HASH_KEEP_EXPIRY) at_ms = c->old ? field_expiry(c->old) : 0;
    invariant(value || c->old);
    c->new = new_field(h, name, value ? *value : field_value(c->old), at_ms);
    if (!c->new) return false;
    if (c->old ? table_replace(&h->fields, c->hash, c->old, c->new) : table_insert(&h->fields, c->hash, c->new)) return true;
    free_field(h, c->new);
    return false;
}

static void look_for(const struct hash *h, struct change *c, struct slice name) {
    c->hash = hash_of_name(h, name);
    c->old = hash_look(h, c->hash, name);
}

static void take_back(struct hash *h, struct change *c) {
    bool there = c->old ? table_replace(&h->fields, c->hash, c->new, c->old) : table_remove(&h->fields, c->hash, c->new);
    invariant(there);
    free_field(h, c->new);
}

// In the order of the changes: what one has put another may have replaced.
static void commit(struct hash *h, struct change *c) {
    bool had = c->old && (c->old->flags & FIELD_EXPIRES), has = c->new->flags & FIELD_EXPIRES;
    if (had && has) heap_exchange(&h->due, c->old, c->new);
    else if (had) heap_remove(&h->due, h->fields.slab, c->old);
    else if (has) heap_push(&h->due, c->new);
    if (c->old) free_field(h, c->old);
}

static bool change_one(struct hash *h, const struct slice *args, bool with_values, int64_t at_ms, size_t *added) {
    struct change c;
    look_for(h, &c, args[0]);
    will_change(h, c.hash, args[0], c.old);
    invariant(c.old || with_values);
    if (c.old && with_values && at_ms <= 0 && set_in_place(c.old, args[0], args[1], at_ms)) return true;
    if (!put_one(h, &c, args[0], with_values ? &args[1] : NULL, at_ms)) return false;
    *added = !c.old;
    commit(h, &c);
    return true;
}

static bool change_many(struct hash *h, struct change *c, const struct slice *args, size_t count, bool with_values, int64_t at_ms, size_t *added) {
    size_t done = 0, step = with_values ? 2 : 1;
    for (; done < count; done++) {
        const struct slice *name = &args[done * step];
        if (done % HASH_AHEAD == 0) hash_prefetch(h, name, step, count - done);
        look_for(h, &c[done], *name);
        will_change(h, c[done].hash, *name, c[done].old);
        if (!put_one(h, &c[done], *name, with_values ? name + 1 : NULL, at_ms)) break;
        *added += !c[done].old;
    }
    if (done == count) {
        for (size_t i = 0; i < count; i++) commit(h, &c[i]);
        return true;
    }
    while (done > 0) take_back(h, &c[--done]);
    return false;
}

bool hash_change(struct hash *h, const struct slice *args, size_t count, bool with_values, int64_t at_ms, size_t *added) {
    struct change few[16], *c = few;
    *added = 0;
    if (at_ms > 0 && !heap_reserve(&h->due, h->fields.slab, count)) return false;
    if (likely(count == 1)) return change_one(h, args, with_values, at_ms, added);
    if (count > ARRAY_LEN(few) && !(c = mem_alloc(count * sizeof *c))) return false;
    bool ok = change_many(h, c, args, count, with_values, at_ms, added);
    if (c != few) mem_free(c);
    return ok;
}

void hash_drop(struct hash *h, uint64_t hash, struct field *f) {
    will_change(h, hash, field_name(f), f);
    bool there = table_remove(&h->fields, hash, f);
    invariant(there);
    if (f->flags & FIELD_EXPIRES) heap_remove(&h->due, h->fields.slab, f);
    free_field(h, f);
}

// ---- as a whole ------------------------------------------------------------------------------------------------------------

struct hash *hash_create(struct slab *nodes, const struct hash_key *seed) {
    struct hash *h = slab_alloc(nodes, sizeof *h);
    if (!h) return NULL;
    memset(h, 0, sizeof *h);
    h->root.type = TYPE_HASH;
    table_init(&h->fields, nodes, hash_field, seed);
    return h;
}

static void free_visited(void *arg, void *entry) { free_field(arg, entry); }

enum { FIELDS_A_SEGMENT = 64 }; // at least, at the usual load

bool hash_free(struct slab *nodes, struct root *r, size_t budget) {
    struct hash *h = hash_of(r);
    if (!h->emptied) {
        h->free_cursor = table_free_walk(&h->fields, h->free_cursor, budget / FIELDS_A_SEGMENT + 1, free_visited, h);
        if (h->free_cursor) return false;
        invariant(h->field_bytes == 0);
        h->emptied = true;
    }
    if (!heap_free(&h->due, nodes, budget)) return false;
    slab_free(nodes, h, sizeof *h);
    return true;
}

struct copying {
    struct hash *to;
    bool failed;
};

static void copy_field(void *arg, void *entry) {
    struct copying *c = arg;
    const struct field *f = entry;
    size_t size = field_size(f);
    struct field *copy = c->failed ? NULL : slab_alloc(c->to->fields.slab, size);
    if (!copy || ((f->flags & FIELD_EXPIRES) && !heap_reserve(&c->to->due, c->to->fields.slab, 1)) ||
        !table_insert(&c->to->fields, hash_field(c->to->fields.ctx, f), memcpy(copy, f, size))) {
        if (copy) slab_free(c->to->fields.slab, copy, size);
        c->failed = true;
        return;
    }
    c->to->field_bytes += slab_round(size);
    if (f->flags & FIELD_EXPIRES) heap_push(&c->to->due, copy);
}

struct root *hash_copy(struct slab *nodes, const struct root *r) {
    const struct hash *h = hash_of(r);
    struct copying c = { .to = hash_create(nodes, h->fields.ctx) };
    if (!c.to) return NULL;
    table_walk(&h->fields, 0, SIZE_MAX, copy_field, &c);
    if (!c.failed) return &c.to->root;
    hash_free(nodes, &c.to->root, SIZE_MAX - FIELDS_A_SEGMENT);
    return NULL;
}

size_t hash_memory(const struct root *r) {
    const struct hash *h = hash_of(r);
    return slab_round(sizeof *h) + h->fields.bytes + h->field_bytes + heap_memory(&h->due);
}

struct tally {
    const struct hash *h;
    size_t bytes;
    uint32_t expiring;
};

static void check_field(void *arg, void *entry) {
    struct tally *t = arg;
    struct field *f = entry;
    struct slice name = field_name(f);
    t->bytes += slab_round(field_size(f));
    t->expiring += (f->flags & FIELD_EXPIRES) != 0;
    invariant(!(f->flags & FIELD_PICKED) && hash_look(t->h, hash_of_name(t->h, name), name) == f);
}

void hash_root_check(const struct hash *h) {
    struct tally t = { .h = h };
    table_check(&h->fields);
    heap_check(&h->due);
    table_walk(&h->fields, 0, SIZE_MAX, check_field, &t);
    invariant(t.bytes == h->field_bytes && t.expiring == h->due.count && h->fields.count > 0 && !h->emptied);
    invariant(h->root.due.at_ms == (h->due.count ? field_expiry(heap_top(&h->due)) : 0));
}
