// The hot keys of one shard's stripes, told from samples of calls.
//
// For each kind (reads, writes, bytes) a Count-Min sketch (Cormode and Muthukrishnan 2005; with conservative update: Estan and Varghese 2002) counts
// every key that is not on the list, and a min-heap lists those with the largest counts, with their names. A key on the list is counted there
// alone, exactly from the moment it came (an augmented sketch: Roy, Khan and Alonso 2016): what other keys have added to its cells can blur no more than
// the count that it came with, which fades. When another overtakes the smallest of the list, that one's count goes to the sketch.
//
// Counts fade by half in HOT_HALF_LIFE_S, so they tell of lately. Instead of all counts being made smaller all the time, new ones are made larger (forward
// decay: Cormode, Shkapenyuk, Srivastava and Xu 2009): a sample at time t counts 2^((t - base) / half life); a count divided by that factor of now is what it has
// faded to. Before the factor gets too large all counts are divided by it, and `base` moves: every twenty minutes, some 50,000 numbers.
//
// One thread at a time (guard.h); memory is fixed, below 256 KB.
#ifndef KORA_STAT_HOT_H
#define KORA_STAT_HOT_H

#include "stat/stat.h"

enum { HOT_ROWS = 4, HOT_CELLS = 4096, HOT_LISTED = 96, HOT_INDEX = 256 };

struct hot_item {
    uint64_t id; // hash of the key and its database
    float count;
    uint32_t place; // in the heap
    uint32_t db;
    uint32_t len; // of the key; more than HOT_NAME_MAX: only so much is here
    char name[HOT_NAME_MAX];
};
struct hot_kind {
    float cell[HOT_ROWS][HOT_CELLS];
    struct hot_item item[HOT_LISTED];
    uint8_t heap[HOT_LISTED];  // numbers of items, the smallest count first
    uint8_t index[HOT_INDEX];  // by id: number of an item, plus 1
    uint32_t count;            // items
};
struct hot {
    struct guard guard;
    int64_t base_ns, first_ns; // 0: nothing was ever counted
    int64_t factor_ns;         // `factor` is that of this time
    double factor;
    struct hot_kind kind[HOT_KINDS];
};
_Static_assert(sizeof(struct hot) <= 256 * 1024, "what a shard may spend on hot keys");
_Static_assert(HOT_LISTED < 255 && HOT_INDEX >= 2 * HOT_LISTED, "struct hot_kind");

// Counts `weight` (calls, or bytes) for a key. The guard is held.
void hot_add(struct hot *h, enum hot_by by, uint64_t id, uint32_t db, struct slice name, double weight, int64_t now_ns);
// Those of the list, in no order, with their rates; how many.
size_t hot_list(struct hot *h, enum hot_by by, int64_t now_ns, struct stat_hot_key out[HOT_LISTED]);
void hot_clear(struct hot *h);
static inline uint64_t hot_id(uint64_t hash, uint32_t db) { return (hash ^ (uint64_t)db * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u; }

#endif
