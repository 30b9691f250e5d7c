// Loading a snapshot: its files in parallel. A file has the keys of some stripes, so the threads touch different parts of the data, which is checked
// of each key: nothing that stands in a file is trusted. Each key is made under its stripe's lease: shards may run (loading.c).
#include "engine/save.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/durable.h"
#include "engine/loading.h"
#include "kora.h"
#include "store/byte_file.h"
#include "store/lz4_file.h"
#include "store/snapshot_dir.h"
#include "type/rdb_value.h"

enum { WHY = 200, TELL_EVERY_MS = 100 };

struct load {
    struct engine *engine;
    uint32_t files;
    _Atomic uint32_t next;       // file to be loaded
    _Atomic uint64_t done, keys;
    _Atomic bool failing;
    pthread_mutex_t mutex;       // of what follows
    pthread_cond_t changed;
    uint32_t running;            // threads
    int status;                  // the first thing that went wrong
    char why[WHY];
};

struct loading { // a file
    struct load *of;
    uint32_t number;
    struct file_source file;
    struct lz4_source lz4;
    struct rdb_file_reader reader;
    uint32_t stripes;            // that the data was divided into; 0: it has not told yet
    bool numbered, placed;       // it has told which snapshot's it is; which of how many files
    int64_t access;              // enum access_policy of those who noted it; -1: it has not told
    uint64_t told;               // bytes of the file that are in load.done
    struct txn txn;              // of all its keys: clocks are read once
};

__attribute__((format(printf, 3, 4))) static int refuse(struct loading *x, int status, const char *format, ...) {
    struct load *l = x->of;
    char why[WHY / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    pthread_mutex_lock(&l->mutex);
    if (l->status == KORA_OK) {
        l->status = status;
        snprintf(l->why, sizeof l->why, "snapshot-%016" PRIx64 "/%04u.rdb.lz4: %s", l->engine->durable->store.manifest.snapshot, x->number, why);
    }
    pthread_mutex_unlock(&l->mutex);
    atomic_store(&l->failing, true);
    return status;
}

// ---- a key ---------------------------------------------------------------------------------------------------------------------

// Its stripe as it was counted then is one of this file's.
static bool is_ours(const struct loading *x, const struct key *k) {
    uint32_t into = x->of->engine->common.stripe_count / x->stripes;
    return k->stripe_number / into % x->of->files == x->number;
}

static int store_key(struct txn *t, const struct key *k, struct rdb_object *o, int64_t expire_at_ms) {
    return o->is_string ? key_set_string(t, k, NULL, o->string, STRING_AS_SET, expire_at_ms, NULL) : value_store(&o->value, NULL, expire_at_ms);
}

static bool has_told(const struct loading *x) { return x->stripes && x->numbered && x->placed; }

// Under its stripe's lease.
static int make_key(struct loading *x, const struct key *k) {
    const struct rdb_file_key *from = &x->reader.key;
    const struct rdb_file_meta *m = &from->meta;
    struct txn *t = &x->txn;
    struct rdb_object o;
    if (key_find(t, k, 0)) return refuse(x, KORA_CORRUPT, "offset %" PRIu64 ": a key that was there already", from->offset);
    struct rdb_reader r = rdb_reader_of(from->object);
    if (!rdb_read_object(&r, t, k, &o)) {
        if (r.error == RDB_NOMEM) return refuse(x, KORA_NOMEM, "out of memory");
        return refuse(x, KORA_CORRUPT, "offset %" PRIu64 ": a malformed value", from->offset);
    }
    int status = rdb_finish(&r) ? store_key(t, k, &o, m->expires ? m->expire_at_ms : EXPIRE_NONE) : KORA_CORRUPT;
    rdb_object_free(&o);
    if (status == KORA_CORRUPT) return refuse(x, status, "offset %" PRIu64 ": bytes behind the value", from->offset);
    if (status != KORA_OK) return refuse(x, status, "out of memory");
    // A frequency means what it did when it was noted: nothing under another policy.
    int64_t frequency = x->access == (int64_t)atomic_load_explicit(&t->common->settings.access_policy, memory_order_relaxed) ? m->frequency : -1;
    if (m->idle_s >= 0 || frequency >= 0) entry_set_access(t, key_find(t, k, 0), m->idle_s, frequency);
    key_publish(k);
    return KORA_OK;
}

static int load_key(struct loading *x) {
    struct engine *e = x->of->engine;
    struct common *c = &e->common;
    const struct rdb_file_key *from = &x->reader.key;
    const struct rdb_file_meta *m = &from->meta;
    struct key k;
    if (!loading_goes_on(e)) return refuse(x, KORA_CLOSED, "the database is being closed");
    if (!has_told(x)) return refuse(x, KORA_CORRUPT, "offset %" PRIu64 ": it does not tell which snapshot's it is", from->offset);
    if (m->db >= c->databases) return refuse(x, KORA_CORRUPT, "offset %" PRIu64 ": database %u", from->offset, m->db);
    key_locate(c, &k, m->db, from->name);
    if (!is_ours(x, &k)) return refuse(x, KORA_CORRUPT, "offset %" PRIu64 ": a key that belongs into another file", from->offset);
    struct lease *lease = &e->leases[k.stripe_number];
    if (!lease_wait(lease)) return refuse(x, KORA_CLOSED, "the database is being closed");
    int status = make_key(x, &k);
    lease_release(lease);
    return status;
}

// ---- a file --------------------------------------------------------------------------------------------------------------------

static int take_field(struct loading *x) {
    const struct engine *e = x->of->engine;
    int64_t n;
    if (!num_parse_int(x->reader.value, &n) || n < 1) return KORA_OK; // a newer version's
    if (slice_equal(x->reader.field, SLICE("kora-stripes"))) {
        bool nests = n <= e->common.stripe_count && e->common.stripe_count % (uint32_t)n == 0;
        if (!nests) return refuse(x, KORA_CORRUPT, "%lld stripes, which do not fit this database's", (long long)n);
        x->stripes = (uint32_t)n;
    } else if (slice_equal(x->reader.field, SLICE("kora-access"))) {
        x->access = n;
    } else if (slice_equal(x->reader.field, SLICE("kora-snapshot"))) {
        if ((uint64_t)n != e->durable->store.manifest.snapshot) return refuse(x, KORA_CORRUPT, "it is of snapshot %lld", (long long)n);
        x->numbered = true;
    } else if (slice_equal(x->reader.field, SLICE("kora-file"))) {
        if ((uint64_t)n != x->number + UINT64_C(1)) return refuse(x, KORA_CORRUPT, "it is the file number %lld of its snapshot", (long long)n);
        x->placed = true;
    } else if (slice_equal(x->reader.field, SLICE("kora-files")) && (uint64_t)n != x->of->files) {
        return refuse(x, KORA_CORRUPT, "its snapshot has %lld files, and %u are there", (long long)n, x->of->files);
    }
    return KORA_OK;
}

static void tell(struct loading *x) {
    atomic_fetch_add_explicit(&x->of->done, x->file.at - x->told, memory_order_relaxed);
    x->told = x->file.at;
}

static int load_items(struct loading *x) {
    struct rdb_file_reader *r = &x->reader;
    for (;;) {
        int status = KORA_OK;
        switch (rdb_file_next(r)) {
        case RDB_FILE_KEY: status = load_key(x); break;
        case RDB_FILE_FIELD: status = take_field(x); break;
        case RDB_FILE_END: return has_told(x) ? KORA_OK : refuse(x, KORA_CORRUPT, "it does not tell which snapshot's it is");
        case RDB_FILE_ERROR:
            if (r->status == KORA_SYSTEM && r->code == -EBADMSG) return refuse(x, KORA_CORRUPT, "%s", x->lz4.error);
            return refuse(x, r->status, "%s", r->error);
        }
        if (status != KORA_OK || atomic_load_explicit(&x->of->failing, memory_order_relaxed)) return status;
        tell(x);
    }
}

static int load_file(struct load *l, uint32_t number) {
    const struct store *store = &l->engine->durable->store;
    struct loading x = { .of = l, .number = number, .access = -1 };
    char *path = snapshot_dir_path(store->dir, store->manifest.snapshot, number);
    int code = path ? file_source_open(&x.file, store->os, path) : -ENOMEM;
    mem_free(path);
    if (code < 0) return refuse(&x, code == -ENOMEM ? KORA_NOMEM : KORA_SYSTEM, "%s", strerror(-code));
    if (lz4_source_open(&x.lz4, file_source_bytes(&x.file)) < 0) {
        file_source_close(&x.file);
        return refuse(&x, KORA_NOMEM, "out of memory");
    }
    rdb_file_open(&x.reader, lz4_source_bytes(&x.lz4));
    txn_begin_replay(&x.txn, &l->engine->common);
    int status = load_items(&x);
    tell(&x);
    atomic_fetch_add(&l->keys, x.reader.keys);
    rdb_file_close(&x.reader);
    lz4_source_close(&x.lz4);
    file_source_close(&x.file);
    return status;
}

// ---- the whole -----------------------------------------------------------------------------------------------------------------

static void *load_main(void *arg) {
    struct load *l = arg;
    for (uint32_t i; !atomic_load(&l->failing) && (i = atomic_fetch_add(&l->next, 1)) < l->files;) load_file(l, i);
    pthread_mutex_lock(&l->mutex);
    l->running--;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static void wait_for_all(struct load *l) {
    pthread_mutex_lock(&l->mutex);
    while (l->running) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TELL_EVERY_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&l->changed, &l->mutex, &until);
        pthread_mutex_unlock(&l->mutex);
        durable_progress(l->engine, atomic_load(&l->done));
        pthread_mutex_lock(&l->mutex);
    }
    pthread_mutex_unlock(&l->mutex);
}

static void run_threads(struct load *l) {
    pthread_t threads[256];
    uint32_t want = MIN(MIN(l->files, l->engine->shard_count), (uint32_t)ARRAY_LEN(threads)), started = 0;
    sigset_t all, old; // the host's signals are never delivered to a thread of ours
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    l->running = want;
    while (started < want && pthread_create(&threads[started], NULL, load_main, l) == 0) started++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_mutex_lock(&l->mutex);
    l->running -= want - started;
    pthread_mutex_unlock(&l->mutex);
    if (started == 0) {
        l->running = 1;
        load_main(l);
    }
    wait_for_all(l);
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static uint64_t size_of_all(const struct store *store, uint32_t files) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < files; i++) {
        struct file_source f;
        char *path = snapshot_dir_path(store->dir, store->manifest.snapshot, i);
        if (path && file_source_open(&f, store->os, path) == 0) {
            total += f.size;
            file_source_close(&f);
        }
        mem_free(path);
    }
    return total;
}

uint64_t save_load_bytes(const struct engine *e) {
    const struct store *store = &e->durable->store;
    int count = store->manifest.snapshot ? snapshot_dir_count(store->os, store->dir, store->manifest.snapshot) : 0;
    return count > 0 ? size_of_all(store, (uint32_t)count) : 0;
}

int save_load(struct engine *e, char *error, size_t error_size, uint64_t *keys) {
    const struct store *store = &e->durable->store;
    *keys = 0;
    if (!store->manifest.snapshot) return KORA_OK;
    int count = snapshot_dir_count(store->os, store->dir, store->manifest.snapshot);
    if (count <= 0) {
        snprintf(error, error_size, "snapshot-%016" PRIx64 ": %s", store->manifest.snapshot,
            count == -ENOENT ? "MANIFEST names it, and it is not there" : count == -EINVAL ? "its files are not all there" : strerror(-count));
        return count == -ENOMEM ? KORA_NOMEM : count == 0 || count == -ENOENT || count == -EINVAL ? KORA_CORRUPT : KORA_SYSTEM;
    }
    struct load l = { .engine = e, .files = (uint32_t)count };
    pthread_mutex_init(&l.mutex, NULL);
    pthread_cond_init(&l.changed, NULL);
    run_threads(&l);
    pthread_cond_destroy(&l.changed);
    pthread_mutex_destroy(&l.mutex);
    if (l.status != KORA_OK) snprintf(error, error_size, "%s", l.why);
    *keys = atomic_load(&l.keys);
    saver_loaded(e, atomic_load(&l.done));
    return l.status;
}
