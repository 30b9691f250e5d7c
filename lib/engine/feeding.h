// The engine's part of the feed: shards are woken for their messages, and subscribers whose connections are gone leave what they were in.
#ifndef KORA_ENGINE_FEEDING_H
#define KORA_ENGINE_FEEDING_H

#include "engine/engine.h"
#include "feed/feed.h"

int feeding_create(struct engine *e); // before its shards
int feeding_init(struct shard *s);
void feeding_free(struct engine *e);  // when no shard runs any more

#endif
