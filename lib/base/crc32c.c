// CRC-32C: three streams of the processor's instruction at a time where it has one, else eight bytes a step by tables ("slicing by 8", Kounavis
// and Berry 2005).
//
// The instruction gives its result after three cycles, and can be started in each: so a long buffer is taken as three neighbouring
// blocks side by side, whose sums are then put together. That is linear, as all of it: the sum of a followed by b is that of a, with as many zero bytes
// behind it as b is long, XOR that of b begun at 0. `after` holds, for the two lengths of a block that are used, what each value of each four bits
// of a sum comes to after so many zero bytes.
//
// tables[k][b] is what byte b comes to once 8 * (k + 1) zero bits have followed it. In all these tables the entry of a value is the XOR of the
// entries of its bits, so only those stand here, and the compiler computes the others.
#include "base/crc32c.h"

#include "base/base.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

#define SPAN1(x, a) (x), (x) ^ (a)
#define SPAN2(x, a, b) SPAN1(x, a), SPAN1((x) ^ (b), a)
#define SPAN3(x, a, b, c) SPAN2(x, a, b), SPAN2((x) ^ (c), a, b)
#define SPAN4(x, a, b, c, d) SPAN3(x, a, b, c), SPAN3((x) ^ (d), a, b, c)
#define SPAN5(x, a, b, c, d, e) SPAN4(x, a, b, c, d), SPAN4((x) ^ (e), a, b, c, d)
#define SPAN6(x, a, b, c, d, e, f) SPAN5(x, a, b, c, d, e), SPAN5((x) ^ (f), a, b, c, d, e)
#define SPAN7(x, a, b, c, d, e, f, g) SPAN6(x, a, b, c, d, e, f), SPAN6((x) ^ (g), a, b, c, d, e, f)
#define TABLE(a, b, c, d, e, f, g, h) { SPAN7(0u, a, b, c, d, e, f, g), SPAN7(h, a, b, c, d, e, f, g) }
#define NIBBLE(a, b, c, d) { SPAN4(0u, a, b, c, d) }

static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static inline uint64_t load_little(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

uint32_t crc32c_tables(uint32_t crc, const void *p, size_t n) {
    const unsigned char *from = p;
    crc = ~crc;
    for (; n >= 8; n -= 8, from += 8) {
        uint64_t x = load_little(from) ^ crc;
        crc = tables[7][x & 255] ^ tables[6][x >> 8 & 255] ^ tables[5][x >> 16 & 255] ^ tables[4][x >> 24 & 255] ^
              tables[3][x >> 32 & 255] ^ tables[2][x >> 40 & 255] ^ tables[1][x >> 48 & 255] ^ tables[0][x >> 56];
    }
    for (; n > 0; n--, from++) crc = crc >> 8 ^ tables[0][(crc ^ *from) & 255];
    return ~crc;
}

#if defined(__x86_64__)
#define INSTRUCTION __attribute__((target("sse4.2")))
#define STEP8(crc, x) ((uint32_t)_mm_crc32_u64((crc), (x)))
#define STEP1(crc, x) (_mm_crc32_u8((crc), (x)))
#define HAS_INSTRUCTION() (__builtin_cpu_supports("sse4.2")) // a load and a test: libgcc asks the processor before main
#elif defined(__ARM_FEATURE_CRC32)
#define INSTRUCTION
#define STEP8(crc, x) (__crc32cd((crc), (x)))
#define STEP1(crc, x) (__crc32cb((crc), (x)))
#define HAS_INSTRUCTION() true
#endif

#ifdef INSTRUCTION
enum { SHORT = 256, LONG = 2048 };

static const uint32_t after_short[8][16] = {
    NIBBLE(0xdcb17aa4, 0xbc8e83b9, 0x7cf17183, 0xf9e2e306),
    NIBBLE(0xf629b0fd, 0xe9bf170b, 0xd69258e7, 0xa8c8c73f),
    NIBBLE(0x547df88f, 0xa8fbf11e, 0x541b94cd, 0xa837299a),
    NIBBLE(0x558225c5, 0xab044b8a, 0x53e4e1e5, 0xa7c9c3ca),
    NIBBLE(0x4a7ff165, 0x94ffe2ca, 0x2c13b365, 0x582766ca),
    NIBBLE(0xb04ecd94, 0x6571edd9, 0xcae3dbb2, 0x902bc195),
    NIBBLE(0x25bbf5db, 0x4b77ebb6, 0x96efd76c, 0x2833d829),
    NIBBLE(0x5067b052, 0xa0cf60a4, 0x4472b7b9, 0x88e56f72),
};
static const uint32_t after_long[8][16] = {
    NIBBLE(0xf7506984, 0xeb4ca5f9, 0xd3753d03, 0xa3060cf7),
    NIBBLE(0x43e06f1f, 0x87c0de3e, 0x0a6dca8d, 0x14db951a),
    NIBBLE(0x29b72a34, 0x536e5468, 0xa6dca8d0, 0x48552751),
    NIBBLE(0x90aa4ea2, 0x24b8ebb5, 0x4971d76a, 0x92e3aed4),
    NIBBLE(0x202b2b59, 0x405656b2, 0x80acad64, 0x04b52c39),
    NIBBLE(0x096a5872, 0x12d4b0e4, 0x25a961c8, 0x4b52c390),
    NIBBLE(0x96a58720, 0x28a778b1, 0x514ef162, 0xa29de2c4),
    NIBBLE(0x40d7b379, 0x81af66f2, 0x06b2bb15, 0x0d65762a),
};

static inline uint32_t shifted(const uint32_t after[8][16], uint32_t crc) {
    return after[0][crc & 15] ^ after[1][crc >> 4 & 15] ^ after[2][crc >> 8 & 15] ^ after[3][crc >> 12 & 15] ^
           after[4][crc >> 16 & 15] ^ after[5][crc >> 20 & 15] ^ after[6][crc >> 24 & 15] ^ after[7][crc >> 28];
}

INSTRUCTION static inline uint32_t three_blocks(uint32_t a, const unsigned char *from, size_t block, const uint32_t after[8][16]) {
    uint32_t b = 0, c = 0;
    for (const unsigned char *end = from + block; from < end; from += 8) {
        a = STEP8(a, load_little(from));
        b = STEP8(b, load_little(from + block));
        c = STEP8(c, load_little(from + 2 * block));
    }
    return shifted(after, shifted(after, a) ^ b) ^ c;
}

INSTRUCTION static uint32_t by_instruction(uint32_t crc, const unsigned char *from, size_t n) {
    crc = ~crc;
    for (; n >= 3 * LONG; n -= 3 * LONG, from += 3 * LONG) crc = three_blocks(crc, from, LONG, after_long);
    for (; n >= 3 * SHORT; n -= 3 * SHORT, from += 3 * SHORT) crc = three_blocks(crc, from, SHORT, after_short);
    for (; n >= 8; n -= 8, from += 8) crc = STEP8(crc, load_little(from));
    for (; n > 0; n--, from++) crc = STEP1(crc, *from);
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n) { return HAS_INSTRUCTION() ? by_instruction(crc, p, n) : crc32c_tables(crc, p, n); }
#else
uint32_t crc32c(uint32_t crc, const void *p, size_t n) { return crc32c_tables(crc, p, n); }
#endif
