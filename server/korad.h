// What korad's files share: the server as it was configured.
#ifndef KORAD_H
#define KORAD_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "kora.h"

// The keys that korad takes itself; all others are parameters of the library, by the names that CONFIG SET knows.
enum own { LIBRARYS, BIND, PORT, UNIXSOCKET, UNIXSOCKETPERM, METRICS_BIND, METRICS_PORT, SHARDS, DATABASES, LOGLEVEL, LOGFILE, DIR, STAGING_DIR, OWN_COUNT };

#define ULL(n) ((unsigned long long)(n))

struct setting {
    char *origin, *name, *value; // origin: "korad.ini:7: port" or "--port"
    int blame;                   // exit code if it is wrong
};

struct server {
    struct setting *settings; // the flags', then the file's
    size_t count, flags;
    const char *config; // file, NULL: none
    const char *import, *export; // RDB files, NULL: none
    time_t told;                 // when progress was told last
    FILE *file;
    long line;                   // in it
    const char *text[OWN_COUNT]; // own keys, borrowed from settings
    long port, metrics_port;
    kora_options options;
    int log_fd;    // never changes: a reopened file takes its number
    int exit_code; // 0 until something was wrong
    bool check_only;
    const char *check_dir;
    kora *db;
};

// log.c
extern const char *const log_levels[4];
// On standard error; the process is going to end with that exit code (0: not for this reason).
void wrong(struct server *s, int exit_code, const char *format, ...) __attribute__((format(printf, 3, 4)));
// In the log.
void say(struct server *s, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void log_line(void *arg, int level, const char *text); // kora_options.log; `arg`: the server
bool log_open(struct server *s); // or opens it anew; false: errno says why not

// config.c
bool parse_flags(struct server *s, int argc, char **argv); // false: there is nothing left to do, and exit_code says how it went
void read_config(struct server *s);
// Takes korad's own settings, or (once the database is open) the library's: the file's, then the flags', the last one wins.
void take_settings(struct server *s, bool own);

// listen.c
void listen_all(struct server *s);
void raise_file_limit(struct server *s);

// files.c
void import(struct server *s);
void export(struct server *s);
void check(struct server *s); // --check: what there is, and whether it is whole

#endif
