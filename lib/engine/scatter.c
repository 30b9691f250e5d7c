// Scattered calls. A child is a waiter like any other task, but takes one lease after the other: no stripe is held while another
// one is waited for. The children share nothing but a counter of those that still run.
#include "engine/scatter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kora.h"

struct child {
    struct scatter *scatter;
    struct shard *shard;
    struct message message;
    struct waiter waiter;
    enum lease_wake woken;
    uint32_t next;     // the stripe to visit next
    uint32_t tries;    // at its lease
    int status;
    struct call call;
    struct buf buf;
};

struct scatter {
    struct task *parent;
    _Atomic uint32_t running;
    uint32_t count;
    struct message message;
    struct child children[];
};

// ---- the end -----------------------------------------------------------------------------------------------------------

static int worst_status(const struct scatter *s) {
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->children[i].status != KORA_OK) return s->children[i].status;
    }
    return KORA_OK;
}

static void merge_bytes(struct call *c, const struct scatter *s) {
    for (uint32_t i = 0; i < s->count; i++) buf_append(c->reply.buf, s->children[i].buf.p, s->children[i].buf.n);
}

static void merge_text(struct call *c, const struct scatter *s) {
    struct buf all = { 0 };
    for (uint32_t i = 0; i < s->count; i++) buf_append(&all, s->children[i].buf.p, s->children[i].buf.n);
    if (all.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", (struct slice){ all.p, all.n });
    buf_free(&all);
}

static void merge(struct call *c, const struct scatter *s) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct child *k = &s->children[i];
        if (k->buf.failed) {
            reply_no_memory(c);
            return;
        }
        if (k->call.outcome == CALL_ERROR) {
            buf_append(c->reply.buf, k->buf.p, k->buf.n);
            c->outcome = CALL_ERROR;
            return;
        }
        sum += k->call.sum;
    }
    switch (c->cmd->merge) {
    case MERGE_ARRAY:
        reply_array(c, (size_t)sum);
        merge_bytes(c, s);
        break;
    case MERGE_TEXT: merge_text(c, s); break;
    case MERGE_HANDLER:
        c->sum = sum;
        c->part = c->parts = s->count;
        c->cmd->handler(c);
        break;
    case MERGE_NONE: merge_bytes(c, s); break;
    }
}

static void finish(struct task *t) {
    struct scatter *s = t->scatter;
    t->scatter = NULL;
    t->status = worst_status(s);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct call *k = &s->children[i].call;
        t->call.spent_ns += k->spent_ns;
        t->call.need = MAX(t->call.need, k->need);
        t->call.owes |= k->owes;
    }
    if (t->status == KORA_OK) merge(&t->call, s);
    if (t->status == KORA_OK) call_count(&t->call, t->call.spent_ns);
    for (uint32_t i = 0; i < s->count; i++) buf_free(&s->children[i].buf);
    mem_free(s);
}

static void finish_on_shard(struct shard *shard, struct message *m) {
    (void)shard;
    struct task *t = CONTAINER_OF(m, struct scatter, message)->parent;
    finish(t);
    atomic_fetch_sub(&t->engine->parked_tasks, 1);
    t->done(t);
}

static void child_ends(struct child *k, int status) {
    struct scatter *s = k->scatter;
    struct task *t = s->parent;
    k->status = status;
    if (atomic_fetch_sub(&s->running, 1) > 1) return;
    if (t->home) {
        s->message.run = finish_on_shard;
        shard_post(t->home, &s->message);
    } else {
        // The host thread may be gone with its task as soon as it sees the store.
        _Atomic uint32_t *word = &t->scattered;
        atomic_store(word, 1);
        syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    }
}

// ---- the way -----------------------------------------------------------------------------------------------------------

static void child_resumes(struct shard *shard, struct message *m);

static void wake_child(struct waiter *w, enum lease_wake how) {
    struct child *k = CONTAINER_OF(w, struct child, waiter);
    k->woken = how;
    shard_post(k->shard, &k->message);
}

static void visit(struct child *k) {
    struct engine *e = k->scatter->parent->engine;
    struct call *c = &k->call;
    c->part = k->next;
    c->stripe = &e->common.stripes[k->next];
    txn_begin(&c->txn, &e->common);
    if (txn_waits(&e->common)) {
        c->txn.stripes = &c->part;
        c->txn.stripe_count = 1;
    }
    size_t before = k->buf.n;
    call_run(c);
    if (likely(c->outcome == CALL_OK)) return;
    // Its error alone is the reply, once.
    if (before) memmove(k->buf.p, k->buf.p + before, k->buf.n - before);
    k->buf.n -= before;
    k->next = e->common.stripe_count;
}

static void child_walks(struct child *k) {
    struct engine *e = k->scatter->parent->engine;
    int64_t until_us = clock_mono_us() + YIELD_AFTER_US;
    bool held = k->woken == LEASE_HANDED;
    while (k->next < e->common.stripe_count) {
        struct lease *l = &e->leases[k->next];
        if (!held && !lease_try(l)) {
            k->waiter.wake = wake_child;
            k->waiter.keeps = ++k->tries > HOLD_AFTER; // or those who are quicker could keep it from its turn for ever
            k->message.run = child_resumes;
            lease_park(l, &k->waiter);
            return;
        }
        held = false;
        k->tries = 0;
        visit(k);
        lease_release(l);
        if (k->next < e->common.stripe_count) k->next += e->shard_count;
        if (k->next < e->common.stripe_count && clock_mono_us() > until_us) {
            k->message.run = child_resumes;
            k->woken = LEASE_TRY_AGAIN;
            shard_post(k->shard, &k->message);
            return;
        }
    }
    child_ends(k, KORA_OK);
}

static void child_resumes(struct shard *shard, struct message *m) {
    (void)shard;
    struct child *k = CONTAINER_OF(m, struct child, message);
    if (k->woken == LEASE_GONE) child_ends(k, KORA_CLOSED);
    else child_walks(k);
}

static void child_starts(struct shard *shard, struct message *m) {
    struct child *k = CONTAINER_OF(m, struct child, message);
    if (k->call.cmd->route == ROUTE_SCATTER) {
        child_walks(k);
        return;
    }
    k->call.part = shard->id;
    txn_begin(&k->call.txn, &shard->engine->common);
    call_run(&k->call);
    child_ends(k, KORA_OK);
}

// ---- the start ---------------------------------------------------------------------------------------------------------

static void child_init(struct child *k, struct scatter *s, struct shard *shard) {
    const struct call *c = &s->parent->call;
    k->scatter = s;
    k->shard = shard;
    k->next = shard->id;
    k->message.run = child_starts;
    k->call = (struct call){ .cmd = c->cmd, .argc = c->argc, .argv = c->argv, .session = c->session, .host = c->host };
    k->call.keys = k->call.keys_inline;
    k->call.parts = c->cmd->route == ROUTE_SCATTER ? shard->engine->common.stripe_count : shard->engine->shard_count;
    k->call.reply = (struct reply){ .buf = &k->buf, .version = c->reply.version };
}

bool scatter_run(struct task *t) {
    struct engine *e = t->engine;
    uint32_t n = e->shard_count;
    struct scatter *s = mem_alloc_zero(sizeof *s + n * sizeof s->children[0]);
    if (!s) {
        reply_no_memory(&t->call);
        return true;
    }
    s->parent = t;
    s->count = n;
    atomic_init(&s->running, n);
    t->scatter = s;
    atomic_store(&t->scattered, 0);
    bool host_thread = !t->home;
    if (!host_thread) {
        t->parked = true;
        atomic_fetch_add(&e->parked_tasks, 1);
    }
    for (uint32_t i = 0; i < n; i++) child_init(&s->children[i], s, &e->shards[i]);
    for (uint32_t i = 0; i < n; i++) shard_post(&e->shards[i], &s->children[i].message); // a shard's task is not ours after the last
    if (!host_thread) return false;
    while (!atomic_load(&t->scattered)) syscall(SYS_futex, &t->scattered, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    finish(t);
    return true;
}
