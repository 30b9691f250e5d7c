// See account.h.
#include "stripe/account.h"

#include "base/clock.h"
#include "stripe/stripe.h"

// Of what a slab holds and nobody uses so much does not count: under a small limit, where some half empty pages for each stripe would be most of it, more.
enum { SLACK = 16 * 1024, SLACK_SMALL = 48 * 1024, STRIPE_SMALL = 1 << 20 };
enum { QUANTUM_MAX = 64 * 1024, QUANTUM_MIN = 256, QUANTA = 256 };

static uint64_t limit_of(const struct common *c) { return atomic_load_explicit(&c->settings.memory_limit, memory_order_relaxed); }

// Two who look at the same time may leave the older answer behind: a wrong "full" is found by whoever tries to make room, a wrong "not full" by the next
// quantum.
static void look(struct common *c, int64_t sum) {
    uint64_t limit = limit_of(c);
    uint32_t full = limit && sum > 0 && (uint64_t)sum > limit;
    if (full != atomic_load_explicit(&c->settings.memory_full, memory_order_relaxed)) {
        atomic_store_explicit(&c->settings.memory_full, full, memory_order_relaxed);
    }
}

void account_bring(struct common *c, int64_t bytes) {
    look(c, atomic_fetch_add_explicit(&c->account.sum, bytes, memory_order_relaxed) + bytes);
}

void account_bring_connections(struct common *c, int64_t bytes) {
    atomic_fetch_add_explicit(&c->account.connections, bytes, memory_order_relaxed);
    account_bring(c, bytes);
}

void account_flush(struct stripe *s) {
    int64_t bytes = s->unbrought;
    s->unbrought = 0;
    if (bytes) account_bring(s->common, bytes);
}

uint64_t account_exact(const struct common *c) {
    int64_t sum = atomic_load_explicit(&c->account.connections, memory_order_relaxed) +
        (int64_t)atomic_load_explicit(&c->account.fixed, memory_order_relaxed);
    for (uint32_t i = 0; i < c->stripe_count; i++) sum += atomic_load_explicit(&c->stripes[i].memory, memory_order_relaxed);
    return sum > 0 ? (uint64_t)sum : 0;
}

// Where nothing can be evicted, writes are refused at maxmemory itself: to refuse them earlier would bring nothing back.
static void set_limit(struct common *c, uint64_t max) {
    uint64_t lowered = atomic_load_explicit(&c->account.lowered, memory_order_relaxed);
    if (atomic_load_explicit(&c->settings.maxmemory_policy, memory_order_relaxed) == POLICY_NOEVICTION) lowered = 0;
    atomic_store_explicit(&c->settings.memory_limit, max - MIN(lowered, max / 2), memory_order_relaxed);
}

void account_lower(struct common *c, uint64_t bytes) {
    uint64_t max = atomic_load_explicit(&c->settings.maxmemory, memory_order_relaxed);
    atomic_store_explicit(&c->account.lowered, bytes, memory_order_relaxed);
    set_limit(c, max);
    look(c, atomic_load_explicit(&c->account.sum, memory_order_relaxed));
}

void account_configure(struct common *c) {
    uint64_t limit = atomic_load_explicit(&c->settings.maxmemory, memory_order_relaxed), quantum = QUANTUM_MAX;
    set_limit(c, limit);
    if (limit) quantum = MIN(MAX(limit / QUANTA / c->stripe_count, (uint64_t)QUANTUM_MIN), (uint64_t)QUANTUM_MAX);
    atomic_store_explicit(&c->settings.memory_quantum, quantum, memory_order_relaxed);
    bool small = limit && limit / c->stripe_count < STRIPE_SMALL;
    atomic_store_explicit(&c->settings.memory_slack, small ? SLACK_SMALL : SLACK, memory_order_relaxed);
    // Exactly, once: who lowers the limit is answered by the next write.
    look(c, (int64_t)account_exact(c));
}

uint64_t account_over(struct common *c) {
    int64_t sum = atomic_load_explicit(&c->account.sum, memory_order_relaxed);
    uint64_t limit = limit_of(c);
    look(c, sum);
    return limit && sum > 0 && (uint64_t)sum > limit ? (uint64_t)sum - limit : 0;
}

void account_note(struct common *c, bool exceeded) {
    int64_t since = atomic_load_explicit(&c->account.over_since_us, memory_order_relaxed);
    if (exceeded == (since != 0)) return;
    int64_t now = clock_mono_us();
    if (!atomic_compare_exchange_strong(&c->account.over_since_us, &since, exceeded ? now : 0)) return;
    if (!exceeded) atomic_fetch_add_explicit(&c->account.over_us, (uint64_t)MAX(now - since, 0), memory_order_relaxed);
}

struct account_times account_times(const struct common *c) {
    int64_t since = atomic_load_explicit(&c->account.over_since_us, memory_order_relaxed);
    struct account_times t = { atomic_load_explicit(&c->account.over_us, memory_order_relaxed), 0 };
    if (since) t.current_us = (uint64_t)MAX(clock_mono_us() - since, 1);
    t.total_us += t.current_us;
    return t;
}
