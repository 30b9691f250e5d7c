// The account of memory: how many bytes a database takes, as `maxmemory` means it, and whether that is too much.
//
// One sum for the whole database, not a part of the limit for each stripe. Every stripe knows exactly what it has (`memory`, written under its lease), and brings
// to the sum what has changed once it is more than a quantum: so a change costs a few instructions and no line that others write, and the sum is off by a
// quantum for each stripe at most (together 1/256 of the limit). Connections bring theirs in the same way, shard by shard. Who needs it exactly adds up what
// the stripes and shards have (account_exact).
//
// What counts: entries, blobs and nodes as the slab rounds them; tables; wheels; what eviction remembers; records of those who watch and wait; and buffers,
// queues and bookkeeping of connections. Of the slabs that can't be compacted (tables, nodes) what their pages take beyond that, too, but for a little, since
// nothing else would keep it near the limit. What is dropped and being freed in the background does not count any more: to evict for it would be in vain.
//
// What memory is resident beyond the account is seen by the engine (engine/resident.h), which lets eviction begin below maxmemory for it.
#ifndef KORA_STRIPE_ACCOUNT_H
#define KORA_STRIPE_ACCOUNT_H

#include <stdatomic.h>

#include "base/base.h"

struct common;
struct stripe;

struct account {
    _Alignas(CACHE_LINE) _Atomic int64_t sum; // what stripes and shards have brought
    _Alignas(CACHE_LINE) _Atomic int64_t connections; // of that: the shards'
    _Atomic uint64_t fixed;      // taken at open and never given back; part of `sum`
    _Atomic uint64_t draws;      // for random choices of stripes
    _Atomic uint64_t lowered;    // by how much eviction begins below maxmemory
    _Atomic int64_t over_since_us; // the limit is exceeded, and eviction has not been able to help yet; 0: it is not
    _Atomic uint64_t over_us;      // how long that was so, all times that are over
};

// Brings a change to the sum, and looks whether the limit is exceeded now (settings.memory_full).
void account_bring(struct common *c, int64_t bytes);
void account_bring_connections(struct common *c, int64_t bytes);
void account_flush(struct stripe *s);
// The limit, or the number of stripes, is another one.
void account_configure(struct common *c);
// Eviction begins so many bytes below maxmemory (without eviction, at maxmemory). One thread at a time.
void account_lower(struct common *c, uint64_t bytes);
// Bytes, at this moment. Any thread, no lease.
uint64_t account_exact(const struct common *c);
// What the sum is above where eviction begins; 0: it is not. As near as quanta allow. Notes in settings.memory_full what it finds.
uint64_t account_over(struct common *c);
// Whether a write that needs memory may not go on without somebody making room first.
#define account_full(c) unlikely(atomic_load_explicit(&(c)->settings.memory_full, memory_order_relaxed))

// `total_eviction_exceeded_time`: how long the limit was exceeded without eviction being able to help.
void account_note(struct common *c, bool exceeded);
struct account_times {
    uint64_t total_us, current_us;
};
struct account_times account_times(const struct common *c);

#endif
