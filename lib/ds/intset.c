// The integer set. Members are as wide as the widest that ever was in (Redis never narrows a set either, and its bytes are the format),
// so a number that needs more than that width is not there, and one that is added widens all of them and goes to one of the ends.
#include "ds/intset.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read and written as they lie in memory");

static uint32_t load32(const char *p) {
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static void header_write(char *p, size_t width, size_t count) {
    uint32_t header[2] = { (uint32_t)width, (uint32_t)count };
    debug_invariant(count <= UINT32_MAX);
    memcpy(p, header, sizeof header);
}

static size_t width_of(const char *p) { return load32(p); }
static size_t width_needed(int64_t n) { return n == (int16_t)n ? 2 : n == (int32_t)n ? 4 : 8; }

void intset_init(char *p) { header_write(p, 2, 0); }
size_t intset_count(const char *p) { return load32(p + 4); }
size_t intset_bytes(const char *p) { return INTSET_EMPTY + intset_count(p) * width_of(p); }

static inline int64_t member_read(const char *members, size_t width, size_t i) {
    int16_t n16;
    int32_t n32;
    int64_t n64;
    const char *m = members + i * width;
    if (width == 2) return memcpy(&n16, m, sizeof n16), n16;
    if (width == 4) return memcpy(&n32, m, sizeof n32), n32;
    return memcpy(&n64, m, sizeof n64), n64;
}

static void member_write(char *members, size_t width, size_t i, int64_t n) { memcpy(members + i * width, &n, width); }

// The number of members below `n`. Its comparisons become moves, not branches: which half it is can't be foreseen.
static inline __attribute__((always_inline)) size_t search(const char *members, size_t width, size_t count, int64_t n) {
    size_t low = 0;
    while (count > 1) {
        size_t half = count / 2;
        low = member_read(members, width, low + half - 1) < n ? low + half : low;
        count -= half;
    }
    return low + (count == 1 && member_read(members, width, low) < n);
}

// Where `n` is or, if it is no wider than the members, would be.
static size_t place_of(const char *p, int64_t n) {
    size_t count = intset_count(p);
    const char *members = p + INTSET_EMPTY;
    switch (width_of(p)) { // a loop for each width
    case 2: return search(members, 2, count, n);
    case 4: return search(members, 4, count, n);
    default: return search(members, 8, count, n);
    }
}

static bool is_at(const char *p, size_t i, int64_t n) { return i < intset_count(p) && intset_get(p, i) == n; }

bool intset_has(const char *p, int64_t n) { return is_at(p, place_of(p, n), n); }

int64_t intset_get(const char *p, size_t i) {
    debug_invariant(i < intset_count(p));
    return member_read(p + INTSET_EMPTY, width_of(p), i);
}

size_t intset_bytes_with(const char *p, int64_t n) {
    if (intset_has(p, n)) return intset_bytes(p);
    return INTSET_EMPTY + (intset_count(p) + 1) * MAX(width_of(p), width_needed(n));
}

// Gives each member `width` bytes, and its place after a new first one if there is to be one; from the last on, which no other overwrites.
static void widen(char *p, size_t width, size_t before) {
    char *members = p + INTSET_EMPTY;
    for (size_t i = intset_count(p); i-- > 0;) member_write(members, width, i + before, member_read(members, width_of(p), i));
}

bool intset_add(char *p, int64_t n) {
    size_t count = intset_count(p), width = width_of(p), need = width_needed(n), i;
    char *members = p + INTSET_EMPTY;
    if (need > width) {
        i = n < 0 ? 0 : count;
        widen(p, need, n < 0);
        width = need;
    } else {
        i = place_of(p, n);
        if (is_at(p, i, n)) return false;
        memmove(members + (i + 1) * width, members + i * width, (count - i) * width);
    }
    member_write(members, width, i, n);
    header_write(p, width, count + 1);
    return true;
}

bool intset_remove(char *p, int64_t n) {
    size_t count = intset_count(p), width = width_of(p);
    char *members = p + INTSET_EMPTY;
    size_t i = place_of(p, n);
    if (!is_at(p, i, n)) return false;
    memmove(members + i * width, members + (i + 1) * width, (count - i - 1) * width);
    header_write(p, width, count - 1);
    return true;
}

bool intset_valid(const char *p, size_t size) {
    if (size < INTSET_EMPTY) return false;
    size_t width = width_of(p), count = intset_count(p);
    if (width != 2 && width != 4 && width != 8) return false;
    if ((size - INTSET_EMPTY) % width != 0 || (size - INTSET_EMPTY) / width != count) return false;
    for (size_t i = 1; i < count; i++) {
        if (intset_get(p, i - 1) >= intset_get(p, i)) return false;
    }
    return true;
}
