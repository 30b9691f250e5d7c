// Many subscribers of one channel, one of which never reads: how long messages take to reach the others, and whether all do.
//
// The channel's messages are published from here, at a steady rate, and carry the time at which each was handed to the kernel. What a
// subscriber is sent is frames of one known length, so that they are counted, not parsed. Latency is from that time to the one at which the
// kernel put the frame's last bytes into the subscriber's socket (SO_TIMESTAMPNS): ten thousand subscribers are not one program elsewhere, and
// its turn through all of them is not the server's. But it has its share of the machine meanwhile. The one that never reads has a
// small window. That the server has given it up is seen in PUBLISH's reply, which counts one receiver less.
//
// With --drain it is the other end of somebody else's load: all subscribers read whatever comes, until each has so many messages of --size
// bytes 'm', and nothing else than these.
//
// It says `ready` when all have subscribed, and begins when a line comes on standard input (with --drain: at once). Its last line is for
// programs: `load key=value ...`. Exit status 1 if a connection broke, a reply was not what it had to be, or, with --drain, a message is missing.
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { STAMP = 16, EVENTS = 512, RECV_SIZE = 256 * 1024, GRACE_MS = 20000, SMALL_WINDOW = 2048, SMALL_SEGMENT = 536 };

static const char CHANNEL[] = "many";

struct subscriber {
    int fd;
    size_t at; // bytes of the frame that is coming in
    char stamp[STAMP + 1];
    uint64_t bytes; // of --drain
};

struct run {
    unsigned port, count;
    double seconds, rate;
    size_t size;
    uint64_t drain; // messages for each; 0: the other mode
    int epoll, publisher, silent;
    struct subscriber *subscribers;
    char *in, *request;
    size_t frame, stamp_at, request_len, request_stamp_at; // lengths, and where in them the time stands
    uint64_t published, replied, received, silent_closed_after;
    char reply[64];
    size_t reply_len;
    struct hist latency;
};

static uint64_t wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int connect_to(const struct run *r, int window) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0) die("socket: %s", strerror(errno));
    if (window) {
        // By the length of a segment the other side's kernel chooses how much it takes off the server: of 64 KB ones some megabytes.
        int segment = SMALL_SEGMENT;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
    }
    if (!r->drain) setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) die("connect: %s", strerror(errno));
    return fd;
}

static int subscribe(const struct run *r, int window) {
    char request[128], wanted[128], got[128];
    int n = snprintf(request, sizeof(request), "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", sizeof(CHANNEL) - 1, CHANNEL);
    int m = snprintf(wanted, sizeof(wanted), "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:1\r\n", sizeof(CHANNEL) - 1, CHANNEL);
    int fd = connect_to(r, window);
    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n) die("send: %s", strerror(errno));
    if (recv(fd, got, (size_t)m, MSG_WAITALL) != m || memcmp(got, wanted, (size_t)m) != 0) die("SUBSCRIBE has another reply: %.*s", m, got);
    return fd;
}

static void watch(struct run *r, int fd, uint64_t data) {
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = data };
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll: %s", strerror(errno));
}

static void open_all(struct run *r) {
    r->epoll = epoll_create1(0);
    r->subscribers = need_alloc(r->count * sizeof(*r->subscribers));
    for (unsigned i = 0; i + 1 < r->count; i++) watch(r, r->subscribers[i].fd = subscribe(r, 0), i);
    r->silent = subscribe(r, SMALL_WINDOW);
    r->publisher = connect_to(r, 0);
    watch(r, r->publisher, UINT64_MAX);
}

static void prepare(struct run *r) {
    char head[128];
    int n = snprintf(head, sizeof(head), "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n", sizeof(CHANNEL) - 1, CHANNEL, r->size);
    r->stamp_at = (size_t)n;
    r->frame = (size_t)n + r->size + 2;
    r->request = need_alloc(r->size + 256);
    n = snprintf(r->request, 128, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n", sizeof(CHANNEL) - 1, CHANNEL, r->size);
    r->request_stamp_at = (size_t)n;
    memset(r->request + n, 'm', r->size);
    memcpy(r->request + (size_t)n + r->size, "\r\n", 2);
    r->request_len = (size_t)n + r->size + 2;
    r->in = need_alloc(RECV_SIZE);
}

static void publish(struct run *r) {
    char stamp[STAMP + 1];
    snprintf(stamp, sizeof(stamp), "%016llx", (unsigned long long)wall_ns());
    memcpy(r->request + r->request_stamp_at, stamp, STAMP);
    if (send(r->publisher, r->request, r->request_len, MSG_NOSIGNAL) != (ssize_t)r->request_len) die("the publisher's socket is full");
    r->published++;
}

static void read_replies(struct run *r) {
    ssize_t n = recv(r->publisher, r->in, RECV_SIZE, 0);
    if (n <= 0) die("the publisher's connection broke");
    for (ssize_t i = 0; i < n; i++) {
        if (r->in[i] != '\n') {
            if (r->reply_len + 1 < sizeof(r->reply)) r->reply[r->reply_len++] = r->in[i];
            continue;
        }
        r->reply[r->reply_len] = 0;
        unsigned reached = r->reply[0] == ':' ? (unsigned)atoi(r->reply + 1) : 0;
        r->replied++;
        if (reached + 1 == r->count && !r->silent_closed_after) r->silent_closed_after = r->replied;
        else if (reached + (r->silent_closed_after > 0) != r->count) die("message %llu: %s", (unsigned long long)r->replied, r->reply);
        r->reply_len = 0;
    }
}

// As recv; `when`: when the last of the bytes came.
static ssize_t recv_stamped(int fd, char *to, size_t room, uint64_t *when) {
    union {
        struct cmsghdr head;
        char room[256];
    } control;
    struct iovec part = { to, room };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(fd, &m, 0);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (n > 0 && !(c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)) die("the kernel does not say when bytes came");
    if (n > 0) {
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof(t));
        *when = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return n;
}

static void read_messages(struct run *r, struct subscriber *s) {
    uint64_t when = 0;
    ssize_t n = recv_stamped(s->fd, r->in, RECV_SIZE, &when);
    if (n <= 0) die("a subscriber that reads was closed after %llu messages: %s", (unsigned long long)r->published, n ? strerror(errno) : "end of file");
    for (size_t i = 0; i < (size_t)n;) {
        size_t take = r->frame - s->at < (size_t)n - i ? r->frame - s->at : (size_t)n - i;
        for (size_t k = 0; k < STAMP; k++) { // the part of the time that these bytes bring
            size_t at = r->stamp_at + k;
            if (at >= s->at && at < s->at + take) s->stamp[k] = r->in[i + at - s->at];
        }
        i += take;
        s->at += take;
        if (s->at < r->frame) break;
        s->at = 0;
        r->received++;
        uint64_t sent = strtoull(s->stamp, NULL, 16);
        hist_add(&r->latency, when > sent ? when - sent : 0); // another clock may have been set
    }
}

// Returns at `until`, or, if it is 0, when all that is due has come or the time for that is over.
static void take_events(struct run *r, uint64_t until) {
    struct epoll_event events[EVENTS];
    uint64_t end = until ? until : now_ns() + (uint64_t)GRACE_MS * 1000000u;
    for (uint64_t now; (now = now_ns()) < end;) {
        if (!until && r->received == r->published * (r->count - 1) && r->replied == r->published) return;
        int n = epoll_wait(r->epoll, events, EVENTS, (int)((end - now) / 1000000u));
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == UINT64_MAX) read_replies(r);
            else read_messages(r, &r->subscribers[events[i].data.u64]);
        }
    }
}

// ---- the other end of a load -------------------------------------------------------------------------------------------------

// What all subscribers are sent is the same frame again and again: as many bytes from any place in it as are read at once.
static char *frames(const struct run *r) {
    size_t n = RECV_SIZE + r->frame;
    char *all = need_alloc(n), *one = need_alloc(r->frame + 1);
    int head = snprintf(one, r->frame, "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n", sizeof(CHANNEL) - 1, CHANNEL, r->size);
    memset(one + head, 'm', r->size);
    memcpy(one + (size_t)head + r->size, "\r\n", 2);
    for (size_t i = 0; i < n; i++) all[i] = one[i % r->frame];
    free(one);
    return all;
}

// Returns true if the subscriber has got all that is due.
static bool drain_one(struct run *r, struct subscriber *s, const char *wanted) {
    uint64_t due = r->drain * r->frame;
    ssize_t n = recv(s->fd, r->in, RECV_SIZE, 0);
    if (n <= 0) die("a subscriber was closed after %llu messages: %s", (unsigned long long)(s->bytes / r->frame), n ? strerror(errno) : "end of file");
    if (memcmp(r->in, wanted + s->bytes % r->frame, (size_t)n) != 0) die("a subscriber got something else");
    s->bytes += (uint64_t)n;
    if (s->bytes > due) die("a subscriber got more than %llu messages", (unsigned long long)r->drain);
    return s->bytes == due;
}

static int drain_all(struct run *r) {
    struct epoll_event events[EVENTS];
    char *wanted = frames(r);
    unsigned done = 0;
    uint64_t bytes = 0, messages = 0;
    r->epoll = epoll_create1(0);
    r->subscribers = need_alloc(r->count * sizeof(*r->subscribers));
    for (unsigned i = 0; i < r->count; i++) watch(r, r->subscribers[i].fd = subscribe(r, 0), i);
    printf("ready\n");
    fflush(stdout);
    while (done < r->count) {
        int n = epoll_wait(r->epoll, events, EVENTS, GRACE_MS);
        if (n == 0) break; // there will be no more
        for (int i = 0; i < n; i++) done += drain_one(r, &r->subscribers[events[i].data.u64], wanted);
    }
    for (unsigned i = 0; i < r->count; i++) {
        bytes += r->subscribers[i].bytes;
        messages += r->subscribers[i].bytes / r->frame;
    }
    uint64_t lost = r->drain * r->count - messages;
    printf("load received=%llu bytes=%llu lost=%llu\n", (unsigned long long)messages, (unsigned long long)bytes, (unsigned long long)lost);
    free(wanted);
    return lost ? 1 : 0;
}

int main(int argc, char **argv) {
    static struct run r = { .port = 6379, .count = 10000, .seconds = 10, .rate = 10, .size = 1024 };
    static const struct option options[] = { { "port", 1, NULL, 'p' }, { "subscribers", 1, NULL, 'n' }, { "seconds", 1, NULL, 's' },
        { "rate", 1, NULL, 'r' }, { "size", 1, NULL, 'b' }, { "drain", 1, NULL, 'd' }, { NULL, 0, NULL, 0 } };
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'p': r.port = (unsigned)need_number("--port", optarg, 1, 65535); break;
        case 'n': r.count = (unsigned)need_number("--subscribers", optarg, 1, 1000000); break;
        case 's': r.seconds = need_number("--seconds", optarg, 0.1, 100000); break;
        case 'r': r.rate = need_number("--rate", optarg, 0.001, 1000000); break;
        case 'b': r.size = (size_t)need_number("--size", optarg, 1, 1 << 20); break;
        case 'd': r.drain = (uint64_t)need_number("--drain", optarg, 1, 1e12); break;
        default: die("options: --port N --subscribers N --size BYTES, and --seconds S --rate MESSAGES_A_SECOND or --drain MESSAGES");
        }
    }
    prepare(&r);
    if (r.drain) return drain_all(&r);
    if (r.count < 2 || r.size < STAMP) die("one subscriber never reads, and a message has a time in it: at least 2 of them, and %d bytes", STAMP);
    open_all(&r);
    printf("ready\n");
    fflush(stdout);
    while (getchar() != '\n' && !feof(stdin)) {}
    uint64_t start = now_ns(), total = (uint64_t)(r.seconds * r.rate + 0.5);
    for (uint64_t i = 0; i < total; i++) {
        take_events(&r, start + (uint64_t)((double)i / r.rate * 1e9));
        publish(&r);
    }
    take_events(&r, 0);
    uint64_t due = r.published * (r.count - 1);
    printf("load published=%llu received=%llu lost=%lld silent_closed_after=%llu p50_ms=%.3f p99_ms=%.3f max_ms=%.3f\n",
        (unsigned long long)r.published, (unsigned long long)r.received, (long long)(due - r.received), (unsigned long long)r.silent_closed_after,
        (double)hist_at(&r.latency, 0.5) / 1e6, (double)hist_at(&r.latency, 0.99) / 1e6, (double)r.latency.max / 1e6);
    return r.replied == r.published ? 0 : 1;
}
