// The timing wheel against a plain array of nodes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "ds/wheel.h"

enum { NODES = 300 };

struct item {
    struct wheel_node node;
    int64_t at;
    bool in;
};

struct fixture {
    struct wheel *w;
    struct random r;
    struct item items[NODES];
    size_t count;
    int64_t now;
};

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

static void begin(struct fixture *f, int64_t now, uint64_t seed) {
    memset(f, 0, sizeof *f);
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&f->r, seed);
    f->now = now;
    f->w = wheel_create(now);
    assert_non_null(f->w);
}

static void end(struct fixture *f) {
    wheel_check(f->w);
    wheel_destroy(f->w);
}

static int64_t add_clamped(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

// A step in time of any order of magnitude, mostly of those that an owner sees.
static int64_t some_ms(struct random *r, unsigned bits_max) {
    uint64_t bits = random_below(r, bits_max);
    return (int64_t)(random_next(r) >> (63 - bits));
}

static unsigned some_bits(struct random *r) { return random_below(r, 10) == 0 ? 63 : random_below(r, 3) == 0 ? 40 : 18; }

static void add(struct fixture *f, struct item *i, int64_t at) {
    wheel_add(f->w, &i->node, at);
    i->at = at;
    i->in = true;
    f->count++;
}

static void take(struct fixture *f, struct item *i) {
    wheel_remove(f->w, &i->node);
    i->in = false;
    f->count--;
}

static struct item *any_item(struct fixture *f) { return &f->items[random_below(&f->r, NODES)]; }

// Adds, removes, changes or moves a node.
static void step(struct fixture *f) {
    struct item *i = any_item(f), *to = any_item(f);
    int64_t ms = some_ms(&f->r, some_bits(&f->r)), at = add_clamped(f->now, random_below(&f->r, 8) ? ms : -ms);
    if (random_below(&f->r, 200) == 0) at = random_below(&f->r, 2) ? INT64_MAX : INT64_MIN;
    if (!i->in) {
        add(f, i, at);
    } else if (random_below(&f->r, 3) == 0) {
        take(f, i);
    } else if (!to->in) {
        *to = *i;
        memset(i, 0xee, sizeof *i);
        i->in = false;
        wheel_moved(f->w, &to->node);
    } else {
        take(f, i);
        add(f, i, at);
    }
}

static int64_t earliest(const struct fixture *f) {
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < NODES; i++) {
        if (f->items[i].in && f->items[i].at < at) at = f->items[i].at;
    }
    return at;
}

// Pops until nothing is due, or `max` nodes. Returns whether everything was popped.
static bool drain(struct fixture *f, size_t max) {
    for (size_t calls = 0; max > 0; calls++) {
        bool again;
        struct wheel_node *n = wheel_pop(f->w, f->now, &again);
        assert_true(calls < NODES * 4);
        if (!n && !again) return true;
        if (!n) continue;
        struct item *i = CONTAINER_OF(n, struct item, node);
        assert_true(i->in && n->at_ms == i->at);
        assert_true(i->at <= f->now || i->at > INT64_MAX - WHEEL_GRAIN_MS);
        i->in = false;
        f->count--;
        max--;
    }
    return false;
}

static void expect_drained(const struct fixture *f) {
    int64_t first = earliest(f), next = wheel_next(f->w);
    assert_int_equal(wheel_count(f->w), f->count);
    assert_true(f->count == 0 || first > add_clamped(f->now, -WHEEL_GRAIN_MS));
    assert_true((next == INT64_MAX) == (f->count == 0));
    assert_true(f->count == 0 || next > f->now);
    assert_true(next <= add_clamped(first, WHEEL_GRAIN_MS - 1));
}

static void jump(struct fixture *f) {
    uint64_t kind = random_below(&f->r, 100);
    int64_t ms = some_ms(&f->r, some_bits(&f->r));
    if (kind < 60) f->now = add_clamped(f->now, (int64_t)random_below(&f->r, 2000));
    else if (kind < 85) f->now = add_clamped(f->now, ms);
    else if (kind < 95) f->now = add_clamped(f->now, -ms);
    else if (kind < 96) f->now = random_below(&f->r, 2) ? INT64_MAX : INT64_MIN;
    else f->now = 1700000000000 + some_ms(&f->r, 30);
}

static void test_model(void **state) {
    (void)state;
    static struct fixture f;
    begin(&f, 1700000000000, 1);
    int steps = long_form() ? 20000000 : 1000000;
    for (int i = 0; i < steps; i++) {
        step(&f);
        if (random_below(&f.r, 4) == 0) {
            jump(&f);
            if (drain(&f, random_below(&f.r, 3) ? SIZE_MAX : random_below(&f.r, 10))) expect_drained(&f);
        }
        if (i % 64 == 0 || i < 20000) wheel_check(f.w);
    }
    end(&f);
}

// Ordinary life: the clock goes forward, nodes a little or a year ahead; an owner that sleeps until wheel_next finds every node within
// the grain, and wakes up in vain at most once for each level.
static void test_owner(void **state) {
    (void)state;
    static struct fixture f;
    begin(&f, 1700000000123, 2);
    size_t wakes = 0, popped = 0;
    for (int round = 0; round < 200000; round++) {
        for (size_t n = random_below(&f.r, 4); n > 0; n--) {
            struct item *i = any_item(&f);
            if (!i->in) add(&f, i, f.now + some_ms(&f.r, 35));
        }
        int64_t next = wheel_next(f.w);
        if (next == INT64_MAX) continue;
        assert_true(next == INT64_MIN || next <= earliest(&f) + WHEEL_GRAIN_MS - 1);
        f.now = MAX(f.now, next);
        size_t before = f.count;
        assert_true(drain(&f, SIZE_MAX));
        expect_drained(&f);
        wakes++;
        popped += before - f.count;
    }
    print_message("%zu wake-ups for %zu nodes\n", wakes, popped);
    assert_true(wakes < popped * 4 && popped > 10000);
    end(&f);
}

// A clock that was set back: what is due by the old time waits, and what is added is found at the new one.
static void test_back(void **state) {
    (void)state;
    static struct fixture f;
    begin(&f, 1000000000, 3);
    add(&f, &f.items[0], 999000000);
    add(&f, &f.items[1], 1000000500);
    f.now = 500000000;
    assert_int_equal(wheel_next(f.w), INT64_MIN);
    assert_true(drain(&f, SIZE_MAX));
    assert_int_equal(f.count, 2);
    expect_drained(&f);
    add(&f, &f.items[2], 500000100);
    f.now = 500000116;
    assert_true(drain(&f, SIZE_MAX));
    assert_false(f.items[2].in);
    f.now = 999000016;
    assert_true(drain(&f, SIZE_MAX));
    assert_false(f.items[0].in);
    f.now = 1000000516;
    assert_true(drain(&f, SIZE_MAX));
    assert_int_equal(f.count, 0);
    end(&f);
}

// However many nodes wait in one slot, a call of wheel_pop places only a few of them anew.
static void test_bounded(void **state) {
    (void)state;
    enum { MANY = 10000 };
    struct wheel *w = wheel_create(0);
    struct wheel_node *nodes = mem_alloc(MANY * sizeof *nodes);
    assert_true(w && nodes);
    for (int i = 0; i < MANY; i++) wheel_add(w, &nodes[i], 5000000 + i * 10);
    bool again = true;
    size_t calls = 0;
    while (again) {
        assert_null(wheel_pop(w, 4999999, &again));
        calls++;
    }
    assert_true(calls >= 2 && calls < MANY);
    size_t popped = 0;
    for (int64_t now = 5000000; popped < MANY; now += 100) {
        while (wheel_pop(w, now, &again) || again) popped += !again;
        wheel_check(w);
        assert_true(popped * 10 + 32 >= (size_t)MIN(now - 5000000, MANY * 10));
    }
    assert_int_equal(wheel_count(w), 0);
    assert_int_equal(wheel_next(w), INT64_MAX);
    wheel_destroy(w);
    mem_free(nodes);
}

#ifdef KORA_FAULTS
static void test_faults(void **state) {
    (void)state;
    mem_fail(1, false);
    assert_null(wheel_create(0));
    mem_fail(0, false);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_bounded),
#ifdef KORA_FAULTS
        cmocka_unit_test(test_faults),
#endif
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
