// Snapshots of the whole database, written while it goes on: the cut, the walk, the files, the manifest.
//
// One thread (the saver) lives as long as a snapshot takes and does all that may block. It makes the folder, lets the log go on in a new segment, and
// publishes the number of the cut (common->cut). From then on each stripe begins its image (stripe/snapshot.h) when somebody takes its lease: a call,
// before anything else, or the shard that walks it (save_join); and leaves a mark with that number in the log. No lease is waited for: who holds one for seconds
// delays the image of his stripe alone. The cut is a prefix of the real order: see common->cut in stripe/stripe.h.
//
// Each shard walks its stripes, one after another, in slices between the turns of its loop, and hands chunks of encoded keys to the saver, which compresses
// and writes them; a shard that is CHUNKS_AHEAD bytes ahead of the disk waits. When all files are on the disk and all marks durable, the
// manifest names the snapshot; then the log's older segments and older snapshots are removed. Whatever goes wrong before leaves the snapshot before
// this one, and the log, as they were.
//
// Recovery loads the files, then applies of each stripe's log what comes behind its mark.
#ifndef KORA_ENGINE_SAVE_H
#define KORA_ENGINE_SAVE_H

#include "engine/engine.h"

int saver_create(struct engine *e);     // KORA_OK or KORA_NOMEM
// The leases are closed, and the shards still run: one that is under way fails, and ends.
void saver_stop(struct engine *e);
void saver_free(struct engine *e);
void saver_loaded(struct engine *e, uint64_t bytes); // a snapshot's files are so large

// Begins a snapshot: KORA_OK, and its number; KORA_BUSY: one is under way; KORA_UNSUPPORTED: the database has no directory; KORA_NOMEM, KORA_SYSTEM.
int save_begin(struct engine *e, uint64_t *number);
enum save_kind {
    SAVE_OWN,  // the database's own
    SAVE_COPY, // a directory of its own, new or empty, that kora_open takes; of a database in memory, too
    SAVE_RDB,  // one file that Redis reads; likewise
};
struct save_job {
    enum save_kind kind;
    const char *path;             // SAVE_COPY, SAVE_RDB
    bool lz4;                     // SAVE_RDB: in an LZ4 frame
    engine_progress_fn *progress; // keys, of about so many; on the thread that waits. NULL: nobody wants to know
    void *progress_arg;
    // The saver's, until it has ended; then what came of it
    bool ended;
    int status;                   // KORA_OK, KORA_NOMEM, KORA_SYSTEM
    char why[200];
    uint64_t keys, bytes;
    uint64_t newer;               // of the keys, those that only Redis 7.4 and later read
};
// Host threads: a snapshot, or something like it, and waits for its end, and before that for one that is under way. KORA_OK, or why not: job->why tells.
int save_run(struct engine *e, struct save_job *job);
void save_state(struct engine *e, struct host_save *out);

// The log has written something, on its own thread: a snapshot may be due sooner or later (autosave.c).
void save_look(struct engine *e);
void save_settings_changed(struct engine *e);
void autosave_init(struct autosave *a);
uint64_t save_changes(struct engine *e); // the counters' sum

// common->join.
void save_join(struct common *c, struct stripe *s, uint64_t cut);

// ---- reading it back (load.c)

// Loads the snapshot that the manifest names, its files in parallel; nobody else uses the database. KORA_OK, or the reason in `error`.
int save_load(struct engine *e, char *error, size_t error_size, uint64_t *keys);
uint64_t save_load_bytes(const struct engine *e); // that it would read

#endif
