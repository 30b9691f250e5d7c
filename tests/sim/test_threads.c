// Power cuts and kills while several threads append and the log's own thread writes, over the simulated disk: copies of it are taken at random operations, in the
// middle of everything, and recovered when the threads are done.
//
// A clock that every call reads with its leases held, when it begins to append and when it has ended, tells what is known of the real order: a call that began
// after another had ended comes after it. So of what is recovered: calls are whole; in each stripe they are the first ones, in their order; nothing that is there began
// after something ended that is not there. After a kill all is there that had ended; after a power cut all that had been told to be durable.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "kora.h"
#include "sim/disk.h"
#include "store/log.h"
#include "store/recover.h"

enum { THREADS = 4, STRIPES_MAX = 5, PARTS_MAX = 3, CALLS = 120, COPIES = 10, TEXT_MAX = 3000 };

struct done {
    int parts, stripes[PARTS_MAX];
    unsigned numbers[PARTS_MAX]; // in their stripes
    uint64_t start, end, epoch;  // of the clock; end 0: it never did
};

struct copy {
    struct disk *disk;
    bool power;
    uint64_t at, durable, flushed; // by the clock; the epoch; by the clock, the beginning of the last flush that was done
};

struct bench {
    uint64_t seed;
    struct disk *disk;
    struct log *log;
    struct store store;
    enum log_sync sync;
    int stripes;
    _Atomic uint64_t clock, flushed;
    pthread_mutex_t leases[STRIPES_MAX];
    unsigned numbers[STRIPES_MAX];
    struct done calls[THREADS][CALLS];
    struct copy copies[COPIES];
    int copy_count;
    uint64_t ops, next_copy, gap, last_durable;
    struct random random; // of the hook
    _Atomic bool over;
    bool faulty; // a sync fails, for good
};

// ---- appending --------------------------------------------------------------------------------------------------------------------------

struct worker {
    struct bench *bench;
    int number;
};

static void nap(long us) { nanosleep(&(struct timespec){ 0, us * 1000 }, NULL); }

static void choose(struct bench *b, struct random *r, struct done *c) {
    bool in[STRIPES_MAX] = { false };
    int parts = random_below(r, 3) ? 1 : 1 + (int)random_below(r, PARTS_MAX);
    for (int i = 0; i < parts; i++) in[random_below(r, (uint64_t)b->stripes)] = true;
    for (int i = 0; i < b->stripes; i++) {
        if (in[i]) c->stripes[c->parts++] = i;
    }
}

static void unlock(struct bench *b, const struct done *c) {
    for (int i = 0; i < c->parts; i++) pthread_mutex_unlock(&b->leases[c->stripes[i]]);
}

static bool is_broken(struct bench *b) {
    struct log_error e;
    if (!log_error(b->log, &e)) return false;
    assert_true(b->faulty && e.code < 0 && strstr(e.text, strerror(-e.code)) != NULL);
    return true;
}

// All leases, with room in all the stripes. False: the log is broken.
static bool lock(struct bench *b, const struct done *c) {
    for (;;) {
        bool may = true;
        for (int i = 0; i < c->parts; i++) pthread_mutex_lock(&b->leases[c->stripes[i]]);
        for (int i = 0; i < c->parts && may; i++) may = log_may_write(b->log, (uint32_t)c->stripes[i]) && log_reserve(b->log, (uint32_t)c->stripes[i], TEXT_MAX + 50, 1);
        if (may) return true;
        unlock(b, c);
        if (is_broken(b)) return false;
        nap(50);
    }
}

static void append(struct bench *b, int thread, int i, struct random *r) {
    static _Thread_local char text[TEXT_MAX];
    struct done *c = &b->calls[thread][i];
    struct log_append a;
    size_t size = 20 + random_below(r, random_below(r, 5) ? 100 : TEXT_MAX - 100);
    c->start = atomic_fetch_add(&b->clock, 1);
    log_begin(&a, b->log, (uint32_t)c->stripes[0], (uint32_t)c->parts);
    for (int k = 0; k < c->parts; k++) {
        c->numbers[k] = b->numbers[c->stripes[k]]++;
        int n = snprintf(text, 40, "%d %d %d %u ", thread, i, k, c->numbers[k]);
        memset(text + n, 'x', size);
        if (random_below(r, 4) == 0) sched_yield();
        struct slice argv[2] = { SLICE("SET"), slice_of(text, (size_t)n + size) };
        log_add(&a, &(struct effect){ .stripe = (uint32_t)c->stripes[k], .argc = 2, .argv = argv });
    }
    c->epoch = a.epoch;
    log_end(&a);
    c->end = atomic_fetch_add(&b->clock, 1);
}

static void flush(struct bench *b) {
    uint64_t from = atomic_load(&b->clock);
    if (log_flush(b->log) != 0) {
        assert_true(b->faulty);
        return;
    }
    uint64_t was = atomic_load(&b->flushed);
    while (was < from && !atomic_compare_exchange_weak(&b->flushed, &was, from)) {}
}

static void *work(void *arg) {
    const struct worker *w = arg;
    struct bench *b = w->bench;
    struct random r;
    random_seed(&r, b->seed * 100 + (uint64_t)w->number);
    for (int i = 0; i < CALLS; i++) {
        struct done *c = &b->calls[w->number][i];
        choose(b, &r, c);
        if (!lock(b, c)) {
            c->parts = 0;
            return NULL;
        }
        append(b, w->number, i, &r);
        unlock(b, c);
        if (random_below(&r, 3) == 0) {
            while (log_durable(b->log) < c->epoch && !is_broken(b)) nap(20);
        }
        if (random_below(&r, 40) == 0) flush(b);
        uint64_t first;
        if (random_below(&r, 60) == 0) assert_true(log_rotate(b->log, &first) == 0 || b->faulty);
    }
    return NULL;
}

static void *clock_main(void *arg) {
    struct bench *b = arg;
    while (!atomic_load(&b->over)) {
        disk_advance(b->disk, 30000);
        nap(300);
    }
    return NULL;
}

static void after_operation(void *arg, struct disk *d, enum disk_op op) {
    struct bench *b = arg;
    if (!disk_op_changes(op) || ++b->ops < b->next_copy || b->copy_count == COPIES) return;
    b->next_copy = b->ops + 1 + random_below(&b->random, b->gap);
    struct copy *c = &b->copies[b->copy_count++];
    c->power = random_below(&b->random, 2);
    c->at = atomic_load(&b->clock);
    c->flushed = atomic_load(&b->flushed);
    c->durable = b->sync == LOG_ALWAYS ? log_durable(b->log) : 0;
    c->disk = c->power ? disk_power_cut(d, random_next(&b->random)) : disk_kill(d);
}

// ---- comparing ----------------------------------------------------------------------------------------------------------------------------

struct back {
    const struct bench *bench;
    unsigned next[STRIPES_MAX];
    int parts[THREADS][CALLS];
};

static int take_back(void *arg, const struct recovered_effect *e) {
    struct back *b = arg;
    char head[40] = "";
    int thread = -1, i = -1, part = -1;
    unsigned number = 0;
    if (e->argc == 2) memcpy(head, e->argv[1].p, MIN(e->argv[1].n, sizeof head - 1));
    assert_int_equal(sscanf(head, "%d %d %d %u ", &thread, &i, &part, &number), 4);
    assert_true(thread >= 0 && thread < THREADS && i >= 0 && i < CALLS);
    const struct done *c = &b->bench->calls[thread][i];
    assert_true(part < c->parts && c->numbers[part] == number && c->stripes[part] == (int)e->stripe);
    assert_int_equal(b->next[e->stripe], number); // the first ones, in their order
    b->next[e->stripe]++;
    b->parts[thread][i]++;
    return KORA_OK;
}

static void compare(const struct bench *b, const struct copy *copy) {
    char error[300] = "";
    struct store s;
    struct recovered out;
    struct back back = { .bench = b };
    if (store_open(disk_os(copy->disk), "/db", NULL, &s, error, sizeof error) != KORA_OK) fail_msg("refused: %s", error);
    struct recover_config c = { .store = &s, .from_round = 1, .apply = take_back, .arg = &back };
    if (log_recover(&c, &out, error, sizeof error) != KORA_OK) fail_msg("refused: %s", error);
    store_close(&s);
    uint64_t newest_there = 0, oldest_missing = UINT64_MAX;
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < CALLS; i++) {
            const struct done *d = &b->calls[t][i];
            if (d->end == 0) continue; // it never began
            bool there = back.parts[t][i] > 0, had_ended = d->end < copy->at;
            if (there) assert_int_equal(back.parts[t][i], d->parts);
            if (had_ended && !copy->power && !b->faulty && !there) fail_msg("call %d of thread %d is lost by a kill", i, t);
            if (had_ended && copy->power && d->epoch <= copy->durable && !there) fail_msg("call %d of thread %d was durable and is lost", i, t);
            if (d->end < copy->flushed && !there) fail_msg("call %d of thread %d was flushed and is lost", i, t);
            if (there) newest_there = MAX(newest_there, d->start);
            else oldest_missing = MIN(oldest_missing, d->end);
        }
    }
    if (newest_there > oldest_missing) fail_msg("a call is there that began at %llu, and one that ended at %llu is not", (unsigned long long)newest_there,
        (unsigned long long)oldest_missing);
}

// ---- a seed -----------------------------------------------------------------------------------------------------------------------------------

static void start(struct bench *b, struct random *r) {
    char error[300] = "";
    struct recovered out;
    assert_int_equal(store_open(disk_os(b->disk), "/db", NULL, &b->store, error, sizeof error), KORA_OK);
    struct manifest m = b->store.manifest;
    m.stripes = (uint32_t)b->stripes;
    m.databases = 16;
    m.first_round = 1;
    assert_int_equal(store_commit(&b->store, &m, error, sizeof error), KORA_OK);
    struct recover_config rc = { .store = &b->store, .from_round = 1 };
    assert_int_equal(log_recover(&rc, &out, error, sizeof error), KORA_OK);
    struct log_config c = { .os = disk_os(b->disk), .dir = "/db", .stripes = (uint32_t)b->stripes, .sync = b->sync, .staging_bytes = 1,
        .segment_bytes_max = 5000 + random_below(r, 100000) };
    memcpy(c.id, b->store.manifest.id, STORE_ID_BYTES);
    assert_int_equal(log_open(&c, out.next_round, &b->log, error, sizeof error), KORA_OK);
}

static int one_seed(uint64_t seed) {
    struct random r;
    random_seed(&r, seed);
    struct bench *b = calloc(1, sizeof *b);
    b->seed = seed;
    b->disk = disk_new(seed);
    b->sync = (enum log_sync)random_below(&r, 3);
    b->stripes = 1 + (int)random_below(&r, STRIPES_MAX);
    b->gap = 2 + random_below(&r, 250);
    b->random = r;
    disk_set_may_map(b->disk, random_below(&r, 5) != 0);
    for (int i = 0; i < STRIPES_MAX; i++) pthread_mutex_init(&b->leases[i], NULL);
    start(b, &r);
    b->faulty = random_below(&r, 5) == 0;
    if (b->faulty) disk_fail(b->disk, DISK_SYNC, 1 + random_below(&r, 20), EIO, true);
    disk_hook(b->disk, after_operation, b);
    pthread_t threads[THREADS], clock;
    struct worker workers[THREADS];
    pthread_create(&clock, NULL, clock_main, b);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ b, i };
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    disk_hook(b->disk, NULL, NULL);
    b->last_durable = log_durable(b->log);
    log_close(b->log, NULL, 0);
    store_close(&b->store);
    atomic_store(&b->over, true);
    pthread_join(clock, NULL);
    assert_int_equal(disk_open_files(b->disk), 0);
    struct copy closed = { .disk = disk_power_cut(b->disk, seed), .power = true, .at = UINT64_MAX, .durable = UINT64_MAX };
    if (b->faulty) closed.durable = b->sync == LOG_ALWAYS ? b->last_durable : 0;
    closed.flushed = b->flushed;
    compare(b, &closed);
    disk_free(closed.disk);
    for (int i = 0; i < b->copy_count; i++) {
        compare(b, &b->copies[i]);
        disk_free(b->copies[i].disk);
    }
    int states = b->copy_count + 1;
    for (int i = 0; i < STRIPES_MAX; i++) pthread_mutex_destroy(&b->leases[i]);
    disk_free(b->disk);
    free(b);
    return states;
}

static void seeds(void **state) {
    (void)state;
    bool is_long = getenv("KORA_TEST_LONG") && strcmp(getenv("KORA_TEST_LONG"), "0") != 0;
    const char *number = getenv("KORA_SIM_SEEDS");
    int n = number ? atoi(number) : is_long ? 1000 : 30, states = 0;
    for (int seed = 1; seed <= n; seed++) {

        states += one_seed((uint64_t)seed);
    }
    print_message("%d states\n", states);
    assert_true(states > n * 5);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(seeds) };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
