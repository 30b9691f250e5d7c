// The counted tree alone, on one thread: nanoseconds an insert, find, rank, item at a rank, step of a walk and removal, and bytes an item.
//
//     bench_tree [items]
//
// Items are as a sorted set has them: a score, a length and the bytes of a name, each allocated by itself, in an order that has nothing to do with the
// scores. In each round every measure is taken once; printed are the medians over the rounds, of the thread's CPU time.
#include "bench.h"

#include "base/clock.h"
#include "base/random.h"
#include "ds/slab.h"
#include "ds/tree.h"

enum { ROUNDS = 7, OPS = 500000, NAME_LEN = 16 };

struct member {
    double score;
    uint32_t len;
    char name[NAME_LEN];
};

struct bench {
    struct slab *items, *nodes;
    struct tree t;
    size_t n;
    struct member **members; // in the order in which they are inserted
    struct random r;
};

static uint64_t sum; // keeps the compiler from leaving things out

static int compare(const void *item, const void *key) {
    const struct member *a = item, *b = key;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    int c = memcmp(a->name, b->name, MIN(a->len, b->len));
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static uint64_t word(const void *item) { return tree_word_double(((const struct member *)item)->score); }

static int64_t cpu_ns(void) { return clock_read_(CLOCK_THREAD_CPUTIME_ID, 1); }
static double each(int64_t start_ns, size_t n) { return (double)(cpu_ns() - start_ns) / (double)n; }

// `ties`: how many members have the same score.
static void make(struct bench *b, size_t n, size_t ties) {
    b->n = n;
    b->items = need(slab_create(true));
    b->nodes = need(slab_create(true));
    b->members = need_alloc(n * sizeof *b->members);
    random_seed(&b->r, n);
    tree_init(&b->t, b->nodes, word);
    for (size_t i = 0; i < n; i++) {
        struct member *m = b->members[i] = need(slab_alloc(b->items, sizeof *m));
        *m = (struct member){ (double)(random_next(&b->r) >> 11) * 0x1p-53, NAME_LEN, { 0 } };
        if (ties > 1) m->score = (double)random_below(&b->r, n / ties + 1);
        uint64_t name = random_next(&b->r);
        key_write(m->name, name);
        memcpy(m->name, &name, sizeof name);
    }
}

static double fill(struct bench *b) {
    int64_t start = cpu_ns();
    for (size_t i = 0; i < b->n; i++) {
        if (!tree_insert(&b->t, compare, b->members[i], word(b->members[i]), b->members[i])) die("out of memory");
    }
    return each(start, b->n);
}

// The key is a copy, so its own line is not the item's.
static struct member draw(struct bench *b) { return *b->members[random_below(&b->r, b->n)]; }

static struct member keys[OPS];
static void draw_keys(struct bench *b) {
    for (size_t i = 0; i < OPS; i++) keys[i] = draw(b);
    // What was touched while drawing should not be in the cache more than anything else.
    for (size_t i = 0; i < b->n; i++) sum += b->members[i]->len;
}

static double find(struct bench *b, bool rank) {
    draw_keys(b);
    int64_t start = cpu_ns();
    for (size_t i = 0; i < OPS; i++) {
        uint64_t before = 0;
        struct tree_at at = tree_find(&b->t, compare, &keys[i], word(&keys[i]), rank ? &before : NULL);
        sum += (uintptr_t)tree_item(at) + before;
    }
    return each(start, OPS);
}

static double at_rank(struct bench *b) {
    int64_t start = cpu_ns();
    for (size_t i = 0; i < OPS; i++) sum += (uintptr_t)tree_item(tree_at_rank(&b->t, random_below(&b->r, b->n)));
    return each(start, OPS);
}

static double walk(struct bench *b) {
    int64_t start = cpu_ns();
    for (struct tree_at at = tree_first(&b->t); at.leaf; at = tree_next(at)) sum += ((const struct member *)tree_item(at))->len;
    return each(start, b->n);
}

// Takes the first quarter of those inserted out, and puts it back in.
static void churn(struct bench *b, double *remove_ns, double *insert_ns) {
    size_t n = b->n / 4;
    int64_t start = cpu_ns();
    for (size_t i = 0; i < n; i++) sum += (uintptr_t)tree_remove(&b->t, compare, b->members[i], word(b->members[i]));
    *remove_ns = each(start, n);
    start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        if (!tree_insert(&b->t, compare, b->members[i], word(b->members[i]), b->members[i])) die("out of memory");
    }
    *insert_ns = each(start, n);
}

static void ignore(void *arg, void *item) { *(uint64_t *)arg += (uintptr_t)item; }

enum { FILL, FIND, RANK, AT_RANK, WALK, REMOVE, INSERT, CUT, MEASURES };
static const char *const names[MEASURES] = { "insert, random order, from empty", "find", "find with rank", "at rank", "walk, reading items",
    "remove", "insert again", "remove range, all but the ends" };

static void times(size_t n, size_t ties) {
    static double ns[MEASURES][ROUNDS];
    struct bench b;
    make(&b, n, ties);
    double bytes = 0, after = 0;
    for (int round = 0; round < ROUNDS; round++) {
        ns[FILL][round] = fill(&b);
        bytes = (double)b.t.bytes / (double)n;
        ns[FIND][round] = find(&b, false);
        ns[RANK][round] = find(&b, true);
        ns[AT_RANK][round] = at_rank(&b);
        ns[WALK][round] = walk(&b);
        churn(&b, &ns[REMOVE][round], &ns[INSERT][round]);
        after = (double)b.t.bytes / (double)n;
        int64_t start = cpu_ns();
        tree_remove_range(&b.t, 1, n - 2, ignore, &sum);
        ns[CUT][round] = each(start, n);
        while (!tree_free(&b.t, 100)) {}
    }
    printf("%zu items, %zu to a score: %.2f bytes an item (%.2f when a quarter has been taken out and in)\n", n, ties, bytes, after);
    printf("median of %d rounds, ns each (fastest, slowest round)\n", ROUNDS);
    for (size_t m = 0; m < MEASURES; m++) {
        double middle = median(ns[m], ROUNDS);
        printf("  %-36s %7.1f  (%.1f, %.1f)\n", names[m], middle, ns[m][0], ns[m][ROUNDS - 1]);
    }
    slab_destroy(b.items);
    slab_destroy(b.nodes);
    free(b.members);
}

static int by_score(const void *a, const void *b) { return compare(*(struct member *const *)a, *(struct member *const *)b); }

static void ordered(size_t n) {
    struct bench b;
    make(&b, n, 1);
    qsort(b.members, n, sizeof *b.members, by_score);
    double up = fill(&b), up_bytes = (double)b.t.bytes / (double)n;
    while (!tree_free(&b.t, 100)) {}
    for (size_t i = 0; i < n / 2; i++) {
        struct member *m = b.members[i];
        b.members[i] = b.members[n - 1 - i];
        b.members[n - 1 - i] = m;
    }
    double down = fill(&b), down_bytes = (double)b.t.bytes / (double)n;
    printf("inserts in order: ascending %.1f ns, %.2f bytes an item; descending %.1f ns, %.2f bytes\n", up, up_bytes, down, down_bytes);
    slab_destroy(b.items);
    slab_destroy(b.nodes);
    free(b.members);
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)need_number("items", argv[1], 1000, 1e8) : 1000000;
    times(n, 1);
    times(n, 1000);
    ordered(n);
    return sum == 42;
}
