// The sequence against an array of weights: places, insertions and removals anywhere, with allocations failing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/sequence.h"

enum { ITEMS_MAX = 6000 };

struct model {
    struct sequence s;
    struct slab *slab;
    struct random r;
    uint64_t names[ITEMS_MAX]; // items are numbers
    uint64_t weights[ITEMS_MAX];
    size_t n;
    uint64_t next;
    uint64_t refused;
};

static void *item_of(uint64_t name) { return (void *)(uintptr_t)(name * 8 + 8); }

// The place of the i-th item.
static void seek(struct model *m, size_t i, struct sequence_at *at) {
    uint64_t pos = 0, within = 99;
    for (size_t k = 0; k < i; k++) pos += m->weights[k];
    assert_true(sequence_find(&m->s, pos + random_below(&m->r, m->weights[i]), at, &within));
    assert_true(within < m->weights[i]);
    assert_ptr_equal(sequence_item(at), item_of(m->names[i]));
    assert_int_equal(sequence_item_weight(at), m->weights[i]);
}

static void compare(struct model *m) {
    struct sequence_at at;
    size_t i = 0;
    sequence_check(&m->s);
    for (bool more = sequence_first(&m->s, &at); more; more = sequence_next(&at), i++) assert_ptr_equal(sequence_item(&at), item_of(m->names[i]));
    assert_int_equal(i, m->n);
    for (bool more = sequence_last(&m->s, &at); more; more = sequence_previous(&at)) assert_ptr_equal(sequence_item(&at), item_of(m->names[--i]));
    assert_int_equal(i, 0);
    assert_int_equal(slab_usage(m->slab).used, m->s.bytes);
}

static void insert(struct model *m, int bias) {
    struct sequence_at at = { .of = &m->s };
    bool behind = random_below(&m->r, 2);
    size_t i = bias == 0 ? 0 : bias == 1 && m->n ? m->n - 1 : m->n ? (size_t)random_below(&m->r, m->n) : 0;
    uint64_t weight = 1 + random_below(&m->r, 5), items = m->s.items, bytes = m->s.bytes;
    if (m->n == ITEMS_MAX) return;
    if (m->n) seek(m, i, &at);
    if (random_below(&m->r, 8) == 0) slab_fail(1 + (long)random_below(&m->r, 3), random_below(&m->r, 2));
    bool ok = sequence_insert(&m->s, &at, behind, item_of(m->next), weight);
    slab_fail(0, false);
    if (!ok) {
        m->refused++;
        assert_int_equal(m->s.items, items);
        assert_int_equal(m->s.bytes, bytes);
        if (m->n) assert_ptr_equal(sequence_item(&at), item_of(m->names[i]));
        return;
    }
    size_t to = m->n && behind ? i + 1 : i;
    memmove(m->names + to + 1, m->names + to, (m->n - to) * sizeof *m->names);
    memmove(m->weights + to + 1, m->weights + to, (m->n - to) * sizeof *m->weights);
    m->names[to] = m->next++;
    m->weights[to] = weight;
    m->n++;
    assert_ptr_equal(sequence_item(&at), item_of(m->names[to])); // the place is the new item's, and whole
    assert_int_equal(sequence_item_weight(&at), weight);
    bool more = sequence_next(&at);
    assert_int_equal(more, to + 1 < m->n);
    if (more) assert_ptr_equal(sequence_item(&at), item_of(m->names[to + 1]));
}

static void take(struct model *m, int bias) {
    struct sequence_at at;
    if (!m->n) return;
    size_t i = bias == 0 ? 0 : bias == 1 ? m->n - 1 : (size_t)random_below(&m->r, m->n);
    seek(m, i, &at);
    sequence_remove(&m->s, &at);
    m->n--;
    memmove(m->names + i, m->names + i + 1, (m->n - i) * sizeof *m->names);
    memmove(m->weights + i, m->weights + i + 1, (m->n - i) * sizeof *m->weights);
}

static void reweigh(struct model *m) {
    struct sequence_at at;
    if (!m->n) return;
    size_t i = (size_t)random_below(&m->r, m->n);
    int64_t more = (int64_t)random_below(&m->r, 4) - (int64_t)MIN(m->weights[i] - 1, 2);
    seek(m, i, &at);
    sequence_add_weight(&at, more);
    m->weights[i] += (uint64_t)more;
    sequence_set(&at, item_of(m->next));
    m->names[i] = m->next++;
}

static void run(uint64_t seed, int steps) {
    struct model *m = calloc(1, sizeof *m);
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&m->r, seed);
    m->slab = slab_create(false);
    sequence_init(&m->s, m->slab);
    int bias = 2, growth = 70;
    for (int i = 0; i < steps; i++) {
        if (random_below(&m->r, 400) == 0) {
            bias = (int)random_below(&m->r, 4);
            growth = (int)random_below(&m->r, 101);
        }
        if ((int)random_below(&m->r, 100) < growth) insert(m, bias);
        else take(m, bias);
        if (random_below(&m->r, 10) == 0) reweigh(m);
        if (m->n < 40 || random_below(&m->r, 50) == 0) compare(m);
    }
    while (m->n) take(m, (int)random_below(&m->r, 3));
    compare(m);
    uint64_t ignored;
    struct sequence_at at;
    assert_false(sequence_find(&m->s, 0, &at, &ignored) || sequence_first(&m->s, &at) || sequence_last(&m->s, &at));
    assert_true(m->refused > 0);
    slab_destroy(m->slab);
    free(m);
}

static void test_model(void **state) {
    (void)state;
    int steps = getenv("KORA_TEST_LONG") ? 2500000 : 20000;
    for (uint64_t seed = 1; seed <= 4; seed++) run(seed, steps);
}

// What grows at its ends is dense, whichever it is, and what becomes sparse shrinks.
static void test_density(void **state) {
    (void)state;
    for (int front = 0; front < 2; front++) {
        struct slab *slab = slab_create(false);
        struct sequence s;
        struct sequence_at at = { .of = &s };
        sequence_init(&s, slab);
        for (uint64_t i = 0; i < 100000; i++) {
            if (i) assert_true(front ? sequence_first(&s, &at) : sequence_last(&s, &at));
            assert_true(sequence_insert(&s, &at, !front, item_of(i), 1));
        }
        sequence_check(&s);
        assert_true(s.bytes < 100000 * 18);
        for (uint64_t i = 0; i < 90000; i++) { // nine of ten, evenly
            uint64_t within;
            assert_true(sequence_find(&s, (i * 7919) % s.items, &at, &within));
            sequence_remove(&s, &at);
        }
        sequence_check(&s);
        assert_true(s.bytes < 10000 * 16 * 5);
        slab_destroy(slab);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_density) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
