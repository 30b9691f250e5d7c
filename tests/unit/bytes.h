// Streams of bytes in memory, for tests: they come in pieces of a given size, and fail where the test says.
#ifndef TESTS_UNIT_BYTES_H
#define TESTS_UNIT_BYTES_H

#include <errno.h>

#include "base/buf.h"
#include "store/byte_stream.h"

struct pieces {
    struct slice left;
    size_t piece;  // 0: all at once
    long fail_in;  // the call that fails, 1 the next; 0: none
    int code;      // with this errno
    size_t calls;
};

static inline bool pieces_fail_(struct pieces *p) {
    p->calls++;
    return p->fail_in && --p->fail_in == 0;
}

static inline ssize_t pieces_read(void *arg, void *to, size_t n) {
    struct pieces *p = arg;
    if (pieces_fail_(p)) return -p->code;
    n = MIN(n, MIN(p->left.n, p->piece ? p->piece : SIZE_MAX));
    if (n) memcpy(to, p->left.p, n);
    p->left.p += n;
    p->left.n -= n;
    return (ssize_t)n;
}

struct collected {
    struct buf b;
    struct pieces fails;
};

static inline int collected_write(void *arg, const void *p, size_t n) {
    struct collected *c = arg;
    if (pieces_fail_(&c->fails)) return -c->fails.code;
    buf_append(&c->b, p, n);
    return c->b.failed ? -ENOMEM : 0;
}

#endif
