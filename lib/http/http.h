// HTTP: what operators look at. A listener of its own kind (kora_listen "http://..."), for Prometheus, for health checks, and for
// people with a browser.
//
//   request.c  bytes to a request; pure
//   server.c   connections: reading, answering, limits and timeouts
//   route.c    what is answered at which path
//   metrics.c  /metrics, in Prometheus's text format
//   stats.c    /stats.json, which the page reads
//   page.c     the page itself: page.html, embedded
//
// Everything of a connection happens on the thread of the shard that its listener is at, between the turns of the clients there. What is told is
// read from published counters: no answer needs a lease.
#ifndef KORA_HTTP_HTTP_H
#define KORA_HTTP_HTTP_H

#include "base/base.h"

struct engine;
struct shard;

// What the engine calls at open and close (struct engine_hooks), beside the network's.
int http_create(struct engine *e);        // after net_create. KORA_OK or KORA_NOMEM
void http_shard_stop(struct shard *s);    // on the shard's thread
void http_destroy(struct engine *e);      // after all shards have ended; allowed if http_create failed or was not called

// True: this address is for http_listen.
bool http_is_address(const char *address);
// kora_listen for http://1.2.3.4:port and http://[::1]:port: KORA_OK, or KORA_INVAL, KORA_SYSTEM, KORA_NOMEM with the reason in `error`.
int http_listen(struct engine *e, const char *address, char *bound, size_t bound_size, char *error, size_t error_size);

#endif
