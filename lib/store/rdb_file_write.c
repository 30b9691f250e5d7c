// RDB files: writing. The format is in rdb_file.h.
#include "base/crc64.h"
#include "kora.h"
#include "store/rdb_file_int.h"
#include "type/rdb_value.h"

enum { HAND_ON = 64 << 10, KEEP_MAX = 1 << 20 };

static void fail(struct rdb_file_writer *w, int status, int code) {
    if (w->status == KORA_OK) w->status = status, w->code = code;
    buf_clear(&w->out);
}

static void hand_on(struct rdb_file_writer *w) {
    if (w->out.failed) fail(w, KORA_NOMEM, 0);
    if (w->status != KORA_OK || w->out.n == 0) return;
    w->crc = crc64(w->crc, w->out.p, w->out.n);
    int code = w->to.write(w->to.arg, w->out.p, w->out.n);
    if (code < 0) {
        fail(w, KORA_SYSTEM, code);
        return;
    }
    w->bytes += w->out.n;
    if (w->out.cap > KEEP_MAX) buf_free(&w->out); // that was a large value
    else buf_clear(&w->out);
}

// An item has been written.
static void item_done(struct rdb_file_writer *w) {
    if (w->out.failed || w->out.n >= HAND_ON || w->status != KORA_OK) hand_on(w);
}

void rdb_file_begin(struct rdb_file_writer *w, struct byte_sink to, bool newest) {
    *w = (struct rdb_file_writer){ .to = to, .db = UINT32_MAX, .status = KORA_OK };
    w->object = (struct rdb_writer){ .out = &w->out, .compress = true, .newest = newest };
    buf_printf(&w->out, "REDIS%04d", newest ? RDB_VERSION_READ_MAX : RDB_VERSION);
}

void rdb_file_field(struct rdb_file_writer *w, struct slice name, struct slice value) {
    rdb_write_byte(&w->object, RDB_OP_FIELD);
    rdb_write_string(&w->object, name);
    rdb_write_string(&w->object, value);
    item_done(w);
}

void rdb_file_number(struct rdb_file_writer *w, const char *name, int64_t value) {
    char digits[NUM_INT_MAX];
    rdb_file_field(w, slice_str(name), slice_of(digits, num_format_int(value, digits)));
}

static void select_db(struct rdb_file_writer *w, uint32_t db) {
    if (w->db == db) return;
    w->db = db;
    rdb_write_byte(&w->object, RDB_OP_DB);
    rdb_write_length(&w->object, db);
}

void rdb_file_db(struct rdb_file_writer *w, uint32_t db, uint64_t keys, uint64_t expiring) {
    select_db(w, db);
    rdb_write_byte(&w->object, RDB_OP_DB_SIZE);
    rdb_write_length(&w->object, keys);
    rdb_write_length(&w->object, expiring);
    item_done(w);
}

static void write_meta(struct rdb_writer *w, const struct rdb_file_meta *m) {
    if (m->expires) {
        rdb_write_byte(w, RDB_OP_EXPIRY_MS);
        rdb_write_ms(w, m->expire_at_ms);
    }
    if (m->idle_s >= 0) {
        rdb_write_byte(w, RDB_OP_IDLE);
        rdb_write_length(w, (uint64_t)m->idle_s);
    }
    if (m->frequency >= 0) {
        rdb_write_byte(w, RDB_OP_FREQUENCY);
        rdb_write_byte(w, (unsigned)m->frequency);
    }
}

void rdb_file_key(struct rdb_file_writer *w, const struct rdb_file_meta *m, const struct entry *e) {
    if (w->status != KORA_OK) return;
    select_db(w, m->db);
    write_meta(&w->object, m);
    size_t name_at = w->out.n;
    rdb_write_string(&w->object, entry_key(e));
    size_t type_at = w->out.n;
    rdb_write_entry(&w->object, e);
    // In a file the type comes before the name, the object behind it.
    if (!w->out.failed) {
        char type = w->out.p[type_at];
        memmove(w->out.p + name_at + 1, w->out.p + name_at, type_at - name_at);
        w->out.p[name_at] = type;
    }
    w->keys++;
    item_done(w);
}

void rdb_file_part(struct rdb_file_writer *w, const struct rdb_file_meta *m, struct slice name, struct slice part, bool first, bool last) {
    if (w->status != KORA_OK) return;
    if (first) {
        invariant(part.n > 0);
        select_db(w, m->db);
        write_meta(&w->object, m);
        buf_append_char(&w->out, part.p[0]);
        rdb_write_string(&w->object, name);
        part = slice_of(part.p + 1, part.n - 1);
    }
    buf_append_slice(&w->out, part);
    w->keys += last;
    item_done(w);
}

void rdb_file_object(struct rdb_file_writer *w, const struct rdb_file_meta *m, struct slice name, struct slice object) {
    rdb_file_part(w, m, name, object, true, true);
}

void rdb_file_append_head(struct rdb_writer *to, const struct rdb_file_meta *m, struct slice name, unsigned type) {
    write_meta(to, m);
    rdb_write_byte(to, type);
    rdb_write_string(to, name);
}

void rdb_file_append_db(struct rdb_writer *to, uint32_t db) {
    rdb_write_byte(to, RDB_OP_DB);
    rdb_write_length(to, db);
}

void rdb_file_bytes(struct rdb_file_writer *w, struct slice bytes) {
    hand_on(w);
    if (w->status != KORA_OK || bytes.n == 0) return;
    w->crc = crc64(w->crc, bytes.p, bytes.n);
    int code = w->to.write(w->to.arg, bytes.p, bytes.n);
    if (code < 0) fail(w, KORA_SYSTEM, code);
    else w->bytes += bytes.n;
}

int rdb_file_end(struct rdb_file_writer *w) {
    rdb_write_byte(&w->object, RDB_OP_END);
    hand_on(w);
    rdb_write_u64(&w->object, w->crc);
    hand_on(w);
    buf_free(&w->out);
    return w->status;
}

void rdb_file_abandon(struct rdb_file_writer *w) { buf_free(&w->out); }
