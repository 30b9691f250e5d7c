// DUMP, RESTORE, and effects of whole values where each allocation fails once: the reply says so, nothing has changed, and nothing is told.
// Values are those of the fuzz target's corpus, with thresholds under which they are packed and such under which they are not.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "type/rdb.h"
#include "unit/bare.h"

#define CORPUS "tests/fuzz/corpus/dump"
enum { INPUT_MAX = 4096, NOW_MS = 1000 };

static size_t effects;
static void count_effect(void *arg, const struct effect *e) {
    (void)arg;
    (void)e;
    effects++;
}

static void set(_Atomic uint64_t *n, uint64_t to) { atomic_store_explicit(n, to, memory_order_relaxed); }

static void choose_thresholds(struct settings *s, bool packed) {
    set(&s->hash_max_listpack_entries, packed ? 1000 : 1);
    set(&s->set_max_intset_entries, packed ? 1000 : 1);
    set(&s->set_max_listpack_entries, packed ? 1000 : 1);
    set(&s->zset_max_listpack_entries, packed ? 1000 : 1);
    set(&s->list_max_listpack_size, packed ? 1000 : 1);
}

// What all keys hold, as bytes.
static void contents(struct bare *d, struct buf *b) {
    static const char *const keys[] = { "a", "b", "c" };
    buf_clear(b);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_true(BARE_RUN(d, SLICE("DUMP"), slice_str(keys[i])));
        buf_append(b, d->reply.p, d->reply.n);
        assert_true(BARE_RUN(d, SLICE("PEXPIRETIME"), slice_str(keys[i])));
        buf_append(b, d->reply.p, d->reply.n);
    }
}

// New keyspaces have to get their first pages, too: that is tried with some values only, mapping pages takes long.
static void start(struct bare *d, struct slice payload, bool fresh) {
    if (fresh) bare_run(d, 1, (struct slice[]){ SLICE("FLUSHALL") }, 0);
    BARE_RUN(d, SLICE("DEL"), SLICE("a"), SLICE("b"), SLICE("c"));
    d->session.db = 1;
    BARE_RUN(d, SLICE("DEL"), SLICE("b"));
    d->session.db = 0;
    assert_true(BARE_RUN(d, SLICE("RPUSH"), SLICE("a"), SLICE("was"), SLICE("here"), SLICE("before")));
    assert_true(BARE_RUN(d, SLICE("PEXPIREAT"), SLICE("a"), SLICE("100000")));
    assert_true(BARE_RUN(d, SLICE("RESTORE"), SLICE("b"), SLICE("5000"), payload));
}

// With the nth allocation failing. False: there was no such one.
static bool fail_at(struct bare *d, struct slice payload, bool fresh, int argc, struct slice *argv, long nth) {
    struct buf before = { 0 }, after = { 0 };
    start(d, payload, fresh);
    contents(d, &before);
    effects = 0;
    buf_free(&d->reply);
    mem_fail(nth, false);
    bool ok = bare_run(d, argc, argv, 0), failed = mem_fail_left() <= 0;
    mem_fail(0, false);
    bool told = !d->reply.failed;
    if (!failed) assert_true(ok);
    if (!ok) {
        if (told) assert_memory_equal(d->reply.p, "-OOM ", 5);
        assert_int_equal(effects, 0);
        contents(d, &after);
        assert_int_equal(before.n, after.n);
        assert_memory_equal(before.p, after.p, before.n);
    }
    bare_check(d);
    buf_free(&before);
    buf_free(&after);
    return failed;
}

static size_t fail_all(struct bare *d, struct slice payload, bool fresh, int argc, struct slice *argv) {
    size_t n = 0;
    for (long nth = 1; fail_at(d, payload, fresh, argc, argv, nth); nth++) n++;
    return n;
}

static size_t check_value(struct bare *d, struct slice payload, bool fresh) {
    size_t n = 0;
    n += fail_all(d, payload, fresh, 5, (struct slice[]){ SLICE("RESTORE"), SLICE("a"), SLICE("700"), payload, SLICE("REPLACE") });
    n += fail_all(d, payload, fresh, 4, (struct slice[]){ SLICE("RESTORE"), SLICE("c"), SLICE("0"), payload });
    n += fail_all(d, payload, fresh, 2, (struct slice[]){ SLICE("DUMP"), SLICE("b") });
    n += fail_all(d, payload, fresh, 3, (struct slice[]){ SLICE("RENAME"), SLICE("b"), SLICE("a") });
    n += fail_all(d, payload, fresh, 4, (struct slice[]){ SLICE("COPY"), SLICE("b"), SLICE("a"), SLICE("REPLACE") });
    n += fail_all(d, payload, fresh, 3, (struct slice[]){ SLICE("MOVE"), SLICE("b"), SLICE("1") });
    return n;
}

static size_t check_file(struct bare *d, const char *name, bool fresh) {
    char path[512], input[INPUT_MAX];
    snprintf(path, sizeof path, CORPUS "/%s", name);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(input, 1, sizeof input, f) : 0, failed = 0;
    if (f) fclose(f);
    assert_true(n > 1);
    struct buf b = { 0 };
    struct rdb_writer w = { .out = &b };
    buf_append(&b, input + 1, n - 1);
    rdb_write_footer(&w, 0);
    struct slice payload = slice_of(b.p, b.n);
    if (BARE_RUN(d, SLICE("RESTORE"), SLICE("a"), SLICE("0"), payload, SLICE("REPLACE"))) failed = check_value(d, payload, fresh);
    buf_free(&b);
    return failed;
}

static void no_memory(void **state) {
    (void)state;
    struct dirent **names;
    int n = scandir(CORPUS, &names, NULL, alphasort);
    size_t failed = 0, values = 0;
    assert_true(n > 2);
    struct bare *d = bare_new(4, NOW_MS, (struct effect_sink){ .fn = count_effect, .arg = NULL });
    for (int i = 0; i < n; i++) {
        for (int packed = 0; packed < 2 && names[i]->d_name[0] != '.'; packed++) {
            choose_thresholds(&d->c.settings, packed);
            size_t some = check_file(d, names[i]->d_name, i % 8 == 0);
            failed += some;
            values += some > 0;
        }
        free(names[i]);
    }
    free(names);
    bare_free(d);
    print_message("%zu failed allocations, %zu values\n", failed, values);
    assert_true(values > 100 && failed > 10 * values);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_memory) };
    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
