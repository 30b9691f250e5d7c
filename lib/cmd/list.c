// Lists: adding, reading, changing and removing elements. Taking them out and moving them: list_move.c.
#include "cmd/list.h"

// ---- LPUSH, RPUSH, LPUSHX, RPUSHX ------------------------------------------------------------------------------------------------

static void push(struct call *c, enum list_end end, bool only_there) {
    struct value v;
    if (!value_write(c, 0, TYPE_LIST, &v)) return;
    if (only_there && !v.there) {
        reply_int(c, 0);
        return;
    }
    if (unlikely(!list_push(&v, end, c->argv + 2, (size_t)c->argc - 2))) {
        reply_no_memory(c);
        return;
    }
    c->changed = true;
    reply_int(c, (int64_t)list_count(&v));
}

void cmd_lpush(struct call *c) { push(c, LIST_FRONT, false); }
void cmd_rpush(struct call *c) { push(c, LIST_BACK, false); }
void cmd_lpushx(struct call *c) { push(c, LIST_FRONT, true); }
void cmd_rpushx(struct call *c) { push(c, LIST_BACK, true); }

// ---- reading -------------------------------------------------------------------------------------------------------------------

void cmd_llen(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_LIST, &v)) reply_int(c, (int64_t)list_count(&v));
}

void cmd_lindex(struct call *c) {
    char number[NUM_INT_MAX];
    struct list_at at;
    struct value v;
    int64_t i;
    if (!value_read(c, 0, TYPE_LIST, &v)) return;
    if (!v.there) {
        reply_null(c);
        return;
    }
    if (!read_int(c, c->argv[2], &i)) return;
    if (list_seek(&v, i, &at)) reply_bulk(c, list_get(&at, number));
    else reply_null(c);
}

// A range of positions, negative ones from the end, as what there is of it: from the first up to the end, which may be the same.
struct range {
    uint64_t first, end;
};

static struct range clip(int64_t first, int64_t last, uint64_t count) {
    int64_t n = (int64_t)count;
    if (first < 0) first = MAX(first + n, 0);
    if (last < 0) last += n;
    if (first > last || first >= n) return (struct range){ 0, 0 };
    return (struct range){ (uint64_t)first, (uint64_t)MIN(last, n - 1) + 1 };
}

static bool read_range(struct call *c, int64_t *first, int64_t *last) { return read_int(c, c->argv[2], first) && read_int(c, c->argv[3], last); }

void cmd_lrange(struct call *c) {
    char number[NUM_INT_MAX];
    struct list_at at;
    struct value v;
    int64_t first, last;
    if (!read_range(c, &first, &last) || !value_read(c, 0, TYPE_LIST, &v)) return;
    struct range r = clip(first, last, list_count(&v));
    reply_array(c, r.end - r.first);
    if (r.first == r.end || !list_seek(&v, (int64_t)r.first, &at)) return;
    for (uint64_t i = r.first; i < r.end; i++) {
        if (i > r.first) (void)list_next(&at);
        reply_bulk(c, list_get(&at, number));
    }
}

// ---- LPOS ----------------------------------------------------------------------------------------------------------------------

struct lpos {
    int64_t rank, count, max; // count: -1 none was given; max: 0 all
};

static bool read_not_negative(struct call *c, struct slice s, const char *name, int64_t *n) {
    if (num_parse_int(s, n) && *n >= 0) return true;
    reply_error(c, "ERR %s can't be negative", name);
    return false;
}

static bool read_rank(struct call *c, struct slice s, int64_t *rank) {
    if (!num_parse_int(s, rank)) {
        reply_not_integer(c);
        return false;
    }
    if (*rank == 0) {
        reply_error(c, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list");
        return false;
    }
    if (*rank != INT64_MIN) return true;
    reply_error(c, "ERR value is out of range, value must between %lld and %lld", (long long)-INT64_MAX, (long long)INT64_MAX);
    return false;
}

static bool read_lpos(struct call *c, struct lpos *o) {
    *o = (struct lpos){ 1, -1, 0 };
    for (int i = 3; i < c->argc; i += 2) {
        struct slice s = i + 1 < c->argc ? c->argv[i + 1] : SLICE("");
        bool ok;
        if (i + 1 < c->argc && slice_is_word(c->argv[i], "rank")) {
            ok = read_rank(c, s, &o->rank);
        } else if (i + 1 < c->argc && slice_is_word(c->argv[i], "count")) {
            ok = read_not_negative(c, s, "COUNT", &o->count);
        } else if (i + 1 < c->argc && slice_is_word(c->argv[i], "maxlen")) {
            ok = read_not_negative(c, s, "MAXLEN", &o->max);
        } else {
            reply_syntax_error(c);
            ok = false;
        }
        if (!ok) return false;
    }
    return true;
}

// Writes the positions that are wanted; how many.
static uint64_t find_positions(struct call *c, const struct value *v, struct slice s, const struct lpos *o) {
    uint64_t n = list_count(v), wanted = o->count < 0 ? 1 : o->count == 0 ? UINT64_MAX : (uint64_t)o->count, found = 0;
    uint64_t skip = (uint64_t)(o->rank < 0 ? -o->rank : o->rank) - 1, look = o->max ? MIN(n, (uint64_t)o->max) : n;
    bool back = o->rank < 0;
    struct list_at at;
    if (!list_seek(v, back ? -1 : 0, &at)) return 0;
    for (uint64_t i = 0; i < look && found < wanted; i++) {
        if (i > 0) (void)(back ? list_previous(&at) : list_next(&at));
        if (!list_equal(&at, s)) continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        reply_int(c, (int64_t)(back ? n - 1 - i : i));
        found++;
    }
    return found;
}

void cmd_lpos(struct call *c) {
    struct value v;
    struct lpos o;
    if (!read_lpos(c, &o) || !value_read(c, 0, TYPE_LIST, &v)) return;
    size_t start = c->reply.buf->n;
    uint64_t found = find_positions(c, &v, c->argv[2], &o);
    if (o.count >= 0) resp_insert_header(c->reply.buf, start, '*', (int64_t)found);
    else if (found == 0) reply_null(c);
}

// ---- changing ------------------------------------------------------------------------------------------------------------------

// What a change of the value came to.
static bool finish(struct call *c, bool done) {
    if (done) c->changed = true;
    else reply_no_memory(c);
    return done;
}

void cmd_lset(struct call *c) {
    struct list_at at;
    struct value v;
    int64_t i;
    if (!value_write(c, 0, TYPE_LIST, &v)) return;
    if (!v.there) {
        reply_no_key(c);
        return;
    }
    if (!read_int(c, c->argv[2], &i)) return;
    bool own = list_edit(&v);
    if (own && !list_seek(&v, i, &at)) reply_error(c, "ERR index out of range");
    else if (finish(c, own && list_set(&v, &at, c->argv[3]))) reply_ok(c);
}

// The first element equal to s.
static bool find_element(const struct value *v, struct slice s, struct list_at *at) {
    bool more = list_seek(v, 0, at);
    while (more && !list_equal(at, s)) more = list_next(at);
    return more;
}

void cmd_linsert(struct call *c) {
    bool behind = slice_is_word(c->argv[2], "after");
    struct list_at at;
    struct value v;
    if (!behind && !slice_is_word(c->argv[2], "before")) {
        reply_syntax_error(c);
        return;
    }
    if (!value_write(c, 0, TYPE_LIST, &v)) return;
    bool own = v.there && list_edit(&v);
    if (!v.there) reply_int(c, 0);
    else if (own && !find_element(&v, c->argv[3], &at)) reply_int(c, -1);
    else if (finish(c, own && list_insert(&v, &at, behind, c->argv[4]))) reply_int(c, (int64_t)list_count(&v));
}

void cmd_lrem(struct call *c) {
    struct value v;
    int64_t n;
    if (!read_int(c, c->argv[2], &n) || !value_write(c, 0, TYPE_LIST, &v)) return;
    if (!v.there) {
        reply_int(c, 0);
        return;
    }
    if (!list_edit(&v)) {
        reply_no_memory(c);
        return;
    }
    uint64_t gone = list_remove_equal(&v, c->argv[3], n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0);
    c->changed = gone > 0;
    reply_int(c, (int64_t)gone);
}

void cmd_ltrim(struct call *c) {
    struct value v;
    int64_t first, last;
    if (!read_range(c, &first, &last) || !value_write(c, 0, TYPE_LIST, &v)) return;
    uint64_t count = list_count(&v);
    struct range r = clip(first, last, count);
    if (v.there && r.end - r.first < count) {
        if (!finish(c, list_edit(&v))) return;
        list_remove(&v, r.end, count - r.end);
        list_remove(&v, 0, r.first);
    } else if (v.there) {
        key_mark_watched(&c->keys[0]); // as Redis counts
    }
    reply_ok(c);
}
