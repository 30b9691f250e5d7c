// Typed calls about sets.
#include "api/items_int.h"
#include "type/set.h"

KORA_API int kora_sadd(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *added) {
    struct change c;
    size_t n = 0;
    int status = change_list(&c, TYPED_SADD, SLICE("SADD"), members, count);
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_SET);
    if (status != KORA_OK) return status;
    if (count) status = change_tell(&c);
    if (status == KORA_OK && count) status = set_add(&c.v, c.argv + 2, count, &n);
    status = change_end(&c, status == KORA_OK && n > 0, status);
    if (status == KORA_OK && added) *added = n;
    return status;
}

KORA_API int kora_srem(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *removed) {
    struct change c;
    size_t n = 0;
    int status = change_list(&c, TYPED_SREM, SLICE("SREM"), members, count);
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_SET);
    if (status != KORA_OK) return status;
    if (count && c.v.there) {
        status = change_tell(&c);
        if (status == KORA_OK && !set_open(&c.v)) status = KORA_NOMEM;
        if (status == KORA_OK) n = set_remove(&c.v, c.argv + 2, count);
        if (n > 0 && set_count(&c.v) == 0) value_delete(&c.v);
    }
    status = change_end(&c, n > 0, status);
    if (status == KORA_OK && removed) *removed = n;
    return status;
}

KORA_API int kora_sismember(kora *db, const void *key, size_t key_len, const void *member, size_t member_len) {
    struct value v;
    struct op o;
    if (api_bad_bytes(member, member_len)) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_SET, TYPED_SISMEMBER);
    if (status != KORA_OK) return status;
    if (!set_has(&v, api_slice(member, member_len))) status = KORA_NOTFOUND;
    op_end_read(&o);
    return status;
}

KORA_API int kora_scard(kora *db, const void *key, size_t key_len, size_t *count) {
    struct value v;
    struct op o;
    if (!count) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_SET, TYPED_SCARD);
    if (status != KORA_OK) return status;
    *count = set_count(&v);
    op_end_read(&o);
    return KORA_OK;
}

static bool visit(void *arg, struct set_batch *b) {
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        scan_visit(arg, &text);
    }
    return true;
}

static uint64_t walk(struct scan *s, uint64_t cursor, size_t max) { return set_scan(s->v, cursor, max, visit, s); }

KORA_API int kora_sscan(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_bytes *items, size_t max, void *buffer,
    size_t size, size_t *count) {
    struct scan s;
    struct value v;
    struct op o;
    int status = portion_begin(&s.to, cursor, items, max, buffer, size, count);
    if (status == KORA_OK) status = look_begin(&o, &v, db, key, key_len, TYPE_SET, TYPED_SSCAN);
    if (status != KORA_OK) return status;
    s.items = items;
    s.width = 1;
    s.v = &v;
    s.walk = walk;
    uint64_t next = scan_run(&s, *cursor);
    op_end_read(&o);
    return portion_end(&s.to, next, cursor, count);
}
