// Inserts many small keys one by one and times each insert: does growing ever make one caller pay for all?
//
// Two controls. A thread does nothing but read the clock: its longest gaps are what the machine itself takes away from a thread. And after each insert
// the same thread reads the clock for as long as that insert took, at most PAUSE_MAX_NS: `pause` is how long that became, so its percentiles are
// those of inserts that do nothing. With --check the exit status is 1 if p99.99 is above 50 us while that of the pauses is not.
#include "kora.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"

enum { WORST = 8, P9999_NS = 50000, PAUSE_MAX_NS = 2000 };

struct control {
    pthread_t thread;
    _Atomic bool stop;
    struct hist gaps;
};

static void *control_run(void *arg) {
    struct control *c = arg;
    uint64_t last = now_ns();
    while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
        uint64_t now = now_ns();
        hist_add(&c->gaps, now - last);
        last = now;
    }
    return NULL;
}

struct slow { // an insert that took long, and how many keys there were
    uint64_t ns, keys;
};

static void slow_add(struct slow *worst, uint64_t ns, uint64_t keys) {
    if (ns <= worst[WORST - 1].ns) return;
    int i = WORST - 1;
    for (; i > 0 && worst[i - 1].ns < ns; i--) worst[i] = worst[i - 1];
    worst[i] = (struct slow){ ns, keys };
}

// How long reading the clock for `ns` took.
static uint64_t pause_for(uint64_t ns) {
    uint64_t from = now_ns(), now = from;
    while (now - from < ns) now = now_ns();
    return now - from;
}

static void insert_all(kora *db, uint64_t keys, size_t value_size, struct hist *h, struct hist *pauses, struct slow *worst) {
    char key[KEY_LEN], value[256];
    memset(value, 'v', sizeof(value));
    for (uint64_t i = 0; i < keys; i++) {
        key_write(key, i);
        uint64_t last = now_ns();
        int rc = kora_set(db, key, KEY_LEN, value, value_size, NULL);
        uint64_t now = now_ns();
        if (rc != KORA_OK) die("key %llu: %s", (unsigned long long)i, kora_status_text(rc));
        hist_add(h, now - last);
        slow_add(worst, now - last, i);
        hist_add(pauses, pause_for(now - last < PAUSE_MAX_NS ? now - last : PAUSE_MAX_NS));
    }
}

static void print_line(const char *name, const struct hist *h) {
    printf("  %-8s %7.3f %8.3f %8.3f %8.3f %10.1f   %llu\n", name, (double)hist_at(h, 0.5) / 1e3, (double)hist_at(h, 0.99) / 1e3,
        (double)hist_at(h, 0.999) / 1e3, (double)hist_at(h, 0.9999) / 1e3, (double)h->max / 1e3, (unsigned long long)h->count);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const struct option list[] = { { "keys", 1, NULL, 'k' }, { "value-size", 1, NULL, 'v' }, { "check", 0, NULL, 'c' }, { 0 } };
    uint64_t keys = 20000000;
    size_t value_size = 8;
    bool check = false;
    for (int c; (c = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (c == 'k') keys = (uint64_t)need_number("keys", optarg, 1, 1e11);
        else if (c == 'v') value_size = (size_t)need_number("value-size", optarg, 0, 256);
        else if (c == 'c') check = true;
        else die("insert [--keys N] [--value-size N] [--check]");
    }
    kora *db;
    if (kora_open(NULL, NULL, &db) != KORA_OK) die("kora_open failed");
    struct control *control = need_alloc(sizeof(*control));
    struct hist *h = need_alloc(sizeof(*h)), *pauses = need_alloc(sizeof(*pauses));
    struct slow worst[WORST] = { { 0, 0 } };
    if (pthread_create(&control->thread, NULL, control_run, control) != 0) die("a thread could not be started");
    uint64_t rss = process_rss(0), from = now_ns();
    insert_all(db, keys, value_size, h, pauses, worst);
    double seconds = (double)(now_ns() - from) / 1e9;
    atomic_store(&control->stop, true);
    pthread_join(control->thread, NULL);
    printf("insert: %llu keys of %d bytes, %zu-byte values, one by one with pauses: %.2f s, resident %.1f bytes a key over key and value\n",
        (unsigned long long)keys, KEY_LEN, value_size, seconds,
        ((double)process_rss(0) - (double)rss) / (double)keys - KEY_LEN - (double)value_size);
    printf("  us           p50      p99    p99.9   p99.99      worst   count\n");
    print_line("insert", h);
    print_line("pause", pauses);
    print_line("clock", &control->gaps);
    printf("  longest inserts, us at so many keys:");
    for (int i = 0; i < WORST && worst[i].ns; i++) printf(" %.0f at %llu%s", (double)worst[i].ns / 1e3, (unsigned long long)worst[i].keys, i < WORST - 1 ? "," : "");
    bool missed = hist_at(h, 0.9999) > P9999_NS;
    printf("\n  p99.99 %.1f us, target <= %d%s (of pauses %.1f); worst %.1f us, the control thread's %.1f\n", (double)hist_at(h, 0.9999) / 1e3,
        P9999_NS / 1000, missed ? " MISSED" : "", (double)hist_at(pauses, 0.9999) / 1e3, (double)h->max / 1e3, (double)control->gaps.max / 1e3);
    int status = check && missed && hist_at(pauses, 0.9999) <= P9999_NS;
    free(h), free(pauses), free(control);
    return kora_close(db) == KORA_OK ? status : 1;
}
