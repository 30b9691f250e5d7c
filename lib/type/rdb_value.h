// Values as RDB objects, both ways: what DUMP, RESTORE, effects of whole values, snapshots and dump.rdb are made of.
//
// Written is what Redis 7.0 reads:
//
//     string                      STRING
//     list                        LIST_QUICKLIST_2, a node for each of its own
//     set                         SET_INTSET or SET
//     sorted set                  ZSET_LISTPACK or ZSET_2, from the highest score down
//     hash                        HASH_LISTPACK or HASH; with fields that expire HASH_METADATA, which Redis 7.4 reads
//     stream                      STREAM_LISTPACKS_2; or (rdb_writer.newest) STREAM_LISTPACKS_3, with the times at which consumers were active
//
// Read is whatever Redis has ever written, checked as something that anybody may have made up. What is read takes the form that the settings ask
// for: a large packed list becomes a root, and a small table a packed list, where the thresholds are other ones here than there.
#ifndef KORA_TYPE_RDB_VALUE_H
#define KORA_TYPE_RDB_VALUE_H

#include "type/rdb.h"
#include "type/value.h"

// Appends the type byte and the object. Fields of a hash whose time has come are still among the others: whoever reads them lets them expire.
void rdb_write_value(struct rdb_writer *w, const struct value *v); // no string
void rdb_write_entry(struct rdb_writer *w, const struct entry *e);

// What has been read.
struct rdb_object {
    bool is_string;
    struct slice string; // in place, or in `scratch`
    struct buf scratch;
    struct value value;  // of all other types: detached
};

// Reads a type byte and its object, to be the value of the key `to`. False: reader->error tells why; nothing is left of it.
bool rdb_read_object(struct rdb_reader *r, struct txn *t, const struct key *to, struct rdb_object *o);
void rdb_object_free(struct rdb_object *o); // whatever it still holds

#endif
