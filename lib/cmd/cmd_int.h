// What the families of commands share: reading arguments, changing keys together with their effects, HELP.
#ifndef KORA_CMD_CMD_INT_H
#define KORA_CMD_CMD_INT_H

#include "cmd/cmd.h"
#include "stripe/stripe.h"

// ---- arguments: false when the error reply is written -----------------------------------------------------------------------

bool read_int(struct call *c, struct slice s, int64_t *n);
// A 32-bit integer; `text` (NULL: Redis's usual ones) is the error for anything else.
bool read_int32(struct call *c, struct slice s, const char *text, int64_t *n);
// The place of a bit in a string, as long as strings may be; `unit` (0: none) is what "#n" counts in.
bool read_bit_offset(struct call *c, struct slice s, int64_t unit, uint64_t *offset);
bool read_db(struct call *c, struct slice s, const char *text, uint32_t *db);
// n seconds or milliseconds, from now or since 1970, as Unix time in ms; what does not fit is an invalid expire time.
bool read_expire_at(struct call *c, int64_t n, bool seconds, bool from_now, int64_t *at_ms);
void reply_invalid_expire(struct call *c);
void reply_arity(struct call *c);
// Of a blocking command: seconds, perhaps with a fraction, as milliseconds; 0: for ever.
bool read_timeout(struct call *c, struct slice s, int64_t *ms);
// A key without a value counts as a string, too.
static inline bool check_string(struct call *c, const struct entry *e) {
    if (likely(!e || e->type == TYPE_STRING)) return true;
    reply_wrong_type(c);
    return false;
}

// ---- collections ---------------------------------------------------------------------------------------------------------------

// The value of c->keys[i], to be read or to be changed. It is there, or may become one of `type`. False: it is of another type, and the error is written.
static inline bool value_open(struct call *c, uint32_t i, enum value_type type, struct entry *e, struct value *v) {
    value_attach(v, type, &c->txn, &c->keys[i], e);
    if (likely(v->type == type)) return true;
    reply_wrong_type(c);
    return false;
}
static inline bool value_read(struct call *c, uint32_t i, enum value_type type, struct value *v) {
    return value_open(c, i, type, key_read(&c->txn, &c->keys[i]), v);
}
static inline bool value_write(struct call *c, uint32_t i, enum value_type type, struct value *v) {
    return value_open(c, i, type, key_write(&c->txn, &c->keys[i]), v);
}

// For a blocking command: the value of a key that it looks at now. While it waits, a key of another type has nothing for it.
static inline bool value_wanted(struct call *c, uint32_t i, enum value_type type, struct value *v) {
    struct entry *e = key_write(&c->txn, &c->keys[i]);
    if (unlikely(c->pass == CALL_SERVED && e && e->type != type)) e = NULL;
    return value_open(c, i, type, e, v);
}

// ---- changes -----------------------------------------------------------------------------------------------------------------
//
// A handler emits its effects, then changes, then replies: what can fail comes first. If the change fails after all, its effects are taken
// back; those of keys that expired on the way stay.

struct effects_mark {
    size_t bytes;
    uint32_t count;
};
static inline struct effects_mark effects_mark(const struct txn *t) { return (struct effects_mark){ t->effects.n, t->emitted }; }
static inline void effects_retract(struct txn *t, struct effects_mark m) {
    effect_forget(t, m.bytes, m.count);
}
// The event that a change by this command is (event.c).
void event_of_command(struct call *c, const struct key *k);
// A handler that emits its effects itself leaves call->changed alone and says here which key it has changed.
static inline void key_changed(struct call *c, const struct key *k) {
    if (unlikely(c->txn.notify)) event_of_command(c, k);
    count_up(&k->stripe->counters.changes);
    key_publish(k);
    if (unlikely(k->stripe->waiting.count)) waiting_ready(k);
    key_mark_watched(k);
}
// A whole value as an effect: RESTORE with its payload, or SET. Encoded only where somebody wants effects. False: no memory (change nothing).
bool effect_restore(struct txn *t, const struct key *k, const struct entry *e, int64_t expire_at_ms);
bool effect_restore_value(struct txn *t, const struct key *k, const struct value *v, int64_t expire_at_ms); // no string
// Room for a reply of n bytes, before anything is changed. False: no memory, which whoever sends the reply sees in the buffer.
static inline bool reply_room(struct call *c, size_t n) { return buf_reserve(c->reply.buf, n + RESP_HEADER_MAX + 2) != NULL; }

// The room that every command that writes begins with: for a short reply, and for its argv as its effect. One that has emitted others since (of what had
// expired within its value), and then sets c->changed, asks for it again. False: no memory, the error is written.
bool call_make_room(struct call *c);

// Reads the keys' cache lines ahead: for handlers that go through c->keys one by one.
enum { PREFETCH_KEYS = 16 };
static inline void prefetch_keys(const struct call *c, uint32_t i) {
    if (c->key_count < 4 || i % PREFETCH_KEYS != 0) return;
    uint32_t end = MIN(c->key_count, i + PREFETCH_KEYS);
    for (uint32_t k = i; k < end; k++) key_prefetch_bucket(&c->keys[k]);
    for (uint32_t k = i; k < end; k++) key_prefetch_entry(&c->keys[k]);
}

void monitor_tell(struct call *c); // MONITOR's line about a call that has run

// ---- HELP --------------------------------------------------------------------------------------------------------------------

// The subcommands of c->cmd's container, from the table.
void reply_help(struct call *c);
// `from` in upper case, cut to `size` with its zero byte.
void upper_name(const char *from, char *to, size_t size);

#endif
