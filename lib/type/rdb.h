// Redis's RDB encoding over memory: the primitives that values are written with in DUMP, snapshots and dump.rdb. Here are lengths, strings,
// numbers and the footer of DUMP; what they make up for each type is the types' business.
#ifndef KORA_TYPE_RDB_H
#define KORA_TYPE_RDB_H

#include "base/base.h"
#include "base/buf.h"

enum {
    RDB_VERSION = 10,          // written: Redis 7.0 reads it
    RDB_VERSION_READ_MAX = 12, // read: up to Redis 7.4's
    RDB_FOOTER_BYTES = 10      // of DUMP
};

// What an object begins with.
enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3, // scores as text
    RDB_HASH = 4,
    RDB_ZSET_2 = 5, // binary scores
    RDB_MODULE_PRE_GA = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14,
    RDB_STREAM_LISTPACKS = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18,
    RDB_STREAM_LISTPACKS_2 = 19,
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_LISTPACKS_3 = 21,
    RDB_HASH_METADATA = 24,   // fields with expiry
    RDB_HASH_LISTPACK_EX = 25
};

// ---- writing: everything is appended to `out`, whose `failed` tells at the end whether there was memory for all of it

struct rdb_writer {
    struct buf *out;
    bool compress; // strings above 20 bytes with LZF, where that makes them smaller
    bool newest;   // values in forms that Redis 7.0 does not read, where these hold more
};

static inline void rdb_write_byte(struct rdb_writer *w, unsigned byte) { buf_append_char(w->out, (char)byte); }
static inline void rdb_write_raw(struct rdb_writer *w, struct slice s) { buf_append_slice(w->out, s); }
void rdb_write_length(struct rdb_writer *w, uint64_t n);
void rdb_write_string(struct rdb_writer *w, struct slice s);
void rdb_write_integer(struct rdb_writer *w, int64_t n);     // the string of its digits
void rdb_write_double(struct rdb_writer *w, double n);       // 8 bytes
void rdb_write_text_double(struct rdb_writer *w, double n);  // as old sorted sets have it
void rdb_write_u32(struct rdb_writer *w, uint32_t n);        // little endian
void rdb_write_u64(struct rdb_writer *w, uint64_t n);
void rdb_write_ms(struct rdb_writer *w, int64_t ms);         // a time: 8 bytes
// DUMP's footer: version and CRC-64 of what has been written since out->n was `from`.
void rdb_write_footer(struct rdb_writer *w, size_t from);

// ---- reading: of bytes that anybody may have made up
//
// The first thing that is wrong is remembered; from then on nothing is left to read, and every read gives zero (an empty slice with p NULL).
// So a caller may read on, and look once, before it believes or allocates anything that depends on what it has read. A length never
// exceeds what is left, or what is left can stand for: nobody allocates a gigabyte for ten bytes.

enum rdb_error { RDB_FINE, RDB_CORRUPT, RDB_NOMEM };

struct rdb_reader {
    const char *p, *end;
    enum rdb_error error;
};

static inline struct rdb_reader rdb_reader_of(struct slice s) { 
    const char *p = s.p ? s.p : "";
    return (struct rdb_reader){ p, p + s.n, RDB_FINE };
}
static inline size_t rdb_left(const struct rdb_reader *r) { return (size_t)(r->end - r->p); }
static inline bool rdb_ok(const struct rdb_reader *r) { return r->error == RDB_FINE; }
// Notes an error, if it is the first. For what the caller finds wrong, too.
void rdb_fail(struct rdb_reader *r, enum rdb_error error);
// The end of an object: whatever is left is an error.
bool rdb_finish(struct rdb_reader *r);

unsigned rdb_read_byte(struct rdb_reader *r);
struct slice rdb_read_raw(struct rdb_reader *r, size_t n); // in place
uint64_t rdb_read_length(struct rdb_reader *r);            // any number that is written as a length
// How many elements follow, each of which takes at least `least` bytes (1 or more): what is left has room for them.
size_t rdb_read_count(struct rdb_reader *r, size_t least);
double rdb_read_double(struct rdb_reader *r);      // 8 bytes, any double: not a number too
double rdb_read_text_double(struct rdb_reader *r); // likewise
uint32_t rdb_read_u32(struct rdb_reader *r);
uint64_t rdb_read_u64(struct rdb_reader *r);
int64_t rdb_read_ms(struct rdb_reader *r);

// A string as it lies there. It has been checked: rdb_string_copy can't fail.
struct rdb_string {
    size_t n;            // its length
    struct slice stored; // the bytes of it, compressed or not; p NULL: it is the digits of `number`
    bool compressed;
    int32_t number;
};

// False: corrupt. Where the length is known before the bytes are needed: the caller copies them to where they stay.
bool rdb_read_string(struct rdb_reader *r, struct rdb_string *s);
void rdb_string_copy(const struct rdb_string *s, char *to); // s->n bytes
// A string where somebody else needs a slice: in place if it lies there as it is, else in `scratch`, whose content it replaces.
struct slice rdb_read_slice(struct rdb_reader *r, struct buf *scratch);

// What is between the start of a DUMP and its footer. False: the footer is not there, or its version is unknown or its CRC another.
bool rdb_check_footer(struct slice dump, struct slice *object);

#endif
