// Changing keys: setting, editing, deleting, expiring, copying.
//
// Each function either does all of it or, without memory, nothing. An entry is changed in place when its new shape takes the same
// slab class; else a new one takes its place in the table, and the old one is freed (or remembered, while there is an undo list).
#include "base/mem.h"
#include "kora.h"
#include "stripe/keyspace_int.h"

// A value as it will be stored.
struct shape {
    enum value_form form;
    const void *bytes; // of the inline value part
    size_t len;
    uint8_t flags;     // ENTRY_EDITED or 0
};

static void drop_value(struct entry *e) {
    if (e->form == FORM_BLOB) blob_drop(entry_blob(e));
}

static void write_value(struct entry *e, const struct shape *v) {
    e->type = TYPE_STRING;
    e->form = (uint32_t)v->form & 0xf;
    e->value_len = (uint16_t)v->len;
    e->flags = (uint8_t)((e->flags & ~ENTRY_EDITED) | v->flags);
    if (v->bytes && v->len) memmove(entry_value(e), v->bytes, v->len); // an editor may hand in the entry's own bytes
}

static bool same_place(const struct entry *e, size_t value_len, bool expires) {
    size_t now = entry_size(e);
    return entry_expires(e) == expires && slab_round(now) == slab_round(now - e->value_len + value_len);
}

static void set_time(struct keyspace *ks, const struct key *k, struct entry *e, int64_t at_ms) {
    if (entry_expire_at(e) == at_ms) return;
    keyspace_disarm(ks, e);
    keyspace_arm(ks, e, at_ms);
    stripe_due(k->stripe, at_ms);
}

static int reshape(struct txn *t, const struct key *k, struct keyspace *ks, struct entry *e, const struct shape *v, int64_t at_ms,
    struct entry **out) {
    struct entry *n = keyspace_new_entry(ks, k->name, at_ms ? ENTRY_EXPIRES : 0, v->len);
    if (!n) return KORA_NOMEM;
    n->access = (e ? e->access : txn_first_access(t)) & 0xffffff;
    write_value(n, v);
    if (!keyspace_put(ks, k->hash, e, n)) {
        keyspace_free_entry(ks, n, false);
        return KORA_NOMEM;
    }
    if (at_ms) {
        keyspace_arm(ks, n, at_ms);
        stripe_due(k->stripe, at_ms);
    }
    if (t->undo) undo_remember(t->undo, k, ks, e, n);
    *out = n;
    return KORA_OK;
}

// Stores v at the key. `keep_value`: v is made of the old entry's value, which lives on in it.
static int store(struct txn *t, const struct key *k, struct entry *e, const struct shape *v, int64_t at_ms, bool keep_value,
    struct entry **out) {
    struct keyspace *ks = keyspace_make(k);
    if (!ks || t->no_memory) return KORA_NOMEM;
    if (at_ms == EXPIRE_KEEP) at_ms = e ? entry_expire_at(e) : 0;
    if (at_ms && !keyspace_can_arm(ks, txn_now(t))) return KORA_NOMEM;
    if (e && !t->undo && same_place(e, v->len, at_ms != 0)) {
        bool large = e->form == FORM_BLOB || v->form == FORM_BLOB;
        if (!keep_value) drop_value(e);
        write_value(e, v);
        if (large) keyspace_publish(ks);
        if (at_ms) set_time(ks, k, e, at_ms);
        *out = e;
        return KORA_OK;
    }
    struct entry *n;
    int status = reshape(t, k, ks, e, v, at_ms, &n);
    if (status != KORA_OK) return status;
    if (e && !t->undo) keyspace_free_entry(ks, e, !keep_value);
    *out = n;
    return KORA_OK;
}

static bool fits_inline(const struct key *k, size_t len, bool expires) {
    return sizeof(struct entry) + sizeof(uint32_t) + (expires ? sizeof(struct wheel_node) : 0) + k->name.n + len <= ENTRY_SIZE_MAX;
}

int key_set_string(struct txn *t, const struct key *k, struct entry *e, struct slice value, enum string_kind kind, int64_t expire_at_ms,
    struct entry **out) {
    struct entry *ignored;
    if (!out) out = &ignored;
    int64_t n;
    struct shape v = { FORM_BYTES, value.p, value.n, 0 };
    if (kind == STRING_AS_SET && value.n <= NUM_INT_MAX && num_parse_int(value, &n)) {
        v = (struct shape){ FORM_INT, &n, sizeof n, 0 };
        return store(t, k, e, &v, expire_at_ms, false, out);
    }
    if (fits_inline(k, value.n, true)) return store(t, k, e, &v, expire_at_ms, false, out);

    struct keyspace *ks = keyspace_make(k);
    struct blob *b = ks ? blob_new(&ks->blobs, value.n, value.n) : NULL;
    if (!b) return KORA_NOMEM;
    memcpy(b->data, value.p, value.n);
    v = (struct shape){ FORM_BLOB, &b, sizeof b, 0 };
    int status = store(t, k, e, &v, expire_at_ms, false, out);
    if (status != KORA_OK) blob_drop(b);
    return status;
}

int key_set_int(struct txn *t, const struct key *k, struct entry *e, int64_t n) {
    struct shape v = { FORM_INT, &n, sizeof n, 0 };
    struct entry *ignored;
    return store(t, k, e, &v, EXPIRE_KEEP, false, &ignored);
}

// ---- editing -----------------------------------------------------------------------------------------------------------

// The value as an inline string of `len` bytes: the old bytes, cut or padded with zeros.
static int edit_inline(struct txn *t, const struct key *k, struct entry *e, size_t len, char **bytes) {
    char number[NUM_INT_MAX];
    struct slice old = e ? entry_string(e, number) : (struct slice){ "", 0 };
    size_t keep = MIN(old.n, len), had = e && e->form == FORM_BYTES ? old.n : 0;
    struct entry *at;
    struct shape v = { FORM_BYTES, NULL, len, ENTRY_EDITED };
    if (t->no_memory) return KORA_NOMEM;
    if (e && e->form == FORM_BYTES && same_place(e, len, entry_expires(e))) {
        write_value(e, &v);
        if (len > had) memset(entry_value(e) + had, 0, len - had);
        *bytes = entry_value(e);
        return KORA_OK;
    }
    // The old bytes must survive until they are copied.
    char small[64], *copy = keep <= sizeof small ? small : mem_alloc(keep);
    if (!copy) return KORA_NOMEM;
    if (keep) memcpy(copy, old.p, keep);
    int status = store(t, k, e, &v, EXPIRE_KEEP, false, &at);
    if (status == KORA_OK) {
        *bytes = entry_value(at);
        if (keep) memcpy(*bytes, copy, keep);
        memset(*bytes + keep, 0, len - keep);
    }
    if (copy != small) mem_free(copy);
    return status;
}

// Room to grow when a blob must be copied anyway: an eighth, so that appending is linear in the end.
static size_t blob_room(size_t old, size_t len) { return old && len > old ? len + len / 8 : len; }

static int edit_blob(struct txn *t, const struct key *k, struct entry *e, size_t len, char **bytes) {
    char number[NUM_INT_MAX];
    struct slice old = e ? entry_string(e, number) : (struct slice){ "", 0 };
    size_t keep = MIN(old.n, len);
    if (t->no_memory) return KORA_NOMEM;
    if (e && e->form == FORM_BLOB) {
        struct blob *b = entry_blob(e);
        if (!blob_shared(b) && b->cap >= len && len >= b->cap / 2) {
            if (len > keep) memset(b->data + keep, 0, len - keep);
            b->len = len;
            *bytes = b->data;
            return KORA_OK;
        }
    }
    struct keyspace *ks = keyspace_make(k);
    struct blob *b = ks ? blob_new(&ks->blobs, len, blob_room(old.n, len)) : NULL;
    if (!b) return KORA_NOMEM;
    if (keep) memcpy(b->data, old.p, keep);
    memset(b->data + keep, 0, len - keep);
    struct shape v = { FORM_BLOB, &b, sizeof b, ENTRY_EDITED };
    struct entry *at;
    int status = store(t, k, e, &v, EXPIRE_KEEP, false, &at);
    if (status == KORA_OK) *bytes = b->data;
    else blob_drop(b);
    return status;
}

int key_edit_string(struct txn *t, const struct key *k, struct entry *e, size_t len, char **bytes) {
    return fits_inline(k, len, true) ? edit_inline(t, k, e, len, bytes) : edit_blob(t, k, e, len, bytes);
}

// ---- deleting, expiring, copying -----------------------------------------------------------------------------------------

void key_delete(struct txn *t, const struct key *k, struct entry *e) {
    invariant(!t->undo);
    struct keyspace *ks = keyspace_of(k);
    keyspace_take(ks, k->hash, e);
    keyspace_free_entry(ks, e, true);
}

int key_set_expiry(struct txn *t, const struct key *k, struct entry **e, int64_t expire_at_ms) {
    struct entry *old = *e;
    // The value part is carried over as it is: bytes, integer, or the address of a blob.
    struct shape v = { (enum value_form)old->form, NULL, old->value_len, old->flags & ENTRY_EDITED };
    if (t->no_memory) return KORA_NOMEM;
    if (entry_expires(old) == (expire_at_ms != 0)) {
        if (expire_at_ms) set_time(keyspace_of(k), k, old, expire_at_ms);
        return KORA_OK;
    }
    v.bytes = entry_value(old);
    struct keyspace *ks = keyspace_of(k);
    if (expire_at_ms && !keyspace_can_arm(ks, txn_now(t))) return KORA_NOMEM;
    struct entry *n;
    int status = reshape(t, k, ks, old, &v, expire_at_ms, &n);
    if (status != KORA_OK) return status;
    if (!t->undo) keyspace_free_entry(ks, old, false);
    *e = n;
    return KORA_OK;
}

// A blob of the same keyspace is shared until one of its keys is edited.
static int share_blob(struct txn *t, const struct entry *e, const struct key *to, struct entry *old, int64_t expire_at_ms) {
    struct blob *b = entry_blob(e);
    struct shape v = { FORM_BLOB, &b, sizeof b, e->flags & ENTRY_EDITED };
    struct entry *at;
    blob_share(b);
    int status = store(t, to, old, &v, expire_at_ms, false, &at);
    if (status != KORA_OK) blob_drop(b);
    return status;
}

int key_copy_value(struct txn *t, const struct entry *e, const struct key *to, struct entry *old, int64_t expire_at_ms) {
    char number[NUM_INT_MAX];
    if (e->form == FORM_INT) {
        int64_t n = entry_int(e);
        struct shape v = { FORM_INT, &n, sizeof n, 0 };
        struct entry *at;
        return store(t, to, old, &v, expire_at_ms, false, &at);
    }
    struct keyspace *ks = keyspace_of(to);
    if (e->form == FORM_BLOB && ks && entry_blob(e)->owner == &ks->blobs) return share_blob(t, e, to, old, expire_at_ms);
    struct slice s = entry_string(e, number);
    struct entry *at;
    uint8_t edited = e->flags & ENTRY_EDITED;
    // The source may be on a page of the same slab, but nothing that moves it happens before it is copied.
    int status = key_set_string(t, to, old, s, STRING_AS_BYTES, expire_at_ms, &at);
    if (status == KORA_OK) at->flags |= edited;
    return status;
}

struct blob *entry_pin(const struct entry *e) {
    if (e->form != FORM_BLOB) return NULL;
    struct blob *b = entry_blob(e);
    blob_pin(b);
    return b;
}

enum { REPLY_REFER_MIN = 16 * 1024 }; // below, copying is cheaper than a reference

void reply_entry_string(struct call *c, const struct entry *e) {
    char number[NUM_INT_MAX];
    struct slice s = entry_string(e, number);
    if (e->form == FORM_BLOB && c->reply.may_refer && s.n >= REPLY_REFER_MIN) {
        resp_write_header(c->reply.buf, '$', (int64_t)s.n);
        struct blob *b = entry_pin(e);
        if (reply_add_ref(&c->reply, s, b, blob_unpin)) {
            buf_append(c->reply.buf, "\r\n", 2);
            return;
        }
        blob_unpin(b);
        buf_append_slice(c->reply.buf, s);
        buf_append(c->reply.buf, "\r\n", 2);
        return;
    }
    reply_bulk(c, s);
}
