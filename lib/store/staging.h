// Staging: each stripe's ring of records that no round has written yet, in a file that outlives the process (format.h).
//
// Two sides. The appender is whoever holds the stripe's lease; the taker is the log's thread. Between them there are the words of `struct ring`, nothing else.
//
// - Positions count the bytes ever staged; a record is at its position modulo the ring's size, and never wraps round. What is skipped at the end of a lap
//   counts, too. [taken, tail) is staged; taken <= tail <= taken + size.
// - The appender publishes `tail` (release) when a record is complete; before that `last_epoch`, `mark` and `wrap`. The taker reads taken, then tail, then the
//   others, so what it finds in [taken, tail) is complete, and the others are as new at least.
// - `mark` is the position of the first record of epoch `last_epoch`. Only the taker lets the epoch advance, after the last round is over: so when it takes
//   what is of epoch <= k, `last_epoch` is k + 1 at most, and `mark` is the end of what it takes, or `tail` if that is before. No record has to be looked at.
// - `wrap` is the position at which the last lap was left. Between taken and tail there can be one such place, and it is the last one.
// - When all was taken, and a lap is some way on, the appender leaves it and begins at the ring's start: most rings never use more than
//   their first pages, which stay in the cache, and take no more memory than that. Then it moves `taken`, too, which otherwise is the taker's.
#ifndef KORA_STORE_STAGING_H
#define KORA_STORE_STAGING_H

#include <stdatomic.h>

#include "call/effect.h"
#include "os/os.h"
#include "store/format.h"

// LOG_MUTANT takes step number n of the protocol out, for the tests that must then fail (tests/log/mutants.sh).
#ifndef LOG_MUTANT
#define LOG_MUTANT 0
#endif
#define LOG_CHECK(n) (LOG_MUTANT != (n))
#ifdef KORA_DELAYS
extern _Atomic uint32_t log_delay_per_mille; // how often a point delays; 0: never
extern _Atomic(void (*)(void)) log_point_hook; // called there, if it is not NULL
void log_point(void);
#else
static inline void log_point(void) { }
#endif

enum { WRITING_SOON = 1 }; // an append has begun, and is going to read the epoch

// Records that did not fit into the ring: all that one call does to the stripe.
struct apart {
    struct apart *next;
    uint64_t number, position; // of the file; of the record in the ring that stands for it
    uint64_t capacity, used;
    uint32_t records;
    uint64_t epoch;            // and the other things that record needs
    uint32_t call, parts;
    int fd;
    char *bytes;
};

struct ring {
    // The appender's, one cache line of it: what every append needs
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    _Atomic uint64_t writing;    // 0: no append is under way whose first effect is here; WRITING_SOON; else its epoch + 1
    _Atomic uint64_t last_epoch;
    _Atomic uint64_t records, calls; // ever
    uint64_t taken_seen;         // `taken`, some time ago
    char *bytes;
    struct apart *ready;         // room for a call that is too large for the ring
    // Both sides'
    _Alignas(CACHE_LINE) _Atomic uint64_t taken;
    _Atomic uint64_t mark, wrap;
    _Atomic(struct apart *) aparts; // complete ones, the newest first, for the taker
    struct ring *next_apart;     // of the call's other rings where that is used
    // The taker's
    uint64_t take_from, take_to; // of this round
    uint64_t take_wrap;          // as it was then
    struct apart *first_apart, **last_apart; // those that it has got, in order
};

struct staging {
    const struct os *os;
    char *dir;
    uint32_t stripes;
    uint64_t ring_size;          // a power of two
    struct ring *rings;          // [stripes]
    int fd;
    bool mapped;                 // else rings are in memory, and written to the file as they change
    char *map;                   // the file, or its image
    uint64_t map_size;
    _Atomic uint64_t aparts;     // files of their own, ever
    _Atomic int failed;          // negative errno: a write to the file, where it is not mapped
};

// 0 or a negative errno; `what` tells what has failed. A file that was there is replaced, and its files for large calls are removed.
int staging_open(struct staging *s, const struct os *os, const char *dir, uint32_t stripes, uint64_t bytes, const uint8_t id[STORE_ID_BYTES],
    uint64_t first_epoch, const char **what);
void staging_close(struct staging *s, bool empty); // empty: mark the file so

// The pages of the mapped file are given back by the process; the file keeps what is in them, and who touches one again pays for a fault. Any thread, at any time.
void staging_trim(const struct staging *s);

// ---- the appender ------------------------------------------------------------------------------------------------------------

struct staged_call {
    uint64_t epoch;
    uint32_t number, parts;
};
// True: `bytes` of effects in `count` records, all about this stripe, will fit.
bool staging_reserve(struct staging *s, struct ring *r, size_t bytes, size_t count);
// Returns whether the ring is so full that a round should not wait.
bool staging_add(struct staging *s, struct ring *r, const struct staged_call *c, const struct effect *e, struct ring **aparts);
void staging_add_apart(struct staging *s, struct ring *r); // the record in the ring for what was put into a file of its own
// The next append will be here: it shall not have to wait for the cache then.
static inline void staging_prefetch(const struct staging *s, const struct ring *r) {
    const char *at = r->bytes + (atomic_load_explicit(&r->tail, memory_order_relaxed) & (s->ring_size - 1));
    __builtin_prefetch(at, 1);
    __builtin_prefetch(at + CACHE_LINE, 1);
}
// Bytes that could still be staged; any thread, as it was a moment ago.
static inline uint64_t staging_free(const struct staging *s, const struct ring *r) {
    uint64_t taken = atomic_load(&r->taken), tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return tail - taken < s->ring_size ? s->ring_size - (tail - taken) : 0;
}

// ---- the taker ---------------------------------------------------------------------------------------------------------------

// Something is staged, or about to be. Sequentially consistent with the store to `writing` that begins an append.
bool staging_any(const struct staging *s);
uint64_t staging_calls(const struct staging *s);
// The epoch was k and is k + 1: waits until no append of epoch k or before is under way.
void staging_wait(const struct staging *s, uint64_t k);
// Decides what the round takes; returns how many pieces it may have, at most.
size_t staging_take(struct staging *s, uint64_t k);
// The pieces of one stripe; returns their bytes.
uint64_t staging_pieces(const struct staging *s, const struct ring *r, struct iovec *iov, int *count);
// What round k has taken is durable: its space is free again.
void staging_taken(struct staging *s, uint64_t k);
// The log is on the disk up to this round: noted where recovery finds it.
void staging_synced(struct staging *s, uint64_t round);

#endif
