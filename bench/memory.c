// Memory of a database in this process: what an empty one takes, and what each key takes over its own bytes and its value's.
//
// Measured from outside the allocator: resident set (Rss of /proc/self/smaps_rollup), before kora_open, after it, and after --keys
// keys were set one by one, in no particular order. The library's own account is printed beside it.
#include "kora.h"

#include <getopt.h>

#include "bench.h"

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const struct option list[] = { { "keys", 1, NULL, 'k' }, { "value-size", 1, NULL, 'v' }, { 0 } };
    uint64_t keys = 1000000;
    size_t value_size = 32;
    for (int c; (c = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (c == 'k') keys = (uint64_t)need_number("keys", optarg, 1, 1e11);
        else if (c == 'v') value_size = (size_t)need_number("value-size", optarg, 0, 512e6);
        else die("memory [--keys N] [--value-size N]");
    }
    char *value = need_alloc(value_size), key[KEY_LEN];
    memset(value, 'v', value_size);
    process_rss(0); // stdio's own buffers are there before the first figure
    uint64_t before = process_rss(0);
    kora *db, *second;
    if (kora_open(NULL, NULL, &db) != KORA_OK) die("kora_open failed");
    sleep_ns(300000000);
    uint64_t opened = process_rss(0);
    if (kora_open(NULL, NULL, &second) != KORA_OK) die("kora_open failed");
    sleep_ns(300000000);
    uint64_t opened_twice = process_rss(0);
    if (kora_close(second) != KORA_OK) die("kora_close failed");
    uint64_t empty = process_rss(0);
    for (uint64_t i = 0; i < keys; i++) {
        uint64_t mix = i;
        key_write(key, rng_next(&mix) % 1000000000000u);
        int rc = kora_set(db, key, KEY_LEN, value, value_size, NULL);
        if (rc != KORA_OK) die("kora_set: %s", kora_status_text(rc));
    }
    sleep_ns(300000000);
    uint64_t full = process_rss(0);
    kora_stats stats = KORA_STATS_INIT;
    if (kora_get_stats(db, &stats) != KORA_OK) die("kora_get_stats failed");
    double n = (double)stats.keys, own = KEY_LEN + (double)value_size;
    printf("memory: in-process, %.0f keys of %d bytes, %zu-byte values\n", n, KEY_LEN, value_size);
    printf("  empty database: %.2f MB resident (a second one in the process: %.2f MB)\n", (double)(opened - before) / 1048576,
        ((double)opened_twice - (double)opened) / 1048576);
    printf("  a key over key and value: %.1f bytes resident; by the library's account used %.1f, held %.1f\n",
        ((double)full - (double)empty) / n - own, (double)stats.memory_used / n - own, (double)stats.memory_held / n - own);
    printf("memory keys=%.0f value=%zu empty_mb=%.3f over_bytes=%.2f used_over_bytes=%.2f held_over_bytes=%.2f\n", n, value_size,
        (double)(opened - before) / 1048576, ((double)full - (double)empty) / n - own, (double)stats.memory_used / n - own,
        (double)stats.memory_held / n - own);
    free(value);
    return kora_close(db) == KORA_OK ? 0 : 1;
}
