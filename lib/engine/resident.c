// See resident.h.
#include "engine/resident.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/background.h"

enum { OPENED_MAX = 4 << 20, ABOVE_LEAST = 2 << 20, SMALL = 16 << 20 };
enum { LOOK_US = 100 * 1000, COLLECT_US = 1000 * 1000 };
enum { ABOVE = 20, ABOVE_BASE = 64, NEAR = 64, LOWERED_MAX = 4 /* parts of maxmemory */, GAIN = 4 /* of the error */ };

static uint64_t relaxed(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

uint64_t resident_lower_by(const struct resident_view *v) {
    uint64_t aim = v->max + MAX(v->max / ABOVE, v->base + MAX(v->max / ABOVE_BASE, (uint64_t)ABOVE_LEAST));
    uint64_t most = MIN(v->max / LOWERED_MAX, (v->max - MIN(v->max, (uint64_t)SMALL)) / 2);
    uint64_t lowered = MIN(v->lowered, most); // it may be of another maxmemory
    if (v->resident > aim) return MIN(lowered + (v->resident - aim) / GAIN, most);
    if (v->counted + v->max / NEAR < v->max - lowered) return lowered;
    return lowered - MIN(lowered, (aim - v->resident) / GAIN);
}

// Pages of the data, and what connections take; never less than the account.
static uint64_t data_bytes(const struct engine *e) {
    uint64_t held = (uint64_t)MAX(atomic_load_explicit(&e->common.account.connections, memory_order_relaxed), 0);
    for (uint32_t i = 0; i < e->common.stripe_count; i++) held += stripe_memory(&e->common.stripes[i]).held;
    return MAX(held, account_exact(&e->common));
}

void resident_collect(struct shard *s, struct message *m) {
    (void)m;
    atomic_store(&s->collect_queued, false);
    mem_collect();
}

static void give_back(struct engine *e, int64_t now_us) {
    if (now_us - e->resident.collected_us < COLLECT_US) return;
    e->resident.collected_us = now_us;
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (!atomic_exchange(&e->shards[i].collect_queued, true)) shard_post(&e->shards[i], &e->shards[i].collect);
    }
}

static void look(struct shard *s, struct message *m) {
    struct engine *e = s->engine;
    struct resident *r = &e->resident;
    struct common *c = &e->common;
    int64_t now_us = clock_mono_us();
    (void)m;
    atomic_store_explicit(&r->looked_us, now_us, memory_order_relaxed);
    atomic_store(&r->on_its_way, false);
    uint64_t max = relaxed(&c->settings.maxmemory), lowered = relaxed(&c->account.lowered), by = 0;
    if (max && relaxed(&c->settings.maxmemory_policy) != POLICY_NOEVICTION) {
        uint64_t resident = e->config.owns_process ? host_resident_bytes() : data_bytes(e);
        by = resident_lower_by(&(struct resident_view){ .max = max, .lowered = lowered, .counted = account_exact(c), .resident = resident, .base = r->base });
        if (by > 0 && e->log) log_trim(e->log);
        if (by >= lowered && by > 0) give_back(e, now_us);
    }
    if (by == lowered) return;
    account_lower(c, by);
    if (account_full(c)) background_make_room(e);
}

void resident_changes(struct engine *e, int64_t now_us) {
    struct resident *r = &e->resident;
    if (!relaxed(&e->common.settings.maxmemory) || now_us - atomic_load_explicit(&r->looked_us, memory_order_relaxed) < LOOK_US) return;
    if (!atomic_exchange(&r->on_its_way, true)) shard_post(&e->shards[0], &r->message);
}

void resident_init(struct engine *e) {
    e->resident.message.run = look;
    e->resident.base = e->config.owns_process ? host_resident_bytes() : 0;
}

void resident_opened(struct engine *e) {
    uint64_t all = e->config.owns_process ? host_resident_bytes() : 0, data = data_bytes(e), base = e->resident.base;
    // What reading back has left with the allocator is not to stay.
    if (all > data) e->resident.base = MIN(MAX(all - data, base), base + OPENED_MAX);
}
