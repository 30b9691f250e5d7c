// Writing replies: what is too long, or too rare, for the inline functions of resp.h.
#include "resp/resp.h"

size_t resp_format_header_(char *to, char type, int64_t n) {
    to[0] = type;
    size_t digits = num_format_int(n, to + 1);
    memcpy(to + 1 + digits, "\r\n", 2);
    return digits + 3;
}

static bool is_newline(char c) { return c == '\r' || c == '\n'; }

// A newline within the text would end the reply, and what follows it would be taken for the next one.
static void write_line(struct buf *out, char type, const char *text, size_t n) {
    while (n > 0 && is_newline(text[0])) text++, n--;
    while (n > 0 && is_newline(text[n - 1])) n--;
    char *to = n < SIZE_MAX - 3 ? buf_reserve(out, n + 3) : buf_grow_(out, SIZE_MAX);
    if (!to) return;
    *to++ = type;
    for (size_t i = 0; i < n; i++) *to++ = is_newline(text[i]) ? ' ' : text[i];
    memcpy(to, "\r\n", 2);
    out->n += n + 3;
}

void resp_write_status(struct buf *out, const char *text, size_t n) { write_line(out, '+', text, n); }
void resp_write_error(struct buf *out, const char *text, size_t n) { write_line(out, '-', text, n); }

void resp_write_double(struct buf *out, int version, double n) {
    char text[NUM_REAL_MAX];
    size_t len = 3;
    if (n != n) memcpy(text, "nan", 3); // of either sign
    else len = num_format_real(n, text);
    if (version == 2) resp_write_bulk(out, text, len);
    else write_line(out, ',', text, len);
}

void resp_write_bignum(struct buf *out, int version, const char *digits, size_t n) {
    if (version == 2) resp_write_bulk(out, digits, n);
    else write_line(out, '(', digits, n);
}

void resp_write_verbatim(struct buf *out, int version, const char *format, const char *text, size_t n) {
    if (version == 2) {
        resp_write_bulk(out, text, n);
        return;
    }
    char *to = n < SIZE_MAX - RESP_HEADER_MAX - 6 ? buf_reserve(out, RESP_HEADER_MAX + 4 + n + 2) : buf_grow_(out, SIZE_MAX);
    if (!to) return;
    resp_write_header(out, '=', (int64_t)n + 4);
    buf_append(out, format, 3);
    buf_append(out, ":", 1);
    buf_append(out, text, n);
    buf_append(out, "\r\n", 2);
}

void resp_insert_header(struct buf *out, size_t at, char type, int64_t n) {
    char header[RESP_HEADER_MAX];
    size_t len = resp_format_header_(header, type, n);
    if (!buf_reserve(out, len)) return;
    invariant(at <= out->n);
    memmove(out->p + at + len, out->p + at, out->n - at);
    memcpy(out->p + at, header, len);
    out->n += len;
}
