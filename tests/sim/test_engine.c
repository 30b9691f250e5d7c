// The whole engine over the simulated disk: shards, log, snapshots, recovery; several threads that write key after key on different stripes, others that look,
// and copies of the disk as a power cut or a kill leaves it, taken at operations chosen at random, which are opened when the threads are done.
//
// Writers (typed calls, kora_submit, a socket with a pipeline) run calls whose kind follows from the seed, the writer and a number: strings, MSET, MULTI, hashes, lists, what is
// appended, overwritten, deleted, of a few bytes or too large for staging. So what a writer's keys hold after its first n calls is known for each n (struct model), and
// of every copy:
//
//   - each writer's keys are as after its first m calls, for some m: nothing is half there, twice there, or there without what came before it;
//   - over all writers, whatever their stripes: nothing is there that began after something ended that is not there (by a clock that each reads before and
//     after each call);
//   - what was acknowledged is there: after a kill all, after a power cut what was written under `always`;
//   - likewise whatever anybody has seen of it: by GET, MGET, HGET, LRANGE, EXEC, kora_submit, a message (PUBLISH within EXEC), a notification, in-process and at a socket, an
//     item that BLPOP was given, which is not in its list any more.
//
// Meanwhile snapshots are taken, one after another. A copy is the next life's disk, with other shards and another policy. In some lives an operation fails, once or
// for ever; then what was acknowledged under `always` is there all the same.
//
// And with one thread that writes, operation by operation: an opening, writes and snapshots, at each of whose operations the power goes; an opening and a snapshot that
// fail at each of theirs.
//
// KORA_SIM_SEEDS=n: how many (4; with KORA_TEST_LONG 300). KORA_SIM_SEED=s: from this one on.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "base/random.h"
#include "sim/disk.h"

enum { WRITERS = 3, CALLS_MAX = 240, CALLS_A_LIFE = 60, COPIES_MAX = 16, LIVES = 3, SLOTS = 5, FIELDS = 7, LARGE = 90000, PIPELINE = 3 };

// ---- what is written -----------------------------------------------------------------------------------------------------------------

enum kind { SET, MANY, TXN, PUSH, FIELD, SLOT, DROP, APPEND, PUBLISH, KINDS };

// What a writer's keys hold.
struct model {
    uint8_t key[CALLS_MAX], left[CALLS_MAX], right[CALLS_MAX]; // the life in which it was set, from 1 on; 0: it is not there
    uint32_t slot[SLOTS], field[FIELDS];                       // life << 16 | number of the call
    uint32_t count, pushes;                                    // counters
    uint64_t list, text;                                       // of their items
};

struct written {
    _Atomic uint64_t start, end;  // by the clock. end 0: it was not acknowledged
    _Atomic uint8_t life;
};

struct copy {
    struct disk *disk;
    bool power, saving, closed;
    uint64_t at;          // by the clock
    uint32_t seen[WRITERS], popped[WRITERS];
};

struct world {
    uint64_t seed;
    struct disk *disk;
    kora *db;
    int sync;             // KORA_SYNC_...
    bool faulty;
    bool ended_well;      // kora_close has said so
    uint8_t life;
    char path[100];       // of its socket
    _Atomic uint64_t clock;
    _Atomic bool over, saving, stopped; // stopped: the clock; the log waits by it as long as anybody writes
    bool heals;           // its disk gets well by itself
    pthread_t ticker;
    // By writer. Numbers of calls begin with 1; those up to base were there when the life began
    uint32_t base[WRITERS], popped_base[WRITERS];
    struct model base_model[WRITERS];
    struct written calls[WRITERS][CALLS_MAX];
    _Atomic uint32_t started[WRITERS], seen[WRITERS], popped[WRITERS];
    // Of the hook
    struct random random;
    uint64_t ops, next_copy, gap;
    int cuts_each;        // at every operation
    struct copy copies[COPIES_MAX];
    int copy_count;
};

static struct {
    uint64_t states, cuts, kills, saving, saves, lives, faults, named, acknowledged, lost;
    _Atomic uint64_t reads, notices, popped;
} total;

static uint64_t mix(const struct world *w, int writer, uint32_t n) {
    struct random r;
    random_seed(&r, (w->seed * WRITERS + (uint64_t)writer) * 1000 + n);
    return random_next(&r);
}

static enum kind kind_of(const struct world *w, int writer, uint32_t n) { return (enum kind)(mix(w, writer, n) % KINDS); }
static uint32_t choice_of(const struct world *w, int writer, uint32_t n) { return (uint32_t)(mix(w, writer, n) / KINDS % 1000); }

static uint64_t item(uint64_t before, uint32_t n, uint32_t life) { return (before + n) * 1000003 + life; }

// What call n changes.
static void model_apply(const struct world *w, int writer, uint32_t n, struct model *m) {
    uint8_t life = w->calls[writer][n].life;
    uint32_t choice = choice_of(w, writer, n), value = (uint32_t)life << 16 | n, other = choice % 4 + 1;
    switch (kind_of(w, writer, n)) {
    case MANY: m->left[n] = m->right[n] = m->key[n] = life; break;
    case TXN:
        m->count++;
        m->list = item(m->list, n, life);
        m->key[n] = life;
        break;
    case PUSH: m->pushes++; break;
    case FIELD: m->field[choice % FIELDS] = value; break;
    case SLOT: m->slot[choice % SLOTS] = value; break;
    case DROP:
        if (n > other) m->key[n - other] = m->left[n - other] = 0;
        break;
    case APPEND: m->text = item(m->text, n, life); break;
    default: m->key[n] = life;
    }
}

// ---- commands --------------------------------------------------------------------------------------------------------------------------

enum { ARGS = 8, COMMANDS = 4, TEXT = 1200 };

// A call: commands that run as one.
struct todo {
    int count;
    struct {
        int argc;
        const char *argv[ARGS];
        size_t len[ARGS];
    } commands[COMMANDS];
    char text[TEXT];
    size_t used;
    char *large; // mem_alloc'ed; NULL: none
};

static const char *print(struct todo *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *print(struct todo *o, const char *format, ...) {
    va_list list;
    char *to = o->text + o->used;
    va_start(list, format);
    int n = vsnprintf(to, sizeof o->text - o->used, format, list);
    va_end(list);
    assert_true(n > 0 && o->used + (size_t)n < sizeof o->text);
    o->used += (size_t)n + 1;
    return to;
}

static void command(struct todo *o, int argc, const char *const *argv) {
    o->commands[o->count].argc = argc;
    for (int i = 0; i < argc; i++) {
        o->commands[o->count].argv[i] = argv[i];
        o->commands[o->count].len[i] = strlen(argv[i]);
    }
    o->count++;
}
#define COMMAND(o, ...) command((o), (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ })

static void make_large(struct todo *o, uint32_t n, uint32_t life, size_t size) {
    o->large = mem_alloc(size + 40);
    assert_non_null(o->large);
    int head = snprintf(o->large, 40, "%u.%u.", n, life);
    memset(o->large + head, 'x', size);
    o->large[head + (int)size] = '\0';
}

static void make_op(const struct world *w, int writer, uint32_t n, struct todo *o) {
    uint32_t life = w->calls[writer][n].life, choice = choice_of(w, writer, n), other = choice % 4 + 1;
    memset(o, 0, sizeof *o);
    const char *value = print(o, "%u.%u.", n, life), *key = print(o, "key:%d:%u", writer, n);
    switch (kind_of(w, writer, n)) {
    case MANY: COMMAND(o, "MSET", key, value, print(o, "left:%d:%u", writer, n), value, print(o, "right:%d:%u", writer, n), value); break;
    case TXN:
        COMMAND(o, "INCR", print(o, "count:%d", writer));
        COMMAND(o, "RPUSH", print(o, "list:%d", writer), value);
        COMMAND(o, "SET", key, value);
        break;
    case PUSH:
        COMMAND(o, "INCR", print(o, "pushes:%d", writer));
        COMMAND(o, "RPUSH", print(o, "queue:%d", writer), value);
        break;
    case FIELD: COMMAND(o, "HSET", print(o, "hash:%d", writer), print(o, "%u", choice % FIELDS), value); break;
    case SLOT:
        make_large(o, n, life, choice % 7 == 0 ? LARGE : choice % 7 * 500);
        COMMAND(o, "SET", print(o, "slot:%d:%u", writer, choice % SLOTS), o->large);
        break;
    case DROP: COMMAND(o, "DEL", print(o, "key:%d:%u", writer, n > other ? n - other : 0), print(o, "left:%d:%u", writer, n > other ? n - other : 0)); break;
    case APPEND: COMMAND(o, "APPEND", print(o, "text:%d", writer), value); break;
    case PUBLISH:
        COMMAND(o, "SET", key, value);
        COMMAND(o, "PUBLISH", print(o, "said:%d", writer), value);
        break;
    default: COMMAND(o, "SET", key, value);
    }
}

// ---- what is seen -------------------------------------------------------------------------------------------------------------------------

static void raise_to(_Atomic uint32_t *at, uint32_t n) {
    uint32_t was = atomic_load(at);
    while (was < n && !atomic_compare_exchange_weak(at, &was, n)) {}
}

static bool parse(const char *text, uint32_t *n, uint32_t *life) { return sscanf(text, "%u.%u.", n, life) == 2; }

static void note(struct world *w, int writer, const char *value) {
    uint32_t n, life;
    if (!parse(value, &n, &life)) fail_msg("seed %llu: read '%.20s'", (unsigned long long)w->seed, value);
    raise_to(&w->seen[writer], n);
    atomic_fetch_add(&total.reads, 1);
}

struct asked {
    struct world *world;
    int writer;
    _Atomic bool done;
};

static void answered(void *arg, int status, kora_reply *reply) {
    struct asked *a = arg;
    if (status == KORA_OK && reply->type == KORA_REPLY_STRING) note(a->world, a->writer, reply->str);
    kora_reply_free(reply);
    atomic_store(&a->done, true);
}

static void nap(long us) { nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL); }

static void ask(struct world *w, int writer, int argc, const char *const *argv, bool elsewhere) {
    struct asked a = { .world = w, .writer = writer };
    kora_reply *reply;
    if (elsewhere) {
        if (kora_submit(w->db, argc, argv, NULL, answered, &a) != KORA_OK) return;
        while (!atomic_load(&a.done)) nap(20);
        return;
    }
    if (kora_exec(w->db, NULL, argc, argv, NULL, &reply) != KORA_OK) return;
    const kora_reply *one = reply->type == KORA_REPLY_ARRAY && reply->count ? &reply->elements[0] : reply;
    if (one->type == KORA_REPLY_STRING) note(w, writer, one->str);
    kora_reply_free(reply);
}
#define ASK(w, writer, elsewhere, ...) \
    ask((w), (writer), (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ }, (elsewhere))

static void ask_in_txn(struct world *w, int writer, const char *key, const char *list) {
    kora_txn *t;
    kora_reply *reply = NULL;
    if (kora_txn_begin(w->db, &t) != KORA_OK) return;
    kora_txn_add(t, 2, (const char *[]){ "GET", key }, NULL);
    kora_txn_add(t, 3, (const char *[]){ "LINDEX", list, "-1" }, NULL);
    if (kora_txn_exec(t, &reply) == KORA_OK) {
        for (size_t i = 0; i < reply->count; i++) {
            if (reply->elements[i].type == KORA_REPLY_STRING) note(w, writer, reply->elements[i].str);
        }
        kora_reply_free(reply);
    }
    kora_txn_free(t);
}

static void *read_main(void *arg) {
    struct world *w = arg;
    struct random r;
    random_seed(&r, w->seed + (uint64_t)(uintptr_t)&r);
    while (!atomic_load(&w->over)) {
        int writer = (int)random_below(&r, WRITERS);
        uint32_t n = atomic_load(&w->started[writer]), n_other = atomic_load(&w->started[(writer + 1) % WRITERS]);
        char key[32], other[32], list[32], hash[32], slot[32], field[16], to[200];
        size_t len;
        snprintf(key, sizeof key, "key:%d:%u", writer, n);
        snprintf(other, sizeof other, "key:%d:%u", (writer + 1) % WRITERS, n_other);
        snprintf(list, sizeof list, "list:%d", writer);
        snprintf(hash, sizeof hash, "hash:%d", writer);
        snprintf(slot, sizeof slot, "slot:%d:%u", writer, choice_of(w, writer, n) % SLOTS);
        snprintf(field, sizeof field, "%u", choice_of(w, writer, n) % FIELDS);
        switch (random_below(&r, 8)) {
        case 0: case 1:
            if (kora_get_into(w->db, key, strlen(key), to, sizeof to - 1, &len) == KORA_OK) {
                to[len] = '\0';
                note(w, writer, to);
            }
            break;
        case 2: ASK(w, writer, false, "LRANGE", list, "-1", "-1"); break;
        case 3: ASK(w, writer, false, "HGET", hash, field); break;
        case 4: ASK(w, writer, false, "GET", slot); break;
        case 5: ASK(w, writer, false, "MGET", key, other); break;
        case 6: ASK(w, writer, true, "GET", key); break;
        default: ask_in_txn(w, writer, key, list);
        }
    }
    return NULL;
}

static void *pop_main(void *arg) {
    struct world *w = arg;
    while (!atomic_load(&w->over)) {
        kora_reply *reply;
        if (kora_exec(w->db, NULL, 5, (const char *[]){ "BLPOP", "queue:0", "queue:1", "queue:2", "0.01" }, NULL, &reply) != KORA_OK) return NULL;
        int writer;
        if (reply->type == KORA_REPLY_ARRAY && sscanf(reply->elements[0].str, "queue:%d", &writer) == 1) {
            note(w, writer, reply->elements[1].str);
            atomic_fetch_add(&w->popped[writer], 1);
            atomic_fetch_add(&total.popped, 1);
        }
        kora_reply_free(reply);
    }
    return NULL;
}

static void noticed(struct world *w, const char *channel) {
    int writer;
    uint32_t n;
    if (sscanf(channel, "__keyspace@0__:key:%d:%u", &writer, &n) != 2 || n == 0) return;
    // A deletion tells of an earlier call, which is right, too.
    raise_to(&w->seen[writer], n);
    atomic_fetch_add(&total.notices, 1);
}

static void on_message(void *arg, int status, const kora_message *m) {
    struct world *w = arg;
    if (status != KORA_OK) {
        if (!w->faulty) fail_msg("the subscription ends: %s", kora_status_name(status));
        return;
    }
    if (!m->data.data) return;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)MIN(m->channel.len, sizeof text - 1), (const char *)m->channel.data);
    int writer;
    if (sscanf(text, "said:%d", &writer) != 1) {
        noticed(w, text);
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)MIN(m->data.len, sizeof text - 1), (const char *)m->data.data);
    note(w, writer, text);
}

// ---- sockets -----------------------------------------------------------------------------------------------------------------------------

static int join(const struct world *w) {
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    snprintf(un.sun_path, sizeof un.sun_path, "%s", w->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

static bool say(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool say_command(int fd, int argc, const char *const *argv) {
    char head[32];
    bool said = say(fd, head, (size_t)snprintf(head, sizeof head, "*%d\r\n", argc));
    for (int i = 0; i < argc && said; i++) {
        size_t n = strlen(argv[i]);
        said = say(fd, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", n)) && say(fd, argv[i], n) && say(fd, "\r\n", 2);
    }
    return said;
}

struct peer {
    int fd;
    char bytes[4096];
    size_t n, at;
};

// The next line, without its end; NULL: the connection is closed, or `over` is set. Valid until the next one.
static const char *hear_line(struct peer *p, const _Atomic bool *over) {
    for (;;) {
        char *end = p->n > p->at ? memmem(p->bytes + p->at, p->n - p->at, "\r\n", 2) : NULL;
        if (end) {
            const char *line = p->bytes + p->at;
            *end = '\0';
            p->at = (size_t)(end - p->bytes) + 2;
            return line;
        }
        memmove(p->bytes, p->bytes + p->at, p->n - p->at);
        p->n -= p->at;
        p->at = 0;
        assert_true(p->n < sizeof p->bytes);
        struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };
        if (poll(&poll_fd, 1, 20) == 0) {
            if (over && atomic_load(over)) return NULL;
            continue;
        }
        ssize_t got = recv(p->fd, p->bytes + p->n, sizeof p->bytes - p->n, 0);
        if (got <= 0) return NULL;
        p->n += (size_t)got;
    }
}

// A whole reply. False: there is none, or an error.
static bool hear_reply(struct peer *p) {
    const char *line = hear_line(p, NULL);
    if (!line || line[0] == '-') return false;
    long n = strtol(line + 1, NULL, 10);
    if (line[0] == '$' && n >= 0) return hear_line(p, NULL) != NULL; // of text without ends of lines
    bool good = true;
    for (long i = 0; line[0] == '*' && i < n && good; i++) good = hear_reply(p);
    return good;
}

static bool say_op(int fd, const struct todo *o) {
    bool said = o->count == 1 || say_command(fd, 1, (const char *[]){ "MULTI" });
    for (int i = 0; i < o->count && said; i++) said = say_command(fd, o->commands[i].argc, o->commands[i].argv);
    return said && (o->count == 1 || say_command(fd, 1, (const char *[]){ "EXEC" }));
}

static bool hear_op(struct peer *p, const struct todo *o) {
    bool good = true;
    for (int i = 0; i < (o->count == 1 ? 1 : o->count + 2) && good; i++) good = hear_reply(p);
    return good;
}

static void *listen_main(void *arg) {
    struct world *w = arg;
    struct peer p = { .fd = join(w) };
    say_command(p.fd, 2, (const char *[]){ "PSUBSCRIBE", "__keyspace@0__:key:*" });
    for (const char *line; (line = hear_line(&p, &w->over)) != NULL;) noticed(w, line);
    close(p.fd);
    return NULL;
}

// ---- writers -------------------------------------------------------------------------------------------------------------------------------

static bool run_txn(kora *db, const struct todo *o) {
    kora_txn *t;
    kora_reply *reply = NULL;
    if (kora_txn_begin(db, &t) != KORA_OK) return false;
    for (int i = 0; i < o->count; i++) assert_int_equal(kora_txn_add(t, o->commands[i].argc, o->commands[i].argv, NULL), KORA_OK);
    bool good = kora_txn_exec(t, &reply) == KORA_OK && reply->type == KORA_REPLY_ARRAY;
    kora_reply_free(reply);
    kora_txn_free(t);
    return good;
}

static bool run_typed(kora *db, const struct todo *o) {
    const char *const *argv = o->commands[0].argv;
    const size_t *len = o->commands[0].len;
    kora_reply *reply;
    if (o->count > 1) return run_txn(db, o);
    if (strcmp(argv[0], "SET") == 0) return kora_set(db, argv[1], len[1], argv[2], len[2], NULL) == KORA_OK;
    if (strcmp(argv[0], "MSET") == 0) {
        kora_bytes names[3], values[3];
        for (int i = 0; i < 3; i++) {
            names[i] = (kora_bytes){ argv[1 + 2 * i], len[1 + 2 * i] };
            values[i] = (kora_bytes){ argv[2 + 2 * i], len[2 + 2 * i] };
        }
        return kora_set_many(db, names, values, 3, 0) == KORA_OK;
    }
    if (strcmp(argv[0], "HSET") == 0) return kora_hset(db, argv[1], len[1], &(kora_field){ { argv[2], len[2] }, { argv[3], len[3] } }, 1, NULL) == KORA_OK;
    if (kora_exec(db, NULL, o->commands[0].argc, argv, len, &reply) != KORA_OK) return false;
    bool good = reply->type != KORA_REPLY_ERROR;
    kora_reply_free(reply);
    return good;
}

struct submitted {
    sem_t done;
    bool good;
};

static void has_run(void *arg, int status, kora_reply *reply) {
    struct submitted *s = arg;
    s->good = status == KORA_OK && reply->type != KORA_REPLY_ERROR;
    kora_reply_free(reply);
    sem_post(&s->done);
}

static bool run_submitted(kora *db, const struct todo *o) {
    struct submitted s = { .good = false };
    if (o->count > 1) return run_txn(db, o);
    sem_init(&s.done, 0, 0);
    if (kora_submit(db, o->commands[0].argc, o->commands[0].argv, o->commands[0].len, has_run, &s) == KORA_OK) {
        while (sem_wait(&s.done) != 0) {}
    }
    sem_destroy(&s.done);
    return s.good;
}

struct writer {
    struct world *world;
    int number;
};

static void begin_call(struct world *w, int writer, uint32_t n) {
    struct written *x = &w->calls[writer][n];
    x->life = w->life;
    x->end = 0;
    x->start = atomic_fetch_add(&w->clock, 1);
    atomic_store(&w->started[writer], n);
}

// Up to PIPELINE calls are on their way at once; they run, and are answered, in their order.
static bool write_at_socket(struct world *w, int writer, uint32_t last) {
    struct peer p = { .fd = join(w) };
    bool good = true;
    for (uint32_t n = w->base[writer] + 1; n <= last && good;) {
        uint32_t count = MIN(last - n + 1, 1 + choice_of(w, writer, n) % PIPELINE);
        struct todo ops[PIPELINE];
        for (uint32_t i = 0; i < count && good; i++) {
            begin_call(w, writer, n + i);
            make_op(w, writer, n + i, &ops[i]);
            good = say_op(p.fd, &ops[i]);
            if (!good) count = i + 1;
        }
        for (uint32_t i = 0; i < count; i++) {
            good = good && hear_op(&p, &ops[i]);
            if (good) w->calls[writer][n + i].end = atomic_fetch_add(&w->clock, 1);
            mem_free(ops[i].large);
        }
        n += count;
    }
    close(p.fd);
    return good;
}

static bool write_here(struct world *w, int writer, uint32_t last) {
    bool good = true;
    for (uint32_t n = w->base[writer] + 1; n <= last && good; n++) {
        struct todo o;
        begin_call(w, writer, n);
        make_op(w, writer, n, &o);
        good = writer == 0 ? run_typed(w->db, &o) : run_submitted(w->db, &o);
        if (good) w->calls[writer][n].end = atomic_fetch_add(&w->clock, 1);
        mem_free(o.large);
    }
    return good;
}

static void *write_main(void *arg) {
    const struct writer *x = arg;
    struct world *w = x->world;
    uint32_t last = MIN(w->base[x->number] + CALLS_A_LIFE, CALLS_MAX - 1u);
    bool good = x->number == 2 ? write_at_socket(w, x->number, last) : write_here(w, x->number, last);
    if (!good && !w->faulty) fail_msg("seed %llu: writer %d is refused", (unsigned long long)w->seed, x->number);
    return NULL;
}

static void *save_main(void *arg) {
    struct world *w = arg;
    struct random r;
    random_seed(&r, w->seed * 77);
    while (!atomic_load(&w->over)) {
        char error[200] = "";
        nap(500 + (long)random_below(&r, 4000));
        atomic_store(&w->saving, true);
        int status = kora_snapshot(w->db, NULL, error, sizeof error);
        atomic_store(&w->saving, false);
        if (status != KORA_OK && !w->faulty) fail_msg("seed %llu: no snapshot: %s", (unsigned long long)w->seed, error);
        if (status != KORA_OK && strlen(error) < 5) fail_msg("no snapshot, and nobody says why");
        total.saves += status == KORA_OK;
    }
    return NULL;
}

static void *clock_main(void *arg) {
    struct world *w = arg;
    for (int i = 0; !atomic_load(&w->stopped); i++) {
        disk_advance(w->disk, 20000);
        nap(500);
        if (w->heals && i % 300 == 299) disk_heal(w->disk); // whoever waits for room on the disk waits until there is some
    }
    return NULL;
}

// ---- copies ----------------------------------------------------------------------------------------------------------------------------------

static void take_copy(struct world *w, struct disk *d, bool power) {
    struct copy *c = &w->copies[w->copy_count++];
    *c = (struct copy){ .power = power, .saving = atomic_load(&w->saving), .at = atomic_load(&w->clock) };
    for (int i = 0; i < WRITERS; i++) {
        c->seen[i] = atomic_load(&w->seen[i]);
        c->popped[i] = atomic_load(&w->popped[i]);
    }
    c->disk = power ? disk_power_cut(d, random_next(&w->random)) : disk_kill(d);
}

static void after_operation(void *arg, struct disk *d, enum disk_op op) {
    struct world *w = arg;
    if (!disk_op_changes(op) || ++w->ops < w->next_copy || w->copy_count == COPIES_MAX - 1) return;
    w->next_copy = w->ops + 1 + random_below(&w->random, w->gap);
    take_copy(w, d, random_below(&w->random, 3) != 0);
}

// ---- what is there -----------------------------------------------------------------------------------------------------------------------------

static kora *open_disk(struct disk *d, uint32_t shards, int sync, char *error, size_t size, int *status) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.shards = shards;
    o.stripes = 4 * shards <= 4 ? 4 : 8;
    o.databases = 1;
    o.sync = sync;
    o.error = error;
    o.error_size = size;
    *status = api_open("/db", &o, disk_os(d), &db);
    return db;
}

// A value's life and number; 0: there is none.
static uint32_t value_at(kora *db, const char *key) {
    static char to[LARGE + 40];
    size_t len;
    uint32_t n = 0, life = 0;
    int status = kora_get_into(db, key, strlen(key), to, sizeof to - 1, &len);
    if (status == KORA_NOTFOUND) return 0;
    assert_int_equal(status, KORA_OK);
    to[len] = '\0';
    if (!parse(to, &n, &life)) fail_msg("%s: '%.20s'", key, to);
    return life << 16 | n;
}

static uint64_t items_of(kora *db, const char *key, bool list) {
    kora_reply *reply;
    uint64_t sum = 0;
    uint32_t n, life;
    assert_int_equal(kora_exec(db, NULL, list ? 4 : 2, (const char *[]){ list ? "LRANGE" : "GET", key, "0", "-1" }, NULL, &reply), KORA_OK);
    for (size_t i = 0; list && i < reply->count; i++) {
        assert_true(parse(reply->elements[i].str, &n, &life));
        sum = item(sum, n, life);
    }
    int used = 0;
    for (const char *at = !list && reply->str ? reply->str : ""; sscanf(at, "%u.%u.%n", &n, &life, &used) == 2; at += used) sum = item(sum, n, life);
    kora_reply_free(reply);
    return sum;
}

static void read_model(kora *db, const struct world *w, int writer, struct model *m) {
    char key[40], number[32];
    size_t len;
    memset(m, 0, sizeof *m);
    for (uint32_t n = 1; n <= atomic_load(&w->started[writer]); n++) {
        uint8_t *const to[] = { m->key, m->left, m->right };
        for (int i = 0; i < 3; i++) {
            snprintf(key, sizeof key, "%s:%d:%u", (const char *[]){ "key", "left", "right" }[i], writer, n);
            uint32_t value = value_at(db, key);
            if (value && (value & 0xffff) != n) fail_msg("%s is of call %u", key, value & 0xffff);
            to[i][n] = (uint8_t)(value >> 16);
        }
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        snprintf(key, sizeof key, "slot:%d:%u", writer, i);
        m->slot[i] = value_at(db, key);
    }
    snprintf(key, sizeof key, "hash:%d", writer);
    for (uint32_t i = 0; i < FIELDS; i++) {
        kora_reply *reply;
        uint32_t n, life;
        snprintf(number, sizeof number, "%u", i);
        assert_int_equal(kora_exec(db, NULL, 3, (const char *[]){ "HGET", key, number }, NULL, &reply), KORA_OK);
        if (reply->type == KORA_REPLY_STRING && parse(reply->str, &n, &life)) m->field[i] = life << 16 | n;
        kora_reply_free(reply);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(key, sizeof key, "%s:%d", i ? "pushes" : "count", writer);
        memset(number, 0, sizeof number);
        if (kora_get_into(db, key, strlen(key), number, sizeof number - 1, &len) == KORA_OK) *(i ? &m->pushes : &m->count) = (uint32_t)atoi(number);
    }
    snprintf(key, sizeof key, "list:%d", writer);
    m->list = items_of(db, key, true);
    snprintf(key, sizeof key, "text:%d", writer);
    m->text = items_of(db, key, false);
}

// What of a writer's calls is there: the first `least` to `most` of them (the last ones may have changed nothing).
static void find_prefix(kora *db, const struct world *w, int writer, uint32_t *least, uint32_t *most, struct model *found) {
    struct model is, then = w->base_model[writer];
    bool any = false;
    read_model(db, w, writer, &is);
    for (uint32_t n = w->base[writer];; model_apply(w, writer, ++n, &then)) {
        if (memcmp(&is, &then, sizeof is) == 0) {
            if (!any) *least = n;
            *most = n;
            any = true;
        }
        if (n == atomic_load(&w->started[writer])) break;
    }
    if (!any) fail_msg("seed %llu, life %d: what is there of writer %d is no prefix of what it has written", (unsigned long long)w->seed, w->life, writer);
    *found = is;
}

// How many of the items that were pushed are not there any more; those that are must be the last ones.
static uint32_t find_popped(kora *db, const struct world *w, int writer, uint32_t upto) {
    char key[32];
    kora_reply *reply;
    uint32_t pushed = 0, left, n, life, seen = 0;
    for (uint32_t i = 1; i <= upto; i++) pushed += kind_of(w, writer, i) == PUSH;
    snprintf(key, sizeof key, "queue:%d", writer);
    assert_int_equal(kora_exec(db, NULL, 4, (const char *[]){ "LRANGE", key, "0", "-1" }, NULL, &reply), KORA_OK);
    left = (uint32_t)reply->count;
    if (left > pushed) fail_msg("seed %llu: %u items of %u are in the queue", (unsigned long long)w->seed, left, pushed);
    for (uint32_t i = 1; i <= upto; i++) {
        if (kind_of(w, writer, i) != PUSH || seen++ < pushed - left) continue;
        assert_true(parse(reply->elements[seen - 1 - (pushed - left)].str, &n, &life));
        if (n != i || life != w->calls[writer][i].life) fail_msg("seed %llu: item %u is where %u should be", (unsigned long long)w->seed, n, i);
    }
    kora_reply_free(reply);
    return pushed - left;
}

// Are all there that must be?
static void check_floors(const struct world *w, const struct copy *c, int writer, uint32_t most, uint32_t popped) {
    bool all = c->closed ? w->ended_well || w->sync == KORA_SYNC_ALWAYS : c->power || w->faulty ? w->sync == KORA_SYNC_ALWAYS : true;
    uint32_t floor = w->base[writer];
    for (uint32_t n = floor + 1; all && n <= atomic_load(&w->started[writer]) && w->calls[writer][n].end && w->calls[writer][n].end < c->at; n++) floor = n;
    if (most < floor) fail_msg("seed %llu, life %d, a %s: of writer %d %u calls are there, and %u were acknowledged", (unsigned long long)w->seed, w->life,
        c->power ? "power cut" : "kill", writer, most, floor);
    total.acknowledged += floor - w->base[writer];
    for (uint32_t n = most + 1; n <= atomic_load(&w->started[writer]); n++) total.lost += w->calls[writer][n].start < c->at;
    if (popped < w->popped_base[writer]) fail_msg("seed %llu: items are back in the queue", (unsigned long long)w->seed);
    if (w->faulty || !all) return; // while the log can't be written, reads go on
    if (most < c->seen[writer]) fail_msg("seed %llu, life %d, a %s: of writer %d %u calls are there, and %u were seen", (unsigned long long)w->seed, w->life,
        c->power ? "power cut" : "kill", writer, most, c->seen[writer]);
    if (popped < c->popped[writer]) fail_msg("seed %llu: %u items are gone from queue %d, and %u were given out", (unsigned long long)w->seed, popped, writer, c->popped[writer]);
}

struct found {
    uint32_t least[WRITERS], most[WRITERS], popped[WRITERS];
    struct model models[WRITERS];
};

static void look(kora *db, const struct world *w, const struct copy *c, struct found *f) {
    uint64_t newest_there = 0, oldest_missing = UINT64_MAX;
    for (int i = 0; i < WRITERS; i++) {
        find_prefix(db, w, i, &f->least[i], &f->most[i], &f->models[i]);
        f->popped[i] = find_popped(db, w, i, f->most[i]);
        check_floors(w, c, i, f->most[i], f->popped[i]);
        for (uint32_t n = w->base[i] + 1; n <= atomic_load(&w->started[i]); n++) {
            const struct written *x = &w->calls[i][n];
            if (n <= f->least[i]) newest_there = MAX(newest_there, x->start);
            if (n > f->most[i] && x->end) oldest_missing = MIN(oldest_missing, x->end);
        }
    }
    if (newest_there > oldest_missing) fail_msg("seed %llu, life %d: a call is there that began at %llu, and one that ended at %llu is not", (unsigned long long)w->seed,
        w->life, (unsigned long long)newest_there, (unsigned long long)oldest_missing);
}

static void check_copy(struct world *w, struct copy *c) {
    char error[300] = "";
    struct found f;
    int status;
    kora *db = open_disk(c->disk, 1 + (uint32_t)random_below(&w->random, 3), KORA_SYNC_OS, error, sizeof error, &status);
    if (!db) fail_msg("seed %llu, life %d, a %s: refused: %s", (unsigned long long)w->seed, w->life, c->power ? "power cut" : "kill", error);
    look(db, w, c, &f);
    assert_int_equal(kora_close(db), KORA_OK);
    assert_int_equal(disk_open_files(c->disk), 0);
    total.states++;
    total.cuts += c->power;
    total.kills += !c->power;
    total.saving += c->saving;
}

// ---- a life -------------------------------------------------------------------------------------------------------------------------------------

static void plan_fault(struct world *w) {
    static const enum disk_op ops[] = { DISK_SYNC, DISK_WRITE, DISK_SYNC_DIR, DISK_RENAME, DISK_OPEN, DISK_ANY };
    struct random *r = &w->random;
    uint64_t nth = 1 + random_below(r, 120);
    bool forever = random_below(r, 2);
    if (random_below(r, 6) == 0) disk_short_write(w->disk, nth, random_below(r, 700), forever && random_below(r, 2));
    else {
        enum disk_op op = random_below(r, 2) ? ops[random_below(r, 2)] : ops[random_below(r, ARRAY_LEN(ops))];
        int error = op == DISK_WRITE ? (int[]){ ENOSPC, EIO, EINTR }[random_below(r, 3)] : EIO;
        disk_fail(w->disk, op, nth, error, forever && error != EINTR); // or it would be tried again for ever
    }
    w->faulty = true;
    total.faults++;
}

static void run_threads(struct world *w) {
    enum { OTHERS = 6 };
    void *(*const mains[OTHERS])(void *) = { read_main, read_main, pop_main, listen_main, save_main, clock_main };
    pthread_t threads[OTHERS], writers[WRITERS];
    struct writer numbers[WRITERS];
    for (int i = 0; i < OTHERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, mains[i], w), 0);
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = (struct writer){ w, i };
        assert_int_equal(pthread_create(&writers[i], NULL, write_main, &numbers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
    atomic_store(&w->over, true);
    for (int i = 0; i < OTHERS; i++) {
        if (i == OTHERS - 1) atomic_store(&w->stopped, true);
        pthread_join(threads[i], NULL);
    }
}

// From the disk of the life before, which is `from`.
static void begin_life(struct world *w, const struct copy *from) {
    char error[300] = "", address[120];
    struct found f;
    int status;
    w->db = open_disk(w->disk, 1 + (uint32_t)random_below(&w->random, 3), w->sync, error, sizeof error, &status);
    if (!w->db) fail_msg("seed %llu, life %d: refused: %s", (unsigned long long)w->seed, w->life, error);
    if (from) look(w->db, w, from, &f);
    else memset(&f, 0, sizeof f);
    for (int i = 0; i < WRITERS; i++) {
        w->base[i] = f.most[i];
        w->base_model[i] = f.models[i];
        w->popped_base[i] = f.popped[i];
        atomic_store(&w->started[i], f.most[i]);
        atomic_store(&w->seen[i], 0);
        atomic_store(&w->popped[i], f.popped[i]);
    }
    snprintf(address, sizeof address, "unix://%s", w->path);
    assert_int_equal(kora_listen(w->db, address, NULL, 0, error, sizeof error), KORA_OK);
    assert_int_equal(kora_config_set(w->db, "notify-keyspace-events", "KA", NULL, 0), KORA_OK);
    total.lives++;
}

// That the log could not be written to its end is said if it was broken before, or something fails now.
static void close_world(struct world *w) {
    kora_stats stats = KORA_STATS_INIT;
    assert_int_equal(kora_get_stats(w->db, &stats), KORA_OK);
    int status = kora_close(w->db);
    w->ended_well = status == KORA_OK;
    bool broken = stats.log_error != 0, for_good = broken && stats.log_error != ENOSPC;
    if (status != KORA_READONLY) assert_int_equal(status, KORA_OK);
    if (for_good && status == KORA_OK) fail_msg("the log is broken (%d), and kora_close does not say so", stats.log_error);
    if (status == KORA_READONLY && !broken && !w->faulty) fail_msg("nothing has failed, and kora_close says so");
}

static void live(struct world *w) {
    kora_subscription *s;
    kora_subscribe_options o = KORA_SUBSCRIBE_OPTIONS_INIT;
    kora_bytes patterns[] = { { "__keyspace@0__:key:*", 20 }, { "said:*", 6 } };
    o.fn = on_message;
    o.arg = w;
    assert_int_equal(kora_subscribe(w->db, NULL, 0, patterns, 2, &o, &s), KORA_OK);
    w->ops = 0;
    w->gap = 1 + random_below(&w->random, 200);
    w->next_copy = 1 + random_below(&w->random, w->gap);
    w->copy_count = 0;
    atomic_store(&w->over, false);
    atomic_store(&w->stopped, false);
    w->heals = true;
    disk_set_delay(w->disk, (uint32_t)random_below(&w->random, 3) * 400);
    if (random_below(&w->random, 4) == 0) plan_fault(w);
    disk_hook(w->disk, after_operation, w);
    run_threads(w);
    assert_int_equal(kora_unsubscribe(s), KORA_OK);
    close_world(w);
    disk_hook(w->disk, NULL, NULL);
    assert_int_equal(disk_open_files(w->disk), 0);
    take_copy(w, w->disk, true);
    w->copies[w->copy_count - 1].closed = true;
}

static void one_seed(uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    w->seed = seed;
    w->disk = disk_new(seed);
    random_seed(&w->random, seed);
    snprintf(w->path, sizeof w->path, "%s/kora-sim-%ld", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
    disk_set_may_map(w->disk, random_below(&w->random, 6) != 0);
    struct copy from = { 0 };
    for (w->life = 1; w->life <= LIVES; w->life++) {
        int sync = (int[]){ KORA_SYNC_ALWAYS, KORA_SYNC_ALWAYS, KORA_SYNC_ALWAYS, KORA_SYNC_EVERYSEC, KORA_SYNC_OS }[random_below(&w->random, 5)];
        // What the life before had promised is by its own policy.
        if (w->life == 1) w->sync = sync;
        begin_life(w, w->life > 1 ? &from : NULL);
        w->faulty = false;
        if (w->life > 1) assert_int_equal(kora_config_set(w->db, "appendfsync", (const char *[]){ "everysec", "always", "no" }[sync], NULL, 0), KORA_OK);
        w->sync = sync;
        live(w);
        int next = (int)random_below(&w->random, (uint64_t)w->copy_count);
        disk_free(w->disk);
        from = w->copies[next];
        w->disk = disk_kill(from.disk);
        for (int i = 0; i < w->copy_count; i++) {
            check_copy(w, &w->copies[i]);
            disk_free(w->copies[i].disk);
        }
    }
    disk_free(w->disk);
    unlink(w->path);
    free(w);
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static bool is_long(void) { return getenv("KORA_TEST_LONG") && strcmp(getenv("KORA_TEST_LONG"), "0") != 0; }

// ---- operation by operation ---------------------------------------------------------------------------------------------------------------------

// The log's thread looks at the clock while it waits for others.
static void start_clock(struct world *w) { assert_int_equal(pthread_create(&w->ticker, NULL, clock_main, w), 0); }

static void free_world(struct world *w) {
    atomic_store(&w->stopped, true);
    pthread_join(w->ticker, NULL);
    disk_free(w->disk);
    free(w);
}

static void open_world(struct world *w) {
    char error[300] = "";
    int status;
    w->db = open_disk(w->disk, 2, w->sync, error, sizeof error, &status);
    if (!w->db) fail_msg("refused: %s", error);
}

// Of each writer so many, one after the other; until one is refused.
static void write_some(struct world *w, uint32_t count) {
    bool good = true;
    for (uint32_t i = 0; i < count * WRITERS && good; i++) {
        int writer = (int)(i % WRITERS);
        uint32_t n = atomic_load(&w->started[writer]) + 1;
        struct todo o;
        begin_call(w, writer, n);
        make_op(w, writer, n, &o);
        good = run_typed(w->db, &o);
        if (good) w->calls[writer][n].end = atomic_fetch_add(&w->clock, 1);
        else if (!w->faulty) fail_msg("a write is refused");
        mem_free(o.large);
    }
}

static struct world *world_like(const struct world *from, uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    memcpy(w, from, sizeof *w);
    w->disk = disk_kill(from->disk);
    random_seed(&w->random, seed);
    start_clock(w);
    return w;
}

// Killed, with a snapshot, a log behind it, and something in staging.
static struct world *killed_world(uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    w->seed = seed;
    w->life = 1;
    w->sync = KORA_SYNC_ALWAYS;
    w->disk = disk_new(seed);
    random_seed(&w->random, seed);
    start_clock(w);
    open_world(w);
    write_some(w, 25);
    assert_int_equal(kora_snapshot(w->db, NULL, NULL, 0), KORA_OK);
    write_some(w, 10);
    struct world *killed = world_like(w, seed);
    close_world(w);
    free_world(w);
    return killed;
}

static void *check_main(void *arg) {
    struct world *w = arg;
    check_copy(w, &w->copies[0]);
    return NULL;
}

// On a thread of its own: the engine's must not wait.
static void look_now(struct world *w, struct disk *d, bool power) {
    pthread_t thread;
    w->copy_count = 0;
    take_copy(w, d, power);
    assert_int_equal(pthread_create(&thread, NULL, check_main, w), 0);
    pthread_join(thread, NULL);
    disk_free(w->copies[0].disk);
}

static void at_every_operation(void *arg, struct disk *d, enum disk_op op) {
    struct world *w = arg;
    if (!disk_op_changes(op)) return;
    for (int i = 0; i < w->cuts_each; i++) look_now(w, d, true);
    if (w->ops++ % 8 == 0) look_now(w, d, false);
}

static void the_power_goes(void **state) {
    (void)state;
    struct world *from = killed_world(11), *w = world_like(from, 12);
    uint64_t states = total.states;
    w->cuts_each = is_long() ? 40 : 1;
    disk_hook(w->disk, at_every_operation, w);
    open_world(w);
    uint64_t opening = w->ops;
    write_some(w, 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kora_snapshot(w->db, NULL, NULL, 0), KORA_OK);
        write_some(w, 1);
    }
    close_world(w);
    print_message("%llu operations, %llu of them of the opening, %llu states\n", (unsigned long long)w->ops, (unsigned long long)opening,
        (unsigned long long)(total.states - states));
    assert_true(opening > 10 && w->ops > opening + 60);
    disk_hook(w->disk, NULL, NULL);
    free_world(w);
    free_world(from);
}

static void look_twice(struct world *w) {
    disk_heal(w->disk);
    look_now(w, w->disk, true);
    look_now(w, w->disk, false);
}

static const struct {
    int error;
    bool forever;
} ways[] = { { EIO, false }, { EIO, true }, { ENOSPC, false }, { ENOSPC, true } };

static void a_snapshot_fails(void **state) {
    (void)state;
    struct world *from = killed_world(21);
    uint64_t operations = 0, failed = 0, states = total.states;
    for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
        bool hit = true;
        for (uint64_t nth = is_long() ? 1 : 1 + 2 * way; hit; nth += is_long() ? 1 : 8) {
            char error[300] = "";
            struct world *w = world_like(from, nth);
            open_world(w);
            uint64_t before = disk_count(w->disk, DISK_ANY);
            disk_fail(w->disk, DISK_ANY, nth, ways[way].error, ways[way].forever);
            w->faulty = true;
            int status = kora_snapshot(w->db, NULL, error, sizeof error);
            hit = disk_count(w->disk, DISK_ANY) - before >= nth;
            if (status != KORA_OK && (!hit || strlen(error) < 10)) fail_msg("operation %llu: no snapshot: %s", (unsigned long long)nth, error);
            failed += status != KORA_OK;
            operations += hit;
            look_twice(w);
            write_some(w, 1); // refused, if the log is broken
            look_twice(w);
            close_world(w);
            look_twice(w);
            free_world(w);
        }
    }
    print_message("%llu operations that failed, %llu snapshots with them, %llu states\n", (unsigned long long)operations, (unsigned long long)failed,
        (unsigned long long)(total.states - states));
    assert_true(operations > 20 && failed > 10);
    free_world(from);
}

static void an_opening_fails(void **state) {
    (void)state;
    struct world *from = killed_world(31);
    uint64_t operations = 0, failed = 0, states = total.states;
    for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
        bool hit = true;
        for (uint64_t nth = is_long() ? 1 : 1 + 2 * way; hit; nth += is_long() ? 1 : 8) {
            char error[300] = "";
            int status;
            struct world *w = world_like(from, nth);
            disk_fail(w->disk, DISK_ANY, nth, ways[way].error, ways[way].forever);
            w->faulty = true;
            w->db = open_disk(w->disk, 3, w->sync, error, sizeof error, &status);
            hit = disk_count(w->disk, DISK_ANY) >= nth;
            if (!w->db && (!hit || strlen(error) < 10 || (status != KORA_SYSTEM && status != KORA_NOMEM))) fail_msg("operation %llu: refused: %d %s",
                (unsigned long long)nth, status, error);
            failed += !w->db;
            operations += hit;
            look_twice(w);
            if (w->db) {
                write_some(w, 1);
                look_twice(w);
                close_world(w);
            }
            assert_int_equal(disk_open_files(w->disk), 0);
            free_world(w);
        }
    }
    print_message("%llu operations that failed, %llu openings with them, %llu states\n", (unsigned long long)operations, (unsigned long long)failed,
        (unsigned long long)(total.states - states));
    assert_true(operations > 20 && failed > 10);
    free_world(from);
}

// ---- all ------------------------------------------------------------------------------------------------------------------------------------------

static void seeds(void **state) {
    (void)state;
    uint64_t n = number("KORA_SIM_SEEDS", is_long() ? 300 : 4), first = 1;
    if (getenv("KORA_SIM_SEED")) {
        first = number("KORA_SIM_SEED", 1);
        n = number("KORA_SIM_SEEDS", 1);
    }
    for (uint64_t seed = first; seed < first + n; seed++) one_seed(seed);
    print_message("%llu seeds: %llu lives, %llu states (%llu power cuts, %llu kills, %llu while a snapshot was written), %llu snapshots, %llu faults; "
        "%llu calls that had to be there, %llu that had begun were lost; seen by %llu reads, %llu notices, %llu pops\n", (unsigned long long)n,
        (unsigned long long)total.lives, (unsigned long long)total.states, (unsigned long long)total.cuts, (unsigned long long)total.kills,
        (unsigned long long)total.saving, (unsigned long long)total.saves, (unsigned long long)total.faults, (unsigned long long)total.acknowledged,
        (unsigned long long)total.lost, (unsigned long long)total.reads, (unsigned long long)total.notices, (unsigned long long)total.popped);
    if (n < 3) return;
    assert_true(total.cuts > n && total.kills > 0 && total.saving > 0 && total.saves > n && total.acknowledged > 0 && total.lost > 0);
    assert_true(total.reads > 0 && total.notices > 0 && total.popped > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_power_goes), cmocka_unit_test(a_snapshot_fails), cmocka_unit_test(an_opening_fails), cmocka_unit_test(seeds) };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
