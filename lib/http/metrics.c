// /metrics: Prometheus's text format 0.0.4. What redis_exporter tells too is told by its names, so that dashboards and alerts made for it
// work; what only Kora has is called kora_*. Counters run from the opening of the database on, whatever CONFIG RESETSTAT does, but for those of single
// commands: a counter that falls is a restart to Prometheus, which it adds to what was before.
#include "base/mem.h"
#include "cmd/settings.h"
#include "feed/feed.h"
#include "http/facts.h"
#include "http/http_int.h"
#include "kora.h"

enum kind { GAUGE, COUNTER };

static void family(struct buf *out, const char *name, enum kind kind, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind == GAUGE ? "gauge" : "counter");
}

static unsigned long long number(uint64_t n) { return n; }

static void single(struct buf *out, const char *name, enum kind kind, const char *help, uint64_t value) {
    family(out, name, kind, help);
    buf_printf(out, "%s %llu\n", name, number(value));
}

static void single_seconds(struct buf *out, const char *name, enum kind kind, const char *help, double value) {
    family(out, name, kind, help);
    buf_printf(out, "%s %.6f\n", name, value);
}

static uint64_t setting(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

static void server(struct buf *out, const struct facts *f) {
    single(out, "redis_up", GAUGE, "Whether the server answers.", 1);
    family(out, "redis_instance_info", GAUGE, "What the server is.");
    buf_printf(out, "redis_instance_info{redis_version=\"%s\",kora_version=\"%s\",redis_mode=\"standalone\",role=\"master\",run_id=\"%s\"} 1\n",
        HOST_REDIS_VERSION, KORA_VERSION, f->engine->host.run_id);
    single(out, "redis_uptime_in_seconds", GAUGE, "Seconds since the database was opened.", (uint64_t)f->up_ms / 1000);
    single_seconds(out, "redis_start_time_seconds", GAUGE, "When the database was opened, in seconds since 1970.", (double)f->engine->host.started_ms / 1000);
    single_seconds(out, "redis_cpu_user_seconds_total", COUNTER, "Processor time of the process outside of the kernel.", f->cpu_user_s);
    single_seconds(out, "redis_cpu_sys_seconds_total", COUNTER, "Processor time of the process in the kernel.", f->cpu_system_s);
    single(out, "kora_shards", GAUGE, "Threads of the engine.", f->shards);
    single(out, "kora_stripes", GAUGE, "Parts of the data, each with a lease of its own.", f->stripes);
}

static void clients(struct buf *out, const struct facts *f) {
    const struct host_stats *s = &f->stats;
    single(out, "redis_connected_clients", GAUGE, "Connections.", s->connections);
    single(out, "redis_blocked_clients", GAUGE, "Calls that wait for a key.", s->blocked_clients);
    single(out, "redis_max_clients", GAUGE, "Connections that are allowed.", setting(&f->engine->common.settings.maxclients));
    single(out, "redis_connections_received_total", COUNTER, "Connections taken.", s->connections_total);
    single(out, "redis_rejected_connections_total", COUNTER, "Connections refused.", s->rejected_connections);
    single(out, "redis_net_input_bytes_total", COUNTER, "Bytes received from clients.", s->net_input_bytes);
    single(out, "redis_net_output_bytes_total", COUNTER, "Bytes sent to clients.", s->net_output_bytes);
    single(out, "kora_query_buffer_closed_total", COUNTER, "Clients closed for the limit of their input.", s->query_buffer_closed);
    single(out, "kora_output_buffer_closed_total", COUNTER, "Clients closed for the limit of their output.", s->output_buffer_closed);
}

static void memory(struct buf *out, const struct facts *f) {
    const struct host_stats *s = &f->stats;
    single(out, "redis_memory_used_bytes", GAUGE, "What counts for the limit of the memory.", s->memory_counted);
    single(out, "redis_memory_used_dataset_bytes", GAUGE, "Memory of keys and values.", s->memory_used - s->memory_index);
    single(out, "redis_memory_max_bytes", GAUGE, "The limit of the memory; 0: none.", setting(&f->engine->common.settings.maxmemory));
    single(out, "redis_memory_used_rss_bytes", GAUGE, "Resident memory of the process.", f->resident);
    single(out, "redis_allocator_allocated_bytes", GAUGE, "Memory of keys, values and their tables.", s->memory_used);
    single(out, "redis_allocator_active_bytes", GAUGE, "Memory that is held for keys and values.", s->memory_held);
}

static void calls(struct buf *out, const struct facts *f) {
    const struct host_stats *s = &f->stats;
    single(out, "redis_commands_processed_total", COUNTER, "Commands that have run, of clients and in-process.", s->commands);
    single(out, "redis_keyspace_hits_total", COUNTER, "Look-ups that found their key.", s->hits);
    single(out, "redis_keyspace_misses_total", COUNTER, "Look-ups that did not.", s->misses);
    single(out, "redis_expired_keys_total", COUNTER, "Keys that were deleted since their time had come.", s->expired);
    single(out, "redis_evicted_keys_total", COUNTER, "Keys that were deleted to make room.", s->evicted);
    single(out, "redis_total_error_replies", COUNTER, "Errors answered.", s->errors);
    single(out, "redis_rdb_changes_since_last_save", GAUGE, "Changes of keys.", s->changes);
}

static void loading(struct buf *out, const struct facts *f) {
    const struct host *h = &f->engine->host;
    bool running = atomic_load(&h->load.running);
    single(out, "kora_loading", GAUGE, "1: the data is being loaded, and clients get -LOADING.", running);
    if (!running) return;
    single(out, "kora_loading_total_bytes", GAUGE, "Bytes that are to be read for it.", atomic_load_explicit(&h->load.total, memory_order_relaxed));
    single(out, "kora_loading_loaded_bytes", GAUGE, "Of these, read.", atomic_load_explicit(&h->load.done, memory_order_relaxed));
}

static void the_log(struct buf *out, const struct facts *f) {
    struct log *log = f->engine->log;
    struct log_stats l = { 0 };
    struct log_error error;
    single(out, "redis_aof_enabled", GAUGE, "Whether the data is kept in a directory.", log != NULL);
    if (!log) return;
    log_stats(log, &l);
    single(out, "redis_aof_last_write_status", GAUGE, "1: the log can be written; 0: writes are refused.", !log_error(log, &error));
    single(out, "redis_aof_current_size_bytes", GAUGE, "Bytes of the log on the disk.", l.log_bytes);
    struct host_save save;
    f->engine->host.save_state(&f->engine->host, &save);
    single(out, "redis_rdb_bgsave_in_progress", GAUGE, "Whether a snapshot is under way.", save.running);
    single(out, "redis_rdb_last_bgsave_status", GAUGE, "1: the last snapshot was a good one; 0: it failed.", !save.failed);
    single(out, "redis_rdb_last_save_timestamp_seconds", GAUGE, "When the last good one ended.", (uint64_t)MAX(save.last_s, 0));
    single(out, "kora_snapshot_held_bytes", GAUGE, "Bytes held for the snapshot under way.", save.held_now);
    single(out, "kora_snapshot_bytes", GAUGE, "Bytes of the last one's files.", save.bytes);
    single(out, "kora_log_segments", GAUGE, "Files of the log.", l.segments);
    single(out, "kora_log_staged_bytes", GAUGE, "Bytes of effects that no round has written yet.", l.staged_bytes);
    single(out, "kora_log_records_total", COUNTER, "Effects that were written.", l.records);
    single(out, "kora_log_bytes_total", COUNTER, "Bytes that were written.", l.bytes);
    single(out, "kora_log_rounds_total", COUNTER, "Blocks that were written.", l.rounds);
    single(out, "kora_log_syncs_total", COUNTER, "Times that they were synced.", l.syncs);
    single(out, "kora_log_stalls_total", COUNTER, "Times that a write had to wait for the disk.", l.stalls);
    single_seconds(out, "kora_log_last_sync_seconds", GAUGE, "How long the last sync took.", (double)l.last_sync_us / 1e6);
    single_seconds(out, "kora_log_longest_sync_seconds", GAUGE, "How long the longest took.", (double)l.longest_sync_us / 1e6);
    single(out, "kora_log_epochs_behind", GAUGE, "Epochs that are not durable yet.", l.epoch - MIN(l.epoch, l.durable));
}

static void subscriptions(struct buf *out, const struct facts *f) {
    const struct feed *feed = f->engine->common.feed;
    single(out, "redis_pubsub_channels", GAUGE, "Channels that have subscribers.", feed_channels(feed, FEED_CHANNEL));
    single(out, "redis_pubsub_patterns", GAUGE, "Patterns of channels that have subscribers.", feed_channels(feed, FEED_PATTERN));
    single(out, "redis_pubsubshard_channels", GAUGE, "Channels of SSUBSCRIBE that have subscribers.", feed_channels(feed, FEED_SHARD_CHANNEL));
}

static void errors(struct buf *out, const struct facts *f) {
    struct host *h = &f->engine->host;
    family(out, "redis_errors_total", COUNTER, "Errors answered, by their first word.");
    for (int i = 0; i < HOST_ERROR_CODES; i++) {
        const struct host_error_code *e = &h->error_codes[i];
        if (atomic_load_explicit(&e->state, memory_order_acquire) != 2) continue;
        uint64_t n = atomic_load_explicit(&e->count, memory_order_relaxed);
        bool again = false; // a code may have two places
        for (int k = 0; k < HOST_ERROR_CODES; k++) {
            const struct host_error_code *other = &h->error_codes[k];
            if (k == i || atomic_load_explicit(&other->state, memory_order_acquire) != 2 || strcmp(other->name, e->name) != 0) continue;
            if (k < i) again = true;
            n += atomic_load_explicit(&other->count, memory_order_relaxed);
        }
        if (again) continue;
        buf_printf(out, "redis_errors_total{err=\"");
        for (const char *p = e->name; *p; p++) {
            if (*p == '"' || *p == '\\') buf_append_char(out, '\\');
            buf_append_char(out, (unsigned char)*p < 0x80 ? *p : '?');
        }
        buf_printf(out, "\"} %llu\n", number(n));
    }
}

static void databases(struct buf *out, const struct facts *f) {
    family(out, "redis_db_keys", GAUGE, "Keys of a database.");
    for (uint64_t i = 0; i < f->databases; i++) buf_printf(out, "redis_db_keys{db=\"db%llu\"} %llu\n", number(i), number(f->db[i].keys));
    family(out, "redis_db_keys_expiring", GAUGE, "Keys of a database that expire.");
    for (uint64_t i = 0; i < f->databases; i++)
        buf_printf(out, "redis_db_keys_expiring{db=\"db%llu\"} %llu\n", number(i), number(f->db[i].expiring));
}

// A number of each shard, by its place in struct stat_shard.
static const struct of_shard {
    const char *name;
    enum kind kind;
    size_t at;
    const char *help;
} of_shards[] = {
#define OF_SHARD(name, kind, field, help) { "kora_shard_" name, kind, offsetof(struct stat_shard, field), help }
    OF_SHARD("connections", GAUGE, connections, "Connections that the shard serves."),
    OF_SHARD("net_input_bytes_total", COUNTER, net_input, "Bytes received by the shard."),
    OF_SHARD("net_output_bytes_total", COUNTER, net_output, "Bytes sent by the shard."),
    OF_SHARD("calls_run_total", COUNTER, calls_run, "Calls that the shard's thread has run."),
    OF_SHARD("calls_parked_total", COUNTER, parked, "Calls of the shard's connections that have waited."),
    OF_SHARD("inbox_messages", GAUGE, inbox, "Messages on their way to the shard."),
    OF_SHARD("inbox_messages_max", GAUGE, inbox_max, "The most that it found there at once."),
    OF_SHARD("keys", GAUGE, keys, "Keys in the stripes whose home is the shard."),
    OF_SHARD("memory_used_bytes", GAUGE, memory_used, "Memory of keys and values of these stripes."),
    OF_SHARD("calls_total", COUNTER, calls, "Calls about these stripes, whoever ran them."),
    OF_SHARD("leases_taken_total", COUNTER, leases_taken, "Leases of these stripes that were taken."),
    OF_SHARD("leases_waited_total", COUNTER, leases_waited, "Calls that found the lease of one of these stripes taken."),
    OF_SHARD("leases_handed_total", COUNTER, leases_handed, "Leases of these stripes that were handed to who waited."),
    OF_SHARD("longest_hold_microseconds", GAUGE, longest_us, "The longest that a call has held leases of these stripes, since CONFIG RESETSTAT."),
};

static void shards(struct buf *out, const struct facts *f) {
    for (size_t k = 0; k < ARRAY_LEN(of_shards); k++) {
        const struct of_shard *m = &of_shards[k];
        family(out, m->name, m->kind, m->help);
        for (uint64_t i = 0; i < f->shards; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&f->shard[i] + m->at, sizeof value);
            buf_printf(out, "%s{shard=\"%llu\"} %llu\n", m->name, number(i), number(value));
        }
    }
}

// ---- what lib/stat knows: since CONFIG RESETSTAT -----------------------------------------------------------------------------------

static bool has_run(const struct stats *s, uint32_t row, struct stat_command *c) {
    if (commands[row].flags & CMD_HIDDEN) return false;
    stats_command(s, row, c);
    return c->calls || c->rejected;
}

static void command_counter(struct buf *out, const struct stats *s, const char *name, const char *help, size_t at) {
    struct stat_command c;
    family(out, name, COUNTER, help);
    for (uint32_t row = 0; row < (uint32_t)command_count; row++) {
        uint64_t value;
        if (!has_run(s, row, &c)) continue;
        memcpy(&value, (const char *)&c + at, sizeof value);
        if (at == offsetof(struct stat_command, usec)) buf_printf(out, "%s{cmd=\"%s\"} %.6f\n", name, commands[row].name, (double)value / 1e6);
        else buf_printf(out, "%s{cmd=\"%s\"} %llu\n", name, commands[row].name, number(value));
    }
}

static void latencies(struct buf *out, const struct stats *s) {
    static const char *const quantiles[] = { "0.5", "0.99", "0.999" };
    static const char name[] = "redis_latency_percentiles_usec";
    struct histogram_copy *h = mem_alloc(sizeof *h);
    struct stat_command c;
    if (!h) {
        out->failed = true;
        return;
    }
    buf_printf(out, "# HELP %s Time that a command's calls held their leases.\n# TYPE %s summary\n", name, name);
    for (uint32_t row = 0; row < (uint32_t)command_count; row++) {
        if (!has_run(s, row, &c)) continue;
        memset(h, 0, sizeof *h);
        if (!stats_times(s, row, h)) continue;
        for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
            buf_printf(out, "%s{cmd=\"%s\",quantile=\"%s\"} %.3f\n", name, commands[row].name, quantiles[i],
                (double)histogram_percentile(h, strtod(quantiles[i], NULL) * 100) / 1000);
        }
        buf_printf(out, "%s_sum{cmd=\"%s\"} %llu\n%s_count{cmd=\"%s\"} %llu\n", name, commands[row].name, number(c.usec), name, commands[row].name,
            number(c.calls));
    }
    mem_free(h);
}

static void slow_log(struct buf *out, struct stats *s) {
    struct stat_slow *newest = NULL;
    size_t n = stats_slow(s, &newest, 1);
    single(out, "redis_slowlog_length", GAUGE, "Entries of the slow log.", stats_slow_count(s));
    single(out, "redis_slowlog_last_id", GAUGE, "Number of its newest entry.", n ? newest->id : 0);
    single_seconds(out, "redis_last_slow_execution_duration_seconds", GAUGE, "How long that took.", n ? (double)newest->usec / 1e6 : 0);
    if (n) stat_slow_free(newest);
}

static void measured(struct buf *out, const struct facts *f) {
    struct stats *s = f->engine->host.stat;
    command_counter(out, s, "redis_commands_total", "Calls of a command.", offsetof(struct stat_command, calls));
    command_counter(out, s, "redis_commands_failed_calls_total", "Calls that ended with an error.", offsetof(struct stat_command, failed));
    command_counter(out, s, "redis_commands_rejected_calls_total", "Calls that were refused.", offsetof(struct stat_command, rejected));
    command_counter(out, s, "redis_commands_duration_seconds_total", "Time that a command's calls held their leases.", offsetof(struct stat_command, usec));
    latencies(out, s);
    slow_log(out, s);
}

static void types(struct buf *out, const struct type_shares *t) {
    family(out, "kora_type_keys", GAUGE, "Keys that hold a value of the type, as of the last walk over all keys.");
    for (int i = 0; i < TYPE_COUNT; i++) buf_printf(out, "kora_type_keys{type=\"%s\"} %.0f\n", value_type_name((enum value_type)i), t->type[i].keys);
    family(out, "kora_type_memory_bytes", GAUGE, "Memory of keys and values of the type, as of the last walk over all keys.");
    for (int i = 0; i < TYPE_COUNT; i++) {
        buf_printf(out, "kora_type_memory_bytes{type=\"%s\"} %.0f\n", value_type_name((enum value_type)i), t->type[i].bytes);
    }
}

void http_metrics(struct http_shard *shard, struct buf *out) {
    struct facts f;
    if (!facts_read(shard->shard->engine, &f)) {
        out->failed = true;
        return;
    }
    server(out, &f);
    clients(out, &f);
    memory(out, &f);
    calls(out, &f);
    loading(out, &f);
    the_log(out, &f);
    subscriptions(out, &f);
    errors(out, &f);
    databases(out, &f);
    shards(out, &f);
    measured(out, &f);
    types_walk(f.engine, &shard->types);
    types(out, &shard->types);
    facts_free(&f);
}
