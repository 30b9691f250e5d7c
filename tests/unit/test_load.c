// A database that is loaded in the background: what calls answer before it has begun, meanwhile and afterwards; closing meanwhile; what fails. How long it loads is the
// test's to say: by the parameter key-load-delay it would take longer than any test.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kora.h"

enum { KEYS = 3000 };

static void remove_all(const char *path) {
    DIR *d = opendir(path);
    char name[600];
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        remove_all(name);
    }
    if (d) closedir(d);
    remove(path);
}

struct place {
    char dir[256];
    _Atomic int calls, status; // of the callback
    _Atomic uint64_t done, total;
};

static void has_loaded(void *arg, int status) {
    struct place *p = arg;
    atomic_store(&p->status, status);
    atomic_fetch_add(&p->calls, 1);
}

static void goes_on(void *arg, uint64_t done, uint64_t total) {
    struct place *p = arg;
    assert_true(done >= atomic_load(&p->done) && done <= total);
    atomic_store(&p->done, done);
    atomic_store(&p->total, total);
}

static void open_it(struct place *p, int background, uint32_t stripes, kora **db) {
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = 3;
    o.stripes = stripes;
    o.background = background;
    o.loaded = has_loaded;
    o.loaded_arg = p;
    o.progress = goes_on;
    o.progress_arg = p;
    atomic_store(&p->calls, 0);
    atomic_store(&p->done, 0);
    assert_int_equal(kora_open(p->dir, &o, db), KORA_OK);
}

static void set_delay(kora *db, const char *us) { assert_int_equal(kora_config_set(db, "key-load-delay", us, NULL, 0), KORA_OK); }

static void set_key(kora *db, const char *key, const char *value) {
    assert_int_equal(kora_set(db, key, strlen(key), value, strlen(value), NULL), KORA_OK);
}

static int exec(kora *db, const char *a, const char *b, const char *c, kora_reply **reply) {
    const char *argv[] = { a, b, c };
    return kora_exec(db, NULL, c ? 3 : b ? 2 : 1, argv, NULL, reply);
}

// The second half in another order than the first: what came last counts. With more stripes than the first half was kept by, if they are asked for.
static int make_place(void **state) {
    struct place *p = calloc(1, sizeof *p);
    const char *temp = getenv("TMPDIR");
    snprintf(p->dir, sizeof p->dir, "%s/kora-load-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(p->dir)) return -1;
    *state = p;
    char key[32], value[200];
    kora *db;
    for (int half = 0; half < 2; half++) {
        open_it(p, 0, half ? 256 : 64, &db);
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof key, "key:%d", i);
            snprintf(value, sizeof value, "%d:%0150d", half, i);
            if (half == 0 || i % 3 == 0) set_key(db, key, value);
            kora_reply *r;
            assert_int_equal(exec(db, "RPUSH", key + (i % 7 == 0 ? 0 : 4), value, &r), KORA_OK);
            kora_reply_free(r);
        }
        set_key(kora_database(db, 1), "gone", "1");
        kora_reply *r;
        const char *flush[] = { "FLUSHDB" };
        assert_int_equal(kora_exec(kora_database(db, 1), NULL, 1, flush, NULL, &r), KORA_OK);
        kora_reply_free(r);
        set_key(kora_database(db, 1), "there", "1");
        assert_int_equal(kora_close(db), KORA_OK);
    }
    return 0;
}

static int remove_place(void **state) {
    struct place *p = *state;
    remove_all(p->dir);
    free(p);
    return 0;
}

static void check_all(kora *db) {
    char key[32], value[200], got[256];
    size_t n;
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        snprintf(value, sizeof value, "%d:%0150d", i % 3 == 0, i);
        assert_int_equal(kora_get_into(db, key, strlen(key), got, sizeof got, &n), KORA_OK);
        assert_int_equal(n, strlen(value));
        assert_memory_equal(got, value, n);
        if (i % 7 == 0) continue;
        kora_reply *r;
        assert_int_equal(exec(db, "LRANGE", key + 4, "0", &r), KORA_OK); // too few arguments: an error
        kora_reply_free(r);
        const char *argv[] = { "LINDEX", key + 4, "-1" };
        assert_int_equal(kora_exec(db, NULL, 3, argv, NULL, &r), KORA_OK);
        assert_int_equal(r->type, KORA_REPLY_STRING);
        assert_int_equal(r->str[0], '1');
        kora_reply_free(r);
    }
    assert_int_equal(kora_get_into(kora_database(db, 1), "gone", 4, got, sizeof got, &n), KORA_NOTFOUND);
    assert_int_equal(kora_get_into(kora_database(db, 1), "there", 5, got, sizeof got, &n), KORA_OK);
}

static void refused(kora *db, int status) {
    void *value;
    size_t n;
    kora_reply *r;
    kora_iter *it;
    const char *const argv[] = { "GET", "a" };
    assert_int_equal(kora_get(db, "a", 1, &value, &n), status);
    assert_int_equal(kora_set(db, "a", 1, "b", 1, NULL), status);
    assert_int_equal(exec(db, "PING", NULL, NULL, &r), status);
    assert_int_equal(exec(db, "SET", "a", "b", &r), status);
    assert_int_equal(kora_submit(db, 2, argv, NULL, (kora_done_fn *)(void (*)(void))has_loaded, NULL), status);
    assert_int_equal(kora_iter_open(db, NULL, 0, &it), status);
    assert_int_equal(kora_snapshot(db, NULL, NULL, 0), status);
}

static void allowed(kora *db) {
    kora_reply *r;
    kora_stats stats = KORA_STATS_INIT;
    kora_session *session;
    char *value;
    assert_int_equal(exec(db, "INFO", "persistence", NULL, &r), KORA_OK);
    assert_non_null(strstr(r->str, "\nloading:1\r\n"));
    assert_non_null(strstr(r->str, "\nloading_total_bytes:"));
    kora_reply_free(r);
    assert_int_equal(kora_get_stats(db, &stats), KORA_OK);
    assert_int_equal(stats.loading, 1);
    assert_true(stats.loaded_bytes <= stats.loading_bytes);
    assert_int_equal(kora_config_get(db, "maxmemory", &value), KORA_OK);
    kora_free(value);
    // A transaction of which a part was refused does not run
    const char *const multi[] = { "MULTI" }, *const set[] = { "SET", "a", "b" }, *const exe[] = { "EXEC" };
    assert_int_equal(kora_session_open(db, &session), KORA_OK);
    assert_int_equal(kora_exec(db, session, 1, multi, NULL, &r), KORA_OK);
    kora_reply_free(r);
    assert_int_equal(kora_exec(db, session, 3, set, NULL, &r), KORA_LOADING);
    assert_int_equal(kora_exec(db, session, 1, exe, NULL, &r), KORA_OK);
    assert_int_equal(r->type, KORA_REPLY_ERROR);
    kora_reply_free(r);
    kora_session_close(session);
}

static void loaded_in_background(void **state) {
    struct place *p = *state;
    kora *db;
    for (int stripes = 64; stripes <= 512; stripes *= 8) {
        open_it(p, 1, (uint32_t)stripes, &db);
        refused(db, KORA_LOADING); // it has not begun
        set_delay(db, "1000000");
        assert_int_equal(kora_load(db, 0, NULL, 0), KORA_LOADING);
        assert_int_equal(kora_load(db, 10, NULL, 0), KORA_LOADING);
        refused(db, KORA_LOADING);
        allowed(db);
        assert_int_equal(atomic_load(&p->calls), 0);
        set_delay(db, "0");
        assert_int_equal(kora_load(db, -1, NULL, 0), KORA_OK);
        assert_int_equal(kora_load(db, 0, NULL, 0), KORA_OK);
        check_all(db);
        assert_int_equal(kora_close(db), KORA_OK);
        assert_int_equal(atomic_load(&p->calls), 1);
        assert_int_equal(atomic_load(&p->status), KORA_OK);
        assert_true(atomic_load(&p->total) > 0 && atomic_load(&p->done) == atomic_load(&p->total));
    }
}

static void loaded_at_once(void **state) {
    struct place *p = *state;
    kora *db;
    open_it(p, 0, 0, &db);
    assert_int_equal(kora_load(db, 0, NULL, 0), KORA_OK);
    check_all(db);
    assert_int_equal(kora_close(db), KORA_OK);
    assert_int_equal(atomic_load(&p->calls), 0);
    kora_options o = KORA_OPTIONS_INIT;
    o.background = 1;
    assert_int_equal(kora_open(NULL, &o, &db), KORA_OK); // in memory there is nothing to load
    set_key(db, "a", "b");
    assert_int_equal(kora_close(db), KORA_OK);
}

static void closed_meanwhile(void **state) {
    struct place *p = *state;
    kora *db;
    open_it(p, 1, 0, &db);
    assert_int_equal(kora_close(db), KORA_OK); // it has not begun
    assert_int_equal(atomic_load(&p->calls), 0);
    for (int i = 0; i < 20; i++) {
        open_it(p, 1, 0, &db);
        set_delay(db, i % 4 ? "10" : "10000");
        assert_int_equal(kora_load(db, i, NULL, 0) == KORA_CORRUPT, 0);
        assert_int_equal(kora_close(db), KORA_OK);
        assert_int_equal(atomic_load(&p->calls), 1);
        int status = atomic_load(&p->status);
        assert_true(status == KORA_CLOSED || status == KORA_OK);
    }
    open_it(p, 0, 0, &db);
    check_all(db);
    assert_int_equal(kora_close(db), KORA_OK);
}

// All segments have a byte changed in their middle.
static void damage(const char *dir) {
    char path[600];
    snprintf(path, sizeof path, "%s/log", dir);
    DIR *d = opendir(path);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/log/%s", dir, e->d_name);
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        fseek(f, 70, SEEK_SET); // of its first block's header
        int c = fgetc(f);
        fseek(f, 70, SEEK_SET);
        fputc(c ^ 1, f);
        fclose(f);
    }
    closedir(d);
}

static void fails(void **state) {
    struct place *p = *state;
    kora *db;
    char error[256], first[256];
    damage(p->dir);
    kora_options o = KORA_OPTIONS_INIT;
    o.error = first;
    o.error_size = sizeof first;
    assert_int_equal(kora_open(p->dir, &o, &db), KORA_CORRUPT);
    open_it(p, 1, 0, &db);
    assert_int_equal(kora_load(db, -1, error, sizeof error), KORA_CORRUPT);
    assert_string_equal(error, first);
    assert_int_equal(kora_load(db, 0, NULL, 0), KORA_CORRUPT);
    refused(db, KORA_CLOSED);
    assert_int_equal(kora_close(db), KORA_OK);
    assert_int_equal(atomic_load(&p->calls), 1);
    assert_int_equal(atomic_load(&p->status), KORA_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loaded_in_background, make_place, remove_place),
        cmocka_unit_test_setup_teardown(loaded_at_once, make_place, remove_place),
        cmocka_unit_test_setup_teardown(closed_meanwhile, make_place, remove_place),
        cmocka_unit_test_setup_teardown(fails, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
