// Effects as they were told, kept so that a test can look at them and run them elsewhere.
#ifndef TESTS_UNIT_KEPT_H
#define TESTS_UNIT_KEPT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call/effect.h"

struct kept {
    uint32_t stripe, db;
    int argc;
    struct slice *argv; // and their bytes, with a zero behind each, in one allocation
};

struct kept_effects {
    struct kept *e;
    size_t n, cap;
};

static inline void effects_keep(void *arg, const struct effect *e) { // an effect_fn; arg: struct kept_effects
    struct kept_effects *k = arg;
    size_t bytes = 0;
    for (int i = 0; i < e->argc; i++) bytes += e->argv[i].n + 1;
    if (k->n == k->cap) {
        k->cap = k->cap ? 2 * k->cap : 64;
        k->e = realloc(k->e, k->cap * sizeof *k->e);
    }
    struct kept *to = &k->e[k->n++];
    *to = (struct kept){ e->stripe, e->db, e->argc, malloc((size_t)e->argc * sizeof *to->argv + bytes) };
    char *p = (char *)(to->argv + e->argc);
    for (int i = 0; i < e->argc; i++) {
        size_t n = e->argv[i].n;
        if (n) memcpy(p, e->argv[i].p, n);
        p[n] = '\0';
        to->argv[i] = slice_of(p, n);
        p += n + 1;
    }
}

static inline void effects_forget(struct kept_effects *k) {
    for (size_t i = 0; i < k->n; i++) free(k->e[i].argv);
    free(k->e);
    *k = (struct kept_effects){ 0 };
}

// From the i-th on, as commands are written: "; " between them.
static inline void effects_text(const struct kept_effects *k, size_t i, char *text, size_t size) {
    *text = '\0';
    for (const char *before = ""; i < k->n; i++, before = "; ") {
        for (int a = 0; a < k->e[i].argc; a++) {
            size_t at = strlen(text);
            snprintf(text + at, size - at, "%s%s", a ? " " : before, k->e[i].argv[a].p);
        }
    }
}

#endif
