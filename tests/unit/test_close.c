// Closing with calls in flight, opening and closing again and again, databases beside each other, and a slow call beside quick ones.
#include "unit/api.h"

#include <dirent.h>
#include <unistd.h>

// ---- one stripe that somebody holds ------------------------------------------------------------------------------------------------

struct holder { // holds the lease of a stripe until it is told to let go
    kora *db;
    uint32_t stripe;
    _Atomic bool held, let_go;
    pthread_t thread;
};

static void *hold_stripe(void *arg) {
    struct holder *h = arg;
    struct lease *l = &h->db->engine->leases[h->stripe];
    assert_ok(api_enter(h->db));
    if (!lease_try(l)) assert_true(lease_wait(l));
    atomic_store(&h->held, true);
    while (!atomic_load(&h->let_go)) sleep_ms(1);
    lease_release(l);
    api_leave(h->db);
    return NULL;
}

static void hold(struct holder *h, kora *db, const char *key) {
    *h = (struct holder){ .db = db, .stripe = stripe_of(db, key) };
    h->thread = spawn(hold_stripe, h);
    wait_until(atomic_load(&h->held));
}

static uint64_t waits_at(kora *db, uint32_t stripe) { return atomic_load(&db->engine->leases[stripe].waits); }

// Host threads that have begun a call, and not ended it: closing may begin then, as no more may come.
static uint32_t calls_inside(kora *db) {
    uint32_t n = atomic_load(&db->owner->shared_gate.inside);
    for (int i = 0; i < GATES; i++) n += atomic_load(&db->owner->gates[i].inside);
    return n;
}

// Until nobody moves any more.
static void settle(kora *db) {
    kora_stats s = KORA_STATS_INIT, before;
    do {
        assert_ok(kora_get_stats(db, &s));
        before = s;
        sleep_ms(3);
        assert_ok(kora_get_stats(db, &s));
    } while (s.waits != before.waits || s.commands != before.commands);
}

// ---- calls that wait, each of another kind ---------------------------------------------------------------------------------------

enum { KINDS = 23, FLUSHES = 16, SWAPS = 20 };

static int call_about(kora *db, int kind) {
    void *p;
    size_t n;
    int64_t i;
    char buffer[64];
    kora_value values[3];
    kora_bytes keys[] = { { "a", 1 }, { "k", 1 }, { "z", 1 } };
    kora_pinned pin;
    int status;
    switch (kind) {
    case 0: return put(db, "k", "new");
    case 1:
        status = kora_get(db, LIT("k"), &p, &n);
        if (status == KORA_OK) kora_free(p);
        return status;
    case 2: return kora_get_into(db, LIT("k"), buffer, sizeof buffer, &n);
    case 3: return kora_del(db, LIT("k"));
    case 4: return kora_exists(db, LIT("k"));
    case 5: return kora_incr(db, LIT("k"), 1, &i);
    case 6: return kora_cas(db, LIT("k"), LIT("1"), LIT("2"), NULL);
    case 7: return kora_expire(db, LIT("k"), 100000, 0);
    case 8: return kora_expire_at(db, LIT("k"), INT64_MAX, 0);
    case 9: return kora_persist(db, LIT("k"));
    case 10: return kora_ttl(db, LIT("k"), &i);
    case 11: return kora_get_many(db, keys, 3, values, buffer, sizeof buffer, &n);
    case 12: return kora_set_many(db, keys, keys, 3, 0);
    case 13: return kora_del_many(db, keys, 3, &n);
    case 14: return run_status(db, NULL, "GET k", NULL);
    case 15: return run_status(db, NULL, "MSET z 1 k 2 y 3 x 4 w 5 v 6", NULL);
    case FLUSHES: return run_status(db, NULL, "FLUSHALL", NULL);
    case 17: return run_status(db, NULL, "KEYS *", NULL);
    case 18: return run_status(db, NULL, "RENAME k a", NULL);
    case 19: return run_status(db, NULL, "SCAN 0 COUNT 100000", NULL);
    case SWAPS: return run_status(db, NULL, "SWAPDB 0 1", NULL);
    case 21: return run_status(db, NULL, "COPY a k", NULL);
    default:
        status = kora_pin(db, LIT("k"), &pin);
        if (status == KORA_OK) kora_unpin(db, &pin);
        return status;
    }
}

struct caller {
    kora *db;
    int kind;
    _Atomic bool done;
    int status;
    pthread_t thread;
};

static void *call_once(void *arg) {
    struct caller *c = arg;
    c->status = call_about(c->db, c->kind);
    atomic_store(&c->done, true);
    return NULL;
}

struct answer {
    _Atomic int calls, status;
};

static void on_done(void *arg, int status, kora_reply *reply) {
    struct answer *a = arg;
    atomic_store(&a->status, status);
    if ((status == KORA_OK) != (reply != NULL)) atomic_store(&a->status, -1);
    kora_reply_free(reply);
    atomic_fetch_add(&a->calls, 1);
}

static const char *const submitted[] = { "GET k", "SET k v", "MSET z 1 k 2 y 3 x 4 w 5 v 6", "FLUSHALL", "KEYS *", "DEL a k", "PING",
    "SCAN 0 COUNT 10000", "DBSIZE" };
enum { SUBMITTED = ARRAY_LEN(submitted) };

static void submit(kora *db, const char *line, struct answer *a) {
    char copy[128];
    const char *words[WORDS_MAX];
    int n = split(copy, line, words);
    assert_ok(kora_submit(db, n, words, NULL, on_done, a));
}

static void *close_there(void *arg) {
    int status = kora_close(arg);
    return (void *)(uintptr_t)status;
}

// Closed, or what it is if it came first when the lease was let go.
static bool answered(int status) {
    return status == KORA_CLOSED || status == KORA_OK || status == KORA_NOTFOUND || status == KORA_NOTSET || status == KORA_NOTINT;
}

// All sorts of calls wait for one stripe; each is answered, once, that the database is being closed.
static void close_while_waiting(uint32_t shards, uint32_t stripes) {
    kora *db = open_db(shards, stripes);
    struct holder h;
    struct caller callers[KINDS];
    struct answer answers[SUBMITTED] = { { 0, 0 } };
    assert_ok(put(db, "k", "1"));
    hold(&h, db, "k");
    for (int i = 0; i < KINDS; i++) {
        callers[i] = (struct caller){ .db = i % 2 ? db : kora_database(db, 0), .kind = i };
        callers[i].thread = spawn(call_once, &callers[i]);
    }
    for (int i = 0; i < SUBMITTED; i++) submit(db, submitted[i], &answers[i]);
    wait_until(calls_inside(db) == KINDS + 1); // and the holder
    settle(db);
    for (int i = 0; i < KINDS; i++) assert_false(atomic_load(&callers[i].done));
    pthread_t closer = spawn(close_there, db);
    wait_until(engine_closes(db->engine));
    atomic_store(&h.let_go, true);
    pthread_join(h.thread, NULL);
    for (int i = 0; i < KINDS; i++) pthread_join(callers[i].thread, NULL);
    void *status;
    pthread_join(closer, &status);
    assert_status((int)(uintptr_t)status, KORA_OK);
    for (int i = 0; i < KINDS; i++) {
        if (!answered(callers[i].status)) fail_msg("call %d: %s", i, kora_status_name(callers[i].status));
    }
    for (int i = 0; i < SUBMITTED; i++) {
        assert_int_equal(atomic_load(&answers[i].calls), 1);
        int s = atomic_load(&answers[i].status);
        if (strcmp(submitted[i], "PING") == 0) assert_status(s, KORA_OK);
        assert_true(s == KORA_OK || s == KORA_CLOSED);
    }
}

// A call about all stripes has let go of those below the one that it waits for. These are closed first, so it is too late.
static void close_below(int kind) {
    kora *db = open_db(2, 16);
    struct holder h;
    struct caller caller = { .db = db, .kind = kind };
    struct answer answer = { 0, 0 };
    char key[16] = "k";
    for (int i = 0; stripe_of(db, key) == 0; i++) snprintf(key, sizeof key, "k%d", i);
    hold(&h, db, key);
    if (kind) caller.thread = spawn(call_once, &caller);
    else submit(db, "FLUSHALL", &answer);
    wait_until(waits_at(db, h.stripe) == 1);
    pthread_t closer = spawn(close_there, db);
    wait_until(atomic_load(&db->engine->leases[h.stripe - 1].word) == LEASE_CLOSED);
    assert_false(atomic_load(&caller.done));
    assert_int_equal(atomic_load(&answer.calls), 0);
    atomic_store(&h.let_go, true);
    pthread_join(h.thread, NULL);
    if (kind) pthread_join(caller.thread, NULL);
    pthread_join(closer, NULL);
    if (kind) assert_status(caller.status, KORA_CLOSED);
    else assert_status(atomic_load(&answer.status), KORA_CLOSED);
    assert_int_equal(atomic_load(&answer.calls), kind == 0);
}

static void test_close_below(void **state) {
    (void)state;
    static const int kinds[] = { 0, FLUSHES, SWAPS };
    for (int i = 0; i < 30; i++) close_below(kinds[i % 3]);
}

static void test_close_waiting(void **state) {
    (void)state;
    for (int i = 0; i < (long_form() ? 100 : 5); i++) {
        close_while_waiting(1, 4);
        close_while_waiting(2, 1);
        close_while_waiting(3, 64);
    }
}

// The same behind a command that holds its stripe.
static void test_close_sleep(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    struct caller callers[6];
    struct answer sleeper = { 0, 0 }, behind = { 0, 0 };
    uint32_t stripe = stripe_of(db, "k");
    assert_ok(kora_config_set(db, "enable-debug-command", "yes", NULL, 0));
    submit(db, "DEBUG SLEEP 0.3 KEY k", &sleeper);
    wait_until(atomic_load(&db->engine->leases[stripe].word) != LEASE_FREE);
    for (int i = 0; i < 6; i++) {
        callers[i] = (struct caller){ .db = db, .kind = 3 * i };
        callers[i].thread = spawn(call_once, &callers[i]);
    }
    submit(db, "GET k", &behind);
    wait_until(calls_inside(db) == 6);
    assert_ok(kora_close(db));
    for (int i = 0; i < 6; i++) {
        pthread_join(callers[i].thread, NULL);
        assert_true(answered(callers[i].status));
    }
    assert_int_equal(atomic_load(&sleeper.calls), 1);
    assert_status(atomic_load(&sleeper.status), KORA_OK); // it ran, so it is waited for
    assert_int_equal(atomic_load(&behind.calls), 1);
}

// Calls that are copying a large value without the lease when the database is closed under them.
enum { COPIERS = 4, LARGE = 32 << 20 };

struct copier {
    kora *db;
    int kind;
    bool good;
    const char *value;
    char *buffer;
    pthread_t thread;
};

static void *copy_value(void *arg) {
    struct copier *c = arg;
    void *p = NULL;
    size_t n = 0;
    kora_reply *r = NULL;
    int status;
    switch (c->kind % 3) {
    case 0: status = kora_get(c->db, LIT("k"), &p, &n); break;
    case 1: status = kora_get_into(c->db, LIT("k"), c->buffer, LARGE, &n); break;
    default:
        status = run_status(c->db, NULL, "GET k", &r);
        n = r ? r->len : 0;
        break;
    }
    const char *got = p ? p : r ? r->str : c->buffer;
    c->good = status == KORA_CLOSED || (status == KORA_OK && n == LARGE && memcmp(got, c->value, LARGE) == 0);
    kora_free(p);
    kora_reply_free(r);
    return NULL;
}

static void test_close_copying(void **state) {
    (void)state;
    char *v = malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++) v[i] = (char)(i * 31 >> 7);
    char *buffers = malloc((size_t)COPIERS * LARGE);
    for (int round = 0; round < (long_form() ? 100 : 5); round++) {
        kora *db = open_db(1, 1);
        struct copier c[COPIERS];
        kora_stats s = KORA_STATS_INIT;
        assert_ok(kora_set(db, LIT("k"), v, LARGE, NULL));
        for (int i = 0; i < COPIERS; i++) {
            c[i] = (struct copier){ .db = db, .kind = i % 2, .value = v, .buffer = buffers + (size_t)i * LARGE };
            c[i].thread = spawn(copy_value, &c[i]);
        }
        do assert_ok(kora_get_stats(db, &s)); // until all have begun
        while (s.commands < 1 + COPIERS);
        assert_ok(kora_close(db));
        for (int i = 0; i < COPIERS; i++) {
            pthread_join(c[i].thread, NULL);
            assert_true(c[i].good);
        }
    }
    free(buffers);
    free(v);
}

// A close that meets calls which give something out: either they are too late, or the close is.
static void *take_something(void *arg) {
    struct caller *c = arg;
    kora_session *session;
    kora_iter *iter;
    kora_pinned pin;
    switch (c->kind % 3) {
    case 0: c->status = kora_session_open(c->db, &session); break;
    case 1: c->status = kora_iter_open(c->db, NULL, 0, &iter); break;
    default: c->status = kora_pin(c->db, LIT("k"), &pin); break;
    }
    atomic_store(&c->done, true);
    if (c->status != KORA_OK) return NULL;
    // If it was given out, the database is there until it is back.
    expect(c->db, "k", "1");
    if (c->kind % 3 == 2) assert_memory_equal(pin.data, "1", 1);
    switch (c->kind % 3) {
    case 0: kora_session_close(session); break;
    case 1: kora_iter_close(iter); break;
    default: kora_unpin(c->db, &pin); break;
    }
    return NULL;
}

static void test_close_handles(void **state) {
    (void)state;
    for (int round = 0; round < (long_form() ? 5000 : slow() ? 60 : 300); round++) {
        kora *db = open_db(1, 1);
        struct holder h;
        struct caller c = { .db = db, .kind = round };
        assert_ok(put(db, "k", "1"));
        if (round % 3 == 2) { // it is on its way when the close begins
            hold(&h, db, "k");
            c.thread = spawn(take_something, &c);
            wait_until(waits_at(db, 0));
            pthread_t closer = spawn(close_there, db);
            wait_until(engine_closes(db->engine));
            atomic_store(&h.let_go, true);
            pthread_join(h.thread, NULL);
            void *status;
            pthread_join(closer, &status);
            pthread_join(c.thread, NULL);
            assert_status((int)(uintptr_t)status, KORA_OK);
            assert_status(c.status, KORA_CLOSED);
            continue;
        }
        c.thread = spawn(take_something, &c);
        while (!atomic_load(&c.done)) {}
        int status;
        while ((status = kora_close(db)) == KORA_BUSY) sched_yield();
        assert_ok(status);
        pthread_join(c.thread, NULL);
    }
}

static void test_busy(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    kora_session *session;
    kora_iter *iter;
    kora_pinned pin;
    assert_ok(put(db, "k", "1"));
    for (int i = 0; i < 3; i++) {
        switch (i) {
        case 0: assert_ok(kora_session_open(db, &session)); break;
        case 1: assert_ok(kora_iter_open(kora_database(db, 2), NULL, 0, &iter)); break;
        case 2: assert_ok(kora_pin(db, LIT("k"), &pin)); break;
        }
        for (int k = 0; k < 3; k++) {
            assert_status(kora_close(db), KORA_BUSY);
            assert_ok(put(db, "k", "1")); // nothing was done
            expect_reply(db, NULL, "GET k", "1");
        }
        switch (i) {
        case 0: kora_session_close(session); break;
        case 1: kora_iter_close(iter); break;
        case 2: kora_unpin(db, &pin); break;
        }
    }
    assert_ok(kora_close(db));
}

// ---- a storm of everything, then close ----------------------------------------------------------------------------------------------

static void test_close_storm(void **state) {
    (void)state;
    enum { COMMANDS = 60 };
    static const char *const lines[] = { "SET a 1 PX 1", "FLUSHALL", "MSET a 1 b 2 c 3 d 4 e 5 f 6", "KEYS *", "INCR n", "SWAPDB 0 1",
        "PING", "SCAN 0", "CLIENT LIST" };
    struct random r;
    random_seed(&r, test_seed());
    for (int round = 0; round < (long_form() ? 3000 : slow() ? 50 : 300); round++) {
        kora *db = open_db(1 + (uint32_t)random_below(&r, 4), 1u << random_below(&r, 6));
        struct answer answers[COMMANDS] = { { 0, 0 } };
        uint64_t n = random_below(&r, COMMANDS);
        for (uint64_t i = 0; i < n; i++) {
            char key[16];
            snprintf(key, sizeof key, "x%d", (int)i);
            assert_ok(kora_expire(db, key, strlen(key), 1, 0) == KORA_NOTFOUND ? put(db, key, "v") : KORA_OK);
            submit(db, lines[random_below(&r, ARRAY_LEN(lines))], &answers[i]);
        }
        if (round % 2) expect_reply(db, NULL, "FLUSHALL", "OK"); // garbage is on its way
        assert_ok(kora_close(db));
        for (uint64_t i = 0; i < n; i++) assert_int_equal(atomic_load(&answers[i].calls), 1);
    }
}

// ---- again and again -----------------------------------------------------------------------------------------------------------------

static size_t entries_in(const char *folder) {
    DIR *d = opendir(folder);
    size_t n = 0;
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static long resident_pages(void) {
    long size, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
    fclose(f);
    return resident;
}

static void test_open_close(void **state) {
    (void)state;
    int rounds = long_form() ? 10000 : slow() ? 150 : 2000, warm = rounds / 10;
    size_t threads = 0, files = 0;
    long pages = 0;
    for (int i = 0; i < rounds; i++) {
        if (i == warm) {
            threads = entries_in("/proc/self/task");
            files = entries_in("/proc/self/fd");
            pages = resident_pages();
        }
        kora *db = open_db(1 + (uint32_t)i % 2, 16);
        assert_ok(put(db, "a", "1"));
        expect_reply(db, NULL, "INCR a", ":2");
        assert_ok(kora_close(db));
    }
    assert_int_equal(entries_in("/proc/self/fd"), files);
    wait_until(entries_in("/proc/self/task") == threads); // the kernel may take a moment
    long grown = resident_pages() - pages;
    print_message("%d times, grown by %ld KB\n", rounds, grown * 4);
    if (!slow()) assert_true(grown < 512);
}

// ---- two databases ---------------------------------------------------------------------------------------------------------------------

static void test_two(void **state) {
    (void)state;
    kora *one = open_db(2, 8), *two = open_db(1, 16);
    kora_pinned pin;
    kora_stats s = KORA_STATS_INIT;
    char *text;
    struct holder h;
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_ok(put(one, key, "of one"));
        if (i % 2) assert_ok(put(two, key, "of two"));
    }
    expect(one, "7", "of one");
    expect(two, "7", "of two");
    expect(two, "8", NULL);
    assert_ok(kora_config_set(one, "maxclients", "5", NULL, 0));
    assert_ok(kora_config_get(two, "maxclients", &text));
    assert_string_equal(text, "10000");
    kora_free(text);
    assert_ok(kora_get_stats(two, &s));
    assert_int_equal(s.keys, 50);
    assert_int_equal(s.shards, 1);
    expect_reply(two, NULL, "FLUSHALL", "OK");
    expect_reply(one, NULL, "DBSIZE", ":100");
    assert_ok(put(two, "7", "again"));
    // One whose stripe is held, with a value out, and the other goes on, and goes away.
    assert_ok(kora_pin(one, LIT("7"), &pin));
    hold(&h, one, "7");
    expect(two, "7", "again");
    expect_reply(two, NULL, "FLUSHALL", "OK");
    assert_ok(kora_close(two));
    atomic_store(&h.let_go, true);
    pthread_join(h.thread, NULL);
    expect(one, "7", "of one");
    assert_status(kora_close(one), KORA_BUSY);
    kora_unpin(one, &pin);
    assert_ok(kora_close(one));
}

// ---- slow and quick ----------------------------------------------------------------------------------------------------------------------

static void quick_calls(kora *db, uint32_t held, struct answer *answers) {
    for (int i = 0; i < 500; i++) {
        char key[16], line[64];
        snprintf(key, sizeof key, "q%d", i);
        if (stripe_of(db, key) == held) continue;
        assert_ok(put(db, key, "v"));
        expect(db, key, "v");
        snprintf(line, sizeof line, "APPEND %s w", key);
        expect_reply(db, NULL, line, ":2");
        submit(db, line, &answers[i]);
        wait_until(atomic_load(&answers[i].calls));
        assert_status(atomic_load(&answers[i].status), KORA_OK);
    }
}

// Only calls about the held stripe wait for it: those of a shard's thread and of the host's.
static void test_slow(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    struct answer *answers = calloc(500, sizeof *answers), parked[8] = { { 0, 0 } };
    struct caller waiting = { .db = db, .kind = 4 };
    struct holder h;
    assert_ok(put(db, "k", "1"));
    hold(&h, db, "k");
    waiting.thread = spawn(call_once, &waiting);
    for (int i = 0; i < 8; i++) submit(db, "GET k", &parked[i]); // on each shard
    wait_until(waits_at(db, h.stripe) >= 9);
    quick_calls(db, h.stripe, answers);
    assert_false(atomic_load(&waiting.done));
    for (int i = 0; i < 8; i++) assert_int_equal(atomic_load(&parked[i].calls), 0);
    atomic_store(&h.let_go, true);
    pthread_join(h.thread, NULL);
    pthread_join(waiting.thread, NULL);
    assert_ok(waiting.status);
    for (int i = 0; i < 8; i++) {
        wait_until(atomic_load(&parked[i].calls));
        assert_status(atomic_load(&parked[i].status), KORA_OK);
    }
    free(answers);
    assert_ok(kora_close(db));
}

struct waiting_host {
    kora *db;
    _Atomic bool done;
};
static void *sleep_in_stripe(void *arg) {
    struct waiting_host *s = arg;
    expect_reply(s->db, NULL, "DEBUG SLEEP 1 KEY k", "OK");
    atomic_store(&s->done, true);
    return NULL;
}

static void test_slow_command(void **state) {
    (void)state;
    kora *db = open_db(1, 16);
    struct waiting_host s = { .db = db };
    uint32_t stripe = stripe_of(db, "k");
    expect_reply(db, NULL, "DEBUG SLEEP 0 KEY k",
        "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it "
        "from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.");
    assert_ok(kora_config_set(db, "enable-debug-command", "yes", NULL, 0));
    pthread_t t = spawn(sleep_in_stripe, &s);
    wait_until(atomic_load(&db->engine->leases[stripe].word) != LEASE_FREE || atomic_load(&s.done));
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "q%d", i);
        if (stripe_of(db, key) != stripe) assert_ok(put(db, key, "v"));
    }
    assert_false(atomic_load(&s.done));
    assert_status(kora_exists(db, LIT("k")), KORA_NOTFOUND); // this one waits
    assert_true(atomic_load(&db->engine->leases[stripe].waits) > 0);
    pthread_join(t, NULL);
    assert_ok(kora_close(db));
}

int main(void) {
    setenv("CMOCKA_TEST_ABORT", "1", 1); // a failure in a thread can't jump out of it
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_waiting),
        cmocka_unit_test(test_close_below),
        cmocka_unit_test(test_close_sleep),
        cmocka_unit_test(test_close_copying),
        cmocka_unit_test(test_close_handles),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_close_storm),
        cmocka_unit_test(test_open_close),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_slow_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
