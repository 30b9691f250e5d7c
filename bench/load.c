// A load generator for servers that speak RESP: SET and GET over many keys, from some threads with epoll and raw sockets.
//
// It shares the machine with the server that it measures, so it is built to be cheap: requests are put together from ready
// parts, a batch of `--pipeline` requests is one write, replies are skipped rather than parsed, and a connection has one batch
// in flight: the next one goes out when the last reply of this one is here. Latency is from the write to each reply.
//
// What is measured: operations, latency (histogram), and the CPU time of the server process and of the generator itself, all
// between the end of the warm-up and the end of the run. Exit status 1 if a reply was an error, a connection broke, or,
// with --verify, a value had another length than the one that is written.
//
// Ownership: a worker owns its connections and its counters; the main thread reads `ops` (atomic) while they run, and the rest
// after they have been joined.
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    RECV_SIZE = 256 * 1024,
    LINE_MAX_ = 128,      // of a reply's first line, what is kept
    REQUEST_OVERHEAD = 96, // bytes of a request that are neither key nor value
    FILL_BATCH = 64,
    EVENTS = 256,
    DISTINCT = 4 << 20,   // places where a value may begin, with --distinct
};

struct options {
    const char *host, *unix_path, *label;
    unsigned port, connections, threads, pipeline, idle;
    uint64_t keys, ops, seed, drift_ns;
    double seconds, warmup, zipf, set_part; // set_part: share of SET, 0 to 1
    size_t value_low, value_high;
    int server_pid;
    bool fill, verify, idle_ping, quiet, by_signal, distinct;
};

struct zipf { // Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994
    double theta, zetan, alpha, eta, half_theta;
};

enum phase { WARMUP, MEASURE, STOP };

struct run {
    struct options o;
    struct sockaddr_storage address;
    socklen_t address_len;
    struct zipf zipf;
    char *value;            // value_high bytes; with --distinct so many more
    char digits[10000][4];  // "0000" to "9999"
    _Atomic int phase;
    bool filling;
};

struct conn {
    int fd;
    unsigned wait, batch;   // replies that are still to come, of how many
    uint64_t sent_ns, rng;
    uint64_t fill_next, fill_left;
    size_t skip;            // bytes of a value, with its \r\n, that are still to come
    unsigned line_len;      // of a first line that has come in part
    bool done;
    char *rest;             // what the socket would not take
    size_t rest_len, rest_at;
    char line[LINE_MAX_];
};

struct worker {
    pthread_t thread;
    struct run *run;
    struct conn *conns;
    unsigned count, live;   // connections; those that still have something to do
    int epoll;
    char *out, *in;
    uint64_t batches_left;  // with --ops
    _Atomic uint64_t ops;
    uint64_t misses, errors, wrong, broken;
    char error[LINE_MAX_];  // the first
    struct hist latency;    // ns, of the measured phase
    char pad[64];
};

// ---- keys and requests ----

static void zipf_init(struct zipf *z, uint64_t n, double theta) {
    z->theta = theta;
    z->zetan = 0;
    for (uint64_t i = 1; i <= n; i++) z->zetan += pow((double)i, -theta);
    z->alpha = 1 / (1 - theta);
    z->half_theta = 1 + pow(0.5, theta);
    z->eta = (1 - pow(2.0 / (double)n, 1 - theta)) / (1 - z->half_theta / z->zetan);
}

static uint64_t zipf_rank(const struct zipf *z, uint64_t *rng, uint64_t n) {
    double u = (double)(rng_next(rng) >> 11) / 9007199254740992.0, uz = u * z->zetan;
    if (uz < 1) return 0;
    if (uz < z->half_theta) return 1;
    uint64_t r = (uint64_t)((double)n * pow(z->eta * u - z->eta + 1, z->alpha));
    return r < n ? r : n - 1;
}

static uint64_t key_choose(const struct run *r, uint64_t *rng) {
    if (r->o.zipf <= 0) return rng_below(rng, r->o.keys);
    uint64_t rank = zipf_rank(&r->zipf, rng, r->o.keys);
    return rng_next(&rank) % r->o.keys; // popular keys lie anywhere
}

static char *put(char *to, const char *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

static char *put_key(const struct run *r, char *to, uint64_t key) {
    to = put(to, "$16\r\nkey:", 9);
    to = put(to, r->digits[key / 100000000 % 10000], 4);
    to = put(to, r->digits[key / 10000 % 10000], 4);
    to = put(to, r->digits[key % 10000], 4);
    return put(to, "\r\n", 2);
}

static size_t value_size(const struct run *r, uint64_t *rng) {
    const struct options *o = &r->o;
    if (o->value_low == o->value_high) return o->value_low;
    return size_drift(rng, o->value_low, o->value_high, o->drift_ns, o->drift_ns ? now_ns() : 0);
}

static char *put_set(const struct run *r, char *to, uint64_t key, uint64_t *rng) {
    size_t n = value_size(r, rng);
    to = put(to, "*3\r\n$3\r\nSET\r\n", 13);
    to = put_key(r, to, key);
    char text[24], *p = text + sizeof(text);
    *--p = '\n';
    *--p = '\r';
    size_t rest = n;
    do *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    *--p = '$';
    to = put(to, p, (size_t)(text + sizeof(text) - p));
    to = put(to, r->value + (r->o.distinct ? rng_below(rng, DISTINCT) : 0), n);
    return put(to, "\r\n", 2);
}

static char *put_get(const struct run *r, char *to, uint64_t key) {
    to = put(to, "*2\r\n$3\r\nGET\r\n", 13);
    return put_key(r, to, key);
}

// ---- connections ----

static bool again(void) { return errno == EAGAIN || errno == EINTR; }

static void watch(struct worker *w, struct conn *c, uint32_t events) {
    struct epoll_event e = { .events = events, .data.ptr = c };
    if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->fd, &e) != 0) die("epoll: %s", strerror(errno));
}

static void retire(struct worker *w, struct conn *c, bool broken) {
    if (c->done) return;
    c->done = true;
    w->live--;
    if (!broken) return;
    w->broken++;
    epoll_ctl(w->epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

// Sends; what the socket does not take now is kept in `rest` until it does.
static void send_all(struct worker *w, struct conn *c, const char *p, size_t n) {
    ssize_t did = send(c->fd, p, n, MSG_NOSIGNAL);
    if (did < 0 && !again()) { retire(w, c, true); return; }
    size_t sent = did < 0 ? 0 : (size_t)did;
    if (sent == n) return;
    c->rest = need(realloc(c->rest, n - sent));
    memcpy(c->rest, p + sent, n - sent);
    c->rest_len = n - sent;
    c->rest_at = 0;
    watch(w, c, EPOLLIN | EPOLLOUT);
}

static void send_rest(struct worker *w, struct conn *c) {
    if (c->rest_at == c->rest_len) return;
    ssize_t did = send(c->fd, c->rest + c->rest_at, c->rest_len - c->rest_at, MSG_NOSIGNAL);
    if (did < 0 && !again()) { retire(w, c, true); return; }
    if (did > 0) c->rest_at += (size_t)did;
    if (c->rest_at == c->rest_len) watch(w, c, EPOLLIN);
}

// The next batch, or nothing if this connection has done its part. `now` starts its clock.
static void batch_send(struct worker *w, struct conn *c, uint64_t now) {
    struct run *r = w->run;
    char *to = w->out;
    unsigned n = 0;
    if (r->filling) {
        for (; n < FILL_BATCH && c->fill_left; n++, c->fill_left--, c->fill_next += r->o.connections) {
            to = put_set(r, to, c->fill_next, &c->rng);
        }
    } else if (!r->o.ops || w->batches_left) {
        if (r->o.ops) w->batches_left--;
        uint64_t bar = (uint64_t)(r->o.set_part * 4294967296.0);
        for (; n < r->o.pipeline; n++) {
            bool set = bar > 0 && (rng_next(&c->rng) >> 32) < bar;
            uint64_t key = key_choose(r, &c->rng);
            to = set ? put_set(r, to, key, &c->rng) : put_get(r, to, key);
        }
    }
    if (!n) { retire(w, c, false); return; }
    c->wait = c->batch = n;
    c->sent_ns = now;
    send_all(w, c, w->out, (size_t)(to - w->out));
}

// ---- replies ----

// Takes in a reply's first line (without \r\n). Returns true if the reply ends with it; else c->skip says what follows.
static bool line_take(struct worker *w, struct conn *c, const char *line, size_t n) {
    const struct options *o = &w->run->o;
    if (n && line[0] == '$') {
        long long len = strtoll(line + 1, NULL, 10);
        if (len < 0) { w->misses++; return true; }
        if ((size_t)len < o->value_low || (size_t)len > o->value_high) w->wrong++;
        c->skip = (size_t)len + 2;
        return false;
    }
    if (n && line[0] == '_') w->misses++;
    else if (n && (line[0] == '+' || line[0] == ':')) return true;
    else {
        if (!w->errors++) snprintf(w->error, sizeof(w->error), "%.*s", (int)n, line);
    }
    return true;
}

// One reply, or a part of it, of the bytes p..end. Returns how far it got; *whole: a reply has ended there.
static const char *reply_skip(struct worker *w, struct conn *c, const char *p, const char *end, bool *whole) {
    *whole = false;
    if (!c->skip) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *upto = nl ? nl : end;
        if (c->line_len == 0 && nl) {
            *whole = line_take(w, c, p, (size_t)(nl - p) - (nl > p && nl[-1] == '\r'));
        } else {
            for (; p < upto; p++) {
                if (*p != '\r' && c->line_len < LINE_MAX_ - 1) c->line[c->line_len++] = *p;
            }
            if (!nl) return end;
            c->line[c->line_len] = 0;
            *whole = line_take(w, c, c->line, c->line_len);
            c->line_len = 0;
        }
        p = nl + 1;
        if (*whole) return p;
    }
    size_t n = (size_t)(end - p) < c->skip ? (size_t)(end - p) : c->skip;
    c->skip -= n;
    *whole = c->skip == 0;
    return p + n;
}

static void readable(struct worker *w, struct conn *c) {
    struct run *r = w->run;
    ssize_t n = recv(c->fd, w->in, RECV_SIZE, 0);
    if (n < 0 && again()) return;
    if (n <= 0) { retire(w, c, true); return; }
    uint64_t now = now_ns();
    const char *p = w->in, *end = p + n;
    unsigned replies = 0;
    while (p < end) {
        bool whole;
        p = reply_skip(w, c, p, end, &whole);
        replies += whole;
    }
    if (!replies) return;
    if (replies > c->wait) die("the server sent more replies than requests");
    c->wait -= replies;
    atomic_store_explicit(&w->ops, atomic_load_explicit(&w->ops, memory_order_relaxed) + replies, memory_order_relaxed);
    if (!r->filling && atomic_load_explicit(&r->phase, memory_order_relaxed) == MEASURE) {
        for (unsigned i = 0; i < replies; i++) hist_add(&w->latency, now - c->sent_ns);
    }
    if (!c->wait) batch_send(w, c, now);
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct epoll_event events[EVENTS];
    w->live = 0;
    for (unsigned i = 0; i < w->count; i++) w->live += !(w->conns[i].done = w->conns[i].fd < 0);
    for (unsigned i = 0; i < w->count; i++) batch_send(w, &w->conns[i], now_ns());
    while (w->live && (w->run->filling || atomic_load_explicit(&w->run->phase, memory_order_relaxed) != STOP)) {
        int n = epoll_wait(w->epoll, events, EVENTS, 200);
        if (n < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) send_rest(w, c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(w, c);
        }
    }
    return NULL;
}

// ---- set-up ----

static void address_find(struct run *r) {
    if (r->o.unix_path) {
        struct sockaddr_un *u = (struct sockaddr_un *)(void *)&r->address;
        u->sun_family = AF_UNIX;
        if (strlen(r->o.unix_path) >= sizeof(u->sun_path)) die("--unix: path too long");
        strcpy(u->sun_path, r->o.unix_path);
        r->address_len = sizeof(*u);
        return;
    }
    char port[16];
    snprintf(port, sizeof(port), "%u", r->o.port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    int e = getaddrinfo(r->o.host, port, &hints, &found);
    if (e) die("%s: %s", r->o.host, gai_strerror(e));
    memcpy(&r->address, found->ai_addr, found->ai_addrlen);
    r->address_len = found->ai_addrlen;
    freeaddrinfo(found);
}

static int connection_open(const struct run *r) {
    int fd = socket(r->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)(const void *)&r->address, r->address_len) != 0) {
        if (r->o.unix_path) die("connect to %s: %s", r->o.unix_path, strerror(errno));
        die("connect to %s:%u: %s", r->o.host, r->o.port, strerror(errno));
    }
    int on = 1;
    if (!r->o.unix_path) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static void worker_init(struct worker *w, struct run *r, unsigned index) {
    const struct options *o = &r->o;
    unsigned base = o->connections / o->threads, more = o->connections % o->threads;
    unsigned first = index * base + (index < more ? index : more);
    w->run = r;
    w->count = base + (index < more);
    w->conns = need_alloc(w->count * sizeof(*w->conns));
    unsigned deepest = o->pipeline > FILL_BATCH ? o->pipeline : FILL_BATCH;
    w->out = need_alloc(deepest * (o->value_high + KEY_LEN + REQUEST_OVERHEAD));
    w->in = need_alloc(RECV_SIZE);
    uint64_t batches = o->ops / o->pipeline;
    w->batches_left = batches / o->threads + (index < batches % o->threads);
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll < 0) die("epoll: %s", strerror(errno));
    for (unsigned i = 0; i < w->count; i++) {
        struct conn *c = &w->conns[i];
        uint64_t mix = o->seed + first + i, left = o->keys - (first + i < o->keys ? first + i : o->keys);
        c->rng = rng_next(&mix);
        c->fill_next = first + i;
        c->fill_left = (left + o->connections - 1) / o->connections;
        c->fd = connection_open(r);
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) die("epoll: %s", strerror(errno));
    }
}

static void workers_start(struct worker *w, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0) die("a thread could not be started");
    }
}

static void workers_join(struct worker *w, unsigned n) {
    for (unsigned i = 0; i < n; i++) pthread_join(w[i].thread, NULL);
}

static uint64_t ops_sum(const struct worker *w, unsigned n) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) sum += atomic_load_explicit(&w[i].ops, memory_order_relaxed);
    return sum;
}

// ---- idle connections ----

static int *idle_open(const struct run *r) {
    int *fds = need_alloc(r->o.idle * sizeof(int));
    for (unsigned i = 0; i < r->o.idle; i++) {
        fds[i] = connection_open(r);
        if (!r->o.idle_ping) continue;
        char reply[64];
        if (fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) & ~O_NONBLOCK) != 0) die("fcntl: %s", strerror(errno));
        if (send(fds[i], "*1\r\n$4\r\nPING\r\n", 14, MSG_NOSIGNAL) != 14 || recv(fds[i], reply, sizeof(reply), 0) <= 0) {
            die("idle connection %u: no answer to PING", i);
        }
    }
    return fds;
}

static unsigned idle_broken(const int *fds, unsigned n) {
    unsigned broken = 0;
    for (unsigned i = 0; i < n; i++) {
        char c;
        ssize_t got = recv(fds[i], &c, 1, MSG_PEEK | MSG_DONTWAIT);
        broken += !(got < 0 && again());
    }
    return broken;
}

// Until standard input ends, or so many seconds.
static void hold(double seconds) {
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    char c;
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    for (uint64_t now; (now = now_ns()) < end;) {
        uint64_t ms = (end - now) / 1000000 + 1;
        if (poll(&in, 1, ms < 1000000 ? (int)ms : 1000000) > 0 && read(STDIN_FILENO, &c, 1) <= 0) return;
    }
}

// ---- the run and its report ----

struct sample {
    uint64_t ns, ops, server_cpu, own_cpu;
};

static struct sample sample_take(const struct run *r, const struct worker *w) {
    struct sample s = { now_ns(), ops_sum(w, r->o.threads), 0, own_cpu_ns() };
    if (r->o.server_pid && !(s.server_cpu = process_cpu_ns(r->o.server_pid))) die("--server-pid %d: no such process", r->o.server_pid);
    return s;
}

static int report(const struct run *r, const struct worker *w, struct sample from, struct sample to, unsigned idle_lost) {
    struct hist *h = need_alloc(sizeof(*h));
    uint64_t misses = 0, errors = 0, wrong = 0, broken = idle_lost;
    const char *error = NULL;
    for (unsigned i = 0; i < r->o.threads; i++) {
        hist_merge(h, &w[i].latency);
        misses += w[i].misses, errors += w[i].errors, wrong += w[i].wrong, broken += w[i].broken;
        if (w[i].errors && !error) error = w[i].error;
    }
    double seconds = to.ns > from.ns ? (double)(to.ns - from.ns) / 1e9 : 1e-9, ops = (double)(to.ops - from.ops);
    double each = ops > 0 ? ops : 1, cpu = (double)(to.server_cpu - from.server_cpu) / 1e3 / each;
    double own = (double)(to.own_cpu - from.own_cpu) / 1e3 / each, ms = 1e6;
    double p50 = (double)hist_at(h, 0.5) / ms, p99 = (double)hist_at(h, 0.99) / ms, p999 = (double)hist_at(h, 0.999) / ms;
    double longest = (double)h->max / ms;
    if (!r->o.quiet) {
        printf("%s: %.0f ops in %.2f s, %.0f ops/s; ms: p50 %.3f p99 %.3f p99.9 %.3f max %.3f; ", r->o.label, ops, seconds, ops / seconds,
            p50, p99, p999, longest);
        if (r->o.server_pid) printf("server CPU %.3f us/op; ", cpu);
        printf("own CPU %.3f us/op; %llu misses\n", own, (unsigned long long)misses);
    }
    printf("load label=%s ops=%.0f seconds=%.4f ops_per_s=%.1f server_cpu_us_per_op=%.4f own_cpu_us_per_op=%.4f p50_ms=%.4f "
           "p99_ms=%.4f p999_ms=%.4f max_ms=%.4f misses=%llu errors=%llu wrong=%llu broken=%llu\n",
        r->o.label, ops, seconds, ops / seconds, cpu, own, p50, p99, p999, longest, (unsigned long long)misses,
        (unsigned long long)errors, (unsigned long long)wrong, (unsigned long long)broken);
    free(h);
    if (errors) fprintf(stderr, "load: %llu replies were errors, the first: %s\n", (unsigned long long)errors, error);
    if (broken) fprintf(stderr, "load: %llu connections broke\n", (unsigned long long)broken);
    if (wrong && r->o.verify) fprintf(stderr, "load: %llu values had a wrong length\n", (unsigned long long)wrong);
    return errors || broken || (r->o.verify && (wrong || (r->o.fill && misses)));
}

// A phase: so many seconds, or until somebody says that it is over.
static void sleep_or(const struct options *o, double seconds, int signal) {
    sigset_t set;
    struct timespec t = { (time_t)seconds, (long)((seconds - floor(seconds)) * 1e9) };
    sigemptyset(&set);
    sigaddset(&set, signal);
    if (o->by_signal) sigtimedwait(&set, NULL, &t);
    else sleep_ns((uint64_t)(seconds * 1e9));
}

static int run_load(struct run *r) {
    const struct options *o = &r->o;
    struct worker *w = need(aligned_alloc(64, (sizeof(*w) * o->threads + 63) / 64 * 64));
    memset(w, 0, sizeof(*w) * o->threads);
    for (unsigned i = 0; i < o->threads; i++) worker_init(&w[i], r, i);
    int *idle = idle_open(r);
    if (o->fill && o->connections) {
        uint64_t start = now_ns();
        r->filling = true;
        workers_start(w, o->threads);
        workers_join(w, o->threads);
        r->filling = false;
        if (!o->quiet) printf("%s: filled %llu keys in %.2f s\n", o->label, (unsigned long long)o->keys, (double)(now_ns() - start) / 1e9);
    }
    if (o->idle) printf("idle connections=%u\n", o->idle);
    fflush(stdout);
    struct sample from = sample_take(r, w), to = from;
    if (o->ops && o->connections) {
        atomic_store(&r->phase, MEASURE);
        workers_start(w, o->threads);
        workers_join(w, o->threads);
        to = sample_take(r, w);
    } else if (!o->connections) {
        hold(o->seconds);
    } else if (o->seconds > 0) {
        workers_start(w, o->threads);
        sleep_or(o, o->warmup, SIGUSR1);
        from = sample_take(r, w);
        atomic_store(&r->phase, MEASURE);
        sleep_or(o, o->seconds, SIGUSR2);
        to = sample_take(r, w);
        atomic_store(&r->phase, STOP);
        workers_join(w, o->threads);
    }
    int status = report(r, w, from, to, idle_broken(idle, o->idle));
    for (unsigned i = 0; i < o->threads; i++) {
        for (unsigned k = 0; k < w[i].count; k++) close(w[i].conns[k].fd), free(w[i].conns[k].rest);
        close(w[i].epoll), free(w[i].conns), free(w[i].out), free(w[i].in);
    }
    for (unsigned i = 0; i < o->idle; i++) close(idle[i]);
    free(idle), free(w);
    return status;
}

// ---- options ----

static const char usage[] =
    "load: SET and GET against a server that speaks RESP\n"
    "  --host ADDRESS       127.0.0.1\n"
    "  --port N             6379\n"
    "  --unix PATH          a unix socket instead\n"
    "  --connections N      100; 0: none: with --idle, holds those until its input ends or --seconds are over\n"
    "  --threads N          2\n"
    "  --pipeline N         requests in flight on a connection: 1\n"
    "  --seconds S          how long to measure: 3; 0: only fill\n"
    "  --warmup S           how long to run before: 0.3\n"
    "  --ops N              measure this many operations instead\n"
    "  --keys N             keys, drawn uniformly, by each connection from its own seed: 1000000\n"
    "  --zipf THETA         keys by Zipf's law with this exponent (0.5 to 0.999) instead\n"
    "  --mix S:G            so many SETs to so many GETs: 1:1\n"
    "  --value-size N       256\n"
    "  --value-range A:B    values of A to B bytes, uniformly\n"
    "  --distinct           values that have little in common, so that compressing several together gains nothing\n"
    "  --drift S            with --value-range: sizes in a quarter of the range, that moves through it and back in S seconds\n"
    "  --fill               SET every key once before\n"
    "  --verify             fail if a value has a wrong length, or, after --fill, if a key is missing\n"
    "  --idle N             open N more connections, that say nothing\n"
    "  --idle-ping          these say PING once, when they are opened\n"
    "  --server-pid PID     account that process's CPU time\n"
    "  --by-signal          SIGUSR1 ends the warm-up, SIGUSR2 what is measured; --warmup and --seconds are the longest that they take\n"
    "  --seed N  --label TEXT  --quiet (no line for humans)\n";

static void parse_pair(const char *what, const char *text, double *a, double *b) {
    char *end;
    *a = strtod(text, &end);
    if (end == text || *end != ':') die("%s: \"%s\" is not of the form A:B", what, text);
    *b = need_number(what, end + 1, 0, 1e9);
    if (!(*a >= 0 && *a <= 1e9)) die("%s: \"%s\" is out of range", what, text);
}

static void option_take(struct options *o, const char *name, const char *v) {
    double a = 0, b = 0;
    if (!strcmp(name, "host")) o->host = v;
    else if (!strcmp(name, "unix")) o->unix_path = v;
    else if (!strcmp(name, "label")) o->label = v;
    else if (!strcmp(name, "port")) o->port = (unsigned)need_number(name, v, 1, 65535);
    else if (!strcmp(name, "connections")) o->connections = (unsigned)need_number(name, v, 0, 1e6);
    else if (!strcmp(name, "threads")) o->threads = (unsigned)need_number(name, v, 1, 1024);
    else if (!strcmp(name, "pipeline")) o->pipeline = (unsigned)need_number(name, v, 1, 1e5);
    else if (!strcmp(name, "idle")) o->idle = (unsigned)need_number(name, v, 0, 1e6);
    else if (!strcmp(name, "seconds")) o->seconds = need_number(name, v, 0, 1e6);
    else if (!strcmp(name, "warmup")) o->warmup = need_number(name, v, 0, 1e6);
    else if (!strcmp(name, "ops")) o->ops = (uint64_t)need_number(name, v, 1, 1e15);
    else if (!strcmp(name, "keys")) o->keys = (uint64_t)need_number(name, v, 1, 1e12);
    else if (!strcmp(name, "zipf")) o->zipf = need_number(name, v, 0.5, 0.999);
    else if (!strcmp(name, "value-size")) o->value_low = o->value_high = (size_t)need_number(name, v, 0, 512e6);
    else if (!strcmp(name, "value-range")) {
        parse_pair(name, v, &a, &b);
        if (a > b) die("value-range: \"%s\" is empty", v);
        o->value_low = (size_t)a, o->value_high = (size_t)b;
    } else if (!strcmp(name, "mix")) {
        parse_pair(name, v, &a, &b);
        if (a + b <= 0) die("mix: \"%s\" has neither SET nor GET", v);
        o->set_part = a / (a + b);
    } else if (!strcmp(name, "drift")) o->drift_ns = (uint64_t)(need_number(name, v, 0, 1e6) * 1e9);
    else if (!strcmp(name, "server-pid")) o->server_pid = (int)need_number(name, v, 1, 1e9);
    else if (!strcmp(name, "seed")) o->seed = (uint64_t)need_number(name, v, 0, 9e15);
    else if (!strcmp(name, "fill")) o->fill = true;
    else if (!strcmp(name, "verify")) o->verify = true;
    else if (!strcmp(name, "idle-ping")) o->idle_ping = true;
    else if (!strcmp(name, "quiet")) o->quiet = true;
    else if (!strcmp(name, "by-signal")) o->by_signal = true;
    else if (!strcmp(name, "distinct")) o->distinct = true;
}

static void options_parse(struct options *o, int argc, char **argv) {
    static const char *const with_value[] = { "host", "unix", "label", "port", "connections", "threads", "pipeline", "idle", "seconds",
        "warmup", "ops", "keys", "zipf", "value-size", "value-range", "mix", "drift", "server-pid", "seed" };
    static const char *const without[] = { "fill", "verify", "idle-ping", "quiet", "by-signal", "distinct", "help" };
    struct option list[COUNT(with_value) + COUNT(without) + 1] = { { 0 } };
    size_t n = 0;
    for (size_t i = 0; i < COUNT(with_value); i++) list[n++] = (struct option){ with_value[i], required_argument, NULL, 'v' };
    for (size_t i = 0; i < COUNT(without); i++) list[n++] = (struct option){ without[i], no_argument, NULL, 'f' };
    for (int c, at; (c = getopt_long(argc, argv, "", list, &at)) != -1;) {
        if (c == '?') die("see --help");
        if (!strcmp(list[at].name, "help")) { fputs(usage, stdout); exit(0); }
        option_take(o, list[at].name, optarg);
    }
    if (optind < argc) die("what is \"%s\"? See --help", argv[optind]);
    if (o->connections && o->threads > o->connections) o->threads = o->connections;
    if (o->ops && o->ops < o->pipeline) o->ops = o->pipeline;
}

int main(int argc, char **argv) {
    struct run *r = need_alloc(sizeof(*r));
    r->o = (struct options){ .host = "127.0.0.1", .label = "load", .port = 6379, .connections = 100, .threads = 2, .pipeline = 1,
        .keys = 1000000, .seed = 1, .seconds = 3, .warmup = 0.3, .set_part = 0.5, .value_low = 256, .value_high = 256 };
    options_parse(&r->o, argc, argv);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (unsigned i = 0; i < 10000; i++) {
        unsigned d[4] = { i / 1000, i / 100 % 10, i / 10 % 10, i % 10 };
        for (unsigned k = 0; k < 4; k++) r->digits[i][k] = (char)('0' + d[k]);
    }
    if (r->o.by_signal) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
    }
    size_t bytes = r->o.value_high + (r->o.distinct ? DISTINCT : 0);
    r->value = need_alloc(bytes);
    uint64_t rng = r->o.seed;
    for (size_t i = 0; i < bytes; i++) r->value[i] = (char)('a' + rng_below(&rng, 26));
    if (r->o.zipf > 0) zipf_init(&r->zipf, r->o.keys, r->o.zipf);
    address_find(r);
    int status = run_load(r);
    free(r->value);
    free(r);
    return status;
}
