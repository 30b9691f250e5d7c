// A keyspace: the keys of one numbered database in one stripe.
//
// An entry is in the table from keyspace_put to keyspace_take; while it is there, it is in the wheel if it has an expiry. The
// two are brought about one after the other (put, then arm), never by one without the other at the end of a call.
#ifndef KORA_STRIPE_KEYSPACE_INT_H
#define KORA_STRIPE_KEYSPACE_INT_H

#include "stripe/stripe.h"

struct keyspace *keyspace_create(struct common *c, struct db_counts *counts);
void keyspace_destroy(struct keyspace *k); // with all entries and values: nothing may be pinned

// A new entry: its value part is not filled in, it is not in the table, its expiry is not set. NULL: no memory.
struct entry *keyspace_new_entry(struct keyspace *k, struct slice key, uint8_t flags, size_t value_len);
void keyspace_free_entry(struct keyspace *k, struct entry *e, bool with_value);

// Puts an entry into the table: where `old` is, which becomes the caller's, or beside the others (old NULL). False (never with
// `old`): no memory, nothing changed.
bool keyspace_put(struct keyspace *k, uint64_t hash, struct entry *old, struct entry *e);
// Takes one out; it becomes the caller's.
void keyspace_take(struct keyspace *k, uint64_t hash, struct entry *e);

bool keyspace_can_arm(struct keyspace *k, int64_t now_ms); // makes sure of the wheel. False: no memory
void keyspace_arm(struct keyspace *k, struct entry *e, int64_t at_ms);
void keyspace_disarm(struct keyspace *k, struct entry *e); // no-op without an expiry
void keyspace_publish(struct keyspace *k);

bool keyspace_wants_compaction(const struct keyspace *k);
bool keyspace_compact(struct keyspace *k, size_t budget);
void keyspace_check(struct keyspace *k);

struct keyspace *keyspace_make(const struct key *k); // makes it if there is none. NULL: no memory
// The stripe's next expiry may have become earlier.
void stripe_due(struct stripe *s, int64_t at_ms);
uint32_t txn_first_access(struct txn *t); // access metadata of a new entry
// Remembers a replaced entry (old NULL: none was there). There is room, txn_undo_begin saw to it.
void undo_remember(struct undo *u, const struct key *k, struct keyspace *ks, struct entry *old, struct entry *e);

#endif
