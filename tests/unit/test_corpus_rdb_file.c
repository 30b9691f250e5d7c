// The fuzz target of RDB files: 20 million mutations with KORA_TEST_LONG.
#include "../fuzz/fuzz_rdb_file.c"

#define CORPUS "rdb_file"
enum { CORPUS_INPUT_MAX = 4096 };
#include "corpus.h"

static const char *const words[] = { "\xff", "\x80\xff\xff\xff\xff", "\x81\xff\xff\xff\xff\xff\xff\xff\xff", "\xc0\x01", "\xc3\x02\x20", "\xfa", "\xfb\x01\x01", "\xfc",
    "\xfd", "\xfe\x01", "\xf4\x01\x02\x03", "\xf5\x01x", "\xf6", "\xf7", "\xf8\x05", "\xf9\xff", "\x07\x01m\x05", "\x15", "\x13", "\x0f", "\x18", "REDIS0012" };

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 12;
    const long count = long_run() ? 20000000 : 300000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 3); steps > 0; steps--) mutate(&rnd, words, ARRAY_LEN(words), true);
        run_current();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_corpus),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("rdb file corpus", tests, corpus_read, corpus_free);
}
