// The simulated disk keeps what it promises, and nothing else: everything that it may do is seen to happen.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sim/disk.h"

enum { SEEDS = 400 };

static struct disk *fresh(const struct os **os) {
    struct disk *d = disk_new(1);
    *os = disk_os(d);
    return d;
}

static void put_at(const struct os *os, const char *path, const char *p, size_t n, uint64_t at, bool sync) {
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE | OS_CREATE);
    assert_true(fd >= 0);
    assert_int_equal(os_write_all(os, fd, p, n, at), 0);
    if (sync) assert_int_equal(os->sync(os->arg, fd), 0);
    assert_int_equal(os->close(os->arg, fd), 0);
}

// The file's bytes, or NULL; mem_alloc'ed.
static char *get(struct disk *d, const char *path, size_t *n) {
    char *text = NULL;
    int status = os_read_file(disk_os(d), path, 1 << 20, &text, n);
    if (status != 0) assert_int_equal(status, -ENOENT);
    return text;
}

static bool is_there(struct disk *d, const char *path) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_READ);
    if (fd >= 0) os->close(os->arg, fd);
    return fd >= 0;
}

// In how many of SEEDS power cuts `is` holds.
static int cuts(struct disk *d, bool (*is)(struct disk *after)) {
    int count = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *after = disk_power_cut(d, seed);
        count += is(after);
        disk_free(after);
    }
    return count;
}
#define ALWAYS(d, is) assert_int_equal(cuts(d, is), SEEDS)
#define NEVER(d, is) assert_int_equal(cuts(d, is), 0)
#define SOMETIMES(d, is)                                       \
    do {                                                       \
        int cuts_ = cuts(d, is);                               \
        assert_true(cuts_ > 0 && cuts_ < SEEDS);               \
    } while (0)

// How many of the n bytes of /f are c; -1: it is not there, or has another size.
static int bytes_of(struct disk *d, size_t size, char c) {
    size_t n;
    char *text = get(d, "/f", &n);
    int count = 0;
    for (size_t i = 0; text && i < n; i++) count += text[i] == c;
    if (!text || n != size) count = -1;
    mem_free(text);
    return count;
}

static char a[4096], b[4096], c[4096];

static bool all_a(struct disk *d) { return bytes_of(d, 4096, 'a') == 4096; }
static bool all_b(struct disk *d) { return bytes_of(d, 4096, 'b') == 4096; }
static bool all_c(struct disk *d) { return bytes_of(d, 4096, 'c') == 4096; }
static bool a_or_b_by_sectors(struct disk *d) {
    size_t n;
    char *text = get(d, "/f", &n);
    bool whole = n == 4096;
    for (size_t i = 0; whole && i < n; i++) whole = (text[i] == 'a' || text[i] == 'b') && (i % 512 == 0 || text[i] == text[i - 1]);
    mem_free(text);
    return whole;
}
static bool mixed(struct disk *d) {
    int as = bytes_of(d, 4096, 'a'), bs = bytes_of(d, 4096, 'b');
    return as > 0 && bs > 0;
}

static void contents(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    put_at(os, "/f", a, 4096, 0, true);
    os->sync_dir(os->arg, "/");
    ALWAYS(d, all_a);
    put_at(os, "/f", b, 4096, 0, false);
    assert_true(all_b(d));
    ALWAYS(d, a_or_b_by_sectors);
    SOMETIMES(d, all_a);
    SOMETIMES(d, all_b);
    SOMETIMES(d, mixed);
    put_at(os, "/f", c, 4096, 0, false);
    SOMETIMES(d, all_a);
    SOMETIMES(d, all_b); // an older version than the last
    SOMETIMES(d, all_c);
    put_at(os, "/f", c, 1, 0, true);
    ALWAYS(d, all_c);
    disk_free(d);
}

static bool empty(struct disk *d) { return bytes_of(d, 0, 0) == 0; }
static bool zeros(struct disk *d) { return bytes_of(d, 4096, 0) == 4096; }
static bool some_zeros(struct disk *d) {
    int n = bytes_of(d, 4096, 0);
    return n > 0 && n < 4096;
}
static bool a_and_zeros(struct disk *d) { return bytes_of(d, 20000, 'a') == 4096 && bytes_of(d, 20000, 0) == 20000 - 4096; }

static void sizes(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    put_at(os, "/f", a, 0, 0, true);
    os->sync_dir(os->arg, "/");
    put_at(os, "/f", a, 4096, 0, false);
    SOMETIMES(d, empty);
    SOMETIMES(d, zeros); // its size is there, its data is not
    SOMETIMES(d, some_zeros);
    SOMETIMES(d, all_a);
    int fd = os->open(os->arg, "/f", OS_WRITE);
    assert_int_equal(os->sync(os->arg, fd), 0);
    ALWAYS(d, all_a);
    // Cut and grown again: the old bytes may be there, until it is synced.
    assert_int_equal(os->truncate(os->arg, fd, 0), 0);
    assert_int_equal(os->truncate(os->arg, fd, 4096), 0);
    assert_true(zeros(d));
    SOMETIMES(d, all_a);
    SOMETIMES(d, empty);
    SOMETIMES(d, zeros);
    assert_int_equal(os->sync(os->arg, fd), 0);
    ALWAYS(d, zeros);
    assert_int_equal(os_write_all(os, fd, a, 4096, 0), 0);
    assert_int_equal(os->allocate(os->arg, fd, 0, 20000), 0);
    assert_int_equal(os->sync(os->arg, fd), 0);
    ALWAYS(d, a_and_zeros);
    os->close(os->arg, fd);
    disk_free(d);
}

static bool has_f(struct disk *d) { return is_there(d, "/f"); }
static bool has_g(struct disk *d) { return is_there(d, "/g"); }
static bool has_f_or_g(struct disk *d) { return has_f(d) || has_g(d); }
static bool has_f_and_g(struct disk *d) { return has_f(d) && has_g(d); }
static bool g_is_a(struct disk *d) {
    size_t n = 0;
    char *text = get(d, "/g", &n);
    bool is = text && n == 4096 && text[0] == 'a' && text[4095] == 'a';
    mem_free(text);
    return is;
}

static void names(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    put_at(os, "/f", a, 4096, 0, true);
    SOMETIMES(d, has_f); // its sync says nothing of its name
    os->sync_dir(os->arg, "/");
    ALWAYS(d, all_a);

    os->rename(os->arg, "/f", "/g");
    assert_true(has_g(d) && !has_f(d));
    ALWAYS(d, has_f_or_g);
    SOMETIMES(d, has_f);
    SOMETIMES(d, has_g);
    SOMETIMES(d, has_f_and_g);
    os->sync_dir(os->arg, "/");
    NEVER(d, has_f);
    ALWAYS(d, g_is_a);

    put_at(os, "/f", b, 4096, 0, true);
    os->rename(os->arg, "/f", "/g");
    ALWAYS(d, has_g);
    SOMETIMES(d, g_is_a);
    os->sync_dir(os->arg, "/");
    NEVER(d, g_is_a);

    os->remove(os->arg, "/g");
    SOMETIMES(d, has_g);
    os->sync_dir(os->arg, "/");
    NEVER(d, has_g);
    disk_free(d);
}

static bool dir_once(struct disk *d) { return is_there(d, "/old/x") != is_there(d, "/new/x"); }
static bool dir_old(struct disk *d) { return is_there(d, "/old/x"); }

static void directories(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    os->make_dir(os->arg, "/old");
    put_at(os, "/old/x", a, 4096, 0, true);
    os->sync_dir(os->arg, "/old");
    SOMETIMES(d, dir_old); // with all that is in it
    os->sync_dir(os->arg, "/");
    ALWAYS(d, dir_old);
    os->rename(os->arg, "/old", "/new");
    ALWAYS(d, dir_once);
    SOMETIMES(d, dir_old);
    os->rename(os->arg, "/new", "/old");
    os->rename(os->arg, "/old", "/new");
    ALWAYS(d, dir_once);
    SOMETIMES(d, dir_old);
    os->sync_dir(os->arg, "/");
    NEVER(d, dir_old);
    ALWAYS(d, dir_once);
    disk_free(d);
}

static bool at_least_one(struct disk *d) { return is_there(d, "/one/f") || is_there(d, "/two/f"); }
static bool in_two(struct disk *d) { return is_there(d, "/two/f"); }

// A rename from one directory into another: the sync of either is enough.
static void between_directories(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        const struct os *os;
        struct disk *d = fresh(&os);
        os->make_dir(os->arg, "/one");
        os->make_dir(os->arg, "/two");
        put_at(os, "/one/f", a, 4096, 0, true);
        disk_settle(d);
        os->rename(os->arg, "/one/f", "/two/f");
        ALWAYS(d, at_least_one);
        SOMETIMES(d, in_two);
        os->sync_dir(os->arg, which ? "/two" : "/one");
        ALWAYS(d, in_two);
        disk_free(d);
    }
}

static void failed_sync(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    put_at(os, "/f", a, 4096, 0, true);
    os->sync_dir(os->arg, "/");
    int fd = os->open(os->arg, "/f", OS_WRITE);
    assert_int_equal(os_write_all(os, fd, b, 4096, 0), 0);
    disk_fail(d, DISK_SYNC, 1, EIO, false);
    assert_int_equal(os->sync(os->arg, fd), -EIO);
    SOMETIMES(d, all_b);
    assert_int_equal(os->sync(os->arg, fd), 0); // and has done nothing
    SOMETIMES(d, all_b);
    SOMETIMES(d, all_a);
    // The process is killed: its next one may read either.
    int bs = 0;
    for (int i = 0; i < 50; i++) {
        struct disk *next = disk_kill(d);
        bs += all_b(next);
        ALWAYS(next, a_or_b_by_sectors);
        assert_int_equal(bytes_of(next, 4096, 'a') + bytes_of(next, 4096, 'b'), 4096);
        disk_free(next);
        put_at(os, "/other", a, 10, 0, false);
    }
    assert_true(bs < 50);
    assert_int_equal(os_write_all(os, fd, b, 4096, 0), 0);
    assert_int_equal(os->sync(os->arg, fd), 0);
    ALWAYS(d, all_b);
    os->close(os->arg, fd);

    put_at(os, "/g", a, 4096, 0, true);
    disk_fail(d, DISK_SYNC_DIR, 1, EIO, false);
    assert_int_equal(os->sync_dir(os->arg, "/"), -EIO);
    SOMETIMES(d, has_g);
    assert_int_equal(os->sync_dir(os->arg, "/"), 0);
    ALWAYS(d, has_g);
    disk_free(d);
}

static void mappings(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    int fd = os->open(os->arg, "/f", OS_READ | OS_WRITE | OS_CREATE);
    os->allocate(os->arg, fd, 0, 4096);
    void *at;
    assert_int_equal(os->map(os->arg, fd, 4096, &at), 0);
    memset(at, 'a', 4096);
    os->sync(os->arg, fd);
    os->sync_dir(os->arg, "/");
    ALWAYS(d, all_a);
    for (int i = 0; i < 20; i++) {
        memset(at, 'b', 4096);
        os->stored(os->arg, at, 4096);
    }
    memset(at, 'c', 4096); // nobody was told
    SOMETIMES(d, all_a);
    SOMETIMES(d, all_b); // it was written back once
    SOMETIMES(d, all_c);
    assert_true(all_c(d));
    struct disk *next = disk_kill(d);
    assert_true(all_c(next));
    SOMETIMES(next, all_a);
    assert_int_equal(disk_open_files(next), 0);
    disk_free(next);
    assert_int_equal(disk_count(d, DISK_STORED), 20);
    assert_int_equal(os->unmap(os->arg, at, 4096), 0);
    assert_int_equal(os->sync(os->arg, fd), 0);
    ALWAYS(d, all_c);
    os->close(os->arg, fd);
    disk_free(d);
}

static void killed(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    char boot[3][OS_BOOT_ID_MAX];
    put_at(os, "/f", a, 4096, 0, false);
    os->make_dir(os->arg, "/d");
    put_at(os, "/d/x", b, 100, 50, false);
    int fd = os->open(os->arg, "/f", OS_READ);
    assert_int_equal(os->lock(os->arg, fd), 0);
    struct disk *next = disk_kill(d), *after = disk_power_cut(d, 3), *again = disk_power_cut(d, 3);
    const struct os *then = disk_os(next);
    assert_true(disk_hash(d) == disk_hash(next));
    assert_true(disk_hash(after) == disk_hash(again)); // the same seed, the same disk
    int other = then->open(then->arg, "/f", OS_READ);
    assert_int_equal(then->lock(then->arg, other), 0);
    then->close(then->arg, other);
    os->close(os->arg, fd);
    os->boot_id(os->arg, boot[0]);
    then->boot_id(then->arg, boot[1]);
    disk_os(after)->boot_id(disk_os(after)->arg, boot[2]);
    assert_string_equal(boot[0], boot[1]);
    assert_string_not_equal(boot[0], boot[2]);
    SOMETIMES(next, all_a); // not durable for that
    disk_free(again);
    disk_free(after);
    disk_free(next);
    disk_settle(d);
    ALWAYS(d, all_a);
    disk_free(d);
}

static void faults(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    disk_fail(d, DISK_OPEN, 2, EMFILE, false);
    put_at(os, "/f", a, 4096, 0, false);
    assert_int_equal(os->open(os->arg, "/f", OS_READ), -EMFILE);
    int fd = os->open(os->arg, "/f", OS_READ | OS_WRITE);
    struct iovec part = { b, 4096 };
    disk_heal(d);
    disk_short_write(d, 2, 700, false);
    assert_int_equal(os->write(os->arg, fd, &part, 1, 0), 4096);
    assert_int_equal(os->write(os->arg, fd, &part, 1, 4096), 700);
    assert_int_equal(os->write(os->arg, fd, &part, 1, 4796), 4096);
    disk_heal(d);
    disk_fail(d, DISK_WRITE, 1, ENOSPC, true);
    for (int i = 0; i < 3; i++) assert_int_equal(os->write(os->arg, fd, &part, 1, 0), -ENOSPC);
    disk_heal(d);
    disk_fail(d, DISK_ANY, 3, EIO, false);
    uint64_t size;
    assert_int_equal(os->size(os->arg, fd, &size), 0);
    assert_int_equal(os->sync(os->arg, fd), 0);
    assert_int_equal(os->rename(os->arg, "/f", "/g"), -EIO);
    assert_true(has_f(d));
    // A write that fails may have been done in part.
    int parts = 0;
    for (int i = 0; i < 50; i++) {
        part.iov_base = c;
        disk_heal(d);
        os->truncate(os->arg, fd, 0);
        disk_fail(d, DISK_WRITE, 1, EIO, false);
        assert_int_equal(os->write(os->arg, fd, &part, 1, 0), -EIO);
        parts += bytes_of(d, 1024, 'c') == 1024;
    }
    assert_true(parts > 0);
    os->close(os->arg, fd);
    disk_free(d);
}

static void capacity(void **state) {
    (void)state;
    const struct os *os;
    struct disk *d = fresh(&os);
    put_at(os, "/f", a, 4096, 0, false);
    put_at(os, "/f", a, 4096, 100, false);
    assert_int_equal(disk_used(d), 8192);
    disk_set_capacity(d, 5 * 4096);
    int fd = os->open(os->arg, "/g", OS_WRITE | OS_CREATE);
    static char large[6 * 4096];
    assert_int_equal(os->allocate(os->arg, fd, 0, 4 * 4096), -ENOSPC);
    os->truncate(os->arg, fd, 0);
    assert_int_equal(disk_used(d), 8192);
    struct iovec part = { large, sizeof large };
    assert_int_equal(os->write(os->arg, fd, &part, 1, 10), 3 * 4096 - 10); // as much as there is room for
    assert_int_equal(os->write(os->arg, fd, &part, 1, 3 * 4096), -ENOSPC);
    part.iov_len = 100;
    assert_int_equal(os->write(os->arg, fd, &part, 1, 5), 100); // in what it has
    os->remove(os->arg, "/f");
    part.iov_len = sizeof large;
    assert_int_equal(os->write(os->arg, fd, &part, 1, 3 * 4096), 2 * 4096);
    os->remove(os->arg, "/g");
    assert_int_equal(disk_used(d), 5 * 4096); // it is still open
    os->close(os->arg, fd);
    assert_int_equal(disk_used(d), 0);
    disk_free(d);
}

// ---- threads ------------------------------------------------------------------------------------------------------------------------

enum { THREADS = 3, WRITES = 150 };

struct worker {
    struct disk *disk;
    int number;
};

static void *work(void *arg) {
    const struct worker *w = arg;
    const struct os *os = disk_os(w->disk);
    char path[10] = { '/', 'd', (char)('0' + w->number), '\0' }, temp[10] = { '/', 't', (char)('0' + w->number), '\0' };
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE | OS_CREATE);
    os->allocate(os->arg, fd, 0, 8192);
    void *at;
    os->map(os->arg, fd, 8192, &at);
    for (int i = 0; i < WRITES; i++) {
        memset((char *)at + 4096 + i, 'x', 10);
        os->stored(os->arg, (char *)at + 4096 + i, 10);
        put_at(os, temp, a, 600, (uint64_t)i * 600, i % 3 == 0);
        if (i % 10 == 0) os->sync_dir(os->arg, "/");
        if (i % 20 == 0) os->remove(os->arg, temp);
    }
    os->close(os->arg, fd);
    os->unmap(os->arg, at, 8192);
    return NULL;
}

static void cut_now(void *arg, struct disk *d, enum disk_op op) {
    uint64_t *count = arg;
    if (disk_op_changes(op) && ++*count % 7 == 0) {
        struct disk *after = *count % 2 ? disk_power_cut(d, *count) : disk_kill(d);
        disk_free(after);
    }
}

static void threads(void **state) {
    (void)state;
    struct disk *d = disk_new(9);
    uint64_t count = 0;
    disk_hook(d, cut_now, &count);
    pthread_t threads_[THREADS];
    struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ d, i };
        assert_int_equal(pthread_create(&threads_[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads_[i], NULL);
    assert_true(count >= THREADS * WRITES * 2);
    assert_int_equal(disk_open_files(d), 0);
    disk_free(d);
}

int main(void) {
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    memset(c, 'c', sizeof c);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),
        cmocka_unit_test(sizes),
        cmocka_unit_test(names),
        cmocka_unit_test(directories),
        cmocka_unit_test(between_directories),
        cmocka_unit_test(failed_sync),
        cmocka_unit_test(mappings),
        cmocka_unit_test(killed),
        cmocka_unit_test(faults),
        cmocka_unit_test(capacity),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
