// Reading replies of either version into a tree in one allocation: first its nodes, then the bytes of its strings, each
// followed by a zero byte. The elements of an aggregate are neighbours. One walk over the bytes does everything: run without a
// place to write it validates and measures, run again it fills what was allocated in between. Nothing recurses, and memory is
// a multiple of the bytes that are there (a node for 3 of them at worst), whatever lengths they announce.
#include "resp/resp.h"

#include <kora.h>
#include <math.h>

#include "base/mem.h"

// One value as it stands in the bytes; of an aggregate, its head alone.
struct token {
    kora_reply_type type;
    bool attribute; // a map that belongs to the value behind it
    bool has_text;
    int64_t integer; // KORA_REPLY_INTEGER, BOOL
    double real;
    struct slice text;
    char format[4];
    uint64_t count; // values within
};

struct bytes {
    const char *p;
    size_t len, pos;
};

enum { NUMBER_LINE_MAX = 24 }; // more than a 64-bit number takes

// The line up to CR LF. Of `max` bytes at most, if not 0.
static enum resp_status line_read(struct bytes *in, size_t max, struct slice *line) {
    const char *start = in->p + in->pos;
    size_t left = in->len - in->pos, n = max && left > max ? max : left;
    const char *cr = memchr(start, '\r', n);
    if (!cr) return n < left ? RESP_ERROR : RESP_MORE;
    size_t length = (size_t)(cr - start);
    if (length + 1 == left) return RESP_MORE;
    if (cr[1] != '\n' || memchr(start, '\n', length)) return RESP_ERROR;
    *line = slice_of(start, length);
    in->pos += length + 2;
    return RESP_COMPLETE;
}

static bool parse_int(struct slice s, int64_t *n) {
    if (s.n > 1 && s.p[0] == '+') {
        s.p++;
        s.n--;
        if (s.p[0] == '-') return false;
    }
    return num_parse_int(s, n);
}

// What nearly every number looks like: up to 18 digits and the line's end. False: it is something else, or not all there.
static bool plain_int_read(struct bytes *in, int64_t *n) {
    enum { DIGITS_MAX = 18 };
    const char *start = in->p + in->pos, *p = start, *end = start + MIN(in->len - in->pos, (size_t)DIGITS_MAX);
    int64_t value = 0;
    while (p < end && *p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
    size_t digits = (size_t)(p - start);
    if (digits == 0 || (*start == '0' && digits > 1) || in->len - in->pos < digits + 2 || p[0] != '\r' || p[1] != '\n') return false;
    *n = value;
    in->pos += digits + 2;
    return true;
}

static enum resp_status int_read(struct bytes *in, int64_t *n) {
    if (likely(plain_int_read(in, n))) return RESP_COMPLETE;
    struct slice line;
    enum resp_status status = line_read(in, NUMBER_LINE_MAX, &line);
    if (status == RESP_COMPLETE && !parse_int(line, n)) return RESP_ERROR;
    return status;
}

// The count of an aggregate, each of which takes `values`, or -1 where RESP2 has its null.
static enum resp_status count_read(struct bytes *in, struct token *t, unsigned values, bool nullable) {
    int64_t n;
    enum resp_status status = int_read(in, &n);
    if (status != RESP_COMPLETE) return status;
    if (n < 0 || n > INT64_MAX / 4) {
        if (n != -1 || !nullable) return RESP_ERROR;
        t->type = KORA_REPLY_NULL;
        return RESP_COMPLETE;
    }
    t->count = (uint64_t)n * values;
    return RESP_COMPLETE;
}

static enum resp_status blob_read(struct bytes *in, struct token *t, bool nullable) {
    int64_t n;
    enum resp_status status = int_read(in, &n);
    if (status != RESP_COMPLETE) return status;
    if (n < 0) {
        if (n != -1 || !nullable) return RESP_ERROR;
        t->type = KORA_REPLY_NULL;
        return RESP_COMPLETE;
    }
    size_t left = in->len - in->pos;
    if (left < (uint64_t)n + 2) return RESP_MORE;
    const char *p = in->p + in->pos;
    if (memcmp(p + n, "\r\n", 2) != 0) return RESP_ERROR;
    in->pos += (size_t)n + 2;
    t->text = slice_of(p, (size_t)n);
    t->has_text = true;
    return RESP_COMPLETE;
}

static enum resp_status verbatim_read(struct bytes *in, struct token *t) {
    enum resp_status status = blob_read(in, t, false);
    if (status != RESP_COMPLETE) return status;
    if (t->text.n < 4 || t->text.p[3] != ':') return RESP_ERROR;
    memcpy(t->format, t->text.p, 3);
    t->text = slice_of(t->text.p + 4, t->text.n - 4);
    return RESP_COMPLETE;
}

static enum resp_status text_read(struct bytes *in, struct token *t) {
    t->has_text = true;
    return line_read(in, 0, &t->text);
}

static enum resp_status bignum_read(struct bytes *in, struct token *t) {
    enum resp_status status = text_read(in, t);
    if (status != RESP_COMPLETE) return status;
    size_t sign = t->text.n > 0 && (t->text.p[0] == '-' || t->text.p[0] == '+'), i = sign;
    while (i < t->text.n && t->text.p[i] >= '0' && t->text.p[i] <= '9') i++;
    return i == t->text.n && i > sign ? RESP_COMPLETE : RESP_ERROR;
}

static bool parse_double(struct slice s, double *n) {
    if (slice_equal(s, SLICE("nan"))) {
        *n = (double)NAN;
        return true;
    }
    if (!slice_equal(s, SLICE("inf")) && !slice_equal(s, SLICE("-inf"))) {
        // Nothing but decimal notation.
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] == '\0' || !strchr("+-.0123456789eE", s.p[i])) return false;
        }
    }
    return num_parse_real(s, n);
}

static enum resp_status double_read(struct bytes *in, struct token *t) {
    enum resp_status status = text_read(in, t);
    if (status == RESP_COMPLETE && !parse_double(t->text, &t->real)) return RESP_ERROR;
    return status;
}

static enum resp_status bool_read(struct bytes *in, struct token *t) {
    struct slice line;
    enum resp_status status = line_read(in, NUMBER_LINE_MAX, &line);
    if (status != RESP_COMPLETE) return status;
    if (line.n != 1 || (line.p[0] != 't' && line.p[0] != 'f')) return RESP_ERROR;
    t->integer = line.p[0] == 't';
    return RESP_COMPLETE;
}

static enum resp_status null_read(struct bytes *in) {
    struct slice line;
    enum resp_status status = line_read(in, NUMBER_LINE_MAX, &line);
    return status == RESP_COMPLETE && line.n > 0 ? RESP_ERROR : status;
}

static enum resp_status token_read(struct bytes *in, struct token *t) {
    *t = (struct token){ 0 };
    if (in->pos == in->len) return RESP_MORE;
    switch (in->p[in->pos++]) {
    case '$': t->type = KORA_REPLY_STRING; return blob_read(in, t, true);
    case '+': t->type = KORA_REPLY_STATUS; return text_read(in, t);
    case '-': t->type = KORA_REPLY_ERROR; return text_read(in, t);
    case '!': t->type = KORA_REPLY_ERROR; return blob_read(in, t, false);
    case ':': t->type = KORA_REPLY_INTEGER; return int_read(in, &t->integer);
    case ',': t->type = KORA_REPLY_DOUBLE; return double_read(in, t);
    case '#': t->type = KORA_REPLY_BOOL; return bool_read(in, t);
    case '(': t->type = KORA_REPLY_BIGNUM; return bignum_read(in, t);
    case '=': t->type = KORA_REPLY_VERBATIM; return verbatim_read(in, t);
    case '_': t->type = KORA_REPLY_NULL; return null_read(in);
    case '*': t->type = KORA_REPLY_ARRAY; return count_read(in, t, 1, true);
    case '~': t->type = KORA_REPLY_SET; return count_read(in, t, 1, false);
    case '>': t->type = KORA_REPLY_PUSH; return count_read(in, t, 1, false);
    case '%': t->type = KORA_REPLY_MAP; return count_read(in, t, 2, false);
    case '|': t->attribute = true; return count_read(in, t, 2, false);
    default: return RESP_ERROR;
    }
}

// ---- the tree -------------------------------------------------------------------------------------------------------

struct tree {
    struct kora_reply *nodes; // NULL: measure only
    char *text;
    size_t nodes_n, text_n;
};

// An aggregate that isn't at its end.
struct frame {
    uint64_t left;  // values still to come
    size_t node;    // index of the node of the next
    bool attribute; // of no interest, nor is anything within
};

static void node_fill(struct tree *tree, size_t index, const struct token *t) {
    struct kora_reply *node = &tree->nodes[index];
    *node = (struct kora_reply){ .type = t->type, .integer = t->integer, .real = t->real, .count = (size_t)t->count };
    memcpy(node->format, t->format, sizeof(node->format));
    if (t->count) node->elements = &tree->nodes[tree->nodes_n];
    if (t->has_text) {
        char *to = tree->text + tree->text_n;
        if (t->text.n) memcpy(to, t->text.p, t->text.n);
        to[t->text.n] = '\0';
        node->str = to;
        node->len = t->text.n;
    }
}

// A value ended. Leaves the aggregates that end with it; true: that was the outermost.
static bool value_end(struct frame *frames, size_t *depth, size_t *ignored) {
    while (*depth > 0) {
        if (--frames[*depth - 1].left > 0) return false;
        if (frames[--*depth].attribute) {
            --*ignored;
            return false; // the value that it belongs to is still to come
        }
    }
    return true;
}

static enum resp_status walk(struct bytes *in, struct tree *tree) {
    struct frame frames[RESP_DEPTH_MAX];
    size_t depth = 0, ignored = 0; // ignored: attributes among the frames
    tree->nodes_n = 1;
    tree->text_n = 0;
    for (;;) {
        struct token t;
        enum resp_status status = token_read(in, &t);
        if (status != RESP_COMPLETE) return status;
        if (t.attribute && t.count == 0) continue;
        if (!t.attribute && !ignored) {
            size_t index = depth ? frames[depth - 1].node++ : 0;
            if (tree->nodes) node_fill(tree, index, &t);
            tree->text_n += t.has_text ? t.text.n + 1 : 0;
        }
        if (t.count > 0) {
            if (depth == RESP_DEPTH_MAX) return RESP_ERROR;
            frames[depth++] = (struct frame){ t.count, tree->nodes_n, t.attribute };
            if (t.attribute) ignored++;
            else if (!ignored) tree->nodes_n += (size_t)t.count;
        } else if (value_end(frames, &depth, &ignored)) {
            return RESP_COMPLETE;
        }
    }
}

enum resp_status resp_reply_skip(const char *buf, size_t len, size_t *consumed) {
    struct bytes in = { buf, len, 0 };
    struct tree tree = { 0 };
    enum resp_status status = walk(&in, &tree);
    if (status == RESP_COMPLETE) *consumed = in.pos;
    return status;
}

enum resp_status resp_reply_parse(const char *buf, size_t len, size_t *consumed, struct kora_reply **reply) {
    struct bytes in = { buf, len, 0 };
    struct tree tree = { 0 };
    enum resp_status status = walk(&in, &tree);
    if (status != RESP_COMPLETE) return status;
    // Every node took 3 bytes of input, so this can't overflow.
    struct kora_reply *nodes = mem_alloc(tree.nodes_n * sizeof(*nodes) + tree.text_n);
    if (!nodes) return RESP_NOMEM;
    tree.nodes = nodes;
    tree.text = (char *)(nodes + tree.nodes_n);
    in.pos = 0;
    status = walk(&in, &tree);
    invariant(status == RESP_COMPLETE);
    *consumed = in.pos;
    *reply = nodes;
    return RESP_COMPLETE;
}
