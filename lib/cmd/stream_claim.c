// Pending entries: XACK, XPENDING, XCLAIM, XAUTOCLAIM.
#include "cmd/stream_int.h"

// ---- XACK ----------------------------------------------------------------------------------------------------------------------

void cmd_xack(struct call *c) {
    struct value v;
    struct stream_id id;
    int64_t n = 0;
    if (!value_read_to_change(c, 0, TYPE_STREAM, &v)) return;
    struct stream *s = value_stream(&v);
    struct stream_group *g = s ? stream_group(s, c->argv[2]) : NULL;
    for (int i = 3; g && i < c->argc; i++) {
        if (!read_id(c, c->argv[i], 0, &id)) return;
    }
    for (int i = 3; g && i < c->argc; i++) {
        parse_id(c->argv[i], 0, &id);
        struct stream_pending *p = stream_pending(&g->pending, id);
        if (!p) continue;
        stream_acknowledge(s, g, p);
        n++;
    }
    c->changed = n > 0;
    reply_int(c, n);
}

// ---- XPENDING ------------------------------------------------------------------------------------------------------------------

static struct stream_pending *pending_at(struct tree_at at) { return tree_item(at); }

static void reply_pending_summary(struct call *c, const struct stream_group *g) {
    int64_t n = 0;
    reply_array(c, 4);
    reply_int(c, (int64_t)g->pending.count);
    if (g->pending.count == 0) {
        reply_null(c);
        reply_null(c);
        reply_null_array(c);
        return;
    }
    reply_id(c, pending_at(tree_first(&g->pending))->id);
    reply_id(c, pending_at(tree_last(&g->pending))->id);
    size_t start = c->reply.buf->n;
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) {
        const struct stream_consumer *one = tree_item(at);
        char count[NUM_INT_MAX];
        if (one->pending.count == 0) continue;
        reply_array(c, 2);
        reply_bulk(c, stream_consumer_name(one));
        reply_bulk(c, slice_of(count, num_format_uint(one->pending.count, count)));
        n++;
    }
    resp_insert_header(c->reply.buf, start, '*', n);
}

struct pending_args {
    struct stream_id from, to;
    int64_t count, idle_ms;
    int consumer; // of argv; 0: any
};

static bool read_pending_args(struct call *c, struct pending_args *a) {
    int i = 3;
    if (c->argc < 6 || c->argc > 9) {
        reply_syntax_error(c);
        return false;
    }
    if (slice_is_word(c->argv[3], "idle")) {
        if (!read_int(c, c->argv[4], &a->idle_ms)) return false;
        if (c->argc < 8) {
            reply_syntax_error(c);
            return false;
        }
        i += 2;
    }
    if (!read_int(c, c->argv[i + 2], &a->count) || !read_id_range(c, c->argv[i], c->argv[i + 1], &a->from, &a->to)) return false;
    a->consumer = i + 3 < c->argc ? i + 3 : 0;
    return true;
}

static void reply_pending(struct call *c, const struct tree *pending, const struct pending_args *a) {
    int64_t n = 0, now = txn_now(&c->txn);
    size_t start = c->reply.buf->n;
    for (struct tree_at at = stream_pending_from(pending, a->from); at.leaf && n < a->count; at = tree_next(at)) {
        const struct stream_pending *p = pending_at(at);
        if (stream_id_compare(p->id, a->to) > 0) break;
        if (a->idle_ms && now - p->time_ms < a->idle_ms) continue;
        reply_array(c, 4);
        reply_id(c, p->id);
        reply_bulk(c, stream_consumer_name(p->consumer));
        reply_int(c, MAX(now - p->time_ms, (int64_t)0));
        reply_int(c, (int64_t)p->count);
        n++;
    }
    resp_insert_header(c->reply.buf, start, '*', n);
}

void cmd_xpending(struct call *c) {
    struct pending_args a = { .count = 0 };
    struct value v;
    struct stream *s;
    if ((c->argc != 3 && !read_pending_args(c, &a)) || !value_read(c, 0, TYPE_STREAM, &v)) return;
    struct stream_group *g = find_group(c, 1, &v, &s);
    if (!g) return;
    if (c->argc == 3) {
        reply_pending_summary(c, g);
        return;
    }
    struct stream_consumer *one = a.consumer ? stream_consumer(g, c->argv[a.consumer]) : NULL;
    if (a.consumer && !one) reply_array(c, 0);
    else reply_pending(c, one ? &one->pending : &g->pending, &a);
}

// ---- XCLAIM --------------------------------------------------------------------------------------------------------------------

struct claim_args {
    int64_t min_idle_ms, time_ms, retries; // -1: not given
    struct stream_id last_id;
    bool force, just_id;
    int end; // of the ids
};

static bool read_min_idle(struct call *c, int64_t *ms) {
    if (!num_parse_int(c->argv[4], ms)) {
        reply_error(c, "ERR Invalid min-idle-time argument for %s", c->cmd->name[1] == 'c' ? "XCLAIM" : "XAUTOCLAIM");
        return false;
    }
    if (*ms < 0) *ms = 0;
    return true;
}

static bool read_claim_number(struct call *c, int i, const char *option, int64_t *n) {
    if (num_parse_int(c->argv[i], n)) return true;
    reply_error(c, "ERR Invalid %s option argument for XCLAIM", option);
    return false;
}

static bool read_claim_options(struct call *c, struct claim_args *a) {
    for (int i = a->end; i < c->argc; i++) {
        struct slice s = c->argv[i];
        bool more = i + 1 < c->argc;
        if (slice_is_word(s, "force")) {
            a->force = true;
        } else if (slice_is_word(s, "justid")) {
            a->just_id = true;
        } else if (more && slice_is_word(s, "idle")) {
            if (!read_claim_number(c, ++i, "IDLE", &a->time_ms)) return false;
            a->time_ms = (int64_t)((uint64_t)txn_now(&c->txn) - (uint64_t)a->time_ms);
        } else if (more && slice_is_word(s, "time")) {
            if (!read_claim_number(c, ++i, "TIME", &a->time_ms)) return false;
        } else if (more && slice_is_word(s, "retrycount")) {
            if (!read_claim_number(c, ++i, "RETRYCOUNT", &a->retries)) return false;
        } else if (more && slice_is_word(s, "lastid")) {
            if (!read_id(c, c->argv[++i], 0, &a->last_id)) return false;
        } else {
            reply_error(c, "ERR Unrecognized XCLAIM option '%.*s'", (int)s.n, s.p);
            return false;
        }
    }
    return true;
}

static bool read_claim_args(struct call *c, struct claim_args *a) {
    struct stream_id id;
    if (!read_min_idle(c, &a->min_idle_ms)) return false;
    for (a->end = 5; a->end < c->argc && parse_id(c->argv[a->end], 0, &id); a->end++) {}
    if (!read_claim_options(c, a)) return false;
    // A time ahead of the clock is not taken at its word, but when an effect is replayed.
    int64_t now = txn_now(&c->txn);
    bool bogus = a->time_ms < 0 || (a->time_ms > now && !(c->txn.flags & TXN_REPLAY));
    if (bogus) a->time_ms = now;
    return true;
}

static void reply_claimed(struct call *c, struct stream_cursor *at, bool just_id) {
    if (just_id) reply_id(c, at->id);
    else reply_entry(c, at);
}

// One id of XCLAIM. False: no memory.
static bool claim(struct claiming *x, const struct claim_args *a, struct stream_id id, struct stream_cursor *at, int64_t *replied) {
    struct call *c = x->c;
    const struct stream_pending *p = stream_pending(&x->g->pending, id);
    if (!stream_has(at, x->s, id)) return !p || claiming_gone(x, id);
    if (!p && !a->force) return true;
    if (p && a->min_idle_ms && txn_now(&c->txn) - p->time_ms < a->min_idle_ms) return true;
    uint64_t count = p ? p->count : 1;
    if (a->retries >= 0) count = (uint64_t)a->retries;
    else if (!a->just_id) count = p ? stream_count_again(p) : 2;
    if (!claiming_consumer(x) || !claiming_add(x, id, a->time_ms, count)) return false;
    reply_claimed(c, at, a->just_id);
    ++*replied;
    return x->reads = true;
}

static void claim_all(struct claiming *x, const struct claim_args *a) {
    struct call *c = x->c;
    struct stream_cursor at = { .s = NULL };
    size_t start = c->reply.buf->n;
    int64_t replied = 0;
    bool ok = true;
    if (stream_id_compare(a->last_id, x->g->last_id) > 0) x->g->last_id = a->last_id;
    for (int i = 5; ok && i < a->end; i++) {
        struct stream_id id;
        parse_id(c->argv[i], 0, &id);
        ok = claim(x, a, id, &at, &replied);
    }
    resp_insert_header(c->reply.buf, start, '*', replied);
    claiming_end(x, 1, ok, start);
}

void cmd_xclaim(struct call *c) {
    struct claim_args a = { .time_ms = -1, .retries = -1 };
    struct claiming x;
    struct value v;
    struct stream *s;
    if (!value_read_to_change(c, 0, TYPE_STREAM, &v)) return;
    struct stream_group *g = find_group(c, 1, &v, &s);
    if (!g || !read_claim_args(c, &a)) return;
    claiming_begin(&x, c, &c->keys[0], s, g, c->argv[3]);
    claim_all(&x, &a);
}

// ---- XAUTOCLAIM ------------------------------------------------------------------------------------------------------------------

struct autoclaim_args {
    int64_t min_idle_ms, count;
    struct stream_id from;
    bool just_id;
};

enum { ATTEMPTS = 10 }; // pending entries that are looked at for each that may be claimed

static bool read_autoclaim_args(struct call *c, struct autoclaim_args *a) {
    enum { ID_BYTES = 16 };
    if (!read_min_idle(c, &a->min_idle_ms) || !read_id_start(c, c->argv[5], &a->from)) return false;
    for (int i = 6; i < c->argc; i++) {
        if (i + 1 < c->argc && slice_is_word(c->argv[i], "count")) {
            if (num_parse_int(c->argv[++i], &a->count) && a->count > 0 && a->count <= INT64_MAX / ID_BYTES) continue;
            reply_error(c, "ERR COUNT must be > 0");
            return false;
        }
        if (slice_is_word(c->argv[i], "justid")) {
            a->just_id = true;
            continue;
        }
        reply_syntax_error(c);
        return false;
    }
    return true;
}

// What is claimed of the group's pending entries, and what is no longer in the stream. *next: where it has stopped. False: no memory.
static bool autoclaim(struct claiming *x, const struct autoclaim_args *a, struct stream_id *next) {
    int64_t attempts = a->count * ATTEMPTS, left = a->count, now = txn_now(&x->c->txn);
    struct stream_cursor at = { .s = NULL };
    struct tree_at place = stream_pending_from(&x->g->pending, a->from);
    for (; place.leaf && attempts > 0 && left > 0; place = tree_next(place), attempts--) {
        const struct stream_pending *p = pending_at(place);
        if (!stream_has(&at, x->s, p->id)) {
            if (!claiming_gone(x, p->id)) return false;
            left--;
            continue;
        }
        if (a->min_idle_ms && now - p->time_ms < a->min_idle_ms) continue;
        if (!claiming_consumer(x) || !claiming_add(x, p->id, now, a->just_id ? p->count : stream_count_again(p))) return false;
        left--;
        x->reads = true;
    }
    *next = place.leaf ? pending_at(place)->id : (struct stream_id){ 0, 0 };
    return true;
}

static void reply_autoclaimed(struct claiming *x, const struct autoclaim_args *a, struct stream_id next) {
    struct call *c = x->c;
    struct stream_cursor at = { .s = NULL };
    reply_array(c, 3);
    reply_id(c, next);
    reply_array(c, x->claim_count);
    for (size_t i = 0; i < x->claim_count; i++) {
        if (stream_has(&at, x->s, x->claims[i].id)) reply_claimed(c, &at, a->just_id);
    }
    reply_array(c, x->gone_count);
    for (size_t i = 0; i < x->gone_count; i++) reply_id(c, x->gone[i]);
}

void cmd_xautoclaim(struct call *c) {
    struct autoclaim_args a = { .count = 100 };
    struct claiming x;
    struct value v;
    struct stream *s;
    struct stream_id next = { 0, 0 };
    if (!read_autoclaim_args(c, &a) || !value_read_to_change(c, 0, TYPE_STREAM, &v)) return;
    struct stream_group *g = find_group(c, 1, &v, &s);
    if (!g) return;
    claiming_begin(&x, c, &c->keys[0], s, g, c->argv[3]);
    size_t start = c->reply.buf->n;
    bool ok = autoclaim(&x, &a, &next);
    if (ok) reply_autoclaimed(&x, &a, next);
    claiming_end(&x, 1, ok, start);
}
