// A key with its value, in one allocation of a stripe's slab:
//
//     struct entry (8 bytes) | struct wheel_node (24, only with an expiry) | u32 key length (only above 254) | key | value
//
// The value part depends on the form: bytes of a string or of a small collection, an 8-byte integer, the address of a blob (such bytes, counted, when
// they are too many to be inline) or of a collection's root. Entries are touched only under their stripe's lease and move when they change size: never keep a
// pointer to one beyond the call that gave it.
#ifndef KORA_TYPE_ENTRY_H
#define KORA_TYPE_ENTRY_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/num.h"
#include "ds/slab.h"
#include "ds/wheel.h"
#include "type/blob.h"

enum value_type {
#define X(symbol, name) TYPE_##symbol,
#include "type/types.def"
#undef X
    TYPE_COUNT
};

enum value_form {
    FORM_BYTES, // inline: a string, or a packed collection
    FORM_INT,   // string that is the canonical text of a 64-bit integer
    FORM_BLOB,  // pointer to struct blob
    FORM_ROOT,  // pointer to struct root of a collection (value.h)
};

enum {
    ENTRY_EXPIRES = 1 << 0,
    ENTRY_LONG_KEY = 1 << 1,
    ENTRY_EDITED = 1 << 2, // a string changed in place (APPEND, SETRANGE): Redis calls its encoding "raw"
    ENTRY_INTSET = 1 << 3, // a packed set is an integer set (ds/intset.h)
    ENTRY_VALUE_FLAGS = ENTRY_EDITED | ENTRY_INTSET, // those that go with the value
    ENTRY_MARK_SHIFT = 4, ENTRY_MARK_MAX = 7,        // number of a snapshot that has nothing to do with it any more (stripe/snapshot.h); 0: none
    ENTRY_MARK = ENTRY_MARK_MAX << ENTRY_MARK_SHIFT,
};

enum { ENTRY_ACCESS_BITS = 24 };
enum { ENTRY_SIZE_MAX = SLAB_SMALL_MAX, ENTRY_KEY_SHORT_MAX = 254 };

struct root;

struct entry {
    uint32_t access : ENTRY_ACCESS_BITS; // LRU: seconds; LFU: 16 bits of minutes, 8 bits of logarithmic counter (Redis's lru field)
    uint32_t type : 4;    // enum value_type
    uint32_t form : 4;    // enum value_form
    uint8_t flags;
    uint8_t key_len;      // 255: ENTRY_LONG_KEY
    uint16_t value_len;   // of the inline value part
};

_Static_assert(TYPE_STRING == 0 && FORM_BYTES == 0 && sizeof(struct entry) == 8, "see entry_is_plain");

static inline size_t entry_head_size(uint8_t flags) {
    return sizeof(struct entry) + ((flags & ENTRY_EXPIRES) ? sizeof(struct wheel_node) : 0) +
        ((flags & ENTRY_LONG_KEY) ? sizeof(uint32_t) : 0);
}
static inline struct wheel_node *entry_wheel_node(const struct entry *e) { return (struct wheel_node *)(uintptr_t)(e + 1); }
static inline unsigned entry_mark(const struct entry *e) { return (unsigned)(e->flags & ENTRY_MARK) >> ENTRY_MARK_SHIFT; }
static inline void entry_set_mark(struct entry *e, unsigned mark) { e->flags = (uint8_t)((e->flags & ~(unsigned)ENTRY_MARK) | mark << ENTRY_MARK_SHIFT); }
static inline bool entry_expires(const struct entry *e) { return e->flags & ENTRY_EXPIRES; }
// Unix time in ms; 0: none.
static inline int64_t entry_expire_at(const struct entry *e) { return entry_expires(e) ? entry_wheel_node(e)->at_ms : 0; }
static inline struct entry *entry_of_wheel_node(struct wheel_node *n) { return (struct entry *)(void *)n - 1; }

static inline struct slice entry_key(const struct entry *e) {
    const char *p = (const char *)e + entry_head_size(e->flags);
    uint32_t n = e->key_len;
    if (unlikely(e->flags & ENTRY_LONG_KEY)) memcpy(&n, p - sizeof n, sizeof n);
    return (struct slice){ p, n };
}
static inline char *entry_value(const struct entry *e) {
    struct slice k = entry_key(e);
    return (char *)(uintptr_t)(k.p + k.n);
}
// Plain is what most entries are: an inline string, no expiry, a short key. Seen at once where bit-fields begin with the lowest bit: type, form, flags
// and key_len are neighbours, and the first three are 0.
static inline bool entry_is_plain(const struct entry *e, size_t key_len) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (load_word((const char *)e) >> ENTRY_ACCESS_BITS & 0xffffff) == key_len << 16;
#else
    return (e->type | e->form | e->flags) == 0 && e->key_len == key_len;
#endif
}
static inline void entry_plain_used(struct entry *e, uint32_t access) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(e, &access, sizeof access); // beside it are 0
#else
    e->access = access & ((1u << ENTRY_ACCESS_BITS) - 1);
#endif
}
static inline size_t entry_size(const struct entry *e) { return (size_t)(entry_value(e) - (const char *)e) + e->value_len; }
static inline struct blob *entry_blob(const struct entry *e) {
    struct blob *b;
    memcpy(&b, entry_value(e), sizeof b);
    return b;
}
static inline struct root *entry_root(const struct entry *e) {
    struct root *r;
    memcpy(&r, entry_value(e), sizeof r);
    return r;
}
static inline int64_t entry_int(const struct entry *e) {
    int64_t n;
    memcpy(&n, entry_value(e), sizeof n);
    return n;
}
// The bytes of a string, whatever its form; an integer is written into `number`. Valid while the lease is held and nothing changes.
static inline struct slice entry_string(const struct entry *e, char number[NUM_INT_MAX]) {
    if (likely(e->form == FORM_BYTES)) return (struct slice){ entry_value(e), e->value_len };
    if (e->form == FORM_INT) return (struct slice){ number, num_format_int(entry_int(e), number) };
    struct blob *b = entry_blob(e);
    return (struct slice){ b->data, b->len };
}
// Its length without formatting.
size_t entry_string_len(const struct entry *e);
// As OBJECT ENCODING names it.
const char *entry_encoding(const struct entry *e);
const char *value_type_name(enum value_type type);
// Bytes that key and value take, with their overhead (MEMORY USAGE).
size_t entry_memory(const struct entry *e);

#endif
