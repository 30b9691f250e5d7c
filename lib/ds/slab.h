// Memory for many small objects of one owner, used by one thread at a time, with exact accounting.
//
// Objects are grouped in size classes (multiples of 8 up to 512, then eight for each doubling); a class takes its objects
// from pages of one to ten 4 KB units (as few as waste little at the end), pages come from chunks mapped from the system.
// Objects above SLAB_SMALL_MAX take runs of whole units of a chunk, above SLAB_RUN_MAX a mapping of their own. The caller
// names the size again when it frees, so an object has no header; its page's record is found by masking the address.
//
// Whole pages and runs that become free go back to the chunk; more than a few of them go back to the system (they stay
// mapped, so that a stale address can be read without a fault, see `keep_mapped`). Dropping a slab drops everything in it at once.
//
// Sparse pages can be emptied: slab_compact names objects that live on the sparsest pages to its caller, who moves them
// (allocate, copy, redirect, free). That is what keeps memory near the live data when sizes drift.
#ifndef KORA_DS_SLAB_H
#define KORA_DS_SLAB_H

#include "base/base.h"

enum {
    SLAB_SMALL_MAX = 8192,      // largest object of a size class
    SLAB_RUN_MAX = 256 * 1024,  // largest object that lives in a chunk
};

struct slab;

// `keep_mapped`: chunks are unmapped by slab_destroy only, so that addresses inside may be read at any time as hints.
// NULL: no memory. A slab without objects takes a few hundred bytes, one with one object some 12 KB.
struct slab *slab_create(bool keep_mapped);
// Frees the slab with everything in it, whatever is still allocated.
void slab_destroy(struct slab *s);
// The same in portions: gives about so many bytes back (a chunk, 1 MB, or a mapping at least). True: the slab is freed. Until then nothing else may be done with
// it, but slab_usage tells what is held.
bool slab_destroy_some(struct slab *s, size_t bytes);

// At least `size` bytes, 8-byte aligned (objects of 64 bytes and above whose size is a multiple of 64: 64-byte aligned). Not zeroed. NULL: no memory.
void *slab_alloc(struct slab *s, size_t size);
// `size`: the one asked for, or any other of the same class (slab_round is equal).
void slab_free(struct slab *s, void *p, size_t size);
// The bytes that an object of `size` takes: two sizes with equal results may be exchanged in place.
size_t slab_round(size_t size);

struct slab_usage {
    size_t used;   // bytes of live objects, rounded to their classes
    size_t held;   // bytes of pages, runs and mappings that hold live objects, and of free pages kept back
    size_t mapped; // address space
};
struct slab_usage slab_usage(const struct slab *s);
static inline bool slab_worth_compacting(struct slab_usage u) { return u.held > u.used + u.used / 8 + 64 * 1024; }

// Calls `move` for live objects on sparse pages until about `budget` bytes of objects were named or nothing is worth it.
// `move` must either free the object (having moved it elsewhere with slab_alloc, which never uses a page that is being
// emptied) and return true, or leave it and return false (the page is then given up, until one of its objects is freed).
// It may allocate and free other objects too. Returns false when nothing was left to do: then more calls are of no use
// before much has changed, even if slab_worth_compacting still says yes (as in slabs of few MB with sizes of every kind).
typedef bool slab_move_fn(void *arg, void *object, size_t class_size);
bool slab_compact(struct slab *s, size_t budget, slab_move_fn *move, void *arg);

// Tests: the n-th slab_alloc from now on this thread (1: the next) fails, of any slab; with `forever` all after it fail too. 0: none. Only in builds with
// KORA_FAULTS. (mem_fail reaches the pages only, of which there is one for many objects.)
#ifdef KORA_FAULTS
void slab_fail(long nth, bool forever);
#endif
// Tests: walks everything, aborts on a broken invariant.
void slab_check(const struct slab *s);

#endif
