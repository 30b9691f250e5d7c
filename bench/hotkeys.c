// Hot keys told by the library beside the true ones: reads of keys drawn by Zipf's law (exponent 1) over --keys, for --seconds, by --threads.
//
// The keys are not there: a look-up that finds nothing counts as any other, and ten million keys need no memory so. Each thread counts what it asks for of the
// first hundred ranks exactly, and lets its counts fade as the library does, so that both tell of the same time whatever the machine was at.
#include "kora.h"

#include <getopt.h>
#include <math.h>
#include <pthread.h>

#include "bench.h"

enum { RANKS = 100, TOP = 20, THREADS_MAX = 64, HALF_LIFE_S = 60, STEP = 4096 };

struct worker {
    pthread_t thread;
    kora *db;
    uint64_t rng, keys, until_ns, started_ns, calls;
    double count[RANKS + 1], at_s; // faded, to at_s
};

static double uniform(uint64_t *rng) { return ((double)(rng_next(rng) >> 11) + 0.5) / 9007199254740992.0; }

// Rejection-inversion (Hoermann and Derflinger 1996) for exponent 1: ranks 1 to n.
static uint64_t zipf(uint64_t *rng, double n) {
    double low = log(1.5) - 1, high = log(n + 0.5);
    for (;;) {
        double u = high + uniform(rng) * (low - high), x = exp(u), k = floor(x + 0.5);
        k = k < 1 ? 1 : k > n ? n : k;
        if (u >= log(k + 0.5) - 1 / k) return (uint64_t)k;
    }
}

static void fade(struct worker *w, double now_s) {
    double by = exp2((w->at_s - now_s) / HALF_LIFE_S);
    for (int i = 1; i <= RANKS; i++) w->count[i] *= by;
    w->at_s = now_s;
}

static void *work(void *arg) {
    struct worker *w = arg;
    char key[32], value[64];
    size_t len;
    for (uint64_t now = now_ns(); now < w->until_ns; now = now_ns()) {
        for (int i = 0; i < STEP; i++) {
            uint64_t rank = zipf(&w->rng, (double)w->keys);
            size_t n = (size_t)snprintf(key, sizeof(key), "key:%llu", (unsigned long long)rank);
            kora_get_into(w->db, key, n, value, sizeof(value), &len);
            if (rank <= RANKS) w->count[rank]++;
        }
        w->calls += STEP;
        fade(w, (double)(now_ns() - w->started_ns) / 1e9);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static const struct option options[] = { { "keys", 1, 0, 'k' }, { "seconds", 1, 0, 's' }, { "threads", 1, 0, 't' }, { 0 } };
    uint64_t keys = 10000000, seconds = 60;
    unsigned threads = 1;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'k') keys = strtoull(optarg, NULL, 10);
        else if (o == 's') seconds = strtoull(optarg, NULL, 10);
        else if (o == 't') threads = (unsigned)strtoul(optarg, NULL, 10);
        else die("hotkeys [--keys N] [--seconds N] [--threads N]");
    }
    if (threads < 1 || threads > THREADS_MAX || keys < RANKS) die("bad options");
    kora *db;
    if (kora_open(NULL, NULL, &db) != KORA_OK) die("kora_open");
    static struct worker w[THREADS_MAX];
    uint64_t start = now_ns(), calls = 0;
    for (unsigned i = 0; i < threads; i++) {
        w[i] = (struct worker){ .db = db, .rng = 12345 + i, .keys = keys, .started_ns = start, .until_ns = start + seconds * 1000000000 };
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0) die("pthread_create");
    }
    for (unsigned i = 0; i < threads; i++) pthread_join(w[i].thread, NULL);
    static kora_hot_key hot[TOP];
    size_t n = 0, right = 0;
    if (kora_get_hot_keys(db, KORA_HOT_READS, hot, TOP, &n) != KORA_OK) die("kora_get_hot_keys");
    double now_s = (double)(now_ns() - start) / 1e9, life_s = HALF_LIFE_S / log(2) * (1 - exp2(-now_s / HALF_LIFE_S)), worst = 0, truth[RANKS + 1] = { 0 };
    for (unsigned i = 0; i < threads; i++) {
        fade(&w[i], now_s);
        calls += w[i].calls;
        for (int r = 1; r <= RANKS; r++) truth[r] += w[i].count[r] / life_s;
    }
    printf("%-12s %14s %14s %8s\n", "key", "true a second", "told", "off %");
    for (size_t i = 0; i < n; i++) {
        unsigned long rank = strtoul(hot[i].key + 4, NULL, 10);
        double exact = rank <= RANKS ? truth[rank] : 0, off = exact > 0 ? 100 * (hot[i].rate / exact - 1) : INFINITY;
        right += rank <= TOP;
        if (rank <= TOP && fabs(off) > worst) worst = fabs(off);
        printf("%-12.*s %14.1f %14.1f %8.2f\n", (int)hot[i].key_len, hot[i].key, exact, hot[i].rate, off);
    }
    printf("\n%.0f calls a second; %zu of the true first %d among the first %d told (target >= 19), rates up to %.2f %% off (target <= 5)\n",
        (double)calls / now_s, right, TOP, TOP, worst);
    kora_close(db);
    return 0;
}
