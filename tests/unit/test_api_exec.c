// kora_exec, sessions and kora_submit; and who may not call: callbacks, and the child of a fork.
#include "unit/api.h"

#include <sys/wait.h>
#include <unistd.h>

// ---- replies ---------------------------------------------------------------------------------------------------------------------

static void test_replies(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    kora_reply *r = run(db, NULL, "SET a hello");
    assert_int_equal(r->type, KORA_REPLY_STATUS);
    assert_string_equal(r->str, "OK");
    assert_int_equal(r->len, 2);
    kora_reply_free(r);
    r = run(db, NULL, "GET a");
    assert_int_equal(r->type, KORA_REPLY_STRING);
    assert_string_equal(r->str, "hello");
    assert_int_equal(r->len, 5);
    assert_int_equal(r->count, 0);
    kora_reply_free(r);
    r = run(db, NULL, "GET missing");
    assert_int_equal(r->type, KORA_REPLY_NULL);
    assert_null(r->str);
    kora_reply_free(r);
    r = run(db, NULL, "INCRBY n -17");
    assert_int_equal(r->type, KORA_REPLY_INTEGER);
    assert_int_equal(r->integer, -17);
    kora_reply_free(r);
    r = run(db, NULL, "INCR a");
    assert_int_equal(r->type, KORA_REPLY_ERROR);
    assert_string_equal(r->str, "ERR value is not an integer or out of range");
    assert_int_equal(r->len, strlen(r->str));
    kora_reply_free(r);
    r = run(db, NULL, "MGET a missing n");
    assert_int_equal(r->type, KORA_REPLY_ARRAY);
    assert_int_equal(r->count, 3);
    assert_string_equal(r->elements[0].str, "hello");
    assert_int_equal(r->elements[1].type, KORA_REPLY_NULL);
    assert_string_equal(r->elements[2].str, "-17");
    kora_reply_free(r);
    r = run(db, NULL, "CONFIG GET maxclients");
    assert_int_equal(r->type, KORA_REPLY_MAP);
    assert_int_equal(r->count, 2);
    kora_reply_free(r);
    r = run(db, NULL, "LCS a a IDX");
    assert_int_equal(r->type, KORA_REPLY_MAP);
    assert_int_equal(r->count, 4);
    assert_int_equal(r->elements[1].type, KORA_REPLY_ARRAY);
    kora_reply_free(r);
    r = run(db, NULL, "INFO server");
    assert_int_equal(r->type, KORA_REPLY_VERBATIM);
    assert_string_equal(r->format, "txt");
    assert_non_null(strstr(r->str, "redis_version"));
    kora_reply_free(r);
    r = run(db, NULL, "COMMAND INFO get");
    assert_int_equal(r->type, KORA_REPLY_ARRAY);
    assert_string_equal(r->elements[0].elements[0].str, "get");
    assert_int_equal(r->elements[0].elements[2].type, KORA_REPLY_SET);
    kora_reply_free(r);
    r = run(db, NULL, "SCAN 0 COUNT 100");
    assert_int_equal(r->count, 2);
    assert_int_equal(r->elements[1].count, 2);
    kora_reply_free(r);
    r = run(db, NULL, "COMMAND DOCS");
    assert_int_equal(r->type, KORA_REPLY_MAP);
    assert_true(r->count > 100 && r->count % 2 == 0);
    kora_reply_free(r);
    r = run(db, NULL, "KEYS [an]");
    assert_int_equal(r->type, KORA_REPLY_ARRAY);
    assert_int_equal(r->count, 2);
    kora_reply_free(r);
    assert_ok(kora_close(db));
}

static void test_large_replies(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    size_t n = 20u << 20;
    char *v = malloc(n);
    for (size_t i = 0; i < n; i++) v[i] = (char)(i * 7 >> 5);
    kora_reply *r;
    const char *argv[] = { "SET", "big", v };
    assert_ok(kora_exec(db, NULL, 3, argv, (const size_t[]){ 3, 3, n }, &r));
    kora_reply_free(r);
    static const char *const readers[] = { "GET big", "GETRANGE big 0 -1", "GETEX big PERSIST", "GETSET big x" };
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        r = run(db, NULL, readers[i]);
        assert_int_equal(r->len, n);
        assert_memory_equal(r->str, v, n);
        assert_int_equal(r->str[n], 0);
        kora_reply_free(r);
    }
    for (size_t size = 0; size < 300000; size = size * 2 + 1) { // and every size on the way
        assert_ok(kora_set(db, LIT("k"), v, size, NULL));
        r = run(db, NULL, "GET k");
        assert_int_equal(r->len, size);
        assert_memory_equal(r->str, v, size);
        assert_int_equal(r->str[size], 0);
        kora_reply_free(r);
        r = run(db, NULL, "MGET k k");
        assert_int_equal(r->elements[1].len, size);
        assert_memory_equal(r->elements[1].str, v, size);
        kora_reply_free(r);
        r = run(db, NULL, "GETDEL k");
        assert_int_equal(r->len, size);
        assert_memory_equal(r->str, v, size);
        kora_reply_free(r);
    }
    free(v);
    assert_ok(kora_close(db));
}

static void test_errors(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    expect_reply(db, NULL, "NOSUCH a b", "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ");
    expect_reply(db, NULL, "GET", "-ERR wrong number of arguments for 'get' command");
    expect_reply(db, NULL, "CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.");
    expect_reply(db, NULL, "SET a b PX", "-ERR syntax error");
    expect_reply(db, NULL, "SELECT 99", "-ERR DB index is out of range");
    expect_reply(db, NULL, "\"\"", "-ERR unknown command '', with args beginning with: ");
    const char *argv[] = { "PING", NULL };
    kora_reply *r = (kora_reply *)(uintptr_t)5;
    assert_status(kora_exec(db, NULL, 0, argv, NULL, &r), KORA_INVAL);
    assert_status(kora_exec(db, NULL, -1, argv, NULL, &r), KORA_INVAL);
    assert_status(kora_exec(db, NULL, 1, NULL, NULL, &r), KORA_INVAL);
    assert_status(kora_exec(db, NULL, 2, argv, NULL, &r), KORA_INVAL);
    assert_status(kora_exec(db, NULL, 2, argv, (const size_t[]){ 4, 1 }, &r), KORA_INVAL);
    assert_status(kora_exec(NULL, NULL, 1, argv, NULL, &r), KORA_INVAL);
    assert_ptr_equal(r, (kora_reply *)(uintptr_t)5);
    assert_ok(kora_exec(db, NULL, 2, argv, (const size_t[]){ 4, 0 }, &r)); // PING with the empty argument
    assert_int_equal(r->type, KORA_REPLY_STRING);
    assert_int_equal(r->len, 0);
    kora_reply_free(r);
    assert_ok(kora_exec(db, NULL, 1, argv, NULL, NULL)); // nobody wants to know
    // Lengths: an argument may hold any byte, and need not end with a zero.
    assert_ok(kora_exec(db, NULL, 3, (const char *const[]){ "SETxx", "k\0y", "v\0\r\n+" }, (const size_t[]){ 3, 3, 5 }, NULL));
    expect_bytes(db, "k\0y", 3, "v\0\r\n+", 5);
    assert_ok(kora_exec(db, NULL, 2, (const char *const[]){ "ECHO", "a\0b" }, (const size_t[]){ 4, 3 }, &r));
    assert_int_equal(r->len, 3);
    assert_memory_equal(r->str, "a\0b", 3);
    kora_reply_free(r);
    // Many arguments
    enum { MANY = 2001 };
    const char *many[MANY] = { "MSET" };
    char names[MANY][8];
    for (int i = 1; i < MANY; i++) {
        sprintf(names[i], "%d", i);
        many[i] = names[i];
    }
    assert_ok(kora_exec(db, NULL, MANY, many, NULL, &r));
    assert_int_equal(r->type, KORA_REPLY_STATUS);
    kora_reply_free(r);
    expect(db, "1", "2");
    expect(db, "1999", "2000");
    assert_ok(kora_close(db));
}

// ---- sessions --------------------------------------------------------------------------------------------------------------------

static void test_sessions(void **state) {
    (void)state;
    kora *db = open_db(2, 8), *other = open_db(1, 4);
    kora_session *s = NULL, *third = NULL, *before = (kora_session *)(uintptr_t)3;
    assert_status(kora_session_open(NULL, &s), KORA_INVAL);
    assert_status(kora_session_open(db, NULL), KORA_INVAL);
    assert_ok(kora_session_open(db, &s));
    expect_reply(db, s, "SELECT 3", "OK");
    expect_reply(db, s, "SET k in-3", "OK");
    expect_reply(db, NULL, "GET k", "(nil)");
    expect(kora_database(db, 3), "k", "in-3");
    expect_reply(kora_database(db, 7), s, "GET k", "in-3"); // the session's database, whatever the handle's
    expect_reply(kora_database(db, 3), NULL, "GET k", "in-3");
    expect_reply(kora_database(db, 3), NULL, "SELECT 4", "OK"); // a fresh one each time
    expect_reply(kora_database(db, 3), NULL, "GET k", "in-3");
    expect_reply(db, s, "SELECT 99", "-ERR DB index is out of range");
    expect_reply(db, s, "GET k", "in-3");
    assert_ok(kora_session_open(kora_database(db, 3), &third));
    expect_reply(db, third, "GET k", "in-3");
    expect_reply(db, s, "CLIENT SETNAME one", "OK");
    expect_reply(db, s, "CLIENT GETNAME", "one");
    expect_reply(db, third, "CLIENT GETNAME", "(nil)");
    kora_reply *a = run(db, s, "CLIENT ID"), *b = run(db, third, "CLIENT ID");
    assert_int_not_equal(a->integer, b->integer);
    kora_reply_free(a);
    kora_reply_free(b);
    expect_reply(db, s, "RESET", "RESET");
    expect_reply(db, s, "CLIENT GETNAME", "(nil)");
    expect_reply(db, s, "GET k", "(nil)");
    // Of another database
    assert_status(kora_exec(other, s, 1, (const char *const[]){ "PING" }, NULL, &a), KORA_INVAL);
    assert_status(kora_session_open(other, NULL), KORA_INVAL);
    assert_ptr_equal(before, (kora_session *)(uintptr_t)3);
    // Connections' commands without a connection: each has an answer.
    static const char *const lines[] = { "HELLO 2", "HELLO 3", "HELLO", "CLIENT INFO", "CLIENT LIST", "CLIENT REPLY ON", "CLIENT REPLY OFF",
        "PING", "CLIENT REPLY SKIP", "PING", "CLIENT NO-EVICT on", "CLIENT NO-TOUCH on", "QUIT", "PING", "AUTH x", "CLIENT KILL ID 99",
        "CLIENT SETINFO LIB-NAME x" };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) kora_reply_free(run(db, s, lines[i]));
    kora_session_close(s);
    assert_status(kora_close(db), KORA_BUSY);
    kora_session_close(third);
    assert_ok(kora_close(db));
    assert_ok(kora_close(other));
}

// A password is for clients from outside.
static void test_password(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    assert_ok(kora_config_set(db, "requirepass", "secret", NULL, 0));
    expect_reply(db, NULL, "SET a 1", "OK");
    assert_ok(kora_close(db));
}

// ---- submitting ------------------------------------------------------------------------------------------------------------------

struct inbox { // what a callback was told
    kora *db;
    _Atomic int calls;
    _Atomic int status;
    kora_reply *_Atomic reply;
    _Atomic bool on_caller;
    pthread_t caller;
};

static void on_done(void *arg, int status, kora_reply *reply) {
    struct inbox *in = arg;
    atomic_store(&in->status, status);
    atomic_store(&in->reply, reply);
    atomic_store(&in->on_caller, pthread_equal(pthread_self(), in->caller));
    atomic_fetch_add(&in->calls, 1);
}

static void submit_line(kora *db, const char *line, const char *text) {
    struct inbox in = { .db = db, .caller = pthread_self() };
    char copy[512];
    const char *words[WORDS_MAX];
    int n = split(copy, line, words);
    assert_ok(kora_submit(db, n, words, NULL, on_done, &in));
    memset(copy, 'x', sizeof copy); // arguments are copied
    memset(words, 0, sizeof words);
    wait_until(atomic_load(&in.calls));
    assert_status(atomic_load(&in.status), KORA_OK);
    assert_false(atomic_load(&in.on_caller));
    struct buf b = { 0 };
    describe(atomic_load(&in.reply), &b);
    buf_append_char(&b, '\0');
    assert_string_equal(b.p, text);
    buf_free(&b);
    kora_reply_free(atomic_load(&in.reply));
    assert_int_equal(atomic_load(&in.calls), 1);
}

static void test_submit(void **state) {
    (void)state;
    kora *db = open_db(3, 16);
    for (int i = 0; i < 20; i++) { // on each of the shards
        submit_line(db, "SET a hello", "OK");
        submit_line(db, "GET a", "hello");
        submit_line(db, "INCR a", "-ERR value is not an integer or out of range");
        submit_line(db, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ");
        submit_line(db, "MSET a 1 b 2 c 3 d 4 e 5 f 6", "OK");
        submit_line(db, "MGET a b c d e f g", "[1 2 3 4 5 6 (nil)]");
        submit_line(db, "DBSIZE", ":6");
        submit_line(db, "KEYS a", "[a]");
        submit_line(db, "SCAN 0 MATCH zz COUNT 1000", "[0 []]");
        submit_line(kora_database(db, 4), "GET a", "(nil)");
        submit_line(db, "FLUSHALL", "OK");
        submit_line(db, "RANDOMKEY", "(nil)");
        submit_line(db, "CLIENT LIST", "");
    }
    struct inbox in = { .db = db };
    const char *argv[] = { "PING", NULL };
    assert_status(kora_submit(db, 0, argv, NULL, on_done, &in), KORA_INVAL);
    assert_status(kora_submit(db, 2, argv, NULL, on_done, &in), KORA_INVAL);
    assert_status(kora_submit(db, 1, NULL, NULL, on_done, &in), KORA_INVAL);
    assert_status(kora_submit(db, 1, argv, NULL, NULL, &in), KORA_INVAL);
    assert_status(kora_submit(NULL, 1, argv, NULL, on_done, &in), KORA_INVAL);
    assert_ok(kora_close(db));
    assert_int_equal(atomic_load(&in.calls), 0);
}

enum { SUBMITTERS = 4, SUBMITS = SANITIZED ? 500 : 3000 };

struct submitter {
    kora *db;
    int number;
    _Atomic unsigned char called[SUBMITS];
    _Atomic int done;
};
struct ticket {
    struct submitter *s;
    int i;
};

static void on_ticket(void *arg, int status, kora_reply *reply) {
    struct ticket *t = arg;
    atomic_fetch_add(&t->s->called[t->i], status == KORA_OK && reply->type == KORA_REPLY_INTEGER ? 1 : 100);
    kora_reply_free(reply);
    atomic_fetch_add(&t->s->done, 1);
    free(t);
}

static void *submit_many(void *arg) {
    struct submitter *s = arg;
    for (int i = 0; i < SUBMITS; i++) {
        struct ticket *t = malloc(sizeof *t);
        char key[16];
        *t = (struct ticket){ s, i };
        snprintf(key, sizeof key, "n%d", i % 10);
        const char *argv[] = { "INCRBY", key, "1" };
        while (kora_submit(s->db, 3, argv, NULL, on_ticket, t) != KORA_OK) {}
    }
    return NULL;
}

static void test_submit_threads(void **state) {
    (void)state;
    kora *db = open_db(2, 4);
    struct submitter *s = calloc(SUBMITTERS, sizeof *s);
    pthread_t t[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++) {
        s[i].db = db;
        t[i] = spawn(submit_many, &s[i]);
    }
    for (int i = 0; i < SUBMITTERS; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < SUBMITTERS; i++) wait_until(atomic_load(&s[i].done) == SUBMITS);
    for (int i = 0; i < SUBMITTERS; i++) {
        for (int k = 0; k < SUBMITS; k++) assert_int_equal(atomic_load(&s[i].called[k]), 1);
    }
    for (int i = 0; i < 10; i++) {
        char key[16], sum[16];
        snprintf(key, sizeof key, "n%d", i);
        snprintf(sum, sizeof sum, "%d", SUBMITTERS * SUBMITS / 10);
        expect(db, key, sum);
    }
    free(s);
    assert_ok(kora_close(db));
}

// ---- misuse ----------------------------------------------------------------------------------------------------------------------

// Handles as a host may hold them when it calls where it must not.
struct holder {
    kora *db;
    kora_session *session;
    kora_iter *iter;
    kora_pinned pinned;
};

static void hold(struct holder *h, kora *db) {
    h->db = db;
    assert_ok(put(db, "held", "v"));
    assert_ok(kora_session_open(db, &h->session));
    assert_ok(kora_iter_open(db, NULL, 0, &h->iter));
    assert_ok(kora_pin(db, LIT("held"), &h->pinned));
}

static void let_go(struct holder *h) {
    kora_session_close(h->session);
    kora_iter_close(h->iter);
    kora_unpin(h->db, &h->pinned);
}

// Calls everything that may wait. Returns the name of one that did not answer MISUSE; NULL: all did.
static const char *call_waiting(struct holder *h) {
    kora *db = h->db;
    void *p = NULL;
    char *text = NULL, byte;
    const void *key = NULL;
    size_t n = 0;
    int64_t i = 0;
    kora_pinned pin = { 0 };
    kora_value value;
    kora_bytes bytes = { "held", 4 };
    kora_session *session = NULL;
    kora_iter *iter = NULL;
    kora_reply *reply = NULL;
#define REFUSED(call)                            \
    do {                                         \
        if ((call) != KORA_MISUSE) return #call; \
    } while (0)
    REFUSED(kora_set(db, LIT("held"), LIT("x"), NULL));
    REFUSED(kora_get(db, LIT("held"), &p, &n));
    REFUSED(kora_get_into(db, LIT("held"), &byte, 1, &n));
    REFUSED(kora_pin(db, LIT("held"), &pin));
    REFUSED(kora_del(db, LIT("held")));
    REFUSED(kora_exists(db, LIT("held")));
    REFUSED(kora_incr(db, LIT("n"), 1, &i));
    REFUSED(kora_cas(db, LIT("held"), LIT("v"), LIT("x"), NULL));
    REFUSED(kora_expire(db, LIT("held"), 1, 0));
    REFUSED(kora_expire_at(db, LIT("held"), 1, 0));
    REFUSED(kora_persist(db, LIT("held")));
    REFUSED(kora_ttl(db, LIT("held"), &i));
    REFUSED(kora_get_many(db, &bytes, 1, &value, &byte, 1, &n));
    REFUSED(kora_get_many(db, &bytes, 0, &value, &byte, 1, &n));
    REFUSED(kora_set_many(db, &bytes, &bytes, 1, 0));
    REFUSED(kora_del_many(db, &bytes, 1, &n));
    REFUSED(kora_iter_open(db, NULL, 0, &iter));
    REFUSED(kora_iter_next(h->iter, &key, &n));
    REFUSED(kora_session_open(db, &session));
    REFUSED(kora_exec(db, NULL, 1, (const char *const[]){ "PING" }, NULL, &reply));
    REFUSED(kora_exec(db, h->session, 1, (const char *const[]){ "FLUSHALL" }, NULL, &reply));
    REFUSED(kora_listen(db, "tcp://127.0.0.1:0", NULL, 0, NULL, 0));
    REFUSED(kora_config_set(db, "maxclients", "5", NULL, 0));
    REFUSED(kora_config_get(db, "maxclients", &text));
    REFUSED(kora_close(db));
    return p || text || key || n || i || pin.data || session || iter || reply ? "an output was touched" : NULL;
}

struct trap {
    struct holder own, other; // of the database whose callback this is, and of another one
    const char *bad;
    _Atomic int submitted, done;
};

static void on_second(void *arg, int status, kora_reply *reply) {
    struct trap *t = arg;
    if (status != KORA_OK || reply->type != KORA_REPLY_STATUS) t->bad = "a command that a callback has submitted";
    kora_reply_free(reply);
    atomic_fetch_add(&t->done, 1);
}

static void inside(struct trap *t) {
    kora *opened = NULL;
    kora_stats stats = KORA_STATS_INIT;
    const char *bad = call_waiting(&t->own);
    if (!bad) bad = call_waiting(&t->other);
    if (!bad && (kora_open(NULL, NULL, &opened) != KORA_MISUSE || opened)) bad = "kora_open";
    // What never waits is allowed.
    if (!bad && (kora_get_stats(t->own.db, &stats) != KORA_OK || kora_get_stats(t->other.db, &stats) != KORA_OK)) bad = "kora_get_stats";
    if (!bad && !kora_database(t->own.db, 1)) bad = "kora_database";
    kora_unpin(t->own.db, &t->own.pinned);
    kora_unpin(t->other.db, &t->other.pinned);
    if (!bad && (t->own.pinned.data || t->other.pinned.data)) bad = "kora_unpin";
    const char *argv[] = { "SET", "from", "callback" };
    kora *both[] = { t->own.db, t->other.db };
    for (int i = 0; i < 2; i++) {
        if (kora_submit(both[i], 3, argv, NULL, on_second, t) == KORA_OK) atomic_fetch_add(&t->submitted, 1);
        else if (!bad) bad = "kora_submit";
    }
    if (bad) t->bad = bad;
}

static void on_first(void *arg, int status, kora_reply *reply) {
    struct trap *t = arg;
    if (status != KORA_OK) t->bad = "status";
    kora_reply_free(reply);
    inside(t);
    atomic_fetch_add(&t->done, 1);
}

static void expect_trapped(struct trap *t, int callbacks) {
    wait_until(atomic_load(&t->done) == atomic_load(&t->submitted) + callbacks);
    if (t->bad) fail_msg("%s", t->bad);
    assert_int_equal(atomic_load(&t->submitted), 2);
    expect(t->own.db, "from", "callback"); // and out here all is as before
    expect(t->other.db, "from", "callback");
    expect(t->own.db, "held", "v");
    let_go(&t->own);
    let_go(&t->other);
    assert_ok(kora_close(t->other.db));
    assert_ok(kora_close(t->own.db));
}

static void test_misuse_done(void **state) {
    (void)state;
    struct trap t = { .bad = NULL };
    hold(&t.own, open_db(2, 8));
    hold(&t.other, open_db(1, 4));
    assert_ok(kora_submit(t.own.db, 1, (const char *const[]){ "PING" }, NULL, on_first, &t));
    expect_trapped(&t, 1);
}

struct log_trap {
    struct trap trap;
    bool armed;
    int calls, level;
    char text[64];
};

static void on_log(void *arg, int level, const char *text) {
    struct log_trap *t = arg;
    t->calls++;
    t->level = level;
    snprintf(t->text, sizeof t->text, "%s", text);
    if (!t->armed) return;
    t->armed = false;
    inside(&t->trap);
}

static void test_misuse_log(void **state) {
    (void)state;
    struct log_trap t = { .armed = false };
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    o.log = on_log;
    o.log_arg = &t;
    o.log_level = KORA_LOG_NOTICE;
    assert_ok(kora_open(NULL, &o, &db));
    hold(&t.trap.own, db);
    hold(&t.trap.other, open_db(1, 4));
    int before = t.calls;
    engine_log(db->engine, KORA_LOG_VERBOSE, "below the level");
    assert_int_equal(t.calls, before);
    t.armed = true;
    engine_log(db->engine, KORA_LOG_WARNING, "line %d", 7);
    assert_int_equal(t.calls, before + 1);
    assert_int_equal(t.level, KORA_LOG_WARNING);
    assert_string_equal(t.text, "line 7");
    expect_trapped(&t.trap, 0);
}

// ---- fork ------------------------------------------------------------------------------------------------------------------------

static int in_child(struct holder *h) {
    kora_stats stats = KORA_STATS_INIT;
    const char *bad = call_waiting(h);
    struct inbox in = { .db = h->db };
    if (!bad && kora_get_stats(h->db, &stats) != KORA_MISUSE) bad = "kora_get_stats";
    if (!bad && kora_submit(h->db, 1, (const char *const[]){ "PING" }, NULL, on_done, &in) != KORA_MISUSE) bad = "kora_submit";
    if (!bad && kora_database(h->db, 1)) bad = "kora_database";
    kora_unpin(h->db, &h->pinned); // nothing happens
    kora_session_close(h->session);
    kora_iter_close(h->iter);
    if (!bad && call_waiting(h)) bad = "a second time";
    if (!bad && atomic_load(&in.calls)) bad = "a callback";
#if !SANITIZED
    kora *own; // a child may have a database of its own
    if (!bad && (kora_open(NULL, NULL, &own) != KORA_OK || put(own, "a", "b") != KORA_OK)) bad = "its own database";
    if (!bad && thread_state.gate && atomic_load(&thread_state.gate->owner) != (uint32_t)gettid()) bad = "the parent's gate";
    if (!bad && kora_close(own) != KORA_OK) bad = "closing its own database";
#endif
    if (bad) fprintf(stderr, "in the child: %s\n", bad);
    return bad != NULL;
}

// What led to the parent's memory is not in the child, which valgrind would call a leak: there it goes by exec.
static void leave_child(int bad) {
    if (on_valgrind()) execl("/bin/sh", "sh", "-c", bad ? "exit 1" : "exit 0", (char *)NULL);
    _exit(bad);
}

static void test_fork(void **state) {
    (void)state;
    struct holder h, numbered;
    kora *db = open_db(2, 8);
    hold(&h, db);
    hold(&numbered, kora_database(db, 2));
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) leave_child(in_child(&h) || in_child(&numbered));
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_int_equal(how, 0);
        expect(db, "held", "v");
        expect_reply(db, h.session, "GET held", "v");
        assert_memory_equal(h.pinned.data, "v", 1);
        submit_line(db, "GET held", "v");
    }
    const void *key;
    size_t len;
    assert_ok(kora_iter_next(h.iter, &key, &len));
    let_go(&h);
    let_go(&numbered);
    assert_ok(kora_close(db));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_large_replies),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_submit),
        cmocka_unit_test(test_submit_threads),
        cmocka_unit_test(test_misuse_done),
        cmocka_unit_test(test_misuse_log),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
