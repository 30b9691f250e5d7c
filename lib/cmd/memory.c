// MEMORY: what keys take, and where the memory of the database is.
//
// The accounts of stripes are exact, and are of keys, values and their tables (`used`), and of the pages that these are in (`held`). What connections take is
// asked of them. There is nothing to purge in the slabs, whose sparse pages are emptied in the background anyway; what the allocator behind everything else
// keeps for a thread is given back by that thread alone.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"

void cmd_memory_help(struct call *c) { reply_help(c); }

// ---- USAGE -----------------------------------------------------------------------------------------------------------------

// SAMPLES is read and not needed: nothing is estimated.
void cmd_memory_usage(struct call *c) {
    for (int i = 3; i < c->argc; i += 2) {
        int64_t samples;
        if (!slice_is_word(c->argv[i], "samples") || i + 1 == c->argc) {
            reply_syntax_error(c);
            return;
        }
        if (!read_int(c, c->argv[i + 1], &samples)) return;
        if (samples < 0) {
            reply_syntax_error(c);
            return;
        }
    }
    struct entry *e = key_find(&c->txn, &c->keys[0], 0);
    if (e) reply_int(c, (int64_t)entry_memory(e));
    else reply_null(c);
}

// ---- STATS, DOCTOR -----------------------------------------------------------------------------------------------------------

static void add_client(void *arg, struct session *s) {
    struct call *c = arg;
    struct client_view v;
    c->host->client_view(s, &v);
    c->sum += (int64_t)v.total_bytes;
}

// Once on each shard: adds up what its clients take. True: this was the last of them, all is known (MERGE_HANDLER).
static bool clients_counted(struct call *c) {
    if (c->part == c->parts) return true;
    if (c->host->client_each) c->host->client_each(c->host, c->part, add_client, c);
    return false;
}

struct view {
    struct host_stats stats;
    uint64_t clients, total, overhead, dataset, peak, resident, limit;
};

static void look(struct call *c, struct view *v) {
    c->host->stats(c->host, &v->stats);
    v->clients = (uint64_t)c->sum;
    v->total = v->stats.memory_counted;
    v->dataset = v->stats.memory_used - v->stats.memory_index;
    v->overhead = v->total - MIN(v->dataset, v->total);
    v->peak = host_memory_peak(c->host, v->total);
    v->resident = host_resident_bytes();
    v->limit = atomic_load_explicit(&c->host->common->settings.maxmemory, memory_order_relaxed);
}

static void field(struct call *c, const char *name, uint64_t n) {
    reply_bulk_str(c, name);
    reply_int(c, (int64_t)n);
}
static void difference(struct call *c, const char *name, uint64_t a, uint64_t b) {
    reply_bulk_str(c, name);
    reply_int(c, (int64_t)(a - b));
}
// a as so many times b; nothing of nothing is `empty`.
static void ratio(struct call *c, const char *name, uint64_t a, uint64_t b, double times, double empty) {
    reply_bulk_str(c, name);
    reply_real(c, b ? (double)a / (double)b * times : empty);
}

static void database_fields(struct call *c, uint32_t db) {
    struct common *common = c->txn.common;
    uint64_t index = 0, expiring = 0;
    char name[16];
    for (uint32_t i = 0; i < common->stripe_count; i++) {
        index += atomic_load_explicit(&common->stripes[i].counts[db].index, memory_order_relaxed);
        expiring += stripe_count_expiring(&common->stripes[i], db);
    }
    snprintf(name, sizeof name, "db.%u", db);
    reply_bulk_str(c, name);
    reply_map(c, 3);
    field(c, "overhead.hashtable.main", index);
    field(c, "overhead.hashtable.expires", expiring * sizeof(struct wheel_node)); // within the entries
    field(c, "overhead.hashtable.slot-to-keys", 0);
}

static bool has_keys(struct call *c, uint32_t db) {
    struct common *common = c->txn.common;
    for (uint32_t i = 0; i < common->stripe_count; i++) {
        if (stripe_count(&common->stripes[i], db)) return true;
    }
    return false;
}

void cmd_memory_stats(struct call *c) {
    enum { FIELDS = 27 };
    struct view v;
    uint32_t databases[1024], count = 0; // kora_open takes no more
    if (!clients_counted(c)) return;
    for (uint32_t db = 0; db < c->txn.common->databases && count < ARRAY_LEN(databases); db++) {
        if (has_keys(c, db)) databases[count++] = db;
    }
    look(c, &v);
    reply_map(c, FIELDS + count);
    field(c, "peak.allocated", v.peak);
    field(c, "total.allocated", v.total);
    field(c, "startup.allocated", v.stats.memory_fixed);
    field(c, "replication.backlog", 0);
    field(c, "clients.slaves", 0);
    field(c, "clients.normal", v.clients);
    field(c, "cluster.links", 0);
    field(c, "aof.buffer", 0);
    field(c, "lua.caches", 0);
    field(c, "functions.caches", 0);
    for (uint32_t i = 0; i < count; i++) database_fields(c, databases[i]);
    field(c, "overhead.total", v.overhead);
    field(c, "keys.count", v.stats.keys_all);
    field(c, "keys.bytes-per-key", v.stats.keys_all ? v.stats.memory_used / v.stats.keys_all : 0);
    field(c, "dataset.bytes", v.dataset);
    ratio(c, "dataset.percentage", v.dataset, v.total - MIN(v.stats.memory_fixed, v.total), 100, 0);
    ratio(c, "peak.percentage", v.total, v.peak, 100, 0);
    field(c, "allocator.allocated", v.stats.memory_used);
    field(c, "allocator.active", v.stats.memory_held);
    field(c, "allocator.resident", v.resident);
    ratio(c, "allocator-fragmentation.ratio", v.stats.memory_held, v.stats.memory_used, 1, 1);
    difference(c, "allocator-fragmentation.bytes", v.stats.memory_held, v.stats.memory_used);
    ratio(c, "allocator-rss.ratio", v.resident, v.stats.memory_held, 1, 1);
    difference(c, "allocator-rss.bytes", v.resident, v.stats.memory_held);
    ratio(c, "rss-overhead.ratio", 1, 1, 1, 1); // what is resident is all there is
    field(c, "rss-overhead.bytes", 0);
    ratio(c, "fragmentation", v.resident, v.total, 1, 1);
    difference(c, "fragmentation.bytes", v.resident, v.total);
}

static void advise(struct buf *out, const struct view *v) {
    enum { MB = 1 << 20, SLACK = 10 * MB };
    const double mb = 1.0 / MB;
    uint64_t used = v->stats.memory_used, held = v->stats.memory_held;
    if (held > used + SLACK && held > used + used / 2) {
        buf_printf(out, " * Sparse pages: keys and values take %.1f MB, the pages that they are in %.1f MB. Much has been deleted or changed its size; "
                        "the background empties such pages while there are changes.\n", (double)used * mb, (double)held * mb);
    }
    if (v->peak > v->total + SLACK && v->peak > v->total + v->total / 2) {
        buf_printf(out, " * A peak: there once were %.1f MB in use, now there are %.1f MB.\n", (double)v->peak * mb, (double)v->total * mb);
    }
    if (v->limit && v->total > v->limit) {
        buf_printf(out, " * At the limit: %.1f MB are in use, maxmemory allows %.1f MB, and the policy finds nothing to evict, or not fast enough.\n", (double)v->total * mb,
            (double)v->limit * mb);
    }
    if (v->clients > SLACK && v->clients > used / 4) {
        buf_printf(out, " * Large buffers: connections take %.1f MB. See CLIENT LIST for those that do not read their replies (omem).\n",
            (double)v->clients * mb);
    }
    if (v->resident > held + v->clients + 64 * MB && v->resident > 2 * (held + v->clients)) {
        buf_printf(out, " * Other memory: %.1f MB of the process are resident, of which the data's pages are %.1f MB. The rest is the embedding program's, or "
                        "kept by the allocator (MEMORY PURGE).\n", (double)v->resident * mb, (double)held * mb);
    }
}

void cmd_memory_doctor(struct call *c) {
    enum { LITTLE = 5 << 20 };
    struct view v;
    struct buf out = { 0 };
    if (!clients_counted(c)) return;
    look(c, &v);
    if (v.total < LITTLE) {
        buf_printf(&out, "There is too little in this database to say anything about its memory.\n");
    } else {
        advise(&out, &v);
        if (out.n == 0) buf_printf(&out, "There is nothing wrong with the memory of this database.\n");
    }
    if (out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(out.p, out.n));
    buf_free(&out);
}

// ---- the allocator -------------------------------------------------------------------------------------------------------------

static void add_text(const char *text, void *arg) { buf_append_slice(arg, slice_str(text)); }

void cmd_memory_malloc_stats(struct call *c) {
    struct buf out = { 0 };
    if (!mem_statistics(add_text, &out)) buf_printf(&out, "The allocator of this build tells no statistics.");
    if (out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(out.p, out.n));
    buf_free(&out);
}

// Once on each shard, and once more for the reply (MERGE_HANDLER).
void cmd_memory_purge(struct call *c) {
    if (c->part == c->parts) reply_ok(c);
    else mem_collect();
}
