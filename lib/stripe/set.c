// Changing keys: setting, editing, deleting, expiring, copying.
//
// Each function either does all of it or, without memory, nothing. An entry is changed in place when its new shape takes the same
// slab class; else a new one takes its place in the table, and the old one is freed (or remembered, while there is an undo list).
#include "base/mem.h"
#include "kora.h"
#include "stripe/keyspace_int.h"
#include "stripe/s3fifo.h"

// A value as it will be stored.
struct shape {
    enum value_type type;
    enum value_form form;
    const void *bytes; // of the inline value part
    size_t len;
    uint8_t flags;     // of ENTRY_VALUE_FLAGS
};

static void drop_value(struct keyspace *ks, struct entry *e) {
    if (e->form == FORM_BLOB) keyspace_drop_blob(entry_blob(e));
    else if (e->form == FORM_ROOT) keyspace_doom(ks, entry_root(e));
}

static void write_value(struct entry *e, const struct shape *v) {
    e->type = (uint32_t)v->type & 0xf;
    e->form = (uint32_t)v->form & 0xf;
    e->value_len = (uint16_t)v->len;
    e->flags = (uint8_t)((e->flags & ~ENTRY_VALUE_FLAGS) | v->flags);
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
    if (!e) {
        event_emit(t, k, EVENT_NEW, "new");
        if (unlikely(access_policy(t->common) == ACCESS_S3FIFO)) s3_added(ks, k->hash, n);
    }
    *out = n;
    return KORA_OK;
}

// Stores v at the key. `keep_value`: v is made of the old entry's value, which lives on in it.
static int store(struct txn *t, const struct key *k, struct entry *e, const struct shape *v, int64_t at_ms, bool keep_value,
    struct entry **out) {
    struct keyspace *ks = keyspace_make(k);
    if (!ks || t->no_memory) return KORA_NOMEM;
    if (e) keyspace_will_change(ks, k->hash, e);
    if (at_ms == EXPIRE_KEEP) at_ms = e ? entry_expire_at(e) : 0;
    if (at_ms && !keyspace_can_arm(ks, txn_now(t))) return KORA_NOMEM;
    if (e && !t->undo && same_place(e, v->len, at_ms != 0)) {
        bool large = e->form >= FORM_BLOB || v->form >= FORM_BLOB;
        if (!keep_value) drop_value(ks, e);
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
    struct shape v = { TYPE_STRING, FORM_BYTES, value.p, value.n, 0 };
    if (kind == STRING_AS_SET && value.n <= NUM_INT_MAX && num_parse_int(value, &n)) {
        v = (struct shape){ TYPE_STRING, FORM_INT, &n, sizeof n, 0 };
        return store(t, k, e, &v, expire_at_ms, false, out);
    }
    if (fits_inline(k, value.n, true)) return store(t, k, e, &v, expire_at_ms, false, out);

    struct keyspace *ks = keyspace_make(k);
    struct blob *b = ks ? blob_new(&ks->blobs, value.n, value.n) : NULL;
    if (!b) return KORA_NOMEM;
    memcpy(b->data, value.p, value.n);
    v = (struct shape){ TYPE_STRING, FORM_BLOB, &b, sizeof b, 0 };
    int status = store(t, k, e, &v, expire_at_ms, false, out);
    if (status != KORA_OK) blob_drop(b);
    return status;
}

int key_set_int(struct txn *t, const struct key *k, struct entry *e, int64_t n) {
    struct shape v = { TYPE_STRING, FORM_INT, &n, sizeof n, 0 };
    struct entry *ignored;
    return store(t, k, e, &v, EXPIRE_KEEP, false, &ignored);
}

// ---- editing -----------------------------------------------------------------------------------------------------------

// What an edit makes of the bytes at a key.
struct edit {
    enum value_type type;
    uint8_t flags;
    size_t len;
    bool fill; // with zeros behind the old bytes
    size_t from, to; // of those that stay only these are written to
};

// The value as `len` inline bytes: the old ones, cut or with more behind them.
static int edit_inline(struct txn *t, const struct key *k, struct entry *e, const struct edit *to, struct entry **at, char **bytes) {
    char number[NUM_INT_MAX];
    struct slice old = e ? entry_string(e, number) : (struct slice){ "", 0 };
    size_t keep = MIN(old.n, to->len), had = e && e->form == FORM_BYTES ? old.n : 0;
    struct shape v = { to->type, FORM_BYTES, NULL, to->len, to->flags };
    if (t->no_memory) return KORA_NOMEM;
    if (e && e->form == FORM_BYTES && same_place(e, to->len, entry_expires(e))) {
        key_will_change(k, e);
        write_value(e, &v);
        if (to->fill && to->len > had) memset(entry_value(e) + had, 0, to->len - had);
        *at = e;
        *bytes = entry_value(e);
        return KORA_OK;
    }
    // The old bytes must survive until they are copied.
    char small[256], *copy = keep <= sizeof small ? small : mem_alloc(keep);
    if (!copy) return KORA_NOMEM;
    if (keep) memcpy(copy, old.p, keep);
    int status = store(t, k, e, &v, EXPIRE_KEEP, false, at);
    if (status == KORA_OK) {
        *bytes = entry_value(*at);
        if (keep) memcpy(*bytes, copy, keep);
        if (to->fill) memset(*bytes + keep, 0, to->len - keep);
    }
    if (copy != small) mem_free(copy);
    return status;
}

// Room to grow when a blob must be copied anyway: an eighth, so that appending is linear in the end.
static size_t blob_room(size_t old, size_t len) { return old && len > old ? len + len / 8 : len; }

static int edit_blob(struct txn *t, const struct key *k, struct entry *e, const struct edit *to, struct entry **at, char **bytes) {
    char number[NUM_INT_MAX];
    struct slice old = e ? entry_string(e, number) : (struct slice){ "", 0 };
    size_t len = to->len, keep = MIN(old.n, len);
    if (t->no_memory) return KORA_NOMEM;
    if (e && e->form == FORM_BLOB) {
        struct blob *b = entry_blob(e);
        if (!blob_shared(b) && b->cap >= len && len >= b->cap / 2) {
            key_will_change(k, e);
            if (unlikely(b->imaged)) snapshot_blob_changes_(keyspace_of(k), b, to->from, to->to);
            if (unlikely(b->imaged) && len > keep) snapshot_blob_changes_(keyspace_of(k), b, keep, len); // bytes that it had before it was cut
            if (to->fill && len > keep) memset(b->data + keep, 0, len - keep);
            b->len = len;
            e->flags = (uint8_t)((e->flags & ~ENTRY_INTSET) | (to->flags & ENTRY_INTSET));
            *at = e;
            *bytes = b->data;
            return KORA_OK;
        }
    }
    struct keyspace *ks = keyspace_make(k);
    struct blob *b = ks ? blob_new(&ks->blobs, len, blob_room(old.n, len)) : NULL;
    if (!b) return KORA_NOMEM;
    if (e) key_will_change(k, e);
    struct blob *imaged = e && e->form == FORM_BLOB && entry_blob(e)->imaged && keep == old.n ? entry_blob(e) : NULL; // it stays, held by its image
    if (imaged) {
        snapshot_blob_changes_(ks, imaged, to->from, to->to);
        if (ks->walk.on) snapshot_blob_changes_(ks, imaged, old.n, SIZE_MAX); // it was longer at the cut, perhaps
    }
    if (keep) memcpy(b->data, old.p, keep);
    if (to->fill) memset(b->data + keep, 0, len - keep);
    struct shape v = { to->type, FORM_BLOB, &b, sizeof b, to->flags };
    bool moves = imaged && ks->walk.on && !blob_shared(imaged);
    if (moves) snapshot_blob_moves_(imaged, b);
    int status = store(t, k, e, &v, EXPIRE_KEEP, false, at);
    if (status != KORA_OK && moves) snapshot_blob_moves_(b, imaged);
    if (status == KORA_OK) *bytes = b->data;
    else blob_drop(b);
    return status;
}

int key_edit_string(struct txn *t, const struct key *k, struct entry *e, size_t len, char **bytes) {
    return key_edit_range(t, k, e, len, 0, len, bytes);
}

int key_edit_range(struct txn *t, const struct key *k, struct entry *e, size_t len, size_t from, size_t to_end, char **bytes) {
    struct edit to = { TYPE_STRING, ENTRY_EDITED, len, true, from, to_end };
    struct entry *at;
    return fits_inline(k, len, true) ? edit_inline(t, k, e, &to, &at, bytes) : edit_blob(t, k, e, &to, &at, bytes);
}

// ---- values of other types ------------------------------------------------------------------------------------------------

int key_edit_packed(struct value *v, size_t len, uint8_t flags) {
    struct edit to = { v->type, flags, len, false, 0, SIZE_MAX };
    struct entry *at;
    char *bytes;
    int status = fits_inline(v->key, len, true) ? edit_inline(v->txn, v->key, v->e, &to, &at, &bytes) :
        edit_blob(v->txn, v->key, v->e, &to, &at, &bytes);
    if (status == KORA_OK) value_attach(v, v->type, v->txn, v->key, at);
    return status;
}

// The value gets a due root: what that needs, before anything is changed.
static bool can_take_root(struct txn *t, struct keyspace *ks, const struct root *r) {
    return ks && (!r->due.at_ms || keyspace_can_arm_roots(ks, txn_now(t)));
}

static void arm_root(struct keyspace *ks, const struct key *k, struct root *r) {
    if (!r->due.at_ms && !r->armed) return;
    keyspace_arm_root(ks, r, k->hash);
    if (r->due.at_ms) stripe_due(k->stripe, r->due.at_ms);
}

int key_put_root(struct txn *t, const struct key *k, struct entry *e, struct root *r, int64_t expire_at_ms, bool keep_value, struct entry **at) {
    struct keyspace *ks = keyspace_make(k);
    if (!can_take_root(t, ks, r)) return KORA_NOMEM;
    struct shape v = { (enum value_type)r->type, FORM_ROOT, &r, sizeof r, 0 };
    int status = store(t, k, e, &v, expire_at_ms, keep_value, at);
    if (status == KORA_OK) arm_root(ks, k, r);
    return status;
}

int key_put_packed(struct txn *t, const struct key *k, struct entry *e, enum value_type type, uint8_t flags, struct slice bytes, int64_t expire_at_ms) {
    struct entry *at;
    struct shape v = { type, FORM_BYTES, bytes.p, bytes.n, flags };
    if (fits_inline(k, bytes.n, true)) return store(t, k, e, &v, expire_at_ms, false, &at);
    struct keyspace *ks = keyspace_make(k);
    struct blob *b = ks ? blob_new(&ks->blobs, bytes.n, bytes.n) : NULL;
    if (!b) return KORA_NOMEM;
    memcpy(b->data, bytes.p, bytes.n);
    v = (struct shape){ type, FORM_BLOB, &b, sizeof b, flags };
    int status = store(t, k, e, &v, expire_at_ms, false, &at);
    if (status != KORA_OK) blob_drop(b);
    return status;
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
    // The value part is carried over as it is: bytes, integer, or an address.
    struct shape v = { (enum value_type)old->type, (enum value_form)old->form, NULL, old->value_len, old->flags & ENTRY_VALUE_FLAGS };
    if (t->no_memory) return KORA_NOMEM;
    key_will_change(k, old);
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
    struct shape v = { (enum value_type)e->type, FORM_BLOB, &b, sizeof b, e->flags & ENTRY_VALUE_FLAGS };
    struct entry *at;
    blob_share(b);
    int status = store(t, to, old, &v, expire_at_ms, false, &at);
    if (status != KORA_OK) blob_drop(b);
    return status;
}

static int copy_root(struct txn *t, const struct root *r, const struct key *to, struct entry *old, int64_t expire_at_ms) {
    struct keyspace *ks = keyspace_make(to);
    struct slab *nodes = ks ? keyspace_nodes(ks) : NULL;
    struct root *copy = nodes ? value_kinds[r->type]->copy(nodes, r) : NULL;
    struct entry *at;
    if (!copy) return KORA_NOMEM;
    copy->due.at_ms = r->due.at_ms;
    copy->armed = false;
    int status = key_put_root(t, to, old, copy, expire_at_ms, false, &at);
    if (status != KORA_OK) keyspace_doom(ks, copy);
    return status;
}

int key_copy_value(struct txn *t, const struct entry *e, const struct key *to, struct entry *old, int64_t expire_at_ms) {
    struct shape v = { (enum value_type)e->type, (enum value_form)e->form, entry_value(e), e->value_len, e->flags & ENTRY_VALUE_FLAGS };
    struct entry *at;
    if (e->form == FORM_INT) {
        int64_t n = entry_int(e); // not where the entry is, which may be on a page that changes
        v.bytes = &n;
        return store(t, to, old, &v, expire_at_ms, false, &at);
    }
    if (e->form == FORM_ROOT) return copy_root(t, entry_root(e), to, old, expire_at_ms);
    struct keyspace *ks = keyspace_of(to);
    if (e->form == FORM_BLOB && ks && entry_blob(e)->owner == &ks->blobs) return share_blob(t, e, to, old, expire_at_ms);
    char number[NUM_INT_MAX];
    // The source may be on a page of the same slab, but nothing that moves it happens before it is copied.
    return key_put_packed(t, to, old, v.type, v.flags, entry_string(e, number), expire_at_ms);
}

// Within a keyspace a root only changes hands.
static int move_root(struct txn *t, const struct key *from, struct entry *e, const struct key *to, struct entry *old) {
    struct keyspace *ks = keyspace_of(from);
    struct root *r = entry_root(e);
    struct entry *at;
    int status = key_put_root(t, to, old, r, entry_expire_at(e), false, &at);
    if (status != KORA_OK) return status;
    keyspace_take(ks, from->hash, e);
    keyspace_free_entry(ks, e, false);
    return KORA_OK;
}

int key_move(struct txn *t, const struct key *from, struct entry *e, const struct key *to, struct entry *old) {
    invariant(!t->undo);
    if (e->form == FORM_ROOT && from->stripe == to->stripe && from->db == to->db) return move_root(t, from, e, to, old);
    int status = key_copy_value(t, e, to, old, entry_expire_at(e));
    if (status == KORA_OK) key_delete(t, from, key_find(t, from, 0)); // it may have moved
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
