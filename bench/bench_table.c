// The hash table alone, on one thread: nanoseconds a look-up, insert and removal, and bytes of segments and directory an entry.
//
//     bench_table [entries]
//
// Entries are as a keyspace has them: one allocation with a 16-byte key and a 32-byte value. Times include the keyed hash
// where it says so. In each round every measure is taken once; printed are the medians over the rounds,
// of the thread's CPU time (the single inserts at the end: of the clock).
#include "bench.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "ds/slab.h"
#include "ds/table.h"

enum { ROUNDS = 9, OPS = 1000000, BATCH = 16, SMALL = 1000 };

struct entry {
    uint64_t meta;
    char key[KEY_LEN], value[32];
};

struct bench {
    struct slab *slab;
    struct table t;
    struct hash_key seed;
    size_t n;
    struct entry **entries;
    uint32_t *order; // indices of what is asked for: OPS of them
};

static uint64_t hash_entry(const void *ctx, const void *entry) {
    const struct bench *b = ctx;
    return hash_bytes(&b->seed, ((const struct entry *)entry)->key, KEY_LEN);
}

static inline bool equal(const void *entry, const void *key) { return memcmp(((const struct entry *)entry)->key, key, KEY_LEN) == 0; }

static void fill(struct bench *b, size_t n) {
    b->slab = need(slab_create(true));
    b->seed = (struct hash_key){ 1, 2 };
    b->n = n;
    b->entries = need_alloc(n * sizeof *b->entries);
    b->order = need_alloc(OPS * sizeof *b->order);
    table_init(&b->t, b->slab, hash_entry, b);
    struct random r;
    random_seed(&r, n);
    for (size_t i = 0; i < OPS; i++) b->order[i] = (uint32_t)random_below(&r, n);
    for (size_t i = 0; i < n; i++) {
        struct entry *e = b->entries[i] = need(slab_alloc(b->slab, sizeof *e));
        memset(e, 1, sizeof *e);
        key_write(e->key, i);
        if (!table_insert(&b->t, hash_entry(b, e), e)) die("out of memory");
    }
}

static void drop(struct bench *b) {
    slab_destroy(b->slab);
    free(b->entries);
    free(b->order);
}

static uint64_t sum; // keeps the compiler from leaving things out

// The thread's own time, which others on the machine disturb less.
static int64_t cpu_ns(void) { return clock_read_(CLOCK_THREAD_CPUTIME_ID, 1); }
static double each(int64_t start_ns) { return (double)(cpu_ns() - start_ns) / OPS; }

// The hashes come from an array, so only the look-up is measured.
static double find_hashed(const struct bench *b) {
    uint64_t *hashes = need_alloc(OPS * sizeof *hashes);
    char(*keys)[KEY_LEN] = need_alloc(OPS * KEY_LEN);
    for (size_t i = 0; i < OPS; i++) {
        key_write(keys[i], b->order[i]);
        hashes[i] = hash_bytes(&b->seed, keys[i], KEY_LEN);
    }
    int64_t start = cpu_ns();
    for (size_t i = 0; i < OPS; i++) sum += (uintptr_t)table_find(&b->t, hashes[i], equal, keys[i]);
    double ns = each(start);
    free(hashes);
    free(keys);
    return ns;
}

// With the hash, and a copy of the value. `from`: 0 for hits, the number of entries for misses.
static double find_keys(const struct bench *b, uint64_t from) {
    char key[KEY_LEN], value[32];
    int64_t start = cpu_ns();
    for (size_t i = 0; i < OPS; i++) {
        key_write(key, from + b->order[i]);
        const struct entry *e = table_find(&b->t, hash_bytes(&b->seed, key, KEY_LEN), equal, key);
        if (e) {
            memcpy(value, e->value, sizeof value);
            sum += (uint64_t)value[7];
        }
    }
    return each(start);
}

static double find_batches(const struct bench *b) {
    char keys[BATCH][KEY_LEN], value[32];
    uint64_t hashes[BATCH];
    const struct table_bucket *buckets[BATCH];
    int64_t start = cpu_ns();
    for (size_t i = 0; i + BATCH <= OPS; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++) {
            key_write(keys[j], b->order[i + j]);
            hashes[j] = hash_bytes(&b->seed, keys[j], KEY_LEN);
            buckets[j] = table_prefetch_bucket(&b->t, hashes[j]);
        }
        for (size_t j = 0; j < BATCH; j++) table_prefetch_entry(buckets[j], hashes[j]);
        for (size_t j = 0; j < BATCH; j++) {
            const struct entry *e = table_find(&b->t, hashes[j], equal, keys[j]);
            memcpy(value, e->value, sizeof value);
            sum += (uint64_t)value[7];
        }
    }
    return each(start);
}

// What writing the keys of a loop and hashing them costs by itself.
static double hash_only(const struct bench *b) {
    char key[KEY_LEN];
    int64_t start = cpu_ns();
    for (size_t i = 0; i < OPS; i++) {
        key_write(key, b->order[i]);
        sum += hash_bytes(&b->seed, key, KEY_LEN);
    }
    return each(start);
}

// Takes random entries out (those drawn twice are not there the second time), then puts them back in.
static void churn(struct bench *b, double *remove_ns, double *insert_ns) {
    bool *out = need_alloc(b->n * sizeof *out);
    uint32_t *taken = need_alloc(OPS * sizeof *taken);
    size_t n = 0;
    for (size_t i = 0; i < OPS && n < b->n / 4; i++) {
        if (out[b->order[i]]) continue;
        out[b->order[i]] = true;
        taken[n++] = b->order[i];
    }
    int64_t start = cpu_ns();
    for (size_t i = 0; i < n; i++) table_remove(&b->t, hash_entry(b, b->entries[taken[i]]), b->entries[taken[i]]);
    int64_t middle = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        if (!table_insert(&b->t, hash_entry(b, b->entries[taken[i]]), b->entries[taken[i]])) die("out of memory");
    }
    *insert_ns = (double)(cpu_ns() - middle) / (double)n;
    *remove_ns = (double)(middle - start) / (double)n;
    free(out);
    free(taken);
}

enum { IN_CACHE, HASH, HIT, MISS, BATCHED, REMOVE, INSERT, MEASURES };
static const char *const names[MEASURES] = {
    "find, 1000 entries, without hash",
    "(hash alone)",
    "find, hit, with hash and copy",
    "find, miss, with hash",
    "find in batches of 16, with hash and copy",
    "remove, with hash",
    "insert, with hash",
};

static void times(size_t n) {
    static double ns[MEASURES][ROUNDS];
    struct bench small, b;
    fill(&small, SMALL);
    fill(&b, n);
    for (int round = 0; round < ROUNDS; round++) {
        ns[IN_CACHE][round] = find_hashed(&small);
        ns[HASH][round] = hash_only(&b);
        ns[HIT][round] = find_keys(&b, 0);
        ns[MISS][round] = find_keys(&b, n);
        ns[BATCHED][round] = find_batches(&b);
        churn(&b, &ns[REMOVE][round], &ns[INSERT][round]);
    }
    printf("%zu entries, median of %d rounds, ns each (fastest, slowest round)\n", n, ROUNDS);
    for (size_t m = 0; m < MEASURES; m++) {
        double middle = median(ns[m], ROUNDS);
        printf("  %-42s %7.1f  (%.1f, %.1f)\n", names[m], middle, ns[m][0], ns[m][ROUNDS - 1]);
    }
    drop(&small);
    drop(&b);
}

// Fills a table one by one: the load swings as segments grow and split, all at about the same time.
static void growth(size_t n) {
    static struct hist h;
    struct bench b;
    uint64_t entries = 0, bytes = 0, moved = 0;
    fill(&b, 1);
    printf("\nbytes of segments and directory an entry, while a table grows\n ");
    size_t next = 16;
    for (size_t i = 1; i < n; i++) {
        struct entry *e = need(slab_alloc(b.slab, sizeof *e));
        memset(e, 1, sizeof *e);
        key_write(e->key, i);
        uint64_t hash = hash_entry(&b, e);
        int64_t start = clock_mono_ns();
        if (!table_insert(&b.t, hash, e)) die("out of memory");
        hist_add(&h, (uint64_t)(clock_mono_ns() - start));
        struct table_work w = table_last_work(&b.t);
        moved += w.entries;
        entries = w.entries > entries ? w.entries : entries;
        bytes = w.bytes > bytes ? w.bytes : bytes;
        if (b.t.count < next && i + 1 < n) continue;
        printf(" %zu: %.1f%s", (size_t)b.t.count, (double)b.t.bytes / (double)b.t.count, i + 1 < n ? "," : "");
        next = next < 4096 ? next * 4 : next + next / 5;
    }
    printf("\n\n%zu inserts one by one, ns with the clock's own: median %llu, p99 %llu, p99.99 %llu, worst %llu\n", n,
        (unsigned long long)hist_at(&h, 0.5), (unsigned long long)hist_at(&h, 0.99), (unsigned long long)hist_at(&h, 0.9999),
        (unsigned long long)h.max);
    printf("  work of the worst one: %llu entries moved, %llu bytes written; %.2f entries moved an insert\n", (unsigned long long)entries,
        (unsigned long long)bytes, (double)moved / (double)n);
    drop(&b);
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)need_number("entries", argv[1], 1000, 1e8) : 1000000;
    times(n);
    growth(n);
    return sum == 42;
}
