// Typed calls about sorted sets.
#include <limits.h>
#include <math.h>

#include "api/items_int.h"
#include "type/zset.h"

enum { ADD_FEW = 8, TELL_BATCH = 16 };

// ---- adding ------------------------------------------------------------------------------------------------------------------

// False: these do not go together.
static bool read_flags(uint32_t flags, uint32_t *add) {
    uint32_t exclusive = flags & (KORA_NX | KORA_GT | KORA_LT);
    *add = (flags & KORA_NX ? ZSET_NX : 0) | (flags & KORA_XX ? ZSET_XX : 0) | (flags & KORA_GT ? ZSET_GT : 0) | (flags & KORA_LT ? ZSET_LT : 0);
    if (flags & ~(uint32_t)(KORA_NX | KORA_XX | KORA_GT | KORA_LT)) return false;
    return !((flags & KORA_NX) && (flags & KORA_XX)) && (exclusive & (exclusive - 1)) == 0;
}

static int read_items(const kora_member *members, size_t count, struct zset_add *items, size_t *longest) {
    for (size_t i = 0; i < count; i++) {
        kora_bytes name = members[i].name;
        if (api_bad_bytes(name.data, name.len) || isnan(members[i].score)) return KORA_INVAL;
        *longest = MAX(*longest, name.len);
        items[i] = (struct zset_add){ .member = api_slice(name.data, name.len), .score = members[i].score };
    }
    return KORA_OK;
}

// ZADDs of some items each.
static int tell_add(struct op *o, const struct zset_add *items, size_t n, uint32_t flags) {
    char text[TELL_BATCH][NUM_REAL_MAX];
    struct slice argv[4 + 2 * TELL_BATCH] = { SLICE("ZADD"), o->key.name };
    int head = 2;
    if (!effect_wanted(&o->txn)) return KORA_OK;
    if (flags & (ZSET_NX | ZSET_XX)) argv[head++] = flags & ZSET_NX ? SLICE("NX") : SLICE("XX");
    if (flags & (ZSET_GT | ZSET_LT)) argv[head++] = flags & ZSET_GT ? SLICE("GT") : SLICE("LT");
    for (size_t i = 0; i < n;) {
        int argc = head;
        for (size_t k = 0; k < TELL_BATCH && i < n; k++, i++) {
            argv[argc++] = slice_of(text[k], num_format_score(items[i].score, text[k]));
            argv[argc++] = items[i].member;
        }
        if (!effect_emit(&o->txn, &o->key, argc, argv)) return KORA_NOMEM;
    }
    return KORA_OK;
}

static int add_items(struct op *o, struct value *v, struct zset_add *items, size_t n, uint32_t flags) {
    size_t recorded = o->txn.effects.n;
    uint32_t emitted = o->txn.emitted;
    int status = tell_add(o, items, n, flags);
    bool changed = false;
    if (status == KORA_OK && !zset_add(v, items, n, flags)) status = KORA_NOMEM;
    for (size_t i = 0; status == KORA_OK && i < n; i++) changed |= items[i].outcome != ZSET_NOTHING;
    if (!changed) effect_forget(&o->txn, recorded, emitted);
    if (changed) event_emit(&o->txn, &o->key, EVENT_ZSET, "zadd");
    return op_end_write(o, changed, status);
}

static int add_at(kora *db, const void *key, size_t key_len, struct zset_add *items, size_t n, size_t longest, uint32_t flags) {
    struct value v;
    struct op o;
    int status = op_begin_write(&o, db, key, key_len, TYPED_ZADD);
    if (status != KORA_OK) return status;
    value_attach(&v, TYPE_ZSET, &o.txn, &o.key, key_write(&o.txn, &o.key));
    if (api_too_big(db, longest)) status = KORA_TOOBIG;
    else if (v.type != TYPE_ZSET) status = KORA_WRONGTYPE;
    else if (n) return add_items(&o, &v, items, n, flags);
    return op_end_write(&o, false, status);
}

KORA_API int kora_zadd(
    kora *db, const void *key, size_t key_len, uint32_t flags, const kora_member *members, size_t count, size_t *added) {
    struct zset_add few[ADD_FEW], *items = few;
    size_t longest = 0, n = 0;
    uint32_t add;
    if (!read_flags(flags, &add) || (count && !members) || count > INT_MAX / 2) return KORA_INVAL;
    if (count > ADD_FEW) items = mem_alloc(count * sizeof *items);
    if (!items) return KORA_NOMEM;
    int status = read_items(members, count, items, &longest);
    if (status == KORA_OK) status = add_at(db, key, key_len, items, count, longest, add);
    for (size_t i = 0; status == KORA_OK && i < count; i++) n += items[i].outcome == ZSET_ADDED;
    if (items != few) mem_free(items);
    if (status == KORA_OK && added) *added = n;
    return status;
}

// The effect is the score that came out, which `text` is.
static int incr_member(struct change *c, double by, double *sum, char *text, bool *changed) {
    double now = 0;
    bool there = zset_score(&c->v, c->argv[3], &now);
    *sum = there ? now + by : by;
    if (isnan(*sum)) return KORA_INVAL;
    if (there && *sum == now) return KORA_OK;
    struct zset_add item = { .member = c->argv[3], .score = *sum };
    c->argv[2] = slice_of(text, num_format_score(*sum, text));
    int status = change_tell(c);
    if (status == KORA_OK && !zset_add(&c->v, &item, 1, 0)) status = KORA_NOMEM;
    *changed = status == KORA_OK;
    return status;
}

KORA_API int kora_zincr(
    kora *db, const void *key, size_t key_len, const void *member, size_t member_len, double by, double *result) {
    char text[NUM_REAL_MAX];
    struct change c;
    bool changed = false;
    double sum = 0;
    if (isnan(by)) return KORA_INVAL;
    change_words(&c, TYPED_ZINCRBY, SLICE("ZADD"), 2);
    change_word(&c, NULL, 0);
    change_word(&c, member, member_len);
    int status = change_begin(&c, db, key, key_len, TYPE_ZSET);
    if (status != KORA_OK) return status;
    status = incr_member(&c, by, &sum, text, &changed);
    status = change_end(&c, changed, status);
    if (status == KORA_OK && result) *result = sum;
    return status;
}

KORA_API int kora_zrem(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *removed) {
    struct change c;
    size_t n = 0;
    int status = change_list(&c, TYPED_ZREM, SLICE("ZREM"), members, count);
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_ZSET);
    if (status != KORA_OK) return status;
    if (count && c.v.there) {
        status = change_tell(&c);
        if (status == KORA_OK && !zset_open(&c.v)) status = KORA_NOMEM;
        for (size_t i = 0; status == KORA_OK && i < count && c.v.there; i++) {
            n += zset_remove(&c.v, c.argv[2 + i]);
            if (zset_count(&c.v) == 0) value_delete(&c.v);
        }
    }
    status = change_end(&c, n > 0, status);
    if (status == KORA_OK && removed) *removed = n;
    return status;
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

KORA_API int kora_zscore(kora *db, const void *key, size_t key_len, const void *member, size_t member_len, double *score) {
    struct value v;
    struct op o;
    if (!score || api_bad_bytes(member, member_len)) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_ZSET, TYPED_ZSCORE);
    if (status != KORA_OK) return status;
    if (!zset_score(&v, api_slice(member, member_len), score)) status = KORA_NOTFOUND;
    op_end_read(&o);
    return status;
}

KORA_API int kora_zrank(
    kora *db, const void *key, size_t key_len, uint32_t flags, const void *member, size_t member_len, size_t *rank) {
    struct value v;
    struct op o;
    double score;
    uint64_t n;
    if (!rank || (flags & ~(uint32_t)KORA_REVERSE) || api_bad_bytes(member, member_len)) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_ZSET, TYPED_ZRANK);
    if (status != KORA_OK) return status;
    if (zset_rank(&v, api_slice(member, member_len), &n, &score)) *rank = flags & KORA_REVERSE ? zset_count(&v) - 1 - n : n;
    else status = KORA_NOTFOUND;
    op_end_read(&o);
    return status;
}

KORA_API int kora_zcard(kora *db, const void *key, size_t key_len, size_t *count) {
    struct value v;
    struct op o;
    if (!count) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_ZSET, TYPED_ZCARD);
    if (status != KORA_OK) return status;
    *count = zset_count(&v);
    op_end_read(&o);
    return KORA_OK;
}

// Members from the rank on. Returns the first that did not fit; 0: that was all.
static uint64_t read_from(const struct value *v, uint64_t rank, bool reverse, struct portion *to, kora_member *items) {
    struct zset_iter it;
    uint64_t n = zset_count(v);
    bool more = rank < n && zset_iter_at(&it, v, reverse ? n - 1 - rank : rank);
    for (; more; rank++, more = reverse ? zset_iter_previous(&it) : zset_iter_next(&it)) {
        if (!portion_fits(to, it.item.member.n)) {
            if (to->count == 0) to->missing = it.item.member.n;
            return rank;
        }
        items[to->count] = (kora_member){ portion_put(to, it.item.member), it.item.score };
        to->count++;
    }
    return 0;
}

KORA_API int kora_zrange(kora *db, const void *key, size_t key_len, uint32_t flags, uint64_t *cursor, kora_member *items, size_t max,
    void *buffer, size_t size, size_t *count) {
    struct portion to;
    struct value v;
    struct op o;
    int status = portion_begin(&to, cursor, items, max, buffer, size, count);
    if (flags & ~(uint32_t)KORA_REVERSE) status = KORA_INVAL;
    if (status == KORA_OK) status = look_begin(&o, &v, db, key, key_len, TYPE_ZSET, TYPED_ZRANGE);
    if (status != KORA_OK) return status;
    uint64_t next = read_from(&v, *cursor, flags & KORA_REVERSE, &to, items);
    op_end_read(&o);
    return portion_end(&to, next, cursor, count);
}
