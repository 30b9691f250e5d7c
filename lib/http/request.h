// A request's head, as RFC 9112 has it, read strictly: lines end with CR LF, nothing is folded, nothing is guessed. Pure.
#ifndef KORA_HTTP_REQUEST_H
#define KORA_HTTP_REQUEST_H

#include "base/base.h"

enum { HTTP_HEAD_MAX = 8192 }; // bytes of request line and headers

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request { // slices point into the bytes
    enum http_method method;
    struct slice path;      // without the query
    struct slice host;      // as it was sent, with the port; empty in HTTP/1.0 perhaps
    bool keep_alive;        // the connection goes on behind the answer
    size_t size;            // bytes of the whole head
};

// 0: the head is complete, `r` is filled in. HTTP_MORE: more bytes are needed (never with HTTP_HEAD_MAX or more of them). Else the status to answer
// with, before the connection is closed, since where the next request begins is not known.
enum { HTTP_MORE = -1 };
int http_request_parse(const char *p, size_t n, struct http_request *r);

// A Host that nobody can have made a name server say: empty, an address, or localhost.
bool http_host_is_literal(struct slice host);

#endif
