// Typed calls about hashes.
#include "api/items_int.h"
#include "type/hash.h"

// Those of the fields whose time has come go first, with effects of their own.
static int take_dead(struct change *c, size_t stride, size_t count) {
    size_t taken;
    bool ok = hash_take_dead(&c->v, c->argv + 2, stride, count, &taken);
    if (unlikely(taken)) {
        stripe_changed(c->op.key.stripe);
        key_publish(&c->op.key);
    }
    change_mark(c);
    return ok ? KORA_OK : KORA_NOMEM;
}

KORA_API int kora_hset(kora *db, const void *key, size_t key_len, const kora_field *fields, size_t count, size_t *added) {
    struct change c;
    size_t n = 0;
    if ((count && !fields) || count > SIZE_MAX / 2) return KORA_INVAL;
    int status = change_words(&c, TYPED_HSET, SLICE("HSET"), 2 * count);
    for (size_t i = 0; status == KORA_OK && i < count; i++) {
        change_word(&c, fields[i].name.data, fields[i].name.len);
        change_word(&c, fields[i].value.data, fields[i].value.len);
    }
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_HASH);
    if (status != KORA_OK) return status;
    status = take_dead(&c, 2, count);
    if (status == KORA_OK && count) status = change_tell(&c);
    if (status == KORA_OK && count) status = hash_put(&c.v, c.argv + 2, count, HASH_NO_EXPIRY, &n);
    status = change_end(&c, status == KORA_OK && count, status);
    if (status == KORA_OK && added) *added = n;
    return status;
}

KORA_API int kora_hdel(kora *db, const void *key, size_t key_len, const kora_bytes *names, size_t count, size_t *deleted) {
    struct change c;
    size_t n = 0;
    int status = change_list(&c, TYPED_HDEL, SLICE("HDEL"), names, count);
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_HASH);
    if (status != KORA_OK) return status;
    status = take_dead(&c, 1, count);
    bool any = count && c.v.there;
    if (status == KORA_OK && any) status = change_tell(&c);
    if (status == KORA_OK && any) status = hash_remove(&c.v, c.argv + 2, count, &n);
    status = change_end(&c, status == KORA_OK && n > 0, status);
    if (status == KORA_OK && deleted) *deleted = n;
    return status;
}

static int incr_field(struct change *c, int64_t by, int64_t *sum) {
    char text[NUM_INT_MAX];
    struct hash_item item;
    int64_t n = 0;
    int status = take_dead(c, 1, 1);
    if (status != KORA_OK) return status;
    if (hash_find(&c->v, c->argv[2], &item) && !num_parse_int(item.value, &n)) return KORA_NOTINT;
    if (__builtin_add_overflow(n, by, sum)) return KORA_NOTINT;
    status = change_tell(c);
    if (status != KORA_OK) return status;
    return hash_put(&c->v, (struct slice[]){ c->argv[2], { text, num_format_int(*sum, text) } }, 1, HASH_KEEP_EXPIRY, NULL);
}

KORA_API int kora_hincr(
    kora *db, const void *key, size_t key_len, const void *field, size_t field_len, int64_t by, int64_t *result) {
    char text[NUM_INT_MAX];
    struct change c;
    int64_t sum = 0;
    change_words(&c, TYPED_HINCRBY, SLICE("HINCRBY"), 2);
    change_word(&c, field, field_len);
    change_word(&c, text, num_format_int(by, text));
    int status = change_begin(&c, db, key, key_len, TYPE_HASH);
    if (status != KORA_OK) return status;
    status = incr_field(&c, by, &sum);
    status = change_end(&c, status == KORA_OK, status);
    if (status == KORA_OK && result) *result = sum;
    return status;
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

KORA_API int kora_hget(
    kora *db, const void *key, size_t key_len, const void *field, size_t field_len, void **value, size_t *len) {
    struct hash_item item;
    struct value v;
    struct op o;
    void *copy = NULL;
    if (!value || !len || api_bad_bytes(field, field_len)) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_HASH, TYPED_HGET);
    if (status != KORA_OK) return status;
    bool found = hash_find(&v, api_slice(field, field_len), &item);
    size_t n = found ? item.value.n : 0;
    if (found) copy = mem_copy(item.value.p, n);
    op_end_read(&o);
    if (!copy) return found ? KORA_NOMEM : KORA_NOTFOUND;
    *value = copy;
    *len = n;
    return KORA_OK;
}

KORA_API int kora_hget_into(
    kora *db, const void *key, size_t key_len, const void *field, size_t field_len, void *buffer, size_t size, size_t *len) {
    struct hash_item item;
    struct value v;
    struct op o;
    if (!len || api_bad_bytes(field, field_len) || api_bad_bytes(buffer, size)) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_HASH, TYPED_HGET);
    if (status != KORA_OK) return status;
    if (hash_find(&v, api_slice(field, field_len), &item)) {
        size_t n = MIN(item.value.n, size);
        if (n) memcpy(buffer, item.value.p, n);
        *len = item.value.n;
        if (item.value.n > size) status = KORA_NOSPACE;
    } else {
        status = KORA_NOTFOUND;
    }
    op_end_read(&o);
    return status;
}

KORA_API int kora_hlen(kora *db, const void *key, size_t key_len, size_t *count) {
    struct value v;
    struct op o;
    if (!count) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_HASH, TYPED_HLEN);
    if (status != KORA_OK) return status;
    *count = hash_count(&v);
    op_end_read(&o);
    return KORA_OK;
}

static void visit(void *arg, const struct hash_item *item) { scan_visit(arg, (struct slice[]){ item->name, item->value }); }

static uint64_t walk(struct scan *s, uint64_t cursor, size_t max) { return hash_scan(s->v, cursor, max, visit, s); }

KORA_API int kora_hscan(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_field *items, size_t max, void *buffer,
    size_t size, size_t *count) {
    struct scan s;
    struct value v;
    struct op o;
    int status = portion_begin(&s.to, cursor, items, max, buffer, size, count);
    if (status == KORA_OK) status = look_begin(&o, &v, db, key, key_len, TYPE_HASH, TYPED_HSCAN);
    if (status != KORA_OK) return status;
    _Static_assert(sizeof(kora_field) == 2 * sizeof(kora_bytes), "a field is two strings in a row");
    s.items = &items->name;
    s.width = 2;
    s.v = &v;
    s.walk = walk;
    uint64_t next = scan_run(&s, *cursor);
    op_end_read(&o);
    return portion_end(&s.to, next, cursor, count);
}
