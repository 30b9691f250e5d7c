// All threads on one key: how long one call may take when everybody wants the same stripe.
//
// Each thread reads the clock, makes a call, reads the clock again, and so on; the gaps go into a histogram. In between, as many
// threads do the same without a call (`clock`): on a shared machine they are preempted too, and what a thread loses to the
// scheduler is in both columns. Phases take turns; the waits of a kind are those of all its rounds together.
#include "kora.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"

enum { THREADS_MAX = 64 };
enum kind { CLOCK, GET, SET, MIXED, KINDS };
static const char *const kind_names[KINDS] = { "clock", "get", "set", "mixed" };

struct run {
    kora *db;
    enum kind kind;
    pthread_barrier_t start;
    _Atomic bool stop;
};

struct worker {
    pthread_t thread;
    struct run *run;
    uint64_t calls, bad;
    struct hist gaps;
    char pad[64];
};

static const char hot_key[] = "the one hot key!";

static bool call(kora *db, enum kind kind, uint64_t i) {
    char value[32] = "the value that all threads want";
    size_t n;
    if (kind == CLOCK) return true;
    if (kind == SET || (kind == MIXED && i % 2)) return kora_set(db, hot_key, KEY_LEN, value, sizeof(value), NULL) == KORA_OK;
    return kora_get_into(db, hot_key, KEY_LEN, value, sizeof(value), &n) == KORA_OK && n == sizeof(value);
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct run *r = w->run;
    pthread_barrier_wait(&r->start);
    uint64_t last = now_ns(), calls = 0;
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        w->bad += !call(r->db, r->kind, calls++);
        uint64_t now = now_ns();
        hist_add(&w->gaps, now - last);
        last = now;
    }
    w->calls += calls;
    return NULL;
}

// Adds to `gaps`; returns calls a second of all threads.
static double phase(kora *db, enum kind kind, unsigned threads, double seconds, struct hist *gaps) {
    struct run r = { .db = db, .kind = kind };
    struct worker *w = need_alloc(threads * sizeof(*w));
    uint64_t calls = 0;
    if (pthread_barrier_init(&r.start, NULL, threads + 1) != 0) die("barrier");
    for (unsigned i = 0; i < threads; i++) {
        w[i].run = &r;
        if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0) die("a thread could not be started");
    }
    pthread_barrier_wait(&r.start);
    uint64_t from = now_ns();
    sleep_ns((uint64_t)(seconds * 1e9));
    atomic_store(&r.stop, true);
    uint64_t took = now_ns() - from;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(w[i].thread, NULL);
        if (w[i].bad) die("%s: %llu calls went wrong", kind_names[kind], (unsigned long long)w[i].bad);
        calls += w[i].calls;
        hist_merge(gaps, &w[i].gaps);
    }
    pthread_barrier_destroy(&r.start);
    free(w);
    return (double)calls * 1e9 / (double)took;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const struct option list[] = { { "threads", 1, NULL, 't' }, { "rounds", 1, NULL, 'r' }, { "seconds", 1, NULL, 's' }, { 0 } };
    unsigned threads = 2, rounds = 10;
    double seconds = 0.5;
    for (int c; (c = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (c == 't') threads = (unsigned)need_number("threads", optarg, 1, THREADS_MAX);
        else if (c == 'r') rounds = (unsigned)need_number("rounds", optarg, 1, 1000);
        else if (c == 's') seconds = need_number("seconds", optarg, 0.01, 3600);
        else die("hot [--threads N] [--rounds N] [--seconds S (of each phase)]");
    }
    kora *db;
    if (kora_open(NULL, NULL, &db) != KORA_OK || kora_set(db, hot_key, KEY_LEN, "v", 1, NULL) != KORA_OK) die("kora_open failed");
    call(db, SET, 0);
    struct hist *gaps = need_alloc(KINDS * sizeof(*gaps));
    double *rate = need_alloc(KINDS * rounds * sizeof(*rate));
    for (unsigned i = 0; i < rounds; i++) {
        for (int k = 0; k < KINDS; k++) rate[(unsigned)k * rounds + i] = phase(db, (enum kind)k, threads, seconds, &gaps[k]);
    }
    printf("hot: %u threads on one key, %u rounds of %.1f s; gaps between clock reads in us, `clock` makes no call\n", threads, rounds, seconds);
    printf("           p50      p99    p99.9   p99.99      worst   M calls/s\n");
    for (int k = 0; k < KINDS; k++) {
        const struct hist *h = &gaps[k];
        printf("  %-6s %7.3f %8.3f %8.3f %8.1f %10.1f   %9.3f\n", kind_names[k], (double)hist_at(h, 0.5) / 1e3, (double)hist_at(h, 0.99) / 1e3,
            (double)hist_at(h, 0.999) / 1e3, (double)hist_at(h, 0.9999) / 1e3, (double)h->max / 1e3, median(&rate[(unsigned)k * rounds], rounds) / 1e6);
    }
    kora_stats stats = KORA_STATS_INIT;
    if (kora_get_stats(db, &stats) == KORA_OK) {
        printf("  %llu of %llu calls found the lease taken and had to wait\n", (unsigned long long)stats.waits, (unsigned long long)stats.commands);
    }
    free(gaps), free(rate);
    return kora_close(db) == KORA_OK ? 0 : 1;
}
