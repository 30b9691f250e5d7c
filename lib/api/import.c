// kora_import: the keys of an RDB file, each by RESTORE, as a client would do it: so the log, watchers and whoever waits are told as always, and limits hold.
//
// The file is read twice. The first time only lengths, names and the checksum are looked at, so that nothing at all is taken from a file that is damaged, or has keys
// for which there is no place here.
//
// One key at a time is in memory, besides what RESTORE makes of it: its bytes in the file, with a footer put behind them in place, are the payload.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "api/api_int.h"
#include "store/byte_file.h"
#include "store/lz4_file.h"
#include "store/rdb_file.h"

enum { PROGRESS_EVERY = 1 << 20, NAME_SHOWN = 64, ARGS = 8, REPLY_AT = API_REPLY_AT };

struct import {
    kora *db;
    kora_import_options options;
    kora_import_result result;
    struct file_source file;
    struct lz4_source lz4;   // if result.compressed
    struct rdb_file_reader reader;
    struct session session;
    struct buf out;          // RESTORE's reply
    uint64_t before;         // bytes that were read before this reading of the file
    uint64_t told;           // of all of them, when progress was told last
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct import *x, int status, const char *format, ...) {
    if (!x->error_size) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(x->error, x->error_size, format, args);
    va_end(args);
    return status;
}

static void tell_progress(struct import *x, bool end) {
    uint64_t done = x->before + x->file.at;
    if (!x->options.progress || (!end && x->told && done - x->told < PROGRESS_EVERY)) return;
    x->told = done;
    engine_callback_begin();
    x->options.progress(x->options.progress_arg, done, MAX(done, 2 * x->file.size));
    engine_callback_end();
}

// ---- a key ---------------------------------------------------------------------------------------------------------------------

// The name for people, cut.
static void show_name(char to[4 * NAME_SHOWN + 8], struct slice name) {
    char *at = to;
    for (size_t i = 0; i < MIN(name.n, (size_t)NAME_SHOWN); i++) {
        unsigned char byte = (unsigned char)name.p[i];
        if (byte >= ' ' && byte < 0x7f && byte != '\\' && byte != '"') *at++ = (char)byte;
        else at += snprintf(at, 5, "\\x%02x", byte);
    }
    snprintf(at, 4, "%s", name.n > NAME_SHOWN ? "..." : "");
}

static int refuse_key(struct import *x, int status, struct slice why) {
    char name[4 * NAME_SHOWN + 8];
    show_name(name, x->reader.key.name);
    return refuse(x, status, "offset %" PRIu64 ": key \"%s\": %.*s", x->reader.key.offset, name, (int)why.n, why.p);
}

// A table without an element, or a packed list or ziplist: those are not kept by anybody, but there are files that have some.
static bool is_empty(struct slice object) {
    struct rdb_reader r = rdb_reader_of(object);
    switch (rdb_read_byte(&r)) {
    case RDB_LIST: case RDB_SET: case RDB_ZSET: case RDB_ZSET_2: case RDB_HASH: case RDB_LIST_QUICKLIST: case RDB_LIST_QUICKLIST_2:
        return object.n == 2 && object.p[1] == 0;
    case RDB_HASH_LISTPACK: case RDB_ZSET_LISTPACK: case RDB_SET_LISTPACK: return slice_equal(slice_of(object.p + 1, object.n - 1), SLICE("\7\7\0\0\0\0\0\xff"));
    case RDB_LIST_ZIPLIST: case RDB_HASH_ZIPLIST: case RDB_ZSET_ZIPLIST:
        return slice_equal(slice_of(object.p + 1, object.n - 1), SLICE("\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff"));
    default: return false;
    }
}

// RESTORE's answer, from behind its sign on.
static int understand(struct import *x, struct slice reply) {
    static const struct { const char *start; int status; } errors[] = {
        { "-ERR Bad data format", KORA_CORRUPT }, { "-OOM", KORA_NOMEM }, { "-MISCONF", KORA_READONLY }, { "-READONLY", KORA_READONLY },
    };
    if (reply.n == 0) return refuse_key(x, KORA_NOMEM, SLICE("out of memory"));
    if (reply.p[0] != '-') return KORA_OK;
    struct slice text = slice_of(reply.p + 1, reply.n >= 3 ? reply.n - 3 : 0);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        size_t n = strlen(errors[i].start);
        if (reply.n < n || memcmp(reply.p, errors[i].start, n) != 0) continue;
        return refuse_key(x, errors[i].status, errors[i].status == KORA_CORRUPT ? SLICE("its value is malformed") : text);
    }
    return refuse_key(x, KORA_SYSTEM, text);
}

static int restore(struct import *x) {
    const struct rdb_file_key *k = &x->reader.key;
    char digits[2][NUM_INT_MAX];
    struct slice argv[ARGS] = { SLICE("RESTORE"), k->name, { digits[0], num_format_int(k->meta.expires ? k->meta.expire_at_ms : 0, digits[0]) } };
    int argc = 3;
    argv[argc++] = rdb_file_dump(&x->reader);
    if (!argv[3].p) return refuse_key(x, KORA_NOMEM, SLICE("out of memory"));
    argv[argc++] = SLICE("REPLACE");
    argv[argc++] = SLICE("ABSTTL");
    if (k->meta.idle_s >= 0 || k->meta.frequency >= 0) {
        bool frequency = k->meta.frequency >= 0;
        argv[argc++] = frequency ? SLICE("FREQ") : SLICE("IDLETIME");
        argv[argc++] = slice_of(digits[1], num_format_int(frequency ? k->meta.frequency : k->meta.idle_s, digits[1]));
    }
    x->session.db = k->meta.db;
    x->out.failed = false;
    x->out.n = REPLY_AT;
    int status = api_run(x->db, &x->session, argc, argv, &x->out);
    if (status != KORA_OK) return refuse_key(x, status, slice_str(kora_status_text(status)));
    return understand(x, slice_of(x->out.p + REPLY_AT, x->out.failed ? 0 : x->out.n - REPLY_AT));
}

static int look_at_key(struct import *x) {
    const struct rdb_file_key *k = &x->reader.key;
    if (k->meta.db >= x->db->owner->count) return refuse_key(x, KORA_INVAL, SLICE("it is in a numbered database that is not here"));
    if (api_too_big(x->db, k->name.n)) return refuse_key(x, KORA_TOOBIG, SLICE("the name is above proto-max-bulk-len"));
    return KORA_OK;
}

static int take_key(struct import *x) {
    const struct rdb_file_key *k = &x->reader.key;
    struct txn now;
    if (k->meta.expires) {
        txn_begin(&now, &x->db->engine->common);
        if (k->meta.expire_at_ms <= txn_now(&now)) {
            x->result.expired++;
            return KORA_OK;
        }
    }
    if (is_empty(k->object)) {
        x->result.empty++;
        return KORA_OK;
    }
    int status = restore(x);
    if (status == KORA_OK) x->result.keys++;
    return status;
}

// ---- the file ------------------------------------------------------------------------------------------------------------------

typedef int key_fn(struct import *x);

static int each_key(struct import *x, key_fn *visit) {
    struct rdb_file_reader *r = &x->reader;
    for (;;) {
        int status = KORA_OK;
        switch (rdb_file_next(r)) {
        case RDB_FILE_KEY: status = visit(x); break;
        case RDB_FILE_FIELD: break; // of Kora's own: nothing that is kept elsewhere
        case RDB_FILE_END: return KORA_OK;
        case RDB_FILE_ERROR:
            if (r->code == -EBADMSG && *x->lz4.error) return refuse(x, KORA_CORRUPT, "%s", x->lz4.error);
            return refuse(x, r->status, "%s", r->error);
        }
        if (status != KORA_OK) return status;
        tell_progress(x, false);
    }
}

static void fill_result(struct import *x) {
    const struct rdb_file_reader *r = &x->reader;
    kora_import_result *to = &x->result;
    to->functions = r->functions;
    to->module_values = r->module_values;
    to->module_fields = r->module_fields;
    to->bytes = r->bytes;
    to->version = r->version;
    to->unchecked = r->unchecked;
    memcpy(to->redis_version, r->redis_version, sizeof to->redis_version);
}

// From its start to its end, or to the first key that is not to the liking of `visit`.
static int read_file(struct import *x, key_fn *visit) {
    struct byte_source from = file_source_bytes(&x->file);
    x->file.at = 0;
    if (x->result.compressed) {
        if (lz4_source_open(&x->lz4, from) < 0) return refuse(x, KORA_NOMEM, "out of memory");
        from = lz4_source_bytes(&x->lz4);
    }
    rdb_file_open(&x->reader, from);
    int status = each_key(x, visit);
    fill_result(x);
    rdb_file_close(&x->reader);
    if (x->result.compressed) lz4_source_close(&x->lz4);
    return status;
}

static int take_file(struct import *x) {
    x->result.compressed = file_source_starts(&x->file, LZ4_FRAME_MAGIC, LZ4_FRAME_MAGIC_BYTES);
    int status = read_file(x, look_at_key);
    if (status != KORA_OK) return status;
    x->before = x->file.at;
    status = read_file(x, take_key);
    if (status == KORA_OK) tell_progress(x, true);
    return status;
}

static int import_file(struct import *x, const char *path) {
    int code = file_source_open(&x->file, os_system(), path);
    if (code < 0) return refuse(x, code == -ENOMEM ? KORA_NOMEM : KORA_SYSTEM, "%s", strerror(-code));
    api_session_start(&x->session, x->db);
    int status = api_reply_begin(&x->out) ? take_file(x) : refuse(x, KORA_NOMEM, "out of memory");
    buf_free(&x->out);
    api_session_stop(&x->session, x->db);
    file_source_close(&x->file);
    return status;
}

KORA_API int kora_import(kora *db, const char *path, const kora_import_options *options, kora_import_result *result, char *error, size_t error_size) {
    struct import x = { .db = db, .options = KORA_IMPORT_OPTIONS_INIT, .error = error, .error_size = error ? error_size : 0 };
    if (x.error_size) *error = '\0';
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    size_t size = result ? result->size : sizeof x.result;
    if (!path || size < sizeof size) status = KORA_INVAL;
    else status = api_options(&x.options, sizeof x.options, options);
    if (status == KORA_OK) {
        status = import_file(&x, path);
        x.result.size = size;
        if (result) api_result(result, size, &x.result, sizeof x.result);
    }
    api_leave(db);
    return status;
}
