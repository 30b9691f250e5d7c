// What set.c and set_visit.c know of sets with a root.
//
// A member is one allocation: its length in a byte, or 255 and the length in four bytes, then its bytes. All tables of a database hash with the same
// key, so a member's hash is the same in every set.
#ifndef KORA_TYPE_SET_INT_H
#define KORA_TYPE_SET_INT_H

#include "ds/intset.h"
#include "ds/packed.h"
#include "ds/table.h"
#include "type/set.h"

struct set_root {
    struct root root;
    struct table table;
    size_t bytes;     // of members, as the slab rounds them
    uint64_t freeing; // table_free_walk's cursor
};

enum { MEMBER_SHORT_MAX = 254 };

static inline struct set_root *set_root_of(const struct value *v) { return (struct set_root *)v->root; }

static inline size_t member_size(size_t len) { return (len <= MEMBER_SHORT_MAX ? 1 : 1 + sizeof(uint32_t)) + len; }

static inline struct slice member_text(const void *member) {
    const unsigned char *p = member;
    if (likely(*p <= MEMBER_SHORT_MAX)) return slice_of(p + 1, *p);
    uint32_t len;
    memcpy(&len, p + 1, sizeof len);
    return slice_of(p + 1 + sizeof len, len);
}

static inline bool member_is(const void *member, const void *key) {
    const struct slice *text = key;
    struct slice have = member_text(member);
    return likely(have.n == text->n) && likely(bytes_equal(have.p, text->p, have.n));
}

// The member with this text, or NULL.
static inline void *set_root_find(const struct set_root *r, uint64_t hash, const struct slice *text) {
    return table_find(&r->table, hash, member_is, text);
}

// Hashes the batch, and fetches what a look-up of each in r needs.
void set_prefetch(const struct set_root *r, const struct hash_key *seed, struct set_batch *b);

#endif
