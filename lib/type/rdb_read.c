// RDB objects to values, see rdb_value.h (streams: rdb_stream.c). Formats are in rdb_write.c; beside these there are what older and newer versions write:
//
//     LIST               elements | element ...
//     ZSET               members | member, score (text) ...
//     LIST_ZIPLIST, ZSET_ZIPLIST, HASH_ZIPLIST    a string: a ziplist (ziplist.h) of elements, member, score ..., name, value ...
//     HASH_ZIPMAP        a string: a zipmap
//     LIST_QUICKLIST     nodes | a string with a ziplist ...
//     SET_LISTPACK       a string: a packed list
//     HASH_LISTPACK_EX   earliest expiry (a time) | a string: a packed list of name, value, expiry (0 none) ...
//
// All of them are sequences of elements, which go one by one, or in groups of two or three, to a sink: the value that is being made. A packed list that the
// settings allow as it is becomes the value's bytes at once.
//
// Wrong is, beside what the primitives and packed lists refuse: nothing in it, a member or field twice, no number or not-a-number as a score, a packed
// sorted set out of order, a time that no field can have.
#include <math.h>

#include "base/mem.h"
#include "ds/intset.h"
#include "kora.h"
#include "type/hash.h"
#include "type/list.h"
#include "type/rdb_int.h"
#include "type/set.h"
#include "type/ziplist.h"
#include "type/zset.h"

enum container { CONTAINER_PLAIN = 1, CONTAINER_PACKED = 2 };
enum { GROUP_MAX = 3, DIGITS = GROUP_MAX + 1 };

// Fields expire at times as HPEXPIREAT takes them.
#define FIELD_EXPIRY_MAX ((INT64_C(1) << 46) - 1)

struct sink {
    struct rdb_reader *r;
    struct value *v;
    bool (*put)(struct sink *k); // a whole group; false: the reader has the error
    unsigned group, have;
    struct slice parts[GROUP_MAX];
    // Texts of integers. An element's stays until as many others have come, so the one before a group of two is there, too.
    char digits[DIGITS][NUM_INT_MAX];
    unsigned turn;
    struct zset_item last; // of a packed sorted set; member.p NULL: there was none
};

static bool corrupt(struct sink *k) {
    rdb_fail(k->r, RDB_CORRUPT);
    return false;
}
static bool no_memory(struct sink *k) {
    rdb_fail(k->r, RDB_NOMEM);
    return false;
}
static bool changed(struct sink *k, int status, bool is_new) { return status != KORA_OK ? no_memory(k) : is_new || corrupt(k); }

// ---- groups to values --------------------------------------------------------------------------------------------------------

static bool put_element(struct sink *k) { return list_push(k->v, LIST_BACK, k->parts, 1) || no_memory(k); }

static bool put_member(struct sink *k) {
    size_t added;
    int status = set_add(k->v, k->parts, 1, &added);
    return changed(k, status, added == 1);
}

static bool put_expiring(struct sink *k, int64_t at_ms) {
    size_t added;
    if (at_ms < 0 || at_ms > FIELD_EXPIRY_MAX) return corrupt(k);
    int status = hash_put(k->v, k->parts, 1, at_ms, &added);
    return changed(k, status, added == 1);
}

static bool put_field(struct sink *k) { return put_expiring(k, HASH_NO_EXPIRY); }

static bool put_field_and_time(struct sink *k) {
    int64_t at_ms;
    return num_parse_int(k->parts[2], &at_ms) ? put_expiring(k, at_ms) : corrupt(k);
}

static bool put_score(struct sink *k, double score) {
    struct zset_add item = { .member = k->parts[0], .score = score };
    if (isnan(score)) return corrupt(k);
    return !zset_add(k->v, &item, 1, ZSET_NX) ? no_memory(k) : item.outcome == ZSET_ADDED || corrupt(k);
}

static bool put_in_order(struct sink *k) {
    double score;
    if (!num_parse_real(k->parts[1], &score)) return corrupt(k);
    bool later = !k->last.member.p || k->last.score < score || (k->last.score == score && slice_compare(k->last.member, k->parts[0]) < 0);
    k->last = (struct zset_item){ k->parts[0], score };
    return later ? put_score(k, score) : corrupt(k);
}

static bool give(struct sink *k, struct slice s) {
    if (s.n >= UINT32_MAX) return corrupt(k);
    k->parts[k->have++] = s;
    if (k->have < k->group) return true;
    k->have = 0;
    return k->put(k);
}

static bool give_value(void *sink, struct packed_value v) {
    struct sink *k = sink;
    if (v.bytes.p) return give(k, v.bytes);
    char *digits = k->digits[k->turn++ % DIGITS];
    return give(k, slice_of(digits, num_format_int(v.number, digits)));
}

static void sink_open(struct sink *k, struct rdb_reader *r, struct value *v, unsigned group, bool (*put)(struct sink *k)) {
    *k = (struct sink){ .r = r, .v = v, .group = group, .put = put };
}

// ---- packed lists ---------------------------------------------------------------------------------------------------------------

// Positions of the first elements of groups, as a hash table of their bytes.
struct seen {
    uint32_t *at;
    size_t mask;
    uint32_t few[512];
};

static bool seen_open(struct seen *s, size_t groups) {
    size_t size = ARRAY_LEN(s->few);
    while (size < 2 * groups) size *= 2;
    s->mask = size - 1;
    s->at = size > ARRAY_LEN(s->few) ? mem_alloc(size * sizeof *s->at) : s->few;
    if (s->at) memset(s->at, 0, size * sizeof *s->at);
    return s->at;
}

static void seen_close(struct seen *s) {
    if (s->at != s->few) mem_free(s->at);
}

// False: an equal element was there before.
static bool seen_add(struct seen *s, const struct hash_key *seed, const char *p, size_t at) {
    char number[NUM_INT_MAX];
    struct slice text = packed_string(p, at, number);
    size_t i = (size_t)hash_bytes(seed, text.p, text.n) & s->mask;
    for (; s->at[i]; i = (i + 1) & s->mask) {
        if (packed_equal(p, s->at[i], text)) return false;
    }
    s->at[i] = (uint32_t)at;
    return true;
}

static bool all_different(struct sink *k, const char *p) {
    struct seen s;
    size_t n = packed_count(p) / k->group, i = 0;
    bool ok = true;
    if (!seen_open(&s, n)) return no_memory(k);
    for (size_t at = packed_first(p); ok && at; at = packed_next(p, at), i++) {
        if (i % k->group == 0) ok = seen_add(&s, value_seed(k->v), p, at);
    }
    seen_close(&s);
    return ok || corrupt(k);
}

static bool none_longer(const char *p, size_t max) {
    char number[NUM_INT_MAX];
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) {
        if (packed_string(p, at, number).n > max) return false;
    }
    return true;
}

// Whether the list may be the whole value as it is: a hash or set that the settings allow to be packed.
static bool stays_packed(const struct value *v, const char *p) {
    const struct settings *s = value_settings(v);
    size_t n = packed_count(p);
    if (v->there || n == 0) return false;
    if (v->type == TYPE_HASH)
        return n % 2 == 0 && n / 2 <= settings_number(&s->hash_max_listpack_entries) && none_longer(p, settings_number(&s->hash_max_listpack_value));
    return v->type == TYPE_SET && n <= settings_number(&s->set_max_listpack_entries) && none_longer(p, settings_number(&s->set_max_listpack_value));
}

static bool adopt(struct sink *k, struct slice bytes, uint8_t flags) {
    char *to = value_resize(k->v, bytes.n, flags);
    if (!to) return no_memory(k);
    memcpy(to, bytes.p, bytes.n);
    return true;
}

static bool give_packed(struct sink *k, struct slice list) {
    if (!packed_valid(list.p, list.n)) return corrupt(k);
    if (k->group < 3 && stays_packed(k->v, list.p)) return all_different(k, list.p) && adopt(k, list, 0);
    for (size_t at = packed_first(list.p); at; at = packed_next(list.p, at)) {
        if (!give_value(k, packed_get(list.p, at))) return false;
    }
    return true;
}

static bool give_ziplist(struct sink *k, struct slice list) {
    bool malformed;
    return ziplist_each(list, give_value, k, &malformed) || (malformed && corrupt(k));
}

static bool give_zipmap(struct sink *k, struct slice map) {
    bool malformed;
    return zipmap_each(map, give_value, k, &malformed) || (malformed && corrupt(k));
}

static bool give_intset(struct sink *k, struct slice set) {
    if (!intset_valid(set.p, set.n)) return corrupt(k);
    size_t n = intset_count(set.p);
    if (n > 0 && n <= settings_number(&value_settings(k->v)->set_max_intset_entries)) return adopt(k, set, ENTRY_INTSET);
    for (size_t i = 0; i < n; i++) {
        if (!give_value(k, (struct packed_value){ .number = intset_get(set.p, i) })) return false;
    }
    return true;
}

// ---- objects -------------------------------------------------------------------------------------------------------------------

// Strings that were compressed are here while they are needed.
struct scratches {
    struct buf of[2];
};

typedef bool give_fn(struct sink *k, struct slice s);

// One string, all of whose bytes go to `to`; and nothing is left of a group.
static bool read_blob(struct sink *k, struct scratches *x, give_fn *to) {
    struct slice s = rdb_read_slice(k->r, &x->of[0]);
    return s.p && to(k, s) && (k->have == 0 || corrupt(k));
}

// A table: groups of one or two strings.
static bool read_strings(struct sink *k, struct scratches *x) {
    for (size_t n = rdb_read_count(k->r, k->group); n > 0; n--) {
        for (unsigned i = 0; i < k->group; i++) {
            struct slice s = rdb_read_slice(k->r, &x->of[i]);
            if (!s.p || !give(k, s)) return false;
        }
    }
    return rdb_ok(k->r);
}

static bool read_scored(struct sink *k, struct scratches *x, bool as_text) {
    for (size_t n = rdb_read_count(k->r, 2); n > 0; n--) {
        k->parts[0] = rdb_read_slice(k->r, &x->of[0]);
        double score = as_text ? rdb_read_text_double(k->r) : rdb_read_double(k->r);
        if (!rdb_ok(k->r) || k->parts[0].n >= UINT32_MAX) return corrupt(k);
        if (!put_score(k, score)) return false;
    }
    return rdb_ok(k->r);
}

static bool read_expiring(struct sink *k, struct scratches *x) {
    uint64_t earliest = rdb_read_u64(k->r);
    if (earliest > FIELD_EXPIRY_MAX) return corrupt(k);
    for (size_t n = rdb_read_count(k->r, 3); n > 0; n--) {
        uint64_t later = rdb_read_length(k->r);
        k->parts[0] = rdb_read_slice(k->r, &x->of[0]);
        k->parts[1] = rdb_read_slice(k->r, &x->of[1]);
        if (!rdb_ok(k->r) || later > FIELD_EXPIRY_MAX || k->parts[0].n >= UINT32_MAX || k->parts[1].n >= UINT32_MAX) return corrupt(k);
        if (!put_expiring(k, later ? (int64_t)(earliest + later - 1) : HASH_NO_EXPIRY)) return false;
    }
    return rdb_ok(k->r);
}

static bool read_nodes(struct sink *k, struct scratches *x, bool packed) {
    for (size_t n = rdb_read_count(k->r, packed ? 2 : 1); n > 0; n--) {
        uint64_t container = packed ? rdb_read_length(k->r) : CONTAINER_PACKED;
        if (container != CONTAINER_PLAIN && container != CONTAINER_PACKED) return corrupt(k);
        if (!read_blob(k, x, container == CONTAINER_PLAIN ? give : packed ? give_packed : give_ziplist)) return false;
    }
    return rdb_ok(k->r);
}

static bool read_list(struct sink *k, struct scratches *x, unsigned type) {
    sink_open(k, k->r, k->v, 1, put_element);
    if (type == RDB_LIST) return read_strings(k, x);
    if (type == RDB_LIST_ZIPLIST) return read_blob(k, x, give_ziplist);
    return read_nodes(k, x, type == RDB_LIST_QUICKLIST_2);
}

static bool read_set(struct sink *k, struct scratches *x, unsigned type) {
    sink_open(k, k->r, k->v, 1, put_member);
    if (type == RDB_SET) return read_strings(k, x);
    return read_blob(k, x, type == RDB_SET_INTSET ? give_intset : give_packed);
}

static bool read_zset(struct sink *k, struct scratches *x, unsigned type) {
    sink_open(k, k->r, k->v, 2, put_in_order);
    if (type == RDB_ZSET || type == RDB_ZSET_2) return read_scored(k, x, type == RDB_ZSET);
    return read_blob(k, x, type == RDB_ZSET_ZIPLIST ? give_ziplist : give_packed);
}

static bool read_hash(struct sink *k, struct scratches *x, unsigned type) {
    sink_open(k, k->r, k->v, 2, put_field);
    switch (type) {
    case RDB_HASH: return read_strings(k, x);
    case RDB_HASH_ZIPMAP: return read_blob(k, x, give_zipmap);
    case RDB_HASH_ZIPLIST: return read_blob(k, x, give_ziplist);
    case RDB_HASH_METADATA: return read_expiring(k, x);
    case RDB_HASH_LISTPACK: return read_blob(k, x, give_packed);
    default: // RDB_HASH_LISTPACK_EX
        sink_open(k, k->r, k->v, 3, put_field_and_time);
        rdb_read_ms(k->r);
        return read_blob(k, x, give_packed);
    }
}

// The type of value that an RDB type is of; TYPE_STRING: none of those that are read here.
static enum value_type type_of(unsigned type) {
    switch (type) {
    case RDB_LIST: case RDB_LIST_ZIPLIST: case RDB_LIST_QUICKLIST: case RDB_LIST_QUICKLIST_2: return TYPE_LIST;
    case RDB_SET: case RDB_SET_INTSET: case RDB_SET_LISTPACK: return TYPE_SET;
    case RDB_ZSET: case RDB_ZSET_2: case RDB_ZSET_ZIPLIST: case RDB_ZSET_LISTPACK: return TYPE_ZSET;
    case RDB_HASH: case RDB_HASH_ZIPMAP: case RDB_HASH_ZIPLIST: case RDB_HASH_LISTPACK: case RDB_HASH_METADATA: case RDB_HASH_LISTPACK_EX: return TYPE_HASH;
    case RDB_STREAM_LISTPACKS: case RDB_STREAM_LISTPACKS_2: case RDB_STREAM_LISTPACKS_3: return TYPE_STREAM;
    default: return TYPE_STRING;
    }
}

static bool read_collection(struct rdb_reader *r, unsigned type, struct value *v) {
    struct sink k = { .r = r, .v = v };
    struct scratches x = { 0 };
    bool done = false;
    switch (v->type) {
    case TYPE_LIST: done = read_list(&k, &x, type); break;
    case TYPE_SET: done = read_set(&k, &x, type); break;
    case TYPE_ZSET: done = read_zset(&k, &x, type); break;
    case TYPE_HASH: done = read_hash(&k, &x, type); break;
    case TYPE_STREAM: done = rdb_read_stream(r, type, v); break;
    case TYPE_STRING: case TYPE_COUNT: break;
    }
    buf_free(&x.of[0]);
    buf_free(&x.of[1]);
    if (done && v->there) return true;
    rdb_fail(r, RDB_CORRUPT); // unless it has another error
    value_delete(v);
    return false;
}

bool rdb_read_object(struct rdb_reader *r, struct txn *t, const struct key *to, struct rdb_object *o) {
    unsigned type = rdb_read_byte(r);
    memset(o, 0, sizeof *o);
    if (type == RDB_STRING && rdb_ok(r)) {
        o->is_string = true;
        o->string = rdb_read_slice(r, &o->scratch);
        return o->string.p != NULL;
    }
    value_detach(&o->value, type_of(type), t, to);
    return read_collection(r, type, &o->value);
}

void rdb_object_free(struct rdb_object *o) {
    buf_free(&o->scratch);
    value_delete(&o->value);
}
