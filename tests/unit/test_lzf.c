// LZF: known bytes, malformed ones, and round trips; the fuzz target goes further.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/lzf.h"
#include "base/random.h"

enum { SIZE_MAX_TESTED = 40000 };

static void known(void **state) {
    (void)state;
    char to[600];
    // What redis-server made of sixty times "abc", and of one byte repeated.
    const struct slice abc = SLICE("\x03""abca\xe0\xa5\x02\x01""bc"), run = SLICE("\x00""a\xe0\xff\x00\x20\x00");
    assert_int_equal(lzf_length(abc), 180);
    assert_true(lzf_decompress(abc, to, 180));
    for (size_t i = 0; i < 180; i++) assert_int_equal(to[i], "abc"[i % 3]);
    assert_int_equal(lzf_length(run), 268);
    assert_true(lzf_decompress(run, to, 268));
    for (size_t i = 0; i < 268; i++) assert_int_equal(to[i], 'a');
    assert_int_equal(lzf_length(SLICE("")), 0);
    assert_true(lzf_decompress(SLICE(""), to, 0));
    assert_false(lzf_decompress(SLICE(""), to, 1));
    assert_int_equal(lzf_compress(SLICE(""), to, sizeof(to)), 0);
}

static void assert_malformed(struct slice s) {
    // An allocation of exactly its size, so that ASan sees a read beyond it.
    char *copy = malloc(s.n), to[600];
    assert_non_null(copy);
    memcpy(copy, s.p, s.n);
    s.p = copy;
    assert_true(lzf_length(s) == SIZE_MAX);
    for (size_t n = 0; n <= sizeof(to); n++) assert_false(lzf_decompress(s, to, n));
    free(copy);
}

static void malformed(void **state) {
    (void)state;
    assert_malformed(SLICE("\x00"));             // a literal byte is missing
    assert_malformed(SLICE("\x03""abc"));        // one of four is
    assert_malformed(SLICE("\x00""a\x20"));      // the offset is
    assert_malformed(SLICE("\x00""a\xe0"));      // length and offset are
    assert_malformed(SLICE("\x00""a\xe0\x00"));  // the offset behind a long length is
    assert_malformed(SLICE("\x20\x00"));         // a copy of what is before the start
    assert_malformed(SLICE("\x00""a\x20\x01"));  // the same by one byte
    assert_malformed(SLICE("\x00""a\x3f\xff"));  // and by as much as can be
    assert_malformed(SLICE("\x00""a\xe0\x00\x01"));
    assert_malformed(SLICE("\x00""a\x20\x00\x1f")); // good, then not
}

static void other_length(void **state) {
    (void)state;
    const struct slice s = SLICE("\x03""abca\xe0\xa5\x02\x01""bc");
    for (size_t n = 0; n < 400; n++) {
        char *to = malloc(n + (n == 0));
        assert_non_null(to);
        assert_int_equal(lzf_decompress(s, to, n), n == 180);
        free(to);
    }
}

static void fill(struct random *r, char *p, size_t n) {
    uint64_t letters = 1 + random_below(r, random_below(r, 2) ? 3 : 256), repeat = random_below(r, 4);
    for (size_t i = 0; i < n; i++) p[i] = (char)random_below(r, letters);
    // Pieces again, from any distance, overlapping too.
    for (uint64_t k = 0; repeat > 0 && k < n / 20; k++) {
        size_t from = (size_t)random_below(r, n), to = (size_t)random_below(r, n), length = (size_t)random_below(r, 400);
        for (size_t i = 0; i < length && from + i < n && to + i < n; i++) p[to + i] = p[from + i];
    }
}

static void round_trips(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 5);
    print_message("seed 5\n");
    static char in[SIZE_MAX_TESTED], packed[SIZE_MAX_TESTED + SIZE_MAX_TESTED / 32 + 1], back[SIZE_MAX_TESTED];
    const int rounds = getenv("KORA_TEST_LONG") ? 100000 : 3000;
    size_t before = 0, after = 0;
    for (int i = 0; i < rounds; i++) {
        size_t size = 1 + (size_t)random_below(&r, UINT64_C(1) << random_below(&r, 16));
        size = MIN(size, (size_t)SIZE_MAX_TESTED);
        fill(&r, in, size);
        size_t n = lzf_compress(slice_of(in, size), packed, size + size / 32 + 1);
        assert_true(n > 0);
        before += size;
        after += n;
        assert_int_equal(lzf_length(slice_of(packed, n)), size);
        assert_true(lzf_decompress(slice_of(packed, n), back, size));
        assert_memory_equal(in, back, size);
        // With exactly the room, and with one byte less.
        assert_int_equal(lzf_compress(slice_of(in, size), packed, n), n);
        packed[n - 1] = 'x';
        assert_int_equal(lzf_compress(slice_of(in, size), packed, n - 1), 0);
        assert_int_equal(packed[n - 1], 'x');
    }
    print_message("%zu bytes became %zu\n", before, after);
}

static void ratio(void **state) {
    (void)state;
    static char in[SIZE_MAX_TESTED], packed[SIZE_MAX_TESTED];
    size_t n = lzf_compress(slice_of(in, sizeof(in)), packed, sizeof(packed));
    assert_in_range(n, sizeof(in) / LZF_RATIO_MAX, sizeof(in) / LZF_RATIO_MAX + 16);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(known), cmocka_unit_test(malformed), cmocka_unit_test(other_length),
        cmocka_unit_test(round_trips), cmocka_unit_test(ratio) };
    return cmocka_run_group_tests_name("lzf", tests, NULL, NULL);
}
