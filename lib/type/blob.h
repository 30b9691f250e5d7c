// Blobs: strings too large to be inline in an entry, counted, so that readers may hold on to one (kora_pin, replies that are being sent)
// while its key is changed or deleted.
//
// All but blob_unpin needs the lease of the stripe that the blob's owner belongs to. A blob whose last reference is dropped without
// the lease is pushed to its owner's list of the dead, and freed by the next blob_new or blob_bury.
#ifndef KORA_TYPE_BLOB_H
#define KORA_TYPE_BLOB_H

#include <stdatomic.h>

#include "base/base.h"
#include "ds/slab.h"

struct blob;

struct blob_owner {
    struct slab *slab;
    _Atomic(struct blob *) dead;
    _Atomic uint64_t pins; // references that readers hold
    uint32_t stripe;       // number of the stripe whose lease this is about
};

struct blob {
    _Atomic uint32_t refs; // one for each entry that holds it, and for each pin
    uint32_t imaged;       // of the references, those of images (stripe/snapshot.h); the lease's holder's
    struct blob_owner *owner;
    union {
        struct blob *next_dead;
        void *image; // while it is imaged
    };
    size_t len, cap; // cap: bytes of data[]; fixed
    char data[];
};

struct blob *blob_new(struct blob_owner *o, size_t len, size_t cap); // one reference; data not set. NULL: no memory
void blob_share(struct blob *b); // a reference for one more entry of the same owner
void blob_drop(struct blob *b);  // an entry's reference
// Somebody else reads it, and it may not be changed in place. Images are told of changes, and do not count.
static inline bool blob_shared(const struct blob *b) { return atomic_load_explicit(&b->refs, memory_order_acquire) > 1 + b->imaged; }
void blob_pin(struct blob *b);
void blob_unpin(void *blob);     // any thread, no lease
bool blob_unpin_was_last(struct blob *b); // the same; true: it is dead now, and blob_bury would give memory back
void blob_bury(struct blob_owner *o); // frees the dead
static inline size_t blob_size(const struct blob *b) { return slab_round(sizeof *b + b->cap); }

#endif
