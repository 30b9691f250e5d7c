// The lease of a stripe: whoever holds it is the only one who touches the stripe. It is held while a command runs, never across
// anything that can block. The protocol is in lease.c; a Promela model of it is in tests/lease.
//
// Two kinds of threads ask for it. A host thread may wait: it spins a little, then sleeps on the lease's word (futex). A shard's
// thread never waits: it leaves a wait record at the lease, goes on with other work, and is told when to try again. A waiter that
// keeps other leases meanwhile is not told to try, but given this one (handed over).
#ifndef KORA_ENGINE_LEASE_H
#define KORA_ENGINE_LEASE_H

#include <stdatomic.h>

#include "base/base.h"

enum lease_word { LEASE_FREE, LEASE_HELD, LEASE_HELD_SLEEPERS, LEASE_CLOSED };

enum lease_wake { LEASE_TRY_AGAIN, LEASE_HANDED, LEASE_GONE /* closed for good */ };

// A shard's call that waits. Between lease_park and `wake` it belongs to the lease.
struct waiter {
    struct waiter *next;
    bool keeps;                                             // it keeps what it holds while it waits: hand this one over
    void (*wake)(struct waiter *w, enum lease_wake how);    // called by whoever lets the lease go, on that thread: must only pass it on
};

struct lease {
    _Alignas(CACHE_LINE) _Atomic uint32_t word;
    _Atomic(struct waiter *) waiting;   // newest first; pushed by waiters, taken by the holder
    struct waiter *fifo;                // taken from `waiting`, oldest first; the holder's
    _Atomic uint64_t waits;             // calls that found it taken
    _Atomic uint64_t handed;            // ... and to whom it was handed over
};

// True: the caller holds it.
static inline bool lease_try(struct lease *l) {
    uint32_t word = LEASE_FREE;
    return likely(atomic_load_explicit(&l->word, memory_order_relaxed) == LEASE_FREE) &&
        likely(atomic_compare_exchange_strong(&l->word, &word, LEASE_HELD));
}
// Lets it go, and sees to it that whoever waits comes next.
static inline void lease_release(struct lease *l);
// Tries so many times, a short pause after each. False: it is still taken.
enum {
    SPINS_OF_ONE = 64,      // one to three microseconds: as long as most commands take, less than parking does
    SPINS_OF_SEVERAL = 256, // for who needs several leases: most of those that he meets need several, too
};
bool lease_spin(struct lease *l, int spins);
// Host threads: waits until the caller holds it. False: it is closed.
bool lease_wait(struct lease *l);
// Shards: leaves the record, and looks once more, since the lease may have been let go meanwhile. Never fails; from the call on
// the waiter is not the caller's.
void lease_park(struct lease *l, struct waiter *w);
// If the lease is free and somebody waits, wakes the oldest. For a caller that was told to try again here and does not after all.
void lease_look(struct lease *l);
// The holder closes it for good: everybody who waits, or will ask, is told so.
void lease_close(struct lease *l);

// LEASE_MUTANT takes re-check number n of the protocol out, for the tests that must then fail (tests/lease/mutants.sh).
#ifndef LEASE_MUTANT
#define LEASE_MUTANT 0
#endif
#define LEASE_CHECK(n) (LEASE_MUTANT != (n))

// How often each path of the protocol was taken, and delays at its points, so that tests see the rare ones: builds with KORA_DELAYS.
#define LEASE_PATHS(X) \
    X(TRY_FAILED) X(SPUN) X(SLEPT) X(PARKED) X(WOKEN) X(HANDED) X(KEPT) X(RESTARTED) X(LOOKED_AFTER_PARK) X(LOOKED_AFTER_RELEASE) \
    X(BATON_PASSED) X(CALLS) X(MULTI_CALLS) \
    X(CARRIED) X(APART) X(MOVED) /* task.c, api/many.c */ \
    X(SERVED) X(TURN) /* block.c */
enum lease_path {
#define LEASE_PATH_ENUM_(name) LEASE_PATH_##name,
    LEASE_PATHS(LEASE_PATH_ENUM_)
#undef LEASE_PATH_ENUM_
    LEASE_PATH_COUNT
};
#ifdef KORA_DELAYS
extern _Atomic uint64_t lease_paths[LEASE_PATH_COUNT];
extern _Atomic uint32_t lease_delay_per_mille; // how often a point delays; 0: never
void lease_point(void);                        // a seeded delay, perhaps
static inline void lease_took(enum lease_path p) {
    atomic_fetch_add_explicit(&lease_paths[p], 1, memory_order_relaxed);
    lease_point();
}
#else
static inline void lease_took(enum lease_path p) { (void)p; }
static inline void lease_point(void) { }
#endif

void lease_release_to(struct lease *l);   // somebody waits
void lease_released(struct lease *l, uint32_t was); // it was let go: the word was `was`; somebody sleeps, or waits by now
static inline void lease_release(struct lease *l) {
    if (unlikely(l->fifo || atomic_load_explicit(&l->waiting, memory_order_relaxed))) {
        lease_release_to(l);
        return;
    }
    lease_point();
    uint32_t was = atomic_exchange(&l->word, LEASE_FREE);
    lease_point();
    if (LEASE_CHECK(1) && unlikely(was != LEASE_HELD || atomic_load(&l->waiting))) lease_released(l, was);
    else if (!LEASE_CHECK(1) && was != LEASE_HELD) lease_released(l, was);
}

#endif
