// What snapshot.c (the walk) and snapshot_value.c (open images) share.
//
// Who owns what: a snapshot owns its saved entries and open images, an image all that hangs on it, with the root once its key has let go of it. A root or
// blob that is imaged knows its image, so that whoever changes it in place finds it. All is mem_alloc'ed and counted in snapshot.memory.
#ifndef KORA_STRIPE_SNAPSHOT_INT_H
#define KORA_STRIPE_SNAPSHOT_INT_H

#include "base/clock.h"
#include "ds/table.h"
#include "stripe/keyspace_int.h"
#include "stripe/snapshot.h"
#include "type/rdb_portions.h"

// What is told of a key beside its value.
struct about {
    uint32_t db;
    int64_t expire_at_ms, idle_s, frequency;
};

enum image_by { IMAGE_BLOB, IMAGE_ITEMS, IMAGE_NODES };

// The value of a key at the cut, told in portions while it changes.
struct image {
    struct image *next;
    struct keyspace *ks;          // that its value is from
    struct about about;
    struct slice key;             // behind the struct
    enum image_by by;
    bool begun;                   // a part was told: the rest follows before anything else
    bool owned;                   // the root, or blob, is nobody's but the image's
    const struct value_portions *portions;
    struct root *root;
    int64_t base;                 // see value_portions.head
    struct blob *blob;            // pinned
    struct image *twin;           // another image of the same blob: of a key that shared it
    size_t len;                   // of the blob at the cut
    uint64_t cursor;              // what is below it has been told: position in the table, node, byte
    uint64_t left;                // items that have not been told or saved
    struct buf at;                // instead of the cursor, for items in an order of their own (value_portions.walk)
    struct piece *pieces, **pieces_end; // are told next: the head, and saved items, about a portion in each
    size_t pieces_bytes;
    struct buf ready;             // is told then: what has not made a whole piece yet
    struct buf tail;              // is told at the end: by nodes
    size_t tail_told;
    void **parts;                 // of a blob: saved ones, or NULL. Of nodes: where each was
    uint64_t part_count;
    struct table passed;          // names of items that the walk passes over: saved ones and new ones. Of nodes: those that are saved
    struct slab *names;           // their memory; NULL: there is none
    size_t counted;               // in snapshot.memory
    size_t parts_bytes;           // of saved parts
};

struct piece {
    struct piece *next;
    struct buf bytes;
};

// A small entry's old state.
struct saved {
    struct saved *next;
    struct about about;
    size_t size;                  // of all of it
    size_t key_n, value_n;        // behind the struct
};

struct snapshot {
    struct stripe *stripe;
    struct snapshot_options options;
    enum snapshot_state state;
    uint64_t keys, told;
    uint64_t memory;              // that is held for the images
    uint64_t kept;                // of that: dropped keyspaces
    int64_t brought;              // of that: to common->held
    int64_t longest_ns;           // see snapshot_progress
    struct keyspace *first;       // those that there were at the cut, linked by walk.next
    struct keyspace *walking;     // NULL: all are walked
    struct saved *saved, **saved_end;
    struct image *images, **images_end;
    struct image *closed;         // what they hold is freed in portions
    struct buf scratch;
    snapshot_sink_fn *sink;       // while a slice runs; else NULL
    void *arg;
    size_t told_now;              // bytes, in this slice
    uint32_t mark;                // of nodes that were told or saved, or are new
    struct txn txn;               // of the slice: its clocks are read once
#ifdef KORA_DEBUG
    struct digests *digests;
#endif
};

// Of snapshot_check.c, for debug builds. `e` is about to be told or saved.
#ifdef KORA_DEBUG
void snapshot_check_begin(struct snapshot *s);
void snapshot_check(struct snapshot *s, const struct keyspace *k, const struct entry *e);
void snapshot_check_end(struct snapshot *s);
#else
static inline void snapshot_check_begin(struct snapshot *s) { (void)s; }
static inline void snapshot_check(struct snapshot *s, const struct keyspace *k, const struct entry *e) { (void)s, (void)k, (void)e; }
static inline void snapshot_check_end(struct snapshot *s) { (void)s; }
#endif

// The slice has told enough.
static inline bool snapshot_over(const struct snapshot *s, int64_t until_us) { return s->told_now >= s->options.slice || clock_mono_us() >= until_us; }

void snapshot_fail(struct snapshot *s);
// What is held is so many bytes more, or less. More may be too much: then it has failed, and all images are closed.
void snapshot_bring(struct snapshot *s);
static inline void snapshot_holds(struct snapshot *s, int64_t bytes) {
    enum { QUANTUM = 16 * 1024 };
    s->memory += (uint64_t)bytes;
    int64_t unbrought = (int64_t)s->memory - s->brought;
    if (unlikely(unbrought > QUANTUM || unbrought < -QUANTUM)) snapshot_bring(s);
}
static inline void snapshot_took(struct snapshot *s, int64_t from_ns) { s->longest_ns = MAX(s->longest_ns, clock_thread_ns() - from_ns); }
bool snapshot_tell(struct snapshot *s, const struct about *about, struct slice key, struct slice bytes, bool first, bool last); // false: it has failed
struct rdb_writer snapshot_writer(const struct snapshot *s, struct buf *out);

bool image_wanted(const struct snapshot *s, const struct entry *e);  // the value is too large to be written at once
// False: no memory, nothing changed.
bool image_open(struct snapshot *s, struct keyspace *ks, struct entry *e, const struct about *about);
// Tells about as much as fits into the time. True: it was the last part, or the snapshot has failed.
bool image_tell(struct snapshot *s, struct image *i, int64_t until_us);
// It is on no list any more, and comes to s->closed: whatever it is an image of is let go of.
void image_close(struct snapshot *s, struct image *i);
// Frees some of the first closed one (there is one).
void image_free_some(struct snapshot *s);

// Scans a table in order from *cursor on, and stops behind any entry for which `visit` says so. *cursor: where to go on, UINT64_MAX: the end.
typedef bool snapshot_visit_fn(void *arg, void *entry); // false: stop
void snapshot_scan(const struct table *t, uint64_t *cursor, snapshot_visit_fn *visit, void *arg);

#endif
