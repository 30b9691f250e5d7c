// RDB files: reading, item by item. The format is in rdb_file.h, where objects end in rdb_file_skip.c.
#include <inttypes.h>

#include "base/mem.h"
#include "kora.h"
#include "store/rdb_file_int.h"
#include "type/rdb_value.h"

enum { MAGIC = 5, VERSION = 4, CHECKSUM = 8, DISCARD_FROM = 64 << 10 };

void rdb_file_open(struct rdb_file_reader *r, struct byte_source from) {
    memset(r, 0, sizeof *r);
    r->from = from;
    r->status = KORA_OK;
}

void rdb_file_close(struct rdb_file_reader *r) {
    buf_free(&r->in);
    buf_free(&r->name);
    buf_free(&r->text);
}

static uint64_t take_little(struct rdb_file_reader *r, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n |= (uint64_t)(unsigned char)r->in.p[r->at + i] << (8 * i);
    r->at += bytes;
    return n;
}

static bool read_little(struct rdb_file_reader *r, size_t bytes, uint64_t *n) {
    if (!rdb_file_need(r, bytes)) return false;
    *n = take_little(r, bytes);
    return true;
}

// The string in in.p[from .. to), a copy of it in `b`.
static bool decode(struct rdb_file_reader *r, size_t from, size_t to, struct buf *b, struct slice *s) {
    struct rdb_reader x = rdb_reader_of(slice_of(r->in.p + from, to - from));
    buf_clear(b);
    *s = rdb_read_slice(&x, b);
    if (!s->p) return rdb_file_fail(r, x.error == RDB_NOMEM ? KORA_NOMEM : KORA_CORRUPT, r->base + from, x.error == RDB_NOMEM ? "out of memory" : "malformed string");
    if (s->p == b->p) return true;
    buf_append_slice(b, *s);
    *s = slice_of(b->p, b->n);
    return !b->failed || rdb_file_fail(r, KORA_NOMEM, r->base + from, "out of memory");
}

// ---- the start and the end ---------------------------------------------------------------------------------------------------

static bool read_magic(struct rdb_file_reader *r) {
    r->within = "its first nine bytes";
    if (!rdb_file_need(r, MAGIC + VERSION)) return false;
    if (memcmp(r->in.p, "REDIS", MAGIC) != 0) return rdb_file_fail(r, KORA_CORRUPT, 0, "this is no RDB file");
    for (size_t i = MAGIC; i < MAGIC + VERSION; i++) {
        unsigned digit = (unsigned char)r->in.p[i] - (unsigned)'0';
        if (digit > 9) return rdb_file_fail(r, KORA_CORRUPT, i, "malformed version");
        r->version = r->version * 10 + digit;
    }
    if (r->version < 1 || r->version > RDB_VERSION_READ_MAX) {
        return rdb_file_fail(r, KORA_CORRUPT, MAGIC, "version %u of the format is not known, only 1 to %d are", (unsigned)r->version, RDB_VERSION_READ_MAX);
    }
    r->at += MAGIC + VERSION;
    return true;
}

static enum rdb_file_item read_end(struct rdb_file_reader *r) {
    uint64_t stored;
    rdb_file_fold(r);
    uint64_t crc = r->crc;
    if (r->version >= RDB_CHECKSUM_SINCE) {
        r->within = "its checksum";
        if (!read_little(r, CHECKSUM, &stored)) return RDB_FILE_ERROR;
        r->unchecked = stored == 0;
        if (stored && stored != crc) {
            rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - CHECKSUM, "the checksum here is %016" PRIx64 ", but that of the bytes before is %016" PRIx64,
                stored, crc);
        }
    } else {
        r->unchecked = true;
    }
    r->within = NULL;
    if (r->status == KORA_OK && (r->at < r->in.n || rdb_file_fill(r, 1))) rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r), "something follows the end");
    r->ended = r->status == KORA_OK;
    return r->ended ? RDB_FILE_END : RDB_FILE_ERROR;
}

// ---- about the file ------------------------------------------------------------------------------------------------------------

// Takes note of a field. True: it is one of Kora's own, or there is an error.
static bool take_field(struct rdb_file_reader *r) {
    int64_t n;
    if (slice_is_word(r->field, "redis-ver")) snprintf(r->redis_version, sizeof r->redis_version, "%.*s", (int)MIN(r->value.n, (size_t)31), r->value.p);
    else if (slice_is_word(r->field, "ctime") && num_parse_int(r->value, &n)) r->created_s = n;
    else if (slice_is_word(r->field, "aof-base") || slice_is_word(r->field, "aof-preamble")) r->aof_base = slice_equal(r->value, SLICE("1"));
    return r->field.n > 5 && memcmp(r->field.p, "kora-", 5) == 0;
}

static bool read_field(struct rdb_file_reader *r) {
    r->within = "a field about the file";
    r->keep = true;
    size_t name_at = r->at;
    if (!rdb_file_skip_string(r)) return true;
    size_t value_at = r->at;
    if (!rdb_file_skip_string(r)) return true;
    if (!decode(r, name_at, value_at, &r->name, &r->field) || !decode(r, value_at, r->at, &r->text, &r->value)) return true;
    return take_field(r);
}

static bool read_db(struct rdb_file_reader *r) {
    r->within = "the number of a database";
    uint64_t offset = rdb_file_offset(r);
    if (!rdb_file_length(r, &r->db)) return false;
    return r->db < UINT32_MAX || rdb_file_fail(r, KORA_CORRUPT, offset, "%" PRIu64 " is no number of a database", r->db);
}

static bool skip_lengths(struct rdb_file_reader *r, const char *within, unsigned n) {
    uint64_t ignored;
    r->within = within;
    for (; n > 0; n--) {
        if (!rdb_file_length(r, &ignored)) return false;
    }
    return true;
}

static bool skip_functions(struct rdb_file_reader *r) {
    r->within = "functions";
    r->functions++;
    return rdb_file_skip_string(r);
}

static bool skip_old_function(struct rdb_file_reader *r) {
    uint64_t described;
    r->within = "a function";
    r->functions++;
    if (!rdb_file_skip_string(r) || !rdb_file_skip_string(r) || !rdb_file_length(r, &described)) return false;
    return (!described || rdb_file_skip_string(r)) && rdb_file_skip_string(r);
}

static bool skip_module_field(struct rdb_file_reader *r) {
    r->module_fields++;
    return skip_lengths(r, "data of a module", 3) && rdb_file_skip_parts(r);
}

// ---- keys -------------------------------------------------------------------------------------------------------------------

static bool read_expiry(struct rdb_file_reader *r, bool seconds) {
    uint64_t n;
    r->within = "an expiry";
    if (!read_little(r, seconds ? 4 : 8, &n)) return false;
    r->key.meta.expires = true;
    r->key.meta.expire_at_ms = seconds ? (int64_t)(int32_t)n * 1000 : (int64_t)n;
    return true;
}

static bool read_idle(struct rdb_file_reader *r) {
    uint64_t n;
    r->within = "an idle time";
    if (!rdb_file_length(r, &n)) return false;
    r->key.meta.idle_s = (int64_t)MIN(n, (uint64_t)INT64_MAX);
    return true;
}

static bool read_frequency(struct rdb_file_reader *r) {
    unsigned n;
    r->within = "a frequency";
    if (!rdb_file_byte(r, &n)) return false;
    r->key.meta.frequency = n;
    return true;
}

static bool skip_module_value(struct rdb_file_reader *r) {
    uint64_t id;
    r->within = "the value of a module";
    r->module_values++;
    return rdb_file_skip_string(r) && rdb_file_length(r, &id) && rdb_file_skip_parts(r);
}

static bool is_value(unsigned type) {
    switch (type) {
    case RDB_STRING: case RDB_LIST: case RDB_SET: case RDB_ZSET: case RDB_HASH: case RDB_ZSET_2: case RDB_HASH_ZIPMAP: case RDB_LIST_ZIPLIST:
    case RDB_SET_INTSET: case RDB_ZSET_ZIPLIST: case RDB_HASH_ZIPLIST: case RDB_LIST_QUICKLIST: case RDB_STREAM_LISTPACKS: case RDB_HASH_LISTPACK:
    case RDB_ZSET_LISTPACK: case RDB_LIST_QUICKLIST_2: case RDB_STREAM_LISTPACKS_2: case RDB_SET_LISTPACK: case RDB_STREAM_LISTPACKS_3:
    case RDB_HASH_METADATA: case RDB_HASH_LISTPACK_EX: return true;
    default: return false;
    }
}

static bool read_key(struct rdb_file_reader *r, unsigned type) {
    struct rdb_file_key *k = &r->key;
    r->within = "the name of a key";
    r->keep = true;
    size_t name_at = r->at;
    if (!rdb_file_skip_string(r)) return false;
    size_t object_at = r->at;
    r->within = "the value of a key";
    if (!rdb_file_skip_object(r, type) || !decode(r, name_at, object_at, &r->name, &k->name)) return false;
    // From here on the bytes may change: the type goes right before its object.
    rdb_file_fold(r);
    r->in.p[object_at - 1] = (char)type;
    k->object = slice_of(r->in.p + object_at - 1, r->at - object_at + 1);
    k->meta.db = (uint32_t)r->db;
    r->keys++;
    return true;
}

struct slice rdb_file_dump(struct rdb_file_reader *r) {
    struct rdb_file_key *k = &r->key;
    size_t from = (size_t)(k->object.p - r->in.p), end = r->at, n = r->in.n;
    if (!buf_reserve(&r->in, RDB_FOOTER_BYTES)) {
        buf_clear(&r->in); // which forgets the failure, too
        r->in.n = n;
        return slice_of(NULL, 0);
    }
    k->object.p = r->in.p + from;
    memcpy(r->under_footer, r->in.p + end, RDB_FOOTER_BYTES); // perhaps bytes that have come already
    struct rdb_writer w = { .out = &r->in };
    r->in.n = end;
    rdb_write_footer(&w, from);
    r->in.n = n;
    r->footer_at = end;
    return slice_of(r->in.p + from, end + RDB_FOOTER_BYTES - from);
}

enum rdb_file_item rdb_file_refuse(struct rdb_file_reader *r, int status, const char *why) {
    r->status = KORA_OK;
    rdb_file_fail(r, status, r->key.offset, "%s", why);
    return RDB_FILE_ERROR;
}

// ---- items -------------------------------------------------------------------------------------------------------------------

enum found { NOTHING_YET, FOUND_KEY, FOUND_FIELD, FOUND_END };

static enum found read_item(struct rdb_file_reader *r) {
    unsigned op;
    r->within = "its items, without an end";
    if (!rdb_file_byte(r, &op)) return NOTHING_YET;
    switch (op) {
    case RDB_OP_SLOT: skip_lengths(r, "a slot", 3); break;
    case RDB_OP_FUNCTIONS: skip_functions(r); break;
    case RDB_OP_FUNCTION_OLD: skip_old_function(r); break;
    case RDB_OP_MODULE: skip_module_field(r); break;
    case RDB_OP_IDLE: read_idle(r); break;
    case RDB_OP_FREQUENCY: read_frequency(r); break;
    case RDB_OP_FIELD: return read_field(r) ? FOUND_FIELD : NOTHING_YET;
    case RDB_OP_DB_SIZE: skip_lengths(r, "the size of a database", 2); break;
    case RDB_OP_EXPIRY_MS: read_expiry(r, false); break;
    case RDB_OP_EXPIRY_S: read_expiry(r, true); break;
    case RDB_OP_DB: read_db(r); break;
    case RDB_OP_END: return FOUND_END;
    case RDB_MODULE_2:
        skip_module_value(r);
        r->key.meta = (struct rdb_file_meta){ .idle_s = -1, .frequency = -1 };
        break;
    default:
        if (is_value(op)) return read_key(r, op) ? FOUND_KEY : NOTHING_YET;
        if (op == RDB_MODULE_PRE_GA) rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - 1, "a value of a module, from before they had lengths");
        else rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - 1, "nothing begins with %u", op);
    }
    return NOTHING_YET;
}

static bool is_about_next_key(const struct rdb_file_meta *m) { return m->expires || m->idle_s >= 0 || m->frequency >= 0; }

enum rdb_file_item rdb_file_next(struct rdb_file_reader *r) {
    if (r->footer_at) {
        memcpy(r->in.p + r->footer_at, r->under_footer, RDB_FOOTER_BYTES);
        r->footer_at = 0;
    }
    if (r->status == KORA_OK && r->ended) return RDB_FILE_END;
    if (r->status == KORA_OK && !r->version) read_magic(r);
    r->key.meta = (struct rdb_file_meta){ .idle_s = -1, .frequency = -1 };
    enum found found = NOTHING_YET;
    while (r->status == KORA_OK && found == NOTHING_YET) {
        r->keep = false;
        if (r->at >= DISCARD_FROM) rdb_file_discard(r);
        if (!is_about_next_key(&r->key.meta)) r->key.offset = rdb_file_offset(r);
        found = read_item(r);
    }
    if (r->status != KORA_OK) return RDB_FILE_ERROR;
    return found == FOUND_END ? read_end(r) : found == FOUND_KEY ? RDB_FILE_KEY : RDB_FILE_FIELD;
}
