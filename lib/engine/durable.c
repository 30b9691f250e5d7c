// See durable.h.
#include "engine/durable.h"

#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "kora.h"

// DURABLE_MUTANT takes re-check number n out, for the tests that must then fail.
#ifndef DURABLE_MUTANT
#define DURABLE_MUTANT 0
#endif
#define DURABLE_CHECK(n) (DURABLE_MUTANT != (n))

struct durable_list {
    struct durable_waiter *first, *last;
};

struct holding { // a shard's
    _Alignas(CACHE_LINE) _Atomic uint64_t waits_for; // the smallest need of those that wait; 0: nobody does
    _Atomic bool told;                               // `message` is on its way
    struct message message;
    struct durable_list waiting;                     // by need; its thread's
};

struct durability {
    _Alignas(CACHE_LINE) _Atomic uint32_t steps;     // host threads sleep on it
    _Atomic uint32_t sleepers;
    _Atomic uint32_t state;                          // enum durable_state
    struct holding shards[];
};

// ---- telling -------------------------------------------------------------------------------------------------------------------

static void tell_shard(struct engine *e, uint32_t i) {
    struct holding *h = &e->durability->shards[i];
    if (!atomic_exchange(&h->told, true)) shard_post(&e->shards[i], &h->message);
}

static void wake_hosts(struct durability *d) {
    atomic_fetch_add(&d->steps, 1);
    if (atomic_load(&d->sleepers)) syscall(SYS_futex, &d->steps, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

void durable_logged(struct engine *e, uint32_t stripe, uint64_t epoch) {
    atomic_store_explicit(&e->common.stripes[stripe].logged, epoch, memory_order_relaxed);
}

void durable_advanced(struct engine *e, uint64_t epoch) {
    struct durability *d = e->durability;
    atomic_store(&e->common.durable, epoch);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        lease_point();
        uint64_t waits_for = atomic_load(&d->shards[i].waits_for);
        if (waits_for && waits_for <= epoch) tell_shard(e, i);
    }
    wake_hosts(d);
}

void durable_failing(struct engine *e, enum durable_state state) {
    struct durability *d = e->durability;
    atomic_store(&d->state, (uint32_t)state);
    atomic_store(&e->common.failing, state != DURABLE_FINE);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (atomic_load(&d->shards[i].waits_for)) tell_shard(e, i);
    }
    wake_hosts(d);
}

void durable_set(struct engine *e, bool waits) { atomic_store(&e->common.waits, waits); }

enum durable durable_is(const struct engine *e, uint64_t need, bool owes) {
    if (need <= atomic_load(&e->common.durable)) return DURABLE_YES;
    uint32_t state = atomic_load(&e->durability->state);
    if (likely(state == DURABLE_FINE)) return DURABLE_NOT_YET;
    if (!owes) return DURABLE_YES;
    // It may have become durable just before the log failed.
    if (need <= atomic_load(&e->common.durable)) return DURABLE_YES;
    return state == DURABLE_LOST ? DURABLE_NEVER : DURABLE_NOT_YET;
}

// ---- on a shard ------------------------------------------------------------------------------------------------------------------

static void insert_behind(struct durable_list *l, struct durable_waiter *after, struct durable_waiter *w) {
    w->list = l;
    w->prev = after;
    w->next = after ? after->next : l->first;
    if (w->next) w->next->prev = w;
    else l->last = w;
    if (after) after->next = w;
    else l->first = w;
}

void durable_forget(struct durable_waiter *w) {
    struct durable_list *l = w->list;
    if (!l) return;
    if (w->next) w->next->prev = w->prev;
    else l->last = w->prev;
    if (w->prev) w->prev->next = w->next;
    else l->first = w->next;
    w->list = NULL;
}

// Says for whom it waits, then looks once more: what became durable before that has not been told.
static void say(struct shard *s) {
    struct engine *e = s->engine;
    struct holding *h = &e->durability->shards[s->id];
    uint64_t need = h->waiting.first ? h->waiting.first->need : 0;
    if (atomic_load_explicit(&h->waits_for, memory_order_relaxed) == need) return;
    lease_point();
    atomic_store(&h->waits_for, need);
    lease_point();
    if (DURABLE_CHECK(1) && need && need <= atomic_load(&e->common.durable)) tell_shard(e, s->id);
}

void durable_hold(struct shard *s, struct durable_waiter *w) {
    struct engine *e = s->engine;
    struct durable_list *l = &e->durability->shards[s->id].waiting;
    struct durable_waiter *after = l->last;
    while (after && after->need > w->need) after = after->prev; // needs grow: nearly always it is the last
    insert_behind(l, after, w);
    say(s);
    if (DURABLE_CHECK(2) && atomic_load(&e->durability->state) != DURABLE_FINE) tell_shard(e, s->id);
}

// Those that need not wait any more.
static void take_done(struct engine *e, struct durable_list *from, struct durable_list *to) {
    bool failing = atomic_load(&e->durability->state) != DURABLE_FINE;
    for (struct durable_waiter *w = from->first, *next; w; w = next) {
        next = w->next;
        if (durable_is(e, w->need, w->owes) == DURABLE_NOT_YET) {
            if (!failing) return; // those behind it need more
            continue;
        }
        durable_forget(w);
        insert_behind(to, to->last, w);
    }
}

static void look(struct shard *s, struct message *m) {
    struct holding *h = CONTAINER_OF(m, struct holding, message);
    struct engine *e = s->engine;
    struct durable_list done = { NULL, NULL };
    atomic_store(&h->told, false); // before it looks: what comes later is told again
    take_done(e, &h->waiting, &done);
    for (struct durable_waiter *w; (w = done.first);) { // each may take others off, or wait again
        durable_forget(w);
        w->done(s, w, durable_is(e, w->need, w->owes) == DURABLE_NEVER);
    }
    say(s);
}

// ---- host threads ----------------------------------------------------------------------------------------------------------------

int durable_wait(struct engine *e, uint64_t need, bool owes) {
    struct durability *d = e->durability;
    enum durable is = durable_is(e, need, owes);
    if (is == DURABLE_NOT_YET) {
        atomic_fetch_add(&d->sleepers, 1);
        for (;;) {
            uint32_t step = atomic_load(&d->steps);
            lease_point();
            is = durable_is(e, need, owes);
            if (is != DURABLE_NOT_YET) break;
            syscall(SYS_futex, &d->steps, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, step, NULL, NULL, 0);
        }
        atomic_fetch_sub(&d->sleepers, 1);
    }
    return is == DURABLE_NEVER ? KORA_READONLY : KORA_OK;
}

// ---- life ------------------------------------------------------------------------------------------------------------------------

int durability_create(struct engine *e) {
    size_t size = sizeof(struct durability) + e->shard_count * sizeof(struct holding);
    struct durability *d = e->durability = mem_alloc_aligned(size, CACHE_LINE);
    if (!d) return KORA_NOMEM;
    memset(d, 0, size);
    for (uint32_t i = 0; i < e->shard_count; i++) d->shards[i].message.run = look;
    return KORA_OK;
}

void durability_free(struct engine *e) { mem_free(e->durability); }
