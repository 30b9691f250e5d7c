// RESP, the protocol of Redis's clients, both ways: requests as clients send them (request.c), replies as servers write
// them in RESP2 and RESP3 (write.c), replies read back into a tree (reply.c). Pure: bytes in, bytes out, no I/O.
#ifndef KORA_RESP_H
#define KORA_RESP_H

#include "base/base.h"
#include "base/buf.h"
#include "base/num.h"

struct kora_reply;

enum resp_status {
    RESP_COMPLETE, // one whole command, or reply
    RESP_MORE,     // the bytes end within it
    RESP_ERROR,    // not RESP, or beyond a limit
    RESP_NOMEM     // nothing was lost: the same call may be made again
};

// ---- requests ---------------------------------------------------------------------------------------------------

#define RESP_LINE_MAX (64 * 1024) // an inline command, or the line with a count or a length
#define RESP_ARGS_MAX INT32_MAX   // arguments of a command
#define RESP_UNAUTH_ARGS_MAX 10   // ... of a client that has yet to authenticate
#define RESP_UNAUTH_BULK_MAX (16 * 1024)

struct resp_limits {
    uint64_t bulk_max;    // longest argument (proto-max-bulk-len)
    bool unauthenticated; // authentication is required, and has yet to happen
};
#define RESP_LIMITS_DEFAULT \
    { 512u << 20, false }

// name, text: what Redis 7 answers, "-ERR " in front. %c is the byte that was there.
#define RESP_ERRORS(X)                                                  \
    X(NONE, "")                                                         \
    X(COUNT_LONG, "Protocol error: too big mbulk count string")         \
    X(COUNT, "Protocol error: invalid multibulk length")                \
    X(COUNT_UNAUTH, "Protocol error: unauthenticated multibulk length") \
    X(BULK_LONG, "Protocol error: too big bulk count string")           \
    X(BULK_TYPE, "Protocol error: expected '$', got '%c'")              \
    X(BULK, "Protocol error: invalid bulk length")                      \
    X(BULK_UNAUTH, "Protocol error: unauthenticated bulk length")       \
    X(INLINE_LONG, "Protocol error: too big inline request")            \
    X(INLINE_QUOTES, "Protocol error: unbalanced quotes in request")

enum resp_error {
#define RESP_ERROR_ENUM_(name, text) RESP_ERROR_##name,
    RESP_ERRORS(RESP_ERROR_ENUM_)
#undef RESP_ERROR_ENUM_
};

enum { RESP_ARGV_FEW = 8, RESP_ERROR_TEXT_MAX = 64 };

// A command as it arrives. Arguments are slices of the caller's input, but for quoted arguments of an inline command, which
// are unescaped into `text`. Memory grows with what has arrived, never with what is announced.
// argv may point into the struct itself: move it with resp_request_move only.
struct resp_request {
    // After RESP_COMPLETE, until the next call; they point into the input, so they are good as long as that stays.
    int argc;
    struct slice *argv;
    // After RESP_MORE: no progress is possible before there are this many bytes from the command's first on (at least). It
    // tells the length of a large argument that is under way, so that it can be received straight into its place.
    size_t need;
    enum resp_error error; // after RESP_ERROR

    // The parser's own.
    unsigned char state, line_flags;
    char line_type, line_last;
    uint32_t argv_cap;
    int64_t args_left; // still to come
    uint64_t number;   // of the line that is being read
    size_t pos;        // first byte not looked at, from the command's first byte
    size_t line;       // where the line began
    size_t bulk;       // length of the argument that is being waited for
    struct buf text;
    struct slice few[RESP_ARGV_FEW];
};

void resp_request_init(struct resp_request *r);
// Forgets what was parsed, gives back memory that an unusual command took.
void resp_request_reset(struct resp_request *r);
void resp_request_free(struct resp_request *r);
// Moves a request, complete or half read, to `to`, which may be uninitialized: memory that it holds must have been freed.
// `from` is as after resp_request_init.
void resp_request_move(struct resp_request *to, struct resp_request *from);
// Heap bytes that the request holds.
size_t resp_request_memory(const struct resp_request *r);

// Reads on in `buf`, whose first byte is the first one not yet consumed: the caller advances by *consumed after every call,
// whatever it returned, and else passes the same bytes again, at the same or another address, with more behind them.
//   RESP_COMPLETE  a command of argc >= 1 arguments; *consumed includes it. The next call begins the next one
//   RESP_MORE      *consumed counts only empty commands (`*0`, a bare newline), which are passed over in silence
//   RESP_ERROR     the connection can't be used any more; the same answer from now on
// No byte is looked at again in a later call. `limits` may change from one command to the next.
enum resp_status resp_request_parse(
    struct resp_request *r, const char *buf, size_t len, const struct resp_limits *limits, size_t *consumed);

// The text of r->error into `text` (RESP_ERROR_TEXT_MAX bytes), without the "-ERR " in front.
struct slice resp_request_error(const struct resp_request *r, char *text);

// ---- writing replies --------------------------------------------------------------------------------------------
// `version` is 2 or 3. An aggregate is its header, followed by as many values as that says. Failure shows in out->failed.

enum { RESP_HEADER_MAX = 1 + NUM_INT_MAX + 2 };

size_t resp_format_header_(char *to, char type, int64_t n);

// A line such as ":42" or "*3".
static inline void resp_write_header(struct buf *out, char type, int64_t n) {
    char *to = buf_reserve(out, RESP_HEADER_MAX);
    if (unlikely(!to)) return;
    if (likely(n >= 0 && n <= 9)) {
        char line[4] = { type, (char)('0' + n), '\r', '\n' };
        memcpy(to, line, 4);
        out->n += 4;
    } else {
        out->n += resp_format_header_(to, type, n);
    }
}

static inline void resp_write_ok(struct buf *out) { buf_append(out, "+OK\r\n", 5); }
static inline void resp_write_int(struct buf *out, int64_t n) { resp_write_header(out, ':', n); }

static inline void resp_write_bulk(struct buf *out, const void *p, size_t n) {
    char *to = n < SIZE_MAX - RESP_HEADER_MAX - 2 ? buf_reserve(out, RESP_HEADER_MAX + n + 2) : buf_grow_(out, SIZE_MAX);
    if (unlikely(!to)) return;
    resp_write_header(out, '$', (int64_t)n);
    to = out->p + out->n;
    if (n) memcpy(to, p, n);
    memcpy(to + n, "\r\n", 2);
    out->n += n + 2;
}
static inline void resp_write_bulk_slice(struct buf *out, struct slice s) { resp_write_bulk(out, s.p, s.n); }

// One line of text; CR and LF at its ends are cut off, those inside become spaces. An error's text begins with its code
// ("ERR ...").
void resp_write_status(struct buf *out, const char *text, size_t n);
void resp_write_error(struct buf *out, const char *text, size_t n);

static inline void resp_write_null(struct buf *out, int version) {
    if (version == 2) buf_append(out, "$-1\r\n", 5);
    else buf_append(out, "_\r\n", 3);
}
// Where RESP2 has an array that is not there.
static inline void resp_write_null_array(struct buf *out, int version) {
    if (version == 2) buf_append(out, "*-1\r\n", 5);
    else buf_append(out, "_\r\n", 3);
}
static inline void resp_write_array(struct buf *out, size_t count) { resp_write_header(out, '*', (int64_t)count); }
// RESP2: an array of 2 * pairs.
static inline void resp_write_map(struct buf *out, int version, size_t pairs) {
    if (version == 2) resp_write_array(out, 2 * pairs);
    else resp_write_header(out, '%', (int64_t)pairs);
}
static inline void resp_write_set(struct buf *out, int version, size_t count) {
    resp_write_header(out, version == 2 ? '*' : '~', (int64_t)count);
}
static inline void resp_write_push(struct buf *out, int version, size_t count) {
    resp_write_header(out, version == 2 ? '*' : '>', (int64_t)count);
}
// Attributes of the value that follows them. False: RESP2 has none, nothing was written, and the pairs must be left out.
static inline bool resp_write_attribute(struct buf *out, int version, size_t pairs) {
    if (version == 2) return false;
    resp_write_header(out, '|', (int64_t)pairs);
    return true;
}
// RESP2: 0 or 1.
static inline void resp_write_bool(struct buf *out, int version, bool b) {
    if (version == 2) resp_write_int(out, b);
    else buf_append(out, b ? "#t\r\n" : "#f\r\n", 4);
}
// RESP2: bulk strings.
void resp_write_double(struct buf *out, int version, double n);
void resp_write_bignum(struct buf *out, int version, const char *digits, size_t n);
void resp_write_verbatim(struct buf *out, int version, const char *format, const char *text, size_t n); // format: 3 letters

// Puts a header in front of what was written from `at` on: for aggregates whose length shows only at the end.
void resp_insert_header(struct buf *out, size_t at, char type, int64_t n);

// ---- reading replies --------------------------------------------------------------------------------------------

#define RESP_DEPTH_MAX 128 // aggregates within each other, attributes included; deeper ones are RESP_ERROR

// The reply at the start of `buf`, of either version, as the public tree in one allocation (mem_free). Attributes are passed
// over; both nulls of RESP2 are KORA_REPLY_NULL; the streamed types of RESP3 are RESP_ERROR. *consumed is its length; it and
// *reply are set for RESP_COMPLETE only. Memory is taken once the whole reply is there.
enum resp_status resp_reply_parse(const char *buf, size_t len, size_t *consumed, struct kora_reply **reply);
// The same without the tree: validates, and measures. Never RESP_NOMEM.
enum resp_status resp_reply_skip(const char *buf, size_t len, size_t *consumed);

#endif
