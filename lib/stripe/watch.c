// Watched keys (watch.h): a hash table of records for each stripe, chained, as large as there are records.
#include "stripe/watch.h"

#include "base/mem.h"
#include "stripe/stripe.h"

enum { BUCKETS_MIN = 8 };

// ---- records ---------------------------------------------------------------------------------------------------------------

static struct watch_record **bucket(const struct watch_records *w, uint64_t hash) { return &w->buckets[hash & (w->bucket_count - 1)]; }

static void link_record(struct watch_record **at, struct watch_record *r) {
    r->next = *at;
    r->at = at;
    if (r->next) r->next->at = &r->next;
    *at = r;
}

static void unlink_record(struct watch_record *r) {
    if (!r->at) return;
    *r->at = r->next;
    if (r->next) r->next->at = r->at;
    r->at = NULL;
    r->stripe->watching.count--;
}

static bool grow(struct stripe *s, struct watch_records *w) {
    if (w->count < w->bucket_count) return true;
    uint32_t count = MAX(w->bucket_count * 2, (uint32_t)BUCKETS_MIN), had = w->bucket_count;
    struct watch_record **old = w->buckets, **wider = mem_alloc_zero(count * sizeof *wider);
    if (!wider) return false;
    account_add(s, (int64_t)((count - had) * sizeof *wider));
    w->buckets = wider;
    w->bucket_count = count;
    for (uint32_t i = 0; i < had; i++) {
        for (struct watch_record *r = old[i], *next; r; r = next) {
            next = r->next;
            link_record(bucket(w, r->hash), r);
        }
    }
    mem_free(old);
    return true;
}

static bool is_about(const struct watch_record *r, const struct stripe *s, uint32_t db, uint64_t hash, struct slice name) {
    return r->hash == hash && r->db == db && r->stripe == s && slice_equal(slice_of(r->name, r->len), name);
}

bool watch_add(struct watch_record **own, const struct key *k) {
    struct watch_records *w = &k->stripe->watching;
    if (unlikely(atomic_load_explicit(&w->dead, memory_order_relaxed))) watch_reap(k->stripe);
    for (const struct watch_record *r = *own; r; r = r->next_own) {
        if (is_about(r, k->stripe, k->db, k->hash, k->name)) return true;
    }
    if (k->name.n > UINT32_MAX || !grow(k->stripe, w)) return false;
    struct watch_record *r = mem_alloc(sizeof *r + k->name.n);
    if (!r) return false;
    *r = (struct watch_record){ .next_own = *own, .stripe = k->stripe, .hash = k->hash, .db = k->db, .len = (uint32_t)k->name.n };
    if (k->name.n) memcpy(r->name, k->name.p, k->name.n);
    account_add(k->stripe, (int64_t)(sizeof *r + k->name.n));
    link_record(bucket(w, r->hash), r);
    w->count++;
    *own = r;
    return true;
}

void watch_remove(struct watch_record *r) {
    unlink_record(r);
    account_add(r->stripe, -(int64_t)(sizeof *r + r->len));
    mem_free(r);
}

void watch_abandon(struct watch_record *r) {
    _Atomic(struct watch_record *) *dead = &r->stripe->watching.dead;
    struct watch_record *first = atomic_load_explicit(dead, memory_order_relaxed);
    do r->next_dead = first;
    while (!atomic_compare_exchange_weak_explicit(dead, &first, r, memory_order_release, memory_order_relaxed));
}

void watch_reap(struct stripe *s) {
    struct watch_record *r = atomic_exchange_explicit(&s->watching.dead, NULL, memory_order_acquire);
    for (struct watch_record *next; r; r = next) {
        next = r->next_dead;
        watch_remove(r);
    }
}

// ---- changes ---------------------------------------------------------------------------------------------------------------

static void mark(struct watch_record *r) {
    atomic_store_explicit(&r->changed, true, memory_order_release);
    unlink_record(r); // it need not be told again
}

void watch_mark(struct stripe *s, uint32_t db, uint64_t hash, struct slice name, bool only_expired) {
    for (struct watch_record *r = *bucket(&s->watching, hash), *next; r; r = next) {
        next = r->next;
        if (!is_about(r, s, db, hash, name)) continue;
        if (only_expired && r->expired) r->expired = false;
        else mark(r);
    }
}

static const struct entry *entry_at(const struct watch_record *r, uint32_t db) {
    const struct keyspace *ks = atomic_load_explicit(&r->stripe->dbs[db], memory_order_acquire);
    struct slice name = slice_of(r->name, r->len);
    return ks ? keyspace_find(ks, r->hash, &name) : NULL;
}

void watch_mark_flush(struct stripe *s, uint32_t db) {
    struct watch_records *w = &s->watching;
    for (uint32_t i = 0; w->count && i < w->bucket_count; i++) {
        for (struct watch_record *r = w->buckets[i], *next; r; r = next) {
            next = r->next;
            if ((db != UINT32_MAX && r->db != db) || !entry_at(r, r->db)) continue;
            if (r->expired) r->expired = false;
            else mark(r);
        }
    }
}

// It is in one of the two databases, and what is in the other will be there.
static void look_at_swap(struct watch_record *r, struct txn *t, uint32_t other) {
    const struct entry *comes = entry_at(r, other), *goes = entry_at(r, r->db);
    bool late = comes && entry_expires(comes) && entry_expire_at(comes) <= txn_now(t);
    if (!comes && !goes) return;
    if (goes && !r->expired) mark(r);
    else if (!comes) r->expired = false;
    else if (late) r->expired = true;
    else mark(r);
}

void watch_mark_swap(struct stripe *s, struct txn *t, uint32_t a, uint32_t b) {
    struct watch_records *w = &s->watching;
    for (uint32_t i = 0; w->count && i < w->bucket_count; i++) {
        for (struct watch_record *r = w->buckets[i], *next; r; r = next) {
            next = r->next;
            if (r->db == a || r->db == b) look_at_swap(r, t, r->db == a ? b : a);
        }
    }
}

// ---- looking ---------------------------------------------------------------------------------------------------------------

bool watch_has_changed(const struct watch_record *own) {
    for (; own; own = own->next_own) {
        if (atomic_load_explicit(&own->changed, memory_order_acquire)) return true;
    }
    return false;
}

uint32_t watch_count(const struct watch_record *own) {
    uint32_t n = 0;
    for (; own; own = own->next_own) n++;
    return n;
}

bool watch_has_changed_now(const struct watch_record *own, struct txn *t) {
    for (const struct watch_record *r = own; r; r = r->next_own) {
        struct key k = { .name = slice_of(r->name, r->len), .hash = r->hash, .stripe = r->stripe, .stripe_number = r->stripe->index, .db = r->db };
        key_find(t, &k, 0); // marks it, if its time has come
        const struct entry *e = entry_at(r, r->db);
        if (e && entry_expires(e) && !r->expired && entry_expire_at(e) <= txn_now(t)) return true; // no memory to delete it
    }
    return watch_has_changed(own);
}

void watch_free(struct stripe *s) {
    struct watch_records *w = &s->watching;
    watch_reap(s);
    for (uint32_t i = 0; i < w->bucket_count; i++) {
        while (w->buckets[i]) watch_remove(w->buckets[i]);
    }
    mem_free(w->buckets);
    *w = (struct watch_records){ 0 };
}
