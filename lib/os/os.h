// The seam to the operating system: every file operation of the database goes through one table of functions, so that tests can
// record, tear, delay, fail or lose any of them. os_system() is the real one.
//
// Every function takes the table's `arg` first, and returns 0 (or what it says) or a negative errno. None retries what has failed but EINTR, and none
// hides a short write. Paths are the caller's; descriptors are closed on exec. Any thread may call any of them.
#ifndef KORA_OS_OS_H
#define KORA_OS_OS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/base.h"

enum os_open {
    OS_READ = 1 << 0,
    OS_WRITE = 1 << 1,     // with OS_READ: both
    OS_CREATE = 1 << 2,    // if it is missing
    OS_EXCLUSIVE = 1 << 3, // with OS_CREATE: -EEXIST if it is there
    OS_TRUNCATE = 1 << 4,
};

enum { OS_BOOT_ID_MAX = 40 };

struct os {
    void *arg;
    // Files
    int (*open)(void *arg, const char *path, uint32_t how);         // a descriptor
    int (*close)(void *arg, int fd);
    ssize_t (*read)(void *arg, int fd, void *to, size_t n, uint64_t at);                       // as pread: bytes read, 0 at the end
    ssize_t (*write)(void *arg, int fd, const struct iovec *iov, int count, uint64_t at);      // as pwritev: bytes written, perhaps fewer
    int (*sync)(void *arg, int fd);                                 // data, and what it takes to read them again (fdatasync)
    int (*allocate)(void *arg, int fd, uint64_t at, uint64_t n);    // room on the disk, read as zeros; -EOPNOTSUPP: not there
    int (*truncate)(void *arg, int fd, uint64_t size);
    int (*size)(void *arg, int fd, uint64_t *size);
    int (*lock)(void *arg, int fd);                                 // for this open file, as flock: -EWOULDBLOCK if another has it. Gone with the process
    // Mappings: shared, readable and writable, not given to forked children. What is stored there outlives the process, not the machine
    int (*map)(void *arg, int fd, uint64_t size, void **at);
    int (*unmap)(void *arg, void *at, uint64_t size);
    bool (*may_map)(void *arg, int fd);                             // what was allocated can't fail later: not on btrfs, zfs, nfs ...
    void (*stored)(void *arg, const void *at, size_t n);            // somebody has stored bytes in a mapping. NULL: nobody wants to know
    // Names
    int (*rename)(void *arg, const char *from, const char *to);
    int (*remove)(void *arg, const char *path);                     // a file
    int (*make_dir)(void *arg, const char *path);
    int (*remove_dir)(void *arg, const char *path);                 // empty
    int (*sync_dir)(void *arg, const char *path);                   // the names in it
    int (*list)(void *arg, const char *path, bool (*visit)(void *to, const char *name), void *to); // without . and ..; visit false: enough
    // The machine
    int (*boot_id)(void *arg, char to[OS_BOOT_ID_MAX]);             // another one after each start of the system
    int64_t (*mono_us)(void *arg);
    int64_t (*wall_ms)(void *arg);
};

const struct os *os_system(void);

// Helpers over any table
int os_write_all(const struct os *os, int fd, const void *p, size_t n, uint64_t at);             // -EIO for a write of nothing
int os_read_all(const struct os *os, int fd, void *to, size_t n, uint64_t at);                   // -ENODATA: the file ends before
// Replaces a small file at once: written beside it (name.new), synced, renamed, the directory synced. On failure the old one is there as it was; unless
// it is the last step that failed: then the new one is there, and the old one perhaps again after a power cut.
int os_replace_file(const struct os *os, const char *dir, const char *name, const void *p, size_t n);
// A whole small file: `*to` is mem_alloc'ed, with a zero behind its `*n` bytes. -EFBIG above max.
int os_read_file(const struct os *os, const char *path, size_t max, char **to, size_t *n);

#endif
