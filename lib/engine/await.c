// See await.h.
#include "engine/await.h"

#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "kora.h"

// AWAIT_MUTANT takes re-check number n out, for the tests that must then fail.
#ifndef AWAIT_MUTANT
#define AWAIT_MUTANT 0
#endif
#define AWAIT_CHECK(n) (AWAIT_MUTANT != (n))

struct await_list {
    struct await_waiter *first, *last;
};

struct holding { // a shard's
    _Alignas(CACHE_LINE) _Atomic uint64_t waits_for; // the smallest need of those that wait; 0: nobody does
    _Atomic bool told;                               // `message` is on its way
    struct message message;
    struct await_list waiting;                     // by need; its thread's
};

struct awaiting {
    _Alignas(CACHE_LINE) _Atomic uint32_t steps;     // host threads sleep on it
    _Atomic uint32_t sleepers;
    _Atomic uint32_t state;                          // enum await_state
    struct holding shards[];
};

// ---- telling -------------------------------------------------------------------------------------------------------------------

static void tell_shard(struct engine *e, uint32_t i) {
    struct holding *h = &e->awaiting->shards[i];
    if (!atomic_exchange(&h->told, true)) shard_post(&e->shards[i], &h->message);
}

static void wake_hosts(struct awaiting *d) {
    atomic_fetch_add(&d->steps, 1);
    if (atomic_load(&d->sleepers)) syscall(SYS_futex, &d->steps, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}

void await_logged(struct engine *e, uint32_t stripe, uint64_t epoch) {
    atomic_store_explicit(&e->common.stripes[stripe].logged, epoch, memory_order_relaxed);
}

void await_advanced(struct engine *e, uint64_t epoch) {
    struct awaiting *d = e->awaiting;
    atomic_store(&e->common.durable, epoch);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        lease_point();
        uint64_t waits_for = atomic_load(&d->shards[i].waits_for);
        if (waits_for && waits_for <= epoch) tell_shard(e, i);
    }
    wake_hosts(d);
}

void await_failing(struct engine *e, enum await_state state) {
    struct awaiting *d = e->awaiting;
    atomic_store(&d->state, (uint32_t)state);
    atomic_store(&e->common.failing, state != AWAIT_FINE);
    for (uint32_t i = 0; i < e->shard_count; i++) {
        if (atomic_load(&d->shards[i].waits_for)) tell_shard(e, i);
    }
    wake_hosts(d);
}

void await_set(struct engine *e, bool waits) {
    atomic_store(&e->common.waits, waits);
    for (uint32_t i = 0; i < e->common.stripe_count; i++) atomic_store(&e->common.stripes[i].waits, waits);
}

enum await await_is(const struct engine *e, uint64_t need, bool owes) {
    if (need <= atomic_load(&e->common.durable)) return AWAIT_YES;
    uint32_t state = atomic_load(&e->awaiting->state);
    if (likely(state == AWAIT_FINE)) return AWAIT_NOT_YET;
    if (!owes) return AWAIT_YES;
    // It may have become durable just before the log failed.
    if (need <= atomic_load(&e->common.durable)) return AWAIT_YES;
    return state == AWAIT_LOST ? AWAIT_NEVER : AWAIT_NOT_YET;
}

// ---- on a shard ------------------------------------------------------------------------------------------------------------------

static void insert_behind(struct await_list *l, struct await_waiter *after, struct await_waiter *w) {
    w->list = l;
    w->prev = after;
    w->next = after ? after->next : l->first;
    if (w->next) w->next->prev = w;
    else l->last = w;
    if (after) after->next = w;
    else l->first = w;
}

void await_forget(struct await_waiter *w) {
    struct await_list *l = w->list;
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
    struct holding *h = &e->awaiting->shards[s->id];
    uint64_t need = h->waiting.first ? h->waiting.first->need : 0;
    if (atomic_load_explicit(&h->waits_for, memory_order_relaxed) == need) return;
    lease_point();
    atomic_store(&h->waits_for, need);
    lease_point();
    if (AWAIT_CHECK(1) && need && need <= atomic_load(&e->common.durable)) tell_shard(e, s->id);
}

void await_hold(struct shard *s, struct await_waiter *w) {
    struct engine *e = s->engine;
    struct await_list *l = &e->awaiting->shards[s->id].waiting;
    struct await_waiter *after = l->last;
    while (after && after->need > w->need) after = after->prev; // needs grow: nearly always it is the last
    insert_behind(l, after, w);
    say(s);
    if (AWAIT_CHECK(2) && atomic_load(&e->awaiting->state) != AWAIT_FINE) tell_shard(e, s->id);
}

// Those that need not wait any more.
static void take_done(struct engine *e, struct await_list *from, struct await_list *to) {
    bool failing = atomic_load(&e->awaiting->state) != AWAIT_FINE;
    for (struct await_waiter *w = from->first, *next; w; w = next) {
        next = w->next;
        if (await_is(e, w->need, w->owes) == AWAIT_NOT_YET) {
            if (!failing) return; // those behind it need more
            continue;
        }
        await_forget(w);
        insert_behind(to, to->last, w);
    }
}

static void look(struct shard *s, struct message *m) {
    struct holding *h = CONTAINER_OF(m, struct holding, message);
    struct engine *e = s->engine;
    struct await_list done = { NULL, NULL };
    atomic_store(&h->told, false); // before it looks: what comes later is told again
    take_done(e, &h->waiting, &done);
    for (struct await_waiter *w; (w = done.first);) { // each may take others off, or wait again
        await_forget(w);
        w->done(s, w, await_is(e, w->need, w->owes) == AWAIT_NEVER);
    }
    say(s);
}

// ---- host threads ----------------------------------------------------------------------------------------------------------------

int await_durable(struct engine *e, uint64_t need, bool owes) {
    struct awaiting *d = e->awaiting;
    enum await is = await_is(e, need, owes);
    if (is == AWAIT_NOT_YET) {
        atomic_fetch_add(&d->sleepers, 1);
        for (;;) {
            uint32_t step = atomic_load(&d->steps);
            lease_point();
            is = await_is(e, need, owes);
            if (is != AWAIT_NOT_YET) break;
            syscall(SYS_futex, &d->steps, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, step, NULL, NULL, 0);
        }
        atomic_fetch_sub(&d->sleepers, 1);
    }
    return is == AWAIT_NEVER ? KORA_READONLY : KORA_OK;
}

// ---- life ------------------------------------------------------------------------------------------------------------------------

int await_create(struct engine *e) {
    size_t size = sizeof(struct awaiting) + e->shard_count * sizeof(struct holding);
    struct awaiting *d = e->awaiting = mem_alloc_aligned(size, CACHE_LINE);
    if (!d) return KORA_NOMEM;
    memset(d, 0, size);
    for (uint32_t i = 0; i < e->shard_count; i++) d->shards[i].message.run = look;
    return KORA_OK;
}

void await_free(struct engine *e) { mem_free(e->awaiting); }
