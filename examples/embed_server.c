// A program that keeps its state in Kora and lets redis-cli look at it, and change it, while it runs:
//
//     ./embed_server 7000          (without a port: any that is free)
//     redis-cli -p 7000 GET ticks
//     redis-cli -p 7000 SET speed 10
//
// It ends when its standard input does.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kora.h"

static void log_line(void *arg, int level, const char *text) {
    (void)arg;
    if (level >= KORA_LOG_WARNING) fprintf(stderr, "kora: %s\n", text);
}

// The program's own work reads a setting that a client may have changed, and writes what clients may want to see.
static int tick(kora *db) {
    char speed[16] = "";
    size_t len = 0;
    int status = kora_get_into(db, "speed", 5, speed, sizeof speed - 1, &len);
    if (status == KORA_NOTFOUND || status == KORA_WRONGTYPE) memcpy(speed, "1", 2);
    else if (status != KORA_OK) return status;
    return kora_incr(db, "ticks", 5, atoi(speed), NULL);
}

// Waits a tenth of a second. 0: standard input has come to its end.
static int wait_for_next(void) {
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    char ignored[256];
    if (poll(&in, 1, 100) <= 0) return 1;
    return read(STDIN_FILENO, ignored, sizeof ignored) > 0;
}

int main(int argc, char **argv) {
    kora *db;
    kora_options options = KORA_OPTIONS_INIT;
    options.shards = 1; // threads for the clients: one is plenty here
    options.log = log_line;
    if (kora_open(NULL, &options, &db) != KORA_OK) return 1;

    char address[64], bound[64], error[128];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    int status = kora_listen(db, address, bound, sizeof bound, error, sizeof error);
    if (status == KORA_OK) {
        printf("listening on %s\n", bound);
        fflush(stdout);
        do status = tick(db);
        while (status == KORA_OK && wait_for_next());
    } else fprintf(stderr, "%s: %s\n", address, error);

    if (status == KORA_OK) puts("good-bye");
    return kora_close(db) == KORA_OK && status == KORA_OK ? 0 : 1;
}
