// See scan.h.
#include "cmd/scan.h"

static bool parse_cursor(struct slice s, uint64_t *cursor) {
    if (s.n > 0) s.n = strnlen(s.p, s.n);
    bool sign = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    uint64_t n = 0;
    for (size_t i = sign; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) || __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n)) return false;
    }
    *cursor = sign && s.p[0] == '-' ? 0 - n : n;
    return !sign || s.n > 1;
}

bool scan_cursor(struct call *c, struct slice s, uint64_t *cursor) {
    if (parse_cursor(s, cursor)) return true;
    reply_error(c, "ERR invalid cursor");
    return false;
}

static bool read_count(struct call *c, struct slice s, int64_t *count) {
    if (!read_int(c, s, count)) return false;
    if (*count >= 1) return true;
    reply_syntax_error(c);
    return false;
}

bool scan_parse(struct call *c, int from, uint32_t has, struct scan_options *o) {
    *o = (struct scan_options){ .count = SCAN_COUNT_DEFAULT };
    for (int i = from; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;
        if (more && slice_is_word(c->argv[i], "count")) {
            if (!read_count(c, c->argv[i + 1], &o->count)) return false;
        } else if (more && slice_is_word(c->argv[i], "match")) {
            o->pattern = c->argv[i + 1];
            if (slice_equal(o->pattern, SLICE("*"))) o->pattern.p = NULL;
            else if (!o->pattern.p) o->pattern.p = "";
        } else if (more && (has & SCAN_HAS_TYPE) && slice_is_word(c->argv[i], "type")) {
            o->type = c->argv[i + 1];
            if (!o->type.p) o->type.p = "";
        } else if (slice_is_word(c->argv[i], "novalues")) {
            if (!(has & SCAN_HAS_NOVALUES)) {
                reply_error(c, "ERR NOVALUES option can only be used in HSCAN");
                return false;
            }
            o->no_values = true;
            i--; // it has no value
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    return true;
}

void scan_finish(struct call *c, size_t start, size_t found, uint64_t cursor) {
    char number[NUM_INT_MAX], head[64];
    int digits = (int)num_format_uint(cursor, number);
    size_t n = (size_t)snprintf(head, sizeof head, "*2\r\n$%d\r\n%.*s\r\n*%zu\r\n", digits, digits, number, found);
    struct buf *out = c->reply.buf;
    if (!buf_reserve(out, n)) return;
    memmove(out->p + start + n, out->p + start, out->n - start);
    memcpy(out->p + start, head, n);
    out->n += n;
}

void scan_nothing(struct call *c) { scan_finish(c, c->reply.buf->n, 0, 0); }
