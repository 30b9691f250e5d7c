// EXEC: which leases it takes, and what is left to be done after they are let go (cmd/multi.c does the rest).
#ifndef KORA_ENGINE_EXEC_H
#define KORA_ENGINE_EXEC_H

#include "engine/engine.h"

struct stripe_set { // by number
    uint64_t bits[STRIPES_MAX / 64];
};
static inline void stripe_set_add(struct stripe_set *s, uint32_t stripe) { s->bits[stripe / 64] |= UINT64_C(1) << (stripe % 64); }

#define EXEC_ALL UINT32_MAX // all stripes
// Adds the stripes that the session's transaction needs to `named`, which is empty; *count: that many at most. False: no memory, the reply says so.
bool exec_prepare(struct task *t, struct stripe_set *named, uint32_t *count);
// It does not run after all: the transaction is over.
void exec_abandon(struct task *t);
void exec_free_filler(struct task *t);
// The transaction has run, its leases are let go: writes those parts of its reply that every shard writes. True: done. False: its home is on it, and
// `set_parked` was called with the task before.
bool exec_fill(struct task *t, void (*set_parked)(struct task *t));

void exec_unwatch(struct host *h, struct session *s); // host's

#endif
