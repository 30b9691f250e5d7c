// Reading back what log.h has written, the database's identity (MANIFEST) and its lock.
//
// The way of opening: store_open (lock, manifest), the snapshot that the manifest names, log_recover, which applies what came after, and then log_open
// at recovered.next_round. Nothing is acknowledged before all of that is done.
#ifndef KORA_STORE_RECOVER_H
#define KORA_STORE_RECOVER_H

#include "base/hash.h"
#include "os/os.h"
#include "store/format.h"

// dir/MANIFEST: text, one `name value` a line, the last of them `crc` over all before. Replaced as a whole.
enum { MANIFEST_OLDER_MAX = 31 };
struct kept_snapshot {
    uint64_t number, first_round; // as the manifest's own
};

struct manifest {
    uint8_t id[STORE_ID_BYTES];  // of this database, random
    struct hash_key seed;        // of its hashes, so that keys stay where they were
    uint32_t stripes;            // its data is divided into; never fewer than before: see below
    uint32_t databases;
    uint64_t snapshot;           // number of the one to begin with, dir/snapshot-<16 hex digits>; 0: none
    uint64_t first_round;        // of the log, that is needed on top of that
    struct kept_snapshot older[MANIFEST_OLDER_MAX]; // others that are kept, the newest first: any of them, and the log from its round on, come to the same
    uint32_t older_count;
};

struct store {
    const struct os *os;
    char *dir, *staging_dir;     // staging_dir NULL: dir
    struct manifest manifest;
    bool is_new;                 // there was none: `manifest` is zero, but for a new id; store_commit makes it
    int lock_fd;
};

// KORA_OK, KORA_NOMEM, KORA_BUSY (another process has it: error names the pid if LOCK tells), KORA_SYSTEM, KORA_CORRUPT, KORA_UNSUPPORTED (a newer version wrote
// it); `error` names file, offset, reason. The directory is made if it is missing (not those above it). On failure `out` is not touched.
int store_open(const struct os *os, const char *dir, const char *staging_dir, struct store *out, char *error, size_t error_size);
// Makes `m` begin with one of the older ones: it is the newest then, and those behind it are not known any more. False: there is no such snapshot.
bool manifest_go_back(struct manifest *m, uint64_t snapshot);
// Makes `m` begin with a new one; `keep` of all stay, at least the new one. The first round of the log that is still needed.
uint64_t manifest_go_on(struct manifest *m, struct kept_snapshot next, uint64_t keep);
int store_commit(struct store *s, const struct manifest *m, char *error, size_t error_size); // replaces MANIFEST; s->manifest is it then
// Before log_open: notes where staging is from now on, for store_open to know whether it still is.
int store_note_staging(const struct store *s, char *error, size_t error_size);
void store_close(struct store *s);

// An effect as it is read back; borrowed for the call.
struct recovered_effect {
    uint32_t stripe, stripes;    // its stripe, and how many there were when it was written
    uint32_t db;
    int argc;
    const struct slice *argv;
};

struct recover_config {
    const struct store *store;
    uint64_t from_round;         // rounds before are in the snapshot
    bool repair;                 // keep what is whole; what is dropped goes to dir/dropped-<n>.wal
    // In order for each stripe; on the calling thread. Not 0: stop, and return that (a kora_status).
    int (*apply)(void *arg, const struct recovered_effect *e);
    int (*applied)(void *arg);   // apply has had all there is, and nothing was changed on the disk yet. NULL, or as apply
    void (*progress)(void *arg, uint64_t done, uint64_t total); // bytes; about once in 16 MB
    void (*say)(void *arg, int level, const char *text);        // what was cut, dropped, ignored
    void *arg;
};

struct recovered {
    uint64_t next_round;         // at which the log goes on
    uint64_t last_round;         // of the last block that is in it; 0: there is none. log_open wants to know (round_before)
    uint64_t rounds, records, bytes;
    uint64_t staged_records;     // of them, from staging
    uint64_t cut_bytes;          // at the end of the log: the tail of a crash
    uint64_t incomplete_calls;   // in staging, dropped: they were under way when the process was killed
    bool clean;                  // it had been closed
};

// Applies what the log and staging hold. Damage above the highest synced_upto that was found is the tail of a crash: cut, and said. At or below it, or a
// gap: KORA_CORRUPT, `error` names file and offset, and nothing is overwritten. KORA_UNSUPPORTED: a newer version wrote it; also with `repair`. After an unclean end
// what was kept of the tail is synced, and of staging is in a new segment, synced, before it returns; staging is gone then. If it fails, or is
// killed, it can be done again, and comes to the same.
int log_recover(const struct recover_config *c, struct recovered *out, char *error, size_t error_size);

// Bytes of the segments that it would read, about: for who wants to tell how far it is. 0: that can't be told.
uint64_t log_recover_bytes(const struct store *store, uint64_t from_round);

// ---- looking, without changing anything ------------------------------------------------------------------------------------------

// As store_open, of a directory that has a manifest, and nothing is changed but what LOCK says: as long as it is open, nobody else opens the directory.
int store_look(const struct os *os, const char *dir, const char *staging_dir, struct store *out, char *error, size_t error_size);

struct check_config {
    const struct store *store;
    int (*visit)(void *arg, const struct recovered_effect *e);  // everything that a recovery would apply; NULL: nobody wants it
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void (*say)(void *arg, int level, const char *text);        // each thing that is wrong, with its file and offset
    void *arg;
};

struct checked {
    uint64_t segments, segment_bytes, rounds, last_round, records;
    uint64_t staged_records;     // of them
    uint64_t torn_bytes, incomplete_calls; // of a crash; recovery drops them
    uint64_t errors;
    bool clean;
};

// Verifies every segment, block and record, and staging; of segments that are older than what is needed it only says what is wrong. KORA_OK: recovery would go well, or
// would cut the tail of a crash. KORA_CORRUPT: not so; `error` has the first thing that is wrong. KORA_NOMEM, KORA_SYSTEM, KORA_UNSUPPORTED. Nothing is
// changed.
int store_check(const struct check_config *c, struct checked *out, char *error, size_t error_size);

#endif
