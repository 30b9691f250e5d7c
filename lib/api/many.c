// Many keys at one instant. With all leases held the look-ups go in three rounds (buckets, entries, values), so that the cache misses of
// one round overlap.
#include "api/api_int.h"
#include "base/mem.h"

enum { KEYS_INLINE = 32, BATCH = 16 };

struct many {
    kora *db;
    size_t count;
    struct key *keys;
    struct task task; // for its leases
    struct txn txn;
    struct key few[KEYS_INLINE];
};

// Enters, locates the keys, takes the leases. On anything but KORA_OK the call is over.
static int many_begin(struct many *m, kora *db, const kora_bytes *keys, size_t count) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    struct engine *e = db->engine;
    m->db = db;
    m->count = count;
    m->keys = m->few;
    bool bad = count > UINT32_MAX || (count && !keys), big = false;
    for (size_t i = 0; !bad && i < count; i++) {
        bad = api_bad_bytes(keys[i].data, keys[i].len);
        big |= api_too_big(db, keys[i].len);
    }
    if (bad || big) {
        api_leave(db);
        return bad ? KORA_INVAL : KORA_TOOBIG;
    }
    if (count > KEYS_INLINE) m->keys = mem_alloc(count * sizeof *m->keys);
    if (m->keys) {
        for (size_t i = 0; i < count; i++) {
            key_locate(&e->common, &m->keys[i], db->number, api_slice(keys[i].data, keys[i].len));
        }
        status = task_lease_keys(&m->task, e, m->keys, (uint32_t)count);
    } else {
        status = KORA_NOMEM;
    }
    if (status != KORA_OK) {
        if (m->keys != m->few) mem_free(m->keys);
        api_leave(db);
        return status;
    }
    m->txn = txn_begin(&e->common);
    return KORA_OK;
}

static void many_end(struct many *m, bool changed) {
    if (m->count) count_up(&m->keys[0].stripe->counters.commands);
    effect_flush(&m->txn);
    task_unlease_keys(&m->task, changed);
    if (m->keys != m->few) mem_free(m->keys);
    api_leave(m->db);
}

static void prefetch_batch(const struct key *keys, size_t n) {
    for (size_t i = 0; i < n; i++) key_prefetch_bucket(&keys[i]);
    for (size_t i = 0; i < n; i++) key_prefetch_entry(&keys[i]);
}

static size_t read_one(struct many *m, size_t i, kora_value *v, char *buffer, size_t size, size_t used) {
    char number[NUM_INT_MAX];
    struct entry *e = key_read(&m->txn, &m->keys[i]);
    *v = (kora_value){ NULL, 0, e ? KORA_WRONGTYPE : KORA_NOTFOUND };
    if (!e || e->type != TYPE_STRING) return used;
    struct slice s = entry_string(e, number);
    *v = (kora_value){ buffer + (buffer ? used : 0), s.n, KORA_OK };
    if (s.n && used <= size && s.n <= size - used) memcpy(buffer + used, s.p, s.n);
    return used + s.n;
}

KORA_API int kora_get_many(kora *db, const kora_bytes *keys, size_t count, kora_value *values, void *buffer, size_t size, size_t *used) {
    struct many m;
    if ((count && !values) || api_bad_bytes(buffer, size)) return KORA_INVAL;
    int status = many_begin(&m, db, keys, count);
    if (status != KORA_OK) return status;
    size_t n = 0;
    for (size_t from = 0; from < count; from += BATCH) {
        size_t to = MIN(count, from + BATCH);
        prefetch_batch(&m.keys[from], to - from);
        for (size_t i = from; i < to; i++) n = read_one(&m, i, &values[i], buffer, size, n);
    }
    many_end(&m, false);
    if (used) *used = n;
    return n <= size ? KORA_OK : KORA_NOSPACE;
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
