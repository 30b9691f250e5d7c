// A sequence of pointers to the caller's items, each of a weight, that finds which item a position among all weights falls on in O(log n): a counted
// B+tree without keys.
//
//     node: up to SEQUENCE_FAN children (items in the lowest nodes, nodes above), each with the sum of the weights below it
//
// It owns no items. Nodes come from the slab that it was made with. Used by one thread at a time. A node that gets full at the outer side of the
// sequence stays full, so what grows at its ends costs some 16 bytes an item; two neighbours that fit into one node are joined when one is thin.
#ifndef KORA_DS_SEQUENCE_H
#define KORA_DS_SEQUENCE_H

#include "base/base.h"
#include "ds/slab.h"

enum { SEQUENCE_FAN = 31, SEQUENCE_HEIGHT_MAX = 14 };

struct sequence_node {
    uint32_t n;
    uint64_t weight[SEQUENCE_FAN];
    void *child[SEQUENCE_FAN];
};

struct sequence {
    struct slab *slab;
    struct sequence_node *root; // NULL: it is empty
    uint32_t height;            // levels of nodes
    uint64_t items;
    uint64_t bytes;             // of nodes, as the slab rounds them
};

// An item's place: the way to it from the root. Valid until an item is inserted or removed, but for the place that does it.
struct sequence_at {
    const struct sequence *of;
    struct sequence_node *node[SEQUENCE_HEIGHT_MAX];
    uint32_t i[SEQUENCE_HEIGHT_MAX];
};

void sequence_init(struct sequence *s, struct slab *slab); // takes no memory. The struct may be moved as it is
uint64_t sequence_weight(const struct sequence *s);        // of all items

// Places. Of an empty sequence there is none (false).
bool sequence_first(const struct sequence *s, struct sequence_at *at);
bool sequence_last(const struct sequence *s, struct sequence_at *at);
// The item that position `pos` falls on; *within: how far into it. False: pos is beyond all.
bool sequence_find(const struct sequence *s, uint64_t pos, struct sequence_at *at, uint64_t *within);
bool sequence_next(struct sequence_at *at);     // false: it was the last, and `at` stays
bool sequence_previous(struct sequence_at *at); // likewise

static inline uint32_t sequence_leaf_(const struct sequence_at *at) { return at->of->height - 1; }
static inline void *sequence_item(const struct sequence_at *at) { return at->node[sequence_leaf_(at)]->child[at->i[sequence_leaf_(at)]]; }
static inline uint64_t sequence_item_weight(const struct sequence_at *at) {
    return at->node[sequence_leaf_(at)]->weight[at->i[sequence_leaf_(at)]];
}

// Brings the starts of the items of the place's node into the cache.
static inline void sequence_prefetch(const struct sequence_at *at) {
    const struct sequence_node *n = at->node[sequence_leaf_(at)];
    for (uint32_t i = 0; i < n->n; i++) prefetch(n->child[i]);
}

// Another item in its place, or another weight: never fails.
void sequence_set(struct sequence_at *at, void *item);
void sequence_add_weight(struct sequence_at *at, int64_t more);

// Inserts before or behind the place, which is then that of the new item. Into an empty sequence: `at` needs to have nothing but .of.
// False: no memory, nothing changed.
bool sequence_insert(struct sequence *s, struct sequence_at *at, bool behind, void *item, uint64_t weight);
// Takes the item out; `at` is no place any more.
void sequence_remove(struct sequence *s, struct sequence_at *at);

// Tests: walks everything, aborts on a broken invariant.
void sequence_check(const struct sequence *s);

#endif
