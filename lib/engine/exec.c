// EXEC: which leases it takes; the parts of its reply that other shards write; and how watching ends.
//
// Commands that run once on every shard (CLIENT LIST) can't run while leases are held: a shard may be in the middle of something that needs one of them before it
// looks at its inbox. They need no data; so they run one after the other when all the others have, and their replies are put in where EXEC has left a place
// (queued.reply_at). What that takes is allocated before anything runs.
#include "engine/exec.h"

#include "base/mem.h"
#include "call/multi.h"
#include "engine/background.h"
#include "engine/scatter.h"
#include "kora.h"

struct filler {
    struct task task;       // that runs the command at hand
    struct task *parent;
    struct queued *at;      // the next one; NULL: none
    size_t shift;           // bytes that were put in so far
    struct buf out;         // the reply of the one at hand
};

// ---- before ------------------------------------------------------------------------------------------------------------------

void exec_free_filler(struct task *t) {
    if (!t->filler) return;
    buf_free(&t->filler->out);
    mem_free(t->filler);
    t->filler = NULL;
}

static bool make_filler(struct task *t) {
    enum { ERROR_ROOM = 160 };
    struct multi *m = t->call.session->multi;
    struct filler *f = t->filler = mem_alloc_zero(sizeof *f);
    if (f && buf_reserve(&f->out, ERROR_ROOM)) { // it can always say that there is no memory
        f->parent = t;
        f->at = m->first;
        return true;
    }
    exec_free_filler(t);
    return false;
}

bool exec_prepare(struct task *t, struct stripe_set *named, uint32_t *count) {
    struct session *s = t->call.session;
    struct multi *m = s->multi;
    *count = 0;
    if (!session_queues(s) || m->refused) return true; // its handler says so
    if (m->shards && !make_filler(t)) {
        reply_no_memory(&t->call);
        return false;
    }
    if (m->all_stripes) {
        *count = EXEC_ALL;
        return true;
    }
    for (const struct watch_record *r = m->watched; r; r = r->next_own, ++*count) stripe_set_add(named, r->stripe->index);
    for (const struct queued *q = m->first; q; q = q->next) {
        for (uint32_t i = 0; i < q->key_count; i++) stripe_set_add(named, q->keys[i].stripe_number);
        *count += q->key_count;
    }
    return true;
}

void exec_abandon(struct task *t) {
    exec_free_filler(t);
    session_end_multi(&t->engine->host, t->call.session);
}

// ---- after -------------------------------------------------------------------------------------------------------------------

static void insert(struct buf *to, size_t at, const struct buf *from) {
    if (!buf_reserve(to, from->n)) return;
    memmove(to->p + at + from->n, to->p + at, to->n - at);
    memcpy(to->p + at, from->p, from->n);
    to->n += from->n;
}

static void take_part(struct filler *f) {
    struct task *t = f->parent;
    struct call *c = &f->task.call;
    if (f->task.status != KORA_OK) t->status = f->task.status;
    if (f->out.failed) {
        buf_clear(&f->out);
        reply_no_memory(c);
    }
    if (c->outcome == CALL_ERROR) host_count_error(c->host, slice_of(f->out.p, f->out.n));
    atomic_fetch_add_explicit(&c->host->commands_in_process, 1, memory_order_relaxed);
    insert(t->call.reply.buf, f->at->reply_at + f->shift, &f->out);
    f->shift += f->out.n;
    buf_clear(&f->out);
    task_release(&f->task);
    f->at = f->at->next;
}

static void part_is_done(struct task *t);

// True: all are done.
static bool fill(struct filler *f) {
    struct task *t = f->parent;
    for (;;) {
        while (f->at && f->at->cmd->route != ROUTE_SHARDS) f->at = f->at->next;
        if (!f->at || t->status != KORA_OK) break;
        task_init(&f->task, t->engine, t->home);
        f->task.done = part_is_done;
        struct call *c = &f->task.call;
        c->cmd = f->at->cmd;
        c->argc = f->at->argc;
        c->argv = f->at->argv;
        c->session = t->call.session;
        c->reply = (struct reply){ .buf = &f->out, .version = c->session->version };
        if (!task_run(&f->task)) return false;
        take_part(f);
    }
    multi_drop(t->call.session);
    exec_free_filler(t);
    return true;
}

static void part_is_done(struct task *part) {
    struct filler *f = CONTAINER_OF(part, struct filler, task);
    struct task *t = f->parent;
    take_part(f);
    if (fill(f)) task_finish(t);
}

bool exec_fill(struct task *t, void (*set_parked)(struct task *t)) {
    struct filler *f = t->filler;
    struct multi *m = t->call.session->multi;
    if (!m) { // nothing has run
        exec_free_filler(t);
        return true;
    }
    bool parked = t->parked;
    if (t->home) set_parked(t);
    if (!fill(f)) return false;
    if (t->home && !parked) { // there was no memory for any of them to begin: it has not been parked after all
        t->parked = false;
        atomic_fetch_sub(&t->engine->parked_tasks, 1);
    }
    return true;
}

// ---- watching ----------------------------------------------------------------------------------------------------------------

void exec_unwatch(struct host *h, struct session *s) {
    struct engine *e = h->engine;
    struct multi *m = s->multi;
    while (m && m->watched) {
        struct watch_record *r = m->watched;
        struct lease *l = &e->leases[r->stripe->index];
        struct stripe *stripe = r->stripe;
        m->watched = r->next_own;
        if (lease_try(l)) {
            watch_remove(r);
            lease_release(l);
        } else {
            watch_abandon(r);
            background_reap(e, stripe);
        }
    }
}
