// Values to RDB objects, see rdb_value.h (streams: rdb_stream.c). What is packed is written as it is; formats of tables:
//
//     SET            members | member ...
//     HASH           fields | name, value ...
//     HASH_METADATA  earliest expiry (a time) | fields | expiry, name, value ...    expiry: a length, 0 none, else 1 for the earliest, 2 for 1 ms later ...
//     ZSET_2         members | member, score (8 bytes) ...
//     LIST_QUICKLIST_2  nodes | container (1 an element itself, 2 a packed list), string ...
#include "ds/intset.h"
#include "type/hash.h"
#include "type/list.h"
#include "type/rdb_int.h"
#include "type/set.h"
#include "type/zset.h"

enum container { CONTAINER_PLAIN = 1, CONTAINER_PACKED = 2 };

static void write_packed(struct rdb_writer *w, const char *p) { rdb_write_string(w, slice_of(p, packed_bytes(p))); }

// ---- lists -------------------------------------------------------------------------------------------------------------------

static uint64_t elements_in_node(const struct list_at *at) { return at->packed ? packed_count(at->packed) : 1; }

void rdb_write_list_packed(struct rdb_writer *w, const char *packed) {
    rdb_write_length(w, CONTAINER_PACKED);
    write_packed(w, packed);
}

void rdb_write_list_plain(struct rdb_writer *w, struct slice element) {
    rdb_write_length(w, CONTAINER_PLAIN);
    rdb_write_string(w, element);
}

static void write_list(struct rdb_writer *w, const struct value *v) {
    struct list_at at;
    uint64_t nodes = 0;
    for (uint64_t i = 0; list_seek(v, (int64_t)i, &at); i += elements_in_node(&at)) nodes++;
    rdb_write_byte(w, RDB_LIST_QUICKLIST_2);
    rdb_write_length(w, nodes);
    for (uint64_t i = 0; list_seek(v, (int64_t)i, &at); i += elements_in_node(&at)) {
        if (at.packed) rdb_write_list_packed(w, at.packed);
        else rdb_write_list_plain(w, at.plain);
    }
}

// ---- sets ---------------------------------------------------------------------------------------------------------------------

static bool write_members(void *arg, struct set_batch *b) {
    for (size_t i = 0; i < b->n; i++) {
        if (b->m[i].text.p) rdb_write_string(arg, b->m[i].text);
        else rdb_write_integer(arg, b->m[i].number);
    }
    return true;
}

static void write_set(struct rdb_writer *w, const struct value *v) {
    if (value_is_intset(v)) {
        rdb_write_byte(w, RDB_SET_INTSET);
        rdb_write_string(w, slice_of(v->bytes, intset_bytes(v->bytes)));
        return;
    }
    rdb_write_byte(w, RDB_SET);
    rdb_write_length(w, set_count(v));
    set_visit(v, write_members, w);
}

// ---- sorted sets ---------------------------------------------------------------------------------------------------------------

static void write_zset(struct rdb_writer *w, const struct value *v) {
    struct zset_iter it;
    if (value_is_packed(v)) {
        rdb_write_byte(w, RDB_ZSET_LISTPACK);
        write_packed(w, v->bytes);
        return;
    }
    rdb_write_byte(w, RDB_ZSET_2);
    rdb_write_length(w, zset_count(v));
    for (bool more = zset_iter_at(&it, v, zset_count(v) - 1); more; more = zset_iter_previous(&it)) {
        rdb_write_string(w, it.item.member);
        rdb_write_double(w, it.item.score);
    }
}

// ---- hashes --------------------------------------------------------------------------------------------------------------------

struct hash_writing {
    struct rdb_writer *w;
    int64_t earliest_ms; // 0: nothing expires
};

static void write_field(void *arg, const struct hash_item *item) {
    const struct hash_writing *a = arg;
    if (a->earliest_ms) rdb_write_length(a->w, item->at_ms ? (uint64_t)(item->at_ms - a->earliest_ms) + 1 : 0);
    rdb_write_string(a->w, item->name);
    rdb_write_string(a->w, item->value);
}

static void write_hash(struct rdb_writer *w, const struct value *v) {
    struct hash_writing a = { w, v->root ? v->root->due.at_ms : 0 };
    if (value_is_packed(v)) {
        rdb_write_byte(w, RDB_HASH_LISTPACK);
        write_packed(w, v->bytes);
        return;
    }
    rdb_write_byte(w, a.earliest_ms ? RDB_HASH_METADATA : RDB_HASH);
    if (a.earliest_ms) rdb_write_ms(w, a.earliest_ms);
    rdb_write_length(w, hash_count(v));
    hash_each(v, write_field, &a);
}

// ---- any -----------------------------------------------------------------------------------------------------------------------

void rdb_write_value(struct rdb_writer *w, const struct value *v) {
    struct value all = *v;
    all.txn = NULL; // there is no time: nothing in it has expired
    switch (v->type) {
    case TYPE_LIST: write_list(w, &all); break;
    case TYPE_SET: write_set(w, &all); break;
    case TYPE_ZSET: write_zset(w, &all); break;
    case TYPE_HASH: write_hash(w, &all); break;
    case TYPE_STREAM: rdb_write_stream(w, &all); break;
    case TYPE_STRING: case TYPE_COUNT: invariant(v->type != TYPE_STRING && v->type != TYPE_COUNT);
    }
}

void rdb_write_entry(struct rdb_writer *w, const struct entry *e) {
    char number[NUM_INT_MAX];
    struct value v;
    if (e->type != TYPE_STRING) {
        value_view(&v, e);
        rdb_write_value(w, &v);
        return;
    }
    rdb_write_byte(w, RDB_STRING);
    if (e->form == FORM_INT) rdb_write_integer(w, entry_int(e));
    else rdb_write_string(w, entry_string(e, number));
}
