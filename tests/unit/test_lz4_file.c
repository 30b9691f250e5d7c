// Streams through LZ4 frames: what went in comes out, in pieces of any size; damage at every bit, truncation at every byte; failing streams; no memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/bytes.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/lz4_file.h"

enum { LARGE = 1000000 };

static char content[LARGE];

static int fill_content(void **state) {
    (void)state;
    struct random rnd;
    random_seed(&rnd, 1);
    for (size_t i = 0; i < LARGE; i++) content[i] = i % 100000 < 50000 ? (char)random_below(&rnd, 4) : (char)random_next(&rnd);
    return 0;
}

// 0 or a negative errno.
static int compress(struct collected *to, size_t n, size_t piece) {
    struct lz4_sink z;
    int code = lz4_sink_open(&z, (struct byte_sink){ collected_write, to });
    if (code < 0) return code;
    struct byte_sink s = lz4_sink_bytes(&z);
    for (size_t at = 0; at < n; at += piece) s.write(s.arg, content + at, MIN(piece, n - at)); // it remembers
    return lz4_sink_finish(&z);
}

// Content so far, or a negative errno.
static ssize_t decompress(struct slice from, size_t piece_in, size_t piece_out, struct buf *to, char error[128]) {
    struct pieces p = { .left = from, .piece = piece_in };
    struct lz4_source z;
    ssize_t n = lz4_source_open(&z, (struct byte_source){ pieces_read, &p });
    buf_clear(to);
    if (n < 0) return n;
    struct byte_source s = lz4_source_bytes(&z);
    do {
        char *at = buf_reserve(to, piece_out);
        n = at ? s.read(s.arg, at, piece_out) : -ENOMEM;
        if (n > 0) to->n += (size_t)n;
        assert_true(n <= (ssize_t)piece_out);
    } while (n > 0);
    if (n == 0) assert_int_equal(s.read(s.arg, (char[1]){ 0 }, 1), 0);
    memcpy(error, z.error, 128);
    lz4_source_close(&z);
    return n < 0 ? n : (ssize_t)to->n;
}

static void there_and_back(void **state) {
    (void)state;
    static const size_t lengths[] = { 0, 1, 100, 262143, 262144, 262145, 600000, LARGE }, pieces[] = { 1000000, 262144, 4096, 999 };
    char error[128];
    struct buf back = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
            struct collected out = { 0 };
            assert_int_equal(compress(&out, lengths[i], pieces[j]), 0);
            assert_memory_equal(out.b.p, LZ4_FRAME_MAGIC, LZ4_FRAME_MAGIC_BYTES);
            assert_int_equal(decompress(slice_of(out.b.p, out.b.n), pieces[j] / 3, pieces[ARRAY_LEN(pieces) - 1 - j], &back, error), lengths[i]);
            assert_memory_equal(back.p, content, lengths[i]);
            // Two behind each other are one stream.
            assert_non_null(buf_reserve(&out.b, out.b.n));
            buf_append(&out.b, out.b.p, out.b.n);
            if (j == 0) assert_int_equal(decompress(slice_of(out.b.p, out.b.n), 0, 50000, &back, error), 2 * lengths[i]);
            buf_free(&out.b);
        }
    }
    buf_free(&back);
}

static void assert_damaged(ssize_t n, const char *error, size_t max) {
    unsigned long long offset;
    assert_int_equal(n, -EBADMSG);
    assert_int_equal(sscanf(error, "offset %llu of the compressed file: ", &offset), 1);
    assert_true(offset <= max);
}

static void damage(void **state) {
    (void)state;
    enum { SMALL = 1500 };
    char error[128];
    struct buf back = { 0 };
    struct collected out = { 0 };
    assert_int_equal(compress(&out, SMALL, SMALL), 0);
    for (size_t n = 0; n < out.b.n; n++) assert_damaged(decompress(slice_of(out.b.p, n), n % 50, 100, &back, error), error, n);
    for (size_t bit = 0; bit < 8 * out.b.n; bit++) {
        out.b.p[bit / 8] = (char)(out.b.p[bit / 8] ^ 1 << bit % 8);
        ssize_t n = decompress(slice_of(out.b.p, out.b.n), bit % 50, 100, &back, error);
        // Of the magic number some bits make it another one, of a frame to be passed over; what is behind it is then nothing.
        if (bit < 32 && n >= 0) assert_int_equal(n, 0);
        else assert_damaged(n, error, out.b.n);
        out.b.p[bit / 8] = (char)(out.b.p[bit / 8] ^ 1 << bit % 8);
    }
    buf_append(&out.b, "garbage", 7);
    assert_damaged(decompress(slice_of(out.b.p, out.b.n), 0, 100, &back, error), error, out.b.n);
    buf_free(&out.b);
    buf_free(&back);
}

static void mutations(void **state) {
    (void)state;
    char error[128];
    struct buf back = { 0 };
    struct collected out = { 0 };
    struct random rnd;
    random_seed(&rnd, 2);
    assert_int_equal(compress(&out, 3000, 3000), 0);
    char *copy = malloc(out.b.n);
    assert_non_null(copy);
    for (int i = 0; i < 20000; i++) {
        memcpy(copy, out.b.p, out.b.n);
        for (uint64_t n = 1 + random_below(&rnd, 4); n > 0; n--) copy[random_below(&rnd, out.b.n)] = (char)random_next(&rnd);
        ssize_t n = decompress(slice_of(copy, 1 + random_below(&rnd, out.b.n)), 1 + random_below(&rnd, 500), 1 + random_below(&rnd, 5000), &back, error);
        assert_true(n == -EBADMSG || n >= 0);
        if (n > 0) assert_memory_equal(back.p, content, 3000);
    }
    free(copy);
    buf_free(&out.b);
    buf_free(&back);
}

static void failing(void **state) {
    (void)state;
    char error[128];
    struct buf back = { 0 };
    struct collected out = { 0 };
    assert_int_equal(compress(&out, LARGE, 10000), 0);
    size_t writes = out.fails.calls;
    for (size_t n = 1; n <= writes; n++) {
        struct collected other = { .fails = { .fail_in = (long)n, .code = ENOSPC } };
        assert_int_equal(compress(&other, LARGE, 10000), -ENOSPC);
        assert_int_equal(other.fails.calls, n); // nothing is written after it
        buf_free(&other.b);
    }
    for (long n = 1; n < 6; n++) {
        struct pieces p = { .left = slice_of(out.b.p, out.b.n), .piece = 100000, .fail_in = n, .code = EIO };
        struct lz4_source z;
        assert_int_equal(lz4_source_open(&z, (struct byte_source){ pieces_read, &p }), 0);
        struct byte_source s = lz4_source_bytes(&z);
        ssize_t got;
        do got = s.read(s.arg, buf_reserve(&back, 100000), 100000);
        while (got > 0);
        assert_int_equal(got, -EIO);
        lz4_source_close(&z);
    }
    long n = 1;
    for (;; n++) {
        struct collected other = { 0 };
        assert_non_null(buf_reserve(&other.b, LARGE));
        mem_fail(n, false);
        int code = compress(&other, 5000, 100);
        bool failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        assert_int_equal(code, failed ? -ENOMEM : 0);
        buf_free(&other.b);
        if (!failed) break;
    }
    assert_true(n > 1);
    mem_fail(1, false);
    buf_reserve(&back, 100);
    assert_int_equal(decompress(slice_of(out.b.p, out.b.n), 0, 100, &back, error), -ENOMEM);
    mem_fail(0, false);
    buf_free(&out.b);
    buf_free(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(damage),
        cmocka_unit_test(mutations),
        cmocka_unit_test(failing),
    };
    return cmocka_run_group_tests_name("lz4 file", tests, fill_content, NULL);
}
