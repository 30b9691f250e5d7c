// Where eviction begins for what is resident beyond the account: the rule by itself, with models of a process in its place; and the account that is told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/resident.h"
#include "kora.h"

#define MB UINT64_C(1048576)

// A cache that is written to all the time: it has as much as it may, and the process `beyond` more.
struct model {
    struct resident_view v;
    uint64_t beyond;
    uint64_t late; // what was evicted and has not been given back yet
};

static void step(struct model *m, uint64_t grows) {
    uint64_t limit = m->v.max - m->v.lowered, before = m->v.counted;
    m->v.counted = MIN(m->v.counted + grows, limit);
    if (before > m->v.counted) m->late += before - m->v.counted;
    m->late -= MIN(m->late, 2 * MB);
    m->v.resident = m->v.counted + m->late + m->beyond;
    m->v.lowered = resident_lower_by(&m->v);
}

static struct model model_of(uint64_t max, uint64_t base, uint64_t beyond) {
    return (struct model){ .v = { .max = max, .base = base, .counted = max }, .beyond = beyond };
}

static void little_is_let_be(void **state) {
    (void)state;
    struct model m = model_of(128 * MB, 5 * MB, 6 * MB);
    for (int i = 0; i < 100; i++) step(&m, MB);
    assert_int_equal(m.v.lowered, 0);
    m = model_of(8 * MB, 5 * MB, 5 * MB); // a process that is larger than its data
    for (int i = 0; i < 100; i++) step(&m, MB);
    assert_int_equal(m.v.lowered, 0);
}

static void comes_down_and_settles(void **state) {
    (void)state;
    for (uint64_t beyond = 10 * MB; beyond <= 30 * MB; beyond += 5 * MB) {
        struct model m = model_of(128 * MB, 5 * MB, beyond);
        for (int i = 0; i < 200; i++) step(&m, MB);
        assert_true(m.v.resident <= 128 * MB + 8 * MB);
        assert_true(m.v.resident >= 128 * MB + 6 * MB); // nothing is evicted in vain
        uint64_t lowest = m.v.resident, highest = 0;
        for (int i = 0; i < 200; i++) {
            step(&m, MB);
            lowest = MIN(lowest, m.v.resident);
            highest = MAX(highest, m.v.resident);
        }
        assert_true(highest - lowest < MB);
    }
}

// For some time there is much more, of which eviction can bring back a part; then it is gone.
static void comes_back_without_going_too_far(void **state) {
    (void)state;
    struct model m = model_of(128 * MB, 5 * MB, 12 * MB);
    for (int i = 0; i < 200; i++) step(&m, MB);
    uint64_t settled = m.v.lowered;
    m.beyond += 20 * MB;
    for (int i = 0; i < 20; i++) step(&m, MB);
    assert_true(m.v.lowered > settled + 10 * MB);
    m.beyond -= 20 * MB;
    for (int i = 0; i < 400; i++) {
        step(&m, MB / 4); // the cache fills slowly: what it is not using yet must not look like room
        assert_true(m.v.resident < 128 * MB * 11 / 10);
    }
    assert_true(m.v.lowered < settled + MB && m.v.lowered + MB > settled);
}

static void has_a_bound(void **state) {
    (void)state;
    struct model m = model_of(128 * MB, 5 * MB, 1024 * MB); // somebody else's
    for (int i = 0; i < 1000; i++) step(&m, MB);
    assert_int_equal(m.v.lowered, 32 * MB);
    m = model_of(16 * MB, 5 * MB, 20 * MB); // what a process takes is not the data's
    for (int i = 0; i < 1000; i++) step(&m, MB);
    assert_int_equal(m.v.lowered, 0);
    m = model_of(20 * MB, 5 * MB, 30 * MB);
    for (int i = 0; i < 1000; i++) step(&m, MB);
    assert_int_equal(m.v.lowered, 2 * MB);
    m.v.lowered = UINT64_MAX / 2; // of a limit that was another
    m.v.resident = 0;
    assert_true(resident_lower_by(&m.v) <= 2 * MB);
}

// ---- the account -------------------------------------------------------------------------------------------------------------------

static void account_begins_lower(void **state) {
    (void)state;
    struct common *c = NULL;
    assert_int_equal(posix_memalign((void **)&c, CACHE_LINE, ALIGN_UP(sizeof *c, CACHE_LINE)), 0);
    memset(c, 0, sizeof *c);
    assert_int_equal(stripes_init(c, 1, 1), KORA_OK);
    atomic_store(&c->settings.maxmemory, 16 * MB);
    atomic_store(&c->settings.maxmemory_policy, POLICY_ALLKEYS_LRU);
    account_configure(c);
    account_bring(c, (int64_t)(15 * MB - atomic_load(&c->account.fixed)));
    assert_false(account_full(c));
    account_lower(c, 2 * MB);
    assert_true(account_full(c));
    assert_int_equal(account_over(c), MB);
    account_lower(c, 12 * MB); // never more than half
    assert_int_equal(account_over(c), 7 * MB);
    account_lower(c, 0);
    assert_false(account_full(c));
    assert_int_equal(account_over(c), 0);
    // Where nothing is evicted the limit is what it is called.
    account_lower(c, 2 * MB);
    atomic_store(&c->settings.maxmemory_policy, POLICY_NOEVICTION);
    account_configure(c);
    assert_int_equal(account_over(c), 0);
    // And without a limit there is none.
    atomic_store(&c->settings.maxmemory_policy, POLICY_ALLKEYS_LRU);
    atomic_store(&c->settings.maxmemory, 0);
    account_configure(c);
    assert_false(account_full(c));
    stripes_free(c);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_is_let_be),
        cmocka_unit_test(comes_down_and_settles),
        cmocka_unit_test(comes_back_without_going_too_far),
        cmocka_unit_test(has_a_bound),
        cmocka_unit_test(account_begins_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
