// Shards: threads with a loop each, and the inbox by which others reach them.
//
// The inbox is a lock-free stack that the shard takes whole and turns round, so messages of one sender stay in order. A sender
// wakes the shard (uv_async, a write to an eventfd) only if it is asleep: the shard says so before it polls, then looks at the
// inbox once more; a sender pushes, then looks whether the shard sleeps. Both are sequentially consistent: no message is left.
#include "engine/shard.h"

#include <signal.h>

#include "engine/background.h"
#include "engine/feeding.h"
#include "kora.h"

_Thread_local struct thread_state thread_state;

// ---- inbox -------------------------------------------------------------------------------------------------------------

void shard_post(struct shard *s, struct message *m) {
    struct message *newest = atomic_load_explicit(&s->inbox, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->posted, 1, memory_order_relaxed);
    do m->next = newest;
    while (!atomic_compare_exchange_weak(&s->inbox, &newest, m));
    // The message may have been run, and be gone, by now.
    if (atomic_load(&s->asleep) && atomic_exchange(&s->asleep, 0)) uv_async_send(&s->wake);
}

static void note_drained(struct shard *s, uint64_t n) {
    struct shard_counters *c = &s->counters;
    stat_add(&c->messages_run, n, true);
    if (n > atomic_load_explicit(&c->inbox_max, memory_order_relaxed)) atomic_store_explicit(&c->inbox_max, n, memory_order_relaxed);
}

// Runs what is there now; what these messages send to this shard comes with the next turn of the loop.
static void drain(struct shard *s) {
    struct message *newest = atomic_exchange(&s->inbox, NULL), *oldest = NULL;
    while (newest) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    uint64_t run = 0;
    for (const struct message *m = oldest; m; m = m->next) run++;
    if (run) note_drained(s, run);
    while (oldest) {
        struct message *next = oldest->next;
        oldest->run(s, oldest);
        oldest = next;
    }
}

static void on_before_poll(uv_prepare_t *h) {
    struct shard *s = h->data;
    drain(s);
    lease_point();
    atomic_store(&s->asleep, 1);
    if (LEASE_CHECK(5) && atomic_load(&s->inbox) && atomic_exchange(&s->asleep, 0)) uv_async_send(&s->wake); // poll, but don't block
}

static void on_after_poll(uv_check_t *h) {
    struct shard *s = h->data;
    atomic_store_explicit(&s->asleep, 0, memory_order_relaxed);
    drain(s);
}

static void on_wake(uv_async_t *h) { (void)h; }

// ---- life --------------------------------------------------------------------------------------------------------------

static void stop_network(struct shard *s, struct message *m) {
    (void)m;
    if (s->engine->config.hooks.shard_stop) s->engine->config.hooks.shard_stop(s);
}

static void close_own_handles(struct shard *s, struct message *m) {
    (void)m;
    uv_close((uv_handle_t *)&s->timer, NULL);
    uv_close((uv_handle_t *)&s->access_timer, NULL);
    uv_close((uv_handle_t *)&s->save_timer, NULL);
    uv_close((uv_handle_t *)&s->deadline_timer, NULL);
    uv_close((uv_handle_t *)&s->before_poll, NULL);
    uv_close((uv_handle_t *)&s->after_poll, NULL);
    uv_close((uv_handle_t *)&s->wake, NULL); // nothing keeps the loop alive now but what the network still has to close
}

static int make_loop(struct shard *s) {
    if (uv_loop_init(&s->loop) != 0) return KORA_SYSTEM;
    s->loop_made = true;
    s->loop.data = s;
    int failed = uv_async_init(&s->loop, &s->wake, on_wake);
    if (failed) return KORA_SYSTEM;
    uv_prepare_init(&s->loop, &s->before_poll);
    uv_check_init(&s->loop, &s->after_poll);
    uv_timer_init(&s->loop, &s->timer);
    uv_timer_init(&s->loop, &s->access_timer);
    uv_timer_init(&s->loop, &s->save_timer);
    uv_timer_init(&s->loop, &s->deadline_timer);
    s->before_poll.data = s->after_poll.data = s->timer.data = s->access_timer.data = s->save_timer.data = s->deadline_timer.data = s->wake.data = s;
    uv_prepare_start(&s->before_poll, on_before_poll);
    uv_check_start(&s->after_poll, on_after_poll);
    return KORA_OK;
}

static void *shard_main(void *arg) {
    struct shard *s = arg;
    thread_state.must_not_wait = 1;
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return NULL;
}

int shard_init(struct shard *s, struct engine *e, uint32_t id) {
    s->engine = e;
    s->id = id;
    s->stop.run = stop_network;
    s->exit.run = close_own_handles;
    atomic_init(&s->armed_ms, INT64_MAX);
    background_init(s);
    int status = feeding_init(s);
    if (status == KORA_OK) status = make_loop(s);
    if (status == KORA_OK && e->config.hooks.shard_start) status = e->config.hooks.shard_start(s);
    return status;
}

int shard_start(struct shard *s) {
    // The thread inherits this mask: the host's signals are never delivered to a thread of ours.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->started = pthread_create(&s->thread, NULL, shard_main, s) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return s->started ? KORA_OK : KORA_SYSTEM;
}

void shard_join(struct shard *s) {
    if (s->started) pthread_join(s->thread, NULL);
}

void shard_free(struct shard *s) {
    if (s->deadlines) wheel_destroy(s->deadlines);
    if (!s->loop_made) return;
    if (!s->started) { // it never ran: close here what was made
        stop_network(s, NULL);
        if (s->wake.data) close_own_handles(s, NULL);
        uv_run(&s->loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&s->loop);
}
