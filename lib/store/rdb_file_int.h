// Between rdb_file_write.c and the files that read.
#ifndef KORA_STORE_RDB_FILE_INT_H
#define KORA_STORE_RDB_FILE_INT_H

#include "store/rdb_file.h"

// What items begin with, if not with the type of a key.
enum {
    RDB_OP_SLOT = 244,
    RDB_OP_FUNCTIONS,
    RDB_OP_FUNCTION_OLD,
    RDB_OP_MODULE,
    RDB_OP_IDLE,
    RDB_OP_FREQUENCY,
    RDB_OP_FIELD,
    RDB_OP_DB_SIZE,
    RDB_OP_EXPIRY_MS,
    RDB_OP_EXPIRY_S,
    RDB_OP_DB,
    RDB_OP_END
};

enum { RDB_CHECKSUM_SINCE = 5 }; // version of the file

// Of rdb_file_skip.c: walking over what is not looked at. All of them false once there is an error.
bool rdb_file_fail(struct rdb_file_reader *r, int status, uint64_t offset, const char *format, ...) __attribute__((format(printf, 4, 5)));
void rdb_file_fold(struct rdb_file_reader *r); // what has been taken is in the CRC now
void rdb_file_discard(struct rdb_file_reader *r); // what has been taken need not stay
bool rdb_file_fill(struct rdb_file_reader *r, uint64_t want); // at least one byte more; `want` are missing. False, too: there are no more (an error, within something)
bool rdb_file_need(struct rdb_file_reader *r, size_t n); // so many bytes are in `in`, at `at`
bool rdb_file_byte(struct rdb_file_reader *r, unsigned *byte);
bool rdb_file_length(struct rdb_file_reader *r, uint64_t *n);
bool rdb_file_skip(struct rdb_file_reader *r, uint64_t n);
bool rdb_file_skip_string(struct rdb_file_reader *r);
bool rdb_file_skip_object(struct rdb_file_reader *r, unsigned type);
bool rdb_file_skip_parts(struct rdb_file_reader *r); // of a module, behind its id
static inline uint64_t rdb_file_offset(const struct rdb_file_reader *r) { return r->base + r->at; }

#endif
