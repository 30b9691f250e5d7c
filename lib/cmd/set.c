// Sets: adding, removing, asking, taking at random, moving, SSCAN. What is made of several sets is in set_algebra.c.
#include "base/mem.h"
#include "cmd/scan.h"
#include "cmd/set.h"
#include "kora.h"

// ---- adding and removing ---------------------------------------------------------------------------------------------------

void cmd_sadd(struct call *c) {
    struct value v;
    size_t added;
    if (!value_write(c, 0, TYPE_SET, &v)) return;
    if (set_add(&v, c->argv + 2, (size_t)c->argc - 2, &added) != KORA_OK) {
        reply_no_memory(c);
        return;
    }
    c->changed = added > 0;
    reply_int(c, (int64_t)added);
}

void cmd_srem(struct call *c) {
    struct value v;
    if (!value_write(c, 0, TYPE_SET, &v)) return;
    if (!set_open(&v)) {
        reply_no_memory(c);
        return;
    }
    size_t removed = set_remove(&v, c->argv + 2, (size_t)c->argc - 2);
    if (removed > 0 && set_count(&v) == 0) value_delete(&v);
    c->changed = removed > 0;
    reply_int(c, (int64_t)removed);
}

// The other key's changes may have moved its bytes: it is looked up again.
static void find_again(struct call *c, uint32_t i, struct value *v) {
    value_attach(v, TYPE_SET, &c->txn, &c->keys[i], key_find(&c->txn, &c->keys[i], 0));
}

static bool emit_move(struct call *c, bool is_new) {
    const struct key *from = &c->keys[0], *to = &c->keys[1];
    return effect_emit(&c->txn, from, 3, (struct slice[]){ SLICE("SREM"), from->name, c->argv[3] }) &&
        (!is_new || effect_emit(&c->txn, to, 3, (struct slice[]){ SLICE("SADD"), to->name, c->argv[3] }));
}

// The source is made ready first, so that nothing can fail once the destination has the member.
static bool move_member(struct call *c, struct value *from, struct value *to) {
    size_t added;
    if (!emit_move(c, !set_has(to, c->argv[3])) || !set_open(from)) return false;
    find_again(c, 1, to);
    if (set_add(to, &c->argv[3], 1, &added) != KORA_OK) return false;
    find_again(c, 0, from);
    set_remove(from, &c->argv[3], 1);
    if (set_count(from) == 0) value_delete(from);
    key_changed(c, &c->keys[0]);
    if (added) key_changed(c, &c->keys[1]);
    return true;
}

void cmd_smove(struct call *c) {
    struct value from, to;
    struct entry *e = key_write(&c->txn, &c->keys[0]), *other = key_write(&c->txn, &c->keys[1]);
    if (!e) {
        reply_int(c, 0);
        return;
    }
    if (!value_open(c, 0, TYPE_SET, e, &from) || !value_open(c, 1, TYPE_SET, other, &to)) return;
    struct effects_mark mark = effects_mark(&c->txn);
    bool there = set_has(&from, c->argv[3]);
    if (there && e != other && !move_member(c, &from, &to)) {
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    reply_int(c, there);
}

// ---- asking ----------------------------------------------------------------------------------------------------------------

void cmd_scard(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_SET, &v)) reply_int(c, (int64_t)set_count(&v));
}

void cmd_sismember(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_SET, &v)) reply_int(c, set_has(&v, c->argv[2]));
}

void cmd_smismember(struct call *c) {
    bool has[SET_BATCH];
    struct value v;
    if (!value_read(c, 0, TYPE_SET, &v)) return;
    size_t n = (size_t)c->argc - 2;
    reply_array(c, n);
    for (size_t i = 0, some; i < n; i += some) {
        some = MIN(n - i, (size_t)SET_BATCH);
        set_has_each(&v, c->argv + 2 + i, some, has);
        for (size_t j = 0; j < some; j++) reply_int(c, has[j]);
    }
}

void reply_members(struct call *c, struct set_batch *b) {
    for (size_t i = 0; i < b->n; i++) reply_bulk(c, set_text(b, &b->m[i]));
}

static bool reply_visited(void *arg, struct set_batch *b) {
    struct call *c = arg;
    reply_members(c, b);
    return !c->reply.buf->failed;
}

void cmd_smembers(struct call *c) {
    struct value v;
    if (!value_read(c, 0, TYPE_SET, &v)) return;
    reply_set(c, set_count(&v));
    set_visit(&v, reply_visited, c);
}

struct scanning {
    struct call *call;
    struct scan_options options;
    size_t found;
};

static bool reply_scanned(void *arg, struct set_batch *b) {
    struct scanning *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        if (!scan_matches(&s->options, text)) continue;
        reply_bulk(s->call, text);
        s->found++;
    }
    return !s->call->reply.buf->failed;
}

void cmd_sscan(struct call *c) {
    struct scanning s = { .call = c };
    struct value v;
    uint64_t cursor;
    size_t start = c->reply.buf->n;
    if (!scan_cursor(c, c->argv[2], &cursor) || !value_read(c, 0, TYPE_SET, &v)) return;
    if (!v.there) {
        scan_nothing(c);
        return;
    }
    if (!scan_parse(c, 3, 0, &s.options)) return;
    cursor = set_scan(&v, cursor, (size_t)s.options.count, reply_scanned, &s);
    scan_finish(c, start, s.found, cursor);
}

// ---- at random -------------------------------------------------------------------------------------------------------------

// Effects say which members were taken.
bool emit_members(struct call *c, const struct key *k, struct slice command, struct set_batch *b) {
    struct slice argv[2 + SET_BATCH] = { command, k->name };
    if (!effect_wanted(&c->txn)) return true;
    for (size_t i = 0; i < b->n; i++) argv[2 + i] = set_text(b, &b->m[i]);
    return effect_emit(&c->txn, k, 2 + (int)b->n, argv);
}

static void fail_pop(struct call *c, struct effects_mark mark, size_t start) {
    effects_retract(&c->txn, mark);
    c->reply.buf->n = start;
    reply_no_memory(c);
}

static void pop_all(struct call *c, struct value *v) {
    struct effects_mark mark = effects_mark(&c->txn);
    size_t start = c->reply.buf->n;
    reply_set(c, set_count(v));
    set_visit(v, reply_visited, c);
    if (c->reply.buf->failed) return;
    if (c->txn.no_memory || !effect_del(&c->txn, &c->keys[0])) {
        fail_pop(c, mark, start);
        return;
    }
    value_delete(v);
    key_changed(c, &c->keys[0]);
}

// Replies the picked members and says so in effects. False: no memory.
static bool tell_picked(struct call *c, const struct value *v, const set_pick *picks, size_t n) {
    struct set_batch b;
    for (size_t i = 0; i < n; i += b.n) {
        set_picked(v, picks + i, MIN(n - i, (size_t)SET_BATCH), &b);
        if (!emit_members(c, &c->keys[0], SLICE("SREM"), &b)) return false;
        reply_members(c, &b);
    }
    return true;
}

// Takes n members, fewer than there are.
static void pop_some(struct call *c, struct value *v, size_t n) {
    set_pick few[SET_BATCH], *picks = n <= SET_BATCH ? few : mem_alloc(n * sizeof *picks);
    struct effects_mark mark = effects_mark(&c->txn);
    size_t start = c->reply.buf->n;
    reply_set(c, n);
    bool ok = picks && set_open(v);
    if (ok) set_pick_different(v, n, picks);
    ok = ok && tell_picked(c, v, picks, n);
    if (!ok) {
        fail_pop(c, mark, start);
    } else if (c->reply.buf->failed) {
        effects_retract(&c->txn, mark);
    } else {
        set_remove_picked(v, picks, n);
        key_changed(c, &c->keys[0]);
    }
    if (picks != few) mem_free(picks);
}

static void pop_count(struct call *c) {
    struct value v;
    int64_t n;
    if (!num_parse_int(c->argv[2], &n) || n < 0) {
        reply_error(c, "ERR value is out of range, must be positive");
        return;
    }
    if (!value_write(c, 0, TYPE_SET, &v)) return;
    if (n == 0 || !v.there) reply_set(c, 0);
    else if ((uint64_t)n >= set_count(&v)) pop_all(c, &v);
    else pop_some(c, &v, (size_t)n);
}

static void pop_one(struct call *c) {
    struct effects_mark mark = effects_mark(&c->txn);
    struct set_batch b;
    struct value v;
    set_pick pick;
    if (!value_write(c, 0, TYPE_SET, &v)) return;
    if (!v.there) {
        reply_null(c);
        return;
    }
    if (!set_open(&v)) {
        reply_no_memory(c);
        return;
    }
    set_pick_any(&v, 1, &pick);
    set_picked(&v, &pick, 1, &b);
    struct slice text = set_text(&b, &b.m[0]);
    if (!reply_room(c, text.n)) return;
    if (!emit_members(c, &c->keys[0], SLICE("SREM"), &b)) {
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    reply_bulk(c, text);
    set_remove_picked(&v, &pick, 1);
    if (set_count(&v) == 0) value_delete(&v);
    key_changed(c, &c->keys[0]);
}

void cmd_spop(struct call *c) {
    if (c->argc > 3) reply_syntax_error(c);
    else if (c->argc == 3) pop_count(c);
    else pop_one(c);
}

// Each anew any of them.
static void reply_any(struct call *c, const struct value *v, uint64_t n) {
    set_pick picks[SET_BATCH];
    struct set_batch b;
    size_t shortest = sizeof "$0\r\n\r\n";
    if (n > SIZE_MAX / 2 / shortest || !reply_room(c, n * shortest)) {
        reply_no_memory(c);
        return;
    }
    reply_array(c, n);
    for (uint64_t i = 0; i < n && !c->reply.buf->failed; i += b.n) {
        size_t some = MIN(n - i, (uint64_t)SET_BATCH);
        set_pick_any(v, some, picks);
        set_picked(v, picks, some, &b);
        reply_members(c, &b);
    }
}

static void reply_different(struct call *c, const struct value *v, uint64_t n) {
    if (n >= set_count(v)) {
        reply_array(c, set_count(v));
        set_visit(v, reply_visited, c);
        return;
    }
    set_pick few[SET_BATCH], *picks = n <= SET_BATCH ? few : mem_alloc(n * sizeof *picks);
    struct set_batch b;
    if (!picks) {
        reply_no_memory(c);
        return;
    }
    set_pick_different(v, n, picks);
    reply_array(c, n);
    for (size_t i = 0; i < n; i += b.n) {
        set_picked(v, picks + i, MIN(n - i, (size_t)SET_BATCH), &b);
        reply_members(c, &b);
    }
    if (picks != few) mem_free(picks);
}

static void random_count(struct call *c) {
    struct value v;
    int64_t n;
    if (!read_int(c, c->argv[2], &n)) return;
    if (n == INT64_MIN) {
        reply_error(c, "ERR value is out of range, value must between %lld and %lld", -(long long)INT64_MAX, (long long)INT64_MAX);
        return;
    }
    if (!value_read(c, 0, TYPE_SET, &v)) return;
    if (n == 0 || !v.there) reply_array(c, 0);
    else if (n < 0) reply_any(c, &v, (uint64_t)-n);
    else reply_different(c, &v, (uint64_t)n);
}

void cmd_srandmember(struct call *c) {
    struct set_batch b;
    struct value v;
    set_pick pick;
    if (c->argc > 3) {
        reply_syntax_error(c);
    } else if (c->argc == 3) {
        random_count(c);
    } else if (value_read(c, 0, TYPE_SET, &v)) {
        if (!v.there) {
            reply_null(c);
            return;
        }
        set_pick_any(&v, 1, &pick);
        set_picked(&v, &pick, 1, &b);
        reply_members(c, &b);
    }
}
