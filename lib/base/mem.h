// All memory of the library comes from here: small and passing things from mimalloc (or, with `make ALLOC=libc`, from libc),
// pages of the data from mappings of their own. Every function can fail: NULL, and nothing has changed.
#ifndef KORA_BASE_MEM_H
#define KORA_BASE_MEM_H

#include "base/base.h"

void *mem_alloc(size_t size);
void *mem_alloc_zero(size_t size);
void *mem_alloc_aligned(size_t size, size_t align); // freed with mem_free; align a power of two
void *mem_realloc(void *p, size_t size);            // NULL: `p` is still there
char *mem_copy(const void *p, size_t n);            // with a zero byte behind it
void mem_free(void *p);
// Hands the allocator's own statistics to `out`, piece by piece. False: it has none.
bool mem_statistics(void (*out)(const char *text, void *arg), void *arg);
void mem_collect(void); // gives back what the calling thread's part of the allocator holds free, to the system

// Mappings: zeroed, private, `size` a multiple of 4096, aligned to `align` (a power of two, at least 4096). Not touched
// pages take no memory. They are not inherited by a forked child (its copy of them is unmapped).
void *mem_map(size_t size, size_t align);
void mem_unmap(void *p, size_t size);
// Gives the memory of whole pages back; they stay mapped and read as zeros.
void mem_discard(void *p, size_t size);
// Of a mapping of which little will be used: it is not to be made of huge pages.
void mem_sparse(void *p, size_t size);

// Tests: the n-th allocation from now on this thread (1: the next) fails, of mem_alloc*, mem_realloc, mem_copy and mem_map;
// with `forever` all after it fail too. 0: none. Only in builds with KORA_FAULTS.
#ifdef KORA_FAULTS
void mem_fail(long nth, bool forever);
long mem_fail_left(void); // allocations still to go; <= 0: it has failed
#endif

#endif
