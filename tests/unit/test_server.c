// Commands about the server as an embedding program meets them: SHUTDOWN through its callback, waits that nobody could end, and memory that adds up.
#include "api.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_text(kora *db, const char *line, kora_reply_type type, const char *start) {
    kora_reply *r = run(db, NULL, line);
    if (r->type != type || strncmp(r->str, start, strlen(start)) != 0) fail_msg("%s: type %d, %s", line, (int)r->type, r->str ? r->str : "");
    kora_reply_free(r);
}

static int64_t integer(kora *db, const char *line) {
    kora_reply *r = run(db, NULL, line);
    assert_int_equal(r->type, KORA_REPLY_INTEGER);
    int64_t n = r->integer;
    kora_reply_free(r);
    return n;
}

// ---- SHUTDOWN ----------------------------------------------------------------------------------------------------------------

struct asked {
    kora *db;
    _Atomic int times;
    _Atomic int closing; // what kora_close says inside
};

static void on_shutdown(void *arg) {
    struct asked *a = arg;
    atomic_store(&a->closing, kora_close(a->db)); // must not be done here
    atomic_fetch_add(&a->times, 1);
}

static kora *open_with(struct asked *a) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.shards = 2;
    if (a) {
        o.shutdown = on_shutdown;
        o.shutdown_arg = a;
    }
    assert_int_equal(kora_open(NULL, &o, &db), KORA_OK);
    if (a) a->db = db;
    return db;
}

static void shutdown_is_refused_without_callback(void **state) {
    (void)state;
    kora *db = open_with(NULL);
    expect_text(db, "SHUTDOWN", KORA_REPLY_ERROR, "ERR SHUTDOWN is not available");
    expect_text(db, "SHUTDOWN SAVE", KORA_REPLY_ERROR, "ERR Errors trying to SHUTDOWN");
    expect_text(db, "SET k v", KORA_REPLY_STATUS, "OK");
    assert_int_equal(kora_close(db), KORA_OK);
}

static void shutdown_asks_the_program(void **state) {
    (void)state;
    struct asked a = { 0 };
    kora *db = open_with(&a);
    expect_text(db, "SHUTDOWN ABORT", KORA_REPLY_ERROR, "ERR No shutdown in progress");
    expect_text(db, "SHUTDOWN SAVE", KORA_REPLY_ERROR, "ERR Errors trying to SHUTDOWN");
    assert_int_equal(atomic_load(&a.times), 0);
    expect_text(db, "SHUTDOWN NOSAVE", KORA_REPLY_STATUS, "OK");
    expect_text(db, "SHUTDOWN SAVE FORCE", KORA_REPLY_STATUS, "OK");
    assert_int_equal(atomic_load(&a.times), 2);
    assert_int_equal(atomic_load(&a.closing), KORA_MISUSE);
    expect_text(db, "SET k v", KORA_REPLY_STATUS, "OK"); // it is the program that ends it
    assert_int_equal(kora_close(db), KORA_OK);
}

// An older program's options end before the callback.
static void older_options(void **state) {
    (void)state;
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.size = offsetof(kora_options, shutdown);
    o.shutdown = on_shutdown;
    assert_int_equal(kora_open(NULL, &o, &db), KORA_OK);
    expect_text(db, "SHUTDOWN", KORA_REPLY_ERROR, "ERR SHUTDOWN is not available");
    assert_int_equal(kora_close(db), KORA_OK);
}

// ---- waits -------------------------------------------------------------------------------------------------------------------

static void waits_for_replicas_end_at_once(void **state) {
    (void)state;
    kora *db = open_with(NULL);
    assert_int_equal(integer(db, "WAIT 1 0"), 0);
    kora_reply *r = run(db, NULL, "WAITAOF 0 1 0");
    assert_int_equal(r->count, 2);
    kora_reply_free(r);
    assert_int_equal(kora_close(db), KORA_OK);
}

// ---- memory ------------------------------------------------------------------------------------------------------------------

static int64_t field_of(kora *db, const char *name) {
    kora_reply *r = run(db, NULL, "MEMORY STATS");
    int64_t n = -1;
    for (size_t i = 0; i + 1 < r->count; i += 2) {
        if (strcmp(r->elements[i].str, name) == 0) n = r->elements[i + 1].integer;
    }
    kora_reply_free(r);
    return n;
}

// What MEMORY USAGE says of all keys is what the accounts say of entries, values and nodes, but for the tables that find them.
static void memory_adds_up(void **state) {
    (void)state;
    enum { KEYS = 3000 };
    kora *db = open_with(NULL);
    char line[256];
    int64_t sum = 0;
    for (int i = 0; i < KEYS; i++) {
        switch (i % 4) {
        case 0: snprintf(line, sizeof line, "SET key:%d %0*d", i, 1 + i % 200, i); break;
        case 1: snprintf(line, sizeof line, "RPUSH key:%d a b c %d", i, i); break;
        case 2: snprintf(line, sizeof line, "ZADD key:%d 1 a 2 b 3 %d", i, i); break;
        default: snprintf(line, sizeof line, "SET key:%d %d PX 1000000", i, i); break;
        }
        kora_reply_free(run(db, NULL, line));
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(line, sizeof line, "HSET large field:%d value:%d", i, i);
        kora_reply_free(run(db, NULL, line));
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(line, sizeof line, "MEMORY USAGE key:%d", i);
        sum += integer(db, line);
    }
    sum += integer(db, "MEMORY USAGE large SAMPLES 5");
    enum { TABLE_PART = 12 }; // of each key, as entry_memory counts it
    int64_t clients = field_of(db, "clients.normal"), tables = field_of(db, "overhead.total") - clients;
    int64_t values = field_of(db, "dataset.bytes");
    assert_int_equal(field_of(db, "keys.count"), KEYS + 1);
    assert_int_equal(sum - TABLE_PART * (KEYS + 1), values);
    assert_true(tables > 0 && field_of(db, "total.allocated") == values + tables + clients);
    assert_true(field_of(db, "peak.allocated") >= values + tables);
    expect_text(db, "FLUSHALL", KORA_REPLY_STATUS, "OK");
    assert_int_equal(field_of(db, "dataset.bytes"), 0);
    assert_true(field_of(db, "peak.allocated") >= values + tables);
    assert_int_equal(kora_close(db), KORA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_is_refused_without_callback),
        cmocka_unit_test(shutdown_asks_the_program),
        cmocka_unit_test(older_options),
        cmocka_unit_test(waits_for_replicas_end_at_once),
        cmocka_unit_test(memory_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
