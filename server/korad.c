// korad - a server around libkora: reads its configuration, opens the database, listens, and waits for a signal.
//
// Everything that clients see is the library's. The configuration is in config.c, the log in log.c, addresses in listen.c, --import and its kind in files.c. Here are: signals,
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
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "korad.h"

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

// What the library can't know, for clients that ask (CONFIG GET, INFO).
static void introduce(struct server *s) {
    char path[PATH_MAX];
    if (s->config && realpath(s->config, path)) kora_config_set(s->db, "configfile", path, NULL, 0);
    kora_config_set(s->db, "logfile", s->text[LOGFILE] ? s->text[LOGFILE] : "", NULL, 0);
}

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
        if (log_open(s)) say(s, KORA_LOG_NOTICE, "log opened anew");
        else say(s, KORA_LOG_WARNING, "cannot open %s: %s; going on with the old log", s->text[LOGFILE], strerror(errno));
    }
    notify("STOPPING=1");
    say(s, KORA_LOG_NOTICE, "asked to end");
}

static void run(struct server *s, const sigset_t *signals) {
    take_settings(s, true);
    if (s->check_dir) {
        check(s);
        return;
    }
    if (!s->check_only && !s->exit_code && !log_open(s)) wrong(s, 1, "cannot open %s: %s", s->text[LOGFILE], strerror(errno));
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
