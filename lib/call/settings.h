// The configuration of one database, by Redis's names (lib/cmd/settings.def is the list). Numbers are relaxed atomics: any thread reads
// them at any time. Strings change rarely and are read rarely, under a mutex that is never taken on the way of a data command.
#ifndef KORA_CALL_SETTINGS_H
#define KORA_CALL_SETTINGS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"

struct output_limit { // of client-output-buffer-limit: 0 is no limit
    _Atomic uint64_t hard, soft, soft_s;
};
enum { OUTPUT_NORMAL, OUTPUT_REPLICA, OUTPUT_PUBSUB, OUTPUT_CLASSES };

enum settings_text { // what the embedding program says of itself, for CONFIG GET and REWRITE
    SETTINGS_TEXT_CONFIGFILE, SETTINGS_TEXT_LOGFILE, SETTINGS_TEXTS,
};

enum { SETTINGS_PERCENTILES = 16, SETTINGS_SAVE_RULES = 16, SNAPSHOT_KEEP_MAX = 32 };

// A snapshot is due when so many seconds have passed since the last one, and at least so many changes.
struct save_rule {
    uint64_t seconds, changes;
};

// maxmemory-policy, in the order of the words in cmd/settings.c.
enum memory_policy {
    POLICY_VOLATILE_LRU, POLICY_VOLATILE_LFU, POLICY_VOLATILE_RANDOM, POLICY_VOLATILE_TTL, POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_RANDOM,
    POLICY_NOEVICTION, POLICY_ALLKEYS_S3FIFO,
};
enum access_policy { ACCESS_LRU, ACCESS_LFU, ACCESS_S3FIFO }; // what the access metadata of entries means; the numbers are in snapshots

enum fsync_policy { FSYNC_EVERYSEC, FSYNC_ALWAYS, FSYNC_NO }; // by Redis's order; KORA_SYNC_*
enum { ACCESS_ASK = 0 };                       // settings.access_now: not known

struct settings {
    _Atomic uint64_t maxclients;
    _Atomic uint64_t proto_max_bulk_len;
    _Atomic uint64_t client_query_buffer_limit;
    _Atomic uint64_t hll_sparse_max_bytes;
    struct output_limit output[OUTPUT_CLASSES];
    _Atomic uint64_t timeout_s;
    _Atomic uint64_t tcp_keepalive_s;
    _Atomic uint64_t tcp_backlog;
    _Atomic uint64_t protected_mode;       // 0, 1
    _Atomic uint64_t enable_debug_command; // 0 no, 1 yes, 2 local
    _Atomic uint64_t maxmemory_policy;     // by number in settings.def
    _Atomic uint64_t access_policy;        // enum access_policy, from maxmemory-policy
    _Atomic uint64_t lfu_log_factor, lfu_decay_minutes; // decay 0: never
    _Atomic uint64_t log_level;            // KORA_LOG_*: the lowest that is logged
    _Atomic uint32_t access_now;           // not a setting: what an access is noted as now, see stripe.h
    _Atomic uint32_t memory_full;          // not a setting: 1 when there is more in memory than maxmemory allows (stripe/account.h)
    _Atomic uint64_t memory_quantum, memory_slack; // nor these
    _Atomic uint64_t memory_limit;         // nor this: where eviction begins, maxmemory or less (account_lower); 0: nowhere
    _Atomic uint64_t maxmemory;            // bytes; 0: no limit
    _Atomic uint64_t maxmemory_samples;    // keys that are looked at for one that goes
    _Atomic uint64_t active_expire;        // 0, 1 (DEBUG SET-ACTIVE-EXPIRE)
    // Up to where collections are packed
    _Atomic uint64_t hash_max_listpack_entries, hash_max_listpack_value;
    _Atomic uint64_t set_max_intset_entries, set_max_listpack_entries, set_max_listpack_value;
    _Atomic uint64_t zset_max_listpack_entries, zset_max_listpack_value;
    _Atomic uint64_t list_max_listpack_size; // an int64_t: negative ones mean sizes, -1 to -5: 4 to 64 KB
    _Atomic uint64_t list_compress_depth;    // kept, but nothing is compressed
    _Atomic uint64_t stream_node_max_bytes, stream_node_max_entries;
    // Observability
    _Atomic uint64_t slowlog_log_slower_than; // an int64_t, us; negative: nothing is logged
    _Atomic uint64_t slowlog_max_len;
    _Atomic uint64_t latency_monitor_threshold; // ms; 0: off
    _Atomic uint64_t latency_tracking;
    _Atomic uint64_t latency_percentile[SETTINGS_PERCENTILES]; // in millionths of a percent; the first latency_percentiles of them
    _Atomic uint64_t latency_percentiles;
    struct save_rule save[SETTINGS_SAVE_RULES]; // the first save_count of them; under the mutex
    uint32_t save_count;
    _Atomic uint64_t rewrite_percentage, rewrite_min_size;
    _Atomic uint64_t snapshot_keep;        // how many of a database's snapshots stay
    _Atomic uint64_t notify_events;        // enum event_class; notify-keyspace-events
    _Atomic uint64_t appendfsync;          // enum fsync_policy
    _Atomic uint64_t key_load_delay_us;    // loading pauses so long for each key or record: to look at what happens meanwhile
    _Atomic uint64_t auth_required;        // 1 if requirepass is not empty

    pthread_mutex_t mutex; // of what follows
    char *requirepass;     // never NULL once settings_init has run
    char *texts[SETTINGS_TEXTS]; // NULL: empty
};

#endif
