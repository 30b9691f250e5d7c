// Keyspaces: where entries come from, where they are, and where they go.
#include "stripe/keyspace_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "stripe/evict_int.h"
#include "stripe/s3fifo.h"

static uint64_t hash_entry(const void *ctx, const void *entry) {
    const struct common *c = ctx;
    struct slice name = entry_key(entry);
    return hash_bytes(&c->seed, name.p, name.n);
}

uint64_t keyspace_hash(const struct keyspace *k, const struct entry *e) { return hash_entry(k->common, e); }

struct keyspace *keyspace_create(struct common *c, struct db_counts *counts) {
    struct keyspace *k = mem_alloc_zero(sizeof *k);
    if (!k) return NULL;
    k->common = c;
    k->counts = counts;
    k->index = slab_create(true);
    k->blobs.slab = slab_create(false);
    if (!k->index || !k->blobs.slab) {
        keyspace_destroy(k);
        return NULL;
    }
    table_init(&k->table, k->index, hash_entry, c);
    return k;
}

void keyspace_destroy(struct keyspace *k) {
    if (k->wheel) wheel_destroy(k->wheel);
    if (k->root_wheel) wheel_destroy(k->root_wheel);
    s3_free(k->s3);
    if (k->nodes) slab_destroy(k->nodes);
    if (k->blobs.slab) slab_destroy(k->blobs.slab);
    if (k->index) slab_destroy(k->index);
    mem_free(k);
}

struct entry *keyspace_new_entry(struct keyspace *k, struct slice key, uint8_t flags, size_t value_len) {
    if (key.n > UINT32_MAX) return NULL; // proto-max-bulk-len may be set higher than a key can be long
    if (key.n > ENTRY_KEY_SHORT_MAX) flags |= ENTRY_LONG_KEY;
    struct entry *e = slab_alloc(k->blobs.slab, entry_head_size(flags) + key.n + value_len);
    if (!e) return NULL;
    *e = (struct entry){ .flags = flags, .value_len = (uint16_t)value_len };
    char *p = (char *)e + entry_head_size(flags);
    if (flags & ENTRY_LONG_KEY) {
        uint32_t n = (uint32_t)key.n;
        memcpy(p - sizeof n, &n, sizeof n);
        e->key_len = ENTRY_KEY_SHORT_MAX + 1;
    } else {
        e->key_len = (uint8_t)key.n;
    }
    if (key.n) memcpy(p, key.p, key.n);
    return e;
}

void keyspace_free_entry(struct keyspace *k, struct entry *e, bool with_value) {
    bool large = with_value && e->form >= FORM_BLOB;
    if (large && e->form == FORM_BLOB) keyspace_drop_blob(entry_blob(e));
    else if (large) keyspace_doom(k, entry_root(e));
    slab_free(k->blobs.slab, e, entry_size(e));
    if (large) keyspace_publish(k); // the account may lag behind by a small entry, but not by a large value
}

// What the pages of a slab that nothing compacts take beyond its objects counts, but for a little.
static uint64_t held_by(struct slab_usage u, uint64_t slack) {
    return u.held > slack ? MAX(u.used, u.held - slack) : u.used;
}

// Brings the stripe's account up to date.
static void charge(struct keyspace *k, struct slab_usage data, struct slab_usage index, struct slab_usage nodes) {
    uint64_t wheels = ((k->wheel != NULL) + (uint64_t)(k->root_wheel != NULL)) * WHEEL_MEMORY;
    k->waste = MIN(k->waste, data.held - data.used);
    uint64_t slack = atomic_load_explicit(&k->common->settings.memory_slack, memory_order_relaxed);
    uint64_t bytes = data.used + k->waste - MIN(k->waste, slack) + held_by(index, slack) + held_by(nodes, slack) + wheels + s3_memory(k->s3) + sizeof *k;
    bytes -= MIN(k->doomed_bytes, bytes);
    if (bytes == k->charged) return;
    account_add(&k->common->stripes[k->blobs.stripe], (int64_t)(bytes - k->charged));
    k->charged = bytes;
}

void keyspace_discharge(struct keyspace *k) {
    account_add(&k->common->stripes[k->blobs.stripe], -(int64_t)k->charged);
    k->charged = 0;
}

void keyspace_publish(struct keyspace *k) {
    struct slab_usage data = slab_usage(k->blobs.slab), index = slab_usage(k->index);
    struct slab_usage nodes = k->nodes ? slab_usage(k->nodes) : (struct slab_usage){ 0 };
    atomic_store_explicit(&k->counts->keys, k->table.count, memory_order_relaxed);
    atomic_store_explicit(&k->counts->expiring, k->wheel ? wheel_count(k->wheel) : 0, memory_order_relaxed);
    atomic_store_explicit(&k->counts->expiry_sum, k->expiry_sum, memory_order_relaxed);
    atomic_store_explicit(&k->counts->used, data.used + index.used + nodes.used, memory_order_relaxed);
    atomic_store_explicit(&k->counts->index, index.used, memory_order_relaxed);
    atomic_store_explicit(&k->counts->held, data.held + index.held + nodes.held, memory_order_relaxed);
    charge(k, data, index, nodes);
}

bool keyspace_put(struct keyspace *k, uint64_t hash, struct entry *old, struct entry *e) {
    if (unlikely(k->walk.on)) snapshot_put_(k, hash, old, e);
    if (!old) {
        if (!table_insert(&k->table, hash, e)) return false;
    } else {
        bool there = table_replace(&k->table, hash, old, e);
        invariant(there);
        keyspace_disarm(k, old);
    }
    keyspace_publish(k);
    return true;
}

void keyspace_take(struct keyspace *k, uint64_t hash, struct entry *e) {
    keyspace_will_change(k, hash, e);
    bool there = table_remove(&k->table, hash, e);
    invariant(there);
    keyspace_disarm(k, e);
    keyspace_publish(k);
}

bool keyspace_can_arm(struct keyspace *k, int64_t now_ms) {
    if (!k->wheel) k->wheel = wheel_create(now_ms);
    return k->wheel != NULL;
}

// What an expiry adds to the sum that their average is computed from: in grains of the wheel, none later than a few hundred years from now, so that the
// sum of any number of keys that fits into memory fits as well.
static uint64_t expiry_grains(int64_t at_ms) { return (uint64_t)MIN(MAX(at_ms, 0) / WHEEL_GRAIN_MS, INT64_C(1) << 39); }

void keyspace_arm(struct keyspace *k, struct entry *e, int64_t at_ms) {
    k->expiry_sum += expiry_grains(at_ms);
    wheel_add(k->wheel, entry_wheel_node(e), at_ms);
    keyspace_publish(k);
}

void keyspace_disarm(struct keyspace *k, struct entry *e) {
    if (!entry_expires(e)) return;
    k->expiry_sum -= expiry_grains(entry_expire_at(e));
    wheel_remove(k->wheel, entry_wheel_node(e));
}

// ---- roots ---------------------------------------------------------------------------------------------------------

struct slab *keyspace_nodes(struct keyspace *k) {
    if (!k->nodes) k->nodes = slab_create(false);
    return k->nodes;
}

enum { DOOM_NOW = 128 }; // nodes freed at once

static bool free_root(struct keyspace *k, struct root *r, size_t budget) { return value_kinds[r->type]->free(k->nodes, r, budget); }

// Frees nodes of doomed roots, about `budget` of them at most.
static void free_doomed(struct keyspace *k, size_t budget) {
    struct root *r = k->doomed, *next = r ? r->next : NULL;
    if (!r) return;
    size_t before = slab_usage(k->nodes).used;
    if (free_root(k, r, budget)) k->doomed = next;
    k->doomed_bytes -= MIN(k->doomed_bytes, before - slab_usage(k->nodes).used);
    if (!k->doomed) k->doomed_bytes = 0;
}

// By the clock: where pages get empty, and are given back to the system, a node takes twenty times as long as elsewhere.
static void free_doomed_until(struct keyspace *k, int64_t until_us) {
    do free_doomed(k, DOOM_NOW);
    while (k->doomed && clock_mono_us() < until_us);
}

// Whoever dooms much faster than the background frees must help: else a stripe that never rests would only grow.
void keyspace_doom(struct keyspace *k, struct root *r) {
    r->due.at_ms = 0;
    keyspace_arm_root(k, r, 0);
    if (unlikely(r->imaged)) {
        snapshot_adopt_(r);
        return;
    }
    free_doomed(k, 2 * DOOM_NOW);
    size_t bytes = value_kinds[r->type]->memory(r), before = slab_usage(k->nodes).used;
    if (free_root(k, r, DOOM_NOW)) return;
    k->doomed_bytes += bytes - MIN(bytes, before - slab_usage(k->nodes).used);
    r->next = k->doomed;
    k->doomed = r;
    struct stripe *s = &k->common->stripes[k->blobs.stripe];
    s->looked_at = atomic_load_explicit(&s->counters.changes, memory_order_relaxed) - UINT64_MAX / 2; // look at it now, whatever is counted before
}

bool keyspace_can_arm_roots(struct keyspace *k, int64_t now_ms) {
    if (!k->root_wheel) k->root_wheel = wheel_create(now_ms);
    return k->root_wheel != NULL;
}

void keyspace_arm_root(struct keyspace *k, struct root *r, uint64_t hash) {
    int64_t at_ms = r->due.at_ms;
    if (r->armed) wheel_remove(k->root_wheel, &r->due);
    r->armed = at_ms != 0;
    r->hash = hash;
    if (at_ms) wheel_add(k->root_wheel, &r->due, at_ms);
}

static bool entry_has_root(const void *entry, const void *root) {
    const struct entry *e = entry;
    return e->form == FORM_ROOT && entry_root(e) == root;
}

struct entry *keyspace_entry_of_root(struct keyspace *k, const struct root *r) { return table_find(&k->table, r->hash, entry_has_root, r); }

// ---- compaction ----------------------------------------------------------------------------------------------------

static bool move_entry(void *arg, void *object, size_t class_size) {
    (void)class_size;
    struct keyspace *k = arg;
    struct entry *e = object;
    size_t size = entry_size(e);
    struct entry *to = slab_alloc(k->blobs.slab, size);
    if (!to) return false;
    memcpy(to, e, size);
    bool there = table_replace(&k->table, hash_entry(k->common, e), e, to);
    invariant(there);
    if (entry_expires(to)) wheel_moved(k->wheel, entry_wheel_node(to));
    slab_free(k->blobs.slab, e, size);
    return true;
}

static uint64_t changes_of(const struct keyspace *k) {
    return atomic_load_explicit(&k->common->stripes[k->blobs.stripe].counters.changes, memory_order_relaxed);
}

// Under a limit, memory that is held and not used is what the process has above it: less of that is left then. What compaction could not give back counts for the
// limit, and is tried again when much has changed.
static bool sparse(const struct keyspace *k) {
    struct slab_usage u = slab_usage(k->blobs.slab);
    if (likely(!atomic_load_explicit(&k->common->settings.maxmemory, memory_order_relaxed))) return slab_worth_compacting(u);
    bool again = k->waste > u.used / 16 && changes_of(k) - k->compacted_at > k->table.count / 2 + 1024;
    return again || u.held > u.used + k->waste + u.used / 32 + 8 * 1024;
}

bool keyspace_wants_compaction(const struct keyspace *k) { return k->doomed || sparse(k); }

bool keyspace_compact(struct keyspace *k, size_t budget, int64_t until_us) {
    blob_bury(&k->blobs);
    bool more = true;
    if (k->doomed) free_doomed_until(k, until_us);
    else more = slab_compact(k->blobs.slab, budget, move_entry, k);
    if (!more) {
        struct slab_usage u = slab_usage(k->blobs.slab);
        k->waste = u.held - u.used;
        k->compacted_at = changes_of(k);
    }
    keyspace_publish(k);
    return more && keyspace_wants_compaction(k);
}

// ---- checks --------------------------------------------------------------------------------------------------------

struct tally {
    struct keyspace *k;
    uint64_t count, expiring, expiry_sum;
    uint64_t bytes; // of entries and of the blobs that only one entry has
    bool shared;    // there are other blobs
    uint64_t nodes; // bytes of roots and their nodes
    uint64_t armed; // roots
};

static void check_value(struct tally *t, const struct entry *e) {
    struct value v;
    value_view(&v, e);
    if (value_kind(&v)->check) value_kind(&v)->check(&v);
    if (!v.root) return;
    t->nodes += value_kind(&v)->memory(v.root);
    t->armed += v.root->armed;
    invariant(v.root->type == e->type && v.root->armed == (v.root->due.at_ms != 0));
    invariant(!v.root->armed || keyspace_entry_of_root(t->k, v.root) == e);
}

static void check_entry(void *arg, void *entry) {
    struct tally *t = arg;
    const struct entry *e = entry;
    struct slice name = entry_key(e);
    invariant(e->type < TYPE_COUNT && e->form <= FORM_ROOT);
    invariant(!!(e->flags & ENTRY_LONG_KEY) == (name.n > ENTRY_KEY_SHORT_MAX));
    invariant(keyspace_find(t->k, hash_entry(t->k->common, e), &name) == e);
    invariant(!t->k->walk.on || entry_mark(e) == 0 || table_position(hash_entry(t->k->common, e)) >= t->k->walk.cursor);
    t->count++;
    t->expiring += entry_expires(e);
    if (entry_expires(e)) t->expiry_sum += expiry_grains(entry_expire_at(e));
    t->bytes += slab_round(entry_size(e));
    if (e->form == FORM_BLOB) {
        invariant(entry_blob(e)->owner == &t->k->blobs);
        if (blob_shared(entry_blob(e))) t->shared = true;
        else t->bytes += blob_size(entry_blob(e));
    }
    check_value(t, e);
}

void keyspace_check(struct keyspace *k) {
    struct tally t = { .k = k };
    blob_bury(&k->blobs);
    table_check(&k->table);
    for (uint64_t at = table_walk(&k->table, 0, 16, check_entry, &t); at; at = table_walk(&k->table, at, 16, check_entry, &t)) { }
    invariant(t.count == k->table.count && t.count == atomic_load(&k->counts->keys));
    invariant(t.expiring == (k->wheel ? wheel_count(k->wheel) : 0) && t.expiring == atomic_load(&k->counts->expiring));
    invariant(t.expiry_sum == k->expiry_sum && t.expiry_sum == atomic_load(&k->counts->expiry_sum));
    if (k->wheel) wheel_check(k->wheel);
    slab_check(k->blobs.slab);
    slab_check(k->index);
    if (k->nodes) {
        slab_check(k->nodes);
        size_t used = slab_usage(k->nodes).used;
        invariant(k->doomed ? used > t.nodes : k->walk.on ? used >= t.nodes : used == t.nodes); // an image may have roots of its own
    }
    invariant(t.armed == (k->root_wheel ? wheel_count(k->root_wheel) : 0));
    if (k->root_wheel) wheel_check(k->root_wheel);
    // Beyond that there are only blobs that several entries share, or readers still hold.
    size_t used = slab_usage(k->blobs.slab).used;
    invariant(t.shared || atomic_load(&k->blobs.pins) ? used >= t.bytes : used == t.bytes);
}
