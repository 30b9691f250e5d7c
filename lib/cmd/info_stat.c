// INFO's sections about commands, and what they and others are told from: see stat/stat.h for what is exact and what is sampled.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/stats.h"

static bool was_used(const struct stat_command *s) { return s->calls || s->rejected; }

void info_commandstats(struct host *h, struct buf *out) {
    for (int row = 0; row < command_count; row++) {
        struct stat_command s;
        stats_command(h->stat, (uint32_t)row, &s);
        if (!was_used(&s)) continue;
        buf_printf(out, "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n", commands[row].name,
            (unsigned long long)s.calls, (unsigned long long)s.usec, s.calls ? (double)s.usec / (double)s.calls : 0.0, (unsigned long long)s.rejected,
            (unsigned long long)s.failed);
    }
}

void info_latencystats(struct host *h, struct buf *out) {
    const struct settings *s = &h->common->settings;
    if (!atomic_load_explicit(&s->latency_tracking, memory_order_relaxed)) return; // what was kept before is not shown meanwhile
    struct histogram_copy *times = mem_alloc(sizeof *times);
    uint64_t n = atomic_load_explicit(&s->latency_percentiles, memory_order_relaxed);
    if (!times) {
        out->failed = true;
        return;
    }
    for (int row = 0; row < command_count; row++) {
        memset(times, 0, sizeof *times);
        if (!stats_times(h->stat, (uint32_t)row, times)) continue;
        buf_printf(out, "latency_percentiles_usec_%s:", commands[row].name);
        for (uint64_t i = 0; i < n; i++) {
            double p = (double)atomic_load_explicit(&s->latency_percentile[i], memory_order_relaxed) / 1e6;
            buf_printf(out, "%sp%.10g=%.3f", i ? "," : "", p, (double)histogram_percentile(times, p) / 1000);
        }
        buf_append(out, "\r\n", 2);
    }
    mem_free(times);
}
