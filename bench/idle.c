// An embedded database that nobody uses: opens one, sets some keys, reads one, says how many threads there are, and waits for the
// end of its input. idle.py counts how often its threads wake up meanwhile.
//   idle [--ttl-ms N]   the keys expire that far in the future
#include "kora.h"

#include "bench.h"

int main(int argc, char **argv) {
    kora_set_options expiring = KORA_SET_OPTIONS_INIT;
    if (argc == 3 && !strcmp(argv[1], "--ttl-ms")) expiring.ttl_ms = (int64_t)need_number("ttl-ms", argv[2], 1, 1e15);
    else if (argc != 1) die("idle [--ttl-ms N]");
    kora *db;
    if (kora_open(NULL, NULL, &db) != KORA_OK) die("kora_open failed");
    for (uint64_t i = 0; i < 1000; i++) {
        char key[KEY_LEN];
        key_write(key, i);
        if (kora_set(db, key, KEY_LEN, "value", 5, expiring.ttl_ms ? &expiring : NULL) != KORA_OK) die("kora_set failed");
    }
    void *value;
    size_t n;
    if (kora_get(db, "key:000000000000", KEY_LEN, &value, &n) != KORA_OK) die("kora_get failed");
    kora_free(value);
    puts("ready");
    fflush(stdout);
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0) {}
    return kora_close(db) == KORA_OK ? 0 : 1;
}
