// Items on their way to a result: sorting and storing (zset_int.h).
#include "base/mem.h"
#include "cmd/zset_int.h"
#include "kora.h"

enum { PAGE = 8192 - 32, STORE_BATCH = 32 };

struct items_page {
    struct items_page *next;
    size_t used;
    char bytes[];
};

bool items_begin(struct items *x, uint64_t cap) {
    *x = (struct items){ .cap = cap };
    if (cap == 0) return true;
    if (cap < SIZE_MAX / sizeof *x->at) x->at = mem_alloc(cap * sizeof *x->at);
    return x->at;
}

void items_free(struct items *x) {
    for (struct items_page *p = x->pages, *next; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    mem_free(x->at);
    *x = (struct items){ 0 };
}

bool items_keep(struct items *x, struct slice *s) {
    struct items_page *p = x->pages;
    if (!p || PAGE - MIN(p->used, (size_t)PAGE) < s->n) {
        p = mem_alloc(sizeof *p + MAX(s->n, (size_t)PAGE));
        if (!p) return false;
        *p = (struct items_page){ .next = x->pages };
        x->pages = p;
    }
    if (s->n) memcpy(p->bytes + p->used, s->p, s->n);
    s->p = p->bytes + p->used;
    p->used += s->n;
    return true;
}

bool items_add(struct items *x, const struct zset_item *item, bool keep) {
    invariant(x->n < x->cap);
    struct zset_item *at = &x->at[x->n];
    *at = *item;
    if (keep && !items_keep(x, &at->member)) return false;
    x->n++;
    return true;
}

// ---- sorting -----------------------------------------------------------------------------------------------------------------

static inline bool is_behind(const struct zset_item *a, const struct zset_item *b) {
    if (a->score != b->score) return a->score > b->score;
    return slice_compare(a->member, b->member) > 0;
}

// Where the run ends that begins at `from`. A falling one is turned around.
static size_t run_end(struct zset_item *x, size_t from, size_t n) {
    size_t to = from + 1;
    if (to == n) return n;
    bool falls = is_behind(&x[from], &x[to]);
    while (to < n && is_behind(&x[to - 1], &x[to]) == falls) to++;
    for (size_t i = from, k = to - 1; falls && i < k; i++, k--) {
        struct zset_item swap = x[i];
        x[i] = x[k];
        x[k] = swap;
    }
    return to;
}

// Short runs are made longer by insertion.
static size_t run_of(struct zset_item *x, size_t from, size_t n) {
    enum { RUN_MIN = 16 };
    size_t to = run_end(x, from, n), end = MIN(n, from + RUN_MIN);
    for (; to < end; to++) {
        struct zset_item item = x[to];
        size_t i = to;
        for (; i > from && is_behind(&x[i - 1], &item); i--) x[i] = x[i - 1];
        x[i] = item;
    }
    return to;
}

static void merge(struct zset_item *to, const struct zset_item *a, size_t an, const struct zset_item *b, size_t bn) {
    while (an > 0 && bn > 0) {
        bool second = is_behind(a, b);
        *to++ = second ? *b : *a;
        a += !second, an -= !second;
        b += second, bn -= second;
    }
    memcpy(to, a, an * sizeof *a);
    memcpy(to + an, b, bn * sizeof *b);
}

// Merge sort of the runs that are there (Knuth, TAOCP vol. 3, 5.2.4 N): what comes from sorted sets is mostly a few of them. A run's end is kept in the
// list `ends`, of 8 bytes for 16 items at most.
bool items_sort(struct items *x) {
    size_t runs = 0, first = x->n ? run_of(x->at, 0, x->n) : 0;
    if (first == x->n) return true;
    struct zset_item *from = x->at, *to = mem_alloc(x->n * sizeof *to);
    size_t *ends = to ? mem_alloc((x->n / 16 + 2) * sizeof *ends) : NULL;
    if (!ends) {
        mem_free(to);
        return false;
    }
    ends[runs++] = 0;
    for (size_t at = first; at < x->n; at = run_of(from, at, x->n)) ends[runs++] = at;
    ends[runs] = x->n;
    while (runs > 1) {
        size_t merged = 0;
        for (size_t i = 0; i < runs; i += 2, merged++) {
            size_t a = ends[i], b = ends[i + 1], end = i + 1 < runs ? ends[i + 2] : b;
            merge(to + a, from + a, b - a, from + b, end - b);
            ends[merged] = a;
        }
        ends[merged] = x->n;
        runs = merged;
        struct zset_item *swap = from;
        from = to;
        to = swap;
    }
    x->at = from;
    mem_free(to);
    mem_free(ends);
    return true;
}

// ---- storing -----------------------------------------------------------------------------------------------------------------

// What was there is deleted, then the items are added, some at a time.
static bool emit_store(struct txn *t, const struct key *to, bool old, const struct items *x) {
    char text[STORE_BATCH][NUM_REAL_MAX];
    struct slice argv[2 + 2 * STORE_BATCH] = { SLICE("ZADD"), to->name };
    if (!effect_wanted(t)) return true;
    if (old && !effect_del(t, to)) return false;
    for (size_t i = 0; i < x->n;) {
        size_t n = MIN(x->n - i, (size_t)STORE_BATCH);
        for (size_t k = 0; k < n; k++, i++) {
            argv[2 + 2 * k] = slice_of(text[k], num_format_score(x->at[i].score, text[k]));
            argv[3 + 2 * k] = x->at[i].member;
        }
        if (!effect_emit(t, to, (int)(2 + 2 * n), argv)) return false;
    }
    return true;
}

static bool store(struct call *c, const struct key *to, struct entry *old, const struct items *x) {
    struct value v;
    if (x->n == 0) {
        if (old) key_delete(&c->txn, to, old);
        return true;
    }
    value_detach(&v, TYPE_ZSET, &c->txn, to);
    if (!zset_build(&v, x->at, x->n)) return false;
    if (value_store(&v, old, EXPIRE_NONE) == KORA_OK) return true;
    value_delete(&v);
    return false;
}

void items_store(struct call *c, const struct key *to, const struct items *x) {
    struct entry *old = key_write(&c->txn, to);
    struct effects_mark mark = effects_mark(&c->txn);
    if (!emit_store(&c->txn, to, old != NULL, x) || c->txn.no_memory || !store(c, to, old, x)) {
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    if (old || x->n > 0) key_changed(c, to);
    reply_int(c, (int64_t)x->n);
}
