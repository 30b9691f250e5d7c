// See feeding.h. Those that leave are collected, and leave together: that takes all leases, as patterns and special channels need it, once for
// all of them.
#include "engine/feeding.h"

#include "base/mem.h"
#include "kora.h"

struct feeding {
    struct shard *shard;
    struct message wake, leave;
    struct subscriber *waiting;  // they want to leave
    struct subscriber *leaving;  // the task is at them
    struct subscriber *kept;     // could not leave, since the database is closed
    bool asked;                  // `leave` is on its way, or the task runs
    struct session session;
    struct buf out;
    struct task task;
};

static void wake_shard(void *arg, uint32_t shard) {
    struct shard *s = &((struct engine *)arg)->shards[shard];
    shard_post(s, &s->feeding->wake);
}

static void on_wake(struct shard *s, struct message *m) {
    (void)m;
    feed_woken(s->engine->common.feed, s->id);
    if (s->engine->config.hooks.shard_pushed) s->engine->config.hooks.shard_pushed(s);
}

// ---- leaving -------------------------------------------------------------------------------------------------------------------

static void free_subscribers(struct subscriber **list) {
    for (struct subscriber *s = *list, *next; s; s = next) {
        next = s->next;
        map_free(&s->members); // empty, unless the feed ends with all memberships
        mem_free(s);
    }
    *list = NULL;
}

static void leave_all(struct call *c) {
    struct feeding *f = CONTAINER_OF(c, struct feeding, task.call);
    for (struct subscriber *s = f->leaving; s; s = s->next) feed_leave_all(c->txn.common->feed, s);
}

static const struct command leave_command = {
    .name = "unsubscribe", .arity = 1, .flags = CMD_HIDDEN | CMD_SKIP_MONITOR, .key_flags = "", .route = ROUTE_ALL, .handler = leave_all, .acl = "", .tips = "", .parent = -1,
};

static void leave_begin(struct feeding *f);

static void has_left(struct task *t) {
    struct feeding *f = CONTAINER_OF(t, struct feeding, task);
    if (t->status != KORA_CLOSED && t->call.outcome == CALL_OK) {
        free_subscribers(&f->leaving);
    } else { // their memberships go with the feed
        struct subscriber **end = &f->leaving;
        while (*end) end = &(*end)->next;
        *end = f->kept;
        f->kept = f->leaving;
        f->leaving = NULL;
    }
    task_release(t);
    buf_clear(&f->out);
    f->asked = false;
    if (f->waiting) leave_begin(f);
}

static void on_leave(struct shard *s, struct message *m) {
    (void)m;
    struct feeding *f = s->feeding;
    f->leaving = f->waiting;
    f->waiting = NULL;
    task_init(&f->task, s->engine, s);
    f->task.done = has_left;
    f->task.call.cmd = &leave_command;
    f->task.call.session = &f->session;
    f->task.call.reply = (struct reply){ .buf = &f->out, .version = 2 };
    if (task_run(&f->task)) has_left(&f->task);
}

static void leave_begin(struct feeding *f) {
    f->asked = true;
    shard_post(f->shard, &f->leave);
}

void engine_subscriber_leaves(struct shard *s, struct subscriber *who) {
    struct feeding *f = s->feeding;
    who->owner = NULL;
    who->next = f->waiting;
    f->waiting = who;
    if (!f->asked) leave_begin(f);
}

// ---- life ----------------------------------------------------------------------------------------------------------------------

int feeding_create(struct engine *e) {
    e->common.feed = feed_create(e->shard_count, e->common.stripe_count, &e->common.seed, wake_shard, e, &e->common.monitors);
    return e->common.feed ? KORA_OK : KORA_NOMEM;
}

int feeding_init(struct shard *s) {
    struct feeding *f = s->feeding = mem_alloc_zero(sizeof *f);
    if (!f) return KORA_NOMEM;
    f->shard = s;
    f->wake.run = on_wake;
    f->leave.run = on_leave;
    session_init(&f->session, 0);
    return KORA_OK;
}

void feeding_free(struct engine *e) {
    for (uint32_t i = 0; e->shards && i < e->shard_count; i++) {
        struct feeding *f = e->shards[i].feeding;
        if (!f) continue;
        free_subscribers(&f->waiting);
        free_subscribers(&f->leaving);
        free_subscribers(&f->kept);
        task_release(&f->task); // its end may have found the shard gone
        buf_free(&f->out);
        mem_free(f);
    }
    feed_free(e->common.feed);
}
