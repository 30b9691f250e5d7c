// LCS: the longest common subsequence of two strings, by the textbook table: cell (i, j) is its length for the first i bytes of one and the
// first j bytes of the other. Where several are as long, which one is reported follows from how the table is walked back, as Redis does.
#include "base/mem.h"
#include "cmd/cmd_int.h"

struct lcs_options {
    bool len, idx, with_match_len;
    int64_t min_match_len;
};

struct lcs_table {
    struct slice a, b;
    uint32_t *cells; // rows of b.n + 1
};

static inline uint32_t *row(const struct lcs_table *t, size_t i) { return t->cells + i * (t->b.n + 1); }

static bool parse_options(struct call *c, struct lcs_options *o) {
    *o = (struct lcs_options){ 0 };
    for (int i = 3; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], "idx")) {
            o->idx = true;
        } else if (slice_is_word(c->argv[i], "len")) {
            o->len = true;
        } else if (slice_is_word(c->argv[i], "withmatchlen")) {
            o->with_match_len = true;
        } else if (slice_is_word(c->argv[i], "minmatchlen") && i + 1 < c->argc) {
            if (!read_int(c, c->argv[++i], &o->min_match_len)) return false;
        } else {
            reply_syntax_error(c);
            return false;
        }
    }
    if (!o->idx || !o->len) return true;
    reply_error(c, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

static bool take_table(struct call *c, struct lcs_table *t) {
    if (t->a.n >= UINT32_MAX - 1 || t->b.n >= UINT32_MAX - 1) {
        reply_error(c, "ERR String too long for LCS");
        return false;
    }
    uint64_t limit = atomic_load_explicit(&c->txn.common->settings.proto_max_bulk_len, memory_order_relaxed);
    size_t bytes;
    if (__builtin_mul_overflow((t->a.n + 1) * sizeof(uint32_t), t->b.n + 1, &bytes)) bytes = SIZE_MAX;
    if (bytes > limit) {
        reply_error(c, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        return false;
    }
    t->cells = mem_alloc(bytes);
    if (t->cells) return true;
    reply_error(c, "ERR Insufficient memory, failed allocating transient memory for LCS");
    return false;
}

static void fill(const struct lcs_table *t) {
    memset(row(t, 0), 0, (t->b.n + 1) * sizeof(uint32_t));
    for (size_t i = 1; i <= t->a.n; i++) {
        const uint32_t *above = row(t, i - 1);
        uint32_t *here = row(t, i);
        here[0] = 0;
        for (size_t j = 1; j <= t->b.n; j++) {
            here[j] = t->a.p[i - 1] == t->b.p[j - 1] ? above[j - 1] + 1 : MAX(above[j], here[j - 1]);
        }
    }
}

// Walks back from (*i, *j) to the end of the nearest match, and over it. False: there is none left. The match is a's bytes *i up to
// *i + the result, and b's *j.
static size_t next_match(const struct lcs_table *t, size_t *i, size_t *j) {
    const char *a = t->a.p, *b = t->b.p;
    size_t n = 0;
    while (*i > 0 && *j > 0 && a[*i - 1] != b[*j - 1]) {
        if (row(t, *i - 1)[*j] > row(t, *i)[*j - 1]) --*i;
        else --*j;
    }
    for (; *i > 0 && *j > 0 && a[*i - 1] == b[*j - 1]; n++) {
        --*i;
        --*j;
    }
    return n;
}

static void reply_range(struct call *c, size_t from, size_t n) {
    reply_array(c, 2);
    reply_int(c, (int64_t)from);
    reply_int(c, (int64_t)(from + n - 1));
}

static void reply_matches(struct call *c, const struct lcs_table *t, const struct lcs_options *o) {
    size_t i = t->a.n, j = t->b.n, n, count = 0;
    reply_map(c, 2);
    reply_bulk_str(c, "matches");
    size_t start = c->reply.buf->n;
    while ((n = next_match(t, &i, &j)) > 0) {
        if (o->min_match_len > 0 && n < (uint64_t)o->min_match_len) continue;
        reply_array(c, o->with_match_len ? 3 : 2);
        reply_range(c, i, n);
        reply_range(c, j, n);
        if (o->with_match_len) reply_int(c, (int64_t)n);
        count++;
    }
    resp_insert_header(c->reply.buf, start, '*', (int64_t)count);
    reply_bulk_str(c, "len");
    reply_int(c, row(t, t->a.n)[t->b.n]);
}

static void reply_sequence(struct call *c, const struct lcs_table *t) {
    size_t i = t->a.n, j = t->b.n, n, left = row(t, i)[j];
    struct buf *out = c->reply.buf;
    resp_write_header(out, '$', (int64_t)left);
    char *text = buf_reserve(out, left + 2);
    if (!text) return;
    out->n += left + 2;
    memcpy(text + left, "\r\n", 2);
    while ((n = next_match(t, &i, &j)) > 0) {
        left -= n;
        memcpy(text + left, t->a.p + i, n);
    }
}

void cmd_lcs(struct call *c) {
    char numbers[2][NUM_INT_MAX];
    struct slice s[2] = { { "", 0 }, { "", 0 } };
    struct lcs_options o;
    struct entry *e[2] = { key_read(&c->txn, &c->keys[0]), key_read(&c->txn, &c->keys[1]) };
    for (int i = 0; i < 2; i++) {
        if (e[i] && e[i]->type != TYPE_STRING) {
            reply_error(c, "ERR The specified keys must contain string values");
            return;
        }
    }
    if (e[0]) e[0] = key_find(&c->txn, &c->keys[0], 0); // again: the second look-up may have deleted a key, its time had come
    for (int i = 0; i < 2; i++) {
        if (e[i]) s[i] = entry_string(e[i], numbers[i]);
    }
    struct lcs_table t = { s[0], s[1], NULL };
    if (!parse_options(c, &o) || !take_table(c, &t)) return;
    fill(&t);
    if (o.idx) reply_matches(c, &t, &o);
    else if (o.len) reply_int(c, row(&t, t.a.n)[t.b.n]);
    else reply_sequence(c, &t);
    mem_free(t.cells);
}
