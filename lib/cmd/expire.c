// Expiry: EXPIRE with its relatives, TTL with its relatives, PERSIST. Times are kept as Unix time in milliseconds.
#include "cmd/cmd_int.h"
#include "kora.h"

enum { EXPIRE_NX = 1 << 0, EXPIRE_XX = 1 << 1, EXPIRE_GT = 1 << 2, EXPIRE_LT = 1 << 3 };

static bool parse_flags(struct call *c, uint32_t *flags) {
    static const char *const words[] = { "nx", "xx", "gt", "lt" };
    *flags = 0;
    for (int i = 3; i < c->argc; i++) {
        uint32_t n = 0;
        while (n < ARRAY_LEN(words) && !slice_is_word(c->argv[i], words[n])) n++;
        if (n == ARRAY_LEN(words)) {
            reply_error(c, "ERR Unsupported option %.*s", (int)strnlen(c->argv[i].p, MIN(c->argv[i].n, 512)), c->argv[i].p);
            return false;
        }
        *flags |= 1u << n;
    }
    if ((*flags & EXPIRE_NX) && (*flags & (EXPIRE_XX | EXPIRE_GT | EXPIRE_LT))) {
        reply_error(c, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & EXPIRE_GT) && (*flags & EXPIRE_LT)) {
        reply_error(c, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

// No expiry counts as the latest of all.
static bool flags_met(uint32_t flags, const struct entry *e, int64_t at_ms) {
    bool has = entry_expires(e);
    int64_t now_at = entry_expire_at(e);
    if ((flags & EXPIRE_NX) && has) return false;
    if ((flags & EXPIRE_XX) && !has) return false;
    if ((flags & EXPIRE_GT) && (!has || at_ms <= now_at)) return false;
    if ((flags & EXPIRE_LT) && has && at_ms >= now_at) return false;
    return true;
}

// Deletes what has expired at once, but for effects: these say themselves what is deleted.
static int set_expiry(struct txn *t, const struct key *k, struct entry *e, int64_t at_ms) {
    if (at_ms <= txn_now(t) && !(t->flags & TXN_REPLAY)) {
        if (!effect_del(t, k)) return KORA_NOMEM;
        key_delete(t, k, e);
        return KORA_OK;
    }
    struct effects_mark mark = effects_mark(t);
    if (!effect_pexpireat(t, k, at_ms)) return KORA_NOMEM;
    int status = key_set_expiry(t, k, &e, at_ms);
    if (status != KORA_OK) effects_retract(t, mark);
    return status;
}

static void expire(struct call *c, bool seconds, bool from_now) {
    uint32_t flags;
    int64_t n, at_ms;
    if (!parse_flags(c, &flags) || !read_int(c, c->argv[2], &n) || !read_expire_at(c, n, seconds, from_now, &at_ms)) return;
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (!e || !flags_met(flags, e, at_ms)) {
        reply_int(c, 0);
        return;
    }
    int status = set_expiry(&c->txn, &c->keys[0], e, at_ms);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    key_changed(c, &c->keys[0]);
    reply_int(c, 1);
}

void cmd_expire(struct call *c) { expire(c, true, true); }
void cmd_pexpire(struct call *c) { expire(c, false, true); }
void cmd_expireat(struct call *c) { expire(c, true, false); }
void cmd_pexpireat(struct call *c) { expire(c, false, false); }

static void time_left(struct call *c, bool seconds, bool absolute) {
    struct entry *e = key_peek(&c->txn, &c->keys[0]);
    if (!e || !entry_expires(e)) {
        reply_int(c, e ? -1 : -2);
        return;
    }
    int64_t ms = entry_expire_at(e);
    if (!absolute) ms = MAX(ms - txn_now(&c->txn), 0);
    reply_int(c, seconds ? ms / 1000 + (ms % 1000 >= 500) : ms);
}

void cmd_ttl(struct call *c) { time_left(c, true, false); }
void cmd_pttl(struct call *c) { time_left(c, false, false); }
void cmd_expiretime(struct call *c) { time_left(c, true, true); }
void cmd_pexpiretime(struct call *c) { time_left(c, false, true); }

void cmd_persist(struct call *c) {
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (!e || !entry_expires(e)) {
        reply_int(c, 0);
        return;
    }
    int status = key_set_expiry(&c->txn, &c->keys[0], &e, EXPIRE_NONE);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    c->changed = true;
    reply_int(c, 1);
}
