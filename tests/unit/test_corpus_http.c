// The fuzz target of lib/http: a million mutations with KORA_TEST_LONG.
#include "../fuzz/fuzz_http.c"

#define CORPUS "http"
enum { CORPUS_INPUT_MAX = 9216 };
#include "corpus.h"

static const char *const words[] = { "\r\n", "\r", "\n", " ", "\t", ":", "/", "?", "#", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "GET ", "HEAD ", "Host: a\r\n",
    "Connection: close\r\n", "Connection: keep-alive\r\n", "Content-Length: 0\r\n", "Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n",
    "http://", "GET / HTTP/1.1\r\n", "\xe2\x82\xac", "\xff", "\\", "\"" };

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 7;
    const long count = long_run() ? 1000000 : 30000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 6); steps > 0; steps--) mutate(&rnd, words, ARRAY_LEN(words), false);
        run_current();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_corpus),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("http corpus", tests, corpus_read, corpus_free);
}
