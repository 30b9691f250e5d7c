// Strings: SET and GET with their relatives, counters, parts of strings, several at once.
#include <math.h>

#include "cmd/cmd_int.h"
#include "kora.h"

// ---- shared -----------------------------------------------------------------------------------------------------------------

// Sets a key to a string, with its effect. On anything but KORA_OK nothing has changed.
static int store(struct call *c, const struct key *k, struct entry *e, struct slice value, enum string_kind kind, int64_t at_ms) {
    struct txn *t = &c->txn;
    struct effects_mark mark = effects_mark(t);
    bool keep = at_ms == EXPIRE_KEEP;
    if (effect_wanted(t) && !effect_set(t, k, value, keep ? 0 : at_ms, keep)) return KORA_NOMEM;
    int status = key_set_string(t, k, e, value, kind, at_ms, NULL);
    if (likely(status == KORA_OK)) key_changed(c, k);
    else effects_retract(t, mark);
    return status;
}

// A copy of the string at `e`, which is about to be changed, or null. False: no memory for it, nothing may be changed.
static bool reply_old(struct call *c, const struct entry *e) {
    char number[NUM_INT_MAX];
    if (e) reply_bulk(c, entry_string(e, number));
    else reply_null(c);
    return !c->reply.buf->failed;
}

// The reply that was written since `at` does not hold: the command failed.
static void reply_instead(struct call *c, size_t at, int status) {
    c->reply.buf->n = at;
    reply_status_code(c, status);
}

// What effects brought about was allowed when it happened, whatever the limit is now.
static bool check_length(struct call *c, size_t offset, size_t more) {
    uint64_t limit = atomic_load_explicit(&c->txn.common->settings.proto_max_bulk_len, memory_order_relaxed);
    size_t total;
    if (!__builtin_add_overflow(offset, more, &total) && (total <= limit || (c->txn.flags & TXN_REPLAY))) return true;
    reply_status_code(c, KORA_TOOBIG);
    return false;
}

// ---- SET and GETEX: options --------------------------------------------------------------------------------------------------

enum { SET_NX = 1 << 0, SET_XX = 1 << 1, SET_GET = 1 << 2, SET_KEEPTTL = 1 << 3, SET_PERSIST = 1 << 4, SET_EXPIRE = 1 << 5 };

struct expiry_unit {
    const char *word;
    bool seconds, from_now;
};
static const struct expiry_unit expiry_units[] = { { "ex", true, true }, { "px", false, true }, { "exat", true, false }, { "pxat", false, false } };

struct set_options {
    uint32_t flags;
    const struct expiry_unit *unit; // SET_EXPIRE: how to read `time`
    struct slice time;
};

static const struct expiry_unit *find_unit(struct slice s) {
    for (size_t i = 0; i < ARRAY_LEN(expiry_units); i++) {
        if (slice_is_word(s, expiry_units[i].word)) return &expiry_units[i];
    }
    return NULL;
}

// One flag; `allowed` are those that the command has. What excludes what is Redis's: a repetition is no error, another unit is.
static bool add_flag(struct set_options *o, struct slice s, uint32_t allowed) {
    static const struct {
        const char *word;
        uint32_t flag, excludes;
    } flags[] = {
        { "nx", SET_NX, SET_XX }, { "xx", SET_XX, SET_NX }, { "get", SET_GET, 0 }, { "keepttl", SET_KEEPTTL, SET_PERSIST | SET_EXPIRE },
        { "persist", SET_PERSIST, SET_KEEPTTL | SET_EXPIRE },
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (!slice_is_word(s, flags[i].word)) continue;
        if (!(flags[i].flag & allowed) || (o->flags & flags[i].excludes)) return false;
        o->flags |= flags[i].flag;
        return true;
    }
    return false;
}

static bool parse_options(struct call *c, int from, uint32_t allowed, struct set_options *o) {
    *o = (struct set_options){ 0 };
    for (int i = from; i < c->argc; i++) {
        const struct expiry_unit *unit = i + 1 < c->argc ? find_unit(c->argv[i]) : NULL;
        if (unit && !(o->flags & (SET_KEEPTTL | SET_PERSIST)) && (!o->unit || o->unit == unit)) {
            o->flags |= SET_EXPIRE;
            o->unit = unit;
            o->time = c->argv[++i];
        } else if (unit || !add_flag(o, c->argv[i], allowed)) {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

// The time of an option that sets an expiry: positive, unlike that of EXPIRE.
static bool read_positive_expire(struct call *c, struct slice time, const struct expiry_unit *unit, int64_t *at_ms) {
    int64_t n;
    if (!read_int(c, time, &n)) return false;
    if (n > 0) return read_expire_at(c, n, unit->seconds, unit->from_now, at_ms);
    reply_invalid_expire(c);
    return false;
}

// ---- SET and its older forms -------------------------------------------------------------------------------------------------

static void set(struct call *c, struct slice value, uint32_t flags, int64_t at_ms) {
    size_t start = c->reply.buf->n;
    struct entry *e = key_find(&c->txn, &c->keys[0], FIND_TOUCH | (flags & SET_GET ? FIND_COUNT : 0));
    if (flags & SET_GET) {
        if (!check_string(c, e) || !reply_old(c, e)) return;
    }
    if (((flags & SET_NX) && e) || ((flags & SET_XX) && !e)) {
        if (!(flags & SET_GET)) reply_null(c);
        return;
    }
    int status = store(c, &c->keys[0], e, value, STRING_AS_SET, flags & SET_KEEPTTL ? EXPIRE_KEEP : at_ms);
    if (unlikely(status != KORA_OK)) reply_instead(c, start, status);
    else if (!(flags & SET_GET)) reply_ok(c);
}

void cmd_set(struct call *c) {
    struct set_options o = { 0 };
    int64_t at_ms = EXPIRE_NONE;
    if (c->argc > 3 && !parse_options(c, 3, SET_NX | SET_XX | SET_GET | SET_KEEPTTL, &o)) return;
    if (o.unit && !read_positive_expire(c, o.time, o.unit, &at_ms)) return;
    set(c, c->argv[2], o.flags, at_ms);
}

void cmd_getset(struct call *c) { set(c, c->argv[2], SET_GET, EXPIRE_NONE); }

static void set_expiring(struct call *c, const struct expiry_unit *unit) {
    int64_t at_ms;
    if (read_positive_expire(c, c->argv[2], unit, &at_ms)) set(c, c->argv[3], 0, at_ms);
}

void cmd_setex(struct call *c) { set_expiring(c, &expiry_units[0]); }
void cmd_psetex(struct call *c) { set_expiring(c, &expiry_units[1]); }

void cmd_setnx(struct call *c) {
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    int status = e ? KORA_NOTSET : store(c, &c->keys[0], NULL, c->argv[2], STRING_AS_SET, EXPIRE_NONE);
    if (status == KORA_OK || status == KORA_NOTSET) reply_int(c, status == KORA_OK);
    else reply_status_code(c, status);
}

// ---- GET and its relatives ---------------------------------------------------------------------------------------------------

void cmd_get(struct call *c) {
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!e) reply_null(c);
    else if (check_string(c, e)) reply_entry_string(c, e);
}

void cmd_strlen(struct call *c) {
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (check_string(c, e)) reply_int(c, e ? (int64_t)entry_string_len(e) : 0);
}

void cmd_getdel(struct call *c) {
    struct txn *t = &c->txn;
    struct entry *e = key_read(t, &c->keys[0]);
    struct effects_mark mark = effects_mark(t);
    if (!e) {
        reply_null(c);
        return;
    }
    if (!check_string(c, e)) return;
    if (!effect_del(t, &c->keys[0])) {
        reply_no_memory(c);
        return;
    }
    reply_entry_string(c, e);
    if (c->reply.buf->failed) {
        effects_retract(t, mark);
        return;
    }
    key_delete(t, &c->keys[0], e);
    key_changed(c, &c->keys[0]);
}

// Sets or takes away the expiry, or deletes what is past, with the effect.
static int getex_change(struct call *c, struct entry *e, const struct set_options *o, int64_t at_ms) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(t);
    int status = KORA_OK;
    if (o->unit && !o->unit->from_now && at_ms <= txn_now(t) && !(t->flags & TXN_REPLAY)) {
        if (!effect_del(t, k)) return KORA_NOMEM;
        key_delete(t, k, e);
    } else if (o->unit) {
        if (!effect_pexpireat(t, k, at_ms)) return KORA_NOMEM;
        status = key_set_expiry(t, k, &e, at_ms);
    } else if ((o->flags & SET_PERSIST) && entry_expires(e)) {
        if (!effect_persist(t, k)) return KORA_NOMEM;
        status = key_set_expiry(t, k, &e, EXPIRE_NONE);
    } else {
        return KORA_OK;
    }
    if (status == KORA_OK) key_changed(c, k);
    else effects_retract(t, mark);
    return status;
}

void cmd_getex(struct call *c) {
    struct set_options o;
    int64_t at_ms = EXPIRE_NONE;
    if (!parse_options(c, 2, SET_PERSIST, &o)) return;
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!e) {
        reply_null(c);
        return;
    }
    if (!check_string(c, e) || (o.unit && !read_positive_expire(c, o.time, o.unit, &at_ms))) return;
    size_t start = c->reply.buf->n;
    if (!reply_old(c, e)) return;
    int status = getex_change(c, e, &o, at_ms);
    if (status != KORA_OK) reply_instead(c, start, status);
}

void cmd_mget(struct call *c) {
    reply_array(c, c->key_count);
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        struct entry *e = key_read(&c->txn, &c->keys[i]);
        if (e && e->type == TYPE_STRING) reply_entry_string(c, e);
        else reply_null(c);
    }
}

// ---- several at once ---------------------------------------------------------------------------------------------------------

static bool any_exists(struct call *c) {
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        if (key_write(&c->txn, &c->keys[i])) return true;
    }
    return false;
}

// Keys whose time has come go here, since nothing may be deleted while there is an undo list.
static void expire_many(struct call *c) {
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        key_write(&c->txn, &c->keys[i]);
    }
}

static bool emit_sets(struct call *c) {
    for (uint32_t i = 0; effect_wanted(&c->txn) && i < c->key_count; i++) {
        if (!effect_set(&c->txn, &c->keys[i], c->argv[2 + 2 * i], 0, false)) return false;
    }
    return true;
}

// Sets all keys, or none: a key that is named twice is looked up again each time.
static int set_many(struct call *c) {
    struct txn *t = &c->txn;
    expire_many(c);
    struct effects_mark mark = effects_mark(t);
    if (!emit_sets(c) || !txn_undo_begin(t, c->key_count)) { // all effects before any change
        effects_retract(t, mark);
        return KORA_NOMEM;
    }
    for (uint32_t i = 0; i < c->key_count; i++) {
        const struct key *k = &c->keys[i];
        int status = key_set_string(t, k, key_find(t, k, 0), c->argv[2 + 2 * i], STRING_AS_SET, EXPIRE_NONE, NULL);
        if (status != KORA_OK) {
            txn_undo_rollback(t);
            effects_retract(t, mark);
            return status;
        }
    }
    txn_undo_commit(t);
    for (uint32_t i = 0; i < c->key_count; i++) key_changed(c, &c->keys[i]);
    return KORA_OK;
}

void cmd_mset(struct call *c) {
    if (c->argc % 2 == 0) {
        reply_arity(c);
        return;
    }
    reply_status_code(c, set_many(c));
}

void cmd_msetnx(struct call *c) {
    if (c->argc % 2 == 0) {
        reply_arity(c);
        return;
    }
    int status = any_exists(c) ? KORA_NOTSET : set_many(c);
    if (status == KORA_OK || status == KORA_NOTSET) reply_int(c, status == KORA_OK);
    else reply_status_code(c, status);
}

// ---- counters ----------------------------------------------------------------------------------------------------------------

static bool read_counter(struct call *c, const struct entry *e, int64_t *n) {
    char number[NUM_INT_MAX];
    *n = 0;
    if (!e) return true;
    if (!check_string(c, e)) return false;
    if (likely(e->form == FORM_INT)) {
        *n = entry_int(e);
        return true;
    }
    return read_int(c, entry_string(e, number), n);
}

static void increment(struct call *c, int64_t by) {
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    int64_t n;
    if (!read_counter(c, e, &n)) return;
    if (__builtin_add_overflow(n, by, &n)) {
        reply_error(c, "ERR increment or decrement would overflow");
        return;
    }
    int status = key_set_int(&c->txn, &c->keys[0], e, n);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    c->changed = true;
    reply_int(c, n);
}

void cmd_incr(struct call *c) { increment(c, 1); }
void cmd_decr(struct call *c) { increment(c, -1); }

void cmd_incrby(struct call *c) {
    int64_t by;
    if (read_int(c, c->argv[2], &by)) increment(c, by);
}

void cmd_decrby(struct call *c) {
    int64_t by;
    if (!read_int(c, c->argv[2], &by)) return;
    if (by == INT64_MIN) reply_error(c, "ERR decrement would overflow");
    else increment(c, -by);
}

void cmd_incrbyfloat(struct call *c) {
    char number[NUM_INT_MAX], text[NUM_LONG_REAL_MAX];
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    long double n = 0, by;
    if (!check_string(c, e)) return;
    if ((e && !num_parse_long_real(entry_string(e, number), &n)) || !num_parse_long_real(c->argv[2], &by)) {
        reply_error(c, "ERR value is not a valid float");
        return;
    }
    n += by;
    if (isnan(n) || isinf(n)) {
        reply_error(c, "ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice result = { text, num_format_long_real(n, text, sizeof text) };
    if (!reply_room(c, result.n)) return;
    int status = store(c, &c->keys[0], e, result, STRING_AS_BYTES, EXPIRE_KEEP);
    if (status == KORA_OK) reply_bulk(c, result);
    else reply_status_code(c, status);
}

// ---- parts of strings --------------------------------------------------------------------------------------------------------

// Writes `part` at `offset` of the string at `e`, which is made `len` long.
static void write_part(struct call *c, struct entry *e, size_t len, size_t offset, struct slice part) {
    char *bytes;
    int status = key_edit_range(&c->txn, &c->keys[0], e, len, offset, offset + part.n, &bytes);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    if (part.n) memcpy(bytes + offset, part.p, part.n);
    c->changed = true;
    reply_int(c, (int64_t)len);
}

void cmd_append(struct call *c) {
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    struct slice part = c->argv[2];
    if (!check_string(c, e)) return;
    size_t len = e ? entry_string_len(e) : 0;
    if (e) {
        if (check_length(c, len, part.n)) write_part(c, e, len + part.n, len, part);
        return;
    }
    int status = key_set_string(&c->txn, &c->keys[0], NULL, part, STRING_AS_SET, EXPIRE_NONE, NULL);
    if (status == KORA_OK) {
        c->changed = true;
        reply_int(c, (int64_t)part.n);
    } else {
        reply_status_code(c, status);
    }
}

void cmd_setrange(struct call *c) {
    int64_t offset;
    struct slice part = c->argv[3];
    if (!read_int(c, c->argv[2], &offset)) return;
    if (offset < 0) {
        reply_error(c, "ERR offset is out of range");
        return;
    }
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (!check_string(c, e)) return;
    size_t len = e ? entry_string_len(e) : 0;
    if (part.n == 0) reply_int(c, (int64_t)len);
    else if (check_length(c, (size_t)offset, part.n)) write_part(c, e, MAX(len, (size_t)offset + part.n), (size_t)offset, part);
}

void cmd_getrange(struct call *c) {
    char number[NUM_INT_MAX];
    int64_t start, end;
    if (!read_int(c, c->argv[2], &start) || !read_int(c, c->argv[3], &end)) return;
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!check_string(c, e)) return;
    struct slice s = e ? entry_string(e, number) : (struct slice){ "", 0 };
    int64_t len = (int64_t)s.n;
    bool reversed = start < 0 && end < 0 && start > end;
    if (start < 0) start = MAX(start + len, 0);
    if (end < 0) end = MAX(end + len, 0);
    end = MIN(end, len - 1);
    if (reversed || start > end) reply_bulk(c, (struct slice){ "", 0 });
    else reply_bulk(c, (struct slice){ s.p + start, (size_t)(end - start + 1) });
}
