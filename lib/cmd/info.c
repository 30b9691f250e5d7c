// INFO, and the statistics behind it. Only what is so: a field of Redis's that means nothing here is left out.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "cmd/stats.h"
#include "feed/feed.h"
#include "kora.h"
#include "store/log.h"
#include "store/recover.h"

// ---- statistics since CONFIG RESETSTAT -----------------------------------------------------------------------------------------

void host_stats_since_reset(struct host *h, struct host_stats *out) {
    struct settings *s = &h->common->settings;
    h->stats(h, out);
    pthread_mutex_lock(&s->mutex);
    const struct host_stats *at = &h->reset_at;
    out->commands -= MIN(at->commands, out->commands);
    out->hits -= MIN(at->hits, out->hits);
    out->misses -= MIN(at->misses, out->misses);
    out->expired -= MIN(at->expired, out->expired);
    out->evicted -= MIN(at->evicted, out->evicted);
    out->lease_waits -= MIN(at->lease_waits, out->lease_waits);
    out->connections_total -= MIN(at->connections_total, out->connections_total);
    out->rejected_connections -= MIN(at->rejected_connections, out->rejected_connections);
    out->net_input_bytes -= MIN(at->net_input_bytes, out->net_input_bytes);
    out->net_output_bytes -= MIN(at->net_output_bytes, out->net_output_bytes);
    out->query_buffer_closed -= MIN(at->query_buffer_closed, out->query_buffer_closed);
    out->output_buffer_closed -= MIN(at->output_buffer_closed, out->output_buffer_closed);
    pthread_mutex_unlock(&s->mutex);
}

void host_reset_stats(struct host *h) {
    struct settings *s = &h->common->settings;
    struct host_stats now;
    h->stats(h, &now);
    pthread_mutex_lock(&s->mutex);
    h->reset_at = now;
    memset(h->samples, 0, sizeof h->samples);
    pthread_mutex_unlock(&s->mutex);
    stats_reset(h->stat);
    atomic_store_explicit(&h->total_error_replies, 0, memory_order_relaxed);
    for (int i = 0; i < HOST_ERROR_CODES; i++) atomic_store_explicit(&h->error_codes[i].count, 0, memory_order_relaxed);
}

uint64_t host_resident_bytes(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t host_memory_peak(struct host *h, uint64_t used) {
    uint64_t peak = atomic_load_explicit(&h->memory_peak, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak(&h->memory_peak, &peak, used)) { }
    return MAX(peak, used);
}

// ---- error replies ---------------------------------------------------------------------------------------------------------------

// The place of a code: its own, or a free one that becomes its own. NULL: there is none left.
static struct host_error_code *error_place(struct host *h, struct slice code) {
    for (int i = 0; i < HOST_ERROR_CODES; i++) {
        struct host_error_code *e = &h->error_codes[i];
        uint32_t state = atomic_load_explicit(&e->state, memory_order_acquire);
        if (state == 0 && atomic_compare_exchange_strong(&e->state, &state, 1)) {
            if (code.n) memcpy(e->name, code.p, code.n);
            e->name[code.n] = '\0';
            atomic_store_explicit(&e->state, 2, memory_order_release);
            return e;
        }
        // One that is being named may get this very name: then the code has two places, which INFO adds up.
        if (state == 2 && slice_equal(code, slice_str(e->name))) return e;
    }
    return NULL;
}

void host_count_error(struct host *h, struct slice reply) {
    if (reply.n && *reply.p == '-') reply = slice_of(reply.p + 1, reply.n - 1);
    size_t n = 0;
    while (n < reply.n && n < HOST_ERROR_CODE_MAX - 1 && reply.p[n] > ' ') n++;
    struct host_error_code *e = error_place(h, slice_of(reply.p, n));
    if (e) atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->total_error_replies, 1, memory_order_relaxed);
}

// ---- sections ----------------------------------------------------------------------------------------------------------------------

struct info {
    struct call *call;
    struct host *host;
    struct host_stats stats;
    struct buf out;
};

static unsigned long long number(uint64_t n) { return n; }

static void field(struct info *i, const char *name, uint64_t n) { buf_printf(&i->out, "%s:%llu\r\n", name, number(n)); }
static void signed_field(struct info *i, const char *name, int64_t n) { buf_printf(&i->out, "%s:%lld\r\n", name, (long long)n); }
static void text(struct info *i, const char *name, const char *value) { buf_printf(&i->out, "%s:%s\r\n", name, value); }

// The number and, as "<name>_human", a short form of it.
static void size_field(struct info *i, const char *name, uint64_t n) {
    static const char units[] = "BKMGTP";
    double d = (double)n;
    int unit = 0;
    for (; d >= 1024 && unit < 5; unit++) d /= 1024;
    field(i, name, n);
    if (unit) buf_printf(&i->out, "%s_human:%.2f%c\r\n", name, d, units[unit]);
    else buf_printf(&i->out, "%s_human:%lluB\r\n", name, number(n));
}

static void setting_field(struct info *i, const char *name, const char *setting) {
    buf_printf(&i->out, "%s:", name);
    settings_get(i->host, slice_str(setting), &i->out);
    buf_append(&i->out, "\r\n", 2);
}

static void server(struct info *i) {
    struct utsname u = { .sysname = "" };
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[MAX(n, 0)] = '\0';
    uname(&u);
    int64_t up_s = MAX(clock_wall_ms() - i->host->started_ms, 0) / 1000;
    text(i, "redis_version", HOST_REDIS_VERSION);
    text(i, "kora_version", KORA_VERSION);
    text(i, "redis_git_sha1", "00000000");
    field(i, "redis_git_dirty", 0);
    text(i, "redis_mode", "standalone");
    buf_printf(&i->out, "os:%s %s %s\r\n", u.sysname, u.release, u.machine);
    field(i, "arch_bits", sizeof(void *) * 8);
    text(i, "monotonic_clock", "POSIX clock_gettime");
    text(i, "multiplexing_api", "epoll");
    text(i, "atomicvar_api", "c11-builtin");
    text(i, "compiler_version", __VERSION__);
    field(i, "process_id", (uint64_t)getpid());
    text(i, "process_supervised", "no");
    text(i, "run_id", i->host->run_id);
    field(i, "tcp_port", i->host->tcp_port ? i->host->tcp_port(i->host) : 0);
    field(i, "server_time_usec", (uint64_t)clock_wall_us());
    field(i, "uptime_in_seconds", (uint64_t)up_s);
    field(i, "uptime_in_days", (uint64_t)up_s / 86400);
    setting_field(i, "hz", "hz");
    setting_field(i, "configured_hz", "hz");
    field(i, "lru_clock", (uint64_t)clock_mono_s() & ((1u << ENTRY_ACCESS_BITS) - 1));
    text(i, "executable", path);
    setting_field(i, "config_file", "configfile");
    field(i, "shards", i->host->shards);
    field(i, "stripes", i->host->common->stripe_count);
}

static void clients(struct info *i) {
    field(i, "connected_clients", i->stats.connections);
    field(i, "cluster_connections", 0);
    setting_field(i, "maxclients", "maxclients");
    field(i, "blocked_clients", i->stats.blocked_clients);
    field(i, "tracking_clients", 0);
    field(i, "clients_in_timeout_table", i->stats.timed_clients);
}

static void ratio_field(struct info *i, const char *name, uint64_t a, uint64_t b) {
    buf_printf(&i->out, "%s:%.2f\r\n", name, b ? (double)a / (double)b : 1.0);
}
static void percent_field(struct info *i, const char *name, uint64_t a, uint64_t b) {
    buf_printf(&i->out, "%s:%.2f%%\r\n", name, b ? (double)a / (double)b * 100 : 0.0);
}
// May be negative: pages of the data that were given back are not resident.
static void bytes_between(struct info *i, const char *name, uint64_t a, uint64_t b) {
    buf_printf(&i->out, "%s:%lld\r\n", name, (long long)(a - b));
}

// What is counted is in stripe/account.h. What the process takes besides is in used_memory_rss alone.
static void memory(struct info *i) {
    uint64_t used = i->stats.memory_counted, data = i->stats.memory_used, held = i->stats.memory_held;
    uint64_t dataset = data - i->stats.memory_index;
    uint64_t rss = host_resident_bytes(), peak = host_memory_peak(i->host, used);
    size_field(i, "used_memory", used);
    size_field(i, "used_memory_rss", rss);
    size_field(i, "used_memory_peak", peak);
    percent_field(i, "used_memory_peak_perc", used, peak);
    field(i, "used_memory_overhead", used - MIN(dataset, used));
    field(i, "used_memory_startup", i->stats.memory_fixed);
    field(i, "used_memory_dataset", dataset);
    percent_field(i, "used_memory_dataset_perc", dataset, used - MIN(i->stats.memory_fixed, used));
    field(i, "allocator_allocated", data);
    field(i, "allocator_active", held);
    field(i, "allocator_resident", rss);
    size_field(i, "total_system_memory", (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    size_field(i, "used_memory_lua", 0);
    size_field(i, "used_memory_scripts", 0);
    field(i, "number_of_cached_scripts", 0);
    field(i, "number_of_functions", 0);
    field(i, "number_of_libraries", 0);
    size_field(i, "maxmemory", atomic_load_explicit(&i->host->common->settings.maxmemory, memory_order_relaxed));
    setting_field(i, "maxmemory_policy", "maxmemory-policy");
    ratio_field(i, "allocator_frag_ratio", held, data);
    bytes_between(i, "allocator_frag_bytes", held, data);
    ratio_field(i, "allocator_rss_ratio", rss, held);
    bytes_between(i, "allocator_rss_bytes", rss, held);
    ratio_field(i, "mem_fragmentation_ratio", rss, used);
    bytes_between(i, "mem_fragmentation_bytes", rss, used);
    struct host_save save;
    i->host->save_state(i->host, &save);
    field(i, "mem_not_counted_for_evict", save.held_now);
    field(i, "mem_replication_backlog", 0);
    field(i, "mem_total_replication_buffers", 0);
    field(i, "mem_clients_slaves", 0);
    field(i, "mem_clients_normal", (uint64_t)MAX(atomic_load_explicit(&i->host->common->account.connections, memory_order_relaxed), 0));
    field(i, "mem_cluster_links", 0);
    field(i, "mem_aof_buffer", 0);
#ifdef KORA_ALLOC_LIBC
    text(i, "mem_allocator", "libc");
#else
    text(i, "mem_allocator", "mimalloc");
#endif
    field(i, "active_defrag_running", 0);
    field(i, "kora_memory_limit", atomic_load_explicit(&i->host->common->settings.memory_limit, memory_order_relaxed)); // where eviction begins
}

// What was kept by snapshots: nothing.
static void snapshots(struct info *i, const struct host_save *s) {
    field(i, "rdb_changes_since_last_save", i->stats.changes - s->changes_then);
    field(i, "rdb_bgsave_in_progress", s->running);
    field(i, "rdb_last_save_time", (uint64_t)s->last_s); // as LASTSAVE
    text(i, "rdb_last_bgsave_status", s->failed ? "err" : "ok");
    signed_field(i, "rdb_last_bgsave_time_sec", s->took_ms < 0 ? -1 : s->took_ms / 1000);
    signed_field(i, "rdb_current_bgsave_time_sec", s->running ? clock_mono_us() / 1000000 - s->began_ms / 1000 : -1);
    field(i, "rdb_saves", s->saves);
    field(i, "rdb_last_cow_size", s->held_bytes);
    field(i, "rdb_last_load_keys_expired", 0); // they are loaded, and expire then
    field(i, "rdb_last_load_keys_loaded", i->host->snapshot_keys);
    if (s->running) {
        field(i, "current_save_keys_processed", s->keys_told);
        field(i, "current_save_keys_total", s->keys);
    }
    signed_field(i, "kora_snapshot_msec", s->took_ms);
    field(i, "kora_snapshot_number", s->ended);
    field(i, "kora_snapshot_bytes", s->bytes);
    field(i, "kora_snapshot_longest_lease_us", s->longest_us);
    field(i, "kora_snapshot_held_bytes", s->held_now);
    text(i, "kora_snapshot_error", s->failed ? s->why : "");
}

// What only Kora's log has.
static void log_fields(struct info *i, const struct log_stats *l) {
    const struct recovered *r = i->host->recovered;
    struct log_error error;
    field(i, "kora_log_epoch", l->epoch);
    field(i, "kora_log_durable_epoch", l->durable);
    field(i, "kora_log_rounds", l->rounds);
    field(i, "kora_log_syncs", l->syncs);
    field(i, "kora_log_records", l->records);
    field(i, "kora_log_written_bytes", l->bytes);
    field(i, "kora_log_segments", l->segments);
    field(i, "kora_log_stalls", l->stalls);
    field(i, "kora_log_last_sync_usec", l->last_sync_us);
    field(i, "kora_log_longest_sync_usec", l->longest_sync_us);
    field(i, "kora_log_last_sync_time", (uint64_t)MAX(l->last_sync_ms, 0) / 1000);
    text(i, "kora_log_error", log_error(i->host->wal, &error) ? error.text : "");
    field(i, "kora_recovered_records", r->records);
    field(i, "kora_recovered_staged_records", r->staged_records);
    field(i, "kora_recovered_rounds", r->rounds);
    field(i, "kora_recovered_bytes", r->bytes);
    field(i, "kora_recovered_cut_bytes", r->cut_bytes);
    field(i, "kora_recovered_dropped_calls", r->incomplete_calls);
    field(i, "kora_recovered_msec", (uint64_t)MAX(i->host->recovery_ms, 0));
}

// As long as it is loaded.
static void load_fields(struct info *i) {
    const struct host *h = i->host;
    uint64_t total = atomic_load_explicit(&h->load.total, memory_order_relaxed), done = atomic_load_explicit(&h->load.done, memory_order_relaxed);
    int64_t elapsed_s = MAX(clock_wall_ms() / 1000 - h->load.since_s, 0);
    signed_field(i, "loading_start_time", h->load.since_s);
    field(i, "loading_total_bytes", total);
    field(i, "loading_loaded_bytes", done);
    buf_printf(&i->out, "loading_loaded_perc:%.2f\r\n", total ? 100 * (double)done / (double)total : 0);
    signed_field(i, "loading_eta_seconds", done ? (int64_t)((double)elapsed_s * (double)(total - MIN(done, total)) / (double)done) : 1);
}

// To those who know Redis the log is an append only file that is rewritten by snapshots.
static void persistence(struct info *i) {
    struct log *log = i->host->wal;
    struct log_stats l = { 0 };
    if (log) log_stats(log, &l);
    struct host_save s;
    i->host->save_state(i->host, &s);
    bool loading = atomic_load(&i->host->load.running);
    field(i, "loading", loading);
    field(i, "async_loading", 0);
    snapshots(i, &s);
    field(i, "aof_enabled", i->host->dir != NULL);
    field(i, "aof_rewrite_in_progress", s.running); // a snapshot takes its place
    field(i, "aof_rewrite_scheduled", 0);
    text(i, "aof_last_rewrite_time_sec", "-1");
    text(i, "aof_current_rewrite_time_sec", "-1");
    text(i, "aof_last_bgrewrite_status", s.failed ? "err" : "ok");
    field(i, "aof_rewrites", s.saves);
    text(i, "aof_last_write_status", log && log_error(log, &(struct log_error){ 0 }) ? "err" : "ok");
    field(i, "aof_last_cow_size", 0);
    field(i, "module_fork_in_progress", 0);
    field(i, "module_fork_last_cow_size", 0);
    if (loading) load_fields(i);
    if (!log) return;
    field(i, "aof_current_size", s.bytes + l.log_bytes);
    field(i, "aof_base_size", s.bytes);
    field(i, "aof_pending_rewrite", 0);
    field(i, "aof_buffer_length", l.staged_bytes);
    field(i, "aof_pending_bio_fsync", l.staged_bytes != 0);
    field(i, "aof_delayed_fsync", l.stalls);
    log_fields(i, &l);
}

// Changes a second between the two samples.
static double rate(uint64_t from, uint64_t to, int64_t us) { return us > 0 && to > from ? (double)(to - from) * 1e6 / (double)us : 0; }

// Rates over the time since the last INFO that is at least 100 ms ago: no timer has to count.
static void rates(struct info *i) {
    enum { SAMPLE_US = 100000 };
    struct host *h = i->host;
    struct settings *s = &h->common->settings;
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&s->mutex);
    if (now - h->samples[1].at_us >= SAMPLE_US) {
        h->samples[0] = h->samples[1];
        h->samples[1].at_us = now;
        h->samples[1].commands = i->stats.commands;
        h->samples[1].input = i->stats.net_input_bytes;
        h->samples[1].output = i->stats.net_output_bytes;
    }
    int64_t us = h->samples[0].at_us ? h->samples[1].at_us - h->samples[0].at_us : 0;
    double ops = rate(h->samples[0].commands, h->samples[1].commands, us);
    double input = rate(h->samples[0].input, h->samples[1].input, us), output = rate(h->samples[0].output, h->samples[1].output, us);
    pthread_mutex_unlock(&s->mutex);
    field(i, "instantaneous_ops_per_sec", (uint64_t)(ops + 0.5));
    buf_printf(&i->out, "instantaneous_input_kbps:%.2f\r\ninstantaneous_output_kbps:%.2f\r\n", input / 1024, output / 1024);
}

static void stats(struct info *i) {
    const struct host_stats *s = &i->stats;
    field(i, "total_connections_received", s->connections_total);
    field(i, "total_commands_processed", s->commands);
    rates(i);
    field(i, "total_net_input_bytes", s->net_input_bytes);
    field(i, "total_net_output_bytes", s->net_output_bytes);
    field(i, "total_net_repl_input_bytes", 0);
    field(i, "total_net_repl_output_bytes", 0);
    field(i, "rejected_connections", s->rejected_connections);
    field(i, "sync_full", 0);
    field(i, "sync_partial_ok", 0);
    field(i, "sync_partial_err", 0);
    field(i, "expired_keys", s->expired);
    text(i, "expired_stale_perc", "0.00"); // what is due is known, and is deleted
    struct account_times over = account_times(i->host->common);
    field(i, "evicted_keys", s->evicted);
    field(i, "evicted_clients", 0);
    field(i, "total_eviction_exceeded_time", over.total_us / 1000);
    field(i, "current_eviction_exceeded_time", over.current_us / 1000);
    field(i, "keyspace_hits", s->hits);
    field(i, "keyspace_misses", s->misses);
    field(i, "latest_fork_usec", 0);
    field(i, "total_forks", 0);
    field(i, "migrate_cached_sockets", 0);
    field(i, "slave_expires_tracked_keys", 0);
    field(i, "tracking_total_keys", 0);
    field(i, "tracking_total_items", 0);
    field(i, "tracking_total_prefixes", 0);
    field(i, "unexpected_error_replies", 0);
    field(i, "pubsub_channels", feed_channels(i->host->common->feed, FEED_CHANNEL));
    field(i, "pubsub_patterns", feed_channels(i->host->common->feed, FEED_PATTERN));
    field(i, "pubsubshard_channels", feed_channels(i->host->common->feed, FEED_SHARD_CHANNEL));
    field(i, "total_error_replies", s->errors);
    field(i, "client_query_buffer_limit_disconnections", s->query_buffer_closed);
    field(i, "client_output_buffer_limit_disconnections", s->output_buffer_closed);
    field(i, "lease_waits", s->lease_waits);
}

static void replication(struct info *i) {
    text(i, "role", "master");
    field(i, "connected_slaves", 0);
    text(i, "master_failover_state", "no-failover");
    text(i, "master_replid", i->host->run_id);
    text(i, "master_replid2", "0000000000000000000000000000000000000000");
    field(i, "master_repl_offset", 0);
    text(i, "second_repl_offset", "-1");
    field(i, "repl_backlog_active", 0);
    field(i, "repl_backlog_size", 0);
    field(i, "repl_backlog_first_byte_offset", 0);
    field(i, "repl_backlog_histlen", 0);
}

static void seconds(struct info *i, const char *name, struct timeval t) {
    buf_printf(&i->out, "%s:%lld.%06ld\r\n", name, (long long)t.tv_sec, (long)t.tv_usec);
}

static void cpu(struct info *i) {
    struct rusage self = { 0 }, children = { 0 };
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    seconds(i, "used_cpu_sys", self.ru_stime);
    seconds(i, "used_cpu_user", self.ru_utime);
    seconds(i, "used_cpu_sys_children", children.ru_stime);
    seconds(i, "used_cpu_user_children", children.ru_utime);
}

static void modules(struct info *i) { (void)i; }

static uint64_t count_of_code(struct host *h, const char *name, int from) {
    uint64_t n = 0;
    for (int k = from; k < HOST_ERROR_CODES; k++) {
        struct host_error_code *e = &h->error_codes[k];
        if (atomic_load_explicit(&e->state, memory_order_acquire) == 2 && strcmp(e->name, name) == 0)
            n += atomic_load_explicit(&e->count, memory_order_relaxed);
    }
    return n;
}

static bool named_before(struct host *h, int at) {
    for (int k = 0; k < at; k++) {
        if (atomic_load_explicit(&h->error_codes[k].state, memory_order_acquire) == 2 &&
            strcmp(h->error_codes[k].name, h->error_codes[at].name) == 0) {
            return true;
        }
    }
    return false;
}

static void errorstats(struct info *i) {
    for (int k = 0; k < HOST_ERROR_CODES; k++) {
        struct host_error_code *e = &i->host->error_codes[k];
        if (atomic_load_explicit(&e->state, memory_order_acquire) != 2 || named_before(i->host, k)) continue;
        uint64_t n = count_of_code(i->host, e->name, k);
        if (n) buf_printf(&i->out, "errorstat_%s:count=%llu\r\n", e->name, number(n));
    }
}

static void commandstats(struct info *i) { info_commandstats(i->host, &i->out); }
static void latencystats(struct info *i) { info_latencystats(i->host, &i->out); }

static void cluster(struct info *i) { field(i, "cluster_enabled", 0); }

// Counts of many stripes, read while these change: a sum that does not fit them (a moment's) gives an average of 0.
static uint64_t average_ttl_ms(uint64_t grains, uint64_t expires, int64_t now_ms) {
    uint64_t at_ms = expires ? grains / expires * WHEEL_GRAIN_MS + grains % expires * WHEEL_GRAIN_MS / expires : 0;
    return at_ms > (uint64_t)now_ms ? at_ms - (uint64_t)now_ms : 0;
}

static void keyspace(struct info *i) {
    struct common *c = i->host->common;
    int64_t now_ms = c->wall_ms ? c->wall_ms(c->wall_arg) : clock_wall_ms();
    for (uint32_t db = 0; db < c->databases; db++) {
        uint64_t keys = 0, expires = 0, grains = 0;
        for (uint32_t s = 0; s < c->stripe_count; s++) {
            keys += stripe_count(&c->stripes[s], db);
            expires += stripe_count_expiring(&c->stripes[s], db);
            grains += atomic_load_explicit(&c->stripes[s].counts[db].expiry_sum, memory_order_relaxed);
        }
        if (!keys) continue;
        buf_printf(&i->out, "db%u:keys=%llu,expires=%llu,avg_ttl=%llu\r\n", db, number(keys), number(expires),
            number(average_ttl_ms(grains, expires, now_ms)));
    }
}

static const struct section {
    const char *name, *title;
    void (*write)(struct info *i);
    bool by_default;
} sections[] = {
    { "server", "Server", server, true },
    { "clients", "Clients", clients, true },
    { "memory", "Memory", memory, true },
    { "persistence", "Persistence", persistence, true },
    { "stats", "Stats", stats, true },
    { "replication", "Replication", replication, true },
    { "cpu", "CPU", cpu, true },
    { "modules", "Modules", modules, true },
    { "commandstats", "Commandstats", commandstats, false },
    { "errorstats", "Errorstats", errorstats, true },
    { "latencystats", "Latencystats", latencystats, false },
    { "cluster", "Cluster", cluster, true },
    { "keyspace", "Keyspace", keyspace, true },
};

static bool asked_for(const struct call *c, const struct section *s) {
    if (c->argc == 1) return s->by_default;
    for (int i = 1; i < c->argc; i++) {
        struct slice a = c->argv[i];
        if (slice_is_word(a, s->name) || slice_is_word(a, "everything") || slice_is_word(a, "all")) return true;
        if (slice_is_word(a, "default") && s->by_default) return true;
    }
    return false;
}

void cmd_info(struct call *c) {
    struct info i = { .call = c, .host = c->host };
    host_stats_since_reset(c->host, &i.stats);
    for (size_t k = 0; k < ARRAY_LEN(sections); k++) {
        if (!asked_for(c, &sections[k])) continue;
        buf_printf(&i.out, "%s# %s\r\n", i.out.n ? "\r\n" : "", sections[k].title);
        sections[k].write(&i);
    }
    if (i.out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(i.out.p, i.out.n));
    buf_free(&i.out);
}
