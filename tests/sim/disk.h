// A disk for tests: the table of os/os.h over memory, which knows what is durable, and can look as it may look after a power cut.
//
// What it promises is what POSIX does, and no more. Until a sync of the file has come back, each sector (512 bytes) of what was written may be on the
// disk or not, in any version that it has had since the last sync, and so may each size of the file (what has the size but not the data
// reads as zeros). Until a sync of the directory has come back, each name in it may be what it was after any of the changes since the last one; names are
// independent of each other, but for a rename, which never loses what it moves: old name, both, or new name (a directory: old or new). A file's sync says nothing of its name.
// A sync that fails leaves the sectors that it was about uncertain for good: a later one that succeeds covers only what was written again (so do ext4 and xfs;
// names and sizes are in their journal, which is tried again or ends everything).
//
// A mapping is plain memory: what is stored there may reach the disk at any time, or never, by sectors, in any version that it has had.
//
// Every function of the table counts as an operation, `stored` too. Faults are planned for the n-th operation, and a hook is called after each. Threads: the
// table for any thread, the hook runs under the disk's lock (and may use the table and everything here); the rest while nobody else uses the disk, but for
// counts, faults, the clock, copies (disk_kill, disk_power_cut) and disk_settle, which any thread may use at any time.
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdio.h>

#include "os/os.h"

enum disk_op {
    DISK_ANY, // all below but those that can't fail: stored, unmap
    DISK_OPEN,
    DISK_CLOSE,
    DISK_READ,
    DISK_WRITE,
    DISK_SYNC,
    DISK_ALLOCATE,
    DISK_TRUNCATE,
    DISK_SIZE,
    DISK_LOCK,
    DISK_MAP,
    DISK_UNMAP,
    DISK_STORED,
    DISK_RENAME,
    DISK_REMOVE,
    DISK_MAKE_DIR,
    DISK_REMOVE_DIR,
    DISK_SYNC_DIR,
    DISK_LIST,
    DISK_KINDS,
};

struct disk;

// Empty, but for the root directory ("/", or a relative path). The seed is for what the disk decides by itself while it runs: which mapped pages are
// written back, how much of a write that fails has been done.
struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *d);
const struct os *disk_os(struct disk *d);

// ---- the end of a process, of a machine -----------------------------------------------------------------------------------------

// A copy as a killed process leaves it: all writes and stored bytes are there, nothing is open, locked or mapped; what was not durable still is not.
// Without its hook, faults, capacity and counts.
struct disk *disk_kill(struct disk *d);
// A copy as it may look after a power cut now. The machine has another boot id, and all that is there is durable.
struct disk *disk_power_cut(struct disk *d, uint64_t seed);
void disk_settle(struct disk *d); // everything becomes durable
uint64_t disk_hash(struct disk *d); // of all names and contents, as they are now

// ---- watching -------------------------------------------------------------------------------------------------------------------

// Called after each operation, whether it has failed or not.
void disk_hook(struct disk *d, void (*after)(void *arg, struct disk *d, enum disk_op op), void *arg);
uint64_t disk_count(struct disk *d, enum disk_op op); // operations of the kind so far
const char *disk_op_name(enum disk_op op);
bool disk_op_changes(enum disk_op op);                // can change what a crash leaves
unsigned disk_open_files(struct disk *d);             // and mappings
void disk_trace(struct disk *d, FILE *to);            // a line for each operation; NULL: none

// ---- faults ---------------------------------------------------------------------------------------------------------------------

// The nth operation of the kind from now on (1: the next) fails with `error` (positive errno), and, with `forever`, all of the kind after it. A write that fails
// with anything but ENOSPC may have been done in part. Up to 8 faults at once.
void disk_fail(struct disk *d, enum disk_op op, uint64_t nth, int error, bool forever);
void disk_short_write(struct disk *d, uint64_t nth, size_t bytes, bool forever); // that write does no more than so many
void disk_heal(struct disk *d);                                                 // no faults any more
void disk_set_capacity(struct disk *d, uint64_t bytes);                         // 0: without end. What is above it: ENOSPC
uint64_t disk_used(struct disk *d);                                             // in whole pages of 4096
void disk_set_read_only(struct disk *d, bool yes);                              // EROFS
void disk_set_can_allocate(struct disk *d, bool yes);                           // no: EOPNOTSUPP
void disk_set_may_map(struct disk *d, bool yes);
void disk_set_delay(struct disk *d, uint32_t sync_us);                          // a sync takes so long, by the real clock

// ---- time -----------------------------------------------------------------------------------------------------------------------

void disk_advance(struct disk *d, int64_t us); // both clocks; they stand still by themselves

#endif
