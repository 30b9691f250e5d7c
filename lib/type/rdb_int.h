// Between rdb_read.c, rdb_write.c and the files of types that are too long for them.
#ifndef KORA_TYPE_RDB_INT_H
#define KORA_TYPE_RDB_INT_H

#include "type/rdb_value.h"

void rdb_write_stream(struct rdb_writer *w, const struct value *v); // with its type byte
// What follows the type byte. False: the reader has the error; v is the caller's to delete.
bool rdb_read_stream(struct rdb_reader *r, unsigned type, struct value *v);

#endif
