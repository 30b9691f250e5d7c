// Snapshots on the disk: dir/snapshot-<number, 16 hex digits>/NNNN.rdb.lz4, each an LZ4 frame around an RDB file (rdb_file.h) that has a part of the
// keys, all those of some stripes. They are written into a folder of another name (with .tmp behind), synced, and get their name as a whole.
#ifndef KORA_STORE_SNAPSHOT_DIR_H
#define KORA_STORE_SNAPSHOT_DIR_H

#include "os/os.h"
#include "store/rdb_file.h"

struct snapshot_file;

struct snapshot_dir {
    const struct os *os;
    char *path, *beside;         // its name in the end, and until then
    uint32_t count;
    struct snapshot_file *files; // [count]
    uint64_t bytes;              // of all files, once they are ended
};

// Makes the folder and its files, over what an earlier attempt has left under this number, which the manifest does not name. 0 or a negative errno; then there is nothing.
int snapshot_dir_begin(struct snapshot_dir *d, const struct os *os, const char *dir, uint64_t number, uint32_t files);
struct rdb_file_writer *snapshot_dir_file(struct snapshot_dir *d, uint32_t i);
// Ends all files; they are on the disk, under their names. 0 or a negative errno: then nothing is left of it. Frees what d holds.
int snapshot_dir_finish(struct snapshot_dir *d);
void snapshot_dir_abandon(struct snapshot_dir *d);
// Removes dir's snapshots but those with these numbers, finished or not; of anything that has no name that is given here nothing. What can't be removed stays, and the first errno is returned.
int snapshot_dirs_keep(const struct os *os, const char *dir, const uint64_t *numbers, uint32_t count);
// The same of those that are not finished: whoever wrote them was killed. While none is being written. *removed: how many.
int snapshot_dirs_clean(const struct os *os, const char *dir, uint32_t *removed);

// Of a finished one: how many files it has; or a negative errno, -ENOENT if it is not there, -EINVAL if it has none, or not all from 0000 on.
int snapshot_dir_count(const struct os *os, const char *dir, uint64_t number);
// Path of the i-th file, mem_alloc'ed; NULL: no memory.
char *snapshot_dir_path(const char *dir, uint64_t number, uint32_t i);

#endif
