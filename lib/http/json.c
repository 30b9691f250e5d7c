// See json.h. Whether a comma is due is seen from the last byte written: none is behind an opening bracket.
//
// A string is UTF-8 in JSON. Bytes that are none become the four characters \xNN, as redis-cli shows them.
#include "http/json.h"

static void begin(struct buf *b, const char *name) {
    if (b->n && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[') buf_append_char(b, ',');
    if (name) buf_printf(b, "\"%s\":", name);
}

void json_open(struct buf *b, const char *name, char bracket) {
    begin(b, name);
    buf_append_char(b, bracket);
}

void json_close(struct buf *b, char bracket) { buf_append_char(b, bracket); }

void json_uint(struct buf *b, const char *name, uint64_t n) {
    begin(b, name);
    buf_printf(b, "%llu", (unsigned long long)n);
}

void json_real(struct buf *b, const char *name, double n) {
    begin(b, name);
    buf_printf(b, "%.6f", n);
}

// Bytes of the character at p (RFC 3629); 0: it is none.
static size_t utf8_length(const unsigned char *p, size_t n) {
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (length > n) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    // Longer than needed, surrogates, beyond the last one.
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)) return 0;
    return length;
}

void json_text(struct buf *b, const char *name, struct slice s) {
    const unsigned char *p = (const unsigned char *)s.p;
    begin(b, name);
    buf_append_char(b, '"');
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_length(p + i, s.n - i);
        if (n == 0) buf_printf(b, "\\\\x%02x", p[i]);
        else if (p[i] < ' ' || p[i] == 0x7f) buf_printf(b, "\\u%04x", p[i]);
        else if (p[i] == '"' || p[i] == '\\') buf_printf(b, "\\%c", p[i]);
        else buf_append(b, p + i, n);
        i += MAX(n, (size_t)1);
    }
    buf_append_char(b, '"');
}
