// kora_check: reads a directory twice, with its lock held all the time. First each byte of the log is verified; then, if all is well, the snapshot is loaded into a database of its own in memory, and
// the effects are run there, as kora_open would do it; its keys are counted.
#include <errno.h>
#include <inttypes.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "engine/durable.h"
#include "store/snapshot_dir.h"

struct checking {
    const kora_options *options;
    struct engine *engine;
};

static void say(void *arg, int level, const char *text) {
    const kora_options *o = ((struct checking *)arg)->options;
    if (!o->log || level < o->log_level) return;
    engine_callback_begin();
    o->log(o->log_arg, level, text);
    engine_callback_end();
}

static void progress(void *arg, uint64_t done, uint64_t total) {
    const kora_options *o = ((struct checking *)arg)->options;
    if (!o->progress) return;
    engine_callback_begin();
    o->progress(o->progress_arg, done, total);
    engine_callback_end();
}

static int visit(void *arg, const struct recovered_effect *e) { return durable_apply(((struct checking *)arg)->engine, e); }

struct count {
    kora_check_result *result;
};

static void count_key(void *arg, void *entry) {
    kora_check_result *r = ((struct count *)arg)->result;
    const struct entry *e = entry;
    r->keys++;
    r->expiring += entry_expires(e);
    switch (e->type) {
    case TYPE_STRING: r->strings++; break;
    case TYPE_LIST: r->lists++; break;
    case TYPE_SET: r->sets++; break;
    case TYPE_ZSET: r->zsets++; break;
    case TYPE_HASH: r->hashes++; break;
    case TYPE_STREAM: r->streams++; break;
    default: break;
    }
}

static void count_keys(struct engine *e, kora_check_result *result) {
    struct count n = { result };
    struct txn t;
    txn_begin(&t, &e->common);
    t.now_ms = INT64_MIN; // nothing has expired
    for (uint32_t db = 0; db < e->common.databases; db++) {
        for (uint32_t i = 0; i < e->common.stripe_count; i++) stripe_scan(&e->common.stripes[i], &t, db, 0, SIZE_MAX, count_key, &n);
    }
}

// Its shards have nothing to do meanwhile: nothing expires by itself.
static int run_effects(struct checking *c, const struct check_config *config, kora_check_result *result, char *error, size_t size) {
    const struct manifest *m = &config->store->manifest;
    const struct engine_config in_memory = { .shards = 1, .databases = m->databases, .stripes = m->stripes, .seed = &m->seed };
    struct check_config again = *config;
    struct checked found;
    int status = engine_open(&in_memory, &c->engine);
    if (status != KORA_OK) return status;
    atomic_store(&c->engine->common.settings.active_expire, 0);
    c->engine->common.access_asked = NULL;
    struct durable *d = c->engine->durable = mem_alloc_zero(sizeof *d);
    if (d) {
        d->store = *config->store; // whose owner closes it
        again.visit = visit;
        again.say = NULL;
        status = durable_load(c->engine, error, size);
        if (status == KORA_OK) status = store_check(&again, &found, error, size);
        status = durable_loaded(c->engine, status, error, size);
        if (status == KORA_OK) count_keys(c->engine, result);
        c->engine->durable = NULL;
        mem_free(d);
    } else {
        status = KORA_NOMEM;
    }
    result->damages += status == KORA_CORRUPT;
    engine_begin_close(c->engine);
    engine_close(c->engine);
    return status;
}

static void say_snapshot(struct checking *c, const char *dir, uint64_t number, uint64_t first_round, const char *which) {
    int files = snapshot_dir_count(os_system(), dir, number);
    char text[160];
    if (!number) return;
    if (files < 0) snprintf(text, sizeof text, "%s snapshot %" PRIu64 ": %s", which, number, files == -EINVAL ? "its files are not all there" : strerror(-files));
    else snprintf(text, sizeof text, "%s snapshot %" PRIu64 ": %d files; the log from round %" PRIu64 " on goes with it", which, number, files, first_round);
    say(c, files < 0 ? KORA_LOG_WARNING : KORA_LOG_NOTICE, text);
}

static void say_snapshots(struct checking *c, const char *dir, const struct manifest *m) {
    say_snapshot(c, dir, m->snapshot, m->first_round, "newest");
    for (uint32_t i = 0; i < m->older_count; i++) say_snapshot(c, dir, m->older[i].number, m->older[i].first_round, "older");
}

// With the store's lock held.
static int check_store(struct checking *c, const struct store *store, kora_check_result *all, char *error, size_t error_size) {
    const struct manifest *m = &store->manifest;
    const struct check_config config = { .store = store, .say = say, .progress = progress, .arg = c };
    struct checked found;
    int status = store_check(&config, &found, error, error_size);
    *all = (kora_check_result){
        .size = all->size, .databases = m->databases, .stripes = m->stripes, .segments = found.segments, .bytes = found.segment_bytes,
        .rounds = found.rounds, .records = found.records, .staged_records = found.staged_records, .torn_bytes = found.torn_bytes,
        .dropped_calls = found.incomplete_calls, .damages = found.errors, .clean = found.clean,
    };
    if (status == KORA_OK) say_snapshots(c, store->dir, m);
    return status == KORA_OK ? run_effects(c, &config, all, error, error_size) : status;
}

static int check_directory(const char *dir, const char *staging_dir, const kora_options *o, kora_check_result *result) {
    char error[256] = "";
    struct checking c = { .options = o };
    kora_check_result all = { .size = result->size };
    struct store store;
    int status = store_look(os_system(), dir, staging_dir, &store, error, sizeof error);
    if (status == KORA_OK) {
        status = check_store(&c, &store, &all, error, sizeof error);
        store_close(&store);
    }
    if (o->error && o->error_size) snprintf(o->error, o->error_size, "%s", error);
    api_result(result, all.size, &all, sizeof all);
    return status;
}

KORA_API int kora_check(const char *dir, const kora_options *options, kora_check_result *result) {
    kora_options o = KORA_OPTIONS_INIT;
    size_t size = result ? result->size : 0;
    if (!dir || !*dir || size < sizeof size) return KORA_INVAL;
    int status = api_options(&o, sizeof o, options);
    if (status == KORA_OK && engine_must_not_wait()) status = KORA_MISUSE;
    if (status != KORA_OK) return status;
    char *data = NULL, *staging = NULL;
    status = api_from_root(dir, &data);
    if (status == KORA_OK) status = api_from_root(o.staging_dir, &staging);
    if (status == KORA_OK) status = check_directory(data, staging, &o, result);
    mem_free(data);
    mem_free(staging);
    return status;
}
