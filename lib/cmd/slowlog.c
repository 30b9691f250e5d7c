// SLOWLOG: the calls that took longer than slowlog-log-slower-than (stat/stat.h).
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"

enum { SHOWN_DEFAULT = 10 };

static size_t kept(const struct call *c) {
    return MIN(stats_slow_count(c->host->stat), (size_t)atomic_load_explicit(&c->host->common->settings.slowlog_max_len, memory_order_relaxed));
}

static void reply_entry(struct call *c, const struct stat_slow *e) {
    reply_array(c, 6);
    reply_int(c, (int64_t)e->id);
    reply_int(c, e->at_s);
    reply_int(c, (int64_t)e->usec);
    reply_array(c, e->argc);
    for (uint32_t i = 0; i < e->argc; i++) reply_bulk(c, e->argv[i]);
    reply_bulk(c, e->client);
    reply_bulk(c, e->name);
}

void cmd_slowlog_get(struct call *c) {
    int64_t count = SHOWN_DEFAULT;
    if (c->argc > 3) {
        reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG HELP.", (int)c->argv[1].n, c->argv[1].p);
        return;
    }
    if (c->argc == 3) {
        if (!num_parse_int(c->argv[2], &count) || count < -1) {
            reply_error(c, "ERR count should be greater than or equal to -1");
            return;
        }
    }
    size_t n = kept(c);
    if (count >= 0) n = MIN(n, (uint64_t)count);
    struct stat_slow **e = n ? mem_alloc(n * sizeof *e) : NULL;
    if (n && !e) {
        reply_no_memory(c);
        return;
    }
    n = n ? stats_slow(c->host->stat, e, n) : 0;
    reply_array(c, n);
    for (size_t i = 0; i < n; i++) {
        reply_entry(c, e[i]);
        stat_slow_free(e[i]);
    }
    mem_free(e);
}

void cmd_slowlog_len(struct call *c) { reply_int(c, (int64_t)kept(c)); }

void cmd_slowlog_reset(struct call *c) {
    stats_slow_reset(c->host->stat);
    reply_ok(c);
}

void cmd_slowlog_help(struct call *c) { reply_help(c); }
