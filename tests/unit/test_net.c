// The network when memory runs out: the n-th allocation of the shard's thread fails, for every n, while a client does a bit of everything.
// Each reply is then right, or an error, or the connection is closed; the server goes on, and nothing is lost (AddressSanitizer looks).
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "kora.h"
#include "net/net.h"

enum { PATIENCE_MS = 20000, LARGE = 100000 };

static char path[64];

static void destroy(struct engine *e) { net_destroy(e->net); }

static struct engine *open_engine(void) {
    struct engine_config config = { .shards = 1, .databases = 16, .stripes = 64,
        .hooks = { .create = net_create, .shard_start = net_shard_start, .shard_stop = net_shard_stop, .destroy = destroy } };
    struct engine *e;
    assert_int_equal(engine_open(&config, &e), KORA_OK);
    snprintf(path, sizeof path, "/tmp/kora-test-net-%ld", (long)getpid());
    char address[sizeof path + 8], error[256] = "";
    snprintf(address, sizeof address, "unix://%s", path);
    assert_int_equal(net_listen(e, address, NULL, 0, error, sizeof error), KORA_OK);
    return e;
}

static void close_engine(struct engine *e) {
    engine_begin_close(e);
    engine_close(e);
}

static int connect_client(void) {
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static void say(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) return; // closed: the reader sees it
        p += sent;
        n -= (size_t)sent;
    }
}

// Reads until the last bytes are `end`, or the connection is closed. False: closed.
static bool read_until(int fd, const char *end) {
    static char all[8 * LARGE];
    size_t n = 0, want = strlen(end);
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, PATIENCE_MS) != 1) fail_msg("no answer; so far %zu bytes", n);
        ssize_t got = recv(fd, all + n, sizeof all - n, 0);
        if (got <= 0) return false;
        n += (size_t)got;
        if (n >= want && memcmp(all + n - want, end, want) == 0) return true;
        if (n == sizeof all) n = 0;
    }
}

#ifdef KORA_FAULTS
static const char script[] =
    "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\nCLIENT LIST\r\nCLIENT SETNAME me\r\nCONFIG GET *\r\n"
    "CONFIG SET timeout 0 maxclients 1000\r\nINFO\r\nMSET a 1 b 2 c 3 d 4 e 5 f 6\r\nMGET a b c d e f\r\nNOSUCH\r\nHELLO 3\r\nKEYS *\r\n"
    "GET large\r\nGET large\r\nCLIENT REPLY SKIP\r\nECHO 'quo\\\"ted'\r\nECHO \"quo\\x41ted\"\r\nCLIENT KILL ID 4711\r\nRESET\r\n*2\r\n$4\r\nECHO\r\n$5\r\nth";

static void converse(int fd) {
    static char large[LARGE + 64];
    size_t head = (size_t)sprintf(large, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n", LARGE);
    memset(large + head, 'x', LARGE);
    memcpy(large + head + LARGE, "\r\n", 3);
    say(fd, large, head / 2); // in pieces, so that every kind of buffer is needed
    usleep(300);
    say(fd, large + head / 2, LARGE / 2);
    usleep(300);
    say(fd, large + head / 2 + LARGE / 2, head + LARGE + 2 - head / 2 - LARGE / 2);
    say(fd, script, sizeof script - 1);
    usleep(300);
    say(fd, "ere\r\nECHO end\r\n", 15);
    read_until(fd, "$3\r\nend\r\n");
}

struct order { // for the shard's thread
    struct message message;
    long nth;
    bool forever;
    _Atomic bool done;
    long left;
};

static void obey(struct shard *s, struct message *m) {
    (void)s;
    struct order *o = CONTAINER_OF(m, struct order, message);
    o->left = mem_fail_left();
    mem_fail(o->nth, o->forever);
    atomic_store(&o->done, true);
}

// Lets the shard's n-th allocation from now on fail; returns how many were to go until the one before.
static long fail_on_shard(struct engine *e, long nth, bool forever) {
    struct order o = { .message.run = obey, .nth = nth, .forever = forever };
    shard_post(&e->shards[0], &o.message);
    while (!atomic_load(&o.done)) usleep(50);
    return o.left;
}

static void expect_service(void) {
    int fd = connect_client();
    say(fd, "PING\r\n", 6);
    assert_true(read_until(fd, "+PONG\r\n"));
    close(fd);
}

static void each_allocation_fails(void **state) {
    (void)state;
    struct engine *e = open_engine();
    for (int forever = 0; forever < 2; forever++) {
        // How many there are depends on how the bytes arrive: some more than there ever were.
        int failed = 0;
        for (long n = 1; n <= 80; n++) {
            fail_on_shard(e, n, forever);
            int fd = connect_client();
            converse(fd);
            close(fd);
            failed += fail_on_shard(e, 0, false) <= 0;
            expect_service();
        }
        print_message("%d allocations failed %s\n", failed, forever ? "for good" : "once");
        assert_true(failed >= 10 && failed < 80);
    }
    close_engine(e);
    assert_int_not_equal(access(path, F_OK), 0);
}
#else
static void each_allocation_fails(void **state) {
    (void)state;
    skip();
}
#endif

static void clients_are_there_at_the_end(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct engine *e = open_engine();
        int fds[10];
        for (int i = 0; i < 10; i++) {
            fds[i] = connect_client();
            say(fds[i], "SET k v\r\nKEYS *\r\nGET k\r\nDBS", 27);
        }
        if (round % 2) assert_true(read_until(fds[9], "$1\r\nv\r\n"));
        close_engine(e);
        for (int i = 0; i < 10; i++) {
            read_until(fds[i], "never");
            close(fds[i]);
        }
    }
}

static void bad_addresses(void **state) {
    (void)state;
    struct engine *e = open_engine();
    static const char *const bad[] = { "", "tcp://", "tcp://1.2.3.4", "tcp://1.2.3.4:", "tcp://1.2.3.4:65536", "tcp://1.2.3.4:-1", "tcp://1.2.3:80",
        "tcp://::1:80", "tcp://[::1]", "tcp://[::1]80", "tcp://[]:80", "tcp://[1.2.3.4]:80", "tcp://localhost:80", "tcp://1.2.3.4:80x", "udp://1.2.3.4:80",
        "tcp://:80", "tcp://]:80", "unix://", "unix://?mode=700", "unix:///tmp/x?mode=", "unix:///tmp/x?mode=8", "unix:///tmp/x?mode=7777", "unix:///tmp/x?a=1",
        "tcp://1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111:80" };
    char error[128];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        error[0] = '\0';
        assert_int_equal(net_listen(e, bad[i], NULL, 0, error, sizeof error), KORA_INVAL);
        assert_int_not_equal(error[0], '\0');
    }
    char bound[64];
    assert_int_equal(net_listen(e, "tcp://127.0.0.1:0", bound, sizeof bound, error, sizeof error), KORA_OK);
    assert_memory_equal(bound, "tcp://127.0.0.1:", 16);
    assert_int_equal(e->host.tcp_port(&e->host), atoi(bound + 16));
    assert_int_equal(net_listen(e, bound, NULL, 0, error, sizeof error), KORA_SYSTEM);
    assert_non_null(strstr(error, "in use"));
    assert_int_equal(net_listen(e, "unix:///no/such/folder/s", NULL, 0, NULL, 0), KORA_SYSTEM);
    close_engine(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(clients_are_there_at_the_end),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
