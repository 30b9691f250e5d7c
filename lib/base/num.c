// Numbers to and from text.
//
// The C library's conversions follow the locale of the calling thread, which belongs to the program that embeds us: each
// of them runs between use_c and use_back, which switch this thread to the "C" locale and back. (To glibc and musl that
// locale is a constant: taking it neither allocates nor fails.)
#include "base/num.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>

static locale_t use_c(void) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return c ? uselocale(c) : (locale_t)0;
}

static void use_back(locale_t old) {
    if (old) uselocale(old);
}

// ---- integers

bool num_parse_int(struct slice s, int64_t *n) {
    bool negative = s.n > 0 && s.p[0] == '-';
    size_t digits = s.n - negative;
    if (digits == 0 || digits > 19) return false;
    const char *p = s.p + negative;
    if (p[0] == '0') {
        if (s.n != 1) return false;
        *n = 0;
        return true;
    }
    uint64_t value = 0; // 19 digits always fit
    for (size_t i = 0; i < digits; i++) {
        unsigned digit = (unsigned)(unsigned char)p[i] - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *n = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static unsigned count_digits(uint64_t n) {
    unsigned digits = 1;
    for (;;) {
        if (n < 10) return digits;
        if (n < 100) return digits + 1;
        if (n < 1000) return digits + 2;
        if (n < 10000) return digits + 3;
        n /= 10000;
        digits += 4;
    }
}

size_t num_format_uint(uint64_t n, char *to) {
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    size_t digits = count_digits(n);
    char *p = to + digits;
    while (n >= 100) {
        p -= 2;
        memcpy(p, pairs + n % 100 * 2, 2);
        n /= 100;
    }
    if (n >= 10) memcpy(to, pairs + n * 2, 2);
    else to[0] = (char)('0' + n);
    return digits;
}

size_t num_format_int(int64_t n, char *to) {
    if (n >= 0) return num_format_uint((uint64_t)n, to);
    *to = '-';
    return 1 + num_format_uint(0 - (uint64_t)n, to + 1);
}

// ---- reals

// Copies s with a zero byte behind it. False if it can't be a number: empty, too long, begins with a space.
static bool terminate(struct slice s, char *to, size_t size) {
    if (s.n == 0 || s.n >= size || s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')) return false;
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

static const uint64_t powers_of_ten[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
    1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000u };

// n / d rounded to the nearest double, to the even one if it is in the middle; neither is 0. With the highest bit of both set, their quotient has 63 or
// 64 bits, and with the remainder all is known that rounding needs.
static double divide(uint64_t n, uint64_t d) {
    __extension__ typedef unsigned __int128 wide;
    int up = __builtin_clzll(n), down = __builtin_clzll(d);
    wide x = (wide)(n << up) << 63;
    uint64_t q = (uint64_t)(x / (d << down));
    q |= (wide)q * (d << down) != x; // below what is kept
    int cut = 11 - __builtin_clzll(q);
    uint64_t kept = q >> cut, rest = q & (((uint64_t)1 << cut) - 1), half = (uint64_t)1 << (cut - 1);
    kept += rest > half || (rest == half && (kept & 1));
    return ldexp((double)kept, cut + down - up - 63);
}

// [-]digits[.digits], of 19 digits at most: what most numbers look like. False: it is something else, or nothing.
static bool parse_plain(struct slice s, double *n) {
    enum { DIGITS_MAX = 19 };
    size_t at = s.n > 0 && s.p[0] == '-', first = at, point = 0;
    uint64_t value = 0;
    if (s.n - at > DIGITS_MAX + 1) return false;
    for (; at < s.n; at++) {
        unsigned digit = (unsigned)(unsigned char)s.p[at] - '0';
        if (digit <= 9) {
            value = value * 10 + digit;
        } else {
            if (s.p[at] != '.' || point) return false;
            point = at + 1;
        }
    }
    size_t digits = s.n - first - (point != 0), behind = point ? s.n - point : 0;
    if (digits == 0 || digits > DIGITS_MAX) return false;
    // A power of ten up to 10^22 is a double, so that with an integer that is one, too, one division rounds once.
    double d = value <= (uint64_t)1 << DBL_MANT_DIG ? (double)value / (double)powers_of_ten[behind] : divide(value, powers_of_ten[behind]);
    *n = first ? -d : d;
    return true;
}

// An underflow to a denormal number is no error, one to zero and an overflow are.
bool num_parse_real(struct slice s, double *n) {
    char text[NUM_LONG_REAL_MAX], *end;
    if (likely(parse_plain(s, n))) return true;
    if (!terminate(s, text, sizeof(text))) return false;
    locale_t old = use_c();
    errno = 0;
    double value = strtod(text, &end);
    bool range = errno == ERANGE;
    use_back(old);
    if (end != text + s.n || isnan(value) || (range && (isinf(value) || value == 0))) return false;
    *n = value;
    return true;
}

static bool parse_loose(struct slice s, double *n, bool *out_of_range) {
    char text[NUM_LONG_REAL_MAX], *end;
    if (s.n >= sizeof(text)) return false;
    if (s.n) memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    locale_t old = use_c();
    errno = 0;
    *n = strtod(text, &end);
    *out_of_range = errno == ERANGE;
    use_back(old);
    return *end == '\0' && !isnan(*n);
}

bool num_parse_loose(struct slice s, double *n) {
    bool out_of_range;
    return parse_loose(s, n, &out_of_range);
}

bool num_parse_weight(struct slice s, double *n) {
    bool out_of_range = false;
    return likely(parse_plain(s, n)) || (parse_loose(s, n, &out_of_range) && !out_of_range);
}

bool num_parse_long_real(struct slice s, long double *n) {
    char text[NUM_LONG_REAL_MAX], *end;
    if (!terminate(s, text, sizeof(text))) return false;
    locale_t old = use_c();
    errno = 0;
    long double value = strtold(text, &end);
    bool range = errno == ERANGE;
    use_back(old);
    if (end != text + s.n || isnan(value) || (range && (isinf(value) || value == 0))) return false;
    *n = value;
    return true;
}

static size_t format_special(bool nan, bool negative, char *to) {
    const char *text = nan ? "nan" : negative ? "-inf" : "inf";
    size_t n = strlen(text);
    memcpy(to, text, n);
    return n;
}

size_t num_format_long_real(long double n, char *to, size_t size) {
    if (isnan(n) || isinf(n)) return size < 4 ? 0 : format_special(isnan(n), n < 0, to);
    locale_t old = use_c();
    int printed = snprintf(to, size, "%.17Lf", n);
    use_back(old);
    if (printed < 0 || (size_t)printed >= size) return 0;
    size_t len = (size_t)printed;
    while (to[len - 1] == '0') len--; // there is a point, so this ends
    if (to[len - 1] == '.') len--;
    if (len == 2 && to[0] == '-' && to[1] == '0') {
        to[0] = '0';
        len = 1;
    }
    return len;
}

// The fewest digits that read back as n: at most 17. Up to 15 digits survive the way through a normal double, so that its
// shortest text is that with 15 without the zeros at its end, or longer; only denormal numbers have less to give.
static int shortest_digits(double n, char *to, size_t size) {
    for (int digits = fabs(n) < 0x1p-1022 ? 1 : 15; digits < 17; digits++) {
        snprintf(to, size, "%.*e", digits - 1, n);
        if (strtod(to, NULL) == n) return digits;
    }
    return 17;
}

// As "%.17g" lays it out (an exponent below -4 or from 17 on), but with the shortest digits.
size_t num_format_real(double n, char *to) {
    if (isnan(n) || isinf(n)) return format_special(isnan(n), n < 0, to);
    if (fabs(n) < 0x1p53 && n == (double)(int64_t)n && !(n == 0 && signbit(n))) return num_format_int((int64_t)n, to);
    char text[64];
    locale_t old = use_c();
    int digits = shortest_digits(n, text, sizeof(text));
    snprintf(text, sizeof(text), "%.*e", digits - 1, n);
    int exponent = atoi(strchr(text, 'e') + 1);
    bool scientific = exponent < -4 || exponent >= 17;
    if (!scientific) snprintf(text, sizeof(text), "%.*f", MAX(digits - 1 - exponent, 0), n);
    use_back(old);

    // Cut the zeros behind the point, which stand before the exponent if there is one.
    size_t len = strlen(text), mantissa = scientific ? (size_t)(strchr(text, 'e') - text) : len, keep = mantissa;
    if (memchr(text, '.', mantissa)) {
        while (text[keep - 1] == '0') keep--;
        if (text[keep - 1] == '.') keep--;
    }
    memcpy(to, text, keep);
    memcpy(to + keep, text + mantissa, len - mantissa);
    return keep + len - mantissa;
}

// Of 1e-4 <= n < 1e17, not whole. n is m * 2^-shift, so that n * 10^k, which has 17 digits before the point, fits 128 bits: it is rounded knowing all
// that is cut off, as printf does.
static size_t format_17_digits(double n, char *to) {
    __extension__ typedef unsigned __int128 wide;
    enum { DIGITS = 17, POWER_MAX = ARRAY_LEN(powers_of_ten) - 1 };
    int e, k;
    uint64_t m = (uint64_t)ldexp(frexp(n, &e), 53), q;
    unsigned shift = (unsigned)(53 - e);
    for (k = DIGITS - 1; n < 1 && k < DIGITS + 3; k++) n *= 10; // about: it is seen below whether it is one more or less
    for (unsigned whole = 1; whole < DIGITS && n >= (double)powers_of_ten[whole]; whole++) k--;
    for (;;) {
        wide x = (wide)m * powers_of_ten[MIN(k, POWER_MAX)] * powers_of_ten[k - MIN(k, POWER_MAX)], half = (wide)1 << (shift - 1), cut = x & (2 * half - 1);
        q = (uint64_t)(x >> shift);
        q += cut > half || (cut == half && (q & 1));
        if (q >= powers_of_ten[DIGITS]) k--;
        else if (q < powers_of_ten[DIGITS - 1]) k++;
        else break;
    }
    char digits[DIGITS];
    num_format_uint(q, digits);
    int whole = DIGITS - k; // digits before the point; negative: zeros behind it
    size_t len = 0, used = DIGITS;
    while (used > 1 && (int)used > whole && digits[used - 1] == '0') used--;
    if (whole <= 0) {
        memcpy(to, "0.0000", 2 + (size_t)-whole);
        len = 2 + (size_t)-whole;
        memcpy(to + len, digits, used);
        return len + used;
    }
    memcpy(to, digits, (size_t)whole);
    if ((int)used == whole) return used;
    to[whole] = '.';
    memcpy(to + whole + 1, digits + whole, used - (size_t)whole);
    return used + 1;
}

size_t num_format_score(double n, char *to) {
    double size = fabs(n);
    if (isnan(n) || isinf(n)) return format_special(isnan(n), n < 0, to);
    if (size < 1e17 && n == (double)(int64_t)n && !(n == 0 && signbit(n))) return num_format_int((int64_t)n, to);
    if (size >= 1e-4 && size < 1e17) {
        *to = '-';
        return n < 0 ? 1 + format_17_digits(size, to + 1) : format_17_digits(size, to);
    }
    locale_t old = use_c();
    int len = snprintf(to, NUM_REAL_MAX, "%.17g", n);
    use_back(old);
    return (size_t)len;
}

size_t num_format_fixed(double n, int digits, char *to, size_t size) {
    locale_t old = use_c();
    int len = snprintf(to, size, "%.*f", digits, n);
    use_back(old);
    return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

// ---- sizes

static uint64_t size_unit(struct slice s) {
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        { "", 1 }, { "b", 1 }, { "k", 1000 }, { "kb", 1 << 10 }, { "m", 1000 * 1000 }, { "mb", 1 << 20 },
        { "g", 1000 * 1000 * 1000 }, { "gb", 1 << 30 },
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_is_word(s, units[i].name)) return units[i].bytes;
    }
    return 0;
}

bool num_parse_size(struct slice s, uint64_t *n) {
    uint64_t value = 0;
    size_t digits = 0;
    if (s.n == 0) return false;
    for (; digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9'; digits++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(s.p[digits] - '0'), &value)) return false;
    }
    uint64_t unit = size_unit((struct slice){ s.p + digits, s.n - digits });
    if (digits == 0 || unit == 0 || __builtin_mul_overflow(value, unit, &value) || value > INT64_MAX) return false;
    *n = value;
    return true;
}
