// Eviction in one stripe: each policy takes the key that it must, tells of it, and the account says how many bytes there are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "kora.h"
#include "stripe/stripe.h"
#include "unit/kept.h"

struct world {
    struct common c;
    struct host host;
    struct txn t;
    int64_t now_ms;
    struct kept_effects told;
    uint64_t calls; // of evict
};

static int64_t world_clock(void *arg) { return ((struct world *)arg)->now_ms; }

static void setting(struct world *w, const char *name, const char *value) {
    assert_int_equal(settings_set(&w->host, slice_str(name), slice_str(value), NULL, 0), KORA_OK);
    account_configure(&w->c);
}

static struct world *world_create(uint32_t stripes, const char *policy) {
    struct world *w = NULL;
    assert_int_equal(posix_memalign((void **)&w, CACHE_LINE, ALIGN_UP(sizeof *w, CACHE_LINE)), 0);
    memset(w, 0, sizeof *w);
    w->now_ms = 1700000000000;
    w->c.wall_ms = world_clock;
    w->c.wall_arg = w;
    w->c.seed = (struct hash_key){ 1, 2 };
    w->c.effects = (struct effect_sink){ .fn = effects_keep, .arg = &w->told };
    w->host.common = &w->c;
    assert_int_equal(settings_init(&w->c.settings), KORA_OK);
    assert_int_equal(stripes_init(&w->c, 3, stripes), KORA_OK);
    setting(w, "maxmemory-policy", policy);
    setting(w, "maxmemory-samples", "64");
    return w;
}

static void drop_told(struct world *w) {
    for (size_t i = 0; i < w->told.n; i++) free(w->told.e[i].argv);
    w->told.n = 0;
}

static void world_free(struct world *w) {
    drop_told(w);
    free(w->told.e);
    stripes_free(&w->c);
    settings_free(&w->c.settings);
    free(w);
}

static struct entry *at(struct world *w, struct key *k, char *name, uint32_t db, int i) {
    size_t n = (size_t)sprintf(name, "key:%d", i);
    txn_begin(&w->t, &w->c);
    w->t.sink = NULL;
    key_locate(&w->c, k, db, slice_of(name, n));
    return key_find(&w->t, k, 0);
}

// idle_s and frequency as RESTORE has them; negative: not given.
static void put(struct world *w, uint32_t db, int i, size_t len, int64_t ttl_ms, int64_t idle_s, int64_t frequency) {
    char name[32];
    static const char value[100000];
    struct key k;
    struct entry *e = at(w, &k, name, db, i), *n;
    int64_t at_ms = ttl_ms ? w->now_ms + ttl_ms : EXPIRE_NONE;
    assert_int_equal(key_set_string(&w->t, &k, e, slice_of(value, len), STRING_AS_BYTES, at_ms, &n), KORA_OK);
    if (idle_s >= 0 || frequency >= 0) entry_set_access(&w->t, n, idle_s, frequency);
}

static bool there(struct world *w, uint32_t db, int i) {
    char name[32];
    struct key k;
    return at(w, &k, name, db, i) != NULL;
}

static void use(struct world *w, uint32_t db, int i, int times) {
    char name[32];
    struct key k;
    at(w, &k, name, db, i);
    while (times-- > 0) assert_non_null(key_read(&w->t, &k));
}

static uint32_t evict(struct world *w, uint32_t max) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->c.stripe_count; i++) {
        txn_begin(&w->t, &w->c);
        n += stripe_evict(&w->c.stripes[i], &w->t, UINT64_MAX / 4, max);
        effect_flush(&w->t);
        if (w->calls++ % 64 == 0) stripe_check(&w->c.stripes[i]); // which looks at every key
    }
    return n;
}

// The last effect is the DEL of that key.
static void expect_told(struct world *w, uint32_t db, int i) {
    char name[32];
    sprintf(name, "key:%d", i);
    const struct kept *e = &w->told.e[w->told.n - 1];
    assert_true(w->told.n > 0 && e->argc == 2 && e->db == db);
    assert_string_equal(e->argv[0].p, "DEL");
    assert_string_equal(e->argv[1].p, name);
}

// ---- policies ----------------------------------------------------------------------------------------------------------------

enum { FEW = 12 };

// So few keys, so many samples: all are looked at, and they go in the order of what they are worth.
static void goes_in_order(const char *policy, int64_t ttl_ms, bool lfu) {
    struct world *w = world_create(1, policy);
    for (int i = 0; i < FEW; i++) {
        int rank = i * 5 % FEW; // the lower, the sooner
        put(w, 0, i, 10, ttl_ms, lfu ? -1 : 10000 - rank * 100, lfu ? 10 + rank * 5 : -1);
        if (ttl_ms) put(w, 0, 100 + i, 10, 0, 20000, 0); // worth less, but not to be taken
    }
    for (int rank = 0; rank < FEW; rank++) {
        int i = 0;
        while (i * 5 % FEW != rank) i++;
        assert_true(there(w, 0, i));
        assert_int_equal(evict(w, 1), 1);
        assert_false(there(w, 0, i));
        expect_told(w, 0, i);
    }
    assert_int_equal(atomic_load(&w->c.stripes[0].counters.evicted), FEW);
    assert_int_equal(evict(w, 1), 0);
    assert_int_equal(stripe_count(&w->c.stripes[0], 0), ttl_ms ? FEW : 0);
    assert_false(stripe_has_victims(&w->c.stripes[0]));
    world_free(w);
}

static void lru_takes_the_oldest(void **state) {
    (void)state;
    goes_in_order("allkeys-lru", 0, false);
    goes_in_order("volatile-lru", 1000000, false);
}

static void lfu_takes_the_rarest(void **state) {
    (void)state;
    goes_in_order("allkeys-lfu", 0, true);
    goes_in_order("volatile-lfu", 1000000, true);
}

static void ttl_takes_the_soonest(void **state) {
    (void)state;
    struct world *w = world_create(1, "volatile-ttl");
    for (int i = 0; i < FEW; i++) {
        put(w, (uint32_t)i % 3, i, 10, 1000000 * (1 + i * 5 % FEW), -1, -1);
        put(w, (uint32_t)i % 3, 100 + i, 10, 0, -1, -1);
    }
    for (int rank = 0; rank < FEW; rank++) {
        int i = 0;
        while (i * 5 % FEW != rank) i++;
        assert_int_equal(evict(w, 1), 1);
        expect_told(w, (uint32_t)i % 3, i);
    }
    assert_int_equal(evict(w, 1), 0);
    world_free(w);
}

static void random_takes_any(void **state) {
    (void)state;
    struct world *w = world_create(1, "volatile-random");
    for (int i = 0; i < 100; i++) put(w, (uint32_t)i % 2, i, 10, i < 50 ? 1000000 : 0, -1, -1);
    assert_int_equal(evict(w, 20), 20);
    assert_int_equal(stripe_count(&w->c.stripes[0], 0) + stripe_count(&w->c.stripes[0], 1), 80);
    assert_int_equal(evict(w, 100), 30);
    for (int i = 50; i < 100; i++) assert_true(there(w, (uint32_t)i % 2, i));
    setting(w, "maxmemory-policy", "allkeys-random");
    assert_int_equal(evict(w, 1000), 50);
    setting(w, "maxmemory-policy", "noeviction");
    put(w, 0, 1, 10, 1000000, -1, -1);
    assert_int_equal(evict(w, 1000), 0);
    world_free(w);
}

// One in a hundred expires: they are found without looking at all the others.
static void rare_volatile(void **state) {
    (void)state;
    struct world *w = world_create(1, "volatile-lru");
    for (int i = 0; i < 10000; i++) put(w, 0, i, 10, i % 100 ? 0 : 1000000 + i, -1, -1);
    assert_int_equal(evict(w, 1000), 100);
    assert_int_equal(stripe_count(&w->c.stripes[0], 0), 9900);
    world_free(w);
}

// Who was found worth little, and then used, stays.
static void used_meanwhile(void **state) {
    (void)state;
    struct world *w = world_create(1, "allkeys-lru");
    for (int i = 0; i < FEW; i++) put(w, 0, i, 10, 0, 1000 * (i + 1), -1);
    assert_int_equal(evict(w, 1), 1); // all others are known now
    expect_told(w, 0, FEW - 1);
    use(w, 0, FEW - 2, 1);
    assert_int_equal(evict(w, FEW - 2), FEW - 2);
    assert_true(there(w, 0, FEW - 2));
    world_free(w);
}

static void expired_are_expired(void **state) {
    (void)state;
    struct world *w = world_create(1, "allkeys-lru");
    put(w, 0, 1, 10, 100, -1, -1);
    w->now_ms += 200;
    assert_int_equal(evict(w, 1), 1);
    assert_int_equal(atomic_load(&w->c.stripes[0].counters.evicted), 0);
    assert_int_equal(atomic_load(&w->c.stripes[0].counters.expired), 1);
    world_free(w);
}

// ---- S3-FIFO -------------------------------------------------------------------------------------------------------------------

// What is asked for often stays while many times as many keys come that are asked for once.
static void scan_does_no_harm(void **state) {
    (void)state;
    enum { HOT = 300, ALL = 1000, SCAN = 20000 };
    struct world *w = world_create(1, "allkeys-s3fifo");
    for (int i = 0; i < ALL; i++) put(w, 0, i, 10, 0, -1, -1);
    for (int i = 0; i < HOT; i++) use(w, 0, i, 3);
    for (int i = 0; i < SCAN; i++) {
        put(w, 0, 100000 + i, 10, 0, -1, -1);
        assert_int_equal(evict(w, 1), 1);
        if (i % 200 == 0) {
            for (int j = 0; j < HOT; j++) {
                if (there(w, 0, j)) use(w, 0, j, 1);
            }
        }
    }
    int kept = 0;
    for (int i = 0; i < HOT; i++) kept += there(w, 0, i);
    assert_true(kept > HOT * 9 / 10);
    assert_int_equal(stripe_count(&w->c.stripes[0], 0), ALL);
    world_free(w);
}

// Who is used twice while in the small queue does not leave the memory with it; who is used once does.
static void small_lets_some_through(void **state) {
    (void)state;
    enum { ALL = 1000, NEW = 20 };
    struct world *w = world_create(1, "allkeys-s3fifo");
    for (int i = 0; i < ALL; i++) put(w, 0, i, 10, 0, -1, -1);
    for (int i = 0; i < 300; i++) {
        put(w, 0, ALL + i, 10, 0, -1, -1);
        if (i < 2 * NEW) use(w, 0, ALL + i, i < NEW ? 2 : 1);
        evict(w, 1);
    }
    int kept[2] = { 0, 0 };
    for (int i = 0; i < 2 * NEW; i++) kept[i / NEW] += there(w, 0, ALL + i);
    assert_true(kept[0] == NEW && kept[1] == 0);
    world_free(w);
}

// Who was let go, and comes back, is put where a scan does not reach.
static void ghost_remembers(void **state) {
    (void)state;
    enum { ALL = 1000 };
    struct world *w = world_create(1, "allkeys-s3fifo");
    for (int i = 0; i < ALL; i++) put(w, 0, i, 10, 0, -1, -1);
    for (int i = 0; i < 50; i++) { // 1000..1049 come, and go one after the other
        put(w, 0, ALL + i, 10, 0, -1, -1);
        evict(w, 1);
    }
    for (int i = 0; i < 500; i++) {
        put(w, 0, 2 * ALL + i, 10, 0, -1, -1);
        evict(w, 1);
    }
    for (int i = 0; i < 50; i++) assert_false(there(w, 0, ALL + i));
    for (int i = 0; i < 50; i++) put(w, 0, ALL + i, 10, 0, -1, -1); // known
    for (int i = 0; i < 300; i++) {
        put(w, 0, 5 * ALL + i, 10, 0, -1, -1);
        evict(w, 1);
    }
    int kept = 0;
    for (int i = 0; i < 50; i++) kept += there(w, 0, ALL + i);
    assert_true(kept > 40);
    world_free(w);
}

// Random use, changes of the policy, flushes: no key is beyond reach, and nothing is left in the account.
static void all_can_go(void **state) {
    (void)state;
    static const char *const policies[] = { "allkeys-s3fifo", "allkeys-lru", "allkeys-s3fifo", "allkeys-lfu", "allkeys-s3fifo" };
    struct world *w = world_create(2, "allkeys-s3fifo");
    struct random r;
    random_seed(&r, 5);
    int64_t empty = (int64_t)account_exact(&w->c);
    for (size_t p = 0; p < ARRAY_LEN(policies); p++) {
        setting(w, "maxmemory-policy", policies[p]);
        for (int i = 0; i < 20000; i++) {
            int key = (int)random_below(&r, 3000);
            if (random_below(&r, 3) && there(w, 0, key)) use(w, 0, key, 1);
            else put(w, (uint32_t)random_below(&r, 2), key, random_below(&r, 100), random_below(&r, 3) ? 0 : 100000, -1, -1);
            if (random_below(&r, 4) == 0) evict(w, 1);
        }
    }
    while (evict(w, 1000)) { }
    assert_int_equal(stripe_count(&w->c.stripes[0], 0) + stripe_count(&w->c.stripes[1], 1), 0);
    for (int i = 0; i < 2; i++) stripe_flush(&w->c.stripes[i], UINT32_MAX);
    int64_t left = (int64_t)account_exact(&w->c) - empty;
    assert_true(left >= 0 && left < 4096); // candidates
    world_free(w);
}

// ---- the account -----------------------------------------------------------------------------------------------------------------

static void account_is_exact(void **state) {
    (void)state;
    struct world *w = world_create(4, "allkeys-lru");
    uint64_t empty = account_exact(&w->c);
    struct random r;
    random_seed(&r, 9);
    for (int i = 0; i < 5000; i++) put(w, (uint32_t)random_below(&r, 3), i, random_below(&r, 50) ? random_below(&r, 300) : 20000, random_below(&r, 2) ? 1000000 : 0, -1, -1);
    uint64_t used = 0;
    for (uint32_t i = 0; i < 4; i++) used += stripe_memory(&w->c.stripes[i]).used;
    uint64_t counted = account_exact(&w->c) - empty;
    // Beside what the slabs say there are wheels, and a keyspace's own record.
    assert_true(counted > used && counted < used + 12 * (2 * WHEEL_MEMORY + sizeof(struct keyspace) + 4096));
    // The sum of all is as near as quanta allow, and the same once every stripe has brought what it has.
    setting(w, "maxmemory", "1mb");
    for (uint32_t i = 0; i < 4; i++) account_flush(&w->c.stripes[i]);
    assert_int_equal(atomic_load(&w->c.account.sum), account_exact(&w->c));
    assert_true(account_over(&w->c) > 0 && atomic_load(&w->c.settings.memory_full) == 1);
    uint64_t before = account_exact(&w->c), over = account_over(&w->c);
    evict(w, 100000 / 4);
    assert_true(account_exact(&w->c) < before - over);
    for (uint32_t i = 0; i < 4; i++) account_flush(&w->c.stripes[i]);
    assert_int_equal(account_over(&w->c), 0);
    assert_int_equal(atomic_load(&w->c.settings.memory_full), 0);
    world_free(w);
}

// What can't be told is not done.
static void without_memory(void **state) {
    (void)state;
    struct world *w = world_create(1, "allkeys-lru");
    for (int i = 0; i < 100; i++) put(w, 0, i, 10, 0, -1, -1);
    uint64_t refused = 0, went = 0;
    for (long n = 1; n < 4; n++) {
        for (int forever = 0; forever < 2; forever++) {
            uint64_t before = stripe_count(&w->c.stripes[0], 0);
            size_t told = w->told.n;
            txn_begin(&w->t, &w->c);
            mem_fail(n, forever);
            uint32_t gone = stripe_evict(&w->c.stripes[0], &w->t, 1, 10);
            mem_fail(0, false);
            effect_flush(&w->t);
            assert_int_equal(before - gone, stripe_count(&w->c.stripes[0], 0));
            assert_int_equal(w->told.n - told, gone);
            gone ? went++ : refused++;
            stripe_check(&w->c.stripes[0]);
        }
    }
    assert_true(refused > 0 && went > 0);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lru_takes_the_oldest),
        cmocka_unit_test(lfu_takes_the_rarest),
        cmocka_unit_test(ttl_takes_the_soonest),
        cmocka_unit_test(random_takes_any),
        cmocka_unit_test(rare_volatile),
        cmocka_unit_test(used_meanwhile),
        cmocka_unit_test(expired_are_expired),
        cmocka_unit_test(scan_does_no_harm),
        cmocka_unit_test(small_lets_some_through),
        cmocka_unit_test(ghost_remembers),
        cmocka_unit_test(all_can_go),
        cmocka_unit_test(account_is_exact),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
