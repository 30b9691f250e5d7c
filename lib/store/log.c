// The log: its thread, its rounds, what they wait for and who is told.
//
// A round. The thread sets the epoch to k + 1, waits until no append of epoch k or before is under way, takes what is staged of these epochs, writes it as block
// k, syncs if the policy says so, gives the space back, and says that k is durable.
//
// Why a block is whole. An append stores `writing` (at its first stripe), then reads the epoch; the thread stores the epoch, then looks at every `writing`. All
// four are sequentially consistent: so either the thread sees that an append is under way, and waits for it, or the append reads k + 1. After that, nothing of
// epoch k can come any more, and everything of it has been published; only then does the thread look at any stripe's tail. An effect that follows
// another, on whatever stripe, has read the epoch later (its call had to get a lease that the other call held until it was done), so it is in the same block or a
// later one.
//
// Why no wake-up is lost. Before it sleeps the thread stores `asleep`, then looks whether anything is staged or under way; an append stores `writing`, and when it is done
// looks at `asleep`. Sequentially consistent again: one of them sees the other. It is the same with whoever is refused (`refused`, then `taken`; the thread:
// `taken`, then `refused`), and with requests (`kicked`).
//
// When there are rounds. `always`: while there is something, one after the other; what comes during a sync is the next round's. Since those whom a sync has let
// go come back with their next writes soon, but not at once, the thread waits a moment for as many as there were (gather). Else: every few
// milliseconds, if there is something; `everysec` syncs when the oldest write that is not synced has waited for SYNC_EVERY_US, and has a second thread do it
// (the syncer), so that rounds go on and staging does not fill up while a slow disk takes its time. With nothing staged and nothing to be synced both sleep,
// without a timer.
#include "store/log.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "kora.h"
#include "store/bytes.h"
#include "store/segment.h"
#include "store/staging.h"

enum {
    ROUND_EVERY_US = 3000,
    SYNC_EVERY_US = 800000, // with the round before and a slow sync itself that is about a second
    PATIENCE_US_MIN = 100,
    PATIENCE_US_MAX = 2000,
    GATHER_US_MAX = 5000,
    RETRY_US_MIN = 100000, // when there was no room on the disk
    RETRY_US_MAX = 1000000,
    MEMORY_RETRY_US = 10000,
};
#define SEGMENT_BYTES_DEFAULT (UINT64_C(64) << 20)
#define STAGING_BYTES_DEFAULT (UINT64_C(32) << 20)

enum { AWAKE, NAPPING, ASLEEP, GATHERING }; // of `asleep`: any append wakes ASLEEP, the last one wanted GATHERING, a kick all of them

struct log {
    // Read by every append, written by a round at most
    _Alignas(CACHE_LINE) _Atomic uint64_t epoch;
    _Atomic uint32_t asleep;
    _Atomic int64_t wanted; // while GATHERING: appends that are still to come. A few may go uncounted: it is no promise
    _Atomic int code; // of the error; 0: none
    struct staging staging;
    _Alignas(CACHE_LINE) _Atomic uint64_t durable;
    _Atomic uint32_t kicked, refused, sync;
    _Atomic uint64_t stalls;

    // The thread's own
    _Alignas(CACHE_LINE) struct log_config config;
    char *dir, *staging_dir;
    struct segments segments;
    uint64_t last_round, synced;    // the last block; the last one that is synced, as all before it are
    bool failed_for_good;
    int64_t unsynced_since;         // mono_us of the oldest write that is not synced; 0: there is none
    int64_t retry_us;               // 0: the last round went well
    uint64_t rotate_at;             // bytes, at which the next segment is begun
    uint64_t missing, missed;       // of those that the round has waited for; the round before
    int64_t patience_us;
    uint64_t calls, calls_expected; // until the last round; for the next one, if those that it has answered come back
    char *head;                     // a block's header and table of stripes
    struct iovec *iov;
    size_t iov_cap;
    pthread_t thread;
    bool started;

    // Of the syncer; state, fd, status and us are under `lock`
    pthread_t syncer;
    bool syncer_started;
    pthread_cond_t sync_changed;
    enum { SYNC_IDLE, SYNC_ASKED, SYNC_DONE, SYNC_END } sync_state;
    int sync_fd, sync_status;
    int64_t sync_us;
    bool syncing;                   // the thread's own: it has asked, and not yet had the answer
    uint64_t sync_round;            // the last block that is in it

    // What others ask for
    pthread_mutex_t lock;
    pthread_cond_t answered;
    uint64_t flushes_asked, flushes_done, rotations_asked, rotations_done;
    int flush_status, rotate_status;
    uint64_t rotated_to;
    bool closing;
    char error[200];
    bool error_for_good;

    // Published for log_stats
    _Atomic uint64_t rounds, syncs, bytes, last_sync_us, longest_sync_us;
    _Atomic int64_t last_sync_ms;
};

static int64_t now_us(const struct log *l) { return l->config.os->mono_us(l->config.os->arg); }
static enum log_sync policy(struct log *l) { return (enum log_sync)atomic_load_explicit(&l->sync, memory_order_relaxed); }

// ---- sleeping and waking ----------------------------------------------------------------------------------------------------------

static void wake(struct log *l) {
    if (atomic_exchange(&l->asleep, AWAKE) != AWAKE) syscall(SYS_futex, &l->asleep, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

// By an append, when the thread sleeps.
static void wake_by_append(struct log *l, uint32_t how) {
    if (how == ASLEEP || (how == GATHERING && atomic_fetch_sub_explicit(&l->wanted, 1, memory_order_relaxed) <= 1)) wake(l);
}

static void kick(struct log *l) {
    atomic_store(&l->kicked, 1);
    if (atomic_load(&l->asleep) != AWAKE) wake(l);
}

// Calls that no round has taken yet.
static uint64_t calls_come(struct log *l) { return staging_calls(&l->staging) - l->calls; }

// us < 0: for as long as it takes. Returns at once if there is something to do for one who sleeps so.
static void sleep_as(struct log *l, uint32_t how, int64_t us) {
    log_point();
    atomic_store(&l->asleep, how);
    log_point();
    if (!(LOG_CHECK(6) && atomic_load(&l->kicked)) && !(LOG_CHECK(1) && how == ASLEEP && staging_any(&l->staging))) {
        struct timespec t = { us / 1000000, us % 1000000 * 1000 };
        syscall(SYS_futex, &l->asleep, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, how, us < 0 ? NULL : &t, NULL, 0);
    }
    atomic_store(&l->asleep, AWAKE);
}

// ---- failing ----------------------------------------------------------------------------------------------------------------------

static void say(struct log *l, int level, const char *text) {
    if (l->config.say) l->config.say(l->config.arg, level, text);
}

static void set_error(struct log *l, int code, const char *text) {
    pthread_mutex_lock(&l->lock);
    snprintf(l->error, sizeof l->error, "%s", text);
    l->error_for_good = l->failed_for_good;
    atomic_store(&l->code, code);
    pthread_mutex_unlock(&l->lock);
    if (l->config.broken) l->config.broken(l->config.arg);
}

// A round could not be written. What was staged is still there.
static int round_failed(struct log *l, int code, bool for_good) {
    char text[160], line[260];
    segments_error(&l->segments, code, text, sizeof text);
    l->failed_for_good |= for_good;
    if (!atomic_load(&l->code) || for_good) {
        snprintf(line, sizeof line, for_good ? "%s; nothing is written any more until the database is opened again" :
            "%s; writes are refused until there is room", text);
        say(l, KORA_LOG_WARNING, line);
        set_error(l, code, text);
    }
    l->retry_us = l->retry_us ? MIN(l->retry_us * 2, RETRY_US_MAX) : RETRY_US_MIN;
    return code;
}

static void round_went_well(struct log *l) {
    if (!l->retry_us) return;
    l->retry_us = 0;
    if (!atomic_load(&l->code)) return;
    say(l, KORA_LOG_NOTICE, "log: there is room on the disk again; writes are accepted");
    set_error(l, 0, "");
    atomic_store(&l->refused, 1); // whoever waits may go on
}

static bool no_room(int code) { return code == -ENOSPC || code == -EDQUOT; }

// ---- rounds -----------------------------------------------------------------------------------------------------------------------

// A sync has ended, after which everything up to `round` is on the disk.
static int synced(struct log *l, int status, uint64_t round, int64_t us) {
    if (status != 0) return round_failed(l, status, true);
    l->synced = MAX(l->synced, round);
    staging_synced(&l->staging, l->synced);
    atomic_store_explicit(&l->last_sync_us, (uint64_t)us, memory_order_relaxed);
    if ((uint64_t)us > atomic_load_explicit(&l->longest_sync_us, memory_order_relaxed)) {
        atomic_store_explicit(&l->longest_sync_us, (uint64_t)us, memory_order_relaxed);
    }
    atomic_store_explicit(&l->last_sync_ms, l->config.os->wall_ms(l->config.os->arg), memory_order_relaxed);
    atomic_fetch_add_explicit(&l->syncs, 1, memory_order_relaxed);
    return 0;
}

static void *syncer_main(void *arg) {
    struct log *l = arg;
    pthread_mutex_lock(&l->lock);
    for (;;) {
        while (l->sync_state != SYNC_ASKED && l->sync_state != SYNC_END) pthread_cond_wait(&l->sync_changed, &l->lock);
        if (l->sync_state == SYNC_END) break;
        int fd = l->sync_fd;
        pthread_mutex_unlock(&l->lock);
        int64_t from = now_us(l);
        int status = segments_sync_do(&l->segments, fd);
        int64_t us = now_us(l) - from;
        pthread_mutex_lock(&l->lock);
        l->sync_status = status;
        l->sync_us = us;
        l->sync_state = SYNC_DONE;
        pthread_cond_broadcast(&l->sync_changed);
        kick(l);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

// The syncer's answer, if it is due one and has it, or (`wait`) as soon as it has it. 0: none, or a good one.
static int sync_answer(struct log *l, bool wait) {
    if (!l->syncing) return 0;
    pthread_mutex_lock(&l->lock);
    while (wait && l->sync_state != SYNC_DONE) pthread_cond_wait(&l->sync_changed, &l->lock);
    bool done = l->sync_state == SYNC_DONE;
    int status = l->sync_status;
    int64_t us = l->sync_us;
    if (done) l->sync_state = SYNC_IDLE;
    pthread_mutex_unlock(&l->lock);
    if (!done) return 0;
    l->syncing = false;
    return synced(l, segments_sync_end(&l->segments, status), l->sync_round, us);
}

static int sync_log(struct log *l) {
    int status = sync_answer(l, true);
    if (status != 0 || !segments_unsynced(&l->segments)) return status;
    int64_t from = now_us(l);
    status = segments_sync(&l->segments);
    l->unsynced_since = 0;
    return synced(l, status, l->last_round, now_us(l) - from);
}

static bool start_thread(pthread_t *thread, void *(*run)(void *), void *arg);

// Asks the syncer; where there is none, does it.
static int sync_aside(struct log *l) {
    if (!l->syncer_started && l->started) l->syncer_started = start_thread(&l->syncer, syncer_main, l);
    if (!l->syncer_started || l->segments.older_unsynced) return sync_log(l);
    l->syncing = true;
    l->sync_round = l->last_round;
    l->unsynced_since = 0;
    pthread_mutex_lock(&l->lock);
    l->sync_fd = segments_sync_begin(&l->segments);
    l->sync_state = SYNC_ASKED;
    pthread_cond_broadcast(&l->sync_changed);
    pthread_mutex_unlock(&l->lock);
    return 0;
}

// The log goes on in a segment that begins with round `first`. Failing is no misfortune: it goes on in the one that is there.
static int start_segment(struct log *l, uint64_t first) {
    int status = policy(l) == LOG_OS ? sync_answer(l, true) : sync_log(l);
    if (status != 0) return status;
    bool torn;
    status = segments_start(&l->segments, first, l->synced, &torn);
    if (status != 0 && torn) return round_failed(l, status, true);
    l->rotate_at = status == 0 ? l->config.segment_bytes_max : l->segments.at + l->config.segment_bytes_max / 4;
    if (status != 0) {
        char text[160];
        segments_error(&l->segments, status, text, sizeof text);
        say(l, KORA_LOG_WARNING, text);
    }
    return status;
}

static bool room_for_pieces(struct log *l, size_t pieces) {
    if (pieces + 1 <= l->iov_cap) return true;
    struct iovec *iov = mem_realloc(l->iov, (pieces + 1) * sizeof *iov);
    if (!iov) return false;
    l->iov = iov;
    l->iov_cap = pieces + 1;
    return true;
}

// The block of what was taken, as pieces: the first is the header with the table. Returns its bytes; 0: nothing was taken.
static uint64_t make_block(struct log *l, uint64_t k, int *count) {
    uint32_t parts = 0;
    uint64_t bytes = 0;
    *count = 1;
    for (uint32_t i = 0; i < l->staging.stripes; i++) {
        const struct ring *r = &l->staging.rings[i];
        uint64_t n = r->take_to == r->take_from ? 0 : staging_pieces(&l->staging, r, l->iov, count);
        if (n == 0) continue;
        char *part = l->head + BLOCK_HEADER + parts++ * BLOCK_PART;
        bytes_put32(part, i);
        bytes_put32(part + 4, 0);
        bytes_put64(part + 8, n);
        bytes += n;
    }
    if (parts == 0) return 0;
    size_t head = BLOCK_HEADER + parts * BLOCK_PART;
    bytes += head;
    memcpy(l->head, BLOCK_MAGIC, 4);
    bytes_put64(l->head + 8, k);
    bytes_put64(l->head + 16, l->last_round);
    bytes_put64(l->head + 24, l->synced);
    bytes_put64(l->head + 32, bytes);
    bytes_put32(l->head + 40, parts);
    bytes_put32(l->head + 44, 0);
    l->iov[0] = (struct iovec){ l->head, head };
    uint32_t crc = crc32c(0, l->head + 8, head - 8);
    for (int i = 1; i < *count; i++) crc = crc32c(crc, l->iov[i].iov_base, l->iov[i].iov_len);
    bytes_put32(l->head + 4, crc);
    return bytes;
}

static int write_block(struct log *l, uint64_t k, bool sync) {
    if (l->segments.at >= l->rotate_at && start_segment(l, k) != 0 && l->failed_for_good) return -EIO;
    int count;
    uint64_t bytes = make_block(l, k, &count);
    if (bytes == 0) return 0;
    bool torn;
    int status = segments_write(&l->segments, l->iov, count, bytes, sync, &torn);
    if (status != 0) return round_failed(l, status, torn || !no_room(status));
    if (l->unsynced_since == 0) l->unsynced_since = now_us(l);
    l->last_round = k;
    atomic_fetch_add_explicit(&l->rounds, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&l->bytes, bytes, memory_order_relaxed);
    return 0;
}

// ---- gathering --------------------------------------------------------------------------------------------------------------------

// With `always`: the calls that the last sync has answered come back with their next writes one by one. To begin with the first of them would make the others wait
// for a sync of one write; and to begin with those that have come during the sync would part them from the others for good: two groups that take turns,
// each call waiting for two syncs. So waits for both, as long as more of them come: none for `patience` is the end. That is right if those who are missing are
// not among the next round's either; and it is never much more than what syncs take, so that it costs those little who have no reason to come back.
static void gather(struct log *l) {
    l->missing = 0;
    if (l->calls_expected < 2) return;
    uint64_t enough = (l->calls_expected * 9 + 9) / 10, seen = UINT64_MAX;
    for (int64_t now = now_us(l), until = now + GATHER_US_MAX; !atomic_load_explicit(&l->kicked, memory_order_relaxed); now = now_us(l)) {
        uint64_t come = calls_come(l);
        if (come >= enough) return;
        if (now >= until || come == seen) {
            l->missing = l->calls_expected - come;
            return;
        }
        seen = come;
        atomic_store(&l->wanted, (int64_t)(enough - come));
        sleep_as(l, GATHERING, MIN(l->patience_us, until - now));
    }
}

// A round of `calls` calls is durable.
static void learn(struct log *l, uint64_t calls) {
    uint64_t meanwhile = calls_come(l);
    int64_t most = MIN(MAX(4 * (int64_t)atomic_load_explicit(&l->last_sync_us, memory_order_relaxed), PATIENCE_US_MAX / 2), PATIENCE_US_MAX);
    if (l->missed) l->patience_us = calls * 2 >= l->missed ? MIN(l->patience_us * 2, most) : MAX(l->patience_us / 2, PATIENCE_US_MIN);
    l->missed = l->missing;
    l->calls_expected = calls + meanwhile; // those will come back, these are there
}

// How many calls the round has.
static uint64_t count_calls(struct log *l) {
    uint64_t calls = staging_calls(&l->staging), n = calls - l->calls;
    l->calls = calls;
    return n;
}

static int make_round(struct log *l, bool sync) {
    uint64_t k = atomic_load_explicit(&l->epoch, memory_order_relaxed);
    atomic_store(&l->epoch, k + 1);
    log_point();
    staging_wait(&l->staging, k);
    uint64_t calls = count_calls(l);
    size_t pieces = staging_take(&l->staging, k);
    if (!room_for_pieces(l, pieces)) {
        l->retry_us = MEMORY_RETRY_US; // nothing was tried: the next round takes it
        return -ENOMEM;
    }
    int status = atomic_load_explicit(&l->staging.failed, memory_order_acquire);
    if (status != 0) {
        l->segments.failed = "write to staging";
        l->segments.failed_at = 0;
        return round_failed(l, status, true);
    }
    if (pieces) status = write_block(l, k, sync);
    if (sync && !l->failed_for_good) {
        int sync_status = sync_log(l);
        status = status ? status : sync_status;
    }
    if (status != 0) return status;
    staging_taken(&l->staging, k);
    atomic_store(&l->durable, k);
    round_went_well(l);
    learn(l, calls);
    if (l->config.durable) l->config.durable(l->config.arg, k);
    if (atomic_load(&l->refused) && atomic_exchange(&l->refused, 0) && l->config.room) l->config.room(l->config.arg);
    return 0;
}

// ---- the thread -------------------------------------------------------------------------------------------------------------------

static bool sync_is_due(struct log *l, int64_t *in_us) {
    if (!segments_unsynced(&l->segments) || l->syncing) return false;
    enum log_sync p = policy(l);
    if (p != LOG_EVERYSEC) return p == LOG_ALWAYS;
    *in_us = l->unsynced_since + SYNC_EVERY_US - now_us(l);
    return *in_us <= 0;
}

// Does what there is to do now. True: there was something.
static bool work(struct log *l) {
    atomic_store(&l->kicked, 0);
    pthread_mutex_lock(&l->lock);
    uint64_t flushes = l->flushes_asked, rotations = l->rotations_asked;
    bool flush = flushes != l->flushes_done || l->closing, rotate = rotations != l->rotations_done;
    pthread_mutex_unlock(&l->lock);

    int64_t in_us;
    int rotate_status, status = sync_answer(l, false);
    bool staged = staging_any(&l->staging) || atomic_load(&l->staging.failed), at_once = flush || (rotate && policy(l) != LOG_OS) || policy(l) == LOG_ALWAYS;
    bool something = flush || rotate || staged || (at_once && segments_unsynced(&l->segments));
    uint64_t first = 0;
    if (l->failed_for_good) status = atomic_load(&l->code);
    else if (flush || rotate || staged) status = make_round(l, at_once);
    else if (at_once) status = sync_log(l);
    if (!l->failed_for_good && sync_is_due(l, &in_us)) { // also if there was no room for the block: what came before is to be synced
        something = true;
        int aside = sync_aside(l);
        status = status ? status : aside;
    }
    rotate_status = status;
    if (rotate && status == 0) {
        first = atomic_load_explicit(&l->epoch, memory_order_relaxed);
        rotate_status = start_segment(l, first);
    }
    pthread_mutex_lock(&l->lock);
    if (flush) l->flush_status = status;
    if (rotate) l->rotate_status = rotate_status;
    if (rotate) l->rotated_to = first;
    l->flushes_done = flushes;
    l->rotations_done = rotations;
    if (flush || rotate) pthread_cond_broadcast(&l->answered);
    pthread_mutex_unlock(&l->lock);
    return something;
}

static void wait_for_work(struct log *l) {
    if (l->failed_for_good) {
        sleep_as(l, NAPPING, -1);
        return;
    }
    if (l->retry_us) {
        sleep_as(l, NAPPING, l->retry_us);
        return;
    }
    if (!staging_any(&l->staging)) {
        int64_t in_us = -1;
        if (sync_is_due(l, &in_us)) return;
        sleep_as(l, ASLEEP, in_us);
        if (!staging_any(&l->staging)) return;
    }
    if (policy(l) == LOG_ALWAYS) gather(l);
    else sleep_as(l, NAPPING, ROUND_EVERY_US);
}

static void *log_main(void *arg) {
    struct log *l = arg;
    for (bool closing = false; !closing;) {
        wait_for_work(l);
        pthread_mutex_lock(&l->lock);
        closing = l->closing;
        pthread_mutex_unlock(&l->lock);
        work(l); // if it closes, the last round
    }
    return NULL;
}

bool log_step(struct log *l) { return work(l); }

// ---- opening and closing ----------------------------------------------------------------------------------------------------------

static bool start_thread(pthread_t *thread, void *(*run)(void *), void *arg) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(thread, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

static void end_syncer(struct log *l) {
    if (!l->syncer_started) return;
    sync_answer(l, true);
    pthread_mutex_lock(&l->lock);
    l->sync_state = SYNC_END;
    pthread_cond_broadcast(&l->sync_changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->syncer, NULL);
}

static void log_free(struct log *l, bool empty) {
    staging_close(&l->staging, empty);
    if (l->segments.dir) segments_close(&l->segments);
    pthread_cond_destroy(&l->answered);
    pthread_cond_destroy(&l->sync_changed);
    pthread_mutex_destroy(&l->lock);
    mem_free(l->head);
    mem_free(l->iov);
    mem_free(l->dir);
    mem_free(l->staging_dir);
    mem_free(l);
}

static struct log *log_new(const struct log_config *config, uint64_t first_round) {
    struct log *l = mem_alloc_aligned(sizeof *l, CACHE_LINE);
    if (!l) return NULL;
    memset(l, 0, sizeof *l);
    l->config = *config;
    l->staging.fd = -1;
    l->patience_us = PATIENCE_US_MIN;
    if (!l->config.segment_bytes_max) l->config.segment_bytes_max = SEGMENT_BYTES_DEFAULT;
    if (!l->config.staging_bytes) l->config.staging_bytes = STAGING_BYTES_DEFAULT;
    l->rotate_at = l->config.segment_bytes_max;
    l->last_round = config->round_before;
    l->synced = config->round_before; // the number of a block, or recovery would miss one
    atomic_store(&l->epoch, first_round);
    atomic_store(&l->durable, first_round - 1);
    atomic_store(&l->sync, (uint32_t)config->sync);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->answered, NULL);
    pthread_cond_init(&l->sync_changed, NULL);
    const char *staging_dir = config->staging_dir ? config->staging_dir : config->dir;
    l->dir = mem_copy(config->dir, strlen(config->dir));
    l->staging_dir = mem_copy(staging_dir, strlen(staging_dir));
    l->head = mem_alloc(BLOCK_HEADER + (size_t)config->stripes * BLOCK_PART);
    if (l->dir && l->staging_dir && l->head && room_for_pieces(l, (size_t)config->stripes * 2 + 16)) return l;
    log_free(l, false);
    return NULL;
}

int log_open(const struct log_config *config, uint64_t first_round, struct log **out, char *error, size_t error_size) {
    invariant(first_round > 0 && config->stripes > 0 && config->round_before < first_round);
    struct log *l = log_new(config, first_round);
    snprintf(error, error_size, "log: out of memory");
    if (!l) return KORA_NOMEM;
    bool torn;
    int status = segments_open(&l->segments, config->os, l->dir, config->id, config->stripes, l->config.segment_bytes_max);
    if (status == 0) status = segments_start(&l->segments, first_round, l->synced, &torn);
    if (status != 0) {
        segments_error(&l->segments, status, error, error_size);
    } else {
        const char *what = "";
        status = staging_open(&l->staging, config->os, l->staging_dir, config->stripes, l->config.staging_bytes, config->id, first_round, &what);
        char reason[80];
        if (status != 0) snprintf(error, error_size, "%s/staging: %s: %s", l->staging_dir, what, strerror_r(-status, reason, sizeof reason));
    }
    if (status == 0 && !config->stepped) {
        l->started = true; // for itself to see
        if (!start_thread(&l->thread, log_main, l)) {
            snprintf(error, error_size, "log: its thread can't be started");
            status = -EAGAIN;
        }
    }
    if (status != 0) {
        log_free(l, false);
        return status == -ENOMEM ? KORA_NOMEM : KORA_SYSTEM;
    }
    *out = l;
    return KORA_OK;
}

int log_close(struct log *l, char *error, size_t error_size) {
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_mutex_unlock(&l->lock);
    kick(l);
    if (l->started) pthread_join(l->thread, NULL);
    else work(l);
    end_syncer(l);
    struct log_error e;
    int status = l->flush_status; // of the last round
    if (error && status != 0 && log_error(l, &e)) snprintf(error, error_size, "%s", e.text);
    else if (error && status != 0) segments_error(&l->segments, status, error, error_size);
    log_free(l, status == 0 && !staging_any(&l->staging));
    return status;
}

// ---- appending --------------------------------------------------------------------------------------------------------------------

bool log_may_write(struct log *l, uint32_t stripe) {
    struct ring *r = &l->staging.rings[stripe];
    uint64_t enough = l->staging.ring_size / 2;
    staging_prefetch(&l->staging, r);
    // What could not be staged is no error yet: the thread's next round finds it.
    bool sound = !atomic_load_explicit(&l->code, memory_order_relaxed) && !atomic_load_explicit(&l->staging.failed, memory_order_relaxed);
    if (likely(staging_free(&l->staging, r) >= enough) && likely(sound)) return true;
    log_point();
    atomic_store(&l->refused, 1);
    log_point();
    if (!atomic_load(&l->code)) { // else it is of no use to hurry
        if (LOG_CHECK(5) && staging_free(&l->staging, r) >= enough && !atomic_load(&l->staging.failed)) return true;
        kick(l);
    }
    atomic_fetch_add_explicit(&l->stalls, 1, memory_order_relaxed);
    return false;
}

bool log_reserve(struct log *l, uint32_t stripe, size_t bytes, size_t count) {
    return staging_reserve(&l->staging, &l->staging.rings[stripe], bytes, count);
}

void log_begin(struct log_append *a, struct log *l, uint32_t first, uint32_t parts) {
    struct ring *r = &l->staging.rings[first];
    if (LOG_CHECK(2)) atomic_store(&r->writing, WRITING_SOON);
    log_point();
    uint64_t epoch = atomic_load(&l->epoch), call = atomic_load_explicit(&r->calls, memory_order_relaxed) + 1;
    log_point();
    atomic_store_explicit(&r->writing, epoch + 1, memory_order_release);
    atomic_store_explicit(&r->calls, call, memory_order_relaxed);
    a->log = l;
    a->epoch = epoch;
    a->first = first;
    a->parts = parts;
    a->apart = NULL;
    // Unique among those of an epoch, of all stripes, and never 0. In an epoch there are far fewer than would come round to the same number.
    a->number = 0;
    if (parts > 1) a->number = (uint32_t)(call % (UINT32_MAX / l->staging.stripes)) * l->staging.stripes + first + 1;
}

void log_add(struct log_append *a, const struct effect *e) {
    struct log *l = a->log;
    struct staged_call c = { a->epoch, a->number, a->parts };
    bool full = staging_add(&l->staging, &l->staging.rings[e->stripe], &c, e, &a->apart);
    if (unlikely(full) && atomic_load_explicit(&l->asleep, memory_order_relaxed) == NAPPING && !atomic_load(&l->code)) kick(l);
}

void log_end(struct log_append *a) {
    struct log *l = a->log;
    for (struct ring *r = a->apart, *next; unlikely(r != NULL); r = next) {
        next = r->next_apart;
        staging_add_apart(&l->staging, r);
    }
    log_point();
    atomic_store_explicit(&l->staging.rings[a->first].writing, 0, memory_order_release);
    uint32_t how = atomic_load(&l->asleep);
    if (unlikely(how >= ASLEEP)) wake_by_append(l, how);
}

uint64_t log_last_epoch(const struct log *l, uint32_t stripe) {
    return atomic_load_explicit(&l->staging.rings[stripe].last_epoch, memory_order_relaxed);
}

uint64_t log_durable(const struct log *l) { return atomic_load(&l->durable); }

// ---- the whole --------------------------------------------------------------------------------------------------------------------

void log_set_sync(struct log *l, enum log_sync sync) {
    atomic_store(&l->sync, (uint32_t)sync);
    kick(l);
}

int log_flush(struct log *l) {
    pthread_mutex_lock(&l->lock);
    uint64_t mine = ++l->flushes_asked;
    pthread_mutex_unlock(&l->lock);
    kick(l);
    if (!l->started) work(l);
    pthread_mutex_lock(&l->lock);
    while (l->flushes_done < mine) pthread_cond_wait(&l->answered, &l->lock);
    int status = l->flush_status;
    pthread_mutex_unlock(&l->lock);
    return status;
}

int log_rotate(struct log *l, uint64_t *first_round) {
    pthread_mutex_lock(&l->lock);
    uint64_t mine = ++l->rotations_asked;
    pthread_mutex_unlock(&l->lock);
    kick(l);
    if (!l->started) work(l);
    pthread_mutex_lock(&l->lock);
    while (l->rotations_done < mine) pthread_cond_wait(&l->answered, &l->lock);
    int status = l->rotate_status;
    *first_round = l->rotated_to;
    pthread_mutex_unlock(&l->lock);
    return status;
}

void log_forget(struct log *l, uint64_t before_round) { segments_forget(&l->segments, before_round); }

bool log_error(struct log *l, struct log_error *out) {
    if (!atomic_load(&l->code)) return false;
    pthread_mutex_lock(&l->lock);
    out->code = atomic_load(&l->code);
    out->for_good = l->error_for_good;
    snprintf(out->text, sizeof out->text, "%s", l->error);
    pthread_mutex_unlock(&l->lock);
    return out->code != 0;
}

void log_trim(struct log *l) { staging_trim(&l->staging); }

void log_stats(struct log *l, struct log_stats *out) {
    *out = (struct log_stats){ .epoch = atomic_load(&l->epoch), .durable = atomic_load(&l->durable), .rounds = atomic_load(&l->rounds),
        .syncs = atomic_load(&l->syncs), .bytes = atomic_load(&l->bytes), .last_sync_us = atomic_load(&l->last_sync_us),
        .longest_sync_us = atomic_load(&l->longest_sync_us), .stalls = atomic_load(&l->stalls), .last_sync_ms = atomic_load(&l->last_sync_ms) };
    segments_count(&l->segments, &out->segments, &out->log_bytes, &out->segment_bytes);
    for (uint32_t i = 0; i < l->staging.stripes; i++) {
        const struct ring *r = &l->staging.rings[i];
        out->records += atomic_load_explicit(&r->records, memory_order_relaxed);
        out->staged_bytes += l->staging.ring_size - staging_free(&l->staging, r);
    }
}
