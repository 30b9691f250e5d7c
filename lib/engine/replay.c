// See replay.h.
#include "engine/replay.h"

#include "base/mem.h"
#include "base/num.h"
#include "kora.h"

// No shard runs yet, so nobody looks into the tables: what was dropped can be freed at once.
static void free_garbage(struct stripe *s) {
    struct keyspace *garbage = stripe_take_garbage(s);
    while (garbage && !keyspaces_free(&garbage)) { } // nobody has pinned anything
}

// Of a command about a whole database each stripe has told its part. It is that of the stripes into which that one has been divided since: its highest bits go first.
static int replay_part(struct engine *e, const struct recovered_effect *r) {
    struct common *c = &e->common;
    uint32_t into = c->stripe_count / r->stripes, from = r->stripe * into;
    bool swap = r->argc == 3 && slice_is_word(r->argv[0], "swapdb");
    int64_t a = 0, b = 0;
    if (swap && !(num_parse_int(r->argv[1], &a) && num_parse_int(r->argv[2], &b) && a >= 0 && b >= 0 && a < c->databases && b < c->databases)) return KORA_CORRUPT;
    struct txn t;
    txn_begin_replay(&t, c);
    for (uint32_t i = from; i < from + into; i++) {
        if (!lease_wait(&e->leases[i])) return KORA_CLOSED;
        if (swap) stripe_swap(&c->stripes[i], &t, (uint32_t)a, (uint32_t)b);
        else stripe_flush(&c->stripes[i], r->db);
        if (e->loading) engine_drop_garbage_of(e, &c->stripes[i]);
        else free_garbage(&c->stripes[i]);
        lease_release(&e->leases[i]);
    }
    return KORA_OK;
}

static bool is_part(const struct recovered_effect *r) {
    return (r->argc == 1 && slice_is_word(r->argv[0], "flushdb")) || (r->argc == 3 && slice_is_word(r->argv[0], "swapdb"));
}

static void release(struct engine *e, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) lease_release(&e->leases[first + i]);
}

static bool take(struct engine *e, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (lease_wait(&e->leases[first + i])) continue;
        release(e, first, i);
        return false;
    }
    return true;
}

static int replay_call(struct engine *e, struct call *c, const struct recovered_effect *r) {
    if (!call_prepare(c, e->index) || c->cmd->route != ROUTE_KEYS) return KORA_CORRUPT;
    if (!call_find_keys(c)) return KORA_NOMEM;
    if (!c->key_count) return KORA_CORRUPT;
    // Its keys were of one stripe, which may have been divided since.
    uint32_t into = e->common.stripe_count / r->stripes, first = c->keys[0].stripe_number, count = 1;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (c->keys[i].stripe_number / into != r->stripe) return KORA_CORRUPT;
        if (c->keys[i].stripe_number != c->keys[0].stripe_number) first = r->stripe * into, count = into;
    }
    if (!take(e, first, count)) return KORA_CLOSED;
    txn_begin_replay(&c->txn, &e->common);
    call_replay(c);
    release(e, first, count);
    return c->outcome == CALL_OK && !c->reply.buf->failed ? KORA_OK : KORA_CORRUPT;
}

// What to say of it, if it is not known yet.
static int refused(struct replay *p, const struct recovered_effect *r, int status) {
    const struct buf *reply = &p->reply;
    bool no_memory = status == KORA_NOMEM || reply->failed || (reply->n >= 4 && memcmp(reply->p, "-OOM", 4) == 0);
    int n = (int)(reply->n > 2 ? MIN(reply->n - 2, (size_t)100) : 0);
    struct slice name = r->argc ? r->argv[0] : SLICE("");
    if (p->error_size && no_memory) snprintf(p->error, p->error_size, "out of memory");
    else if (p->error_size) {
        snprintf(p->error, p->error_size, "the log holds `%.*s`, which can't be run: %.*s", (int)MIN(name.n, (size_t)40), name.p, n, reply->p ? reply->p : "");
    }
    return no_memory ? KORA_NOMEM : KORA_CORRUPT;
}

int replay_effect(struct replay *p, const struct recovered_effect *r) {
    struct engine *e = p->engine;
    struct call c = { .argc = r->argc, .session = &p->session, .host = &e->host };
    buf_clear(&p->reply);
    if (r->db >= e->common.databases || r->argc < 1 || r->stripe >= r->stripes || e->common.stripe_count % r->stripes) return refused(p, r, KORA_CORRUPT);
    int status;
    if (is_part(r)) {
        status = replay_part(e, r);
    } else {
        c.argv = (struct slice *)(uintptr_t)r->argv; // handlers only read them
        c.reply = (struct reply){ .buf = &p->reply, .version = 2 };
        c.keys = c.keys_inline;
        c.txn.common = &e->common;
        p->session.db = r->db;
        status = replay_call(e, &c, r);
        call_release_keys(&c);
        reply_free_refs(&c.reply);
        mem_free(c.block_state);
    }
    return status == KORA_OK || status == KORA_CLOSED ? status : refused(p, r, status);
}

void replay_begin(struct replay *p, struct engine *e, char *error, size_t error_size) {
    *p = (struct replay){ .engine = e, .error = error, .error_size = error_size };
    session_init(&p->session, 0);
    p->session.never_block = true;
}

void replay_end(struct replay *p) {
    session_free(&p->session);
    buf_free(&p->reply);
}
