// The primitives of Redis's RDB encoding.
//
// Length: 00nnnnnn | 01nnnnnn n | 10000000 n*4 | 10000001 n*8, the high byte first; 11eeeeee is no length, but says that a string follows in
// encoding e:
//
//     0, 1, 2    an integer of 1, 2 or 4 bytes, little endian: the string of its digits
//     3          LZF: length compressed, length, compressed bytes
//
// A string is a length and as many bytes, or one of these. A double is its 8 bytes, little endian; in old sorted sets it is a byte that tells
// the length of its text, or 253 not a number, 254 infinity, 255 minus infinity. A time is milliseconds in 8 bytes, little endian.
//
// DUMP: type byte, object, version (2 bytes, little endian), CRC-64 of all before it (8 bytes, little endian).
#include "type/rdb.h"

#include <math.h>

#include "base/crc64.h"
#include "base/lzf.h"
#include "base/num.h"

enum {
    LENGTH_14 = 0x40,
    LENGTH_32 = 0x80,
    LENGTH_64 = 0x81,
    ENCODED = 0xc0,
    ENCODED_INT8 = ENCODED,
    ENCODED_INT16,
    ENCODED_INT32,
    ENCODED_LZF,

    TEXT_NAN = 253,
    TEXT_INFINITE,
    TEXT_MINUS_INFINITE,

    LENGTH_BYTES_MAX = 9,
    COMPRESS_ABOVE = 20, // what is shorter, or is not four bytes shorter when compressed, stays as it is
    COMPRESS_GAIN = 4,
    INT_DIGITS_MAX = 11, // of 32 bits, with a sign
};

static void store_little(char *to, uint64_t n, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) to[i] = (char)(n >> (8 * i) & 255);
}

static uint64_t load_little(const char *p, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return n;
}

static uint64_t load_big(const char *p, size_t bytes) {
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) n = n << 8 | (unsigned char)p[i];
    return n;
}

// ---- writing ------------------------------------------------------------------------------------------------------------------------

static void write_little(struct rdb_writer *w, uint64_t n, size_t bytes) {
    char to[8];
    store_little(to, n, bytes);
    buf_append(w->out, to, bytes);
}

static size_t put_length(char *to, uint64_t n) {
    size_t bytes = n < 1 << 6 ? 1 : n < 1 << 14 ? 2 : n <= UINT32_MAX ? 5 : 9;
    size_t low = bytes <= 2 ? bytes : bytes - 1; // bytes that hold the number
    for (size_t i = 0; i < low; i++) to[bytes - 1 - i] = (char)(n >> (8 * i) & 255);
    if (bytes == 2) to[0] = (char)(to[0] | LENGTH_14);
    if (bytes > 2) to[0] = (char)(bytes == 5 ? LENGTH_32 : LENGTH_64);
    return bytes;
}

void rdb_write_length(struct rdb_writer *w, uint64_t n) {
    char to[LENGTH_BYTES_MAX];
    buf_append(w->out, to, put_length(to, n));
}

static void write_small(struct rdb_writer *w, int32_t n) {
    size_t bytes = n == (int8_t)n ? 1 : n == (int16_t)n ? 2 : 4;
    rdb_write_byte(w, bytes == 1 ? ENCODED_INT8 : bytes == 2 ? ENCODED_INT16 : ENCODED_INT32);
    write_little(w, (uint32_t)n, bytes);
}

// False: it did not get shorter, or there is no memory; nothing was appended.
static bool write_compressed(struct rdb_writer *w, struct slice s) {
    const size_t head_max = 1 + 2 * LENGTH_BYTES_MAX;
    char *to = buf_reserve(w->out, head_max + s.n);
    size_t n = to ? lzf_compress(s, to + head_max, s.n - COMPRESS_GAIN) : 0;
    if (n == 0) return false;
    size_t head = 1;
    to[0] = (char)ENCODED_LZF;
    head += put_length(to + head, n);
    head += put_length(to + head, s.n);
    memmove(to + head, to + head_max, n);
    w->out->n += head + n;
    return true;
}

void rdb_write_string(struct rdb_writer *w, struct slice s) {
    int64_t number;
    if (s.n <= INT_DIGITS_MAX && num_parse_int(s, &number) && number == (int32_t)number) {
        write_small(w, (int32_t)number);
        return;
    }
    if (w->compress && s.n > COMPRESS_ABOVE && write_compressed(w, s)) return;
    rdb_write_length(w, s.n);
    buf_append_slice(w->out, s);
}

void rdb_write_integer(struct rdb_writer *w, int64_t n) {
    char digits[NUM_INT_MAX];
    if (n == (int32_t)n) {
        write_small(w, (int32_t)n);
        return;
    }
    size_t length = num_format_int(n, digits);
    rdb_write_length(w, length);
    buf_append(w->out, digits, length);
}

void rdb_write_u32(struct rdb_writer *w, uint32_t n) { write_little(w, n, 4); }
void rdb_write_u64(struct rdb_writer *w, uint64_t n) { write_little(w, n, 8); }
void rdb_write_ms(struct rdb_writer *w, int64_t ms) { write_little(w, (uint64_t)ms, 8); }

void rdb_write_double(struct rdb_writer *w, double n) {
    uint64_t bits;
    memcpy(&bits, &n, sizeof bits);
    write_little(w, bits, 8);
}

void rdb_write_text_double(struct rdb_writer *w, double n) {
    if (isnan(n) || isinf(n)) {
        rdb_write_byte(w, isnan(n) ? TEXT_NAN : n > 0 ? TEXT_INFINITE : TEXT_MINUS_INFINITE);
        return;
    }
    char text[NUM_REAL_MAX];
    size_t length = num_format_real(n, text);
    rdb_write_byte(w, (unsigned)length);
    buf_append(w->out, text, length);
}

void rdb_write_footer(struct rdb_writer *w, size_t from) {
    write_little(w, RDB_VERSION, 2);
    if (!w->out->failed) rdb_write_u64(w, crc64(0, w->out->p + from, w->out->n - from));
}

// ---- reading ------------------------------------------------------------------------------------------------------------------------

void rdb_fail(struct rdb_reader *r, enum rdb_error error) {
    if (r->error == RDB_FINE) r->error = error;
    r->p = r->end;
}

bool rdb_finish(struct rdb_reader *r) {
    if (rdb_left(r) > 0) rdb_fail(r, RDB_CORRUPT);
    return rdb_ok(r);
}

// The next n bytes; NULL: there are not as many, or there was an error.
static const char *take(struct rdb_reader *r, uint64_t n) {
    if (unlikely(n > rdb_left(r) || !rdb_ok(r))) {
        rdb_fail(r, RDB_CORRUPT);
        return NULL;
    }
    const char *p = r->p;
    r->p += n;
    return p;
}

unsigned rdb_read_byte(struct rdb_reader *r) {
    const char *p = take(r, 1);
    return p ? (unsigned char)*p : 0;
}

struct slice rdb_read_raw(struct rdb_reader *r, size_t n) {
    const char *p = take(r, n);
    return slice_of(p, p ? n : 0);
}

static uint64_t read_little(struct rdb_reader *r, size_t bytes) {
    const char *p = take(r, bytes);
    return p ? load_little(p, bytes) : 0;
}

uint32_t rdb_read_u32(struct rdb_reader *r) { return (uint32_t)read_little(r, 4); }
uint64_t rdb_read_u64(struct rdb_reader *r) { return read_little(r, 8); }
int64_t rdb_read_ms(struct rdb_reader *r) { return (int64_t)read_little(r, 8); }

double rdb_read_double(struct rdb_reader *r) {
    uint64_t bits = read_little(r, 8);
    double n;
    memcpy(&n, &bits, sizeof n);
    return n;
}

double rdb_read_text_double(struct rdb_reader *r) {
    unsigned length = rdb_read_byte(r);
    if (length >= TEXT_NAN) return length == TEXT_NAN ? (double)NAN : length == TEXT_INFINITE ? (double)INFINITY : -(double)INFINITY;
    double n = 0;
    struct slice text = rdb_read_raw(r, length);
    if (rdb_ok(r) && !num_parse_real(text, &n)) rdb_fail(r, RDB_CORRUPT);
    return rdb_ok(r) ? n : 0;
}

// The length that begins with `head`.
static uint64_t read_length(struct rdb_reader *r, unsigned head) {
    if (head < LENGTH_14) return head;
    if (head < LENGTH_32) return (uint64_t)(head & 0x3f) << 8 | rdb_read_byte(r);
    size_t bytes = head == LENGTH_32 ? 4 : head == LENGTH_64 ? 8 : 0;
    const char *p = bytes ? take(r, bytes) : NULL;
    if (!p) rdb_fail(r, RDB_CORRUPT);
    return p ? load_big(p, bytes) : 0;
}

uint64_t rdb_read_length(struct rdb_reader *r) {
    uint64_t n = read_length(r, rdb_read_byte(r));
    return rdb_ok(r) ? n : 0;
}

size_t rdb_read_count(struct rdb_reader *r, size_t least) {
    uint64_t n = rdb_read_length(r);
    if (n > rdb_left(r) / least) {
        rdb_fail(r, RDB_CORRUPT);
        return 0;
    }
    return (size_t)n;
}

static void read_number(struct rdb_reader *r, struct rdb_string *s, unsigned head) {
    char digits[NUM_INT_MAX];
    size_t bytes = head == ENCODED_INT8 ? 1 : head == ENCODED_INT16 ? 2 : 4;
    uint64_t n = read_little(r, bytes);
    s->number = bytes == 1 ? (int8_t)n : bytes == 2 ? (int16_t)n : (int32_t)n;
    s->n = num_format_int(s->number, digits);
}

static void read_compressed(struct rdb_reader *r, struct rdb_string *s) {
    uint64_t compressed = rdb_read_length(r), n = rdb_read_length(r);
    const char *p = take(r, compressed);
    if (!p) return;
    s->stored = slice_of(p, (size_t)compressed);
    s->compressed = true;
    s->n = (size_t)n;
    if (n == 0 || n >= SIZE_MAX || lzf_length(s->stored) != n) rdb_fail(r, RDB_CORRUPT); // SIZE_MAX would be a malformed one's length
}

bool rdb_read_string(struct rdb_reader *r, struct rdb_string *s) {
    *s = (struct rdb_string){ 0 };
    unsigned head = rdb_read_byte(r);
    if (head < ENCODED) {
        uint64_t n = read_length(r, head);
        const char *p = take(r, n);
        if (p) {
            s->stored = slice_of(p, (size_t)n);
            s->n = (size_t)n;
        }
    } else if (head == ENCODED_LZF) {
        read_compressed(r, s);
    } else if (head < ENCODED_LZF) {
        read_number(r, s, head);
    } else {
        rdb_fail(r, RDB_CORRUPT);
    }
    if (!rdb_ok(r)) *s = (struct rdb_string){ 0 };
    return rdb_ok(r);
}

void rdb_string_copy(const struct rdb_string *s, char *to) {
    if (!s->stored.p) {
        char digits[NUM_INT_MAX];
        invariant(num_format_int(s->number, digits) == s->n);
        memcpy(to, digits, s->n);
    } else if (s->compressed) {
        bool whole = lzf_decompress(s->stored, to, s->n);
        invariant(whole); // rdb_read_string has looked
    } else if (s->n > 0) {
        memcpy(to, s->stored.p, s->n);
    }
}

struct slice rdb_read_slice(struct rdb_reader *r, struct buf *scratch) {
    struct rdb_string s;
    if (!rdb_read_string(r, &s)) return slice_of(NULL, 0);
    if (s.stored.p && !s.compressed) return s.stored;
    buf_clear(scratch);
    char *to = buf_reserve(scratch, s.n);
    if (!to) {
        buf_clear(scratch);
        rdb_fail(r, RDB_NOMEM);
        return slice_of(NULL, 0);
    }
    rdb_string_copy(&s, to);
    scratch->n = s.n;
    return slice_of(to, s.n);
}

bool rdb_check_footer(struct slice dump, struct slice *object) {
    if (dump.n < RDB_FOOTER_BYTES) return false;
    const char *footer = dump.p + dump.n - RDB_FOOTER_BYTES;
    if (load_little(footer, 2) > RDB_VERSION_READ_MAX) return false;
    if (load_little(footer + 2, 8) != crc64(0, dump.p, dump.n - 8)) return false;
    *object = slice_of(dump.p, dump.n - RDB_FOOTER_BYTES);
    return true;
}
