// XREAD and XREADGROUP.
//
// What is read is replied and, for a group, claimed stream by stream; only after the last one are the claims final (claiming_end).
//
// XREAD that waits keeps the ids that it reads from ($ is what was the last one when it came) in block_state. XREADGROUP only ever waits for `>`, which is
// what its group says at that moment; it has a block_state, too, so that it knows that it has waited: a key or a group that has gone meanwhile is another
// error than one that was never there.
#include "base/mem.h"
#include "cmd/stream_int.h"

struct read_args {
    bool grouped, no_ack;
    struct slice group, consumer;
    int64_t block_ms; // -1: does not
    uint64_t count;
    int first;        // of argv: the keys, behind them their ids
    uint32_t n;       // of keys
};

struct source {
    struct stream *s;       // NULL: none there
    struct stream_group *g;
    struct stream_id after;
    bool newest;            // XREADGROUP's ">"
};

enum { SOURCES_FEW = 4 };
struct reading {
    struct call *c;
    struct read_args args;
    struct source few[SOURCES_FEW], *sources;
    struct claiming few_claimings[SOURCES_FEW], *claimings;
    size_t claiming_count;
    bool has_waited;
};

// ---- arguments -----------------------------------------------------------------------------------------------------------------

static bool read_block(struct call *c, struct slice s, int64_t *ms) {
    if (!num_parse_int(s, ms)) reply_error(c, "ERR timeout is not an integer or out of range");
    else if (*ms < 0) reply_error(c, "ERR timeout is negative");
    else return true;
    return false;
}

static bool only_for_groups(struct call *c, const struct read_args *a, const char *option) {
    if (a->grouped) return true;
    reply_error(c, "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option);
    return false;
}

static bool read_streams(struct call *c, struct read_args *a, int i) {
    int n = c->argc - i - 1;
    a->first = i + 1;
    a->n = (uint32_t)n / 2;
    if (n % 2 == 0 && a->n == c->key_count) return true;
    reply_error(c, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.");
    return false;
}

// False: the error is written.
static bool read_args(struct call *c, struct read_args *a) {
    int64_t n;
    for (int i = 1; i < c->argc && !a->first; i++) {
        struct slice s = c->argv[i];
        int more = c->argc - i - 1;
        if (more && slice_is_word(s, "block")) {
            if (!read_block(c, c->argv[++i], &a->block_ms)) return false;
        } else if (more && slice_is_word(s, "count")) {
            if (!read_int(c, c->argv[++i], &n)) return false;
            a->count = n > 0 ? (uint64_t)n : UINT64_MAX;
        } else if (more && slice_is_word(s, "streams")) {
            if (!read_streams(c, a, i)) return false;
        } else if (more >= 2 && slice_is_word(s, "group")) {
            if (!only_for_groups(c, a, "GROUP")) return false;
            a->group = c->argv[i + 1];
            a->consumer = c->argv[i + 2];
            i += 2;
        } else if (slice_is_word(s, "noack")) {
            if (!only_for_groups(c, a, "NOACK")) return false;
            a->no_ack = true;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    if (a->first && (!a->grouped || a->group.p)) return true;
    if (a->first) reply_error(c, "ERR Missing GROUP option for XREADGROUP");
    else reply_syntax_error(c);
    return false;
}

static void reply_meaningless(struct call *c, char id) {
    reply_error(c, "ERR The %c ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, "
        "or use the > ID to get new messages. The %c ID would just return an empty result set.", id, id);
}

// From where on the i-th stream is read.
static bool read_after(struct reading *r, uint32_t i, struct source *from) {
    struct call *c = r->c;
    struct slice s = c->argv[r->args.first + (int)(r->args.n + i)];
    struct stream_cursor last;
    char special = s.n == 1 ? s.p[0] : 0;
    from->after = (struct stream_id){ 0, 0 };
    if (special == '>' && r->args.grouped) {
        from->newest = true;
    } else if (special == '>') {
        reply_error(c, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.");
        return false;
    } else if ((special == '$' || special == '+') && r->args.grouped) {
        reply_meaningless(c, special);
        return false;
    } else if (special == '$') {
        if (from->s) from->after = from->s->last_id;
    } else if (special == '+') { // the last entry there is, or any that comes
        if (!from->s) return true;
        from->after = from->s->last_id;
        if (!stream_last(&last, from->s, STREAM_ID_MAX)) return true;
        from->after = last.id;
        stream_id_previous(&from->after);
    } else if (!read_id(c, s, 0, &from->after)) {
        return false;
    } else if (r->args.grouped) {
        from->newest = stream_id_compare(from->after, STREAM_ID_MAX) == 0; // that is how Redis says it inside
    }
    return true;
}

static bool reply_gone(struct call *c, const struct read_args *a, uint32_t i, const struct source *from, bool has_waited) {
    if (has_waited && !from->s) reply_error(c, "UNBLOCKED the stream key no longer exists");
    else if (has_waited) reply_error(c, "NOGROUP the consumer group this client was blocked on no longer exists");
    else
        reply_error(c, "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option", (int)c->keys[i].name.n, c->keys[i].name.p,
            (int)a->group.n, a->group.p);
    return false;
}

static bool find_source(struct reading *r, uint32_t i, struct source *from) {
    struct call *c = r->c;
    struct entry *e = key_read(&c->txn, &c->keys[i]);
    struct value v;
    *from = (struct source){ .s = NULL };
    value_attach(&v, TYPE_STREAM, &c->txn, &c->keys[i], e);
    if (v.type == TYPE_STREAM) {
        from->s = value_stream(&v);
    } else if (!r->has_waited) {
        reply_wrong_type(c);
        return false;
    }
    if (r->args.grouped) {
        key_will_change(&c->keys[i], e);
        from->g = from->s ? stream_group(from->s, r->args.group) : NULL;
        if (!from->g) return reply_gone(c, &r->args, i, from, r->has_waited);
    } else if (r->has_waited) {
        from->after = ((const struct stream_id *)c->block_state)[i];
        return true;
    }
    return read_after(r, i, from);
}

// ---- reading -------------------------------------------------------------------------------------------------------------------

static void begin_stream(struct reading *r, uint32_t i) {
    if (r->c->reply.version == 2) reply_array(r->c, 2);
    reply_bulk(r->c, r->c->keys[i].name);
}

// False: there is nothing for it.
static bool read_plain(struct reading *r, uint32_t i) {
    struct source *from = &r->sources[i];
    struct id_range range = { .from = from->after, .to = STREAM_ID_MAX, .count = r->args.count };
    struct stream_cursor at;
    if (!from->s || stream_id_compare(from->after, from->s->last_id) >= 0 || !stream_id_next(&range.from)) return false;
    if (!stream_first(&at, from->s, range.from)) return false;
    begin_stream(r, i);
    reply_entries(r->c, from->s, &range);
    return true;
}

static struct claiming *claim_from(struct reading *r, uint32_t i) {
    struct claiming *x = &r->claimings[r->claiming_count++];
    claiming_begin(x, r->c, &r->c->keys[i], r->sources[i].s, r->sources[i].g, r->args.consumer);
    return x;
}

// What is pending for the consumer already. False: no memory.
static bool read_history(struct reading *r, uint32_t i) {
    struct call *c = r->c;
    struct source *from = &r->sources[i];
    struct claiming *x = claim_from(r, i);
    struct stream_cursor at = { .s = NULL };
    struct stream_id first = from->after;
    uint64_t n = 0;
    if (!claiming_consumer(x)) return false;
    begin_stream(r, i);
    size_t start = c->reply.buf->n;
    struct tree_at place = { .leaf = NULL };
    if (stream_id_next(&first)) place = stream_pending_from(&x->consumer->pending, first);
    for (; place.leaf && n < r->args.count; place = tree_next(place), n++) {
        const struct stream_pending *p = tree_item(place);
        if (stream_has(&at, from->s, p->id)) {
            reply_entry(c, &at);
            if (!claiming_add(x, p->id, txn_now(&c->txn), stream_count_again(p))) return false;
            x->reads = true;
        } else {
            reply_array(c, 2);
            reply_id(c, p->id);
            reply_null_array(c);
        }
    }
    resp_insert_header(c->reply.buf, start, '*', (int64_t)n);
    return true;
}

// What the group has not read yet; the cursor is at the first of it. False: no memory.
static bool read_new(struct reading *r, uint32_t i, struct stream_cursor *at) {
    struct call *c = r->c;
    struct claiming *x = claim_from(r, i);
    int64_t now = txn_now(&c->txn);
    uint64_t n = 0;
    if (!claiming_consumer(x)) return false;
    begin_stream(r, i);
    size_t start = c->reply.buf->n;
    x->reads = true;
    do {
        stream_group_read(x->s, x->g, at->id);
        reply_entry(c, at);
        x->g->hint = stream_hint(at);
        if (!r->args.no_ack && !claiming_add(x, at->id, now, 1)) return false;
    } while (++n < r->args.count && stream_next(at));
    resp_insert_header(c->reply.buf, start, '*', (int64_t)n);
    return true;
}

// 1: replied; 0: there is nothing for it; -1: no memory.
static int read_one(struct reading *r, uint32_t i) {
    struct source *from = &r->sources[i];
    struct stream_cursor at;
    if (!from->g) return read_plain(r, i);
    if (!from->newest) return read_history(r, i) ? 1 : -1;
    if (!stream_behind(&at, from->s, from->g->last_id, &from->g->hint)) return 0;
    return read_new(r, i, &at) ? 1 : -1;
}

// How many streams there was something of. In the end either all is done, or none and the error is written.
static uint32_t read_all(struct reading *r) {
    struct call *c = r->c;
    size_t start = c->reply.buf->n;
    uint32_t streams = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < r->args.n; i++) {
        if (c->pass == CALL_SERVED && !call_looks_at(c, i)) continue;
        int result = read_one(r, i);
        ok = result >= 0;
        streams += result > 0;
    }
    if (streams && ok) resp_insert_header(c->reply.buf, start, c->reply.version == 2 ? '*' : '%', streams);
    if (r->args.grouped) claiming_end(r->claimings, r->claiming_count, ok, start);
    return ok ? streams : 1;
}

// ---- waiting -------------------------------------------------------------------------------------------------------------------

static void wait_or_give_up(struct reading *r) {
    enum { FOR_EVER_MS = 0 };
    struct call *c = r->c;
    int64_t ms = r->args.block_ms;
    if (ms > INT64_MAX / 4) ms = FOR_EVER_MS;
    if (ms >= 0 && !c->block_state) {
        struct stream_id *ids = mem_alloc(r->args.n * sizeof *ids);
        for (uint32_t i = 0; ids && i < r->args.n; i++) ids[i] = r->sources[i].after;
        c->block_state = ids;
        if (!ids) {
            reply_no_memory(c);
            return;
        }
    }
    if (ms < 0 || !call_block(c, c->key_count, ms)) reply_null_array(c);
}

static bool make_sources(struct reading *r) {
    r->sources = r->few;
    r->claimings = r->few_claimings;
    if (r->args.n <= SOURCES_FEW) return true;
    r->sources = mem_alloc(r->args.n * sizeof *r->sources);
    r->claimings = mem_alloc(r->args.n * sizeof *r->claimings);
    if (r->sources && r->claimings) return true;
    reply_no_memory(r->c);
    return false;
}

static void free_sources(struct reading *r) {
    if (r->sources != r->few) mem_free(r->sources);
    if (r->claimings != r->few_claimings) mem_free(r->claimings);
}

static void read_streams_of(struct reading *r) {
    struct call *c = r->c;
    for (uint32_t i = 0; i < r->args.n; i++) {
        if (c->pass == CALL_SERVED && !call_looks_at(c, i)) continue;
        if (!find_source(r, i, &r->sources[i])) return;
    }
    if (read_all(r) == 0) wait_or_give_up(r);
}

static void read_command(struct call *c, bool grouped) {
    struct reading r;
    r.c = c;
    r.args = (struct read_args){ .grouped = grouped, .block_ms = -1, .count = UINT64_MAX };
    r.claiming_count = 0;
    r.has_waited = c->block_state != NULL;
    if (c->pass == CALL_TIMED_OUT) {
        reply_null_array(c);
        return;
    }
    if (!read_args(c, &r.args)) return;
    if (make_sources(&r)) read_streams_of(&r);
    free_sources(&r);
}

void cmd_xread(struct call *c) { read_command(c, false); }
void cmd_xreadgroup(struct call *c) { read_command(c, true); }
