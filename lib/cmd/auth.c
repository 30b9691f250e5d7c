// AUTH, HELLO, QUIT, RESET: who a connection is, and how it speaks.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/session.h"
#include "feed/feed.h"
#include "cmd/settings.h"

// There is one user, "default"; without requirepass every password is right.
static bool authenticate(struct call *c, struct slice user, struct slice password) {
    struct settings *s = &c->txn.common->settings;
    if (slice_equal(user, SLICE("default")) && settings_password_is(s, password)) {
        c->session->authenticated = true;
        return true;
    }
    reply_error(c, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

static bool password_required(struct call *c) {
    return atomic_load_explicit(&c->txn.common->settings.auth_required, memory_order_relaxed) != 0;
}

void cmd_auth(struct call *c) {
    if (c->argc > 3) {
        reply_syntax_error(c);
    } else if (c->argc == 2 && !password_required(c)) {
        reply_error(c, "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?");
    } else if (authenticate(c, c->argc == 2 ? SLICE("default") : c->argv[1], c->argv[c->argc - 1])) {
        reply_ok(c);
    }
}

static void describe_server(struct call *c) {
    reply_map(c, 7);
    reply_bulk_str(c, "server");
    reply_bulk_str(c, "redis");
    reply_bulk_str(c, "version");
    reply_bulk_str(c, HOST_REDIS_VERSION);
    reply_bulk_str(c, "proto");
    reply_int(c, c->reply.version);
    reply_bulk_str(c, "id");
    reply_int(c, (int64_t)c->session->id);
    reply_bulk_str(c, "mode");
    reply_bulk_str(c, "standalone");
    reply_bulk_str(c, "role");
    reply_bulk_str(c, "master");
    reply_bulk_str(c, "modules");
    reply_array(c, 0);
}

struct hello {
    int64_t version;
    const struct slice *user, *password, *name;
};

static bool read_hello(struct call *c, struct hello *h) {
    if (c->argc > 1 && !num_parse_int(c->argv[1], &h->version)) {
        reply_error(c, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (c->argc > 1 && (h->version < 2 || h->version > 3)) {
        reply_error(c, "NOPROTO unsupported protocol version");
        return false;
    }
    for (int i = 2; i < c->argc; i++) {
        int more = c->argc - 1 - i;
        if (slice_is_word(c->argv[i], "auth") && more >= 2) {
            h->user = &c->argv[++i];
            h->password = &c->argv[++i];
        } else if (slice_is_word(c->argv[i], "setname") && more >= 1) {
            h->name = &c->argv[++i];
            if (!session_name_ok(*h->name)) {
                reply_error(c, "ERR Client names cannot contain spaces, newlines or special characters.");
                return false;
            }
        } else {
            reply_error(c, "ERR Syntax error in HELLO option '%.*s'", (int)MIN(c->argv[i].n, (size_t)128), c->argv[i].p);
            return false;
        }
    }
    return true;
}

void cmd_hello(struct call *c) {
    struct hello h = { 0 };
    if (!read_hello(c, &h)) return;
    if (h.user && !authenticate(c, *h.user, *h.password)) return;
    if (!c->session->authenticated) {
        reply_error(c, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> "
                       "option can be used to authenticate the client and select the RESP protocol version at the same time");
        return;
    }
    if (h.name && !session_set_text(&c->session->name, *h.name)) {
        reply_no_memory(c);
        return;
    }
    if (h.version) c->session->version = c->reply.version = (int)h.version;
    describe_server(c);
}

void cmd_quit(struct call *c) {
    c->session->close = true;
    reply_ok(c);
}

// Who listens needs all leases to leave: the row right behind.
const struct command *reset_variant(const struct call *c) { return feed_listens(c->session->subscriber) ? c->cmd + 1 : c->cmd; }

void cmd_reset(struct call *c) {
    struct session *s = c->session;
    session_end_multi(c->host, s);
    if (s->subscriber) feed_monitor_no_more(c->txn.common->feed, s->subscriber);
    if (feed_listens(s->subscriber) && c->cmd->route == ROUTE_ALL) feed_leave_all(c->txn.common->feed, s->subscriber);
    s->db = 0;
    s->version = c->reply.version = 2;
    s->no_touch = s->no_evict = false;
    s->reply_mode = REPLY_ON;
    s->authenticated = s->client == NULL || !password_required(c);
    mem_free(s->name);
    s->name = NULL;
    reply_status(c, "RESET");
}
