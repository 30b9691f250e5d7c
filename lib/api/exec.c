// Every command, in-process: kora_exec waits for the answer, kora_submit hands the command to a shard.
#include "api/api_int.h"
#include "base/mem.h"
#include "call/multi.h"

struct kora_session {
    kora *db;
    struct session session;
};

void api_session_start(struct session *s, kora *db) {
    session_init(s, atomic_fetch_add_explicit(&db->engine->host.next_client_id, 1, memory_order_relaxed));
    s->db = db->number;
    s->version = 3; // answers are trees of RESP3 values
    s->authenticated = true;
}

void api_session_stop(struct session *s, kora *db) {
    session_end_multi(&db->engine->host, s);
    session_free(s);
}

KORA_API int kora_session_open(kora *db, kora_session **session) {
    int status = api_enter_loading(db);
    if (status != KORA_OK) return status;
    kora_session *s = session ? mem_alloc(sizeof *s) : NULL;
    if (!s) status = session ? KORA_NOMEM : KORA_INVAL;
    else if (!api_handle_out(db)) status = KORA_CLOSED;
    if (status == KORA_OK) {
        s->db = db;
        api_session_start(&s->session, db);
        *session = s;
    } else {
        mem_free(s);
    }
    api_leave(db);
    return status;
}

KORA_API void kora_session_close(kora_session *session) {
    if (!session || !*session->db->alive) return;
    kora *db = session->db;
    api_session_stop(&session->session, db);
    mem_free(session);
    api_handle_back(db);
}

KORA_API void kora_reply_free(kora_reply *reply) { mem_free(reply); }

// ---- arguments ---------------------------------------------------------------------------------------------------------

bool api_args_bad(int argc, const char *const *argv, const size_t *argv_len) {
    if (argc < 1 || !argv) return true;
    for (int i = 0; i < argc; i++) {
        if (!argv[i] && !(argv_len && argv_len[i] == 0)) return true;
    }
    return false;
}

struct slice api_arg(int i, const char *const *argv, const size_t *argv_len) {
    return argv_len ? api_slice(argv[i], argv_len[i]) : slice_str(argv[i]);
}

// ---- replies -----------------------------------------------------------------------------------------------------------
// A reply is written behind room for one node. If it is a single value, as that of every command that changes something, the node is
// filled in there and the buffer is the tree: nothing is copied, and no memory can be missing once the command has run.

enum { NODE = sizeof(kora_reply), FIRST_ROOM = NODE + 192 };

bool api_reply_begin(struct buf *b) {
    if (!buf_reserve(b, FIRST_ROOM)) return false;
    b->n = NODE;
    return true;
}

// `text` is in the buffer, with a line end behind it.
static bool fill_text(kora_reply *node, kora_reply_type type, struct slice text) {
    ((char *)(uintptr_t)text.p)[text.n] = '\0';
    *node = (kora_reply){ .type = type, .str = text.p, .len = text.n };
    return true;
}

static bool fill_bulk(kora_reply *node, struct slice line, size_t left) {
    int64_t n;
    if (!num_parse_int(line, &n) || n < 0 || left != (size_t)n + 2) return false;
    return fill_text(node, KORA_REPLY_STRING, slice_of(line.p + line.n + 2, (size_t)n));
}

// False: it is something else than the whole reply in one value without elements.
static bool fill_node(const struct buf *b) {
    kora_reply *node = (kora_reply *)(void *)b->p;
    const char *p = b->p + NODE;
    size_t n = b->n - NODE;
    const char *end = n > 2 ? memchr(p, '\r', n) : NULL;
    if (!end) return false;
    struct slice line = { p + 1, (size_t)(end - p) - 1 };
    size_t left = n - (line.n + 3);
    if (*p == '$') return fill_bulk(node, line, left);
    if (left > 0) return false;
    switch (*p) {
    case '+': return fill_text(node, KORA_REPLY_STATUS, line);
    case '-': return fill_text(node, KORA_REPLY_ERROR, line);
    case '_': *node = (kora_reply){ .type = KORA_REPLY_NULL }; return true;
    case ':': *node = (kora_reply){ .type = KORA_REPLY_INTEGER }; return num_parse_int(line, &node->integer);
    default: return false;
    }
}

// The tree of what was written. There is always something (CLIENT REPLY OFF means nothing here).
int api_reply_end(struct buf *b, kora_reply **reply) {
    size_t consumed;
    if (fill_node(b)) {
        *reply = (kora_reply *)(void *)b->p;
        *b = (struct buf){ 0 };
        return KORA_OK;
    }
    switch (resp_reply_parse(b->p + NODE, b->n - NODE, &consumed, reply)) {
    case RESP_COMPLETE: return KORA_OK;
    case RESP_NOMEM: return KORA_NOMEM;
    default: invariant_failed("every reply is RESP", __FILE__, __LINE__);
    }
}

// Errors, and commands that no stripe has counted.
static void count_call(const struct task *t, const struct buf *out) {
    const struct call *c = &t->call;
    if (t->status != KORA_OK || out->failed) return;
    if (c->outcome == CALL_ERROR) host_count_error(c->host, slice_of(out->p + NODE, out->n - NODE));
    if (c->cmd && call_without_stripe(c)) {
        atomic_fetch_add_explicit(&c->host->commands_in_process, 1, memory_order_relaxed);
    }
}

bool api_reply_is_full(struct slice reply) {
    static const char text[] = "OOM command not allowed";
    return reply.n && *reply.p == '-' && memmem(reply.p, reply.n, text, sizeof text - 1); // also behind EXECABORT
}

// The database is not open. KORA_OK: it is being loaded, and the command needs none of the data: the caller is inside.
static __attribute__((noinline)) int enter_to_load(kora *db, int status, int argc, const char *const *argv, const size_t *argv_len) {
    const struct command *container;
    if (status != KORA_LOADING) return status;
    if (api_args_bad(argc, argv, argv_len)) return KORA_INVAL;
    struct slice names[2] = { api_arg(0, argv, argv_len), argc > 1 ? api_arg(1, argv, argv_len) : SLICE("") };
    const struct command *cmd = command_find(db->engine->index, argc, names, &container);
    return cmd && (cmd->flags & CMD_LOADING) ? api_enter_loading_any(db) : KORA_LOADING;
}

// ---- waiting for it ------------------------------------------------------------------------------------------------------

enum { ARGS_INLINE = 16 };

int api_run(kora *db, struct session *session, int argc, struct slice *argv, struct buf *out) {
    struct task t;
    task_init(&t, db->engine, NULL);
    t.call.argc = argc;
    t.call.argv = argv;
    t.call.session = session;
    t.call.reply = (struct reply){ .buf = out, .version = session->version };
    if (!call_prepare(&t.call, db->engine->index)) call_refused(&t.call);
    else if (!session_queues(session) || !call_queue(&t.call)) task_run(&t);
    int status = t.status;
    count_call(&t, out);
    task_release(&t);
    if (unlikely(t.call.need) && status == KORA_OK) status = await_durable(db->engine, t.call.need, t.call.owes);
    return status;
}

int api_command(kora *db, int argc, struct slice *argv, struct buf *out, struct slice *reply) {
    struct session once;
    *out = (struct buf){ 0 };
    if (!api_reply_begin(out)) return KORA_NOMEM;
    api_session_start(&once, db);
    int status = api_run(db, &once, argc, argv, out);
    api_session_stop(&once, db);
    if (status == KORA_OK && out->failed) status = KORA_NOMEM;
    if (status == KORA_OK) *reply = slice_of(out->p + NODE, out->n - NODE);
    return status;
}

KORA_API int kora_exec(kora *db, kora_session *session, int argc, const char *const *argv, const size_t *argv_len, kora_reply **reply) {
    struct slice few[ARGS_INLINE], *args = few;
    int status = api_enter(db);
    if (unlikely(status != KORA_OK)) status = enter_to_load(db, status, argc, argv, argv_len);
    if (unlikely(status == KORA_LOADING) && session && session_queues(&session->session)) session->session.multi->refused = true; // no part of a transaction runs
    if (status != KORA_OK) return status;
    if (api_args_bad(argc, argv, argv_len) || (session && session->db->owner != db->owner)) status = KORA_INVAL;
    if (status == KORA_OK && argc > ARGS_INLINE) {
        args = mem_alloc((size_t)argc * sizeof *args);
        if (!args) status = KORA_NOMEM;
    }
    if (status == KORA_OK) {
        struct session once;
        struct buf out = { 0 };
        if (!session) api_session_start(&once, db);
        for (int i = 0; i < argc; i++) args[i] = api_arg(i, argv, argv_len);
        status = api_reply_begin(&out) ? api_run(db, session ? &session->session : &once, argc, args, &out) : KORA_NOMEM;
        if (status == KORA_OK && out.failed) status = KORA_NOMEM;
        if (status == KORA_OK && reply) status = api_reply_end(&out, reply);
        buf_free(&out);
        if (!session) api_session_stop(&once, db);
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
    struct await_waiter waits;
    struct slice argv[]; // then the bytes
};

static void answer_submitted(struct submitted *s, int status) {
    struct task *t = &s->task;
    struct engine *e = t->engine;
    kora_reply *reply = NULL;
    count_call(t, &s->out);
    if (status == KORA_OK) status = s->out.failed ? KORA_NOMEM : api_reply_end(&s->out, &reply);
    kora_done_fn *done = s->done;
    void *arg = s->arg;
    task_release(t);
    session_end_multi(&e->host, &s->session);
    session_free(&s->session);
    buf_free(&s->out);
    mem_free(s);
    done(arg, status, reply); // on a shard's thread, where calls that wait are refused
    atomic_fetch_sub(&e->parked_tasks, 1);
}

static void submitted_is_durable(struct shard *shard, struct await_waiter *w, bool lost) {
    (void)shard;
    answer_submitted(CONTAINER_OF(w, struct submitted, waits), lost ? KORA_READONLY : KORA_OK);
}

static void submitted_is_done(struct task *t) {
    struct submitted *s = CONTAINER_OF(t, struct submitted, task);
    const struct call *c = &t->call;
    if (unlikely(c->need) && t->status == KORA_OK && await_is(t->engine, c->need, c->owes) != AWAIT_YES) {
        s->waits = (struct await_waiter){ .need = c->need, .owes = c->owes, .done = submitted_is_durable };
        await_hold(t->home, &s->waits);
        return;
    }
    answer_submitted(s, t->status);
}

static void submitted_runs(struct shard *shard, struct message *m) {
    struct submitted *s = CONTAINER_OF(m, struct submitted, message);
    struct task *t = &s->task;
    t->home = shard;
    t->call.stat = &shard->engine->host.stat->slots[shard->id];
    t->call.session = &s->session;
    t->call.reply = (struct reply){ .buf = &s->out, .version = s->session.version };
    if (!call_prepare(&t->call, shard->engine->index) || task_run(t)) submitted_is_done(t);
}

static struct submitted *submitted_create(kora *db, int argc, const char *const *argv, const size_t *argv_len) {
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += api_arg(i, argv, argv_len).n;
    struct submitted *s = mem_alloc(sizeof *s + (size_t)argc * sizeof s->argv[0] + bytes);
    if (!s) return NULL;
    task_init(&s->task, db->engine, NULL);
    s->out = (struct buf){ 0 };
    if (!api_reply_begin(&s->out)) {
        mem_free(s);
        return NULL;
    }
    api_session_start(&s->session, db);
    char *to = (char *)&s->argv[argc];
    for (int i = 0; i < argc; i++) {
        struct slice a = api_arg(i, argv, argv_len);
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
    if (unlikely(status != KORA_OK)) status = enter_to_load(db, status, argc, argv, argv_len);
    if (status != KORA_OK) return status;
    struct submitted *s = NULL;
    if (api_args_bad(argc, argv, argv_len) || !done) status = KORA_INVAL;
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
