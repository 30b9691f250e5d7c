// Lists: packed ones, and which of the two a list is. What it is as a deque: list_deque.c.
//
// The limit of a packed list is that of a deque's node: bytes (list-max-listpack-size -1 to -5: 4 to 64 KB), or elements (and 8 KB). As Redis does, it
// is looked at before elements are added, with their lengths as they came. A packed value's bytes may be followed by unused ones (value_shrink).
#include "base/mem.h"
#include "type/list_int.h"

enum { SAFE_BYTES = 8192 }; // where elements are counted

static struct list_limit limit_of(const struct value *v) {
    static const size_t sizes[] = { 4096, 8192, 16384, 32768, 65536 };
    int64_t fill = (int64_t)settings_number(&value_settings(v)->list_max_listpack_size);
    if (fill < 0) return (struct list_limit){ sizes[MIN((size_t)(-(fill + 1)), ARRAY_LEN(sizes) - 1)], UINT32_MAX };
    return (struct list_limit){ SAFE_BYTES, fill == 0 ? 1 : (uint32_t)MIN(fill, UINT16_MAX - 1) };
}

static struct deque *deque_in(const struct value *v) { return deque_of(v->root); }

// ---- reading -----------------------------------------------------------------------------------------------------------------

uint64_t list_count(const struct value *v) { return !v->there ? 0 : v->root ? deque_in(v)->count : packed_count(v->bytes); }

bool list_seek(const struct value *v, int64_t i, struct list_at *at) {
    uint64_t n = list_count(v);
    if (i < 0) i += (int64_t)n;
    if (i < 0 || (uint64_t)i >= n) return false;
    if (v->root) return deque_seek(deque_in(v), (uint64_t)i, at);
    at->nodes.of = NULL;
    at->packed = v->bytes;
    at->at = packed_index(v->bytes, i);
    return true;
}

bool list_next(struct list_at *at) {
    if (at->nodes.of) return deque_next(at);
    size_t next = packed_next(at->packed, at->at);
    if (next) at->at = next;
    return next != 0;
}

bool list_previous(struct list_at *at) {
    if (at->nodes.of) return deque_previous(at);
    size_t previous = packed_previous(at->packed, at->at);
    if (previous) at->at = previous;
    return previous != 0;
}

// ---- packed or not -------------------------------------------------------------------------------------------------------------

static void free_deque(struct deque *d) { deque_free(d, SIZE_MAX); }

static bool push_all(struct deque *d, const struct list_limit *l, enum list_end end, const struct slice *s, size_t n) {
    size_t done = 0;
    while (done < n && deque_push(d, l, end, s[done])) done++;
    if (done == n) return true;
    if (done > 0) deque_remove(d, l, end == LIST_FRONT ? 0 : d->count - done, done);
    return false;
}

static bool push_packed(struct deque *d, const struct list_limit *l, const char *p) {
    char number[NUM_INT_MAX];
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) {
        struct slice s = packed_string(p, at, number);
        if (!push_all(d, l, LIST_BACK, &s, 1)) return false;
    }
    return true;
}

// A deque of what a packed value holds, which is still that. NULL: no memory.
static struct deque *deque_from(struct value *v, const struct list_limit *l) {
    struct slab *slab = value_nodes(v);
    struct deque *d = slab ? deque_new(slab) : NULL;
    if (!d || !v->there || push_packed(d, l, v->bytes)) return d;
    free_deque(d);
    return NULL;
}

static bool take_deque(struct value *v, struct deque *d) {
    if (value_set_root(v, &d->root)) return true;
    free_deque(d);
    return false;
}

// Whether a packed value may get these elements more.
static bool stays_packed(const struct value *v, const struct list_limit *l, size_t bytes, uint64_t count) {
    size_t now = v->there ? packed_bytes(v->bytes) : PACKED_EMPTY;
    return bytes <= l->bytes && now + bytes <= l->bytes && list_count(v) + count <= l->count;
}

// After elements went: packed again when half of the limit would do. Without memory it stays as it is.
static void shrink(struct value *v, const struct list_limit *l) {
    const char *p = v->root ? deque_packed(deque_in(v)) : NULL;
    if (!p || packed_bytes(p) > l->bytes / 2 || packed_count(p) > l->count / 2) return;
    value_set_packed(v, slice_of(p, packed_bytes(p)), 0);
}

// ---- changing --------------------------------------------------------------------------------------------------------------------

bool list_edit(struct value *v) {
    if (v->txn->no_memory) return false;
    if (v->root || !v->attached || !v->e || v->e->form != FORM_BLOB || !blob_shared(entry_blob(v->e))) return true;
    return value_resize(v, v->len, 0) != NULL;
}

static bool push_into_packed(struct value *v, enum list_end end, const struct slice *s, size_t n) {
    bool is_new = !v->there;
    size_t len = is_new ? PACKED_EMPTY : packed_bytes(v->bytes);
    for (size_t i = 0; i < n; i++) len += packed_size_of(s[i]);
    char *p = value_resize(v, len, 0);
    if (!p) return false;
    if (is_new) packed_init(p);
    for (size_t i = 0; i < n; i++) packed_insert(p, end == LIST_BACK ? packed_end(p) : PACKED_EMPTY - 1, s[i]);
    return true;
}

bool list_push(struct value *v, enum list_end end, const struct slice *s, size_t n) {
    struct list_limit l = limit_of(v);
    if (v->txn->no_memory) return false;
    if (v->root) return push_all(deque_in(v), &l, end, s, n);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += s[i].n;
    if (stays_packed(v, &l, bytes, n)) return push_into_packed(v, end, s, n);
    struct deque *d = deque_from(v, &l);
    if (!d) return false;
    if (push_all(d, &l, end, s, n)) return take_deque(v, d);
    free_deque(d);
    return false;
}

// Packed elements were taken out: the value becomes shorter, or goes.
static void removed_packed(struct value *v) {
    if (packed_first(v->bytes)) value_shrink(v, packed_bytes(v->bytes));
    else value_delete(v);
}

static void removed(struct value *v, const struct list_limit *l) {
    if (deque_in(v)->count == 0) value_delete(v);
    else shrink(v, l);
}

void list_remove(struct value *v, uint64_t i, uint64_t n) {
    struct list_limit l = limit_of(v);
    if (n == 0) return;
    if (n == list_count(v)) {
        value_delete(v);
    } else if (v->root) {
        deque_remove(deque_in(v), &l, i, n);
        removed(v, &l);
    } else {
        packed_remove(v->bytes, packed_index(v->bytes, (int64_t)i), n);
        removed_packed(v);
    }
}

static uint64_t remove_equal_packed(struct value *v, struct slice s, uint64_t max, bool from_back) {
    char *p = v->bytes;
    uint64_t gone = 0;
    size_t at = from_back ? packed_last(p) : packed_find(p, packed_first(p), s, 0);
    while (at && gone < max) {
        size_t previous = from_back ? packed_previous(p, at) : 0;
        if (!from_back || packed_equal(p, at, s)) {
            packed_remove(p, at, 1);
            gone++;
        }
        at = from_back ? previous : at == packed_end(p) ? 0 : packed_find(p, at, s, 0);
    }
    if (gone) removed_packed(v);
    return gone;
}

uint64_t list_remove_equal(struct value *v, struct slice s, uint64_t max, bool from_back) {
    struct list_limit l = limit_of(v);
    if (max == 0) max = UINT64_MAX;
    if (!v->root) return remove_equal_packed(v, s, max, from_back);
    uint64_t gone = deque_remove_equal(deque_in(v), &l, s, max, from_back);
    if (gone) removed(v, &l);
    return gone;
}

// The same place after the value has become a deque.
static bool become_deque(struct value *v, struct list_at *at, const struct list_limit *l) {
    uint64_t i = 0;
    for (size_t p = packed_first(v->bytes); p < at->at; p = packed_next(v->bytes, p)) i++;
    struct deque *d = deque_from(v, l);
    return d && take_deque(v, d) && deque_seek(d, i, at);
}

bool list_set(struct value *v, struct list_at *at, struct slice s) {
    struct list_limit l = limit_of(v);
    if (!v->root && !stays_packed(v, &l, s.n, 1) && !become_deque(v, at, &l)) return false;
    if (v->root) {
        if (!deque_set(deque_in(v), &l, at, s)) return false;
        shrink(v, &l);
        return true;
    }
    size_t len = packed_bytes(v->bytes) - packed_size_at(v->bytes, at->at) + packed_size_of(s);
    if (len > v->len && !value_resize(v, len, 0)) return false;
    packed_replace(v->bytes, at->at, s);
    if (len < v->len) value_shrink(v, len);
    return true;
}

bool list_insert(struct value *v, struct list_at *at, bool behind, struct slice s) {
    struct list_limit l = limit_of(v);
    if (!v->root && !stays_packed(v, &l, s.n, 1) && !become_deque(v, at, &l)) return false;
    if (v->root) return deque_insert(deque_in(v), &l, at, behind, s);
    size_t pos = at->at + (behind ? packed_size_at(v->bytes, at->at) : 0);
    char *p = value_resize(v, packed_bytes(v->bytes) + packed_size_of(s), 0);
    if (!p) return false;
    packed_insert(p, pos, s);
    return true;
}

bool list_rotate(struct value *v, enum list_end from, struct slice s) {
    struct list_limit l = limit_of(v);
    if (v->root) {
        struct deque *d = deque_in(v);
        if (!deque_push(d, &l, list_other(from), s)) return false;
        deque_remove(d, &l, from == LIST_FRONT ? 0 : d->count - 1, 1);
        return true;
    }
    char *p = v->bytes;
    packed_remove(p, from == LIST_FRONT ? packed_first(p) : packed_last(p), 1);
    packed_insert(p, from == LIST_FRONT ? packed_end(p) : PACKED_EMPTY - 1, s);
    return true;
}

// ---- kind ------------------------------------------------------------------------------------------------------------------------

static const char *encoding(const struct value *v) { return v->root ? "quicklist" : "listpack"; }

static void check(const struct value *v) {
    if (v->root) deque_check(deque_in(v));
    else invariant(packed_bytes(v->bytes) <= v->len && packed_valid(v->bytes, packed_bytes(v->bytes)) && packed_first(v->bytes));
}

static bool kind_free(struct slab *nodes, struct root *r, size_t budget) {
    (void)nodes;
    return deque_free(deque_of(r), budget);
}

static struct root *kind_copy(struct slab *nodes, const struct root *r) {
    struct deque *d = deque_copy(nodes, deque_of(r));
    return d ? &d->root : NULL;
}

static size_t kind_memory(const struct root *r) { return deque_memory(deque_of(r)); }

const struct value_kind value_kind_list = {
    .name = "list", .encoding = encoding, .count = list_count, .check = check, .free = kind_free, .copy = kind_copy, .memory = kind_memory,
};
