// Lists: waiting for elements.
#include "cmd/list.h"

static void pop_one(struct call *c, const struct key *k, struct value *v, enum list_end end) {
    struct effects_mark mark = effects_mark(&c->txn);
    size_t start = c->reply.buf->n;
    reply_array(c, 2);
    reply_bulk(c, k->name);
    if (list_effect_pop(&c->txn, k, end, 1) && list_pop_reply(c, v, end, 1)) key_changed(c, k);
    else list_fail(c, start, mark);
}

static void pop(struct call *c, enum list_end end) {
    int64_t timeout_ms;
    struct value v;
    if (!read_timeout(c, c->argv[c->argc - 1], &timeout_ms)) return;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!call_looks_at(c, i)) continue;
        if (!value_wanted(c, i, TYPE_LIST, &v)) return;
        if (!v.there) continue;
        pop_one(c, &c->keys[i], &v, end);
        return;
    }
    if (!call_block(c, c->key_count, timeout_ms)) reply_null_array(c);
}

void cmd_blpop(struct call *c) { pop(c, LIST_FRONT); }
void cmd_brpop(struct call *c) { pop(c, LIST_BACK); }

void cmd_blmpop(struct call *c) {
    int64_t timeout_ms;
    struct list_mpop m;
    struct value v;
    if (!read_timeout(c, c->argv[1], &timeout_ms) || !list_read_mpop(c, 2, &m)) return;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!call_looks_at(c, i)) continue;
        if (!value_wanted(c, i, TYPE_LIST, &v)) return;
        if (!v.there) continue;
        list_mpop_from(c, &c->keys[i], &v, &m);
        return;
    }
    if (!call_block(c, c->key_count, timeout_ms)) reply_null_array(c);
}

// It waits for the source alone, but needs both to go on.
static void move(struct call *c, enum list_end from, enum list_end to, struct slice timeout) {
    int64_t timeout_ms;
    struct value v;
    if (!read_timeout(c, timeout, &timeout_ms)) return;
    if (call_looks_at(c, 0)) {
        if (!value_wanted(c, 0, TYPE_LIST, &v)) return;
        if (v.there) {
            list_move(c, &c->keys[0], &v, from, &c->keys[1], to);
            return;
        }
    }
    if (call_block(c, 1, timeout_ms)) return;
    if (c->pass == CALL_TIMED_OUT) reply_null_array(c); // Redis says so, though an element is no array
    else reply_null(c);
}

void cmd_blmove(struct call *c) {
    enum list_end from, to;
    if (list_read_end(c, c->argv[3], &from) && list_read_end(c, c->argv[4], &to)) move(c, from, to, c->argv[5]);
}

void cmd_brpoplpush(struct call *c) { move(c, LIST_BACK, LIST_FRONT, c->argv[3]); }
