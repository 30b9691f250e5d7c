// Keys whatever they hold: deleting, counting, renaming, copying, moving, OBJECT.
#include "cmd/cmd_int.h"
#include "kora.h"

// ---- DEL, EXISTS, TOUCH, TYPE ------------------------------------------------------------------------------------------------

// All effects before any change, those of what has expired first: these stay. For a key that is named twice there are two: deleting
// what is not there changes nothing.
static bool emit_deletes(struct call *c) {
    struct txn *t = &c->txn;
    for (uint32_t i = 0; i < c->key_count; i++) key_find(t, &c->keys[i], 0);
    struct effects_mark mark = effects_mark(t);
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!key_find(t, &c->keys[i], 0) || effect_del(t, &c->keys[i])) continue;
        effects_retract(t, mark);
        return false;
    }
    return !t->no_memory;
}

static void delete_keys(struct call *c) {
    struct txn *t = &c->txn;
    int64_t deleted = 0;
    if (effect_wanted(t) && !emit_deletes(c)) {
        reply_no_memory(c);
        return;
    }
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        struct entry *e = key_find(t, &c->keys[i], 0);
        if (!e) continue;
        key_delete(t, &c->keys[i], e);
        key_changed(c, &c->keys[i]);
        deleted++;
    }
    reply_int(c, deleted);
}

void cmd_del(struct call *c) { delete_keys(c); }
void cmd_unlink(struct call *c) { delete_keys(c); }

static void count_keys(struct call *c, uint32_t how) {
    int64_t n = 0;
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        n += key_find(&c->txn, &c->keys[i], how) != NULL;
    }
    reply_int(c, n);
}

void cmd_exists(struct call *c) { count_keys(c, FIND_COUNT); }

void cmd_touch(struct call *c) {
    c->txn.flags &= ~(uint32_t)TXN_NO_TOUCH; // CLIENT NO-TOUCH is not meant for the command that does nothing else
    count_keys(c, FIND_COUNT | FIND_TOUCH);
}

void cmd_type(struct call *c) {
    struct entry *e = key_peek(&c->txn, &c->keys[0]);
    reply_status(c, e ? value_type_name((enum value_type)e->type) : "none");
}

// ---- RENAME, COPY, MOVE ------------------------------------------------------------------------------------------------------

enum transfer_flags { TRANSFER_DELETE_SOURCE = 1 << 0, TRANSFER_REPLACE = 1 << 1 };
enum transfer { TRANSFER_DONE, TRANSFER_NO_SOURCE, TRANSFER_TAKEN, TRANSFER_NO_MEMORY };

static bool emit_transfer(struct txn *t, const struct key *from, const struct key *to, const struct entry *e, uint32_t flags) {
    if (!effect_wanted(t)) return true;
    return (!(flags & TRANSFER_DELETE_SOURCE) || effect_del(t, from)) && effect_restore(t, to, e, entry_expire_at(e));
}

// Puts the value and expiry of `from` at `to`, another key. An expired key at `to` goes before `from` is looked up: what is found
// there stays where it is until the value has been copied.
static enum transfer transfer(struct call *c, const struct key *from, const struct key *to, uint32_t flags) {
    struct txn *t = &c->txn;
    struct entry *old = key_write(t, to), *e = key_find(t, from, flags & TRANSFER_DELETE_SOURCE ? FIND_TOUCH : FIND_TOUCH | FIND_COUNT); // to Redis, moving is a look for writing
    struct effects_mark mark = effects_mark(t);
    if (!e) return TRANSFER_NO_SOURCE;
    if (old && !(flags & TRANSFER_REPLACE)) return TRANSFER_TAKEN;
    bool moved = flags & TRANSFER_DELETE_SOURCE;
    if (!emit_transfer(t, from, to, e, flags) ||
        (moved ? key_move(t, from, e, to, old) : key_copy_value(t, e, to, old, entry_expire_at(e))) != KORA_OK) {
        effects_retract(t, mark);
        return TRANSFER_NO_MEMORY;
    }
    if (old) event_emit(t, to, EVENT_NEW, "new"); // as Redis, where it is taken away first
    key_changed(c, to);
    if (moved) key_changed(c, from);
    return TRANSFER_DONE;
}

// 1, or 0 where there was nothing to do.
static void reply_transfer(struct call *c, enum transfer result) {
    if (result == TRANSFER_NO_MEMORY) reply_no_memory(c);
    else reply_int(c, result == TRANSFER_DONE);
}

static void rename_key(struct call *c, bool only_new) {
    const struct key *from = &c->keys[0], *to = &c->keys[1];
    enum transfer result;
    if (slice_equal(from->name, to->name)) {
        result = key_find(&c->txn, from, FIND_TOUCH) ? TRANSFER_TAKEN : TRANSFER_NO_SOURCE;
    } else {
        result = transfer(c, from, to, TRANSFER_DELETE_SOURCE | (only_new ? 0 : TRANSFER_REPLACE));
    }
    if (result == TRANSFER_NO_SOURCE) reply_no_key(c);
    else if (only_new || result == TRANSFER_NO_MEMORY) reply_transfer(c, result);
    else reply_ok(c);
}

void cmd_rename(struct call *c) { rename_key(c, false); }
void cmd_renamenx(struct call *c) { rename_key(c, true); }

static void reply_same_object(struct call *c) { reply_error(c, "ERR source and destination objects are the same"); }

void cmd_copy(struct call *c) {
    struct key to = c->keys[1]; // a key's stripe is the same in every database
    uint32_t flags = 0;
    for (int i = 3; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], "replace")) {
            flags = TRANSFER_REPLACE;
        } else if (slice_is_word(c->argv[i], "db") && i + 1 < c->argc) {
            if (!read_db(c, c->argv[++i], NULL, &to.db)) return;
        } else {
            reply_syntax_error(c);
            return;
        }
    }
    if (to.db == c->keys[0].db && slice_equal(to.name, c->keys[0].name)) reply_same_object(c);
    else reply_transfer(c, transfer(c, &c->keys[0], &to, flags));
}

void cmd_move(struct call *c) {
    struct key to = c->keys[0];
    if (!read_db(c, c->argv[2], NULL, &to.db)) return;
    if (to.db == c->keys[0].db) reply_same_object(c);
    else reply_transfer(c, transfer(c, &c->keys[0], &to, TRANSFER_DELETE_SOURCE));
}

// ---- OBJECT --------------------------------------------------------------------------------------------------------------------

#define POLICY_NOTE "Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."

static struct entry *find_object(struct call *c) {
    c->txn.notify &= ~(uint32_t)EVENT_MISS; // looking at a key is not missing it
    struct entry *e = key_peek(&c->txn, &c->keys[0]);
    if (!e) reply_null(c);
    return e;
}

static bool policy_is(struct call *c, enum access_policy policy) {
    return atomic_load_explicit(&c->txn.common->settings.access_policy, memory_order_relaxed) == policy;
}

void cmd_object_encoding(struct call *c) {
    struct entry *e = find_object(c);
    if (e) reply_bulk_str(c, entry_encoding(e));
}

void cmd_object_refcount(struct call *c) {
    if (find_object(c)) reply_int(c, 1);
}

void cmd_object_idletime(struct call *c) {
    struct entry *e = find_object(c);
    if (!e) return;
    if (policy_is(c, ACCESS_LFU)) reply_error(c, "ERR An LFU maxmemory policy is selected, idle time not tracked. " POLICY_NOTE);
    else if (policy_is(c, ACCESS_S3FIFO)) reply_error(c, "ERR An S3-FIFO maxmemory policy is selected, idle time not tracked. " POLICY_NOTE);
    else reply_int(c, (int64_t)entry_idle_s(&c->txn, e));
}

void cmd_object_freq(struct call *c) {
    struct entry *e = find_object(c);
    if (!e) return;
    if (policy_is(c, ACCESS_LFU)) reply_int(c, entry_frequency(&c->txn, e));
    else reply_error(c, "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " POLICY_NOTE);
}

void cmd_object_help(struct call *c) { reply_help(c); }
