// Sorted sets: ranges by rank, score and member: ZRANGE with its older forms, ZRANGESTORE, counting, removing.
#include "cmd/zset_int.h"

// ---- what a range is -----------------------------------------------------------------------------------------------------------

enum by { BY_ARGUMENT, BY_RANK, BY_SCORE, BY_MEMBER };

struct range {
    enum by by;
    int64_t start, stop;       // BY_RANK
    struct zset_bounds bounds; // the others
    bool backwards, scores;
    int64_t offset, limit;     // of what is found; limit negative: none
};

static bool parse_score_bound(struct slice s, struct zset_bound *b) {
    b->exclusive = s.n > 0 && s.p[0] == '(';
    if (b->exclusive) s = slice_of(s.p + 1, s.n - 1);
    return num_parse_loose(s, &b->score);
}

static bool parse_member_bound(struct slice s, struct zset_bound *b) {
    *b = (struct zset_bound){ 0 };
    if (s.n == 1 && (s.p[0] == '-' || s.p[0] == '+')) {
        b->endless = s.p[0] == '-' ? -1 : 1;
        return true;
    }
    if (s.n == 0 || (s.p[0] != '(' && s.p[0] != '[')) return false;
    b->exclusive = s.p[0] == '(';
    b->member = slice_of(s.p + 1, s.n - 1);
    return true;
}

// False: the error is written.
static bool parse_bounds(struct call *c, struct slice min, struct slice max, struct range *r) {
    struct zset_bounds *b = &r->bounds;
    *b = (struct zset_bounds){ .by_member = r->by == BY_MEMBER };
    if (r->by == BY_RANK) return read_int(c, min, &r->start) && read_int(c, max, &r->stop);
    if (r->by == BY_MEMBER) {
        if (parse_member_bound(min, &b->min) && parse_member_bound(max, &b->max)) return true;
        reply_error(c, "ERR min or max not valid string range item");
    } else {
        if (parse_score_bound(min, &b->min) && parse_score_bound(max, &b->max)) return true;
        reply_error(c, "ERR min or max is not a float");
    }
    return false;
}

// How many of the value are in it, and the rank of the lowest.
static uint64_t find_range(const struct value *v, const struct range *r, uint64_t *from) {
    uint64_t count = zset_count(v);
    if (r->by != BY_RANK) return zset_span(v, &r->bounds, r->backwards, from);
    int64_t n = (int64_t)count, start = r->start < 0 ? MAX(r->start + n, 0) : r->start, stop = r->stop < 0 ? r->stop + n : MIN(r->stop, n - 1);
    if (start > stop || start >= n) return 0;
    count = (uint64_t)(stop - start) + 1;
    *from = (uint64_t)(r->backwards ? n - 1 - stop : start);
    return count;
}

// The part of it that offset and limit leave.
static uint64_t cut_range(const struct range *r, uint64_t n, uint64_t *from) {
    uint64_t skip = r->offset < 0 ? n : MIN((uint64_t)r->offset, n), left = n - skip;
    if (r->limit >= 0) left = MIN(left, (uint64_t)r->limit);
    *from += r->backwards ? n - skip - left : skip;
    return left;
}

// ---- ZRANGE and its forms ------------------------------------------------------------------------------------------------------

static bool parse_range_option(struct call *c, int *i, bool any_by, bool any_way, bool store, struct range *r) {
    struct slice s = c->argv[*i];
    if (!store && slice_is_word(s, "withscores")) {
        r->scores = true;
    } else if (*i + 2 < c->argc && slice_is_word(s, "limit")) {
        if (!read_int(c, c->argv[*i + 1], &r->offset) || !read_int(c, c->argv[*i + 2], &r->limit)) return false;
        *i += 2;
    } else if (any_way && !r->backwards && slice_is_word(s, "rev")) {
        r->backwards = true;
    } else if (any_by && r->by == BY_ARGUMENT && slice_is_word(s, "bylex")) {
        r->by = BY_MEMBER;
    } else if (any_by && r->by == BY_ARGUMENT && slice_is_word(s, "byscore")) {
        r->by = BY_SCORE;
    } else {
        reply_syntax_error(c);
        return false;
    }
    return true;
}

// A range of which `first` names the arguments; `by` and `backwards` are what the command itself says. False: the error is written.
static bool parse_range(struct call *c, int first, bool store, enum by by, bool backwards, struct range *r) {
    bool any_by = by == BY_ARGUMENT;
    *r = (struct range){ .by = by, .backwards = backwards, .limit = -1 };
    for (int i = first + 2; i < c->argc; i++) {
        if (!parse_range_option(c, &i, any_by, any_by && !backwards, store, r)) return false;
    }
    if (r->by == BY_ARGUMENT) r->by = BY_RANK;
    if (r->by == BY_RANK && r->limit != -1) {
        reply_error(c, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
        return false;
    }
    if (r->by == BY_MEMBER && r->scores) {
        reply_error(c, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    if (r->by == BY_RANK) r->offset = 0; // a limit of -1 is none
    bool swapped = r->backwards && r->by != BY_RANK;
    return parse_bounds(c, c->argv[first + swapped], c->argv[first + !swapped], r);
}

static void range(struct call *c, enum by by, bool backwards) {
    struct range r;
    struct value v;
    uint64_t from = 0;
    if (!parse_range(c, 2, false, by, backwards, &r) || !value_read(c, 0, TYPE_ZSET, &v)) return;
    uint64_t n = find_range(&v, &r, &from);
    n = cut_range(&r, n, &from);
    reply_span(c, &v, from, n, r.backwards, layout_of(c, r.scores));
}

void cmd_zrange(struct call *c) { range(c, BY_ARGUMENT, false); }
void cmd_zrevrange(struct call *c) { range(c, BY_RANK, true); }
void cmd_zrangebyscore(struct call *c) { range(c, BY_SCORE, false); }
void cmd_zrevrangebyscore(struct call *c) { range(c, BY_SCORE, true); }
void cmd_zrangebylex(struct call *c) { range(c, BY_MEMBER, false); }
void cmd_zrevrangebylex(struct call *c) { range(c, BY_MEMBER, true); }

// In the order in which Redis adds them to the result, since that has no -0 as long as it is packed. Members that are integers are text in a packed list
// for a moment only.
static bool collect(const struct value *v, const struct range *r, uint64_t from, uint64_t n, struct items *found) {
    const struct settings *s = value_settings(v);
    uint64_t entries = settings_number(&s->zset_max_listpack_entries), longest = settings_number(&s->zset_max_listpack_value);
    struct zset_iter it;
    bool packed = r->by != BY_RANK || n <= entries, more = n > 0 && zset_iter_at(&it, v, r->backwards ? from + n - 1 : from);
    while (more) {
        packed = packed && found->n < entries && it.item.member.n <= longest;
        if (packed && it.item.score == 0) it.item.score = 0;
        if (!items_add(found, &it.item, it.item.member.p == it.number)) return false;
        more = found->n < n && (r->backwards ? zset_iter_previous(&it) : zset_iter_next(&it));
    }
    return true;
}

void cmd_zrangestore(struct call *c) {
    struct range r;
    struct value v;
    struct items found = { 0 };
    uint64_t from = 0;
    if (!parse_range(c, 3, true, BY_ARGUMENT, false, &r) || !value_read(c, 1, TYPE_ZSET, &v)) return;
    uint64_t n = find_range(&v, &r, &from);
    n = cut_range(&r, n, &from);
    if (items_begin(&found, n) && collect(&v, &r, from, n, &found) && items_sort(&found)) items_store(c, &c->keys[0], &found);
    else reply_no_memory(c);
    items_free(&found);
}

// ---- counting and removing -----------------------------------------------------------------------------------------------------

static void count(struct call *c, enum by by) {
    struct range r = { .by = by };
    struct value v;
    uint64_t from;
    if (parse_bounds(c, c->argv[2], c->argv[3], &r) && value_read(c, 0, TYPE_ZSET, &v)) reply_int(c, (int64_t)find_range(&v, &r, &from));
}

void cmd_zcount(struct call *c) { count(c, BY_SCORE); }
void cmd_zlexcount(struct call *c) { count(c, BY_MEMBER); }

// Where scores differ, what is found by members depends on how the set is stored: the effect names the ranks.
static bool emit_removal(struct call *c, uint64_t from, uint64_t n) {
    char first[NUM_INT_MAX], last[NUM_INT_MAX];
    const struct slice argv[] = { SLICE("ZREMRANGEBYRANK"), c->keys[0].name, { first, num_format_uint(from, first) }, { last, num_format_uint(from + n - 1, last) } };
    return effect_emit(&c->txn, &c->keys[0], (int)ARRAY_LEN(argv), argv);
}

static void remove_range(struct call *c, enum by by) {
    struct range r = { .by = by };
    struct value v;
    uint64_t from = 0;
    if (!parse_bounds(c, c->argv[2], c->argv[3], &r) || !value_write(c, 0, TYPE_ZSET, &v)) return;
    uint64_t n = find_range(&v, &r, &from);
    if (n > 0 && (!zset_open(&v) || !emit_removal(c, from, n))) {
        reply_no_memory(c);
        return;
    }
    if (n > 0) {
        zset_take(&v, from, n);
        key_changed(c, &c->keys[0]);
    }
    reply_int(c, (int64_t)n);
}

void cmd_zremrangebyrank(struct call *c) { remove_range(c, BY_RANK); }
void cmd_zremrangebyscore(struct call *c) { remove_range(c, BY_SCORE); }
void cmd_zremrangebylex(struct call *c) { remove_range(c, BY_MEMBER); }
