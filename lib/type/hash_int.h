// The root of a large hash: a table of fields, and a heap of those that expire.
#ifndef KORA_TYPE_HASH_INT_H
#define KORA_TYPE_HASH_INT_H

#include "ds/table.h"
#include "type/hash.h"

// A field with its value, in one allocation:
//
//     struct field (3 bytes) | i64 expiry, u32 place in the heap (only with FIELD_EXPIRES) | u32, u32 lengths (only with FIELD_LONG) | name | value
//
// Nothing in it is aligned.
enum { FIELD_EXPIRES = 1 << 0, FIELD_LONG = 1 << 1, FIELD_PICKED = 1 << 2 /* by a sample under way */ };
enum { FIELD_EXPIRY_SIZE = 12, FIELD_LENGTHS_SIZE = 8, FIELD_SHORT_MAX = 255 };

struct field {
    uint8_t flags, name_len, value_len;
    char data[];
};

static inline size_t field_head(uint8_t flags) {
    return sizeof(struct field) + (flags & FIELD_EXPIRES ? FIELD_EXPIRY_SIZE : 0) + (flags & FIELD_LONG ? FIELD_LENGTHS_SIZE : 0);
}
static inline struct slice field_name(const struct field *f) {
    uint32_t n = f->name_len;
    const char *p = (const char *)f + field_head(f->flags);
    if (unlikely(f->flags & FIELD_LONG)) memcpy(&n, p - 8, sizeof n);
    return (struct slice){ p, n };
}
static inline struct slice field_value(const struct field *f) {
    struct slice name = field_name(f);
    uint32_t n = f->value_len;
    if (unlikely(f->flags & FIELD_LONG)) memcpy(&n, name.p - 4, sizeof n);
    return (struct slice){ name.p + name.n, n };
}
static inline int64_t field_expiry(const struct field *f) {
    int64_t at = 0;
    if (unlikely(f->flags & FIELD_EXPIRES)) memcpy(&at, f->data, sizeof at);
    return at;
}
static inline size_t field_size(const struct field *f) {
    struct slice v = field_value(f);
    return (size_t)(v.p + v.n - (const char *)f);
}

// ---- the heap: fields that expire, the earliest on top (hash_heap.c) ------------------------------------------------------------

enum { HEAP_PAGE = 512, HEAP_PAGE_FIRST = 8 }; // fields in a page; in the first one at the start, which doubles until it is a whole one

struct heap {
    struct field ***pages;
    uint32_t count;
    uint32_t page_count, page_room; // pages; places for them
    uint32_t first_room;            // places in the first page
};

static inline struct field **heap_place(const struct heap *h, uint32_t i) { return &h->pages[i / HEAP_PAGE][i % HEAP_PAGE]; }
static inline struct field *heap_top(const struct heap *h) { return h->count ? *heap_place(h, 0) : NULL; }
bool heap_reserve(struct heap *h, struct slab *s, size_t more); // room for so many more. False: no memory
void heap_push(struct heap *h, struct field *f);                // there is room
void heap_remove(struct heap *h, struct slab *s, const struct field *f);
void heap_exchange(struct heap *h, const struct field *from, struct field *to); // `to` has its own expiry
uint64_t heap_count_due(const struct heap *h, int64_t now_ms);
bool heap_free(struct heap *h, struct slab *s, size_t budget); // some pages; true: all is gone
size_t heap_memory(const struct heap *h);
void heap_check(const struct heap *h);

// ---- the root (hash_root.c) ------------------------------------------------------------------------------------------------------

struct hash {
    struct root root;
    struct table fields;
    struct heap due;
    size_t field_bytes;  // of all fields, as the slab rounds them
    uint64_t free_cursor; // while it is being freed
    bool emptied;
};

static inline struct hash *hash_of(const struct root *r) { return CONTAINER_OF(r, struct hash, root); }
static inline uint64_t hash_of_name(const struct hash *h, struct slice name) { return hash_bytes(h->fields.ctx, name.p, name.n); }
static inline bool field_has_name(const void *entry, const void *key) {
    const struct slice *name = key;
    prefetch((const char *)entry + 48); // the value is wanted next, and may be in another line
    struct slice have = field_name(entry);
    return likely(have.n == name->n) && likely(bytes_equal(have.p, name->p, have.n));
}
static inline struct field *hash_look(const struct hash *h, uint64_t hash, struct slice name) {
    return table_find(&h->fields, hash, field_has_name, &name);
}

// Brings the fields of up to HASH_AHEAD names into the cache, if there are so many fields that they are not there.
enum { HASH_AHEAD_MIN = 1000 };
void hash_prefetch(const struct hash *h, const struct slice *names, size_t stride, size_t count);

struct hash *hash_create(struct slab *nodes, const struct hash_key *seed); // NULL: no memory
bool hash_free(struct slab *nodes, struct root *r, size_t budget);
struct root *hash_copy(struct slab *nodes, const struct root *r);
size_t hash_memory(const struct root *r);
void hash_root_check(const struct hash *h);

// Sets fields to values (`args`: name, value ...) or only to an expiry (args: names, all there). All or nothing. False: no memory.
bool hash_change(struct hash *h, const struct slice *args, size_t count, bool with_values, int64_t at_ms, size_t *added);
void hash_drop(struct hash *h, uint64_t hash, struct field *f); // takes a field out and frees it

#endif
