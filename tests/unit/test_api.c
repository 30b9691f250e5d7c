// The typed calls of kora.h, sentence by sentence: results, flags, status codes, what is untouched after an error.
#include "base/clock.h"
#include "unit/api.h"

#include <sched.h>

static const int sizes[] = { 0, 1, 2, 7, 8, 43, 44, 45, 254, 255, 256, 511, 512, 513, 1000, 4000, 8100, 8150, 8160, 8170, 8180, 8190, 8191,
    8192, 8193, 8200, 16383, 16384, 16385, 65535, 65536, 65537, 262100, 262144, 262145, 1 << 20 };

// Bytes that tell their position, so that nothing can be in the wrong place.
static char *pattern(size_t n, unsigned salt) {
    char *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++) p[i] = (char)((i * 2654435761u >> 11) ^ (i >> 3) ^ salt);
    p[n] = '\0';
    return p;
}

// ---- words -----------------------------------------------------------------------------------------------------------------------

static void test_words(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int number;
        const char *text;
    } all[] = {
#define ROW(name, number, text) { "KORA_" #name, number, text },
        KORA_STATUS_MAP(ROW)
#undef ROW
    };
    assert_int_equal(ARRAY_LEN(all), 19);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_int_equal(all[i].number, (int)i);
        assert_string_equal(kora_status_name(all[i].number), all[i].name);
        assert_string_equal(kora_status_text(all[i].number), all[i].text);
    }
    for (int bad = -1; bad < 1000000; bad = bad < 0 ? (int)ARRAY_LEN(all) : bad * 3) {
        assert_string_equal(kora_status_text(bad), "unknown status");
        assert_non_null(kora_status_name(bad));
    }
    assert_string_equal(kora_version(), KORA_VERSION);
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", KORA_VERSION_MAJOR, KORA_VERSION_MINOR, KORA_VERSION_PATCH);
    assert_string_equal(text, KORA_VERSION);
    kora_free(NULL);
    kora_reply_free(NULL);
    kora_iter_close(NULL);
    kora_session_close(NULL);
}

// ---- opening ---------------------------------------------------------------------------------------------------------------------

static void refuse_open(const kora_options *o, int status) {
    kora *db = (kora *)(uintptr_t)42;
    assert_status(kora_open(NULL, o, &db), status);
    assert_ptr_equal(db, (kora *)(uintptr_t)42);
}

static void test_open(void **state) {
    (void)state;
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    assert_status(kora_open(NULL, &o, NULL), KORA_INVAL);
    assert_status(kora_open(NULL, NULL, NULL), KORA_INVAL);
    o.shards = 257;
    refuse_open(&o, KORA_INVAL);
    o = (kora_options)KORA_OPTIONS_INIT;
    o.databases = 1025;
    refuse_open(&o, KORA_INVAL);
    o = (kora_options)KORA_OPTIONS_INIT;
    static const uint32_t stripes[] = { 3, 5, 63, 4095, 4097, 8192, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(stripes); i++) {
        o.stripes = stripes[i];
        refuse_open(&o, KORA_INVAL);
    }
    o = (kora_options)KORA_OPTIONS_INIT;
    o.log_level = KORA_LOG_WARNING + 1;
    refuse_open(&o, KORA_INVAL);
    o.log_level = -1;
    refuse_open(&o, KORA_INVAL);
    assert_status(kora_open("", NULL, &db), KORA_INVAL);
    assert_null(db);

    for (uint32_t n = 1; n <= 4096; n *= 8) {
        kora_stats s = KORA_STATS_INIT;
        o = (kora_options)KORA_OPTIONS_INIT;
        o.stripes = n;
        o.shards = n > 64 ? 3 : 1;
        o.databases = n;
        if (n > 1024) o.databases = 1024;
        assert_ok(kora_open(NULL, &o, &db));
        assert_ok(put(db, "a", "b"));
        expect(db, "a", "b");
        assert_ok(kora_get_stats(db, &s));
        assert_int_equal(s.stripes, n);
        assert_int_equal(s.shards, o.shards);
        assert_non_null(kora_database(db, o.databases - 1));
        assert_null(kora_database(db, o.databases));
        assert_ok(kora_close(db));
    }
}

static void test_open_defaults(void **state) {
    (void)state;
    kora *db;
    kora_stats s = KORA_STATS_INIT;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_ok(kora_open(NULL, NULL, &db));
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.shards, CPU_COUNT(&set));
    assert_true(s.stripes >= 64 && s.stripes >= 16 * s.shards && (s.stripes & (s.stripes - 1)) == 0);
    assert_int_equal(s.keys, 0);
    assert_int_equal(s.memory_used, 0);
    assert_non_null(kora_database(db, 15));
    assert_null(kora_database(db, 16));
    assert_ok(kora_close(db));
    db = open_db(9, 0);
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.stripes, 256);
    assert_ok(kora_close(db));
}

// Options of an older or newer header.
static void test_options_size(void **state) {
    (void)state;
    struct {
        kora_options known;
        char more[64];
    } o;
    kora *db;
    static const size_t good[] = { sizeof(size_t), offsetof(kora_options, databases), sizeof(kora_options), sizeof(kora_options) + 1,
        sizeof o };
    static const size_t bad[] = { 0, 1, sizeof(size_t) - 1, 65537, SIZE_MAX };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        kora_stats s = KORA_STATS_INIT;
        memset(&o, 0, sizeof o);
        o.known = (kora_options)KORA_OPTIONS_INIT;
        o.known.shards = 3;
        if (good[i] < sizeof o.known) memset((char *)&o + good[i], 0xff, sizeof o - good[i]); // what it does not have is not read
        o.known.size = good[i];
        assert_ok(kora_open(NULL, &o.known, &db));
        assert_ok(kora_get_stats(db, &s));
        if (good[i] > offsetof(kora_options, shards)) assert_int_equal(s.shards, 3);
        assert_ok(kora_close(db));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        memset(&o, 0, sizeof o);
        o.known.size = bad[i];
        refuse_open(&o.known, KORA_INVAL);
    }
    for (size_t i = 0; i < sizeof o.more; i++) { // a field that this library does not know
        memset(&o, 0, sizeof o);
        o.known = (kora_options)KORA_OPTIONS_INIT;
        o.known.size = sizeof o;
        o.more[i] = 1;
        refuse_open(&o.known, KORA_INVAL);
    }
}

static void test_set_options_size(void **state) {
    (void)state;
    struct {
        kora_set_options known;
        char more[16];
    } o;
    kora *db = open_db(1, 4);
    memset(&o, 0, sizeof o);
    o.known.size = sizeof o;
    o.known.flags = KORA_NX;
    assert_ok(kora_set(db, LIT("a"), LIT("1"), &o.known));
    assert_status(kora_set(db, LIT("a"), LIT("2"), &o.known), KORA_NOTSET);
    o.more[15] = 1;
    assert_status(kora_set(db, LIT("b"), LIT("2"), &o.known), KORA_INVAL);
    assert_status(kora_cas(db, LIT("a"), LIT("1"), LIT("2"), &o.known), KORA_INVAL);
    o.known.size = offsetof(kora_set_options, ttl_ms); // flags, but nothing behind
    memset(&o.known.ttl_ms, 0xff, sizeof o - offsetof(kora_set_options, ttl_ms));
    assert_status(kora_set(db, LIT("a"), LIT("2"), &o.known), KORA_NOTSET);
    o.known.flags = 0;
    assert_ok(kora_set(db, LIT("a"), LIT("3"), &o.known));
    assert_ok(kora_cas(db, LIT("a"), LIT("3"), LIT("4"), &o.known));
    o.known.size = 3;
    assert_status(kora_set(db, LIT("a"), LIT("5"), &o.known), KORA_INVAL);
    expect(db, "a", "4");
    expect(db, "b", NULL);
    assert_int_equal(ttl(db, "a"), -1);
    assert_ok(kora_close(db));
}

static void test_databases(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    assert_ptr_equal(kora_database(db, 0), db);
    assert_null(kora_database(NULL, 0));
    assert_null(kora_database(db, UINT32_MAX));
    for (uint32_t i = 0; i < 16; i++) {
        char text[16];
        snprintf(text, sizeof text, "in %u", i);
        kora *d = kora_database(kora_database(db, 15 - i), i);
        assert_ptr_equal(d, kora_database(db, i));
        assert_ok(put(d, "key", text));
    }
    for (uint32_t i = 0; i < 16; i++) {
        char text[16];
        snprintf(text, sizeof text, "in %u", i);
        expect(kora_database(db, i), "key", text);
    }
    assert_ok(kora_del(kora_database(db, 3), LIT("key")));
    expect(kora_database(db, 3), "key", NULL);
    expect(db, "key", "in 0");
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(kora_database(db, 7), &s));
    assert_int_equal(s.keys, 15);
    assert_ok(kora_close(db));
}

// ---- strings ---------------------------------------------------------------------------------------------------------------------

static void test_set_get(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    void *value = &db;
    size_t len = 77;
    assert_status(kora_get(db, LIT("no"), &value, &len), KORA_NOTFOUND);
    assert_ptr_equal(value, &db);
    assert_int_equal(len, 77);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char key[32];
        size_t key_len = (size_t)snprintf(key, sizeof key, "key:%d", sizes[i]);
        char *v = pattern((size_t)sizes[i], (unsigned)i);
        assert_ok(kora_set(db, key, key_len, v, (size_t)sizes[i], NULL));
        free(v);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) { // and with any other size over it
        char key[32];
        size_t key_len = (size_t)snprintf(key, sizeof key, "key:%d", sizes[i]);
        char *v = pattern((size_t)sizes[i], (unsigned)i);
        expect_bytes(db, key, key_len, v, (size_t)sizes[i]);
        free(v);
        for (size_t k = 0; k < ARRAY_LEN(sizes); k += 3) {
            v = pattern((size_t)sizes[k], (unsigned)(i + k));
            assert_ok(kora_set(db, key, key_len, v, (size_t)sizes[k], NULL));
            expect_bytes(db, key, key_len, v, (size_t)sizes[k]);
            free(v);
        }
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Keys of every size, and of every byte.
static void test_keys(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *k = pattern((size_t)sizes[i], 1), *v = pattern(i, 2);
        assert_ok(kora_set(db, k, (size_t)sizes[i], v, i, NULL));
        free(k);
        free(v);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *k = pattern((size_t)sizes[i], 1), *v = pattern(i, 2);
        int64_t ms;
        expect_bytes(db, k, (size_t)sizes[i], v, i);
        assert_ok(kora_expire(db, k, (size_t)sizes[i], 1000000, 0));
        expect_bytes(db, k, (size_t)sizes[i], v, i);
        assert_ok(kora_ttl(db, k, (size_t)sizes[i], &ms));
        assert_true(ms > 0 && ms <= 1000000);
        assert_ok(kora_del(db, k, (size_t)sizes[i]));
        assert_status(kora_exists(db, k, (size_t)sizes[i]), KORA_NOTFOUND);
        free(k);
        free(v);
    }
    for (int c = 0; c < 256; c++) {
        char key[3] = { (char)c, 0, (char)~c };
        assert_ok(kora_set(db, key, 3, key, 3, NULL));
        assert_ok(kora_set(db, key, 1, key, 1, NULL));
    }
    for (int c = 0; c < 256; c++) {
        char key[3] = { (char)c, 0, (char)~c };
        expect_bytes(db, key, 3, key, 3);
        expect_bytes(db, key, 1, key, 1);
    }
    // The empty key, with and without an address; the empty value.
    assert_ok(kora_set(db, NULL, 0, NULL, 0, NULL));
    expect_bytes(db, "", 0, "", 0);
    assert_ok(kora_set(db, "", 0, "x", 1, NULL));
    expect_bytes(db, NULL, 0, "x", 1);
    check_stripes(db);
    assert_ok(kora_close(db));
}

static void test_large(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    size_t n = 20u << 20;
    char *v = pattern(n, 9), *into = malloc(n);
    size_t len;
    kora_pinned p;
    assert_ok(kora_set(db, LIT("big"), v, n, NULL));
    expect_bytes(db, LIT("big"), v, n);
    assert_ok(kora_get_into(db, LIT("big"), into, n, &len));
    assert_int_equal(len, n);
    assert_memory_equal(into, v, n);
    assert_ok(kora_pin(db, LIT("big"), &p));
    assert_ok(kora_expire(db, LIT("big"), 1000000, 0)); // the entry moves, the value stays
    assert_ok(kora_set(db, LIT("big"), v, n / 2, NULL));
    assert_int_equal(p.len, n);
    assert_memory_equal(p.data, v, n);
    kora_unpin(db, &p);
    expect_bytes(db, LIT("big"), v, n / 2);
    kora_bytes key = { "big", 3 };
    kora_value value;
    assert_ok(kora_get_many(db, &key, 1, &value, into, n, &len));
    assert_int_equal(len, n / 2);
    assert_memory_equal(value.data, v, n / 2);
    assert_ok(kora_del(db, LIT("big")));
    kora_stats s = KORA_STATS_INIT;
    wait_until((kora_get_stats(db, &s), s.memory_held < 1 << 20)); // the pinned one, too
    free(v);
    free(into);
    assert_ok(kora_close(db));
}

static void test_get_into(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t n = (size_t)sizes[i], len = 99;
        char *v = pattern(n, 5), *into = malloc(n + 16);
        assert_ok(kora_set(db, LIT("k"), v, n, NULL));
        static const int around[] = { -100, -1, 0, 1, 16 };
        for (size_t k = 0; k < ARRAY_LEN(around); k++) {
            int64_t size = (int64_t)n + around[k];
            if (size < 0) continue;
            memset(into, '#', n + 16);
            assert_status(kora_get_into(db, LIT("k"), into, (size_t)size, &len), size < (int64_t)n ? KORA_NOSPACE : KORA_OK);
            assert_int_equal(len, n);
            assert_memory_equal(into, v, MIN((size_t)size, n));
            for (size_t at = MIN((size_t)size, n); at < n + 16; at++) assert_int_equal(into[at], '#');
        }
        assert_status(kora_get_into(db, LIT("k"), NULL, 0, &len), n ? KORA_NOSPACE : KORA_OK);
        assert_int_equal(len, n);
        free(v);
        free(into);
    }
    size_t len = 99;
    char byte = '#';
    assert_ok(kora_set(db, LIT("n"), LIT("-9223372036854775808"), NULL)); // an integer inside
    assert_status(kora_get_into(db, LIT("n"), &byte, 1, &len), KORA_NOSPACE);
    assert_int_equal(byte, '-');
    assert_int_equal(len, 20);
    assert_status(kora_get_into(db, LIT("missing"), &byte, 1, &len), KORA_NOTFOUND);
    assert_status(kora_get_into(db, LIT("n"), NULL, 1, &len), KORA_INVAL);
    assert_status(kora_get_into(db, LIT("n"), &byte, 1, NULL), KORA_INVAL);
    assert_int_equal(len, 20);
    assert_ok(kora_close(db));
}

// What looks like an integer comes back as it was written.
static void test_integers_as_text(void **state) {
    (void)state;
    static const char *const texts[] = { "0", "-0", "+1", "00", "01", " 1", "1 ", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "-9223372036854775809", "1e3", "1.0", "", "-", "18446744073709551616", "0x10",
        "12345678901234567890123456789" };
    kora *db = open_db(1, 1);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_ok(put(db, "n", texts[i]));
        expect(db, "n", texts[i]);
    }
    assert_ok(kora_close(db));
}

static kora_set_options options(uint32_t flags, int64_t ttl_ms, int64_t at_ms) {
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    o.flags = flags;
    o.ttl_ms = ttl_ms;
    o.expire_at_ms = at_ms;
    return o;
}

static int set_with(kora *db, const char *key, const char *value, uint32_t flags, int64_t ttl_ms, int64_t at_ms) {
    kora_set_options o = options(flags, ttl_ms, at_ms);
    return kora_set(db, key, strlen(key), value, strlen(value), &o);
}

static void test_set_flags(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    use_clock(db, &clock);
    assert_status(set_with(db, "a", "1", KORA_XX, 0, 0), KORA_NOTSET);
    expect(db, "a", NULL);
    assert_ok(set_with(db, "a", "1", KORA_NX, 5000, 0));
    assert_int_equal(ttl(db, "a"), 5000);
    assert_status(set_with(db, "a", "2", KORA_NX, 0, 0), KORA_NOTSET);
    expect(db, "a", "1");
    assert_int_equal(ttl(db, "a"), 5000);
    assert_ok(set_with(db, "a", "2", KORA_XX | KORA_KEEPTTL, 0, 0));
    expect(db, "a", "2");
    assert_int_equal(ttl(db, "a"), 5000);
    assert_ok(set_with(db, "a", "3", KORA_XX, 0, 0));
    assert_int_equal(ttl(db, "a"), -1);
    assert_ok(set_with(db, "a", "4", KORA_KEEPTTL, 0, 0));
    assert_int_equal(ttl(db, "a"), -1);
    assert_ok(set_with(db, "new", "4", KORA_KEEPTTL, 0, 0));
    assert_int_equal(ttl(db, "new"), -1);
    assert_ok(set_with(db, "a", "5", 0, 0, clock.ms + 7));
    assert_int_equal(ttl(db, "a"), 7);
    assert_ok(put(db, "a", "6"));
    assert_int_equal(ttl(db, "a"), -1);
    // A time that has passed deletes, whether the key is there or not.
    assert_ok(set_with(db, "a", "7", 0, 0, clock.ms));
    expect(db, "a", NULL);
    assert_ok(set_with(db, "a", "7", 0, 0, 1));
    expect(db, "a", NULL);
    assert_ok(put(db, "a", "8"));
    assert_status(set_with(db, "a", "9", KORA_NX, 0, 1), KORA_NOTSET);
    expect(db, "a", "8");
    assert_ok(set_with(db, "a", "9", KORA_XX, 0, clock.ms - 1));
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.keys, 1); // "new"; the other is gone at once, and has not expired
    assert_int_equal(s.expired, 0);
    expect(db, "a", NULL);
    // Far times
    assert_ok(set_with(db, "far", "1", 0, 0, INT64_MAX));
    assert_true(ttl(db, "far") == INT64_MAX - clock.ms);
    assert_ok(set_with(db, "far", "1", 0, INT64_MAX - clock.ms, 0));
    assert_true(ttl(db, "far") == INT64_MAX - clock.ms);
    assert_ok(kora_close(db));
}

static void refuse_set(kora *db, const kora_set_options *o) {
    assert_status(kora_set(db, LIT("k"), LIT("new"), o), KORA_INVAL);
    assert_status(kora_cas(db, LIT("k"), LIT("old"), LIT("new"), o), KORA_INVAL);
    expect(db, "k", "old");
    assert_int_equal(ttl(db, "k"), -1);
}

static void test_set_invalid(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    assert_ok(put(db, "k", "old"));
    const kora_set_options bad[] = {
        options(KORA_NX | KORA_XX, 0, 0),
        options(KORA_GT, 0, 0),
        options(KORA_LT, 0, 0),
        options(1u << 31, 0, 0),
        options(1 << 5, 0, 0),
        options(KORA_KEEPTTL, 1, 0),
        options(KORA_KEEPTTL, 0, 1),
        options(0, 1, 1),
        options(0, -1, 0),
        options(0, 0, -1),
        options(0, INT64_MIN, 0),
        options(0, INT64_MAX, 0),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) refuse_set(db, &bad[i]);
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    o.reserved = 1;
    refuse_set(db, &o);
    assert_status(kora_set(db, NULL, 1, LIT("v"), NULL), KORA_INVAL);
    assert_status(kora_set(db, LIT("k"), NULL, 1, NULL), KORA_INVAL);
    assert_status(kora_set(NULL, LIT("k"), LIT("v"), NULL), KORA_INVAL);
    expect(db, "k", "old");
    assert_ok(kora_close(db));
}

static void test_set_old(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    void *old = &db;
    size_t len = 5;
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    o.old = &old;
    o.old_len = &len;
    assert_ok(kora_set(db, LIT("k"), LIT("one"), &o)); // there was none
    assert_null(old);
    assert_int_equal(len, 0);
    assert_ok(kora_set(db, LIT("k"), LIT("2"), &o));
    assert_string_equal(old, "one");
    assert_int_equal(len, 3);
    kora_free(old);
    o.old_len = NULL;
    char *big = pattern(100000, 3);
    assert_ok(kora_set(db, LIT("k"), big, 100000, &o)); // an integer inside
    assert_string_equal(old, "2");
    assert_int_equal(len, 3);
    kora_free(old);
    o.old_len = &len;
    o.flags = KORA_NX;
    assert_status(kora_set(db, LIT("k"), LIT("no"), &o), KORA_NOTSET);
    assert_int_equal(len, 100000);
    assert_memory_equal(old, big, 100000);
    kora_free(old);
    o.flags = KORA_XX;
    assert_status(kora_set(db, LIT("missing"), LIT("no"), &o), KORA_NOTSET);
    assert_null(old);
    assert_int_equal(len, 0);
    o.expire_at_ms = 1; // past
    assert_ok(kora_set(db, LIT("k"), LIT("x"), &o));
    assert_memory_equal(old, big, 100000);
    kora_free(old);
    expect(db, "k", NULL);
    // Untouched after an error
    old = &db;
    len = 17;
    o.ttl_ms = 1; // both times
    assert_status(kora_set(db, LIT("k"), LIT("x"), &o), KORA_INVAL);
    o.expire_at_ms = 0;
    o.ttl_ms = INT64_MAX;
    assert_status(kora_set(db, LIT("k"), LIT("x"), &o), KORA_INVAL);
    assert_ptr_equal(old, &db);
    assert_int_equal(len, 17);
    assert_status(kora_cas(db, LIT("k"), NULL, 0, LIT("x"), &(kora_set_options){ .size = sizeof o, .old = &old }), KORA_INVAL);
    free(big);
    assert_ok(kora_close(db));
}

static void test_too_big(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    size_t max = 1 << 20;
    char *v = pattern(max + 1, 1);
    assert_ok(kora_config_set(db, "proto-max-bulk-len", "1mb", NULL, 0));
    assert_ok(kora_set(db, LIT("k"), v, max, NULL));
    assert_status(kora_set(db, LIT("k"), v, max + 1, NULL), KORA_TOOBIG);
    assert_status(kora_set(db, v, max + 1, LIT("x"), NULL), KORA_TOOBIG);
    assert_status(kora_cas(db, LIT("k"), v, max, v, max + 1, NULL), KORA_TOOBIG);
    assert_status(kora_cas(db, LIT("k"), v, max + 1, LIT("x"), NULL), KORA_NOTSET);
    kora_bytes keys[] = { { "a", 1 }, { "b", 1 } }, values[] = { { "1", 1 }, { v, max + 1 } };
    assert_status(kora_set_many(db, keys, values, 2, 0), KORA_TOOBIG);
    expect(db, "a", NULL);
    assert_ok(kora_set(db, v, max, LIT("x"), NULL));
    expect_bytes(db, v, max, "x", 1);
    expect_bytes(db, LIT("k"), v, max);
    free(v);
    assert_ok(kora_close(db));
}

// ---- pinning ---------------------------------------------------------------------------------------------------------------------

struct unpin {
    kora *db;
    kora_pinned *p;
};
static void *unpin_there(void *arg) {
    struct unpin *u = arg;
    kora_unpin(u->db, u->p);
    return NULL;
}

static void end_key(kora *db, int how, struct test_clock *clock) {
    switch (how) {
    case 0: assert_ok(put(db, "k", "short")); break;
    case 1: assert_ok(kora_del(db, LIT("k"))); break;
    case 2: expect_reply(db, NULL, "FLUSHALL", "OK"); break;
    case 3: expect_reply(db, NULL, "APPEND k more", ":100004"); break;
    case 4: expect_reply(db, NULL, "SETRANGE k 0 XXXX", ":100000"); break;
    case 5: expect_reply(db, NULL, "RENAME k other", "OK"); break;
    case 6:
        assert_ok(kora_expire(db, LIT("k"), 10, 0));
        atomic_fetch_add(&clock->ms, 20);
        expect(db, "k", NULL);
        break;
    case 7: expect_reply(db, NULL, "FLUSHDB SYNC", "OK"); break;
    case 8: expect_reply(db, NULL, "SWAPDB 0 1", "OK"); break;
    }
}

static void test_pin(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    char *v = pattern(100000, 8);
    for (int how = 0; how <= 8; how++) {
        kora *db = open_db(2, 4);
        use_clock(db, &clock);
        kora_pinned p[4];
        assert_ok(kora_set(db, LIT("k"), v, 100000, NULL));
        for (int i = 0; i < 4; i++) assert_ok(kora_pin(db, LIT("k"), &p[i]));
        assert_ptr_equal(p[0].data, p[3].data); // no copies
        end_key(db, how, &clock);
        for (int i = 0; i < 6; i++) kora_reply_free(run(db, NULL, "KEYS *")); // each goes through the shards behind what they have to do
        for (int i = 0; i < 4; i++) {
            assert_int_equal(p[i].len, 100000);
            assert_memory_equal(p[i].data, v, 100000);
            assert_status(kora_close(db), KORA_BUSY);
            if (i == 3 && how == 2) assert_ok(kora_set(db, LIT("k"), v, 100000, NULL)); // life goes on
            struct unpin u = { db, &p[i] };
            if (i % 2) pthread_join(spawn(unpin_there, &u), NULL);
            else kora_unpin(db, &p[i]);
            kora_unpin(db, &p[i]); // it is empty now
        }
        check_stripes(db);
        assert_ok(kora_close(db));
    }
    free(v);
}

// The memory of a value comes back once its last pin has gone.
static void test_pin_memory(void **state) {
    (void)state;
    kora *db = open_db(1, 1);
    char *v = pattern(3 << 20, 8);
    kora_stats s = KORA_STATS_INIT;
    for (int round = 0; round < 50; round++) {
        kora_pinned p;
        assert_ok(kora_set(db, LIT("k"), v, 3 << 20, NULL));
        assert_ok(kora_pin(db, LIT("k"), &p));
        assert_ok(kora_del(db, LIT("k")));
        assert_ok(kora_get_stats(db, &s));
        kora_unpin(db, &p);
    }
    wait_until((kora_get_stats(db, &s), s.memory_held < 1 << 20));
    free(v);
    assert_ok(kora_close(db));
}

static void test_pin_small(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    static const char *const texts[] = { "", "x", "12345", "a longer text" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        kora_pinned p;
        assert_ok(put(db, "k", texts[i]));
        assert_ok(kora_pin(db, LIT("k"), &p));
        assert_ok(put(db, "k", "another"));
        assert_int_equal(p.len, strlen(texts[i]));
        assert_non_null(p.data);
        assert_memory_equal(p.data, texts[i], p.len);
        assert_status(kora_close(db), KORA_BUSY);
        kora_unpin(db, &p);
    }
    kora_pinned p = { &db, 7, NULL };
    assert_status(kora_pin(db, LIT("missing"), &p), KORA_NOTFOUND);
    assert_status(kora_pin(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_pin(NULL, LIT("k"), &p), KORA_INVAL);
    assert_status(kora_pin(db, NULL, 1, &p), KORA_INVAL);
    assert_ptr_equal(p.data, &db);
    assert_int_equal(p.len, 7);
    kora_unpin(NULL, &p);
    kora_unpin(db, NULL);
    assert_ok(kora_close(db));
}

// ---- keys ------------------------------------------------------------------------------------------------------------------------

static void test_del_exists(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    assert_status(kora_del(db, LIT("k")), KORA_NOTFOUND);
    assert_status(kora_exists(db, LIT("k")), KORA_NOTFOUND);
    assert_ok(put(db, "k", ""));
    assert_ok(kora_exists(db, LIT("k")));
    assert_ok(kora_del(db, LIT("k")));
    assert_status(kora_del(db, LIT("k")), KORA_NOTFOUND);
    assert_status(kora_del(db, NULL, 3), KORA_INVAL);
    assert_status(kora_del(NULL, LIT("k")), KORA_INVAL);
    assert_status(kora_exists(db, NULL, 3), KORA_INVAL);
    assert_status(kora_exists(NULL, LIT("k")), KORA_INVAL);
    assert_ok(kora_close(db));
}

static void test_incr(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    int64_t n = 5;
    use_clock(db, &clock);
    assert_ok(kora_incr(db, LIT("n"), 0, &n));
    assert_int_equal(n, 0);
    expect(db, "n", "0");
    assert_ok(kora_incr(db, LIT("n"), INT64_MAX, NULL));
    assert_status(kora_incr(db, LIT("n"), 1, &n), KORA_NOTINT);
    assert_int_equal(n, 0);
    expect(db, "n", "9223372036854775807");
    assert_ok(kora_incr(db, LIT("n"), -INT64_MAX, &n));
    assert_ok(kora_incr(db, LIT("n"), INT64_MIN, &n));
    assert_true(n == INT64_MIN);
    assert_status(kora_incr(db, LIT("n"), -1, &n), KORA_NOTINT);
    assert_status(kora_incr(db, LIT("n"), INT64_MIN, &n), KORA_NOTINT);
    expect(db, "n", "-9223372036854775808");
    assert_ok(set_with(db, "n", "41", 0, 1000, 0));
    assert_ok(kora_incr(db, LIT("n"), 1, &n));
    assert_int_equal(n, 42);
    assert_int_equal(ttl(db, "n"), 1000);
    static const char *const bad[] = { "", "x", "1.0", "01", " 1", "1 ", "+1", "9223372036854775808", "-0", "1\n" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_ok(put(db, "bad", bad[i]));
        assert_status(kora_incr(db, LIT("bad"), 1, &n), KORA_NOTINT);
        expect(db, "bad", bad[i]);
    }
    // An integer that is not kept as one
    assert_ok(put(db, "t", "4"));
    expect_reply(db, NULL, "APPEND t 2", ":2");
    assert_ok(kora_incr(db, LIT("t"), -50, &n));
    assert_int_equal(n, -8);
    expect(db, "t", "-8");
    char *big = pattern(50000, 1);
    assert_ok(kora_set(db, LIT("big"), big, 50000, NULL));
    assert_status(kora_incr(db, LIT("big"), 1, &n), KORA_NOTINT);
    free(big);
    assert_status(kora_incr(db, NULL, 1, 1, &n), KORA_INVAL);
    assert_status(kora_incr(NULL, LIT("n"), 1, &n), KORA_INVAL);
    atomic_fetch_add(&clock.ms, 1000); // expired: it counts as 0
    assert_ok(kora_incr(db, LIT("n"), 1, &n));
    assert_int_equal(n, 1);
    assert_int_equal(ttl(db, "n"), -1);
    assert_ok(kora_close(db));
}

static int cas(kora *db, const char *expected, const char *value, const kora_set_options *o) {
    return kora_cas(db, LIT("k"), expected, expected ? strlen(expected) : 0, value, strlen(value), o);
}

static void test_cas(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    use_clock(db, &clock);
    assert_status(cas(db, "", "1", NULL), KORA_NOTSET); // missing is not empty
    assert_ok(cas(db, NULL, "", NULL));
    assert_status(cas(db, NULL, "1", NULL), KORA_NOTSET);
    assert_ok(cas(db, "", "one", NULL));
    assert_status(cas(db, "on", "2", NULL), KORA_NOTSET);
    assert_status(cas(db, "onee", "2", NULL), KORA_NOTSET);
    assert_status(cas(db, "onf", "2", NULL), KORA_NOTSET);
    expect(db, "k", "one");
    kora_set_options o = options(0, 700, 0);
    assert_ok(cas(db, "one", "17", &o));
    assert_int_equal(ttl(db, "k"), 700);
    assert_status(cas(db, "017", "18", NULL), KORA_NOTSET);
    o = options(KORA_KEEPTTL, 0, 0);
    assert_ok(cas(db, "17", "18", &o));
    assert_int_equal(ttl(db, "k"), 700);
    o = options(0, 0, clock.ms + 9);
    assert_ok(cas(db, "18", "19", &o));
    assert_int_equal(ttl(db, "k"), 9);
    assert_ok(cas(db, "19", "20", NULL));
    assert_int_equal(ttl(db, "k"), -1);
    o = options(KORA_NX, 0, 0);
    assert_status(cas(db, "20", "21", &o), KORA_INVAL);
    o = options(KORA_XX, 0, 0);
    assert_status(cas(db, "20", "21", &o), KORA_INVAL);
    assert_status(kora_cas(db, LIT("k"), NULL, 1, LIT("x"), NULL), KORA_INVAL);
    assert_status(kora_cas(db, LIT("k"), LIT("20"), NULL, 1, NULL), KORA_INVAL);
    assert_status(kora_cas(db, NULL, 1, LIT("20"), LIT("x"), NULL), KORA_INVAL);
    assert_status(kora_cas(NULL, LIT("k"), LIT("20"), LIT("x"), NULL), KORA_INVAL);
    expect(db, "k", "20");
    o = options(0, 0, 1);
    assert_status(cas(db, "21", "x", &o), KORA_NOTSET);
    assert_ok(cas(db, "20", "x", &o)); // past: deleted
    expect(db, "k", NULL);
    char *big = pattern(30000, 3);
    assert_ok(kora_cas(db, LIT("k"), NULL, 0, big, 30000, NULL));
    assert_status(kora_cas(db, LIT("k"), big, 29999, LIT("x"), NULL), KORA_NOTSET);
    assert_ok(kora_cas(db, LIT("k"), big, 30000, big, 20000, NULL));
    expect_bytes(db, LIT("k"), big, 20000);
    free(big);
    assert_ok(kora_close(db));
}

// ---- expiry ----------------------------------------------------------------------------------------------------------------------

// Every set of flags against a key without expiry and with one, for a time before, equal to and after it.
static void test_expire_flags(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    use_clock(db, &clock);
    int64_t base = clock.ms + 1000000;
    for (uint32_t flags = 0; flags < 64; flags++) {
        bool nx = flags & KORA_NX, xx = flags & KORA_XX, gt = flags & KORA_GT, lt = flags & KORA_LT;
        bool valid = !(flags & ~(uint32_t)(KORA_NX | KORA_XX | KORA_GT | KORA_LT)) && !(nx && (xx || gt || lt)) && !(gt && lt);
        for (int had = 0; had < 2; had++) {
            for (int64_t at = base - 1; at <= base + 1; at++) {
                assert_ok(set_with(db, "k", "v", 0, 0, had ? base : 0));
                bool met = !(nx && had) && !(xx && !had) && !(gt && (!had || at <= base)) && !(lt && had && at >= base);
                int status = !valid ? KORA_INVAL : met ? KORA_OK : KORA_NOTSET;
                int64_t after = valid && met ? at - clock.ms : had ? base - clock.ms : -1;
                assert_status(kora_expire_at(db, LIT("k"), at, flags), status);
                assert_int_equal(ttl(db, "k"), after);
                assert_ok(set_with(db, "k", "v", 0, 0, had ? base : 0));
                assert_status(kora_expire(db, LIT("k"), at - clock.ms, flags), status);
                assert_int_equal(ttl(db, "k"), after);
            }
        }
        assert_status(kora_expire(db, LIT("missing"), 5, flags), valid ? KORA_NOTFOUND : KORA_INVAL);
        assert_status(kora_expire_at(db, LIT("missing"), 5, flags), valid ? KORA_NOTFOUND : KORA_INVAL);
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

static void test_expire(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    use_clock(db, &clock);
    static const int64_t past[] = { 0, -1, -1700000000000, INT64_MIN };
    for (size_t i = 0; i < ARRAY_LEN(past); i++) {
        assert_ok(put(db, "k", "v"));
        assert_ok(kora_expire(db, LIT("k"), past[i], 0));
        expect(db, "k", NULL);
        assert_ok(put(db, "k", "v"));
        assert_ok(kora_expire_at(db, LIT("k"), past[i], 0));
        expect(db, "k", NULL);
    }
    assert_ok(put(db, "k", "v"));
    assert_status(kora_expire(db, LIT("k"), INT64_MAX, 0), KORA_INVAL);
    assert_int_equal(ttl(db, "k"), -1);
    assert_ok(kora_expire_at(db, LIT("k"), INT64_MAX, 0));
    assert_true(ttl(db, "k") == INT64_MAX - clock.ms);
    // GT and a past time: the condition decides first.
    assert_ok(kora_expire_at(db, LIT("k"), clock.ms + 100, 0));
    assert_status(kora_expire(db, LIT("k"), -5, KORA_GT), KORA_NOTSET);
    assert_ok(kora_exists(db, LIT("k")));
    assert_ok(kora_expire(db, LIT("k"), -5, KORA_LT));
    expect(db, "k", NULL);
    // At its very millisecond it is gone, for every call.
    for (int call = 0; call < 9; call++) {
        int64_t n = 0;
        void *p = NULL;
        size_t len = 0;
        char byte;
        kora_pinned pin;
        assert_ok(set_with(db, "k", "1", 0, 50, 0));
        atomic_fetch_add(&clock.ms, 49);
        assert_int_equal(ttl(db, "k"), 1);
        atomic_fetch_add(&clock.ms, 1);
        switch (call) {
        case 0: assert_status(kora_get(db, LIT("k"), &p, &len), KORA_NOTFOUND); break;
        case 1: assert_status(kora_get_into(db, LIT("k"), &byte, 1, &len), KORA_NOTFOUND); break;
        case 2: assert_status(kora_pin(db, LIT("k"), &pin), KORA_NOTFOUND); break;
        case 3: assert_status(kora_exists(db, LIT("k")), KORA_NOTFOUND); break;
        case 4: assert_status(kora_ttl(db, LIT("k"), &n), KORA_NOTFOUND); break;
        case 5: assert_status(kora_del(db, LIT("k")), KORA_NOTFOUND); break;
        case 6: assert_status(kora_persist(db, LIT("k")), KORA_NOTFOUND); break;
        case 7: assert_status(kora_expire(db, LIT("k"), 100, 0), KORA_NOTFOUND); break;
        case 8: assert_status(set_with(db, "k", "1", KORA_XX, 0, 0), KORA_NOTSET); break;
        }
    }
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.expired, 9);
    assert_ok(kora_close(db));
}

// Time as calls see it never runs backwards.
static void test_clock_backwards(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 4);
    use_clock(db, &clock);
    assert_ok(set_with(db, "a", "v", 0, 100, 0));
    atomic_fetch_add(&clock.ms, 200);
    assert_ok(set_with(db, "b", "v", 0, 100, 0)); // on another stripe, perhaps
    atomic_fetch_sub(&clock.ms, 5000);
    expect(db, "a", NULL);
    assert_int_equal(ttl(db, "b"), 100);
    assert_ok(set_with(db, "c", "v", 0, 100, 0));
    assert_int_equal(ttl(db, "c"), 100);
    atomic_fetch_add(&clock.ms, 5000);
    assert_int_equal(ttl(db, "c"), 100);
    atomic_fetch_add(&clock.ms, 100);
    expect(db, "b", NULL);
    expect(db, "c", NULL);
    assert_ok(kora_close(db));
}

static void test_persist(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, 2);
    int64_t n = 7;
    use_clock(db, &clock);
    assert_status(kora_persist(db, LIT("k")), KORA_NOTFOUND);
    assert_status(kora_ttl(db, LIT("k"), &n), KORA_NOTFOUND);
    assert_int_equal(n, 7);
    for (int size = 1; size < 100000; size *= 9) {
        char *v = pattern((size_t)size, 6);
        kora_set_options o = options(0, 1000, 0);
        assert_ok(kora_set(db, LIT("k"), v, (size_t)size, &o));
        assert_ok(kora_persist(db, LIT("k")));
        assert_status(kora_persist(db, LIT("k")), KORA_NOTSET);
        assert_int_equal(ttl(db, "k"), -1);
        expect_bytes(db, LIT("k"), v, (size_t)size);
        atomic_fetch_add(&clock.ms, 5000);
        assert_ok(kora_exists(db, LIT("k")));
        free(v);
    }
    assert_status(kora_persist(db, NULL, 1), KORA_INVAL);
    assert_status(kora_persist(NULL, LIT("k")), KORA_INVAL);
    assert_status(kora_ttl(db, NULL, 1, &n), KORA_INVAL);
    assert_status(kora_ttl(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_ttl(NULL, LIT("k"), &n), KORA_INVAL);
    assert_status(kora_expire(db, NULL, 1, 1, 0), KORA_INVAL);
    assert_status(kora_expire(NULL, LIT("k"), 1, 0), KORA_INVAL);
    assert_status(kora_expire_at(NULL, LIT("k"), 1, 0), KORA_INVAL);
    assert_ok(kora_close(db));
}

// Keys go by themselves.
static void test_active_expiry(void **state) {
    (void)state;
    kora *db = open_db(2, 8);
    kora_stats s = KORA_STATS_INIT;
    for (int i = 0; i < 1000; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_ok(set_with(kora_database(db, (uint32_t)i % 3), key, "v", 0, 1 + i % 40, 0));
    }
    assert_ok(put(db, "stays", "v"));
    wait_until((kora_get_stats(db, &s), s.keys == 1));
    assert_int_equal(s.keys_expiring, 0);
    assert_int_equal(s.expired, 1000);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// ---- configuration, statistics ---------------------------------------------------------------------------------------------------

static void test_config(void **state) {
    (void)state;
    kora *db = open_db(1, 2);
    char error[64] = "x", *value = error;
    assert_ok(kora_config_set(db, "maxclients", "77", error, sizeof error));
    assert_string_equal(error, "");
    assert_ok(kora_config_get(db, "maxclients", &value));
    assert_string_equal(value, "77");
    kora_free(value);
    value = error;
    assert_status(kora_config_set(db, "maxclients", "many", error, sizeof error), KORA_INVAL);
    assert_true(strlen(error) > 0);
    assert_status(kora_config_set(db, "maxclients", "many", error, 5), KORA_INVAL);
    assert_int_equal(strlen(error), 4);
    assert_status(kora_config_set(db, "maxclients", "many", NULL, 0), KORA_INVAL);
    assert_status(kora_config_set(db, "no-such-thing", "1", error, sizeof error), KORA_NOTFOUND);
    assert_status(kora_config_get(db, "no-such-thing", &value), KORA_NOTFOUND);
    assert_status(kora_config_get(db, NULL, &value), KORA_INVAL);
    assert_status(kora_config_get(db, "maxclients", NULL), KORA_INVAL);
    assert_status(kora_config_get(NULL, "maxclients", &value), KORA_INVAL);
    assert_status(kora_config_set(db, NULL, "1", error, sizeof error), KORA_INVAL);
    assert_status(kora_config_set(db, "maxclients", NULL, error, sizeof error), KORA_INVAL);
    assert_status(kora_config_set(NULL, "maxclients", "1", error, sizeof error), KORA_INVAL);
    assert_ptr_equal(value, error);
    expect_reply(db, NULL, "CONFIG GET maxclients", "[maxclients 77]");
    expect_reply(db, NULL, "CONFIG SET maxclients 78", "OK");
    assert_ok(kora_config_get(db, "maxclients", &value));
    assert_string_equal(value, "78");
    kora_free(value);
    assert_ok(kora_config_get(db, "requirepass", &value));
    assert_string_equal(value, "");
    kora_free(value);
    assert_ok(kora_close(db));
}

static void test_stats(void **state) {
    (void)state;
    kora *db = open_db(2, 4);
    kora_stats s = KORA_STATS_INIT, before = KORA_STATS_INIT;
    void *p;
    size_t len;
    assert_ok(kora_get_stats(db, &before));
    assert_ok(put(db, "a", "1"));
    assert_ok(set_with(kora_database(db, 1), "b", "2", 0, 100000, 0));
    assert_ok(kora_get(db, LIT("a"), &p, &len));
    kora_free(p);
    assert_status(kora_get(db, LIT("b"), &p, &len), KORA_NOTFOUND);
    expect_reply(db, NULL, "GET a", "1");
    expect_reply(db, NULL, "GET zz", "(nil)");
    assert_ok(kora_get_stats(db, &s));
    assert_int_equal(s.size, sizeof s);
    assert_int_equal(s.keys, 2);
    assert_int_equal(s.keys_expiring, 1);
    assert_int_equal(s.hits - before.hits, 2);
    assert_int_equal(s.misses - before.misses, 2);
    assert_int_equal(s.commands - before.commands, 6);
    assert_int_equal(s.expired, 0);
    assert_int_equal(s.waits, 0);
    assert_int_equal(s.connections, 0);
    assert_int_equal(s.connections_total, 0);
    assert_true(s.memory_used > 0 && s.memory_held >= s.memory_used);

    // Other sizes: no byte outside is touched, what is not known is zero.
    struct {
        kora_stats known;
        unsigned char more[32];
    } t;
    memset(&t, 0xee, sizeof t);
    t.known.size = sizeof(kora_stats) + 16;
    assert_ok(kora_get_stats(db, &t.known));
    assert_int_equal(t.known.size, sizeof(kora_stats) + 16);
    assert_int_equal(t.known.keys, 2);
    for (size_t i = 0; i < sizeof t.more; i++) assert_int_equal(t.more[i], i < 16 ? 0 : 0xee);
    memset(&t, 0xee, sizeof t);
    t.known.size = offsetof(kora_stats, keys_expiring);
    assert_ok(kora_get_stats(db, &t.known));
    assert_int_equal(t.known.keys, 2);
    assert_int_equal(((unsigned char *)&t)[offsetof(kora_stats, keys_expiring)], 0xee);
    t.known.size = 4;
    assert_status(kora_get_stats(db, &t.known), KORA_INVAL);
    assert_status(kora_get_stats(db, NULL), KORA_INVAL);
    assert_status(kora_get_stats(NULL, &s), KORA_INVAL);
    assert_ok(kora_close(db));
    assert_status(kora_close(NULL), KORA_INVAL);
}

// ---- when a key was last used ------------------------------------------------------------------------------------------------------

static uint32_t access_of(kora *db) { return atomic_load(&db->engine->common.settings.access_now); }

// One of the shards keeps the second while calls come, and sleeps when none do.
static void test_access_clock(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    assert_int_equal(access_of(db), ACCESS_ASK);
    assert_ok(put(db, "a", "one"));
    wait_until(access_of(db) != ACCESS_ASK);
    uint32_t first = access_of(db);
    assert_true((uint32_t)clock_mono_s() - first <= 1);
    wait_until((expect(db, "a", "one"), access_of(db) > first)); // it goes on
    expect(db, "a", "one");
    expect_reply(db, NULL, "OBJECT IDLETIME a", ":0");
    uint64_t last = access_of(db);
    wait_until(access_of(db) == ACCESS_ASK); // and stops
    assert_true((uint64_t)clock_mono_s() <= last + 3);
    _Atomic uint32_t *now = &db->engine->common.settings.access_now; // nobody else sets it, until one more call finds ACCESS_ASK
    atomic_store(now, 1000);
    expect(db, "a", "one");
    atomic_store(now, 999);
    expect_reply(db, NULL, "OBJECT IDLETIME a", ":0"); // noted by a clock that was ahead
    atomic_store(now, 1005);
    expect_reply(db, NULL, "OBJECT IDLETIME a", ":5");
    atomic_store(now, ACCESS_ASK);
    wait_until((expect(db, "a", "one"), access_of(db) != ACCESS_ASK)); // and begins again
    // Under LFU there is nothing to keep: every call counts by itself.
    expect_reply(db, NULL, "CONFIG SET maxmemory-policy allkeys-lfu", "OK");
    assert_int_equal(access_of(db), ACCESS_ASK);
    assert_ok(put(db, "b", "two"));
    for (int i = 0; i < 2000; i++) expect(db, "b", "two");
    kora_reply *r = run(db, NULL, "OBJECT FREQ b");
    assert_true(r->integer > 5 && r->integer < 256);
    kora_reply_free(r);
    assert_int_equal(access_of(db), ACCESS_ASK);
    expect_reply(db, NULL, "CONFIG SET maxmemory-policy noeviction", "OK");
    wait_until((expect(db, "b", "two"), access_of(db) != ACCESS_ASK));
    expect(db, "b", "two");
    expect_reply(db, NULL, "OBJECT IDLETIME b", ":0");
    assert_ok(kora_close(db));
}

// Every way in which a value can be replaced by one as long, and what must not be taken for it.
static void test_overwrite(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    assert_ok(put(db, "k", "abc"));
    wait_until(access_of(db) != ACCESS_ASK);
    struct { const char *command, *value, *encoding; } steps[] = { { NULL, "xyz", "embstr" }, { NULL, "-12", "int" }, { NULL, "abc", "embstr" },
        { NULL, "123", "int" }, { NULL, "-1x", "embstr" }, { NULL, "-1-", "embstr" }, { "SETRANGE k 0 q", "new", "embstr" }, { "APPEND k 12345", "12345678", "int" },
        { "EXPIRE k 100", "88888888", "int" }, { "SET k abcdefgh EX 100", "hgfedcba", "embstr" }, { "APPEND k x", "000000000", "embstr" } };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].command) kora_reply_free(run(db, NULL, steps[i].command));
        assert_ok(put(db, "k", steps[i].value));
        expect(db, "k", steps[i].value);
        expect_reply(db, NULL, "OBJECT ENCODING k", steps[i].encoding);
        assert_int_equal(ttl(db, "k"), -1);
    }
    assert_ok(kora_set(db, "", 0, "", 0, NULL));
    assert_ok(kora_set(db, "", 0, NULL, 0, NULL));
    expect_bytes(db, "", 0, "", 0);
    assert_ok(kora_close(db));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access_clock),
        cmocka_unit_test(test_overwrite),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_open_defaults),
        cmocka_unit_test(test_options_size),
        cmocka_unit_test(test_set_options_size),
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_set_get),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_get_into),
        cmocka_unit_test(test_integers_as_text),
        cmocka_unit_test(test_set_flags),
        cmocka_unit_test(test_set_invalid),
        cmocka_unit_test(test_set_old),
        cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_pin),
        cmocka_unit_test(test_pin_memory),
        cmocka_unit_test(test_pin_small),
        cmocka_unit_test(test_del_exists),
        cmocka_unit_test(test_incr),
        cmocka_unit_test(test_cas),
        cmocka_unit_test(test_expire_flags),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_clock_backwards),
        cmocka_unit_test(test_persist),
        cmocka_unit_test(test_active_expiry),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
