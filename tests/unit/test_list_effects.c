// Commands on lists, at random, with allocations failing: what a second database becomes by the effects alone is what the first one is. So effects say all
// that was done, nothing is done without its effect, and a command that has failed has changed nothing.
#include "unit/api.h"

enum { KEYS = 6 };

struct world {
    kora *db, *replica;
    struct test_clock clock;
    struct random r;
    struct kept_effects kept;
    uint64_t done, refused;
};

static size_t below(struct world *w, size_t n) { return (size_t)random_below(&w->r, n); }

static void text_of(kora *db, struct buf *b) {
    for (int i = 0; i < KEYS; i++) {
        static const char *const asked[] = { "TYPE k%d", "LRANGE k%d 0 -1", "GET k%d", "PEXPIRETIME k%d" };
        for (size_t k = 0; k < ARRAY_LEN(asked); k++) {
            char line[64];
            sprintf(line, asked[k], i);
            kora_reply *r = run(db, NULL, line);
            describe(r, b);
            buf_append_char(b, '\n');
            kora_reply_free(r);
        }
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

static const char *element(struct world *w) {
    static const char *const some[] = { "a", "b", "c", "1", "-5", "4096", "xxxxxxxxxxxxxxxxxxxx", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy" };
    return some[below(w, ARRAY_LEN(some))];
}

static void make_line(struct world *w, char *line) {
    static const char *const ends[] = { "LEFT", "RIGHT" };
    char *at = line;
    int k = (int)below(w, KEYS), other = (int)below(w, KEYS);
    switch (below(w, 20)) {
    case 0: sprintf(line, "%s k%d %d", below(w, 2) ? "LPOP" : "RPOP", k, (int)below(w, 5)); break;
    case 1: sprintf(line, "%s k%d", below(w, 2) ? "LPOP" : "RPOP", k); break;
    case 2: sprintf(line, "LSET k%d %d %s", k, (int)below(w, 9) - 4, element(w)); break;
    case 3:
    case 4: sprintf(line, "LINSERT k%d %s %s %s", k, below(w, 2) ? "BEFORE" : "AFTER", element(w), element(w)); break;
    case 5: sprintf(line, "LREM k%d %d %s", k, (int)below(w, 7) - 3, element(w)); break;
    case 6: sprintf(line, "LTRIM k%d %d %d", k, (int)below(w, 3), -(int)below(w, 4)); break;
    case 7:
    case 8:
    case 9: sprintf(line, "LMOVE k%d k%d %s %s", k, other, ends[below(w, 2)], ends[below(w, 2)]); break;
    case 10: sprintf(line, "RPOPLPUSH k%d k%d", k, other); break;
    case 11: sprintf(line, "LMPOP 3 k%d k%d k%d %s COUNT %d", k, other, (int)below(w, KEYS), ends[below(w, 2)], 1 + (int)below(w, 4)); break;
    case 12: sprintf(line, "PEXPIRE k%d %d", k, 1 + (int)below(w, 300)); break;
    case 13: sprintf(line, below(w, 4) ? "PERSIST k%d" : "SET k%d string", k); break;
    default:
        at += sprintf(at, "%s%s k%d", below(w, 2) ? "LPUSH" : "RPUSH", below(w, 5) ? "" : "X", k);
        for (size_t n = 1 + below(w, 6); n > 0; n--) at += sprintf(at, " %s", element(w));
        break;
    }
}

static void step(struct world *w, bool faults) {
    char line[1024];
    kora_reply *r = NULL;
    make_line(w, line);
    atomic_fetch_add(&w->clock.ms, (int64_t)below(w, 10));
    if (faults && below(w, 2)) slab_fail(1 + (long)below(w, 4), below(w, 2));
    else if (faults) mem_fail(1 + (long)below(w, 6), below(w, 2));
    // The tree of an array is made after the command has run, and may find no memory either: such replies are not asked for.
    bool array = strncmp(line, "LMPOP", 5) == 0 || (strncmp(line + 1, "POP k", 5) == 0 && line[7]);
    int status = run_status(w->db, NULL, line, faults && array ? NULL : &r);
    slab_fail(0, false);
    mem_fail(0, false);
    bool oom = status == KORA_NOMEM || (r && r->type == KORA_REPLY_ERROR && strstr(r->str, "OOM "));
    if (!oom) assert_ok(status);
    w->done += !oom && w->kept.n > 0;
    w->refused += oom;
    for (size_t i = 0; oom && i < w->kept.n; i++) assert_true(slice_is_word(w->kept.e[i].argv[0], "del")); // of what had expired
    kora_reply_free(r);
    check_effect_stripes(w->db, &w->kept);
    replay_effects(&w->kept, w->replica);
    compare(w, line);
}

static void run_world(uint64_t seed, int steps, bool faults, const char *size) {
    struct world *w = calloc(1, sizeof *w);
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = 1;
    o.stripes = 4;
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
    for (int i = 0; i < steps; i++) {
        step(w, faults);
        if (i % 20 == 0) check_stripes(w->db);
    }
    assert_true(w->done > (uint64_t)steps / 10);
    if (faults) assert_true(w->refused > (uint64_t)steps / 10);
    check_stripes(w->db);
    check_stripes(w->replica);
    assert_ok(kora_close(w->db));
    assert_ok(kora_close(w->replica));
    free(w);
}

static void test_effects(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    int steps = long_form() ? 200000 : slow() ? 1000 : 3000;
    static const char *const sizes[] = { "-2", "1", "4" };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        run_world(seed + i, steps, false, sizes[i]);
        run_world(seed + 10 + i, steps, true, sizes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_effects) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
