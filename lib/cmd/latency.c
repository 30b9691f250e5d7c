// LATENCY: events above latency-monitor-threshold, and the times of commands.
//
// GRAPH and DOCTOR are for people: they say in their own words what Redis's say.
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/measure.h"

// ---- events ------------------------------------------------------------------------------------------------------------------------------

static enum stat_event find_event(struct slice name) {
    int e = 0;
    while (e < EVENT_KINDS && !slice_equal(name, slice_str(stat_event_names[e]))) e++;
    return (enum stat_event)e;
}

void cmd_latency_latest(struct call *c) {
    struct stat_event_series s[EVENT_KINDS];
    size_t n = 0;
    for (int e = 0; e < EVENT_KINDS; e++) n += stats_events(c->host->stat, (enum stat_event)e, &s[e]);
    reply_array(c, n);
    for (int e = 0; e < EVENT_KINDS; e++) {
        if (!s[e].count) continue;
        const struct stat_event_sample *last = &s[e].sample[s[e].count - 1];
        reply_array(c, 4);
        reply_bulk_str(c, stat_event_names[e]);
        reply_int(c, last->at_s);
        reply_int(c, (int64_t)last->ms);
        reply_int(c, (int64_t)s[e].max_ms);
    }
}

void cmd_latency_history(struct call *c) {
    struct stat_event_series s = { 0 };
    enum stat_event e = find_event(c->argv[2]);
    if (e < EVENT_KINDS) stats_events(c->host->stat, e, &s);
    reply_array(c, s.count);
    for (uint32_t i = 0; i < s.count; i++) {
        reply_array(c, 2);
        reply_int(c, s.sample[i].at_s);
        reply_int(c, (int64_t)s.sample[i].ms);
    }
}

void cmd_latency_reset(struct call *c) {
    int64_t n = 0;
    for (int e = 0; e < EVENT_KINDS; e++) {
        bool named = c->argc == 2;
        for (int i = 2; i < c->argc; i++) named |= slice_equal(c->argv[i], slice_str(stat_event_names[e]));
        if (named) n += stats_events_reset(c->host->stat, (enum stat_event)e);
    }
    reply_int(c, n);
}

// ---- GRAPH -------------------------------------------------------------------------------------------------------------------------------

enum { GRAPH_COLUMNS = 80, GRAPH_LINES = 4 };

// How long ago, in the largest unit that gives a number above 0: two characters and a unit.
static void format_ago(int64_t s, char to[8]) {
    static const struct {
        int64_t seconds;
        char name;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    size_t u = 0;
    while (u < ARRAY_LEN(units) - 1 && s < units[u].seconds) u++;
    snprintf(to, 8, "%lld%c", (long long)MIN(MAX(s, 0) / units[u].seconds, 9999), units[u].name);
}

void cmd_latency_graph(struct call *c) {
    static const char levels[] = "_o#"; // the lower, middle and upper third of a line
    struct stat_event_series s = { 0 };
    enum stat_event e = find_event(c->argv[2]);
    if (e == EVENT_KINDS || !stats_events(c->host->stat, e, &s)) {
        reply_error(c, "ERR No samples available for event '%.*s'", (int)MIN(c->argv[2].n, (size_t)128), c->argv[2].p);
        return;
    }
    struct buf out = { 0 };
    uint32_t n = MIN(s.count, (uint32_t)GRAPH_COLUMNS);
    const struct stat_event_sample *from = &s.sample[s.count - n];
    uint64_t low = UINT64_MAX, high = 0;
    for (uint32_t i = 0; i < n; i++) {
        low = MIN(low, from[i].ms);
        high = MAX(high, from[i].ms);
    }
    buf_printf(&out, "%s - high %llu ms, low %llu ms (all time high %llu ms)\n", stat_event_names[e], (unsigned long long)high,
        (unsigned long long)low, (unsigned long long)s.max_ms);
    for (int i = 0; i < GRAPH_COLUMNS; i++) buf_append_char(&out, '-');
    buf_append_char(&out, '\n');
    for (int line = GRAPH_LINES - 1; line >= 0; line--) {
        for (uint32_t i = 0; i < n; i++) {
            int third = high > low ? (int)((from[i].ms - low) * (3 * GRAPH_LINES - 1) / (high - low)) - 3 * line : 0 - 3 * line;
            buf_append_char(&out, third < 0 ? ' ' : third > 2 ? '|' : levels[third]);
        }
        buf_append_char(&out, '\n');
    }
    buf_append_char(&out, '\n');
    int64_t now_s = clock_wall_ms() / 1000;
    for (int row = 0; row < 5; row++) { // ages are written downwards
        bool any = false;
        size_t start = out.n;
        for (uint32_t i = 0; i < n; i++) {
            char ago[8];
            format_ago(now_s - from[i].at_s, ago);
            bool there = row < (int)strlen(ago);
            any |= there;
            buf_append_char(&out, there ? ago[row] : ' ');
        }
        if (any) buf_append_char(&out, '\n');
        else if (!out.failed) out.n = start;
    }
    if (out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(out.p, out.n));
    buf_free(&out);
}

// ---- DOCTOR ------------------------------------------------------------------------------------------------------------------------------

static void report_event(struct call *c, enum stat_event e, const struct stat_event_series *s, struct buf *out) {
    static const char *const advice[EVENT_KINDS] = {
        ("Look at SLOWLOG GET, and at STATS.SHARDS for who holds leases longest; replace commands about whole collections (KEYS, HGETALL, LRANGE 0 -1) by "
         "their *SCAN forms, and large values by smaller ones."),
        "Short commands were kept from running: look at the machine's load (steal time, other processes, swap) before anything else.",
        "Many keys expired at the same moment: spread the times at which they do.",
        "The data is at its memory limit, and makes room as it is written: raise maxmemory, or write less.",
    };
    double sum = 0;
    for (uint32_t i = 0; i < s->count; i++) sum += (double)s->sample[i].ms;
    int64_t seconds = s->sample[s->count - 1].at_s - s->sample[0].at_s;
    buf_printf(out, "\n%s: %u seconds with a spike within %lld seconds, %.1f ms on average, worst ever %llu ms.\n  %s\n", stat_event_names[e], s->count,
        (long long)seconds + 1, sum / s->count, (unsigned long long)s->max_ms, advice[e]);
    (void)c;
}

void cmd_latency_doctor(struct call *c) {
    struct buf out = { 0 };
    uint64_t threshold = atomic_load_explicit(&c->host->common->settings.latency_monitor_threshold, memory_order_relaxed);
    bool any = false;
    for (int e = 0; e < EVENT_KINDS; e++) {
        struct stat_event_series s;
        if (!stats_events(c->host->stat, (enum stat_event)e, &s)) continue;
        if (!any) buf_printf(&out, "There were latency spikes.\n");
        any = true;
        report_event(c, (enum stat_event)e, &s, &out);
    }
    if (!any && !threshold) {
        buf_printf(&out, "The latency monitor is off: CONFIG SET latency-monitor-threshold <milliseconds> turns it on. The times of all commands are in LATENCY "
                         "HISTOGRAM and INFO latencystats.\n");
    } else if (!any) {
        buf_printf(&out, "No latency spike of %llu ms or more was seen.\n", (unsigned long long)threshold);
    }
    if (out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(out.p, out.n));
    buf_free(&out);
}

// ---- HISTOGRAM ---------------------------------------------------------------------------------------------------------------------------

// Of some commands: the caller writes the header once it is known how many there are.
struct histograms {
    struct call *call;
    struct buf out;
    struct histogram_copy *times;
    size_t found;
};

enum { FIRST_NS = 1024, LAST_SHIFT = 37 };

static void write_histogram(struct histograms *h, uint32_t row) {
    const struct stats *s = h->call->host->stat;
    struct stat_command counts;
    memset(h->times, 0, sizeof *h->times);
    stats_command(s, row, &counts);
    if (!stats_times(s, row, h->times)) return;
    // What was sampled stands for all calls.
    double scale = (double)counts.calls / (double)h->times->count;
    uint64_t le[LAST_SHIFT], n[LAST_SHIFT], before = 0;
    size_t steps = 0;
    for (uint64_t ns = FIRST_NS; ns <= UINT64_C(1) << LAST_SHIFT && before < h->times->count; ns *= 2) {
        uint64_t up_to = ns >> LAST_SHIFT ? h->times->count : histogram_up_to(h->times, ns - 1);
        if (up_to == before) continue;
        before = up_to;
        le[steps] = ns / 1000;
        n[steps++] = up_to == h->times->count ? counts.calls : (uint64_t)((double)up_to * scale + 0.5);
    }
    struct call *c = h->call;
    struct buf *own = c->reply.buf;
    c->reply.buf = &h->out;
    reply_bulk_str(c, commands[row].name);
    reply_map(c, 2);
    reply_bulk_str(c, "calls");
    reply_int(c, (int64_t)counts.calls);
    reply_bulk_str(c, "histogram_usec");
    reply_map(c, steps);
    for (size_t i = 0; i < steps; i++) {
        reply_int(c, (int64_t)le[i]);
        reply_int(c, (int64_t)n[i]);
    }
    c->reply.buf = own;
    h->found++;
}

void cmd_latency_histogram(struct call *c) {
    struct histograms h = { .call = c, .times = mem_alloc(sizeof *h.times) };
    if (!h.times) {
        reply_no_memory(c);
        return;
    }
    for (int i = 2; i < c->argc; i++) {
        const struct command *cmd = command_by_name(c->host->index, c->argv[i]);
        if (!cmd) continue;
        // A container's name means all of its subcommands.
        for (int row = 0; row < command_count; row++) {
            if (&commands[row] == cmd || ((cmd->flags & CMD_CONTAINER) && commands[row].parent == (int)(cmd - commands))) write_histogram(&h, (uint32_t)row);
        }
    }
    for (int row = 0; c->argc == 2 && row < command_count; row++) write_histogram(&h, (uint32_t)row);
    reply_map(c, h.found);
    if (h.out.failed) c->reply.buf->failed = true; // whoever sends it sees that
    else buf_append(c->reply.buf, h.out.p, h.out.n);
    buf_free(&h.out);
    mem_free(h.times);
}

void cmd_latency_help(struct call *c) { reply_help(c); }
