// A random sample would be cheaper, but what matters most it would miss: the few large collections that hold much of the memory. So every key is visited, in the
// order of SCAN: TYPES_HELD of them, some microseconds, for each time that a stripe's lease is taken, and TYPES_US in all before the caller goes on. A million keys
// take some minutes at one look a second. Who finds the lease taken for longer than
// most commands take leaves it at that until the next look.
#include "http/types.h"

#include "base/clock.h"

enum { TYPES_HELD = 32, TYPES_US = 500, TYPES_TRIES = 3 };

static void visit(void *arg, void *entry) {
    struct type_shares *t = arg;
    const struct entry *e = entry;
    t->visited++;
    t->sum[e->type].keys += 1;
    t->sum[e->type].bytes += (double)entry_memory(e);
}

// Some keys of where the walk is. False: the lease is taken.
static bool step(struct engine *e, struct type_shares *t) {
    struct stripe *s = &e->common.stripes[t->stripe];
    struct lease *l = &e->leases[t->stripe];
    if (stripe_count(s, t->db)) {
        struct txn txn;
        if (!lease_try(l) && !lease_spin(l, SPINS_OF_ONE)) return false;
        txn_begin(&txn, &e->common);
        t->cursor = stripe_scan(s, &txn, t->db, t->cursor, TYPES_HELD, visit, t);
        lease_release(l);
    } else {
        t->cursor = 0;
    }
    if (t->cursor) return true;
    if (++t->db == e->common.databases) {
        t->db = 0;
        t->stripe++;
    }
    return true;
}

static void begin(struct type_shares *t, int64_t now) {
    memset(t->sum, 0, sizeof t->sum);
    t->visited = t->cursor = 0;
    t->stripe = t->db = 0;
    t->began_us = now;
}

void types_walk(struct engine *e, struct type_shares *t) {
    int64_t now = clock_mono_us(), until = now + TYPES_US;
    int tries = 0;
    if (!t->began_us) begin(t, now);
    while (t->stripe < e->common.stripe_count && clock_mono_us() < until && tries < TYPES_TRIES) tries = step(e, t) ? 0 : tries + 1;
    bool end = t->stripe == e->common.stripe_count;
    uint64_t keys = 0;
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        for (uint32_t db = 0; db < e->common.databases; db++) keys += stripe_count(&e->common.stripes[i], db);
    }
    t->seen = end || !keys ? 1 : MIN((double)t->visited / (double)keys, 1.0);
    double scale = end || !t->visited ? 1 : (double)keys / (double)t->visited;
    for (int i = 0; (end || !t->whole) && i < TYPE_COUNT; i++) {
        t->type[i] = (struct type_share){ t->sum[i].keys * scale, t->sum[i].bytes * scale };
    }
    if (!end) return;
    t->whole = true;
    t->took_us = clock_mono_us() - t->began_us;
    t->began_us = 0;
}
