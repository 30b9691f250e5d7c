// Bytes to commands. A read gives bytes in a chunk; the parser cuts them into slots; a batch of slots, of one connection or of several, is
// looked up and hashed together, their buckets and then their entries are brought into the cache, and then they run one after the other.
//
// A batch runs when it is full, and at the end of the loop's poll phase (net.c). Within one connection a command starts only after
// the one ahead of it has run: slots behind a parked or held one wait in the connection's queue, and nothing is read or parsed meanwhile.
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "call/multi.h"
#include "kora.h"
#include "net/net_int.h"
#include "net/push.h"

// ---- chunks ------------------------------------------------------------------------------------------------------------------

static struct chunk *chunk_create(size_t size) {
    struct chunk *c = size <= SIZE_MAX / 2 ? mem_alloc(sizeof *c + size) : NULL;
    if (c) *c = (struct chunk){ .refs = 1, .size = size };
    return c;
}

void chunk_unref(struct chunk *c) {
    if (c && --c->refs == 0) mem_free(c);
}

static size_t chunk_room(const struct chunk *c) { return c->size - c->used; }

// The shard's chunk with at least `room` bytes left, or NULL: no memory.
static struct chunk *shard_chunk(struct net_shard *s, size_t room) {
    struct chunk *c = s->chunk;
    if (likely(c)) {
        if (c->refs == 1) c->used = 0;
        if (chunk_room(c) >= room) return c;
        // What is in it belongs to the batch, mostly.
        if (!s->running) batch_run(s);
        if (c->refs == 1) c->used = 0;
        if (chunk_room(c) >= room) return c;
    }
    c = chunk_create(CHUNK_SIZE);
    if (!c) return NULL;
    chunk_unref(s->chunk);
    s->chunk = c;
    return c;
}

// ---- slots -------------------------------------------------------------------------------------------------------------------

struct slot *slot_take(struct net_shard *s) {
    struct slot *slot = s->pool;
    if (likely(slot)) {
        s->pool = slot->next;
        s->pool_count--;
        return slot;
    }
    slot = mem_alloc(sizeof *slot);
    if (!slot) return NULL;
    slot->out = (struct output){ 0 };
    slot->chunk = NULL;
    resp_request_init(&slot->request);
    task_init(&slot->task, s->shard->engine, s->shard);
    return slot;
}

static void slot_destroy(struct slot *slot) {
    resp_request_free(&slot->request);
    mem_free(slot);
}

void slot_free(struct net_shard *s, struct slot *slot) {
    task_release(&slot->task);
    resp_request_reset(&slot->request);
    if (unlikely(slot->out.buf.cap || slot->out.refs)) output_free(&slot->out);
    chunk_unref(slot->chunk);
    slot->chunk = NULL;
    if (unlikely(s->pool_count == POOL_MAX)) {
        slot_destroy(slot);
        return;
    }
    slot->next = s->pool;
    s->pool = slot;
    s->pool_count++;
}

void slots_free(struct net_shard *s) {
    while (s->pool) {
        struct slot *slot = s->pool;
        s->pool = slot->next;
        slot_destroy(slot);
    }
    s->pool_count = 0;
}

static void queue_push(struct client *c, struct slot *slot) {
    slot->next = NULL;
    if (c->queue) c->queue_last->next = slot;
    else c->queue = slot;
    c->queue_last = slot;
}

static void queue_push_front(struct client *c, struct slot *slot) {
    slot->next = c->queue;
    c->queue = slot;
    if (!slot->next) c->queue_last = slot;
}

static struct slot *queue_pop(struct client *c) {
    struct slot *slot = c->queue;
    if (slot) c->queue = slot->next;
    return slot;
}

// ---- running one -------------------------------------------------------------------------------------------------------------

// The shard's output as a call writes to it, and back.
static struct reply output_open(struct output *o, int version) {
    return (struct reply){ .buf = &o->buf, .version = version, .may_refer = true, .refs = o->refs, .ref_count = o->ref_count, .ref_cap = o->ref_cap };
}
static void output_shut(struct output *o, struct reply *r) {
    o->refs = r->refs;
    o->ref_count = r->ref_count;
    o->ref_cap = r->ref_cap;
    *r = (struct reply){ 0 };
}

// After a command: what its session says of replies, and of the connection. `n` and `refs` are the output's state before it.
static void after_command(struct client *c, size_t n, uint32_t refs) {
    struct session *session = &c->session;
    struct output *out = &c->home->out;
    if (unlikely(session->reply_mode != REPLY_ON)) {
        output_truncate(out, n, refs);
        if (session->reply_mode == REPLY_SKIP) session->reply_mode = REPLY_ON;
        else if (session->reply_mode == REPLY_SKIP_NEXT) session->reply_mode = REPLY_SKIP;
    }
    if (unlikely(session->close | session->ended)) {
        if (session->close) c->closing = true;
        else c->held = true; // for good
    }
    if (unlikely(out->buf.n > OUTPUT_KEEP || out->buf.failed)) {
        task_carry_end(c->home->shard); // nobody is to wait for a lease while bytes are sent
        output_flush(c->home);
    }
}

static void write_error(struct client *c, struct slice text) {
    struct net_shard *s = c->home;
    size_t n = s->out.buf.n;
    host_count_error(&s->shard->engine->host, text);
    resp_write_error(&s->out.buf, text.p, text.n);
    after_command(c, n, s->out.ref_count);
}

static void answer_bad_input(struct slot *slot) {
    char text[RESP_ERROR_TEXT_MAX], line[RESP_ERROR_TEXT_MAX + 4];
    struct slice reason = resp_request_error(&slot->request, text);
    memcpy(line, "ERR ", 4);
    memcpy(line + 4, reason.p, reason.n);
    slot->client->closing = true; // before the reply, which may be sent at once
    write_error(slot->client, slice_of(line, reason.n + 4));
}

// The call has run, or has been refused; its reply is in the shard's output (from `n` on), or apart.
static void answer(struct slot *slot, size_t n, uint32_t refs) {
    struct client *c = slot->client;
    struct net_shard *s = c->home;
    struct task *t = &slot->task;
    if (slot->sent_apart) {
        output_shut(&slot->out, &t->call.reply);
        if (!output_append(&s->out, &slot->out)) s->out.buf.failed = true;
    } else {
        output_shut(&s->out, &t->call.reply);
    }
    if (call_without_stripe(&t->call)) counter_add(&s->commands, 1);
    if (unlikely(t->call.outcome == CALL_ERROR) && s->out.buf.n > n)
        host_count_error(t->call.host, slice_of(s->out.buf.p + n, s->out.buf.n - n));
    if (unlikely(t->call.need)) {
        c->session.need = MAX(c->session.need, t->call.need);
        if (c->session.reply_mode == REPLY_ON && s->out.buf.n > n) output_must_wait(c, n, refs, t->call.need, t->call.owes);
    }
    if (unlikely(t->status == KORA_CLOSED)) c->closing = true;
    else if (unlikely(t->status != KORA_OK)) write_error(c, SLICE("OOM out of memory"));
    else after_command(c, n, refs);
}

// Others may write to its reply, too: parts of a scattered call, and who serves one that waits for its keys.
static bool is_written_apart(const struct call *c) {
    switch (c->cmd->route) {
    case ROUTE_KEYS:
    case ROUTE_NONE:
    case ROUTE_ALL: return c->cmd->flags & CMD_BLOCKING;
    case ROUTE_EXEC: return session_queues(c->session) && c->session->multi->shards;
    default: return true;
    }
}

static void run_call(struct slot *slot) {
    struct client *c = slot->client;
    struct net_shard *s = c->home;
    struct call *call = &slot->task.call;
    size_t n = s->out.buf.n;
    uint32_t refs = s->out.ref_count;
    // An earlier command of the batch may have selected another database.
    if (call->key_count && unlikely(call->keys[0].db != c->session.db)) call_release_keys(call);
    slot->sent_apart = is_written_apart(call);
    call->reply = output_open(slot->sent_apart ? &slot->out : &s->out, c->session.version);
    c->last = call->cmd;
    c->parked = slot; // until it is seen to be done
    if (likely(task_run(&slot->task))) {
        c->parked = NULL;
        answer(slot, n, refs);
        slot_free(s, slot);
        return;
    }
    // The reply of a call that waits goes to a buffer of its own: others use the shard's. Nothing of it is written yet.
    if (!slot->sent_apart) {
        output_shut(&s->out, &call->reply);
        call->reply = output_open(&slot->out, c->session.version);
        slot->sent_apart = true;
    }
}

// Within MULTI. True: the call is queued, or refused.
static bool queue_call(struct slot *slot) {
    struct client *c = slot->client;
    struct output *out = &c->home->out;
    struct call *call = &slot->task.call;
    size_t n = out->buf.n;
    uint32_t refs = out->ref_count;
    call->reply = output_open(out, c->session.version);
    bool queued = call_queue(call);
    output_shut(out, &call->reply);
    if (!queued) return false;
    c->last = call->cmd;
    if (unlikely(call->outcome == CALL_ERROR)) host_count_error(call->host, slice_of(out->buf.p + n, out->buf.n - n));
    after_command(c, n, refs);
    return true;
}

// What a connection may not call in its state. An EXEC ends its transaction with it. `code` is left out of what it says if it is empty.
static void refuse(struct slot *slot, const char *code, const char *why) {
    struct client *c = slot->client;
    struct call *call = &slot->task.call;
    bool ends = command_ends_multi(call->cmd);
    char text[RESP_ERROR_TEXT_MAX + 256];
    call_rejected(call, call->cmd);
    if (ends) session_end_multi(call->host, &c->session);
    int n = snprintf(text, sizeof text, "%s%s%s%s", ends ? "EXECABORT Transaction discarded because of: " : "", code, *code ? " " : "", why);
    write_error(c, slice_of(text, (size_t)n));
}

// Runs a slot whose turn it is, or holds it back.
static void slot_start(struct slot *slot) {
    struct client *c = slot->client;
    struct net_shard *s = c->home;
    output_begin(c);
    push_before_reply(c);
    size_t n = s->out.buf.n;
    if (likely(slot->kind == SLOT_CALL)) {
        const struct command *cmd = slot->task.call.cmd;
        enum client_gate gate;
        if (unlikely(!c->session.authenticated && !(cmd->flags & CMD_NO_AUTH))) {
            refuse(slot, "NOAUTH", "Authentication required.");
        } else if (unlikely(c->session.subscriber != NULL) && push_refuses(c, cmd)) {
            char text[256];
            snprintf(text, sizeof text,
                "Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context", cmd->name);
            refuse(slot, command_ends_multi(cmd) ? "" : "ERR", text);
        } else if (unlikely((gate = client_gate(c, cmd)) == CLIENT_LOADING)) {
            if (!command_ends_multi(cmd)) call_refused(&slot->task.call);
            refuse(slot, "LOADING", "Kora is loading the dataset in memory");
        } else if (unlikely(gate == CLIENT_PAUSED)) {
            c->held = true;
            c->last = cmd;
            queue_push_front(c, slot);
            return;
        } else if (likely(!session_queues(&c->session)) || !queue_call(slot)) {
            run_call(slot);
            return;
        }
    } else if (slot->kind == SLOT_BAD_INPUT) {
        answer_bad_input(slot);
    } else {
        call_refused(&slot->task.call);
        host_count_error(&s->shard->engine->host, slice_of(slot->out.buf.p, slot->out.buf.n));
        if (!output_append(&s->out, &slot->out)) s->out.buf.failed = true;
        after_command(c, n, s->out.ref_count);
    }
    slot_free(s, slot);
}

// Runs a slot, or puts it behind those that wait.
static void slot_run(struct slot *slot) {
    struct client *c = slot->client;
    if (unlikely(c->closed || c->closing)) slot_free(c->home, slot);
    else if (unlikely(c->parked || c->held || c->queue)) queue_push(c, slot);
    else slot_start(slot);
}

// ---- batches -----------------------------------------------------------------------------------------------------------------

static void call_done(struct task *t);

// Looks the command up, and finds its keys.
static void slot_prepare(struct net_shard *s, struct slot *slot) {
    struct call *call = &slot->task.call;
    task_init(&slot->task, s->shard->engine, s->shard);
    slot->task.done = call_done;
    call->argc = slot->request.argc;
    call->argv = slot->request.argv;
    call->session = &slot->client->session;
    call->reply = (struct reply){ .buf = &slot->out.buf, .version = 2 };
    if (unlikely(!call_prepare(call, s->shard->engine->index)) || (call->cmd->route == ROUTE_KEYS && unlikely(!call_find_keys(call)))) {
        slot->kind = SLOT_REFUSED;
        call->key_count = 0;
    }
}

// Each step by itself over all keys, so that the misses of one step overlap. What a pipeline asks for again and again is there after the first time.
static void prefetch_keys(struct net_shard *s) {
    for (int step = 0; step < 2; step++) {
        uint64_t last = 0;
        for (uint32_t i = 0; i < s->batch_count; i++) {
            struct call *call = &s->batch[i]->task.call;
            for (uint32_t k = 0; s->batch[i]->kind == SLOT_CALL && k < call->key_count; k++) {
                if (call->keys[k].hash == last) continue;
                last = call->keys[k].hash;
                if (step == 0) key_prefetch_bucket(&call->keys[k]);
                else key_prefetch_entry(&call->keys[k]);
            }
        }
    }
}

// Two commands of one client about one key's stripe: between them nothing is sent, and if one has to wait, so has the next.
static bool same_stripe(const struct slot *a, const struct slot *b) {
    const struct call *x = &a->task.call, *y = &b->task.call;
    return a->client == b->client && a->kind == SLOT_CALL && b->kind == SLOT_CALL && x->key_count == 1 && y->key_count == 1 &&
        x->keys[0].stripe == y->keys[0].stripe;
}

void batch_run(struct net_shard *s) {
    if (s->running) return;
    s->running = true;
    uint32_t n = s->batch_count;
    for (uint32_t i = 0; i < n; i++) {
        if (likely(s->batch[i]->kind == SLOT_CALL)) slot_prepare(s, s->batch[i]);
    }
    if (n > 1) prefetch_keys(s);
    for (uint32_t i = 1; i < n; i++) {
        if (same_stripe(s->batch[i - 1], s->batch[i])) s->batch[i - 1]->task.next = &s->batch[i]->task;
    }
    for (uint32_t i = 0; i < n; i++) {
        slot_run(s->batch[i]);
    }
    task_carry_end(s->shard);
    s->batch_count = 0;
    s->running = false;
}

// ---- parsing -----------------------------------------------------------------------------------------------------------------

void input_drop(struct client *c) {
    chunk_unref(c->in);
    c->in = NULL;
    c->in_at = c->in_n = 0;
    if (c->request) {
        resp_request_free(c->request);
        mem_free(c->request);
        c->request = NULL;
    }
}

static void close_for_input(struct client *c, const char *why) {
    counter_add(&c->home->shard->counters.query_buffer_closed, 1);
    client_log_close(c, why);
    client_close(c);
}

// The bytes of a command that is not complete stay in a chunk of the connection's own, which is as large as it will have to be.
static void keep_rest(struct client *c) {
    size_t need = MAX(c->request->need, c->in_n + 1);
    if (unlikely(!c->session.authenticated && c->in_n > UNAUTH_HELD_MAX)) {
        close_for_input(c, "it has sent too much without AUTH");
        return;
    }
    if (unlikely(c->in_n > setting(&net_settings(c->home)->client_query_buffer_limit))) {
        close_for_input(c, "its input is above client-query-buffer-limit");
        return;
    }
    bool own_already = c->in != c->home->chunk && c->in->refs == 1;
    if (own_already && c->in->size - c->in_at >= need && c->in->size <= 2 * need + CHUNK_ROOM_MIN) return;
    // Above half a chunk it is received into straight away, with some room for what follows it.
    size_t size = need > CHUNK_SIZE / 2 ? MAX(need, c->in_n * 2) + CHUNK_ROOM_MIN : c->in_n;
    struct chunk *own = chunk_create(size);
    if (!own) {
        client_close(c);
        return;
    }
    memcpy(own->data, c->in->data + c->in_at, c->in_n);
    own->used = c->in_n;
    chunk_unref(c->in);
    c->in = own;
    c->in_at = 0;
}

static bool save_request(struct client *c, struct slot *slot) {
    c->request = mem_alloc(sizeof *c->request);
    if (!c->request) return false;
    resp_request_move(c->request, &slot->request);
    return true;
}

// Adds the next command of the input to the batch. False: there is none (any more), or the client is closed.
static bool parse_one(struct client *c) {
    struct net_shard *s = c->home;
    struct settings *settings = net_settings(s);
    struct resp_limits limits = { setting(&settings->proto_max_bulk_len), !c->session.authenticated };
    struct slot *slot = slot_take(s);
    if (unlikely(!slot)) {
        client_close(c);
        return false;
    }
    if (unlikely(c->request)) {
        resp_request_free(&slot->request);
        resp_request_move(&slot->request, c->request);
        mem_free(c->request);
        c->request = NULL;
    }
    size_t consumed;
    enum resp_status status = resp_request_parse(&slot->request, c->in->data + c->in_at, c->in_n, &limits, &consumed);
    c->in_at += consumed;
    c->in_n -= consumed;
    if (likely(status == RESP_COMPLETE)) {
        slot->kind = SLOT_CALL;
    } else if (status == RESP_ERROR) {
        slot->kind = SLOT_BAD_INPUT;
        c->in_n = 0; // nothing behind it can be understood
    } else {
        bool ok = status == RESP_MORE && (c->in_n == 0 || save_request(c, slot));
        slot_free(s, slot);
        if (!ok) client_close(c);
        return false;
    }
    slot->client = c;
    slot->chunk = c->in;
    slot->finished = slot->sent_apart = false;
    c->in->refs++;
    s->batch[s->batch_count++] = slot;
    return true;
}

// Turns the client's input into slots, as far as it goes.
static void parse(struct client *c) {
    struct net_shard *s = c->home;
    int64_t started_us = 0;
    bool more = true;
    for (uint32_t count = 0; c->in_n > 0 && more; count++) {
        if (s->batch_count == BATCH_MAX || (unlikely(!c->session.authenticated) && count > 0)) {
            batch_run(s);
            int64_t now_us = clock_mono_us();
            if (!s->turn_us) s->turn_us = now_us;
            if (now_us - s->turn_us > TURN_US) output_flush(s);
            if (c->closed || c->closing || c->parked || c->held) break;
            if (!started_us) started_us = now_us;
            if (count >= TURN_COMMANDS || now_us - started_us > TURN_US) {
                client_ready(c);
                break;
            }
        }
        more = parse_one(c);
    }
    if (unlikely(c->closed)) return;
    if (c->closing || c->in_n == 0) input_drop(c);
    else if (!more) keep_rest(c);
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

// Where the next bytes go: behind those that are there. False: no memory.
static bool input_room(struct client *c, char **to, size_t *n) {
    struct net_shard *s = c->home;
    size_t need = c->request ? MAX(c->request->need, c->in_n + 1) : 0;
    if (c->in && need > CHUNK_SIZE / 2) {
        // keep_rest has made room for it.
        *to = c->in->data + c->in_at + c->in_n;
        *n = MIN(c->in->size - c->in_at - c->in_n, (size_t)RECEIVE_MAX);
        return true;
    }
    struct chunk *chunk = shard_chunk(s, CHUNK_ROOM_MIN + need);
    if (!chunk || c->closed) return false;
    if (c->in) {
        memcpy(chunk->data + chunk->used, c->in->data + c->in_at, c->in_n);
        c->in_at = chunk->used;
        chunk_unref(c->in);
    } else {
        c->in_at = chunk->used;
    }
    c->in = chunk;
    chunk->refs++;
    *to = chunk->data + c->in_at + c->in_n;
    *n = chunk_room(chunk) - c->in_n;
    return true;
}

// The peer has ended its side, or the connection is broken.
static void read_failed(struct client *c, ssize_t n) {
    if (n == 0) { // libuv may poll more than once in a turn: what was asked for before is still to be run, or sent
        batch_run(c->home);
        output_flush(c->home);
        if (c->closed) return;
        if (client_busy(c)) {
            input_drop(c);
            client_poll(c); // the end is read again when it goes on
            return;
        }
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        if (c->in_n == 0) input_drop(c);
        else keep_rest(c);
    } else if (n == 0 && c->out) {
        // It may still read what it has asked for.
        input_drop(c);
        c->closing = true;
        client_poll(c);
    } else {
        client_close(c);
    }
}

void input_read(struct client *c) {
    struct net_shard *s = c->home;
    char *to;
    size_t room;
    if (unlikely(client_busy(c) || c->closing)) {
        client_poll(c); // it is asked again when it goes on
        return;
    }
    if (unlikely(!input_room(c, &to, &room))) {
        client_close(c);
        return;
    }
    ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);
    if (unlikely(n <= 0)) {
        read_failed(c, n);
        return;
    }
    c->active_ms = (int64_t)uv_now(&s->shard->loop);
    s->has_read = true;
    counter_add(&s->shard->counters.net_input, (uint64_t)n);
    c->in_n += (size_t)n;
    if (c->in == s->chunk) c->in->used = c->in_at + c->in_n;
    parse(c);
}

// ---- going on ------------------------------------------------------------------------------------------------------------------

static void run_queue(struct client *c) {
    struct slot *slot;
    while (!c->parked && !c->held && (slot = queue_pop(c))) {
        if (unlikely(c->closed || c->closing)) slot_free(c->home, slot);
        else slot_start(slot);
    }
}

void input_continue(struct client *c) {
    struct net_shard *s = c->home;
    if (c->parked && c->parked->finished) {
        struct slot *slot = c->parked;
        c->parked = NULL;
        if (c->closed) {
            slot_free(s, slot);
            client_ended(c);
            return;
        }
        output_begin(c);
        push_before_reply(c);
        answer(slot, s->out.buf.n, s->out.ref_count);
        slot_free(s, slot);
    }
    run_queue(c);
    if (!c->closed && !client_busy(c) && c->in_n > 0) parse(c);
    batch_run(s);
    output_flush(s);
    if (!c->closed) client_poll(c);
}

// A parked call has run.
static void call_done(struct task *t) {
    struct slot *slot = CONTAINER_OF(t, struct slot, task);
    struct client *c = slot->client;
    slot->finished = true;
    if (unlikely(c->home->running)) client_ready(c);
    else input_continue(c);
}
