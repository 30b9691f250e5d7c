// A hash table of pointers that grows without a pause: extendible hashing (Fagin et al., TODS 1979) over small segments.
//
//   directory --> segment (16 or 24 buckets) --> bucket (64 bytes, one cache line: 7 slots, 1 word of bookkeeping)
//
// A slot is one word: a 16-bit fingerprint of the hash above a 48-bit pointer to the entry, so a look-up touches the bucket's
// line and, but for one in some 9,000 misses, only the entry that it wants. A full bucket overflows into the next ones of its
// segment; a per-bucket counter of those that passed by says where a look-up may stop. A segment that is about 85 % full is
// rebuilt with 24 buckets, then split in two of 16: one insert moves at most TABLE_MOVES_MAX entries, whatever the size. The
// directory is indexed by the low bits of the hash and grows in parts that are never copied: an empty place means "as its parent".
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
    TABLE_BYTES_MAX = 72 * 1024,                         // bytes that one insert may write: new segments and directory parts
    TABLE_DEPTH_MAX = 24,                                // bits of the hash that the directory uses
};

// Which bits of the hash are used for what: 0..23 directory, 24..39 bucket in the segment, 40..55 fingerprint. 54..63 are left to
// the caller (stripes).

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
    TABLE_PART_FIRST = 8,    // directory places in part 0; part k above holds places [4 << k, 8 << k)
    TABLE_PARTS = 10,        // parts that have their address in the table: places below TABLE_CHUNK
    TABLE_CHUNK = 4 * 1024,  // places above are in chunks of this many, each allocated when it gets its first segment
    TABLE_ADDRESS_BITS = 48, // of a pointer
};

struct table_bucket {
    _Atomic uint64_t slot[TABLE_SLOTS]; // fingerprint << 48 | entry; 0: free
    _Atomic uint64_t meta;              // low half: entries that passed by; high half in a segment's first bucket: its entries
};

struct table {
    uint64_t count;                      // entries
    _Atomic uint64_t mask;               // bits of the hash that the deepest segment uses
    _Atomic uintptr_t part[TABLE_PARTS]; // where place 0 would be if the part began with it; 0: not there yet
    _Atomic(_Atomic uintptr_t *) chunks; // the same by place / TABLE_CHUNK
    struct slab *slab;
    table_hash_fn *hash;
    const void *ctx;
    size_t bytes;                         // of segments and directory
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

// Hints, see above: bring the bucket's line, then the entry's first 64 bytes, into the cache.
static inline void table_prefetch_bucket(const struct table *t, uint64_t hash);
TABLE_HINT_ void table_prefetch_entry(const struct table *t, uint64_t hash); // reads the bucket: some hundred ns after the former

// Visits entries in the order above from `cursor` (0: the start) until `max` were visited and the next has another hash, or
// until the end. Returns the cursor to go on with (below 2^48), 0 at the end. `visit` must not change the table.
// Every entry that is in the table from the first to the last call is visited exactly once, whatever is inserted or removed meanwhile.
typedef void table_visit_fn(void *arg, void *entry);
uint64_t table_scan(const struct table *t, uint64_t cursor, size_t max, table_visit_fn *visit, void *arg);

// Visits the entries of at most `segments` segments in layout order: cheaper than table_scan; for slices of background work while
// nothing else changes the table between calls, or when seeing an entry twice or not at all does no harm. Returns the next cursor, 0: end.
uint64_t table_walk(const struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg);

struct random;
// An entry, each about equally likely; NULL if empty.
void *table_random(const struct table *t, struct random *r);

// What the last table_insert or table_remove did beyond its own entry: entries moved, and bytes written into new segments and
// directory parts (tests assert bounds).
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

// A directory word: buckets << 48 | address of the segment (64-byte aligned) | depth.
static inline size_t table_word_size_(uint64_t word) { return (size_t)(word >> TABLE_ADDRESS_BITS); }
static inline struct table_bucket *table_word_segment_(uint64_t word) {
    return (struct table_bucket *)(uintptr_t)(word & (((uint64_t)1 << TABLE_ADDRESS_BITS) - CACHE_LINE));
}

static inline size_t table_home_(uint64_t hash, size_t buckets) { return (((hash >> 24) & 0xffff) * buckets) >> 16; }
static inline uint64_t table_fingerprint_(uint64_t hash) { return (hash << 8) & ((uint64_t)0xffff << TABLE_ADDRESS_BITS); }
static inline void *table_slot_entry_(uint64_t slot) { return (void *)(uintptr_t)(slot & (((uint64_t)1 << TABLE_ADDRESS_BITS) - 1)); }

// The first 64 bytes of an entry; harmless for a slot that is free or holds nonsense.
static inline void table_prefetch_slot_(uint64_t slot) {
    uintptr_t entry = (uintptr_t)table_slot_entry_(slot);
    prefetch((const void *)entry);
    prefetch((const void *)(entry + CACHE_LINE - 1));
}

// The directory place `i`; NULL: its part was never needed, as if it were zero.
static inline _Atomic uint64_t *table_place_(const struct table *t, uint64_t i) {
    uintptr_t base = 0;
    if (likely(i < TABLE_CHUNK)) {
        base = atomic_load_explicit(&t->part[61 - __builtin_clzll(i | 4)], memory_order_acquire);
    } else {
        _Atomic uintptr_t *chunks = atomic_load_explicit(&t->chunks, memory_order_acquire);
        if (chunks) base = atomic_load_explicit(&chunks[i / TABLE_CHUNK], memory_order_acquire);
    }
    return unlikely(!base) ? NULL : (_Atomic uint64_t *)(base + i * sizeof(uint64_t));
}

// The word of the segment that serves `hash`, its place in *index; 0: the table has none.
static inline uint64_t table_word_(const struct table *t, uint64_t hash, uint64_t *index) {
    uint64_t i = hash & atomic_load_explicit(&t->mask, memory_order_relaxed);
    for (;;) {
        const _Atomic uint64_t *place = table_place_(t, i);
        uint64_t word = likely(place != NULL) ? atomic_load_explicit(place, memory_order_acquire) : 0;
        *index = i;
        if (likely(word) || i == 0) return word;
        i ^= (uint64_t)1 << (63 - __builtin_clzll(i)); // an empty place: as the index without its highest bit
    }
}

// A bit for each slot whose upper 16 bits are those of `fingerprint`; free slots count as 0.
static inline __attribute__((always_inline)) unsigned table_match_(const struct table_bucket *b, uint64_t fingerprint) {
#ifdef TABLE_SSE2_
    const __m128 *line = (const __m128 *)(const void *)b;
    // The upper halves of four slots each, then the upper 16 bits of all eight words, in order.
    __m128i low = _mm_castps_si128(_mm_shuffle_ps(line[0], line[1], _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i high = _mm_castps_si128(_mm_shuffle_ps(line[2], line[3], _MM_SHUFFLE(3, 1, 3, 1)));
    __m128i prints = _mm_packs_epi32(_mm_srai_epi32(low, 16), _mm_srai_epi32(high, 16));
    __m128i equal = _mm_cmpeq_epi16(prints, _mm_set1_epi16((short)(fingerprint >> TABLE_ADDRESS_BITS)));
    return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())) & ((1u << TABLE_SLOTS) - 1);
#else
    unsigned match = 0;
    for (unsigned s = 0; s < TABLE_SLOTS; s++) {
        uint64_t slot = *(const volatile uint64_t *)(const void *)&b->slot[s];
        match |= (unsigned)((slot ^ fingerprint) >> TABLE_ADDRESS_BITS == 0) << s;
    }
    return match;
#endif
}

static inline __attribute__((always_inline)) void *table_find(
    const struct table *t, uint64_t hash, table_equal_fn *equal, const void *key) {
    uint64_t index, word = table_word_(t, hash, &index), fingerprint = table_fingerprint_(hash);
    if (unlikely(!word)) return NULL;
    const struct table_bucket *segment = table_word_segment_(word);
    size_t size = table_word_size_(word), home = table_home_(hash, size), i = home;
    do {
        const struct table_bucket *b = &segment[i];
        for (unsigned match = table_match_(b, fingerprint); match; match &= match - 1) {
            void *entry = table_slot_entry_(atomic_load_explicit(&b->slot[__builtin_ctz(match)], memory_order_relaxed));
            if (likely(entry != NULL) && equal(entry, key)) return entry;
        }
        if (likely((uint32_t)atomic_load_explicit(&b->meta, memory_order_relaxed) == 0)) return NULL;
        if (++i == size) i = 0;
    } while (i != home);
    return NULL;
}

static inline void table_prefetch_bucket(const struct table *t, uint64_t hash) {
    uint64_t index, word = table_word_(t, hash, &index);
    if (word) prefetch(&table_word_segment_(word)[table_home_(hash, table_word_size_(word))]);
}

TABLE_HINT_ void table_prefetch_entry(const struct table *t, uint64_t hash) {
    uint64_t index, word = table_word_(t, hash, &index);
    if (!word) return;
    const struct table_bucket *segment = table_word_segment_(word);
    size_t size = table_word_size_(word), i = table_home_(hash, size);
    unsigned match = table_match_(&segment[i], table_fingerprint_(hash));
    if (likely(match)) {
        table_prefetch_slot_(*(const volatile uint64_t *)(const void *)&segment[i].slot[__builtin_ctz(match)]);
    } else if ((uint32_t) * (const volatile uint64_t *)(const void *)&segment[i].meta) {
        prefetch(&segment[i + 1 == size ? 0 : i + 1]);
    }
}

#endif
