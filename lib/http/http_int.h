// What the files of lib/http share. All of it belongs to one shard's thread, but for struct http.
#ifndef KORA_HTTP_HTTP_INT_H
#define KORA_HTTP_HTTP_INT_H

#include <uv.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "http/http.h"
#include "http/request.h"
#include "http/types.h"

enum {
    HTTP_CONNS_MAX = 64,          // of a shard
    HTTP_HEAD_MS = 5000,          // a head that has begun must be complete
    HTTP_IDLE_MS = 75000,         // between two requests: more than the minute at which scrapers come
    HTTP_FRESH_MS = 1000,         // a new connection has so long to say something before another may take its place
    HTTP_STALL_MS = 10000,        // somebody who reads nothing of his answer
    HTTP_LINGER_MS = 2000,        // what is sent to us behind the last answer is thrown away for so long
    HTTP_OUT_KEEP = 4096,         // a connection's buffer above this is given back once it is sent
};

struct http_conn {
    uv_poll_t poll;
    struct http_shard *home;
    struct http_conn *prev, *next;
    int fd;
    int events;                   // that are waited for
    bool closed;                  // gone but for its memory
    bool loopback;                // it came to an address of this machine alone
    bool answered;                // it has asked for something already
    bool last;                    // nothing is read behind the answer that is on its way
    bool lingering;               // all is sent, and the peer has been told so
    bool ready;                   // there may be another request in `in`: at the next turn
    int64_t since_ms;             // uv_now: since when it has been in the state that it is in, or has got on in it
    struct buf out;
    struct slice fixed;           // comes behind `out`; lives for good
    size_t sent;                  // bytes of both
    size_t in_n;
    char in[HTTP_HEAD_MAX];
};

struct http_shard {
    struct shard *shard;
    struct http_conn *first, *last;
    uint32_t count;
    bool used;                    // the handles below are made
    bool stopping;
    struct type_shares types;
    uv_timer_t timer;             // active while a connection has a date
    uv_idle_t idle;               // active while one is ready
};

struct http {
    struct engine *engine;
    struct http_shard shards[];
};

// ---- route.c: what a request gets

struct http_answer {
    int status;
    const char *type;             // Content-Type
    const char *headers;          // more of them, each with CR LF; NULL: none
    struct buf body;              // the receiver's to free
    struct slice fixed;           // instead of `body`, if that is empty: lives for good
};
void http_route(struct http_shard *s, const struct http_request *r, struct http_answer *a);
// An answer that says what the status means, in a line of text.
void http_answer_status(struct http_answer *a, int status);
const char *http_status_text(int status);

// ---- what is shown
void http_metrics(struct http_shard *s, struct buf *out);
void http_stats(struct http_shard *s, struct buf *out);
struct slice http_page(void);

#endif
