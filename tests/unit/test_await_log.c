// Sync policy `always` through sockets, with the real log on a disk that syncs when the test lets it: nothing is acknowledged before it is synced, and what the disk
// refuses never is.
#include <errno.h>
#include <ftw.h>

#include "engine/engine.h"
#include "net/net.h"
#include "unit/peer.h"

struct disk {
    struct os os;
    _Atomic bool held, full;   // a sync waits; there is no room
    _Atomic int fails;         // what a sync answers
    _Atomic uint64_t syncs;    // that have begun
};

static int slow_sync(void *arg, int fd) {
    struct disk *d = arg;
    atomic_fetch_add(&d->syncs, 1);
    while (atomic_load(&d->held)) sleep_ms(1);
    int fails = atomic_load(&d->fails);
    return fails ? fails : os_system()->sync(os_system()->arg, fd);
}

static ssize_t full_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct disk *d = arg;
    return atomic_load(&d->full) ? -ENOSPC : os_system()->write(os_system()->arg, fd, iov, count, at);
}

struct world {
    struct disk disk;
    struct engine *e;
    char dir[64], path[64];
};

static void destroy(struct engine *e) { net_destroy(e->net); }

static void open_again(struct world *w, enum fsync_policy sync) {
    char error[256] = "", address[sizeof w->path + 8];
    struct engine_config config = { .shards = 2, .databases = 4, .stripes = 64, .dir = w->dir, .os = &w->disk.os, .sync = sync, .error = error, .error_size = sizeof error,
        .hooks = { .create = net_create, .shard_start = net_shard_start, .shard_stop = net_shard_stop, .destroy = destroy } };
    if (engine_open(&config, &w->e) != KORA_OK) fail_msg("%s", error);
    snprintf(address, sizeof address, "unix://%s", w->path);
    assert_ok(net_listen(w->e, address, NULL, 0, error, sizeof error));
}

static void open_world(struct world *w, enum fsync_policy sync) {
    memset(w, 0, sizeof *w);
    w->disk.os = *os_system(); // whose arg is nothing
    w->disk.os.arg = &w->disk;
    w->disk.os.sync = slow_sync;
    w->disk.os.write = full_write;
    snprintf(w->path, sizeof w->path, "/tmp/kora-test-await-log-%ld", (long)getpid());
    snprintf(w->dir, sizeof w->dir, "/tmp/kora-test-await-log-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    open_again(w, sync);
}

static void close_engine(struct world *w) {
    engine_begin_close(w->e);
    engine_close(w->e);
}

static int drop(const char *path, const struct stat *s, int type, struct FTW *at) {
    (void)s, (void)type, (void)at;
    return remove(path);
}

static void close_world(struct world *w) {
    close_engine(w);
    nftw(w->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    unlink(w->path);
}

static uint64_t logged(struct world *w, const char *key) {
    return atomic_load(&w->e->common.stripes[key_place(&w->e->common, slice_str(key)).stripe].logged);
}

static void say_and_log(struct world *w, int fd, const char *text, const char *key) {
    uint64_t before = logged(w, key);
    say(fd, text);
    wait_until(logged(w, key) > before);
}

static void test_acknowledged_when_synced(void **state) {
    (void)state;
    struct world w;
    open_world(&w, FSYNC_ALWAYS);
    int a = peer_join(w.path), b = peer_join(w.path), c = peer_join(w.path);
    say(a, "SET k 1\r\n");
    hears(a, "+OK\r\n");
    atomic_store(&w.disk.held, true);
    say_and_log(&w, a, "SET k 2\r\nPUBLISH c m\r\n", "k");
    say(b, "GET k\r\n");
    say(c, "PING\r\n");
    hears(c, "+PONG\r\n");
    char line[64], key[32] = "nothing";
    while (key_place(&w.e->common, slice_str(key)).stripe == key_place(&w.e->common, SLICE("k")).stripe) strcat(key, "x");
    snprintf(line, sizeof line, "GET %s\r\n", key);
    say(c, line);
    hears(c, "$-1\r\n");
    hears_nothing(a);
    hears_nothing(b);
    atomic_store(&w.disk.held, false);
    hears(a, "+OK\r\n:0\r\n");
    hears(b, "$1\r\n2\r\n");
    // The other policies wait for nothing; what waits is let go as soon as it may
    atomic_store(&w.disk.held, true);
    uint64_t syncs = atomic_load(&w.disk.syncs);
    say_and_log(&w, a, "SET k 3\r\n", "k");
    wait_until(atomic_load(&w.disk.syncs) > syncs); // it has begun
    say(b, "CONFIG SET appendfsync everysec\r\nSET k 4\r\nGET k\r\n");
    hears(b, "+OK\r\n+OK\r\n$1\r\n4\r\n");
    hears_nothing(a);
    atomic_store(&w.disk.held, false);
    hears(a, "+OK\r\n");
    say(b, "CONFIG SET appendfsync always\r\n");
    hears(b, "+OK\r\n");
    atomic_store(&w.disk.held, true);
    say_and_log(&w, a, "SET k 5\r\n", "k");
    hears_nothing(a);
    atomic_store(&w.disk.held, false);
    hears(a, "+OK\r\n");
    close(a);
    close(b);
    close(c);
    close_world(&w);
}

// A slow call holds its stripe; the log does not wait for it.
static void test_slow_call(void **state) {
    (void)state;
    struct world w;
    open_world(&w, FSYNC_ALWAYS);
    uint32_t stripe = key_place(&w.e->common, SLICE("slow")).stripe;
    int a = peer_join(w.path), b = peer_join(w.path);
    assert_true(lease_try(&w.e->leases[stripe]));
    say(b, "GET slow\r\n");
    for (int i = 0, n = 0; n < 20; i++) {
        char line[64], key[16];
        snprintf(key, sizeof key, "key%d", i);
        if (key_place(&w.e->common, slice_str(key)).stripe == stripe) continue;
        snprintf(line, sizeof line, "SET %s 1\r\n", key);
        say(a, line);
        hears(a, "+OK\r\n");
        n++;
    }
    hears_nothing(b);
    lease_release(&w.e->leases[stripe]);
    hears(b, "$-1\r\n");
    close(a);
    close(b);
    close_world(&w);
}

static void test_no_room(void **state) {
    (void)state;
    struct world w;
    open_world(&w, FSYNC_ALWAYS);
    int a = peer_join(w.path), b = peer_join(w.path);
    say(a, "SET k 1\r\n");
    hears(a, "+OK\r\n");
    atomic_store(&w.disk.full, true);
    say_and_log(&w, a, "SET k 2\r\n", "k");
    wait_until(atomic_load(&w.e->common.failing));
    hears_nothing(a);
    say(b, "GET k\r\nSET other 1\r\n"); // reads go on, writes are refused
    hears(b, "$1\r\n2\r\n-MISCONF ");
    atomic_store(&w.disk.full, false);
    hears(a, "+OK\r\n");
    close(b);
    wait_until(!atomic_load(&w.e->common.failing));
    say(a, "SET other 2\r\n");
    hears(a, "+OK\r\n");
    close(a);
    close_world(&w);
}

static void test_failed_sync(void **state) {
    (void)state;
    struct world w;
    open_world(&w, FSYNC_ALWAYS);
    int a = peer_join(w.path), b = peer_join(w.path), c = peer_join(w.path);
    say(a, "SET k 1\r\n");
    hears(a, "+OK\r\n");
    atomic_store(&w.disk.held, true);
    say_and_log(&w, a, "SET k 2\r\n", "k");
    say(b, "GET k\r\n");
    atomic_store(&w.disk.fails, -EIO);
    atomic_store(&w.disk.held, false);
    is_closed(a);
    hears(b, "$1\r\n2\r\n");
    say(c, "GET k\r\nSET k 3\r\n");
    hears(c, "$1\r\n2\r\n-MISCONF ");
    close(b);
    close(c);
    close_world(&w);
}

static void *do_close(void *arg) {
    close_engine(arg);
    return NULL;
}

// Who is owed an answer when it is closed gets it: the last sync is waited for.
static void test_closing(void **state) {
    (void)state;
    struct world w;
    open_world(&w, FSYNC_ALWAYS);
    int a = peer_join(w.path);
    say(a, "SET k 1\r\n");
    hears(a, "+OK\r\n");
    atomic_store(&w.disk.held, true);
    say_and_log(&w, a, "SET k 2\r\n", "k");
    pthread_t closing = spawn(do_close, &w);
    wait_until(engine_closes(w.e));
    hears_nothing(a);
    atomic_store(&w.disk.held, false);
    hears(a, "+OK\r\n");
    is_closed(a);
    pthread_join(closing, NULL);
    open_again(&w, FSYNC_ALWAYS);
    a = peer_join(w.path);
    say(a, "GET k\r\n");
    hears(a, "$1\r\n2\r\n");
    // No room at the end: the wait is over, without an answer
    atomic_store(&w.disk.full, true);
    say_and_log(&w, a, "SET k 3\r\n", "k");
    hears_nothing(a);
    close_engine(&w);
    is_closed(a);
    atomic_store(&w.disk.full, false);
    open_again(&w, FSYNC_EVERYSEC);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledged_when_synced), cmocka_unit_test(test_slow_call),  cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_failed_sync),              cmocka_unit_test(test_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
