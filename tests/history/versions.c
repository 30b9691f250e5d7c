// Transactions over many keys, from threads and sockets at once, checked as one history for strict serializability.
//
//     versions [--transactions N] [--seed S] [--hosts N] [--sockets N] [--keys N] [--shards N] [--stripes N] [--delay PER_MILLE]
//
// Every key is a counter, and whoever changes it makes it one more: so each value is a version, each version has one writer, and what was read or written
// says where in a key's order it was. That gives all dependencies of a history: who wrote a version comes before those who read it, and these before who wrote
// the next; and who was answered before another had asked comes before him. The history is strictly serializable if and only if these have no cycle, which
// is found in linear time (Adya's serialization graph, with real time as a chain of moments).
//
// Operations are MULTI with INCR, GET and DBSIZE on some keys; WATCH, GET, and then MULTI with SET; kora_txn likewise; single commands and typed calls.
// Afterwards the history is falsified in several ways, and each of these must be found.
//
// Exit status: 0 or 1. Last line: `N passed, N failed`.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api_int.h"
#include "base/clock.h"
#include "base/mem.h"
#include "resp/resp.h"

enum { CLIENTS_MAX = 16, TOUCH_MAX = 6, NAME_MAX_ = 24 };

struct touch {
    uint32_t key, version; // that it left there (wrote), or saw
    bool wrote;
};

struct action {
    int64_t start_ns, end_ns;
    uint32_t count;
    struct touch touch[TOUCH_MAX];
};

struct client {
    bool socket;
    uint64_t random;
    kora_session *session;
    kora_txn *txn;
    int fd;
    struct buf out, in;
    uint32_t asked;        // replies that are still to come
    kora_reply *last;
    struct action *ops;
    uint32_t count, room;
    uint64_t transactions, conflicts;
};

static struct {
    uint32_t transactions, hosts, sockets, keys, shards, stripes, delay, seed;
} options = { 60000, 3, 3, 40, 2, 16, 60, 1 };
static kora *db;
static char path[64];
static struct client clients[CLIENTS_MAX];
static pthread_barrier_t barrier;

static void die(const char *what) {
    printf("%s\n0 passed, 1 failed\n", what);
    exit(1);
}

static uint32_t below(struct client *c, uint32_t n) {
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((c->random >> 33) % n);
}

// ---- asking ------------------------------------------------------------------------------------------------------------------

static kora_reply *next_reply(struct client *c) {
    for (;;) {
        size_t used;
        kora_reply *reply = NULL;
        enum resp_status status = c->in.n ? resp_reply_parse(c->in.p, c->in.n, &used, &reply) : RESP_MORE;
        if (status == RESP_COMPLETE) {
            buf_drop(&c->in, used);
            return reply;
        }
        char *to = status == RESP_MORE ? buf_reserve(&c->in, 65536) : NULL;
        ssize_t n = to ? recv(c->fd, to, 65536, 0) : -1;
        if (n <= 0) die("a connection is lost, or says what is no reply");
        c->in.n += (size_t)n;
    }
}

// The answer of the last command counts; sockets send all before they read any.
static void ask(struct client *c, int argc, const char *const *argv) {
    if (!c->socket) {
        kora_reply_free(c->last);
        c->last = NULL;
        if (kora_exec(db, c->session, argc, argv, NULL, &c->last) != KORA_OK) die("kora_exec failed");
        return;
    }
    buf_printf(&c->out, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) buf_printf(&c->out, "$%zu\r\n%s\r\n", strlen(argv[i]), argv[i]);
    c->asked++;
}

static const kora_reply *answer(struct client *c) {
    for (size_t sent = 0; sent < c->out.n;) {
        ssize_t n = send(c->fd, c->out.p + sent, c->out.n - sent, MSG_NOSIGNAL);
        if (n <= 0) die("a connection does not take commands");
        sent += (size_t)n;
    }
    buf_clear(&c->out);
    for (; c->asked; c->asked--) {
        kora_reply_free(c->last);
        c->last = next_reply(c);
    }
    if (c->last->type == KORA_REPLY_ERROR) die(c->last->str);
    return c->last;
}

static uint32_t version_in(const kora_reply *r) {
    if (r->type == KORA_REPLY_ERROR) die(r->str);
    if (r->type == KORA_REPLY_NULL) return 0;
    return r->type == KORA_REPLY_INTEGER ? (uint32_t)r->integer : (uint32_t)strtoul(r->str, NULL, 10);
}

// ---- operations --------------------------------------------------------------------------------------------------------------

static struct action *begin(struct client *c) {
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 1024;
        c->ops = realloc(c->ops, c->room * sizeof *c->ops);
        if (!c->ops) die("no memory");
    }
    struct action *o = &c->ops[c->count++];
    *o = (struct action){ .start_ns = clock_mono_ns() };
    return o;
}

static void touched(struct action *o, uint32_t key, uint32_t version, bool wrote) { o->touch[o->count++] = (struct touch){ key, version, wrote }; }

static void name_of(uint32_t key, char *name) { snprintf(name, NAME_MAX_, "v:%" PRIu32, key); }

// Some keys, each once.
static uint32_t choose(struct client *c, uint32_t *keys, uint32_t max) {
    uint32_t n = 1 + below(c, max);
    for (uint32_t i = 0; i < n; i++) {
        keys[i] = below(c, options.keys);
        for (uint32_t j = 0; j < i; j++) {
            if (keys[j] == keys[i]) i--, j = i;
        }
    }
    return n;
}

static void end_transaction(struct client *c, struct action *o, const kora_reply *r, const uint32_t *keys, const bool *wrote, uint32_t n, bool sized) {
    o->end_ns = clock_mono_ns();
    if (r->type != KORA_REPLY_ARRAY || r->count != n + sized) die("EXEC's reply has another shape");
    for (uint32_t i = 0; i < n; i++) touched(o, keys[i], version_in(&r->elements[i]), wrote[i]);
    if (sized && version_in(&r->elements[n]) != options.keys) die("DBSIZE within a transaction is not exact");
    c->transactions++;
}

static void add(struct client *c, bool typed, int argc, const char *const *argv) {
    if (!typed) ask(c, argc, argv);
    else if (kora_txn_add(c->txn, argc, argv, NULL) != KORA_OK) die("kora_txn_add failed");
}

// KORA_OK: *r is EXEC's reply. False: a watched key has changed.
static bool execute(struct client *c, bool typed, const kora_reply **r) {
    if (typed) {
        kora_reply_free(c->last);
        c->last = NULL;
        int status = kora_txn_exec(c->txn, &c->last);
        if (status != KORA_OK && status != KORA_CONFLICT) die("kora_txn_exec failed");
        *r = c->last;
        return status == KORA_OK;
    }
    ask(c, 1, (const char *[]){ "EXEC" });
    *r = answer(c);
    return (*r)->type != KORA_REPLY_NULL;
}

static void multi(struct client *c) {
    uint32_t keys[4], n = choose(c, keys, 4);
    bool wrote[4], typed = !c->socket && below(c, 2), sized = below(c, 30) == 0;
    char name[NAME_MAX_];
    const kora_reply *r;
    struct action *o = begin(c);
    if (!typed) ask(c, 1, (const char *[]){ "MULTI" });
    for (uint32_t i = 0; i < n; i++) {
        wrote[i] = below(c, 2);
        name_of(keys[i], name);
        add(c, typed, 2, (const char *[]){ wrote[i] ? "INCR" : "GET", name });
    }
    if (sized) add(c, typed, 1, (const char *[]){ "DBSIZE" });
    if (!execute(c, typed, &r)) die("a transaction that watches nothing has found a conflict");
    end_transaction(c, o, r, keys, wrote, n, sized);
}

static uint32_t get(struct client *c, uint32_t key) {
    char name[NAME_MAX_];
    struct action *o = begin(c);
    name_of(key, name);
    ask(c, 2, (const char *[]){ "GET", name });
    uint32_t version = version_in(answer(c));
    o->end_ns = clock_mono_ns();
    touched(o, key, version, false);
    return version;
}

// Reads some, and makes the first of them one more than it was, or leaves them all; and something else besides.
static void watch(struct client *c) {
    uint32_t keys[4], n = choose(c, keys, 4), watched = n > 1 ? n - 1 : 1, versions[4];
    bool typed = !c->socket && below(c, 2), sets = n == 1 || below(c, 2);
    char name[NAME_MAX_], value[NAME_MAX_];
    const kora_reply *r;
    for (uint32_t i = 0; i < watched; i++) {
        name_of(keys[i], name);
        if (!typed) ask(c, 2, (const char *[]){ "WATCH", name });
        else if (kora_txn_watch(c->txn, name, strlen(name)) != KORA_OK) die("kora_txn_watch failed");
    }
    if (!typed) answer(c);
    for (uint32_t i = 0; i < watched; i++) versions[i] = get(c, keys[i]);
    struct action *o = begin(c);
    if (!typed) ask(c, 1, (const char *[]){ "MULTI" });
    name_of(keys[0], name);
    snprintf(value, sizeof value, "%" PRIu32, versions[0] + 1);
    if (sets) add(c, typed, 3, (const char *[]){ "SET", name, value });
    name_of(keys[n - 1], name);
    if (n > 1) add(c, typed, 2, (const char *[]){ "INCR", name });
    if (!execute(c, typed, &r)) {
        c->conflicts++;
        c->count--;
        return;
    }
    o->end_ns = clock_mono_ns();
    if (r->count != (uint32_t)sets + (n > 1)) die("EXEC's reply has another shape");
    touched(o, keys[0], versions[0] + sets, sets);
    for (uint32_t i = 1; i < watched; i++) touched(o, keys[i], versions[i], false);
    if (n > 1) touched(o, keys[n - 1], version_in(&r->elements[sets]), true);
    c->transactions++;
}

static void single(struct client *c) {
    char name[NAME_MAX_];
    uint32_t key = below(c, options.keys);
    struct action *o = begin(c);
    int64_t version = 0;
    name_of(key, name);
    if (!c->socket && below(c, 2)) {
        if (kora_incr(db, name, strlen(name), 1, &version) != KORA_OK) die("kora_incr failed");
    } else {
        ask(c, 2, (const char *[]){ "INCR", name });
        version = version_in(answer(c));
    }
    o->end_ns = clock_mono_ns();
    touched(o, key, (uint32_t)version, true);
}

static void many(struct client *c) {
    uint32_t keys[TOUCH_MAX], n = choose(c, keys, TOUCH_MAX);
    char names[TOUCH_MAX][NAME_MAX_], buffer[256];
    const char *argv[1 + TOUCH_MAX] = { "MGET" };
    kora_bytes bytes[TOUCH_MAX];
    kora_value values[TOUCH_MAX];
    for (uint32_t i = 0; i < n; i++) {
        name_of(keys[i], names[i]);
        argv[1 + i] = names[i];
        bytes[i] = (kora_bytes){ names[i], strlen(names[i]) };
    }
    bool typed = !c->socket && below(c, 2);
    struct action *o = begin(c);
    if (typed) {
        if (kora_get_many(db, bytes, n, values, buffer, sizeof buffer, NULL) != KORA_OK) die("kora_get_many failed");
    } else {
        ask(c, 1 + (int)n, argv);
        answer(c);
    }
    o->end_ns = clock_mono_ns();
    for (uint32_t i = 0; i < n; i++) {
        char text[NAME_MAX_] = "";
        if (typed && values[i].status == KORA_OK) memcpy(text, values[i].data, MIN(values[i].len, sizeof text - 1));
        touched(o, keys[i], typed ? (uint32_t)strtoul(text, NULL, 10) : version_in(&c->last->elements[i]), false);
    }
}

// ---- clients -----------------------------------------------------------------------------------------------------------------

static void open_client(struct client *c) {
    if (!c->socket) {
        if (kora_session_open(db, &c->session) != KORA_OK || kora_txn_begin(db, &c->txn) != KORA_OK) die("no session");
        return;
    }
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) die("no connection");
}

static void close_client(struct client *c) {
    kora_reply_free(c->last);
    buf_free(&c->in);
    buf_free(&c->out);
    if (c->socket) {
        close(c->fd);
        return;
    }
    kora_txn_free(c->txn);
    kora_session_close(c->session);
}

static void *client_main(void *arg) {
    struct client *c = arg;
    uint64_t share = options.transactions / (options.hosts + options.sockets);
    open_client(c);
    pthread_barrier_wait(&barrier);
    while (c->transactions < share) {
        switch (below(c, 8)) {
        case 0: single(c); break;
        case 1: many(c); break;
        case 2:
        case 3: watch(c); break;
        default: multi(c); break;
        }
    }
    close_client(c);
    return NULL;
}

// ---- the graph ---------------------------------------------------------------------------------------------------------------
// Nodes: operations, then as many moments: the ends of operations in their order.

struct graph {
    struct action **ops;
    uint32_t n;
    uint32_t *writers;            // of all versions of all keys; UINT32_MAX: nobody
    uint32_t *first, *versions;   // of each key: where its versions begin in `writers`, and how many it has
    uint32_t *from, *to, edges, edges_max;
    uint32_t *by_end;             // operations by their end
};

static int by_end(const void *a, const void *b, void *ops) {
    int64_t x = ((struct action **)ops)[*(const uint32_t *)a]->end_ns, y = ((struct action **)ops)[*(const uint32_t *)b]->end_ns;
    return x < y ? -1 : x > y;
}

static void edge(struct graph *g, uint32_t from, uint32_t to) {
    if (from == UINT32_MAX || from == to) return;
    if (g->edges == g->edges_max) {
        g->edges_max = g->edges_max ? g->edges_max * 2 : 1 << 16;
        g->from = realloc(g->from, g->edges_max * sizeof *g->from);
        g->to = realloc(g->to, g->edges_max * sizeof *g->to);
        if (!g->from || !g->to) die("no memory");
    }
    g->from[g->edges] = from;
    g->to[g->edges++] = to;
}

static const char *find_writers(struct graph *g) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        for (uint32_t j = 0; j < g->ops[i]->count; j++) {
            const struct touch *t = &g->ops[i]->touch[j];
            if (t->version >= g->versions[t->key]) g->versions[t->key] = t->version + 1;
        }
    }
    for (uint32_t k = 0; k < options.keys; k++) {
        g->first[k] = total;
        total += g->versions[k];
    }
    g->writers = malloc((total + 1) * sizeof *g->writers);
    memset(g->writers, 0xff, (total + 1) * sizeof *g->writers);
    for (uint32_t i = 0; i < g->n; i++) {
        for (uint32_t j = 0; j < g->ops[i]->count; j++) {
            const struct touch *t = &g->ops[i]->touch[j];
            if (!t->wrote) continue;
            uint32_t *w = &g->writers[g->first[t->key] + t->version];
            if (*w != UINT32_MAX) return "two have written the same version";
            *w = i;
        }
    }
    for (uint32_t k = 0; k < options.keys; k++) {
        for (uint32_t v = 1; v < g->versions[k]; v++) {
            if (g->writers[g->first[k] + v] == UINT32_MAX) return "a version was seen that nobody has written";
        }
    }
    return NULL;
}

static void add_dependencies(struct graph *g) {
    for (uint32_t i = 0; i < g->n; i++) {
        for (uint32_t j = 0; j < g->ops[i]->count; j++) {
            const struct touch *t = &g->ops[i]->touch[j];
            const uint32_t *of = g->writers + g->first[t->key];
            edge(g, t->wrote ? (t->version ? of[t->version - 1] : UINT32_MAX) : of[t->version], i);
            if (!t->wrote && t->version + 1 < g->versions[t->key] && of[t->version + 1] != i) edge(g, i, of[t->version + 1]);
        }
    }
}

static void add_time(struct graph *g) {
    for (uint32_t i = 0; i < g->n; i++) g->by_end[i] = i;
    qsort_r(g->by_end, g->n, sizeof *g->by_end, by_end, g->ops);
    for (uint32_t j = 0; j < g->n; j++) {
        edge(g, g->by_end[j], g->n + j);
        if (j > 0) edge(g, g->n + j - 1, g->n + j);
    }
    for (uint32_t i = 0; i < g->n; i++) { // the last moment before it began
        uint32_t low = 0, high = g->n;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (g->ops[g->by_end[mid]]->end_ns < g->ops[i]->start_ns) low = mid + 1;
            else high = mid;
        }
        if (low > 0) edge(g, g->n + low - 1, i);
    }
}

// Takes out whoever has nobody before him, until nobody is left, or a cycle.
static bool has_cycle(const struct graph *g) {
    uint32_t nodes = 2 * g->n, taken = 0, *before = calloc(nodes, 4), *start = calloc(nodes + 1, 4), *next = malloc((g->edges + 1) * 4), *queue = malloc(nodes * 4);
    for (uint32_t e = 0; e < g->edges; e++) {
        before[g->to[e]]++;
        start[g->from[e] + 1]++;
    }
    for (uint32_t i = 0; i < nodes; i++) start[i + 1] += start[i];
    uint32_t *at = malloc(nodes * 4);
    memcpy(at, start, nodes * 4);
    for (uint32_t e = 0; e < g->edges; e++) next[at[g->from[e]]++] = g->to[e];
    uint32_t end = 0;
    for (uint32_t i = 0; i < nodes; i++) {
        if (!before[i]) queue[end++] = i;
    }
    for (; taken < end; taken++) {
        for (uint32_t e = start[queue[taken]]; e < start[queue[taken] + 1]; e++) {
            if (--before[next[e]] == 0) queue[end++] = next[e];
        }
    }
    free(before);
    free(start);
    free(next);
    free(queue);
    free(at);
    return taken < nodes;
}

// NULL: the history is strictly serializable.
static const char *judge(struct action **ops, uint32_t n) {
    struct graph g = { .ops = ops, .n = n };
    g.first = calloc(options.keys, 4);
    g.versions = calloc(options.keys, 4);
    g.by_end = malloc(n * 4);
    const char *wrong = find_writers(&g);
    if (!wrong) {
        add_dependencies(&g);
        add_time(&g);
        if (has_cycle(&g)) wrong = "there is no order in which this could have happened";
    }
    free(g.first);
    free(g.versions);
    free(g.by_end);
    free(g.writers);
    free(g.from);
    free(g.to);
    return wrong;
}

// ---- falsified histories -------------------------------------------------------------------------------------------------------

// Changes one operation, `kind` says how. False: it can't be changed so.
static bool falsify(struct action *o, uint32_t kind) {
    for (uint32_t j = 0; j < o->count; j++) {
        struct touch *t = &o->touch[j];
        switch (kind) {
        case 0: // it has seen what was there long before
            if (t->wrote || t->version < 2000 || o->count < 2) continue;
            t->version -= 2000;
            return true;
        case 1: // ... or what came later
            if (t->wrote || t->version > 1000 || !t->version) continue;
            t->version += 1500;
            return true;
        case 2: // an update is lost
            if (!t->wrote || t->version < 2) continue;
            t->version--;
            return true;
        default: // it has happened at another time
            if (!t->wrote || t->version < 2000) continue;
            o->start_ns -= 3600 * INT64_C(1000000000);
            o->end_ns = o->start_ns + 1;
            return true;
        }
    }
    return false;
}

static uint32_t judge_falsified(struct action **ops, uint32_t n, uint32_t *passed) {
    uint32_t failed = 0;
    for (uint32_t kind = 0; kind < 4; kind++) {
        for (uint32_t i = n / 2; i < n; i++) {
            struct action was = *ops[kind == 1 ? i - n / 2 : i], *o = ops[kind == 1 ? i - n / 2 : i];
            if (!falsify(o, kind)) continue;
            bool found = judge(ops, n) != NULL;
            *o = was;
            if (found) ++*passed;
            else failed++, printf("a falsified history (%" PRIu32 ") was not found out\n", kind);
            break;
        }
    }
    return failed;
}

// ---- the whole -----------------------------------------------------------------------------------------------------------------

static void parse_options(int argc, char **argv) {
    struct { const char *name; uint32_t *value; } known[] = { { "--transactions", &options.transactions }, { "--hosts", &options.hosts },
        { "--sockets", &options.sockets }, { "--keys", &options.keys }, { "--shards", &options.shards }, { "--stripes", &options.stripes },
        { "--delay", &options.delay }, { "--seed", &options.seed } };
    for (int i = 1; i + 1 < argc; i += 2) {
        for (size_t j = 0; j < ARRAY_LEN(known); j++) {
            if (strcmp(argv[i], known[j].name) == 0) *known[j].value = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        }
    }
    if (options.hosts + options.sockets > CLIENTS_MAX || options.keys < TOUCH_MAX) die("bad options");
}

static void start(void) {
    kora_options o = KORA_OPTIONS_INIT;
    char address[96], name[NAME_MAX_];
    o.shards = options.shards;
    o.stripes = options.stripes;
    if (kora_open(NULL, &o, &db) != KORA_OK) die("kora_open failed");
    for (uint32_t k = 0; k < options.keys; k++) {
        name_of(k, name);
        kora_set(db, name, strlen(name), "0", 1, NULL);
    }
    snprintf(path, sizeof path, "/tmp/kora-versions-%d", (int)getpid());
    snprintf(address, sizeof address, "unix://%s", path);
    if (options.sockets && kora_listen(db, address, NULL, 0, NULL, 0) != KORA_OK) die("kora_listen failed");
#ifdef KORA_DELAYS
    atomic_store(&lease_delay_per_mille, options.delay);
#endif
}

int main(int argc, char **argv) {
    pthread_t threads[CLIENTS_MAX];
    parse_options(argc, argv);
    start();
    uint32_t n = options.hosts + options.sockets, count = 0, passed = 0, failed = 0;
    uint64_t transactions = 0, conflicts = 0;
    pthread_barrier_init(&barrier, NULL, n);
    for (uint32_t i = 0; i < n; i++) {
        clients[i].socket = i >= options.hosts;
        clients[i].random = options.seed * 1000u + i;
        if (pthread_create(&threads[i], NULL, client_main, &clients[i]) != 0) die("no thread");
    }
    for (uint32_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        count += clients[i].count;
        transactions += clients[i].transactions;
        conflicts += clients[i].conflicts;
    }
    if (kora_close(db) != KORA_OK) die("kora_close failed");
    struct action **ops = malloc(count * sizeof *ops);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < clients[i].count; j++) ops[at++] = &clients[i].ops[j];
    }
    const char *wrong = judge(ops, count);
    printf("%" PRIu64 " transactions, %" PRIu64 " conflicts, %" PRIu32 " operations, seed %" PRIu32 ": %s\n", transactions, conflicts, count, options.seed,
        wrong ? wrong : "strictly serializable");
    if (wrong) failed++;
    else passed++;
    if (conflicts) passed++;
    else failed++, printf("nobody was ever in anybody's way\n");
    if (!wrong) failed += judge_falsified(ops, count, &passed);
    for (uint32_t i = 0; i < n; i++) free(clients[i].ops);
    free(ops);
    printf("%" PRIu32 " passed, %" PRIu32 " failed\n", passed, failed);
    return failed ? 1 : 0;
}
