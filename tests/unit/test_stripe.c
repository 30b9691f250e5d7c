// Stripes against a plain model: what keys hold and when they expire, whatever their size, with every allocation failing once.
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

enum { NAMES = 300, STRIPES = 4, DATABASES = 3, VALUE_MAX = 20000 };

struct model_key {
    bool there;
    char *value;
    size_t len;
    int64_t at_ms; // 0: does not expire
};

struct world {
    struct common c;
    int64_t now_ms;
    struct model_key keys[DATABASES][NAMES];
    struct random r;
    uint64_t refused; // calls that found no memory
};

static int64_t world_clock(void *arg) { return ((struct world *)arg)->now_ms; }

static struct world *world_create(uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    w->now_ms = 1700000000000;
    w->c.wall_ms = world_clock;
    w->c.wall_arg = w;
    w->c.seed = (struct hash_key){ seed, ~seed };
    random_seed(&w->r, seed);
    assert_int_equal(settings_init(&w->c.settings), KORA_OK);
    assert_int_equal(stripes_init(&w->c, DATABASES, STRIPES), KORA_OK);
    return w;
}

static void forget(struct model_key *m) {
    free(m->value);
    *m = (struct model_key){ 0 };
}

static void world_free(struct world *w) {
    for (int db = 0; db < DATABASES; db++) {
        for (int i = 0; i < NAMES; i++) forget(&w->keys[db][i]);
    }
    stripes_free(&w->c);
    settings_free(&w->c.settings);
    free(w);
}

// Some names are long, so that both forms of the length are met.
static size_t name_of(int i, char *to) {
    size_t n = (size_t)sprintf(to, "key:%d:", i);
    size_t len = i % 17 == 0 ? 250 + (size_t)i : n;
    memset(to + n, 'n', len > n ? len - n : 0);
    return len > n ? len : n;
}

static void locate(struct world *w, struct key *k, char *name, uint32_t db, int i) {
    size_t n = name_of(i, name);
    key_locate(&w->c, k, db, (struct slice){ name, n });
}

static void expire_model(struct world *w, struct model_key *m) {
    if (m->there && m->at_ms && m->at_ms <= w->now_ms) forget(m);
}

static void model_set(struct model_key *m, const char *value, size_t len, int64_t at_ms) {
    char *copy = malloc(len + 1);
    if (len) memcpy(copy, value, len);
    forget(m);
    *m = (struct model_key){ true, copy, len, at_ms };
}

static void verify(struct world *w, struct txn *t, const struct key *k, const struct model_key *m) {
    char number[NUM_INT_MAX];
    struct entry *e = key_find(t, k, 0);
    (void)w;
    assert_int_equal(e != NULL, m->there);
    if (!e) return;
    struct slice v = entry_string(e, number);
    assert_int_equal(v.n, m->len);
    assert_memory_equal(v.p, m->value, m->len);
    assert_int_equal(entry_expire_at(e), m->at_ms);
}

static size_t random_value(struct world *w, char *to) {
    static const size_t sizes[] = { 0, 1, 5, 20, 44, 45, 100, 500, 3000, 7900, 8100, 8200, 9000, VALUE_MAX };
    size_t n = sizes[random_below(&w->r, ARRAY_LEN(sizes))];
    if (random_below(&w->r, 4) == 0) return num_format_int((int64_t)random_next(&w->r) >> random_below(&w->r, 64), to);
    for (size_t i = 0; i < n; i++) to[i] = (char)('a' + (n + i) % 26);
    return n;
}

static int64_t random_time(struct world *w) {
    switch (random_below(&w->r, 4)) {
    case 0: return EXPIRE_NONE;
    case 1: return EXPIRE_KEEP;
    default: return w->now_ms + 1 + (int64_t)random_below(&w->r, 5000);
    }
}

static void step_set(struct world *w, struct txn *t, const struct key *k, struct model_key *m, char *value) {
    size_t n = random_value(w, value);
    int64_t at = random_time(w);
    int status = key_set_string(t, k, key_write(t, k), (struct slice){ value, n }, STRING_AS_SET, at, NULL);
    if (status == KORA_NOMEM) w->refused++;
    else model_set(m, value, n, at == EXPIRE_KEEP ? m->at_ms : at);
}

static void step_edit(struct world *w, struct txn *t, const struct key *k, struct model_key *m, char *value) {
    size_t old = m->there ? m->len : 0;
    size_t n = random_below(&w->r, 2) ? MIN(old + random_below(&w->r, 200), (size_t)VALUE_MAX) : random_value(w, value);
    char *bytes;
    if (key_edit_string(t, k, key_write(t, k), n, &bytes) != KORA_OK) {
        w->refused++;
        return;
    }
    size_t keep = MIN(old, n);
    if (keep) {
        assert_memory_equal(bytes, m->value, keep);
        memcpy(value, m->value, keep);
    }
    for (size_t i = keep; i < n; i++) {
        assert_int_equal(bytes[i], 0);
        value[i] = bytes[i] = 'e';
    }
    model_set(m, value, n, m->at_ms);
}

static void step_int(struct world *w, struct txn *t, const struct key *k, struct model_key *m, char *value) {
    int64_t n = (int64_t)random_next(&w->r);
    if (key_set_int(t, k, key_write(t, k), n) != KORA_OK) {
        w->refused++;
        return;
    }
    model_set(m, value, num_format_int(n, value), m->at_ms);
}

static void step_expiry(struct world *w, struct txn *t, const struct key *k, struct model_key *m) {
    struct entry *e = key_write(t, k);
    int64_t at = random_below(&w->r, 3) ? w->now_ms + 1 + (int64_t)random_below(&w->r, 100000) : EXPIRE_NONE;
    if (!e) return;
    if (key_set_expiry(t, k, &e, at) != KORA_OK) w->refused++;
    else m->at_ms = at;
}

static void step_copy(struct world *w, struct txn *t, const struct key *k, struct model_key *m) {
    char name[1024];
    int j = (int)random_below(&w->r, NAMES);
    uint32_t db = (uint32_t)random_below(&w->r, DATABASES);
    struct key to;
    locate(w, &to, name, db, j);
    struct model_key *mt = &w->keys[db][j];
    expire_model(w, mt);
    struct entry *e = key_read(t, k);
    if (!e || mt == m) return;
    if (key_copy_value(t, e, &to, key_write(t, &to), entry_expire_at(e)) != KORA_OK) w->refused++;
    else model_set(mt, m->value, m->len, m->at_ms);
    verify(w, t, &to, mt);
}

static void step(struct world *w, char *value) {
    char name[1024];
    int i = (int)random_below(&w->r, NAMES);
    uint32_t db = (uint32_t)random_below(&w->r, DATABASES);
    struct key k;
    struct txn t;
    txn_begin(&t, &w->c);
    struct model_key *m = &w->keys[db][i];
    locate(w, &k, name, db, i);
    w->now_ms += (int64_t)random_below(&w->r, 20);
    expire_model(w, m);
    switch (random_below(&w->r, 8)) {
    case 0:
    case 1: step_set(w, &t, &k, m, value); break;
    case 2: step_edit(w, &t, &k, m, value); break;
    case 3: step_int(w, &t, &k, m, value); break;
    case 4: step_expiry(w, &t, &k, m); break;
    case 5: step_copy(w, &t, &k, m); break;
    case 6: {
        struct entry *e = key_write(&t, &k);
        if (e) key_delete(&t, &k, e);
        forget(m);
        break;
    }
    default: break;
    }
    verify(w, &t, &k, m);
}

static void check_all(struct world *w) {
    char name[1024];
    for (uint32_t s = 0; s < STRIPES; s++) stripe_check(&w->c.stripes[s]);
    for (uint32_t db = 0; db < DATABASES; db++) {
        for (int i = 0; i < NAMES; i++) {
            struct key k;
            struct txn t;
            txn_begin(&t, &w->c);
            locate(w, &k, name, db, i);
            expire_model(w, &w->keys[db][i]);
            verify(w, &t, &k, &w->keys[db][i]);
        }
    }
}

static void background(struct world *w) {
    for (uint32_t s = 0; s < STRIPES; s++) {
        struct txn t;
        txn_begin(&t, &w->c);
        while (stripe_expire(&w->c.stripes[s], &t, 1000)) { }
        stripe_compact(&w->c.stripes[s]);
    }
}

static void run_model(uint64_t seed, int steps, long fail_each) {
    struct world *w = world_create(seed);
    char *value = malloc(VALUE_MAX + 64);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < steps; i++) {
        if (fail_each) mem_fail(1 + (long)random_below(&w->r, (uint64_t)fail_each), random_below(&w->r, 2));
        step(w, value);
        mem_fail(0, false);
        if (i % 97 == 0) background(w);
        if (i % 1000 == 0) check_all(w);
        if (i % 5000 == 4999) {
            uint32_t a = (uint32_t)random_below(&w->r, DATABASES), b = (uint32_t)random_below(&w->r, DATABASES);
            struct txn t;
            txn_begin(&t, &w->c);
            for (uint32_t s = 0; s < STRIPES; s++) stripe_swap(&w->c.stripes[s], &t, a, b);
            struct model_key tmp[NAMES];
            memcpy(tmp, w->keys[a], sizeof tmp);
            memcpy(w->keys[a], w->keys[b], sizeof tmp);
            memcpy(w->keys[b], tmp, sizeof tmp);
        }
    }
    check_all(w);
    if (fail_each) assert_true(w->refused > 0);
    free(value);
    world_free(w);
}

static int long_factor(void) { return getenv("KORA_TEST_LONG") ? 50 : 1; }

static void test_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) run_model(seed, 20000 * long_factor(), 0);
}

static void test_model_without_memory(void **state) {
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++) run_model(seed, 20000 * long_factor(), 3);
}

// ---- all or nothing ----------------------------------------------------------------------------------------------------

static void test_undo(void **state) {
    (void)state;
    struct world *w = world_create(21);
    char name[8][1024], *value = malloc(VALUE_MAX + 64);
    struct key k[8];
    for (int round = 0; round < 300; round++) {
        struct txn t;
        txn_begin(&t, &w->c);
        for (int i = 0; i < 8; i++) {
            locate(w, &k[i], name[i], 0, round % 7 * 8 + i);
            key_write(&t, &k[i]);
            expire_model(w, &w->keys[0][round % 7 * 8 + i]);
        }
        mem_fail(round % 40, true);
        bool done = txn_undo_begin(&t, 8);
        int64_t at = round % 3 ? w->now_ms + 10 + round : EXPIRE_NONE;
        if (done) {
            for (int i = 0; done && i < 8; i++) {
                size_t n = (size_t)(round * 37 % 9000);
                memset(value, 'a' + round % 26, n);
                done = key_set_string(&t, &k[i], key_find(&t, &k[i], 0), (struct slice){ value, n }, STRING_AS_SET, at, NULL) == KORA_OK;
            }
            mem_fail(0, false);
            if (done) txn_undo_commit(&t);
            else txn_undo_rollback(&t);
        }
        mem_fail(0, false);
        for (int i = 0; i < 8; i++) {
            struct model_key *m = &w->keys[0][round % 7 * 8 + i];
            if (done) model_set(m, value, (size_t)(round * 37 % 9000), at);
            verify(w, &t, &k[i], m);
        }
        w->now_ms += 3;
        check_all(w);
    }
    free(value);
    world_free(w);
}

// ---- where keys are ------------------------------------------------------------------------------------------------------

static uint32_t stripe_of(struct world *w, const char *name) {
    struct key k;
    key_locate(&w->c, &k, 0, slice_str(name));
    return k.stripe_number;
}

static void test_tags(void **state) {
    (void)state;
    struct world *w = world_create(31);
    char a[64], b[64];
    int apart = 0;
    for (int i = 0; i < 200; i++) {
        sprintf(a, "{user%d}.name", i);
        sprintf(b, "x{user%d}y{other}", i);
        assert_int_equal(stripe_of(w, a), stripe_of(w, b));
        sprintf(b, "user%d", i);
        assert_int_equal(stripe_of(w, a), stripe_of(w, b));
        sprintf(a, "{}user%d", i);      // an empty tag is none
        sprintf(b, "{user%d", i);       // nor is an open one
        apart += stripe_of(w, a) != stripe_of(w, b);
    }
    assert_true(apart > 100);
    world_free(w);
}

// ---- dropping ----------------------------------------------------------------------------------------------------------

static void test_flush(void **state) {
    (void)state;
    struct world *w = world_create(41);
    char *value = malloc(VALUE_MAX + 64);
    for (int i = 0; i < 5000; i++) step(w, value);
    bool had = false;
    for (uint32_t s = 0; s < STRIPES; s++) had |= stripe_flush(&w->c.stripes[s], UINT32_MAX);
    assert_true(had);
    for (uint32_t s = 0; s < STRIPES; s++) {
        assert_int_equal(stripe_memory(&w->c.stripes[s]).used, 0);
        struct keyspace *garbage = stripe_take_garbage(&w->c.stripes[s]);
        while (!keyspaces_free(&garbage)) { }
    }
    for (int db = 0; db < DATABASES; db++) {
        for (int i = 0; i < NAMES; i++) forget(&w->keys[db][i]);
    }
    check_all(w);
    free(value);
    world_free(w);
}

// A pinned value stays as it was, and keeps its keyspace in memory.
static void test_pin(void **state) {
    (void)state;
    struct world *w = world_create(51);
    char *value = malloc(VALUE_MAX), name[1024];
    struct key k;
    struct txn t;
    txn_begin(&t, &w->c);
    memset(value, 'p', VALUE_MAX);
    locate(w, &k, name, 0, 1);
    assert_int_equal(key_set_string(&t, &k, NULL, (struct slice){ value, VALUE_MAX }, STRING_AS_SET, 0, NULL), KORA_OK);
    struct entry *e = key_find(&t, &k, 0);
    struct blob *b = entry_pin(e);
    assert_non_null(b);
    char *bytes;
    assert_int_equal(key_edit_string(&t, &k, e, VALUE_MAX, &bytes), KORA_OK);
    memset(bytes, 'q', VALUE_MAX);
    assert_memory_equal(b->data, value, VALUE_MAX);
    stripe_flush(k.stripe, 0);
    struct keyspace *garbage = stripe_take_garbage(k.stripe);
    assert_false(keyspaces_free(&garbage));
    assert_memory_equal(b->data, value, VALUE_MAX);
    blob_unpin(b);
    assert_true(keyspaces_free(&garbage));
    free(value);
    world_free(w);
}

// A pinned value keeps no other keyspace waiting.
static void test_pin_among_others(void **state) {
    (void)state;
    struct world *w = world_create(52);
    char *value = malloc(VALUE_MAX), name[1024];
    struct key k;
    struct txn t;
    txn_begin(&t, &w->c);
    struct blob *pinned = NULL;
    struct keyspace *garbage = NULL;
    memset(value, 'p', VALUE_MAX);
    for (uint32_t db = 0; db < DATABASES; db++) {
        locate(w, &k, name, db, 1);
        assert_int_equal(key_set_string(&t, &k, NULL, (struct slice){ value, VALUE_MAX }, STRING_AS_SET, 0, NULL), KORA_OK);
        struct entry *e = key_find(&t, &k, 0);
        if (db == 0) pinned = entry_pin(e);
        stripe_flush(k.stripe, db);
        garbage = keyspaces_join(garbage, stripe_take_garbage(k.stripe));
    }
    struct keyspace *first = garbage;
    for (int others = DATABASES - 1; others > 0; others--) {
        assert_int_equal(garbage == first, others == DATABASES - 1);
        assert_false(keyspaces_free(&garbage));
    }
    assert_ptr_equal(garbage, first);
    assert_false(keyspaces_free(&garbage));
    assert_ptr_equal(garbage, first);
    blob_unpin(pinned);
    assert_true(keyspaces_free(&garbage));
    free(value);
    world_free(w);
}

static void count_effect(void *arg, const struct effect *e) {
    (void)e;
    ++*(int *)arg;
}

// An expiry that can't be told of is put off, not tried again at once for ever; nor is anything else changed without it.
static void test_expiry_without_memory(void **state) {
    (void)state;
    struct world *w = world_create(61);
    char name[1024], *bytes;
    int effects = 0;
    struct key k;
    struct txn t;
    txn_begin(&t, &w->c);
    int64_t at_ms = w->now_ms + 1000;
    locate(w, &k, name, 0, 1);
    assert_int_equal(key_set_string(&t, &k, NULL, SLICE("value"), STRING_AS_SET, at_ms, NULL), KORA_OK);
    struct entry *e = key_find(&t, &k, 0);
    t.no_memory = true;
    assert_int_equal(key_set_expiry(&t, &k, &e, at_ms + 5), KORA_NOMEM);
    assert_int_equal(key_edit_string(&t, &k, e, 4, &bytes), KORA_NOMEM);
    assert_int_equal(entry_expire_at(e), at_ms);
    assert_int_equal(entry_string_len(e), 5);

    w->c.effects = (struct effect_sink){ .fn = count_effect, .arg = &effects };
    w->now_ms = at_ms + 100;
    txn_begin(&t, &w->c);
    mem_fail(1, true);
    bool more = stripe_expire(k.stripe, &t, 1000000);
    mem_fail(0, false);
    effect_flush(&t);
    assert_false(more);
    assert_int_equal(effects, 0);
    assert_int_equal(stripe_count(k.stripe, 0), 1);
    int64_t due_ms = atomic_load(&k.stripe->due_ms);
    assert_true(due_ms > w->now_ms && due_ms < w->now_ms + 1000);

    w->now_ms = due_ms;
    txn_begin(&t, &w->c);
    assert_false(stripe_expire(k.stripe, &t, 1000000));
    effect_flush(&t);
    assert_int_equal(effects, 1);
    assert_int_equal(stripe_count(k.stripe, 0), 0);
    assert_true(atomic_load(&k.stripe->due_ms) == INT64_MAX);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_model_without_memory), cmocka_unit_test(test_undo),
        cmocka_unit_test(test_tags), cmocka_unit_test(test_flush), cmocka_unit_test(test_pin), cmocka_unit_test(test_pin_among_others),
        cmocka_unit_test(test_expiry_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
