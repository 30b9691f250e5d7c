// Of stats.c and info_stat.c, for keyspace.c and info.c.
#ifndef KORA_CMD_STATS_H
#define KORA_CMD_STATS_H

#include "cmd/cmd.h"
#include "cmd/host.h"

bool stats_walk_start(struct call *c, uint32_t *stripe); // walk_start of STATS.BIGKEYS and STATS.MEMORY
void info_commandstats(struct host *h, struct buf *out);
void info_latencystats(struct host *h, struct buf *out);

#endif
