// A counted B+tree: an ordered sequence of pointers to the caller's items, with every item's rank known in O(log n).
//
//     inner node: up to 39 children, each with the number of items below it, and the pointer and word of the first
//     leaf:       up to 61 items, and links to its neighbours
//
// It costs 10.5 bytes an item where items come in any order (leaves that are full give to their neighbours before they split), 9 where they come in
// ascending or descending order.
// The order is the caller's: `compare` tells how an item stands to a key (which may be an item's own). Since that reads an item, it is asked only where
// `word` does not decide: the beginning of what items are ordered by, as a number (or 0 for all, if there is none).
// The tree owns no items. Nodes come from the slab that it was made with. Used by one thread at a time. Every change is bounded by its height.
#ifndef KORA_DS_TREE_H
#define KORA_DS_TREE_H

#include "base/base.h"
#include "ds/slab.h"

// < 0: the item is before the key, 0: it is the key's, > 0: behind. A key may also stand between items (never 0).
typedef int tree_compare_fn(const void *item, const void *key);
// The word of an item. Where it differs from that of a key, `compare` must agree: an item with a smaller one is before the key. Keys have words of their
// own, which calls name beside them. A tree without words (NULL) takes 0.
typedef uint64_t tree_word_fn(const void *item);
// A double's, in the order of numbers; both zeros have the same.
static inline uint64_t tree_word_double(double x) {
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

struct tree_node;
struct tree {
    struct slab *slab;
    tree_word_fn *word;
    struct tree_node *root, *first, *last; // NULL: it is empty; first and last leaf
    uint64_t count;
    uint64_t bytes; // of nodes
    uint32_t height;
};

// An item's place: valid until the tree changes.
struct tree_at {
    struct tree_node *leaf; // NULL: before the first or behind the last item
    uint32_t i;
};

void tree_init(struct tree *t, struct slab *slab, tree_word_fn *word); // takes no memory. The struct may be moved as it is
// Frees nodes, not items, at most about `budget` of them. True: all are freed, and the tree is empty. Between calls nothing else may be done with it.
bool tree_free(struct tree *t, size_t budget);

// Where the item with `key` is; *rank (may be NULL) how many are before it. leaf NULL: it is not there.
struct tree_at tree_find(const struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, uint64_t *rank);
// The first item that is not before `key` (compare >= 0); leaf NULL: there is none; *rank (may be NULL): how many are before it.
struct tree_at tree_lower(const struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, uint64_t *rank);
struct tree_at tree_at_rank(const struct tree *t, uint64_t rank); // leaf NULL: rank >= count
struct tree_at tree_first(const struct tree *t);
struct tree_at tree_last(const struct tree *t);
struct tree_at tree_next(struct tree_at at); // leaf NULL at the end
struct tree_at tree_previous(struct tree_at at);
void *tree_item(struct tree_at at);

// Adds `item`, whose key is `key` (not in it: checked in debug builds only). False: no memory, nothing changed.
bool tree_insert(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, void *item);
// Takes out the item with `key`, and returns it; NULL: it was not there. Never fails.
void *tree_remove(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word);
// Takes out up to n items from rank `from` on; `gone` is told of each, in order, and may free it but not look at the tree. Returns how many. Never fails.
typedef void tree_gone_fn(void *arg, void *item);
uint64_t tree_remove_range(struct tree *t, uint64_t from, uint64_t n, tree_gone_fn *gone, void *arg);
// Puts `to` where `from`, the item with `key`, is; its place in the order is the same. Both can be read.
void tree_replace(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, void *from, void *to);

// Tests: walks everything, aborts on a broken invariant. `compare` with each neighbour as the key (the item's own address).
void tree_check(const struct tree *t, tree_compare_fn *compare);

#endif
