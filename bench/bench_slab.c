// The slab allocator alone: nanoseconds an allocation and a free, in cache and out of it, and bytes of memory an object.
//
//     bench_slab [objects]
//
// The memory is that of the process (/proc/self/statm), spread over as many slabs as a database has stripes.
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "ds/slab.h"

#include <unistd.h>

enum { SLABS = 64 };

static size_t resident(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%*u %lu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static double per_op(int64_t start_ns, size_t n) { return (double)(clock_mono_ns() - start_ns) / (double)n; }

static void die(const char *what) {
    fprintf(stderr, "bench_slab: %s\n", what);
    exit(1);
}

// One object allocated and freed in turns.
static double alternate(struct slab *s, size_t size, size_t rounds) {
    int64_t start = clock_mono_ns();
    for (size_t i = 0; i < rounds; i++) {
        char *p = slab_alloc(s, size);
        if (!p) die("no memory");
        *(volatile char *)p = 1;
        slab_free(s, p, size);
    }
    return per_op(start, rounds);
}

// Of 64 objects one after the other replaced.
static double replace(struct slab *s, size_t size, size_t rounds) {
    enum { WINDOW = 64 };
    char *window[WINDOW] = { 0 };
    int64_t start = clock_mono_ns();
    for (size_t i = 0; i < rounds; i++) {
        char **p = &window[i * 29 % WINDOW];
        if (*p) slab_free(s, *p, size);
        *p = slab_alloc(s, size);
        if (!*p) die("no memory");
        *(volatile char *)*p = 1;
    }
    double ns = per_op(start, rounds);
    for (size_t i = 0; i < WINDOW; i++) slab_free(s, window[i], size);
    return ns;
}

// The best of several rounds, since others use the machine too.
static void in_cache(size_t size) {
    struct slab *s = slab_create(false);
    if (!s) die("no memory");
    double best[2] = { 1e9, 1e9 };
    for (int i = 0; i < 20; i++) {
        double a = alternate(s, size, 300000), b = replace(s, size, 300000);
        best[0] = MIN(best[0], a);
        best[1] = MIN(best[1], b);
    }
    printf("%5zu bytes, in cache: alloc+free %5.1f ns, replace one of 64 %5.1f ns\n", size, best[0], best[1]);
    slab_destroy(s);
}

// `n` objects over all slabs: fill, replace at random, free.
static void out_of_cache(size_t size, size_t n) {
    struct slab *s[SLABS];
    struct random r;
    char **p = mem_map(ALIGN_UP(n * sizeof(*p), 4096), 4096);
    if (!p) die("no memory");
    memset(p, 0, n * sizeof(*p));
    random_seed(&r, 1);
    size_t before = resident(), used = 0, held = 0;
    for (size_t i = 0; i < SLABS; i++) {
        if (!(s[i] = slab_create(false))) die("no memory");
    }
    int64_t start = clock_mono_ns();
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] = slab_alloc(s[i % SLABS], size))) die("no memory");
        memset(p[i], 1, size);
    }
    double fill = per_op(start, n);
    for (size_t i = 0; i < SLABS; i++) {
        used += slab_usage(s[i]).used;
        held += slab_usage(s[i]).held;
    }
    double bytes = (double)(resident() - before) / (double)n;
    start = clock_mono_ns();
    for (size_t i = 0; i < n; i++) {
        size_t at = random_below(&r, n);
        slab_free(s[at % SLABS], p[at], size);
        if (!(p[at] = slab_alloc(s[at % SLABS], size))) die("no memory");
        *(volatile char *)p[at] = 1;
    }
    double replaced = per_op(start, n);
    start = clock_mono_ns();
    for (size_t i = 0; i < n; i++) slab_free(s[i % SLABS], p[i], size);
    double empty = per_op(start, n);
    printf("%5zu bytes, %zu objects: fill %5.1f ns, replace %5.1f ns, free %5.1f ns; %.1f bytes resident an object, held/used %.3f\n",
        size, n, fill, replaced, empty, bytes, (double)held / (double)used);
    for (size_t i = 0; i < SLABS; i++) slab_destroy(s[i]);
    mem_unmap(p, ALIGN_UP(n * sizeof(*p), 4096));
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (n < SLABS) die("usage: bench_slab [objects, at least 64]");
    in_cache(56);
    in_cache(280);
    in_cache(2304);
    out_of_cache(56, n);
    out_of_cache(280, n);
    size_t before = resident();
    struct slab *s[SLABS];
    for (size_t i = 0; i < SLABS; i++) {
        char *p = (s[i] = slab_create(false)) ? slab_alloc(s[i], 56) : NULL;
        if (!p) die("no memory");
        *p = 1;
    }
    printf("a slab with one object: %zu bytes resident\n", (resident() - before) / SLABS);
    for (size_t i = 0; i < SLABS; i++) slab_destroy(s[i]);
    return 0;
}
