// Between rdb_read.c, rdb_write.c and the files of types that are too long for them.
#ifndef KORA_TYPE_RDB_INT_H
#define KORA_TYPE_RDB_INT_H

#include "type/rdb_value.h"
#include "type/stream.h"

void rdb_write_stream(struct rdb_writer *w, const struct value *v); // with its type byte
// Parts of large values (rdb_portions.c): a node each, and what follows a stream's nodes.
void rdb_write_list_packed(struct rdb_writer *w, const char *packed);
void rdb_write_list_plain(struct rdb_writer *w, struct slice element);
void rdb_write_stream_node(struct rdb_writer *w, const struct stream_node *n);
void rdb_write_stream_tail(struct rdb_writer *w, const struct stream *s);
// What follows the type byte. False: the reader has the error; v is the caller's to delete.
bool rdb_read_stream(struct rdb_reader *r, unsigned type, struct value *v);

#endif
