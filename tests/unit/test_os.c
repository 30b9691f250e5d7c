// The seam to the operating system: each test runs over the real table, in a folder of its own, and over the simulated disk, which must do the same.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "os/os.h"
#include "sim/disk.h"

// ---- where a test runs ------------------------------------------------------------------------------------------------------------

struct place {
    const struct os *os;
    struct disk *disk; // NULL: the real one
    char dir[200];
};

static char *path_in(const struct place *p, const char *name) {
    static char paths[4][300];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", p->dir, name);
    return path;
}

static bool remove_it(void *to, const char *name) {
    const struct place *p = to;
    if (p->os->remove(p->os->arg, path_in(p, name)) != 0) {
        struct place below = { .os = p->os };
        snprintf(below.dir, sizeof below.dir, "%.120s/%.60s", p->dir, name);
        assert_int_equal(p->os->list(p->os->arg, below.dir, remove_it, &below), 0);
        assert_int_equal(p->os->remove_dir(p->os->arg, below.dir), 0);
    }
    return true;
}

static int set_up_real(void **state) {
    struct place *p = calloc(1, sizeof *p);
    p->os = os_system();
    snprintf(p->dir, sizeof p->dir, "%.100s/kora-os-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    *state = p;
    return mkdtemp(p->dir) ? 0 : -1;
}

static int set_up_simulated(void **state) {
    struct place *p = calloc(1, sizeof *p);
    p->disk = disk_new(1);
    p->os = disk_os(p->disk);
    snprintf(p->dir, sizeof p->dir, "/some/where");
    p->os->make_dir(p->os->arg, "/some");
    p->os->make_dir(p->os->arg, p->dir);
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    if (p->disk) {
        assert_int_equal(disk_open_files(p->disk), 0);
        disk_free(p->disk);
    } else {
        p->os->list(p->os->arg, p->dir, remove_it, p);
        p->os->remove_dir(p->os->arg, p->dir);
    }
    free(p);
    return 0;
}

// ---- short forms --------------------------------------------------------------------------------------------------------------------

static int open_in(const struct place *p, const char *name, uint32_t how) { return p->os->open(p->os->arg, path_in(p, name), how); }
static void close_it(const struct place *p, int fd) { assert_int_equal(p->os->close(p->os->arg, fd), 0); }

static uint64_t size_of(const struct place *p, int fd) {
    uint64_t size = UINT64_MAX;
    assert_int_equal(p->os->size(p->os->arg, fd, &size), 0);
    return size;
}

static void put(const struct place *p, const char *name, const char *text) {
    int fd = open_in(p, name, OS_WRITE | OS_CREATE | OS_TRUNCATE);
    assert_true(fd >= 0);
    assert_int_equal(os_write_all(p->os, fd, text, strlen(text), 0), 0);
    close_it(p, fd);
}

static void holds(const struct place *p, const char *name, const char *text) {
    char *is;
    size_t n;
    assert_int_equal(os_read_file(p->os, path_in(p, name), 1 << 20, &is, &n), 0);
    assert_int_equal(n, strlen(text));
    assert_string_equal(is, text);
    mem_free(is);
}

static bool there(const struct place *p, const char *name) {
    int fd = open_in(p, name, OS_READ);
    if (fd < 0) assert_int_equal(fd, -ENOENT);
    else close_it(p, fd);
    return fd >= 0;
}

// ---- the table ------------------------------------------------------------------------------------------------------------------------

static void opening(void **state) {
    const struct place *p = *state;
    assert_int_equal(open_in(p, "a", OS_READ), -ENOENT);
    assert_int_equal(open_in(p, "none/a", OS_WRITE | OS_CREATE), -ENOENT);
    int fd = open_in(p, "a", OS_READ | OS_WRITE | OS_CREATE | OS_EXCLUSIVE);
    assert_true(fd >= 0);
    assert_int_equal(open_in(p, "a", OS_WRITE | OS_CREATE | OS_EXCLUSIVE), -EEXIST);
    assert_int_equal(os_write_all(p->os, fd, "hello", 5, 0), 0);
    close_it(p, fd);
    holds(p, "a", "hello");
    close_it(p, open_in(p, "a", OS_WRITE | OS_CREATE));
    holds(p, "a", "hello");
    close_it(p, open_in(p, "a", OS_WRITE | OS_CREATE | OS_TRUNCATE));
    holds(p, "a", "");
    assert_int_equal(open_in(p, "a/b", OS_READ), -ENOTDIR);
    assert_int_equal(open_in(p, "", OS_WRITE), -EISDIR);
    char byte;
    fd = open_in(p, "", OS_READ);
    assert_int_equal(p->os->read(p->os->arg, fd, &byte, 1, 0), -EISDIR);
    close_it(p, fd);
    assert_int_equal(p->os->close(p->os->arg, fd), -EBADF);
}

static void reading_and_writing(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    int fd = open_in(p, "a", OS_READ | OS_WRITE | OS_CREATE);
    struct iovec parts[3] = { { (char *)"one", 3 }, { (char *)"", 0 }, { (char *)"-two", 4 } };
    assert_int_equal(os->write(os->arg, fd, parts, 3, 0), 7);
    assert_int_equal(os->write(os->arg, fd, parts, 1, 10), 3);
    assert_int_equal(size_of(p, fd), 13);
    char bytes[20];
    memset(bytes, '.', sizeof bytes);
    assert_int_equal(os->read(os->arg, fd, bytes, 20, 0), 13);
    assert_memory_equal(bytes, "one-two\0\0\0one.", 14);
    assert_int_equal(os->read(os->arg, fd, bytes, 20, 11), 2);
    assert_int_equal(os->read(os->arg, fd, bytes, 20, 13), 0);
    assert_int_equal(os->read(os->arg, fd, bytes, 20, 1000), 0);
    assert_int_equal(os->sync(os->arg, fd), 0);

    assert_int_equal(os->truncate(os->arg, fd, 2), 0);
    assert_int_equal(os->truncate(os->arg, fd, 6), 0);
    assert_int_equal(os->read(os->arg, fd, bytes, 20, 0), 6);
    assert_memory_equal(bytes, "on\0\0\0\0", 6);
    close_it(p, fd);

    fd = open_in(p, "a", OS_READ);
    assert_int_equal(os->write(os->arg, fd, parts, 1, 0), -EBADF);
    assert_int_equal(os->truncate(os->arg, fd, 0), -EINVAL);
    assert_int_equal(os->allocate(os->arg, fd, 0, 10), -EBADF);
    close_it(p, fd);
    fd = open_in(p, "a", OS_WRITE);
    assert_int_equal(os->read(os->arg, fd, bytes, 1, 0), -EBADF);
    close_it(p, fd);
    uint64_t size;
    assert_int_equal(os->read(os->arg, -1, bytes, 1, 0), -EBADF);
    assert_int_equal(os->write(os->arg, -1, parts, 1, 0), -EBADF);
    assert_int_equal(os->sync(os->arg, -1), -EBADF);
    assert_int_equal(os->size(os->arg, -1, &size), -EBADF);
    assert_int_equal(os->lock(os->arg, -1), -EBADF);

    // More parts than one call takes: a short write, which is gone on with.
    static struct iovec many[3000];
    for (int i = 0; i < 3000; i++) many[i] = (struct iovec){ (char *)"x", 1 };
    fd = open_in(p, "b", OS_WRITE | OS_CREATE);
    ssize_t wrote = os->write(os->arg, fd, many, 3000, 0);
    assert_true(wrote > 0 && wrote <= 3000);
    assert_int_equal(size_of(p, fd), wrote);
    close_it(p, fd);
}

static void allocating(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    int fd = open_in(p, "a", OS_READ | OS_WRITE | OS_CREATE);
    assert_int_equal(os_write_all(os, fd, "abc", 3, 0), 0);
    int status = os->allocate(os->arg, fd, 0, 100000);
    if (status == -EOPNOTSUPP) {
        print_message("not on this file system\n");
        close_it(p, fd);
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(size_of(p, fd), 100000);
    static char bytes[100001];
    assert_int_equal(os_read_all(os, fd, bytes, 100000, 0), 0);
    assert_memory_equal(bytes, "abc", 3);
    for (size_t i = 3; i < 100000; i++) assert_int_equal(bytes[i], 0);
    assert_int_equal(os_read_all(os, fd, bytes, 100001, 0), -ENODATA);
    assert_int_equal(os->allocate(os->arg, fd, 50, 100), 0); // is there already
    assert_int_equal(size_of(p, fd), 100000);
    assert_int_equal(os->allocate(os->arg, fd, 0, 0), -EINVAL);
    close_it(p, fd);
}

static void locking(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    int one = open_in(p, "LOCK", OS_READ | OS_WRITE | OS_CREATE), two = open_in(p, "LOCK", OS_READ | OS_WRITE | OS_CREATE);
    assert_int_equal(os->lock(os->arg, one), 0);
    assert_int_equal(os->lock(os->arg, one), 0);
    assert_int_equal(os->lock(os->arg, two), -EWOULDBLOCK);
    // Any other descriptor of the file may be closed.
    close_it(p, open_in(p, "LOCK", OS_READ));
    assert_int_equal(os->lock(os->arg, two), -EWOULDBLOCK);
    close_it(p, one);
    assert_int_equal(os->lock(os->arg, two), 0);
    close_it(p, two);
}

static void mapping(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    int fd = open_in(p, "a", OS_READ | OS_WRITE | OS_CREATE), read_only = open_in(p, "a", OS_READ);
    assert_int_equal(os->truncate(os->arg, fd, 8192), 0);
    void *at = NULL;
    assert_int_equal(os->map(os->arg, read_only, 8192, &at), -EACCES);
    assert_int_equal(os->map(os->arg, fd, 0, &at), -EINVAL);
    assert_int_equal(os->map(os->arg, -1, 8192, &at), -EBADF);
    assert_int_equal(os->map(os->arg, fd, 8192, &at), 0);
    print_message("this file system %s\n", os->may_map(os->arg, fd) ? "may be mapped" : "is not trusted with mappings");
    close_it(p, fd);
    char *bytes = at;
    assert_int_equal(bytes[0], 0);
    memcpy(bytes + 5000, "stored", 6);
    if (os->stored) os->stored(os->arg, bytes + 5000, 6);
    char back[6];
    assert_int_equal(os_read_all(os, read_only, back, 6, 5000), 0);
    assert_memory_equal(back, "stored", 6);
    fd = open_in(p, "a", OS_WRITE);
    assert_int_equal(os_write_all(os, fd, "written", 7, 100), 0);
    assert_memory_equal(bytes + 100, "written", 7);
    close_it(p, fd);
    close_it(p, read_only);
    if (!p->disk) {
        pid_t child = fork();
        if (child == 0) {
            unsigned char in;
            _exit(mincore(at, 4096, &in) == -1 && errno == ENOMEM ? 0 : 1);
        }
        int how = -1;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0); // it is not there in a child
    }
    assert_int_equal(os->unmap(os->arg, at, 8192), 0);
}

static void names(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    assert_int_equal(os->make_dir(os->arg, path_in(p, "sub")), 0);
    assert_int_equal(os->make_dir(os->arg, path_in(p, "sub")), -EEXIST);
    assert_int_equal(os->make_dir(os->arg, path_in(p, "none/sub")), -ENOENT);
    put(p, "sub/a", "A");
    put(p, "b", "B");
    assert_int_equal(os->rename(os->arg, path_in(p, "sub/a"), path_in(p, "b")), 0);
    holds(p, "b", "A");
    assert_false(there(p, "sub/a"));
    assert_int_equal(os->rename(os->arg, path_in(p, "none"), path_in(p, "b")), -ENOENT);
    assert_int_equal(os->rename(os->arg, path_in(p, "b"), path_in(p, "sub")), -EISDIR);
    assert_int_equal(os->rename(os->arg, path_in(p, "sub"), path_in(p, "b")), -ENOTDIR);
    assert_int_equal(os->rename(os->arg, path_in(p, "b"), path_in(p, "b")), 0);
    put(p, "sub/a", "again");
    assert_int_equal(os->make_dir(os->arg, path_in(p, "other")), 0);
    assert_int_equal(os->rename(os->arg, path_in(p, "other"), path_in(p, "sub")), -ENOTEMPTY);
    assert_int_equal(os->rename(os->arg, path_in(p, "sub"), path_in(p, "other")), 0);
    holds(p, "other/a", "again");
    assert_false(there(p, "sub"));

    assert_int_equal(os->remove(os->arg, path_in(p, "none")), -ENOENT);
    assert_int_equal(os->remove(os->arg, path_in(p, "other")), -EISDIR);
    assert_int_equal(os->remove_dir(os->arg, path_in(p, "other")), -ENOTEMPTY);
    assert_int_equal(os->remove_dir(os->arg, path_in(p, "b")), -ENOTDIR);
    assert_int_equal(os->remove_dir(os->arg, path_in(p, "none")), -ENOENT);
    assert_int_equal(os->sync_dir(os->arg, path_in(p, "other")), 0);
    assert_int_equal(os->sync_dir(os->arg, path_in(p, "none")), -ENOENT);
    assert_int_equal(os->sync_dir(os->arg, path_in(p, "b")), -ENOTDIR);
    // Whoever has it open still reads it.
    int fd = open_in(p, "other/a", OS_READ);
    assert_int_equal(os->remove(os->arg, path_in(p, "other/a")), 0);
    assert_int_equal(os->remove_dir(os->arg, path_in(p, "other")), 0);
    char back[5];
    assert_int_equal(os_read_all(os, fd, back, 5, 0), 0);
    assert_memory_equal(back, "again", 5);
    close_it(p, fd);
}

struct seen {
    char names[10][20];
    int count, max;
};

static bool see(void *to, const char *name) {
    struct seen *s = to;
    assert_true(s->count < 10);
    snprintf(s->names[s->count++], sizeof s->names[0], "%s", name);
    return s->count < s->max;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static void listing(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    struct seen s = { .max = 10 };
    assert_int_equal(os->list(os->arg, p->dir, see, &s), 0);
    assert_int_equal(s.count, 0);
    put(p, "b", "");
    put(p, "a", "");
    put(p, "gone", "");
    assert_int_equal(os->remove(os->arg, path_in(p, "gone")), 0);
    assert_int_equal(os->make_dir(os->arg, path_in(p, "c")), 0);
    assert_int_equal(os->list(os->arg, p->dir, see, &s), 0);
    assert_int_equal(s.count, 3);
    qsort(s.names, 3, sizeof s.names[0], by_name);
    assert_string_equal(s.names[0], "a");
    assert_string_equal(s.names[1], "b");
    assert_string_equal(s.names[2], "c");
    s = (struct seen){ .max = 2 };
    assert_int_equal(os->list(os->arg, p->dir, see, &s), 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(os->list(os->arg, path_in(p, "none"), see, &s), -ENOENT);
    assert_int_equal(os->list(os->arg, path_in(p, "a"), see, &s), -ENOTDIR);
}

static void machine(void **state) {
    const struct place *p = *state;
    char one[OS_BOOT_ID_MAX], two[OS_BOOT_ID_MAX];
    memset(one, 'x', sizeof one);
    assert_int_equal(p->os->boot_id(p->os->arg, one), 0);
    assert_int_equal(p->os->boot_id(p->os->arg, two), 0);
    assert_true(strlen(one) >= 16 && !strchr(one, '\n'));
    assert_memory_equal(one, two, sizeof one); // zeros behind it
    int64_t before = p->os->mono_us(p->os->arg);
    assert_true(before > 0 && p->os->mono_us(p->os->arg) >= before);
    assert_true(p->os->wall_ms(p->os->arg) > INT64_C(1600000000000));
}

static void no_permission(void **state) {
    const struct place *p = *state;
    const struct os *os = p->os;
    put(p, "a", "A");
    assert_int_equal(os->make_dir(os->arg, path_in(p, "sub")), 0);
    int error = EROFS;
    bool root = geteuid() == 0;
    if (p->disk) disk_set_read_only(p->disk, true);
    else {
        error = EACCES;
        assert_int_equal(chmod(p->dir, 0555), 0);
        if (root) assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(open_in(p, "b", OS_WRITE | OS_CREATE), -error);
    if (p->disk || root) assert_int_equal(open_in(p, "a", OS_WRITE), -error);
    assert_int_equal(os->make_dir(os->arg, path_in(p, "dir")), -error);
    assert_int_equal(os->remove(os->arg, path_in(p, "a")), -error);
    assert_int_equal(os->remove_dir(os->arg, path_in(p, "sub")), -error);
    assert_int_equal(os->rename(os->arg, path_in(p, "a"), path_in(p, "b")), -error);
    assert_int_equal(os_replace_file(os, p->dir, "a", "B", 1), -error);
    if (p->disk) disk_set_read_only(p->disk, false);
    else {
        if (root) assert_int_equal(seteuid(0), 0);
        assert_int_equal(chmod(p->dir, 0700), 0);
    }
    holds(p, "a", "A");
}

static void modes(void **state) {
    const struct place *p = *state;
    put(p, "a", "A");
    assert_int_equal(p->os->make_dir(p->os->arg, path_in(p, "sub")), 0);
    struct stat st;
    assert_int_equal(stat(path_in(p, "a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(path_in(p, "sub"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void on_signal(int number) { (void)number; }

static void *open_other_end(void *path) {
    nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
    int fd = os_system()->open(NULL, path, OS_WRITE);
    assert_true(fd >= 0);
    os_system()->close(NULL, fd);
    return NULL;
}

// A signal interrupts the call: it is started again.
static void interrupted(void **state) {
    const struct place *p = *state;
    char path[300];
    snprintf(path, sizeof path, "%s", path_in(p, "fifo"));
    assert_int_equal(mkfifo(path, 0600), 0);
    sigset_t alarm, before;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &before);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, open_other_end, path), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    struct sigaction act = { .sa_handler = on_signal }, was; // without SA_RESTART
    sigaction(SIGALRM, &act, &was);
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 1000 }, { 0, 1000 } }, NULL);
    int fd = p->os->open(p->os->arg, path, OS_READ);
    setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
    assert_true(fd >= 0);
    pthread_join(other, NULL);
    sigaction(SIGALRM, &was, NULL);
    close_it(p, fd);
}

// ---- the helpers, over a table of which any call can fail -------------------------------------------------------------------------------

struct faulty {
    struct os os;
    const struct os *base;
    int left, error;  // calls until one fails
    bool forever;
    size_t most;      // bytes that a read or write does at most
    const char *failed;
};

static int fault(struct faulty *f, const char *name) {
    if (f->left == 0 || (--f->left > 0)) return 0;
    f->failed = name;
    if (f->forever) f->left = 1;
    return f->error;
}

static int faulty_open(void *arg, const char *path, uint32_t how) {
    struct faulty *f = arg;
    int e = fault(f, "open");
    return e ? -e : f->base->open(f->base->arg, path, how);
}
static int faulty_close(void *arg, int fd) {
    struct faulty *f = arg;
    int e = fault(f, "close"), status = f->base->close(f->base->arg, fd);
    return e ? -e : status;
}
static ssize_t faulty_read(void *arg, int fd, void *to, size_t n, uint64_t at) {
    struct faulty *f = arg;
    int e = fault(f, "read");
    return e ? -e : f->base->read(f->base->arg, fd, to, MIN(n, f->most), at);
}
static ssize_t faulty_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct faulty *f = arg;
    int e = fault(f, "write");
    struct iovec part = { iov->iov_base, MIN(iov->iov_len, f->most) };
    return e ? -e : count == 1 ? f->base->write(f->base->arg, fd, &part, 1, at) : f->base->write(f->base->arg, fd, iov, count, at);
}
static int faulty_sync(void *arg, int fd) {
    struct faulty *f = arg;
    int e = fault(f, "sync");
    return e ? -e : f->base->sync(f->base->arg, fd);
}
static int faulty_size(void *arg, int fd, uint64_t *size) {
    struct faulty *f = arg;
    int e = fault(f, "size");
    return e ? -e : f->base->size(f->base->arg, fd, size);
}
static int faulty_rename(void *arg, const char *from, const char *to) {
    struct faulty *f = arg;
    int e = fault(f, "rename");
    return e ? -e : f->base->rename(f->base->arg, from, to);
}
static int faulty_remove(void *arg, const char *path) {
    struct faulty *f = arg;
    int e = fault(f, "remove");
    return e ? -e : f->base->remove(f->base->arg, path);
}
static int faulty_sync_dir(void *arg, const char *path) {
    struct faulty *f = arg;
    int e = fault(f, "sync_dir");
    return e ? -e : f->base->sync_dir(f->base->arg, path);
}

static void faulty_over(struct faulty *f, const struct os *base) {
    *f = (struct faulty){ .os = *base, .base = base, .most = SIZE_MAX, .error = EIO };
    f->os.arg = f;
    f->os.open = faulty_open;
    f->os.close = faulty_close;
    f->os.read = faulty_read;
    f->os.write = faulty_write;
    f->os.sync = faulty_sync;
    f->os.size = faulty_size;
    f->os.rename = faulty_rename;
    f->os.remove = faulty_remove;
    f->os.sync_dir = faulty_sync_dir;
}

static void whole_reads_and_writes(void **state) {
    const struct place *p = *state;
    struct faulty f;
    char text[1000], back[1000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 26);
    int fd = open_in(p, "a", OS_READ | OS_WRITE | OS_CREATE);
    for (size_t most = 1; most < 1200; most += 97) {
        faulty_over(&f, p->os);
        f.most = most;
        memset(back, 0, sizeof back);
        assert_int_equal(p->os->truncate(p->os->arg, fd, 0), 0);
        assert_int_equal(os_write_all(&f.os, fd, text, sizeof text, 50), 0);
        assert_int_equal(os_read_all(&f.os, fd, back, sizeof back, 50), 0);
        assert_memory_equal(text, back, sizeof text);
        assert_int_equal(os_read_all(&f.os, fd, back, sizeof back, 51), -ENODATA);
    }
    f.most = 0; // a disk that takes nothing, without an error
    assert_int_equal(os_write_all(&f.os, fd, text, 10, 0), -EIO);
    assert_int_equal(os_write_all(&f.os, fd, text, 0, 0), 0);
    for (int left = 1; left <= 3; left++) {
        faulty_over(&f, p->os);
        f.most = 300;
        f.left = left;
        f.error = ENOSPC;
        assert_int_equal(os_write_all(&f.os, fd, text, sizeof text, 0), -ENOSPC);
        f.left = left;
        f.error = EIO;
        assert_int_equal(os_read_all(&f.os, fd, back, sizeof back, 0), -EIO);
    }
    close_it(p, fd);
}

static void read_file(void **state) {
    const struct place *p = *state;
    char *text = NULL;
    size_t n = 77;
    put(p, "a", "");
    assert_int_equal(os_read_file(p->os, path_in(p, "a"), 0, &text, &n), 0);
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    mem_free(text);
    put(p, "a", "12345");
    assert_int_equal(os_read_file(p->os, path_in(p, "a"), 4, &text, &n), -EFBIG);
    assert_int_equal(os_read_file(p->os, path_in(p, "a"), 5, &text, &n), 0);
    assert_int_equal(n, 5);
    assert_string_equal(text, "12345");
    mem_free(text);
    assert_int_equal(os_read_file(p->os, path_in(p, "b"), 5, &text, &n), -ENOENT);
    mem_fail(1, false);
    assert_int_equal(os_read_file(p->os, path_in(p, "a"), 5, &text, &n), -ENOMEM);
    mem_fail(0, false);
    for (int left = 1, status = -EIO; status != 0; left++) {
        struct faulty f;
        faulty_over(&f, p->os);
        f.left = left;
        status = os_read_file(&f.os, path_in(p, "a"), 5, &text, &n);
        if (f.failed && strcmp(f.failed, "close") != 0) assert_int_equal(status, -EIO);
        else assert_int_equal(status, 0);
        if (status == 0) mem_free(text);
    }
}

static void replace_file(void **state) {
    const struct place *p = *state;
    assert_int_equal(os_replace_file(p->os, p->dir, "new", "fresh", 5), 0);
    holds(p, "new", "fresh");
    put(p, "a.new", "left behind by somebody who was killed here, long");
    put(p, "a", "old");
    for (int forever = 0; forever < 2; forever++) {
        for (int left = 1;; left++) {
            struct faulty f;
            faulty_over(&f, p->os);
            f.left = left;
            f.forever = forever;
            f.most = 2;
            int status = os_replace_file(&f.os, p->dir, "a", "replaced", 8);
            if (!f.failed) {
                assert_int_equal(status, 0);
                assert_int_equal(left, 11); // remove, open, four writes, sync, close, rename, sync_dir: ten, and none has failed
                break;
            }
            assert_int_equal(status, -EIO);
            holds(p, "a", left == 10 ? "replaced" : "old");
            if (!forever && left > 1) assert_false(there(p, "a.new"));
            put(p, "a", "old");
        }
        holds(p, "a", "replaced");
        assert_false(there(p, "a.new"));
        put(p, "a", "old");
    }
    for (long nth = 1; nth <= 2; nth++) {
        mem_fail(nth, false);
        assert_int_equal(os_replace_file(p->os, p->dir, "a", "replaced", 8), -ENOMEM);
        mem_fail(0, false);
        holds(p, "a", "old");
    }
}

// ---- the power goes ---------------------------------------------------------------------------------------------------------------------

struct watched {
    uint64_t seeds, old, new;
    bool done;
    struct disk *half; // one on which a rename was kept by half: both names are the new file's
};

static void look(void *arg, struct disk *d, enum disk_op op) {
    (void)op;
    struct watched *w = arg;
    for (int i = 0; i < 40; i++) {
        struct disk *after = disk_power_cut(d, w->seeds++);
        char *text;
        size_t n;
        int status = os_read_file(disk_os(after), "/db/a", 1 << 20, &text, &n);
        assert_int_equal(status, 0);
        if (n == 5000 && text[0] == 'o') w->old++;
        else if (n == 7000 && text[0] == 'n') w->new++;
        else fail_msg("seed %llu: %zu bytes", (unsigned long long)w->seeds - 1, n);
        for (size_t k = 1; k < n; k++) assert_int_equal(text[k], text[0]);
        if (w->done) assert_int_equal(text[0], 'n');
        bool is_new = text[0] == 'n';
        mem_free(text);
        if (w->half || !is_new || os_read_file(disk_os(after), "/db/a.new", 1 << 20, &text, &n) != 0) {
            disk_free(after);
            continue;
        }
        mem_free(text);
        w->half = after;
    }
}

static void replaced_at_a_power_cut(void **state) {
    (void)state;
    static char old[5000], new[7000];
    memset(old, 'o', sizeof old);
    memset(new, 'n', sizeof new);
    struct disk *d = disk_new(2);
    const struct os *os = disk_os(d);
    assert_int_equal(os->make_dir(os->arg, "/db"), 0);
    assert_int_equal(os_replace_file(os, "/db", "a", old, sizeof old), 0);
    assert_int_equal(os->sync_dir(os->arg, "/"), 0);
    struct watched w = { 0 };
    disk_hook(d, look, &w);
    assert_int_equal(os_replace_file(os, "/db", "a", new, sizeof new), 0);
    w.done = true;
    look(&w, d, DISK_ANY);
    assert_true(w.old > 40 && w.new > 40);
    disk_free(d);

    // The name that was left is the file itself.
    d = w.half;
    assert_non_null(d);
    os = disk_os(d);
    w = (struct watched){ .half = d };
    disk_hook(d, look, &w);
    assert_int_equal(os_replace_file(os, "/db", "a", old, sizeof old), 0);
    assert_true(w.old > 40 && w.new > 40);
    disk_free(d);
}

// ---- the same random calls to both --------------------------------------------------------------------------------------------------------

enum { FILES = 5, CALLS = 6000 };

static int64_t any_call(const struct place *p, struct random *r, int fds[FILES], char *out) {
    static char bytes[20000];
    const struct os *os = p->os;
    uint64_t what = random_below(r, 22), which = random_below(r, FILES), other = random_below(r, FILES), at = random_below(r, 9000), n = random_below(r, 6000);
    char name[2] = { (char)('a' + which), '\0' }, next[2] = { (char)('a' + other), '\0' }, in_dir[4] = { 'd', '/', (char)('a' + which), '\0' };
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = random_next(r);
        memcpy(bytes + i, &word, 8);
    }
    const char *path = path_in(p, what & 1 ? name : in_dir);
    out[0] = '\0';
    switch (what) {
    case 0: case 1: case 2: case 3: {
        uint32_t how = (uint32_t)random_below(r, 32);
        if (fds[which] >= 0) return 0;
        if (how & (OS_TRUNCATE | OS_EXCLUSIVE)) how |= OS_WRITE | OS_CREATE;
        fds[which] = os->open(os->arg, path, how);
        return MIN(fds[which], 0);
    }
    case 4:
        if (fds[which] < 0) return 0;
        int fd = fds[which];
        fds[which] = -1;
        return os->close(os->arg, fd);
    case 5: case 6: case 7: return os->write(os->arg, fds[which], (struct iovec[]){ { bytes, n }, { bytes, n / 2 } }, 2, at);
    case 8: case 9: {
        ssize_t got = os->read(os->arg, fds[which], bytes, n, at);
        for (ssize_t i = 0, sum = 0; i < got; i++) snprintf(out, 40, "%zd", sum = sum * 31 % 1000003 + bytes[i]);
        return got;
    }
    case 10: return os->truncate(os->arg, fds[which], at);
    case 11: return os->sync(os->arg, fds[which]);
    case 12: return os->rename(os->arg, path, path_in(p, next));
    case 13: return os->remove(os->arg, path);
    case 14: return os->make_dir(os->arg, path_in(p, random_below(r, 2) ? "d" : name));
    case 15: return os->remove_dir(os->arg, path_in(p, random_below(r, 2) ? "d" : name));
    case 16: return os->sync_dir(os->arg, path_in(p, "d"));
    case 17: {
        struct seen s = { .max = 10 };
        int status = os->list(os->arg, random_below(r, 2) ? p->dir : path_in(p, "d"), see, &s);
        qsort(s.names, (size_t)s.count, sizeof s.names[0], by_name);
        for (int i = 0; i < s.count; i++) snprintf(out + strlen(out), 30, "%s ", s.names[i]);
        return status;
    }
    case 18: {
        uint64_t size = 0;
        int status = os->size(os->arg, fds[which], &size);
        bool is_dir = os->read(os->arg, fds[which], bytes, 1, 0) == -EISDIR; // the size of a directory means nothing
        snprintf(out, 30, "%llu", status == 0 && !is_dir ? (unsigned long long)size : 0);
        return status;
    }
    case 19: return os->lock(os->arg, fds[which]);
    case 20: return os->allocate(os->arg, fds[which], at, n);
    default: return os->rename(os->arg, path_in(p, "d"), path_in(p, random_below(r, 8) ? name : "e"));
    }
}

static void alike(void **state) {
    (void)state;
    void *one, *two;
    assert_int_equal(set_up_real(&one), 0);
    assert_int_equal(set_up_simulated(&two), 0);
    struct random a, b;
    random_seed(&a, 11);
    random_seed(&b, 11);
    print_message("seed 11\n");
    int fds[2][FILES], counts[2] = { 0 };
    memset(fds, -1, sizeof fds);
    for (int i = 0; i < CALLS; i++) {
        char out[2][400];
        int64_t real = any_call(one, &a, fds[0], out[0]), simulated = any_call(two, &b, fds[1], out[1]);
        if (real == -EOPNOTSUPP) disk_set_can_allocate(((struct place *)two)->disk, false);
        else if (real != simulated || strcmp(out[0], out[1]) != 0) {
            fail_msg("call %d: %lld %s, simulated %lld %s", i, (long long)real, out[0], (long long)simulated, out[1]);
        }
        counts[real < 0]++;
    }
    print_message("%d calls that were done, %d that failed\n", counts[0], counts[1]);
    assert_true(counts[0] > CALLS / 4 && counts[1] > CALLS / 4);
    for (int i = 0; i < FILES; i++) {
        if (fds[0][i] >= 0) close_it(one, fds[0][i]);
        if (fds[1][i] >= 0) close_it(two, fds[1][i]);
    }
    tear_down(&one);
    tear_down(&two);
}

#define BOTH(test) \
    { #test " (real)", test, set_up_real, tear_down, NULL }, { #test " (simulated)", test, set_up_simulated, tear_down, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(opening),
        BOTH(reading_and_writing),
        BOTH(allocating),
        BOTH(locking),
        BOTH(mapping),
        BOTH(names),
        BOTH(listing),
        BOTH(machine),
        BOTH(no_permission),
        cmocka_unit_test_setup_teardown(modes, set_up_real, tear_down),
        cmocka_unit_test_setup_teardown(interrupted, set_up_real, tear_down),
        BOTH(whole_reads_and_writes),
        BOTH(read_file),
        BOTH(replace_file),
        cmocka_unit_test(replaced_at_a_power_cut),
        cmocka_unit_test(alike),
    };
    return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
