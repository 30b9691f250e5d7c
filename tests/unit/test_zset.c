// Sorted sets: random commands against a naive model, with thresholds low and high so that both representations are met, stripes checked after each
// step, and effects replayed into another database; memory that ends; sorted sets that are freed in portions.
#include "unit/args.h"

#include <math.h>

#include "type/zset.h"

enum { KEYS = 5, UNIVERSE = 260 };

static void arg_score(struct args *a, double d, bool exclusive) {
    char *to = arg_number(a);
    sprintf(to, "%s%.17g", exclusive ? "(" : "", d);
    arg_str(a, to);
}

// ---- the model -------------------------------------------------------------------------------------------------------------------

struct word {
    char *p;
    size_t n;
};

struct model {
    kora *db, *mirror; // mirror: gets the effects; NULL: nobody wants them
    struct random r;
    struct word words[UNIVERSE];     // in the order of their bytes
    double score[KEYS][UNIVERSE];    // NaN: it is not there
    uint64_t encodings[2];           // how often each was met
    struct kept_effects kept;        // those of the step
};

static const char *const names[KEYS] = { "alpha", "{t}one", "{t}two", "e", "a rather long name: it is longer than what most keys are called" };

static int by_bytes(const void *a, const void *b) {
    const struct word *x = a, *y = b;
    int c = memcmp(x->p, y->p, MIN(x->n, y->n));
    return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

// Integers, what only looks like one, words, the empty one, long ones around every limit.
static void make_words(struct model *m) {
    static const size_t lengths[] = { 0, 7, 8, 63, 64, 65, 254, 255, 256, 1000, 9000 };
    for (int i = 0; i < UNIVERSE; i++) {
        char *p = malloc(10000);
        size_t n = (size_t)sprintf(p, i < 90 ? "%d" : i < 100 ? "0%d" : "member:%d", i - 20);
        if (i >= 249) {
            n = lengths[i - 249];
            memset(p, 'a' + i % 26, n);
        }
        m->words[i] = (struct word){ p, n };
    }
    qsort(m->words, UNIVERSE, sizeof *m->words, by_bytes);
}

static int word_of(const struct model *m, const kora_reply *r) {
    assert_int_equal(r->type, KORA_REPLY_STRING);
    struct word key = { (char *)(uintptr_t)r->str, r->len };
    const struct word *w = bsearch(&key, m->words, UNIVERSE, sizeof key, by_bytes);
    if (!w) fail_msg("a member that nobody added: %.*s", (int)MIN(r->len, (size_t)50), r->str);
    return (int)(w - m->words);
}

static bool has(const struct model *m, int key, int w) { return !isnan(m->score[key][w]); }

static const double *sorting; // the scores by which by_score orders words

static int by_score(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    if (sorting[x] != sorting[y]) return sorting[x] < sorting[y] ? -1 : 1;
    return x - y;
}

// The words of a set in its order. Returns how many.
static size_t sorted(const double *score, int *words) {
    size_t n = 0;
    for (int i = 0; i < UNIVERSE; i++) {
        if (!isnan(score[i])) words[n++] = i;
    }
    sorting = score;
    qsort(words, n, sizeof *words, by_score);
    return n;
}

// Pairs as RESP3 has them: exactly these words, with these scores.
static void expect_pairs(const struct model *m, const kora_reply *r, const double *score, const int *words, size_t n, bool backwards) {
    assert_int_equal(r->type, KORA_REPLY_ARRAY);
    assert_int_equal(r->count, n);
    for (size_t i = 0; i < n; i++) {
        const kora_reply *pair = &r->elements[i];
        int w = words[backwards ? n - 1 - i : i];
        assert_int_equal(word_of(m, &pair->elements[0]), w);
        assert_true(pair->elements[1].type == KORA_REPLY_DOUBLE && pair->elements[1].real == score[w]);
    }
}

static void expect_all(struct model *m, kora *db, int key) {
    struct args a = { 0 };
    int words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    arg_str(&a, "ZRANGE");
    arg_str(&a, names[key]);
    arg_str(&a, "0");
    arg_str(&a, "-1");
    arg_str(&a, "WITHSCORES");
    kora_reply *r = exec_args(db, &a);
    expect_pairs(m, r, m->score[key], words, n, false);
    kora_reply_free(r);
}

static void forget(double *score) {
    for (int i = 0; i < UNIVERSE; i++) score[i] = NAN;
}

// ---- steps -------------------------------------------------------------------------------------------------------------------------

static int some_key(struct model *m) { return (int)random_below(&m->r, KEYS); }
// Half of the time from a few, so that sorted sets stay small and meet.
static int some_word(struct model *m) { return (int)random_below(&m->r, random_below(&m->r, 2) ? 20 : UNIVERSE); }
static double some_score(struct model *m) {
    switch (random_below(&m->r, 8)) {
    case 0: return (double)(int64_t)random_next(&m->r);
    case 1: return ((double)random_below(&m->r, 1000) - 500) / 64;
    case 2: return random_below(&m->r, 2) ? INFINITY : -INFINITY;
    default: return (double)random_below(&m->r, 12) - 4;
    }
}

enum { NX = 1, XX = 2, GT = 4, LT = 8, CH = 16 };

static void step_add(struct model *m) {
    static const uint32_t sets[] = { 0, 0, 0, 0, CH, NX, XX, XX | CH, GT, LT, GT | XX, LT | CH };
    static const char *const flag_names[] = { "NX", "XX", "GT", "LT", "CH" };
    struct args a = { 0 };
    int key = some_key(m);
    uint32_t flags = sets[random_below(&m->r, ARRAY_LEN(sets))];
    int64_t added = 0, updated = 0;
    uint64_t x = random_below(&m->r, 10);
    arg_str(&a, "ZADD");
    arg_str(&a, names[key]);
    for (size_t f = 0; f < ARRAY_LEN(flag_names); f++) {
        if (flags >> f & 1) arg_str(&a, flag_names[f]);
    }
    for (uint64_t n = 1 + random_below(&m->r, x < 5 ? 1 : x < 9 ? 8 : 120); n > 0; n--) {
        int w = some_word(m);
        double score = some_score(m), *now = &m->score[key][w];
        arg_score(&a, score, false);
        arg(&a, m->words[w].p, m->words[w].n);
        if (isnan(*now)) {
            if (flags & XX) continue;
            *now = score;
            added++;
        } else if (!(flags & NX) && score != *now && !((flags & GT) && score < *now) && !((flags & LT) && score > *now)) {
            *now = score;
            updated++;
        }
    }
    assert_int_equal(integer(exec_args(m->db, &a)), flags & CH ? added + updated : added);
}

static void step_increment(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), w = some_word(m);
    double by = (double)random_below(&m->r, 9) - 4, *now = &m->score[key][w], to = (isnan(*now) ? 0 : *now) + by;
    arg_str(&a, "ZINCRBY");
    arg_str(&a, names[key]);
    arg_score(&a, by, false);
    arg(&a, m->words[w].p, m->words[w].n);
    kora_reply *r = exec_args(m->db, &a);
    assert_true(r->type == KORA_REPLY_DOUBLE && r->real == to);
    *now = to;
    kora_reply_free(r);
}

static void step_remove(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m);
    int64_t removed = 0;
    arg_str(&a, "ZREM");
    arg_str(&a, names[key]);
    for (uint64_t n = 1 + random_below(&m->r, random_below(&m->r, 8) ? 3 : 60); n > 0; n--) {
        int w = some_word(m);
        arg(&a, m->words[w].p, m->words[w].n);
        removed += has(m, key, w);
        m->score[key][w] = NAN;
    }
    assert_int_equal(integer(exec_args(m->db, &a)), removed);
}

static void step_ask(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), asked[40];
    size_t n = 1 + (size_t)random_below(&m->r, ARRAY_LEN(asked));
    arg_str(&a, "ZMSCORE");
    arg_str(&a, names[key]);
    for (size_t i = 0; i < n; i++) {
        asked[i] = some_word(m);
        arg(&a, m->words[asked[i]].p, m->words[asked[i]].n);
    }
    kora_reply *r = exec_args(m->db, &a);
    assert_int_equal(r->count, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r->elements[i].type, has(m, key, asked[i]) ? KORA_REPLY_DOUBLE : KORA_REPLY_NULL);
        if (has(m, key, asked[i])) assert_true(r->elements[i].real == m->score[key][asked[i]]);
    }
    kora_reply_free(r);
}

static void step_rank(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), w = some_word(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words), at = 0;
    bool backwards = random_below(&m->r, 2);
    for (int tries = 0; tries < 10 && !has(m, key, w); tries++) w = some_word(m);
    arg_str(&a, backwards ? "ZREVRANK" : "ZRANK");
    arg_str(&a, names[key]);
    arg(&a, m->words[w].p, m->words[w].n);
    kora_reply *r = exec_args(m->db, &a);
    if (has(m, key, w)) {
        while (words[at] != w) at++;
        assert_int_equal(r->integer, backwards ? n - 1 - at : at);
    } else {
        assert_int_equal(r->type, KORA_REPLY_NULL);
    }
    kora_reply_free(r);
}

struct span {
    size_t from, n;
};

static struct span rank_span(struct model *m, size_t n, int64_t start, int64_t stop) {
    (void)m;
    if (start < 0) start = MAX(start + (int64_t)n, 0);
    stop = MIN(stop < 0 ? stop + (int64_t)n : stop, (int64_t)n - 1);
    return start > stop ? (struct span){ 0, 0 } : (struct span){ (size_t)start, (size_t)(stop - start + 1) };
}

static struct span score_span(const double *score, const int *words, size_t n, double min, bool above, double max, bool below) {
    struct span s = { 0, 0 };
    while (s.from < n && (score[words[s.from]] < min || (above && score[words[s.from]] == min))) s.from++;
    while (s.from + s.n < n && (score[words[s.from + s.n]] < max || (!below && score[words[s.from + s.n]] == max))) s.n++;
    return s;
}

// A span of a key's words, chosen by rank or by score, and the arguments that say it.
static struct span some_span(struct model *m, struct args *a, int key, const int *words, size_t n, bool by_rank) {
    if (by_rank) {
        int64_t start = (int64_t)random_below(&m->r, n + 8) - 4, stop = (int64_t)random_below(&m->r, n + 8) - 4;
        arg_int(a, start);
        arg_int(a, stop);
        return rank_span(m, n, start, stop);
    }
    double min = some_score(m), max = some_score(m);
    bool above = random_below(&m->r, 3) == 0, below = random_below(&m->r, 3) == 0;
    arg_score(a, min, above);
    arg_score(a, max, below);
    return score_span(m->score[key], words, n, min, above, max, below);
}

static void step_range(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    bool by_rank = random_below(&m->r, 2), backwards = random_below(&m->r, 2);
    arg_str(&a, "ZRANGE");
    arg_str(&a, names[key]);
    struct args bounds = { 0 };
    struct span s = some_span(m, &bounds, key, words, n, by_rank);
    bool swap = backwards && !by_rank;
    arg_str(&a, bounds.v[swap]);
    arg_str(&a, bounds.v[!swap]);
    if (by_rank && backwards && s.n > 0) s.from = n - s.from - s.n;
    arg_str(&a, "WITHSCORES");
    if (!by_rank) arg_str(&a, "BYSCORE");
    if (backwards) arg_str(&a, "REV");
    if (!by_rank && random_below(&m->r, 3) == 0) {
        size_t offset = (size_t)random_below(&m->r, 6), limit = (size_t)random_below(&m->r, 12), skip = MIN(offset, s.n), left = MIN(s.n - skip, limit);
        arg_str(&a, "LIMIT");
        arg_int(&a, (int64_t)offset);
        arg_int(&a, (int64_t)limit);
        s.from += backwards ? s.n - skip - left : skip;
        s.n = left;
    }
    kora_reply *r = exec_args(m->db, &a);
    expect_pairs(m, r, m->score[key], words + s.from, s.n, backwards);
    kora_reply_free(r);
}

static void step_count(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    arg_str(&a, "ZCOUNT");
    arg_str(&a, names[key]);
    struct span s = some_span(m, &a, key, words, n, false);
    assert_int_equal(integer(exec_args(m->db, &a)), s.n);
}

static void step_remove_range(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    bool by_rank = random_below(&m->r, 2);
    arg_str(&a, by_rank ? "ZREMRANGEBYRANK" : "ZREMRANGEBYSCORE");
    arg_str(&a, names[key]);
    struct span s = some_span(m, &a, key, words, n, by_rank);
    assert_int_equal(integer(exec_args(m->db, &a)), s.n);
    for (size_t i = 0; i < s.n; i++) m->score[key][words[s.from + i]] = NAN;
}

static void step_pop(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words), count = (size_t)random_below(&m->r, random_below(&m->r, 10) ? 5 : n + 3);
    bool highest = random_below(&m->r, 2), first_of_many = count > 0 && n > 0 && random_below(&m->r, 3) == 0;
    if (first_of_many) {
        arg_str(&a, "ZMPOP");
        arg_str(&a, "3");
        arg_str(&a, "none");
        arg_str(&a, names[key]);
        arg_str(&a, names[(key + 1) % KEYS]);
        arg_str(&a, highest ? "MAX" : "MIN");
        arg_str(&a, "COUNT");
    } else {
        arg_str(&a, highest ? "ZPOPMAX" : "ZPOPMIN");
        arg_str(&a, names[key]);
    }
    arg_int(&a, (int64_t)count);
    count = MIN(count, n);
    kora_reply *r = exec_args(m->db, &a);
    expect_pairs(m, first_of_many ? &r->elements[1] : r, m->score[key], highest ? words + n - count : words, count, highest);
    kora_reply_free(r);
    for (size_t i = 0; i < count; i++) m->score[key][words[highest ? n - 1 - i : i]] = NAN;
}

static void step_random(struct model *m) {
    struct args a = { 0 };
    bool seen[UNIVERSE] = { false };
    int key = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    int64_t count = (int64_t)random_below(&m->r, n + 10) - (int64_t)random_below(&m->r, 2) * 100;
    arg_str(&a, "ZRANDMEMBER");
    arg_str(&a, names[key]);
    arg_int(&a, count);
    arg_str(&a, "WITHSCORES");
    kora_reply *r = exec_args(m->db, &a);
    assert_int_equal(r->count, n == 0 ? 0 : count < 0 ? (size_t)-count : MIN((size_t)count, n));
    for (size_t i = 0; i < r->count; i++) {
        int w = word_of(m, &r->elements[i].elements[0]);
        assert_true(has(m, key, w) && r->elements[i].elements[1].real == m->score[key][w] && (count < 0 || !seen[w]));
        seen[w] = true;
    }
    kora_reply_free(r);
}

enum { UNION, INTER, DIFF };

static double model_combine(const struct model *m, int how, const int *keys, const double *weights, size_t n, int aggregate, int w) {
    double result = NAN;
    size_t in = 0;
    if (how == DIFF) {
        for (size_t i = 0; i < n; i++) in += has(m, keys[i], w);
        return in == 1 && has(m, keys[0], w) ? m->score[keys[0]][w] : NAN;
    }
    for (size_t i = 0; i < n; i++) {
        if (!has(m, keys[i], w)) continue;
        double score = m->score[keys[i]][w] * weights[i];
        if (in++ == 0) result = score;
        else if (aggregate == 0) result += score;
        else if (aggregate == 1) result = MIN(result, score);
        else result = MAX(result, score);
    }
    return how == INTER && in < n ? NAN : result;
}

// Scores that add up exactly, whatever the order.
static bool is_exact(const struct model *m, const int *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (int w = 0; w < UNIVERSE; w++) {
            if (has(m, keys[i], w) && fabs(m->score[keys[i]][w]) > 0x1p40) return false;
        }
    }
    return true;
}

static void step_combine(struct model *m) {
    static const char *const verbs[2][3] = { { "ZUNION", "ZINTER", "ZDIFF" }, { "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE" } };
    static const char *const aggregates[] = { "SUM", "MIN", "MAX" };
    struct args a = { 0 };
    double result[UNIVERSE], weights[4];
    int how = (int)random_below(&m->r, 3), keys[4], to = some_key(m), aggregate = (int)random_below(&m->r, 3), words[UNIVERSE];
    bool store = random_below(&m->r, 2);
    size_t n = 1 + (size_t)random_below(&m->r, 4);
    arg_str(&a, verbs[store][how]);
    if (store) arg_str(&a, names[to]);
    arg_int(&a, (int64_t)n);
    for (size_t i = 0; i < n; i++) arg_str(&a, names[keys[i] = some_key(m)]);
    if (!is_exact(m, keys, n)) aggregate = 1 + aggregate % 2;
    if (how != DIFF) arg_str(&a, "WEIGHTS");
    for (size_t i = 0; i < n; i++) {
        weights[i] = 1 + (double)random_below(&m->r, 2);
        if (how != DIFF) arg_score(&a, weights[i], false);
    }
    if (how != DIFF) arg_str(&a, "AGGREGATE");
    if (how != DIFF) arg_str(&a, aggregates[aggregate]);
    if (!store) arg_str(&a, "WITHSCORES");
    for (int w = 0; w < UNIVERSE; w++) result[w] = model_combine(m, how, keys, weights, n, aggregate, w);
    size_t count = sorted(result, words);
    kora_reply *r = exec_args(m->db, &a);
    if (store) {
        assert_int_equal(r->integer, count);
        memcpy(m->score[to], result, sizeof result);
        expect_all(m, m->db, to);
    } else {
        expect_pairs(m, r, result, words, count, false);
    }
    kora_reply_free(r);
}

static void step_range_store(struct model *m) {
    struct args a = { 0 };
    double result[UNIVERSE];
    int key = some_key(m), to = some_key(m), words[UNIVERSE];
    size_t n = sorted(m->score[key], words);
    arg_str(&a, "ZRANGESTORE");
    arg_str(&a, names[to]);
    arg_str(&a, names[key]);
    struct span s = some_span(m, &a, key, words, n, true);
    forget(result);
    for (size_t i = 0; i < s.n; i++) result[words[s.from + i]] = m->score[key][words[s.from + i]];
    assert_int_equal(integer(exec_args(m->db, &a)), s.n);
    memcpy(m->score[to], result, sizeof result);
}

static void step_scan(struct model *m) {
    bool seen[UNIVERSE] = { false };
    char cursor[32] = "0";
    int key = some_key(m);
    do {
        struct args a = { 0 };
        arg_str(&a, "ZSCAN");
        arg_str(&a, names[key]);
        arg_str(&a, cursor);
        arg_str(&a, "COUNT");
        arg_int(&a, 1 + (int64_t)random_below(&m->r, 50));
        kora_reply *r = exec_args(m->db, &a);
        const kora_reply *flat = &r->elements[1];
        for (size_t i = 0; i < flat->count; i += 2) {
            int w = word_of(m, &flat->elements[i]);
            assert_true(has(m, key, w) && strtod(flat->elements[i + 1].str, NULL) == m->score[key][w]);
            seen[w] = true;
        }
        snprintf(cursor, sizeof cursor, "%s", r->elements[0].str);
        kora_reply_free(r);
    } while (strcmp(cursor, "0") != 0);
    for (int w = 0; w < UNIVERSE; w++) assert_int_equal(seen[w], has(m, key, w));
}

static void step_encoding(struct model *m) {
    struct args a = { 0 };
    arg_str(&a, "OBJECT");
    arg_str(&a, "ENCODING");
    arg_str(&a, names[some_key(m)]);
    kora_reply *r = exec_args(m->db, &a);
    if (r->type == KORA_REPLY_STRING) m->encodings[strcmp(r->str, "skiplist") == 0]++;
    kora_reply_free(r);
}

// Values that share their bytes until one of them changes.
static void step_copy(struct model *m) {
    struct args a = { 0 };
    int from = some_key(m), to = some_key(m), words[UNIVERSE];
    if (m->mirror || from == to) return;
    bool rename = random_below(&m->r, 4) == 0, there = sorted(m->score[from], words) > 0;
    arg_str(&a, rename ? "RENAME" : "COPY");
    arg_str(&a, names[from]);
    arg_str(&a, names[to]);
    if (!rename) arg_str(&a, "REPLACE");
    kora_reply_free(exec_args(m->db, &a));
    if (!there) return;
    memcpy(m->score[to], m->score[from], sizeof m->score[to]);
    if (rename) forget(m->score[from]);
}

static void step(struct model *m) {
    static const struct {
        uint32_t weight;
        void (*run)(struct model *m);
    } steps[] = {
        { 40, step_add }, { 12, step_increment }, { 14, step_remove }, { 6, step_ask }, { 8, step_rank }, { 12, step_range }, { 4, step_count },
        { 5, step_remove_range }, { 6, step_pop }, { 5, step_random }, { 12, step_combine }, { 3, step_range_store }, { 4, step_scan }, { 4, step_encoding },
        { 4, step_copy },
    };
    uint32_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) total += steps[i].weight;
    uint64_t x = random_below(&m->r, total);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (x < steps[i].weight) {
            steps[i].run(m);
            return;
        }
        x -= steps[i].weight;
    }
}

static void set_limits(kora *db, int entries, int value) {
    char text[32];
    sprintf(text, "%d", entries);
    assert_ok(kora_config_set(db, "zset-max-listpack-entries", text, NULL, 0));
    sprintf(text, "%d", value);
    assert_ok(kora_config_set(db, "zset-max-listpack-value", text, NULL, 0));
}

static void run_model(struct model *m, size_t steps, bool mirrored) {
    static const int limits[][2] = { { 8, 20 }, { 128, 64 }, { 0, 0 }, { 400, 20000 }, { 3, 64 }, { 30, 64 } };
    m->db = open_db(1, 4);
    m->mirror = NULL;
    for (int k = 0; k < KEYS; k++) forget(m->score[k]);
    if (mirrored) {
        m->mirror = open_db(1, 2);
        keep_effects(m->db, &m->kept);
    }
    for (size_t i = 0; i < steps; i++) {
        const int *l = limits[random_below(&m->r, ARRAY_LEN(limits))];
        if (i % 150 == 0) set_limits(m->db, l[0], l[1]);
        step(m);
        check_stripes(m->db);
        if (mirrored) replay_effects(&m->kept, m->mirror);
        if (i % 400 != 399) continue;
        for (int k = 0; k < KEYS; k++) {
            expect_all(m, m->db, k);
            if (mirrored) expect_all(m, m->mirror, k);
        }
        kora_reply_free(run(m->db, NULL, "DEL alpha e"));
        if (mirrored) replay_effects(&m->kept, m->mirror);
        forget(m->score[0]);
        forget(m->score[3]);
    }
    effects_forget(&m->kept);
    assert_ok(kora_close(m->db));
    if (mirrored) assert_ok(kora_close(m->mirror));
}

static void test_model(void **state) {
    struct model m = { 0 };
    (void)state;
    random_seed(&m.r, test_seed());
    make_words(&m);
    size_t steps = long_form() ? 500000 : slow() ? 1000 : 3000;
    run_model(&m, steps, false);
    run_model(&m, steps, true);
    for (int i = 0; i < 2; i++) assert_true(m.encodings[i] > steps / 1000);
    for (int i = 0; i < UNIVERSE; i++) free(m.words[i].p);
}

// Searches store what they find, not that they were asked.
static void test_geo_effects(void **state) {
    static const char *const lines[] = { "GEOADD {t}s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.583333 37.316667 Agrigento 2.35 48.85 1",
        "GEOADD {t}s XX CH 13.583334 37.316667 Agrigento 1 1 none", "GEOSEARCHSTORE near {t}s FROMLONLAT 15 37 BYRADIUS 200 km", "SET far x",
        "GEOSEARCHSTORE far {t}s FROMMEMBER Palermo BYBOX 9000 9000 km STOREDIST", "GEORADIUS {t}s 15 37 200 km COUNT 1 STORE one",
        "GEORADIUSBYMEMBER {t}s 1 10 km STOREDIST {t}s2", "GEOSEARCHSTORE near {t}s FROMLONLAT 90 0 BYRADIUS 1 m" };
    static const char *const keys[] = { "{t}s", "near", "far", "one", "{t}s2" };
    struct model m = { .db = open_db(1, 4), .mirror = open_db(1, 2) };
    char line[64];
    (void)state;
    keep_effects(m.db, &m.kept);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        kora_reply *r = run(m.db, NULL, lines[i]);
        assert_int_not_equal(r->type, KORA_REPLY_ERROR);
        kora_reply_free(r);
        replay_effects(&m.kept, m.mirror);
        check_stripes(m.db);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct buf b = { 0 };
        sprintf(line, "ZRANGE %s 0 -1 WITHSCORES", keys[i]);
        kora_reply *r = run(m.db, NULL, line);
        describe(r, &b);
        buf_append_char(&b, '\0');
        expect_reply(m.mirror, NULL, line, b.p);
        assert_int_equal(r->count == 0, i == 1);
        kora_reply_free(r);
        buf_free(&b);
    }
    effects_forget(&m.kept);
    assert_ok(kora_close(m.db));
    assert_ok(kora_close(m.mirror));
}

// ---- large ones --------------------------------------------------------------------------------------------------------------------

static void add_range(kora *db, const char *key, int from, int to) {
    char text[200][16];
    while (from < to) {
        struct args a = { 0 };
        arg_str(&a, "ZADD");
        arg_str(&a, key);
        for (int i = 0; i < 200 && from < to; i++, from++) {
            sprintf(text[i], "member:%d", from);
            arg_int(&a, (int64_t)from * 7919 % 10007);
            arg_str(&a, text[i]);
        }
        kora_reply_free(exec_args(db, &a));
    }
}

static uint64_t used_memory(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    return s.memory_used;
}

static void test_large(void **state) {
    (void)state;
    int n = slow() ? 5000 : 60000;
    char line[200];
    kora *db = open_db(1, 2);
    uint64_t before = used_memory(db);
    add_range(db, "a", 0, n);
    add_range(db, "b", n / 2, n + n / 2);
    check_stripes(db);
    kora_reply *r = run(db, NULL, "ZINTER 2 a b");
    assert_int_equal(r->count, n / 2);
    kora_reply_free(r);
    sprintf(line, ":%d", n + n / 2);
    expect_reply(db, NULL, "ZUNIONSTORE c 2 a b", line);
    sprintf(line, ":%d", n / 2);
    expect_reply(db, NULL, "ZDIFFSTORE d 2 a b", line);
    check_stripes(db);
    sprintf(line, "ZREMRANGEBYRANK c 100 %d", n);
    r = run(db, NULL, line);
    assert_int_equal(r->integer, n - 99);
    kora_reply_free(r);
    check_stripes(db);
    sprintf(line, "ZPOPMAX a %d", n / 2);
    r = run(db, NULL, line);
    assert_int_equal(r->count, n / 2);
    kora_reply_free(r);
    check_stripes(db);
    r = run(db, NULL, "ZRANDMEMBER a 100"); // few of many
    assert_int_equal(r->count, 100);
    kora_reply_free(r);
    expect_reply(db, NULL, "COPY b e", ":1");
    check_stripes(db);
    expect_reply(db, NULL, "DEL a b c d e", ":5");
    wait_until(used_memory(db) <= before + 8192);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Freeing goes on in portions that are bounded, whatever else is done meanwhile.
static void test_freeing(void **state) {
    (void)state;
    enum { MEMBERS = 20000, BUDGET = 500 };
    kora *db = open_db(1, 1);
    struct common *common = &db->engine->common;
    struct txn t;
    struct key k;
    struct value v;
    size_t calls = 0;
    if (!lease_try(&db->engine->leases[0])) assert_true(lease_wait(&db->engine->leases[0]));
    txn_begin(&t, common);
    key_locate(common, &k, 0, SLICE("k"));
    value_detach(&v, TYPE_ZSET, &t, &k);
    for (int i = 0; i < MEMBERS; i++) {
        char text[32];
        struct zset_add item = { .member = { text, (size_t)sprintf(text, "the member %d", i) }, .score = i % 777 };
        assert_true(zset_add(&v, &item, 1, 0));
        assert_int_equal(item.outcome, ZSET_ADDED);
    }
    struct slab *nodes = value_nodes(&v);
    size_t before = slab_usage(nodes).used;
    assert_int_equal(value_kind_zset.memory(v.root), before);
    value_kind_zset.check(&v);
    for (;; calls++) {
        size_t used = slab_usage(nodes).used;
        if (value_kind_zset.free(nodes, v.root, BUDGET)) break;
        assert_true(used - slab_usage(nodes).used < before * 2 * BUDGET / MEMBERS || calls == 0); // the tree's nodes are few, and go first
    }
    assert_true(calls > MEMBERS / BUDGET / 2);
    assert_int_equal(slab_usage(nodes).used, 0);
    lease_release(&db->engine->leases[0]);
    assert_ok(kora_close(db));
}

// ---- out of memory -------------------------------------------------------------------------------------------------------------------

static const char *const oom_keys[] = { "packed", "full", "root", "root2", "large", "large2", "str", "new" };

struct oom {
    kora *db;
    uint64_t effects;
    bool failed; // an allocation did
};

static void count_effect(void *arg_, const struct effect *e) {
    (void)e;
    ((struct oom *)arg_)->effects++;
}

#define LONG40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void oom_prepare(struct oom *w, bool wants_effects) {
    static const char *const lines[] = { "ZADD packed 1 a 2 b 3.5 c 4 1 5 2", "ZADD full 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h", "SET str v", "SADD set a b c 1",
        "ZADD root 1 1 2 2 3 3 4 a 5 b 6 c 7 " LONG40, "GEOADD root2 13.3 38.1 3 15.1 37.5 c 13.6 37.3 x 12.7 38.8 " LONG40 };
    w->db = open_db(1, 2);
    w->effects = 0;
    w->failed = false;
    set_limits(w->db, 8, 40);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) kora_reply_free(run(w->db, NULL, lines[i]));
    add_range(w->db, "root2", 0, 150);
    set_limits(w->db, 3000, 40);
    add_range(w->db, "large", 0, 800); // more than an entry holds
    kora_reply_free(run(w->db, NULL, "COPY large large2"));
    set_limits(w->db, 8, 40);
    if (wants_effects) w->db->engine->common.effects = (struct effect_sink){ .fn = count_effect, .arg = w };
}

// All members and scores of all keys as one text.
static struct buf oom_state(kora *db) {
    struct buf b = { 0 };
    char line[64];
    for (size_t i = 0; i < ARRAY_LEN(oom_keys); i++) {
        sprintf(line, "ZRANGE %s 0 -1 WITHSCORES", oom_keys[i]);
        kora_reply *r = run(db, NULL, line);
        buf_printf(&b, "%s:", oom_keys[i]);
        for (size_t k = 0; k < r->count; k++) buf_printf(&b, " %s=%s", r->elements[k].elements[0].str, r->elements[k].elements[1].str);
        kora_reply_free(r);
    }
    buf_append_char(&b, '\0');
    return b;
}

// Whether the call was refused for want of memory. The tree of a reply with elements or a double is made after the call: of those that change something
// no reply is asked for, and what they did is seen by what is left.
static bool oom_refused(struct oom *w, const char *line, const struct buf *before, long n, bool forever) {
    bool pop = strstr(line, "POP") || strstr(line, "INCR");
    kora_reply *r = NULL;
    mem_fail(n, forever);
    int status = run_status(w->db, NULL, line, pop ? NULL : &r);
    bool failed = w->failed = mem_fail_left() <= 0;
    mem_fail(0, false);
    bool refused = status == KORA_NOMEM || (r && r->type == KORA_REPLY_ERROR && strstr(r->str, "out of memory"));
    if (status != KORA_OK) assert_int_equal(status, KORA_NOMEM);
    kora_reply_free(r);
    check_stripes(w->db);
    struct buf after = oom_state(w->db);
    bool same = strcmp(before->p, after.p) == 0;
    if (pop) refused = same;
    if (refused && (!failed || !same || w->effects != 0)) {
        fail_msg("%s, allocation %ld%s: changed\n%s\n%s", line, n, forever ? " and all after it" : "", before->p, after.p);
    }
    buf_free(&after);
    return refused;
}

// False: so many allocations are not made.
static bool oom_fail_one(const char *line, long n, bool forever, bool wants_effects) {
    struct oom w;
    oom_prepare(&w, wants_effects);
    struct buf before = oom_state(w.db);
    if (oom_refused(&w, line, &before, n, forever)) {
        kora_reply *r = run(w.db, NULL, line); // and now
        assert_int_not_equal(r->type, KORA_REPLY_ERROR);
        kora_reply_free(r);
        check_stripes(w.db);
    }
    buf_free(&before);
    assert_ok(kora_close(w.db));
    return w.failed;
}

static void test_oom(void **state) {
    static const char *const lines[] = {
        "ZADD new 1 a", "ZADD new 1 a 2 b 3 c", "ZADD new 1 " LONG40, "ZADD new 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i 10 j", "ZADD packed 1.5 d", "ZADD packed 9 a",
        "ZADD packed 9 a 8 b 7 c 1 n1 1.5 n2", "ZADD packed 1 " LONG40, "ZADD full 1 i", "ZADD full 9 a 8 b 1 i 2 j", "ZADD root 1 n", "ZADD root 9 1", "ZADD root 1.5 1",
        "ZADD root 9 1 8 2 7 3 1 n1 2 n2 3 n3 4 n4 5 n5 9 a 9 n1 1 a", "ZADD large2 1 n", "ZADD large2 1 n 2 member:7", "ZADD large2 INCR 2 member:7",
        "ZINCRBY root 5 a", "ZINCRBY packed 5 a", "ZINCRBY new 5 a", "ZINCRBY full 5 i",
        "ZREM packed a", "ZREM root a b", "ZREM large2 member:7 member:8", "ZREM packed a b c 1 2", "ZREMRANGEBYRANK root2 10 90", "ZREMRANGEBYSCORE large 1 5000",
        "ZPOPMIN packed", "ZPOPMIN root", "ZPOPMAX large2 40", "ZPOPMAX root2 100", "ZMPOP 2 new root MIN COUNT 3", "ZPOPMIN root2 1000", "ZMPOP 1 large2 MAX COUNT 700",
        "ZUNION 3 root root2 large", "ZINTER 2 root root2 WITHSCORES", "ZDIFF 5 root2 packed packed packed packed", "ZRANDMEMBER root2 20", "ZRANDMEMBER root2 120",
        "ZRANDMEMBER root2 -100", "ZRANGE large 0 -1 WITHSCORES", "ZSCAN root2 0 COUNT 100", "ZUNIONSTORE new 2 root root2", "ZUNIONSTORE str 2 packed set",
        "ZUNIONSTORE root 4 large root2 packed set WEIGHTS 1 2 3 4", "ZINTERSTORE new 2 root root2", "ZINTERSTORE packed 2 packed set", "ZDIFFSTORE root2 2 root2 root",
        "ZINTERSTORE root 2 packed none", "ZINTERCARD 2 root root2", "ZRANGESTORE new root2 5 60", "ZRANGESTORE large large 5 600", "ZRANGESTORE root packed (1 3.5 BYSCORE",
        "GEOADD root2 13.361389 38.115556 p 15.087269 37.502669 c", "GEOSEARCH root2 FROMLONLAT 13 38 BYRADIUS 20000 km ASC WITHDIST",
        "GEOSEARCHSTORE new root2 FROMLONLAT 13 38 BYRADIUS 20000 km STOREDIST", "GEORADIUS root2 13 38 20000 km STORE packed",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i += slow() && !long_form() ? 5 : 1) {
        for (int how = 0; how < 4; how++) {
            if (!long_form() && (how + (int)i) % 4 > 0) continue;
            long n = 1;
            while (oom_fail_one(lines[i], n, how & 1, how & 2)) n += long_form() || n < 30 ? 1 : 1 + n / 10;
        }
    }
}

// A ZADD of which the last member can't be had (it is a mapping of its own, small ones come from pages that are there): what was put in
// beside the old ones goes again.
static void test_oom_between(void **state) {
    enum { HUGE = 300000 };
    static const char *const others[] = { "9", "1", "2.5", "2", "-4", "a", "1", "n1", "2", "n2", "9", "n1", "7", "1" };
    char *huge = malloc(HUGE);
    (void)state;
    memset(huge, 'h', HUGE);
    for (int how = 0; how < 4; how++) {
        int refused = 0;
        for (long n = 1;; n++) {
            struct oom w;
            struct args a = { 0 };
            oom_prepare(&w, how & 2);
            struct buf before = oom_state(w.db);
            arg_str(&a, "ZADD");
            arg_str(&a, "root");
            for (size_t i = 0; i < ARRAY_LEN(others); i++) arg_str(&a, others[i]);
            arg_str(&a, "5");
            arg(&a, huge, HUGE);
            mem_fail(n, how & 1);
            int status = kora_exec(w.db, NULL, a.n, a.v, a.len, NULL);
            bool failed = mem_fail_left() <= 0;
            mem_fail(0, false);
            assert_true(status == KORA_OK || status == KORA_NOMEM);
            check_stripes(w.db);
            struct buf after = oom_state(w.db);
            bool same = strcmp(before.p, after.p) == 0;
            if (failed && same) refused++;
            if (!same) assert_int_equal(integer(run(w.db, NULL, "ZCARD root")), 10); // all of it
            if (same) assert_int_equal(w.effects, 0);
            buf_free(&before);
            buf_free(&after);
            assert_ok(kora_close(w.db));
            if (!failed) break;
        }
        assert_true(refused > 0);
    }
    free(huge);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_geo_effects), cmocka_unit_test(test_large), cmocka_unit_test(test_freeing), cmocka_unit_test(test_oom),
        cmocka_unit_test(test_oom_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
