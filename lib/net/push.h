// Pushing bytes to clients beside their replies: messages of channels, MONITOR's lines, whatever else a client is told without having asked. All
// of it on the client's shard; who is on another thread goes through lib/feed, whose subscribers a shard's clients are.
//
// What is pushed is collected at the client, and sent with one call, in order with its replies: what was pushed before a command runs comes before its
// reply, and a large payload is referred to, not copied. It is sent when a turn of the loop has found no input, but PUSH_HOLD_US later at most: while
// clients of several shards publish, a subscriber would be sent each few messages by themselves, and it is the sends that cost. A client that does not read it is closed, and that is logged,
// when it leaves more than client-output-buffer-limit says of its class.
#ifndef KORA_NET_PUSH_H
#define KORA_NET_PUSH_H

#include "feed/feed.h"
#include "net/net_int.h"

// `bytes`, and behind them, if it is not NULL, the payload's.
void push_to(struct client *c, struct slice bytes, struct payload *p);

void push_before_reply(struct client *c); // output_begin has made the shard's output this client's: what is to come before its next reply
void push_flush(struct net_shard *s);     // sends all that was pushed to its clients
void push_turn(struct net_shard *s);      // sends it, unless more may come soon
void push_drop(struct client *c);         // its connection is closed
void push_hooks(struct host *h);
bool push_refuses(const struct client *c, const struct command *cmd); // it listens, under RESP2, and this it may not call then
int push_class(const struct client *c);   // enum of struct settings.output

#endif
