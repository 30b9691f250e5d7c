// Publish and subscribe in-process: messages by polling and by callback, their end when nobody reads, events of typed calls, memory that is missing; and
// the index of patterns against matching each of them.
#include <poll.h>
#include <stdatomic.h>

#include "base/glob.h"
#include "feed/feed.h"
#include "unit/api.h"

static kora_bytes bytes(const char *s) { return (kora_bytes){ s, strlen(s) }; }

static kora_subscription *subscribe(kora *db, const char *channel, const char *pattern, const kora_subscribe_options *o) {
    kora_bytes c = bytes(channel ? channel : ""), p = bytes(pattern ? pattern : "");
    kora_subscription *s;
    assert_ok(kora_subscribe(db, &c, channel != NULL, &p, pattern != NULL, o, &s));
    return s;
}

static uint64_t publish(kora *db, const char *channel, const char *data) {
    uint64_t n = UINT64_MAX;
    assert_ok(kora_publish(db, channel, strlen(channel), data, strlen(data), &n));
    return n;
}

static void next_is(kora_subscription *s, const char *channel, const char *data, const char *pattern) {
    kora_message m;
    struct pollfd p = { .fd = kora_subscription_fd(s), .events = POLLIN };
    int status;
    while ((status = kora_subscription_next(s, &m)) == KORA_NOTFOUND) assert_int_equal(poll(&p, 1, 30000), 1);
    assert_ok(status);
    assert_true(slice_equal(slice_of(m.channel.data, m.channel.len), slice_str(channel)));
    assert_true(slice_equal(slice_of(m.data.data, m.data.len), slice_str(data)));
    assert_true(pattern ? slice_equal(slice_of(m.pattern.data, m.pattern.len), slice_str(pattern)) : !m.pattern.data);
}

static void test_polling(void **state) {
    (void)state;
    kora *db = open_db(2, 0);
    kora_message m;
    kora_subscription *a = subscribe(db, "c", "c*", NULL), *b = subscribe(db, "c", NULL, NULL);
    assert_status(kora_subscription_next(a, &m), KORA_NOTFOUND);
    assert_int_equal(publish(db, "c", "one"), 3);
    assert_int_equal(publish(db, "cc", ""), 1);
    assert_int_equal(publish(db, "x", "nobody"), 0);
    next_is(a, "c", "one", NULL);
    next_is(a, "c", "one", "c*");
    next_is(a, "cc", "", "c*");
    next_is(b, "c", "one", NULL);
    assert_status(kora_close(db), KORA_BUSY);
    assert_ok(kora_unsubscribe(a));
    assert_int_equal(publish(db, "c", "two"), 1);
    next_is(b, "c", "two", NULL);
    assert_ok(kora_unsubscribe(b));
    assert_int_equal(publish(db, "c", "three"), 0);
    assert_ok(kora_unsubscribe(NULL));
    assert_ok(kora_close(db));
}

static void test_full(void **state) {
    (void)state;
    kora *db = open_db(1, 0);
    kora_subscribe_options o = KORA_SUBSCRIBE_OPTIONS_INIT;
    o.queue_bytes_max = 2000;
    kora_subscription *s = subscribe(db, "c", NULL, &o), *other = subscribe(db, "c", NULL, NULL);
    kora_message m;
    int n = 0, status;
    for (int i = 0; i < 100; i++) assert_int_equal(publish(db, "c", "message"), 2);
    for (int i = 0; i < 100; i++) next_is(other, "c", "message", NULL); // they are on the same shard
    while ((status = kora_subscription_next(s, &m)) == KORA_OK) n++;
    assert_status(status, KORA_TOOBIG);
    assert_in_range(n, 10, 60);
    assert_status(kora_subscription_next(s, &m), KORA_TOOBIG);
    assert_ok(kora_unsubscribe(s));
    assert_ok(kora_unsubscribe(other));
    assert_ok(kora_close(db));
}

struct heard {
    kora *db;
    _Atomic int messages, ends, wrong;
};

static void hear(void *arg, int status, const kora_message *m) {
    struct heard *h = arg;
    void *value;
    size_t len;
    if (status == KORA_TOOBIG && !m) {
        atomic_fetch_add(&h->ends, 1);
        return;
    }
    char expected[16];
    int n = snprintf(expected, sizeof expected, "%d", atomic_load(&h->messages));
    if (!slice_equal(slice_of(m->data.data, m->data.len), slice_of(expected, (size_t)n))) atomic_fetch_add(&h->wrong, 1);
    if (kora_get(h->db, "k", 1, &value, &len) != KORA_MISUSE) atomic_fetch_add(&h->wrong, 1);
    atomic_fetch_add(&h->messages, 1);
}

static void test_callback(void **state) {
    (void)state;
    kora *db = open_db(3, 0);
    struct heard h = { .db = db };
    kora_subscribe_options o = KORA_SUBSCRIBE_OPTIONS_INIT;
    o.fn = hear;
    o.arg = &h;
    kora_subscription *s = subscribe(db, "c", NULL, &o);
    char text[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(publish(db, "c", text), 1);
    }
    while (atomic_load(&h.messages) < 1000) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    assert_int_equal(atomic_load(&h.wrong), 0);
    assert_int_equal(kora_subscription_fd(s), -1);
    assert_ok(kora_unsubscribe(s));
    assert_int_equal(publish(db, "c", "after"), 0);
    assert_int_equal(atomic_load(&h.messages), 1000);
    assert_ok(kora_close(db));
}

static void test_events_of_typed_calls(void **state) {
    (void)state;
    kora *db = open_db(2, 0);
    int64_t n;
    size_t len;
    assert_ok(kora_config_set(db, "notify-keyspace-events", "KA", NULL, 0));
    kora_subscription *s = subscribe(db, NULL, "__keyspace@0__:*", NULL);
    assert_ok(kora_set(db, LIT("k"), LIT("v"), NULL));
    next_is(s, "__keyspace@0__:k", "set", "__keyspace@0__:*");
    assert_ok(kora_set(db, LIT("k"), LIT("w"), NULL)); // in place
    next_is(s, "__keyspace@0__:k", "set", "__keyspace@0__:*");
    assert_ok(kora_expire(db, LIT("k"), 100000, 0));
    next_is(s, "__keyspace@0__:k", "expire", "__keyspace@0__:*");
    assert_ok(kora_persist(db, LIT("k")));
    next_is(s, "__keyspace@0__:k", "persist", "__keyspace@0__:*");
    assert_ok(kora_del(db, LIT("k")));
    next_is(s, "__keyspace@0__:k", "del", "__keyspace@0__:*");
    assert_ok(kora_incr(db, LIT("i"), 1, &n));
    next_is(s, "__keyspace@0__:i", "incrby", "__keyspace@0__:*");
    assert_ok(kora_expire(db, LIT("i"), 1, 0));
    next_is(s, "__keyspace@0__:i", "expire", "__keyspace@0__:*");
    next_is(s, "__keyspace@0__:i", "expired", "__keyspace@0__:*"); // by itself
    const kora_field field = { { "f", 1 }, { "v", 1 } };
    for (int i = 0; i < 3; i++) { // the third takes the first with it
        assert_ok(kora_xadd(db, LIT("x"), NULL, &field, 1, 2, NULL));
        next_is(s, "__keyspace@0__:x", "xadd", "__keyspace@0__:*");
    }
    next_is(s, "__keyspace@0__:x", "xtrim", "__keyspace@0__:*");
    assert_status(kora_xadd(db, LIT("x"), &(kora_id){ 1, 1 }, &field, 1, 2, NULL), KORA_NOTSET);
    assert_ok(kora_xlen(db, LIT("x"), &len));
    assert_int_equal(len, 2);
    assert_ok(kora_unsubscribe(s));
    assert_ok(kora_close(db));
}

static void test_no_memory(void **state) {
    (void)state;
    kora *db = open_db(1, 0);
    kora_bytes c = bytes("c"), p = bytes("p*");
    for (long nth = 1;; nth++) {
        kora_subscription *s = NULL;
        mem_fail(nth, false);
        int status = kora_subscribe(db, &c, 1, &p, 1, NULL, &s);
        bool failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        if (status == KORA_OK) assert_ok(kora_unsubscribe(s));
        else assert_status(status, KORA_NOMEM);
        if (!failed) break;
    }
    kora_subscription *s = subscribe(db, "c", NULL, NULL);
    for (long nth = 1;; nth++) {
        uint64_t n = 0;
        mem_fail(nth, false);
        int status = kora_publish(db, LIT("c"), LIT("m"), &n);
        bool failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        if (status == KORA_OK) next_is(s, "c", "m", NULL);
        else assert_status(status, KORA_NOMEM);
        if (!failed) break;
    }
    assert_ok(kora_unsubscribe(s));
    assert_ok(kora_close(db));
}

// ---- the feed by itself ----------------------------------------------------------------------------------------------------------

static void no_wake(void *arg, uint32_t shard) { (void)arg, (void)shard; }

static void count_delivery(struct subscriber *s, const struct channel *to, struct payload *p) {
    (void)to, (void)p;
    ++*(int *)s->owner;
}

static void test_patterns(void **state) {
    (void)state;
    enum { PATTERNS = 1500, NAMES = 300 };
    static const char *const forms[] = { "%s*", "*%s", "%s?", "[%sz]", "%s[^a]*", "\\%s*", "?%s", "news.%s.*", "[a-%s]*", "%s", "a-long-prefix-that-goes-beyond-what-is-looked-at.%s*" };
    static char patterns[PATTERNS][64];
    struct random r;
    int got = 0;
    random_seed(&r, 7);
    _Atomic uint32_t monitors = 0;
    struct feed *f = feed_create(1, 64, &(struct hash_key){ 1, 2 }, no_wake, NULL, &monitors);
    struct subscriber s = { .deliver = count_delivery, .owner = &got };
    int count = 0;
    for (int i = 0; i < PATTERNS; i++) {
        char word[4] = { (char)('a' + random_below(&r, 3)), (char)('a' + random_below(&r, 3)), 0, 0 };
        snprintf(patterns[count], sizeof patterns[0], forms[random_below(&r, ARRAY_LEN(forms))], word);
        if (feed_subscribe(f, &s, FEED_PATTERN, 0, slice_str(patterns[count])) == FEED_CHANGED) count++;
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < NAMES; i++) {
            char name[64];
            size_t n = 0;
            if (i % 7 == 0) n = (size_t)snprintf(name, sizeof name, "%s", i % 2 ? "news." : "a-long-prefix-that-goes-beyond-what-is-looked-at.");
            for (uint64_t k = random_below(&r, 5); k > 0; k--) name[n++] = "abc."[random_below(&r, 4)];
            int wanted = 0;
            for (int k = 0; k < count; k++) wanted += feed_pattern_matches(slice_str(patterns[k]), slice_of(name, n));
            got = 0;
            assert_int_equal(feed_publish(f, FEED_CHANNEL, 0, slice_of(name, n), SLICE("m"), 0), wanted);
            feed_woken(f, 0);
            assert_int_equal(got, wanted);
        }
        for (int k = 0; round == 0 && k < count / 2; k++) {
            count--;
            assert_int_equal(feed_unsubscribe(f, &s, FEED_PATTERN, 0, slice_str(patterns[count])), FEED_CHANGED);
        }
    }
    feed_leave_all(f, &s);
    assert_int_equal(feed_channels(f, FEED_PATTERN), 0);
    feed_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_polling), cmocka_unit_test(test_full), cmocka_unit_test(test_callback), cmocka_unit_test(test_events_of_typed_calls),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
