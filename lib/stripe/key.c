// Keys: where one is, whether it is there, and what is known of it without its value.
#include "base/clock.h"
#include "stripe/evict_int.h"
#include "stripe/keyspace_int.h"
#include "stripe/s3fifo.h"

// ---- where a key is --------------------------------------------------------------------------------------------------

// The part of a name with a brace that decides about its stripe: the {tag}, or all of it.
static struct slice hash_tag(struct slice name) {
    const char *open = memchr(name.p, '{', name.n);
    const char *end = name.p + name.n, *close = memchr(open + 1, '}', (size_t)(end - open - 1));
    if (!close || close == open + 1) return name;
    return (struct slice){ open + 1, (size_t)(close - open - 1) };
}

uint64_t key_route_tagged(const struct common *c, struct slice name, uint64_t hash) {
    struct slice tag = hash_tag(name);
    return tag.n == name.n ? hash : hash_bytes(&c->seed, tag.p, tag.n);
}

struct keyspace *keyspace_make(const struct key *k) {
    struct keyspace *ks = keyspace_of(k);
    if (likely(ks)) return ks;
    ks = keyspace_create(k->stripe->common, &k->stripe->counts[k->db]);
    if (ks) ks->blobs.stripe = k->stripe_number;
    // Published whole: hints read it without the lease.
    if (ks) atomic_store_explicit(&k->stripe->dbs[k->db], ks, memory_order_release);
    return ks;
}

// ---- time --------------------------------------------------------------------------------------------------------------

int64_t txn_now(struct txn *t) {
    if (t->now_ms) return t->now_ms;
    struct common *c = t->common;
    int64_t now = c->wall_ms ? c->wall_ms(c->wall_arg) : clock_wall_ms();
    int64_t max = atomic_load_explicit(&c->now_max, memory_order_acquire);
    while (max < now && !atomic_compare_exchange_weak(&c->now_max, &max, now)) { }
    t->now_ms = MAX(now, max);
    return t->now_ms;
}

void stripe_due(struct stripe *s, int64_t at_ms) {
    if (at_ms < atomic_load_explicit(&s->due_ms, memory_order_relaxed)) {
        atomic_store(&s->due_ms, at_ms);
    }
}

// ---- access metadata: Redis's LRU and LFU, in the same 24 bits -------------------------------------------------------------

enum { LFU_INITIAL = 5 };

// Read once an execution.
static uint32_t seconds(struct txn *t) {
    if (!t->access_s) t->access_s = (uint32_t)clock_mono_s();
    return t->access_s;
}
static uint32_t lru_of(uint32_t s) { return s & ((1u << ENTRY_ACCESS_BITS) - 1); }
static uint32_t lfu_minutes(uint32_t s) { return s / 60 & 0xffff; }

static uint32_t lfu_decayed(const struct common *c, const struct entry *e, uint32_t minutes) {
    uint32_t counter = e->access & 0xff, idle = (minutes - (e->access >> 8)) & 0xffff;
    uint64_t decay = settings_number(&c->settings.lfu_decay_minutes), fall = decay ? idle / decay : 0;
    return counter > fall ? counter - (uint32_t)fall : 0;
}

static bool policy_is_lfu(const struct common *c) { return access_policy(c) == ACCESS_LFU; }

static uint32_t lfu_touched(struct txn *t, struct stripe *s, const struct entry *e) {
    uint32_t minutes = lfu_minutes(seconds(t)), counter = lfu_decayed(s->common, e, minutes);
    // The probability of one more falls with the counter, so that eight bits reach from one access to a million.
    uint64_t above = counter > LFU_INITIAL ? counter - LFU_INITIAL : 0;
    if (counter < 255 && random_below(&s->random, above * settings_number(&s->common->settings.lfu_log_factor) + 1) == 0) counter++;
    return minutes << 8 | counter;
}

static uint32_t lru_touched(struct txn *t) {
    struct common *c = t->common;
    uint32_t now = atomic_load_explicit(&c->settings.access_now, memory_order_relaxed);
    if (now != ACCESS_ASK) return now;
    if (c->access_asked) c->access_asked(c);
    return seconds(t);
}

static void touch(struct txn *t, struct stripe *s, struct entry *e) {
    uint32_t access = 0;
    switch (access_policy(s->common)) {
    case ACCESS_LRU: access = lru_touched(t); break;
    case ACCESS_LFU: access = lfu_touched(t, s, e); break;
    case ACCESS_S3FIFO: access = s3_used(e->access); break;
    }
    e->access = access & ((1u << ENTRY_ACCESS_BITS) - 1);
}

uint32_t txn_first_access(struct txn *t) {
    if (access_policy(t->common) == ACCESS_S3FIFO) return 0;
    return policy_is_lfu(t->common) ? (lfu_minutes(seconds(t)) << 8 | LFU_INITIAL) : lru_of(lru_touched(t));
}

enum { IDLE_AHEAD_MAX_S = 60 };

// By the clock that accesses are noted by, which may be late: then an access that was noted by reading a clock is ahead of it.
uint64_t entry_idle_s(struct txn *t, const struct entry *e) {
    uint32_t idle = lru_of(lru_touched(t) - e->access);
    return idle > lru_of(0u - IDLE_AHEAD_MAX_S) ? 0 : idle;
}

// The clock begins with the system, and a key that was read back may have been used long before: so what is told is further on by what an access can hold.
uint64_t entry_used_at(struct txn *t, const struct entry *e) { return lru_touched(t) + (UINT64_C(1) << ENTRY_ACCESS_BITS) - entry_idle_s(t, e); }

uint64_t entry_lfu_minute(struct txn *t, const struct entry *e) {
    uint32_t now = seconds(t) / 60, idle = (now - (e->access >> 8)) & 0xffff;
    return (uint64_t)now + 0x10000 - idle;
}

uint32_t entry_frequency(struct txn *t, const struct entry *e) { return lfu_decayed(t->common, e, lfu_minutes(seconds(t))); }

void entry_set_access(struct txn *t, struct entry *e, int64_t idle_s, int64_t frequency) {
    uint32_t access = e->access;
    if (policy_is_lfu(t->common)) {
        if (frequency >= 0) access = lfu_minutes(seconds(t)) << 8 | (uint32_t)frequency;
    } else if (idle_s >= 0 && access_policy(t->common) == ACCESS_LRU) {
        // What was used before that clock began is as old as it can be.
        access = lru_touched(t) - (uint32_t)MIN(idle_s, (1 << ENTRY_ACCESS_BITS) - 2 * IDLE_AHEAD_MAX_S);
    } else if (frequency >= 0 && (t->flags & TXN_REPLAY) && access_policy(t->common) == ACCESS_S3FIFO) { // its bits, of a snapshot
        access = s3_told((uint32_t)frequency);
    }
    e->access = access & ((1u << ENTRY_ACCESS_BITS) - 1);
}

// ---- finding -----------------------------------------------------------------------------------------------------------

// True: its time has come, and it is gone.
static __attribute__((noinline)) bool expire_entry(struct txn *t, const struct key *k, struct entry *e) {
    if ((t->flags & TXN_REPLAY) || entry_expire_at(e) > txn_now(t)) return false;
    if (effect_expired(t, k)) {
        key_removed(k, REMOVED_EXPIRED);
        key_delete(t, k, e);
        count_up(&k->stripe->counters.expired);
        event_emit(t, k, EVENT_EXPIRED, "expired");
        t->expired = true;
        if (unlikely(k->stripe->waiting.count)) waiting_ready(k); // XREADGROUP is told
        if (unlikely(k->stripe->watching.count)) watch_mark(k->stripe, k->db, k->hash, k->name, true);
    }
    stripe_changed(k->stripe);
    return true; // without room for the effect it is still there, but txn->no_memory lets nobody change anything
}

struct entry *key_found(struct txn *t, const struct key *k, struct entry *e, uint32_t how) {
    struct stripe *s = k->stripe;
    if (!e || (entry_expires(e) && expire_entry(t, k, e))) {
        if (how & FIND_COUNT) {
            count_up(&s->counters.misses);
            event_emit(t, k, EVENT_MISS, "keymiss");
        }
        return NULL;
    }
    if (how & FIND_COUNT) count_up(&s->counters.hits);
    if ((how & FIND_TOUCH) && !(t->flags & TXN_NO_TOUCH)) touch(t, s, e);
    return e;
}

struct entry *key_find(struct txn *t, const struct key *k, uint32_t how) {
    struct keyspace *ks = keyspace_of(k);
    return key_found(t, k, ks ? keyspace_find(ks, k->hash, &k->name) : NULL, how);
}

void key_prefetch_items(const struct key *k, const struct slice *names, size_t n) {
    enum { MAX_AT_ONCE = 32, FEW = 64 /* are in the cache anyway */ };
    const struct table_bucket *hints[MAX_AT_ONCE];
    uint64_t hashes[MAX_AT_ONCE];
    const struct keyspace *ks = keyspace_of(k);
    const struct entry *e = ks ? keyspace_find(ks, k->hash, &k->name) : NULL;
    if (!e || e->form != FORM_ROOT || !value_kinds[e->type]->items) return;
    const struct table *items = value_kinds[e->type]->items(entry_root(e));
    n = items->count < FEW ? 0 : MIN(n, (size_t)MAX_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_bytes(items->ctx, names[i].p, names[i].n);
        hints[i] = table_prefetch_bucket(items, hashes[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (hints[i]) table_prefetch_entry(hints[i], hashes[i]);
    }
}
