// A growing buffer of bytes.
#include "base/buf.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/num.h"

void buf_free(struct buf *b) {
    mem_free(b->p);
    *b = (struct buf){ 0 };
}

char *buf_grow_(struct buf *b, size_t more) {
    if (b->failed) return NULL;
    size_t need = b->n + more;
    if (need >= b->n && need <= SIZE_MAX / 2) {
        // Doubling keeps appends linear; above 1 MB an eighth is enough and wastes less.
        size_t cap = b->cap < (1u << 20) ? b->cap * 2 : b->cap + b->cap / 8;
        cap = MAX(MAX(cap, need), (size_t)64);
        char *p = mem_realloc(b->p, cap);
        if (p) {
            b->p = p;
            b->cap = cap;
            return b->p + b->n;
        }
    }
    b->failed = true;
    return NULL;
}

void buf_append_int(struct buf *b, int64_t n) {
    char *to = buf_reserve(b, NUM_INT_MAX);
    if (to) b->n += num_format_int(n, to);
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (!to) return;
    va_start(args, format);
    vsnprintf(to, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

void buf_drop(struct buf *b, size_t n) {
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}
