// Everything at the same time from many threads: typed calls, commands, submitted ones, many keys, flushes, pins, iterators, expiry. What can
// be said whatever the order: sums of increments, pairs that are always equal, values that tell their own length, keys that stay.
#include "unit/api.h"

#include <sched.h>

enum { THREADS = 6, COUNTERS = 8, PAIRS = 4, STAYING = 100, LENGTH_MAX = 40000 };

struct world {
    kora *db;
    kora *flushed; // number 1: emptied all the time
    uint64_t seed;
    int steps;
    _Atomic uint64_t added[COUNTERS];
    _Atomic uint64_t submitted, answered;
    _Atomic bool go;
    char *bytes;
};

struct thread {
    struct world *w;
    struct random r;
    pthread_t id;
};

static uint64_t below(struct thread *t, uint64_t n) { return random_below(&t->r, n); }

// ---- what each may do ------------------------------------------------------------------------------------------------------------

static void on_added(void *arg, int status, kora_reply *reply) {
    struct world *w = arg;
    if (status != KORA_OK || reply->type != KORA_REPLY_INTEGER) abort();
    kora_reply_free(reply);
    atomic_fetch_add(&w->answered, 1);
}

static void add_to_counter(struct thread *t) {
    struct world *w = t->w;
    char key[32], line[64];
    uint64_t which = below(t, COUNTERS);
    int64_t n;
    void *p;
    size_t len;
    snprintf(key, sizeof key, "counter:%d", (int)which);
    switch (below(t, 4)) {
    case 0: assert_ok(kora_incr(w->db, key, strlen(key), 1, &n)); break;
    case 1:
        snprintf(line, sizeof line, "INCRBY %s 1", key);
        kora_reply_free(run(w->db, NULL, line));
        break;
    case 2:
        assert_ok(kora_submit(w->db, 3, (const char *const[]){ "INCRBY", key, "1" }, NULL, on_added, w));
        atomic_fetch_add(&w->submitted, 1);
        break;
    case 3: // until nobody has come in between
        for (;;) {
            char text[32];
            int status = kora_get(w->db, key, strlen(key), &p, &len);
            if (status == KORA_NOTFOUND) status = kora_cas(w->db, key, strlen(key), NULL, 0, "1", 1, NULL);
            else {
                assert_ok(status);
                int digits = snprintf(text, sizeof text, "%lld", strtoll(p, NULL, 10) + 1);
                status = kora_cas(w->db, key, strlen(key), p, len, text, (size_t)digits, NULL);
                kora_free(p);
            }
            if (status == KORA_OK) break;
            assert_status(status, KORA_NOTSET);
        }
        break;
    }
    atomic_fetch_add(&w->added[which], 1);
}

static void write_pair(struct thread *t) {
    char one[32], two[32], value[32], line[160];
    int which = (int)below(t, PAIRS), n;
    snprintf(one, sizeof one, "one:%d", which);
    snprintf(two, sizeof two, "two:%d", which);
    n = snprintf(value, sizeof value, "%llu", (unsigned long long)random_next(&t->r));
    kora_bytes keys[] = { { one, strlen(one) }, { two, strlen(two) } }, values[] = { { value, (size_t)n }, { value, (size_t)n } };
    switch (below(t, 3)) {
    case 0: assert_ok(kora_set_many(t->w->db, keys, values, 2, 0)); break;
    case 1:
        snprintf(line, sizeof line, "MSET %s %s %s %s", two, value, one, value);
        expect_reply(t->w->db, NULL, line, "OK");
        break;
    case 2: assert_ok(kora_del_many(t->w->db, keys, 2, NULL)); break;
    }
}

static void read_pair(struct thread *t) {
    char one[32], two[32], buffer[64];
    int which = (int)below(t, PAIRS);
    snprintf(one, sizeof one, "one:%d", which);
    snprintf(two, sizeof two, "two:%d", which);
    kora_bytes keys[] = { { one, strlen(one) }, { two, strlen(two) } };
    kora_value got[2];
    assert_ok(kora_get_many(t->w->db, keys, 2, got, buffer, sizeof buffer, NULL));
    assert_int_equal(got[0].status, got[1].status);
    assert_int_equal(got[0].len, got[1].len);
    if (got[0].len) assert_memory_equal(got[0].data, got[1].data, got[0].len);
}

// Values whose bytes follow from their length: what is read must be one that was written, whole.
static void write_long(struct thread *t, kora *db) {
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    char key[32];
    snprintf(key, sizeof key, "long:%d", (int)below(t, 6));
    size_t n = below(t, LENGTH_MAX);
    if (below(t, 3) == 0) o.ttl_ms = 1 + (int64_t)below(t, 3);
    if (below(t, 5) == 0) {
        int status = kora_del(db, key, strlen(key));
        assert_true(status == KORA_OK || status == KORA_NOTFOUND);
    } else {
        assert_ok(kora_set(db, key, strlen(key), t->w->bytes + n, n, &o));
    }
}

static void check_long(struct thread *t, const void *p, size_t n) {
    assert_true(n < LENGTH_MAX);
    assert_memory_equal(p, t->w->bytes + n, n);
}

static void read_long(struct thread *t, kora *db) {
    char key[32];
    void *p;
    size_t n;
    kora_pinned pins[3];
    snprintf(key, sizeof key, "long:%d", (int)below(t, 6));
    int status;
    switch (below(t, 4)) {
    case 0:
        status = kora_get(db, key, strlen(key), &p, &n);
        if (status == KORA_OK) check_long(t, p, n), kora_free(p);
        break;
    case 1:
        p = malloc(LENGTH_MAX);
        status = kora_get_into(db, key, strlen(key), p, LENGTH_MAX, &n);
        if (status == KORA_OK) check_long(t, p, n);
        free(p);
        break;
    case 2:
        for (int i = 0; i < 3; i++) pins[i].pin_ = NULL;
        for (int i = 0; i < 3; i++) status = kora_pin(db, key, strlen(key), &pins[i]);
        sched_yield();
        for (int i = 0; i < 3; i++) {
            if (pins[i].pin_) check_long(t, pins[i].data, pins[i].len);
            kora_unpin(db, &pins[i]);
        }
        break;
    default: {
        kora_reply *r = NULL;
        status = kora_exec(db, NULL, 2, (const char *const[]){ "GET", key }, NULL, &r);
        assert_ok(status);
        if (r->type == KORA_REPLY_STRING) check_long(t, r->str, r->len);
        kora_reply_free(r);
        break;
    }
    }
    assert_true(status == KORA_OK || status == KORA_NOTFOUND);
}

static void iterate(struct thread *t) {
    kora_iter *it;
    const void *key;
    size_t len, n = 0;
    int status;
    assert_ok(kora_iter_open(t->w->db, LIT("staying:*"), &it));
    while ((status = kora_iter_next(it, &key, &len)) == KORA_OK) n++;
    assert_status(status, KORA_NOTFOUND);
    assert_int_equal(n, STAYING);
    kora_iter_close(it);
}

static void expire_something(struct thread *t) {
    char key[32];
    int status;
    snprintf(key, sizeof key, "long:%d", (int)below(t, 6));
    switch (below(t, 3)) {
    case 0: status = kora_expire(t->w->db, key, strlen(key), (int64_t)below(t, 4), 0); break;
    case 1: status = kora_persist(t->w->db, key, strlen(key)); break;
    default: status = kora_exists(t->w->db, key, strlen(key)); break;
    }
    assert_true(status == KORA_OK || status == KORA_NOTFOUND || status == KORA_NOTSET);
}

static void anything(struct thread *t) {
    static const char *const lines[] = { "FLUSHDB", "FLUSHDB ASYNC", "DBSIZE", "KEYS *", "SCAN 0 COUNT 1000", "RANDOMKEY",
        "MSET x:0 a x:1 b x:2 c x:3 d", "INFO", "SWAPDB 1 2" };
    const char *line = lines[below(t, ARRAY_LEN(lines))];
    kora_reply *r = NULL;
    assert_ok(run_status(t->w->flushed, NULL, line, &r));
    assert_int_not_equal(r->type, KORA_REPLY_ERROR);
    kora_reply_free(r);
}

static void *work(void *arg) {
    struct thread *t = arg;
    struct world *w = t->w;
    kora_stats s = KORA_STATS_INIT;
    while (!atomic_load(&w->go)) sched_yield();
    for (int i = 0; i < w->steps; i++) {
        switch (below(t, 16)) {
        case 0:
        case 1:
        case 2:
        case 3: add_to_counter(t); break;
        case 4: write_pair(t); break;
        case 5:
        case 6: read_pair(t); break;
        case 7:
        case 8: write_long(t, below(t, 3) ? w->db : w->flushed); break;
        case 9:
        case 10:
        case 11: read_long(t, below(t, 3) ? w->db : w->flushed); break;
        case 12: expire_something(t); break;
        case 13: assert_ok(kora_get_stats(w->db, &s)); break;
        case 14:
            if (below(t, 20) == 0) iterate(t);
            break;
        case 15:
            if (below(t, 4) == 0) anything(t);
            break;
        }
    }
    return NULL;
}

// ---- all together ------------------------------------------------------------------------------------------------------------------

static void storm(uint64_t seed, uint32_t shards, uint32_t stripes, int steps) {
    struct world w = { .seed = seed, .steps = steps };
    struct thread threads[THREADS];
    w.db = open_db(shards, stripes);
    w.flushed = kora_database(w.db, 1);
    w.bytes = malloc(2 * LENGTH_MAX);
    for (int i = 0; i < 2 * LENGTH_MAX; i++) w.bytes[i] = (char)((unsigned)i * 2654435761u >> 13);
    for (int i = 0; i < STAYING; i++) {
        char key[32];
        snprintf(key, sizeof key, "staying:%d", i);
        assert_ok(put(w.db, key, "v"));
    }
    for (int i = 0; i < THREADS; i++) {
        threads[i].w = &w;
        random_seed(&threads[i].r, seed + (uint64_t)i);
        threads[i].id = spawn(work, &threads[i]);
    }
    atomic_store(&w.go, true);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i].id, NULL);
    wait_until(atomic_load(&w.answered) == atomic_load(&w.submitted));
    for (int i = 0; i < COUNTERS; i++) {
        char key[32], sum[32];
        snprintf(key, sizeof key, "counter:%d", i);
        snprintf(sum, sizeof sum, "%llu", (unsigned long long)atomic_load(&w.added[i]));
        if (atomic_load(&w.added[i])) expect(w.db, key, sum);
    }
    check_stripes(w.db);
    expect_reply(w.db, NULL, "FLUSHALL", "OK");
    check_stripes(w.db);
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(w.db, &s));
    assert_int_equal(s.keys, 0);
    assert_int_equal(s.keys_expiring, 0);
    assert_int_equal(s.memory_used, 0);
    assert_ok(kora_close(w.db));
    free(w.bytes);
}

static void test_threads(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    static const struct {
        uint32_t shards, stripes, delays;
    } forms[] = { { 1, 1, 0 }, { 2, 4, 0 }, { 2, 64, 0 }, { 3, 2, 20 }, { 2, 16, 100 } };
    int rounds = long_form() ? 30 : 1;
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
            atomic_store(&lease_delay_per_mille, forms[i].delays);
            int steps = SANITIZED == 2 || on_valgrind() ? 400 : SANITIZED ? 1000 : 4000;
            storm(seed + (uint64_t)round * 1000, forms[i].shards, forms[i].stripes, forms[i].delays ? steps / 4 : steps);
        }
    }
    atomic_store(&lease_delay_per_mille, 0);
}

// More threads than there are gates, coming and going, then a close.
static void *visit(void *arg) {
    for (int i = 0; i < 3; i++) assert_ok(kora_incr(arg, LIT("visits"), 1, NULL));
    return NULL;
}

static void test_many_threads(void **state) {
    (void)state;
    enum { AT_ONCE = 300, ROUNDS = SANITIZED ? 1 : 5 };
    kora *db = open_db(2, 4);
    char sum[32];
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t t[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) t[i] = spawn(visit, db);
        for (int i = 0; i < AT_ONCE; i++) pthread_join(t[i], NULL);
    }
    snprintf(sum, sizeof sum, "%d", ROUNDS * AT_ONCE * 3);
    expect(db, "visits", sum);
    assert_ok(kora_close(db));
}

// Threads that use two databases by turns, one of which is closed and opened again beneath the other's feet.
struct commuter {
    kora *stays;
    _Atomic bool stop;
    kora *_Atomic comes_and_goes;
    _Atomic int inside;
};

static void *commute(void *arg) {
    struct commuter *c = arg;
    while (!atomic_load(&c->stop)) {
        assert_ok(kora_incr(c->stays, LIT("n"), 1, NULL));
        atomic_fetch_add(&c->inside, 1); // the host sees to it that nobody calls a closed one
        kora *db = atomic_load(&c->comes_and_goes);
        if (db) assert_ok(kora_incr(db, LIT("n"), 1, NULL));
        atomic_fetch_sub(&c->inside, 1);
    }
    return NULL;
}

static void test_two_databases(void **state) {
    (void)state;
    struct commuter c = { .stays = open_db(1, 2) };
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = spawn(commute, &c);
    for (int i = 0; i < (SANITIZED ? 20 : 100); i++) {
        kora *db = open_db(1, 2);
        atomic_store(&c.comes_and_goes, db);
        sleep_ms(1);
        atomic_store(&c.comes_and_goes, NULL);
        while (atomic_load(&c.inside)) sched_yield(); // whoever comes now sees NULL
        assert_ok(kora_close(db));
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    assert_ok(kora_close(c.stays));
}

// ---- calls about everything beside a key that is never free --------------------------------------------------------------------------

struct crowd {
    kora *db;
    _Atomic bool stop;
};

static void *press(void *arg) {
    struct crowd *c = arg;
    while (!atomic_load(&c->stop)) assert_ok(kora_incr(c->db, LIT("n"), 1, NULL));
    return NULL;
}

static uint64_t handed(void) { return atomic_load(&lease_paths[LEASE_PATH_HANDED]); }

// Host threads are quicker than a shard that is told to try again: after some times the lease is kept for it.
static void test_scattered_in_a_crowd(void **state) {
    (void)state;
    struct crowd c = { .db = open_db(1, 1) };
    pthread_t t[3];
    uint64_t before = handed();
    atomic_store(&lease_delay_per_mille, 100); // leases are held for long enough to be met
    for (int i = 0; i < 3; i++) t[i] = spawn(press, &c);
    wait_until((expect_reply(c.db, NULL, "KEYS x*", "[]"), handed() > before));
    atomic_store(&c.stop, true);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    atomic_store(&lease_delay_per_mille, 0);
    assert_ok(kora_close(c.db));
}

static void on_scanned(void *arg, int status, kora_reply *reply) {
    if (status != KORA_OK || reply->count != 2) abort();
    atomic_store((_Atomic int64_t *)arg, (int64_t)reply->elements[1].count);
    kora_reply_free(reply);
}
static void on_ping(void *arg, int status, kora_reply *reply) {
    if (status != KORA_OK) abort();
    atomic_fetch_add((_Atomic int64_t *)arg, 1);
    kora_reply_free(reply);
}

// A scan that takes long lets what comes behind it have its turn, and sees all there is.
static void test_long_scan(void **state) {
    (void)state;
    enum { KEYS = 200000 };
    kora *db = open_db(1, 64);
    _Atomic int64_t scanned = -1, pings = 0;
    bool passed = false;
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "key:%d", i);
        assert_ok(put(db, key, "v"));
    }
    for (int round = 0; round < 100 && !passed; round++) { // the one that sees it may be put off
        atomic_store(&scanned, -1);
        atomic_store(&pings, 0);
        assert_ok(kora_submit(db, 4, (const char *const[]){ "SCAN", "0", "COUNT", "9000000000000000000" }, NULL, on_scanned, &scanned));
        assert_ok(kora_submit(db, 1, (const char *const[]){ "PING" }, NULL, on_ping, &pings));
        while (!atomic_load(&pings)) sched_yield();
        passed = atomic_load(&scanned) < 0;
        wait_until(atomic_load(&scanned) >= 0);
        assert_int_equal(atomic_load(&scanned), KEYS);
    }
    assert_true(passed);
    assert_ok(kora_close(db));
}

int main(void) {
    setenv("CMOCKA_TEST_ABORT", "1", 1); // a failure in a thread can't jump out of it
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_threads), cmocka_unit_test(test_many_threads), cmocka_unit_test(test_two_databases),
        cmocka_unit_test(test_scattered_in_a_crowd), cmocka_unit_test(test_long_scan) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
