// The write-ahead log alone: what an append costs the thread that makes it, what the log's thread spends on it, and how many calls of many threads that wait for
// their sync share one.
//
//     bench_log [dir]        a folder on the disk that is to be measured; /tmp
//
// An effect is SET with a key of 16 bytes and a value of 32, on one of 64 stripes at random; it is gated and reserved as a call of the database would do it. The
// figure `append` is processor time for the whole of it, less that of the loop without it; the best of several runs, since others use the machine, too.
#include "base/clock.h"
#include "base/mem.h"
#include "store/log.h"

#include <pthread.h>

#include "bench.h"

enum { STRIPES = 64, ROUNDS = 9, APPENDS = 400000, CLIENTS_MAX = 128 };

static const char *const policies[] = { "always", "everysec", "os" };

static struct log *open_log(const char *dir, enum log_sync sync, bool stepped, void (*durable)(void *arg, uint64_t epoch), void *arg) {
    char error[300];
    struct log_config config = { .os = os_system(), .dir = dir, .stripes = STRIPES, .sync = sync, .durable = durable, .arg = arg, .stepped = stepped };
    struct log *l;
    if (log_open(&config, 1, &l, error, sizeof error) != 0) die("%s", error);
    return l;
}

static void remove_all(const char *dir) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0) die("%s: can't be removed", dir);
}

static bool append(struct log *l, uint64_t *rng, uint64_t *epoch) {
    static const char value[32];
    char key[KEY_LEN];
    uint64_t n = rng_below(rng, 1000000);
    uint32_t stripe = (uint32_t)(n % STRIPES);
    key_write(key, n);
    struct slice argv[3] = { SLICE("SET"), { key, sizeof key }, { value, sizeof value } };
    if (!log_may_write(l, stripe) || !log_reserve(l, stripe, 51 + 15, 1)) return false;
    struct log_append a;
    log_begin(&a, l, stripe, 1);
    log_add(&a, &(struct effect){ stripe, 0, 3, argv });
    log_end(&a);
    *epoch = a.epoch;
    return true;
}

static double thread_ns(void) { return (double)clock_read_(CLOCK_THREAD_CPUTIME_ID, 1); }

// Rounds are made by the appending thread itself, as often as the log's would make them at this rate; so both can be told apart.
static void bench_append(const char *dir, enum log_sync sync) {
    enum { ROUND = 4000 };
    struct log *l = open_log(dir, sync, true, NULL, NULL);
    double best = 1e9, bare = 1e9, rounds = 1e9;
    uint64_t rng = 7, epoch;
    for (int round = 0; round < ROUNDS; round++) {
        double from = thread_ns();
        uint64_t sum = 0;
        for (int i = 0; i < APPENDS; i++) {
            char key[KEY_LEN];
            key_write(key, rng_below(&rng, 1000000));
            sum += (uint64_t)key[9];
        }
        __asm__ volatile("" : : "r"(sum));
        bare = MIN(bare, (thread_ns() - from) / APPENDS);
        double mine = 0, others = 0;
        for (int i = 0; i < APPENDS;) {
            from = thread_ns();
            for (int end = i + ROUND; i < end; i++) {
                if (!append(l, &rng, &epoch)) die("refused");
            }
            mine += thread_ns() - from;
            from = thread_ns();
            log_step(l);
            others += thread_ns() - from;
        }
        best = MIN(best, mine / APPENDS);
        rounds = MIN(rounds, others / APPENDS);
    }
    printf("%-9s append %5.1f ns (the loop without it %.1f)   rounds %5.1f ns an append\n", policies[sync], best - bare, bare, rounds);
    log_close(l, NULL, 0);
    remove_all(dir);
}

// ---- many that wait ----

struct clients {
    struct log *log;
    pthread_mutex_t lock, leases[STRIPES];
    pthread_cond_t changed;
    uint64_t durable;
    _Atomic bool stop;
    _Atomic uint64_t calls;
};

static void on_durable(void *arg, uint64_t epoch) {
    struct clients *c = arg;
    pthread_mutex_lock(&c->lock);
    c->durable = epoch;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void *client(void *arg) {
    struct clients *c = arg;
    uint64_t rng = (uint64_t)(uintptr_t)&rng, epoch = 0;
    while (!atomic_load(&c->stop)) {
        uint64_t was = rng;
        uint32_t stripe = (uint32_t)(rng_below(&was, 1000000) % STRIPES); // the one that append will take
        pthread_mutex_lock(&c->leases[stripe]);
        bool done = append(c->log, &rng, &epoch);
        pthread_mutex_unlock(&c->leases[stripe]);
        if (!done) die("refused");
        pthread_mutex_lock(&c->lock);
        while (c->durable < epoch) pthread_cond_wait(&c->changed, &c->lock);
        pthread_mutex_unlock(&c->lock);
        atomic_fetch_add(&c->calls, 1);
    }
    return NULL;
}

static void bench_group(const char *dir, int count) {
    struct clients c = { .durable = 0 };
    pthread_t threads[CLIENTS_MAX];
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.changed, NULL);
    for (int i = 0; i < STRIPES; i++) pthread_mutex_init(&c.leases[i], NULL);
    c.log = open_log(dir, LOG_ALWAYS, false, on_durable, &c);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, client, &c) != 0) die("no thread");
    }
    sleep_ns(300000000);
    struct log_stats a, b;
    log_stats(c.log, &a);
    uint64_t from = now_ns(), calls = atomic_load(&c.calls);
    sleep_ns(1000000000);
    log_stats(c.log, &b);
    double seconds = (double)(now_ns() - from) / 1e9, done = (double)(atomic_load(&c.calls) - calls), syncs = (double)(b.syncs - a.syncs);
    printf("always    %3d threads: %6.0f calls a second, %5.0f syncs, %5.1f calls a sync (%.2f of the threads), last sync %llu us\n", count, done / seconds,
        syncs / seconds, done / syncs, done / syncs / count, (unsigned long long)b.last_sync_us);
    atomic_store(&c.stop, true);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    log_close(c.log, NULL, 0);
    remove_all(dir);
}

int main(int argc, char **argv) {
    char dir[300];
    for (int i = 0; i < 6; i++) {
        snprintf(dir, sizeof dir, "%s/kora-bench-log-XXXXXX", argc > 1 ? argv[1] : "/tmp");
        if (!mkdtemp(dir)) die("%s: can't be made", dir);
        if (i == 0) bench_append(dir, LOG_EVERYSEC);
        else if (i == 1) bench_append(dir, LOG_OS);
        else bench_group(dir, (const int[]){ 1, 2, 10, 100 }[i - 2]);
    }
    return 0;
}
