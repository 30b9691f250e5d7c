// Memory for many small objects of one owner.
//
//   slab --> chunks, 1 MB each, aligned to their size: [ struct chunk: 2 units ][ unit ][ unit ] ... 4 KB each
//
// A page is a row of units that holds objects of one class; a run is a row of units that is one object. The records of all
// pages stand together at the start of the chunk (one for each unit, that of a page's first unit is the page's), not in the
// pages themselves: there they would all fall into the same few sets of the cache, and a page of four 1024-byte objects
// would not be one. From an object to its chunk is a mask, to its unit a shift, to its page `back` units less.
//
// A page is carved object by object, and freed objects are threaded into a list by their first two bytes; so memory is
// touched only when it is needed. Where a page is follows from what it holds:
//   - the class's `current` page, from which it allocates, which alone may have slots not yet carved;
//   - the page that is being emptied (s->emptying; at most one in the slab);
//   - full: in no list;
//   - else in one of the class's rings, by how full it is. The fullest ring serves allocations first, so that sparse pages
//     drain; compaction takes from the sparsest.
// A page without objects is given back to its chunk, but for one in the slab that may stay current (s->idle_class).
//
// Two bits for each unit: used (in a page or run), and resident (touched, and not discarded since). Units that are resident
// but not used are `dirty`: a few are kept, the rest is discarded, highest chunk first, while allocation takes the lowest.
//
// Ownership: chunks and big mappings belong to the slab; so do the objects, which it frees with itself.
#include "ds/slab.h"

#include "base/mem.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define SLOW __attribute__((noinline)) // kept out of slab_alloc and slab_free, which then need no stack

enum {
    UNIT = 4096,
    CHUNK = 1 << 20,
    CHUNK_UNITS = CHUNK / UNIT,
    WORDS = CHUNK_UNITS / 64,
    CLASSES = 96,
    FINE_MAX = 512, // classes are multiples of 8 up to here, then eight for each doubling
    FINE_CLASSES = FINE_MAX / 8,
    SLOTS_MAX = UNIT / 8,
    LOWS = 8,              // powers of two up to the longest run
    AREA_MAX = 64 * CHUNK, // chunks are mapped this many bytes at a time, at most
    TRIM_MAX = 64,         // units discarded by one free
};

enum { RUN = 0x7f, SPECIAL = 0x80 }; // in page.class: a run; flag: being emptied, or that was tried in vain

struct page {
    struct page *next, *prev; // in a ring of the class
    uint16_t free;            // first free slot: its offset in the page / 8, + 1; 0: none
    uint16_t used, carved;    // objects; slots that were ever allocated. Of a run: carved is its units
    uint8_t class;
    uint8_t back; // units from the first one of the page
};

struct chunk {
    uint32_t index; // in slab.refs
    uint32_t units; // used
    uint64_t used[WORDS], resident[WORDS];
    struct page pages[CHUNK_UNITS];
};

enum { HEADER_UNITS = 2 };
_Static_assert(sizeof(struct chunk) <= HEADER_UNITS * UNIT, "a chunk's header must fit into its units");

struct chunk_ref {
    struct chunk *chunk;
    uint16_t room;  // no row of free units is longer
    uint16_t dirty; // units
};

enum level { DENSE, MIDDLE, SPARSE, LEVELS };

struct class {
    struct page *current;
    struct page *rings[LEVELS];
    uint32_t slots, used; // carved in all pages; objects
};

// A mapping of its own, with this at its end.
struct big {
    struct big *next, *prev;
    size_t size; // of the mapping
};

#define CLASSES_SIZE ALIGN_UP(CLASSES * sizeof(struct class), UNIT)

struct slab {
    struct class *classes; // CLASSES of them; NULL: nothing was allocated yet
    size_t used;
    size_t resident, dirty; // units
    size_t big_bytes, mapped;
    struct chunk_ref *refs;
    uint32_t chunks, refs_cap;
    uint32_t low[LOWS]; // chunks below have no row of 1 << i free units
    uint32_t dirty_top; // chunks above have no dirty units
    struct chunk *empty; // the chunk without objects that is kept; NULL: there is none, or keep_mapped
    char *reserve;       // mapped, for chunks to come
    size_t reserve_size;
    struct big *bigs;
    bool keep_mapped;
    uint8_t idle_class; // whose current page may be without objects; CLASSES: none
    struct page *emptying;
    uint64_t live[SLOTS_MAX / 64]; // its slots that hold objects
};

// Size and units of a page for each class: as few units as waste little at the end of the page.
#define CAPACITY(size, units) ((units) * UNIT / (size))
#define S(size, units) \
    { size, units, CAPACITY(size, units), (CAPACITY(size, units) + 1) / 2, (CAPACITY(size, units) * 3 + 3) / 4 }
static const struct shape {
    uint16_t size, units, capacity;
    uint16_t middle, dense; // pages with this many objects or more are MIDDLE, DENSE
} shapes[CLASSES] = {
    S(8, 1), S(16, 1), S(24, 1), S(32, 1), S(40, 1), S(48, 1), S(56, 1), S(64, 1), S(72, 1), S(80, 1), S(88, 2), S(96, 2),
    S(104, 1), S(112, 2), S(120, 1), S(128, 1), S(136, 1), S(144, 1), S(152, 2), S(160, 2), S(168, 1), S(176, 1), S(184, 1),
    S(192, 1), S(200, 1), S(208, 2), S(216, 2), S(224, 1), S(232, 2), S(240, 1), S(248, 2), S(256, 1), S(264, 2), S(272, 1),
    S(280, 2), S(288, 1), S(296, 3), S(304, 3), S(312, 1), S(320, 3), S(328, 3), S(336, 1), S(344, 3), S(352, 2), S(360, 3),
    S(368, 1), S(376, 3), S(384, 3), S(392, 3), S(400, 1), S(408, 1), S(416, 3), S(424, 2), S(432, 3), S(440, 1), S(448, 1),
    S(456, 3), S(464, 3), S(472, 3), S(480, 2), S(488, 3), S(496, 4), S(504, 1), S(512, 1), S(576, 1), S(640, 3), S(704, 4),
    S(768, 3), S(832, 5), S(896, 2), S(960, 4), S(1024, 1), S(1152, 2), S(1280, 5), S(1408, 6), S(1536, 3), S(1664, 5),
    S(1792, 4), S(1920, 2), S(2048, 2), S(2304, 4), S(2560, 5), S(2816, 5), S(3072, 3), S(3328, 5), S(3584, 7), S(3840, 4),
    S(4096, 4), S(4608, 9), S(5120, 5), S(5632, 7), S(6144, 6), S(6656, 10), S(7168, 7), S(7680, 8), S(8192, 8),
};
#undef S

static inline unsigned class_of(size_t size) {
    if (size <= FINE_MAX) return (unsigned)((size + 7) >> 3) - (size != 0);
    unsigned last = (unsigned)size - 1, top = 31 - (unsigned)__builtin_clz(last); // top: 9 to 12
    return FINE_CLASSES + (top - 9) * 8 + (last >> (top - 3)) - 8;
}

static inline size_t units_of(size_t size) { return (size + UNIT - 1) / UNIT; }

static inline size_t big_round(size_t size) { return ALIGN_UP(size + sizeof(struct big), UNIT) - sizeof(struct big); }

size_t slab_round(size_t size) {
    if (size <= SLAB_SMALL_MAX) return shapes[class_of(size)].size;
    return size <= SLAB_RUN_MAX ? units_of(size) * UNIT : big_round(size);
}

static inline struct chunk *chunk_of(const void *p) { return (struct chunk *)((uintptr_t)p & ~(uintptr_t)(CHUNK - 1)); }

static inline unsigned unit_of(const void *p) { return ((unsigned)(uintptr_t)p & (CHUNK - 1)) / UNIT; }

static inline char *memory_of(const struct page *m) {
    struct chunk *h = chunk_of(m);
    return (char *)h + (size_t)(m - h->pages) * UNIT;
}

// Freed memory is poisoned where a tool listens, but for the word that threads it; never where stale reads are allowed.
static inline void poison(const struct slab *s, void *p, size_t n) {
#ifdef __SANITIZE_ADDRESS__
    if (!s->keep_mapped) ASAN_POISON_MEMORY_REGION(p, n);
#endif
    (void)s, (void)p, (void)n;
}

static inline void unpoison(void *p, size_t n) {
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(p, n);
#endif
    (void)p, (void)n;
}

// ---- maps: one bit for each unit of a chunk

// The bits of word w that lie in [from, to).
static inline uint64_t map_mask(unsigned w, unsigned from, unsigned to) {
    uint64_t mask = ~UINT64_C(0);
    if (w == from / 64) mask <<= from % 64;
    if (w == (to - 1) / 64) mask &= ~UINT64_C(0) >> (63 - (to - 1) % 64);
    return mask;
}

static void map_set(uint64_t *map, unsigned from, unsigned to) {
    for (unsigned w = from / 64; w <= (to - 1) / 64; w++) map[w] |= map_mask(w, from, to);
}

static void map_clear(uint64_t *map, unsigned from, unsigned to) {
    for (unsigned w = from / 64; w <= (to - 1) / 64; w++) map[w] &= ~map_mask(w, from, to);
}

static unsigned map_count(const uint64_t *map, unsigned from, unsigned to) {
    int n = 0;
    for (unsigned w = from / 64; w <= (to - 1) / 64; w++) n += __builtin_popcountll(map[w] & map_mask(w, from, to));
    return (unsigned)n;
}

static inline bool map_get(const uint64_t *map, unsigned i) { return map[i / 64] >> i % 64 & 1; }

// The first bit from `from` on that is `value`; CHUNK_UNITS: none.
static unsigned map_next(const uint64_t *map, unsigned from, bool value) {
    for (unsigned w = from / 64; w < WORDS; w++) {
        uint64_t word = value ? map[w] : ~map[w];
        if (w == from / 64) word &= ~UINT64_C(0) << from % 64;
        if (word) return w * 64 + (unsigned)__builtin_ctzll(word);
    }
    return CHUNK_UNITS;
}

// One above the last bit below `to` that is `value`; 0: none.
static unsigned map_above_last(const uint64_t *map, unsigned to, bool value) {
    for (unsigned w = (to + 63) / 64; w-- > 0;) {
        uint64_t word = (value ? map[w] : ~map[w]) & map_mask(w, 0, to);
        if (word) return w * 64 + 64 - (unsigned)__builtin_clzll(word);
    }
    return 0;
}

// ---- chunks and units

// Says that units from..to of h are, or will be, touched.
static void touch(struct slab *s, struct chunk *h, unsigned from, unsigned to) {
    s->resident += to - from - map_count(h->resident, from, to);
    map_set(h->resident, from, to);
}

static bool grow_refs(struct slab *s) {
    if (s->chunks < s->refs_cap) return true;
    uint32_t cap = MAX(s->refs_cap * 2, (uint32_t)4);
    struct chunk_ref *refs = mem_realloc(s->refs, cap * sizeof(*refs));
    if (!refs) return false;
    s->refs = refs;
    s->refs_cap = cap;
    return true;
}

// Big slabs map many chunks at a time, since the system allows only so many mappings.
static bool grow_reserve(struct slab *s) {
    if (s->reserve_size) return true;
    size_t size = MIN(MAX(s->mapped / 4 & ~(size_t)(CHUNK - 1), (size_t)CHUNK), (size_t)AREA_MAX);
    char *p = mem_map(size, CHUNK);
    if (!p && size > CHUNK) p = mem_map(size = CHUNK, CHUNK);
    if (!p) return false;
    s->reserve = p;
    s->reserve_size = size;
    s->mapped += size;
    return true;
}

static bool add_chunk(struct slab *s) {
    if (!grow_refs(s) || !grow_reserve(s)) return false;
    struct chunk *h = (struct chunk *)(void *)s->reserve;
    s->reserve += CHUNK;
    s->reserve_size -= CHUNK;
    h->index = s->chunks;
    map_set(h->used, 0, HEADER_UNITS);
    touch(s, h, 0, 1);
    s->refs[s->chunks++] = (struct chunk_ref){ h, CHUNK_UNITS - HEADER_UNITS, 0 };
    return true;
}

static void note_room(struct slab *s, uint32_t index, unsigned room) {
    if (s->refs[index].room < room) s->refs[index].room = (uint16_t)room;
    for (unsigned i = 0; i < LOWS && room >> i; i++) s->low[i] = MIN(s->low[i], index);
}

static void drop_chunk(struct slab *s, struct chunk *h) {
    uint32_t at = h->index, last = --s->chunks;
    s->dirty -= s->refs[at].dirty;
    s->resident -= map_count(h->resident, 0, CHUNK_UNITS);
    s->mapped -= CHUNK;
    unpoison(h, CHUNK);
    mem_unmap(h, CHUNK);
    s->refs[at] = s->refs[last];
    if (at != last) {
        s->refs[at].chunk->index = at;
        note_room(s, at, s->refs[at].room);
    }
    for (unsigned i = 0; i < LOWS; i++) s->low[i] = MIN(s->low[i], s->chunks);
    s->dirty_top = last ? last - 1 : 0;
}

// Discards the highest row of dirty units of h, at most `most` of it. There is one. Returns how many.
static unsigned discard_row(struct slab *s, struct chunk *h, size_t most) {
    uint64_t dirty[WORDS];
    for (unsigned w = 0; w < WORDS; w++) dirty[w] = h->resident[w] & ~h->used[w];
    unsigned to = map_above_last(dirty, CHUNK_UNITS, true), from = map_above_last(dirty, to, false);
    if (to - from > most) from = to - (unsigned)most;
    map_clear(h->resident, from, to);
    mem_discard((char *)h + (size_t)from * UNIT, (size_t)(to - from) * UNIT);
    s->refs[h->index].dirty = (uint16_t)(s->refs[h->index].dirty - (to - from));
    s->dirty -= to - from;
    s->resident -= to - from;
    return to - from;
}

// Discards dirty units until `keep` are left, but at most `most` now.
static void trim(struct slab *s, size_t keep, size_t most) {
    while (s->dirty > keep && most > 0) {
        while (s->refs[s->dirty_top].dirty == 0) s->dirty_top--;
        most -= discard_row(s, s->refs[s->dirty_top].chunk, MIN(most, s->dirty - keep));
    }
}

// How many dirty units may wait for their next use.
static size_t dirty_max(const struct slab *s) {
    size_t used = s->resident - s->dirty;
    return MAX(MIN(used, (size_t)16), used / 32);
}

// The first row of n free units in h, or 0; then *longest is the longest row.
static unsigned find_row(const struct chunk *h, unsigned n, unsigned *longest) {
    *longest = 0;
    for (unsigned to = HEADER_UNITS; to < CHUNK_UNITS;) {
        unsigned from = map_next(h->used, to, false);
        if (from == CHUNK_UNITS) break;
        to = map_next(h->used, from, true);
        if (to - from >= n) return from;
        *longest = MAX(*longest, to - from);
    }
    return 0;
}

// Takes n units, from the first chunk that has them in a row. Returns their record, NULL: no memory.
static struct page *take_units(struct slab *s, unsigned n) {
    unsigned power = 31 - (unsigned)__builtin_clz(n), unit, longest;
    uint32_t *low = &s->low[power], i;
    while (*low < s->chunks && s->refs[*low].room >> power == 0) ++*low;
    for (i = *low;; i++) {
        if (i == s->chunks && !add_chunk(s)) return NULL;
        if (s->refs[i].room < n) continue;
        unit = find_row(s->refs[i].chunk, n, &longest);
        if (unit) break;
        s->refs[i].room = (uint16_t)longest;
    }
    struct chunk *h = s->refs[i].chunk;
    unsigned dirty = map_count(h->resident, unit, unit + n);
    s->refs[i].dirty = (uint16_t)(s->refs[i].dirty - dirty);
    s->dirty -= dirty;
    map_set(h->used, unit, unit + n);
    h->units += n;
    if (h == s->empty) s->empty = NULL;
    touch(s, h, 0, (unsigned)units_of(offsetof(struct chunk, pages) + (unit + n) * sizeof(struct page))); // the records
    return &h->pages[unit];
}

static void free_units(struct slab *s, struct page *m, unsigned n) {
    struct chunk *h = chunk_of(m);
    unsigned unit = (unsigned)(m - h->pages), dirty = map_count(h->resident, unit, unit + n);
    poison(s, memory_of(m), (size_t)n * UNIT);
    map_clear(h->used, unit, unit + n);
    h->units -= n;
    s->refs[h->index].dirty = (uint16_t)(s->refs[h->index].dirty + dirty);
    s->dirty += dirty;
    s->dirty_top = MAX(s->dirty_top, h->index);
    note_room(s, h->index, map_next(h->used, unit + n, true) - map_above_last(h->used, unit, true));
    if (h->units == 0 && !s->keep_mapped) {
        struct chunk *other = s->empty;
        s->empty = h;
        if (other) {
            if (other->index < h->index) s->empty = other;
            drop_chunk(s, s->empty == other ? h : other);
        }
    }
    trim(s, dirty_max(s), TRIM_MAX);
}

// ---- pages

static enum level level_of(const struct shape *shape, unsigned used) {
    return used >= shape->dense ? DENSE : used >= shape->middle ? MIDDLE : SPARSE;
}

// The rings are circular, so that a page can be put at either end.
static void link_page(struct page **ring, struct page *m, bool first) {
    struct page *head = *ring;
    if (!head) {
        *ring = m->next = m->prev = m;
        return;
    }
    m->next = head;
    m->prev = head->prev;
    m->prev->next = head->prev = m;
    if (first) *ring = m;
}

static void unlink_page(struct page **ring, struct page *m) {
    if (*ring == m) *ring = m->next == m ? NULL : m->next;
    m->prev->next = m->next;
    m->next->prev = m->prev;
}

static void release_page(struct slab *s, unsigned c, struct page *m) {
    s->classes[c].slots -= m->carved;
    free_units(s, m, shapes[c].units);
}

static struct page *new_page(struct slab *s, unsigned c) {
    const struct shape *shape = &shapes[c];
    if (s->classes[c].slots > UINT32_MAX - SLOTS_MAX) return NULL;
    struct page *m = take_units(s, shape->units);
    if (!m) return NULL;
    *m = (struct page){ .class = (uint8_t)c };
    for (unsigned i = 1; i < shape->units; i++) m[i].back = (uint8_t)i;
    return m;
}

static void *count_in(struct slab *s, struct class *k, struct page *m, size_t size, void *p) {
    m->used++;
    k->used++;
    s->used += size;
    unpoison(p, size);
    return p;
}

static inline void *pop(struct slab *s, struct class *k, struct page *m, size_t size) {
    char *p = memory_of(m) + ((size_t)m->free - 1) * 8;
    memcpy(&m->free, p, sizeof(m->free));
    return count_in(s, k, m, size, p);
}

static void *carve(struct slab *s, struct class *k, struct page *m, size_t size) {
    size_t from = m->carved * size, to = from + size;
    if (from % UNIT == 0 || from / UNIT != (to - 1) / UNIT) {
        unsigned unit = (unsigned)(m - chunk_of(m)->pages);
        touch(s, chunk_of(m), unit + (unsigned)(from / UNIT), unit + (unsigned)units_of(to));
    }
    m->carved++;
    k->slots++;
    return count_in(s, k, m, size, memory_of(m) + from);
}

static bool prepare(struct slab *s) {
    // A mapping: who made a slab is rarely who drops it, and a general allocator keeps what another thread frees.
    if (!s->classes) s->classes = mem_map(CLASSES_SIZE, UNIT);
    return s->classes;
}

// The class's current page has no freed slot.
static SLOW void *alloc_slow(struct slab *s, unsigned c) {
    if (!prepare(s)) return NULL;
    struct class *k = &s->classes[c];
    if (!k->current || k->current->carved == shapes[c].capacity) {
        struct page *m = NULL;
        for (enum level level = DENSE; level < LEVELS && !m; level++) {
            m = k->rings[level];
            if (m) unlink_page(&k->rings[level], m);
        }
        if (!m) m = new_page(s, c);
        if (!m) return NULL;
        k->current = m;
    }
    if (k->current->free) return pop(s, k, k->current, shapes[c].size);
    return carve(s, k, k->current, shapes[c].size);
}

// The current page of class c has become empty. It stays, so that one object allocated and freed in turns costs little, and
// the one that stayed so far goes.
static void keep_idle(struct slab *s, unsigned c) {
    unsigned other = s->idle_class;
    s->idle_class = (uint8_t)c;
    if (other == c || other == CLASSES) return;
    struct page *m = s->classes[other].current;
    if (!m || m->used) return;
    s->classes[other].current = NULL;
    release_page(s, other, m);
}

// An object was freed: puts the page, which had `before` objects, where it belongs now.
static SLOW void settle(struct slab *s, unsigned c, struct page *m, unsigned before) {
    struct class *k = &s->classes[c];
    const struct shape *shape = &shapes[c];
    if (m == k->current) {
        if (m->used == 0) keep_idle(s, c);
        return;
    }
    if (m == s->emptying) {
        if (m->used == 0) s->emptying = NULL;
    } else {
        if (before < shape->capacity) unlink_page(&k->rings[level_of(shape, before)], m);
        if (m->used > 0) link_page(&k->rings[level_of(shape, m->used)], m, true);
    }
    if (m->used == 0) release_page(s, c, m);
}

// ---- big objects

static SLOW void *alloc_run(struct slab *s, size_t size) {
    if (!prepare(s)) return NULL;
    unsigned n = (unsigned)units_of(size);
    struct page *m = take_units(s, n);
    if (!m) return NULL;
    *m = (struct page){ .class = RUN, .used = 1, .carved = (uint16_t)n };
    unsigned unit = (unsigned)(m - chunk_of(m)->pages);
    touch(s, chunk_of(m), unit, unit + n);
    s->used += (size_t)n * UNIT;
    unpoison(memory_of(m), (size_t)n * UNIT);
    return memory_of(m);
}

static SLOW void *alloc_big(struct slab *s, size_t size) {
    size_t room = big_round(size), all = room + sizeof(struct big);
    char *p = mem_map(all, UNIT);
    if (!p) return NULL;
    struct big *b = (struct big *)(void *)(p + room);
    *b = (struct big){ .next = s->bigs, .size = all };
    if (b->next) b->next->prev = b;
    s->bigs = b;
    s->used += room;
    s->big_bytes += all;
    s->mapped += all;
    return p;
}

static SLOW void free_run(struct slab *s, void *p, size_t size) {
    struct page *m = &chunk_of(p)->pages[unit_of(p)];
    unsigned n = (unsigned)units_of(size);
    invariant(m->class == RUN && m->carved == n && memory_of(m) == p);
    m->class = 0;
    s->used -= (size_t)n * UNIT;
    free_units(s, m, n);
}

static SLOW void free_big(struct slab *s, void *p, size_t size) {
    size_t room = big_round(size), all = room + sizeof(struct big);
    struct big *b = (struct big *)(void *)((char *)p + room);
    invariant(b->size == all);
    if (b->next) b->next->prev = b->prev;
    if (b->prev) b->prev->next = b->next;
    else s->bigs = b->next;
    s->used -= room;
    s->big_bytes -= all;
    s->mapped -= all;
    mem_unmap(p, all);
}

// ---- the interface

struct slab *slab_create(bool keep_mapped) {
    struct slab *s = mem_alloc_zero(sizeof(*s));
    if (!s) return NULL;
    s->keep_mapped = keep_mapped;
    s->idle_class = CLASSES;
    return s;
}

bool slab_destroy_some(struct slab *s, size_t bytes) {
    size_t until = s->mapped > bytes ? s->mapped - bytes : 0;
    while (s->bigs && s->mapped > until) free_big(s, (char *)(s->bigs + 1) - s->bigs->size, s->bigs->size - sizeof(struct big));
    while (s->chunks && s->mapped > until) drop_chunk(s, s->refs[s->chunks - 1].chunk);
    if (s->bigs || s->chunks) return false;
    if (s->reserve_size) mem_unmap(s->reserve, s->reserve_size);
    mem_free(s->refs);
    mem_unmap(s->classes, CLASSES_SIZE);
    mem_free(s);
    return true;
}

void slab_destroy(struct slab *s) { if (s) slab_destroy_some(s, SIZE_MAX); }

#ifdef KORA_FAULTS
static _Thread_local long fail_in;
static _Thread_local bool fail_forever;
void slab_fail(long nth, bool forever) {
    fail_in = nth;
    fail_forever = forever;
}

static bool fault(void) {
    bool now = fail_in == 1;
    if (fail_in > 1 || (now && !fail_forever)) fail_in--;
    return now;
}
#else
static inline bool fault(void) { return false; }
#endif

void *slab_alloc(struct slab *s, size_t size) {
    if (fault()) return NULL;
    if (unlikely(size > SLAB_SMALL_MAX)) {
        if (size <= SLAB_RUN_MAX) return alloc_run(s, size);
        return size <= SIZE_MAX / 2 ? alloc_big(s, size) : NULL;
    }
    unsigned c = class_of(size);
    if (unlikely(!s->classes)) return alloc_slow(s, c);
    struct class *k = &s->classes[c];
    if (unlikely(!k->current || !k->current->free)) return alloc_slow(s, c);
    return pop(s, k, k->current, shapes[c].size);
}

// An object of a page that is being emptied, or that was tried in vain and may be tried again now.
static SLOW void free_special(struct slab *s, unsigned c, struct page *m, size_t offset) {
    invariant(m->class == (c | SPECIAL));
    size_t slot = offset / shapes[c].size;
    if (m == s->emptying) s->live[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    else m->class = (uint8_t)c;
}

void slab_free(struct slab *s, void *p, size_t size) {
    if (unlikely(size > SLAB_SMALL_MAX)) {
        if (size <= SLAB_RUN_MAX) free_run(s, p, size);
        else free_big(s, p, size);
        return;
    }
    unsigned c = class_of(size);
    const struct shape *shape = &shapes[c];
    struct page *m = &chunk_of(p)->pages[unit_of(p)];
    size_t offset = ((size_t)m->back * UNIT) + ((uintptr_t)p & (UNIT - 1));
    m -= m->back;
    debug_invariant(offset % shape->size == 0 && offset / shape->size < m->carved && m->used > 0);
    if (unlikely(m->class != c)) free_special(s, c, m, offset);
#ifdef KORA_DEBUG
    memset(p, 0xdb, shape->size);
#endif
    poison(s, (char *)p + 8, (size_t)shape->size - 8);
    memcpy(p, &m->free, sizeof(m->free));
    m->free = (uint16_t)(offset / 8 + 1);
    unsigned before = m->used--;
    s->classes[c].used--;
    s->used -= shape->size;
    if (unlikely(before == shape->capacity || before == shape->dense || before == shape->middle || before == 1)) {
        settle(s, c, m, before);
    }
}

struct slab_usage slab_usage(const struct slab *s) {
    return (struct slab_usage){ s->used, s->resident * UNIT + s->big_bytes, s->mapped };
}

// ---- compaction

// The sparsest of the first few pages of the sparsest ring; NULL: none that is worth moving.
static struct page *sparsest(const struct class *k, const struct shape *shape) {
    enum { LOOK = 16 };
    for (enum level level = LEVELS; level-- > DENSE;) {
        struct page *m = k->rings[level], *best = NULL;
        for (unsigned i = 0; m && i < LOOK; i++, m = m->next) {
            if (!(m->class & SPECIAL) && (!best || m->used < best->used)) best = m;
            if (m->next == k->rings[level]) break;
        }
        if (best) return best->used * 16u <= shape->capacity * 15u ? best : NULL;
    }
    return NULL;
}

// The page to empty next: of the class with the largest part of its slots free, if its other pages can take the objects in.
static struct page *victim(const struct slab *s, unsigned *class) {
    struct page *best = NULL;
    uint64_t best_fill = 0;
    for (unsigned c = 0; c < CLASSES; c++) {
        const struct class *k = &s->classes[c];
        if (k->slots - k->used < shapes[c].capacity) continue;
        uint64_t fill = ((uint64_t)k->used << 16) / k->slots;
        if (best && fill >= best_fill) continue;
        struct page *m = sparsest(k, &shapes[c]);
        if (!m) continue;
        best = m;
        best_fill = fill;
        *class = c;
    }
    return best;
}

static void mark_live(const struct page *m, const struct shape *shape, uint64_t *live) {
    memset(live, 0, SLOTS_MAX / 8);
    for (unsigned i = 0; i < m->carved; i++) live[i / 64] |= UINT64_C(1) << i % 64;
    const char *memory = memory_of(m);
    for (uint16_t at = m->free; at;) {
        size_t offset = ((size_t)at - 1) * 8, slot = offset / shape->size;
        invariant(offset % shape->size == 0 && slot < m->carved && (live[slot / 64] >> slot % 64 & 1));
        live[slot / 64] &= ~(UINT64_C(1) << slot % 64);
        memcpy(&at, memory + offset, sizeof(at));
    }
}

static bool begin_emptying(struct slab *s) {
    unsigned c = 0;
    struct page *m = victim(s, &c);
    if (!m) return false;
    unlink_page(&s->classes[c].rings[level_of(&shapes[c], m->used)], m);
    m->class |= SPECIAL;
    mark_live(m, &shapes[c], s->live);
    s->emptying = m;
    return true;
}

// The page goes back to the end of its ring, and is not taken again before one of its objects was freed.
static void give_up(struct slab *s, unsigned c) {
    struct page *m = s->emptying;
    invariant(m); // `move` left the object alone
    s->emptying = NULL;
    link_page(&s->classes[c].rings[level_of(&shapes[c], m->used)], m, false);
}

// Names objects of the page that is being emptied. Returns their bytes.
static size_t empty_some(struct slab *s, size_t budget, slab_move_fn *move, void *arg) {
    struct page *m = s->emptying;
    unsigned c = m->class & ~(unsigned)SPECIAL;
    size_t size = shapes[c].size, named = 0;
    char *memory = memory_of(m);
    for (unsigned w = 0; w < ARRAY_LEN(s->live); w++) {
        while (s->emptying == m && s->live[w] && named < budget) {
            unsigned bit = (unsigned)__builtin_ctzll(s->live[w]);
            named += size;
            if (!move(arg, memory + (w * 64 + bit) * size, size)) {
                give_up(s, c);
                return named;
            }
            invariant(s->emptying != m || !(s->live[w] >> bit & 1)); // `move` has freed it
        }
    }
    return named;
}

bool slab_compact(struct slab *s, size_t budget, slab_move_fn *move, void *arg) {
    if (!s->classes) return false;
    trim(s, 0, TRIM_MAX);
    for (size_t named = 0; named < budget;) {
        if (!s->emptying && !begin_emptying(s)) return false;
        named += empty_some(s, budget - named, move, arg);
    }
    return true;
}

// ---- check

struct tally {
    size_t used, resident, dirty, mapped;
    uint32_t slots[CLASSES], objects[CLASSES], partial[CLASSES][LEVELS];
};

static void check_page(const struct slab *s, const struct page *m, struct tally *t) {
    unsigned c = m->class & ~(unsigned)SPECIAL;
    invariant(c < CLASSES);
    const struct shape *shape = &shapes[c];
    invariant(m->back == 0 && m->used <= m->carved && m->carved <= shape->capacity);
    for (unsigned i = 0; i < shape->units; i++) invariant(m[i].back == i && map_get(chunk_of(m)->used, unit_of(memory_of(m)) + i));
    uint64_t live[SLOTS_MAX / 64];
    mark_live(m, shape, live);
    size_t n = 0;
    for (unsigned w = 0; w < ARRAY_LEN(live); w++) n += (size_t)__builtin_popcountll(live[w]);
    invariant(n == m->used);
    invariant(m != s->emptying || (m->class & SPECIAL && memcmp(live, s->live, sizeof(live)) == 0));
    bool current = m == s->classes[c].current;
    invariant(current || (m->used > 0 && m->carved == shape->capacity));
    invariant(m->used > 0 || s->idle_class == c || m->carved == 0);
    if (!current && m != s->emptying && m->used < shape->capacity) t->partial[c][level_of(shape, m->used)]++;
    t->slots[c] += m->carved;
    t->objects[c] += m->used;
    t->used += (size_t)m->used * shape->size;
}

static void check_chunk(const struct slab *s, uint32_t index, struct tally *t) {
    const struct chunk_ref *r = &s->refs[index];
    const struct chunk *h = r->chunk;
    unsigned used = 0, longest;
    invariant(h->index == index && chunk_of(h) == h && map_count(h->used, 0, HEADER_UNITS) == HEADER_UNITS);
    for (unsigned unit = HEADER_UNITS, n; unit < CHUNK_UNITS; unit += n, used += n) {
        unit = map_next(h->used, unit, true);
        if (unit == CHUNK_UNITS) break;
        const struct page *m = &h->pages[unit];
        n = m->class == RUN ? m->carved : shapes[m->class & ~(unsigned)SPECIAL].units;
        invariant(map_count(h->used, unit, unit + n) == n);
        if (m->class != RUN) check_page(s, m, t);
        else t->used += (size_t)n * UNIT;
    }
    invariant(used == h->units && (h->units > 0 || s->keep_mapped || h == s->empty));
    find_row(h, CHUNK_UNITS, &longest);
    invariant(r->room >= longest);
    for (unsigned i = 0; i < LOWS; i++) invariant(index >= s->low[i] || longest >> i == 0);
    size_t dirty = 0;
    for (unsigned w = 0; w < WORDS; w++) dirty += (size_t)__builtin_popcountll(h->resident[w] & ~h->used[w]);
    invariant(r->dirty == dirty && (dirty == 0 || index <= s->dirty_top));
    t->dirty += dirty;
    t->resident += map_count(h->resident, 0, CHUNK_UNITS);
    t->mapped += CHUNK;
}

static void check_class(const struct slab *s, unsigned c, const struct tally *t) {
    const struct class *k = &s->classes[c];
    invariant(k->slots == t->slots[c] && k->used == t->objects[c]);
    for (enum level level = DENSE; level < LEVELS; level++) {
        uint32_t n = 0;
        for (struct page *m = k->rings[level]; m; m = m->next == k->rings[level] ? NULL : m->next, n++) {
            invariant(m->next->prev == m && (m->class & ~(unsigned)SPECIAL) == c && level_of(&shapes[c], m->used) == level);
            invariant(m != k->current && m != s->emptying && m->used < shapes[c].capacity);
        }
        invariant(n == t->partial[c][level]);
    }
}

void slab_check(const struct slab *s) {
    struct tally t = { 0 };
    for (unsigned c = 0; c < CLASSES; c++) invariant(class_of(shapes[c].size) == c && (!c || class_of(shapes[c - 1].size + 1u) == c));
    for (uint32_t i = 0; i < s->chunks; i++) check_chunk(s, i, &t);
    for (unsigned c = 0; s->classes && c < CLASSES; c++) check_class(s, c, &t);
    size_t big_bytes = 0;
    for (const struct big *b = s->bigs; b; b = b->next) {
        invariant(!b->next || b->next->prev == b);
        big_bytes += b->size;
        t.used += b->size - sizeof(*b);
    }
    invariant(t.used == s->used && t.resident == s->resident && t.dirty == s->dirty && big_bytes == s->big_bytes);
    invariant(t.mapped + s->reserve_size + big_bytes == s->mapped);
}
