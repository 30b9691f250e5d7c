// The memory limit as an embedding program meets it: what is refused and what goes on, which keys it is told of, and that the account is what the process takes.
#include "unit/api.h"

#include <unistd.h>

static kora *open_capped(uint64_t memory_max, const char *policy, kora_removed_fn *removed, void *arg) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.shards = 2;
    o.stripes = 16;
    o.memory_max = memory_max;
    o.removed = removed;
    o.removed_arg = arg;
    assert_ok(kora_open(NULL, &o, &db));
    assert_ok(kora_config_set(db, "maxmemory-policy", policy, NULL, 0));
    return db;
}

static kora_stats stats_of(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    return s;
}

static int put_number(kora *db, int i, size_t len) {
    static const char value[100000];
    char key[32];
    int n = snprintf(key, sizeof key, "key:%d", i);
    return kora_set(db, key, (size_t)n, value, len, NULL);
}

// ---- noeviction -----------------------------------------------------------------------------------------------------------------

static void refused_and_not(void **state) {
    (void)state;
    kora *db = open_capped(1 << 20, "noeviction", NULL, NULL);
    int n = 0, status;
    while ((status = put_number(db, n, 500)) == KORA_OK) n++;
    assert_status(status, KORA_FULL);
    assert_true(n > 500 && n < 2000);
    kora_stats s = stats_of(db);
    assert_true(s.memory_max == 1 << 20 && s.memory_counted > s.memory_max && s.memory_counted < s.memory_max + 20000 && s.evicted == 0);

    // Far above: what compaction finds meanwhile does not help.
    assert_ok(kora_config_set(db, "maxmemory", "512kb", NULL, 0));
    kora_bytes item = { "x", 1 };
    kora_field field = { { "f", 1 }, { "v", 1 } };
    kora_member member = { { "m", 1 }, 1 };
    int64_t number;
    double real;
    assert_status(put(db, "key:0", "overwritten"), KORA_FULL);
    assert_status(kora_cas(db, LIT("key:0"), NULL, 0, LIT("v"), NULL), KORA_FULL);
    kora_set_options opt = KORA_SET_OPTIONS_INIT;
    opt.ttl_ms = 1000;
    assert_status(kora_set(db, LIT("key:0"), LIT("v"), &opt), KORA_FULL);
    assert_status(kora_incr(db, LIT("n"), 1, &number), KORA_FULL);
    assert_status(kora_set_many(db, &item, &item, 1, 0), KORA_FULL);
    assert_status(kora_hset(db, LIT("h"), &field, 1, NULL), KORA_FULL);
    assert_status(kora_hincr(db, LIT("h"), LIT("f"), 1, &number), KORA_FULL);
    assert_status(kora_push(db, LIT("l"), 0, &item, 1, NULL), KORA_FULL);
    assert_status(kora_sadd(db, LIT("s"), &item, 1, NULL), KORA_FULL);
    assert_status(kora_zadd(db, LIT("z"), 0, &member, 1, NULL), KORA_FULL);
    assert_status(kora_zincr(db, LIT("z"), LIT("m"), 1, &real), KORA_FULL);
    kora_reply *r = run(db, NULL, "SET k v");
    assert_int_equal(r->type, KORA_REPLY_ERROR);
    assert_string_equal(r->str, "OOM command not allowed when used memory > 'maxmemory'.");
    kora_reply_free(r);

    // A transaction is refused as a whole.
    kora_txn *t;
    const char *set[] = { "SET", "k", "v" }, *del[] = { "DEL", "key:5" };
    assert_ok(kora_txn_begin(db, &t));
    assert_ok(kora_txn_add(t, 2, del, NULL));
    assert_ok(kora_txn_add(t, 3, set, NULL));
    assert_status(kora_txn_exec(t, NULL), KORA_FULL);
    assert_ok(kora_exists(db, LIT("key:5")));
    assert_ok(kora_txn_add(t, 2, del, NULL));
    assert_ok(kora_txn_exec(t, NULL));
    assert_status(kora_exists(db, LIT("key:5")), KORA_NOTFOUND);
    kora_txn_free(t);

    // Reading and deleting go on, and make room.
    void *p;
    size_t len;
    assert_ok(kora_get(db, LIT("key:7"), &p, &len));
    kora_free(p);
    assert_ok(kora_expire(db, LIT("key:8"), 100000, 0));
    assert_ok(kora_config_set(db, "maxmemory", "1mb", NULL, 0));
    for (int i = 0; i < 100; i++) {
        char key[32];
        kora_del(db, key, (size_t)snprintf(key, sizeof key, "key:%d", i));
    }
    assert_ok(put(db, "k", "v"));
    // So does more of it.
    while (put_number(db, n, 500) == KORA_OK) n++;
    assert_ok(kora_config_set(db, "maxmemory", "2mb", NULL, 0));
    assert_ok(put_number(db, n, 500));
    assert_ok(kora_config_set(db, "maxmemory", "800kb", NULL, 0));
    assert_status(put_number(db, n, 500), KORA_FULL);
    assert_ok(kora_config_set(db, "maxmemory", "0", NULL, 0));
    assert_ok(put_number(db, n, 500));
    assert_ok(kora_close(db));
}

// ---- what the program is told ------------------------------------------------------------------------------------------------------

struct told {
    kora *db;
    _Atomic uint64_t expired, evicted, missed, bad, stuck;
};

static void on_removed(void *arg, int cause, uint32_t database, const void *key, size_t len) {
    struct told *t = arg;
    while (atomic_load(&t->stuck)) sleep_ms(1);
    switch (cause) {
    case KORA_CAUSE_EXPIRED: atomic_fetch_add(&t->expired, 1); break;
    case KORA_CAUSE_EVICTED: atomic_fetch_add(&t->evicted, 1); break;
    case KORA_CAUSE_MISSED:
        atomic_fetch_add(&t->missed, len);
        if (key || database) atomic_fetch_add(&t->bad, 1);
        return;
    default: atomic_fetch_add(&t->bad, 1); return;
    }
    bool ok = len >= 5 && memcmp(key, "key:", 4) == 0 && database == (((const char *)key)[4] == 'e');
    if (!ok || kora_exists(t->db, key, len) != KORA_MISUSE) atomic_fetch_add(&t->bad, 1);
}

static void told_of_causes(void **state) {
    (void)state;
    struct told t = { 0 };
    kora *db = t.db = open_capped(1 << 20, "allkeys-lru", on_removed, &t), *one = kora_database(db, 1);
    kora_set_options opt = KORA_SET_OPTIONS_INIT;
    opt.ttl_ms = 1;
    for (int i = 0; i < 10; i++) {
        char key[32];
        assert_ok(kora_set(one, key, (size_t)snprintf(key, sizeof key, "key:e%d", i), "v", 1, &opt));
    }
    wait_until(stats_of(db).expired == 10);
    for (int i = 0; i < 10000; i++) assert_ok(put_number(db, i, 300));
    kora_stats s = stats_of(db);
    assert_true(s.evicted > 5000 && s.keys < 4000 && s.memory_counted < (1 << 20) + 20000);
    wait_until(t.expired + t.evicted == 10 + stats_of(db).evicted);
    assert_true(t.expired == 10 && t.missed == 0 && t.bad == 0);
    // Deleted, overwritten and flushed keys are not told of.
    put_number(db, 9999, 300);
    assert_ok(kora_del(db, LIT("key:9999")));
    s = stats_of(db);
    kora_reply_free(run(db, NULL, "FLUSHALL"));
    assert_ok(kora_close(db));
    assert_true(t.expired == 10 && t.evicted == s.evicted && t.bad == 0);
}

// A program that does not keep up is told how many it was not told of.
static void told_how_many_were_missed(void **state) {
    (void)state;
    enum { KEYS = 250000, WAITING = 2 * 65536 };
    struct told t = { 0 };
    kora *db = t.db = open_capped(0, "allkeys-lru", on_removed, &t);
    atomic_store(&t.stuck, 1);
    for (int i = 0; i < KEYS; i++) assert_ok(put_number(db, i, 8));
    assert_ok(kora_config_set(db, "maxmemory", "300kb", NULL, 0));
    // Both shards are stuck; who writes makes room.
    for (int i = 0; i < 100000 && stats_of(db).evicted < WAITING + 20000; i++) assert_ok(put_number(db, KEYS + i, 8));
    atomic_store(&t.stuck, 0);
    wait_until(t.evicted + t.missed == stats_of(db).evicted);
    assert_true(t.missed > 0 && t.evicted >= WAITING / 2 && t.bad == 0);
    assert_ok(kora_close(db));
}

// ---- threads -----------------------------------------------------------------------------------------------------------------------

enum { WRITERS = 4, LIMIT = 4 << 20 };

static void *write_much(void *arg) {
    kora *db = arg;
    struct random r;
    random_seed(&r, (uint64_t)(uintptr_t)&r);
    for (int i = 0; i < (slow() ? 5000 : 15000); i++) {
        int key = (int)random_below(&r, 50000);
        int status = random_below(&r, 4) ? put_number(db, key, random_below(&r, 100) ? random_below(&r, 400) : random_below(&r, 30000)) : KORA_OK;
        if (status != KORA_OK) return "a write was refused";
        char name[32];
        void *p;
        size_t n, len = (size_t)snprintf(name, sizeof name, "key:%d", key);
        if (kora_get(db, name, len, &p, &n) == KORA_OK) kora_free(p);
        kora_field f = { { name, len }, { name, len } };
        if (i % 8 == 0 && kora_hset(db, name, 6, &f, 1, NULL) == KORA_FULL) return "a hash was refused";
        if (stats_of(db).memory_counted > LIMIT + LIMIT / 4) return "far above the limit";
    }
    return NULL;
}

static void threads_at_the_limit(void **state) {
    (void)state;
    static const char *const policies[] = { "allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-s3fifo" };
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        struct told t = { 0 };
        kora *db = t.db = open_capped(LIMIT, policies[p], NULL, NULL);
        pthread_t threads[WRITERS];
        for (int i = 0; i < WRITERS; i++) threads[i] = spawn(write_much, db);
        for (int i = 0; i < WRITERS; i++) {
            void *said;
            pthread_join(threads[i], &said);
            if (said) fail_msg("%s: %s", policies[p], (const char *)said);
        }
        kora_stats s = stats_of(db);
        assert_true(s.evicted > 0 && s.memory_counted < LIMIT + LIMIT / 8);
        assert_ok(kora_close(db));
    }
}

// ---- the account and the process -----------------------------------------------------------------------------------------------------

static int64_t resident(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*u %ld", &pages), 1);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void fill_small(kora *db) {
    for (int i = 0; i < (slow() ? 20000 : 300000); i++) assert_ok(put_number(db, i, 8));
}
static void fill_large(kora *db) {
    for (int i = 0; i < 800; i++) assert_ok(put_number(db, i, 1000 + (size_t)i * 100));
}
static void fill_collections(kora *db) {
    char key[32], name[32];
    for (int i = 0; i < (slow() ? 2000 : 100000); i++) {
        size_t k = (size_t)snprintf(key, sizeof key, "c:%d", i % 100), n = (size_t)snprintf(name, sizeof name, "member:%d", i);
        kora_field f = { { name, n }, { name, n } };
        kora_member m = { { name, n }, i };
        kora_bytes b = { name, n };
        key[0] = 'h';
        assert_ok(kora_hset(db, key, k, &f, 1, NULL));
        key[0] = 'z';
        assert_ok(kora_zadd(db, key, k, 0, &m, 1, NULL));
        key[0] = 's';
        assert_ok(kora_sadd(db, key, k, &b, 1, NULL));
        key[0] = 'l';
        assert_ok(kora_push(db, key, k, 1, &b, 1, NULL));
    }
}

// What is counted is resident; what is resident is counted, but for a tenth and what a process takes anyway.
static void counted_is_resident(void **state) {
    (void)state;
    enum { SLACK = 6 << 20 };
    static void (*const fill[])(kora *db) = { fill_small, fill_large, fill_collections };
    if (slow()) skip(); // their memory is not the library's alone
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        int64_t before = resident();
        kora *db = open_capped(1ull << 40, "noeviction", NULL, NULL);
        int64_t empty = (int64_t)stats_of(db).memory_counted;
        assert_true(empty > 0 && empty < resident());
        fill[i](db);
        int64_t counted = (int64_t)stats_of(db).memory_counted, grown = resident() - before;
        print_message("counted %lld KB, resident %lld KB\n", (long long)counted / 1024, (long long)grown / 1024);
        assert_true(counted < grown + (1 << 20)); // what was resident before, and free, may be used again
        assert_true(grown < counted + counted / 10 + SLACK);
        assert_ok(kora_close(db));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_is_resident),
        cmocka_unit_test(refused_and_not),
        cmocka_unit_test(told_of_causes),
        cmocka_unit_test(told_how_many_were_missed),
        cmocka_unit_test(threads_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
