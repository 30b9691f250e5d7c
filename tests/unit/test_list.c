// Lists against arrays of strings: every operation at any place, thresholds so low that lists become deques and packed again all the time, copies that share
// their bytes, and allocations failing: then nothing may have changed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "cmd/settings.h"
#include "kora.h"
#include "stripe/stripe.h"
#include "type/list.h"

enum { NAMES = 8, STRIPES = 2, COUNT_MAX = 3000, ELEMENT_MAX = 20000, PUSH_MAX = 40 };

struct model {
    size_t n;
    struct slice s[COUNT_MAX + PUSH_MAX];
};

struct world {
    struct common c;
    struct model lists[NAMES];
    struct random r;
    char *bytes; // elements are parts of these
    bool faults; // allocations may fail
    size_t count_max;
    uint64_t done, refused;
    uint64_t packed, deques; // how often a list was one
};

static struct world *world_create(uint64_t seed, bool faults) {
    struct world *w = calloc(1, sizeof *w);
    print_message("seed %llu\n", (unsigned long long)seed);
    w->c.seed = (struct hash_key){ seed, ~seed };
    w->faults = faults;
    random_seed(&w->r, seed);
    assert_int_equal(settings_init(&w->c.settings), KORA_OK);
    assert_int_equal(stripes_init(&w->c, 1, STRIPES), KORA_OK);
    w->bytes = malloc(ELEMENT_MAX);
    for (size_t i = 0; i < ELEMENT_MAX; i++) w->bytes[i] = (char)('a' + i % 3);
    return w;
}

static void world_free(struct world *w) {
    stripes_free(&w->c);
    settings_free(&w->c.settings);
    free(w->bytes);
    free(w);
}

static size_t below(struct world *w, size_t n) { return (size_t)random_below(&w->r, n); }

// Few different ones, so that equal ones meet.
static struct slice element(struct world *w) {
    static const char *const numbers[] = { "0", "1", "127", "128", "-1", "4095", "4096", "-40000", "9223372036854775807", "01", "-0" };
    size_t x = below(w, 100);
    if (x < 25) return slice_str(numbers[below(w, ARRAY_LEN(numbers))]);
    size_t n = x < 60 ? below(w, 4) : x < 90 ? 15 + below(w, 10) : x < 98 ? 60 + below(w, 200) : below(w, ELEMENT_MAX - 3);
    return slice_of(w->bytes + below(w, 3), n);
}

static void set_threshold(struct world *w) {
    static const int64_t sizes[] = { -2, -1, 1, 2, 3, 5, 8, 20, 128, 0, -5 };
    atomic_store(&w->c.settings.list_max_listpack_size, (uint64_t)sizes[below(w, ARRAY_LEN(sizes))]);
}

// ---- one list --------------------------------------------------------------------------------------------------------------------

struct one {
    struct txn t;
    struct key k;
    char name[16];
    struct value v;
    struct model *m;
};

static void open_list(struct world *w, struct one *o, size_t i) {
    txn_begin(&o->t, &w->c);
    sprintf(o->name, "list%zu", i);
    key_locate(&w->c, &o->k, 0, slice_str(o->name));
    value_attach(&o->v, TYPE_LIST, &o->t, &o->k, key_write(&o->t, &o->k));
    o->m = &w->lists[i];
}

static void verify_at(const struct list_at *at, struct slice s) {
    char number[NUM_INT_MAX];
    assert_true(slice_equal(list_get(at, number), s));
    assert_true(list_equal(at, s));
}

static void verify(struct world *w, size_t i) {
    struct one o;
    struct list_at at;
    open_list(w, &o, i);
    size_t n = o.m->n, k = 0;
    assert_int_equal(o.v.there, n > 0);
    assert_int_equal(list_count(&o.v), n);
    assert_false(list_seek(&o.v, (int64_t)n, &at) || list_seek(&o.v, -(int64_t)n - 1, &at));
    if (n == 0) return;
    w->packed += !o.v.root;
    w->deques += o.v.root != NULL;
    assert_true(list_seek(&o.v, 0, &at));
    do verify_at(&at, o.m->s[k++]);
    while (k < n && list_next(&at));
    assert_true(k == n && !list_next(&at));
    do verify_at(&at, o.m->s[--k]);
    while (k > 0 && list_previous(&at));
    assert_true(k == 0 && !list_previous(&at));
    for (int tries = 0; tries < 5; tries++) {
        k = below(w, n);
        assert_true(list_seek(&o.v, below(w, 2) ? (int64_t)k : (int64_t)k - (int64_t)n, &at));
        verify_at(&at, o.m->s[k]);
    }
}

static void model_insert(struct model *m, size_t i, struct slice s) {
    memmove(m->s + i + 1, m->s + i, (m->n - i) * sizeof *m->s);
    m->s[i] = s;
    m->n++;
}

static void model_remove(struct model *m, size_t i, size_t n) {
    m->n -= n;
    memmove(m->s + i, m->s + i + n, (m->n - i) * sizeof *m->s);
}

static void faults_begin(struct world *w) {
    if (!w->faults || below(w, 3) == 0) return;
    if (below(w, 2)) slab_fail(1 + (long)below(w, 6), below(w, 2));
    else mem_fail(1 + (long)below(w, 3), below(w, 2));
}

static bool faults_end(struct world *w, bool done) {
    slab_fail(0, false);
    mem_fail(0, false);
    if (!done) assert_true(w->faults);
    w->done += done;
    w->refused += !done;
    return done;
}

static void step_push(struct world *w, struct one *o) {
    struct slice s[PUSH_MAX];
    enum list_end end = below(w, 2) ? LIST_FRONT : LIST_BACK;
    size_t n = below(w, 4) ? 1 : 1 + below(w, PUSH_MAX);
    for (size_t i = 0; i < n; i++) s[i] = element(w);
    if (o->m->n + n > w->count_max) return;
    faults_begin(w);
    if (!faults_end(w, list_push(&o->v, end, s, n))) return;
    for (size_t i = 0; i < n; i++) model_insert(o->m, end == LIST_FRONT ? 0 : o->m->n, s[i]);
}

static void step_remove(struct world *w, struct one *o) {
    size_t have = o->m->n, n = below(w, 3) ? 1 : 1 + below(w, below(w, 5) ? MIN(have, 30) : have);
    size_t x = below(w, 4), i = x == 0 ? 0 : x == 1 ? have - n : below(w, have - n + 1);
    faults_begin(w);
    bool done = list_edit(&o->v);
    if (done) list_remove(&o->v, i, n);
    if (faults_end(w, done)) model_remove(o->m, i, n);
}

static void step_remove_equal(struct world *w, struct one *o) {
    struct slice s = below(w, 3) ? o->m->s[below(w, o->m->n)] : element(w);
    uint64_t max = below(w, 4), gone = 0, expected = 0;
    bool back = below(w, 2);
    faults_begin(w);
    bool done = list_edit(&o->v);
    if (done) gone = list_remove_equal(&o->v, s, max, back);
    if (!faults_end(w, done)) return;
    for (size_t i = 0; i < o->m->n && (max == 0 || expected < max);) {
        size_t at = back ? o->m->n - 1 - i : i;
        bool same = slice_equal(o->m->s[at], s);
        if (same) model_remove(o->m, at, 1);
        expected += same;
        i += !same;
    }
    assert_int_equal(gone, expected);
}

static void step_set(struct world *w, struct one *o) {
    struct slice s = element(w);
    struct list_at at;
    size_t i = below(w, o->m->n);
    faults_begin(w);
    if (faults_end(w, list_edit(&o->v) && list_seek(&o->v, (int64_t)i, &at) && list_set(&o->v, &at, s))) o->m->s[i] = s;
}

static void step_insert(struct world *w, struct one *o) {
    static size_t last; // often where the last one was
    struct slice s = element(w);
    struct list_at at;
    size_t i = below(w, 2) ? below(w, o->m->n) : last % o->m->n;
    bool behind = below(w, 2);
    last = i;
    if (o->m->n == w->count_max) return;
    faults_begin(w);
    if (!faults_end(w, list_edit(&o->v) && list_seek(&o->v, (int64_t)i, &at) && list_insert(&o->v, &at, behind, s))) return;
    model_insert(o->m, i + behind, s);
}

static void step_rotate(struct world *w, struct one *o) {
    enum list_end from = below(w, 2) ? LIST_FRONT : LIST_BACK;
    size_t i = from == LIST_FRONT ? 0 : o->m->n - 1;
    struct slice s = o->m->s[i];
    faults_begin(w);
    if (!faults_end(w, list_edit(&o->v) && list_rotate(&o->v, from, s))) return;
    model_remove(o->m, i, 1);
    model_insert(o->m, from == LIST_FRONT ? o->m->n : 0, s);
}

static void step_copy(struct world *w, struct one *o) {
    struct one to;
    size_t i = below(w, NAMES);
    open_list(w, &to, i);
    if (to.m == o->m) return;
    faults_begin(w);
    struct entry *e = key_find(&to.t, &o->k, 0);
    int status = key_copy_value(&to.t, e, &to.k, key_find(&to.t, &to.k, 0), EXPIRE_NONE);
    if (faults_end(w, status == KORA_OK)) *to.m = *o->m;
    verify(w, i);
}

// One that is made for a key first.
static void step_store(struct world *w, struct one *o) {
    struct value made;
    struct slice s[PUSH_MAX];
    size_t n = 1 + below(w, PUSH_MAX), done = 0;
    for (size_t i = 0; i < n; i++) s[i] = element(w);
    value_detach(&made, TYPE_LIST, &o->t, &o->k);
    faults_begin(w);
    while (done < n && list_push(&made, LIST_BACK, s + done, 1)) done++;
    bool ok = done == n && value_store(&made, o->v.e, EXPIRE_NONE) == KORA_OK;
    if (!ok) value_delete(&made);
    if (!faults_end(w, ok)) return;
    memcpy(o->m->s, s, n * sizeof *s);
    o->m->n = n;
}

static void change(struct world *w, struct one *o) {
    switch (below(w, 16)) {
    case 0:
    case 1:
    case 2:
    case 3: step_remove(w, o); break;
    case 4: step_remove_equal(w, o); break;
    case 5:
    case 6:
    case 7: step_set(w, o); break;
    case 8: step_rotate(w, o); break;
    case 9:
        if (below(w, 8) == 0) step_copy(w, o);
        break;
    case 10:
        if (below(w, 20) == 0) step_store(w, o);
        break;
    default: step_insert(w, o); break;
    }
}

static void step(struct world *w, int growth) {
    struct one o;
    size_t i = below(w, NAMES);
    open_list(w, &o, i);
    if (o.m->n == 0 || (int)below(w, 100) < growth) step_push(w, &o);
    else change(w, &o);
    verify(w, i);
}

static void run(uint64_t seed, int steps, size_t count_max, bool faults) {
    struct world *w = world_create(seed, faults);
    int growth = 50;
    w->count_max = count_max;
    set_threshold(w);
    for (int i = 0; i < steps; i++) {
        if (below(w, 300) == 0) set_threshold(w);
        if (below(w, 500) == 0) growth = (int)below(w, 60);
        step(w, growth);
        if (i % 7 == 0) stripe_check(&w->c.stripes[i % STRIPES]);
        if (i % 50 == 0) stripe_compact(&w->c.stripes[i % STRIPES]);
    }
    assert_true(w->packed > 0 && w->deques > 100 && w->done > 100);
    if (faults) assert_true(w->refused > 30);
    for (uint32_t s = 0; s < STRIPES; s++) {
        stripe_check(&w->c.stripes[s]);
        stripe_flush(&w->c.stripes[s], UINT32_MAX);
        assert_int_equal(stripe_memory(&w->c.stripes[s]).used, 0);
    }
    world_free(w);
}

static int factor(void) { return getenv("KORA_TEST_LONG") ? 250 : 1; }

static void test_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) run(seed, 6000 * factor(), 200, false);
    for (uint64_t seed = 4; seed <= 5; seed++) run(seed, 1500 * factor(), COUNT_MAX, false);
}

static void test_without_memory(void **state) {
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++) run(seed, 6000 * factor(), 200, true);
    for (uint64_t seed = 14; seed <= 15; seed++) run(seed, 1500 * factor(), COUNT_MAX, true);
}

// ---- sizes -----------------------------------------------------------------------------------------------------------------------

enum { MANY = 200000 };

static void fill(struct one *o, enum list_end end) {
    char text[32];
    for (int i = 0; i < MANY; i++) {
        struct slice s = { text, (size_t)sprintf(text, "item:%015d", i) };
        assert_true(list_push(&o->v, end, &s, 1));
    }
}

// Twenty bytes take some 22, whichever end they come from; and a queue takes the room of what is in it.
static void test_memory(void **state) {
    (void)state;
    for (enum list_end end = LIST_FRONT; end <= LIST_BACK; end++) {
        struct world *w = world_create(21, false);
        struct one o;
        struct list_at at;
        char number[NUM_INT_MAX];
        open_list(w, &o, 0);
        fill(&o, end);
        size_t memory = entry_memory(o.v.e);
        print_message("%.2f bytes an item\n", (double)memory / MANY);
        assert_true(memory < (size_t)MANY * 223 / 10);
        for (int i = 0; i < MANY; i += 997) {
            assert_true(list_seek(&o.v, i, &at));
            char text[32];
            sprintf(text, "item:%015d", end == LIST_BACK ? i : MANY - 1 - i);
            assert_true(slice_equal(list_get(&at, number), slice_str(text)));
        }
        for (int i = 0; i < MANY; i++) { // through the queue once
            struct slice s = SLICE("the bytes of an item");
            assert_true(list_push(&o.v, end, &s, 1));
            list_remove(&o.v, end == LIST_FRONT ? MANY : 0, 1);
        }
        assert_true(entry_memory(o.v.e) < memory + 40000);
        for (int i = 0; i < MANY - 10; i++) list_remove(&o.v, end == LIST_FRONT ? 0 : list_count(&o.v) - 1, 1);
        assert_true(!o.v.root && entry_memory(o.v.e) < 400);
        stripe_check(o.k.stripe);
        world_free(w);
    }
}

// What is inserted at one place again and again does not leave thin nodes behind, nor do elements that go from everywhere.
static void test_density(void **state) {
    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        struct world *w = world_create(22, false);
        struct one o;
        struct list_at at;
        struct slice s = SLICE("the bytes of an item");
        open_list(w, &o, 0);
        fill(&o, LIST_BACK);
        for (int i = 0; i < 20000; i++) assert_true(list_seek(&o.v, 77777, &at) && list_insert(&o.v, &at, behind, s));
        assert_true(entry_memory(o.v.e) < (size_t)(MANY + 20000) * 26);
        for (int i = 0; i < MANY; i++) {
            struct slice x = element(w);
            x.n = MIN(x.n, (size_t)24);
            assert_true(list_seek(&o.v, (int64_t)below(w, list_count(&o.v)), &at) && list_insert(&o.v, &at, behind, x));
        }
        assert_true(entry_memory(o.v.e) < (size_t)(2 * MANY + 20000) * 32);
        while (list_count(&o.v) > 20000) list_remove(&o.v, below(w, list_count(&o.v)), 1);
        assert_true(entry_memory(o.v.e) < (size_t)20000 * 66);
        print_message("%.2f bytes an item\n", (double)entry_memory(o.v.e) / 20000);
        stripe_check(o.k.stripe);
        world_free(w);
    }
}

// A node that is divided into three while the index is full, with each allocation failing.
static void test_division_without_memory(void **state) {
    (void)state;
    struct world *w = world_create(23, true);
    w->count_max = COUNT_MAX;
    atomic_store(&w->c.settings.list_max_listpack_size, 3);
    for (size_t nodes = 2; nodes < 100; nodes++) {
        struct one o;
        open_list(w, &o, 0);
        struct slice s[3] = { SLICE("x"), SLICE("y"), SLICE("z") }, large = slice_of(w->bytes, 9000);
        for (size_t more = 0; more <= nodes % 2; more++) { // so that the index meets every fill
            assert_true(list_push(&o.v, LIST_BACK, s, 3));
            for (int i = 0; i < 3; i++) model_insert(o.m, o.m->n, s[i]);
        }
        for (int insert = 0; nodes > 2 && insert < 2; insert++) {
            for (long n = 1;; n++) {
                struct list_at at;
                assert_true(list_edit(&o.v) && list_seek(&o.v, (int64_t)o.m->n - 5, &at));
                slab_fail(n, false);
                bool done = insert ? list_insert(&o.v, &at, true, large) : list_set(&o.v, &at, large);
                slab_fail(0, false);
                w->refused += !done;
                if (!done) {
                    verify(w, 0);
                    stripe_check(o.k.stripe);
                    continue;
                }
                if (insert) list_remove(&o.v, o.m->n - 4, 1);
                else assert_true(list_seek(&o.v, (int64_t)o.m->n - 5, &at) && list_set(&o.v, &at, o.m->s[o.m->n - 5]));
                break;
            }
            verify(w, 0);
        }
        stripe_check(o.k.stripe);
    }
    assert_true(w->refused > 300);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_without_memory), cmocka_unit_test(test_memory), cmocka_unit_test(test_density),
        cmocka_unit_test(test_division_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
