// Runs the fuzz target of ds/hyperloglog without a fuzzer: over its corpus, then over seeded mutations of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "base/random.h"

#include "../fuzz/fuzz_hyperloglog.c"

#define CORPUS "tests/fuzz/corpus/hyperloglog"
enum { SEEDS_MAX = 64, INPUT_MAX = 16384 };

struct input {
    size_t n;
    uint8_t p[INPUT_MAX];
};

static struct input *seeds;
static size_t seeds_n;

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int corpus_read(void **state) {
    (void)state;
    struct dirent **names;
    int n = scandir(CORPUS, &names, NULL, by_name);
    seeds = calloc(SEEDS_MAX, sizeof *seeds);
    if (n < 0 || !seeds) return -1;
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, CORPUS "/%s", names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' || seeds_n == SEEDS_MAX ? NULL : fopen(path, "rb");
        if (f) {
            seeds[seeds_n].n = fread(seeds[seeds_n].p, 1, INPUT_MAX, f);
            seeds_n++;
            fclose(f);
        }
        free(names[i]);
    }
    free(names);
    return seeds_n > 0 ? 0 : -1;
}

static int corpus_free(void **state) {
    (void)state;
    free(seeds);
    return 0;
}

static void run(const struct input *x) {
    // An allocation of exactly its size, so that ASan sees a read beyond it.
    uint8_t *exact = malloc(MAX(x->n, (size_t)1));
    assert_non_null(exact);
    memcpy(exact, x->p, x->n);
    LLVMFuzzerTestOneInput(exact, x->n);
    free(exact);
}

static void corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < seeds_n; i++) run(&seeds[i]);
    print_message("%zu inputs\n", seeds_n);
}

// Bytes changed, inserted and taken away, mostly among marks and runs.
static void mutate(struct input *x, struct random *r) {
    size_t at = (size_t)random_below(r, MIN(x->n, 200));
    switch (random_below(r, 4)) {
    case 0: x->p[at] = (uint8_t)random_next(r); break;
    case 1: x->p[at] ^= (uint8_t)(1u << random_below(r, 8)); break;
    case 2:
        if (x->n == INPUT_MAX) break;
        memmove(x->p + at + 1, x->p + at, x->n - at);
        x->p[at] = (uint8_t)random_next(r);
        x->n++;
        break;
    default:
        if (x->n == 1) break;
        memmove(x->p + at, x->p + at + 1, x->n - at - 1);
        x->n--;
    }
}

static void mutations(void **state) {
    (void)state;
    const long count = getenv("KORA_TEST_LONG") ? 2000000 : 8000;
    static struct input x;
    struct random r;
    random_seed(&r, 7);
    print_message("seed 7, %ld mutated inputs\n", count);
    for (long i = 0; i < count; i++) {
        x = seeds[random_below(&r, seeds_n)];
        for (uint64_t steps = 1 + random_below(&r, 12); steps > 0; steps--) mutate(&x, &r);
        run(&x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(corpus), cmocka_unit_test(mutations) };
    return cmocka_run_group_tests_name("hyperloglog corpus", tests, corpus_read, corpus_free);
}
