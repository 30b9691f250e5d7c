// Blobs: counted large strings.
#include "type/blob.h"

struct blob *blob_new(struct blob_owner *o, size_t len, size_t cap) {
    blob_bury(o);
    // The slab rounds up; what it gives anyway is room to grow.
    // Never as small as an entry, so that what the slab compacts are entries only.
    size_t size = slab_round(MAX(sizeof(struct blob) + cap, (size_t)SLAB_SMALL_MAX + 1));
    struct blob *b = slab_alloc(o->slab, size);
    if (!b) return NULL;
    atomic_init(&b->refs, 1);
    b->imaged = 0;
    b->owner = o;
    b->next_dead = NULL;
    b->len = len;
    b->cap = size - sizeof *b;
    return b;
}

static void free_blob(struct blob *b) { slab_free(b->owner->slab, b, sizeof *b + b->cap); }

void blob_share(struct blob *b) { atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed); }

void blob_drop(struct blob *b) {
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) free_blob(b);
}

void blob_pin(struct blob *b) {
    atomic_fetch_add_explicit(&b->owner->pins, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

bool blob_unpin_was_last(struct blob *b) {
    struct blob_owner *o = b->owner;
    bool last = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1;
    if (last) {
        struct blob *head = atomic_load_explicit(&o->dead, memory_order_relaxed);
        do b->next_dead = head;
        while (!atomic_compare_exchange_weak_explicit(&o->dead, &head, b, memory_order_release, memory_order_relaxed));
    }
    // Last: the owner may be freed as soon as no pin is left.
    atomic_fetch_sub_explicit(&o->pins, 1, memory_order_release);
    return last;
}

void blob_unpin(void *blob) { blob_unpin_was_last(blob); }

void blob_bury(struct blob_owner *o) {
    if (likely(!atomic_load_explicit(&o->dead, memory_order_relaxed))) return;
    struct blob *b = atomic_exchange_explicit(&o->dead, NULL, memory_order_acquire);
    while (b) {
        struct blob *next = b->next_dead;
        free_blob(b);
        b = next;
    }
}
