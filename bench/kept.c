// What keeping data costs the caller: kora_set on a database without a directory, and on one with a log.
//
// Two databases with the same keys take turns in short runs. What is printed are medians over the rounds; ratios are those of each round.
//   p50 ns  one call by itself: one in 65 is fenced and timed alone, less what fenced nothing takes
//   ns/call calls back to back, less the loop that only makes the keys: their median over batches, and their mean
//   CPU     of the whole process, the log's thread included, over calls
#include "kora.h"

#include <getopt.h>

#include "bench.h"

enum { BATCH = 64, ROUNDS_MAX = 1000 };
enum figure { ALONE /* in ticks */, BATCHES, MEAN, CPU, FIGURES };

struct options {
    const char *dir;
    int sync;
    uint64_t keys, ms;
    unsigned rounds, shards;
    size_t value_size;
};

struct run {
    kora *db; // NULL: only the key is made
    uint64_t rng, keys, calls;
    size_t value_size;
    struct hist alone, batches; // ticks of single calls; tenths of ns a call in batches
    double is[FIGURES];
};

static char value[4096];

static inline void set_one(struct run *r, const char *key) {
    if (r->db && kora_set(r->db, key, KEY_LEN, value, r->value_size, NULL) != KORA_OK) die("a kora_set has failed");
}

static void measure(struct run *r, uint64_t ms) {
    char key[KEY_LEN];
    uint64_t began = now_ns(), cpu = own_cpu_ns(), spent = 0;
    memset(&r->alone, 0, sizeof r->alone);
    memset(&r->batches, 0, sizeof r->batches);
    r->calls = 0;
    do {
        uint64_t from = now_ns();
        for (int i = 0; i < BATCH; i++) {
            key_write(key, rng_below(&r->rng, r->keys));
            set_one(r, key);
        }
        uint64_t took = now_ns() - from;
        hist_add(&r->batches, took * 10 / BATCH);
        spent += took;
        r->calls += BATCH;
        key_write(key, rng_below(&r->rng, r->keys));
        uint64_t tick = tick_start();
        set_one(r, key);
        hist_add(&r->alone, tick_end() - tick);
    } while (now_ns() - began < ms * 1000000);
    r->is[ALONE] = (double)hist_at(&r->alone, .5);
    r->is[BATCHES] = (double)hist_at(&r->batches, .5) / 10;
    r->is[MEAN] = (double)spent / (double)r->calls;
    r->is[CPU] = (double)(own_cpu_ns() - cpu) / ((double)r->calls * (BATCH + 1) / BATCH);
}

static kora *open_filled(const struct options *o, const char *dir) {
    char error[512] = "", key[KEY_LEN];
    kora_options options = KORA_OPTIONS_INIT;
    options.sync = o->sync;
    options.shards = o->shards;
    options.error = error;
    options.error_size = sizeof error;
    kora *db;
    if (kora_open(dir, &options, &db) != KORA_OK) die("%s: %s", dir ? dir : "in memory", error);
    for (uint64_t i = 0; i < o->keys; i++) {
        key_write(key, i);
        if (kora_set(db, key, KEY_LEN, value, o->value_size, NULL) != KORA_OK) die("filling");
    }
    return db;
}

static void options_parse(struct options *o, int argc, char **argv) {
    static const struct option known[] = {
        { "keys", required_argument, NULL, 'k' }, { "value-size", required_argument, NULL, 'v' }, { "rounds", required_argument, NULL, 'r' },
        { "ms", required_argument, NULL, 'm' }, { "shards", required_argument, NULL, 's' }, { "sync", required_argument, NULL, 'y' }, { 0 },
    };
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'k': o->keys = (uint64_t)need_number("keys", optarg, 1, 4e9); break;
        case 'v': o->value_size = (size_t)need_number("value-size", optarg, 1, sizeof value); break;
        case 'r': o->rounds = (unsigned)need_number("rounds", optarg, 1, ROUNDS_MAX); break;
        case 'm': o->ms = (uint64_t)need_number("ms", optarg, 1, 60000); break;
        case 's': o->shards = (unsigned)need_number("shards", optarg, 1, 64); break;
        case 'y': o->sync = strcmp(optarg, "always") == 0 ? KORA_SYNC_ALWAYS : strcmp(optarg, "os") == 0 ? KORA_SYNC_OS : KORA_SYNC_EVERYSEC; break;
        default: die("kept [--keys N] [--value-size N] [--rounds N] [--ms N (of each run)] [--shards N] [--sync everysec|os|always] DIR");
        }
    }
    if (optind + 1 != argc) die("which directory? One that is not there yet, on the file system that is to be measured");
    o->dir = argv[optind];
    if (access(o->dir, F_OK) == 0) die("%s is there already", o->dir);
}

int main(int argc, char **argv) {
    struct options o = { .sync = KORA_SYNC_EVERYSEC, .keys = 1000000, .ms = 500, .rounds = 10, .shards = 1, .value_size = 32 };
    options_parse(&o, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    memset(value, 'v', sizeof value);
    double per_ns = ticks_per_ns(), middle[FIGURES];
    static double figures[2][FIGURES][ROUNDS_MAX], ratios[FIGURES][ROUNDS_MAX];
    struct run *runs = need_alloc(3 * sizeof *runs), *none = &runs[2];
    for (int i = 0; i < 3; i++) runs[i] = (struct run){ .rng = 7, .keys = o.keys, .value_size = o.value_size };
    runs[0].db = open_filled(&o, NULL);
    runs[1].db = open_filled(&o, o.dir);
    for (unsigned r = 0; r < o.rounds; r++) {
        measure(none, 50);
        for (unsigned turn = 0; turn < 2; turn++) measure(&runs[(r + turn) % 2], o.ms);
        for (int d = 0; d < 2; d++) {
            for (int f = 0; f < FIGURES; f++) figures[d][f][r] = (runs[d].is[f] - none->is[f]) / (f == ALONE ? per_ns : 1);
        }
        for (int f = 0; f < FIGURES; f++) ratios[f][r] = figures[1][f][r] / figures[0][f][r];
    }
    printf("kept: kora_set, %llu keys of %d bytes, %zu-byte values, %u rounds of %llu ms\n", (unsigned long long)o.keys, KEY_LEN, o.value_size, o.rounds, (unsigned long long)o.ms);
    printf("                  p50 ns   p50 of batches   ns/call   CPU ns/call\n");
    for (int d = 0; d < 2; d++) {
        for (int f = 0; f < FIGURES; f++) middle[f] = median(figures[d][f], o.rounds);
        printf("  %-12s %9.0f %16.0f %9.0f %13.0f\n", d ? "with a log" : "without", middle[ALONE], middle[BATCHES], middle[MEAN], middle[CPU]);
    }
    for (int f = 0; f < FIGURES; f++) middle[f] = median(ratios[f], o.rounds);
    printf("  %-12s %9.2f %16.2f %9.2f %13.2f\n", "ratio", middle[ALONE], middle[BATCHES], middle[MEAN], middle[CPU]);
    printf("  p50 with a log over p50 without: %.2f   target <= 2%s\n", middle[ALONE], middle[ALONE] <= 2 ? "" : " MISSED");
    for (int d = 0; d < 2; d++) {
        if (kora_close(runs[d].db) != KORA_OK) die("kora_close");
    }
    free(runs);
    return 0;
}
