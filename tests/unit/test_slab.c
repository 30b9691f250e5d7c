// The slab allocator against a plain index of what was allocated: contents, accounting, memory given back, compaction.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "ds/slab.h"

static const uint64_t seed = UINT64_C(0x51ab);

static bool is_long(void) { return getenv("KORA_TEST_LONG") != NULL; }

static void *must_alloc(struct slab *s, size_t size) {
    void *p = slab_alloc(s, size);
    assert_non_null(p);
    return p;
}

// ---- an owner: objects that carry their number and are found in an index by it

struct object {
    char *p;
    uint32_t size; // 0: not there
};

struct owner {
    struct slab *s;
    struct object *objects;
    size_t count, asked, moved, refused;
    uint32_t refuse_mod;    // objects with number % refuse_mod == 0 may not be moved; 0: all may
    uint32_t alloc_fail_in; // the move that finds no memory; 0: none
};

static unsigned char filler(uint32_t number, uint32_t size, uint32_t i) { return (unsigned char)(number * 31 + size * 7 + i); }

// Big objects are written at their ends only.
static bool is_filled(uint32_t size, uint32_t i) { return i < 64 || i + 64 >= size; }

static void object_write(char *p, uint32_t number, uint32_t size) {
    memcpy(p, &number, sizeof(number));
    for (uint32_t i = sizeof(number); i < size; i++) {
        if (is_filled(size, i)) p[i] = (char)filler(number, size, i);
        else i = size - 65;
    }
}

static void object_verify(const struct owner *o, uint32_t number) {
    uint32_t size = o->objects[number].size, found;
    const char *p = o->objects[number].p;
    memcpy(&found, p, sizeof(found));
    assert_int_equal(found, number);
    for (uint32_t i = sizeof(number); i < size; i++) {
        if (is_filled(size, i)) assert_int_equal((unsigned char)p[i], filler(number, size, i));
        else i = size - 65;
    }
}

static struct owner owner_open(size_t count, bool keep_mapped) {
    struct owner o = { .s = slab_create(keep_mapped), .objects = calloc(count, sizeof(struct object)), .count = count };
    assert_non_null(o.s);
    assert_non_null(o.objects);
    return o;
}

static void owner_close(struct owner *o) {
    slab_destroy(o->s);
    free(o->objects);
}

static void owner_drop(struct owner *o, uint32_t number) {
    struct object *object = &o->objects[number];
    if (!object->size) return;
    slab_free(o->s, object->p, object->size);
    o->asked -= object->size;
    object->size = 0;
}

static void owner_set(struct owner *o, uint32_t number, uint32_t size) {
    owner_drop(o, number);
    o->objects[number] = (struct object){ must_alloc(o->s, size), size };
    o->asked += size;
    object_write(o->objects[number].p, number, size);
}

static bool owner_move(void *arg, void *p, size_t class_size) {
    struct owner *o = arg;
    uint32_t number;
    memcpy(&number, p, sizeof(number));
    assert_true(number < o->count);
    struct object *object = &o->objects[number];
    assert_ptr_equal(object->p, p);
    assert_int_equal(slab_round(object->size), class_size);
    bool refuse = o->refuse_mod && number % o->refuse_mod == 0;
    if (o->alloc_fail_in && --o->alloc_fail_in == 0) refuse = true;
    char *to = refuse ? NULL : slab_alloc(o->s, object->size);
    if (!to) {
        o->refused++;
        return false;
    }
    memcpy(to, p, object->size);
    slab_free(o->s, p, object->size);
    object->p = to;
    o->moved += class_size;
    return true;
}

static void owner_check(const struct owner *o) {
    size_t used = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        if (!o->objects[i].size) continue;
        object_verify(o, i);
        used += slab_round(o->objects[i].size);
    }
    assert_int_equal(slab_usage(o->s).used, used);
    slab_check(o->s);
}

// Sizes of every kind: mostly small, some runs, a few mappings.
static uint32_t any_size(struct random *r) {
    uint64_t kind = random_below(r, 1000);
    if (kind < 700) return (uint32_t)(8 + random_below(r, 600));
    if (kind < 970) return (uint32_t)(8 + random_below(r, SLAB_SMALL_MAX - 7));
    if (kind < 998) return (uint32_t)(SLAB_SMALL_MAX + 1 + random_below(r, SLAB_RUN_MAX - SLAB_SMALL_MAX));
    return (uint32_t)(SLAB_RUN_MAX + 1 + random_below(r, 1 << 20));
}

// ---- tests

static void sizes(void **state) {
    (void)state;
    struct slab *s = slab_create(false);
    assert_non_null(s);
    assert_int_equal(slab_usage(s).held, 0);
    size_t last = 0;
    for (size_t size = 0; size <= SLAB_SMALL_MAX + 3 * 4096; size++) {
        size_t round = slab_round(size);
        assert_true(round >= size && round >= last && round % 8 == 0);
        assert_int_equal(slab_round(round), round);
        if (size >= 24 && size <= SLAB_SMALL_MAX) assert_true(round - size < MAX(size / 8, (size_t)8));
        last = round;
        if (size % 7 && size % 64) continue;
        char *p = must_alloc(s, size), *q = must_alloc(s, size);
        assert_true((uintptr_t)p % 8 == 0 && (uintptr_t)q % 8 == 0);
        if (size >= 64 && size % 64 == 0) assert_true((uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0);
        memset(p, 1, round);
        memset(q, 2, round);
        assert_int_equal(slab_usage(s).used, 2 * round);
        slab_free(s, p, round); // any size of the class will do
        slab_free(s, q, size);
    }
    for (size_t size = SLAB_RUN_MAX - 1; size < SLAB_RUN_MAX + 10000; size += 13) {
        size_t round = slab_round(size);
        assert_true(round >= size);
        char *p = must_alloc(s, size);
        memset(p, 1, round);
        assert_int_equal(slab_usage(s).used, round);
        slab_check(s);
        slab_free(s, p, round);
    }
    assert_null(slab_alloc(s, SIZE_MAX));
    assert_null(slab_alloc(s, SIZE_MAX / 2 + 1));
    assert_int_equal(slab_usage(s).used, 0);
    slab_check(s);
    slab_destroy(s);
    slab_destroy(NULL);
}

// A slab of many chunks and large objects goes in portions, and what it holds goes with it.
static void destroyed_in_portions(void **state) {
    (void)state;
    enum { AT_ONCE = 1 << 20, BIG = SLAB_RUN_MAX + 1 };
    struct slab *s = slab_create(false);
    unsigned calls = 1;
    assert_non_null(s);
    for (size_t n = 0; n < 100000; n++) must_alloc(s, 100);
    for (size_t n = 0; n < 12; n++) must_alloc(s, BIG);
    for (size_t was = slab_usage(s).held; !slab_destroy_some(s, AT_ONCE); calls++) {
        size_t now = slab_usage(s).held;
        assert_in_range(was - now, 1, 2 * AT_ONCE);
        was = now;
    }
    assert_in_range(calls, 12, 20);
}

// What many objects of one size cost in slabs that are not big.
static void density(void **state) {
    (void)state;
    static const struct {
        size_t size, most; // bytes held for each
    } goals[] = { { 24, 26 }, { 56, 60 }, { 100, 107 }, { 280, 290 }, { 1024, 1060 }, { 1536, 1580 } };
    for (size_t i = 0; i < ARRAY_LEN(goals); i++) {
        struct slab *s = slab_create(false);
        assert_non_null(s);
        for (size_t n = 0; n < 16384; n++) must_alloc(s, goals[i].size);
        assert_true(slab_usage(s).held <= 16384 * goals[i].most);
        slab_check(s);
        slab_destroy(s);
    }
    struct slab *s = slab_create(true);
    assert_non_null(s);
    must_alloc(s, 56);
    assert_true(slab_usage(s).held <= 8192);
    slab_destroy(s);
}

static void against_index(bool keep_mapped) {
    struct random r;
    random_seed(&r, seed);
    struct owner o = owner_open(2000, keep_mapped);
    for (size_t step = 0, steps = is_long() ? 1000000 : 60000; step < steps; step++) {
        // The population swells and shrinks.
        bool swell = step / 6000 % 2 == 0;
        uint32_t number = (uint32_t)random_below(&r, o.count);
        if (random_below(&r, 10) < (swell ? 8u : 2u)) owner_set(&o, number, any_size(&r));
        else owner_drop(&o, number);
        if (random_below(&r, 500) == 0) slab_compact(o.s, random_below(&r, 20000), owner_move, &o);
        if (step % 1500 == 0) owner_check(&o);
    }
    assert_true(o.moved > 0);
    owner_check(&o);
    for (uint32_t i = 0; i < o.count; i++) owner_drop(&o, i);
    owner_check(&o);
    assert_true(slab_usage(o.s).held <= 200 * 1024 || keep_mapped);
    owner_close(&o);
}

static void model(void **state) {
    (void)state;
    against_index(false);
}

static void model_keep_mapped(void **state) {
    (void)state;
    against_index(true);
}

// What is freed goes back to the system, and is used again.
static void gives_back(void **state) {
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct random r;
        random_seed(&r, seed + 1);
        struct owner o = owner_open(60000, keep);
        for (uint32_t i = 0; i < o.count; i++) owner_set(&o, i, (uint32_t)(10 + random_below(&r, 800)));
        struct slab_usage full = slab_usage(o.s);
        assert_true(full.held <= full.used + full.used / 20 + 200 * 1024);
        const char *stale = o.objects[o.count / 2].p;
        for (uint32_t i = 0; i < o.count; i++) owner_drop(&o, i);
        struct slab_usage empty = slab_usage(o.s);
        assert_int_equal(empty.used, 0);
        if (keep) {
            assert_int_equal(empty.mapped, full.mapped);
            assert_true(empty.held <= 8192 * (full.mapped >> 20) + 17 * 4096);
            (void)*(volatile const char *)stale;
        } else {
            assert_true(empty.mapped <= full.mapped / 4 + (2 << 20));
            assert_true(empty.held <= 20 * 4096);
        }
        slab_check(o.s);
        for (uint32_t i = 0; i < o.count; i++) owner_set(&o, i, (uint32_t)(10 + random_below(&r, 800)));
        assert_true(slab_usage(o.s).mapped <= full.mapped + full.mapped / 2);
        owner_check(&o);
        owner_close(&o);
    }
}

// Frees most objects at random and compacts.
static struct owner fragmented(bool keep_mapped) {
    struct random r;
    random_seed(&r, seed + 2);
    struct owner o = owner_open(40000, keep_mapped);
    for (uint32_t i = 0; i < o.count; i++) owner_set(&o, i, (uint32_t)(16 + i % 5 * 90));
    for (uint32_t i = 0; i < o.count; i++) {
        if (random_below(&r, 100) < 75) owner_drop(&o, i);
    }
    return o;
}

static void compaction(void **state) {
    (void)state;
    struct owner o = fragmented(false);
    struct slab_usage before = slab_usage(o.s);
    assert_true(slab_worth_compacting(before));
    size_t slices = 0;
    for (bool more = true; more; slices++) {
        size_t moved = o.moved;
        more = slab_compact(o.s, 10000, owner_move, &o);
        assert_true(o.moved - moved <= 10000 + 400); // the budget, and one object more
        if (slices % 16 == 0) slab_check(o.s);
        assert_true(slices < 10000);
    }
    struct slab_usage after = slab_usage(o.s);
    assert_int_equal(after.used, before.used);
    assert_false(slab_worth_compacting(after));
    assert_true(o.moved < before.used + before.used / 4);
    owner_check(&o);
    owner_close(&o);
}

// Objects that refuse stay, and compaction ends all the same.
static void refusal(void **state) {
    (void)state;
    struct owner o = fragmented(true);
    o.refuse_mod = 100;
    size_t slices = 0;
    while (slab_compact(o.s, 5000, owner_move, &o)) assert_true(++slices < 100000);
    assert_true(o.refused > 0 && o.moved > 0);
    owner_check(&o);
    size_t refused = o.refused;
    assert_false(slab_compact(o.s, 5000, owner_move, &o));
    assert_true(o.refused <= refused + 1);
    // When they are freed their pages may be tried again.
    for (uint32_t i = 0; i < o.count; i += 100) owner_drop(&o, i);
    while (slab_compact(o.s, 5000, owner_move, &o)) assert_true(++slices < 100000);
    assert_false(slab_worth_compacting(slab_usage(o.s)));
    owner_check(&o);
    owner_close(&o);

    o = fragmented(false); // a move without memory, in the middle of a page
    for (slices = 0;; slices++) {
        o.alloc_fail_in = 5;
        bool more = slab_compact(o.s, 3000, owner_move, &o);
        slab_check(o.s);
        if (!more) break;
        assert_true(slices < 100000);
    }
    o.alloc_fail_in = 0;
    owner_check(&o);
    owner_close(&o);
}

// Between slices the owner goes on, also with objects of the page that is being emptied.
static void compaction_interrupted(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, seed + 3);
    struct owner o = fragmented(false);
    for (size_t i = 0; i < 3000; i++) {
        slab_compact(o.s, 300, owner_move, &o);
        for (size_t k = 0; k < 40; k++) owner_drop(&o, (uint32_t)random_below(&r, o.count));
        for (size_t k = 0; k < 20; k++) owner_set(&o, (uint32_t)random_below(&r, o.count), (uint32_t)(8 + random_below(&r, 500)));
        if (i % 100 == 0) slab_check(o.s);
    }
    owner_check(&o);
    owner_close(&o);
}

#ifdef KORA_FAULTS
// The i-th allocation of the system fails, for every i: no memory, nothing else.
static void out_of_memory(void **state) {
    (void)state;
    static const size_t sizes_tried[] = { 8, 56, 4000, 8192, 10000, SLAB_RUN_MAX, SLAB_RUN_MAX + 1 };
    for (long nth = 1;; nth++) {
        mem_fail(nth, false);
        struct slab *s = slab_create(nth % 2);
        if (!s) continue;
        char *p[400] = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(p); i++) {
            size_t size = sizes_tried[i % ARRAY_LEN(sizes_tried)];
            struct slab_usage before = slab_usage(s);
            p[i] = slab_alloc(s, size);
            if (p[i]) continue;
            struct slab_usage after = slab_usage(s);
            assert_true(before.used == after.used && before.held == after.held && before.mapped == after.mapped);
            slab_check(s);
            p[i] = must_alloc(s, size);
        }
        bool passed = mem_fail_left() > 0;
        mem_fail(0, false);
        slab_check(s);
        for (size_t i = 0; i < ARRAY_LEN(p); i++) slab_free(s, p[i], sizes_tried[i % ARRAY_LEN(sizes_tried)]);
        assert_int_equal(slab_usage(s).used, 0);
        slab_check(s);
        slab_destroy(s);
        if (passed) break;
    }
}
#endif

// ---- drift: overwriting at random while the sizes wander, as a cache lives

struct drift {
    double mean;  // of the sizes now
    double worst; // held / used
    double sum;   // of held / used
    size_t samples;
    uint64_t written, moved;
};

static uint32_t drift_size(struct random *r, double mean) {
    double size = mean * (0.25 + (double)random_below(r, 1500) / 1000.0);
    return (uint32_t)MIN(MAX(size, 10.0), 4000.0);
}

// Overwrites as many bytes as the slab holds, object by object, keeping the bytes near `target`.
static void drift_turn(struct owner *o, struct random *r, struct drift *d, size_t target) {
    for (size_t written = 0, n = 0; written < target; n++) {
        uint32_t number = (uint32_t)random_below(r, o->count), size = drift_size(r, d->mean);
        if (o->asked > target) {
            owner_drop(o, number);
            continue;
        }
        owner_set(o, number, size);
        written += size;
        d->written += size;
        if (n % 16) continue;
        struct slab_usage u = slab_usage(o->s);
        if (slab_worth_compacting(u)) slab_compact(o->s, 16 * 1024, owner_move, o);
        u = slab_usage(o->s);
        if (u.used < target / 2) continue; // still filling
        double ratio = (double)u.held / (double)u.used;
        d->worst = MAX(d->worst, ratio);
        d->sum += ratio;
        d->samples++;
    }
}

static void drift(void **state) {
    (void)state;
    size_t slabs = is_long() ? 64 : 2, target = 8 << 20, turns = is_long() ? 12 : 8;
    struct drift d = { 0 };
    for (size_t i = 0; i < slabs; i++) {
        struct random r;
        random_seed(&r, seed + 10 + i);
        struct owner o = owner_open(target / 64, i % 2);
        d.mean = 200;
        for (size_t turn = 0; turn < turns; turn++) {
            // Wanders between small and large, by up to a factor of 2 in one turn.
            d.mean *= 0.5 + (double)random_below(&r, 1500) / 1000.0;
            d.mean = MIN(MAX(d.mean, 60.0), 2600.0);
            drift_turn(&o, &r, &d, target);
        }
        owner_check(&o);
        d.moved += o.moved;
        owner_close(&o);
    }
    print_message("drift: held/used mean %.3f worst %.3f, moved %.2f bytes for each written\n", d.sum / (double)d.samples, d.worst,
        (double)d.moved / (double)d.written);
    assert_true(d.worst <= 1.20);
}

int main(void) {
    print_message("seed %#llx\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(destroyed_in_portions),
        cmocka_unit_test(density),
        cmocka_unit_test(model),
        cmocka_unit_test(model_keep_mapped),
        cmocka_unit_test(gives_back),
        cmocka_unit_test(compaction),
        cmocka_unit_test(refusal),
        cmocka_unit_test(compaction_interrupted),
#ifdef KORA_FAULTS
        cmocka_unit_test(out_of_memory),
#endif
        cmocka_unit_test(drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
