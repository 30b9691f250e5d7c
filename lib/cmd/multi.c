// MULTI, EXEC, DISCARD, WATCH, UNWATCH; and how the commands of a transaction run.
//
// EXEC holds the leases of all keys that its commands name, and of those that the session watches; of all stripes if one of its commands looks at everything
// (engine/exec.c sees to that). So its commands are ordinary calls, one after the other, that share one transaction: one time, one list of effects. They
// run in the struct call of EXEC itself. Commands that visit stripe by stripe do so here, with all of them held: what they see is one instant.
//
// Commands that every shard has a part in (CLIENT LIST) need no data, but the other shards' threads, who may wait for what is held here: the engine runs
// them once the leases are let go, and puts their replies where they belong.
#include "call/multi.h"
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "kora.h"

// ---- queueing ----------------------------------------------------------------------------------------------------------------

static bool is_run_at_once(const struct command *cmd) {
    return cmd->handler == cmd_exec || cmd->handler == cmd_discard || cmd->handler == cmd_multi || cmd->handler == cmd_watch || cmd->handler == cmd_quit ||
        cmd->handler == cmd_reset;
}

static bool takes_too_much(struct call *c, const struct multi *m) {
    uint64_t bytes = 0;
    for (int i = 0; i < c->argc; i++) bytes += c->argv[i].n;
    return m->bytes + bytes > atomic_load_explicit(&c->txn.common->settings.client_query_buffer_limit, memory_order_relaxed);
}

int call_enqueue(struct call *c, struct multi *m) {
    if (is_run_at_once(c->cmd) || (c->cmd->flags & CMD_NO_MULTI)) return KORA_INVAL;
    if (m->refused) return KORA_OK; // it won't run: why keep it
    if (takes_too_much(c, m)) return KORA_TOOBIG;
    bool by_keys = c->cmd->route == ROUTE_KEYS || c->cmd->route == ROUTE_ALL;
    size_t n = c->reply.buf->n;
    if ((by_keys && !c->key_count && !call_find_keys(c)) || !multi_add(m, c)) {
        c->reply.buf->n = n;
        return KORA_NOMEM;
    }
    m->flags |= c->cmd->flags;
    m->shards |= c->cmd->route == ROUTE_SHARDS;
    m->all_stripes |= c->cmd->route == ROUTE_ALL || c->cmd->route == ROUTE_SCATTER || c->cmd->route == ROUTE_WALK || (c->cmd->flags & CMD_SCATTERED);
    return KORA_OK;
}

bool call_queue(struct call *c) {
    struct multi *m = c->session->multi;
    if (is_run_at_once(c->cmd)) return false;
    // What is queued takes memory, whatever it will do.
    bool full = account_full(c->txn.common) && c->host && c->host->make_room && c->host->make_room(c->host) != KORA_OK;
    int status = full ? KORA_FULL : call_enqueue(c, m);
    m->refused |= status != KORA_OK;
    switch (status) {
    case KORA_OK: reply_status(c, "QUEUED"); break;
    case KORA_INVAL: reply_error(c, "ERR Command not allowed inside a transaction"); break;
    case KORA_FULL: reply_status_code(c, KORA_FULL); break;
    case KORA_TOOBIG: reply_error(c, "ERR transaction exceeds client-query-buffer-limit"); break;
    default: reply_no_memory(c); break;
    }
    return true;
}

void session_end_multi(struct host *h, struct session *s) {
    if (!s->multi) return;
    h->unwatch(h, s);
    multi_drop(s);
}

bool command_ends_multi(const struct command *cmd) { return cmd->handler == cmd_exec; }

void call_refused(struct call *c) {
    if (slice_is_word(c->argv[0], "exec")) session_end_multi(c->host, c->session); // also if it only watches
    else if (session_queues(c->session)) c->session->multi->refused = true;
}

// ---- running -----------------------------------------------------------------------------------------------------------------

static void run_walk(struct call *c) {
    uint32_t stripe;
    if (!walk_start(c, &stripe)) {
        call_count(c, 0);
        return;
    }
    do {
        c->part = stripe;
        c->stripe = &c->txn.common->stripes[stripe];
        c->walk_on = false;
        call_run_inside(c);
        stripe = c->walk_next;
    } while (c->walk_on);
}

static void merge_parts(struct call *c, struct buf *parts) {
    if (parts->failed) {
        reply_no_memory(c);
        return;
    }
    switch (c->cmd->merge) {
    case MERGE_ARRAY:
        reply_array(c, (size_t)c->sum);
        buf_append(c->reply.buf, parts->p, parts->n);
        break;
    case MERGE_TEXT: reply_verbatim(c, "txt", slice_of(parts->p, parts->n)); break;
    case MERGE_HANDLER:
        c->part = c->parts;
        c->cmd->handler(c);
        break;
    case MERGE_NONE: buf_append(c->reply.buf, parts->p, parts->n); break;
    }
}

static void run_stripe_by_stripe(struct call *c) {
    struct buf parts = { 0 }, *reply = c->reply.buf;
    struct common *common = c->txn.common;
    size_t before = 0;
    c->reply.buf = &parts;
    c->parts = common->stripe_count;
    for (c->part = 0; c->part < c->parts && c->outcome == CALL_OK; c->part++) {
        before = parts.n;
        c->stripe = &common->stripes[c->part];
        call_run_inside(c);
    }
    c->reply.buf = reply;
    if (c->outcome == CALL_OK) merge_parts(c, &parts);
    else buf_append(c->reply.buf, parts.p + before, parts.n - before); // its error alone
    buf_free(&parts);
    call_count(c, c->spent_ns);
}

// The call becomes that of a queued command.
static void take_over(struct call *c, struct queued *q) {
    c->cmd = q->cmd;
    c->argc = q->argc;
    c->argv = q->argv;
    c->keys = q->keys;
    c->key_count = q->key_count;
    for (uint32_t i = 0; i < q->key_count; i++) q->keys[i].db = c->session->db;
    c->outcome = CALL_OK;
    c->changed = c->blocks = c->walk_on = false;
    c->pass = CALL_TRY;
    c->stripe = NULL;
    c->part = c->parts = c->walk_next = 0;
    c->sum = 0;
    c->spent_ns = 0;
    memset(c->scratch, 0, sizeof c->scratch);
    c->txn.no_memory = c->txn.no_room = false;
    c->txn.flags = c->session->no_touch ? c->txn.flags | TXN_NO_TOUCH : c->txn.flags & ~(uint32_t)TXN_NO_TOUCH;
}

static void count_without_stripe(struct call *c) { atomic_fetch_add_explicit(&c->host->commands_in_process, 1, memory_order_relaxed); }

// False: there is no memory even to say so.
static bool run_queued(struct call *c, struct queued *q) {
    struct buf *out = c->reply.buf;
    size_t n = out->n;
    take_over(c, q);
    // Messages come in the order of what they tell of: what was written before is told before what is published now, or who subscribes.
    if (unlikely(c->txn.events.n)) { // and one command's are put in order without those of another
        if (effect_comes_first(&c->txn)) c->txn.events_from = c->txn.events.n;
        else events_send(&c->txn);
    }
    switch (q->cmd->route) {
    case ROUTE_SHARDS: q->reply_at = n; return true;
    case ROUTE_WALK: run_walk(c); break;
    case ROUTE_SCATTER: run_stripe_by_stripe(c); break;
    default: call_run_inside(c); break;
    }
    if (!c->key_count && !c->stripe && q->cmd->route != ROUTE_ALL) count_without_stripe(c);
    if (unlikely(c->block_state)) mem_free(c->block_state);
    c->block_state = NULL;
    if (unlikely(out->failed)) { // what it has done is done; those behind it run as well
        out->n = n;
        out->failed = false;
        while (c->reply.ref_count && c->reply.refs[c->reply.ref_count - 1].at > n) {
            struct reply_ref *r = &c->reply.refs[--c->reply.ref_count];
            r->unpin(r->pin);
        }
        reply_no_memory(c);
        if (out->n == n) return false;
    }
    if (unlikely(c->outcome == CALL_ERROR)) host_count_error(c->host, slice_of(out->p + n, out->n - n));
    return true;
}

// Each step by itself over many keys, so that the misses of one step overlap.
static void prefetch_queue(struct multi *m) {
    enum { AHEAD = 32 };
    struct key *keys[AHEAD];
    uint32_t n = 0;
    for (struct queued *q = m->first; q; q = q->next) {
        for (uint32_t i = 0; i < q->key_count && n < AHEAD; i++) keys[n++] = &q->keys[i];
    }
    for (uint32_t i = 0; i < n; i++) key_prefetch_bucket(keys[i]);
    for (uint32_t i = 0; i < n; i++) key_prefetch_entry(keys[i]);
}

static void run_all(struct call *c, struct multi *m) {
    enum { REPLY_ROOM = 160 }; // of each: a short answer, or an error
    struct call exec = { .cmd = c->cmd, .argc = c->argc, .argv = c->argv, .keys = c->keys, .key_count = c->key_count };
    bool never_block = c->session->never_block;
    if (!buf_reserve(c->reply.buf, RESP_HEADER_MAX + 2 + (size_t)m->count * REPLY_ROOM)) {
        c->reply.buf->failed = false;
        reply_no_memory(c);
        session_end_multi(c->host, c->session);
        return;
    }
    c->session->never_block = true;
    if (m->shards) c->reply.may_refer = false; // parts come in between
    reply_array(c, m->count);
    if (m->count > 1) prefetch_queue(m);
    bool told = true;
    for (struct queued *q = m->first; q; q = q->next) told &= run_queued(c, q);
    c->reply.buf->failed = !told;
    c->session->never_block = never_block;
    c->cmd = exec.cmd;
    c->argc = exec.argc;
    c->argv = exec.argv;
    c->keys = exec.keys;
    c->key_count = exec.key_count;
    c->stripe = NULL;
    c->walk_on = false;
    c->spent_ns = 0;
    c->outcome = CALL_OK;
    c->txn.no_memory = false;
    c->changed = (m->flags & CMD_WRITE) != 0; // no key of its own, so this is only to be known afterwards
    if (m->shards) m->active = false; // the engine is not done with it
    else multi_drop(c->session);
}

static bool watched_are_same(struct call *c, struct multi *m) {
    bool same = !watch_has_changed_now(m->watched, &c->txn);
    while (m->watched) {
        struct watch_record *r = m->watched;
        m->watched = r->next_own;
        watch_remove(r);
    }
    return same;
}

void cmd_exec(struct call *c) {
    struct multi *m = c->session->multi;
    if (!session_queues(c->session)) {
        reply_error(c, "ERR EXEC without MULTI");
    } else if (m->refused) {
        reply_error(c, "EXECABORT Transaction discarded because of previous errors.");
        session_end_multi(c->host, c->session);
    } else if (watched_are_same(c, m)) {
        run_all(c, m);
    } else {
        reply_null_array(c);
        session_end_multi(c->host, c->session);
    }
}

// ---- the others --------------------------------------------------------------------------------------------------------------

void cmd_multi(struct call *c) {
    if (session_queues(c->session)) {
        reply_error(c, "ERR MULTI calls can not be nested");
    } else if (!multi_of(c->session)) {
        reply_no_memory(c);
    } else {
        c->session->multi->active = true;
        reply_ok(c);
    }
}

void cmd_discard(struct call *c) {
    if (!session_queues(c->session)) {
        reply_error(c, "ERR DISCARD without MULTI");
        return;
    }
    session_end_multi(c->host, c->session);
    reply_ok(c);
}

void cmd_watch(struct call *c) {
    struct multi *m = multi_of(c->session);
    if (m && m->active) {
        reply_error(c, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    bool ok = m != NULL;
    struct watch_record *had = m ? m->watched : NULL;
    if (ok && watch_has_changed(had)) {
        reply_ok(c); // EXEC will fail in any case
        return;
    }
    for (uint32_t i = 0; ok && i < c->key_count; i++) {
        key_find(&c->txn, &c->keys[i], 0); // one that has expired goes before it is watched
        ok = !c->txn.no_memory && watch_add(&m->watched, &c->keys[i]);
    }
    if (ok) {
        reply_ok(c);
        return;
    }
    while (m && m->watched != had) {
        struct watch_record *r = m->watched;
        m->watched = r->next_own;
        watch_remove(r);
    }
    reply_no_memory(c);
}

void cmd_unwatch(struct call *c) {
    struct multi *m = c->session->multi;
    if (m && m->active) c->host->unwatch(c->host, c->session); // as one of a transaction's commands
    else session_end_multi(c->host, c->session);
    reply_ok(c);
}
