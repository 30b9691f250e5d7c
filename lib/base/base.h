// The words that every file uses. No function here allocates, blocks or fails.
#ifndef KORA_BASE_H
#define KORA_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define prefetch(p) __builtin_prefetch((p), 0, 3)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#undef MIN // <sys/param.h> has them too
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(n, to) (((n) + (to) - 1) & ~((size_t)(to) - 1))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define CACHE_LINE 64

// An invariant whose breach means that memory can't be trusted any more: checked in release builds too.
#define invariant(x) ((void)(likely(x) || (invariant_failed(#x, __FILE__, __LINE__), 0)))
// An invariant that costs too much, or is too local, for release builds.
#ifdef KORA_DEBUG
#define debug_invariant(x) invariant(x)
#else
#define debug_invariant(x) ((void)sizeof(x))
#endif
_Noreturn void invariant_failed(const char *what, const char *file, int line);

// Bytes that somebody else owns.
struct slice {
    const char *p;
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n) { return (struct slice){ p, n }; }
static inline struct slice slice_str(const char *s) { return (struct slice){ s, strlen(s) }; }
#define SLICE(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })
static inline bool slice_equal(struct slice a, struct slice b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline uint64_t load_word(const char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}
// memcmp(a, b, n) == 0 for what is mostly 8 to 32 bytes long, as names are: in words that overlap, without a call.
static inline bool bytes_equal(const char *a, const char *b, size_t n) {
    if (unlikely(n < 8 || n > 32)) return n == 0 || memcmp(a, b, n) == 0;
    uint64_t differ = (load_word(a) ^ load_word(b)) | (load_word(a + n - 8) ^ load_word(b + n - 8));
    if (n > 16) differ |= (load_word(a + 8) ^ load_word(b + 8)) | (load_word(a + n - 16) ^ load_word(b + n - 16));
    return differ == 0;
}
// `word` is lower case; the comparison ignores the case of `s` (ASCII).
bool slice_is_word(struct slice s, const char *word);

#endif
