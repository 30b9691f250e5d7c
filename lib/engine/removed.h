// Keys that went by themselves (expired, or evicted), told to the embedding program: queued where it happens, under the lease, and called back by the home of the key's
// stripe when no lease is held. So keys of one stripe come in the order in which they went.
//
// What waits is bounded: REMOVED_MAX keys a shard. Beyond that, and without memory for a record, keys are counted, and the program is told how many it was not told
// of, in its place in that order.
#ifndef KORA_ENGINE_REMOVED_H
#define KORA_ENGINE_REMOVED_H

#include "engine/engine.h"

enum { REMOVED_MAX = 65536 };

int removed_create(struct engine *e); // KORA_OK or KORA_NOMEM. Only if config.removed is set there is anything to be done
void removed_free(struct engine *e);  // at the end: calls back what the shards have not come to

#endif
