// All or nothing for commands that set several keys (MSET): replaced entries are kept until it is certain that no allocation fails.
// While there is an undo list nothing is changed in place and nothing is freed.
#include "base/mem.h"
#include "stripe/keyspace_int.h"

struct undo_step {
    struct keyspace *ks;
    uint64_t hash;
    struct entry *old; // NULL: there was none
    struct entry *e;   // what is there now
};

struct undo {
    size_t count, room;
    size_t effect_bytes; // what had been recorded before
    uint32_t effect_count;
    struct undo_step steps[];
};

bool txn_undo_begin(struct txn *t, size_t sets) {
    invariant(!t->undo);
    t->undo = sets <= (SIZE_MAX - sizeof(struct undo)) / sizeof(struct undo_step) ?
        mem_alloc(sizeof(struct undo) + sets * sizeof(struct undo_step)) : NULL;
    if (!t->undo) return false;
    *t->undo = (struct undo){ .room = sets, .effect_bytes = t->effects.n, .effect_count = t->emitted };
    return true;
}

void undo_remember(struct undo *u, const struct key *k, struct keyspace *ks, struct entry *old, struct entry *e) {
    invariant(u->count < u->room);
    u->steps[u->count++] = (struct undo_step){ ks, k->hash, old, e };
}

void txn_undo_commit(struct txn *t) {
    struct undo *u = t->undo;
    for (size_t i = 0; i < u->count; i++) {
        if (u->steps[i].old) keyspace_free_entry(u->steps[i].ks, u->steps[i].old, true);
    }
    mem_free(u);
    t->undo = NULL;
}

void txn_undo_rollback(struct txn *t) {
    struct undo *u = t->undo;
    while (u->count > 0) {
        struct undo_step *s = &u->steps[--u->count];
        if (s->old) {
            // Without an expiry to arm this can't fail; the time of the old one is still in its node.
            bool there = keyspace_put(s->ks, s->hash, s->e, s->old);
            invariant(there);
            if (entry_expires(s->old)) keyspace_arm(s->ks, s->old, entry_expire_at(s->old));
        } else {
            keyspace_take(s->ks, s->hash, s->e);
        }
        keyspace_free_entry(s->ks, s->e, true);
    }
    effect_forget(t, u->effect_bytes, u->effect_count);
    mem_free(u);
    t->undo = NULL;
}
