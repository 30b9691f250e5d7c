// SipHash-1-3. The state is four words in registers; blocks are read as little-endian words, as the paper has it.
#include "base/hash.h"

static inline uint64_t rotate(uint64_t x, unsigned by) { return x << by | x >> (64 - by); }

static inline uint64_t load(const unsigned char *p) {
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

struct sip {
    uint64_t a, b, c, d;
};

static inline __attribute__((always_inline)) void mix(struct sip *v) {
    v->a += v->b;
    v->c += v->d;
    v->b = rotate(v->b, 13) ^ v->a;
    v->d = rotate(v->d, 16) ^ v->c;
    v->a = rotate(v->a, 32);
    v->c += v->b;
    v->a += v->d;
    v->b = rotate(v->b, 17) ^ v->c;
    v->d = rotate(v->d, 21) ^ v->a;
    v->c = rotate(v->c, 32);
}

// The last n % 8 bytes. From eight bytes on they are the top of a whole word that overlaps the block before.
static inline uint64_t tail(const unsigned char *p, size_t n) {
    size_t left = n & 7;
    if (left == 0) return 0;
    if (n >= 8) return load(p + n - 8) >> (64 - 8 * left);
    uint64_t x = 0;
    for (size_t i = 0; i < left; i++) x |= (uint64_t)p[i] << (8 * i);
    return x;
}

uint64_t hash_bytes(struct hash_key key, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    struct sip v = {
        key.k0 ^ UINT64_C(0x736f6d6570736575),
        key.k1 ^ UINT64_C(0x646f72616e646f6d),
        key.k0 ^ UINT64_C(0x6c7967656e657261),
        key.k1 ^ UINT64_C(0x7465646279746573),
    };
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t block = load(p + i);
        v.d ^= block;
        mix(&v);
        v.a ^= block;
    }
    uint64_t last = (uint64_t)n << 56 | tail(p, n);
    v.d ^= last;
    mix(&v);
    v.a ^= last;
    v.c ^= 0xff;
    mix(&v);
    mix(&v);
    mix(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}
