// The engine: shards (threads), leases, and how a call gets from here to there. See lease.h for the protocol.
#ifndef KORA_ENGINE_ENGINE_H
#define KORA_ENGINE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "cmd/cmd.h"
#include "cmd/host.h"
#include "engine/await.h"
#include "engine/lease.h"
#include "store/log.h"
#include "stripe/stripe.h"

struct engine;
struct shard;
struct net; // lib/net
struct net_shard;

// ---- messages: how one thread asks another for something ------------------------------------------------------------------

struct message {
    struct message *next;
    void (*run)(struct shard *s, struct message *m); // on the receiving shard's thread; the message is the receiver's now
};
// Any thread. Never blocks or fails. Messages of one sender to one shard arrive in order.
void shard_post(struct shard *s, struct message *m);

// ---- tasks: a call with what the engine needs to run it ---------------------------------------------------------------------

enum { TASK_STRIPES_INLINE = 4 };
enum { HOLD_AFTER = 3 };        // times that a waiter is told to try again; then the lease is handed to it
enum { CARRY_US = 100 };        // a lease that others want is not carried on for longer
enum { YIELD_AFTER_US = 1000 }; // what goes from stripe to stripe on a shard lets connections have their turn

struct task {
    struct call call;
    struct engine *engine;
    struct shard *home;                 // whose thread it runs on; NULL: a host thread's, which waits
    void (*done)(struct task *t);       // on home's thread, when task_run had returned false and the call has run (or been closed)
    int status;                         // KORA_OK: the call has run, its reply is written. KORA_CLOSED, KORA_NOMEM: it has not
    // The engine's own
    struct message message;             // brings a parked task back to its shard
    struct waiter waiter;
    enum lease_wake woken;              // how
    bool keep;                          // it takes its leases in order and keeps them
    bool baton;                         // it was woken at stripe `baton_at`, and owes the others there a look
    bool parked;                        // it has been parked, so `done` is called
    uint32_t baton_at;
    uint32_t tries;
    uint32_t *stripes;                  // numbers, ascending, no duplicates
    uint32_t stripe_count, held;        // how many of them are held: always the first ones
    struct sleeper *sleeper;            // a blocking command that waits for its keys (block.c)
    struct task *next;                  // the caller's next one, if about the same stripe: leave it the lease, unless this one parks (task_carry_end)
    bool follows;                       // it was left the lease
    bool unwanted;                      // nobody wants its answer any more: it must not fall asleep
    bool fails;                         // if it gives up, its answer is an error (task_unblock)
    bool has_deadline;                  // `deadline` is in home's wheel
    int64_t deadline_ms;                // when it gives up (clock_mono_us() / 1000); 0: never
    struct wheel_node deadline;
    struct filler *filler;              // EXEC: of the parts of its reply that other shards write (exec.c); NULL: there are none
    uint32_t stripes_inline[TASK_STRIPES_INLINE];
    struct scatter *scatter;
    _Atomic uint32_t scattered;         // a host thread sleeps on it while its scattered call runs
};

// Makes a task usable: call.argv, session, reply.buf and the like are the caller's to fill in.
void task_init(struct task *t, struct engine *e, struct shard *home);
void task_release(struct task *t); // frees what it holds beyond itself (keys, stripes); it may be used for the next call at once

// Runs a prepared call (call_prepare; call_find_keys if not done yet is done here).
// True: it is done (t->status, reply). False: it is parked; t->done will be called on home's thread, and until then neither the task nor what
// its call refers to (argv, session, reply buffer) may be touched. Host threads (home NULL) wait inside and get true.
bool task_run(struct task *t);
// A shard may carry the lease of one stripe from a task to the next: those of a pipeline are often about one key, and would else let it go, and wait for
// it, command by command. Whoever sets `next` calls this soon after: lets go of what is carried.
void task_carry_end(struct shard *s);
// On home's thread: nobody wants the answer of a parked call any more. If it waits for its keys, or will, it stops that; `done` is called soon. Else
// nothing happens.
void task_give_up(struct task *t);
// On home's thread: ends the sleep of a call that waits for its keys, as if its time were over, or with an error. False: it does not wait. True: it does not
// wait any more (somebody who is serving it at this moment may still answer it first).
bool task_unblock(struct task *t, bool with_error);
static inline bool task_sleeps(const struct task *t) { return t->sleeper != NULL; } // on home's thread: it waits for its keys

// Of block.c: a task whose turn it is runs again; one that is answered is done.
void task_go_on(struct task *t);
void task_finish(struct task *t);

// Host threads: takes the leases of these keys' stripes, for a typed call that is no command. KORA_OK, KORA_NOMEM, KORA_CLOSED, or, if it is to write, KORA_READONLY.
int task_lease_keys(struct task *t, struct engine *e, const struct key *keys, uint32_t count, bool to_write);
void task_unlease_keys(struct task *t, bool written);

// ---- shards -----------------------------------------------------------------------------------------------------------------

struct shard_counters { // written by the shard's thread
    _Atomic uint64_t connections, connections_total, net_input, net_output, query_buffer_closed, output_buffer_closed, parked, messages_run, inbox_max;
};

struct shard {
    _Alignas(CACHE_LINE) _Atomic(struct message *) inbox;
    _Atomic uint64_t posted;            // messages, ever
    _Atomic uint32_t asleep;            // in epoll, or about to be: needs the uv_async
    _Alignas(CACHE_LINE) _Atomic int64_t armed_ms; // wall clock that the timer is set for; INT64_MAX: not
    struct engine *engine;
    uint32_t id;
    uint32_t carried;                   // the stripe whose lease goes from one task to the next, plus 1; 0: none
    int64_t carried_since_us;           // 0: not looked at yet
    uv_loop_t loop;
    struct net_shard *net;              // the network's part
    struct shard_counters counters;
    // The engine's own (shard.c, background.c)
    uv_async_t wake;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t timer;                   // expiry of its stripes
    uv_timer_t access_timer;            // shard 0's: settings.access_now
    uv_timer_t save_timer;              // shard 0's: snapshots that the settings ask for (autosave.c)
    struct message rearm, work, access_start, collect;
    _Atomic bool rearm_queued, collect_queued;
    struct message stop, exit;
    struct feeding *feeding;            // its subscribers (feeding.c)
    struct wheel *deadlines;            // of calls that wait for their keys; NULL: there was none yet
    uv_timer_t deadline_timer;
    struct stripe_job *jobs, *jobs_last; // what its stripes have to be done, in order; `work` is on its way while there is some
    struct sweep *sweeps;               // garbage that is still pinned
    pthread_t thread;
    int start_status;
    bool loop_made, started;
};

struct engine_hooks { // the network's; any may be NULL
    int (*create)(struct engine *e);      // before the shards are made. KORA_OK or a status
    int (*shard_start)(struct shard *s);  // its loop is made, its thread not yet started. KORA_OK or a status
    // On the shard's thread: close everything of the network on its loop (uv_close); the loop ends when that is done. Connections whose
    // call is parked are closed when it is answered. Also called for a shard that was never started, or whose shard_start failed
    void (*shard_stop)(struct shard *s);
    void (*shard_pushed)(struct shard *s); // messages have been delivered to its subscribers: send them
    void (*destroy)(struct engine *e);    // after all shards have ended
};

enum { STRIPES_MAX = 4096, DATABASES_MAX = 1024 };

// Calls are let in if it is open; while it is loaded (loading.c) also those that say so.
enum engine_state { ENGINE_OPEN, ENGINE_LOADING, ENGINE_NOT_LOADED /* that has failed */, ENGINE_CLOSING };

typedef void engine_progress_fn(void *arg, uint64_t done, uint64_t total);

struct engine_config {
    uint32_t shards, databases, stripes;  // all set, at most the maxima below; more databases and stripes if the directory has more
    // Where it is kept (durable.c). NULL: nowhere
    const char *dir, *staging_dir;        // used while it is opened
    const struct os *os;                  // NULL: the system
    const struct hash_key *seed;          // without a directory: of its hashes; NULL: a random one
    enum fsync_policy sync;
    bool repair;
    uint64_t snapshot;                 // to begin with instead of the newest; 0: that
    engine_progress_fn *progress;
    void *progress_arg;
    bool background;                      // engine_open returns before it is loaded
    void (*loaded)(void *arg, int status); // it was, or has failed; NULL: nobody wants to know
    void *loaded_arg;
    char *error;                          // why it can't be opened
    size_t error_size;
    int log_level;
    void (*log)(void *arg, int level, const char *text);
    void *log_arg;
    void (*shutdown)(void *arg);          // NULL: clients can't end the program
    void *shutdown_arg;
    struct engine_hooks hooks;
    uint64_t memory_max;                  // maxmemory
    const char *memory_policy;            // maxmemory-policy, or NULL
    bool owns_process;                    // nothing else runs in the process: maxmemory is of all that it has resident
    void (*removed)(void *arg, int cause, uint32_t db, const void *key, size_t len); // NULL: nobody wants to know
    void *removed_arg;
};

struct loader;     // of a directory, in the background (loading.c)
struct removing;   // keys that went by themselves (removed.c)
struct stripe_job; // background work of a stripe (background.c)

// Snapshots that the settings ask for (autosave.c).
struct autosave {
    struct message message;
    _Atomic bool watching;  // the message is on its way, or shard 0 looks once a second
    uint64_t rounds;        // of the log, when it looked last
    int64_t tried_ms;       // wall clock
};

// What is resident beyond the account of memory (resident.c).
struct resident {
    struct message message; // to shard 0, that it is to look
    _Atomic bool on_its_way;
    _Atomic int64_t looked_us;
    int64_t collected_us;   // shard 0's
    uint64_t base;          // what the process had before there was a database
};

struct engine {
    struct common common;
    struct lease *leases;                // [common.stripe_count]
    struct shard *shards;
    uint32_t shard_count;
    struct command_index *index;
    struct host host;
    struct engine_config config;
    struct stripe_job *jobs;             // [common.stripe_count]
    struct awaiting *awaiting;
    _Atomic(struct log *) log;           // NULL: the data is in memory only, or is being loaded
    struct durable *durable;             // NULL: in memory only (durable.c)
    struct loader *loading;              // NULL: it was loaded before engine_open returned (loading.c)
    struct saver *saver;                 // snapshots (save.c)
    struct autosave autosave;
    struct resident resident;
    struct {                             // for writes that wait until the log has room (durable.h)
        _Atomic uint32_t turn, sleepers;
        _Atomic bool there;              // `log` is set
        _Atomic bool refused;            // the log can't be written now, for another reason than that it is behind
        _Atomic(struct waiter *) waiting;
    } gate;
    struct removing *removing;           // [shard_count]; NULL: nobody wants to know
    void *net;                           // the network's, engine-wide
    void *http;                          // of the HTTP listeners
    _Alignas(CACHE_LINE) _Atomic uint32_t state; // enum engine_state
    _Atomic uint64_t parked_tasks;       // tasks whose `done` is still to come
    _Atomic uint64_t sleepers;           // calls that wait for their keys
    _Atomic uint64_t timed_sleepers;     // of these, not for ever
    _Atomic bool access_kept;            // shard 0 keeps settings.access_now, or has been asked to
    uint64_t access_seen;                // calls that shard 0 had seen when it looked last
};

int engine_open(const struct engine_config *config, struct engine **out);
static inline bool engine_closes(const struct engine *e) { return atomic_load(&e->state) == ENGINE_CLOSING; }
static inline bool engine_loads(const struct engine *e) {
    uint32_t state = atomic_load(&e->state);
    return state == ENGINE_LOADING || state == ENGINE_NOT_LOADED;
}
// Begins to load what is loaded in the background, and waits until it is, or has failed: KORA_OK, or why (`error` says more). KORA_LOADING: not by then; `timeout_ms` 0: does not
// wait, negative: for ever.
int engine_load(struct engine *e, int64_t timeout_ms, char *error, size_t error_size);
// Answers everybody who waits for a lease, and everybody who comes later, with KORA_CLOSED; calls that run end first.
void engine_begin_close(struct engine *e);
// Ends the shards and frees everything. After engine_begin_close, when no host thread is inside any more. KORA_OK, or KORA_READONLY: the log could not be written to its end.
int engine_close(struct engine *e);

// On the subscriber's shard: it has lost its owner. It leaves what it has subscribed to and is freed (mem_free), both later.
void engine_subscriber_leaves(struct shard *s, struct subscriber *who);

// Around every change made under a lease by others than tasks (typed calls): the first before the lease is let go, the second after.
// What the stripe's background has to do is told to its home.
struct stripe_news {
    bool compact;
};
static inline struct stripe_news stripe_news(struct stripe *s);
static inline void engine_tell_home(struct engine *e, struct stripe *s, struct stripe_news n);

// At the end of a typed call that has changed something in this stripe for which somebody waits (waiting.ready), its lease still held, its effects handed on.
void engine_serve(struct engine *e, const struct stripe *s);

// Host threads, with the stripe's lease held, before a typed call writes: waits until the log takes more. KORA_OK: the lease is held (it may have been let go
// meanwhile). KORA_READONLY, KORA_CLOSED: it is not.
int engine_wait_to_write(struct engine *e, uint32_t stripe);
// There is more in memory than maxmemory allows (account_full): evicts, holding no lease but for moments, and waiting for none. KORA_OK: go on; KORA_FULL: nothing can
// be evicted.
int engine_make_room(struct engine *e);

static inline struct shard *engine_home(struct engine *e, uint32_t stripe) { return &e->shards[stripe % e->shard_count]; }
void engine_log(struct engine *e, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
// True on a thread that is inside a callback, or belongs to an engine, of any database: it must not wait.
static inline bool engine_must_not_wait(void);
// Around callbacks that run on host threads.
static inline void engine_callback_begin(void);
static inline void engine_callback_end(void);

// ---- details of the inline functions above ------------------------------------------------------------------------------------

// What the library knows of the calling thread, whatever database it calls.
struct gate;
struct thread_state {
    uint32_t must_not_wait; // depth of callbacks; a shard's thread is always in one
    uint64_t database;      // whose gate it has found (api/gate.c); 0: none yet
    struct gate *gate;      // NULL: the shared one
};
extern _Thread_local struct thread_state thread_state;
static inline bool engine_must_not_wait(void) { return thread_state.must_not_wait != 0; }
static inline void engine_callback_begin(void) { thread_state.must_not_wait++; }
static inline void engine_callback_end(void) { thread_state.must_not_wait--; }

enum { COMPACT_LOOK_EVERY = 256 }; // changes of a stripe, at least, between two looks at its slabs
void engine_tell_home_slow(struct engine *e, struct stripe *s, struct stripe_news n);
void engine_drop_garbage(struct engine *e); // all leases are held: frees what a flush has left, in the background
void engine_drop_garbage_of(struct engine *e, struct stripe *s); // its lease is held: what a flush has left to a snapshot of it, which has ended

static inline struct stripe_news stripe_news(struct stripe *s) {
    uint64_t changes = atomic_load_explicit(&s->counters.changes, memory_order_relaxed);
    if (likely(changes - s->looked_at < COMPACT_LOOK_EVERY)) return (struct stripe_news){ false };
    s->looked_at = changes;
    return (struct stripe_news){ stripe_wants_compaction(s) };
}
static inline void engine_tell_home(struct engine *e, struct stripe *s, struct stripe_news n) {
    int64_t due = atomic_load_explicit(&s->due_ms, memory_order_relaxed);
    if (unlikely(n.compact || due < atomic_load(&engine_home(e, s->index)->armed_ms))) { // seq_cst: see background.c
        engine_tell_home_slow(e, s, n);
    }
}

#endif
