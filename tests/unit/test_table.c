// The hash table against a naive model: entries are structs with their hash and a flag that says whether they should be in it.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "ds/table.h"

enum { POSITION_BITS = 48 };

struct entry {
    uint64_t hash, key;
    uint32_t seen;
    bool in;
};

struct fixture {
    struct slab *slab;
    struct table t;
    struct random r;
    struct entry *entries;
    size_t n;
    uint64_t moves_max; // of one step
};

static uint64_t hash_of(const void *ctx, const void *entry) {
    (void)ctx;
    return ((const struct entry *)entry)->hash;
}

static bool equal(const void *entry, const void *key) { return ((const struct entry *)entry)->key == *(const uint64_t *)key; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

// `mask`: the bits of the hash that differ from entry to entry.
static void begin(struct fixture *f, size_t n, uint64_t mask, uint64_t seed) {
    random_seed(&f->r, seed);
    print_message("seed %llu, %zu entries\n", (unsigned long long)seed, n);
    f->slab = slab_create(true);
    assert_non_null(f->slab);
    table_init(&f->t, f->slab, hash_of, NULL);
    f->entries = mem_alloc_zero(n * sizeof(struct entry));
    assert_non_null(f->entries);
    f->n = n;
    f->moves_max = mask == UINT64_MAX ? TABLE_MOVES_MAX : n; // unsplittable segments have no other bound
    for (size_t i = 0; i < n; i++) {
        f->entries[i].key = i;
        f->entries[i].hash = (random_next(&f->r) & mask) | (0x123456789abcdef0 & ~mask);
    }
}

// A directory of pages, by few entries: at every bit, one in six leaves the way to the deepest.
static void begin_deep(struct fixture *f, size_t n, uint64_t seed) {
    enum { DEEPEST = 20 };
    begin(f, n, UINT64_MAX, seed);
    f->moves_max = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t way = 0x6a456, *hash = &f->entries[i].hash;
        unsigned k = 0;
        while (k < DEEPEST && random_below(&f->r, 6)) k++;
        uint64_t low = (uint64_t)1 << k;
        *hash = (*hash & ~(low - 1)) | (way & (low - 1));
        if (k < DEEPEST) *hash = (*hash & ~low) | (~way & low);
    }
}

static bool paged(const struct fixture *f) { return (table_root_(&f->t) & TABLE_PAGED) != 0; }

static void end(struct fixture *f) {
    table_check(&f->t);
    table_free(&f->t);
    assert_int_equal(f->t.count, 0);
    assert_int_equal(f->t.bytes, 0);
    assert_int_equal(slab_usage(f->slab).used, 0);
    slab_destroy(f->slab);
    mem_free(f->entries);
}

static bool found(const struct fixture *f, const struct entry *e) {
    const struct table_bucket *b = table_prefetch_bucket(&f->t, e->hash);
    if (b) table_prefetch_entry(b, e->hash);
    void *p = table_find(&f->t, e->hash, equal, &e->key);
    assert_true(!p || p == e);
    return p != NULL;
}

static void compare(const struct fixture *f) {
    size_t count = 0;
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(found(f, &f->entries[i]), f->entries[i].in);
        count += f->entries[i].in;
    }
    assert_int_equal(f->t.count, count);
}

static void add(struct fixture *f, struct entry *e) {
    assert_true(table_insert(&f->t, e->hash, e));
    e->in = true;
}

static void take(struct fixture *f, struct entry *e) {
    assert_true(table_remove(&f->t, e->hash, e));
    e->in = false;
}

// One random step; inserts with a chance of `percent`.
static void step(struct fixture *f, uint64_t percent) {
    struct entry *e = &f->entries[random_below(&f->r, f->n)];
    assert_int_equal(found(f, e), e->in);
    if (random_below(&f->r, 100) < percent) {
        if (!e->in) add(f, e);
    } else if (e->in) {
        take(f, e);
    } else {
        assert_false(table_remove(&f->t, e->hash, e));
        assert_false(table_replace(&f->t, e->hash, e, e));
    }
    assert_true(table_last_work(&f->t).entries <= f->moves_max);
}

static void count_visit(void *arg, void *entry) {
    ((struct entry *)entry)->seen++;
    ++*(size_t *)arg;
}

static void expect_all_seen(struct fixture *f, size_t visited) {
    assert_int_equal(visited, f->t.count);
    for (size_t i = 0; i < f->n; i++) {
        assert_int_equal(f->entries[i].seen, f->entries[i].in);
        f->entries[i].seen = 0;
    }
}

static void scan_all(struct fixture *f, size_t max) {
    size_t visited = 0;
    uint64_t cursor = 0;
    do {
        cursor = table_scan(&f->t, cursor, max, count_visit, &visited);
        assert_true(cursor >> POSITION_BITS == 0);
    } while (cursor);
    expect_all_seen(f, visited);
}

static void walk_all(struct fixture *f, size_t segments) {
    size_t visited = 0;
    uint64_t cursor = 0;
    while ((cursor = table_walk(&f->t, cursor, segments, count_visit, &visited)) != 0) {}
    expect_all_seen(f, visited);
}

static void test_empty(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 10, UINT64_MAX, 1);
    size_t visited = 0;
    assert_int_equal(slab_usage(f.slab).used, 0);
    compare(&f);
    assert_int_equal(table_scan(&f.t, 0, 10, count_visit, &visited), 0);
    assert_int_equal(table_walk(&f.t, 0, 10, count_visit, &visited), 0);
    assert_int_equal(visited, 0);
    assert_null(table_random(&f.t, &f.r));
    assert_false(table_remove(&f.t, 1, &f.entries[0]));
    table_check(&f.t);
    add(&f, &f.entries[3]);
    assert_true(f.t.bytes <= 256);
    assert_ptr_equal(table_random(&f.t, &f.r), &f.entries[3]);
    compare(&f);
    take(&f, &f.entries[3]);
    assert_null(table_random(&f.t, &f.r));
    compare(&f);
    end(&f);
}

// Every bit of the hash constant in turn, and the fields that decide about places in whole.
static void test_model_small(void **state) {
    (void)state;
    static const uint64_t masks[] = { UINT64_MAX, 0xffffffffff, 0xffff000000ffffff, 0xffffff0000fffff0, 0x00ffff00000fffff,
        0xffffff0000ff0fff, 0xffffff0000ffff01 };
    for (size_t m = 0; m <= ARRAY_LEN(masks); m++) {
        struct fixture f;
        bool deep = m == ARRAY_LEN(masks);
        if (deep) begin_deep(&f, 2500, 100 + m);
        else begin(&f, 700, masks[m], 100 + m);
        int turn = deep ? 3500 : 1200, formed = 0;
        for (int i = 0; i < 5 * turn; i++) {
            bool before = paged(&f);
            step(&f, (i / turn) % 2 == 0 ? 75 : 20);
            formed += paged(&f) != before;
            table_check(&f.t);
            if (i % 100 == 0) compare(&f);
        }
        assert_true(formed == 0 || deep);
        assert_true(formed >= 3 || !deep);
        scan_all(&f, 7);
        walk_all(&f, 3);
        end(&f);
    }
}

static void test_model_large(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 100000, UINT64_MAX, 7);
    int steps = long_form() ? 20000000 : 1000000;
    for (int i = 0; i < steps; i++) {
        step(&f, (i / (steps / 5)) % 2 == 0 ? 90 : 5);
        if (i % (steps / 20) == 0) {
            table_check(&f.t);
            compare(&f);
            scan_all(&f, 1 + random_below(&f.r, 1000));
            walk_all(&f, 1 + random_below(&f.r, 10));
        }
    }
    end(&f);
}

static void test_replace(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 2000, UINT64_MAX, 8);
    for (size_t i = 0; i < 1000; i++) {
        f.entries[1000 + i].hash = f.entries[i].hash;
        add(&f, &f.entries[i]);
    }
    for (size_t i = 0; i < 1000; i++) {
        struct entry *from = &f.entries[i], *to = &f.entries[1000 + i];
        assert_true(table_replace(&f.t, from->hash, from, to));
        assert_false(table_replace(&f.t, from->hash, from, to));
        from->in = false;
        to->in = true;
    }
    compare(&f);
    end(&f);
}

// Hashes that no split can tell apart: segments grow in buckets, and shrink again.
static void hopeless(uint64_t mask, uint64_t seed) {
    struct fixture f;
    begin(&f, 4000, mask, seed);
    for (size_t i = 0; i < f.n; i++) {
        add(&f, &f.entries[i]);
        if (i % 97 == 0) table_check(&f.t);
    }
    compare(&f);
    scan_all(&f, 10);
    walk_all(&f, 1);
    struct entry *e = table_random(&f.t, &f.r);
    assert_true(e && e->in);
    for (size_t i = 0; i < f.n; i++) {
        take(&f, &f.entries[i]);
        if (i % 97 == 0) table_check(&f.t);
    }
    assert_true(f.t.bytes < 128 * 1024);
    end(&f);
}

static void test_hopeless(void **state) {
    (void)state;
    hopeless(0, 20);
    hopeless(0xff00000000000000, 21);        // what the table does not use
    hopeless((uint64_t)1 << 23, 22);         // told apart by the last directory bit alone
    hopeless((uint64_t)0xf << 40, 23);       // by fingerprints alone
    hopeless((uint64_t)0xffffff << 24, 24);  // all in one segment
    hopeless(((uint64_t)3 << 24) | 0x3, 25); // many to a hash
}

// Equal hashes are never divided between two calls of scan.
static void test_scan_ties(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 3000, 0x1f | (uint64_t)3 << 24, 9);
    for (size_t i = 0; i < f.n; i++) add(&f, &f.entries[i]);
    uint64_t cursor = 0;
    size_t visited = 0;
    do {
        cursor = table_scan(&f.t, cursor, 1, count_visit, &visited);
        for (size_t i = 0; i < f.n; i++) {
            for (size_t j = i + 1; j < MIN(i + 40, f.n); j++) {
                if (f.entries[i].hash == f.entries[j].hash) assert_int_equal(f.entries[i].seen, f.entries[j].seen);
            }
        }
    } while (cursor);
    expect_all_seen(&f, visited);
    end(&f);
}

struct order {
    uint64_t last;
    size_t n;
};

static uint64_t position(uint64_t hash) {
    uint64_t p = 0;
    for (int i = 0; i < POSITION_BITS; i++) p = p << 1 | (hash >> i & 1);
    return p;
}

static void order_visit(void *arg, void *entry) {
    struct order *o = arg;
    uint64_t p = position(((struct entry *)entry)->hash);
    assert_true(p >= o->last);
    o->last = p;
    o->n++;
}

static void test_scan_order(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 5000, UINT64_MAX, 10);
    for (size_t i = 0; i < f.n; i++) add(&f, &f.entries[i]);
    struct order o = { 0, 0 };
    for (uint64_t cursor = 0; (cursor = table_scan(&f.t, cursor, 33, order_visit, &o)) != 0;) assert_true(o.last < cursor);
    assert_int_equal(o.n, f.n);
    end(&f);
}

// What stays throughout is seen exactly once, while the rest comes and goes, and the table with it grows and shrinks.
static void test_scan_guarantee(void **state) {
    (void)state;
    int rounds = long_form() ? 2000 : 60;
    struct fixture f;
    begin(&f, 20000, UINT64_MAX, 11);
    for (int round = 0; round < rounds; round++) {
        size_t kept = 1 + random_below(&f.r, 300), max = 1 + random_below(&f.r, 200), visited = 0;
        for (size_t i = 0; i < kept; i++) {
            if (!f.entries[i].in) add(&f, &f.entries[i]);
        }
        uint64_t cursor = 0, percent = 5 + random_below(&f.r, 91), burst = 1 + random_below(&f.r, 2000);
        do {
            cursor = table_scan(&f.t, cursor, max, count_visit, &visited);
            for (uint64_t i = 0; i < burst; i++) {
                struct entry *e = &f.entries[kept + random_below(&f.r, f.n - kept)];
                if (random_below(&f.r, 100) >= percent) {
                    if (e->in) take(&f, e);
                } else if (!e->in) {
                    add(&f, e);
                }
            }
        } while (cursor);
        for (size_t i = 0; i < f.n; i++) {
            if (i < kept) assert_int_equal(f.entries[i].seen, 1);
            assert_true(f.entries[i].seen <= 1 || i >= kept);
            f.entries[i].seen = 0;
        }
        if (round % 10 == 0) table_check(&f.t);
    }
    end(&f);
}

// Neither entries moved nor bytes written by one insert depend on the size of the table.
static void test_insert_bounds(void **state) {
    (void)state;
    struct fixture f;
    struct table_work worst = { 0, 0 };
    uint64_t moved = 0;
    begin(&f, long_form() ? 20000000 : SANITIZED ? 500000 : 5000000, UINT64_MAX, 12);
    for (size_t i = 0; i < f.n; i++) {
        add(&f, &f.entries[i]);
        struct table_work w = table_last_work(&f.t);
        worst = (struct table_work){ MAX(worst.entries, w.entries), MAX(worst.bytes, w.bytes) };
        moved += w.entries;
    }
    print_message("worst insert: %llu entries, %llu bytes; %.2f moves an insert, %.1f bytes of table an entry\n",
        (unsigned long long)worst.entries, (unsigned long long)worst.bytes, (double)moved / (double)f.n, (double)f.t.bytes / (double)f.n);
    assert_true(worst.entries <= TABLE_MOVES_MAX && worst.bytes <= TABLE_BYTES_MAX);
    assert_true(f.t.bytes < f.n * 16);
    assert_true(moved < f.n * 4);
    for (size_t i = 0; i < f.n; i += 1 + random_below(&f.r, 20)) assert_true(found(&f, &f.entries[i]));
    table_check(&f.t);
    end(&f);
}

struct list {
    struct entry **at;
    size_t n;
};

static void list_visit(void *arg, void *entry) {
    struct list *l = arg;
    l->at[l->n++] = entry;
}

// The order of removals: 0 as inserted, 1 at random, 2 the table's own, which empties one segment after the other.
static void make_order(struct fixture *f, int order, struct list *l) {
    l->n = 0;
    if (order == 2) assert_int_equal(table_scan(&f->t, 0, f->n, list_visit, l), 0);
    while (l->n < f->n) {
        l->at[l->n] = &f->entries[l->n];
        l->n++;
    }
    for (size_t i = f->n - 1; order == 1 && i > 0; i--) {
        size_t j = random_below(&f->r, i + 1);
        struct entry *swap = l->at[i];
        l->at[i] = l->at[j];
        l->at[j] = swap;
    }
}

// A table emptied in any order has given nearly everything back, with bounded work for each removal.
static void test_shrink(void **state) {
    (void)state;
    for (int order = 0; order < 3; order++) {
        struct fixture f;
        begin(&f, 100000, UINT64_MAX, 13);
        struct list l = { mem_alloc(f.n * sizeof *l.at), 0 };
        assert_non_null(l.at);
        for (size_t i = 0; i < f.n; i++) add(&f, &f.entries[i]);
        make_order(&f, order, &l);
        size_t full = f.t.bytes, directory = 2 * 2048 * sizeof(uint64_t), visited = 0; // the array and all before it
        for (size_t i = 0; i < f.n; i++) {
            take(&f, l.at[i]);
            assert_true(table_last_work(&f.t).entries <= TABLE_MOVES_MAX);
            size_t left = f.n - 1 - i;
            assert_true(f.t.bytes <= directory + left * 40 + 8192);
            if (left % 10000 == 0) table_check(&f.t);
        }
        print_message("%zu bytes full, %zu empty\n", full, f.t.bytes);
        assert_true(f.t.bytes <= directory + 256);
        table_scan(&f.t, 0, 10, count_visit, &visited);
        assert_int_equal(visited, 0);
        mem_free(l.at);
        end(&f);
    }
}

// `skewed`: half of the entries have low bits that make leaves of another depth than the others'.
static void expect_fair(bool skewed) {
    struct fixture f;
    begin(&f, 1000, UINT64_MAX, 14);
    for (size_t i = 0; skewed && i < f.n; i += 2) f.entries[i].hash = (f.entries[i].hash & ~(uint64_t)7) | 5;
    for (size_t i = 0; i < f.n; i++) add(&f, &f.entries[i]);
    for (size_t i = 0; i < f.n * 200; i++) ((struct entry *)table_random(&f.t, &f.r))->seen++;
    double chi = 0;
    for (size_t i = 0; i < f.n; i++) {
        double d = (double)f.entries[i].seen - 200;
        chi += d * d / 200;
    }
    print_message("chi-square %.0f for %zu entries\n", chi, f.n);
    assert_true(chi > 850 && chi < 1150); // 999 degrees of freedom, standard deviation 45
    end(&f);
}

static void test_random(void **state) {
    (void)state;
    expect_fair(false);
    expect_fair(true);
}

// The vector form of the fingerprint comparison is the plain one, and no free slot matches.
static void test_match(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 15);
    struct table_bucket *b = mem_alloc_aligned(sizeof *b, CACHE_LINE);
    assert_non_null(b);
    for (int round = 0; round < 200000; round++) {
        uint64_t bits = round % 2 ? 0x0300000000000000 : UINT64_MAX; // of which hashes are made
        uint64_t hash = random_next(&r) & bits >> 8, hashes[TABLE_SLOTS];
        bool used[TABLE_SLOTS];
        for (size_t s = 0; s < TABLE_SLOTS; s++) {
            hashes[s] = random_below(&r, 8) ? random_next(&r) & bits >> 8 : hash;
            used[s] = random_below(&r, 4) != 0;
            b->slot[s] = used[s] ? table_slot_(hashes[s], (void *)(uintptr_t)(random_next(&r) >> 16)) : 0;
        }
        b->meta = random_next(&r) | (uint64_t)(table_print_(hash) >> 16) << 48;
        unsigned match = table_match_(b, table_print_(hash));
        for (size_t s = 0; s < TABLE_SLOTS; s++) {
            if (!used[s] || (hashes[s] ^ hash) >> 40 & 0x7fff) continue;
            assert_true(match != 0);
            assert_ptr_equal(table_match_slot_(b, match), &b->slot[s]);
            match &= match - 1;
        }
        assert_int_equal(match, 0);
    }
    mem_free(b);
}

// Inserts or removes every second entry, with checks now and then and whenever the directory has changed its form.
static void each(struct fixture *f, void change(struct fixture *f, struct entry *e), size_t first) {
    for (size_t i = first; i < f->n; i += 2) {
        uint64_t before = table_root_(&f->t);
        change(f, &f->entries[i]);
        assert_true(table_last_work(&f->t).bytes <= TABLE_BYTES_MAX + f->t.bytes); // no word of the directory is written twice
        if (i % 500 == 0 || table_root_(&f->t) != before) table_check(&f->t);
    }
    compare(f);
}

// A directory of pages comes, goes, and comes again out of the same memory.
static void test_deep(void **state) {
    (void)state;
    struct fixture f;
    size_t full[3];
    begin_deep(&f, 20000, 18);
    for (int round = 0; round < 3; round++) {
        each(&f, add, 0);
        each(&f, add, 1);
        assert_true(paged(&f));
        scan_all(&f, 100);
        walk_all(&f, 10);
        full[round] = f.t.bytes;
        each(&f, take, 0);
        if (round == 1) each(&f, add, 0); // from halfway
        if (round == 1) each(&f, take, 0);
        each(&f, take, 1);
        assert_false(paged(&f));
    }
    print_message("%zu bytes full, then %zu, %zu\n", full[0], full[1], full[2]);
    assert_true(full[1] < full[0] + full[0] / 64 && full[2] < full[0] + full[0] / 64);
    end(&f);
}

#ifdef KORA_FAULTS
// Blocks that keep the slab from having any memory in reserve, by size.
struct hog {
    struct hog *next;
    size_t size;
};

// Of arrays, pages and the top, and of segments.
static const size_t hog_sizes[] = { 32768, 16384, 8192, 4096, 2048, 24 * 64, 16 * 64, 8 * 64, 4 * 64, 2 * 64, 64 };

// Takes all that is free, beside what it has (`all`).
static struct hog *hog(struct slab *slab, struct hog *all) {
    struct hog *h;
    mem_fail(1, true);
    for (size_t i = 0; i < ARRAY_LEN(hog_sizes); i++) {
        while ((h = slab_alloc(slab, hog_sizes[i])) != NULL) {
            *h = (struct hog){ all, hog_sizes[i] };
            all = h;
        }
    }
    mem_fail(0, false);
    return all;
}

static void unhog(struct slab *slab, struct hog *all) {
    for (struct hog *next; all; all = next) {
        next = all->next;
        slab_free(slab, all, all->size);
    }
}

// Gives one block of the size back. False: there is none.
static bool release(struct slab *slab, struct hog **all, size_t size) {
    while (*all && (*all)->size != size) all = &(*all)->next;
    struct hog *h = *all;
    if (!h) return false;
    *all = h->next;
    slab_free(slab, h, h->size);
    return true;
}

// Without memory an insert works as long as there is room, and otherwise changes nothing; with memory all is as if nothing had been.
static void test_faults(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 30000, UINT64_MAX, 16);
    slab_free(f.slab, slab_alloc(f.slab, 64), 64); // it has something to be taken
    struct hog *hogged = hog(f.slab, NULL);
    for (int blocks = 0; blocks < 4; blocks++) {
        mem_fail(1, true);
        bool inserted = table_insert(&f.t, f.entries[0].hash, &f.entries[0]);
        mem_fail(0, false);
        assert_false(inserted);
        table_check(&f.t);
        compare(&f);
        assert_true(release(f.slab, &hogged, 64)); // enough for an array, but for no segment
    }
    unhog(f.slab, hogged);
    size_t refused = 0;
    for (size_t i = 0; i < f.n; i++) {
        struct entry *e = &f.entries[i];
        bool scarce = i % 3000 >= 1000;
        if (i % 3000 == 1000) hogged = hog(f.slab, NULL);
        if (scarce) mem_fail(i % 3000 < 2000 ? 1 : (long)(1 + random_below(&f.r, 4)), i % 3000 < 2000); // none, or some
        e->in = table_insert(&f.t, e->hash, e);
        if (!e->in) refused++;
        if (i % 5 == 0 && f.entries[i / 2].in) take(&f, &f.entries[i / 2]); // never fails
        mem_fail(0, false);
        if (i % 3000 == 2999) unhog(f.slab, hogged);
        if (i % 500 == 0) {
            table_check(&f.t);
            compare(&f);
        }
    }
    print_message("%zu inserts refused\n", refused);
    assert_true(refused > 0);
    for (size_t i = 0; i < f.n; i++) {
        if (!f.entries[i].in) add(&f, &f.entries[i]);
    }
    compare(&f);
    hogged = hog(f.slab, NULL);
    mem_fail(1, true);
    for (size_t i = 0; i < f.n; i++) take(&f, &f.entries[i]);
    mem_fail(0, false);
    unhog(f.slab, hogged);
    compare(&f);
    end(&f);
}

// Gives a few blocks back, of a size that `turn` tells. False: there are none any more.
static bool release_some(struct slab *slab, struct hog **all, size_t *turn) {
    for (size_t i = 0; i < ARRAY_LEN(hog_sizes); i++) {
        size_t size = hog_sizes[(*turn)++ % ARRAY_LEN(hog_sizes)], n = 0;
        while (n < (size < 4096 ? 8 : 1) && release(slab, all, size)) n++;
        if (n > 0) return true;
    }
    return false;
}

// An insert that has no memory but a few blocks more with every try, and in the end all.
static size_t add_starving(struct fixture *f, struct entry *e, struct hog **hogged, size_t *turn) {
    for (size_t refused = 0;; refused++) {
        uint64_t root = table_root_(&f->t);
        size_t bytes = f->t.bytes;
        mem_fail(1, true);
        e->in = table_insert(&f->t, e->hash, e);
        mem_fail(0, false);
        if (e->in) return refused;
        assert_true(table_root_(&f->t) == root && f->t.bytes >= bytes);
        assert_false(found(f, e));
        if (refused % 8 == 0 || f->t.bytes != bytes) table_check(&f->t);
        if (release_some(f->slab, hogged, turn)) continue;
        add(f, e);
        *hogged = hog(f->slab, *hogged);
        return refused;
    }
}

// The same for a directory of every form: each of its allocations, and those of segments after it, fails and is tried again.
static void test_faults_deep(void **state) {
    (void)state;
    struct fixture f;
    size_t refused = 0, formed = 0, turn = 0;
    for (uint64_t round = 0; round < 12; round++) {
        begin_deep(&f, 4000, 30 + round);
        struct hog *hogged = hog(f.slab, NULL);
        for (size_t i = 0; i < f.n; i++) {
            refused += add_starving(&f, &f.entries[i], &hogged, &turn);
            if (i % 20 == 0) hogged = hog(f.slab, hogged);
        }
        formed += paged(&f);
        compare(&f);
        for (size_t i = 0; i < f.n; i++) {
            mem_fail(1, true);
            take(&f, &f.entries[i]);
            mem_fail(0, false);
            if (i % 100 == 0) table_check(&f.t);
        }
        for (size_t i = 0; i < f.n; i++) refused += add_starving(&f, &f.entries[i], &hogged, &turn);
        compare(&f);
        unhog(f.slab, hogged);
        end(&f);
    }
    print_message("%zu inserts refused, pages in %zu rounds\n", refused, formed);
    assert_true(refused > 1000 && formed > 5);
}
#endif

struct hints {
    const struct fixture *f;
    atomic_bool stop;
    uint64_t done;
};

static void *hint(void *arg) {
    struct hints *h = arg;
    struct random r;
    random_seed(&r, 99);
    while (!atomic_load(&h->stop)) {
        uint64_t hashes[16];
        for (int i = 0; i < 16; i++) hashes[i] = h->f->entries[random_below(&r, h->f->n)].hash;
        const struct table_bucket *buckets[16];
        for (int i = 0; i < 16; i++) buckets[i] = table_prefetch_bucket(&h->f->t, hashes[i]);
        for (int i = 0; i < 16; i++) {
            if (buckets[i]) table_prefetch_entry(buckets[i], hashes[i]);
        }
        h->done++;
    }
    return NULL;
}

// One thread works, another gives hints about the same table without any lock. Freed segments are reused for other things at once.
static void hinted(struct fixture *f, int steps) {
    struct hints h = { f, false, 0 };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hint, &h), 0);
    for (int i = 0; i < steps; i++) {
        step(f, (i / (steps / 5)) % 2 == 0 ? 95 : 5);
        if (i % 50 == 0) {
            void *other = slab_alloc(f->slab, 1024);
            assert_non_null(other);
            memset(other, 0x5a, 1024);
            slab_free(f->slab, other, 1024);
        }
    }
    atomic_store(&h.stop, true);
    pthread_join(thread, NULL);
    print_message("%llu batches of hints\n", (unsigned long long)h.done);
    compare(f);
    end(f);
}

static void test_hints(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 30000, UINT64_MAX, 17);
    hinted(&f, 300000);
    begin_deep(&f, 3000, 19);
    hinted(&f, 60000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_model_small),
        cmocka_unit_test(test_model_large),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_hopeless),
        cmocka_unit_test(test_scan_ties),
        cmocka_unit_test(test_scan_order),
        cmocka_unit_test(test_scan_guarantee),
        cmocka_unit_test(test_insert_bounds),
        cmocka_unit_test(test_shrink),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_deep),
#ifdef KORA_FAULTS
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_faults_deep),
#endif
        cmocka_unit_test(test_hints),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
