// A word that keeps a small thing to one thread at a time, where losing a sample is better than waiting for it: who counts tries a few times, for well under a
// microsecond, and else goes on without; who reads waits, a moment at a time.
#ifndef KORA_STAT_GUARD_H
#define KORA_STAT_GUARD_H

#include <sched.h>
#include <stdatomic.h>

#include "base/base.h"

struct guard {
    _Atomic uint32_t taken;
};

static inline bool guard_try(struct guard *g) {
    enum { TRIES = 32 };
    for (int i = 0; i < TRIES; i++) {
        if (!atomic_load_explicit(&g->taken, memory_order_relaxed) && !atomic_exchange_explicit(&g->taken, 1, memory_order_acquire)) return true;
    }
    return false;
}
static inline void guard_take(struct guard *g) {
    while (!guard_try(g)) sched_yield();
}
static inline void guard_give(struct guard *g) { atomic_store_explicit(&g->taken, 0, memory_order_release); }

#endif
