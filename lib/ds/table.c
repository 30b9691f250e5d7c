// The hash table; what it does is told in table.h.
//
// Directory. The segments are the leaves of a binary tree over the low bits of the hash: the leaf (c, d), with c < 2^d, serves
// the hashes whose low d bits are c. Its word stands at place c, and no two leaves have the same c, since then one would be a
// prefix of the other. All other places are zero. The rule for look-ups, "an empty place stands for the index without its
// highest set bit", finds the leaf from any index i whose low d bits are c, because of the
//
//   invariant: if (c, d) is a leaf, every place that differs from c only in bits d and above is zero.
//
// So taking set bits off from the top meets only zeros until c is left. A split of (c, d) keeps place c for (c, d + 1) and fills
// place c + 2^d, which was zero, for the other half; merging two buddies undoes exactly that. A look-up begins at the hash
// masked to the depth of the deepest leaf, `mask`; a larger mask only costs steps, so a hint that reads an old one does no harm.
//
// Places are words of parts that are allocated when first written, zeroed, and stay until table_free. The first 4096 places
// are in parts of doubling size; beyond, where one part would be too much to clear in one call, in chunks of 4096.
//
// Segments. An entry is in its home bucket, or, if that was full, in the next bucket (in a circle) that had room. Each bucket
// counts in `meta` the entries that passed it so: home at or before it, place behind it. A look-up goes on while that is not zero.
// The counter is 32 bits wide and a segment has at most 4096 * 7 entries, so it never saturates. The first bucket's
// upper half of `meta` counts the segment's entries. Sizes are 2, 4, 8, 16, 24 buckets. A segment whose hashes agree in
// all directory bits can't be split; it goes on growing in buckets (36, 54, ... 4096), and only there an insert moves more than
// TABLE_MOVES_MAX entries. Hashes are keyed, so that is a matter of tests and of tables with thousands of millions of entries.
//
// Concurrency. Hints by other threads read directory words and then buckets. Words and part addresses are published with
// release order; a bucket address comes only from a word, and memory of the slab stays mapped, so a late reader at worst reads
// what has become something else.
#include "ds/table.h"

#include "base/mem.h"
#include "base/random.h"

static_assert(sizeof(struct table_bucket) == CACHE_LINE, "a bucket is one line");

enum {
    FILL = 6,           // entries a bucket at which a segment grows: 6/7 = 85.7 %
    BUCKETS_MIN = 2,    // buckets
    BUCKETS_MAX = 4096, // 256 KB, the largest piece that a slab never unmaps
    BATCH = TABLE_SEGMENT_LARGE * TABLE_SLOTS,
    CHUNKS = (1 << TABLE_DEPTH_MAX) / TABLE_CHUNK,
    AHEAD = 12, // entries prefetched while hashes are taken
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

static uint64_t slot_get(const struct table_bucket *b, size_t s) { return atomic_load_explicit(&b->slot[s], memory_order_relaxed); }
static void slot_set(struct table_bucket *b, size_t s, uint64_t v) { atomic_store_explicit(&b->slot[s], v, memory_order_relaxed); }
static uint64_t meta_get(const struct table_bucket *b) { return atomic_load_explicit(&b->meta, memory_order_relaxed); }
static void meta_add(struct table_bucket *b, uint64_t n) { atomic_store_explicit(&b->meta, meta_get(b) + n, memory_order_relaxed); }

static size_t leaf_count(const struct leaf *l) { return (size_t)(meta_get(l->segment) / COUNT_ONE); }
static uint64_t slot_word(uint64_t hash, const void *entry) { return table_fingerprint_(hash) | (uint64_t)(uintptr_t)entry; }

static struct leaf leaf_of(uint64_t word, uint64_t index) {
    return (struct leaf){ table_word_segment_(word), table_word_size_(word), index, (unsigned)(word % CACHE_LINE) };
}

// False: the table is empty.
static bool locate(const struct table *t, uint64_t hash, struct leaf *l) {
    uint64_t index, word = table_word_(t, hash, &index);
    if (word) *l = leaf_of(word, index);
    return word != 0;
}

static void publish(struct table *t, uint64_t index, const struct table_bucket *segment, size_t size, unsigned depth) {
    uint64_t word = (uint64_t)size << TABLE_ADDRESS_BITS | (uint64_t)(uintptr_t)segment | depth;
    atomic_store_explicit(table_place_(t, index), word, memory_order_release);
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
static uint64_t reverse48(uint64_t x) {
    x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
    x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
    return __builtin_bswap64(x) >> 16;
}

static uint64_t leaf_end(const struct leaf *l) { return reverse48(l->index) + (POSITION_END >> l->depth); }

// ---- segments ----

static struct table_bucket *segment_new(struct table *t, size_t size) {
    size_t bytes = size * sizeof(struct table_bucket);
    struct table_bucket *segment = slab_alloc(t->slab, bytes);
    if (!segment) return NULL;
    memset(segment, 0, bytes);
    t->bytes += bytes;
    t->work_bytes += bytes;
    return segment;
}

static void segment_free(struct table *t, struct table_bucket *segment, size_t size) {
    if (!segment) return;
    size_t bytes = size * sizeof(struct table_bucket);
    slab_free(t->slab, segment, bytes);
    t->bytes -= bytes;
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
    uint64_t wanted = slot_word(hash, entry);
    size_t home = table_home_(hash, l->size), i = home;
    do {
        struct table_bucket *b = &l->segment[i];
        for (unsigned match = table_match_(b, wanted); match; match &= match - 1) {
            size_t s = (size_t)__builtin_ctz(match);
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

// Zeroed words; `first` is the index of their first place. Returns where place 0 would be.
static uintptr_t part_new(struct table *t, uint64_t first, size_t words) {
    void *p = slab_alloc(t->slab, words * sizeof(uint64_t));
    if (!p) return 0;
    memset(p, 0, words * sizeof(uint64_t));
    t->bytes += words * sizeof(uint64_t);
    t->work_bytes += words * sizeof(uint64_t);
    return (uintptr_t)p - first * sizeof(uint64_t);
}

static void part_free(struct table *t, uintptr_t base, uint64_t first, size_t words) {
    if (!base) return;
    slab_free(t->slab, (void *)(base + first * sizeof(uint64_t)), words * sizeof(uint64_t));
    t->bytes -= words * sizeof(uint64_t);
}

static uint64_t part_first(unsigned k) { return k == 0 ? 0 : (uint64_t)TABLE_PART_FIRST / 2 << k; }
static size_t part_words(unsigned k) { return k == 0 ? TABLE_PART_FIRST : (size_t)TABLE_PART_FIRST / 2 << k; }

// Makes sure that place i exists.
static bool place_make(struct table *t, uint64_t i) {
    if (table_place_(t, i)) return true;
    if (i < TABLE_CHUNK) {
        unsigned k = 61 - (unsigned)__builtin_clzll(i | 4);
        uintptr_t base = part_new(t, part_first(k), part_words(k));
        atomic_store_explicit(&t->part[k], base, memory_order_release);
        return base != 0;
    }
    _Atomic uintptr_t *chunks = atomic_load_explicit(&t->chunks, memory_order_relaxed);
    if (!chunks) {
        chunks = (_Atomic uintptr_t *)part_new(t, 0, CHUNKS);
        if (!chunks) return false;
        atomic_store_explicit(&t->chunks, chunks, memory_order_release);
    }
    uint64_t chunk = i / TABLE_CHUNK;
    uintptr_t base = part_new(t, chunk * TABLE_CHUNK, TABLE_CHUNK);
    atomic_store_explicit(&chunks[chunk], base, memory_order_release);
    return base != 0;
}

// Counts a leaf of `depth` more or less, and keeps the mask at the deepest.
static void leaves_add(struct table *t, unsigned depth, int n) {
    t->leaves[depth] += (uint32_t)n;
    unsigned deepest = TABLE_DEPTH_MAX;
    while (deepest > 0 && t->leaves[deepest] == 0) deepest--;
    atomic_store_explicit(&t->mask, ((uint64_t)1 << deepest) - 1, memory_order_relaxed);
}

// ---- growing and shrinking ----

static bool start(struct table *t) {
    if (!place_make(t, 0)) return false;
    struct table_bucket *segment = segment_new(t, BUCKETS_MIN);
    if (!segment) return false;
    publish(t, 0, segment, BUCKETS_MIN, 0);
    leaves_add(t, 0, 1);
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
    if (!place_make(t, l->index | bit)) return false;
    struct table_bucket *zero = segment_new(t, size0), *one = segment_new(t, size1);
    if (!zero || !one) {
        segment_free(t, zero, size0);
        segment_free(t, one, size1);
        return false;
    }
    fill(zero, size0, b->m, n);
    fill(one, size1, b->m + n, b->n - n);
    publish(t, l->index | bit, one, size1, l->depth + 1);
    publish(t, l->index, zero, size0, l->depth + 1);
    leaves_add(t, l->depth + 1, 2);
    leaves_add(t, l->depth, -1);
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
    const uint64_t word = atomic_load_explicit(table_place_(t, l->index ^ bit), memory_order_relaxed);
    struct leaf buddy = leaf_of(word, l->index ^ bit);
    if (buddy.depth != l->depth) return false; // it was split further
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
        atomic_store_explicit(table_place_(t, low | bit), 0, memory_order_release);
        leaves_add(t, l->depth - 1, 1);
        leaves_add(t, l->depth, -2);
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

static void free_segments(struct table *t, uintptr_t base, uint64_t first, size_t words) {
    if (!base) return;
    const _Atomic uint64_t *place = (const _Atomic uint64_t *)(base + first * sizeof(uint64_t));
    for (size_t i = 0; i < words; i++) {
        uint64_t word = atomic_load_explicit(&place[i], memory_order_relaxed);
        if (word) segment_free(t, table_word_segment_(word), table_word_size_(word));
    }
    part_free(t, base, first, words);
}

void table_free(struct table *t) {
    for (unsigned k = 0; k < TABLE_PARTS; k++) {
        free_segments(t, atomic_load_explicit(&t->part[k], memory_order_relaxed), part_first(k), part_words(k));
    }
    _Atomic uintptr_t *chunks = atomic_load_explicit(&t->chunks, memory_order_relaxed);
    for (uint64_t c = 0; chunks && c < CHUNKS; c++) {
        free_segments(t, atomic_load_explicit(&chunks[c], memory_order_relaxed), c * TABLE_CHUNK, TABLE_CHUNK);
    }
    part_free(t, (uintptr_t)chunks, 0, CHUNKS);
    invariant(t->bytes == 0);
    table_init(t, t->slab, t->hash, t->ctx);
}

bool table_insert(struct table *t, uint64_t hash, void *entry) {
    debug_invariant(entry && (uint64_t)(uintptr_t)entry >> TABLE_ADDRESS_BITS == 0);
    t->work_entries = t->work_bytes = 0;
    struct leaf l;
    while (!locate(t, hash, &l)) {
        if (!start(t)) return false;
    }
    // A leaf that can't grow for want of memory takes entries until it is full.
    if (unlikely(leaf_count(&l) >= l.size * FILL) && grow(t, &l)) locate(t, hash, &l);
    if (!put(l.segment, l.size, hash, slot_word(hash, entry))) return false;
    t->count++;
    return true;
}

bool table_replace(struct table *t, uint64_t hash, const void *from, void *to) {
    debug_invariant(to && (uint64_t)(uintptr_t)to >> TABLE_ADDRESS_BITS == 0);
    struct leaf l;
    size_t bucket;
    _Atomic uint64_t *slot = locate(t, hash, &l) ? find_slot(&l, hash, from, &bucket) : NULL;
    if (slot) atomic_store_explicit(slot, slot_word(hash, to), memory_order_relaxed);
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

uint64_t table_walk(const struct table *t, uint64_t cursor, size_t segments, table_visit_fn *visit, void *arg) {
    struct leaf l;
    while (cursor < POSITION_END && locate(t, reverse48(cursor), &l)) {
        if (segments-- == 0) return cursor;
        for (size_t i = 0; i < l.size; i++) {
            for (size_t s = 0; i + 2 < l.size && s < TABLE_SLOTS; s++) table_prefetch_slot_(slot_get(&l.segment[i + 2], s));
            visit_bucket(&l.segment[i], visit, arg);
        }
        cursor = leaf_end(&l);
    }
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
    uint64_t places = atomic_load_explicit(&t->mask, memory_order_relaxed) + 1;
    struct leaf l;
    // A random slot of a random place, drawn again if there is nothing: every entry of a segment of up to 24 buckets has the same
    // chance. About one draw in four meets an entry, more in a small table.
    for (int tries = 0; tries < 100; tries++) {
        uint64_t i = random_below(r, places);
        const _Atomic uint64_t *place = table_place_(t, i);
        uint64_t word = place ? atomic_load_explicit(place, memory_order_relaxed) : 0;
        if (!word) continue;
        l = leaf_of(word, i);
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
            invariant(slot == slot_word(hash, table_slot_entry_(slot)));
            invariant((hash & (((uint64_t)1 << l->depth) - 1)) == l->index);
            for (size_t j = table_home_(hash, l->size); j != i; j = (j + 1) % l->size) passed[j]++;
            n++;
        }
    }
    for (size_t i = 0; i < l->size; i++) invariant(meta_get(&l->segment[i]) == passed[i] + (i == 0 ? n * COUNT_ONE : 0));
    mem_free(passed);
    return n;
}

// Every index below 2^deepest must lead to the leaf that its low bits name.
static void check_places(const struct table *t, unsigned deepest) {
    for (uint64_t i = 0; i >> deepest == 0; i++) {
        uint64_t index, word = table_word_(t, i, &index);
        invariant(word && index == (i & (((uint64_t)1 << (word % CACHE_LINE)) - 1)));
    }
}

static void check_words(const struct table *t, uintptr_t base, uint64_t first, size_t words, size_t *count, uint32_t *leaves) {
    for (uint64_t i = first; base && i < first + words; i++) {
        uint64_t word = atomic_load_explicit(table_place_(t, i), memory_order_relaxed);
        if (!word) continue;
        struct leaf l = leaf_of(word, i);
        *count += check_leaf(t, &l);
        leaves[l.depth]++;
    }
}

void table_check(const struct table *t) {
    size_t count = 0;
    uint32_t leaves[TABLE_DEPTH_MAX + 1] = { 0 };
    for (unsigned k = 0; k < TABLE_PARTS; k++) {
        check_words(t, atomic_load_explicit(&t->part[k], memory_order_relaxed), part_first(k), part_words(k), &count, leaves);
    }
    _Atomic uintptr_t *chunks = atomic_load_explicit(&t->chunks, memory_order_relaxed);
    for (uint64_t c = 0; chunks && c < CHUNKS; c++) {
        uintptr_t base = atomic_load_explicit(&chunks[c], memory_order_relaxed);
        check_words(t, base, c * TABLE_CHUNK, TABLE_CHUNK, &count, leaves);
    }
    invariant(count == t->count && memcmp(leaves, t->leaves, sizeof leaves) == 0);
    uint64_t whole = 0; // the leaves cover all hashes, each once
    unsigned deepest = 0;
    for (unsigned d = 0; d <= TABLE_DEPTH_MAX; d++) {
        whole += (uint64_t)leaves[d] << (TABLE_DEPTH_MAX - d);
        if (leaves[d]) deepest = d;
    }
    invariant(whole == (uint64_t)1 << TABLE_DEPTH_MAX || (whole == 0 && t->count == 0));
    invariant(atomic_load_explicit(&t->mask, memory_order_relaxed) == ((uint64_t)1 << deepest) - 1);
    if (whole) check_places(t, deepest);
}
