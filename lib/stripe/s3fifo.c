// See s3fifo.h.
#include "stripe/s3fifo.h"

#include "base/mem.h"
#include "stripe/evict_int.h"

enum {
    RING_MIN = 64, GHOST_WAYS = 4, GHOST_MIN = 64,
    TIME_BITS = 12, TIME_MAX = 1 << 10, // how old, in units of time, a ghost may be; older ones are not taken for young ones before a quarter of the clock's round
    PENDING = 256,                      // who the hand has found, and is still to go
    SEGMENTS_MAX = 8,                   // that the hand goes on at once: some hundred keys each
    STEPS_MAX = 64,                     // of the small queue at once
};

struct s3fifo {
    uint64_t *ring;                  // [cap], a power of two
    uint32_t cap, head, count;
    uint32_t *ghost;                 // [ghost_slots], a power of two; 0: free
    uint32_t ghost_slots;
    uint32_t time, in_unit;          // units, and evictions in the present one
    uint64_t hand;                   // cursor of table_walk
    uint32_t pending, next;          // of those below: how many, and which comes next
    uint64_t wanted[PENDING];        // their hashes
};

uint64_t s3_memory(const struct s3fifo *s) {
    return s ? sizeof *s + s->cap * sizeof *s->ring + s->ghost_slots * sizeof *s->ghost : 0;
}

void s3_free(struct s3fifo *s) {
    if (!s) return;
    mem_free(s->ring);
    mem_free(s->ghost);
    mem_free(s);
}

static struct s3fifo *s3_of(struct keyspace *k) {
    if (!k->s3) k->s3 = mem_alloc_zero(sizeof *k->s3);
    return k->s3;
}

static uint32_t uses(const struct entry *e) { return e->access & S3_USES; }
static void set_access(struct entry *e, uint32_t access) { e->access = access & ((1u << ENTRY_ACCESS_BITS) - 1); }

// ---- ghost -------------------------------------------------------------------------------------------------------------------

// As many as there are keys are known: a unit is a part of that.
static uint32_t unit_of(const struct keyspace *k) { return (uint32_t)(k->table.count / TIME_MAX) + 1; }
static uint32_t age_max(const struct keyspace *k) { return (uint32_t)(k->table.count / unit_of(k)) + 1; }

static uint32_t *bucket_of(const struct s3fifo *s, uint64_t hash) {
    return &s->ghost[(hash >> 20 & (s->ghost_slots / GHOST_WAYS - 1)) * GHOST_WAYS];
}
static uint32_t mark_of(uint64_t hash) { return (uint32_t)(hash & 0xfffff) | 1; } // never 0
static uint32_t age_of(const struct s3fifo *s, uint32_t word) { return (s->time - word) & ((1u << TIME_BITS) - 1); }

// Made anew, and so forgotten, when the keys have become twice as many.
static bool make_ghost(struct keyspace *k, struct s3fifo *s) {
    uint32_t slots = MAX(s->ghost_slots, (uint32_t)GHOST_MIN);
    while (slots < UINT32_MAX / 4 && slots < k->table.count - k->table.count / 4) slots *= 2;
    if (slots == s->ghost_slots) return true;
    uint32_t *ghost = mem_alloc_zero(slots * sizeof *ghost);
    if (!ghost) return s->ghost != NULL;
    mem_free(s->ghost);
    s->ghost = ghost;
    s->ghost_slots = slots;
    return true;
}

static void ghost_add(struct keyspace *k, struct s3fifo *s, uint64_t hash) {
    if (!make_ghost(k, s)) return;
    if (++s->in_unit >= unit_of(k)) {
        s->in_unit = 0;
        s->time = (s->time + 1) & ((1u << TIME_BITS) - 1);
    }
    uint32_t *b = bucket_of(s, hash), *to = b;
    for (uint32_t *w = b; w < b + GHOST_WAYS; w++) {
        if (!*w || age_of(s, *w) > age_of(s, *to)) to = w;
        if (!*w) break;
    }
    *to = mark_of(hash) << TIME_BITS | s->time;
}

static bool ghost_take(struct keyspace *k, struct s3fifo *s, uint64_t hash) {
    if (!s->ghost) return false;
    uint32_t *b = bucket_of(s, hash);
    for (uint32_t *w = b; w < b + GHOST_WAYS; w++) {
        if (!*w || *w >> TIME_BITS != mark_of(hash)) continue;
        bool young = age_of(s, *w) < age_max(k);
        *w = 0;
        return young;
    }
    return false;
}

// ---- small ---------------------------------------------------------------------------------------------------------------------

static uint64_t small_pop(struct s3fifo *s) {
    uint64_t hash = s->ring[s->head];
    s->head = (s->head + 1) & (s->cap - 1);
    s->count--;
    return hash;
}

static bool widen(struct s3fifo *s) {
    uint32_t cap = MAX(s->cap * 2, (uint32_t)RING_MIN);
    uint64_t *ring = cap > s->cap ? mem_alloc(cap * sizeof *ring) : NULL;
    if (!ring) return false;
    for (uint32_t i = 0; i < s->count; i++) ring[i] = s->ring[(s->head + i) & (s->cap - 1)];
    mem_free(s->ring);
    s->ring = ring;
    s->cap = cap;
    s->head = 0;
    return true;
}

static void to_main(struct entry *e) { set_access(e, (e->access & ~(uint32_t)(S3_USES | S3_SEEN)) | S3_MAIN | 1); }

static void small_add(struct keyspace *k, struct s3fifo *s, uint64_t hash) {
    while (s->count >= MAX(k->table.count / 5, (uint64_t)RING_MIN)) {
        struct entry *e = keyspace_find_hash(k, small_pop(s));
        if (e && !(e->access & S3_MAIN)) to_main(e);
    }
    s->ring[(s->head + s->count++) & (s->cap - 1)] = hash;
}

void s3_added(struct keyspace *k, uint64_t hash, struct entry *e) {
    struct s3fifo *s = s3_of(k);
    set_access(e, 0);
    if (!s || (s->count == s->cap && !widen(s)) || ghost_take(k, s, hash)) to_main(e);
    else small_add(k, s, hash);
}

// NULL: nobody has to go, or those who were looked at have all been used or gone.
static struct entry *from_small(struct keyspace *k, struct s3fifo *s, uint64_t *hash) {
    for (int i = 0; i < STEPS_MAX && s->count > k->table.count / 10; i++) {
        *hash = small_pop(s);
        struct entry *e = keyspace_find_hash(k, *hash);
        if (!e || (e->access & S3_MAIN)) continue;
        if (uses(e) <= 1) {
            ghost_add(k, s, *hash);
            return e;
        }
        to_main(e);
    }
    return NULL;
}

// ---- main ----------------------------------------------------------------------------------------------------------------------

static void pass(void *arg, void *entry) {
    struct keyspace *k = arg;
    struct s3fifo *s = k->s3;
    struct entry *e = entry;
    if (!(e->access & S3_MAIN)) {
        if (e->access & S3_SEEN) to_main(e);
        else set_access(e, e->access | S3_SEEN);
    } else if (uses(e)) {
        set_access(e, e->access - 1);
    } else if (s->pending < PENDING) {
        s->wanted[s->pending++] = keyspace_hash(k, e);
    }
}

static struct entry *from_main(struct keyspace *k, struct s3fifo *s, uint64_t *hash) {
    for (int segments = 0; segments <= SEGMENTS_MAX; segments++) {
        while (s->next < s->pending) {
            *hash = s->wanted[s->next++];
            struct entry *e = keyspace_find_hash(k, *hash);
            if (e && (e->access & S3_MAIN) && !uses(e)) return e;
        }
        s->next = s->pending = 0;
        s->hand = table_walk(&k->table, s->hand, 1, pass, k);
    }
    return NULL;
}

struct entry *s3_choose(struct keyspace *k, struct random *r, uint64_t *hash) {
    struct s3fifo *s = s3_of(k);
    struct entry *e = s ? from_small(k, s, hash) : NULL;
    if (!e && s) e = from_main(k, s, hash);
    if (e) return e;
    e = table_random(&k->table, r); // no memory; or all that was looked at is in use
    if (e) *hash = keyspace_hash(k, e);
    return e;
}
