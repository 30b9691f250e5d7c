// Requests and replies from any bytes. What must hold:
//   - a stream of requests gives the same commands and the same error however it is split, wherever its pieces lie, and the
//     same as the plain parser below, which sees it whole and was written from the protocol's description alone
//   - nothing is read outside of the bytes (they lie in allocations of exactly their size, for ASan)
//   - resp_reply_parse and resp_reply_skip agree; a shorter prefix of a reply needs more; a tree that is written and read is
//     the same tree
// Input: a byte of options, four bytes that seed the splits, the stream.
#include <kora.h>

#include "base/mem.h"
#include "base/random.h"
#include "resp/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_resp: %s (line %d)\n", what, line);
    abort();
}

// What a stream came to: its commands in a form that can be compared, and how it ended.
struct outcome {
    struct buf commands;
    size_t consumed;
    enum resp_status status;
    enum resp_error error;
    char got;
};

static void outcome_free(struct outcome *o) { buf_free(&o->commands); }

static void outcome_arg(struct outcome *o, const char *p, size_t n) {
    buf_append(&o->commands, &n, sizeof(n));
    buf_append(&o->commands, p, n);
}

static void outcome_count(struct outcome *o, size_t argc) { buf_append(&o->commands, &argc, sizeof(argc)); }

static void outcomes_compare(const struct outcome *a, const struct outcome *b) {
    CHECK(!a->commands.failed && !b->commands.failed);
    CHECK(a->status == b->status && a->error == b->error);
    CHECK(a->consumed == b->consumed);
    CHECK(a->error != RESP_ERROR_BULK_TYPE || a->got == b->got);
    CHECK(slice_equal(slice_of(a->commands.p, a->commands.n), slice_of(b->commands.p, b->commands.n)));
}

// ---- the plain parser -----------------------------------------------------------------------------------------------

struct plain {
    const char *p;
    size_t n, pos;
    const struct resp_limits *limits;
    struct outcome *out;
};

static enum resp_status plain_fail(struct plain *s, enum resp_error error) {
    s->out->error = error;
    return RESP_ERROR;
}

// The bytes up to `end`, which they don't include.
static enum resp_status plain_line(struct plain *s, char end, enum resp_error too_long, struct slice *line) {
    size_t start = s->pos;
    for (size_t i = start;; i++) {
        if (i - start > RESP_LINE_MAX) return plain_fail(s, too_long);
        if (i == s->n) return RESP_MORE;
        if (s->p[i] == '\0') return s->n - start > RESP_LINE_MAX ? plain_fail(s, too_long) : RESP_MORE;
        if (s->p[i] != end) continue;
        *line = slice_of(s->p + start, i - start);
        if (end == '\r' && i + 1 == s->n) return RESP_MORE;
        s->pos = i + (end == '\r' ? 2 : 1);
        return RESP_COMPLETE;
    }
}

static bool plain_number(struct slice s, long long *n) {
    char text[32], again[32];
    if (s.n == 0 || s.n >= sizeof(text)) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *n = strtoll(text, NULL, 10);
    snprintf(again, sizeof(again), "%lld", *n);
    return strcmp(text, again) == 0;
}

static enum resp_status plain_multibulk(struct plain *s) {
    struct slice line;
    long long count, length;
    enum resp_status status = plain_line(s, '\r', RESP_ERROR_COUNT_LONG, &line);
    if (status != RESP_COMPLETE) return status;
    if (!plain_number(slice_of(line.p + 1, line.n - 1), &count) || count > 2147483647) return plain_fail(s, RESP_ERROR_COUNT);
    if (s->limits->unauthenticated && count > 10) return plain_fail(s, RESP_ERROR_COUNT_UNAUTH);
    if (count <= 0) return RESP_COMPLETE;
    outcome_count(s->out, (size_t)count);
    for (long long i = 0; i < count; i++) {
        size_t start = s->pos;
        status = plain_line(s, '\r', RESP_ERROR_BULK_LONG, &line);
        if (status != RESP_COMPLETE) return status;
        s->out->got = s->p[start] == '\r' || s->p[start] == '\n' ? ' ' : s->p[start];
        if (s->p[start] != '$') return plain_fail(s, RESP_ERROR_BULK_TYPE);
        if (!plain_number(slice_of(line.p + 1, line.n - 1), &length) || length < 0 || (uint64_t)length > s->limits->bulk_max) {
            return plain_fail(s, RESP_ERROR_BULK);
        }
        if (s->limits->unauthenticated && length > 16384) return plain_fail(s, RESP_ERROR_BULK_UNAUTH);
        if (s->n - s->pos < (size_t)length + 2) return RESP_MORE;
        outcome_arg(s->out, s->p + s->pos, (size_t)length);
        s->pos += (size_t)length + 2;
    }
    return RESP_COMPLETE;
}

static bool space(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r'; }

static bool hex2(const char *p) { return p[0] && strchr("0123456789abcdefABCDEF", p[0]) && p[1] && strchr("0123456789abcdefABCDEF", p[1]); }

// One word of a line that ends with a zero byte, into `word`. False: unbalanced quotes.
static bool plain_word(const char **at, struct buf *word) {
    const char *p = *at;
    char quote = 0;
    for (;; p++) {
        if (!quote && (*p == '\0' || *p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) break;
        if (*p == '\0') return false;
        if (!quote && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else if (quote && *p == quote) {
            p++;
            if (*p && !space(*p)) return false;
            break;
        } else if (quote == '"' && *p == '\\' && p[1] == 'x' && hex2(p + 2)) {
            char digits[3] = { p[2], p[3], 0 };
            buf_append_char(word, (char)strtol(digits, NULL, 16));
            p += 3;
        } else if (quote == '"' && *p == '\\' && p[1]) {
            static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
            const char *known = strchr(from, *++p);
            buf_append_char(word, known ? to[known - from] : *p);
        } else if (quote == '\'' && *p == '\\' && p[1] == '\'') {
            buf_append_char(word, *++p);
        } else {
            buf_append_char(word, *p);
        }
    }
    *at = p;
    return true;
}

static enum resp_status plain_inline(struct plain *s) {
    struct slice line;
    enum resp_status status = plain_line(s, '\n', RESP_ERROR_INLINE_LONG, &line);
    if (status != RESP_COMPLETE) return status;
    if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
    char *text = mem_copy(line.p, line.n);
    CHECK(text);
    struct outcome words = { 0 };
    size_t argc = 0;
    for (const char *p = text; status == RESP_COMPLETE;) {
        while (*p && space(*p)) p++;
        if (!*p) break;
        struct buf word = { 0 };
        if (plain_word(&p, &word)) outcome_arg(&words, word.p, word.n);
        else status = plain_fail(s, RESP_ERROR_INLINE_QUOTES);
        argc++;
        buf_free(&word);
    }
    if (argc > 0) {
        outcome_count(s->out, argc);
        if (words.commands.n) buf_append(&s->out->commands, words.commands.p, words.commands.n);
    }
    outcome_free(&words);
    mem_free(text);
    return status;
}

static void plain_run(const char *p, size_t n, const struct resp_limits *limits, struct outcome *out) {
    struct plain s = { p, n, 0, limits, out };
    do {
        size_t whole = out->commands.n;
        out->consumed = s.pos;
        if (s.pos == n) out->status = RESP_MORE;
        else out->status = p[s.pos] == '*' ? plain_multibulk(&s) : plain_inline(&s);
        if (out->status != RESP_COMPLETE) out->commands.n = whole; // a half one doesn't count
    } while (out->status == RESP_COMPLETE);
}

// ---- requests ---------------------------------------------------------------------------------------------------------

static void command_take(struct outcome *o, const struct resp_request *r) {
    CHECK(r->argc > 0);
    outcome_count(o, (size_t)r->argc);
    for (int i = 0; i < r->argc; i++) outcome_arg(o, r->argv[i].p, r->argv[i].n);
}

// The stream in pieces of 1 to `piece_max` bytes (0: whole), each time at another address, without what was consumed.
static void split_run(
    const char *p, size_t n, const struct resp_limits *limits, size_t piece_max, struct random *rnd, struct outcome *out) {
    struct resp_request r;
    resp_request_init(&r);
    size_t arrived = 0;
    out->status = RESP_MORE;
    while (out->status == RESP_MORE && arrived < n) {
        size_t piece = piece_max ? 1 + (size_t)random_below(rnd, piece_max) : n;
        arrived = MIN(arrived + piece, n);
        size_t left = arrived - out->consumed, pos = 0, used;
        char *buf = malloc(left);
        CHECK(buf);
        memcpy(buf, p + out->consumed, left);
        do {
            out->status = resp_request_parse(&r, buf + pos, left - pos, limits, &used);
            CHECK(used <= left - pos);
            pos += used;
            if (out->status == RESP_COMPLETE) command_take(out, &r);
        } while (out->status == RESP_COMPLETE);
        CHECK(out->status == RESP_ERROR || r.need > left - pos);
        CHECK(resp_request_memory(&r) <= 16 * left + 16 * 1024 + 8192);
        out->consumed += pos;
        free(buf);
    }
    out->error = r.error;
    if (r.error != RESP_ERROR_NONE) {
        char text[RESP_ERROR_TEXT_MAX];
        struct slice s = resp_request_error(&r, text);
        CHECK(s.n > 0 && s.n < RESP_ERROR_TEXT_MAX);
        if (r.error == RESP_ERROR_BULK_TYPE) out->got = s.p[s.n - 2];
    }
    resp_request_free(&r);
}

static void check_requests(const char *p, size_t n, const struct resp_limits *limits, struct random *rnd) {
    static const size_t piece_max[] = { 0, 1000, 30, 4, 1 };
    struct outcome expected = { 0 };
    plain_run(p, n, limits, &expected);
    for (size_t i = 0; i < ARRAY_LEN(piece_max); i++) {
        if (piece_max[i] && n / piece_max[i] > 200) continue; // each piece moves all the bytes
        struct outcome o = { 0 };
        split_run(p, n, limits, piece_max[i], rnd, &o);
        outcomes_compare(&expected, &o);
        outcome_free(&o);
    }
    outcome_free(&expected);
}

// ---- replies ------------------------------------------------------------------------------------------------------------

static void tree_write(struct buf *out, const kora_reply *r) {
    CHECK(!r->str || r->str[r->len] == '\0');
    switch (r->type) {
    case KORA_REPLY_NULL: resp_write_null(out, 3); break;
    case KORA_REPLY_STRING: resp_write_bulk(out, r->str, r->len); break;
    case KORA_REPLY_STATUS: resp_write_status(out, r->str, r->len); break;
    case KORA_REPLY_ERROR:
        resp_write_header(out, '!', (int64_t)r->len);
        buf_append(out, r->str, r->len + 1);
        out->p[out->n - 1] = '\r';
        buf_append_char(out, '\n');
        break;
    case KORA_REPLY_INTEGER: resp_write_int(out, r->integer); break;
    case KORA_REPLY_DOUBLE: resp_write_double(out, 3, r->real); break;
    case KORA_REPLY_BOOL: resp_write_bool(out, 3, r->integer != 0); break;
    case KORA_REPLY_BIGNUM: resp_write_bignum(out, 3, r->str, r->len); break;
    case KORA_REPLY_VERBATIM: resp_write_verbatim(out, 3, r->format, r->str, r->len); break;
    case KORA_REPLY_ARRAY: resp_write_array(out, r->count); break;
    case KORA_REPLY_SET: resp_write_set(out, 3, r->count); break;
    case KORA_REPLY_MAP: CHECK(r->count % 2 == 0), resp_write_map(out, 3, r->count / 2); break;
    case KORA_REPLY_PUSH: resp_write_push(out, 3, r->count); break;
    }
    for (size_t i = 0; i < r->count; i++) tree_write(out, &r->elements[i]); // RESP_DEPTH_MAX deep at most
}

// Written once the text of doubles is what the writer makes of them; from then on nothing may change any more.
static void check_tree(const kora_reply *reply) {
    struct buf once = { 0 }, twice = { 0 };
    kora_reply *again = NULL;
    size_t used;
    tree_write(&once, reply);
    CHECK(!once.failed);
    CHECK(resp_reply_parse(once.p, once.n, &used, &again) == RESP_COMPLETE && used == once.n);
    tree_write(&twice, again);
    CHECK(slice_equal(slice_of(once.p, once.n), slice_of(twice.p, twice.n)));
    mem_free(again);
    buf_free(&once);
    buf_free(&twice);
}

static enum resp_status check_reply(const char *p, size_t n, size_t *used) {
    char *copy = malloc(n + (n == 0));
    kora_reply *reply = NULL;
    size_t skipped = 0;
    CHECK(copy);
    memcpy(copy, p, n);
    *used = 0;
    enum resp_status status = resp_reply_parse(copy, n, used, &reply);
    CHECK(resp_reply_skip(copy, n, &skipped) == status && skipped == *used && *used <= n);
    CHECK((status == RESP_COMPLETE) == (reply != NULL));
    free(copy); // the tree owes nothing to the bytes
    if (reply) check_tree(reply);
    mem_free(reply);
    return status;
}

static void check_replies(const char *p, size_t n, struct random *rnd) {
    for (size_t pos = 0, used; pos < n; pos += used) {
        enum resp_status status = check_reply(p + pos, n - pos, &used);
        size_t cut = (size_t)random_below(rnd, n - pos), shorter;
        enum resp_status before = resp_reply_skip(p + pos, cut, &shorter);
        if (status != RESP_COMPLETE) {
            CHECK(before == RESP_MORE || before == status);
            break;
        }
        CHECK(before == (cut < used ? RESP_MORE : RESP_COMPLETE));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5) return 0;
    uint32_t seed;
    memcpy(&seed, data + 1, sizeof(seed));
    struct random rnd;
    random_seed(&rnd, seed);
    const struct resp_limits limits = { data[0] & 2 ? 20 : 512u << 20, data[0] & 1 };
    check_requests((const char *)data + 5, size - 5, &limits, &rnd);
    check_replies((const char *)data + 5, size - 5, &rnd);
    return 0;
}
