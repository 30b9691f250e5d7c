// Events: what keyspace notifications tell. An execution collects them in txn->events, in the order in which they are to be told, and at its end, its
// leases still held, each is published to the channels of its key and of its name. So those of a key come in the order of its changes. They wait until what
// the execution has read or written is durable (txn->need); so while that is waited for, what a transaction's commands publish and monitors are told of them
// is collected here, too, until all of it is known. And where there is a log, what they publish is collected under any policy: see effect_comes_first.
//
// Records of struct record and the key's name, padded to 8. Without memory an event is lost: the change that it tells of is done by then.
#include "base/mem.h"
#include "base/num.h"
#include "feed/feed.h"
#include "stripe/stripe.h"

struct record {
    uint32_t size, db, key_n, class;
    const char *name;
    // EVENT_MESSAGE and EVENT_LINE: `key` is the channel, `db` its kind; the message is behind it
    uint64_t need;
    uint32_t stripe, message_n;
    char key[];
};

static struct record *last_of(struct txn *t) { return t->events.n > t->events_from ? (struct record *)(void *)(t->events.p + t->last_event) : NULL; }

static bool is_emptied(const struct record *r, const struct key *k) {
    return r && r->class == EVENT_EMPTIED && r->db == k->db && slice_equal(slice_of(r->key, r->key_n), k->name);
}

void event_record(struct txn *t, const struct key *k, uint32_t class, const char *name) {
    size_t n = ALIGN_UP(sizeof(struct record) + k->name.n, 8);
    char *to = n <= UINT32_MAX ? buf_reserve(&t->events, n) : NULL;
    if (!to) {
        t->events.failed = false;
        return;
    }
    t->send_events = events_send;
    // What a command did to a value comes before that nothing was left of it.
    struct record *last = last_of(t);
    size_t at = t->events.n, moved = 0;
    if (class != EVENT_EMPTIED && last && (is_emptied(last, k) || (class == EVENT_LIST && last->class == EVENT_EMPTIED))) {
        at = t->last_event;
        moved = last->size;
        memmove(t->events.p + at + n, last, moved);
    }
    struct record r = { .size = (uint32_t)n, .db = k->db, .key_n = (uint32_t)k->name.n, .class = class, .name = name };
    memcpy(t->events.p + at, &r, sizeof r);
    if (k->name.n) memcpy(t->events.p + at + sizeof r, k->name.p, k->name.n);
    t->events.n += n;
    t->last_event = moved ? at + n : at;
}

static bool record_message(struct txn *t, struct record *r, struct slice channel, struct slice message) {
    size_t n = ALIGN_UP(sizeof *r + channel.n + message.n, 8);
    char *to = n <= UINT32_MAX ? buf_reserve(&t->events, n) : NULL;
    if (!to) {
        t->events.failed = false;
        return false;
    }
    t->send_events = events_send;
    r->size = (uint32_t)n;
    r->key_n = (uint32_t)channel.n;
    r->message_n = (uint32_t)message.n;
    memcpy(to, r, sizeof *r);
    if (channel.n) memcpy(to + sizeof *r, channel.p, channel.n);
    if (message.n) memcpy(to + sizeof *r + channel.n, message.p, message.n);
    t->events.n += n;
    t->events_from = t->events.n;
    return true;
}

bool event_record_message(struct txn *t, uint32_t kind, uint32_t stripe, struct slice channel, struct slice message, uint64_t need) {
    return record_message(t, &(struct record){ .db = kind, .class = EVENT_MESSAGE, .need = need, .stripe = stripe }, channel, message);
}

bool event_record_line(struct txn *t, struct slice line, uint64_t need) {
    return record_message(t, &(struct record){ .class = EVENT_LINE, .need = need }, SLICE(""), line);
}

static void send_message(struct txn *t, const struct record *r) {
    struct slice channel = slice_of(r->key, r->key_n), message = slice_of(r->key + r->key_n, r->message_n);
    uint64_t need = MAX(r->need, t->need);
    if (r->class == EVENT_MESSAGE) {
        feed_publish(t->common->feed, (enum feed_kind)r->db, r->stripe, channel, message, need);
        return;
    }
    struct payload *p = payload_of_bytes(message, need);
    if (!p) return;
    feed_tell_monitors(t->common->feed, p);
    payload_unref(p);
}

static void publish(struct txn *t, const char *prefix, const struct record *r, struct slice what, struct slice message, struct buf *channel) {
    buf_clear(channel);
    buf_printf(channel, "__%s@%u__:", prefix, r->db);
    buf_append_slice(channel, what);
    if (!channel->failed) feed_publish(t->common->feed, FEED_CHANNEL, 0, slice_of(channel->p, channel->n), message, t->need);
}

static void send_event(struct txn *t, const struct record *r, struct buf *channel) {
    struct slice key = slice_of(r->key, r->key_n), name = slice_str(r->name);
    if (t->notify & EVENT_KEYSPACE) publish(t, "keyspace", r, key, name, channel);
    if (t->notify & EVENT_KEYEVENT) publish(t, "keyevent", r, name, key, channel);
}

void events_send(struct txn *t) {
    struct buf channel = { 0 };
    for (size_t at = 0; at < t->events.n;) {
        const struct record *r = (const struct record *)(const void *)(t->events.p + at);
        if (r->class & (EVENT_MESSAGE | EVENT_LINE)) send_message(t, r);
        else send_event(t, r, &channel);
        at += r->size;
    }
    buf_free(&channel);
    buf_free(&t->events);
    t->last_event = t->events_from = 0;
}
