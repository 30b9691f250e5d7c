// What is told of a database, read once for an answer: published counters and gauges, at about one instant, without any lease.
#ifndef KORA_HTTP_FACTS_H
#define KORA_HTTP_FACTS_H

#include "engine/engine.h"

struct database_facts {
    uint64_t keys, expiring;
};

struct facts {
    struct engine *engine;
    struct host_stats stats;
    int64_t now_ms, up_ms;        // wall clock; since it was opened
    uint64_t resident;            // bytes of the process
    double cpu_user_s, cpu_system_s;
    uint64_t shards, stripes, databases;
    struct stat_shard *shard;     // [shards]
    struct database_facts *db;    // [databases]
};

bool facts_read(struct engine *e, struct facts *f); // false: no memory
void facts_free(struct facts *f);

#endif
