// Snapshots from C: a database's own, copies of it while it goes on, also of one in memory, files for Redis; and what happens when the disk, or memory, refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "os/os.h"

enum { ACCOUNTS = 100, AMOUNT = 1000, FILL = 1000 };

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
    char dir[256], data[300], copy[300], file[300];
};

static int make_place(void **state) {
    struct place *p = calloc(1, sizeof *p);
    const char *temp = getenv("TMPDIR");
    snprintf(p->dir, sizeof p->dir, "%s/kora-save-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(p->dir)) return -1;
    snprintf(p->data, sizeof p->data, "%s/data", p->dir);
    snprintf(p->copy, sizeof p->copy, "%s/copy", p->dir);
    snprintf(p->file, sizeof p->file, "%s/dump.rdb", p->dir);
    *state = p;
    return 0;
}

static int remove_place(void **state) {
    struct place *p = *state;
    remove_all(p->dir);
    free(p);
    return 0;
}

static kora *open_at(const char *dir, const struct os *os, uint32_t shards) {
    kora_options o = KORA_OPTIONS_INIT;
    char error[256] = "";
    kora *db;
    o.shards = shards;
    o.error = error;
    o.error_size = sizeof error;
    int status = api_open(dir, &o, os, &db);
    if (status != KORA_OK) fail_msg("kora_open: %s: %s", kora_status_name(status), error);
    return db;
}

static size_t account(char name[32], int i) { return (size_t)snprintf(name, 32, "account:%d", i); }

static void fill(kora *db) {
    char name[32], value[8000];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < ACCOUNTS; i++) assert_int_equal(kora_incr(db, name, account(name, i), AMOUNT, NULL), KORA_OK);
    for (int i = 0; i < FILL; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "fill:%d", i);
        assert_int_equal(kora_set(db, name, n, value, (size_t)(i * 7 % (int)sizeof value), NULL), KORA_OK);
    }
}

static int64_t sum(kora *db) {
    int64_t total = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        char name[32], digits[32] = "";
        size_t len;
        assert_int_equal(kora_get_into(db, name, account(name, i), digits, sizeof digits - 1, &len), KORA_OK);
        total += atoll(digits);
    }
    return total;
}

static uint64_t keys_of(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_int_equal(kora_get_stats(db, &s), KORA_OK);
    return s.keys;
}

// Moves amounts from account to account, each time in a transaction, until told to stop.
struct mover {
    kora *db;
    pthread_t thread;
    _Atomic bool stop;
};

static void *move(void *arg) {
    struct mover *m = arg;
    for (unsigned i = 0; !atomic_load(&m->stop); i++) {
        char from[32], to[32];
        kora_txn *t;
        assert_int_equal(kora_txn_begin(m->db, &t), KORA_OK);
        const char *take[] = { "DECRBY", from, "7" }, *give[] = { "INCRBY", to, "7" };
        account(from, (int)(i * 31 % ACCOUNTS));
        account(to, (int)((i * 31 + 50) % ACCOUNTS));
        assert_int_equal(kora_txn_add(t, 3, take, NULL), KORA_OK);
        assert_int_equal(kora_txn_add(t, 3, give, NULL), KORA_OK);
        assert_int_equal(kora_txn_exec(t, NULL), KORA_OK);
        kora_txn_free(t);
    }
    return NULL;
}

static void start(struct mover *m, kora *db) {
    m->db = db;
    atomic_init(&m->stop, false);
    assert_int_equal(pthread_create(&m->thread, NULL, move, m), 0);
}
static void stop(struct mover *m) {
    atomic_store(&m->stop, true);
    pthread_join(m->thread, NULL);
}

// ---- the database's own ------------------------------------------------------------------------------------------------------------

static void test_own(void **state) {
    struct place *p = *state;
    char error[200] = "x";
    kora *db = open_at(NULL, NULL, 2);
    assert_int_equal(kora_snapshot(db, NULL, error, sizeof error), KORA_UNSUPPORTED);
    assert_int_equal(kora_close(db), KORA_OK);
    db = open_at(p->data, NULL, 2);
    fill(db);
    struct mover m;
    start(&m, db);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(kora_snapshot(db, NULL, error, sizeof error), KORA_OK);
        assert_string_equal(error, "");
    }
    stop(&m);
    assert_int_equal(kora_snapshot(db, NULL, error, sizeof error), KORA_OK); // during the last one as much was written as the machine's speed allows
    kora_stats s = KORA_STATS_INIT;
    assert_int_equal(kora_get_stats(db, &s), KORA_OK);
    assert_true(s.log_size < 16 << 20); // not of what was written before
    assert_int_equal(kora_close(db), KORA_OK);
    for (uint32_t shards = 1; shards < 5; shards++) {
        db = open_at(p->data, NULL, shards);
        assert_int_equal(sum(db), ACCOUNTS * AMOUNT);
        assert_int_equal(keys_of(db), ACCOUNTS + FILL);
        assert_int_equal(kora_close(db), KORA_OK);
    }
}

// ---- copies ------------------------------------------------------------------------------------------------------------------------

static void copy_and_look(struct place *p, kora *db) {
    char error[200];
    struct mover m;
    start(&m, db);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(kora_snapshot(db, p->copy, error, sizeof error), KORA_OK);
        assert_int_equal(kora_snapshot(db, p->copy, error, sizeof error), KORA_SYSTEM);
        assert_non_null(strstr(error, "there is a database already"));
        kora *copy = open_at(p->copy, NULL, (uint32_t)(1 + i % 3));
        assert_int_equal(sum(copy), ACCOUNTS * AMOUNT);
        assert_int_equal(keys_of(copy), ACCOUNTS + FILL);
        assert_int_equal(kora_set(copy, "new", 3, "1", 1, NULL), KORA_OK); // it has a log of its own from here on
        assert_int_equal(kora_close(copy), KORA_OK);
        copy = open_at(p->copy, NULL, 2);
        assert_int_equal(keys_of(copy), ACCOUNTS + FILL + 1);
        assert_int_equal(kora_snapshot(copy, NULL, error, sizeof error), KORA_OK);
        assert_int_equal(kora_close(copy), KORA_OK);
        copy = open_at(p->copy, NULL, 2);
        assert_int_equal(keys_of(copy), ACCOUNTS + FILL + 1);
        assert_int_equal(kora_close(copy), KORA_OK);
        remove_all(p->copy);
    }
    stop(&m);
}

static void test_copy(void **state) {
    struct place *p = *state;
    kora *db = open_at(p->data, NULL, 2);
    fill(db);
    copy_and_look(p, db);
    assert_int_equal(kora_close(db), KORA_OK);
}

static void test_copy_of_memory(void **state) {
    struct place *p = *state;
    kora *db = open_at(NULL, NULL, 2);
    fill(db);
    copy_and_look(p, db);
    char error[200];
    assert_int_equal(kora_snapshot(db, "", error, sizeof error), KORA_INVAL);
    assert_int_equal(kora_snapshot(db, "/dev/null/nowhere", error, sizeof error), KORA_SYSTEM);
    assert_true(*error);
    assert_int_equal(kora_close(db), KORA_OK);
}

static void test_export(void **state) {
    struct place *p = *state;
    kora *db = open_at(NULL, NULL, 3);
    fill(db);
    struct mover m;
    start(&m, db);
    for (int i = 0; i < 4; i++) {
        char error[200];
        kora_export_options o = KORA_EXPORT_OPTIONS_INIT;
        kora_export_result r = KORA_EXPORT_RESULT_INIT;
        o.flags = i % 2 ? KORA_EXPORT_LZ4 : 0;
        assert_int_equal(kora_export(db, p->file, &o, &r, error, sizeof error), KORA_OK);
        assert_int_equal(r.keys, ACCOUNTS + FILL);
        kora *other = open_at(NULL, NULL, 2);
        assert_int_equal(kora_import(other, p->file, NULL, NULL, error, sizeof error), KORA_OK);
        assert_int_equal(sum(other), ACCOUNTS * AMOUNT);
        assert_int_equal(keys_of(other), ACCOUNTS + FILL);
        assert_int_equal(kora_close(other), KORA_OK);
    }
    stop(&m);
    assert_int_equal(kora_close(db), KORA_OK);
}

// ---- what goes wrong ---------------------------------------------------------------------------------------------------------------

// The real system, of which the n-th write, sync or renaming from now on fails.
struct faulty {
    struct os os;
    _Atomic long left;
};

static bool fails(struct faulty *f) { return atomic_fetch_sub(&f->left, 1) == 1; }

static ssize_t faulty_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct faulty *f = CONTAINER_OF((struct os *)arg, struct faulty, os);
    return fails(f) ? -EIO : os_system()->write(os_system()->arg, fd, iov, count, at);
}
static int faulty_sync(void *arg, int fd) {
    struct faulty *f = CONTAINER_OF((struct os *)arg, struct faulty, os);
    return fails(f) ? -EIO : os_system()->sync(os_system()->arg, fd);
}
static int faulty_rename(void *arg, const char *from, const char *to) {
    struct faulty *f = CONTAINER_OF((struct os *)arg, struct faulty, os);
    return fails(f) ? -ENOSPC : os_system()->rename(os_system()->arg, from, to);
}

// A snapshot that fails leaves the one before, and everything that was written; or it has broken the log, which says so.
static void test_failing(void **state) {
    struct place *p = *state;
    struct faulty f = { .os = *os_system() };
    f.os.arg = &f.os;
    f.os.write = faulty_write;
    f.os.sync = faulty_sync;
    f.os.rename = faulty_rename;
    long n = 1;
    for (bool passed = false; !passed; n++) {
        char error[200] = "", name[32];
        kora *db = open_at(p->data, &f.os, 2);
        if (n == 1) fill(db);
        size_t len = (size_t)snprintf(name, sizeof name, "round:%ld", n);
        assert_int_equal(kora_set(db, name, len, "1", 1, NULL), KORA_OK);
        atomic_store(&f.left, n);
        int status = kora_snapshot(db, NULL, error, sizeof error);
        passed = atomic_exchange(&f.left, 0) > 0;
        if (status != KORA_OK) assert_true(strlen(error) > 5);
        kora_stats stats = KORA_STATS_INIT;
        assert_int_equal(kora_get_stats(db, &stats), KORA_OK);
        assert_int_equal(kora_close(db), stats.log_error ? KORA_READONLY : KORA_OK);
        db = open_at(p->data, NULL, 2);
        assert_int_equal(sum(db), ACCOUNTS * AMOUNT);
        assert_int_equal(keys_of(db), ACCOUNTS + FILL + (uint64_t)n);
        assert_int_equal(kora_close(db), KORA_OK);
        if (passed) assert_int_equal(status, KORA_OK);
    }
    print_message("%ld operations failed, one after the other\n", n - 2);
    assert_true(n > 8);
}

// Where the process goes meanwhile is no matter, even where something of the same name is.
static void test_relative(void **state) {
    struct place *p = *state;
    char here[512], error[200];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(os_system()->make_dir(NULL, p->copy), 0);
    assert_int_equal(chdir(p->copy), 0);
    kora *other, *db;
    assert_int_equal(kora_open("data", NULL, &other), KORA_OK);
    assert_int_equal(chdir(p->dir), 0);
    assert_int_equal(kora_open("data", NULL, &db), KORA_OK);
    assert_int_equal(chdir(p->copy), 0);
    assert_int_equal(kora_set(db, "k", 1, "1", 1, NULL), KORA_OK);
    assert_int_equal(kora_snapshot(db, NULL, error, sizeof error), KORA_OK); // a new segment of the log, and a manifest
    assert_int_equal(kora_set(db, "l", 1, "1", 1, NULL), KORA_OK);
    assert_int_equal(kora_close(db), KORA_OK);
    assert_int_equal(kora_close(other), KORA_OK);
    assert_int_equal(kora_open("data", NULL, &other), KORA_OK);
    assert_int_equal(keys_of(other), 0);
    assert_int_equal(kora_close(other), KORA_OK);
    assert_int_equal(chdir(here), 0);
    db = open_at(p->data, NULL, 2);
    assert_int_equal(keys_of(db), 2);
    assert_int_equal(kora_close(db), KORA_OK);
}

static void test_export_over(void **state) {
    struct place *p = *state;
    char error[200];
    kora *db = open_at(p->data, NULL, 2);
    assert_int_equal(symlink("/dev/null", p->file), 0);
    assert_int_equal(kora_export(db, p->file, NULL, NULL, error, sizeof error), KORA_INVAL);
    assert_string_equal(error, "it is there, and no regular file");
    char to[20];
    assert_int_equal(readlink(p->file, to, sizeof to), 9);
    assert_int_equal(kora_close(db), KORA_OK);
}

// The real system, in which what is written to a snapshot's files waits until it may.
struct stuck {
    struct os os;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    bool holds, waits;
    _Atomic bool is_snapshot[1024]; // by descriptor
    _Atomic int warnings;
};

static int stuck_open(void *arg, const char *path, uint32_t how) {
    struct stuck *f = CONTAINER_OF((struct os *)arg, struct stuck, os);
    int fd = os_system()->open(os_system()->arg, path, how);
    if (fd >= 0 && fd < (int)ARRAY_LEN(f->is_snapshot)) atomic_store(&f->is_snapshot[fd], strstr(path, "snapshot-") != NULL);
    return fd;
}
static ssize_t stuck_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct stuck *f = CONTAINER_OF((struct os *)arg, struct stuck, os);
    if (at > 4096 && fd < (int)ARRAY_LEN(f->is_snapshot) && atomic_load(&f->is_snapshot[fd])) { // before that, there is no cut yet
        pthread_mutex_lock(&f->mutex);
        f->waits = true;
        while (f->holds) pthread_cond_wait(&f->freed, &f->mutex);
        f->waits = false;
        pthread_mutex_unlock(&f->mutex);
    }
    return os_system()->write(os_system()->arg, fd, iov, count, at);
}
static void hold(struct stuck *f, bool holds) {
    pthread_mutex_lock(&f->mutex);
    f->holds = holds;
    pthread_cond_broadcast(&f->freed);
    pthread_mutex_unlock(&f->mutex);
}
static bool is_waiting(struct stuck *f) {
    pthread_mutex_lock(&f->mutex);
    bool waits = f->waits;
    pthread_mutex_unlock(&f->mutex);
    return waits;
}
static void count_warnings(void *arg, int level, const char *text) {
    struct stuck *f = arg;
    if (level == KORA_LOG_WARNING && strstr(text, "the disk does not follow")) atomic_fetch_add(&f->warnings, 1);
}

enum { LARGE_KEYS = 40000, LARGE_BYTES = 1000 };
static void write_all(kora *db, char c) {
    char name[32], value[LARGE_BYTES];
    memset(value, c, sizeof value);
    for (int i = 0; i < LARGE_KEYS; i++) {
        size_t n = (size_t)snprintf(name, sizeof name, "large:%d", i);
        assert_int_equal(kora_set(db, name, n, value, sizeof value, NULL), KORA_OK);
    }
}

struct saving {
    kora *db;
    int status;
    char error[200];
};
static void *save(void *arg) {
    struct saving *s = arg;
    s->status = kora_snapshot(s->db, NULL, s->error, sizeof s->error);
    return NULL;
}
static struct host_save state_of(kora *db) {
    struct host_save state;
    db->engine->host.save_state(&db->engine->host, &state);
    return state;
}

// The disk hangs, and everything is written over: the snapshot fails, with its reason, and gives back what was held, before the disk goes on. The next one is a good one.
static void test_disk_hangs(void **state) {
    struct place *p = *state;
    struct stuck *f = calloc(1, sizeof *f);
    f->os = *os_system();
    f->os.arg = &f->os;
    f->os.open = stuck_open;
    f->os.write = stuck_write;
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->freed, NULL);
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    o.shards = 2;
    o.memory_max = 80 << 20;
    o.log = count_warnings;
    o.log_arg = f;
    assert_int_equal(api_open(p->data, &o, &f->os, &db), KORA_OK);
    write_all(db, 'a');
    hold(f, true);
    struct saving s = { .db = db };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, save, &s), 0);
    while (!is_waiting(f)) usleep(1000);
    write_all(db, 'b');
    while (!state_of(db).failed || state_of(db).held_now > 0 || atomic_load(&f->warnings) == 0) usleep(1000);
    assert_true(state_of(db).running);
    assert_true(is_waiting(f));
    assert_in_range(state_of(db).held_bytes, 8 << 20, 10 << 20);
    write_all(db, 'c'); // and no more is held from now on
    assert_in_range(state_of(db).held_bytes, 8 << 20, 10 << 20);
    hold(f, false);
    pthread_join(thread, NULL);
    assert_int_equal(s.status, KORA_NOMEM);
    assert_non_null(strstr(s.error, "the disk does not follow"));
    assert_int_equal(atomic_load(&f->warnings), 1);
    assert_false(state_of(db).running);
    assert_int_equal(kora_snapshot(db, NULL, s.error, sizeof s.error), KORA_OK);
    assert_false(state_of(db).failed);
    assert_int_equal(kora_close(db), KORA_OK);
    db = open_at(p->data, NULL, 2);
    char value[LARGE_BYTES];
    size_t len;
    assert_int_equal(kora_get_into(db, "large:39999", 11, value, sizeof value, &len), KORA_OK);
    assert_true(len == LARGE_BYTES && value[0] == 'c' && keys_of(db) == LARGE_KEYS);
    assert_int_equal(kora_close(db), KORA_OK);
    pthread_mutex_destroy(&f->mutex);
    pthread_cond_destroy(&f->freed);
    free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_relative, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_export_over, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_own, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_copy, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_copy_of_memory, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_export, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_failing, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_disk_hangs, make_place, remove_place),
    };
    return cmocka_run_group_tests_name("api_save", tests, NULL, NULL);
}
