// What the files of sorted sets share: their roots.
#ifndef KORA_TYPE_ZSET_INT_H
#define KORA_TYPE_ZSET_INT_H

#include "ds/table.h"
#include "type/zset.h"

enum { MEMBER_LONG = 255 };

// score | u8 length | bytes, and where the length is MEMBER_LONG: | u32 length | bytes
struct member {
    double score;
    uint8_t len;
    char bytes[];
};

struct zset_root {
    struct root root;
    struct table members; // by name; its ctx is what hashes are keyed with
    struct tree order;
    size_t bytes;         // of members, as the slab rounds them
    uint64_t freeing;     // where freeing the members goes on
};

static inline uint64_t zset_word(const struct member *m) { return tree_word_double(m->score); }
static inline struct zset_root *zset_root(const struct value *v) { return (struct zset_root *)v->root; }
static inline size_t zset_member_size(size_t n) { return offsetof(struct member, bytes) + (n >= MEMBER_LONG ? sizeof(uint32_t) : 0) + n; }
static inline struct slice zset_member_name(const struct member *m) {
    if (likely(m->len < MEMBER_LONG)) return (struct slice){ m->bytes, m->len };
    uint32_t n;
    memcpy(&n, m->bytes, sizeof n);
    return (struct slice){ m->bytes + sizeof n, n };
}
static inline uint64_t zset_hash(const struct zset_root *r, struct slice name) { return hash_bytes(r->members.ctx, name.p, name.n); }

// Before a member (NULL: it is new) changes, comes or goes.
static inline void zset_will_change(struct zset_root *r, uint64_t hash, struct slice name, const struct member *m) {
    if (unlikely(r->root.imaged)) root_item_changes(&r->root, hash, name, m);
}

bool zset_member_is(const void *entry, const void *key); // key: its name, a slice
int zset_compare(const void *item, const void *key);     // key: a member, too
// The tree's functions, with the member itself as the key.
static inline bool zset_order_insert(struct zset_root *r, struct member *m) { return tree_insert(&r->order, zset_compare, m, zset_word(m), m); }
static inline void zset_order_remove(struct zset_root *r, const struct member *m) { tree_remove(&r->order, zset_compare, m, zset_word(m)); }
static inline struct tree_at zset_order_find(const struct zset_root *r, const struct member *m, uint64_t *rank) {
    return tree_find(&r->order, zset_compare, m, zset_word(m), rank);
}
struct member *zset_member_new(struct zset_root *r, struct slice name, double score); // in neither table nor tree. NULL: no memory
void zset_member_free(struct zset_root *r, struct member *m);
struct zset_root *zset_root_new(struct slab *nodes, const struct hash_key *seed);      // NULL: no memory
void zset_root_drop(struct zset_root *r); // with all that is in it, at once
// A member that is not in it. NULL: no memory, nothing changed.
struct member *zset_root_add(struct zset_root *r, struct slice name, double score, uint64_t hash);

#endif
