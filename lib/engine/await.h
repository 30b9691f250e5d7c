// Sync policy `always`: nothing leaves the process before what it tells of is durable.
//
// Commands do not wait: they run, append their effects to the log, and the next one runs (group commit). What they answer waits. A call notes, its leases
// still held, what must be durable (stripes_need): the epoch in which the stripes that it has read or written were logged last. Replies stay in their
// connection's queue until then (net/output.c), pushed messages at their subscriber (net/push.c, api/feed.c), host threads in await_durable, callbacks
// of kora_submit in await_hold. So nobody outside ever sees what a power cut could still take away.
//
// Telling. The log's thread stores the epoch that is durable, then looks who waits. A shard says the smallest epoch that somebody on it waits for, then
// looks at what is durable once more; a host thread counts itself, then looks. All of it sequentially consistent: nobody is left. A shard is told by one
// message, however many wait on it.
//
// Failing. While the log can't be written (await_failing), reads go on: what only reads have seen is let go. What is owed for writes waits for
// room on the disk (AWAIT_STUCK), or will never be durable (AWAIT_LOST): then it is never acknowledged. A call in-process answers KORA_READONLY; a connection
// that is owed a reply is closed, since nothing true can be said in that reply's place: the write may or may not be there when the database is opened again.
#ifndef KORA_ENGINE_AWAIT_H
#define KORA_ENGINE_AWAIT_H

#include <stdatomic.h>

#include "base/base.h"

struct engine;
struct shard;

enum await_state { AWAIT_FINE, AWAIT_STUCK, AWAIT_LOST };

// Something on a shard that waits; its thread's, from await_hold until `done` is called or await_forget.
struct await_list;
struct await_waiter {
    struct await_waiter *next, *prev;
    struct await_list *list;                 // NULL: it does not wait
    uint64_t need;
    bool owes;                                 // a write's, not only a read's
    void (*done)(struct shard *s, struct await_waiter *w, bool lost); // it waits no more; lost: `need` will never be durable
};

struct awaiting; // the engine's

int await_create(struct engine *e);       // after its shards' memory is there
void await_free(struct engine *e);

// ---- by the log --------------------------------------------------------------------------------------------------------------

// Something of this stripe, whose lease is held, was logged in this epoch.
void await_logged(struct engine *e, uint32_t stripe, uint64_t epoch);
// On the log's thread, or before it runs: what was logged in this epoch or before is durable.
void await_advanced(struct engine *e, uint64_t epoch);
void await_failing(struct engine *e, enum await_state state); // any thread
// Any thread: whether anything waits at all. What waits at the moment goes on to, until it is durable by whatever the log means by it now.
void await_set(struct engine *e, bool waits);

// ---- by who waits ------------------------------------------------------------------------------------------------------------

enum await { AWAIT_YES, AWAIT_NOT_YET, AWAIT_NEVER };
enum await await_is(const struct engine *e, uint64_t need, bool owes); // any thread

// On the shard's thread, when `need` is not durable yet: `done` is called there, later, in the order of `need`.
void await_hold(struct shard *s, struct await_waiter *w);
void await_forget(struct await_waiter *w); // it need not wait any more, if it does
// Host threads: KORA_OK, or KORA_READONLY: never.
int await_durable(struct engine *e, uint64_t need, bool owes);

#endif
