// Wait lists: calls that wait for a key to have something for them (BLPOP, XREAD BLOCK), in the order in which they came.
//
// A waiting call is a `sleeper`: one record on the list of each key that it names, and a state, which decides who has it. Lists and records belong to
// the stripes of their keys and are touched under their leases; the state is atomic, since keys may be in several stripes, and time and a client that
// goes away come without any lease. Who has answered a sleeper takes its records off the lists whose leases it holds; others stay there, dead, until their
// stripe comes by: a record refers to its sleeper, which is counted.
//
//     WAITING  -> CLAIMED     by who holds the lease of one of its keys, and wants to serve it
//     CLAIMED  -> WAITING     there was nothing for it after all
//     CLAIMED  -> ANSWERED    its reply is written
//     CLAIMED  -> ITS_TURN    it has to run by itself, since it needs leases that the server could not get; it stays the first on that list
//     WAITING  -> GIVEN_UP    by its home: time is over, or nobody wants the answer any more
//     A sleeper that is claimed, or whose turn it is, can't give up: it is marked as late (engine/block.c), and does so if there is nothing for it.
//
// A change says which key it was about (waiting_ready, by key_changed); the engine then serves the key's list before the leases are let go.
#ifndef KORA_STRIPE_WAIT_H
#define KORA_STRIPE_WAIT_H

#include <stdatomic.h>

#include "call/call.h"

enum sleeper_state { SLEEPER_WAITING, SLEEPER_CLAIMED, SLEEPER_ANSWERED, SLEEPER_ITS_TURN, SLEEPER_GIVEN_UP };

struct sleeper;
struct wait_list;

struct wait_record {
    struct wait_record *next, *prev; // on its list
    struct wait_list *list;          // NULL: on none (any more)
    struct sleeper *sleeper;
    uint32_t key;                    // its number among the call's
};

struct sleeper {
    _Atomic uint32_t state;
    _Atomic uint32_t refs;           // one for each record on a list, one for the call
    void *owner;                     // the engine's task: only for who has claimed it, and for the owner
    const struct command *command;
    uint32_t count;
    struct wait_record records[];
};

// A key's list.
struct wait_list {
    struct wait_list *next;          // in its bucket
    struct wait_list *next_ready;
    struct wait_record *first, *last;
    struct sleeper *turn;            // it runs by itself, those behind it wait until it has; NULL: nobody does
    struct stripe *stripe;
    uint64_t hash;
    uint32_t db, len;
    bool ready;                      // among those that are to be served
    char name[];
};

// All of a stripe's.
struct wait_lists {
    struct wait_list **buckets;      // NULL: there was never one
    uint32_t bucket_count, count;
    struct wait_list *ready, *ready_last;
};

struct sleeper *sleeper_create(uint32_t keys); // NULL: no memory
void sleeper_unref(struct sleeper *s);

// The leases of the keys' stripes are held. Puts the sleeper on the list of each. False: no memory, it is on none.
bool waiting_add(struct sleeper *s, const struct key *keys);
// Takes a record off its list. The lease of its key's stripe is held.
void waiting_remove(struct wait_record *r);
// Somebody may be served at this key now.
void waiting_ready(const struct key *k);
void waiting_ready_list(struct wait_list *l);
// The next list that is to be served, in the order in which they became ready; NULL: none. The list stays until waiting_done.
struct wait_list *waiting_take(struct stripe *s);
void waiting_done(struct wait_list *l); // frees it if it is empty
// Somebody who was told to run by himself is ahead at this key: whoever comes now must queue.
bool waiting_has_turn(const struct key *k);
// Visits every list of a stripe (SWAPDB, closing).
void waiting_each(struct stripe *s, void (*visit)(void *arg, struct wait_list *l), void *arg);
void waiting_free(struct stripe *s); // at the end: nobody waits any more

#endif
