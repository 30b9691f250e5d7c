// The lease protocol.
//
// Why no wake-up is lost:
// - A shard's waiter pushes its record, then looks at the word (lease_park -> lease_look). A holder that lets go stores FREE, then
//   looks at the records (lease_release). Both are sequentially consistent, so at least one of the two sees the other.
// - Whoever takes the lease looks at the records when it lets go. A waiter that was woken but does not take the lease after all
//   (another one of its leases was busy) looks here again for the others: it carries the baton (engine/task.c).
// - A host thread marks the word HELD_SLEEPERS before it sleeps, and sleeps only while the word says so (futex); who lets go
//   sees the mark and wakes one. A sleeper that takes the lease marks it again, since others may sleep beside it.
//
// Why two never hold it: FREE -> HELD is a compare-and-swap; a lease that is handed over never becomes FREE in between.
#include "engine/lease.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

// Takes the whole list, oldest first.
static struct waiter *take_waiting(struct lease *l) {
    struct waiter *newest = atomic_exchange(&l->waiting, NULL), *oldest = NULL;
    while (newest) {
        struct waiter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

// The holder's: the oldest waiter, taken off.
static struct waiter *next_waiter(struct lease *l) {
    if (!l->fifo && atomic_load_explicit(&l->waiting, memory_order_relaxed)) l->fifo = take_waiting(l);
    struct waiter *w = l->fifo;
    if (w) l->fifo = w->next;
    return w;
}

void lease_release_to(struct lease *l) {
    struct waiter *w = next_waiter(l);
    if (unlikely(w->keeps)) {
        lease_took(LEASE_PATH_HANDED);
        atomic_fetch_add_explicit(&l->handed, 1, memory_order_relaxed);
        w->wake(w, LEASE_HANDED); // the word stays HELD: now the waiter's
        return;
    }
    lease_point();
    if (atomic_exchange(&l->word, LEASE_FREE) == LEASE_HELD_SLEEPERS) futex_wake(&l->word, 1);
    lease_point();
    w->wake(w, LEASE_TRY_AGAIN); // and it will look after the others
}

void lease_released(struct lease *l, uint32_t was) {
    if (was == LEASE_HELD_SLEEPERS) futex_wake(&l->word, 1);
    if (LEASE_CHECK(1) && atomic_load(&l->waiting) && lease_try(l)) { // else whoever holds it now looks when it lets go
        lease_took(LEASE_PATH_LOOKED_AFTER_RELEASE);
        lease_release(l);
    }
}

bool lease_spin(struct lease *l, int spins) {
    for (int i = 0; i < spins; i++) {
        if (lease_try(l)) {
            lease_took(LEASE_PATH_SPUN);
            return true;
        }
        pause_cpu();
    }
    return false;
}

bool lease_wait(struct lease *l) {
    atomic_fetch_add_explicit(&l->waits, 1, memory_order_relaxed);
    if (lease_spin(l, SPINS_OF_ONE)) return true;
    for (;;) {
        uint32_t word = atomic_load(&l->word);
        if (word == LEASE_CLOSED) return false;
        if (word == LEASE_FREE) {
            // Others may sleep here: whoever lets go after us must wake them.
            if (atomic_compare_exchange_strong(&l->word, &word, LEASE_CHECK(2) ? LEASE_HELD_SLEEPERS : LEASE_HELD)) return true;
            continue;
        }
        if (word == LEASE_HELD && !atomic_compare_exchange_strong(&l->word, &word, LEASE_HELD_SLEEPERS)) continue;
        lease_took(LEASE_PATH_SLEPT);
        futex_wait(&l->word, LEASE_HELD_SLEEPERS);
    }
}

void lease_park(struct lease *l, struct waiter *w) {
    atomic_fetch_add_explicit(&l->waits, 1, memory_order_relaxed);
    lease_took(LEASE_PATH_PARKED);
    struct waiter *newest = atomic_load_explicit(&l->waiting, memory_order_relaxed);
    do w->next = newest;
    while (!atomic_compare_exchange_weak(&l->waiting, &newest, w));
    lease_point();
    if (LEASE_CHECK(3)) lease_look(l);
}

static void wake_all_gone(struct waiter *w) {
    while (w) {
        struct waiter *next = w->next;
        w->wake(w, LEASE_GONE);
        w = next;
    }
}

void lease_look(struct lease *l) {
    // Not lease_try, whose first look is relaxed: it could be taken before the push that it is to be compared with.
    uint32_t word = LEASE_FREE;
    if (atomic_compare_exchange_strong(&l->word, &word, LEASE_HELD)) {
        lease_took(LEASE_PATH_LOOKED_AFTER_PARK);
        lease_release(l);
    } else if (unlikely(atomic_load(&l->word) == LEASE_CLOSED)) {
        wake_all_gone(take_waiting(l));
    }
}

void lease_close(struct lease *l) {
    struct waiter *first = l->fifo;
    l->fifo = NULL;
    atomic_store(&l->word, LEASE_CLOSED);
    futex_wake(&l->word, INT32_MAX);
    wake_all_gone(first);
    wake_all_gone(take_waiting(l)); // one that is pushed later sees CLOSED itself (lease_look)
}

#ifdef KORA_DELAYS
#include <sched.h>
#include <time.h>

_Atomic uint64_t lease_paths[LEASE_PATH_COUNT];
_Atomic uint32_t lease_delay_per_mille;
static _Thread_local uint64_t delay_state;

void lease_point(void) {
    uint32_t chance = atomic_load_explicit(&lease_delay_per_mille, memory_order_relaxed);
    if (!chance) return;
    if (!delay_state) delay_state = (uint64_t)(uintptr_t)&delay_state * 0x9E3779B97F4A7C15u | 1;
    delay_state ^= delay_state << 13;
    delay_state ^= delay_state >> 7;
    delay_state ^= delay_state << 17;
    uint64_t r = delay_state >> 20;
    if (r % 1000 >= chance) return;
    r /= 1000;
    if (r % 4 == 0) {
        nanosleep(&(struct timespec){ .tv_nsec = (long)(r / 4 % 50000) }, NULL);
    } else {
        sched_yield();
    }
}
#endif
