// One command, over and over, in this process: kora_exec, reply tree and all. What bench/values.py runs beside the servers.
//
//     exec OPERATIONS RANGE WORD ... < preparation
//
// In the words, __rand_int__ stands for twelve random digits below RANGE, as for redis-benchmark. The preparation is RESP commands, which are run
// before; none may be answered by an error. Prints the CPU time of an operation in microseconds.
#include "bench.h"
#include "kora.h"

enum { WORDS_MAX = 64, WORD_MAX = 256, DIGITS = 12 };

static kora *db;
static kora_session *session;

static void run(int argc, const char *const *argv, const size_t *len) {
    kora_reply *reply;
    int status = kora_exec(db, session, argc, argv, len, &reply);
    if (status != KORA_OK) die("%s: %s", argv[0], kora_status_name(status));
    if (reply->type == KORA_REPLY_ERROR) die("%s: %.*s", argv[0], (int)reply->len, reply->str);
    kora_reply_free(reply);
}

// ---- preparation -----------------------------------------------------------------------------------------------------------------

static size_t read_number(char kind) {
    char line[64];
    if (!fgets(line, sizeof line, stdin) || line[0] != kind) die("the preparation is no sequence of RESP commands");
    return (size_t)need_number("a length", strtok(line + 1, "\r\n"), 0, 1e9);
}

static void prepare(void) {
    for (int c; (c = getchar()) != EOF;) {
        ungetc(c, stdin);
        size_t n = read_number('*');
        char **argv = need_alloc(n * sizeof *argv);
        size_t *len = need_alloc(n * sizeof *len);
        for (size_t i = 0; i < n; i++) {
            len[i] = read_number('$');
            argv[i] = need_alloc(len[i] + 2);
            if (fread(argv[i], 1, len[i] + 2, stdin) != len[i] + 2) die("the preparation ends in the middle of a command");
        }
        run((int)n, (const char *const *)argv, len);
        for (size_t i = 0; i < n; i++) free(argv[i]);
        free(argv);
        free(len);
    }
}

// ---- the command -------------------------------------------------------------------------------------------------------------------

struct template {
    int argc;
    char text[WORDS_MAX][WORD_MAX];
    const char *argv[WORDS_MAX];
    size_t len[WORDS_MAX];
    char *random[WORDS_MAX]; // where digits go
    int randoms;
};

static void parse(struct template *t, int argc, char **argv) {
    static const char mark[] = "__rand_int__";
    if (argc > WORDS_MAX) die("more than %d words", WORDS_MAX);
    t->argc = argc;
    for (int i = 0; i < argc; i++) {
        t->len[i] = strlen(argv[i]);
        if (t->len[i] >= WORD_MAX) die("a word is too long");
        memcpy(t->text[i], argv[i], t->len[i] + 1);
        t->argv[i] = t->text[i];
        char *at = strstr(t->text[i], mark);
        if (at) t->random[t->randoms++] = at;
    }
}

static void fill(const struct template *t, uint64_t *r, uint64_t range) {
    for (int i = 0; i < t->randoms; i++) {
        uint64_t n = rng_below(r, range);
        for (int d = DIGITS; d-- > 0; n /= 10) t->random[i][d] = (char)('0' + n % 10);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) die("usage: exec OPERATIONS RANGE WORD ... < preparation");
    uint64_t operations = (uint64_t)need_number("operations", argv[1], 1, 1e9), range = (uint64_t)need_number("range", argv[2], 1, 1e12);
    static struct template t;
    parse(&t, argc - 3, argv + 3);
    kora_options options = KORA_OPTIONS_INIT;
    options.shards = 2;
    if (kora_open(NULL, &options, &db) != KORA_OK || kora_session_open(db, &session) != KORA_OK) die("kora_open failed");
    prepare();
    uint64_t r = 1;
    uint64_t before = own_cpu_ns();
    for (uint64_t i = 0; i < operations; i++) {
        fill(&t, &r, range);
        run(t.argc, t.argv, t.len);
    }
    printf("%.4f\n", (double)(own_cpu_ns() - before) / 1e3 / (double)operations);
    kora_session_close(session);
    kora_close(db);
    return 0;
}
