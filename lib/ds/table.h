// A hash table of pointers that grows without a pause: extendible hashing (Fagin et al., TODS 1979) over small segments.
//
//   directory --> segment (16 or 24 buckets) --> bucket (64 bytes, one cache line: 7 slots, 1 word of bookkeeping)
//
// A slot is one word: a fingerprint of the hash (15 bits, below a bit that is set) above a 48-bit pointer to the entry, so a look-up
// touches the bucket's line and, but for one in some 5,000 misses, only the entry that it wants. A full bucket overflows into the next
// ones of its segment; a per-bucket counter of those that passed by says where a look-up may stop. A segment that is about 85 % full is
// rebuilt with 24 buckets, then split in two of 16: one insert moves at most TABLE_MOVES_MAX entries, whatever the size.
//
// The directory is indexed by the low bits of the hash, and every place of it is filled: a look-up finds its segment with one load. It
// is one array up to 4096 places, and above that pages of 4096, of which one insert copies at most one.
//
// The table owns no entries: it holds the caller's pointers, and asks for an entry's hash when it must move it.
//
// Used by one thread at a time, but for table_prefetch_*: these may be called without any lock, at any time between
// table_init and table_free, and only read addresses that stay mapped that long (relaxed atomics).
//
// Order: hashes are ordered by their bits reversed (lowest bit first), masked to 48 bits. That is the order of table_scan,
// and its cursor is a position in it, so it means the same whatever the layout has become meanwhile.
#ifndef KORA_DS_TABLE_H
#define KORA_DS_TABLE_H

#include <stdatomic.h>

#include "base/base.h"
#include "ds/slab.h"

enum {
    TABLE_SLOTS = 7,
    TABLE_SEGMENT_SMALL = 16, // buckets
    TABLE_SEGMENT_LARGE = 24,
    TABLE_MOVES_MAX = TABLE_SEGMENT_LARGE * TABLE_SLOTS, // entries that one insert may move
    TABLE_BYTES_MAX = 72 * 1024, // bytes that one insert may write: new segments and directory, if hashes are spread as keyed ones are
    TABLE_DEPTH_MAX = 24,                                // bits of the hash that the directory uses
};

// Which bits of the hash are used for what: 0..23 directory, 24..39 bucket in the segment, 40..54 fingerprint. 55..63 are left to
// the caller (stripes); if it takes more, fingerprints tell less.

typedef uint64_t table_hash_fn(const void *ctx, const void *entry);

// True if `entry` is the one that `key` (the caller's) means. Inlined into table_find when it is a constant.
typedef bool table_equal_fn(const void *entry, const void *key);

// Hints read buckets that may have become something else meanwhile: a race by design, of which nothing but a useless prefetch can
// come. So the race detector must not look into them.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TABLE_HINT_ static __attribute__((noinline, unused, no_sanitize("thread")))
#endif
#elif defined(__SANITIZE_THREAD__)
#define TABLE_HINT_ static __attribute__((noinline, unused, no_sanitize("thread")))
#endif
#ifndef TABLE_HINT_
#define TABLE_HINT_ static inline
#endif

// The layout, for the inline functions; table.c tells its rules.
enum {
    TABLE_PAGE_BITS = 12,     // of the hash, that name a place in a page of the directory
    TABLE_PAGE = 1 << 12,     // places
    TABLE_PAGED = 1 << 15,    // in the root: the directory is of pages
    TABLE_ARRAY_FIRST = 8,    // places of the first array; each further one has twice as many,
    TABLE_ARRAYS = 10,        // up to TABLE_PAGE
    TABLE_ADDRESS_BITS = 48,  // of a pointer
    TABLE_ADDRESS_SHIFT = 16, // where it is in the root and in the directory's words
};

struct table_bucket {
    _Atomic uint64_t slot[TABLE_SLOTS]; // fingerprint << 48 | entry; 0: free
    _Atomic uint64_t meta;              // low half: entries that passed by; high half in a segment's first bucket: its entries
};

struct table {
    uint64_t count; // entries
    // Address of the array << 16 | its last place in use, or of `top` << 16 | TABLE_PAGED | its last page; 0: never had an entry.
    _Atomic uint64_t root;
    _Atomic uint64_t *array[TABLE_ARRAYS]; // all that there were: late hints may be in them
    _Atomic uint64_t *top;                 // address of the page | its depth; NULL: never needed
    _Atomic uint64_t *spare;               // pages that are not in use, linked by their first words
    struct slab *slab;
    table_hash_fn *hash;
    const void *ctx;
    size_t bytes;                         // of segments and directory, as the slab rounds them
    uint64_t work_entries, work_bytes;    // see table_last_work
    uint32_t leaves[TABLE_DEPTH_MAX + 1]; // segments by depth
};

// Takes no memory before the first insert. `slab` (made with keep_mapped) serves directory and segments. The struct may be
// moved in memory as it is.
void table_init(struct table *t, struct slab *slab, table_hash_fn *hash, const void *ctx);
// Gives directory and segments back to the slab; entries are the caller's. The table is then as after table_init. Not needed
// if the slab is destroyed anyway.
void table_free(struct table *t);

// The entry with this hash for which `equal` says yes, or NULL.
static inline void *table_find(const struct table *t, uint64_t hash, table_equal_fn *equal, const void *key);
// Adds an entry (that is not in it: not checked). False: no memory, nothing changed.
bool table_insert(struct table *t, uint64_t hash, void *entry);
// Puts `to` where `from` is (same hash). False: `from` is not in it.
bool table_replace(struct table *t, uint64_t hash, const void *from, void *to);
// Takes an entry out. False: it was not in it. A table that has become nearly empty gives segments back (merging buddies, bounded
// work a call). Entries must be whole and hashable while table_insert and table_remove run, `entry` itself excepted.
bool table_remove(struct table *t, uint64_t hash, const void *entry);

// Hints, see above. The first brings the bucket's line into the cache, and tells where that is (NULL: there is none). The second reads
// the bucket, some hundred ns later and while the table lives, and brings the entry's first 64 bytes.
static inline const struct table_bucket *table_prefetch_bucket(const struct table *t, uint64_t hash);
TABLE_HINT_ void table_prefetch_entry(const struct table_bucket *b, uint64_t hash);

// Visits entries in the order above from `cursor` (0: the start) until `max` were visited and the next has another hash, or
// until the end. Returns the cursor to go on with (below 2^48), 0 at the end. `visit` must not change the table.
// Every entry that is in the table from the first to the last call is visited exactly once, whatever is inserted or removed meanwhile.
typedef void table_visit_fn(void *arg, void *entry);
uint64_t table_scan(const struct table *t, uint64_t cursor, size_t max, table_visit_fn *visit, void *arg);

// Visits the entries of at most `segments` segments in layout order: cheaper than table_scan; for slices of background work while
// nothing else changes the table between calls, or when seeing an entry twice or not at all does no harm. Returns the next cursor, 0: end.
uint64_t table_walk(const struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg);

// Frees the table in portions: visits the entries (visit may be NULL) of at most `segments` segments from `cursor` on (0: the start), which may be
// freed by the visit, and gives these segments back. Returns the next cursor; 0: all is freed, and the table is as after table_init. Between two
// calls nothing else may be done with it.
uint64_t table_free_walk(struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg);

struct random;
// An entry, each about equally likely; NULL if empty.
void *table_random(const struct table *t, struct random *r);

// Where a hash is in the order above.
static inline uint64_t table_position(uint64_t hash) {
    hash = (hash >> 1 & 0x5555555555555555) | (hash & 0x5555555555555555) << 1;
    hash = (hash >> 2 & 0x3333333333333333) | (hash & 0x3333333333333333) << 2;
    hash = (hash >> 4 & 0x0f0f0f0f0f0f0f0f) | (hash & 0x0f0f0f0f0f0f0f0f) << 4;
    return __builtin_bswap64(hash) >> 16;
}

// What the last table_insert or table_remove did beyond its own entry: entries moved, and bytes written into new segments and
// the directory (tests assert bounds).
struct table_work {
    uint64_t entries, bytes;
};
struct table_work table_last_work(const struct table *t);

// Tests: walks everything, aborts on a broken invariant.
void table_check(const struct table *t);

// ---- inline functions ----

#if defined(__SSE2__) && !defined(KORA_NO_SIMD)
#include <emmintrin.h>
#define TABLE_SSE2_ 1
#endif

// A directory word: (address of the segment, 64-byte aligned | its depth) << 16 | buckets.
static inline size_t table_word_size_(uint64_t word) { return word & (((uint64_t)1 << TABLE_ADDRESS_SHIFT) - 1); }
static inline unsigned table_word_depth_(uint64_t word) { return (unsigned)(word >> TABLE_ADDRESS_SHIFT) % CACHE_LINE; }
static inline struct table_bucket *table_word_segment_(uint64_t word) {
    return (struct table_bucket *)(uintptr_t)((word >> TABLE_ADDRESS_SHIFT) & ~(uint64_t)(CACHE_LINE - 1));
}

static inline size_t table_home_(uint64_t hash, size_t buckets) { return ((uint32_t)(hash >> 24) & 0xffff) * (uint32_t)buckets >> 16; }
// Never 0, so that free slots match none. Only the upper half is the fingerprint: the lower half is what table_home_ uses, from
// the same shift.
static inline uint32_t table_print_(uint64_t hash) { return (uint32_t)(hash >> 24) | (uint32_t)1 << 31; }
static inline uint64_t table_slot_(uint64_t hash, const void *entry) {
    return (uint64_t)(table_print_(hash) >> 16) << TABLE_ADDRESS_BITS | (uint64_t)(uintptr_t)entry;
}
static inline void *table_slot_entry_(uint64_t slot) { return (void *)(uintptr_t)(slot & (((uint64_t)1 << TABLE_ADDRESS_BITS) - 1)); }

// The first 64 bytes of an entry; harmless for a slot that is free or holds nonsense.
static inline void table_prefetch_slot_(uint64_t slot) {
    uintptr_t entry = (uintptr_t)table_slot_entry_(slot);
    prefetch((const void *)entry);
    prefetch((const void *)(entry + CACHE_LINE - 1));
}

// The word of the segment that serves `hash`. `root` (not 0) names the directory with its depth, so it is read once.
static inline __attribute__((always_inline)) uint64_t table_word_(uint64_t root, uint64_t hash) {
    const _Atomic uint64_t *words = (const _Atomic uint64_t *)(uintptr_t)(root >> TABLE_ADDRESS_SHIFT);
    uint64_t i = hash & (uint16_t)root;
    if (unlikely(root & TABLE_PAGED)) {
        uint64_t page = atomic_load_explicit(&words[(hash >> TABLE_PAGE_BITS) & root & (TABLE_PAGED - 1)], memory_order_acquire);
        words = (const _Atomic uint64_t *)(uintptr_t)(page & ~(uint64_t)(CACHE_LINE - 1));
        i = hash % TABLE_PAGE;
    }
    return atomic_load_explicit(&words[i], memory_order_acquire);
}

static inline uint64_t table_root_(const struct table *t) { return atomic_load_explicit(&t->root, memory_order_acquire); }

// The slots with the fingerprint of `print`: a set of bits for table_match_slot_, which takes the lowest.
static inline __attribute__((always_inline)) unsigned table_match_(const struct table_bucket *b, uint32_t print) {
#ifdef TABLE_SSE2_
    const __m128 *line = (const __m128 *)(const void *)b;
    // The upper halves of four words each, of these the upper 16 bits compared, and the results as 16 bits each, in order.
    __m128i prints = _mm_set1_epi32((int)print);
    __m128i low = _mm_cmpeq_epi16(_mm_castps_si128(_mm_shuffle_ps(line[0], line[1], _MM_SHUFFLE(3, 1, 3, 1))), prints);
    __m128i high = _mm_cmpeq_epi16(_mm_castps_si128(_mm_shuffle_ps(line[2], line[3], _MM_SHUFFLE(3, 1, 3, 1))), prints);
    return (unsigned)_mm_movemask_epi8(_mm_packs_epi32(low, high)) & 0x2aaa; // keeps the sign of each; the last word is `meta`
#else
    unsigned match = 0;
    for (unsigned s = 0; s < TABLE_SLOTS; s++) {
        uint64_t slot = *(const volatile uint64_t *)(const void *)&b->slot[s];
        match |= (unsigned)(slot >> TABLE_ADDRESS_BITS == print >> 16) << (2 * s + 1);
    }
    return match;
#endif
}

static inline const _Atomic uint64_t *table_match_slot_(const struct table_bucket *b, unsigned match) {
    return (const _Atomic uint64_t *)(const void *)((const char *)b + ((size_t)__builtin_ctz(match) * 4 - 4)); // bit 2 s + 1
}

// Whether entries have passed by the bucket.
static inline bool table_passed_(const struct table_bucket *b) {
    return (uint32_t)atomic_load_explicit(&b->meta, memory_order_relaxed) != 0;
}

// What table_find does where the first slot to look at in the home bucket doesn't settle it: all that may be needed. Out of line,
// so that the usual case is short and has everything in registers.
static __attribute__((noinline, unused)) void *table_find_far_(uint64_t word, uint64_t hash, table_equal_fn *equal, const void *key) {
    const struct table_bucket *segment = table_word_segment_(word);
    size_t size = table_word_size_(word), home = table_home_(hash, size), i = home;
    do {
        const struct table_bucket *b = &segment[i];
        for (unsigned match = table_match_(b, table_print_(hash)); match; match &= match - 1) {
            void *entry = table_slot_entry_(atomic_load_explicit(table_match_slot_(b, match), memory_order_relaxed));
            if (equal(entry, key)) return entry;
        }
        if (!table_passed_(b)) return NULL;
        if (++i == size) i = 0;
    } while (i != home);
    return NULL;
}

static inline __attribute__((always_inline)) void *table_find(
    const struct table *t, uint64_t hash, table_equal_fn *equal, const void *key) {
    uint64_t root = table_root_(t);
    if (unlikely(!root)) return NULL;
    uint64_t word = table_word_(root, hash);
    const struct table_bucket *b = &table_word_segment_(word)[table_home_(hash, table_word_size_(word))];
    unsigned match = table_match_(b, table_print_(hash));
    if (likely(match)) {
        void *entry = table_slot_entry_(atomic_load_explicit(table_match_slot_(b, match), memory_order_relaxed));
        if (likely(equal(entry, key))) return entry;
    } else if (likely(!table_passed_(b))) {
        return NULL;
    }
    return table_find_far_(word, hash, equal, key);
}

// A late hint may read any word that was ever in the directory, 0 too.
static inline const struct table_bucket *table_prefetch_bucket(const struct table *t, uint64_t hash) {
    uint64_t root = table_root_(t), word = root ? table_word_(root, hash) : 0;
    if (!word) return NULL;
    const struct table_bucket *b = &table_word_segment_(word)[table_home_(hash, table_word_size_(word))];
    prefetch(b);
    return b;
}

TABLE_HINT_ void table_prefetch_entry(const struct table_bucket *b, uint64_t hash) {
    unsigned match = table_match_(b, table_print_(hash));
    if (likely(match)) table_prefetch_slot_(*(const volatile uint64_t *)(const void *)table_match_slot_(b, match));
    else prefetch(b + 1); // it may have overflowed
}

#endif
