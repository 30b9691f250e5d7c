// Files as streams of bytes, see byte_file.h.
#include "store/byte_file.h"

#include <errno.h>

#include "base/mem.h"
#include "base/random.h"

// ---- reading -----------------------------------------------------------------------------------------------------------------

int file_source_open(struct file_source *f, const struct os *os, const char *path) {
    *f = (struct file_source){ .os = os };
    f->fd = os->open(os->arg, path, OS_READ);
    if (f->fd < 0) return f->fd;
    int code = os->size(os->arg, f->fd, &f->size);
    if (code < 0) file_source_close(f);
    return MIN(code, 0);
}

bool file_source_starts(struct file_source *f, const void *p, size_t n) {
    char start[16];
    invariant(n <= sizeof start);
    return os_read_all(f->os, f->fd, start, n, 0) == 0 && memcmp(start, p, n) == 0;
}

static ssize_t read_file(void *arg, void *p, size_t n) {
    struct file_source *f = arg;
    ssize_t got = f->os->read(f->os->arg, f->fd, p, n, f->at);
    if (got > 0) f->at += (uint64_t)got;
    return got;
}

struct byte_source file_source_bytes(struct file_source *f) { return (struct byte_source){ read_file, f }; }

void file_source_close(struct file_source *f) { f->os->close(f->os->arg, f->fd); }

// ---- writing -----------------------------------------------------------------------------------------------------------------

enum { SUFFIX = 32 };

static void forget(struct file_sink *f) {
    mem_free(f->path);
    mem_free(f->beside);
}

int file_sink_open(struct file_sink *f, const struct os *os, const char *path) {
    uint64_t name;
    size_t n = strlen(path);
    *f = (struct file_sink){ .os = os, .path = mem_copy(path, n), .beside = mem_alloc(n + SUFFIX) };
    int code = f->path && f->beside ? 0 : -ENOMEM;
    if (code == 0 && !random_entropy(&name, sizeof name)) code = -EIO;
    if (code == 0) {
        snprintf(f->beside, n + SUFFIX, "%s.%016llx.tmp", path, (unsigned long long)name);
        code = f->fd = os->open(os->arg, f->beside, OS_WRITE | OS_CREATE | OS_EXCLUSIVE);
    }
    if (code < 0) forget(f);
    return MIN(code, 0);
}

static int write_file(void *arg, const void *p, size_t n) {
    struct file_sink *f = arg;
    int code = os_write_all(f->os, f->fd, p, n, f->at);
    if (code == 0) f->at += n;
    return code;
}

struct byte_sink file_sink_bytes(struct file_sink *f) { return (struct byte_sink){ write_file, f }; }

// The folder that the file is in: its name is cut off.
static int sync_folder(struct file_sink *f) {
    char *slash = strrchr(f->path, '/');
    if (slash == f->path) slash++;
    if (slash) *slash = '\0';
    return f->os->sync_dir(f->os->arg, slash ? f->path : ".");
}

int file_sink_finish(struct file_sink *f) {
    const struct os *os = f->os;
    int code = os->sync(os->arg, f->fd);
    int closed = os->close(os->arg, f->fd);
    if (code == 0) code = closed;
    if (code == 0) code = os->rename(os->arg, f->beside, f->path);
    if (code < 0) os->remove(os->arg, f->beside);
    else code = sync_folder(f);
    forget(f);
    return code;
}

void file_sink_abandon(struct file_sink *f) {
    f->os->close(f->os->arg, f->fd);
    f->os->remove(f->os->arg, f->beside);
    forget(f);
}
