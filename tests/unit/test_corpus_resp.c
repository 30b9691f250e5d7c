// The fuzz target of lib/resp: 10 million mutations with KORA_TEST_LONG.
#include "../fuzz/fuzz_resp.c"

#define CORPUS "resp"
enum { CORPUS_INPUT_MAX = 4096 };
#include "corpus.h"

static const char *const words[] = { "\r\n", "\r", "\n", "*", "$", "-1", "0", "1", "2", "9", "\"", "'", "\\", "\\x41", " ", "\t", "\v",
    "*2\r\n", "*1\r\n$1\r\na\r\n", "$3\r\n", "$0\r\n\r\n", "99999999999", "2147483648", "1000000000", "-9223372036854775808", "%1\r\n",
    "|1\r\n", "~2\r\n", ">1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12\r\n", "=5\r\ntxt:a\r\n", "!3\r\nERR\r\n", ":7\r\n", "+OK\r\n",
    "-ERR\r\n", "*-1\r\n", "$-1\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n" };

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 7;
    const long count = long_run() ? 10000000 : 100000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 6); steps > 0; steps--) mutate(&rnd, words, ARRAY_LEN(words), false);
        // The first bytes are options and a seed: mutations of the stream alone would leave them as they are.
        uint32_t splits = (uint32_t)random_next(&rnd);
        if (current.n >= 5) memcpy(current.p + 1, &splits, sizeof(splits));
        if (current.n >= 5 && random_below(&rnd, 4) > 0) current.p[0] &= 3;
        run_current();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_corpus),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("resp corpus", tests, corpus_read, corpus_free);
}
