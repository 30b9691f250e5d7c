// The nodes of a stream: packed lists (ds/packed.h) of some entries, in Redis's format, so that DUMP copies them.
//
//     entries | deleted | fields | field ... | 0                                    the node's first, its names are shared by those that follow
//     flags | ms | seq | value ... | elements                                       an entry with the same fields (flag SAME)
//     flags | ms | seq | pairs | field | value ... | elements                       any other
//
// `entries` are those that are not marked as deleted, `deleted` the others. ms and seq are counted from the node's first id, each by itself (modulo 2^64).
// `elements`: how many the entry has in front of that one, so that a node can be read backwards.
//
// A node begins a new one where Redis's would, since that is seen by XTRIM ~ and XINFO. The last one has room to grow; when the next begins it is cut to
// what it needs. Some bytes are kept free in each: marking an entry as deleted may lengthen the number of deleted ones, and must not fail.
//
// Source of the format: Redis's t_stream.c and rdb files, as seen from outside (DUMP).
#include "type/stream_int.h"

enum {
    FLAG_DELETED = 1,
    FLAG_SAME = 2,
    FIRST = 6,        // position of a list's first element
    SPARE = 4,        // of a node that entries are still added to: 0 deleted take 2 bytes, 2^31 take 6
    CAP_LEAST = 96,
    ENTRY_NUMBERS = 3 // flags, ms, seq
};

static int compare_node(const void *item, const void *key) {
    return stream_id_compare(((const struct stream_node *)item)->first, *(const struct stream_id *)key);
}
static uint64_t word_node(const void *item) { return ((const struct stream_node *)item)->first.ms; }

void stream_init_nodes(struct stream *s, struct slab *slab) { tree_init(&s->nodes, slab, word_node); }

// Before what is in a node changes, or goes.
static inline void will_change(struct stream *s, struct stream_node *n) {
    if (unlikely(s->root.imaged)) root_node_changes(&s->root, n, n->mark);
}

static void free_node(struct stream *s, struct stream_node *n) {
    will_change(s, n);
    stream_free(s, n->packed, n->cap);
    stream_free(s, n, sizeof *n);
}

// ---- reading -------------------------------------------------------------------------------------------------------------------

// The integer there; *at goes behind it.
static inline int64_t take_int(const char *p, size_t *at) {
    int64_t n = packed_get(p, *at).number;
    *at += packed_size_at(p, *at);
    return n;
}

static inline size_t skip(const char *p, size_t at, size_t elements) {
    for (; elements > 0; elements--) at += packed_size_at(p, at);
    return at;
}

struct node_head {
    int64_t entries, deleted;
    size_t deleted_at;
};
static struct node_head head_of(const struct stream_node *n) {
    struct node_head h;
    size_t at = FIRST;
    h.entries = take_int(n->packed, &at);
    h.deleted_at = at;
    h.deleted = take_int(n->packed, &at);
    return h;
}

// Bytes that the number of deleted entries may still grow by.
static size_t spare_of(const char *packed) {
    size_t at = FIRST;
    int64_t entries = take_int(packed, &at), deleted = take_int(packed, &at);
    return packed_size_of_int(entries + deleted) - packed_size_of_int(deleted);
}

// Reads what is before the values of the entry at c->at.
static void load(struct stream_cursor *c) {
    const char *p = c->node->packed;
    size_t at = c->at;
    int64_t flags = take_int(p, &at);
    c->id.ms = c->node->first.ms + (uint64_t)take_int(p, &at);
    c->id.seq = c->node->first.seq + (uint64_t)take_int(p, &at);
    c->deleted = flags & FLAG_DELETED;
    if (flags & FLAG_SAME) {
        c->pairs = c->left = c->fields;
        c->field = c->fields_at;
    } else {
        c->pairs = (uint32_t)take_int(p, &at);
        c->left = 2 * c->pairs;
        c->field = 0;
    }
    c->element = at;
}

// Puts the cursor before the first entry of a node.
static void open_node(struct stream_cursor *c, const struct stream_node *n) {
    size_t at = skip(n->packed, FIRST, 2);
    c->node = n;
    c->fields = (uint32_t)take_int(n->packed, &at);
    c->fields_at = at;
    c->at = skip(n->packed, at, c->fields + 1);
}

static bool at_end(const struct stream_cursor *c) { return c->at >= packed_end(c->node->packed); }

static struct stream_node *node_at(struct tree_at at) { return at.leaf ? tree_item(at) : NULL; }

static bool open_place(struct stream_cursor *c, struct tree_at place) {
    c->place = place;
    c->node = node_at(place);
    if (c->node) open_node(c, c->node);
    return c->node != NULL;
}

// Loads the entry where the cursor is, or the first of the next node, and goes on to one that is not deleted and not before `from`.
static bool settle(struct stream_cursor *c, struct stream_id from) {
    for (;;) {
        while (at_end(c)) {
            if (!open_place(c, tree_next(c->place))) return false;
        }
        load(c);
        if (!c->deleted && stream_id_compare(c->id, from) >= 0) return true;
        c->at = skip(c->node->packed, c->element, c->left + 1);
    }
}

bool stream_next(struct stream_cursor *c) {
    c->at = skip(c->node->packed, c->element, c->left + 1);
    return settle(c, (struct stream_id){ 0, 0 });
}

// The entry before c->at, or that of the node before; skipped are deleted ones and those behind `to`.
static bool settle_back(struct stream_cursor *c, struct stream_id to) {
    for (;;) {
        const char *p = c->node->packed;
        size_t first = skip(p, c->fields_at, c->fields + 1);
        if (c->at == first) {
            if (!open_place(c, tree_previous(c->place))) return false;
            c->at = packed_end(c->node->packed);
            continue;
        }
        size_t at = packed_previous(p, c->at);
        for (int64_t n = packed_get(p, at).number; n > 0; n--) at = packed_previous(p, at);
        c->at = at;
        load(c);
        if (!c->deleted && stream_id_compare(c->id, to) <= 0) return true;
    }
}

bool stream_previous(struct stream_cursor *c) { return settle_back(c, STREAM_ID_MAX); }

// The last node that begins at or before `id`; before all of them the first. leaf NULL: there is none.
static struct tree_at place_of(const struct stream *s, struct stream_id id) {
    if (s->tail && stream_id_compare(s->tail->first, id) <= 0) return tree_last(&s->nodes);
    struct tree_at at = tree_lower(&s->nodes, compare_node, &id, id.ms, NULL);
    struct stream_node *n = node_at(at);
    if (n && stream_id_compare(n->first, id) == 0) return at;
    struct tree_at before = n ? tree_previous(at) : tree_last(&s->nodes);
    return before.leaf ? before : at;
}

// Who follows a stream wants its last entries: of the last node, those are looked for from the end. True: the cursor is at one before `from` (a deleted
// one will do: whatever is before it was there when it came).
static bool near_end(struct stream_cursor *c, struct stream_id from) {
    enum { NEAR = 8 };
    const char *p = c->node->packed;
    size_t first = c->at;
    c->at = packed_end(p);
    for (int i = 0; i < NEAR && c->at != first; i++) {
        size_t at = packed_previous(p, c->at);
        for (int64_t n = packed_get(p, at).number; n > 0; n--) at = packed_previous(p, at);
        c->at = at;
        load(c);
        if (stream_id_compare(c->id, from) < 0) return true;
    }
    c->at = first;
    return false;
}

bool stream_first(struct stream_cursor *c, const struct stream *s, struct stream_id from) {
    invariant(s != NULL);
    c->s = s;
    if (!open_place(c, place_of(s, from))) return false;
    if (c->node == s->tail && stream_id_compare(c->node->first, from) < 0) near_end(c, from);
    return settle(c, from);
}

bool stream_last(struct stream_cursor *c, const struct stream *s, struct stream_id to) {
    c->s = s;
    if (!open_place(c, place_of(s, to))) return false;
    c->at = packed_end(c->node->packed);
    return settle_back(c, to);
}

bool stream_forward(struct stream_cursor *c, const struct stream *s, struct stream_id from) {
    if (c->s != s || !c->node || stream_id_compare(c->id, from) > 0) return stream_first(c, s, from);
    if (!c->deleted && stream_id_compare(c->id, from) == 0) {
        load(c); // its fields may have been read
        return true;
    }
    const struct stream_node *next = node_at(tree_next(c->place));
    if (next && stream_id_compare(next->first, from) <= 0) return stream_first(c, s, from);
    return settle(c, from);
}

bool stream_has(struct stream_cursor *c, const struct stream *s, struct stream_id id) {
    return stream_forward(c, s, id) && stream_id_compare(c->id, id) == 0;
}

void stream_pair(struct stream_cursor *c, struct stream_pair *pair) {
    const char *p = c->node->packed;
    debug_invariant(c->left > 0);
    if (c->field) {
        pair->field = packed_string(p, c->field, pair->number[0]);
        c->field += packed_size_at(p, c->field);
    } else {
        pair->field = packed_string(p, c->element, pair->number[0]);
        c->element += packed_size_at(p, c->element);
        c->left--;
    }
    pair->value = packed_string(p, c->element, pair->number[1]);
    c->element += packed_size_at(p, c->element);
    c->left--;
}

bool stream_behind(struct stream_cursor *c, const struct stream *s, struct stream_id id, const struct stream_hint *hint) {
    struct stream_id from = id;
    c->node = NULL;
    if (stream_id_compare(id, s->last_id) >= 0 || !stream_id_next(&from)) return false;
    if (!hint->node || hint->shape != s->shape || stream_id_compare(hint->id, id) != 0) return stream_first(c, s, from);
    c->s = s;
    if (!open_place(c, hint->node == s->tail ? tree_last(&s->nodes) : tree_find(&s->nodes, compare_node, &hint->node->first, hint->node->first.ms, NULL))) return false;
    c->at = hint->at;
    return settle(c, from);
}

struct stream_hint stream_hint(struct stream_cursor *c) {
    size_t at = skip(c->node->packed, c->element, c->left + 1);
    return (struct stream_hint){ c->id, c->node, at, c->s->shape };
}

// ---- adding --------------------------------------------------------------------------------------------------------------------

static void drop_node(struct stream *s, struct stream_node *n) {
    tree_remove(&s->nodes, compare_node, &n->first, n->first.ms);
    if (n == s->tail) s->tail = node_at(tree_last(&s->nodes));
    free_node(s, n);
    s->shape++;
}

static bool node_alloc(struct stream *s, struct stream_node *n, size_t cap) {
    n->cap = (uint32_t)slab_round(cap);
    n->packed = stream_alloc(s, n->cap);
    return n->packed != NULL;
}

static struct stream_node *new_node(struct stream *s, struct stream_id first, size_t cap) {
    struct stream_node *n = stream_alloc(s, sizeof *n);
    if (!n) return NULL;
    n->first = first;
    n->mark = unlikely(s->root.imaged) ? root_new_mark(&s->root) : 0;
    if (node_alloc(s, n, cap)) return n;
    stream_free(s, n, sizeof *n);
    return NULL;
}

// The last node with another capacity, if that is another size. False: no memory. Places in it stay.
static bool resize_tail(struct stream *s, size_t cap) {
    struct stream_node *n = s->tail, old = *n;
    if (slab_round(cap) == n->cap) return true;
    if (!node_alloc(s, n, cap)) {
        *n = old;
        return false;
    }
    memcpy(n->packed, old.packed, packed_bytes(old.packed));
    stream_free(s, old.packed, old.cap);
    return true;
}

static bool put_node(struct stream *s, struct stream_node *n) {
    if (!tree_insert(&s->nodes, compare_node, &n->first, n->first.ms, n)) {
        free_node(s, n);
        return false;
    }
    s->tail = node_at(tree_last(&s->nodes));
    return true;
}

struct adding {
    struct stream_id id;
    const struct slice *args;
    size_t pairs;
    size_t fields_n, values_n; // bytes
};

static bool is_full(const struct stream_node *n, const struct adding *a, struct stream_limits limits) {
    size_t most = limits.bytes == 0 || limits.bytes > STREAM_BYTES_MAX ? STREAM_BYTES_MAX : limits.bytes;
    if (packed_bytes(n->packed) + a->fields_n + a->values_n >= most) return true;
    struct node_head h = head_of(n);
    return limits.entries && (uint64_t)(h.entries + h.deleted) >= limits.entries;
}

static bool same_fields(const struct stream_node *n, const struct adding *a) {
    size_t at = skip(n->packed, FIRST, 2);
    if ((size_t)take_int(n->packed, &at) != a->pairs) return false;
    for (size_t i = 0; i < a->pairs; i++) {
        if (!packed_equal(n->packed, at, a->args[2 * i])) return false;
        at += packed_size_at(n->packed, at);
    }
    return true;
}

// At most, with its fields.
static size_t entry_room(const struct adding *a, bool same) {
    size_t texts = same ? a->values_n + a->pairs * PACKED_OVERHEAD_MAX : a->fields_n + a->values_n + 2 * a->pairs * PACKED_OVERHEAD_MAX;
    return texts + (ENTRY_NUMBERS + 2) * PACKED_INT_MAX;
}

static void write_entry(struct stream_node *n, const struct adding *a, bool same) {
    char *to = n->packed + packed_end(n->packed);
    to = packed_write_int(to, same ? FLAG_SAME : 0);
    to = packed_write_int(to, (int64_t)(a->id.ms - n->first.ms));
    to = packed_write_int(to, (int64_t)(a->id.seq - n->first.seq));
    size_t elements = ENTRY_NUMBERS + (same ? a->pairs : 2 * a->pairs + 1);
    if (!same) to = packed_write_int(to, (int64_t)a->pairs);
    for (size_t i = 0; i < a->pairs; i++) {
        if (!same) to = packed_write(to, a->args[2 * i]);
        to = packed_write(to, a->args[2 * i + 1]);
    }
    to = packed_write_int(to, (int64_t)elements);
    packed_extend(n->packed, to, elements + 1);
}

static bool add_first(struct stream *s, const struct adding *a) {
    size_t names = a->fields_n + a->pairs * PACKED_OVERHEAD_MAX + 4 * PACKED_INT_MAX;
    size_t need = PACKED_EMPTY + names + entry_room(a, true) + SPARE, cap = MAX(need, (size_t)CAP_LEAST);
    if (s->tail) { // it will be as large as the one before
        resize_tail(s, packed_bytes(s->tail->packed) + spare_of(s->tail->packed));
        cap = MAX(cap, packed_bytes(s->tail->packed));
    }
    struct stream_node *n = new_node(s, a->id, cap);
    if (!n) return false;
    packed_init(n->packed);
    char *to = n->packed + packed_end(n->packed);
    to = packed_write_int(to, 1);
    to = packed_write_int(to, 0);
    to = packed_write_int(to, (int64_t)a->pairs);
    for (size_t i = 0; i < a->pairs; i++) to = packed_write(to, a->args[2 * i]);
    to = packed_write_int(to, 0);
    packed_extend(n->packed, to, a->pairs + 4);
    write_entry(n, a, true);
    return put_node(s, n);
}

static bool add_next(struct stream *s, const struct adding *a) {
    bool same = same_fields(s->tail, a);
    size_t bytes = packed_bytes(s->tail->packed), need = bytes + entry_room(a, same) + 1 + SPARE; // 1: one more entry may be a longer number
    if (need > s->tail->cap && !resize_tail(s, need + bytes / 2)) return false;
    struct node_head h = head_of(s->tail);
    will_change(s, s->tail);
    packed_replace_int(s->tail->packed, FIRST, h.entries + 1);
    if (packed_bytes(s->tail->packed) != bytes) s->shape++;
    write_entry(s->tail, a, same);
    return true;
}

bool stream_append(struct stream *s, struct stream_id id, const struct slice *args, size_t pairs, struct stream_limits limits) {
    struct adding a = { .id = id, .args = args, .pairs = pairs };
    if (pairs > STREAM_BYTES_MAX / (2 * PACKED_OVERHEAD_MAX)) return false; // a node is less than 4 GB
    for (size_t i = 0; i < pairs; i++) {
        a.fields_n += args[2 * i].n;
        a.values_n += args[2 * i + 1].n;
    }
    // XSETID may have gone back behind entries that are all deleted.
    while (s->tail && unlikely(stream_id_compare(s->tail->first, id) >= 0)) drop_node(s, s->tail);
    if (s->tail && !is_full(s->tail, &a, limits) ? !add_next(s, &a) : !add_first(s, &a)) return false;
    if (s->length++ == 0) s->first_id = id;
    s->last_id = id;
    s->added++;
    return true;
}

bool stream_add_node(struct stream *s, struct stream_id first, struct slice packed) {
    struct stream_node *n = new_node(s, first, packed.n + spare_of(packed.p));
    if (!n) return false;
    memcpy(n->packed, packed.p, packed.n);
    return put_node(s, n);
}

// ---- deleting --------------------------------------------------------------------------------------------------------------------

// `n` more of its entries are marked as deleted. There are no places in it any more.
static void count_deleted(struct stream *s, struct stream_node *n, int64_t gone) {
    struct node_head h = head_of(n);
    packed_replace_int(n->packed, h.deleted_at, h.deleted + gone);
    packed_replace_int(n->packed, FIRST, h.entries - gone);
    debug_invariant(packed_bytes(n->packed) <= n->cap);
    s->shape++;
}

static void mark(struct stream_node *n, size_t at) {
    int64_t flags = packed_get(n->packed, at).number;
    packed_replace_int(n->packed, at, flags | FLAG_DELETED);
}

static struct stream_id first_of(const struct stream *s) {
    struct stream_cursor c;
    return s->length && stream_first(&c, s, (struct stream_id){ 0, 0 }) ? c.id : (struct stream_id){ 0, 0 };
}

bool stream_delete(struct stream *s, struct stream_id id) {
    struct stream_cursor c = { .s = NULL };
    if (!stream_has(&c, s, id)) return false;
    struct stream_node *n = tree_item(c.place);
    if (head_of(n).entries == 1) {
        drop_node(s, n);
    } else {
        will_change(s, n);
        mark(n, c.at);
        count_deleted(s, n, 1);
    }
    s->length--;
    if (stream_id_compare(id, s->first_id) == 0 || s->length == 0) s->first_id = first_of(s);
    return true;
}

static struct stream_id last_of_node(const struct stream_node *n) { // deleted or not
    struct stream_cursor c;
    const char *p = n->packed;
    open_node(&c, n);
    if (at_end(&c)) return n->first;
    size_t at = packed_previous(p, packed_end(p));
    for (int64_t left = packed_get(p, at).number; left > 0; left--) at = packed_previous(p, at);
    c.at = at;
    load(&c);
    return c.id;
}

static bool is_trimmed(const struct stream *s, const struct stream_trim *how, struct stream_id id) {
    return how->by == STREAM_TRIM_LENGTH ? s->length > how->length : stream_id_compare(id, how->id) < 0;
}

// Single entries from the start of a node.
static uint64_t trim_node(struct stream *s, struct stream_node *n, const struct stream_trim *how) {
    struct stream_cursor c;
    int64_t gone = 0;
    for (open_node(&c, n); !at_end(&c); c.at = skip(n->packed, c.element, c.left + 1)) {
        load(&c);
        if (!is_trimmed(s, how, c.id)) break;
        if (c.deleted) continue;
        will_change(s, n);
        mark(n, c.at);
        gone++;
        s->length--;
    }
    if (gone) count_deleted(s, n, gone);
    return (uint64_t)gone;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *how) {
    uint64_t gone = 0;
    if (how->by == STREAM_TRIM_NOT) return 0;
    for (struct stream_node *n; (n = node_at(tree_first(&s->nodes))) != NULL;) {
        if (how->by == STREAM_TRIM_LENGTH && s->length <= how->length) break;
        uint64_t entries = (uint64_t)head_of(n).entries;
        if (how->limit && gone + entries > how->limit) break;
        bool whole = how->by == STREAM_TRIM_LENGTH ? s->length - entries >= how->length : stream_id_compare(last_of_node(n), how->id) < 0;
        if (!whole) {
            if (!how->whole_nodes) gone += trim_node(s, n, how);
            break;
        }
        drop_node(s, n);
        s->length -= entries;
        gone += entries;
    }
    if (gone) s->first_id = first_of(s);
    return gone;
}

// ---- all of them -----------------------------------------------------------------------------------------------------------------

static void node_gone(void *arg, void *item) { free_node(arg, item); }

bool stream_free_nodes(struct stream *s, size_t *budget) {
    *budget -= (size_t)tree_remove_range(&s->nodes, 0, *budget, node_gone, s);
    return s->nodes.count == 0;
}

bool stream_copy_nodes(struct stream *to, const struct stream *from) {
    for (struct tree_at at = tree_first(&from->nodes); at.leaf; at = tree_next(at)) {
        const struct stream_node *n = tree_item(at);
        if (!stream_add_node(to, n->first, slice_of(n->packed, packed_bytes(n->packed)))) return false;
    }
    return true;
}

// ---- checking --------------------------------------------------------------------------------------------------------------------

struct reading {
    const char *p;
    size_t at, end;
};

static bool read_int(struct reading *r, int64_t *n) {
    if (r->at >= r->end || !packed_integer(r->p, r->at, n)) return false;
    r->at += packed_size_at(r->p, r->at);
    return true;
}

static bool read_count(struct reading *r, int64_t most, int64_t *n) { return read_int(r, n) && *n >= 0 && *n <= most; }

static bool read_any(struct reading *r, int64_t n) {
    for (; n > 0; n--) {
        if (r->at >= r->end) return false;
        r->at += packed_size_at(r->p, r->at);
    }
    return true;
}

struct node_check {
    struct stream_id first, last; // last: of the entry before
    int64_t fields, live, deleted;
};

static bool entry_valid(struct reading *r, struct node_check *c) {
    int64_t flags, ms, seq, pairs = c->fields, elements;
    if (!read_count(r, FLAG_DELETED | FLAG_SAME, &flags) || !read_int(r, &ms) || !read_int(r, &seq)) return false;
    struct stream_id id = { c->first.ms + (uint64_t)ms, c->first.seq + (uint64_t)seq };
    // Deleted ones may be from before XSETID: above the others that are before them, but not in order with those that follow.
    bool same = flags & FLAG_SAME, deleted = flags & FLAG_DELETED;
    if (stream_id_compare(id, c->first) < 0 || (c->live > 0 && stream_id_compare(id, c->last) <= 0)) return false;
    if (!same && !read_count(r, INT32_MAX / 2, &pairs)) return false;
    if (!read_any(r, same ? pairs : 2 * pairs) || !read_int(r, &elements)) return false;
    if (!deleted) c->last = id;
    *(deleted ? &c->deleted : &c->live) += 1;
    return elements == ENTRY_NUMBERS + (same ? pairs : 2 * pairs + 1);
}

bool stream_node_valid(const char *packed, size_t n, struct stream_id first, uint64_t *live, struct stream_id *last) {
    if (n > UINT32_MAX - 2 * SLAB_SMALL_MAX || !packed_valid(packed, n)) return false;
    struct reading r = { packed, FIRST, n - 1 };
    struct node_check c = { .first = first, .last = first };
    int64_t entries, deleted, zero;
    if (!read_count(&r, INT32_MAX, &entries) || !read_count(&r, INT32_MAX, &deleted) || !read_count(&r, INT32_MAX / 2, &c.fields)) return false;
    if (!read_any(&r, c.fields) || !read_int(&r, &zero) || zero != 0) return false;
    while (r.at < r.end) {
        if (!entry_valid(&r, &c)) return false;
    }
    *live = (uint64_t)c.live;
    *last = c.last;
    return c.live + c.deleted > 0 && c.live == entries && c.deleted == deleted;
}

static int check_compare(const void *a, const void *b) { return compare_node(a, &((const struct stream_node *)b)->first); }

void stream_check_nodes(const struct stream *s, uint64_t *bytes) {
    struct stream_id before = { 0, 0 }, last;
    uint64_t length = 0, live;
    tree_check(&s->nodes, check_compare);
    invariant(s->tail == node_at(tree_last(&s->nodes)));
    for (struct tree_at at = tree_first(&s->nodes); at.leaf; at = tree_next(at)) {
        const struct stream_node *n = tree_item(at);
        invariant(packed_bytes(n->packed) + spare_of(n->packed) <= n->cap);
        invariant(stream_node_valid(n->packed, packed_bytes(n->packed), n->first, &live, &last));
        invariant(stream_id_compare(before, n->first) <= 0 && (live == 0 || stream_id_compare(last, s->last_id) <= 0));
        *bytes += slab_round(sizeof *n) + slab_round(n->cap);
        length += live;
        before = live ? last : n->first;
    }
    invariant(length == s->length && stream_id_compare(s->first_id, first_of(s)) == 0);
}
