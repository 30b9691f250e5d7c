// Many short concurrent histories on one database, each checked for strict serializability (lin.h).
//
//     history [--histories N] [--seed S] [--hosts N] [--sockets N] [--shards N] [--stripes N] [--ops N] [--delay PER_MILLE] [--stuck SECONDS]
//
// Host threads use the typed calls of kora.h, kora_exec and kora_submit; socket clients speak RESP2 over a unix socket to the same database. Each
// history has keys of its own, which lie on few stripes, and a few operations of each client, all begun together. The database's clock
// is skewed: each thread's is off by some milliseconds, changing as it goes. The lease protocol delays at its points (KORA_DELAYS),
// and every one of its paths must have been taken, or that is a failure (not with --delay 0 or --stripes 1).
//
// Exit status: 0, 1 (violations, or a path that was not taken), 3 (a call does not come back: a lost wake-up or a deadlock).
// Last line: `N passed, N failed`, counting histories and the checks of the paths.
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/clock.h"
#include "history/lin.h"

enum { CLIENTS_MAX = 8, KEYS = 4, TEXT_MAX = 10000, SKEW_MS = 3, CORRUPT = 0x7fffffff };
#define WALL_BASE_MS INT64_C(1700000000000) // what the skewed clock shows at the start

struct client {
    uint32_t number;
    bool socket;
    uint64_t random;
    kora_session *session;
    int fd;
    char *in;                   // what was read and not yet used: in[at..end]
    size_t at, end, size;
    char *out;                  // commands to be sent, out_n bytes
    size_t out_n;
    sem_t submitted;
    kora_reply *answer;
    _Atomic uint32_t doing;     // 1 + the operation that it waits for
};

// What an answer says, whichever way it came.
struct answer {
    char kind;                  // + status, - error, : number, $ value, * values
    int64_t number;
    uint32_t count, value[LIN_ARGS_MAX];
    char text[160];
};

static struct {
    uint32_t histories, hosts, sockets, shards, stripes, ops, delay, stuck_s;
    uint64_t seed;
} options = { 3000, 3, 3, 2, 4, 4, 150, 20, 1 };
static kora *db;
static int64_t epoch_ns;
static char path[64];
static pthread_barrier_t barrier;
static struct lin_history history;
static struct lin_checker checker;
static struct client clients[CLIENTS_MAX];
static _Atomic uint32_t done_histories;
static uint32_t violations, undecided;
static uint64_t operations, seen_expired;

static void die(const char *what) {
    fprintf(stderr, "history: %s: %s\n", what, strerror(errno));
    unlink(path);
    _exit(2);
}

static uint64_t mix(uint64_t a, uint64_t b) { return lin_mix(lin_mix(a + 1, b), 0x5851F42D4C957F2D); }
static uint32_t below(struct client *c, uint32_t n) {
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (uint32_t)(c->random >> 33) % n;
}

// ---- the database's clock ---------------------------------------------------------------------------------------------------

static int64_t real_ms(void) { return (clock_mono_ns() - epoch_ns) / 1000000; }

static int64_t skewed_ms(void *arg) {
    (void)arg;
    static _Thread_local uint64_t state;
    static _Thread_local int64_t skew;
    if (!state) state = mix((uint64_t)(uintptr_t)&state, options.seed);
    if (state % 16 == 0 || !skew) skew = (int64_t)(mix(state, 1) % (2 * SKEW_MS + 1)) - SKEW_MS;
    state = mix(state, 2) | 1 << 20;
    return WALL_BASE_MS + real_ms() + skew;
}

// ---- values: `v00number:xxx...`, most of the same length, some of them long -----------------------------------------------------

static size_t value_text(uint32_t value, char *out) {
    int n = sprintf(out, "v%05" PRIu32 ":", value);
    size_t pad = value % 61 == 0 ? 9000 : value % 4 == 0 ? value * 7919 % 50 : 24;
    memset(out + n, 'a' + (int)(value % 26), pad);
    return (size_t)n + pad;
}

static uint32_t value_number(const void *text, size_t len) {
    char expected[TEXT_MAX];
    if (!text) return 0;
    uint32_t value = len > 1 ? (uint32_t)strtoul((const char *)text + 1, NULL, 10) : 0;
    if (!value || value_text(value, expected) != len || memcmp(expected, text, len) != 0) return CORRUPT;
    return value;
}

static size_t key_text(uint32_t h, uint32_t key, char *out) { return (size_t)sprintf(out, "%" PRIx64 ":%" PRIu32 ":%" PRIu32, options.seed, h, key); }

// ---- commands: argv of an operation, and what an answer to it means ------------------------------------------------------------

enum { ARGV_MAX = 2 * LIN_ARGS_MAX + 6 };
struct argv {
    int argc;
    const char *arg[ARGV_MAX];
    size_t len[ARGV_MAX];
    char *text, *end;           // room for what is written
};

static void add(struct argv *a, const char *text, size_t len) {
    a->arg[a->argc] = text;
    a->len[a->argc++] = len;
}
static void add_word(struct argv *a, const char *word) { add(a, word, strlen(word)); }
static void add_key(struct argv *a, uint32_t h, uint32_t key) {
    add(a, a->end, key_text(h, key, a->end));
    a->end += a->len[a->argc - 1];
}
static void add_value(struct argv *a, uint32_t value) {
    add(a, a->end, value_text(value, a->end));
    a->end += a->len[a->argc - 1];
}
static void add_number(struct argv *a, int64_t n) {
    add(a, a->end, (size_t)sprintf(a->end, "%" PRId64, n));
    a->end += a->len[a->argc - 1];
}

static void to_argv(struct argv *a, const struct lin_op *o, uint32_t h) {
    a->argc = 0;
    a->end = a->text;
    switch (o->kind) {
    case LIN_GET: add_word(a, o->count == 1 ? "GET" : "MGET"); break;
    case LIN_SET: add_word(a, o->count == 1 ? "SET" : "MSET"); break;
    case LIN_SETNX: add_word(a, "MSETNX"); break;
    case LIN_RENAME: add_word(a, "RENAME"); break;
    case LIN_COPY: add_word(a, "COPY"); break;
    case LIN_DEL: add_word(a, "DEL"); break;
    case LIN_CAS: abort();
    }
    for (uint32_t i = 0; i < lin_keys_of(o); i++) {
        add_key(a, h, o->key[i]);
        if (o->kind == LIN_SET || o->kind == LIN_SETNX) add_value(a, o->value[i]);
    }
    if (o->kind == LIN_COPY && o->replace) add_word(a, "REPLACE");
    if (o->kind != LIN_SET || o->count > 1) return;
    if (o->only != LIN_ALWAYS) add_word(a, o->only == LIN_NX ? "NX" : "XX");
    if (o->at_given) add_word(a, "PXAT"), add_number(a, WALL_BASE_MS + o->at_ms);
    else if (o->ttl_ms) add_word(a, "PX"), add_number(a, o->ttl_ms);
}

static void take_answer(struct lin_op *o, const struct answer *r) {
    o->result = CORRUPT;
    if (o->kind == LIN_GET && o->count == 1 && r->kind == '$') o->got[0] = r->value[0];
    else if (o->kind == LIN_GET && o->count > 1 && r->kind == '*' && r->count == o->count) memcpy(o->got, r->value, sizeof o->got);
    else if (o->kind == LIN_SET && r->kind == '+') o->result = 1;
    else if (o->kind == LIN_SET && r->kind == '$' && !r->value[0]) o->result = 0;
    else if (o->kind == LIN_RENAME && r->kind == '+') o->result = 1;
    else if (o->kind == LIN_RENAME && r->kind == '-' && strstr(r->text, "no such key")) o->result = 0;
    else if ((o->kind == LIN_SETNX || o->kind == LIN_COPY || o->kind == LIN_DEL) && r->kind == ':') o->result = (int)r->number;
    else {
        fprintf(stderr, "history: unexpected answer %c %s to operation %d\n", r->kind, r->text, (int)o->kind);
        memset(o->got, 0xff, sizeof o->got);
    }
}

// ---- socket clients -------------------------------------------------------------------------------------------------------------

static void need(struct client *c, size_t n) {
    while (c->end - c->at < n) {
        if (c->at) memmove(c->in, c->in + c->at, c->end - c->at);
        c->end -= c->at, c->at = 0;
        if (c->size < n + 4096 && !(c->in = realloc(c->in, c->size = 2 * n + 65536))) die("realloc");
        ssize_t got = read(c->fd, c->in + c->end, c->size - c->end);
        if (got <= 0) die("read from the socket");
        c->end += (size_t)got;
    }
}

static int64_t read_line(struct client *c, char *kind, char *text, size_t size) {
    size_t n = 0;
    for (;; n++) {
        need(c, n + 1);
        if (c->in[c->at + n] == '\n') break;
    }
    *kind = c->in[c->at];
    size_t len = n - 2 < size - 1 ? n - 2 : size - 1;
    memcpy(text, c->in + c->at + 1, len);
    text[len] = 0;
    c->at += n + 1;
    return strtoll(text, NULL, 10);
}

static uint32_t read_value(struct client *c, int64_t len) {
    if (len < 0) return 0;
    need(c, (size_t)len + 2);
    uint32_t value = value_number(c->in + c->at, (size_t)len);
    c->at += (size_t)len + 2;
    return value;
}

static void read_answer(struct client *c, struct answer *r) {
    int64_t n = read_line(c, &r->kind, r->text, sizeof r->text);
    if (r->kind == ':') r->number = n;
    if (r->kind == '$') r->value[0] = read_value(c, n);
    if (r->kind != '*') return;
    for (r->count = 0; r->count < n && r->count < LIN_ARGS_MAX; r->count++) {
        char kind, text[32];
        r->value[r->count] = read_value(c, read_line(c, &kind, text, sizeof text));
    }
}

// Behind the commands that the client has not sent yet.
static void add_request(struct client *c, const struct argv *a) {
    char *p = realloc(c->out, c->out_n + (size_t)a->argc * 64 + (size_t)(a->end - a->text) + 512);
    if (!p) die("realloc");
    c->out = p;
    p += c->out_n;
    p += sprintf(p, "*%d\r\n", a->argc);
    for (int i = 0; i < a->argc; i++) {
        p += sprintf(p, "$%zu\r\n", a->len[i]);
        memcpy(p, a->arg[i], a->len[i]);
        p += a->len[i];
        *p++ = '\r', *p++ = '\n';
    }
    c->out_n = (size_t)(p - c->out);
}

static void send_requests(struct client *c) {
    for (size_t sent = 0; sent < c->out_n;) {
        ssize_t n = write(c->fd, c->out + sent, c->out_n - sent);
        if (n < 0) die("write to the socket");
        sent += (size_t)n;
    }
    c->out_n = 0;
}

// ---- in-process clients -----------------------------------------------------------------------------------------------------------

static void from_reply(const kora_reply *reply, struct answer *r) {
    snprintf(r->text, sizeof r->text, "%.*s", reply->str ? (int)reply->len : 0, reply->str ? reply->str : "");
    switch (reply->type) {
    case KORA_REPLY_NULL: r->kind = '$', r->value[0] = 0; return;
    case KORA_REPLY_STRING: r->kind = '$', r->value[0] = value_number(reply->str, reply->len); return;
    case KORA_REPLY_STATUS: r->kind = '+'; return;
    case KORA_REPLY_ERROR: r->kind = '-'; return;
    case KORA_REPLY_INTEGER: r->kind = ':', r->number = reply->integer; return;
    case KORA_REPLY_ARRAY:
        r->kind = '*';
        for (r->count = 0; r->count < reply->count && r->count < LIN_ARGS_MAX; r->count++) {
            const kora_reply *e = &reply->elements[r->count];
            r->value[r->count] = e->type == KORA_REPLY_NULL ? 0 : value_number(e->str, e->len);
        }
        return;
    default: r->kind = '?'; return;
    }
}

static void submitted(void *arg, int status, kora_reply *reply) {
    struct client *c = arg;
    c->answer = status == KORA_OK ? reply : NULL;
    sem_post(&c->submitted);
}

static void ask_exec(struct client *c, const struct argv *a, struct answer *r, bool submit) {
    kora_reply *reply = NULL;
    if (submit) {
        if (kora_submit(db, a->argc, a->arg, a->len, submitted, c) != KORA_OK) die("kora_submit");
        while (sem_wait(&c->submitted) != 0) { }
        reply = c->answer;
    } else if (kora_exec(db, c->session, a->argc, a->arg, a->len, &reply) != KORA_OK) {
        die("kora_exec");
    }
    if (!reply) die("no reply");
    from_reply(reply, r);
    kora_reply_free(reply);
}

static int set_typed(struct lin_op *o, const kora_bytes *keys, const kora_bytes *values) {
    if (o->count > 1) return kora_set_many(db, keys, values, o->count, o->ttl_ms);
    bool as_usual = o->only == LIN_ALWAYS && !o->at_given && !o->ttl_ms;
    if (as_usual) return kora_set(db, keys[0].data, keys[0].len, values[0].data, values[0].len, NULL);
    kora_set_options s = KORA_SET_OPTIONS_INIT;
    s.flags = o->only == LIN_NX ? KORA_NX : o->only == LIN_XX ? KORA_XX : 0;
    if (o->at_given) s.expire_at_ms = WALL_BASE_MS + o->at_ms;
    else s.ttl_ms = o->ttl_ms;
    return kora_set(db, keys[0].data, keys[0].len, values[0].data, values[0].len, &s);
}

static int get_typed(struct lin_op *o, const kora_bytes *keys, uint32_t way) {
    static _Thread_local char buffer[LIN_ARGS_MAX * TEXT_MAX];
    size_t len;
    int status;
    if (o->count == 1 && way == 0) {
        void *value = NULL;
        status = kora_get(db, keys[0].data, keys[0].len, &value, &len);
        o->got[0] = status == KORA_OK ? value_number(value, len) : 0;
        kora_free(value);
        return status == KORA_NOTFOUND ? KORA_OK : status;
    }
    if (o->count == 1 && way == 1) {
        status = kora_get_into(db, keys[0].data, keys[0].len, buffer, sizeof buffer, &len);
        o->got[0] = status == KORA_OK ? value_number(buffer, len) : 0;
        return status == KORA_NOTFOUND ? KORA_OK : status;
    }
    if (o->count == 1) {
        kora_pinned p;
        status = kora_pin(db, keys[0].data, keys[0].len, &p);
        o->got[0] = status == KORA_OK ? value_number(p.data, p.len) : 0;
        if (status == KORA_OK) kora_unpin(db, &p);
        return status == KORA_NOTFOUND ? KORA_OK : status;
    }
    kora_value values[LIN_ARGS_MAX];
    status = kora_get_many(db, keys, o->count, values, buffer, sizeof buffer, NULL);
    for (uint32_t i = 0; status == KORA_OK && i < o->count; i++) o->got[i] = values[i].status == KORA_OK ? value_number(values[i].data, values[i].len) : 0;
    return status;
}

// True: there is a typed call for the operation, and it was made. Its moments are taken around the call alone.
static bool ask_typed(struct client *c, struct lin_op *o, struct argv *a, uint32_t h) {
    kora_bytes keys[LIN_ARGS_MAX], values[LIN_ARGS_MAX], expected = { NULL, 0 };
    a->argc = 0, a->end = a->text;
    for (uint32_t i = 0; i < lin_keys_of(o); i++) {
        add_key(a, h, o->key[i]);
        keys[i] = (kora_bytes){ a->arg[a->argc - 1], a->len[a->argc - 1] };
        add_value(a, o->value[i]);
        values[i] = (kora_bytes){ a->arg[a->argc - 1], a->len[a->argc - 1] };
    }
    if (o->kind == LIN_CAS && o->expected) {
        add_value(a, o->expected);
        expected = (kora_bytes){ a->arg[a->argc - 1], a->len[a->argc - 1] };
    }
    uint32_t way = below(c, 3);
    size_t n = 0;
    int status;
    o->sent_ns = clock_mono_ns();
    switch (o->kind) {
    case LIN_GET: status = get_typed(o, keys, way); break;
    case LIN_SET: status = set_typed(o, keys, values); break;
    case LIN_DEL: status = kora_del_many(db, keys, o->count, &n); break;
    case LIN_CAS: status = kora_cas(db, keys[0].data, keys[0].len, expected.data, expected.len, values[0].data, values[0].len, NULL); break;
    default: return false;
    }
    o->answered_ns = clock_mono_ns();
    o->result = o->kind == LIN_DEL ? (int)n : status == KORA_OK ? 1 : 0;
    if (status != KORA_OK && status != KORA_NOTSET) {
        fprintf(stderr, "history: %s\n", kora_status_name(status));
        o->result = CORRUPT;
    }
    return true;
}

// ---- a history ------------------------------------------------------------------------------------------------------------------------

static void choose_deadline(struct client *c, struct lin_op *o, bool slow) {
    if (below(c, slow ? 2 : 6)) return;
    if (o->count == 1 && below(c, 2)) {
        o->at_given = true;
        o->at_ms = real_ms() - 1 + below(c, 5);
    } else if (o->count == 1 || !c->socket) {
        o->ttl_ms = 1 + below(c, 5);
    }
}

static void choose_op(struct client *c, struct lin_op *o, uint32_t number, bool slow) {
    static const enum lin_kind kinds[] = { LIN_GET, LIN_GET, LIN_GET, LIN_GET, LIN_GET, LIN_SET, LIN_SET, LIN_SET, LIN_SET, LIN_SET, LIN_SETNX,
        LIN_RENAME, LIN_RENAME, LIN_COPY, LIN_COPY, LIN_DEL, LIN_CAS };
    *o = (struct lin_op){ .kind = kinds[below(c, sizeof kinds / sizeof *kinds)], .client = (uint8_t)c->number, .replace = below(c, 2) };
    if (o->kind == LIN_CAS && c->socket) o->kind = LIN_GET;
    o->count = (uint8_t)(below(c, 2) ? 1 : 2 + below(c, 3));
    if (o->kind == LIN_DEL && o->count > 1) o->count = 2;
    for (uint32_t i = 0, first = below(c, KEYS), step = below(c, 2) ? 1 : 3; i < LIN_ARGS_MAX; i++) {
        o->key[i] = (uint8_t)((first + i * step) % KEYS);
        o->value[i] = (c->number * options.ops + number) * LIN_ARGS_MAX + i + 1;
    }
    if (o->kind == LIN_SET && o->count == 1) o->only = below(c, 3) ? LIN_ALWAYS : below(c, 2) ? LIN_NX : LIN_XX;
    if (o->kind == LIN_SET) choose_deadline(c, o, slow);
    o->expected = below(c, 3) ? 1 + below(c, (options.hosts + options.sockets) * options.ops * LIN_ARGS_MAX) : 0;
}

static void run_op(struct client *c, struct lin_op *o, struct argv *a, uint32_t h) {
    bool typed_only = o->kind == LIN_CAS || (o->count > 1 && o->ttl_ms); // MSET has no expiry
    if (!c->socket && (typed_only || below(c, 2)) && ask_typed(c, o, a, h)) return;
    struct answer r = { .kind = 0 };
    bool submit = !below(c, 4);
    to_argv(a, o, h);
    o->sent_ns = clock_mono_ns();
    ask_exec(c, a, &r, submit);
    o->answered_ns = clock_mono_ns();
    take_answer(o, &r);
}

// A pipeline: all are sent at once. To the checker they overlap.
static void run_ops(struct client *c, struct lin_op *o, uint32_t n, struct argv *a, uint32_t h) {
    for (uint32_t i = 0; i < n; i++) {
        to_argv(a, &o[i], h);
        add_request(c, a);
    }
    int64_t sent_ns = clock_mono_ns();
    send_requests(c);
    for (uint32_t i = 0; i < n; i++) {
        struct answer r = { .kind = 0 };
        read_answer(c, &r);
        o[i].sent_ns = sent_ns;
        o[i].answered_ns = clock_mono_ns();
        take_answer(&o[i], &r);
    }
}

static void run_history(struct client *c, struct argv *a, uint32_t h) {
    bool slow = h % 16 == 15; // with pauses, so that keys expire in the middle
    for (uint32_t i = 0, n = 1; i < options.ops; i += n) {
        struct lin_op *o = &history.op[c->number * options.ops + i];
        choose_op(c, o, i, slow);
        if (c->socket && !below(c, 3)) n = 1 + below(c, options.ops - i);
        else n = 1;
        for (uint32_t k = 1; k < n; k++) {
            choose_op(c, &o[k], i + k, slow);
            if (below(c, 2)) memcpy(o[k].key, o[k - 1].key, sizeof o->key);
            o[k].piped = true;
        }
        if (slow) nanosleep(&(struct timespec){ .tv_nsec = (long)below(c, 2000000) }, NULL);
        atomic_store(&c->doing, i + 1);
        if (c->socket) run_ops(c, o, n, a, h);
        else run_op(c, o, a, h);
        atomic_store(&c->doing, 0);
    }
}

static void print_op(const struct lin_op *o, bool suspicious) {
    static const char *const names[] = { "GET", "SET", "MSETNX", "RENAME", "COPY", "DEL", "CAS" };
    printf("  %c %10.1f .. %10.1f us  client %d  %-6s", suspicious ? '*' : ' ', (double)(o->sent_ns - history.op[0].sent_ns) / 1e3,
        (double)(o->answered_ns - history.op[0].sent_ns) / 1e3, o->client, names[o->kind]);
    for (uint32_t i = 0; i < lin_keys_of(o); i++) {
        printf(" k%d", o->key[i]);
        if (o->kind == LIN_SET || o->kind == LIN_SETNX || o->kind == LIN_CAS) printf("=%" PRIu32, o->value[i]);
        if (o->kind == LIN_GET) printf("->%" PRIu32, o->got[i]);
    }
    if (o->kind == LIN_CAS) printf(" expected %" PRIu32, o->expected);
    if (o->only) printf(o->only == LIN_NX ? " NX" : " XX");
    if (o->kind == LIN_COPY && o->replace) printf(" REPLACE");
    if (o->ttl_ms) printf(" PX %" PRId64, o->ttl_ms);
    if (o->at_given) printf(" PXAT %+" PRId64 " ms after it was sent", o->at_ms - (o->sent_ns - epoch_ns) / 1000000);
    if (o->kind != LIN_GET) printf("  result %d", o->result);
    printf("\n");
}

static void judge(uint32_t h) {
    uint64_t left = 0;
    history.count = (options.hosts + options.sockets) * options.ops;
    history.keys = KEYS, history.skew_ms = SKEW_MS + 1, history.epoch_ns = epoch_ns;
    operations += history.count;
    enum lin_verdict v = lin_check(&checker, &history, &left);
    if (v == LIN_UNDECIDED) undecided++;
    if (v == LIN_VIOLATION && ++violations <= 5) {
        printf("VIOLATION in history %" PRIu32 " of seed %" PRIu64 " (skew %d ms); * marks operations of which one does not fit:\n", h, options.seed, SKEW_MS);
        for (uint32_t i = 0; i < history.count; i++) print_op(&history.op[i], left >> i & 1);
        fflush(stdout);
    }
    kora_bytes keys[KEYS];
    char names[KEYS][64];
    for (uint32_t k = 0; k < KEYS; k++) keys[k] = (kora_bytes){ names[k], key_text(h, k, names[k]) };
    kora_del_many(db, keys, KEYS, NULL);
    kora_stats stats = KORA_STATS_INIT;
    kora_get_stats(db, &stats);
    seen_expired = stats.expired;
}

static void connect_client(struct client *c) {
    if (!c->socket) {
        if (kora_session_open(db, &c->session) != KORA_OK) die("kora_session_open");
        return;
    }
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
}

static void *client_main(void *arg) {
    struct client *c = arg;
    struct argv a = { .text = malloc((2 * LIN_ARGS_MAX + 2) * TEXT_MAX) };
    if (!a.text) die("malloc");
    connect_client(c);
    uint32_t n = options.hosts + options.sockets;
    for (uint32_t h = 0; h < options.histories; h++) {
        c->random = mix(mix(options.seed, h), c->number) | 1;
        pthread_barrier_wait(&barrier);
        run_history(c, &a, h);
        pthread_barrier_wait(&barrier);
        if (h % n == c->number) {
            judge(h);
            atomic_fetch_add(&done_histories, 1);
        }
    }
    kora_session_close(c->session);
    if (c->socket) close(c->fd);
    free(c->in);
    free(a.text);
    return NULL;
}

// ---- the whole --------------------------------------------------------------------------------------------------------------------------

static void watch(void) {
    uint32_t last = 0;
    int64_t since = clock_mono_ns();
    while (last < options.histories) {
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        uint32_t now = atomic_load(&done_histories);
        if (now != last) last = now, since = clock_mono_ns();
        else if (clock_mono_ns() - since > (int64_t)options.stuck_s * 1000000000) break;
    }
    if (last == options.histories) return;
    printf("STUCK in history %" PRIu32 " of seed %" PRIu64 ": calls do not come back\n", last, options.seed);
    for (uint32_t i = 0; i < options.hosts + options.sockets; i++) {
        uint32_t doing = atomic_load(&clients[i].doing);
        if (doing) print_op(&history.op[i * options.ops + doing - 1], true);
    }
    printf("%" PRIu32 " passed, %" PRIu32 " failed\n", last - violations, violations + 1);
    fflush(stdout);
    unlink(path);
    _exit(3);
}

#ifdef KORA_DELAYS
// Every path must have been taken; one call in ten parked, one in a hundred kept leases and was handed one.
static uint32_t judge_paths(void) {
    static const char *const names[] = {
#define NAME(name) #name,
        LEASE_PATHS(NAME)
#undef NAME
    };
    uint32_t failed = 0;
    uint64_t calls = atomic_load(&lease_paths[LEASE_PATH_CALLS]), parked = atomic_load(&lease_paths[LEASE_PATH_PARKED]),
        handed = atomic_load(&lease_paths[LEASE_PATH_HANDED]);
    for (int i = 0; i < LEASE_PATH_SERVED; i++) {
        uint64_t n = atomic_load(&lease_paths[i]);
        printf("  %-22s %10" PRIu64 "  %5.2f %% of calls\n", names[i], n, 100.0 * (double)n / (double)calls);
        if (!n) printf("FAILED: %s was never taken\n", names[i]), failed++;
    }
    if (parked * 10 < calls) printf("FAILED: fewer than 10 %% of calls parked\n"), failed++;
    if (handed * 100 < calls) printf("FAILED: fewer than 1 %% of calls were handed a lease\n"), failed++;
    return failed;
}
#endif

static void parse_options(int argc, char **argv) {
    struct { const char *name; uint32_t *value; } known[] = { { "--histories", &options.histories }, { "--hosts", &options.hosts }, { "--sockets", &options.sockets },
        { "--shards", &options.shards }, { "--stripes", &options.stripes }, { "--ops", &options.ops }, { "--delay", &options.delay }, { "--stuck", &options.stuck_s } };
    for (int i = 1; i < argc; i += 2) {
        bool ok = false;
        if (i + 1 == argc) break;
        if (!strcmp(argv[i], "--seed")) options.seed = strtoull(argv[i + 1], NULL, 10), ok = true;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (!strcmp(argv[i], known[k].name)) *known[k].value = (uint32_t)strtoul(argv[i + 1], NULL, 10), ok = true;
        }
        if (ok) continue;
        fprintf(stderr, "history: unknown option %s\n", argv[i]);
        exit(2);
    }
    uint32_t n = options.hosts + options.sockets;
    if (!n || n > CLIENTS_MAX || n * options.ops > LIN_OPS_MAX) {
        fprintf(stderr, "history: at most %d clients and %d operations\n", CLIENTS_MAX, LIN_OPS_MAX);
        exit(2);
    }
}

static void start(void) {
    char address[96], error[200] = "";
    kora_options o = KORA_OPTIONS_INIT;
    o.shards = options.shards, o.stripes = options.stripes;
    epoch_ns = clock_mono_ns() - 1000000000;
    if (kora_open(NULL, &o, &db) != KORA_OK) die("kora_open");
    db->engine->common.wall_ms = skewed_ms;
    snprintf(path, sizeof path, "/tmp/kora-history-%d.sock", (int)getpid());
    snprintf(address, sizeof address, "unix://%s", path);
    if (kora_listen(db, address, NULL, 0, error, sizeof error) != KORA_OK) die(error);
#ifdef KORA_DELAYS
    atomic_store(&lease_delay_per_mille, options.delay);
#endif
}

int main(int argc, char **argv) {
    pthread_t threads[CLIENTS_MAX];
    parse_options(argc, argv);
    start();
    uint32_t n = options.hosts + options.sockets;
    pthread_barrier_init(&barrier, NULL, n);
    int64_t from = clock_mono_ns();
    for (uint32_t i = 0; i < n; i++) {
        clients[i].number = i;
        clients[i].socket = i >= options.hosts;
        sem_init(&clients[i].submitted, 0, 0);
        if (pthread_create(&threads[i], NULL, client_main, &clients[i]) != 0) die("pthread_create");
    }
    watch();
    for (uint32_t i = 0; i < n; i++) pthread_join(threads[i], NULL);
    double seconds = (double)(clock_mono_ns() - from) / 1e9;
    uint32_t failed = violations + undecided;
    if (kora_close(db) != KORA_OK) printf("FAILED: kora_close\n"), failed++;
    unlink(path);
    lin_free(&checker);
    printf("seed %" PRIu64 ": %" PRIu32 " histories, %" PRIu64 " operations in %.1f s, %" PRIu64 " keys expired; %" PRIu32 " violations, %" PRIu32 " undecided\n", options.seed,
        options.histories, operations, seconds, seen_expired, violations, undecided);
#ifdef KORA_DELAYS
    if (options.delay && options.stripes > 1) failed += judge_paths();
#endif
    printf("%" PRIu32 " passed, %" PRIu32 " failed\n", options.histories - violations - undecided, failed);
    return failed ? 1 : 0;
}
