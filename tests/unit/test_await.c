// Sync policy `always`, over a log that stands still until the test moves it: nothing of what is not durable yet is seen by anybody outside, all of it is
// afterwards, in order, and commands go on meanwhile.
#include "unit/api.h"
#include "unit/peer.h"

struct world {
    kora *db;
    _Atomic bool stops;
    _Atomic uint64_t epoch; // in which what is done now is logged
    _Atomic uint64_t effects;
    char path[64];
};

static void log_one(void *arg, const struct effect *e) {
    struct world *w = arg;
    await_logged(w->db->engine, e->stripe, atomic_load(&w->epoch));
    atomic_fetch_add(&w->effects, 1);
}

static bool all_apart(kora *db) {
    static const char *const names[] = { "k", "{apart}", "a", "b", "c", "d", "e", "f", "g", "h", "x", "y", "z", "n", "list", "other", "large", "nowhere", "secret" };
    bool taken[1024] = { false };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool *at = &taken[key_place(&db->engine->common, slice_str(names[i])).stripe];
        if (*at) return false;
        *at = true;
    }
    return true;
}

static void open_world(struct world *w, uint32_t shards) {
    char address[sizeof w->path + 8];
    for (;;) { // until each key has a stripe of its own
        w->db = open_db(shards, 1024);
        if (all_apart(w->db)) break;
        assert_ok(kora_close(w->db));
    }
    atomic_store(&w->epoch, 1);
    atomic_store(&w->stops, false);
    atomic_store(&w->effects, 0);
    w->db->engine->common.effects = (struct effect_sink){ .fn = log_one, .arg = w };
    await_set(w->db->engine, true);
    snprintf(w->path, sizeof w->path, "/tmp/kora-test-await-%ld", (long)getpid());
    snprintf(address, sizeof address, "unix://%s", w->path);
    assert_ok(kora_listen(w->db, address, NULL, 0, NULL, 0));
}

static void close_world(struct world *w) {
    assert_ok(kora_close(w->db));
    unlink(w->path);
}

static void advance(struct world *w, uint64_t epoch) { await_advanced(w->db->engine, epoch); }
// All that was done so far is durable, and the next epoch begins.
static void settle(struct world *w) { advance(w, atomic_fetch_add(&w->epoch, 1)); }

static uint64_t logged(struct world *w, const char *key) {
    struct common *c = &w->db->engine->common;
    return atomic_load(&c->stripes[key_place(c, slice_str(key)).stripe].logged);
}

// ---- connections -----------------------------------------------------------------------------------------------------------------

static int join(struct world *w) { return peer_join(w->path); }

static void test_replies(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2);
    int a = join(&w), b = join(&w), c = join(&w);
    say(a, "SET k 1\r\n");
    wait_until(logged(&w, "k") == 1);
    hears_nothing(a);
    say(b, "GET k\r\n"); // neither does a reader
    say(c, "GET {apart}\r\n");
    hears(c, "$-1\r\n");
    hears_nothing(b);
    atomic_store(&w.epoch, 2);
    say(a, "SET k 2\r\n"); // commands go on
    wait_until(logged(&w, "k") == 2);
    advance(&w, 1);
    hears(a, "+OK\r\n");
    hears_nothing(a);
    hears(b, "$1\r\n1\r\n");
    say(b, "PING\r\nGET k\r\nPING\r\n");
    hears(b, "+PONG\r\n");
    hears_nothing(b);
    advance(&w, 2);
    hears(a, "+OK\r\n");
    hears(b, "$1\r\n2\r\n+PONG\r\n");
    say(a, "GET k\r\nDBSIZE\r\n");
    hears(a, "$1\r\n2\r\n:1\r\n");
    // Off: nothing waits, and who waits is let go
    atomic_store(&w.epoch, 3);
    say(a, "SET k 3\r\n");
    wait_until(logged(&w, "k") == 3);
    await_set(w.db->engine, false);
    say(b, "SET k 4\r\n");
    hears(b, "+OK\r\n");
    hears_nothing(a);
    advance(&w, 3);
    hears(a, "+OK\r\n");
    close(a);
    close(b);
    close(c);
    close_world(&w);
}

// Pipelines over several stripes: what needs more does not hold back what comes before it, and order is kept.
static void test_pipelines(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2);
    int a = join(&w), b = join(&w);
    say(a, "MSET a 1 b 2 c 3 d 4 e 5\r\nGET x\r\nSET f 6\r\nMGET a f\r\n");
    wait_until(logged(&w, "f") == 1);
    hears_nothing(a);
    atomic_store(&w.epoch, 2);
    say(a, "INCR a\r\nECHO end\r\n");
    wait_until(logged(&w, "a") == 2);
    say(b, "GET b\r\nGET a\r\n"); // its stripe is behind a's
    advance(&w, 1);
    hears(a, "+OK\r\n$-1\r\n+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n6\r\n");
    hears(b, "$1\r\n2\r\n");
    hears_nothing(a);
    hears_nothing(b);
    advance(&w, 2);
    hears(a, ":2\r\n$3\r\nend\r\n");
    hears(b, "$1\r\n2\r\n");
    // The whole database: the latest of all stripes
    atomic_store(&w.epoch, 3);
    say(a, "SET g 7\r\n");
    wait_until(logged(&w, "g") == 3);
    say(b, "DBSIZE\r\n");
    hears_nothing(b);
    say(b, "KEYS g\r\n");
    hears_nothing(b);
    say(b, "SCAN 0 COUNT 1000\r\nRANDOMKEY\r\nECHO end\r\n");
    hears_nothing(b);
    advance(&w, 3);
    hears(a, "+OK\r\n");
    hears(b, ":7\r\n*1\r\n$1\r\ng\r\n*2\r\n");
    close(b);
    // A large reply, by reference, behind one that waits
    b = join(&w);
    static char large[70000];
    memset(large, 'x', sizeof large - 1);
    size_t n = sizeof large - 1;
    atomic_store(&w.epoch, 4);
    await_set(w.db->engine, false);
    assert_ok(kora_set(w.db, "large", 5, large, n, NULL));
    await_set(w.db->engine, true);
    advance(&w, 4);
    atomic_store(&w.epoch, 5);
    say(b, "STRLEN large\r\nSET h 1\r\nGETRANGE large 0 1\r\nGET large\r\nECHO end\r\n");
    wait_until(logged(&w, "h") == 5);
    hears(b, ":69999\r\n");
    hears_nothing(b);
    advance(&w, 5);
    hears(b, "+OK\r\n$2\r\nxx\r\n$69999\r\n");
    for (size_t left = n; left > 0;) {
        char to[4096];
        ssize_t got = recv(b, to, MIN(sizeof to, left), 0);
        assert_true(got > 0);
        left -= (size_t)got;
    }
    hears(b, "\r\n$3\r\nend\r\n");
    close(a);
    close(b);
    close_world(&w);
}

static void test_ends(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2);
    int a = join(&w), b = join(&w), c = join(&w), d = join(&w);
    say(a, "SET a 1\r\nQUIT\r\n");
    say(b, "SET b 1\r\n");
    say(c, "CLIENT REPLY SKIP\r\nSET c 1\r\nPING\r\nCLIENT REPLY OFF\r\nSET d 1\r\nCLIENT REPLY ON\r\n");
    wait_until(logged(&w, "a") && logged(&w, "b") && logged(&w, "c") && logged(&w, "d"));
    shutdown(b, SHUT_WR); // it still reads
    hears(c, "+PONG\r\n+OK\r\n"); // what it has not asked for does not hold it up
    hears_nothing(a);
    hears_nothing(b);
    say(d, "SET e 1\r\n");
    wait_until(logged(&w, "e"));
    close(d); // loses its reply
    sleep_ms(QUIET_MS);
    settle(&w);
    hears(a, "+OK\r\n+OK\r\n");
    is_closed(a);
    hears(b, "+OK\r\n");
    is_closed(b);
    expect(w.db, "e", "1");
    wait_until(w.db->engine->shards[0].counters.connections + w.db->engine->shards[1].counters.connections == 1);
    // The limits count what waits
    expect_reply(w.db, NULL, "CONFIG SET client-output-buffer-limit \"\"", "OK");
    assert_ok(kora_config_set(w.db, "client-output-buffer-limit", "normal 100 0 0", NULL, 0));
    say(c, "SET f 1\r\n");
    wait_until(logged(&w, "f") == 2);
    say(c, "ECHO 0123456789012345678901234567890\r\nECHO 0123456789012345678901234567890\r\nECHO 0123456789012345678901234567890\r\n");
    is_closed(c);
    // Closing makes nothing durable that is not: here nobody does
    a = join(&w);
    say(a, "SET g 1\r\n");
    wait_until(logged(&w, "g") == 2);
    close_world(&w);
    is_closed(a);
}

// ---- in-process ------------------------------------------------------------------------------------------------------------------

struct job {
    struct world *w;
    const char *what;
    pthread_t thread;
    int status;
    char text[256];
    _Atomic bool done;
};

static void note_done(void *arg, int status, kora_reply *reply) {
    struct job *j = arg;
    struct buf b = { 0 };
    if (reply) describe(reply, &b);
    snprintf(j->text, sizeof j->text, "%.*s", (int)b.n, b.p ? b.p : "");
    buf_free(&b);
    kora_reply_free(reply);
    j->status = status;
    atomic_store(&j->done, true);
}

static void *run_job(void *arg) {
    struct job *j = arg;
    kora *db = j->w->db;
    void *value = NULL;
    char buffer[64];
    size_t n = 0;
    if (strcmp(j->what, "get") == 0) {
        j->status = kora_get(db, "k", 1, &value, &n);
    } else if (strcmp(j->what, "get_into") == 0) {
        j->status = kora_get_into(db, "k", 1, buffer, sizeof buffer, &n);
    } else if (strcmp(j->what, "pin") == 0) {
        kora_pinned p;
        j->status = kora_pin(db, "k", 1, &p);
        kora_unpin(db, &p);
    } else if (strcmp(j->what, "exists") == 0) {
        j->status = kora_exists(db, "k", 1);
    } else if (strcmp(j->what, "hget") == 0) {
        j->status = kora_hget(db, "k", 1, "f", 1, &value, &n) == KORA_WRONGTYPE ? KORA_OK : KORA_INVAL;
    } else if (strcmp(j->what, "get_many") == 0) {
        kora_value v[2];
        j->status = kora_get_many(db, (const kora_bytes[]){ { "x", 1 }, { "k", 1 } }, 2, v, buffer, sizeof buffer, &n);
    } else if (strcmp(j->what, "iter") == 0) {
        kora_iter *it;
        const void *key;
        assert_ok(kora_iter_open(db, NULL, 0, &it));
        while ((j->status = kora_iter_next(it, &key, &n)) == KORA_OK) { }
        kora_iter_close(it);
        if (j->status == KORA_NOTFOUND) j->status = KORA_OK;
    } else if (strcmp(j->what, "txn") == 0) {
        kora_txn *t;
        assert_ok(kora_txn_begin(db, &t));
        assert_ok(kora_txn_add(t, 2, (const char *const[]){ "GET", "k" }, NULL));
        j->status = kora_txn_exec(t, NULL);
        kora_txn_free(t);
    } else if (strcmp(j->what, "submit") == 0) {
        assert_ok(kora_submit(db, 2, (const char *const[]){ "GET", "k" }, NULL, note_done, j));
        return NULL;
    } else if (strcmp(j->what, "submit_set") == 0) {
        assert_ok(kora_submit(db, 3, (const char *const[]){ "SET", "k", "v" }, NULL, note_done, j));
        return NULL;
    } else if (strcmp(j->what, "set") == 0) {
        j->status = kora_set(db, "k", 1, "v", 1, NULL);
    } else if (strcmp(j->what, "set_old") == 0) {
        kora_set_options o = KORA_SET_OPTIONS_INIT;
        o.old = &value;
        j->status = kora_set(db, "k", 1, "w", 1, &o);
        if (j->status != KORA_OK) assert_null(value);
    } else if (strcmp(j->what, "pop") == 0) {
        j->status = kora_pop(db, "list", 4, KORA_FRONT, 0, &value, &n);
    } else if (strcmp(j->what, "set_many") == 0) {
        j->status = kora_set_many(db, (const kora_bytes[]){ { "k", 1 }, { "y", 1 } }, (const kora_bytes[]){ { "1", 1 }, { "2", 1 } }, 2, 0);
    } else {
        kora_reply *r = NULL;
        j->status = run_status(db, NULL, j->what, &r);
        kora_reply_free(r);
    }
    kora_free(value);
    atomic_store(&j->done, true);
    return NULL;
}

static const char *const readers[] = { "get", "get_into", "pin", "exists", "hget", "get_many", "iter", "txn", "submit", "GET k", "KEYS *", "MGET x k", "SORT list" };
static const char *const writers[] = { "set", "set_old", "pop", "set_many", "submit_set", "SET k v", "MSET k 1 z 2", "INCR n", "DEL list", "FLUSHALL" };
enum { JOBS = ARRAY_LEN(readers) + ARRAY_LEN(writers) };

// One of the others may have been quicker.
static bool may_find_nothing(const char *what) { return strcmp(what, "pop") == 0 || strcmp(what, "DEL list") == 0 || strcmp(what, "FLUSHALL") == 0; }

static void start(struct job *j, struct world *w, const char *what) {
    memset(j, 0, sizeof *j);
    j->w = w;
    j->what = what;
    j->thread = spawn(run_job, j);
}

static void test_threads(void **state) {
    (void)state;
    struct world w;
    struct job jobs[JOBS];
    open_world(&w, 2);
    await_set(w.db->engine, false);
    assert_ok(put(w.db, "k", "some text"));
    expect_reply(w.db, NULL, "RPUSH list 1 2 3", ":3");
    await_set(w.db->engine, true);
    advance(&w, 1);
    expect(w.db, "k", "some text");
    atomic_store(&w.epoch, 2);
    await_set(w.db->engine, false);
    assert_ok(put(w.db, "k", "other text"));
    expect_reply(w.db, NULL, "RPUSH list 4", ":4");
    await_set(w.db->engine, true);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) start(&jobs[i], &w, readers[i]);
    sleep_ms(QUIET_MS);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (atomic_load(&jobs[i].done)) fail_msg("%s has not waited", readers[i]);
    }
    assert_status(kora_exists(w.db, "nowhere", 7), KORA_NOTFOUND); // of another stripe
    advance(&w, 2);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        wait_until(atomic_load(&jobs[i].done));
        pthread_join(jobs[i].thread, NULL);
        if (jobs[i].status != KORA_OK) fail_msg("%s: %s", readers[i], kora_status_name(jobs[i].status));
    }
    atomic_store(&w.epoch, 3);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) start(&jobs[i], &w, writers[i]);
    sleep_ms(QUIET_MS);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        if (atomic_load(&jobs[i].done)) fail_msg("%s has not waited", writers[i]);
    }
    advance(&w, 3);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        wait_until(atomic_load(&jobs[i].done));
        pthread_join(jobs[i].thread, NULL);
        if (jobs[i].status != KORA_OK && jobs[i].status != KORA_NOTFOUND) fail_msg("%s: %s", writers[i], kora_status_name(jobs[i].status));
    }
    close_world(&w);
}

// ---- pushed things -----------------------------------------------------------------------------------------------------------------

static int next_message(kora_subscription *s, kora_message *m) {
    struct pollfd p = { .fd = kora_subscription_fd(s), .events = POLLIN };
    int status = kora_subscription_next(s, m);
    if (status == KORA_NOTFOUND) {
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        status = kora_subscription_next(s, m);
    }
    return status;
}

static void test_messages(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 3);
    int publisher = join(&w), sub[3], monitor = join(&w);
    for (int i = 0; i < 3; i++) { // on different shards
        sub[i] = join(&w);
        say(sub[i], "HELLO 3\r\nSUBSCRIBE c __keyevent@0__:set\r\n");
    }
    for (int i = 0; i < 3; i++) {
        char head[16];
        while (recv(sub[i], head, 1, 0) == 1 && head[0] != '>') { }
        hears(sub[i], "3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$18\r\n__keyevent@0__:set\r\n:2\r\n");
    }
    kora_subscription *polled;
    kora_message m;
    assert_ok(kora_subscribe(w.db, (const kora_bytes[]){ { "c", 1 } }, 1, NULL, 0, NULL, &polled));
    // What it has written before must be durable before anybody hears of it
    say(publisher, "SET a 1\r\nPUBLISH c m1\r\n");
    wait_until(logged(&w, "a") == 1);
    for (int i = 0; i < 3; i++) hears_nothing(sub[i]);
    assert_status(kora_subscription_next(polled, &m), KORA_NOTFOUND);
    // Others need not wait; but behind what waits they do
    say(sub[0], "PING\r\n");
    hears_nothing(publisher);
    advance(&w, 1);
    hears(publisher, "+OK\r\n:4\r\n");
    for (int i = 0; i < 3; i++) hears(sub[i], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm1\r\n");
    hears(sub[0], "+PONG\r\n");
    int status;
    status = next_message(polled, &m);
    assert_ok(status);
    assert_memory_equal(m.data.data, "m1", 2);
    // Events, and what transactions publish: nothing before all of it
    expect_reply(w.db, NULL, "CONFIG SET notify-keyspace-events E$", "OK");
    atomic_store(&w.epoch, 2);
    say(publisher, "MULTI\r\nPUBLISH c m2\r\nSET b 1\r\nPUBLISH c m3\r\nEXEC\r\n");
    hears(publisher, "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
    wait_until(logged(&w, "b") == 2);
    for (int i = 0; i < 3; i++) hears_nothing(sub[i]);
    hears_nothing(publisher);
    advance(&w, 2);
    hears(publisher, "*3\r\n:4\r\n+OK\r\n:4\r\n");
    for (int i = 0; i < 3; i++) {
        hears(sub[i], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm2\r\n");
        hears(sub[i], ">3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nb\r\n");
        hears(sub[i], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm3\r\n");
    }
    for (int i = 0; i < 2; i++) {
        status = next_message(polled, &m);
        assert_ok(status);
        assert_memory_equal(m.data.data, i ? "m3" : "m2", 2);
    }
    // Monitors
    expect_reply(w.db, NULL, "CONFIG SET notify-keyspace-events \"\"", "OK");
    say(monitor, "MONITOR\r\n");
    hears(monitor, "+OK\r\n");
    atomic_store(&w.epoch, 3);
    say(publisher, "SET secret 1\r\nMULTI\r\nSET other 1\r\nEXEC\r\n");
    wait_until(logged(&w, "other") == 3);
    hears_nothing(monitor);
    advance(&w, 3);
    hears(monitor, "+");
    for (int words = 0, c = 0; words < 4;) {
        char got;
        assert_int_equal(recv(monitor, &got, 1, 0), 1);
        if (got == '"' && ++c == 2) words++, c = 0; // "SET" "secret" "1" "MULTI" ...
    }
    // A subscriber whose own replies are held gets both in order
    atomic_store(&w.epoch, 4);
    say(sub[1], "SET c 1\r\nPUBLISH c m4\r\n");
    wait_until(logged(&w, "c") == 4);
    hears_nothing(sub[1]);
    hears_nothing(sub[2]);
    settle(&w);
    hears(sub[2], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm4\r\n");
    hears(sub[1], "+OK\r\n");
    // One that goes away while something waits for it
    say(publisher, "SET d 1\r\nPUBLISH c m5\r\n");
    wait_until(logged(&w, "d") == 5);
    hears_nothing(sub[0] = (hears(sub[0], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm4\r\n"), sub[0]));
    assert_ok(kora_unsubscribe(polled));
    close(sub[0]);
    settle(&w);
    hears(sub[2], ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nm5\r\n");
    close(sub[1]);
    close(sub[2]);
    close(publisher);
    close(monitor);
    close_world(&w);
}

// Who waits for a key is answered when what was pushed, and taken, is durable.
static void test_blocked(void **state) {
    (void)state;
    struct world w;
    struct job popper;
    open_world(&w, 2);
    int a = join(&w), b = join(&w);
    say(a, "BLPOP list other 0\r\n");
    wait_until(atomic_load(&w.db->engine->sleepers) == 1);
    start(&popper, &w, "BLPOP list 0");
    wait_until(atomic_load(&w.db->engine->sleepers) == 2);
    say(b, "RPUSH list x y\r\n");
    wait_until(atomic_load(&w.db->engine->sleepers) == 0);
    hears_nothing(a);
    hears_nothing(b);
    assert_false(atomic_load(&popper.done));
    settle(&w);
    hears(a, "*2\r\n$4\r\nlist\r\n$1\r\nx\r\n");
    hears(b, ":2\r\n");
    wait_until(atomic_load(&popper.done));
    pthread_join(popper.thread, NULL);
    assert_ok(popper.status);
    close(a);
    close(b);
    close_world(&w);
}

// ---- failing -----------------------------------------------------------------------------------------------------------------------

static void ended(void *arg, int status, const kora_message *m) {
    if (!m) atomic_store((_Atomic int *)arg, status);
}

static void test_failing(void **state) {
    (void)state;
    struct world w;
    struct job jobs[JOBS], reader;
    _Atomic int told = -1;
    open_world(&w, 2);
    struct engine *e = w.db->engine;
    int a = join(&w), b = join(&w), c = join(&w);
    kora_subscription *polled, *called;
    kora_subscribe_options o = KORA_SUBSCRIBE_OPTIONS_INIT;
    o.fn = ended;
    o.arg = &told;
    kora_message m;
    assert_ok(kora_subscribe(w.db, (const kora_bytes[]){ { "c", 1 } }, 1, NULL, 0, NULL, &polled));
    assert_ok(kora_subscribe(w.db, (const kora_bytes[]){ { "c", 1 } }, 1, NULL, 0, &o, &called));
    await_set(e, false);
    expect_reply(w.db, NULL, "RPUSH list 1 2 3", ":3");
    await_set(e, true);
    say(a, "SET k 1\r\nPUBLISH c m\r\n");
    wait_until(logged(&w, "k") == 1);
    say(b, "GET k\r\n");
    start(&reader, &w, "get");
    hears_nothing(b);
    assert_false(atomic_load(&reader.done));
    // No room on the disk: reads go on, what was written waits
    await_failing(e, AWAIT_STUCK);
    hears(b, "$1\r\n1\r\n");
    wait_until(atomic_load(&reader.done));
    pthread_join(reader.thread, NULL);
    hears_nothing(a);
    say(c, "GET k\r\nSET other 1\r\n");
    hears(c, "$1\r\n1\r\n");
    wait_until(logged(&w, "other") == 1);
    hears_nothing(c);
    // There is room again
    await_failing(e, AWAIT_FINE);
    hears_nothing(a);
    hears_nothing(c);
    settle(&w);
    hears(a, "+OK\r\n:2\r\n");
    hears(c, "+OK\r\n");
    int status;
    status = next_message(polled, &m);
    assert_ok(status);
    // It will never be durable
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) start(&jobs[i], &w, writers[i]);
    sleep_ms(QUIET_MS);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) assert_false(atomic_load(&jobs[i].done));
    say(a, "SET k 2\r\nPUBLISH c m2\r\n");
    say(c, "GET k\r\n");
    wait_until(logged(&w, "k") == 2);
    hears_nothing(a);
    hears_nothing(c);
    await_failing(e, AWAIT_LOST);
    is_closed(a);
    hears(c, "$1\r\n2\r\n");
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        wait_until(atomic_load(&jobs[i].done));
        pthread_join(jobs[i].thread, NULL);
        bool nothing = jobs[i].status == KORA_NOTFOUND || (jobs[i].status == KORA_OK && may_find_nothing(writers[i]));
        if (jobs[i].status != KORA_READONLY && !nothing) fail_msg("%s: %s", writers[i], kora_status_name(jobs[i].status));
    }
    status = next_message(polled, &m);
    assert_status(status, KORA_READONLY);
    wait_until(atomic_load(&told) != -1);
    assert_status(atomic_load(&told), KORA_READONLY);
    assert_ok(kora_unsubscribe(polled));
    assert_ok(kora_unsubscribe(called));
    // What is written nevertheless is not acknowledged; reads are answered
    say(c, "GET k\r\nSET k 3\r\n");
    hears(c, "$1\r\n2\r\n");
    is_closed(c);
    assert_status(put(w.db, "k", "4"), KORA_READONLY);
    expect(w.db, "k", "4");
    close(b);
    close_world(&w);
}

// ---- nobody is left --------------------------------------------------------------------------------------------------------------

// As a log does it: there is a round only if there is something for it; so who was not told is never told.
static void *keep_advancing(void *arg) {
    struct world *w = arg;
    for (uint64_t seen = 0, now; !atomic_load(&w->stops);) {
        now = atomic_load(&w->effects);
        if (now != seen) settle(w);
        else sched_yield();
        seen = now;
    }
    return NULL;
}

struct writer {
    struct world *w;
    int number, rounds;
};

static void *keep_writing(void *arg) {
    struct writer *t = arg;
    char key[32], text[128];
    int fd = join(t->w);
    for (int i = 0; i < t->rounds; i++) {
        snprintf(key, sizeof key, "key%d", (i * 7 + t->number) % 50);
        if (i % 4 == 0) {
            assert_ok(put(t->w->db, key, "text"));
            assert_true(logged(t->w, key) > 0);
            continue;
        }
        uint64_t before = atomic_load(&t->w->epoch);
        snprintf(text, sizeof text, "SET %s %d\r\nPING\r\nGET nowhere\r\n", key, i);
        say(fd, text);
        hears(fd, "+OK\r\n+PONG\r\n$-1\r\n");
        assert_true(atomic_load(&t->w->db->engine->common.durable) >= before); // it was logged after that was read
    }
    close(fd);
    return NULL;
}

static void write_all_the_time(int count) {
    enum { WRITERS = 4 };
    struct world w;
    struct writer writers_of[WRITERS];
    pthread_t threads[WRITERS], log;
    open_world(&w, 2);
    log = spawn(keep_advancing, &w);
    for (int i = 0; i < count; i++) {
        writers_of[i] = (struct writer){ &w, i, slow() ? 300 : 2000 };
        threads[i] = spawn(keep_writing, &writers_of[i]);
    }
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    atomic_store(&w.stops, true);
    pthread_join(log, NULL);
    close_world(&w);
}

static void test_nobody_is_left(void **state) {
    (void)state;
    write_all_the_time(4);
#ifdef KORA_DELAYS
    atomic_store(&lease_delay_per_mille, 100);
#endif
    write_all_the_time(1); // nobody else's effects bring the next round
#ifdef KORA_DELAYS
    atomic_store(&lease_delay_per_mille, 0);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),   cmocka_unit_test(test_pipelines), cmocka_unit_test(test_ends),    cmocka_unit_test(test_threads),
        cmocka_unit_test(test_messages),  cmocka_unit_test(test_blocked),   cmocka_unit_test(test_failing), cmocka_unit_test(test_nobody_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
