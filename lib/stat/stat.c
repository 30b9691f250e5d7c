// Tallies, and what is told from them. See stat.h.
#include "stat/stat.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kora.h"
#include "stat/hot.h"
#include "stat/log_int.h"

// ---- life ------------------------------------------------------------------------------------------------------------------------------

static size_t times_bytes(const struct stats *s) { return ALIGN_UP(s->rows * sizeof(struct histogram), 4096); }

static bool make_slot(struct stats *s, uint32_t i) {
    struct stat_slot *slot = &s->slots[i];
    size_t bytes = s->rows * sizeof *slot->tally;
    slot->stats = s;
    slot->alone = i < s->shards;
    slot->tally = mem_alloc_aligned(bytes, CACHE_LINE);
    if (slot->tally) memset(slot->tally, 0, bytes);
    slot->times = mem_map(times_bytes(s), 4096);
    if (slot->times) mem_sparse(slot->times, times_bytes(s));
    return slot->tally && slot->times;
}

static bool make_parts(struct stats *s) {
    s->row = mem_alloc_zero(s->rows * sizeof *s->row);
    s->slots = mem_alloc_zero((s->shards + STAT_HOST_SLOTS) * sizeof *s->slots);
    s->stripe = mem_alloc_zero(s->stripes * sizeof *s->stripe);
    s->hot = mem_alloc_zero(s->shards * sizeof *s->hot);
    s->longest = mem_alloc_zero(s->shards * sizeof *s->longest);
    s->before = mem_alloc_zero(s->rows * sizeof *s->before);
    s->slow = slow_create();
    s->events = events_create();
    if (!s->row || !s->slots || !s->stripe || !s->hot || !s->longest || !s->before || !s->slow || !s->events) return false;
    for (uint32_t i = 0; i < s->shards + STAT_HOST_SLOTS; i++) {
        if (!make_slot(s, i)) return false;
    }
    for (uint32_t i = 0; i < s->shards; i++) {
        s->hot[i] = mem_map(ALIGN_UP(sizeof *s->hot[i], 4096), 4096); // takes no memory before there is something to count
        if (!s->hot[i]) return false;
    }
    return true;
}

int stats_create(uint32_t rows, uint32_t shards, uint32_t stripes, struct stats **out) {
    struct stats *s = mem_alloc_zero(sizeof *s);
    if (!s) return KORA_NOMEM;
    s->rows = rows;
    s->shards = shards;
    s->stripes = stripes;
    if (!make_parts(s)) {
        stats_destroy(s);
        return KORA_NOMEM;
    }
    *out = s;
    return KORA_OK;
}

void stats_destroy(struct stats *s) {
    if (!s) return;
    for (uint32_t i = 0; s->slots && i < s->shards + STAT_HOST_SLOTS; i++) {
        mem_free(s->slots[i].tally);
        if (s->slots[i].times) mem_unmap(s->slots[i].times, times_bytes(s));
    }
    for (uint32_t i = 0; s->hot && i < s->shards; i++) {
        if (s->hot[i]) mem_unmap(s->hot[i], ALIGN_UP(sizeof *s->hot[i], 4096));
    }
    slow_destroy(s->slow);
    events_destroy(s->events);
    mem_free(s->row);
    mem_free(s->slots);
    mem_free(s->stripe);
    mem_free(s->hot);
    mem_free(s->longest);
    mem_free(s->before);
    mem_free(s);
}

// ---- sampling --------------------------------------------------------------------------------------------------------------------------

static uint64_t mix(uint64_t x) { // SplitMix64's
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

enum { SAMPLER_WINDOW = 16, SAMPLER_MEAN_MAX = 1 << 14 };

// After a window of samples, or four times the time that one should take: by how much they came too fast or too slowly.
static uint32_t adapt(struct stat_sampler *s, uint32_t mean, int64_t now_ns, uint32_t a_second) {
    uint32_t taken = atomic_load_explicit(&s->taken, memory_order_relaxed) + 1;
    int64_t since = atomic_load_explicit(&s->since_ns, memory_order_relaxed), spent = now_ns - since, wanted = 1000000000 / a_second;
    if (taken < SAMPLER_WINDOW && spent < 4 * SAMPLER_WINDOW * wanted) {
        atomic_store_explicit(&s->taken, taken, memory_order_relaxed);
        return mean;
    }
    atomic_store_explicit(&s->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&s->since_ns, now_ns, memory_order_relaxed);
    if (!since) return mean;
    double better = (double)mean * (double)(taken * wanted) / (double)MAX(spent, 1);
    better = MIN(better, 4.0 * mean);
    return (uint32_t)MAX(1.0, MIN(better, (double)SAMPLER_MEAN_MAX));
}

uint32_t stat_sampler_take(struct stat_sampler *s, uint64_t n, int64_t now_ns, uint32_t a_second) {
    uint64_t at = atomic_load_explicit(&s->at, memory_order_relaxed);
    uint32_t mean = atomic_load_explicit(&s->mean, memory_order_relaxed), stands_for = mean ? mean : 1;
    // The distance is 1 to 2 * mean - 1, each as likely as the others: calls are samples with a chance of 1 / mean, and no period can hide behind that.
    uint64_t distance = mean > 1 ? 1 + mix(n ^ (uint64_t)(uintptr_t)s ^ (uint64_t)now_ns << 20) % (2 * (uint64_t)mean - 1) : 1;
    if (n < at || !atomic_compare_exchange_strong_explicit(&s->at, &at, n + distance, memory_order_relaxed, memory_order_relaxed)) return 0;
    atomic_store_explicit(&s->mean, adapt(s, stands_for, now_ns, a_second), memory_order_relaxed);
    return stands_for;
}

// ---- times -----------------------------------------------------------------------------------------------------------------------------

// The histogram of a command in a slot, empty of what was before the last reset.
static struct histogram *times_of(struct stat_slot *slot, uint32_t row) {
    uint32_t epoch = atomic_load_explicit(&slot->stats->epoch, memory_order_relaxed);
    struct histogram *h = &slot->times[row];
    if (unlikely(!atomic_load_explicit(&slot->tally[row].times, memory_order_relaxed))) atomic_store(&slot->tally[row].times, h);
    uint32_t has = atomic_load_explicit(&h->epoch, memory_order_relaxed);
    if (unlikely(has != epoch) && atomic_compare_exchange_strong(&h->epoch, &has, epoch)) histogram_clear(h);
    return h;
}

void stat_time(struct stat_slot *slot, uint32_t row, uint64_t ns, uint64_t weight) {
    histogram_add(times_of(slot, row), ns, weight, slot->alone);
}

void stat_hold(struct stats *s, uint32_t shard, uint32_t row, uint64_t ns) {
    uint64_t most = atomic_load_explicit(&s->longest[shard], memory_order_relaxed);
    ns = MIN(ns, UINT64_MAX >> 16);
    while (ns > most >> 16 &&
        !atomic_compare_exchange_weak_explicit(&s->longest[shard], &most, ns << 16 | (row + 1), memory_order_relaxed, memory_order_relaxed)) { }
}

void stats_longest_hold(const struct stats *s, uint32_t shard, uint64_t *us, uint32_t *row) {
    uint64_t most = atomic_load_explicit(&s->longest[shard], memory_order_relaxed);
    *us = (most >> 16) / 1000;
    *row = (uint32_t)(most & 0xffff) - 1;
}

// What a slot has of a command's times since the last reset; NULL: nothing.
static const struct histogram *times_now(const struct stats *s, uint32_t slot, uint32_t row) {
    const struct histogram *h = atomic_load_explicit(&s->slots[slot].tally[row].times, memory_order_acquire);
    bool now = h && atomic_load_explicit(&h->epoch, memory_order_relaxed) == atomic_load_explicit(&s->epoch, memory_order_relaxed);
    return now ? h : NULL;
}

static void add_times(const struct stats *s, uint32_t row, struct histogram_copy *out) {
    for (uint32_t i = 0; i < s->shards + STAT_HOST_SLOTS; i++) {
        const struct histogram *h = times_now(s, i, row);
        if (h) histogram_copy_add(out, h);
    }
}

bool stats_times(const struct stats *s, uint32_t row, struct histogram_copy *out) {
    if (row != UINT32_MAX) add_times(s, row, out);
    for (uint32_t r = 0; row == UINT32_MAX && r < s->rows; r++) add_times(s, r, out);
    return out->count > 0;
}

// ---- counts ----------------------------------------------------------------------------------------------------------------------------

static uint64_t relaxed(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

static void counts_since_open(const struct stats *s, uint32_t row, struct stat_command *out) {
    *out = (struct stat_command){ 0 };
    for (uint32_t i = 0; i < s->shards + STAT_HOST_SLOTS; i++) {
        const struct stat_tally *t = &s->slots[i].tally[row];
        out->calls += relaxed(&t->calls);
        out->failed += relaxed(&t->failed);
        out->rejected += relaxed(&t->rejected);
    }
    for (int t = 0; t < TYPED_COUNT; t++) {
        for (uint32_t i = 0; s->typed_row[t] == row && i < s->stripes; i++) out->calls += s->stripe[i] ? relaxed(&s->stripe[i]->calls[t]) : 0;
    }
}

void stats_command(const struct stats *s, uint32_t row, struct stat_command *out) {
    counts_since_open(s, row, out);
    uint64_t timed = 0;
    double ns = 0;
    guard_take((struct guard *)(uintptr_t)&s->readers);
    struct stat_command before = s->before[row];
    guard_give((struct guard *)(uintptr_t)&s->readers);
    out->calls -= before.calls;
    out->failed -= before.failed;
    out->rejected -= before.rejected;
    for (uint32_t i = 0; i < s->shards + STAT_HOST_SLOTS; i++) {
        const struct histogram *h = times_now(s, i, row);
        if (!h) continue;
        timed += relaxed(&h->count);
        ns += (double)relaxed(&h->sum);
    }
    out->usec = timed ? (uint64_t)(ns / (double)timed * (double)out->calls / 1000) : 0;
}

uint64_t stats_calls_run(const struct stats *s, uint32_t shard) {
    uint64_t n = 0;
    for (uint32_t r = 0; r < s->rows; r++) n += relaxed(&s->slots[shard].tally[r].calls);
    return n;
}

uint64_t stat_stripe_calls(const struct stat_stripe *s) {
    uint64_t n = 0;
    for (int t = 0; t < TYPED_COUNT; t++) n += relaxed(&s->calls[t]);
    return n;
}

void stats_reset(struct stats *s) {
    guard_take(&s->readers);
    for (uint32_t r = 0; r < s->rows; r++) counts_since_open(s, r, &s->before[r]);
    guard_give(&s->readers);
    atomic_fetch_add(&s->epoch, 1);
    for (uint32_t i = 0; i < s->shards; i++) {
        atomic_store_explicit(&s->longest[i], 0, memory_order_relaxed);
        guard_take(&s->hot[i]->guard);
        hot_clear(s->hot[i]);
        guard_give(&s->hot[i]->guard);
    }
}

// ---- hot keys --------------------------------------------------------------------------------------------------------------------------

void stat_hot(struct stats *s, const struct stat_key *k, bool write, uint64_t bytes, uint32_t weight, int64_t now_ns) {
    struct hot *h = s->hot[k->stripe % s->shards];
    uint64_t id = hot_id(k->hash, k->db);
    if (!guard_try(&h->guard)) return;
    hot_add(h, write ? HOT_WRITES : HOT_READS, id, k->db, k->name, weight, now_ns);
    hot_add(h, HOT_BYTES, id, k->db, k->name, (double)weight * (double)bytes, now_ns);
    guard_give(&h->guard);
}

static int by_rate(const void *a, const void *b) {
    const struct stat_hot_key *x = a, *y = b;
    return x->rate < y->rate ? 1 : x->rate > y->rate ? -1 : 0;
}

size_t stats_hot_keys(struct stats *s, enum hot_by by, struct stat_hot_key *out, size_t max) {
    struct stat_hot_key *all = mem_alloc(s->shards * HOT_LISTED * sizeof *all);
    size_t n = 0;
    for (uint32_t i = 0; all && i < s->shards; i++) {
        guard_take(&s->hot[i]->guard);
        n += hot_list(s->hot[i], by, clock_mono_ns(), all + n);
        guard_give(&s->hot[i]->guard);
    }
    if (n) qsort(all, n, sizeof *all, by_rate);
    n = MIN(n, max);
    if (n) memcpy(out, all, n * sizeof *all);
    mem_free(all);
    return n;
}
