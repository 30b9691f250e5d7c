// The network: listeners and connections. Clients speak RESP; each connection belongs to one shard, whose loop serves it.
//
//   net.c     what all shards share; how a shard's part starts and stops
//   listen.c  addresses, listening sockets, accepting, handing connections out
//   client.c  one connection: its life, limits and timeouts; CLIENT LIST, KILL and PAUSE
//   input.c   bytes to commands: reading, and batches of commands that share their cache misses
//   output.c  replies to bytes: one send for all that a read gave
//   push.c    what clients are sent beside replies
#ifndef KORA_NET_NET_H
#define KORA_NET_NET_H

#include "base/base.h"

struct engine;
struct shard;
struct net;

// What the engine calls at open and close (struct engine_hooks). create makes e->net and fills in the network's part of e->host; destroy
// frees it and takes the files of Unix sockets away.
int net_create(struct engine *e);
int net_shard_start(struct shard *s);
void net_shard_stop(struct shard *s);
void net_shard_pushed(struct shard *s);
void net_destroy(struct net *n); // NULL is allowed

// kora_listen (kora.h): KORA_OK, or KORA_INVAL, KORA_SYSTEM, KORA_NOMEM with the reason in `error`.
int net_listen(struct engine *e, const char *address, char *bound, size_t bound_size, char *error, size_t error_size);
// A TCP listener for somebody else's protocol. `address`: `scheme` ("http://") and 1.2.3.4:port or [::1]:port, perhaps with a slash behind. `take` gets each
// connection on the thread of the shard that listens, and owns its descriptor (non-blocking). It is none of Kora's clients.
typedef void net_take_fn(struct shard *s, int fd);
int net_listen_for(struct engine *e, const char *address, const char *scheme, net_take_fn *take, char *bound, size_t bound_size, char *error,
    size_t error_size);

#endif
