// Many keys at one instant.
//
// Writing takes the leases of all of them at once. Reading takes one after the other, and then looks whether anything has changed meanwhile: if
// no stripe has from when its key was read until after the last key was, all the values were there together at that moment. Else it starts again, with all leases.
// The look-ups go in three rounds (buckets, entries, values), so that the cache misses of one round overlap.
#include "api/api_int.h"
#include "base/mem.h"

enum { KEYS_INLINE = 32, BATCH = 16 };

struct many {
    kora *db;
    size_t count;
    struct key *keys;
    uint32_t *versions; // of their stripes, when they were read
    struct txn txn;
    struct task task; // for all leases
    struct key few[KEYS_INLINE];
    uint32_t few_versions[KEYS_INLINE];
};

// Enters and locates the keys. On anything but KORA_OK the call is over.
static int many_enter(struct many *m, kora *db, const kora_bytes *keys, size_t count) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    m->db = db;
    m->count = count;
    m->keys = m->few;
    m->versions = m->few_versions;
    bool bad = count > UINT32_MAX || (count && !keys), big = false;
    for (size_t i = 0; !bad && i < count; i++) {
        bad = api_bad_bytes(keys[i].data, keys[i].len);
        big |= api_too_big(db, keys[i].len);
    }
    status = bad ? KORA_INVAL : big ? KORA_TOOBIG : KORA_OK;
    if (status == KORA_OK && count > KEYS_INLINE) {
        m->keys = mem_alloc(count * (sizeof *m->keys + sizeof *m->versions));
        m->versions = (uint32_t *)(void *)(m->keys + count);
        if (!m->keys) status = KORA_NOMEM;
    }
    if (status != KORA_OK) {
        api_leave(db);
        return status;
    }
    struct common *c = &db->engine->common;
    for (size_t i = 0; i < count; i++) key_locate(c, &m->keys[i], db->number, api_slice(keys[i].data, keys[i].len));
    txn_begin(&m->txn, c);
    return KORA_OK;
}

static void many_leave(struct many *m) {
    if (m->keys != m->few) mem_free(m->keys);
    api_leave(m->db);
}

// The same, with all leases.
static int many_begin(struct many *m, kora *db, const kora_bytes *keys, size_t count) {
    int status = many_enter(m, db, keys, count);
    if (status != KORA_OK) return status;
    status = task_lease_keys(&m->task, db->engine, m->keys, (uint32_t)count);
    if (status != KORA_OK) many_leave(m);
    return status;
}

static void count_command(struct many *m) {
    if (m->count) count_up(&m->keys[0].stripe->counters.commands);
}

static void many_end(struct many *m, bool changed) {
    count_command(m);
    effect_flush(&m->txn);
    task_unlease_keys(&m->task, changed);
    many_leave(m);
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

static inline void read_one(struct many *m, size_t i, kora_value *v, struct sink *to) {
    char number[NUM_INT_MAX];
    struct entry *e = key_read(&m->txn, &m->keys[i]);
    if (unlikely(!e || e->type != TYPE_STRING)) {
        *v = (kora_value){ NULL, 0, e ? KORA_WRONGTYPE : KORA_NOTFOUND };
        return;
    }
    struct slice s = entry_string(e, number);
    v->data = to->buffer + (to->buffer ? to->used : 0);
    v->len = s.n;
    v->status = KORA_OK;
    if (s.n && to->used <= to->size && s.n <= to->size - to->used) memcpy(to->buffer + to->used, s.p, s.n);
    to->used += s.n;
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

static int read_apart(struct many *m, kora_value *values, struct sink *to) {
    struct engine *e = m->db->engine;
    for (size_t from = 0; from < m->count; from += BATCH) {
        size_t end = MIN(m->count, from + BATCH);
        for (size_t i = from; i < end; i++) {
            struct lease *l = &e->leases[m->keys[i].stripe_number];
            if (unlikely(!lease_try(l)) && !lease_wait(l)) return KORA_CLOSED;
            // With one lease held no database is dropped, which takes all of them: so the tables of all stripes may be looked into.
            if (i == from) prefetch_batch(&m->keys[from], end - from);
            read_one(m, i, &values[i], to);
            effect_flush(&m->txn);
            m->versions[i] = stripe_version(m->keys[i].stripe);
            lease_release(l);
            lease_took(LEASE_PATH_APART);
        }
    }
    return still_so(m) ? KORA_OK : READ_AGAIN;
}

static int read_together(struct many *m, kora_value *values, struct sink *to) {
    int status = task_lease_keys(&m->task, m->db->engine, m->keys, (uint32_t)m->count);
    if (status != KORA_OK) return status;
    txn_begin(&m->txn, m->txn.common);
    for (size_t i = 0; i < m->count; i++) read_one(m, i, &values[i], to);
    effect_flush(&m->txn);
    task_unlease_keys(&m->task, false);
    return KORA_OK;
}

KORA_API int kora_get_many(kora *db, const kora_bytes *keys, size_t count, kora_value *values, void *buffer, size_t size, size_t *used) {
    struct many m;
    struct sink to = { buffer, size, 0 };
    if ((count && !values) || api_bad_bytes(buffer, size)) return KORA_INVAL;
    int status = many_enter(&m, db, keys, count);
    if (status != KORA_OK) return status;
    status = read_apart(&m, values, &to);
    if (unlikely(status == READ_AGAIN)) {
        to.used = 0;
        status = read_together(&m, values, &to);
    }
    count_command(&m);
    many_leave(&m);
    if (status != KORA_OK) return status;
    if (used) *used = to.used;
    return to.used <= size ? KORA_OK : KORA_NOSPACE;
}

// ---- writing -----------------------------------------------------------------------------------------------------------

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
    for (size_t i = 0; i < m->count; i++) count_up(&m->keys[i].stripe->counters.changes);
    return KORA_OK;
}

KORA_API int kora_set_many(kora *db, const kora_bytes *keys, const kora_bytes *values, size_t count, int64_t ttl_ms) {
    struct many m;
    if ((count && !values) || ttl_ms < 0 || !db) return KORA_INVAL;
    for (size_t i = 0; i < count; i++) {
        if (api_bad_bytes(values[i].data, values[i].len)) return KORA_INVAL;
    }
    int status = many_begin(&m, db, keys, count);
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
    many_end(&m, status == KORA_OK);
    return status;
}

KORA_API int kora_del_many(kora *db, const kora_bytes *keys, size_t count, size_t *deleted) {
    struct many m;
    int status = many_begin(&m, db, keys, count);
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
        count_up(&m.keys[i].stripe->counters.changes);
        n++;
    }
    many_end(&m, n > 0);
    if (status == KORA_OK && deleted) *deleted = n;
    return status;
}
