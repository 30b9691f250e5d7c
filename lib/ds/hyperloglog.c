#include "ds/hyperloglog.h"

#include <math.h>

enum {
    INDEX_BITS = 14,
    RANK_MAX = 64 - INDEX_BITS + 1,
    REGISTER_MAX = 63,      // what six bits hold; above RANK_MAX only in strings that nobody added to by hashes
    SPARSE_RANK_MAX = 32,
    ZERO_RUN_MAX = 64,      // in one byte
    VALUE_RUN_MAX = 4,
    CACHE_AT = 8,
};

// ---- elements -------------------------------------------------------------------------------------------------------------------

// n bytes, 8 at most.
static inline uint64_t load_little(const char *p, size_t n) {
    uint64_t x = 0;
    memcpy(&x, p, n);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static uint64_t murmur64a(const char *p, size_t n) {
    const uint64_t multiplier = 0xc6a4a7935bd1e995, seed = 0xadc83b19;
    uint64_t h = seed ^ (n * multiplier);
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t k = load_little(p, 8) * multiplier;
        h = (h ^ ((k ^ k >> 47) * multiplier)) * multiplier;
    }
    if (n) h = (h ^ load_little(p, n)) * multiplier;
    h = (h ^ h >> 47) * multiplier;
    return h ^ h >> 47;
}

struct hll_mark hll_mark_of(struct slice element) {
    uint64_t hash = murmur64a(element.p, element.n);
    uint64_t rest = hash >> INDEX_BITS | (uint64_t)1 << (RANK_MAX - 1); // so that there is a one
    return (struct hll_mark){ (uint32_t)(hash & (HLL_REGISTERS - 1)), (uint8_t)(__builtin_ctzll(rest) + 1) };
}

// ---- the header -------------------------------------------------------------------------------------------------------------------

bool hll_is(struct slice s) {
    if (s.n < HLL_HEAD || memcmp(s.p, "HYLL", 4) != 0) return false;
    return s.p[4] == 1 || (s.p[4] == 0 && s.n == HLL_DENSE_SIZE);
}

bool hll_cached(const char *p, uint64_t *estimate) {
    *estimate = load_little(p + CACHE_AT, 8);
    return *estimate >> 63 == 0;
}

void hll_cache(char *p, uint64_t estimate) {
    for (size_t i = 0; i < 8; i++) p[CACHE_AT + i] = (char)(unsigned char)(estimate >> (8 * i));
}

void hll_forget(char *p) { p[CACHE_AT + 7] = (char)(unsigned char)((unsigned char)p[CACHE_AT + 7] | 0x80); }

// ---- dense ----------------------------------------------------------------------------------------------------------------------

static inline unsigned dense_get(const unsigned char *registers, uint32_t index) {
    const unsigned char *p = registers + index * 6 / 8;
    unsigned shift = index * 6 % 8, value = *p;
    if (shift > 2) value |= (unsigned)p[1] << 8;
    return value >> shift & REGISTER_MAX;
}

static inline void dense_put(unsigned char *registers, uint32_t index, unsigned value) {
    unsigned char *p = registers + index * 6 / 8;
    unsigned shift = index * 6 % 8, mask = (unsigned)REGISTER_MAX << shift;
    value <<= shift;
    p[0] = (unsigned char)((p[0] & ~mask) | value);
    if (shift > 2) p[1] = (unsigned char)((p[1] & ~(mask >> 8)) | value >> 8);
}

static inline unsigned char *registers_of(char *p) { return (unsigned char *)p + HLL_HEAD; }
static inline const unsigned char *registers_in(const char *p) { return (const unsigned char *)p + HLL_HEAD; }

bool hll_dense_below(const char *p, struct hll_mark m) { return dense_get(registers_in(p), m.index) < m.rank; }
void hll_dense_set(char *p, struct hll_mark m) { dense_put(registers_of(p), m.index, m.rank); }

// Four registers are three bytes.
static inline unsigned load_four(const unsigned char *p) { return (unsigned)p[0] | (unsigned)p[1] << 8 | (unsigned)p[2] << 16; }

static void dense_merge(uint8_t *to, const unsigned char *p) {
    for (size_t i = 0; i < HLL_REGISTERS; i += 4, p += 3) {
        unsigned four = load_four(p);
        for (size_t k = 0; k < 4; k++) {
            uint8_t value = (uint8_t)(four >> (6 * k) & REGISTER_MAX);
            to[i + k] = MAX(to[i + k], value);
        }
    }
}

// ---- sparse ---------------------------------------------------------------------------------------------------------------------

struct run {
    uint32_t len, value;
    size_t bytes;
};

// The run at `at`, which is before n. False: it goes on behind the end.
static inline bool run_at(const unsigned char *p, size_t n, size_t at, struct run *r) {
    unsigned c = p[at];
    if (c >= 0x80) {
        *r = (struct run){ (c & 3) + 1, (c >> 2 & 31) + 1, 1 };
    } else if (c < 0x40) {
        *r = (struct run){ c + 1, 0, 1 };
    } else {
        if (at + 1 == n) return false;
        *r = (struct run){ ((c & 63) << 8 | p[at + 1]) + 1, 0, 2 };
    }
    return true;
}

// Writes a run of `len` registers (0: nothing); returns its bytes.
static size_t write_run(unsigned char *to, uint32_t value, uint32_t len) {
    if (len == 0) return 0;
    if (value) {
        to[0] = (unsigned char)(0x80 | (value - 1) << 2 | (len - 1));
    } else if (len <= ZERO_RUN_MAX) {
        to[0] = (unsigned char)(len - 1);
    } else {
        to[0] = (unsigned char)(0x40 | (len - 1) >> 8);
        to[1] = (unsigned char)((len - 1) & 0xff);
        return 2;
    }
    return 1;
}

// Where a register's run is, and the one before it (or itself, if the search began with it).
struct found {
    struct run run;
    size_t at, previous;
    uint32_t first, previous_first; // registers
};

// Searches from f->at on, a run that begins with register f->first. The last run of a damaged one may go on too far: no matter here, its parts are
// shorter, and whoever counts will see it.
static bool sparse_find(const unsigned char *p, size_t n, uint32_t index, struct found *f) {
    struct found x = *f; // the bytes may alias *f, as far as the compiler knows
    x.previous = x.at;
    x.previous_first = x.first;
    for (; x.at < n && run_at(p, n, x.at, &x.run); x.at += x.run.bytes) {
        if (index < x.first + x.run.len) {
            *f = x;
            return true;
        }
        x.previous = x.at;
        x.previous_first = x.first;
        x.first += x.run.len;
    }
    return false;
}

// Neighbouring runs of the same value become one, where that is allowed: among five from `at` on, as Redis looks.
static void sparse_join(struct hll *h, size_t at) {
    unsigned char *p = (unsigned char *)h->p;
    for (int steps = 5; steps > 0 && at < h->n; steps--) {
        unsigned len = at + 1 < h->n ? (p[at] & 3u) + 1 + (p[at + 1] & 3u) + 1 : 0;
        if (p[at] >= 0x80 && len && (p[at] & 0xfc) == (p[at + 1] & 0xfc) && len <= VALUE_RUN_MAX) {
            p[at + 1] = (unsigned char)((p[at] & 0xfc) | (len - 1));
            memmove(p + at, p + at + 1, h->n - at - 1);
            h->n--;
        } else {
            at += p[at] >= 0x40 && p[at] < 0x80 ? 2 : 1;
        }
    }
}

static enum hll_result set_as_dense(struct hll *h, struct hll_mark m) {
    if (!hll_make_dense(h)) return HLL_CORRUPT;
    hll_dense_set(h->p, m);
    return HLL_CHANGED;
}

// `f` is where to begin the search, and then what was found.
static enum hll_result sparse_set(struct hll *h, struct hll_mark m, struct found *f) {
    unsigned char *p = (unsigned char *)h->p, with[5];
    if (m.rank > SPARSE_RANK_MAX) return set_as_dense(h, m);
    if (!sparse_find(p, h->n, m.index, f)) return HLL_CORRUPT;
    if (f->run.value >= m.rank) return HLL_SAME;

    // The run becomes up to three: what is before the register, it, and what is behind.
    size_t bytes = write_run(with, f->run.value, m.index - f->first);
    bytes += write_run(with + bytes, m.rank, 1);
    bytes += write_run(with + bytes, f->run.value, f->first + f->run.len - 1 - m.index);
    if (bytes > f->run.bytes && h->n + bytes - f->run.bytes > h->sparse_max) return set_as_dense(h, m);
    size_t behind = f->at + f->run.bytes;
    memmove(p + f->at + bytes, p + behind, h->n - behind);
    memcpy(p + f->at, with, bytes);
    h->n += bytes - f->run.bytes;
    sparse_join(h, f->previous);
    return HLL_CHANGED;
}

static bool sparse_merge(uint8_t *to, const unsigned char *p, size_t n) {
    uint32_t index = 0;
    struct run r;
    for (size_t at = HLL_HEAD; at < n; at += r.bytes) {
        if (!run_at(p, n, at, &r) || index + r.len > HLL_REGISTERS) return false;
        for (uint32_t i = index; r.value && i < index + r.len; i++) to[i] = (uint8_t)MAX(to[i], r.value);
        index += r.len;
    }
    return index == HLL_REGISTERS;
}

// ---- both -----------------------------------------------------------------------------------------------------------------------

size_t hll_room(size_t n, size_t marks, size_t sparse_max) {
    size_t grown = MIN(n + HLL_GROWTH * marks, MAX(n, sparse_max));
    return MAX(grown, HLL_DENSE_SIZE);
}

void hll_init(struct hll *h) {
    memset(h->p, 0, HLL_HEAD);
    memcpy(h->p, "HYLL\1", 5);
    h->n = HLL_HEAD + write_run(registers_of(h->p), 0, HLL_REGISTERS);
}

enum hll_result hll_set(struct hll *h, struct hll_mark m) {
    struct found f = { .at = HLL_HEAD };
    if (!hll_is_dense(h->p)) return sparse_set(h, m, &f);
    if (!hll_dense_below(h->p, m)) return HLL_SAME;
    hll_dense_set(h->p, m);
    return HLL_CHANGED;
}

static void dense_fill(char *p, const uint8_t *registers) {
    unsigned char *to = registers_of(p);
    for (size_t i = 0; i < HLL_REGISTERS; i += 4, to += 3) {
        unsigned four = registers[i] | (unsigned)registers[i + 1] << 6 | (unsigned)registers[i + 2] << 12 | (unsigned)registers[i + 3] << 18;
        to[0] = (unsigned char)four;
        to[1] = (unsigned char)(four >> 8);
        to[2] = (unsigned char)(four >> 16);
    }
}

bool hll_make_dense(struct hll *h) {
    uint8_t registers[HLL_REGISTERS] = { 0 };
    if (hll_is_dense(h->p)) return true;
    if (!sparse_merge(registers, (const unsigned char *)h->p, h->n)) return false;
    dense_fill(h->p, registers);
    h->p[4] = 0;
    h->n = HLL_DENSE_SIZE;
    return true;
}

// Each search begins with a run before the last that was found. Such a run may grow by being joined, but to VALUE_RUN_MAX registers only: so
// it is never one that is yet to be changed, and what comes before a found run, where joining begins, is always known.
bool hll_put(struct hll *h, const uint8_t registers[HLL_REGISTERS]) {
    struct found start = { .at = HLL_HEAD };
    for (uint32_t i = 0; i < HLL_REGISTERS && !hll_is_dense(h->p); i++) {
        struct found f = start;
        if (registers[i] == 0) continue;
        if (sparse_set(h, (struct hll_mark){ i, registers[i] }, &f) == HLL_CORRUPT) return false;
        if (f.previous_first + VALUE_RUN_MAX <= i + 1) start = (struct found){ .at = f.previous, .first = f.previous_first };
    }
    if (hll_is_dense(h->p)) dense_fill(h->p, registers);
    return true;
}

bool hll_merge(uint8_t registers[HLL_REGISTERS], struct slice s) {
    if (!hll_is_dense(s.p)) return sparse_merge(registers, (const unsigned char *)s.p, s.n);
    dense_merge(registers, registers_in(s.p));
    return true;
}

// ---- the estimate ---------------------------------------------------------------------------------------------------------------
//
// From how many registers have which value: counts[0..63].

// Ertl's sigma and tau: sums that are taken until they change no more.
static double sigma(double x) {
    double sum = x, before, weight = 1;
    if (x == 1.) return INFINITY;
    do {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    } while (sum != before);
    return sum;
}

static double tau(double x) {
    double sum = 1 - x, before, weight = 1;
    if (x == 0. || x == 1.) return 0.;
    do {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= (1 - x) * (1 - x) * weight;
    } while (sum != before);
    return sum / 3;
}

static uint64_t estimate_of(const uint32_t *counts) {
    const double m = HLL_REGISTERS, alpha = 0.721347520444481703680; // 1 / (2 ln 2)
    double z = m * tau((m - counts[RANK_MAX]) / m);
    for (int i = RANK_MAX - 1; i >= 1; i--) z = (z + counts[i]) * 0.5;
    z += m * sigma(counts[0] / m);
    double estimate = alpha * m * m / z;
    // Beyond it is only what no hashes can have brought about.
    return estimate < 0x1p62 ? (uint64_t)llround(estimate) : (uint64_t)1 << 62;
}

static bool sparse_counts(uint32_t *counts, const unsigned char *p, size_t n) {
    uint32_t index = 0;
    struct run r;
    for (size_t at = HLL_HEAD; at < n; at += r.bytes) {
        if (!run_at(p, n, at, &r) || index + r.len > HLL_REGISTERS) return false;
        counts[r.value] += r.len;
        index += r.len;
    }
    return index == HLL_REGISTERS;
}

// Four tables, since neighbours often are equal, and an increment would wait for the one before.
static void dense_counts(uint32_t *counts, const unsigned char *p) {
    uint32_t sums[4][REGISTER_MAX + 1] = { { 0 } };
    for (size_t i = 0; i < HLL_REGISTERS; i += 4, p += 3) {
        unsigned four = load_four(p);
        for (size_t k = 0; k < 4; k++) sums[k][four >> (6 * k) & REGISTER_MAX]++;
    }
    for (size_t i = 0; i <= REGISTER_MAX; i++) counts[i] = sums[0][i] + sums[1][i] + sums[2][i] + sums[3][i];
}

bool hll_count(struct slice s, uint64_t *estimate) {
    uint32_t counts[REGISTER_MAX + 1] = { 0 };
    if (hll_is_dense(s.p)) dense_counts(counts, registers_in(s.p));
    else if (!sparse_counts(counts, (const unsigned char *)s.p, s.n)) return false;
    *estimate = estimate_of(counts);
    return true;
}

uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]) {
    uint32_t counts[REGISTER_MAX + 1] = { 0 };
    for (size_t i = 0; i < HLL_REGISTERS; i++) counts[registers[i] & REGISTER_MAX]++;
    return estimate_of(counts);
}
