// korad - a server around libkora: reads its configuration, opens the database, listens, and waits for a signal.
//
// Everything that clients see is the library's. Here are: the configuration file and the flags, the log file, signals,
// systemd's readiness protocol and the exit codes:
//     0  ended by SIGTERM, SIGINT or a client's SHUTDOWN; --help, --version; --check-config found nothing wrong; --export has written its file
//     1  the configuration file is bad, or the server could not start, or --import or --export failed, or the log could not be written to its end
//     2  the command line is bad
//
// The main thread blocks the signals that it takes before the library starts its threads (which block all), and then does
// nothing but wait for them: no handler runs anywhere. It listens while the library still loads the data; that it is all there,
// or can't be, it hears by SIGUSR1.
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kora.h"

// The keys that korad takes itself; all others are parameters of the library, by the names that CONFIG SET knows.
enum own { LIBRARYS, BIND, PORT, UNIXSOCKET, UNIXSOCKETPERM, METRICS_BIND, METRICS_PORT, SHARDS, DATABASES, LOGLEVEL, LOGFILE, DIR, STAGING_DIR, OWN_COUNT };

static const struct key {
    enum own own;
    const char *name, *value, *help;
} keys[] = {
    { BIND, "bind", "ADDR ...", "addresses for TCP; '-' before one: ignore if it can't be used (127.0.0.1)" },
    { PORT, "port", "N", "TCP port; 0: none (6379)" },
    { UNIXSOCKET, "unixsocket", "PATH", "listen on this Unix socket too" },
    { UNIXSOCKETPERM, "unixsocketperm", "MODE", "its permissions, octal, such as 770" },
    { METRICS_BIND, "metrics-bind", "ADDR ...", "addresses for HTTP, as bind (127.0.0.1)" },
    { METRICS_PORT, "metrics-port", "N", "HTTP: a page at /, Prometheus's /metrics, /healthz; 0: none (0)" },
    { SHARDS, "shards", "N", "threads; 0: one for each core (0)" },
    { DATABASES, "databases", "N", "numbered databases (16)" },
    { LOGLEVEL, "loglevel", "LEVEL", "debug, verbose, notice or warning (notice)" },
    { LOGFILE, "logfile", "PATH", "empty: standard output; SIGHUP reopens it" },
    { DIR, "dir", "PATH", "keep the data there; empty: in memory only" },
    { LIBRARYS, "appendfsync", "always|everysec|no", "when what is written there is on the disk (everysec)" },
    { STAGING_DIR, "staging-dir", "PATH", "where the newest writes are kept mapped: a local file system (dir)" },
    { LIBRARYS, "requirepass", "PASSWORD", "what clients must AUTH with; every user can read it in the process list" },
    { LIBRARYS, "protected-mode", "yes|no", "without a password, serve this machine alone (yes)" },
    { LIBRARYS, "maxclients", "N", "connections at a time (10000)" },
    { LIBRARYS, "timeout", "SECONDS", "close a client that is idle so long; 0: never (0)" },
    { LIBRARYS, "tcp-keepalive", "SECONDS", "probe silent TCP connections; 0: never (300)" },
    { LIBRARYS, "tcp-backlog", "N", "connections that wait to be accepted (511)" },
    { LIBRARYS, "proto-max-bulk-len", "SIZE", "the longest argument (512mb)" },
    { LIBRARYS, "client-query-buffer-limit", "SIZE", "input that a client may have pending (1gb)" },
    { LIBRARYS, "client-output-buffer-limit", "CLASS HARD SOFT SECONDS", "output that a client may leave unread" },
    { LIBRARYS, "maxmemory", "SIZE", "memory that the data and connections may take; 0: no limit (0)" },
    { LIBRARYS, "maxmemory-policy", "POLICY", "what happens there: noeviction, allkeys-lru ... (noeviction)" },
    { LIBRARYS, "enable-debug-command", "no|local|yes", "who may use DEBUG (no)" },
};
static const char *const levels[] = { "debug", "verbose", "notice", "warning" };

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

// ---- saying things ----

__attribute__((format(printf, 3, 4))) static void wrong(struct server *s, int exit_code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("korad: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (exit_code > s->exit_code) s->exit_code = exit_code;
}

// One line, one system call: lines of several threads don't mix. A log that can't be written is no reason to stop.
static void log_line(void *arg, int level, const char *text) {
    struct server *s = arg;
    char head[64];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(head + n, sizeof head - n, ".%03ldZ %s ", now.tv_nsec / 1000000, levels[level & 3]);
    struct iovec line[] = { { head, n }, { (char *)(uintptr_t)text, strlen(text) }, { (char[]){ '\n' }, 1 } };
    if (writev(s->log_fd, line, 3) < 0) return;
}

__attribute__((format(printf, 3, 4))) static void say(struct server *s, int level, const char *format, ...) {
    char text[1024];
    char *lowest = NULL; // CONFIG SET may have changed it
    long n = s->options.log_level;
    if (s->db && kora_config_get(s->db, "loglevel", &lowest) == KORA_OK) {
        for (n = 0; n < 3 && strcmp(levels[n], lowest) != 0;) n++;
        kora_free(lowest);
    }
    if (level < n) return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(s, level, text);
}

// A client's SHUTDOWN: the same as a signal.
static void client_asks_to_end(void *arg) {
    (void)arg;
    kill(getpid(), SIGTERM); // blocked by all threads, taken by serve()
}

// The library has loaded the data, or has failed to: serve() is told.
static void has_loaded(void *arg, int status) {
    (void)arg, (void)status;
    kill(getpid(), SIGUSR1);
}

static bool open_log(struct server *s) {
    const char *path = s->text[LOGFILE];
    if (!path || !*path) return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0) return false;
    if (s->log_fd == STDOUT_FILENO) s->log_fd = fd;
    else {
        // Other threads are writing: they see the old file or the new one, never a closed number.
        dup3(fd, s->log_fd, O_CLOEXEC);
        close(fd);
    }
    return true;
}

// Tells systemd, if it asked for it (sd_notify(3)).
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') to.sun_path[0] = '\0'; // the abstract namespace
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

// ---- configuration ----

// `line`: in the configuration file; 0: a flag.
static bool add_setting(struct server *s, long line, const char *name, const char *value) {
    struct setting new = { NULL, strdup(name), strdup(value), line ? 1 : 2 };
    struct setting *more = realloc(s->settings, (s->count + 1) * sizeof *more);
    int n = line ? asprintf(&new.origin, "%s:%ld: %s", s->config, line, name) : asprintf(&new.origin, "--%s", name);
    if (more) s->settings = more;
    if (!more || n < 0 || !new.name || !new.value) return wrong(s, 1, "out of memory"), false;
    s->settings[s->count++] = new;
    return true;
}

// Feeds inih line by line: it neither counts lines for its handler nor tells of more than one that it can't read.
static char *next_line(char *line, int size, void *arg) {
    struct server *s = arg;
    if (!fgets(line, size, s->file)) return NULL;
    s->line++;
    size_t n = strlen(line);
    const char *text = line + strspn(line, " \t\r\n");
    if (n == (size_t)size - 1 && line[n - 1] != '\n') {
        wrong(s, 1, "%s:%ld: longer than %d characters", s->config, s->line, size - 2);
        for (int c = 0; c != EOF && c != '\n';) c = fgetc(s->file);
        text = "";
    } else if (*text == '#' || *text == ';') text = "";
    else if (*text && !strchr(text, '=')) {
        wrong(s, 1, "%s:%ld: neither `key = value` nor a comment", s->config, s->line);
        text = "";
    }
    memmove(line, text, strlen(text) + 1); // without indentation, by which inih would continue the line before
    return line;
}

static int take_line(void *arg, const char *section, const char *name, const char *value) {
    struct server *s = arg;
    (void)section;
    return add_setting(s, s->line, name, value ? value : "");
}

static void read_config(struct server *s) {
    s->file = fopen(s->config, "re");
    if (!s->file) {
        wrong(s, 1, "%s: %s", s->config, strerror(errno));
        return;
    }
    if (ini_parse_stream(next_line, s, take_line, s) != 0) wrong(s, 1, "%s: not understood", s->config);
    if (ferror(s->file)) wrong(s, 1, "%s: %s", s->config, strerror(errno));
    fclose(s->file);
}

static long number(struct server *s, const struct setting *at, int base, long min, long max) {
    char *end;
    errno = 0;
    long n = strtol(at->value, &end, base);
    if (at->value[0] >= '0' && at->value[0] <= '9' && !*end && !errno && n >= min && n <= max) return n;
    wrong(s, at->blame, base == 8 ? "%s: `%s` is not an octal number from %lo to %lo" : "%s: `%s` is not a number from %ld to %ld",
        at->origin, at->value, min, max);
    return min;
}

static void take_own(struct server *s, const struct setting *at, enum own own) {
    long n = 0;
    s->text[own] = at->value;
    switch (own) {
    case PORT: s->port = number(s, at, 10, 0, 65535); break;
    case METRICS_PORT: s->metrics_port = number(s, at, 10, 0, 65535); break;
    case UNIXSOCKETPERM: number(s, at, 8, 0, 0777); break;
    case SHARDS: s->options.shards = (uint32_t)number(s, at, 10, 0, 256); break;
    case DATABASES: s->options.databases = (uint32_t)number(s, at, 10, 1, 1024); break;
    case LOGLEVEL:
        while (n < 4 && strcmp(levels[n], at->value) != 0) n++;
        if (n == 4) wrong(s, at->blame, "%s: `%s` is none of debug, verbose, notice, warning", at->origin, at->value);
        else s->options.log_level = (int)n;
        break;
    default: break;
    }
}

static void take_librarys(struct server *s, const struct setting *at) {
    char error[256] = "";
    int status = kora_config_set(s->db, at->name, at->value, error, sizeof error);
    if (status == KORA_NOTFOUND) wrong(s, at->blame, "%s: no such key", at->origin);
    else if (status != KORA_OK) wrong(s, at->blame, "%s: %s", at->origin, *error ? error : kora_status_text(status));
}

// Takes korad's own settings, or (once the database is open) the library's: the file's, then the flags', the last one wins.
static void take_settings(struct server *s, bool own) {
    for (size_t i = 0; i < s->count; i++) {
        const struct setting *at = &s->settings[(s->flags + i) % s->count];
        enum own key = LIBRARYS;
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            if (strcmp(keys[k].name, at->name) == 0) key = keys[k].own;
        }
        if (own && key != LIBRARYS) take_own(s, at, key);
        if (!own && key == LIBRARYS) take_librarys(s, at);
    }
}

// ---- command line ----

static void help(void) {
    puts("usage: korad [FILE] [--KEY VALUE | --KEY=VALUE] ...\n\n"
         "Serves Redis clients. FILE holds lines `KEY = VALUE`; a flag wins over it. Keys:\n");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int n = printf("  --%s %s", keys[i].name, keys[i].value);
        printf("%s%*s%s\n", n < 30 ? "" : "\n", n < 30 ? 30 - n : 30, "", keys[i].help);
    }
    puts("and every other parameter that CONFIG SET takes. Also:\n"
         "  --config FILE               the same as FILE\n"
         "  --import FILE               take in Redis's dump.rdb (or the same in an LZ4 frame) before serving\n"
         "  --export FILE               write all data to a file that redis-server loads, and end (FILE.lz4: in an LZ4 frame)\n"
         "  --check-config              say what is wrong with the configuration, and end\n"
         "  --check DIR                 verify the data in DIR, without changing it, and say what there is\n"
         "  --from-snapshot NUMBER      begin with this one of the snapshots that were kept (snapshot-keep), should the newest be damaged\n"
         "  --repair                    of a damaged log keep what is whole; what is dropped goes to DIR/dropped-N.wal\n"
         "  --help, --version");
}

// False: there is nothing left to do, and exit_code says how it went.
static bool parse_flags(struct server *s, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        if (i == 1 && arg[0] != '-') {
            s->config = arg;
            continue;
        }
        if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) return help(), false;
        if (!strcmp(arg, "--version") || !strcmp(arg, "-v")) return printf("korad %s\n", kora_version()), false;
        if (!strcmp(arg, "--check-config")) {
            s->check_only = true;
            continue;
        }
        if (!strcmp(arg, "--repair")) {
            s->options.repair = 1;
            continue;
        }
        if (strncmp(arg, "--", 2) != 0 || !arg[2]) return wrong(s, 2, "`%s`: expected --KEY; see --help", arg), false;
        char *value = strchr(arg, '=');
        if (value) *value++ = '\0';
        else if (!(value = argv[++i])) return wrong(s, 2, "%s: its value is missing", arg), false;
        if (!strcmp(arg, "--config")) s->config = value;
        else if (!strcmp(arg, "--import")) s->import = value;
        else if (!strcmp(arg, "--export")) s->export = value;
        else if (!strcmp(arg, "--check")) s->check_dir = value;
        else if (!strcmp(arg, "--from-snapshot")) {
            char *end;
            s->options.snapshot = strtoull(value, &end, 10);
            if (*end || !s->options.snapshot) return wrong(s, 2, "--from-snapshot: `%s` is no number of a snapshot", value), false;
        }
        else if (!add_setting(s, 0, arg + 2, value)) return false;
    }
    s->flags = s->count;
    return true;
}

// ---- the server ----

static bool listen_at(struct server *s, const char *address) {
    char bound[256], error[256] = "";
    int status = kora_listen(s->db, address, bound, sizeof bound, error, sizeof error);
    if (status == KORA_OK) say(s, KORA_LOG_NOTICE, "listening on %s", bound);
    else wrong(s, 0, "cannot listen on %s: %s", address, *error ? error : kora_status_text(status));
    return status == KORA_OK;
}

// At every address of a list. `*` and `::*` are all addresses, as Redis writes them.
static size_t listen_each(struct server *s, const char *scheme, const char *next, long port) {
    char address[512];
    size_t listeners = 0;
    for (next += strspn(next, " \t"); *next; next += strspn(next, " \t")) {
        bool optional = *next == '-';
        next += optional;
        int n = (int)strcspn(next, " \t");
        const char *host = n == 1 && *next == '*' ? "0.0.0.0" : next;
        int host_len = host != next ? 7 : n == 3 && !strncmp(next, "::*", 3) ? 2 : n;
        bool v6 = memchr(host, ':', (size_t)host_len) && *host != '[';
        snprintf(address, sizeof address, v6 ? "%s://[%.*s]:%ld" : "%s://%.*s:%ld", scheme, host_len, host, port);
        if (listen_at(s, address)) listeners++;
        else if (!optional) s->exit_code = 1;
        next += n;
    }
    return listeners;
}

static void listen_all(struct server *s) {
    char address[512];
    size_t listeners = s->port ? listen_each(s, "tcp", s->text[BIND], s->port) : 0;
    if (s->text[UNIXSOCKET] && *s->text[UNIXSOCKET]) {
        const char *mode = s->text[UNIXSOCKETPERM];
        snprintf(address, sizeof address, "unix://%s%s%s", s->text[UNIXSOCKET], mode ? "?mode=" : "", mode ? mode : "");
        if (listen_at(s, address)) listeners++;
        else s->exit_code = 1;
    }
    if (listeners == 0 && !s->exit_code) wrong(s, 1, "no address to listen on");
    if (s->metrics_port) listen_each(s, "http", s->text[METRICS_BIND], s->metrics_port);
}

// What the library can't know, for clients that ask (CONFIG GET, INFO).
static void introduce(struct server *s) {
    char path[PATH_MAX];
    if (s->config && realpath(s->config, path)) kora_config_set(s->db, "configfile", path, NULL, 0);
    kora_config_set(s->db, "logfile", s->text[LOGFILE] ? s->text[LOGFILE] : "", NULL, 0);
}

// As many files as the system allows, and a word if that is less than `maxclients` asks for.
static void raise_file_limit(struct server *s) {
    struct rlimit limit;
    char *clients = NULL;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || kora_config_get(s->db, "maxclients", &clients) != KORA_OK) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < strtoull(clients, NULL, 10) + 64) {
        say(s, KORA_LOG_WARNING, "maxclients is %s, but the system allows this process %llu open files", clients,
            (unsigned long long)limit.rlim_cur);
    }
    kora_free(clients);
}

// ---- files of Redis ----

static void import_goes_on(void *arg, uint64_t done, uint64_t total) {
    enum { TELL_EVERY_S = 5 };
    struct server *s = arg;
    time_t now = time(NULL);
    if (s->told && now - s->told < TELL_EVERY_S) return;
    if (s->told) say(s, KORA_LOG_NOTICE, "importing %s: %.0f %%", s->import, 100.0 * (double)done / (double)(total ? total : 1));
    s->told = now;
}

static void import(struct server *s) {
    kora_import_options options = { sizeof options, import_goes_on, s };
    kora_import_result r = KORA_IMPORT_RESULT_INIT;
    char error[512] = "";
    int status = kora_import(s->db, s->import, &options, &r, error, sizeof error);
    unsigned long long taken = r.keys, expired = r.expired, empty = r.empty, functions = r.functions, values = r.module_values, others = r.module_fields;
    if (status != KORA_OK) wrong(s, 1, "cannot import %s: %s", s->import, *error ? error : kora_status_text(status));
    else say(s, KORA_LOG_NOTICE, "imported %llu keys from %s; %llu had expired", taken, s->import, expired);
    if (r.unchecked) say(s, KORA_LOG_WARNING, "%s has no checksum: damage may have gone unseen", s->import);
    if (empty) say(s, KORA_LOG_WARNING, "%s: passed over %llu empty collections", s->import, empty);
    if (functions || values || others) {
        say(s, KORA_LOG_WARNING, "%s: passed over what is not supported: %llu libraries of functions, %llu keys and %llu other data of modules", s->import,
            functions, values, others);
    }
}

static void export(struct server *s) {
    const char *end = strrchr(s->export, '.');
    kora_export_options options = { .size = sizeof options, .flags = end && !strcmp(end, ".lz4") ? KORA_EXPORT_LZ4 : 0 };
    kora_export_result r = KORA_EXPORT_RESULT_INIT;
    char error[512] = "";
    int status = kora_export(s->db, s->export, &options, &r, error, sizeof error);
    unsigned long long written = r.keys, newer = r.newer, bytes = r.bytes;
    if (status != KORA_OK) wrong(s, 1, "cannot export to %s: %s", s->export, *error ? error : kora_status_text(status));
    else say(s, KORA_LOG_NOTICE, "exported %llu keys to %s, %llu bytes", written, s->export, bytes);
    if (newer) say(s, KORA_LOG_WARNING, "%llu hashes have fields that expire: only Redis 7.4 and later load %s", newer, s->export);
}

// ---- serving ----

static void cannot_open(struct server *s, const char *dir, int status, const char *error) {
    wrong(s, 1, "cannot open %s: %s%s%s", dir ? dir : "the database", kora_status_text(status), *error ? ": " : "", error);
}

// Waits so long for the data: KORA_OK, KORA_LOADING, or it can't be loaded, and is told of.
static int loaded(struct server *s, const char *dir, int64_t timeout_ms) {
    char error[512] = "";
    int status = kora_load(s->db, timeout_ms, error, sizeof error);
    if (status != KORA_OK && status != KORA_LOADING) cannot_open(s, dir, status, error);
    return status;
}

static void serve(struct server *s, const char *dir, const sigset_t *signals) {
    bool ready = false;
    for (int sig = 0; sig != SIGTERM && sig != SIGINT;) {
        int status = ready ? KORA_OK : loaded(s, dir, 0);
        if (status != KORA_OK && status != KORA_LOADING) return;
        if (!ready && status == KORA_OK) {
            say(s, KORA_LOG_NOTICE, "korad %s is ready", kora_version());
            notify("READY=1");
            ready = true;
        }
        if (sigwait(signals, &sig) != 0 || sig != SIGHUP) continue;
        if (open_log(s)) say(s, KORA_LOG_NOTICE, "log opened anew");
        else say(s, KORA_LOG_WARNING, "cannot open %s: %s; going on with the old log", s->text[LOGFILE], strerror(errno));
    }
    notify("STOPPING=1");
    say(s, KORA_LOG_NOTICE, "asked to end");
}

// --check: what there is, and whether it is whole.
static void check(struct server *s) {
    kora_check_result r = KORA_CHECK_RESULT_INIT;
    char error[512] = "";
    s->options.error = error;
    s->options.error_size = sizeof error;
    s->options.staging_dir = s->text[STAGING_DIR] && *s->text[STAGING_DIR] ? s->text[STAGING_DIR] : NULL;
    int status = kora_check(s->check_dir, &s->options, &r);
    printf("log      %llu files, %llu bytes, %llu rounds, %llu records; %llu of these staged\n", ULL(r.segments), ULL(r.bytes), ULL(r.rounds), ULL(r.records), ULL(r.staged_records));
    if (r.torn_bytes || r.dropped_calls) printf("crash    %llu bytes and %llu calls of it will be dropped\n", ULL(r.torn_bytes), ULL(r.dropped_calls));
    if (status == KORA_OK) {
        printf("keys     %llu, %llu of these expire\n", ULL(r.keys), ULL(r.expiring));
        printf("types    %llu strings, %llu lists, %llu sets, %llu sorted sets, %llu hashes, %llu streams\n", ULL(r.strings), ULL(r.lists), ULL(r.sets), ULL(r.zsets),
            ULL(r.hashes), ULL(r.streams));
        printf("%s is whole%s\n", s->check_dir, r.clean ? "" : "; it has not been closed");
    } else {
        wrong(s, 1, "%s: %s%s%s", s->check_dir, kora_status_text(status), *error ? ": " : "", error);
    }
}

static void run(struct server *s, const sigset_t *signals) {
    take_settings(s, true);
    if (s->check_dir) {
        check(s);
        return;
    }
    if (!s->check_only && !s->exit_code && !open_log(s)) wrong(s, 1, "cannot open %s: %s", s->text[LOGFILE], strerror(errno));
    if (s->check_only || s->exit_code) s->options.shards = 1, s->options.log = NULL; // opened to hear what it says of its settings
    const char *dir = s->check_only || s->exit_code || !s->text[DIR] || !*s->text[DIR] ? NULL : s->text[DIR];
    char error[512] = "";
    s->options.error = error;
    s->options.error_size = sizeof error;
    s->options.background = 1;
    s->options.loaded = has_loaded;
    s->options.staging_dir = s->text[STAGING_DIR] && *s->text[STAGING_DIR] ? s->text[STAGING_DIR] : NULL;
    int status = kora_open(dir, &s->options, &s->db);
    if (status != KORA_OK) {
        cannot_open(s, dir, status, error);
        return;
    }
    take_settings(s, false);
    bool work = !s->check_only;
    if (work && !s->exit_code && (s->import || s->export)) loaded(s, dir, -1);
    if (work && !s->exit_code && s->import) import(s);
    if (work && !s->exit_code && s->export) {
        export(s);
        work = false;
    }
    if (work && !s->exit_code) introduce(s), raise_file_limit(s), listen_all(s);
    if (work && !s->exit_code) serve(s, dir, signals);
    status = kora_close(s->db);
    if (status != KORA_OK) wrong(s, 1, "the end of the database: %s", kora_status_text(status)); // the library has told the log file the reason
    else if (s->check_only && !s->exit_code) puts("korad: the configuration is good");
}

int main(int argc, char **argv) {
    struct server s = { .log_fd = STDOUT_FILENO, .port = 6379, .text = { [BIND] = "127.0.0.1", [METRICS_BIND] = "127.0.0.1" }, .options = KORA_OPTIONS_INIT };
    s.options.log = log_line;
    s.options.log_arg = &s;
    s.options.owns_process = 1;
    s.options.shutdown = client_asks_to_end;
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {} // a socket must not become standard output
    if (fd >= 0) close(fd);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (parse_flags(&s, argc, argv)) {
        if (s.config) read_config(&s);
        run(&s, &signals);
    }
    for (size_t i = 0; i < s.count; i++) free(s.settings[i].origin), free(s.settings[i].name), free(s.settings[i].value);
    free(s.settings);
    return s.exit_code;
}
