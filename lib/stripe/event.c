// Events: what keyspace notifications tell. An execution collects them in txn->events, in the order in which they are to be told, and at its end, its
// leases still held, each is published to the channels of its key and of its name. So those of a key come in the order of its changes.
//
// Records of struct record and the key's name, padded to 8. Without memory an event is lost: the change that it tells of is done by then.
#include "base/mem.h"
#include "base/num.h"
#include "feed/feed.h"
#include "stripe/stripe.h"

struct record {
    uint32_t size, db, key_n, class;
    const char *name;
    char key[];
};

static struct record *last_of(struct txn *t) { return t->events.n ? (struct record *)(void *)(t->events.p + t->last_event) : NULL; }

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
    struct record r = { (uint32_t)n, k->db, (uint32_t)k->name.n, class, name };
    memcpy(t->events.p + at, &r, sizeof r);
    if (k->name.n) memcpy(t->events.p + at + sizeof r, k->name.p, k->name.n);
    t->events.n += n;
    t->last_event = moved ? at + n : at;
}

static void publish(struct txn *t, const char *prefix, const struct record *r, struct slice what, struct slice message, struct buf *channel) {
    buf_clear(channel);
    buf_printf(channel, "__%s@%u__:", prefix, r->db);
    buf_append_slice(channel, what);
    if (!channel->failed) feed_publish(t->common->feed, FEED_CHANNEL, 0, slice_of(channel->p, channel->n), message);
}

void events_send(struct txn *t) {
    struct buf channel = { 0 };
    uint32_t kinds = t->notify;
    for (size_t at = 0; at < t->events.n;) {
        const struct record *r = (const struct record *)(const void *)(t->events.p + at);
        struct slice key = slice_of(r->key, r->key_n), name = slice_str(r->name);
        if (kinds & EVENT_KEYSPACE) publish(t, "keyspace", r, key, name, &channel);
        if (kinds & EVENT_KEYEVENT) publish(t, "keyevent", r, name, key, &channel);
        at += r->size;
    }
    buf_free(&channel);
    buf_free(&t->events);
    t->last_event = 0;
}
