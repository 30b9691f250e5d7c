// The primitives of RDB: bytes that redis-server 7.0.15 wrote, malformed ones, no memory; then the fuzz target over seeded mutations.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../fuzz/fuzz_rdb.c"
#include "base/crc64.h"
#include "base/mem.h"
#include "base/random.h"

#define ABC_30 "abcabcabcabcabcabcabcabcabcabc"
#define ABC_180 ABC_30 ABC_30 ABC_30 ABC_30 ABC_30 ABC_30

#define BYTES(literal) { literal, sizeof(literal) - 1 } // a slice, for what is static
// DUMP's answers, and the strings.
static const struct {
    struct slice dump, string;
} dumps[] = {
    { BYTES("\x00\xc0\xf9\x0a\x00\x5e\x26\xd1\x30\xd7\xa2\x42\xab"), BYTES("-7") },
    { BYTES("\x00\xc1\xe8\x03\x0a\x00\x89\xd1\x47\x8e\xba\xc4\xb7\x64"), BYTES("1000") },
    { BYTES("\x00\xc2\xc0\x1d\xfe\xff\x0a\x00\xe1\xb6\x62\x9e\xab\xbd\x54\xf2"), BYTES("-123456") },
    { BYTES("\x00\x0a\x32\x31\x34\x37\x34\x38\x33\x36\x34\x38\x0a\x00\xe7\xb1\x29\xa3\x4c\x1d\x76\xee"), BYTES("2147483648") },
    { BYTES("\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"), BYTES("hello") },
    { BYTES("\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda"), BYTES("") },
    { BYTES("\x00\x03\x30\x30\x37\x0a\x00\x72\x58\xe2\x7b\x4c\x69\xba\xd9"), BYTES("007") },
    { BYTES("\x00\xc3\x0b\x40\xb4\x03\x61\x62\x63\x61\xe0\xa5\x02\x01\x62\x63\x0a\x00\x2b\x5b\x6b\xac\x6c\x26\xc3\x6d"), BYTES(ABC_180) },
};

static void golden(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dumps); i++) {
        struct slice object;
        struct buf scratch = { 0 }, out = { 0 };
        assert_true(rdb_check_footer(dumps[i].dump, &object));
        struct rdb_reader r = rdb_reader_of(object);
        assert_int_equal(rdb_read_byte(&r), RDB_STRING);
        assert_true(slice_equal(rdb_read_slice(&r, &scratch), dumps[i].string));
        assert_true(rdb_finish(&r));
        struct rdb_writer w = { .out = &out, .compress = true };
        rdb_write_byte(&w, RDB_STRING);
        rdb_write_string(&w, dumps[i].string);
        rdb_write_footer(&w, 0);
        // Another compressor may write another form of the same.
        if (dumps[i].string.n < 20) assert_true(slice_equal(slice_of(out.p, out.n), dumps[i].dump));
        buf_free(&scratch);
        buf_free(&out);
    }
}

static void footer(void **state) {
    (void)state;
    struct slice object;
    const struct slice good = dumps[0].dump;
    char bytes[64];
    for (size_t n = 0; n < good.n; n++) assert_false(rdb_check_footer(slice_of(good.p, n), &object));
    for (size_t bit = 0; bit < good.n * 8; bit++) {
        memcpy(bytes, good.p, good.n);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        assert_false(rdb_check_footer(slice_of(bytes, good.n), &object));
    }
    // Versions, each with its right CRC.
    for (unsigned version = 0; version < 300; version++) {
        struct buf b = { 0 };
        buf_append(&b, "\x00\x01x", 3);
        buf_append_char(&b, (char)version);
        buf_append_char(&b, (char)(version >> 8));
        struct rdb_writer w = { .out = &b, .compress = false };
        rdb_write_u64(&w, crc64(0, b.p, b.n));
        assert_int_equal(rdb_check_footer(slice_of(b.p, b.n), &object), version <= 12);
        buf_free(&b);
    }
}

static void assert_length(uint64_t n, struct slice bytes) {
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b, .compress = false };
    rdb_write_length(&w, n);
    assert_true(slice_equal(slice_of(b.p, b.n), bytes));
    struct rdb_reader r = rdb_reader_of(bytes);
    assert_true(rdb_read_length(&r) == n);
    assert_true(rdb_finish(&r));
    buf_free(&b);
}

static void lengths(void **state) {
    (void)state;
    assert_length(0, SLICE("\x00"));
    assert_length(63, SLICE("\x3f"));
    assert_length(64, SLICE("\x40\x40"));
    assert_length(16383, SLICE("\x7f\xff"));
    assert_length(16384, SLICE("\x80\x00\x00\x40\x00"));
    assert_length(UINT32_MAX, SLICE("\x80\xff\xff\xff\xff"));
    assert_length(UINT64_C(1) << 32, SLICE("\x81\x00\x00\x00\x01\x00\x00\x00\x00"));
    assert_length(UINT64_MAX, SLICE("\x81\xff\xff\xff\xff\xff\xff\xff\xff"));
}

static void integers(void **state) {
    (void)state;
    static const int64_t numbers[] = { 0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, INT32_MAX, INT32_MIN, INT64_C(1) << 31,
        -(INT64_C(1) << 31) - 1, INT64_MAX, INT64_MIN };
    static const unsigned char sizes[] = { 2, 2, 2, 2, 3, 2, 3, 3, 5, 3, 5, 5, 5, 11, 12, 20, 21 };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf a = { 0 }, b = { 0 }, scratch = { 0 };
        struct rdb_writer w = { .out = &a, .compress = true }, v = { .out = &b, .compress = true };
        char digits[NUM_INT_MAX];
        struct slice text = slice_of(digits, num_format_int(numbers[i], digits));
        rdb_write_integer(&w, numbers[i]);
        rdb_write_string(&v, text);
        assert_int_equal(a.n, sizes[i]);
        assert_true(slice_equal(slice_of(a.p, a.n), slice_of(b.p, b.n)));
        struct rdb_reader r = rdb_reader_of(slice_of(a.p, a.n));
        assert_true(slice_equal(rdb_read_slice(&r, &scratch), text));
        buf_free(&a);
        buf_free(&b);
        buf_free(&scratch);
    }
}

static void doubles(void **state) {
    (void)state;
    static const double numbers[] = { 0, -0.0, 1, 0.1, -3.25, 1e300, 5e-324, 1.7976931348623157e308, 9007199254740994, (double)INFINITY,
        -(double)INFINITY };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct buf b = { 0 };
        struct rdb_writer w = { .out = &b, .compress = false };
        rdb_write_double(&w, numbers[i]);
        rdb_write_text_double(&w, numbers[i]);
        struct rdb_reader r = rdb_reader_of(slice_of(b.p, b.n));
        double binary = rdb_read_double(&r), text = rdb_read_text_double(&r);
        assert_memory_equal(&binary, &numbers[i], sizeof(double));
        assert_memory_equal(&text, &numbers[i], sizeof(double));
        assert_true(rdb_finish(&r));
        buf_free(&b);
    }
    struct rdb_reader r = rdb_reader_of(SLICE("\x03""2.5\x08""1.5e+003\xfd\xfe\xff"));
    assert_true(rdb_read_text_double(&r) == 2.5);
    assert_true(rdb_read_text_double(&r) == 1500);
    assert_true(isnan(rdb_read_text_double(&r)));
    assert_true(rdb_read_text_double(&r) == (double)INFINITY);
    assert_true(rdb_read_text_double(&r) == -(double)INFINITY);
    assert_true(rdb_finish(&r));
}

static void fixed_sizes(void **state) {
    (void)state;
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b, .compress = false };
    rdb_write_u32(&w, 0x01020304);
    rdb_write_u64(&w, UINT64_C(0x0102030405060708));
    rdb_write_ms(&w, -2);
    rdb_write_raw(&w, SLICE("raw"));
    assert_true(slice_equal(slice_of(b.p, b.n), SLICE("\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01\xfe\xff\xff\xff\xff\xff\xff\xffraw")));
    struct rdb_reader r = rdb_reader_of(slice_of(b.p, b.n));
    assert_true(rdb_read_u32(&r) == 0x01020304);
    assert_true(rdb_read_u64(&r) == UINT64_C(0x0102030405060708));
    assert_true(rdb_read_ms(&r) == -2);
    assert_true(slice_equal(rdb_read_raw(&r, 3), SLICE("raw")));
    assert_true(rdb_finish(&r));
    buf_free(&b);
}

static void assert_corrupt_string(struct slice s) {
    struct buf scratch = { 0 };
    struct rdb_reader r = rdb_reader_of(s);
    assert_null(rdb_read_slice(&r, &scratch).p);
    assert_int_equal(r.error, RDB_CORRUPT);
    assert_int_equal(scratch.cap, 0); // nothing was asked for
    assert_int_equal(rdb_left(&r), 0);
    assert_int_equal(rdb_read_byte(&r), 0);
}

static void malformed(void **state) {
    (void)state;
    assert_corrupt_string(SLICE(""));
    assert_corrupt_string(SLICE("\x05hell"));
    assert_corrupt_string(SLICE("\x40"));
    assert_corrupt_string(SLICE("\x80\x00\x00\x00"));
    assert_corrupt_string(SLICE("\x80\xff\xff\xff\xffhello"));
    assert_corrupt_string(SLICE("\x81\xff\xff\xff\xff\xff\xff\xff\xffhello"));
    assert_corrupt_string(SLICE("\x82\x00\x00\x00\x01hello")); // no such length
    assert_corrupt_string(SLICE("\xbf\x00\x00\x00\x01hello"));
    assert_corrupt_string(SLICE("\xc0"));
    assert_corrupt_string(SLICE("\xc1\x01"));
    assert_corrupt_string(SLICE("\xc2\x01\x02\x03"));
    assert_corrupt_string(SLICE("\xc4\x01\x02\x03\x04")); // no such encoding
    assert_corrupt_string(SLICE("\xff"));
    // LZF: the announced length is another, or more than there can be; lengths that are none; nothing.
    assert_corrupt_string(SLICE("\xc3\x0b\x40\xb5\x03""abca\xe0\xa5\x02\x01""bc"));
    assert_corrupt_string(SLICE("\xc3\x0b\x40\xb3\x03""abca\xe0\xa5\x02\x01""bc"));
    assert_corrupt_string(SLICE("\xc3\x0b\x81\x00\xff\xff\xff\xff\xff\xff\xff\x03""abca\xe0\xa5\x02\x01""bc"));
    assert_corrupt_string(SLICE("\xc3\x0c\x40\xb4\x03""abca\xe0\xa5\x02\x01""bc"));
    assert_corrupt_string(SLICE("\xc3\xc0\x0b\x40\xb4"));
    assert_corrupt_string(SLICE("\xc3\x00\x00"));
    assert_corrupt_string(SLICE("\xc3\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x20")); // malformed, and of the length that would say so
    struct rdb_reader r = rdb_reader_of(SLICE("\xc0")); // a string's encoding where a length has to be
    assert_int_equal(rdb_read_length(&r), 0);
    assert_false(rdb_ok(&r));
    static const struct slice texts[] = { BYTES(""), BYTES("\x00"), BYTES("\x03""1.x"), BYTES("\x04""1.5"), BYTES("\x03 1."), BYTES("\x03nan") };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        r = rdb_reader_of(texts[i]);
        assert_true(rdb_read_text_double(&r) == 0);
        assert_int_equal(r.error, RDB_CORRUPT);
    }
    r = rdb_reader_of(slice_of(NULL, 0));
    assert_true(rdb_finish(&r));
    r = rdb_reader_of(SLICE("x"));
    assert_false(rdb_finish(&r));
}

static void counts(void **state) {
    (void)state;
    struct rdb_reader r = rdb_reader_of(SLICE("\x03""aabbcc"));
    assert_int_equal(rdb_read_count(&r, 2), 3);
    assert_true(rdb_ok(&r));
    r = rdb_reader_of(SLICE("\x04""aabbcc"));
    assert_int_equal(rdb_read_count(&r, 2), 0);
    assert_false(rdb_ok(&r));
    r = rdb_reader_of(SLICE("\x81\xff\xff\xff\xff\xff\xff\xff\xffxxx"));
    assert_int_equal(rdb_read_count(&r, 1), 0);
    assert_false(rdb_ok(&r));
}

static void no_memory(void **state) {
    (void)state;
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b, .compress = true };
    mem_fail(1, true);
    rdb_write_string(&w, SLICE(ABC_180));
    rdb_write_string(&w, SLICE("12"));
    rdb_write_footer(&w, 0);
    mem_fail(0, false);
    assert_true(b.failed && b.n == 0);
    buf_clear(&b);

    rdb_write_string(&w, SLICE(ABC_180));
    assert_false(b.failed);
    struct buf scratch = { 0 };
    struct rdb_reader r = rdb_reader_of(slice_of(b.p, b.n));
    mem_fail(1, true);
    assert_null(rdb_read_slice(&r, &scratch).p);
    assert_int_equal(r.error, RDB_NOMEM);
    rdb_read_byte(&r);
    assert_int_equal(r.error, RDB_NOMEM); // the first error stays
    mem_fail(0, false);
    assert_false(scratch.failed);
    buf_free(&b);
    buf_free(&scratch);
}

// ---- the fuzz target ------------------------------------------------------------------------------------------------

static void mutations(void **state) {
    (void)state;
    const int rounds = getenv("KORA_TEST_LONG") ? 10000000 : 200000;
    struct random r;
    random_seed(&r, 9);
    print_message("seed 9, %d inputs\n", rounds);
    for (int i = 0; i < rounds; i++) {
        uint8_t bytes[256];
        size_t n = 1;
        bytes[0] = (uint8_t)random_next(&r);
        // Pieces of good dumps and single bytes, as each part of the target likes them.
        for (uint64_t pieces = random_below(&r, 8); pieces > 0; pieces--) {
            struct slice from = dumps[random_below(&r, ARRAY_LEN(dumps))].dump;
            size_t at = (size_t)random_below(&r, from.n), length = (size_t)random_below(&r, from.n - at) + 1;
            if (n + length + 1 > sizeof(bytes)) break;
            if (random_below(&r, 2)) bytes[n++] = (uint8_t)random_below(&r, random_below(&r, 2) ? 8 : 256);
            memcpy(bytes + n, from.p + at, length);
            n += length;
        }
        if (random_below(&r, 2)) bytes[random_below(&r, n)] ^= (uint8_t)(1u << random_below(&r, 8));
        LLVMFuzzerTestOneInput(bytes, n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(golden), cmocka_unit_test(footer), cmocka_unit_test(lengths), cmocka_unit_test(integers),
        cmocka_unit_test(doubles), cmocka_unit_test(fixed_sizes), cmocka_unit_test(malformed), cmocka_unit_test(counts),
        cmocka_unit_test(no_memory), cmocka_unit_test(mutations) };
    return cmocka_run_group_tests_name("rdb", tests, NULL, NULL);
}
