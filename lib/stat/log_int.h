// The slow log and the latency events: what stat.c makes and frees.
#ifndef KORA_STAT_LOG_INT_H
#define KORA_STAT_LOG_INT_H

#include "stat/stat.h"

struct slow_log *slow_create(void);
void slow_destroy(struct slow_log *l);
struct events *events_create(void);
void events_destroy(struct events *e);

#endif
