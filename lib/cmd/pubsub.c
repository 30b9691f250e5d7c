// Publish and subscribe. What there is to be known of channels, and who protects it: feed/feed.h.
//
// Confirmations are no replies but go the way of messages, which they must be in order with: whoever has got one of SUBSCRIBE gets all that is
// published from then on, and nothing after that of UNSUBSCRIBE.
#include "call/multi.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "feed/feed.h"

static struct feed *feed_of(struct call *c) { return c->txn.common->feed; }

// ---- which leases ----------------------------------------------------------------------------------------------------------------

static bool any_special(const struct call *c) {
    for (int i = 1; i < c->argc; i++) {
        if (feed_name_is_special(c->argv[i])) return true;
    }
    return false;
}

// The row for all leases stands right behind.
const struct command *subscribe_variant(const struct call *c) { return any_special(c) ? c->cmd + 1 : c->cmd; }
const struct command *unsubscribe_variant(const struct call *c) { return c->argc == 1 || any_special(c) ? c->cmd + 1 : c->cmd; }
const struct command *sunsubscribe_variant(const struct call *c) { return c->argc == 1 ? c->cmd + 1 : c->cmd; }

static uint32_t stripe_of(struct call *c, struct slice name) { return key_place(c->txn.common, name).stripe; }

// Of these two flags nothing else has both.
bool command_allowed_to_subscriber(const struct command *cmd) {
    return (cmd->flags & CMD_PUBSUB && cmd->flags & CMD_NOSCRIPT) || cmd->handler == cmd_ping || cmd->handler == cmd_quit || cmd->handler == cmd_reset;
}

// ---- subscribing -----------------------------------------------------------------------------------------------------------------

static const struct words {
    const char *subscribe, *unsubscribe;
} words[FEED_KINDS] = { { "subscribe", "unsubscribe" }, { "psubscribe", "punsubscribe" }, { "ssubscribe", "sunsubscribe" } };

// Shard channels are counted by themselves.
static uint64_t count_of(const struct subscriber *s, enum feed_kind kind) {
    if (!s) return 0;
    return kind == FEED_SHARD_CHANNEL ? s->count[kind] : s->count[FEED_CHANNEL] + s->count[FEED_PATTERN];
}

static void write_change(struct call *c, const char *word, const struct slice *name, uint64_t count, struct buf *out) {
    int version = c->session->version;
    resp_write_push(out, version, 3);
    resp_write_bulk(out, word, strlen(word));
    if (name) resp_write_bulk_slice(out, *name);
    else resp_write_null(out, version);
    resp_write_int(out, (int64_t)count);
}

static void send_changes(struct call *c, struct buf *out) {
    bool in_exec = session_queues(c->session); // stands where that command's reply would: clients count
    if (out->failed) c->reply.buf->failed = true;
    else if (out->n && (in_exec || !(c->host->client_push && c->host->client_push(c, slice_of(out->p, out->n))))) buf_append(c->reply.buf, out->p, out->n);
    buf_free(out);
}

static struct subscriber *subscriber_of(struct call *c) {
    struct session *s = c->session;
    if (s->subscriber) return s->subscriber;
    if (!s->client) {
        reply_error(c, "ERR messages need a connection: a program calls kora_subscribe");
        return NULL;
    }
    struct subscriber *who = c->host->client_subscriber(s);
    if (!who) reply_no_memory(c);
    return who;
}

static void subscribe(struct call *c, enum feed_kind kind) {
    struct subscriber *s = subscriber_of(c);
    struct buf out = { 0 };
    bool ok = s != NULL;
    for (int i = 1; ok && i < c->argc; i++) {
        struct slice name = c->argv[i];
        ok = feed_subscribe(feed_of(c), s, kind, kind == FEED_PATTERN ? 0 : stripe_of(c, name), name) != FEED_NOMEM;
        if (ok) write_change(c, words[kind].subscribe, &name, count_of(s, kind), &out);
    }
    send_changes(c, &out);
    if (s && !ok) reply_no_memory(c);
}

static void unsubscribe_from_all(struct call *c, enum feed_kind kind, struct buf *out) {
    struct subscriber *s = c->session->subscriber;
    struct buf name = { 0 };
    bool any = false;
    if (s) feed_drain(feed_of(c), s->shard); // what was published before comes before the confirmation, also that of nothing
    while (s && feed_leave_one(feed_of(c), s, kind, &name)) {
        struct slice left = slice_of(name.p, name.n);
        if (name.failed) out->failed = true;
        else write_change(c, words[kind].unsubscribe, &left, count_of(s, kind), out);
        any = true;
    }
    buf_free(&name);
    if (!any) write_change(c, words[kind].unsubscribe, NULL, count_of(s, kind), out);
}

static void unsubscribe(struct call *c, enum feed_kind kind) {
    struct subscriber *s = c->session->subscriber;
    struct buf out = { 0 };
    if (c->argc == 1) unsubscribe_from_all(c, kind, &out);
    for (int i = 1; i < c->argc; i++) {
        struct slice name = c->argv[i];
        if (s) feed_unsubscribe(feed_of(c), s, kind, kind == FEED_PATTERN ? 0 : stripe_of(c, name), name);
        write_change(c, words[kind].unsubscribe, &name, count_of(s, kind), &out);
    }
    send_changes(c, &out);
}

void cmd_subscribe(struct call *c) { subscribe(c, FEED_CHANNEL); }
void cmd_psubscribe(struct call *c) { subscribe(c, FEED_PATTERN); }
void cmd_ssubscribe(struct call *c) {
    if (session_queues(c->session)) reply_error(c, "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"); // Redis allows the other two
    else subscribe(c, FEED_SHARD_CHANNEL);
}
void cmd_unsubscribe(struct call *c) { unsubscribe(c, FEED_CHANNEL); }
void cmd_punsubscribe(struct call *c) { unsubscribe(c, FEED_PATTERN); }
void cmd_sunsubscribe(struct call *c) { unsubscribe(c, FEED_SHARD_CHANNEL); }

// ---- publishing ------------------------------------------------------------------------------------------------------------------

// What it tells may be of all that its session has seen before; and of what other commands of its transaction do, so there it is told at the end.
static void publish(struct call *c, enum feed_kind kind) {
    uint32_t stripe = c->keys[0].stripe_number;
    bool later = session_queues(c->session) && effect_comes_first(&c->txn);
    int64_t n = later ? feed_receivers(feed_of(c), kind, stripe, c->argv[1]) :
        feed_publish(feed_of(c), kind, stripe, c->argv[1], c->argv[2], c->session->need);
    if (later && n > 0 && !event_record_message(&c->txn, kind, stripe, c->argv[1], c->argv[2], c->session->need)) n = -1;
    if (n < 0) reply_no_memory(c);
    else reply_int(c, n);
}

void cmd_publish(struct call *c) { publish(c, FEED_CHANNEL); }
void cmd_spublish(struct call *c) { publish(c, FEED_SHARD_CHANNEL); }

// ---- PUBSUB ----------------------------------------------------------------------------------------------------------------------

static void add_name(void *arg, struct slice name) {
    struct call *c = arg;
    if (c->argc == 3 && !feed_pattern_matches(c->argv[2], name)) return;
    reply_bulk(c, name);
    c->sum++;
}

static void channels(struct call *c, enum feed_kind kind) {
    if (c->argc <= 3) feed_each(feed_of(c), kind, c->part, add_name, c);
    else reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.", (int)MIN(c->argv[1].n, (size_t)128), c->argv[1].p);
}

static void numsub(struct call *c, enum feed_kind kind) {
    reply_array(c, 2 * (size_t)(c->argc - 2));
    for (int i = 2; i < c->argc; i++) {
        reply_bulk(c, c->argv[i]);
        reply_int(c, (int64_t)feed_count(feed_of(c), kind, c->keys[i - 2].stripe_number, c->argv[i]));
    }
}

void cmd_pubsub_channels(struct call *c) { channels(c, FEED_CHANNEL); }
void cmd_pubsub_shardchannels(struct call *c) { channels(c, FEED_SHARD_CHANNEL); }
void cmd_pubsub_numsub(struct call *c) { numsub(c, FEED_CHANNEL); }
void cmd_pubsub_shardnumsub(struct call *c) { numsub(c, FEED_SHARD_CHANNEL); }
void cmd_pubsub_numpat(struct call *c) { reply_int(c, (int64_t)feed_channels(feed_of(c), FEED_PATTERN)); }
void cmd_pubsub_help(struct call *c) { reply_help(c); }
