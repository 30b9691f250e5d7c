// The typed calls about collections, sentence by sentence: results, errors, what is untouched after one.
#include "unit/api.h"

#include <math.h>

enum { STRIPES = 8 };

static kora_bytes bytes(const char *s) { return (kora_bytes){ s, strlen(s) }; }
#define KEY(k) (k), strlen(k)

static void expect_text(const void *p, size_t n, const char *text) {
    if (n != strlen(text) || memcmp(p, text, n) != 0) fail_msg("'%.*s' instead of '%s'", (int)n, (const char *)p, text);
}

// ---- hashes ----------------------------------------------------------------------------------------------------------------------

static void test_hash(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    size_t n = 77;
    int64_t sum = 77;
    void *value = db;
    char text[8];
    const kora_field fields[] = { { bytes("a"), bytes("1") }, { bytes("b"), bytes("two") }, { bytes(""), { NULL, 0 } }, { bytes("a"), bytes("3") } };
    assert_ok(kora_hlen(db, LIT("h"), &n));
    assert_int_equal(n, 0);
    assert_status(kora_hget(db, LIT("h"), LIT("a"), &value, &n), KORA_NOTFOUND);
    assert_true(value == db && n == 0);
    assert_ok(kora_hset(db, LIT("h"), fields, 4, &n));
    assert_int_equal(n, 3);
    assert_ok(kora_hset(db, LIT("h"), fields, 2, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_hset(db, LIT("h"), fields, 1, NULL));
    assert_ok(kora_hset(db, LIT("none"), NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_status(kora_exists(db, LIT("none")), KORA_NOTFOUND);
    assert_ok(kora_hlen(db, LIT("h"), &n));
    assert_int_equal(n, 3);

    assert_ok(kora_hget(db, LIT("h"), LIT("b"), &value, &n));
    expect_text(value, n, "two");
    assert_int_equal(((char *)value)[n], 0);
    kora_free(value);
    assert_ok(kora_hget(db, LIT("h"), NULL, 0, &value, &n));
    assert_int_equal(n, 0);
    kora_free(value);
    assert_status(kora_hget(db, LIT("h"), LIT("c"), &value, &n), KORA_NOTFOUND);
    assert_ok(kora_hget_into(db, LIT("h"), LIT("b"), text, 3, &n));
    expect_text(text, n, "two");
    assert_status(kora_hget_into(db, LIT("h"), LIT("b"), text, 2, &n), KORA_NOSPACE);
    assert_int_equal(n, 3);
    assert_status(kora_hget_into(db, LIT("h"), LIT("b"), NULL, 0, &n), KORA_NOSPACE);
    n = 77;
    assert_status(kora_hget_into(db, LIT("h"), LIT("c"), text, 2, &n), KORA_NOTFOUND);
    assert_int_equal(n, 77);

    assert_ok(kora_hincr(db, LIT("h"), LIT("a"), 41, &sum));
    assert_int_equal(sum, 42);
    assert_ok(kora_hincr(db, LIT("h"), LIT("new"), -7, NULL));
    expect_reply(db, NULL, "HGET h new", "-7");
    sum = 77;
    assert_status(kora_hincr(db, LIT("h"), LIT("b"), 1, &sum), KORA_NOTINT);
    assert_status(kora_hincr(db, LIT("h"), LIT("a"), INT64_MAX, &sum), KORA_NOTINT);
    assert_int_equal(sum, 77);
    expect_reply(db, NULL, "HGET h a", "42");

    assert_ok(kora_hdel(db, LIT("h"), (const kora_bytes[]){ bytes("a"), bytes("zz"), bytes("a"), bytes("new") }, 4, &n));
    assert_int_equal(n, 2);
    assert_ok(kora_hdel(db, LIT("h"), NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_hdel(db, LIT("none"), (const kora_bytes[]){ bytes("a") }, 1, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_hdel(db, LIT("h"), (const kora_bytes[]){ bytes(""), bytes("b") }, 2, NULL));
    assert_status(kora_exists(db, LIT("h")), KORA_NOTFOUND);
    assert_ok(kora_close(db));
}

static void note_effect(void *arg, const struct effect *e) {
    struct buf *b = arg;
    for (int i = 0; i < e->argc; i++) {
        buf_append_slice(b, e->argv[i]);
        buf_append_char(b, i + 1 < e->argc ? ' ' : ';');
    }
}
static void expect_effects(struct buf *b, const char *text) {
    expect_text(b->p, b->n, text);
    buf_clear(b);
}

// What changes are to others: the command that does the same, or nothing if nothing has changed. First what has expired.
static void test_effects(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    struct buf seen = { 0 };
    kora *db = open_db(1, STRIPES);
    use_clock(db, &clock);
    atomic_store(&db->engine->common.settings.active_expire, 0);
    db->engine->common.effects = (struct effect_sink){ .fn = note_effect, .arg = &seen };
    size_t n;
    void *p;
    const kora_bytes two[] = { bytes("a"), bytes("b") };
    assert_ok(kora_hset(db, LIT("h"), (const kora_field[]){ { bytes("a"), bytes("1") }, { bytes("b"), bytes("2") }, { bytes("c"), bytes("3") } }, 3, &n));
    expect_effects(&seen, "HSET h a 1 b 2 c 3;");
    expect_reply(db, NULL, "HPEXPIRE h 10 FIELDS 2 a b", "[:1 :1]");
    buf_clear(&seen);
    atomic_fetch_add(&clock.ms, 10);
    assert_ok(kora_hincr(db, LIT("h"), LIT("a"), 5, NULL));
    expect_effects(&seen, "HDEL h a;HINCRBY h a 5;");
    assert_ok(kora_hdel(db, LIT("h"), two + 1, 1, &n)); // has expired, so nothing is deleted
    expect_effects(&seen, "HDEL h b;");
    assert_ok(kora_hdel(db, LIT("h"), two, 2, &n));
    expect_effects(&seen, "HDEL h a b;");
    assert_ok(kora_hdel(db, LIT("h"), two, 2, &n));
    assert_status(kora_hincr(db, LIT("h"), LIT("c"), INT64_MAX, NULL), KORA_NOTINT);
    assert_ok(kora_hset(db, LIT("h"), NULL, 0, &n));

    assert_ok(kora_push(db, LIT("l"), KORA_FRONT, two, 2, &n));
    assert_ok(kora_push(db, LIT("l"), KORA_BACK, two, 1, &n));
    assert_ok(kora_expire(db, LIT("l"), 5, 0));
    assert_ok(kora_pop(db, LIT("l"), KORA_FRONT, 0, &p, &n));
    kora_free(p);
    atomic_fetch_add(&clock.ms, 5);
    assert_status(kora_pop(db, LIT("l"), KORA_BACK, 0, &p, &n), KORA_NOTFOUND);
    expect_effects(&seen, "LPUSH l a b;RPUSH l a;PEXPIREAT l 1700000000015;LPOP l;DEL l;");

    assert_ok(kora_sadd(db, LIT("s"), two, 2, &n));
    assert_ok(kora_sadd(db, LIT("s"), two, 2, &n));
    assert_ok(kora_srem(db, LIT("s"), two, 1, &n));
    assert_ok(kora_srem(db, LIT("s"), two, 1, &n));
    expect_effects(&seen, "SADD s a b;SREM s a;");

    kora_member members[20];
    char text[20][8];
    for (int i = 0; i < 20; i++) members[i] = (kora_member){ { text[i], (size_t)sprintf(text[i], "m%d", i) }, i };
    assert_ok(kora_zadd(db, LIT("z"), KORA_XX, members, 20, &n));
    assert_ok(kora_zadd(db, LIT("z"), 0, members, 20, &n));
    expect_effects(&seen, "ZADD z 0 m0 1 m1 2 m2 3 m3 4 m4 5 m5 6 m6 7 m7 8 m8 9 m9 10 m10 11 m11 12 m12 13 m13 14 m14 15 m15;"
        "ZADD z 16 m16 17 m17 18 m18 19 m19;");
    members[0].score = 0.1;
    assert_ok(kora_zadd(db, LIT("z"), KORA_XX | KORA_GT, members, 2, &n));
    assert_ok(kora_zadd(db, LIT("z"), KORA_NX, members, 2, &n));
    assert_ok(kora_zincr(db, LIT("z"), LIT("m3"), -4, NULL));
    assert_ok(kora_zincr(db, LIT("z"), LIT("m3"), 0, NULL));
    assert_status(kora_zincr(db, LIT("z"), LIT("m3"), NAN, NULL), KORA_INVAL);
    assert_ok(kora_zrem(db, LIT("z"), two, 2, &n));
    expect_effects(&seen, "ZADD z XX GT 0.10000000000000001 m0 1 m1;ZADD z -1 m3;");

    const kora_field field = { bytes("f"), bytes("v") };
    for (uint64_t i = 1; i <= 3; i++) assert_ok(kora_xadd(db, LIT("x"), &(kora_id){ i, i }, &field, 1, 2, NULL));
    assert_ok(kora_xadd(db, LIT("x"), NULL, &field, 1, 3, NULL));
    assert_status(kora_xadd(db, LIT("x"), &(kora_id){ 1, 1 }, &field, 1, 2, NULL), KORA_NOTSET);
    expect_effects(&seen, "XADD x 1-1 f v;XADD x 2-2 f v;XADD x 3-3 f v;XTRIM x MAXLEN = 2;XADD x 1700000000015-0 f v;");
    kora_reply_free(run(db, NULL, "XGROUP CREATE x g 0"));
    kora_reply_free(run(db, NULL, "XREADGROUP GROUP g me COUNT 1 STREAMS x >"));
    buf_clear(&seen);
    kora_id ids[17] = { { 2, 2 } };
    assert_ok(kora_xack(db, LIT("x"), LIT("g"), ids, 2, &n));
    assert_ok(kora_xack(db, LIT("x"), LIT("g"), ids, 2, &n));
    expect_effects(&seen, "XACK x g 2-2 0-0;");
    buf_free(&seen);
    db->engine->common.effects.fn = NULL;
    assert_ok(kora_close(db));
}

// Fields with an expiry of their own: what has expired is not there, and goes before a change.
static void test_hash_expiry(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, STRIPES);
    use_clock(db, &clock);
    atomic_store(&db->engine->common.settings.active_expire, 0);
    kora_field items[4];
    char buffer[64];
    uint64_t cursor = 0;
    int64_t sum;
    size_t n;
    void *value;
    expect_reply(db, NULL, "HSET h a 1 b 2 c 3", ":3");
    expect_reply(db, NULL, "HPEXPIRE h 10 FIELDS 2 a b", "[:1 :1]");
    assert_ok(kora_hincr(db, LIT("h"), LIT("a"), 5, &sum));
    assert_int_equal(sum, 6);
    expect_reply(db, NULL, "HPTTL h FIELDS 1 a", "[:10]"); // kept
    atomic_fetch_add(&clock.ms, 10);
    assert_status(kora_hget(db, LIT("h"), LIT("a"), &value, &n), KORA_NOTFOUND);
    assert_ok(kora_hlen(db, LIT("h"), &n));
    assert_int_equal(n, 1);
    assert_ok(kora_hscan(db, LIT("h"), &cursor, items, 4, buffer, sizeof buffer, &n));
    assert_int_equal(n, 1);
    expect_text(items[0].name.data, items[0].name.len, "c");
    assert_ok(kora_hincr(db, LIT("h"), LIT("a"), 5, &sum));
    assert_int_equal(sum, 5);
    assert_ok(kora_hdel(db, LIT("h"), (const kora_bytes[]){ bytes("b"), bytes("a") }, 2, &n));
    assert_int_equal(n, 1);
    assert_ok(kora_hset(db, LIT("h"), (const kora_field[]){ { bytes("b"), bytes("x") } }, 1, &n));
    assert_int_equal(n, 1);
    expect_reply(db, NULL, "HPEXPIRE h 10 FIELDS 2 b c", "[:1 :1]");
    atomic_fetch_add(&clock.ms, 10);
    assert_ok(kora_hdel(db, LIT("h"), (const kora_bytes[]){ bytes("b"), bytes("c") }, 2, &n));
    assert_int_equal(n, 0);
    assert_status(kora_exists(db, LIT("h")), KORA_NOTFOUND);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// ---- lists -----------------------------------------------------------------------------------------------------------------------

static void expect_pop(kora *db, const char *key, int end, const char *text) {
    void *p = db;
    size_t n = 77;
    int status = kora_pop(db, KEY(key), end, 0, &p, &n);
    if (!text) {
        assert_status(status, KORA_NOTFOUND);
        assert_true(p == db && n == 77);
        return;
    }
    assert_ok(status);
    expect_text(p, n, text);
    assert_int_equal(((char *)p)[n], 0);
    kora_free(p);
}

static void test_list(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    size_t n = 77;
    const kora_bytes abc[] = { bytes("a"), bytes("b"), bytes("12") };
    assert_ok(kora_llen(db, LIT("l"), &n));
    assert_int_equal(n, 0);
    assert_ok(kora_push(db, LIT("l"), KORA_BACK, NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_status(kora_exists(db, LIT("l")), KORA_NOTFOUND);
    assert_ok(kora_push(db, LIT("l"), KORA_BACK, abc, 3, &n));
    assert_int_equal(n, 3);
    assert_ok(kora_push(db, LIT("l"), KORA_FRONT, abc, 2, &n));
    assert_int_equal(n, 5);
    assert_ok(kora_push(db, LIT("l"), KORA_BACK, (const kora_bytes[]){ { NULL, 0 } }, 1, NULL));
    expect_reply(db, NULL, "LRANGE l 0 -1", "[b a a b 12 ]");
    assert_ok(kora_llen(db, LIT("l"), &n));
    assert_int_equal(n, 6);
    expect_pop(db, "l", KORA_BACK, "");
    expect_pop(db, "l", KORA_BACK, "12");
    expect_pop(db, "l", KORA_FRONT, "b");
    expect_pop(db, "l", KORA_FRONT, "a");
    expect_pop(db, "l", KORA_FRONT, "a");
    expect_pop(db, "l", KORA_BACK, "b");
    expect_pop(db, "l", KORA_FRONT, NULL);
    assert_status(kora_exists(db, LIT("l")), KORA_NOTFOUND);
    void *p;
    assert_status(kora_push(db, LIT("l"), 2, abc, 1, &n), KORA_INVAL);
    assert_status(kora_push(db, LIT("l"), -1, abc, 1, &n), KORA_INVAL);
    assert_status(kora_pop(db, LIT("l"), 2, 0, &p, &n), KORA_INVAL);
    assert_status(kora_pop(db, LIT("l"), KORA_FRONT, 0, NULL, &n), KORA_INVAL);
    assert_status(kora_pop(db, LIT("l"), KORA_FRONT, 0, &p, NULL), KORA_INVAL);
    assert_ok(kora_close(db));
}

// ---- sets ------------------------------------------------------------------------------------------------------------------------

static void test_set(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    size_t n = 77;
    const kora_bytes members[] = { bytes("1"), bytes("2"), bytes("1"), bytes("x") };
    assert_ok(kora_scard(db, LIT("s"), &n));
    assert_int_equal(n, 0);
    assert_ok(kora_sadd(db, LIT("s"), NULL, 0, &n));
    assert_status(kora_sismember(db, LIT("s"), LIT("1")), KORA_NOTFOUND);
    assert_ok(kora_sadd(db, LIT("s"), members, 3, &n));
    assert_int_equal(n, 2);
    assert_ok(kora_sadd(db, LIT("s"), members, 4, &n));
    assert_int_equal(n, 1);
    assert_ok(kora_scard(db, LIT("s"), &n));
    assert_int_equal(n, 3);
    assert_ok(kora_sismember(db, LIT("s"), LIT("2")));
    assert_status(kora_sismember(db, LIT("s"), NULL, 0), KORA_NOTFOUND);
    assert_ok(kora_srem(db, LIT("s"), members + 1, 2, &n));
    assert_int_equal(n, 2);
    assert_ok(kora_srem(db, LIT("s"), members, 1, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_srem(db, LIT("s"), members, 4, NULL));
    assert_status(kora_exists(db, LIT("s")), KORA_NOTFOUND);
    assert_ok(kora_srem(db, LIT("s"), members, 4, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_close(db));
}

// ---- sorted sets -------------------------------------------------------------------------------------------------------------------

static void test_zset(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    size_t n = 77;
    double score = 77;
    const kora_member members[] = { { bytes("a"), 1 }, { bytes("b"), 2 }, { bytes("c"), -INFINITY }, { bytes("a"), 3 } };
    assert_ok(kora_zcard(db, LIT("z"), &n));
    assert_int_equal(n, 0);
    assert_ok(kora_zadd(db, LIT("z"), 0, NULL, 0, &n));
    assert_status(kora_zscore(db, LIT("z"), LIT("a"), &score), KORA_NOTFOUND);
    assert_true(score == 77);
    assert_ok(kora_zadd(db, LIT("z"), 0, members, 4, &n));
    assert_int_equal(n, 3);
    expect_reply(db, NULL, "ZRANGE z 0 -1 WITHSCORES", "[[c -inf] [b 2] [a 3]]");
    assert_ok(kora_zadd(db, LIT("z"), KORA_NX, (const kora_member[]){ { bytes("a"), 9 }, { bytes("d"), 4 } }, 2, &n));
    assert_int_equal(n, 1);
    assert_ok(kora_zadd(db, LIT("z"), KORA_XX, (const kora_member[]){ { bytes("a"), 9 }, { bytes("e"), 4 } }, 2, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_zadd(db, LIT("z"), KORA_GT, (const kora_member[]){ { bytes("a"), 8 }, { bytes("b"), 5 } }, 2, &n));
    assert_ok(kora_zadd(db, LIT("z"), KORA_LT | KORA_XX, (const kora_member[]){ { bytes("a"), 7 }, { bytes("b"), 6 } }, 2, &n));
    expect_reply(db, NULL, "ZRANGE z 0 -1 WITHSCORES", "[[c -inf] [d 4] [b 5] [a 7]]");
    static const uint32_t bad[] = { KORA_NX | KORA_XX, KORA_NX | KORA_GT, KORA_NX | KORA_LT, KORA_GT | KORA_LT, KORA_KEEPTTL, KORA_REVERSE, 1u << 31 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_status(kora_zadd(db, LIT("z"), bad[i], members, 1, &n), KORA_INVAL);
    assert_status(kora_zadd(db, LIT("z"), 0, (const kora_member[]){ { bytes("x"), 1 }, { bytes("y"), NAN } }, 2, &n), KORA_INVAL);
    assert_status(kora_zscore(db, LIT("z"), LIT("x"), &score), KORA_NOTFOUND);

    assert_ok(kora_zscore(db, LIT("z"), LIT("c"), &score));
    assert_true(score == -INFINITY);
    assert_ok(kora_zincr(db, LIT("z"), LIT("d"), 0.5, &score));
    assert_true(score == 4.5);
    assert_ok(kora_zincr(db, LIT("z"), LIT("new"), -1, NULL));
    assert_ok(kora_zincr(db, LIT("z"), LIT("new"), 0, &score));
    assert_true(score == -1);
    score = 77;
    assert_status(kora_zincr(db, LIT("z"), LIT("c"), INFINITY, &score), KORA_INVAL);
    assert_status(kora_zincr(db, LIT("z"), LIT("c"), NAN, &score), KORA_INVAL);
    assert_true(score == 77);

    assert_ok(kora_zrank(db, LIT("z"), 0, LIT("new"), &n));
    assert_int_equal(n, 1);
    assert_ok(kora_zrank(db, LIT("z"), KORA_REVERSE, LIT("new"), &n));
    assert_int_equal(n, 3);
    assert_status(kora_zrank(db, LIT("z"), 0, LIT("nobody"), &n), KORA_NOTFOUND);
    assert_status(kora_zrank(db, LIT("z"), KORA_NX, LIT("new"), &n), KORA_INVAL);
    assert_ok(kora_zrem(db, LIT("z"), (const kora_bytes[]){ bytes("new"), bytes("x"), bytes("new"), bytes("a") }, 4, &n));
    assert_int_equal(n, 2);
    assert_ok(kora_zcard(db, LIT("z"), &n));
    assert_int_equal(n, 3);
    assert_ok(kora_zrem(db, LIT("z"), (const kora_bytes[]){ bytes("b"), bytes("c"), bytes("d"), bytes("d") }, 4, &n));
    assert_int_equal(n, 3);
    assert_status(kora_exists(db, LIT("z")), KORA_NOTFOUND);
    assert_ok(kora_zrem(db, LIT("z"), (const kora_bytes[]){ bytes("b") }, 1, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_close(db));
}

// ---- streams -----------------------------------------------------------------------------------------------------------------------

static void test_stream(void **state) {
    (void)state;
    struct test_clock clock = { 1700000000000 };
    kora *db = open_db(1, STRIPES);
    use_clock(db, &clock);
    const kora_field fields[] = { { bytes("f"), bytes("1") }, { bytes("name"), bytes("value") } };
    kora_id id = { 7, 7 }, given = { 5, 1 };
    kora_entry items[8];
    char buffer[512];
    size_t n = 77;
    assert_ok(kora_xlen(db, LIT("x"), &n));
    assert_int_equal(n, 0);
    assert_ok(kora_xread(db, LIT("x"), &id, 0, items, 8, buffer, sizeof buffer, &n));
    assert_true(n == 0 && id.ms == 7 && id.seq == 7);
    assert_ok(kora_xadd(db, LIT("x"), &given, fields, 2, 0, &id));
    assert_true(id.ms == 5 && id.seq == 1);
    id.ms = 77;
    assert_status(kora_xadd(db, LIT("x"), &given, fields, 2, 0, &id), KORA_NOTSET);
    given.seq = 0;
    assert_status(kora_xadd(db, LIT("x"), &given, fields, 2, 0, &id), KORA_NOTSET);
    given.ms = 0;
    assert_status(kora_xadd(db, LIT("x"), &given, fields, 2, 0, &id), KORA_INVAL);
    assert_status(kora_xadd(db, LIT("x"), NULL, fields, 0, 0, &id), KORA_INVAL);
    assert_int_equal(id.ms, 77);
    assert_ok(kora_xadd(db, LIT("x"), NULL, fields, 1, 0, &id));
    assert_true(id.ms == 1700000000000 && id.seq == 0);
    assert_ok(kora_xadd(db, LIT("x"), NULL, fields + 1, 1, 0, &id));
    assert_true(id.ms == 1700000000000 && id.seq == 1);
    expect_reply(db, NULL, "XRANGE x - +", "[[5-1 [f 1 name value]] [1700000000000-0 [f 1]] [1700000000000-1 [name value]]]");

    id = (kora_id){ 0, 0 };
    assert_ok(kora_xread(db, LIT("x"), &id, 0, items, 2, buffer, sizeof buffer, &n));
    assert_int_equal(n, 2);
    assert_true(items[0].id.ms == 5 && items[0].id.seq == 1 && items[0].count == 2 && items[1].count == 1);
    expect_text(items[0].fields[1].value.data, items[0].fields[1].value.len, "value");
    expect_text(items[1].fields[0].name.data, items[1].fields[0].name.len, "f");
    assert_true(id.ms == 1700000000000 && id.seq == 0);
    assert_ok(kora_xread(db, LIT("x"), &id, -1, items, 2, buffer, sizeof buffer, &n));
    assert_true(n == 1 && id.seq == 1);
    assert_ok(kora_xread(db, LIT("x"), &id, 0, items, 2, buffer, sizeof buffer, &n));
    assert_true(n == 0 && id.seq == 1);
    assert_ok(kora_xread(db, LIT("x"), &id, 1, items, 2, buffer, sizeof buffer, &n));
    assert_true(n == 0 && id.seq == 1);
    id = (kora_id){ UINT64_MAX, UINT64_MAX };
    assert_ok(kora_xread(db, LIT("x"), &id, 0, items, 2, buffer, sizeof buffer, &n));
    assert_true(n == 0 && id.ms == 1700000000000 && id.seq == 1);
    id = (kora_id){ UINT64_MAX, UINT64_MAX };
    assert_ok(kora_xread(db, LIT("none"), &id, 0, items, 2, buffer, sizeof buffer, &n));
    assert_true(n == 0 && id.ms == 0 && id.seq == 0);

    // Whatever the buffer, and where it lies: so much as it says is enough.
    for (size_t offset = 0; offset < 9; offset++) {
        id = (kora_id){ 0, 0 };
        for (size_t total = 0, size = 0; total < 3;) {
            int status = kora_xread(db, LIT("x"), &id, 0, items, 8, buffer + offset, size, &n);
            if (status == KORA_NOSPACE) {
                assert_true(n > size && n < 120);
                size = n;
                continue;
            }
            assert_ok(status);
            assert_true(n > 0);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal((uintptr_t)items[i].fields % sizeof(void *), 0);
                const kora_bytes *last = &items[i].fields[items[i].count - 1].value;
                assert_true((const char *)last->data + last->len <= buffer + offset + size);
            }
            total += n;
            size = 0;
        }
    }

    for (int i = 0; i < 300; i++) assert_ok(kora_xadd(db, LIT("x"), NULL, fields, 2, 100, NULL));
    assert_ok(kora_xlen(db, LIT("x"), &n));
    assert_int_equal(n, 100);
    given = (kora_id){ UINT64_MAX, UINT64_MAX };
    assert_ok(kora_xadd(db, LIT("x"), &given, fields, 2, 0, NULL));
    assert_status(kora_xadd(db, LIT("x"), NULL, fields, 2, 0, NULL), KORA_NOTSET);

    expect_reply(db, NULL, "XGROUP CREATE g workers 0 MKSTREAM", "OK");
    kora_id ids[3] = { { 1, 1 }, { 2, 2 }, { 3, 3 } };
    for (int i = 0; i < 3; i++) assert_ok(kora_xadd(db, LIT("g"), &ids[i], fields, 1, 0, NULL));
    kora_reply_free(run(db, NULL, "XREADGROUP GROUP workers me COUNT 2 STREAMS g >"));
    assert_ok(kora_xack(db, LIT("g"), LIT("nobody"), ids, 3, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_xack(db, LIT("g"), LIT("workers"), NULL, 0, &n));
    assert_int_equal(n, 0);
    assert_ok(kora_xack(db, LIT("g"), LIT("workers"), ids, 3, &n));
    assert_int_equal(n, 2);
    assert_ok(kora_xack(db, LIT("g"), LIT("workers"), ids, 3, NULL));
    expect_reply(db, NULL, "XPENDING g workers", "[:0 (nil) (nil) (nil)]");
    assert_status(kora_xack(db, LIT("g"), LIT("workers"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_xread(db, LIT("x"), NULL, 0, items, 2, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_xread(db, LIT("x"), &id, 0, items, 0, buffer, sizeof buffer, &n), KORA_INVAL);
    assert_status(kora_xlen(db, LIT("x"), NULL), KORA_INVAL);
    check_stripes(db);
    assert_ok(kora_close(db));
}

// ---- what is common to all ---------------------------------------------------------------------------------------------------------

enum which { HSET, HGET, HGET_INTO, HDEL, HLEN, HINCR, HSCAN, PUSH, POP, LLEN, LRANGE, SADD, SREM, SISMEMBER, SCARD, SSCAN, ZADD, ZINCR, ZREM, ZSCORE,
    ZRANK, ZCARD, ZRANGE, XADD, XLEN, XREAD, XACK, CALLS };

static const struct {
    const char *name;
    char type;     // its key's in the tests: h, l, s, z
    bool allocates; // the result, too
} calls[CALLS] = { { "hset", 'h', 0 }, { "hget", 'h', 1 }, { "hget_into", 'h', 0 }, { "hdel", 'h', 0 }, { "hlen", 'h', 0 }, { "hincr", 'h', 0 },
    { "hscan", 'h', 0 }, { "push", 'l', 0 }, { "pop", 'l', 1 }, { "llen", 'l', 0 }, { "lrange", 'l', 0 }, { "sadd", 's', 0 }, { "srem", 's', 0 },
    { "sismember", 's', 0 }, { "scard", 's', 0 }, { "sscan", 's', 0 }, { "zadd", 'z', 0 }, { "zincr", 'z', 0 }, { "zrem", 'z', 0 }, { "zscore", 'z', 0 },
    { "zrank", 'z', 0 }, { "zcard", 'z', 0 }, { "zrange", 'z', 0 }, { "xadd", 'x', 0 }, { "xlen", 'x', 0 }, { "xread", 'x', 0 },
    { "xack", 'x', 0 } };

enum { ARGS = 40 };

// What a call is given: n elements, of which the first stands for a single one.
struct given {
    const char *key;
    size_t key_len;
    kora_bytes names[ARGS];
    size_t n;
    int end;
};

// Any call. Output that an error has touched is found.
static int call(kora *db, enum which which, const struct given *g) {
    kora_field fields[ARGS];
    kora_member members[ARGS];
    kora_bytes items[ARGS];
    kora_entry entries[ARGS];
    kora_id id = { 0, 0 };
    const kora_id ids[] = { { 1, 1 }, { 2, 2 }, { 1, 1 } };
    char buffer[8192];
    uint64_t cursor = 0;
    int64_t sum = 77;
    double score = 77;
    size_t n = 77;
    void *p = db;
    int status = -1;
    const void *key = g->key;
    size_t len = g->key_len;
    kora_bytes one = g->names[0];
    for (size_t i = 0; i < g->n; i++) {
        fields[i] = (kora_field){ g->names[i], g->names[g->n - 1 - i] };
        members[i] = (kora_member){ g->names[i], (double)i };
    }
    switch (which) {
    case HSET: status = kora_hset(db, key, len, fields, g->n, &n); break;
    case HGET: status = kora_hget(db, key, len, one.data, one.len, &p, &n); break;
    case HGET_INTO: status = kora_hget_into(db, key, len, one.data, one.len, buffer, sizeof buffer, &n); break;
    case HDEL: status = kora_hdel(db, key, len, g->names, g->n, &n); break;
    case HLEN: status = kora_hlen(db, key, len, &n); break;
    case HINCR: status = kora_hincr(db, key, len, one.data, one.len, 1, &sum); break;
    case HSCAN: status = kora_hscan(db, key, len, &cursor, fields, ARGS, buffer, sizeof buffer, &n); break;
    case PUSH: status = kora_push(db, key, len, g->end, g->names, g->n, &n); break;
    case POP: status = kora_pop(db, key, len, g->end, 0, &p, &n); break;
    case LLEN: status = kora_llen(db, key, len, &n); break;
    case LRANGE: status = kora_lrange(db, key, len, &cursor, items, ARGS, buffer, sizeof buffer, &n); break;
    case SADD: status = kora_sadd(db, key, len, g->names, g->n, &n); break;
    case SREM: status = kora_srem(db, key, len, g->names, g->n, &n); break;
    case SISMEMBER: status = kora_sismember(db, key, len, one.data, one.len); break;
    case SCARD: status = kora_scard(db, key, len, &n); break;
    case SSCAN: status = kora_sscan(db, key, len, &cursor, items, ARGS, buffer, sizeof buffer, &n); break;
    case ZADD: status = kora_zadd(db, key, len, 0, members, g->n, &n); break;
    case ZINCR: status = kora_zincr(db, key, len, one.data, one.len, 1, &score); break;
    case ZREM: status = kora_zrem(db, key, len, g->names, g->n, &n); break;
    case ZSCORE: status = kora_zscore(db, key, len, one.data, one.len, &score); break;
    case ZRANK: status = kora_zrank(db, key, len, 0, one.data, one.len, &n); break;
    case ZCARD: status = kora_zcard(db, key, len, &n); break;
    case ZRANGE: status = kora_zrange(db, key, len, 0, &cursor, members, ARGS, buffer, sizeof buffer, &n); break;
    case XADD: status = kora_xadd(db, key, len, NULL, fields, g->n, 150, &id); break;
    case XLEN: status = kora_xlen(db, key, len, &n); break;
    case XREAD: status = kora_xread(db, key, len, &id, 0, entries, ARGS, buffer, sizeof buffer, &n); break;
    case XACK: status = kora_xack(db, key, len, one.data, one.len, ids, 3, &n); break;
    case CALLS: break;
    }
    if (status == KORA_OK && calls[which].allocates) kora_free(p);
    else if (status != KORA_OK && status != KORA_NOSPACE && !(p == db && n == 77 && sum == 77 && score == 77 && cursor == 0 && id.ms == 0))
        fail_msg("%s touched its output", calls[which].name);
    return status;
}

static bool is_change(enum which w) { return w == HSET || w == HDEL || w == PUSH || w == SADD || w == SREM || w == ZADD || w == ZREM || w == XADD; }
static bool takes_name(enum which w) { // as pointer and length
    return w == HGET || w == HGET_INTO || w == HINCR || w == SISMEMBER || w == ZINCR || w == ZSCORE || w == ZRANK || w == XACK;
}

static void test_errors(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    expect_reply(db, NULL, "CONFIG SET proto-max-bulk-len 1mb", "OK");
    size_t big = 1024 * 1024 + 1;
    char *long_text = malloc(big);
    memset(long_text, 'x', big);
    expect_reply(db, NULL, "SET string x", "OK");
    expect_reply(db, NULL, "HSET h a 1", ":1");
    expect_reply(db, NULL, "RPUSH l a", ":1");
    expect_reply(db, NULL, "SADD s a", ":1");
    expect_reply(db, NULL, "ZADD z 1 a", ":1");
    expect_reply(db, NULL, "XADD x 1-1 f v", "1-1");
    for (enum which w = 0; w < CALLS; w++) {
        static const char *const others[] = { "string", "h", "l", "s", "z", "x" };
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
            struct given g = { others[i], strlen(others[i]), { bytes("1"), bytes("x") }, 2, KORA_BACK };
            if (others[i][0] != calls[w].type || i == 0) assert_status(call(db, w, &g), KORA_WRONGTYPE);
        }
        struct given g = { NULL, 1, { bytes("1") }, 1, KORA_BACK };
        assert_status(call(db, w, &g), KORA_INVAL);
        assert_status(call(NULL, w, &(struct given){ "k", 1, { bytes("1") }, 1, KORA_BACK }), KORA_INVAL);
        g.key = long_text;
        g.key_len = big;
        assert_status(call(db, w, &g), KORA_TOOBIG);
        g.key = "new";
        g.key_len = 3;
        g.names[0] = (kora_bytes){ long_text, big };
        if (is_change(w) || w == HINCR || w == ZINCR || w == XACK) assert_status(call(db, w, &g), KORA_TOOBIG);
        g.names[0] = (kora_bytes){ NULL, 1 };
        if (is_change(w) || takes_name(w)) assert_status(call(db, w, &g), KORA_INVAL);
    }
    assert_status(kora_exists(db, LIT("new")), KORA_NOTFOUND);
    kora_field fields[1];
    kora_member members[1];
    kora_bytes items[1];
    char buffer[1];
    uint64_t cursor = 0;
    size_t n;
    assert_status(kora_hset(db, LIT("k"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_hset(db, LIT("k"), fields, SIZE_MAX, &n), KORA_INVAL);
    assert_status(kora_hdel(db, LIT("k"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_push(db, LIT("k"), KORA_BACK, NULL, 1, &n), KORA_INVAL);
    assert_status(kora_sadd(db, LIT("k"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_sadd(db, LIT("k"), items, SIZE_MAX / 16, &n), KORA_INVAL);
    assert_status(kora_srem(db, LIT("k"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_zadd(db, LIT("k"), 0, NULL, 1, &n), KORA_INVAL);
    assert_status(kora_zadd(db, LIT("k"), 0, members, SIZE_MAX, &n), KORA_INVAL);
    assert_status(kora_zrem(db, LIT("k"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_hlen(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_llen(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_scard(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_zcard(db, LIT("k"), NULL), KORA_INVAL);
    assert_status(kora_hget(db, LIT("k"), LIT("f"), NULL, &n), KORA_INVAL);
    assert_status(kora_hget_into(db, LIT("k"), LIT("f"), NULL, 1, &n), KORA_INVAL);
    assert_status(kora_hget_into(db, LIT("k"), LIT("f"), buffer, 1, NULL), KORA_INVAL);
    assert_status(kora_zscore(db, LIT("k"), LIT("f"), NULL), KORA_INVAL);
    assert_status(kora_zrank(db, LIT("k"), 0, LIT("f"), NULL), KORA_INVAL);
#define REFUSES(call_, ...)                                                                       \
    do {                                                                                          \
        assert_status(call_(__VA_ARGS__, NULL, ITEMS, 1, buffer, 1, &n), KORA_INVAL);             \
        assert_status(call_(__VA_ARGS__, &cursor, NULL, 1, buffer, 1, &n), KORA_INVAL);           \
        assert_status(call_(__VA_ARGS__, &cursor, ITEMS, 0, buffer, 1, &n), KORA_INVAL);          \
        assert_status(call_(__VA_ARGS__, &cursor, ITEMS, 1, NULL, 1, &n), KORA_INVAL);            \
        assert_status(call_(__VA_ARGS__, &cursor, ITEMS, 1, buffer, 1, NULL), KORA_INVAL);        \
        assert_ok(call_(__VA_ARGS__, &cursor, ITEMS, 1, NULL, 0, &n));                            \
        assert_true(n == 0 && cursor == 0);                                                       \
    } while (0)
#define ITEMS fields
    REFUSES(kora_hscan, db, LIT("k"));
#undef ITEMS
#define ITEMS items
    REFUSES(kora_lrange, db, LIT("k"));
    REFUSES(kora_sscan, db, LIT("k"));
#undef ITEMS
#define ITEMS members
    REFUSES(kora_zrange, db, LIT("k"), 0);
#undef ITEMS
    assert_status(kora_zrange(db, LIT("k"), KORA_XX, &cursor, members, 1, buffer, 1, &n), KORA_INVAL);
    free(long_text);
    check_stripes(db);
    assert_ok(kora_close(db));
}

struct misuse {
    kora *db;
    _Atomic int done;
};

static void from_callback(void *arg, int status, kora_reply *reply) {
    struct misuse *m = arg;
    kora_reply_free(reply);
    int bad = status;
    for (enum which w = 0; w < CALLS; w++) bad |= call(m->db, w, &(struct given){ "k", 1, { bytes("1") }, 1, KORA_BACK }) != KORA_MISUSE;
    atomic_store(&m->done, bad ? 2 : 1);
}

static void test_misuse(void **state) {
    (void)state;
    struct misuse m = { .db = open_db(1, STRIPES) };
    assert_ok(kora_submit(m.db, 1, (const char *const[]){ "PING" }, NULL, from_callback, &m));
    wait_until(atomic_load(&m.done));
    assert_int_equal(atomic_load(&m.done), 1);
    assert_ok(kora_close(m.db));
}

static void test_counters(void **state) {
    (void)state;
    kora *db = open_db(1, STRIPES);
    kora_stats before = KORA_STATS_INIT, after = KORA_STATS_INIT;
    struct given g = { "h", 1, { bytes("1") }, 1, KORA_BACK };
    assert_ok(kora_get_stats(db, &before));
    assert_ok(call(db, HSET, &g));
    assert_ok(call(db, HGET, &g));
    assert_ok(call(db, HLEN, &(struct given){ "none", 4, { bytes("1") }, 1, 0 }));
    assert_ok(kora_get_stats(db, &after));
    assert_int_equal(after.commands - before.commands, 3);
    assert_int_equal(after.hits - before.hits, 1);
    assert_int_equal(after.misses - before.misses, 1);
    // The memory of nodes is accounted for at once.
    char text[1000][16];
    kora_bytes members[1000];
    size_t n;
    for (int i = 0; i < 1000; i++) members[i] = (kora_bytes){ text[i], (size_t)sprintf(text[i], "member %d", i) };
    assert_ok(kora_sadd(db, LIT("s"), members, 200, &n));
    assert_ok(kora_get_stats(db, &before));
    assert_ok(kora_sadd(db, LIT("s"), members + 200, 800, &n)); // the key's entry stays as it is
    assert_ok(kora_get_stats(db, &after));
    assert_true(after.memory_used > before.memory_used + 10000);
    assert_ok(kora_del(db, LIT("s")));
    wait_until(kora_get_stats(db, &after) == KORA_OK && after.memory_used < before.memory_used + 10000); // in the background
    assert_ok(kora_close(db));
}

// ---- without memory ----------------------------------------------------------------------------------------------------------------

static void count_effect(void *arg, const struct effect *e) { (void)e, ++*(uint64_t *)arg; }

// All that is there, as text. Order does not matter where there is none, and stays the same as long as nothing changes.
static char *show(kora *db) {
    static const char *const lines[] = { "HGETALL h", "LRANGE l 0 -1", "SMEMBERS s", "ZRANGE z 0 -1 WITHSCORES", "HGETALL bigh", "LRANGE bigl 0 -1",
        "SMEMBERS bigs", "ZRANGE bigz 0 -1 WITHSCORES", "XRANGE x - +", "XRANGE bigx - +", "XPENDING x 1", "XPENDING bigx 1", "DBSIZE" };
    struct buf b = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        kora_reply *r = run(db, NULL, lines[i]);
        describe(r, &b);
        kora_reply_free(r);
    }
    buf_append_char(&b, '\0');
    char *text = strdup(b.p);
    buf_free(&b);
    return text;
}

static kora *make_small_and_large(uint64_t *effects) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    o.shards = 1;
    o.stripes = 2;
    assert_ok(kora_open(NULL, &o, &db));
    if (effects) db->engine->common.effects = (struct effect_sink){ .fn = count_effect, .arg = effects };
    expect_reply(db, NULL, "HSET h 1 1 b 2", ":2");
    expect_reply(db, NULL, "RPUSH l 1 b 3", ":3");
    expect_reply(db, NULL, "SADD s 1 2", ":2");
    expect_reply(db, NULL, "ZADD z 1 1 2 b", ":2");
    expect_reply(db, NULL, "XADD x 1-1 f 1", "1-1");
    expect_reply(db, NULL, "XADD x 2-2 f 1", "2-2");
    for (int i = 1; i <= 200; i++) {
        char line[128];
        static const char *const adds[] = { "HSET bigh %d 1", "RPUSH bigl %d-a-long-one-so-that-it-is-long-really-long-and-longer",
            "SADD bigs %d x", "ZADD bigz %d %d", "XADD bigx %d-%d f v" };
        for (size_t k = 0; k < ARRAY_LEN(adds); k++) {
            snprintf(line, sizeof line, adds[k], i, i);
            kora_reply_free(run(db, NULL, line));
        }
    }
    static const char *const groups[] = { "XGROUP CREATE x 1 0", "XGROUP CREATE bigx 1 0", "XREADGROUP GROUP 1 me STREAMS x bigx > >" };
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) kora_reply_free(run(db, NULL, groups[i]));
    return db;
}

static void fail_each(enum which w, const struct given *g, bool effects, bool forever) {
    for (long n = 1;; n++) {
        uint64_t told = 0;
        kora *db = make_small_and_large(effects ? &told : NULL);
        char *before = show(db);
        told = 0;
        mem_fail(n, forever);
        int status = call(db, w, g);
        bool failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        check_stripes(db);
        if (status == KORA_NOMEM) {
            assert_true(failed);
            char *after = show(db);
            if (strcmp(before, after) != 0) fail_msg("%s %s, allocation %ld: %s became %s", calls[w].name, g->key, n, before, after);
            assert_int_equal(told, 0);
            free(after);
            status = call(db, w, g); // and now
        }
        if (status != KORA_OK) fail_msg("%s %s, allocation %ld: %s", calls[w].name, g->key, n, kora_status_name(status));
        free(before);
        assert_ok(kora_close(db));
        if (!failed) return;
    }
}

static void test_no_memory(void **state) {
    (void)state;
    static char long_text[5000];
    memset(long_text, 'y', sizeof long_text);
    for (enum which w = 0; w < CALLS; w++) {
        if (SANITIZED == 2 && w % 3) continue;
        for (int big = 0; big < 3; big++) {
            char key[8];
            struct given g = { key, (size_t)sprintf(key, "%s%c", big == 1 ? "big" : big == 2 ? "new" : "", calls[w].type), { bytes("1") }, 1, KORA_BACK };
            if (big == 2 && w != HSET && w != PUSH && w != SADD && w != ZADD && w != HINCR && w != ZINCR && w != XADD) continue;
            for (int many = 0; many < 2; many++) {
                char text[ARGS][8];
                if (many && !is_change(w)) continue;
                for (size_t i = 1; many && i < ARGS; i++) g.names[g.n++] = (kora_bytes){ text[i], (size_t)sprintf(text[i], "%zu", i * 7) };
                if (many) g.names[g.n - 1] = (kora_bytes){ long_text, sizeof long_text };
                for (int how = 0; how < 4; how++) fail_each(w, &g, how & 1, how & 2);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_hash_expiry),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_zset),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
