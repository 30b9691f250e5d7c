// A stripe: one part of the data, with everything that belongs to it. Nothing here knows of threads, leases or sockets: whoever
// calls holds the stripe's lease (debug builds check), or is the only thread there is.
//
// A stripe holds a keyspace for each numbered database that has keys in it. A keyspace is a hash table of entries, a slab that its
// entries and values come from, and a timing wheel of those that expire. Everything goes with it when it is dropped.
#ifndef KORA_STRIPE_STRIPE_H
#define KORA_STRIPE_STRIPE_H

#include <stdatomic.h>

#include "base/hash.h"
#include "base/random.h"
#include "call/call.h"
#include "call/effect.h"
#include "call/settings.h"
#include "ds/table.h"
#include "stat/stat.h"
#include "stripe/account.h"
#include "stripe/wait.h"
#include "stripe/watch.h"
#include "type/value.h"

struct feed;
struct s3fifo;
struct victims;

enum removal { REMOVED_EXPIRED, REMOVED_EVICTED };

// Bytes that are held for the images of a snapshot alone. `held` and `most` are as near as quanta allow.
struct held {
    _Atomic int64_t now, most;
    // Set before the cut: when more than `limit` are held, and all memory together has grown by more than that since `base`, the snapshot fails. 0: there is no limit.
    _Atomic int64_t limit, base;
    _Atomic bool failed;
    void (*too_much)(struct common *c); // then this is called, under a lease. NULL: nobody wants to know
};

// What all stripes of a database share.
struct common {
    struct hash_key seed;
    uint32_t databases;
    uint32_t stripe_count;                   // a power of two
    _Atomic bool waits;                      // what leaves the process waits until it is durable (engine/await.h)
    _Atomic bool failing;                    // the log can't be written at the moment, or any more
    struct stripe *stripes;
    struct settings settings;
    struct effect_sink effects;              // set before the first call
    // Number of the last cut through the whole database, of which a snapshot is an image; 0: there was none. A call that holds all its leases reads it
    // once, and before anything else brings those of its stripes up to it that have not been there yet (stripe_join). So a call is on the same
    // side of a cut on all its stripes, and whoever begins after one that is behind the cut is behind it, too.
    _Atomic uint64_t cut;
    void (*join)(struct common *c, struct stripe *s, uint64_t cut); // the rest of stripe_join
    _Atomic uint32_t monitors;               // how many want to be told of every command
    struct feed *feed;                       // channels and their subscribers (feed/feed.h)
    int64_t (*wall_ms)(void *arg);           // NULL: the system's clock. Tests skew it
    void *wall_arg;
    // Look-ups note when a key was last used. To read a clock for that would cost more than all the rest that needs no memory; so somebody may
    // keep settings.access_now, and is told here that a look-up found ACCESS_ASK in it. NULL: nobody does, clocks are read.
    void (*access_asked)(struct common *c);
    // Somebody wants to know of keys that go by themselves: called under the lease, before the entry goes. NULL: nobody does.
    void (*removed)(struct common *c, const struct key *k, enum removal why);
    struct account account;                  // of memory (account.h)
    struct held held;                        // for the images of a snapshot (snapshot.h)
    _Alignas(CACHE_LINE) _Atomic int64_t now_max; // time as calls see it never runs backwards
    _Alignas(CACHE_LINE) _Atomic uint64_t durable; // what was logged in this epoch or before is durable
};

struct keyspace; // see keyspace.h

// Written by the lease's holder, read by anybody (relaxed).
struct stripe_counters {
    _Atomic uint64_t commands; // but for typed calls, which are in `stat`
    _Atomic uint64_t hits, misses, expired, evicted, changes;
    _Atomic uint64_t joined; // calls that have held its lease beside that of the stripe where they are counted
};

// Published by the lease's holder for anybody (relaxed).
struct db_counts {
    _Atomic uint64_t keys, expiring;
    _Atomic uint64_t expiry_sum; // of the expiries of these, in grains of WHEEL_GRAIN_MS
    _Atomic uint64_t used, held; // bytes of memory
    _Atomic uint64_t index;      // of `used`: the table
};

struct stripe {
    struct common *common;
    uint32_t index;
    _Atomic uint32_t version;        // see stripe_changed
    _Atomic bool waits;              // as common's: here it costs the shortest of calls next to nothing
    uint64_t cut;                    // the last one that it has taken part in
    _Atomic(struct keyspace *) *dbs; // [common->databases], NULL: no key was ever there
    struct db_counts *counts;        // [common->databases]
    struct stripe_counters counters;
    struct stat_stripe stat;         // of typed calls
    _Atomic int64_t memory;          // bytes in the account; written by the lease's holder
    int64_t unbrought;               // of these: not yet in the sum of all (account.h)
    struct victims *victims;         // candidates for eviction (evict.c); NULL: none were looked for
    _Atomic uint64_t best_victim;    // how much its best candidate is needed, by which those of stripes are compared; 0: not known
    _Atomic int64_t due_ms;          // wall clock: earliest expiry of its keys, about; INT64_MAX: none. Stored seq_cst (background.c)
    struct watch_records watching;   // keys that sessions watch
    uint64_t looked_at;              // counters.changes when its slabs were looked at last; the lease's holder's
    _Atomic uint64_t logged;         // the log's epoch of its last effect; 0: there is none. Written by the lease's holder
    struct keyspace *garbage;        // dropped keyspaces, to be freed in the background
    struct snapshot *snapshot;       // stripe/snapshot.h; NULL: there is none
    uint32_t images;                 // how many there were, modulo 2^31
    struct random random;
    struct wait_lists waiting;       // calls that wait for keys
#ifdef KORA_DEBUG
    _Atomic uint64_t holder;         // who holds the lease; 0: nobody. Set by the engine
#endif
};

int stripes_init(struct common *c, uint32_t databases, uint32_t stripe_count); // KORA_OK or KORA_NOMEM; settings and clock are the caller's
void stripes_free(struct common *c);

static inline void count_up(_Atomic uint64_t *n) { atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed); }

// Its memory is so many bytes more, or less.
static inline void account_add(struct stripe *s, int64_t bytes) {
    int64_t quantum = (int64_t)atomic_load_explicit(&s->common->settings.memory_quantum, memory_order_relaxed);
    atomic_store_explicit(&s->memory, atomic_load_explicit(&s->memory, memory_order_relaxed) + bytes, memory_order_relaxed);
    s->unbrought += bytes;
    if (unlikely(s->unbrought > quantum || s->unbrought < -quantum)) account_flush(s);
}

// What readers have seen of the stripe may not be so any more. Whoever changes it says so before it lets go of any of its leases: then
// who has seen one part of what a call did, and looks at another stripe of that call, finds its version changed.
static inline uint32_t stripe_version(const struct stripe *s) { return atomic_load_explicit(&s->version, memory_order_relaxed); }
static inline void stripe_changed(struct stripe *s) { atomic_store_explicit(&s->version, stripe_version(s) + 1, memory_order_relaxed); }

// Lease held, and nothing done yet. `cut`: common->cut, read with all leases held.
static inline uint64_t common_cut(const struct common *c) { return atomic_load(&c->cut); }
static inline bool stripe_is_behind(const struct stripe *s) { return atomic_load_explicit(&s->common->cut, memory_order_relaxed) != s->cut; }
static inline void stripe_join(struct stripe *s, uint64_t cut) {
    if (unlikely(s->cut != cut)) s->common->join(s->common, s, cut);
}

// ---- keys --------------------------------------------------------------------------------------------------------------

// hash -> stripe. A key with a {tag} goes where the tag goes (Redis Cluster's rule: the bytes between the first '{' and the next '}', if any).
static inline uint32_t stripe_of_hash(const struct common *c, uint64_t hash) { return (uint32_t)((hash >> 32) * c->stripe_count >> 32); } // its highest bits
uint64_t key_route_tagged(const struct common *c, struct slice name, uint64_t hash); // the hash that decides, of a name with a brace
struct key_place {
    uint64_t hash;
    uint32_t stripe;
};
static inline struct key_place key_place(const struct common *c, struct slice name) {
    struct hash_name h = hash_name(&c->seed, name.p, name.n);
    uint64_t route = unlikely(h.brace) ? key_route_tagged(c, name, h.hash) : h.hash;
    return (struct key_place){ h.hash, stripe_of_hash(c, route) };
}
static inline void key_locate(struct common *c, struct key *k, uint32_t db, struct slice name) {
    struct key_place at = key_place(c, name);
    k->name = name;
    k->hash = at.hash;
    k->stripe_number = at.stripe;
    k->stripe = &c->stripes[at.stripe];
    k->db = db;
}

// This key has changed: whoever watches it is told.
static inline void key_mark_watched(const struct key *k) {
    if (unlikely(k->stripe->watching.count)) watch_mark(k->stripe, k->db, k->hash, k->name, false);
}

// The start of every execution. What it recorded is given back by effect_flush; nothing else is held.
static inline void txn_begin(struct txn *t, struct common *c) {
    memset(t, 0, sizeof *t);
    t->common = c;
    t->sums_count = c->stripe_count;
    t->sink = c->effects.fn ? &c->effects : NULL;
    t->notify = (uint32_t)atomic_load_explicit(&c->settings.notify_events, memory_order_relaxed);
}

// Of what an earlier run has done already: nobody is told of it.
static inline void txn_begin_replay(struct txn *t, struct common *c) {
    txn_begin(t, c);
    t->sink = NULL;
    t->flags |= TXN_REPLAY;
}

// Events, for keyspace notifications (event.c). The classes are those of notify-keyspace-events.
enum event_class {
    EVENT_KEYSPACE = 1 << 0, EVENT_KEYEVENT = 1 << 1, // K, E: which channels
    EVENT_GENERIC = 1 << 2, EVENT_STRING = 1 << 3, EVENT_LIST = 1 << 4, EVENT_SET = 1 << 5, EVENT_HASH = 1 << 6, EVENT_ZSET = 1 << 7,
    EVENT_EXPIRED = 1 << 8, EVENT_EVICTED = 1 << 9, EVENT_STREAM = 1 << 10, EVENT_MISS = 1 << 11, EVENT_MODULE = 1 << 12, EVENT_NEW = 1 << 13,
    EVENT_ALL = EVENT_GENERIC | EVENT_STRING | EVENT_LIST | EVENT_SET | EVENT_HASH | EVENT_ZSET | EVENT_EXPIRED | EVENT_EVICTED | EVENT_STREAM |
        EVENT_MODULE, // A
    EVENT_EMPTIED = 1 << 14, // of event_record: a "del" because nothing was left; the command's own event comes before it
    EVENT_MESSAGE = 1 << 15, EVENT_LINE = 1 << 16, // in txn->events alone: see event_record_message
};
void event_record(struct txn *t, const struct key *k, uint32_t class, const char *name);
void events_send(struct txn *t); // the leases are held
static inline void event_emit(struct txn *t, const struct key *k, uint32_t class, const char *name) {
    if (unlikely(t->notify & class)) event_record(t, k, class, name);
}
// Wall clock in ms, read once an execution, after all leases are held; never before what any earlier execution saw.
int64_t txn_now(struct txn *t);

// What must be durable before anybody outside may see what was read or written under the leases of these stripes, which are held: the log's epoch of
// their last effect; 0: it is durable. While the log can't be written, that holds only for what a call has written itself.
static inline bool txn_waits(const struct common *c) { return unlikely(atomic_load_explicit(&c->waits, memory_order_relaxed)); }
static inline bool stripe_waits(const struct stripe *s) { return unlikely(atomic_load_explicit(&s->waits, memory_order_relaxed)); }
uint64_t stripes_need(const struct common *c, const uint32_t *stripes, uint32_t count, bool wrote);
// The end of an execution of which `stripes` is set: effects are handed on, `need` is known, and events are sent, to wait for it.
void txn_settle(struct txn *t);
// The end of an execution that is not a call's, with the leases of these stripes held.
static inline void txn_end(struct txn *t, const uint32_t *stripes, uint32_t count) {
    if (txn_waits(t->common)) {
        t->stripes = stripes;
        t->stripe_count = count;
        txn_settle(t);
    } else {
        effect_flush(t);
    }
}
// Something to be told at the end of an execution, when it is known what it has to wait for: a message that is published, or bytes for monitors. `need`: what
// they depend on beside the execution. False: no memory.
bool event_record_message(struct txn *t, uint32_t kind, uint32_t stripe, struct slice channel, struct slice message, uint64_t need);
bool event_record_line(struct txn *t, struct slice line, uint64_t need);

enum {
    FIND_COUNT = 1 << 0, // count a hit or a miss
    FIND_TOUCH = 1 << 1, // it is an access
};
// The entry of a key, or NULL. One whose time has come is deleted first (effect DEL, counted as expired).
struct entry *key_find(struct txn *t, const struct key *k, uint32_t how);
static inline struct entry *key_read(struct txn *t, const struct key *k);  // FIND_COUNT | FIND_TOUCH
// key_read of what most keys are (entry_is_plain), with the least that it takes. NULL: it is another, or missing, or the access can't be noted
// so: nothing was done, and key_read will tell.
static inline struct entry *key_read_plain(const struct common *c, struct stripe *s, uint32_t db, uint64_t hash, const struct slice *name);
// key_write likewise. The entry's bytes may be overwritten, as long as they stay as many.
static inline struct entry *key_write_plain(const struct common *c, struct stripe *s, uint32_t db, uint64_t hash, const struct slice *name);
static inline struct entry *key_write(struct txn *t, const struct key *k); // FIND_TOUCH, and what is found may be changed by any means
// What was found in other ways, and is going to be changed by others than the functions below: before it is (stripe/snapshot.h).
static inline void key_will_change(const struct key *k, struct entry *e);
static inline struct entry *key_peek(struct txn *t, const struct key *k) { return key_find(t, k, FIND_COUNT); } // TTL, TYPE, EXISTS, OBJECT

// All functions below take `e`: what key_find returned for this key in this execution (NULL: missing). On KORA_NOMEM nothing has changed.
// They emit no effects and count no change: handlers do.

enum { EXPIRE_NONE = 0, EXPIRE_KEEP = -1 }; // beside a time in ms
enum string_kind {
    STRING_AS_SET,   // an integer's canonical text is kept as an integer (SET)
    STRING_AS_BYTES, // never made an integer (INCRBYFLOAT, COPY of such)
};
// Sets the key to a string, whatever it held. *out (may be NULL): the new entry.
int key_set_string(struct txn *t, const struct key *k, struct entry *e, struct slice value, enum string_kind kind, int64_t expire_at_ms, struct entry **out);
// Sets it to an integer, keeping the expiry.
int key_set_int(struct txn *t, const struct key *k, struct entry *e, int64_t n);
// Makes the string at `e` (NULL: a new empty one) `len` bytes long and editable: growth is filled with zeros, an integer becomes its text, a pinned
// blob is copied first. *bytes: where its bytes are, to be written before anything else is called. Expiry is kept.
int key_edit_string(struct txn *t, const struct key *k, struct entry *e, size_t len, char **bytes);
// The same for who writes to nothing but bytes `from` up to `to`.
int key_edit_range(struct txn *t, const struct key *k, struct entry *e, size_t len, size_t from, size_t to, char **bytes);
// Deletes it.
void key_delete(struct txn *t, const struct key *k, struct entry *e);
// Sets (ms), or takes away (EXPIRE_NONE), the expiry. The entry may have moved: *e is where it is now.
int key_set_expiry(struct txn *t, const struct key *k, struct entry **e, int64_t expire_at_ms);
// Puts the value of `e`, found at `from`, at `to`, where `old` was found; `from` is gone. The expiry goes with it.
int key_move(struct txn *t, const struct key *from, struct entry *e, const struct key *to, struct entry *old);
// Puts a copy of the value of `e` (any key, stripe, database) at `to`, where `old` was found, with the given expiry.
int key_copy_value(struct txn *t, const struct entry *e, const struct key *to, struct entry *old, int64_t expire_at_ms);
// One more reference to a large string (unpinned by blob_unpin); NULL: it is not a blob.
struct blob *entry_pin(const struct entry *e);
// Nodes of collections may have been allocated or freed for this key: brings the stripe's account up to date.
static inline void key_publish(const struct key *k);
void keyspace_publish(struct keyspace *k);
// Replies the string at `e`: a large one by reference where the reply allows it.
void reply_entry_string(struct call *c, const struct entry *e);

// All or nothing for a command that sets several keys: between begin and its end, key_set_string keeps what it replaces. Room for
// `sets` of them is made at once. False: no memory. Find every key once before, so that what has expired is gone: nothing may be
// deleted in between.
bool txn_undo_begin(struct txn *t, size_t sets);
void txn_undo_commit(struct txn *t);
void txn_undo_rollback(struct txn *t); // everything is as it was; recorded effects are forgotten

// LRU and LFU, as OBJECT shows them.
uint64_t entry_idle_s(struct txn *t, const struct entry *e);
uint32_t entry_frequency(struct txn *t, const struct entry *e); // LFU counter after decay
// As RESTORE is told: whichever of the two the policy knows; negative ones are not given.
void entry_set_access(struct txn *t, struct entry *e, int64_t idle_s, int64_t frequency);

// ---- visits of a whole stripe (lease held) ---------------------------------------------------------------------------------

uint64_t stripe_count(const struct stripe *s, uint32_t db);          // any thread, no lease
uint64_t stripe_count_expiring(const struct stripe *s, uint32_t db); // any thread, no lease
// Visits the entries of a database in stable cursor order (ds/table.h): 0 starts, 0 returned ends. Expired ones are passed over, not deleted.
uint64_t stripe_scan(struct stripe *s, struct txn *t, uint32_t db, uint64_t cursor, size_t max, table_visit_fn *visit, void *arg);
// A random key that has not expired, or NULL.
struct entry *stripe_random(struct stripe *s, struct txn *t, uint32_t db);
// Empties a database (all: UINT32_MAX); the memory goes in the background. Returns whether there was a key.
bool stripe_flush(struct stripe *s, uint32_t db);
void stripe_swap(struct stripe *s, struct txn *t, uint32_t a, uint32_t b); // SWAPDB

// Deletes what has expired, for at most about `budget_us`; returns true if there is more to do now. Emits effects into t.
bool stripe_expire(struct stripe *s, struct txn *t, int64_t budget_us);
// Deletes keys as maxmemory-policy says, `max` of them at most, until the stripe has given back `goal` bytes; returns how many, 0: there is none that may go (or
// no memory to tell of it). Emits effects into t.
uint32_t stripe_evict(struct stripe *s, struct txn *t, uint64_t goal, uint32_t max);
// Whether it has keys that the policy would let go. Any thread, no lease.
bool stripe_has_victims(const struct stripe *s);
// Moves entries off sparse pages, well under a millisecond; true: more to do.
bool stripe_compact(struct stripe *s);
bool stripe_wants_compaction(const struct stripe *s);
// Takes the garbage to be freed by keyspaces_free without the lease, once no shard can still read it as a hint.
struct keyspace *stripe_take_garbage(struct stripe *s);
struct keyspace *keyspaces_join(struct keyspace *a, struct keyspace *b); // one list of two
// Frees one of them; false: not done yet. The first of the list stays the same if only such with values still pinned are left.
bool keyspaces_free(struct keyspace **list);

// Hints without the lease: see ds/table.h.
static inline void key_prefetch_bucket(struct key *k);
static inline void key_prefetch_entry(const struct key *k); // some hundred ns after the former
// Under the lease: what look-ups of these items of the key's value will need.
void key_prefetch_items(const struct key *k, const struct slice *names, size_t n);

struct stripe_memory {
    uint64_t used, held;
};
struct stripe_memory stripe_memory(const struct stripe *s); // any thread, no lease
uint64_t stripe_pins(const struct stripe *s);
void stripe_check(struct stripe *s);

// ---- details of the inline functions above ---------------------------------------------------------------------------------

// A keyspace of an image, see stripe/snapshot.h.
struct keyspace_walk {
    bool on;
    bool dropped;          // no database has it any more
    uint8_t mark;          // in entries that the walk passes over
    uint8_t given_up;      // walks in a row that have not come to their ends
    uint32_t db;           // number at the cut
    uint64_t cursor;       // positions below have been told (table_position)
    struct snapshot *of;
    struct keyspace *next; // of the snapshot
};

struct keyspace {
    struct table table;      // of entries
    struct slab *index;      // the table's memory; its addresses stay mapped as long as the keyspace lives (hints)
    struct blob_owner blobs; // .slab: entries and blobs
    struct wheel *wheel;     // of entries that expire; NULL until there was one
    uint64_t expiry_sum;     // see struct db_counts
    struct slab *nodes;      // of collections; NULL until there was one that has a root
    struct root *doomed;     // those that are being freed
    struct wheel *root_wheel; // of roots in which something expires; NULL until there was one
    struct common *common;
    struct keyspace *next;   // in a list of garbage
    struct s3fifo *s3;       // queues of allkeys-s3fifo; NULL: none
    uint64_t waste;          // bytes that pages of entries take beyond these, and that compaction has not been able to give back
    uint64_t compacted_at;   // the stripe's changes when it ended
    uint64_t charged;        // bytes of it in the stripe's account
    uint64_t doomed_bytes;   // of `doomed`, about
    struct db_counts *counts; // the stripe's, of the database that it is now
    struct keyspace_walk walk;
};

static inline bool entry_has_name(const void *entry, const void *key) {
    const struct slice *name = key;
    // Most entries reach into a second line, and nearly always it is wanted: both are fetched at once.
    prefetch((const char *)entry + CACHE_LINE - 8);
    struct slice have = entry_key(entry);
    return likely(have.n == name->n) && likely(bytes_equal(have.p, name->p, have.n));
}
static inline __attribute__((always_inline)) struct entry *keyspace_find(const struct keyspace *k, uint64_t hash, const struct slice *name) {
    return table_find(&k->table, hash, entry_has_name, name);
}
// The keyspace of a key's database in its stripe; NULL: there is none yet.
static inline struct keyspace *keyspace_of(const struct key *k) {
    return atomic_load_explicit(&k->stripe->dbs[k->db], memory_order_acquire);
}

static inline void key_publish(const struct key *k) {
    struct keyspace *ks = keyspace_of(k);
    if (ks && ks->nodes) keyspace_publish(ks);
}

static inline void key_prefetch_bucket(struct key *k) {
    const struct keyspace *ks = keyspace_of(k);
    k->hint = likely(ks != NULL) ? table_prefetch_bucket(&ks->table, k->hash) : NULL;
}
static inline void key_prefetch_entry(const struct key *k) {
    if (likely(k->hint != NULL)) table_prefetch_entry(k->hint, k->hash);
}

static inline bool entry_plain_has_name(const void *entry, const void *key) {
    const struct slice *name = key;
    prefetch((const char *)entry + CACHE_LINE - 8);
    const struct entry *e = entry;
    return likely(entry_is_plain(e, name->n)) && likely(bytes_equal((const char *)(e + 1), name->p, name->n));
}

struct entry *key_found(struct txn *t, const struct key *k, struct entry *e, uint32_t how); // the rest of key_find

static inline void entry_used(struct entry *e, uint32_t access) {
    e->access = access & ((1u << ENTRY_ACCESS_BITS) - 1); // not only if it differs: a processor could not foresee that
}
static inline uint32_t access_now(const struct common *c) { return atomic_load_explicit(&c->settings.access_now, memory_order_relaxed); }

static inline struct entry *key_use_(struct txn *t, const struct key *k, uint32_t how) {
    struct keyspace *ks = keyspace_of(k);
    struct entry *e = likely(ks != NULL) ? keyspace_find(ks, k->hash, &k->name) : NULL;
    uint32_t access = access_now(t->common);
    if (unlikely(!e) || unlikely(entry_expires(e)) || unlikely(access == ACCESS_ASK) || unlikely(t->flags)) return key_found(t, k, e, how);
    if (how & FIND_COUNT) count_up(&k->stripe->counters.hits);
    entry_used(e, access);
    return e;
}
static inline struct entry *key_read(struct txn *t, const struct key *k) { return key_use_(t, k, FIND_COUNT | FIND_TOUCH); }

void snapshot_save_(struct keyspace *ks, uint64_t hash, struct entry *e);
static inline void keyspace_will_change(struct keyspace *ks, uint64_t hash, struct entry *e) {
    if (unlikely(ks->walk.on)) snapshot_save_(ks, hash, e);
}
static inline void key_will_change(const struct key *k, struct entry *e) {
    if (unlikely(k->stripe->snapshot != NULL) && e) keyspace_will_change(keyspace_of(k), k->hash, e);
}
static inline struct entry *key_write(struct txn *t, const struct key *k) {
    struct entry *e = key_use_(t, k, FIND_TOUCH);
    key_will_change(k, e);
    return e;
}

// So short that a processor is on its way with the next call before the memory has answered this one.
static inline __attribute__((always_inline)) struct entry *key_write_plain(
    const struct common *c, struct stripe *s, uint32_t db, uint64_t hash, const struct slice *name) {
    const struct keyspace *ks = atomic_load_explicit(&s->dbs[db], memory_order_acquire);
    uint32_t access = access_now(c);
    if (unlikely(!ks) || unlikely(access == ACCESS_ASK)) return NULL;
    struct entry *e = table_find(&ks->table, hash, entry_plain_has_name, name);
    if (likely(e != NULL)) entry_plain_used(e, access);
    return e;
}
static inline __attribute__((always_inline)) struct entry *key_read_plain(
    const struct common *c, struct stripe *s, uint32_t db, uint64_t hash, const struct slice *name) {
    struct entry *e = key_write_plain(c, s, db, hash, name);
    if (likely(e != NULL)) count_up(&s->counters.hits);
    return e;
}

#endif
