// A session's transaction: what MULTI has queued, and what WATCH watches.
//
// The queue owns its bytes: a command is copied, with its keys, into blocks that go all at once when the transaction is over. Watched keys are records that
// the session and the keys' stripes share (stripe/watch.h); here is only where their list begins.
//
// There is one while a session is inside MULTI or watches keys. Nobody but the thread that runs the session's calls touches it.
#ifndef KORA_CALL_MULTI_H
#define KORA_CALL_MULTI_H

#include "call/call.h"

struct watch_record; // stripe/watch.h
struct multi_block;

struct queued {
    struct queued *next;
    const struct command *cmd;
    struct slice *argv;
    struct key *keys;     // their database is that of the session when the command runs
    int argc;
    uint32_t key_count;
    size_t reply_at;      // of one that every shard takes part in: where in the transaction's reply its own goes (engine/exec.c)
};

struct multi {
    bool active;          // MULTI: commands are queued
    bool refused;         // one of them was refused, so EXEC will be
    bool all_stripes;     // one of them looks at everything
    bool shards;          // ... or is run by every shard
    uint32_t flags;       // of all commands, together
    uint32_t count;
    uint64_t bytes;       // of memory that the queue holds
    struct queued *first, *last;
    struct multi_block *blocks;
    struct watch_record *watched;
};

// The session's, made if there is none. NULL: no memory.
struct multi *multi_of(struct session *s);
static inline bool session_queues(const struct session *s) { return unlikely(s->multi != NULL) && s->multi->active; }
// Adds a copy of the call, whose keys have been found. NULL: no memory, nothing changed.
struct queued *multi_add(struct multi *m, const struct call *c);
// Ends the session's transaction. Nothing may be watched any more.
void multi_drop(struct session *s);

#endif
