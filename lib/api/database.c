// Opening, closing and looking at databases.
#include <limits.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "base/random.h"
#include "cmd/settings.h"
#include "http/http.h"
#include "net/net.h"

KORA_API const char *kora_version(void) { return KORA_VERSION; }

KORA_API void kora_free(void *memory) { mem_free(memory); }

// ---- options -----------------------------------------------------------------------------------------------------------

// Options of a newer header may be longer: what is behind the part that is known here must be zero.
static bool tail_is_zero(const void *options, size_t size, size_t known) {
    const unsigned char *p = options;
    for (size_t i = known; i < size; i++) {
        if (p[i]) return false;
    }
    return true;
}

int api_options(void *to, size_t known, const void *from) {
    if (!from) return KORA_OK;
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size || size > 65536 || !tail_is_zero(from, size, known)) return KORA_INVAL;
    memcpy(to, from, MIN(size, known)); // fields that an older header lacks keep their defaults
    return KORA_OK;
}

_Static_assert((int)KORA_SYNC_EVERYSEC == (int)FSYNC_EVERYSEC && (int)KORA_SYNC_ALWAYS == (int)FSYNC_ALWAYS && (int)KORA_SYNC_OS == (int)FSYNC_NO, "one order");
enum { SHARDS_MAX = 256, DATABASES_DEFAULT = 16, STRIPES_MIN = 64, STRIPES_A_SHARD = 16 };

static uint32_t usable_cores(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return (uint32_t)MAX(1, MIN(n, SHARDS_MAX));
}

static int complete(kora_options *o) {
    if (o->shards > SHARDS_MAX || o->databases > DATABASES_MAX || o->stripes > STRIPES_MAX || (o->stripes & (o->stripes - 1)) ||
        o->memory_max > INT64_MAX || o->log_level < KORA_LOG_DEBUG || o->log_level > KORA_LOG_WARNING || o->sync < KORA_SYNC_EVERYSEC || o->sync > KORA_SYNC_OS) {
        return KORA_INVAL;
    }
    if (!o->shards) o->shards = usable_cores();
    if (!o->databases) o->databases = DATABASES_DEFAULT;
    if (!o->stripes) {
        o->stripes = STRIPES_MIN;
        while (o->stripes < o->shards * STRIPES_A_SHARD && o->stripes < STRIPES_MAX) o->stripes *= 2;
    }
    return KORA_OK;
}

// ---- open and close ----------------------------------------------------------------------------------------------------

enum { PAGE = 4096 };

static uint32_t *make_alive(void) {
    uint32_t *page = mem_map(PAGE, PAGE);
    if (!page) return NULL;
    if (madvise(page, PAGE, MADV_DOFORK) != 0 || madvise(page, PAGE, MADV_WIPEONFORK) != 0) {
        mem_unmap(page, PAGE);
        return NULL;
    }
    *page = 1;
    return page;
}

static void free_database(struct database *d) {
    mem_unmap(d->alive, PAGE);
    mem_free(d);
}

static struct database *make_database(uint32_t count) {
    size_t size = sizeof(struct database) + count * sizeof(struct kora);
    struct database *d = mem_alloc_aligned(ALIGN_UP(size, CACHE_LINE), CACHE_LINE);
    if (!d) return NULL;
    memset(d, 0, size);
    d->count = count;
    d->alive = make_alive();
    if (d->alive) return d;
    mem_free(d);
    return NULL;
}

static int create_network(struct engine *e) {
    int status = net_create(e);
    return status == KORA_OK ? http_create(e) : status;
}

static void stop_network(struct shard *s) {
    http_shard_stop(s);
    net_shard_stop(s);
}

static void destroy_network(struct engine *e) {
    http_destroy(e);
    net_destroy(e->net);
}

// Where the process is may change while the database is open: its files are found from the root.
int api_from_root(const char *path, char **to) {
    *to = NULL;
    if (!path) return KORA_OK;
    if (*path == '/') return (*to = mem_copy(path, strlen(path))) ? KORA_OK : KORA_NOMEM;
    char here[PATH_MAX];
    if (!getcwd(here, sizeof here)) return KORA_SYSTEM;
    size_t n = strlen(here) + strlen(path) + 2;
    if ((*to = mem_alloc(n))) snprintf(*to, n, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
    return *to ? KORA_OK : KORA_NOMEM;
}

KORA_API int kora_open(const char *dir, const kora_options *options, kora **db) {
    kora_options o = KORA_OPTIONS_INIT;
    char *data = NULL, *staging = NULL;
    int status = dir && !*dir ? KORA_INVAL : api_options(&o, sizeof o, options);
    if (status == KORA_OK) status = api_from_root(dir, &data);
    if (status == KORA_OK) status = api_from_root(o.staging_dir, &staging);
    o.size = sizeof o;
    o.staging_dir = staging;
    if (status == KORA_OK) status = api_open(data, &o, NULL, db);
    mem_free(data);
    mem_free(staging);
    return status;
}

int api_open(const char *dir, const kora_options *options, const struct os *os, kora **db) {
    kora_options o = KORA_OPTIONS_INIT;
    if (!db) return KORA_INVAL;
    int status = api_options(&o, sizeof o, options);
    if (status == KORA_OK) status = complete(&o);
    if (status == KORA_OK && dir && !*dir) status = KORA_INVAL;
    if (status == KORA_OK && engine_must_not_wait()) status = KORA_MISUSE;
    if (status != KORA_OK) return status;

    uint64_t id;
    if (!random_entropy(&id, sizeof id)) return KORA_SYSTEM;
    id |= 1; // zero is no database's

    if (o.error && o.error_size) *o.error = '\0';
    struct engine_config config = {
        .shards = o.shards, .databases = o.databases, .stripes = o.stripes, .dir = dir, .os = os, .staging_dir = o.staging_dir, .sync = (enum fsync_policy)o.sync, .repair = o.repair, .snapshot = o.snapshot,
        .progress = o.progress, .progress_arg = o.progress_arg, .background = dir && o.background, .loaded = o.loaded, .loaded_arg = o.loaded_arg, .error = o.error, .error_size = o.error_size,
        .log_level = o.log_level, .log = o.log, .log_arg = o.log_arg, .shutdown = o.shutdown, .shutdown_arg = o.shutdown_arg,
        .memory_max = o.memory_max, .memory_policy = o.memory_policy, .owns_process = o.owns_process == 1, .removed = o.removed, .removed_arg = o.removed_arg,
        .hooks = { .create = create_network, .shard_start = net_shard_start, .shard_stop = stop_network, .shard_pushed = net_shard_pushed, .destroy = destroy_network },
    };
    struct engine *e;
    status = engine_open(&config, &e);
    if (status != KORA_OK) return status;
    struct database *d = make_database(e->common.databases);
    if (!d) {
        engine_begin_close(e);
        engine_close(e);
        return KORA_NOMEM;
    }
    d->engine = e;
    bool plain_gates = gates_init();
    for (uint32_t i = 0; i < d->count; i++) {
        d->handle[i] = (struct kora){ .engine = d->engine, .alive = d->alive, .owner = d, .id = id, .number = i, .plain_gates = plain_gates };
    }
    *db = &d->handle[0];
    return KORA_OK;
}

KORA_API int kora_load(kora *db, int64_t timeout_ms, char *error, size_t error_size) {
    if (error && error_size) *error = '\0';
    int status = timeout_ms ? api_enter_loading(db) : api_enter_loading_any(db);
    if (status != KORA_OK) return status;
    status = engine_load(db->engine, timeout_ms, error, error_size);
    api_leave(db);
    return status;
}

KORA_API int kora_close(kora *db) {
    if (!db) return KORA_INVAL;
    if (engine_must_not_wait() || !*db->alive) return KORA_MISUSE;
    struct database *d = db->owner;
    uint32_t none = 0;
    if (!atomic_compare_exchange_strong(&d->handles, &none, HANDLES_CLOSED)) return KORA_BUSY;
    engine_begin_close(d->engine); // whoever waits inside is answered now
    gates_wait(d);
    int status = engine_close(d->engine);
    free_database(d);
    return status;
}

KORA_API kora *kora_database(kora *db, uint32_t index) {
    if (!db || !*db->alive || index >= db->owner->count) return NULL;
    return &db->owner->handle[index];
}

// ---- listening, configuration, statistics ---------------------------------------------------------------------------------

KORA_API int kora_listen(kora *db, const char *address, char *bound, size_t bound_size, char *error, size_t error_size) {
    if (error && error_size) error[0] = '\0';
    int status = api_enter_loading(db);
    if (status != KORA_OK) return status;
    status = !address ? KORA_INVAL : http_is_address(address) ? http_listen(db->engine, address, bound, bound_size, error, error_size) :
        net_listen(db->engine, address, bound, bound_size, error, error_size);
    api_leave(db);
    return status;
}

KORA_API int kora_config_set(kora *db, const char *name, const char *value, char *error, size_t error_size) {
    if (error && error_size) error[0] = '\0';
    int status = api_enter_loading(db);
    if (status != KORA_OK) return status;
    status = name && value ? settings_set(&db->engine->host, slice_str(name), slice_str(value), error, error_size) : KORA_INVAL;
    api_leave(db);
    return status;
}

KORA_API int kora_config_get(kora *db, const char *name, char **value) {
    int status = api_enter_loading(db);
    if (status != KORA_OK) return status;
    struct buf b = { 0 };
    status = name && value ? settings_get(&db->engine->host, slice_str(name), &b) : KORA_INVAL;
    if (status == KORA_OK) {
        buf_append_char(&b, '\0');
        status = b.failed ? KORA_NOMEM : KORA_OK;
    }
    if (status == KORA_OK) *value = b.p;
    else buf_free(&b);
    api_leave(db);
    return status;
}

void api_result(void *to, size_t size, const void *from, size_t known) {
    if (size > known) memset((char *)to + known, 0, size - known);
    memcpy(to, from, MIN(size, known));
}

static void add_log_stats(struct log *log, kora_stats *all) {
    struct log_stats l;
    struct log_error error;
    log_stats(log, &l);
    all->log_records = l.records;
    all->log_bytes = l.bytes;
    all->log_rounds = l.rounds;
    all->log_syncs = l.syncs;
    all->log_size = l.log_bytes;
    all->log_staged = l.staged_bytes;
    all->log_stalls = l.stalls;
    if (log_error(log, &error)) all->log_error = -error.code;
}

KORA_API int kora_get_stats(kora *db, kora_stats *stats) {
    int status = api_enter_loading_any(db);
    if (status != KORA_OK) return status;
    size_t size = stats ? stats->size : 0;
    if (size < sizeof size) {
        api_leave(db);
        return KORA_INVAL;
    }
    struct engine *e = db->engine;
    struct host_stats h;
    e->host.stats(&e->host, &h);
    kora_stats all = {
        .size = size, .keys = h.keys_all, .keys_expiring = h.expiring_all, .memory_used = h.memory_used, .memory_held = h.memory_held,
        .commands = h.commands, .hits = h.hits, .misses = h.misses, .expired = h.expired, .waits = h.lease_waits,
        .connections = h.connections, .connections_total = h.connections_total, .shards = e->shard_count, .stripes = e->common.stripe_count,
        .changes = h.changes, .errors = h.errors, .blocked = h.blocked_clients, .net_input = h.net_input_bytes, .net_output = h.net_output_bytes,
        .slow = stats_slow_count(e->host.stat), .evicted = h.evicted, .memory_counted = h.memory_counted,
        .memory_max = atomic_load_explicit(&e->common.settings.maxmemory, memory_order_relaxed),
    };
    if (e->log) add_log_stats(e->log, &all);
    if (atomic_load(&e->host.load.running)) {
        all.loading_bytes = atomic_load_explicit(&e->host.load.total, memory_order_relaxed);
        all.loaded_bytes = atomic_load_explicit(&e->host.load.done, memory_order_relaxed);
        all.loading = 1;
    }
    api_result(stats, size, &all, sizeof all);
    api_leave(db);
    return KORA_OK;
}
