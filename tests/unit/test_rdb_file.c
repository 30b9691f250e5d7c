// RDB files: every kind of item, what is written is what is read, damage at every byte, failing streams, no memory, hostile lengths.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/bare.h"
#include "unit/bytes.h"
#include "base/crc64.h"
#include "store/rdb_file.h"
#include "type/rdb_value.h"

#define BYTES(literal) slice_of(literal, sizeof(literal) - 1)

// ---- files by hand -----------------------------------------------------------------------------------------------------------------

static void end_file(struct buf *b) {
    buf_append_char(b, '\xff');
    uint64_t crc = crc64(0, b->p, b->n);
    for (int i = 0; i < 8; i++) buf_append_char(b, (char)(crc >> (8 * i) & 255));
    assert_false(b->failed);
}

static struct buf file_of(struct slice body) {
    struct buf b = { 0 };
    buf_append_slice(&b, SLICE("REDIS0009"));
    buf_append_slice(&b, body);
    end_file(&b);
    return b;
}

static void text_of(struct rdb_file_reader *r, struct buf *out) {
    const struct rdb_file_key *k = &r->key;
    buf_printf(out, "%llu %u %.*s", (unsigned long long)k->offset, k->meta.db, (int)k->name.n, k->name.p);
    if (k->meta.expires) buf_printf(out, " at %lld", (long long)k->meta.expire_at_ms);
    if (k->meta.idle_s >= 0) buf_printf(out, " idle %lld", (long long)k->meta.idle_s);
    if (k->meta.frequency >= 0) buf_printf(out, " freq %lld", (long long)k->meta.frequency);
    buf_printf(out, " type %d of %zu\n", k->object.p[0], k->object.n);
}

// What a file holds, a line each. `r` is left open.
static struct buf lines_of(struct rdb_file_reader *r, struct pieces *p) {
    struct buf out = { 0 };
    enum rdb_file_item item;
    rdb_file_open(r, (struct byte_source){ pieces_read, p });
    while ((item = rdb_file_next(r)) == RDB_FILE_KEY || item == RDB_FILE_FIELD) {
        if (item == RDB_FILE_KEY) text_of(r, &out);
        else buf_printf(&out, "%.*s=%.*s\n", (int)r->field.n, r->field.p, (int)r->value.n, r->value.p);
    }
    buf_printf(&out, "%s%s", item == RDB_FILE_END ? "end" : r->error, r->unchecked ? " unchecked" : "");
    return out;
}

static void assert_lines(struct slice file, const char *expected) {
    for (size_t piece = 0; piece < 20; piece++) {
        struct pieces p = { .left = file, .piece = piece };
        struct rdb_file_reader r;
        struct buf out = lines_of(&r, &p);
        assert_string_equal(out.p, expected);
        assert_int_equal(rdb_file_next(&r), r.status == KORA_OK ? RDB_FILE_END : RDB_FILE_ERROR);
        buf_free(&out);
        rdb_file_close(&r);
    }
}

static void assert_body(struct slice body, const char *expected) {
    struct buf b = file_of(body);
    assert_lines(slice_of(b.p, b.n), expected);
    buf_free(&b);
}

#define MODULE_PARTS "\x01\x05\x02\x81\0\0\0\1\0\0\0\0\x03" "abcd\x04" "abcdefgh\x05\x03xyz\0"

static void every_item(void **state) {
    (void)state;
    assert_body(SLICE(""), "end");
    assert_body(BYTES("\xfa\x09redis-ver\x06" "7.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x07unknown\x01x"), "end");
    assert_body(BYTES("\xfa\x08kora-log\xc0\x07"), "kora-log=7\nend");
    assert_body(BYTES("\xfe\x02\xfb\x01\x00\0\1k\1v"), "14 2 k type 0 of 3\nend");
    assert_body(BYTES("\xfc\x10\x27\0\0\0\0\0\0\0\1k\1v\0\1j\1v"), "9 0 k at 10000 type 0 of 3\n23 0 j type 0 of 3\nend");
    assert_body(BYTES("\xfd\x10\x27\0\0\0\1k\1v"), "9 0 k at 10000000 type 0 of 3\nend");
    assert_body(BYTES("\xfd\xff\xff\xff\xff\0\1k\1v"), "9 0 k at -1000 type 0 of 3\nend");
    assert_body(BYTES("\xf8\x41\x00\0\1k\1v\xf9\xff\0\1j\1v"), "9 0 k idle 256 type 0 of 3\n17 0 j freq 255 type 0 of 3\nend");
    assert_body(BYTES("\xf4\1\2\3\xf5\3abc\xf6\1a\1b\0\1c\xf6\1a\1b\1\1d\1c\0\xc0\7\0"), "36 0 7 type 0 of 2\nend");
    assert_body(BYTES("\xf7\x81\0\0\0\0\0\0\0\1\2\3" MODULE_PARTS "\0\1k\0"), "53 0 k type 0 of 2\nend");
    assert_body(BYTES("\xfc\x10\x27\0\0\0\0\0\0\x07\1m\5" MODULE_PARTS "\0\1k\0"), "54 0 k type 0 of 2\nend");
    assert_body(BYTES("\0\0\0"), "9 0  type 0 of 2\nend"); // nothing as a name, nothing as a value
    // A name that is compressed, and one that says another length
    assert_body(BYTES("\0\xc3\x06\x18\x01" "aa\xe0\x0d\0\0"), "9 0 aaaaaaaaaaaaaaaaaaaaaaaa type 0 of 2\nend");
    assert_body(BYTES("\0\xc3\x06\x19\x01" "aa\xe0\x0d\0\0"), "offset 10: malformed string");
    // Unchecked, and of versions without a checksum
    assert_lines(BYTES("REDIS0006\0\1k\1v\xff\0\0\0\0\0\0\0\0"), "9 0 k type 0 of 3\nend unchecked");
    assert_lines(BYTES("REDIS0003\0\1k\1v\xff"), "9 0 k type 0 of 3\nend unchecked");
}

static void counts(void **state) {
    (void)state;
    struct buf b = file_of(BYTES("\xfa\x05" "ctime\xc2\0\0\0\x40\xfa\x09redis-ver\x05" "7.0.9\xf5\0\xf5\0\xf6\1a\1b\0\1c\7\1m\5\0\7\1n\5\0\xf7\0\0\0\0\0\1k\0"));
    struct pieces p = { .left = slice_of(b.p, b.n) };
    struct rdb_file_reader r;
    struct buf out = lines_of(&r, &p);
    assert_int_equal(r.status, KORA_OK);
    assert_int_equal(r.version, 9);
    assert_string_equal(r.redis_version, "7.0.9");
    assert_int_equal(r.created_s, 1 << 30);
    assert_int_equal(r.functions, 3);
    assert_int_equal(r.module_values, 2);
    assert_int_equal(r.module_fields, 1);
    assert_int_equal(r.keys, 1);
    assert_int_equal(r.bytes, b.n);
    rdb_file_close(&r);
    buf_free(&out);
    buf_free(&b);
}

static void refused(void **state) {
    (void)state;
    assert_lines(SLICE(""), "offset 0: the file ends within its first nine bytes");
    assert_lines(SLICE("REDIS001"), "offset 8: the file ends within its first nine bytes");
    assert_lines(SLICE("SIDER0010"), "offset 0: this is no RDB file");
    assert_lines(SLICE("REDIS00x0"), "offset 7: malformed version");
    assert_lines(SLICE("REDIS0013"), "offset 5: version 13 of the format is not known, only 1 to 12 are");
    assert_lines(SLICE("REDIS0000"), "offset 5: version 0 of the format is not known, only 1 to 12 are");
    assert_lines(SLICE("REDIS0010"), "offset 9: the file ends within its items, without an end");
    assert_lines(SLICE("REDIS0010\xff" "1234567"), "offset 17: the file ends within its checksum");
    assert_lines(SLICE("REDIS0010\xff" "12345678"), "offset 10: the checksum here is 3837363534333231, but that of the bytes before is eb7ea789fe37fda9");
    assert_lines(SLICE("REDIS0010\0\5ab"), "offset 13: the file ends within the name of a key");
    assert_lines(SLICE("REDIS0010\0\2ab\5cd"), "offset 16: the file ends within the value of a key");
    assert_lines(SLICE("REDIS0010\xfe\xc0\1"), "offset 10: 0xc0 is no length (within the number of a database)");
    assert_lines(SLICE("REDIS0010\xfe\x82\1"), "offset 10: 0x82 is no length (within the number of a database)");
    assert_lines(SLICE("REDIS0010\0\1a\xc4"), "offset 12: 0xc4 is no string (within the value of a key)");
    assert_lines(SLICE("REDIS0010\x16\1a\1b"), "offset 9: nothing begins with 22");
    assert_lines(SLICE("REDIS0010\x06\1a\1b"), "offset 9: a value of a module, from before they had lengths");
    assert_lines(SLICE("REDIS0010\x07\1m\5\6\0"), "offset 13: 6 is no part of a module's data");
    assert_lines(SLICE("REDIS0010\xfe\x80\xff\xff\xff\xff"), "offset 10: 4294967295 is no number of a database");
    assert_lines(BYTES("REDIS0009\xff\0\0\0\0\0\0\0\0x"), "offset 18: something follows the end unchecked");
}

// ---- written and read ------------------------------------------------------------------------------------------------------------------

enum { NOW_MS = 1700000000 };

static void fill_database(struct bare *d) {
    char big[30000];
    memset(big, 'b', sizeof big);
    for (size_t i = 0; i < sizeof big; i += 7) big[i] = (char)i;
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE("int"), SLICE("12345")));
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE("12"), SLICE("a name that is a number")));
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE(""), SLICE("")));
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), SLICE("compressed name")));
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE("big"), slice_of(big, sizeof big), SLICE("PXAT"), SLICE("1800000000000")));
    assert_true(BARE_RUN(d, SLICE("RPUSH"), SLICE("list"), SLICE("a"), SLICE("2"), slice_of(big, 9000), SLICE("z")));
    assert_true(BARE_RUN(d, SLICE("SADD"), SLICE("intset"), SLICE("1"), SLICE("70000")));
    assert_true(BARE_RUN(d, SLICE("SADD"), SLICE("set"), SLICE("1"), SLICE("a"), SLICE("b")));
    assert_true(BARE_RUN(d, SLICE("ZADD"), SLICE("zset"), SLICE("1"), SLICE("a"), SLICE("-inf"), SLICE("b")));
    assert_true(BARE_RUN(d, SLICE("ZADD"), SLICE("large zset"), SLICE("1"), slice_of(big, 100), SLICE("2.5"), SLICE("b")));
    assert_true(BARE_RUN(d, SLICE("HSET"), SLICE("hash"), SLICE("f"), SLICE("v"), SLICE("g"), SLICE("w")));
    assert_true(BARE_RUN(d, SLICE("HSET"), SLICE("large hash"), SLICE("f"), slice_of(big, 500), SLICE("g"), SLICE("w")));
    assert_true(BARE_RUN(d, SLICE("XADD"), SLICE("stream"), SLICE("1-1"), SLICE("f"), SLICE("v")));
    assert_true(BARE_RUN(d, SLICE("XADD"), SLICE("stream"), SLICE("2-1"), SLICE("f"), SLICE("w")));
    assert_true(BARE_RUN(d, SLICE("XGROUP"), SLICE("CREATE"), SLICE("stream"), SLICE("g"), SLICE("0")));
    assert_true(BARE_RUN(d, SLICE("XREADGROUP"), SLICE("GROUP"), SLICE("g"), SLICE("c"), SLICE("STREAMS"), SLICE("stream"), SLICE(">")));
    assert_true(BARE_RUN(d, SLICE("SELECT"), SLICE("3")));
    assert_true(BARE_RUN(d, SLICE("SET"), SLICE("int"), SLICE("in another database")));
    assert_true(BARE_RUN(d, SLICE("SELECT"), SLICE("0")));
}

struct writing {
    struct rdb_file_writer w;
    int64_t frequency;
    uint32_t db;
};

static void write_entry(void *arg, void *entry) {
    struct writing *x = arg;
    const struct entry *e = entry;
    struct rdb_file_meta m = { x->db, entry_expires(e), entry_expire_at(e), x->frequency % 3 ? -1 : x->frequency, x->frequency % 2 ? x->frequency % 256 : -1 };
    x->frequency++;
    rdb_file_key(&x->w, &m, e);
}

static int write_database(struct bare *d, struct collected *to, bool newest) {
    struct writing x = { .frequency = 250 };
    struct txn t;
    txn_begin(&t, &d->c);
    rdb_file_begin(&x.w, (struct byte_sink){ collected_write, to }, newest);
    rdb_file_field(&x.w, SLICE("redis-ver"), SLICE("7.0.15"));
    rdb_file_number(&x.w, "redis-bits", 64);
    rdb_file_field(&x.w, SLICE("kora-test"), SLICE("of its own"));
    for (uint32_t db = 0; db < BARE_DATABASES; db++) {
        uint64_t cursor = 0;
        if (!stripe_count(&d->c.stripes[0], db)) continue;
        x.db = db;
        if (db != 3) rdb_file_db(&x.w, db, stripe_count(&d->c.stripes[0], db), stripe_count_expiring(&d->c.stripes[0], db));
        do cursor = stripe_scan(&d->c.stripes[0], &t, db, cursor, 10, write_entry, &x);
        while (cursor);
    }
    return rdb_file_end(&x.w);
}

// Reads a file into a database. The status; *error: with a text.
static int read_database(struct bare *d, struct slice file, size_t piece, char error[160]) {
    struct pieces p = { .left = file, .piece = piece };
    struct rdb_file_reader r;
    enum rdb_file_item item;
    rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
    while ((item = rdb_file_next(&r)) == RDB_FILE_KEY || item == RDB_FILE_FIELD) {
        struct txn t;
        struct key k;
        struct rdb_object o;
        if (item == RDB_FILE_FIELD) continue;
        if (r.key.meta.db >= BARE_DATABASES) {
            rdb_file_refuse(&r, KORA_CORRUPT, "no such database");
            break;
        }
        txn_begin(&t, &d->c);
        key_locate(&d->c, &k, r.key.meta.db, r.key.name);
        struct entry *old = key_find(&t, &k, 0);
        struct rdb_reader in = rdb_reader_of(r.key.object);
        if (!rdb_read_object(&in, &t, &k, &o) || !rdb_finish(&in)) {
            if (rdb_ok(&in) || in.error == RDB_CORRUPT) rdb_file_refuse(&r, KORA_CORRUPT, "malformed value");
            else rdb_file_refuse(&r, KORA_NOMEM, "out of memory");
            break;
        }
        int64_t at = r.key.meta.expires ? r.key.meta.expire_at_ms : EXPIRE_NONE;
        int status = o.is_string ? key_set_string(&t, &k, old, o.string, STRING_AS_SET, at, NULL) : value_store(&o.value, old, at);
        rdb_object_free(&o);
        effect_flush(&t);
        if (status != KORA_OK) {
            rdb_file_refuse(&r, status, "out of memory");
            break;
        }
    }
    snprintf(error, 160, "%s", r.error);
    int status = r.status;
    rdb_file_close(&r);
    return status;
}

// Written again, a file is the same: keys come in the order of their hashes.
static void assert_same(struct bare *d, struct slice file, bool newest) {
    struct collected again = { 0 };
    assert_int_equal(write_database(d, &again, newest), KORA_OK);
    assert_true(slice_equal(slice_of(again.b.p, again.b.n), file));
    buf_free(&again.b);
}

static void round_trip(void **state) {
    (void)state;
    char error[160];
    for (int newest = 0; newest < 2; newest++) {
        struct bare *from = bare_new(1, NOW_MS, (struct effect_sink){ 0 }), *to = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
        struct collected file = { 0 };
        fill_database(from);
        assert_int_equal(write_database(from, &file, newest), KORA_OK);
        assert_memory_equal(file.b.p, newest ? "REDIS0012" : "REDIS0010", 9);
        for (size_t piece = 0; piece < 3; piece++) {
            assert_int_equal(read_database(to, slice_of(file.b.p, file.b.n), piece, error), KORA_OK);
            bare_check(to);
            assert_same(to, slice_of(file.b.p, file.b.n), newest);
        }
        buf_free(&file.b);
        bare_free(from);
        bare_free(to);
    }
}

static void meta_is_kept(void **state) {
    (void)state;
    struct collected file = { 0 };
    struct rdb_file_writer w;
    rdb_file_begin(&w, (struct byte_sink){ collected_write, &file }, false);
    rdb_file_db(&w, 5, 2, 1);
    rdb_file_object(&w, &(struct rdb_file_meta){ 5, true, 123456789012, 77, -1 }, SLICE("a"), BYTES("\0\1x"));
    rdb_file_object(&w, &(struct rdb_file_meta){ 5, true, -5, -1, 0 }, SLICE("b"), BYTES("\0\1y"));
    rdb_file_object(&w, &(struct rdb_file_meta){ 5, false, 0, -1, -1 }, SLICE(""), BYTES("\0\1z"));
    assert_int_equal(rdb_file_end(&w), KORA_OK);
    assert_int_equal(w.keys, 3);
    assert_int_equal(w.bytes, file.b.n);
    assert_lines(slice_of(file.b.p, file.b.n), "14 5 a at 123456789012 idle 77 type 0 of 3\n31 5 b at -5 freq 0 type 0 of 3\n47 5  type 0 of 3\nend");
    buf_free(&file.b);
}

static void parts_and_databases(void **state) {
    (void)state;
    struct collected file = { 0 };
    struct rdb_file_writer w;
    struct rdb_file_meta m = { .idle_s = -1, .frequency = -1 };
    rdb_file_begin(&w, (struct byte_sink){ collected_write, &file }, false);
    rdb_file_object(&w, &m, SLICE("a"), BYTES("\0\1x"));
    m.db = 70;
    rdb_file_part(&w, &m, SLICE("b"), BYTES("\2"), true, false);
    rdb_file_part(&w, &m, SLICE("b"), BYTES("\2\1x"), false, false);
    rdb_file_part(&w, &m, SLICE("b"), BYTES("\1y"), false, true);
    rdb_file_object(&w, &m, SLICE("c"), BYTES("\0\1x"));
    m.db = 0;
    rdb_file_object(&w, &m, SLICE("d"), BYTES("\0\1x"));
    assert_int_equal(rdb_file_end(&w), KORA_OK);
    assert_int_equal(w.keys, 4);
    assert_lines(slice_of(file.b.p, file.b.n), "11 0 a type 0 of 3\n19 70 b type 2 of 6\n27 70 c type 0 of 3\n34 0 d type 0 of 3\nend");
    buf_free(&file.b);
}

static void dump_in_place(void **state) {
    (void)state;
    struct buf b = file_of(BYTES("\0\1k\1v\0\1j\1w"));
    for (size_t piece = 0; piece < 30; piece++) {
        struct pieces p = { .left = slice_of(b.p, b.n), .piece = piece };
        struct rdb_file_reader r;
        struct slice object;
        rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
        for (const char *expected = "\0\1v\0\1w", *at = expected; at < expected + 6; at += 3) {
            assert_int_equal(rdb_file_next(&r), RDB_FILE_KEY);
            assert_true(rdb_check_footer(rdb_file_dump(&r), &object));
            assert_true(slice_equal(object, slice_of(at, 3)));
        }
        assert_int_equal(rdb_file_next(&r), RDB_FILE_END);
        rdb_file_close(&r);
    }
    buf_free(&b);
}

// ---- damage ----------------------------------------------------------------------------------------------------------------------------

static void assert_names_offset(const char *error, size_t max) {
    unsigned long long offset;
    assert_int_equal(sscanf(error, "offset %llu: ", &offset), 1);
    assert_true(offset <= max);
}

static void damage(void **state) {
    (void)state;
    char error[160];
    struct bare *from = bare_new(1, NOW_MS, (struct effect_sink){ 0 }), *to = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
    struct collected file = { 0 };
    fill_database(from);
    assert_true(BARE_RUN(from, SLICE("DEL"), SLICE("big"), SLICE("list"), SLICE("large zset"), SLICE("large hash")));
    assert_int_equal(write_database(from, &file, false), KORA_OK);
    assert_true(file.b.n < 1500);
    char *copy = malloc(file.b.n);
    assert_non_null(copy);
    for (size_t n = 0; n < file.b.n; n++) {
        memcpy(copy, file.b.p, n);
        assert_int_equal(read_database(to, slice_of(copy, n), 0, error), KORA_CORRUPT);
        assert_names_offset(error, n);
    }
    for (size_t bit = 0; bit < 8 * file.b.n; bit++) {
        memcpy(copy, file.b.p, file.b.n);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(read_database(to, slice_of(copy, file.b.n), bit % 3 * 50, error), KORA_CORRUPT);
        assert_names_offset(error, file.b.n);
    }
    // Without a checksum it may go unseen, but does no harm.
    memset(file.b.p + file.b.n - 8, 0, 8);
    for (size_t at = 0; at < file.b.n - 8; at++) {
        for (int byte = 0; byte < 256; byte += at % 2 ? 1 : 5) {
            memcpy(copy, file.b.p, file.b.n);
            copy[at] = (char)byte;
            if (read_database(to, slice_of(copy, file.b.n), 0, error) != KORA_OK) assert_names_offset(error, file.b.n);
        }
        bare_check(to);
    }
    free(copy);
    buf_free(&file.b);
    bare_free(from);
    bare_free(to);
}

static void no_trust_in_lengths(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "\0\x81\x7f\xff\xff\xff\xff\xff\xff\xff" "abc", "\0\1k\x81\x7f\xff\xff\xff\xff\xff\xff\xff" "abc", "\0\1k\x80\xff\xff\xff\xff" "abc",
        "\1\1k\x81\xff\xff\xff\xff\xff\xff\xff\xff\1a\1b", "\4\1k\x81\xff\xff\xff\xff\xff\xff\xff\xff\1a\1b", "\0\1k\xc3\x80\xff\xff\xff\xff\x80\xff\xff\xff\xff" "abc",
    };
    static const size_t lengths[] = { 13, 15, 11, 16, 16, 17 };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct buf b = { 0 };
        buf_append_slice(&b, SLICE("REDIS0010"));
        buf_append(&b, bodies[i], lengths[i]);
        struct pieces p = { .left = slice_of(b.p, b.n) };
        struct rdb_file_reader r;
        rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
        assert_int_equal(rdb_file_next(&r), RDB_FILE_ERROR);
        assert_int_equal(r.status, KORA_CORRUPT);
        assert_true(r.in.cap <= 256 << 10);
        rdb_file_close(&r);
        buf_free(&b);
    }
}

// Values of some MB: memory stays near the largest one, and each byte is asked for once.
static void large(void **state) {
    (void)state;
    enum { BIG = 3 << 20, COUNT = 12 };
    struct collected file = { 0 };
    struct rdb_file_writer w;
    char *object = malloc(BIG + 6);
    assert_non_null(object);
    memcpy(object, "\0\x80\0\x30\0\0", 6);
    for (size_t i = 0; i < BIG; i++) object[6 + i] = (char)(i * i >> 7);
    rdb_file_begin(&w, (struct byte_sink){ collected_write, &file }, false);
    for (int i = 0; i < COUNT; i++) rdb_file_object(&w, &(struct rdb_file_meta){ .idle_s = -1, .frequency = -1 }, SLICE("k"), slice_of(object, BIG + 6));
    assert_true(w.out.cap < 1 << 20); // not kept
    assert_int_equal(rdb_file_end(&w), KORA_OK);
    struct pieces p = { .left = slice_of(file.b.p, file.b.n), .piece = 100000 };
    struct rdb_file_reader r;
    rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(rdb_file_next(&r), RDB_FILE_KEY);
        assert_true(slice_equal(r.key.object, slice_of(object, BIG + 6)));
        assert_true(r.in.cap <= 2 * BIG);
    }
    assert_int_equal(rdb_file_next(&r), RDB_FILE_END);
    assert_true(p.calls < file.b.n / 60000);
    rdb_file_close(&r);
    free(object);
    buf_free(&file.b);
}

// ---- failing ---------------------------------------------------------------------------------------------------------------------------

static void failing_streams(void **state) {
    (void)state;
    struct bare *d = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
    struct collected file = { 0 };
    fill_database(d);
    assert_int_equal(write_database(d, &file, false), KORA_OK);
    long writes = (long)file.fails.calls;
    assert_true(writes >= 2);
    for (long n = 1; n <= writes; n++) {
        struct collected other = { .fails = { .fail_in = n, .code = ENOSPC } };
        assert_int_equal(write_database(d, &other, false), KORA_SYSTEM);
        assert_int_equal(other.fails.calls, n); // nothing is written after it
        buf_free(&other.b);
    }
    for (long n = 1; n <= (long)(file.b.n / 50); n++) {
        struct pieces p = { .left = slice_of(file.b.p, file.b.n), .piece = 50, .fail_in = n, .code = EIO };
        struct rdb_file_reader r;
        rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
        enum rdb_file_item item;
        while ((item = rdb_file_next(&r)) == RDB_FILE_KEY || item == RDB_FILE_FIELD) {}
        assert_int_equal(item, RDB_FILE_ERROR);
        assert_int_equal(r.status, KORA_SYSTEM);
        assert_int_equal(r.code, -EIO);
        assert_names_offset(r.error, file.b.n);
        assert_non_null(strstr(r.error, "Input/output error"));
        rdb_file_close(&r);
    }
    buf_free(&file.b);
    bare_free(d);
}

static void no_memory(void **state) {
    (void)state;
    char error[160];
    struct bare *from = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
    struct collected file = { 0 };
    fill_database(from);
    assert_int_equal(write_database(from, &file, false), KORA_OK);
    for (int forever = 0; forever < 2; forever++) {
        long n = 1;
        for (;; n++) {
            struct collected other = { 0 };
            assert_non_null(buf_reserve(&other.b, file.b.n)); // the test's own
            mem_fail(n, forever);
            int status = write_database(from, &other, false);
            bool failed = mem_fail_left() <= 0;
            mem_fail(0, false);
            if (status == KORA_OK) assert_true(slice_equal(slice_of(other.b.p, other.b.n), slice_of(file.b.p, file.b.n)));
            else assert_int_equal(status, KORA_NOMEM);
            buf_free(&other.b);
            if (!failed) break;
        }
        assert_true(n > 2);
        for (n = 1;; n++) {
            struct bare *to = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
            mem_fail(n, forever);
            int status = read_database(to, slice_of(file.b.p, file.b.n), 1000, error);
            bool failed = mem_fail_left() <= 0;
            mem_fail(0, false);
            bare_check(to);
            if (status != KORA_OK) assert_int_equal(status, KORA_NOMEM);
            else assert_same(to, slice_of(file.b.p, file.b.n), false);
            bare_free(to);
            if (!failed) break;
        }
        assert_true(n > 20);
    }
    buf_free(&file.b);
    bare_free(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item),
        cmocka_unit_test(counts),
        cmocka_unit_test(refused),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(meta_is_kept),
        cmocka_unit_test(parts_and_databases),
        cmocka_unit_test(dump_in_place),
        cmocka_unit_test(damage),
        cmocka_unit_test(no_trust_in_lengths),
        cmocka_unit_test(large),
        cmocka_unit_test(failing_streams),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("rdb file", tests, NULL, NULL);
}
