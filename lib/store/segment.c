// Segments: see format.h for what is in them.
//
// Room ahead. To sync a file whose size or blocks have changed, the file system has to write its own books too. So there is room made ahead: where every
// block is synced at once, by filling a stretch with zeros, which the next sync writes with the block (on ext4 that makes fdatasync of small blocks four to
// ten times as fast; blocks that are only allocated have to be marked as written, each time, and win little); else by allocating it, if the
// system can, which keeps the file in one piece.
//
// Failing. A block is written behind the last one, and part of it may be there when a write fails. If it failed for want of room, what is there is cut off again,
// and it is as if it had not been tried; after any other failure nobody knows what is in the file, and `torn` says so. A sync that
// has failed says nothing of what is on the disk: the caller must not try again.
//
// A segment that was left unsynced (policy `os`) is opened again when it has to be synced after all. The system tells of a write-back that failed
// meanwhile to the next one who asks, whichever descriptor he asks with, so none is kept.
#include "store/segment.h"

#include <errno.h>
#include <limits.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/bytes.h"

enum {
    FILL_BYTES = 1 << 20,      // of zeros at a time
    FILL_PIECE = 64 << 10,
    FILL_BLOCK_MAX = 64 << 10, // a larger block is written for its own sake: its cost is not in the books
    ALLOCATE_BYTES = 8 << 20,
    IOV_AT_ONCE = IOV_MAX,
};

static const char zeros[FILL_PIECE];

static int fail(struct segments *s, const char *what, uint64_t segment, int code) {
    s->failed = what;
    s->failed_at = segment;
    return code;
}

static struct segment *last(const struct segments *s) { return &s->list[s->count - 1]; }

void segments_error(const struct segments *s, int code, char *text, size_t size) {
    char reason[80];
    const char *why = strerror_r(-code, reason, sizeof reason);
    if (s->failed_at) snprintf(text, size, "log/%016llx.wal: %s: %s", (unsigned long long)s->failed_at, s->failed, why);
    else snprintf(text, size, "log: %s: %s", s->failed ? s->failed : "write", why);
}

static char *path_of(const struct segments *s, uint64_t first) {
    size_t n = strlen(s->dir) + 24;
    char *path = mem_alloc(n);
    if (path) snprintf(path, n, "%s/%016llx.wal", s->dir, (unsigned long long)first);
    return path;
}

// ---- the list ---------------------------------------------------------------------------------------------------------------------

static bool parse_name(const char *name, uint64_t *first) {
    uint64_t n = 0;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        if (c >= '0' && c <= '9') n = n << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f') n = n << 4 | (uint64_t)(c - 'a' + 10);
        else return false;
    }
    *first = n;
    return strcmp(name + 16, ".wal") == 0;
}

// Room for one more. False: no memory.
static bool list_room(struct segments *s) {
    if (s->count < s->cap) return true;
    uint32_t cap = s->cap ? s->cap * 2 : 16;
    struct segment *list = mem_realloc(s->list, cap * sizeof *list);
    if (!list) return false;
    s->list = list;
    s->cap = cap;
    return true;
}

static bool visit(void *to, const char *name) {
    struct segments *s = to;
    uint64_t first;
    if (!parse_name(name, &first)) return true;
    if (!list_room(s)) {
        s->failed = "out of memory";
        return false;
    }
    uint32_t i = s->count++;
    for (; i > 0 && s->list[i - 1].first > first; i--) s->list[i] = s->list[i - 1];
    s->list[i] = (struct segment){ .first = first };
    return true;
}

static int find_sizes(struct segments *s) {
    for (uint32_t i = 0; i < s->count; i++) {
        char *path = path_of(s, s->list[i].first);
        if (!path) return -ENOMEM;
        int fd = s->os->open(s->os->arg, path, OS_READ), status = fd < 0 ? fd : s->os->size(s->os->arg, fd, &s->list[i].bytes);
        if (fd >= 0) s->os->close(s->os->arg, fd);
        mem_free(path);
        if (status != 0) return fail(s, "open", s->list[i].first, status);
    }
    return 0;
}

int segments_open(struct segments *s, const struct os *os, const char *dir, const uint8_t id[STORE_ID_BYTES], uint32_t stripes, uint64_t bytes_max) {
    *s = (struct segments){ .os = os, .stripes = stripes, .fd = -1, .ahead_max = MIN(bytes_max, ALLOCATE_BYTES) };
    memcpy(s->id, id, STORE_ID_BYTES);
    pthread_mutex_init(&s->lock, NULL);
    size_t n = strlen(dir) + 5;
    if (!(s->dir = mem_alloc(n))) return fail(s, "out of memory", 0, -ENOMEM);
    snprintf(s->dir, n, "%s/log", dir);
    int status = os->make_dir(os->arg, s->dir);
    if (status == 0) status = os->sync_dir(os->arg, dir);
    else if (status == -EEXIST) status = 0;
    if (status != 0) return fail(s, "make directory", 0, status);
    status = os->list(os->arg, s->dir, visit, s);
    if (status != 0) return fail(s, "list", 0, status);
    if (s->failed) return -ENOMEM;
    return find_sizes(s);
}

static void close_last(struct segments *s) {
    if (s->fd < 0) return;
    if (s->filled > s->at) s->os->truncate(s->os->arg, s->fd, s->at); // else it stays: it is zeros
    s->os->close(s->os->arg, s->fd);
    s->fd = -1;
}

void segments_close(struct segments *s) {
    close_last(s);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->list);
    mem_free(s->dir);
}

void segments_count(struct segments *s, uint64_t *count, uint64_t *bytes, uint64_t *last_bytes) {
    pthread_mutex_lock(&s->lock);
    *count = s->count;
    *bytes = 0;
    for (uint32_t i = 0; i < s->count; i++) *bytes += s->list[i].bytes;
    *last_bytes = s->count ? last(s)->bytes : 0;
    pthread_mutex_unlock(&s->lock);
}

// Oldest first, and out of the list before they are removed: so that nobody waits for the disk with the lock held, and there is never a gap.
void segments_forget(struct segments *s, uint64_t before_round) {
    bool removed = false;
    for (;;) {
        uint64_t first = 0;
        pthread_mutex_lock(&s->lock);
        bool some = s->count >= 2 && s->list[1].first <= before_round;
        if (some) {
            first = s->list[0].first;
            memmove(s->list, s->list + 1, --s->count * sizeof *s->list);
        }
        pthread_mutex_unlock(&s->lock);
        if (!some) break;
        char *path = path_of(s, first);
        if (path) s->os->remove(s->os->arg, path); // one that stays is before the first round that anybody wants
        mem_free(path);
        removed = true;
    }
    if (removed) s->os->sync_dir(s->os->arg, s->dir);
}

// ---- another one ------------------------------------------------------------------------------------------------------------------

static void make_header(const struct segments *s, uint64_t first, uint64_t synced_upto, char *to) {
    memset(to, 0, SEGMENT_HEADER);
    memcpy(to, SEGMENT_MAGIC, 8);
    bytes_put32(to + 8, STORE_VERSION);
    bytes_put32(to + 12, s->stripes);
    bytes_put64(to + 16, first);
    bytes_put64(to + 24, synced_upto);
    memcpy(to + 32, s->id, STORE_ID_BYTES);
    bytes_put32(to + SEGMENT_HEADER - 4, crc32c(0, to, SEGMENT_HEADER - 4));
}

// A segment of this name is there when the log was opened before and nothing came. One with anything behind its header is somebody's data.
static int open_empty(struct segments *s, const char *path, uint64_t first) {
    const struct os *os = s->os;
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE | OS_CREATE | OS_EXCLUSIVE);
    if (fd != -EEXIST) return fd < 0 ? fail(s, "create", first, fd) : fd;
    fd = os->open(os->arg, path, OS_READ | OS_WRITE);
    if (fd < 0) return fail(s, "open", first, fd);
    char head[4] = { 0 };
    ssize_t got = os->read(os->arg, fd, head, sizeof head, SEGMENT_HEADER);
    int status = got < 0 ? (int)got : memcmp(head, zeros, sizeof head) != 0 ? -EEXIST : os->truncate(os->arg, fd, 0);
    if (status == 0) return fd;
    os->close(os->arg, fd);
    return fail(s, "create", first, status);
}

int segments_sync_do(const struct segments *s, int fd) {
    int status;
    do status = s->os->sync(s->os->arg, fd);
    while (status == -EINTR);
    return status;
}

static int sync_fd(struct segments *s, int fd, uint64_t first) {
    int status = segments_sync_do(s, fd);
    return status == 0 ? 0 : fail(s, "fdatasync", first, status);
}

static int write_header(struct segments *s, int fd, uint64_t first, uint64_t synced_upto, bool *torn) {
    char header[SEGMENT_HEADER];
    make_header(s, first, synced_upto, header);
    int status = os_write_all(s->os, fd, header, sizeof header, 0);
    if (status != 0) return fail(s, "write", first, status);
    *torn = true;
    if ((status = sync_fd(s, fd, first)) != 0) return status;
    if ((status = s->os->sync_dir(s->os->arg, s->dir)) != 0) return fail(s, "fsync of the directory", first, status);
    *torn = false;
    return 0;
}

// The new one in the list; one that was there and empty is it.
static int list_add(struct segments *s, uint64_t first) {
    pthread_mutex_lock(&s->lock);
    bool known = s->count && last(s)->first == first, room = known || list_room(s);
    if (room) {
        if (s->fd >= 0 && s->unsynced) last(s)->unsynced = s->older_unsynced = true;
        if (!known) s->count++;
        *last(s) = (struct segment){ .first = first, .bytes = SEGMENT_HEADER };
    }
    pthread_mutex_unlock(&s->lock);
    return room ? 0 : fail(s, "out of memory", first, -ENOMEM);
}

int segments_start(struct segments *s, uint64_t first, uint64_t synced_upto, bool *torn) {
    *torn = false;
    char *path = path_of(s, first);
    if (!path) return fail(s, "out of memory", first, -ENOMEM);
    int fd = open_empty(s, path, first), status = fd < 0 ? fd : write_header(s, fd, first, synced_upto, torn);
    if (status == 0) status = list_add(s, first);
    if (status == 0) {
        close_last(s);
        s->fd = fd;
        s->first = first;
        s->at = s->filled = SEGMENT_HEADER;
        s->unsynced = false;
    } else if (fd >= 0) {
        s->os->close(s->os->arg, fd);
        s->os->remove(s->os->arg, path);
    }
    mem_free(path);
    return status;
}

// ---- blocks -----------------------------------------------------------------------------------------------------------------------

// Writes what `iov` says, which is changed on the way. *done: how much of it was written.
static int write_pieces(struct segments *s, struct iovec *iov, int count, uint64_t at, uint64_t *done) {
    const struct os *os = s->os;
    for (*done = 0; count > 0;) {
        ssize_t n = os->write(os->arg, s->fd, iov, MIN(count, IOV_AT_ONCE), at + *done);
        if (n == -EINTR) continue;
        if (n <= 0) return n < 0 ? (int)n : -EIO;
        *done += (uint64_t)n;
        size_t left = (size_t)n;
        for (; count > 0 && left >= iov->iov_len; iov++, count--) left -= iov->iov_len;
        if (left) {
            iov->iov_base = (char *)iov->iov_base + left;
            iov->iov_len -= left;
        }
    }
    return 0;
}

// What can't be made ahead is not missed: the block's own write tells whether there is room.
static void fill(struct segments *s, uint64_t bytes) {
    uint64_t from = MAX(s->filled, s->at), to = s->at + bytes + MIN(FILL_BYTES, s->ahead_max);
    while (from < to) {
        struct iovec piece = { (void *)(uintptr_t)zeros, FILL_PIECE };
        uint64_t done;
        if (write_pieces(s, &piece, 1, from, &done) != 0) break;
        from += done;
    }
    s->filled = MAX(s->filled, from);
}

static void allocate(struct segments *s, uint64_t bytes) {
    uint64_t from = MAX(s->filled, s->at), n = bytes + s->ahead_max;
    int status = s->os->allocate(s->os->arg, s->fd, from, n);
    if (status == 0) s->filled = from + n;
    else if (status != -ENOSPC && status != -EINTR) s->no_allocate = true;
}

int segments_write(struct segments *s, struct iovec *iov, int count, uint64_t bytes, bool ahead, bool *torn) {
    *torn = false;
    if (s->at + bytes > s->filled) {
        if (ahead && bytes <= FILL_BLOCK_MAX) fill(s, bytes);
        else if (!s->no_allocate) allocate(s, bytes);
    }
    uint64_t done;
    int status = write_pieces(s, iov, count, s->at, &done);
    if (status != 0) {
        *torn = true;
        bool no_room = status == -ENOSPC || status == -EDQUOT;
        if (no_room && (done == 0 || s->os->truncate(s->os->arg, s->fd, s->at) == 0)) {
            *torn = false;
            if (done) s->filled = s->at;
        }
        return fail(s, "write", s->first, status);
    }
    s->at += bytes;
    s->unsynced = true;
    pthread_mutex_lock(&s->lock);
    last(s)->bytes = s->at;
    pthread_mutex_unlock(&s->lock);
    return 0;
}

// The oldest that is to be synced; 0: none is. And that this one has been.
static uint64_t find_unsynced(struct segments *s) {
    uint64_t first = 0;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i + 1 < s->count && !first; i++) first = s->list[i].unsynced ? s->list[i].first : 0;
    pthread_mutex_unlock(&s->lock);
    return first;
}
static void found_synced(struct segments *s, uint64_t first) {
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->list[i].first == first) s->list[i].unsynced = false;
    }
    pthread_mutex_unlock(&s->lock);
}

static int sync_older(struct segments *s) {
    for (uint64_t first; (first = find_unsynced(s)) != 0; found_synced(s, first)) {
        char *path = path_of(s, first);
        if (!path) return fail(s, "out of memory", first, -ENOMEM);
        int fd = s->os->open(s->os->arg, path, OS_READ | OS_WRITE), status = fd < 0 ? fail(s, "open", first, fd) : sync_fd(s, fd, first);
        if (fd >= 0) s->os->close(s->os->arg, fd);
        mem_free(path);
        if (status != 0 && status != -ENOENT) return status; // else it was forgotten: nobody wants it any more
    }
    s->older_unsynced = false;
    return 0;
}

int segments_sync(struct segments *s) {
    int status = s->older_unsynced ? sync_older(s) : 0;
    if (status == 0 && s->unsynced) {
        status = sync_fd(s, s->fd, s->first);
        if (status == 0) s->unsynced = false;
    }
    return status;
}

int segments_sync_begin(struct segments *s) {
    s->unsynced = false;
    return s->fd;
}

int segments_sync_end(struct segments *s, int status) { return status == 0 ? 0 : fail(s, "fdatasync", s->first, status); }
