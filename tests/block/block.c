// Calls that wait for keys, by the hundred: nothing is lost, nothing is delivered twice, and who came first is served first.
//
//     block [--seed S] [--seconds N] [--clients N] [--keys N] [--pushers N]
//
// Order: clients block on one key one after the other (each is seen to wait before the next comes), some on further keys in other stripes, some with BLMOVE
// to other stripes; then as many elements are pushed, in one command or in several, and each client must get its own.
//
// Storm: clients on sockets and threads in the process block on few keys with every blocking command, many on several keys; others push elements that are all
// different; waiting clients are killed at random. Afterwards every element must have been delivered once, or still be in its list, or have gone to a client
// that was killed while it waited (no more than one for each of those; there is a storm without any, too).
//
// The protocol's points delay (KORA_DELAYS), and both ways of being served must have been taken. Last line: `N passed, N failed`.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/clock.h"

enum { CLIENTS_MAX = 4000, KEYS_MAX = 1000, ELEMENTS_MAX = 4 * 1000 * 1000, IN_MAX = 8192, THREADS = 2, STUCK_MS = 30000 };

static struct {
    uint32_t seconds, clients, keys, pushers;
    uint64_t seed;
} options = { 4, 1000, 100, 50, 1 };

static kora *db;
static char path[64];
static uint32_t passed, failed;
static _Atomic uint32_t next_element;
static _Atomic uint8_t delivered[ELEMENTS_MAX]; // how often
static uint8_t pushed[ELEMENTS_MAX];

static void die(const char *what) {
    fprintf(stderr, "block: %s: %s\n", what, strerror(errno));
    unlink(path);
    _exit(2);
}

static void check(bool ok, const char *what) {
    if (ok) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED: %s\n", what);
}

static uint64_t step(uint64_t *r) {
    *r ^= *r << 13;
    *r ^= *r >> 7;
    *r ^= *r << 17;
    return *r >> 20;
}
static uint32_t below(uint64_t *r, uint32_t n) { return (uint32_t)(step(r) % n); }

// ---- sockets -------------------------------------------------------------------------------------------------------------------

enum job { IDLE, WAITS, PUSHES };

struct client {
    int fd;
    enum job job;
    bool pusher;
    uint64_t random;
    size_t n;
    char in[IN_MAX];
};

static int dial(void) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) die("connect");
    return fd;
}

static void send_line(int fd, const char *line) {
    size_t n = strlen(line);
    if (send(fd, line, n, MSG_NOSIGNAL) != (ssize_t)n) die("send");
}

// The length of the first whole reply in p[0..n), 0: there is none yet.
static size_t reply_length(const char *p, size_t n) {
    const char *end = n ? memchr(p, '\n', n) : NULL;
    if (!end) return 0;
    size_t at = (size_t)(end - p) + 1;
    long count = atol(p + 1);
    if (*p == '$') return count < 0 ? at : at + (size_t)count + 2 <= n ? at + (size_t)count + 2 : 0;
    if (*p != '*') return at;
    for (long i = 0; i < count; i++) {
        size_t more = reply_length(p + at, n - at);
        if (!more) return 0;
        at += more;
    }
    return at;
}

// Counts what a reply delivers: elements are "e" and eight digits.
static uint32_t deliver(const char *p, size_t n) {
    uint32_t count = 0;
    for (size_t i = 1; i + 9 <= n; i++) {
        if (p[i] != 'e' || p[i - 1] != '\n') continue;
        uint32_t element = (uint32_t)strtoul(p + i + 1, NULL, 10);
        if (element < ELEMENTS_MAX) atomic_fetch_add(&delivered[element], 1);
        count++;
    }
    return count;
}

// Sends a command to a connection that does nothing else, and waits for its reply, whose text is returned.
static const char *ask(struct client *c, const char *line) {
    send_line(c->fd, line);
    c->n = 0;
    for (size_t whole = 0; !whole; whole = reply_length(c->in, c->n)) {
        struct pollfd p = { c->fd, POLLIN, 0 };
        if (poll(&p, 1, STUCK_MS) != 1) die("no answer");
        ssize_t got = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);
        if (got <= 0) die("recv");
        c->n += (size_t)got;
    }
    c->in[c->n] = '\0';
    return c->in;
}

static uint64_t sleepers(void) { return atomic_load(&db->engine->sleepers); }

static void wait_sleepers(uint64_t n) {
    int64_t until = clock_mono_us() + (int64_t)STUCK_MS * 1000;
    while (sleepers() != n) {
        if (clock_mono_us() > until) {
            fprintf(stderr, "block: %" PRIu64 " calls wait instead of %" PRIu64 "\n", sleepers(), n);
            die("calls that should wait do not, or do not stop waiting");
        }
        usleep(50);
    }
}

// ---- order ---------------------------------------------------------------------------------------------------------------------

enum { QUEUE = 40 };

static bool same_order(struct client *queue, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct client *c = &queue[i];
        char want[32];
        snprintf(want, sizeof want, "v%u\r\n", i);
        c->n = 0;
        while (!reply_length(c->in, c->n)) {
            struct pollfd p = { c->fd, POLLIN, 0 };
            if (poll(&p, 1, STUCK_MS) != 1) return false;
            ssize_t got = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);
            if (got <= 0) return false;
            c->n += (size_t)got;
        }
        c->in[c->n] = '\0';
        if (!strstr(c->in, want)) {
            printf("client %u got %s instead of %s", i, c->in, want);
            return false;
        }
    }
    return true;
}

static void push_values(struct client *c, uint64_t *random, uint32_t n) {
    char line[QUEUE * 16 + 64];
    for (uint32_t i = 0; i < n;) {
        uint32_t together = 1 + below(random, n - i);
        int at = snprintf(line, sizeof line, "RPUSH q");
        for (uint32_t k = 0; k < together; k++) at += snprintf(line + at, sizeof line - (size_t)at, " v%u", i++);
        snprintf(line + at, sizeof line - (size_t)at, "\r\n");
        ask(c, line);
    }
}

static void order(uint64_t *random) {
    static struct client queue[QUEUE], other;
    other.fd = dial();
    uint32_t n = 2 + below(random, QUEUE - 2);
    for (uint32_t i = 0; i < n; i++) {
        static const char *const forms[] = { "BLPOP q 0\r\n", "BLPOP %s q 0\r\n", "BLMPOP 0 2 q %s LEFT\r\n", "BLMOVE q %s LEFT RIGHT 0\r\n", "BLPOP q %s q 0\r\n" };
        char line[96], name[16];
        snprintf(name, sizeof name, "q%u.%u", i, below(random, 1000)); // nobody else's
        queue[i].fd = dial();
        snprintf(line, sizeof line, forms[below(random, ARRAY_LEN(forms))], name);
        send_line(queue[i].fd, line);
        wait_sleepers(i + 1);
    }
    push_values(&other, random, n);
    check(same_order(queue, n), "who waits longest is served first");
    wait_sleepers(0);
    check(strncmp(ask(&other, "EXISTS q\r\n"), ":0", 2) == 0, "nothing is left over");
    ask(&other, "FLUSHALL\r\n");
    for (uint32_t i = 0; i < n; i++) close(queue[i].fd);
    close(other.fd);
}

// ---- storm ---------------------------------------------------------------------------------------------------------------------

static struct client clients[CLIENTS_MAX];
static int epoll;
static uint32_t killed_waiting;
static _Atomic bool stop;

static void random_key(uint64_t *random, char *to, size_t size) { snprintf(to, size, "k%u", below(random, options.keys)); }

static void block_somewhere(struct client *c) {
    char line[160], a[16], b[16], d[16], timeout[16];
    uint64_t *r = &c->random;
    random_key(r, a, sizeof a);
    random_key(r, b, sizeof b);
    random_key(r, d, sizeof d);
    snprintf(timeout, sizeof timeout, "%s", below(r, 3) ? "0" : "0.05");
    switch (below(r, 8)) {
    case 0: snprintf(line, sizeof line, "BLPOP %s %s\r\n", a, timeout); break;
    case 1: snprintf(line, sizeof line, "BRPOP %s %s\r\n", a, timeout); break;
    case 2: snprintf(line, sizeof line, "BLPOP %s %s %s %s\r\n", a, b, d, timeout); break;
    case 3: snprintf(line, sizeof line, "BRPOP %s %s %s\r\n", a, b, timeout); break;
    case 4: snprintf(line, sizeof line, "BLMPOP %s 2 %s %s RIGHT\r\n", timeout, a, b); break;
    case 5: snprintf(line, sizeof line, "BZPOPMIN z%s %s\r\n", a, timeout); break;
    // Elements travel from list to list: the answer names one that is delivered by somebody else later.
    case 6: snprintf(line, sizeof line, "BLMOVE %s %s LEFT RIGHT %s\r\n", a, b, timeout); break;
    default: snprintf(line, sizeof line, "BRPOPLPUSH %s %s %s\r\n", a, b, timeout); break;
    }
    c->job = strncmp(line, "BLMOVE", 6) == 0 || strncmp(line, "BRPOPL", 6) == 0 ? IDLE : WAITS;
    send_line(c->fd, line);
}

static int push_command(uint64_t *r, char *line, size_t size) {
    char key[16];
    uint32_t n = 1 + below(r, 3), first = atomic_fetch_add(&next_element, n);
    if (first + n >= ELEMENTS_MAX) {
        atomic_store(&stop, true);
        return 0;
    }
    random_key(r, key, sizeof key);
    bool zset = below(r, 6) == 0;
    int at = snprintf(line, size, zset ? "ZADD z%s" : below(r, 2) ? "RPUSH %s" : "LPUSH %s", key);
    for (uint32_t i = 0; i < n; i++) {
        at += snprintf(line + at, size - (size_t)at, zset ? " 1 e%08u" : " e%08u", first + i);
        pushed[first + i] = 1;
    }
    return at;
}

static void push_something(struct client *c) {
    char line[256];
    int at = push_command(&c->random, line, sizeof line - 3);
    if (!at) return;
    snprintf(line + at, sizeof line - (size_t)at, "\r\n");
    c->job = PUSHES;
    send_line(c->fd, line);
}

static void go_on(struct client *c) {
    if (atomic_load(&stop)) c->job = IDLE;
    else if (c->pusher) push_something(c);
    else block_somewhere(c);
}

static void connect_client(struct client *c) {
    c->fd = dial();
    c->n = 0;
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) die("epoll_ctl");
}

static void readable(struct client *c) {
    ssize_t got = recv(c->fd, c->in + c->n, sizeof c->in - c->n, MSG_DONTWAIT);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        die("a connection was closed");
    }
    c->n += (size_t)got;
    for (size_t n; (n = reply_length(c->in, c->n));) {
        if (c->in[0] == '-') {
            if (failed++ < 10) printf("%.*s", (int)n, c->in);
        }
        if (c->job == WAITS) deliver(c->in, n);
        memmove(c->in, c->in + n, c->n -= n);
        go_on(c);
    }
}

static void kill_one(struct client *c) {
    close(c->fd); // what it waited for may have been on its way to it
    killed_waiting++;
    connect_client(c);
    go_on(c);
}

// In-process: waits and pushes by turns.
static void *host(void *arg) {
    uint64_t random = (uint64_t)(uintptr_t)arg * 77 + options.seed;
    while (!atomic_load(&stop)) {
        char a[16], b[16], line[256];
        kora_reply *reply = NULL;
        random_key(&random, a, sizeof a);
        random_key(&random, b, sizeof b);
        const char *argv[16] = { below(&random, 2) ? "BLPOP" : "BRPOP", a, b, "0.02" };
        int argc = 4;
        if (below(&random, 2)) {
            if (!push_command(&random, line, sizeof line)) break;
            argc = 0;
            for (char *save = NULL, *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) argv[argc++] = word;
        }
        if (kora_exec(db, NULL, argc, argv, NULL, &reply) != KORA_OK) die("kora_exec");
        if (reply->type == KORA_REPLY_ARRAY && reply->count == 2) {
            uint32_t element = (uint32_t)strtoul(reply->elements[1].str + 1, NULL, 10);
            atomic_fetch_add(&delivered[element], 1);
        }
        kora_reply_free(reply);
    }
    return NULL;
}

static void drain(void) {
    static struct client c;
    c.fd = dial();
    for (uint32_t k = 0; k < options.keys; k++) {
        char line[64];
        for (const char *left = ""; strncmp(left, "*0", 2) != 0 && left[0] != '$' && strncmp(left, "*-1", 3) != 0;) {
            snprintf(line, sizeof line, "LPOP k%u 100\r\n", k);
            left = ask(&c, line);
            deliver(left, c.n);
        }
        for (const char *left = ""; strncmp(left, "*0", 2) != 0;) {
            snprintf(line, sizeof line, "ZPOPMIN zk%u 50\r\n", k);
            left = ask(&c, line);
            deliver(left, c.n);
        }
    }
    close(c.fd);
}

static void storm(bool kill) {
    pthread_t threads[THREADS];
    uint64_t random = options.seed * 31 + 7;
    uint32_t first = atomic_load(&next_element);
    atomic_store(&stop, false);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < options.clients + options.pushers; i++) {
        clients[i].random = options.seed * 1000003 + i + 1;
        clients[i].pusher = i >= options.clients;
        connect_client(&clients[i]);
        go_on(&clients[i]);
    }
    for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, host, (void *)(i + 1));
    int64_t end = clock_mono_us() + (int64_t)options.seconds * 1000000;
    while (!atomic_load(&stop)) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, 20);
        for (int i = 0; i < n; i++) readable(events[i].data.ptr);
        struct client *victim = &clients[below(&random, options.clients)];
        if (kill && below(&random, 4) == 0 && victim->n == 0 && !atomic_load(&stop)) kill_one(victim);
        if (clock_mono_us() > end) atomic_store(&stop, true);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    // Answers that are on their way; who still waits is sent away by closing.
    for (int quiet = 0; quiet < 10;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, 20);
        for (int i = 0; i < n; i++) readable(events[i].data.ptr);
        quiet = n ? 0 : quiet + 1;
    }
    for (uint32_t i = 0; i < options.clients + options.pushers; i++) close(clients[i].fd);
    wait_sleepers(0);
    close(epoll);
    drain();
    uint32_t count = atomic_load(&next_element), lost = 0, twice = 0;
    for (uint32_t i = first; i < count && i < ELEMENTS_MAX; i++) {
        lost += pushed[i] && delivered[i] == 0;
        twice += delivered[i] > 1;
    }
    printf("storm: %u elements, %u clients killed, %u went with them, %u delivered twice\n", count - first, killed_waiting, lost, twice);
    check(count - first > 1000, "there was a storm");
    check(lost <= killed_waiting, "nothing is lost but with a client that is killed");
    check(twice == 0, "nothing is delivered twice");
}

// ---- all -----------------------------------------------------------------------------------------------------------------------

static void parse(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t n = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) options.seed = n;
        else if (strcmp(argv[i], "--seconds") == 0) options.seconds = (uint32_t)n;
        else if (strcmp(argv[i], "--clients") == 0) options.clients = (uint32_t)MIN(n, (uint64_t)CLIENTS_MAX - 100);
        else if (strcmp(argv[i], "--keys") == 0) options.keys = (uint32_t)MIN(n, (uint64_t)KEYS_MAX);
        else if (strcmp(argv[i], "--pushers") == 0) options.pushers = (uint32_t)MIN(n, (uint64_t)100);
        else die(argv[i]);
    }
}

int main(int argc, char **argv) {
    parse(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(path, sizeof path, "/tmp/kora-block-%d.sock", (int)getpid());
    char address[96];
    snprintf(address, sizeof address, "unix://%s", path);
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = 3;
    if (kora_open(NULL, &o, &db) != KORA_OK || kora_listen(db, address, NULL, 0, NULL, 0) != KORA_OK) die("kora_open");
    atomic_store(&lease_delay_per_mille, 30);
    printf("seed %" PRIu64 "\n", options.seed);
    uint64_t random = options.seed * 0x9E3779B97F4A7C15u | 1;
    for (int i = 0; i < 10; i++) order(&random);
    atomic_store(&lease_delay_per_mille, 2);
    storm(false);
    storm(true);
    printf("served %" PRIu64 ", by their own %" PRIu64 "\n", atomic_load(&lease_paths[LEASE_PATH_SERVED]), atomic_load(&lease_paths[LEASE_PATH_TURN]));
    check(atomic_load(&lease_paths[LEASE_PATH_SERVED]) > 0, "calls were served by others");
    check(atomic_load(&lease_paths[LEASE_PATH_TURN]) > 0, "calls ran by themselves when it was their turn");
    // Who waits when the database closes is told so.
    struct client last = { .fd = dial() };
    send_line(last.fd, "BLPOP nothing 0\r\n");
    wait_sleepers(1);
    check(kora_close(db) == KORA_OK, "closing while somebody waits");
    check(recv(last.fd, last.in, sizeof last.in, 0) >= 0, "and he is told");
    close(last.fd);
    unlink(path);
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
