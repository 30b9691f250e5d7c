// STATS.*: what happens inside, for people and programs that look. Times are in microseconds, rates by the second.
//
// STATS.BIGKEYS and STATS.MEMORY go through all keys of all databases: stripe by stripe, some keys at a time, and let the lease go in between. So they see each
// part of the data at an instant of its own. What they gather on the way is in call->block_state, one block that is freed with the call.
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/stats.h"

static void field_int(struct call *c, const char *name, uint64_t n) {
    reply_bulk_str(c, name);
    reply_int(c, (int64_t)n);
}

// ---- STATS.LATENCY -----------------------------------------------------------------------------------------------------------------------

enum { PERCENTILES_MAX = 64 };

static bool read_percentiles(struct call *c, double *p, size_t *n) {
    static const double usual[] = { 50, 90, 99, 99.9, 99.99 };
    *n = (size_t)(c->argc - 2);
    if (*n == 0) {
        *n = ARRAY_LEN(usual);
        memcpy(p, usual, sizeof usual);
        return true;
    }
    if (*n > PERCENTILES_MAX) {
        reply_error(c, "ERR at most %d percentiles", PERCENTILES_MAX);
        return false;
    }
    for (size_t i = 0; i < *n; i++) {
        if (num_parse_real(c->argv[i + 2], &p[i]) && p[i] >= 0 && p[i] <= 100) continue;
        reply_error(c, "ERR a percentile is a number from 0 to 100");
        return false;
    }
    return true;
}

void cmd_stats_latency(struct call *c) {
    double p[PERCENTILES_MAX];
    size_t n;
    const struct command *cmd = command_by_name(c->host->index, c->argv[1]);
    if (!cmd) {
        reply_error(c, "ERR unknown command '%.*s'", (int)MIN(c->argv[1].n, (size_t)128), c->argv[1].p);
        return;
    }
    if (!read_percentiles(c, p, &n)) return;
    struct histogram_copy *times = mem_alloc_zero(sizeof *times);
    struct stat_command counts;
    if (!times) {
        reply_no_memory(c);
        return;
    }
    uint32_t row = (uint32_t)(cmd - commands);
    stats_command(c->host->stat, row, &counts);
    stats_times(c->host->stat, row, times);
    reply_map(c, 4);
    field_int(c, "calls", counts.calls);
    field_int(c, "usec", counts.usec);
    reply_bulk_str(c, "max");
    reply_real(c, (double)times->max / 1000);
    reply_bulk_str(c, "percentiles");
    reply_map(c, n);
    for (size_t i = 0; i < n; i++) {
        char name[40];
        snprintf(name, sizeof name, "p%.10g", p[i]);
        reply_bulk_str(c, name);
        reply_real(c, (double)histogram_percentile(times, p[i]) / 1000);
    }
    mem_free(times);
}

// ---- STATS.HOTKEYS -----------------------------------------------------------------------------------------------------------------------

enum { KEYS_MAX = 1000 };

static bool read_count(struct call *c, int64_t *n) {
    if (!read_int(c, c->argv[1], n)) return false;
    if (*n >= 1 && *n <= KEYS_MAX) return true;
    reply_error(c, "ERR count must be from 1 to %d", KEYS_MAX);
    return false;
}

// The number of the word behind BY; -1, and the error is written: it is none of them.
static int read_by(struct call *c, const char *const words[]) {
    if (c->argc == 2) return 0;
    for (int i = 0; c->argc == 4 && slice_is_word(c->argv[2], "by") && words[i]; i++) {
        if (slice_is_word(c->argv[3], words[i])) return i;
    }
    reply_syntax_error(c);
    return -1;
}

void cmd_stats_hotkeys(struct call *c) {
    static const char *const words[] = { [HOT_READS] = "reads", [HOT_WRITES] = "writes", [HOT_BYTES] = "bytes", NULL };
    int64_t want;
    if (!read_count(c, &want)) return;
    int by = read_by(c, words);
    if (by < 0) return;
    struct stat_hot_key *keys = mem_alloc((size_t)want * sizeof *keys);
    if (!keys) {
        reply_no_memory(c);
        return;
    }
    size_t n = stats_hot_keys(c->host->stat, (enum hot_by)by, keys, (size_t)want);
    reply_array(c, n);
    for (size_t i = 0; i < n; i++) {
        reply_map(c, 3);
        reply_bulk_str(c, "key");
        reply_bulk(c, slice_of(keys[i].name, keys[i].name_len));
        field_int(c, "db", keys[i].db);
        reply_bulk_str(c, "rate");
        reply_real(c, (double)(int64_t)(keys[i].rate * 1000 + 0.5) / 1000);
    }
    mem_free(keys);
}

// ---- STATS.SHARDS ------------------------------------------------------------------------------------------------------------------------

static void reply_shard(struct call *c, uint32_t shard) {
    struct stat_shard s;
    c->host->shard_stats(c->host, shard, &s);
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {
        { "shard", shard }, { "keys", s.keys }, { "memory_used", s.memory_used }, { "memory_held", s.memory_held }, { "calls", s.calls },
        { "calls_run", s.calls_run }, { "leases_taken", s.leases_taken }, { "leases_waited", s.leases_waited }, { "leases_handed", s.leases_handed },
        { "calls_parked", s.parked }, { "inbox", s.inbox }, { "inbox_max", s.inbox_max }, { "connections", s.connections },
        { "net_input_bytes", s.net_input }, { "net_output_bytes", s.net_output }, { "longest_hold_usec", s.longest_us },
    };
    reply_map(c, ARRAY_LEN(fields) + 1);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) field_int(c, fields[i].name, fields[i].value);
    reply_bulk_str(c, "longest_hold_command");
    reply_bulk_str(c, s.longest_row < (uint32_t)command_count ? commands[s.longest_row].name : "");
}

void cmd_stats_shards(struct call *c) {
    reply_array(c, c->host->shards);
    for (uint32_t i = 0; i < c->host->shards; i++) reply_shard(c, i);
}

// ---- walks -------------------------------------------------------------------------------------------------------------------------------

enum { WALK_KEYS = 256 }; // under one lease
enum walk_state { WALK_DB, WALK_POSITION };

static bool stripe_is_empty(struct call *c, uint32_t stripe) {
    for (uint32_t db = 0; db < c->txn.common->databases; db++) {
        if (stripe_count(&c->txn.common->stripes[stripe], db)) return false;
    }
    return true;
}

// A portion of the keys. True: those were the last.
static bool walk(struct call *c, table_visit_fn *visit, void *arg) {
    struct common *common = c->txn.common;
    uint64_t *db = &c->scratch[WALK_DB], *position = &c->scratch[WALK_POSITION];
    uint32_t stripe = c->stripe->index;
    c->walk_on = true;
    c->walk_next = stripe;
    while (*db < common->databases && stripe_count(c->stripe, (uint32_t)*db) == 0) ++*db, *position = 0;
    if (*db < common->databases) {
        *position = stripe_scan(c->stripe, &c->txn, (uint32_t)*db, *position, WALK_KEYS, visit, arg);
        if (*position) return false;
        ++*db;
    }
    if (*db < common->databases) return false;
    *db = 0;
    for (stripe++; stripe < common->stripe_count && stripe_is_empty(c, stripe);) stripe++;
    c->walk_next = stripe;
    c->walk_on = stripe < common->stripe_count;
    return !c->walk_on;
}

// ---- STATS.BIGKEYS -----------------------------------------------------------------------------------------------------------------------

enum { BIG_NAME_MAX = 512 };

struct big_key {
    uint64_t bytes, elements;
    uint32_t db, type, len; // of the name; more than BIG_NAME_MAX: only so much is here
    char name[BIG_NAME_MAX];
};
struct big_keys {
    size_t count, max;
    bool by_elements;
    struct call *call;
    struct big_key *order[KEYS_MAX]; // largest first
    struct big_key key[];
};

static uint64_t size_of(const struct big_keys *b, const struct big_key *k) { return b->by_elements ? k->elements : k->bytes; }

static uint64_t elements_of(const struct entry *e) {
    struct value v;
    if (e->type == TYPE_STRING) return entry_string_len(e);
    value_view(&v, e);
    return value_kind(&v)->count(&v);
}

static void visit_big(void *arg, void *entry) {
    struct big_keys *b = arg;
    const struct entry *e = entry;
    struct big_key k = { .bytes = entry_memory(e), .elements = elements_of(e), .db = (uint32_t)b->call->scratch[WALK_DB], .type = e->type };
    if (b->count == b->max && size_of(b, &k) <= size_of(b, b->order[b->count - 1])) return;
    struct slice name = entry_key(e);
    struct big_key *to = b->count < b->max ? &b->key[b->count++] : b->order[b->count - 1];
    size_t i = b->count - 1;
    for (; i > 0 && size_of(b, b->order[i - 1]) < size_of(b, &k); i--) b->order[i] = b->order[i - 1];
    b->order[i] = to;
    k.len = (uint32_t)name.n;
    memcpy(to, &k, offsetof(struct big_key, name));
    if (name.n) memcpy(to->name, name.p, MIN(name.n, (size_t)BIG_NAME_MAX));
}

static void reply_big_key(struct call *c, const struct big_key *k) {
    char text[BIG_NAME_MAX + 40];
    size_t n = MIN(k->len, (uint32_t)BIG_NAME_MAX);
    memcpy(text, k->name, n);
    if (k->len > n) n += (size_t)snprintf(text + n, sizeof text - n, "... (%zu more bytes)", k->len - n);
    reply_map(c, 5);
    reply_bulk_str(c, "key");
    reply_bulk(c, slice_of(text, n));
    field_int(c, "db", k->db);
    reply_bulk_str(c, "type");
    reply_bulk_str(c, value_type_name((enum value_type)k->type));
    field_int(c, "bytes", k->bytes);
    field_int(c, k->type == TYPE_STRING ? "length" : "elements", k->elements);
}

// Where to begin, and with what. False: the reply is written.
static bool start_big(struct call *c) {
    static const char *const words[] = { "bytes", "elements", NULL };
    int64_t n;
    if (!read_count(c, &n)) return false;
    int by = read_by(c, words);
    if (by < 0) return false;
    struct big_keys *b = c->block_state = mem_alloc(sizeof *b + (size_t)n * sizeof b->key[0]);
    if (!b) {
        reply_no_memory(c);
        return false;
    }
    b->count = 0;
    b->max = (size_t)n;
    b->by_elements = by == 1;
    return true;
}

void cmd_stats_bigkeys(struct call *c) {
    struct big_keys *b = c->block_state;
    b->call = c;
    if (!walk(c, visit_big, b)) return;
    reply_array(c, b->count);
    for (size_t i = 0; i < b->count; i++) reply_big_key(c, b->order[i]);
}

// ---- STATS.MEMORY ------------------------------------------------------------------------------------------------------------------------

struct amount {
    uint64_t keys, bytes;
};
struct memory_by {
    struct call *call;
    struct amount all, type[TYPE_COUNT], prefix[]; // by place in argv; behind the last: of no prefix that was named
};

static void add_amount(struct amount *a, uint64_t bytes) {
    a->keys++;
    a->bytes += bytes;
}

// Under every prefix that it begins with.
static void visit_memory(void *arg, void *entry) {
    struct memory_by *m = arg;
    const struct call *c = m->call;
    const struct entry *e = entry;
    struct slice name = entry_key(e);
    uint64_t bytes = entry_memory(e);
    bool any = false;
    add_amount(&m->all, bytes);
    add_amount(&m->type[e->type], bytes);
    for (int i = 1; i < c->argc; i++) {
        struct slice p = c->argv[i];
        if (p.n > name.n || (p.n && memcmp(p.p, name.p, p.n) != 0)) continue;
        add_amount(&m->prefix[i - 1], bytes);
        any = true;
    }
    if (!any) add_amount(&m->prefix[c->argc - 1], bytes);
}

static void reply_amount(struct call *c, const char *name, const struct amount *a) {
    reply_bulk_str(c, name);
    reply_map(c, 2);
    field_int(c, "keys", a->keys);
    field_int(c, "bytes", a->bytes);
}

static bool start_memory(struct call *c) {
    c->block_state = mem_alloc_zero(sizeof(struct memory_by) + (size_t)c->argc * sizeof(struct amount));
    if (!c->block_state) reply_no_memory(c);
    return c->block_state != NULL;
}

void cmd_stats_memory(struct call *c) {
    struct memory_by *m = c->block_state;
    m->call = c;
    if (!walk(c, visit_memory, m)) return;
    bool prefixes = c->argc > 1;
    reply_map(c, prefixes ? 4 : 2);
    reply_amount(c, "total", &m->all);
    reply_bulk_str(c, "types");
    reply_map(c, TYPE_COUNT);
    for (int t = 0; t < TYPE_COUNT; t++) reply_amount(c, value_type_name((enum value_type)t), &m->type[t]);
    if (!prefixes) return;
    reply_bulk_str(c, "prefixes");
    reply_array(c, (size_t)(c->argc - 1));
    for (int i = 1; i < c->argc; i++) {
        reply_map(c, 3);
        reply_bulk_str(c, "prefix");
        reply_bulk(c, c->argv[i]);
        field_int(c, "keys", m->prefix[i - 1].keys);
        field_int(c, "bytes", m->prefix[i - 1].bytes);
    }
    reply_amount(c, "other", &m->prefix[c->argc - 1]);
}

bool stats_walk_start(struct call *c, uint32_t *stripe) {
    *stripe = 0; // an empty one is passed over like any other
    return c->cmd->handler == cmd_stats_bigkeys ? start_big(c) : start_memory(c);
}
