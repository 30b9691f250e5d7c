// Behind kora.h: handles, and how a host thread gets in and out.
#ifndef KORA_API_API_INT_H
#define KORA_API_API_INT_H

#include "base/clock.h"
#include "engine/engine.h"
#include "kora.h"

enum { GATES = 256 };

// Tells whether a host thread is inside. A gate belongs to one thread, so passing it is a plain store: kora_close makes all threads'
// stores visible by itself (membarrier), which costs it a moment and them nothing. See gate.c.
struct gate {
    _Alignas(CACHE_LINE) _Atomic uint32_t owner; // thread id; 0: nobody's
    _Atomic uint32_t inside;                     // depth of calls
};

struct database;

// What `kora *` points to: one for each numbered database.
struct kora {
    struct engine *engine;
    volatile const uint32_t *alive; // a page that fork wipes: 1, or 0 in a child
    struct database *owner;
    uint64_t id;                    // of the database, random: never that of an earlier one at the same address
    uint32_t number;
    bool plain_gates;               // membarrier is there
};

enum { HANDLES_CLOSED = 1 << 30 };

struct database {
    struct engine *engine;
    struct gate shared_gate;        // of threads that found no gate of their own: atomic increments
    struct gate gates[GATES];
    _Atomic uint32_t handles;       // sessions, iterators and pinned values that are out; HANDLES_CLOSED: there will be no more
    uint32_t *alive;
    uint32_t count;
    struct kora handle[];
};

int api_open(const char *dir, const kora_options *options, const struct os *os, kora **db); // kora_open, over any files; NULL: the system's

bool gates_init(void);                   // whether plain gates can be used
void gates_wait(struct database *d);     // until nobody is inside; `state` is ENGINE_CLOSING
void gate_find(kora *db, bool claim);    // sets thread_state for db

static inline void gate_enter(kora *db) {
    if (unlikely(thread_state.database != db->id)) gate_find(db, true);
    struct gate *g = thread_state.gate;
    if (likely(g && db->plain_gates)) {
        atomic_store_explicit(&g->inside, atomic_load_explicit(&g->inside, memory_order_relaxed) + 1, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_fetch_add(g ? &g->inside : &db->owner->shared_gate.inside, 1);
    }
}
static inline void gate_leave_by(kora *db, struct gate *g) {
    if (likely(g)) atomic_store_explicit(&g->inside, atomic_load_explicit(&g->inside, memory_order_relaxed) - 1, memory_order_release);
    else atomic_fetch_sub_explicit(&db->owner->shared_gate.inside, 1, memory_order_release);
}
static inline void gate_leave(kora *db) {
    if (unlikely(thread_state.database != db->id)) gate_find(db, false); // a callback has called another database
    gate_leave_by(db, thread_state.gate);
}

// It is not open: KORA_LOADING or KORA_CLOSED, the gate left.
int api_not_open(kora *db);
// KORA_OK: the caller is inside, and leaves with api_leave. Any thread.
static inline int api_enter_any(kora *db) {
    if (unlikely(!db)) return KORA_INVAL;
    if (unlikely(!*db->alive)) return KORA_MISUSE;
    gate_enter(db);
    // Sequentially consistent for gates without membarrier: kora_close sets it, then looks at the gates.
    if (likely(atomic_load(&db->engine->state) == ENGINE_OPEN)) return KORA_OK;
    return api_not_open(db);
}
// The same for calls that may wait.
static inline int api_enter(kora *db) {
    if (unlikely(engine_must_not_wait())) return KORA_MISUSE;
    return api_enter_any(db);
}
// The same for calls that need none of the data: also while it is loaded, and when that has failed.
int api_enter_loading_any(kora *db);
int api_enter_loading(kora *db);
static inline void api_leave(kora *db) { gate_leave(db); }

// One more thing is out. False: kora_close came first.
static inline bool api_handle_out(kora *db) {
    if (likely(atomic_fetch_add(&db->owner->handles, 1) < HANDLES_CLOSED)) return true;
    atomic_fetch_sub(&db->owner->handles, 1);
    return false;
}
static inline void api_handle_back(kora *db) { atomic_fetch_sub(&db->owner->handles, 1); }

static inline bool api_bad_bytes(const void *p, size_t n) { return !p && n; }
// The caller's bytes; those that are none have an address, too.
static inline struct slice api_slice(const void *p, size_t n) { return (struct slice){ p ? p : "", n }; }
static inline bool api_too_big(kora *db, size_t n) {
    return n > atomic_load_explicit(&db->engine->common.settings.proto_max_bulk_len, memory_order_relaxed);
}

// ---- one key: the way of the typed calls ------------------------------------------------------------------------------------

// A key whose lease is held.
struct spot {
    struct engine *engine;
    struct lease *lease;
    struct stripe *stripe;
    struct gate *gate;
    struct slice name;
    uint64_t hash;
    uint32_t number; // of the stripe
};

// A call about one key: its spot, and what a change needs.
struct op {
    kora *db;
    struct lease *lease;
    struct key key;
    struct txn txn;
    enum stat_typed typed;
    int64_t started_ns; // 0: not timed
    uint64_t bytes;     // of the value, if it was timed and they are known
};

// Enters, finds the key's stripe and takes its lease. On anything but KORA_OK the call is over. All of it inlined into each call, where
// it stays in registers: it is a few dozen instructions long.
static inline __attribute__((always_inline)) int spot_take(struct spot *s, kora *db, const void *key, size_t len) {
    int status = api_enter(db);
    if (unlikely(status != KORA_OK)) return status;
    if (unlikely((!key && len) || api_too_big(db, len))) {
        api_leave(db);
        return key ? KORA_TOOBIG : KORA_INVAL;
    }
    s->engine = db->engine;
    s->gate = thread_state.gate;
    s->name = (struct slice){ key, len };
    struct key_place at = key_place(&s->engine->common, s->name);
    s->hash = at.hash;
    s->number = at.stripe;
    s->stripe = &s->engine->common.stripes[at.stripe];
    s->lease = &s->engine->leases[at.stripe];
    if (likely(lease_try(s->lease)) || lease_wait(s->lease)) return KORA_OK;
    api_leave(db);
    return KORA_CLOSED;
}

// Behind spot_take of a call that writes. On anything but KORA_OK it is over.
static inline __attribute__((always_inline)) int spot_may_write(const struct spot *s, kora *db) {
    struct log *log = s->engine->log;
    int status = likely(!log) || likely(log_may_write(log, s->number)) ? KORA_OK : engine_wait_to_write(s->engine, s->number);
    if (unlikely(status != KORA_OK)) api_leave(db);
    return status;
}

// A call that is a sample (stat/stat.h) has run, its lease still held.
void op_measured(struct op *o, bool write);
static inline void op_count(struct op *o, bool write) {
    stat_count(&o->key.stripe->stat, o->typed);
    if (STATS_ON && unlikely(o->started_ns)) op_measured(o, write);
}

// Typed calls whose commands are flagged CMD_DENYOOM.
static inline bool typed_needs_room(enum stat_typed typed) {
    switch (typed) {
    case TYPED_SET: case TYPED_INCRBY: case TYPED_MSET: case TYPED_HSET: case TYPED_HINCRBY: case TYPED_LPUSH: case TYPED_RPUSH: case TYPED_SADD: case TYPED_ZADD:
    case TYPED_ZINCRBY: case TYPED_XADD: return true;
    default: return false;
    }
}
// There is more in memory than maxmemory allows: lets the key's lease go, sees to it that something is evicted, and takes the lease again. On anything but KORA_OK
// the call is over: KORA_FULL, KORA_CLOSED.
int api_room(kora *db, struct lease *l, struct gate *g);

static inline void op_of_spot(struct op *o, kora *db, const struct spot *s, enum stat_typed typed) {
    o->db = db;
    o->lease = s->lease;
    o->key = (struct key){ api_slice(s->name.p, s->name.n), s->hash, s->stripe, s->number, db->number, NULL };
    txn_begin(&o->txn, &s->engine->common);
    stripe_join(s->stripe, common_cut(&s->engine->common));
    o->typed = typed;
    o->started_ns = stat_due(&s->stripe->stat, typed) ? clock_mono_ns() : 0;
    o->bytes = 0;
}

static inline __attribute__((always_inline)) int op_begin(struct op *o, kora *db, const void *key, size_t len, enum stat_typed typed) {
    struct spot s;
    int status = spot_take(&s, db, key, len);
    if (likely(status == KORA_OK)) op_of_spot(o, db, &s, typed);
    return status;
}

static inline __attribute__((always_inline)) int op_begin_write(struct op *o, kora *db, const void *key, size_t len, enum stat_typed typed) {
    struct spot s;
    int status = spot_take(&s, db, key, len);
    if (likely(status == KORA_OK) && typed_needs_room(typed) && account_full(&s.engine->common)) status = api_room(db, s.lease, s.gate);
    if (likely(status == KORA_OK)) status = spot_may_write(&s, db);
    if (likely(status == KORA_OK)) op_of_spot(o, db, &s, typed);
    return status;
}

// Lets go of the key, and waits until what was read is durable; what is pinned may still be read until api_leave.
void op_unlease_durable(struct op *o);
static inline void op_unlease_read(struct op *o) {
    op_count(o, false);
    if (stripe_waits(o->key.stripe)) {
        op_unlease_durable(o);
        return;
    }
    effect_flush(&o->txn); // a read may have found that the key has expired
    if (unlikely(o->key.stripe->waiting.ready)) engine_serve(o->db->engine, o->key.stripe);
    lease_release(o->lease);
}
static inline void op_end_read(struct op *o) {
    op_unlease_read(o);
    api_leave(o->db);
}

// What a call that could not record its effect answers: there was no memory, or no room in the log.
static inline int op_answer(const struct txn *t, int status) { return unlikely(status == KORA_NOMEM && t->no_room) ? KORA_READONLY : status; }

// What the call answers: `status`, or KORA_READONLY if what it has changed will never be durable.
static inline __attribute__((warn_unused_result)) int op_end_write(struct op *o, bool changed, int status) {
    struct stripe *s = o->key.stripe;
    status = op_answer(&o->txn, status);
    op_count(o, true);
    if (changed) {
        count_up(&s->counters.changes);
        key_publish(&o->key);
        if (unlikely(s->waiting.count)) waiting_ready(&o->key);
        key_mark_watched(&o->key);
        if (LEASE_CHECK(10)) stripe_changed(s);
    }
    txn_end(&o->txn, &o->key.stripe_number, 1);
    if (unlikely(s->waiting.ready)) engine_serve(o->db->engine, s);
    struct stripe_news news = stripe_news(s);
    lease_release(o->lease);
    engine_tell_home(o->db->engine, s, news);
    if (unlikely(o->txn.need) && await_durable(o->db->engine, o->txn.need, o->txn.wrote) != KORA_OK) status = KORA_READONLY;
    api_leave(o->db);
    return status;
}

// A typed call that is a sample has run: keeps its time. False: another thread's is the sample.
struct typed_sample {
    struct stats *stats;
    uint32_t weight;
    int64_t now_ns;
};
bool typed_sampled(struct typed_sample *t, kora *db, struct stripe *s, enum stat_typed typed, int64_t started_ns);
void typed_key(const struct typed_sample *t, const struct key *k, bool write, uint64_t bytes); // it was about this key

// Runs a command and waits for it. On KORA_OK its reply is in `out`, as RESP3, and `reply` tells where; out is the caller's in any case (buf_free). Inside.
int api_command(kora *db, int argc, struct slice *argv, struct buf *out, struct slice *reply);

// Its parts, for calls with a session: its reply comes into `out`, behind what api_reply_begin has put there, and becomes a tree by api_reply_end.
enum { API_REPLY_AT = sizeof(kora_reply) };
void api_session_start(struct session *s, kora *db);
void api_session_stop(struct session *s, kora *db);
bool api_args_bad(int argc, const char *const *argv, const size_t *argv_len);
struct slice api_arg(int i, const char *const *argv, const size_t *argv_len);
bool api_reply_begin(struct buf *b); // false: no memory
int api_run(kora *db, struct session *session, int argc, struct slice *argv, struct buf *out);
bool api_reply_is_full(struct slice reply); // the error that maxmemory is the reason of
int api_reply_end(struct buf *b, kora_reply **reply); // KORA_OK or KORA_NOMEM
void api_result(void *to, size_t size, const void *from, size_t known); // a newer caller's struct is longer: what is not known here is zero
int api_options(void *to, size_t known, const void *from); // copies options over defaults: KORA_OK or KORA_INVAL
int api_from_root(const char *path, char **to); // mem_alloc'ed; NULL stays NULL
// Times: the moment that `ttl_ms` or `expire_at_ms` of options mean, EXPIRE_NONE if neither; KORA_INVAL
int api_expiry(struct txn *t, int64_t ttl_ms, int64_t expire_at_ms, int64_t *at_ms);

#endif
