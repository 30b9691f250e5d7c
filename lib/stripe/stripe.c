// Stripes as a whole: making them, visiting what is in them, and their work in the background.
#include "stripe/stripe.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kora.h"
#include "stripe/keyspace_int.h"
#include "stripe/snapshot.h"

static int stripe_init(struct stripe *s, struct common *c, uint32_t index) {
    s->common = c;
    s->index = index;
    atomic_init(&s->due_ms, INT64_MAX);
    random_seed(&s->random, c->seed.k0 ^ index);
    s->dbs = mem_alloc_zero(c->databases * sizeof *s->dbs);
    s->counts = mem_alloc_zero(c->databases * sizeof *s->counts);
    return s->dbs && s->counts ? KORA_OK : KORA_NOMEM;
}

int stripes_init(struct common *c, uint32_t databases, uint32_t stripe_count) {
    invariant(stripe_count > 0 && (stripe_count & (stripe_count - 1)) == 0);
    c->databases = databases;
    c->stripe_count = stripe_count;
    uint64_t fixed = stripe_count * (sizeof *c->stripes + databases * (sizeof *c->stripes->dbs + sizeof *c->stripes->counts));
    atomic_store_explicit(&c->account.fixed, fixed, memory_order_relaxed);
    atomic_store_explicit(&c->account.sum, (int64_t)fixed, memory_order_relaxed);
    c->stripes = mem_alloc_zero(stripe_count * sizeof *c->stripes);
    if (!c->stripes) return KORA_NOMEM;
    for (uint32_t i = 0; i < stripe_count; i++) {
        if (stripe_init(&c->stripes[i], c, i) != KORA_OK) {
            stripes_free(c);
            return KORA_NOMEM;
        }
    }
    account_configure(c);
    return KORA_OK;
}

static void free_list(struct keyspace *k) {
    while (k) {
        struct keyspace *next = k->next;
        keyspace_destroy(k);
        k = next;
    }
}

void stripes_free(struct common *c) {
    for (uint32_t i = 0; c->stripes && i < c->stripe_count; i++) {
        struct stripe *s = &c->stripes[i];
        snapshot_end(s);
        for (uint32_t db = 0; s->dbs && db < c->databases; db++) {
            struct keyspace *k = atomic_load_explicit(&s->dbs[db], memory_order_relaxed);
            if (k) keyspace_destroy(k);
        }
        free_list(s->garbage);
        waiting_free(s);
        watch_free(s);
        mem_free(s->victims);
        mem_free(s->dbs);
        mem_free(s->counts);
    }
    mem_free(c->stripes);
    c->stripes = NULL;
}

static struct keyspace *db_of(const struct stripe *s, uint32_t db) {
    return atomic_load_explicit(&s->dbs[db], memory_order_acquire);
}

// ---- visits ------------------------------------------------------------------------------------------------------------

uint64_t stripe_count(const struct stripe *s, uint32_t db) { return atomic_load_explicit(&s->counts[db].keys, memory_order_relaxed); }

uint64_t stripe_count_expiring(const struct stripe *s, uint32_t db) {
    return atomic_load_explicit(&s->counts[db].expiring, memory_order_relaxed);
}

struct live_visit {
    struct txn *t;
    table_visit_fn *visit;
    void *arg;
};

static bool is_live(struct txn *t, const struct entry *e) { return !entry_expires(e) || entry_expire_at(e) > txn_now(t); }

static void visit_live(void *arg, void *entry) {
    struct live_visit *v = arg;
    if (is_live(v->t, entry)) v->visit(v->arg, entry);
}

uint64_t stripe_scan(struct stripe *s, struct txn *t, uint32_t db, uint64_t cursor, size_t max, table_visit_fn *visit, void *arg) {
    struct keyspace *k = db_of(s, db);
    struct live_visit v = { t, visit, arg };
    return k ? table_scan(&k->table, cursor, max, visit_live, &v) : 0;
}

enum { RANDOM_TRIES = 100 };

struct entry *stripe_random(struct stripe *s, struct txn *t, uint32_t db) {
    struct keyspace *k = db_of(s, db);
    for (int i = 0; k && i < RANDOM_TRIES; i++) {
        struct entry *e = table_random(&k->table, &s->random);
        if (!e || is_live(t, e)) return e;
    }
    return NULL; // nearly all of them have expired
}

static void find_due(struct stripe *s) {
    int64_t due = INT64_MAX;
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (k && k->wheel) due = MIN(due, wheel_next(k->wheel));
        if (k && k->root_wheel) due = MIN(due, wheel_next(k->root_wheel));
    }
    atomic_store(&s->due_ms, due);
}

static void put_db(struct stripe *s, uint32_t db, struct keyspace *k) {
    atomic_store_explicit(&s->dbs[db], k, memory_order_release);
    if (k) {
        k->counts = &s->counts[db];
        keyspace_publish(k);
    } else {
        atomic_store_explicit(&s->counts[db].keys, 0, memory_order_relaxed);
        atomic_store_explicit(&s->counts[db].expiring, 0, memory_order_relaxed);
        atomic_store_explicit(&s->counts[db].expiry_sum, 0, memory_order_relaxed);
        atomic_store_explicit(&s->counts[db].used, 0, memory_order_relaxed);
        atomic_store_explicit(&s->counts[db].held, 0, memory_order_relaxed);
        atomic_store_explicit(&s->counts[db].index, 0, memory_order_relaxed);
    }
}

struct changed_dbs {
    uint32_t a, b;
};

// What waits for a key of one of two databases may find it now, or that it has gone.
static void is_ready(void *arg, struct wait_list *l) {
    const struct changed_dbs *dbs = arg;
    if (l->db == dbs->a || l->db == dbs->b || dbs->a == UINT32_MAX) waiting_ready_list(l);
}

bool stripe_flush(struct stripe *s, uint32_t db) {
    uint32_t from = db == UINT32_MAX ? 0 : db, to = db == UINT32_MAX ? s->common->databases : db + 1;
    bool had = false;
    if (unlikely(s->watching.count)) watch_mark_flush(s, db);
    for (uint32_t i = from; i < to; i++) {
        struct keyspace *k = db_of(s, i);
        if (!k) continue;
        had |= k->table.count > 0;
        keyspace_discharge(k);
        put_db(s, i, NULL);
        k->walk.dropped = true;
        if (k->walk.on) {
            snapshot_keeps_(k);
            continue;
        }
        k->next = s->garbage;
        s->garbage = k;
    }
    find_due(s);
    if (had) waiting_each(s, is_ready, &(struct changed_dbs){ db, db });
    return had;
}

void stripe_swap(struct stripe *s, struct txn *t, uint32_t a, uint32_t b) {
    if (unlikely(s->watching.count)) watch_mark_swap(s, t, a, b);
    struct keyspace *ka = db_of(s, a), *kb = db_of(s, b);
    put_db(s, a, kb);
    put_db(s, b, ka);
    waiting_each(s, is_ready, &(struct changed_dbs){ a, b });
}

// ---- background ----------------------------------------------------------------------------------------------------------

// A slice is over when its time is, or when it has told as much as a stripe's log should have to take at once.
enum { EXPIRE_EFFECTS = 16384 };
static bool slice_is_over(const struct txn *t, int n, int64_t until_us) {
    return n % 16 == 15 && (t->effects.n > EXPIRE_EFFECTS || clock_mono_us() >= until_us);
}

static bool expire_db(struct stripe *s, struct txn *t, uint32_t db, int64_t until_us) {
    struct keyspace *k = db_of(s, db);
    if (!k || !k->wheel) return false;
    for (int n = 0;; n++) {
        if (slice_is_over(t, n, until_us)) return true;
        bool again = false;
        struct wheel_node *node = wheel_pop(k->wheel, txn_now(t), &again);
        if (!node) {
            if (again) continue;
            return false;
        }
        struct entry *e = entry_of_wheel_node(node);
        struct key key;
        key_locate(s->common, &key, db, entry_key(e));
        wheel_add(k->wheel, node, node->at_ms); // back in, so that deleting it is the same as for everybody else
        if (!effect_del(t, &key)) return false;
        if (unlikely(s->waiting.count)) waiting_ready(&key); // before the name goes with the entry
        if (unlikely(s->watching.count)) watch_mark(s, db, key.hash, key.name, true);
        event_emit(t, &key, EVENT_EXPIRED, "expired");
        key_removed(&key, REMOVED_EXPIRED);
        key_delete(t, &key, e);
        stripe_changed(s);
        count_up(&s->counters.expired);
    }
}

// What is inside of collections. Each takes out all that is due in one go, which its kind keeps short.
static bool expire_roots(struct stripe *s, struct txn *t, uint32_t db, int64_t until_us) {
    struct keyspace *k = db_of(s, db);
    if (!k || !k->root_wheel) return false;
    for (int n = 0;; n++) {
        if (slice_is_over(t, n, until_us)) return true;
        bool again = false;
        struct wheel_node *node = wheel_pop(k->root_wheel, txn_now(t), &again);
        if (!node) {
            if (again) continue;
            return false;
        }
        struct root *r = CONTAINER_OF(node, struct root, due);
        struct entry *e = keyspace_entry_of_root(k, r);
        struct key key;
        struct value v;
        r->armed = false;
        keyspace_arm_root(k, r, r->hash); // back in, until its kind says for when
        key_locate(s->common, &key, db, entry_key(e));
        keyspace_will_change(k, key.hash, e);
        value_attach(&v, (enum value_type)e->type, t, &key, e);
        key_mark_watched(&key); // before the name may go with the entry
        if (!value_kind(&v)->expire(&v, txn_now(t))) {
            t->no_memory = true; // it is tried again later
            return false;
        }
        keyspace_publish(k);
        stripe_changed(s);
    }
}

enum { EXPIRE_RETRY_MS = 100 };

bool stripe_expire(struct stripe *s, struct txn *t, int64_t budget_us) {
    int64_t until_us = clock_mono_us() + budget_us;
    bool more = false;
    for (uint32_t db = 0; db < s->common->databases && !more; db++) more = expire_db(s, t, db, until_us) || expire_roots(s, t, db, until_us);
    if (t->no_memory) atomic_store(&s->due_ms, txn_now(t) + EXPIRE_RETRY_MS); // what could not be told of stays for now
    else find_due(s);
    return more;
}

enum { COMPACT_SLICE = 256 * 1024, COMPACT_US = 300 }; // bytes moved at a time, some hundred microseconds; and until when another database has its turn

bool stripe_compact(struct stripe *s) {
    bool more = false;
    int64_t until_us = clock_mono_us() + COMPACT_US;
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (!k) continue;
        if (more && clock_mono_us() >= until_us) break;
        more |= keyspace_compact(k, COMPACT_SLICE, until_us);
    }
    return more;
}

bool stripe_wants_compaction(const struct stripe *s) {
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (k && keyspace_wants_compaction(k)) return true;
    }
    return false;
}

struct keyspace *stripe_take_garbage(struct stripe *s) {
    struct keyspace *k = s->garbage;
    s->garbage = NULL;
    return k;
}

struct keyspace *keyspaces_join(struct keyspace *a, struct keyspace *b) {
    struct keyspace **end = &a;
    while (*end) end = &(*end)->next;
    *end = b;
    return a;
}

bool keyspaces_free(struct keyspace **list) {
    struct keyspace **at = list;
    while (*at) {
        struct keyspace *k = *at;
        if (atomic_load_explicit(&k->blobs.pins, memory_order_acquire) > 0) {
            at = &k->next;
            continue;
        }
        struct keyspace *pinned = at == list ? NULL : *list;
        *at = NULL; // those before it are pinned: they go to the end
        *list = keyspaces_join(k->next, pinned);
        keyspace_destroy(k);
        return *list == NULL;
    }
    return *list == NULL;
}

// ---- accounts --------------------------------------------------------------------------------------------------------------

struct stripe_memory stripe_memory(const struct stripe *s) {
    struct stripe_memory m = { 0 };
    for (uint32_t db = 0; db < s->common->databases; db++) {
        m.used += atomic_load_explicit(&s->counts[db].used, memory_order_relaxed);
        m.held += atomic_load_explicit(&s->counts[db].held, memory_order_relaxed);
    }
    return m;
}

uint64_t stripe_pins(const struct stripe *s) {
    uint64_t n = 0;
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (k) n += atomic_load_explicit(&k->blobs.pins, memory_order_acquire);
    }
    for (const struct keyspace *k = s->garbage; k; k = k->next) n += atomic_load_explicit(&k->blobs.pins, memory_order_acquire);
    return n;
}

void stripe_check(struct stripe *s) {
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (k) keyspace_check(k);
    }
}
