// What memory is resident, and what is done where that is more than the account of memory says (stripe/account.h).
//
// Pages of the data hold more than their objects until they are compacted; the allocator keeps buffers for their next use, and what one thread has freed of another's;
// a snapshot is ahead of the disk; the log's staging is mapped. None of that is in the account, nor can it be, exactly; but maxmemory is meant to bound it. So while
// memory is at its limit somebody looks now and then at what is really there, and lets eviction begin below maxmemory by as much as it takes.
//
// Looking. Who finds memory full (a write, before it evicts), or has compacted pages, asks shard 0 to look, at most every LOOK_US. So nothing is read on
// the way of a call, and where nothing changes no timer runs.
//
// Aiming. Resident may be a twentieth above maxmemory (under a small one: what the process took before it had any data, and a sixty-fourth or 2 MB). By a part of what
// it is above or below that, eviction begins lower or higher from then on: a sum of errors, not a difference to the account, since what is evicted is not given back to the
// system at once, and to evict again for that would run away. It is raised only while the account is near where eviction begins: what is resident while less is counted
// says nothing of how it will be there. It is lowered by a quarter of maxmemory at most: who has other things in the process than this keeps most of his data. Under a limit of
// less than 32 MB that is less, and up to 16 MB nothing: there most of what is resident is the process, and eviction would not help.
//
// Giving back. While eviction begins lower, the pages of the log's staging are given back at each look (a burst that the disk is slow to take leaves megabytes of them behind), and,
// where it is not raised, once a second, what each shard's part of the allocator holds free. Who stages something behind that pays for a fault at each page, so it is not done where
// there is room.
//
// What is looked at: if the database has the process for itself (korad), all that is resident of it. Else the host's memory can't be told from ours, and it is the pages
// of the data, with what connections take.
#ifndef KORA_ENGINE_RESIDENT_H
#define KORA_ENGINE_RESIDENT_H

#include "engine/engine.h"

void resident_init(struct engine *e);   // before anything is made
void resident_opened(struct engine *e); // all is made, and no shard runs yet
void resident_changes(struct engine *e, int64_t now_us); // memory is full, or pages have been given back. Any thread
void resident_collect(struct shard *s, struct message *m); // a shard's message

// The rule by itself: how many bytes below `max` eviction begins from now on.
struct resident_view {
    uint64_t max;      // maxmemory
    uint64_t lowered;  // how many it was until now
    uint64_t counted;  // the account
    uint64_t resident; // what is really there
    uint64_t base;     // of it, what was there before there was any data
};
uint64_t resident_lower_by(const struct resident_view *v);

#endif
