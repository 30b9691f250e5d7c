// The deque: a large list as packed nodes, under an index that finds the node of any position in O(log n) (ds/sequence.h).
//
//     struct list_node | room | packed list | room
//
// A node's packed list lies anywhere within its allocation, so that elements come and go at both of its ends without moving the others. A node is at
// most as large as the limit says, and no larger than it needs to be: those that grow are doubled, those that stop growing are cut to size. An element
// that is too large for a packed node has a node of its own, as plain bytes.
//
//   - No node is empty. `count` is the number of elements in all.
//   - The index knows each node's elements, but for those that were pushed to, or popped from, the first and the last node lately: first_extra and
//     last_extra (negative: popped). So pushing and popping touch the root and one node only. `settle` hands these on before anything else changes.
//   - `first` and `last` are the index's first and last item.
#include "type/list_int.h"

enum {
    FEW_NODES = 8,  // up to so many, a new node at an end begins with a quarter of the size of the one beside it
    NODE_MIN = 128, // ... but with this at least
};

struct list_node {
    uint64_t size;  // of its allocation; of a plain one exactly
    uint32_t start; // where the packed list begins in `data`
    uint32_t plain : 1;  // data is one element's bytes
    uint32_t mark : 31;  // see root_node_changes
    char data[];
};

static char *packed_of(const struct list_node *n) { return (char *)(uintptr_t)n->data + n->start; }
static size_t capacity(const struct list_node *n) { return n->size - sizeof *n; }
static size_t used(const struct list_node *n) { return sizeof *n + packed_bytes(packed_of(n)); }
static struct slice plain_of(const struct list_node *n) { return slice_of(n->data, capacity(n)); }
static uint64_t count_of(const struct list_node *n) { return n->plain ? 1 : packed_count(packed_of(n)); }

// ---- nodes -------------------------------------------------------------------------------------------------------------------

// Before what is in a node changes, or goes.
static inline void will_change(struct deque *d, struct list_node *n) {
    if (unlikely(d->root.imaged)) root_node_changes(&d->root, n, n->mark);
}

static struct list_node *node_alloc(struct deque *d, size_t size, bool plain) {
    struct list_node *n = slab_alloc(d->nodes.slab, size);
    if (!n) return NULL;
    d->bytes += slab_round(size);
    *n = (struct list_node){ .size = plain ? size : slab_round(size), .plain = plain };
    if (unlikely(d->root.imaged)) n->mark = root_new_mark(&d->root) & INT32_MAX;
    return n;
}

static void node_free(struct deque *d, struct list_node *n) {
    will_change(d, n);
    d->bytes -= slab_round(n->size);
    slab_free(d->nodes.slab, n, n->size);
}

static struct list_node *node_plain(struct deque *d, struct slice s) {
    struct list_node *n = node_alloc(d, sizeof *n + s.n, true);
    if (n) memcpy(n->data, s.p, s.n);
    return n;
}

static bool is_large(const struct list_limit *l, struct slice s) {
    if (likely(s.n + NODE_MIN <= l->bytes)) return false;
    return s.n > l->bytes || sizeof(struct list_node) + PACKED_EMPTY + packed_size_of(s) > l->bytes;
}

static bool takes(const struct list_limit *l, const struct list_node *n, size_t more) {
    return !n->plain && used(n) + more <= l->bytes && packed_count(packed_of(n)) < l->count;
}

// Moves the packed list within its node.
static void slide(struct list_node *n, size_t start) {
    memmove(n->data + start, packed_of(n), packed_bytes(packed_of(n)));
    n->start = (uint32_t)start;
}

// The same elements in a node of another size, with the room at the given end. The old one is freed. NULL: no memory, it is still there.
static struct list_node *resize(struct deque *d, struct list_node *n, size_t size, enum list_end room) {
    size_t bytes = packed_bytes(packed_of(n));
    struct list_node *to = node_alloc(d, size, false);
    if (!to) return NULL;
    to->start = room == LIST_FRONT ? (uint32_t)(capacity(to) - bytes) : 0;
    memcpy(packed_of(to), packed_of(n), bytes);
    node_free(d, n);
    return to;
}

// The node, or another one in its place, with room for `more` bytes at an end. NULL: it would have to be larger than the limit, or moved to and fro
// too often, or there is no memory; it is as it was.
static struct list_node *make_room(struct deque *d, const struct list_limit *l, struct list_node *n, enum list_end end, size_t more) {
    size_t bytes = packed_bytes(packed_of(n)), room = capacity(n) - bytes;
    if ((end == LIST_FRONT ? n->start : room - n->start) >= more) return n;
    if (room >= more + n->size / 8) { // worth moving them: the next move is far
        slide(n, (room - more) / 2 + (end == LIST_FRONT ? more : 0));
        return n;
    }
    size_t size = MIN(l->bytes, MAX(2 * n->size, used(n) + more));
    if (size < used(n) + more || slab_round(size) <= n->size) return NULL;
    return resize(d, n, size, end);
}

static void node_push(struct deque *d, struct list_node *n, enum list_end end, struct slice s) {
    will_change(d, n);
    char *p = packed_of(n);
    if (end == LIST_FRONT) n->start = (uint32_t)(packed_prepend(p, s) - n->data);
    else packed_insert(p, packed_end(p), s);
}

// ---- the index ---------------------------------------------------------------------------------------------------------------

static struct list_node *node_at(const struct sequence_at *at) { return sequence_item(at); }

static void settle(struct deque *d) {
    struct sequence_at at;
    if (d->first_extra && sequence_first(&d->nodes, &at)) sequence_add_weight(&at, d->first_extra);
    if (d->last_extra && sequence_last(&d->nodes, &at)) sequence_add_weight(&at, d->last_extra);
    d->first_extra = d->last_extra = 0;
}

// After the index has changed.
static void see_ends(struct deque *d) {
    struct sequence_at at;
    d->first = sequence_first(&d->nodes, &at) ? node_at(&at) : NULL;
    d->last = sequence_last(&d->nodes, &at) ? node_at(&at) : NULL;
}

static bool end_place(const struct deque *d, enum list_end end, struct sequence_at *at) {
    return end == LIST_FRONT ? sequence_first(&d->nodes, at) : sequence_last(&d->nodes, at);
}

static void replace(struct deque *d, struct sequence_at *at, struct list_node *n) {
    if (node_at(at) == n) return;
    sequence_set(at, n);
    see_ends(d);
}

// Takes a node out and frees it; all is settled.
static void drop(struct deque *d, struct sequence_at *at) {
    node_free(d, node_at(at));
    sequence_remove(&d->nodes, at);
    see_ends(d);
}

// Where the i-th element's node is, and which of its elements it is. There is one.
static uint64_t find(const struct deque *d, uint64_t i, struct sequence_at *at) {
    invariant(d->first && d->last);
    uint64_t within = i, behind = d->count - count_of(d->last);
    if (i < count_of(d->first)) {
        sequence_first(&d->nodes, at);
    } else if (i >= behind) {
        sequence_last(&d->nodes, at);
        within = i - behind;
    } else {
        sequence_find(&d->nodes, i - (uint64_t)d->first_extra, at, &within);
    }
    return within;
}

// ---- a node that has become small ---------------------------------------------------------------------------------------------

// Cuts a node to size, if it is worth it and there is memory.
static void fit(struct deque *d, struct sequence_at *at) {
    struct list_node *n = node_at(at);
    if (n->plain || slab_round(used(n)) > n->size - n->size / 8) return;
    n = resize(d, n, used(n), LIST_BACK);
    if (n) replace(d, at, n);
}

static bool join(struct deque *d, const struct list_limit *l, struct sequence_at *left, struct sequence_at *right) {
    struct list_node *a = node_at(left), *b = node_at(right);
    if (a->plain || b->plain || used(a) + used(b) > l->bytes - l->bytes / 4 || count_of(a) + count_of(b) > l->count) return false;
    struct list_node *to = node_alloc(d, used(a) + used(b), false);
    if (!to) return false;
    memcpy(packed_of(to), packed_of(a), packed_bytes(packed_of(a)));
    packed_append_range(packed_of(to), packed_of(b), packed_first(packed_of(b)), packed_end(packed_of(b)));
    sequence_add_weight(left, (int64_t)count_of(b));
    sequence_set(left, to);
    node_free(d, a);
    drop(d, right);
    return true;
}

// After elements were taken out of the middle: what is thin is joined with what is beside it.
static void tidy(struct deque *d, const struct list_limit *l, struct sequence_at *at) {
    struct sequence_at other = *at;
    if (node_at(at)->plain) return;
    if (used(node_at(at)) <= l->bytes / 4) {
        if (sequence_next(&other) && join(d, l, at, &other)) return;
        other = *at;
        if (sequence_previous(&other) && join(d, l, &other, at)) return;
    }
    fit(d, at);
}

// ---- places --------------------------------------------------------------------------------------------------------------------

// The i-th element of the node there.
static void stand(struct list_at *at, int64_t i) {
    const struct list_node *n = node_at(&at->nodes);
    at->packed = n->plain ? NULL : packed_of(n);
    if (n->plain) at->plain = plain_of(n);
    at->at = n->plain ? 0 : packed_index(at->packed, i);
}

bool deque_seek(const struct deque *d, uint64_t i, struct list_at *at) {
    if (i >= d->count) return false;
    stand(at, (int64_t)find(d, i, &at->nodes));
    return true;
}

bool deque_next(struct list_at *at) {
    size_t next = at->packed ? packed_next(at->packed, at->at) : 0;
    if (likely(next)) at->at = next;
    else if (!sequence_next(&at->nodes)) return false;
    else stand(at, 0);
    return true;
}

bool deque_previous(struct list_at *at) {
    size_t previous = at->packed ? packed_previous(at->packed, at->at) : 0;
    if (likely(previous)) at->at = previous;
    else if (!sequence_previous(&at->nodes)) return false;
    else stand(at, -1);
    return true;
}

// ---- pushing -------------------------------------------------------------------------------------------------------------------

// What a new node at an end begins with: few nodes grow one after the other, many need not.
static size_t first_size(const struct deque *d, const struct list_limit *l, const struct list_node *beside, size_t need) {
    size_t size = !beside || beside->plain ? NODE_MIN : d->nodes.items < FEW_NODES ? used(beside) / 4 : used(beside);
    return MIN(l->bytes, MAX(need, MAX(size, (size_t)NODE_MIN)));
}

static struct list_node *node_with(struct deque *d, size_t size, enum list_end room, struct slice s) {
    struct list_node *n = node_alloc(d, size, false);
    if (!n) return NULL;
    n->start = room == LIST_FRONT ? (uint32_t)(capacity(n) - PACKED_EMPTY) : 0;
    packed_init(packed_of(n));
    node_push(d, n, room, s);
    return n;
}

static bool push_node(struct deque *d, const struct list_limit *l, enum list_end end, struct slice s) {
    struct sequence_at at = { .of = &d->nodes };
    struct list_node *beside = end == LIST_FRONT ? d->first : d->last, *n;
    if (is_large(l, s)) n = node_plain(d, s);
    else n = node_with(d, first_size(d, l, beside, sizeof *n + PACKED_EMPTY + packed_size_of(s)), end, s);
    if (!n) return false;
    settle(d);
    if (end_place(d, end, &at)) fit(d, &at);
    if (!sequence_insert(&d->nodes, &at, end == LIST_BACK, n, 1)) {
        node_free(d, n);
        return false;
    }
    d->count++;
    see_ends(d);
    return true;
}

// The end's node is another now.
static void replace_end(struct deque *d, enum list_end end, struct list_node *n) {
    struct sequence_at at;
    end_place(d, end, &at);
    replace(d, &at, n);
}

bool deque_push(struct deque *d, const struct list_limit *l, enum list_end end, struct slice s) {
    struct list_node *n = end == LIST_FRONT ? d->first : d->last;
    if (unlikely(!n) || is_large(l, s)) return push_node(d, l, end, s);
    size_t size = packed_size_of(s);
    struct list_node *to = takes(l, n, size) ? make_room(d, l, n, end, size) : NULL;
    if (!to) return push_node(d, l, end, s);
    if (unlikely(to != n)) replace_end(d, end, to);
    node_push(d, to, end, s);
    d->count++;
    ++*(end == LIST_FRONT ? &d->first_extra : &d->last_extra);
    return true;
}

// ---- removing --------------------------------------------------------------------------------------------------------------------

static void cut(struct deque *d, struct list_node *n, enum list_end end, uint64_t k) {
    will_change(d, n);
    char *p = packed_of(n);
    if (end == LIST_BACK) packed_remove(p, packed_index(p, -(int64_t)k), k);
    else n->start = (uint32_t)(packed_cut(p, packed_index(p, (int64_t)k), k) - n->data);
}

// Up to n elements from an end: as many as its node has. How many.
static uint64_t pop(struct deque *d, enum list_end end, uint64_t n) {
    struct list_node *node = end == LIST_FRONT ? d->first : d->last;
    invariant(node);
    uint64_t have = count_of(node);
    n = MIN(n, have);
    d->count -= n;
    if (n < have) {
        cut(d, node, end, n);
        *(end == LIST_FRONT ? &d->first_extra : &d->last_extra) -= (int64_t)n;
        return n;
    }
    struct sequence_at at;
    settle(d);
    end_place(d, end, &at);
    drop(d, &at);
    return n;
}

// Up to n elements from the i-th on, of one node.
static uint64_t remove_within(struct deque *d, const struct list_limit *l, uint64_t i, uint64_t n) {
    struct sequence_at at;
    settle(d);
    uint64_t within = find(d, i, &at), have = count_of(node_at(&at));
    n = MIN(n, have - within);
    d->count -= n;
    if (n == have) {
        drop(d, &at);
        return n;
    }
    will_change(d, node_at(&at));
    char *p = packed_of(node_at(&at));
    packed_remove(p, packed_index(p, (int64_t)within), n);
    sequence_add_weight(&at, -(int64_t)n);
    tidy(d, l, &at);
    return n;
}

void deque_remove(struct deque *d, const struct list_limit *l, uint64_t i, uint64_t n) {
    while (n > 0) n -= i == 0 ? pop(d, LIST_FRONT, n) : i + n == d->count ? pop(d, LIST_BACK, n) : remove_within(d, l, i, n);
}

// Of the elements of one packed node from position `at` on. How many are gone.
static uint64_t remove_forwards(char *p, size_t at, struct slice s, uint64_t max) {
    uint64_t gone = 0;
    while (gone < max && (at = packed_find(p, at, s, 0)) != 0) {
        packed_remove(p, at, 1);
        gone++;
        if (at == packed_end(p)) break;
    }
    return gone;
}

static uint64_t remove_backwards(char *p, size_t at, struct slice s, uint64_t max) {
    uint64_t gone = 0;
    while (gone < max && at) {
        size_t previous = packed_previous(p, at);
        if (packed_equal(p, at, s)) {
            packed_remove(p, at, 1);
            gone++;
        }
        at = previous;
    }
    return gone;
}

// From the i-th element on, in its node. How many are gone.
static uint64_t remove_equal_within(
    struct deque *d, const struct list_limit *l, struct sequence_at *at, uint64_t within, struct slice s, uint64_t max, bool back) {
    struct list_node *n = node_at(at);
    uint64_t gone;
    will_change(d, n);
    if (n->plain) {
        gone = slice_equal(plain_of(n), s);
    } else {
        char *p = packed_of(n);
        size_t pos = packed_index(p, (int64_t)within);
        gone = back ? remove_backwards(p, pos, s, max) : remove_forwards(p, pos, s, max);
    }
    d->count -= gone;
    if (gone && (n->plain || packed_count(packed_of(n)) == 0)) {
        drop(d, at);
    } else if (gone) {
        sequence_add_weight(at, -(int64_t)gone);
        tidy(d, l, at);
    }
    return gone;
}

uint64_t deque_remove_equal(struct deque *d, const struct list_limit *l, struct slice s, uint64_t max, bool from_back) {
    uint64_t gone = 0, i = from_back ? d->count - 1 : 0;
    struct sequence_at at;
    settle(d);
    while (gone < max && i < d->count) {
        uint64_t within = find(d, i, &at), have = count_of(node_at(&at));
        uint64_t now = remove_equal_within(d, l, &at, within, s, max - gone, from_back);
        gone += now;
        i = from_back ? i - within - 1 : i + (have - within) - now; // below 0 it is above all
    }
    return gone;
}

// ---- changing in the middle --------------------------------------------------------------------------------------------------------

// What a node's elements become when they are divided where something is inserted or replaced.
enum part { PART_LEFT = 1, PART_NEW = 2, PART_RIGHT = 4 };

struct splice {
    const struct list_node *n;
    size_t from, to; // what is between goes
    struct slice s;
    bool large;
};

static size_t part_size(const struct splice *x, unsigned parts) {
    const char *p = packed_of(x->n);
    return sizeof(struct list_node) + PACKED_EMPTY + (parts & PART_LEFT ? x->from - packed_first(p) : 0) +
        (parts & PART_NEW ? packed_size_of(x->s) : 0) + (parts & PART_RIGHT ? packed_end(p) - x->to : 0);
}

static struct list_node *build(struct deque *d, const struct splice *x, unsigned parts) {
    const char *p = packed_of(x->n);
    if (parts == PART_NEW && x->large) return node_plain(d, x->s);
    struct list_node *n = node_alloc(d, part_size(x, parts), false);
    if (!n) return NULL;
    char *to = packed_of(n);
    packed_init(to);
    if (parts & PART_LEFT) packed_append_range(to, p, packed_first(p), x->from);
    if (parts & PART_NEW) packed_insert(to, packed_end(to), x->s);
    if (parts & PART_RIGHT) packed_append_range(to, p, x->to, packed_end(p));
    return n;
}

// Into how many nodes, and which part goes where: the new element to the lighter side, unless it is too heavy for that.
static unsigned divide(const struct list_limit *l, const struct splice *x, unsigned parts[3]) {
    const char *p = packed_of(x->n);
    unsigned left = x->from > packed_first(p) ? PART_LEFT : 0, right = x->to < packed_end(p) ? PART_RIGHT : 0, n = 0;
    bool to_left = part_size(x, left) <= part_size(x, right) ? left != 0 : right == 0;
    unsigned joined = PART_NEW | (to_left ? left : right);
    bool joins = !x->large && part_size(x, joined) <= l->bytes && (to_left ? left : right);
    if (!left && !right) {
        parts[n++] = PART_NEW;
        return n;
    }
    if (joins) {
        parts[n++] = to_left ? joined : left;
        parts[n++] = to_left ? right : joined;
    } else {
        parts[n++] = left;
        parts[n++] = PART_NEW;
        parts[n++] = right;
    }
    unsigned some = 0;
    for (unsigned i = 0; i < n; i++) {
        if (parts[i]) parts[some++] = parts[i];
    }
    return some;
}

// Puts nodes in the place of one. False: no memory, nothing changed, and the nodes are the caller's.
static bool install(struct deque *d, struct sequence_at *at, struct list_node *const *nodes, unsigned n) {
    for (unsigned i = 0; i + 1 < n; i++) {
        invariant(nodes[i]);
        if (!sequence_insert(&d->nodes, at, false, nodes[i], count_of(nodes[i]))) {
            if (i > 0) { // of three, one is in
                sequence_previous(at);
                sequence_remove(&d->nodes, at);
            }
            see_ends(d);
            return false;
        }
        sequence_next(at);
    }
    struct list_node *old = node_at(at), *last = nodes[n - 1];
    invariant(old && last);
    sequence_add_weight(at, (int64_t)count_of(last) - (int64_t)count_of(old));
    sequence_set(at, last);
    node_free(d, old);
    see_ends(d);
    return true;
}

static bool splice(struct deque *d, const struct list_limit *l, struct sequence_at *at, size_t from, size_t to, struct slice s) {
    struct splice x = { node_at(at), from, to, s, is_large(l, s) };
    struct list_node *nodes[3] = { NULL };
    unsigned parts[3], n = divide(l, &x, parts), built = 0;
    invariant(n > 0 && n <= 3);
    for (; built < n; built++) {
        nodes[built] = build(d, &x, parts[built]);
        if (!nodes[built]) break;
    }
    if (built == n && install(d, at, nodes, n)) return true;
    while (built > 0) node_free(d, nodes[--built]);
    return false;
}

// The node, or another in its place, in which a packed list of `bytes` has room from where it begins. NULL: no memory.
static struct list_node *room_within(struct deque *d, const struct list_limit *l, struct sequence_at *at, size_t bytes) {
    struct list_node *n = node_at(at);
    if (n->start + bytes <= capacity(n)) return n;
    if (bytes <= capacity(n)) {
        slide(n, 0);
        return n;
    }
    size_t need = sizeof *n + bytes;
    n = resize(d, n, MAX(need, MIN(need + need / 4, l->bytes)), LIST_BACK);
    if (n) replace(d, at, n);
    return n;
}

// Instead of a plain node, or beside it, comes one with `s`.
static bool set_node(struct deque *d, const struct list_limit *l, struct sequence_at *at, struct slice s) {
    struct list_node *n = is_large(l, s) ? node_plain(d, s) :
        node_with(d, sizeof *n + PACKED_EMPTY + packed_size_of(s), LIST_BACK, s);
    return n && install(d, at, &n, 1);
}

static bool insert_node(struct deque *d, const struct list_limit *l, struct sequence_at *at, bool behind, struct slice s) {
    struct list_node *n = is_large(l, s) ? node_plain(d, s) :
        node_with(d, sizeof *n + PACKED_EMPTY + packed_size_of(s), LIST_BACK, s);
    if (!n) return false;
    bool ok = sequence_insert(&d->nodes, at, behind, n, 1);
    if (!ok) node_free(d, n);
    see_ends(d);
    return ok;
}

bool deque_set(struct deque *d, const struct list_limit *l, struct list_at *place, struct slice s) {
    struct sequence_at *at = &place->nodes;
    struct list_node *n = node_at(at);
    settle(d);
    if (n->plain) return set_node(d, l, at, s);
    char *p = packed_of(n);
    size_t old = packed_size_at(p, place->at);
    if (is_large(l, s)) return splice(d, l, at, place->at, place->at + old, s);
    size_t bytes = packed_bytes(p) - old + packed_size_of(s);
    if (bytes > packed_bytes(p) && sizeof *n + bytes > l->bytes) return splice(d, l, at, place->at, place->at + old, s);
    n = room_within(d, l, at, bytes);
    if (!n) return false;
    will_change(d, n);
    packed_replace(packed_of(n), place->at, s);
    return true;
}

// At the end of the node beside it, where a full node's first or last element is the neighbour.
static bool insert_beside(struct deque *d, const struct list_limit *l, struct sequence_at at, bool behind, struct slice s) {
    size_t size = packed_size_of(s);
    enum list_end end = behind ? LIST_FRONT : LIST_BACK;
    if (!(behind ? sequence_next(&at) : sequence_previous(&at)) || !takes(l, node_at(&at), size)) return false;
    struct list_node *n = make_room(d, l, node_at(&at), end, size);
    if (!n) return false;
    replace(d, &at, n);
    node_push(d, n, end, s);
    sequence_add_weight(&at, 1);
    return true;
}

static bool insert_any(struct deque *d, const struct list_limit *l, struct list_at *place, bool behind, struct slice s) {
    struct sequence_at *at = &place->nodes;
    struct list_node *n = node_at(at);
    bool large = is_large(l, s);
    if (n->plain) return (!large && insert_beside(d, l, *at, behind, s)) || insert_node(d, l, at, behind, s);
    char *p = packed_of(n);
    size_t pos = place->at + (behind ? packed_size_at(p, place->at) : 0), size = large ? 0 : packed_size_of(s);
    if (!large && takes(l, n, size)) {
        n = room_within(d, l, at, packed_bytes(p) + size);
        if (!n) return false;
        will_change(d, n);
        packed_insert(packed_of(n), pos, s);
        sequence_add_weight(at, 1);
        return true;
    }
    bool outer = pos == packed_first(p) || pos == packed_end(p);
    if (outer && !large && insert_beside(d, l, *at, behind, s)) return true;
    return outer ? insert_node(d, l, at, behind, s) : splice(d, l, at, pos, pos, s);
}

bool deque_insert(struct deque *d, const struct list_limit *l, struct list_at *place, bool behind, struct slice s) {
    settle(d);
    if (!insert_any(d, l, place, behind, s)) return false;
    d->count++;
    return true;
}

// ---- as a whole --------------------------------------------------------------------------------------------------------------------

struct deque *deque_new(struct slab *slab) {
    struct deque *d = slab_alloc(slab, sizeof *d);
    if (!d) return NULL;
    *d = (struct deque){ .root.type = TYPE_LIST };
    sequence_init(&d->nodes, slab);
    return d;
}

bool deque_free(struct deque *d, size_t budget) {
    struct sequence_at at;
    for (; budget > 0 && sequence_last(&d->nodes, &at); budget--) {
        node_free(d, node_at(&at));
        sequence_remove(&d->nodes, &at);
    }
    if (d->nodes.items > 0) return false;
    slab_free(d->nodes.slab, d, sizeof *d);
    return true;
}

static struct list_node *node_copy(struct deque *d, const struct list_node *n) {
    if (n->plain) return node_plain(d, plain_of(n));
    struct list_node *to = node_alloc(d, used(n), false);
    if (to) memcpy(packed_of(to), packed_of(n), packed_bytes(packed_of(n)));
    return to;
}

struct deque *deque_copy(struct slab *slab, const struct deque *d) {
    struct deque *to = deque_new(slab);
    if (!to) return NULL;
    struct sequence_at from, at = { .of = &to->nodes };
    for (bool more = sequence_first(&d->nodes, &from); more; more = sequence_next(&from)) {
        struct list_node *n = node_copy(to, node_at(&from));
        if (!n || !sequence_insert(&to->nodes, &at, true, n, count_of(n))) {
            if (n) node_free(to, n);
            deque_free(to, SIZE_MAX);
            return NULL;
        }
    }
    to->count = d->count;
    see_ends(to);
    return to;
}

void deque_nodes(const struct deque *d, void **to) {
    struct sequence_at at;
    for (bool more = sequence_first(&d->nodes, &at); more; more = sequence_next(&at)) *to++ = node_at(&at);
}

void deque_mark(void *node, uint32_t mark) { ((struct list_node *)node)->mark = mark & INT32_MAX; }

const char *deque_node(const void *node, struct slice *plain) {
    const struct list_node *n = node;
    if (!n->plain) return packed_of(n);
    *plain = plain_of(n);
    return NULL;
}

size_t deque_memory(const struct deque *d) { return slab_round(sizeof *d) + d->bytes + d->nodes.bytes; }

const char *deque_packed(const struct deque *d) { return d->first && d->first == d->last && !d->first->plain ? packed_of(d->first) : NULL; }

static size_t check_node(const struct list_node *n) {
    if (n->plain) return slab_round(n->size);
    invariant(n->size == slab_round(n->size) && n->start + packed_bytes(packed_of(n)) <= capacity(n));
    invariant(count_of(n) > 0 && packed_valid(packed_of(n), packed_bytes(packed_of(n))));
    return n->size;
}

void deque_check(const struct deque *d) {
    struct sequence_at at;
    uint64_t count = 0, bytes = 0;
    sequence_check(&d->nodes);
    invariant(d->count > 0 && d->root.type == TYPE_LIST);
    invariant(sequence_last(&d->nodes, &at) && node_at(&at) == d->last && sequence_first(&d->nodes, &at) && node_at(&at) == d->first);
    bool more = true;
    while (more) {
        const struct list_node *n = node_at(&at);
        int64_t extra = (n == d->first ? d->first_extra : 0) + (n == d->last ? d->last_extra : 0);
        invariant(sequence_item_weight(&at) + (uint64_t)extra == count_of(n));
        bytes += check_node(n);
        count += count_of(n);
        more = sequence_next(&at);
    }
    invariant(count == d->count && bytes == d->bytes);
}
