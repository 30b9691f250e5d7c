// Sorted sets, member by member: adding, removing, scores, ranks, popping, picking at random, ZSCAN.
#include <inttypes.h>
#include <math.h>

#include "base/mem.h"
#include "cmd/scan.h"
#include "cmd/zset_int.h"

// ---- shared ------------------------------------------------------------------------------------------------------------------

bool read_score(struct call *c, struct slice s, const char *text, double *score) {
    if (likely(num_parse_real(s, score))) return true;
    reply_error(c, "ERR %s", text);
    return false;
}

bool read_count(struct call *c, struct slice s, int64_t least, const char *text, int64_t *n) {
    if (num_parse_int(s, n) && *n >= least) return true;
    reply_error(c, "ERR %s", text);
    return false;
}

void reply_item(struct call *c, const struct zset_item *item, enum layout how) {
    if (how == PAIRS) reply_array(c, 2);
    reply_bulk(c, item->member);
    if (how != NAMES) reply_score(c, item->score);
}

void reply_span(struct call *c, const struct value *v, uint64_t from, uint64_t n, bool backwards, enum layout how) {
    struct zset_iter it;
    reply_items(c, n, how);
    if (n == 0) return;
    bool more = zset_iter_at(&it, v, backwards ? from + n - 1 : from);
    for (; more && n > 0; n--) {
        reply_item(c, &it.item, how);
        if (n > 1) more = backwards ? zset_iter_previous(&it) : zset_iter_next(&it);
    }
}

void zset_take(struct value *v, uint64_t from, uint64_t n) {
    if (n == zset_count(v)) value_delete(v);
    else zset_remove_span(v, from, n);
}

// ---- ZADD, ZINCRBY -----------------------------------------------------------------------------------------------------------

enum { ADD_INCR = 1 << 5, ADD_FEW = 8 }; // beside ZSET_NX ..., ADD_CH

static uint32_t add_flag(struct slice s) {
    static const struct {
        const char *word;
        uint32_t flag;
    } flags[] = { { "nx", ZSET_NX }, { "xx", ZSET_XX }, { "gt", ZSET_GT }, { "lt", ZSET_LT }, { "ch", ADD_CH }, { "incr", ADD_INCR } };
    if (s.n != 2 && s.n != 4) return 0;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (slice_is_word(s, flags[i].word)) return flags[i].flag;
    }
    return 0;
}

// Flags, and where the first score is. False: the error is written.
static bool parse_add(struct call *c, uint32_t *flags, int *first) {
    int i = 2;
    for (uint32_t flag; i < c->argc && (flag = add_flag(c->argv[i])) != 0; i++) *flags |= flag;
    uint32_t f = *flags, exclusive = f & (ZSET_NX | ZSET_GT | ZSET_LT);
    *first = i;
    if (i == c->argc || (c->argc - i) % 2 != 0) reply_syntax_error(c);
    else if ((f & ZSET_NX) && (f & ZSET_XX)) reply_error(c, "ERR XX and NX options at the same time are not compatible");
    else if (exclusive & (exclusive - 1)) reply_error(c, "ERR GT, LT, and/or NX options at the same time are not compatible");
    else if ((f & ADD_INCR) && c->argc - i > 2) reply_error(c, "ERR INCR option supports a single increment-element pair");
    else return true;
    return false;
}

void add_items(struct call *c, struct value *v, struct zset_add *items, size_t n, uint32_t flags) {
    int64_t added = 0, updated = 0;
    if (!zset_add(v, items, n, flags)) {
        reply_no_memory(c);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        added += items[i].outcome == ZSET_ADDED;
        updated += items[i].outcome == ZSET_UPDATED;
    }
    c->changed = added + updated > 0;
    reply_int(c, flags & ADD_CH ? added + updated : added);
}

// The effect is the score that came out.
static void increment(struct call *c, struct value *v, struct zset_add *item, uint32_t flags) {
    struct effects_mark mark = effects_mark(&c->txn);
    char text[NUM_REAL_MAX];
    double now;
    bool there = zset_score(v, item->member, &now);
    if (there) item->score += now;
    if (there && (flags & ZSET_NX)) goto nothing;
    if (!there && (flags & ZSET_XX)) goto nothing;
    if (isnan(item->score)) {
        reply_error(c, "ERR resulting score is not a number (NaN)");
        return;
    }
    if (there && (((flags & ZSET_GT) && item->score <= now) || ((flags & ZSET_LT) && item->score >= now))) goto nothing;
    if (there && item->score == now) {
        reply_score(c, item->score);
        return;
    }
    struct slice argv[] = { SLICE("ZADD"), c->keys[0].name, { text, num_format_score(item->score, text) }, item->member };
    if (!effect_emit(&c->txn, &c->keys[0], ARRAY_LEN(argv), argv) || !zset_add(v, item, 1, 0)) {
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    key_changed(c, &c->keys[0]);
    reply_score(c, item->score);
    return;
nothing:
    reply_null(c);
}

static void add_command(struct call *c, uint32_t flags) {
    struct zset_add few[ADD_FEW], *items = few;
    struct value v;
    int first;
    if (!parse_add(c, &flags, &first)) return;
    size_t n = (size_t)(c->argc - first) / 2;
    invariant(n > 0); // parse_add has seen to it
    if (n > ADD_FEW && !(items = mem_alloc(n * sizeof *items))) {
        reply_no_memory(c);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        items[i].member = c->argv[first + 1 + (int)i * 2];
        if (!read_score(c, c->argv[first + (int)i * 2], NOT_A_FLOAT, &items[i].score)) goto done;
    }
    if (!value_write(c, 0, TYPE_ZSET, &v)) goto done;
    if (flags & ADD_INCR) increment(c, &v, items, flags);
    else add_items(c, &v, items, n, flags);
done:
    if (items != few) mem_free(items);
}

void cmd_zadd(struct call *c) { add_command(c, 0); }
void cmd_zincrby(struct call *c) { add_command(c, ADD_INCR); }

// ---- ZREM --------------------------------------------------------------------------------------------------------------------

void cmd_zrem(struct call *c) {
    struct value v;
    int64_t removed = 0;
    if (!value_write(c, 0, TYPE_ZSET, &v)) return;
    if (!zset_open(&v)) {
        reply_no_memory(c);
        return;
    }
    for (int i = 2; i < c->argc && v.there; i++) {
        if (!zset_remove(&v, c->argv[i])) continue;
        removed++;
        if (zset_count(&v) == 0) value_delete(&v);
    }
    c->changed = removed > 0;
    reply_int(c, removed);
}

// ---- scores and ranks --------------------------------------------------------------------------------------------------------

void cmd_zcard(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_ZSET, &v)) reply_int(c, (int64_t)zset_count(&v));
}

void cmd_zscore(struct call *c) {
    struct value v;
    double score;
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    if (zset_score(&v, c->argv[2], &score)) reply_score(c, score);
    else reply_null(c);
}

void cmd_zmscore(struct call *c) {
    struct value v;
    double scores[ZSET_SCORES_MAX];
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i += ZSET_SCORES_MAX) {
        int n = MIN(c->argc - i, ZSET_SCORES_MAX);
        zset_scores(&v, &c->argv[i], (size_t)n, scores);
        for (int k = 0; k < n; k++) {
            if (isnan(scores[k])) reply_null(c);
            else reply_score(c, scores[k]);
        }
    }
}

static void rank(struct call *c, bool backwards) {
    struct value v;
    uint64_t rank;
    double score;
    bool with_score = c->argc == 4;
    if (c->argc > 4) {
        reply_arity(c);
        return;
    }
    if (with_score && !slice_is_word(c->argv[3], "withscore")) {
        reply_syntax_error(c);
        return;
    }
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    if (!zset_rank(&v, c->argv[2], &rank, &score)) {
        if (with_score) reply_null_array(c);
        else reply_null(c);
        return;
    }
    if (with_score) reply_array(c, 2);
    reply_int(c, (int64_t)(backwards ? zset_count(&v) - 1 - rank : rank));
    if (with_score) reply_score(c, score);
}

void cmd_zrank(struct call *c) { rank(c, false); }
void cmd_zrevrank(struct call *c) { rank(c, true); }

// ---- popping -----------------------------------------------------------------------------------------------------------------

static void reply_alone(struct call *c, const struct value *v, uint64_t rank) {
    struct zset_iter it;
    if (!zset_iter_at(&it, v, rank)) return;
    reply_bulk(c, it.item.member);
    reply_score(c, it.item.score);
}

bool zset_pop(struct call *c, uint32_t key, struct value *v, const struct zset_pop *p) {
    struct effects_mark mark = effects_mark(&c->txn);
    const struct key *k = &c->keys[key];
    char number[NUM_INT_MAX];
    size_t start = c->reply.buf->n;
    uint64_t n = MIN(p->count, zset_count(v)), from = p->highest ? zset_count(v) - n : 0;
    struct slice argv[] = { p->highest ? SLICE("ZPOPMAX") : SLICE("ZPOPMIN"), k->name, { number, num_format_uint(n, number) } };
    if (!zset_open(v) || !effect_emit(&c->txn, k, ARRAY_LEN(argv), argv)) return false;
    if (p->named || p->alone) {
        reply_array(c, p->alone ? 3 : 2);
        reply_bulk(c, k->name);
    }
    if (p->alone) reply_alone(c, v, from);
    else reply_span(c, v, from, n, p->highest, p->how);
    if (c->reply.buf->failed) {
        c->reply.buf->n = start;
        effects_retract(&c->txn, mark);
        return false;
    }
    zset_take(v, from, n);
    key_changed(c, k);
    return true;
}

static void pop(struct call *c, bool highest) {
    struct zset_pop p = { .count = 1, .highest = highest, .how = c->argc == 2 ? FLAT : layout_of(c, true) };
    struct value v;
    int64_t count = 1;
    if (c->argc > 3) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 3 && !read_count(c, c->argv[2], 0, "value is out of range, must be positive", &count)) return;
    if (!value_write(c, 0, TYPE_ZSET, &v)) return;
    p.count = (uint64_t)count;
    if (!v.there || count == 0) reply_array(c, 0);
    else if (!zset_pop(c, 0, &v, &p)) reply_no_memory(c);
}

void cmd_zpopmin(struct call *c) { pop(c, false); }
void cmd_zpopmax(struct call *c) { pop(c, true); }

bool zset_parse_pop(struct call *c, int at, bool *highest, int64_t *count) {
    bool counted = false;
    if (at >= c->argc || !((*highest = slice_is_word(c->argv[at], "max")) || slice_is_word(c->argv[at], "min"))) {
        reply_syntax_error(c);
        return false;
    }
    *count = 1;
    for (int i = at + 1; i < c->argc; i += 2) {
        if (counted || i + 1 == c->argc || !slice_is_word(c->argv[i], "count")) {
            reply_syntax_error(c);
            return false;
        }
        if (!read_count(c, c->argv[i + 1], 1, "count should be greater than 0", count)) return false;
        counted = true;
    }
    return true;
}

void cmd_zmpop(struct call *c) {
    struct zset_pop p = { .named = true, .how = PAIRS };
    int64_t keys, count;
    struct value v;
    if (!read_count(c, c->argv[1], 1, "numkeys should be greater than 0", &keys)) return;
    if (!zset_parse_pop(c, keys < c->argc ? (int)keys + 2 : c->argc, &p.highest, &count)) return;
    p.count = (uint64_t)count;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!value_write(c, i, TYPE_ZSET, &v)) return;
        if (!v.there) continue;
        if (!zset_pop(c, i, &v, &p)) reply_no_memory(c);
        return;
    }
    reply_null_array(c);
}

// ---- ZRANDMEMBER ---------------------------------------------------------------------------------------------------------------

// Each of them anew any member.
static void pick_any(struct call *c, const struct value *v, uint64_t n, enum layout how) {
    char number[NUM_INT_MAX];
    size_t least;
    // However many are wanted: each takes some bytes, and if these can't be had it ends here.
    if (__builtin_mul_overflow(n, (uint64_t)8, &least) || !reply_room(c, least)) {
        c->reply.buf->failed = true;
        return;
    }
    reply_items(c, n, how);
    for (; n > 0 && !c->reply.buf->failed; n--) {
        struct zset_item item = zset_random(v, number);
        reply_item(c, &item, how);
    }
}

// n different ones of `count`, in order: each is taken with the chance that is left for it (Knuth, TAOCP vol. 2, 3.4.2 S).
static void pick_walking(struct call *c, const struct value *v, uint64_t n, uint64_t count, enum layout how) {
    struct zset_iter it;
    reply_items(c, n, how);
    for (bool more = n > 0 && zset_iter_at(&it, v, 0); more && n > 0; count--) {
        if (random_below(value_random(v), count) < n) {
            reply_item(c, &it.item, how);
            n--;
        }
        more = zset_iter_next(&it);
    }
}

// n different ones of many more: ranks drawn until they are, kept in a hash table.
static void pick_few(struct call *c, const struct value *v, uint64_t n, uint64_t count, enum layout how) {
    size_t size = 4;
    while (size < 2 * n) size *= 2;
    uint64_t *drawn = mem_alloc_zero(size * sizeof *drawn); // rank + 1
    if (!drawn) {
        reply_no_memory(c);
        return;
    }
    reply_items(c, n, how);
    while (n > 0) {
        uint64_t rank = random_below(value_random(v), count);
        size_t at = (rank * 0x9e3779b97f4a7c15) >> 20 & (size - 1);
        while (drawn[at] && drawn[at] != rank + 1) at = (at + 1) & (size - 1);
        if (drawn[at]) continue;
        drawn[at] = rank + 1;
        struct zset_iter it;
        zset_iter_at(&it, v, rank);
        reply_item(c, &it.item, how);
        n--;
    }
    mem_free(drawn);
}

static void pick(struct call *c, int64_t n, enum layout how) {
    struct value v;
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    uint64_t count = zset_count(&v);
    if (count == 0 || n == 0) reply_array(c, 0);
    else if (n < 0) pick_any(c, &v, 0 - (uint64_t)n, how);
    else if ((uint64_t)n >= count) reply_span(c, &v, 0, count, false, how);
    else if (!v.root || (uint64_t)n * 3 > count) pick_walking(c, &v, (uint64_t)n, count, how);
    else pick_few(c, &v, (uint64_t)n, count, how);
}

void cmd_zrandmember(struct call *c) {
    struct value v;
    char number[NUM_INT_MAX];
    int64_t n;
    if (c->argc > 2) {
        if (!read_int(c, c->argv[2], &n)) return;
        if (n == INT64_MIN) {
            reply_error(c, "ERR value is out of range, value must between %" PRId64 " and %" PRId64, -INT64_MAX, INT64_MAX);
        } else if (c->argc > 4 || (c->argc == 4 && !slice_is_word(c->argv[3], "withscores"))) {
            reply_syntax_error(c);
        } else if (c->argc == 4 && (n < -INT64_MAX / 2 || n > INT64_MAX / 2)) {
            reply_error(c, "ERR value is out of range");
        } else {
            pick(c, n, layout_of(c, c->argc == 4));
        }
        return;
    }
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    if (v.there) reply_bulk(c, zset_random(&v, number).member);
    else reply_null(c);
}

// ---- ZSCAN ---------------------------------------------------------------------------------------------------------------------

struct scan_visit {
    struct call *c;
    const struct scan_options *options;
    bool packed;
    size_t found;
};

// Scores are bulk strings here in both protocols, and as they are stored.
static void visit_scanned(void *arg, const struct zset_item *item) {
    struct scan_visit *s = arg;
    char text[NUM_REAL_MAX];
    if (!scan_matches(s->options, item->member)) return;
    reply_bulk(s->c, item->member);
    reply_bulk(s->c, s->packed ? zset_packed_text(item->score, text) : slice_of(text, num_format_score(item->score, text)));
    s->found += 2;
}

void cmd_zscan(struct call *c) {
    struct value v;
    struct scan_options o;
    uint64_t cursor;
    if (!scan_cursor(c, c->argv[2], &cursor) || !value_read(c, 0, TYPE_ZSET, &v)) return;
    if (!v.there) {
        scan_nothing(c);
        return;
    }
    if (!scan_parse(c, 3, 0, &o)) return;
    struct scan_visit s = { c, &o, !v.root, 0 };
    size_t start = c->reply.buf->n;
    cursor = zset_scan(&v, cursor & ((UINT64_C(1) << SCAN_POSITION_BITS) - 1), (size_t)o.count, visit_scanned, &s);
    scan_finish(c, start, s.found, cursor);
}
