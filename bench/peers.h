// What in-process calls are compared with: LMDB, SQLite in memory, and a plain chained hash table behind one mutex.
//
// Each is used as its own manual says is fast for this, and in a way that gives what kora_get gives: the value as it is now,
// copied into the caller's buffer.
//   LMDB    in /dev/shm, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS; a read is mdb_txn_renew, mdb_get, copy, mdb_txn_reset, on a
//           transaction that the thread keeps; `batched` renews it once in 1,000 reads only, and so reads the past;
//           a write is a transaction of its own
//   SQLite  :memory:, WITHOUT ROWID, statements prepared once a thread, journal_mode and synchronous off, SQLITE_OPEN_NOMUTEX; with
//           more than one thread all use the one connection behind a mutex (cheaper than SQLite's own, and its shared cache locks the table)
//   hash    buckets of a power of two at least the number of keys, FNV-1a, entries from malloc; no expiry, no types, no statistics
#ifndef KORA_BENCH_PEERS_H
#define KORA_BENCH_PEERS_H

#include <lmdb.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "bench.h"

// ---- LMDB ----

struct lmdb {
    MDB_env *env;
    MDB_dbi dbi;
};

static inline void lmdb_need(int rc, const char *what) {
    if (rc != MDB_SUCCESS) die("LMDB: %s: %s", what, mdb_strerror(rc));
}

static inline void lmdb_open(struct lmdb *l) {
    char dir[] = "/dev/shm/kora-bench-XXXXXX", path[64];
    if (!mkdtemp(dir)) die("%s: %s", dir, strerror(errno));
    lmdb_need(mdb_env_create(&l->env), "create");
    lmdb_need(mdb_env_set_mapsize(l->env, (size_t)4 << 30), "map size");
    lmdb_need(mdb_env_open(l->env, dir, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS, 0600), "open");
    // Nothing opens the files again; without names they go with the process, however it ends.
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);
    rmdir(dir);
    MDB_txn *t;
    lmdb_need(mdb_txn_begin(l->env, NULL, 0, &t), "begin");
    lmdb_need(mdb_dbi_open(t, NULL, 0, &l->dbi), "dbi");
    lmdb_need(mdb_txn_commit(t), "commit");
}

static inline void lmdb_close(struct lmdb *l) { mdb_env_close(l->env); }

static inline bool lmdb_put(struct lmdb *l, MDB_txn *t, const char *key, const void *value, size_t n) {
    MDB_val k = { KEY_LEN, (void *)(uintptr_t)key }, v = { n, (void *)(uintptr_t)value };
    return mdb_put(t, l->dbi, &k, &v, 0) == MDB_SUCCESS;
}
static inline bool lmdb_set(struct lmdb *l, const char *key, const void *value, size_t n) {
    MDB_txn *t;
    if (mdb_txn_begin(l->env, NULL, 0, &t) != MDB_SUCCESS) return false;
    if (!lmdb_put(l, t, key, value, n)) {
        mdb_txn_abort(t);
        return false;
    }
    return mdb_txn_commit(t) == MDB_SUCCESS;
}
static inline bool lmdb_read(struct lmdb *l, MDB_txn *t, const char *key, void *to, size_t *n) {
    MDB_val k = { KEY_LEN, (void *)(uintptr_t)key }, v;
    if (mdb_get(t, l->dbi, &k, &v) != MDB_SUCCESS) return false;
    memcpy(to, v.mv_data, *n = v.mv_size);
    return true;
}

// ---- SQLite ----

struct sqlite {
    sqlite3 *db;
    pthread_mutex_t lock;
};

struct sqlite_statements {
    sqlite3_stmt *get, *set;
};

static inline void sqlite_need(struct sqlite *q, int rc, const char *what) {
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) die("SQLite: %s: %s", what, sqlite3_errmsg(q->db));
}

static inline void sqlite_open(struct sqlite *q) {
    pthread_mutex_init(&q->lock, NULL);
    if (sqlite3_open_v2(":memory:", &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        die("SQLite does not open");
    }
    sqlite_need(q, sqlite3_exec(q->db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
        "CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID", NULL, NULL, NULL), "create");
}

static inline void sqlite_prepare(struct sqlite *q, struct sqlite_statements *s) {
    sqlite_need(q, sqlite3_prepare_v3(q->db, "SELECT v FROM kv WHERE k = ?1", -1, SQLITE_PREPARE_PERSISTENT, &s->get, NULL), "prepare");
    sqlite_need(q, sqlite3_prepare_v3(q->db, "INSERT INTO kv VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v", -1,
        SQLITE_PREPARE_PERSISTENT, &s->set, NULL), "prepare");
}

static inline void sqlite_finish(struct sqlite_statements *s) {
    sqlite3_finalize(s->get);
    sqlite3_finalize(s->set);
}

static inline bool sqlite_get(struct sqlite_statements *s, const char *key, void *to, size_t *n) {
    sqlite3_bind_blob(s->get, 1, key, KEY_LEN, SQLITE_STATIC);
    bool found = sqlite3_step(s->get) == SQLITE_ROW;
    if (found) {
        *n = (size_t)sqlite3_column_bytes(s->get, 0);
        memcpy(to, sqlite3_column_blob(s->get, 0), *n);
    }
    sqlite3_reset(s->get);
    return found;
}

static inline bool sqlite_set(struct sqlite_statements *s, const char *key, const void *value, size_t n) {
    sqlite3_bind_blob(s->set, 1, key, KEY_LEN, SQLITE_STATIC);
    sqlite3_bind_blob(s->set, 2, value, (int)n, SQLITE_STATIC);
    bool done = sqlite3_step(s->set) == SQLITE_DONE;
    sqlite3_reset(s->set);
    return done;
}

// ---- a chained hash table behind one mutex ----

struct chain {
    struct chain *next;
    size_t len;
    char key[KEY_LEN], value[];
};

struct chains {
    pthread_mutex_t lock;
    struct chain **bucket;
    uint64_t mask;
};

static inline void chains_open(struct chains *h, uint64_t keys) {
    pthread_mutex_init(&h->lock, NULL);
    uint64_t n = 1024;
    while (n < keys) n *= 2;
    h->bucket = need_alloc(n * sizeof(*h->bucket));
    h->mask = n - 1;
}

static inline void chains_close(struct chains *h) {
    for (uint64_t i = 0; i <= h->mask; i++) {
        for (struct chain *c = h->bucket[i], *next; c; c = next) next = c->next, free(c);
    }
    free(h->bucket);
}

static inline struct chain **chains_find(struct chains *h, const char *key) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < KEY_LEN; i++) hash = (hash ^ (uint8_t)key[i]) * 0x100000001b3u;
    struct chain **c = &h->bucket[(hash ^ (hash >> 32)) & h->mask];
    while (*c && memcmp((*c)->key, key, KEY_LEN) != 0) c = &(*c)->next;
    return c;
}

static inline bool chains_get(struct chains *h, const char *key, void *to, size_t *n) {
    pthread_mutex_lock(&h->lock);
    struct chain *c = *chains_find(h, key);
    if (c) memcpy(to, c->value, *n = c->len);
    pthread_mutex_unlock(&h->lock);
    return c;
}

static inline bool chains_set(struct chains *h, const char *key, const void *value, size_t n) {
    pthread_mutex_lock(&h->lock);
    struct chain **at = chains_find(h, key), *c = *at;
    if (!c || c->len != n) {
        struct chain *fresh = malloc(sizeof(*fresh) + n);
        if (!fresh) {
            pthread_mutex_unlock(&h->lock);
            return false;
        }
        memcpy(fresh->key, key, KEY_LEN);
        fresh->next = c ? c->next : NULL;
        fresh->len = n;
        *at = fresh;
        free(c);
        c = fresh;
    }
    memcpy(c->value, value, n);
    pthread_mutex_unlock(&h->lock);
    return true;
}

#endif
