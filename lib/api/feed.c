// Publish and subscribe, in-process. A subscription is a subscriber of one shard, as a connection is; what it gets goes to a queue of its own with one
// producer, the shard's thread, and one consumer: the thread that polls, or, for a callback, the same shard in a message of its own, so that no callback
// runs under a lease. What tells of something that is not durable yet, and all that comes behind it, is held back on the shard before that (engine/await.h).
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "feed/feed.h"

enum { QUEUE_BYTES = 8 << 20 }; // if nothing else is said

struct item {
    struct item *next;
    struct payload *payload;
    bool has_pattern;
    size_t pattern_n;
    char pattern[];
};

struct kora_subscription {
    kora *db;
    struct shard *shard;
    struct subscriber *subscriber; // freed by the engine
    struct session session;
    int fd;                        // -1: it has a callback
    kora_message_fn *fn;
    void *arg;
    uint64_t bytes_max;
    _Atomic uint64_t bytes;        // in the queue
    _Atomic(struct item *) newest; // a stack, taken whole and turned round
    _Atomic bool full;             // it has ended
    _Atomic bool lost;             // ... since what came next will never be durable
    struct item *held, *held_last; // the shard's: what must not be seen yet, in order
    struct await_waiter waits;     // ... for the first of them
    bool told;                     // that it has; the consumer's
    struct item *ready, *current;  // the consumer's: in order; what it was given last
    struct message message, run;
    bool scheduled, stops, stopped; // the shard's: `run` is on its way; it is about to end; it has left all
    // How the shard answers a thread that waits
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool answer;
    int status;
    struct task task;
    struct buf out;
    struct slice *argv[2];
    int argc[2], step;
};

// ---- the queue -------------------------------------------------------------------------------------------------------------------

static uint64_t item_bytes(const struct item *i) { return sizeof *i + i->pattern_n + i->payload->n; }

static void item_free(struct item *i) {
    if (!i) return;
    payload_unref(i->payload);
    mem_free(i);
}

static struct item *take_all(kora_subscription *s) {
    struct item *newest = atomic_exchange(&s->newest, NULL), *oldest = NULL;
    while (newest) {
        struct item *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void wake(kora_subscription *s) {
    if (s->fd >= 0) {
        eventfd_write(s->fd, 1);
    } else if (!s->scheduled) {
        s->scheduled = true;
        shard_post(s->shard, &s->run);
    }
}

static void end(kora_subscription *s) {
    atomic_store(&s->full, true);
    wake(s);
}

static void enqueue(kora_subscription *s, struct item *i) {
    struct item *newest = atomic_load_explicit(&s->newest, memory_order_relaxed);
    do i->next = newest;
    while (!atomic_compare_exchange_weak(&s->newest, &newest, i));
    if (!newest) wake(s);
}

// Passes on what may be seen by now.
static void release_held(kora_subscription *s) {
    const struct engine *e = s->shard->engine;
    for (struct item *i; (i = s->held);) {
        if (await_is(e, i->payload->need, true) != AWAIT_YES) {
            s->waits.need = i->payload->need;
            await_hold(s->shard, &s->waits);
            return;
        }
        s->held = i->next;
        enqueue(s, i);
    }
}

static void held_may_go(struct shard *shard, struct await_waiter *w, bool lost) {
    (void)shard;
    kora_subscription *s = CONTAINER_OF(w, struct kora_subscription, waits);
    if (!lost) {
        release_held(s);
        return;
    }
    atomic_store(&s->lost, true);
    end(s);
}

static void hold(kora_subscription *s, struct item *i) {
    i->next = NULL;
    if (s->held) s->held_last->next = i;
    else s->held = i;
    s->held_last = i;
    if (s->held == i) release_held(s);
}

// Nothing is left out: without room for one there are no more.
static void deliver(struct subscriber *subscriber, const struct channel *to, struct payload *p) {
    kora_subscription *s = subscriber->owner;
    size_t n = to->kind == FEED_PATTERN ? to->name.n : 0;
    if (atomic_load_explicit(&s->full, memory_order_relaxed)) return;
    struct item *i = mem_alloc(sizeof *i + n);
    if (i) {
        *i = (struct item){ .payload = p, .has_pattern = to->kind == FEED_PATTERN, .pattern_n = n };
        if (n) memcpy(i->pattern, to->name.p, n);
    }
    if (!i || atomic_load(&s->bytes) + item_bytes(i) > s->bytes_max) {
        mem_free(i);
        end(s);
        return;
    }
    payload_ref(p);
    atomic_fetch_add(&s->bytes, item_bytes(i));
    if (likely(!p->need && !s->held)) enqueue(s, i);
    else hold(s, i);
}

static struct item *next_item(kora_subscription *s) {
    if (!s->ready) s->ready = take_all(s);
    struct item *i = s->ready;
    if (!i) return NULL;
    s->ready = i->next;
    atomic_fetch_sub(&s->bytes, item_bytes(i));
    return i;
}

static void to_message(const struct item *i, kora_message *m) {
    *m = (kora_message){ .channel = { i->payload->channel.p, i->payload->channel.n }, .data = { i->payload->message.p, i->payload->message.n },
        .pattern = { i->has_pattern ? i->pattern : NULL, i->pattern_n } };
}

// ---- waiting for the shard ---------------------------------------------------------------------------------------------------------

static void answer(kora_subscription *s, int status) {
    pthread_mutex_lock(&s->mutex);
    s->status = status;
    s->answer = true;
    pthread_cond_signal(&s->answered);
    pthread_mutex_unlock(&s->mutex); // it may be gone from here on
}

static int ask(kora_subscription *s, void (*run)(struct shard *shard, struct message *m)) {
    s->answer = false;
    s->message.run = run;
    shard_post(s->shard, &s->message);
    pthread_mutex_lock(&s->mutex);
    while (!s->answer) pthread_cond_wait(&s->answered, &s->mutex);
    int status = s->status;
    pthread_mutex_unlock(&s->mutex);
    return status;
}

// ---- on the shard ------------------------------------------------------------------------------------------------------------------

static int end_status(kora_subscription *s) { return atomic_load(&s->lost) ? KORA_READONLY : KORA_TOOBIG; }

static void on_run(struct shard *shard, struct message *m) {
    (void)shard;
    kora_subscription *s = CONTAINER_OF(m, struct kora_subscription, run);
    kora_message message;
    s->scheduled = false;
    for (struct item *i; !s->stops && (i = next_item(s)); item_free(i)) {
        to_message(i, &message);
        s->fn(s->arg, KORA_OK, &message);
    }
    if (!s->stops && !s->told && atomic_load(&s->full)) {
        s->told = true;
        s->fn(s->arg, end_status(s), NULL);
    }
    if (s->stopped) answer(s, KORA_OK);
}

static void leave(kora_subscription *s) {
    await_forget(&s->waits);
    engine_subscriber_leaves(s->shard, s->subscriber);
    s->subscriber = s->session.subscriber = NULL;
}

static void go_on(kora_subscription *s);

// It leaves all channels, then all patterns, so that whoever publishes after its end does not count it.
static void on_stop(struct shard *shard, struct message *m) {
    (void)shard;
    kora_subscription *s = CONTAINER_OF(m, struct kora_subscription, message);
    s->stops = true;
    s->step = 0;
    for (int i = 0; i < 2; i++) {
        s->argv[i][0] = i ? SLICE("PUNSUBSCRIBE") : SLICE("UNSUBSCRIBE");
        s->argc[i] = 1;
    }
    go_on(s);
}

static void has_stopped(kora_subscription *s) {
    leave(s);
    s->stopped = true;
    if (!s->scheduled) answer(s, KORA_OK);
}

static void subscribed(struct task *t) {
    kora_subscription *s = CONTAINER_OF(t, struct kora_subscription, task);
    int status = t->status == KORA_OK && (t->call.outcome == CALL_ERROR || s->out.failed) ? KORA_NOMEM : t->status;
    task_release(t);
    buf_free(&s->out);
    s->step++;
    if (status == KORA_OK || s->stops) {
        go_on(s);
        return;
    }
    leave(s);
    answer(s, status);
}

// First channels, then patterns.
static void go_on(kora_subscription *s) {
    while (s->step < 2 && s->argc[s->step] == 1 && !s->stops) s->step++;
    if (s->step == 2) {
        if (s->stops) has_stopped(s);
        else answer(s, KORA_OK);
        return;
    }
    struct task *t = &s->task;
    task_init(t, s->shard->engine, s->shard);
    t->done = subscribed;
    t->call.argc = s->argc[s->step];
    t->call.argv = s->argv[s->step];
    t->call.session = &s->session;
    t->call.reply = (struct reply){ .buf = &s->out, .version = 3 };
    if (!call_prepare(&t->call, s->shard->engine->index) || task_run(t)) subscribed(t);
}

static void on_start(struct shard *shard, struct message *m) {
    (void)shard;
    go_on(CONTAINER_OF(m, struct kora_subscription, message));
}

// ---- from outside ------------------------------------------------------------------------------------------------------------------

static void free_items(struct item *i) {
    for (struct item *next; i; i = next) {
        next = i->next;
        item_free(i);
    }
}

static void destroy(kora_subscription *s) {
    free_items(s->held);
    free_items(take_all(s));
    free_items(s->ready);
    item_free(s->current);
    if (s->fd >= 0) close(s->fd);
    pthread_cond_destroy(&s->answered);
    pthread_mutex_destroy(&s->mutex);
    mem_free(s->argv[0]);
    mem_free(s->argv[1]);
    mem_free(s->subscriber);
    mem_free(s);
}

static bool words(kora_subscription *s, int which, struct slice command, const kora_bytes *names, size_t count) {
    s->argv[which] = mem_alloc((count + 1) * sizeof(struct slice));
    if (!s->argv[which]) return false;
    s->argv[which][0] = command;
    for (size_t i = 0; i < count; i++) s->argv[which][i + 1] = (struct slice){ names[i].len ? names[i].data : "", names[i].len };
    s->argc[which] = (int)count + 1;
    return true;
}

static int create(kora *db, const kora_subscribe_options *o, kora_subscription **out) {
    kora_subscription *s = mem_alloc_zero(sizeof *s);
    if (!s) return KORA_NOMEM;
    uint64_t id = atomic_fetch_add_explicit(&db->engine->host.next_client_id, 1, memory_order_relaxed);
    s->db = db;
    s->shard = &db->engine->shards[id % db->engine->shard_count];
    session_init(&s->session, id);
    s->session.authenticated = true;
    s->session.version = 3;
    s->fn = o->fn;
    s->arg = o->arg;
    s->bytes_max = o->queue_bytes_max ? o->queue_bytes_max : QUEUE_BYTES;
    s->run.run = on_run;
    s->waits.owes = true;
    s->waits.done = held_may_go;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->answered, NULL);
    s->fd = o->fn ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->subscriber = mem_alloc_zero(sizeof *s->subscriber);
    if (!s->subscriber || (!o->fn && s->fd < 0)) {
        int status = s->subscriber ? KORA_SYSTEM : KORA_NOMEM;
        destroy(s);
        return status;
    }
    s->subscriber->shard = s->shard->id;
    s->subscriber->deliver = deliver;
    s->subscriber->owner = s;
    s->session.subscriber = s->subscriber;
    *out = s;
    return KORA_OK;
}

static bool names_bad(const kora_bytes *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!names || (!names[i].data && names[i].len)) return true;
    }
    return count >= INT32_MAX;
}

KORA_API int kora_subscribe(kora *db, const kora_bytes *channels, size_t channel_count, const kora_bytes *patterns, size_t pattern_count,
    const kora_subscribe_options *options, kora_subscription **subscription) {
    kora_subscribe_options o = KORA_SUBSCRIBE_OPTIONS_INIT;
    kora_subscription *s = NULL;
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    if (!subscription || names_bad(channels, channel_count) || names_bad(patterns, pattern_count)) status = KORA_INVAL;
    if (status == KORA_OK) status = api_options(&o, sizeof o, options);
    if (status == KORA_OK) status = create(db, &o, &s);
    if (status == KORA_OK && (!words(s, 0, SLICE("SUBSCRIBE"), channels, channel_count) || !words(s, 1, SLICE("PSUBSCRIBE"), patterns, pattern_count)))
        status = KORA_NOMEM;
    if (status == KORA_OK && !api_handle_out(db)) status = KORA_CLOSED;
    if (status == KORA_OK) {
        status = ask(s, on_start);
        if (status != KORA_OK) api_handle_back(db);
    }
    if (status == KORA_OK) *subscription = s;
    else if (s) destroy(s);
    api_leave(db);
    return status;
}

KORA_API int kora_subscription_fd(const kora_subscription *subscription) { return subscription ? subscription->fd : -1; }

KORA_API int kora_subscription_next(kora_subscription *s, kora_message *message) {
    if (!s || !message || s->fn) return KORA_INVAL;
    if (!*s->db->alive) return KORA_MISUSE;
    eventfd_t n;
    item_free(s->current);
    s->current = next_item(s);
    if (!s->current) {
        eventfd_read(s->fd, &n); // and look once more: what comes from now on makes it readable again
        s->current = next_item(s);
    }
    if (s->current) {
        to_message(s->current, message);
        return KORA_OK;
    }
    return atomic_load(&s->full) ? end_status(s) : KORA_NOTFOUND;
}

KORA_API int kora_unsubscribe(kora_subscription *s) {
    if (!s) return KORA_OK;
    kora *db = s->db;
    if (engine_must_not_wait() || !*db->alive) return KORA_MISUSE;
    ask(s, on_stop);
    destroy(s);
    api_handle_back(db);
    return KORA_OK;
}

KORA_API int kora_publish(kora *db, const void *channel, size_t channel_len, const void *data, size_t data_len, uint64_t *receivers) {
    struct spot s; // of the channel: it is no key
    if (api_bad_bytes(data, data_len)) return KORA_INVAL;
    int status = spot_take(&s, db, channel, channel_len);
    if (status != KORA_OK) return status;
    int64_t n = feed_publish(db->engine->common.feed, FEED_CHANNEL, s.number, api_slice(s.name.p, s.name.n), api_slice(data, data_len), 0);
    count_up(&s.stripe->counters.commands);
    lease_release(s.lease);
    api_leave(db);
    if (n >= 0 && receivers) *receivers = (uint64_t)n;
    return n < 0 ? KORA_NOMEM : KORA_OK;
}
