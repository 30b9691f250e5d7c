// Clocks. Never fail.
#ifndef KORA_BASE_CLOCK_H
#define KORA_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_(clockid_t id, int64_t unit_ns) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * (1000000000 / unit_ns) + t.tv_nsec / unit_ns;
}
static inline int64_t clock_wall_ms(void) { return clock_read_(CLOCK_REALTIME, 1000000); }
static inline int64_t clock_wall_us(void) { return clock_read_(CLOCK_REALTIME, 1000); }
static inline int64_t clock_mono_ns(void) { return clock_read_(CLOCK_MONOTONIC, 1); }
static inline int64_t clock_mono_us(void) { return clock_read_(CLOCK_MONOTONIC, 1000); }
static inline int64_t clock_mono_s(void) { return clock_read_(CLOCK_MONOTONIC, 1000000000); }
// What the calling thread has used of a processor: a system call, some 200 ns.
static inline int64_t clock_thread_ns(void) { return clock_read_(CLOCK_THREAD_CPUTIME_ID, 1); }

#endif
