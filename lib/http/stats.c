// /stats.json: what the page shows. Counters run from the opening on; whoever wants rates takes differences. Names stay; more may come.
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/settings.h"
#include "http/facts.h"
#include "http/http_int.h"
#include "http/json.h"
#include "kora.h"

enum { TOP_COMMANDS = 12, HOT_KEYS = 12, SLOW_ENTRIES = 12, SLOW_LINE_MAX = 300 };

static uint64_t setting(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

static void server(struct buf *b, const struct facts *f) {
    json_text(b, "version", slice_str(KORA_VERSION));
    json_text(b, "run_id", slice_str(f->engine->host.run_id));
    json_uint(b, "now_ms", (uint64_t)f->now_ms);
    json_uint(b, "clock_us", (uint64_t)clock_mono_us()); // for differences
    json_uint(b, "up_ms", (uint64_t)f->up_ms);
    json_uint(b, "stripes", f->stripes);
    json_real(b, "cpu_s", f->cpu_user_s + f->cpu_system_s);
}

static void totals(struct buf *b, const struct facts *f) {
    const struct host_stats *s = &f->stats;
    json_uint(b, "commands", s->commands);
    json_uint(b, "hits", s->hits);
    json_uint(b, "misses", s->misses);
    json_uint(b, "expired", s->expired);
    json_uint(b, "evicted", s->evicted);
    json_uint(b, "changes", s->changes);
    json_uint(b, "errors", s->errors);
    json_uint(b, "lease_waits", s->lease_waits);
    json_uint(b, "keys", s->keys_all);
    json_uint(b, "expiring", s->expiring_all);
}

static void clients(struct buf *b, const struct facts *f) {
    const struct host_stats *s = &f->stats;
    json_uint(b, "connections", s->connections);
    json_uint(b, "connections_max", setting(&f->engine->common.settings.maxclients));
    json_uint(b, "connections_total", s->connections_total);
    json_uint(b, "rejected", s->rejected_connections);
    json_uint(b, "blocked", s->blocked_clients);
    json_uint(b, "net_input", s->net_input_bytes);
    json_uint(b, "net_output", s->net_output_bytes);
}

static void memory(struct buf *b, const struct facts *f) {
    json_uint(b, "memory_used", f->stats.memory_counted);
    json_uint(b, "memory_data", f->stats.memory_used);
    json_uint(b, "memory_held", f->stats.memory_held);
    json_uint(b, "resident", f->resident);
    json_uint(b, "memory_max", setting(&f->engine->common.settings.maxmemory));
}

static void databases(struct buf *b, const struct facts *f) {
    json_open(b, "databases", '[');
    for (uint64_t i = 0; i < f->databases; i++) {
        if (!f->db[i].keys) continue;
        json_open(b, NULL, '{');
        json_uint(b, "db", i);
        json_uint(b, "keys", f->db[i].keys);
        json_uint(b, "expiring", f->db[i].expiring);
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void shards(struct buf *b, const struct facts *f) {
    json_open(b, "shards", '[');
    for (uint64_t i = 0; i < f->shards; i++) {
        const struct stat_shard *s = &f->shard[i];
        json_open(b, NULL, '{');
        json_uint(b, "connections", s->connections);
        json_uint(b, "net_input", s->net_input);
        json_uint(b, "net_output", s->net_output);
        json_uint(b, "keys", s->keys);
        json_uint(b, "memory_used", s->memory_used);
        json_uint(b, "calls", s->calls);
        json_uint(b, "calls_run", s->calls_run);
        json_uint(b, "leases_taken", s->leases_taken);
        json_uint(b, "leases_waited", s->leases_waited);
        json_uint(b, "leases_handed", s->leases_handed);
        json_uint(b, "parked", s->parked);
        json_uint(b, "inbox", s->inbox);
        json_uint(b, "inbox_max", s->inbox_max);
        json_uint(b, "longest_us", s->longest_us);
        json_text(b, "longest_command", slice_str(s->longest_row < (uint32_t)command_count ? commands[s->longest_row].name : ""));
        json_close(b, '}');
    }
    json_close(b, ']');
}

static void types(struct buf *b, const struct type_shares *t) {
    json_uint(b, "types_whole", t->whole);
    json_real(b, "types_seen", t->seen);
    json_real(b, "types_took_s", (double)t->took_us / 1e6);
    json_open(b, "types", '[');
    for (int i = 0; i < TYPE_COUNT; i++) {
        json_open(b, NULL, '{');
        json_text(b, "type", slice_str(value_type_name((enum value_type)i)));
        json_uint(b, "keys", (uint64_t)(t->type[i].keys + .5));
        json_uint(b, "memory", (uint64_t)(t->type[i].bytes + .5));
        json_close(b, '}');
    }
    json_close(b, ']');
}

// ---- what lib/stat knows -----------------------------------------------------------------------------------------------------------

// The histogram of all calls: pairs of a bucket's upper end and what is in it, so that whoever asks twice can tell the time between.
static void times(struct buf *b, const struct stats *s, struct histogram_copy *h) {
    memset(h, 0, sizeof *h);
    stats_times(s, UINT32_MAX, h);
    json_open(b, "times", '{');
    json_uint(b, "count", h->count);
    json_uint(b, "max", h->max);
    json_open(b, "buckets", '[');
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!h->bucket[i]) continue;
        json_open(b, NULL, '[');
        json_uint(b, NULL, histogram_value(i));
        json_uint(b, NULL, h->bucket[i]);
        json_close(b, ']');
    }
    json_close(b, ']');
    json_close(b, '}');
}

struct ran {
    uint32_t row;
    struct stat_command c;
};

static void command(struct buf *b, const struct stats *s, const struct ran *r, struct histogram_copy *h) {
    memset(h, 0, sizeof *h);
    stats_times(s, r->row, h);
    json_open(b, NULL, '{');
    json_text(b, "name", slice_str(commands[r->row].name));
    json_uint(b, "calls", r->c.calls);
    json_uint(b, "failed", r->c.failed);
    json_uint(b, "rejected", r->c.rejected);
    json_uint(b, "usec", r->c.usec);
    json_uint(b, "p50", histogram_percentile(h, 50));
    json_uint(b, "p99", histogram_percentile(h, 99));
    json_uint(b, "p999", histogram_percentile(h, 99.9));
    json_close(b, '}');
}

// Those that were called most.
static void top_commands(struct buf *b, const struct stats *s, struct histogram_copy *h) {
    struct ran top[TOP_COMMANDS + 1];
    size_t n = 0;
    for (uint32_t row = 0; row < (uint32_t)command_count; row++) {
        struct ran r = { .row = row };
        if (commands[row].flags & CMD_HIDDEN) continue;
        stats_command(s, row, &r.c);
        if (!r.c.calls) continue;
        size_t at = n;
        for (; at > 0 && top[at - 1].c.calls < r.c.calls; at--) top[at] = top[at - 1];
        top[at] = r;
        n = MIN(n + 1, (size_t)TOP_COMMANDS);
    }
    json_open(b, "top", '[');
    for (size_t i = 0; i < n; i++) command(b, s, &top[i], h);
    json_close(b, ']');
}

static void hot_keys(struct buf *b, struct stats *s) {
    static const char *const names[HOT_KINDS] = { [HOT_READS] = "reads", [HOT_WRITES] = "writes", [HOT_BYTES] = "bytes" };
    struct stat_hot_key hot[HOT_KEYS];
    json_open(b, "hot", '{');
    for (int by = 0; by < HOT_KINDS; by++) {
        size_t n = stats_hot_keys(s, (enum hot_by)by, hot, HOT_KEYS);
        json_open(b, names[by], '[');
        for (size_t i = 0; i < n; i++) {
            json_open(b, NULL, '{');
            json_text(b, "key", slice_of(hot[i].name, hot[i].name_len));
            json_uint(b, "db", hot[i].db);
            json_real(b, "rate", hot[i].rate);
            json_close(b, '}');
        }
        json_close(b, ']');
    }
    json_close(b, '}');
}

static void slow_entry(struct buf *b, const struct stat_slow *e, struct buf *line) {
    buf_clear(line);
    for (uint32_t i = 0; i < e->argc && line->n < SLOW_LINE_MAX; i++) {
        if (i) buf_append_char(line, ' ');
        buf_append(line, e->argv[i].p, MIN(e->argv[i].n, SLOW_LINE_MAX - MIN(line->n, (size_t)SLOW_LINE_MAX)));
    }
    if (line->n >= SLOW_LINE_MAX) buf_append(line, " ...", 4);
    json_open(b, NULL, '{');
    json_uint(b, "id", e->id);
    json_uint(b, "at_s", (uint64_t)e->at_s);
    json_uint(b, "usec", e->usec);
    json_text(b, "command", slice_of(line->p, line->n));
    json_text(b, "client", e->client);
    json_text(b, "name", e->name);
    json_close(b, '}');
    b->failed |= line->failed;
}

static void slow_log(struct buf *b, struct stats *s) {
    struct stat_slow *newest[SLOW_ENTRIES];
    struct buf line = { 0 };
    size_t n = stats_slow(s, newest, SLOW_ENTRIES);
    json_uint(b, "slow_count", stats_slow_count(s));
    json_open(b, "slow", '[');
    for (size_t i = 0; i < n; i++) {
        slow_entry(b, newest[i], &line);
        stat_slow_free(newest[i]);
    }
    json_close(b, ']');
    buf_free(&line);
}

static void measured(struct buf *b, struct stats *s) {
    struct histogram_copy *h = mem_alloc(sizeof *h);
    if (!h) {
        b->failed = true;
        return;
    }
    times(b, s, h);
    top_commands(b, s, h);
    hot_keys(b, s);
    slow_log(b, s);
    mem_free(h);
}

void http_stats(struct http_shard *shard, struct buf *out) {
    struct facts f;
    if (!facts_read(shard->shard->engine, &f)) {
        out->failed = true;
        return;
    }
    types_walk(f.engine, &shard->types);
    json_open(out, NULL, '{');
    server(out, &f);
    totals(out, &f);
    clients(out, &f);
    memory(out, &f);
    databases(out, &f);
    shards(out, &f);
    types(out, &shard->types);
    measured(out, f.engine->host.stat);
    json_close(out, '}');
    buf_append_char(out, '\n');
    facts_free(&f);
}
