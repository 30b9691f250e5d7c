// lib/resp: exact texts, every split, hostile frames, every allocation failing, writer to reader.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <kora.h>
#include <math.h>

#include "base/mem.h"
#include "base/random.h"
#include "resp/resp.h"

static const struct resp_limits limits = RESP_LIMITS_DEFAULT;

// ---- requests: a stream as text, "[SET|k|v]" for each command, then "..." (more needed), "!text" (error) or nothing -----

static void show_bytes(struct buf *out, struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7f) buf_printf(out, "<%02x>", c);
        else buf_append_char(out, (char)c);
    }
}

static void show_request(struct buf *out, const struct resp_request *r) {
    buf_append_char(out, '[');
    for (int i = 0; i < r->argc; i++) {
        if (i) buf_append_char(out, '|');
        if (r->argv[i].n > 100) buf_printf(out, "%zu bytes", r->argv[i].n);
        else show_bytes(out, r->argv[i]);
    }
    buf_append_char(out, ']');
}

struct stream {
    struct resp_request r;
    struct resp_limits limits;
    struct buf shown;
    char *kept; // what was not consumed, in an allocation of exactly its size
    size_t kept_n;
    long refusals; // RESP_NOMEM answers
    bool ended;
};

static void stream_begin(struct stream *s, const struct resp_limits *l) {
    *s = (struct stream){ .limits = *l };
    resp_request_init(&s->r);
}

// The bytes of a piece arrive: everything moves to another address, the old one is gone.
static void stream_feed(struct stream *s, const char *p, size_t n) {
    char *buf = malloc(s->kept_n + n + 1);
    assert_non_null(buf);
    if (s->kept_n) memcpy(buf + 1, s->kept, s->kept_n);
    if (n) memcpy(buf + 1 + s->kept_n, p, n);
    free(s->kept);
    size_t len = s->kept_n + n, pos = 0, used;
    enum resp_status status = RESP_MORE;
    while (!s->ended) {
        status = resp_request_parse(&s->r, buf + 1 + pos, len - pos, &s->limits, &used);
        assert_true(used <= len - pos);
        pos += used;
        if (status == RESP_NOMEM) {
            assert_true(++s->refusals < 100);
            continue;
        }
        if (status == RESP_MORE) {
            assert_true(s->r.need > len - pos);
            break;
        }
        if (status == RESP_ERROR) {
            char text[RESP_ERROR_TEXT_MAX];
            buf_append_char(&s->shown, '!');
            show_bytes(&s->shown, resp_request_error(&s->r, text));
            assert_int_equal(resp_request_parse(&s->r, buf + 1 + pos, len - pos, &s->limits, &used), RESP_ERROR);
            assert_int_equal(used, 0);
            s->ended = true;
            break;
        }
        assert_true(s->r.argc > 0);
        show_request(&s->shown, &s->r);
    }
    s->kept_n = len - pos;
    s->kept = malloc(s->kept_n + 1);
    assert_non_null(s->kept);
    memcpy(s->kept, buf + 1 + pos, s->kept_n);
    free(buf);
}

static void stream_end(struct stream *s, const char *expected) {
    if (!s->ended && s->kept_n) buf_append(&s->shown, "...", 3);
    buf_append_char(&s->shown, '\0');
    assert_string_equal(s->shown.p, expected);
    free(s->kept);
    buf_free(&s->shown);
    resp_request_free(&s->r);
    assert_int_equal(resp_request_memory(&s->r), 0);
}

struct request_case {
    struct slice in;
    const char *out;
};
#define R(in, out) \
    { { "" in, sizeof(in) - 1 }, out }
#define E_COUNT "!Protocol error: invalid multibulk length"
#define E_BULK "!Protocol error: invalid bulk length"
#define E_QUOTES "!Protocol error: unbalanced quotes in request"
#define PING "*1\r\n$4\r\nPING\r\n"

// Each of these was checked against redis-server 7.0.
static const struct request_case request_cases[] = {
    R("", ""),
    R("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n", "[SET|k|value]"),
    R(PING PING "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n" PING, "[PING][PING][ECHO|][PING]"),
    R("*2\r\n$4\r\nECHO\r\n$12\r\na\0b\r\n$3\r\n*1 \r\n", "[ECHO|a<00>b<0d><0a>$3<0d><0a>*1 ]"),
    R("*12\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n$1\r\nk\r\n$"
      "1\r\nl\r\n" PING,
        "[a|b|c|d|e|f|g|h|i|j|k|l][PING]"),
    // Empty commands.
    R("*0\r\n" PING, "[PING]"),
    R("*-1\r\n" PING, "[PING]"),
    R("*-5\r\n" PING, "[PING]"),
    R("*-9223372036854775808\r\n" PING, "[PING]"),
    R("\r\n\n  \r\n \t\v\f\n" PING "\r\n", "[PING]"),
    // Counts.
    R("*\r\n", E_COUNT),
    R("*1x\r\n", E_COUNT),
    R("* 1\r\n", E_COUNT),
    R("*01\r\n", E_COUNT),
    R("*00\r\n", E_COUNT),
    R("*+1\r\n", E_COUNT),
    R("*-0\r\n", E_COUNT),
    R("*-\r\n", E_COUNT),
    R("*--1\r\n", E_COUNT),
    R("*1-\r\n", E_COUNT),
    R("*-01\r\n", E_COUNT),
    R("*2147483648\r\n", E_COUNT),
    R("*9223372036854775807\r\n", E_COUNT),
    R("*9223372036854775808\r\n", E_COUNT),
    R("*99999999999999999999999\r\n", E_COUNT),
    R("*-9223372036854775809\r\n", E_COUNT),
    R("*1\n\r\n", E_COUNT),
    R("*1000000000\r\n", "..."),
    R("*2147483647\r\n$4\r\nPING\r\n", "..."),
    R("*1048577\r\n", "..."),
    R("*1\0\r\n" PING, "..."),
    R("*1", "..."),
    R("*1\r", "..."),
    R("*x", "..."),
    R("*1\n$4\nPING\n", "..."),
    // Lengths.
    R("*1\r\n$99999999999\r\n", E_BULK),
    R("*1\r\n$-1\r\n", E_BULK),
    R("*1\r\n$x\r\n", E_BULK),
    R("*1\r\n$\r\n", E_BULK),
    R("*1\r\n$04\r\nPING\r\n", E_BULK),
    R("*1\r\n$536870913\r\n", E_BULK),
    R("*1\r\n$18446744073709551615\r\n", E_BULK),
    R("*1\r\n$9223372036854775807\r\n", E_BULK),
    R("*2\r\n$4\r\nECHO\r\n$-9\r\n", E_BULK),
    R("*1\r\n$00\r\n", E_BULK),
    R("*1\r\n$536870912\r\n", "..."),
    R("*1\r\n$4", "..."),
    R("*1\r\n$4\r\nPIN", "..."),
    R("*1\r\n$4\r\nPING\r", "..."),
    R("*1\r\n\0\r\n", "..."),
    R("*1\r\nx", "..."),
    R("*1\r\n:4\r\nPING\r\n", "!Protocol error: expected '$', got ':'"),
    R("*1\r\nx\r\n", "!Protocol error: expected '$', got 'x'"),
    R("*1\r\n\r\n", "!Protocol error: expected '$', got ' '"),
    R("*1\r\n\n\r\n", "!Protocol error: expected '$', got ' '"),
    R("*1\r\n\xff\r\n", "!Protocol error: expected '$', got '<ff>'"),
    R("*1\r\n'\r\n", "!Protocol error: expected '$', got '''"),
    R("*2\r\n$4\r\nPING\r\n*0\r\n", "!Protocol error: expected '$', got '*'"),
    R(PING "*1\r\n%%c\r\n", "[PING]!Protocol error: expected '$', got '%'"),
    // Any byte passes for LF, any two bytes end an argument.
    R("*1\rx$4\rxPINGxx" PING, "[PING][PING]"),
    R("*1\r\r$4\r\rPING\r\n\r\n", "[PING]"),
    // Inline.
    R("PING\r\n", "[PING]"),
    R("PING\n\nPING\r\n", "[PING][PING]"),
    R("$4\r\nPING\r\n", "[$4][PING]"),
    R("SET k  v\t x \r\n" PING, "[SET|k|v|x][PING]"),
    R("PING", "..."),
    R("PING\r", "..."),
    R("\tECHO\v\fa\n", "[ECHO<0b><0c>a]"),
    R("ECHO a\rb\r\n", "[ECHO|a|b]"),
    R("ECHO a\r\r\n", "[ECHO|a]"),
    R("a b c d e f g h i j\r\n", "[a|b|c|d|e|f|g|h|i|j]"),
    R("ECHO \xc3\xa0\xa0\r\n", "[ECHO|<c3><a0><a0>]"),
    R("ECHO \"a\\x41\\n\\q\"\r\n", "[ECHO|aA<0a>q]"),
    R("ECHO \"\\a\\b\\t\\r\\\\\\\"\"\r\n", "[ECHO|<07><08><09><0d>\\\"]"),
    R("ECHO 'a\\'b\\n'\r\n", "[ECHO|a'b\\n]"),
    R("ECHO \"\" ''\r\n", "[ECHO||]"),
    R("\"\"\r\n", "[]"),
    R("ECHO \"a\rb\"\r\n", "[ECHO|a<0d>b]"),
    R("ECHO \"\\x4\" \"\\xzz\" \"\\xfF\" \"\\x0\n", E_QUOTES),
    R("ECHO \"\\x4\" \"\\xzz\" \"\\xfF\\x00\" \"x\\x\"\n", "[ECHO|x4|xzz|<ff><00>|xx]"),
    R("ECHO a'b c'\r\n", "[ECHO|ab c]"),
    R("ECHO a\"b c\"\td\r\n", "[ECHO|ab c|d]"),
    R("a\"b\" \"c\"\ve 'f'\f'g'\r\n", "[ab|c|e|f|g]"),
    R("ECHO \"abc\r\n", E_QUOTES),
    R("ECHO \"abc\"d\r\n", E_QUOTES),
    R("ECHO 'abc'd\r\n", E_QUOTES),
    R("ECHO a\"b\"c\r\n", E_QUOTES),
    R("ECHO ab\"\r\n", E_QUOTES),
    R("ECHO \"a\\\"\r\n", E_QUOTES),
    R("ECHO \"a\\\r\n", E_QUOTES),
    R("ECHO 'a\\'\r\n", E_QUOTES),
    R("ECHO 'a''b'\r\n", E_QUOTES),
    R("PING\r\n'\n", "[PING]" E_QUOTES),
    R("ECHO a\0b\r\nPING\r\n", "..."),
    R("\0PING\r\n", "..."),
};

static void requests_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(request_cases); i++) {
        struct stream s;
        stream_begin(&s, &limits);
        stream_feed(&s, request_cases[i].in.p, request_cases[i].in.n);
        stream_end(&s, request_cases[i].out);
    }
}

static void requests_split(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(request_cases); i++) {
        const struct request_case *c = &request_cases[i];
        for (size_t at = 0; at <= c->in.n; at++) {
            struct stream s;
            stream_begin(&s, &limits);
            stream_feed(&s, c->in.p, at);
            stream_feed(&s, c->in.p + at, c->in.n - at);
            stream_end(&s, c->out);
        }
        for (size_t step = 1; step <= 3; step++) {
            struct stream s;
            stream_begin(&s, &limits);
            for (size_t at = 0; at < c->in.n; at += step) stream_feed(&s, c->in.p + at, MIN(step, c->in.n - at));
            stream_end(&s, c->out);
        }
    }
}

static void requests_out_of_memory(void **state) {
    (void)state;
#ifdef KORA_FAULTS
    long refusals = 0;
    for (size_t i = 0; i < ARRAY_LEN(request_cases); i++) {
        const struct request_case *c = &request_cases[i];
        for (size_t step = 7; step <= c->in.n + 7; step += MAX(c->in.n, (size_t)1)) {
            bool failed = true;
            for (long nth = 1; failed; nth++) {
                struct stream s;
                stream_begin(&s, &limits);
                char *room = buf_reserve(&s.shown, 4096); // so that the parser alone allocates
                assert_non_null(room);
                mem_fail(nth, false);
                for (size_t at = 0; at < c->in.n; at += step) stream_feed(&s, c->in.p + at, MIN(step, c->in.n - at));
                failed = mem_fail_left() < 0;
                mem_fail(0, false);
                assert_int_equal(s.refusals, failed);
                refusals += s.refusals;
                stream_end(&s, c->out);
            }
        }
    }
    assert_true(refusals > 20);
#else
    skip();
#endif
}

// `fill` bytes of 'x' between head and tail.
static void check_filled(
    const struct resp_limits *l, const char *head, char x, size_t fill, const char *tail, size_t step, const char *out) {
    struct buf in = { 0 };
    assert_non_null(buf_reserve(&in, fill + 100));
    buf_append(&in, head, strlen(head));
    for (size_t i = 0; i < fill; i++) buf_append_char(&in, x);
    buf_append(&in, tail, strlen(tail));
    struct stream s;
    stream_begin(&s, l);
    for (size_t at = 0; at < in.n; at += step) stream_feed(&s, in.p + at, MIN(step, in.n - at));
    stream_end(&s, out);
    buf_free(&in);
}

static void request_line_limits(void **state) {
    (void)state;
    static const size_t steps[] = { 1000000, 16384, 997 };
    const size_t max = RESP_LINE_MAX;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        size_t step = steps[i];
        check_filled(&limits, "", 'a', max, "", step, "...");
        check_filled(&limits, "", 'a', max + 1, "", step, "!Protocol error: too big inline request");
        check_filled(&limits, "", 'a', max, "\nPING\n", step, "[65536 bytes][PING]");
        check_filled(&limits, "", 'a', max + 1, "\n", step, "!Protocol error: too big inline request");
        check_filled(&limits, "", '\0', max + 1, "\n", step, "!Protocol error: too big inline request");
        check_filled(&limits, "PING\n\n", ' ', max - 1, "\r\nPING\n", step, "[PING][PING]");
        check_filled(&limits, "*", '1', max - 1, "", step, "...");
        check_filled(&limits, "*", '1', max - 1, "\r\n", step, E_COUNT);
        check_filled(&limits, "*", '1', max, "\r\n", step, "!Protocol error: too big mbulk count string");
        check_filled(&limits, "*", '\0', max, "", step, "!Protocol error: too big mbulk count string");
        check_filled(&limits, PING "*1\r\n$", '1', max - 1, "", step, "[PING]...");
        check_filled(&limits, PING "*1\r\n$", '1', max - 1, "\r\n", step, "[PING]" E_BULK);
        check_filled(&limits, PING "*1\r\n$", '1', max, "\r\n", step, "[PING]!Protocol error: too big bulk count string");
        check_filled(&limits, "*1\r\nx", '\0', max, "", step, "!Protocol error: too big bulk count string");
    }
}

static void request_limits_before_auth(void **state) {
    (void)state;
    static const struct resp_limits before = { 512u << 20, true };
    static const struct request_case cases[] = {
        R("*10\r\n", "..."),
        R("*11\r\n", "!Protocol error: unauthenticated multibulk length"),
        R("*1\r\n$16384\r\n", "..."),
        R("*1\r\n$16385\r\n", "!Protocol error: unauthenticated bulk length"),
        R("*2147483648\r\n", E_COUNT),
        R("*1\r\n$99999999999\r\n", E_BULK),
        R("*-1\r\n" PING, "[PING]"),
        R("*0\r\n" PING, "[PING]"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step < 100; step += 98) {
            struct stream s;
            stream_begin(&s, &before);
            for (size_t at = 0; at < cases[i].in.n; at += step) stream_feed(&s, cases[i].in.p + at, MIN(step, cases[i].in.n - at));
            stream_end(&s, cases[i].out);
        }
    }
    struct resp_limits small = { 1000, false };
    check_filled(&small, "*1\r\n$1000\r\n", 'v', 1000, "\r\n" PING, 100, "[1000 bytes][PING]");
    check_filled(&small, "*1\r\n$1001\r\n", 'v', 1001, "\r\n", 100, E_BULK);
    check_filled(&limits, "*1\r\n$100000\r\n", 'v', 100000, "\r\n" PING, 1000, "[100000 bytes][PING]");
    check_filled(&before, "*1\r\n$16384\r\n", 'v', 16384, "\r\n" PING, 1000, "[16384 bytes][PING]");
}

static void request_need_and_memory(void **state) {
    (void)state;
    struct resp_request r;
    resp_request_init(&r);
    size_t used;
    assert_int_equal(resp_request_parse(&r, NULL, 0, &limits, &used), RESP_MORE);
    assert_int_equal(r.need, 1);
    // What is announced costs nothing, what is needed is told.
    const char *huge = "*2147483647\r\n$3\r\nabc\r\n$536870912\r\n";
    assert_int_equal(resp_request_parse(&r, huge, strlen(huge), &limits, &used), RESP_MORE);
    assert_int_equal(used, 0);
    assert_int_equal(r.need, strlen(huge) + 536870912 + 2);
    assert_int_equal(resp_request_memory(&r), 0);
    resp_request_reset(&r);
    // Many arguments: memory in proportion, and not kept for ever.
    enum { MANY = 100000 };
    struct buf in = { 0 };
    buf_printf(&in, "\r\n*%d\r\n", MANY);
    for (int i = 0; i < MANY; i++) buf_printf(&in, "$%d\r\n%d\r\n", snprintf(NULL, 0, "%d", i), i);
    assert_false(in.failed);
    enum resp_status status = RESP_MORE;
    size_t len = 0, pos = 0;
    for (; len < in.n && status == RESP_MORE; pos += used) {
        len = MIN(len + 5000, in.n);
        status = resp_request_parse(&r, in.p + pos, len - pos, &limits, &used);
        assert_true(resp_request_memory(&r) <= 16 * len);
    }
    assert_int_equal(status, RESP_COMPLETE);
    assert_int_equal(pos, in.n);
    assert_int_equal(r.argc, MANY);
    struct resp_request moved;
    resp_request_move(&moved, &r);
    assert_int_equal(r.argc, 0);
    for (int i = 0; i < MANY; i++) {
        char text[16];
        assert_int_equal(moved.argv[i].n, snprintf(text, sizeof(text), "%d", i));
        assert_memory_equal(moved.argv[i].p, text, moved.argv[i].n);
    }
    assert_int_equal(resp_request_parse(&moved, "", 0, &limits, &used), RESP_MORE);
    assert_int_equal(resp_request_memory(&moved), 0);
    buf_free(&in);
    // A half-read one moves too.
    const char *set = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    assert_int_equal(resp_request_parse(&r, set, 16, &limits, &used), RESP_MORE);
    resp_request_move(&moved, &r);
    assert_int_equal(resp_request_parse(&moved, set, strlen(set), &limits, &used), RESP_COMPLETE);
    assert_int_equal(used, strlen(set));
    assert_true(slice_equal(moved.argv[0], SLICE("GET")) && slice_equal(moved.argv[1], SLICE("k")));
    resp_request_free(&moved);
    resp_request_free(&r);
}

// ---- writer ---------------------------------------------------------------------------------------------------------

static void check_written(struct buf *b, const char *expected) {
    assert_false(b->failed);
    assert_int_equal(b->n, strlen(expected));
    assert_memory_equal(b->p, expected, b->n);
    buf_clear(b);
}

static void writes(void **state) {
    (void)state;
    struct buf b = { 0 };
    resp_write_ok(&b), check_written(&b, "+OK\r\n");
    resp_write_status(&b, "PONG", 4), check_written(&b, "+PONG\r\n");
    resp_write_status(&b, "", 0), check_written(&b, "+\r\n");
    resp_write_error(&b, "ERR no such key", 15), check_written(&b, "-ERR no such key\r\n");
    resp_write_error(&b, "\r\nERR a\r\nb\nc\r\n\n", 15), check_written(&b, "-ERR a  b c\r\n");
    static const struct {
        int64_t n;
        const char *text;
    } ints[] = { { 0, ":0\r\n" }, { 9, ":9\r\n" }, { 10, ":10\r\n" }, { -1, ":-1\r\n" }, { INT64_MAX, ":9223372036854775807\r\n" },
        { INT64_MIN, ":-9223372036854775808\r\n" } };
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) resp_write_int(&b, ints[i].n), check_written(&b, ints[i].text);
    resp_write_bulk(&b, "hello", 5), check_written(&b, "$5\r\nhello\r\n");
    resp_write_bulk(&b, NULL, 0), check_written(&b, "$0\r\n\r\n");
    resp_write_bulk_slice(&b, SLICE("0123456789\r\n")), check_written(&b, "$12\r\n0123456789\r\n\r\n");
    static const char *const forms[][2] = {
        { "$-1\r\n*-1\r\n*3\r\n*8\r\n*2\r\n*12\r\n:1\r\n:0\r\n", "_\r\n_\r\n*3\r\n%4\r\n~2\r\n>12\r\n#t\r\n#f\r\n" },
        { "$3\r\n0.1\r\n$1\r\n3\r\n$3\r\ninf\r\n$4\r\n-inf\r\n$3\r\nnan\r\n$3\r\nnan\r\n",
            ",0.1\r\n,3\r\n,inf\r\n,-inf\r\n,nan\r\n,nan\r\n" },
        { "$21\r\n-12345678901234567890\r\n$5\r\na\r\nb\n\r\n", "(-12345678901234567890\r\n=9\r\ntxt:a\r\nb\n\r\n" },
    };
    for (int version = 2; version <= 3; version++) {
        resp_write_null(&b, version);
        resp_write_null_array(&b, version);
        resp_write_array(&b, 3);
        resp_write_map(&b, version, 4);
        resp_write_set(&b, version, 2);
        resp_write_push(&b, version, 12);
        resp_write_bool(&b, version, true);
        resp_write_bool(&b, version, false);
        check_written(&b, forms[0][version - 2]);
        resp_write_double(&b, version, 0.1);
        resp_write_double(&b, version, 3);
        resp_write_double(&b, version, (double)INFINITY);
        resp_write_double(&b, version, -(double)INFINITY);
        resp_write_double(&b, version, (double)NAN);
        resp_write_double(&b, version, -(double)NAN);
        check_written(&b, forms[1][version - 2]);
        resp_write_bignum(&b, version, "-12345678901234567890", 21);
        resp_write_verbatim(&b, version, "txt", "a\r\nb\n", 5);
        check_written(&b, forms[2][version - 2]);
        assert_int_equal(resp_write_attribute(&b, version, 1), version == 3);
        check_written(&b, version == 3 ? "|1\r\n" : "");
    }
    resp_write_int(&b, 1);
    resp_write_int(&b, 2);
    resp_insert_header(&b, 4, '*', 100), check_written(&b, ":1\r\n*100\r\n:2\r\n");
    buf_free(&b);
}

static void writes_out_of_memory(void **state) {
    (void)state;
#ifdef KORA_FAULTS
    char text[300] = { 0 };
    for (int what = 0; what < 8; what++) {
        struct buf b = { 0 };
        mem_fail(1, true);
        if (what == 0) resp_write_bulk(&b, text, sizeof(text));
        if (what == 1) resp_write_int(&b, 100);
        if (what == 2) resp_write_error(&b, text, sizeof(text));
        if (what == 3) resp_write_verbatim(&b, 3, "txt", text, sizeof(text));
        if (what == 4) resp_write_double(&b, 3, 0.5);
        if (what == 5) resp_insert_header(&b, 0, '*', 5);
        if (what == 6) resp_write_null(&b, 3);
        if (what == 7) resp_write_bignum(&b, 2, text, 10);
        mem_fail(0, false);
        assert_true(b.failed && b.n == 0);
        buf_clear(&b);
        resp_write_ok(&b);
        check_written(&b, "+OK\r\n");
        buf_free(&b);
    }
#else
    skip();
#endif
    struct buf b = { 0 };
    volatile size_t impossible = SIZE_MAX; // so that the compiler doesn't warn
    resp_write_bulk(&b, "", impossible);
    assert_true(b.failed && b.n == 0);
}

// ---- reader: a tree as text -----------------------------------------------------------------------------------------

static void show_reply(struct buf *out, const kora_reply *r) {
    static const char *const names[] = { "null", "string", "status", "error", "int", "double", "bool", "bignum", "verbatim", "array", "set",
        "map", "push" };
    buf_printf(out, "%s", names[r->type]);
    if (r->type == KORA_REPLY_INTEGER || r->type == KORA_REPLY_BOOL) buf_printf(out, " %lld", (long long)r->integer);
    if (r->type == KORA_REPLY_DOUBLE) buf_printf(out, " %g", r->real);
    if (r->type == KORA_REPLY_VERBATIM) buf_printf(out, " %s", r->format);
    if (r->str) {
        assert_int_equal(r->str[r->len], '\0');
        buf_append_char(out, ' ');
        show_bytes(out, slice_of(r->str, r->len));
    }
    if (r->type < KORA_REPLY_ARRAY) {
        assert_int_equal(r->count, 0);
        return;
    }
    buf_append(out, " (", 2);
    for (size_t i = 0; i < r->count; i++) {
        if (i) buf_append(out, ", ", 2);
        show_reply(out, &r->elements[i]);
    }
    buf_append(out, ")", 1);
}

static const struct request_case reply_cases[] = {
    R("+OK\r\n", "status OK"),
    R("+\r\n", "status "),
    R("-ERR no\r\n", "error ERR no"),
    R("!7\r\nERR\r\nno\r\n", "error ERR<0d><0a>no"),
    R(":42\r\n", "int 42"),
    R(":-9223372036854775808\r\n", "int -9223372036854775808"),
    R(":+7\r\n", "int 7"),
    R("$5\r\nhe\0lo\r\n", "string he<00>lo"),
    R("$0\r\n\r\n", "string "),
    R("$-1\r\n", "null"),
    R("*-1\r\n", "null"),
    R("_\r\n", "null"),
    R("#t\r\n", "bool 1"),
    R("#f\r\n", "bool 0"),
    R(",0.5\r\n", "double 0.5 0.5"),
    R(",inf\r\n", "double inf inf"),
    R(",-inf\r\n", "double -inf -inf"),
    R(",nan\r\n", "double nan nan"),
    R(",1e3\r\n", "double 1000 1e3"),
    R("(-123456789012345678901234567890\r\n", "bignum -123456789012345678901234567890"),
    R("=7\r\nmkd:a\nb\r\n", "verbatim mkd a<0a>b"),
    R("=4\r\ntxt:\r\n", "verbatim txt "),
    R("*0\r\n", "array ()"),
    R("%0\r\n", "map ()"),
    R("~0\r\n", "set ()"),
    R(">0\r\n", "push ()"),
    R("*3\r\n:1\r\n*2\r\n+a\r\n*0\r\n$1\r\nb\r\n", "array (int 1, array (status a, array ()), string b)"),
    R("%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n_\r\n#t\r\n", "map (status a, int 1, status b, set (null, bool 1))"),
    R(">2\r\n+message\r\n*-1\r\n", "push (status message, null)"),
    // Attributes, also of elements, nested, empty, and of attributes.
    R("|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n", "string v"),
    R("*2\r\n|1\r\n+k\r\n*2\r\n:1\r\n:2\r\n:7\r\n|0\r\n:8\r\n", "array (int 7, int 8)"),
    R("|1\r\n|1\r\n+x\r\n+y\r\n+k\r\n%1\r\n+a\r\n+b\r\n|1\r\n:1\r\n:2\r\n*1\r\n:5\r\n", "array (int 5)"),
    // Not RESP.
    R("x\r\n", "!"),
    R("\r\n", "!"),
    R("?1\r\n", "!"),
    R(";4\r\n", "!"),
    R(".\r\n", "!"),
    R("$?\r\n", "!"),
    R("*?\r\n", "!"),
    R("+a\rb\r\n", "!"),
    R("+a\nb\r\n", "!"),
    R(":\r\n", "!"),
    R(":1x\r\n", "!"),
    R(":+-1\r\n", "!"),
    R(":9223372036854775808\r\n", "!"),
    R(":11111111111111111111111111", "!"),
    R("$-2\r\n", "!"),
    R("*-2\r\n", "!"),
    R("%-1\r\n", "!"),
    R("~-1\r\n", "!"),
    R("!-1\r\n", "!"),
    R("=-1\r\n", "!"),
    R("=3\r\ntxt\r\n", "!"),
    R("=4\r\ntxtx\r\n", "!"),
    R("$2\r\nabc\r\n", "!"),
    R("$2\r\nab\rx", "!"),
    R("_x\r\n", "!"),
    R("#\r\n", "!"),
    R("#tt\r\n", "!"),
    R("#x\r\n", "!"),
    R("(\r\n", "!"),
    R("(-\r\n", "!"),
    R("(12x\r\n", "!"),
    R(",\r\n", "!"),
    R(",x\r\n", "!"),
    R(",0x10\r\n", "!"),
    R(",infinity\r\n", "!"),
    R(", 1\r\n", "!"),
    R("*2\r\n:1\r\n?\r\n", "!"),
    R("*9223372036854775807\r\n", "!"),
    R("|-1\r\n", "!"),
    R("|1\r\n+a\r\n?\r\n", "!"),
    // Not all there.
    R("", "..."),
    R("*1000000000\r\n", "..."),
    R("*2147483648\r\n:1\r\n", "..."),
    R("$99999999999\r\n", "..."),
    R("%2305843009213693951\r\n", "..."),
    R("|1\r\n+a\r\n:1\r\n", "..."),
    R("*2\r\n:1\r\n", "..."),
    R("$9223372036854775807\r\nx", "..."),
    R("*1\r\n%1000000000000\r\n*1000000000000\r\n", "..."),
};

static void check_reply(struct slice in, const char *expected) {
    kora_reply *reply = NULL;
    size_t used = 0, skipped = 0;
    char *copy = malloc(in.n + 1); // a byte before it, none behind
    assert_non_null(copy);
    if (in.n) memcpy(copy + 1, in.p, in.n);
    enum resp_status status = resp_reply_parse(copy + 1, in.n, &used, &reply);
    assert_int_equal(resp_reply_skip(copy + 1, in.n, &skipped), status);
    free(copy);
    assert_int_equal(used, skipped);
    struct buf shown = { 0 };
    if (status == RESP_MORE) buf_append(&shown, "...", 3);
    if (status == RESP_ERROR) buf_append(&shown, "!", 1);
    if (status == RESP_COMPLETE) show_reply(&shown, reply);
    buf_append_char(&shown, '\0');
    assert_string_equal(shown.p, expected);
    assert_int_equal(used, status == RESP_COMPLETE ? in.n : 0);
    buf_free(&shown);
    mem_free(reply);
}

static void replies(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reply_cases); i++) {
        const struct request_case *c = &reply_cases[i];
        check_reply(c->in, c->out);
        if (c->out[0] == '!') continue;
        for (size_t n = 0; n < c->in.n; n++) check_reply(slice_of(c->in.p, n), "...");
    }
}

static void replies_out_of_memory(void **state) {
    (void)state;
#ifdef KORA_FAULTS
    const char *text = "*2\r\n$1\r\na\r\n:1\r\n";
    size_t used = 0;
    kora_reply *reply = NULL;
    mem_fail(1, false);
    assert_int_equal(resp_reply_parse(text, strlen(text), &used, &reply), RESP_NOMEM);
    assert_true(used == 0 && !reply);
    mem_fail(2, false); // one allocation is all
    assert_int_equal(resp_reply_parse(text, strlen(text), &used, &reply), RESP_COMPLETE);
    assert_int_equal(mem_fail_left(), 1);
    mem_fail(0, false);
    mem_free(reply);
#else
    skip();
#endif
}

static void reply_depth(void **state) {
    (void)state;
    enum { DEEP = 50000 };
    struct buf b = { 0 };
    for (int i = 0; i < DEEP; i++) buf_append(&b, "*1\r\n", 4);
    buf_append(&b, ":1\r\n", 4);
    size_t used;
    kora_reply *reply = NULL;
    assert_int_equal(resp_reply_parse(b.p, b.n, &used, &reply), RESP_ERROR);
    assert_int_equal(resp_reply_skip(b.p, b.n, &used), RESP_ERROR);
    struct slice deepest = slice_of(b.p + 4 * (DEEP - RESP_DEPTH_MAX), 4 * (RESP_DEPTH_MAX + 1));
    assert_int_equal(resp_reply_parse(deepest.p, deepest.n, &used, &reply), RESP_COMPLETE);
    const kora_reply *r = reply;
    for (int i = 0; i < RESP_DEPTH_MAX; i++, r = r->elements) assert_int_equal(r->count, 1);
    assert_int_equal(r->integer, 1);
    mem_free(reply);
    assert_int_equal(resp_reply_skip(deepest.p - 4, deepest.n + 4, &used), RESP_ERROR);
    buf_clear(&b);
    for (int i = 0; i < DEEP; i++) buf_append(&b, "|1\r\n", 4);
    assert_int_equal(resp_reply_skip(b.p, b.n, &used), RESP_ERROR);
    buf_free(&b);
}

// ---- writer to reader -----------------------------------------------------------------------------------------------

static bool long_run(void) {
    const char *value = getenv("KORA_TEST_LONG");
    return value && *value && strcmp(value, "0") != 0;
}

// Writes a random value and shows what reading it as RESP3 must give.
static void write_random(struct random *rnd, struct buf *out, int version, struct buf *shown, int depth) {
    char bytes[40];
    size_t n = random_below(rnd, sizeof(bytes));
    for (size_t i = 0; i < n; i++) bytes[i] = (char)random_next(rnd);
    int64_t number = (int64_t)(random_next(rnd) >> random_below(rnd, 64)) * (random_below(rnd, 2) ? 1 : -1);
    bool three = version == 3;
    switch (random_below(rnd, depth > 3 ? 9 : 13)) {
    case 0: resp_write_null(out, version), buf_printf(shown, "null"); break;
    case 1: resp_write_bulk(out, bytes, n), buf_printf(shown, "string "), show_bytes(shown, slice_of(bytes, n)); break;
    case 2: resp_write_status(out, "fine", 4), buf_printf(shown, "status fine"); break;
    case 3: resp_write_error(out, "ERR not fine", 12), buf_printf(shown, "error ERR not fine"); break;
    case 4: resp_write_int(out, number), buf_printf(shown, "int %lld", (long long)number); break;
    case 5: resp_write_bool(out, version, number & 1), buf_printf(shown, "%s %d", three ? "bool" : "int", (int)(number & 1)); break;
    case 6: resp_write_double(out, version, 0.25), buf_printf(shown, three ? "double 0.25 0.25" : "string 0.25"); break;
    case 7: resp_write_bignum(out, version, "123", 3), buf_printf(shown, three ? "bignum 123" : "string 123"); break;
    case 8:
        resp_write_verbatim(out, version, "txt", bytes, n);
        buf_printf(shown, three ? "verbatim txt " : "string ");
        show_bytes(shown, slice_of(bytes, n));
        break;
    default: {
        static const char *const names[] = { "array", "set", "push", "map" };
        size_t kind = random_below(rnd, 4), count = random_below(rnd, 6);
        if (kind == 0) resp_write_array(out, count);
        if (kind == 1) resp_write_set(out, version, count);
        if (kind == 2) resp_write_push(out, version, count);
        if (kind == 3) resp_write_map(out, version, count), count *= 2;
        buf_printf(shown, "%s (", three ? names[kind] : "array");
        for (size_t i = 0; i < count; i++) {
            if (i) buf_append(shown, ", ", 2);
            struct buf none = { 0 };
            if (random_below(rnd, 8) == 0 && resp_write_attribute(out, version, 1)) {
                write_random(rnd, out, version, &none, depth + 1);
                write_random(rnd, out, version, &none, depth + 1);
            }
            buf_free(&none);
            write_random(rnd, out, version, shown, depth + 1);
        }
        buf_append_char(shown, ')');
    }
    }
}

static void round_trip(void **state) {
    (void)state;
    const uint64_t seed = 20240611;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct random rnd;
    random_seed(&rnd, seed);
    int count = long_run() ? 1000000 : 20000;
    for (int i = 0; i < count; i++) {
        struct buf out = { 0 }, shown = { 0 };
        write_random(&rnd, &out, 2 + i % 2, &shown, 0);
        buf_append_char(&shown, '\0');
        assert_false(out.failed || shown.failed);
        check_reply(slice_of(out.p, out.n), shown.p);
        buf_free(&out);
        buf_free(&shown);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_whole),
        cmocka_unit_test(requests_split),
        cmocka_unit_test(requests_out_of_memory),
        cmocka_unit_test(request_line_limits),
        cmocka_unit_test(request_limits_before_auth),
        cmocka_unit_test(request_need_and_memory),
        cmocka_unit_test(writes),
        cmocka_unit_test(writes_out_of_memory),
        cmocka_unit_test(replies),
        cmocka_unit_test(replies_out_of_memory),
        cmocka_unit_test(reply_depth),
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
