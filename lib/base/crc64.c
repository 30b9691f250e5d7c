// CRC-64: by carry-less multiplication where the processor has it, else eight bytes a step ("slicing by 8", Kounavis and Berry 2005).
//
// tables[k][b] is what byte b comes to once 8 * (k + 1) zero bits have followed it. This is linear: the entry of b is the XOR of the entries of
// its bits, so that eight constants make a table, and the compiler computes the other 248. The constants are one chain: from that of the
// lowest table's bit 7, the reflected polynomial itself, on, each is the one before shifted by one more bit.
#include "base/crc64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SPAN1(x, a) (x), (x) ^ (a)
#define SPAN2(x, a, b) SPAN1(x, a), SPAN1((x) ^ (b), a)
#define SPAN3(x, a, b, c) SPAN2(x, a, b), SPAN2((x) ^ (c), a, b)
#define SPAN4(x, a, b, c, d) SPAN3(x, a, b, c), SPAN3((x) ^ (d), a, b, c)
#define SPAN5(x, a, b, c, d, e) SPAN4(x, a, b, c, d), SPAN4((x) ^ (e), a, b, c, d)
#define SPAN6(x, a, b, c, d, e, f) SPAN5(x, a, b, c, d, e), SPAN5((x) ^ (f), a, b, c, d, e)
#define SPAN7(x, a, b, c, d, e, f, g) SPAN6(x, a, b, c, d, e, f), SPAN6((x) ^ (g), a, b, c, d, e, f)
#define TABLE(a, b, c, d, e, f, g, h) { SPAN7(0u, a, b, c, d, e, f, g), SPAN7(h, a, b, c, d, e, f, g) }

// Of the bits 0 to 7.
static const uint64_t tables[8][256] = {
    TABLE(0x7ad870c830358979, 0xf5b0e190606b12f2, 0xc038e5739841b68f, 0xab28ecb46814fe75, 0x7d08ff3b88be6f81, 0xfa11fe77117cdf02, 0xdf7adabd7a6e2d6f, 0x95ac9329ac4bc9b5),
    TABLE(0x89e99ffd73bddf69, 0x388a19a9bfec2db9, 0x711433537fd85b72, 0xe22866a6ffb0b6e4, 0xef09eb1ea7f6fea3, 0xf54af06e177a6e2d, 0xc1ccc68f76634f31, 0xa8c0ab4db4510d09),
    TABLE(0xf4125129ce4038be, 0xc37d8400c417e217, 0xada22e52d0b85745, 0x701d7af6f9e73de1, 0xe03af5edf3ce7bc2, 0xeb2ccd88bf0b64ef, 0xfd00bd4226815ab5, 0xd1585cd715952601),
    TABLE(0x8ce168638c796306, 0x329bf69440655567, 0x6537ed2880caaace, 0xca6fda510195559c, 0xbf8692f15bbd3853, 0x545403b1efede3cd, 0xa8a80763dfdbc79a, 0x7a092894e7201c5f),
    TABLE(0x3504e58b9ba6dd1e, 0x6a09cb17374dba3c, 0xd413962e6e9b7478, 0x837e0a0f85a17b9b, 0x2da5324c53d5645d, 0x5b4a6498a7aac8ba, 0xb694c9314f559174, 0x4670b431c63cb183),
    TABLE(0xe39d1389931b9354, 0xec6301407ea0b5c3, 0xf39f24d3a5d6f8ed, 0xcc676ff4133a62b1, 0xb397f9bb7ee35609, 0x4c76d525a5513f79, 0x98edaa4b4aa27ef2, 0x1a8272c5cdd36e8f),
    TABLE(0x62a95de6e302eff2, 0xc552bbcdc605dfe4, 0xa1fc51c8d49c2ca3, 0x68a185c2f1afca2d, 0xd1430b85e35f945a, 0x89df31589e28bbdf, 0x38e744e264c6e4d5, 0x71ce89c4c98dc9aa),
    TABLE(0x381d0015c96f4444, 0x703a002b92de8888, 0xe074005725bd1110, 0xebb126fd13edb14b, 0xfc3b6ba97f4cf1fd, 0xd32ff101a60e7091, 0x8d06c450148b7249, 0x3154aef3718177f9),
};

static inline uint64_t load_little(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static uint64_t by_tables(uint64_t crc, const unsigned char *from, size_t n) {
    for (; n >= 8; n -= 8, from += 8) {
        crc ^= load_little(from);
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^ tables[4][crc >> 24 & 255] ^
              tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^ tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    for (; n > 0; n--, from++) crc = crc >> 8 ^ tables[0][(crc ^ *from) & 255];
    return crc;
}

// Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). Sixteen bytes A, followed by as many zero bytes as there are
// to the next ones that they are added to, are as much, modulo the polynomial, as the product of each half of A with a constant: x to the power of
// that distance. Bits are reflected here, which makes a product come out one bit too low: so the powers are one less. What is left at the end is sixteen bytes
// that have the same remainder as all that went before.
#if defined(__x86_64__)
enum { FOLD_FROM = 256 };

#define FOLDING __attribute__((target("pclmul,sse2")))
FOLDING static inline __m128i fold(__m128i a, __m128i next, __m128i powers) {
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, powers, 0x00), _mm_clmulepi64_si128(a, powers, 0x11)), next);
}

FOLDING static inline __m128i load(const unsigned char *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }

FOLDING static uint64_t by_folding(uint64_t crc, const unsigned char *from, size_t n) {
    const __m128i by64 = _mm_set_epi64x((int64_t)0xf49784a634f014e4, (int64_t)0xaf86efb16d9ab4fb); // x^511, x^575
    const __m128i by16 = _mm_set_epi64x((int64_t)0x381d0015c96f4444, (int64_t)0xd9d7be7d505da32c); // x^127, x^191
    __m128i a = _mm_xor_si128(load(from), _mm_cvtsi64_si128((int64_t)crc)), b = load(from + 16), c = load(from + 32), d = load(from + 48);
    for (n -= 64, from += 64; n >= 64; n -= 64, from += 64) {
        a = fold(a, load(from), by64);
        b = fold(b, load(from + 16), by64);
        c = fold(c, load(from + 32), by64);
        d = fold(d, load(from + 48), by64);
    }
    unsigned char left[16];
    a = fold(fold(fold(a, b, by16), c, by16), d, by16);
    _mm_storeu_si128((__m128i *)(void *)left, a);
    return by_tables(by_tables(0, left, sizeof left), from, n);
}

uint64_t crc64(uint64_t crc, const void *p, size_t n) {
    return n >= FOLD_FROM && __builtin_cpu_supports("pclmul") ? by_folding(crc, p, n) : by_tables(crc, p, n);
}
#else
uint64_t crc64(uint64_t crc, const void *p, size_t n) { return by_tables(crc, p, n); }
#endif
