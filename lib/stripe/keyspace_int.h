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

struct slab *keyspace_nodes(struct keyspace *k); // makes sure of it. NULL: no memory
// Frees a root that is nobody's any more, at once or in slices by keyspace_compact.
void keyspace_doom(struct keyspace *k, struct root *r);
// Puts the root of an entry of `k` into the wheel of roots, or takes it out, as root->due.at_ms says. There is a wheel if it is not 0.
void keyspace_arm_root(struct keyspace *k, struct root *r, uint64_t hash);
bool keyspace_can_arm_roots(struct keyspace *k, int64_t now_ms); // makes sure of that. False: no memory
struct entry *keyspace_entry_of_root(struct keyspace *k, const struct root *r); // of one that is armed

void keyspace_discharge(struct keyspace *k); // it is dropped: its memory is not in the account any more
bool keyspace_wants_compaction(const struct keyspace *k);
bool keyspace_compact(struct keyspace *k, size_t budget, int64_t until_us);
void keyspace_check(struct keyspace *k);

// Of set.c, for values (value.c). Each as key_set_string: KORA_OK, or KORA_NOMEM and nothing has changed.
// Makes an attached value `len` packed bytes, whose start is what it was.
int key_edit_packed(struct value *v, size_t len, uint8_t flags);
// `e` becomes r. `keep_value`: what e held is not dropped.
int key_put_root(struct txn *t, const struct key *k, struct entry *e, struct root *r, int64_t expire_at_ms, bool keep_value, struct entry **at);
int key_put_packed(struct txn *t, const struct key *k, struct entry *e, enum value_type type, uint8_t flags, struct slice bytes, int64_t expire_at_ms);

// Of snapshot.c, for a keyspace that is walked. `e` is put where `old` is (NULL: nothing was there).
void snapshot_put_(struct keyspace *ks, uint64_t hash, const struct entry *old, struct entry *e);
void snapshot_keeps_(struct keyspace *ks);  // a dropped keyspace
void snapshot_orphans_(struct blob *b); // an imaged one is about to be dropped by an entry
void snapshot_adopt_(struct root *r); // an imaged one is nobody's any more
// An entry's reference.
static inline void keyspace_drop_blob(struct blob *b) {
    if (unlikely(b->imaged)) snapshot_orphans_(b);
    blob_drop(b);
}
void snapshot_blob_changes_(struct keyspace *ks, struct blob *b, size_t from, size_t to);
void snapshot_blob_moves_(struct blob *b, struct blob *to); // what images tell of b is at the start of the other one, too

static inline enum access_policy access_policy(const struct common *c) {
    return (enum access_policy)atomic_load_explicit(&c->settings.access_policy, memory_order_relaxed);
}

// A key goes by itself.
static inline void key_removed(const struct key *k, enum removal why) {
    struct common *c = k->stripe->common;
    if (unlikely(c->removed != NULL)) c->removed(c, k, why);
}
struct keyspace *keyspace_make(const struct key *k); // makes it if there is none. NULL: no memory
// The stripe's next expiry may have become earlier.
void stripe_due(struct stripe *s, int64_t at_ms);
uint32_t txn_first_access(struct txn *t); // access metadata of a new entry
// Remembers a replaced entry (old NULL: none was there). There is room, txn_undo_begin saw to it.
void undo_remember(struct undo *u, const struct key *k, struct keyspace *ks, struct entry *old, struct entry *e);

#endif
