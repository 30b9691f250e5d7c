// Runs commands through kora_exec, for run.py: reads them from standard input, writes the replies to standard output as RESP3.
// A command is `<session> <argc>\n`, then each argument as `<length>\n<bytes>\n`; argc 0 closes the session. Sessions open by
// themselves. The arguments of the program are `--name value` pairs: shards, stripes, databases, or parameters of kora_config_set.
// Ends with 0 at the end of the input, after closing everything, so that a leak checker sees a clean end.
#include "kora.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 64, NAME_MAX_LEN = 32 };

struct named {
    char name[NAME_MAX_LEN];
    kora_session *session;
};

static void die(const char *what) {
    fprintf(stderr, "exec: %s\n", what);
    exit(2);
}

static void put_bytes(char mark, const char *bytes, size_t len) {
    printf("%c%zu\r\n", mark, len);
    fwrite(bytes, 1, len, stdout);
    fputs("\r\n", stdout);
}

static void put_line(char mark, const char *bytes, size_t len) {
    putchar(mark);
    fwrite(bytes, 1, len, stdout);
    fputs("\r\n", stdout);
}

static void put_reply(const kora_reply *r) {
    switch (r->type) {
    case KORA_REPLY_NULL: fputs("_\r\n", stdout); return;
    case KORA_REPLY_STRING: put_bytes('$', r->str, r->len); return;
    case KORA_REPLY_STATUS: put_line('+', r->str, r->len); return;
    case KORA_REPLY_ERROR: put_line('-', r->str, r->len); return;
    case KORA_REPLY_INTEGER: printf(":%" PRId64 "\r\n", r->integer); return;
    case KORA_REPLY_DOUBLE: put_line(',', r->str, r->len); return;
    case KORA_REPLY_BOOL: printf("#%c\r\n", r->integer ? 't' : 'f'); return;
    case KORA_REPLY_BIGNUM: put_line('(', r->str, r->len); return;
    case KORA_REPLY_VERBATIM:
        printf("=%zu\r\n%.3s:", r->len + 4, r->format);
        fwrite(r->str, 1, r->len, stdout);
        fputs("\r\n", stdout);
        return;
    case KORA_REPLY_ARRAY: printf("*%zu\r\n", r->count); break;
    case KORA_REPLY_SET: printf("~%zu\r\n", r->count); break;
    case KORA_REPLY_PUSH: printf(">%zu\r\n", r->count); break;
    case KORA_REPLY_MAP: printf("%%%zu\r\n", r->count / 2); break;
    }
    for (size_t i = 0; i < r->count; i++) put_reply(&r->elements[i]);
}

static struct named *find_session(kora *db, struct named *all, const char *name, bool open) {
    struct named *unused = NULL;
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (all[i].session && !strcmp(all[i].name, name)) return &all[i];
        if (!all[i].session && !unused) unused = &all[i];
    }
    if (!open) return NULL;
    if (!unused) die("too many sessions");
    if (kora_session_open(db, &unused->session) != KORA_OK) die("kora_session_open");
    snprintf(unused->name, sizeof unused->name, "%s", name);
    return unused;
}

// Reads argc arguments into one array of pointers; lengths beside them.
static void read_args(size_t argc, char **argv, size_t *lens) {
    for (size_t i = 0; i < argc; i++) {
        if (scanf("%zu", &lens[i]) != 1 || getchar() != '\n') die("bad length");
        argv[i] = malloc(lens[i] + 1);
        if (!argv[i] || fread(argv[i], 1, lens[i], stdin) != lens[i] || getchar() != '\n') die("bad argument");
        argv[i][lens[i]] = 0;
    }
}

static void run_command(kora *db, kora_session *session, size_t argc) {
    char **argv = calloc(argc, sizeof *argv);
    size_t *lens = calloc(argc, sizeof *lens);
    if (!argv || !lens) die("out of memory");
    read_args(argc, argv, lens);
    kora_reply *reply = NULL;
    int status = kora_exec(db, session, (int)argc, (const char *const *)argv, lens, &reply);
    if (status != KORA_OK) printf("-%s\r\n", kora_status_name(status));
    else if (reply) put_reply(reply);
    else printf("-(kora_exec returned KORA_OK without a reply)\r\n");
    fflush(stdout);
    kora_reply_free(reply);
    for (size_t i = 0; i < argc; i++) free(argv[i]);
    free(argv);
    free(lens);
}

static void print_log(void *arg, int level, const char *text) {
    (void)arg;
    fprintf(stderr, "%d %s\n", level, text);
}

static kora *open_with(int argc, char **argv) {
    kora_options options = KORA_OPTIONS_INIT;
    options.log = print_log;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint32_t value = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--shards")) options.shards = value;
        else if (!strcmp(argv[i], "--stripes")) options.stripes = value;
        else if (!strcmp(argv[i], "--databases")) options.databases = value;
    }
    kora *db = NULL;
    if (kora_open(NULL, &options, &db) != KORA_OK) die("kora_open");
    for (int i = 1; i + 1 < argc; i += 2) {
        char error[256] = "";
        if (strncmp(argv[i], "--", 2)) die("options are --name value");
        if (!strcmp(argv[i], "--shards") || !strcmp(argv[i], "--stripes") || !strcmp(argv[i], "--databases")) continue;
        if (kora_config_set(db, argv[i] + 2, argv[i + 1], error, sizeof error) != KORA_OK) die(error);
    }
    return db;
}

int main(int argc, char **argv) {
    kora *db = open_with(argc, argv);
    struct named sessions[SESSIONS_MAX] = { 0 };
    char name[NAME_MAX_LEN];
    size_t count;
    while (scanf("%31s %zu", name, &count) == 2) {
        if (getchar() != '\n') die("bad command");
        struct named *s = find_session(db, sessions, name, count != 0);
        if (count) {
            run_command(db, s->session, count);
        } else if (s) {
            kora_session_close(s->session);
            s->session = NULL;
        }
    }
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i].session) kora_session_close(sessions[i].session);
    }
    return kora_close(db) == KORA_OK ? 0 : 3;
}
