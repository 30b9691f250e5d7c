// A hash map of nodes that live in what they belong to: chains, doubled when there are as many nodes as chains. For the tables of lib/feed,
// which hold few things each; a map without nodes has no memory.
#ifndef KORA_FEED_MAP_H
#define KORA_FEED_MAP_H

#include "base/base.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};
struct map {
    struct map_node **chains;
    size_t count, size; // nodes; chains, a power of two or 0
};

// Room for one more. False: no memory.
bool map_reserve(struct map *m);
void map_add(struct map *m, struct map_node *n, uint64_t hash); // after map_reserve; it is not in it
void map_remove(struct map *m, struct map_node *n);             // it is in it
static inline struct map_node *map_first(const struct map *m, uint64_t hash) { return m->size ? m->chains[hash & (m->size - 1)] : NULL; }
void map_free(struct map *m); // the nodes are the caller's

#endif
