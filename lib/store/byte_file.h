// Files as streams of bytes: read from the start to the end; or written beside the name that they get when all of it is on the disk.
#ifndef KORA_STORE_BYTE_FILE_H
#define KORA_STORE_BYTE_FILE_H

#include "os/os.h"
#include "store/byte_stream.h"

struct file_source {
    const struct os *os;
    int fd;
    uint64_t at, size; // size: when it was opened
};

// 0 or a negative errno.
int file_source_open(struct file_source *f, const struct os *os, const char *path);
// Whether it begins with these bytes.
bool file_source_starts(struct file_source *f, const void *p, size_t n);
struct byte_source file_source_bytes(struct file_source *f);
void file_source_close(struct file_source *f);

struct file_sink {
    const struct os *os;
    int fd;
    uint64_t at;
    char *path, *beside;
};

// Makes a file beside `path`, of another name. 0 or a negative errno.
int file_sink_open(struct file_sink *f, const struct os *os, const char *path);
struct byte_sink file_sink_bytes(struct file_sink *f);
// It is `path` now, instead of what was there, and durable. On a negative errno there is only what was there before. Either way f is closed.
int file_sink_finish(struct file_sink *f);
void file_sink_abandon(struct file_sink *f); // nothing is left of it

#endif
