// Does memory stay near the live data when everything is overwritten for a long time with values of other sizes?
//
// A loader thread fills the database and then sleeps until the end, so what it allocated is freed by others. Writer threads in this
// process and a load program on a unix socket overwrite keys at random with values of 10 to 4,000 bytes; at each moment the sizes
// lie in a quarter of that range, which drifts through it and back. Every --report seconds: resident set, the library's account
// (kora_stats.memory_used), and the sum of key and value bytes, counted by asking for each key's length.
//
// Exit status 1 if at any report the resident set was above 1.25 times the account, or if within 10 s after FLUSHALL it was not
// back within 1.1 times the start. The start is after kora_open, kora_listen and a short warm-up by the same threads with 1,000 keys.
#include "kora.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "bench.h"

enum { VALUE_LOW = 10, VALUE_HIGH = 4000, WRITERS_MAX = 64, WARM_KEYS = 1000 };
static const double live_bound = 1.25, start_bound = 1.1;

struct churn {
    kora *db;
    const char *load;
    char dir[64], socket[96];
    uint64_t keys, drift_ns;
    double seconds, report;
    unsigned writers, connections;
    _Atomic uint64_t writes;
    _Atomic bool stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool fill, over; // under `lock`
};

struct writer {
    pthread_t thread;
    struct churn *c;
    uint64_t rng;
};

static void set_one(struct churn *c, uint64_t *rng, uint64_t key) {
    char name[KEY_LEN], value[VALUE_HIGH];
    key_write(name, key);
    size_t n = size_drift(rng, VALUE_LOW, VALUE_HIGH, c->drift_ns, now_ns());
    memset(value, 'a' + (int)(key % 26), n);
    int rc = kora_set(c->db, name, KEY_LEN, value, n, NULL);
    if (rc != KORA_OK) die("kora_set: %s", kora_status_text(rc));
}

// Fills when it is asked to, and sleeps until then and from then on.
static void *loader(void *arg) {
    struct churn *c = arg;
    uint64_t rng = 1;
    pthread_mutex_lock(&c->lock);
    while (!c->over) {
        if (c->fill) {
            pthread_mutex_unlock(&c->lock);
            for (uint64_t i = 0; i < c->keys; i++) set_one(c, &rng, i);
            pthread_mutex_lock(&c->lock);
            c->fill = false;
            pthread_cond_broadcast(&c->changed);
        } else {
            pthread_cond_wait(&c->changed, &c->lock);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void fill(struct churn *c) {
    pthread_mutex_lock(&c->lock);
    c->fill = true;
    pthread_cond_broadcast(&c->changed);
    while (c->fill) pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

static void *writer(void *arg) {
    struct writer *w = arg;
    while (!atomic_load_explicit(&w->c->stop, memory_order_relaxed)) {
        for (int i = 0; i < 64; i++) set_one(w->c, &w->rng, rng_below(&w->rng, w->c->keys));
        atomic_fetch_add_explicit(&w->c->writes, 64, memory_order_relaxed);
    }
    return NULL;
}

static void writers_start(struct churn *c, struct writer *writers) {
    atomic_store(&c->stop, false);
    for (unsigned i = 0; i < c->writers; i++) {
        writers[i] = (struct writer){ .c = c, .rng = 1000 + i };
        if (pthread_create(&writers[i].thread, NULL, writer, &writers[i]) != 0) die("a thread could not be started");
    }
}

static void writers_end(struct churn *c, struct writer *writers) {
    atomic_store(&c->stop, true);
    for (unsigned i = 0; i < c->writers; i++) pthread_join(writers[i].thread, NULL);
}

// ---- the load program ----

static pid_t load_start(const struct churn *c, double seconds, uint64_t keys) {
    char connections[16], text[32], n[32], range[32], drift[32];
    snprintf(connections, sizeof(connections), "%u", c->connections);
    snprintf(text, sizeof(text), "%g", seconds);
    snprintf(n, sizeof(n), "%llu", (unsigned long long)keys);
    snprintf(range, sizeof(range), "%d:%d", VALUE_LOW, VALUE_HIGH);
    snprintf(drift, sizeof(drift), "%g", (double)c->drift_ns / 1e9);
    const char *argv[] = { c->load, "--unix", c->socket, "--connections", connections, "--threads", "1", "--pipeline", "4", "--mix", "1:0",
        "--warmup", "0", "--seconds", text, "--keys", n, "--value-range", range, "--drift", drift, "--label", "churn", "--quiet", NULL };
    extern char **environ;
    pid_t pid;
    int e = posix_spawn(&pid, c->load, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    if (e) die("%s: %s (build it, or name it with --load)", c->load, strerror(e));
    return pid;
}

static void load_wait(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) die("the load program failed, status %d", status);
}

// ---- figures ----

struct sample {
    double rss, used, held, live; // bytes
};

static double live_bytes(const struct churn *c) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < c->keys; i++) {
        char key[KEY_LEN];
        size_t n;
        key_write(key, i);
        int rc = kora_get_into(c->db, key, KEY_LEN, NULL, 0, &n);
        if (rc != KORA_OK && rc != KORA_NOSPACE) die("key %llu is gone: %s", (unsigned long long)i, kora_status_text(rc));
        sum += n + KEY_LEN;
    }
    return (double)sum;
}

static kora_stats stats_take(const struct churn *c) {
    kora_stats s = KORA_STATS_INIT;
    if (kora_get_stats(c->db, &s) != KORA_OK) die("kora_get_stats failed");
    return s;
}

// Everything moves while it is measured: the account is the middle of one before and one after the resident set was read.
static struct sample sample_take(const struct churn *c) {
    double live = live_bytes(c);
    kora_stats before = stats_take(c);
    double rss = (double)process_rss(0);
    kora_stats after = stats_take(c);
    return (struct sample){ rss, ((double)before.memory_used + (double)after.memory_used) / 2,
        ((double)before.memory_held + (double)after.memory_held) / 2, live };
}

static void flush(struct churn *c) {
    const char *argv[] = { "FLUSHALL" };
    kora_reply *reply;
    int rc = kora_exec(c->db, NULL, 1, argv, NULL, &reply);
    if (rc != KORA_OK) die("FLUSHALL: %s", kora_status_text(rc));
    if (reply->type == KORA_REPLY_ERROR) die("FLUSHALL: %s", reply->str);
    kora_reply_free(reply);
}

// All threads and connections have been there, a little data was there and is gone: the resident set that the rest is measured by.
static double warm_up(struct churn *c) {
    struct writer writers[WRITERS_MAX];
    uint64_t keys = c->keys;
    c->keys = WARM_KEYS;
    fill(c);
    pid_t pid = c->connections ? load_start(c, 0.5, WARM_KEYS) : 0;
    writers_start(c, writers);
    sleep_ns(500000000);
    writers_end(c, writers);
    if (pid) load_wait(pid);
    sample_take(c);
    flush(c);
    c->keys = keys;
    atomic_store(&c->writes, 0);
    sleep_ns(2000000000);
    return (double)process_rss(0);
}

// Returns the highest ratio of the resident set to the account.
static double churn(struct churn *c) {
    struct writer writers[WRITERS_MAX];
    pid_t pid = c->connections ? load_start(c, c->seconds, c->keys) : 0;
    writers_start(c, writers);
    printf("   seconds   resident MB   account MB   held MB   key+value MB   resident/account   resident/key+value   M writes in-process\n");
    double worst = 0, mb = 1048576;
    uint64_t from = now_ns();
    for (double next = c->report;; next += c->report) {
        double until = next < c->seconds ? next : c->seconds, at = (double)(now_ns() - from) / 1e9;
        if (until > at) sleep_ns((uint64_t)((until - at) * 1e9));
        struct sample s = sample_take(c);
        double ratio = s.rss / s.used;
        if (ratio > worst) worst = ratio;
        printf("  %8.0f %13.1f %12.1f %9.1f %14.1f %18.3f %20.3f %12.2f\n", (double)(now_ns() - from) / 1e9, s.rss / mb, s.used / mb,
            s.held / mb, s.live / mb, ratio, s.rss / s.live, (double)atomic_load(&c->writes) / 1e6);
        fflush(stdout);
        if (next >= c->seconds) break;
    }
    writers_end(c, writers);
    if (pid) load_wait(pid);
    return worst;
}

// Empties the database; returns the resident set once it is within the bound, or after 10 s.
static double settle(struct churn *c, double start) {
    uint64_t from = now_ns();
    flush(c);
    double rss = (double)process_rss(0);
    while (rss > start * start_bound && now_ns() - from < 10000000000u) {
        sleep_ns(50000000);
        rss = (double)process_rss(0);
    }
    printf("  after FLUSHALL: %.2f MB, %.2f s later\n", rss / 1048576, (double)(now_ns() - from) / 1e9);
    return rss;
}

static void open_all(struct churn *c) {
    char error[256] = "", address[128];
    strcpy(c->dir, "/tmp/kora-churn-XXXXXX");
    if (!mkdtemp(c->dir)) die("%s: %s", c->dir, strerror(errno));
    snprintf(c->socket, sizeof(c->socket), "%s/socket", c->dir);
    snprintf(address, sizeof(address), "unix://%s", c->socket);
    if (kora_open(NULL, NULL, &c->db) != KORA_OK) die("kora_open failed");
    if (c->connections && kora_listen(c->db, address, NULL, 0, error, sizeof(error)) != KORA_OK) die("kora_listen: %s", error);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
}

static void options_parse(struct churn *c, int argc, char **argv) {
    static const struct option list[] = { { "minutes", 1, NULL, 'm' }, { "seconds", 1, NULL, 's' }, { "keys", 1, NULL, 'k' }, { "writers", 1, NULL, 'w' },
        { "connections", 1, NULL, 'c' }, { "report", 1, NULL, 'r' }, { "drift", 1, NULL, 'd' }, { "load", 1, NULL, 'l' }, { 0 } };
    for (int o; (o = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        switch (o) {
        case 'm': c->seconds = 60 * need_number("minutes", optarg, 0.01, 1e6); break;
        case 's': c->seconds = need_number("seconds", optarg, 1, 1e8); break;
        case 'k': c->keys = (uint64_t)need_number("keys", optarg, WARM_KEYS, 1e10); break;
        case 'w': c->writers = (unsigned)need_number("writers", optarg, 0, WRITERS_MAX); break;
        case 'c': c->connections = (unsigned)need_number("connections", optarg, 0, 10000); break;
        case 'r': c->report = need_number("report", optarg, 0.1, 1e6); break;
        case 'd': c->drift_ns = (uint64_t)(need_number("drift", optarg, 0, 1e6) * 1e9); break;
        case 'l': c->load = optarg; break;
        default: die("churn [--minutes M | --seconds S] [--keys N] [--writers N] [--connections N] [--report S] [--drift S] [--load PROGRAM]");
        }
    }
    if (optind < argc) die("what is \"%s\"?", argv[optind]);
    if (!c->drift_ns) c->drift_ns = (uint64_t)((c->seconds < 60 ? 10 : c->seconds / 6) * 1e9);
    if (c->report <= 0) c->report = c->seconds > 300 ? 20 : c->seconds / 15;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct churn *c = need_alloc(sizeof(*c));
    char beside[4096];
    const char *slash = strrchr(argv[0], '/');
    snprintf(beside, sizeof(beside), "%.*sload", slash ? (int)(slash + 1 - argv[0]) : 0, argv[0]);
    *c = (struct churn){ .load = beside, .keys = 200000, .seconds = 60, .writers = 2, .connections = 20 };
    options_parse(c, argc, argv);
    open_all(c);
    pthread_t filler;
    if (pthread_create(&filler, NULL, loader, c) != 0) die("a thread could not be started");
    double opened = (double)process_rss(0), start = warm_up(c), mb = 1048576;
    printf("churn: %llu keys, values of %d to %d bytes drifting in %.0f s, %u writers, %u connections, %.0f s; resident at the start %.2f MB "
           "(%.2f before the warm-up)\n", (unsigned long long)c->keys, VALUE_LOW, VALUE_HIGH, (double)c->drift_ns / 1e9, c->writers,
        c->connections, c->seconds, start / mb, opened / mb);
    fflush(stdout);
    fill(c);
    double live = churn(c), end = settle(c, start) / start;
    printf("  highest resident/account %.3f, target <= %g%s; after FLUSHALL %.3f of the start, target <= %g%s\n", live, live_bound,
        live <= live_bound ? "" : " MISSED", end, start_bound, end <= start_bound ? "" : " MISSED");
    pthread_mutex_lock(&c->lock);
    c->over = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(filler, NULL);
    int rc = kora_close(c->db);
    unlink(c->socket);
    rmdir(c->dir);
    free(c);
    if (rc != KORA_OK) die("kora_close: %s", kora_status_text(rc));
    return live <= live_bound && end <= start_bound ? 0 : 1;
}
