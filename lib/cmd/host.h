// What handlers may ask of the floors above them: the engine fills in this table at open, the network its part of it. In-process calls
// and sockets see the same host.
#ifndef KORA_CMD_HOST_H
#define KORA_CMD_HOST_H

#include "cmd/cmd.h"
#include "stat/stat.h"

#define HOST_REDIS_VERSION "7.2.0" // of Redis, whose commands are these: what clients are told

// What there is to know of a connection (CLIENT LIST, INFO, KILL). Strings are the connection's.
struct client_view {
    const char *addr, *laddr;   // "" without a connection
    int fd;                     // -1
    int64_t age_s, idle_s;
    bool unix_socket, blocked, to_close;
    uint64_t query_bytes, query_free; // input that waits, room behind it
    uint64_t argv_bytes;        // of a command that is not complete
    uint64_t output_list_len, output_bytes; // replies that wait for the reader
    uint64_t total_bytes;       // all memory of the connection
    bool readable, writable;    // waited for
    const struct command *last; // NULL: none
};

// Error replies by their code ("ERR", "WRONGTYPE"). A slot's name is written once: a reader sees it whole or not at all.
enum { HOST_ERROR_CODES = 64, HOST_ERROR_CODE_MAX = 24 };
struct host_error_code {
    _Atomic uint64_t count;
    _Atomic uint32_t state; // 0 free, 1 being named, 2 named
    char name[HOST_ERROR_CODE_MAX];
};

struct log;
struct recovered;

struct host_stats {  // sums over all shards and stripes, read at some instant
    uint64_t keys_all, expiring_all;
    uint64_t commands, hits, misses, expired, evicted, changes;
    uint64_t lease_waits;
    uint64_t connections, connections_total, rejected_connections, blocked_clients, timed_clients /* of these, with a timeout */;
    uint64_t net_input_bytes, net_output_bytes;
    uint64_t memory_used, memory_held;
    uint64_t memory_index; // of memory_used: tables
    uint64_t memory_counted, memory_fixed; // what maxmemory limits (stripe/account.h); what of it was taken at open
    uint64_t errors;
    uint64_t query_buffer_closed, output_buffer_closed; // clients closed for their limits
};

// Snapshots (engine/save.h): the last one, and the one under way.
struct host_save {
    bool running;
    uint64_t ended;                // number of the last one that ended
    bool failed;                   // that one
    char why[200];                 // it failed
    int64_t last_s;                // Unix time at which the last good one ended; of the opening before there was one
    int64_t began_ms;              // clock_mono_us() / 1000, of the one that is running
    int64_t took_ms;               // of the last good one; -1: there was none
    uint64_t saves;                // good ones since the database was opened
    uint64_t keys, keys_told;      // of the one that is running
    uint64_t held_bytes, held_now; // by its images, at most; at the moment
    uint64_t longest_us;           // processor time for which a lease was held at once for the snapshot's sake, of the one under way or the last
    uint64_t bytes;                // of the last one's files
    uint64_t log_then;             // bytes of the log when it had ended: what older snapshots need of it
    uint64_t changes_then;         // of the counters' changes at the cut of the last good one
};

struct host {
    struct common *common;
    const struct command_index *index;
    uint32_t shards;
    int64_t started_ms;        // wall clock
    char run_id[41];
    // The engine's
    void *engine;
    void (*stats)(struct host *h, struct host_stats *out);
    void (*shard_stats)(struct host *h, uint32_t shard, struct stat_shard *out); // any thread
    struct stats *stat;
    // Of a database that is kept in a directory (else NULL)
    _Atomic(struct log *) wal;         // NULL while it is loaded
    const char *dir, *staging_dir;
    const struct recovered *recovered; // what opening it brought back
    int64_t recovery_ms;               // how long that took
    void (*log)(struct host *h, int level, const char *text);
    _Atomic uint64_t snapshot_keys;            // that were loaded from the snapshot when the database was opened
    struct {                                   // while it is loaded in the background
        _Atomic bool running;
        _Atomic int64_t since_s;               // Unix time
        _Atomic uint64_t total, done;          // bytes of files
    } load;
    int (*save)(struct host *h, uint64_t *number); // begins a snapshot: KORA_OK, and which one it is; KORA_BUSY: one is under way; KORA_UNSUPPORTED: in memory only; or what failed
    int (*save_wait)(struct host *h);          // until none is under way: what it ended with. KORA_MISUSE: this thread must not wait
    void (*save_state)(struct host *h, struct host_save *out);
    void (*unwatch)(struct host *h, struct session *s);            // it watches nothing any more. Its thread, no lease held
    int (*make_room)(struct host *h); // there is more in memory than maxmemory allows: KORA_OK, or KORA_FULL. No lease is held. NULL: nobody does
    void (*shutdown)(struct host *h); // asks the program that embeds the database to end; returns at once. NULL: clients can't
    _Atomic uint64_t next_client_id;
    _Atomic uint64_t total_error_replies;
    _Atomic uint64_t commands_in_process; // by kora_exec and kora_submit, that have run without any stripe, whose counters hold the others
    struct host_error_code error_codes[HOST_ERROR_CODES];
    // What handlers keep of their own (info.c), under common->settings.mutex
    struct host_stats reset_at;                // counters as they were at CONFIG RESETSTAT
    _Atomic uint64_t memory_peak;
    struct { int64_t at_us; uint64_t commands, input, output; } samples[2]; // for rates: the last two times that INFO was asked
    // CONFIG SET has changed something. NULL: nobody acts on it
    void (*settings_changed)(struct host *h);
    // The network's; NULL until net_create. `part` of a ROUTE_SHARDS call is the shard whose clients are meant.
    void *net;
    void (*client_view)(struct session *s, struct client_view *out);            // on its shard's thread; session->client is not NULL
    void (*client_each)(struct host *h, uint32_t shard, void (*visit)(void *arg, struct session *s), void *arg); // on that shard's thread
    void (*client_kill)(struct session *s);                        // on its shard's thread; the one running a call is closed after its reply
    bool (*client_unblock)(struct session *s, bool with_error);    // on its shard's thread; false: it does not wait for anything
    void (*clients_pause)(struct host *h, int64_t for_ms, bool writes_only); // 0: unpause. Any thread
    // On its shard's thread. The connection's subscriber, made if it has none; NULL: no memory, or it is closed
    struct subscriber *(*client_subscriber)(struct session *s);
    void (*client_peer)(const struct session *s, char *to, size_t size); // its address. Any thread that runs a call of it
    // On its shard's thread: what goes to the connection beside the reply of its call, in order with its messages. False: the call is part of
    // another one, whose reply is where this belongs
    bool (*client_push)(struct call *c, struct slice bytes);
    uint32_t (*tcp_port)(struct host *h);                          // of the first TCP listener; 0: none
    void (*listen_text)(struct host *h, const char *what, struct buf *out); // "bind", "unixsocket", "unixsocketperm": as configured, space separated
};

// Statistics since the last CONFIG RESETSTAT.
void host_stats_since_reset(struct host *h, struct host_stats *out);
void host_reset_stats(struct host *h);
// The most memory that was ever seen in use: now, or when it was looked at before. There is no clock that looks.
uint64_t host_memory_peak(struct host *h, uint64_t used);
uint64_t host_resident_bytes(void); // of the process

// Counts an error reply ("-ERR ..." as it was written, or without the '-'). Any thread.
void host_count_error(struct host *h, struct slice reply);

#endif
