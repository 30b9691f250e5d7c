// Sorting by rank and text against qsort with a comparison: all orders, ranks of few and of many values, texts that share long beginnings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/ranked.h"

enum { PLACES_MAX = 6000, TEXT_MAX = 80 };

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

struct fixture {
    struct random r;
    size_t n, calls;
    uint64_t ranks[PLACES_MAX];
    size_t len[PLACES_MAX]; // SIZE_MAX: none
    char bytes[PLACES_MAX][TEXT_MAX];
    struct ranked_order order;
    struct ranked is[PLACES_MAX], room[PLACES_MAX], wanted[PLACES_MAX];
};

static struct slice text(void *arg, uint64_t place, char number[NUM_INT_MAX]) {
    struct fixture *f = arg;
    f->calls++;
    if (f->len[place] == SIZE_MAX) return slice_of(NULL, 0);
    if (f->len[place] > NUM_INT_MAX) return slice_of(f->bytes[place], f->len[place]);
    memcpy(number, f->bytes[place], f->len[place]); // as if it were made
    return slice_of(number, f->len[place]);
}

static int compare_texts(const struct fixture *f, uint64_t a, uint64_t b) {
    size_t n = f->len[a], m = f->len[b];
    if (n == SIZE_MAX || m == SIZE_MAX) return (n != SIZE_MAX) - (m != SIZE_MAX);
    int order = memcmp(f->bytes[a], f->bytes[b], MIN(n, m));
    return order ? order : (n > m) - (n < m);
}

static int compare(const void *one, const void *other, void *arg) {
    const struct ranked *a = one, *b = other;
    const struct fixture *f = arg;
    int order = f->order.texts_only ? 0 : (a->rank > b->rank) - (a->rank < b->rank);
    if (order == 0 && f->order.text) order = compare_texts(f, a->place, b->place);
    if (f->order.down) order = -order;
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static void make_text(struct fixture *f, size_t i, unsigned shape) {
    static const char alphabet[] = "ab\0\xff";
    size_t shared = shape & 1 ? random_below(&f->r, 4) * 9 : 0, own = random_below(&f->r, shape & 2 ? 4 : 40);
    memset(f->bytes[i], 'x', shared);
    for (size_t k = 0; k < own; k++) f->bytes[i][shared + k] = alphabet[random_below(&f->r, 4)];
    f->len[i] = shared + own;
    if ((shape & 4) && random_below(&f->r, 10) == 0) f->len[i] = SIZE_MAX;
}

static void make(struct fixture *f, size_t n, unsigned shape) {
    uint64_t values = shape & 8 ? 5 : UINT64_MAX;
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        f->ranks[i] = shape & 16 ? (random_next(&f->r) % values) << 40 : random_next(&f->r) % values;
        make_text(f, i, shape);
    }
}

static void check_order(struct fixture *f, size_t first) {
    for (size_t i = 0; i < f->n; i++) f->is[i] = f->wanted[i] = (struct ranked){ f->ranks[i], i };
    qsort_r(f->wanted, f->n, sizeof f->wanted[0], compare, f);
    if (first == f->n) ranked_sort(&f->order, f->is, f->room, f->n);
    else ranked_sort_first(&f->order, f->is, f->room, f->n, first);
    for (size_t i = 0; i < first; i++) {
        assert_int_equal(f->is[i].place, f->wanted[i].place);
        if (!f->order.texts_only) assert_int_equal(f->is[i].rank, f->ranks[f->is[i].place]);
    }
}

static void check(struct fixture *f) {
    for (unsigned how = 0; how < 6; how++) {
        f->order = (struct ranked_order){ how < 2 ? NULL : text, f, how >= 4, how & 1 };
        check_order(f, f->n);
        check_order(f, random_below(&f->r, f->n + 1));
        check_order(f, random_below(&f->r, MIN(f->n, (size_t)20) + 1));
    }
}

static void test_model(void **state) {
    struct fixture *f = *state;
    uint64_t seed = long_form() ? (uint64_t)random() : 1;
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&f->r, seed);
    for (int round = 0; round < (long_form() ? 20000 : 400); round++) {
        size_t n = random_below(&f->r, 4) ? random_below(&f->r, 200) : random_below(&f->r, PLACES_MAX);
        make(f, n, (unsigned)random_below(&f->r, 32));
        check(f);
    }
}

// Texts each of which begins with the one before.
static void test_nested(void **state) {
    struct fixture *f = *state;
    random_seed(&f->r, 2);
    f->n = 3 * TEXT_MAX;
    for (size_t i = 0; i < f->n; i++) {
        memset(f->bytes[i], 'n', TEXT_MAX);
        f->ranks[i] = 0;
        f->len[i] = (i * 37) % TEXT_MAX;
    }
    check(f);
}

// What is the same in all texts is passed over at once.
static void test_equal(void **state) {
    struct fixture *f = *state;
    random_seed(&f->r, 3);
    f->n = PLACES_MAX;
    for (size_t i = 0; i < f->n; i++) {
        memset(f->bytes[i], 'e', TEXT_MAX);
        f->ranks[i] = 7;
        f->len[i] = TEXT_MAX - i % 2;
    }
    f->order = (struct ranked_order){ text, f, true, false };
    f->calls = 0;
    check_order(f, f->n);
    assert_true(f->calls < 8 * f->n);
    check(f);
}

static void test_doubles(void **state) {
    (void)state;
    static const double sorted[] = { -1.0 / 0.0, -1e300, -2, -1, -5e-324, 0, 5e-324, 1, 2, 1e300, 1.0 / 0.0 };
    for (size_t i = 1; i < ARRAY_LEN(sorted); i++) assert_true(rank_of_double(sorted[i - 1]) < rank_of_double(sorted[i]));
    assert_true(rank_of_double(-0.0) == rank_of_double(0.0));
}

static int setup(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}
static int teardown(void **state) {
    free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal, setup, teardown),
        cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
