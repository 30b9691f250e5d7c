// What is known of what happens inside: how often each command ran and how long it took, which keys are hot, which calls were slow.
//
// Where it is kept. Every thread that runs calls has a **slot** with a tally for each row of the command table. A shard's slot is written by its thread alone
// (relaxed stores); host threads share a few more, by the hash of the thread, and add to them atomically. What typed calls (kora_get ...) count is in the stripe,
// under its lease (struct stat_stripe): one counter a call, which takes the place of the stripe's own. Readers add all of that up, at any time, on any thread.
//
// What is exact, and what is sampled. Calls, failures and rejections are counted one by one. Time is measured from the leases taken to the leases let go, by
// CLOCK_MONOTONIC, for
//   - every call of a command that is not short: whose work its arguments do not bound, or that has many;
//   - short ones (CMD_FAST, GET, SET... with few arguments) and typed calls: of a slot's command, or of a stripe's typed call, all at first, and then as many as
//     SAMPLES_A_SECOND allows, at random distances whose mean m follows the rate. Each counts as m calls in the histogram (Horvitz and Thompson 1952);
//   - every call of every command while slowlog-log-slower-than or latency-monitor-threshold ask for so little that a short one could be what they mean.
// The same samples are what hot keys are told from (hot.h).
//
// With KORA_NO_STATS nothing is measured or sampled; what is counted for INFO anyway stays.
#ifndef KORA_STAT_STAT_H
#define KORA_STAT_STAT_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/buf.h"
#include "stat/guard.h"
#include "stat/histogram.h"

#ifdef KORA_NO_STATS
#define STATS_ON 0
#else
#define STATS_ON 1
#endif

// Typed calls, each with the command that does the same, under whose name it is counted.
#define STAT_TYPED(X) \
    X(GET, "get") X(SET, "set") X(DEL, "del") X(EXISTS, "exists") X(PTTL, "pttl") X(INCRBY, "incrby") X(PEXPIRE, "pexpire") X(PEXPIREAT, "pexpireat") \
    X(PERSIST, "persist") X(MGET, "mget") X(MSET, "mset") X(HSET, "hset") X(HGET, "hget") X(HDEL, "hdel") X(HLEN, "hlen") X(HINCRBY, "hincrby") \
    X(HSCAN, "hscan") X(LPUSH, "lpush") X(RPUSH, "rpush") X(LPOP, "lpop") X(RPOP, "rpop") X(LLEN, "llen") X(LRANGE, "lrange") X(SADD, "sadd") \
    X(SREM, "srem") X(SISMEMBER, "sismember") X(SCARD, "scard") X(SSCAN, "sscan") X(ZADD, "zadd") X(ZINCRBY, "zincrby") X(ZREM, "zrem") \
    X(ZSCORE, "zscore") X(ZRANK, "zrank") X(ZCARD, "zcard") X(ZRANGE, "zrange") X(XADD, "xadd") X(XLEN, "xlen") X(XREAD, "xread") X(XACK, "xack")
enum stat_typed {
#define STAT_TYPED_ENUM_(symbol, name) TYPED_##symbol,
    STAT_TYPED(STAT_TYPED_ENUM_)
#undef STAT_TYPED_ENUM_
    TYPED_COUNT
};

struct stats;

// ---- for readers: any thread, at any time ----------------------------------------------------------------------------------------
// `row` is a command's number in the table. Hidden rows are counted under the row they belong to. Since the last stats_reset.

struct stat_command {
    uint64_t calls, failed, rejected;
    uint64_t usec;           // of all calls; from samples, where the command is sampled
};
void stats_command(const struct stats *s, uint32_t row, struct stat_command *out);
// Adds the times of a command's calls, or (row UINT32_MAX) of all, to `out`. False: there is nothing.
bool stats_times(const struct stats *s, uint32_t row, struct histogram_copy *out);

enum hot_by { HOT_READS, HOT_WRITES, HOT_BYTES, HOT_KINDS };
enum { HOT_NAME_MAX = 128, HOT_SHOWN_MAX = HOT_NAME_MAX + 40 };
struct stat_hot_key {
    char name[HOT_SHOWN_MAX]; // not a string: any byte. Longer ones are cut, and end with how much is missing
    uint32_t name_len, db;
    double rate;              // a second, lately (half of what it was HOT_HALF_LIFE_S ago)
};
// The hottest first, of all shards; how many.
size_t stats_hot_keys(struct stats *s, enum hot_by by, struct stat_hot_key *out, size_t max);

struct stat_slow {            // an entry of the slow log; freed by stat_slow_free
    uint64_t id;
    int64_t at_s;             // Unix time
    uint64_t usec;
    uint32_t argc;
    struct slice *argv;       // as Redis shows them: at most 32, each at most 128 bytes, and what is missing in words
    struct slice client, name;
};
// The newest first, at most `max`; how many; each the caller's.
size_t stats_slow(struct stats *s, struct stat_slow **out, size_t max);
size_t stats_slow_count(struct stats *s);
void stats_slow_reset(struct stats *s);
void stat_slow_free(struct stat_slow *e);

enum stat_event { EVENT_COMMAND, EVENT_FAST_COMMAND, EVENT_EXPIRE, EVENT_EVICTION, EVENT_KINDS };
extern const char *const stat_event_names[EVENT_KINDS]; // as LATENCY has them
enum { EVENT_SAMPLES = 160 };
struct stat_event_sample {
    int64_t at_s; // Unix time; 0: none
    uint64_t ms;
};
struct stat_event_series {
    uint64_t max_ms;
    uint32_t count;
    struct stat_event_sample sample[EVENT_SAMPLES]; // oldest first, one a second at most: its worst
};
// False: there was none.
bool stats_events(struct stats *s, enum stat_event e, struct stat_event_series *out);
bool stats_events_reset(struct stats *s, enum stat_event e); // whether there was any

struct stat_shard {           // filled in by host->shard_stats (cmd/host.h)
    uint64_t keys, memory_used, memory_held; // of its stripes
    uint64_t calls;           // about its stripes, whoever ran them
    uint64_t calls_run;       // that its thread ran, whatever they were about
    uint64_t leases_taken, leases_waited, leases_handed; // of its stripes
    uint64_t parked;          // calls of its connections that have waited
    uint64_t inbox, inbox_max; // messages on their way to it
    uint64_t longest_us;      // the longest that a call held leases of its stripes
    uint32_t longest_row;     // by which command; UINT32_MAX: none was measured
    uint64_t connections, net_input, net_output;
};
void stats_longest_hold(const struct stats *s, uint32_t shard, uint64_t *us, uint32_t *row);
uint64_t stats_calls_run(const struct stats *s, uint32_t shard);

void stats_reset(struct stats *s); // CONFIG RESETSTAT: tallies, times, hot keys, longest holds; not the slow log, not the events

// ---- for those who measure -------------------------------------------------------------------------------------------------------

enum {
    SAMPLES_A_SECOND = 16384, // of each typed call, over all stripes
    SLOT_SAMPLES_A_SECOND = 4096, // of one command in one slot
    STAT_HOST_SLOTS = 8,
    HOT_HALF_LIFE_S = 60,
};

// Which calls are sampled: number `at` of a sequence is the next. All relaxed.
struct stat_sampler {
    _Atomic uint64_t at;
    _Atomic uint32_t mean;    // distance when `at` was drawn; 0 is 1
    _Atomic uint32_t taken;   // since
    _Atomic int64_t since_ns;
};
// Call number n is a sample, now: draws the next. How many calls it stands for; 0: another thread was first.
uint32_t stat_sampler_take(struct stat_sampler *s, uint64_t n, int64_t now_ns, uint32_t a_second);

struct stat_stripe {          // in each stripe; the lease's holder writes, anybody reads (relaxed)
    _Atomic uint64_t calls[TYPED_COUNT];
    struct stat_sampler sampler[TYPED_COUNT];
};

struct stat_tally {           // of a command, in a slot
    _Alignas(CACHE_LINE) _Atomic uint64_t calls;
    struct stat_sampler sampler;
    _Atomic uint64_t failed, rejected;
    _Atomic(struct histogram *) times; // NULL: never timed
};
struct stat_slot {
    struct stats *stats;
    bool alone;               // one thread writes it
    struct stat_tally *tally; // by row
    struct histogram *times;  // by row; a mapping, of which those pages take memory that were written to
};

struct stat_row {
    uint16_t as;    // the row that it is counted under
    bool is_short;  // as long as it has few arguments
};

struct stats {
    uint32_t rows, shards, stripes;
    struct stat_row *row;              // [rows]
    uint16_t typed_row[TYPED_COUNT];
    struct stat_slot *slots;           // [shards], then STAT_HOST_SLOTS
    struct stat_stripe **stripe;       // [stripes]
    struct hot **hot;                  // [shards]
    _Atomic uint64_t *longest;         // [shards]: ns << 16 | row + 1
    struct slow_log *slow;
    struct events *events;
    struct stat_command *before;       // [rows] as they were at the last reset
    _Atomic uint32_t epoch;            // resets
    struct guard readers;              // of `before`
};

// KORA_OK or KORA_NOMEM. What is in row, typed_row and stripe is the caller's to fill in.
int stats_create(uint32_t rows, uint32_t shards, uint32_t stripes, struct stats **out);
void stats_destroy(struct stats *s);

// The slot of a host thread, of which any number tells it from others.
static inline struct stat_slot *stats_host_slot(struct stats *s, uintptr_t thread) {
    return &s->slots[s->shards + (uint32_t)((thread >> 6) * 0x9e3779b97f4a7c15u >> 61) % STAT_HOST_SLOTS];
}
// A call of `row` took so long, and stands for `weight` of them.
void stat_time(struct stat_slot *slot, uint32_t row, uint64_t ns, uint64_t weight);
// It held leases of stripes of this shard so long.
void stat_hold(struct stats *s, uint32_t shard, uint32_t row, uint64_t ns);
struct stat_key {
    struct slice name;
    uint64_t hash;
    uint32_t db, stripe;
};
void stat_hot(struct stats *s, const struct stat_key *k, bool write, uint64_t bytes, uint32_t weight, int64_t now_ns);
void stat_event_add(struct stats *s, enum stat_event e, int64_t at_s, uint64_t ms);
// A slow call. `hidden`: bit i is set if argument i is a secret. Keeps the newest max_len.
void stat_slow_add(struct stats *s, int argc, const struct slice *argv, uint32_t hidden, int64_t at_s, uint64_t usec, struct slice client, struct slice name,
    uint64_t max_len);

// A typed call, its lease just taken: whether it is a sample.
static inline bool stat_due(const struct stat_stripe *s, enum stat_typed t) {
    return STATS_ON && unlikely(atomic_load_explicit(&s->calls[t], memory_order_relaxed) >= atomic_load_explicit(&s->sampler[t].at, memory_order_relaxed));
}
static inline void stat_count(struct stat_stripe *s, enum stat_typed t) { stat_add(&s->calls[t], 1, true); }
uint64_t stat_stripe_calls(const struct stat_stripe *s); // all of it

#endif
