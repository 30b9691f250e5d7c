// Runs a fuzz target without a fuzzer: over its corpus, then over seeded mutations of it. Before a check fails the process, the input is left in a
// file and named.
//
// Who includes this has included the target, and defined CORPUS (the corpus's name) and CORPUS_INPUT_MAX (bytes).
#ifndef KORA_TESTS_CORPUS_H
#define KORA_TESTS_CORPUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "base/base.h"
#include "base/random.h"

#define CORPUS_FOLDER "tests/fuzz/corpus/" CORPUS
#define CORPUS_FAILED "fuzz-" CORPUS "-failed"
enum { SEEDS_MAX = 1024 };

struct input {
    size_t n;
    uint8_t p[CORPUS_INPUT_MAX];
};

static struct input *seeds;
static size_t seeds_n;
static struct input current;

static void on_abort(int number) {
    FILE *f = fopen(CORPUS_FAILED, "wb");
    if (f) {
        fwrite(current.p, 1, current.n, f);
        fclose(f);
        fprintf(stderr, "the input is in " CORPUS_FAILED "\n");
    }
    signal(number, SIG_DFL);
    raise(number);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

// In the order of the names, so that a seed means the same everywhere.
static int corpus_read(void **state) {
    (void)state;
    struct dirent **names;
    int n = scandir(CORPUS_FOLDER, &names, NULL, by_name);
    seeds = calloc(SEEDS_MAX, sizeof(*seeds));
    if (n < 0 || !seeds) return -1;
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof(path), CORPUS_FOLDER "/%s", names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' || seeds_n == SEEDS_MAX ? NULL : fopen(path, "rb");
        if (f) {
            seeds[seeds_n].n = fread(seeds[seeds_n].p, 1, CORPUS_INPUT_MAX, f);
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

static inline void run_current(void) {
    // An allocation of exactly its size, so that ASan sees a read beyond it.
    uint8_t *exact = malloc(MAX(current.n, (size_t)1));
    assert_non_null(exact);
    memcpy(exact, current.p, current.n);
    LLVMFuzzerTestOneInput(exact, current.n);
    free(exact);
}

static inline void run_corpus(void **state) {
    (void)state;
    for (size_t i = 0; i < seeds_n; i++) {
        current = seeds[i];
        run_current();
    }
    print_message("%zu inputs\n", seeds_n);
}

// Replaces `gone` bytes at `at` by n others, as far as there is room.
static void splice(size_t at, size_t gone, const void *p, size_t n) {
    gone = MIN(gone, current.n - at);
    if (current.n - gone + n > CORPUS_INPUT_MAX) return;
    memmove(current.p + at + n, current.p + at + gone, current.n - at - gone);
    memcpy(current.p + at, p, n);
    current.n = current.n - gone + n;
}

// One change of the current input. `words`: what means something to the target. `binary`: bytes keep their places, mostly.
static void mutate(struct random *rnd, const char *const *words, size_t count, bool binary) {
    size_t at = (size_t)random_below(rnd, current.n + 1);
    uint8_t byte = (uint8_t)random_next(rnd);
    const char *word = words[random_below(rnd, count)];
    const struct input *other = &seeds[random_below(rnd, seeds_n)];
    size_t from = (size_t)random_below(rnd, other->n + 1), length = (size_t)random_below(rnd, 40);
    switch (random_below(rnd, 8)) {
    case 0: splice(at, 1, &byte, 1); break;
    case 1: splice(at, 0, &byte, 1); break;
    case 2: splice(at, binary ? strlen(word) : 0, word, strlen(word)); break;
    case 3: splice(at, (size_t)random_below(rnd, 4), word, strlen(word)); break;
    case 4: splice(at, 1 + (size_t)random_below(rnd, 8), "", 0); break;
    case 5: splice(at, binary ? length : 0, other->p + from, MIN(length, other->n - from)); break;
    case 6:
        if (!binary) current.n = at;
        else if (at < current.n) current.p[at]++;
        break;
    default:
        if (at < current.n) current.p[at] ^= (uint8_t)(1u << random_below(rnd, 8));
    }
}

static bool long_run(void) {
    const char *value = getenv("KORA_TEST_LONG");
    return value && *value && strcmp(value, "0") != 0;
}

#endif
