// Effects, as they are collected during an execution in txn->effects: records of
//
//     struct record | argc times struct slice | bytes of the arguments, padded to 8
//
// Bytes are copied, since what they describe is changed right after. The slices are made when the record is handed on: until
// then the buffer may move.
//
// Room. An effect is recorded before the change that it tells of, and only if its sink has room for it. For one that can be told only after the change room is made
// before: memory here, which what is recorded in between leaves alone (txn->later), and in the sink, whose last grant is remembered: within it nothing is asked.
// The sink is asked by stripe. As long as all effects together are short they count for each; above SUMS_ABOVE what each stripe has is counted (txn->sums), or
// a long MSET would ask in each of its stripes for room for all of it.
#include "call/effect.h"

#include "base/mem.h"
#include "base/num.h"

struct record {
    uint32_t stripe, db, argc, size; // size: of the whole record
};

struct effect_sum { // of a stripe
    size_t bytes, count;
};
enum { SUMS_ABOVE = 16384 };

size_t effect_bytes(int argc, const struct slice *argv) {
    size_t n = sizeof(struct record) + (size_t)argc * sizeof(struct slice);
    for (int i = 0; i < argc; i++) n += argv[i].n;
    return ALIGN_UP(n, 8);
}

static bool refuse(struct txn *t, bool no_room) {
    t->effects.failed = false;
    t->no_memory = true;
    t->no_room |= no_room;
    return false;
}

static void forget_sums(struct txn *t) {
    if (likely(!t->sums)) return;
    mem_free(t->sums);
    t->sums = NULL;
}

static bool make_sums(struct txn *t) {
    t->sums = mem_alloc_zero(t->sums_count * sizeof *t->sums);
    for (size_t at = 0; t->sums && at < t->effects.n;) {
        const struct record *r = (const struct record *)(const void *)(t->effects.p + at);
        t->sums[r->stripe].bytes += r->size;
        t->sums[r->stripe].count++;
        at += r->size;
    }
    return t->sums != NULL;
}

static bool has_room(struct txn *t, uint32_t stripe, size_t bytes, size_t count) {
    if (!t->sink->room) return true;
    bool each = t->effects.n > SUMS_ABOVE && (t->sums || make_sums(t)); // without memory for that, all count
    bytes += (each ? t->sums[stripe].bytes : t->effects.n) + t->later;
    count += (each ? t->sums[stripe].count : t->emitted) + (t->later != 0);
    if (t->granted_stripe == stripe && bytes <= t->granted_bytes && count <= t->granted_count) return true;
    if (unlikely(!t->sink->room(t->sink->arg, stripe, bytes, count))) return false;
    t->granted_stripe = stripe;
    t->granted_bytes = bytes;
    t->granted_count = (uint32_t)MIN(count, UINT32_MAX);
    return true;
}

bool effect_emit(struct txn *t, const struct key *key, int argc, const struct slice *argv) {
    if (!effect_wanted(t)) return true;
    if (t->no_memory) return false;
    size_t n = effect_bytes(argc, argv);
    if (n > UINT32_MAX || !buf_reserve(&t->effects, n + t->later)) return refuse(t, false);
    if (unlikely(!has_room(t, key->stripe_number, n, 1))) return refuse(t, true);
    effect_late(t, key, argc, argv);
    return true;
}

bool effect_reserve(struct txn *t, const struct key *key, size_t bytes, size_t count) {
    if (!effect_wanted(t)) return true;
    if (t->no_memory) return false;
    if (!buf_reserve(&t->effects, bytes + t->later)) return refuse(t, false);
    return likely(has_room(t, key->stripe_number, bytes, count)) || refuse(t, true);
}

bool effect_reserve_own(struct txn *t, const struct key *key, size_t own, size_t bytes, size_t count) {
    if (t->no_memory) return false;
    t->later = 0;
    if (own > UINT32_MAX || ((t->effects.p || t->together) && !buf_reserve(&t->effects, own))) return refuse(t, false);
    if (unlikely(!has_room(t, key->stripe_number, own + bytes, 1 + count))) return refuse(t, true);
    t->later = own;
    return true;
}

void effect_late(struct txn *t, const struct key *key, int argc, const struct slice *argv) {
    size_t n = effect_bytes(argc, argv), bytes = sizeof(struct record) + (size_t)argc * sizeof(struct slice);
    invariant(t->effects.cap - t->effects.n >= n);
    char *to = t->effects.p + t->effects.n;
    struct record r = { key->stripe_number, key->db, (uint32_t)argc, (uint32_t)n };
    memcpy(to, &r, sizeof r);
    for (int i = 0; i < argc; i++) {
        struct slice s = { NULL, argv[i].n };
        memcpy(to + sizeof r + (size_t)i * sizeof s, &s, sizeof s);
        if (s.n) memcpy(to + bytes, argv[i].p, s.n);
        bytes += s.n;
    }
    t->effects.n += n;
    t->emitted++;
    if (unlikely(t->sums)) {
        t->sums[key->stripe_number].bytes += n;
        t->sums[key->stripe_number].count++;
    }
}

void effect_forget(struct txn *t, size_t bytes, uint32_t emitted) {
    t->effects.n = bytes;
    t->emitted = emitted;
    forget_sums(t); // they are counted anew if there is need
}

bool effect_del(struct txn *t, const struct key *key) {
    return effect_emit(t, key, 2, (struct slice[]){ SLICE("DEL"), key->name });
}

bool effect_expired(struct txn *t, const struct key *key) { return unlikely(effect_refused(t)) ? refuse(t, true) : effect_del(t, key); }

bool effect_pexpireat(struct txn *t, const struct key *key, int64_t at_ms) {
    char text[NUM_INT_MAX];
    return effect_emit(t, key, 3, (struct slice[]){ SLICE("PEXPIREAT"), key->name, { text, num_format_int(at_ms, text) } });
}

bool effect_persist(struct txn *t, const struct key *key) {
    return effect_emit(t, key, 2, (struct slice[]){ SLICE("PERSIST"), key->name });
}

bool effect_set(struct txn *t, const struct key *key, struct slice value, int64_t expire_at_ms, bool keep_ttl) {
    char text[NUM_INT_MAX];
    struct slice argv[5] = { SLICE("SET"), key->name, value };
    int argc = 3;
    if (keep_ttl) {
        argv[argc++] = SLICE("KEEPTTL");
    } else if (expire_at_ms) {
        argv[argc++] = SLICE("PXAT");
        argv[argc++] = (struct slice){ text, num_format_int(expire_at_ms, text) };
    }
    return effect_emit(t, key, argc, argv);
}

bool effect_next(struct effect_list *l, struct effect *e) {
    struct txn *t = l->txn;
    if (l->at >= t->effects.n) return false;
    struct record *r = (struct record *)(void *)(t->effects.p + l->at);
    struct slice *argv = (struct slice *)(void *)(r + 1);
    const char *bytes = (const char *)(argv + r->argc);
    for (uint32_t i = 0; i < r->argc; bytes += argv[i++].n) argv[i].p = bytes;
    *e = (struct effect){ .stripe = r->stripe, .db = r->db, .argc = (int)r->argc, .argv = argv };
    l->at += r->size;
    return true;
}

void effect_flush_(struct txn *t) {
    struct effect_list l = { .count = t->emitted, .txn = t };
    struct effect e;
    if (t->emitted > 1 && t->sink->several) {
        l.first = ((const struct record *)(const void *)t->effects.p)->stripe;
        t->sink->several(t->sink->arg, &l);
    } else {
        while (effect_next(&l, &e)) t->sink->fn(t->sink->arg, &e);
    }
    buf_free(&t->effects);
    forget_sums(t);
    t->emitted = 0;
    t->granted_bytes = 0;
}
