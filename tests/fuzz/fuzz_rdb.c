// The primitives of RDB and LZF from any bytes. What must hold:
//   - nothing is read outside of the bytes, or written outside of the memory for the result (both are of exactly their size, for ASan)
//   - lzf_length and lzf_decompress agree; what lzf_compress writes decompresses to the same bytes, and takes no more than its room
//   - a reader never goes on after an error, and asks for memory only for what the bytes can stand for
//   - a string that is read and written is read as the same string; so are lengths and doubles; the footer that is written is accepted,
//     and no longer with a bit changed
// Input: a byte that says what to do with the rest.
#include "base/lzf.h"
#include "base/num.h"
#include "type/rdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_rdb: %s (line %d)\n", what, line);
    abort();
}

static char *need(size_t n) {
    char *p = malloc(n > 0 ? n : 1);
    CHECK(p);
    return p;
}

// ---- LZF ------------------------------------------------------------------------------------------------------------

static void check_decompress(struct slice s) {
    size_t n = lzf_length(s);
    CHECK(n == SIZE_MAX || n <= s.n * LZF_RATIO_MAX);
    // Whatever it is, memory of another size is not overrun, and not taken for right.
    size_t wrong = n == SIZE_MAX ? s.n : n > 0 ? n - 1 : 1;
    char *other = need(wrong);
    CHECK(!lzf_decompress(s, other, wrong) || (n == SIZE_MAX && s.n == 0));
    free(other);
    if (n == SIZE_MAX) return;
    char *to = need(n);
    CHECK(lzf_decompress(s, to, n));
    free(to);
}

static void check_compress(struct slice s, size_t room) {
    char *packed = need(room), *back = need(s.n);
    size_t n = lzf_compress(s, packed, room);
    CHECK(n <= room);
    if (n > 0) {
        CHECK(lzf_length(slice_of(packed, n)) == s.n);
        CHECK(lzf_decompress(slice_of(packed, n), back, s.n));
        CHECK(memcmp(back, s.p, s.n) == 0);
    } else {
        CHECK(s.n == 0 || room < s.n + s.n / 32 + 1);
    }
    free(packed);
    free(back);
}

// ---- RDB ------------------------------------------------------------------------------------------------------------

static void check_string(struct slice s, bool compress) {
    struct buf b = { 0 }, scratch = { 0 };
    struct rdb_writer w = { .out = &b, .compress = compress };
    rdb_write_byte(&w, RDB_STRING);
    rdb_write_string(&w, s);
    rdb_write_footer(&w, 0);
    CHECK(!b.failed && b.n <= s.n + 20);
    struct slice object;
    CHECK(rdb_check_footer(slice_of(b.p, b.n), &object));
    struct rdb_reader r = rdb_reader_of(object);
    CHECK(rdb_read_byte(&r) == RDB_STRING);
    CHECK(slice_equal(rdb_read_slice(&r, &scratch), s));
    CHECK(rdb_finish(&r));
    b.p[s.n * 7 % b.n] ^= 1;
    CHECK(!rdb_check_footer(slice_of(b.p, b.n), &object));
    buf_free(&b);
    buf_free(&scratch);
}

static void check_scalars(struct rdb_reader *r, unsigned what) {
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b, .compress = false };
    uint64_t n = 0;
    double d = 0, again = 0;
    if (what == 0) rdb_write_length(&w, n = rdb_read_length(r));
    if (what == 1) rdb_write_double(&w, d = rdb_read_double(r));
    if (what == 2) rdb_write_text_double(&w, d = rdb_read_text_double(r));
    if (what == 3) rdb_write_integer(&w, (int64_t)(n = rdb_read_u64(r)));
    CHECK(!b.failed);
    struct rdb_reader back = rdb_reader_of(slice_of(b.p, b.n));
    if (what == 0) CHECK(rdb_read_length(&back) == n);
    if (what == 1) again = rdb_read_double(&back);
    if (what == 2) again = rdb_read_text_double(&back);
    if (what == 1 || what == 2) CHECK((d != d && again != again) || d == again);
    if (what == 3) {
        struct buf scratch = { 0 };
        char digits[NUM_INT_MAX];
        CHECK(slice_equal(rdb_read_slice(&back, &scratch), slice_of(digits, num_format_int((int64_t)n, digits))));
        buf_free(&scratch);
    }
    CHECK(rdb_finish(&back));
    buf_free(&b);
}

static void check_one(struct rdb_reader *r, struct buf *scratch, unsigned what) {
    size_t before = rdb_left(r);
    if (what < 4) {
        check_scalars(r, what);
    } else if (what == 4) {
        struct slice s = rdb_read_slice(r, scratch);
        CHECK(rdb_ok(r) == (s.p != NULL));
        CHECK(s.n <= (size_t)LZF_RATIO_MAX * before && scratch->cap <= (size_t)LZF_RATIO_MAX * 2 * before + 64);
        if (s.p) check_string(s, true);
        buf_free(scratch);
    } else if (what == 5) {
        struct rdb_string s;
        if (rdb_read_string(r, &s)) {
            char *to = need(s.n);
            rdb_string_copy(&s, to);
            free(to);
        }
    } else if (what == 6) {
        size_t n = rdb_read_count(r, 3);
        CHECK(n * 3 <= rdb_left(r));
    } else {
        size_t n = rdb_read_byte(r) & 15;
        struct slice raw = rdb_read_raw(r, n);
        CHECK(raw.p ? raw.n == n : !rdb_ok(r));
        rdb_read_u32(r);
    }
    CHECK(rdb_ok(r) ? rdb_left(r) <= before : rdb_left(r) == 0);
}

static void check_reader(struct slice s) {
    struct buf scratch = { 0 };
    struct rdb_reader r = rdb_reader_of(s);
    while (rdb_left(&r) > 0) check_one(&r, &scratch, rdb_read_byte(&r) & 7);
    if (!rdb_ok(&r)) {
        for (unsigned what = 0; what < 8; what++) check_one(&r, &scratch, what);
        CHECK(r.error == RDB_CORRUPT);
        CHECK(rdb_read_ms(&r) == 0 && rdb_read_length(&r) == 0 && !rdb_finish(&r));
    }
    buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    // Of exactly its size.
    char *copy = need(size - 1);
    if (size > 1) memcpy(copy, data + 1, size - 1);
    struct slice s = slice_of(copy, size - 1), object;
    switch (data[0] & 3) {
    case 0: check_decompress(s); break;
    case 1:
        check_compress(s, s.n + s.n / 32 + 1);
        check_compress(s, s.n / 2);
        break;
    case 2: check_reader(s); break;
    default:
        check_string(s, data[0] & 4);
        rdb_check_footer(s, &object);
    }
    free(copy);
    return 0;
}
