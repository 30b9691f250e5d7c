// What the simulated disk consists of: disk.c is the table over it, cut.c copies it and decides what a power cut leaves.
#ifndef SIM_DISK_INT_H
#define SIM_DISK_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/random.h"
#include "sim/disk.h"

enum { SECTOR = 512, PAGE = 4096, NAME_BYTES_MAX = 255, FAULTS_MAX = 8, FIRST_FD = 1000 };

// Bytes that a sector has had since it was durable. The newest is what is in the file now, but in a mapping, which may be ahead of it.
struct version {
    struct version *older;
    uint64_t when;
    uint8_t bytes[SECTOR];
};

struct sector {
    struct version *newest; // NULL: as it is on the disk
    bool dirty;             // the next sync covers it. Not, with versions: a sync has failed
};

struct size_version {
    uint64_t size, when;
};

struct name;

// What a name has meant. One that a rename has taken away is gone only if that which it became is there.
struct binding {
    struct inode *to; // NULL: nothing
    uint64_t when;
    struct name *needs;
    uint64_t needs_when;
};

struct name {
    char *text;
    struct binding *versions; // [0]: durable; the last: now
    size_t count;
    size_t cut;               // while a power cut decides: the one that is left
};

struct inode {
    struct inode *next, *copy;
    bool is_dir;
    unsigned refs;  // bindings of any age, open files, mappings
    unsigned links; // names now, open files, mappings: it takes room on the disk
    // A file
    uint8_t *data, *durable;   // as it is now, as it is on the disk (NULL: zeros); zeros behind the end; `capacity` bytes each, what is behind them is zeros
    size_t capacity;           // whole pages
    struct sector *sectors;    // of the capacity
    bool *touched;             // of its pages, what was written to or told of by `stored`; the others are zeros, and their sectors have no versions
    bool *allocated;           // by page
    size_t page_count;
    uint64_t size;
    struct size_version *sizes; // [0]: durable; the last: `size`
    size_t size_count;
    unsigned maps;
    int locker;                // descriptor; -1: none
    // A directory
    struct name **names;
    size_t name_count;
};

struct handle {
    struct inode *inode; // NULL: free
    uint32_t how;
};

struct mapping {
    struct inode *inode;
    uint64_t size;
};

struct fault {
    enum disk_op op;
    uint64_t nth; // by the count of its kind; 0: none
    int error;    // 0: a short write of `bytes`
    size_t bytes;
    bool forever;
};

struct disk {
    struct os os;
    pthread_mutex_t mutex; // recursive
    struct random random;
    uint64_t when;         // changes so far
    struct inode *inodes, *root;
    struct handle *handles;
    int handle_count;
    struct mapping *mappings;
    size_t mapping_count;
    uint64_t counts[DISK_KINDS];
    struct fault faults[FAULTS_MAX];
    void (*after)(void *arg, struct disk *d, enum disk_op op);
    void *after_arg;
    FILE *trace;
    uint64_t capacity, boot;
    bool read_only, can_allocate, may_map;
    uint32_t sync_us;
    _Atomic int64_t mono_us, wall_ms;
};

void *sim_alloc(size_t size); // zeroed; a test without memory ends
void *sim_grow(void *p, size_t size);
// Whole pages: a copy of the old ones (NULL: none) that are touched, and zeros.
void *sim_pages(const void *old, const bool *touched, size_t old_size, size_t size);
void sim_pages_free(void *p, size_t size);

struct inode *inode_new(struct disk *d, bool is_dir);
void inode_put(struct disk *d, struct inode *i); // one reference less
void inode_reserve(struct inode *i, uint64_t size);
static inline size_t inode_touched_sector(const struct inode *i, size_t sector) { // it, or the first one after it
    size_t n = i->capacity / SECTOR;
    while (sector < n && !i->touched[sector / (PAGE / SECTOR)]) sector = ALIGN_UP(sector + 1, PAGE / SECTOR);
    return sector;
}
#define EACH_TOUCHED(i, k) (size_t k = inode_touched_sector((i), 0); k < (i)->capacity / SECTOR; k = inode_touched_sector((i), k + 1))
const uint8_t *inode_durable(const struct inode *i, size_t sector);
void inode_settle_sector(struct inode *i, size_t sector, const uint8_t *bytes); // they are on the disk
// Takes note of what is in sectors from..to of the data now. `written`: though it may be the same as before.
void inode_absorb(struct disk *d, struct inode *i, uint64_t from, uint64_t to, bool written);
void sector_forget(struct sector *s);
void racy_copy(void *to, const void *from, size_t n); // of what other threads may be storing into

#endif
