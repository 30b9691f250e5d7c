// Sets: random commands against a naive model, with thresholds low and high so that every representation is met, stripes checked after each step, and
// effects replayed into another database; chance; memory that ends; sets that are freed in portions.
#include "unit/args.h"

#include "type/set.h"

enum { KEYS = 6, UNIVERSE = 400, WORD_MAX = 10000 };

// ---- the model -------------------------------------------------------------------------------------------------------------------

struct word {
    char *p;
    size_t n;
};

struct model {
    kora *db, *mirror; // mirror: gets the effects; NULL: nobody wants them
    struct random r;
    struct word words[UNIVERSE];
    bool has[KEYS][UNIVERSE];
    uint64_t encodings[3];         // how often each was met
    struct kept_effects kept;      // those of the step
};

static const char *const names[KEYS] = { "alpha", "beta", "{t}one", "{t}two", "e", "a rather long name: it is longer than what most keys are called" };

// Integers, small and large, what only looks like one, words, the empty one, long ones around every limit.
static void make_words(struct model *m) {
    static const size_t lengths[] = { 63, 64, 65, 254, 255, 256, 1000, 9000, WORD_MAX };
    for (int i = 0; i < UNIVERSE; i++) {
        char *p = malloc(WORD_MAX);
        size_t n = 0;
        if (i < 150) {
            n = (size_t)sprintf(p, "%d", i - 20);
        } else if (i < 180) {
            n = (size_t)sprintf(p, "%lld", (long long)(random_next(&m->r) >> (i % 3 * 20)));
        } else if (i < 190) {
            n = (size_t)sprintf(p, "0%d", i);
        } else if (i < 380) {
            n = (size_t)sprintf(p, "%.*s%d", i % 40, "member:member:member:member:member:member", i);
        } else if (i > 380) {
            n = lengths[(size_t)i % ARRAY_LEN(lengths)];
            memset(p, 'a' + i % 26, n);
        }
        m->words[i] = (struct word){ p, n };
    }
}

static int word_of(const struct model *m, const kora_reply *r) {
    assert_int_equal(r->type, KORA_REPLY_STRING);
    for (int i = 0; i < UNIVERSE; i++) {
        if (m->words[i].n == r->len && memcmp(m->words[i].p, r->str, r->len) == 0) return i;
    }
    fail_msg("a member that nobody added: %.*s", (int)MIN(r->len, (size_t)50), r->str);
    return 0;
}

static size_t model_count(const struct model *m, int key) {
    size_t n = 0;
    for (int i = 0; i < UNIVERSE; i++) n += m->has[key][i];
    return n;
}

// The reply's members: each one only once. `has` gets them.
static void read_members(const struct model *m, const kora_reply *r, bool has[UNIVERSE]) {
    memset(has, 0, UNIVERSE);
    assert_true(r->type == KORA_REPLY_SET || r->type == KORA_REPLY_ARRAY);
    for (size_t i = 0; i < r->count; i++) {
        int w = word_of(m, &r->elements[i]);
        assert_false(has[w]);
        has[w] = true;
    }
}

static void expect_members(struct model *m, kora *db, int key) {
    struct args a = { 0 };
    bool has[UNIVERSE];
    arg_str(&a, "SMEMBERS");
    arg_str(&a, names[key]);
    kora_reply *r = exec_args(db, &a);
    read_members(m, r, has);
    assert_memory_equal(has, m->has[key], sizeof has);
    kora_reply_free(r);
}

// ---- steps -------------------------------------------------------------------------------------------------------------------------

static int some_key(struct model *m) { return (int)random_below(&m->r, KEYS); }
static int some_word(struct model *m) {
    // Half of the time from a few, so that sets stay small and meet.
    switch (random_below(&m->r, 4)) {
    case 0: return (int)random_below(&m->r, 30);
    case 1: return 180 + (int)random_below(&m->r, 20);
    default: return (int)random_below(&m->r, UNIVERSE);
    }
}
static size_t some_count(struct model *m) {
    uint64_t x = random_below(&m->r, 10);
    return 1 + (size_t)random_below(&m->r, x < 6 ? 1 : x < 9 ? 8 : 200);
}

static void step_add_remove(struct model *m, bool add) {
    struct args a = { 0 };
    int key = some_key(m);
    int64_t changed = 0;
    arg_str(&a, add ? "SADD" : "SREM");
    arg_str(&a, names[key]);
    for (size_t n = some_count(m); n > 0; n--) {
        int w = some_word(m);
        arg(&a, m->words[w].p, m->words[w].n);
        changed += m->has[key][w] != add;
        m->has[key][w] = add;
    }
    assert_int_equal(integer(exec_args(m->db, &a)), changed);
}
static void step_add(struct model *m) { step_add_remove(m, true); }
static void step_remove(struct model *m) { step_add_remove(m, false); }

static void step_ask(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m), asked[70];
    size_t n = some_count(m);
    if (n > ARRAY_LEN(asked)) n = ARRAY_LEN(asked);
    arg_str(&a, n == 1 ? "SISMEMBER" : "SMISMEMBER");
    arg_str(&a, names[key]);
    for (size_t i = 0; i < n; i++) {
        asked[i] = some_word(m);
        arg(&a, m->words[asked[i]].p, m->words[asked[i]].n);
    }
    kora_reply *r = exec_args(m->db, &a);
    for (size_t i = 0; i < n; i++) assert_int_equal((n == 1 ? r : &r->elements[i])->integer, m->has[key][asked[i]]);
    kora_reply_free(r);
}

static void step_pop(struct model *m) {
    struct args a = { 0 };
    bool has[UNIVERSE] = { false };
    int key = some_key(m);
    size_t count = model_count(m, key);
    int64_t n = random_below(&m->r, 2) ? -1 : (int64_t)random_below(&m->r, count + 3);
    arg_str(&a, "SPOP");
    arg_str(&a, names[key]);
    if (n >= 0) arg_int(&a, n);
    kora_reply *r = exec_args(m->db, &a);
    if (n >= 0) {
        read_members(m, r, has);
        assert_int_equal(r->count, MIN((size_t)n, count));
    } else if (count > 0) {
        has[word_of(m, r)] = true;
    } else {
        assert_int_equal(r->type, KORA_REPLY_NULL);
    }
    for (int i = 0; i < UNIVERSE; i++) {
        assert_true(!has[i] || m->has[key][i]);
        if (has[i]) m->has[key][i] = false;
    }
    kora_reply_free(r);
}

static void step_random(struct model *m) {
    struct args a = { 0 };
    bool has[UNIVERSE];
    int key = some_key(m);
    size_t count = model_count(m, key);
    int64_t n = (int64_t)random_below(&m->r, count + 10) - (int64_t)random_below(&m->r, 2) * 100;
    arg_str(&a, "SRANDMEMBER");
    arg_str(&a, names[key]);
    arg_int(&a, n);
    kora_reply *r = exec_args(m->db, &a);
    if (n >= 0) {
        read_members(m, r, has);
        assert_int_equal(r->count, MIN((size_t)n, count));
        for (int i = 0; i < UNIVERSE; i++) assert_true(!has[i] || m->has[key][i]);
    } else {
        assert_int_equal(r->count, count ? (size_t)-n : 0);
        for (size_t i = 0; i < r->count; i++) assert_true(m->has[key][word_of(m, &r->elements[i])]);
    }
    kora_reply_free(r);
}

static void step_move(struct model *m) {
    struct args a = { 0 };
    int from = some_key(m), to = some_key(m), w = some_word(m);
    for (int tries = 0; tries < 20 && !m->has[from][w]; tries++) w = some_word(m);
    arg_str(&a, "SMOVE");
    arg_str(&a, names[from]);
    arg_str(&a, names[to]);
    arg(&a, m->words[w].p, m->words[w].n);
    bool moved = m->has[from][w];
    assert_int_equal(integer(exec_args(m->db, &a)), moved);
    if (!moved) return;
    m->has[from][w] = false;
    m->has[to][w] = true;
}

enum { INTER, UNION, DIFF };

static void model_combine(const struct model *m, int how, const int *keys, size_t n, bool has[UNIVERSE]) {
    for (int w = 0; w < UNIVERSE; w++) {
        size_t in = 0;
        for (size_t i = 0; i < n; i++) in += m->has[keys[i]][w];
        has[w] = how == INTER ? in == n : how == UNION ? in > 0 : in == 1 && m->has[keys[0]][w];
    }
}

static void step_combine(struct model *m, bool store) {
    static const char *const verbs[2][3] = { { "SINTER", "SUNION", "SDIFF" }, { "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE" } };
    struct args a = { 0 };
    bool expected[UNIVERSE], has[UNIVERSE];
    int how = (int)random_below(&m->r, 3), keys[12], to = some_key(m);
    size_t n = 1 + (size_t)random_below(&m->r, random_below(&m->r, 4) ? 3 : 12), count = 0;
    arg_str(&a, verbs[store][how]);
    if (store) arg_str(&a, names[to]);
    for (size_t i = 0; i < n; i++) arg_str(&a, names[keys[i] = some_key(m)]);
    model_combine(m, how, keys, n, expected);
    for (int i = 0; i < UNIVERSE; i++) count += expected[i];
    kora_reply *r = exec_args(m->db, &a);
    if (store) {
        assert_int_equal(r->integer, count);
        memcpy(m->has[to], expected, sizeof expected);
    } else {
        read_members(m, r, has);
        assert_memory_equal(has, expected, sizeof has);
    }
    kora_reply_free(r);
    if (store) expect_members(m, m->db, to);
}
static void step_combined(struct model *m) { step_combine(m, false); }
static void step_store(struct model *m) { step_combine(m, true); }

static void step_card(struct model *m) {
    struct args a = { 0 };
    bool expected[UNIVERSE];
    int keys[4];
    size_t n = 1 + (size_t)random_below(&m->r, 4), count = 0, limit = (size_t)random_below(&m->r, 20);
    arg_str(&a, "SINTERCARD");
    arg_int(&a, (int64_t)n);
    for (size_t i = 0; i < n; i++) arg_str(&a, names[keys[i] = some_key(m)]);
    arg_str(&a, "LIMIT");
    arg_int(&a, (int64_t)limit);
    model_combine(m, INTER, keys, n, expected);
    for (int i = 0; i < UNIVERSE; i++) count += expected[i];
    assert_int_equal(integer(exec_args(m->db, &a)), limit ? MIN(limit, count) : count);
}

static void step_scan(struct model *m) {
    bool has[UNIVERSE] = { false };
    char cursor[32] = "0";
    int key = some_key(m);
    do {
        struct args a = { 0 };
        arg_str(&a, "SSCAN");
        arg_str(&a, names[key]);
        arg_str(&a, cursor);
        arg_str(&a, "COUNT");
        arg_int(&a, 1 + (int64_t)random_below(&m->r, 50));
        kora_reply *r = exec_args(m->db, &a);
        assert_int_equal(r->count, 2);
        for (size_t i = 0; i < r->elements[1].count; i++) has[word_of(m, &r->elements[1].elements[i])] = true;
        snprintf(cursor, sizeof cursor, "%s", r->elements[0].str);
        kora_reply_free(r);
    } while (strcmp(cursor, "0") != 0);
    assert_memory_equal(has, m->has[key], sizeof has);
}

static void step_members(struct model *m) {
    int key = some_key(m);
    expect_members(m, m->db, key);
    struct args a = { 0 };
    arg_str(&a, "OBJECT");
    arg_str(&a, "ENCODING");
    arg_str(&a, names[key]);
    kora_reply *r = exec_args(m->db, &a);
    if (r->type == KORA_REPLY_STRING) m->encodings[strcmp(r->str, "intset") == 0 ? 0 : strcmp(r->str, "listpack") == 0 ? 1 : 2]++;
    kora_reply_free(r);
}

static void step_delete(struct model *m) {
    struct args a = { 0 };
    int key = some_key(m);
    arg_str(&a, "DEL");
    arg_str(&a, names[key]);
    assert_int_equal(integer(exec_args(m->db, &a)), model_count(m, key) > 0);
    memset(m->has[key], 0, sizeof m->has[key]);
}

// Values that share their bytes until one of them changes.
static void step_copy(struct model *m) {
    struct args a = { 0 };
    int from = some_key(m), to = some_key(m);
    if (m->mirror || from == to) return;
    bool rename = random_below(&m->r, 4) == 0;
    arg_str(&a, rename ? "RENAME" : "COPY");
    arg_str(&a, names[from]);
    arg_str(&a, names[to]);
    if (!rename) arg_str(&a, "REPLACE");
    kora_reply_free(exec_args(m->db, &a));
    if (model_count(m, from) == 0) return;
    memcpy(m->has[to], m->has[from], sizeof m->has[to]);
    if (rename) memset(m->has[from], 0, sizeof m->has[from]);
}

static void step(struct model *m) {
    static const struct {
        uint32_t weight;
        void (*run)(struct model *m);
    } steps[] = {
        { 30, step_add }, { 20, step_remove }, { 8, step_ask }, { 10, step_pop }, { 6, step_random }, { 8, step_move }, { 8, step_combined },
        { 8, step_store }, { 4, step_card }, { 4, step_scan }, { 8, step_members }, { 1, step_delete }, { 4, step_copy },
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

static void set_limits(kora *db, uint64_t intset, uint64_t entries, uint64_t value) {
    char text[32];
    sprintf(text, "%llu", (unsigned long long)intset);
    assert_ok(kora_config_set(db, "set-max-intset-entries", text, NULL, 0));
    sprintf(text, "%llu", (unsigned long long)entries);
    assert_ok(kora_config_set(db, "set-max-listpack-entries", text, NULL, 0));
    sprintf(text, "%llu", (unsigned long long)value);
    assert_ok(kora_config_set(db, "set-max-listpack-value", text, NULL, 0));
}

static void run_model(struct model *m, size_t steps, bool mirrored) {
    static const uint64_t limits[][3] = { { 8, 6, 20 }, { 512, 128, 64 }, { 0, 0, 0 }, { 4, 400, 20000 }, { 300, 3, 64 }, { 0, 20, 64 } };
    m->db = open_db(1, 4);
    m->mirror = NULL;
    memset(m->has, 0, sizeof m->has);
    if (mirrored) {
        m->mirror = open_db(1, 2);
        keep_effects(m->db, &m->kept);
    }
    for (size_t i = 0; i < steps; i++) {
        const uint64_t *l = limits[random_below(&m->r, ARRAY_LEN(limits))];
        if (i % 200 == 0) set_limits(m->db, l[0], l[1], l[2]);
        step(m);
        check_stripes(m->db);
        if (mirrored) replay_effects(&m->kept, m->mirror);
        if (i % 500 != 499) continue;
        for (int k = 0; k < KEYS; k++) {
            expect_members(m, m->db, k);
            if (mirrored) expect_members(m, m->mirror, k);
        }
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
    size_t steps = long_form() ? 2000000 : slow() ? 1500 : 8000;
    run_model(&m, steps, false);
    run_model(&m, steps, true);
    for (int i = 0; i < 3; i++) assert_true(m.encodings[i] > steps / 1000);
    for (int i = 0; i < UNIVERSE; i++) free(m.words[i].p);
}

// ---- large sets --------------------------------------------------------------------------------------------------------------------

static void add_range(kora *db, const char *key, int from, int to) {
    char text[256][16];
    while (from < to) {
        struct args a = { 0 };
        arg_str(&a, "SADD");
        arg_str(&a, key);
        for (int i = 0; i < 256 && from < to; i++, from++) {
            sprintf(text[i], "member:%d", from);
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
    kora_reply *r = run(db, NULL, "SINTER a b");
    assert_int_equal(r->count, n / 2);
    kora_reply_free(r);
    r = run(db, NULL, "SUNION a b");
    assert_int_equal(r->count, n + n / 2);
    kora_reply_free(r);
    r = run(db, NULL, "SUNION a b none a b a b"); // collected
    assert_int_equal(r->count, n + n / 2);
    kora_reply_free(r);
    check_stripes(db);
    r = run(db, NULL, "SDIFF a b b b b b b b b b");
    assert_int_equal(r->count, n / 2);
    kora_reply_free(r);
    add_range(db, "few", 0, 10);
    r = run(db, NULL, "SDIFF a few few few few few few few few few"); // from a copy
    assert_int_equal(r->count, n - 10);
    kora_reply_free(r);
    check_stripes(db);
    sprintf(line, ":%d", n + n / 2);
    expect_reply(db, NULL, "SUNIONSTORE c a b", line);
    sprintf(line, "SPOP c %d", n);
    r = run(db, NULL, line);
    assert_int_equal(r->count, n);
    kora_reply_free(r);
    check_stripes(db);
    sprintf(line, "SPOP c %d", n / 20); // few of many
    r = run(db, NULL, line);
    assert_int_equal(r->count, n / 20);
    kora_reply_free(r);
    check_stripes(db);
    expect_reply(db, NULL, "DEL a b c few", ":4");
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
    size_t added, calls = 0;
    if (!lease_try(&db->engine->leases[0])) assert_true(lease_wait(&db->engine->leases[0]));
    txn_begin(&t, common);
    key_locate(common, &k, 0, SLICE("k"));
    value_detach(&v, TYPE_SET, &t, &k);
    for (int i = 0; i < MEMBERS; i++) {
        char text[32];
        struct slice s = { text, (size_t)sprintf(text, "the member %d", i) };
        assert_int_equal(set_add(&v, &s, 1, &added), KORA_OK);
        assert_int_equal(added, 1);
    }
    struct slab *nodes = value_nodes(&v);
    size_t before = slab_usage(nodes).used;
    assert_int_equal(value_kind_set.memory(v.root), before);
    value_kind_set.check(&v);
    for (;; calls++) {
        size_t used = slab_usage(nodes).used;
        bool done = value_kind_set.free(nodes, v.root, BUDGET);
        if (done) break;
        assert_true(used - slab_usage(nodes).used < before * 2 * BUDGET / MEMBERS);
    }
    assert_true(calls > MEMBERS / BUDGET / 2);
    assert_int_equal(slab_usage(nodes).used, 0);
    lease_release(&db->engine->leases[0]);
    assert_ok(kora_close(db));
}

// ---- chance ------------------------------------------------------------------------------------------------------------------------

enum { CHOICES = 100, DRAWN = 200 }; // each is drawn about so often

static void count_choices(kora *db, const char *line, const char *prefix, uint64_t times, uint64_t *seen) {
    for (uint64_t i = 0; i < times; i++) {
        kora_reply *r = run(db, NULL, line);
        const kora_reply *one = r->type == KORA_REPLY_STRING ? r : r->elements;
        for (size_t k = 0, n = r->type == KORA_REPLY_STRING ? 1 : r->count; k < n; k++) seen[atoi(one[k].str + strlen(prefix))]++;
        kora_reply_free(r);
    }
}

static void expect_even(const uint64_t *seen, const char *what) {
    for (int i = 0; i < CHOICES; i++) {
        // Six standard deviations and more.
        if (seen[i] < DRAWN / 2 || seen[i] > DRAWN * 3 / 2) fail_msg("%s: member %d was drawn %llu times instead of %d", what, i, (unsigned long long)seen[i], DRAWN);
    }
}

static void test_chance(void **state) {
    (void)state;
    static const char *const prefixes[] = { "", "m", "m" };
    static const struct {
        const char *line;
        uint64_t each;
    } draws[] = { { "SRANDMEMBER s", 1 }, { "SRANDMEMBER s 5", 5 }, { "SRANDMEMBER s 40", 40 }, { "SRANDMEMBER s -50", 50 }, { "SRANDMEMBER s 99", 99 } };
    if (slow()) skip();
    for (int form = 0; form < 3; form++) {
        kora *db = open_db(1, 1);
        char line[64];
        if (form == 2) set_limits(db, 0, 0, 0);
        for (int i = 0; i < CHOICES; i++) {
            sprintf(line, "SADD s %s%d", prefixes[form], i);
            expect_reply(db, NULL, line, ":1");
        }
        expect_reply(db, NULL, "OBJECT ENCODING s", form == 0 ? "intset" : form == 1 ? "listpack" : "hashtable");
        for (size_t d = 0; d < ARRAY_LEN(draws); d++) {
            uint64_t seen[CHOICES] = { 0 };
            count_choices(db, draws[d].line, prefixes[form], CHOICES * DRAWN / draws[d].each, seen);
            if (draws[d].each < 99) expect_even(seen, draws[d].line);
        }
        uint64_t popped[CHOICES] = { 0 };
        for (int i = 0; i < CHOICES * DRAWN / 25; i++) {
            kora_reply_free(run(db, NULL, "SUNIONSTORE t s"));
            count_choices(db, i % 2 ? "SPOP t 24" : "SPOP t", prefixes[form], i % 2 ? 2 : 2, popped);
        }
        expect_even(popped, "SPOP");
        assert_ok(kora_close(db));
    }
}

// ---- out of memory -------------------------------------------------------------------------------------------------------------------

static const char *const oom_keys[] = { "ints", "ints2", "packed", "full", "root", "root2", "large", "large2", "str", "new" };

struct oom {
    kora *db;
    uint64_t effects;
    bool failed; // an allocation did
};

static void count_effect(void *arg_, const struct effect *e) {
    (void)e;
    ((struct oom *)arg_)->effects++;
}

static void oom_prepare(struct oom *w, bool wants_effects) {
    static const char *const lines[] = { "SADD ints 1 2 3 4 5 6 7", "SADD ints2 5 6 7 8", "SADD packed a b c 1 2", "SADD full a b c d e f g h", "SET str v",
        "SADD root 1 2 3 a b c aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "SADD root2 3 c x bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" };
    w->db = open_db(1, 2);
    w->effects = 0;
    w->failed = false;
    set_limits(w->db, 7, 8, 40);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) kora_reply_free(run(w->db, NULL, lines[i]));
    add_range(w->db, "root2", 0, 300);
    set_limits(w->db, 1000, 3000, 40);
    add_range(w->db, "large", 0, 255);
    for (int i = 0; i < 4; i++) add_range(w->db, "large", 255 * (i + 1), 255 * (i + 2)); // more than an entry holds
    kora_reply_free(run(w->db, NULL, "COPY large large2"));
    set_limits(w->db, 7, 8, 40);
    if (wants_effects) w->db->engine->common.effects = (struct effect_sink){ .fn = count_effect, .arg = w };
}

// All members of all keys as one text.
static struct buf oom_state(kora *db) {
    struct buf b = { 0 };
    char line[64];
    for (size_t i = 0; i < ARRAY_LEN(oom_keys); i++) {
        sprintf(line, "SMEMBERS %s", oom_keys[i]);
        kora_reply *r = run(db, NULL, line);
        const char **members = malloc((r->count + 1) * sizeof *members);
        for (size_t k = 0; k < r->count; k++) members[k] = r->elements[k].str;
        if (r->count) qsort(members, r->count, sizeof *members, by_text);
        buf_printf(&b, "%s:", oom_keys[i]);
        for (size_t k = 0; k < r->count; k++) buf_printf(&b, " %s", members[k]);
        free((void *)members);
        kora_reply_free(r);
    }
    buf_append_char(&b, '\0');
    return b;
}

static size_t words_in(const char *p) {
    size_t n = 0;
    for (; *p; p++) n += *p == ' ';
    return n;
}

// Whether the call was refused for want of memory. The tree of a reply with elements is made after the call: of those that change something no
// reply is asked for, and what they did is seen by the members that are left.
static bool oom_refused(struct oom *w, const char *line, const struct buf *before, long n, bool forever) {
    bool pop = strncmp(line, "SPOP", 4) == 0 && strrchr(line, ' ') != strchr(line, ' ');
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
    if (pop) {
        refused = same;
        if (!same) assert_int_equal(words_in(before->p) - words_in(after.p), atoi(strrchr(line, ' ')));
    }
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
    bool refused = oom_refused(&w, line, &before, n, forever);
    if (refused) {
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
        "SADD new 1", "SADD new a", "SADD new 1 2 3", "SADD new 1 2 3 a b", "SADD new 1 2 3 4 5 6 7 8 9 10", "SADD new ccccccccccccccccccccccccccccccccccccccccccccccc",
        "SADD ints 8", "SADD ints a", "SADD ints2 9", "SADD ints2 a", "SADD ints2 9 10 a b 11 c d e f", "SADD packed d", "SADD packed d e f g h i j k",
        "SADD packed ccccccccccccccccccccccccccccccccccccccccccccccc", "SADD full i", "SADD root n", "SADD root n1 n2 n3 n4 n5 n6 n7 n8", "SADD large2 n",
        "SREM ints 1", "SREM packed a", "SREM root a b", "SREM large2 member:7", "SREM large member:7 member:8", "SREM packed a b c 1 2",
        "SMOVE ints root 1", "SMOVE root ints a", "SMOVE root ints2 a", "SMOVE large2 root member:3", "SMOVE full new a", "SMOVE packed full 1", "SMOVE large large2 member:3",
        "SPOP ints", "SPOP packed", "SPOP root", "SPOP large2", "SPOP ints 3", "SPOP packed 4", "SPOP root 5", "SPOP root2 100", "SPOP root2 304", "SPOP large2 40", "SPOP packed 5", "SPOP large 1275",
        "SINTER root root2", "SUNION root root2 large", "SUNION root root2 large ints full packed", "SDIFF root2 root", "SDIFF root2 ints ints ints ints ints ints packed root",
        "SRANDMEMBER root2 100", "SRANDMEMBER root2 20", "SRANDMEMBER root2 -100", "SMEMBERS large", "SSCAN root2 0 COUNT 100",
        "SINTERSTORE new root root2", "SUNIONSTORE new root root2", "SUNIONSTORE str ints ints2", "SDIFFSTORE root2 root2 root", "SUNIONSTORE root large root2 ints packed",
        "SDIFFSTORE new large ints ints ints ints ints ints ints packed", "SINTERSTORE packed ints ints2", "SUNIONSTORE ints ints", "SINTERSTORE root ints str2", "SINTERCARD 2 root root2",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i += slow() && !long_form() ? 5 : 1) {
        for (int how = 0; how < 4; how++) {
            if (!long_form() && (how + (int)i) % 4 > 1) continue;
            long n = 1;
            while (oom_fail_one(lines[i], n, how & 1, how & 2)) n += long_form() || n < 40 ? 1 : 1 + n / 10;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_large), cmocka_unit_test(test_freeing), cmocka_unit_test(test_chance), cmocka_unit_test(test_oom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
