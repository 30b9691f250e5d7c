// CLIENT: what connections are, and what is done with them. What only the network knows of a connection comes from the host
// (client_view); how it is written is here.
#include "base/mem.h"
#include "call/multi.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "cmd/session.h"
#include "feed/feed.h"

// ---- words ---------------------------------------------------------------------------------------------------------------

bool session_name_ok(struct slice name) {
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < '!' || name.p[i] > '~') return false;
    }
    return true;
}

bool session_set_text(char **place, struct slice text) {
    char *copy = text.n ? mem_copy(text.p, text.n) : NULL;
    if (text.n && !copy) return false;
    mem_free(*place);
    *place = copy;
    return true;
}

static void set_and_reply(struct call *c, char **place, struct slice text) {
    if (session_set_text(place, text)) reply_ok(c);
    else reply_no_memory(c);
}

void cmd_client_id(struct call *c) { reply_int(c, (int64_t)c->session->id); }

void cmd_client_getname(struct call *c) {
    if (c->session->name) reply_bulk_str(c, c->session->name);
    else reply_null(c);
}

void cmd_client_setname(struct call *c) {
    if (session_name_ok(c->argv[2])) set_and_reply(c, &c->session->name, c->argv[2]);
    else reply_error(c, "ERR Client names cannot contain spaces, newlines or special characters.");
}

void cmd_client_setinfo(struct call *c) {
    struct slice option = c->argv[2];
    int shown = (int)MIN(option.n, (size_t)128);
    bool name = slice_is_word(option, "lib-name");
    if (!name && !slice_is_word(option, "lib-ver")) {
        reply_error(c, "ERR Unrecognized option '%.*s'", shown, option.p);
    } else if (!session_name_ok(c->argv[3])) {
        reply_error(c, "ERR %.*s cannot contain spaces, newlines or special characters.", shown, option.p);
    } else {
        set_and_reply(c, name ? &c->session->lib_name : &c->session->lib_version, c->argv[3]);
    }
}

void cmd_client_help(struct call *c) { reply_help(c); }

// ---- switches --------------------------------------------------------------------------------------------------------------

static void set_switch(struct call *c, bool *on) {
    bool yes = slice_is_word(c->argv[2], "on");
    if (!yes && !slice_is_word(c->argv[2], "off")) {
        reply_syntax_error(c);
        return;
    }
    *on = yes;
    reply_ok(c);
}

void cmd_client_no_evict(struct call *c) { set_switch(c, &c->session->no_evict); }
void cmd_client_no_touch(struct call *c) { set_switch(c, &c->session->no_touch); }

// Whoever sends the replies leaves out those that the mode says, this one included (OFF, SKIP).
void cmd_client_reply(struct call *c) {
    struct session *s = c->session;
    if (slice_is_word(c->argv[2], "on")) {
        s->reply_mode = REPLY_ON;
        reply_ok(c);
    } else if (slice_is_word(c->argv[2], "off")) {
        s->reply_mode = REPLY_OFF;
    } else if (slice_is_word(c->argv[2], "skip")) {
        if (s->reply_mode != REPLY_OFF) s->reply_mode = REPLY_SKIP_NEXT;
    } else {
        reply_syntax_error(c);
        return;
    }
    // A call without a connection has nobody who would wait for ever.
    if (!s->client && s->reply_mode != REPLY_ON) {
        s->reply_mode = REPLY_ON;
        reply_ok(c);
    }
}

// ---- INFO and LIST -----------------------------------------------------------------------------------------------------------

static struct client_view view_of(struct call *c, struct session *s) {
    struct client_view v = { .addr = "", .laddr = "", .fd = -1 };
    if (s->client) c->host->client_view(s, &v);
    return v;
}

static void write_flags(const struct session *s, const struct client_view *v, char *to) {
    char *p = to;
    if (s->subscriber && s->subscriber->monitors) *p++ = 'O';
    if (feed_listens(s->subscriber)) *p++ = 'P';
    if (session_queues(s)) *p++ = 'x';
    if (v->blocked) *p++ = 'b';
    if (s->multi && watch_has_changed(s->multi->watched)) *p++ = 'd';
    if (v->to_close || s->close) *p++ = 'c';
    if (v->unix_socket) *p++ = 'U';
    if (s->no_evict) *p++ = 'e';
    if (s->no_touch) *p++ = 'T';
    if (p == to) *p++ = 'N';
    *p = '\0';
}

static const char *text_or_empty(const char *text) { return text ? text : ""; }

static unsigned long long subscriptions(const struct session *s, enum feed_kind kind) { return s->subscriber ? s->subscriber->count[kind] : 0; }

static void write_line(struct call *c, struct session *s, struct buf *out) {
    struct client_view v = view_of(c, s);
    char flags[16];
    write_flags(s, &v, flags);
    buf_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=%s db=%u sub=%llu psub=%llu ssub=%llu",
        (unsigned long long)s->id, v.addr, v.laddr, v.fd, text_or_empty(s->name), (long long)v.age_s, (long long)v.idle_s, flags, s->db,
        subscriptions(s, FEED_CHANNEL), subscriptions(s, FEED_PATTERN), subscriptions(s, FEED_SHARD_CHANNEL));
    buf_printf(out, " multi=%d watch=%u", session_queues(s) ? (int)s->multi->count : -1, s->multi ? watch_count(s->multi->watched) : 0);
    buf_printf(out, " qbuf=%llu qbuf-free=%llu argv-mem=%llu multi-mem=%llu rbs=0 rbp=0 obl=0 oll=%llu omem=%llu tot-mem=%llu events=%s%s",
        (unsigned long long)v.query_bytes, (unsigned long long)v.query_free, (unsigned long long)v.argv_bytes,
        (unsigned long long)(s->multi ? s->multi->bytes : 0), (unsigned long long)v.output_list_len, (unsigned long long)v.output_bytes, (unsigned long long)v.total_bytes, v.readable ? "r" : "",
        v.writable ? "w" : "");
    buf_printf(out, " cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s\n", v.last ? v.last->name : "NULL", s->version,
        text_or_empty(s->lib_name), text_or_empty(s->lib_version));
}

void cmd_client_info(struct call *c) {
    struct buf line = { 0 };
    write_line(c, c->session, &line);
    if (line.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(line.p, line.n));
    buf_free(&line);
}

// Replicas and their like are known by name, and nobody is one.
enum client_type { CLIENT_ANY, CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_NOBODY };

static bool read_type(struct call *c, struct slice text, enum client_type *type) {
    static const char *const names[] = { "normal", "pubsub", "master", "slave", "replica" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        *type = i == 0 ? CLIENT_NORMAL : i == 1 ? CLIENT_PUBSUB : CLIENT_NOBODY;
        if (slice_is_word(text, names[i])) return true;
    }
    reply_error(c, "ERR Unknown client type '%.*s'", (int)MIN(text.n, (size_t)128), text.p);
    return false;
}

static bool is_of_type(const struct session *s, enum client_type type) {
    return type == CLIENT_ANY || type == (feed_listens(s->subscriber) ? CLIENT_PUBSUB : CLIENT_NORMAL);
}

struct list {
    struct call *call;
    int first_id; // in argv; 0: all
    enum client_type type;
};

static bool is_listed(const struct list *l, uint64_t id) {
    int64_t n;
    for (int i = l->first_id; i > 0 && i < l->call->argc; i++) {
        if (num_parse_int(l->call->argv[i], &n) && (uint64_t)n == id) return true;
    }
    return l->first_id == 0;
}

static void list_one(void *arg, struct session *s) {
    struct list *l = arg;
    if (is_listed(l, s->id) && is_of_type(s, l->type)) write_line(l->call, s, l->call->reply.buf);
}

// Once on each shard: writes the lines of its clients.
void cmd_client_list(struct call *c) {
    struct list l = { .call = c };
    if (c->argc == 4 && slice_is_word(c->argv[2], "type")) {
        if (!read_type(c, c->argv[3], &l.type)) return;
    } else if (c->argc > 3 && slice_is_word(c->argv[2], "id")) {
        int64_t n;
        for (int i = 3; i < c->argc; i++) {
            if (num_parse_int(c->argv[i], &n)) continue;
            reply_error(c, "ERR Invalid client ID");
            return;
        }
        l.first_id = 3;
    } else if (c->argc != 2) {
        reply_syntax_error(c);
        return;
    }
    if (c->host->client_each) c->host->client_each(c->host, c->part, list_one, &l);
}

// ---- KILL ----------------------------------------------------------------------------------------------------------------------

struct filter {
    struct call *call;
    uint64_t id;               // 0: any
    int64_t max_age_s;         // 0: any
    const struct slice *addr, *laddr;
    enum client_type type;
    bool skip_me;
};

static bool read_user(struct call *c, struct slice name) {
    if (slice_equal(name, SLICE("default"))) return true;
    reply_error(c, "ERR No such user '%.*s'", (int)MIN(name.n, (size_t)128), name.p);
    return false;
}

static bool read_skip_me(struct call *c, struct slice text, bool *skip) {
    *skip = slice_is_word(text, "yes");
    if (*skip || slice_is_word(text, "no")) return true;
    reply_syntax_error(c);
    return false;
}

// A number above zero.
static bool read_positive(struct call *c, struct slice text, const char *what, int64_t *n) {
    if (num_parse_int(text, n) && *n > 0) return true;
    reply_error(c, "ERR %s should be greater than 0", what);
    return false;
}

static bool read_option(struct call *c, struct slice name, const struct slice *value, struct filter *f) {
    int64_t n = 0;
    bool ok;
    if (slice_is_word(name, "id")) {
        ok = read_positive(c, *value, "client-id", &n);
        f->id = (uint64_t)n;
    } else if (slice_is_word(name, "maxage")) {
        ok = read_positive(c, *value, "maxage", &f->max_age_s);
    } else if (slice_is_word(name, "type")) {
        ok = read_type(c, *value, &f->type);
    } else if (slice_is_word(name, "addr")) {
        f->addr = value;
        ok = true;
    } else if (slice_is_word(name, "laddr")) {
        f->laddr = value;
        ok = true;
    } else if (slice_is_word(name, "user")) {
        ok = read_user(c, *value);
    } else if (slice_is_word(name, "skipme")) {
        ok = read_skip_me(c, *value, &f->skip_me);
    } else {
        reply_syntax_error(c);
        ok = false;
    }
    return ok;
}

static bool read_filter(struct call *c, struct filter *f) {
    if (c->argc == 3) {
        *f = (struct filter){ .call = c, .addr = &c->argv[2] };
        return true;
    }
    *f = (struct filter){ .call = c, .skip_me = true };
    for (int i = 2; i < c->argc; i += 2) {
        if (i + 1 == c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!read_option(c, c->argv[i], &c->argv[i + 1], f)) return false;
    }
    return true;
}

static void kill_one(void *arg, struct session *s) {
    struct filter *f = arg;
    struct call *c = f->call;
    if ((f->id && s->id != f->id) || (s == c->session && f->skip_me) || !is_of_type(s, f->type)) return;
    struct client_view v = view_of(c, s);
    if (f->addr && !slice_equal(*f->addr, slice_str(v.addr))) return;
    if (f->laddr && !slice_equal(*f->laddr, slice_str(v.laddr))) return;
    if (f->max_age_s && v.age_s < f->max_age_s) return;
    c->sum++;
    if (s == c->session) s->close = true; // after its reply
    else c->host->client_kill(s);
}

// Once on each shard, and once more with the sum of all, to write the reply (MERGE_HANDLER).
void cmd_client_kill(struct call *c) {
    struct filter f;
    if (c->part == c->parts) {
        if (c->argc > 3) reply_int(c, c->sum);
        else if (c->sum) reply_ok(c);
        else reply_error(c, "ERR No such client");
        return;
    }
    if (read_filter(c, &f) && c->host->client_each) c->host->client_each(c->host, c->part, kill_one, &f);
}

// Redis says it so of subcommands that may have more arguments or fewer.
static void reply_too_many(struct call *c) {
    reply_error(c, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.", (int)MIN(c->argv[1].n, (size_t)128), c->argv[1].p);
}

// ---- UNBLOCK -------------------------------------------------------------------------------------------------------------------

struct unblock {
    struct call *call;
    uint64_t id;
    bool with_error;
};

static void unblock_one(void *arg, struct session *s) {
    struct unblock *u = arg;
    if (s->id == u->id && u->call->host->client_unblock(s, u->with_error)) u->call->sum = 1;
}

// As cmd_client_kill.
void cmd_client_unblock(struct call *c) {
    int64_t id;
    struct unblock u = { .call = c };
    if (c->part == c->parts) {
        reply_int(c, c->sum);
        return;
    }
    if (c->argc > 4) {
        reply_too_many(c);
        return;
    }
    if (c->argc == 4) {
        u.with_error = slice_is_word(c->argv[3], "error");
        if (!u.with_error && !slice_is_word(c->argv[3], "timeout")) {
            reply_error(c, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    }
    if (!read_int(c, c->argv[2], &id)) return;
    u.id = (uint64_t)id;
    if (c->host->client_each) c->host->client_each(c->host, c->part, unblock_one, &u);
}

// ---- TRACKING ------------------------------------------------------------------------------------------------------------------
//
// Client-side caching is not there: it is off, and can't be turned on.

static bool read_tracking(struct call *c) {
    static const char *const words[] = { "bcast", "optin", "optout", "noloop" };
    for (int i = 3; i < c->argc; i++) {
        int64_t id;
        size_t k = 0;
        bool has_value = i + 1 < c->argc, redirect = has_value && slice_is_word(c->argv[i], "redirect");
        while (k < ARRAY_LEN(words) && !slice_is_word(c->argv[i], words[k])) k++;
        if (k < ARRAY_LEN(words)) continue;
        if (redirect || (has_value && slice_is_word(c->argv[i], "prefix"))) {
            i++;
            if (redirect && !read_int(c, c->argv[i], &id)) return false;
            continue;
        }
        reply_syntax_error(c);
        return false;
    }
    return true;
}

void cmd_client_tracking(struct call *c) {
    if (!read_tracking(c)) return;
    if (slice_is_word(c->argv[2], "on")) reply_error(c, "ERR client-side caching is not supported by this server");
    else if (slice_is_word(c->argv[2], "off")) reply_ok(c);
    else reply_syntax_error(c);
}

void cmd_client_caching(struct call *c) {
    reply_error(c, "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
}

void cmd_client_getredir(struct call *c) { reply_int(c, -1); }

void cmd_client_trackinginfo(struct call *c) {
    reply_map(c, 3);
    reply_bulk_str(c, "flags");
    reply_set(c, 1);
    reply_bulk_str(c, "off");
    reply_bulk_str(c, "redirect");
    reply_int(c, -1);
    reply_bulk_str(c, "prefixes");
    reply_array(c, 0);
}

// ---- PAUSE ---------------------------------------------------------------------------------------------------------------------

void cmd_client_pause(struct call *c) {
    int64_t ms;
    bool writes_only = c->argc == 4 && slice_is_word(c->argv[3], "write");
    if (c->argc > 4) {
        reply_too_many(c);
    } else if (c->argc == 4 && !writes_only && !slice_is_word(c->argv[3], "all")) {
        reply_error(c, "ERR CLIENT PAUSE mode must be WRITE or ALL");
    } else if (!num_parse_int(c->argv[2], &ms)) {
        reply_error(c, "ERR timeout is not an integer or out of range");
    } else if (ms < 0) {
        reply_error(c, "ERR timeout is negative");
    } else {
        if (ms > 0 && c->host->clients_pause) c->host->clients_pause(c->host, ms, writes_only);
        reply_ok(c);
    }
}

void cmd_client_unpause(struct call *c) {
    if (c->host->clients_pause) c->host->clients_pause(c->host, 0, false);
    reply_ok(c);
}
