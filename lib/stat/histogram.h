// Histograms of times: log-linear buckets of a fixed number, as those of HdrHistogram (Tene): exact up to 127 ns, and above that 64 buckets for each
// power of two, up to 137 s. A value is told as the middle of its bucket, at most 1/128 (0.8 %) away from it.
//
// Counters are relaxed atomics: one writer stores them plainly (`alone`), several add. Readers take a copy, in which every counter is what it was at some
// instant. What is counted are weights: a sample that stands for twenty calls counts twenty.
#ifndef KORA_STAT_HISTOGRAM_H
#define KORA_STAT_HISTOGRAM_H

#include <stdatomic.h>

#include "base/base.h"

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = 2048 };

struct histogram {
    _Atomic uint32_t epoch; // of the last reset (stat.h) that it has seen
    _Atomic uint64_t count, sum, max; // sum in ns, of the values themselves
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
};

struct histogram_copy {
    uint64_t count, max; // max is exact, but for what was not sampled
    uint64_t sum;
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t ns) {
    if (ns < 2 * HISTOGRAM_SUB) return (uint32_t)ns;
    uint32_t shift = 57 - (uint32_t)__builtin_clzll(ns); // so that 64 to 127 are left
    uint64_t i = (uint64_t)shift * HISTOGRAM_SUB + (ns >> shift);
    return i < HISTOGRAM_BUCKETS ? (uint32_t)i : HISTOGRAM_BUCKETS - 1;
}
uint64_t histogram_value(uint32_t bucket); // the middle of it
uint64_t histogram_above(uint32_t bucket); // the first value above it

static inline void stat_add(_Atomic uint64_t *n, uint64_t by, bool alone) {
    if (alone) atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
    else atomic_fetch_add_explicit(n, by, memory_order_relaxed);
}
void histogram_add(struct histogram *h, uint64_t ns, uint64_t weight, bool alone);
void histogram_clear(struct histogram *h); // whoever writes it
void histogram_copy_add(struct histogram_copy *to, const struct histogram *from);
// The value that p percent of what was counted do not exceed; 0: nothing was counted.
uint64_t histogram_percentile(const struct histogram_copy *h, double p);
// How many do not exceed ns, as far as buckets can tell.
uint64_t histogram_up_to(const struct histogram_copy *h, uint64_t ns);

#endif
