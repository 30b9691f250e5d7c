// What the files of lib/feed share.
#ifndef KORA_FEED_FEED_INT_H
#define KORA_FEED_FEED_INT_H

#include "feed/feed.h"

struct membership {
    struct map_node node; // in the subscriber's members
    struct subscriber *subscriber;
    struct topic *topic;
    size_t at;            // in topic->members
    struct membership *next, **prev; // of the subscriber's, of one kind
};

struct topic {
    struct channel *channel;
    struct membership **members;
    size_t count, cap;
};

// ---- patterns.c: all patterns, by what they begin with

enum { PREFIX_MAX = 32 };
struct patterns {
    struct map all;                  // of channels (their nodes)
    struct map prefixes;             // of struct prefix
    uint32_t lengths[PREFIX_MAX + 1]; // how many prefixes there are of each length
};
bool patterns_add(struct patterns *p, const struct hash_key *seed, struct channel *c); // in the index; `all` is the caller's. False: no memory
void patterns_remove(struct patterns *p, const struct hash_key *seed, struct channel *c);
typedef void pattern_visit_fn(void *arg, struct channel *c);
void patterns_match(const struct patterns *p, const struct hash_key *seed, struct slice name, pattern_visit_fn *visit, void *arg);
void patterns_free(struct patterns *p);

#endif
