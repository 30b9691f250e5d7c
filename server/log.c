// What korad says: in its log, and of itself on standard error.
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "korad.h"

const char *const log_levels[4] = { "debug", "verbose", "notice", "warning" };

void wrong(struct server *s, int exit_code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("korad: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (exit_code > s->exit_code) s->exit_code = exit_code;
}

// One line, one system call: lines of several threads don't mix. A log that can't be written is no reason to stop.
void log_line(void *arg, int level, const char *text) {
    struct server *s = arg;
    char head[64];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(head + n, sizeof head - n, ".%03ldZ %s ", now.tv_nsec / 1000000, log_levels[level & 3]);
    struct iovec line[] = { { head, n }, { (char *)(uintptr_t)text, strlen(text) }, { (char[]){ '\n' }, 1 } };
    if (writev(s->log_fd, line, 3) < 0) return;
}

void say(struct server *s, int level, const char *format, ...) {
    char text[1024];
    char *lowest = NULL; // CONFIG SET may have changed it
    long n = s->options.log_level;
    if (s->db && kora_config_get(s->db, "loglevel", &lowest) == KORA_OK) {
        for (n = 0; n < 3 && strcmp(log_levels[n], lowest) != 0;) n++;
        kora_free(lowest);
    }
    if (level < n) return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(s, level, text);
}

bool log_open(struct server *s) {
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
