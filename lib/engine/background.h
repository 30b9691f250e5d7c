// What a stripe's home does for it when nobody asks: expiry, compaction, freeing what was dropped; and, on shard 0, the clock of access metadata. It waits for the lease like any
// call of its shard, and holds it for about a millisecond at a time. Nothing runs, and no timer is set, when nothing is due.
#ifndef KORA_ENGINE_BACKGROUND_H
#define KORA_ENGINE_BACKGROUND_H

#include "engine/engine.h"

struct stripe_job *background_jobs(struct engine *e); // one for each stripe; NULL: no memory
void background_init(struct shard *s);
void background_setting_changed(struct engine *e); // active expiry was switched on or off
void background_access_asked(struct common *c);    // a look-up found ACCESS_ASK
void background_reap(struct engine *e, struct stripe *s); // records of watched keys were abandoned there. Any thread
void background_make_room(struct engine *e); // there is more in memory than maxmemory allows: stripes evict, until it is enough. Any thread
void background_free(struct engine *e);            // at the end: what the shards have not come to

#endif
