// Typed calls that are samples: their times, and their keys (stat/stat.h).
#include "api/api_int.h"
#include "base/clock.h"

bool typed_sampled(struct typed_sample *t, kora *db, struct stripe *s, enum stat_typed typed, int64_t started_ns) {
    struct stats *stats = db->engine->host.stat;
    int64_t now_ns = clock_mono_ns();
    uint64_t number = atomic_load_explicit(&s->stat.calls[typed], memory_order_relaxed) - 1, ns = (uint64_t)(now_ns - started_ns);
    uint32_t a_second = MAX(1, SAMPLES_A_SECOND / db->engine->common.stripe_count), row = stats->typed_row[typed];
    *t = (struct typed_sample){ stats, stat_sampler_take(&s->stat.sampler[typed], number, now_ns, a_second), now_ns };
    if (!t->weight) return false;
    if (atomic_load_explicit(&db->engine->common.settings.latency_tracking, memory_order_relaxed)) {
        stat_time(stats_host_slot(stats, (uintptr_t)&thread_state), row, ns, t->weight);
    }
    stat_hold(stats, s->index % stats->shards, row, ns);
    return true;
}

void typed_key(const struct typed_sample *t, const struct key *k, bool write, uint64_t bytes) {
    struct stat_key at = { k->name, k->hash, k->db, k->stripe_number };
    stat_hot(t->stats, &at, write, bytes, t->weight, t->now_ns);
}

__attribute__((noinline)) void op_measured(struct op *o, bool write) {
    struct typed_sample t;
    if (typed_sampled(&t, o->db, o->key.stripe, o->typed, o->started_ns)) typed_key(&t, &o->key, write, o->bytes + o->key.name.n);
}

void op_unlease_durable(struct op *o) {
    txn_end(&o->txn, &o->key.stripe_number, 1);
    if (unlikely(o->key.stripe->waiting.ready)) engine_serve(o->db->engine, o->key.stripe);
    lease_release(o->lease);
    if (o->txn.need) await_durable(o->db->engine, o->txn.need, false);
}
