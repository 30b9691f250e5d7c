// See durable.h.
#include "engine/durable.h"

#include "engine/loading.h"
#include "engine/save.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "kora.h"
#include "store/log.h"
#include "store/snapshot_dir.h"

// ---- effects into the log ------------------------------------------------------------------------------------------------------

static void append(struct log_append *a, struct engine *engine, const struct effect *e) {
    log_add(a, e);
    await_logged(engine, e->stripe, a->epoch);
}

static void append_one(void *arg, const struct effect *e) {
    struct engine *engine = arg;
    struct log_append a;
    log_begin(&a, engine->log, e->stripe, 1);
    append(&a, engine, e);
    log_end(&a);
}

static void append_several(void *arg, struct effect_list *l) {
    struct engine *engine = arg;
    struct log_append a;
    struct effect e;
    log_begin(&a, engine->log, l->first, l->count);
    while (effect_next(l, &e)) append(&a, engine, &e);
    log_end(&a);
}

static bool has_room(void *arg, uint32_t stripe, size_t bytes, size_t count) { return log_reserve(((struct engine *)arg)->log, stripe, bytes, count); }

static bool refuses(void *arg) { return atomic_load_explicit(&((struct engine *)arg)->gate.refused, memory_order_relaxed); }

// ---- the gate ------------------------------------------------------------------------------------------------------------------

enum log_gate gate_ask(struct engine *e, const uint32_t *stripes, uint32_t count, uint32_t *turn) {
    struct log_error error;
    struct log *log = e->log;
    *turn = atomic_load(&e->gate.turn);
    uint32_t i = 0;
    while (i < count && log_may_write(log, stripes[i])) i++;
    if (likely(i == count)) return GATE_OPEN;
    return log_error(log, &error) ? GATE_REFUSED : GATE_WAIT;
}

void gate_open(struct engine *e) {
    atomic_fetch_add(&e->gate.turn, 1);
    struct waiter *w = atomic_exchange(&e->gate.waiting, NULL);
    while (w) {
        struct waiter *next = w->next;
        w->wake(w, LEASE_TRY_AGAIN);
        w = next;
    }
    if (atomic_load(&e->gate.sleepers)) syscall(SYS_futex, &e->gate.turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, NULL, NULL, 0);
}

void gate_park(struct engine *e, struct waiter *w, uint32_t turn) {
    struct waiter *top = atomic_load(&e->gate.waiting);
    do w->next = top;
    while (!atomic_compare_exchange_weak(&e->gate.waiting, &top, w));
    if (atomic_load(&e->gate.turn) != turn) gate_open(e); // it came before this one was in the list
}

void gate_sleep(struct engine *e, uint32_t turn) {
    atomic_fetch_add(&e->gate.sleepers, 1);
    while (atomic_load(&e->gate.turn) == turn) syscall(SYS_futex, &e->gate.turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, turn, NULL, NULL, 0);
    atomic_fetch_sub(&e->gate.sleepers, 1);
}

void gate_refuse(struct engine *e, struct call *c, const char *first) {
    struct log_error error;
    bool still = log_error(e->log, &error);
    reply_error(c, "%sMISCONF Errors writing to the log: %s", first, still ? error.text : "try again");
}

int engine_wait_to_write(struct engine *e, uint32_t stripe) {
    for (;;) {
        uint32_t turn;
        enum log_gate gate = gate_ask(e, &stripe, 1, &turn);
        if (gate == GATE_OPEN) return KORA_OK;
        lease_release(&e->leases[stripe]);
        if (gate == GATE_REFUSED) return KORA_READONLY;
        gate_sleep(e, turn);
        if (!lease_wait(&e->leases[stripe])) return KORA_CLOSED;
    }
}

// On the log's thread.
static void there_is_room(void *arg) { gate_open(arg); }

static void is_durable(void *arg, uint64_t epoch) {
    await_advanced(arg, epoch);
    save_look(arg);
}

static void log_has_changed(void *arg) {
    struct engine *e = arg;
    struct log_error error;
    if (!atomic_load(&e->gate.there)) return; // start_log looks itself
    bool failing = log_error(e->log, &error);
    atomic_store(&e->gate.refused, failing);
    if (!engine_closes(e)) await_failing(e, !failing ? AWAIT_FINE : error.for_good ? AWAIT_LOST : AWAIT_STUCK);
    if (failing) engine_log(e, KORA_LOG_WARNING, "cannot write the log: %s; writes are refused", error.text);
    else engine_log(e, KORA_LOG_NOTICE, "the log is written again");
    gate_open(e);
}

static void log_says(void *arg, int level, const char *text) { engine_log(arg, level, "%s", text); }

// ---- what is in the snapshot already ---------------------------------------------------------------------------------------------

static bool is_mark(const struct recovered_effect *r) { return r->argc == 2 && r->argv[0].n == 0; }

// Whether it is in the snapshot that was loaded: its stripe's mark has not come yet.
static bool is_loaded(struct durable *d, const struct recovered_effect *r) {
    if (!d->marks_known) d->marks_left = r->stripes;
    d->marks_known = true;
    uint64_t bit = UINT64_C(1) << r->stripe % 64, *word = &d->marked[r->stripe / 64];
    int64_t cut;
    if (is_mark(r) && num_parse_int(r->argv[1], &cut) && (uint64_t)cut == d->cut && !(*word & bit)) {
        *word |= bit;
        if (--d->marks_left == 0) d->cut = 0; // what comes now is behind all of them
        return true;
    }
    return !(*word & bit);
}

// ---- opening -------------------------------------------------------------------------------------------------------------------

enum { SAY_EVERY_US = 2000000 };

int durable_apply(struct engine *e, const struct recovered_effect *r) {
    struct durable *d = e->durable;
    bool known = r->stripe < r->stripes && r->stripes <= STRIPES_MAX; // else it is refused
    if (!loading_goes_on(e)) return KORA_CLOSED;
    if (known && ((d->cut && is_loaded(d, r)) || is_mark(r))) return KORA_OK;
    return deal_effect(&d->deal, r);
}

static int apply(void *arg, const struct recovered_effect *r) { return durable_apply(arg, r); }

// What recovery changes on the disk it changes only if all could be run.
static int applied(void *arg) { return deal_finish(&((struct engine *)arg)->durable->deal); }

int durable_load(struct engine *e, char *error, size_t error_size) {
    struct durable *d = e->durable;
    uint64_t keys;
    int status = save_load(e, error, error_size, &keys);
    atomic_store(&e->host.snapshot_keys, keys);
    d->cut = d->store.manifest.first_round > 1 ? d->store.manifest.snapshot : 0; // a copy has no marks: see end_copy in save.c
    deal_begin(&d->deal, e, d->why, sizeof d->why);
    return status;
}

int durable_loaded(struct engine *e, int status, char *error, size_t error_size) {
    struct durable *d = e->durable;
    if (status == KORA_OK) status = deal_finish(&d->deal);
    deal_end(&d->deal);
    if (*d->why && !*error) snprintf(error, error_size, "%s", d->why);
    if (status != KORA_OK || !d->cut) return status;
    snprintf(error, error_size, "log/%016llx.wal: offset %d: the marks of snapshot %llu are missing", (unsigned long long)d->store.manifest.first_round, SEGMENT_HEADER,
        (unsigned long long)d->cut);
    return KORA_CORRUPT;
}

void durable_progress(struct engine *e, uint64_t done) {
    struct durable *d = e->durable;
    int64_t now = clock_mono_us();
    done = MIN(done, d->bytes);
    atomic_store_explicit(&e->host.load.done, done, memory_order_relaxed);
    if (now - d->told_us >= SAY_EVERY_US) {
        d->told_us = now;
        engine_log(e, KORA_LOG_NOTICE, "loading: %llu of %llu MB", (unsigned long long)(done >> 20), (unsigned long long)(d->bytes >> 20));
    }
    if (!d->progress) return;
    engine_callback_begin();
    d->progress(d->progress_arg, done, d->bytes);
    engine_callback_end();
}

// Of the log.
static void progress(void *arg, uint64_t done, uint64_t total) {
    struct engine *e = arg;
    (void)total;
    durable_progress(e, e->durable->snapshot_bytes + done);
}

int durable_open(struct engine *e, struct engine_config *config) {
    char reason[256] = "";
    if (!config->dir) return KORA_OK;
    struct durable *d = mem_alloc_zero(sizeof *d);
    if (!d) return KORA_NOMEM;
    e->durable = d;
    d->store.lock_fd = -1;
    d->error = config->error;
    d->error_size = config->error_size;
    d->progress = config->progress;
    d->progress_arg = config->progress_arg;
    d->repair = config->repair;
    int status = store_open(config->os ? config->os : os_system(), config->dir, config->staging_dir, &d->store, reason, sizeof reason);
    if (status != KORA_OK) {
        if (d->error && d->error_size) snprintf(d->error, d->error_size, "%s", reason);
        mem_free(d);
        e->durable = NULL;
        return status;
    }
    struct manifest *m = &d->store.manifest;
    if (d->store.is_new) {
        m->first_round = 1;
        return random_entropy(&m->seed, sizeof m->seed) ? KORA_OK : KORA_SYSTEM;
    }
    bool good = m->stripes && !(m->stripes & (m->stripes - 1)) && m->stripes <= STRIPES_MAX && m->databases && m->databases <= DATABASES_MAX;
    if (!good) {
        if (d->error && d->error_size) snprintf(d->error, d->error_size, "MANIFEST: %u stripes, %u databases", m->stripes, m->databases);
        return KORA_CORRUPT;
    }
    if (config->snapshot && !manifest_go_back(m, config->snapshot)) {
        if (d->error && d->error_size) snprintf(d->error, d->error_size, "MANIFEST: there is no snapshot %llu", (unsigned long long)config->snapshot);
        return KORA_NOTFOUND;
    }
    d->goes_back = config->snapshot != 0;
    config->stripes = MAX(config->stripes, m->stripes);
    config->databases = MAX(config->databases, m->databases);
    return KORA_OK;
}

static const enum log_sync policies[] = { [FSYNC_EVERYSEC] = LOG_EVERYSEC, [FSYNC_ALWAYS] = LOG_ALWAYS, [FSYNC_NO] = LOG_OS };

void durable_prepare(struct engine *e) {
    struct durable *d = e->durable;
    if (!d) return;
    e->host.dir = d->store.dir;
    e->host.staging_dir = d->store.staging_dir;
    e->host.recovered = &d->recovered;
    atomic_store(&e->common.settings.appendfsync, e->config.sync);
    e->common.effects = (struct effect_sink){ .fn = append_one, .arg = e, .several = append_several, .room = has_room, .refuses = refuses };
}

static int start_log(struct engine *e, char *error, size_t size) {
    struct durable *d = e->durable;
    struct log_config config = {
        .os = d->store.os, .round_before = d->recovered.last_round, .dir = d->store.dir, .staging_dir = d->store.staging_dir,
        .stripes = e->common.stripe_count, .sync = policies[atomic_load_explicit(&e->common.settings.appendfsync, memory_order_relaxed)],
        .durable = is_durable, .room = there_is_room, .broken = log_has_changed, .say = log_says, .arg = e,
    };
    memcpy(config.id, d->store.manifest.id, sizeof config.id);
    // What is kept from here on is by these stripes and databases.
    struct manifest m = d->store.manifest;
    bool same = !d->store.is_new && !d->goes_back && m.stripes == e->common.stripe_count && m.databases == e->common.databases;
    m.stripes = e->common.stripe_count;
    m.databases = e->common.databases;
    struct log *log = NULL;
    int status = same ? KORA_OK : store_commit(&d->store, &m, error, size);
    if (status == KORA_OK) status = store_note_staging(&d->store, error, size);
    if (status == KORA_OK) status = log_open(&config, d->recovered.next_round, &log, error, size);
    if (status == KORA_OK) {
        await_set(e, config.sync == LOG_ALWAYS);
        e->host.recovery_ms = d->recovery_ms;
        host_reset_stats(&e->host); // what the replay has counted
        atomic_store(&e->log, log);
        atomic_store(&e->host.wal, log);
        atomic_store(&e->gate.there, true);
        if (log_error(log, &(struct log_error){ 0 })) log_has_changed(e); // already
    }
    return status;
}

static void say_recovered(struct engine *e) {
    const struct durable *d = e->durable;
    const struct recovered *r = &d->recovered;
    uint64_t keys = 0;
    for (uint32_t i = 0; i < e->common.stripe_count; i++) {
        for (uint32_t db = 0; db < e->common.databases; db++) keys += stripe_count(&e->common.stripes[i], db);
    }
    engine_log(e, KORA_LOG_NOTICE, "loaded %llu keys from %llu records (%llu of them staged) in %llu rounds, in %lld ms%s", (unsigned long long)keys,
        (unsigned long long)r->records, (unsigned long long)r->staged_records, (unsigned long long)r->rounds, (long long)d->recovery_ms,
        d->store.is_new || r->clean ? "" : "; it had not been closed");
    if (r->cut_bytes) engine_log(e, KORA_LOG_WARNING, "cut %llu bytes off the end of the log: the tail of a crash", (unsigned long long)r->cut_bytes);
    if (r->incomplete_calls) engine_log(e, KORA_LOG_WARNING, "%llu calls were under way when the process was killed, and are dropped", (unsigned long long)r->incomplete_calls);
}

// Nobody writes a snapshot yet.
static void clean_up(struct engine *e) {
    const struct store *s = &e->durable->store;
    uint32_t removed;
    int code = snapshot_dirs_clean(s->os, s->dir, &removed);
    if (removed) engine_log(e, KORA_LOG_NOTICE, "removed %u unfinished snapshot%s", removed, removed == 1 ? "" : "s");
    if (code < 0) engine_log(e, KORA_LOG_WARNING, "an unfinished snapshot can't be removed: %s", strerror(-code));
}

int durable_recover(struct engine *e) {
    struct durable *d = e->durable;
    char reason[256] = "";
    if (!d) return KORA_OK;
    const struct recover_config config = {
        .store = &d->store, .from_round = d->store.manifest.first_round, .repair = d->repair, .apply = apply, .applied = applied, .progress = progress, .say = log_says, .arg = e,
    };
    d->began_us = d->told_us = clock_mono_us();
    atomic_store(&e->host.load.since_s, clock_wall_ms() / 1000);
    // No clock is read for each; under another policy this would be taken for what an access is noted as there.
    uint32_t access = (uint32_t)clock_mono_s() & ((1u << ENTRY_ACCESS_BITS) - 1);
    if (atomic_load(&e->common.settings.access_policy) == ACCESS_LRU) atomic_store(&e->common.settings.access_now, access);
    d->snapshot_bytes = save_load_bytes(e);
    d->bytes = d->snapshot_bytes + log_recover_bytes(&d->store, config.from_round);
    atomic_store(&e->host.load.total, d->bytes);
    int status = durable_load(e, reason, sizeof reason);
    if (status == KORA_OK) status = log_recover(&config, &d->recovered, reason, sizeof reason);
    status = durable_loaded(e, status, reason, sizeof reason);
    atomic_store(&e->common.settings.access_now, ACCESS_ASK);
    d->recovery_ms = (clock_mono_us() - d->began_us) / 1000;
    if (status == KORA_OK) {
        say_recovered(e);
        clean_up(e);
        status = start_log(e, reason, sizeof reason);
    }
    if (status != KORA_OK && *reason && d->error && d->error_size) snprintf(d->error, d->error_size, "%s", reason);
    d->error = NULL;
    return status;
}

void durable_finish(struct engine *e) {
    // The rest is waited for until the shards have ended: it is let go, or answered, now.
    if (e->log && log_flush(e->log) != 0) await_failing(e, AWAIT_LOST);
}

int durable_end(struct engine *e) {
    char why[200] = "";
    int status = e->log ? log_close(e->log, why, sizeof why) : 0;
    e->log = NULL;
    if (status == 0) return KORA_OK;
    engine_log(e, KORA_LOG_WARNING, "the end of the log could not be written: %s; what is only staged is there when the database is opened again, unless the system is started anew before", why);
    return KORA_READONLY;
}

void durable_setting_changed(struct engine *e) {
    if (!e->log) return;
    save_settings_changed(e);
    enum log_sync sync = policies[atomic_load_explicit(&e->common.settings.appendfsync, memory_order_relaxed)];
    // Nothing is said to be durable that is only written.
    if (sync != LOG_ALWAYS) await_set(e, false);
    log_set_sync(e->log, sync);
    if (sync == LOG_ALWAYS) await_set(e, true);
}

void durable_close(struct engine *e) {
    struct durable *d = e->durable;
    if (!d) return;
    durable_end(e);
    store_close(&d->store);
    mem_free(d);
    e->durable = NULL;
}
