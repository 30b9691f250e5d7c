// Snapshots from C: kora_snapshot, and kora_export, which writes one as a file of Redis's. See engine/save.h.
#include <sys/stat.h>

#include "api/api_int.h"
#include "engine/save.h"

// What would be replaced is nobody's but a file's: not a device, nor a link, as /dev/stdout is.
static bool may_replace(const char *path) {
    struct stat there;
    return lstat(path, &there) != 0 || S_ISREG(there.st_mode);
}

static int run(kora *db, struct save_job *job, char *error, size_t error_size) {
    int status = save_run(db->engine, job);
    if (status != KORA_OK && error_size) snprintf(error, error_size, "%s", *job->why ? job->why : kora_status_text(status));
    return status;
}

KORA_API int kora_snapshot(kora *db, const char *path, char *error, size_t error_size) {
    struct save_job job = { .kind = path ? SAVE_COPY : SAVE_OWN, .path = path };
    if (!error) error_size = 0;
    if (error_size) *error = '\0';
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    status = path && !*path ? KORA_INVAL : run(db, &job, error, error_size);
    api_leave(db);
    return status;
}

KORA_API int kora_export(kora *db, const char *path, const kora_export_options *options, kora_export_result *result, char *error, size_t error_size) {
    kora_export_options o = KORA_EXPORT_OPTIONS_INIT;
    kora_export_result out = KORA_EXPORT_RESULT_INIT;
    if (!error) error_size = 0;
    if (error_size) *error = '\0';
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    size_t size = result ? result->size : sizeof out;
    status = !path || size < sizeof size ? KORA_INVAL : api_options(&o, sizeof o, options);
    if (status == KORA_OK && (o.flags & ~(uint32_t)KORA_EXPORT_LZ4)) status = KORA_UNSUPPORTED;
    if (status == KORA_OK && !may_replace(path)) {
        status = KORA_INVAL;
        if (error_size) snprintf(error, error_size, "it is there, and no regular file");
    }
    if (status == KORA_OK) {
        struct save_job job = { .kind = SAVE_RDB, .path = path, .lz4 = o.flags & KORA_EXPORT_LZ4, .progress = o.progress, .progress_arg = o.progress_arg };
        status = run(db, &job, error, error_size);
        out = (kora_export_result){ size, job.keys, job.newer, job.bytes };
        if (status == KORA_OK && o.progress) {
            engine_callback_begin();
            o.progress(o.progress_arg, job.keys, job.keys);
            engine_callback_end();
        }
    }
    if (status == KORA_OK && result) api_result(result, size, &out, sizeof out);
    api_leave(db);
    return status;
}
