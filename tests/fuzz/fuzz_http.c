// Heads of HTTP requests from any bytes. What must hold:
//   - the answer of the whole is found by its beginnings too: each of them needs more, until one has the same answer, and no longer one has another
//   - a complete head has the same meaning with and without what is behind it; it ends with an empty line
//   - what is accepted is what it should be: a path of visible characters, no control characters anywhere, at most one Host
//   - nothing is read outside of the bytes (they lie in an allocation of exactly their size, for ASan)
// The same bytes go through the writer of JSON strings, whose output must be a JSON string of valid UTF-8, from which they can be told apart.
#include <kora.h>

#include "base/mem.h"
#include "base/random.h"
#include "http/json.h"
#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_http: %s (line %d)\n", what, line);
    abort();
}

// Of a copy that is as long as it is.
static int parse(const char *p, size_t n, struct http_request *r, size_t *path_at) {
    char *exact = malloc(n ? n : 1);
    CHECK(exact);
    if (n) memcpy(exact, p, n);
    int status = http_request_parse(exact, n, r);
    if (status == 0) {
        CHECK(r->size <= n && r->size <= HTTP_HEAD_MAX && r->size >= 4);
        CHECK(r->path.p >= exact && r->path.p + r->path.n <= exact + r->size);
        CHECK(r->host.n == 0 || (r->host.p >= exact && r->host.p + r->host.n <= exact + r->size));
        http_host_is_literal(r->host);
        *path_at = (size_t)(r->path.p - exact);
    }
    free(exact);
    return status;
}

static void check_complete(const char *p, const struct http_request *r, size_t path_at) {
    CHECK(memcmp(p + r->size - 4, "\r\n\r\n", 4) == 0);
    CHECK(r->path.n > 0 && p[path_at] == '/');
    for (size_t i = 0; i < r->path.n; i++) CHECK(p[path_at + i] > ' ' && p[path_at + i] < 0x7f && p[path_at + i] != '?' && p[path_at + i] != '#');
    for (size_t i = 0; i < r->size; i++) {
        unsigned char c = (unsigned char)p[i];
        CHECK(c >= ' ' || c == '\t' || (c == '\r' && p[i + 1] == '\n') || (c == '\n' && i > 0 && p[i - 1] == '\r'));
    }
}

static void check_requests(const char *p, size_t n) {
    struct http_request whole, part;
    size_t whole_path = 0, part_path = 0;
    int status = parse(p, n, &whole, &whole_path);
    CHECK(status == 0 || status == HTTP_MORE || status == 400 || status == 413 || status == 414 || status == 431 || status == 505);
    CHECK(status != HTTP_MORE || n < HTTP_HEAD_MAX);
    if (status == 0) check_complete(p, &whole, whole_path);
    bool decided = false;
    size_t step = n > 512 ? 61 : 1;
    for (size_t i = 0; i <= n; i += step) {
        int of_part = parse(p, i, &part, &part_path);
        CHECK(of_part == HTTP_MORE || of_part == status);
        CHECK(!decided || of_part == status);
        if (of_part == HTTP_MORE) continue;
        decided = true;
        if (status != 0) continue;
        CHECK(part.size == whole.size && part.method == whole.method && part.keep_alive == whole.keep_alive);
        CHECK(part.path.n == whole.path.n && part_path == whole_path && part.host.n == whole.host.n);
    }
}

static size_t utf8(const unsigned char *p, size_t n) {
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
    if (!length || length > n) return 0;
    uint32_t c = length == 1 ? p[0] : p[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : length;
}

static void check_json(const char *p, size_t n) {
    struct buf b = { 0 };
    json_text(&b, NULL, slice_of(p, n));
    CHECK(!b.failed && b.n >= 2 && b.p[0] == '"' && b.p[b.n - 1] == '"');
    for (size_t i = 1; i < b.n - 1;) {
        size_t length = utf8((unsigned char *)b.p + i, b.n - i);
        CHECK(length > 0 && (unsigned char)b.p[i] >= ' ' && b.p[i] != '"' && b.p[i] != 0x7f);
        if (b.p[i] == '\\') {
            i++;
            CHECK(i < b.n - 1 && strchr("\"\\u", b.p[i]));
            if (b.p[i] == 'u') CHECK(i + 4 < b.n - 1 && b.p[i + 1] == '0' && b.p[i + 2] == '0');
        }
        i += length;
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 2 * HTTP_HEAD_MAX) return 0;
    check_requests((const char *)data, size);
    check_json((const char *)data, size);
    return 0;
}
