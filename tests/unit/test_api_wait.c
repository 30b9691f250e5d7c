// Typed calls and those that wait for keys: whoever waits, by a command or by kora_pop, is served by the call that brings what he waits for, before anybody
// else can see it.
#include "unit/api.h"

#define KEY(k) (k), strlen(k)

static kora_bytes bytes(const char *s) { return (kora_bytes){ s, strlen(s) }; }

static uint64_t sleepers(kora *db) { return atomic_load(&db->engine->sleepers); }

static size_t length(kora *db, const char *key) {
    size_t n = 77;
    assert_ok(kora_llen(db, KEY(key), &n));
    return n;
}

// ---- threads that wait ---------------------------------------------------------------------------------------------------------------

struct waiting {
    kora *db;
    const char *line; // a command; NULL: kora_pop
    const char *key;
    int end;
    int64_t timeout_ms;
    int status;
    char *text;       // what it got; malloc'ed
    pthread_t thread;
};

static void *wait_there(void *arg) {
    struct waiting *w = arg;
    if (w->line) {
        struct buf b = { 0 };
        kora_reply *r = NULL;
        w->status = run_status(w->db, NULL, w->line, &r);
        if (w->status == KORA_OK) describe(r, &b);
        buf_append_char(&b, '\0');
        w->text = strdup(b.p);
        buf_free(&b);
        kora_reply_free(r);
        return NULL;
    }
    void *p = NULL;
    size_t n = 0;
    w->status = kora_pop(w->db, KEY(w->key), w->end, w->timeout_ms, &p, &n);
    w->text = w->status == KORA_OK && strlen(p) == n ? strdup(p) : strdup(w->status == KORA_OK ? "cut" : "");
    kora_free(p);
    return NULL;
}

// Returns once it sleeps.
static void begin(struct waiting *w) {
    uint64_t before = sleepers(w->db);
    w->thread = spawn(wait_there, w);
    wait_until(sleepers(w->db) == before + 1);
}

static void ends_with(struct waiting *w, int status, const char *text) {
    pthread_join(w->thread, NULL);
    assert_status(w->status, status);
    if (strcmp(w->text, text) != 0) fail_msg("got %.100s instead of %.100s", w->text, text);
    free(w->text);
}

static void push(kora *db, const char *key, const char *element, size_t len) {
    kora_bytes one = bytes(element);
    size_t n = 77;
    assert_ok(kora_push(db, KEY(key), KORA_BACK, &one, 1, &n));
    assert_int_equal(n, len);
}

static void test_commands_are_served(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    struct waiting w[3] = { { .db = db, .line = "BLPOP none l 0" }, { .db = db, .line = "BRPOP l 0" }, { .db = db, .line = "BLMPOP 0 1 l LEFT COUNT 2" } };
    for (int i = 0; i < 3; i++) begin(&w[i]);
    push(db, "l", "a", 1);
    ends_with(&w[0], KORA_OK, "[l a]");
    assert_int_equal(length(db, "l"), 0);
    size_t n;
    assert_ok(kora_push(db, LIT("l"), KORA_FRONT, (const kora_bytes[]){ bytes("b"), bytes("c"), bytes("d"), bytes("e") }, 4, &n));
    assert_int_equal(n, 4);
    ends_with(&w[1], KORA_OK, "[l b]");
    ends_with(&w[2], KORA_OK, "[l [e d]]");
    expect_reply(db, NULL, "LRANGE l 0 -1", "[c]");

    double score;
    w[0].line = "BZPOPMIN z 0";
    w[1].line = "BZPOPMAX z 0";
    for (int i = 0; i < 2; i++) begin(&w[i]);
    assert_ok(kora_zincr(db, LIT("z"), LIT("m"), 5, &score));
    ends_with(&w[0], KORA_OK, "[z m 5]");
    assert_ok(kora_zadd(db, LIT("z"), 0, (const kora_member[]){ { bytes("x"), 1 }, { bytes("y"), 2 } }, 2, &n));
    assert_int_equal(n, 2);
    ends_with(&w[1], KORA_OK, "[z y 2]");
    expect_reply(db, NULL, "ZRANGE z 0 -1", "[x]");

    // What is of no use to him leaves him waiting.
    w[0].line = "BLPOP k 0";
    begin(&w[0]);
    assert_ok(put(db, "k", "a string"));
    assert_ok(kora_set_many(db, (const kora_bytes[]){ bytes("k"), bytes("other") }, (const kora_bytes[]){ bytes("1"), bytes("2") }, 2, 0));
    assert_ok(kora_del_many(db, (const kora_bytes[]){ bytes("k"), bytes("other") }, 2, &n));
    assert_ok(kora_sadd(db, LIT("k"), (const kora_bytes[]){ bytes("m") }, 1, &n));
    assert_ok(kora_del(db, LIT("k")));
    assert_int_equal(sleepers(db), 1);
    push(db, "k", "at last", 1);
    ends_with(&w[0], KORA_OK, "[k at last]");
    check_stripes(db);
    assert_ok(kora_close(db));
}

static void test_pop_waits(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    struct waiting w[4];
    for (int i = 0; i < 4; i++) {
        w[i] = (struct waiting){ .db = db, .key = "l", .end = i & 1 ? KORA_BACK : KORA_FRONT, .timeout_ms = i < 2 ? -1 : 60000 };
        begin(&w[i]);
    }
    push(db, "l", "first", 1);
    ends_with(&w[0], KORA_OK, "first");
    expect_reply(db, NULL, "RPUSH l x y", ":2"); // in the order in which they came
    ends_with(&w[1], KORA_OK, "y");
    ends_with(&w[2], KORA_OK, "x");
    expect_reply(db, NULL, "RPUSH other \"\"", ":1");
    expect_reply(db, NULL, "LMOVE other l LEFT LEFT", "");
    ends_with(&w[3], KORA_OK, "");
    assert_int_equal(length(db, "l"), 0);

    // With something there it does not wait; without, no longer than it says.
    push(db, "l", "there", 1);
    void *p = db;
    size_t n = 77;
    assert_ok(kora_pop(db, LIT("l"), KORA_FRONT, -1, &p, &n));
    kora_free(p);
    p = db;
    n = 77;
    assert_status(kora_pop(db, LIT("l"), KORA_FRONT, 1, &p, &n), KORA_NOTFOUND);
    assert_true(p == db && n == 77);
    w[0] = (struct waiting){ .db = db, .key = "l", .end = KORA_FRONT, .timeout_ms = 50 };
    begin(&w[0]);
    ends_with(&w[0], KORA_NOTFOUND, "");
    w[0].timeout_ms = INT64_MAX;
    begin(&w[0]);
    push(db, "l", "late", 1);
    ends_with(&w[0], KORA_OK, "late");
    assert_ok(put(db, "s", "string"));
    assert_status(kora_pop(db, LIT("s"), KORA_FRONT, -1, &p, &n), KORA_WRONGTYPE);
    assert_status(kora_pop(NULL, LIT("s"), KORA_FRONT, -1, &p, &n), KORA_INVAL);
    assert_true(p == db && n == 77);

    // Large elements, of which the reply is not the smallest part.
    char *big = malloc(200001);
    for (size_t i = 0; i < 200000; i++) big[i] = (char)('a' + i % 23);
    big[200000] = '\0';
    w[0] = (struct waiting){ .db = db, .key = "a key with a \r\n in it", .end = KORA_BACK, .timeout_ms = -1 };
    begin(&w[0]);
    push(db, w[0].key, big, 1);
    ends_with(&w[0], KORA_OK, big);
    free(big);
    assert_ok(kora_close(db));
}

// Streams: commands and typed reads that wait for the same entry all get it.
static void *read_there(void *arg) {
    struct waiting *w = arg;
    kora_id after = { UINT64_MAX, UINT64_MAX };
    kora_entry items[4];
    char buffer[256];
    size_t n = 77;
    w->status = kora_xread(w->db, KEY(w->key), &after, w->timeout_ms, items, 4, buffer, sizeof buffer, &n);
    struct buf b = { 0 };
    for (size_t i = 0; w->status == KORA_OK && i < n; i++) {
        buf_printf(&b, "%d-%d %.*s;", (int)items[i].id.ms, (int)items[i].id.seq, (int)items[i].fields[0].value.len, (const char *)items[i].fields[0].value.data);
    }
    buf_append_char(&b, '\0');
    w->text = strdup(b.p);
    buf_free(&b);
    return NULL;
}

static void test_stream(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    struct waiting w[3] = { { .db = db, .line = "XREAD BLOCK 0 STREAMS x $" }, { .db = db, .key = "x", .timeout_ms = -1 },
        { .db = db, .key = "x", .timeout_ms = 60000 } };
    const kora_field field = { bytes("f"), bytes("v") };
    for (uint64_t round = 1; round < 4; round++) {
        char text[64];
        begin(&w[0]);
        for (int i = 1; i < 3; i++) {
            uint64_t before = sleepers(db);
            w[i].thread = spawn(read_there, &w[i]);
            wait_until(sleepers(db) == before + 1);
        }
        assert_ok(kora_xadd(db, LIT("x"), &(kora_id){ round, 1 }, &field, 1, 0, NULL));
        sprintf(text, "[x [[%d-1 [f v]]]]", (int)round);
        ends_with(&w[0], KORA_OK, text);
        sprintf(text, "%d-1 v;", (int)round);
        for (int i = 1; i < 3; i++) ends_with(&w[i], KORA_OK, text);
    }
    w[1].timeout_ms = 30;
    w[1].thread = spawn(read_there, &w[1]);
    ends_with(&w[1], KORA_OK, "");
    for (long n = 1, failed = 1; failed; n++) {
        kora_id after = { 100, 0 };
        kora_entry items[1];
        char buffer[8];
        size_t count = 77;
        mem_fail(n, false);
        int status = kora_xread(db, LIT("x"), &after, 1, items, 1, buffer, sizeof buffer, &count);
        failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        assert_status(status, failed ? KORA_NOMEM : KORA_OK);
        assert_true(after.ms == 100 && count == (failed ? 77 : 0));
    }
    // A group of which somebody is waiting goes with its key.
    expect_reply(db, NULL, "XGROUP CREATE x g $", "OK");
    for (int how = 0; how < 3; how++) {
        w[0].line = "XREADGROUP GROUP g me BLOCK 0 STREAMS x >";
        begin(&w[0]);
        if (how == 0) assert_ok(kora_del(db, LIT("x")));
        else if (how == 1) assert_ok(kora_del_many(db, (const kora_bytes[]){ bytes("x"), bytes("y") }, 2, NULL));
        else assert_ok(kora_set_many(db, (const kora_bytes[]){ bytes("x"), bytes("y") }, (const kora_bytes[]){ bytes("1"), bytes("2") }, 2, 0));
        pthread_join(w[0].thread, NULL);
        assert_status(w[0].status, KORA_OK);
        if (w[0].text[0] != '-') fail_msg("%d: got %s", how, w[0].text);
        free(w[0].text);
        if (how < 2) expect_reply(db, NULL, "XGROUP CREATE x g $ MKSTREAM", "OK");
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Also if it is a read that finds that the key has expired.
static void test_expired(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 8);
    use_clock(db, &clock);
    atomic_store(&db->engine->common.settings.active_expire, 0);
    for (int how = 0; how < 3; how++) {
        struct waiting w = { .db = db, .line = "XREADGROUP GROUP g me BLOCK 0 STREAMS x >" };
        void *p;
        size_t n;
        expect_reply(db, NULL, "XGROUP CREATE x g $ MKSTREAM", "OK");
        assert_ok(kora_expire(db, LIT("x"), 10, 0));
        begin(&w);
        atomic_fetch_add(&clock.ms, 10);
        if (how == 0) assert_status(kora_exists(db, LIT("x")), KORA_NOTFOUND);
        else if (how == 1) assert_status(kora_hget(db, LIT("x"), LIT("f"), &p, &n), KORA_NOTFOUND);
        else assert_status(kora_del(db, LIT("x")), KORA_NOTFOUND);
        pthread_join(w.thread, NULL);
        assert_status(w.status, KORA_OK);
        if (w.text[0] != '-') fail_msg("%d: got %s", how, w.text);
        free(w.text);
    }
    assert_ok(kora_close(db));
}

// One push that goes through three lists in other stripes.
static void test_chain(void **state) {
    (void)state;
    kora *db = open_db(2, 64);
    for (int i = 0; i < 100; i++) {
        struct waiting w[3] = { { .db = db, .line = "BLMOVE a b LEFT RIGHT 0" }, { .db = db, .line = "BRPOPLPUSH b c 0" },
            { .db = db, .key = "c", .end = KORA_FRONT, .timeout_ms = -1 } };
        for (int k = 2; k >= 0; k--) begin(&w[k]);
        push(db, "a", "far", 1);
        for (int k = 0; k < 3; k++) ends_with(&w[k], KORA_OK, "far");
        assert_int_equal(length(db, "a") + length(db, "b") + length(db, "c"), 0);
        if (slow() && i == 10) break;
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Somebody else was told that it is his turn, and has not come yet: who waits comes behind him.
static void test_turn(void **state) {
    (void)state;
    kora *db = open_db(2, 64);
    while (stripe_of(db, "a") == stripe_of(db, "b")) { // each database has its own hash
        assert_ok(kora_close(db));
        db = open_db(2, 64);
    }
    struct lease *b = &db->engine->leases[stripe_of(db, "b")];
    struct waiting w = { .db = db, .line = "BLMOVE a b LEFT RIGHT 0" };
    void *p;
    size_t n;
    begin(&w);
    assert_true(lease_try(b) || lease_wait(b)); // now he can't be served at once
    push(db, "a", "his", 1);
    assert_status(kora_pop(db, LIT("a"), KORA_FRONT, 5, &p, &n), KORA_NOTFOUND);
    assert_int_equal(length(db, "a"), 1);
    lease_release(b);
    ends_with(&w, KORA_OK, "his");
    assert_ok(kora_pop(db, LIT("b"), KORA_FRONT, 5, &p, &n));
    kora_free(p);
    assert_ok(kora_close(db));
}

static void test_close(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    struct waiting w[2] = { { .db = db, .key = "l", .end = KORA_FRONT, .timeout_ms = -1 }, { .db = db, .key = "l", .end = KORA_BACK, .timeout_ms = 600000 } };
    for (int i = 0; i < 2; i++) begin(&w[i]);
    assert_ok(kora_close(db));
    for (int i = 0; i < 2; i++) ends_with(&w[i], KORA_CLOSED, "");
}

// ---- without memory ------------------------------------------------------------------------------------------------------------------

static void test_no_memory(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    for (long n = 1, failed = 1; failed; n++) { // of who begins to wait
        void *p = db;
        size_t len = 77;
        mem_fail(n, false);
        int status = kora_pop(db, LIT("l"), KORA_FRONT, 1, &p, &len);
        failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        assert_status(status, failed ? KORA_NOMEM : KORA_NOTFOUND);
        assert_true(p == db && len == 77 && sleepers(db) == 0);
    }
    // Of who serves: either the list has it afterwards, or he who waits.
    char *big = malloc(100001);
    memset(big, 'x', 100000);
    big[100000] = '\0';
    int served = 0, refused = 0;
    for (int round = 0; round < 12; round++) { // more than once, since slabs keep what they have
        struct waiting w = { .db = db, .key = "l", .end = KORA_FRONT, .timeout_ms = -1 };
        kora_bytes one = { big, 100000 };
        begin(&w);
        mem_fail(1 + round % 4, false);
        int status = kora_push(db, LIT("l"), KORA_BACK, &one, 1, NULL);
        mem_fail(0, false);
        if (status != KORA_OK) {
            assert_status(status, KORA_NOMEM);
            assert_int_equal(length(db, "l"), 0);
            assert_int_equal(sleepers(db), 1);
            assert_ok(kora_push(db, LIT("l"), KORA_BACK, &one, 1, NULL));
        }
        pthread_join(w.thread, NULL);
        if (w.status == KORA_OK) served++;
        else refused++;
        if (w.status == KORA_OK) assert_string_equal(w.text, big);
        else assert_status(w.status, KORA_NOMEM);
        assert_int_equal(length(db, "l"), w.status != KORA_OK);
        if (w.status != KORA_OK) assert_ok(kora_del(db, LIT("l")));
        free(w.text);
    }
    print_message("%d were served, %d were told that there is no memory\n", served, refused);
    assert_true(served > 0 && refused > 0);
    free(big);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// ---- a queue between threads -----------------------------------------------------------------------------------------------------------

enum { WORKERS = 4, QUEUES = 2 };

struct queue {
    kora *db;
    size_t each; // elements that a producer pushes
    _Atomic uint64_t sum, count;
};

static void queue_name(char *to, size_t i) { sprintf(to, "queue:%zu", i % QUEUES); }

static void *produce(void *arg) {
    struct queue *q = arg;
    char key[16], text[2][24];
    for (size_t i = 1; i <= q->each; i += 2) {
        kora_bytes two[2];
        for (size_t k = 0; k < 2; k++) two[k] = (kora_bytes){ text[k], (size_t)sprintf(text[k], "%zu", i + k) };
        queue_name(key, i / 2);
        if (kora_push(q->db, KEY(key), i & 4 ? KORA_FRONT : KORA_BACK, two, 2, NULL) != KORA_OK) abort();
    }
    return NULL;
}

static void *consume(void *arg) {
    struct queue *q = arg;
    char key[16];
    for (size_t i = 0; ; i++) {
        void *p;
        size_t n;
        queue_name(key, i);
        int status = kora_pop(q->db, KEY(key), i & 4 ? KORA_FRONT : KORA_BACK, i & 8 ? 20 : 3, &p, &n);
        if (status == KORA_NOTFOUND) continue;
        if (status != KORA_OK) abort();
        uint64_t value = strtoull(p, NULL, 10);
        kora_free(p);
        if (value == 0) return NULL; // that is all
        atomic_fetch_add(&q->sum, value);
        atomic_fetch_add(&q->count, 1);
    }
}

static void test_queue(void **state) {
    (void)state;
    struct queue q = { .db = open_db(2, 8), .each = long_form() ? 200000 : slow() ? 1000 : 10000 };
    pthread_t producers[WORKERS], consumers[WORKERS];
    for (int i = 0; i < WORKERS; i++) consumers[i] = spawn(consume, &q);
    for (int i = 0; i < WORKERS; i++) producers[i] = spawn(produce, &q);
    for (int i = 0; i < WORKERS; i++) pthread_join(producers[i], NULL);
    wait_until(atomic_load(&q.count) == WORKERS * q.each);
    assert_int_equal(atomic_load(&q.sum), WORKERS * (q.each * (q.each + 1) / 2));
    for (int i = 0; i < WORKERS; i++) {
        char key[16];
        queue_name(key, (size_t)i);
        assert_ok(kora_push(q.db, KEY(key), KORA_BACK, (const kora_bytes[]){ bytes("0") }, 1, NULL));
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(consumers[i], NULL);
    check_stripes(q.db);
    assert_ok(kora_close(q.db));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_are_served),
        cmocka_unit_test(test_pop_waits),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
