// Sorted sets: members, each with a score, in the order of (score, bytes of the member).
//
// Small ones are packed (zset_packed.h). Above the thresholds of the settings a root has
//
//     order   a counted tree (ds/tree.h) of members
//     members a hash table (ds/table.h) of the same members, by their bytes
//     member  score, length and bytes in one allocation
//
// No score is a NaN. A score may be -0, which is equal to 0, but for that packed ones don't keep it.
//
// All functions take a value that is there, or not (an empty set). One that has become empty is the caller's to delete (value_delete).
#ifndef KORA_TYPE_ZSET_H
#define KORA_TYPE_ZSET_H

#include "ds/tree.h"
#include "type/value.h"
#include "type/zset_packed.h"

struct zset_item {
    struct slice member;
    double score;
};

// ---- looking -----------------------------------------------------------------------------------------------------------------

uint64_t zset_count(const struct value *v);
bool zset_score(const struct value *v, struct slice member, double *score); // false: it is not there
bool zset_rank(const struct value *v, struct slice member, uint64_t *rank, double *score);
// Scores of several at once: hashes first, so that their buckets arrive together. NaN: it is not there.
enum { ZSET_SCORES_MAX = 16 };
void zset_scores(const struct value *v, const struct slice *members, size_t n, double *scores);
// Any of them, equally likely. The value isn't empty. An integer is written into `number`.
struct zset_item zset_random(const struct value *v, char number[NUM_INT_MAX]);

// A walk, in order. What an iterator shows is valid until it steps or the value changes.
struct zset_iter {
    struct zset_item item;
    const char *p; // NULL: a root
    size_t at;
    struct tree_at node;
    char number[NUM_INT_MAX];
};
bool zset_iter_at(struct zset_iter *it, const struct value *v, uint64_t rank); // false: rank >= count
bool zset_iter_next(struct zset_iter *it);
bool zset_iter_previous(struct zset_iter *it);

// Visits in the order of table_scan, from a cursor on; a packed one at once. Returns the next cursor, 0 at the end.
typedef void zset_visit_fn(void *arg, const struct zset_item *item);
uint64_t zset_scan(const struct value *v, uint64_t cursor, size_t max, zset_visit_fn *visit, void *arg);

// Which part of the order: by scores, or (meant where all scores are equal) by members.
struct zset_bound {
    double score;
    struct slice member;
    int endless;    // by members: -1 before all, 1 behind all
    bool exclusive;
};
struct zset_bounds {
    bool by_member;
    struct zset_bound min, max;
};
// How many are within, and the rank of the first of them. `backwards` matters only by members where scores differ: it says from which end they are
// looked for.
uint64_t zset_span(const struct value *v, const struct zset_bounds *b, bool backwards, uint64_t *from);

// ---- changing ------------------------------------------------------------------------------------------------------------------

enum { ZSET_NX = 1 << 0, ZSET_XX = 1 << 1, ZSET_GT = 1 << 2, ZSET_LT = 1 << 3 }; // flags of ZADD
enum zset_outcome { ZSET_NOTHING, ZSET_ADDED, ZSET_UPDATED };

struct zset_add {
    struct slice member; // not of this value
    double score;
    enum zset_outcome outcome;
};
// What ZADD does, item by item; `outcome` tells. False: no memory, nothing changed.
bool zset_add(struct value *v, struct zset_add *items, size_t n, uint32_t flags);
// The whole of a detached value that is not there yet: n > 0 items in order, each once. False: no memory, nothing changed.
bool zset_build(struct value *v, const struct zset_item *items, size_t n);
// Before members are removed from an attached value. False: no memory.
bool zset_open(struct value *v);
bool zset_remove(struct value *v, struct slice member); // false: it was not there
void zset_remove_span(struct value *v, uint64_t from, uint64_t n);

extern const struct value_kind value_kind_zset;

#endif
