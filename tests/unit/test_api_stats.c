// Shards, commands and hot keys as kora.h tells them, while several threads call.
#include "unit/api.h"

#include <pthread.h>

enum { THREADS = 3, CALLS = 200000 };

static void *call_much(void *arg) {
    kora *db = arg;
    char key[16];
    void *p;
    size_t n;
    for (int i = 0; i < CALLS; i++) {
        size_t len = (size_t)snprintf(key, sizeof key, "key:%d", i % 4 ? i % 100 : 0);
        if (i % 10 == 0) assert_ok(kora_set(db, key, len, "value", 5, NULL));
        else if (kora_get(db, key, len, &p, &n) == KORA_OK) kora_free(p);
    }
    return NULL;
}

static void test_counts(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, call_much, db), 0);
    kora_command_stats get = KORA_COMMAND_STATS_INIT, set = KORA_COMMAND_STATS_INIT;
    kora_shard_stats shard = KORA_SHARD_STATS_INIT;
    kora_hot_key hot[5];
    const double percent[] = { 50, 99.9 };
    uint64_t ns[2], calls = 0, keys = 0;
    size_t n = 0;
    for (int i = 0; i < 100; i++) {
        assert_ok(kora_get_command_stats(db, "get", &get, percent, ns, 2));
        assert_ok(kora_get_hot_keys(db, KORA_HOT_BYTES, hot, 5, &n));
        assert_ok(kora_get_shard_stats(db, 1, &shard));
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_ok(kora_get_command_stats(db, "GET", &get, percent, ns, 2));
    assert_ok(kora_get_command_stats(db, "set", &set, NULL, NULL, 0));
    assert_int_equal(get.calls, THREADS * CALLS * 9 / 10);
    assert_int_equal(set.calls, THREADS * CALLS / 10);
    assert_true(ns[0] > 0 && ns[0] <= ns[1] && ns[1] <= get.max_ns && get.failed == 0 && get.rejected == 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_ok(kora_get_shard_stats(db, i, &shard));
        calls += shard.calls;
        keys += shard.keys;
    }
    assert_true(calls == THREADS * CALLS && keys == 6);
    assert_ok(kora_get_hot_keys(db, KORA_HOT_READS, hot, 5, &n));
    // Short calls are told of by samples: of so few calls the second key's share may be ten times what it is.
    assert_true(n == 5 && hot[0].key_len == 5 && memcmp(hot[0].key, "key:0", 5) == 0 && hot[0].rate > 2 * hot[1].rate && hot[0].database == 0);

    assert_status(kora_get_shard_stats(db, 2, &shard), KORA_NOTFOUND);
    assert_status(kora_get_command_stats(db, "nosuch", &get, NULL, NULL, 0), KORA_NOTFOUND);
    assert_status(kora_get_command_stats(db, "get", &get, percent, NULL, 2), KORA_INVAL);
    assert_status(kora_get_hot_keys(db, 3, hot, 5, &n), KORA_INVAL);
    assert_status(kora_get_hot_keys(db, KORA_HOT_READS, hot, 5, NULL), KORA_INVAL);
    assert_status(kora_get_shard_stats(db, 0, NULL), KORA_INVAL);
    assert_ok(kora_get_hot_keys(db, KORA_HOT_READS, NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_close(db));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
