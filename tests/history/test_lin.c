// The checker of histories: valid ones are accepted, each kind of violation is rejected, and it agrees with a search by brute force.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "history/lin.h"

static struct lin_checker checker;

static enum lin_verdict verdict(const struct lin_op *ops, uint32_t n, int64_t skew_ms) {
    struct lin_history h = { .count = n, .keys = 4, .skew_ms = skew_ms };
    memcpy(h.op, ops, n * sizeof *ops);
    return lin_check(&checker, &h, NULL);
}
#define VERDICT(skew_ms, ...) verdict((struct lin_op[]){ __VA_ARGS__ }, sizeof((struct lin_op[]){ __VA_ARGS__ }) / sizeof(struct lin_op), (skew_ms))

// Times in ms, so that deadlines are easy to read.
#define WHEN(from, to) .sent_ns = (from) * INT64_C(1000000), .answered_ns = (to) * INT64_C(1000000)
#define GET(from, to, k, v) { .kind = LIN_GET, .count = 1, .key = { k }, .got = { v }, WHEN(from, to) }
#define GET2(from, to, v0, v1) { .kind = LIN_GET, .count = 2, .key = { 0, 1 }, .got = { v0, v1 }, WHEN(from, to) }
#define SET(from, to, k, v) { .kind = LIN_SET, .count = 1, .key = { k }, .value = { v }, .result = 1, WHEN(from, to) }
#define SET2(from, to, v0, v1) { .kind = LIN_SET, .count = 2, .key = { 0, 1 }, .value = { v0, v1 }, .result = 1, WHEN(from, to) }
#define SETIF(from, to, k, v, o, r) { .kind = LIN_SET, .count = 1, .key = { k }, .value = { v }, .only = o, .result = r, WHEN(from, to) }
#define SETNX2(from, to, v0, v1, r) { .kind = LIN_SETNX, .count = 2, .key = { 0, 1 }, .value = { v0, v1 }, .result = r, WHEN(from, to) }
#define SETTTL(from, to, k, v, ttl) { .kind = LIN_SET, .count = 1, .key = { k }, .value = { v }, .result = 1, .ttl_ms = ttl, WHEN(from, to) }
#define SETAT(from, to, k, v, at) { .kind = LIN_SET, .count = 1, .key = { k }, .value = { v }, .result = 1, .at_given = true, .at_ms = at, WHEN(from, to) }
#define RENAME(from, to, k, l, r) { .kind = LIN_RENAME, .key = { k, l }, .result = r, WHEN(from, to) }
#define COPY(from, to, k, l, rep, r) { .kind = LIN_COPY, .key = { k, l }, .replace = rep, .result = r, WHEN(from, to) }
#define DEL2(from, to, r) { .kind = LIN_DEL, .count = 2, .key = { 0, 1 }, .result = r, WHEN(from, to) }
#define CAS(from, to, k, e, v, r) { .kind = LIN_CAS, .key = { k }, .expected = e, .value = { v }, .result = r, WHEN(from, to) }
#define THEN_GET(from, to, k, v) { .kind = LIN_GET, .count = 1, .key = { k }, .got = { v }, .piped = true, WHEN(from, to) }
#define VALID(...) assert_int_equal(VERDICT(0, __VA_ARGS__), LIN_OK)
#define INVALID(...) assert_int_equal(VERDICT(0, __VA_ARGS__), LIN_VIOLATION)

static void registers(void **state) {
    (void)state;
    VALID(GET(0, 1, 0, 0));
    INVALID(GET(0, 1, 0, 5));
    VALID(SET(0, 1, 0, 5), GET(2, 3, 0, 5));
    INVALID(SET(0, 1, 0, 5), GET(2, 3, 0, 0));                                  // lost
    VALID(SET(0, 10, 0, 5), GET(2, 3, 0, 0));                                   // at the same time
    VALID(SET(0, 10, 0, 5), GET(2, 3, 0, 5));
    INVALID(SET(0, 10, 0, 5), GET(2, 3, 0, 5), GET(4, 5, 0, 0));                // seen, then not
    VALID(SET(0, 10, 0, 5), GET(2, 5, 0, 5), GET(4, 6, 0, 0));
    INVALID(SET(0, 1, 0, 5), SET(2, 3, 0, 6), GET(4, 5, 0, 5));                 // stale
    VALID(SET(0, 9, 0, 5), SET(0, 9, 0, 6), GET(10, 11, 0, 5), GET(10, 11, 0, 5));
    INVALID(SET(0, 9, 0, 5), SET(0, 9, 0, 6), GET(10, 11, 0, 5), GET(10, 11, 0, 6)); // two readers disagree for ever
    INVALID(SET(0, 1, 0, 5), SET(2, 3, 1, 6), GET(4, 5, 1, 6), GET(6, 7, 0, 0)); // apart, and each on its own
}

static void conditions(void **state) {
    (void)state;
    VALID(SETIF(0, 9, 0, 1, LIN_NX, 1), SETIF(0, 9, 0, 2, LIN_NX, 0));
    INVALID(SETIF(0, 9, 0, 1, LIN_NX, 1), SETIF(0, 9, 0, 2, LIN_NX, 1));        // both first
    INVALID(SETIF(0, 9, 0, 1, LIN_XX, 1));
    VALID(SETIF(0, 9, 0, 1, LIN_XX, 0), GET(10, 11, 0, 0));
    VALID(SET(0, 1, 0, 1), CAS(2, 9, 0, 1, 2, 1), CAS(2, 9, 0, 1, 3, 0), GET(10, 11, 0, 2));
    INVALID(SET(0, 1, 0, 1), CAS(2, 9, 0, 1, 2, 1), CAS(2, 9, 0, 1, 3, 1));     // a lost update
    VALID(CAS(0, 1, 0, 0, 2, 1), GET(2, 3, 0, 2));
}

static void pipelines(void **state) {
    (void)state;
    VALID(SET(0, 9, 0, 5), THEN_GET(0, 9, 0, 5));
    INVALID(SET(0, 9, 0, 5), THEN_GET(0, 9, 0, 0));                             // did not see what was sent before it
    VALID(SET(0, 9, 0, 5), GET(0, 9, 0, 0));
    VALID(GET(0, 9, 0, 0), THEN_GET(0, 9, 0, 5), SET(0, 9, 0, 5));
    INVALID(GET(0, 9, 0, 5), THEN_GET(0, 9, 0, 0), SET(0, 9, 0, 5));
    VALID(GET(0, 9, 0, 5), GET(0, 9, 0, 0), SET(0, 9, 0, 5));
    INVALID(SET(0, 9, 0, 5), THEN_GET(0, 9, 1, 0), THEN_GET(0, 9, 0, 0));       // something about another key is between them
}

static void several_keys(void **state) {
    (void)state;
    VALID(SET2(0, 9, 1, 2), GET2(1, 8, 1, 2));
    VALID(SET2(0, 9, 1, 2), GET2(1, 8, 0, 0));
    INVALID(SET2(0, 9, 1, 2), GET2(1, 8, 1, 0));                                // torn read
    INVALID(SET2(0, 9, 1, 2), GET(1, 2, 1, 2), GET(3, 4, 0, 0));                // torn write
    INVALID(SET2(0, 9, 1, 2), SET2(0, 9, 3, 4), GET2(10, 11, 1, 4));            // mixed
    INVALID(SET(0, 9, 0, 1), SET(0, 9, 1, 2), GET2(0, 9, 1, 0), GET2(0, 9, 0, 2)); // two readers see two orders
    VALID(SETNX2(0, 9, 1, 2, 1), SETNX2(0, 9, 3, 4, 0), GET2(10, 11, 1, 2));
    INVALID(SETNX2(0, 9, 1, 2, 1), SETNX2(0, 9, 3, 4, 1));
    INVALID(SET(0, 1, 1, 7), SETNX2(2, 3, 1, 2, 1));                            // one of them was there
    INVALID(SET(0, 1, 1, 7), SETNX2(2, 3, 1, 2, 0), GET(4, 5, 0, 1));           // half done
    VALID(SET2(0, 1, 1, 2), DEL2(2, 9, 2), GET2(2, 9, 1, 2));
    INVALID(SET2(0, 1, 1, 2), DEL2(2, 9, 1));
    INVALID(SET2(0, 1, 1, 2), DEL2(2, 9, 2), GET2(2, 9, 0, 2));
}

static void moving(void **state) {
    (void)state;
    VALID(SET(0, 1, 0, 1), RENAME(2, 9, 0, 1, 1), GET2(2, 9, 0, 1));
    INVALID(SET(0, 1, 0, 1), RENAME(2, 9, 0, 1, 1), GET2(2, 9, 1, 1));          // in both places
    INVALID(SET(0, 1, 0, 1), RENAME(2, 9, 0, 1, 1), GET2(2, 9, 0, 0));          // in neither
    INVALID(RENAME(0, 1, 0, 1, 1));
    VALID(RENAME(0, 1, 0, 1, 0));
    INVALID(SET(0, 1, 0, 1), RENAME(2, 9, 0, 1, 1), RENAME(2, 9, 0, 2, 1));     // moved twice
    VALID(SET(0, 1, 0, 1), RENAME(2, 3, 0, 0, 1), GET(4, 5, 0, 1));
    VALID(SET(0, 1, 0, 1), COPY(2, 3, 0, 1, false, 1), GET2(4, 5, 1, 1));
    INVALID(SET2(0, 1, 1, 2), COPY(2, 3, 0, 1, false, 1));
    VALID(SET2(0, 1, 1, 2), COPY(2, 3, 0, 1, true, 1), GET2(4, 5, 1, 1));
    INVALID(SET2(0, 1, 1, 2), COPY(2, 3, 0, 1, true, 1), GET2(4, 5, 1, 2));
}

static void expiry(void **state) {
    (void)state;
    VALID(SETAT(0, 1, 0, 1, 10), GET(5, 6, 0, 1), GET(12, 13, 0, 0));
    INVALID(SETAT(0, 1, 0, 1, 10), GET(5, 6, 0, 0));                            // too early
    INVALID(SETAT(0, 1, 0, 1, 10), GET(12, 13, 0, 1));                          // too late
    VALID(SETAT(0, 1, 0, 1, 10), GET(9, 11, 0, 1));
    VALID(SETAT(0, 1, 0, 1, 10), GET(9, 11, 0, 0));
    INVALID(SETAT(0, 1, 0, 1, 10), GET(9, 12, 0, 0), GET(13, 14, 0, 1));        // gone, and there again
    VALID(SETTTL(0, 2, 0, 1, 10), GET(11, 12, 0, 1));                           // deadline at 10 to 12
    VALID(SETTTL(0, 2, 0, 1, 10), GET(11, 12, 0, 0));
    INVALID(SETTTL(0, 2, 0, 1, 10), GET(8, 9, 0, 0));
    INVALID(SETTTL(0, 2, 0, 1, 10), GET(13, 14, 0, 1));
    VALID(SETAT(0, 1, 0, 1, 10), RENAME(2, 3, 0, 1, 1), GET(12, 13, 1, 0));     // a deadline moves along
    INVALID(SETAT(0, 1, 0, 1, 10), RENAME(2, 3, 0, 1, 1), GET(12, 13, 1, 1));
    VALID(SETAT(0, 1, 0, 1, 10), SET(2, 3, 0, 2), GET(12, 13, 0, 2));           // and is taken away
    VALID(SETAT(0, 1, 0, 1, 10), SETIF(9, 12, 0, 2, LIN_NX, 1), GET(13, 14, 0, 2));
    INVALID(SETAT(0, 1, 0, 1, 10), SETIF(5, 6, 0, 2, LIN_NX, 1));
    VALID(SETAT(2, 3, 0, 1, 1), GET(4, 5, 0, 0));                               // in the past already
}

static void skewed_time(void **state) {
    (void)state;
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), GET(7, 8, 0, 0)), LIN_OK);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), GET(5, 6, 0, 0)), LIN_VIOLATION);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), GET(12, 12, 0, 1)), LIN_OK);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), GET(14, 15, 0, 1)), LIN_VIOLATION);
    // Time that was seen stays: 10 has passed for the first reader, so 9 has for the second, though its own clock may be behind.
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), SETAT(0, 1, 1, 2, 8), GET2(8, 9, 0, 2)), LIN_VIOLATION);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), SETAT(0, 1, 1, 2, 8), GET2(8, 9, 1, 0)), LIN_OK);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), SETAT(0, 1, 1, 2, 8), COPY(2, 3, 0, 1, false, 0), GET(8, 9, 0, 0), GET(10, 11, 1, 2)), LIN_VIOLATION);
    assert_int_equal(VERDICT(3, SETAT(0, 1, 0, 1, 10), SETAT(0, 1, 1, 2, 8), COPY(2, 3, 0, 1, false, 0), GET(8, 9, 1, 0), GET(10, 11, 0, 1)), LIN_OK);
}

// ---- against brute force ---------------------------------------------------------------------------------------------------

static uint64_t random_state;
static uint32_t below(uint32_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

// Every order that contains the order of real time, without any memory. For histories without deadlines.
static bool brute(const struct lin_history *h, uint64_t left, const struct lin_state *s) {
    if (!left) return true;
    for (uint32_t i = 0; i < h->count; i++) {
        if (!(left >> i & 1)) continue;
        bool early = false;
        for (uint32_t j = 0; j < h->count; j++) early |= (left >> j & 1) && h->op[j].answered_ns < h->op[i].sent_ns;
        struct lin_state next = *s;
        if (!early && lin_run(&next, &h->op[i], 0, 0) && brute(h, left & ~(UINT64_C(1) << i), &next)) return true;
    }
    return false;
}

static void random_op(struct lin_op *o, uint32_t number) {
    *o = (struct lin_op){ .kind = below(7), .only = below(3), .replace = below(2), .count = (uint8_t)(1 + below(2)) };
    o->key[0] = (uint8_t)below(3);
    o->key[1] = (uint8_t)((o->key[0] + 1 + below(2)) % 3);
    if (o->kind == LIN_SET && o->count > 1) o->only = LIN_ALWAYS;
    o->value[0] = 2 * number + 1;
    o->value[1] = 2 * number + 2;
    o->expected = below(2) ? 0 : 1 + below(2 * number + 1);
}

// The answer that the operation gets in this state.
static void answer(struct lin_state *s, struct lin_op *o) {
    if (o->kind == LIN_GET) {
        for (uint32_t i = 0; i < o->count; i++) o->got[i] = s->key[o->key[i]].value;
    }
    for (o->result = 0; o->result < 3; o->result++) {
        struct lin_state next = *s;
        if (lin_run(&next, o, 0, 0)) {
            *s = next;
            return;
        }
    }
    fail();
}

// A history that was made one after the other, each operation at a moment within its interval.
static void make_valid(struct lin_history *h, uint32_t count, uint32_t width) {
    struct lin_state s = { .now_ms = 0 };
    for (uint32_t k = 0; k < LIN_KEYS_MAX; k++) lin_clear(&s, k);
    *h = (struct lin_history){ .count = count, .keys = 3 };
    for (uint32_t i = 0; i < count; i++) {
        random_op(&h->op[i], i);
        answer(&s, &h->op[i]);
        h->op[i].sent_ns = (int64_t)i * 10 - below(width);
        h->op[i].answered_ns = (int64_t)i * 10 + below(width);
    }
}

static void spoil(struct lin_history *h) {
    struct lin_op *o = &h->op[below(h->count)];
    if (o->kind == LIN_GET) o->got[below(o->count)] = below(2 * h->count);
    else o->result = o->result ? 0 : 1;
}

static void agrees_with_brute_force(void **state) {
    (void)state;
    random_state = 0x5EED;
    uint32_t valid = 0, invalid = 0;
    for (int round = 0; round < 30000; round++) {
        struct lin_history h;
        make_valid(&h, 2 + below(5), 5 + below(40));
        struct lin_state s = { .now_ms = 0 };
        for (uint32_t k = 0; k < LIN_KEYS_MAX; k++) lin_clear(&s, k);
        assert_int_equal(lin_check(&checker, &h, NULL), LIN_OK);
        assert_true(brute(&h, (UINT64_C(1) << h.count) - 1, &s));
        spoil(&h);
        bool ok = brute(&h, (UINT64_C(1) << h.count) - 1, &s);
        assert_int_equal(lin_check(&checker, &h, NULL), ok ? LIN_OK : LIN_VIOLATION);
        if (ok) valid++;
        else invalid++;
    }
    assert_true(valid > 1000 && invalid > 1000);
}

// Longer ones, which a search without memory would not end.
static void long_histories(void **state) {
    (void)state;
    random_state = 0xBEEF;
    uint32_t caught = 0;
    for (int round = 0; round < 3000; round++) {
        struct lin_history h;
        make_valid(&h, 40, 60);
        assert_int_equal(lin_check(&checker, &h, NULL), LIN_OK);
        spoil(&h);
        enum lin_verdict v = lin_check(&checker, &h, NULL);
        assert_int_not_equal(v, LIN_UNDECIDED);
        caught += v == LIN_VIOLATION;
    }
    assert_true(caught > 1500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers), cmocka_unit_test(conditions), cmocka_unit_test(pipelines), cmocka_unit_test(several_keys), cmocka_unit_test(moving),
        cmocka_unit_test(expiry), cmocka_unit_test(skewed_time), cmocka_unit_test(agrees_with_brute_force), cmocka_unit_test(long_histories),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lin_free(&checker);
    return failed;
}
