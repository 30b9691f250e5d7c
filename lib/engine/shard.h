// The life of a shard (see engine.h for what others do with one).
#ifndef KORA_ENGINE_SHARD_H
#define KORA_ENGINE_SHARD_H

#include "engine/engine.h"

int shard_init(struct shard *s, struct engine *e, uint32_t id); // its loop, its part of the network: on the opening thread
int shard_start(struct shard *s);                               // its thread
void shard_join(struct shard *s);                               // after `exit` was posted
void shard_free(struct shard *s);                               // after all have been joined; also one that never started

#endif
