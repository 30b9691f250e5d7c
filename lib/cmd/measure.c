// What becomes of a call that was timed: its command's times, the longest hold of a lease, hot keys, slow log, latency monitor.
#include "cmd/measure.h"

#include "base/mem.h"
#include "kora.h"

// ---- the tallies' rows -------------------------------------------------------------------------------------------------------------

// Commands that are not CMD_FAST to Redis, and yet do what their arguments say and no more.
static bool is_short(const struct command *cmd) {
    static const char *const others[] = { "set", "setex", "psetex" };
    if (cmd->flags & CMD_BLOCKING) return false;
    if ((cmd->flags & CMD_FAST) && (cmd->route == ROUTE_KEYS || cmd->route == ROUTE_NONE)) return true;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcmp(cmd->name, others[i]) == 0) return true;
    }
    return false;
}

int command_stats_create(struct host *h, uint32_t stripes, struct stats **out) {
    static const char *const typed[] = {
#define NAME(symbol, name) name,
        STAT_TYPED(NAME)
#undef NAME
    };
    struct stats *s;
    int status = stats_create((uint32_t)command_count, h->shards, stripes, &s);
    if (status != KORA_OK) return status;
    uint16_t as = 0;
    for (int i = 0; i < command_count; i++) {
        if (!(commands[i].flags & CMD_HIDDEN)) as = (uint16_t)i;
        s->row[i] = (struct stat_row){ as, is_short(&commands[i]) };
    }
    for (int t = 0; t < TYPED_COUNT; t++) {
        const struct command *cmd = command_by_name(h->index, slice_str(typed[t]));
        invariant(cmd != NULL);
        s->typed_row[t] = (uint16_t)(cmd - commands);
    }
    for (uint32_t i = 0; i < stripes; i++) s->stripe[i] = &h->common->stripes[i].stat;
    *out = s;
    return KORA_OK;
}

void call_rejected(struct call *c, const struct command *cmd) {
    if (!STATS_ON || !c->host || !c->host->stat) return;
    struct stat_slot *slot = c->stat ? c->stat : stats_host_slot(c->host->stat, (uintptr_t)c);
    stat_add(&slot->tally[c->host->stat->row[measure_row(cmd)].as].rejected, 1, slot->alone);
}

// ---- what was slow -------------------------------------------------------------------------------------------------------------------

// Arguments that are secrets, as bits.
static uint32_t hidden_args(const struct call *c) {
    uint32_t hidden = 0;
    bool hello = strcmp(c->cmd->name, "hello") == 0;
    if (strcmp(c->cmd->name, "auth") == 0) return ~1u;
    for (int i = 1; i < c->argc && i < 32; i++) {
        if (hello && slice_is_word(c->argv[i], "auth")) return hidden | 6u << i;
        if (i > 1 && strcmp(c->cmd->name, "config|set") == 0 && slice_is_word(c->argv[i - 1], "requirepass")) hidden |= 1u << i;
    }
    return hidden;
}

static void log_slow(struct call *c, uint64_t usec) {
    struct settings *s = &c->host->common->settings;
    struct client_view v = { .addr = "" };
    const struct session *session = c->session;
    if (session->client && c->host->client_view) c->host->client_view(c->session, &v);
    stat_slow_add(c->host->stat, c->argc, c->argv, hidden_args(c), clock_wall_ms() / 1000, usec, slice_str(v.addr),
        slice_str(session->name ? session->name : ""), atomic_load_explicit(&s->slowlog_max_len, memory_order_relaxed));
}

static void look_if_slow(struct call *c, uint64_t ns) {
    const struct settings *s = &c->host->common->settings;
    int64_t slower_than = (int64_t)atomic_load_explicit(&s->slowlog_log_slower_than, memory_order_relaxed);
    uint64_t threshold_ms = atomic_load_explicit(&s->latency_monitor_threshold, memory_order_relaxed), usec = ns / 1000;
    // One that was served by another thread: its connection is not ours to look at. (And it has served it at once.)
    if (slower_than >= 0 && usec >= (uint64_t)slower_than && c->pass != CALL_SERVED && strcmp(c->cmd->name, "exec") != 0) log_slow(c, usec);
    if (threshold_ms && usec / 1000 >= threshold_ms) {
        stat_event_add(c->host->stat, c->cmd->flags & CMD_FAST ? EVENT_FAST_COMMAND : EVENT_COMMAND, clock_wall_ms() / 1000, usec / 1000);
    }
}

// ---- a call that was timed -----------------------------------------------------------------------------------------------------------

static void note_keys(const struct measure *m, const struct call *c, uint32_t weight, int64_t now_ns) {
    enum { KEYS_NOTED = 64 };
    uint64_t bytes = c->reply.buf->n > m->reply_from ? c->reply.buf->n - m->reply_from : 0;
    for (int i = 1; i < c->argc; i++) bytes += c->argv[i].n;
    for (uint32_t i = 0; i < c->reply.ref_count; i++) bytes += c->reply.refs[i].at >= m->reply_from ? c->reply.refs[i].bytes.n : 0;
    // Of very many, some: each then counts for those between them, too.
    uint32_t step = (c->key_count + KEYS_NOTED - 1) / KEYS_NOTED;
    for (uint32_t i = 0; i < c->key_count; i += step) {
        const struct key *k = &c->keys[i];
        struct stat_key at = { k->name, k->hash, k->db, k->stripe_number };
        stat_hot(c->host->stat, &at, c->cmd->flags & CMD_WRITE, bytes / c->key_count, weight, now_ns);
    }
}

static uint32_t home_of(const struct call *c) {
    uint32_t stripe = c->key_count ? c->keys[0].stripe_number : c->stripe ? c->stripe->index : 0;
    return stripe % c->host->shards;
}

static bool holds_lease(const struct call *c) { return c->key_count || c->stripe || c->cmd->route == ROUTE_ALL; }

void measure_part(struct measure *m, struct call *c) {
    if (!m->started_ns) return;
    uint64_t ns = (uint64_t)(clock_mono_ns() - m->started_ns);
    c->spent_ns += ns;
    if (holds_lease(c)) stat_hold(c->host->stat, home_of(c), m->row, ns);
}

static void keep_time(struct stat_slot *slot, uint32_t row, const struct call *c, uint64_t ns, uint32_t weight) {
    if (atomic_load_explicit(&c->host->common->settings.latency_tracking, memory_order_relaxed)) stat_time(slot, row, ns, weight);
}

void measure_timed(struct measure *m, struct call *c) {
    int64_t now_ns = clock_mono_ns();
    uint64_t part_ns = (uint64_t)(now_ns - m->started_ns), ns = part_ns + c->spent_ns;
    struct stat_tally *t = &m->slot->tally[m->row];
    uint32_t stands_for = 0;
    if (m->sample) {
        uint64_t number = atomic_load_explicit(&t->calls, memory_order_relaxed) - 1;
        stands_for = stat_sampler_take(&t->sampler, number, now_ns, SLOT_SAMPLES_A_SECOND);
    }
    if (stands_for && c->key_count) note_keys(m, c, stands_for, now_ns);
    if (!m->by_sampling) keep_time(m->slot, m->row, c, ns, 1);
    else if (stands_for) keep_time(m->slot, m->row, c, ns, stands_for);
    if (holds_lease(c)) stat_hold(c->host->stat, home_of(c), m->row, part_ns);
    look_if_slow(c, ns);
}

void call_count(struct call *c, uint64_t ns) {
    if (!STATS_ON || !c->host->stat) return;
    struct stat_slot *slot = c->stat ? c->stat : stats_host_slot(c->host->stat, (uintptr_t)c);
    uint32_t row = c->host->stat->row[measure_row(c->cmd)].as;
    stat_add(&slot->tally[row].calls, 1, slot->alone);
    if (c->outcome == CALL_ERROR) stat_add(&slot->tally[row].failed, 1, slot->alone);
    keep_time(slot, row, c, ns, 1);
    look_if_slow(c, ns);
}
