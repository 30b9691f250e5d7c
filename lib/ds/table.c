// The hash table; what it does is told in table.h.
//
// Directory. The segments are the leaves of a binary tree over the low bits of the hash: the leaf (c, d), with c < 2^d, serves
// the hashes whose low d bits are c. The directory's depth D is that of the deepest leaf, and the word of (c, d) is at every
// place below 2^D whose low d bits are c: no place is empty, and a look-up is one load from the place that its low D bits name.
//
// Up to D = 12 it is an array. When that has no room for another bit, one of twice the size takes over. Above, it is `top`, an
// array of the addresses of pages: place i is in page top[i >> 12] at i mod 4096. Pages are to `top` what leaves are to the
// directory: a page of depth e is at all places of `top` whose low e bits agree. That it can serve them all is the
//
//   invariant: no leaf in a page of depth e is deeper than 12 + e, and e is at most D - 12.
//
// So a split divides one page at most: the one in which a leaf of depth 12 + e has its single word. The array of 4096 places is,
// and stays, page top[0]. When no leaf of depth D is left, D falls by one: the upper half of the places is not looked at any more,
// and the pages that are only there are spare until the directory grows again.
//
// Segments. An entry is in its home bucket, or, if that was full, in the next bucket (in a circle) that had room. Each bucket
// counts in `meta` the entries that passed it so: home at or before it, place behind it. A look-up goes on while that is not zero.
// The counter is 32 bits wide and a segment has at most 4096 * 7 entries, so it never saturates. The first bucket's
// upper half of `meta` counts the segment's entries. Sizes are 2, 4, 8, 16, 24 buckets. A segment whose hashes agree in
// all directory bits can't be split; it goes on growing in buckets (36, 54, ... 4096), and only there an insert moves more than
// TABLE_MOVES_MAX entries. Hashes are keyed, so that is a matter of tests and of tables with thousands of millions of entries.
//
// Concurrency. Hints by other threads read the root, directory words and then buckets, all published with release order. Address
// and depth of the directory are one word, so they always fit together. What was once part of the directory never becomes anything else
// before table_free, so a late reader finds old or new words in it; and what a word leads to stays mapped, being the slab's: at worst
// it has become something else.
#include "ds/table.h"

#include "base/mem.h"
#include "base/random.h"

static_assert(sizeof(struct table_bucket) == CACHE_LINE, "a bucket is one line");
static_assert(TABLE_ARRAY_FIRST << (TABLE_ARRAYS - 1) == TABLE_PAGE, "the last array is a page");

enum {
    FILL = 6,           // entries a bucket at which a segment grows: 6/7 = 85.7 %
    BUCKETS_MIN = 2,    // buckets
    BUCKETS_MAX = 4096, // 256 KB, the largest piece that a slab never unmaps
    BATCH = TABLE_SEGMENT_LARGE * TABLE_SLOTS,
    TOP = 1 << (TABLE_DEPTH_MAX - TABLE_PAGE_BITS), // pages
    AHEAD = 12,                                     // entries prefetched while hashes are taken
};

#define POSITION_END ((uint64_t)1 << 48) // of the order of table_scan
#define COUNT_ONE ((uint64_t)1 << 32)    // one entry in the upper half of meta

// A segment and where it hangs.
struct leaf {
    struct table_bucket *segment;
    size_t size; // buckets
    uint64_t index;
    unsigned depth;
};

// An entry on its way: its slot word (fingerprint and all) and its hash, or its position.
struct moved {
    uint64_t slot, hash;
};

struct batch {
    struct moved *m;
    size_t n;
    struct moved own[BATCH];
};

// ---- words, counters, sizes ----

static uint64_t root_get(const struct table *t) { return atomic_load_explicit(&t->root, memory_order_relaxed); }
static uint64_t slot_get(const struct table_bucket *b, size_t s) { return atomic_load_explicit(&b->slot[s], memory_order_relaxed); }
static void slot_set(struct table_bucket *b, size_t s, uint64_t v) { atomic_store_explicit(&b->slot[s], v, memory_order_relaxed); }
static uint64_t meta_get(const struct table_bucket *b) { return atomic_load_explicit(&b->meta, memory_order_relaxed); }
static void meta_add(struct table_bucket *b, uint64_t n) { atomic_store_explicit(&b->meta, meta_get(b) + n, memory_order_relaxed); }

static size_t leaf_count(const struct leaf *l) { return (size_t)(meta_get(l->segment) / COUNT_ONE); }

static struct leaf leaf_of(uint64_t word, uint64_t hash) {
    unsigned depth = table_word_depth_(word);
    return (struct leaf){ table_word_segment_(word), table_word_size_(word), hash & (((uint64_t)1 << depth) - 1), depth };
}

// False: the table is empty.
static bool locate(const struct table *t, uint64_t hash, struct leaf *l) {
    uint64_t root = root_get(t);
    if (root) *l = leaf_of(table_word_(root, hash), hash);
    return root != 0;
}

static uint64_t word_of(const void *segment, size_t size, unsigned depth) {
    return ((uint64_t)(uintptr_t)segment | depth) << TABLE_ADDRESS_SHIFT | size;
}

static size_t size_next(size_t size) {
    if (size < TABLE_SEGMENT_SMALL) return size * 2;
    if (size < TABLE_SEGMENT_LARGE) return TABLE_SEGMENT_LARGE;
    return MIN(size + size / 2, (size_t)BUCKETS_MAX);
}

// The smallest segment in which n entries leave room for at least one more before it grows.
static size_t size_for(size_t n) {
    size_t size = BUCKETS_MIN;
    while (n >= size * FILL && size < BUCKETS_MAX) size = size_next(size);
    return size;
}

// The 48 low bits of the hash, reversed, and back.
static uint64_t reverse48(uint64_t x) { return table_position(x); }

static uint64_t leaf_end(const struct leaf *l) { return reverse48(l->index) + (POSITION_END >> l->depth); }

// ---- segments ----

static struct table_bucket *segment_new(struct table *t, size_t size) {
    size_t bytes = size * sizeof(struct table_bucket);
    struct table_bucket *segment = slab_alloc(t->slab, bytes);
    if (!segment) return NULL;
    memset(segment, 0, bytes);
    t->bytes += slab_round(bytes);
    t->work_bytes += bytes;
    return segment;
}

static void segment_free(struct table *t, struct table_bucket *segment, size_t size) {
    if (!segment) return;
    size_t bytes = size * sizeof(struct table_bucket);
    slab_free(t->slab, segment, bytes);
    t->bytes -= slab_round(bytes);
}

// A free slot of the bucket, or -1. Without branches on the slots: which is the first free one can't be predicted.
static int slot_free(const struct table_bucket *b) {
    unsigned used = 0;
    for (unsigned s = 0; s < TABLE_SLOTS; s++) used |= (unsigned)(slot_get(b, s) != 0) << s;
    return used == (1u << TABLE_SLOTS) - 1 ? -1 : __builtin_ctz(~used);
}

// False: full, nothing changed.
static bool put(struct table_bucket *segment, size_t size, uint64_t hash, uint64_t slot) {
    size_t home = table_home_(hash, size), i = home, tried = 0;
    int s;
    while ((s = slot_free(&segment[i])) < 0) {
        if (++tried == size) return false;
        if (++i == size) i = 0;
    }
    slot_set(&segment[i], (size_t)s, slot);
    for (size_t j = home; j != i; j = j + 1 == size ? 0 : j + 1) meta_add(&segment[j], 1);
    meta_add(segment, COUNT_ONE);
    return true;
}

static void fill(struct table_bucket *segment, size_t size, const struct moved *m, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool room = put(segment, size, m[i].hash, m[i].slot);
        invariant(room);
    }
}

// The slot that holds `entry`, and its bucket in *bucket; NULL: it is not here.
static _Atomic uint64_t *find_slot(const struct leaf *l, uint64_t hash, const void *entry, size_t *bucket) {
    uint64_t wanted = table_slot_(hash, entry);
    size_t home = table_home_(hash, l->size), i = home;
    do {
        struct table_bucket *b = &l->segment[i];
        for (unsigned match = table_match_(b, table_print_(hash)); match; match &= match - 1) {
            size_t s = (size_t)__builtin_ctz(match) / 2;
            if (slot_get(b, s) != wanted) continue;
            *bucket = i;
            return &b->slot[s];
        }
        if ((uint32_t)meta_get(b) == 0) return NULL;
        if (++i == l->size) i = 0;
    } while (i != home);
    return NULL;
}

// ---- batches of entries on their way ----

static bool batch_open(struct batch *b, size_t n) {
    b->n = 0;
    b->m = n <= BATCH ? b->own : mem_alloc(n * sizeof(struct moved));
    return b->m != NULL;
}

static void batch_close(struct batch *b) {
    if (b->m != b->own) mem_free(b->m);
}

// Appends the leaf's entries with their hashes. Each entry is likely a cache miss: these overlap.
static void batch_add(const struct table *t, struct batch *b, const struct leaf *l) {
    size_t from = b->n;
    for (size_t i = 0; i < l->size; i++) {
        for (size_t s = 0; s < TABLE_SLOTS; s++) {
            uint64_t slot = slot_get(&l->segment[i], s);
            if (slot) b->m[b->n++].slot = slot;
        }
    }
    for (size_t i = from; i < MIN(b->n, from + AHEAD); i++) table_prefetch_slot_(b->m[i].slot);
    for (size_t i = from; i < b->n; i++) {
        if (i + AHEAD < b->n) table_prefetch_slot_(b->m[i + AHEAD].slot);
        b->m[i].hash = t->hash(t->ctx, table_slot_entry_(b->m[i].slot));
    }
}

// Brings the entries whose hash has `bit` to the end; returns how many are before them.
static size_t batch_part(struct batch *b, uint64_t bit) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->m[i].hash & bit) continue;
        struct moved m = b->m[i];
        b->m[i] = b->m[n];
        b->m[n++] = m;
    }
    return n;
}

// ---- the directory ----

// A page of the directory; an array is its only page, of depth 0.
struct page {
    _Atomic uint64_t *words;
    unsigned depth;
};

static void *root_address(uint64_t root) { return (void *)(uintptr_t)(root >> TABLE_ADDRESS_SHIFT); }
static size_t root_last(uint64_t root) { return root % TABLE_PAGED; }

// `n`: places of an array, pages of the top.
static void root_set(struct table *t, const void *address, uint64_t paged, size_t n) {
    uint64_t root = (uint64_t)(uintptr_t)address << TABLE_ADDRESS_SHIFT | paged | (n - 1);
    atomic_store_explicit(&t->root, root, memory_order_release);
}

static unsigned directory_depth(const struct table *t) {
    uint64_t root = root_get(t);
    return 63 - (unsigned)__builtin_clzll(2 * root_last(root) + 1) + (root & TABLE_PAGED ? TABLE_PAGE_BITS : 0);
}

static struct page page_at(const struct table *t, uint64_t u) {
    uint64_t root = root_get(t);
    if (!(root & TABLE_PAGED)) return (struct page){ root_address(root), 0 };
    uint64_t page = atomic_load_explicit(&t->top[u], memory_order_relaxed);
    return (struct page){ (_Atomic uint64_t *)(uintptr_t)(page & ~(uint64_t)(CACHE_LINE - 1)), (unsigned)(page % CACHE_LINE) };
}

static void page_set(struct table *t, uint64_t u, const _Atomic uint64_t *words, unsigned depth) {
    t->work_bytes += sizeof(uint64_t);
    atomic_store_explicit(&t->top[u], (uint64_t)(uintptr_t)words | depth, memory_order_release);
}

// The leaf's place at *i, or the first one above in a page that was not met before; *i is then the one to go on with. NULL: no more.
static _Atomic uint64_t *place_next(const struct table *t, const struct leaf *l, uint64_t *i) {
    while (*i >> directory_depth(t) == 0) {
        uint64_t at = *i, u = at / TABLE_PAGE, step = (uint64_t)1 << l->depth;
        struct page page = page_at(t, u);
        bool met = u >> page.depth != 0;
        *i += met ? MAX(step, (uint64_t)TABLE_PAGE) : step;
        if (!met) return &page.words[at % TABLE_PAGE];
    }
    return NULL;
}

static void publish(struct table *t, uint64_t index, const struct table_bucket *segment, size_t size, unsigned depth) {
    struct leaf l = { .index = index, .depth = depth };
    uint64_t word = word_of(segment, size, depth), i = index;
    for (_Atomic uint64_t *place; (place = place_next(t, &l, &i)) != NULL; t->work_bytes += sizeof word) {
        atomic_store_explicit(place, word, memory_order_release);
    }
}

static void *words_new(struct table *t, size_t n) {
    void *words = slab_alloc(t->slab, n * sizeof(uint64_t));
    if (words) t->bytes += n * sizeof(uint64_t);
    return words;
}

static void words_free(struct table *t, void *words, size_t n) {
    if (!words) return;
    slab_free(t->slab, words, n * sizeof(uint64_t));
    t->bytes -= n * sizeof(uint64_t);
}

static void words_copy(struct table *t, _Atomic uint64_t *to, const _Atomic uint64_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        atomic_store_explicit(&to[i], atomic_load_explicit(&from[i], memory_order_relaxed), memory_order_relaxed);
    }
    t->work_bytes += n * sizeof(uint64_t);
}

// The array that has room for the most places. There is one.
static unsigned array_last(const struct table *t) {
    unsigned k = TABLE_ARRAYS - 1;
    while (k > 0 && !t->array[k]) k--;
    return k;
}

static size_t array_places(unsigned k) { return (size_t)TABLE_ARRAY_FIRST << k; }

// Sees to an array with room for n places.
static bool array_reserve(struct table *t, size_t n) {
    unsigned k = array_last(t);
    if (array_places(k) >= n) return true;
    t->array[k + 1] = words_new(t, array_places(k + 1));
    return t->array[k + 1] != NULL;
}

// The link is written as a word, since late hints may take it for one.
static void spare_add(struct table *t, _Atomic uint64_t *page) {
    atomic_store_explicit(&page[0], word_of(t->spare, 0, 0), memory_order_relaxed);
    t->spare = page;
}

static _Atomic uint64_t *spare_next(const _Atomic uint64_t *page) {
    return (_Atomic uint64_t *)table_word_segment_(atomic_load_explicit(&page[0], memory_order_relaxed));
}

static bool spare_reserve(struct table *t) {
    if (t->spare) return true;
    _Atomic uint64_t *page = words_new(t, TABLE_PAGE);
    if (page) spare_add(t, page);
    return page != NULL;
}

// Sees to all memory that the directory needs for a split of the leaf. False: there is none; what there is stays for the next time.
static bool directory_reserve(struct table *t, const struct leaf *l) {
    unsigned depth = directory_depth(t);
    if (l->depth == depth && depth < TABLE_PAGE_BITS) return array_reserve(t, (size_t)2 << depth);
    if (l->depth == depth && !t->top && !(t->top = words_new(t, TOP))) return false;
    return l->depth < TABLE_PAGE_BITS + page_at(t, l->index / TABLE_PAGE).depth || spare_reserve(t);
}

// Makes the directory one bit deeper.
static void deepen(struct table *t) {
    uint64_t root = root_get(t);
    size_t n = root_last(root) + 1;
    if (!(root & TABLE_PAGED) && n < TABLE_PAGE) {
        _Atomic uint64_t *from = root_address(root), *to = t->array[array_last(t)];
        if (to != from) words_copy(t, to, from, n);
        words_copy(t, to + n, from, n);
        root_set(t, to, 0, 2 * n);
        return;
    }
    if (!(root & TABLE_PAGED)) {
        n = 1;
        page_set(t, 0, root_address(root), 0);
    }
    words_copy(t, t->top + n, t->top, n);
    root_set(t, t->top, TABLE_PAGED, 2 * n);
}

// Makes it one bit less deep: no leaf needs that bit.
static void flatten(struct table *t) {
    uint64_t root = root_get(t);
    size_t n = (root_last(root) + 1) / 2;
    if (!(root & TABLE_PAGED)) {
        root_set(t, root_address(root), 0, n);
        return;
    }
    unsigned deepest = directory_depth(t) - TABLE_PAGE_BITS; // of pages
    for (size_t u = 0; u < n; u++) {
        struct page page = page_at(t, u);
        if (page.depth < deepest) continue;
        spare_add(t, page_at(t, u + n).words);
        page_set(t, u, page.words, deepest - 1);
    }
    if (n > 1) root_set(t, t->top, TABLE_PAGED, n);
    else root_set(t, page_at(t, 0).words, 0, TABLE_PAGE);
}

// Divides the page that has the leaf's place if the leaf is as deep as may be in it. There is a spare one.
static void page_divide(struct table *t, const struct leaf *l) {
    size_t u = l->index / TABLE_PAGE, n = root_last(root_get(t)) + 1;
    struct page page = page_at(t, u);
    if (l->depth < TABLE_PAGE_BITS + page.depth) return;
    _Atomic uint64_t *other = t->spare;
    t->spare = spare_next(other);
    words_copy(t, other, page.words, TABLE_PAGE);
    for (size_t bit = (size_t)1 << page.depth; u < n; u += bit) page_set(t, u, u & bit ? other : page.words, page.depth + 1);
}

// ---- growing and shrinking ----

static bool start(struct table *t) {
    if (!t->array[0]) t->array[0] = words_new(t, TABLE_ARRAY_FIRST);
    if (!t->array[0]) return false;
    struct table_bucket *segment = segment_new(t, BUCKETS_MIN);
    if (!segment) return false;
    atomic_store_explicit(&t->array[0][0], word_of(segment, BUCKETS_MIN, 0), memory_order_relaxed);
    root_set(t, t->array[0], 0, 1);
    t->work_bytes += sizeof(uint64_t);
    t->leaves[0] = 1;
    return true;
}

// Builds the leaf anew with `size` buckets. False: no memory, nothing changed.
static bool resize(struct table *t, const struct leaf *l, size_t size) {
    struct batch b;
    if (!batch_open(&b, leaf_count(l))) return false;
    struct table_bucket *segment = segment_new(t, size);
    if (segment) {
        batch_add(t, &b, l);
        fill(segment, size, b.m, b.n);
        publish(t, l->index, segment, size, l->depth);
        segment_free(t, l->segment, l->size);
        t->work_entries += b.n;
    }
    batch_close(&b);
    return segment != NULL;
}

// Divides the gathered leaf by the next bit of the hash. False: no memory, nothing changed.
static bool split(struct table *t, const struct leaf *l, struct batch *b) {
    uint64_t bit = (uint64_t)1 << l->depth;
    size_t n = batch_part(b, bit), size0 = size_for(n), size1 = size_for(b->n - n);
    if (!directory_reserve(t, l)) return false;
    struct table_bucket *zero = segment_new(t, size0), *one = segment_new(t, size1);
    if (!zero || !one) {
        segment_free(t, zero, size0);
        segment_free(t, one, size1);
        return false;
    }
    fill(zero, size0, b->m, n);
    fill(one, size1, b->m + n, b->n - n);
    if (l->depth == directory_depth(t)) deepen(t);
    page_divide(t, l);
    publish(t, l->index | bit, one, size1, l->depth + 1);
    publish(t, l->index, zero, size0, l->depth + 1);
    t->leaves[l->depth]--;
    t->leaves[l->depth + 1] += 2;
    segment_free(t, l->segment, l->size);
    t->work_entries += b->n;
    return true;
}

// Makes room in a leaf that has reached its limit. False: no memory, or the largest size is reached; nothing changed.
static bool grow(struct table *t, const struct leaf *l) {
    if (l->size < TABLE_SEGMENT_LARGE) return resize(t, l, size_next(l->size));
    struct batch b;
    if (!batch_open(&b, leaf_count(l))) return false;
    batch_add(t, &b, l);
    uint64_t differ = 0; // directory bits by which the entries could be told apart
    for (size_t i = 1; i < b.n; i++) differ |= b.m[i].hash ^ b.m[0].hash;
    differ &= ((uint64_t)1 << TABLE_DEPTH_MAX) - 1;
    bool ok = differ && split(t, l, &b);
    batch_close(&b);
    if (!differ && l->size < BUCKETS_MAX) return resize(t, l, size_next(l->size));
    return ok;
}

// Joins the leaf with its buddy if both are small. False: they are not, or no memory.
static bool merge(struct table *t, const struct leaf *l) {
    if (l->depth == 0) return false;
    uint64_t bit = (uint64_t)1 << (l->depth - 1), low = l->index & ~bit;
    struct leaf buddy;
    if (!locate(t, l->index ^ bit, &buddy) || buddy.depth != l->depth) return false; // it was split further
    size_t n = leaf_count(l) + leaf_count(&buddy);
    size_t room = (MAX(l->size, (size_t)TABLE_SEGMENT_SMALL) + MAX(buddy.size, (size_t)TABLE_SEGMENT_SMALL)) * TABLE_SLOTS;
    if (n * 3 > room) return false;
    size_t size = size_for(n + n / 4);
    struct batch b;
    if (!batch_open(&b, n)) return false;
    struct table_bucket *segment = segment_new(t, size);
    if (segment) {
        batch_add(t, &b, l);
        batch_add(t, &b, &buddy);
        fill(segment, size, b.m, b.n);
        publish(t, low, segment, size, l->depth - 1);
        t->leaves[l->depth - 1]++;
        t->leaves[l->depth] -= 2;
        if (l->depth == directory_depth(t) && t->leaves[l->depth] == 0) flatten(t);
        segment_free(t, l->segment, l->size);
        segment_free(t, buddy.segment, buddy.size);
        t->work_entries += b.n;
    }
    batch_close(&b);
    return segment != NULL;
}

// After a removal: the leaf at a third of its room is merged or shrunk. Looking at the buddy costs cache misses, so only
// every fourth time.
static void shrink(struct table *t, const struct leaf *l) {
    size_t n = leaf_count(l);
    if (n % 4 != 0 || n * 3 > MAX(l->size, (size_t)TABLE_SEGMENT_SMALL) * TABLE_SLOTS) return;
    if (merge(t, l)) return;
    size_t size = size_for(n * 2);
    if (size < l->size) resize(t, l, size);
}

// ---- the interface ----

void table_init(struct table *t, struct slab *slab, table_hash_fn *hash, const void *ctx) {
    memset(t, 0, sizeof *t);
    t->slab = slab;
    t->hash = hash;
    t->ctx = ctx;
}

static void free_pages(struct table *t) {
    for (size_t u = 1; u <= root_last(root_get(t)); u++) {
        struct page page = page_at(t, u);
        if (u >> page.depth == 0) words_free(t, page.words, TABLE_PAGE);
    }
}

// What is left when all segments are freed.
static void free_directory(struct table *t) {
    if (root_get(t) & TABLE_PAGED) free_pages(t);
    for (_Atomic uint64_t *page = t->spare, *next; page; page = next) {
        next = spare_next(page);
        words_free(t, page, TABLE_PAGE);
    }
    for (unsigned k = 0; k < TABLE_ARRAYS; k++) words_free(t, t->array[k], array_places(k));
    words_free(t, t->top, TOP);
    invariant(t->bytes == 0);
    table_init(t, t->slab, t->hash, t->ctx);
}

void table_free(struct table *t) { table_free_walk(t, 0, SIZE_MAX, NULL, NULL); }

bool table_insert(struct table *t, uint64_t hash, void *entry) {
    debug_invariant(entry && (uint64_t)(uintptr_t)entry >> TABLE_ADDRESS_BITS == 0);
    t->work_entries = t->work_bytes = 0;
    struct leaf l;
    while (!locate(t, hash, &l)) {
        if (!start(t)) return false;
    }
    // A leaf that can't grow for want of memory takes entries until it is full.
    if (unlikely(leaf_count(&l) >= l.size * FILL) && grow(t, &l)) locate(t, hash, &l);
    if (!put(l.segment, l.size, hash, table_slot_(hash, entry))) return false;
    t->count++;
    return true;
}

bool table_replace(struct table *t, uint64_t hash, const void *from, void *to) {
    debug_invariant(to && (uint64_t)(uintptr_t)to >> TABLE_ADDRESS_BITS == 0);
    struct leaf l;
    size_t bucket;
    _Atomic uint64_t *slot = locate(t, hash, &l) ? find_slot(&l, hash, from, &bucket) : NULL;
    if (slot) atomic_store_explicit(slot, table_slot_(hash, to), memory_order_relaxed);
    return slot != NULL;
}

bool table_remove(struct table *t, uint64_t hash, const void *entry) {
    t->work_entries = t->work_bytes = 0;
    struct leaf l;
    size_t bucket = 0;
    _Atomic uint64_t *slot = locate(t, hash, &l) ? find_slot(&l, hash, entry, &bucket) : NULL;
    if (!slot) return false;
    atomic_store_explicit(slot, 0, memory_order_relaxed);
    for (size_t j = table_home_(hash, l.size); j != bucket; j = j + 1 == l.size ? 0 : j + 1) meta_add(&l.segment[j], (uint64_t)-1);
    meta_add(l.segment, (uint64_t)0 - COUNT_ONE);
    t->count--;
    shrink(t, &l);
    return true;
}

struct table_work table_last_work(const struct table *t) {
    return (struct table_work){ t->work_entries, t->work_bytes };
}

// ---- visiting ----

static void visit_bucket(const struct table_bucket *b, table_visit_fn *visit, void *arg) {
    for (size_t s = 0; s < TABLE_SLOTS; s++) {
        uint64_t slot = slot_get(b, s);
        if (slot) visit(arg, table_slot_entry_(slot));
    }
}

static void visit_leaf(const struct leaf *l, table_visit_fn *visit, void *arg) {
    for (size_t i = 0; i < l->size; i++) {
        for (size_t s = 0; i + 2 < l->size && s < TABLE_SLOTS; s++) table_prefetch_slot_(slot_get(&l->segment[i + 2], s));
        visit_bucket(&l->segment[i], visit, arg);
    }
}

uint64_t table_walk(const struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg) {
    struct leaf l;
    while (cursor < POSITION_END && locate(t, reverse48(cursor), &l)) {
        if (segments-- == 0) return cursor;
        visit_leaf(&l, visit, arg);
        cursor = leaf_end(&l);
    }
    return 0;
}

// The words of the directory that are still to be read are those of segments that are still there.
uint64_t table_free_walk(struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg) {
    struct leaf l;
    while (cursor < POSITION_END && locate(t, reverse48(cursor), &l)) {
        if (segments-- == 0) return cursor;
        if (visit) visit_leaf(&l, visit, arg);
        cursor = leaf_end(&l);
        segment_free(t, l.segment, l.size);
    }
    free_directory(t);
    return 0;
}

// Restores the heap (smallest position on top) below i.
static void sift(struct moved *m, size_t n, size_t i) {
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && m[child + 1].hash < m[child].hash) child++;
        if (m[i].hash <= m[child].hash) return;
        struct moved swap = m[i];
        m[i] = m[child];
        m[child] = swap;
    }
}

// What a scan has still to visit, and how.
struct scan {
    const struct table *t;
    table_visit_fn *visit;
    void *arg;
    size_t left;
};

// Visits entries of the leaf from position `from` on; returns the position of the first that was not visited, or the leaf's end.
static uint64_t scan_leaf(struct scan *s, const struct leaf *l, uint64_t from) {
    struct batch b;
    if (leaf_count(l) == 0) return leaf_end(l);
    batch_open(&b, 0);
    batch_add(s->t, &b, l);
    size_t n = 0;
    for (size_t i = 0; i < b.n; i++) {
        struct moved m = { b.m[i].slot, reverse48(b.m[i].hash) };
        if (m.hash >= from) b.m[n++] = m;
    }
    for (size_t i = n / 2; i-- > 0;) sift(b.m, n, i);
    for (uint64_t last = POSITION_END; n > 0; last = b.m[n].hash) {
        if (s->left == 0 && b.m[0].hash != last) return b.m[0].hash;
        s->visit(s->arg, table_slot_entry_(b.m[0].slot));
        if (s->left > 0) s->left--;
        struct moved top = b.m[0];
        b.m[0] = b.m[--n];
        b.m[n] = top;
        sift(b.m, n, 0);
    }
    return leaf_end(l);
}

// The lowest position in the leaf from `from` on; POSITION_END: none.
static uint64_t lowest(const struct table *t, const struct leaf *l, uint64_t from) {
    uint64_t low = POSITION_END;
    for (size_t i = 0; i < l->size * TABLE_SLOTS; i++) {
        uint64_t slot = slot_get(&l->segment[i / TABLE_SLOTS], i % TABLE_SLOTS);
        uint64_t at = slot ? reverse48(t->hash(t->ctx, table_slot_entry_(slot))) : POSITION_END;
        if (at >= from && at < low) low = at;
    }
    return low;
}

// The same for a leaf too large to be gathered without memory: one position at a time, which are few where such leaves arise.
static uint64_t scan_large(struct scan *s, const struct leaf *l, uint64_t from) {
    for (;; from++) {
        from = lowest(s->t, l, from);
        if (from == POSITION_END) return leaf_end(l);
        if (s->left == 0) return from;
        for (size_t i = 0; i < l->size * TABLE_SLOTS; i++) {
            uint64_t slot = slot_get(&l->segment[i / TABLE_SLOTS], i % TABLE_SLOTS);
            if (!slot || reverse48(s->t->hash(s->t->ctx, table_slot_entry_(slot))) != from) continue;
            s->visit(s->arg, table_slot_entry_(slot));
            if (s->left > 0) s->left--;
        }
    }
}

uint64_t table_scan(const struct table *t, uint64_t cursor, size_t max, table_visit_fn *visit, void *arg) {
    struct scan s = { t, visit, arg, MAX(max, (size_t)1) };
    struct leaf l;
    if (t->count == 0) return 0;
    while (cursor < POSITION_END && locate(t, reverse48(cursor), &l)) {
        if (s.left == 0) return cursor;
        cursor = leaf_count(&l) > BATCH ? scan_large(&s, &l, cursor) : scan_leaf(&s, &l, cursor);
        if (cursor < leaf_end(&l)) return cursor;
    }
    return 0;
}

// ---- random choice ----

static void *nth_entry(const struct leaf *l, uint64_t n) {
    for (size_t i = 0; i < l->size * TABLE_SLOTS; i++) {
        uint64_t slot = slot_get(&l->segment[i / TABLE_SLOTS], i % TABLE_SLOTS);
        if (slot && n-- == 0) return table_slot_entry_(slot);
    }
    return NULL;
}

void *table_random(const struct table *t, struct random *r) {
    if (t->count == 0) return NULL;
    uint64_t places = (uint64_t)1 << directory_depth(t);
    struct leaf l;
    // A random slot of a random place, drawn again if there is nothing, or if it is not the first place of its leaf, of which every
    // leaf has one: every entry of a segment of up to 24 buckets has the same chance. About one draw in four meets an entry, more
    // in a small table.
    for (int tries = 0; tries < 100; tries++) {
        uint64_t i = random_below(r, places);
        if (!locate(t, i, &l) || l.index != i) continue;
        uint64_t n = random_below(r, (l.depth == 0 ? l.size : MAX(l.size, (size_t)TABLE_SEGMENT_LARGE)) * TABLE_SLOTS);
        uint64_t slot = n < l.size * TABLE_SLOTS ? slot_get(&l.segment[n / TABLE_SLOTS], n % TABLE_SLOTS) : 0;
        if (slot) return table_slot_entry_(slot);
    }
    // Nearly empty segments, as many removals in the wrong places leave them: the next segment that has any.
    uint64_t position = random_below(r, POSITION_END);
    while (locate(t, reverse48(position), &l) && leaf_count(&l) == 0) position = leaf_end(&l) % POSITION_END;
    return nth_entry(&l, random_below(r, leaf_count(&l)));
}

// ---- checking ----

// Homes, fingerprints, counters and reachability of one segment. Returns its entries.
static size_t check_leaf(const struct table *t, const struct leaf *l) {
    size_t n = 0;
    uint32_t *passed = mem_alloc_zero(l->size * sizeof *passed);
    invariant(passed && l->depth <= TABLE_DEPTH_MAX && l->index >> l->depth == 0);
    for (size_t i = 0; i < l->size; i++) {
        for (size_t s = 0; s < TABLE_SLOTS; s++) {
            uint64_t slot = slot_get(&l->segment[i], s);
            if (!slot) continue;
            uint64_t hash = t->hash(t->ctx, table_slot_entry_(slot));
            invariant(slot == table_slot_(hash, table_slot_entry_(slot)));
            invariant((hash & (((uint64_t)1 << l->depth) - 1)) == l->index);
            for (size_t j = table_home_(hash, l->size); j != i; j = (j + 1) % l->size) passed[j]++;
            n++;
        }
    }
    for (size_t i = 0; i < l->size; i++) invariant(meta_get(&l->segment[i]) == passed[i] + (i == 0 ? n * COUNT_ONE : 0));
    mem_free(passed);
    return n;
}

// Depths of pages, and that they are where these say. Returns the bytes of the directory.
static size_t check_directory(const struct table *t) {
    uint64_t root = root_get(t);
    size_t words = t->top ? TOP : 0;
    for (unsigned k = 0; k < TABLE_ARRAYS; k++) words += t->array[k] ? array_places(k) : 0;
    for (const _Atomic uint64_t *page = t->spare; page; page = spare_next(page)) words += TABLE_PAGE;
    if (!(root & TABLE_PAGED)) {
        unsigned k = 0;
        while (root && t->array[k] != root_address(root)) invariant(++k < TABLE_ARRAYS);
        invariant(!root || root_last(root) < array_places(k));
        return words * sizeof(uint64_t);
    }
    invariant(root_address(root) == t->top && root_last(root) < TOP && page_at(t, 0).words == t->array[TABLE_ARRAYS - 1]);
    for (size_t u = 0; u <= root_last(root); u++) {
        struct page page = page_at(t, u), first = page_at(t, u & (((size_t)1 << page.depth) - 1));
        invariant(page.depth + TABLE_PAGE_BITS <= directory_depth(t) && page.words == first.words && page.depth == first.depth);
        if (u > 0 && u >> page.depth == 0) words += TABLE_PAGE;
    }
    return words * sizeof(uint64_t);
}

// The leaf's places hold its word. Since leaves cover all hashes, that is every place.
static void check_places(const struct table *t, const struct leaf *l) {
    uint64_t i = l->index, word = word_of(l->segment, l->size, l->depth);
    invariant(l->depth <= TABLE_PAGE_BITS + page_at(t, i / TABLE_PAGE).depth);
    for (const _Atomic uint64_t *place; (place = place_next(t, l, &i)) != NULL;) {
        invariant(atomic_load_explicit(place, memory_order_relaxed) == word);
    }
}

void table_check(const struct table *t) {
    size_t count = 0, bytes = check_directory(t);
    uint32_t leaves[TABLE_DEPTH_MAX + 1] = { 0 };
    unsigned deepest = 0;
    struct leaf l;
    for (uint64_t at = 0; at < POSITION_END && locate(t, reverse48(at), &l); at = leaf_end(&l)) {
        invariant(reverse48(l.index) == at);
        check_places(t, &l);
        count += check_leaf(t, &l);
        bytes += slab_round(l.size * sizeof(struct table_bucket));
        leaves[l.depth]++;
        deepest = MAX(deepest, l.depth);
    }
    invariant(count == t->count && bytes == t->bytes && memcmp(leaves, t->leaves, sizeof leaves) == 0);
    invariant(deepest == directory_depth(t));
}
