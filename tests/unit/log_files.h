// For tests of recovery: a writer of the log's files by the words of store/format.h, which shares no code with the log's own; a world to recover
// in, on a simulated disk; what was recovered, as text.
#ifndef TESTS_UNIT_LOG_FILES_H
#define TESTS_UNIT_LOG_FILES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "kora.h"
#include "sim/disk.h"
#include "store/recover.h"

// ---- the writer -----------------------------------------------------------------------------------------------------------------------

static const uint8_t test_id[STORE_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static inline void le(void *to, uint64_t n, int bytes) {
    for (int i = 0; i < bytes; i++) ((uint8_t *)to)[i] = (uint8_t)(n >> (8 * i));
}
static inline void put_le(struct buf *b, uint64_t n, int bytes) {
    char text[8];
    le(text, n, bytes);
    buf_append(b, text, (size_t)bytes);
}
static inline void put_seven(struct buf *b, uint64_t n) {
    for (; n >= 128; n /= 128) buf_append_char(b, (char)(n % 128 + 128));
    buf_append_char(b, (char)n);
}
static inline void pad_to_8(struct buf *b, size_t from) {
    while ((b->n - from) % 8) buf_append_char(b, 0);
}

struct rec {
    uint64_t position, epoch;
    uint32_t call, parts;
};
// SET key value, in database 0; padded. Returns where it begins.
static inline size_t put_set(struct buf *b, struct rec r, const char *key, size_t value_n) {
    size_t at = b->n;
    put_le(b, 0, 8);
    put_le(b, r.position, 8);
    put_le(b, r.epoch, 8);
    put_le(b, r.call, 4);
    put_le(b, r.parts, 4);
    put_seven(b, 0);
    put_seven(b, 3);
    put_seven(b, 3);
    buf_append(b, "SET", 3);
    put_seven(b, strlen(key));
    buf_append(b, key, strlen(key));
    put_seven(b, value_n);
    for (size_t i = 0; i < value_n; i++) buf_append_char(b, (char)('a' + (i + strlen(key)) % 26));
    le(b->p + at, b->n - at, 4);
    le(b->p + at + 4, crc32c(0, b->p + at + 8, b->n - at - 8), 4);
    pad_to_8(b, at);
    return at;
}

static inline void put_segment_header(struct buf *b, uint64_t first, uint64_t synced_upto, uint32_t stripes) {
    size_t at = b->n;
    buf_append(b, "KORALOG1", 8);
    put_le(b, 1, 4);
    put_le(b, stripes, 4);
    put_le(b, first, 8);
    put_le(b, synced_upto, 8);
    buf_append(b, test_id, sizeof test_id);
    put_le(b, 0, 8);
    put_le(b, 0, 4);
    put_le(b, crc32c(0, b->p + at, 60), 4);
}

// The records of stripe i are records[i]; empty ones are left out. Records are emptied.
static inline void put_block(struct buf *b, uint64_t round, uint64_t before, uint64_t synced_upto, struct buf *records, uint32_t stripes) {
    size_t at = b->n;
    uint32_t parts = 0;
    for (uint32_t i = 0; i < stripes; i++) parts += records[i].n > 0;
    buf_append(b, "KRND", 4);
    put_le(b, 0, 4);
    put_le(b, round, 8);
    put_le(b, before, 8);
    put_le(b, synced_upto, 8);
    put_le(b, 0, 8);
    put_le(b, parts, 4);
    put_le(b, 0, 4);
    for (uint32_t i = 0; i < stripes; i++) {
        if (!records[i].n) continue;
        put_le(b, i, 4);
        put_le(b, 0, 4);
        put_le(b, records[i].n, 8);
    }
    for (uint32_t i = 0; i < stripes; i++) {
        buf_append(b, records[i].p, records[i].n);
        buf_free(&records[i]);
    }
    le(b->p + at + 32, b->n - at, 8);
    le(b->p + at + 4, crc32c(0, b->p + at + 8, b->n - at - 8), 4);
}

// A round with its check.
static inline void le_round(void *to, uint64_t round) {
    le(to, round, 6);
    le((char *)to + 6, crc32c(0, to, 6), 2);
}

// A staging file: all of it zeros but the header. Nothing was synced.
static inline void put_staging(struct buf *b, uint32_t stripes, uint64_t ring, uint64_t first_epoch, const char *boot, uint32_t state, uint64_t round) {
    size_t size = 4096 + stripes * (64 + ring);
    char *p = buf_reserve(b, size);
    assert_non_null(p);
    memset(p, 0, size);
    b->n = size;
    memcpy(p, "KORASTG1", 8);
    le(p + 8, 1, 4);
    le(p + 12, stripes, 4);
    le(p + 16, ring, 8);
    le(p + 24, first_epoch, 8);
    memcpy(p + 32, boot, OS_BOOT_ID_MAX);
    memcpy(p + 72, test_id, sizeof test_id);
    le(p + 88, crc32c(0, p, 88), 4);
    le(p + 256, state, 4);
    le_round(p + 264, round);
    le_round(p + 272, 0);
}

// The ring of a stripe while it is being filled; the position wraps as the format says.
struct ring_writer {
    struct buf *file;
    uint64_t ring, position;
    uint32_t stripe;
};
static inline char *ring_at(const struct ring_writer *w, uint64_t offset) { return w->file->p + 4096 + w->stripe * (64 + w->ring) + 64 + offset; }
static inline void ring_taken(const struct ring_writer *w, uint64_t taken) { le(ring_at(w, 0) - 64, taken, 8); }
// Skips to the ring's start if n more bytes don't fit behind.
static inline void ring_room(struct ring_writer *w, size_t n) {
    uint64_t left = w->ring - w->position % w->ring;
    if (n <= left) return;
    if (left >= 32) {
        char *p = ring_at(w, w->position % w->ring);
        memset(p, 0, 32);
        le(p, 0xffffffff, 4);
        le(p + 8, w->position, 8);
        le(p + 4, crc32c(0, p + 8, 24), 4);
    }
    w->position += left;
}
// Returns the record's offset in the file.
static inline size_t ring_set(struct ring_writer *w, uint64_t epoch, uint32_t call, uint32_t parts, const char *key, size_t value_n) {
    struct buf b = { 0 };
    put_set(&b, (struct rec){ 0, epoch, call, parts }, key, value_n);
    ring_room(w, b.n);
    buf_clear(&b);
    put_set(&b, (struct rec){ w->position, epoch, call, parts }, key, value_n);
    char *to = ring_at(w, w->position % w->ring);
    memcpy(to, b.p, b.n);
    w->position += b.n;
    buf_free(&b);
    return (size_t)(to - w->file->p);
}
// A record that stands for `records`, in the file of this number.
static inline void ring_apart(struct ring_writer *w, struct rec r, uint64_t number, const struct buf *records) {
    ring_room(w, 56);
    char *p = ring_at(w, w->position % w->ring);
    memset(p, 0, 56);
    le(p, 0xfffffffe, 4);
    le(p + 8, r.position, 8);
    le(p + 16, r.epoch, 8);
    le(p + 24, r.call, 4);
    le(p + 28, r.parts, 4);
    le(p + 32, number, 8);
    le(p + 40, records->n, 8);
    le(p + 48, crc32c(0, records->p, records->n), 4);
    le(p + 4, crc32c(0, p + 8, 44), 4);
    w->position += 56;
}

// ---- the disk -----------------------------------------------------------------------------------------------------------------------------

static inline void put_file(struct disk *d, const char *path, const void *p, size_t n) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE);
    assert_true(fd >= 0);
    assert_int_equal(os_write_all(os, fd, p, n, 0), 0);
    assert_int_equal(os->close(os->arg, fd), 0);
}
static inline void put_buf(struct disk *d, const char *path, struct buf *b) {
    put_file(d, path, b->p, b->n);
    buf_free(b);
}
static inline char *get_file(struct disk *d, const char *path, size_t *n) {
    char *p = NULL;
    int err = os_read_file(disk_os(d), path, 1u << 30, &p, n);
    if (err) assert_int_equal(err, -ENOENT);
    return p;
}
static inline bool has_file(struct disk *d, const char *path) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_READ);
    if (fd >= 0) os->close(os->arg, fd);
    return fd >= 0;
}
static inline void boot_of(struct disk *d, char to[OS_BOOT_ID_MAX]) {
    memset(to, 0, OS_BOOT_ID_MAX);
    assert_int_equal(disk_os(d)->boot_id(disk_os(d)->arg, to), 0);
}

// A directory "db" with a manifest, and log/.
static inline struct disk *new_db(uint64_t seed, uint32_t stripes) {
    struct disk *d = disk_new(seed);
    struct store s;
    char error[256];
    if (store_open(disk_os(d), "db", NULL, &s, error, sizeof error) != KORA_OK) fail_msg("%s", error);
    assert_true(s.is_new);
    struct manifest m = { .stripes = stripes, .databases = 16, .first_round = 1, .seed = { 7, 8 } };
    memcpy(m.id, test_id, sizeof m.id);
    assert_int_equal(store_commit(&s, &m, error, sizeof error), KORA_OK);
    store_close(&s);
    assert_int_equal(disk_os(d)->make_dir(disk_os(d)->arg, "db/log"), 0);
    disk_settle(d);
    return d;
}

// ---- recovering --------------------------------------------------------------------------------------------------------------------------

struct recovery {
    int status;
    struct recovered out;
    struct buf trace, said; // "stripe key length;" for each effect; a line for each thing said
    uint32_t warnings;
    char error[512];
    uint64_t from_round;
    bool repair;
    int stop_after;         // effects; 0: never
};

static inline int trace_effect(void *arg, const struct recovered_effect *e) {
    struct recovery *r = arg;
    if (r->stop_after && --r->stop_after == 0) return KORA_CONFLICT;
    if (e->argc != 3) return KORA_INVAL;
    buf_append_int(&r->trace, e->stripe);
    buf_append_char(&r->trace, ' ');
    buf_append_slice(&r->trace, e->argv[1]);
    buf_append_char(&r->trace, ' ');
    buf_append_int(&r->trace, (int64_t)e->argv[2].n);
    buf_append_char(&r->trace, ';');
    return r->trace.failed ? KORA_NOMEM : KORA_OK;
}
static inline void note_said(void *arg, int level, const char *text) {
    struct recovery *r = arg;
    r->warnings += level == KORA_LOG_WARNING;
    buf_append(&r->said, text, strlen(text));
    buf_append_char(&r->said, '\n');
}
static inline void recovery_free(struct recovery *r) {
    buf_free(&r->trace);
    buf_free(&r->said);
}

// Opens the store, recovers, closes. `r` has from_round, repair, stop_after.
static inline void recover(struct disk *d, struct recovery *r) {
    struct store s;
    buf_clear(&r->trace);
    buf_clear(&r->said);
    r->warnings = 0;
    r->out = (struct recovered){ 0 };
    r->error[0] = 0;
    r->status = store_open(disk_os(d), "db", NULL, &s, r->error, sizeof r->error);
    if (r->status != KORA_OK) return;
    struct recover_config c = { .store = &s, .from_round = r->from_round ? r->from_round : s.manifest.first_round, .repair = r->repair, .apply = trace_effect,
        .say = note_said, .arg = r };
    r->status = log_recover(&c, &r->out, r->error, sizeof r->error);
    store_close(&s);
}
static inline const char *trace_of(struct recovery *r) {
    buf_append_char(&r->trace, 0);
    r->trace.n--;
    return r->trace.p;
}
static inline const char *said_of(struct recovery *r) {
    buf_append_char(&r->said, 0);
    r->said.n--;
    return r->said.p;
}

static inline bool long_form(void) {
    const char *v = getenv("KORA_TEST_LONG");
    return v && *v && strcmp(v, "0") != 0;
}

#endif
