// What the readers of a database's files share: manifest.c, reader.c (a segment), staged.c (the staging file), recover.c, check.c.
#ifndef KORA_STORE_RECOVER_INT_H
#define KORA_STORE_RECOVER_INT_H

#include "base/buf.h"
#include "store/bytes.h"
#include "store/recover.h"

// ---- numbers in files: little endian, aligned or not ----------------------------------------------------------------------------

static inline uint32_t get_u32(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static inline uint64_t get_u64(const char *p) { return get_u32(p) | (uint64_t)get_u32(p + 4) << 32; }

// Rounds and epochs beyond this are no numbers that a log has ever counted to.
#define ROUND_MAX (UINT64_C(1) << 62)
enum { STRIPES_MAX = 1 << 20, STORE_PATH_SLACK = 64 };

// ---- failing ----------------------------------------------------------------------------------------------------------------------

// Where a reason goes, cut to what fits.
struct reason {
    char *text;
    size_t size;
};
int store_fail(struct reason r, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
// An operation on a file has failed with a negative errno: KORA_NOMEM or KORA_SYSTEM.
int store_fail_os(struct reason r, const char *path, int err);
int store_fail_memory(struct reason r);
char *store_path(const char *dir, const char *name); // NULL: no memory

// place.c: what is staged is not somewhere else than it will be looked for. KORA_OK, or the reason.
int place_check(const struct store *s, struct reason why);

// ---- records (format.h) -------------------------------------------------------------------------------------------------------------

struct record {
    uint64_t position, epoch, call;
    uint32_t length, parts;
};
static inline struct record record_header(const char *p) {
    return (struct record){ get_u64(p + 8), get_u64(p + 16), get_u32(p + 24), get_u32(p), get_u32(p + 28) };
}
// The body of a record as an effect: false if it is not one. `args` holds argv until the next.
struct args {
    struct slice *at;
    size_t cap;
    bool failed; // no memory
};
bool record_effect(const char *body, size_t n, struct args *args, struct recovered_effect *out);
void args_free(struct args *args);

// ---- a segment ------------------------------------------------------------------------------------------------------------------------

enum read_result {
    READ_OK,      // a header, a block
    READ_END,     // nothing but zeros from here on
    READ_DAMAGED, // reader.damage tells why, reader.at where
    READ_FOREIGN, // the header is whole, and not of this database or of this version: never the tail of a crash
    READ_FAILED,  // reader.failed: a negative errno
};

struct block {
    uint64_t at, bytes; // in the file
    uint64_t round, before, synced_upto;
    uint32_t parts;
};

// Reads a file through a window, that grows with the largest record and no further.
struct reader {
    const struct os *os;
    int fd, failed;
    uint64_t size, at;      // of the file; where the next block begins
    uint64_t first, synced_upto;
    uint32_t stripes;
    const char *damage;
    bool newer;             // READ_FOREIGN: of a version that this code doesn't know
    uint64_t record_at;     // of a record that is damaged
    char *window;
    size_t window_cap, window_n;
    uint64_t window_at;
    struct buf table;       // of a block: which stripes, how many bytes
    struct args args;
};
// The header of a segment whose name says `first`. reader_close it whatever the result.
enum read_result reader_open(struct reader *r, const struct os *os, const char *path, const uint8_t *id, uint64_t first);
void reader_close(struct reader *r);
// The block at r->at, whose checksum is right; r->at is behind it then.
enum read_result reader_next(struct reader *r, struct block *b);
// Its records, in order. The first walk is with `fn` NULL: it looks whether all are whole, so that no half of a block is ever applied.
typedef int record_fn(void *arg, const struct recovered_effect *e);
enum read_result reader_records(struct reader *r, const struct block *b, record_fn *fn, void *arg, uint64_t *count, int *stopped);
// The highest synced_upto of any whole block behind the damage at r->at, if it is above `round`; else `round`.
enum read_result reader_search(struct reader *r, uint64_t round, uint64_t *synced_upto);
// Bytes from `at` to the last one that is not zero.
enum read_result reader_extent(struct reader *r, uint64_t at, uint64_t *bytes);

// ---- the staging file -------------------------------------------------------------------------------------------------------------------

struct staged_record {
    uint64_t epoch, call;
    uint32_t stripe, parts;
    size_t at, n;  // in `bytes`: padded, as in a block
    bool dropped;
};

struct staged {
    bool there, closed;    // a file; marked as empty
    bool whole;            // nothing was wrong with it
    uint32_t stripes;
    struct staged_record *records; // in the order of the stripes, and each stripe's in its own
    size_t count, cap;
    struct buf bytes;
    uint64_t last_epoch;   // of all its records, those that are dropped too; 0: there are none beyond the last round
    uint64_t kept, dropped_bytes, incomplete_calls, problems;
};

struct staged_source {
    const struct os *os;
    const char *dir;
    const uint8_t *id;
    uint64_t round;        // the last one in the log
    void (*say)(void *arg, int level, const char *text);
    void *arg;
};
// What is staged of epochs after the last round, complete calls only. KORA_OK also if there is nothing, or nothing that can be used.
int staged_read(struct staged *s, const struct staged_source *from, struct reason why);
void staged_free(struct staged *s);
// The last round that the staging file knows to have been synced; 0: it knows of none. Whatever else is wrong with it, staged_read says.
int staged_synced(const struct staged_source *from, uint64_t *round, struct reason why);
// Removes the staging file and those beside it, for good.
int staged_remove(const struct os *os, const char *dir, struct reason why);
bool staged_name(const char *name); // is it a file of staging?

// ---- the log ----------------------------------------------------------------------------------------------------------------------------

struct scanned {
    uint64_t first, size, end; // a segment: round of its name; bytes; of its whole blocks
    bool blocks;               // it has some
};

struct scan {
    const struct recover_config *c;
    const struct os *os;
    struct reason why;
    const char *staging_dir;
    char *dir;                 // of the segments
    struct scanned *segments;  // ascending
    size_t count, cap;
    size_t empty_begin, empty_end; // files of no bytes, which are no segments, also in `segments`
    size_t begin;              // the first one that is needed
    uint64_t from;             // the first round that is
    uint64_t last, synced;     // the last round that was read; the highest synced_upto
    bool any;                  // a round was read
    bool checking;             // go on behind damage, and count it
    bool no_memory;
    bool damaged;              // at this place, and what is behind it is to go
    bool gap;                  // repair: and it was not the tail of a crash
    size_t damaged_segment;
    uint64_t damaged_at;
    uint64_t errors;
    uint64_t done, total, told; // bytes, for progress
    struct staged staged;
    struct recovered *out;
};
// Reads all there is, and hands it to c->apply. Changes nothing on the disk.
int scan_all(struct scan *s);
int scan_size(struct scan *s); // looks only which segments there are: s->total
void scan_free(struct scan *s);
char *scan_path(const struct scan *s, size_t i);
void scan_say(const struct scan *s, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

// settle.c: what log_recover changes on the disk when all was read.
int settle(struct scan *s);

#endif
