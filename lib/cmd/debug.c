// DEBUG: off unless enable-debug-command says otherwise. What a call needs depends on its arguments:
//
//     DEBUG OBJECT key              the key's stripe
//     DEBUG DIGEST                  every stripe
//     DEBUG DIGEST-VALUE key ...    the keys' stripes
//     DEBUG SLEEP seconds           every stripe: nothing runs meanwhile, as in Redis
//     DEBUG SLEEP seconds KEY key   the key's stripe alone
//     everything else               nothing
#include <time.h>

#include "cmd/cmd_int.h"
#include "cmd/digest.h"
#include "cmd/host.h"
#include "type/rdb_value.h"

enum debug_allowed { DEBUG_NO, DEBUG_YES, DEBUG_LOCAL };

// Calls of the embedding program, from a unix socket or over the loopback.
static bool is_local(const struct call *c) {
    struct client_view view = { .addr = "" };
    if (!c->session->client) return true;
    if (!c->host || !c->host->client_view) return false;
    c->host->client_view(c->session, &view);
    return view.unix_socket || strncmp(view.addr, "127.0.0.1:", 10) == 0 || strncmp(view.addr, "[::1]:", 6) == 0;
}

static bool allowed(const struct call *c) {
    uint64_t setting = atomic_load_explicit(&c->txn.common->settings.enable_debug_command, memory_order_relaxed);
    return setting == DEBUG_YES || (setting == DEBUG_LOCAL && is_local(c));
}

static bool is_sleep(const struct call *c) { return slice_is_word(c->argv[1], "sleep") && c->argc == 3; }
static bool is_sleep_key(const struct call *c) {
    return slice_is_word(c->argv[1], "sleep") && c->argc == 5 && slice_is_word(c->argv[3], "key");
}
static bool is_digest(const struct call *c) { return slice_is_word(c->argv[1], "digest") && c->argc == 2; }
static bool is_digest_value(const struct call *c) { return slice_is_word(c->argv[1], "digest-value") && c->argc > 2; }
static bool is_object(const struct call *c) { return slice_is_word(c->argv[1], "object") && c->argc == 3; }

// The variants: all stripes, the key at 2, the key at 4, all from 2 on.
const struct command *debug_variant(const struct call *c) {
    enum { ALL = 1, OBJECT, SLEEP_KEY, KEYS };
    if (!allowed(c)) return c->cmd;
    if (is_sleep(c) || is_digest(c)) return c->cmd + ALL;
    if (is_digest_value(c)) return c->cmd + KEYS;
    if (is_object(c)) return c->cmd + OBJECT;
    return is_sleep_key(c) ? c->cmd + SLEEP_KEY : c->cmd;
}

static void sleep_for(struct call *c) {
    enum { SECONDS_MAX = 1000000000 };
    double seconds;
    if (!num_parse_real(c->argv[2], &seconds) || !(seconds > 0)) seconds = 0;
    if (seconds > SECONDS_MAX) seconds = SECONDS_MAX;
    struct timespec left = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    while (nanosleep(&left, &left) != 0) { }
    reply_ok(c);
}

// What the value takes in a snapshot of Redis's format, without its type. SIZE_MAX: no memory to find out.
static size_t serialized_length(const struct entry *e) {
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b, .compress = true };
    rdb_write_entry(&w, e);
    size_t n = b.failed ? SIZE_MAX : b.n - 1;
    buf_free(&b);
    return n;
}

static void describe_object(struct call *c) {
    char text[256];
    struct entry *e = key_find(&c->txn, &c->keys[0], 0);
    if (!e) {
        reply_no_key(c);
        return;
    }
    size_t length = serialized_length(e);
    if (length == SIZE_MAX) {
        reply_no_memory(c);
        return;
    }
    snprintf(text, sizeof text, "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%llu", (void *)e,
        entry_encoding(e), length, (unsigned)e->access, (unsigned long long)entry_idle_s(&c->txn, e));
    reply_status(c, text);
}

// Written as Redis writes its own, which is of another kind; no key at all has the same.
static void reply_digest(struct call *c, uint64_t sum) {
    char text[41];
    snprintf(text, sizeof text, "%040llx", (unsigned long long)sum);
    reply_status(c, text);
}

struct digest_visit {
    uint64_t sum;
    uint32_t db;
};

static void visit_digest(void *arg, void *entry) {
    struct digest_visit *v = arg;
    v->sum += digest_of_key(entry, v->db);
}

static void digest_all(struct call *c) {
    struct common *common = c->txn.common;
    struct digest_visit v = { 0 };
    for (v.db = 0; v.db < common->databases; v.db++) {
        for (uint32_t i = 0; i < common->stripe_count; i++) stripe_scan(&common->stripes[i], &c->txn, v.db, 0, SIZE_MAX, visit_digest, &v);
    }
    reply_digest(c, v.sum);
}

static void digest_values(struct call *c) {
    reply_array(c, c->key_count);
    for (uint32_t i = 0; i < c->key_count; i++) {
        const struct entry *e = key_find(&c->txn, &c->keys[i], 0);
        reply_digest(c, e ? digest_of_value(e) : 0);
    }
}

static void reply_debug_help(struct call *c) {
    static const char *const lines[] = {
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DIGEST",
        "    A number in hex that is the same for the same data: keys, values, expiries.",
        "DIGEST-VALUE key [key ...]",
        "    The same of the keys' values.",
        "OBJECT key",
        "    How the key's value is stored.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Whether keys that have expired are deleted in the background, too.",
        "SLEEP seconds [KEY key]",
        "    Holds everything for a while, or what shares a stripe with the key. Decimals allowed.",
        "HELP",
        "    This help.",
    };
    reply_array(c, ARRAY_LEN(lines));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) reply_status(c, lines[i]);
}

static void set_active_expire(struct call *c) {
    int64_t n;
    if (!num_parse_int(c->argv[2], &n)) n = 0; // Redis takes anything that is no number for 0
    atomic_store_explicit(&c->txn.common->settings.active_expire, n != 0, memory_order_relaxed);
    if (c->host && c->host->settings_changed) c->host->settings_changed(c->host);
    reply_ok(c);
}

void cmd_debug(struct call *c) {
    if (!allowed(c)) {
        reply_error(c, "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local "
                       "connection, otherwise you need to set this option in the configuration file, and then restart the server.");
    } else if (is_sleep(c) || is_sleep_key(c)) {
        sleep_for(c);
    } else if (is_digest(c)) {
        digest_all(c);
    } else if (is_digest_value(c)) {
        digest_values(c);
    } else if (is_object(c)) {
        describe_object(c);
    } else if (slice_is_word(c->argv[1], "set-active-expire") && c->argc == 3) {
        set_active_expire(c);
    } else if (slice_is_word(c->argv[1], "help") && c->argc == 2) {
        reply_debug_help(c);
    } else {
        reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
            (int)strnlen(c->argv[1].p, MIN(c->argv[1].n, 128)), c->argv[1].p);
    }
}
