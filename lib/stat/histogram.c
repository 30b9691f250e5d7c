// See histogram.h.
#include "stat/histogram.h"

uint64_t histogram_value(uint32_t bucket) {
    if (bucket < 2 * HISTOGRAM_SUB) return bucket;
    uint32_t shift = bucket / HISTOGRAM_SUB - 1;
    uint64_t first = (uint64_t)(bucket % HISTOGRAM_SUB + HISTOGRAM_SUB) << shift;
    return first + (UINT64_C(1) << shift) / 2;
}

uint64_t histogram_above(uint32_t bucket) {
    if (bucket < 2 * HISTOGRAM_SUB) return bucket + 1;
    return (uint64_t)(bucket % HISTOGRAM_SUB + HISTOGRAM_SUB + 1) << (bucket / HISTOGRAM_SUB - 1);
}

void histogram_add(struct histogram *h, uint64_t ns, uint64_t weight, bool alone) {
    stat_add(&h->bucket[histogram_bucket(ns)], weight, alone);
    stat_add(&h->count, weight, alone);
    stat_add(&h->sum, ns * weight, alone);
    uint64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
    while (ns > max && !atomic_compare_exchange_weak_explicit(&h->max, &max, ns, memory_order_relaxed, memory_order_relaxed)) { }
}

void histogram_clear(struct histogram *h) {
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) atomic_store_explicit(&h->bucket[i], 0, memory_order_relaxed);
    atomic_store_explicit(&h->count, 0, memory_order_relaxed);
    atomic_store_explicit(&h->sum, 0, memory_order_relaxed);
    atomic_store_explicit(&h->max, 0, memory_order_relaxed);
}

void histogram_copy_add(struct histogram_copy *to, const struct histogram *from) {
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&from->bucket[i], memory_order_relaxed);
        if (!n) continue;
        to->bucket[i] += n;
        to->count += n;
    }
    to->sum += atomic_load_explicit(&from->sum, memory_order_relaxed);
    to->max = MAX(to->max, atomic_load_explicit(&from->max, memory_order_relaxed));
}

uint64_t histogram_percentile(const struct histogram_copy *h, double p) {
    double want = (double)h->count * p / 100;
    uint64_t rank = (uint64_t)want, seen = 0;
    if ((double)rank < want || rank == 0) rank++;
    rank = MIN(rank, h->count);
    if (rank == 0) return 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= rank) return MIN(histogram_value(i), h->max);
    }
    return h->max;
}

uint64_t histogram_up_to(const struct histogram_copy *h, uint64_t ns) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && histogram_above(i) <= ns + 1; i++) n += h->bucket[i];
    return n;
}
