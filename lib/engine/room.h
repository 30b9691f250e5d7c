// Room in memory: what is done when there is more of it in use than maxmemory allows.
//
// Whoever is about to write something that needs memory, and holds no lease yet, evicts first, from stripes whose leases are free: some of those that are drawn at random,
// the one whose best candidate can best be done without. He does so for half a millisecond at most; what is left then is left to the background, and he goes
// on, as in Redis. So a write that comes while the limit is not exceeded pays for one load, and nobody waits for a lease because of eviction.
//
// Where the limit was lowered, or a writer had not time enough, the homes of stripes go on evicting in slices, until it is enough.
#ifndef KORA_ENGINE_ROOM_H
#define KORA_ENGINE_ROOM_H

#include "engine/engine.h"

// Settings have changed.
void room_settings_changed(struct engine *e);
// Of background.c's jobs: a slice, with the lease of `s` held. True: there is more to be done.
bool room_evict_slice(struct engine *e, struct stripe *s, struct txn *t, int64_t budget_us);
// Before a task runs. True: it may not, and is answered.
bool room_refuses(struct task *t);

#endif
