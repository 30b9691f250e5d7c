// kora_txn: a session's transaction (call/multi.h) without commands for its parts.
//
// Watching is a typed call about one key; adding puts a command where MULTI would, without a lease; and running is EXEC.
#include "api/api_int.h"
#include "base/mem.h"
#include "call/multi.h"

struct kora_txn {
    kora *db;
    struct session session;
    bool refused; // a command could not be added
};

KORA_API int kora_txn_begin(kora *db, kora_txn **txn) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    kora_txn *t = txn ? mem_alloc_zero(sizeof *t) : NULL;
    if (!t) status = txn ? KORA_NOMEM : KORA_INVAL;
    else if (!api_handle_out(db)) status = KORA_CLOSED;
    if (status == KORA_OK) {
        t->db = db;
        api_session_start(&t->session, db);
        *txn = t;
    } else {
        mem_free(t);
    }
    api_leave(db);
    return status;
}

static void empty(kora_txn *t) {
    session_end_multi(&t->db->engine->host, &t->session);
    t->session.db = t->db->number;
    t->refused = false;
}

KORA_API void kora_txn_reset(kora_txn *txn) {
    if (txn && *txn->db->alive) empty(txn);
}

KORA_API void kora_txn_free(kora_txn *txn) {
    if (!txn || !*txn->db->alive) return;
    kora *db = txn->db;
    api_session_stop(&txn->session, db);
    mem_free(txn);
    api_handle_back(db);
}

// ---- watching ----------------------------------------------------------------------------------------------------------------

static int watch(kora_txn *t, struct key *k) {
    struct multi *m = multi_of(&t->session);
    struct engine *e = t->db->engine;
    struct txn look;
    struct task task;
    if (!m) return KORA_NOMEM;
    int status = task_lease_keys(&task, e, k, 1, false);
    if (status != KORA_OK) return status;
    txn_begin(&look, &e->common);
    key_find(&look, k, 0); // one that has expired goes before it is watched
    if (look.no_memory || !watch_add(&m->watched, k)) status = KORA_NOMEM;
    txn_end(&look, &k->stripe_number, 1);
    task_unlease_keys(&task, look.expired);
    return status;
}

KORA_API int kora_txn_watch(kora_txn *txn, const void *key, size_t key_len) {
    if (!txn || api_bad_bytes(key, key_len)) return KORA_INVAL;
    int status = api_enter(txn->db);
    if (status != KORA_OK) return status;
    struct key k = { 0 };
    if (api_too_big(txn->db, key_len)) {
        status = KORA_TOOBIG;
    } else {
        key_locate(&txn->db->engine->common, &k, txn->db->number, api_slice(key, key_len));
        status = watch(txn, &k);
    }
    api_leave(txn->db);
    return status;
}

// ---- adding ------------------------------------------------------------------------------------------------------------------

static int add(kora_txn *t, int argc, struct slice *args) {
    struct multi *m = multi_of(&t->session);
    struct buf scratch = { 0 };
    struct task task;
    int status = m ? KORA_INVAL : KORA_NOMEM;
    task_init(&task, t->db->engine, NULL);
    task.call.argc = argc;
    task.call.argv = args;
    task.call.session = &t->session;
    task.call.reply = (struct reply){ .buf = &scratch, .version = 3 };
    if (m && call_prepare(&task.call, t->db->engine->index)) status = call_enqueue(&task.call, m);
    task_release(&task);
    buf_free(&scratch);
    return status;
}

KORA_API int kora_txn_add(kora_txn *txn, int argc, const char *const *argv, const size_t *argv_len) {
    enum { FEW = 16 };
    struct slice few[FEW], *args = few;
    if (!txn) return KORA_INVAL;
    int status = api_enter_any(txn->db);
    if (status != KORA_OK) return status;
    if (api_args_bad(argc, argv, argv_len)) status = KORA_INVAL;
    else if (argc > FEW && !(args = mem_alloc((size_t)argc * sizeof *args))) status = KORA_NOMEM;
    if (status == KORA_OK) {
        for (int i = 0; i < argc; i++) args[i] = api_arg(i, argv, argv_len);
        status = add(txn, argc, args);
    }
    if (args != few) mem_free(args);
    txn->refused |= status != KORA_OK;
    api_leave(txn->db);
    return status;
}

// ---- running -----------------------------------------------------------------------------------------------------------------

static int run(kora_txn *t, kora_reply **reply) {
    struct buf out = { 0 };
    if (t->refused) return KORA_INVAL;
    if (!multi_of(&t->session) || !api_reply_begin(&out)) return KORA_NOMEM;
    t->session.multi->active = true;
    int status = api_run(t->db, &t->session, 1, &SLICE("EXEC"), &out);
    if (status == KORA_OK && out.failed) status = KORA_NOMEM;
    if (status == KORA_OK) {
        switch (out.p[API_REPLY_AT]) {
        case '_': status = KORA_CONFLICT; break;
        case '-': status = memcmp(&out.p[API_REPLY_AT], "-EXECABORT", 10) == 0 ? KORA_READONLY : KORA_NOMEM; break; // no other reason is left
        default:
            if (reply) status = api_reply_end(&out, reply);
            break;
        }
    }
    buf_free(&out);
    return status;
}

KORA_API int kora_txn_exec(kora_txn *txn, kora_reply **reply) {
    if (!txn) return KORA_INVAL;
    int status = api_enter(txn->db);
    if (status != KORA_OK) return status;
    status = run(txn, reply);
    empty(txn);
    api_leave(txn->db);
    return status;
}
