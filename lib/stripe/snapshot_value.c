// Open images: large values that are told in portions while they change.
//
//   A blob      is told from `cursor` on. Before bytes above it are written, the parts (of options.portion bytes) that they are in are copied.
//   By items    the root's table is scanned from `cursor` on, in the order of table_scan. Before an item at or above it changes, comes or goes, its old
//               state is written to `ready`, and its name goes to `passed`: the scan passes over it. Each portion of `ready` becomes a piece.
//               Sorted sets are walked in their own order, where a change of the score is a change of the place: there `passed` has whatever has changed.
//   By nodes    `parts` are the addresses of the nodes that there were, in their order: all that is looked at when the image is opened, so that it is cheap. Before
//               a node changes or goes, it is written, and what was written is kept under its address, in `passed`. Whoever is saved, was told or is new
//               has the snapshot's mark; another node that comes to be at the address of a saved one changes nothing.
//
// One image is told at a time. A root that its key lets go of (keyspace_doom) stays, and is doomed when the image is closed. Since it is nobody's then, what
// remains of it changes no more.
//
// What a closed image holds (saved items, parts and nodes, names) may be as much as the value was: it is freed in portions, by the slices that follow.
#include "base/clock.h"
#include "base/mem.h"
#include "stripe/snapshot_int.h"
#include "type/rdb_value.h"

enum {
    CLOCK_EVERY = 32,         // items
    FREED_AT_ONCE = 512 << 10 // bytes
};

struct saved_part {
    size_t n;
    char bytes[];
};

bool image_wanted(const struct snapshot *s, const struct entry *e) {
    if (e->form == FORM_BLOB) return e->type == TYPE_STRING;
    return e->form == FORM_ROOT && value_kinds[e->type]->memory(entry_root(e)) > s->options.large;
}

// What it takes, brought up to date. That may be too much: then the image is closed.
static void count_memory(struct snapshot *s, struct image *i) {
    size_t n = sizeof *i + i->key.n + i->pieces_bytes + i->ready.cap + i->tail.cap + i->at.cap + i->parts_bytes + i->part_count * sizeof *i->parts;
    if (i->names) n += slab_usage(i->names).held;
    if (i->owned && i->blob) n += blob_size(i->blob);
    else if (i->owned && !i->ks->walk.dropped) n += value_kinds[i->root->type]->memory(i->root);
    int64_t more = (int64_t)n - (int64_t)i->counted;
    i->counted = n;
    snapshot_holds(s, more);
}

// ---- opening and closing ---------------------------------------------------------------------------------------------------------

static uint64_t hash_of_passed(const void *ctx, const void *entry) {
    (void)ctx;
    uint64_t hash;
    memcpy(&hash, entry, sizeof hash);
    return hash;
}

static bool open_root(struct snapshot *s, struct image *i, struct root *r) {
    struct rdb_writer w = snapshot_writer(s, &i->ready), tail = snapshot_writer(s, &i->tail);
    i->root = r;
    i->portions = value_portions((enum value_type)r->type);
    i->by = i->portions->item ? IMAGE_ITEMS : IMAGE_NODES;
    i->left = i->portions->head(&w, r, &i->base);
    if (i->portions->tail) i->portions->tail(&tail, r);
    if (i->ready.failed || i->tail.failed) return false;
    if (i->by == IMAGE_NODES) {
        i->parts = mem_alloc(i->left * sizeof *i->parts);
        if (!i->parts) return false;
        i->part_count = i->left;
        i->portions->nodes(r, i->parts);
    }
    r->imaged = true;
    r->image = i;
    return true;
}

static void take_blob(struct image *i, struct blob *b) {
    i->blob = b;
    i->owned = false;
    i->twin = b->imaged ? b->image : NULL;
    b->image = i;
    b->imaged++;
    blob_pin(b);
}

static bool open_blob(struct snapshot *s, struct image *i, struct blob *b) {
    struct rdb_writer w = snapshot_writer(s, &i->ready);
    i->by = IMAGE_BLOB;
    i->len = b->len;
    rdb_write_byte(&w, RDB_STRING);
    rdb_write_length(&w, b->len);
    if (i->ready.failed) return false;
    take_blob(i, b);
    return true;
}

static struct piece *take_piece(struct image *i) {
    struct piece *p = i->pieces;
    i->pieces = p->next;
    if (!i->pieces) i->pieces_end = &i->pieces;
    i->pieces_bytes -= sizeof *p + p->bytes.cap;
    return p;
}

static void free_piece(struct piece *p) {
    buf_free(&p->bytes);
    mem_free(p);
}

// The last saved part of a blob, if there is one. Returns how much that was.
static size_t free_part(struct image *i) {
    struct saved_part *p = i->parts[--i->part_count];
    size_t n = p ? sizeof *p + p->n : 0;
    i->parts_bytes -= n;
    mem_free(p);
    return n + sizeof p;
}

// About so many bytes of what the image holds beside itself. False: there may be more.
static bool free_held(struct image *i, size_t bytes) {
    size_t n = 0;
    while (i->pieces && n < bytes) {
        n += sizeof *i->pieces + i->pieces->bytes.cap;
        free_piece(take_piece(i));
    }
    while (i->by == IMAGE_BLOB && i->part_count > 0 && n < bytes) n += free_part(i);
    if (n >= bytes) return false;
    if (i->names && !slab_destroy_some(i->names, bytes - n)) return false;
    i->names = NULL;
    return true;
}

static void free_image(struct image *i) {
    free_held(i, SIZE_MAX);
    mem_free(i->parts);
    buf_free(&i->ready);
    buf_free(&i->tail);
    buf_free(&i->at);
    mem_free(i);
}

bool image_open(struct snapshot *s, struct keyspace *ks, struct entry *e, const struct about *about) {
    struct slice key = entry_key(e);
    struct image *i = mem_alloc_zero(sizeof *i + key.n);
    if (!i) return false;
    i->ks = ks;
    i->pieces_end = &i->pieces;
    i->about = *about;
    if (key.n) memcpy(i + 1, key.p, key.n);
    i->key = slice_of(i + 1, key.n);
    if (!(e->form == FORM_BLOB ? open_blob(s, i, entry_blob(e)) : open_root(s, i, entry_root(e)))) {
        free_image(i);
        return false;
    }
    *s->images_end = i;
    s->images_end = &i->next;
    count_memory(s, i);
    return true;
}

static void let_go_of_blob(struct image *i) {
    struct blob *b = i->blob;
    struct image *first = b->image, **at = &first;
    while (*at != i) at = &(*at)->twin;
    *at = i->twin;
    b->image = first;
    if (--b->imaged == 0) b->image = NULL;
    blob_unpin(b);
    blob_bury(&i->ks->blobs);
    if (!i->ks->walk.dropped) keyspace_publish(i->ks);
}

void image_close(struct snapshot *s, struct image *i) {
    if (i->blob) let_go_of_blob(i);
    if (i->root) {
        i->root->imaged = false;
        i->root->image = NULL;
        if (i->owned) keyspace_doom(i->ks, i->root);
        if (i->owned && !i->ks->walk.dropped) keyspace_publish(i->ks);
    }
    i->blob = NULL;
    i->root = NULL;
    i->owned = false;
    i->next = s->closed;
    s->closed = i;
    count_memory(s, i);
}

void image_free_some(struct snapshot *s) {
    struct image *i = s->closed;
    if (!free_held(i, FREED_AT_ONCE)) {
        count_memory(s, i);
        return;
    }
    s->closed = i->next;
    snapshot_holds(s, -(int64_t)i->counted);
    free_image(i);
}

// Of several images of a blob, one counts it.
void snapshot_orphans_(struct blob *b) {
    struct image *i = b->image;
    if (atomic_load_explicit(&b->refs, memory_order_relaxed) > 1 + b->imaged) return;
    i->owned = true;
    if (!i->ks->walk.dropped) count_memory(i->ks->walk.of, i);
}

void snapshot_adopt_(struct root *r) {
    struct image *i = r->image;
    i->owned = true;
    count_memory(i->ks->walk.of, i);
}

// ---- changes -----------------------------------------------------------------------------------------------------------------------

// Bytes as a part. NULL: no memory.
static struct saved_part *new_part(struct image *i, const void *bytes, size_t n) {
    struct saved_part *p = mem_alloc(sizeof *p + n);
    if (!p) return NULL;
    p->n = n;
    if (n) memcpy(p->bytes, bytes, n);
    i->parts_bytes += sizeof *p + n;
    return p;
}

static bool save_bytes(const struct snapshot *s, struct image *i, size_t from, size_t to) {
    size_t part = s->options.portion;
    uint64_t count = (i->len + part - 1) / part;
    from = MAX(from, i->cursor);
    to = MIN(to, i->len);
    if (from >= to) return true;
    if (!i->parts) {
        i->parts = mem_alloc_zero(count * sizeof *i->parts);
        if (!i->parts) return false;
        i->part_count = count;
    }
    for (uint64_t p = from / part; p * part < to; p++) {
        if (!i->parts[p] && !(i->parts[p] = new_part(i, i->blob->data + p * part, MIN(part, i->len - p * part)))) return false;
    }
    return true;
}

void snapshot_blob_changes_(struct keyspace *ks, struct blob *b, size_t from, size_t to) {
    struct snapshot *s = ks->walk.of;
    int64_t from_ns = clock_thread_ns();
    for (struct image *i = b->image, *next; i; i = next) {
        next = i->twin;
        if (!save_bytes(s, i, from, to)) {
            snapshot_fail(s);
            return;
        }
        count_memory(s, i);
        if (s->state == SNAPSHOT_FAILED) return;
    }
    snapshot_took(s, from_ns);
}

// Else the image would keep the memory of the old one for nothing but what is in the new one.
void snapshot_blob_moves_(struct blob *b, struct blob *to) {
    for (struct image *i = b->image, *next; i; i = next) {
        next = i->twin;
        let_go_of_blob(i);
        take_blob(i, to);
    }
}

struct passed {
    uint64_t hash;
    size_t n;
    char name[];
};

static bool passed_is(const void *entry, const void *key) {
    const struct passed *p = entry;
    return slice_equal(slice_of(p->name, p->n), *(const struct slice *)key);
}

static bool is_passed(const struct image *i, uint64_t hash, struct slice name) {
    return i->passed.count > 0 && table_find(&i->passed, hash, passed_is, &name);
}

static bool make_passed(struct image *i) {
    if (i->names) return true;
    i->names = slab_create(false);
    if (i->names) table_init(&i->passed, i->names, hash_of_passed, NULL);
    return i->names != NULL;
}

static bool pass(struct image *i, uint64_t hash, struct slice name) {
    if (!make_passed(i)) return false;
    struct passed *p = slab_alloc(i->names, sizeof *p + name.n);
    if (!p) return false;
    p->hash = hash;
    p->n = name.n;
    if (name.n) memcpy(p->name, name.p, name.n);
    return table_insert(&i->passed, hash, p);
}

// `ready` becomes a piece once it is large enough. False: no memory.
static bool end_piece(const struct snapshot *s, struct image *i) {
    if (i->ready.n < s->options.portion) return true;
    struct piece *p = mem_alloc(sizeof *p);
    if (!p) return false;
    *p = (struct piece){ .bytes = i->ready };
    i->ready = (struct buf){ 0 };
    char *fit = p->bytes.cap > p->bytes.n + p->bytes.n / 4 ? mem_realloc(p->bytes.p, p->bytes.n) : NULL; // it has doubled
    if (fit) p->bytes = (struct buf){ .p = fit, .n = p->bytes.n, .cap = p->bytes.n };
    *i->pieces_end = p;
    i->pieces_end = &p->next;
    i->pieces_bytes += sizeof *p + p->bytes.cap;
    return true;
}

void root_item_changes(struct root *r, uint64_t hash, struct slice name, const void *item) {
    struct image *i = r->image;
    struct snapshot *s = i->ks->walk.of;
    bool ordered = i->portions->walk;
    if ((!ordered && table_position(hash) < i->cursor) || is_passed(i, hash, name)) return;
    bool done = pass(i, hash, name);
    if (done && item && !(ordered && i->portions->walked(item, &i->at))) {
        struct rdb_writer w = snapshot_writer(s, &i->ready);
        i->portions->item(&w, item, i->base);
        i->left--;
        done = !i->ready.failed && end_piece(s, i);
    }
    if (done) count_memory(s, i);
    else snapshot_fail(s);
}

// A node as it was, under the address that it had.
struct saved_node {
    uint64_t hash;
    const void *node;
    size_t n;
    char bytes[];
};

static uint64_t hash_of_address(const struct image *i, const void *node) { return hash_bytes(&i->ks->common->seed, &node, sizeof node); }
static bool is_of_node(const void *entry, const void *node) { return ((const struct saved_node *)entry)->node == node; }

static struct saved_node *saved_node(const struct image *i, uint64_t hash, const void *node) {
    return i->passed.count > 0 ? table_find(&i->passed, hash, is_of_node, node) : NULL;
}

static bool save_node(struct image *i, const void *node, uint64_t hash, struct slice bytes) {
    if (!make_passed(i)) return false;
    struct saved_node *at = slab_alloc(i->names, sizeof *at + bytes.n);
    if (!at) return false;
    *at = (struct saved_node){ hash, node, bytes.n };
    if (bytes.n) memcpy(at->bytes, bytes.p, bytes.n);
    return table_insert(&i->passed, hash, at); // no memory: the slab is destroyed soon
}

uint32_t root_new_mark(const struct root *r) { return ((const struct image *)r->image)->ks->walk.of->mark; }

void root_node_changes(struct root *r, void *node, uint32_t mark) {
    struct image *i = r->image;
    struct snapshot *s = i->ks->walk.of;
    if (mark == s->mark) return;
    i->portions->mark(node, s->mark);
    int64_t from_ns = clock_thread_ns();
    uint64_t hash = hash_of_address(i, node);
    struct buf b = { 0 };
    struct rdb_writer w = snapshot_writer(s, &b);
    i->portions->node(&w, node);
    bool done = !b.failed && save_node(i, node, hash, slice_of(b.p, b.n));
    buf_free(&b);
    if (!done) {
        snapshot_fail(s);
        return;
    }
    count_memory(s, i);
    snapshot_took(s, from_ns);
}

// ---- telling -----------------------------------------------------------------------------------------------------------------------

static bool tell(struct snapshot *s, struct image *i, struct slice bytes, bool last) {
    bool first = !i->begun;
    i->begun = true;
    return snapshot_tell(s, &i->about, i->key, bytes, first, last);
}

// What is ready, or as much of it as fits into the time. False: the snapshot has failed.
static bool tell_ready(struct snapshot *s, struct image *i, int64_t until_us) {
    while (i->pieces) {
        struct piece *p = take_piece(i);
        bool told = tell(s, i, slice_of(p->bytes.p, p->bytes.n), false);
        free_piece(p);
        if (!told) return false;
        if (snapshot_over(s, until_us)) return true;
    }
    if (i->ready.n == 0) return true;
    struct buf b = i->ready;
    i->ready = (struct buf){ 0 };
    bool told = tell(s, i, slice_of(b.p, b.n), false);
    buf_free(&b);
    return told;
}

static bool tell_bytes(struct snapshot *s, struct image *i, int64_t until_us) {
    do {
        uint64_t p = i->cursor / s->options.portion;
        size_t from = p * s->options.portion, n = MIN(s->options.portion, i->len - from);
        struct saved_part *part = i->parts ? i->parts[p] : NULL;
        const char *bytes = part ? part->bytes : i->blob->data + from;
        bool last = from + n == i->len;
        if (!tell(s, i, slice_of(bytes, n), last)) return true;
        i->cursor = from + n;
        if (part) {
            i->parts[p] = NULL;
            i->parts_bytes -= sizeof *part + n;
            mem_free(part);
        }
        if (last) return true;
    } while (!snapshot_over(s, until_us));
    return false;
}

struct items {
    struct snapshot *s;
    struct image *i;
    const struct table *t;
    struct rdb_writer w;
    int64_t until_us;
    unsigned n;
};

static bool write_item(void *arg, void *item) {
    struct items *x = arg;
    struct image *i = x->i;
    if (likely(i->passed.count == 0) || !is_passed(i, x->t->hash(x->t->ctx, item), i->portions->name(item))) {
        i->portions->item(&x->w, item, i->base);
        i->left--;
    }
    return x->w.out->n < x->s->options.portion && (++x->n % CLOCK_EVERY != 0 || !snapshot_over(x->s, x->until_us));
}

static bool tell_items(struct snapshot *s, struct image *i, int64_t until_us) {
    struct items x = { .s = s, .i = i, .t = value_kinds[i->root->type]->items(i->root), .until_us = until_us };
    do {
        buf_clear(&s->scratch);
        x.w = snapshot_writer(s, &s->scratch);
        bool last;
        if (i->portions->walk) {
            last = i->portions->walk(i->root, &i->at, write_item, &x);
        } else {
            snapshot_scan(x.t, &i->cursor, write_item, &x);
            last = i->cursor == UINT64_MAX;
        }
        // An item that was neither told nor saved, or was twice, would be a wrong image: then there is none.
        debug_invariant(!last || i->left == 0);
        if (s->scratch.failed || i->at.failed || (last && i->left != 0)) {
            snapshot_fail(s);
            return true;
        }
        if ((s->scratch.n || last) && (!tell(s, i, slice_of(s->scratch.p, s->scratch.n), last) || last)) return true;
    } while (!snapshot_over(s, until_us));
    return false;
}

static void write_nodes(struct snapshot *s, struct image *i) {
    struct rdb_writer w = snapshot_writer(s, &s->scratch);
    buf_clear(&s->scratch);
    for (; i->cursor < i->part_count && s->scratch.n < s->options.portion; i->cursor++) {
        void *node = i->parts[i->cursor];
        uint64_t hash = i->passed.count > 0 ? hash_of_address(i, node) : 0;
        struct saved_node *saved = saved_node(i, hash, node);
        if (!saved) {
            i->portions->node(&w, node);
            i->portions->mark(node, s->mark);
            continue;
        }
        buf_append(&s->scratch, saved->bytes, saved->n);
        table_remove(&i->passed, hash, saved);
        slab_free(i->names, saved, sizeof *saved + saved->n);
    }
}

static bool tell_nodes(struct snapshot *s, struct image *i, int64_t until_us) {
    do {
        struct slice bytes;
        if (i->cursor < i->part_count) {
            write_nodes(s, i);
            bytes = slice_of(s->scratch.p, s->scratch.n);
        } else {
            bytes = slice_of(i->tail.p + i->tail_told, MIN(s->options.portion, i->tail.n - i->tail_told));
            i->tail_told += bytes.n;
        }
        bool last = i->cursor == i->part_count && i->tail_told == i->tail.n;
        if (s->scratch.failed) {
            snapshot_fail(s);
            return true;
        }
        if (!tell(s, i, bytes, last) || last) return true;
    } while (!snapshot_over(s, until_us));
    return false;
}

bool image_tell(struct snapshot *s, struct image *i, int64_t until_us) {
    bool done = true;
    bool had = i->pieces != NULL;
    if (!tell_ready(s, i, until_us)) return true;
    if (had && snapshot_over(s, until_us)) {
        count_memory(s, i);
        return false;
    }
    switch (i->by) {
    case IMAGE_BLOB: done = tell_bytes(s, i, until_us); break;
    case IMAGE_ITEMS: done = tell_items(s, i, until_us); break;
    case IMAGE_NODES: done = tell_nodes(s, i, until_us); break;
    }
    if (s->state != SNAPSHOT_FAILED) count_memory(s, i);
    return done;
}
