// Sets: unordered members, each once. A set is, the smallest of these that it may be (Redis 7.2's rule; it never goes back):
//
//   an integer set (ds/intset.h)   all members are integers, up to set-max-intset-entries
//   a packed list (ds/packed.h)    up to set-max-listpack-entries, none longer than set-max-listpack-value
//   a root: a hash table of members, each in an allocation of its own with its length
//
// OBJECT ENCODING calls them intset, listpack and hashtable. A set that is there has a member: who takes out the last one deletes the value.
//
// Members come and go in batches, so that the cache lines which a look-up needs are fetched side by side. A member's bytes, as they are handed out,
// stay valid until the set that they are from is changed.
#ifndef KORA_TYPE_SET_H
#define KORA_TYPE_SET_H

#include "type/value.h"

extern const struct value_kind value_kind_set;

enum { SET_BATCH = 32 };

struct set_member {
    struct slice text; // p NULL: `number`, whose text has not been made (set_text)
    int64_t number;
    uint64_t hash;     // of the text; set if batch.hashed
    uint32_t place;    // its own among batch.digits
};
struct set_batch {
    size_t n;
    bool hashed;
    struct set_member m[SET_BATCH];
    char digits[SET_BATCH][NUM_INT_MAX];
};

// Its text; an integer's is valid as long as the batch.
static inline struct slice set_text(struct set_batch *b, struct set_member *m) {
    if (!m->text.p) m->text = slice_of(b->digits[m->place], num_format_int(m->number, b->digits[m->place]));
    return m->text;
}
static inline void set_batch_clear(struct set_batch *b) { b->n = 0, b->hashed = false; }
// There is room.
static inline void set_batch_add(struct set_batch *b, struct slice text, int64_t number) {
    b->m[b->n] = (struct set_member){ .text = text, .number = number, .place = (uint32_t)b->n };
    b->n++;
}

// ---- reading ---------------------------------------------------------------------------------------------------------------

uint64_t set_count(const struct value *v); // 0 if it is not there
bool set_has(const struct value *v, struct slice member);
void set_has_each(const struct value *v, const struct slice *members, size_t n, bool *has); // n <= SET_BATCH
// Leaves in the batch those members that v has (present) or has not.
void set_sift(const struct value *v, struct set_batch *b, bool present);

// Visits all members in batches, which the visitor may change. It returns false to see no more.
typedef bool set_visit_fn(void *arg, struct set_batch *b);
void set_visit(const struct value *v, set_visit_fn *visit, void *arg);
// Visits in portions: from `cursor` on (0: the start), about `max` members. Returns where to go on, 0: the end. A member that is there from the
// first call to the last is visited at least once. (What is not a root is visited at once.)
uint64_t set_scan(const struct value *v, uint64_t cursor, size_t max, set_visit_fn *visit, void *arg);

// Chance. A pick is a member of this set, until the set changes.
typedef uintptr_t set_pick;
// n members, each anew any of them; n <= SET_BATCH.
void set_pick_any(const struct value *v, size_t n, set_pick *picks);
// n different members, n <= set_count.
void set_pick_different(const struct value *v, size_t n, set_pick *picks);
// Puts them into the batch; n <= SET_BATCH.
void set_picked(const struct value *v, const set_pick *picks, size_t n, struct set_batch *b);

// ---- changing --------------------------------------------------------------------------------------------------------------

// Adds members, or, without memory, none (KORA_NOMEM). *added: how many were not there.
int set_add(struct value *v, const struct slice *members, size_t n, size_t *added);
// Adds a batch to a detached value, and leaves in the batch those that were not there. False: no memory, some may have been added.
bool set_add_batch(struct value *v, struct set_batch *b);

// Before members are removed from an attached value. False: no memory.
bool set_open(struct value *v);
// How many were there. These never fail; if that was all, the value is to be deleted next.
size_t set_remove(struct value *v, const struct slice *members, size_t n);
size_t set_remove_batch(struct value *v, struct set_batch *b);
void set_remove_picked(struct value *v, const set_pick *picks, size_t n); // as set_pick_different gave them, all of them

#endif
