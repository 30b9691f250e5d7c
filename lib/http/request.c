// Reads a request's head line by line, each time from its beginning: heads are short, and come in one piece but for those who mean ill.
//
//   request = *CRLF request-line *( header CRLF ) CRLF
//   request-line = token SP target SP "HTTP/" DIGIT "." DIGIT CRLF        (RFC 9112, 3)
//   header = token ":" OWS value OWS                                      (5)
//
// A body is never wanted: who announces one is refused.
#include "http/request.h"

#include <string.h>
#include <strings.h>

enum { BAD = 400, BODY = 413, TARGET_LONG = 414, HEAD_LONG = 431, VERSION = 505 };

struct head {
    struct http_request *r;
    bool old;                            // HTTP/1.0
    bool close, stay;                    // Connection: close, keep-alive
    uint32_t hosts;
};

static bool is_token(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(struct slice s) {
    size_t n = 0;
    while (n < s.n && is_token((unsigned char)s.p[n])) n++;
    return n;
}

static bool is(struct slice s, const char *word) { return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0; }

// The line at `at`, without its end. 0, HTTP_MORE, or BAD: CR and LF are not one behind the other.
static int next_line(const char *p, size_t n, size_t *at, struct slice *line) {
    const char *from = p + *at, *end = memchr(from, '\n', n - *at);
    size_t length = end ? (size_t)(end - from) : n - *at;
    const char *cr = length ? memchr(from, '\r', length) : NULL;
    // A CR may be the last byte that is there, or must be the last one before LF.
    if (cr && cr != from + length - 1) return BAD;
    if (!end) return HTTP_MORE;
    if (!cr) return BAD;
    *line = slice_of(from, length - 1);
    *at += length + 1;
    return 0;
}

// origin-form, or absolute-form, whose authority is the one that counts.
static int take_target(struct http_request *r, struct slice target) {
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= ' ' || c >= 0x7f || c == '#') return BAD;
    }
    if (target.n > 7 && strncasecmp(target.p, "http://", 7) == 0) {
        target = slice_of(target.p + 7, target.n - 7);
        const char *slash = memchr(target.p, '/', target.n);
        if (!slash || slash == target.p) return BAD;
        r->host = slice_of(target.p, (size_t)(slash - target.p));
        target = slice_of(slash, target.n - r->host.n);
    }
    if (target.n == 0 || target.p[0] != '/') return BAD;
    const char *query = memchr(target.p, '?', target.n);
    r->path = slice_of(target.p, query ? (size_t)(query - target.p) : target.n);
    return 0;
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

static int take_request_line(struct head *h, struct slice line) {
    struct slice method = slice_of(line.p, token_length(line));
    if (method.n == 0 || method.n == line.n || line.p[method.n] != ' ') return BAD;
    // Methods are case-sensitive.
    bool get = method.n == 3 && memcmp(method.p, "GET", 3) == 0, head = method.n == 4 && memcmp(method.p, "HEAD", 4) == 0;
    h->r->method = get ? HTTP_GET : head ? HTTP_HEAD : HTTP_OTHER;
    struct slice rest = slice_of(line.p + method.n + 1, line.n - method.n - 1);
    const char *space = rest.n ? memchr(rest.p, ' ', rest.n) : NULL;
    if (!space) return BAD;
    struct slice target = slice_of(rest.p, (size_t)(space - rest.p));
    const char *v = space + 1;
    if (rest.n - target.n - 1 != 8 || memcmp(v, "HTTP/", 5) != 0 || !digit(v[5]) || v[6] != '.' || !digit(v[7])) return BAD;
    if (v[5] != '1') return VERSION;
    h->old = v[7] == '0';
    return take_target(h->r, target);
}

static void take_connection(struct head *h, struct slice value) {
    for (size_t at = 0; at < value.n;) {
        size_t n = token_length(slice_of(value.p + at, value.n - at));
        struct slice option = slice_of(value.p + at, n);
        if (is(option, "close")) h->close = true;
        if (is(option, "keep-alive")) h->stay = true;
        at += n ? n : 1;
    }
}

// 0, or what to answer to a request that has this much behind its head.
static int take_length(struct slice value) {
    uint64_t any = 0;
    if (value.n == 0) return BAD;
    for (size_t i = 0; i < value.n; i++) {
        if (!digit(value.p[i])) return BAD;
        any |= (uint64_t)(value.p[i] - '0');
    }
    return any ? BODY : 0;
}

static int take_header(struct head *h, struct slice line) {
    size_t n = token_length(line);
    if (n == 0 || n == line.n || line.p[n] != ':') return BAD;
    struct slice name = slice_of(line.p, n), value = slice_of(line.p + n + 1, line.n - n - 1);
    while (value.n && (*value.p == ' ' || *value.p == '\t')) value = slice_of(value.p + 1, value.n - 1);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t')) value.n--;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return BAD;
    }
    if (is(name, "host")) {
        if (h->r->host.n == 0) h->r->host = value;
        h->hosts++;
    } else if (is(name, "connection")) {
        take_connection(h, value);
    } else if (is(name, "content-length")) {
        return take_length(value);
    } else if (is(name, "transfer-encoding")) {
        return BODY;
    }
    return 0;
}

int http_request_parse(const char *p, size_t n, struct http_request *r) {
    struct head h = { .r = r };
    struct slice line = slice_of(p, 0);
    size_t at = 0, seen = MIN(n, (size_t)HTTP_HEAD_MAX);
    bool first = true;
    *r = (struct http_request){ .method = HTTP_OTHER };
    for (;;) {
        int status = next_line(p, seen, &at, &line);
        if (status == HTTP_MORE && n >= HTTP_HEAD_MAX) return first ? TARGET_LONG : HEAD_LONG;
        if (status) return status;
        if (line.n == 0 && first) continue; // left over from what was ahead
        if (line.n == 0) break;
        status = first ? take_request_line(&h, line) : take_header(&h, line);
        if (status) return status;
        first = false;
    }
    if (h.hosts > 1 || (h.hosts == 0 && !h.old)) return BAD;
    r->keep_alive = h.old ? h.stay && !h.close : !h.close;
    r->size = at;
    return 0;
}

bool http_host_is_literal(struct slice host) {
    if (host.n && host.p[0] == '[') return true;
    const char *colon = host.n ? memchr(host.p, ':', host.n) : NULL;
    struct slice name = slice_of(host.p, colon ? (size_t)(colon - host.p) : host.n);
    if (name.n && name.p[name.n - 1] == '.') name.n--;
    if (name.n == 0 || is(name, "localhost")) return true;
    // No top-level domain is a number, so what ends with one is an address.
    size_t last = name.n;
    while (last && name.p[last - 1] != '.') last--;
    for (size_t i = last; i < name.n; i++) {
        if (!digit(name.p[i])) return false;
    }
    return last < name.n;
}
