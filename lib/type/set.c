// Sets: the three representations, what changes them, and the way from one to the next. set.h tells what they are.
//
// Each change of an attached value is all or nothing. One member is added in place. Several go, while the set is small, to a detached copy, which
// then takes the set's place; in a table those that were added are taken out again if memory ends on the way.
#include "base/mem.h"
#include "kora.h"
#include "type/set_int.h"

enum added { ADD_NOMEM = -1, ADD_THERE, ADD_NEW };

// Redis's limit for one packed list, whatever the thresholds say.
#define PACKED_BYTES_MAX ((size_t)1 << 30)

static size_t intset_max(const struct value *v) { return MIN(settings_number(&value_settings(v)->set_max_intset_entries), (uint64_t)1 << 30); }
static size_t packed_max(const struct value *v) { return settings_number(&value_settings(v)->set_max_listpack_entries); }
static size_t packed_len_max(const struct value *v) { return settings_number(&value_settings(v)->set_max_listpack_value); }
static uint64_t hash_text(const struct value *v, struct slice text) { return hash_bytes(value_seed(v), text.p, text.n); }

uint64_t set_count(const struct value *v) {
    if (!v->there) return 0;
    if (v->root) return set_root_of(v)->table.count;
    return v->flags & ENTRY_INTSET ? intset_count(v->bytes) : packed_count(v->bytes);
}

// ---- roots -----------------------------------------------------------------------------------------------------------------

static uint64_t hash_member(const void *seed, const void *member) {
    struct slice text = member_text(member);
    return hash_bytes(seed, text.p, text.n);
}

static struct set_root *root_new(struct slab *nodes, const struct hash_key *seed) {
    struct set_root *r = nodes ? slab_alloc(nodes, sizeof *r) : NULL;
    if (!r) return NULL;
    *r = (struct set_root){ .root.type = TYPE_SET };
    table_init(&r->table, nodes, hash_member, seed);
    return r;
}

static void member_free(struct set_root *r, void *member) {
    size_t size = member_size(member_text(member).n);
    r->bytes -= slab_round(size);
    slab_free(r->table.slab, member, size);
}

static inline void will_change(struct set_root *r, uint64_t hash, struct slice text, const void *member) {
    if (unlikely(r->root.imaged)) root_item_changes(&r->root, hash, text, member);
}

// Adds a member that is not in it. NULL: no memory.
static void *root_put(struct set_root *r, struct slice text, uint64_t hash) {
    will_change(r, hash, text, NULL);
    unsigned char *m = text.n <= UINT32_MAX ? slab_alloc(r->table.slab, member_size(text.n)) : NULL;
    if (!m) return NULL;
    r->bytes += slab_round(member_size(text.n));
    unsigned char *p = m + 1;
    *m = text.n <= MEMBER_SHORT_MAX ? (unsigned char)text.n : MEMBER_SHORT_MAX + 1;
    if (unlikely(text.n > MEMBER_SHORT_MAX)) {
        uint32_t len = (uint32_t)text.n;
        memcpy(p, &len, sizeof len);
        p += sizeof len;
    }
    if (text.n) memcpy(p, text.p, text.n);
    if (table_insert(&r->table, hash, m)) return m;
    member_free(r, m);
    return NULL;
}

static void root_take(struct set_root *r, uint64_t hash, void *member) {
    will_change(r, hash, member_text(member), member);
    bool there = table_remove(&r->table, hash, member);
    invariant(there);
    member_free(r, member);
}

static enum added root_add(struct set_root *r, struct slice text, uint64_t hash) {
    if (set_root_find(r, hash, &text)) return ADD_THERE;
    return root_put(r, text, hash) ? ADD_NEW : ADD_NOMEM;
}

static bool root_remove(struct set_root *r, struct slice text, uint64_t hash) {
    void *m = set_root_find(r, hash, &text);
    if (m) root_take(r, hash, m);
    return m != NULL;
}

struct freeing {
    struct set_root *r;
    size_t work;
};

// Large members are mappings or rows of pages, which take longer.
static void free_visited(void *arg, void *member) {
    struct freeing *f = arg;
    f->work += 1 + member_text(member).n / 16384;
    member_free(f->r, member);
}

static bool free_root(struct slab *nodes, struct root *root, size_t budget) {
    struct set_root *r = (struct set_root *)root;
    struct freeing f = { r, 0 };
    do r->freeing = table_free_walk(&r->table, r->freeing, 1, free_visited, &f);
    while (r->freeing && f.work < budget);
    if (r->freeing) return false;
    slab_free(nodes, r, sizeof *r);
    return true;
}

static void drop_root(struct set_root *r) { free_root(r->table.slab, &r->root, SIZE_MAX); }

void set_prefetch(const struct set_root *r, const struct hash_key *seed, struct set_batch *b) {
    const struct table_bucket *hint[SET_BATCH];
    for (size_t i = 0; i < b->n; i++) {
        if (!b->hashed) {
            struct slice text = set_text(b, &b->m[i]);
            b->m[i].hash = hash_bytes(seed, text.p, text.n);
        }
        hint[i] = table_prefetch_bucket(&r->table, b->m[i].hash);
    }
    b->hashed = true;
    for (size_t i = 0; i < b->n; i++) {
        if (hint[i]) table_prefetch_entry(hint[i], b->m[i].hash);
    }
}

// ---- look-ups --------------------------------------------------------------------------------------------------------------

static bool small_has(const struct value *v, struct slice text) {
    int64_t n;
    if (v->flags & ENTRY_INTSET) return num_parse_int(text, &n) && intset_has(v->bytes, n);
    return packed_find(v->bytes, packed_first(v->bytes), text, 0) != 0;
}

bool set_has(const struct value *v, struct slice member) {
    if (!v->there) return false;
    return v->root ? set_root_find(set_root_of(v), hash_text(v, member), &member) != NULL : small_has(v, member);
}

static struct slice argument(struct slice s) { return s.p ? s : slice_of("", 0); }

static size_t fill(struct set_batch *b, const struct slice *members, size_t n) {
    set_batch_clear(b);
    while (b->n < MIN(n, (size_t)SET_BATCH)) set_batch_add(b, argument(members[b->n]), 0);
    return b->n;
}

static bool has_member(const struct value *v, struct set_batch *b, struct set_member *m) {
    if (v->root) {
        struct slice text = m->text; // made when it was hashed
        return set_root_find(set_root_of(v), m->hash, &text) != NULL;
    }
    if (!m->text.p && (v->flags & ENTRY_INTSET)) return intset_has(v->bytes, m->number);
    return small_has(v, set_text(b, m));
}

void set_sift(const struct value *v, struct set_batch *b, bool present) {
    size_t kept = 0;
    if (v->there && v->root) set_prefetch(set_root_of(v), value_seed(v), b);
    for (size_t i = 0; i < b->n; i++) {
        if ((v->there && has_member(v, b, &b->m[i])) == present) b->m[kept++] = b->m[i];
    }
    b->n = kept;
}

void set_has_each(const struct value *v, const struct slice *members, size_t n, bool *has) {
    struct set_batch b;
    fill(&b, members, n);
    if (v->there && v->root) set_prefetch(set_root_of(v), value_seed(v), &b);
    for (size_t i = 0; i < n; i++) has[i] = v->there && has_member(v, &b, &b.m[i]);
}

// ---- from one representation to the next -----------------------------------------------------------------------------------

struct copying {
    struct set_root *to; // NULL: there was no memory for all of it
};

static bool copy_batch(void *arg, struct set_batch *b) {
    struct copying *c = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        if (root_put(c->to, text, hash_bytes(c->to->table.ctx, text.p, text.n))) continue;
        drop_root(c->to);
        c->to = NULL;
        return false;
    }
    return true;
}

static struct set_root *root_with_members_of(const struct value *v, struct slab *nodes, const struct hash_key *seed) {
    struct copying c = { root_new(nodes, seed) };
    if (c.to && v->there) set_visit(v, copy_batch, &c);
    return c.to;
}

static struct root *copy_root(struct slab *nodes, const struct root *root) {
    struct value v = { .type = TYPE_SET, .there = true, .root = (struct root *)(uintptr_t)root };
    struct set_root *r = root_with_members_of(&v, nodes, set_root_of(&v)->table.ctx);
    return r ? &r->root : NULL;
}

// Whatever is not a root becomes one; and gets a member, if it is given (p not NULL).
static enum added become_root(struct value *v, struct slice text) {
    struct set_root *r = root_with_members_of(v, value_nodes(v), value_seed(v));
    if (!r) return ADD_NOMEM;
    if ((!text.p || root_put(r, text, hash_text(v, text))) && value_set_root(v, &r->root)) return ADD_NEW;
    drop_root(r);
    return ADD_NOMEM;
}

// ---- adding one ------------------------------------------------------------------------------------------------------------

static enum added intset_put(struct value *v, int64_t n, size_t size) {
    if (!value_resize(v, size, ENTRY_INTSET)) return ADD_NOMEM;
    intset_add(v->bytes, n);
    return ADD_NEW;
}

static enum added packed_put(struct value *v, struct slice text) {
    if (!value_resize(v, packed_bytes(v->bytes) + packed_size_of(text), 0)) return ADD_NOMEM;
    packed_insert(v->bytes, packed_end(v->bytes), text);
    return ADD_NEW;
}

static struct slice intset_text(const char *p, size_t i, char digits[NUM_INT_MAX]) {
    return slice_of(digits, num_format_int(intset_get(p, i), digits));
}

// The packed list gets another member, which is no integer.
static enum added intset_become_packed(struct value *v, struct slice text) {
    char digits[NUM_INT_MAX], *old = mem_alloc(intset_bytes(v->bytes));
    if (!old) return ADD_NOMEM;
    memcpy(old, v->bytes, intset_bytes(v->bytes));
    size_t n = intset_count(old), size = PACKED_EMPTY + packed_size_of(text);
    for (size_t i = 0; i < n; i++) size += packed_size_of(intset_text(old, i, digits));
    bool ok = value_resize(v, size, 0) != NULL;
    if (ok) {
        packed_init(v->bytes);
        for (size_t i = 0; i < n; i++) packed_insert(v->bytes, packed_end(v->bytes), intset_text(old, i, digits));
        packed_insert(v->bytes, packed_end(v->bytes), text);
    }
    mem_free(old);
    return ok ? ADD_NEW : ADD_NOMEM;
}

static bool intset_may_be_packed(const struct value *v, struct slice text) {
    char digits[NUM_INT_MAX];
    size_t n = intset_count(v->bytes), longest = text.n;
    if (n > 0) longest = MAX(longest, MAX(intset_text(v->bytes, 0, digits).n, intset_text(v->bytes, n - 1, digits).n));
    return n < packed_max(v) && longest <= packed_len_max(v) && n * (NUM_INT_MAX + 2) + text.n < PACKED_BYTES_MAX;
}

static enum added add_to_intset(struct value *v, struct slice text) {
    int64_t n;
    if (!num_parse_int(text, &n)) return intset_may_be_packed(v, text) ? intset_become_packed(v, text) : become_root(v, text);
    if (intset_has(v->bytes, n)) return ADD_THERE;
    return intset_count(v->bytes) < intset_max(v) ? intset_put(v, n, intset_bytes_with(v->bytes, n)) : become_root(v, text);
}

static enum added add_to_packed(struct value *v, struct slice text) {
    if (packed_find(v->bytes, packed_first(v->bytes), text, 0)) return ADD_THERE;
    bool fits = packed_count(v->bytes) < packed_max(v) && text.n <= packed_len_max(v) && packed_bytes(v->bytes) + text.n < PACKED_BYTES_MAX;
    return fits ? packed_put(v, text) : become_root(v, text);
}

// The first of `n` members that are on their way.
static enum added start(struct value *v, struct slice text, size_t n) {
    char empty[INTSET_EMPTY];
    int64_t number;
    intset_init(empty);
    if (n <= intset_max(v) && num_parse_int(text, &number)) {
        if (!value_resize(v, intset_bytes_with(empty, number), ENTRY_INTSET)) return ADD_NOMEM;
        intset_init(v->bytes);
        intset_add(v->bytes, number);
        return ADD_NEW;
    }
    if (n > packed_max(v) || text.n > packed_len_max(v)) return become_root(v, text);
    if (!value_resize(v, PACKED_EMPTY + packed_size_of(text), 0)) return ADD_NOMEM;
    packed_init(v->bytes);
    packed_insert(v->bytes, packed_end(v->bytes), text);
    return ADD_NEW;
}

static enum added add_one(struct value *v, struct slice text, size_t n) {
    if (v->root) return root_add(set_root_of(v), text, hash_text(v, text));
    if (!v->there) return start(v, text, n);
    return v->flags & ENTRY_INTSET ? add_to_intset(v, text) : add_to_packed(v, text);
}

// ---- adding several --------------------------------------------------------------------------------------------------------

static void take_back(struct set_root *r, void **fresh, size_t n) {
    while (n-- > 0) root_take(r, hash_member(r->table.ctx, fresh[n]), fresh[n]);
}

// `fresh`: room for n, gets those that were not there. False: no memory; these were added.
static bool root_add_all(struct set_root *r, const struct hash_key *seed, const struct slice *members, size_t n, void **fresh, size_t *added) {
    struct set_batch b;
    for (size_t i = 0; i < n; i += b.n) {
        fill(&b, members + i, n - i);
        set_prefetch(r, seed, &b);
        for (size_t j = 0; j < b.n; j++) {
            if (set_root_find(r, b.m[j].hash, &b.m[j].text)) continue;
            if (!(fresh[*added] = root_put(r, b.m[j].text, b.m[j].hash))) return false;
            ++*added;
        }
    }
    return true;
}

static int add_to_root(struct value *v, const struct slice *members, size_t n, size_t *added) {
    struct set_root *r = set_root_of(v);
    void *few[SET_BATCH], **fresh = n <= SET_BATCH ? few : mem_alloc(n * sizeof *fresh);
    bool ok = fresh && root_add_all(r, value_seed(v), members, n, fresh, added);
    if (fresh && !ok) take_back(r, fresh, *added);
    if (fresh != few) mem_free(fresh);
    return ok ? KORA_OK : KORA_NOMEM;
}

// So many members make it a root before one is looked at.
static bool too_many(const struct value *v, struct slice first, size_t n) {
    int64_t number;
    if (v->there) return n > (v->flags & ENTRY_INTSET ? intset_max(v) : packed_max(v));
    return n > packed_max(v) && (n > intset_max(v) || !num_parse_int(first, &number));
}

// The detached copy takes the value's place.
static bool replace(struct value *v, struct value *copy) {
    if (copy->root) {
        if (!value_set_root(v, copy->root)) return false;
        copy->root = NULL;
        return true;
    }
    if (!value_resize(v, copy->len, copy->flags)) return false;
    memcpy(v->bytes, copy->bytes, copy->len);
    return true;
}

static bool copy_small(const struct value *v, struct value *copy) {
    value_detach(copy, TYPE_SET, v->txn, v->key);
    if (!v->there) return true;
    if (!value_resize(copy, v->len, v->flags)) return false;
    memcpy(copy->bytes, v->bytes, v->len);
    return true;
}

static int add_to_copy(struct value *v, const struct slice *members, size_t n, size_t *added) {
    struct value copy;
    bool ok = copy_small(v, &copy);
    for (size_t i = 0; ok && i < n; i++) {
        enum added one = add_one(&copy, argument(members[i]), n);
        ok = one != ADD_NOMEM;
        *added += one == ADD_NEW;
    }
    ok = ok && (*added == 0 || replace(v, &copy));
    value_delete(&copy);
    return ok ? KORA_OK : KORA_NOMEM;
}

static int add_to_new_root(struct value *v, const struct slice *members, size_t n, size_t *added) {
    struct set_root *r = root_with_members_of(v, value_nodes(v), value_seed(v));
    if (!r) return KORA_NOMEM;
    struct value copy = { .type = TYPE_SET, .there = true, .root = &r->root, .txn = v->txn, .key = v->key };
    if (add_to_root(&copy, members, n, added) == KORA_OK && value_set_root(v, &r->root)) return KORA_OK;
    drop_root(r);
    return KORA_NOMEM;
}

int set_add(struct value *v, const struct slice *members, size_t n, size_t *added) {
    *added = 0;
    if (v->txn->no_memory) return KORA_NOMEM;
    if (!v->root && too_many(v, argument(members[0]), n)) return add_to_new_root(v, members, n, added);
    if (n > 1) return v->root ? add_to_root(v, members, n, added) : add_to_copy(v, members, n, added);
    enum added one = add_one(v, argument(members[0]), n);
    *added = one == ADD_NEW;
    return one == ADD_NOMEM ? KORA_NOMEM : KORA_OK;
}

bool set_add_batch(struct value *v, struct set_batch *b) {
    size_t kept = 0;
    if (v->root) set_prefetch(set_root_of(v), value_seed(v), b);
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        enum added one = v->root && b->hashed ? root_add(set_root_of(v), text, b->m[i].hash) : add_one(v, text, 1);
        if (one == ADD_NOMEM) return false;
        if (one == ADD_NEW) b->m[kept++] = b->m[i];
    }
    b->n = kept;
    return true;
}

// ---- removing --------------------------------------------------------------------------------------------------------------

// Bytes that are shared with a copy of the value, or that a reader holds, become its own.
bool set_open(struct value *v) {
    if (v->txn->no_memory) return false;
    return !v->there || v->root || value_resize(v, v->len, v->flags);
}

static bool small_remove(struct value *v, struct slice text) {
    int64_t n;
    if (v->flags & ENTRY_INTSET) return num_parse_int(text, &n) && intset_remove(v->bytes, n);
    size_t at = packed_find(v->bytes, packed_first(v->bytes), text, 0);
    if (at) packed_remove(v->bytes, at, 1);
    return at != 0;
}

static void small_shrink(struct value *v) {
    size_t len = v->flags & ENTRY_INTSET ? intset_bytes(v->bytes) : packed_bytes(v->bytes);
    if (len < v->len && set_count(v) > 0) value_shrink(v, len); // an empty one is deleted anyway
}

size_t set_remove_batch(struct value *v, struct set_batch *b) {
    size_t removed = 0;
    if (!v->there) return 0;
    if (v->root) set_prefetch(set_root_of(v), value_seed(v), b);
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        removed += v->root ? root_remove(set_root_of(v), text, b->m[i].hash) : small_remove(v, text);
    }
    if (!v->root) small_shrink(v);
    return removed;
}

size_t set_remove(struct value *v, const struct slice *members, size_t n) {
    struct set_batch b;
    size_t removed = 0;
    if (v->there && v->root && n == 1) return root_remove(set_root_of(v), members[0], hash_text(v, members[0]));
    for (size_t i = 0, some; i < n; i += some) {
        some = fill(&b, members + i, n - i);
        removed += set_remove_batch(v, &b);
    }
    return removed;
}

static void root_remove_picked(struct set_root *r, const set_pick *picks, size_t n) {
    uint64_t hash[SET_BATCH];
    for (size_t i = 0; i < n; i++) {
        hash[i] = hash_member(r->table.ctx, (void *)picks[i]);
        table_prefetch_bucket(&r->table, hash[i]);
    }
    for (size_t i = 0; i < n; i++) root_take(r, hash[i], (void *)picks[i]);
}

// Picks of small sets are positions in ascending order.
void set_remove_picked(struct value *v, const set_pick *picks, size_t n) {
    if (v->root) {
        for (size_t i = 0; i < n; i += SET_BATCH) root_remove_picked(set_root_of(v), picks + i, MIN(n - i, (size_t)SET_BATCH));
        return;
    }
    while (n-- > 0) {
        if (v->flags & ENTRY_INTSET) intset_remove(v->bytes, intset_get(v->bytes, picks[n]));
        else packed_remove(v->bytes, picks[n], 1);
    }
    small_shrink(v);
}

// ---- of the kind -----------------------------------------------------------------------------------------------------------

static const char *encoding(const struct value *v) { return v->root ? "hashtable" : v->flags & ENTRY_INTSET ? "intset" : "listpack"; }

static size_t memory(const struct root *root) {
    const struct set_root *r = (const struct set_root *)root;
    return slab_round(sizeof *r) + r->table.bytes + r->bytes;
}

struct checking {
    const struct value *v;
    size_t count, bytes;
};

static bool check_batch(void *arg, struct set_batch *b) {
    struct checking *c = arg;
    c->count += b->n;
    for (size_t i = 0; i < b->n; i++) {
        struct slice text = set_text(b, &b->m[i]);
        c->bytes += slab_round(member_size(text.n));
        if (!c->v->root) continue;
        const struct set_root *r = set_root_of(c->v);
        void *member = set_root_find(r, hash_bytes(r->table.ctx, text.p, text.n), &text);
        invariant(member && member_text(member).p == text.p);
    }
    return true;
}

static void check(const struct value *v) {
    struct checking c = { .v = v };
    invariant(set_count(v) > 0);
    if (v->root) {
        table_check(&set_root_of(v)->table);
    } else if (v->flags & ENTRY_INTSET) {
        invariant(intset_bytes(v->bytes) <= v->len && intset_valid(v->bytes, intset_bytes(v->bytes)));
    } else {
        const char *p = v->bytes;
        char digits[NUM_INT_MAX];
        invariant(packed_bytes(p) <= v->len && packed_valid(p, packed_bytes(p)));
        for (size_t at = packed_first(p); at; at = packed_next(p, at)) invariant(packed_find(p, packed_first(p), packed_string(p, at, digits), 0) == at);
    }
    set_visit(v, check_batch, &c);
    invariant(c.count == set_count(v) && (!v->root || c.bytes == set_root_of(v)->bytes));
}

static const struct table *items(const struct root *r) { return &((const struct set_root *)r)->table; }

const struct value_kind value_kind_set = {
    .name = "set", .encoding = encoding, .count = set_count, .check = check, .free = free_root, .copy = copy_root, .memory = memory,
    .items = items,
};
