// Ziplist, all numbers little endian but for the lengths of strings:
//
//     u32 bytes in all | u32 where the last element begins | u16 elements (65535: count them) | element ... | 0xff
//     element: length of the one before it (1 byte, or 0xfe and 4 bytes) | encoding | data
//
//     00nnnnnn            string of n bytes             11000000  2 bytes    11010000  4 bytes    11100000  8 bytes: an integer
//     01nnnnnn n          of 14 bits, high byte first   11110000  3 bytes    11111110  1 byte
//     10000000 n n n n    of 32 bits, high byte first   11110001 to 11111101  the integer 0 to 12
//
// Zipmap:
//
//     u8 pairs (254 or more: count them) | pair ... | 0xff
//     pair: length, key, length, u8 unused bytes behind the value, value, unused bytes      length: 1 byte, or 0xfe and 4 bytes
#include "type/ziplist.h"

enum {
    HEAD = 10, // of a ziplist
    END = 0xff,
    LONG_LENGTH = 0xfe, // 4 bytes follow
    COUNT_UNKNOWN = 65535,
    MAP_COUNT_UNKNOWN = 254,
};

// What is left; NULL: something was wrong.
struct cursor {
    const unsigned char *p, *end;
};

static uint64_t load_little(const unsigned char *p, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n |= (uint64_t)p[i] << (8 * i);
    return n;
}

static uint64_t load_big(const unsigned char *p, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n = n << 8 | p[i];
    return n;
}

// The next n bytes, or NULL.
static const unsigned char *take(struct cursor *c, uint64_t n) {
    if (n > (uint64_t)(c->end - c->p)) return NULL;
    const unsigned char *p = c->p;
    c->p += n;
    return p;
}

// A length of 1 or 5 bytes. False: it is not all there.
static bool take_length(struct cursor *c, uint64_t *n) {
    const unsigned char *p = take(c, 1);
    if (!p || *p == END) return false;
    *n = *p;
    if (*p != LONG_LENGTH) return true;
    p = take(c, 4);
    if (p) *n = load_little(p, 4);
    return p != NULL;
}

static bool take_bytes(struct cursor *c, uint64_t n, struct packed_value *v) {
    const unsigned char *p = take(c, n);
    if (!p) return false;
    v->bytes = slice_of(p, (size_t)n);
    return true;
}

// ---- ziplist -------------------------------------------------------------------------------------------------------------------

static bool take_integer(struct cursor *c, unsigned encoding, struct packed_value *v) {
    size_t bytes;
    switch (encoding) {
    case 0xc0: bytes = 2; break;
    case 0xd0: bytes = 4; break;
    case 0xe0: bytes = 8; break;
    case 0xf0: bytes = 3; break;
    case 0xfe: bytes = 1; break;
    default:
        v->number = (int64_t)(encoding & 15) - 1;
        return encoding > 0xf0 && encoding < 0xfe;
    }
    const unsigned char *p = take(c, bytes);
    if (!p) return false;
    unsigned unused = 64 - 8 * (unsigned)bytes;
    v->number = (int64_t)(load_little(p, bytes) << unused) >> unused;
    return true;
}

static bool take_value(struct cursor *c, struct packed_value *v) {
    const unsigned char *p = take(c, 1), *more;
    *v = (struct packed_value){ 0 };
    if (!p) return false;
    switch (*p >> 6) {
    case 0: return take_bytes(c, *p, v);
    case 1: return (more = take(c, 1)) && take_bytes(c, (uint64_t)(*p & 63) << 8 | *more, v);
    case 2: return *p == 0x80 && (more = take(c, 4)) && take_bytes(c, load_big(more, 4), v);
    default: return take_integer(c, *p, v);
    }
}

bool ziplist_each(struct slice list, ziplist_visit_fn *visit, void *arg, bool *malformed) {
    const unsigned char *start = (const unsigned char *)list.p, *last = start + HEAD;
    *malformed = true;
    if (list.n < HEAD + 1 || load_little(start, 4) != list.n || start[list.n - 1] != END) return false;
    struct cursor c = { start + HEAD, start + list.n - 1 };
    uint64_t count = 0, before = 0, said;
    while (c.p < c.end) {
        struct packed_value v;
        last = c.p;
        if (!take_length(&c, &said) || said != before || !take_value(&c, &v)) return false;
        before = (uint64_t)(c.p - last);
        count++;
        if (visit(arg, v)) continue;
        *malformed = false;
        return false;
    }
    said = load_little(start + 8, 2);
    *malformed = load_little(start + 4, 4) != (uint64_t)(last - start) || (said != count && said != COUNT_UNKNOWN);
    return !*malformed;
}

// ---- zipmap --------------------------------------------------------------------------------------------------------------------

static bool take_pair(struct cursor *c, struct packed_value *key, struct packed_value *value) {
    uint64_t n;
    const unsigned char *unused;
    *key = *value = (struct packed_value){ 0 };
    return take_length(c, &n) && take_bytes(c, n, key) && take_length(c, &n) && (unused = take(c, 1)) && take_bytes(c, n, value) && take(c, *unused);
}

bool zipmap_each(struct slice map, ziplist_visit_fn *visit, void *arg, bool *malformed) {
    const unsigned char *start = (const unsigned char *)map.p;
    *malformed = true;
    if (map.n < 2 || start[map.n - 1] != END) return false;
    struct cursor c = { start + 1, start + map.n - 1 };
    uint64_t count = 0;
    while (c.p < c.end) {
        struct packed_value key, value;
        if (!take_pair(&c, &key, &value)) return false;
        count++;
        if (visit(arg, key) && visit(arg, value)) continue;
        *malformed = false;
        return false;
    }
    *malformed = *start < MAP_COUNT_UNKNOWN && count != *start;
    return !*malformed;
}
