// How memory is divided among the types of values. Nothing counts it, so the keys are walked, again and again, a little each time that somebody asks.
#ifndef KORA_HTTP_TYPES_H
#define KORA_HTTP_TYPES_H

#include "engine/engine.h"
#include "type/entry.h"

struct type_share {
    double keys, bytes;
};
struct type_shares {
    struct type_share type[TYPE_COUNT]; // of the last walk; of the first one while that lasts, as if what it has not seen were alike
    bool whole;                         // a walk has come to its end
    int64_t took_us;                    // from its begin to its end
    double seen;                        // part of the keys that the walk that goes on has seen
    // Where it is
    struct type_share sum[TYPE_COUNT];
    uint64_t visited;
    int64_t began_us;
    uint32_t stripe, db;
    uint64_t cursor;
};

// Walks on for a moment. On a shard's thread; `t` is its own, zeroed at first.
void types_walk(struct engine *e, struct type_shares *t);

#endif
