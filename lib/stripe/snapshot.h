// Snapshots: what a stripe held at one moment, told in portions while it goes on being changed. No fork, no pause, no copy of the whole.
//
// snapshot_begin is the cut. From then on snapshot_slice hands entries of the image to a sink, some in each call, in no particular order but each exactly
// once, with the value, expiry and database number that it had at the cut. All of it is called with the stripe's lease held, and nothing here knows of
// threads: the caller takes the lease for a slice, lets go of it, and comes again. A sink only copies (into the buffer of a file): it runs under the lease.
//
//     for each stripe, under its lease, before anything behind the cut is applied:   snapshot_begin
//     from time to time, under its lease:                                            snapshot_slice, until it says SNAPSHOT_DONE or SNAPSHOT_FAILED
//     at last, or at any time to give up, under its lease:                           snapshot_end, then engine_drop_garbage_of
//
// The cut of a whole database is consistent if no call runs between the begin of its first stripe and that of its last with leases of both, say because
// all leases are held, or because each stripe begins on seeing a new epoch before it applies a call of that epoch.
//
// How it works. A keyspace is walked in the order of table_scan (ds/table.h): what is below the cursor has been told. Before an entry above it changes or
// goes, its old state is saved (snapshot_touch), to be told by the next slice, and the entry is marked: the walk passes over it. Entries that come to be above
// the cursor are marked as well. The mark is a number in the entry's flags that changes with each snapshot of the keyspace, so that marks of one that was
// given up mean nothing to the next. The places where an entry may change are few, and below everything else:
//
//     key_write (stripe.h)          all handlers and typed calls find what they are going to change by it; XREADGROUP and the expiry of fields say it
//                                   themselves, as they find their keys in other ways
//     set.c                         store, edit, key_set_expiry, key_delete, key_move: what was found in any other way
//     keyspace_put                  marks what is new
//     stripe_flush                  leaves a keyspace that is walked to the snapshot, which makes it garbage at the end
//     kora_set                      overwrites a plain entry itself: it looks for a snapshot first
//
// SWAPDB only exchanges keyspaces: the image has the numbers of the cut. Compaction moves entries with their marks. Access metadata may change: what is told
// of it is of the time when it is told or saved.
//
// What is saved is, where that takes well below a millisecond, the value as an RDB object. Anything larger becomes an open image (snapshot_value.c): strings
// are pinned, and of one that is edited in place only the parts that are written to are saved; hashes, sets and sorted sets are walked item by item, lists and
// streams node by node, and what is about to change in them is saved by itself. So a write pays for what it changes, not for what it changes it in.
// A root that its key lets go of meanwhile stays with its image.
//
// What is held for images is counted in common->held, for all stripes together. Above its limit, when the disk does not follow, the snapshot fails rather than
// take all memory there is.
//
// Known limits, in what a lease is held for at once: the addresses of all nodes of a list or stream are noted when its image is opened (a few ns each: 2 ms are
// some 500,000 nodes, or 4 GB), and the pending entries of a stream's groups are written then (50 to 200 ns each: 2 ms are 10,000 to 40,000); an item (a field with its
// value) or node is saved and told in one go, however large it is (2 ms are about 4 MB).
//
// Without memory for something the snapshot fails, and gives back all that it holds; the write goes on.
#ifndef KORA_STRIPE_SNAPSHOT_H
#define KORA_STRIPE_SNAPSHOT_H

#include "stripe/stripe.h"

struct snapshot_options {
    bool compress; // strings with LZF, in values that are told in one go (what is written into a compressed file needs none)
    bool newest;   // forms that Redis 7.0 does not read where these hold more (rdb_writer.newest), and what means nothing to it: uses as S3-FIFO counts them
    size_t large;  // collections that take more bytes are told in portions; 0: 64 KB
    size_t portion; // bytes of these, about; 0: 64 KB
    size_t slice;   // bytes that a call of snapshot_slice tells, about; 0: as many as there is time for
};

enum snapshot_state { SNAPSHOT_MORE, SNAPSHOT_DONE, SNAPSHOT_FAILED };

// A part of a value. The parts of one follow each other: no other key's come between them.
struct snapshot_part {
    struct slice key;
    uint32_t db;
    int64_t expire_at_ms;       // 0: none
    int64_t idle_s, frequency;  // whichever the policy knows; the other is -1
    bool first, last;           // of the value's parts
    struct slice bytes;         // the RDB object: what all parts have, one after the other, is what rdb_read_object reads. The first has at least the type byte
};
// False: it can't take it (memory, disk): the snapshot fails.
typedef bool snapshot_sink_fn(void *arg, const struct snapshot_part *part);

// There is none yet. KORA_OK; KORA_NOMEM: there is still none.
int snapshot_begin(struct stripe *s, const struct snapshot_options *o);
// About budget_us of work at most. Once it has said DONE or FAILED it says so again.
enum snapshot_state snapshot_slice(struct stripe *s, int64_t budget_us, snapshot_sink_fn *sink, void *arg);
// Gives it up, and frees some of what it holds: true once next to nothing is left, and snapshot_end is cheap.
bool snapshot_give_up(struct stripe *s);
// Frees it, whatever its state. No-op if there is none. Keyspaces that were dropped meanwhile are garbage now.
void snapshot_end(struct stripe *s);

static inline bool snapshot_is_there(const struct stripe *s) { return s->snapshot != NULL; }
// Entries of the image, and how many of them were told. Told ones may be few more while a large value is under way.
struct snapshot_progress {
    uint64_t keys, told;
    int64_t longest_ns; // processor time that a call's thread has given to it at once, where that may be much: opening an image, saving nodes and parts
};
struct snapshot_progress snapshot_progress(const struct stripe *s);
// Bytes that are held for the image alone: saved values and parts, and what the keys have let go of.
uint64_t snapshot_memory(const struct stripe *s);

#endif
