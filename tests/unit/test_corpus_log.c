// The fuzz target of recovery: 200,000 mutations with KORA_TEST_LONG.
#include "../fuzz/fuzz_log.c"

#define CORPUS "log"
enum { CORPUS_INPUT_MAX = 8192 };
#include "corpus.h"

static const char *const words[] = { "KRND", "KORALOG1", "\xff\xff\xff\xff", "\xfe\xff\xff\xff", "\1", "\2", "\3SET", "\x20", "\x28", "\x30", "\x40", "\x7f", "\x80", "\xff" };

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 7;
    const long count = long_run() ? 200000 : 10000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 6); steps > 0; steps--) mutate(&rnd, words, ARRAY_LEN(words), true);
        run_current();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_corpus),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("log corpus", tests, corpus_read, corpus_free);
}
