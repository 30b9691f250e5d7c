// The HTTP listener from inside: its addresses, /healthz while the database closes, two databases at once, and memory that runs out: the n-th allocation of
// the shard's thread fails, for every n, while somebody asks for everything. Each answer is then right, or 503, or the connection is closed.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"

#include <arpa/inet.h>

#include "engine/engine.h"
#include "http/request.h"

enum { PATIENCE_MS = 20000 };

static kora *open_one(uint32_t shards) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    o.shards = shards;
    assert_ok(kora_open(NULL, &o, &db));
    return db;
}

static int listen_at(kora *db, const char *address, char bound[256]) {
    char error[256] = "";
    int status = kora_listen(db, address, bound, 256, error, sizeof error);
    if (status != KORA_OK && status != KORA_CLOSED) assert_string_not_equal(error, "");
    return status;
}

// Listens anywhere; returns the port.
static int listen_somewhere(kora *db) {
    char bound[256];
    assert_ok(listen_at(db, "http://127.0.0.1:0", bound));
    assert_memory_equal(bound, "http://127.0.0.1:", 17);
    return atoi(bound + 17);
}

static int connect_to(int port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

// The answer to one request, up to the end of the connection. Its status; 0: none.
static int ask(int port, const char *path, char *to, size_t size) {
    char request[256];
    size_t n = 0;
    int fd = connect_to(port);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    send(fd, request, (size_t)length, MSG_NOSIGNAL);
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, PATIENCE_MS) != 1) fail_msg("no answer to %s", path);
        ssize_t got = recv(fd, to + n, size - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
    }
    close(fd);
    to[n] = '\0';
    return n > 12 && memcmp(to, "HTTP/1.1 ", 9) == 0 ? atoi(to + 9) : 0;
}

static char answer[1 << 20];

static void addresses(void **state) {
    (void)state;
    char bound[256], taken[300];
    kora *db = open_one(2);
    static const char *const bad[] = { "http://", "http://127.0.0.1", "http://localhost:80", "http://127.0.0.1:", "http://127.0.0.1:70000", "http://127.0.0.1:80/metrics",
        "http://[::1:80", "http://127.0.0.1:0//", "https://127.0.0.1:0", "http:/127.0.0.1:0" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_status(listen_at(db, bad[i], bound), KORA_INVAL);
    assert_ok(listen_at(db, "http://127.0.0.1:0/", bound));
    snprintf(taken, sizeof taken, "%s", bound);
    assert_status(listen_at(db, taken, bound), KORA_SYSTEM);
    int first = atoi(taken + 17), second = listen_somewhere(db);
    assert_int_equal(ask(first, "/healthz", answer, sizeof answer), 200);
    assert_int_equal(ask(second, "/stats.json", answer, sizeof answer), 200);
    // They are no listeners of clients.
    char *value;
    assert_ok(kora_config_get(db, "bind", &value));
    assert_null(strstr(value, "127.0.0.1 127.0.0.1"));
    kora_free(value);
    assert_ok(kora_close(db));
}

static void two_databases(void **state) {
    (void)state;
    kora *a = open_one(1), *b = open_one(2);
    int at_a = listen_somewhere(a), at_b = listen_somewhere(b);
    for (int i = 0; i < 10; i++) {
        char key[16];
        assert_ok(kora_set(a, key, (size_t)snprintf(key, sizeof key, "%d", i), LIT("x"), NULL));
    }
    assert_int_equal(ask(at_a, "/stats.json", answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\"keys\":10,"));
    assert_int_equal(ask(at_b, "/stats.json", answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\"keys\":0,"));
    assert_ok(kora_close(a));
    assert_int_equal(ask(at_b, "/metrics", answer, sizeof answer), 200);
    assert_ok(kora_close(b));
}

static void *close_it(void *db) {
    assert_ok(kora_close(db));
    return NULL;
}

// Closing begins with taking every lease: as long as one is held, the shards serve.
static void healthz_while_closing(void **state) {
    (void)state;
    kora *db = open_one(2);
    struct engine *e = db->engine;
    int port = listen_somewhere(db);
    assert_int_equal(ask(port, "/healthz", answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "\r\n\r\nok\n"));
    assert_ok(api_enter(db)); // a call that is inside: kora_close waits for it
    while (!lease_try(&e->leases[7])) { }
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_it, db), 0);
    while (!engine_closes(e)) usleep(100);
    assert_int_equal(ask(port, "/healthz", answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "\r\n\r\nclosing\n"));
    // What is told needs no lease.
    assert_int_equal(ask(port, "/metrics", answer, sizeof answer), 200);
    assert_int_equal(ask(port, "/stats.json", answer, sizeof answer), 200);
    lease_release(&e->leases[7]);
    api_leave(db);
    assert_int_equal(pthread_join(closer, NULL), 0);
}

// Requests from all sides while calls run: for ThreadSanitizer.
static _Atomic bool ended;

static void *write_keys(void *arg) {
    kora *db = arg;
    for (int i = 0; !atomic_load(&ended); i++) {
        char key[32];
        size_t n = (size_t)snprintf(key, sizeof key, "key:%d", i % 3000);
        assert_ok(kora_set(db, key, n, key, n, NULL));
        if (i % 16 == 0) assert_ok(kora_sadd(db, LIT("set"), &(kora_bytes){ key, n }, 1, NULL));
    }
    return NULL;
}

static void beside_calls(void **state) {
    (void)state;
    kora *db = open_one(2);
    int ports[2] = { listen_somewhere(db), listen_somewhere(db) };
    pthread_t writer;
    atomic_store(&ended, false);
    assert_int_equal(pthread_create(&writer, NULL, write_keys, db), 0);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(ask(ports[i % 2], i % 3 ? "/stats.json" : "/metrics", answer, sizeof answer), 200);
        assert_non_null(strstr(answer, "string"));
    }
    atomic_store(&ended, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_ok(kora_close(db));
}

#ifdef KORA_FAULTS
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

static long fail_on_shard(struct engine *e, long nth, bool forever) {
    struct order o = { .message.run = obey, .nth = nth, .forever = forever };
    shard_post(&e->shards[0], &o.message);
    while (!atomic_load(&o.done)) usleep(50);
    return o.left;
}

static void each_allocation_fails(void **state) {
    (void)state;
    static const char *const paths[] = { "/stats.json", "/metrics", "/", "/healthz", "/none" };
    kora *db = open_one(1);
    int port = listen_somewhere(db), refused = 0, dropped = 0;
    assert_ok(kora_set(db, LIT("a"), LIT("b"), NULL));
    for (size_t path = 0; path < ARRAY_LEN(paths); path++) {
        for (int forever = 0; forever < 2; forever++) {
            int failed = 0;
            for (long n = 1; n == 1 || failed; n++) {
                fail_on_shard(db->engine, n, forever);
                int status = ask(port, paths[path], answer, sizeof answer);
                failed = fail_on_shard(db->engine, 0, false) <= 0;
                if (failed) assert_true(status == 503 || status == 0 || status == 200 || status == 404);
                else assert_true(status == (path == 4 ? 404 : 200));
                refused += status == 503;
                dropped += status == 0;
                assert_true(n < 200);
            }
        }
    }
    print_message("%d refused, %d dropped\n", refused, dropped);
    assert_true(refused > 10 && dropped > 4);
    assert_int_equal(ask(port, "/stats.json", answer, sizeof answer), 200);
    assert_ok(kora_close(db));
}
#else
static void each_allocation_fails(void **state) {
    (void)state;
    skip();
}
#endif

static void names(void **state) {
    (void)state;
    static const char *const literal[] = { "", "localhost", "LocalHost:9121", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:80", "10.1.2.3.", "localhost.:1", "2130706433" };
    static const char *const others[] = { "example.com", "localhost.example.com", "127.0.0.1.example.com:80", "a", "1.2.3.x", "-", "127.0.0.1.nip.io", "." };
    for (size_t i = 0; i < ARRAY_LEN(literal); i++) assert_true(http_host_is_literal(slice_str(literal[i])));
    for (size_t i = 0; i < ARRAY_LEN(others) - 1; i++) assert_false(http_host_is_literal(slice_str(others[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(two_databases), cmocka_unit_test(healthz_while_closing), cmocka_unit_test(beside_calls),
        cmocka_unit_test(each_allocation_fails), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
