// A database that is kept in a directory: opening it, the gate that writes pass, and what it costs to wait there.
//
// Opening: store_open, the snapshot, log_recover, log_open: on the opening thread before any shard has started, or in the background (loading.h). The handlers that
// ran the commands run their effects again, with TXN_REPLAY.
//
// The gate. Before a call that writes runs, and while it holds its leases, its stripes are asked whether they take more (log_may_write). If one does not,
// the call lets go of all leases. Is the log broken, it is answered with an error, and reads go on. Else its staging has to be written first: the call waits
// until the log says that there is room, a shard's call in a list (e->gate.waiting), a host thread asleep on e->gate.turn. What makes nobody miss it: whoever waits has
// read `turn` before he asked the log, and, once he is in the list, looks at it again; the log steps it before it empties the list.
#ifndef KORA_ENGINE_DURABLE_H
#define KORA_ENGINE_DURABLE_H

#include "engine/engine.h"
#include "engine/deal.h"

struct durable {
    struct store store;
    struct recovered recovered;
    int64_t recovery_ms;             // how long that took
    bool repair;
    bool goes_back;            // to an older snapshot: the manifest is to say so
    // Only while it recovers
    struct deal deal;
    char why[DEAL_ERROR_MAX];        // of deal
    engine_progress_fn *progress;
    void *progress_arg;
    int64_t began_us, told_us;
    uint64_t bytes, snapshot_bytes;  // of all files to be read; of these, of the snapshot
    uint64_t cut;                    // of the snapshot that was loaded: a stripe's effects up to its mark with this number are in it; 0: none, or all marks were seen
    uint32_t marks_left;
    bool marks_known;                // how many there are
    uint64_t marked[STRIPES_MAX / 64]; // stripes whose mark was seen
    char *error;
    size_t error_size;
};

// The directory's stripes, databases and hash seed: before the stripes are made. Without a directory nothing is done.
// KORA_OK, KORA_NOMEM, KORA_BUSY, KORA_SYSTEM, KORA_CORRUPT; the reason is in config->error.
int durable_open(struct engine *e, struct engine_config *config);
void durable_prepare(struct engine *e); // the stripes are made
// Brings the data back, and starts the log. Likewise.
int durable_recover(struct engine *e);
// What durable_recover does with the snapshot and the log, for those who only look: loads the snapshot that the manifest names (KORA_OK, or the reason), then
// takes each effect of the log, then says whether all was there.
int durable_load(struct engine *e, char *error, size_t error_size);
int durable_apply(struct engine *e, const struct recovered_effect *r);
int durable_loaded(struct engine *e, int status, char *error, size_t error_size);
// While it is opened: tells how far it is, in bytes of all files.
void durable_progress(struct engine *e, uint64_t done);
void durable_setting_changed(struct engine *e);
// All leases are closed: what was logged is made durable, and who waits for that is told, whatever comes of it.
void durable_finish(struct engine *e);
// No shard runs any more: ends the log, which would wake them. KORA_OK, or KORA_READONLY: it could not be written to its end.
int durable_end(struct engine *e);
void durable_close(struct engine *e); // the rest

// Of a call whose leases are held.
enum log_gate { GATE_OPEN, GATE_WAIT, GATE_REFUSED };
// `turn`: for gate_wait.
enum log_gate gate_ask(struct engine *e, const uint32_t *stripes, uint32_t count, uint32_t *turn);
// Without any lease: `w` (of a shard's call) is woken with LEASE_TRY_AGAIN when there may be room. From here on it is not the caller's.
void gate_park(struct engine *e, struct waiter *w, uint32_t turn);
// Host threads: waits for that.
void gate_sleep(struct engine *e, uint32_t turn);
// Wakes all who wait.
void gate_open(struct engine *e);
// The error that a write is answered with; `first`: words before it.
void gate_refuse(struct engine *e, struct call *c, const char *first);

#endif
