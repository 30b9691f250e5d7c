// Replies to bytes. All replies of a connection's turn are collected in the shard's output, and put aside when the next connection has its turn. At the
// end of the shard's turn each connection's are sent with one call: a client that waits for several of them is woken once, not by each, which
// costs more than the call itself. What the socket does not take becomes a segment of the connection's own queue, of which the segments are sent in
// order when the socket takes more. Segments are not appended to, but for short leftovers that fit.
//
// What tells of something that is not durable yet is queued, too. A segment is sent when all that it tells of is durable; so nothing is added to it that
// needs more than what it has, or it might never be. The first segment alone is waited for: those behind it come after it anyway.
#include <errno.h>

#include "base/mem.h"
#include "net/net_int.h"
#include "net/push.h"

// ---- one output ------------------------------------------------------------------------------------------------------------

void output_clear(struct output *o) {
    for (uint32_t i = o->ref_first; i < o->ref_count; i++) o->refs[i].unpin(o->refs[i].pin);
    o->ref_count = o->ref_first = 0;
    o->at = o->ref_at = 0;
    o->need = 0;
    o->owes = false;
    buf_clear(&o->buf);
    if (unlikely(o->buf.cap > OUTPUT_KEEP)) buf_free(&o->buf);
}

void output_free(struct output *o) {
    output_clear(o);
    buf_free(&o->buf);
    mem_free(o->refs);
    o->refs = NULL;
    o->ref_cap = 0;
}

void output_truncate(struct output *o, size_t n, uint32_t refs) {
    while (o->ref_count > refs) {
        struct reply_ref *r = &o->refs[--o->ref_count];
        r->unpin(r->pin);
    }
    o->buf.n = n;
}

static void swap_outputs(struct output *a, struct output *b) {
    struct output t = *a;
    *a = *b;
    *b = t;
}

bool output_append(struct output *to, struct output *from) {
    if (from->buf.failed) return false;
    output_wait_for(from, to->need, to->owes);
    if (to->buf.n == 0 && !to->buf.failed) {
        swap_outputs(to, from);
        from->need = 0;
        from->owes = false;
        return true;
    }
    output_wait_for(to, from->need, from->owes);
    if (from->ref_count > to->ref_cap - to->ref_count) {
        uint32_t cap = to->ref_count + from->ref_count;
        struct reply_ref *refs = mem_realloc(to->refs, cap * sizeof *refs);
        if (!refs) return false;
        to->refs = refs;
        to->ref_cap = cap;
    }
    size_t at = to->buf.n;
    buf_append(&to->buf, from->buf.p, from->buf.n);
    if (to->buf.failed) return false;
    for (uint32_t i = 0; i < from->ref_count; i++) {
        to->refs[to->ref_count] = from->refs[i];
        to->refs[to->ref_count++].at += at;
    }
    from->ref_count = 0;
    from->need = 0;
    from->owes = false;
    buf_clear(&from->buf);
    return true;
}

size_t output_left(const struct output *o) {
    size_t n = o->buf.n - o->at - o->ref_at;
    for (uint32_t i = o->ref_first; i < o->ref_count; i++) n += o->refs[i].bytes.n;
    return n;
}

// Lays what is left out as pieces; returns how many.
static int pieces(const struct output *o, struct iovec *iov, int max) {
    size_t at = o->at, ref_at = o->ref_at;
    int n = 0;
    for (uint32_t i = o->ref_first; i < o->ref_count && n + 2 <= max; i++, ref_at = 0) {
        const struct reply_ref *r = &o->refs[i];
        if (r->at > at) iov[n++] = (struct iovec){ o->buf.p + at, r->at - at };
        at = r->at;
        if (r->bytes.n > ref_at) iov[n++] = (struct iovec){ (char *)(uintptr_t)r->bytes.p + ref_at, r->bytes.n - ref_at };
        if (i + 1 == o->ref_count && n < max && o->buf.n > at) iov[n++] = (struct iovec){ o->buf.p + at, o->buf.n - at };
    }
    if (o->ref_first == o->ref_count && o->buf.n > at) iov[n++] = (struct iovec){ o->buf.p + at, o->buf.n - at };
    return n;
}

// Counts `n` bytes as sent.
static void advance(struct output *o, size_t n) {
    while (o->ref_first < o->ref_count) {
        struct reply_ref *r = &o->refs[o->ref_first];
        size_t before = MIN(r->at - o->at, n);
        o->at += before;
        n -= before;
        size_t of_ref = o->at < r->at ? 0 : MIN(r->bytes.n - o->ref_at, n);
        o->ref_at += of_ref;
        n -= of_ref;
        if (o->at < r->at || o->ref_at < r->bytes.n) return;
        r->unpin(r->pin);
        o->ref_first++;
        o->ref_at = 0;
    }
    o->at += n;
}

// One call to the system. Returns false if the connection is broken; *all tells whether everything is sent.
static bool send_once(struct client *c, struct output *o, bool *all) {
    ssize_t n;
    size_t want;
    *all = false;
    if (likely(o->ref_first == o->ref_count)) {
        want = o->buf.n - o->at;
        do n = send(c->fd, o->buf.p + o->at, want, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
    } else {
        struct iovec iov[OUTPUT_IOV];
        struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)pieces(o, iov, OUTPUT_IOV) };
        want = output_left(o);
        do n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
    }
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM;
    counter_add(&c->home->shard->counters.net_output, (uint64_t)n);
    *all = (size_t)n == want;
    if (!*all) advance(o, (size_t)n);
    return true;
}

// ---- a client's queue --------------------------------------------------------------------------------------------------------

static void queue_remove_first(struct client *c) {
    struct output *o = c->out;
    c->out = o->next;
    if (!c->out) c->out_last = NULL;
    c->out_count--;
    output_free(o);
    mem_free(o);
}

void output_drop(struct client *c) {
    await_forget(&c->waits);
    while (c->out) queue_remove_first(c);
    c->out_bytes = 0;
    struct net_shard *s = c->home;
    if (s->out_of == c) {
        output_clear(&s->out);
        s->out_of = NULL;
    }
    if (c->sending) {
        output_clear(&s->sendings[c->sending - 1].out);
        s->sendings[c->sending - 1].of = NULL;
        c->sending = 0;
    }
}

size_t output_memory(const struct client *c) {
    size_t n = 0;
    for (const struct output *o = c->out; o; o = o->next) n += sizeof *o + o->buf.cap + o->ref_cap * sizeof *o->refs;
    return n;
}

// Closes a client that leaves more unread than its limits allow.
bool output_within_limits(struct client *c, size_t more) {
    struct output_limit *l = &net_settings(c->home)->output[push_class(c)];
    uint64_t hard = setting(&l->hard), soft = setting(&l->soft), n = c->out_bytes + more;
    if (unlikely(hard && n > hard)) {
        counter_add(&c->home->shard->counters.output_buffer_closed, 1);
        client_log_close(c, "its output is above the hard limit");
        client_close(c);
        return false;
    }
    if (soft && n > soft) {
        if (c->soft_since_ms) return true; // the timer looks
        c->soft_since_ms = (int64_t)uv_now(&c->home->shard->loop);
        net_timer_by(c->home, c->soft_since_ms + (int64_t)setting(&l->soft_s) * 1000);
    } else {
        c->soft_since_ms = 0;
    }
    return true;
}

// Moves what is left of the shard's output to the end of the client's queue. False: no memory, the output is lost.
static bool queue_add(struct client *c, struct output *from) {
    size_t n = from->buf.n - from->at, left = output_left(from);
    struct output *last = c->out_last;
    if (last && from->need <= last->need && from->owes == last->owes && from->ref_first == from->ref_count && n <= last->buf.cap - last->buf.n) {
        buf_append(&last->buf, from->buf.p + from->at, n);
        output_clear(from);
        c->out_bytes += left;
        return true;
    }
    struct output *o = mem_alloc_zero(sizeof *o);
    if (!o) return false;
    if (n <= OUTPUT_COPY && from->ref_first == from->ref_count) {
        if (!buf_reserve(&o->buf, last ? OUTPUT_COPY * 4 : n)) {
            mem_free(o);
            return false;
        }
        buf_append(&o->buf, from->buf.p + from->at, n);
        output_wait_for(o, from->need, from->owes);
        output_clear(from);
    } else {
        swap_outputs(o, from);
        o->next = NULL;
    }
    if (last) last->next = o;
    else c->out = o;
    c->out_last = o;
    c->out_count++;
    c->out_bytes += left;
    return true;
}

static bool may_send(const struct client *c, struct output *o) {
    if (likely(!o->need)) return true;
    if (await_is(c->home->shard->engine, o->need, o->owes) != AWAIT_YES) return false;
    o->need = 0;
    o->owes = false;
    return true;
}

// Whether what is next in the queue may be sent; else the client waits.
static bool may_send_next(struct client *c) {
    if (c->waits.list) return false;
    if (likely(may_send(c, c->out))) return true;
    c->waits.need = c->out->need;
    c->waits.owes = c->out->owes;
    await_hold(c->home->shard, &c->waits);
    return false;
}

static void waits_no_more(struct shard *s, struct await_waiter *w, bool lost) {
    (void)s;
    struct client *c = CONTAINER_OF(w, struct client, waits);
    if (likely(!lost)) {
        output_writable(c);
        return;
    }
    client_log_close(c, "the log can't be written, so nothing true can be said of what it has written");
    client_close(c);
}

void output_waiter_init(struct client *c) { c->waits.done = waits_no_more; }

void output_writable(struct client *c) {
    bool all = true;
    while (c->out && all && may_send_next(c)) {
        size_t before = output_left(c->out);
        if (!send_once(c, c->out, &all)) {
            client_close(c);
            return;
        }
        c->out_bytes -= all ? before : before - output_left(c->out);
        if (all) queue_remove_first(c);
    }
    if (c->soft_since_ms && !output_within_limits(c, 0)) return;
    if (!c->out && c->closing && !c->sending && c->home->out_of != c) client_close(c);
    else client_poll(c);
}

// ---- parting -----------------------------------------------------------------------------------------------------------------------

// Moves the end of an output to an empty one. False: no memory, nothing is done.
static bool part(struct output *o, size_t n, uint32_t refs, struct output *end) {
    uint32_t more = o->ref_count - refs;
    if (more && !(end->refs = mem_alloc(more * sizeof *end->refs))) return false;
    if (!buf_reserve(&end->buf, o->buf.n - n)) {
        output_free(end);
        return false;
    }
    buf_append(&end->buf, o->buf.p + n, o->buf.n - n);
    for (uint32_t i = 0; i < more; i++) {
        end->refs[i] = o->refs[refs + i];
        end->refs[i].at -= n;
    }
    end->ref_count = end->ref_cap = more;
    o->ref_count = refs;
    o->buf.n = n;
    return true;
}

void output_must_wait(struct client *c, size_t n, uint32_t refs, uint64_t need, bool owes) {
    struct output *o = &c->home->out, end = { 0 };
    // What comes before it is sent at the end of the turn, as it would be by itself. Without memory it waits, too.
    if (n > 0 && need > o->need && !o->buf.failed && part(o, n, refs, &end)) {
        if (!queue_add(c, o)) end.buf.failed = true;
        swap_outputs(o, &end);
        output_free(&end);
    }
    output_wait_for(o, need, owes);
}

// ---- the shard's output --------------------------------------------------------------------------------------------------------

// Sends one client's replies.
static void send_output(struct client *c, struct output *o) {
    bool all = o->buf.n == 0 && o->ref_count == 0, ok = !o->buf.failed;
    bool now = !c->out && may_send(c, o);
    if (ok && !all && now) ok = send_once(c, o, &all);
    if (ok && !all) ok = queue_add(c, o) && output_within_limits(c, 0);
    output_clear(o);
    if (ok && c->out && !now && !(c->events & UV_WRITABLE)) {
        output_writable(c);
        return;
    }
    if (unlikely(!ok || (c->closing && !c->out && !c->parked))) client_close(c);
    else if (unlikely(!all || c->closing)) client_poll(c);
}

void output_send(struct client *c, struct output *o) {
    send_output(c, o);
    output_free(o);
    mem_free(o);
}

void output_flush(struct net_shard *s) {
    uint32_t n = s->sending_count;
    for (uint32_t i = 0; i < n; i++) {
        struct client *c = s->sendings[i].of;
        if (!c) continue;
        c->sending = 0;
        s->sendings[i].of = NULL;
        send_output(c, &s->sendings[i].out);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (unlikely(s->sendings[i].out.buf.cap > SENDING_KEEP)) buf_free(&s->sendings[i].out.buf);
    }
    s->sending_count = 0;
    s->turn_us = 0;
    struct client *c = s->out_of;
    s->out_of = NULL;
    if (c) send_output(c, &s->out);
}

// Exchanges the shard's output with a place; c is whose replies go there, if anybody's.
static void put_aside(struct net_shard *s, uint32_t place, struct client *c) {
    struct sending *to = &s->sendings[place];
    swap_outputs(&to->out, &s->out);
    to->of = c;
    if (c) c->sending = place + 1;
}

void output_begin(struct client *c) {
    struct net_shard *s = c->home;
    struct client *other = s->out_of;
    if (other == c) return;
    if (unlikely(c->sending)) { // each has one place, so that its replies stay together
        put_aside(s, c->sending - 1, other);
        c->sending = 0;
    } else if (other) {
        if (unlikely(s->sending_count == SENDINGS_MAX || s->out.buf.n > SENDING_KEEP)) output_flush(s);
        else put_aside(s, s->sending_count++, other);
    }
    s->out_of = c;
}
