// Listeners. Each accepts on one shard, taking turns, and hands every connection to the shard that has the fewest: connections spread evenly
// however few there are, which the kernel (SO_REUSEPORT) would not do.
//
// A process that has run out of descriptors can't accept, and the connection that waits keeps the listener readable: it is not
// watched for a while, and the log is told once.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "kora.h"
#include "net/net_int.h"

// ---- addresses -----------------------------------------------------------------------------------------------------------------

struct address {
    struct sockaddr_storage at;
    socklen_t len;
    bool is_unix;
    int mode; // of a Unix socket's file; -1: as umask says
};

__attribute__((format(printf, 4, 5))) static int refuse(char *error, size_t size, int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (error && size) vsnprintf(error, size, format, args);
    va_end(args);
    return status;
}

void address_format(const struct sockaddr *a, char *to, size_t size, bool with_port) {
    char text[INET6_ADDRSTRLEN] = "";
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)a;
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        if (with_port) snprintf(to, size, "[%s]:%u", text, ntohs(in->sin6_port));
        else snprintf(to, size, "%s", text);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        if (with_port) snprintf(to, size, "%s:%u", text, ntohs(in->sin_port));
        else snprintf(to, size, "%s", text);
    }
}

static bool parse_port(const char *text, in_port_t *port) {
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || n > 65535) return false;
    *port = htons((uint16_t)n);
    return true;
}

// 1.2.3.4:port or [::1]:port
static bool parse_tcp(const char *text, struct address *a) {
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    bool six = text[0] == '[';
    if (!colon || (six && (colon == text || colon[-1] != ']'))) return false;
    size_t n = (size_t)(colon - text) - (six ? 2 : 0);
    if (n >= sizeof host) return false;
    memcpy(host, text + six, n);
    host[n] = '\0';
    if (six) {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)&a->at;
        in->sin6_family = AF_INET6;
        a->len = sizeof *in;
        return inet_pton(AF_INET6, host, &in->sin6_addr) == 1 && parse_port(colon + 1, &in->sin6_port);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)&a->at;
    in->sin_family = AF_INET;
    a->len = sizeof *in;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 && parse_port(colon + 1, &in->sin_port);
}

static int parse_unix(const char *text, struct address *a, char *error, size_t size) {
    struct sockaddr_un *un = (struct sockaddr_un *)&a->at;
    const char *options = strchr(text, '?');
    size_t n = options ? (size_t)(options - text) : strlen(text);
    if (n == 0) return refuse(error, size, KORA_INVAL, "unix://: a path is missing");
    if (n >= sizeof un->sun_path) return refuse(error, size, KORA_INVAL, "unix://: the path is longer than %zu bytes", sizeof un->sun_path - 1);
    memcpy(un->sun_path, text, n);
    un->sun_family = AF_UNIX;
    a->len = sizeof *un;
    a->is_unix = true;
    if (!options) return KORA_OK;
    char *end;
    unsigned long mode = strncmp(options, "?mode=", 6) == 0 ? strtoul(options + 6, &end, 8) : 01000;
    if (mode > 0777 || options[6] < '0' || options[6] > '7' || *end) {
        return refuse(error, size, KORA_INVAL, "`%s`: only ?mode= with an octal number is understood", options);
    }
    a->mode = (int)mode;
    return KORA_OK;
}

static int parse_address(const char *text, struct address *a, char *error, size_t size) {
    *a = (struct address){ .mode = -1 };
    if (strncmp(text, "unix://", 7) == 0) return parse_unix(text + 7, a, error, size);
    if (strncmp(text, "tcp://", 6) == 0 && parse_tcp(text + 6, a)) return KORA_OK;
    return refuse(error, size, KORA_INVAL, "`%s` is none of tcp://1.2.3.4:port, tcp://[::1]:port, unix:///path, http://1.2.3.4:port", text);
}

// ---- accepting -----------------------------------------------------------------------------------------------------------------

static bool is_local(const struct sockaddr_storage *peer) {
    if (peer->ss_family == AF_INET) return (ntohl(((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr) >> 24) == 127;
    if (peer->ss_family != AF_INET6) return true;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

enum { TURN_AWAY_READS = 16 };

static void turn_away(int fd, const char *line) {
    char nowhere[512];
    // What was not read would reset the connection, and the line with it. Who sends faster than that gets no line.
    if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        shutdown(fd, SHUT_WR);
        for (int i = 0; i < TURN_AWAY_READS && recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT) > 0; i++) { }
    }
    close(fd);
}

static bool admit(struct net *n, const struct listener *l, int fd, const struct sockaddr_storage *peer) {
    struct settings *s = &n->engine->common.settings;
    if (atomic_fetch_add_explicit(&n->connections, 1, memory_order_relaxed) >= setting(&s->maxclients)) {
        turn_away(fd, "-ERR max number of clients reached\r\n");
    } else if (!l->is_unix && setting(&s->protected_mode) && !setting(&s->auth_required) && !is_local(peer)) {
        turn_away(fd, "-DENIED This server runs in protected mode: it has no password, so it serves only clients of its own machine. To connect "
                      "from elsewhere set a password (requirepass), or turn protected-mode off if the network is trusted.\r\n");
    } else {
        return true;
    }
    atomic_fetch_sub_explicit(&n->connections, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&n->rejected, 1, memory_order_relaxed);
    return false;
}

static void set_options(struct net *n, int fd) {
    int on = 1, idle = (int)setting(&n->engine->common.settings.tcp_keepalive_s);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!idle) return;
    // As Redis: three probes, a third of the time apart.
    int interval = MAX(idle / 3, 1), count = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

// The shard with the fewest connections; of equals the next in turn.
static uint32_t choose_shard(struct net *n) {
    uint32_t count = n->engine->shard_count, first = atomic_fetch_add_explicit(&n->turn, 1, memory_order_relaxed) % count, best = first;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (first + i) % count, load = atomic_load_explicit(&n->load[at], memory_order_relaxed);
        if (load < least) {
            least = load;
            best = at;
        }
    }
    return best;
}

static void adoption_unlink(struct adoption *a) {
    pthread_mutex_lock(&a->net->mutex);
    if (a->prev) a->prev->next = a->next;
    else a->net->adoptions = a->next;
    if (a->next) a->next->prev = a->prev;
    pthread_mutex_unlock(&a->net->mutex);
}

void adoption_free(struct adoption *a) {
    adoption_unlink(a);
    if (a->fd >= 0) close(a->fd);
    mem_free(a);
}

static void on_adoption(struct shard *shard, struct message *m) {
    struct adoption *a = CONTAINER_OF(m, struct adoption, message);
    struct net_shard *s = shard->net;
    if (!s->stopping) {
        client_adopt(s, a);
        a->fd = -1;
    }
    adoption_free(a);
}

// Sends the connection to its shard.
static void hand_out(struct net *n, struct listener *l, int fd, const struct sockaddr_storage *peer) {
    struct adoption *a = mem_alloc(sizeof *a);
    if (!a) {
        close(fd);
        atomic_fetch_sub_explicit(&n->connections, 1, memory_order_relaxed);
        return;
    }
    *a = (struct adoption){ .message.run = on_adoption, .net = n, .fd = fd, .peer = *peer, .listener = l };
    if (!l->is_unix) set_options(n, fd);
    struct shard *to = &n->engine->shards[choose_shard(n)];
    atomic_fetch_add_explicit(&n->load[to->id], 1, memory_order_relaxed);
    pthread_mutex_lock(&n->mutex);
    a->next = n->adoptions;
    if (a->next) a->next->prev = a;
    n->adoptions = a;
    pthread_mutex_unlock(&n->mutex);
    shard_post(to, &a->message);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer) {
    struct listener *l = CONTAINER_OF(timer, struct listener, retry);
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void pause_accepting(struct listener *l, int error) {
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->retry, on_retry, ACCEPT_RETRY_MS, 0);
    if (l->starved) return;
    l->starved = true;
    engine_log(l->net->engine, KORA_LOG_WARNING, "can't accept connections for now: %s", strerror(error));
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct listener *l = CONTAINER_OF(poll, struct listener, poll);
    if (status < 0) {
        pause_accepting(l, -status);
        return;
    }
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t len = sizeof peer;
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && l->take) {
            l->take(l->home->shard, fd);
        } else if (fd >= 0) {
            if (admit(l->net, l, fd, &peer)) hand_out(l->net, l, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(l, errno);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            l->starved = false; // nobody waits any more
            return;
        } // else that connection failed, not the listener
    }
}

// ---- life ------------------------------------------------------------------------------------------------------------------------

static void on_listener_closed(uv_handle_t *handle) { net_shard_unref(handle->data); }

// On the shard's thread: begins to accept.
static void on_start(struct shard *shard, struct message *m) {
    struct listener *l = CONTAINER_OF(m, struct listener, start);
    struct net_shard *s = shard->net;
    if (s->stopping) return;
    if (uv_poll_init(&shard->loop, &l->poll, l->fd) != 0) {
        engine_log(shard->engine, KORA_LOG_WARNING, "can't watch the listening socket %s", l->text);
        return;
    }
    uv_timer_init(&shard->loop, &l->retry);
    l->poll.data = l->retry.data = s;
    s->handles += 2;
    pthread_mutex_lock(&l->net->mutex);
    l->home = s;
    pthread_mutex_unlock(&l->net->mutex);
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

void listener_stop(struct listener *l) {
    uv_close((uv_handle_t *)&l->poll, on_listener_closed);
    uv_close((uv_handle_t *)&l->retry, on_listener_closed);
    close(l->fd);
    l->fd = -1;
}

void listener_free(struct listener *l) {
    struct stat st;
    if (l->fd >= 0) close(l->fd);
    // Another process may listen at the same path by now.
    if (l->path && l->inode && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode) unlink(l->path);
    mem_free(l->path);
    mem_free(l);
}

// ---- opening -----------------------------------------------------------------------------------------------------------------------

// A socket file that nobody answers at was left by a process that is gone.
static void remove_stale(const struct address *a, const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)&a->at, a->len) != 0 && errno == ECONNREFUSED) unlink(path);
    close(fd);
}

static bool open_socket(struct listener *l, const struct address *a, int backlog) {
    int on = 1;
    l->fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) return false;
    if (a->is_unix) {
        remove_stale(a, l->path);
    } else {
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->at.ss_family == AF_INET6) setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(l->fd, (const struct sockaddr *)&a->at, a->len) != 0) return false;
    struct stat st;
    if (a->is_unix && lstat(l->path, &st) == 0) {
        l->device = st.st_dev;
        l->inode = st.st_ino;
    }
    // Nobody can connect before listen, so the mode is never wider than it should be.
    if (a->mode >= 0 && chmod(l->path, (mode_t)a->mode) != 0) return false;
    return listen(l->fd, backlog) == 0;
}

// How it is bound, with the port that the system chose.
static void describe(struct listener *l, const struct address *a, char *bound, size_t size) {
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char text[ADDRESS_TEXT_MAX];
    memset(&at, 0, sizeof at);
    if (a->is_unix) {
        snprintf(l->text, sizeof l->text, "%s", l->path);
        if (bound && size) snprintf(bound, size, "unix://%s", l->path);
        return;
    }
    getsockname(l->fd, (struct sockaddr *)&at, &n);
    l->port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port : ((struct sockaddr_in *)&at)->sin_port);
    address_format((struct sockaddr *)&at, l->text, sizeof l->text, false);
    address_format((struct sockaddr *)&at, text, sizeof text, true);
    if (bound && size) snprintf(bound, size, "%s%s", l->scheme, text);
}

static void start(struct net *n, struct listener *l) {
    uint32_t count = 0;
    pthread_mutex_lock(&n->mutex);
    struct listener **at = &n->listeners;
    for (; *at; at = &(*at)->next) count++;
    *at = l;
    pthread_mutex_unlock(&n->mutex);
    l->start.run = on_start;
    shard_post(&n->engine->shards[count % n->engine->shard_count], &l->start);
}

static int open_listener(struct listener like, const char *address, const struct address *a, char *bound, size_t bound_size, char *error,
    size_t error_size) {
    struct engine *e = like.net->engine;
    int status;
    struct listener *l = mem_alloc_zero(sizeof *l);
    if (!l) return refuse(error, error_size, KORA_NOMEM, "out of memory");
    *l = like;
    l->fd = -1;
    l->is_unix = a->is_unix;
    l->mode = a->mode;
    if (a->is_unix) {
        const char *path = ((const struct sockaddr_un *)&a->at)->sun_path;
        l->path = mem_copy(path, strlen(path));
        if (!l->path) {
            mem_free(l);
            return refuse(error, error_size, KORA_NOMEM, "out of memory");
        }
    }
    if (!open_socket(l, a, (int)setting(&e->common.settings.tcp_backlog))) {
        status = refuse(error, error_size, KORA_SYSTEM, "%s: %s", address, strerror(errno));
        listener_free(l);
        return status;
    }
    describe(l, a, bound, bound_size);
    start(l->net, l);
    return KORA_OK;
}

int net_listen(struct engine *e, const char *address, char *bound, size_t bound_size, char *error, size_t error_size) {
    struct address a;
    int status = parse_address(address, &a, error, error_size);
    if (status != KORA_OK) return status;
    return open_listener((struct listener){ .net = e->net, .scheme = "tcp://" }, address, &a, bound, bound_size, error, error_size);
}

int net_listen_for(struct engine *e, const char *address, const char *scheme, net_take_fn *take, char *bound, size_t bound_size, char *error,
    size_t error_size) {
    struct address a = { .mode = -1 };
    char place[ADDRESS_TEXT_MAX];
    size_t n = strlen(scheme), length = strlen(address);
    bool ours = length > n && length - n < sizeof place && strncmp(address, scheme, n) == 0;
    if (ours) {
        memcpy(place, address + n, length - n + 1);
        if (address[length - 1] == '/') place[length - n - 1] = '\0';
    }
    if (!ours || !parse_tcp(place, &a)) {
        return refuse(error, error_size, KORA_INVAL, "`%s` is neither %s1.2.3.4:port nor %s[::1]:port", address, scheme, scheme);
    }
    return open_listener((struct listener){ .net = e->net, .scheme = scheme, .take = take }, address, &a, bound, bound_size, error, error_size);
}

// ---- what the host asks --------------------------------------------------------------------------------------------------------------

static uint32_t tcp_port(struct host *h) {
    struct net *n = h->net;
    uint32_t port = 0;
    pthread_mutex_lock(&n->mutex);
    for (struct listener *l = n->listeners; l && !port; l = l->next) port = l->take ? 0 : l->port;
    pthread_mutex_unlock(&n->mutex);
    return port;
}

// Of the first Unix socket, as it is written: octal, 0 if nothing was said.
static void write_permissions(const struct net *n, struct buf *out) {
    const struct listener *l = n->listeners;
    while (l && !l->is_unix) l = l->next;
    buf_printf(out, "%o", l && l->mode >= 0 ? (unsigned)l->mode : 0u);
}

static void listen_text(struct host *h, const char *what, struct buf *out) {
    struct net *n = h->net;
    bool unix_sockets = strcmp(what, "unixsocket") == 0;
    bool permissions = strcmp(what, "unixsocketperm") == 0;
    size_t before = out->n;
    pthread_mutex_lock(&n->mutex);
    if (permissions) write_permissions(n, out);
    for (struct listener *l = n->listeners; l && !permissions; l = l->next) {
        if (!l->take && l->is_unix == unix_sockets) buf_printf(out, "%s%s", out->n > before ? " " : "", l->text);
    }
    pthread_mutex_unlock(&n->mutex);
}

void listener_hooks(struct host *h) {
    h->tcp_port = tcp_port;
    h->listen_text = listen_text;
}
