// Tasks: how a call gets its leases, runs, and lets them go.
//
// A call about several stripes tries all of them in ascending order. On a busy one it spins for some microseconds with what it has, then
// lets go of everything, waits there and starts again, so that it never makes others wait long for what it is waiting for. After HOLD_AFTER
// rounds it takes them in the same order and keeps them, and the lease that it waits for is then handed to it: ascending order, so no
// deadlock, and no starvation.
// With all of them held it runs once, and lets go: conservative two-phase locking makes calls strictly serializable.
#include "base/clock.h"
#include "base/mem.h"
#include "call/multi.h"
#include "engine/block.h"
#include "engine/durable.h"
#include "engine/exec.h"
#include "engine/room.h"
#include "engine/scatter.h"
#include "kora.h"

// memset as a call: gcc makes `rep stos` of one whose size it knows, which takes as long as many a command does.
static void zero(void *p, size_t n) {
    __asm__("" : "+r"(n));
    memset(p, 0, n);
}

void task_init(struct task *t, struct engine *e, struct shard *home) {
    zero(&t->call, offsetof(struct call, keys_inline));
    zero(&t->engine, offsetof(struct task, stripes_inline) - offsetof(struct task, engine));
    t->scatter = NULL;
    atomic_init(&t->scattered, 0);
    t->engine = e;
    t->home = home;
    t->call.host = &e->host;
    t->call.stat = home ? &e->host.stat->slots[home->id] : stats_host_slot(e->host.stat, (uintptr_t)&thread_state);
    t->call.txn.common = &e->common;
    t->call.keys = t->call.keys_inline;
    t->stripes = t->stripes_inline;
}

void task_release(struct task *t) {
    call_release_keys(&t->call);
    if (unlikely(t->call.block_state)) mem_free(t->call.block_state);
    t->call.block_state = NULL;
    if (unlikely(t->filler)) exec_free_filler(t); // closing: it did not come to that
    if (t->stripes != t->stripes_inline) mem_free(t->stripes);
    t->stripes = t->stripes_inline;
    t->stripe_count = t->held = t->tries = 0;
    t->keep = t->baton = t->parked = t->unwanted = false;
}

// ---- which stripes -----------------------------------------------------------------------------------------------------

static bool reserve_stripes(struct task *t, uint32_t n) {
    if (n <= TASK_STRIPES_INLINE) return true;
    uint32_t *more = mem_alloc(n * sizeof *more);
    if (!more) return false;
    t->stripes = more;
    return true;
}

static bool plan_each(struct task *t) {
    uint32_t n = t->engine->common.stripe_count;
    if (!reserve_stripes(t, n)) return false;
    for (uint32_t i = 0; i < n; i++) t->stripes[i] = i;
    t->stripe_count = n;
    return true;
}

// False: as plan_keys.
static bool plan_all(struct task *t) {
    if (!t->call.key_count && !call_find_keys(&t->call)) return false;
    if (plan_each(t)) return true;
    reply_no_memory(&t->call);
    return false;
}

// Those of a set, `count` of them at most: sorted, and each one once.
static bool plan_set(struct task *t, const struct stripe_set *set, uint32_t count) {
    if (!reserve_stripes(t, MIN(count, t->engine->common.stripe_count))) return false;
    uint32_t words = (t->engine->common.stripe_count + 63) / 64;
    for (uint32_t w = 0; w < words; w++) {
        for (uint64_t bits = set->bits[w]; bits; bits &= bits - 1) t->stripes[t->stripe_count++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return true;
}

static void set_clear(struct stripe_set *set, const struct engine *e) { memset(set->bits, 0, (e->common.stripe_count + 63) / 64 * sizeof set->bits[0]); }

static bool plan_stripes(struct task *t, const struct key *keys, uint32_t count) {
    if (likely(count == 1)) {
        t->stripes[0] = keys[0].stripe_number;
        t->stripe_count = 1;
        return true;
    }
    struct stripe_set named;
    set_clear(&named, t->engine);
    for (uint32_t i = 0; i < count; i++) stripe_set_add(&named, keys[i].stripe_number);
    return plan_set(t, &named, count);
}

// False: no memory, and the reply says so.
static bool plan_keys(struct task *t) {
    struct call *c = &t->call;
    if (!c->key_count && !call_find_keys(c)) return false;
    if (likely(plan_stripes(t, c->keys, c->key_count))) return true;
    reply_no_memory(c);
    return false;
}

// False: no memory, the reply says so.
static bool plan_exec(struct task *t) {
    struct stripe_set named;
    set_clear(&named, t->engine);
    uint32_t count;
    bool planned = exec_prepare(t, &named, &count);
    if (planned && count == EXEC_ALL) planned = plan_all(t);
    else if (planned && !plan_set(t, &named, count)) planned = false, reply_no_memory(&t->call);
    if (!planned) exec_abandon(t);
    return planned;
}

// ---- leases ------------------------------------------------------------------------------------------------------------

enum acquired { ACQUIRED, PARKED, CLOSED };

static struct lease *lease_at(struct task *t, uint32_t i) { return &t->engine->leases[t->stripes[i]]; }

static void release_all(struct task *t) {
    // From here on others may run; the task itself is not touched by them.
    uint32_t n = t->held;
    t->held = 0;
    for (uint32_t i = 0; i < n; i++) lease_release(lease_at(t, i));
}

static void wake_task(struct waiter *w, enum lease_wake how) {
    struct task *t = CONTAINER_OF(w, struct task, waiter);
    t->woken = how;
    shard_post(t->home, &t->message);
}

static void resume_task(struct shard *s, struct message *m);

static void set_parked(struct task *t) {
    if (t->parked) return;
    t->parked = true;
    atomic_fetch_add(&t->engine->parked_tasks, 1);
}

static void park(struct task *t, uint32_t busy) {
    struct engine *e = t->engine;
    // It was told to try at another stripe, took nothing there, and now goes to sleep here: others may wait there.
    bool owes = t->baton && t->baton_at != busy;
    uint32_t owed = t->baton_at;
    t->baton = false;
    t->baton_at = busy;
    // Also if it holds none yet: two calls that are only told to try could miss each other for ever.
    t->waiter.keeps = t->keep;
    t->waiter.wake = wake_task;
    t->message.run = resume_task;
    t->next = NULL; // by the time this one runs it may be gone
    set_parked(t);
    count_up(&t->home->counters.parked);
    lease_park(&e->leases[busy], &t->waiter); // from here on the task is not ours
    if (owes) {
        lease_took(LEASE_PATH_BATON_PASSED);
        if (LEASE_CHECK(4)) lease_look(&e->leases[owed]);
    }
}

// What the task before has left to its shard: this one's, or let go before others are waited for.
static void take_carried(struct task *t) {
    struct shard *s = t->home;
    if (t->stripe_count == 1 && t->stripes[0] + 1 == s->carried) {
        s->carried = 0;
        t->held = 1;
        t->follows = true;
        lease_took(LEASE_PATH_CARRIED);
    } else {
        task_carry_end(s);
    }
}

static enum acquired acquire(struct task *t) {
    if (t->home && t->home->carried) take_carried(t);
    for (;;) {
        while (t->held < t->stripe_count && lease_try(lease_at(t, t->held))) t->held++;
        if (likely(t->held == t->stripe_count)) {
            t->baton = false; // what is held now is looked after when it is let go
            return ACQUIRED;
        }
        lease_took(LEASE_PATH_TRY_FAILED);
        uint32_t at = t->held, busy = t->stripes[at];
        // What it has it keeps while it spins: in ascending order that is safe, and whoever holds the busy one is about to let it go.
        if (lease_spin(lease_at(t, at), t->stripe_count > 1 ? SPINS_OF_SEVERAL : SPINS_OF_ONE)) {
            t->held++;
            continue;
        }
        if (++t->tries > HOLD_AFTER && !t->keep) {
            t->keep = true;
            lease_took(LEASE_PATH_KEPT);
        }
        if (!t->keep && t->held > 0) {
            release_all(t);
            lease_took(LEASE_PATH_RESTARTED);
        }
        if (t->home) {
            park(t, busy);
            return PARKED;
        }
        if (!lease_wait(&t->engine->leases[busy])) {
            release_all(t);
            return CLOSED;
        }
        if (t->held == at) t->held++; // it comes next in order
        else lease_release(&t->engine->leases[busy]);
    }
}

// ---- running -----------------------------------------------------------------------------------------------------------

#ifdef KORA_DEBUG
static void hold(struct task *t, uint64_t from, uint64_t to) {
    for (uint32_t i = 0; i < t->held; i++) {
        uint64_t was = atomic_exchange(&t->engine->common.stripes[t->stripes[i]].holder, to);
        invariant(was == from);
    }
}
#else
static void hold(struct task *t, uint64_t from, uint64_t to) { (void)t, (void)from, (void)to; }
#endif

// The first of several tasks about one key's items: while one is looked up, what the others need is on its way.
static void look_ahead(const struct task *first) {
    enum { AHEAD = 32 };
    struct slice names[AHEAD];
    size_t n = 0;
    for (const struct task *t = first; t && n < AHEAD; t = t->next) {
        const struct call *c = &t->call;
        if (!(c->cmd->flags & (CMD_ITEM | CMD_LAST_ITEM)) || c->keys[0].hash != first->call.keys[0].hash) continue;
        names[n++] = c->argv[c->cmd->flags & CMD_ITEM ? 2 : c->argc - 1];
    }
    if (n > 1) key_prefetch_items(first->call.keys, names, n);
}

// It is counted at its first key's stripe, which is one of them.
static void count_joined(const struct task *t) {
    lease_took(LEASE_PATH_MULTI_CALLS);
    const struct stripe *counted = t->call.key_count ? t->call.keys[0].stripe : &t->engine->common.stripes[0];
    for (uint32_t i = 0; i < t->stripe_count; i++) {
        struct stripe *s = &t->engine->common.stripes[t->stripes[i]];
        if (s != counted) count_up(&s->counters.joined);
    }
}

static void join_cut(struct task *t) {
    struct common *c = &t->engine->common;
    uint64_t cut = common_cut(c);
    for (uint32_t i = 0; i < t->held; i++) stripe_join(&c->stripes[t->stripes[i]], cut);
}

// Its answer waits for what was logged of its stripes; but channels have leases, and no data.
static __attribute__((noinline)) void note_stripes(struct task *t) {
    if (t->call.cmd->flags & CMD_PUBSUB) return;
    t->call.txn.stripes = t->stripes;
    t->call.txn.stripe_count = t->held;
}

// DBSIZE: it has looked at all stripes, without their leases.
static __attribute__((noinline)) void note_all(struct task *t) {
    struct call *c = &t->call;
    for (uint32_t i = 0; i < t->engine->common.stripe_count; i++) c->need = MAX(c->need, stripes_need(&t->engine->common, &i, 1, false));
}

static void execute(struct task *t) {
    struct call *c = &t->call;
    struct engine *e = t->engine;
    lease_took(LEASE_PATH_CALLS);
    if (t->stripe_count > 1) count_joined(t);
    hold(t, 0, (uint64_t)(uintptr_t)t);
    join_cut(t);
    txn_begin(&c->txn, &e->common);
    if (txn_waits(&e->common)) note_stripes(t);
    if (c->session->no_touch) c->txn.flags |= TXN_NO_TOUCH;
    if (c->cmd->route == ROUTE_WALK) {
        c->part = t->stripes[0];
        c->stripe = &e->common.stripes[c->part];
        c->walk_on = false;
    }
    if (unlikely(c->cmd->flags & CMD_BLOCKING)) block_before(t);
    if (t->next && !t->follows) {
        look_ahead(t);
        t->home->carried_since_us = c->cmd->flags & CMD_FAST ? 0 : clock_mono_us();
    }
    lease_point();
    call_run(c);
    if (txn_waits(&e->common) && c->cmd->route == ROUTE_NONE && (c->cmd->flags & CMD_READONLY)) note_all(t);
    if (unlikely(c->cmd->route == ROUTE_ALL || c->cmd->route == ROUTE_EXEC) && t->held == e->common.stripe_count) engine_drop_garbage(e);
    lease_point();
    hold(t, (uint64_t)(uintptr_t)t, 0);
}

// Somebody waits for a key that may have been changed.
static bool somebody_waits(const struct task *t) {
    for (uint32_t i = 0; i < t->held; i++) {
        if (t->engine->common.stripes[t->stripes[i]].waiting.ready) return true;
    }
    return false;
}

// After execute, the leases still held. True: the call sleeps now.
static bool settle(struct task *t) {
    bool sleeps = t->call.blocks && block_begin(t);
    if (!sleeps) block_over(t);
    if (somebody_waits(t)) block_serve(t);
    return sleeps;
}

static void release_stripe_and_tell(struct engine *e, uint32_t stripe) {
    struct stripe *s = &e->common.stripes[stripe];
    if (LEASE_CHECK(7)) stripe_changed(s);
    struct stripe_news news = stripe_news(s);
    lease_release(&e->leases[stripe]);
    engine_tell_home(e, s, news);
}

// The stripes that a write has been to: what their homes should know.
static void release_and_tell(struct task *t) {
    struct engine *e = t->engine;
    uint32_t n = t->held;
    if (likely(n == 1)) {
        t->held = 0;
        release_stripe_and_tell(e, t->stripes[0]);
        return;
    }
    uint64_t compact[STRIPES_MAX / 64]; // by place in t->stripes
    memset(compact, 0, (n + 63) / 64 * sizeof compact[0]);
    for (uint32_t i = 0; i < n; i++) {
        struct stripe *s = &e->common.stripes[t->stripes[i]];
        if (LEASE_CHECK(7)) stripe_changed(s);
        compact[i / 64] |= (uint64_t)stripe_news(s).compact << i % 64;
    }
    release_all(t);
    for (uint32_t i = 0; !LEASE_CHECK(7) && i < n; i++) stripe_changed(&e->common.stripes[t->stripes[i]]);
    for (uint32_t i = 0; i < n; i++) {
        engine_tell_home(e, &e->common.stripes[t->stripes[i]], (struct stripe_news){ compact[i / 64] >> i % 64 & 1 });
    }
}

void task_carry_end(struct shard *home) {
    if (likely(!home->carried)) return;
    struct engine *e = home->engine;
    uint32_t stripe = home->carried - 1;
    home->carried = 0;
    release_stripe_and_tell(e, stripe);
}

// It takes its leases from the first on.
static void start_over(struct task *t) {
    t->tries = 0;
    t->keep = false;
}

// A walk lets the other connections of its shard have their turn.
static void yield(struct task *t) {
    set_parked(t);
    t->baton_at = t->stripes[0]; // as if it had been told to try there
    t->woken = LEASE_TRY_AGAIN;
    t->message.run = resume_task;
    shard_post(t->home, &t->message);
}

// Others wait for the lease: a shard's calls, or host threads.
static bool is_wanted(const struct lease *l) {
    return l->fifo || atomic_load_explicit(&l->waiting, memory_order_relaxed) || atomic_load_explicit(&l->word, memory_order_relaxed) == LEASE_HELD_SLEEPERS;
}

// What may take long makes others wait for a while, not for all that is in the pipeline. For one command only would be worse: two shards
// with a hot key would park and wake each other at every command, and get less done than one.
static bool may_carry_on(struct shard *s) {
    int64_t now_us = clock_mono_us();
    if (!s->carried_since_us) s->carried_since_us = now_us;
    return now_us - s->carried_since_us < CARRY_US;
}

// Leaves the lease to the task that comes next. False: this one has to be settled first.
static bool leave_lease(struct task *t) {
    if (t->held != 1 || !t->home || t->call.cmd->route != ROUTE_KEYS || (t->call.cmd->flags & CMD_BLOCKING) || somebody_waits(t)) return false;
    if (!(t->call.cmd->flags & CMD_FAST) && is_wanted(lease_at(t, 0)) && !may_carry_on(t->home)) return false;
    t->home->carried = t->stripes[0] + 1;
    t->held = 0;
    return true;
}

// ---- the gate --------------------------------------------------------------------------------------------------------------

static bool is_to_write(const struct task *t) {
    const struct call *c = &t->call;
    if (c->cmd->route != ROUTE_EXEC) return c->cmd->flags & CMD_WRITE;
    const struct multi *m = c->session->multi;
    return m && m->active && !m->refused && (m->flags & CMD_WRITE);
}

// What others have left to it is told of, too.
static void let_go(struct task *t) {
    if (t->sleeper || t->follows) release_and_tell(t);
    else release_all(t);
    t->follows = false;
}

static void refuse(struct task *t) {
    struct call *c = &t->call;
    bool exec = c->cmd->route == ROUTE_EXEC;
    c->blocks = false;
    block_over(t); // if it has slept, this was its turn
    if (somebody_waits(t)) block_serve(t);
    let_go(t);
    call_rejected(c, c->cmd);
    gate_refuse(t->engine, c, exec ? "EXECABORT Transaction discarded because of: " : "");
    if (exec) exec_abandon(t);
    if (t->sleeper) block_end(t);
    t->status = KORA_OK;
}

// With all leases held. GATE_OPEN: they still are. Else none is: GATE_WAIT, it is parked (a shard's), or may try again; GATE_REFUSED: it is answered.
static enum log_gate pass_gate(struct task *t) {
    uint32_t turn;
    enum log_gate gate = gate_ask(t->engine, t->stripes, t->held, &turn);
    if (likely(gate == GATE_OPEN)) return gate;
    if (gate == GATE_REFUSED) {
        refuse(t);
        return gate;
    }
    let_go(t);
    start_over(t);
    t->next = NULL; // by the time this one runs it may be gone
    if (t->home) {
        set_parked(t);
        t->baton_at = t->stripes[0]; // as if it had been told to try there
        t->waiter.keeps = false;
        t->waiter.wake = wake_task;
        t->message.run = resume_task;
        gate_park(t->engine, &t->waiter, turn); // from here on the task is not ours
    } else {
        gate_sleep(t->engine, turn);
    }
    return gate;
}

// True: done. False: parked.
static bool advance(struct task *t) {
    int64_t until_us = 0; // of a walk on a shard
    for (;;) {
        switch (acquire(t)) {
        case PARKED: return false;
        case CLOSED:
            t->status = KORA_CLOSED;
            block_end(t);
            return true;
        case ACQUIRED: break;
        }
        if (t->engine->log && is_to_write(t)) {
            bool on_shard = t->home != NULL; // if it waits, it is not ours any more
            enum log_gate gate = pass_gate(t);
            if (gate == GATE_REFUSED) return true;
            if (gate == GATE_WAIT && on_shard) return false;
            if (gate == GATE_WAIT) continue;
        }
        execute(t);
        bool sleeps = false;
        if (t->next && leave_lease(t)) {
            t->status = KORA_OK;
            return true;
        }
        // Who was left the lease answers for those before it, too.
        if ((t->call.cmd->flags & (CMD_WRITE | CMD_BLOCKING)) || unlikely(t->follows || t->call.txn.expired || t->call.changed)) {
            sleeps = settle(t);
            if (sleeps) t->next = NULL; // by the time this one runs again it may be gone
            if (sleeps && t->home) set_parked(t); // while it still is ours
            release_and_tell(t);
        } else {
            release_all(t);
        }
        if (unlikely(sleeps)) {
            if (t->home) return false;
            if (block_wait(t)) return true;
            start_over(t);
            continue;
        }
        if (unlikely(t->sleeper)) block_end(t);
        t->status = KORA_OK;
        if (unlikely(t->filler)) return exec_fill(t, set_parked);
        if (likely(t->call.cmd->route != ROUTE_WALK || !t->call.walk_on)) return true;
        t->stripes[0] = t->call.walk_next;
        start_over(t);
        if (!t->home) continue;
        int64_t now_us = clock_mono_us();
        if (!until_us) until_us = now_us + YIELD_AFTER_US;
        if (now_us < until_us) continue;
        yield(t);
        return false;
    }
}

static void resume_task(struct shard *s, struct message *m) {
    (void)s;
    struct task *t = CONTAINER_OF(m, struct task, message);
    bool over = false;
    lease_took(LEASE_PATH_WOKEN);
    switch (t->woken) {
    case LEASE_HANDED: t->held++; break;
    case LEASE_TRY_AGAIN: t->baton = true; break;
    case LEASE_GONE:
        release_all(t);
        t->status = KORA_CLOSED;
        over = true;
        break;
    }
    if (!over && !advance(t)) return;
    if (unlikely(t->sleeper)) block_end(t);
    task_finish(t);
}

void task_finish(struct task *t) {
    atomic_fetch_sub(&t->engine->parked_tasks, 1);
    t->done(t);
}

void task_go_on(struct task *t) {
    start_over(t);
    if (!advance(t)) return;
    if (t->sleeper) block_end(t);
    task_finish(t);
}

bool task_run(struct task *t) {
    struct call *c = &t->call;
    bool planned = true;
    t->status = KORA_OK;
    if (account_full(&t->engine->common) && room_refuses(t)) return true;
    switch (c->cmd->route) {
    case ROUTE_KEYS: planned = plan_keys(t); break;
    case ROUTE_ALL: planned = plan_all(t); break;
    case ROUTE_EXEC: planned = plan_exec(t); break;
    case ROUTE_WALK:
        if (!walk_start(c, &t->stripes[0])) {
            call_count(c, 0);
            return true;
        }
        t->stripe_count = 1;
        break;
    case ROUTE_SCATTER:
    case ROUTE_SHARDS: return scatter_run(t);
    case ROUTE_NONE: break;
    }
    return !planned || advance(t);
}

// ---- typed calls -------------------------------------------------------------------------------------------------------

// With the leases held. Not KORA_OK: none is.
static int wait_to_write(struct task *t) {
    for (;;) {
        uint32_t turn;
        enum log_gate gate = gate_ask(t->engine, t->stripes, t->held, &turn);
        if (likely(gate == GATE_OPEN)) return KORA_OK;
        release_all(t);
        if (gate == GATE_REFUSED) return KORA_READONLY;
        gate_sleep(t->engine, turn);
        start_over(t);
        if (acquire(t) == CLOSED) return KORA_CLOSED;
    }
}

int task_lease_keys(struct task *t, struct engine *e, const struct key *keys, uint32_t count, bool to_write) {
    task_init(t, e, NULL);
    int status = plan_stripes(t, keys, count) ? KORA_OK : KORA_NOMEM;
    if (status == KORA_OK && acquire(t) == CLOSED) status = KORA_CLOSED;
    if (status == KORA_OK && to_write && e->log) status = wait_to_write(t);
    if (status == KORA_OK) join_cut(t);
    else task_release(t);
    return status;
}

void task_unlease_keys(struct task *t, bool written) {
    if (written && somebody_waits(t)) block_serve(t);
    if (written) release_and_tell(t);
    else release_all(t);
    task_release(t);
}
