// Every command, in-process: kora_exec waits for the answer, kora_submit hands the command to a shard.
#include "api/api_int.h"
#include "base/mem.h"

struct kora_session {
    kora *db;
    struct session session;
};

static void session_start(struct session *s, kora *db) {
    session_init(s, atomic_fetch_add_explicit(&db->engine->host.next_client_id, 1, memory_order_relaxed));
    s->db = db->number;
    s->version = 3; // answers are trees of RESP3 values
    s->authenticated = true;
}

KORA_API int kora_session_open(kora *db, kora_session **session) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    kora_session *s = session ? mem_alloc(sizeof *s) : NULL;
    if (s) {
        s->db = db;
        session_start(&s->session, db);
        atomic_fetch_add(&db->owner->handles, 1);
        *session = s;
    }
    api_leave(db);
    return s ? KORA_OK : session ? KORA_NOMEM : KORA_INVAL;
}

KORA_API void kora_session_close(kora_session *session) {
    if (!session || !*session->db->alive) return;
    atomic_fetch_sub(&session->db->owner->handles, 1);
    session_free(&session->session);
    mem_free(session);
}

KORA_API void kora_reply_free(kora_reply *reply) { mem_free(reply); }

// ---- arguments ---------------------------------------------------------------------------------------------------------

static bool args_bad(int argc, const char *const *argv, const size_t *argv_len) {
    if (argc < 1 || !argv) return true;
    for (int i = 0; i < argc; i++) {
        if (!argv[i] && !(argv_len && argv_len[i] == 0)) return true;
    }
    return false;
}

static struct slice arg(int i, const char *const *argv, const size_t *argv_len) {
    return argv_len ? (struct slice){ argv[i], argv_len[i] } : slice_str(argv[i]);
}

// The tree of what was written; *reply NULL if nothing was (CLIENT REPLY OFF means nothing in-process: there is always an answer).
static int make_tree(const struct buf *b, kora_reply **reply) {
    size_t consumed;
    if (b->failed) return KORA_NOMEM;
    switch (resp_reply_parse(b->p, b->n, &consumed, reply)) {
    case RESP_COMPLETE: return KORA_OK;
    case RESP_NOMEM: return KORA_NOMEM;
    default: invariant(!"a reply that is not RESP"); return KORA_NOMEM;
    }
}

// ---- waiting for it ------------------------------------------------------------------------------------------------------

enum { ARGS_INLINE = 16 };

static int run_and_wait(kora *db, struct session *session, int argc, struct slice *argv, struct buf *out) {
    struct task t;
    task_init(&t, db->engine, NULL);
    t.call.argc = argc;
    t.call.argv = argv;
    t.call.session = session;
    t.call.reply = (struct reply){ .buf = out, .version = session->version };
    if (call_prepare(&t.call, db->engine->index)) task_run(&t);
    int status = t.status;
    task_release(&t);
    return status;
}

KORA_API int kora_exec(kora *db, kora_session *session, int argc, const char *const *argv, const size_t *argv_len, kora_reply **reply) {
    struct slice few[ARGS_INLINE], *args = few;
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    if (args_bad(argc, argv, argv_len) || (session && session->db->owner != db->owner)) status = KORA_INVAL;
    if (status == KORA_OK && argc > ARGS_INLINE) {
        args = mem_alloc((size_t)argc * sizeof *args);
        if (!args) status = KORA_NOMEM;
    }
    if (status == KORA_OK) {
        struct session once;
        struct buf out = { 0 };
        if (!session) session_start(&once, db);
        for (int i = 0; i < argc; i++) args[i] = arg(i, argv, argv_len);
        status = run_and_wait(db, session ? &session->session : &once, argc, args, &out);
        if (status == KORA_OK && reply) status = make_tree(&out, reply);
        buf_free(&out);
        if (!session) session_free(&once);
        if (args != few) mem_free(args);
    }
    api_leave(db);
    return status;
}

// ---- not waiting ---------------------------------------------------------------------------------------------------------

struct submitted {
    struct task task;
    struct message message;
    struct session session;
    struct buf out;
    kora_done_fn *done;
    void *arg;
    struct slice argv[]; // then the bytes
};

static void submitted_is_done(struct task *t) {
    struct submitted *s = CONTAINER_OF(t, struct submitted, task);
    struct engine *e = t->engine;
    kora_reply *reply = NULL;
    int status = t->status;
    if (status == KORA_OK) status = make_tree(&s->out, &reply);
    kora_done_fn *done = s->done;
    void *arg = s->arg;
    task_release(t);
    session_free(&s->session);
    buf_free(&s->out);
    mem_free(s);
    done(arg, status, reply); // on a shard's thread, where calls that wait are refused
    atomic_fetch_sub(&e->parked_tasks, 1);
}

static void submitted_runs(struct shard *shard, struct message *m) {
    struct submitted *s = CONTAINER_OF(m, struct submitted, message);
    struct task *t = &s->task;
    t->home = shard;
    t->call.session = &s->session;
    t->call.reply = (struct reply){ .buf = &s->out, .version = s->session.version };
    if (!call_prepare(&t->call, shard->engine->index) || task_run(t)) submitted_is_done(t);
}

static struct submitted *submitted_create(kora *db, int argc, const char *const *argv, const size_t *argv_len) {
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += arg(i, argv, argv_len).n;
    struct submitted *s = mem_alloc(sizeof *s + (size_t)argc * sizeof s->argv[0] + bytes);
    if (!s) return NULL;
    task_init(&s->task, db->engine, NULL);
    s->out = (struct buf){ 0 };
    session_start(&s->session, db);
    char *to = (char *)&s->argv[argc];
    for (int i = 0; i < argc; i++) {
        struct slice a = arg(i, argv, argv_len);
        if (a.n) memcpy(to, a.p, a.n);
        s->argv[i] = (struct slice){ to, a.n };
        to += a.n;
    }
    s->task.call.argc = argc;
    s->task.call.argv = s->argv;
    return s;
}

KORA_API int kora_submit(kora *db, int argc, const char *const *argv, const size_t *argv_len, kora_done_fn *done, void *arg_of_done) {
    int status = api_enter_any(db);
    if (status != KORA_OK) return status;
    struct submitted *s = NULL;
    if (args_bad(argc, argv, argv_len) || !done) status = KORA_INVAL;
    else if (!(s = submitted_create(db, argc, argv, argv_len))) status = KORA_NOMEM;
    if (status == KORA_OK) {
        struct engine *e = db->engine;
        s->done = done;
        s->arg = arg_of_done;
        s->task.done = submitted_is_done;
        s->message.run = submitted_runs;
        atomic_fetch_add(&e->parked_tasks, 1); // kora_close waits for its callback
        shard_post(&e->shards[s->session.id % e->shard_count], &s->message);
    }
    api_leave(db);
    return status;
}
