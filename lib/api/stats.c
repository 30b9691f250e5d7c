// What lib/stat knows, as structs. (kora_get_stats is in database.c.)
#include "api/api_int.h"
#include "base/mem.h"

static size_t size_of(const void *result) {
    size_t size = 0;
    if (result) memcpy(&size, result, sizeof size);
    return size;
}

KORA_API int kora_get_shard_stats(kora *db, uint32_t shard, kora_shard_stats *stats) {
    int status = api_enter_loading_any(db);
    if (status != KORA_OK) return status;
    struct host *h = &db->engine->host;
    size_t size = size_of(stats);
    if (size < sizeof size) status = KORA_INVAL;
    else if (shard >= h->shards) status = KORA_NOTFOUND;
    if (status == KORA_OK) {
        struct stat_shard s;
        h->shard_stats(h, shard, &s);
        kora_shard_stats all = {
            .size = size, .keys = s.keys, .memory_used = s.memory_used, .memory_held = s.memory_held, .calls = s.calls, .calls_run = s.calls_run,
            .leases_taken = s.leases_taken, .leases_waited = s.leases_waited, .leases_handed = s.leases_handed, .parked = s.parked, .inbox = s.inbox,
            .inbox_max = s.inbox_max, .longest_hold_us = s.longest_us, .connections = s.connections, .net_input = s.net_input, .net_output = s.net_output,
        };
        if (s.longest_row < (uint32_t)command_count)
            snprintf(all.longest_hold_command, sizeof all.longest_hold_command, "%s", commands[s.longest_row].name);
        api_result(stats, size, &all, sizeof all);
    }
    api_leave(db);
    return status;
}

static int command_stats(struct host *h, uint32_t row, kora_command_stats *stats, const double *percent, uint64_t *ns, size_t count) {
    struct histogram_copy *times = mem_alloc_zero(sizeof *times);
    struct stat_command s;
    if (!times) return KORA_NOMEM;
    stats_command(h->stat, row, &s);
    stats_times(h->stat, row, times);
    kora_command_stats all = { .size = size_of(stats), .calls = s.calls, .failed = s.failed, .rejected = s.rejected, .usec = s.usec, .max_ns = times->max };
    if (stats) api_result(stats, all.size, &all, sizeof all);
    for (size_t i = 0; i < count; i++) ns[i] = histogram_percentile(times, percent[i]);
    mem_free(times);
    return KORA_OK;
}

KORA_API int kora_get_command_stats(kora *db, const char *command, kora_command_stats *stats, const double *percent, uint64_t *ns, size_t count) {
    int status = api_enter_loading_any(db);
    if (status != KORA_OK) return status;
    struct host *h = &db->engine->host;
    if (!command || (stats && size_of(stats) < sizeof(size_t)) || (count && (!percent || !ns))) status = KORA_INVAL;
    for (size_t i = 0; status == KORA_OK && i < count; i++) {
        if (!(percent[i] >= 0 && percent[i] <= 100)) status = KORA_INVAL;
    }
    const struct command *cmd = status == KORA_OK ? command_by_name(h->index, slice_str(command)) : NULL;
    if (status == KORA_OK && !cmd) status = KORA_NOTFOUND;
    if (status == KORA_OK) status = command_stats(h, (uint32_t)(cmd - commands), stats, percent, ns, count);
    api_leave(db);
    return status;
}

KORA_API int kora_get_hot_keys(kora *db, int by, kora_hot_key *keys, size_t max, size_t *count) {
    _Static_assert(sizeof keys->key == HOT_SHOWN_MAX && (int)KORA_HOT_BYTES == (int)HOT_BYTES, "kora_hot_key is struct stat_hot_key in public");
    int status = api_enter_loading_any(db);
    if (status != KORA_OK) return status;
    if (!count || (max && !keys) || by < KORA_HOT_READS || by > KORA_HOT_BYTES) status = KORA_INVAL;
    max = MIN(max, (size_t)db->engine->host.shards * 1024);
    struct stat_hot_key *found = status == KORA_OK && max ? mem_alloc(max * sizeof *found) : NULL;
    if (status == KORA_OK && max && !found) status = KORA_NOMEM;
    if (status == KORA_OK) {
        *count = max ? stats_hot_keys(db->engine->host.stat, (enum hot_by)by, found, max) : 0;
        for (size_t i = 0; i < *count; i++) {
            keys[i].key_len = found[i].name_len;
            keys[i].database = found[i].db;
            keys[i].rate = found[i].rate;
            memcpy(keys[i].key, found[i].name, found[i].name_len);
        }
    }
    mem_free(found);
    api_leave(db);
    return status;
}
