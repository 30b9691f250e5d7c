// Bits of strings against plain loops, bit by bit. Strings lie at the very end of their allocation, for the sanitizers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/bits.h"

enum { SOURCES = 7 };

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }
static int rounds(void) { return long_form() ? 3000000 : 60000; }

// Random bytes, of which many are all zeros or all ones, so that there are long rows of the same.
static char *make_string(struct random *r, size_t n) {
    char *p = malloc(n ? n : 1);
    unsigned kind = (unsigned)random_below(r, 4);
    for (size_t i = 0; i < n; i++) p[i] = (char)(kind == 0 ? 0 : kind == 1 ? 0xff : random_below(r, 256));
    for (int i = 0; n && kind < 2 && i < 2; i++) p[random_below(r, n)] = (char)random_below(r, 256);
    return p;
}

static size_t some_length(struct random *r) { return random_below(r, random_below(r, 20) ? 70 : 9000); }

static void test_ranges(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 11);
    for (int round = 0; round < rounds(); round++) {
        size_t n = some_length(&r);
        char *p = make_string(&r, n);
        uint64_t from = random_below(&r, n * 8 + 1), end = random_below(&r, n * 8 + 1), count = 0, first[2] = { end, end };
        for (uint64_t i = end; i-- > from;) {
            bool bit = bits_test(p, i);
            count += bit;
            first[bit] = i;
        }
        assert_int_equal(bits_count(p, from, end), count);
        for (int bit = 0; bit < 2; bit++) assert_int_equal(bits_find(p, bit, from, end), first[bit]);
        free(p);
    }
}

static void test_integers(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 12);
    for (int round = 0; round < rounds(); round++) {
        size_t n = 1 + random_below(&r, 40);
        char *p = make_string(&r, n), *copy = malloc(n);
        unsigned bits = (unsigned)(1 + random_below(&r, 64));
        uint64_t at = random_below(&r, n * 8 + 70), expected = 0;
        for (uint64_t i = at; i < at + bits; i++) expected = expected << 1 | (i < n * 8 && bits_test(p, i));
        assert_true(bits_get(p, n, at, bits) == expected);
        memcpy(copy, p, n);
        if (at + bits <= n * 8) {
            uint64_t value = random_next(&r) >> (64 - bits);
            bits_put(p, at, bits, value);
            for (unsigned i = 0; i < bits; i++) bits_write(copy, at + i, value >> (bits - 1 - i) & 1);
            assert_memory_equal(p, copy, n);
            assert_true(bits_get(p, n, at, bits) == value);
        }
        free(p);
        free(copy);
    }
}

static bool expected_bit(enum bits_op op, const struct slice *sources, size_t count, size_t at) {
    size_t set = 0;
    bool first = false;
    for (size_t i = 0; i < count; i++) {
        bool bit = at < sources[i].n * 8 && bits_test(sources[i].p, at);
        if (i == 0) first = bit;
        set += bit;
    }
    switch (op) {
    case BITS_AND: return set == count;
    case BITS_OR: return set > 0;
    case BITS_XOR: return set % 2;
    case BITS_NOT: return !first;
    case BITS_DIFF: return first && set == 1;
    case BITS_DIFF1: return !first && set > 0;
    case BITS_ANDOR: return first && set > 1;
    case BITS_ONE: return set == 1;
    }
    return false;
}

static void test_combinations(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 13);
    for (int round = 0; round < rounds() / 30; round++) {
        enum bits_op op = (enum bits_op)random_below(&r, BITS_ONE + 1);
        struct slice sources[SOURCES];
        size_t count = op == BITS_NOT ? 1 : 1 + random_below(&r, SOURCES), n = random_below(&r, 3);
        for (size_t i = 0; i < count; i++) {
            sources[i].n = some_length(&r);
            sources[i].p = make_string(&r, sources[i].n);
            n = MAX(n, sources[i].n);
        }
        char *to = malloc(n ? n : 1);
        bits_combine(op, to, n, sources, count);
        for (size_t i = 0; i < n * 8; i++) {
            if (bits_test(to, i) != expected_bit(op, sources, count, i)) fail_msg("round %d, operation %d, bit %zu", round, (int)op, i);
        }
        // The same into one of them.
        size_t same = random_below(&r, count), had = sources[same].n;
        char *both = calloc(1, n ? n : 1);
        memcpy(both, sources[same].p, had);
        free((void *)(uintptr_t)sources[same].p);
        sources[same].p = both;
        bits_combine(op, both, n, sources, count);
        assert_memory_equal(both, to, n);
        free(to);
        for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)sources[i].p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_combinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
