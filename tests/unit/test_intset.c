// The integer set against an array of numbers, bytes that redis-server 7.0 wrote, and bytes that nobody wrote.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/intset.h"

enum { MODEL_MAX = 200 };

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

struct fixture {
    struct random r;
    char *p; // of exactly the set's size
    int64_t members[MODEL_MAX + 1];
    size_t n, width;
};

static void begin(struct fixture *f, uint64_t seed) {
    memset(f, 0, sizeof *f);
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&f->r, seed);
    f->p = malloc(INTSET_EMPTY);
    assert_non_null(f->p);
    intset_init(f->p);
    f->width = 2;
}

static void end(struct fixture *f) { free(f->p); }

static void resize(struct fixture *f, size_t bytes) {
    f->p = realloc(f->p, bytes);
    assert_non_null(f->p);
}

static bool model_find(const struct fixture *f, int64_t n, size_t *i) {
    for (*i = 0; *i < f->n && f->members[*i] < n; ++*i) {}
    return *i < f->n && f->members[*i] == n;
}

static int64_t some_int(struct random *r, unsigned bits_max) {
    static const unsigned bits[] = { 3, 15, 31, 63 };
    uint64_t n;
    if (random_below(r, 4) == 0) n = ((uint64_t)1 << MIN(bits[random_below(r, ARRAY_LEN(bits))], bits_max)) + random_below(r, 5) - 2;
    else n = random_next(r) >> (64 - bits_max);
    return (int64_t)(random_below(r, 2) ? n : 0 - n);
}

static size_t width_of(int64_t n) {
    if (n >= -32768 && n <= 32767) return 2;
    return n >= -2147483648LL && n <= 2147483647LL ? 4 : 8;
}

static void check_all(const struct fixture *f) {
    assert_int_equal(intset_count(f->p), f->n);
    assert_int_equal(intset_bytes(f->p), INTSET_EMPTY + f->n * f->width);
    assert_true(intset_valid(f->p, intset_bytes(f->p)));
    for (size_t i = 0; i < f->n; i++) {
        int64_t n = f->members[i];
        assert_true(intset_get(f->p, i) == n && intset_has(f->p, n));
        if (n < INT64_MAX && (i + 1 == f->n || f->members[i + 1] > n + 1)) assert_false(intset_has(f->p, n + 1));
        if (n > INT64_MIN && (i == 0 || f->members[i - 1] < n - 1)) assert_false(intset_has(f->p, n - 1));
    }
}

static void add(struct fixture *f, int64_t n) {
    size_t i, width = MAX(f->width, width_of(n));
    bool there = model_find(f, n, &i);
    assert_int_equal(intset_has(f->p, n), there);
    size_t bytes = intset_bytes_with(f->p, n);
    assert_int_equal(bytes, there ? intset_bytes(f->p) : INTSET_EMPTY + (f->n + 1) * width);
    resize(f, bytes);
    assert_int_equal(intset_add(f->p, n), !there);
    if (there) return;
    memmove(f->members + i + 1, f->members + i, (f->n - i) * sizeof *f->members);
    f->members[i] = n;
    f->n++;
    f->width = width;
}

static void take(struct fixture *f, int64_t n) {
    size_t i;
    bool there = model_find(f, n, &i);
    assert_int_equal(intset_remove(f->p, n), there);
    resize(f, intset_bytes(f->p));
    if (!there) return;
    memmove(f->members + i, f->members + i + 1, (f->n - i - 1) * sizeof *f->members);
    f->n--;
}

static void test_model(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 20240612);
    unsigned bits = 4;
    for (size_t i = 0, n = long_form() ? 10 * 1000 * 1000 : 50 * 1000; i < n; i++) {
        if (i % 500 == 0) { // begins anew, with numbers of other widths
            intset_init(f.p);
            f.n = 0;
            f.width = 2;
            bits = 3 + (unsigned)random_below(&f.r, 61);
        }
        unsigned now = random_below(&f.r, 50) ? MIN(bits, 16U) : bits;
        int64_t k = f.n > 0 && random_below(&f.r, 3) == 0 ? f.members[random_below(&f.r, f.n)] : some_int(&f.r, now);
        if (f.n < MODEL_MAX && random_below(&f.r, 5) < 3) add(&f, k);
        else take(&f, k);
        check_all(&f);
    }
    end(&f);
}

// ---- the bytes that redis-server 7.0.15 has, of sets with these members

struct golden {
    struct slice bytes;
    size_t n;
    int64_t members[4];
};

#define BYTES(literal) \
    { literal, sizeof(literal) - 1 }
static const struct golden goldens[] = {
    { BYTES("\x02\x00\x00\x00\x04\x00\x00\x00\x00\x80\xff\xff\x01\x00\xff\x7f"), 4, { 1, -1, 32767, -32768 } },
    { BYTES("\x04\x00\x00\x00\x03\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x80\x00\x00"), 3, { 1, -1, 32768 } },
    { BYTES("\x08\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\x7f\xff\xff\xff\xff\x05\x00\x00\x00\x00\x00\x00\x00"), 2, { 5, -2147483649LL } },
};

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        const struct golden *g = &goldens[i];
        char p[64];
        intset_init(p);
        for (size_t k = 0; k < g->n; k++) assert_true(intset_add(p, g->members[k]));
        assert_true(slice_equal(slice_of(p, intset_bytes(p)), g->bytes));
        assert_true(intset_valid(g->bytes.p, g->bytes.n));
    }
}

// ---- what is no set

static void survive(const char *bytes, size_t n) {
    char *p = malloc(n + (n == 0));
    assert_non_null(p);
    if (n > 0) memcpy(p, bytes, n);
    if (intset_valid(p, n)) {
        assert_int_equal(intset_bytes(p), n);
        for (size_t i = 0; i < intset_count(p); i++) assert_true(intset_has(p, intset_get(p, i)));
        while (intset_count(p) > 0) {
            assert_true(intset_remove(p, intset_get(p, intset_count(p) / 2)));
            assert_true(intset_valid(p, intset_bytes(p)));
        }
    }
    free(p);
}

static void test_hostile(void **state) {
    (void)state;
    for (size_t g = 0; g < ARRAY_LEN(goldens); g++) {
        char p[65];
        size_t n = goldens[g].bytes.n;
        for (size_t i = 0; i < n; i++) {
            assert_false(intset_valid(goldens[g].bytes.p, i));
            survive(goldens[g].bytes.p, i);
            for (unsigned byte = 0; byte < 256; byte++) {
                memcpy(p, goldens[g].bytes.p, n);
                p[i] = (char)byte;
                survive(p, n);
            }
        }
        memcpy(p, goldens[g].bytes.p, n);
        p[n] = 0;
        assert_false(intset_valid(p, n + 1));
    }
    assert_false(intset_valid("\x03\x00\x00\x00\x00\x00\x00\x00", 8)); // of no width
    assert_false(intset_valid("\x00\x00\x00\x00\x00\x00\x00\x00", 8));
    assert_false(intset_valid("\x08\x00\x00\x00\x00\x00\x00\x20", 8));                  // as many as make 2^32 bytes
    assert_false(intset_valid("\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x05\x00", 12)); // one twice
    assert_false(intset_valid("\x02\x00\x00\x00\x02\x00\x00\x00\x05\x00\x04\x00", 12)); // not in order
    assert_true(intset_valid("\x04\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00", 12));  // wider than needed: one is gone that was not
    assert_true(intset_valid("\x02\x00\x00\x00\x00\x00\x00\x00", 8));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests_name("intset", tests, NULL, NULL);
}
