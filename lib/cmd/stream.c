// Streams: adding, reading ranges, deleting.
#include "cmd/stream_int.h"

// ---- XADD, XTRIM ---------------------------------------------------------------------------------------------------------------

struct add_args {
    struct stream_trim trim;
    bool no_create, has_id, has_seq;
    struct stream_id id;
    int at; // of the id
};

// Above that many entries a trim that need not be exact stops, unless LIMIT says otherwise.
static uint64_t default_limit(const struct settings *s) {
    enum { NODES = 100, LEAST = 10000, MOST = 1000000 };
    uint64_t entries = settings_number(&s->stream_node_max_entries);
    if (entries == 0) return LEAST;
    return entries > MOST / NODES ? MOST : NODES * entries;
}

// MAXLEN or MINID at argv[*i]. *i goes to its last argument.
static bool read_trim(struct call *c, int *i, enum stream_trim_by by, struct stream_trim *t) {
    int64_t n;
    if (t->by != STREAM_TRIM_NOT) {
        reply_error(c, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        return false;
    }
    t->whole_nodes = false;
    if (*i + 2 < c->argc && (slice_equal(c->argv[*i + 1], SLICE("~")) || slice_equal(c->argv[*i + 1], SLICE("=")))) {
        t->whole_nodes = c->argv[++*i].p[0] == '~';
    }
    t->by = by;
    ++*i;
    if (by == STREAM_TRIM_ID) return read_id(c, c->argv[*i], 0, &t->id);
    if (!read_int(c, c->argv[*i], &n)) return false;
    t->length = (uint64_t)n;
    if (n < 0) reply_error(c, "ERR The MAXLEN argument must be >= 0.");
    return n >= 0;
}

static bool read_limit(struct call *c, struct slice s, struct stream_trim *t) {
    int64_t n;
    if (!read_int(c, s, &n)) return false;
    t->limit = (uint64_t)n;
    if (n < 0) reply_error(c, "ERR The LIMIT argument must be >= 0.");
    return n >= 0;
}

static bool check_trim(struct call *c, bool xadd, struct stream_trim *t, bool limited) {
    if (t->limit && t->by == STREAM_TRIM_NOT) {
        reply_error(c, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
        return false;
    }
    if (!xadd && t->by == STREAM_TRIM_NOT) {
        reply_error(c, "ERR syntax error, XTRIM must be called with a trimming strategy");
        return false;
    }
    if (limited && !t->whole_nodes) {
        reply_error(c, "ERR syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    }
    if (!limited && t->whole_nodes) t->limit = default_limit(&c->txn.common->settings);
    return true;
}

static bool read_new_id(struct call *c, struct slice s, struct add_args *a) {
    a->has_id = a->has_seq = true;
    if (s.n > 2 && s.p[s.n - 1] == '*' && memchr(s.p, '-', s.n) == s.p + s.n - 2) {
        a->has_seq = false;
        s.n -= 2;
    }
    return read_id(c, s, 0, &a->id);
}

static bool read_add(struct call *c, bool xadd, struct add_args *a) {
    bool limited = false;
    int i = 2;
    for (; i < c->argc; i++) {
        struct slice s = c->argv[i];
        bool more = i + 1 < c->argc;
        if (xadd && slice_equal(s, SLICE("*"))) break;
        if (more && slice_is_word(s, "maxlen")) {
            if (!read_trim(c, &i, STREAM_TRIM_LENGTH, &a->trim)) return false;
        } else if (more && slice_is_word(s, "minid")) {
            if (!read_trim(c, &i, STREAM_TRIM_ID, &a->trim)) return false;
        } else if (more && slice_is_word(s, "limit")) {
            if (!read_limit(c, c->argv[++i], &a->trim)) return false;
            limited = true;
        } else if (xadd && slice_is_word(s, "nomkstream")) {
            a->no_create = true;
        } else if (xadd) {
            if (!read_new_id(c, s, a)) return false;
            break;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    a->at = i;
    return check_trim(c, xadd, &a->trim, limited);
}

// False: there is no id left above the last one that fits.
static bool choose_id(struct call *c, const struct stream *s, struct add_args *a) {
    struct stream_id last = s ? s->last_id : (struct stream_id){ 0, 0 };
    if (!a->has_id) {
        a->id = (struct stream_id){ (uint64_t)txn_now(&c->txn), 0 };
        if (a->id.ms <= last.ms) {
            a->id = last;
            stream_id_next(&a->id);
        }
    } else if (!a->has_seq && a->id.ms == last.ms) {
        if (last.seq == UINT64_MAX) return false;
        a->id.seq = last.seq + 1;
    }
    return stream_id_compare(a->id, last) > 0;
}

static bool check_new_id(struct call *c, const struct stream *s, struct add_args *a) {
    if (s && stream_id_compare(s->last_id, STREAM_ID_MAX) == 0) {
        reply_error(c, "ERR The stream has exhausted the last possible ID, unable to add more items");
    } else if (!choose_id(c, s, a)) {
        reply_error(c, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    } else {
        size_t n = 0;
        for (int i = a->at + 1; i < c->argc; i++) n += c->argv[i].n;
        if (n <= STREAM_BYTES_MAX) return true;
        reply_error(c, "ERR Elements are too large to be stored");
    }
    return false;
}

static void emit_trim(struct call *c, const struct stream *s) {
    char length[NUM_INT_MAX];
    if (!effect_wanted(&c->txn)) return;
    effect_emit(&c->txn, &c->keys[0], 5, (struct slice[]){ SLICE("XTRIM"), c->argv[1], SLICE("MAXLEN"), SLICE("="),
        slice_of(length, num_format_uint(s->length, length)) });
}

enum { TRIM_ARGS = 5, TRIM_TEXT = 64 };

static bool room_for_add(struct call *c, const struct add_args *a) {
    size_t bytes = 2 * c->argv[1].n + TRIM_TEXT + STREAM_ID_TEXT_MAX + 8;
    if (!effect_wanted(&c->txn)) return true;
    for (int i = a->at; i < c->argc; i++) bytes += c->argv[i].n;
    return effects_room(c, 2, (size_t)c->argc + TRIM_ARGS, bytes);
}

// XADD key id field value ...: the last arguments, behind two and the id, which are put there for the moment.
static void emit_add(struct call *c, struct stream_id id, int at) {
    char text[STREAM_ID_TEXT_MAX];
    if (!effect_wanted(&c->txn)) return;
    struct slice *argv = c->argv + at - 2, was[3] = { argv[0], argv[1], argv[2] };
    struct slice key = c->argv[1];
    argv[0] = SLICE("XADD");
    argv[1] = key;
    argv[2] = slice_of(text, stream_id_format(id, text));
    effect_emit(&c->txn, &c->keys[0], c->argc - at + 2, argv);
    memcpy(argv, was, sizeof was);
}

static void add(struct call *c, struct value *v, struct add_args *a) {
    bool made = !v->there;
    struct stream *s = stream_make(v);
    if (!s || !stream_append(s, a->id, c->argv + a->at + 1, (size_t)(c->argc - a->at - 1) / 2, stream_limits(&c->txn.common->settings))) {
        if (s && made) value_delete(v);
        reply_no_memory(c);
        return;
    }
    emit_add(c, a->id, a->at);
    bool trimmed = stream_trim(s, &a->trim);
    if (trimmed) emit_trim(c, s);
    key_changed(c, &c->keys[0]);
    if (trimmed) event_emit(&c->txn, &c->keys[0], EVENT_STREAM, "xtrim");
    reply_id(c, a->id);
}

void cmd_xadd(struct call *c) {
    struct add_args a = { .trim.by = STREAM_TRIM_NOT };
    struct value v;
    if (!read_add(c, true, &a)) return;
    int values = c->argc - a.at - 1;
    if (values < 2 || values % 2) {
        reply_arity(c);
    } else if (a.has_id && a.has_seq && stream_id_is_zero(a.id)) {
        reply_error(c, "ERR The ID specified in XADD must be greater than 0-0");
    } else if (value_write(c, 0, TYPE_STREAM, &v)) {
        if (!v.there && a.no_create) reply_null(c);
        else if (check_new_id(c, value_stream(&v), &a) && room_for_add(c, &a)) add(c, &v, &a);
    }
}

void cmd_xtrim(struct call *c) {
    struct add_args a = { .trim.by = STREAM_TRIM_NOT };
    struct value v;
    if (!read_add(c, false, &a) || !value_write(c, 0, TYPE_STREAM, &v)) return;
    struct stream *s = value_stream(&v);
    if (!s) {
        reply_int(c, 0);
        return;
    }
    if (!effects_room(c, 1, TRIM_ARGS, TRIM_TEXT + c->argv[1].n)) return;
    uint64_t gone = stream_trim(s, &a.trim);
    if (gone) {
        emit_trim(c, s);
        key_changed(c, &c->keys[0]);
    }
    reply_int(c, (int64_t)gone);
}

// ---- XLEN, XRANGE ----------------------------------------------------------------------------------------------------------------

void cmd_xlen(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_STREAM, &v)) reply_int(c, v.there ? (int64_t)value_stream(&v)->length : 0);
}

static void reply_range(struct call *c, bool reverse) {
    struct id_range r = { .reverse = reverse, .count = UINT64_MAX };
    struct value v;
    int64_t n;
    if (!read_id_range(c, c->argv[reverse ? 3 : 2], c->argv[reverse ? 2 : 3], &r.from, &r.to)) return;
    for (int i = 4; i < c->argc; i += 2) {
        if (!slice_is_word(c->argv[i], "count") || i + 1 == c->argc) {
            reply_syntax_error(c);
            return;
        }
        if (!read_int(c, c->argv[i + 1], &n)) return;
        r.count = n < 0 ? 0 : (uint64_t)n;
    }
    if (!value_read(c, 0, TYPE_STREAM, &v)) return;
    if (!v.there) reply_array(c, 0);
    else if (r.count == 0) reply_null_array(c);
    else reply_entries(c, value_stream(&v), &r);
}

void cmd_xrange(struct call *c) { reply_range(c, false); }
void cmd_xrevrange(struct call *c) { reply_range(c, true); }

// ---- XDEL, XSETID ----------------------------------------------------------------------------------------------------------------

void cmd_xdel(struct call *c) {
    struct value v;
    struct stream_id id;
    int64_t gone = 0;
    if (!value_write(c, 0, TYPE_STREAM, &v)) return;
    struct stream *s = value_stream(&v);
    for (int i = 2; s && i < c->argc; i++) {
        if (!read_id(c, c->argv[i], 0, &id)) return;
    }
    for (int i = 2; s && i < c->argc; i++) {
        parse_id(c->argv[i], 0, &id);
        if (!stream_delete(s, id)) continue;
        if (stream_id_compare(id, s->max_deleted) > 0) s->max_deleted = id;
        gone++;
    }
    c->changed = gone > 0;
    reply_int(c, gone);
}

struct setid_args {
    struct stream_id id, max_deleted;
    int64_t added; // -1: not given
};

static bool read_setid(struct call *c, struct setid_args *a) {
    if (!read_id(c, c->argv[2], 0, &a->id)) return false;
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && slice_is_word(c->argv[i], "entriesadded")) {
            if (!read_int(c, c->argv[i + 1], &a->added)) return false;
            if (a->added >= 0) continue;
            reply_error(c, "ERR entries_added must be positive");
        } else if (more && slice_is_word(c->argv[i], "maxdeletedid")) {
            if (!read_id(c, c->argv[i + 1], 0, &a->max_deleted)) return false;
            if (stream_id_compare(a->id, a->max_deleted) >= 0) continue;
            reply_error(c, "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        } else {
            reply_syntax_error(c);
        }
        return false;
    }
    return true;
}

static bool check_setid(struct call *c, const struct stream *s, const struct setid_args *a) {
    struct stream_cursor last;
    if (s->length && stream_last(&last, s, STREAM_ID_MAX) && stream_id_compare(a->id, last.id) < 0) {
        reply_error(c, "ERR The ID specified in XSETID is smaller than the target stream top item");
    } else if (s->length && a->added != -1 && s->length > (uint64_t)a->added) {
        reply_error(c, "ERR The entries_added specified in XSETID is smaller than the target stream length");
    } else {
        return true;
    }
    return false;
}

void cmd_xsetid(struct call *c) {
    struct setid_args a = { .added = -1 };
    struct value v;
    if (!read_setid(c, &a) || !value_write(c, 0, TYPE_STREAM, &v)) return;
    struct stream *s = value_stream(&v);
    if (!s) {
        reply_no_key(c);
    } else if (check_setid(c, s, &a)) {
        s->last_id = a.id;
        if (a.added != -1) s->added = (uint64_t)a.added;
        if (!stream_id_is_zero(a.max_deleted)) s->max_deleted = a.max_deleted;
        c->changed = true;
        reply_ok(c);
    }
}
