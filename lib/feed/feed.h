// The feed: who has subscribed to what, and how messages get to them.
//
// A channel belongs to the stripe of its name, and is found and changed under that stripe's lease, like a key. Patterns, and the channels
// of keyspace notifications (which are published under the lease of any key), are read under any lease and changed under all of them. So no lock
// is needed, and a publisher sees each of them at one instant.
//
//     channel (under leases) --> topic, one for each shard that has subscribers (the shard's) --> members --> subscriber (the shard's)
//
// A message is handed to each shard that has members as one delivery in the shard's queue, with the lease still held: messages of one
// channel arrive in the order in which they were published. The shard's thread delivers. Before it changes who is a member of a topic it
// empties its queue, with the channel's lease held: so whoever subscribes gets exactly what is published after, whoever leaves has got what was
// published before, and no delivery in a queue ever refers to a topic that is gone.
#ifndef KORA_FEED_FEED_H
#define KORA_FEED_FEED_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/hash.h"
#include "feed/map.h"
#include "feed/payload.h"

enum feed_kind { FEED_CHANNEL, FEED_PATTERN, FEED_SHARD_CHANNEL, FEED_KINDS };

struct topic;
struct subscriber;

struct channel {
    struct map_node node;  // in its table, by its name
    struct map *table;
    enum feed_kind kind;
    uint64_t total;        // members, of all shards
    struct slice name;
    struct slice head;     // what a message to its members begins with, behind the first byte ('*' or '>'); the payload follows
    struct channel *next_of_prefix, **at_of_prefix; // patterns: see patterns.c
    struct topic *topics[]; // by shard; NULL: it has no member there
};

// How a message gets to a subscriber: on its shard's thread. It must not subscribe or unsubscribe anybody. `to` is NULL for what monitors are told.
typedef void feed_deliver_fn(struct subscriber *s, const struct channel *to, struct payload *p);

struct membership;
struct subscriber {             // its shard's; whoever made it frees it, once it has left all
    uint32_t shard;
    feed_deliver_fn *deliver;
    void *owner;                // deliver's own; NULL: nobody, nothing is delivered any more
    struct map members;         // by topic
    struct membership *first[FEED_KINDS];
    uint64_t count[FEED_KINDS];
    bool monitors;              // it is told of every command
    struct subscriber *next_monitor, **at_monitor;
    struct subscriber *next;    // for lists of those that leave
};

static inline bool feed_listens(const struct subscriber *s) {
    return s && (s->count[FEED_CHANNEL] || s->count[FEED_PATTERN] || s->count[FEED_SHARD_CHANNEL]);
}

struct feed;
// `monitors` counts those that feed_monitor made. `wake(arg, shard)` is called by any thread, when a shard has to call feed_woken soon; then not again until it has. NULL: no memory.
struct feed *feed_create(uint32_t shards, uint32_t stripes, const struct hash_key *seed, void (*wake)(void *arg, uint32_t shard), void *arg,
    _Atomic uint32_t *monitors);
void feed_free(struct feed *f); // nobody uses it any more; with those memberships that there still are

// On the shard's thread: delivers what is in its queue.
void feed_woken(struct feed *f, uint32_t shard);
void feed_drain(struct feed *f, uint32_t shard);

// The channels that keyspace notifications go to: they need all leases to be changed.
bool feed_name_is_special(struct slice name);
// As a glob, but an empty channel is matched by the empty pattern alone, not by "*": so it is in Redis.
bool feed_pattern_matches(struct slice pattern, struct slice channel);

// On the subscriber's shard, the channel's lease held (patterns, special names: all); `stripe` is that of the name.
enum feed_change { FEED_CHANGED, FEED_AS_IT_WAS, FEED_NOMEM };
enum feed_change feed_subscribe(struct feed *f, struct subscriber *s, enum feed_kind kind, uint32_t stripe, struct slice name);
enum feed_change feed_unsubscribe(struct feed *f, struct subscriber *s, enum feed_kind kind, uint32_t stripe, struct slice name);
// All leases are held. Takes it out of one that it is in, if any; its name is valid until the next call of this subscriber. False: there is none.
bool feed_leave_one(struct feed *f, struct subscriber *s, enum feed_kind kind, struct buf *name);
void feed_leave_all(struct feed *f, struct subscriber *s);

// The channel's lease is held (of a special name: any). How many get it, once `need` is durable (payload.h); -1: no memory, nobody does.
int64_t feed_publish(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name, struct slice message, uint64_t need);
int64_t feed_receivers(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name); // how many would get it; -1: no memory
// Whether anybody could get it at all: a look without a lease.
bool feed_anybody(const struct feed *f);


// On the subscriber's shard. False: it was one already.
bool feed_monitor(struct feed *f, struct subscriber *s);
void feed_monitor_no_more(struct feed *f, struct subscriber *s);
void feed_tell_monitors(struct feed *f, struct payload *p); // any thread

// The lease is held.
uint64_t feed_count(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name);
// Visits the channels of a stripe that have subscribers; those of special names are with stripe 0 (any lease).
typedef void feed_visit_fn(void *arg, struct slice name);
void feed_each(struct feed *f, enum feed_kind kind, uint32_t stripe, feed_visit_fn *visit, void *arg);
// Any thread.
uint64_t feed_channels(const struct feed *f, enum feed_kind kind); // how many there are that have subscribers

#endif
