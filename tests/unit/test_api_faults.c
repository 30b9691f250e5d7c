// The n-th write, sync or renaming that is about the log, a snapshot or the manifest fails, once and for ever; writes with every error there is, or in part. With
// `always`, so that what was answered was on the disk. Whatever n is:
//
//   - what was acknowledged is there when the database is opened again, and nothing is there that nobody wrote
//   - a write that is refused is refused with a name: KORA_READONLY, and MISCONF with the file, what it was doing, and the system's word for it
//   - reads go on, all the time
//   - kora_close says whether the log could be written to its end
//   - without room on the disk writes wait, and go on by themselves when there is some; after a failed sync, or another error, never, until it is opened again
//   - a snapshot that fails says why; the one before is as it was, byte by byte, and counts; the next one succeeds
//
// The disk is the system's own, behind a table that counts; nothing is synced in truth, since no power goes here: that is tests/sim/test_power.c's affair, and what the log
// by itself does is test_log.c's. Long form: each n; else some of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "os/os.h"

enum about { ABOUT_NOTHING, ABOUT_LOG, ABOUT_SNAPSHOT, ABOUT_MANIFEST, ABOUTS };
enum what { WRITE, SYNC, SYNC_DIR, RENAME };
static const char *const abouts[] = { "nothing", "log", "snapshot", "manifest" }, *const whats[] = { "write", "sync", "sync of the directory", "renaming" };

enum { FDS = 1024, WRITES = 12, PATIENCE_MS = 30000, SHORT = 1 }; // SHORT: instead of a negative errno

struct faulty {
    struct os os;
    _Atomic uint8_t about[FDS];
    enum about target;
    enum what op;
    int code;
    bool forever;
    long nth;
    _Atomic bool armed;
    _Atomic long count, hits;
};

static bool is_long(void) {
    const char *v = getenv("KORA_TEST_LONG");
    return v && *v && strcmp(v, "0") != 0;
}

static void nap(int ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL); }

// ---- the disk that fails ------------------------------------------------------------------------------------------------------------

static enum about about_of(const char *path) {
    if (strstr(path, "snapshot-")) return ABOUT_SNAPSHOT;
    if (strstr(path, "/log")) return ABOUT_LOG;
    if (strstr(path, "MANIFEST")) return ABOUT_MANIFEST;
    return ABOUT_NOTHING;
}

static int fails(struct faulty *f, enum about about, enum what op) {
    if (about != f->target || op != f->op || !atomic_load(&f->armed)) return 0;
    long n = atomic_fetch_add(&f->count, 1) + 1;
    if (n != f->nth && !(f->forever && n > f->nth)) return 0;
    atomic_fetch_add(&f->hits, 1);
    return f->code;
}

static int faulty_open(void *arg, const char *path, uint32_t how) {
    struct faulty *f = arg;
    int fd = os_system()->open(os_system()->arg, path, how);
    if (fd >= 0 && fd < FDS) atomic_store(&f->about[fd], (uint8_t)about_of(path));
    return fd;
}

static ssize_t faulty_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct faulty *f = arg;
    int code = fails(f, atomic_load(&f->about[fd % FDS]), WRITE);
    if (code < 0) return code;
    struct iovec part = { iov->iov_base, iov->iov_len / 2 + 1 };
    return os_system()->write(os_system()->arg, fd, code == SHORT ? &part : iov, code == SHORT ? 1 : count, at);
}

static int faulty_sync(void *arg, int fd) {
    struct faulty *f = arg;
    return fails(f, atomic_load(&f->about[fd % FDS]), SYNC);
}

// The database's own directory has the manifest's name, and the snapshots'.
static int faulty_sync_dir(void *arg, const char *path) {
    enum about about = about_of(path);
    return fails(arg, about == ABOUT_NOTHING ? ABOUT_MANIFEST : about, SYNC_DIR);
}

static int faulty_rename(void *arg, const char *from, const char *to) {
    int code = fails(arg, about_of(to), RENAME);
    return code < 0 ? code : os_system()->rename(os_system()->arg, from, to);
}

static void faulty_init(struct faulty *f) {
    memset(f, 0, sizeof *f);
    f->os = *os_system();
    invariant(!f->os.arg); // or each function would have to be wrapped
    f->os.arg = f;
    f->os.open = faulty_open;
    f->os.write = faulty_write;
    f->os.sync = faulty_sync;
    f->os.sync_dir = faulty_sync_dir;
    f->os.rename = faulty_rename;
}

// ---- places -----------------------------------------------------------------------------------------------------------------------------

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

// Of the first snapshot's only file; 0: it is not there.
static uint32_t first_snapshot(const char *dir) {
    char path[400], *text;
    size_t n;
    snprintf(path, sizeof path, "%s/snapshot-0000000000000001/0000.rdb.lz4", dir);
    if (os_read_file(os_system(), path, 1 << 20, &text, &n) != 0) return 0;
    uint32_t crc = crc32c(0, text, n);
    mem_free(text);
    return crc;
}

static kora *open_at(const char *dir, const struct os *os) {
    kora_options o = KORA_OPTIONS_INIT;
    char error[256] = "";
    kora *db;
    o.shards = 1;
    o.stripes = 2;
    o.sync = KORA_SYNC_ALWAYS;
    o.error = error;
    o.error_size = sizeof error;
    int status = api_open(dir, &o, os, &db);
    if (status != KORA_OK) fail_msg("kora_open: %s: %s", kora_status_name(status), error);
    return db;
}

// ---- one run ----------------------------------------------------------------------------------------------------------------------------

struct run {
    struct faulty *f;
    const char *dir;
    kora *db;
    bool acknowledged[WRITES];
    int statuses[WRITES];
    int saved[2];              // snapshots: their status
    char why[2][200];
    uint32_t before;           // what the first one's file was
    bool changed;              // it has changed though no other has come
    _Atomic bool over;
};

static size_t name_of(char name[32], int i) { return (size_t)snprintf(name, 32, "key:%d", i); }

static void save(struct run *r, int i) {
    r->saved[i] = kora_snapshot(r->db, NULL, r->why[i], sizeof r->why[i]);
    // Only a renaming's or a manifest's last step leaves it open which of the two counts.
    if (r->saved[0] != KORA_OK && (i == 0 || r->saved[1] != KORA_OK)) r->changed |= r->f->target == ABOUT_SNAPSHOT && first_snapshot(r->dir) != r->before;
}

static void *work(void *arg) {
    struct run *r = arg;
    for (int i = 0; i < WRITES; i++) {
        char name[32];
        size_t n = name_of(name, i);
        r->statuses[i] = kora_set(r->db, name, n, name, n, NULL);
        r->acknowledged[i] = r->statuses[i] == KORA_OK;
        if (i == 4 || i == 8) save(r, i == 8);
    }
    atomic_store(&r->over, true);
    return NULL;
}

static int error_of(kora *db) {
    kora_stats s = KORA_STATS_INIT;
    assert_int_equal(kora_get_stats(db, &s), KORA_OK);
    return s.log_error;
}

static void check_reads(kora *db) {
    char value[16];
    size_t n;
    assert_int_equal(kora_get_into(db, "base", 4, value, sizeof value, &n), KORA_OK);
    assert_true(n == 5 && memcmp(value, "there", 5) == 0);
}

static void check_named(kora *db, int code) {
    kora_reply *r;
    assert_int_equal(kora_exec(db, NULL, 3, (const char *[]){ "SET", "refused", "1" }, NULL, &r), KORA_OK);
    if (r->type == KORA_REPLY_ERROR) {
        bool named = strncmp(r->str, "MISCONF Errors writing to the log: log", 38) == 0 && strstr(r->str, strerror(code));
        if (!named) fail_msg("it says %s", r->str);
    } else {
        fail_msg("a broken log's database takes writes");
    }
    kora_reply_free(r);
}

static const char *describe(const struct faulty *f) {
    static char text[120];
    snprintf(text, sizeof text, "%s, %s %ld%s, %s", abouts[f->target], whats[f->op], f->nth, f->forever ? " and all after it" : "", f->code == SHORT ? "short" : strerror(-f->code));
    return text;
}

static bool no_room(const struct faulty *f) { return f->op == WRITE && f->code == -ENOSPC; }

// While it fails: reads go on. Ends when all is done, or waits for room.
static void watch(struct run *r) {
    for (int ms = 0; !atomic_load(&r->over); ms++) {
        check_reads(r->db);
        if (no_room(r->f) && error_of(r->db) == ENOSPC) return;
        if (ms > PATIENCE_MS) fail_msg("%s: never", describe(r->f));
        nap(1);
    }
}

// The disk is well again.
// Its status at the end.
static int check_after(struct run *r, int error) {
    struct faulty *f = r->f;
    bool refused = false;
    for (int i = 0; i < WRITES; i++) {
        refused |= r->statuses[i] != KORA_OK;
        if (r->statuses[i] != KORA_OK && r->statuses[i] != KORA_READONLY) fail_msg("%s: %s", describe(f), kora_status_name(r->statuses[i]));
    }
    if (f->target != ABOUT_LOG && refused) fail_msg("%s: a write was refused", describe(f));
    if (f->target != ABOUT_LOG && error) fail_msg("%s: the log is broken", describe(f));
    bool harmless = f->code == SHORT || f->code == -EINTR;
    if (harmless && (refused || error || r->saved[0] != KORA_OK || r->saved[1] != KORA_OK)) fail_msg("%s: %s %s", describe(f), r->why[0], r->why[1]);
    for (int i = 0; i < 2; i++) {
        if (r->saved[i] != KORA_OK && strlen(r->why[i]) < 10) fail_msg("%s: the snapshot has failed, and does not say why: %s", describe(f), r->why[i]);
    }
    if (r->changed) fail_msg("%s: the snapshot before has changed", describe(f));
    // A sync that fails, or a write of which nobody knows how far it has come, is the end.
    bool for_good = error && !(f->op == WRITE && f->code == -ENOSPC);
    if (f->target == ABOUT_LOG && f->op == SYNC && atomic_load(&f->hits) && !error) fail_msg("%s: nobody was told", describe(f));
    check_reads(r->db);
    if (for_good) {
        check_named(r->db, -f->code);
        assert_int_equal(kora_snapshot(r->db, NULL, r->why[0], sizeof r->why[0]) == KORA_OK, 0);
        assert_int_equal(error_of(r->db), error);
    } else {
        int status = KORA_READONLY;
        for (int ms = 0; ms < PATIENCE_MS && (status = kora_set(r->db, "last", 4, "x", 1, NULL)) == KORA_READONLY; ms++) nap(1);
        if (status != KORA_OK || error_of(r->db)) fail_msg("%s: it does not go on", describe(f));
        status = kora_snapshot(r->db, NULL, r->why[0], sizeof r->why[0]);
        if (status != KORA_OK) fail_msg("%s: the next snapshot fails: %s", describe(f), r->why[0]);
    }
    return for_good ? KORA_READONLY : KORA_OK;
}

static void check_reopened(struct run *r) {
    kora *db = open_at(r->dir, &r->f->os);
    check_reads(db);
    for (int i = 0; i < WRITES; i++) {
        char name[32], value[32];
        size_t n = name_of(name, i), len = 0;
        int status = kora_get_into(db, name, n, value, sizeof value, &len);
        if (r->acknowledged[i] && status != KORA_OK) fail_msg("%s: write %d was acknowledged, and is lost", describe(r->f), i);
        if (status == KORA_OK) assert_true(len == n && memcmp(value, name, n) == 0);
    }
    assert_int_equal(kora_set(db, "again", 5, "x", 1, NULL), KORA_OK);
    assert_int_equal(kora_close(db), KORA_OK);
}

// False: nothing was hit, n is too large.
static bool run_once(const char *folder, struct faulty *f) {
    char dir[300];
    struct run r = { .f = f, .dir = dir };
    pthread_t thread;
    snprintf(dir, sizeof dir, "%s/db", folder);
    r.db = open_at(dir, &f->os);
    assert_int_equal(kora_set(r.db, "base", 4, "there", 5, NULL), KORA_OK);
    assert_int_equal(kora_snapshot(r.db, NULL, r.why[0], sizeof r.why[0]), KORA_OK);
    r.before = first_snapshot(dir);
    assert_true(r.before != 0);
    atomic_store(&f->count, 0);
    atomic_store(&f->hits, 0);
    atomic_store(&f->armed, true);
    assert_int_equal(pthread_create(&thread, NULL, work, &r), 0);
    watch(&r);
    int error = error_of(r.db);
    atomic_store(&f->armed, false);
    pthread_join(thread, NULL);
    if (!no_room(f)) error = error_of(r.db);
    bool hit = atomic_load(&f->hits) > 0;
    assert_int_equal(kora_close(r.db), check_after(&r, error));
    check_reopened(&r);
    remove_all(dir);
    return hit;
}

static void sweep(const char *folder, enum about target, enum what op, int code, bool forever, long step) {
    struct faulty *f = malloc(sizeof *f);
    long runs = 0;
    for (long nth = 1;; nth += is_long() ? 1 : nth < 3 ? 1 : step) {
        faulty_init(f);
        f->target = target;
        f->op = op;
        f->code = code;
        f->forever = forever;
        f->nth = nth;
        if (!run_once(folder, f)) break;
        runs++;
    }
    if (!runs) fail_msg("%s: it was never hit", describe(f));
    print_message("%s, %s, %s%s: %ld runs\n", abouts[target], whats[op], code == SHORT ? "short" : strerror(-code), forever ? ", for ever" : "", runs);
    free(f);
}

static int make_place(void **state) {
    char *folder = calloc(1, 256);
    const char *temp = getenv("TMPDIR");
    snprintf(folder, 256, "%s/kora-faults-XXXXXX", temp ? temp : "/tmp");
    *state = folder;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_place(void **state) {
    remove_all(*state);
    free(*state);
    return 0;
}

static void writes(const char *folder, enum about target, long step) {
    static const int codes[] = { -EIO, -ENOSPC, SHORT, -EINTR };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        for (int forever = 0; forever < (codes[i] == -EINTR || codes[i] == SHORT ? 1 : 2); forever++) sweep(folder, target, WRITE, codes[i], forever, step);
    }
}

static void others(const char *folder, enum about target, enum what op, long step) {
    for (int forever = 0; forever < 2; forever++) sweep(folder, target, op, -EIO, forever, step);
}

static void test_log(void **state) {
    writes(*state, ABOUT_LOG, 17);
    others(*state, ABOUT_LOG, SYNC, 4);
    others(*state, ABOUT_LOG, SYNC_DIR, 1);
}

static void test_snapshot(void **state) {
    writes(*state, ABOUT_SNAPSHOT, 2);
    others(*state, ABOUT_SNAPSHOT, SYNC, 1);
    others(*state, ABOUT_SNAPSHOT, SYNC_DIR, 1);
    others(*state, ABOUT_SNAPSHOT, RENAME, 1);
}

static void test_manifest(void **state) {
    writes(*state, ABOUT_MANIFEST, 1);
    others(*state, ABOUT_MANIFEST, SYNC, 1);
    others(*state, ABOUT_MANIFEST, SYNC_DIR, 1);
    others(*state, ABOUT_MANIFEST, RENAME, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_snapshot, make_place, remove_place),
        cmocka_unit_test_setup_teardown(test_manifest, make_place, remove_place),
    };
    return cmocka_run_group_tests_name("api_faults", tests, NULL, NULL);
}
