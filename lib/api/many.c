// Many keys at one instant.
//
// Writing takes the leases of all of them at once. Reading takes one after the other, and then looks whether anything has changed meanwhile: if
// no stripe has from when its key was read until after the last key was, all the values were there together at that moment. Else it starts again, with all leases.
// The look-ups go in three rounds (buckets, entries, values), so that the cache misses of one round overlap, also with the hashing of the next keys.
#include "api/api_int.h"
#include "base/clock.h"
#include "base/mem.h"

enum { KEYS_INLINE = 32, BATCH = 16 };

struct many {
    kora *db;
    const kora_bytes *names;
    size_t count;
    struct key *keys;
    uint32_t *versions; // of their stripes, when they were read
    struct txn txn;
    struct task task; // for all leases
    uint64_t need;      // what must be durable before it returns
    enum stat_typed typed;
    int64_t started_ns; // 0: not timed
    struct key few[KEYS_INLINE];
    uint32_t few_versions[KEYS_INLINE];
};

static void many_leave(struct many *m) {
    if (unlikely(m->keys != m->few)) mem_free(m->keys);
    api_leave(m->db);
}

static int many_refuse(struct many *m, int status) {
    many_leave(m);
    return status;
}

// Enters, with room for the keys. On anything but KORA_OK the call is over.
static int many_enter(struct many *m, kora *db, const kora_bytes *keys, size_t count, enum stat_typed typed) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    m->db = db;
    m->names = keys;
    m->count = count;
    m->typed = typed;
    m->started_ns = 0;
    m->need = 0;
    m->keys = m->few;
    m->versions = m->few_versions;
    if (count > UINT32_MAX || (count && !keys)) return many_refuse(m, KORA_INVAL);
    if (count > KEYS_INLINE) {
        m->keys = mem_alloc(count * (sizeof *m->keys + sizeof *m->versions));
        if (!m->keys) return many_refuse(m, KORA_NOMEM);
        m->versions = (uint32_t *)(void *)(m->keys + count);
    }
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        if (unlikely(api_bad_bytes(keys[i].data, keys[i].len))) return many_refuse(m, KORA_INVAL);
        longest = MAX(longest, keys[i].len);
    }
    if (unlikely(api_too_big(db, longest))) return many_refuse(m, KORA_TOOBIG);
    txn_begin(&m->txn, &db->engine->common);
    return KORA_OK;
}

static inline struct key *many_locate(struct many *m, size_t i) {
    key_locate(m->txn.common, &m->keys[i], m->db->number, api_slice(m->names[i].data, m->names[i].len));
    return &m->keys[i];
}

// Under the lease of the first key's stripe, where it is counted.
static inline void many_started(struct many *m) {
    if (m->count && stat_due(&m->keys[0].stripe->stat, m->typed)) m->started_ns = clock_mono_ns();
}
static inline void many_count(struct many *m) {
    if (m->count) stat_count(&m->keys[0].stripe->stat, m->typed);
}

// The same, with all leases.
static int many_begin(struct many *m, kora *db, const kora_bytes *keys, size_t count, enum stat_typed typed) {
    int status = many_enter(m, db, keys, count, typed);
    if (status != KORA_OK) return status;
    for (size_t i = 0; i < count; i++) many_locate(m, i);
    status = task_lease_keys(&m->task, db->engine, m->keys, (uint32_t)count, true);
    if (status != KORA_OK) many_leave(m);
    else many_started(m);
    return status;
}

// It was a sample: its keys are, too.
static __attribute__((noinline)) void many_measured(struct many *m, uint64_t bytes) {
    struct typed_sample t;
    if (!typed_sampled(&t, m->db, m->keys[0].stripe, m->typed, m->started_ns)) return;
    for (size_t i = 0; i < m->count; i++) typed_key(&t, &m->keys[i], m->typed != TYPED_MGET, bytes / m->count + m->keys[i].name.n);
}

// What the call answers: `status`, or KORA_READONLY if what it has changed will never be durable.
static int many_end(struct many *m, bool changed, int status) {
    many_count(m);
    if (STATS_ON && unlikely(m->started_ns)) many_measured(m, 0);
    txn_end(&m->txn, m->task.stripes, m->task.stripe_count);
    task_unlease_keys(&m->task, changed);
    if (unlikely(m->txn.need) && await_durable(m->db->engine, m->txn.need, m->txn.wrote) != KORA_OK) status = KORA_READONLY;
    many_leave(m);
    return status;
}

// ---- reading -----------------------------------------------------------------------------------------------------------

static void prefetch_batch(struct key *keys, size_t n) {
    for (size_t i = 0; i < n; i++) key_prefetch_bucket(&keys[i]);
    for (size_t i = 0; i < n; i++) key_prefetch_entry(&keys[i]);
}

// Where values go.
struct sink {
    char *buffer;
    size_t size, used;
};

static inline void put_value(kora_value *v, struct sink *to, struct slice s) {
    char *at = to->buffer + (likely(to->buffer != NULL) ? to->used : 0);
    v->data = at;
    v->len = s.n;
    v->status = KORA_OK;
    if (likely(s.n && to->used <= to->size && s.n <= to->size - to->used)) memcpy(at, s.p, s.n);
    to->used += s.n;
}

static __attribute__((noinline)) void read_other(struct txn *t, const struct key *k, uint32_t how, kora_value *v, struct sink *to) {
    char number[NUM_INT_MAX];
    struct entry *e = key_find(t, k, how);
    if (e && e->type == TYPE_STRING) put_value(v, to, entry_string(e, number));
    else *v = (kora_value){ NULL, 0, e ? KORA_WRONGTYPE : KORA_NOTFOUND };
    txn_end(t, &k->stripe_number, 1); // it may have found that the key has expired
}

static inline __attribute__((always_inline)) void read_one(struct txn *t, const struct key *k, kora_value *v, struct sink *to) {
    const struct entry *e = key_read_plain(t->common, k->stripe, k->db, k->hash, &k->name);
    if (likely(e != NULL)) put_value(v, to, (struct slice){ (const char *)(e + 1) + k->name.n, e->value_len });
    else read_other(t, k, FIND_COUNT | FIND_TOUCH, v, to);
}

// True: what was read one after the other was there all at once. Who let a lease go that was taken here had told of its changes to all its stripes
// before, so it is enough to look at the counters. And nobody may have seen a later time than the one by which expiries were judged.
static bool still_so(struct many *m) {
    uint64_t differ = 0;
    for (size_t i = 0; LEASE_CHECK(6) && i < m->count; i++) differ |= stripe_version(m->keys[i].stripe) ^ m->versions[i];
    if (LEASE_CHECK(8) && m->txn.now_ms) differ |= (uint64_t)(atomic_load(&m->txn.common->now_max) ^ m->txn.now_ms);
    if (differ) lease_took(LEASE_PATH_MOVED);
    return differ == 0;
}

enum { READ_AGAIN = -1 }; // they were not there all at once

// Locates some keys and brings what they need into the cache. The lease of the first is then held, and while it is no database is dropped, which takes
// all leases: so the tables of all stripes may be looked into.
static bool fetch(struct many *m, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        struct key *k = many_locate(m, i);
        struct lease *l = &m->db->engine->leases[k->stripe_number];
        if (i == from && unlikely(!lease_try(l)) && !lease_wait(l)) return false;
        key_prefetch_bucket(k);
    }
    for (size_t i = from; i < to; i++) key_prefetch_entry(&m->keys[i]);
    return true;
}

static int read_apart(struct many *m, kora_value *values, struct sink *to) {
    struct lease *leases = m->db->engine->leases;
    for (size_t i = 0, next = 0; i < m->count; i++) {
        if (i == next && unlikely(!fetch(m, i, next = MIN(m->count, i + BATCH)))) return KORA_CLOSED;
        const struct key *k = &m->keys[i];
        struct lease *l = &leases[k->stripe_number];
        if (i % BATCH != 0 && unlikely(!lease_try(l)) && !lease_wait(l)) return KORA_CLOSED;
        if (i == 0) many_started(m);
        read_one(&m->txn, k, &values[i], to);
        m->versions[i] = stripe_version(k->stripe);
        if (stripe_waits(k->stripe)) m->need = MAX(m->need, stripes_need(m->txn.common, &k->stripe_number, 1, false));
        if (i == 0) many_count(m);
        lease_release(l);
        lease_took(LEASE_PATH_APART);
    }
    return still_so(m) ? KORA_OK : READ_AGAIN;
}

static int read_together(struct many *m, kora_value *values, struct sink *to) {
    int status = task_lease_keys(&m->task, m->db->engine, m->keys, (uint32_t)m->count, false);
    if (status != KORA_OK) return status;
    txn_begin(&m->txn, m->txn.common);
    for (size_t i = 0; i < m->count; i++) read_other(&m->txn, &m->keys[i], 0, &values[i], to); // they have been counted
    if (txn_waits(m->txn.common)) m->need = stripes_need(m->txn.common, m->task.stripes, m->task.stripe_count, false);
    task_unlease_keys(&m->task, false);
    return KORA_OK;
}

KORA_API int kora_get_many(kora *db, const kora_bytes *keys, size_t count, kora_value *values, void *buffer, size_t size, size_t *used) {
    struct many m;
    struct sink to = { buffer, size, 0 };
    if ((count && !values) || api_bad_bytes(buffer, size)) return KORA_INVAL;
    int status = many_enter(&m, db, keys, count, TYPED_MGET);
    if (status != KORA_OK) return status;
    status = read_apart(&m, values, &to);
    if (unlikely(status == READ_AGAIN)) {
        to.used = 0;
        status = read_together(&m, values, &to);
    }
    if (STATS_ON && unlikely(m.started_ns)) many_measured(&m, to.used);
    if (unlikely(m.need)) await_durable(db->engine, m.need, false);
    many_leave(&m);
    if (status != KORA_OK) return status;
    if (used) *used = to.used;
    return to.used <= size ? KORA_OK : KORA_NOSPACE;
}

// ---- writing -----------------------------------------------------------------------------------------------------------

// What it held may have been a collection, or waited for: who waits is served when the leases are let go.
static void many_changed(const struct key *k) {
    count_up(&k->stripe->counters.changes);
    key_publish(k);
    if (unlikely(k->stripe->waiting.count)) waiting_ready(k);
    key_mark_watched(k);
}

static int set_all(struct many *m, const kora_bytes *values, int64_t at_ms) {
    for (size_t i = 0; i < m->count; i++) key_write(&m->txn, &m->keys[i]); // what has expired goes first
    if (!txn_undo_begin(&m->txn, m->count)) return KORA_NOMEM;
    int status = KORA_OK;
    for (size_t i = 0; status == KORA_OK && i < m->count; i++) {
        const struct key *k = &m->keys[i];
        struct slice v = api_slice(values[i].data, values[i].len);
        struct entry *e = key_find(&m->txn, k, 0);
        status = effect_set(&m->txn, k, v, at_ms, false) ? key_set_string(&m->txn, k, e, v, STRING_AS_SET, at_ms, NULL) : KORA_NOMEM;
    }
    if (status != KORA_OK) {
        txn_undo_rollback(&m->txn);
        return status;
    }
    txn_undo_commit(&m->txn);
    for (size_t i = 0; i < m->count; i++) {
        many_changed(&m->keys[i]);
        event_emit(&m->txn, &m->keys[i], EVENT_STRING, "set");
        if (at_ms > 0) event_emit(&m->txn, &m->keys[i], EVENT_GENERIC, "expire");
    }
    return KORA_OK;
}

KORA_API int kora_set_many(kora *db, const kora_bytes *keys, const kora_bytes *values, size_t count, int64_t ttl_ms) {
    struct many m;
    if ((count && !values) || ttl_ms < 0 || !db) return KORA_INVAL;
    for (size_t i = 0; i < count; i++) {
        if (api_bad_bytes(values[i].data, values[i].len)) return KORA_INVAL;
    }
    int status = many_begin(&m, db, keys, count, TYPED_MSET);
    if (status != KORA_OK) return status;
    int64_t at_ms;
    for (size_t i = 0; i < count && status == KORA_OK; i++) {
        if (api_too_big(db, values[i].len)) status = KORA_TOOBIG;
    }
    if (status == KORA_OK) status = api_expiry(&m.txn, ttl_ms, 0, &at_ms);
    if (status == KORA_OK) {
        for (size_t from = 0; from < count; from += BATCH) prefetch_batch(&m.keys[from], MIN(count - from, (size_t)BATCH));
        status = set_all(&m, values, at_ms);
    }
    return many_end(&m, status == KORA_OK, status);
}

KORA_API int kora_del_many(kora *db, const kora_bytes *keys, size_t count, size_t *deleted) {
    struct many m;
    int status = many_begin(&m, db, keys, count, TYPED_DEL);
    if (status != KORA_OK) return status;
    size_t n = 0;
    for (size_t from = 0; from < count; from += BATCH) prefetch_batch(&m.keys[from], MIN(count - from, (size_t)BATCH));
    // What has expired goes first, and stays gone. Then the effects: with all of them recorded nothing can fail any more.
    for (size_t i = 0; i < count; i++) key_write(&m.txn, &m.keys[i]);
    size_t recorded = m.txn.effects.n;
    uint32_t emitted = m.txn.emitted;
    for (size_t i = 0; effect_wanted(&m.txn) && status == KORA_OK && i < count; i++) {
        if (key_find(&m.txn, &m.keys[i], 0) && !effect_del(&m.txn, &m.keys[i])) status = KORA_NOMEM;
    }
    if (status != KORA_OK) effect_forget(&m.txn, recorded, emitted);
    for (size_t i = 0; status == KORA_OK && i < count; i++) {
        struct entry *e = key_find(&m.txn, &m.keys[i], 0);
        if (!e) continue; // named twice, or missing
        key_delete(&m.txn, &m.keys[i], e);
        event_emit(&m.txn, &m.keys[i], EVENT_GENERIC, "del");
        many_changed(&m.keys[i]);
        n++;
    }
    status = many_end(&m, n > 0, status);
    if (status == KORA_OK && deleted) *deleted = n;
    return status;
}
