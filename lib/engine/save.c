// See save.h.
#include "engine/save.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/background.h"
#include "engine/durable.h"
#include "kora.h"
#include "store/byte_file.h"
#include "store/lz4_file.h"
#include "store/snapshot_dir.h"
#include "stripe/snapshot.h"

enum {
    SLICE_US = 250,               // of a shard's turn
    SLICE_BYTES = 128 << 10,
    CHUNK_BYTES = 256 << 10,
    CHUNKS_AHEAD = 4 << 20,       // bytes that a shard may be ahead of the disk; under a small limit of memory all shards together AHEAD_PART of it
    AHEAD_PART = 256,
    CHUNK_ROOM = CHUNK_BYTES + SLICE_BYTES + (128 << 10), // so that no buffer grows, and is copied, while a lease is held; unless a value is larger
    HELD_LEAST = 8 << 20, HELD_MORE = 64 << 20, HELD_PART = 10, // what images may hold: see limit_held
};

struct chunk {
    struct chunk *next;
    uint32_t shard;
    bool last;                    // of this shard
    struct buf bytes;
};

// A shard's part in a snapshot.
struct walk {
    struct message work;
    struct waiter waiter;
    struct shard *shard;
    struct saver *saver;
    uint32_t at;                  // its stripe at hand
    uint32_t db;                  // of the last key in its file
    struct chunk *chunk;          // that is being filled; NULL: none
    _Atomic(struct chunk *) spare; // one that was written: where another thread frees memory, the allocator does not get it back soon
    _Atomic uint64_t ahead;       // bytes handed on, and not yet written
    _Atomic bool stalled;         // it waits for that to become less
};

// Tells a shard that a snapshot has ended.
struct news {
    struct message message;
    _Atomic bool on_its_way;
};

struct saver {
    struct engine *engine;
    enum save_kind kind;
    struct save_job *job;         // whose it is, who waits; NULL: nobody does
    struct walk *walks;           // [shard_count]
    struct news *tell;            // [shard_count]
    struct snapshot_dir dir;      // SAVE_OWN, SAVE_COPY
    struct store store;           // SAVE_COPY: where it goes
    struct file_sink file;        // SAVE_RDB
    struct lz4_sink lz4;          // around it, if job->lz4
    struct rdb_file_writer rdb;
    _Atomic int64_t longest_ns;   // see host_save.longest_us
    _Atomic uint64_t newer;       // keys that only newer versions of Redis read
    uint64_t bytes;               // of the files
    uint64_t log_then;            // bytes of the log that were left when the last one had ended
    int status;                   // with which it fails
    uint64_t number, first_round;
    bool joinable;
    pthread_t thread;
    pthread_mutex_t mutex;        // of `state` and `joinable`; no call about data takes it
    pthread_cond_t ended;
    struct host_save state;
    _Atomic(struct chunk *) chunks; // newest first
    _Atomic uint32_t news;        // steps with each of them: the saver sleeps on it
    _Atomic bool failing;         // it will not succeed any more: nobody begins an image
    _Atomic bool said;            // that it fails, in the log
    char why[200];                // set by who sets `failing`
};

static const char *const kind_names[] = { "snapshot", "copy", "export" };

// ---- failing -------------------------------------------------------------------------------------------------------------------

static void fail(struct saver *v, int status, const char *why) {
    pthread_mutex_lock(&v->mutex);
    bool first = !atomic_load(&v->failing);
    if (first) {
        v->status = status;
        snprintf(v->why, sizeof v->why, "%s", why);
        atomic_store(&v->failing, true);
    }
    pthread_mutex_unlock(&v->mutex);
    if (!first) return;
    // Walks that wait for the disk have something to do now that needs no disk: they give up what is held.
    for (uint32_t i = 0; i < v->engine->shard_count; i++) {
        if (atomic_exchange(&v->walks[i].stalled, false)) shard_post(v->walks[i].shard, &v->walks[i].work);
    }
}

static void fail_memory(struct saver *v) { fail(v, KORA_NOMEM, "out of memory"); }

static void fail_at(struct saver *v, const char *what, int code) {
    char why[200];
    snprintf(why, sizeof why, "%s: %s", what, strerror(-code));
    fail(v, code == -ENOMEM ? KORA_NOMEM : KORA_SYSTEM, why);
}

static void held_too_much(struct common *c) {
    struct saver *v = CONTAINER_OF(c, struct engine, common)->saver;
    char why[sizeof v->why];
    snprintf(why, sizeof why, "the disk does not follow: more than %lld bytes would be held of what was changed meanwhile", (long long)atomic_load(&c->held.limit));
    fail(v, KORA_NOMEM, why);
}

// Processor time for which a lease was held for the snapshot's sake.
static void note_lease(struct saver *v, int64_t took_ns) {
    int64_t longest = atomic_load(&v->longest_ns);
    while (took_ns > longest && !atomic_compare_exchange_weak(&v->longest_ns, &longest, took_ns)) { }
}

// ---- the cut -------------------------------------------------------------------------------------------------------------------

// In the log, a word without letters that no command is, and the number of the cut: what comes behind it in this stripe is not in the snapshot.
static bool leave_mark(struct engine *e, struct stripe *s, uint64_t cut) {
    char digits[NUM_INT_MAX];
    struct slice argv[] = { SLICE(""), { digits, num_format_int((int64_t)cut, digits) } };
    struct effect_sink *sink = &e->common.effects;
    if (!e->log || e->saver->kind != SAVE_OWN) return true;
    if (!log_reserve(e->log, s->index, effect_bytes(ARRAY_LEN(argv), argv), 1)) return false;
    sink->fn(sink->arg, &(struct effect){ .stripe = s->index, .argc = ARRAY_LEN(argv), .argv = argv });
    return true;
}

void save_join(struct common *c, struct stripe *s, uint64_t cut) {
    struct engine *e = CONTAINER_OF(c, struct engine, common);
    struct saver *v = e->saver;
    s->cut = cut;
    if (atomic_load(&v->failing)) return;
    int64_t from_ns = clock_thread_ns();
    const struct snapshot_options options = { .newest = v->kind != SAVE_RDB, .compress = v->kind == SAVE_RDB && !v->job->lz4, .slice = SLICE_BYTES };
    if (snapshot_begin(s, &options) != KORA_OK) {
        fail_memory(v);
    } else if (!leave_mark(e, s, cut)) {
        snapshot_end(s);
        fail(v, KORA_SYSTEM, "no room in the log's staging");
    }
    note_lease(v, clock_thread_ns() - from_ns);
}

// ---- on the shards -------------------------------------------------------------------------------------------------------------

static uint64_t ahead_max(const struct saver *v) {
    uint64_t limit = atomic_load_explicit(&v->engine->common.settings.maxmemory, memory_order_relaxed);
    if (!limit) return CHUNKS_AHEAD;
    return MIN(MAX(limit / AHEAD_PART / v->engine->shard_count, (uint64_t)CHUNK_BYTES), (uint64_t)CHUNKS_AHEAD);
}

static void tell_saver(struct saver *v) {
    atomic_fetch_add(&v->news, 1);
    syscall(SYS_futex, &v->news, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

static void hand_on(struct walk *w, bool last) {
    struct chunk *k = w->chunk;
    struct saver *v = w->saver;
    w->chunk = NULL;
    k->last = last;
    atomic_fetch_add(&w->ahead, k->bytes.n);
    struct chunk *newest = atomic_load(&v->chunks);
    do k->next = newest;
    while (!atomic_compare_exchange_weak(&v->chunks, &newest, k));
    tell_saver(v); // from here on, if it was the last, the walk is not ours
}

static void free_chunk(struct chunk *k) {
    if (!k) return;
    buf_free(&k->bytes);
    mem_free(k);
}

static bool make_chunk(struct walk *w) {
    if (w->chunk) return true;
    w->chunk = atomic_exchange(&w->spare, NULL);
    if (!w->chunk) w->chunk = mem_alloc_zero(sizeof *w->chunk);
    if (!w->chunk) return false;
    w->chunk->shard = w->shard->id;
    buf_reserve(&w->chunk->bytes, CHUNK_ROOM); // no memory: then what is told finds that out
    return true;
}

// Under the lease.
static bool take_part(void *arg, const struct snapshot_part *p) {
    struct walk *w = arg;
    struct buf *out = &w->chunk->bytes;
    struct rdb_writer to = { .out = out };
    struct slice bytes = p->bytes;
    if (p->first) {
        struct rdb_file_meta meta = { .expires = p->expire_at_ms != 0, .expire_at_ms = p->expire_at_ms, .idle_s = p->idle_s, .frequency = p->frequency };
        if (p->db != w->db) rdb_file_append_db(&to, p->db);
        w->db = p->db;
        if ((unsigned char)bytes.p[0] == RDB_HASH_METADATA) atomic_fetch_add_explicit(&w->saver->newer, 1, memory_order_relaxed);
        rdb_file_append_head(&to, &meta, p->key, (unsigned char)bytes.p[0]);
        bytes = slice_of(bytes.p + 1, bytes.n - 1);
    }
    buf_append_slice(out, bytes);
    return !out->failed;
}

static void walk_comes(struct shard *shard, struct message *m);

static void wake_walk(struct waiter *waiter, enum lease_wake how) {
    struct walk *w = CONTAINER_OF(waiter, struct walk, waiter);
    (void)how; // gone: it finds out by itself
    shard_post(w->shard, &w->work);
}

static void note_progress(struct saver *v, const struct stripe *s, bool over) {
    struct snapshot_progress p = snapshot_progress(s);
    note_lease(v, p.longest_ns);
    pthread_mutex_lock(&v->mutex);
    if (over) v->state.keys_told += p.told;
    pthread_mutex_unlock(&v->mutex);
}

// One slice, its lease held. True: the stripe is done.
static bool slice(struct walk *w, struct stripe *s) {
    struct saver *v = w->saver;
    enum snapshot_state state = SNAPSHOT_DONE;
    stripe_join(s, common_cut(s->common));
    if (!atomic_load(&v->failing) && snapshot_is_there(s)) {
        state = snapshot_slice(s, SLICE_US, take_part, w);
        if (state == SNAPSHOT_MORE) return false;
        if (state == SNAPSHOT_FAILED && atomic_load(&v->engine->common.held.failed)) held_too_much(s->common); // whoever found that may not have said so yet
        else if (state == SNAPSHOT_FAILED) fail_memory(v);
    }
    if (atomic_load(&v->failing) && !snapshot_give_up(s)) return false;
    if (snapshot_is_there(s)) {
        note_progress(v, s, true);
        snapshot_end(s);
    }
    return true;
}

static void say_failing(struct saver *v) {
    if (atomic_exchange(&v->said, true)) return;
    char why[sizeof v->why];
    pthread_mutex_lock(&v->mutex);
    memcpy(why, v->why, sizeof why);
    pthread_mutex_unlock(&v->mutex);
    engine_log(v->engine, KORA_LOG_WARNING, "%s %llu fails: %s", kind_names[v->kind], (unsigned long long)v->number, why);
}

// One turn. False: it waits for something, or is over.
static bool turn(struct walk *w) {
    struct engine *e = w->shard->engine;
    struct saver *v = w->saver;
    if (unlikely(atomic_load(&v->failing))) say_failing(v);
    if (w->at >= e->common.stripe_count || engine_closes(e)) {
        if (engine_closes(e)) fail(v, KORA_CLOSED, "the database is being closed");
        hand_on(w, true); // there always is a chunk, so that this can't fail
        return false;
    }
    if (!atomic_load(&v->failing) && atomic_load(&w->ahead) > ahead_max(v)) {
        atomic_store(&w->stalled, true);
        if ((atomic_load(&w->ahead) > ahead_max(v) && !atomic_load(&v->failing)) || !atomic_exchange(&w->stalled, false)) return false; // the saver posts it
    }
    struct lease *l = &e->leases[w->at];
    if (!lease_try(l)) {
        w->waiter.wake = wake_walk;
        w->waiter.keeps = false;
        lease_park(l, &w->waiter);
        return false;
    }
    int64_t from_ns = clock_thread_ns();
    struct stripe *s = &e->common.stripes[w->at];
    bool done = slice(w, s);
    if (done && s->garbage) engine_drop_garbage_of(e, s);
    struct stripe_news news = stripe_news(s);
    note_lease(v, clock_thread_ns() - from_ns);
    lease_release(l);
    engine_tell_home(e, s, news);
    if (done) w->at += e->shard_count;
    return true;
}

static void walk_comes(struct shard *shard, struct message *m) {
    struct walk *w = CONTAINER_OF(m, struct walk, work);
    if (w->chunk->bytes.n >= CHUNK_BYTES) {
        struct chunk *full = w->chunk;
        w->chunk = NULL;
        if (make_chunk(w)) {
            struct chunk *next = w->chunk;
            w->chunk = full;
            hand_on(w, false);
            w->chunk = next;
        } else {
            w->chunk = full;
            buf_free(&full->bytes);
            fail_memory(w->saver);
        }
    }
    if (turn(w)) shard_post(shard, m); // after the connections
}

// ---- the saver -----------------------------------------------------------------------------------------------------------------

// SAVE_RDB has one file, and a key's parts must follow each other: the shards walk one after another.
static void start_next(struct saver *v, uint32_t ended) {
    uint32_t next = ended + 1;
    if (v->kind == SAVE_RDB && next < v->engine->shard_count) shard_post(&v->engine->shards[next], &v->walks[next].work);
}

static void write_chunk(struct saver *v, struct chunk *k) {
    struct walk *w = &v->walks[k->shard];
    struct rdb_file_writer *to = v->kind == SAVE_RDB ? &v->rdb : snapshot_dir_file(&v->dir, k->shard);
    bool last = k->last;
    uint64_t n = k->bytes.n;
    if (!atomic_load(&v->failing)) {
        rdb_file_bytes(to, slice_of(k->bytes.p, k->bytes.n));
        if (to->status == KORA_NOMEM) fail_memory(v);
        else if (to->status != KORA_OK) fail_at(v, "write", to->code);
    }
    if (k->bytes.cap <= 4 * CHUNK_BYTES && !last) {
        buf_clear(&k->bytes);
        k->last = false;
        k = atomic_exchange(&w->spare, k);
    }
    free_chunk(k);
    if (last) {
        free_chunk(atomic_exchange(&w->spare, NULL));
        start_next(v, (uint32_t)(w - v->walks));
        return;
    }
    uint64_t left = atomic_fetch_sub(&w->ahead, n) - n;
    if (left <= ahead_max(v) / 2 && atomic_exchange(&w->stalled, false)) shard_post(w->shard, &w->work);
}

// Takes what the shards hand on, until all of them have ended.
static void write_all(struct saver *v) {
    uint32_t left = v->engine->shard_count;
    while (left) {
        uint32_t news = atomic_load(&v->news);
        struct chunk *newest = atomic_exchange(&v->chunks, NULL), *oldest = NULL;
        if (!newest) {
            syscall(SYS_futex, &v->news, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, news, NULL, NULL, 0);
            continue;
        }
        while (newest) {
            struct chunk *next = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = next;
        }
        while (oldest) {
            struct chunk *next = oldest->next;
            left -= oldest->last;
            write_chunk(v, oldest);
            oldest = next;
        }
    }
}

// What images hold is let go of when the disk takes it. If the disk does not follow, and more is held than a tenth of `maxmemory`, or where there is none, than a tenth of
// what is in memory and HELD_MORE, the snapshot fails. That comes on top of maxmemory: to evict entries for it would only save more of them.
static void limit_held(struct common *c) {
    int64_t most = (int64_t)MIN(atomic_load(&c->settings.maxmemory), (uint64_t)INT64_MAX), base = (int64_t)account_exact(c);
    atomic_store(&c->held.base, base);
    atomic_store(&c->held.limit, most ? MAX(most / HELD_PART, (int64_t)HELD_LEAST) : base / HELD_PART + HELD_MORE);
    atomic_store(&c->held.failed, false);
    atomic_store(&c->held.most, atomic_load(&c->held.now));
}

static bool start_walks(struct saver *v) {
    struct engine *e = v->engine;
    limit_held(&e->common);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        struct walk *w = &v->walks[i];
        *w = (struct walk){ .work.run = walk_comes, .shard = &e->shards[i], .saver = v, .at = i, .db = UINT32_MAX /* none yet */ };
        if (make_chunk(w)) continue;
        while (i-- > 0) mem_free(v->walks[i].chunk);
        return false;
    }
    // Whoever sees this number sees all of the above.
    atomic_store(&e->common.cut, v->number);
    for (uint32_t i = 0; i < (v->kind == SAVE_RDB ? 1 : e->shard_count); i++) shard_post(&e->shards[i], &v->walks[i].work);
    return true;
}

// ---- what becomes of it ----------------------------------------------------------------------------------------------------------

// `file`: which of the snapshot's.
static void begin_rdb(struct rdb_file_writer *f, const struct saver *v, uint32_t file) {
    rdb_file_field(f, SLICE("redis-ver"), SLICE(HOST_REDIS_VERSION));
    rdb_file_number(f, "redis-bits", 64);
    rdb_file_number(f, "ctime", clock_wall_ms() / 1000);
    if (v->kind == SAVE_RDB) return;
    rdb_file_number(f, "kora-snapshot", (int64_t)v->number);
    rdb_file_number(f, "kora-files", v->engine->shard_count);
    rdb_file_number(f, "kora-file", (int64_t)file + 1);
    rdb_file_number(f, "kora-stripes", v->engine->common.stripe_count);
    rdb_file_number(f, "kora-access", (int64_t)atomic_load_explicit(&v->engine->common.settings.access_policy, memory_order_relaxed) /* enum access_policy */);
}

static bool begin_dir(struct saver *v, const struct store *store) {
    int code = snapshot_dir_begin(&v->dir, store->os, store->dir, v->number, v->engine->shard_count);
    if (code < 0) fail_at(v, "the folder of the snapshot", code);
    for (uint32_t i = 0; code == 0 && i < v->engine->shard_count; i++) begin_rdb(snapshot_dir_file(&v->dir, i), v, i);
    return code == 0;
}

static bool begin_own(struct saver *v) {
    int code = log_rotate(v->engine->log, &v->first_round);
    if (code < 0) fail_at(v, "the log's next segment", code);
    return code == 0 && begin_dir(v, &v->engine->durable->store);
}

static bool begin_copy(struct saver *v) {
    char why[200];
    const struct os *os = v->engine->durable ? v->engine->durable->store.os : os_system();
    int status = store_open(os, v->job->path, NULL, &v->store, why, sizeof why);
    if (status != KORA_OK) {
        fail(v, status == KORA_NOMEM ? status : KORA_SYSTEM, why);
        return false;
    }
    if (!v->store.is_new) fail(v, KORA_SYSTEM, "there is a database already");
    if (v->store.is_new && begin_dir(v, &v->store)) return true;
    store_close(&v->store);
    return false;
}

static bool begin_file(struct saver *v) {
    const struct os *os = v->engine->durable ? v->engine->durable->store.os : os_system();
    int code = file_sink_open(&v->file, os, v->job->path);
    if (code < 0) {
        fail_at(v, "the file", code);
        return false;
    }
    struct byte_sink to = file_sink_bytes(&v->file);
    if (v->job->lz4) {
        if (lz4_sink_open(&v->lz4, to) < 0) {
            file_sink_abandon(&v->file);
            fail_memory(v);
            return false;
        }
        to = lz4_sink_bytes(&v->lz4);
    }
    rdb_file_begin(&v->rdb, to, false);
    begin_rdb(&v->rdb, v, 0);
    return true;
}

// The manifest names it: from here on it counts.
static void commit(struct saver *v, struct store *store, const struct manifest *m) {
    char why[160];
    int code = snapshot_dir_finish(&v->dir);
    if (code < 0) fail_at(v, "the files of the snapshot", code);
    else if (v->kind == SAVE_OWN && (code = log_flush(v->engine->log)) < 0) fail_at(v, "the log", code); // with all marks
    else if (store_commit(store, m, why, sizeof why) != KORA_OK) fail(v, KORA_SYSTEM, why);
    v->bytes = v->dir.bytes;
}

_Static_assert((int)SNAPSHOT_KEEP_MAX == (int)MANIFEST_OLDER_MAX + 1, "the manifest has room for all that may be kept");

static void end_own(struct saver *v) {
    struct engine *e = v->engine;
    struct store *store = &e->durable->store;
    if (atomic_load(&v->failing)) {
        snapshot_dir_abandon(&v->dir);
        return;
    }
    struct manifest m = store->manifest;
    uint64_t needed = manifest_go_on(&m, (struct kept_snapshot){ v->number, v->first_round }, atomic_load(&e->common.settings.snapshot_keep));
    commit(v, store, &m);
    if (atomic_load(&v->failing)) return;
    uint64_t keep[MANIFEST_OLDER_MAX + 1] = { m.snapshot };
    for (uint32_t i = 0; i < m.older_count; i++) keep[i + 1] = m.older[i].number;
    log_forget(e->log, needed);
    struct log_stats l;
    log_stats(e->log, &l);
    v->log_then = l.log_bytes;
    int code = snapshot_dirs_keep(store->os, store->dir, keep, m.older_count + 1);
    if (code < 0) engine_log(e, KORA_LOG_WARNING, "an older snapshot can't be removed: %s", strerror(-code));
}

static void end_copy(struct saver *v) {
    struct manifest m = v->store.manifest;
    m.seed = v->engine->common.seed;
    m.stripes = v->engine->common.stripe_count;
    m.databases = v->engine->common.databases;
    m.snapshot = v->number;
    m.first_round = 1; // there is no log to it, and so no marks: those of the database's own begin behind its first segment
    if (atomic_load(&v->failing)) snapshot_dir_abandon(&v->dir);
    else commit(v, &v->store, &m);
    store_close(&v->store);
}

static void end_file(struct saver *v) {
    bool good = !atomic_load(&v->failing);
    int status = good ? rdb_file_end(&v->rdb) : KORA_OK, code = 0;
    if (!good) rdb_file_abandon(&v->rdb);
    else if (status == KORA_NOMEM) fail_memory(v);
    else if (status != KORA_OK) fail_at(v, "write", v->rdb.code);
    good = good && status == KORA_OK;
    if (v->job->lz4 && good) code = lz4_sink_finish(&v->lz4);
    else if (v->job->lz4) lz4_sink_abandon(&v->lz4);
    if (code < 0) fail_at(v, "write", code);
    v->bytes = v->file.at;
    if (!good || code < 0) file_sink_abandon(&v->file);
    else if ((code = file_sink_finish(&v->file)) < 0) fail_at(v, "the file", code);
}

static void save(struct saver *v) {
    static bool (*const begin[])(struct saver *v) = { begin_own, begin_copy, begin_file };
    static void (*const end[])(struct saver *v) = { end_own, end_copy, end_file };
    if (!begin[v->kind](v)) return;
    if (start_walks(v)) write_all(v);
    else fail_memory(v);
    end[v->kind](v);
}

// Connections that sleep in SAVE.
static void wake_client(void *arg, struct session *session) {
    struct host *h = arg;
    struct client_view view;
    h->client_view(session, &view);
    if (view.blocked && view.last && strcmp(view.last->name, "save") == 0) h->client_unblock(session, false);
}

static void wake_clients(struct shard *shard, struct message *m) {
    struct host *h = &shard->engine->host;
    atomic_store(&CONTAINER_OF(m, struct news, message)->on_its_way, false);
    if (h->client_each) h->client_each(h, shard->id, wake_client, h);
    mem_collect(); // the chunks that the saver has freed
}

uint64_t save_changes(struct engine *e) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < e->common.stripe_count; i++) n += atomic_load_explicit(&e->common.stripes[i].counters.changes, memory_order_relaxed);
    return n;
}

static void note_end(struct saver *v, uint64_t then, bool failed) {
    struct host_save *state = &v->state;
    state->running = false;
    if (v->job) {
        v->job->ended = true;
        v->job->status = failed ? v->status : KORA_OK;
        v->job->keys = state->keys_told;
        v->job->bytes = v->bytes;
        v->job->newer = atomic_load(&v->newer);
        memcpy(v->job->why, v->why, sizeof v->job->why);
    }
    if (v->kind != SAVE_OWN) return;
    state->ended = v->number;
    state->failed = failed;
    memcpy(state->why, v->why, sizeof state->why);
    if (failed) return;
    state->last_s = clock_wall_ms() / 1000;
    state->took_ms = clock_mono_us() / 1000 - state->began_ms;
    state->saves++;
    state->bytes = v->bytes;
    state->log_then = v->log_then;
    state->changes_then = then;
}

static void *saver_main(void *arg) {
    struct saver *v = arg;
    struct engine *e = v->engine;
    thread_state.must_not_wait = 1;
    uint64_t then = save_changes(e);
    engine_log(e, KORA_LOG_NOTICE, "%s %llu begins", kind_names[v->kind], (unsigned long long)v->number);
    save(v);
    bool failed = atomic_load(&v->failing);
    long long took_ms = (long long)(clock_mono_us() / 1000 - v->state.began_ms);
    if (failed && !atomic_exchange(&v->said, true)) engine_log(e, KORA_LOG_WARNING, "%s %llu failed: %s", kind_names[v->kind], (unsigned long long)v->number, v->why);
    else if (!failed) engine_log(e, KORA_LOG_NOTICE, "%s %llu: %llu keys in %lld ms", kind_names[v->kind], (unsigned long long)v->number, (unsigned long long)v->state.keys_told, took_ms);
    pthread_mutex_lock(&v->mutex);
    note_end(v, then, failed);
    pthread_cond_broadcast(&v->ended);
    pthread_mutex_unlock(&v->mutex);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (!atomic_exchange(&v->tell[i].on_its_way, true)) shard_post(&e->shards[i], &v->tell[i].message);
    }
    return NULL;
}

static int start_thread(struct saver *v) {
    sigset_t all, old; // the host's signals are never delivered to a thread of ours
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&v->thread, NULL, saver_main, v) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started ? KORA_OK : KORA_SYSTEM;
}

// Under the mutex, and none is under way.
static int begin(struct engine *e, struct save_job *job) {
    struct saver *v = e->saver;
    if (engine_closes(e)) return KORA_CLOSED;
    if (v->joinable) pthread_join(v->thread, NULL); // it has ended
    v->kind = job ? job->kind : SAVE_OWN;
    v->job = job;
    atomic_store(&v->newer, 0);
    atomic_store(&v->longest_ns, 0);
    v->number++;
    v->why[0] = '\0';
    atomic_store(&v->said, false);
    atomic_store(&v->failing, false);
    v->state.began_ms = clock_mono_us() / 1000;
    v->state.keys_told = 0;
    int status = start_thread(v);
    v->joinable = v->state.running = status == KORA_OK;
    return status;
}

int save_begin(struct engine *e, uint64_t *number) {
    struct saver *v = e->saver;
    if (!e->durable) return KORA_UNSUPPORTED;
    pthread_mutex_lock(&v->mutex);
    int status = v->state.running ? KORA_BUSY : begin(e, NULL);
    *number = v->number;
    pthread_mutex_unlock(&v->mutex);
    return status;
}

static void tell_job(struct saver *v, struct save_job *job) {
    uint64_t told = v->state.keys_told;
    if (!job->progress) return;
    pthread_mutex_unlock(&v->mutex);
    struct host_stats stats;
    v->engine->host.stats(&v->engine->host, &stats);
    engine_callback_begin();
    job->progress(job->progress_arg, told, MAX(told, stats.keys_all));
    engine_callback_end();
    pthread_mutex_lock(&v->mutex);
}

int save_run(struct engine *e, struct save_job *job) {
    enum { TELL_EVERY_MS = 100 };
    struct saver *v = e->saver;
    if (job->kind == SAVE_OWN && !e->durable) return KORA_UNSUPPORTED;
    pthread_mutex_lock(&v->mutex);
    while (v->state.running) pthread_cond_wait(&v->ended, &v->mutex);
    int status = begin(e, job);
    while (status == KORA_OK && !job->ended) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TELL_EVERY_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        tell_job(v, job);
        if (!job->ended) pthread_cond_timedwait(&v->ended, &v->mutex, &until);
    }
    pthread_mutex_unlock(&v->mutex);
    return status == KORA_OK ? job->status : status;
}

static int wait_for_end(struct engine *e) {
    struct saver *v = e->saver;
    pthread_mutex_lock(&v->mutex);
    while (v->state.running) pthread_cond_wait(&v->ended, &v->mutex);
    int status = v->state.failed ? KORA_SYSTEM : KORA_OK;
    pthread_mutex_unlock(&v->mutex);
    return status;
}

void save_state(struct engine *e, struct host_save *out) {
    struct saver *v = e->saver;
    pthread_mutex_lock(&v->mutex);
    *out = v->state;
    if (out->running && v->kind == SAVE_OWN && atomic_load(&v->failing)) { // it may hang in a write
        out->failed = true;
        memcpy(out->why, v->why, sizeof out->why);
    }
    pthread_mutex_unlock(&v->mutex);
    out->held_now = (uint64_t)MAX(atomic_load(&e->common.held.now), 0);
    out->held_bytes = (uint64_t)MAX(atomic_load(&e->common.held.most), 0);
    out->longest_us = (uint64_t)atomic_load(&v->longest_ns) / 1000;
    out->keys = 0;
    for (uint32_t i = 0; out->running && i < e->common.stripe_count; i++) {
        for (uint32_t db = 0; db < e->common.databases; db++) out->keys += stripe_count(&e->common.stripes[i], db);
    }
}

static int host_save(struct host *h, uint64_t *number) { return save_begin(h->engine, number); }
static int host_save_wait(struct host *h) { return engine_must_not_wait() ? KORA_MISUSE : wait_for_end(h->engine); }
static void host_save_state(struct host *h, struct host_save *out) { save_state(h->engine, out); }

// ---- life ----------------------------------------------------------------------------------------------------------------------

int saver_create(struct engine *e) {
    struct saver *v = e->saver = mem_alloc_zero(sizeof *v);
    if (!v) return KORA_NOMEM;
    v->engine = e;
    v->walks = mem_alloc_zero(e->shard_count * sizeof *v->walks);
    v->tell = mem_alloc_zero(e->shard_count * sizeof *v->tell);
    if (!v->walks || !v->tell) {
        mem_free(v->walks);
        mem_free(v->tell);
        mem_free(v);
        e->saver = NULL;
        return KORA_NOMEM;
    }
    pthread_mutex_init(&v->mutex, NULL);
    pthread_cond_init(&v->ended, NULL);
    for (uint32_t i = 0; i < e->shard_count; i++) v->tell[i].message.run = wake_clients;
    v->state.took_ms = -1;
    v->state.last_s = clock_wall_ms() / 1000;
    if (e->durable) v->number = e->durable->store.manifest.snapshot;
    e->common.join = save_join;
    e->common.held.too_much = held_too_much;
    autosave_init(&e->autosave);
    e->host.save = host_save;
    e->host.save_wait = host_save_wait;
    e->host.save_state = host_save_state;
    return KORA_OK;
}

void saver_stop(struct engine *e) {
    struct saver *v = e->saver;
    if (!v) return;
    pthread_mutex_lock(&v->mutex);
    bool joinable = v->joinable;
    v->joinable = false;
    pthread_mutex_unlock(&v->mutex);
    if (joinable) pthread_join(v->thread, NULL);
}

void saver_loaded(struct engine *e, uint64_t bytes) {
    pthread_mutex_lock(&e->saver->mutex);
    e->saver->state.bytes = bytes;
    pthread_mutex_unlock(&e->saver->mutex);
}

void saver_free(struct engine *e) {
    struct saver *v = e->saver;
    if (!v) return;
    pthread_cond_destroy(&v->ended);
    pthread_mutex_destroy(&v->mutex);
    mem_free(v->walks);
    mem_free(v->tell);
    mem_free(v);
    e->saver = NULL;
}
