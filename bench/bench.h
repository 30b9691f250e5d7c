// What the benchmark programs share: clock, generator, keys, histogram, medians, memory and CPU time of a process.
// None of them uses anything of the library but kora.h, unless its own top comment says so.
#ifndef KORA_BENCH_H
#define KORA_BENCH_H

#include <errno.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

__attribute__((format(printf, 1, 2))) _Noreturn static inline void die(const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    fflush(stdout);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static inline void *need(void *p) {
    if (!p) die("out of memory");
    return p;
}
static inline void *need_alloc(size_t n) { return need(calloc(1, n ? n : 1)); }

// A number from the command line, in [low, high]; the program ends if it is none.
static inline double need_number(const char *what, const char *text, double low, double high) {
    char *end;
    double n = strtod(text, &end);
    if (end == text || *end || !(n >= low && n <= high)) die("%s: \"%s\" is not a number from %g to %g", what, text, low, high);
    return n;
}

// ---- time ----

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
// User and system time of this process, of threads that have ended too.
static inline uint64_t own_cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline void sleep_ns(uint64_t ns) {
    struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

// ---- clock of single calls ----

#if defined(__x86_64__)
static inline uint64_t tick_start(void) {
    unsigned aux;
    uint64_t t = __builtin_ia32_rdtscp(&aux);
    __builtin_ia32_lfence();
    return t;
}
static inline uint64_t tick_end(void) { return tick_start(); }
#else
static inline uint64_t tick_start(void) { return now_ns(); }
static inline uint64_t tick_end(void) { return now_ns(); }
#endif

static inline double ticks_per_ns(void) {
    uint64_t t = tick_start(), n = now_ns();
    sleep_ns(100000000);
    uint64_t t2 = tick_end(), n2 = now_ns();
    return (double)(t2 - t) / (double)(n2 - n);
}

// ---- random numbers (SplitMix64) ----

static inline uint64_t rng_next(uint64_t *s) {
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
__extension__ typedef unsigned __int128 bench_u128;
static inline uint64_t rng_below(uint64_t *s, uint64_t n) { return (uint64_t)(((bench_u128)rng_next(s) * n) >> 64); }

// ---- keys: "key:" and twelve digits ----

enum { KEY_LEN = 16 };

static inline void key_write(char *to, uint64_t n) {
    memcpy(to, "key:", 4);
    for (int i = KEY_LEN - 1; i >= 4; i--, n /= 10) to[i] = (char)('0' + n % 10);
}

// ---- value sizes that drift: at each moment uniform over a quarter of low..high, and that window moves up and down the range
// once in `period_ns` (0: uniform over the whole range) ----

static inline size_t size_drift(uint64_t *rng, size_t low, size_t high, uint64_t period_ns, uint64_t now) {
    if (!period_ns) return low + (size_t)rng_below(rng, high - low + 1);
    double phase = (double)(now % period_ns) / (double)period_ns;
    double up = phase < 0.5 ? 2 * phase : 2 - 2 * phase;
    size_t window = (high - low) / 4, from = low + (size_t)(up * (double)(high - low - window));
    return from + (size_t)rng_below(rng, window + 1);
}

// ---- a histogram of 64 steps to each power of two: off by 1.6 % at most ----

enum { HIST_SUB_BITS = 6, HIST_SUB = 1 << HIST_SUB_BITS, HIST_CELLS = (64 - HIST_SUB_BITS + 1) * HIST_SUB };

struct hist {
    uint64_t cell[HIST_CELLS], count, max;
};

static inline void hist_add(struct hist *h, uint64_t v) {
    unsigned shift = v < HIST_SUB ? 0 : 63u - (unsigned)__builtin_clzll(v) - HIST_SUB_BITS;
    size_t i = v < HIST_SUB ? v : (size_t)(shift + 1) * HIST_SUB + ((v >> shift) - HIST_SUB);
    h->cell[i]++;
    h->count++;
    if (v > h->max) h->max = v;
}
static inline void hist_merge(struct hist *to, const struct hist *from) {
    for (size_t i = 0; i < HIST_CELLS; i++) to->cell[i] += from->cell[i];
    to->count += from->count;
    if (from->max > to->max) to->max = from->max;
}
// The smallest value that a share `q` of the values do not exceed (the middle of its cell).
static inline uint64_t hist_at(const struct hist *h, double q) {
    uint64_t want = (uint64_t)(q * (double)h->count), seen = 0;
    if (want >= h->count) return h->max;
    for (size_t i = 0; i < HIST_CELLS; i++) {
        seen += h->cell[i];
        if (seen <= want) continue;
        if (i < HIST_SUB) return i;
        unsigned shift = (unsigned)(i / HIST_SUB) - 1;
        uint64_t v = ((uint64_t)(i % HIST_SUB + HIST_SUB) << shift) + ((1ull << shift) >> 1);
        return v < h->max ? v : h->max;
    }
    return h->max;
}

// ---- medians ----

static inline int double_order_(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
// Sorts `v`.
static inline double median(double *v, size_t n) {
    if (!n) return 0;
    qsort(v, n, sizeof(*v), double_order_);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

// ---- /proc ----

// Resident memory in bytes, `pid` 0: of this process. 0: no such process.
static inline uint64_t process_rss(int pid) {
    char path[64], line[256];
    if (pid) snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    else snprintf(path, sizeof(path), "/proc/self/smaps_rollup");
    FILE *f = fopen(path, "r");
    unsigned long long kb = 0;
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Rss: %llu kB", &kb) == 1) break;
    }
    if (f) fclose(f);
    return kb * 1024;
}

// User and system time of all threads of `pid` in ns, from the scheduler's account (or, where the kernel keeps none, from
// the ticks of stat). Threads that have ended are not in it. 0: no such process.
static inline uint64_t process_cpu_ns(int pid) {
    char path[300], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *d = opendir(path);
    if (!d) return 0;
    uint64_t sum = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, e->d_name);
        FILE *f = fopen(path, "r");
        unsigned long long ns;
        if (f && fscanf(f, "%llu", &ns) == 1) sum += ns;
        if (f) fclose(f);
    }
    closedir(d);
    if (sum) return sum;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    unsigned long long user, sys;
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &sys) != 2) return 0;
    return (user + sys) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

#endif
