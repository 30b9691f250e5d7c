// LZF, a byte-wise LZ77 by Marc Lehmann. Compressed data is a sequence of
//
//     000nnnnn  byte * (n + 1)            literal bytes: 1 to 32
//     lllooooo  oooooooo                  a copy of l + 2 bytes (l = 1 to 6) that begin o + 1 bytes before: at most 8192
//     111ooooo  llllllll  oooooooo        the same with l + 7 in place of l: 9 to 264 bytes
//
// A copy may run into the bytes that it writes: that repeats them.
//
// Decompression trusts nothing: each of these is checked against what is left to read and what has been written. The compressor is greedy:
// the last position of each hash of three bytes is the only candidate. Its table is on the stack, and no larger than the input deserves.
#include "base/lzf.h"

enum { LITERALS_MAX = 32, COPY_MAX = 264, OFFSET_MAX = 8192, HASH_BITS_MIN = 6, HASH_BITS_MAX = 13 };

// ---- decompression ------------------------------------------------------------------------------------------------------------------

// One piece of compressed data.
struct piece {
    size_t n;                // bytes that it stands for
    size_t offset;           // how far back they are; 0: it is literals
    const unsigned char *at; // the literals; NULL: it is a copy
};

// The piece at *p, which is moved behind it. False: it goes beyond `end`.
static inline bool take(const unsigned char **p, const unsigned char *end, struct piece *piece) {
    const unsigned char *from = *p;
    size_t left = (size_t)(end - from), head = *from;
    if (head < LITERALS_MAX) {
        if (left < head + 2) return false;
        *piece = (struct piece){ head + 1, 0, from + 1 };
        *p = from + head + 2;
        return true;
    }
    size_t bytes = head < 0xe0 ? 2 : 3;
    if (left < bytes) return false;
    *piece = (struct piece){ 2 + (head < 0xe0 ? head >> 5 : (size_t)7 + from[1]), ((head & 31) << 8 | from[bytes - 1]) + 1, NULL };
    *p = from + bytes;
    return true;
}

size_t lzf_length(struct slice from) {
    if (from.n == 0) return 0;
    const unsigned char *p = (const unsigned char *)from.p, *end = p + from.n;
    size_t n = 0;
    while (p < end) {
        struct piece piece;
        // n does not overflow: it is at most LZF_RATIO_MAX times what has been read.
        if (!take(&p, end, &piece) || piece.offset > n) return SIZE_MAX;
        n += piece.n;
    }
    return n;
}

// Most pieces are a few bytes: those are copied in words, which write beyond the end where there is room for that.
static inline void copy(char *to, const char *from, size_t n, bool words) {
    if (words) for (size_t i = 0; i < n; i += 8) memcpy(to + i, from + i, 8);
    else for (size_t i = 0; i < n; i++) to[i] = from[i];
}

bool lzf_decompress(struct slice from, char *to, size_t n) {
    if (from.n == 0) return n == 0;
    const unsigned char *p = (const unsigned char *)from.p, *end = p + from.n;
    size_t done = 0;
    while (p < end) {
        struct piece piece = { 0 };
        if (!take(&p, end, &piece) || piece.offset > done || piece.n > n - done) return false;
        char *out = to + done;
        bool room = n - done >= piece.n + 8;
        if (piece.at) copy(out, (const char *)piece.at, piece.n, room && (size_t)(end - piece.at) >= piece.n + 8);
        else copy(out, out - piece.offset, piece.n, room && piece.offset >= 8);
        done += piece.n;
    }
    return done == n;
}

// ---- compression --------------------------------------------------------------------------------------------------------------------

struct output {
    unsigned char *p;
    size_t n, room;
};

static bool put_literals(struct output *o, const unsigned char *p, size_t n) {
    while (n > 0) {
        size_t run = MIN(n, (size_t)LITERALS_MAX);
        if (o->room - o->n < run + 1) return false;
        o->p[o->n] = (unsigned char)(run - 1);
        memcpy(o->p + o->n + 1, p, run);
        o->n += run + 1;
        p += run;
        n -= run;
    }
    return true;
}

static bool put_copy(struct output *o, size_t offset, size_t n) {
    size_t back = offset - 1, length = n - 2;
    if (o->room - o->n < (length < 7 ? 2u : 3u)) return false;
    unsigned char *p = o->p + o->n;
    *p++ = (unsigned char)(MIN(length, (size_t)7) << 5 | back >> 8);
    if (length >= 7) *p++ = (unsigned char)(length - 7);
    *p++ = (unsigned char)back;
    o->n = (size_t)(p - o->p);
    return true;
}

static inline unsigned hash_of(const unsigned char *p, unsigned bits) {
    return (((unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2]) * 2654435761u) >> (32 - bits);
}

static inline size_t match(const unsigned char *a, const unsigned char *b, size_t max) {
    size_t n = 0;
    while (max - n >= 8 && load_word((const char *)a + n) == load_word((const char *)b + n)) n += 8;
    while (n < max && a[n] == b[n]) n++;
    return n;
}

static unsigned bits_for(size_t n) {
    unsigned bits = HASH_BITS_MIN;
    while (bits < HASH_BITS_MAX && (size_t)1 << bits < n) bits++;
    return bits;
}

size_t lzf_compress(struct slice from, char *to, size_t room) {
    if (from.n == 0 || from.n > UINT32_MAX) return 0;
    const unsigned char *in = (const unsigned char *)from.p;
    struct output o = { (unsigned char *)to, 0, room };
    uint32_t table[1 << HASH_BITS_MAX]; // the last position with that hash; 0, which is none, too
    unsigned bits = bits_for(from.n);
    memset(table, 0, sizeof(table[0]) << bits);

    size_t at = 0, literals = 0; // from `literals` to `at` is not yet written
    while (at + 3 <= from.n) {
        uint32_t *slot = &table[hash_of(in + at, bits)];
        size_t candidate = *slot, offset = at - candidate, n = 0;
        *slot = (uint32_t)at;
        if (offset > 0 && offset <= OFFSET_MAX) n = match(in + candidate, in + at, MIN(from.n - at, (size_t)COPY_MAX));
        if (n < 3) {
            // What has not repeated for long is looked at less and less closely.
            at += 1 + ((at - literals) >> 6);
            continue;
        }
        if (!put_literals(&o, in + literals, at - literals) || !put_copy(&o, offset, n)) return 0;
        at += n;
        literals = at;
        // What begins within the copy's last bytes often goes on behind it.
        for (size_t i = at - 2; i < at && i + 3 <= from.n; i++) table[hash_of(in + i, bits)] = (uint32_t)i;
    }
    return put_literals(&o, in + literals, from.n - literals) ? o.n : 0;
}
