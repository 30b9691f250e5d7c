// A database in a directory, in process: what typed calls have acknowledged is there after the process was killed; what happens while the log can't be
// written; and what waits for it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "os/os.h"

// ---- a place ---------------------------------------------------------------------------------------------------------------------

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
};

static int make_place(void **state) {
    struct place *p = calloc(1, sizeof *p);
    const char *temp = getenv("TMPDIR");
    snprintf(p->dir, sizeof p->dir, "%s/kora-durable-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(p->dir)) return -1;
    *state = p;
    return 0;
}

static int remove_place(void **state) {
    struct place *p = *state;
    remove_all(p->dir);
    free(p);
    return 0;
}

static void nap(int ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL); }

enum { PATIENCE_MS = 30000 };
#define wait_until(condition) \
    do { \
        int ms_ = 0; \
        while (!(condition) && ms_++ < PATIENCE_MS) nap(1); \
        if (!(condition)) fail_msg("never: " #condition); \
    } while (0)

static kora *open_as(const struct place *p, const struct os *os, uint32_t shards, int sync, kora_log_fn *log, void *log_arg) {
    kora_options o = KORA_OPTIONS_INIT;
    char error[256];
    kora *db;
    o.shards = shards;
    o.sync = sync;
    o.log = log;
    o.log_arg = log_arg;
    o.error = error;
    o.error_size = sizeof error;
    int status = api_open(p->dir, &o, os, &db);
    if (status != KORA_OK) fail_msg("%s: %s", kora_status_name(status), error);
    return db;
}

static kora *open_at(const struct place *p, const struct os *os, uint32_t shards) { return open_as(p, os, shards, KORA_SYNC_EVERYSEC, NULL, NULL); }

#define ok(call) assert_int_equal((call), KORA_OK)
#define KEY(s) (s), strlen(s)

// ---- killed -------------------------------------------------------------------------------------------------------------------------

static int64_t counter(kora *db, const char *key) {
    char text[32] = "";
    size_t n;
    int status = kora_get_into(db, KEY(key), text, sizeof text - 1, &n);
    if (status == KORA_NOTFOUND) return 0;
    ok(status);
    return strtoll(text, NULL, 10);
}

// The n-th step; each family has a part in it.
static int step(kora *db, int64_t n) {
    char text[64], field[32];
    int64_t sum;
    size_t len = (size_t)snprintf(text, sizeof text, "text number %09lld", (long long)n), field_len = (size_t)snprintf(field, sizeof field, "%lld", (long long)n);
    kora_bytes names[] = { { "many-a", 6 }, { "many-b", 6 }, { "many-c", 6 }, { "many-d", 6 } };
    kora_bytes values[] = { { text, len }, { text, len }, { text, len }, { text, len } };
    int status = kora_set(db, KEY("plain"), text, len, NULL); // of one length: overwritten in place
    if (!status) status = kora_incr(db, KEY("incr"), 1, &sum);
    if (!status) status = kora_set_many(db, names, values, 4, 0);
    if (!status) status = kora_hset(db, KEY("hash"), &(kora_field){ { field, field_len }, { text, len } }, 1, NULL);
    if (!status) status = kora_push(db, KEY("list"), KORA_BACK, &(kora_bytes){ field, field_len }, 1, NULL);
    if (!status) status = kora_sadd(db, KEY("set"), &(kora_bytes){ field, field_len }, 1, NULL);
    kora_txn *t = NULL;
    if (!status) status = kora_txn_begin(db, &t);
    for (int i = 0; !status && i < 4; i++) status = kora_txn_add(t, 2, (const char *[]){ "INCR", (const char *[]){ "t-a", "t-b", "t-c", "t-d" }[i] }, NULL);
    if (!status) status = kora_txn_exec(t, NULL);
    kora_txn_free(t);
    return status;
}

static _Noreturn void child(const struct place *p, _Atomic int64_t *done, uint32_t shards) {
    kora *db;
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = shards;
    if (kora_open(p->dir, &o, &db) != KORA_OK) _exit(1);
    for (int64_t n = atomic_load(done) + 1;; n++) {
        if (step(db, n) != KORA_OK) _exit(2);
        atomic_store(done, n);
    }
}

static void whole(kora *db, int64_t acknowledged) {
    char text[64];
    size_t n, count;
    int64_t incr = counter(db, "incr");
    if (incr != acknowledged && incr != acknowledged + 1) fail_msg("%lld are there of %lld", (long long)incr, (long long)acknowledged);
    ok(kora_get_into(db, KEY("plain"), text, sizeof text, &n));
    int64_t plain = strtoll(text + 12, NULL, 10);
    assert_true(plain == incr || plain == incr + 1); // it comes before the other
    int64_t parts = counter(db, "t-a");
    assert_true(parts == acknowledged || parts == acknowledged + 1);
    for (int i = 0; i < 4; i++) assert_int_equal(counter(db, (const char *[]){ "t-a", "t-b", "t-c", "t-d" }[i]), parts);
    char first[64], other[64];
    ok(kora_get_into(db, KEY("many-a"), first, sizeof first, &n));
    for (int i = 1; i < 4; i++) {
        ok(kora_get_into(db, KEY(((const char *[]){ "", "many-b", "many-c", "many-d" }[i])), other, sizeof other, &n));
        assert_memory_equal(first, other, n);
    }
    ok(kora_llen(db, KEY("list"), &count));
    assert_true((int64_t)count == acknowledged || (int64_t)count == acknowledged + 1);
    ok(kora_hlen(db, KEY("hash"), &count));
    assert_true((int64_t)count == acknowledged || (int64_t)count == acknowledged + 1);
}

static void test_killed(void **state) {
    const struct place *p = *state;
    _Atomic int64_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(done != MAP_FAILED);
    for (int cycle = 0; cycle < 8; cycle++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) child(p, done, (uint32_t)cycle % 3 + 1);
        wait_until(atomic_load(done) >= 20 * (cycle + 1));
        kill(pid, SIGKILL);
        int how;
        waitpid(pid, &how, 0);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        kora *db = open_at(p, NULL, 2);
        whole(db, atomic_load(done));
        ok(kora_exec(db, NULL, 1, (const char *[]){ "FLUSHALL" }, NULL, NULL));
        atomic_store(done, 0);
        ok(kora_close(db));
    }
    munmap((void *)done, 4096);
}

// ---- the log can't be written -----------------------------------------------------------------------------------------------------------

// Files that fail, or take their time.
struct bad {
    struct os os;
    const struct os *real;
    _Atomic int write_error, sync_error; // negative errno
    _Atomic bool hold;                   // writes wait
    _Atomic int held;
};

static ssize_t bad_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct bad *b = arg;
    while (atomic_load(&b->hold)) {
        atomic_store(&b->held, 1);
        nap(1);
    }
    int error = atomic_load(&b->write_error);
    return error ? error : b->real->write(b->real->arg, fd, iov, count, at);
}

static int bad_allocate(void *arg, int fd, uint64_t at, uint64_t n) {
    struct bad *b = arg;
    int error = atomic_load(&b->write_error);
    return error == -ENOSPC ? error : b->real->allocate(b->real->arg, fd, at, n);
}

static int bad_sync(void *arg, int fd) {
    struct bad *b = arg;
    int error = atomic_load(&b->sync_error);
    return error ? error : b->real->sync(b->real->arg, fd);
}

static void bad_init(struct bad *b) {
    memset(b, 0, sizeof *b);
    b->real = os_system();
    b->os = *b->real;
    invariant(!b->real->arg); // or each function would have to be wrapped
    b->os.arg = b;
    b->os.write = bad_write;
    b->os.sync = bad_sync;
    b->os.allocate = bad_allocate;
}

static void replies(kora *db, const char *wanted, int argc, const char *const *argv) {
    kora_reply *r;
    ok(kora_exec(db, NULL, argc, argv, NULL, &r));
    if (r->type != KORA_REPLY_ERROR || strncmp(r->str, wanted, strlen(wanted)) != 0) fail_msg("%s: type %d, %s", argv[0], (int)r->type, r->str ? r->str : "");
    kora_reply_free(r);
}
#define REPLIES(db, wanted, ...) \
    replies(db, wanted, (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ })

static void done_with(void *arg, int status, kora_reply *reply) {
    _Atomic int *to = arg;
    int what = status != KORA_OK ? 1000 + status : reply->type == KORA_REPLY_ERROR ? 2 : 1;
    kora_reply_free(reply);
    atomic_store(to, what);
}

static void refused(kora *db) {
    char text[16];
    size_t n, deleted;
    _Atomic int done = 0;
    kora_txn *t;
    kora_stats stats = KORA_STATS_INIT;
    assert_int_equal(kora_set(db, KEY("a"), "2", 1, NULL), KORA_READONLY);
    assert_int_equal(kora_set(db, KEY("plain"), "2345678901234567890123456789012", 31, NULL), KORA_READONLY);
    assert_int_equal(kora_del(db, KEY("a")), KORA_READONLY);
    assert_int_equal(kora_incr(db, KEY("n"), 1, NULL), KORA_READONLY);
    assert_int_equal(kora_sadd(db, KEY("set"), &(kora_bytes){ "x", 1 }, 1, NULL), KORA_READONLY);
    assert_int_equal(kora_del_many(db, (kora_bytes[]){ { "a", 1 }, { "b", 1 }, { "c", 1 } }, 3, &deleted), KORA_READONLY);
    ok(kora_txn_begin(db, &t));
    ok(kora_txn_add(t, 3, (const char *[]){ "SET", "a", "3" }, NULL));
    assert_int_equal(kora_txn_exec(t, NULL), KORA_READONLY);
    kora_txn_free(t);
    REPLIES(db, "MISCONF Errors writing to the log: ", "SET", "a", "2");
    REPLIES(db, "MISCONF Errors writing to the log: ", "MSET", "a", "2", "b", "3");
    REPLIES(db, "MISCONF Errors writing to the log: ", "FLUSHALL");
    ok(kora_submit(db, 3, (const char *[]){ "LPUSH", "l", "x" }, NULL, done_with, (void *)&done));
    wait_until(atomic_load(&done) != 0);
    assert_int_equal(atomic_load(&done), 2);
    // Reads go on; what expires counts as missing, and is not deleted.
    ok(kora_get_into(db, KEY("a"), text, sizeof text, &n));
    assert_memory_equal(text, "1", 1);
    wait_until(kora_exists(db, KEY("soon")) == KORA_NOTFOUND);
    nap(120); // the background has been there
    ok(kora_get_stats(db, &stats));
    assert_true(stats.log_error != 0);
    assert_int_equal(stats.keys, 3);
}

static void fill(kora *db) {
    kora_set_options soon = KORA_SET_OPTIONS_INIT;
    ok(kora_set(db, KEY("a"), "1", 1, NULL));
    ok(kora_set(db, KEY("plain"), "a234567890123456789012345678901", 31, NULL));
    soon.ttl_ms = 1500;
    ok(kora_set(db, KEY("soon"), "1", 1, &soon));
}

// Never again until it is opened anew, even if the disk is well.
static void test_sync_fails(void **state) {
    const struct place *p = *state;
    struct bad b;
    char text[64];
    size_t n;
    bad_init(&b);
    kora *db = open_at(p, &b.os, 2);
    fill(db);
    atomic_store(&b.sync_error, -EIO);
    wait_until(kora_set(db, KEY("a"), "1", 1, NULL) == KORA_READONLY);
    atomic_store(&b.sync_error, 0);
    kora_stats stats = KORA_STATS_INIT;
    ok(kora_get_stats(db, &stats));
    assert_int_equal(stats.log_error, EIO);
    refused(db);
    assert_int_equal(kora_close(db), KORA_READONLY);
    db = open_at(p, NULL, 3);
    ok(kora_set(db, KEY("a"), "2", 1, NULL));
    ok(kora_get_into(db, KEY("plain"), text, sizeof text, &n));
    assert_memory_equal(text, "a234567890123456789012345678901", 31);
    ok(kora_close(db));
}

// Until there is room.
static void test_disk_full(void **state) {
    const struct place *p = *state;
    struct bad b;
    bad_init(&b);
    kora *db = open_at(p, &b.os, 2);
    fill(db);
    atomic_store(&b.write_error, -ENOSPC);
    wait_until(kora_set(db, KEY("a"), "1", 1, NULL) == KORA_READONLY);
    refused(db);
    atomic_store(&b.write_error, 0);
    wait_until(kora_set(db, KEY("a"), "4", 1, NULL) == KORA_OK);
    ok(kora_close(db));
    db = open_at(p, NULL, 1);
    assert_int_equal(counter(db, "a"), 4);
    ok(kora_close(db));
}

static void note_end(void *arg, int level, const char *text) {
    const char *reason = strstr(text, "the end of the log could not be written: ");
    if (reason && level == KORA_LOG_WARNING) snprintf(arg, 200, "%s", reason);
}

// What can't be written at the end is told of, by a status and in the log; it is staged, so it is there again. With the disk well, the end is the end.
static void test_end_fails(void **state) {
    const struct place *p = *state;
    static const struct {
        int write_error, sync_error;
        bool before; // it fails while the database is used, too
        const char *what;
    } cases[] = {
        { -ENOSPC, 0, false, "write: No space left on device" }, { -EIO, 0, false, "write: Input/output error" }, { 0, -EIO, false, "fdatasync: Input/output error" },
        { -ENOSPC, 0, true, "write: No space left on device" }, { 0, -EIO, true, "fdatasync: Input/output error" }, { 0, 0, false, NULL },
    };
    int64_t n = 0;
    for (int sync = KORA_SYNC_EVERYSEC; sync <= KORA_SYNC_OS; sync++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct bad b;
            char why[200] = "";
            kora_stats stats = KORA_STATS_INIT;
            bad_init(&b);
            kora *db = open_as(p, &b.os, 1, sync, note_end, why);
            ok(kora_incr(db, KEY("n"), 1, &n));
            bool before = cases[i].before && sync == KORA_SYNC_EVERYSEC;
            if (sync != KORA_SYNC_ALWAYS) atomic_store(&b.hold, true); // no round is written before the error is there
            if (sync != KORA_SYNC_ALWAYS) ok(kora_incr(db, KEY("n"), 1, &n));
            atomic_store(&b.write_error, cases[i].write_error);
            atomic_store(&b.sync_error, cases[i].sync_error);
            atomic_store(&b.hold, false);
            if (before) wait_until(kora_get_stats(db, &stats) == KORA_OK && stats.log_error != 0);
            // With `always` nothing is left to be written when nothing waits for it, and so nothing fails.
            bool fails = cases[i].what && (sync != KORA_SYNC_ALWAYS);
            assert_int_equal(kora_close(db), fails ? KORA_READONLY : KORA_OK);
            if (fails != !!*why || (fails && !strstr(why, cases[i].what))) fail_msg("policy %d, case %zu: it says `%s`", sync, i, why);
            db = open_at(p, NULL, 2);
            assert_int_equal(counter(db, "n"), n);
            ok(kora_close(db));
        }
    }
}

// ---- waiting for the disk -------------------------------------------------------------------------------------------------------------------

enum { WRITERS = 3, BIG = 60000, SUBMITTED = 200 };

struct stalled {
    kora *db;
    _Atomic int64_t written;
    _Atomic bool stop;
    int number, status;
};

static void *write_much(void *arg) {
    struct stalled *s = arg;
    char *value = malloc(BIG);
    char key[16];
    memset(value, 'v', BIG);
    for (int i = 0; !atomic_load(&s->stop); i++) {
        snprintf(key, sizeof key, "w%d-%d", s->number, i % 4);
        int status = kora_set(s->db, KEY(key), value, BIG, NULL);
        if (status != KORA_OK) {
            s->status = status;
            break;
        }
        atomic_fetch_add(&s->written, 1);
    }
    free(value);
    return NULL;
}

static int64_t written(struct stalled *w) {
    int64_t n = 0;
    for (int i = 0; i < WRITERS; i++) n += atomic_load(&w[i].written);
    return n;
}

static int count_done(_Atomic int *done) {
    int n = 0;
    for (int i = 0; i < SUBMITTED; i++) n += atomic_load(&done[i]) != 0;
    return n;
}

static void *close_it(void *db) {
    ok(kora_close(db));
    return NULL;
}

// Writers wait, on threads of the host and on shards; reads and other connections' commands go on. Then all of them go on, or are told that it is closed.
static void wait_for_disk(const struct place *p, bool close_meanwhile) {
    struct bad b;
    struct stalled w[WRITERS] = { 0 };
    pthread_t threads[WRITERS];
    static _Atomic int done[SUBMITTED];
    _Atomic int read = 0;
    bad_init(&b);
    kora *db = open_at(p, &b.os, 2);
    ok(kora_set(db, KEY("r"), "read", 4, NULL));
    ok(kora_exec(db, NULL, 1, (const char *[]){ "PING" }, NULL, NULL));
    atomic_store(&b.hold, true);
    for (int i = 0; i < WRITERS; i++) {
        w[i].db = db;
        w[i].number = i;
        pthread_create(&threads[i], NULL, write_much, &w[i]);
    }
    kora_stats stats = KORA_STATS_INIT;
    do {
        nap(1);
        ok(kora_get_stats(db, &stats));
    } while (stats.log_stalls == 0);
    int64_t before = -1; // until all of them wait
    for (int still = 0; still < 50; still++) {
        int64_t now = written(w);
        if (now != before) still = 0;
        before = now;
        nap(2);
    }
    // The same keys, from shards.
    char *value = malloc(BIG);
    memset(value, 'v', BIG);
    for (int i = 0; i < SUBMITTED; i++) {
        char key[16];
        atomic_store(&done[i], 0);
        snprintf(key, sizeof key, "w%d-%d", i % WRITERS, i % 4);
        ok(kora_submit(db, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, strlen(key), BIG }, done_with, (void *)&done[i]));
    }
    ok(kora_submit(db, 2, (const char *[]){ "GET", "r" }, NULL, done_with, (void *)&read));
    wait_until(atomic_load(&read) == 1);
    char text[8];
    size_t n;
    ok(kora_get_into(db, KEY("r"), text, sizeof text, &n));
    ok(kora_get_into(db, KEY("w0-0"), value, BIG, &n));
    assert_true(count_done(done) < SUBMITTED);
    if (close_meanwhile) {
        pthread_t closer;
        pthread_create(&closer, NULL, close_it, db);
        for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < WRITERS; i++) assert_int_equal(w[i].status, KORA_CLOSED);
        atomic_store(&b.hold, false);
        pthread_join(closer, NULL);
        assert_int_equal(count_done(done), SUBMITTED);
    } else {
        atomic_store(&b.hold, false);
        wait_until(count_done(done) == SUBMITTED);
        for (int i = 0; i < SUBMITTED; i++) assert_int_equal(atomic_load(&done[i]), 1);
        int64_t more = written(w);
        wait_until(written(w) > more + 10);
        for (int i = 0; i < WRITERS; i++) atomic_store(&w[i].stop, true);
        for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
        for (int i = 0; i < WRITERS; i++) assert_int_equal(w[i].status, KORA_OK);
        ok(kora_close(db));
    }
    free(value);
    db = open_at(p, NULL, 2);
    ok(kora_get_into(db, KEY("r"), text, sizeof text, &n));
    ok(kora_close(db));
}

static void test_wait(void **state) { wait_for_disk(*state, false); }
static void test_close_while_waiting(void **state) { wait_for_disk(*state, true); }

// ---- opening ----------------------------------------------------------------------------------------------------------------------------------

static void test_open(void **state) {
    const struct place *p = *state;
    kora_options o = KORA_OPTIONS_INIT;
    char error[200] = "";
    kora *db, *second;
    o.databases = 4;
    o.stripes = 256;
    o.error = error;
    o.error_size = sizeof error;
    ok(kora_open(p->dir, &o, &db));
    ok(kora_set(kora_database(db, 3), KEY("k"), "v", 1, NULL));
    assert_int_equal(kora_open(p->dir, &o, &second), KORA_BUSY);
    assert_true(strlen(error) > 0);
    ok(kora_close(db));
    // Never fewer than before.
    o.databases = 2;
    o.stripes = 64;
    ok(kora_open(p->dir, &o, &db));
    kora_stats stats = KORA_STATS_INIT;
    ok(kora_get_stats(db, &stats));
    assert_int_equal(stats.stripes, 256);
    assert_non_null(kora_database(db, 3));
    assert_null(kora_database(db, 4));
    ok(kora_exists(kora_database(db, 3), KEY("k")));
    ok(kora_close(db));
    o.sync = 7;
    assert_int_equal(kora_open(p->dir, &o, &db), KORA_INVAL);
}

struct looker {
    const struct place *p;
    int looks, free; // how often; of these, with the lock to be had
};

static void try_lock(void *arg) {
    struct looker *l = arg;
    char path[300];
    snprintf(path, sizeof path, "%s/LOCK", l->p->dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    l->free += flock(fd, LOCK_EX | LOCK_NB) == 0;
    l->looks++;
    close(fd);
}

static void lock_at_log(void *arg, int level, const char *text) {
    (void)level, (void)text;
    try_lock(arg);
}

static void lock_at_progress(void *arg, uint64_t done, uint64_t total) {
    (void)done, (void)total;
    try_lock(arg);
}

// A check holds the lock from its beginning to its end: what it has seen is what it counts. And it says who has the directory, if it is somebody else.
static void test_check_holds_lock(void **state) {
    const struct place *p = *state;
    kora_options o = KORA_OPTIONS_INIT;
    kora_check_result r = KORA_CHECK_RESULT_INIT;
    struct looker l = { .p = p };
    char error[300] = "", wanted[320];
    o.log = lock_at_log;
    o.progress = lock_at_progress;
    o.log_arg = o.progress_arg = &l;
    o.error = error;
    o.error_size = sizeof error;
    kora *db = open_at(p, NULL, 2);
    ok(kora_set(db, KEY("a"), "1", 1, NULL));
    ok(kora_snapshot(db, NULL, NULL, 0));
    ok(kora_set(db, KEY("b"), "1", 1, NULL));
    assert_int_equal(kora_check(p->dir, &o, &r), KORA_BUSY);
    snprintf(wanted, sizeof wanted, "%s/LOCK: process %ld has the database open", p->dir, (long)getpid());
    assert_string_equal(error, wanted);
    assert_int_equal(l.looks, 0);
    ok(kora_close(db));
    ok(kora_check(p->dir, &o, &r));
    assert_int_equal(r.keys, 2);
    assert_true(l.looks >= 3); // at the end of each reading, and between them
    assert_int_equal(l.free, 0);
    try_lock(&l);
    assert_int_equal(l.free, 1);
}

// Whatever allocation fails while it is opened: nothing is lost, and nothing is left behind.
static void test_open_without_memory(void **state) {
    const struct place *p = *state;
    kora_options o = KORA_OPTIONS_INIT;
    char error[200], text[8];
    size_t len;
    kora *db = open_at(p, NULL, 1);
    ok(kora_set(db, KEY("k"), "v", 1, NULL));
    ok(kora_exec(db, NULL, 4, (const char *[]){ "RPUSH", "l", "a", "b" }, NULL, NULL));
    ok(kora_close(db));
    o.shards = 1;
    o.stripes = 64;
    o.error = error;
    o.error_size = sizeof error;
    uint64_t failed = 0;
    for (long n = 1;; n += 1 + n / 16) {
        mem_fail(n, false);
        int status = kora_open(p->dir, &o, &db);
        bool over = mem_fail_left() > 0;
        mem_fail(0, false);
        if (status == KORA_OK) {
            ok(kora_get_into(db, KEY("k"), text, sizeof text, &len));
            ok(kora_llen(db, KEY("l"), &len));
            assert_int_equal(len, 2);
            ok(kora_close(db));
        } else {
            assert_true(status == KORA_NOMEM || status == KORA_SYSTEM);
            failed++;
        }
        if (over) break;
    }
    assert_true(failed > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)
        IN_PLACE(test_killed), IN_PLACE(test_sync_fails), IN_PLACE(test_disk_full), IN_PLACE(test_end_fails), IN_PLACE(test_wait), IN_PLACE(test_close_while_waiting), IN_PLACE(test_open),
        IN_PLACE(test_check_holds_lock),
        IN_PLACE(test_open_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
