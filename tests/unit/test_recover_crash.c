// Recovery that is interrupted comes to the same when it is done again: killed or without power after each of its operations, with each of them failing, and
// with each allocation failing. Then the log's own writer: what it has left by any kill or power cut is read back. And the check, which changes nothing.
#include "base/random.h"
#include "store/log.h"
#include "unit/log_files.h"

enum { STRIPES = 4, RING = 1024 };

// What recovery finds at its worst: a log of two segments in which nobody has said that the last rounds are synced, the second one torn; a third one that
// only has a torn header; staged records, also in a file of their own, and an incomplete call.
struct mess {
    struct disk *d;
    struct buf synced, all; // the trace up to the last synced round; of everything
};

static void put_rounds(struct buf *b, uint64_t from, uint64_t to, uint64_t synced_upto, struct buf *trace) {
    for (uint64_t round = from; round <= to; round++) {
        struct buf records[STRIPES] = { 0 };
        for (uint32_t i = 0; i < STRIPES; i++) {
            char key[32];
            snprintf(key, sizeof key, "r%u.%u", (unsigned)round, i);
            put_set(&records[i], (struct rec){ 0, round, 0, 1 }, key, 200 * i);
            buf_printf(trace, "%u %s %u;", i, key, 200 * i);
        }
        put_block(b, round, round - 1, MIN(synced_upto, round - 1), records, STRIPES);
    }
}

static void make_mess(struct mess *m) {
    struct buf first = { 0 }, second = { 0 }, third = { 0 }, staging = { 0 }, apart = { 0 };
    char boot[OS_BOOT_ID_MAX];
    *m = (struct mess){ .d = new_db(1, STRIPES) };
    put_segment_header(&first, 1, 0, STRIPES);
    put_rounds(&first, 1, 3, 2, &m->synced);
    buf_append(&m->all, m->synced.p, m->synced.n);
    put_rounds(&first, 4, 5, 2, &m->all);
    put_segment_header(&second, 6, 2, STRIPES);
    put_rounds(&second, 6, 8, 2, &m->all);
    size_t n = second.n;
    struct buf gone = { 0 };
    put_rounds(&second, 9, 9, 2, &gone);
    buf_free(&gone);
    second.n = n + 300;
    buf_append(&third, "KORALOG1\1\0\0\0", 12);
    boot_of(m->d, boot);
    put_staging(&staging, STRIPES, RING, 1, boot, STAGING_IN_USE, 8);
    struct ring_writer w[STRIPES];
    for (uint32_t i = 0; i < STRIPES; i++) w[i] = (struct ring_writer){ &staging, RING, 0, i };
    ring_set(&w[0], 9, 0, 1, "a", 10);
    struct rec rec = { w[1].position, 10, 1, 2 };
    put_set(&apart, rec, "big", 3000);
    ring_apart(&w[1], rec, 1, &apart);
    ring_set(&w[2], 10, 1, 2, "b", 20);
    ring_set(&w[2], 11, 1, 2, "half", 20);
    ring_set(&w[3], 10, 0, 1, "c", 0);
    static const char staged[] = "0 a 10;1 big 3000;2 b 20;3 c 0;";
    buf_append(&m->all, staged, sizeof staged - 1);
    // What rounds 1 to 3 are was synced, and no more: the files' sizes and names are what they are.
    put_file(m->d, "db/log/0000000000000001.wal", first.p, first.n);
    put_file(m->d, "db/log/0000000000000006.wal", "", 0);
    put_file(m->d, "db/log/0000000000000009.wal", "", 0);
    disk_settle(m->d);
    put_buf(m->d, "db/log/0000000000000001.wal", &first);
    put_buf(m->d, "db/log/0000000000000006.wal", &second);
    put_buf(m->d, "db/log/0000000000000009.wal", &third);
    put_buf(m->d, "db/staging", &staging);
    put_buf(m->d, "db/staging-1", &apart);
}
static void free_mess(struct mess *m) {
    buf_free(&m->synced);
    buf_free(&m->all);
    disk_free(m->d);
}

static void assert_all(struct recovery *r, const struct mess *m, const char *when, uint64_t n) {
    if (r->status != KORA_OK) fail_msg("%s %u: %s", when, (unsigned)n, r->error);
    if (r->trace.n != m->all.n || memcmp(r->trace.p, m->all.p, m->all.n) != 0) fail_msg("%s %u: %s", when, (unsigned)n, trace_of(r));
}

// How many operations recovery needs for that.
static uint64_t count_operations(bool repair) {
    struct mess m;
    struct recovery r = { .repair = repair };
    make_mess(&m);
    uint64_t before = disk_count(m.d, DISK_ANY);
    recover(m.d, &r);
    uint64_t ops = disk_count(m.d, DISK_ANY) - before;
    recovery_free(&r);
    free_mess(&m);
    return ops;
}

// What is there now, killed and without power, recovers.
struct watch {
    const struct mess *m;
    uint64_t ops, cuts, cuts_with_all;
    bool returned;         // recovery has come back: everything is durable
    bool all_synced;       // a sync of the tail
};

static void check_now(void *arg, struct disk *d, enum disk_op op) {
    struct watch *w = arg;
    struct recovery r = { 0 };
    w->ops++;
    if (!disk_op_changes(op)) return;
    struct disk *killed = disk_kill(d);
    recover(killed, &r);
    assert_all(&r, w->m, "killed after operation", w->ops);
    disk_free(killed);
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct disk *cut = disk_power_cut(d, seed);
        recover(cut, &r);
        if (r.status != KORA_OK) fail_msg("power cut after operation %u (%s): %s", (unsigned)w->ops, disk_op_name(op), r.error);
        // A prefix, with what had been synced; and all of it, again and again, once recovery has come back.
        bool all = r.trace.n == w->m->all.n;
        assert_true(r.trace.n <= w->m->all.n && memcmp(r.trace.p, w->m->all.p, r.trace.n) == 0);
        if (r.trace.n < w->m->synced.n) fail_msg("power cut after operation %u: synced rounds are lost", (unsigned)w->ops);
        assert_true(all || !w->returned);
        w->cuts++;
        w->cuts_with_all += all;
        disk_free(cut);
    }
    recovery_free(&r);
}

static void interrupted_anywhere(void **state) {
    (void)state;
    struct mess m;
    make_mess(&m);
    struct watch w = { .m = &m };
    struct recovery r = { 0 };
    disk_hook(m.d, check_now, &w);
    recover(m.d, &r);
    assert_all(&r, &m, "with nothing wrong", 0);
    assert_int_equal(r.out.incomplete_calls, 1);
    assert_int_equal(r.out.last_round, 11);
    w.returned = true;
    check_now(&w, m.d, DISK_WRITE);
    print_message("%u operations, %u power cuts, %u of them kept everything\n", (unsigned)w.ops, (unsigned)w.cuts, (unsigned)w.cuts_with_all);
    assert_true(w.cuts > 50 && w.cuts_with_all < w.cuts);
    recovery_free(&r);
    free_mess(&m);
}

// The same with repair: what is dropped is in a side file in the end, and the rest is as it was.
static void interrupted_repair(void **state) {
    (void)state;
    uint64_t ops = count_operations(true);
    for (uint64_t n = 1; n <= ops; n++) {
        struct mess m;
        make_mess(&m);
        const struct os *os = disk_os(m.d);
        int fd = os->open(os->arg, "db/log/0000000000000001.wal", OS_READ | OS_WRITE);
        assert_int_equal(os_write_all(os, fd, "X", 1, 200), 0);
        os->close(os->arg, fd);
        struct recovery r = { .repair = true };
        disk_fail(m.d, DISK_ANY, n, EIO, true);
        recover(m.d, &r);
        disk_heal(m.d);
        struct disk *killed = disk_kill(m.d);
        recover(killed, &r);
        assert_int_equal(r.status, KORA_OK);
        assert_int_equal(r.trace.n, 0); // it was in the first block
        assert_true(has_file(killed, "db/dropped-1.wal"));
        r.repair = false;
        recover(killed, &r);
        assert_int_equal(r.status, KORA_OK);
        assert_int_equal(r.trace.n, 0);
        disk_free(killed);
        recovery_free(&r);
        free_mess(&m);
    }
    print_message("%u operations\n", (unsigned)ops);
}

static void every_operation_fails(void **state) {
    (void)state;
    static const int errors[] = { EIO, ENOSPC, EACCES };
    for (int forever = 0; forever < 2; forever++) {
        uint64_t ops = count_operations(false), failed = 0;
        for (uint64_t n = 1; n <= ops; n++) {
            struct mess m;
            make_mess(&m);
            struct recovery r = { 0 };
            disk_fail(m.d, DISK_ANY, n, errors[n % ARRAY_LEN(errors)], forever);
            recover(m.d, &r);
            if (r.status == KORA_OK) assert_all(&r, &m, "failing operation", n);
            else {
                if (r.status != KORA_SYSTEM || !r.error[0]) fail_msg("operation %u: %d %s", (unsigned)n, r.status, r.error);
                failed++;
            }
            assert_int_equal(disk_open_files(m.d), 0);
            disk_heal(m.d);
            recover(m.d, &r);
            assert_all(&r, &m, "after failing operation", n);
            // What was said to be there is there after a power cut, too: also after a failed sync.
            struct disk *cut = disk_power_cut(m.d, n);
            recover(cut, &r);
            assert_all(&r, &m, "power cut after failing operation", n);
            disk_free(cut);
            recovery_free(&r);
            free_mess(&m);
        }
        print_message("%u operations, %u of them matter\n", (unsigned)ops, (unsigned)failed);
        assert_true(failed > ops / 2);
    }
}

static void out_of_memory(void **state) {
    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        long n = 1;
        for (bool done = false; !done; n++) {
            struct mess m;
            make_mess(&m);
            struct recovery r = { 0 };
            struct store s;
            // The trace is not what is to fail.
            buf_reserve(&r.trace, 100000);
            buf_reserve(&r.said, 100000);
            mem_fail(n, forever);
            r.status = store_open(disk_os(m.d), "db", NULL, &s, r.error, sizeof r.error);
            if (r.status == KORA_OK) {
                struct recover_config c = { .store = &s, .from_round = 1, .apply = trace_effect, .say = note_said, .arg = &r };
                r.status = log_recover(&c, &r.out, r.error, sizeof r.error);
                done = mem_fail_left() > 0;
                mem_fail(0, false);
                store_close(&s);
            }
            mem_fail(0, false);
            // The disk needs memory, too, and calls it an error of its own.
            if (r.status != KORA_OK && r.status != KORA_NOMEM && r.status != KORA_SYSTEM) fail_msg("allocation %ld: %d %s", n, r.status, r.error);
            if (r.status == KORA_OK) assert_all(&r, &m, "allocation", (uint64_t)n);
            recover(m.d, &r);
            assert_all(&r, &m, "after allocation", (uint64_t)n);
            recovery_free(&r);
            free_mess(&m);
        }
        print_message("%ld allocations\n", n - 1);
        assert_true(n > 30);
    }
}

// ---- the log's own writer -----------------------------------------------------------------------------------------------------------------

struct writer {
    struct log *log;
    struct random rnd;
    struct buf trace;       // of each stripe one after the other, at the end
    struct buf stripes[8];
    uint32_t count;
    uint64_t sets;
};

// A call with effects on some stripes. What has a key "big..." goes into a file of its own.
static void write_call(struct writer *w) {
    uint32_t parts = 1 + (uint32_t)random_below(&w->rnd, 3), first = (uint32_t)random_below(&w->rnd, w->count);
    if (first + parts > w->count) first = w->count - parts;
    static char value[200000];
    memset(value, 'v', sizeof value);
    for (uint32_t i = 0; i < parts; i++)
        if (!log_may_write(w->log, first + i)) return;
    char key[32];
    size_t n = random_below(&w->rnd, 40) == 0 ? 100000 + random_below(&w->rnd, 1000) : random_below(&w->rnd, 400);
    for (uint32_t i = 0; i < parts; i++)
        if (!log_reserve(w->log, first + i, n + 100, 1)) return;
    struct log_append a;
    log_begin(&a, w->log, first, parts);
    for (uint32_t i = 0; i < parts; i++) {
        int length = snprintf(key, sizeof key, "k%llu", (unsigned long long)++w->sets);
        struct slice argv[] = { SLICE("SET"), slice_of(key, (size_t)length), slice_of(value, n) };
        log_add(&a, &(struct effect){ first + i, 0, 3, argv });
        buf_printf(&w->stripes[first + i], "%u %s %zu;", first + i, key, n);
    }
    log_end(&a);
}

// Is `trace` the same effects, each stripe's in its order?
static void assert_same(struct recovery *r, struct writer *w) {
    size_t at[8] = { 0 }, n = 0;
    const char *trace = trace_of(r);
    while (trace[n]) {
        uint32_t stripe = (uint32_t)(trace[n] - '0');
        size_t length = (size_t)(strchr(trace + n, ';') - (trace + n)) + 1;
        assert_true(stripe < w->count && at[stripe] + length <= w->stripes[stripe].n);
        assert_memory_equal(w->stripes[stripe].p + at[stripe], trace + n, length);
        at[stripe] += length;
        n += length;
    }
    for (uint32_t i = 0; i < w->count; i++)
        if (at[i] != w->stripes[i].n) fail_msg("stripe %u: %zu of %zu bytes; %s", i, at[i], w->stripes[i].n, said_of(r));
}

static struct log *open_log(struct disk *d, const struct recovered *from, uint32_t stripes) {
    struct log_config c = { .os = disk_os(d), .dir = "db", .round_before = from->last_round, .stripes = stripes, .sync = LOG_EVERYSEC, .segment_bytes_max = 100000,
        .staging_bytes = 1, .stepped = true };
    memcpy(c.id, test_id, sizeof c.id);
    struct log *log = NULL;
    char error[256];
    if (log_open(&c, from->next_round, &log, error, sizeof error) != KORA_OK) fail_msg("%s", error);
    return log;
}

// Open, write, get killed (or close), and again; with another number of stripes each time. Nothing is ever lost.
static void kept_over_kills(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < (long_form() ? 300 : 20); seed++) {
        struct disk *d = new_db(seed, 8);
        struct writer w = { .count = 8 };
        random_seed(&w.rnd, seed);
        struct recovery r = { 0 };
        for (int life = 0; life < 8; life++) {
            recover(d, &r);
            if (r.status != KORA_OK) fail_msg("seed %u, life %d: %s", (unsigned)seed, life, r.error);
            assert_int_equal(r.out.cut_bytes, 0);
            if (r.warnings) fail_msg("seed %u, life %d: %s", (unsigned)seed, life, said_of(&r));
            assert_same(&r, &w);
            w.log = open_log(d, &r.out, 8);
            for (uint64_t n = random_below(&w.rnd, 40); n > 0; n--) {
                write_call(&w);
                uint64_t what = random_below(&w.rnd, 10);
                if (what < 4) log_step(w.log);
                if (what == 4) log_flush(w.log);
                if (what == 5) assert_int_equal(log_rotate(w.log, &(uint64_t){ 0 }), 0);
                if (what == 6) disk_advance(d, 1000000);
            }
            bool close = random_below(&w.rnd, 3) == 0;
            if (close) log_close(w.log, NULL, 0);
            struct disk *after = close && random_below(&w.rnd, 2) ? disk_power_cut(d, seed) : disk_kill(d);
            if (!close) log_close(w.log, NULL, 0);
            disk_free(d);
            d = after;
        }
        for (uint32_t i = 0; i < 8; i++) buf_free(&w.stripes[i]);
        recovery_free(&r);
        disk_free(d);
    }
}

// Power cuts: what was flushed is there, it always starts, and it is a prefix of the real order over all stripes.
static void power_cuts(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < (long_form() ? 1500 : 60); seed++) {
        struct disk *d = new_db(seed, 8);
        struct writer w = { .count = 8 };
        random_seed(&w.rnd, seed);
        struct recovery r = { 0 };
        size_t flushed[8] = { 0 };
        recover(d, &r);
        w.log = open_log(d, &r.out, 8);
        for (uint64_t n = 1 + random_below(&w.rnd, 60); n > 0; n--) {
            write_call(&w);
            uint64_t what = random_below(&w.rnd, 10);
            if (what < 5) log_step(w.log);
            if (what == 8) assert_int_equal(log_rotate(w.log, &(uint64_t){ 0 }), 0);
            if (what != 9) continue;
            assert_int_equal(log_flush(w.log), 0);
            for (uint32_t i = 0; i < 8; i++) flushed[i] = w.stripes[i].n;
        }
        for (uint64_t cut = 0; cut < 3; cut++) {
            struct disk *after = disk_power_cut(d, seed * 100 + cut);
            recover(after, &r);
            if (r.status != KORA_OK) fail_msg("seed %u: %s", (unsigned)seed, r.error);
            size_t at[8] = { 0 };
            uint64_t kept = 0, newest = 0;
            const char *trace = trace_of(&r);
            for (size_t n = 0, length; trace[n]; n += length) {
                newest = MAX(newest, strtoull(trace + n + 3, NULL, 10)); // "0 k17 ...": the 17th of all
                kept++;
                uint32_t stripe = (uint32_t)(trace[n] - '0');
                length = (size_t)(strchr(trace + n, ';') - (trace + n)) + 1;
                assert_true(stripe < 8 && at[stripe] + length <= w.stripes[stripe].n);
                assert_memory_equal(w.stripes[stripe].p + at[stripe], trace + n, length);
                at[stripe] += length;
            }
            for (uint32_t i = 0; i < 8; i++) assert_true(at[i] >= flushed[i]);
            assert_int_equal(kept, newest);
            disk_free(after);
        }
        log_close(w.log, NULL, 0);
        for (uint32_t i = 0; i < 8; i++) buf_free(&w.stripes[i]);
        recovery_free(&r);
        disk_free(d);
    }
}

// ---- the check ----------------------------------------------------------------------------------------------------------------------------

static int check(struct disk *d, struct checked *out, struct recovery *r) {
    struct store s;
    struct check_config c = { .store = &s, .visit = trace_effect, .say = note_said, .arg = r };
    buf_clear(&r->trace);
    buf_clear(&r->said);
    int status = store_look(disk_os(d), "db", NULL, &s, r->error, sizeof r->error);
    if (status != KORA_OK) return status;
    assert_int_equal(s.manifest.stripes, STRIPES);
    status = store_check(&c, out, r->error, sizeof r->error);
    store_close(&s);
    return status;
}

static void check_changes_nothing(void **state) {
    (void)state;
    struct mess m;
    make_mess(&m);
    struct recovery r = { 0 };
    struct checked c;
    uint64_t hash = disk_hash(m.d);
    assert_int_equal(check(m.d, &c, &r), KORA_OK);
    assert_all(&(struct recovery){ .trace = r.trace }, &m, "check", 0);
    assert_true(disk_hash(m.d) == hash);
    assert_int_equal(c.segments, 3);
    assert_int_equal(c.rounds, 8);
    assert_int_equal(c.staged_records, 4);
    assert_int_equal(c.incomplete_calls, 1);
    assert_true(c.torn_bytes > 290 && c.errors == 0 && !c.clean);
    // Two places in different segments: both are told of.
    const struct os *os = disk_os(m.d);
    static const char *const paths[] = { "db/log/0000000000000001.wal", "db/log/0000000000000006.wal" };
    for (size_t i = 0; i < 2; i++) {
        int fd = os->open(os->arg, paths[i], OS_READ | OS_WRITE);
        assert_int_equal(os_write_all(os, fd, "X", 1, i ? 0 : 200), 0);
        os->close(os->arg, fd);
    }
    hash = disk_hash(m.d);
    assert_int_equal(check(m.d, &c, &r), KORA_CORRUPT);
    assert_true(strstr(r.error, paths[0]) && strstr(said_of(&r), paths[0]) && strstr(said_of(&r), paths[1]));
    assert_true(c.errors >= 1 && disk_hash(m.d) == hash);
    // Nothing there
    os->remove(os->arg, "db/MANIFEST");
    assert_int_equal(check(m.d, &c, &r), KORA_CORRUPT);
    recovery_free(&r);
    free_mess(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_anywhere),
        cmocka_unit_test(interrupted_repair),
        cmocka_unit_test(every_operation_fails),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(kept_over_kills),
        cmocka_unit_test(power_cuts),
        cmocka_unit_test(check_changes_nothing),
    };
    return cmocka_run_group_tests_name("recover crash", tests, NULL, NULL);
}
