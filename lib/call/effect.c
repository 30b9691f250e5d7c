// Effects, as they are collected during an execution in txn->effects: records of
//
//     struct record | argc times struct slice | bytes of the arguments, padded to 8
//
// Bytes are copied, since what they describe is changed right after. The slices are made when the record is handed on: until
// then the buffer may move.
#include "call/effect.h"

#include "base/mem.h"
#include "base/num.h"

struct record {
    uint32_t stripe, db, argc, size; // size: of the whole record
};

bool effect_emit(struct txn *t, const struct key *key, int argc, const struct slice *argv) {
    if (!effect_wanted(t)) return true;
    if (t->no_memory) return false;
    size_t n = sizeof(struct record) + (size_t)argc * sizeof(struct slice), bytes = n;
    for (int i = 0; i < argc; i++) n += argv[i].n;
    n = ALIGN_UP(n, 8);
    char *to = n <= UINT32_MAX ? buf_reserve(&t->effects, n) : NULL;
    if (!to) {
        t->effects.failed = false;
        t->no_memory = true;
        return false;
    }
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
    return true;
}

void effect_forget(struct txn *t, size_t bytes, uint32_t emitted) {
    t->effects.n = bytes;
    t->emitted = emitted;
}

bool effect_del(struct txn *t, const struct key *key) {
    return effect_emit(t, key, 2, (struct slice[]){ SLICE("DEL"), key->name });
}

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

void effect_flush_(struct txn *t) {
    for (size_t at = 0; at < t->effects.n;) {
        struct record *r = (struct record *)(void *)(t->effects.p + at);
        struct slice *argv = (struct slice *)(void *)(r + 1);
        const char *bytes = (const char *)(argv + r->argc);
        for (uint32_t i = 0; i < r->argc; bytes += argv[i++].n) argv[i].p = bytes;
        struct effect e = { .stripe = r->stripe, .db = r->db, .argc = (int)r->argc, .argv = argv };
        t->sink->fn(t->sink->arg, &e);
        at += r->size;
    }
    buf_free(&t->effects);
    t->emitted = 0;
}
