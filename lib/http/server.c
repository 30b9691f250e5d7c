// Connections. One is in one of these states, and each has its time, so that nobody holds one for nothing:
//
//   idle       nothing of a request is there                            HTTP_IDLE_MS
//   reading    the beginning of a head is there                         HTTP_HEAD_MS for all of it, then 408
//   ready      there is something in its buffer that has not been looked at. A shard answers one request in a turn of its loop, whoever sends how many:
//              its clients wait for no more than that
//   sending    an answer is on its way; nothing is read meanwhile       HTTP_STALL_MS without any progress
//   lingering  the last answer is sent, and its end; what still comes is thrown away, or the kernel would answer it with a reset that can overtake
//              the answer                                               HTTP_LINGER_MS
//
// A shard has at most HTTP_CONNS_MAX; one more takes the place of the one that has been idle, or lingering, for longest, or else is told 503.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/http_int.h"
#include "kora.h"
#include "net/net.h"

static void set_timer(struct http_shard *s, int64_t at_ms);

// ---- life --------------------------------------------------------------------------------------------------------------------

static int64_t now_ms(const struct http_shard *s) { return (int64_t)uv_now(&s->shard->loop); }
static size_t unsent(const struct http_conn *c) { return c->out.n + c->fixed.n - c->sent; }

static void list_add(struct http_conn *c) {
    struct http_shard *s = c->home;
    c->prev = s->last;
    c->next = NULL;
    if (s->last) s->last->next = c;
    else s->first = c;
    s->last = c;
}

static void list_remove(struct http_conn *c) {
    struct http_shard *s = c->home;
    if (c->prev) c->prev->next = c->next;
    else s->first = c->next;
    if (c->next) c->next->prev = c->prev;
    else s->last = c->prev;
}

static void on_closed(uv_handle_t *handle) { mem_free(CONTAINER_OF(handle, struct http_conn, poll)); }

static void conn_close(struct http_conn *c) {
    struct http_shard *s = c->home;
    if (c->closed) return;
    c->closed = true;
    list_remove(c);
    s->count--;
    buf_free(&c->out);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
}

// When its time is over; INT64_MAX: it waits for nobody.
static int64_t conn_due(const struct http_conn *c) {
    if (c->lingering) return c->since_ms + HTTP_LINGER_MS;
    if (unsent(c)) return c->since_ms + HTTP_STALL_MS;
    if (c->ready) return INT64_MAX;
    return c->since_ms + (c->in_n ? HTTP_HEAD_MS : HTTP_IDLE_MS);
}

static void on_idle(uv_idle_t *idle);
static void conn_receive(struct http_conn *c);
static void conn_send(struct http_conn *c);

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct http_conn *c = CONTAINER_OF(poll, struct http_conn, poll);
    if (status < 0) conn_close(c);
    else if (events & UV_WRITABLE) conn_send(c);
    else if (events & UV_READABLE) conn_receive(c);
}

static void conn_ready(struct http_conn *c) {
    c->ready = true;
    if (!c->home->stopping) uv_idle_start(&c->home->idle, on_idle);
}

// Waits for what its state calls for.
static void conn_wait(struct http_conn *c) {
    if (c->closed) return;
    int events = unsent(c) ? UV_WRITABLE : c->ready ? 0 : UV_READABLE;
    int64_t due = conn_due(c);
    if (due != INT64_MAX) set_timer(c->home, due);
    if (events == c->events) return;
    c->events = events;
    if (events) uv_poll_start(&c->poll, events, on_poll);
    else uv_poll_stop(&c->poll);
}

// ---- answers -------------------------------------------------------------------------------------------------------------------

static void put_date(struct buf *out) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900,
        t.tm_hour, t.tm_min, t.tm_sec);
}

static void put_answer(struct http_conn *c, struct http_answer *a, bool with_body) {
    struct buf *out = &c->out;
    struct slice body = a->body.n ? slice_of(a->body.p, a->body.n) : a->fixed;
    buf_printf(out, "HTTP/1.1 %d %s\r\n", a->status, http_status_text(a->status));
    put_date(out);
    buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: %s\r\n\r\n",
        a->type, body.n, a->headers ? a->headers : "", c->last ? "close" : "keep-alive");
    if (with_body && a->body.n) buf_append_slice(out, body);
    else if (with_body) c->fixed = body;
    buf_free(&a->body);
}

static void conn_answer(struct http_conn *c, struct http_answer *a, bool with_body) {
    c->answered = true;
    put_answer(c, a, with_body);
    c->since_ms = now_ms(c->home);
    if (c->out.failed) conn_close(c);
    else conn_send(c);
}

// The connection's last word.
static void conn_refuse(struct http_conn *c, int status) {
    struct http_answer a = { 0 };
    http_answer_status(&a, status);
    c->last = true;
    conn_answer(c, &a, true);
}

static void conn_sent(struct http_conn *c) {
    c->sent = 0;
    c->fixed = slice_of(NULL, 0);
    if (c->out.cap > HTTP_OUT_KEEP) buf_free(&c->out);
    else buf_clear(&c->out);
    c->since_ms = now_ms(c->home);
    if (c->last) {
        shutdown(c->fd, SHUT_WR);
        c->lingering = true;
    } else if (c->in_n) {
        conn_ready(c);
    }
}

static void conn_send(struct http_conn *c) {
    while (unsent(c)) {
        struct iovec iov[2] = { { 0 } };
        int n = 0;
        if (c->sent < c->out.n) iov[n++] = (struct iovec){ c->out.p + c->sent, c->out.n - c->sent };
        size_t at = c->sent > c->out.n ? c->sent - c->out.n : 0;
        if (at < c->fixed.n) iov[n++] = (struct iovec){ (char *)(uintptr_t)c->fixed.p + at, c->fixed.n - at };
        struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)n };
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (sent < 0) {
            conn_close(c);
            return;
        }
        c->sent += (size_t)sent;
        c->since_ms = now_ms(c->home);
    }
    if (!unsent(c)) conn_sent(c);
    conn_wait(c);
}

// ---- requests ------------------------------------------------------------------------------------------------------------------

static void conn_receive(struct http_conn *c) {
    char nowhere[4096];
    // A lingering connection's buffer may hold what was refused: it stays as it is.
    ssize_t n = c->lingering ? recv(c->fd, nowhere, sizeof nowhere, MSG_DONTWAIT) :
        recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    if (n <= 0) {
        conn_close(c);
        return;
    }
    if (c->lingering) return;
    if (c->in_n == 0) c->since_ms = now_ms(c->home);
    c->in_n += (size_t)n;
    conn_ready(c);
    conn_wait(c);
}

// With the first request in its buffer, if it is complete.
static void conn_go_on(struct http_conn *c) {
    struct http_request r;
    int status = http_request_parse(c->in, c->in_n, &r);
    c->ready = false;
    if (status == HTTP_MORE) {
        conn_wait(c);
        return;
    }
    if (status) {
        conn_refuse(c, status);
        return;
    }
    struct http_answer a = { 0 };
    c->last = !r.keep_alive;
    // A page from elsewhere can give its own name this machine's address, and then read what is answered here: but it can't have an address for a name.
    if (c->loopback && !http_host_is_literal(r.host)) http_answer_status(&a, 421);
    else http_route(c->home, &r, &a);
    if (a.body.failed) {
        buf_free(&a.body);
        http_answer_status(&a, 503);
    }
    bool with_body = r.method != HTTP_HEAD;
    c->in_n -= r.size;
    memmove(c->in, c->in + r.size, c->in_n);
    conn_answer(c, &a, with_body);
}

// The first that is ready has its turn, and goes behind the others.
static void on_idle(uv_idle_t *idle) {
    struct http_shard *s = CONTAINER_OF(idle, struct http_shard, idle);
    struct http_conn *c = s->first;
    while (c && !c->ready) c = c->next;
    if (!c) {
        uv_idle_stop(idle);
        return;
    }
    list_remove(c);
    list_add(c);
    conn_go_on(c);
}

// ---- time ----------------------------------------------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer) {
    struct http_shard *s = CONTAINER_OF(timer, struct http_shard, timer);
    int64_t now = now_ms(s), next = INT64_MAX;
    for (struct http_conn *c = s->first, *after; c; c = after) {
        after = c->next;
        int64_t due = conn_due(c);
        if (due > now) next = MIN(next, due);
        else if (c->in_n && !c->lingering && !unsent(c)) conn_refuse(c, 408);
        else conn_close(c);
    }
    if (next != INT64_MAX) set_timer(s, next);
}

// Sees to it that the timer fires at that time or earlier.
static void set_timer(struct http_shard *s, int64_t at_ms) {
    if (s->stopping) return;
    uint64_t in = (uint64_t)MAX(at_ms - now_ms(s), 1);
    if (!uv_is_active((uv_handle_t *)&s->timer) || uv_timer_get_due_in(&s->timer) > in) uv_timer_start(&s->timer, on_timer, in, 0);
}

// ---- accepting -------------------------------------------------------------------------------------------------------------------

// Whose place a new connection may take: nobody waits for an answer on it. One that has just come may have sent a request that is not read yet.
static struct http_conn *longest_idle(struct http_shard *s) {
    struct http_conn *found = NULL;
    for (struct http_conn *c = s->first; c; c = c->next) {
        bool fresh = !c->answered && now_ms(s) - c->since_ms < HTTP_FRESH_MS;
        bool idle = c->lingering || (!c->in_n && !unsent(c) && !fresh);
        if (idle && (!found || c->since_ms < found->since_ms)) found = c;
    }
    return found;
}

static bool make_room(struct http_shard *s) {
    struct http_conn *idle = s->count < HTTP_CONNS_MAX ? NULL : longest_idle(s);
    if (idle) conn_close(idle);
    return s->count < HTTP_CONNS_MAX;
}

static void turn_away(int fd) {
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) shutdown(fd, SHUT_WR);
    close(fd);
}

static bool make_handles(struct http_shard *s) {
    if (s->used) return true;
    if (uv_timer_init(&s->shard->loop, &s->timer) != 0 || uv_idle_init(&s->shard->loop, &s->idle) != 0) return false;
    return s->used = true;
}

static bool is_loopback(int fd) {
    struct sockaddr_storage at = { 0 };
    socklen_t n = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0) return false;
    if (at.ss_family == AF_INET) return ntohl(((struct sockaddr_in *)&at)->sin_addr.s_addr) >> 24 == 127;
    return at.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&at)->sin6_addr);
}

// On the shard's thread: a connection has come, and its descriptor is ours.
static void take(struct shard *shard, int fd) {
    struct http_shard *s = &((struct http *)shard->engine->http)->shards[shard->id];
    struct http_conn *c = NULL;
    if (s->stopping || !make_handles(s) || !make_room(s) || !(c = mem_alloc(sizeof *c))) {
        turn_away(fd);
        return;
    }
    memset(c, 0, offsetof(struct http_conn, in));
    if (uv_poll_init(&shard->loop, &c->poll, fd) != 0) {
        mem_free(c);
        close(fd);
        return;
    }
    c->home = s;
    c->fd = fd;
    c->loopback = is_loopback(fd);
    c->since_ms = now_ms(s);
    list_add(c);
    s->count++;
    conn_wait(c);
}

// ---- the whole -------------------------------------------------------------------------------------------------------------------

int http_create(struct engine *e) {
    struct http *h = mem_alloc_zero(sizeof *h + e->shard_count * sizeof h->shards[0]);
    if (!h) return KORA_NOMEM;
    h->engine = e;
    for (uint32_t i = 0; i < e->shard_count; i++) h->shards[i].shard = &e->shards[i];
    e->http = h;
    return KORA_OK;
}

void http_shard_stop(struct shard *shard) {
    struct http *h = shard->engine->http;
    struct http_shard *s = h ? &h->shards[shard->id] : NULL;
    if (!s || s->stopping) return;
    s->stopping = true;
    while (s->first) conn_close(s->first);
    if (!s->used) return;
    uv_close((uv_handle_t *)&s->timer, NULL);
    uv_close((uv_handle_t *)&s->idle, NULL);
}

void http_destroy(struct engine *e) {
    mem_free(e->http);
    e->http = NULL;
}

bool http_is_address(const char *address) { return strncmp(address, "http://", 7) == 0; }

int http_listen(struct engine *e, const char *address, char *bound, size_t bound_size, char *error, size_t error_size) {
    return net_listen_for(e, address, "http://", take, bound, bound_size, error, error_size);
}
