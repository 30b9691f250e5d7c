// Sorting by rank and text: an array of (rank, place) in the order of rank, then of a text that each place has, then of place. So it is stable, and
// equal texts stay in the order of their places.
//
// Ranks are distributed byte by byte, from the lowest byte that differs anywhere (LSD radix sort). Where ranks are equal the next bytes of the texts become
// ranks in their turn, in each run of equals by itself. No comparison is made but in runs of a few.
#ifndef KORA_DS_RANKED_H
#define KORA_DS_RANKED_H

#include "base/base.h"
#include "base/num.h"

struct ranked {
    uint64_t rank, place;
};

// The text of a place; `number` is room for one that is to be made. p NULL: it has none, which is before all texts.
typedef struct slice ranked_text_fn(void *arg, uint64_t place, char number[NUM_INT_MAX]);

struct ranked_order {
    ranked_text_fn *text; // NULL: equal ranks are equal
    void *arg;
    bool texts_only;      // by text alone: ranks are made here
    bool down;            // the reverse (but for places)
};

// Sorts r[0..n); `room` is as large. Ranks are what they were afterwards (texts_only: something).
void ranked_sort(const struct ranked_order *o, struct ranked *r, struct ranked *room, size_t n);
// Sorts only so far that r[0..first) is what it would be after ranked_sort; what is behind is any of the others, some of them more than once.
void ranked_sort_first(const struct ranked_order *o, struct ranked *r, struct ranked *room, size_t n, size_t first);

// A rank that orders doubles (no NaN); 0 and -0 are equal.
static inline uint64_t rank_of_double(double d) {
    uint64_t bits;
    d += 0.0; // -0 becomes 0
    memcpy(&bits, &d, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

#endif
