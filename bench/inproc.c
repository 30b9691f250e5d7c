// In-process calls beside LMDB, SQLite in memory, a hash table behind a mutex, and a bare look-up in Kora's own table.
//
// Keys of 16 bytes, drawn uniformly by a generator in the loop; all contenders hold the same keys and values. They take turns in
// short runs (rounds), with one thread and with --threads; what is printed are medians over the rounds.
//   p50 ns  one call by itself: one in 65 is fenced (rdtscp, lfence) and timed alone, less what fenced nothing takes
//   ns/op   calls back to back: thread time over calls, less the same loop with only its key made (`none`); the processor overlaps neighbouring calls
//   rate    threads / (ns/op): calls a second
// kora_get_many is asked for sixteen keys at a time; its figures are by key.
//
// `bare` is what a look-up costs without an engine: hash of the key, table_find in one of 64 tables of the same entries, copy of
// the value. It is why this program is linked with the library's insides. Kora's own get does that and the rest.
#include "kora.h"

#include "base/hash.h"
#include "ds/table.h"
#include "type/entry.h"

#include <getopt.h>
#include <stdatomic.h>

#include "bench.h"
#include "peers.h"

enum { BATCH = 64, MANY = 16, BARE_TABLES = 64, THREADS_MAX = 64, ROUNDS_MAX = 1000 };

struct bare {
    struct hash_key seed;
    struct table *tables;
    struct slab *index[BARE_TABLES], *data[BARE_TABLES];
};

// All contenders, filled.
struct field {
    kora *db;
    struct bare bare;
    struct lmdb lmdb;
    struct sqlite sqlite;
    struct chains chains;
};

struct worker {
    pthread_t thread;
    struct field *field;
    const struct contest *contest;
    uint64_t rng, keys, bad, calls, ns;
    size_t value_size;
    bool shared; // more than one thread
    unsigned reads;
    MDB_txn *txn;
    struct sqlite_statements statements;
    kora_bytes many[MANY];
    kora_value many_values[MANY];
    char many_keys[MANY][KEY_LEN];
    struct hist alone, batches; // ticks of single calls; tenths of ns a call in batches
    char value[4096], odd[1216]; // `buffer` shall not begin as pages do: a load that agrees with a store not yet done in its low twelve bits waits for it
    char buffer[MANY * 4096];
};

// ---- keys: "key:0000" and eight hexadecimal digits, made without a table or a division ----

static inline void hex_key(char *to, uint32_t n) {
    uint64_t x = n;
    x = ((x & 0xffff0000u) << 16) | (x & 0xffffu);
    x = ((x & 0x0000ff000000ff00u) << 8) | (x & 0x000000ff000000ffu);
    x = ((x & 0x00f000f000f000f0u) << 4) | (x & 0x000f000f000f000fu);
    uint64_t letters = ((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    x = __builtin_bswap64(x + 0x3030303030303030u + letters * 39);
    memcpy(to, "key:0000", 8);
    memcpy(to + 8, &x, 8);
}
static inline void key_draw(struct worker *w, char *key) { hex_key(key, (uint32_t)rng_below(&w->rng, w->keys)); }

// ---- the bare table ----

static uint64_t bare_hash(const void *ctx, const void *entry) {
    struct slice k = entry_key(entry);
    return hash_bytes(ctx, k.p, k.n);
}
static bool bare_equal(const void *entry, const void *key) {
    const struct slice *want = key;
    return slice_equal(entry_key(entry), *want);
}
static inline size_t bare_index(uint64_t hash) { return (size_t)(hash >> 58) % BARE_TABLES; }

static void bare_open(struct bare *b) {
    b->seed = (struct hash_key){ 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    b->tables = need(aligned_alloc(64, sizeof(*b->tables) * BARE_TABLES));
    for (size_t i = 0; i < BARE_TABLES; i++) {
        b->index[i] = need(slab_create(true));
        b->data[i] = need(slab_create(false));
        table_init(&b->tables[i], b->index[i], bare_hash, &b->seed);
    }
}

static void bare_add(struct bare *b, const char *key, const char *value, size_t n) {
    uint64_t hash = hash_bytes(&b->seed, key, KEY_LEN);
    size_t i = bare_index(hash);
    struct entry *e = need(slab_alloc(b->data[i], sizeof(*e) + KEY_LEN + n));
    *e = (struct entry){ .form = FORM_BYTES, .key_len = KEY_LEN, .value_len = (uint16_t)n };
    memcpy(e + 1, key, KEY_LEN);
    memcpy((char *)(e + 1) + KEY_LEN, value, n);
    if (!table_insert(&b->tables[i], hash, e)) die("out of memory");
}

static void bare_close(struct bare *b) {
    for (size_t i = 0; i < BARE_TABLES; i++) slab_destroy(b->index[i]), slab_destroy(b->data[i]);
    free(b->tables);
}

// As kora_get_into: not inlined into the loop, hash included, value copied.
__attribute__((noinline)) static bool bare_get(const struct bare *b, const char *key, size_t key_len, void *to, size_t *n) {
    struct slice k = { key, key_len };
    uint64_t hash = hash_bytes(&b->seed, key, key_len);
    const struct entry *e = table_find(&b->tables[bare_index(hash)], hash, bare_equal, &k);
    if (!e) return false;
    memcpy(to, entry_value(e), *n = e->value_len);
    return true;
}

// ---- the calls: each returns whether it went well ----

static inline bool none(struct worker *w, const char *key) {
    __asm__ volatile("" : : "r"(key), "r"(w) : "memory");
    return true;
}
static inline bool get_into(struct worker *w, const char *key) {
    size_t n = 0;
    return kora_get_into(w->field->db, key, KEY_LEN, w->buffer, sizeof(w->buffer), &n) == KORA_OK && n == w->value_size;
}
static inline bool get(struct worker *w, const char *key) {
    void *value;
    size_t n;
    if (kora_get(w->field->db, key, KEY_LEN, &value, &n) != KORA_OK) return false;
    kora_free(value);
    return n == w->value_size;
}
static inline bool set(struct worker *w, const char *key) {
    return kora_set(w->field->db, key, KEY_LEN, w->value, w->value_size, NULL) == KORA_OK;
}
// By key: gathers sixteen, then asks for all.
static inline bool get_many(struct worker *w, const char *key) {
    unsigned at = w->reads++ % MANY;
    memcpy(w->many_keys[at], key, KEY_LEN);
    if (at < MANY - 1) return true;
    if (kora_get_many(w->field->db, w->many, MANY, w->many_values, w->buffer, sizeof(w->buffer), NULL) != KORA_OK) return false;
    bool good = true;
    for (unsigned i = 0; i < MANY; i++) good &= w->many_values[i].status == KORA_OK && w->many_values[i].len == w->value_size;
    return good;
}
static inline bool bare(struct worker *w, const char *key) {
    size_t n = 0;
    return bare_get(&w->field->bare, key, KEY_LEN, w->buffer, &n) && n == w->value_size;
}
static inline bool lmdb_get_now(struct worker *w, const char *key) {
    size_t n = 0;
    if (mdb_txn_renew(w->txn) != MDB_SUCCESS) return false;
    bool found = lmdb_read(&w->field->lmdb, w->txn, key, w->buffer, &n);
    mdb_txn_reset(w->txn);
    return found && n == w->value_size;
}
static inline bool lmdb_get_batched(struct worker *w, const char *key) {
    size_t n = 0;
    if (w->reads++ % 1000 == 0) {
        if (w->reads > 1) mdb_txn_reset(w->txn);
        if (mdb_txn_renew(w->txn) != MDB_SUCCESS) return false;
    }
    return lmdb_read(&w->field->lmdb, w->txn, key, w->buffer, &n) && n == w->value_size;
}
static inline bool lmdb_set_one(struct worker *w, const char *key) {
    return lmdb_set(&w->field->lmdb, key, w->value, w->value_size);
}
static inline bool sqlite_get_one(struct worker *w, const char *key) {
    size_t n = 0;
    if (w->shared) pthread_mutex_lock(&w->field->sqlite.lock);
    bool found = sqlite_get(&w->statements, key, w->buffer, &n);
    if (w->shared) pthread_mutex_unlock(&w->field->sqlite.lock);
    return found && n == w->value_size;
}
static inline bool sqlite_set_one(struct worker *w, const char *key) {
    if (w->shared) pthread_mutex_lock(&w->field->sqlite.lock);
    bool done = sqlite_set(&w->statements, key, w->value, w->value_size);
    if (w->shared) pthread_mutex_unlock(&w->field->sqlite.lock);
    return done;
}
static inline bool chains_get_one(struct worker *w, const char *key) {
    size_t n = 0;
    return chains_get(&w->field->chains, key, w->buffer, &n) && n == w->value_size;
}
static inline bool chains_set_one(struct worker *w, const char *key) {
    return chains_set(&w->field->chains, key, w->value, w->value_size);
}

// ---- contests: a loop of BATCH calls and a single fenced call, for each of the above ----

enum contest_id { NONE, GET_INTO, GET, SET, GET_MANY, BARE, LMDB_GET, LMDB_BATCHED, LMDB_SET, SQLITE_GET, SQLITE_SET, HASH_GET, HASH_SET, CONTESTS };

struct contest {
    const char *name;
    void (*batch)(struct worker *w);
    uint64_t (*alone)(struct worker *w);
};

#define BATCH_OF(call)                                \
    static void call##_batch(struct worker *w) {      \
        char key[KEY_LEN];                            \
        for (int i = 0; i < BATCH; i++) {             \
            key_draw(w, key);                         \
            w->bad += !call(w, key);                  \
        }                                             \
    }
#define CONTEST(call)                                 \
    BATCH_OF(call)                                    \
    static uint64_t call##_alone(struct worker *w) {  \
        char key[KEY_LEN];                            \
        key_draw(w, key);                             \
        uint64_t from = tick_start();                 \
        bool good = call(w, key);                     \
        uint64_t to = tick_end();                     \
        w->bad += !good;                              \
        return to - from;                             \
    }
CONTEST(none)
CONTEST(get_into)
CONTEST(get)
CONTEST(set)
BATCH_OF(get_many)
CONTEST(bare)
CONTEST(lmdb_get_now)
CONTEST(lmdb_get_batched)
CONTEST(lmdb_set_one)
CONTEST(sqlite_get_one)
CONTEST(sqlite_set_one)
CONTEST(chains_get_one)
CONTEST(chains_set_one)

static const struct contest contests[CONTESTS] = {
    [NONE] = { "none", none_batch, none_alone },
    [GET_INTO] = { "kora_get_into", get_into_batch, get_into_alone },
    [GET] = { "kora_get", get_batch, get_alone },
    [SET] = { "kora_set", set_batch, set_alone },
    [GET_MANY] = { "kora_get_many_16", get_many_batch, NULL }, // a call of sixteen has no single one
    [BARE] = { "bare", bare_batch, bare_alone },
    [LMDB_GET] = { "lmdb_get", lmdb_get_now_batch, lmdb_get_now_alone },
    [LMDB_BATCHED] = { "lmdb_get_batched", lmdb_get_batched_batch, lmdb_get_batched_alone },
    [LMDB_SET] = { "lmdb_set", lmdb_set_one_batch, lmdb_set_one_alone },
    [SQLITE_GET] = { "sqlite_get", sqlite_get_one_batch, sqlite_get_one_alone },
    [SQLITE_SET] = { "sqlite_set", sqlite_set_one_batch, sqlite_set_one_alone },
    [HASH_GET] = { "hash_get", chains_get_one_batch, chains_get_one_alone },
    [HASH_SET] = { "hash_set", chains_set_one_batch, chains_set_one_alone },
};

// ---- one short run ----

struct team {
    pthread_barrier_t start;
    _Atomic bool stop;
};

struct seat { // what a thread is started with
    struct team *team;
    struct worker *worker;
};

static void *work(void *arg) {
    struct seat *seat = arg;
    struct worker *w = seat->worker;
    for (int i = 0; i < 16; i++) w->contest->batch(w);
    pthread_barrier_wait(&seat->team->start);
    while (!atomic_load_explicit(&seat->team->stop, memory_order_relaxed)) {
        uint64_t from = now_ns();
        w->contest->batch(w);
        uint64_t took = now_ns() - from;
        hist_add(&w->batches, took * 10 / BATCH);
        w->ns += took;
        w->calls += BATCH;
        if (w->contest->alone) hist_add(&w->alone, w->contest->alone(w));
    }
    return NULL;
}

static void worker_init(struct worker *w, struct field *f, const struct contest *c, uint64_t seed, uint64_t keys, size_t value_size) {
    memset(w, 0, sizeof(*w));
    *w = (struct worker){ .field = f, .contest = c, .rng = seed, .keys = keys, .value_size = value_size };
    memset(w->value, 'v', sizeof(w->value));
    for (unsigned i = 0; i < MANY; i++) w->many[i] = (kora_bytes){ w->many_keys[i], KEY_LEN };
    lmdb_need(mdb_txn_begin(f->lmdb.env, NULL, MDB_RDONLY, &w->txn), "begin");
    mdb_txn_reset(w->txn);
    sqlite_prepare(&f->sqlite, &w->statements);
}

static void worker_end(struct worker *w) {
    mdb_txn_abort(w->txn);
    sqlite_finish(&w->statements);
}

struct figures { // of one run
    double alone_p50, alone_p99, batch_p50, per_call; // ticks, ticks, ns, ns of one thread
};

static struct figures run(struct worker *workers, unsigned threads, uint64_t ms) {
    struct team team = { .stop = false };
    struct seat seats[THREADS_MAX];
    if (pthread_barrier_init(&team.start, NULL, threads + 1) != 0) die("barrier");
    for (unsigned i = 0; i < threads; i++) {
        seats[i] = (struct seat){ &team, &workers[i] };
        workers[i].shared = threads > 1;
        if (pthread_create(&workers[i].thread, NULL, work, &seats[i]) != 0) die("a thread could not be started");
    }
    pthread_barrier_wait(&team.start);
    sleep_ns(ms * 1000000);
    atomic_store(&team.stop, true);
    uint64_t ns = 0, calls = 0;
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        if (workers[i].bad) die("%s: %llu calls went wrong", workers[i].contest->name, (unsigned long long)workers[i].bad);
        ns += workers[i].ns, calls += workers[i].calls;
        if (i) hist_merge(&workers[0].alone, &workers[i].alone), hist_merge(&workers[0].batches, &workers[i].batches);
    }
    pthread_barrier_destroy(&team.start);
    return (struct figures){ (double)hist_at(&workers[0].alone, 0.5), (double)hist_at(&workers[0].alone, 0.99),
        (double)hist_at(&workers[0].batches, 0.5) / 10, (double)ns / (double)(calls ? calls : 1) };
}

// ---- filling ----

static void fill(struct field *f, uint64_t keys, size_t value_size) {
    char key[KEY_LEN], value[4096];
    memset(value, 'v', sizeof(value));
    if (kora_open(NULL, NULL, &f->db) != KORA_OK) die("kora_open failed");
    bare_open(&f->bare);
    lmdb_open(&f->lmdb);
    sqlite_open(&f->sqlite);
    chains_open(&f->chains, keys);
    struct sqlite_statements st;
    sqlite_prepare(&f->sqlite, &st);
    sqlite_need(&f->sqlite, sqlite3_exec(f->sqlite.db, "BEGIN", NULL, NULL, NULL), "begin");
    MDB_txn *t;
    lmdb_need(mdb_txn_begin(f->lmdb.env, NULL, 0, &t), "begin");
    for (uint64_t i = 0; i < keys; i++) {
        hex_key(key, (uint32_t)i);
        int rc = kora_set(f->db, key, KEY_LEN, value, value_size, NULL);
        if (rc != KORA_OK) die("kora_set: %s", kora_status_text(rc));
        bare_add(&f->bare, key, value, value_size);
        if (!lmdb_put(&f->lmdb, t, key, value, value_size)) die("LMDB: put failed");
        if (!sqlite_set(&st, key, value, value_size)) die("SQLite: insert failed");
        if (!chains_set(&f->chains, key, value, value_size)) die("out of memory");
    }
    lmdb_need(mdb_txn_commit(t), "commit");
    sqlite_need(&f->sqlite, sqlite3_exec(f->sqlite.db, "COMMIT", NULL, NULL, NULL), "commit");
    sqlite_finish(&st);
}

static void empty(struct field *f) {
    int rc = kora_close(f->db);
    if (rc != KORA_OK) die("kora_close: %s", kora_status_text(rc));
    bare_close(&f->bare);
    lmdb_close(&f->lmdb);
    sqlite3_close(f->sqlite.db);
    chains_close(&f->chains);
}

// ---- the whole and its report ----

struct options {
    uint64_t keys, ms;
    size_t value_size;
    unsigned rounds, threads;
    bool check;
};

struct result { // by round
    double alone[ROUNDS_MAX], alone_p99[ROUNDS_MAX], batch[ROUNDS_MAX], per_call[ROUNDS_MAX];
};

static double middle(const double *v, unsigned n) {
    double copy[ROUNDS_MAX];
    memcpy(copy, v, n * sizeof(*v));
    return median(copy, n);
}

// Median over the rounds of a[i] / b[i].
static double ratio(const double *a, const double *b, unsigned n) {
    double r[ROUNDS_MAX];
    for (unsigned i = 0; i < n; i++) r[i] = a[i] / b[i];
    return median(r, n);
}

static void measure(struct field *f, const struct options *o, unsigned threads, struct result *results) {
    struct worker *workers = need(aligned_alloc(64, (sizeof(*workers) * threads + 63) / 64 * 64));
    double per_ns = ticks_per_ns();
    for (unsigned round = 0; round < o->rounds; round++) {
        for (unsigned k = 0; k < CONTESTS; k++) {
            unsigned c = (k + round) % CONTESTS; // each follows each other's heels in turn
            for (unsigned i = 0; i < threads; i++) {
                worker_init(&workers[i], f, &contests[c], (uint64_t)round * 1000003 + i * 7919 + c, o->keys, o->value_size);
            }
            struct figures got = run(workers, threads, o->ms);
            for (unsigned i = 0; i < threads; i++) worker_end(&workers[i]);
            results[c].alone[round] = got.alone_p50 / per_ns;
            results[c].alone_p99[round] = got.alone_p99 / per_ns;
            results[c].batch[round] = got.batch_p50;
            results[c].per_call[round] = got.per_call;
        }
        for (unsigned c = CONTESTS; c-- > 0;) { // NONE last: it is taken off the others
            results[c].alone[round] -= results[NONE].alone[round];
            results[c].alone_p99[round] -= results[NONE].alone[round];
            results[c].batch[round] -= results[NONE].batch[round];
            if (c != NONE) results[c].per_call[round] -= results[NONE].per_call[round];
        }
    }
    free(workers);
}

static void print_table(const struct options *o, unsigned threads, const struct result *r) {
    printf("\n%u thread%s            p50 ns   p99 ns   p50 of batches   ns/call   M calls/s\n", threads, threads == 1 ? " " : "s");
    for (unsigned c = 1; c < CONTESTS; c++) {
        double per = middle(r[c].per_call, o->rounds);
        printf("  %-18s", contests[c].name);
        if (contests[c].alone) printf("%8.0f %8.0f", middle(r[c].alone, o->rounds), middle(r[c].alone_p99, o->rounds));
        else printf("%8s %8s", "-", "-");
        printf("   %14.1f %9.1f   %9.2f\n", middle(r[c].batch, o->rounds), per, 1000 * threads / per);
    }
}

static bool verdict(const char *what, double is, double bound, bool at_most) {
    bool met = at_most ? is <= bound : is >= bound;
    printf("  %-58s %8.2f   target %s %g%s\n", what, is, at_most ? "<=" : ">=", bound, met ? "" : " MISSED");
    return met;
}

static bool print_ratios(const struct options *o, const struct result *one, const struct result *many) {
    unsigned n = o->rounds;
    double added[ROUNDS_MAX], added_back_to_back[ROUNDS_MAX], scale[ROUNDS_MAX];
    for (unsigned i = 0; i < n; i++) {
        added[i] = one[GET_INTO].alone[i] - one[BARE].alone[i];
        added_back_to_back[i] = one[GET_INTO].per_call[i] - one[BARE].per_call[i];
    }
    printf("\nratios and differences, 1 thread, medians over %u rounds\n", n);
    bool ok = verdict("kora_get_into, p50 of batches, ns", middle(one[GET_INTO].batch, n), 150, true);
    ok &= verdict("kora_set, p50 of batches, ns", middle(one[SET].batch, n), 300, true);
    ok &= verdict("kora_get_many_16, p50 of batches, ns a key", middle(one[GET_MANY].batch, n), 50, true);
    ok &= verdict("kora_get_into over lmdb_get, calls a second", ratio(one[LMDB_GET].per_call, one[GET_INTO].per_call, n), 4, false);
    printf("  %-58s %8.2f\n", "kora_get_into over lmdb_get_batched", ratio(one[LMDB_BATCHED].per_call, one[GET_INTO].per_call, n));
    ok &= verdict("kora_get_into over sqlite_get", ratio(one[SQLITE_GET].per_call, one[GET_INTO].per_call, n), 10, false);
    printf("  %-58s %8.2f\n", "kora_get_into over hash_get", ratio(one[HASH_GET].per_call, one[GET_INTO].per_call, n));
    printf("  %-58s %8.2f\n", "kora_get over lmdb_get", ratio(one[LMDB_GET].per_call, one[GET].per_call, n));
    printf("  %-58s %8.2f\n", "kora_get over sqlite_get", ratio(one[SQLITE_GET].per_call, one[GET].per_call, n));
    printf("  %-58s %8.2f\n", "kora_set over lmdb_set", ratio(one[LMDB_SET].per_call, one[SET].per_call, n));
    printf("  %-58s %8.2f\n", "kora_set over sqlite_set", ratio(one[SQLITE_SET].per_call, one[SET].per_call, n));
    ok &= verdict("what kora_get_into adds to bare, ns, single calls", median(added, n), 40, true);
    ok &= verdict("what kora_get_into adds to bare, ns, back to back", median(added_back_to_back, n), 40, true);
    if (!many) return ok;
    printf("\n%u threads against 1, calls a second\n", o->threads);
    for (unsigned c = 1; c < CONTESTS; c++) {
        for (unsigned i = 0; i < n; i++) scale[i] = o->threads * one[c].per_call[i] / many[c].per_call[i];
        double times = median(scale, n);
        if (o->threads == 2 && c <= GET_MANY && c != NONE) ok &= verdict(contests[c].name, times, 1.7, false);
        else printf("  %-58s %8.2f\n", contests[c].name, times);
    }
    return ok;
}

static void options_parse(struct options *o, int argc, char **argv) {
    static const struct option list[] = { { "keys", 1, NULL, 'k' }, { "value-size", 1, NULL, 'v' }, { "rounds", 1, NULL, 'r' },
        { "threads", 1, NULL, 't' }, { "ms", 1, NULL, 'm' }, { "check", 0, NULL, 'c' }, { 0 } };
    for (int c; (c = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        switch (c) {
        case 'k': o->keys = (uint64_t)need_number("keys", optarg, 1, 4e9); break;
        case 'v': o->value_size = (size_t)need_number("value-size", optarg, 1, 4096); break;
        case 'r': o->rounds = (unsigned)need_number("rounds", optarg, 1, ROUNDS_MAX); break;
        case 't': o->threads = (unsigned)need_number("threads", optarg, 1, THREADS_MAX); break;
        case 'm': o->ms = (uint64_t)need_number("ms", optarg, 1, 60000); break;
        case 'c': o->check = true; break;
        default: die("inproc [--keys N] [--value-size N] [--rounds N] [--ms N (of each run)] [--threads N] [--check]");
        }
    }
    if (optind < argc) die("what is \"%s\"?", argv[optind]);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct options o = { .keys = 1000000, .ms = 100, .value_size = 32, .rounds = 10, .threads = 2 };
    options_parse(&o, argc, argv);
    struct field *f = need_alloc(sizeof(*f));
    printf("inproc: %llu keys of %d bytes, %zu-byte values, %u rounds of %llu ms\n", (unsigned long long)o.keys, KEY_LEN, o.value_size,
        o.rounds, (unsigned long long)o.ms);
    fflush(stdout);
    fill(f, o.keys, o.value_size);
    struct result *one = need_alloc(sizeof(*one) * CONTESTS), *many = NULL;
    measure(f, &o, 1, one);
    print_table(&o, 1, one);
    if (o.threads > 1) {
        many = need_alloc(sizeof(*many) * CONTESTS);
        measure(f, &o, o.threads, many);
        print_table(&o, o.threads, many);
    }
    bool ok = print_ratios(&o, one, many);
    empty(f);
    free(one), free(many), free(f);
    return o.check && !ok ? 1 : 0;
}
