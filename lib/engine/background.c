// Background work of stripes, on their home's thread.
//
// A job (one for each stripe) is queued at most once: `wanted` says what for; whoever sets the first bit posts it. What is wanted while
// it runs is done by another run. A shard runs one job in a turn of its loop, and serves its connections in between.
//
// The timer. `armed_ms` is what the home's timer is set for. A writer that has brought an earlier expiry publishes the stripe's
// due_ms, lets the lease go, then looks at armed_ms, and asks the home to look again if its own is earlier. The home publishes
// armed_ms, then looks at the due times once more. All four are sequentially consistent, so one of the two sees the other.
#include "engine/background.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/resident.h"
#include "engine/room.h"

enum { EXPIRE = 1, COMPACT = 2, RUNNING = 4, REAP = 8, EVICT = 16 };
enum { EXPIRE_BUDGET_US = 900, EVICT_BUDGET_US = 400, PINNED_RETRY_MS = 100, LOG_RETRY_MS = 50 };

struct stripe_job {
    struct message message;
    struct waiter waiter;
    struct stripe *stripe;
    struct stripe_job *next; // in its shard's list
    _Atomic uint32_t wanted;
};

struct sweep {
    struct message message;
    struct keyspace *garbage;
    uint32_t hops;      // shards that it has still to pass
    struct sweep *next; // in a shard's list of those that wait for a pin
};

static struct stripe_job *job_of(struct engine *e, const struct stripe *s) { return &e->jobs[s->index]; }

// ---- jobs --------------------------------------------------------------------------------------------------------------

static void arm(struct shard *s);

static void job_comes(struct shard *s, struct message *m);

static void wake_job(struct waiter *w, enum lease_wake how) {
    struct stripe_job *j = CONTAINER_OF(w, struct stripe_job, waiter);
    if (how == LEASE_GONE) return; // closing: nothing is left to be done
    j->message.run = job_comes;
    shard_post(engine_home(CONTAINER_OF(j->stripe->common, struct engine, common), j->stripe->index), &j->message);
}

static void want(struct engine *e, struct stripe *stripe, uint32_t what) {
    struct stripe_job *j = job_of(e, stripe);
    if (atomic_fetch_or(&j->wanted, what) != 0) return; // queued already
    j->message.run = job_comes;
    shard_post(engine_home(e, stripe->index), &j->message);
}

void background_make_room(struct engine *e) {
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        if (stripe_has_victims(&e->common.stripes[i])) want(e, &e->common.stripes[i], EVICT);
    }
}

void background_reap(struct engine *e, struct stripe *s) { want(e, s, REAP); }

// Nothing expires, and nothing is evicted, while it is loaded: what comes later in the log is about what was there.
static bool expiry_is_on(struct engine *e) { return atomic_load_explicit(&e->common.settings.active_expire, memory_order_relaxed) && !engine_loads(e); }

static void add_job(struct shard *s, struct stripe_job *j) {
    j->next = NULL;
    if (s->jobs) s->jobs_last->next = j;
    else s->jobs = j;
    s->jobs_last = j;
}

static void job_comes(struct shard *s, struct message *m) {
    if (!s->jobs) shard_post(s, &s->work);
    add_job(s, CONTAINER_OF(m, struct stripe_job, message));
}

static int64_t wall_ms(struct engine *e) {
    return e->common.wall_ms ? e->common.wall_ms(e->common.wall_arg) : clock_wall_ms();
}

// What expires is told to the log: it stays where that can't take it.
static bool may_expire(struct engine *e, const struct stripe *s) { return !e->log || log_may_write(e->log, s->index); }

static bool expire(struct engine *e, struct stripe *s, struct txn *t) {
    uint64_t threshold_ms = atomic_load_explicit(&e->common.settings.latency_monitor_threshold, memory_order_relaxed);
    int64_t began_us = threshold_ms ? clock_mono_us() : 0;
    bool more = stripe_expire(s, t, EXPIRE_BUDGET_US);
    uint64_t ms = threshold_ms ? (uint64_t)(clock_mono_us() - began_us) / 1000 : 0;
    if (threshold_ms && ms >= threshold_ms) stat_event_add(e->host.stat, EVENT_EXPIRE, clock_wall_ms() / 1000, ms);
    return more;
}

static void run_job(struct shard *s, struct stripe_job *j) {
    struct engine *e = s->engine;
    struct lease *l = &e->leases[j->stripe->index];
    if (!lease_try(l)) {
        j->waiter.wake = wake_job;
        j->waiter.keeps = false;
        lease_park(l, &j->waiter);
        return;
    }
    uint32_t what = atomic_exchange(&j->wanted, RUNNING), more = 0;
    stripe_join(j->stripe, common_cut(&e->common));
    if ((what & EXPIRE) && expiry_is_on(e) && !may_expire(e, j->stripe)) {
        atomic_store(&j->stripe->due_ms, wall_ms(e) + LOG_RETRY_MS);
    } else if ((what & EXPIRE) && expiry_is_on(e)) {
        struct txn t;
        txn_begin(&t, &e->common);
        if (expire(e, j->stripe, &t)) more |= EXPIRE;
        else if (stripe_wants_compaction(j->stripe)) what |= COMPACT;
        txn_end(&t, &j->stripe->index, 1);
        if (unlikely(j->stripe->waiting.ready)) engine_serve(e, j->stripe);
    }
    if ((what & EVICT) && may_expire(e, j->stripe) && !engine_loads(e)) {
        struct txn t;
        txn_begin(&t, &e->common);
        if (room_evict_slice(e, j->stripe, &t, EVICT_BUDGET_US)) more |= EVICT;
        if (stripe_wants_compaction(j->stripe)) what |= COMPACT;
        txn_end(&t, &j->stripe->index, 1);
        if (unlikely(j->stripe->waiting.ready)) engine_serve(e, j->stripe);
    }
    if (what & REAP) watch_reap(j->stripe);
    if ((what & COMPACT) && stripe_compact(j->stripe)) more |= COMPACT;
    lease_release(l);
    if (what & COMPACT) resident_changes(e, clock_mono_us());
    if (more) atomic_fetch_or(&j->wanted, more);
    if (atomic_fetch_and(&j->wanted, ~(uint32_t)RUNNING) != RUNNING) add_job(s, j); // there is more to do
    else arm(s);
}

static void work(struct shard *s, struct message *m) {
    struct stripe_job *j = s->jobs;
    s->jobs = j->next;
    run_job(s, j);
    if (s->jobs) shard_post(s, m); // after the connections
}

// ---- the timer -----------------------------------------------------------------------------------------------------------

static int64_t earliest(struct shard *s) {
    struct engine *e = s->engine;
    int64_t due = INT64_MAX;
    for (uint32_t i = s->id; i < e->common.stripe_count; i += e->shard_count) {
        if (atomic_load(&e->jobs[i].wanted) & EXPIRE) continue; // its job will come back to arm()
        due = MIN(due, atomic_load(&e->common.stripes[i].due_ms));
    }
    return due;
}

static void sweep_pinned(struct shard *s);

static void on_timer(uv_timer_t *h) {
    struct shard *s = h->data;
    struct engine *e = s->engine;
    int64_t now = wall_ms(e);
    sweep_pinned(s);
    for (uint32_t i = s->id; expiry_is_on(e) && i < e->common.stripe_count; i += e->shard_count) {
        if (atomic_load(&e->common.stripes[i].due_ms) <= now) want(e, &e->common.stripes[i], EXPIRE);
    }
    arm(s);
}

static void arm(struct shard *s) {
    struct engine *e = s->engine;
    int64_t due;
    if (uv_is_closing((uv_handle_t *)&s->timer)) return;
    if (!expiry_is_on(e)) {
        atomic_store(&s->armed_ms, INT64_MIN); // nobody needs to ask
        due = INT64_MAX;
    } else {
        do {
            due = earliest(s);
            atomic_store(&s->armed_ms, due);
        } while (earliest(s) < due);
    }
    int64_t now = wall_ms(e);
    if (s->sweeps) due = MIN(due, now + PINNED_RETRY_MS);
    if (due == INT64_MAX) {
        uv_timer_stop(&s->timer);
        return;
    }
    uv_update_time(&s->loop);
    uv_timer_start(&s->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

static void rearm(struct shard *s, struct message *m) {
    (void)m;
    atomic_store(&s->rearm_queued, false);
    arm(s);
}

static void ask_to_rearm(struct shard *s) {
    if (!atomic_exchange(&s->rearm_queued, true)) shard_post(s, &s->rearm);
}

void engine_tell_home_slow(struct engine *e, struct stripe *stripe, struct stripe_news n) {
    struct shard *home = engine_home(e, stripe->index);
    if (n.compact) want(e, stripe, COMPACT);
    if (atomic_load(&stripe->due_ms) < atomic_load(&home->armed_ms)) ask_to_rearm(home);
}

void background_setting_changed(struct engine *e) {
    room_settings_changed(e);
    for (uint32_t i = 0; i < e->shard_count; i++) ask_to_rearm(&e->shards[i]);
}

// ---- the clock of access metadata ------------------------------------------------------------------------------------------
// While calls come, shard 0 publishes the second that look-ups note, as it begins (later if it is in the middle of a long command). When a second brought no call it stops, and the next
// look-up asks for it again. Only under LRU: who changes the policy stores it, then ACCESS_ASK; here the second is stored, then
// the policy looked at. All of these are sequentially consistent, so no second is left there under LFU.

static uint64_t calls_seen(const struct engine *e) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        n += atomic_load_explicit(&e->common.stripes[i].counters.commands, memory_order_relaxed) + stat_stripe_calls(&e->common.stripes[i].stat);
    }
    return n;
}

static bool access_is_lru(struct engine *e) { return atomic_load(&e->common.settings.access_policy) == ACCESS_LRU; }

static void on_access_timer(uv_timer_t *h);

static void access_publish(struct shard *s) {
    struct engine *e = s->engine;
    if (uv_is_closing((uv_handle_t *)&s->access_timer)) return;
    int64_t now_ms = clock_mono_us() / 1000;
    uint32_t now_s = (uint32_t)(now_ms / 1000) & ((1u << ENTRY_ACCESS_BITS) - 1);
    if (access_is_lru(e)) atomic_store(&e->common.settings.access_now, now_s);
    if (!access_is_lru(e)) {
        atomic_store(&e->common.settings.access_now, ACCESS_ASK);
        atomic_store(&e->access_kept, false);
        return;
    }
    uv_update_time(&s->loop);
    uv_timer_start(&s->access_timer, on_access_timer, (uint64_t)(1000 - now_ms % 1000 + 1), 0);
}

static void on_access_timer(uv_timer_t *h) {
    struct shard *s = h->data;
    struct engine *e = s->engine;
    uint64_t seen = calls_seen(e);
    if (seen == e->access_seen) {
        atomic_store(&e->common.settings.access_now, ACCESS_ASK);
        atomic_store(&e->access_kept, false);
        return;
    }
    e->access_seen = seen;
    access_publish(s);
}

static void access_start(struct shard *s, struct message *m) {
    (void)m;
    s->engine->access_seen = calls_seen(s->engine);
    access_publish(s);
}

void background_access_asked(struct common *c) {
    struct engine *e = CONTAINER_OF(c, struct engine, common);
    if (atomic_load_explicit(&e->access_kept, memory_order_relaxed) || atomic_exchange(&e->access_kept, true)) return;
    shard_post(&e->shards[0], &e->shards[0].access_start);
}

// ---- garbage -----------------------------------------------------------------------------------------------------------
// A dropped keyspace may still be read as a hint by a shard that is in the middle of a batch (not by a host thread: these look only while they
// hold a lease, and who dropped it held all). So the garbage passes through every
// shard's inbox, each of which has ended what it was at when the message arrives, and is freed, a keyspace at a time, by the last.

static void sweep_passes(struct shard *s, struct message *m) {
    struct sweep *w = CONTAINER_OF(m, struct sweep, message);
    if (w->hops > 0) {
        w->hops--;
        mem_collect(); // a large database is gone: buffers that served it may go, too
        shard_post(&s->engine->shards[(s->id + 1) % s->engine->shard_count], m);
        return;
    }
    struct keyspace *first = w->garbage;
    if (keyspaces_free(&w->garbage)) {
        mem_free(w);
    } else if (w->garbage != first) {
        shard_post(s, m); // after the connections
    } else { // what is left is pinned
        w->next = s->sweeps;
        s->sweeps = w;
        arm(s);
    }
}

static void sweep_pinned(struct shard *s) {
    struct sweep *w = s->sweeps;
    s->sweeps = NULL;
    while (w) {
        struct sweep *next = w->next;
        sweep_passes(s, &w->message);
        w = next;
    }
}

// `keep`: a stripe whose lease is held.
static void sweep(struct engine *e, struct keyspace *all, struct stripe *keep) {
    if (!all) return;
    struct sweep *w = mem_alloc_zero(sizeof *w);
    if (!w) { // it goes with a later flush, or at the end
        keep->garbage = all;
        return;
    }
    w->message.run = sweep_passes;
    w->garbage = all;
    w->hops = e->shard_count;
    shard_post(&e->shards[0], &w->message);
}

void engine_drop_garbage(struct engine *e) {
    struct keyspace *all = NULL;
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        struct stripe *s = &e->common.stripes[i];
        if (s->garbage) all = keyspaces_join(stripe_take_garbage(s), all);
    }
    sweep(e, all, &e->common.stripes[0]);
}

void engine_drop_garbage_of(struct engine *e, struct stripe *s) { sweep(e, stripe_take_garbage(s), s); }

// ---- life --------------------------------------------------------------------------------------------------------------

struct stripe_job *background_jobs(struct engine *e) {
    struct stripe_job *jobs = mem_alloc_zero(e->common.stripe_count * sizeof *jobs);
    for (uint32_t i = 0; jobs && i < e->common.stripe_count; i++) jobs[i].stripe = &e->common.stripes[i];
    return jobs;
}

void background_init(struct shard *s) {
    s->rearm.run = rearm;
    s->work.run = work;
    s->access_start.run = access_start;
    s->collect.run = resident_collect;
}

void background_free(struct engine *e) {
    for (uint32_t i = 0; i < e->shard_count; i++) {
        struct shard *s = &e->shards[i];
        for (struct message *m = atomic_load(&s->inbox), *next; m; m = next) {
            next = m->next;
            if (m->run == sweep_passes) {
                struct sweep *w = CONTAINER_OF(m, struct sweep, message);
                w->next = s->sweeps;
                s->sweeps = w;
            }
        }
        for (struct sweep *w = s->sweeps, *next; w; w = next) {
            next = w->next;
            while (!keyspaces_free(&w->garbage)) { }
            mem_free(w);
        }
        s->sweeps = NULL;
    }
    mem_free(e->jobs);
}
