// What recovery changes on the disk, after everything was read. It may be killed, or lose power, at any point; the next one must come to the same data:
//
//   1. What is behind the end is removed: whole segments, the last one first, then the end itself is cut off. (Repair first writes a copy to
//      dir/dropped-<n>.wal, synced.) Between these steps the same gap is still there, with less behind it.
//   2. Blocks that nobody said were synced are written once more, as they are and where they are, and synced: what was read may have been in the
//      system's memory only, and after a failed sync the system believes that it is on the disk. Each sector has the same bytes before and after.
//   3. The staged records that were applied become one block in a segment of its own, synced. Its round is the highest epoch that was seen in staging: who comes again
//      finds no staged record after the last round. Before it is whole, it is the torn end of a log, and staging is still there.
//   4. Staging is removed.
#include <errno.h>
#include <inttypes.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "kora.h"
#include "store/recover_int.h"

enum { COPY_PIECE = 1 << 20 };

static int failed(const struct scan *s, const char *path, int err) { return err ? store_fail_os(s->why, path, err) : KORA_OK; }

static int sync_log_dir(const struct scan *s) { return failed(s, s->dir, s->os->sync_dir(s->os->arg, s->dir)); }

// Opens segment i; *path is the caller's to free.
static int open_segment(const struct scan *s, size_t i, uint32_t how, char **path, int *fd) {
    *fd = -1;
    *path = scan_path(s, i);
    if (!*path) return store_fail_memory(s->why);
    *fd = s->os->open(s->os->arg, *path, how);
    return *fd < 0 ? store_fail_os(s->why, *path, *fd) : KORA_OK;
}

static int close_segment(const struct scan *s, int status, char *path, int fd) {
    int err = fd >= 0 ? s->os->close(s->os->arg, fd) : 0;
    if (status == KORA_OK) status = failed(s, path, err);
    mem_free(path);
    return status;
}

// Copies [at, end) of `from` to `to`, where it goes behind *to_at.
static int copy_bytes(const struct scan *s, const char *path, int from, uint64_t at, uint64_t end, int to, uint64_t *to_at) {
    char *piece = mem_alloc(COPY_PIECE);
    if (!piece) return store_fail_memory(s->why);
    int err = 0;
    while (at < end && !err) {
        size_t n = (size_t)MIN(end - at, (uint64_t)COPY_PIECE);
        err = os_read_all(s->os, from, piece, n, at);
        if (!err) err = os_write_all(s->os, to, piece, n, *to_at);
        at += n;
        *to_at += n;
    }
    mem_free(piece);
    return failed(s, path, err);
}

// ---- 1. the end ----------------------------------------------------------------------------------------------------------------------------

static int make_dropped(const struct scan *s, char **path, int *fd) {
    for (unsigned n = 1;; n++) {
        char name[40];
        snprintf(name, sizeof name, "dropped-%u.wal", n);
        *path = store_path(s->c->store->dir, name);
        if (!*path) return store_fail_memory(s->why);
        *fd = s->os->open(s->os->arg, *path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE);
        if (*fd >= 0) return KORA_OK;
        if (*fd != -EEXIST) return store_fail_os(s->why, *path, *fd);
        mem_free(*path);
    }
}

static int copy_segment_to(const struct scan *s, size_t i, uint64_t at, int to, uint64_t *to_at) {
    char *path;
    int fd, status = open_segment(s, i, OS_READ, &path, &fd);
    if (status == KORA_OK) status = copy_bytes(s, path, fd, at, s->segments[i].size, to, to_at);
    return close_segment(s, status, path, fd);
}

// A copy of what repair takes away: the segments' bytes from the damage on, then what was staged.
static int copy_dropped(const struct scan *s) {
    char *path = NULL;
    int fd = -1, status = make_dropped(s, &path, &fd);
    uint64_t at = 0;
    for (size_t i = s->damaged_segment; i < s->count && status == KORA_OK; i++)
        status = copy_segment_to(s, i, i == s->damaged_segment ? s->damaged_at : 0, fd, &at);
    if (status == KORA_OK && s->gap) {
        status = failed(s, path, os_write_all(s->os, fd, s->staged.bytes.p, s->staged.bytes.n, at));
        at += s->staged.bytes.n;
    }
    if (status == KORA_OK) status = failed(s, path, s->os->sync(s->os->arg, fd));
    if (status == KORA_OK) scan_say(s, KORA_LOG_WARNING, "%s: what repair has dropped, %" PRIu64 " bytes", path, at);
    status = close_segment(s, status, path, fd);
    return status == KORA_OK ? failed(s, s->c->store->dir, s->os->sync_dir(s->os->arg, s->c->store->dir)) : status;
}

static int truncate_segment(const struct scan *s, size_t i, uint64_t size) {
    char *path;
    int fd, status = open_segment(s, i, OS_READ | OS_WRITE, &path, &fd);
    if (status == KORA_OK) status = failed(s, path, s->os->truncate(s->os->arg, fd, size));
    if (status == KORA_OK) status = failed(s, path, s->os->sync(s->os->arg, fd));
    return close_segment(s, status, path, fd);
}

// Emptied first: should its name come back, because the directory could not be synced, then it is that of nothing.
static int remove_segment(const struct scan *s, size_t i) {
    int status = truncate_segment(s, i, 0);
    char *path = status == KORA_OK ? scan_path(s, i) : NULL;
    if (!path) return status == KORA_OK ? store_fail_memory(s->why) : status;
    status = failed(s, path, s->os->remove(s->os->arg, path));
    mem_free(path);
    return status;
}

static int remove_empty(const struct scan *s) {
    int status = KORA_OK;
    for (size_t i = s->empty_begin; i < s->empty_end && status == KORA_OK; i++) {
        char *path = scan_path(s, i);
        if (!path) return store_fail_memory(s->why);
        status = failed(s, path, s->os->remove(s->os->arg, path));
        mem_free(path);
    }
    return status == KORA_OK && s->empty_begin < s->empty_end ? sync_log_dir(s) : status;
}

static int cut_end(struct scan *s) {
    int status = s->c->repair ? copy_dropped(s) : KORA_OK;
    // It knows of rounds that repair drops; what was staged is in the copy.
    if (status == KORA_OK && s->gap) status = staged_remove(s->os, s->staging_dir, s->why);
    // A segment without a header is nothing; one that has only that can be written to again, but it may know of rounds that repair has dropped.
    bool stays = s->damaged_at > SEGMENT_HEADER || (s->damaged_at == SEGMENT_HEADER && !s->c->repair);
    size_t left = s->damaged_segment + stays;
    bool removed = s->count > left;
    while (s->count > left && status == KORA_OK) {
        status = remove_segment(s, s->count - 1);
        s->count -= status == KORA_OK;
    }
    if (status == KORA_OK && removed) status = sync_log_dir(s);
    if (status == KORA_OK && stays) status = truncate_segment(s, s->count - 1, s->damaged_at);
    return status;
}

// ---- 2. what nobody said was synced -----------------------------------------------------------------------------------------------------

// Where the first block after round s->synced begins; the blocks were read before.
static int find_unsynced(const struct scan *s, const char *path, int fd, uint64_t end, uint64_t *at) {
    char header[BLOCK_HEADER];
    for (*at = SEGMENT_HEADER; *at < end; *at += get_u64(header + 32)) {
        int err = os_read_all(s->os, fd, header, sizeof header, *at);
        if (err) return store_fail_os(s->why, path, err);
        if (get_u64(header + 8) > s->synced) break;
        if (get_u64(header + 32) < BLOCK_HEADER) return store_fail(s->why, KORA_SYSTEM, "%s: it has changed while it was read", path);
    }
    return KORA_OK;
}

static int write_again(const struct scan *s, size_t i) {
    char *path;
    uint64_t end = s->segments[i].end, at = 0;
    int fd, status = open_segment(s, i, OS_READ | OS_WRITE, &path, &fd);
    if (status == KORA_OK && s->segments[i].first <= s->synced) status = find_unsynced(s, path, fd, end, &at);
    if (status == KORA_OK && at < end) {
        uint64_t to = at;
        // The size, too, is to be written once more, and a size that does not change is not.
        status = failed(s, path, s->os->truncate(s->os->arg, fd, end + RECORD_ALIGN));
        if (status == KORA_OK) status = copy_bytes(s, path, fd, at, end, fd, &to);
    }
    // Also the room that was made ahead goes.
    if (status == KORA_OK) status = failed(s, path, s->os->truncate(s->os->arg, fd, end));
    if (status == KORA_OK) status = failed(s, path, s->os->sync(s->os->arg, fd));
    return close_segment(s, status, path, fd);
}

static int sync_tail(const struct scan *s) {
    int status = KORA_OK;
    for (size_t i = s->count; i-- > s->begin && status == KORA_OK;) {
        if (s->segments[i].end == 0) continue;
        status = write_again(s, i);
        if (s->segments[i].first <= s->synced) break; // those before are complete
    }
    if (status == KORA_OK && s->count > 0) status = sync_log_dir(s);
    return status;
}

// ---- 3. what was staged --------------------------------------------------------------------------------------------------------------------

static bool put_parts(const struct staged *st, struct buf *b, uint64_t *bytes, uint32_t *parts) {
    *bytes = 0;
    for (size_t i = 0; i < st->count;) {
        char part[BLOCK_PART] = { 0 };
        uint32_t stripe = st->records[i].stripe;
        uint64_t n = 0;
        for (; i < st->count && st->records[i].stripe == stripe; i++) n += st->records[i].dropped ? 0 : st->records[i].n;
        if (n == 0) continue;
        bytes_put32(part, stripe);
        bytes_put64(part + 8, n);
        buf_append(b, part, sizeof part);
        *bytes += n;
        ++*parts;
    }
    return !b->failed;
}

// A segment's header, and a block's with its table; the records follow as they are.
static bool make_headers(const struct scan *s, struct buf *b) {
    const struct staged *st = &s->staged;
    char segment[SEGMENT_HEADER] = SEGMENT_MAGIC, block[BLOCK_HEADER] = BLOCK_MAGIC;
    uint64_t bytes;
    uint32_t parts = 0;
    bytes_put32(segment + 8, STORE_VERSION);
    bytes_put32(segment + 12, st->stripes);
    bytes_put64(segment + 16, st->last_epoch);
    bytes_put64(segment + 24, s->last);
    memcpy(segment + 32, s->c->store->manifest.id, STORE_ID_BYTES);
    bytes_put32(segment + 60, crc32c(0, segment, 60));
    buf_append(b, segment, sizeof segment);
    buf_append(b, block, sizeof block);
    if (!put_parts(st, b, &bytes, &parts)) return false;
    char *p = b->p + SEGMENT_HEADER;
    bytes_put64(p + 8, st->last_epoch);
    bytes_put64(p + 16, s->last);
    bytes_put64(p + 24, s->last);
    bytes_put64(p + 32, b->n - SEGMENT_HEADER + bytes);
    bytes_put32(p + 40, parts);
    uint32_t crc = crc32c(0, p + 8, b->n - SEGMENT_HEADER - 8);
    for (size_t i = 0; i < st->count; i++)
        if (!st->records[i].dropped) crc = crc32c(crc, st->bytes.p + st->records[i].at, st->records[i].n);
    bytes_put32(p + 4, crc);
    return true;
}

static int write_records(const struct scan *s, int fd, uint64_t at) {
    const struct staged *st = &s->staged;
    int err = 0;
    for (size_t i = 0, next; i < st->count && !err; i = next) {
        // What stands together is written together.
        size_t n = 0;
        for (next = i; next < st->count && !st->records[next].dropped; next++) n += st->records[next].n;
        if (n) err = os_write_all(s->os, fd, st->bytes.p + st->records[i].at, n, at);
        if (next == i) next++;
        at += n;
    }
    return err;
}

static int write_staged(struct scan *s) {
    struct buf headers = { 0 };
    char name[32], *path = NULL;
    // One without blocks that the log had begun may be the one that the manifest names: it stays as it is, whatever happens here.
    if (s->count > 0) s->staged.last_epoch = MAX(s->staged.last_epoch, s->segments[s->count - 1].first + 1);
    snprintf(name, sizeof name, "%016" PRIx64 ".wal", s->staged.last_epoch);
    if (!make_headers(s, &headers) || !(path = store_path(s->dir, name))) {
        buf_free(&headers);
        return store_fail_memory(s->why);
    }
    int fd = s->os->open(s->os->arg, path, OS_WRITE | OS_CREATE | OS_TRUNCATE), err = fd < 0 ? fd : 0;
    if (!err) err = os_write_all(s->os, fd, headers.p, headers.n, 0);
    if (!err) err = write_records(s, fd, headers.n);
    if (!err) err = s->os->sync(s->os->arg, fd);
    if (fd >= 0) {
        int closed = s->os->close(s->os->arg, fd);
        if (!err) err = closed;
    }
    int status = failed(s, path, err);
    if (status == KORA_OK) status = sync_log_dir(s);
    // Its name may never be durable, whatever a later sync says; staging is still there.
    if (status != KORA_OK) s->os->remove(s->os->arg, path);
    if (status == KORA_OK) s->last = s->out->last_round = s->staged.last_epoch;
    mem_free(path);
    buf_free(&headers);
    return status;
}

// It may be there, and its name not be durable.
static int make_log_dir(const struct scan *s) {
    int err = s->os->make_dir(s->os->arg, s->dir);
    if (err && err != -EEXIST) return store_fail_os(s->why, s->dir, err);
    return failed(s, s->c->store->dir, s->os->sync_dir(s->os->arg, s->c->store->dir));
}

int settle(struct scan *s) {
    int status = make_log_dir(s);
    if (status == KORA_OK) status = remove_empty(s);
    if (status == KORA_OK && s->damaged) status = cut_end(s);
    if (status == KORA_OK && !s->out->clean) status = sync_tail(s);
    if (status == KORA_OK && s->staged.last_epoch > s->last) status = write_staged(s);
    if (status == KORA_OK) status = staged_remove(s->os, s->staging_dir, s->why);
    // A segment that has no blocks yet is the one with which the log goes on.
    uint64_t next = MAX(s->last + 1, s->from);
    if (s->count > 0) next = MAX(next, s->segments[s->count - 1].first);
    s->out->next_round = next;
    return status;
}
