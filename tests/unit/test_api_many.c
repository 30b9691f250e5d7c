// Many keys at one instant, and iterators, with others changing what they see.
#include "unit/api.h"

// ---- many keys -------------------------------------------------------------------------------------------------------------------

// `count` keys, of which every `repeat`-th names the first again, in memory that is one block.
struct batch {
    size_t count;
    kora_bytes *keys, *values;
    kora_value *got;
    char *text;
};

static struct batch batch_make(size_t count, size_t repeat, const char *salt) {
    struct batch b = { count, calloc(count + 1, sizeof *b.keys), calloc(count + 1, sizeof *b.values), calloc(count + 1, sizeof *b.got),
        malloc(64 * (count + 1)) };
    char *p = b.text;
    for (size_t i = 0; i < count; i++) {
        size_t name = repeat && i % repeat == 0 ? 0 : i;
        b.keys[i] = (kora_bytes){ p, (size_t)sprintf(p, "key:%zu", name) };
        p += 32;
        b.values[i] = (kora_bytes){ p, (size_t)sprintf(p, "%s%zu", salt, i) };
        p += 32;
    }
    return b;
}

static void batch_free(struct batch *b) {
    free(b->keys);
    free(b->values);
    free(b->got);
    free(b->text);
}

static const size_t counts[] = { 0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 500, 5000 };

static void test_many(void **state) {
    (void)state;
    kora *db = open_db(2, 64);
    char *buffer = malloc(1 << 20);
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        size_t n = counts[c], used = 7, deleted = 7;
        struct batch b = batch_make(n, 0, "v");
        assert_ok(kora_get_many(db, b.keys, n, b.got, buffer, 1 << 20, &used));
        assert_int_equal(used, 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(b.got[i].status, KORA_NOTFOUND);
            assert_null(b.got[i].data);
            assert_int_equal(b.got[i].len, 0);
        }
        assert_ok(kora_set_many(db, b.keys, b.values, n, 0));
        assert_ok(kora_get_many(db, b.keys, n, b.got, buffer, 1 << 20, &used));
        size_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(b.got[i].status, KORA_OK);
            assert_ptr_equal(b.got[i].data, buffer + sum); // packed
            assert_int_equal(b.got[i].len, b.values[i].len);
            assert_memory_equal(b.got[i].data, b.values[i].data, b.got[i].len);
            sum += b.got[i].len;
            if (i < 20) expect_bytes(db, b.keys[i].data, b.keys[i].len, b.values[i].data, b.values[i].len);
        }
        assert_int_equal(used, sum);
        // A buffer that just does, and one that doesn't
        assert_ok(kora_get_many(db, b.keys, n, b.got, buffer, sum, NULL));
        if (sum) {
            used = 0;
            buffer[sum - 1] = '#';
            assert_status(kora_get_many(db, b.keys, n, b.got, buffer, sum - 1, &used), KORA_NOSPACE);
            assert_int_equal(used, sum);
            assert_int_equal(buffer[sum - 1], '#');
            assert_status(kora_get_many(db, b.keys, n, b.got, NULL, 0, &used), KORA_NOSPACE);
            assert_int_equal(used, sum);
            assert_status(kora_get_many(db, b.keys, n, b.got, NULL, 0, NULL), KORA_NOSPACE);
        }
        // With a key in between that isn't there
        if (n > 2) {
            assert_ok(kora_del(db, b.keys[1].data, b.keys[1].len));
            assert_ok(kora_get_many(db, b.keys, n, b.got, buffer, 1 << 20, &used));
            assert_int_equal(b.got[0].status, KORA_OK);
            assert_int_equal(b.got[1].status, KORA_NOTFOUND);
            assert_int_equal(b.got[2].status, KORA_OK);
            assert_ptr_equal(b.got[2].data, buffer + b.values[0].len);
        }
        assert_ok(kora_del_many(db, b.keys, n, &deleted));
        assert_int_equal(deleted, n > 2 ? n - 1 : n);
        assert_ok(kora_del_many(db, b.keys, n, &deleted));
        assert_int_equal(deleted, 0);
        assert_ok(kora_del_many(db, b.keys, n, NULL));
        batch_free(&b);
    }
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.keys, 0);
    free(buffer);
    check_stripes(db);
    assert_ok(kora_close(db));
}

static void test_many_duplicates(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    char *buffer = malloc(1 << 20);
    for (size_t c = 1; c < ARRAY_LEN(counts); c++) {
        size_t n = counts[c], deleted, used, last = (n - 1) / 3 * 3, different = n - (n + 2) / 3 + 1;
        struct batch b = batch_make(n, 3, "w"); // 0, 3, 6 ... are the same key
        assert_ok(kora_set_many(db, b.keys, b.values, n, 0));
        expect_bytes(db, LIT("key:0"), b.values[last].data, b.values[last].len);
        assert_ok(kora_get_many(db, b.keys, n, b.got, buffer, 1 << 20, &used));
        for (size_t i = 0; i < n; i++) {
            const kora_bytes *v = &b.values[i % 3 ? i : last];
            assert_int_equal(b.got[i].len, v->len);
            assert_memory_equal(b.got[i].data, v->data, v->len);
        }
        assert_ok(kora_del_many(db, b.keys, n, &deleted));
        assert_int_equal(deleted, different);
        batch_free(&b);
    }
    // Values of different shapes under one name
    char *big = malloc(30000);
    memset(big, 'b', 30000);
    kora_bytes keys[] = { { "k", 1 }, { "k", 1 }, { "k", 1 }, { "k", 1 } };
    kora_bytes values[] = { { big, 30000 }, { "17", 2 }, { big, 20000 }, { "", 0 } };
    for (size_t n = 1; n <= 4; n++) {
        assert_ok(kora_set_many(db, keys, values, n, n % 2 ? 100000 : 0));
        expect_bytes(db, LIT("k"), values[n - 1].data, values[n - 1].len);
    }
    free(big);
    free(buffer);
    check_stripes(db);
    assert_ok(kora_close(db));
}

static void test_many_values(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 8);
    use_clock(db, &clock);
    char *big = malloc(100000), *buffer = malloc(200000);
    memset(big, 'B', 100000);
    kora_bytes keys[] = { { "int", 3 }, { "", 0 }, { NULL, 0 }, { "blob", 4 }, { "empty", 5 }, { "n\0l", 3 } };
    kora_bytes values[] = { { "-42", 3 }, { "x", 1 }, { "y", 1 }, { big, 100000 }, { NULL, 0 }, { "\0\xff", 2 } };
    kora_value got[6];
    size_t used;
    assert_ok(kora_set_many(db, keys, values, 6, 500));
    for (int i = 0; i < 6; i++) {
        int64_t ms;
        assert_ok(kora_ttl(db, keys[i].data, keys[i].len, &ms));
        assert_int_equal(ms, 500);
    }
    assert_ok(kora_get_many(db, keys, 6, got, buffer, 200000, &used));
    values[1] = values[2]; // the same key: the empty one
    for (int i = 0; i < 6; i++) {
        assert_int_equal(got[i].status, KORA_OK);
        assert_non_null(got[i].data);
        assert_int_equal(got[i].len, values[i].len);
        if (got[i].len) assert_memory_equal(got[i].data, values[i].data, got[i].len);
    }
    assert_ok(kora_set_many(db, keys, values, 2, 0)); // takes the expiry away
    assert_int_equal(ttl(db, "int"), -1);
    atomic_fetch_add(&clock.ms, 500);
    size_t deleted;
    assert_ok(kora_get_many(db, keys, 6, got, buffer, 200000, &used));
    for (int i = 0; i < 6; i++) assert_int_equal(got[i].status, i < 3 ? KORA_OK : KORA_NOTFOUND);
    assert_ok(kora_set_many(db, keys, values, 6, 500));
    atomic_fetch_add(&clock.ms, 500);
    assert_ok(kora_set_many(db, keys, values, 1, 0)); // over one that has expired
    assert_ok(kora_del_many(db, keys, 6, &deleted));
    assert_int_equal(deleted, 1); // what has expired isn't there
    free(big);
    free(buffer);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Readers of `a` and `n`, while somebody else finds that `b` has expired, and after that sets `n`. Who sees the new `n` comes after that, and `a` has
// the same expiry as `b`.
struct overtaking {
    kora *db;
    struct test_clock clock;
    int64_t until_ms;
    _Atomic int round;
};

static void *overtake(void *arg) {
    struct overtaking *o = arg;
    for (int round = 1, seen = 0; round > 0;) {
        while ((round = atomic_load(&o->round)) == seen) { }
        if (round < 0) break;
        seen = round;
        atomic_store(&o->clock.ms, o->until_ms);
        assert_status(kora_exists(o->db, "b", 1), KORA_NOTFOUND);
        assert_ok(put(o->db, "n", "new"));
    }
    return NULL;
}

static void test_many_time(void **state) {
    (void)state;
    enum { ROUNDS = 400 };
    struct overtaking o = { .db = open_db(1, 64), .clock = { 1700000000000 } };
    use_clock(o.db, &o.clock);
    kora_reply_free(run(o.db, NULL, "DEBUG SET-ACTIVE-EXPIRE 0"));
    pthread_t other = spawn(overtake, &o);
    kora_bytes keys[] = { { "a", 1 }, { "n", 1 } };
    kora_value got[2];
    char buffer[16];
    int met = 0;
    atomic_store(&lease_delay_per_mille, 300);
    for (int round = 1; round <= ROUNDS; round++) {
        kora_bytes both[] = { { "a", 1 }, { "b", 1 } }, ones[] = { { "1", 1 }, { "1", 1 } };
        o.until_ms = atomic_load(&o.clock.ms) + 1000;
        assert_ok(kora_set_many(o.db, both, ones, 2, 1000));
        assert_ok(put(o.db, "n", "old"));
        atomic_store(&o.round, round);
        do {
            assert_ok(kora_get_many(o.db, keys, 2, got, buffer, sizeof buffer, NULL));
            assert_int_equal(got[1].len, 3);
            if (got[0].status == KORA_OK) assert_memory_equal(got[1].data, "old", 3);
            else met++;
        } while (memcmp(got[1].data, "new", 3) != 0);
    }
    atomic_store(&lease_delay_per_mille, 0);
    assert_true(met >= ROUNDS);
    atomic_store(&o.round, -1);
    pthread_join(other, NULL);
    assert_ok(kora_close(o.db));
}

// A writer sets `a`, then `b`, to the same number, always higher. Whoever sees `b` must see `a` as high.
struct ordered {
    kora *db;
    bool asked; // with options: not the short way
    _Atomic bool stop;
};

static void *write_ordered(void *arg) {
    struct ordered *o = arg;
    kora_set_options options = KORA_SET_OPTIONS_INIT;
    options.flags = KORA_XX;
    for (int n = 1; !atomic_load(&o->stop); n++) {
        char text[16];
        int len = sprintf(text, "v%09d", n);
        assert_ok(kora_set(o->db, "a", 1, text, (size_t)len, o->asked ? &options : NULL));
        assert_ok(kora_set(o->db, "b", 1, text, (size_t)len, o->asked ? &options : NULL));
    }
    return NULL;
}

static void test_many_order(void **state) {
    (void)state;
    enum { READS = 3000 };
    for (int asked = 0; asked < 2; asked++) {
        struct ordered o = { .db = open_db(1, 64), .asked = asked };
        kora_bytes keys[] = { { "a", 1 }, { "b", 1 } };
        kora_value got[2];
        char buffer[32];
        int different = 0;
        assert_ok(put(o.db, "a", "v000000000"));
        assert_ok(put(o.db, "b", "v000000000"));
        pthread_t other = spawn(write_ordered, &o);
        atomic_store(&lease_delay_per_mille, 100);
        for (int i = 0; i < READS; i++) {
            assert_ok(kora_get_many(o.db, keys, 2, got, buffer, sizeof buffer, NULL));
            int order = memcmp(got[0].data, got[1].data, 10);
            if (order < 0) fail_msg("a is %.10s, b already %.10s", (const char *)got[0].data, (const char *)got[1].data);
            different += order > 0;
        }
        atomic_store(&lease_delay_per_mille, 0);
        atomic_store(&o.stop, true);
        pthread_join(other, NULL);
        assert_true(different > 0);
        assert_ok(kora_close(o.db));
    }
}

static void test_many_invalid(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    kora_bytes keys[] = { { "a", 1 }, { NULL, 1 }, { "c", 1 } }, values[] = { { "1", 1 }, { "2", 1 }, { NULL, 1 } };
    kora_value got[3];
    char buffer[16];
    size_t n = 9;
    assert_status(kora_set_many(db, keys, values, 2, 0), KORA_INVAL);
    expect(db, "a", NULL);
    keys[1].data = "b";
    assert_status(kora_set_many(db, keys, values, 3, 0), KORA_INVAL);
    expect(db, "a", NULL);
    assert_status(kora_set_many(db, keys, values, 2, -1), KORA_INVAL);
    assert_status(kora_set_many(db, keys, values, 2, INT64_MAX), KORA_INVAL);
    assert_status(kora_set_many(db, NULL, values, 2, 0), KORA_INVAL);
    assert_status(kora_set_many(db, keys, NULL, 2, 0), KORA_INVAL);
    assert_status(kora_set_many(NULL, keys, values, 2, 0), KORA_INVAL);
    expect(db, "a", NULL);
    expect(db, "b", NULL);
    assert_ok(kora_set_many(db, keys, values, 2, 0));
    assert_ok(kora_set_many(db, NULL, NULL, 0, 0));
    keys[2].data = NULL;
    assert_status(kora_get_many(db, keys, 3, got, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_get_many(db, keys, 2, NULL, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_get_many(db, NULL, 2, got, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_get_many(db, keys, 2, got, NULL, 1, &n), KORA_INVAL);
    assert_status(kora_get_many(NULL, keys, 2, got, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_del_many(db, keys, 3, &n), KORA_INVAL);
    assert_status(kora_del_many(db, NULL, 2, &n), KORA_INVAL);
    assert_status(kora_del_many(NULL, keys, 2, &n), KORA_INVAL);
    assert_int_equal(n, 9);
    expect(db, "a", "1");
    expect(db, "b", "2");
    assert_ok(kora_get_many(db, NULL, 0, NULL, NULL, 0, &n));
    assert_int_equal(n, 0);
    n = 9;
    assert_ok(kora_del_many(db, NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_close(db));
}

// ---- iterators -------------------------------------------------------------------------------------------------------------------

static size_t count_matches(kora *db, const void *pattern, size_t len) {
    kora_iter *it = NULL;
    const void *key;
    size_t key_len, n = 0;
    int status;
    assert_ok(kora_iter_open(db, pattern, len, &it));
    while ((status = kora_iter_next(it, &key, &key_len)) == KORA_OK) n++;
    assert_status(status, KORA_NOTFOUND);
    assert_status(kora_iter_next(it, &key, &key_len), KORA_NOTFOUND); // and again
    kora_iter_close(it);
    return n;
}

static void test_iter_patterns(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(2, 16), *other = kora_database(db, 5);
    use_clock(db, &clock);
    assert_int_equal(count_matches(db, NULL, 0), 0);
    for (int i = 0; i < 1000; i++) {
        char key[32];
        snprintf(key, sizeof key, "user:%03d", i);
        assert_ok(put(db, key, "v"));
    }
    assert_ok(kora_set(db, "", 0, "v", 1, NULL));
    assert_ok(kora_set(db, "\0\n\xff", 3, "v", 1, NULL));
    assert_ok(kora_set(db, "a*b", 3, "v", 1, NULL));
    assert_ok(put(other, "else", "v"));
    assert_int_equal(count_matches(db, NULL, 0), 1003);
    assert_int_equal(count_matches(db, LIT("*")), 1003);
    assert_int_equal(count_matches(db, LIT("user:*")), 1000);
    assert_int_equal(count_matches(db, LIT("user:00?")), 10);
    assert_int_equal(count_matches(db, LIT("user:0[0-4]?")), 50);
    assert_int_equal(count_matches(db, LIT("user:0[^0-4]?")), 50);
    assert_int_equal(count_matches(db, LIT("a\\*b")), 1);
    assert_int_equal(count_matches(db, LIT("a\\*c")), 0);
    assert_int_equal(count_matches(db, "", 0), 1); // the empty key alone
    assert_int_equal(count_matches(db, LIT("\0*")), 1);
    assert_int_equal(count_matches(db, LIT("USER:*")), 0);
    assert_int_equal(count_matches(other, NULL, 0), 1);
    assert_int_equal(count_matches(kora_database(db, 6), NULL, 0), 0);
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    o.ttl_ms = 10;
    assert_ok(kora_set(other, LIT("else"), LIT("v"), &o));
    atomic_fetch_add(&clock.ms, 10);
    assert_int_equal(count_matches(other, NULL, 0), 0); // expired

    kora_iter *it = (kora_iter *)(uintptr_t)7;
    const void *key = &it;
    size_t len = 3;
    assert_status(kora_iter_open(NULL, NULL, 0, &it), KORA_INVAL);
    assert_status(kora_iter_open(db, NULL, 0, NULL), KORA_INVAL);
    assert_status(kora_iter_open(db, NULL, 1, &it), KORA_INVAL);
    assert_ptr_equal(it, (kora_iter *)(uintptr_t)7);
    assert_status(kora_iter_next(NULL, &key, &len), KORA_INVAL);
    assert_ok(kora_iter_open(other, LIT("no"), &it));
    assert_status(kora_iter_next(it, NULL, &len), KORA_INVAL);
    assert_status(kora_iter_next(it, &key, NULL), KORA_INVAL);
    assert_status(kora_iter_next(it, &key, &len), KORA_NOTFOUND);
    assert_ptr_equal(key, &it);
    assert_int_equal(len, 3);
    assert_status(kora_close(db), KORA_BUSY);
    kora_iter_close(it);
    assert_ok(kora_close(db));
}

// The pattern is the caller's again after open.
static void test_iter_owns(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    char pattern[] = "a*";
    kora_iter *it;
    const void *key;
    size_t len;
    assert_ok(put(db, "abc", "1"));
    assert_ok(put(db, "xyz", "1"));
    assert_ok(kora_iter_open(db, pattern, 2, &it));
    memset(pattern, 'x', 2);
    assert_ok(kora_iter_next(it, &key, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(key, "abc", 3);
    assert_status(kora_iter_next(it, &key, &len), KORA_NOTFOUND);
    kora_iter_close(it);
    assert_ok(kora_close(db));
}

enum { STAYING = SANITIZED == 2 ? 1000 : 5000, PASSING = SANITIZED == 2 ? 4000 : 20000 };

static void passing_name(char *to, uint64_t i) { sprintf(to, "passing:%llu", (unsigned long long)i); }

// One change by somebody else: keys come and go, values change their size and expiry (which moves their entries), the table grows.
static void disturb(kora *db, struct random *r) {
    char name[32], value[300];
    memset(value, 'v', sizeof value);
    passing_name(name, random_below(r, PASSING));
    switch (random_below(r, 6)) {
    case 0:
    case 1:
    case 2: assert_ok(kora_set(db, name, strlen(name), value, (size_t)random_below(r, 300), NULL)); break;
    case 3: kora_del(db, name, strlen(name)); break;
    case 4:
        sprintf(name, "staying:%d", (int)random_below(r, STAYING));
        assert_ok(kora_set(db, name, strlen(name), value, (size_t)random_below(r, 300), NULL));
        break;
    case 5:
        sprintf(name, "staying:%d", (int)random_below(r, STAYING));
        assert_ok(kora_expire(db, name, strlen(name), 1000000, 0));
        break;
    }
}

// What was there throughout comes exactly once.
static void iterate_checked(kora *db, struct random *r, int changes) {
    unsigned char seen[STAYING] = { 0 };
    kora_iter *it;
    const void *key;
    size_t len;
    int status;
    assert_ok(kora_iter_open(db, NULL, 0, &it));
    while ((status = kora_iter_next(it, &key, &len)) == KORA_OK) {
        char name[32];
        int number;
        assert_true(len < sizeof name);
        memcpy(name, key, len);
        name[len] = '\0';
        if (sscanf(name, "staying:%d", &number) == 1) seen[number]++;
        for (int i = 0; i < changes; i++) disturb(db, r);
    }
    assert_status(status, KORA_NOTFOUND);
    for (int i = 0; i < STAYING; i++) {
        if (seen[i] != 1) fail_msg("staying:%d came %d times", i, seen[i]);
    }
    kora_iter_close(it);
}

static void fill_staying(kora *db) {
    for (int i = 0; i < STAYING; i++) {
        char name[32];
        sprintf(name, "staying:%d", i);
        assert_ok(put(db, name, "v"));
    }
}

static void test_iter_changes(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, test_seed());
    static const uint32_t stripes[] = { 1, 4, 64 };
    for (size_t i = 0; i < ARRAY_LEN(stripes); i++) {
        kora *db = open_db(1, stripes[i]);
        fill_staying(db);
        for (int changes = 0; changes <= 8; changes += 4) iterate_checked(db, &r, changes);
        iterate_checked(db, &r, 0); // after all that
        check_stripes(db);
        assert_ok(kora_close(db));
    }
}

struct disturber {
    kora *db;
    uint64_t seed;
    _Atomic bool stop;
};

static void *disturb_until_told(void *arg) {
    struct disturber *d = arg;
    struct random r;
    random_seed(&r, d->seed);
    while (!atomic_load(&d->stop)) disturb(d->db, &r);
    return NULL;
}

static void test_iter_threads(void **state) {
    (void)state;
    struct random r;
    uint64_t seed = test_seed();
    random_seed(&r, seed);
    kora *db = open_db(2, 16);
    fill_staying(db);
    struct disturber d[2] = { { .db = db, .seed = seed + 1 }, { .db = db, .seed = seed + 2 } };
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = spawn(disturb_until_told, &d[i]);
    for (int i = 0; i < (slow() ? 5 : 15); i++) iterate_checked(db, &r, 0);
    for (int i = 0; i < 2; i++) {
        atomic_store(&d[i].stop, true);
        pthread_join(t[i], NULL);
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Databases that are emptied or exchanged under an iterator.
static void test_iter_flush(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        kora *db = open_db(2, 4);
        kora_iter *it;
        const void *key;
        size_t len, n = 0;
        int status;
        fill_staying(db);
        assert_ok(put(kora_database(db, 1), "other", "v"));
        assert_ok(kora_iter_open(db, NULL, 0, &it));
        for (int i = 0; i < 100; i++) assert_ok(kora_iter_next(it, &key, &len));
        expect_reply(db, NULL, how == 0 ? "FLUSHALL" : how == 1 ? "FLUSHDB" : "SWAPDB 0 1", "OK");
        while ((status = kora_iter_next(it, &key, &len)) == KORA_OK) n++;
        assert_status(status, KORA_NOTFOUND);
        assert_true(n <= 500); // at most what had been read ahead
        kora_iter_close(it);
        assert_ok(kora_close(db));
    }
}

// ---- memory after many keys have gone -----------------------------------------------------------------------------------------------

enum { GOING = 80000, GONE_A_CALL = 256, SPARSE_STRIPES = 16 };

static uint64_t keys_of(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    return s.keys;
}

static bool is_compact(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    return s.memory_held < 2 * s.memory_used + SPARSE_STRIPES * UINT64_C(160000);
}

static void delete_as_command(kora *db, const kora_bytes *keys, size_t n) {
    const char *argv[GONE_A_CALL + 1] = { "DEL" };
    size_t len[GONE_A_CALL + 1] = { 3 };
    for (size_t i = 0; i < n; i++) {
        argv[i + 1] = keys[i].data;
        len[i + 1] = keys[i].len;
    }
    assert_ok(kora_exec(db, NULL, (int)n + 1, argv, len, NULL));
}

enum going { GO_DELETED, GO_AS_COMMAND, GO_EXPIRED };

// One of ten keys stays. Where the keys of `format` are all of one stripe each call brings as many changes as a look is apart.
static void go(const char *format, enum going how) {
    char value[100] = { 0 }, names[GONE_A_CALL][32];
    kora_bytes keys[GONE_A_CALL];
    size_t n = 0;
    kora *db = open_db(1, SPARSE_STRIPES);
    assert_ok(put(db, "{t}", "an odd one"));
    for (int i = 0; i < GOING; i++) {
        kora_set_options o = KORA_SET_OPTIONS_INIT;
        o.ttl_ms = how != GO_EXPIRED ? 0 : i % 10 ? 100 : 1000000;
        sprintf(names[0], format, i);
        assert_ok(kora_set(db, names[0], strlen(names[0]), value, sizeof value, &o));
    }
    for (int i = 0; i < GOING && how != GO_EXPIRED; i++) {
        if (i % 10) {
            sprintf(names[n], format, i);
            keys[n] = (kora_bytes){ names[n], strlen(names[n]) };
            n++;
        }
        if (n < GONE_A_CALL && i < GOING - 1) continue;
        if (how == GO_AS_COMMAND) delete_as_command(db, keys, n);
        else assert_ok(kora_del_many(db, keys, n, NULL));
        n = 0;
    }
    wait_until(keys_of(db) <= GOING / 10 + 1);
    wait_until(is_compact(db));
    assert_ok(kora_close(db));
}

static void test_many_memory(void **state) {
    (void)state;
    go("key:%d", GO_DELETED);
    go("{t}%d", GO_DELETED);
    go("key:%d", GO_AS_COMMAND);
    go("{t}%d", GO_AS_COMMAND);
    go("key:%d", GO_EXPIRED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many), cmocka_unit_test(test_many_duplicates), cmocka_unit_test(test_many_values), cmocka_unit_test(test_many_time), cmocka_unit_test(test_many_order), cmocka_unit_test(test_many_invalid),
        cmocka_unit_test(test_many_memory),
        cmocka_unit_test(test_iter_patterns), cmocka_unit_test(test_iter_owns), cmocka_unit_test(test_iter_changes),
        cmocka_unit_test(test_iter_threads), cmocka_unit_test(test_iter_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
