// Latency events: what took longer than latency-monitor-threshold, by kind, one sample a second at most, its worst. They are rare: who has one tries for
// the series, and goes on without if a reader has it at the moment.
#include "base/mem.h"
#include "stat/log_int.h"

const char *const stat_event_names[EVENT_KINDS] = { "command", "fast-command", "expire-cycle", "eviction-cycle" };

struct events {
    struct series {
        struct guard guard;
        uint64_t max_ms;
        uint32_t count, next; // in the ring
        struct stat_event_sample ring[EVENT_SAMPLES];
    } kind[EVENT_KINDS];
};

struct events *events_create(void) { return mem_alloc_zero(sizeof(struct events)); }
void events_destroy(struct events *e) { mem_free(e); }

void stat_event_add(struct stats *s, enum stat_event kind, int64_t at_s, uint64_t ms) {
    struct series *e = &s->events->kind[kind];
    if (!guard_try(&e->guard)) return;
    struct stat_event_sample *last = &e->ring[(e->next + EVENT_SAMPLES - 1) % EVENT_SAMPLES];
    e->max_ms = MAX(e->max_ms, ms);
    if (e->count && last->at_s == at_s) {
        last->ms = MAX(last->ms, ms);
    } else {
        e->ring[e->next] = (struct stat_event_sample){ at_s, ms };
        e->next = (e->next + 1) % EVENT_SAMPLES;
        e->count = MIN(e->count + 1, (uint32_t)EVENT_SAMPLES);
    }
    guard_give(&e->guard);
}

bool stats_events(struct stats *s, enum stat_event kind, struct stat_event_series *out) {
    struct series *e = &s->events->kind[kind];
    guard_take(&e->guard);
    out->max_ms = e->max_ms;
    out->count = e->count;
    for (uint32_t i = 0; i < e->count; i++) out->sample[i] = e->ring[(e->next + EVENT_SAMPLES - e->count + i) % EVENT_SAMPLES];
    guard_give(&e->guard);
    return out->count > 0;
}

bool stats_events_reset(struct stats *s, enum stat_event kind) {
    struct series *e = &s->events->kind[kind];
    guard_take(&e->guard);
    bool any = e->count > 0;
    e->count = e->next = 0;
    e->max_ms = 0;
    guard_give(&e->guard);
    return any;
}
