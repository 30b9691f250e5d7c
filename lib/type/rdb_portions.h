// Large values as RDB objects in portions: what rdb_write_value writes (but for the order of items, which means nothing; a sorted set's are from the highest score down, as there, but for those that change meanwhile), part
// after part, so that a value may be told while it changes (stripe/snapshot.c).
//
// By items: `head` of the root as it is at the start, then every item that it had then, in any order. By nodes: `head`, all nodes that it had then, in their
// order, and `tail` as it was at the start.
#ifndef KORA_TYPE_RDB_PORTIONS_H
#define KORA_TYPE_RDB_PORTIONS_H

#include "type/rdb.h"
#include "type/value.h"

typedef bool value_item_fn(void *arg, void *item);

struct value_portions {
    // How many items or nodes there are. What it returns in *base is for `item`.
    uint64_t (*head)(struct rdb_writer *w, const struct root *r, int64_t *base);
    void (*item)(struct rdb_writer *w, const void *item, int64_t base); // NULL: it is told by nodes
    struct slice (*name)(const void *item);                             // by which it is found in the table that value_kind.items names
    // Items in an order of their own (NULL: in that of table_scan). `at` is a copy of the last one that was visited (n 0: none was): goes on behind it until
    // `visit` says no, or there are no more (true).
    bool (*walk)(const struct root *r, struct buf *at, value_item_fn *visit, void *arg);
    bool (*walked)(const void *item, const struct buf *at);             // it is not behind that place
    void (*nodes)(const struct root *r, void **to);                     // the nodes' addresses; looks at none of them
    void (*mark)(void *node, uint32_t mark);                            // see root_node_changes
    void (*node)(struct rdb_writer *w, const void *node);
    void (*tail)(struct rdb_writer *w, const struct root *r);           // NULL: nothing follows
};

const struct value_portions *value_portions(enum value_type type); // of a type that has roots

#endif
