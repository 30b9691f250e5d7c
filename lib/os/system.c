// The operating system itself, behind the table of os.h.
//
// Each function is one system call, started again when a signal has interrupted it (but for close: Linux has closed the descriptor by then),
// with errno turned into what it returns. Files are for their owner alone: they hold somebody's data.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/os.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC 0xF2F52010
#endif

enum { FILE_MODE = 0600, DIR_MODE = 0700 };

// The value of `call`, an int or ssize_t, or a negative errno.
#define SYSTEM(result, call)                              \
    do {                                                  \
        (result) = (call);                                \
    } while ((result) < 0 && errno == EINTR);             \
    if ((result) < 0) (result) = -errno

static int system_open(void *arg, const char *path, uint32_t how) {
    (void)arg;
    int flags = O_CLOEXEC | (how & OS_WRITE ? how & OS_READ ? O_RDWR : O_WRONLY : O_RDONLY);
    if (how & OS_CREATE) flags |= O_CREAT;
    if (how & OS_EXCLUSIVE) flags |= O_EXCL;
    if (how & OS_TRUNCATE) flags |= O_TRUNC;
    int fd;
    SYSTEM(fd, open(path, flags, FILE_MODE));
    return fd;
}

static int system_close(void *arg, int fd) {
    (void)arg;
    return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

static ssize_t system_read(void *arg, int fd, void *to, size_t n, uint64_t at) {
    (void)arg;
    ssize_t got;
    SYSTEM(got, pread(fd, to, n, (off_t)at));
    return got;
}

static ssize_t system_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    (void)arg;
    ssize_t done;
    SYSTEM(done, pwritev(fd, iov, MIN(count, IOV_MAX), (off_t)at));
    return done;
}

static int system_sync(void *arg, int fd) {
    (void)arg;
    int status;
    SYSTEM(status, fdatasync(fd));
    return status;
}

static int system_allocate(void *arg, int fd, uint64_t at, uint64_t n) {
    (void)arg;
    int status;
    SYSTEM(status, fallocate(fd, 0, (off_t)at, (off_t)n));
    return status == -ENOSYS ? -EOPNOTSUPP : status;
}

static int system_truncate(void *arg, int fd, uint64_t size) {
    (void)arg;
    int status;
    SYSTEM(status, ftruncate(fd, (off_t)size));
    return status;
}

static int system_size(void *arg, int fd, uint64_t *size) {
    (void)arg;
    struct stat st;
    if (fstat(fd, &st) != 0) return -errno;
    *size = (uint64_t)st.st_size;
    return 0;
}

static int system_lock(void *arg, int fd) {
    (void)arg;
    int status;
    SYSTEM(status, flock(fd, LOCK_EX | LOCK_NB));
    return status;
}

static int system_map(void *arg, int fd, uint64_t size, void **at) {
    (void)arg;
    if (size > SIZE_MAX) return -ENOMEM;
    void *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return -errno;
    // A child that inherited it would go on writing into the parent's data.
    if (madvise(p, (size_t)size, MADV_DONTFORK) != 0) {
        int status = -errno;
        munmap(p, (size_t)size);
        return status;
    }
    *at = p;
    return 0;
}

static int system_unmap(void *arg, void *at, uint64_t size) {
    (void)arg;
    return munmap(at, (size_t)size) == 0 ? 0 : -errno;
}

// Those whose fallocate gives blocks to the file for good. Where data is copied on write, or lives on another machine, a store into a
// mapping may find no room when the page is first written: SIGBUS, in somebody's program. What is not known is not trusted.
static bool system_may_map(void *arg, int fd) {
    (void)arg;
    struct statfs fs;
    int status;
    SYSTEM(status, fstatfs(fd, &fs));
    if (status != 0) return false;
    switch ((uint32_t)fs.f_type) {
    case EXT4_SUPER_MAGIC: // ext2 and ext3, too
    case XFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

static int system_rename(void *arg, const char *from, const char *to) {
    (void)arg;
    int status;
    SYSTEM(status, rename(from, to));
    return status;
}

static int system_remove(void *arg, const char *path) {
    (void)arg;
    int status;
    SYSTEM(status, unlink(path));
    return status;
}

static int system_make_dir(void *arg, const char *path) {
    (void)arg;
    int status;
    SYSTEM(status, mkdir(path, DIR_MODE));
    return status;
}

static int system_remove_dir(void *arg, const char *path) {
    (void)arg;
    int status;
    SYSTEM(status, rmdir(path));
    return status;
}

static int system_sync_dir(void *arg, const char *path) {
    (void)arg;
    int fd, status;
    SYSTEM(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0) return fd;
    SYSTEM(status, fsync(fd));
    close(fd);
    return status == -EINVAL ? 0 : status; // file systems that have nothing to sync in a directory say so
}

static int system_list(void *arg, const char *path, bool (*visit)(void *to, const char *name), void *to) {
    (void)arg;
    DIR *dir = opendir(path);
    if (!dir) return -errno;
    int status = 0;
    for (bool more = true; more;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            status = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) more = visit(to, entry->d_name);
    }
    closedir(dir);
    return status;
}

static int system_boot_id(void *arg, char to[OS_BOOT_ID_MAX]) {
    memset(to, 0, OS_BOOT_ID_MAX);
    int fd = system_open(arg, "/proc/sys/kernel/random/boot_id", OS_READ);
    if (fd < 0) return fd;
    ssize_t n = system_read(arg, fd, to, OS_BOOT_ID_MAX - 1, 0);
    system_close(arg, fd);
    if (n <= 0) return n < 0 ? (int)n : -ENODATA;
    to[strcspn(to, "\n")] = '\0';
    return 0;
}

static int64_t system_mono_us(void *arg) {
    (void)arg;
    return clock_mono_us();
}

static int64_t system_wall_ms(void *arg) {
    (void)arg;
    return clock_wall_ms();
}

static const struct os system_table = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .write = system_write,
    .sync = system_sync,
    .allocate = system_allocate,
    .truncate = system_truncate,
    .size = system_size,
    .lock = system_lock,
    .map = system_map,
    .unmap = system_unmap,
    .may_map = system_may_map,
    .rename = system_rename,
    .remove = system_remove,
    .make_dir = system_make_dir,
    .remove_dir = system_remove_dir,
    .sync_dir = system_sync_dir,
    .list = system_list,
    .boot_id = system_boot_id,
    .mono_us = system_mono_us,
    .wall_ms = system_wall_ms,
};

const struct os *os_system(void) { return &system_table; }
