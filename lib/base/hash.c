// The keyed hash: AES rounds where the processor has them, else SipHash-1-3.
#include "base/hash.h"

// ---- SipHash-1-3: the state is four words in registers; blocks are read as little-endian words, as the paper has it ----------------

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

uint64_t hash_sip(const struct hash_key *key, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    struct sip v = {
        key->k0 ^ UINT64_C(0x736f6d6570736575),
        key->k1 ^ UINT64_C(0x646f72616e646f6d),
        key->k0 ^ UINT64_C(0x6c7967656e657261),
        key->k1 ^ UINT64_C(0x7465646279746573),
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

// ---- AES: every block goes through two rounds, the end through three more. Two rounds spread a changed byte over the whole state; a
// collision would need differences that cancel under round keys that nobody knows. ------------------------------------------------

#if defined(__x86_64__)
#include <immintrin.h>

static inline uint64_t load4(const unsigned char *p) {
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

// Up to 16 bytes as two words that overlap: different for any two different inputs of one length.
static inline __attribute__((always_inline)) __m128i short_block(const unsigned char *p, size_t n) {
    if (n >= 8) return _mm_set_epi64x((long long)load(p + n - 8), (long long)load(p));
    if (n >= 4) return _mm_set_epi64x((long long)load4(p + n - 4), (long long)load4(p));
    if (n == 0) return _mm_setzero_si128();
    return _mm_cvtsi64_si128((long long)(p[0] | (uint64_t)p[n / 2] << 8 | (uint64_t)p[n - 1] << 16));
}

static inline __attribute__((always_inline, target("aes"))) __m128i absorb(__m128i s, __m128i block, __m128i k2, __m128i k) {
    return _mm_aesenc_si128(_mm_aesenc_si128(_mm_xor_si128(s, block), k2), k);
}

__attribute__((target("aes"))) static struct hash_name hash_aes(const struct hash_key *key, const unsigned char *p, size_t n) {
    __m128i k = _mm_loadu_si128((const __m128i *)(const void *)key), s = k, look = _mm_set1_epi8('{'), seen;
    __m128i k2 = _mm_xor_si128(_mm_shuffle_epi32(k, _MM_SHUFFLE(1, 0, 3, 2)), _mm_set_epi64x(0x13198a2e03707344, 0x243f6a8885a308d3));
    // The length comes in behind a round, so that no choice of bytes can make up for it.
    k2 = _mm_add_epi64(k2, _mm_cvtsi64_si128((long long)n));
    if (likely(n <= 16)) {
        __m128i block = short_block(p, n);
        seen = _mm_cmpeq_epi8(block, look);
        s = absorb(s, block, k2, k);
    } else {
        __m128i last = _mm_loadu_si128((const __m128i *)(const void *)(p + n - 16)); // overlaps the one before
        seen = _mm_cmpeq_epi8(last, look);
        for (size_t i = 0; i + 16 < n; i += 16) {
            __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
            seen = _mm_or_si128(seen, _mm_cmpeq_epi8(block, look));
            s = absorb(s, block, k2, k);
        }
        s = absorb(s, last, k2, k);
    }
    s = _mm_aesenc_si128(_mm_aesenc_si128(_mm_aesenc_si128(s, k2), k), k2);
    return (struct hash_name){ (uint64_t)_mm_cvtsi128_si64(s), (uint64_t)_mm_movemask_epi8(seen) };
}
#endif

struct hash_name hash_name(const struct hash_key *key, const void *bytes, size_t n) {
#if defined(__x86_64__)
    if (likely(__builtin_cpu_supports("aes"))) return hash_aes(key, bytes, n);
#endif
    return (struct hash_name){ hash_sip(key, bytes, n), n && memchr(bytes, '{', n) };
}
