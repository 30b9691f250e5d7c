// Runs the fuzz target of lib/http without a fuzzer: over its corpus, then over seeded mutations of it (1 million with
// KORA_TEST_LONG). Before a check fails the process, the input is left in a file and named.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "../fuzz/fuzz_http.c"

#define CORPUS "tests/fuzz/corpus/http"
enum { SEEDS_MAX = 1024, INPUT_MAX = 9216 };

struct input {
    size_t n;
    uint8_t p[INPUT_MAX];
};

static struct input *seeds;
static size_t seeds_n;
static struct input current;

static void on_abort(int number) {
    FILE *f = fopen("fuzz-http-failed", "wb");
    if (f) {
        fwrite(current.p, 1, current.n, f);
        fclose(f);
        fprintf(stderr, "the input is in fuzz-http-failed\n");
    }
    signal(number, SIG_DFL);
    raise(number);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

// In the order of the names, so that a seed means the same everywhere.
static int corpus_read(void **state) {
    (void)state;
    struct dirent **names;
    int n = scandir(CORPUS, &names, NULL, by_name);
    seeds = calloc(SEEDS_MAX, sizeof(*seeds));
    if (n < 0 || !seeds) return -1;
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof(path), CORPUS "/%s", names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' || seeds_n == SEEDS_MAX ? NULL : fopen(path, "rb");
        if (f) {
            seeds[seeds_n].n = fread(seeds[seeds_n].p, 1, INPUT_MAX, f);
            seeds_n++;
            fclose(f);
        }
        free(names[i]);
    }
    free(names);
    signal(SIGABRT, on_abort);
    return seeds_n > 0 ? 0 : -1;
}

static int corpus_free(void **state) {
    (void)state;
    free(seeds);
    return 0;
}

static void run(void) {
    // An allocation of exactly its size, so that ASan sees a read beyond it.
    uint8_t *exact = malloc(MAX(current.n, (size_t)1));
    assert_non_null(exact);
    memcpy(exact, current.p, current.n);
    LLVMFuzzerTestOneInput(exact, current.n);
    free(exact);
}

static void corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < seeds_n; i++) {
        current = seeds[i];
        run();
    }
    print_message("%zu inputs\n", seeds_n);
}

// Replaces `gone` bytes at `at` by n others, as far as there is room.
static void splice(size_t at, size_t gone, const void *p, size_t n) {
    gone = MIN(gone, current.n - at);
    if (current.n - gone + n > INPUT_MAX) return;
    memmove(current.p + at + n, current.p + at + gone, current.n - at - gone);
    memcpy(current.p + at, p, n);
    current.n = current.n - gone + n;
}

static void mutate(struct random *rnd) {
    static const char *const words[] = { "\r\n", "\r", "\n", " ", "\t", ":", "/", "?", "#", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "GET ", "HEAD ", "Host: a\r\n",
        "Connection: close\r\n", "Connection: keep-alive\r\n", "Content-Length: 0\r\n", "Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n",
        "http://", "GET / HTTP/1.1\r\n", "\xe2\x82\xac", "\xff", "\\", "\"" };
    size_t at = (size_t)random_below(rnd, current.n + 1);
    uint8_t byte = (uint8_t)random_next(rnd);
    const char *word = words[random_below(rnd, ARRAY_LEN(words))];
    const struct input *other = &seeds[random_below(rnd, seeds_n)];
    size_t from = (size_t)random_below(rnd, other->n + 1), length = (size_t)random_below(rnd, 40);
    switch (random_below(rnd, 8)) {
    case 0: splice(at, 1, &byte, 1); break;
    case 1: splice(at, 0, &byte, 1); break;
    case 2: splice(at, 0, word, strlen(word)); break;
    case 3: splice(at, (size_t)random_below(rnd, 4), word, strlen(word)); break;
    case 4: splice(at, 1 + (size_t)random_below(rnd, 8), "", 0); break;
    case 5: splice(at, 0, other->p + from, MIN(length, other->n - from)); break;
    case 6: current.n = at; break;
    default:
        if (at < current.n) current.p[at] ^= (uint8_t)(1u << random_below(rnd, 8));
    }
}

static bool long_run(void) {
    const char *value = getenv("KORA_TEST_LONG");
    return value && *value && strcmp(value, "0") != 0;
}

static void mutations(void **state) {
    (void)state;
    const uint64_t seed = 7;
    const long count = long_run() ? 1000000 : 30000;
    print_message("seed %llu, %ld mutated inputs\n", (unsigned long long)seed, count);
    struct random rnd;
    random_seed(&rnd, seed);
    for (long i = 0; i < count; i++) {
        current = seeds[random_below(&rnd, seeds_n)];
        for (uint64_t steps = 1 + random_below(&rnd, 6); steps > 0; steps--) mutate(&rnd);
        run();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(corpus), cmocka_unit_test(mutations) };
    return cmocka_run_group_tests_name("http corpus", tests, corpus_read, corpus_free);
}
