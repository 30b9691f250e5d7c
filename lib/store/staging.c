// Staging's rings: see staging.h for the protocol, format.h for the file.
//
// The file is made under another name, and renamed when it is complete, so a reader finds a whole one or none. Where the file system does not keep
// what it has promised to a mapping (os->may_map), the rings are in memory, and what changes is written to the file at once: dearer, but
// no SIGBUS in somebody's program.
//
// A file for a large call is made, with its room, before the call's handler runs (staging_reserve), so that nothing can fail after it; the taker
// removes it when what is in it is durable. One that was not needed after all goes when the stripe has its next call that fits.
#include "store/staging.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/bytes.h"

enum {
    RING_BYTES_MIN = 64 << 10,
    LAP_BYTES_MIN = 16 << 10, // a lap is left only after that
    APART_BYTES = ALIGN_UP(RECORD_HEADER + APART_BODY, RECORD_ALIGN),
    EFFECT_OVERHEAD = RECORD_HEADER + 2 * VARINT_MAX + RECORD_ALIGN,
    APART_CAPACITY_MIN = 256 << 10,
};
#define RECORD_BYTES_MAX UINT32_C(0xfffffff0)

static uint64_t ring_at(const struct staging *s, uint32_t stripe) {
    return STAGING_PAGE + stripe * (STAGING_STRIPE_HEADER + s->ring_size) + STAGING_STRIPE_HEADER;
}

// The word in the stripe's header. It is aligned: both sizes are multiples of 64.
static _Atomic uint64_t *taken_word(const struct ring *r) { return (_Atomic uint64_t *)(void *)(r->bytes - STAGING_STRIPE_HEADER); }

// Somebody has stored n bytes at p, which is in the map.
static void stored(struct staging *s, const void *p, size_t n) {
    if (likely(s->mapped)) {
        if (unlikely(s->os->stored != NULL)) s->os->stored(s->os->arg, p, n);
        return;
    }
    // Nothing after what could not be written, of which it may have seen something.
    if (atomic_load_explicit(&s->failed, memory_order_acquire) != 0) return;
    int status = os_write_all(s->os, s->fd, p, n, (uint64_t)((const char *)p - s->map));
    if (status != 0) atomic_store_explicit(&s->failed, status, memory_order_release);
}

// ---- opening ----------------------------------------------------------------------------------------------------------------------

// dir/staging, or that with an end.
static char *path_of(const char *dir, const char *end) {
    size_t n = strlen(dir) + strlen(end) + 10;
    char *path = mem_alloc(n);
    if (path) snprintf(path, n, "%s/staging%s", dir, end);
    return path;
}

static char *apart_path(const struct staging *s, uint64_t number) {
    char end[24];
    snprintf(end, sizeof end, "-%llu", (unsigned long long)number);
    return path_of(s->dir, end);
}

// A file of this size with room for all of it, mapped if that is safe, else an image of zeros in memory.
static int make_image(const struct os *os, int fd, uint64_t size, char **at, bool *mapped, const char **what) {
    int status = os->may_map(os->arg, fd) ? os->allocate(os->arg, fd, 0, size) : -EOPNOTSUPP;
    *mapped = status == 0;
    void *p = NULL;
    if (status == 0) {
        *what = "mmap";
        status = os->map(os->arg, fd, size, &p);
    } else {
        *what = "allocate";
        if (status == -EOPNOTSUPP) status = os->truncate(os->arg, fd, size);
        if (status == 0 && !(p = mem_map(ALIGN_UP(size, 4096), 4096))) status = -ENOMEM;
    }
    *at = p;
    return status;
}

static void free_image(const struct os *os, char *at, uint64_t size, bool mapped) {
    if (!at) return;
    if (mapped) os->unmap(os->arg, at, size);
    else mem_unmap(at, ALIGN_UP(size, 4096));
}

static int write_header(struct staging *s, const uint8_t id[STORE_ID_BYTES], uint64_t first_epoch, const char **what) {
    char *h = s->map;
    memcpy(h, STAGING_MAGIC, 8);
    bytes_put32(h + 8, STORE_VERSION);
    bytes_put32(h + 12, s->stripes);
    bytes_put64(h + 16, s->ring_size);
    bytes_put64(h + 24, first_epoch);
    *what = "boot id";
    int status = s->os->boot_id(s->os->arg, h + 32);
    if (status != 0) return status;
    memcpy(h + 32 + OS_BOOT_ID_MAX, id, STORE_ID_BYTES);
    bytes_put32(h + STAGING_HEADER - 4, crc32c(0, h, STAGING_HEADER - 4));
    bytes_put32(h + STAGING_STATE_AT, STAGING_IN_USE);
    bytes_put64(h + STAGING_ROUND_AT, round_word(0));
    bytes_put64(h + STAGING_SYNCED_AT, round_word(0));
    stored(s, h, STAGING_PAGE);
    *what = "write";
    return atomic_load(&s->failed);
}

static int make_file(struct staging *s, const uint8_t id[STORE_ID_BYTES], uint64_t first_epoch, const char **what) {
    const struct os *os = s->os;
    char *temp = path_of(s->dir, ".new"), *path = path_of(s->dir, "");
    *what = "out of memory";
    int status = temp && path ? 0 : -ENOMEM;
    if (status == 0) {
        *what = "create";
        s->fd = os->open(os->arg, temp, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE);
        if (s->fd < 0) status = s->fd;
    }
    if (status == 0) status = make_image(os, s->fd, s->map_size, &s->map, &s->mapped, what);
    if (status == 0) status = write_header(s, id, first_epoch, what);
    if (status == 0) {
        *what = "rename";
        status = os->rename(os->arg, temp, path);
    }
    if (status != 0 && s->fd >= 0) os->remove(os->arg, temp);
    mem_free(temp);
    mem_free(path);
    return status;
}

// What an earlier process has left of its large calls. They have been read back.
static bool remove_apart(void *to, const char *name) {
    struct staging *s = to;
    if (strncmp(name, "staging-", 8) != 0) return true;
    char *path = path_of(s->dir, name + 7);
    if (path) s->os->remove(s->os->arg, path);
    mem_free(path);
    return true;
}

static int make_rings(struct staging *s) {
    s->rings = mem_alloc_aligned(s->stripes * sizeof *s->rings, CACHE_LINE);
    if (!s->rings) return -ENOMEM;
    memset(s->rings, 0, s->stripes * sizeof *s->rings);
    for (uint32_t i = 0; i < s->stripes; i++) {
        struct ring *r = &s->rings[i];
        r->bytes = s->map + ring_at(s, i);
        r->last_apart = &r->first_apart;
        atomic_store(&r->wrap, UINT64_MAX);
    }
    return 0;
}

int staging_open(struct staging *s, const struct os *os, const char *dir, uint32_t stripes, uint64_t bytes, const uint8_t id[STORE_ID_BYTES],
    uint64_t first_epoch, const char **what) {
    *s = (struct staging){ .os = os, .stripes = stripes, .ring_size = RING_BYTES_MIN, .fd = -1 };
    while (s->ring_size * 2 * stripes <= bytes) s->ring_size *= 2;
    s->map_size = ALIGN_UP(ring_at(s, stripes) - STAGING_STRIPE_HEADER, STAGING_PAGE);
    *what = "out of memory";
    if (!(s->dir = mem_copy(dir, strlen(dir)))) return -ENOMEM;
    int status = make_file(s, id, first_epoch, what);
    if (status != 0) return status;
    os->list(os->arg, dir, remove_apart, s); // one that stays is only in the way of nobody's name: it is overwritten
    *what = "out of memory";
    return make_rings(s);
}

static void apart_free(struct staging *s, struct apart *a) {
    char *path = apart_path(s, a->number);
    if (path) s->os->remove(s->os->arg, path); // one that stays is removed when the log is opened again
    mem_free(path);
    free_image(s->os, a->bytes, a->capacity, s->mapped);
    if (a->fd >= 0) s->os->close(s->os->arg, a->fd);
    mem_free(a);
}

// Only of a file that the system itself has mapped: pages of anything else would come back as zeros.
void staging_trim(const struct staging *s) {
    if (s->mapped && s->os == os_system() && s->map_size > 2 * STAGING_PAGE) mem_discard(s->map + STAGING_PAGE, (s->map_size - STAGING_PAGE) & ~(uint64_t)4095);
}

void staging_close(struct staging *s, bool empty) {
    if (empty && s->map) {
        bytes_put32(s->map + STAGING_STATE_AT, STAGING_CLOSED);
        stored(s, s->map + STAGING_STATE_AT, 4);
    }
    for (uint32_t i = 0; s->rings && i < s->stripes; i++) {
        if (s->rings[i].ready) apart_free(s, s->rings[i].ready);
        // Those that were not written stay, as the records do that stand for them.
        for (struct apart *list = atomic_load(&s->rings[i].aparts), *from = s->rings[i].first_apart; list || from;) {
            struct apart **head = list ? &list : &from, *a = *head;
            *head = a->next;
            free_image(s->os, a->bytes, a->capacity, s->mapped);
            s->os->close(s->os->arg, a->fd);
            mem_free(a);
        }
    }
    mem_free(s->rings);
    free_image(s->os, s->map, s->map_size, s->mapped);
    if (s->fd >= 0) s->os->close(s->os->arg, s->fd);
    mem_free(s->dir);
}

// ---- appending --------------------------------------------------------------------------------------------------------------------

static size_t body_size(const struct effect *e) {
    size_t n = varint_size(e->db) + varint_size((uint64_t)e->argc);
    for (int i = 0; i < e->argc; i++) n += varint_size(e->argv[i].n) + e->argv[i].n;
    return n;
}

static void put_header(char *to, uint32_t length, uint64_t position, const struct staged_call *c) {
    bytes_put32(to, length);
    bytes_put64(to + 8, position);
    bytes_put64(to + 16, c->epoch);
    bytes_put32(to + 24, c->number);
    bytes_put32(to + 28, c->parts);
}

// Where its bytes are summed up, right after they were stored: that has to wait until they have arrived, and in the ring they may be a long way off.
enum { NEAR_BYTES = 256 };

static void put_record_at(char *to, size_t length, size_t padded, uint64_t position, const struct staged_call *c, const struct effect *e) {
    bytes_put64(to + padded - 8, 0); // the padding; what belongs to the record is written over it
    put_header(to, (uint32_t)length, position, c);
    char *p = varint_put(varint_put(to + RECORD_HEADER, e->db), (uint64_t)e->argc);
    for (int i = 0; i < e->argc; i++) {
        size_t n = e->argv[i].n;
        p = varint_put(p, n);
        if (n) memcpy(p, e->argv[i].p, n);
        p += n;
    }
    bytes_put32(to + 4, crc32c(0, to + 8, length - 8));
}

static void put_record(char *to, size_t length, size_t padded, uint64_t position, const struct staged_call *c, const struct effect *e) {
    char near[NEAR_BYTES];
    bool is_near = padded <= sizeof near;
    put_record_at(is_near ? near : to, length, padded, position, c, e);
    if (is_near) memcpy(to, near, padded);
}

// Where a record goes, and what has to be done for it to be there.
struct place {
    uint64_t position;
    bool wraps, early; // the lap is left; and was before it was full
};

static struct place find_place(struct staging *s, struct ring *r, size_t padded, bool may_leave) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed), offset = tail & (s->ring_size - 1), left = s->ring_size - offset;
    struct place p = { tail, offset == 0, false };
    if (unlikely(padded > left)) {
        p = (struct place){ tail + left, true, false };
    } else if (offset >= LAP_BYTES_MIN && may_leave && atomic_load_explicit(&r->taken, memory_order_relaxed) == tail && padded <= offset) {
        p = (struct place){ tail + left, true, true };
    }
    return p;
}

static bool fits(const struct staging *s, struct ring *r, uint64_t end) {
    if (likely(end - r->taken_seen <= s->ring_size)) return true;
    r->taken_seen = atomic_load_explicit(&r->taken, memory_order_acquire);
    return end - r->taken_seen <= s->ring_size;
}

static void put_skip(struct staging *s, struct ring *r, uint64_t tail, const struct staged_call *c) {
    uint64_t offset = tail & (s->ring_size - 1);
    if (offset == 0 || s->ring_size - offset < RECORD_HEADER) return;
    char *to = r->bytes + offset;
    put_header(to, RECORD_SKIP, tail, &(struct staged_call){ .epoch = c->epoch });
    bytes_put32(to + 4, crc32c(0, to + 8, RECORD_HEADER - 8));
    stored(s, to, RECORD_HEADER);
}

// Both sides raise it, so it is never lowered. What a reader of the file sees:
static void raise_taken_word(struct staging *s, struct ring *r, uint64_t to) {
    _Atomic uint64_t *word = taken_word(r);
    uint64_t was = atomic_load_explicit(word, memory_order_relaxed);
    while (BYTES_LITTLE64(was) < to && !atomic_compare_exchange_weak(word, &was, BYTES_LITTLE64(to))) {}
    stored(s, r->bytes - STAGING_STRIPE_HEADER, 8);
}
// And after that, what gives the space away. seq_cst: see log_may_write.
static void raise_taken(struct ring *r, uint64_t to) {
    log_point();
    uint64_t was = atomic_load_explicit(&r->taken, memory_order_relaxed);
    while (was < to && !atomic_compare_exchange_weak(&r->taken, &was, to)) {}
}

// A record that is complete, in its place: everybody sees it.
static void publish(struct staging *s, struct ring *r, const struct place *p, size_t padded, uint64_t epoch, size_t size) {
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (atomic_load_explicit(&r->last_epoch, memory_order_relaxed) != epoch) {
        atomic_store_explicit(&r->mark, p->position, memory_order_relaxed);
        log_point();
        atomic_store_explicit(&r->last_epoch, epoch, memory_order_release);
        log_point();
    }
    if (unlikely(p->wraps)) atomic_store_explicit(&r->wrap, tail, memory_order_relaxed);
    stored(s, r->bytes + (p->position & (s->ring_size - 1)), size);
    log_point();
    atomic_store_explicit(&r->tail, p->position + padded, memory_order_release);
    log_point();
    if (unlikely(p->early)) raise_taken(r, p->position);
}

static void add_apart(struct staging *s, struct ring *r, const struct staged_call *c, const struct effect *e, struct ring **aparts) {
    struct apart *a = r->ready;
    if (!a->used) {
        a->position = find_place(s, r, APART_BYTES, false).position;
        a->epoch = c->epoch;
        a->call = c->number;
        a->parts = c->parts;
        r->next_apart = *aparts;
        *aparts = r;
    }
    size_t length = RECORD_HEADER + body_size(e), padded = ALIGN_UP(length, RECORD_ALIGN);
    invariant(length <= RECORD_BYTES_MAX && padded <= a->capacity - a->used);
    put_record(a->bytes + a->used, length, padded, a->position, c, e);
    if (s->mapped && s->os->stored) s->os->stored(s->os->arg, a->bytes + a->used, padded);
    a->used += padded;
    a->records++;
}

bool staging_add(struct staging *s, struct ring *r, const struct staged_call *c, const struct effect *e, struct ring **aparts) {
    if (unlikely(r->ready != NULL)) {
        add_apart(s, r, c, e, aparts);
        return true;
    }
    size_t length = RECORD_HEADER + body_size(e), padded = ALIGN_UP(length, RECORD_ALIGN);
    struct place p = find_place(s, r, padded, s->mapped);
    invariant(fits(s, r, p.position + padded)); // staging_reserve has made sure of it
    // The lap is left by a record that says so; or, if all of it was taken, by telling a reader to begin behind it, before there is anything.
    if (unlikely(p.early)) raise_taken_word(s, r, p.position);
    else if (unlikely(p.wraps)) put_skip(s, r, atomic_load_explicit(&r->tail, memory_order_relaxed), c);
    put_record(r->bytes + (p.position & (s->ring_size - 1)), length, padded, p.position, c, e);
    publish(s, r, &p, padded, c->epoch, padded);
    atomic_store_explicit(&r->records, atomic_load_explicit(&r->records, memory_order_relaxed) + 1, memory_order_relaxed);
    if (likely(p.position + padded - r->taken_seen <= s->ring_size / 4)) return false;
    r->taken_seen = atomic_load_explicit(&r->taken, memory_order_acquire);
    return p.position + padded - r->taken_seen > s->ring_size / 4;
}

void staging_add_apart(struct staging *s, struct ring *r) {
    struct apart *a = r->ready;
    struct staged_call c = { a->epoch, a->call, a->parts };
    struct place p = find_place(s, r, APART_BYTES, false);
    invariant(p.position == a->position && fits(s, r, p.position + APART_BYTES));
    if (!s->mapped) {
        int status = os_write_all(s->os, a->fd, a->bytes, a->used, 0);
        if (status != 0) atomic_store_explicit(&s->failed, status, memory_order_release);
    }
    if (p.wraps) put_skip(s, r, atomic_load_explicit(&r->tail, memory_order_relaxed), &c);
    char *to = r->bytes + (p.position & (s->ring_size - 1));
    put_header(to, RECORD_APART, p.position, &c);
    bytes_put64(to + RECORD_HEADER, a->number);
    bytes_put64(to + RECORD_HEADER + 8, a->used);
    bytes_put32(to + RECORD_HEADER + 16, crc32c(0, a->bytes, a->used));
    bytes_put32(to + RECORD_HEADER + 20, 0);
    bytes_put32(to + 4, crc32c(0, to + 8, RECORD_HEADER + APART_BODY - 8));
    a->next = atomic_load_explicit(&r->aparts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&r->aparts, &a->next, a, memory_order_release, memory_order_relaxed)) {}
    atomic_store_explicit(&r->records, atomic_load_explicit(&r->records, memory_order_relaxed) + a->records, memory_order_relaxed);
    r->ready = NULL;
    publish(s, r, &p, APART_BYTES, c.epoch, APART_BYTES);
}

static struct apart *apart_make(struct staging *s, uint64_t capacity) {
    struct apart *a = mem_alloc_zero(sizeof *a);
    if (!a) return NULL;
    a->number = atomic_fetch_add(&s->aparts, 1) + 1;
    a->capacity = ALIGN_UP(capacity, 4096);
    char *path = apart_path(s, a->number);
    a->fd = path ? s->os->open(s->os->arg, path, OS_READ | OS_WRITE | OS_CREATE | OS_TRUNCATE) : -ENOMEM;
    mem_free(path);
    if (a->fd < 0) {
        mem_free(a);
        return NULL;
    }
    bool mapped;
    const char *what;
    int status = make_image(s->os, a->fd, a->capacity, &a->bytes, &mapped, &what);
    if (status == 0 && mapped == s->mapped) return a;
    if (status == 0) {
        free_image(s->os, a->bytes, a->capacity, mapped);
        a->bytes = NULL;
    }
    apart_free(s, a);
    return NULL;
}

bool staging_reserve(struct staging *s, struct ring *r, size_t bytes, size_t count) {
    uint64_t need = bytes + count * EFFECT_OVERHEAD, tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    uint64_t left = s->ring_size - (tail & (s->ring_size - 1)), skipped = need <= left ? 0 : MIN(left, need);
    // That a lap may be left early costs nothing: all of the ring is free then.
    if (likely(fits(s, r, tail + need + skipped)) && likely(need <= s->ring_size / 2)) {
        if (unlikely(r->ready != NULL)) {
            apart_free(s, r->ready);
            r->ready = NULL;
        }
        return true;
    }
    if (need > RECORD_BYTES_MAX || !fits(s, r, tail + 2 * APART_BYTES)) return false;
    if (r->ready && r->ready->capacity >= need) return true;
    uint64_t capacity = MAX(need, APART_CAPACITY_MIN);
    if (r->ready) {
        capacity = MAX(capacity, r->ready->capacity * 2);
        apart_free(s, r->ready);
    }
    r->ready = apart_make(s, capacity);
    if (!r->ready && capacity > need) r->ready = apart_make(s, need);
    return r->ready != NULL;
}

// ---- taking -----------------------------------------------------------------------------------------------------------------------

bool staging_any(const struct staging *s) {
    for (uint32_t i = 0; i < s->stripes; i++) {
        struct ring *r = &s->rings[i];
        if (atomic_load(&r->writing) != 0) return true;
        uint64_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
        if (atomic_load_explicit(&r->tail, memory_order_acquire) != taken) return true;
    }
    return false;
}

uint64_t staging_calls(const struct staging *s) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->stripes; i++) n += atomic_load_explicit(&s->rings[i].calls, memory_order_relaxed);
    return n;
}

void staging_wait(const struct staging *s, uint64_t k) {
    enum { SPINS = 200, YIELDS = 20 };
    for (uint32_t i = 0; i < s->stripes; i++) {
        for (int tries = 0;; tries++) {
            uint64_t writing = atomic_load(&s->rings[i].writing);
            if (!LOG_CHECK(3) || writing == 0 || writing > k + 1) break;
            if (tries < SPINS) continue;
            // It is a memcpy: whoever does it has lost the processor.
            if (tries < SPINS + YIELDS) sched_yield();
            else nanosleep(&(struct timespec){ 0, 50000 }, NULL);
        }
    }
}

static void get_aparts(struct ring *r) {
    struct apart *newest = atomic_exchange_explicit(&r->aparts, NULL, memory_order_acquire), *oldest = NULL;
    struct apart **last = newest ? &newest->next : NULL;
    while (newest) {
        struct apart *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    if (!oldest) return;
    *r->last_apart = oldest;
    for (last = r->last_apart; *last; last = &(*last)->next) {}
    r->last_apart = last;
}

size_t staging_take(struct staging *s, uint64_t k) {
    size_t pieces = 0;
    for (uint32_t i = 0; i < s->stripes; i++) {
        struct ring *r = &s->rings[i];
        log_point();
        r->take_from = atomic_load_explicit(&r->taken, memory_order_acquire);
        r->take_to = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (LOG_CHECK(4) && atomic_load_explicit(&r->last_epoch, memory_order_acquire) > k) {
            // An appender that has published `mark`, but not yet `tail`, may leave the lap: then `mark` is in the next one, and `wrap` need not tell of it yet.
            uint64_t mark = atomic_load_explicit(&r->mark, memory_order_relaxed);
            if (LOG_CHECK(7)) mark = MIN(mark, r->take_to);
            r->take_to = mark;
        }
        r->take_to = MAX(r->take_to, r->take_from);
        r->take_wrap = atomic_load_explicit(&r->wrap, memory_order_relaxed);
        if (r->take_to == r->take_from) continue;
        pieces += 2;
        if (likely(!r->first_apart) && likely(!atomic_load_explicit(&r->aparts, memory_order_relaxed))) continue;
        get_aparts(r);
        for (struct apart *a = r->first_apart; a && a->position < r->take_to; a = a->next) pieces += 2;
    }
    return pieces;
}

// [from, to) of the ring, in one piece or two.
static uint64_t add_range(const struct staging *s, const struct ring *r, uint64_t from, uint64_t to, struct iovec *iov, int *count) {
    uint64_t bytes = 0, wrap = r->take_wrap;
    if (wrap >= from && wrap < to) {
        bytes = wrap - from;
        if (bytes) iov[(*count)++] = (struct iovec){ r->bytes + (from & (s->ring_size - 1)), (size_t)bytes };
        from = ALIGN_UP(wrap, s->ring_size);
    }
    if (from < to) {
        iov[(*count)++] = (struct iovec){ r->bytes + (from & (s->ring_size - 1)), (size_t)(to - from) };
        bytes += to - from;
    }
    return bytes;
}

uint64_t staging_pieces(const struct staging *s, const struct ring *r, struct iovec *iov, int *count) {
    uint64_t bytes = 0, from = r->take_from;
    for (const struct apart *a = r->first_apart; a && a->position < r->take_to; a = a->next) {
        bytes += add_range(s, r, from, a->position, iov, count);
        iov[(*count)++] = (struct iovec){ a->bytes, (size_t)a->used };
        bytes += a->used;
        from = a->position + APART_BYTES;
    }
    return bytes + add_range(s, r, from, r->take_to, iov, count);
}

void staging_taken(struct staging *s, uint64_t k) {
    bool first = true;
    for (uint32_t i = 0; i < s->stripes; i++) {
        struct ring *r = &s->rings[i];
        if (r->take_to == r->take_from) continue;
        if (first) {
            // Before anything of it is given away: a reader who finds the log without this round knows that there is a gap.
            bytes_put64(s->map + STAGING_ROUND_AT, round_word(k));
            stored(s, s->map + STAGING_ROUND_AT, 8);
            first = false;
        }
        raise_taken_word(s, r, r->take_to);
        raise_taken(r, r->take_to);
        for (struct apart *a; (a = r->first_apart) && a->position < r->take_to;) {
            r->first_apart = a->next;
            if (!a->next) r->last_apart = &r->first_apart;
            apart_free(s, a);
        }
    }
}

void staging_synced(struct staging *s, uint64_t round) {
    char *at = s->map + STAGING_SYNCED_AT;
    bytes_put64(at, round_word(round));
    stored(s, at, 8);
}

#ifdef KORA_DELAYS
_Atomic uint32_t log_delay_per_mille;
_Atomic(void (*)(void)) log_point_hook;
static _Thread_local uint64_t delay_state;

void log_point(void) {
    void (*hook)(void) = atomic_load_explicit(&log_point_hook, memory_order_acquire);
    if (unlikely(hook != NULL)) hook();
    uint32_t chance = atomic_load_explicit(&log_delay_per_mille, memory_order_relaxed);
    if (!chance) return;
    if (!delay_state) delay_state = (uint64_t)(uintptr_t)&delay_state * 0x9E3779B97F4A7C15u | 1;
    delay_state ^= delay_state << 13;
    delay_state ^= delay_state >> 7;
    delay_state ^= delay_state << 17;
    uint64_t r = delay_state >> 20;
    if (r % 1000 >= chance) return;
    r /= 1000;
    if (r % 4 == 0) nanosleep(&(struct timespec){ .tv_nsec = (long)(r / 4 % 100000) }, NULL);
    else sched_yield();
}
#endif
