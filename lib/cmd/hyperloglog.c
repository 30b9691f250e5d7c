// HyperLogLogs: PFADD, PFCOUNT, PFMERGE. They are strings (ds/hyperloglog.h), which users may have written themselves.
//
// A sparse one is changed in a copy, which takes its place once all has gone well: it may turn out damaged halfway. A dense one can't.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "ds/hyperloglog.h"
#include "kora.h"

static void reply_corrupt(struct call *c) { reply_error(c, "INVALIDOBJ Corrupted HLL object detected"); }

// The string at `e`, which is not NULL. False: it is something else, the reply is written.
static bool read_hll(struct call *c, const struct entry *e, struct slice *s, char number[NUM_INT_MAX]) {
    if (!check_string(c, e)) return false;
    *s = entry_string(e, number);
    if (hll_is(*s)) return true;
    reply_error(c, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

static size_t sparse_limit(const struct call *c) {
    return atomic_load_explicit(&c->txn.common->settings.hll_sparse_max_bytes, memory_order_relaxed);
}

// A copy of `s` (empty: a new one) with room for as many marks. False: no memory, the reply is written.
static bool take_copy(struct call *c, struct hll *h, struct slice s, size_t marks) {
    *h = (struct hll){ .n = s.n, .sparse_max = sparse_limit(c) };
    h->p = mem_alloc(hll_room(MAX(s.n, HLL_EMPTY_SIZE), marks, h->sparse_max));
    if (!h->p) {
        reply_no_memory(c);
        return false;
    }
    if (s.n) memcpy(h->p, s.p, s.n);
    else hll_init(h);
    return true;
}

// The key's string becomes what is in `h`.
static int store(struct call *c, struct entry *e, const struct hll *h) {
    char *bytes;
    int status = key_edit_string(&c->txn, &c->keys[0], e, h->n, &bytes);
    if (status == KORA_OK) memcpy(bytes, h->p, h->n);
    return status;
}

// ---- PFADD ----------------------------------------------------------------------------------------------------------------------

static void add_to_dense(struct call *c, struct entry *e, struct slice s) {
    char *bytes;
    int i = 2;
    while (i < c->argc && !hll_dense_below(s.p, hll_mark_of(c->argv[i]))) i++;
    if (i == c->argc) {
        reply_int(c, 0);
        return;
    }
    int status = key_edit_string(&c->txn, &c->keys[0], e, s.n, &bytes);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    for (; i < c->argc; i++) {
        struct hll_mark m = hll_mark_of(c->argv[i]);
        if (hll_dense_below(bytes, m)) hll_dense_set(bytes, m);
    }
    hll_forget(bytes);
    c->changed = true;
    reply_int(c, 1);
}

static void add_to_copy(struct call *c, struct entry *e, struct hll *h) {
    bool changed = !e;
    for (int i = 2; i < c->argc; i++) {
        enum hll_result result = hll_set(h, hll_mark_of(c->argv[i]));
        if (result == HLL_CORRUPT) {
            reply_corrupt(c);
            return;
        }
        changed |= result == HLL_CHANGED;
    }
    if (changed) {
        hll_forget(h->p);
        int status = store(c, e, h);
        if (status != KORA_OK) {
            reply_status_code(c, status);
            return;
        }
        c->changed = true;
    }
    reply_int(c, changed);
}

void cmd_pfadd(struct call *c) {
    char number[NUM_INT_MAX];
    struct slice s = { "", 0 };
    struct hll h;
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (e && !read_hll(c, e, &s, number)) return;
    if (e && hll_is_dense(s.p)) {
        add_to_dense(c, e, s);
    } else if (take_copy(c, &h, s, (size_t)c->argc - 2)) {
        add_to_copy(c, e, &h);
        mem_free(h.p);
    }
}

// ---- PFCOUNT --------------------------------------------------------------------------------------------------------------------

// Keeps the estimate in the string. That is a change of its bytes, which GET shows, hence an effect: replayed, PFCOUNT does the same.
// The command reads all the same, so nobody has made room for it, and without memory it is left.
static void keep_estimate(struct call *c, struct entry *e, size_t len, uint64_t estimate) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(t);
    char *bytes;
    if (effect_refused(t) || !effect_emit(t, k, c->argc, c->argv)) return;
    if (key_edit_string(t, k, e, len, &bytes) != KORA_OK) {
        effects_retract(t, mark);
        return;
    }
    hll_cache(bytes, estimate);
    stripe_changed(k->stripe);
    key_changed(c, k);
}

static void count_one(struct call *c) {
    char number[NUM_INT_MAX];
    struct slice s;
    uint64_t estimate;
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!e) {
        reply_int(c, 0);
        return;
    }
    if (!read_hll(c, e, &s, number)) return;
    if (!hll_cached(s.p, &estimate)) {
        if (!hll_count(s, &estimate)) {
            reply_corrupt(c);
            return;
        }
        if (reply_room(c, 0)) keep_estimate(c, e, s.n, estimate);
    }
    reply_int(c, (int64_t)estimate);
}

// Merges the keys into registers. *dense: one of them is. False: the reply is written.
static bool merge_keys(struct call *c, uint8_t *registers, bool *dense) {
    char number[NUM_INT_MAX];
    struct slice s;
    for (uint32_t i = 0; i < c->key_count; i++) {
        prefetch_keys(c, i);
        struct entry *e = key_read(&c->txn, &c->keys[i]);
        if (!e) continue;
        if (!read_hll(c, e, &s, number)) return false;
        if (!hll_merge(registers, s)) {
            reply_corrupt(c);
            return false;
        }
        *dense |= hll_is_dense(s.p);
    }
    return true;
}

static void count_union(struct call *c) {
    uint8_t registers[HLL_REGISTERS] = { 0 };
    bool dense = false;
    if (merge_keys(c, registers, &dense)) reply_int(c, (int64_t)hll_count_registers(registers));
}

void cmd_pfcount(struct call *c) {
    if (c->key_count == 1) count_one(c);
    else count_union(c);
}

// ---- PFMERGE --------------------------------------------------------------------------------------------------------------------

// The effect is the result, since its sources are anywhere.
static int store_merged(struct call *c, struct entry *e, const struct hll *h) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(t);
    if (effect_wanted(t) && !effect_set(t, k, slice_of(h->p, h->n), 0, e != NULL)) return KORA_NOMEM;
    int status = store(c, e, h);
    if (status == KORA_OK) key_changed(c, k);
    else effects_retract(t, mark);
    return status;
}

void cmd_pfmerge(struct call *c) {
    char number[NUM_INT_MAX];
    uint8_t registers[HLL_REGISTERS] = { 0 };
    bool dense = false;
    struct hll h;
    if (!merge_keys(c, registers, &dense)) return;
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    struct slice s = e ? entry_string(e, number) : (struct slice){ "", 0 };
    if (!take_copy(c, &h, s, HLL_REGISTERS)) return;
    if ((dense && !hll_make_dense(&h)) || !hll_put(&h, registers)) {
        reply_corrupt(c);
    } else {
        hll_forget(h.p);
        reply_status_code(c, store_merged(c, e, &h));
    }
    mem_free(h.p);
}
