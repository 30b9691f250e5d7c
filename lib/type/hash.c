// Hashes, whatever they are made of: packed (ds/packed.h) name, value, name, value ... in the order in which they came, or a root (hash_root.c).
//
// A hash is packed until it has more fields, or a longer name or value, than hash-max-listpack-entries and -value say, or a field gets an expiry. Each
// limit is looked at when it is written to, as Redis does.
#include "type/hash.h"

#include "base/mem.h"
#include "call/effect.h"
#include "kora.h"
#include "type/hash_int.h"

static struct hash *root_of(const struct value *v) { return hash_of(v->root); }

// The earliest expiry in it has come.
static bool has_dead(const struct value *v) {
    const struct field *f = heap_top(&root_of(v)->due);
    return unlikely(f) && field_expiry(f) <= value_now(v);
}

static bool is_dead(const struct value *v, const struct field *f) {
    return unlikely(f->flags & FIELD_EXPIRES) && field_expiry(f) <= value_now(v);
}

// ---- reading ---------------------------------------------------------------------------------------------------------------

static void item_of_field(struct hash_item *item, const struct field *f) {
    item->name = field_name(f);
    item->value = field_value(f);
    item->at_ms = field_expiry(f);
}

static void item_at(struct hash_item *item, const char *p, size_t at) {
    item->name = packed_string(p, at, item->number[0]);
    item->value = packed_string(p, packed_next(p, at), item->number[1]);
    item->at_ms = 0;
}

static size_t find_packed(const char *p, struct slice name) { return packed_find(p, packed_first(p), name, 1); }

static uint64_t count_packed(const struct value *v) { return v->there ? packed_count(v->bytes) / 2 : 0; }

uint64_t hash_count(const struct value *v) {
    if (!v->root) return count_packed(v);
    const struct hash *h = root_of(v);
    return h->fields.count - (has_dead(v) ? heap_count_due(&h->due, value_now(v)) : 0);
}

bool hash_find(const struct value *v, struct slice name, struct hash_item *item) {
    if (v->root) {
        const struct hash *h = root_of(v);
        const struct field *f = hash_look(h, hash_of_name(h, name), name);
        if (!f || is_dead(v, f)) return false;
        item_of_field(item, f);
        return true;
    }
    size_t at = v->there ? find_packed(v->bytes, name) : 0;
    if (at) item_at(item, v->bytes, at);
    return at != 0;
}

void hash_ahead(const struct value *v, const struct slice *names, size_t count) {
    if (v->root) hash_prefetch(root_of(v), names, 1, count);
}

struct visit {
    const struct value *v;
    hash_visit_fn *visit;
    void *arg;
};

static void visit_field(void *arg, void *entry) {
    struct visit *a = arg;
    struct hash_item item;
    if (is_dead(a->v, entry)) return;
    item_of_field(&item, entry);
    a->visit(a->arg, &item);
}

static void each_packed(const struct value *v, hash_visit_fn *visit, void *arg) {
    struct hash_item item;
    const char *p = v->bytes;
    for (size_t at = v->there ? packed_first(p) : 0; at; at = packed_next(p, packed_next(p, at))) {
        item_at(&item, p, at);
        visit(arg, &item);
    }
}

void hash_each(const struct value *v, hash_visit_fn *visit, void *arg) {
    struct visit a = { v, visit, arg };
    if (v->root) table_walk(&root_of(v)->fields, 0, SIZE_MAX, visit_field, &a);
    else each_packed(v, visit, arg);
}

uint64_t hash_scan(const struct value *v, uint64_t cursor, size_t max, hash_visit_fn *visit, void *arg) {
    struct visit a = { v, visit, arg };
    if (v->root) return table_scan(&root_of(v)->fields, cursor, max, visit_field, &a);
    each_packed(v, visit, arg);
    return 0;
}

// ---- chance ----------------------------------------------------------------------------------------------------------------

enum { RANDOM_TRIES = 100 };

// The n-th field that is there.
struct nth {
    uint64_t n;
    struct hash_item *item;
};
static void visit_nth(void *arg, const struct hash_item *item) {
    struct nth *a = arg;
    if (a->n-- == 0) *a->item = *item; // a field's slices do not point into the item
}

static bool random_field(const struct value *v, struct hash_item *item) {
    const struct hash *h = root_of(v);
    for (int i = 0; i < RANDOM_TRIES; i++) {
        const struct field *f = table_random(&h->fields, value_random(v));
        if (is_dead(v, f)) continue;
        item_of_field(item, f);
        return true;
    }
    uint64_t n = hash_count(v); // nearly all of them have expired
    if (n) hash_each(v, visit_nth, &(struct nth){ random_below(value_random(v), n), item });
    return n > 0;
}

bool hash_random(const struct value *v, struct hash_item *item) {
    if (v->root) return random_field(v, item);
    uint64_t n = count_packed(v);
    if (n) item_at(item, v->bytes, packed_index(v->bytes, 2 * (int64_t)random_below(value_random(v), n)));
    return n > 0;
}

// Takes `need` of the `left` that are still to come, each choice being equally likely (selection sampling: Knuth, The Art of Computer Programming 2, 3.4.2 S).
struct selection {
    struct random *random;
    uint64_t need, left;
    hash_visit_fn *visit;
    void *arg;
};
static void select_item(void *arg, const struct hash_item *item) {
    struct selection *s = arg;
    if (s->need == 0 || random_below(s->random, s->left--) >= s->need) return;
    s->need--;
    s->visit(s->arg, item);
}

// Few of many: picks until it has enough, and marks what it has.
static bool pick_fields(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg) {
    struct field **picked = mem_alloc(n * sizeof *picked);
    if (!picked) return false;
    for (uint64_t i = 0; i < n;) {
        struct hash_item item;
        struct field *f = table_random(&root_of(v)->fields, value_random(v));
        if ((f->flags & FIELD_PICKED) || is_dead(v, f)) continue;
        f->flags |= FIELD_PICKED;
        picked[i++] = f;
        item_of_field(&item, f);
        visit(arg, &item);
    }
    for (uint64_t i = 0; i < n; i++) picked[i]->flags &= (uint8_t)~FIELD_PICKED;
    mem_free(picked);
    return true;
}

bool hash_sample(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg) {
    uint64_t all = hash_count(v);
    // Most that are picked must be there and new.
    if (v->root && n < all / 3 && all > root_of(v)->fields.count / 2) return pick_fields(v, n, visit, arg);
    if (n > 0) hash_each(v, select_item, &(struct selection){ value_random(v), MIN(n, all), all, visit, arg });
    return true;
}

static bool sample_packed_again(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg, const bool *stop) {
    uint64_t all = count_packed(v), i = 0;
    struct hash_item item;
    uint32_t *at = mem_alloc(all * sizeof *at);
    if (!at) return false;
    for (size_t p = packed_first(v->bytes); p; p = packed_next(v->bytes, packed_next(v->bytes, p))) at[i++] = (uint32_t)p;
    for (; n > 0 && !*stop; n--) {
        item_at(&item, v->bytes, at[random_below(value_random(v), all)]);
        visit(arg, &item);
    }
    mem_free(at);
    return true;
}

bool hash_sample_again(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg, const bool *stop) {
    struct hash_item item;
    if (!v->root && n > 1 && v->there) return sample_packed_again(v, n, visit, arg, stop);
    for (; n > 0 && !*stop && hash_random(v, &item); n--) visit(arg, &item);
    return true;
}

// ---- packed: changes -----------------------------------------------------------------------------------------------------------

static bool too_many(const struct value *v, uint64_t fields) { return fields > settings_number(&value_settings(v)->hash_max_listpack_entries); }

static bool too_long(const struct value *v, const struct slice *args, size_t n) {
    uint64_t max = settings_number(&value_settings(v)->hash_max_listpack_value);
    for (size_t i = 0; i < n; i++) {
        if (args[i].n > max) return true;
    }
    return false;
}

// The bytes in use: there may be more, where there was no memory to have fewer.
static size_t packed_len(const struct value *v) { return v->there ? packed_bytes(v->bytes) : PACKED_EMPTY; }

enum packed_result { PACKED_DONE, PACKED_NO_MEMORY, PACKED_TOO_LARGE /* nothing was done: it becomes a root */ };

static enum packed_result append_packed(struct value *v, const struct slice pair[2], size_t *added) {
    size_t len = packed_len(v);
    bool fresh = !v->there;
    if (too_many(v, count_packed(v) + 1)) return PACKED_TOO_LARGE;
    if (!value_resize(v, len + packed_size_of(pair[0]) + packed_size_of(pair[1]), 0)) return PACKED_NO_MEMORY;
    if (fresh) packed_init(v->bytes);
    packed_insert(v->bytes, packed_end(v->bytes), pair[0]);
    packed_insert(v->bytes, packed_end(v->bytes), pair[1]);
    *added = 1;
    return PACKED_DONE;
}

static enum packed_result put_packed_one(struct value *v, const struct slice pair[2], size_t *added) {
    size_t at = v->there ? find_packed(v->bytes, pair[0]) : 0;
    if (!at) return append_packed(v, pair, added);
    if (too_many(v, count_packed(v))) return PACKED_TOO_LARGE;
    at = packed_next(v->bytes, at);
    size_t before = packed_bytes(v->bytes), len = before + packed_size_of(pair[1]) - packed_size_at(v->bytes, at);
    if (!value_resize(v, MAX(len, before), 0)) return PACKED_NO_MEMORY; // if only because others may share the bytes
    packed_replace(v->bytes, at, pair[1]);
    if (len < before) value_shrink(v, len);
    return PACKED_DONE;
}

// Changes a copy. False: it gets too large.
static bool build_packed(const struct value *v, char *p, const struct slice *args, size_t count, size_t *added) {
    if (v->there) memcpy(p, v->bytes, packed_bytes(v->bytes));
    else packed_init(p);
    for (size_t i = 0; i < count; i++) {
        size_t at = find_packed(p, args[2 * i]);
        if (at) {
            packed_replace(p, packed_next(p, at), args[2 * i + 1]);
        } else {
            packed_insert(p, packed_end(p), args[2 * i]);
            packed_insert(p, packed_end(p), args[2 * i + 1]);
            ++*added;
        }
        if (too_many(v, packed_count(p) / 2)) return false;
    }
    return true;
}

static enum packed_result put_packed(struct value *v, const struct slice *args, size_t count, size_t *added) {
    char few[1024], *p = few;
    size_t room = packed_len(v);
    if (count == 1) return put_packed_one(v, args, added);
    for (size_t i = 0; i < 2 * count; i++) room += packed_size_of(args[i]);
    if (room > sizeof few && !(p = mem_alloc(room))) return PACKED_NO_MEMORY;
    enum packed_result result = PACKED_TOO_LARGE;
    if (build_packed(v, p, args, count, added)) {
        result = value_resize(v, packed_bytes(p), 0) ? PACKED_DONE : PACKED_NO_MEMORY;
        if (result == PACKED_DONE) memcpy(v->bytes, p, packed_bytes(p));
    }
    if (p != few) mem_free(p);
    return result;
}

// ---- changes -----------------------------------------------------------------------------------------------------------------

static bool fill_root(const struct value *v, struct hash *h) {
    struct hash_item item;
    size_t added;
    for (size_t at = v->there ? packed_first(v->bytes) : 0; at; at = packed_next(v->bytes, packed_next(v->bytes, at))) {
        item_at(&item, v->bytes, at);
        if (!hash_change(h, (struct slice[]){ item.name, item.value }, 1, true, 0, &added)) return false;
    }
    return true;
}

static int64_t earliest(const struct hash *h) { return h->due.count ? field_expiry(heap_top(&h->due)) : 0; }

// From packed bytes, or nothing, to a root with the change made.
static int convert(struct value *v, const struct slice *args, size_t count, bool with_values, int64_t at_ms, size_t *added) {
    struct slab *nodes = value_nodes(v);
    struct hash *h = nodes ? hash_create(nodes, value_seed(v)) : NULL;
    if (!h) return KORA_NOMEM;
    if (fill_root(v, h) && hash_change(h, args, count, with_values, at_ms, added)) {
        h->root.due.at_ms = earliest(h);
        if (value_set_root(v, &h->root)) return KORA_OK;
    }
    hash_free(nodes, &h->root, SIZE_MAX / 2);
    return KORA_NOMEM;
}

// Its root is told when something expires. What that needs is there once can_arm has said so.
static bool can_arm(struct value *v, int64_t at_ms) {
    int64_t due = v->root->due.at_ms;
    return at_ms <= 0 || (due && due <= at_ms) || value_arm(v, at_ms);
}

static void rearm(struct value *v) {
    bool armed = value_arm(v, earliest(root_of(v)));
    invariant(armed);
}

static int change_root(struct value *v, const struct slice *args, size_t count, bool with_values, int64_t at_ms, size_t *added) {
    if (!can_arm(v, at_ms)) return KORA_NOMEM;
    bool done = hash_change(root_of(v), args, count, with_values, at_ms, added);
    rearm(v);
    return done ? KORA_OK : KORA_NOMEM;
}

int hash_put(struct value *v, const struct slice *args, size_t count, int64_t at_ms, size_t *added) {
    size_t ignored;
    if (!added) added = &ignored;
    *added = 0;
    if (v->root) return change_root(v, args, count, true, at_ms, added);
    enum packed_result result = at_ms > 0 || too_long(v, args, 2 * count) ? PACKED_TOO_LARGE : put_packed(v, args, count, added);
    if (result == PACKED_TOO_LARGE) return convert(v, args, count, true, at_ms, added);
    return result == PACKED_DONE ? KORA_OK : KORA_NOMEM;
}

int hash_set_expiry(struct value *v, const struct slice *names, size_t count, int64_t at_ms) {
    size_t added;
    if (v->root) return change_root(v, names, count, false, at_ms, &added);
    return at_ms > 0 ? convert(v, names, count, false, at_ms, &added) : KORA_OK;
}

static size_t remove_from_root(struct value *v, const struct slice *names, size_t count) {
    struct hash *h = root_of(v);
    size_t removed = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % HASH_AHEAD == 0) hash_prefetch(h, names + i, 1, count - i);
        uint64_t hash = hash_of_name(h, names[i]);
        struct field *f = hash_look(h, hash, names[i]);
        if (!f) continue;
        hash_drop(h, hash, f);
        removed++;
    }
    if (removed && h->fields.count == 0) value_delete(v);
    else if (removed) rearm(v);
    return removed;
}

int hash_remove(struct value *v, const struct slice *names, size_t count, size_t *removed) {
    *removed = 0;
    if (v->root) {
        *removed = remove_from_root(v, names, count);
        return KORA_OK;
    }
    for (size_t i = 0; v->there && i < count; i++) {
        size_t at = find_packed(v->bytes, names[i]);
        if (!at) continue;
        if (*removed == 0 && !value_resize(v, v->len, 0)) return KORA_NOMEM; // others may share the bytes
        packed_remove(v->bytes, at, 2);
        ++*removed;
    }
    if (*removed == 0) return KORA_OK;
    if (packed_count(v->bytes) == 0) value_delete(v);
    else value_shrink(v, packed_bytes(v->bytes));
    return KORA_OK;
}

// ---- what has expired ----------------------------------------------------------------------------------------------------------

static bool take_dead(struct value *v, struct slice name, size_t *taken) {
    struct hash *h = root_of(v);
    uint64_t hash = hash_of_name(h, name);
    struct field *f = hash_look(h, hash, name);
    if (!f || !is_dead(v, f)) return true;
    if (!effect_emit(v->txn, v->key, 3, (struct slice[]){ SLICE("HDEL"), v->key->name, name })) return false;
    hash_drop(h, hash, f);
    ++*taken;
    return true;
}

bool hash_take_dead(struct value *v, const struct slice *names, size_t stride, size_t count, size_t *taken) {
    bool ok = true;
    *taken = 0;
    if (!v->root || likely(!has_dead(v))) return true;
    for (size_t i = 0; ok && i < count; i++) ok = take_dead(v, names[i * stride], taken);
    if (*taken && root_of(v)->fields.count == 0) value_delete(v);
    else if (*taken) rearm(v);
    return ok;
}

enum { EXPIRE_PORTION = 64 };

// One effect for each field, all before any of them goes: dropping the top changes what is below it, so they are taken one by one.
static bool expire(struct value *v, int64_t now_ms) {
    struct hash *h = root_of(v);
    for (int n = 0; n < EXPIRE_PORTION; n++) {
        struct field *f = heap_top(&h->due);
        if (!f || field_expiry(f) > now_ms) break;
        struct slice name = field_name(f);
        if (!effect_emit(v->txn, v->key, 3, (struct slice[]){ SLICE("HDEL"), v->key->name, name })) {
            rearm(v);
            return false;
        }
        hash_drop(h, hash_of_name(h, name), f);
    }
    if (h->fields.count == 0) value_delete(v);
    else rearm(v); // for now, if there is more
    return true;
}

// ---- the kind ----------------------------------------------------------------------------------------------------------------

static const char *encoding(const struct value *v) { return v->root ? "hashtable" : "listpack"; }

static void check(const struct value *v) {
    if (v->root) {
        hash_root_check(root_of(v));
        return;
    }
    invariant(packed_bytes(v->bytes) <= v->len && packed_valid(v->bytes, packed_bytes(v->bytes)));
    invariant(packed_count(v->bytes) > 0 && packed_count(v->bytes) % 2 == 0);
    size_t i = 0;
    for (size_t at = packed_first(v->bytes); at; at = packed_next(v->bytes, at), i++) {
        char number[NUM_INT_MAX];
        if (i % 2 == 0) invariant(find_packed(v->bytes, packed_string(v->bytes, at, number)) == at);
    }
}

static const struct table *items(const struct root *r) { return &((const struct hash *)r)->fields; }

const struct value_kind value_kind_hash = {
    .name = "hash", .encoding = encoding, .count = hash_count, .check = check, .free = hash_free, .copy = hash_copy, .memory = hash_memory, .expire = expire,
    .items = items,
};
