// What a keyspace does for values that are not strings (type/value.h): where their bytes and nodes are.
#include "base/mem.h"
#include "kora.h"
#include "stripe/keyspace_int.h"

// ---- packed ----------------------------------------------------------------------------------------------------------------

static bool resize_detached(struct value *v, size_t len) {
    if (len > v->cap) {
        size_t cap = MAX(len, v->cap + v->cap / 2);
        char *bytes = mem_realloc(v->bytes, cap);
        if (!bytes) return false;
        v->bytes = bytes;
        v->cap = cap;
    }
    v->len = len;
    v->there = true;
    return true;
}

char *value_resize(struct value *v, size_t len, uint8_t flags) {
    invariant(!v->root);
    if (v->attached) return key_edit_packed(v, len, flags) == KORA_OK ? v->bytes : NULL;
    if (!resize_detached(v, len)) return NULL;
    v->flags = flags;
    return v->bytes;
}

void value_shrink(struct value *v, size_t len) {
    invariant(!v->root && len <= v->len);
    if (v->attached) key_edit_packed(v, len, v->flags); // without memory for a smaller place it stays in the old one
    else v->len = len;
}

// ---- roots -----------------------------------------------------------------------------------------------------------------

struct slab *value_nodes(struct value *v) {
    struct keyspace *ks = keyspace_make(v->key);
    return ks ? keyspace_nodes(ks) : NULL;
}

static void drop_bytes(struct value *v) {
    mem_free(v->bytes);
    v->bytes = NULL;
    v->len = v->cap = 0;
}

bool value_set_root(struct value *v, struct root *r) {
    if (!v->attached) {
        drop_bytes(v);
        v->root = r;
        v->there = true;
        v->flags = 0;
        return true;
    }
    struct entry *at;
    if (key_put_root(v->txn, v->key, v->e, r, EXPIRE_KEEP, v->root != NULL, &at) != KORA_OK) return false;
    value_attach(v, v->type, v->txn, v->key, at);
    return true;
}

bool value_set_packed(struct value *v, struct slice bytes, uint8_t flags) {
    char *copy = mem_alloc(bytes.n);
    if (!copy) return false;
    memcpy(copy, bytes.p, bytes.n);
    if (!v->attached) {
        value_drop_root(v, v->root);
        v->root = NULL;
        v->bytes = copy;
        v->len = v->cap = bytes.n;
        v->flags = flags;
        return true;
    }
    int status = key_put_packed(v->txn, v->key, v->e, v->type, flags, slice_of(copy, bytes.n), EXPIRE_KEEP);
    mem_free(copy);
    if (status != KORA_OK) return false;
    value_attach(v, v->type, v->txn, v->key, keyspace_find(keyspace_of(v->key), v->key->hash, &v->key->name));
    return true;
}

void value_drop_root(struct value *v, struct root *r) { keyspace_doom(keyspace_of(v->key), r); }

void value_delete(struct value *v) {
    if (!v->there) return;
    if (v->attached) {
        if (unlikely(v->txn->notify & EVENT_GENERIC)) event_record(v->txn, v->key, EVENT_EMPTIED, "del");
        key_delete(v->txn, v->key, v->e);
        value_attach(v, v->type, v->txn, v->key, NULL);
        return;
    }
    if (v->root) value_drop_root(v, v->root);
    drop_bytes(v);
    v->root = NULL;
    v->there = false;
}

int value_store(struct value *v, struct entry *old, int64_t expire_at_ms) {
    invariant(!v->attached && v->there);
    struct entry *at;
    int status = v->root ? key_put_root(v->txn, v->key, old, v->root, expire_at_ms, false, &at) :
        key_put_packed(v->txn, v->key, old, v->type, v->flags, slice_of(v->bytes, v->len), expire_at_ms);
    if (status != KORA_OK) return status;
    drop_bytes(v);
    v->root = NULL;
    v->there = false;
    return KORA_OK;
}

bool value_arm(struct value *v, int64_t at_ms) {
    struct root *r = v->root;
    if (!v->attached) {
        r->due.at_ms = at_ms;
        return true;
    }
    struct keyspace *ks = keyspace_of(v->key);
    if (at_ms && !keyspace_can_arm_roots(ks, txn_now(v->txn))) return false;
    if (r->due.at_ms == at_ms && r->armed == (at_ms != 0)) return true;
    r->due.at_ms = at_ms;
    keyspace_arm_root(ks, r, v->key->hash);
    if (at_ms) stripe_due(v->key->stripe, at_ms);
    return true;
}

const struct settings *value_settings(const struct value *v) { return &v->txn->common->settings; }

const struct hash_key *value_seed(const struct value *v) { return &v->txn->common->seed; }

int64_t value_now(const struct value *v) { return !v->txn || (v->txn->flags & TXN_REPLAY) ? INT64_MIN : txn_now(v->txn); }

struct random *value_random(const struct value *v) { return &v->key->stripe->random; }

