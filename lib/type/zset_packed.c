// Small sorted sets, see zset_packed.h.
#include "type/zset_packed.h"

#include <float.h>
#include <math.h>

// ---- scores ----------------------------------------------------------------------------------------------------------------

// Text of at most 19 digits as a double. The digits, and the power of ten, are exact in 64 bits of mantissa, so the quotient is off by half a
// unit of these at most: too little to change how it is rounded to 53 bits, unless it seems to be in the very middle. False: that, or other text.
static bool parse_short(struct slice s, double *n) {
#if LDBL_MANT_DIG == 64 && defined(__x86_64__)
    enum { DIGITS_MAX = 19, POWER_MAX = 27, MIDDLE = 1 << (LDBL_MANT_DIG - DBL_MANT_DIG - 1) };
    static const long double powers[POWER_MAX + 1] = { 1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L,
        1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L };
    size_t i = s.n > 0 && s.p[0] == '-', digits = 0, point = 0;
    bool pointed = false;
    uint64_t value = 0, bits;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit <= 9) {
            if (++digits > DIGITS_MAX) return false;
            value = value * 10 + digit;
            point += pointed;
        } else if (s.p[i] == '.' && !pointed) {
            pointed = true;
        } else {
            return false;
        }
    }
    if (digits == 0 || value == 0) return false;
    long double q = (long double)value / powers[point];
    memcpy(&bits, &q, sizeof bits); // the mantissa
    if ((bits & (2 * MIDDLE - 1)) == MIDDLE) return false;
    *n = s.p[0] == '-' ? -(double)q : (double)q;
    return true;
#else
    (void)s, (void)n;
    return false;
#endif
}

double zset_packed_score(const char *p, size_t at) {
    struct packed_value v = packed_get(p, packed_next(p, at));
    double n = 0;
    if (likely(!v.bytes.p)) return (double)v.number;
    if (!parse_short(v.bytes, &n)) num_parse_real(v.bytes, &n);
    return n;
}

struct slice zset_packed_text(double score, char text[NUM_REAL_MAX]) {
    const double limit = 0x1p62;
    if (score >= -limit && score <= limit && score == (double)(int64_t)score) return slice_of(text, num_format_int((int64_t)score, text));
    return slice_of(text, num_format_score(score, text));
}

// ---- pairs -----------------------------------------------------------------------------------------------------------------

size_t zset_packed_find(const char *p, struct slice member) { return packed_find(p, packed_first(p), member, 1); }

int zset_packed_compare(const char *p, size_t at, struct slice member) {
    char number[NUM_INT_MAX];
    return slice_compare(packed_string(p, at, number), member);
}

size_t zset_packed_place(const char *p, double score, struct slice member) {
    for (size_t at = packed_first(p); at; at = packed_next(p, packed_next(p, at))) {
        double other = zset_packed_score(p, at);
        if (other > score || (other == score && zset_packed_compare(p, at, member) > 0)) return at;
    }
    return packed_end(p);
}

size_t zset_packed_size(double score, struct slice member) {
    char text[NUM_REAL_MAX];
    return packed_size_of(member) + packed_size_of(zset_packed_text(score, text));
}

size_t zset_packed_size_at(const char *p, size_t at) { return packed_size_at(p, at) + packed_size_at(p, packed_next(p, at)); }

void zset_packed_insert(char *p, size_t at, double score, struct slice member) {
    char text[NUM_REAL_MAX];
    packed_insert(p, at, zset_packed_text(score, text));
    packed_insert(p, at, member);
}

void zset_packed_check(const char *p) {
    invariant(packed_valid(p, packed_bytes(p)) && packed_count(p) % 2 == 0);
    for (size_t at = packed_first(p), before = 0; at; before = at, at = packed_next(p, packed_next(p, at))) {
        char number[NUM_INT_MAX], text[NUM_REAL_MAX];
        double score = zset_packed_score(p, at), last = before ? zset_packed_score(p, before) : -INFINITY;
        struct slice member = packed_string(p, at, number);
        invariant(!isnan(score) && packed_equal(p, packed_next(p, at), zset_packed_text(score, text)));
        invariant(last < score || !before || (last == score && zset_packed_compare(p, before, member) < 0));
        invariant(zset_packed_find(p, member) == at);
    }
}
