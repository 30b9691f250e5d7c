// Whole reads and writes, and small files as one thing, over any table of os.h.
#include <errno.h>

#include "base/mem.h"
#include "os/os.h"

int os_write_all(const struct os *os, int fd, const void *p, size_t n, uint64_t at) {
    for (size_t done = 0; done < n;) {
        struct iovec part = { (char *)p + done, n - done };
        ssize_t wrote = os->write(os->arg, fd, &part, 1, at + done);
        if (wrote == -EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? (int)wrote : -EIO;
        done += (size_t)wrote;
    }
    return 0;
}

int os_read_all(const struct os *os, int fd, void *to, size_t n, uint64_t at) {
    for (size_t done = 0; done < n;) {
        ssize_t got = os->read(os->arg, fd, (char *)to + done, n - done, at + done);
        if (got == -EINTR) continue;
        if (got <= 0) return got < 0 ? (int)got : -ENODATA;
        done += (size_t)got;
    }
    return 0;
}

// dir/name, and what follows it; mem_alloc'ed.
static char *join(const char *dir, const char *name, const char *end) {
    size_t a = strlen(dir), b = strlen(name), c = strlen(end);
    char *path = mem_alloc(a + b + c + 2);
    if (!path) return NULL;
    memcpy(path, dir, a);
    path[a] = '/';
    memcpy(path + a + 1, name, b);
    memcpy(path + a + 1 + b, end, c + 1);
    return path;
}

static int write_new(const struct os *os, const char *path, const void *p, size_t n) {
    int fd = os->open(os->arg, path, OS_WRITE | OS_CREATE | OS_TRUNCATE);
    if (fd < 0) return fd;
    int status = os_write_all(os, fd, p, n, 0);
    if (status == 0) status = os->sync(os->arg, fd);
    int closed = os->close(os->arg, fd);
    return status ? status : closed;
}

int os_replace_file(const struct os *os, const char *dir, const char *name, const void *p, size_t n) {
    char *path = join(dir, name, ""), *temp = join(dir, name, ".new");
    int status = path && temp ? 0 : -ENOMEM;
    if (status == 0) {
        // What a crash has left under the name may be the file itself, where only half of a rename reached the disk: it is not to be written over.
        status = os->remove(os->arg, temp);
        if (status == 0 || status == -ENOENT) status = write_new(os, temp, p, n);
        if (status == 0) status = os->rename(os->arg, temp, path);
        if (status != 0) os->remove(os->arg, temp); // if that fails, too, the next time removes it
    }
    if (status == 0) status = os->sync_dir(os->arg, dir);
    mem_free(path);
    mem_free(temp);
    return status;
}

int os_read_file(const struct os *os, const char *path, size_t max, char **to, size_t *n) {
    int fd = os->open(os->arg, path, OS_READ);
    if (fd < 0) return fd;
    uint64_t size;
    char *text = NULL;
    int status = os->size(os->arg, fd, &size);
    if (status == 0 && (size > max || size >= SIZE_MAX)) status = -EFBIG;
    if (status == 0 && !(text = mem_alloc((size_t)size + 1))) status = -ENOMEM;
    if (status == 0) status = os_read_all(os, fd, text, (size_t)size, 0);
    os->close(os->arg, fd);
    if (status != 0) {
        mem_free(text);
        return status;
    }
    text[size] = '\0';
    *to = text;
    *n = (size_t)size;
    return 0;
}
