// Things that come due at a time: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987) of intrusive nodes.
//
// Adding, removing and moving a node are O(1). Time is in milliseconds; a node fires at most WHEEL_GRAIN_MS late, never
// early (but the last 16 ms that an int64_t can name count as one moment). wheel_next tells when something has to be done at all, so
// that an owner with nothing due need not wake up.
// One thread at a time. Nodes belong to the caller, and must not move while in the wheel except through wheel_moved.
#ifndef KORA_DS_WHEEL_H
#define KORA_DS_WHEEL_H

#include "base/base.h"

enum { WHEEL_MEMORY = 8192 }; // bytes that a wheel takes
enum { WHEEL_GRAIN_MS = 16, WHEEL_LEVELS = 10, WHEEL_SLOTS = 64 };

struct wheel_node {
    int64_t at_ms;
    struct wheel_node *next;
    struct wheel_node **link; // the pointer that points here
};

struct wheel;

struct wheel *wheel_create(int64_t now_ms);                           // NULL: no memory. WHEEL_MEMORY bytes.
void wheel_destroy(struct wheel *w);                                  // nodes are forgotten
void wheel_add(struct wheel *w, struct wheel_node *n, int64_t at_ms); // any time, past ones too
void wheel_remove(struct wheel *w, struct wheel_node *n);
// The node was copied to `to` byte by byte: redirects its neighbours.
void wheel_moved(struct wheel *w, struct wheel_node *to);
// The time at which wheel_pop may have something to do (no earlier than needed by more than the grain of the level that the
// first node is in, so a few calls find nothing, never a busy loop). INT64_MIN: at once. INT64_MAX: empty.
int64_t wheel_next(const struct wheel *w);
// Takes out a node with at_ms <= now_ms, or returns NULL. Does a bounded amount of cascading work a call; *again is set if NULL
// was returned only because the work of this call was used up.
struct wheel_node *wheel_pop(struct wheel *w, int64_t now_ms, bool *again);
// For eviction: one of those that are due first, not taken out; NULL: empty. Looks at a few only, so that it is about the first.
struct wheel_node *wheel_soonest(const struct wheel *w);
// One of all, not every one with the same chance: `random` decides. NULL: empty.
struct wheel_node *wheel_any(const struct wheel *w, uint64_t random);
size_t wheel_count(const struct wheel *w);
void wheel_check(const struct wheel *w);

#endif
