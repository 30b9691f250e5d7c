// DUMP and RESTORE: values as bytes, in Redis's format (type/rdb_value.h); and whole values as effects.
#include "call/effect.h"
#include "cmd/cmd_int.h"
#include "kora.h"
#include "type/rdb_value.h"

// The payload of a value, to be freed by the caller. `own`: only this program reads it. False: no memory.
static bool payload_of(struct buf *b, const struct value *v, const struct entry *e, bool own) {
    struct rdb_writer w = { .out = b, .compress = true, .newest = own };
    *b = (struct buf){ 0 };
    if (e) rdb_write_entry(&w, e);
    else rdb_write_value(&w, v);
    rdb_write_footer(&w, 0);
    if (b->failed) buf_free(b);
    return b->p;
}

// ---- effects -------------------------------------------------------------------------------------------------------------------

// idle_s, frequency: one of them, or -1.
static bool emit_restore(struct txn *t, const struct key *k, struct slice payload, int64_t expire_at_ms, int64_t idle_s, int64_t frequency) {
    char at[NUM_INT_MAX], used[NUM_INT_MAX];
    bool with_access = idle_s >= 0 || frequency >= 0;
    struct slice argv[EFFECT_ARGS_MAX] = { SLICE("RESTORE"), k->name, { at, num_format_int(expire_at_ms, at) }, payload, SLICE("REPLACE"), SLICE("ABSTTL") };
    argv[6] = frequency >= 0 ? SLICE("FREQ") : SLICE("IDLETIME");
    argv[7] = slice_of(used, num_format_int(frequency >= 0 ? frequency : idle_s, used));
    return effect_emit(t, k, with_access ? 8 : 6, argv);
}

static bool emit_value(struct txn *t, const struct key *k, const struct value *v, const struct entry *e, int64_t expire_at_ms) {
    struct buf b;
    if (!effect_wanted(t)) return true;
    if (t->no_memory || !payload_of(&b, v, e, true)) return false;
    bool done = emit_restore(t, k, slice_of(b.p, b.n), expire_at_ms, -1, -1);
    buf_free(&b);
    return done;
}

bool effect_restore_value(struct txn *t, const struct key *k, const struct value *v, int64_t expire_at_ms) {
    return emit_value(t, k, v, NULL, expire_at_ms);
}

bool effect_restore(struct txn *t, const struct key *k, const struct entry *e, int64_t expire_at_ms) {
    char number[NUM_INT_MAX];
    if (e->type == TYPE_STRING) return effect_set(t, k, entry_string(e, number), expire_at_ms, false);
    return emit_value(t, k, NULL, e, expire_at_ms);
}

// ---- DUMP ----------------------------------------------------------------------------------------------------------------------

void cmd_dump(struct call *c) {
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    struct buf b;
    if (!e) {
        reply_null(c);
    } else if (payload_of(&b, NULL, e, false)) {
        reply_bulk(c, slice_of(b.p, b.n));
        buf_free(&b);
    } else {
        reply_no_memory(c);
    }
}

// ---- RESTORE -------------------------------------------------------------------------------------------------------------------

struct restore {
    bool replace, absolute;
    int64_t expire_at_ms;       // 0: never
    int64_t idle_s, frequency;  // -1: not given
};

static bool parse_metadata(struct call *c, int i, struct restore *o) {
    bool idle = slice_is_word(c->argv[i], "idletime");
    int64_t *n = idle ? &o->idle_s : &o->frequency;
    if (!read_int(c, c->argv[i + 1], n)) return false;
    if (idle && *n < 0) reply_error(c, "ERR Invalid IDLETIME value, must be >= 0");
    else if (!idle && (*n < 0 || *n > 255)) reply_error(c, "ERR Invalid FREQ value, must be >= 0 and <= 255");
    else return true;
    return false;
}

static bool parse_options(struct call *c, struct restore *o) {
    *o = (struct restore){ .idle_s = -1, .frequency = -1 };
    for (int i = 4; i < c->argc; i++) {
        bool more = i + 1 < c->argc;
        if (slice_is_word(c->argv[i], "replace")) {
            o->replace = true;
        } else if (slice_is_word(c->argv[i], "absttl")) {
            o->absolute = true;
        } else if (more && ((slice_is_word(c->argv[i], "idletime") && o->frequency < 0) || (slice_is_word(c->argv[i], "freq") && o->idle_s < 0))) {
            if (!parse_metadata(c, i++, o)) return false;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

static bool parse_ttl(struct call *c, struct restore *o) {
    if (!read_int(c, c->argv[2], &o->expire_at_ms)) return false;
    if (o->expire_at_ms < 0) {
        reply_error(c, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    if (o->expire_at_ms == 0 || o->absolute) return true;
    return read_expire_at(c, o->expire_at_ms, false, true, &o->expire_at_ms);
}

// The value in the payload, which is freed by rdb_object_free. False: the error is written.
static bool read_payload(struct call *c, struct rdb_object *o) {
    struct slice object;
    if (!rdb_check_footer(c->argv[3], &object)) {
        reply_error(c, "ERR DUMP payload version or checksum are wrong");
        return false;
    }
    struct rdb_reader r = rdb_reader_of(object);
    bool read = rdb_read_object(&r, &c->txn, &c->keys[0], o);
    if (read && rdb_finish(&r)) return true;
    if (read) rdb_object_free(o);
    if (r.error == RDB_NOMEM) reply_no_memory(c);
    else reply_error(c, "ERR Bad data format");
    return false;
}

static bool is_past(struct call *c, int64_t at_ms) { return at_ms && !(c->txn.flags & TXN_REPLAY) && at_ms <= txn_now(&c->txn); }

// What is restored has expired before it is there: only the key that it would have replaced goes.
static int delete_old(struct call *c, const struct key *k, struct entry *old) {
    struct txn *t = &c->txn;
    if (!old) return KORA_OK;
    if (!effect_del(t, k)) return KORA_NOMEM;
    key_delete(t, k, old);
    key_changed(c, k);
    return KORA_OK;
}

static int put(struct call *c, struct entry *old, struct rdb_object *o, const struct restore *how) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(t);
    if (!emit_restore(t, k, c->argv[3], how->expire_at_ms, how->idle_s, how->frequency)) return KORA_NOMEM;
    int status = o->is_string ? key_set_string(t, k, old, o->string, STRING_AS_SET, how->expire_at_ms, NULL) :
        value_store(&o->value, old, how->expire_at_ms);
    if (status != KORA_OK) {
        effects_retract(t, mark);
        return status;
    }
    if (old) event_emit(t, k, EVENT_NEW, "new"); // as Redis, where it is taken away first
    entry_set_access(t, key_find(t, k, 0), how->idle_s, how->frequency);
    key_changed(c, k);
    return KORA_OK;
}

void cmd_restore(struct call *c) {
    struct restore how;
    struct rdb_object o;
    if (!parse_options(c, &how)) return;
    struct entry *old = key_write(&c->txn, &c->keys[0]);
    if (old && !how.replace) {
        reply_error(c, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!parse_ttl(c, &how) || !read_payload(c, &o)) return;
    int status = is_past(c, how.expire_at_ms) ? delete_old(c, &c->keys[0], old) : put(c, old, &o, &how);
    rdb_object_free(&o);
    if (status == KORA_OK) reply_ok(c);
    else reply_no_memory(c);
}
