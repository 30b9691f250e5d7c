// The write-ahead log of a database: staging, rounds, segments.
//
//   appends      each stripe's effects go, under its lease, into the stripe's own ring in a file that is mapped shared (log_append). What is
//                there outlives the process, not the machine.
//   rounds       the log's own thread advances the epoch, waits for the appends of earlier epochs that are under way (each a memcpy), and writes what is
//                staged up to there as one block, with one write and, by policy, one fsync. A block is a cut through the whole database.
//
// An append reads the epoch while its call holds all of its leases, after its handler has run; so what a later call sees of it never has a
// larger epoch than the later call's own effects.
//
// Failing. A write or fsync that has failed is never repeated as if nothing had happened: from then on the log is broken (log_error), nothing is
// acknowledged any more that is not durable, and every write is refused until the database is opened again. The one exception: no room on the disk
// before anything of the block was written (log_error says ENOSPC, and goes away by itself when there is room).
//
// Threads: what takes a stripe is for the holder of its lease. Everything else is for any thread.
#ifndef KORA_STORE_LOG_H
#define KORA_STORE_LOG_H

#include <stdatomic.h>

#include "base/base.h"
#include "call/effect.h"
#include "os/os.h"
#include "store/format.h"

enum log_sync { LOG_ALWAYS, LOG_EVERYSEC, LOG_OS };

struct log;
struct ring;

struct log_config {
    const struct os *os;
    const char *dir;              // the database's: segments are in dir/log
    const char *staging_dir;      // NULL: dir
    uint8_t id[STORE_ID_BYTES];   // the database's
    uint64_t round_before;        // the last round that the log has a block of (recovered.last_round); 0: none
    uint32_t stripes;
    enum log_sync sync;           // log_set_sync changes it
    uint64_t segment_bytes_max;   // a segment that is larger is followed by another; 0: 64 MB
    uint64_t staging_bytes;       // of all stripes together; 0: 32 MB, at least 64 KB a stripe
    // Called on the log's thread, without any lock; must not block or call the log.
    void (*durable)(void *arg, uint64_t epoch); // what was appended in this epoch or before is durable (by policy: always: synced; else: written)
    void (*room)(void *arg);                    // there is room again for those whom log_may_write has refused
    void (*broken)(void *arg);                  // log_error has changed, either way
    void (*say)(void *arg, int level, const char *text);
    void *arg;
    bool stepped;                 // tests: there is no thread; log_step, log_flush and log_rotate do its work on the caller's
};

// Starts the log after recovery (recover.h): a new segment whose first block is `first_round`, at epoch `first_round`. KORA_OK, or KORA_NOMEM,
// KORA_SYSTEM with the reason (which file, what) in `error`.
int log_open(const struct log_config *config, uint64_t first_round, struct log **out, char *error, size_t error_size);
// Nobody appends any more: a last round, synced, and its thread ends. 0: all of it is on the disk, and staging is marked as empty. Else a negative errno, and `error` (if it
// is not NULL) says what has failed: what was not written is still in staging, which stays.
int log_close(struct log *l, char *error, size_t error_size);

// ---- appending ---------------------------------------------------------------------------------------------------------------

// Before a command that writes runs, and while its leases are held. False: the log is broken or has no room on the disk (log_error tells: answer that),
// or the stripe's staging is above its high-water mark: let go of the leases, and wait until `room` is called. As that may happen before the caller has
// put itself where `room` finds it, it looks again after that: this function needs no lease, if it is only to know whether to wait.
bool log_may_write(struct log *l, uint32_t stripe);
// Before the change that an effect tells of: the call, which holds the stripe's lease, has recorded `bytes` bytes of effects in `count` effects so far, with
// this one: for each argument its length and 5 more, at least. False: there is no room for them, and none can be made.
bool log_reserve(struct log *l, uint32_t stripe, size_t bytes, size_t count);

struct log_append {
    struct log *log;
    uint64_t epoch, call;
    uint32_t first, parts, number;
    struct ring *apart; // the stripes of which this call's effects are in files of their own
};
// All effects of one call, `parts` of them, the first of them about stripe `first`; its leases are held. Never fails after log_reserve.
void log_begin(struct log_append *a, struct log *l, uint32_t first, uint32_t parts);
void log_add(struct log_append *a, const struct effect *e);
void log_end(struct log_append *a);

// The epoch of the stripe's last effect; 0: none since the log was opened. Lease held.
uint64_t log_last_epoch(const struct log *l, uint32_t stripe);
// What has an epoch up to this is durable.
uint64_t log_durable(const struct log *l);

// ---- the whole -----------------------------------------------------------------------------------------------------------------

// What was durable by the policy before stays called so: log_flush makes it true by the new one, too.
void log_set_sync(struct log *l, enum log_sync sync);
// Asks for a round now, and waits until all that was appended before is on the disk, whatever the policy. 0 or a negative errno. Not on the log's thread.
int log_flush(struct log *l);
// From the next epoch on the log goes on in a new segment. The epoch in which it begins. Not on the log's thread; waits for a round.
int log_rotate(struct log *l, uint64_t *first_round);
// Removes segments that hold nothing but rounds before this one.
void log_forget(struct log *l, uint64_t before_round);

struct log_error {
    int code;          // negative errno; 0: none
    bool for_good;     // nothing is written any more; else it is, as soon as there is room
    char text[200];    // what has failed: "log/0000000000000001.wal: fdatasync: Input/output error"
};
bool log_error(struct log *l, struct log_error *out); // false: none

struct log_stats {
    uint64_t epoch, durable, rounds, syncs, records, bytes;  // since it was opened
    uint64_t segment_bytes, log_bytes, segments;             // on the disk now
    uint64_t staged_bytes;                                   // that no round has taken yet
    uint64_t last_sync_us, longest_sync_us;
    uint64_t stalls;                                         // writes that log_may_write has refused
    int64_t last_sync_ms;                                    // wall clock
};
void log_stats(struct log *l, struct log_stats *out);
void log_trim(struct log *l); // memory is short: gives back what it can (staging_trim). Any thread

// Of a stepped log: what its thread would do now, without waiting for anything. True: it has written or synced something.
bool log_step(struct log *l);

#endif
