// A command whose arguments are any bytes, put together one by one.
#ifndef TESTS_UNIT_ARGS_H
#define TESTS_UNIT_ARGS_H

#include "unit/api.h"

enum { ARGS_MAX = 600, NUMBERS_MAX = 300 };

struct args {
    int n, numbers_used;
    const char *v[ARGS_MAX];
    size_t len[ARGS_MAX];
    char numbers[NUMBERS_MAX][32];
};

static inline void arg(struct args *a, const void *p, size_t n) {
    assert_true(a->n < ARGS_MAX);
    a->v[a->n] = p;
    a->len[a->n++] = n;
}
static inline void arg_str(struct args *a, const char *s) { arg(a, s, strlen(s)); }
static inline char *arg_number(struct args *a) {
    assert_true(a->numbers_used < NUMBERS_MAX);
    return a->numbers[a->numbers_used++];
}
static inline void arg_int(struct args *a, int64_t n) {
    char *to = arg_number(a);
    sprintf(to, "%lld", (long long)n);
    arg_str(a, to);
}

static inline kora_reply *exec_args(kora *db, const struct args *a) {
    kora_reply *r = NULL;
    assert_ok(kora_exec(db, NULL, a->n, a->v, a->len, &r));
    assert_non_null(r);
    return r;
}

static inline int64_t integer(kora_reply *r) { // and frees it
    assert_int_equal(r->type, KORA_REPLY_INTEGER);
    int64_t n = r->integer;
    kora_reply_free(r);
    return n;
}

#endif
