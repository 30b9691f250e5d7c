// The packed list. What holds for every list that comes from here or that packed_valid has passed:
//
//   - each value has one encoding, the shortest: text that is an integer is the integer, and so equal values are equal bytes. packed_find
//     stands on that. (Redis writes no other.)
//   - the backwards length counts encoding and data, seven bits a byte, the highest first; all its bytes but the first have the top bit set.
//     It takes the bytes that Redis gives it, which is one more than needed when all its bits are ones (16383 takes three).
//   - the count in the header is exact, or PACKED_COUNT_UNKNOWN, however few they are.
//
// First byte of an element:
//
//     0xxxxxxx  0 to 127                  110xxxxx  and a byte: 13 bits, signed      11110001  and 2 bytes: 16 bits, signed
//     10xxxxxx  string of x bytes         1110xxxx  and a byte: string of that many  11110010, 011, 100: 24, 32, 64 bits
//     11111111  the end                   11110000  and 4 bytes: likewise
//
// The 13 and 12 bits have their high part in the first byte; everything else is little endian.
#include "ds/packed.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read and written as they lie in memory");

enum {
    HEADER = 6,
    END = 0xff,
    SHORT = 0x80,  // string, the length in the low 6 bits
    INT13 = 0xc0,  // the high 5 bits
    MIDDLE = 0xe0, // string, the high 4 bits of the length
    LONG = 0xf0,   // string
    INT16 = 0xf1,  // and INT24, INT32, INT64
    INT64 = 0xf4,
    BACK_MAX = 5,      // bytes of a backwards length
    HEAD_MAX = 9,      // bytes of an encoding that come before the string, or are the integer
    WORD = 8,          // bytes that packed_find compares at once
    RECOUNT_BITS = 12, // see count_again
};

// An element on its way into a list, or looked for.
struct element {
    char head[HEAD_MAX];
    unsigned head_n;
    struct slice data; // behind the head; that of an integer has none
    size_t size;       // of all, with the backwards length
};

// ---- header

static uint32_t load32(const char *p) {
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

static unsigned count_read(const char *p) {
    uint16_t x;
    memcpy(&x, p + 4, sizeof x);
    return x;
}

static void count_write(char *p, size_t count) {
    uint16_t x = (uint16_t)MIN(count, PACKED_COUNT_UNKNOWN);
    memcpy(p + 4, &x, sizeof x);
}

static void bytes_write(char *p, size_t bytes) {
    debug_invariant(bytes >= PACKED_EMPTY && bytes <= UINT32_MAX && (unsigned char)p[bytes - 1] == END);
    uint32_t x = (uint32_t)bytes;
    memcpy(p, &x, sizeof x);
}

void packed_init(char *p) {
    p[HEADER] = (char)END;
    bytes_write(p, PACKED_EMPTY);
    count_write(p, 0);
}

size_t packed_bytes(const char *p) { return load32(p); }

// ---- sizes

static size_t back_bytes(size_t length) {
    if (length < 128) return 1;
    return length < 16383 ? 2 : length < 2097151 ? 3 : length < 268435455 ? 4 : 5;
}

static size_t back_write(char *to, size_t length) {
    size_t n = back_bytes(length);
    for (size_t i = n; i-- > 0; length >>= 7) to[i] = (char)((length & 127) | (i > 0 ? 128 : 0));
    return n;
}

// The whole size of an element from its first byte, if that tells it; 0: it does not. A table, because what follows what is hard to foresee.
#define TIMES4(n) n, n, n, n
#define TIMES16(n) TIMES4(n), TIMES4(n), TIMES4(n), TIMES4(n)
#define FROM4(n) n, n + 1, n + 2, n + 3
#define FROM16(n) FROM4(n), FROM4(n + 4), FROM4(n + 8), FROM4(n + 12)
static const uint8_t size_known[256] = {
    TIMES16(2), TIMES16(2), TIMES16(2), TIMES16(2), TIMES16(2), TIMES16(2), TIMES16(2), TIMES16(2), // 0 to 127
    FROM16(2), FROM16(18), FROM16(34), FROM16(50),                                                  // short strings
    TIMES16(3), TIMES16(3),                                                                         // 13 bits
    TIMES16(0), 0, 4, 5, 6, 10,                                                                     // other strings; 16 to 64 bits
};

// Bytes of encoding and data of a string that is not a short one.
static size_t string_length(const char *e) {
    unsigned char first = (unsigned char)e[0];
    if (first < LONG) return 2 + ((size_t)(first & 15) << 8 | (unsigned char)e[1]);
    return 5 + (size_t)load32(e + 1);
}

static size_t size_from_length(const char *e) {
    debug_invariant((unsigned char)*e >= MIDDLE && (unsigned char)*e <= LONG);
    size_t length = string_length(e);
    return length + back_bytes(length);
}

// Bytes of the element there.
static inline size_t size_there(const char *e) {
    size_t size = size_known[(unsigned char)*e];
    return likely(size) ? size : size_from_length(e);
}

size_t packed_size_at(const char *p, size_t at) { return size_there(p + at); }

// ---- encoding

static unsigned encode_int(char *head, int64_t n) {
    if (n >= 0 && n <= 127) {
        head[0] = (char)n;
        return 1;
    }
    if (n >= -4096 && n <= 4095) {
        head[0] = (char)(INT13 | (n >> 8 & 31));
        head[1] = (char)(n & 255);
        return 2;
    }
    unsigned bytes = n == (int16_t)n ? 2 : n >= -(1 << 23) && n < 1 << 23 ? 3 : n == (int32_t)n ? 4 : 8;
    head[0] = (char)(bytes == 8 ? INT64 : INT16 + bytes - 2);
    memcpy(head + 1, &n, bytes);
    return 1 + bytes;
}

static unsigned encode_length(char *head, size_t n) {
    if (n < 64) {
        head[0] = (char)(SHORT | n);
        return 1;
    }
    if (n < 4096) {
        head[0] = (char)(MIDDLE | n >> 8);
        head[1] = (char)(n & 255);
        return 2;
    }
    head[0] = (char)LONG;
    memcpy(head + 1, &n, 4);
    return 5;
}

static void encode(struct element *e, struct slice s) {
    int64_t n;
    e->data = slice_of(s.p, 0);
    if (num_parse_int(s, &n)) {
        e->head_n = encode_int(e->head, n);
    } else {
        e->head_n = encode_length(e->head, s.n);
        e->data = s;
    }
    size_t length = e->head_n + e->data.n;
    e->size = length + back_bytes(length);
}

static struct element element_of_int(int64_t n) {
    struct element e = { .data = { "", 0 } };
    e.head_n = encode_int(e.head, n);
    e.size = e.head_n + 1;
    return e;
}

size_t packed_size_of_int(int64_t n) { return element_of_int(n).size; }

static void element_write(char *to, const struct element *e) {
    memcpy(to, e->head, e->head_n);
    to += e->head_n;
    if (e->data.n > 0) memcpy(to, e->data.p, e->data.n);
    back_write(to + e->data.n, e->head_n + e->data.n);
}

size_t packed_size_of(struct slice s) {
    struct element e;
    encode(&e, s);
    return e.size;
}

// ---- walking

size_t packed_first(const char *p) { return (unsigned char)p[HEADER] == END ? 0 : HEADER; }

size_t packed_last(const char *p) { return packed_previous(p, packed_end(p)); }

size_t packed_next(const char *p, size_t at) {
    debug_invariant(at >= HEADER && at < packed_end(p));
    at += size_there(p + at);
    return (unsigned char)p[at] == END ? 0 : at;
}

size_t packed_previous(const char *p, size_t at) {
    debug_invariant(at >= HEADER && at <= packed_end(p));
    if (at == HEADER) return 0;
    unsigned char byte = (unsigned char)p[--at];
    size_t length = byte & 127;
    for (unsigned shift = 7; byte & 128; shift += 7) {
        byte = (unsigned char)p[--at];
        length |= (size_t)(byte & 127) << shift;
    }
    debug_invariant(length <= at - HEADER);
    return at - length;
}

// Elements from `at` to the position `to`, but not more than `max`.
static size_t count_between(const char *p, size_t at, size_t to, size_t max) {
    size_t count = 0;
    for (; at < to && count < max; count++) at += size_there(p + at);
    return count;
}

size_t packed_count(const char *p) {
    size_t count = count_read(p);
    return count < PACKED_COUNT_UNKNOWN ? count : count_between(p, HEADER, packed_end(p), SIZE_MAX);
}

static size_t index_forwards(const char *p, uint64_t i) {
    size_t at = HEADER, end = packed_end(p);
    if (i >= (end - HEADER) / 2) return 0; // none takes less than two bytes
    for (; i > 0 && at < end; i--) at += size_there(p + at);
    return at < end ? at : 0;
}

static size_t index_backwards(const char *p, uint64_t i) {
    size_t at = packed_last(p);
    for (; i > 0 && at; i--) at = packed_previous(p, at);
    return at;
}

size_t packed_index(const char *p, int64_t i) {
    int64_t count = count_read(p);
    if (count == PACKED_COUNT_UNKNOWN) return i < 0 ? index_backwards(p, ~(uint64_t)i) : index_forwards(p, (uint64_t)i);
    if (i < 0) i += count;
    if (i < 0 || i >= count) return 0;
    return i <= count / 2 ? index_forwards(p, (uint64_t)i) : index_backwards(p, (uint64_t)(count - 1 - i));
}

// ---- reading

static int64_t decode_int(const char *e) {
    unsigned char first = (unsigned char)*e;
    int64_t n = 0;
    if (first < SHORT) return first;
    if (first < MIDDLE) {
        n = (first & 31) << 8 | (unsigned char)e[1];
        return n < 4096 ? n : n - 8192;
    }
    debug_invariant(first >= INT16 && first <= INT64);
    unsigned bytes = first == INT64 ? 8 : first - INT16 + 2U, spare = 64 - 8 * bytes;
    uint64_t high = 0;
    memcpy((char *)&high + (8 - bytes), e + 1, bytes);
    n = (int64_t)high;
    return n >> spare;
}

static bool is_string(unsigned char first) { return first >= SHORT && (first < INT13 || (first >= MIDDLE && first <= LONG)); }

static struct packed_value value_read(const char *e) {
    unsigned char first = (unsigned char)*e;
    if (likely(first >= SHORT && first < INT13)) return (struct packed_value){ slice_of(e + 1, first & 63), 0 };
    if (!is_string(first)) return (struct packed_value){ { NULL, 0 }, decode_int(e) };
    size_t head = first < LONG ? 2 : 5;
    return (struct packed_value){ slice_of(e + head, string_length(e) - head), 0 };
}

struct packed_value packed_get(const char *p, size_t at) {
    debug_invariant(at >= HEADER && at < packed_end(p));
    return value_read(p + at);
}

struct slice packed_string(const char *p, size_t at, char number[NUM_INT_MAX]) {
    struct packed_value v = packed_get(p, at);
    return v.bytes.p ? v.bytes : slice_of(number, num_format_int(v.number, number));
}

bool packed_integer(const char *p, size_t at, int64_t *n) {
    struct packed_value v = packed_get(p, at);
    if (v.bytes.p) return false; // the text of an integer would be one
    *n = v.number;
    return true;
}

bool packed_equal(const char *p, size_t at, struct slice s) {
    struct packed_value v = packed_get(p, at);
    int64_t n;
    if (v.bytes.p) return v.bytes.n == s.n && bytes_equal(v.bytes.p, s.p, s.n);
    return num_parse_int(s, &n) && n == v.number;
}

// ---- finding
//
// Equal values are equal bytes, so what is looked for is encoded once, and its last word (the end of the text, which tells similar names
// apart, and the backwards length) compared with the word that ends where each element would if it were of the same size. No branch on
// what kind of element it is or how long. The word may begin before the element, but never before the list: the header has 6 bytes, the
// smallest element 2. And the search ends as soon as there are fewer bytes left than the element has, so that nothing behind the list is read.

struct wanted {
    struct element element;
    uint64_t last;  // its last word; if it is smaller, its bytes are the high ones
    unsigned shift; // that drops what is not of it
};

static void wanted_make(struct wanted *w, struct slice s) {
    struct element *e = &w->element;
    char text[WORD + 2 * WORD] = { 0 }; // begins with a word of zeros
    encode(e, s);
    size_t n = e->size;
    if (n <= 2 * WORD) {
        element_write(text + WORD, e);
    } else { // a string of more than a word
        memcpy(text + WORD, e->data.p + e->data.n - WORD, WORD);
        n = WORD + back_write(text + 2 * WORD, e->head_n + e->data.n);
    }
    w->last = load_word(text + n);
    w->shift = n < WORD ? (unsigned)(WORD - n) * 8 : 0;
}

// Whether an element whose last word may be the wanted one, and that does not fit into it, is.
static bool wanted_is(const struct wanted *w, const char *e) {
    const struct element *want = &w->element;
    if (*e != want->head[0] || size_there(e) != want->size) return false;
    if (want->data.n == 0) return memcmp(e, want->head, want->head_n) == 0;
    return bytes_equal(e + want->head_n, want->data.p, want->data.n);
}

size_t packed_find(const char *p, size_t at, struct slice s, size_t skip) {
    struct wanted w;
    if (at == 0) return 0;
    wanted_make(&w, s);
    size_t size = w.element.size, end = packed_end(p);
    debug_invariant(at >= HEADER && at <= end);
    if (size > end - at) return 0;
    for (size_t last = end - size; at <= last;) {
        uint64_t differ = (load_word(p + (at + size - WORD)) ^ w.last) >> w.shift;
        if (unlikely(differ == 0) && (size <= WORD || wanted_is(&w, p + at))) return at;
        at += size_there(p + at);
        for (size_t i = skip; i > 0 && at <= last; i--) at += size_there(p + at);
    }
    return 0;
}

// ---- changing

static void count_add(char *p, size_t n) {
    size_t count = count_read(p);
    if (count < PACKED_COUNT_UNKNOWN) count_write(p, count + n);
}

// Finds out how many they are, if that can be told again. Called each time that 2^RECOUNT_BITS bytes are gone, not at each removal: a long
// list would be walked for every element that leaves it.
static void count_again(char *p) { count_write(p, count_between(p, HEADER, packed_end(p), PACKED_COUNT_UNKNOWN)); }

void packed_insert(char *p, size_t at, struct slice s) {
    struct element e;
    size_t bytes = packed_bytes(p);
    debug_invariant(at >= HEADER && at < bytes);
    encode(&e, s);
    memmove(p + at + e.size, p + at, bytes - at);
    element_write(p + at, &e);
    bytes_write(p, bytes + e.size);
    count_add(p, 1);
}

static void replace(char *p, size_t at, const struct element *e) {
    size_t bytes = packed_bytes(p), old = size_there(p + at);
    debug_invariant(at >= HEADER && at + old < bytes && old > 0);
    if (e->size != old) {
        memmove(p + at + e->size, p + at + old, bytes - at - old);
        bytes_write(p, bytes - old + e->size);
    }
    element_write(p + at, e);
}

void packed_replace(char *p, size_t at, struct slice s) {
    struct element e;
    encode(&e, s);
    replace(p, at, &e);
}

void packed_replace_int(char *p, size_t at, int64_t n) {
    struct element e = element_of_int(n);
    replace(p, at, &e);
}

char *packed_write(char *to, struct slice s) {
    struct element e;
    encode(&e, s);
    element_write(to, &e);
    return to + e.size;
}

char *packed_write_int(char *to, int64_t n) {
    unsigned head_n = encode_int(to, n);
    to[head_n] = (char)head_n;
    return to + head_n + 1;
}

void packed_extend(char *p, const char *end, size_t n) {
    debug_invariant(end >= p + packed_end(p));
    p[end - p] = (char)END;
    bytes_write(p, (size_t)(end - p) + 1);
    count_add(p, n);
}

void packed_remove(char *p, size_t at, size_t n) {
    size_t bytes = packed_bytes(p), to = at, removed = 0;
    debug_invariant(at >= HEADER && at < bytes);
    for (; removed < n && to < bytes - 1; removed++) to += size_there(p + to);
    if (removed == 0) return;
    size_t left = bytes - (to - at), count = count_read(p);
    memmove(p + at, p + to, bytes - to);
    bytes_write(p, left);
    if (count < PACKED_COUNT_UNKNOWN) {
        debug_invariant(removed <= count);
        count_write(p, count - removed);
    } else if (left >> RECOUNT_BITS != bytes >> RECOUNT_BITS) {
        count_again(p);
    }
}

void packed_append_range(char *p, const char *from, size_t at, size_t to) {
    size_t bytes = packed_bytes(p), end = packed_end(from);
    debug_invariant(at >= HEADER && at <= to && to <= end);
    bool whole = at == HEADER && to == end && count_read(from) < PACKED_COUNT_UNKNOWN;
    size_t count = whole ? count_read(from) : count_between(from, at, to, PACKED_COUNT_UNKNOWN);
    memcpy(p + bytes - 1, from + at, to - at);
    p[bytes - 1 + (to - at)] = (char)END;
    bytes_write(p, bytes + (to - at));
    count_add(p, count);
}

char *packed_prepend(char *p, struct slice s) {
    struct element e;
    size_t bytes = packed_bytes(p), count = count_read(p);
    debug_invariant(count < PACKED_COUNT_UNKNOWN);
    encode(&e, s);
    char *to = p - e.size;
    element_write(to + HEADER, &e);
    bytes_write(to, bytes + e.size);
    count_write(to, count + 1);
    return to;
}

char *packed_cut(char *p, size_t to, size_t n) {
    size_t bytes = packed_bytes(p), count = count_read(p);
    debug_invariant(count < PACKED_COUNT_UNKNOWN && n <= count && to >= HEADER && to < bytes);
    p += to - HEADER;
    bytes_write(p, bytes - (to - HEADER));
    count_write(p, count - n);
    return p;
}

// ---- checking what comes from elsewhere

// The size of the element at `e`, of which, and of what follows up to the end of the list, there are `left` bytes. 0: it is none, or not all there.
static size_t element_check(const char *e, size_t left) {
    unsigned char first = (unsigned char)*e;
    size_t size = size_known[first];
    if (size == 0) {
        if (first > LONG) return 0;
        if (left < (first < LONG ? 2 : 5)) return 0;
        size = size_from_length(e);
    }
    if (size > left) return 0;
    // Written once more it takes the same bytes, behind it is its length, and text is not that of an integer.
    struct packed_value v = value_read(e);
    char head[HEAD_MAX], back[BACK_MAX];
    size_t length = v.bytes.p ? encode_length(head, v.bytes.n) + v.bytes.n : encode_int(head, v.number);
    size_t back_n = back_write(back, length);
    int64_t n;
    if (length + back_n != size || memcmp(e + length, back, back_n) != 0) return 0;
    return v.bytes.p && num_parse_int(v.bytes, &n) ? 0 : size;
}

bool packed_valid(const char *p, size_t n) {
    if (n < PACKED_EMPTY || load32(p) != n || (unsigned char)p[n - 1] != END) return false;
    size_t at = HEADER, count = 0;
    for (; at < n - 1; count++) {
        size_t size = element_check(p + at, n - 1 - at);
        if (size == 0) return false;
        at += size;
    }
    return count_read(p) == PACKED_COUNT_UNKNOWN || count_read(p) == count;
}
