// Running a prepared call: the one place where handlers are called.
//
// Memory that must not be missing once the data has changed is made sure of before: room for a short reply, and for the call's argv
// as its effect with a DEL for each of its keys that turns out to have expired.
#include "call/effect.h"
#include "cmd/cmd_int.h"
#include "cmd/measure.h"

enum {
    REPLY_ROOM = 160,      // the longest reply of a command that has changed something, longer ones ask for room themselves
    DELETE_ROOM = 64,      // what the effect of a key that has expired takes beside its name
};

bool call_make_room(struct call *c) {
    if (!buf_reserve(c->reply.buf, REPLY_ROOM)) return false;
    if (!effect_wanted(&c->txn) || !c->key_count) return true;
    size_t deletes = 0;
    for (uint32_t i = 0; i < c->key_count; i++) deletes += DELETE_ROOM + c->keys[i].name.n;
    if (likely(effect_reserve_own(&c->txn, c->keys, effect_bytes(c->argc, c->argv), deletes, c->key_count))) return true;
    reply_no_memory(c);
    return false;
}

static inline void count_command(struct call *c) {
    struct stripe *s = c->key_count ? c->keys[0].stripe : c->stripe;
    if (!s && c->cmd->route == ROUTE_ALL) s = &c->txn.common->stripes[0];
    if (s && (c->cmd->route != ROUTE_SCATTER || c->part == 0) && !c->walk_on) count_up(&s->counters.commands);
}

// True: its argv is its only effect, and still to be handed on.
static inline bool run_handler(struct call *c) {
    bool own = false;
    if (!(c->cmd->flags & CMD_WRITE) || likely(call_make_room(c))) c->cmd->handler(c);
    if (c->changed && c->key_count) {
        if (effect_wanted(&c->txn)) {
            own = !c->txn.together && !c->txn.emitted;
            if (!own) effect_late(&c->txn, &c->keys[0], c->argc, c->argv);
        }
        key_changed(c, &c->keys[0]);
    }
    c->txn.later = 0;
    return own;
}

static __attribute__((noinline)) void hand_on_effects(struct call *c, bool own) {
    struct txn *t = &c->txn;
    struct effect e = { .stripe = c->keys[0].stripe_number, .db = c->keys[0].db, .argc = c->argc, .argv = c->argv };
    t->wrote = own || t->emitted;
    if (own) t->sink->fn(t->sink->arg, &e);
    if (t->effects.p) effect_flush_(t); // gives the room back, even if it was not needed
}

static inline void tell_monitors(struct call *c) {
    if (unlikely(atomic_load_explicit(&c->txn.common->monitors, memory_order_relaxed))) monitor_tell(c);
}

void call_run_inside(struct call *c) {
    struct measure m = measure_begin(c);
    c->txn.together = true;
    run_handler(c);
    count_command(c);
    measure_end(&m, c);
    tell_monitors(c);
}

// What it has read or written must be durable before its answer leaves.
static __attribute__((noinline)) void note_need(struct call *c) {
    struct txn *t = &c->txn;
    t->need = stripes_need(t->common, t->stripes, t->stripe_count, t->wrote);
    c->need = MAX(c->need, t->need);
    c->owes |= t->wrote && t->need;
}

void call_run(struct call *c) {
    struct measure m = measure_begin(c);
    bool own = run_handler(c);
    if (effect_wanted(&c->txn)) hand_on_effects(c, own);
    if (unlikely(c->txn.stripe_count)) note_need(c);
    if (unlikely(c->txn.events.n)) events_send(&c->txn);
    if (likely(!c->blocks)) count_command(c);
    measure_end(&m, c);
    tell_monitors(c);
}

void call_replay(struct call *c) {
    c->cmd->handler(c);
    if (c->changed && c->key_count) key_changed(c, &c->keys[0]);
}
