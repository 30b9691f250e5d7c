// Gathers what metrics.c and stats.c write down.
#include "http/facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static uint64_t resident_bytes(void) {
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%*u %llu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void read_process(struct facts *f) {
    struct rusage self = { 0 };
    getrusage(RUSAGE_SELF, &self);
    f->cpu_user_s = seconds(self.ru_utime);
    f->cpu_system_s = seconds(self.ru_stime);
    f->resident = resident_bytes();
    f->now_ms = clock_wall_ms();
    f->up_ms = MAX(f->now_ms - f->engine->host.started_ms, 0);
}

static void read_database(struct facts *f, uint32_t db) {
    const struct common *c = &f->engine->common;
    for (uint32_t i = 0; i < c->stripe_count; i++) {
        f->db[db].keys += stripe_count(&c->stripes[i], db);
        f->db[db].expiring += stripe_count_expiring(&c->stripes[i], db);
    }
}

bool facts_read(struct engine *e, struct facts *f) {
    *f = (struct facts){ .engine = e, .shards = e->shard_count, .stripes = e->common.stripe_count, .databases = e->common.databases };
    f->shard = mem_alloc_zero(f->shards * sizeof *f->shard);
    f->db = mem_alloc_zero(f->databases * sizeof *f->db);
    if (!f->shard || !f->db) {
        facts_free(f);
        return false;
    }
    e->host.stats(&e->host, &f->stats);
    read_process(f);
    for (uint32_t i = 0; i < e->common.databases; i++) read_database(f, i);
    for (uint32_t i = 0; i < e->shard_count; i++) e->host.shard_stats(&e->host, i, &f->shard[i]);
    return true;
}

void facts_free(struct facts *f) {
    mem_free(f->shard);
    mem_free(f->db);
}
