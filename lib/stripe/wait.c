// Wait lists (wait.h): a hash table of lists for each stripe, chained, as large as there are lists.
#include "stripe/wait.h"

#include "base/mem.h"
#include "stripe/stripe.h"

enum { BUCKETS_MIN = 8 };

// ---- sleepers --------------------------------------------------------------------------------------------------------------

struct sleeper *sleeper_create(uint32_t keys) {
    struct sleeper *s = mem_alloc_zero(sizeof *s + keys * sizeof s->records[0]);
    if (!s) return NULL;
    atomic_init(&s->refs, 1);
    s->count = keys;
    for (uint32_t i = 0; i < keys; i++) s->records[i] = (struct wait_record){ .sleeper = s, .key = i };
    return s;
}

void sleeper_unref(struct sleeper *s) {
    if (atomic_fetch_sub(&s->refs, 1) == 1) mem_free(s);
}

// ---- lists -----------------------------------------------------------------------------------------------------------------

static struct wait_list **bucket(const struct wait_lists *w, uint64_t hash) { return &w->buckets[hash & (w->bucket_count - 1)]; }

static struct wait_list *find(const struct key *k) {
    const struct wait_lists *w = &k->stripe->waiting;
    if (!w->count) return NULL;
    for (struct wait_list *l = *bucket(w, k->hash); l; l = l->next) {
        if (l->hash == k->hash && l->db == k->db && slice_equal(slice_of(l->name, l->len), k->name)) return l;
    }
    return NULL;
}

static bool grow(struct stripe *s, struct wait_lists *w) {
    if (w->count < w->bucket_count) return true;
    uint32_t count = MAX(w->bucket_count * 2, (uint32_t)BUCKETS_MIN);
    struct wait_lists wider = { .buckets = mem_alloc_zero(count * sizeof *wider.buckets), .bucket_count = count };
    if (!wider.buckets) return false;
    account_add(s, (int64_t)((count - w->bucket_count) * sizeof *wider.buckets));
    for (uint32_t i = 0; i < w->bucket_count; i++) {
        for (struct wait_list *l = w->buckets[i], *next; l; l = next) {
            next = l->next;
            l->next = *bucket(&wider, l->hash);
            *bucket(&wider, l->hash) = l;
        }
    }
    mem_free(w->buckets);
    w->buckets = wider.buckets;
    w->bucket_count = count;
    return true;
}

static struct wait_list *make(const struct key *k) {
    struct wait_list *l = find(k);
    struct wait_lists *w = &k->stripe->waiting;
    if (l) return l;
    if (k->name.n > UINT32_MAX || !grow(k->stripe, w)) return NULL;
    l = mem_alloc(sizeof *l + k->name.n);
    if (!l) return NULL;
    *l = (struct wait_list){ .next = *bucket(w, k->hash), .stripe = k->stripe, .hash = k->hash, .db = k->db, .len = (uint32_t)k->name.n };
    if (k->name.n) memcpy(l->name, k->name.p, k->name.n);
    *bucket(w, k->hash) = l;
    w->count++;
    account_add(k->stripe, (int64_t)(sizeof *l + k->name.n));
    return l;
}

static void drop_empty(struct wait_list *l) {
    if (l->first || l->ready || l->turn) return;
    struct wait_lists *w = &l->stripe->waiting;
    struct wait_list **at = bucket(w, l->hash);
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    w->count--;
    account_add(l->stripe, -(int64_t)(sizeof *l + l->len));
    mem_free(l);
}

// ---- records ---------------------------------------------------------------------------------------------------------------

static bool is_dead(const struct sleeper *s) {
    uint32_t state = atomic_load(&s->state);
    return state == SLEEPER_ANSWERED || state == SLEEPER_GIVEN_UP;
}

static void unlink_record(struct wait_record *r) {
    struct wait_list *l = r->list;
    invariant(l != NULL);
    if (r->prev) r->prev->next = r->next;
    else l->first = r->next;
    if (r->next) r->next->prev = r->prev;
    else l->last = r->prev;
    r->next = r->prev = NULL;
    r->list = NULL;
    account_add(l->stripe, -(int64_t)sizeof *r);
    sleeper_unref(r->sleeper);
}

void waiting_remove(struct wait_record *r) {
    struct wait_list *l = r->list;
    if (!l) return;
    unlink_record(r);
    drop_empty(l);
}

// A few dead records of each list go whenever one is added: there are never many more of them than of living ones.
static void bury_dead(struct wait_list *l) {
    enum { LOOK = 4 };
    struct wait_record *r = l->first;
    for (int i = 0; r && i < LOOK; i++) {
        struct wait_record *next = r->next;
        if (is_dead(r->sleeper)) unlink_record(r);
        r = next;
    }
    // Those that look alive at the front go to be looked at again by serving; from the back come the latest dead.
    r = l->last;
    for (int i = 0; r && i < LOOK; i++) {
        struct wait_record *prev = r->prev;
        if (is_dead(r->sleeper)) unlink_record(r);
        r = prev;
    }
}

bool waiting_add(struct sleeper *s, const struct key *keys) {
    for (uint32_t i = 0; i < s->count; i++) {
        struct wait_list *l = make(&keys[i]);
        if (!l) {
            while (i-- > 0) waiting_remove(&s->records[i]);
            return false;
        }
        bury_dead(l);
        struct wait_record *r = &s->records[i];
        r->list = l;
        account_add(l->stripe, (int64_t)sizeof *r);
        r->prev = l->last;
        if (l->last) l->last->next = r;
        else l->first = r;
        l->last = r;
        atomic_fetch_add(&s->refs, 1);
    }
    return true;
}

// ---- ready -----------------------------------------------------------------------------------------------------------------

void waiting_ready_list(struct wait_list *l) {
    struct wait_lists *w = &l->stripe->waiting;
    if (l->ready) return;
    l->ready = true;
    l->next_ready = NULL;
    if (w->ready) w->ready_last->next_ready = l;
    else w->ready = l;
    w->ready_last = l;
}

void waiting_ready(const struct key *k) {
    struct wait_list *l = find(k);
    if (l) waiting_ready_list(l);
}

struct wait_list *waiting_take(struct stripe *s) {
    struct wait_lists *w = &s->waiting;
    struct wait_list *l = w->ready;
    if (!l) return NULL;
    w->ready = l->next_ready;
    return l;
}

void waiting_done(struct wait_list *l) {
    l->ready = false;
    drop_empty(l);
}

bool waiting_has_turn(const struct key *k) {
    const struct wait_list *l = find(k);
    return l && l->turn;
}

void waiting_each(struct stripe *s, void (*visit)(void *arg, struct wait_list *l), void *arg) {
    for (uint32_t i = 0; i < s->waiting.bucket_count; i++) {
        for (struct wait_list *l = s->waiting.buckets[i], *next; l; l = next) {
            next = l->next;
            visit(arg, l);
        }
    }
}

static void free_list(void *arg, struct wait_list *l) {
    (void)arg;
    l->turn = NULL;
    l->ready = false;
    while (l->first) unlink_record(l->first);
    drop_empty(l);
}

void waiting_free(struct stripe *s) {
    waiting_each(s, free_list, NULL);
    mem_free(s->waiting.buckets);
    s->waiting = (struct wait_lists){ 0 };
}
