// Numbers as they stand in the log's files: little endian, at any address.
#ifndef KORA_STORE_BYTES_H
#define KORA_STORE_BYTES_H

#include "base/base.h"
#include "base/crc32c.h"

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BYTES_LITTLE32(n) __builtin_bswap32(n)
#define BYTES_LITTLE64(n) __builtin_bswap64(n)
#else
#define BYTES_LITTLE32(n) (n)
#define BYTES_LITTLE64(n) (n)
#endif

static inline void bytes_put32(void *to, uint32_t n) {
    n = BYTES_LITTLE32(n);
    memcpy(to, &n, sizeof n);
}
static inline void bytes_put64(void *to, uint64_t n) {
    n = BYTES_LITTLE64(n);
    memcpy(to, &n, sizeof n);
}

// A round as the staging file has it, with its check.
#define ROUND_WORD_MASK ((UINT64_C(1) << 48) - 1)
static inline uint64_t round_word(uint64_t round) {
    char bytes[8];
    bytes_put64(bytes, round);
    return (round & ROUND_WORD_MASK) | (uint64_t)crc32c(0, bytes, 6) << 48;
}

enum { VARINT_MAX = 5 }; // bytes, of a number below 2^35
static inline size_t varint_size(uint64_t n) {
    size_t size = 1;
    while (n >>= 7) size++;
    return size;
}
static inline char *varint_put(char *to, uint64_t n) {
    for (; n > 127; n >>= 7) *to++ = (char)(n | 128);
    *to++ = (char)n;
    return to;
}

#endif
