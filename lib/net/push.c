// See push.h.
#include "net/push.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kora.h"

enum { PUSH_REFER = 1024 }; // payloads from here on are referred to

// A monitor, too: Redis lets it take all memory.
int push_class(const struct client *c) { return feed_listens(c->session.subscriber) || (c->session.subscriber && c->session.subscriber->monitors) ? OUTPUT_PUBSUB : OUTPUT_NORMAL; }

bool push_refuses(const struct client *c, const struct command *cmd) {
    return c->session.version == 2 && feed_listens(c->session.subscriber) && !command_allowed_to_subscriber(cmd);
}

// ---- a client's part -------------------------------------------------------------------------------------------------------------

static struct output *open_output(struct client *c) {
    if (likely(c->pushed != NULL)) return c->pushed;
    struct net_shard *s = c->home;
    c->pushed = mem_alloc_zero(sizeof *c->pushed);
    if (!c->pushed) return NULL;
    if (!s->pushed) client_come_back(s);
    c->next_pushed = NULL;
    c->prev_pushed = s->pushed_last;
    if (s->pushed_last) s->pushed_last->next_pushed = c;
    else s->pushed = c;
    s->pushed_last = c;
    return c->pushed;
}

// Takes it away; output_free and mem_free are the caller's.
static struct output *take_output(struct client *c) {
    struct net_shard *s = c->home;
    struct output *o = c->pushed;
    c->pushed = NULL;
    if (c->prev_pushed) c->prev_pushed->next_pushed = c->next_pushed;
    else s->pushed = c->next_pushed;
    if (c->next_pushed) c->next_pushed->prev_pushed = c->prev_pushed;
    else s->pushed_last = c->prev_pushed;
    return o;
}

static void drop_output(struct output *o) {
    output_free(o);
    mem_free(o);
}

void push_drop(struct client *c) {
    if (c->pushed) drop_output(take_output(c));
    if (!c->session.subscriber) return;
    engine_subscriber_leaves(c->home->shard, c->session.subscriber);
    c->session.subscriber = NULL;
}

static bool add(struct output *o, const char *first, struct slice bytes, struct payload *p) {
    if (p && unlikely(p->need)) output_wait_for(o, p->need, true);
    if (first) buf_append_char(&o->buf, *first);
    buf_append_slice(&o->buf, bytes);
    if (p && p->n >= PUSH_REFER) {
        struct reply r = { .buf = &o->buf, .refs = o->refs, .ref_count = o->ref_count, .ref_cap = o->ref_cap };
        bool added = !o->buf.failed && reply_add_ref(&r, slice_of(p->bytes, p->n), p, payload_unref);
        o->refs = r.refs;
        o->ref_count = r.ref_count;
        o->ref_cap = r.ref_cap;
        if (added) payload_ref(p);
        return added;
    }
    if (p) buf_append(&o->buf, p->bytes, p->n);
    return !o->buf.failed;
}

// Its replies are elsewhere and come first, or are still to be put where they belong.
static bool must_wait(const struct client *c) { return c->home->out_of == c || c->sending || (c->parked && c->parked->finished); }

static void push(struct client *c, const char *first, struct slice bytes, struct payload *p) {
    if (unlikely(c->closed || c->closing)) return;
    struct output *o = open_output(c);
    if (unlikely(!o || !add(o, first, bytes, p))) {
        client_log_close(c, "no memory for what is pushed to it");
        client_close(c);
        return;
    }
    c->pushed_bytes = o->ref_count ? output_left(o) : o->buf.n;
    if (likely(c->pushed_bytes < OUTPUT_KEEP)) return;
    if (must_wait(c)) output_within_limits(c, c->pushed_bytes);
    else output_send(c, take_output(c));
}

void push_to(struct client *c, struct slice bytes, struct payload *p) { push(c, NULL, bytes, p); }

// ---- in order with replies -------------------------------------------------------------------------------------------------------

void push_before_reply(struct client *c) {
    if (likely(!c->pushed)) return;
    struct output *o = take_output(c);
    if (!output_append(&c->home->out, o)) c->home->out.buf.failed = true;
    drop_output(o);
}

void push_flush(struct net_shard *s) {
    s->pushed_us = 0;
    for (struct client *c = s->pushed, *next; c; c = next) {
        next = c->next_pushed; // only this client's can be taken away meanwhile
        if (likely(!must_wait(c))) output_send(c, take_output(c));
    }
}

void push_turn(struct net_shard *s) {
    if (!s->pushed) return;
    int64_t now_us = s->had_read ? clock_mono_us() : 0;
    if (s->had_read && !s->pushed_us) s->pushed_us = now_us;
    if (!s->had_read || now_us - s->pushed_us >= PUSH_HOLD_US) push_flush(s);
}

// ---- what the host asks ----------------------------------------------------------------------------------------------------------

static void deliver(struct subscriber *s, const struct channel *to, struct payload *p) {
    struct client *c = s->owner;
    if (!to) {
        push_to(c, SLICE(""), p);
        return;
    }
    push(c, c->session.version == 2 ? "*" : ">", to->head, p);
}

static struct subscriber *subscriber_of(struct session *session) {
    struct client *c = session->client;
    if (session->subscriber || c->closed) return session->subscriber;
    struct subscriber *s = mem_alloc_zero(sizeof *s);
    if (!s) return NULL;
    s->shard = c->home->shard->id;
    s->deliver = deliver;
    s->owner = c;
    session->subscriber = s;
    return s;
}

static bool push_of_call(struct call *call, struct slice bytes) {
    struct client *c = call->session->client;
    if (!c || !c->parked || &c->parked->task.call != call) return false;
    push_to(c, bytes, NULL);
    return true;
}

static void peer(const struct session *session, char *to, size_t size) {
    const struct client *c = session->client;
    if (c->is_unix) snprintf(to, size, "unix:%.*s", ADDRESS_TEXT_MAX - 6, c->listener->path);
    else address_format((const struct sockaddr *)&c->peer, to, size, true);
}

void push_hooks(struct host *h) {
    h->client_peer = peer;
    h->client_subscriber = subscriber_of;
    h->client_push = push_of_call;
}
