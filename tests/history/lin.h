// Is a short concurrent history of a small map strictly serializable?
//
// The search is that of Wing & Gong with Lowe's memory, as in Porcupine: look for an order of the operations that contains the order of real
// time (one that was answered before another was sent comes first) and in which each gets the answer that it got. An operation may come
// next if none of the others that are left was answered before it was sent; what is left and the state of the map are remembered,
// so that nothing is tried twice. Keys that no operation binds together are searched apart: the property is local.
//
// Values are numbers, 0: no such key. Time is in milliseconds of the server's clock, which may be off by `skew_ms` either way, and
// differently on each thread, but which calls must never see run backwards. A key with a deadline is deleted by the first operation on it
// that may have seen a time at or after it; it must be gone for one that cannot have seen a time before it. What an operation
// tells about the time (this key has expired, that one has not) holds for those after it.
//
// For tests: everything is static, nothing is shared, the memory is the checker's own and used again.
#ifndef KORA_TESTS_HISTORY_LIN_H
#define KORA_TESTS_HISTORY_LIN_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LIN_OPS_MAX = 64, LIN_KEYS_MAX = 8, LIN_ARGS_MAX = 4 };

enum lin_kind {
    LIN_GET,    // count keys; got[]: the values seen
    LIN_SET,    // count keys and values, at one instant; `only`; a deadline for all; result 1: done, 0: condition not met
    LIN_SETNX,  // MSETNX: count keys and values, if none of the keys exists; result 1 or 0
    LIN_RENAME, // key[0] to key[1]; result 1, or 0: no such key
    LIN_COPY,   // key[0] to key[1]; `replace`; result 1 or 0
    LIN_DEL,    // count different keys; result: how many there were
    LIN_CAS     // key[0] from `expected` to value[0]; result 1, or 0: it held something else
};
enum lin_only { LIN_ALWAYS, LIN_NX, LIN_XX };

struct lin_op {
    enum lin_kind kind;
    enum lin_only only;
    bool replace, at_given;
    bool piped;                             // sent together with, and behind, the operation before it in the history
    uint8_t client, count, key[LIN_ARGS_MAX];
    uint32_t value[LIN_ARGS_MAX], got[LIN_ARGS_MAX], expected;
    int result;
    int64_t sent_ns, answered_ns;           // on one monotonic clock
    int64_t ttl_ms, at_ms;                  // LIN_SET: deadline from now (0: none), or absolute where at_given
};

struct lin_history {
    struct lin_op op[LIN_OPS_MAX];
    uint32_t count, keys;
    int64_t skew_ms;
    int64_t epoch_ns;                       // the server's clock is (monotonic - epoch) in ms, give or take the skew
};

enum lin_verdict { LIN_OK, LIN_VIOLATION, LIN_UNDECIDED /* more than steps_max */ };

// ---- state -------------------------------------------------------------------------------------------------------------

struct lin_key { uint32_t value; int64_t from_ms, to_ms; };         // its deadline is in from..to; INT64_MAX: none
struct lin_state { struct lin_key key[LIN_KEYS_MAX]; int64_t now_ms; }; // now_ms: the clock was here at least

struct lin_seen { uint64_t done, state; uint32_t run; };
struct lin_checker {
    const struct lin_history *h;
    struct lin_seen *seen;                  // open addressing, power of two; entries of other runs are free
    size_t seen_size, seen_used;
    uint32_t run;
    uint64_t steps, steps_max;
    uint64_t best;                          // the most operations that could be put in order: what is left is suspicious
};

static inline uint64_t lin_mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static inline uint64_t lin_state_hash(const struct lin_state *s, uint32_t keys) {
    uint64_t h = lin_mix(7, (uint64_t)s->now_ms);
    for (uint32_t i = 0; i < keys; i++) {
        h = lin_mix(lin_mix(lin_mix(h, s->key[i].value), (uint64_t)s->key[i].from_ms), (uint64_t)s->key[i].to_ms);
    }
    return h;
}

static inline void lin_grow(struct lin_checker *c) {
    struct lin_seen *old = c->seen;
    size_t old_size = c->seen_size;
    c->seen_size = old_size ? old_size * 2 : 1024;
    c->seen = calloc(c->seen_size, sizeof *c->seen);
    if (!c->seen) abort();
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].run != c->run) continue;
        size_t at = lin_mix(old[i].done, old[i].state) & (c->seen_size - 1);
        while (c->seen[at].run == c->run) at = (at + 1) & (c->seen_size - 1);
        c->seen[at] = old[i];
    }
    free(old);
}

// True the first time that this is asked in this run.
static inline bool lin_first_time(struct lin_checker *c, uint64_t done, uint64_t state) {
    if (c->seen_used * 2 >= c->seen_size) lin_grow(c);
    size_t at = lin_mix(done, state) & (c->seen_size - 1);
    for (; c->seen[at].run == c->run; at = (at + 1) & (c->seen_size - 1)) {
        if (c->seen[at].done == done && c->seen[at].state == state) return false;
    }
    c->seen[at] = (struct lin_seen){ done, state, c->run };
    c->seen_used++;
    return true;
}

// ---- operations ----------------------------------------------------------------------------------------------------------

static inline void lin_put(struct lin_state *s, uint32_t key, uint32_t value, int64_t from_ms, int64_t to_ms) {
    s->key[key] = (struct lin_key){ value, from_ms, to_ms };
}
static inline void lin_clear(struct lin_state *s, uint32_t key) { lin_put(s, key, 0, INT64_MAX, INT64_MAX); }

static inline bool lin_set(struct lin_state *s, const struct lin_op *o, int64_t now_from, int64_t now_to) {
    bool exists = s->key[o->key[0]].value != 0;
    bool does = o->only == LIN_ALWAYS || (o->only == LIN_NX) != exists;
    if (o->result != (int)does) return false;
    if (!does) return true;
    int64_t from = INT64_MAX, to = INT64_MAX;
    if (o->at_given) from = to = o->at_ms;
    else if (o->ttl_ms) from = now_from + o->ttl_ms, to = now_to + o->ttl_ms;
    for (uint32_t i = 0; i < o->count; i++) lin_put(s, o->key[i], o->value[i], from, to);
    return true;
}

static inline bool lin_move(struct lin_state *s, const struct lin_op *o) {
    uint32_t from = o->key[0], to = o->key[1];
    bool does = s->key[from].value != 0;
    if (o->kind == LIN_COPY && s->key[to].value != 0 && !o->replace) does = false;
    if (o->result != (int)does) return false;
    if (!does || from == to) return true;
    s->key[to] = s->key[from];
    if (o->kind == LIN_RENAME) lin_clear(s, from);
    return true;
}

// Runs the operation at a moment between the two times, in a state where what has expired is gone. False: its answer is not the one it got.
static inline bool lin_run(struct lin_state *s, const struct lin_op *o, int64_t now_from, int64_t now_to) {
    int n = 0;
    switch (o->kind) {
    case LIN_GET:
        for (uint32_t i = 0; i < o->count; i++) {
            if (s->key[o->key[i]].value != o->got[i]) return false;
        }
        return true;
    case LIN_SET: return lin_set(s, o, now_from, now_to);
    case LIN_SETNX:
        for (uint32_t i = 0; i < o->count; i++) n += s->key[o->key[i]].value != 0;
        if (o->result != (n == 0)) return false;
        for (uint32_t i = 0; !n && i < o->count; i++) lin_put(s, o->key[i], o->value[i], INT64_MAX, INT64_MAX);
        return true;
    case LIN_RENAME:
    case LIN_COPY: return lin_move(s, o);
    case LIN_DEL:
        for (uint32_t i = 0; i < o->count; i++) {
            n += s->key[o->key[i]].value != 0;
            lin_clear(s, o->key[i]);
        }
        return o->result == n;
    case LIN_CAS:
        if (o->result != (s->key[o->key[0]].value == o->expected)) return false;
        if (o->result) lin_put(s, o->key[0], o->value[0], INT64_MAX, INT64_MAX);
        return true;
    }
    return false;
}

static inline uint32_t lin_keys_of(const struct lin_op *o) { return o->kind == LIN_RENAME || o->kind == LIN_COPY ? 2 : o->kind == LIN_CAS ? 1 : o->count; }

// ---- the search ----------------------------------------------------------------------------------------------------------

static bool lin_search(struct lin_checker *c, uint64_t left, const struct lin_state *s);

// Tries operation i next, for every set of its keys that may have expired before it.
static inline bool lin_try(struct lin_checker *c, uint64_t left, const struct lin_state *s, uint32_t i) {
    const struct lin_history *h = c->h;
    const struct lin_op *o = &h->op[i];
    int64_t sent = (o->sent_ns - h->epoch_ns) / 1000000 - h->skew_ms, answered = (o->answered_ns - h->epoch_ns) / 1000000 + h->skew_ms;
    int64_t now_from = s->now_ms > sent ? s->now_ms : sent;
    if (now_from > answered) return false; // the clock would have run backwards
    uint32_t timed[LIN_ARGS_MAX], n = 0;
    for (uint32_t k = 0; k < lin_keys_of(o); k++) {
        uint32_t key = o->key[k];
        bool known = s->key[key].value == 0 || s->key[key].from_ms == INT64_MAX;
        for (uint32_t j = 0; j < n; j++) known |= timed[j] == key;
        if (!known) timed[n++] = key;
    }
    for (uint32_t gone = 0; gone < 1u << n; gone++) {
        struct lin_state next = *s;
        int64_t from = now_from, to = answered;
        for (uint32_t j = 0; j < n; j++) {
            const struct lin_key *k = &s->key[timed[j]];
            if (gone >> j & 1) {
                if (k->from_ms > from) from = k->from_ms;
                lin_clear(&next, timed[j]);
            } else if (k->to_ms < to) {
                to = k->to_ms;
            }
        }
        if (from > to) continue;
        next.now_ms = from;
        if (lin_run(&next, o, from, to) && lin_search(c, left & ~(UINT64_C(1) << i), &next)) return true;
    }
    return false;
}

// An operation that was sent before it on the same connection is still to come.
static inline bool lin_too_early(const struct lin_history *h, uint64_t left, uint32_t i) {
    for (; h->op[i].piped; i--) {
        if (left >> (i - 1) & 1) return true;
    }
    return false;
}

static bool lin_search(struct lin_checker *c, uint64_t left, const struct lin_state *s) {
    if (!left) return true;
    if (++c->steps > c->steps_max || !lin_first_time(c, left, lin_state_hash(s, c->h->keys))) return false;
    if (__builtin_popcountll(left) < __builtin_popcountll(c->best)) c->best = left;
    int64_t first_answer = INT64_MAX;
    for (uint64_t m = left; m; m &= m - 1) {
        int64_t at = c->h->op[__builtin_ctzll(m)].answered_ns;
        if (at < first_answer) first_answer = at;
    }
    for (uint64_t m = left; m; m &= m - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(m);
        if (c->h->op[i].sent_ns <= first_answer && !lin_too_early(c->h, left, i) && lin_try(c, left, s, i)) return true;
    }
    return false;
}

static inline uint32_t lin_root(const uint8_t *parent, uint32_t key) {
    while (parent[key] != key) key = parent[key];
    return key;
}

// The verdict on a history whose keys do not exist at its start. For a violation, *left are operations one of which does not fit.
static enum lin_verdict lin_check(struct lin_checker *c, const struct lin_history *h, uint64_t *left) {
    assert(h->count <= LIN_OPS_MAX && h->keys <= LIN_KEYS_MAX);
    uint8_t parent[LIN_KEYS_MAX];
    for (uint8_t k = 0; k < LIN_KEYS_MAX; k++) parent[k] = k;
    for (uint32_t i = 0; i < h->count; i++) {
        for (uint32_t k = 1; k < lin_keys_of(&h->op[i]); k++) parent[lin_root(parent, h->op[i].key[k])] = (uint8_t)lin_root(parent, h->op[i].key[0]);
    }
    c->h = h;
    if (!c->steps_max) c->steps_max = 5000000;
    for (uint32_t part = 0; part < h->keys; part++) {
        if (parent[part] != part) continue;
        uint64_t mine = 0;
        for (uint32_t i = 0; i < h->count; i++) {
            if (lin_root(parent, h->op[i].key[0]) == part) mine |= UINT64_C(1) << i;
        }
        struct lin_state s = { .now_ms = INT64_MIN };
        for (uint32_t k = 0; k < LIN_KEYS_MAX; k++) lin_clear(&s, k);
        c->run++, c->seen_used = 0, c->steps = 0, c->best = mine;
        if (lin_search(c, mine, &s)) continue;
        if (left) *left = c->best;
        return c->steps > c->steps_max ? LIN_UNDECIDED : LIN_VIOLATION;
    }
    return LIN_OK;
}

static inline void lin_free(struct lin_checker *c) {
    free(c->seen);
    memset(c, 0, sizeof *c);
}

#endif
