// The engine as a whole: opening, closing, logging, statistics.
//
// Closing. First every lease is taken and closed for good, so that calls that wait, and all later ones, are answered KORA_CLOSED,
// while those that run come to their end. Then the network closes its connections. The shards keep running their inboxes until no parked
// call is left to be answered; only then do they end, and nothing can reach the memory any more that is freed last.
#include "engine/engine.h"

#include <sched.h>
#include <stdarg.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/settings.h"
#include "engine/background.h"
#include "engine/block.h"
#include "engine/durable.h"
#include "engine/exec.h"
#include "engine/feeding.h"
#include "engine/loading.h"
#include "engine/removed.h"
#include "engine/resident.h"
#include "engine/room.h"
#include "engine/save.h"
#include "engine/shard.h"
#include "kora.h"

enum { LOG_LINE_MAX = 1024 };

void engine_log(struct engine *e, int level, const char *format, ...) {
    if (!e->config.log || level < (int)atomic_load_explicit(&e->common.settings.log_level, memory_order_relaxed)) return;
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    engine_callback_begin();
    e->config.log(e->config.log_arg, level, line);
    engine_callback_end();
}

// ---- what handlers ask of it -------------------------------------------------------------------------------------------

static void host_log(struct host *h, int level, const char *text) { engine_log(h->engine, level, "%s", text); }

static uint64_t relaxed(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

static void add_stripe(struct engine *e, uint32_t i, struct host_stats *out) {
    const struct stripe *s = &e->common.stripes[i];
    struct stripe_memory m = stripe_memory(s);
    out->commands += relaxed(&s->counters.commands) + stat_stripe_calls(&s->stat);
    out->hits += relaxed(&s->counters.hits);
    out->misses += relaxed(&s->counters.misses);
    out->expired += relaxed(&s->counters.expired);
    out->evicted += relaxed(&s->counters.evicted);
    out->changes += relaxed(&s->counters.changes);
    out->lease_waits += relaxed(&e->leases[i].waits);
    out->memory_used += m.used;
    out->memory_held += m.held;
    for (uint32_t db = 0; db < e->common.databases; db++) {
        out->keys_all += stripe_count(s, db);
        out->expiring_all += stripe_count_expiring(s, db);
        out->memory_index += relaxed(&s->counts[db].index);
    }
}

static void host_stats(struct host *h, struct host_stats *out) {
    struct engine *e = h->engine;
    *out = (struct host_stats){ 0 };
    for (uint32_t i = 0; i < e->common.stripe_count; i++) add_stripe(e, i, out);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        const struct shard_counters *c = &e->shards[i].counters;
        out->connections += relaxed(&c->connections);
        out->connections_total += relaxed(&c->connections_total);
        out->net_input_bytes += relaxed(&c->net_input);
        out->net_output_bytes += relaxed(&c->net_output);
        out->query_buffer_closed += relaxed(&c->query_buffer_closed);
        out->output_buffer_closed += relaxed(&c->output_buffer_closed);
    }
    out->memory_counted = account_exact(&e->common);
    out->memory_fixed = relaxed(&e->common.account.fixed);
    out->blocked_clients = relaxed(&e->sleepers);
    out->timed_clients = relaxed(&e->timed_sleepers);
    out->errors = relaxed(&h->total_error_replies);
    out->commands += relaxed(&h->commands_in_process);
}

static void host_shutdown(struct host *h) {
    struct engine *e = h->engine;
    engine_callback_begin();
    e->config.shutdown(e->config.shutdown_arg);
    engine_callback_end();
}

static void host_shard_stats(struct host *h, uint32_t shard, struct stat_shard *out) {
    struct engine *e = h->engine;
    const struct shard_counters *c = &e->shards[shard].counters;
    *out = (struct stat_shard){ 0 };
    for (uint32_t i = shard; i < e->common.stripe_count; i += e->shard_count) {
        const struct stripe *s = &e->common.stripes[i];
        struct stripe_memory m = stripe_memory(s);
        uint64_t calls = relaxed(&s->counters.commands) + stat_stripe_calls(&s->stat);
        for (uint32_t db = 0; db < e->common.databases; db++) out->keys += stripe_count(s, db);
        out->memory_used += m.used;
        out->memory_held += m.held;
        out->calls += calls;
        out->leases_taken += calls + relaxed(&s->counters.joined);
        out->leases_waited += relaxed(&e->leases[i].waits);
        out->leases_handed += relaxed(&e->leases[i].handed);
    }
    out->calls_run = stats_calls_run(h->stat, shard);
    out->parked = relaxed(&c->parked);
    uint64_t run = relaxed(&c->messages_run), posted = relaxed(&e->shards[shard].posted);
    out->inbox = posted > run ? posted - run : 0;
    out->inbox_max = relaxed(&c->inbox_max);
    stats_longest_hold(h->stat, shard, &out->longest_us, &out->longest_row);
    out->connections = relaxed(&c->connections);
    out->net_input = relaxed(&c->net_input);
    out->net_output = relaxed(&c->net_output);
}

static int host_make_room(struct host *h) { return engine_make_room(h->engine); }

static void host_settings_changed(struct host *h) {
    background_setting_changed(h->engine);
    durable_setting_changed(h->engine);
}

// ---- opening -----------------------------------------------------------------------------------------------------------

static int make_run_id(struct host *h) {
    unsigned char bytes[20];
    if (!random_entropy(bytes, sizeof bytes)) return KORA_SYSTEM;
    for (size_t i = 0; i < sizeof bytes; i++) {
        h->run_id[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        h->run_id[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return KORA_OK;
}

static int init_host(struct engine *e) {
    struct host *h = &e->host;
    h->common = &e->common;
    h->index = e->index;
    h->shards = e->shard_count;
    h->started_ms = clock_wall_ms();
    h->engine = e;
    h->stats = host_stats;
    h->shard_stats = host_shard_stats;
    h->log = host_log;
    h->shutdown = e->config.shutdown ? host_shutdown : NULL;
    h->settings_changed = host_settings_changed;
    h->unwatch = exec_unwatch;
    h->make_room = host_make_room;
    atomic_init(&h->next_client_id, 1);
    int status = command_stats_create(h, e->common.stripe_count, &h->stat);
    return status == KORA_OK ? make_run_id(h) : status;
}

// What is taken here and never given back.
static void count_parts(struct engine *e) {
    uint64_t bytes = e->config.stripes * (sizeof *e->leases + 128 /* its job */) + e->config.shards * sizeof *e->shards;
    atomic_fetch_add_explicit(&e->common.account.fixed, bytes, memory_order_relaxed);
    account_bring(&e->common, (int64_t)bytes);
    atomic_store_explicit(&e->common.settings.maxmemory, e->config.memory_max, memory_order_relaxed);
    account_configure(&e->common);
}

// Before anything is read: it says what the access metadata of entries means.
static int take_policy(struct engine *e, const struct engine_config *config) {
    struct setting_value v;
    char reason[256] = "";
    if (!config->memory_policy) return KORA_OK;
    struct slice policy = slice_str(config->memory_policy);
    int status = settings_check(&e->host, settings_find(SLICE("maxmemory-policy")), policy, SETTINGS_BY_PROGRAM, &v, reason, sizeof reason);
    if (status == KORA_OK) settings_put(&e->host, &v);
    else if (config->error && config->error_size) snprintf(config->error, config->error_size, "maxmemory-policy: %s", reason);
    return status;
}

static int init_parts(struct engine *e, const struct engine_config *config) {
    e->config = *config;
    e->shard_count = config->shards;
    resident_init(e);
    int status = settings_init(&e->common.settings);
    if (status != KORA_OK) return status;
    atomic_store(&e->common.settings.log_level, (uint64_t)config->log_level);
    status = durable_open(e, &e->config);
    config = &e->config;
    if (status == KORA_OK && e->durable) e->common.seed = e->durable->store.manifest.seed;
    else if (status == KORA_OK && config->seed) e->common.seed = *config->seed;
    else if (status == KORA_OK && !random_entropy(&e->common.seed, sizeof e->common.seed)) status = KORA_SYSTEM;
    if (status == KORA_OK) status = stripes_init(&e->common, config->databases, config->stripes);
    if (status != KORA_OK) return status;
    e->leases = mem_alloc_aligned(config->stripes * sizeof *e->leases, CACHE_LINE);
    e->shards = mem_alloc_aligned(config->shards * sizeof *e->shards, CACHE_LINE);
    if (e->leases) memset(e->leases, 0, config->stripes * sizeof *e->leases);
    if (e->shards) memset(e->shards, 0, config->shards * sizeof *e->shards);
    e->jobs = background_jobs(e);
    e->index = command_index_create();
    if (!e->leases || !e->shards || !e->jobs || !e->index) return KORA_NOMEM;
    status = feeding_create(e);
    if (status == KORA_OK) status = saver_create(e);
    if (status == KORA_OK) status = await_create(e);
    if (status == KORA_OK) status = removed_create(e);
    if (status == KORA_OK && config->background && e->durable) status = loading_create(e);
    if (status != KORA_OK) return status;
    count_parts(e);
    durable_prepare(e);
    status = init_host(e);
    return status == KORA_OK ? take_policy(e, config) : status;
}

static void free_parts(struct engine *e) {
    saver_free(e);
    durable_close(e);
    loading_free(e);
    removed_free(e);
    background_free(e);
    stats_destroy(e->host.stat);
    feeding_free(e);
    await_free(e);
    stripes_free(&e->common);
    settings_free(&e->common.settings);
    command_index_free(e->index);
    mem_free(e->shards);
    mem_free(e->leases);
    mem_free(e);
}

// As durable_end.
static int stop_shards(struct engine *e) {
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (e->shards[i].started) shard_post(&e->shards[i], &e->shards[i].stop);
    }
    while (atomic_load(&e->parked_tasks) > 0) nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    saver_stop(e);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (e->shards[i].started) shard_post(&e->shards[i], &e->shards[i].exit);
    }
    for (uint32_t i = 0; i < e->shard_count; i++) shard_join(&e->shards[i]);
    int status = durable_end(e);
    // Only now: until its end each may post to any other, and so wake its loop.
    for (uint32_t i = 0; i < e->shard_count; i++) shard_free(&e->shards[i]);
    return status;
}

int engine_open(const struct engine_config *config, struct engine **out) {
    struct engine *e = mem_alloc_aligned(sizeof *e, CACHE_LINE);
    if (!e) return KORA_NOMEM;
    memset(e, 0, sizeof *e);
    int status = init_parts(e, config);
    if (status == KORA_OK && !e->loading) status = durable_recover(e);
    e->config.dir = e->config.staging_dir = e->config.memory_policy = NULL;
    e->config.error = NULL;
    e->config.seed = NULL;
    e->common.access_asked = background_access_asked; // not before: it asks a shard
    if (status == KORA_OK && config->hooks.create) status = config->hooks.create(e);
    uint32_t made = 0;
    for (; status == KORA_OK && made < e->shard_count; made++) status = shard_init(&e->shards[made], e, made);
    if (status == KORA_OK) resident_opened(e);
    for (uint32_t i = 0; status == KORA_OK && i < e->shard_count; i++) status = shard_start(&e->shards[i]);
    if (status == KORA_OK) {
        *out = e;
        return KORA_OK;
    }
    e->shard_count = made;
    stop_shards(e);
    if (config->hooks.destroy) config->hooks.destroy(e);
    free_parts(e);
    return status;
}

// ---- closing -----------------------------------------------------------------------------------------------------------

void engine_begin_close(struct engine *e) {
    atomic_store(&e->state, ENGINE_CLOSING);
    loading_stop(e);
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        bool held = lease_wait(&e->leases[i]);
        invariant(held);
        block_close(e, &e->common.stripes[i]);
        lease_close(&e->leases[i]);
    }
    gate_open(e); // who waits for the log finds the leases closed
    durable_finish(e);
}

int engine_close(struct engine *e) {
    int status = stop_shards(e);
    if (e->config.hooks.destroy) e->config.hooks.destroy(e);
    free_parts(e);
    return status;
}
