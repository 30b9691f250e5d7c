// The parts of base/ that compute: hash, random, numbers, globs, buffers, clocks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/glob.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"

static const uint64_t seed = UINT64_C(0xba5e);

static bool is_long(void) { return getenv("KORA_TEST_LONG") != NULL; }

// ---- hash

static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static void sip_rounds(uint64_t *v, int rounds) {
    while (rounds-- > 0) {
        v[0] += v[1]; v[1] = rotate(v[1], 13); v[1] ^= v[0]; v[0] = rotate(v[0], 32);
        v[2] += v[3]; v[3] = rotate(v[3], 16); v[3] ^= v[2];
        v[0] += v[3]; v[3] = rotate(v[3], 21); v[3] ^= v[0];
        v[2] += v[1]; v[1] = rotate(v[1], 17); v[1] ^= v[2]; v[2] = rotate(v[2], 32);
    }
}

// SipHash-c-d byte by byte, as the paper defines it.
static uint64_t sip_reference(int c, int d, struct hash_key key, const unsigned char *p, size_t n) {
    uint64_t v[4] = { key.k0 ^ UINT64_C(0x736f6d6570736575), key.k1 ^ UINT64_C(0x646f72616e646f6d),
        key.k0 ^ UINT64_C(0x6c7967656e657261), key.k1 ^ UINT64_C(0x7465646279746573) };
    for (size_t block = 0; block <= n / 8; block++) {
        uint64_t m = 0;
        for (size_t i = 0; i < 8; i++) {
            size_t at = block * 8 + i;
            uint64_t byte = at < n ? p[at] : i == 7 ? n & 0xff : 0;
            m |= byte << (8 * i);
        }
        v[3] ^= m;
        sip_rounds(v, c);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    sip_rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void hash(void **state) {
    (void)state;
    unsigned char bytes[300], copy[316];
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (unsigned char)i;
    // The reference itself, against published values of SipHash-2-4, then SipHash-1-3 with a key of zeros.
    struct hash_key counting = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) }, zero = { 0, 0 };
    assert_true(sip_reference(2, 4, counting, bytes, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(sip_reference(2, 4, counting, bytes, 15) == UINT64_C(0xa129ca6149be45e5));
    assert_true(sip_reference(2, 4, counting, bytes, 63) == UINT64_C(0x958a324ceb064572));
    assert_true(hash_sip(&zero, NULL, 0) == UINT64_C(0xd1fba762150c532c));
    assert_true(hash_sip(&zero, bytes, 1) == UINT64_C(0x68a914128e01e473));
    assert_true(hash_sip(&zero, "siphash", 7) == UINT64_C(0x8264ceeccb16bcbe));
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        uint64_t want = sip_reference(1, 3, counting, bytes, n);
        for (size_t shift = 0; shift < 16; shift += 5) {
            memcpy(copy + shift, bytes, n);
            assert_true(hash_sip(&counting, copy + shift, n) == want);
        }
    }
}

// The hash that keys go through, whichever it is here: the bytes and their number decide, and every bit of both decides about every bit.
static void hash_of_keys(void **state) {
    (void)state;
    enum { MAX = 100, TRIES = 200 };
    struct hash_key key = { UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9) };
    struct random r;
    random_seed(&r, 5);
    unsigned char bytes[MAX + 32];
    for (size_t n = 0; n <= MAX; n++) {
        uint64_t flips[64] = { 0 };
        for (int try = 0; try < TRIES; try++) {
            for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)random_next(&r);
            unsigned char moved[sizeof bytes + 16];
            memcpy(moved + try % 16, bytes, n); // what is around them does not matter
            uint64_t h = hash_bytes(&key, bytes, n);
            assert_true(hash_bytes(&key, moved + try % 16, n) == h);
            assert_true(hash_bytes(&key, bytes, n + 1) != h);
            assert_true(hash_bytes(&(struct hash_key){ key.k0 ^ 1, key.k1 }, bytes, n) != h);
            assert_true(hash_bytes(&(struct hash_key){ key.k0, key.k1 ^ 1 }, bytes, n) != h);
            if (n == 0) continue;
            size_t bit = random_below(&r, n * 8);
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            uint64_t d = h ^ hash_bytes(&key, bytes, n);
            for (int b = 0; b < 64; b++) flips[b] += d >> b & 1;
        }
        for (int b = 0; n && b < 64; b++) assert_in_range(flips[b], TRIES / 4, TRIES * 3 / 4); // half of them, give or take
    }
}

// ---- random

static void random_numbers(void **state) {
    (void)state;
    struct random r, again;
    random_seed(&r, 0);
    random_seed(&again, 0);
    for (int i = 0; i < 1000; i++) assert_true(random_next(&r) == random_next(&again));
    // The generator as published, from the state 1, 2, 3, 4.
    struct random known = { { 1, 2, 3, 4 } };
    assert_true(random_next(&known) == 11520);
    assert_true(random_next(&known) == 0);
    assert_true(random_next(&known) == 1509978240);
    assert_true(random_next(&known) == UINT64_C(1215971899390074240));
    enum { SIDES = 7, THROWS = 70000 };
    size_t counts[SIDES] = { 0 };
    for (int i = 0; i < THROWS; i++) counts[random_below(&r, SIDES)]++;
    for (int i = 0; i < SIDES; i++) assert_true(counts[i] > THROWS / SIDES * 95 / 100 && counts[i] < THROWS / SIDES * 105 / 100);
    for (int i = 0; i < 1000; i++) {
        assert_true(random_below(&r, 1) == 0);
        assert_true(random_below(&r, UINT64_C(3) << 62) < UINT64_C(3) << 62);
    }
    uint64_t a[40] = { 0 }, b[40] = { 0 };
    assert_true(random_entropy(a, sizeof(a)) && random_entropy(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_true(random_entropy(NULL, 0));
}

// ---- numbers

static void integers(void **state) {
    (void)state;
    static const char *const good[] = { "0", "1", "-1", "9", "10", "99", "100", "12345", "9223372036854775807", "-9223372036854775808",
        "9223372036854775799", "1000000000000000000", "-999999999999999999", "4294967296" };
    static const char *const bad[] = { "", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1\n", "9223372036854775808",
        "-9223372036854775809", "9999999999999999999", "18446744073709551616", "92233720368547758070", "1.0", "1e3", "0x1", "1a", "a",
        "--1", "1-", "\xff" };
    char text[NUM_INT_MAX];
    int64_t n;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(num_parse_int(slice_str(good[i]), &n));
        size_t len = num_format_int(n, text);
        assert_true(slice_equal(slice_of(text, len), slice_str(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        n = 77;
        assert_false(num_parse_int(slice_str(bad[i]), &n));
        assert_int_equal(n, 77);
    }
    assert_false(num_parse_int(slice_of(NULL, 0), &n));
    assert_false(num_parse_int(slice_of("1\0", 2), &n));
    assert_true(num_parse_int(slice_of("123456", 3), &n) && n == 123);
    assert_int_equal(num_format_uint(UINT64_MAX, text), 20);
    assert_memory_equal(text, "18446744073709551615", 20);

    struct random r;
    random_seed(&r, seed);
    for (int i = 0; i < 200000; i++) {
        int64_t want = (int64_t)(random_next(&r) >> random_below(&r, 64));
        if (random_below(&r, 2)) want = want == INT64_MIN ? want : -want;
        char printed[32];
        int len = snprintf(printed, sizeof(printed), "%lld", (long long)want);
        assert_int_equal(num_format_int(want, text), len);
        assert_memory_equal(text, printed, (size_t)len);
        assert_true(num_parse_int(slice_of(text, (size_t)len), &n) && n == want);
    }
}

static void reals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double n;
    } good[] = { { "0", 0 }, { "3", 3 }, { "-3.5", -3.5 }, { "+1", 1 }, { "1e3", 1000 }, { ".5", .5 }, { "5.", 5 }, { "0x10", 16 },
        { "inf", INFINITY }, { "-INF", -INFINITY }, { "Infinity", INFINITY }, { "1e-310", 1e-310 }, { "0005", 5 }, { "1e308", 1e308 } };
    static const char *const bad[] = { "", " 1", "\t1", "\n1", "1 ", "1a", "nan", "NaN", "-nan", "nan(1)", "1e400", "-1e400", "1e-400", "a", "--1",
        "1e", "1,5", ".", "-", "0x" };
    double n;
    long double l;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(num_parse_real(slice_str(good[i].text), &n) && n == good[i].n);
        assert_true(num_parse_long_real(slice_str(good[i].text), &l) && (double)l == good[i].n);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(num_parse_real(slice_str(bad[i]), &n));
        bool only_double = strstr(bad[i], "400") && LDBL_MAX_EXP > DBL_MAX_EXP;
        assert_true(num_parse_long_real(slice_str(bad[i]), &l) == only_double);
    }
    assert_false(num_parse_long_real(slice_str("1e99999"), &l));
    assert_false(num_parse_long_real(slice_str("1e-99999"), &l));
    assert_false(num_parse_real(slice_of("1\0", 2), &n));
    assert_false(num_parse_real(slice_of("\0", 1), &n));
    assert_true(num_parse_real(slice_of("1.25xyz", 4), &n) && n == 1.25);
    static char zeros[2 * NUM_LONG_REAL_MAX];
    memset(zeros, '0', sizeof(zeros));
    assert_true(num_parse_long_real(slice_of(zeros, NUM_LONG_REAL_MAX - 1), &l) && l == 0);
    assert_false(num_parse_long_real(slice_of(zeros, NUM_LONG_REAL_MAX), &l));
}

// Texts of every length with a point at every place, also those in the very middle of two doubles, beside the C library's.
static void real_is_nearest(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, seed);
    for (int i = 0; i < 200000; i++) {
        char text[32], *end;
        uint64_t value = random_next(&r) >> random_below(&r, 64);
        if (i % 4 == 0) value = ((value | (uint64_t)1 << 63) >> 10 | 1) << random_below(&r, 10); // 54 bits, the last one set
        int len = snprintf(text, sizeof text, "%s%" PRIu64, i % 3 ? "" : "-", value);
        int point = (int)random_below(&r, (uint64_t)len + 1);
        if (point >= (i % 3 ? 0 : 1) && i % 5) {
            memmove(text + point + 1, text + point, (size_t)(len++ - point) + 1);
            text[point] = '.';
        }
        double n, want = strtod(text, &end);
        assert_true(num_parse_real(slice_of(text, (size_t)len), &n));
        if (n != want || signbit(n) != signbit(want)) fail_msg("%s: %.17g, not %.17g", text, n, want);
    }
}

static void expect_long_real(long double n, const char *want) {
    char text[NUM_LONG_REAL_MAX];
    size_t len = num_format_long_real(n, text, sizeof(text));
    assert_true(slice_equal(slice_of(text, len), slice_str(want)));
}

static void expect_real(double n, const char *want) {
    char text[NUM_REAL_MAX];
    size_t len = num_format_real(n, text);
    if (!slice_equal(slice_of(text, len), slice_str(want))) fail_msg("%.17g gave %.*s, not %s", n, (int)len, text, want);
}

static void printed_reals(void **state) {
    (void)state;
    expect_long_real(0, "0");
    expect_long_real(-0.0L, "0");
    expect_long_real(3, "3");
    expect_long_real(100, "100");
    expect_long_real(10.5L + 0.1L, "10.6");
    expect_long_real(-1.25L, "-1.25");
    expect_long_real(5.0e3L, "5000");
    expect_long_real(1e-18L, "0");
    expect_long_real(-1e-18L, "0");
    expect_long_real(1e21L, "1000000000000000000000");
    expect_long_real(INFINITY, "inf");
    expect_long_real(-INFINITY, "-inf");
    char small[8];
    assert_int_equal(num_format_long_real(1.5L, small, sizeof(small)), 0);

    expect_real(0, "0");
    expect_real(-0.0, "-0");
    expect_real(3, "3");
    expect_real(-3, "-3");
    expect_real(0.1, "0.1");
    expect_real(0.1 + 0.2, "0.30000000000000004");
    expect_real(1e15, "1000000000000000");
    expect_real(1e16, "10000000000000000");
    expect_real(1e17, "1e+17");
    expect_real(1.5e300, "1.5e+300");
    expect_real(123456789.125, "123456789.125");
    expect_real(0.0001, "0.0001");
    expect_real(0.00001, "1e-05");
    expect_real(5e-324, "5e-324");
    expect_real(DBL_MAX, "1.7976931348623157e+308");
    expect_real(INFINITY, "inf");
    expect_real(-INFINITY, "-inf");
    expect_real(NAN, "nan");
    expect_real(9007199254740993.0, "9007199254740992");

    struct random r;
    random_seed(&r, seed + 1);
    for (int i = 0; i < (is_long() ? 1000000 : 20000); i++) {
        uint64_t bits = random_next(&r);
        double n, back;
        memcpy(&n, &bits, sizeof(n));
        if (isnan(n) || isinf(n)) continue;
        if (i % 2) n = (double)(int64_t)(bits >> random_below(&r, 63)) / 100;
        char text[NUM_REAL_MAX + 1];
        size_t len = num_format_real(n, text);
        assert_true(len <= NUM_REAL_MAX && num_parse_real(slice_of(text, len), &back) && back == n);
    }
}

static void expect_score(double n) {
    char text[NUM_REAL_MAX + 1], want[64];
    size_t len = num_format_score(n, text), n_want = (size_t)sprintf(want, "%.17g", n);
    if (!slice_equal(slice_of(text, len), slice_of(want, n_want))) fail_msg("%.17g gave %.*s", n, (int)len, text);
}

// As printf does it, above all around powers of ten and halves of the last digit.
static void printed_scores(void **state) {
    (void)state;
    static const double special[] = { 0, -0.0, 1, -1, 0.1, 0.5, 1e-4, 9.9999999999999991e-5, 1e16, 1e17, 1e18, 99999999999999984.0, 12345678901234567.5, 4503599627370497.5,
        0.99999999999999989, 9.9999999999999982, 5e-324, DBL_MAX, INFINITY, -INFINITY, 9007199254740993.0, 1e22, 123456789.125, -0.001953125 };
    for (size_t i = 0; i < ARRAY_LEN(special); i++) expect_score(special[i]);
    double power = 1e-6;
    for (int i = 0; i < 26; i++, power *= 10) {
        double below = power, above = power;
        for (int k = 0; k < 20; k++) {
            expect_score(below);
            expect_score(-above);
            below = nextafter(below, 0);
            above = nextafter(above, INFINITY);
        }
    }
    struct random r;
    random_seed(&r, seed + 2);
    for (int i = 0; i < (is_long() ? 5000000 : 50000); i++) {
        uint64_t bits = random_next(&r);
        double n;
        memcpy(&n, &bits, sizeof(n));
        if (i % 4 == 1) n = (double)(int64_t)(bits >> random_below(&r, 63)) / 100;
        if (i % 4 == 2) n = ldexp((double)(bits >> 11), -(int)random_below(&r, 80)); // often a few digits, ending with 5
        if (i % 4 == 3) n = ldexp((double)random_below(&r, 1000), -(int)random_below(&r, 30));
        if (!isnan(n)) expect_score(n);
    }
}

static void expect_loose(struct slice s, bool ok, double want) {
    double n = 7;
    assert_int_equal(num_parse_loose(s, &n), ok);
    if (ok) assert_true(n == want);
}

static void loose_reals(void **state) {
    (void)state;
    expect_loose(SLICE("1.5"), true, 1.5);
    expect_loose(SLICE(" 1.5"), true, 1.5);
    expect_loose(SLICE(""), true, 0);
    expect_loose(SLICE("1e400"), true, INFINITY);
    expect_loose(SLICE("1e-400"), true, 0);
    expect_loose(SLICE("1\0x"), true, 1);
    expect_loose(SLICE("1 "), false, 0);
    expect_loose(SLICE("nan"), false, 0);
    expect_loose(SLICE("x"), false, 0);
}

// What is short is computed without strtod, and is the same to the last bit.
static void weights(void **state) {
    (void)state;
    static const char *const refused[] = { "nan", "1x", "1e400", "-1e400", "1e-400", "5e-324", ".", "-", "-.", "1..2", "1.2.3", "--1" };
    static const char *const taken[] = { "", " 5", "inf", "-inf", "0x10", "1e5", "+3", ".5", "5.", "-.5", "-0", "-0.0", "000000000000000.5", "999999999999999", "1234567890123456789" };
    struct random r;
    double n;
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) assert_false(num_parse_weight(slice_str(refused[i]), &n));
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        double wanted = strtod(taken[i], NULL);
        assert_true(num_parse_weight(slice_str(taken[i]), &n));
        assert_memory_equal(&n, &wanted, sizeof n);
    }
    random_seed(&r, 9);
    for (int i = 0; i < 200000; i++) {
        int size = snprintf(text, sizeof text, "%.*f", (int)random_below(&r, 18), ((double)random_next(&r) / 1e19 - 0.9) * pow(10, (double)random_below(&r, 16)));
        double wanted = strtod(text, NULL);
        assert_true(num_parse_weight(slice_of(text, (size_t)size), &n));
        assert_memory_equal(&n, &wanted, sizeof n);
    }
}

// The numbers do not follow the locale of the program.
static void locales(void **state) {
    (void)state;
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(names) && !found; i++) found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found) print_message("no locale with a decimal comma here: only \"C\" was tried\n");
    locale_t before = uselocale((locale_t)0);
    double n;
    assert_true(num_parse_real(SLICE("1.5"), &n) && n == 1.5);
    expect_real(1.5, "1.5");
    expect_long_real(1.5L, "1.5");
    assert_true(uselocale((locale_t)0) == before);
    setlocale(LC_ALL, "C");
}

static void memory_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t n;
    } good[] = { { "0", 0 }, { "512", 512 }, { "1b", 1 }, { "1B", 1 }, { "2k", 2000 }, { "2kb", 2048 }, { "3M", 3000000 },
        { "3Mb", 3 << 20 }, { "1g", 1000000000 }, { "1GB", 1 << 30 }, { "007", 7 }, { "9223372036854775807", INT64_MAX },
        { "8589934591gb", UINT64_C(8589934591) << 30 } };
    static const char *const bad[] = { "", "b", "mb", "-1", "+1", " 1", "1 ", "1 mb", "1tb", "1kib", "1.5g", "0x10", "9223372036854775808",
        "18446744073709551616", "8589934592gb", "99999999999999999999999" };
    uint64_t n;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) assert_true(num_parse_size(slice_str(good[i].text), &n) && n == good[i].n);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_false(num_parse_size(slice_str(bad[i]), &n));
    assert_false(num_parse_size(slice_of(NULL, 0), &n));
}

// ---- globs

static bool glob(const char *pattern, const char *text) { return glob_match(slice_str(pattern), slice_str(text), false); }

static void globs(void **state) {
    (void)state;
    static const char *const yes[][2] = { { "", "" }, { "*", "" }, { "*", "abc" }, { "**", "abc" }, { "abc", "abc" }, { "a*", "a" }, { "a*", "abc" },
        { "*c", "abc" }, { "a*c", "ac" }, { "a*c", "abcbc" }, { "h?llo", "hello" }, { "h[ae]llo", "hallo" }, { "h[^e]llo", "hallo" },
        { "h[a-b]llo", "hbllo" }, { "h[b-a]llo", "hallo" }, { "\\*", "*" }, { "a\\?b", "a?b" }, { "[\\]]", "]" }, { "[a", "a" }, { "[ab", "b" },
        { "[^", "x" }, { "[a-", "-" }, { "[a-", "a" }, { "[a-]", "^" }, { "[\\", "\\" }, { "\\", "\\" }, { "a\\", "a\\" }, { "*a*b*", "xaxbx" },
        { "a**", "a" }, { "?*", "x" }, { "*?", "x" }, { "[*]", "*" }, { "[a\\-z]", "-" } };
    static const char *const no[][2] = { { "", "a" }, { "a", "" }, { "**", "" }, { "?", "" }, { "abc", "ab" }, { "ab", "abc" }, { "h[^e]llo", "hello" },
        { "h[a-b]llo", "hcllo" }, { "*?", "" }, { "[", "[" }, { "[]", "]" }, { "[]a]", "a]" }, { "\\*", "a" }, { "a*b", "abc" }, { "A", "a" },
        { "[A-Z]", "b" }, { "[a\\-z]", "b" }, { "*[", "[" } };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (!glob(yes[i][0], yes[i][1])) fail_msg("%s does not match %s", yes[i][0], yes[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        if (glob(no[i][0], no[i][1])) fail_msg("%s matches %s", no[i][0], no[i][1]);
    }
    assert_true(glob_match(SLICE("AB[c-d]*"), SLICE("abDx"), true));
    assert_true(glob_match(slice_of("a\0*", 3), slice_of("a\0b", 3), false));
    assert_false(glob_match(slice_of("a\0c", 3), slice_of("a\0b", 3), false));
    assert_true(glob_is_literal(SLICE("abc]^-")) && glob_is_literal(SLICE("")));
    assert_false(glob_is_literal(SLICE("a*")) || glob_is_literal(SLICE("a?")) || glob_is_literal(SLICE("[a")) || glob_is_literal(SLICE("a\\b")));
    assert_true(glob_is_literal(slice_of("a\0b", 3)));
}

// The plain meaning, by recursion: a star matches nothing, or a byte and then itself. Elements are matched one at a time by the code itself.
static bool slow_match(struct slice pattern, struct slice text) {
    if (pattern.n == 0) return text.n == 0;
    if (pattern.p[0] == '*') {
        if (slow_match(slice_of(pattern.p + 1, pattern.n - 1), text)) return true;
        return text.n && slow_match(pattern, slice_of(text.p + 1, text.n - 1));
    }
    if (text.n == 0) return false;
    size_t element = 1;
    if (pattern.p[0] == '\\' && pattern.n > 1) element = 2;
    if (pattern.p[0] == '[') {
        while (element < pattern.n && pattern.p[element] != ']') element++;
        if (element < pattern.n) element++;
    }
    return glob_match(slice_of(pattern.p, element), slice_of(text.p, 1), false)
        && slow_match(slice_of(pattern.p + element, pattern.n - element), slice_of(text.p + 1, text.n - 1));
}

static void globs_by_recursion(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, seed + 2);
    size_t matched = 0;
    for (int i = 0; i < 200000; i++) {
        char pattern[10], text[10];
        size_t m = 1 + random_below(&r, sizeof(pattern)), n = 1 + random_below(&r, sizeof(text));
        for (size_t k = 0; k < m; k++) pattern[k] = "ab*?*[]\\^a"[random_below(&r, 10)];
        for (size_t k = 0; k < m; k++) {
            if (pattern[k] == '[' || pattern[k] == '\\') pattern[k] = random_below(&r, 3) ? 'b' : pattern[k];
        }
        for (size_t k = 0; k < n; k++) text[k] = "ab"[random_below(&r, 2)];
        bool escape_in_class = memchr(pattern, '[', m) && memchr(pattern, '\\', m);
        if (escape_in_class) continue;
        bool got = glob_match(slice_of(pattern, m), slice_of(text, n), false);
        matched += got;
        if (got != slow_match(slice_of(pattern, m), slice_of(text, n))) fail_msg("%.*s on %.*s", (int)m, pattern, (int)n, text);
    }
    assert_true(matched > 10000);
    // A pattern that a search with many places to go back to would not finish.
    char text[3000], pattern[2001];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i++) pattern[i] = i % 2 ? '*' : 'a';
    assert_true(glob_match(slice_of(pattern, sizeof(pattern)), slice_of(text, sizeof(text)), false));
    pattern[sizeof(pattern) - 1] = 'b';
    assert_false(glob_match(slice_of(pattern, sizeof(pattern)), slice_of(text, sizeof(text)), false));
}

// ---- buffers and words

static void buffers(void **state) {
    (void)state;
    struct buf b = { 0 };
    buf_append(&b, NULL, 0);
    for (int i = 0; i < 1000; i++) buf_append_int(&b, i);
    buf_append_slice(&b, SLICE("-end"));
    buf_append_char(&b, '!');
    buf_printf(&b, "%d:%s", 42, "x");
    assert_int_equal(b.n, 10 + 90 * 2 + 900 * 3 + 4 + 1 + 4);
    assert_false(b.failed);
    buf_drop(&b, b.n - 9);
    assert_true(slice_equal(slice_of(b.p, b.n), SLICE("-end!42:x")));
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_append_char(&b, 'y'); // does nothing now
    assert_true(b.failed && b.n == 9);
    buf_clear(&b);
    assert_false(b.failed);
#ifdef KORA_FAULTS
    buf_append_char(&b, 'z');
    mem_fail(1, false);
    assert_null(buf_reserve(&b, b.cap));
    mem_fail(0, false);
    assert_true(b.failed && b.n == 1 && b.p[0] == 'z');
#endif
    buf_free(&b);
    assert_true(b.p == NULL && b.n == 0 && b.cap == 0 && !b.failed);
}

static void words(void **state) {
    (void)state;
    assert_true(slice_is_word(SLICE("KeepTTL"), "keepttl"));
    assert_false(slice_is_word(SLICE("keepttl2"), "keepttl") || slice_is_word(SLICE("keep"), "keepttl"));
    assert_true(slice_is_word(SLICE(""), "") && !slice_is_word(SLICE(""), "a") && !slice_is_word(SLICE("a"), ""));
    assert_false(slice_is_word(slice_of("a\0", 2), "a"));
    assert_true(slice_equal(slice_of(NULL, 0), SLICE("")));
    int64_t ns = clock_mono_ns(), ms = clock_wall_ms(), us = clock_wall_us();
    assert_true(clock_mono_ns() >= ns && us / 1000 >= ms && clock_mono_us() >= ns / 1000 && clock_mono_s() > 0);
}

int main(void) {
    print_message("seed %#llx\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash), cmocka_unit_test(hash_of_keys),
        cmocka_unit_test(random_numbers),
        cmocka_unit_test(integers),
        cmocka_unit_test(reals), cmocka_unit_test(real_is_nearest),
        cmocka_unit_test(printed_reals), cmocka_unit_test(printed_scores), cmocka_unit_test(loose_reals), cmocka_unit_test(weights),
        cmocka_unit_test(locales),
        cmocka_unit_test(memory_sizes),
        cmocka_unit_test(globs),
        cmocka_unit_test(globs_by_recursion),
        cmocka_unit_test(buffers),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
