// SORT with STORE, at random, with allocations failing: what a second database becomes by the effects alone is what the first one is. So the result is told
// by its elements, nothing is done without its effect, and a command that has failed has changed nothing.
#include "unit/api.h"

enum { DIVISIONS = 4 };

struct world {
    kora *db, *replica;
    struct test_clock clock;
    struct random r;
    struct kept_effects kept;
    uint64_t stored, refused;
};

static size_t below(struct world *w, size_t n) { return (size_t)random_below(&w->r, n); }

// All that there is. Members of sets in order.
static void text_of(kora *db, struct buf *b) {
    static const char *const asked[] = { "TYPE l", "LRANGE l 0 -1", "SORT s ALPHA", "ZRANGE z 0 -1 WITHSCORES", "TYPE d0", "LRANGE d0 0 -1", "TYPE d1", "LRANGE d1 0 -1",
        "PEXPIRETIME d0", "PEXPIRETIME d1", "GET d0", "GET d1", "MGET w1 w2 w3 w4 w5 w6 w7 w8 w9" };
    for (size_t k = 0; k < ARRAY_LEN(asked); k++) {
        kora_reply *r = run(db, NULL, asked[k]);
        describe(r, b);
        buf_append_char(b, '\n');
        kora_reply_free(r);
    }
    buf_append_char(b, '\0');
}

static void compare(struct world *w, const char *line) {
    struct buf a = { 0 }, b = { 0 };
    text_of(w->db, &a);
    text_of(w->replica, &b);
    if (strcmp(a.p, b.p) != 0) fail_msg("after %s\n%s\nby effects\n%s", line, a.p, b.p);
    buf_free(&a);
    buf_free(&b);
}

static char *make_elements(struct world *w, char *at, const char *before) {
    for (size_t n = 1 + (below(w, 8) ? below(w, 5) : below(w, 29)); n > 0; n--) at += sprintf(at, "%s %d", before, (int)below(w, 60));
    return at;
}

static void make_sort(struct world *w, char *at) {
    static const char *const from[] = { "l", "s", "z", "none", "d0" }, *const by[] = { "", "", " BY w*", " BY nosort", " BY w* ALPHA", " ALPHA" };
    at += sprintf(at, "SORT %s%s", from[below(w, ARRAY_LEN(from))], by[below(w, ARRAY_LEN(by))]);
    if (below(w, 2)) at += sprintf(at, " GET w*");
    if (below(w, 3) == 0) at += sprintf(at, " GET #");
    if (below(w, 3) == 0) at += sprintf(at, " LIMIT %d %d", (int)below(w, 3), (int)below(w, 9));
    if (below(w, 2)) at += sprintf(at, " DESC");
    sprintf(at, " STORE d%d", (int)below(w, 2));
}

static void make_line(struct world *w, char *line) {
    switch (below(w, 16)) {
    case 0: make_elements(w, line + sprintf(line, "RPUSH l"), ""); break;
    case 1: make_elements(w, line + sprintf(line, "SADD s"), ""); break;
    case 2: make_elements(w, line + sprintf(line, "ZADD z"), " 1"); break;
    case 3:
    case 4: sprintf(line, "SET w%d %d", (int)below(w, 10), (int)below(w, 100)); break;
    case 5: sprintf(line, "PEXPIRE w%d %d", (int)below(w, 10), 1 + (int)below(w, 300)); break;
    case 6: sprintf(line, "PEXPIRE d%d %d", (int)below(w, 2), 1 + (int)below(w, 300)); break;
    case 7: sprintf(line, below(w, 3) ? "LTRIM l 0 5" : "DEL l s z"); break;
    case 8: sprintf(line, "SET d%d string", (int)below(w, 2)); break;
    default: make_sort(w, line); break;
    }
}

static void step(struct world *w, bool faults) {
    char line[1024];
    kora_reply *r = NULL;
    make_line(w, line);
    atomic_fetch_add(&w->clock.ms, (int64_t)below(w, 10));
    if (faults && below(w, 2)) slab_fail(1 + (long)below(w, 4), below(w, 2));
    else if (faults) mem_fail(1 + (long)below(w, 12), below(w, 2));
    int status = run_status(w->db, NULL, line, &r);
    slab_fail(0, false);
    mem_fail(0, false);
    bool oom = status == KORA_NOMEM || (r && r->type == KORA_REPLY_ERROR && strstr(r->str, "OOM "));
    if (!oom) assert_ok(status);
    bool stores = strncmp(line, "SORT", 4) == 0;
    if (stores && !oom && r->type != KORA_REPLY_ERROR) assert_true(w->kept.n > 0 || r->integer == 0);
    w->stored += stores && !oom && w->kept.n > 0;
    w->refused += stores && oom;
    for (size_t i = 0; oom && i < w->kept.n; i++) assert_true(slice_is_word(w->kept.e[i].argv[0], "del")); // of what had expired
    kora_reply_free(r);
    check_effect_stripes(w->db, &w->kept);
    for (size_t i = 0; i < w->kept.n; i++) assert_false(slice_is_word(w->kept.e[i].argv[0], "sort"));
    replay_effects(&w->kept, w->replica);
    compare(w, line);
}

static void run_world(uint64_t seed, int steps, bool faults, const char *size) {
    struct world *w = calloc(1, sizeof *w);
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = 1;
    o.stripes = DIVISIONS;
    o.databases = 1;
    random_seed(&w->r, seed);
    atomic_store(&w->clock.ms, 1700000000000);
    assert_ok(kora_open(NULL, &o, &w->db));
    assert_ok(kora_open(NULL, &o, &w->replica));
    use_clock(w->db, &w->clock);
    use_clock(w->replica, &w->clock);
    keep_effects(w->db, &w->kept);
    atomic_store(&w->db->engine->common.settings.active_expire, 0);
    atomic_store(&w->replica->engine->common.settings.active_expire, 0);
    assert_ok(kora_config_set(w->db, "list-max-listpack-size", size, NULL, 0));
    assert_ok(kora_config_set(w->db, "set-max-listpack-entries", size, NULL, 0));
    for (int i = 0; i < steps; i++) {
        step(w, faults);
        if (i % 20 == 0) check_stripes(w->db);
    }
    assert_true(w->stored > (uint64_t)steps / 10);
    if (faults) assert_true(w->refused > (uint64_t)steps / 20);
    check_stripes(w->db);
    check_stripes(w->replica);
    assert_ok(kora_close(w->db));
    assert_ok(kora_close(w->replica));
    free(w);
}

static void test_effects(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    int steps = long_form() ? 200000 : slow() ? 800 : 2500;
    static const char *const sizes[] = { "128", "4" };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        run_world(seed + i, steps, false, sizes[i]);
        run_world(seed + 10 + i, steps, true, sizes[i]);
    }
}

// SORT without STORE, each of its allocations failing: an error, and then it works.
static void test_out_of_memory(void **state) {
    (void)state;
    static const char *const lines[] = { "SORT l", "SORT l BY w* GET w* GET h*->f GET # GET a* GET b*", "SORT l ALPHA LIMIT 0 3", "SORT l BY w* ALPHA", "SORT l BY nosort GET h*->f",
        "SORT_RO l BY h*->f", "SORT s", "SORT z BY nosort LIMIT 1 2" };
    struct world *w = calloc(1, sizeof *w);
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = 1;
    o.stripes = DIVISIONS;
    assert_ok(kora_open(NULL, &o, &w->db));
    kora_reply_free(run(w->db, NULL, "RPUSH l 3 1 2 10 7"));
    kora_reply_free(run(w->db, NULL, "SADD s 3 1 2"));
    kora_reply_free(run(w->db, NULL, "ZADD z 1 3 2 1 3 2"));
    kora_reply_free(run(w->db, NULL, "MSET w1 5 w2 7 w3 1 w10 100"));
    kora_reply_free(run(w->db, NULL, "HSET h1 f 8 g 9"));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct buf wanted = { 0 }, got = { 0 };
        kora_reply *r = run(w->db, NULL, lines[i]);
        describe(r, &wanted);
        kora_reply_free(r);
        int refused = 0;
        for (long nth = 1;; nth++) {
            r = NULL;
            mem_fail(nth, nth % 2);
            int status = run_status(w->db, NULL, lines[i], &r);
            bool failed = mem_fail_left() <= 0;
            mem_fail(0, false);
            bool oom = status == KORA_NOMEM || (r && r->type == KORA_REPLY_ERROR);
            if (!oom) {
                buf_clear(&got);
                describe(r, &got);
                assert_memory_equal(got.p, wanted.p, wanted.n);
            }
            refused += oom;
            kora_reply_free(r);
            if (!failed) break;
        }
        assert_true(refused >= 2);
        buf_free(&wanted);
        buf_free(&got);
    }
    assert_ok(kora_close(w->db));
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_effects), cmocka_unit_test(test_out_of_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
