// Strings as rows of bits: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. See bitfield.c for integers in them.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "ds/bits.h"
#include "kora.h"

bool read_bit_offset(struct call *c, struct slice s, int64_t unit, uint64_t *offset) {
    uint64_t limit = atomic_load_explicit(&c->txn.common->settings.proto_max_bulk_len, memory_order_relaxed);
    bool in_units = unit && s.n && s.p[0] == '#';
    int64_t n;
    bool ok = num_parse_int(in_units ? slice_of(s.p + 1, s.n - 1) : s, &n) && !__builtin_mul_overflow(n, in_units ? unit : 1, &n) && n >= 0;
    // What effects brought about was allowed when it happened, whatever the limit is now.
    if (!ok || (!(c->txn.flags & TXN_REPLAY) && (uint64_t)n >> 3 >= limit)) {
        reply_error(c, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *offset = (uint64_t)n;
    return true;
}

// ---- single bits ----------------------------------------------------------------------------------------------------------------

void cmd_setbit(struct call *c) {
    uint64_t at;
    int64_t on;
    char *bytes;
    if (!read_bit_offset(c, c->argv[2], 0, &at)) return;
    if (!num_parse_int(c->argv[3], &on) || (on & ~(int64_t)1) != 0) {
        reply_error(c, "ERR bit is not an integer or out of range");
        return;
    }
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (!check_string(c, e)) return;
    size_t had = e ? entry_string_len(e) : 0, len = MAX(had, (size_t)(at >> 3) + 1);
    int status = key_edit_string(&c->txn, &c->keys[0], e, len, &bytes);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    bool was = bits_test(bytes, at);
    bits_write(bytes, at, on != 0);
    c->changed = len != had || was != (on != 0);
    reply_int(c, was);
}

// The string at the first key, empty if there is none. False: the reply is written.
static bool read_string(struct call *c, struct entry *e, struct slice *s, char number[NUM_INT_MAX]) {
    if (!check_string(c, e)) return false;
    *s = e ? entry_string(e, number) : (struct slice){ "", 0 };
    return true;
}

void cmd_getbit(struct call *c) {
    char number[NUM_INT_MAX];
    struct slice s;
    uint64_t at;
    if (!read_bit_offset(c, c->argv[2], 0, &at)) return;
    if (read_string(c, key_read(&c->txn, &c->keys[0]), &s, number)) reply_int(c, at >> 3 < s.n && bits_test(s.p, at));
}

// ---- ranges ---------------------------------------------------------------------------------------------------------------------

// Positions as a user gives them, in bytes or bits, negative ones from the end, become a range of bits (empty: from >= end).
struct range {
    int64_t start, end;
    bool in_bits, has_end;
};

static bool read_unit(struct call *c, struct slice s, struct range *r) {
    r->in_bits = slice_is_word(s, "bit");
    if (r->in_bits || slice_is_word(s, "byte")) return true;
    reply_syntax_error(c);
    return false;
}

static void range_bits(const struct range *r, size_t len, uint64_t *from, uint64_t *end) {
    int64_t total = (int64_t)len * (r->in_bits ? 8 : 1), first = r->start, last = r->has_end ? r->end : total - 1, scale = r->in_bits ? 1 : 8;
    if (first < 0) first = MAX(first + total, 0);
    if (last < 0) last = MAX(last + total, 0);
    last = MIN(last, total - 1);
    *from = *end = 0;
    if (first > last) return;
    *from = (uint64_t)(first * scale);
    *end = (uint64_t)((last + 1) * scale);
}

// What is looked at first is as with Redis, since it decides which error is told; a missing key has no bits, whatever else is asked.
void cmd_bitcount(struct call *c) {
    char number[NUM_INT_MAX];
    struct slice s;
    struct range r = { .start = 0 };
    uint64_t from, end;
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!read_string(c, e, &s, number)) return;
    if (!e) {
        reply_int(c, 0);
        return;
    }
    if (c->argc == 3 || c->argc > 5) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc > 2) {
        r.has_end = true;
        if (!read_int(c, c->argv[2], &r.start) || !read_int(c, c->argv[3], &r.end)) return;
        if (r.start < 0 && r.end < 0 && r.start > r.end) {
            reply_int(c, 0);
            return;
        }
        if (c->argc > 4 && !read_unit(c, c->argv[4], &r)) return;
    }
    range_bits(&r, s.n, &from, &end);
    reply_int(c, (int64_t)bits_count(s.p, from, end));
}

// The range of BITPOS in a string that is there.
static bool read_pos_range(struct call *c, struct range *r) {
    *r = (struct range){ .start = 0 };
    if (c->argc > 6) {
        reply_syntax_error(c);
        return false;
    }
    if (c->argc > 3 && !read_int(c, c->argv[3], &r->start)) return false;
    if (c->argc > 5 && !read_unit(c, c->argv[5], r)) return false;
    r->has_end = c->argc > 4;
    return !r->has_end || read_int(c, c->argv[4], &r->end);
}

void cmd_bitpos(struct call *c) {
    char number[NUM_INT_MAX];
    struct slice s;
    struct range r;
    int64_t bit;
    uint64_t from, end;
    if (!read_int(c, c->argv[2], &bit)) return;
    if (bit != 0 && bit != 1) {
        reply_error(c, "ERR The bit argument must be 1 or 0.");
        return;
    }
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!read_string(c, e, &s, number)) return;
    if (!e) {
        reply_int(c, bit ? -1 : 0);
        return;
    }
    if (!read_pos_range(c, &r)) return;
    range_bits(&r, s.n, &from, &end);
    uint64_t at = bits_find(s.p, bit == 1, from, end);
    // Behind a string there are zeros, unless the user has said where to stop.
    bool none = at == end && (from == end || bit == 1 || r.has_end);
    reply_int(c, none ? -1 : (int64_t)at);
}

// ---- BITOP ----------------------------------------------------------------------------------------------------------------------

static const struct bitop {
    const char *word, *name;
    enum bits_op op;
    int least, most; // sources; 0: any number
} bitops[] = {
    { "and", "AND", BITS_AND, 1, 0 }, { "or", "OR", BITS_OR, 1, 0 }, { "xor", "XOR", BITS_XOR, 1, 0 }, { "not", "NOT", BITS_NOT, 1, 1 },
    { "diff", "DIFF", BITS_DIFF, 2, 0 }, { "diff1", "DIFF1", BITS_DIFF1, 2, 0 }, { "andor", "ANDOR", BITS_ANDOR, 2, 0 }, { "one", "ONE", BITS_ONE, 1, 0 },
};

static const struct bitop *read_bitop(struct call *c) {
    int sources = c->argc - 3;
    for (size_t i = 0; i < ARRAY_LEN(bitops); i++) {
        const struct bitop *b = &bitops[i];
        if (!slice_is_word(c->argv[1], b->word)) continue;
        if (sources >= b->least && (!b->most || sources <= b->most)) return b;
        if (b->most) reply_error(c, "ERR BITOP NOT must be called with a single source key.");
        else reply_error(c, "ERR BITOP %s must be called with at least two source keys.", b->name);
        return NULL;
    }
    reply_syntax_error(c);
    return NULL;
}

struct sources {
    struct slice *strings;
    char (*numbers)[NUM_INT_MAX];
    size_t count, longest;
};

// False: the reply is written.
static bool read_sources(struct call *c, struct sources *s) {
    for (size_t i = 0; i < s->count; i++) {
        prefetch_keys(c, (uint32_t)i);
        struct entry *e = key_read(&c->txn, &c->keys[1 + i]);
        if (!check_string(c, e)) return false;
        s->strings[i] = e ? entry_string(e, s->numbers[i]) : (struct slice){ "", 0 };
        s->longest = MAX(s->longest, s->strings[i].n);
    }
    return true;
}

static int delete_result(struct call *c, struct entry *e) {
    if (!e) return KORA_OK;
    if (!effect_del(&c->txn, &c->keys[0])) return KORA_NOMEM;
    key_delete(&c->txn, &c->keys[0], e);
    key_changed(c, &c->keys[0]);
    return KORA_OK;
}

static bool same_key(const struct key *a, const struct key *b) { return a->hash == b->hash && slice_equal(a->name, b->name); }

// Into the destination's own bytes, which may be those of a source: a large result needs no new memory then.
static int combine_in_place(struct call *c, const struct bitop *b, struct sources *s, struct entry *e, struct slice *result) {
    char *bytes;
    int status = key_edit_string(&c->txn, &c->keys[0], e, s->longest, &bytes);
    if (status != KORA_OK) return status;
    for (size_t i = 0; i < s->count; i++) {
        if (e && same_key(&c->keys[0], &c->keys[1 + i])) s->strings[i].p = bytes; // it may have moved
    }
    bits_combine(b->op, bytes, s->longest, s->strings, s->count);
    *result = slice_of(bytes, s->longest);
    return KORA_OK;
}

// As a new string, without the expiry of the one that was there.
static int combine_anew(struct call *c, const struct bitop *b, struct sources *s, struct entry *e, struct slice *result) {
    struct entry *n;
    char *bytes = mem_alloc(s->longest);
    if (!bytes) return KORA_NOMEM;
    bits_combine(b->op, bytes, s->longest, s->strings, s->count);
    int status = key_set_string(&c->txn, &c->keys[0], e, slice_of(bytes, s->longest), STRING_AS_BYTES, EXPIRE_NONE, &n);
    mem_free(bytes);
    if (status != KORA_OK) return status;
    n->flags |= ENTRY_EDITED;
    *result = entry_string(n, NULL); // bytes, never a number
    return KORA_OK;
}

// The effect is the result, since its sources are anywhere.
static int combine(struct call *c, const struct bitop *b, struct sources *s, struct entry *e) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct slice result;
    if (s->longest == 0) return delete_result(c, e);
    if (!effect_reserve(t, k, s->longest + k->name.n + 160, 1)) return KORA_NOMEM;
    bool anew = e && (e->type != TYPE_STRING || entry_expires(e)); // the destination may have held anything
    int status = anew ? combine_anew(c, b, s, e, &result) : combine_in_place(c, b, s, e, &result);
    if (status != KORA_OK) return status;
    if (effect_wanted(t)) effect_set(t, k, result, 0, false);
    key_changed(c, k);
    return KORA_OK;
}

static void run_bitop(struct call *c, const struct bitop *b, struct sources *s) {
    // Looked up first: if its time has come it goes now, while nobody points at what may be its own string.
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    if (!read_sources(c, s)) return;
    int status = combine(c, b, s, e);
    if (status == KORA_OK) reply_int(c, (int64_t)s->longest);
    else reply_status_code(c, status);
}

void cmd_bitop(struct call *c) {
    enum { FEW = 16 };
    struct slice strings[FEW];
    char numbers[FEW][NUM_INT_MAX];
    struct sources s = { strings, numbers, (size_t)c->argc - 3, 0 };
    const struct bitop *b = read_bitop(c);
    if (!b) return;
    if (s.count > FEW) {
        s.strings = mem_alloc(s.count * (sizeof *s.strings + sizeof *s.numbers));
        if (!s.strings) {
            reply_no_memory(c);
            return;
        }
        s.numbers = (char (*)[NUM_INT_MAX])(s.strings + s.count);
    }
    run_bitop(c, b, &s);
    if (s.strings != strings) mem_free(s.strings);
}
