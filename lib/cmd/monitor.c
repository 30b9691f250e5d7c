// MONITOR: a line about each command that runs, to whoever asks for that. Nothing but one load where nobody does.
//
//     +1700000000.123456 [0 127.0.0.1:40000] "set" "key" "value\x00"
//
// Told at the end of the command, its leases still held, so that those about one key come in the order in which they ran. Commands for
// administrators are not told, and passwords are not shown.
#include "base/clock.h"
#include "call/multi.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "feed/feed.h"

enum { PEER_TEXT_MAX = 160 };

static void append_quoted(struct buf *out, struct slice s) {
    static const char plain[] = "\n\r\t\a\b\\\"", letters[] = "nrtab\\\"";
    buf_append_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char byte = (unsigned char)s.p[i];
        const char *at = byte ? strchr(plain, byte) : NULL;
        if (at) buf_append(out, (char[]){ '\\', letters[at - plain] }, 2);
        else if (byte >= ' ' && byte < 0x7f) buf_append_char(out, (char)byte);
        else buf_printf(out, "\\x%02x", byte);
    }
    buf_append_char(out, '"');
}

// Passwords: all that AUTH is told, and the two words behind HELLO's AUTH.
static bool is_secret(const struct call *c, int i) {
    if (i == 0) return false;
    if (c->cmd->handler == cmd_auth) return true;
    if (c->cmd->handler != cmd_hello) return false;
    return (i >= 2 && slice_is_word(c->argv[i - 1], "auth")) || (i >= 3 && slice_is_word(c->argv[i - 2], "auth"));
}

// Not told: a further visit of a call that has several, or pass of one that waits.
static bool is_first_visit(const struct call *c) {
    if (c->pass == CALL_SERVED || c->pass == CALL_TIMED_OUT || c->walk_on) return false;
    return (c->cmd->route != ROUTE_SCATTER && c->cmd->route != ROUTE_SHARDS) || c->part == 0;
}

// A transaction's are told at its end, when it is known what they have to wait for.
static void tell(struct call *c, struct slice line) {
    uint64_t need = MAX(c->session->need, c->txn.need);
    if (c->txn.stripe_count && session_queues(c->session)) {
        event_record_line(&c->txn, line, need);
        return;
    }
    struct payload *p = payload_of_bytes(line, need);
    if (!p) return;
    feed_tell_monitors(c->txn.common->feed, p);
    payload_unref(p);
}

void monitor_tell(struct call *c) {
    if ((c->cmd->flags & (CMD_ADMIN | CMD_SKIP_MONITOR)) || !is_first_visit(c)) return;
    struct common *common = c->txn.common;
    int64_t us = common->wall_ms ? common->wall_ms(common->wall_arg) * 1000 : clock_wall_us();
    char peer[PEER_TEXT_MAX] = "in-process";
    struct buf line = { 0 };
    if (c->session->client) c->host->client_peer(c->session, peer, sizeof peer);
    buf_printf(&line, "+%lld.%06lld [%u %s]", (long long)(us / 1000000), (long long)(us % 1000000), c->session->db, peer);
    for (int i = 0; i < c->argc; i++) {
        buf_append_char(&line, ' ');
        append_quoted(&line, is_secret(c, i) ? SLICE("(redacted)") : c->argv[i]);
    }
    buf_append(&line, "\r\n", 2);
    if (!line.failed) tell(c, slice_of(line.p, line.n));
    buf_free(&line);
}

// A second one is ignored, as by Redis, answer and all.
void cmd_monitor(struct call *c) {
    struct session *s = c->session;
    if (!s->client) {
        reply_error(c, "ERR MONITOR needs a connection");
        return;
    }
    struct subscriber *who = s->subscriber ? s->subscriber : c->host->client_subscriber(s);
    if (!who) reply_no_memory(c);
    else if (feed_monitor(c->txn.common->feed, who)) reply_ok(c);
}
