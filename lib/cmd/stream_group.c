// XGROUP.
#include "cmd/stream_int.h"

static bool open_stream(struct call *c, struct value *v, bool may_be_missing) {
    if (!value_write(c, 0, TYPE_STREAM, v)) return false;
    if (v->there || may_be_missing) return true;
    reply_error(c, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty "
        "stream automatically.");
    return false;
}

static struct stream_group *open_group(struct call *c, struct value *v) {
    if (!open_stream(c, v, false)) return NULL;
    struct stream_group *g = stream_group(value_stream(v), c->argv[3]);
    if (!g)
        reply_error(c, "NOGROUP No such consumer group '%.*s' for key name '%.*s'", (int)c->argv[3].n, c->argv[3].p, (int)c->argv[2].n, c->argv[2].p);
    return g;
}

static void reply_subcommand_syntax(struct call *c) {
    reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XGROUP HELP.", (int)MIN(c->argv[1].n, (size_t)128), c->argv[1].p);
}

struct group_args {
    int64_t read;
    bool make_stream;
};

static bool read_group_args(struct call *c, bool create, struct group_args *a) {
    a->read = STREAM_READ_UNKNOWN;
    for (int i = 5; i < c->argc; i++) {
        if (create && slice_is_word(c->argv[i], "mkstream")) {
            a->make_stream = true;
        } else if (i + 1 < c->argc && slice_is_word(c->argv[i], "entriesread")) {
            if (!read_int(c, c->argv[++i], &a->read)) return false;
            if (a->read >= 0 || a->read == STREAM_READ_UNKNOWN) continue;
            reply_error(c, "ERR value for ENTRIESREAD must be positive or -1");
            return false;
        } else {
            reply_subcommand_syntax(c);
            return false;
        }
    }
    return true;
}

// $ is the last id. The ids - and + are known to XGROUP SETID only.
static bool read_group_id(struct call *c, const struct stream *s, bool edges, struct stream_id *id) {
    if (slice_equal(c->argv[4], SLICE("$"))) {
        *id = s ? s->last_id : (struct stream_id){ 0, 0 };
        return true;
    }
    return edges ? read_id_or_edge(c, c->argv[4], 0, id) : read_id(c, c->argv[4], 0, id);
}

// As it is for whoever does it again: with the id that $ was.
static bool emit_position(struct call *c, const char *subcommand, struct stream_id id, const struct group_args *a) {
    char text[STREAM_ID_TEXT_MAX], read[NUM_INT_MAX];
    struct slice argv[8] = { SLICE("XGROUP"), slice_str(subcommand), c->argv[2], c->argv[3], slice_of(text, stream_id_format(id, text)),
        SLICE("ENTRIESREAD"), slice_of(read, num_format_int(a->read, read)), SLICE("MKSTREAM") };
    return effect_emit(&c->txn, &c->keys[0], a->make_stream ? 8 : 7, argv);
}

void cmd_xgroup_create(struct call *c) {
    struct group_args a = { .make_stream = false };
    struct value v;
    struct stream_id id;
    if (c->argc > 8) {
        // Redis looks at the arguments, then at the key, before it counts them.
        if (read_group_args(c, true, &a) && open_stream(c, &v, a.make_stream)) reply_subcommand_syntax(c);
        return;
    }
    if (!read_group_args(c, true, &a) || !open_stream(c, &v, a.make_stream) || !read_group_id(c, value_stream(&v), false, &id)) return;
    if (v.there && stream_group(value_stream(&v), c->argv[3])) {
        reply_error(c, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    struct effects_mark mark = effects_mark(&c->txn);
    bool made = !v.there;
    struct stream *s = emit_position(c, "CREATE", id, &a) ? stream_make(&v) : NULL;
    if (!s || !stream_add_group(s, c->argv[3], id, a.read)) {
        if (s && made) value_delete(&v);
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    key_changed(c, &c->keys[0]);
    reply_ok(c);
}

void cmd_xgroup_setid(struct call *c) {
    struct group_args a = { .make_stream = false };
    struct value v;
    struct stream_id id;
    if (!read_group_args(c, false, &a)) return;
    struct stream_group *g = open_group(c, &v);
    if (!g) return;
    if (c->argc != 5 && c->argc != 7) {
        reply_subcommand_syntax(c);
        return;
    }
    if (!read_group_id(c, value_stream(&v), true, &id)) return;
    if (!emit_position(c, "SETID", id, &a)) {
        reply_no_memory(c);
        return;
    }
    g->last_id = id;
    g->read = a.read;
    key_changed(c, &c->keys[0]);
    reply_ok(c);
}

void cmd_xgroup_destroy(struct call *c) {
    struct value v;
    if (!open_stream(c, &v, false)) return;
    struct stream_group *g = stream_group(value_stream(&v), c->argv[3]);
    if (g) stream_drop_group(&v, g);
    c->changed = g != NULL;
    reply_int(c, g != NULL);
}

void cmd_xgroup_createconsumer(struct call *c) {
    struct value v;
    struct stream_group *g = open_group(c, &v);
    if (!g) return;
    bool had = stream_consumer(g, c->argv[4]) != NULL;
    if (!had && !stream_add_consumer(value_stream(&v), g, c->argv[4], txn_now(&c->txn))) {
        reply_no_memory(c);
        return;
    }
    c->changed = !had;
    reply_int(c, !had);
}

void cmd_xgroup_delconsumer(struct call *c) {
    struct value v;
    struct stream_group *g = open_group(c, &v);
    if (!g) return;
    struct stream_consumer *one = stream_consumer(g, c->argv[4]);
    int64_t pending = one ? (int64_t)one->pending.count : 0;
    if (one) stream_drop_consumer(value_stream(&v), g, one);
    c->changed = one != NULL;
    reply_int(c, pending);
}

void cmd_xgroup_help(struct call *c) { reply_help(c); }
