// Gates: who is inside, so that kora_close knows when it may free what they use.
//
// A thread says "inside" by a plain store to its own gate, then looks whether the database is closing. Nothing keeps the processor from
// doing the second before others see the first; instead, kora_close sets `state` and then has the kernel run a full barrier on every
// thread of the process (membarrier): after it, each thread either has seen `state`, or is seen inside.
//
// A gate is found by the thread's id, and remembered per thread. It stays its owner's until the database is closed, or until the owner
// has ended and another thread needs one. When all belong to living threads, the others share one by atomic increments.
#include <errno.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/api_int.h"

static int barrier(int command) { return (int)syscall(SYS_membarrier, command, 0, 0); }

bool gates_init(void) { return barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0; }

static bool thread_has_ended(uint32_t tid) {
    return syscall(SYS_tgkill, getpid(), (pid_t)tid, 0) != 0 && errno == ESRCH;
}

static struct gate *gate_of(struct database *d, uint32_t tid) {
    for (uint32_t i = 0; i < GATES; i++) {
        struct gate *g = &d->gates[(tid + i) % GATES];
        uint32_t owner = atomic_load(&g->owner);
        if (owner == tid) return g;
        if (!owner) return NULL; // a gate that was given once is never nobody's again
    }
    return NULL;
}

static struct gate *claim_gate(struct database *d, uint32_t tid) {
    for (uint32_t i = 0; i < GATES; i++) {
        struct gate *g = &d->gates[(tid + i) % GATES];
        uint32_t owner = atomic_load(&g->owner);
        if (owner && !thread_has_ended(owner)) continue;
        if (atomic_compare_exchange_strong(&g->owner, &owner, tid)) return g;
    }
    return NULL;
}

void gate_find(kora *db, bool claim) {
    struct thread_state *t = &thread_state;
    int saved = errno;
    uint32_t tid = (uint32_t)syscall(SYS_gettid); // not remembered: a child has another one than its parent, whose memory it has
    t->gate = gate_of(db->owner, tid);
    // A call from inside a callback may be within one of the same thread that has passed the shared gate.
    if (!t->gate && claim && !engine_must_not_wait()) t->gate = claim_gate(db->owner, tid);
    t->database = db->id;
    errno = saved;
}

int api_not_open(kora *db) {
    uint32_t state = atomic_load(&db->engine->state);
    gate_leave(db);
    return state == ENGINE_CLOSING || state == ENGINE_NOT_LOADED ? KORA_CLOSED : KORA_LOADING;
}

int api_enter_loading_any(kora *db) {
    if (!db) return KORA_INVAL;
    if (!*db->alive) return KORA_MISUSE;
    gate_enter(db);
    if (atomic_load(&db->engine->state) != ENGINE_CLOSING) return KORA_OK;
    gate_leave(db);
    return KORA_CLOSED;
}

int api_enter_loading(kora *db) { return engine_must_not_wait() ? KORA_MISUSE : api_enter_loading_any(db); }

void gates_wait(struct database *d) {
    barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    for (uint32_t i = 0; i <= GATES; i++) {
        struct gate *g = i < GATES ? &d->gates[i] : &d->shared_gate;
        while (atomic_load(&g->inside)) nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    }
}
