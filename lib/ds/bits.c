#include "ds/bits.h"

typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));

// ---- counting -----------------------------------------------------------------------------------------------------------------

// Four sums, so that no addition waits for the one before.
#define COUNT_WORDS(p, n)                                                                                   \
    uint64_t a = 0, b = 0, c = 0, d = 0;                                                                    \
    for (; n >= 32; p += 32, n -= 32) {                                                                     \
        a += (uint64_t)__builtin_popcountll(load_word(p)), b += (uint64_t)__builtin_popcountll(load_word(p + 8));       \
        c += (uint64_t)__builtin_popcountll(load_word(p + 16)), d += (uint64_t)__builtin_popcountll(load_word(p + 24)); \
    }                                                                                                       \
    for (; n >= 8; p += 8, n -= 8) a += (uint64_t)__builtin_popcountll(load_word(p));                       \
    uint64_t rest = 0;                                                                                      \
    if (n) memcpy(&rest, p, n);                                                                             \
    return a + b + c + d + (uint64_t)__builtin_popcountll(rest);

#if defined(__x86_64__)
// Without the instruction gcc calls a function that looks bytes up.
__attribute__((target("popcnt"))) static uint64_t count_bytes_popcnt(const char *p, size_t n) { COUNT_WORDS(p, n) }
#endif
static uint64_t count_bytes_plain(const char *p, size_t n) { COUNT_WORDS(p, n) }

static uint64_t count_bytes(const char *p, size_t n) {
#if defined(__x86_64__)
    if (likely(__builtin_cpu_supports("popcnt"))) return count_bytes_popcnt(p, n);
#endif
    return count_bytes_plain(p, n);
}

static inline unsigned head_mask(uint64_t from) { return 0xffu >> (from & 7); }                       // bits of its byte from `from` on
static inline unsigned tail_mask(uint64_t end) { return (0xff00u >> (((end - 1) & 7) + 1)) & 0xff; } // bits of the last byte before `end`

uint64_t bits_count(const char *p, uint64_t from, uint64_t end) {
    if (from >= end) return 0;
    uint64_t first = from >> 3, last = (end - 1) >> 3;
    unsigned head = head_mask(from), tail = tail_mask(end);
    if (first == last) return (uint64_t)__builtin_popcount((unsigned char)p[first] & head & tail);
    uint64_t edges = (uint64_t)__builtin_popcount(((unsigned char)p[first] & head) << 8 | ((unsigned char)p[last] & tail));
    return edges + count_bytes(p + first + 1, last - first - 1);
}

// ---- finding ------------------------------------------------------------------------------------------------------------------

// The first byte from..end that is not `skip` in all of its bits; `end`: none.
static uint64_t pass_bytes(const char *p, unsigned char skip, uint64_t from, uint64_t end) {
    uint64_t all = skip ? UINT64_MAX : 0;
    for (; end - from >= 4 * sizeof(words); from += 4 * sizeof(words)) {
        const words *w = (const words *)(const void *)(p + from);
        words same = skip ? w[0] & w[1] & w[2] & w[3] : w[0] | w[1] | w[2] | w[3];
        if (same[0] != all || same[1] != all) break;
    }
    while (end - from >= 8 && load_word(p + from) == all) from += 8;
    while (from < end && (unsigned char)p[from] == skip) from++;
    return from;
}

uint64_t bits_find(const char *p, bool bit, uint64_t from, uint64_t end) {
    if (from >= end) return end;
    unsigned char skip = bit ? 0 : 0xff; // what a byte without any is
    uint64_t byte = from >> 3, last = (end - 1) >> 3;
    unsigned found = ((unsigned char)p[byte] ^ skip) & head_mask(from);
    if (!found && byte < last) {
        byte = pass_bytes(p, skip, byte + 1, last);
        found = (unsigned char)p[byte] ^ skip;
    }
    if (byte == last) found &= tail_mask(end);
    return found ? byte * 8 + (uint64_t)__builtin_clz(found) - 24 : end;
}

// ---- integers -----------------------------------------------------------------------------------------------------------------

static inline uint64_t load_big(const unsigned char *p) {
    uint64_t n;
    memcpy(&n, p, sizeof n);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    n = __builtin_bswap64(n);
#endif
    return n;
}
static inline void store_big(unsigned char *p, uint64_t n) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    n = __builtin_bswap64(n);
#endif
    memcpy(p, &n, sizeof n);
}

enum { FIELD_BYTES = 9 }; // that 64 bits may touch

uint64_t bits_get(const char *p, size_t n, uint64_t at, unsigned bits) {
    unsigned char field[FIELD_BYTES] = { 0 };
    uint64_t byte = at >> 3;
    unsigned skip = (unsigned)(at & 7);
    if (byte < n) memcpy(field, p + byte, MIN(n - byte, sizeof field));
    uint64_t value = load_big(field) << skip;
    if (skip) value |= (uint64_t)field[8] >> (8 - skip);
    return value >> (64 - bits);
}

void bits_put(char *p, uint64_t at, unsigned bits, uint64_t value) {
    unsigned char field[FIELD_BYTES] = { 0 };
    unsigned skip = (unsigned)(at & 7);
    size_t bytes = (skip + bits + 7) / 8;
    uint64_t mask = UINT64_MAX << (64 - bits); // of the value, moved to the top
    value <<= 64 - bits;
    memcpy(field, p + (at >> 3), bytes);
    store_big(field, (load_big(field) & ~(mask >> skip)) | value >> skip);
    if (skip + bits > 64) { // the ninth byte begins with the value's lowest bits
        unsigned mine = (unsigned)(mask << (64 - skip) >> 56);
        field[8] = (unsigned char)((field[8] & ~mine) | (unsigned)(value << (64 - skip) >> 56));
    }
    memcpy(p + (at >> 3), field, bytes);
}

// ---- combining ------------------------------------------------------------------------------------------------------------------

enum how { HOW_AND, HOW_OR, HOW_XOR, HOW_AND_NOT };

#define MERGE(how, x, y) ((how) == HOW_AND ? (x) & (y) : (how) == HOW_OR ? (x) | (y) : (how) == HOW_XOR ? (x) ^ (y) : (x) & ~(y))

// `how` is a constant where this is expanded, so that each gets a loop of its own. `to` may be `a` or `b`.
static inline __attribute__((always_inline)) void each(enum how how, char *to, const char *a, const char *b, size_t n) {
    size_t i = 0;
    for (; n - i >= sizeof(words); i += sizeof(words)) {
        const words *x = (const words *)(const void *)(a + i), *y = (const words *)(const void *)(b + i);
        *(words *)(void *)(to + i) = MERGE(how, *x, *y);
    }
    for (; i < n; i++) to[i] = (char)MERGE(how, a[i], b[i]);
}

static void apply(enum how how, char *to, const char *a, const char *b, size_t n) {
    switch (how) {
    case HOW_AND: each(HOW_AND, to, a, b, n); break;
    case HOW_OR: each(HOW_OR, to, a, b, n); break;
    case HOW_XOR: each(HOW_XOR, to, a, b, n); break;
    case HOW_AND_NOT: each(HOW_AND_NOT, to, a, b, n); break;
    }
}

enum { BLOCK = 4096 }; // all sources go over as many bytes at a time, which stay near; then it becomes a part of the result

// A part of a string, as much of it as there is.
static struct slice part_of(struct slice s, size_t at, size_t n) {
    return at < s.n ? (struct slice){ s.p + at, MIN(n, s.n - at) } : (struct slice){ "", 0 };
}

static void copy_part(char *to, size_t n, struct slice s) {
    memmove(to, s.p, s.n);
    memset(to + s.n, 0, n - s.n);
}

static void not_part(char *to, size_t n, struct slice s) {
    memset(to, 0xff, n);
    each(HOW_XOR, to, to, s.p, s.n);
}

// Two parts, as if the shorter one ended in zeros.
static void pair(enum how how, char *to, size_t n, struct slice a, struct slice b) {
    size_t both = MIN(a.n, b.n);
    apply(how, to, a.p, b.p, both);
    struct slice rest = a.n > both ? slice_of(a.p + both, a.n - both) : slice_of(b.p + both, b.n - both);
    if (how == HOW_AND || (how == HOW_AND_NOT && a.n == both)) rest.n = 0;
    copy_part(to + both, n - both, rest);
}

// Sources from `i` on into what is there.
static void fold(enum how how, char *to, size_t at, size_t n, const struct slice *sources, size_t i, size_t count) {
    for (; i < count; i++) pair(how, to, n, slice_of(to, n), part_of(sources[i], at, n));
}

// In exactly one: `to` is what is in one or more, `many` what is in two or more.
static void one_block(char *to, size_t at, size_t n, const struct slice *sources, size_t count) {
    char many[BLOCK], both[BLOCK];
    memset(many, 0, n);
    copy_part(to, n, part_of(sources[0], at, n));
    for (size_t i = 1; i < count; i++) {
        struct slice s = part_of(sources[i], at, n);
        apply(HOW_AND, both, to, s.p, s.n);
        apply(HOW_OR, many, many, both, s.n);
        apply(HOW_OR, to, to, s.p, s.n);
    }
    apply(HOW_AND_NOT, to, to, many, n);
}

static const enum how simple[] = { [BITS_AND] = HOW_AND, [BITS_OR] = HOW_OR, [BITS_XOR] = HOW_XOR, [BITS_DIFF] = HOW_AND_NOT };

static void combine_block(enum bits_op op, char *to, size_t at, size_t n, const struct slice *sources, size_t count) {
    struct slice first = part_of(sources[0], at, n);
    switch (op) {
    case BITS_NOT: not_part(to, n, first); break;
    case BITS_ONE: one_block(to, at, n, sources, count); break;
    case BITS_AND:
    case BITS_OR:
    case BITS_XOR:
    case BITS_DIFF:
        if (count == 1) copy_part(to, n, first);
        else pair(simple[op], to, n, first, part_of(sources[1], at, n));
        fold(simple[op], to, at, n, sources, 2, count);
        break;
    case BITS_DIFF1:
    case BITS_ANDOR:
        memset(to, 0, n);
        fold(HOW_OR, to, at, n, sources, 1, count);
        fold(op == BITS_ANDOR ? HOW_AND : HOW_AND_NOT, to, at, n, sources, 0, 1);
        break;
    }
}

void bits_combine(enum bits_op op, char *to, size_t n, const struct slice *sources, size_t count) {
    char block[BLOCK];
    bool direct = count <= 2 && (op == BITS_AND || op == BITS_OR || op == BITS_XOR || op == BITS_DIFF); // what is written has been read
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t part = MIN(n - at, BLOCK);
        combine_block(op, direct ? to + at : block, at, part, sources, count);
        if (!direct) memcpy(to + at, block, part);
    }
}
