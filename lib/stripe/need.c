// What has to be durable before somebody outside may see it. Each stripe notes the epoch in which something of it was logged last; so what a call has read
// or written is durable when the latest of these, over all stripes whose leases it holds, is. A call that has written anything has the latest epoch itself: the
// log sees to that.
#include "stripe/stripe.h"

uint64_t stripes_need(const struct common *c, const uint32_t *stripes, uint32_t count, bool wrote) {
    uint64_t need = 0;
    for (uint32_t i = 0; i < count; i++) need = MAX(need, atomic_load_explicit(&c->stripes[stripes[i]].logged, memory_order_relaxed));
    if (need <= atomic_load_explicit(&c->durable, memory_order_acquire)) return 0;
    return wrote || !atomic_load_explicit(&c->failing, memory_order_relaxed) ? need : 0; // reads go on
}

void txn_settle(struct txn *t) {
    t->wrote |= t->emitted > 0;
    if (t->effects.p) effect_flush_(t);
    t->need = stripes_need(t->common, t->stripes, t->stripe_count, t->wrote);
    if (t->events.n) t->send_events(t);
}
