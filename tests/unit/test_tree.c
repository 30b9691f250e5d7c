// The counted B+tree against a sorted array: items are numbers, in the array or not.
// test_tree_small.c is the same with the smallest nodes there can be, so that a few items make every case of dividing and merging.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "base/random.h"
#include "ds/tree.h"

struct item {
    uint64_t key;
};

struct fixture {
    struct slab *slab;
    struct tree t;
    struct random r;
    struct item *items; // item i has key 2 * i + 1, so that there are keys between
    size_t n;
    struct item **model; // what is in the tree, in order
    size_t count;
};

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

static int order(const void *item, const void *key) {
    uint64_t a = ((const struct item *)item)->key, b = ((const struct item *)key)->key;
    return (a > b) - (a < b);
}

// Four items to a word.
static uint64_t word_of_item(const void *item) { return ((const struct item *)item)->key >> 3; }
static uint64_t word(const struct fixture *f, const struct item *k) { return f->t.word ? word_of_item(k) : 0; }

// Even seeds: without words.
static void begin(struct fixture *f, size_t n, uint64_t seed) {
    *f = (struct fixture){ .n = n };
    random_seed(&f->r, seed);
    f->slab = slab_create(false);
    f->items = mem_alloc_zero(n * sizeof *f->items);
    f->model = mem_alloc_zero(n * sizeof *f->model);
    assert_true(f->slab && f->items && f->model);
    tree_init(&f->t, f->slab, seed % 2 ? word_of_item : NULL);
    for (size_t i = 0; i < n; i++) f->items[i].key = 2 * i + 1;
}

static void expect_empty(const struct fixture *f) {
    tree_check(&f->t, order);
    assert_int_equal(f->t.count, 0);
    assert_int_equal(f->t.bytes, 0);
    assert_int_equal(slab_usage(f->slab).used, 0);
}

static void end(struct fixture *f) {
    tree_check(&f->t, order);
    while (!tree_free(&f->t, 3)) {}
    expect_empty(f);
    slab_destroy(f->slab);
    mem_free(f->items);
    mem_free(f->model);
}

// How many in the array are before the key.
static size_t model_rank(const struct fixture *f, uint64_t key) {
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (f->model[middle]->key < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool model_has(const struct fixture *f, size_t rank, uint64_t key) { return rank < f->count && f->model[rank]->key == key; }

static void expect_at(const struct fixture *f, struct tree_at at, size_t rank) {
    if (rank >= f->count) assert_null(at.leaf);
    else assert_true(at.leaf && tree_item(at) == f->model[rank]);
}

// Everything that can be asked about a key and a rank.
static void ask(const struct fixture *f, uint64_t key, size_t rank) {
    struct item k = { key };
    size_t before = model_rank(f, key);
    uint64_t told = 12345;
    expect_at(f, tree_find(&f->t, order, &k, word(f, &k), &told), model_has(f, before, key) ? before : SIZE_MAX);
    assert_int_equal(told, before);
    expect_at(f, tree_find(&f->t, order, &k, word(f, &k), NULL), model_has(f, before, key) ? before : SIZE_MAX);
    struct tree_at at = tree_lower(&f->t, order, &k, word(f, &k), &told);
    assert_int_equal(told, before);
    expect_at(f, at, before);
    if (at.leaf) {
        expect_at(f, tree_next(at), before + 1);
        expect_at(f, tree_previous(at), before - 1);
    }
    expect_at(f, tree_at_rank(&f->t, rank), rank);
}

static void compare_all(const struct fixture *f) {
    tree_check(&f->t, order);
    assert_int_equal(f->t.count, f->count);
    size_t i = 0;
    for (struct tree_at at = tree_first(&f->t); at.leaf; at = tree_next(at)) expect_at(f, at, i++);
    assert_int_equal(i, f->count);
    for (struct tree_at at = tree_last(&f->t); at.leaf; at = tree_previous(at)) expect_at(f, at, --i);
    assert_int_equal(i, 0);
}

static void add(struct fixture *f, size_t i) {
    size_t rank = model_rank(f, f->items[i].key);
    if (model_has(f, rank, f->items[i].key)) return;
    assert_true(tree_insert(&f->t, order, &f->items[i], word(f, &f->items[i]), &f->items[i]));
    memmove(f->model + rank + 1, f->model + rank, (f->count - rank) * sizeof *f->model);
    f->model[rank] = &f->items[i];
    f->count++;
}

static void model_take(struct fixture *f, size_t rank, size_t n) {
    memmove(f->model + rank, f->model + rank + n, (f->count - rank - n) * sizeof *f->model);
    f->count -= n;
}

// The key is not the item's own, so nothing may depend on that.
static void take_key(struct fixture *f, size_t i) {
    struct item k = f->items[i];
    size_t rank = model_rank(f, k.key);
    bool in = model_has(f, rank, k.key);
    assert_ptr_equal(tree_remove(&f->t, order, &k, word(f, &k)), in ? &f->items[i] : NULL);
    if (in) model_take(f, rank, 1);
}

struct gone {
    struct fixture *f;
    size_t rank;
};

static void on_gone(void *arg, void *item) {
    struct gone *g = arg;
    assert_ptr_equal(item, g->f->model[g->rank++]);
}

static void take_range(struct fixture *f, uint64_t from, uint64_t n) {
    struct gone g = { f, from };
    uint64_t expected = from < f->count ? MIN(n, f->count - from) : 0;
    assert_int_equal(tree_remove_range(&f->t, from, n, on_gone, &g), expected);
    assert_int_equal(g.rank, from + expected);
    if (expected) model_take(f, from, expected);
}

static void test_empty(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 4, 1);
    expect_empty(&f);
    ask(&f, 3, 0);
    take_key(&f, 1);
    take_range(&f, 0, 10);
    compare_all(&f);
    assert_true(tree_free(&f.t, 0));
    add(&f, 2);
    assert_true(f.t.bytes <= 128);
    assert_false(tree_free(&f.t, 0));
    compare_all(&f);
    for (uint64_t key = 0; key < 10; key++) ask(&f, key, key);
    take_key(&f, 2);
    expect_empty(&f);
    add(&f, 0);
    take_range(&f, 0, UINT64_MAX);
    expect_empty(&f);
    end(&f);
}

// The i-th of n in one of ORDERS ways.
enum { ASCENDING, DESCENDING, OUTWARDS, INWARDS, STRIDE, HALVES, ORDERS };

static size_t in_order(int way, size_t n, size_t i) {
    switch (way) {
    case ASCENDING: return i;
    case DESCENDING: return n - 1 - i;
    case OUTWARDS: return i % 2 ? n / 2 - 1 - i / 2 : n / 2 + i / 2;
    case INWARDS: return i % 2 ? n - 1 - i / 2 : i / 2;
    case STRIDE: return (i * 7919) % n; // a prime that n has not
    default: return i < n / 2 ? 2 * i : 2 * (i - n / 2) + 1;
    }
}

static void test_orders(void **state) {
    (void)state;
    for (int in = 0; in < ORDERS; in++) {
        for (int out = 0; out < ORDERS; out++) {
            struct fixture f;
            begin(&f, 1000, (uint64_t)(in + out));
            for (size_t i = 0; i < f.n; i++) {
                add(&f, in_order(in, f.n, i));
                if (i < 200 || i % 13 == 0) tree_check(&f.t, order);
            }
            assert_int_equal(f.count, f.n);
            compare_all(&f);
            for (size_t i = 0; i < f.n; i++) {
                take_key(&f, in_order(out, f.n, i));
                if (i > 800 || i % 13 == 0) tree_check(&f.t, order);
                if (i % 100 == 0) compare_all(&f);
            }
            expect_empty(&f);
            end(&f);
        }
    }
}

// The next permutation in lexical order; false: there is none.
static bool permute(size_t *p, size_t n) {
    size_t i = n - 1, j = n - 1;
    while (i > 0 && p[i - 1] > p[i]) i--;
    if (i == 0) return false;
    while (p[j] < p[i - 1]) j--;
    for (size_t swap = p[i - 1]; swap != SIZE_MAX; swap = SIZE_MAX) {
        p[i - 1] = p[j];
        p[j] = swap;
    }
    for (j = n - 1; i < j; i++, j--) {
        size_t swap = p[i];
        p[i] = p[j];
        p[j] = swap;
    }
    return true;
}

// Every order of inserting up to 8 items; the removals go another way each time.
static void test_permutations(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 8, 3);
    for (size_t n = 1; n <= 8; n++) {
        size_t p[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, turn = 0;
        do {
            for (size_t i = 0; i < n; i++) add(&f, p[i]);
            tree_check(&f.t, order);
            ask(&f, random_below(&f.r, 2 * n + 2), random_below(&f.r, n + 1));
            for (size_t i = 0; i < n; i++) {
                take_key(&f, p[(i * (turn % 2 ? n - 1 : 1) + turn / 2) % n]);
                if (i == n / 2) tree_check(&f.t, order);
            }
            assert_int_equal(f.t.bytes, 0);
            turn++;
        } while (permute(p, n));
    }
    end(&f);
}

// Random steps with a chance of `percent` to insert; sometimes ranges go.
static void step(struct fixture *f, uint64_t percent) {
    size_t i = random_below(&f->r, f->n);
    if (random_below(&f->r, 100) < percent) add(f, i);
    else take_key(f, i);
    ask(f, random_below(&f->r, 2 * f->n + 2), random_below(&f->r, f->n));
    if (f->count > 0 && random_below(&f->r, 4) == 0) ask(f, f->model[random_below(&f->r, f->count)]->key, f->count);
    if (random_below(&f->r, 200) == 0) take_range(f, random_below(&f->r, f->count + 2), random_below(&f->r, f->count / 8 + 3));
}

static void model_run(size_t n, size_t steps, size_t check_every, uint64_t seed) {
    struct fixture f;
    begin(&f, n, seed);
    print_message("seed %llu, %zu items, %zu steps\n", (unsigned long long)seed, n, steps);
    for (size_t i = 0; i < steps; i++) {
        static const uint64_t percents[] = { 95, 10, 80, 50, 5 };
        step(&f, percents[i / (steps / 10 + 1) % ARRAY_LEN(percents)]);
        if (i % check_every == 0) tree_check(&f.t, order);
        if (i % (check_every * 50) == 0) compare_all(&f);
    }
    compare_all(&f);
    end(&f);
}

static void test_model(void **state) {
    (void)state;
    model_run(20, 20000, 1, 4);
    model_run(300, 20000, 3, 5);
    model_run(300, 20000, 3, 15);
    model_run(2000, 20000, 20, 16);
    model_run(5000, long_form() ? 10000000 : 200000, long_form() ? 5000 : 500, 7);
}

// Every range of trees of several sizes.
static void test_ranges_all(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 40, 7);
    for (size_t n = 1; n <= f.n; n++) {
        for (size_t from = 0; from <= n; from++) {
            for (size_t k = 1; from + k <= n + 1; k++) {
                for (size_t i = 0; i < n; i++) add(&f, in_order((int)((from + k) % STRIDE), n, i));
                take_range(&f, from, k);
                tree_check(&f.t, order);
                take_range(&f, 0, UINT64_MAX);
            }
        }
    }
    expect_empty(&f);
    end(&f);
}

// Large ones in a deep tree.
static void test_ranges_random(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 4000, 9);
    for (int round = 0; round < (long_form() ? 2000 : 60); round++) {
        for (size_t i = 0; i < f.n; i++) add(&f, in_order(round % ORDERS, f.n, i));
        while (f.count > 0) {
            take_range(&f, random_below(&f.r, f.count), 1 + random_below(&f.r, f.count / (1 + random_below(&f.r, 10)) + 1));
            tree_check(&f.t, order);
        }
        expect_empty(&f);
    }
    end(&f);
}

static void test_replace(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 2000, 9);
    struct item *others = mem_alloc_zero(f.n * sizeof *others);
    assert_non_null(others);
    for (size_t i = 0; i < f.n; i++) add(&f, in_order(HALVES, f.n, i));
    for (size_t i = 0; i < f.n; i++) {
        others[i] = f.items[i];
        tree_replace(&f.t, order, &others[i], word(&f, &others[i]), &f.items[i], &others[i]);
        f.items[i].key = 0; // nothing may look at it any more
        f.model[i] = &others[i];
        if (i % 50 == 0) tree_check(&f.t, order);
    }
    compare_all(&f);
    for (size_t i = 0; i < f.n; i++) assert_ptr_equal(tree_remove(&f.t, order, &others[i], word(&f, &others[i])), &others[i]);
    expect_empty(&f);
    end(&f);
    mem_free(others);
}

// What the first entries of inner nodes name may be freed by who takes the item out: with an item of its own memory each, ASan listens.
static void free_gone(void *arg, void *item) {
    mem_free(item);
    ++*(uint64_t *)arg;
}

static void test_items_freed(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 1, 10);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 500; i++) {
            struct item *item = mem_alloc(sizeof *item);
            assert_non_null(item);
            item->key = (i * 7919) % 500;
            assert_true(tree_insert(&f.t, order, item, word(&f, item), item));
        }
        for (size_t i = 0; i < 300; i++) {
            struct item k = { random_below(&f.r, 500) };
            mem_free(tree_remove(&f.t, order, &k, word(&f, &k)));
        }
        tree_check(&f.t, order);
        uint64_t gone = 0, n = random_below(&f.r, f.t.count);
        uint64_t told = tree_remove_range(&f.t, 3, n, free_gone, &gone);
        assert_int_equal(told, gone);
        tree_check(&f.t, order);
        tree_remove_range(&f.t, 0, UINT64_MAX, free_gone, &gone);
        expect_empty(&f);
    }
    end(&f);
}

// A slab in which nothing is free: its first chunk is full of objects of the sizes that nodes have.
struct hold {
    struct hold *next;
    size_t size;
};

static const size_t hold_sizes[] = { 64, 128, 192, 64, 256, 64, 512, 64, 1280 };

static struct hold *hold_all(struct slab *s) {
    struct hold *all = NULL;
    size_t failed = 0;
    for (size_t i = 0; failed < ARRAY_LEN(hold_sizes); i++) {
        size_t size = hold_sizes[i % ARRAY_LEN(hold_sizes)];
        struct hold *h = slab_alloc(s, size);
        mem_fail(1, true);
        failed = h ? 0 : failed + 1;
        if (!h) continue;
        *h = (struct hold){ all, size };
        all = h;
    }
    mem_fail(0, false);
    return all;
}

static void release_all(struct slab *s, struct hold *h) {
    for (struct hold *next; h; h = next) {
        next = h->next;
        slab_free(s, h, h->size);
    }
}

// Makes room for one object.
static void release_one(struct slab *s, struct hold **all, size_t size) {
    struct hold **at = all, *h;
    while (*at && (*at)->size != size) at = &(*at)->next;
    h = *at;
    if (!h) return;
    *at = h->next;
    slab_free(s, h, size);
}

// Every insert is refused until it has all the room that it needs, node by node.
static void test_no_memory(void **state) {
    (void)state;
    static const int ways[] = { ASCENDING, DESCENDING, OUTWARDS, STRIDE };
    size_t refused = 0;
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        struct fixture f;
        begin(&f, 2000, w);
        struct hold *all = hold_all(f.slab);
        for (size_t i = 0; i < f.n; i++) {
            struct item *item = &f.items[in_order(ways[w], f.n, i)];
            struct tree before = f.t;
            size_t used = slab_usage(f.slab).used;
            for (size_t tries = 0;; tries++) {
                mem_fail(1, true);
                bool done = tree_insert(&f.t, order, item, word(&f, item), item);
                mem_fail(0, false);
                if (done) break;
                assert_memory_equal(&before, &f.t, sizeof before);
                assert_int_equal(slab_usage(f.slab).used, used);
                if (refused++ % 7 == 0) tree_check(&f.t, order);
                assert_true(tries < 100);
                release_one(f.slab, &all, hold_sizes[tries % ARRAY_LEN(hold_sizes)]);
                used = slab_usage(f.slab).used;
            }
            if (i % 17 == 0) tree_check(&f.t, order);
        }
        assert_int_equal(f.t.count, f.n);
        mem_fail(1, true); // removing takes no memory
        for (size_t i = 0; i < f.n; i += 2) assert_non_null(tree_remove(&f.t, order, &f.items[i], word(&f, &f.items[i])));
        mem_fail(0, false);
        release_all(f.slab, all);
        end(&f);
    }
    print_message("%zu inserts refused\n", refused);
    assert_true(refused > 100);
}

// A node is at least half full after removals in any order, but for what is between half and LOW; and full ones stay so in order.
static void test_fill(void **state) {
    (void)state;
    enum { N = 60000 };
    static const double most[] = { 9.05, 9.05, 9.05, 12, 11.3, 11.3 };
    for (int way = 0; way < ORDERS; way++) {
        struct fixture f;
        begin(&f, N, 12);
        for (size_t i = 0; i < N; i++) {
            size_t j = in_order(way, N, i);
            assert_true(tree_insert(&f.t, order, &f.items[j], word(&f, &f.items[j]), &f.items[j]));
        }
        double each = (double)f.t.bytes / N;
        tree_check(&f.t, order);
        for (size_t i = 0; i < N; i++) {
            size_t j = in_order(STRIDE, N, i);
            if (i % 4) assert_non_null(tree_remove(&f.t, order, &f.items[j], word(&f, &f.items[j])));
        }
        tree_check(&f.t, order);
        double after = (double)f.t.bytes / (double)f.t.count;
        print_message("order %d: %.2f bytes an item, %.2f when three of four are gone\n", way, each, after);
#ifndef TREE_LEAF
        assert_true(each <= most[way] && after <= 19);
#else
        (void)most;
#endif
        f.count = 0;
        end(&f);
    }
}

// At the ends, what comes and goes does not make the full nodes inside give: a stack that grows by fits and starts, then a queue that moves on.
static void test_ends(void **state) {
    (void)state;
    enum { N = 30000, KEPT = 5000 };
    struct fixture f;
    begin(&f, N, 13);
    size_t top = 0;
    while (top < N) {
        for (uint64_t push = 1 + random_below(&f.r, 90); push > 0 && top < N; push--, top++) {
            assert_true(tree_insert(&f.t, order, &f.items[top], word(&f, &f.items[top]), &f.items[top]));
        }
        for (uint64_t pop = random_below(&f.r, 40); pop > 0 && top > 1 && top < N; pop--) {
            top--;
            assert_ptr_equal(tree_remove(&f.t, order, &f.items[top], word(&f, &f.items[top])), &f.items[top]);
        }
    }
    tree_check(&f.t, order);
    print_message("stack: %.2f bytes an item\n", (double)f.t.bytes / N);
#ifndef TREE_LEAF
    assert_true((double)f.t.bytes / N <= 9.05);
#endif
    for (size_t i = 0; i + KEPT < N; i++) assert_non_null(tree_remove(&f.t, order, &f.items[i], word(&f, &f.items[i])));
    tree_check(&f.t, order);
    print_message("queue: %.2f bytes an item\n", (double)f.t.bytes / KEPT);
#ifndef TREE_LEAF
    assert_true((double)f.t.bytes / KEPT <= 9.6);
#endif
    end(&f);
}

// Numbers and their words have the same order.
static void test_word_double(void **state) {
    (void)state;
    static const double up[] = { -INFINITY, -1e300, -1.5, -1, -1e-300, -5e-324, 0, 5e-324, 1e-300, 1, 1.5, 1e300, INFINITY };
    for (size_t i = 1; i < ARRAY_LEN(up); i++) assert_true(tree_word_double(up[i - 1]) < tree_word_double(up[i]));
    assert_true(tree_word_double(-0.0) == tree_word_double(0.0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_permutations),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_ranges_all),
        cmocka_unit_test(test_ranges_random),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_items_freed),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_word_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
