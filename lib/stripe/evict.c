// Eviction: which key of a stripe goes when there is too much in memory, and how.
//
// Which. Of keys drawn at random the one that the policy can best do without, as Redis does it, and as there, the best of those that were drawn and not needed are
// remembered: a stripe's `victims`, up to VICTIMS of them, best first. A key's hash stands for it; when its turn comes it is looked up, and what it is
// worth computed anew: who was used meanwhile is let off. Volatile keys that are few among others come from the wheel of expiry, not from the table; what
// is due first (volatile-ttl) is known without drawing.
//
// The value of a candidate is a number that does not change while nobody uses the key, so that those of several stripes can be compared, at any time: the lower, the
// sooner it goes. A stripe tells its best in `best_victim`.
//
//     LRU   the second of the last access + 1
//     LFU   the counter, after decay; among equal ones, the minute in which it was last counted
//     TTL   the time of expiry
//
// How. As expiry: a DEL in the effects, an event, who watches or waits is told; all under the stripe's lease.
#include "base/mem.h"
#include "stripe/evict_int.h"
#include "stripe/keyspace_int.h"
#include "stripe/s3fifo.h"

enum { VICTIMS = 16, VOLATILE_TRIES = 32, VOLATILE_RARE = 16 /* one in so many keys expires */ };

struct victim {
    uint64_t value, hash;
    uint32_t db;
};
struct victims {
    enum memory_policy policy; // what the values mean
    uint32_t count;
    struct victim best[VICTIMS];
};

static enum memory_policy policy_of(const struct common *c) {
    return (enum memory_policy)atomic_load_explicit(&c->settings.maxmemory_policy, memory_order_relaxed);
}

static bool is_volatile(enum memory_policy p) { return p <= POLICY_VOLATILE_TTL; }

static uint64_t candidates(const struct stripe *s, uint32_t db, enum memory_policy p) {
    return is_volatile(p) ? stripe_count_expiring(s, db) : stripe_count(s, db);
}

bool stripe_has_victims(const struct stripe *s) {
    enum memory_policy p = policy_of(s->common);
    if (p == POLICY_NOEVICTION) return false;
    for (uint32_t db = 0; db < s->common->databases; db++) {
        if (candidates(s, db, p)) return true;
    }
    return false;
}

// ---- drawing -------------------------------------------------------------------------------------------------------------

static struct keyspace *db_of(const struct stripe *s, uint32_t db) { return atomic_load_explicit(&s->dbs[db], memory_order_acquire); }

// A database, each with the chance that its keys are of all. UINT32_MAX: there are none.
static uint32_t draw_db(struct stripe *s, enum memory_policy p) {
    uint64_t all = 0, at;
    uint32_t only = UINT32_MAX;
    for (uint32_t db = 0; db < s->common->databases; db++) {
        uint64_t n = candidates(s, db, p);
        if (n && !all) only = db;
        all += n;
    }
    if (!all || candidates(s, only, p) == all) return only;
    at = random_below(&s->random, all);
    for (uint32_t db = 0;; db++) {
        uint64_t n = candidates(s, db, p);
        if (at < n) return db;
        at -= n;
    }
}

static struct entry *draw_volatile(struct stripe *s, struct keyspace *k) {
    size_t expiring = k->wheel ? wheel_count(k->wheel) : 0;
    if (!expiring) return NULL;
    for (int i = 0; expiring * VOLATILE_RARE >= k->table.count && i < VOLATILE_TRIES; i++) {
        struct entry *e = table_random(&k->table, &s->random);
        if (e && entry_expires(e)) return e;
    }
    struct wheel_node *n = wheel_any(k->wheel, random_next(&s->random));
    return n ? entry_of_wheel_node(n) : NULL;
}

static struct entry *draw(struct stripe *s, struct keyspace *k, enum memory_policy p) {
    return is_volatile(p) ? draw_volatile(s, k) : table_random(&k->table, &s->random);
}

// ---- the best of them ------------------------------------------------------------------------------------------------------

static uint64_t value_of(struct txn *t, const struct entry *e, enum memory_policy p) {
    if (p == POLICY_ALLKEYS_LFU || p == POLICY_VOLATILE_LFU) return ((uint64_t)entry_frequency(t, e) << 32 | entry_lfu_minute(t, e)) + 1;
    return entry_used_at(t, e) + 1;
}

// Puts it in its place; the worst falls out if there are too many.
static void remember(struct victims *v, struct victim one) {
    uint32_t at = v->count;
    for (uint32_t i = 0; i < v->count; i++) {
        if (v->best[i].hash == one.hash && v->best[i].db == one.db) return;
    }
    if (at == VICTIMS && v->best[--at].value <= one.value) return;
    for (; at > 0 && v->best[at - 1].value > one.value; at--) v->best[at] = v->best[at - 1];
    v->best[at] = one;
    if (v->count < VICTIMS) v->count++;
}

static void forget_best(struct victims *v) { memmove(v->best, v->best + 1, --v->count * sizeof v->best[0]); }

static bool has_hash(const void *entry, const void *wanted) {
    const struct victim_key *k = wanted;
    return keyspace_hash(k->keyspace, entry) == k->hash;
}

struct entry *keyspace_find_hash(struct keyspace *k, uint64_t hash) {
    struct victim_key key = { k, hash };
    return table_find(&k->table, hash, has_hash, &key);
}

static struct victims *victims_of(struct stripe *s, enum memory_policy p) {
    if (!s->victims) {
        s->victims = mem_alloc_zero(sizeof *s->victims);
        if (s->victims) account_add(s, sizeof *s->victims);
    }
    if (s->victims && s->victims->policy != p) *s->victims = (struct victims){ .policy = p };
    return s->victims;
}

static void publish(struct stripe *s, const struct victims *v) {
    atomic_store_explicit(&s->best_victim, v->count ? v->best[0].value : 0, memory_order_relaxed);
}

// The best that is remembered, if it still is what it was.
static struct entry *recall(struct stripe *s, struct txn *t, struct victims *v, uint32_t *db, uint64_t *hash) {
    while (v->count) {
        struct victim one = v->best[0];
        struct keyspace *k = db_of(s, one.db);
        struct entry *e = k ? keyspace_find_hash(k, one.hash) : NULL;
        forget_best(v);
        if (!e || (is_volatile(v->policy) && !entry_expires(e)) || value_of(t, e, v->policy) > one.value) continue;
        *db = one.db;
        *hash = one.hash;
        return e;
    }
    return NULL;
}

static struct entry *choose_by_value(struct stripe *s, struct txn *t, enum memory_policy p, uint32_t *db, uint64_t *hash) {
    uint64_t samples = atomic_load_explicit(&s->common->settings.maxmemory_samples, memory_order_relaxed);
    uint32_t from = draw_db(s, p);
    struct keyspace *k = from == UINT32_MAX ? NULL : db_of(s, from);
    struct victims *v = victims_of(s, p);
    struct victims few = { .policy = p };
    if (!k) return NULL;
    if (!v) v = &few; // no memory to remember any: the best of these then
    for (uint64_t i = 0; i < MIN(samples, (uint64_t)64); i++) {
        const struct entry *e = draw(s, k, p);
        if (e) remember(v, (struct victim){ value_of(t, e, p), keyspace_hash(k, e), from });
    }
    struct entry *e = recall(s, t, v, db, hash);
    publish(s, v);
    return e;
}

static struct entry *choose_soonest(struct stripe *s, uint32_t *db) {
    struct entry *best = NULL;
    for (uint32_t i = 0; i < s->common->databases; i++) {
        struct keyspace *k = db_of(s, i);
        struct wheel_node *n = k && k->wheel ? wheel_soonest(k->wheel) : NULL;
        if (!n || (best && entry_expire_at(best) <= n->at_ms)) continue;
        best = entry_of_wheel_node(n);
        *db = i;
    }
    return best;
}

static struct entry *choose(struct stripe *s, struct txn *t, enum memory_policy p, struct key *key) {
    struct entry *e = NULL;
    uint64_t hash = 0;
    switch (p) {
    case POLICY_NOEVICTION: return NULL;
    case POLICY_VOLATILE_TTL: e = choose_soonest(s, &key->db); break;
    case POLICY_ALLKEYS_S3FIFO:
        key->db = draw_db(s, p);
        if (key->db != UINT32_MAX) e = s3_choose(db_of(s, key->db), &s->random, &hash);
        break;
    case POLICY_ALLKEYS_RANDOM:
    case POLICY_VOLATILE_RANDOM:
        key->db = draw_db(s, p);
        if (key->db != UINT32_MAX) e = draw(s, db_of(s, key->db), p);
        break;
    default: e = choose_by_value(s, t, p, &key->db, &hash); break;
    }
    if (e && !hash) hash = keyspace_hash(db_of(s, key->db), e);
    key->hash = hash;
    return e;
}

// ---- letting it go -----------------------------------------------------------------------------------------------------------

static bool let_go(struct stripe *s, struct txn *t, struct key *key, struct entry *e) {
    bool late = entry_expires(e) && entry_expire_at(e) <= txn_now(t);
    key->name = entry_key(e);
    key->stripe = s;
    key->stripe_number = s->index;
    if (!effect_del(t, key)) return false;
    if (unlikely(s->waiting.count)) waiting_ready(key); // before the name goes with the entry
    if (unlikely(s->watching.count)) watch_mark(s, key->db, key->hash, key->name, late);
    event_emit(t, key, late ? EVENT_EXPIRED : EVENT_EVICTED, late ? "expired" : "evicted");
    key_removed(key, late ? REMOVED_EXPIRED : REMOVED_EVICTED);
    struct keyspace *k = db_of(s, key->db);
    key_delete(t, key, e);
    keyspace_publish(k);
    count_up(late ? &s->counters.expired : &s->counters.evicted);
    return true;
}

// Those of a policy that is not any more.
static void drop_queues(struct stripe *s) {
    for (uint32_t db = 0; db < s->common->databases; db++) {
        struct keyspace *k = db_of(s, db);
        if (likely(!k || !k->s3)) continue;
        s3_free(k->s3);
        k->s3 = NULL;
        keyspace_publish(k);
    }
}

uint32_t stripe_evict(struct stripe *s, struct txn *t, uint64_t goal, uint32_t max) {
    enum memory_policy p = policy_of(s->common);
    int64_t before = atomic_load_explicit(&s->memory, memory_order_relaxed);
    uint32_t n = 0;
    while (n < max) {
        struct key key = { 0 };
        struct entry *e = choose(s, t, p, &key);
        if (!e || !let_go(s, t, &key, e)) break;
        n++;
        if (before - atomic_load_explicit(&s->memory, memory_order_relaxed) >= (int64_t)goal) break;
    }
    if (n) stripe_changed(s);
    if (p != POLICY_ALLKEYS_S3FIFO) drop_queues(s);
    account_flush(s);
    return n;
}
