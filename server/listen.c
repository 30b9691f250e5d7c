// Where korad listens.
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "korad.h"

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

void listen_all(struct server *s) {
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

// As many files as the system allows, and a word if that is less than `maxclients` asks for.
void raise_file_limit(struct server *s) {
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
