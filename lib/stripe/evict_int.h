// What eviction needs of keys and keyspaces.
#ifndef KORA_STRIPE_EVICT_INT_H
#define KORA_STRIPE_EVICT_INT_H

#include "stripe/stripe.h"

// An entry known by its hash alone, which is that of one key (two with the same 64 bits are not told apart, which does not matter here).
struct victim_key {
    const struct keyspace *keyspace;
    uint64_t hash;
};
uint64_t keyspace_hash(const struct keyspace *k, const struct entry *e);
struct entry *keyspace_find_hash(struct keyspace *k, uint64_t hash);

// When an entry was last used, in seconds, and when LFU counted it, in minutes: by the clocks that accesses are noted by, from somewhere before they began. To be compared.
uint64_t entry_used_at(struct txn *t, const struct entry *e);
uint64_t entry_lfu_minute(struct txn *t, const struct entry *e);

#endif
