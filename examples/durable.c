// A database that is kept: what was acknowledged survives a process that is killed, a second one at the same directory is refused by name, and a snapshot is a database of its own.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kora.h"

enum { ORDERS = 1000 };

static void told(void *arg, int level, const char *text) {
    (void)arg, (void)level;
    printf("    log: %s\n", text);
}

static void reads(void *arg, uint64_t done, uint64_t total) {
    (void)arg;
    printf("    read back %llu of %llu bytes\n", (unsigned long long)done, (unsigned long long)total);
}

static kora *open_at(const char *dir, int sync) {
    char error[256] = "";
    kora_options options = KORA_OPTIONS_INIT;
    kora *db;
    options.sync = sync;
    options.log = told;
    options.log_level = KORA_LOG_WARNING; // a torn tail that was cut, a disk that fails: nothing, most of the time
    options.progress = reads;
    options.error = error;
    options.error_size = sizeof error;
    int status = kora_open(dir, &options, &db);
    if (status == KORA_OK) return db;
    printf("  cannot open: %s: %s\n", kora_status_text(status), error); // which file, at which offset, what
    return NULL;
}

static long long orders(kora *db) {
    int64_t n;
    return kora_incr(db, "orders", 6, 0, &n) == KORA_OK ? n : -1;
}

// A process that takes orders, and is killed. It has answered for each only when it was on the disk (KORA_SYNC_ALWAYS); with KORA_SYNC_EVERYSEC, which is some
// hundred times as fast, all would be there after this, too, but not after a power cut: then the last second's may be missing.
static void take_orders(const char *dir) {
    kora *db = open_at(dir, KORA_SYNC_ALWAYS);
    if (!db) _exit(1);
    for (int i = 0; i < ORDERS; i++) {
        int64_t n;
        if (kora_incr(db, "orders", 6, 1, &n) != KORA_OK) _exit(1); // KORA_READONLY: the disk is full, or fails; nothing was changed
    }
    kill(getpid(), SIGKILL);
}

static int remove_dir(const char *dir) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

int main(void) {
    char made[] = "/tmp/kora-durable-XXXXXX", dir[300], copy[320];
    const char *place = mkdtemp(made); // removed in the end
    if (!place) return 1;
    snprintf(dir, sizeof dir, "%s/db", place);
    snprintf(copy, sizeof copy, "%s/copy", place);

    fflush(stdout);
    pid_t child = fork(); // before there is a database: they do not survive a fork
    int how = 0;
    if (child == 0) take_orders(dir);
    if (child < 0 || waitpid(child, &how, 0) < 0 || !WIFSIGNALED(how)) return 1;

    kora *db = open_at(dir, KORA_SYNC_EVERYSEC);
    if (!db) return 1;
    long long before = orders(db);
    printf("after the kill there are %lld orders\n", before);

    printf("a second one at the same directory:\n");
    kora *second = open_at(dir, KORA_SYNC_EVERYSEC);

    // Of this instant, while others go on writing: a directory that can be opened, or carried elsewhere.
    char error[256] = "";
    int status = kora_snapshot(db, copy, error, sizeof error);
    if (status != KORA_OK) printf("the snapshot has failed: %s: %s\n", kora_status_text(status), error);

    int closed = kora_close(db); // KORA_OK: all of it is on the disk. KORA_READONLY: it could not be written, and the log function was told why
    if (closed != KORA_OK) printf("at the end: %s\n", kora_status_text(closed));

    kora *other = status == KORA_OK ? open_at(copy, KORA_SYNC_EVERYSEC) : NULL;
    long long copied = other ? orders(other) : -1;
    if (other && kora_close(other) != KORA_OK) return 1;
    printf("in the snapshot there are %lld\n", copied);
    if (remove_dir(place) != 0) return 1;
    return before >= ORDERS && copied == before && !second && closed == KORA_OK ? 0 : 1;
}
