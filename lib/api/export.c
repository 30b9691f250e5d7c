// kora_export: all of the data as an RDB file that redis-server loads.
#include <errno.h>
#include <stdarg.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "store/byte_file.h"
#include "store/lz4_file.h"
#include "store/rdb_file.h"

enum { KEYS_AT_A_TIME = 256 };

struct export {
    kora *db;
    kora_export_options options;
    kora_export_result result;
    struct rdb_file_writer writer;
    struct txn *txn;         // of the walk
    uint32_t number;         // of the database that it is in
    bool with_idle, with_frequency;
    uint64_t keys;           // all that there are, about
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct export *x, int status, const char *format, ...) {
    if (!x->error_size) return status;
    va_list args;
    va_start(args, format);
    vsnprintf(x->error, x->error_size, format, args);
    va_end(args);
    return status;
}

static int refuse_code(struct export *x, int code) { return refuse(x, code == -ENOMEM ? KORA_NOMEM : KORA_SYSTEM, "%s", strerror(-code)); }

// Not while leases are held.
static void tell_progress(struct export *x) {
    uint64_t done = x->writer.keys;
    if (!x->options.progress) return;
    engine_callback_begin();
    x->options.progress(x->options.progress_arg, done, MAX(done, x->keys));
    engine_callback_end();
}

// ---- entries ---------------------------------------------------------------------------------------------------------------------

static void take_entry(void *arg, void *entry) {
    struct export *x = arg;
    const struct entry *e = entry;
    struct rdb_file_meta m = { x->number, entry_expires(e), entry_expire_at(e), -1, -1 };
    if (x->with_idle) m.idle_s = (int64_t)entry_idle_s(x->txn, e);
    if (x->with_frequency) m.frequency = entry_frequency(x->txn, e);
    if (e->type == TYPE_HASH && e->form == FORM_ROOT && entry_root(e)->due.at_ms) x->result.newer++;
    rdb_file_key(&x->writer, &m, e);
}

static void walk_stripe(struct export *x, struct stripe *s, uint32_t db) {
    uint64_t cursor = 0;
    do cursor = stripe_scan(s, x->txn, db, cursor, KEYS_AT_A_TIME, take_entry, x);
    while (cursor && x->writer.status == KORA_OK);
}

static void walk_database(struct export *x, uint32_t db) {
    struct common *c = &x->db->engine->common;
    uint64_t keys = 0, expiring = 0;
    for (uint32_t i = 0; i < c->stripe_count; i++) {
        keys += stripe_count(&c->stripes[i], db);
        expiring += stripe_count_expiring(&c->stripes[i], db);
    }
    if (!keys) return;
    x->number = db;
    rdb_file_db(&x->writer, db, keys, expiring);
    for (uint32_t i = 0; i < c->stripe_count && x->writer.status == KORA_OK; i++) {
        walk_stripe(x, &c->stripes[i], db);
    }
}

// The source of entries: all of them, database by database, as they are at one instant; here with all leases held, so that nothing changes meanwhile.
static int walk_all(struct export *x) {
    struct task task;
    struct txn t;
    int status = task_lease_all(&task, x->db->engine);
    if (status != KORA_OK) return refuse(x, status, "%s", kora_status_text(status));
    txn_begin(&t, &x->db->engine->common);
    x->txn = &t;
    for (uint32_t db = 0; db < x->db->owner->count && x->writer.status == KORA_OK; db++) walk_database(x, db);
    effect_flush(&t);
    task_unlease_keys(&task, false);
    return KORA_OK;
}

// ---- the file ----------------------------------------------------------------------------------------------------------------------

static void choose_metadata(struct export *x) {
    struct buf policy = { 0 };
    if (settings_get(&x->db->engine->host, SLICE("maxmemory-policy"), &policy) == KORA_OK) {
        buf_append_char(&policy, '\0');
        x->with_idle = !policy.failed && strstr(policy.p, "lru");
        x->with_frequency = !policy.failed && strstr(policy.p, "lfu");
    }
    buf_free(&policy);
}

static void write_head(struct export *x) {
    struct rdb_file_writer *w = &x->writer;
    struct host_stats h;
    x->db->engine->host.stats(&x->db->engine->host, &h);
    x->keys = h.keys_all;
    rdb_file_field(w, SLICE("redis-ver"), SLICE(HOST_REDIS_VERSION));
    rdb_file_number(w, "redis-bits", 8 * sizeof(void *));
    rdb_file_number(w, "ctime", clock_wall_ms() / 1000);
    rdb_file_number(w, "used-mem", (int64_t)h.memory_used);
    rdb_file_number(w, "aof-base", 0);
    rdb_file_field(w, SLICE("kora-ver"), SLICE(KORA_VERSION));
}

static int write_rdb(struct export *x, struct byte_sink to) {
    rdb_file_begin(&x->writer, to, false);
    x->writer.object.compress = !(x->options.flags & KORA_EXPORT_LZ4); // once is enough
    write_head(x);
    tell_progress(x);
    int status = walk_all(x);
    int written = rdb_file_end(&x->writer);
    if (status != KORA_OK || written == KORA_OK) return status;
    return written == KORA_SYSTEM ? refuse_code(x, x->writer.code) : refuse(x, written, "%s", kora_status_text(written));
}

static int write_file(struct export *x, struct byte_sink to) {
    struct lz4_sink lz4;
    if (!(x->options.flags & KORA_EXPORT_LZ4)) return write_rdb(x, to);
    int code = lz4_sink_open(&lz4, to);
    if (code < 0) return refuse_code(x, code);
    int status = write_rdb(x, lz4_sink_bytes(&lz4));
    if (status != KORA_OK) {
        lz4_sink_abandon(&lz4);
        return status;
    }
    code = lz4_sink_finish(&lz4);
    return code < 0 ? refuse_code(x, code) : KORA_OK;
}

static int export_to(struct export *x, const char *path) {
    struct file_sink file;
    int code = file_sink_open(&file, os_system(), path);
    if (code < 0) return refuse_code(x, code);
    choose_metadata(x);
    int status = write_file(x, file_sink_bytes(&file));
    if (status != KORA_OK) {
        file_sink_abandon(&file);
        return status;
    }
    x->result.keys = x->writer.keys;
    x->result.bytes = file.at;
    code = file_sink_finish(&file);
    return code < 0 ? refuse_code(x, code) : KORA_OK;
}

KORA_API int kora_export(kora *db, const char *path, const kora_export_options *options, kora_export_result *result, char *error, size_t error_size) {
    struct export x = { .db = db, .options = KORA_EXPORT_OPTIONS_INIT, .error = error, .error_size = error ? error_size : 0 };
    if (x.error_size) *error = '\0';
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    size_t size = result ? result->size : sizeof x.result;
    if (!path || size < sizeof size) status = KORA_INVAL;
    else status = api_options(&x.options, sizeof x.options, options);
    if (status == KORA_OK && (x.options.flags & ~(uint32_t)KORA_EXPORT_LZ4)) status = KORA_UNSUPPORTED;
    if (status == KORA_OK) status = export_to(&x, path);
    if (status == KORA_OK) {
        tell_progress(&x);
        x.result.size = size;
        if (result) api_result(result, size, &x.result, sizeof x.result);
    }
    api_leave(db);
    return status;
}
