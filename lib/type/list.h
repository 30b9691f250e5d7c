// Lists: sequences of strings.
//
// A small one is a packed list. One that exceeds list-max-listpack-size becomes a root with a deque of packed nodes (list_deque.c), and becomes packed
// again when removals leave half of that, in one node: as in Redis 7.2. These functions work on either, attached to a key or not.
#ifndef KORA_TYPE_LIST_H
#define KORA_TYPE_LIST_H

#include "ds/packed.h"
#include "ds/sequence.h"
#include "type/value.h"

enum list_end { LIST_FRONT, LIST_BACK };
static inline enum list_end list_other(enum list_end end) { return end == LIST_FRONT ? LIST_BACK : LIST_FRONT; }

// ---- reading -----------------------------------------------------------------------------------------------------------------

uint64_t list_count(const struct value *v); // 0 if it is not there

// An element's place: valid until the list changes.
struct list_at {
    const char *packed;       // the packed list that it is in; NULL: it has a node of its own
    size_t at;                // its position there
    struct slice plain;       // packed NULL: its bytes
    struct sequence_at nodes; // .of NULL: the value is packed
};

// The i-th element, from 0, or from -1 backwards. False: there is none.
bool list_seek(const struct value *v, int64_t i, struct list_at *at);
bool list_next(struct list_at *at);     // false: it was the last
bool list_previous(struct list_at *at); // false: it was the first
// Its bytes; an integer is written into `number`.
static inline struct slice list_get(const struct list_at *at, char number[NUM_INT_MAX]) {
    return likely(at->packed != NULL) ? packed_string(at->packed, at->at, number) : at->plain;
}
static inline bool list_equal(const struct list_at *at, struct slice s) {
    return likely(at->packed != NULL) ? packed_equal(at->packed, at->at, s) : slice_equal(at->plain, s);
}

// ---- changing: false is no memory, and nothing has changed ------------------------------------------------------------------------

// Before any of the changes below but list_push: what the value may share with a copy becomes its own. Places found before are not valid any more.
bool list_edit(struct value *v);

// Adds n elements at an end, one after the other (so at the front the last one is the first in the end). The value need not be there yet. The slices
// must not point into any value.
bool list_push(struct value *v, enum list_end end, const struct slice *s, size_t n);
// Removes n elements from the i-th on; i + n is not above their count. Without elements the value is deleted. Never fails.
void list_remove(struct value *v, uint64_t i, uint64_t n);
// Removes elements equal to s: all (max 0), or the first or last `max` of them. How many. Never fails.
uint64_t list_remove_equal(struct value *v, struct slice s, uint64_t max, bool from_back);
// Puts s in the place of an element, or before or behind it. No place is valid afterwards.
bool list_set(struct value *v, struct list_at *at, struct slice s);
bool list_insert(struct value *v, struct list_at *at, bool behind, struct slice s);
// Moves the last element of `from` to the other end; `s` is a copy of it that does not point into the value.
bool list_rotate(struct value *v, enum list_end from, struct slice s);

#endif
