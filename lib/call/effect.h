// Effects: what a call did, as canonical Redis commands, each about keys of one stripe and free of time and chance: replaying
// them through the same handlers gives the same data. One list serves the log, change capture, notifications and watchers.
//
// A handler whose own argv is such a fact sets call->changed and is done. Any other emits its effects here, at the moment of the
// change (a DEL for what expired comes before the command's own). Where nobody wants effects nothing is recorded.
#ifndef KORA_CALL_EFFECT_H
#define KORA_CALL_EFFECT_H

#include "call/call.h"

// One of them, as it is told to a sink.
struct effect {
    uint32_t stripe; // number
    uint32_t db;
    int argc;
    const struct slice *argv; // borrowed for the call
};
typedef void effect_fn(void *arg, const struct effect *e);
// All effects of one execution, if there are several.
struct effect_list {
    uint32_t count, first; // how many; the stripe of the first
    struct txn *txn;       // effect_next's
    size_t at;
};
bool effect_next(struct effect_list *l, struct effect *e); // false: that was the last

// Receives the effects of each execution while its leases are held, in order. Must not block, and must not call the database.
struct effect_sink {
    effect_fn *fn; // NULL: nobody wants them
    void *arg;
    // Those of an execution that has more than one, all at once. NULL: they go to `fn`, one by one
    void (*several)(void *arg, struct effect_list *l);
    // Asked before a change, with the stripe's lease held: whether there will be room for the execution's effects, which with this one are `count`, and
    // `bytes` long at most. NULL: always
    bool (*room)(void *arg, uint32_t stripe, size_t bytes, size_t count);
    // Whether what nobody has asked for (keys that expire, an estimate that is kept) should be left for now. NULL: never
    bool (*refuses)(void *arg);
};

enum { EFFECT_ARGS_MAX = 8 }; // of effect_emit; a call's own argv may be longer

static inline bool effect_wanted(const struct txn *t) { return unlikely(t->sink != NULL); }
// What its commands tell others of (messages, events) waits for the end of a transaction, when its effects have been handed on: nobody hears of what a killed
// process takes with it.
static inline bool effect_comes_first(const struct txn *t) { return unlikely(t->stripe_count) || effect_wanted(t); }
// Records `argv` as an effect on `key`'s stripe and database. False: no memory, or no room (txn->no_room); the handler must then change nothing and answer so.
bool effect_emit(struct txn *t, const struct key *key, int argc, const struct slice *argv);
// For those who can tell it only after the change: before it, makes room for `count` effects on this key that take `bytes` together (effect_bytes), which
// effect_emit then records without fail. False: as effect_emit.
bool effect_reserve(struct txn *t, const struct key *key, size_t bytes, size_t count);
// The same for a call's own argv, which takes `own` bytes, and is not recorded if it can be handed on at once; and for `count` effects before it, should there be any.
bool effect_reserve_own(struct txn *t, const struct key *key, size_t own, size_t bytes, size_t count);
void effect_late(struct txn *t, const struct key *key, int argc, const struct slice *argv); // records it in room that was made so
// What a record of these arguments takes.
size_t effect_bytes(int argc, const struct slice *argv);
// The usual ones
bool effect_del(struct txn *t, const struct key *key);
bool effect_expired(struct txn *t, const struct key *key); // the same for a key whose time has come: it may have to stay
static inline bool effect_refused(const struct txn *t) { return t->sink && t->sink->refuses && t->sink->refuses(t->sink->arg); }
bool effect_pexpireat(struct txn *t, const struct key *key, int64_t at_ms);
bool effect_persist(struct txn *t, const struct key *key);
bool effect_set(struct txn *t, const struct key *key, struct slice value, int64_t expire_at_ms /* 0 none */, bool keep_ttl);

// Hands what was recorded to the sink, with all leases still held, and forgets it. The end of every execution; events come after it, since who is told of
// them may have to wait for the effects.
void effect_flush_(struct txn *t);
static inline void effect_flush(struct txn *t) {
    if (unlikely(t->effects.p)) effect_flush_(t); // also if all was taken back
    if (unlikely(t->events.n)) t->send_events(t);
}
// Forgets what was recorded after the first `emitted` effects, `bytes` long: it was not done after all.
void effect_forget(struct txn *t, size_t bytes, uint32_t emitted);

#endif
