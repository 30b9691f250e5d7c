// HyperLogLogs against a plain array of registers, against bytes and estimates that redis-server 7.0.15 gave for the same elements, and with strings
// that are damaged. Buffers have exactly the size that hll_room asks for, for the sanitizers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/hyperloglog.h"

enum { SPARSE_MAX = 3000 };

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

static struct hll new_hll(size_t sparse_max, size_t marks) {
    struct hll h = { .p = malloc(hll_room(HLL_EMPTY_SIZE, marks, sparse_max)), .sparse_max = sparse_max };
    hll_init(&h);
    assert_true(hll_is(slice_of(h.p, h.n)));
    return h;
}

static uint64_t estimate(const struct hll *h) {
    uint64_t n = 0;
    assert_true(hll_count(slice_of(h->p, h->n), &n));
    return n;
}

static uint64_t fnv1a(const char *p, size_t n) {
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3;
    return h;
}

// ---- as Redis -------------------------------------------------------------------------------------------------------------------

// Adds element:from ... element:to-1.
static void add_elements(struct hll *h, int from, int to) {
    char text[32];
    for (int i = from; i < to; i++) {
        int n = snprintf(text, sizeof text, "element:%d", i);
        if (hll_set(h, hll_mark_of(slice_of(text, (size_t)n))) == HLL_CHANGED) hll_forget(h->p);
    }
}

static void expect_bytes(const struct hll *h, uint64_t count, size_t n, uint64_t sum) {
    assert_int_equal(estimate(h), count);
    hll_cache(h->p, count);
    uint64_t cached = 0;
    assert_true(hll_cached(h->p, &cached));
    assert_int_equal(cached, count);
    assert_int_equal(h->n, n);
    assert_true(fnv1a(h->p, h->n) == sum);
}

static void test_redis(void **state) {
    (void)state;
    static const struct {
        int elements;
        uint64_t estimate;
        size_t bytes;
        uint64_t sum;
    } golden[] = {
        { 1, 1, 21, 0xee0dc2daee4050ac }, { 10, 10, 48, 0x911d310964ebaba7 }, { 100, 99, 285, 0x033e4e4e6be9ec79 },
        { 500, 502, 1050, 0xc9dc690d7dab3bbd }, { 1000, 997, 1897, 0xb2a2cc508fc5ee31 }, { 1300, 1294, 2387, 0x79cf8dc507eea21a },
        { 1700, 1706, 12304, 0xdd2eb243893d69db }, { 2000, 2004, 12304, 0x6f0493b07f19385c }, { 10000, 10017, 12304, 0x3feb9deff73f099f },
        { 100000, 100039, 12304, 0xf9c01647cea59fdd }, { 1000000, 1010357, 12304, 0x26fc90b50eb5de89 },
    };
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        struct hll h = new_hll(SPARSE_MAX, SIZE_MAX / 8);
        add_elements(&h, 0, golden[i].elements);
        expect_bytes(&h, golden[i].estimate, golden[i].bytes, golden[i].sum);
        free(h.p);
    }
}

static void test_redis_merge(void **state) {
    (void)state;
    uint8_t registers[HLL_REGISTERS] = { 0 };
    struct hll a = new_hll(SPARSE_MAX, 10000), b = new_hll(SPARSE_MAX, 10000), c = new_hll(SPARSE_MAX, 10000), m = new_hll(SPARSE_MAX, HLL_REGISTERS);
    add_elements(&a, 0, 700);
    add_elements(&b, 350, 1100);
    add_elements(&c, 50000, 60000);
    assert_true(hll_merge(registers, slice_of(a.p, a.n)) && hll_merge(registers, slice_of(b.p, b.n)) && hll_put(&m, registers));
    hll_forget(m.p);
    assert_int_equal(m.n, 2057);
    assert_true(fnv1a(m.p, m.n) == 0x26f76aa68df47cb6);
    assert_int_equal(estimate(&m), 1095);
    hll_cache(m.p, 1095); // its bytes stay when it holds no more
    assert_true(hll_merge(registers, slice_of(c.p, c.n)) && hll_make_dense(&m) && hll_put(&m, registers));
    hll_forget(m.p);
    assert_true(fnv1a(m.p, m.n) == 0xebc705cc44af8304);
    assert_int_equal(estimate(&m), 11064);
    assert_int_equal(hll_count_registers(registers), 11064);
    free(a.p);
    free(b.p);
    free(c.p);
    free(m.p);
}

// ---- as an array of registers -----------------------------------------------------------------------------------------------------

// Ranks and places as no hash gives them, so that neighbours often are equal and runs meet their limits.
static struct hll_mark odd_mark(struct random *r, uint32_t spread) {
    uint32_t index = (uint32_t)random_below(r, spread);
    if (random_below(r, 8) == 0) index = (uint32_t)(HLL_REGISTERS - 1 - random_below(r, 4));
    return (struct hll_mark){ index, (uint8_t)(random_below(r, 50) ? 1 + random_below(r, 3) : 1 + random_below(r, 30)) };
}

static void expect_registers(const struct hll *h, const uint8_t *registers) {
    uint8_t have[HLL_REGISTERS] = { 0 };
    assert_true(hll_merge(have, slice_of(h->p, h->n)));
    assert_memory_equal(have, registers, HLL_REGISTERS);
    assert_int_equal(estimate(h), hll_count_registers(registers));
}

static void test_model(void **state) {
    (void)state;
    int rounds = long_form() ? 1000 : 20;
    for (int seed = 0; seed < rounds; seed++) {
        struct random r;
        uint8_t registers[HLL_REGISTERS] = { 0 };
        random_seed(&r, (uint64_t)seed);
        uint32_t spread = (uint32_t[]){ 8, 40, 300, 3000, HLL_REGISTERS }[random_below(&r, 5)];
        size_t limits[] = { 0, 60, 1000, SPARSE_MAX, 100000 };
        size_t sets = 1 + random_below(&r, 6000);
        struct hll h = new_hll(limits[random_below(&r, 5)], sets), dense = new_hll(0, 1);
        assert_true(hll_make_dense(&dense));
        for (size_t i = 0; i < sets; i++) {
            struct hll_mark m = odd_mark(&r, spread);
            if (random_below(&r, 3000) == 0) m.rank = (uint8_t)(33 + random_below(&r, 19));
            bool higher = m.rank > registers[m.index];
            registers[m.index] = MAX(registers[m.index], m.rank);
            assert_int_equal(hll_dense_below(dense.p, m), higher);
            assert_int_equal(hll_set(&h, m), higher ? HLL_CHANGED : HLL_SAME);
            assert_int_equal(hll_set(&dense, m), higher ? HLL_CHANGED : HLL_SAME);
            assert_true(h.n <= hll_room(HLL_EMPTY_SIZE, i + 1, h.sparse_max));
            if (i % 500 == 0) expect_registers(&h, registers);
        }
        expect_registers(&h, registers);
        expect_registers(&dense, registers);
        assert_true(hll_make_dense(&h));
        assert_memory_equal(h.p, dense.p, HLL_DENSE_SIZE);
        free(h.p);
        free(dense.p);
    }
}

// Runs as somebody else may have written them: none is joined that could be.
static void write_runs(struct random *r, struct hll *h, size_t runs) {
    unsigned char *p = (unsigned char *)h->p + HLL_HEAD;
    unsigned left = HLL_REGISTERS;
    for (size_t i = 0; i < runs; i++) {
        unsigned len = (unsigned)random_below(r, 4), value = (unsigned)random_below(r, 4);
        *p++ = (unsigned char)(value ? 0x80 | (value - 1) << 2 | len : len);
        left -= len + 1;
    }
    *p++ = (unsigned char)(0x40 | (left - 1) >> 8);
    *p++ = (unsigned char)(left - 1);
    h->n = (size_t)((char *)p - h->p);
}

// hll_put gives the bytes that setting one register after the other gives, whatever was there.
static void test_put(void **state) {
    (void)state;
    int rounds = long_form() ? 20000 : 400;
    for (int seed = 0; seed < rounds; seed++) {
        struct random r;
        uint8_t registers[HLL_REGISTERS] = { 0 };
        random_seed(&r, (uint64_t)seed);
        uint32_t spread = (uint32_t[]){ 8, 40, 300, 3000 }[random_below(&r, 4)];
        size_t before = random_below(&r, 400), more = random_below(&r, 600), limit = random_below(&r, 5) ? 3000 : 200;
        struct hll one = new_hll(limit, HLL_REGISTERS), all = new_hll(limit, HLL_REGISTERS);
        if (seed % 2) write_runs(&r, &one, before);
        for (size_t i = 0; seed % 2 == 0 && i < before; i++) hll_set(&one, odd_mark(&r, spread));
        memcpy(all.p, one.p, one.n);
        all.n = one.n;
        assert_true(hll_merge(registers, slice_of(one.p, one.n)));
        for (size_t i = 0; i < more; i++) {
            struct hll_mark m = odd_mark(&r, spread);
            registers[m.index] = MAX(registers[m.index], m.rank);
        }
        for (uint32_t i = 0; i < HLL_REGISTERS; i++) {
            if (registers[i]) hll_set(&one, (struct hll_mark){ i, registers[i] });
        }
        assert_true(hll_put(&all, registers));
        assert_int_equal(one.n, all.n);
        assert_memory_equal(one.p, all.p, one.n);
        free(one.p);
        free(all.p);
    }
}

// Estimates are within three standard errors of what was added, near enough always.
static void test_error(void **state) {
    (void)state;
    static const int sizes[] = { 100, 3000, 30000, 300000 };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct hll h = new_hll(SPARSE_MAX, 4000);
        add_elements(&h, 7000000, 7000000 + sizes[i]);
        double off = (double)estimate(&h) / sizes[i] - 1;
        if (off < -0.0244 || off > 0.0244) fail_msg("%d elements: %f off", sizes[i], off);
        free(h.p);
    }
}

// ---- damaged --------------------------------------------------------------------------------------------------------------------

static void test_damaged(void **state) {
    (void)state;
    static const struct {
        const char *runs;
        size_t n;
    } bad[] = { { "", 0 }, { "\x7f", 1 }, { "\x7f\xfe", 2 }, { "\x7f\xff\x00", 3 }, { "\x7f\xff\x80", 3 }, { "\x80\x7f\xff", 3 }, { "\x7f\xfe\x41", 3 } };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t registers[HLL_REGISTERS] = { 0 };
        struct hll h = { .p = malloc(hll_room(HLL_HEAD + bad[i].n, 1, SPARSE_MAX)), .n = HLL_HEAD + bad[i].n, .sparse_max = SPARSE_MAX };
        uint64_t n;
        memcpy(h.p, "HYLL\1\0\0\0\0\0\0\0\0\0\0\x80", HLL_HEAD);
        memcpy(h.p + HLL_HEAD, bad[i].runs, bad[i].n);
        assert_true(hll_is(slice_of(h.p, h.n)));
        assert_false(hll_cached(h.p, &n));
        assert_false(hll_count(slice_of(h.p, h.n), &n));
        assert_false(hll_merge(registers, slice_of(h.p, h.n)));
        assert_false(hll_make_dense(&h));
        assert_int_equal(hll_set(&h, (struct hll_mark){ 5, 50 }), HLL_CORRUPT); // would make it dense
        free(h.p);
    }
    assert_false(hll_is(SLICE("")));
    assert_false(hll_is(SLICE("HYLL\1\0\0\0\0\0\0\0\0\0\0")));
    assert_false(hll_is(SLICE("HYLL\2\0\0\0\0\0\0\0\0\0\0\0")));
    assert_false(hll_is(SLICE("HYLL\0\0\0\0\0\0\0\0\0\0\0\0")));
    assert_false(hll_is(SLICE("hyll\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xff")));
}

// Registers that no hash can bring about have an estimate, too.
static void test_impossible(void **state) {
    (void)state;
    char *p = malloc(HLL_DENSE_SIZE);
    uint64_t n = 0;
    for (int byte = 0; byte < 256; byte++) {
        memset(p, byte, HLL_DENSE_SIZE);
        memcpy(p, "HYLL\0", 5);
        assert_true(hll_count(slice_of(p, HLL_DENSE_SIZE), &n));
        assert_true(n <= (uint64_t)1 << 62);
    }
    assert_int_equal(n, (uint64_t)1 << 62);
    free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis),
        cmocka_unit_test(test_redis_merge),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
