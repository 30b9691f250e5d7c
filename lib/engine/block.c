// Calls that wait for their keys.
//
// A call that finds nothing puts itself on the lists of its keys while it holds their leases, so no change can come in between. Whoever changes a key
// serves its list before he lets the leases go: the handler of the call that waits is run again, for that one key, with its own argv, transaction and
// reply. So what was pushed and taken is never seen by anybody in between, and the order of the list is the order of service. That is the one case in which a
// thread runs another's call; blocking commands are short, and call nobody back.
//
// A call that needs more than the key's own lease (BLMOVE to another stripe) is served so only if these are free. Else it is its turn: its own thread runs
// it as any other call with several keys, and until it has, nobody behind it on that list is served, and who comes must queue.
//
// State (wait.h) decides who may touch a sleeping task: its home only what block_begin has set up, before it is answered; who has claimed it all else.
#include "engine/block.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "call/effect.h"
#include "kora.h"

enum { LATE = 1 << 8, AGAIN = 1 << 9 }; // beside the state of a sleeper that is claimed, or whose turn it is: give up afterwards; it was wanted elsewhere, too

static uint32_t state_of(uint32_t word) { return word & 0xff; }

static int64_t now_ms(void) { return clock_mono_us() / 1000; }

// ---- telling its thread ------------------------------------------------------------------------------------------------------

static void sleeper_comes(struct shard *shard, struct message *m);

// Nothing of the task may be touched after this by anybody but its thread.
static void tell(struct sleeper *s, struct task *t, uint32_t state) {
    struct shard *home = t->home;
    t->message.run = sleeper_comes;
    if (home) {
        atomic_store(&s->state, state);
        shard_post(home, &t->message);
        return;
    }
    _Atomic uint32_t *word = &s->state; // the sleeper lives on until its last record is off its list: a reference is ours
    atomic_fetch_add(&s->refs, 1);
    atomic_store(word, state);
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    sleeper_unref(s);
}

static bool claim(struct sleeper *s) {
    uint32_t was = SLEEPER_WAITING;
    if (atomic_compare_exchange_strong(&s->state, &was, SLEEPER_CLAIMED)) return true;
    // Somebody else is serving it at another key: if he has nothing for it, it must look here itself.
    while ((state_of(was) == SLEEPER_CLAIMED) && !atomic_compare_exchange_weak(&s->state, &was, was | AGAIN)) { }
    return false;
}

// There was nothing for it.
static void unclaim(struct sleeper *s, struct task *t) {
    uint32_t was = SLEEPER_CLAIMED;
    if (atomic_compare_exchange_strong(&s->state, &was, SLEEPER_WAITING)) return;
    while (!(was & (LATE | AGAIN)) && !atomic_compare_exchange_weak(&s->state, &was, SLEEPER_WAITING)) { }
    if (was & LATE) tell(s, t, SLEEPER_GIVEN_UP);
    else if (was & AGAIN) tell(s, t, SLEEPER_ITS_TURN);
}

// ---- falling asleep, waking up -----------------------------------------------------------------------------------------------

static void arm_deadlines(struct shard *s);

static bool arm_deadline(struct task *t) {
    struct shard *home = t->home;
    if (!t->deadline_ms || !home) return true;
    if (!home->deadlines && !(home->deadlines = wheel_create(now_ms()))) return false;
    wheel_add(home->deadlines, &t->deadline, t->deadline_ms);
    t->has_deadline = true;
    arm_deadlines(home);
    return true;
}

static void disarm_deadline(struct task *t) {
    if (!t->has_deadline) return;
    invariant(t->home != NULL); // others have none
    t->has_deadline = false;
    wheel_remove(t->home->deadlines, &t->deadline);
    if (wheel_count(t->home->deadlines) == 0 && !uv_is_closing((uv_handle_t *)&t->home->deadline_timer)) uv_timer_stop(&t->home->deadline_timer);
}

void block_before(struct task *t) {
    struct call *c = &t->call;
    c->blocks = false;
    c->pass = CALL_TRY;
    if (t->sleeper) return; // it is its turn
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (c->keys[i].stripe->waiting.count && waiting_has_turn(&c->keys[i])) c->pass = CALL_QUEUE;
    }
}

// Those that wait behind it may come next.
static void end_turn(struct task *t) {
    struct sleeper *s = t->sleeper;
    for (uint32_t i = 0; i < s->count; i++) {
        struct wait_list *l = s->records[i].list;
        if (!l) continue;
        if (l->turn == s) l->turn = NULL;
        waiting_ready_list(l);
    }
}

bool block_begin(struct task *t) {
    struct call *c = &t->call;
    if (t->sleeper) { // it had its turn, in vain
        end_turn(t);
        uint32_t was = SLEEPER_ITS_TURN;
        if (!atomic_compare_exchange_strong(&t->sleeper->state, &was, SLEEPER_WAITING)) tell(t->sleeper, t, SLEEPER_GIVEN_UP); // LATE
        return true;
    }
    if (t->unwanted) {
        c->blocks = false;
        return false;
    }
    struct sleeper *s = sleeper_create(c->block_keys);
    if (s) {
        s->owner = t;
        s->command = c->cmd;
        t->deadline_ms = c->block_ms ? now_ms() + c->block_ms : 0;
        if (arm_deadline(t) && waiting_add(s, c->keys)) {
            t->sleeper = s;
            atomic_fetch_add(&t->engine->sleepers, 1);
            if (t->deadline_ms) atomic_fetch_add(&t->engine->timed_sleepers, 1);
            return true;
        }
        disarm_deadline(t);
        sleeper_unref(s);
    }
    c->blocks = false;
    reply_no_memory(c);
    return false;
}

// Takes its records off the lists whose leases are held (`held` NULL: all are).
static void leave_lists(struct sleeper *s, const struct key *keys, bool (*held)(const void *arg, uint32_t stripe), const void *arg) {
    for (uint32_t i = 0; i < s->count; i++) {
        if (!held || held(arg, keys[i].stripe_number)) waiting_remove(&s->records[i]);
    }
}

void block_over(struct task *t) {
    if (!t->sleeper) return;
    end_turn(t);
    leave_lists(t->sleeper, t->call.keys, NULL, NULL);
}

void block_end(struct task *t) {
    struct sleeper *s = t->sleeper;
    if (!s) return;
    atomic_store(&s->state, SLEEPER_ANSWERED); // dead, wherever a record of it is left
    for (uint32_t i = 0; i < s->count && atomic_load(&s->refs) > 1; i++) {
        struct lease *l = &t->engine->leases[t->call.keys[i].stripe_number];
        if (!(t->home ? lease_try(l) : lease_wait(l))) continue; // what stays there is taken off by who comes by
        struct wait_list *list = s->records[i].list;
        if (list && list->turn == s) list->turn = NULL;
        waiting_remove(&s->records[i]);
        lease_release(l);
    }
    disarm_deadline(t);
    t->sleeper = NULL;
    atomic_fetch_sub(&t->engine->sleepers, 1);
    if (t->deadline_ms) atomic_fetch_sub(&t->engine->timed_sleepers, 1);
    sleeper_unref(s);
}

// ---- giving up ----------------------------------------------------------------------------------------------------------------

enum gives_up { GIVES_UP, GIVES_UP_LATER /* whoever has it at the moment will see to it */, IS_AWAKE };

// Time is over, or nobody wants the answer. On its own thread.
static enum gives_up give_up(struct sleeper *s) {
    uint32_t was = atomic_load(&s->state);
    for (;;) {
        switch (state_of(was)) {
        case SLEEPER_WAITING:
            if (atomic_compare_exchange_weak(&s->state, &was, SLEEPER_GIVEN_UP)) return GIVES_UP;
            break;
        case SLEEPER_CLAIMED:
        case SLEEPER_ITS_TURN:
            if ((was & LATE) || atomic_compare_exchange_weak(&s->state, &was, was | LATE)) return GIVES_UP_LATER;
            break;
        default: return IS_AWAKE;
        }
    }
}

static enum gives_up stop_sleeping(struct task *t) {
    enum gives_up how = t->sleeper ? give_up(t->sleeper) : IS_AWAKE;
    if (how != GIVES_UP) return how;
    t->message.run = sleeper_comes;
    shard_post(t->home, &t->message);
    return how;
}

bool task_unblock(struct task *t, bool with_error) {
    bool before = t->fails;
    t->fails = with_error; // read by this thread alone, once it has given up
    if (stop_sleeping(t) != IS_AWAKE) return true;
    t->fails = before;
    return false;
}

void task_give_up(struct task *t) {
    t->unwanted = true; // it may not sleep yet, but wait for a lease
    stop_sleeping(t);
}

static void on_deadline(uv_timer_t *timer) {
    struct shard *s = timer->data;
    bool again = true;
    while (again) {
        again = false;
        struct wheel_node *n = wheel_pop(s->deadlines, now_ms(), &again);
        if (!n) continue;
        again = true;
        struct task *t = CONTAINER_OF(n, struct task, deadline);
        t->has_deadline = false;
        stop_sleeping(t);
    }
    arm_deadlines(s);
}

static void arm_deadlines(struct shard *s) {
    int64_t next = wheel_next(s->deadlines), now = now_ms();
    if (next == INT64_MAX || uv_is_closing((uv_handle_t *)&s->deadline_timer)) return;
    uv_update_time(&s->loop);
    uv_timer_start(&s->deadline_timer, on_deadline, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void write_timed_out(struct task *t) {
    struct call *c = &t->call;
    c->pass = CALL_TIMED_OUT;
    c->blocks = false;
    txn_begin(&c->txn, &t->engine->common);
    if (t->fails) reply_error(c, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else call_run(c);
}

// A message about a task that sleeps has come to its home.
static void sleeper_comes(struct shard *shard, struct message *m) {
    (void)shard;
    struct task *t = CONTAINER_OF(m, struct task, message);
    switch (state_of(atomic_load(&t->sleeper->state))) {
    case SLEEPER_ITS_TURN: task_go_on(t); return;
    case SLEEPER_GIVEN_UP: write_timed_out(t); break;
    default: break;
    }
    block_end(t);
    task_finish(t);
}

bool block_wait(struct task *t) {
    struct sleeper *s = t->sleeper;
    for (;;) {
        uint32_t word = atomic_load(&s->state);
        int64_t left = t->deadline_ms ? t->deadline_ms - now_ms() : INT64_MAX;
        switch (state_of(word)) {
        case SLEEPER_ITS_TURN: return false;
        case SLEEPER_ANSWERED: block_end(t); return true;
        case SLEEPER_GIVEN_UP:
            write_timed_out(t);
            block_end(t);
            return true;
        default: break;
        }
        if (left <= 0 && !(word & LATE)) {
            give_up(s);
            continue;
        }
        struct timespec wait = { (time_t)(left / 1000), (long)(left % 1000) * 1000000 };
        syscall(SYS_futex, &s->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, word, t->deadline_ms && left > 0 ? &wait : NULL, NULL, 0);
    }
}

// ---- serving ------------------------------------------------------------------------------------------------------------------

enum { EXTRA_MAX = 16 };

struct server {
    struct task *task;              // whose leases are held
    uint32_t extra[EXTRA_MAX];      // and these, besides
    uint32_t extras;
};

static bool holds(const void *server, uint32_t stripe) {
    const struct server *v = server;
    const struct task *t = v->task;
    if (t->held == t->engine->common.stripe_count) return true;
    for (uint32_t i = 0; i < t->held; i++) {
        if (t->stripes[i] == stripe) return true;
    }
    for (uint32_t i = 0; i < v->extras; i++) {
        if (v->extra[i] == stripe) return true;
    }
    return false;
}

// Takes the leases of all its keys, if they are free: no waiting, so no deadlock.
static bool hold_all(struct server *v, const struct call *c) {
    struct engine *e = v->task->engine;
    uint32_t before = v->extras;
    for (uint32_t i = 0; i < c->key_count; i++) {
        uint32_t stripe = c->keys[i].stripe_number;
        if (holds(v, stripe)) continue;
        if (v->extras < EXTRA_MAX && lease_try(&e->leases[stripe])) {
            v->extra[v->extras++] = stripe;
            continue;
        }
        while (v->extras > before) lease_release(&e->leases[v->extra[--v->extras]]);
        return false;
    }
    return true;
}

static void run_for(struct task *w, uint32_t key) {
    struct call *c = &w->call;
    lease_point();
    txn_begin(&c->txn, &w->engine->common);
    if (txn_waits(&w->engine->common)) { // all of its stripes are held, or that of the key alone
        bool all = c->block_keys < c->key_count;
        c->txn.stripes = all ? w->stripes : &c->keys[key].stripe_number;
        c->txn.stripe_count = all ? w->stripe_count : 1;
    }
    if (c->session->no_touch) c->txn.flags |= TXN_NO_TOUCH;
    c->blocks = false;
    c->pass = CALL_SERVED;
    c->served = key;
    call_run(c);
}

enum served { GONE /* its record is off the list */, PASSED, NOTHING_FOR_IT, NOT_NOW };

static enum served serve_one(struct server *v, struct wait_record *r) {
    struct sleeper *s = r->sleeper;
    if (!claim(s)) {
        uint32_t state = state_of(atomic_load(&s->state));
        if (state == SLEEPER_ITS_TURN) {
            r->list->turn = s;
            return NOT_NOW;
        }
        if (state != SLEEPER_ANSWERED && state != SLEEPER_GIVEN_UP) return PASSED;
        waiting_remove(r);
        return GONE;
    }
    struct task *w = s->owner;
    struct call *c = &w->call;
    if (c->block_keys < c->key_count && !hold_all(v, c)) {
        r->list->turn = s;
        lease_took(LEASE_PATH_TURN);
        tell(s, w, SLEEPER_ITS_TURN);
        return NOT_NOW;
    }
    run_for(w, r->key);
    if (c->blocks) {
        unclaim(s, w);
        return NOTHING_FOR_IT;
    }
    lease_took(LEASE_PATH_SERVED);
    w->status = KORA_OK;
    leave_lists(s, c->keys, holds, v);
    tell(s, w, SLEEPER_ANSWERED);
    return GONE;
}

// A list has nothing for one call, and so nothing for those behind it that are of its kind; each that reads a stream waits for something of its own.
static bool is_alike(const struct command *a, const struct command *b) {
    return a && strcmp(a->group, b->group) == 0 && strcmp(a->group, "stream") != 0;
}

// Only what is served leaves the list meanwhile, with all its records: so what was passed over is the place to go on from.
static void serve_list(struct server *v, struct wait_list *l) {
    const struct command *in_vain = NULL;
    struct wait_record *passed = NULL;
    for (struct wait_record *r; !l->turn && (r = passed ? passed->next : l->first);) {
        const struct command *command = r->sleeper->command;
        if (is_alike(in_vain, command)) {
            passed = r;
            continue;
        }
        enum served served = serve_one(v, r);
        if (served == NOTHING_FOR_IT) in_vain = command;
        if (served != GONE) passed = r;
    }
}

static bool serve_stripe(struct server *v, uint32_t stripe) {
    bool any = false;
    for (struct wait_list *l; (l = waiting_take(&v->task->engine->common.stripes[stripe])); any = true) {
        serve_list(v, l);
        waiting_done(l);
    }
    return any;
}

static void release_extras(struct server *v) {
    struct engine *e = v->task->engine;
    while (v->extras > 0) {
        struct stripe *s = &e->common.stripes[v->extra[--v->extras]];
        stripe_changed(s);
        struct stripe_news news = stripe_news(s);
        lease_release(&e->leases[s->index]);
        engine_tell_home(e, s, news);
    }
}

void block_serve(struct task *t) {
    struct server v = { .task = t };
    bool any = true;
    while (any) {
        any = false;
        for (uint32_t i = 0; i < t->held; i++) any |= serve_stripe(&v, t->stripes[i]);
        for (uint32_t i = 0; i < v.extras; i++) any |= serve_stripe(&v, v.extra[i]);
    }
    // Who has seen a change in a stripe of this task must find those in the others changed, too: theirs are told here, the task's by itself.
    for (uint32_t i = 0; i < t->held && v.extras; i++) stripe_changed(&t->engine->common.stripes[t->stripes[i]]);
    release_extras(&v);
}

void engine_serve(struct engine *e, const struct stripe *s) {
    struct task t; // stands for the call that holds the lease
    task_init(&t, e, NULL);
    t.stripes[0] = s->index;
    t.stripe_count = t.held = 1;
    block_serve(&t);
}

// ---- the end -------------------------------------------------------------------------------------------------------------------

static void close_list(void *arg, struct wait_list *l) {
    (void)arg;
    for (struct wait_record *r = l->first, *next; r; r = next) {
        next = r->next;
        struct sleeper *s = r->sleeper;
        if (!claim(s)) continue;
        struct task *w = s->owner;
        w->status = KORA_CLOSED;
        tell(s, w, SLEEPER_ANSWERED);
    }
}

void block_close(struct engine *e, struct stripe *s) {
    (void)e;
    waiting_each(s, close_list, NULL);
}
