// korad's configuration: the file, the flags, and what each key is.
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "korad.h"

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

// ---- the file ----

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

void read_config(struct server *s) {
    s->file = fopen(s->config, "re");
    if (!s->file) {
        wrong(s, 1, "%s: %s", s->config, strerror(errno));
        return;
    }
    if (ini_parse_stream(next_line, s, take_line, s) != 0) wrong(s, 1, "%s: not understood", s->config);
    if (ferror(s->file)) wrong(s, 1, "%s: %s", s->config, strerror(errno));
    fclose(s->file);
}

// ---- what a setting does ----

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
        while (n < 4 && strcmp(log_levels[n], at->value) != 0) n++;
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

void take_settings(struct server *s, bool own) {
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

bool parse_flags(struct server *s, int argc, char **argv) {
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
