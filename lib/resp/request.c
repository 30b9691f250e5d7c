// Reading requests: multibulk commands ("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n") and inline ones ("GET k\r\n"), with Redis's
// limits and error texts. It agrees with Redis in the odd corners too: after a count or a length any byte passes for the LF,
// so do any two bytes after an argument, and a line with a zero byte in it never ends (it is an error once it is too long).
//
// State. All offsets count from the command's first byte, which is the first byte of what the caller passes, since only whole
// commands are consumed. Arguments found in the running call are slices already; when a call ends within a command, those are
// turned into offsets (kept in `p`), and back when the command is complete: each at most once, however many calls it takes.
//
// The usual command is there as a whole, and is read by line_fast and args_fast, which know no errors and no partial lines: at
// anything unusual they stop in front of it, and the careful functions below them go on.
#include "resp/resp.h"

#include "base/mem.h"

enum { START, COUNT, ARG, ARG_LINE, ARG_DATA, INLINE, COMPLETE, FAILED }; // r->state: what comes next, or is under way

enum {                 // r->line_flags
    LINE_CR = 1,       // the end was seen, but for the LF
    LINE_NUL = 2,      // it will never end
    LINE_NEGATIVE = 4, // of the number: it began with '-'
    LINE_DIGIT = 8,    // it has a digit
    LINE_ZERO = 16,    // which is a leading zero
    LINE_BAD = 32      // it is none
};

enum { ARGV_KEEP = 1024, TEXT_KEEP = 4096 }; // more than this isn't kept for the next command

void resp_request_init(struct resp_request *r) {
    memset(r, 0, offsetof(struct resp_request, few));
    r->argv = r->few;
    r->argv_cap = RESP_ARGV_FEW;
}

static void argv_free(struct resp_request *r) {
    if (r->argv != r->few) mem_free(r->argv);
    r->argv = r->few;
    r->argv_cap = RESP_ARGV_FEW;
}

void resp_request_reset(struct resp_request *r) {
    r->state = START;
    r->argc = 0;
    r->need = 0;
    r->pos = 0;
    r->error = RESP_ERROR_NONE;
    if (unlikely(r->argv_cap > ARGV_KEEP)) argv_free(r);
    buf_clear(&r->text);
    if (unlikely(r->text.cap > TEXT_KEEP)) buf_free(&r->text);
}

void resp_request_free(struct resp_request *r) {
    argv_free(r);
    buf_free(&r->text);
    resp_request_init(r);
}

void resp_request_move(struct resp_request *to, struct resp_request *from) {
    *to = *from;
    if (from->argv == from->few) to->argv = to->few;
    resp_request_init(from);
}

size_t resp_request_memory(const struct resp_request *r) { return (r->argv == r->few ? 0 : r->argv_cap * sizeof(*r->argv)) + r->text.cap; }

static bool argv_grow(struct resp_request *r) {
    uint32_t cap = MAX(r->argv_cap * 2, 32u);
    bool first = r->argv == r->few;
    struct slice *argv = first ? mem_alloc(cap * sizeof(*argv)) : mem_realloc(r->argv, cap * sizeof(*argv));
    if (!argv) return false;
    if (first) memcpy(argv, r->few, sizeof(r->few));
    r->argv = argv;
    r->argv_cap = cap;
    return true;
}

static enum resp_status fail(struct resp_request *r, enum resp_error error) {
    r->state = FAILED;
    r->error = error;
    r->argc = 0;
    r->need = 0;
    return RESP_ERROR;
}

static enum resp_status more(struct resp_request *r, size_t need) {
    r->need = need;
    return RESP_MORE;
}

// ---- lines with a number ------------------------------------------------------------------------------------------

// The line at `pos`, if all of it is there and it is `type`, a plain number, CR and one more byte. Returns the offset behind
// it; 0: it isn't such a line.
static inline size_t line_fast(const char *buf, size_t len, size_t pos, char type, uint64_t *number) {
    if (unlikely(len - pos < 4) || buf[pos] != type) return 0;
    uint64_t n = (unsigned char)(buf[pos + 1] - '0');
    if (unlikely(n > 9)) return 0;
    size_t at = pos + 2;
    if (buf[at] != '\r') {
        size_t end = MIN(len - 1, pos + 18); // 17 digits can't overflow
        if (unlikely(n == 0)) return 0;
        for (unsigned char digit; at < end && (digit = (unsigned char)(buf[at] - '0')) <= 9; at++) n = n * 10 + digit;
        if (unlikely(at == end || buf[at] != '\r')) return 0;
    }
    *number = n;
    return at + 2;
}

static void line_begin(struct resp_request *r) {
    r->line = r->pos;
    r->line_flags = 0;
    r->number = 0;
}

// A number is one that prints as it was written: no leading zeros, no '+', no "-0", within 64 bits.
static void line_digit(struct resp_request *r, char c) {
    unsigned digit = (unsigned char)(c - '0');
    uint64_t max = (uint64_t)INT64_MAX + (r->line_flags & LINE_NEGATIVE ? 1 : 0);
    if (c == '-' && r->line_flags == 0) {
        r->line_flags = LINE_NEGATIVE;
    } else if (digit > 9 || (r->line_flags & (LINE_ZERO | LINE_BAD)) || r->number > (max - digit) / 10) {
        r->line_flags |= LINE_BAD;
    } else {
        if (digit == 0 && !(r->line_flags & LINE_DIGIT)) r->line_flags |= LINE_ZERO;
        r->line_flags |= LINE_DIGIT;
        r->number = r->number * 10 + digit;
    }
}

static void line_byte(struct resp_request *r, char c) {
    bool first = r->pos == r->line;
    if (first) r->line_type = c;
    if (c == '\0') r->line_flags |= LINE_NUL;
    else if (c == '\r') r->line_flags |= LINE_CR;
    else if (!first) line_digit(r, c);
}

static bool line_number(const struct resp_request *r, int64_t *n) {
    bool negative = r->line_flags & LINE_NEGATIVE;
    if ((r->line_flags & LINE_BAD) || !(r->line_flags & LINE_DIGIT) || (negative && r->number == 0)) return false;
    *n = negative ? (int64_t)(0 - r->number) : (int64_t)r->number;
    return true;
}

// Reads on in the line that line_begin began, up to behind its end.
static enum resp_status line_read(struct resp_request *r, const char *buf, size_t len, enum resp_error too_long) {
    size_t end = MIN(len, r->line + RESP_LINE_MAX + 1);
    for (; r->pos < end && !(r->line_flags & (LINE_CR | LINE_NUL)); r->pos++) line_byte(r, buf[r->pos]);
    if (!(r->line_flags & LINE_CR)) {
        r->pos = end; // bytes behind a zero byte don't matter
        return end > r->line + RESP_LINE_MAX ? fail(r, too_long) : more(r, len + 1);
    }
    if (r->pos == len) return more(r, len + 1);
    r->pos++;
    return RESP_COMPLETE;
}

// ---- multibulk ----------------------------------------------------------------------------------------------------

static enum resp_status count_read(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    enum resp_status status = line_read(r, buf, len, RESP_ERROR_COUNT_LONG);
    int64_t n;
    if (status != RESP_COMPLETE) return status;
    if (!line_number(r, &n) || n > RESP_ARGS_MAX) return fail(r, RESP_ERROR_COUNT);
    if (n > RESP_UNAUTH_ARGS_MAX && limits->unauthenticated) return fail(r, RESP_ERROR_COUNT_UNAUTH);
    r->args_left = MAX(n, 0);
    r->state = ARG;
    return RESP_COMPLETE;
}

static enum resp_status arg_line_read(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    enum resp_status status = line_read(r, buf, len, RESP_ERROR_BULK_LONG);
    int64_t n;
    if (status != RESP_COMPLETE) return status;
    if (r->line_type != '$') return fail(r, RESP_ERROR_BULK_TYPE);
    if (!line_number(r, &n) || n < 0 || (uint64_t)n > limits->bulk_max) return fail(r, RESP_ERROR_BULK);
    if (n > RESP_UNAUTH_BULK_MAX && limits->unauthenticated) return fail(r, RESP_ERROR_BULK_UNAUTH);
    r->bulk = (size_t)n;
    r->state = ARG_DATA;
    return RESP_COMPLETE;
}

static enum resp_status arg_read(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    if (r->state == ARG) {
        line_begin(r);
        r->state = ARG_LINE;
    }
    if (r->state == ARG_LINE) {
        enum resp_status status = arg_line_read(r, buf, len, limits);
        if (status != RESP_COMPLETE) return status;
    }
    if (len - r->pos < r->bulk + 2) return more(r, r->pos + r->bulk + 2);
    if ((uint32_t)r->argc == r->argv_cap && !argv_grow(r)) return RESP_NOMEM;
    r->argv[r->argc++] = slice_of(buf + r->pos, r->bulk);
    r->pos += r->bulk + 2;
    r->args_left--;
    r->state = ARG;
    return RESP_COMPLETE;
}

// As many arguments as are there whole, have nothing unusual, and fit argv.
static inline void args_fast(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    uint64_t n, max = limits->unauthenticated ? MIN(limits->bulk_max, RESP_UNAUTH_BULK_MAX) : limits->bulk_max;
    int64_t count = MIN(r->args_left, (int64_t)r->argv_cap - r->argc), left = count;
    struct slice *to = r->argv + r->argc;
    size_t pos = r->pos;
    for (size_t next; left > 0 && (next = line_fast(buf, len, pos, '$', &n)); left--) {
        if (unlikely(n > max || len - next < n + 2)) break;
        *to++ = slice_of(buf + next, n);
        pos = next + n + 2;
    }
    r->pos = pos;
    r->argc += (int)(count - left);
    r->args_left -= count - left;
}

static inline enum resp_status args_read(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    enum resp_status status = RESP_COMPLETE;
    int before = r->argc;
    while (status == RESP_COMPLETE) {
        if (likely(r->state == ARG)) args_fast(r, buf, len, limits);
        if (likely(r->args_left == 0)) break;
        status = arg_read(r, buf, len, limits);
    }
    if (likely(status == RESP_COMPLETE)) {
        for (int i = 0; i < before; i++) r->argv[i].p = buf + (uintptr_t)r->argv[i].p;
    } else {
        for (int i = before; i < r->argc; i++) r->argv[i].p = (const char *)(uintptr_t)(r->argv[i].p - buf);
    }
    return status;
}

// ---- inline -------------------------------------------------------------------------------------------------------

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\r'; } // VT and FF only separate words from each other

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char escaped(char c) {
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

// Copies what is between quotes; `p` is behind the opening one. Returns what is behind the closing one; NULL: there is none, or
// something other than space follows it.
static const char *quoted_read(const char *p, const char *end, char quote, struct buf *out) {
    while (p < end && *p != quote) {
        char c = *p++;
        if (c == '\\' && p < end) {
            if (quote == '"' && end - p >= 3 && *p == 'x' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
                c = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
                p += 3;
            } else if (quote == '"') {
                c = escaped(*p++);
            } else if (*p == '\'') {
                c = *p++;
            }
        }
        out->p[out->n++] = c;
    }
    if (p == end || (p + 1 < end && !is_space(p[1]))) return NULL;
    return p + 1;
}

// One word, the first byte of which is at `p`. Only one with quotes in it is copied. Returns what is behind it; NULL: its
// quotes are unbalanced.
static const char *word_read(const char *p, const char *end, struct buf *out, struct slice *word) {
    const char *start = p;
    while (p < end && !ends_word(*p) && *p != '"' && *p != '\'') p++;
    *word = slice_of(start, (size_t)(p - start));
    if (p == end || ends_word(*p)) return p;
    const char *copy = out->p + out->n;
    memcpy(out->p + out->n, start, word->n);
    out->n += word->n;
    p = quoted_read(p + 1, end, *p, out); // nothing but space can follow it
    *word = slice_of(copy, (size_t)(out->p + out->n - copy));
    return p;
}

static enum resp_status line_split(struct resp_request *r, const char *p, const char *end) {
    // Words only shrink when they are unescaped, so that this is room for all, and their copies stay where they are.
    if (memchr(p, '"', (size_t)(end - p)) || memchr(p, '\'', (size_t)(end - p))) {
        if (!buf_reserve(&r->text, (size_t)(end - p))) {
            buf_clear(&r->text);
            return RESP_NOMEM;
        }
    }
    for (;;) {
        while (p < end && is_space(*p)) p++;
        if (p == end) return RESP_COMPLETE;
        if ((uint32_t)r->argc == r->argv_cap && !argv_grow(r)) {
            r->argc = 0;
            buf_clear(&r->text);
            return RESP_NOMEM;
        }
        p = word_read(p, end, &r->text, &r->argv[r->argc]);
        if (!p) return fail(r, RESP_ERROR_INLINE_QUOTES);
        r->argc++;
    }
}

static enum resp_status inline_read(struct resp_request *r, const char *buf, size_t len) {
    size_t end = MIN(len, (size_t)RESP_LINE_MAX + 1);
    const char *newline = memchr(buf + r->pos, '\n', end - r->pos);
    if (!(r->line_flags & LINE_NUL) && memchr(buf + r->pos, '\0', newline ? (size_t)(newline - buf) - r->pos : end - r->pos)) {
        r->line_flags |= LINE_NUL;
    }
    if (!newline || (r->line_flags & LINE_NUL)) {
        r->pos = end;
        return end > RESP_LINE_MAX ? fail(r, RESP_ERROR_INLINE_LONG) : more(r, len + 1);
    }
    const char *line_end = newline > buf && newline[-1] == '\r' ? newline - 1 : newline;
    enum resp_status status = line_split(r, buf, line_end);
    if (status == RESP_COMPLETE) r->pos = (size_t)(newline + 1 - buf);
    return status;
}

// ---- both ---------------------------------------------------------------------------------------------------------

// One command from `buf` on, an empty one (argc is then 0) included.
static inline enum resp_status command_read(struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits) {
    if (likely(r->state == START)) {
        uint64_t n;
        size_t next = line_fast(buf, len, 0, '*', &n);
        if (likely(next && n <= RESP_UNAUTH_ARGS_MAX)) {
            r->pos = next;
            r->args_left = (int64_t)n;
            r->state = ARG;
        } else if (len == 0) {
            return more(r, 1);
        } else {
            line_begin(r);
            r->state = buf[0] == '*' ? COUNT : INLINE;
        }
    }
    if (unlikely(r->state == COUNT)) {
        enum resp_status status = count_read(r, buf, len, limits);
        if (status != RESP_COMPLETE) return status;
    }
    if (unlikely(r->state == FAILED)) return RESP_ERROR;
    return unlikely(r->state == INLINE) ? inline_read(r, buf, len) : args_read(r, buf, len, limits);
}

enum resp_status resp_request_parse(
    struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits, size_t *consumed) {
    *consumed = 0;
    if (r->state == COMPLETE) resp_request_reset(r);
    if (len < r->need) return RESP_MORE;
    if (unlikely(len == 0)) return r->state == FAILED ? RESP_ERROR : more(r, 1); // `buf` may be NULL
    for (;;) {
        enum resp_status status = command_read(r, buf + *consumed, len - *consumed, limits);
        if (unlikely(status != RESP_COMPLETE)) return status;
        *consumed += r->pos;
        if (likely(r->argc > 0)) break;
        resp_request_reset(r);
    }
    r->state = COMPLETE;
    return RESP_COMPLETE;
}

static const char *const error_texts[] = {
#define ERROR_TEXT(name, text) text,
    RESP_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
};

struct slice resp_request_error(const struct resp_request *r, char *text) {
    const char *format = error_texts[r->error], *mark = strstr(format, "%c");
    size_t n = strlen(format);
    memcpy(text, format, n + 1);
    if (mark) {
        size_t at = (size_t)(mark - format);
        text[at] = r->line_type == '\r' || r->line_type == '\n' ? ' ' : r->line_type;
        memmove(text + at + 1, text + at + 2, n - at - 1);
        n--;
    }
    return slice_of(text, n);
}
