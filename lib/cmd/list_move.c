// Lists: taking elements out, and moving them from list to list.
#include "cmd/list.h"

// ---- shared -----------------------------------------------------------------------------------------------------------------

bool list_read_end(struct call *c, struct slice s, enum list_end *end) {
    *end = slice_is_word(s, "left") ? LIST_FRONT : LIST_BACK;
    if (*end == LIST_FRONT || slice_is_word(s, "right")) return true;
    reply_syntax_error(c);
    return false;
}

bool list_effect_pop(struct txn *t, const struct key *k, enum list_end end, uint64_t n) {
    char number[NUM_INT_MAX];
    struct slice name = end == LIST_FRONT ? SLICE("LPOP") : SLICE("RPOP");
    return effect_emit(t, k, 3, (struct slice[]){ name, k->name, { number, num_format_uint(n, number) } });
}

bool list_effect_push(struct txn *t, const struct key *k, enum list_end end, struct slice s) {
    return effect_emit(t, k, 3, (struct slice[]){ end == LIST_FRONT ? SLICE("LPUSH") : SLICE("RPUSH"), k->name, s });
}

void list_fail(struct call *c, size_t start, struct effects_mark mark) {
    effects_retract(&c->txn, mark);
    if (c->reply.buf->failed) return; // whoever sends it sees that
    c->reply.buf->n = start;
    reply_no_memory(c);
}

// ---- LPOP, RPOP, LMPOP ---------------------------------------------------------------------------------------------------------

bool list_pop_reply(struct call *c, struct value *v, enum list_end end, uint64_t n) {
    char number[NUM_INT_MAX];
    struct list_at at;
    uint64_t count = list_count(v);
    n = MIN(n, count);
    if (!list_edit(v) || !list_seek(v, end == LIST_FRONT ? 0 : -1, &at)) return false;
    for (uint64_t i = 0; i < n; i++) {
        if (i > 0) (void)(end == LIST_FRONT ? list_next(&at) : list_previous(&at));
        reply_bulk(c, list_get(&at, number));
    }
    if (c->reply.buf->failed) return false;
    list_remove(v, end == LIST_FRONT ? 0 : count - n, n);
    return true;
}

static bool read_count(struct call *c, int64_t *n) {
    if (num_parse_int(c->argv[2], n) && *n >= 0) return true;
    reply_error(c, "ERR value is out of range, must be positive");
    return false;
}

static void pop(struct call *c, enum list_end end) {
    bool counted = c->argc > 2;
    int64_t n = 1;
    struct value v;
    if (c->argc > 3) {
        reply_arity(c);
        return;
    }
    if ((counted && !read_count(c, &n)) || !value_write(c, 0, TYPE_LIST, &v)) return;
    if (!v.there) {
        if (counted) reply_null_array(c);
        else reply_null(c);
        return;
    }
    size_t start = c->reply.buf->n;
    if (counted) reply_array(c, MIN((uint64_t)n, list_count(&v)));
    if (n == 0) return;
    if (list_pop_reply(c, &v, end, (uint64_t)n)) c->changed = true;
    else list_fail(c, start, effects_mark(&c->txn));
}

void cmd_lpop(struct call *c) { pop(c, LIST_FRONT); }
void cmd_rpop(struct call *c) { pop(c, LIST_BACK); }

static bool read_positive(struct call *c, struct slice s, const char *name, int64_t *n) {
    if (num_parse_int(s, n) && *n > 0) return true;
    reply_error(c, "ERR %s should be greater than 0", name);
    return false;
}

bool list_read_mpop(struct call *c, int at, struct list_mpop *m) {
    int64_t keys;
    bool counted = false;
    m->count = 1;
    if (!read_positive(c, c->argv[at], "numkeys", &keys)) return false;
    if (keys >= c->argc - at - 1) {
        reply_syntax_error(c);
        return false;
    }
    if (!list_read_end(c, c->argv[at + 1 + keys], &m->end)) return false;
    for (int i = at + 2 + (int)keys; i < c->argc; i += 2) {
        if (counted || !slice_is_word(c->argv[i], "count") || i + 1 >= c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!read_positive(c, c->argv[i + 1], "count", &m->count)) return false;
        counted = true;
    }
    return true;
}

void list_mpop_from(struct call *c, const struct key *k, struct value *v, const struct list_mpop *m) {
    struct effects_mark mark = effects_mark(&c->txn);
    size_t start = c->reply.buf->n;
    uint64_t n = MIN((uint64_t)m->count, list_count(v));
    reply_array(c, 2);
    reply_bulk(c, k->name);
    reply_array(c, n);
    if (list_effect_pop(&c->txn, k, m->end, n) && list_pop_reply(c, v, m->end, n)) key_changed(c, k);
    else list_fail(c, start, mark);
}

void cmd_lmpop(struct call *c) {
    struct list_mpop m;
    struct value v;
    if (!list_read_mpop(c, 1, &m)) return;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!value_write(c, i, TYPE_LIST, &v)) return;
        if (!v.there) continue;
        list_mpop_from(c, &c->keys[i], &v, &m);
        return;
    }
    reply_null_array(c);
}

// ---- LMOVE, RPOPLPUSH ----------------------------------------------------------------------------------------------------------

static bool emit_move(struct txn *t, const struct key *from, enum list_end from_end, const struct key *to, enum list_end to_end, struct slice s) {
    return !effect_wanted(t) || (list_effect_pop(t, from, from_end, 1) && list_effect_push(t, to, to_end, s));
}

static struct slice end_word(enum list_end end) { return end == LIST_FRONT ? SLICE("LEFT") : SLICE("RIGHT"); }

// Not as an LPOP and an RPUSH: the only element of a list goes and comes without the key being deleted.
static bool rotate(struct call *c, const struct key *k, struct value *v, enum list_end from, enum list_end to, struct slice s) {
    struct slice argv[] = { SLICE("LMOVE"), k->name, k->name, end_word(from), end_word(to) };
    return effect_emit(&c->txn, k, ARRAY_LEN(argv), argv) && (from == to || list_rotate(v, from, s));
}

// Adds first, so that nothing is lost without memory; what is taken out then may have moved.
static bool move_between(
    struct call *c, const struct key *from, enum list_end from_end, const struct key *to, struct value *into, enum list_end to_end, struct slice s) {
    struct txn *t = &c->txn;
    struct value v;
    if (!emit_move(t, from, from_end, to, to_end, s) || !list_push(into, to_end, &s, 1)) return false;
    value_attach(&v, TYPE_LIST, t, from, key_find(t, from, 0));
    list_remove(&v, from_end == LIST_FRONT ? 0 : list_count(&v) - 1, 1);
    key_changed(c, to);
    return true;
}

bool list_move(struct call *c, const struct key *from, struct value *v, enum list_end from_end, const struct key *to, enum list_end to_end) {
    char number[NUM_INT_MAX];
    struct txn *t = &c->txn;
    struct list_at at;
    struct value into;
    bool same = from->db == to->db && slice_equal(from->name, to->name);
    value_attach(&into, TYPE_LIST, t, to, same ? NULL : key_write(t, to));
    if (into.type != TYPE_LIST) {
        reply_wrong_type(c);
        return false;
    }
    struct effects_mark mark = effects_mark(t);
    size_t start = c->reply.buf->n;
    bool done = list_edit(v) && list_seek(v, from_end == LIST_FRONT ? 0 : -1, &at);
    if (done) {
        struct slice s = list_get(&at, number);
        reply_bulk(c, s);
        // From here on the element is the copy in the reply.
        if (!c->reply.buf->failed) s.p = c->reply.buf->p + c->reply.buf->n - 2 - s.n;
        done = !c->reply.buf->failed && (same ? rotate(c, from, v, from_end, to_end, s) : move_between(c, from, from_end, to, &into, to_end, s));
    }
    if (done) key_changed(c, from);
    else list_fail(c, start, mark);
    return done;
}

static void move(struct call *c, enum list_end from_end, enum list_end to_end) {
    struct value v;
    if (!value_write(c, 0, TYPE_LIST, &v)) return;
    if (v.there) list_move(c, &c->keys[0], &v, from_end, &c->keys[1], to_end);
    else reply_null(c);
}

void cmd_lmove(struct call *c) {
    enum list_end from, to;
    if (list_read_end(c, c->argv[3], &from) && list_read_end(c, c->argv[4], &to)) move(c, from, to);
}

void cmd_rpoplpush(struct call *c) { move(c, LIST_BACK, LIST_FRONT); }
