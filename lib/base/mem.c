// The library's only caller of an allocator.
#include "base/mem.h"

#include <sys/mman.h>

#ifdef KORA_ALLOC_LIBC
#include <malloc.h>
#else
#include <mimalloc.h>
#endif

#ifdef KORA_FAULTS
static _Thread_local long fail_in;
static _Thread_local bool fail_forever;

void mem_fail(long nth, bool forever) {
    fail_in = nth;
    fail_forever = forever;
}

long mem_fail_left(void) { return fail_in; }

static bool fault(void) {
    if (fail_in == 0) return false;
    if (fail_in < 0) return fail_forever;
    if (fail_in > 1) {
        fail_in--;
        return false;
    }
    fail_in = -1;
    return true;
}
#else
#define fault() false
#endif

#ifdef KORA_ALLOC_LIBC
void *mem_alloc(size_t size) { return fault() ? NULL : malloc(size ? size : 1); }
void *mem_alloc_zero(size_t size) { return fault() ? NULL : calloc(1, size ? size : 1); }
void *mem_realloc(void *p, size_t size) { return fault() ? NULL : realloc(p, size ? size : 1); }
void mem_free(void *p) { free(p); }
void mem_collect(void) { }
bool mem_statistics(void (*out)(const char *text, void *arg), void *arg) {
    (void)out, (void)arg;
    return false;
}
void *mem_alloc_aligned(size_t size, size_t align) {
    void *p = NULL;
    if (fault() || posix_memalign(&p, MAX(align, sizeof(void *)), size) != 0) return NULL;
    return p;
}
#else
void *mem_alloc(size_t size) { return fault() ? NULL : mi_malloc(size); }
void *mem_alloc_zero(size_t size) { return fault() ? NULL : mi_zalloc(size); }
void *mem_realloc(void *p, size_t size) { return fault() ? NULL : mi_realloc(p, size); }
void mem_free(void *p) { mi_free(p); }
void mem_collect(void) { mi_collect(true); }
bool mem_statistics(void (*out)(const char *text, void *arg), void *arg) {
    mi_stats_print_out(out, arg);
    return true;
}
void *mem_alloc_aligned(size_t size, size_t align) { return fault() ? NULL : mi_malloc_aligned(size, align); }
#endif

char *mem_copy(const void *p, size_t n) {
    char *copy = n < SIZE_MAX ? mem_alloc(n + 1) : NULL;
    if (!copy) return NULL;
    if (n) memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

void *mem_map(size_t size, size_t align) {
    invariant(align >= 4096 && (align & (align - 1)) == 0 && size % 4096 == 0 && size > 0);
    if (fault() || size > SIZE_MAX - align) return NULL;
    // Ask for enough to contain an aligned range, then give the ends back.
    size_t extra = align > 4096 ? align - 4096 : 0;
    char *p = mmap(NULL, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    char *start = (char *)ALIGN_UP((uintptr_t)p, align);
    size_t before = (size_t)(start - p), after = extra - before;
    if (before) munmap(p, before);
    if (after) munmap(start + size, after);
    madvise(start, size, MADV_DONTFORK);
    return start;
}

void mem_unmap(void *p, size_t size) {
    if (p) munmap(p, size);
}

void mem_sparse(void *p, size_t size) { madvise(p, size, MADV_NOHUGEPAGE); }

void mem_discard(void *p, size_t size) { madvise(p, size, MADV_DONTNEED); }
