// The fuzz target of RESTORE: 10 million mutations with KORA_TEST_LONG.
#include "../fuzz/fuzz_dump.c"

#define CORPUS "dump"
enum { CORPUS_INPUT_MAX = 4096 };
#include "corpus.h"

static const char *const words[] = { "\xff", "\x80\xff\xff\xff\xff", "\x81\xff\xff\xff\xff\xff\xff\xff\xff", "\xc0\x01", "\xc3\x02\x20", "\xf0\xff\xff\xff\xff",
    "\xfe\xff\xff\xff\xff", "\x7f", "\x3f", "\xfd", "\xfe", "\xff\xff", "\x81z\x02", "\x01\x01", "\xf1\xff\x7f\x03", "\xe0\x40", "inf", "nan", "\x81\x30\x02" };

static void with_all_thresholds(void **state) {
    (void)state;
    for (size_t i = 0; i < seeds_n; i++) {
        for (unsigned choice = 0; choice < 64; choice++) {
            current = seeds[i];
            current.p[0] = (uint8_t)choice;
            run_current();
        }
    }
    print_message("%zu inputs\n", seeds_n);
}

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 11;
    const long count = long_run() ? 10000000 : 200000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 3); steps > 0; steps--) mutate(&rnd, words, ARRAY_LEN(words), true);
        if (current.n > 0) current.p[0] = (uint8_t)random_next(&rnd);
        run_current();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_all_thresholds),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("dump corpus", tests, corpus_read, corpus_free);
}
