// One connection: its life, what it waits for, its limits in time; and what CLIENT LIST, KILL and PAUSE ask of all of them.
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "call/multi.h"
#include "kora.h"
#include "net/net_int.h"
#include "net/push.h"

// ---- life --------------------------------------------------------------------------------------------------------------------

static void forget_connection(struct net_shard *s) {
    atomic_fetch_sub_explicit(&s->net->connections, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&s->net->load[s->shard->id], 1, memory_order_relaxed);
}

static void list_add(struct client *c) {
    struct net_shard *s = c->home;
    c->prev = s->last;
    c->next = NULL;
    if (s->last) s->last->next = c;
    else s->first = c;
    s->last = c;
    counter_add(&s->shard->counters.connections, 1);
    counter_add(&s->shard->counters.connections_total, 1);
}

static void list_remove(struct client *c) {
    struct net_shard *s = c->home;
    if (c->prev) c->prev->next = c->next;
    else s->first = c->next;
    if (c->next) c->next->prev = c->prev;
    else s->last = c->prev;
    counter_add(&s->shard->counters.connections, (uint64_t)-1);
}

static size_t memory_of(const struct client *c) {
    const struct net_shard *s = c->home;
    return sizeof *c + output_memory(c) + (c->request ? sizeof *c->request + resp_request_memory(c->request) : 0) +
        (c->in && c->in != s->chunk ? c->in->size : 0) + (c->session.multi ? c->session.multi->bytes : 0) + c->pushed_bytes;
}

void client_account(struct client *c) {
    enum { QUANTUM = 4096 };
    struct net_shard *s = c->home;
    int64_t bytes = c->closed ? 0 : (int64_t)memory_of(c);
    s->unbrought += bytes - c->accounted;
    c->accounted = bytes;
    if (s->unbrought <= QUANTUM && s->unbrought >= -QUANTUM) return;
    account_bring_connections(&s->shard->engine->common, s->unbrought);
    s->unbrought = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct client *c = CONTAINER_OF(poll, struct client, poll);
    if (unlikely(status < 0)) {
        client_close(c);
        return;
    }
    if (unlikely(events & UV_DISCONNECT)) { // waited for only while its call waits
        client_close(c);
        return;
    }
    if (events & UV_WRITABLE) output_writable(c);
    if ((events & UV_READABLE) && !c->closed) input_read(c);
    client_account(c);
}

void client_adopt(struct net_shard *s, struct adoption *a) {
    struct client *c = mem_alloc_zero(sizeof *c);
    if (!c || uv_poll_init(&s->shard->loop, &c->poll, a->fd) != 0) {
        mem_free(c);
        close(a->fd);
        forget_connection(s);
        return;
    }
    s->handles++;
    c->home = s;
    c->fd = a->fd;
    c->listener = a->listener;
    c->is_unix = a->listener->is_unix;
    memcpy(&c->peer, &a->peer, sizeof c->peer);
    session_init(&c->session, atomic_fetch_add_explicit(&s->shard->engine->host.next_client_id, 1, memory_order_relaxed));
    c->session.client = c;
    output_waiter_init(c);
    c->session.authenticated = !setting(&net_settings(s)->auth_required);
    c->created_ms = c->active_ms = (int64_t)uv_now(&s->shard->loop);
    list_add(c);
    client_account(c);
    client_poll(c);
    uint64_t timeout_s = setting(&net_settings(s)->timeout_s);
    if (timeout_s) net_timer_by(s, c->active_ms + (int64_t)timeout_s * 1000);
}

static void on_closed(uv_handle_t *handle) {
    struct client *c = CONTAINER_OF(handle, struct client, poll);
    struct net_shard *s = c->home;
    mem_free(c);
    net_shard_unref(s);
}

void client_ended(struct client *c) {
    struct net_shard *s = c->home;
    list_remove(c);
    session_end_multi(&s->shard->engine->host, &c->session);
    session_free(&c->session);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
    forget_connection(s);
}

// Bytes that nobody reads would make the kernel reset the connection, and the last reply with it.
static void say_goodbye(struct client *c) {
    char nowhere[4096];
    shutdown(c->fd, SHUT_WR);
    for (int i = 0; i < 16; i++) {
        if (recv(c->fd, nowhere, sizeof nowhere, MSG_DONTWAIT) <= 0) break;
    }
}

static void ready_remove(struct client *c) {
    struct net_shard *s = c->home;
    struct client **at = &s->ready, *before = NULL;
    while (*at != c) {
        before = *at;
        at = &before->next_ready;
    }
    *at = c->next_ready;
    if (s->ready_last == c) s->ready_last = before;
    c->is_ready = false;
}

void client_close(struct client *c) {
    if (c->closed) return;
    struct net_shard *s = c->home;
    c->closed = true;
    if (c->is_ready) ready_remove(c);
    output_drop(c);
    push_drop(c);
    input_drop(c);
    while (c->queue) {
        struct slot *slot = c->queue;
        c->queue = slot->next;
        slot_free(s, slot);
    }
    client_account(c);
    if (c->closing) say_goodbye(c);
    if (c->parked && c->parked->finished) {
        slot_free(s, c->parked);
        c->parked = NULL;
    }
    if (!c->parked) {
        client_ended(c);
        return;
    }
    // Its memory is still in use; the peer learns of it now.
    client_poll(c);
    shutdown(c->fd, SHUT_RDWR);
    task_give_up(&c->parked->task);
}

void client_poll(struct client *c) {
    bool readable = !c->closed && !c->closing && !client_busy(c);
    // Who may wait for long must be seen to go.
    bool may_sleep = !c->closed && c->parked && !c->parked->finished && (c->parked->task.call.cmd->flags & CMD_BLOCKING);
    int events = (readable ? UV_READABLE : 0) | (!c->closed && c->out && !c->waits.list ? UV_WRITABLE : 0) | (may_sleep ? UV_DISCONNECT : 0);
    if (likely(events == c->events)) return;
    c->events = events;
    if (events) uv_poll_start(&c->poll, events, on_poll);
    else uv_poll_stop(&c->poll);
}

static void on_idle(uv_idle_t *idle) {
    struct net_shard *s = CONTAINER_OF(idle, struct net_shard, idle);
    struct client *last = s->ready_last;
    bool more = s->ready != NULL;
    // Those that become ready again meanwhile have to wait for the next turn.
    while (more && s->ready) {
        struct client *c = s->ready;
        more = c != last;
        s->ready = c->next_ready;
        if (!s->ready) s->ready_last = NULL;
        c->is_ready = false;
        input_continue(c);
    }
    push_turn(s);
    if (!s->ready && !s->pushed) uv_idle_stop(&s->idle);
}

void client_come_back(struct net_shard *s) { uv_idle_start(&s->idle, on_idle); }

void client_ready(struct client *c) {
    struct net_shard *s = c->home;
    if (c->is_ready) return;
    c->is_ready = true;
    c->next_ready = NULL;
    if (s->ready) s->ready_last->next_ready = c;
    else s->ready = c;
    s->ready_last = c;
    client_come_back(s);
}

void client_log_close(struct client *c, const char *why) {
    struct client_view view;
    struct host *h = &c->home->shard->engine->host;
    h->client_view(&c->session, &view);
    engine_log(c->home->shard->engine, KORA_LOG_WARNING, "closing client %llu %s: %s", (unsigned long long)c->session.id, view.addr, why);
}

// ---- time --------------------------------------------------------------------------------------------------------------------

static int64_t now_ms(void) { return clock_mono_us() / 1000; }

static bool is_paused(struct client *c, const struct command *cmd) {
    struct net *n = c->home->net;
    int64_t until = atomic_load_explicit(&n->pause_until_ms, memory_order_relaxed);
    if (!until) return false;
    uint32_t flags = cmd->route == ROUTE_EXEC && session_queues(&c->session) ? c->session.multi->flags : cmd->flags;
    if (atomic_load_explicit(&n->pause_writes_only, memory_order_relaxed) && !(flags & (CMD_WRITE | CMD_MAY_WRITE))) return false;
    int64_t left = until - now_ms();
    if (left <= 0) return false;
    net_timer_by(c->home, (int64_t)uv_now(&c->home->shard->loop) + left + 1);
    return true;
}

enum client_gate client_gate(struct client *c, const struct command *cmd) {
    struct net *n = c->home->net;
    uint32_t gate = atomic_load_explicit(&n->gate, memory_order_relaxed);
    if (likely(!gate)) return CLIENT_PASSES;
    if (gate & NET_LOADING) {
        if (!engine_loads(n->engine)) atomic_fetch_and(&n->gate, ~(uint32_t)NET_LOADING);
        else if (!(cmd->flags & CMD_LOADING)) return CLIENT_LOADING;
    }
    return is_paused(c, cmd) ? CLIENT_PAUSED : CLIENT_PASSES;
}

static bool still_paused(struct net *n) {
    int64_t until = atomic_load_explicit(&n->pause_until_ms, memory_order_relaxed);
    return until && until > now_ms();
}

// What of a client is due. Returns when to look again (INT64_MAX: no need), 0: it is closed.
static int64_t look_at(struct client *c, int64_t now) {
    struct settings *settings = net_settings(c->home);
    int64_t timeout = (int64_t)setting(&settings->timeout_s) * 1000, next = INT64_MAX;
    if (timeout && !c->parked && !c->held) {
        next = c->active_ms + timeout;
        if (next <= now) {
            engine_log(c->home->shard->engine, KORA_LOG_VERBOSE, "closing idle client %llu", (unsigned long long)c->session.id);
            client_close(c);
            return 0;
        }
    } else if (timeout) {
        next = now + timeout;
    }
    if (c->soft_since_ms) {
        int64_t due = c->soft_since_ms + (int64_t)setting(&settings->output[push_class(c)].soft_s) * 1000;
        if (due <= now) {
            counter_add(&c->home->shard->counters.output_buffer_closed, 1);
            client_log_close(c, "its output is above the soft limit for too long");
            client_close(c);
            return 0;
        }
        next = MIN(next, due);
    }
    return next;
}

// For the timer, and whenever settings or the pause have changed: closes who is over time, lets go on who is not held any more.
void clients_housekeeping(struct net_shard *s) {
    int64_t now = (int64_t)uv_now(&s->shard->loop), next = INT64_MAX;
    bool paused = still_paused(s->net);
    for (struct client *c = s->first, *after; c; c = after) {
        after = c->next;
        if (c->closed) continue;
        int64_t at = look_at(c, now);
        if (at == 0) continue;
        next = MIN(next, at);
        // Its slot is looked at again, and held again if the pause goes on for it.
        if (c->session.ended) continue;
        if (c->held && (!paused || atomic_load_explicit(&s->net->pause_writes_only, memory_order_relaxed))) {
            c->held = false;
            input_continue(c);
        } else if (c->held) {
            next = MIN(next, now + MAX(atomic_load_explicit(&s->net->pause_until_ms, memory_order_relaxed) - now_ms(), 0) + 1);
        }
    }
    if (next != INT64_MAX) net_timer_by(s, next);
}

// ---- what the host asks --------------------------------------------------------------------------------------------------------

static void view_client(struct session *session, struct client_view *v) {
    struct client *c = session->client;
    struct net_shard *s = c->home;
    int64_t now = (int64_t)uv_now(&s->shard->loop);
    *v = (struct client_view){
        .addr = s->address_text[0],
        .laddr = s->address_text[1],
        .fd = c->fd,
        .age_s = (now - c->created_ms) / 1000,
        .idle_s = (now - c->active_ms) / 1000,
        .unix_socket = c->is_unix,
        .blocked = c->held || (c->parked && task_sleeps(&c->parked->task)),
        .to_close = c->closing,
        .query_bytes = c->in_n,
        .query_free = c->in && c->in != s->chunk ? c->in->size - c->in_at - c->in_n : 0,
        .argv_bytes = c->request ? resp_request_memory(c->request) : 0,
        .output_list_len = c->out_count,
        .output_bytes = output_memory(c),
        .readable = c->events & UV_READABLE,
        .writable = c->events & UV_WRITABLE,
        .last = c->last,
    };
    v->total_bytes = memory_of(c);
    if (c->is_unix) {
        for (int i = 0; i < 2; i++) snprintf(s->address_text[i], ADDRESS_TEXT_MAX, "%.*s:0", ADDRESS_TEXT_MAX - 3, c->listener->path);
        return;
    }
    struct sockaddr_storage local = { 0 };
    socklen_t n = sizeof local;
    getsockname(c->fd, (struct sockaddr *)&local, &n);
    address_format((const struct sockaddr *)&c->peer, s->address_text[0], ADDRESS_TEXT_MAX, true);
    address_format((const struct sockaddr *)&local, s->address_text[1], ADDRESS_TEXT_MAX, true);
}

static void each_client(struct host *h, uint32_t shard, void (*visit)(void *arg, struct session *s), void *arg) {
    struct net *n = h->net;
    struct net_shard *s = n->engine->shards[shard].net;
    for (struct client *c = s ? s->first : NULL, *after; c; c = after) {
        after = c->next;
        if (!c->closed) visit(arg, &c->session);
    }
}

static void kill_client(struct session *session) { client_close(session->client); }

static bool unblock_client(struct session *session, bool with_error) {
    struct client *c = session->client;
    return c->parked && task_unblock(&c->parked->task, with_error);
}

static void pause_clients(struct host *h, int64_t for_ms, bool writes_only) {
    struct net *n = h->net;
    pthread_mutex_lock(&n->mutex);
    int64_t now = now_ms(), until = for_ms > 0 ? (for_ms < INT64_MAX - now ? now + for_ms : INT64_MAX) : 0;
    int64_t old = atomic_load_explicit(&n->pause_until_ms, memory_order_relaxed);
    if (until && old > now) {
        // Of two pauses the longer time and the stricter mode hold.
        until = MAX(until, old);
        writes_only = writes_only && atomic_load_explicit(&n->pause_writes_only, memory_order_relaxed);
    }
    atomic_store_explicit(&n->pause_writes_only, writes_only, memory_order_relaxed);
    atomic_store_explicit(&n->pause_until_ms, until, memory_order_release);
    if (until) atomic_fetch_or(&n->gate, NET_PAUSED);
    else atomic_fetch_and(&n->gate, ~(uint32_t)NET_PAUSED);
    pthread_mutex_unlock(&n->mutex);
    net_nudge_all(n);
}

void client_hooks(struct host *h) {
    h->client_view = view_client;
    h->client_each = each_client;
    h->client_kill = kill_client;
    h->client_unblock = unblock_client;
    push_hooks(h);
    h->clients_pause = pause_clients;
}
