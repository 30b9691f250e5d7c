// Scattered calls: one child for each shard, which visits that shard's stripes (ROUTE_SCATTER) or looks at the shard itself
// (ROUTE_SHARDS) on the shard's own thread; the last one to end brings the parts together in the parent's reply.
#ifndef KORA_ENGINE_SCATTER_H
#define KORA_ENGINE_SCATTER_H

#include "engine/engine.h"

// As task_run.
bool scatter_run(struct task *parent);

#endif
