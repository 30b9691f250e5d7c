// Watched keys (WATCH): whoever changes a key marks those who watch it.
//
// A record is one session's interest in one key. The session has a list of its own; the stripe finds records by their keys, and touches all of a record but
// its place in the session's list under the stripe's lease. The mark is atomic, so the session may look at it whenever it wants; EXEC looks with the leases held.
//
// A session that is done takes its records off under the leases (EXEC), or where a lease is not free abandons them: a record then goes to the stripe's
// dead ones, without the lease, and is freed by whoever holds it next and looks (watch_reap). Until then it is only marked in vain.
//
// As Redis counts: a key that is missing may be watched, too; one that comes and goes again has changed, one whose time comes has, and one that had expired
// before somebody else's watch began has not: so WATCH deletes it first.
#ifndef KORA_STRIPE_WATCH_H
#define KORA_STRIPE_WATCH_H

#include <stdatomic.h>

#include "call/call.h"

struct watch_record {
    struct watch_record *next, **at;  // in its bucket, and what points to it; NULL: it is on none (any more), since it is marked
    struct watch_record *next_own;    // of its session
    struct watch_record *next_dead;
    struct stripe *stripe;
    uint64_t hash;
    uint32_t db, len;
    _Atomic bool changed;
    bool expired;                     // SWAPDB has brought a key there whose time had come: that it goes is no change
    char name[];
};

// All of a stripe's.
struct watch_records {
    uint32_t count;                   // that are in buckets
    uint32_t bucket_count;
    struct watch_record **buckets;    // NULL: there was never one
    _Atomic(struct watch_record *) dead;
};

// The lease of the key's stripe is held. Watches it, unless it is watched already, on the list at *own. False: no memory.
bool watch_add(struct watch_record **own, const struct key *k);
// Whether one of a session's keys has changed. The session's thread, no lease.
bool watch_has_changed(const struct watch_record *own);
uint32_t watch_count(const struct watch_record *own);
// All leases of its keys are held: the same, and whether one has expired by now.
bool watch_has_changed_now(const struct watch_record *own, struct txn *t);
// Takes one off and frees it. Its lease is held; it is on no session's list any more.
void watch_remove(struct watch_record *r);
// Leaves it to its stripe, where somebody has to call watch_reap. Any thread, no lease.
void watch_abandon(struct watch_record *r);
void watch_reap(struct stripe *s);

// Under the lease: a key has changed; or only its time has come.
void watch_mark(struct stripe *s, uint32_t db, uint64_t hash, struct slice name, bool only_expired);
// Before a database (UINT32_MAX: all) of the stripe is emptied, before two are exchanged: what is there changes.
void watch_mark_flush(struct stripe *s, uint32_t db);
void watch_mark_swap(struct stripe *s, struct txn *t, uint32_t a, uint32_t b);
void watch_free(struct stripe *s); // at the end: nobody watches any more

#endif
