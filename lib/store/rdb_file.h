// Redis RDB files as streams of bytes, both ways. A file:
//
//     "REDIS" | version, four digits | item ... | 255 end | CRC-64 of all before it, 8 bytes, little endian (from version 5 on; 0: not checked)
//
// An item begins with a byte. Lengths and strings are those of type/rdb.h; numbers are little endian:
//
//     0 to 25      a key: the byte is the type of its value | name, a string | object (rdb_value.h). What an expiry, idle time or frequency
//                  before it says is about this key
//     244          slot: three lengths
//     245          functions: a string
//     246          a function, as no released version wrote it: name, engine | 0, or 1 and a description | code
//     247          of a module, not in a key: its id, two lengths | parts
//     248          idle time of the next key: a length, seconds
//     249          frequency of the next key: a byte, LFU's logarithmic counter
//     250          a field about the file: name, value (strings)
//     251          keys that follow, and how many of them expire: two lengths; hints
//     252, 253     expiry of the next key, Unix time: 8 bytes of milliseconds; 4 bytes of seconds
//     254          the numbered database that what follows belongs to: a length; 0 at the start
//
// The value of a module's type is its id (a length) and parts: a length, 0 end, 1 and 2 followed by a length, 3 by 4 bytes, 4 by 8 bytes, 5 by
// a string. Nobody but the module knows what they mean; they are passed over and counted.
//
// Written is version 10 as Redis 7.0 reads it, with keys that have been encoded as rdb_value.h says; or (newest) version 12, whose streams and hashes with fields
// that expire are in the forms of Redis 7.4. Read is every version up to 12, and trusted in nothing.
#ifndef KORA_STORE_RDB_FILE_H
#define KORA_STORE_RDB_FILE_H

#include "base/buf.h"
#include "store/byte_stream.h"
#include "type/entry.h"
#include "type/rdb.h"

// What belongs to a key beside its value.
struct rdb_file_meta {
    uint32_t db;          // its numbered database
    bool expires;
    int64_t expire_at_ms; // Unix time
    int64_t idle_s;       // -1: not known
    int64_t frequency;    // 0 to 255; -1: not known
};

// ---- writing -----------------------------------------------------------------------------------------------------------------
//
// What goes wrong is remembered, and nothing is written after it: whoever writes may look once, at the end. It holds at most one key, encoded,
// and some 64 KB more.

struct rdb_file_writer {
    struct byte_sink to;
    struct rdb_writer object; // .compress and .newest may be set after rdb_file_begin, before the first key
    struct buf out;           // not yet handed on
    uint64_t crc, bytes;      // of what has been handed on
    uint64_t keys;
    uint32_t db;              // of the last key; UINT32_MAX: none yet
    int status;               // KORA_OK; KORA_NOMEM; KORA_SYSTEM: see code
    int code;                 // negative errno
};

// Owns what rdb_file_end or rdb_file_abandon frees. The writer stays where it is until then.
void rdb_file_begin(struct rdb_file_writer *w, struct byte_sink to, bool newest);
void rdb_file_field(struct rdb_file_writer *w, struct slice name, struct slice value);
void rdb_file_number(struct rdb_file_writer *w, const char *name, int64_t value);
void rdb_file_db(struct rdb_file_writer *w, uint32_t db, uint64_t keys, uint64_t expiring); // a hint: so many keys follow; may be left out
void rdb_file_key(struct rdb_file_writer *w, const struct rdb_file_meta *m, const struct entry *e);
void rdb_file_object(struct rdb_file_writer *w, const struct rdb_file_meta *m, struct slice name, struct slice object); // with its type byte
// The same in parts, of which the first is at least the type byte: nothing else is written before the last one has been.
void rdb_file_part(struct rdb_file_writer *w, const struct rdb_file_meta *m, struct slice name, struct slice part, bool first, bool last);
// For those who encode keys elsewhere: what comes before a key's object (of which the type byte belongs here), and before the first key of a database; appended to
// `to`, which may be any writer. What has been put together so is handed to rdb_file_bytes, at any place where an item might begin or go on.
void rdb_file_append_head(struct rdb_writer *to, const struct rdb_file_meta *m, struct slice name, unsigned type);
void rdb_file_append_db(struct rdb_writer *to, uint32_t db);
void rdb_file_bytes(struct rdb_file_writer *w, struct slice bytes);
int rdb_file_end(struct rdb_file_writer *w); // the last bytes are handed on; w->status
void rdb_file_abandon(struct rdb_file_writer *w);

// ---- reading -----------------------------------------------------------------------------------------------------------------
//
// An object is needed whole, but its length is written nowhere. So the reader walks over its lengths, asking for more bytes as it goes: each byte is looked at
// once, and there is never more memory than about twice the bytes that have come, whatever lengths they claim.

enum rdb_file_item { RDB_FILE_KEY, RDB_FILE_FIELD, RDB_FILE_END, RDB_FILE_ERROR };

struct rdb_file_key {
    uint64_t offset;         // of its first byte, or of what is said before it, in the file
    struct slice name;
    struct slice object;     // with its type byte, for rdb_read_object; not yet looked at but for lengths
    struct rdb_file_meta meta;
};

struct rdb_file_reader {
    struct byte_source from;
    // The item at hand, after rdb_file_next; slices are valid until the next one
    struct rdb_file_key key;          // RDB_FILE_KEY
    struct slice field, value;        // RDB_FILE_FIELD
    // What has been seen so far
    uint32_t version;                 // of the file; 0: not yet read
    char redis_version[32];           // "": it does not tell
    int64_t created_s;                // Unix time; 0: it does not tell
    bool aof_base;                    // it is a part of an append-only file
    bool unchecked;                   // at the end: there was no checksum
    uint64_t keys, functions, module_values, module_fields;
    uint64_t bytes;                   // of the file that have been read
    // RDB_FILE_ERROR
    int status;                       // KORA_CORRUPT; KORA_NOMEM; KORA_SYSTEM: see code
    int code;                         // negative errno of the source
    char error[160];                  // "offset N: what is wrong"
    // Its own
    struct buf in;                    // bytes of the file
    size_t at;                        // of these have been taken
    size_t folded;                    // are in the CRC
    uint64_t base;                    // offset in the file of the first
    uint64_t crc;
    uint64_t db;
    bool keep;                        // what has been taken stays in `in`
    bool ended;
    const char *within;               // what is being read, in words
    struct buf name, text;            // for what is not there as it is
    size_t footer_at;                 // rdb_file_dump has put a footer there; 0: no
    char under_footer[RDB_FOOTER_BYTES];
};

void rdb_file_open(struct rdb_file_reader *r, struct byte_source from);
void rdb_file_close(struct rdb_file_reader *r);
// Goes on to the next key, or field whose name begins with "kora-". RDB_FILE_END: the checksum is right, and nothing follows.
enum rdb_file_item rdb_file_next(struct rdb_file_reader *r);
// The key's object as DUMP answers it, with a footer; in place. p NULL: no memory.
struct slice rdb_file_dump(struct rdb_file_reader *r);
// The caller has found the key at hand to be wrong: an error like the reader's own. Returns RDB_FILE_ERROR.
enum rdb_file_item rdb_file_refuse(struct rdb_file_reader *r, int status, const char *why);

#endif
