// Sets: iteration, and random members.
#include "base/mem.h"
#include "type/set_int.h"

// ---- visits ----------------------------------------------------------------------------------------------------------------

struct visiting {
    set_visit_fn *visit;
    void *arg;
    bool stopped;
    struct set_batch batch;
};

static void flush(struct visiting *w) {
    if (w->batch.n > 0 && !w->stopped) w->stopped = !w->visit(w->arg, &w->batch);
    set_batch_clear(&w->batch);
}

static void visit_one(struct visiting *w, struct slice text, int64_t number) {
    set_batch_add(&w->batch, text, number);
    if (w->batch.n == SET_BATCH) flush(w);
}

static void visit_member(void *arg, void *member) {
    struct visiting *w = arg;
    if (!w->stopped) visit_one(w, member_text(member), 0);
}

static void visit_small(const struct value *v, struct visiting *w) {
    const char *p = v->bytes;
    if (v->flags & ENTRY_INTSET) {
        size_t n = intset_count(p);
        for (size_t i = 0; i < n && !w->stopped; i++) visit_one(w, slice_of(NULL, 0), intset_get(p, i));
        return;
    }
    for (size_t at = packed_first(p); at && !w->stopped; at = packed_next(p, at)) {
        struct packed_value member = packed_get(p, at);
        visit_one(w, member.bytes, member.number);
    }
}

void set_visit(const struct value *v, set_visit_fn *visit, void *arg) {
    struct visiting w;
    uint64_t at = 0;
    w.visit = visit;
    w.arg = arg;
    w.stopped = false;
    set_batch_clear(&w.batch);
    if (!v->there) return;
    if (!v->root) visit_small(v, &w);
    else do at = table_walk(&set_root_of(v)->table, at, 1, visit_member, &w);
        while (at && !w.stopped);
    flush(&w);
}

uint64_t set_scan(const struct value *v, uint64_t cursor, size_t max, set_visit_fn *visit, void *arg) {
    struct visiting w;
    uint64_t next = 0;
    w.visit = visit;
    w.arg = arg;
    w.stopped = false;
    set_batch_clear(&w.batch);
    if (!v->there) return 0;
    if (v->root) next = table_scan(&set_root_of(v)->table, cursor, max, visit_member, &w);
    else visit_small(v, &w);
    flush(&w);
    return next;
}

// ---- chance ----------------------------------------------------------------------------------------------------------------

void set_picked(const struct value *v, const set_pick *picks, size_t n, struct set_batch *b) {
    set_batch_clear(b);
    for (size_t i = 0; i < n; i++) {
        if (v->root) {
            set_batch_add(b, member_text((const void *)picks[i]), 0);
        } else if (v->flags & ENTRY_INTSET) {
            set_batch_add(b, slice_of(NULL, 0), intset_get(v->bytes, picks[i]));
        } else {
            struct packed_value member = packed_get(v->bytes, picks[i]);
            set_batch_add(b, member.bytes, member.number);
        }
    }
}

// One pass over the list for all: the drawn numbers are looked for in ascending order.
static void pick_packed(const struct value *v, size_t n, set_pick *picks) {
    const char *p = v->bytes;
    size_t order[SET_BATCH], count = packed_count(p), i = 0, at = packed_first(p);
    if (n == 1) {
        picks[0] = packed_index(p, (int64_t)random_below(value_random(v), count));
        return;
    }
    for (size_t k = 0; k < n; k++) {
        size_t j = k;
        picks[k] = random_below(value_random(v), count);
        for (; j > 0 && picks[order[j - 1]] > picks[k]; j--) order[j] = order[j - 1];
        order[j] = k;
    }
    for (size_t k = 0; k < n; k++) {
        for (; i < picks[order[k]]; i++) at = packed_next(p, at);
        picks[order[k]] = at;
    }
}

void set_pick_any(const struct value *v, size_t n, set_pick *picks) {
    if (value_is_packed(v)) {
        pick_packed(v, n, picks);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (v->root) picks[i] = (set_pick)table_random(&set_root_of(v)->table, value_random(v));
        else picks[i] = random_below(value_random(v), intset_count(v->bytes));
    }
}

// Selection sampling (Knuth, The Art of Computer Programming, vol. 2, algorithm S): one pass; of what is left, each is taken with the chance that
// is still needed of it.
struct sampling {
    struct random *random;
    uint64_t left;  // members to be looked at
    size_t wanted;  // picks still to be made
    set_pick *next;
};

static bool sample(struct sampling *s, set_pick pick) {
    if (random_below(s->random, s->left--) >= s->wanted) return true;
    *s->next++ = pick;
    return --s->wanted > 0;
}

static void sample_member(void *arg, void *member) {
    struct sampling *s = arg;
    if (s->wanted > 0) sample(s, (set_pick)member);
}

static void sample_all(const struct value *v, size_t n, set_pick *picks) {
    struct sampling s = { value_random(v), set_count(v), n, picks };
    uint64_t at = 0;
    if (v->root) {
        do at = table_walk(&set_root_of(v)->table, at, 1, sample_member, &s);
        while (at && s.wanted > 0);
    } else if (v->flags & ENTRY_INTSET) {
        for (size_t i = 0; sample(&s, i); i++) { }
    } else {
        for (size_t i = packed_first(v->bytes); sample(&s, i); i = packed_next(v->bytes, i)) { }
    }
}

// Few of many: drawn one by one, and again if one was drawn before, which a small hash table of addresses knows. False: no memory for that.
static bool draw_few(const struct value *v, size_t n, set_pick *picks) {
    size_t size = 16;
    while (size < 2 * n) size *= 2;
    set_pick few[256], *seen = size <= ARRAY_LEN(few) ? few : mem_alloc(size * sizeof *seen);
    if (!seen) return false;
    memset(seen, 0, size * sizeof *seen);
    for (size_t i = 0; i < n;) {
        set_pick p = (set_pick)table_random(&set_root_of(v)->table, value_random(v));
        size_t at = (size_t)((uint64_t)p * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);
        while (seen[at] && seen[at] != p) at = (at + 1) & (size - 1);
        if (seen[at]) continue;
        seen[at] = picks[i++] = p;
    }
    if (seen != few) mem_free(seen);
    return true;
}

enum { FEW_OF = 8 }; // an eighth: from there on a pass over all is cheaper

void set_pick_different(const struct value *v, size_t n, set_pick *picks) {
    if (n == 0 || (v->root && n < set_count(v) / FEW_OF && draw_few(v, n, picks))) return;
    sample_all(v, n, picks);
}
