// Streams of bytes, as pairs of a function and what it works on: files, LZ4 frames around other streams, memory (in tests).
#ifndef KORA_STORE_BYTE_STREAM_H
#define KORA_STORE_BYTE_STREAM_H

#include <sys/types.h>

#include "base/base.h"

struct byte_sink {
    int (*write)(void *arg, const void *p, size_t n); // all of it: 0, or a negative errno
    void *arg;
};

struct byte_source {
    ssize_t (*read)(void *arg, void *p, size_t n); // 1 to n bytes, as they come; 0: there are no more; or a negative errno
    void *arg;
};

#endif
