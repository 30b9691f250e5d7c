// Sync policy `always`: nothing leaves the process before what it tells of is durable.
//
// Commands do not wait: they run, append their effects to the log, and the next one runs (group commit). What they answer waits. A call notes, its leases
// still held, what must be durable (stripes_need): the epoch in which the stripes that it has read or written were logged last. Replies stay in their
// connection's queue until then (net/output.c), pushed messages at their subscriber (net/push.c, api/feed.c), host threads in durable_wait, callbacks
// of kora_submit in durable_hold. So nobody outside ever sees what a power cut could still take away.
//
// Telling. The log's thread stores the epoch that is durable, then looks who waits. A shard says the smallest epoch that somebody on it waits for, then
// looks at what is durable once more; a host thread counts itself, then looks. All of it sequentially consistent: nobody is left. A shard is told by one
// message, however many wait on it.
//
// Failing. While the log can't be written (durable_failing), reads go on: what only reads have seen is let go. What is owed for writes waits for
// room on the disk (DURABLE_STUCK), or will never be durable (DURABLE_LOST): then it is never acknowledged. A call in-process answers KORA_READONLY; a connection
// that is owed a reply is closed, since nothing true can be said in that reply's place: the write may or may not be there when the database is opened again.
#ifndef KORA_ENGINE_DURABLE_H
#define KORA_ENGINE_DURABLE_H

#include <stdatomic.h>

#include "base/base.h"

struct engine;
struct shard;

enum durable_state { DURABLE_FINE, DURABLE_STUCK, DURABLE_LOST };

// Something on a shard that waits; its thread's, from durable_hold until `done` is called or durable_forget.
struct durable_list;
struct durable_waiter {
    struct durable_waiter *next, *prev;
    struct durable_list *list;                 // NULL: it does not wait
    uint64_t need;
    bool owes;                                 // a write's, not only a read's
    void (*done)(struct shard *s, struct durable_waiter *w, bool lost); // it waits no more; lost: `need` will never be durable
};

struct durability; // the engine's

int durability_create(struct engine *e);       // after its shards' memory is there
void durability_free(struct engine *e);

// ---- by the log --------------------------------------------------------------------------------------------------------------

// Something of this stripe, whose lease is held, was logged in this epoch.
void durable_logged(struct engine *e, uint32_t stripe, uint64_t epoch);
// On the log's thread, or before it runs: what was logged in this epoch or before is durable.
void durable_advanced(struct engine *e, uint64_t epoch);
void durable_failing(struct engine *e, enum durable_state state); // any thread
// Any thread: whether anything waits at all. What waits at the moment goes on to, until it is durable by whatever the log means by it now.
void durable_set(struct engine *e, bool waits);

// ---- by who waits ------------------------------------------------------------------------------------------------------------

enum durable { DURABLE_YES, DURABLE_NOT_YET, DURABLE_NEVER };
enum durable durable_is(const struct engine *e, uint64_t need, bool owes); // any thread

// On the shard's thread, when `need` is not durable yet: `done` is called there, later, in the order of `need`.
void durable_hold(struct shard *s, struct durable_waiter *w);
void durable_forget(struct durable_waiter *w); // it need not wait any more, if it does
// Host threads: KORA_OK, or KORA_READONLY: never.
int durable_wait(struct engine *e, uint64_t need, bool owes);

#endif
