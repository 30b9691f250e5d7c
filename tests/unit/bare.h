// A database without an engine, on one thread: commands run as the engine runs them, with a clock and thresholds of the test's own. For tests
// and fuzz targets; aborts where it gets no memory at the start.
#ifndef TESTS_UNIT_BARE_H
#define TESTS_UNIT_BARE_H

#include "base/mem.h"
#include "call/multi.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "kora.h"
#include "stripe/stripe.h"
#include "unit/kept.h"

enum { BARE_DATABASES = 4 };

struct bare {
    struct common c;
    struct host host;
    struct session session;
    int64_t now_ms;
    struct buf reply;
    uint32_t visits;          // of stripes, by the last command
    struct kept_effects kept; // if bare_keeping has made it
};

static inline int64_t bare_clock(void *arg) { return ((struct bare *)arg)->now_ms; }

static inline void bare_unwatch_(struct host *h, struct session *s) {
    (void)h;
    while (s->multi && s->multi->watched) {
        struct watch_record *r = s->multi->watched;
        s->multi->watched = r->next_own;
        watch_remove(r);
    }
}

static inline struct bare *bare_new(uint32_t stripes, int64_t now_ms, struct effect_sink effects) {
    struct bare *d = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *d, CACHE_LINE));
    invariant(d);
    memset(d, 0, sizeof *d);
    d->now_ms = now_ms;
    d->c.seed = (struct hash_key){ 1 + stripes, 2 };
    d->c.wall_ms = bare_clock;
    d->c.wall_arg = d;
    d->c.effects = effects;
    bool made = settings_init(&d->c.settings) == KORA_OK && stripes_init(&d->c, BARE_DATABASES, stripes) == KORA_OK;
    d->host.common = &d->c;
    d->host.index = command_index_create();
    d->host.unwatch = bare_unwatch_;
    invariant(made && d->host.index);
    session_init(&d->session, 1);
    return d;
}

static inline struct bare *bare_keeping(uint32_t stripes, int64_t now_ms) {
    struct bare *d = bare_new(stripes, now_ms, (struct effect_sink){ 0 });
    d->c.effects = (struct effect_sink){ .fn = effects_keep, .arg = &d->kept };
    return d;
}

static inline void bare_free(struct bare *d) {
    effects_forget(&d->kept);
    buf_free(&d->reply);
    session_end_multi(&d->host, &d->session);
    session_free(&d->session);
    command_index_free((struct command_index *)(uintptr_t)d->host.index);
    stripes_free(&d->c);
    settings_free(&d->c.settings);
    free(d);
}

static inline void bare_visit_(struct bare *d, struct call *c, uint32_t flags) {
    txn_begin(&c->txn, &d->c);
    c->txn.flags = flags;
    d->visits++;
    call_run(c);
}

static inline void bare_scatter_(struct bare *d, struct call *c, uint32_t flags) {
    size_t start = c->reply.buf->n;
    for (c->part = 0; c->part < d->c.stripe_count; c->part++) {
        c->stripe = &d->c.stripes[c->part];
        bare_visit_(d, c, flags);
    }
    resp_insert_header(c->reply.buf, start, '*', c->sum);
}

static inline void bare_walk_(struct bare *d, struct call *c, uint32_t flags) {
    if (!walk_start(c, &c->part)) return;
    do {
        c->stripe = &d->c.stripes[c->part];
        c->walk_on = false;
        bare_visit_(d, c, flags);
        c->part = c->walk_next;
    } while (c->walk_on);
}

// The reply is in d->reply. False: it is an error.
static inline bool bare_run(struct bare *d, int argc, struct slice *argv, uint32_t flags) {
    struct call c = { .argc = argc, .argv = argv, .session = &d->session, .host = &d->host };
    c.reply = (struct reply){ .buf = &d->reply, .version = d->session.version };
    c.txn.common = &d->c;
    buf_clear(&d->reply);
    d->visits = 0;
    if (call_prepare(&c, d->host.index) && call_find_keys(&c)) {
        if (session_queues(&d->session) && call_queue(&c)) { }
        else if (c.cmd->route == ROUTE_SCATTER) bare_scatter_(d, &c, flags);
        else if (c.cmd->route == ROUTE_WALK) bare_walk_(d, &c, flags);
        else bare_visit_(d, &c, flags);
    }
    call_release_keys(&c);
    reply_free_refs(&c.reply);
    invariant(!c.txn.undo);
    return c.outcome == CALL_OK && !d->reply.failed;
}

#define BARE_RUN(d, ...) bare_run((d), (int)ARRAY_LEN(((struct slice[]){ __VA_ARGS__ })), (struct slice[]){ __VA_ARGS__ }, 0)

static inline void bare_check(struct bare *d) {
    for (uint32_t i = 0; i < d->c.stripe_count; i++) stripe_check(&d->c.stripes[i]);
}

#endif
