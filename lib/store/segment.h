// The log's files: dir/log/<first round>.wal (format.h), of which the last is written to. Not for two threads at once, but for what is said to be.
#ifndef KORA_STORE_SEGMENT_H
#define KORA_STORE_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "os/os.h"
#include "store/format.h"

struct segment {
    uint64_t first; // round
    uint64_t bytes; // at the end of its last block
    bool unsynced;  // it was left for another with blocks in it that were not synced (policy `os`)
};

struct segments {
    const struct os *os;
    char *dir;               // dir/log
    uint8_t id[STORE_ID_BYTES];
    uint32_t stripes;
    int fd;                  // of the last one
    uint64_t first;          // its round
    uint64_t ahead_max;      // no more room than that is allocated ahead
    uint64_t at, filled;     // its end, and up to where there is room made ahead
    bool unsynced;           // something was written to it since it was synced
    bool older_unsynced;     // one of the others is
    bool no_allocate;        // the file system has no such thing
    pthread_mutex_t lock;    // of the list
    struct segment *list;    // ascending
    uint32_t count, cap;
    const char *failed;      // what has failed, and of which file: for an error's text
    uint64_t failed_at;
};

// dir/log is made if it is missing, and what is in it listed. 0 or a negative errno, as all that follow.
int segments_open(struct segments *s, const struct os *os, const char *dir, const uint8_t id[STORE_ID_BYTES], uint32_t stripes, uint64_t bytes_max);
// Trims the last one of the room that was made ahead, and closes it.
void segments_close(struct segments *s);

// The log goes on in a new one: synced, and its name too, before this returns. On failure it goes on in the old one, as if nothing had been tried, unless
// *torn: a sync has failed. Whether the old one is complete on the disk is the caller's affair.
int segments_start(struct segments *s, uint64_t first, uint64_t synced_upto, bool *torn);
// Writes a block at the end; `iov` is used up. `ahead`: it will be synced at once, so that room filled with zeros ahead is worth its price. On failure
// *torn tells whether something of it may be in the file.
int segments_write(struct segments *s, struct iovec *iov, int count, uint64_t bytes, bool ahead, bool *torn);
// What was written is on the disk.
int segments_sync(struct segments *s);
// The same of the last one alone, so that blocks can be written meanwhile: begin, then sync on any thread, then end with what it returned.
int segments_sync_begin(struct segments *s);
int segments_sync_do(const struct segments *s, int fd);
int segments_sync_end(struct segments *s, int status);
static inline bool segments_unsynced(const struct segments *s) { return s->unsynced || s->older_unsynced; }

// Any thread:
void segments_forget(struct segments *s, uint64_t before_round); // removes those with nothing but rounds before this one
void segments_count(struct segments *s, uint64_t *count, uint64_t *bytes, uint64_t *last_bytes);

// "log/0000000000000001.wal: fdatasync: Input/output error"
void segments_error(const struct segments *s, int code, char *text, size_t size);

#endif
