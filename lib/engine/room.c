// See room.h.
#include "engine/room.h"

#include "base/clock.h"
#include "call/multi.h"
#include "engine/background.h"
#include "engine/resident.h"
#include "kora.h"

enum { BUDGET_US = 500, BATCH = 16 /* keys evicted while a lease is held */, DRAWN = 3 /* stripes that are compared */, SLACK_MAX = 64 * 1024 };

static uint64_t relaxed(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

static enum memory_policy policy_of(const struct common *c) { return (enum memory_policy)relaxed(&c->settings.maxmemory_policy); }

// What is evicted at once: a little more than is needed, so that not every write has to.
static uint64_t goal_of(struct common *c, uint64_t over) { return over + MIN(relaxed(&c->settings.maxmemory) / 1024, (uint64_t)SLACK_MAX); }

// ---- which stripe ----------------------------------------------------------------------------------------------------------

static uint32_t draw_stripe(struct common *c) {
    uint64_t x = atomic_fetch_add_explicit(&c->account.draws, 1, memory_order_relaxed) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)((x ^ x >> 32) % c->stripe_count);
}

// The lower, the sooner its best candidate should go.
static uint64_t best_of(const struct stripe *s, enum memory_policy p) {
    if (p == POLICY_VOLATILE_TTL) return (uint64_t)atomic_load_explicit(&s->due_ms, memory_order_relaxed) ^ (uint64_t)1 << 63;
    return relaxed(&s->best_victim);
}

static uint32_t choose_stripe(struct common *c, enum memory_policy p) {
    uint32_t best = draw_stripe(c);
    for (int i = 1; i < DRAWN; i++) {
        uint32_t other = draw_stripe(c);
        if (best_of(&c->stripes[other], p) < best_of(&c->stripes[best], p)) best = other;
    }
    return best;
}

// ---- evicting ----------------------------------------------------------------------------------------------------------------

enum outcome { EVICTED, NOTHING, BUSY };

static enum outcome evict_at(struct engine *e, uint32_t i) {
    struct stripe *s = &e->common.stripes[i];
    struct lease *l = &e->leases[i];
    struct txn t;
    if (!stripe_has_victims(s)) return NOTHING;
    if (!lease_try(l)) return BUSY;
    if (e->log && !log_may_write(e->log, i)) { // what goes is told to the log
        lease_release(l);
        return BUSY;
    }
    stripe_join(s, common_cut(&e->common));
    txn_begin(&t, &e->common);
    uint32_t n = stripe_evict(s, &t, goal_of(&e->common, account_over(&e->common)), BATCH);
    txn_end(&t, &s->index, 1);
    if (unlikely(s->waiting.ready)) engine_serve(e, s);
    struct stripe_news news = stripe_news(s);
    lease_release(l);
    engine_tell_home(e, s, news);
    return n ? EVICTED : NOTHING;
}

// Where those drawn had nothing: all, one after the other.
static enum outcome evict_anywhere(struct engine *e) {
    uint32_t count = e->common.stripe_count, first = draw_stripe(&e->common);
    enum outcome found = NOTHING;
    for (uint32_t i = 0; i < count; i++) {
        switch (evict_at(e, (first + i) % count)) {
        case EVICTED: return EVICTED;
        case BUSY: found = BUSY; break;
        case NOTHING: break;
        }
    }
    return found;
}

static bool has_victims(const struct common *c) {
    for (uint32_t i = 0; i < c->stripe_count; i++) {
        if (stripe_has_victims(&c->stripes[i])) return true;
    }
    return false;
}

static void note_latency(struct engine *e, int64_t began_us) {
    uint64_t threshold_ms = relaxed(&e->common.settings.latency_monitor_threshold);
    uint64_t ms = (uint64_t)(clock_mono_us() - began_us) / 1000;
    if (threshold_ms && ms >= threshold_ms) stat_event_add(e->host.stat, EVENT_EVICTION, clock_wall_ms() / 1000, ms);
}

int engine_make_room(struct engine *e) {
    struct common *c = &e->common;
    if (!account_over(c)) {
        account_note(c, false);
        return KORA_OK;
    }
    enum memory_policy p = policy_of(c);
    int64_t began_us = clock_mono_us();
    resident_changes(e, began_us);
    enum outcome last = p == POLICY_NOEVICTION ? NOTHING : BUSY;
    for (int tries = 0; p != POLICY_NOEVICTION && account_over(c);) {
        last = ++tries % 8 ? evict_at(e, choose_stripe(c, p)) : evict_anywhere(e);
        if (last != EVICTED && tries % 8 == 0) break;
        if (clock_mono_us() - began_us >= BUDGET_US) break;
    }
    note_latency(e, began_us);
    if (!account_over(c)) {
        account_note(c, false);
        return KORA_OK;
    }
    account_note(c, true);
    // Nothing can go, or what could has gone just now. The sum may be some quanta too high.
    if ((last == NOTHING || p == POLICY_NOEVICTION || !has_victims(c)) && account_exact(c) > relaxed(&c->settings.maxmemory)) return KORA_FULL;
    if (p != POLICY_NOEVICTION) background_make_room(e);
    return KORA_OK;
}

bool room_evict_slice(struct engine *e, struct stripe *s, struct txn *t, int64_t budget_us) {
    struct common *c = &e->common;
    int64_t began_us = clock_mono_us();
    uint32_t n = 1;
    while (n && account_over(c) && policy_of(c) != POLICY_NOEVICTION && clock_mono_us() - began_us < budget_us) {
        n = stripe_evict(s, t, goal_of(c, account_over(c)), BATCH);
    }
    note_latency(e, began_us);
    bool over = account_over(c);
    if (!over) account_note(c, false);
    return n && over && policy_of(c) != POLICY_NOEVICTION;
}

void room_settings_changed(struct engine *e) {
    account_configure(&e->common);
    if (account_full(&e->common) && policy_of(&e->common) != POLICY_NOEVICTION) background_make_room(e);
}

// ---- commands ----------------------------------------------------------------------------------------------------------------

bool room_refuses(struct task *t) {
    struct call *c = &t->call;
    bool is_exec = command_ends_multi(c->cmd);
    bool runs_queue = is_exec && session_queues(c->session) && !c->session->multi->refused;
    uint32_t flags = runs_queue ? c->session->multi->flags : c->cmd->flags;
    if (!(flags & CMD_DENYOOM)) return false;
    if (t->home) task_carry_end(t->home); // that stripe may have to give something, too
    if (engine_make_room(t->engine) == KORA_OK) return false;
    call_rejected(c, c->cmd);
    if (is_exec) {
        session_end_multi(c->host, c->session);
        reply_error(c, "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.");
    } else {
        reply_status_code(c, KORA_FULL);
    }
    return true;
}
