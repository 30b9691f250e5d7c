// A connection as a test has it: what it says, what it hears, and that it hears nothing yet.
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/api.h"

enum { PATIENCE_MS = 30000, QUIET_MS = 15 };

static inline int peer_join(const char *path) {
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static inline void say(int fd, const char *text) { assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text)); }

static inline void hears(int fd, const char *text) {
    char got[4096];
    size_t n = 0, want = strlen(text);
    assert_true(want < sizeof got);
    while (n < want) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, PATIENCE_MS) != 1) fail_msg("waits for '%s', has '%.*s'", text, (int)n, got);
        ssize_t more = recv(fd, got + n, want - n, 0);
        if (more <= 0) fail_msg("closed; waits for '%s', has '%.*s'", text, (int)n, got);
        n += (size_t)more;
    }
    got[n] = '\0';
    assert_string_equal(got, text);
}

static inline void hears_nothing(int fd) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c[256];
    if (poll(&p, 1, QUIET_MS) == 0) return;
    ssize_t n = recv(fd, c, sizeof c, 0);
    fail_msg("hears '%.*s' too early", (int)MAX(n, 0), c);
}

static inline void is_closed(int fd) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c;
    if (poll(&p, 1, PATIENCE_MS) != 1) fail_msg("is not closed");
    if (recv(fd, &c, 1, 0) == 1) fail_msg("hears '%c' instead of the end", c);
    close(fd);
}

#endif
