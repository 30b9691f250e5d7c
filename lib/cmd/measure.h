// Around each call: it is counted, and if it is a sample, or one whose time nobody can foresee, timed (stat/stat.h says which). For call_run alone.
#ifndef KORA_CMD_MEASURE_H
#define KORA_CMD_MEASURE_H

#include "base/clock.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"

enum { SHORT_ARGS = 8, SHORT_US = 1000 }; // a short command has so many arguments at most, and is expected to take less

struct measure {
    struct stat_slot *slot; // NULL: not counted here
    uint32_t row;
    bool sample, by_sampling; // it is a sample; its command is timed only where it is
    int64_t started_ns;       // 0: not timed
    size_t reply_from;
};

void measure_part(struct measure *m, struct call *c);
void measure_timed(struct measure *m, struct call *c);
static inline uint32_t measure_row(const struct command *cmd) { return (uint32_t)(cmd - commands); }
// It is in the table, and none that the engine has made for itself.
static inline bool measure_knows(const struct command *cmd) {
    return (uintptr_t)cmd - (uintptr_t)commands < (size_t)command_count * sizeof *cmd;
}

// The slow log, or the latency monitor, could mean a short call.
static inline bool measure_asked(const struct settings *s) {
    return atomic_load_explicit(&s->slowlog_log_slower_than, memory_order_relaxed) < SHORT_US ||
        atomic_load_explicit(&s->latency_monitor_threshold, memory_order_relaxed) != 0;
}

static inline struct measure measure_begin(const struct call *c) {
    struct measure m = { NULL, 0, false, false, 0, 0 };
    if (!STATS_ON || unlikely(!c->host || !c->host->stat || !measure_knows(c->cmd))) return m;
    struct stats *s = c->host->stat;
    // A call that waited for its keys is run by whoever has served it: the slot of its own thread is not his.
    m.slot = likely(c->stat && c->pass != CALL_SERVED) ? c->stat : stats_host_slot(s, (uintptr_t)c);
    const struct stat_row *row = &s->row[measure_row(c->cmd)];
    m.row = row->as;
    const struct stat_tally *t = &m.slot->tally[m.row];
    m.sample = atomic_load_explicit(&t->calls, memory_order_relaxed) >= atomic_load_explicit(&t->sampler.at, memory_order_relaxed);
    m.by_sampling = row->is_short && c->argc <= SHORT_ARGS && likely(!measure_asked(&c->host->common->settings));
    if (likely(m.by_sampling) && likely(!m.sample)) return m;
    m.started_ns = clock_mono_ns();
    m.reply_from = c->reply.buf->n;
    return m;
}

static inline void measure_end(struct measure *m, struct call *c) {
    if (unlikely(!m->slot)) return;
    // Not over yet, or a part of one that is counted as a whole (scatter.c).
    if (unlikely(c->blocks || c->walk_on || c->cmd->route == ROUTE_SCATTER || c->cmd->route == ROUTE_SHARDS)) {
        measure_part(m, c);
        return;
    }
    struct stat_tally *t = &m->slot->tally[m->row];
    stat_add(&t->calls, 1, m->slot->alone);
    if (unlikely(c->outcome == CALL_ERROR)) stat_add(&t->failed, 1, m->slot->alone);
    if (unlikely(m->started_ns)) measure_timed(m, c);
}

#endif
