// kora_import and kora_export: what they answer, what they leave; their effects; while others write; files that fail; no memory.
#include "unit/api.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "store/byte_file.h"
#include "unit/bytes.h"

// ---- a folder ------------------------------------------------------------------------------------------------------------------

static char folder[256], in_path[300], out_path[300];

static int make_folder(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/kora-rdb-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(in_path, sizeof in_path, "%s/in.rdb", folder);
    snprintf(out_path, sizeof out_path, "%s/out.rdb", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(in_path);
    unlink(out_path);
    return rmdir(folder);
}

static void write_file(const char *path, const char *p, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static size_t files_in_folder(void) {
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

// Unchecked.
#define FILE_OF(body) LIT("REDIS0010" body "\xff\0\0\0\0\0\0\0\0")

static int import_file(kora *db, kora_import_result *r, char *error) { return kora_import(db, in_path, NULL, r, error, 200); }

static void assert_value(kora *db, const char *key, const char *value) {
    void *p;
    size_t n;
    assert_ok(kora_get(db, key, strlen(key), &p, &n));
    assert_string_equal(p, value);
    kora_free(p);
}

// ---- import ----------------------------------------------------------------------------------------------------------------------

static void merges(void **state) {
    (void)state;
    struct test_clock clock = { .ms = 2000000000000 };
    char error[200] = "not touched";
    kora *db = open_db(1, 2);
    kora_import_result r = KORA_IMPORT_RESULT_INIT;
    use_clock(db, &clock);
    assert_ok(kora_set(db, LIT("old"), LIT("1"), NULL));
    assert_ok(kora_set(db, LIT("both"), LIT("1"), NULL));
    assert_ok(kora_set(db, LIT("past"), LIT("stays"), NULL));
    // In database 0: both, one that has expired, one that will, an empty list; in 3: another.
    write_file(in_path, FILE_OF("\0\4both\1" "2" "\xfc\0\x10\xa5\xd4\xe8\0\0\0\0\4past\1x" "\xfc\0\x10\xa5\xd4\xe8\1\0\0\0\4soon\1x" "\1\5empty\0"
        "\xf5\1x" "\xfe\3\0\4both\1" "3"));
    assert_ok(import_file(db, &r, error));
    assert_string_equal(error, "");
    assert_int_equal(r.keys, 3);
    assert_int_equal(r.expired, 1);
    assert_int_equal(r.empty, 1);
    assert_int_equal(r.functions, 1);
    assert_int_equal(r.version, 10);
    assert_int_equal(r.unchecked, 1);
    assert_int_equal(r.compressed, 0);
    assert_value(db, "old", "1");
    assert_value(db, "both", "2");
    assert_value(db, "past", "stays");
    assert_value(kora_database(db, 3), "both", "3");
    int64_t ttl;
    assert_ok(kora_ttl(db, LIT("soon"), &ttl));
    assert_int_equal(ttl, 0x1e8d4a51000 - 2000000000000);
    assert_ok(kora_close(db));
}

static void refuses(void **state) {
    (void)state;
    char error[200];
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    kora_import_result r = KORA_IMPORT_RESULT_INIT;
    o.databases = 2;
    assert_ok(kora_open(NULL, &o, &db));
    assert_status(kora_import(NULL, in_path, NULL, NULL, NULL, 0), KORA_INVAL);
    assert_status(kora_import(db, NULL, NULL, NULL, NULL, 0), KORA_INVAL);
    kora_import_options options = KORA_IMPORT_OPTIONS_INIT;
    options.size = 1;
    assert_status(kora_import(db, in_path, &options, NULL, NULL, 0), KORA_INVAL);
    r.size = 0;
    assert_status(kora_import(db, in_path, NULL, &r, NULL, 0), KORA_INVAL);
    r.size = sizeof r;
    unlink(in_path);
    assert_status(import_file(db, &r, error), KORA_SYSTEM);
    assert_string_equal(error, "No such file or directory");
    write_file(in_path, FILE_OF("\0\1a\1x\xfe\2\0\1b\1x"));
    assert_status(import_file(db, &r, error), KORA_INVAL);
    assert_string_equal(error, "offset 16: key \"b\": it is in a numbered database that is not here");
    assert_int_equal(r.keys, 0); // it was seen before
    assert_status(kora_exists(db, LIT("a")), KORA_NOTFOUND);
    write_file(in_path, LIT("REDIS0010\0\1a\1x\xff" "12345678"));
    assert_status(import_file(db, &r, error), KORA_CORRUPT);
    assert_int_equal(r.keys, 0);
    assert_status(kora_exists(db, LIT("a")), KORA_NOTFOUND);
    write_file(in_path, FILE_OF("\2\3\"\n\x80\2\1a\1a"));
    assert_status(import_file(db, &r, error), KORA_CORRUPT);
    assert_string_equal(error, "offset 9: key \"\\x22\\x0a\\x80\": its value is malformed");
    assert_status(kora_import(db, in_path, NULL, NULL, error, 12), KORA_CORRUPT); // cut
    assert_string_equal(error, "offset 9: k");
    write_file(in_path, FILE_OF("\0\1a\1x\2\1b\2\1a\1a"));
    assert_status(import_file(db, &r, error), KORA_CORRUPT);
    assert_int_equal(r.keys, 1); // which stays
    assert_value(db, "a", "x");
    assert_ok(kora_config_set(db, "proto-max-bulk-len", "1mb", NULL, 0));
    struct buf b = { 0 };
    buf_append(&b, LIT("REDIS0010\0\x80\0\x10\0\1"));
    for (int i = 0; i < (1 << 20) + 1; i++) buf_append_char(&b, 'n');
    buf_append(&b, LIT("\1v\xff\0\0\0\0\0\0\0\0"));
    write_file(in_path, b.p, b.n);
    buf_free(&b);
    assert_status(import_file(db, &r, error), KORA_TOOBIG);
    assert_ok(kora_close(db));
}

struct told {
    kora *db;
    uint64_t count, done, total;
};

static void count_progress(void *arg, uint64_t done, uint64_t total) {
    struct told *t = arg;
    assert_true(done >= t->done && done <= total);
    t->count++;
    t->done = done;
    t->total = total;
    assert_status(kora_del(t->db, LIT("x")), KORA_MISUSE);
}

static void progress(void **state) {
    (void)state;
    kora *db = open_db(1, 2), *back = open_db(2, 4);
    struct told told = { .db = db };
    kora_import_options in = KORA_IMPORT_OPTIONS_INIT;
    kora_export_options out = KORA_EXPORT_OPTIONS_INIT;
    kora_export_result r = KORA_EXPORT_RESULT_INIT;
    char value[100000];
    in.progress = out.progress = count_progress;
    in.progress_arg = out.progress_arg = &told;
    struct random rnd;
    random_seed(&rnd, 3);
    for (size_t i = 0; i < sizeof value; i++) value[i] = (char)random_next(&rnd);
    for (int i = 0; i < 50; i++) assert_ok(kora_set(db, &i, sizeof i, value, sizeof value - (size_t)i, NULL));
    assert_ok(kora_export(db, out_path, &out, &r, NULL, 0));
    assert_true(told.count >= 2 && told.done == 50 && told.total == 50);
    struct stat st;
    assert_int_equal(stat(out_path, &st), 0);
    assert_int_equal(r.keys, 50);
    assert_int_equal(r.newer, 0);
    assert_int_equal(r.bytes, st.st_size);
    told = (struct told){ .db = db };
    assert_ok(kora_import(back, out_path, &in, NULL, NULL, 0));
    assert_true(told.count >= 6 && told.done == 2 * r.bytes && told.total == 2 * r.bytes);
    kora_stats s = KORA_STATS_INIT;
    assert_ok(kora_get_stats(back, &s));
    assert_int_equal(s.keys, 50);
    assert_ok(kora_close(db));
    assert_ok(kora_close(back));
}

// What import tells does the same when it is replayed.
static void effects(void **state) {
    (void)state;
    struct kept_effects kept = { 0 };
    kora *db = open_db(1, 2), *replayed = open_db(1, 4);
    db->engine->common.effects = (struct effect_sink){ .fn = effects_keep, .arg = &kept };
    assert_ok(kora_config_set(db, "maxmemory-policy", "allkeys-lfu", NULL, 0));
    assert_ok(kora_config_set(replayed, "maxmemory-policy", "allkeys-lfu", NULL, 0));
    write_file(in_path, FILE_OF("\0\1a\1x\xf9\x77\xfc\0\0\0\0\0\0\0\x10\2\1s\2\1a\1b\xf8\5\x04\1h\1\1f\1v"));
    assert_ok(kora_import(db, in_path, NULL, NULL, NULL, 0));
    assert_int_equal(kept.n, 3);
    assert_int_equal(kept.e[0].argc, 6);
    assert_string_equal(kept.e[0].argv[0].p, "RESTORE");
    assert_string_equal(kept.e[1].argv[2].p, "1152921504606846976");
    assert_int_equal(kept.e[1].argc, 8);
    assert_string_equal(kept.e[1].argv[6].p, "FREQ");
    assert_string_equal(kept.e[1].argv[7].p, "119");
    assert_string_equal(kept.e[2].argv[6].p, "IDLETIME");
    assert_string_equal(kept.e[2].argv[7].p, "5");
    for (size_t i = 0; i < kept.n; i++) {
        const char *argv[8];
        size_t n[8];
        kora_reply *reply;
        for (int j = 0; j < kept.e[i].argc; j++) argv[j] = kept.e[i].argv[j].p, n[j] = kept.e[i].argv[j].n;
        assert_ok(kora_exec(replayed, NULL, kept.e[i].argc, argv, n, &reply));
        assert_int_equal(reply->type, KORA_REPLY_STATUS);
        kora_reply_free(reply);
    }
    assert_value(replayed, "a", "x");
    kora_reply *reply;
    assert_ok(kora_exec(replayed, NULL, 3, (const char *[]){ "OBJECT", "FREQ", "s" }, NULL, &reply));
    assert_int_equal(reply->integer, 119);
    kora_reply_free(reply);
    db->engine->common.effects = (struct effect_sink){ 0 };
    effects_forget(&kept);
    assert_ok(kora_close(db));
    assert_ok(kora_close(replayed));
}

// ---- export ----------------------------------------------------------------------------------------------------------------------

static void refuses_export(void **state) {
    (void)state;
    char error[200], path[600];
    kora *db = open_db(1, 2);
    kora_export_options o = KORA_EXPORT_OPTIONS_INIT;
    assert_status(kora_export(NULL, out_path, NULL, NULL, NULL, 0), KORA_INVAL);
    assert_status(kora_export(db, NULL, NULL, NULL, NULL, 0), KORA_INVAL);
    o.flags = 2;
    assert_status(kora_export(db, out_path, &o, NULL, NULL, 0), KORA_UNSUPPORTED);
    snprintf(path, sizeof path, "%s/none/out.rdb", folder);
    assert_status(kora_export(db, path, NULL, NULL, error, sizeof error), KORA_SYSTEM);
    assert_non_null(strstr(error, "No such file or directory"));
    size_t before = files_in_folder();
    assert_status(kora_export(db, folder, NULL, NULL, error, sizeof error), KORA_INVAL);
    assert_int_equal(files_in_folder(), before);
    assert_ok(kora_close(db));
}

struct writers {
    kora *db;
    _Atomic bool stop;
    _Atomic uint64_t rounds;
};

// Two keys on different stripes always have the same value.
static void *write_pairs(void *arg) {
    struct writers *w = arg;
    for (uint64_t i = 1; !atomic_load(&w->stop); i++) {
        kora_bytes keys[] = { { "left", 4 }, { "right", 5 } }, values[] = { { &i, sizeof i }, { &i, sizeof i } };
        assert_ok(kora_set_many(w->db, keys, values, 2, 0));
        atomic_fetch_add(&w->rounds, 1);
    }
    return NULL;
}

static void one_instant(void **state) {
    (void)state;
    struct writers w = { .db = open_db(2, 64) };
    for (int i = 0; i < 2000; i++) assert_ok(kora_set(w.db, &i, sizeof i, LIT("value"), NULL));
    pthread_t t = spawn(write_pairs, &w);
    wait_until(atomic_load(&w.rounds) > 100);
    for (int i = 0; i < 20; i++) {
        kora_export_options o = KORA_EXPORT_OPTIONS_INIT;
        kora *back = open_db(1, 2);
        void *left, *right;
        size_t n;
        o.flags = i % 2 ? KORA_EXPORT_LZ4 : 0;
        assert_ok(kora_export(w.db, out_path, &o, NULL, NULL, 0));
        kora_import_result r = KORA_IMPORT_RESULT_INIT;
        assert_ok(kora_import(back, out_path, NULL, &r, NULL, 0));
        assert_int_equal(r.keys, 2002);
        assert_int_equal(r.compressed, i % 2);
        assert_ok(kora_get(back, LIT("left"), &left, &n));
        assert_ok(kora_get(back, LIT("right"), &right, &n));
        assert_memory_equal(left, right, 8);
        kora_free(left);
        kora_free(right);
        assert_ok(kora_close(back));
    }
    atomic_store(&w.stop, true);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_ok(kora_close(w.db));
}

// Large values, while they are changed: what comes out is what they were at one moment, whole.
static void *write_large(void *arg) {
    struct writers *w = arg;
    for (uint64_t i = 1; !atomic_load(&w->stop); i++) {
        // All of these change in one transaction: the list's length is the hash's field, the string's length, the stream's length.
        char field[32];
        kora_txn *t;
        kora_reply *reply;
        snprintf(field, sizeof field, "%llu", (unsigned long long)i);
        assert_ok(kora_txn_begin(w->db, &t));
        assert_ok(kora_txn_add(t, 3, (const char *[]){ "RPUSH", "list", "an element of some length" }, NULL));
        assert_ok(kora_txn_add(t, 4, (const char *[]){ "HINCRBY", "hash", "count", "1" }, NULL));
        assert_ok(kora_txn_add(t, 4, (const char *[]){ "HSET", "hash", field, "a value of some length, so that it grows" }, NULL));
        assert_ok(kora_txn_add(t, 3, (const char *[]){ "APPEND", "string", "0123456789" }, NULL));
        assert_ok(kora_txn_add(t, 4, (const char *[]){ "ZADD", "zset", field, field }, NULL));
        assert_ok(kora_txn_add(t, 5, (const char *[]){ "XADD", "stream", "*", "f", "v" }, NULL));
        assert_ok(kora_txn_exec(t, &reply));
        assert_int_equal(reply->count, 6);
        kora_reply_free(reply);
        kora_txn_free(t);
        if (i % 1000 == 0) assert_ok(kora_set(kora_database(w->db, 2), LIT("x"), LIT("x"), NULL));
        if (i % 1000 == 500) assert_ok(kora_exec(kora_database(w->db, 2), NULL, 1, (const char *[]){ "FLUSHDB" }, NULL, NULL));
        atomic_fetch_add(&w->rounds, 1);
    }
    return NULL;
}

static int64_t number_of(kora *db, int argc, const char *const *argv) {
    kora_reply *reply;
    assert_ok(kora_exec(db, NULL, argc, argv, NULL, &reply));
    int64_t n = reply->type == KORA_REPLY_STRING ? strtoll(reply->str, NULL, 10) : reply->integer;
    kora_reply_free(reply);
    return n;
}
#define NUMBER_OF(db, ...) number_of(db, (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ })

static void large_values(void **state) {
    (void)state;
    struct writers w = { .db = open_db(2, 64) };
    pthread_t t = spawn(write_large, &w);
    for (int i = 0; i < 8; i++) {
        kora *back = open_db(1, 2);
        uint64_t from = atomic_load(&w.rounds);
        wait_until(atomic_load(&w.rounds) > from + (slow() ? 100 : 2000));
        assert_ok(kora_export(w.db, out_path, NULL, NULL, NULL, 0));
        assert_ok(kora_import(back, out_path, NULL, NULL, NULL, 0));
        int64_t n = NUMBER_OF(back, "LLEN", "list");
        assert_true(n > 0);
        assert_int_equal(NUMBER_OF(back, "HGET", "hash", "count"), n);
        assert_int_equal(NUMBER_OF(back, "HLEN", "hash"), n + 1);
        assert_int_equal(NUMBER_OF(back, "STRLEN", "string"), 10 * n);
        assert_int_equal(NUMBER_OF(back, "ZCARD", "zset"), n);
        assert_int_equal(NUMBER_OF(back, "XLEN", "stream"), n);
        assert_ok(kora_close(back));
    }
    atomic_store(&w.stop, true);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_ok(kora_close(w.db));
}

static void no_memory(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        for (int lz4 = 0; lz4 < 2; lz4++) {
            kora *db = open_db(1, 2);
            kora_export_options o = KORA_EXPORT_OPTIONS_INIT;
            char big[20000];
            memset(big, 'x', sizeof big);
            o.flags = lz4 ? KORA_EXPORT_LZ4 : 0;
            assert_ok(kora_set(db, LIT("big"), big, sizeof big, NULL));
            for (int i = 0; i < 300; i++) assert_ok(kora_push(db, LIT("list"), KORA_BACK, &(kora_bytes){ big, 100 + (size_t)i }, 1, NULL));
            write_file(out_path, LIT("old"));
            size_t files = files_in_folder();
            long n = 1;
            for (;; n++) {
                mem_fail(n, forever);
                int status = kora_export(db, out_path, &o, NULL, NULL, 0);
                bool failed = mem_fail_left() <= 0;
                mem_fail(0, false);
                assert_int_equal(files_in_folder(), files);
                if (!failed) assert_ok(status);
                if (status != KORA_OK) assert_status(status, KORA_NOMEM);
                if (!failed) break;
            }
            for (n = 1;; n++) {
                kora *back = open_db(1, 2);
                mem_fail(n, forever);
                int status = kora_import(back, out_path, NULL, NULL, NULL, 0);
                bool failed = mem_fail_left() <= 0;
                mem_fail(0, false);
                if (!failed) assert_ok(status);
                if (status != KORA_OK) assert_status(status, KORA_NOMEM);
                if (status != KORA_OK) assert_ok(kora_import(back, out_path, NULL, NULL, NULL, 0));
                kora_stats s = KORA_STATS_INIT;
                assert_ok(kora_get_stats(back, &s));
                assert_int_equal(s.keys, 2);
                assert_ok(kora_close(back));
                if (!failed) break;
            }
            assert_true(n > 10);
            assert_ok(kora_close(db));
        }
    }
}

// ---- files that fail ---------------------------------------------------------------------------------------------------------------

static struct os failing;
static struct pieces calls;

static int fails(void) { return pieces_fail_(&calls) ? -calls.code : 0; }
static int failing_open(void *arg, const char *path, uint32_t how) {
    int code = fails();
    return code < 0 ? code : os_system()->open(arg, path, how);
}
static ssize_t failing_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    int code = fails();
    return code < 0 ? code : os_system()->write(arg, fd, iov, count, at);
}
static int failing_sync(void *arg, int fd) {
    int code = fails();
    return code < 0 ? code : os_system()->sync(arg, fd);
}
static int failing_close(void *arg, int fd) {
    int code = os_system()->close(arg, fd), other = fails();
    return other < 0 ? other : code;
}
static int failing_rename(void *arg, const char *from, const char *to) {
    int code = fails();
    return code < 0 ? code : os_system()->rename(arg, from, to);
}
static int failing_sync_dir(void *arg, const char *path) {
    int code = fails();
    return code < 0 ? code : os_system()->sync_dir(arg, path);
}

static int write_new(const char *text) {
    struct file_sink f;
    int code = file_sink_open(&f, &failing, out_path);
    if (code < 0) return code;
    struct byte_sink s = file_sink_bytes(&f);
    code = s.write(s.arg, text, strlen(text));
    if (code < 0) file_sink_abandon(&f);
    return code < 0 ? code : file_sink_finish(&f);
}

static void assert_content(const char *expected) {
    char text[16] = "";
    struct file_source f;
    assert_int_equal(file_source_open(&f, os_system(), out_path), 0);
    assert_int_equal(f.size, strlen(expected));
    assert_true(file_source_starts(&f, expected, strlen(expected)));
    assert_false(file_source_starts(&f, "more than is there", 10));
    struct byte_source s = file_source_bytes(&f);
    assert_int_equal(s.read(s.arg, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(s.read(s.arg, text, sizeof text), 0);
    file_source_close(&f);
}

static void failing_files(void **state) {
    (void)state;
    enum { OPEN = 1, WRITE, SYNC, CLOSE, RENAME, SYNC_DIR, NONE };
    failing = *os_system();
    failing.open = failing_open;
    failing.write = failing_write;
    failing.sync = failing_sync;
    failing.close = failing_close;
    failing.rename = failing_rename;
    failing.sync_dir = failing_sync_dir;
    for (int n = OPEN; n <= NONE; n++) {
        write_file(out_path, LIT("old"));
        size_t files = files_in_folder();
        calls = (struct pieces){ .fail_in = n, .code = EIO };
        assert_int_equal(write_new("new"), n < NONE ? -EIO : 0);
        assert_int_equal(files_in_folder(), files);
        assert_content(n <= RENAME ? "old" : "new");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges),
        cmocka_unit_test(refuses),
        cmocka_unit_test(progress),
        cmocka_unit_test(effects),
        cmocka_unit_test(refuses_export),
        cmocka_unit_test(one_instant),
        cmocka_unit_test(large_values),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(failing_files),
    };
    return cmocka_run_group_tests_name("api rdb", tests, make_folder, remove_folder);
}
