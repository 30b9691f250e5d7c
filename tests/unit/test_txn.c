// Transactions in-process: kora_txn, and MULTI with a session; who marks a watched key; what becomes of records that nobody needs any more.
#include "unit/api.h"

#include "call/multi.h"
#include "engine/background.h"

static kora_txn *begin(kora *db) {
    kora_txn *t = NULL;
    assert_ok(kora_txn_begin(db, &t));
    return t;
}

static int watch(kora_txn *t, const char *key) { return kora_txn_watch(t, key, strlen(key)); }

static int add(kora_txn *t, const char *line) {
    char copy[4096];
    const char *words[WORDS_MAX];
    int n = split(copy, line, words);
    return kora_txn_add(t, n, words, NULL);
}

static void expect_exec(kora_txn *t, const char *text) {
    struct buf b = { 0 };
    kora_reply *r = NULL;
    assert_ok(kora_txn_exec(t, &r));
    describe(r, &b);
    buf_append_char(&b, '\0');
    if (strcmp(b.p, text) != 0) fail_msg("%s instead of %s", b.p, text);
    buf_free(&b);
    kora_reply_free(r);
}

static uint32_t watched(kora *db) { // records that stripes still find; nobody else may be using it
    uint32_t n = 0;
    for (uint32_t i = 0; i < db->engine->common.stripe_count; i++) n += db->engine->common.stripes[i].watching.count;
    return n;
}

// ---- kora_txn ----------------------------------------------------------------------------------------------------------------

static void test_runs(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    kora_txn *t = begin(db);
    expect_exec(t, "[]");
    assert_ok(add(t, "SET a 1"));
    assert_ok(add(t, "INCR a"));
    assert_ok(add(t, "LPUSH a x"));
    assert_ok(add(t, "MGET a b"));
    expect(db, "a", NULL);
    expect_exec(t, "[OK :2 -WRONGTYPE Operation against a key holding the wrong kind of value [2 (nil)]]");
    expect_exec(t, "[]"); // it is empty again
    assert_ok(add(t, "BLPOP none 0"));
    assert_ok(add(t, "DBSIZE"));
    assert_ok(add(t, "KEYS *"));
    assert_ok(add(t, "SELECT 1"));
    assert_ok(add(t, "SET a one"));
    expect_exec(t, "[(nil) :1 [a] OK OK]");
    assert_ok(add(t, "GET a")); // of its own database again
    expect_exec(t, "[2]");
    expect(kora_database(db, 1), "a", "one");
    kora_txn *other = begin(kora_database(db, 1));
    assert_ok(add(other, "GET a"));
    expect_exec(other, "[one]");
    assert_ok(add(other, "DEL a"));
    assert_ok(kora_txn_exec(other, NULL));
    expect(kora_database(db, 1), "a", NULL);
    assert_status(kora_close(db), KORA_BUSY);
    kora_txn_free(other);
    kora_txn_free(t);
    kora_txn_free(NULL);
    assert_ok(kora_close(db));
}

static void test_refuses(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    kora_txn *t = begin(db);
    static const char *const bad[] = { "NOSUCH", "GET", "GET a b", "MULTI", "EXEC", "DISCARD", "WATCH a", "RESET", "QUIT", "CLIENT NOSUCH" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_ok(add(t, "SET a 1"));
        assert_status(add(t, bad[i]), KORA_INVAL);
        assert_ok(add(t, "SET a 2"));
        assert_status(kora_txn_exec(t, NULL), KORA_INVAL);
        expect(db, "a", NULL);
        expect_exec(t, "[]");
        assert_status(add(t, bad[i]), KORA_INVAL);
        kora_txn_reset(t);
        expect_exec(t, "[]");
    }
    assert_status(kora_txn_add(t, 0, NULL, NULL), KORA_INVAL);
    assert_status(kora_txn_exec(t, NULL), KORA_INVAL);
    assert_status(kora_txn_begin(db, NULL), KORA_INVAL);
    assert_status(kora_txn_begin(NULL, &t), KORA_INVAL);
    assert_status(kora_txn_watch(NULL, "a", 1), KORA_INVAL);
    assert_status(kora_txn_watch(t, NULL, 1), KORA_INVAL);
    assert_status(kora_txn_exec(NULL, NULL), KORA_INVAL);
    kora_txn_reset(NULL);
    assert_ok(kora_config_set(db, "client-query-buffer-limit", "1048576", NULL, 0));
    char *big = malloc(600000);
    memset(big, 'x', 600000);
    const char *argv[] = { "SET", "a", big };
    const size_t lens[] = { 3, 1, 600000 };
    assert_ok(kora_txn_add(t, 3, argv, lens));
    assert_status(kora_txn_add(t, 3, argv, lens), KORA_TOOBIG);
    assert_status(kora_txn_exec(t, NULL), KORA_INVAL);
    free(big);
    kora_txn_free(t);
    assert_ok(kora_close(db));
}

// Every way of changing a key, and some that change nothing.
static void test_conflicts(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    kora_txn *t = begin(db);
    const kora_bytes key = { "k", 1 }, value = { "v", 1 };
    const kora_field field = { .name = { "f", 1 }, .value = { "v", 1 } };
    kora_value got;
    char buffer[64];
    int64_t n;
    size_t count;
    enum { WAYS = 16 };
    for (int way = 0; way < WAYS; way++) {
        bool changes = true;
        kora_del(db, LIT("k"));
        if (way != 7 && way != 8) assert_ok(put(db, "k", "1"));
        assert_ok(watch(t, "k"));
        assert_ok(watch(t, "k"));
        switch (way) {
        case 0: assert_ok(put(db, "k", "2")); break; // as many bytes in place
        case 1: assert_ok(put(db, "k", "a longer value")); break;
        case 2: assert_ok(kora_del(db, LIT("k"))); break;
        case 3: assert_ok(kora_incr(db, LIT("k"), 1, &n)); break;
        case 4: assert_ok(kora_cas(db, LIT("k"), LIT("1"), LIT("2"), NULL)); break;
        case 5: assert_ok(kora_expire(db, LIT("k"), 100000, 0)); break;
        case 6: assert_ok(kora_set_many(db, &key, &value, 1, 0)); break;
        case 7: assert_ok(kora_push(db, LIT("k"), KORA_BACK, &value, 1, &count)); break;
        case 8: assert_ok(kora_hset(db, LIT("k"), &field, 1, &count)); break;
        case 9: assert_ok(kora_del_many(db, &key, 1, &count)); break;
        case 10: kora_reply_free(run(db, NULL, "RENAME k k2")); break;
        case 11: kora_reply_free(run(db, NULL, "FLUSHALL")); break;
        case 12:
            changes = false;
            assert_ok(kora_get_many(db, &key, 1, &got, buffer, sizeof buffer, NULL));
            break;
        case 13:
            changes = false;
            assert_status(kora_cas(db, LIT("k"), LIT("other"), LIT("2"), NULL), KORA_NOTSET);
            break;
        case 14:
            changes = false;
            assert_ok(put(db, "another", "2"));
            assert_ok(put(kora_database(db, 1), "k", "2"));
            break;
        default:
            changes = false;
            assert_status(kora_persist(db, LIT("k")), KORA_NOTSET);
            break;
        }
        assert_ok(add(t, "SET done yes"));
        kora_del(db, LIT("done"));
        if (changes) {
            kora_reply *r = (kora_reply *)&value;
            if (kora_txn_exec(t, &r) != KORA_CONFLICT) fail_msg("way %d was not seen", way);
            assert_ptr_equal(r, &value);
            expect(db, "done", NULL);
        } else {
            expect_exec(t, "[OK]");
            expect(db, "done", "yes");
        }
        assert_int_equal(watched(db), 0);
        assert_ok(add(t, "PING"));
        expect_exec(t, "[PONG]"); // it watches nothing any more
    }
    assert_ok(watch(t, "k"));
    kora_txn_reset(t);
    assert_ok(put(db, "k", "3"));
    expect_exec(t, "[]");
    kora_txn_free(t);
    assert_ok(kora_close(db));
}

static void test_expiry(void **state) {
    (void)state;
    kora *db = open_db(1, 4);
    struct test_clock clock = { 1700000000000 };
    use_clock(db, &clock);
    atomic_store(&db->engine->common.settings.active_expire, 0);
    kora_txn *t = begin(db);
    kora_set_options soon = KORA_SET_OPTIONS_INIT;
    soon.ttl_ms = 10;
    assert_ok(kora_set(db, LIT("k"), LIT("v"), &soon));
    assert_ok(watch(t, "k"));
    expect_exec(t, "[]");
    assert_ok(watch(t, "k"));
    atomic_fetch_add(&clock.ms, 10);
    assert_status(kora_txn_exec(t, NULL), KORA_CONFLICT); // nobody else has looked
    assert_ok(kora_set(db, LIT("k"), LIT("v"), &soon));
    atomic_fetch_add(&clock.ms, 10);
    assert_ok(watch(t, "k")); // it has expired before
    expect(db, "k", NULL);
    expect_exec(t, "[]");
    // Of time there is one in a transaction.
    assert_ok(add(t, "SET a 1 PX 10"));
    assert_ok(add(t, "PTTL a"));
    assert_ok(add(t, "PEXPIRETIME a"));
    expect_exec(t, "[OK :10 :1700000000030]");
    // What expires within a hash changes it; here that ends it, too.
    kora_reply_free(run(db, NULL, "HSET a-hash-with-a-long-name f v"));
    expect_reply(db, NULL, "HPEXPIRE a-hash-with-a-long-name 10 FIELDS 1 f", "[:1]");
    assert_ok(watch(t, "a-hash-with-a-long-name"));
    atomic_fetch_add(&clock.ms, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        struct txn work;
        assert_true(lease_wait(&db->engine->leases[i]));
        txn_begin(&work, &db->engine->common);
        stripe_expire(&db->engine->common.stripes[i], &work, 1000);
        effect_flush(&work);
        lease_release(&db->engine->leases[i]);
    }
    assert_status(kora_txn_exec(t, NULL), KORA_CONFLICT);
    expect_reply(db, NULL, "EXISTS a-hash-with-a-long-name", ":0");
    kora_txn_free(t);
    assert_ok(kora_close(db));
}

// ---- commands ----------------------------------------------------------------------------------------------------------------

static void test_session(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    kora_session *s;
    assert_ok(kora_session_open(db, &s));
    expect_reply(db, s, "WATCH a b", "OK");
    assert_int_equal(watched(db), 2);
    expect_reply(db, s, "MULTI", "OK");
    expect_reply(db, s, "SET a 1", "QUEUED");
    expect_reply(db, s, "CLIENT LIST", "QUEUED"); // every shard has a part in these
    expect_reply(db, s, "GET a", "QUEUED");
    expect_reply(db, s, "CLIENT KILL ID 99999", "QUEUED");
    expect_reply(db, s, "CLIENT KILL 1.2.3.4:5", "QUEUED");
    expect_reply(db, s, "INCR a", "QUEUED");
    expect_reply(db, s, "EXEC", "[OK  1 :0 -ERR No such client :2]");
    assert_int_equal(watched(db), 0);
    expect_reply(db, s, "WATCH a b", "OK");
    expect_reply(db, NULL, "SET b 1", "OK");
    expect_reply(db, s, "MULTI", "OK");
    expect_reply(db, s, "CLIENT LIST", "QUEUED");
    expect_reply(db, s, "EXEC", "(nil)");
    // A session of one call has a transaction of one call
    expect_reply(db, NULL, "MULTI", "OK");
    expect_reply(db, NULL, "SET c 1", "OK");
    expect_reply(db, NULL, "WATCH c", "OK");
    assert_int_equal(watched(db), 0);
    expect_reply(db, s, "WATCH a b", "OK");
    expect_reply(db, s, "MULTI", "OK");
    expect_reply(db, s, "SET a 1", "QUEUED");
    kora_session_close(s);
    assert_int_equal(watched(db), 0);
    assert_ok(kora_close(db));
}

static void *pop(void *arg) {
    kora_reply *r = run(arg, NULL, "BLPOP l 0");
    assert_string_equal(r->elements[1].str, "second");
    kora_reply_free(r);
    return NULL;
}

static void test_serves(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    pthread_t thread = spawn(pop, db);
    wait_until(atomic_load(&db->engine->sleepers) == 1);
    kora_txn *t = begin(db);
    assert_ok(add(t, "RPUSH l first second third"));
    assert_ok(add(t, "LPOP l"));
    assert_ok(add(t, "BLPOP none 0"));
    expect_exec(t, "[:3 first (nil)]");
    pthread_join(thread, NULL);
    expect_reply(db, NULL, "LRANGE l 0 -1", "[third]");
    kora_txn_free(t);
    assert_ok(kora_close(db));
}

// A record whose stripe's lease is not free when its session has no more use for it.
static void test_abandoned(void **state) {
    (void)state;
    kora *db = open_db(1, 1);
    struct stripe *stripe = &db->engine->common.stripes[0];
    struct lease *l = &db->engine->leases[0];
    kora_txn *t = begin(db), *other = begin(db);
    assert_ok(watch(t, "a"));
    assert_ok(watch(t, "b"));
    assert_ok(watch(other, "a"));
    assert_true(lease_try(l));
    kora_txn_free(t);
    assert_int_equal(stripe->watching.count, 3); // they still are where they were
    watch_mark(stripe, 0, 0, SLICE("a"), false);
    lease_release(l);
    wait_until(!atomic_load(&stripe->watching.dead));
    assert_true(lease_wait(l)); // whoever reaps is done
    lease_release(l);
    assert_int_equal(stripe->watching.count, 1);
    kora_txn_reset(other);
    assert_true(lease_try(l));
    lease_release(l);
    // And those that are there at the end
    assert_ok(watch(other, "a"));
    assert_true(lease_try(l));
    kora_txn_free(other);
    lease_release(l);
    assert_ok(kora_close(db));
}

// ---- threads -----------------------------------------------------------------------------------------------------------------

enum { ACCOUNTS = 12, EACH = 1000, THREADS = 4 };

struct bank {
    kora *db;
    _Atomic uint64_t conflicts, done;
    _Atomic bool stop;
};

static void account(char *name, uint32_t n) { sprintf(name, "account:%u", n); }

static int64_t balance(kora *db, const char *name) {
    char text[32] = "";
    size_t n;
    assert_ok(kora_get_into(db, name, strlen(name), text, sizeof text - 1, &n));
    return strtoll(text, NULL, 10);
}

// Moves some from one account to another, unless it is not there.
static void *transfer(void *arg) {
    struct bank *b = arg;
    struct random r;
    random_seed(&r, (uint64_t)(uintptr_t)&r);
    kora_txn *t = begin(b->db);
    for (int i = 0; i < (slow() ? 150 : 1500); i++) {
        char from[32], to[32], left[32];
        account(from, (uint32_t)random_below(&r, ACCOUNTS));
        do account(to, (uint32_t)random_below(&r, ACCOUNTS));
        while (strcmp(from, to) == 0);
        int status;
        do {
            assert_ok(watch(t, from));
            int64_t amount = (int64_t)random_below(&r, 50), has = balance(b->db, from);
            if (has < amount) {
                kora_txn_reset(t);
                break;
            }
            sprintf(left, "%lld", (long long)(has - amount));
            assert_ok(kora_txn_add(t, 3, (const char *[]){ "SET", from, left }, NULL));
            sprintf(left, "%lld", (long long)amount);
            assert_ok(kora_txn_add(t, 3, (const char *[]){ "INCRBY", to, left }, NULL));
            status = kora_txn_exec(t, NULL);
            if (status == KORA_CONFLICT) atomic_fetch_add(&b->conflicts, 1);
            else assert_ok(status);
        } while (status == KORA_CONFLICT);
    }
    kora_txn_free(t);
    atomic_fetch_add(&b->done, 1);
    return NULL;
}

static void *audit(void *arg) {
    struct bank *b = arg;
    kora_txn *t = begin(b->db);
    while (!atomic_load(&b->stop)) {
        kora_reply *r = NULL;
        int64_t sum = 0;
        for (uint32_t i = 0; i < ACCOUNTS; i++) {
            char name[32];
            account(name, i);
            assert_ok(kora_txn_add(t, 2, (const char *[]){ "GET", name }, NULL));
        }
        assert_ok(kora_txn_exec(t, &r));
        for (uint32_t i = 0; i < ACCOUNTS; i++) {
            int64_t n = strtoll(r->elements[i].str, NULL, 10);
            assert_true(n >= 0);
            sum += n;
        }
        assert_int_equal(sum, ACCOUNTS * EACH);
        kora_reply_free(r);
    }
    kora_txn_free(t);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    struct bank b = { .db = open_db(2, 16) };
    pthread_t threads[THREADS], auditor;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        char name[32];
        account(name, i);
        assert_ok(put(b.db, name, "1000"));
    }
    atomic_store(&lease_delay_per_mille, 20);
    auditor = spawn(audit, &b);
    for (int i = 0; i < THREADS; i++) threads[i] = spawn(transfer, &b);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    atomic_store(&b.stop, true);
    pthread_join(auditor, NULL);
    atomic_store(&lease_delay_per_mille, 0);
    print_message("%llu conflicts\n", (unsigned long long)b.conflicts);
    assert_true(b.conflicts > 0);
    for (uint32_t i = 0; i < b.db->engine->common.stripe_count; i++) {
        struct stripe *s = &b.db->engine->common.stripes[i];
        wait_until(!atomic_load(&s->watching.dead));
    }
    check_stripes(b.db);
    assert_int_equal(watched(b.db), 0);
    assert_ok(kora_close(b.db));
}

// ---- no memory -----------------------------------------------------------------------------------------------------------------

// A transaction, put together and run while the i-th allocation fails. Whatever fails says so, and then nothing has happened; or it has run.
static bool try_with_failure(kora *db, long i, bool forever) {
    kora_txn *t = NULL;
    kora_reply *r = NULL;
    char long_value[3000];
    memset(long_value, 'x', sizeof long_value);
    kora_del(db, LIT("a"));
    kora_del(db, LIT("n"));
    mem_fail(i, forever);
    int status = kora_txn_begin(db, &t);
    if (status == KORA_OK) status = watch(t, "w");
    if (status == KORA_OK) status = add(t, "INCR n");
    if (status == KORA_OK) status = kora_txn_add(t, 3, (const char *[]){ "SET", "a", long_value }, (const size_t[]){ 3, 1, sizeof long_value });
    if (status == KORA_OK) status = add(t, "MGET n none w x y z {t}1 {t}2");
    if (status == KORA_OK) status = add(t, "CLIENT LIST");
    if (status == KORA_OK) status = kora_txn_exec(t, &r);
    else if (t) assert_true(kora_txn_exec(t, NULL) != KORA_CONFLICT);
    mem_fail(0, false);
    if (status != KORA_OK) {
        assert_status(status, KORA_NOMEM);
        assert_null(r);
    } else {
        assert_int_equal(r->type, KORA_REPLY_ARRAY);
        assert_int_equal(r->count, 4);
    }
    bool whole = status == KORA_OK && r->elements[0].type == KORA_REPLY_INTEGER && r->elements[1].type == KORA_REPLY_STATUS && r->elements[2].type == KORA_REPLY_ARRAY;
    for (size_t e = 0; status == KORA_OK && e < 4; e++) {
        if (r->elements[e].type == KORA_REPLY_ERROR) assert_non_null(strstr(r->elements[e].str, "OOM"));
    }
    kora_reply_free(r);
    if (t) {
        kora_txn_reset(t);
        assert_int_equal(watched(db), 0);
        assert_ok(add(t, "SET b 1"));
        expect_exec(t, "[OK]");
        kora_txn_free(t);
    }
    return whole;
}

static void test_no_memory(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    for (int forever = 0; forever < 2; forever++) {
        int succeeded = 0;
        for (long i = 1; succeeded < 20 && i < 500; i++) succeeded = try_with_failure(db, i, forever) ? succeeded + 1 : 0;
        assert_int_equal(succeeded, 20);
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// The same with a session: a command that can't be queued ends the transaction.
static void test_no_memory_queueing(void **state) {
    (void)state;
    kora *db = open_db(1, 8);
    static const char *const lines[] = { "WATCH w", "MULTI", "SET a 1", "MSET a 1 b 2 c 3 d 4 e 5 f 6", "SORT l BY w*", "EXEC" };
    for (long i = 1, whole = 0; !whole; i++) {
        kora_session *s;
        bool failed = false, in_multi = false;
        assert_ok(kora_session_open(db, &s));
        kora_reply_free(run(db, NULL, "DEL a"));
        mem_fail(i, false);
        for (size_t j = 0; j < ARRAY_LEN(lines); j++) {
            kora_reply *r = NULL;
            int status = run_status(db, s, lines[j], &r);
            bool bad = status != KORA_OK || r->type == KORA_REPLY_ERROR;
            if (j == ARRAY_LEN(lines) - 1 && failed && in_multi && status == KORA_OK) assert_true(bad);
            if (bad && status == KORA_OK && strncmp(lines[j], "EXEC", 4) != 0) failed = true;
            in_multi |= j == 1 && !bad;
            whole = j == ARRAY_LEN(lines) - 1 && !bad && !failed && in_multi;
            kora_reply_free(r);
        }
        if (mem_fail(0, false), !whole && failed && in_multi) expect(db, "a", NULL);
        kora_session_close(s);
        assert_int_equal(watched(db), 0);
        assert_true(i < 500);
    }
    assert_ok(kora_close(db));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs), cmocka_unit_test(test_refuses), cmocka_unit_test(test_conflicts), cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_session), cmocka_unit_test(test_serves), cmocka_unit_test(test_abandoned), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_no_memory_queueing),
    };
    return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
