// What all shards share, and how a shard's part of the network starts and stops.
#include "net/net_int.h"

#include "base/mem.h"
#include "kora.h"
#include "net/push.h"

// ---- the timer -----------------------------------------------------------------------------------------------------------------

static void on_timer(uv_timer_t *timer) { clients_housekeeping(CONTAINER_OF(timer, struct net_shard, timer)); }

void net_timer_by(struct net_shard *s, int64_t at_ms) {
    if (s->stopping) return;
    int64_t now = (int64_t)uv_now(&s->shard->loop), in = MAX(at_ms - now, 1);
    if (uv_is_active((uv_handle_t *)&s->timer) && uv_timer_get_due_in(&s->timer) <= (uint64_t)in) return;
    uv_timer_start(&s->timer, on_timer, (uint64_t)in, 0);
}

// ---- nudges ----------------------------------------------------------------------------------------------------------------------

static void on_nudge(struct shard *shard, struct message *m) {
    (void)m;
    struct net_shard *s = shard->net;
    atomic_store(&s->nudged, false);
    if (!s->stopping) clients_housekeeping(s);
}

void net_nudge_all(struct net *n) {
    for (uint32_t i = 0; i < n->engine->shard_count; i++) {
        struct shard *shard = &n->engine->shards[i];
        struct net_shard *s = shard->net;
        if (s && !atomic_exchange(&s->nudged, true)) shard_post(shard, &s->nudge);
    }
}

static void settings_have_changed(struct host *h) {
    struct net *n = h->net;
    if (n->engine_settings_changed) n->engine_settings_changed(h);
    net_nudge_all(n);
}

static void stats(struct host *h, struct host_stats *out) {
    struct net *n = h->net;
    n->engine_stats(h, out);
    for (uint32_t i = 0; i < n->engine->shard_count; i++) {
        struct net_shard *s = n->engine->shards[i].net;
        if (s) out->commands += atomic_load_explicit(&s->commands, memory_order_relaxed);
    }
    out->rejected_connections = atomic_load_explicit(&n->rejected, memory_order_relaxed);
}

// ---- a shard's part --------------------------------------------------------------------------------------------------------------

// The end of the poll phase: everything that was read in this turn runs, and is answered.
static void on_check(uv_check_t *check) {
    struct net_shard *s = CONTAINER_OF(check, struct net_shard, check);
    if (s->batch_count) batch_run(s);
    output_flush(s);
    s->had_read = s->has_read;
    s->has_read = false;
}

// The memory of the shard's part stays until the network is destroyed: late messages may still look at it.
static void shard_release(struct net_shard *s) {
    slots_free(s);
    output_free(&s->out);
    for (int i = 0; i < SENDINGS_MAX; i++) output_free(&s->sendings[i].out);
    chunk_unref(s->chunk);
    s->chunk = NULL;
}

void net_shard_pushed(struct shard *shard) {
    struct net_shard *s = shard->net;
    if (!s->stopping) push_turn(s);
}

void net_shard_unref(struct net_shard *s) {
    if (--s->handles == 0) shard_release(s);
}

static void on_handle_closed(uv_handle_t *handle) { net_shard_unref(handle->data); }

static bool reserve_slots(struct net_shard *s) {
    struct slot *slots[BATCH_MAX];
    int n = 0;
    while (n < BATCH_MAX && (slots[n] = slot_take(s))) n++;
    bool enough = n == BATCH_MAX;
    while (n > 0) slot_free(s, slots[--n]);
    return enough;
}

int net_shard_start(struct shard *shard) {
    struct net_shard *s = mem_alloc_zero(sizeof *s);
    if (!s) return KORA_NOMEM;
    shard->net = s;
    s->shard = shard;
    s->net = shard->engine->net;
    s->nudge.run = on_nudge;
    uv_check_init(&shard->loop, &s->check);
    uv_idle_init(&shard->loop, &s->idle);
    uv_timer_init(&shard->loop, &s->timer);
    s->check.data = s->idle.data = s->timer.data = s;
    s->handles = 3;
    uv_check_start(&s->check, on_check);
    return reserve_slots(s) ? KORA_OK : KORA_NOMEM;
}

void net_shard_stop(struct shard *shard) {
    struct net_shard *s = shard->net;
    if (!s || s->stopping) return;
    push_flush(s);
    s->stopping = true;
    pthread_mutex_lock(&s->net->mutex);
    for (struct listener *l = s->net->listeners; l; l = l->next) {
        if (l->home == s) listener_stop(l);
    }
    pthread_mutex_unlock(&s->net->mutex);
    for (struct client *c = s->first, *after; c; c = after) {
        after = c->next;
        client_close(c);
    }
    uv_close((uv_handle_t *)&s->check, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

// ---- the whole -------------------------------------------------------------------------------------------------------------------

int net_create(struct engine *e) {
    struct net *n = mem_alloc_zero(sizeof *n);
    if (!n) return KORA_NOMEM;
    n->engine = e;
    atomic_init(&n->gate, engine_loads(e) ? NET_LOADING : 0);
    pthread_mutex_init(&n->mutex, NULL);
    struct host *h = &e->host;
    e->net = h->net = n;
    n->engine_settings_changed = h->settings_changed;
    n->engine_stats = h->stats;
    h->settings_changed = settings_have_changed;
    h->stats = stats;
    client_hooks(h);
    listener_hooks(h);
    return KORA_OK;
}

void net_destroy(struct net *n) {
    if (!n) return;
    struct engine *e = n->engine;
    for (uint32_t i = 0; i < e->shard_count; i++) {
        mem_free(e->shards[i].net);
        e->shards[i].net = NULL;
    }
    while (n->adoptions) adoption_free(n->adoptions);
    while (n->listeners) {
        struct listener *l = n->listeners;
        n->listeners = l->next;
        listener_free(l);
    }
    pthread_mutex_destroy(&n->mutex);
    mem_free(n);
    e->net = e->host.net = NULL;
}
