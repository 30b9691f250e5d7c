// A growing buffer of bytes. Once an append could not get memory, `failed` is set, and appends do nothing until buf_clear:
// a writer may append many times and look once.
#ifndef KORA_BASE_BUF_H
#define KORA_BASE_BUF_H

#include "base/base.h"

struct buf {
    char *p;
    size_t n, cap;
    bool failed;
};

void buf_free(struct buf *b);                  // releases the memory; the buffer is empty and usable again
static inline void buf_clear(struct buf *b) { b->n = 0; b->failed = false; }
char *buf_grow_(struct buf *b, size_t more);
// Room for `more` bytes at the end, not yet counted in n; NULL: failed.
static inline char *buf_reserve(struct buf *b, size_t more) {
    if (likely(b->p && !b->failed && b->cap - b->n >= more)) return b->p + b->n;
    return buf_grow_(b, more);
}
static inline void buf_append(struct buf *b, const void *p, size_t n) {
    char *to = buf_reserve(b, n);
    if (unlikely(!to)) return;
    if (n) memcpy(to, p, n);
    b->n += n;
}
static inline void buf_append_slice(struct buf *b, struct slice s) { buf_append(b, s.p, s.n); }
static inline void buf_append_char(struct buf *b, char c) { buf_append(b, &c, 1); }
void buf_append_int(struct buf *b, int64_t n);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Drops the first n bytes.
void buf_drop(struct buf *b, size_t n);

#endif
