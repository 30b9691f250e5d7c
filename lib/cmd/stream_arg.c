// What the commands of streams share.
#include <errno.h>

#include "cmd/stream_int.h"

// ---- ids -----------------------------------------------------------------------------------------------------------------------

// Digits are what it is nearly always; anything else as C's strtoull takes it, as Redis does: leading spaces and zeros, a plus sign.
static bool parse_half(const char *p, size_t n, uint64_t *x) {
    uint64_t sum = 0;
    size_t i = 0;
    for (; i < n && i < 19 && p[i] >= '0' && p[i] <= '9'; i++) sum = sum * 10 + (uint64_t)(p[i] - '0');
    *x = sum;
    if (i == n && n > 0) return true;
    char text[128], *end;
    int64_t whole;
    if (n >= sizeof text) return false;
    memcpy(text, p, n);
    text[n] = 0;
    if (num_parse_int(slice_of(text, strlen(text)), &whole)) {
        *x = (uint64_t)whole;
        return whole >= 0;
    }
    errno = 0;
    *x = strtoull(text, &end, 10);
    return errno == 0 && *text && !*end;
}

bool parse_id(struct slice s, uint64_t missing_seq, struct stream_id *id) {
    enum { TEXT_MAX = 127 };
    if (s.n > TEXT_MAX) return false;
    const char *zero = s.n ? memchr(s.p, 0, s.n) : NULL; // that is where C's strings end
    if (zero) s.n = (size_t)(zero - s.p);
    const char *dash = s.n ? memchr(s.p, '-', s.n) : NULL;
    id->seq = missing_seq;
    if (!dash) return parse_half(s.p, s.n, &id->ms);
    return parse_half(s.p, (size_t)(dash - s.p), &id->ms) && parse_half(dash + 1, (size_t)(s.p + s.n - dash - 1), &id->seq);
}

static void reply_invalid_id(struct call *c) { reply_error(c, "ERR Invalid stream ID specified as stream command argument"); }

bool read_id(struct call *c, struct slice s, uint64_t missing_seq, struct stream_id *id) {
    if (likely(parse_id(s, missing_seq, id))) return true;
    reply_invalid_id(c);
    return false;
}

bool read_id_or_edge(struct call *c, struct slice s, uint64_t missing_seq, struct stream_id *id) {
    if (s.n == 1 && (s.p[0] == '-' || s.p[0] == '+')) {
        *id = s.p[0] == '-' ? (struct stream_id){ 0, 0 } : STREAM_ID_MAX;
        return true;
    }
    return read_id(c, s, missing_seq, id);
}

static bool read_bound(struct call *c, struct slice s, uint64_t missing_seq, struct stream_id *id, bool *exclusive) {
    *exclusive = s.n > 1 && s.p[0] == '(';
    return *exclusive ? read_id(c, slice_of(s.p + 1, s.n - 1), missing_seq, id) : read_id_or_edge(c, s, missing_seq, id);
}

bool read_id_start(struct call *c, struct slice start, struct stream_id *from) {
    bool exclusive;
    if (!read_bound(c, start, 0, from, &exclusive)) return false;
    if (!exclusive || stream_id_next(from)) return true;
    reply_error(c, "ERR invalid start ID for the interval");
    return false;
}

bool read_id_range(struct call *c, struct slice start, struct slice end, struct stream_id *from, struct stream_id *to) {
    bool exclusive;
    if (!read_id_start(c, start, from) || !read_bound(c, end, UINT64_MAX, to, &exclusive)) return false;
    if (!exclusive || stream_id_previous(to)) return true;
    reply_error(c, "ERR invalid end ID for the interval");
    return false;
}

// ---- replies -------------------------------------------------------------------------------------------------------------------

void reply_id(struct call *c, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    reply_bulk(c, slice_of(text, stream_id_format(id, text)));
}

void reply_entry(struct call *c, struct stream_cursor *at) {
    struct stream_pair pair;
    uint32_t pairs = at->pairs;
    reply_array(c, 2);
    reply_id(c, at->id);
    reply_array(c, (size_t)pairs * 2);
    while (pairs-- > 0) {
        stream_pair(at, &pair);
        reply_bulk(c, pair.field);
        reply_bulk(c, pair.value);
    }
}

void reply_entries(struct call *c, const struct stream *s, const struct id_range *r) {
    struct stream_cursor at;
    size_t start = c->reply.buf->n;
    int64_t n = 0;
    bool any = r->reverse ? stream_last(&at, s, r->to) : stream_first(&at, s, r->from);
    while (any && (uint64_t)n < r->count && stream_id_compare(at.id, r->from) >= 0 && stream_id_compare(at.id, r->to) <= 0) {
        reply_entry(c, &at);
        n++;
        any = r->reverse ? stream_previous(&at) : stream_next(&at);
    }
    resp_insert_header(c->reply.buf, start, '*', n);
}

void reply_no_group(struct call *c, struct slice key, struct slice group) {
    reply_error(c, "NOGROUP No such key '%.*s' or consumer group '%.*s'", (int)key.n, key.p, (int)group.n, group.p);
}

struct stream_group *find_group(struct call *c, int at, struct value *v, struct stream **s) {
    *s = value_stream(v);
    struct stream_group *g = *s ? stream_group(*s, c->argv[at + 1]) : NULL;
    if (!g) reply_no_group(c, c->argv[at], c->argv[at + 1]);
    return g;
}

// ---- effects -------------------------------------------------------------------------------------------------------------------

bool effects_room(struct call *c, size_t effects, size_t args, size_t bytes) {
    enum { RECORD = 32 }; // of an effect: its head, and what is lost to alignment
    struct txn *t = &c->txn;
    if (!effect_wanted(t)) return true;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (effect_reserve(t, &c->keys[i], effects * RECORD + args * sizeof(struct slice) + bytes, effects)) continue;
        reply_no_memory(c);
        return false;
    }
    return true;
}
