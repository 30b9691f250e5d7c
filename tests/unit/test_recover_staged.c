// Reading back what a killed process has left in staging, the manifest, and the lock. The files are made here by the words of the format.
#include <sys/wait.h>
#include <unistd.h>

#include "unit/log_files.h"

enum { STRIPES = 4, RING = 1024 };

// A log of rounds 1 to 3, and a staging file with what came after.
struct world {
    struct disk *d;
    struct buf log, staging, logged; // the trace of the log
    struct ring_writer rings[STRIPES];
};

static void world_begin(struct world *w) {
    char boot[OS_BOOT_ID_MAX];
    *w = (struct world){ .d = new_db(1, STRIPES) };
    boot_of(w->d, boot);
    put_staging(&w->staging, STRIPES, RING, 1, boot, STAGING_IN_USE, 3);
    for (uint32_t i = 0; i < STRIPES; i++) w->rings[i] = (struct ring_writer){ &w->staging, RING, 0, i };
    put_segment_header(&w->log, 1, 0, STRIPES);
    for (uint64_t round = 1; round <= 3; round++) {
        struct buf records[STRIPES] = { 0 };
        for (uint32_t i = 0; i < STRIPES; i++) {
            char key[32];
            snprintf(key, sizeof key, "l%u.%u", (unsigned)round, i);
            put_set(&records[i], (struct rec){ w->rings[i].position, round, 0, 1 }, key, 20);
            ring_set(&w->rings[i], round, 0, 1, key, 20);
        }
        put_block(&w->log, round, round - 1, round - 1, records, STRIPES);
    }
    buf_append(&w->logged, "", 0);
    for (uint64_t round = 1; round <= 3; round++)
        for (uint32_t i = 0; i < STRIPES; i++) buf_printf(&w->logged, "%u l%u.%u 20;", i, (unsigned)round, i);
    for (uint32_t i = 0; i < STRIPES; i++) ring_taken(&w->rings[i], w->rings[i].position);
}
static void world_put(struct world *w) {
    put_file(w->d, "db/log/0000000000000001.wal", w->log.p, w->log.n);
    put_file(w->d, "db/staging", w->staging.p, w->staging.n);
}
static void world_end(struct world *w, struct recovery *r) {
    buf_free(&w->log);
    buf_free(&w->staging);
    buf_free(&w->logged);
    disk_free(w->d);
    recovery_free(r);
}
static size_t set(struct world *w, uint32_t stripe, uint64_t epoch, const char *key) { return ring_set(&w->rings[stripe], epoch, 0, 1, key, 10); }
static size_t part(struct world *w, uint32_t stripe, uint64_t epoch, uint32_t call, uint32_t parts, const char *key) {
    return ring_set(&w->rings[stripe], epoch, call, parts, key, 10);
}

// The log's effects, and these.
static void expect(struct world *w, struct recovery *r, const char *staged) {
    if (r->status != KORA_OK) fail_msg("%s", r->error);
    struct buf all = { 0 };
    buf_append(&all, w->logged.p, w->logged.n);
    buf_append(&all, staged, strlen(staged) + 1);
    assert_string_equal(trace_of(r), all.p);
    buf_free(&all);
}
// ... and it is the same when it is done again: staging is gone, and the log has it all.
static void expect_for_good(struct world *w, struct recovery *r, const char *staged) {
    expect(w, r, staged);
    assert_false(has_file(w->d, "db/staging"));
    uint64_t next = r->out.next_round;
    assert_int_equal(next, r->out.last_round + 1);
    recover(w->d, r);
    expect(w, r, staged);
    assert_int_equal(r->out.next_round, next);
    assert_int_equal(r->out.staged_records, 0);
    assert_int_equal(r->out.cut_bytes, 0);
}

static void staged_records_are_applied(void **state) {
    (void)state;
    struct world w;
    struct recovery r = { 0 };
    world_begin(&w);
    set(&w, 0, 4, "a");
    set(&w, 0, 5, "b");
    part(&w, 1, 5, 1, 3, "c");
    part(&w, 1, 5, 1, 3, "d");
    part(&w, 3, 5, 1, 3, "e");
    set(&w, 3, 6, "f");
    world_put(&w);
    recover(w.d, &r);
    assert_int_equal(r.out.staged_records, 6);
    assert_int_equal(r.out.incomplete_calls, 0);
    assert_int_equal(r.out.last_round, 6);
    assert_false(r.out.clean);
    assert_int_equal(r.warnings, 0);
    expect_for_good(&w, &r, "0 a 10;0 b 10;1 c 10;1 d 10;3 e 10;3 f 10;");
    world_end(&w, &r);
}

// Nothing that is staged counts after another start of the system, or when it was closed.
static void other_boots_and_closed(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct world w;
        struct recovery r = { 0 };
        world_begin(&w);
        set(&w, 0, 4, "a");
        if (i == 0) {
            w.staging.p[33] ^= 1;
            le(w.staging.p + 88, crc32c(0, w.staging.p, 88), 4);
        } else {
            le(w.staging.p + 256, STAGING_CLOSED, 4);
            if (i == 2) w.staging.p[33] ^= 1, le(w.staging.p + 88, crc32c(0, w.staging.p, 88), 4);
        }
        world_put(&w);
        recover(w.d, &r);
        assert_int_equal(r.out.clean, i > 0);
        assert_int_equal(r.said.n > 0, i == 0);
        assert_int_equal(r.out.next_round, 4);
        expect_for_good(&w, &r, "");
        world_end(&w, &r);
    }
}

// Nobody syncs the file, so a power cut may leave half of any word in it.
static void torn_by_a_power_cut(void **state) {
    (void)state;
    for (int torn = 0; torn < 3; torn++) {
        struct world w;
        struct recovery r = { 0 };
        struct checked out;
        world_begin(&w);
        set(&w, 0, 4, "a");
        w.staging.p[33] ^= 1; // another start of the system
        le(w.staging.p + 88, crc32c(0, w.staging.p, 88), 4);
        w.staging.p[torn == 0 ? 256 : torn == 1 ? 264 : 272] ^= 0x10;
        world_put(&w);
        struct store store;
        const struct check_config c = { .store = &store, .visit = trace_effect, .say = note_said, .arg = &r };
        assert_int_equal(store_look(disk_os(w.d), "db", NULL, &store, r.error, sizeof r.error), KORA_OK);
        assert_int_equal(store_check(&c, &out, r.error, sizeof r.error), KORA_OK);
        assert_int_equal(out.errors, 0);
        store_close(&store);
        buf_clear(&r.trace);
        recover(w.d, &r);
        expect_for_good(&w, &r, "");
        world_end(&w, &r);
    }
}

// Killed after a block was written, before its records were given away; or within the block.
static void killed_in_a_round(void **state) {
    (void)state;
    for (int torn = 0; torn < 2; torn++) {
        struct world w;
        struct recovery r = { 0 };
        world_begin(&w);
        struct buf records[STRIPES] = { 0 };
        put_set(&records[0], (struct rec){ w.rings[0].position, 4, 0, 1 }, "a", 10);
        put_set(&records[2], (struct rec){ w.rings[2].position, 4, 0, 1 }, "b", 10);
        put_block(&w.log, 4, 3, 2, records, STRIPES);
        if (torn) w.log.n -= 30;
        set(&w, 0, 4, "a");
        set(&w, 0, 5, "c");
        set(&w, 2, 4, "b");
        world_put(&w);
        recover(w.d, &r);
        assert_int_equal(r.out.staged_records, torn ? 3 : 1);
        assert_int_equal(r.out.cut_bytes > 0, torn);
        expect_for_good(&w, &r, torn ? "0 a 10;0 c 10;2 b 10;" : "0 a 10;2 b 10;0 c 10;");
        world_end(&w, &r);
    }
}

// Of the rounds that have taken from staging some are not in the log: nothing that is staged follows.
static void rounds_are_missing(void **state) {
    (void)state;
    struct world w;
    struct recovery r = { 0 };
    world_begin(&w);
    set(&w, 0, 5, "a");
    le_round(w.staging.p + 264, 4);
    world_put(&w);
    recover(w.d, &r);
    assert_true(r.warnings > 0);
    expect_for_good(&w, &r, "");
    world_end(&w, &r);
}

static void incomplete_calls_are_dropped(void **state) {
    (void)state;
    struct world w;
    struct recovery r = { 0 };
    world_begin(&w);
    set(&w, 0, 4, "a");
    part(&w, 0, 4, 1, 2, "b");
    part(&w, 1, 4, 1, 2, "c");
    part(&w, 0, 5, 1, 3, "d");    // two of three
    part(&w, 2, 5, 1, 3, "e");
    part(&w, 3, 5, 2, 2, "f");    // one of two, the other torn
    size_t torn = part(&w, 1, 5, 2, 2, "g");
    w.staging.p[torn + 40] ^= 1;
    world_put(&w);
    recover(w.d, &r);
    assert_int_equal(r.out.incomplete_calls, 2);
    assert_int_equal(r.warnings, 0);
    expect_for_good(&w, &r, "0 a 10;0 b 10;1 c 10;");
    world_end(&w, &r);

    // All that there is was under way: the round of these epochs is used up all the same.
    world_begin(&w);
    part(&w, 0, 4, 1, 2, "a");
    world_put(&w);
    r = (struct recovery){ 0 };
    recover(w.d, &r);
    assert_int_equal(r.out.incomplete_calls, 1);
    assert_int_equal(r.out.last_round, 4);
    expect_for_good(&w, &r, "");
    world_end(&w, &r);

    // What should not be: records behind those of such a call. They go, too, and so does what belongs to them.
    world_begin(&w);
    part(&w, 0, 4, 1, 2, "a");
    part(&w, 0, 4, 2, 2, "b");
    set(&w, 1, 4, "c");
    part(&w, 1, 4, 2, 2, "d");
    set(&w, 1, 4, "e");
    world_put(&w);
    r = (struct recovery){ 0 };
    recover(w.d, &r);
    assert_int_equal(r.out.incomplete_calls, 2);
    assert_true(r.warnings > 0);
    expect_for_good(&w, &r, "1 c 10;");
    world_end(&w, &r);
}

// Rings go round and round; records do not wrap, and what earlier turns have left doesn't count.
static void rings_wrap(void **state) {
    (void)state;
    for (size_t from = 0; from < 2 * RING; from += long_form() ? 8 : 40) {
        struct world w;
        struct recovery r = { 0 };
        char boot[OS_BOOT_ID_MAX], key[32];
        w = (struct world){ .d = new_db(1, STRIPES) };
        boot_of(w.d, boot);
        put_staging(&w.staging, STRIPES, RING, 1, boot, STAGING_IN_USE, 0);
        struct ring_writer *ring = &w.rings[1];
        *ring = (struct ring_writer){ &w.staging, RING, 0, 1 };
        for (int i = 0; ring->position < from; i++) {
            snprintf(key, sizeof key, "old%d", i);
            ring_set(ring, 1, 0, 1, key, (size_t)i % 40);
        }
        ring_taken(ring, ring->position);
        buf_append(&w.logged, "", 1);
        w.logged.n = 0;
        struct buf want = { 0 };
        for (int i = 0; i < 9; i++) {
            size_t n = (size_t)(i * 13 + (int)from / 8) % 60;
            snprintf(key, sizeof key, "new%d", i);
            ring_set(ring, 2 + (uint64_t)i / 3, 0, 1, key, n);
            buf_printf(&want, "1 %s %zu;", key, n);
        }
        // Round 1 has all the old ones, but in the log is only that it was.
        put_segment_header(&w.log, 1, 0, STRIPES);
        put_block(&w.log, 1, 0, 0, (struct buf[STRIPES]){ { 0 } }, STRIPES);
        world_put(&w);
        recover(w.d, &r);
        assert_int_equal(r.warnings, 0);
        assert_int_equal(r.out.incomplete_calls, 0);
        expect_for_good(&w, &r, want.p);
        buf_free(&want);
        world_end(&w, &r);
    }
}

// The appender leaves a lap before it is full; killed before it has moved `taken`.
static void laps_that_are_left(void **state) {
    (void)state;
    struct world w;
    struct recovery r = { 0 };
    world_begin(&w);
    uint64_t tail = w.rings[2].position;
    assert_true(tail % RING > 100);
    w.rings[2].position = RING;
    part(&w, 2, 4, 1, 2, "a");
    part(&w, 0, 4, 1, 2, "b");
    set(&w, 1, 4, "c");
    world_put(&w);
    recover(w.d, &r);
    assert_int_equal(r.warnings, 0);
    expect_for_good(&w, &r, "0 b 10;1 c 10;2 a 10;");
    world_end(&w, &r);
}

static void files_apart(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct world w;
        struct recovery r = { 0 };
        world_begin(&w);
        struct buf apart = { 0 };
        struct rec rec = { w.rings[1].position, 4, 1, 3 };
        put_set(&apart, rec, "big", 5000);
        put_set(&apart, rec, "bigger", 70000);
        ring_apart(&w.rings[1], rec, 17, &apart);
        part(&w, 0, 4, 1, 3, "small");
        set(&w, 2, 4, "a");
        size_t n = apart.n;
        if (i == 4) set(&w, 1, 5, "b");
        for (int zeros = 0; i == 5 && zeros < 4096; zeros++) buf_append_char(&apart, 0);
        if (i == 2) apart.p[n - 100] ^= 1;
        if (i == 3) n -= 8;
        if (i != 1) put_file(w.d, "db/staging-17", apart.p, i == 5 ? apart.n : n);
        put_file(w.d, "db/staging-16", "left over", 9);
        world_put(&w);
        recover(w.d, &r);
        assert_int_equal(r.warnings > 0, i >= 1 && i <= 3); // a file is complete before it is spoken of
        assert_int_equal(r.out.incomplete_calls, 0);
        expect_for_good(&w, &r, i == 0 || i == 5 ? "0 small 10;1 big 5000;1 bigger 70000;2 a 10;" :
            i == 4 ? "0 small 10;1 big 5000;1 bigger 70000;1 b 10;2 a 10;" : "");
        assert_false(has_file(w.d, "db/staging-16") || has_file(w.d, "db/staging-17"));
        buf_free(&apart);
        world_end(&w, &r);
    }
}

// ---- every bit of it ----------------------------------------------------------------------------------------------------------------

struct placed {
    uint32_t stripe;
    uint64_t epoch;
    size_t at, end, trace, trace_end;
    bool kept;
};

// Whatever bit it is: it starts; all is there, or it says so, and of each stripe a prefix is. Unless it was a stripe's last record, which can't be told from
// one that was never complete, nothing is kept of epochs after the first one of which something is missing.
static void every_bit_of_staging(void **state) {
    (void)state;
    struct world w;
    struct recovery r = { 0 };
    world_begin(&w);
    struct placed placed[40];
    struct buf all = { 0 };
    size_t count = 0;
    for (uint32_t stripe = 0; stripe < STRIPES; stripe++) {
        for (uint64_t i = 0; i < 6; i++) {
            char key[16];
            snprintf(key, sizeof key, "s%u.%u", stripe, (unsigned)i);
            uint64_t epoch = 4 + i + stripe / 2;
            size_t at = set(&w, stripe, epoch, key), from = all.n;
            buf_printf(&all, "%u %s 10;", stripe, key);
            placed[count++] = (struct placed){ stripe, epoch, at, at + 64, from, all.n, false };
        }
    }
    size_t full = 0, cut = 0;
    for (size_t bit = 0; bit < w.staging.n * 8; bit += long_form() ? 1 : 7) {
        w.staging.p[bit / 8] = (char)(w.staging.p[bit / 8] ^ (1 << bit % 8));
        world_put(&w);
        recover(w.d, &r);
        if (r.status != KORA_OK) fail_msg("bit %zu: %s", bit, r.error);
        assert_true(r.trace.n >= w.logged.n);
        const char *staged = trace_of(&r) + w.logged.n;
        bool equal = strcmp(staged, all.p) == 0;
        if (!equal && r.said.n == 0) fail_msg("bit %zu: not all is there, and nothing was said", bit);
        uint64_t missing = UINT64_MAX, last = 0;
        size_t n = 0;
        bool last_one = false;
        for (size_t i = 0; i < count; i++) {
            placed[i].kept = strncmp(staged + n, all.p + placed[i].trace, placed[i].trace_end - placed[i].trace) == 0;
            if (placed[i].kept) n += placed[i].trace_end - placed[i].trace;
            if (placed[i].kept) last = MAX(last, placed[i].epoch);
            else missing = MIN(missing, placed[i].epoch);
            bool ends = i + 1 == count || placed[i + 1].stripe != placed[i].stripe;
            last_one |= ends && !placed[i].kept && bit / 8 >= placed[i].at && bit / 8 < placed[i].end;
            if (i > 0 && placed[i].stripe == placed[i - 1].stripe) assert_true(placed[i - 1].kept || !placed[i].kept);
        }
        assert_int_equal(staged[n], 0);
        if (!last_one && last >= missing) fail_msg("bit %zu: epoch %u is there, of epoch %u something is missing", bit, (unsigned)last, (unsigned)missing);
        full += equal;
        cut += !equal;
        w.staging.p[bit / 8] = (char)(w.staging.p[bit / 8] ^ (1 << bit % 8));
        // What recovery has added to the log
        for (uint64_t round = 4; round < 16; round++) {
            char path[64];
            snprintf(path, sizeof path, "db/log/%016llx.wal", (unsigned long long)round);
            if (has_file(w.d, path)) disk_os(w.d)->remove(disk_os(w.d)->arg, path);
        }
    }
    print_message("%zu flips made no difference, %zu were found\n", full, cut);
    assert_true(cut > 0 && full > 0);
    buf_free(&all);
    world_end(&w, &r);
}

static void foreign_staging(void **state) {
    (void)state;
    static const struct {
        size_t at;
        int status;
    } cases[] = { { 8, KORA_UNSUPPORTED }, { 75, KORA_CORRUPT } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct recovery r = { 0 };
        world_begin(&w);
        w.staging.p[cases[i].at] ^= 2;
        le(w.staging.p + 88, crc32c(0, w.staging.p, 88), 4);
        world_put(&w);
        uint64_t hash = disk_hash(w.d);
        recover(w.d, &r);
        assert_int_equal(r.status, cases[i].status);
        assert_non_null(strstr(r.error, "db/staging"));
        assert_true(disk_hash(w.d) == hash);
        world_end(&w, &r);
    }
}

// ---- the manifest -----------------------------------------------------------------------------------------------------------------------

static int open_store(struct disk *d, const char *staging_dir, struct store *s, char error[256]) {
    return store_open(disk_os(d), "db", staging_dir, s, error, 256);
}

static void manifest_is_kept(void **state) {
    (void)state;
    struct disk *d = disk_new(1);
    struct store s;
    char error[256];
    assert_int_equal(open_store(d, NULL, &s, error), KORA_OK);
    assert_true(s.is_new);
    uint8_t id[STORE_ID_BYTES];
    memcpy(id, s.manifest.id, sizeof id);
    struct manifest m = { .seed = { UINT64_MAX, 1 }, .stripes = 64, .databases = 3, .snapshot = 1234567890123, .first_round = 99, .older = { { 77, 66 }, { 3, 1 } }, .older_count = 2 };
    memcpy(m.id, id, sizeof id);
    assert_int_equal(store_commit(&s, &m, error, sizeof error), KORA_OK);
    assert_false(s.is_new);
    // A failed one leaves the one before.
    m.first_round = 100;
    disk_fail(d, DISK_RENAME, 1, EIO, false);
    assert_int_equal(store_commit(&s, &m, error, sizeof error), KORA_SYSTEM);
    assert_int_equal(s.manifest.first_round, 99);
    store_close(&s);
    struct disk *after = disk_power_cut(d, 3);
    assert_int_equal(open_store(after, NULL, &s, error), KORA_OK);
    assert_false(s.is_new);
    assert_memory_equal(s.manifest.id, id, sizeof id);
    assert_true(s.manifest.seed.k0 == UINT64_MAX && s.manifest.seed.k1 == 1 && s.manifest.stripes == 64 && s.manifest.databases == 3);
    assert_true(s.manifest.snapshot == 1234567890123 && s.manifest.first_round == 99);
    assert_true(s.manifest.older_count == 2 && s.manifest.older[0].number == 77 && s.manifest.older[0].first_round == 66 && s.manifest.older[1].number == 3 && s.manifest.older[1].first_round == 1);
    store_close(&s);
    disk_free(after);
    disk_free(d);
}

static void damaged_manifests(void **state) {
    (void)state;
    struct disk *d = new_db(1, STRIPES);
    struct store s;
    char error[256];
    size_t n;
    char *text = get_file(d, "db/MANIFEST", &n);
    for (size_t bit = 0; bit < n * 8; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        put_file(d, "db/MANIFEST", text, n);
        int status = open_store(d, NULL, &s, error);
        if (status != KORA_CORRUPT) fail_msg("bit %zu: %d", bit, status);
        assert_non_null(strstr(error, "db/MANIFEST"));
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t length = 0; length < n; length++) {
        put_file(d, "db/MANIFEST", text, length);
        assert_int_equal(open_store(d, NULL, &s, error), KORA_CORRUPT);
    }
    mem_free(text);
    // With the right checksum, and wrong all the same
    static const struct {
        const char *text, *why;
        int status;
    } cases[] = {
        { "kora 2\nanything\n", "format 2", KORA_UNSUPPORTED },
        { "kora 1\nid 00\n", "offset 7: `id 00`", KORA_CORRUPT },
        { "kora 1\nid 0102030405060708090a0b0c0d0e0f10\nnew thing\n", "`new thing`", KORA_CORRUPT },
        { "kora 1\nid 0102030405060708090a0b0c0d0e0f10\n", "missing", KORA_CORRUPT },
        { "kora 1\nseed 0000000000000007 0000000000000008\nid 0102030405060708090a0b0c0d0e0f10\nstripes 4\ndatabases 16\nsnapshot 0\nfirst-round 1\n", "belongs", KORA_CORRUPT },
        { "kora 1\nid 0102030405060708090a0b0c0d0e0f10\nseed 0000000000000007 0000000000000008\nstripes 0\ndatabases 16\nsnapshot 0\nfirst-round 1\n", "without stripes", KORA_CORRUPT },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = { 0 };
        buf_append(&b, cases[i].text, strlen(cases[i].text));
        buf_printf(&b, "crc %08x\n", crc32c(0, b.p, b.n));
        put_buf(d, "db/MANIFEST", &b);
        assert_int_equal(open_store(d, NULL, &s, error), cases[i].status);
        if (!strstr(error, cases[i].why)) fail_msg("%zu: %s", i, error);
    }
    disk_free(d);
}

// Older snapshots that are kept: which ones, and from where on the log is.
static void older_snapshots(void **state) {
    (void)state;
    struct manifest m = { .stripes = 64, .databases = 1, .first_round = 1 }, back;
    assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ 1, 10 }, 3), 10); // there was none before
    assert_int_equal(m.older_count, 0);
    assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ 2, 20 }, 3), 10);
    assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ 5, 30 }, 3), 10);
    assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ 6, 40 }, 3), 20);
    assert_true(m.snapshot == 6 && m.first_round == 40 && m.older_count == 2 && m.older[0].number == 5 && m.older[1].number == 2 && m.older[1].first_round == 20);
    back = m;
    assert_false(manifest_go_back(&back, 1));
    assert_true(manifest_go_back(&back, 6) && back.older_count == 2);
    assert_true(manifest_go_back(&back, 5) && back.snapshot == 5 && back.first_round == 30 && back.older_count == 1 && back.older[0].number == 2);
    for (uint64_t i = 7; i < 60; i++) assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ i, i * 10 }, UINT64_MAX), i < 36 ? 20 : i < 38 ? (i - 33) * 10 : (i - MANIFEST_OLDER_MAX) * 10);
    assert_int_equal(m.older_count, MANIFEST_OLDER_MAX);
    assert_int_equal(manifest_go_on(&m, (struct kept_snapshot){ 60, 600 }, 1), 600);
    assert_int_equal(m.older_count, 0);
}

// What is there without a manifest is not a new database.
static void data_without_manifest(void **state) {
    (void)state;
    static const char *const paths[] = { "db/log/0000000000000001.wal", "db/staging", "db/staging-3", "db/snapshot-0000000000000001", "fast/staging" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct disk *d = disk_new(1);
        const struct os *os = disk_os(d);
        struct store s;
        char error[256];
        os->make_dir(os->arg, "db");
        os->make_dir(os->arg, "db/log");
        os->make_dir(os->arg, "fast");
        put_file(d, "db/MANIFEST.new", "half", 4);
        assert_int_equal(open_store(d, "fast", &s, error), KORA_OK);
        store_close(&s);
        put_file(d, paths[i], "x", 1);
        assert_int_equal(open_store(d, "fast", &s, error), KORA_CORRUPT);
        assert_true(strstr(error, "MANIFEST") && strstr(error, strrchr(paths[i], '/') + 1));
        disk_free(d);
    }
}

// ---- the lock ------------------------------------------------------------------------------------------------------------------------------

static void one_process_at_a_time(void **state) {
    (void)state;
    char dir[] = "/tmp/kora-lock-XXXXXX", error[256], pid[32], path[64];
    assert_non_null(mkdtemp(dir));
    struct store s, other;
    int ready[2], done[2], status;
    assert_true(pipe(ready) == 0 && pipe(done) == 0);
    pid_t child = fork();
    if (child == 0) {
        char c = store_open(os_system(), dir, NULL, &s, error, sizeof error) == KORA_OK ? 'y' : 'n';
        if (write(ready[1], &c, 1) != 1 || read(done[0], &c, 1) != 1) _exit(1);
        _exit(0); // without closing: the lock goes with the process
    }
    char c;
    assert_true(read(ready[0], &c, 1) == 1 && c == 'y');
    assert_int_equal(store_open(os_system(), dir, NULL, &s, error, sizeof error), KORA_BUSY);
    snprintf(pid, sizeof pid, "process %ld ", (long)child);
    if (!strstr(error, pid) || !strstr(error, "LOCK")) fail_msg("%s", error);
    assert_true(write(done[1], "x", 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
    assert_int_equal(store_open(os_system(), dir, NULL, &s, error, sizeof error), KORA_OK);
    // Also from the same process
    assert_int_equal(store_open(os_system(), dir, NULL, &other, error, sizeof error), KORA_BUSY);
    store_close(&s);
    for (int i = 0; i < 2; i++) close(ready[i]), close(done[i]);
    snprintf(path, sizeof path, "%s/LOCK", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(staged_records_are_applied),
        cmocka_unit_test(other_boots_and_closed),
        cmocka_unit_test(torn_by_a_power_cut),
        cmocka_unit_test(killed_in_a_round),
        cmocka_unit_test(rounds_are_missing),
        cmocka_unit_test(incomplete_calls_are_dropped),
        cmocka_unit_test(rings_wrap),
        cmocka_unit_test(laps_that_are_left),
        cmocka_unit_test(files_apart),
        cmocka_unit_test(every_bit_of_staging),
        cmocka_unit_test(foreign_staging),
        cmocka_unit_test(manifest_is_kept),
        cmocka_unit_test(damaged_manifests),
        cmocka_unit_test(older_snapshots),
        cmocka_unit_test(data_without_manifest),
        cmocka_unit_test(one_process_at_a_time),
    };
    return cmocka_run_group_tests_name("recover staged", tests, NULL, NULL);
}
