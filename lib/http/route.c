// What is answered at which path.
#include "http/http_int.h"

#include <string.h>

#define TEXT "text/plain; charset=utf-8"

const char *http_status_text(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 505: return "HTTP Version Not Supported";
    default: return "Service Unavailable";
    }
}

static struct slice explain(int status) {
    switch (status) {
    case 400: return SLICE("this is no HTTP request\n");
    case 404: return SLICE("there are /, /metrics, /stats.json and /healthz\n");
    case 405: return SLICE("only GET and HEAD\n");
    case 408: return SLICE("the request did not come in time\n");
    case 413: return SLICE("a request has no body here\n");
    case 414: return SLICE("the request line is too long\n");
    case 421: return SLICE("by this name it is not known here: use an address, or localhost\n");
    case 431: return SLICE("the headers are too long\n");
    case 505: return SLICE("HTTP/1.0 and HTTP/1.1 are spoken here\n");
    default: return SLICE("not now\n");
    }
}

void http_answer_status(struct http_answer *a, int status) {
    *a = (struct http_answer){ .status = status, .type = TEXT, .fixed = explain(status) };
    if (status == 405) a->headers = "Allow: GET, HEAD\r\n";
}

// Nothing is loaded from elsewhere, nothing is sent elsewhere, and nobody frames it.
#define PAGE_HEADERS \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n"

static void page(struct http_shard *s, struct http_answer *a) {
    (void)s;
    a->type = "text/html; charset=utf-8";
    a->headers = PAGE_HEADERS;
    a->fixed = http_page();
}

static void metrics(struct http_shard *s, struct http_answer *a) {
    a->type = "text/plain; version=0.0.4; charset=utf-8";
    http_metrics(s, &a->body);
}

static void stats(struct http_shard *s, struct http_answer *a) {
    a->type = "application/json";
    http_stats(s, &a->body);
}

static void healthz(struct http_shard *s, struct http_answer *a) {
    if (engine_closes(s->shard->engine)) {
        *a = (struct http_answer){ .status = 503, .type = TEXT, .fixed = SLICE("closing\n") };
    } else if (engine_loads(s->shard->engine)) {
        *a = (struct http_answer){ .status = 503, .type = TEXT, .fixed = SLICE("loading\n") };
    } else {
        a->fixed = SLICE("ok\n");
    }
}

static const struct route {
    const char *path;
    void (*answer)(struct http_shard *s, struct http_answer *a);
} routes[] = { { "/", page }, { "/metrics", metrics }, { "/stats.json", stats }, { "/healthz", healthz } };

void http_route(struct http_shard *s, const struct http_request *r, struct http_answer *a) {
    if (r->method == HTTP_OTHER) {
        http_answer_status(a, 405);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!slice_equal(r->path, slice_str(routes[i].path))) continue;
        *a = (struct http_answer){ .status = 200, .type = TEXT };
        routes[i].answer(s, a);
        return;
    }
    http_answer_status(a, 404);
}
