// XINFO.
#include "cmd/stream_int.h"

static struct stream *open_stream(struct call *c, struct value *v) {
    if (!value_read(c, 0, TYPE_STREAM, v)) return NULL;
    if (!v->there) reply_no_key(c);
    return value_stream(v);
}

static void reply_name(struct call *c, const char *name) { reply_bulk_str(c, name); }

static void reply_named_int(struct call *c, const char *name, int64_t n) {
    reply_name(c, name);
    reply_int(c, n);
}

static void reply_named_id(struct call *c, const char *name, struct stream_id id) {
    reply_name(c, name);
    reply_id(c, id);
}

// Of a group: what it has read, and what not.
static void reply_progress(struct call *c, const struct stream *s, const struct stream_group *g) {
    int64_t lag;
    reply_named_id(c, "last-delivered-id", g->last_id);
    reply_name(c, "entries-read");
    if (g->read == STREAM_READ_UNKNOWN) reply_null(c);
    else reply_int(c, g->read);
    reply_name(c, "lag");
    if (stream_lag(s, g, &lag)) reply_int(c, lag);
    else reply_null(c);
}

// ---- XINFO STREAM --------------------------------------------------------------------------------------------------------------

// What both forms begin with.
static void reply_head(struct call *c, const struct stream *s) {
    reply_named_int(c, "length", (int64_t)s->length);
    reply_named_int(c, "radix-tree-keys", (int64_t)s->nodes.count);
    reply_named_int(c, "radix-tree-nodes", (int64_t)s->nodes.count + 1);
    reply_named_id(c, "last-generated-id", s->last_id);
    reply_named_id(c, "max-deleted-entry-id", s->max_deleted);
    reply_named_int(c, "entries-added", (int64_t)s->added);
    reply_named_id(c, "recorded-first-entry-id", s->first_id);
}

static void reply_edge(struct call *c, const char *name, bool any, struct stream_cursor *at) {
    reply_name(c, name);
    if (any) reply_entry(c, at);
    else reply_null(c);
}

static void reply_short(struct call *c, const struct stream *s) {
    struct stream_cursor at;
    reply_map(c, 10);
    reply_head(c, s);
    reply_named_int(c, "groups", (int64_t)s->groups.count);
    reply_edge(c, "first-entry", stream_first(&at, s, (struct stream_id){ 0, 0 }), &at);
    reply_edge(c, "last-entry", stream_last(&at, s, STREAM_ID_MAX), &at);
}

static void reply_pending(struct call *c, const struct tree *pending, uint64_t count, bool with_consumer) {
    reply_name(c, "pending");
    reply_array(c, (size_t)MIN(pending->count, count));
    for (struct tree_at at = tree_first(pending); at.leaf && count > 0; at = tree_next(at), count--) {
        const struct stream_pending *p = tree_item(at);
        reply_array(c, with_consumer ? 4 : 3);
        reply_id(c, p->id);
        if (with_consumer) reply_bulk(c, stream_consumer_name(p->consumer));
        reply_int(c, p->time_ms);
        reply_int(c, (int64_t)p->count);
    }
}

static void reply_consumer_full(struct call *c, const struct stream_consumer *one, uint64_t count) {
    reply_map(c, 5);
    reply_name(c, "name");
    reply_bulk(c, stream_consumer_name(one));
    reply_named_int(c, "seen-time", one->seen_ms);
    reply_named_int(c, "active-time", one->active_ms);
    reply_named_int(c, "pel-count", (int64_t)one->pending.count);
    reply_pending(c, &one->pending, count, false);
}

static void reply_group_full(struct call *c, const struct stream *s, const struct stream_group *g, uint64_t count) {
    reply_map(c, 7);
    reply_name(c, "name");
    reply_bulk(c, stream_group_name(g));
    reply_progress(c, s, g);
    reply_named_int(c, "pel-count", (int64_t)g->pending.count);
    reply_pending(c, &g->pending, count, true);
    reply_name(c, "consumers");
    reply_array(c, (size_t)g->consumers.count);
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) reply_consumer_full(c, tree_item(at), count);
}

static void reply_full(struct call *c, const struct stream *s, uint64_t count) {
    struct id_range all = { .to = STREAM_ID_MAX, .count = count };
    reply_map(c, 9);
    reply_head(c, s);
    reply_name(c, "entries");
    reply_entries(c, s, &all);
    reply_name(c, "groups");
    reply_array(c, (size_t)s->groups.count);
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) reply_group_full(c, s, tree_item(at), count);
}

static void reply_subcommand_syntax(struct call *c) {
    reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.", (int)MIN(c->argv[1].n, (size_t)128), c->argv[1].p);
}

void cmd_xinfo_stream(struct call *c) {
    enum { COUNT_USUAL = 10 };
    int64_t count = COUNT_USUAL;
    struct value v;
    struct stream *s = open_stream(c, &v);
    if (!s) return;
    bool full = c->argc == 4 || c->argc == 6;
    if ((c->argc != 3 && !full) || (full && !slice_is_word(c->argv[3], "full")) || (c->argc == 6 && !slice_is_word(c->argv[4], "count"))) {
        reply_subcommand_syntax(c);
        return;
    }
    if (c->argc == 6 && !read_int(c, c->argv[5], &count)) return;
    if (count < 0) count = COUNT_USUAL;
    if (full) reply_full(c, s, count ? (uint64_t)count : UINT64_MAX);
    else reply_short(c, s);
}

// ---- XINFO GROUPS, CONSUMERS ---------------------------------------------------------------------------------------------------

void cmd_xinfo_groups(struct call *c) {
    struct value v;
    struct stream *s = open_stream(c, &v);
    if (!s) return;
    reply_array(c, (size_t)s->groups.count);
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) {
        const struct stream_group *g = tree_item(at);
        reply_map(c, 6);
        reply_name(c, "name");
        reply_bulk(c, stream_group_name(g));
        reply_named_int(c, "consumers", (int64_t)g->consumers.count);
        reply_named_int(c, "pending", (int64_t)g->pending.count);
        reply_progress(c, s, g);
    }
}

void cmd_xinfo_consumers(struct call *c) {
    struct value v;
    struct stream *s = open_stream(c, &v);
    if (!s) return;
    struct stream_group *g = stream_group(s, c->argv[3]);
    if (!g) {
        reply_error(c, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)c->argv[3].n, c->argv[3].p, (int)c->argv[2].n, c->argv[2].p);
        return;
    }
    int64_t now = txn_now(&c->txn);
    reply_array(c, (size_t)g->consumers.count);
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) {
        const struct stream_consumer *one = tree_item(at);
        reply_map(c, 4);
        reply_name(c, "name");
        reply_bulk(c, stream_consumer_name(one));
        reply_named_int(c, "pending", (int64_t)one->pending.count);
        reply_named_int(c, "idle", MAX(now - one->seen_ms, (int64_t)0));
        reply_named_int(c, "inactive", one->active_ms == -1 ? -1 : MAX(now - one->active_ms, (int64_t)0));
    }
}

void cmd_xinfo_help(struct call *c) { reply_help(c); }
