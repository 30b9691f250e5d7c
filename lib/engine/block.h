// Blocking commands: calls that wait for their keys (stripe/wait.h) and not for a lease.
#ifndef KORA_ENGINE_BLOCK_H
#define KORA_ENGINE_BLOCK_H

#include "engine/engine.h"

// Around a run of a call that may block or change something, all leases held.
// Before: what it is to do (call->pass).
void block_before(struct task *t);
// After it has said call_block: it sleeps from now on. The task is not the caller's once the leases are let go. False: no memory, the reply says so.
bool block_begin(struct task *t);
// After it has not: if it slept before (it ran because it was its turn), it is awake now.
void block_over(struct task *t);

// Serves whoever can go on because of what this task has changed, and whoever can because of that, ... Takes further leases only if they are free, and
// lets go of these.
void block_serve(struct task *t);

// A host thread's call, asleep: waits. True: it is answered, or has given up: its reply is written. False: it is its turn: it must be run again.
bool block_wait(struct task *t);
// Its sleep is over for good: takes it off its lists. On home's thread, no lease held.
void block_end(struct task *t);

// The stripe's lease is held for the last time: everybody who sleeps there is told so.
void block_close(struct engine *e, struct stripe *s);

#endif
