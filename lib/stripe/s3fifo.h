// S3-FIFO (Yang, Zhang, Qiu, Yue, Vigfusson, "FIFO queues are all you need for cache eviction", SOSP 2023), of one keyspace, without a pointer in any entry.
//
// A new key is in the **small** queue, a tenth of all. Who comes to its end without having been used twice goes, and is remembered in the **ghost**; who was goes on to
// **main**, as does a key that comes back while the ghost knows of it. Main is gone round: who was used since loses one of at most three uses, who was not
// goes. So what is asked for once only, a scan, passes through a tenth of the memory and leaves the rest alone.
//
//     small   a ring of hashes, 8 bytes each; keys that are gone, or in main by now, are left in it and passed over. It has no more places than a fifth of the keys: beyond
//             that (nothing is evicted) its oldest move to main
//     main    no queue: the order of the table, which a hand goes round, a segment at a time. Who has just come in may be anywhere in front of the hand, and so
//             comes with one use
//     ghost   buckets of four words, 20 bits of the hash beside 12 of the time, which is counted in evictions: as many are known as there are keys
//
// In an entry's `access`: bits 0 and 1 the uses, bit 2 that it is in main, bit 3 that the hand has passed it while it was in small. What is left there by another policy
// does no harm: who is not in main, and not in the ring either, is put into main when the hand comes by again.
//
// That takes some 6 bytes a key. Without memory for it new keys go to main.
#ifndef KORA_STRIPE_S3FIFO_H
#define KORA_STRIPE_S3FIFO_H

#include "stripe/stripe.h"

struct s3fifo;

enum { S3_USES = 3, S3_MAIN = 1 << 2, S3_SEEN = 1 << 3 };

// One more use, as the access bits are then.
static inline uint32_t s3_used(uint32_t access) { return (access & S3_USES) == S3_USES ? access : access + 1; }
// What of these bits outlives the queues, as a frequency in a snapshot.
static inline uint32_t s3_told(uint32_t access) { return access & (S3_USES | S3_MAIN); }
// A new key is in the table.
void s3_added(struct keyspace *k, uint64_t hash, struct entry *e);
// Who goes; NULL: the keyspace is empty.
struct entry *s3_choose(struct keyspace *k, struct random *r, uint64_t *hash);
uint64_t s3_memory(const struct s3fifo *s); // NULL is allowed, as for the next
void s3_free(struct s3fifo *s);

#endif
