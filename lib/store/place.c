// dir/STAGING: where staging was when the log was last opened, if that was not in the database's own directory: its path and a newline. Missing: it was.
//
// What a killed process has left in staging is read where staging is said to be now. If that is another place than it was, writes that were acknowledged would be
// passed over without a word; so a database whose newest writes are elsewhere, or may be, is not opened.
#include <errno.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "kora.h"
#include "store/recover_int.h"

enum { PLACE_BYTES_MAX = 8192 };

// *place: mem_alloc'ed; NULL: it is the directory itself.
static int read_place(const struct store *s, char **place, struct reason why) {
    size_t n;
    char *path = store_path(s->dir, "STAGING");
    *place = NULL;
    if (!path) return store_fail_memory(why);
    int err = os_read_file(s->os, path, PLACE_BYTES_MAX, place, &n), status = KORA_OK;
    if (err == 0 && n > 1 && (*place)[n - 1] == '\n' && strlen(*place) == n) (*place)[n - 1] = 0;
    else if (err == 0) status = store_fail(why, KORA_CORRUPT, "%s: it is not a path and the end of the line", path);
    else if (err != -ENOENT) status = store_fail_os(why, path, err);
    if (status != KORA_OK || err) {
        if (!err) mem_free(*place);
        *place = NULL;
    }
    mem_free(path);
    return status;
}

// Does the staging file there hold what a process of this system, killed meanwhile or not, has left of this database? KORA_OK, or why that can't be told:
// a place that can't be read (no permission, a disk that fails) may hold it.
static int is_in_use(const struct store *s, const char *place, bool *in_use, struct reason why) {
    char page[STAGING_STATE_AT + 4], boot[OS_BOOT_ID_MAX] = { 0 }, *path = store_path(place, "staging");
    *in_use = false;
    if (!path) return store_fail_memory(why);
    int fd = s->os->open(s->os->arg, path, OS_READ), err = fd, status = KORA_OK;
    if (fd >= 0) {
        err = os_read_all(s->os, fd, page, sizeof page, 0);
        s->os->close(s->os->arg, fd);
    }
    if (err >= 0) {
        *in_use = memcmp(page, STAGING_MAGIC, 8) == 0 && crc32c(0, page, STAGING_HEADER - 4) == get_u32(page + STAGING_HEADER - 4) &&
            memcmp(page + 32 + OS_BOOT_ID_MAX, s->manifest.id, STORE_ID_BYTES) == 0 && get_u32(page + STAGING_STATE_AT) == STAGING_IN_USE &&
            s->os->boot_id(s->os->arg, boot) == 0 && memcmp(page + 32, boot, sizeof boot) == 0;
    } else if (err != -ENOENT && err != -ENODATA) {
        char text[80];
        status = err == -ENOMEM ? store_fail_memory(why) :
            store_fail(why, KORA_SYSTEM, "%s: %s: the newest writes may be there; to open without them, remove %s/STAGING", path, strerror_r(-err, text, sizeof text), s->dir);
    }
    mem_free(path);
    return status;
}

static const char *own(const struct store *s, const char *place) { return place ? place : s->dir; }

int place_check(const struct store *s, struct reason why) {
    char *was;
    int status = read_place(s, &was, why);
    const char *then = own(s, was), *now = own(s, s->staging_dir);
    bool there = false, here = false;
    if (status == KORA_OK && strcmp(then, now) != 0) status = is_in_use(s, then, &there, why);
    if (status == KORA_OK && there) status = is_in_use(s, now, &here, why);
    // Where both are it is one file by two names.
    if (status == KORA_OK && there && !here)
        status = store_fail(why, KORA_INVAL, "%s/staging: the newest writes are there, and not in %s: the staging directory is another one than before", then, now);
    mem_free(was);
    return status;
}

int store_note_staging(const struct store *s, char *error, size_t error_size) {
    struct reason why = { error, error_size };
    char *was, *text = NULL, *path = NULL;
    int status = read_place(s, &was, why), err = 0;
    if (status == KORA_OK && strcmp(own(s, was), own(s, s->staging_dir)) != 0) {
        size_t n = s->staging_dir ? strlen(s->staging_dir) : 0;
        path = store_path(s->dir, "STAGING");
        text = s->staging_dir ? mem_alloc(n + 1) : NULL;
        if (!path || (s->staging_dir && !text)) {
            status = store_fail_memory(why);
        } else if (text) {
            memcpy(text, s->staging_dir, n);
            text[n] = '\n';
            err = os_replace_file(s->os, s->dir, "STAGING", text, n + 1);
        } else {
            err = s->os->remove(s->os->arg, path);
            if (!err) err = s->os->sync_dir(s->os->arg, s->dir);
        }
        if (err) status = store_fail_os(why, path, err);
    }
    mem_free(path);
    mem_free(text);
    mem_free(was);
    return status;
}
