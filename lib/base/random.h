// A small, fast generator for choices that need no secrecy (xoshiro256**, Blackman and Vigna 2018), and the system's entropy for those that do.
#ifndef KORA_BASE_RANDOM_H
#define KORA_BASE_RANDOM_H

#include "base/base.h"

struct random {
    uint64_t s[4];
};

void random_seed(struct random *r, uint64_t seed); // expanded by SplitMix64, so that any seed is a good one
uint64_t random_next(struct random *r);
uint64_t random_below(struct random *r, uint64_t n); // 0 <= result < n, unbiased; n > 0
bool random_entropy(void *p, size_t n);              // false: the system gave none

#endif
