// Reading the log back: files that are as they should be, and everything that may be wrong with them. The files are made here by the words of the format; test_recover_crash.c
// has crashes during recovery, and the log's own writer.
#include "unit/log_files.h"

enum { STRIPES = 4, HEADER = SEGMENT_HEADER };

// ---- a log of several segments --------------------------------------------------------------------------------------------------------

// What a block is: where, and which effects were applied before it.
struct made_block {
    uint64_t round;
    size_t segment, at, end;
    size_t trace;            // bytes of the whole trace that come before it
};
enum { BLOCKS_MAX = 400, SEGMENTS_MAX = 8 };
struct made {
    struct buf segments[SEGMENTS_MAX];
    uint64_t first[SEGMENTS_MAX], header_synced[SEGMENTS_MAX];
    size_t count;
    struct made_block blocks[BLOCKS_MAX];
    uint64_t block_synced[BLOCKS_MAX];
    size_t blocks_n;
    struct buf trace;
    uint64_t position[STRIPES];
};

static void trace_set(struct buf *trace, uint32_t stripe, const char *key, size_t n) {
    buf_append_int(trace, stripe);
    buf_append_char(trace, ' ');
    buf_append(trace, key, strlen(key));
    buf_append_char(trace, ' ');
    buf_append_int(trace, (int64_t)n);
    buf_append_char(trace, ';');
}

// A block of round `round` with records in some stripes; values up to value_max.
static void make_block(struct made *m, uint64_t round, uint64_t before, uint64_t synced_upto, size_t value_max) {
    struct buf records[STRIPES] = { 0 };
    struct made_block *b = &m->blocks[m->blocks_n];
    struct buf *segment = &m->segments[m->count - 1];
    *b = (struct made_block){ round, m->count - 1, segment->n, 0, m->trace.n };
    for (uint32_t stripe = 0; stripe < STRIPES; stripe++) {
        if ((round + stripe) % 3 == 0) continue;
        for (uint64_t i = 0; i <= (round + stripe) % 2; i++) {
            char key[40];
            size_t n = (size_t)((round * 7 + stripe * 3 + i) % value_max), was = records[stripe].n;
            snprintf(key, sizeof key, "k%llu.%u.%llu", (unsigned long long)round, stripe, (unsigned long long)i);
            put_set(&records[stripe], (struct rec){ m->position[stripe], round, 0, 1 }, key, n);
            m->position[stripe] += records[stripe].n - was;
            trace_set(&m->trace, stripe, key, n);
        }
    }
    put_block(segment, round, before, synced_upto, records, STRIPES);
    b->end = segment->n;
    m->block_synced[m->blocks_n++] = synced_upto;
}

static void make_segment(struct made *m, uint64_t first, uint64_t synced_upto) {
    m->first[m->count] = first;
    m->header_synced[m->count] = synced_upto;
    put_segment_header(&m->segments[m->count++], first, synced_upto, STRIPES);
}

// Rounds 1.. in `segments` of them with `blocks` blocks each; every second number is left out; synced `lag` blocks behind.
static void make_log(struct made *m, size_t segments, size_t blocks, size_t lag, size_t value_max) {
    *m = (struct made){ 0 };
    uint64_t round = 0, before = 0;
    for (size_t i = 0; i < segments; i++) {
        make_segment(m, round + 1, before);
        for (size_t j = 0; j < blocks; j++) {
            round += 1 + j % 2;
            uint64_t synced = m->blocks_n > lag ? m->blocks[m->blocks_n - lag - 1].round : 0;
            make_block(m, round, before, MAX(synced, m->header_synced[i]), value_max);
            before = round;
        }
    }
}

static void segment_path(char to[64], uint64_t first) { snprintf(to, 64, "db/log/%016llx.wal", (unsigned long long)first); }

static void put_log(struct disk *d, const struct made *m) {
    char path[64];
    for (size_t i = 0; i < m->count; i++) {
        segment_path(path, m->first[i]);
        put_file(d, path, m->segments[i].p, m->segments[i].n);
    }
}
static void free_log(struct made *m) {
    for (size_t i = 0; i < m->count; i++) buf_free(&m->segments[i]);
    buf_free(&m->trace);
}

static void assert_recovers(struct disk *d, struct recovery *r) {
    recover(d, r);
    if (r->status != KORA_OK) fail_msg("%s", r->error);
}
static void assert_trace(struct recovery *r, const struct buf *trace, size_t n) {
    assert_int_equal(r->trace.n, n);
    assert_true(n == 0 || memcmp(r->trace.p, trace->p, n) == 0);
}

static void reads_what_was_written(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 3, 10, 1, 300);
    struct disk *d = new_db(1, STRIPES);
    put_log(d, &m);
    struct recovery r = { 0 };
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.trace.n);
    uint64_t last = m.blocks[m.blocks_n - 1].round;
    assert_int_equal(r.out.rounds, 30);
    assert_int_equal(r.out.last_round, last);
    assert_int_equal(r.out.next_round, last + 1);
    assert_int_equal(r.out.cut_bytes, 0);
    assert_false(r.out.clean);
    // From a later round on; and again, the same.
    for (size_t i = 0; i < m.blocks_n; i++) {
        r.from_round = m.blocks[i].round;
        assert_recovers(d, &r);
        assert_int_equal(r.trace.n, m.trace.n - m.blocks[i].trace);
        assert_memory_equal(r.trace.p, m.trace.p + m.blocks[i].trace, r.trace.n);
        assert_int_equal(r.out.last_round, last);
    }
    r.from_round = last + 1;
    assert_recovers(d, &r);
    assert_int_equal(r.trace.n, 0);
    assert_int_equal(r.out.last_round, last);
    // Who applies may stop it.
    r.from_round = 1;
    r.stop_after = 3;
    recover(d, &r);
    assert_int_equal(r.status, KORA_CONFLICT);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

// Blocks larger than the reader's window, with records larger than that; and room behind the last one.
static void large_blocks(void **state) {
    (void)state;
    struct made m = { 0 };
    make_segment(&m, 1, 0);
    for (uint64_t round = 1; round <= 4; round++) {
        struct buf records[STRIPES] = { 0 };
        for (uint32_t i = 0; i < 40; i++) {
            char key[32];
            size_t n = i == 7 ? 3000000 : i == 9 ? 1048576 : 60000 + i;
            snprintf(key, sizeof key, "big%u.%u", (unsigned)round, i);
            put_set(&records[i / 10], (struct rec){ 0, round, 0, 1 }, key, n);
            trace_set(&m.trace, i / 10, key, n);
        }
        put_block(&m.segments[0], round, round - 1, round - 1, records, STRIPES);
    }
    size_t end = m.segments[0].n;
    char *room = buf_reserve(&m.segments[0], 3 << 20);
    memset(room, 0, 3 << 20);
    m.segments[0].n += 3 << 20;
    struct disk *d = new_db(1, STRIPES);
    put_log(d, &m);
    struct recovery r = { 0 };
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.trace.n);
    assert_int_equal(r.out.cut_bytes, 0);
    size_t n;
    char *p = get_file(d, "db/log/0000000000000001.wal", &n);
    assert_int_equal(n, end); // the room is given back
    mem_free(p);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

// Without the zeros at the end, which may be room that was made ahead.
static size_t extent(const char *p, size_t n) {
    while (n > 0 && p[n - 1] == 0) n--;
    return n;
}

// ---- the end of the log, cut and damaged -----------------------------------------------------------------------------------------------

static size_t blocks_within(const struct made *m, size_t segment, size_t bytes, size_t *end) {
    size_t n = 0;
    *end = SEGMENT_HEADER;
    for (; n < m->blocks_n; n++) {
        const struct made_block *b = &m->blocks[n];
        if (b->segment > segment || (b->segment == segment && b->end > bytes)) break;
        if (b->segment == segment) *end = b->end;
    }
    return n;
}
static size_t trace_before(const struct made *m, size_t block) { return block < m->blocks_n ? m->blocks[block].trace : m->trace.n; }

static void truncated_at_every_byte(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 2, long_form() ? 170 : 5, 3, long_form() ? 300 : 100);
    struct buf *last = &m.segments[1];
    struct disk *d = new_db(1, STRIPES);
    put_log(d, &m);
    char path[64];
    segment_path(path, m.first[1]);
    struct recovery r = { .from_round = m.first[1] };
    size_t first = blocks_within(&m, 0, m.segments[0].n, &(size_t){ 0 }), begin = trace_before(&m, first);
    for (size_t n = last->n; n-- > 0;) {
        size_t end, kept = blocks_within(&m, 1, n, &end);
        put_file(d, path, last->p, n);
        recover(d, &r);
        if (r.status != KORA_OK) fail_msg("cut at %zu: %s", n, r.error);
        size_t trace = MAX(trace_before(&m, kept), begin) - begin;
        assert_int_equal(r.trace.n, trace);
        assert_true(trace == 0 || memcmp(r.trace.p, m.trace.p + begin, trace) == 0);
        assert_int_equal(r.out.cut_bytes, n < HEADER ? extent(last->p, n) : extent(last->p + end, n - end));
        assert_true((r.warnings > 0) == (r.out.cut_bytes > 0));
        assert_int_equal(r.out.next_round, kept > first ? m.blocks[kept - 1].round + 1 : m.first[1]);
        assert_int_equal(has_file(d, path), n >= SEGMENT_HEADER);
        // What is left is whole: nothing is cut twice.
        if (n % 16) continue;
        recover(d, &r);
        assert_int_equal(r.status, KORA_OK);
        assert_int_equal(r.trace.n, trace);
        assert_int_equal(r.out.cut_bytes, 0);
    }
    print_message("%zu lengths\n", last->n);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

// The highest synced_upto that is whole when what is at [at, at+1) of the segment is not.
static uint64_t evidence(const struct made *m, size_t segment, size_t at) {
    uint64_t synced = 0;
    for (size_t i = 0; i < m->count; i++)
        if (i != segment || at >= SEGMENT_HEADER) synced = MAX(synced, m->header_synced[i]);
    for (size_t i = 0; i < m->blocks_n; i++) {
        const struct made_block *b = &m->blocks[i];
        bool hit = b->segment == segment && at >= b->at && at < b->end;
        if (!hit) synced = MAX(synced, m->block_synced[i]);
    }
    return synced;
}

static void flip_all(const struct made *m, size_t segment, size_t room) {
    struct disk *d = new_db(1, STRIPES);
    put_log(d, m);
    struct buf file = { 0 };
    buf_append(&file, m->segments[segment].p, m->segments[segment].n);
    for (size_t i = 0; i < room; i++) buf_append_char(&file, 0);
    char path[64];
    segment_path(path, m->first[segment]);
    struct recovery r = { 0 };
    size_t cut = 0, refused = 0;
    size_t step = long_form() ? 1 : 3; // which meets each bit of a byte in turn
    for (size_t bit = 0; bit < file.n * 8; bit += step) {
        file.p[bit / 8] = (char)(file.p[bit / 8] ^ (1 << bit % 8));
        put_file(d, path, file.p, file.n);
        uint64_t hash = disk_hash(d);
        recover(d, &r);
        size_t at = bit / 8, hit = 0;
        while (hit < m->blocks_n && (m->blocks[hit].segment < segment || (m->blocks[hit].segment == segment && m->blocks[hit].end <= at))) hit++;
        if (at < SEGMENT_HEADER) hit = segment * (m->blocks_n / m->count);
        uint64_t lost = hit < m->blocks_n ? m->blocks[hit].round : m->blocks[m->blocks_n - 1].round + 1;
        if (evidence(m, segment, at) >= lost) {
            if (r.status != KORA_CORRUPT) fail_msg("bit %zu: %d %s", bit, r.status, r.error);
            assert_non_null(strstr(r.error, path));
            assert_non_null(strstr(r.error, "offset"));
            assert_true(disk_hash(d) == hash);
            refused++;
        } else {
            if (r.status != KORA_OK) fail_msg("bit %zu: %d %s", bit, r.status, r.error);
            assert_trace(&r, &m->trace, trace_before(m, hit));
            assert_true(r.out.cut_bytes > 0 && r.warnings > 0);
            put_log(d, m);
            cut++;
        }
        file.p[bit / 8] = (char)(file.p[bit / 8] ^ (1 << bit % 8));
    }
    print_message("segment %zu of %zu: %zu bits, %zu refused, %zu cut\n", segment + 1, m->count, file.n * 8, refused, cut);
    assert_int_equal(cut + refused, (file.n * 8 + step - 1) / step);
    assert_true(segment + 1 == m->count ? cut > 0 : refused > 0);
    buf_free(&file);
    recovery_free(&r);
    disk_free(d);
}

static void every_bit_flipped(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 2, long_form() ? 120 : 4, 2, long_form() ? 300 : 20);
    flip_all(&m, 0, 0);
    flip_all(&m, 1, 64);
    free_log(&m);
}

// Three segments, one of them missing.
static void missing_segments(void **state) {
    (void)state;
    for (size_t gone = 0; gone < 3; gone++) {
        struct made m;
        make_log(&m, 3, 6, 0, 100);
        struct disk *d = new_db(1, STRIPES);
        put_log(d, &m);
        char path[64];
        segment_path(path, m.first[gone]);
        disk_os(d)->remove(disk_os(d)->arg, path);
        struct recovery r = { 0 };
        uint64_t hash = disk_hash(d);
        recover(d, &r);
        // Nobody can know that there was a last one.
        assert_int_equal(r.status, gone == 2 ? KORA_OK : KORA_CORRUPT);
        if (gone == 2) assert_trace(&r, &m.trace, m.blocks[12].trace);
        else assert_true(strstr(r.error, "missing") && disk_hash(d) == hash);
        // Repair keeps what is before the gap, and puts the rest aside.
        if (gone < 2) {
            r.repair = true;
            assert_recovers(d, &r);
            assert_trace(&r, &m.trace, gone == 0 ? 0 : m.blocks[6].trace);
            size_t n = 0;
            char *p = get_file(d, "db/dropped-1.wal", &n);
            assert_non_null(p);
            assert_int_equal(n, m.segments[2].n - (gone == 1 ? (size_t)HEADER : 0) + (gone == 0 ? m.segments[1].n - HEADER : 0));
            mem_free(p);
            r.repair = false;
            assert_recovers(d, &r);
        }
        recovery_free(&r);
        free_log(&m);
        disk_free(d);
    }
    // All of it, when there is a snapshot in which not everything is
    struct disk *d = new_db(1, STRIPES);
    struct recovery r = { .from_round = 5 };
    recover(d, &r);
    assert_int_equal(r.status, KORA_CORRUPT);
    r.from_round = 1;
    assert_recovers(d, &r);
    assert_true(r.out.clean && r.out.next_round == 1);
    recovery_free(&r);
    disk_free(d);
}

// The last segment, where nothing was written, knows that what ended before it had been synced.
static void last_blocks_missing(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 1, 6, 0, 100);
    uint64_t last = m.blocks[5].round;
    make_segment(&m, last + 1, last);
    m.segments[0].n = m.blocks[5].at;
    struct disk *d = new_db(1, STRIPES);
    put_log(d, &m);
    struct recovery r = { 0 };
    recover(d, &r);
    assert_int_equal(r.status, KORA_CORRUPT);
    r.repair = true;
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.blocks[5].trace);
    r.repair = false;
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.blocks[5].trace);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

static void repair_keeps_a_prefix(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 2, 6, 0, 100);
    struct disk *d = new_db(1, STRIPES);
    m.segments[0].p[m.blocks[2].at + 60] ^= 1;
    put_log(d, &m);
    struct recovery r = { 0 };
    recover(d, &r);
    assert_int_equal(r.status, KORA_CORRUPT);
    r.repair = true;
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.blocks[2].trace);
    size_t rest = m.segments[0].n - m.blocks[2].at, n;
    assert_int_equal(r.out.cut_bytes, extent(m.segments[0].p, m.segments[0].n) - m.blocks[2].at + extent(m.segments[1].p, m.segments[1].n));
    char *p = get_file(d, "db/dropped-1.wal", &n);
    assert_non_null(p);
    assert_int_equal(n, rest + m.segments[1].n);
    assert_memory_equal(p, m.segments[0].p + m.blocks[2].at, rest);
    assert_memory_equal(p + rest, m.segments[1].p, m.segments[1].n);
    mem_free(p);
    assert_non_null(strstr(said_of(&r), "dropped-1.wal"));
    r.repair = false;
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.blocks[2].trace);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

// A header that is whole, but not ours.
static void foreign_segments(void **state) {
    (void)state;
    static const struct {
        size_t at;
        char to;
        int status;
        const char *why;
    } cases[] = { { 8, 2, KORA_UNSUPPORTED, "version" }, { 35, 99, KORA_CORRUPT, "another database" }, { 16, 77, KORA_CORRUPT, "its name" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m;
        make_log(&m, 2, 3, 9, 100);
        m.segments[1].p[cases[i].at] = cases[i].to;
        le(m.segments[1].p + 60, crc32c(0, m.segments[1].p, 60), 4);
        struct disk *d = new_db(1, STRIPES);
        put_log(d, &m);
        struct recovery r = { 0 };
        uint64_t hash = disk_hash(d);
        recover(d, &r);
        assert_int_equal(r.status, cases[i].status);
        assert_non_null(strstr(r.error, cases[i].why));
        r.repair = cases[i].status == KORA_UNSUPPORTED;
        recover(d, &r);
        assert_int_equal(r.status, cases[i].status);
        assert_true(disk_hash(d) == hash);
        recovery_free(&r);
        free_log(&m);
        disk_free(d);
    }
}

// A block that was cut off has somebody's data in it, which looks like a block that knows better.
static void data_that_looks_like_a_block(void **state) {
    (void)state;
    struct made m;
    make_log(&m, 1, 3, 9, 100);
    struct buf inner = { 0 }, records[STRIPES] = { 0 };
    uint64_t last = m.blocks[2].round;
    put_set(&records[0], (struct rec){ 0, last + 5, 0, 1 }, "x", 9);
    put_block(&inner, last + 5, last + 1, last + 4, records, STRIPES);
    size_t at = m.segments[0].n, value = put_set(&records[1], (struct rec){ 0, last + 1, 0, 1 }, "y", 5000);
    memcpy(records[1].p + value + 48, inner.p, inner.n);
    put_block(&m.segments[0], last + 1, last, 0, records, STRIPES);
    m.segments[0].n = at + 4000;
    struct disk *d = new_db(1, STRIPES);
    put_log(d, &m);
    struct recovery r = { 0 };
    assert_recovers(d, &r);
    assert_trace(&r, &m.trace, m.trace.n);
    assert_true(r.out.cut_bytes > 3000);
    buf_free(&inner);
    recovery_free(&r);
    free_log(&m);
    disk_free(d);
}

// Of the policy that syncs nothing: later segments are on the disk, and the end of an earlier one is not.
static void later_segments_of_a_crash(void **state) {
    (void)state;
    for (int torn = 0; torn < 2; torn++) {
        struct made m;
        make_log(&m, 3, 5, 99, 100);
        for (size_t i = 0; i < 3; i++) le(m.segments[i].p + 24, 0, 8), le(m.segments[i].p + 60, crc32c(0, m.segments[i].p, 60), 4);
        for (size_t i = 0; i < m.blocks_n; i++) {
            char *p = m.segments[m.blocks[i].segment].p + m.blocks[i].at;
            le(p + 24, 0, 8);
            le(p + 4, crc32c(0, p + 8, m.blocks[i].end - m.blocks[i].at - 8), 4);
        }
        m.segments[1].n = m.blocks[7].at + (torn ? 50 : 0);
        struct disk *d = new_db(1, STRIPES);
        put_log(d, &m);
        struct recovery r = { 0 };
        for (int again = 0; again < 2; again++) {
            assert_recovers(d, &r);
            assert_trace(&r, &m.trace, m.blocks[7].trace);
            assert_int_equal(r.out.cut_bytes, again ? 0 : extent(m.segments[2].p, m.segments[2].n) - (torn ? 0 : (size_t)HEADER) + (torn ? extent(m.segments[1].p + m.blocks[7].at, 50) : 0));
        }
        recovery_free(&r);
        free_log(&m);
        disk_free(d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(large_blocks),
        cmocka_unit_test(truncated_at_every_byte),
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(missing_segments),
        cmocka_unit_test(last_blocks_missing),
        cmocka_unit_test(repair_keeps_a_prefix),
        cmocka_unit_test(foreign_segments),
        cmocka_unit_test(data_that_looks_like_a_block),
        cmocka_unit_test(later_segments_of_a_crash),
    };
    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
