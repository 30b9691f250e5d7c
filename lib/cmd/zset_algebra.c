// What is made of several sorted sets, or sets, whose members count as having the score 1: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.
//
// All sources are looked up before anything is made, and nothing changes until the result is stored: so members are taken where they are. They go
// in batches, for whose look-ups the memory is waited for together. Scores are added up from the smallest source to the largest, as Redis does, since
// sums of doubles depend on the order.
#include <math.h>

#include "base/mem.h"
#include "cmd/zset_int.h"
#include "type/set.h"

enum operation { UNION, INTER, DIFF };
enum aggregate { SUM, MINIMUM, MAXIMUM };

enum { BATCH = ZSET_SCORES_MAX, SOURCES_INLINE = 4 };

struct source {
    struct value v;
    double weight;
};

struct algebra {
    struct call *c;
    enum operation operation;
    enum aggregate aggregate;
    bool store, count_only, scores;
    int64_t limit; // count_only; 0: none
    struct source *sources;
    size_t n;
    struct items found;
    uint64_t counted;
    uint32_t *index; // UNION of several: hash table of `found`, number + 1
    size_t mask;
    struct source inline_sources[SOURCES_INLINE];
};

// Some members of a source, with their scores.
struct batch {
    size_t n;
    struct slice member[BATCH];
    double score[BATCH];
    char digits[BATCH][NUM_INT_MAX]; // members that are integers, as text
};

// ---- arguments -----------------------------------------------------------------------------------------------------------------

static uint64_t source_count(const struct source *s) { return s->v.type == TYPE_SET ? set_count(&s->v) : zset_count(&s->v); }

// False: the error is written.
static bool open_sources(struct algebra *a, uint32_t first) {
    struct call *c = a->c;
    for (uint32_t i = 0; i < a->n; i++) {
        struct source *s = &a->sources[i];
        const struct key *k = &c->keys[first + i];
        prefetch_keys(c, first + i);
        value_attach(&s->v, TYPE_ZSET, &c->txn, k, key_read(&c->txn, k));
        s->weight = 1;
        if (s->v.type == TYPE_ZSET || s->v.type == TYPE_SET) continue;
        reply_wrong_type(c);
        return false;
    }
    return true;
}

static bool parse_weights(struct algebra *a, int at) {
    for (size_t i = 0; i < a->n; i++) {
        if (!read_score(a->c, a->c->argv[at + (int)i], "weight value is not a float", &a->sources[i].weight)) return false;
    }
    return true;
}

static bool parse_aggregate(struct algebra *a, struct slice s) {
    if (slice_is_word(s, "sum")) a->aggregate = SUM;
    else if (slice_is_word(s, "min")) a->aggregate = MINIMUM;
    else if (slice_is_word(s, "max")) a->aggregate = MAXIMUM;
    else return false;
    return true;
}

static bool parse_options(struct algebra *a, int at) {
    struct call *c = a->c;
    bool weighs = a->operation != DIFF && !a->count_only;
    while (at < c->argc) {
        size_t left = (size_t)(c->argc - at);
        struct slice s = c->argv[at];
        if (weighs && left > a->n && slice_is_word(s, "weights")) {
            if (!parse_weights(a, at + 1)) return false;
            at += 1 + (int)a->n;
        } else if (weighs && left > 1 && slice_is_word(s, "aggregate") && parse_aggregate(a, c->argv[at + 1])) {
            at += 2;
        } else if (!a->store && !a->count_only && slice_is_word(s, "withscores")) {
            a->scores = true;
            at++;
        } else if (a->count_only && left > 1 && slice_is_word(s, "limit")) {
            if (!read_count(c, c->argv[at + 1], 0, "LIMIT can't be negative", &a->limit)) return false;
            at += 2;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

// The keys, from argv[at] (their number) on, and what is behind them. False: the error is written.
static bool parse(struct algebra *a, int at) {
    struct call *c = a->c;
    int64_t n;
    a->sources = a->inline_sources;
    if (!read_int(c, c->argv[at], &n)) return false;
    if (n < 1) {
        reply_error(c, "ERR at least 1 input key is needed for '%s' command", c->cmd->name);
        return false;
    }
    if (n > c->argc - at - 1) {
        reply_syntax_error(c);
        return false;
    }
    a->n = (size_t)n;
    if (a->n > SOURCES_INLINE && !(a->sources = mem_alloc(a->n * sizeof *a->sources))) {
        a->sources = a->inline_sources;
        reply_no_memory(c);
        return false;
    }
    return open_sources(a, a->store) && parse_options(a, at + 1 + (int)n);
}

static int compare_counts(const void *one, const void *other) {
    uint64_t a = source_count(one), b = source_count(other);
    return a < b ? -1 : a > b;
}

// ---- members -------------------------------------------------------------------------------------------------------------------

// False: no memory, or it is enough.
typedef bool batch_fn(struct algebra *a, const struct source *s, struct batch *b);

static void batch_add(struct batch *b, struct slice member, double score, bool keep) {
    if (keep) {
        memcpy(b->digits[b->n], member.p, member.n);
        member.p = b->digits[b->n];
    }
    b->member[b->n] = member;
    b->score[b->n++] = score;
}

struct set_walk {
    struct algebra *a;
    const struct source *s;
    batch_fn *visit;
    bool ok;
};

static bool visit_set_batch(void *arg, struct set_batch *sb) {
    struct set_walk *w = arg;
    for (size_t i = 0; i < sb->n && w->ok;) {
        struct batch b;
        for (b.n = 0; b.n < BATCH && i < sb->n; i++) {
            struct slice text = set_text(sb, &sb->m[i]);
            batch_add(&b, text, 1, text.p >= sb->digits[0] && text.p < sb->digits[SET_BATCH - 1] + NUM_INT_MAX);
        }
        w->ok = w->visit(w->a, w->s, &b);
    }
    return w->ok;
}

static bool each_batch(struct algebra *a, const struct source *s, batch_fn *visit) {
    if (!s->v.there) return true;
    if (s->v.type == TYPE_SET) {
        struct set_walk w = { a, s, visit, true };
        set_visit(&s->v, visit_set_batch, &w);
        return w.ok;
    }
    struct zset_iter it;
    struct batch b;
    bool more = zset_iter_at(&it, &s->v, 0);
    while (more) {
        for (b.n = 0; more && b.n < BATCH; more = zset_iter_next(&it)) {
            batch_add(&b, it.item.member, it.item.score, it.item.member.p == it.number);
        }
        if (!visit(a, s, &b)) return false;
    }
    return true;
}

// The scores that a source has for the members of a batch; NaN: none.
static void scores_of(const struct source *s, const struct batch *b, double scores[BATCH]) {
    if (s->v.type == TYPE_ZSET) {
        zset_scores(&s->v, b->member, b->n, scores);
        return;
    }
    struct set_batch sb;
    set_batch_clear(&sb);
    for (size_t i = 0; i < b->n; i++) {
        set_batch_add(&sb, b->member[i], 0);
        scores[i] = NAN;
    }
    set_sift(&s->v, &sb, true);
    for (size_t i = 0; i < sb.n; i++) scores[sb.m[i].place] = 1;
}

static bool is_digits(const struct batch *b, size_t i) {
    const char *p = b->member[i].p;
    return p >= b->digits[0] && p < b->digits[BATCH - 1] + NUM_INT_MAX;
}

static double weighed(double score, double weight) {
    score *= weight;
    return isnan(score) ? 0 : score;
}

static double aggregate(const struct algebra *a, double so_far, double score) {
    if (a->aggregate == MINIMUM) return score < so_far ? score : so_far;
    if (a->aggregate == MAXIMUM) return score > so_far ? score : so_far;
    double sum = so_far + score;
    return isnan(sum) ? 0 : sum;
}

static bool put(struct algebra *a, const struct batch *b, size_t i, double score) {
    if (!a->count_only) return items_add(&a->found, &(struct zset_item){ b->member[i], score }, is_digits(b, i));
    a->counted++;
    return a->limit == 0 || a->counted < (uint64_t)a->limit;
}

// ---- operations ----------------------------------------------------------------------------------------------------------------

// Leaves those that the source has, or has not, with their scores added up.
static void sift(const struct algebra *a, const struct source *s, struct batch *b, double result[BATCH], bool present) {
    double scores[BATCH];
    size_t n = 0;
    scores_of(s, b, scores);
    for (size_t i = 0; i < b->n; i++) {
        if (isnan(scores[i]) == present) continue;
        result[n] = present ? aggregate(a, result[i], scores[i] * s->weight) : result[i];
        b->member[n] = b->member[i];
        if (is_digits(b, i)) b->member[n].p = memmove(b->digits[n], b->member[i].p, b->member[i].n);
        n++;
    }
    b->n = n;
}

static bool sift_batch(struct algebra *a, const struct source *s, struct batch *b) {
    double result[BATCH];
    bool inter = a->operation == INTER;
    for (size_t i = 0; i < b->n; i++) result[i] = inter ? weighed(b->score[i], s->weight) : b->score[i];
    for (size_t k = 1; k < a->n && b->n > 0; k++) sift(a, &a->sources[k], b, result, inter);
    for (size_t i = 0; i < b->n; i++) {
        if (!put(a, b, i, result[i])) return false;
    }
    return true;
}

static bool put_batch(struct algebra *a, const struct source *s, struct batch *b) {
    for (size_t i = 0; i < b->n; i++) {
        if (!put(a, b, i, weighed(b->score[i], s->weight))) return false;
    }
    return true;
}

// Where the member is in the index, or would be.
static uint32_t *place(struct algebra *a, uint64_t hash, struct slice member) {
    for (size_t at = hash >> 16 & a->mask;; at = (at + 1) & a->mask) {
        uint32_t *p = &a->index[at];
        if (*p == 0 || slice_equal(a->found.at[*p - 1].member, member)) return p;
    }
}

static bool unite_batch(struct algebra *a, const struct source *s, struct batch *b) {
    uint64_t hash[BATCH];
    for (size_t i = 0; i < b->n; i++) {
        hash[i] = hash_bytes(&a->c->txn.common->seed, b->member[i].p, b->member[i].n);
        prefetch(&a->index[hash[i] >> 16 & a->mask]);
    }
    for (size_t i = 0; i < b->n; i++) {
        uint32_t first = a->index[hash[i] >> 16 & a->mask];
        if (first) prefetch(&a->found.at[first - 1]);
    }
    for (size_t i = 0; i < b->n; i++) {
        uint32_t *p = place(a, hash[i], b->member[i]);
        double score = weighed(b->score[i], s->weight);
        if (*p) {
            double *so_far = &a->found.at[*p - 1].score;
            *so_far = aggregate(a, *so_far, score);
        } else {
            if (!put(a, b, i, score)) return false;
            *p = (uint32_t)a->found.n;
        }
    }
    return true;
}

static bool unite(struct algebra *a) {
    uint64_t total = 0;
    size_t there = 0;
    for (size_t i = 0; i < a->n; i++) {
        total += source_count(&a->sources[i]);
        there += a->sources[i].v.there;
    }
    if (total > UINT32_MAX / 4 || !items_begin(&a->found, total)) return false;
    if (there > 1) {
        for (a->mask = 15; a->mask < 2 * total; a->mask = 2 * a->mask + 1) { }
        a->index = mem_alloc_zero((a->mask + 1) * sizeof *a->index);
        if (!a->index) return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!each_batch(a, &a->sources[i], there > 1 ? unite_batch : put_batch)) return false;
    }
    return true;
}

// False: no memory.
static bool collect(struct algebra *a) {
    if (a->operation != DIFF) qsort(a->sources, a->n, sizeof *a->sources, compare_counts);
    if (a->operation == UNION) return unite(a);
    if (!a->count_only && !items_begin(&a->found, source_count(&a->sources[0]))) return false;
    return each_batch(a, &a->sources[0], sift_batch) || a->count_only;
}

static void reply_found(struct algebra *a) {
    struct call *c = a->c;
    enum layout how = layout_of(c, a->scores);
    reply_items(c, a->found.n, how);
    for (size_t i = 0; i < a->found.n; i++) reply_item(c, &a->found.at[i], how);
}

static void run(struct call *c, enum operation operation, bool store, bool count_only) {
    struct algebra a = { .c = c, .operation = operation, .store = store, .count_only = count_only };
    if (parse(&a, store ? 2 : 1)) {
        if (!collect(&a) || !items_sort(&a.found)) reply_no_memory(c);
        else if (store) items_store(c, &c->keys[0], &a.found);
        else if (count_only) reply_int(c, (int64_t)a.counted);
        else reply_found(&a);
    }
    items_free(&a.found);
    mem_free(a.index);
    if (a.sources != a.inline_sources) mem_free(a.sources);
}

void cmd_zunion(struct call *c) { run(c, UNION, false, false); }
void cmd_zinter(struct call *c) { run(c, INTER, false, false); }
void cmd_zdiff(struct call *c) { run(c, DIFF, false, false); }
void cmd_zunionstore(struct call *c) { run(c, UNION, true, false); }
void cmd_zinterstore(struct call *c) { run(c, INTER, true, false); }
void cmd_zdiffstore(struct call *c) { run(c, DIFF, true, false); }
void cmd_zintercard(struct call *c) { run(c, INTER, false, true); }
