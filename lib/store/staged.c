// Reads what a killed process has left in staging (format.h): the effects of epochs after the last round of the log. They count only if the machine has
// not been started again since: what was stored in a mapping outlives the process, and nothing else.
//
// Where a stripe's records begin: `taken` tells, perhaps a little too early (a round's block was written, and the process killed before it had said so): the records
// of epochs up to the last round are passed over. They go on as long as position, order of epochs and checksum are right. A record is checked as if its position were the one
// that it must have, so what is left over from an earlier turn round the ring never fits.
//
// Where they end: the process was killed within an append, or there was none. Nothing follows then; and if the append was part of a call of several parts, its other
// parts are the last ones of their stripes, since the leases were still held. Such a call is dropped. But where valid records of epochs after the last round stand
// anywhere else in the ring, something was damaged; then only epochs before the damage are kept, in all stripes, because an effect that saw another
// never has a smaller epoch: what is kept is a prefix of the real order in any case.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "kora.h"
#include "store/recover_int.h"

enum { HEADER_CRC_AT = STAGING_HEADER - 4, RING_BYTES_MIN = 1024 };
#define RING_BYTES_MAX (UINT64_C(1) << 40)
#define APART_BYTES_MAX (UINT64_C(1) << 32)

// A record of a call that may have others.
struct part {
    uint64_t epoch, call;
    size_t record;
};

struct ring {
    struct staged *s;
    const struct staged_source *from;
    const char *path;
    char *p;              // of one stripe after the other
    int fd;
    uint64_t bytes;
    uint64_t limit;       // epochs above it are dropped
    struct args args;
    struct buf torn;      // struct part: appends that were under way
    struct reason why;
};

static void say(const struct staged_source *from, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(const struct staged_source *from, int level, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (from->say) from->say(from->arg, level, text);
}

// Something is wrong with it, which is worth more than a note.
static int ignore(struct staged *s, const struct staged_source *from, const char *path, const char *why) {
    s->whole = false;
    s->problems++;
    say(from, KORA_LOG_WARNING, "%s: %s; what was staged is ignored", path, why);
    return KORA_OK;
}

// It has its name since it has its header; but nobody syncs it.
static int nothing_there(const struct staged_source *from, const char *path) {
    say(from, KORA_LOG_NOTICE, "%s: it is empty, as after a power cut; what was staged then is lost", path);
    return KORA_OK;
}

static void note_problem(struct staged *s, const struct staged_source *from, const char *path, uint64_t at, const char *what) {
    s->whole = false;
    s->problems++;
    say(from, KORA_LOG_WARNING, "%s: offset %" PRIu64 ": %s", path, at, what);
}

static bool all_zero(const char *p, size_t from, size_t to) {
    while (from < to && p[from] == 0) from++;
    return from == to;
}

// The checksum of a record that is `n` long and must be at `position`.
static bool sum_is_right(const char *p, size_t n, uint64_t position) {
    char expected[8];
    bytes_put64(expected, position);
    return crc32c(crc32c(0, expected, sizeof expected), p + 16, n - 16) == get_u32(p + 4);
}

static bool has_record(const struct staged *s, uint64_t epoch, uint64_t call) {
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i].epoch == epoch && s->records[i].call == call) return true;
    return false;
}

static int add_record(struct ring *r, uint32_t stripe, const char *p, size_t n) {
    struct staged *s = r->s;
    if (s->count == s->cap) {
        size_t cap = MAX((size_t)64, s->cap * 2);
        struct staged_record *more = mem_realloc(s->records, cap * sizeof(*more));
        if (!more) return store_fail_memory(r->why);
        s->records = more;
        s->cap = cap;
    }
    struct record h = record_header(p);
    size_t padded = ALIGN_UP(n, RECORD_ALIGN), at = s->bytes.n;
    buf_append(&s->bytes, p, n);
    buf_append(&s->bytes, "\0\0\0\0\0\0\0", padded - n);
    if (s->bytes.failed) return store_fail_memory(r->why);
    s->records[s->count++] = (struct staged_record){ .epoch = h.epoch, .call = h.call, .parts = h.parts, .stripe = stripe, .at = at, .n = padded };
    s->last_epoch = MAX(s->last_epoch, h.epoch);
    return KORA_OK;
}

// ---- records in files of their own ---------------------------------------------------------------------------------------------------------

// The records of which `p` in the ring tells. *bytes NULL: they are not there as they should be.
static int read_apart(struct ring *r, const char *p, char **bytes, size_t *n) {
    uint64_t number = get_u64(p + RECORD_HEADER), length = get_u64(p + RECORD_HEADER + 8);
    uint32_t crc = get_u32(p + RECORD_HEADER + 16);
    char name[40];
    snprintf(name, sizeof name, "staging-%" PRIu64, number);
    *bytes = NULL;
    if (length < RECORD_HEADER || length > APART_BYTES_MAX) return KORA_OK;
    char *path = store_path(r->from->dir, name);
    if (!path) return store_fail_memory(r->why);
    int err = os_read_file(r->from->os, path, APART_BYTES_MAX, bytes, n), status = KORA_OK;
    if (err) *bytes = NULL;
    if (err && err != -ENOENT && err != -EFBIG) status = store_fail_os(r->why, path, err);
    mem_free(path);
    if (err || (*n >= length && crc32c(0, *bytes, (size_t)length) == crc)) {
        *n = (size_t)length; // there may be room behind them
        return status;
    }
    mem_free(*bytes);
    *bytes = NULL;
    return KORA_OK;
}

// The length of the record at p, which has its place in a file of its own for the one in the ring at `ring`. 0: it can't be one.
static size_t apart_length(const char *p, size_t left, const char *ring) {
    if (left < RECORD_HEADER) return 0;
    struct record h = record_header(p);
    if (h.length <= RECORD_HEADER || ALIGN_UP((size_t)h.length, RECORD_ALIGN) > left || memcmp(p + 8, ring + 8, RECORD_HEADER - 8) != 0) return 0;
    return crc32c(0, p + 8, h.length - 8) == get_u32(p + 4) ? h.length : 0;
}

// ---- one stripe ----------------------------------------------------------------------------------------------------------------------------

// How long the record is that should be at p, of which `left` bytes are in the ring. 0: it can't be one.
static uint64_t record_length(const char *p, uint64_t left) {
    uint32_t length = get_u32(p);
    if (length == RECORD_SKIP) return RECORD_HEADER;
    if (length == RECORD_APART) return left >= RECORD_HEADER + APART_BODY ? RECORD_HEADER + APART_BODY : 0;
    return length > RECORD_HEADER && ALIGN_UP((uint64_t)length, RECORD_ALIGN) <= left ? length : 0;
}

enum walk_result { WALK_ON, WALK_END, WALK_FAILED };

// The record at p, which is `n` long and whole but for what is in it.
static enum walk_result take_record(struct ring *r, uint32_t stripe, const char *p, size_t n, int *status) {
    struct recovered_effect e;
    bool effect = record_effect(p + RECORD_HEADER, n - RECORD_HEADER, &r->args, &e);
    if (!effect && !r->args.failed) return WALK_END;
    *status = effect ? add_record(r, stripe, p, n) : store_fail_memory(r->why);
    return *status == KORA_OK ? WALK_ON : WALK_FAILED;
}

// All of a file, or nothing.
static enum walk_result take_apart(struct ring *r, uint32_t stripe, const char *ring, int *status) {
    size_t n = 0, count = r->s->count, bytes = r->s->bytes.n, length = 0;
    char *p;
    *status = read_apart(r, ring, &p, &n);
    if (*status != KORA_OK) return WALK_FAILED;
    enum walk_result result = p ? WALK_ON : WALK_END;
    for (size_t at = 0; at < n && result == WALK_ON; at += ALIGN_UP(length, RECORD_ALIGN)) {
        length = apart_length(p + at, n - at, ring);
        result = length ? take_record(r, stripe, p + at, length, status) : WALK_END;
    }
    if (result == WALK_END) {
        r->s->count = count;
        r->s->bytes.n = bytes;
    }
    mem_free(p);
    return result;
}

// An appender leaves a lap early when all of it was taken. If it was killed before it had said so, the stripe's only record is where the next lap begins.
static bool lap_was_left(const struct ring *r, uint64_t *position) {
    uint64_t next = (*position / r->bytes + 1) * r->bytes, n = record_length(r->p, r->bytes);
    if (*position % r->bytes == 0 || n == 0 || get_u32(r->p) == RECORD_SKIP || !sum_is_right(r->p, (size_t)n, next)) return false;
    *position = next;
    return true;
}

// From *position on. *epoch: of the last one that fitted; 0: none did.
static int walk_stripe(struct ring *r, uint32_t stripe, uint64_t *position, uint64_t *epoch) {
    uint64_t end = *position + r->bytes;
    enum walk_result result = WALK_ON;
    int status = KORA_OK;
    while (*position < end && result == WALK_ON) {
        uint64_t at = *position % r->bytes, left = MIN(r->bytes - at, end - *position);
        if (r->bytes - at < RECORD_HEADER) {
            *position += r->bytes - at;
            continue;
        }
        char *p = r->p + at;
        uint64_t n = left < RECORD_HEADER ? 0 : record_length(p, left);
        if (n == 0 || !sum_is_right(p, (size_t)n, *position)) break;
        bytes_put64(p + 8, *position);
        struct record h = record_header(p);
        if (h.length == RECORD_SKIP) {
            *position += r->bytes - at;
            continue;
        }
        if (h.epoch < *epoch || h.epoch > ROUND_MAX || h.parts == 0) break;
        if (h.epoch > r->from->round)
            result = h.length == RECORD_APART ? take_apart(r, stripe, p, &status) : take_record(r, stripe, p, (size_t)n, &status);
        if (result != WALK_ON) break;
        *epoch = h.epoch;
        *position += ALIGN_UP(n, RECORD_ALIGN);
    }
    return result == WALK_FAILED ? status : KORA_OK;
}

// A whole record of an epoch that no round has, outside of [from, to), which was walked.
static bool find_stray(const struct ring *r, uint64_t from, uint64_t to) {
    uint64_t round = r->from->round, first = from % r->bytes;
    for (uint64_t at = 0; at + RECORD_HEADER <= r->bytes; at += RECORD_ALIGN) {
        const char *p = r->p + at;
        uint64_t epoch = get_u64(p + 16);
        if (epoch <= round || epoch > ROUND_MAX) continue; // nearly always
        uint64_t ahead = at >= first ? at - first : at + r->bytes - first; // of `from`, in the ring
        if (ahead < to - from) continue;
        struct record h = record_header(p);
        if (h.position % r->bytes != at || h.length == RECORD_SKIP) continue;
        uint64_t n = record_length(p, r->bytes - at);
        if (n && sum_is_right(p, (size_t)n, h.position)) return true;
    }
    return false;
}

// The append that was under way when the process was killed, at `position`.
static int torn_append(struct ring *r, uint32_t stripe, uint64_t position) {
    static const char nothing[RECORD_HEADER];
    uint64_t at = position % r->bytes;
    if (r->bytes - at < RECORD_HEADER) return KORA_OK;
    struct record h = record_header(r->p + at);
    if (h.position != position || memcmp(r->p + at, nothing, sizeof nothing) == 0) return KORA_OK;
    say(r->from, KORA_LOG_NOTICE, "%s: the last record of stripe %" PRIu32 ", at offset %" PRIu64 ", is not whole and is dropped", r->path, stripe,
        (uint64_t)STAGING_PAGE + stripe * (r->bytes + STAGING_STRIPE_HEADER) + STAGING_STRIPE_HEADER + at);
    r->s->whole = false;
    buf_append(&r->torn, &(struct part){ h.epoch, h.call, 0 }, sizeof(struct part));
    return r->torn.failed ? store_fail_memory(r->why) : KORA_OK;
}

static int read_stripe(struct ring *r, uint32_t stripe) {
    char header[STAGING_STRIPE_HEADER];
    uint64_t at = STAGING_PAGE + stripe * (r->bytes + STAGING_STRIPE_HEADER), epoch = 0;
    int err = os_read_all(r->from->os, r->fd, header, sizeof header, at);
    if (!err) err = os_read_all(r->from->os, r->fd, r->p, (size_t)r->bytes, at + sizeof header);
    if (err) return store_fail_os(r->why, r->path, err);
    uint64_t taken = get_u64(header) & ~(uint64_t)(RECORD_ALIGN - 1), position;
    if (taken > ROUND_MAX || taken != get_u64(header) || !all_zero(header, 8, sizeof header))
        note_problem(r->s, r->from, r->path, at, "the header of a stripe is damaged");
    if (taken > ROUND_MAX) taken = 0;
    position = taken;
    int status = walk_stripe(r, stripe, &position, &epoch);
    if (status == KORA_OK && position == taken && lap_was_left(r, &position)) {
        taken = position;
        status = walk_stripe(r, stripe, &position, &epoch);
    }
    if (status != KORA_OK) return status;
    if (!find_stray(r, taken, position)) return torn_append(r, stripe, position);
    // Everything before the damage has at most this epoch, what was damaged at least that.
    uint64_t limit = epoch > r->from->round ? epoch - 1 : r->from->round;
    r->limit = MIN(r->limit, limit);
    r->s->whole = false;
    r->s->problems++;
    say(r->from, KORA_LOG_WARNING, "%s: damaged at offset %" PRIu64 ", in stripe %" PRIu32 ": what was staged after epoch %" PRIu64 " is dropped", r->path,
        at + STAGING_STRIPE_HEADER + position % r->bytes, stripe, limit);
    return KORA_OK;
}

// ---- calls that are not complete --------------------------------------------------------------------------------------------------------

static int by_call(const void *a, const void *b) {
    const struct part *x = a, *y = b;
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    if (x->call != y->call) return x->call < y->call ? -1 : 1;
    return x->record < y->record ? -1 : 1;
}

// Drops a record and all that follows it in its stripe.
static void drop_from(struct staged *s, const struct staged_source *from, size_t i) {
    struct staged_record *first = &s->records[i];
    bool follows = false;
    for (; i < s->count && s->records[i].stripe == first->stripe; i++) {
        struct staged_record *e = &s->records[i];
        if (!e->dropped && (e->epoch != first->epoch || e->call != first->call)) follows = true;
        e->dropped = true;
    }
    if (!follows) return;
    s->whole = false;
    s->problems++;
    say(from, KORA_LOG_WARNING, "staging: records follow those of a call that is not complete, in stripe %" PRIu32 ", and are dropped with it", first->stripe);
}

// One walk over all calls of several parts. True: something was dropped, which may have been part of another one.
static bool drop_incomplete(struct staged *s, const struct staged_source *from, const struct part *parts, size_t count) {
    bool dropped = false;
    for (size_t i = 0, next; i < count; i = next) {
        uint32_t kept = 0;
        for (next = i; next < count && parts[next].epoch == parts[i].epoch && parts[next].call == parts[i].call; next++)
            kept += !s->records[parts[next].record].dropped;
        if (kept == 0 || kept == s->records[parts[i].record].parts) continue;
        s->incomplete_calls++;
        for (size_t k = i; k < next; k++)
            if (!s->records[parts[k].record].dropped) drop_from(s, from, parts[k].record);
        dropped = true;
    }
    return dropped;
}

static int keep_complete(struct ring *r) {
    struct staged *s = r->s;
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        s->records[i].dropped = s->records[i].epoch > r->limit;
        count += s->records[i].parts > 1;
    }
    if (count == 0) return KORA_OK;
    struct part *parts = mem_alloc(count * sizeof(*parts));
    if (!parts) return store_fail_memory(r->why);
    count = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i].parts > 1) parts[count++] = (struct part){ s->records[i].epoch, s->records[i].call, i };
    qsort(parts, count, sizeof(*parts), by_call);
    while (drop_incomplete(s, r->from, parts, count)) continue;
    mem_free(parts);
    return KORA_OK;
}

// Of an append that was torn the call counts, if it is none of those whose other parts were there.
static void count_torn(struct ring *r) {
    for (size_t at = 0; at < r->torn.n; at += sizeof(struct part)) {
        struct part p;
        memcpy(&p, r->torn.p + at, sizeof p);
        if (p.call == 0 || !has_record(r->s, p.epoch, p.call)) r->s->incomplete_calls++;
        r->s->dropped_bytes += RECORD_HEADER;
    }
}

static void count_kept(struct staged *s) {
    for (size_t i = 0; i < s->count; i++) {
        s->kept += !s->records[i].dropped;
        if (s->records[i].dropped) s->dropped_bytes += s->records[i].n;
    }
}

// ---- the file -----------------------------------------------------------------------------------------------------------------------------

static int read_rings(struct staged *s, const struct staged_source *from, const char *path, int fd, uint64_t bytes, struct reason why) {
    struct ring r = { .s = s, .from = from, .path = path, .fd = fd, .bytes = bytes, .limit = UINT64_MAX, .why = why };
    r.p = mem_alloc((size_t)bytes);
    int status = r.p ? KORA_OK : store_fail_memory(why);
    for (uint32_t i = 0; i < s->stripes && status == KORA_OK; i++) status = read_stripe(&r, i);
    if (status == KORA_OK) status = keep_complete(&r);
    if (status == KORA_OK) count_torn(&r);
    if (status == KORA_OK) count_kept(s);
    buf_free(&r.torn);
    mem_free(r.p);
    args_free(&r.args);
    return status;
}

static bool is_this_boot(const struct os *os, const char *header) {
    char boot[OS_BOOT_ID_MAX] = { 0 };
    return os->boot_id(os->arg, boot) == 0 && memcmp(header + 32, boot, sizeof boot) == 0;
}

// Is it the header of a staging file of this database?
static bool is_header(const char *page, const uint8_t *id) {
    return memcmp(page, STAGING_MAGIC, 8) == 0 && crc32c(0, page, HEADER_CRC_AT) == get_u32(page + HEADER_CRC_AT) && get_u32(page + 8) == STORE_VERSION &&
        memcmp(page + 72, id, STORE_ID_BYTES) == 0;
}

// The round of which the page tells at this place. False: what stands there is damaged.
static bool round_at(const char *page, size_t at, uint64_t *round) {
    uint64_t word = get_u64(page + at);
    *round = word & ROUND_WORD_MASK;
    return word == round_word(*round);
}

// What does not matter to what is staged, and is not as it was written.
static void look_at_page(struct staged *s, const struct staged_source *from, const char *path, const char *page) {
    uint32_t state = get_u32(page + STAGING_STATE_AT);
    uint64_t round;
    bool sound = all_zero(page, STAGING_HEADER, STAGING_STATE_AT) && all_zero(page, STAGING_STATE_AT + 4, STAGING_ROUND_AT) &&
        all_zero(page, STAGING_SYNCED_AT + 8, STAGING_PAGE);
    if (!sound) note_problem(s, from, path, STAGING_HEADER, "the header's page is damaged, where nothing stands");
    if (state != STAGING_IN_USE && state != STAGING_CLOSED) note_problem(s, from, path, STAGING_STATE_AT, "it is neither in use nor closed");
    if (state != STAGING_IN_USE && !round_at(page, STAGING_ROUND_AT, &round)) note_problem(s, from, path, STAGING_ROUND_AT, "the number of the last round is damaged");
    if (!round_at(page, STAGING_SYNCED_AT, &round)) note_problem(s, from, path, STAGING_SYNCED_AT, "the number of the last synced round is damaged");
}

// What the header page says. *bytes of each ring; 0: nothing is to be read.
static int read_page(struct staged *s, const struct staged_source *from, const char *path, const char *page, uint64_t size, uint64_t *bytes, struct reason why) {
    uint64_t ring = get_u64(page + 16), round;
    *bytes = 0;
    if (get_u64(page) == 0) return nothing_there(from, path);
    if (memcmp(page, STAGING_MAGIC, 8) != 0 || crc32c(0, page, HEADER_CRC_AT) != get_u32(page + HEADER_CRC_AT)) return ignore(s, from, path, "the header is damaged");
    if (get_u32(page + 8) != STORE_VERSION) return store_fail(why, KORA_UNSUPPORTED, "%s: it was written by a version of this software that is not known here", path);
    if (memcmp(page + 72, from->id, STORE_ID_BYTES) != 0) return store_fail(why, KORA_CORRUPT, "%s: it belongs to another database", path);
    bool this_boot = is_this_boot(from->os, page);
    if (this_boot) look_at_page(s, from, path, page); // else a power cut may have torn it, which means nothing
    s->stripes = get_u32(page + 12);
    if (get_u32(page + STAGING_STATE_AT) == STAGING_CLOSED) {
        s->closed = true;
        return KORA_OK;
    }
    if (!this_boot) {
        say(from, KORA_LOG_NOTICE, "%s: the system has been started since; what was staged then is ignored", path);
        return KORA_OK;
    }
    if (s->stripes == 0 || s->stripes > STRIPES_MAX || ring < RING_BYTES_MIN || ring > RING_BYTES_MAX || ring % RECORD_ALIGN != 0 ||
        size < STAGING_PAGE + s->stripes * (ring + STAGING_STRIPE_HEADER))
        return ignore(s, from, path, "it is not as long as it says");
    // Rounds that were written, and that the log doesn't have any more: what came after them would follow a gap.
    if (!round_at(page, STAGING_ROUND_AT, &round)) return ignore(s, from, path, "offset 264: the number of the last round that was taken from it is damaged");
    if (round > from->round) return ignore(s, from, path, "rounds that were taken from it are missing in the log");
    *bytes = ring;
    return KORA_OK;
}

static int read_file(struct staged *s, const struct staged_source *from, const char *path, int fd, struct reason why) {
    uint64_t size = 0, bytes = 0;
    char *page = mem_alloc(STAGING_PAGE);
    if (!page) return store_fail_memory(why);
    int err = from->os->size(from->os->arg, fd, &size), status;
    if (!err && size >= STAGING_PAGE) err = os_read_all(from->os, fd, page, STAGING_PAGE, 0);
    if (err) status = store_fail_os(why, path, err);
    else if (size < STAGING_PAGE) status = nothing_there(from, path);
    else status = read_page(s, from, path, page, size, &bytes, why);
    bool more = !err && size >= STAGING_PAGE && status == KORA_OK && bytes > 0;
    mem_free(page);
    return more ? read_rings(s, from, path, fd, bytes, why) : status;
}

int staged_read(struct staged *s, const struct staged_source *from, struct reason why) {
    *s = (struct staged){ .whole = true };
    char *path = store_path(from->dir, "staging");
    if (!path) return store_fail_memory(why);
    int fd = from->os->open(from->os->arg, path, OS_READ), status = KORA_OK;
    if (fd >= 0) {
        s->there = true;
        status = read_file(s, from, path, fd, why);
        from->os->close(from->os->arg, fd);
    } else if (fd != -ENOENT) {
        status = store_fail_os(why, path, fd);
    }
    mem_free(path);
    return status;
}

int staged_synced(const struct staged_source *from, uint64_t *round, struct reason why) {
    char page[STAGING_SYNCED_AT + 8];
    uint64_t known;
    *round = 0;
    char *path = store_path(from->dir, "staging");
    if (!path) return store_fail_memory(why);
    int fd = from->os->open(from->os->arg, path, OS_READ), err = fd;
    if (fd >= 0) {
        err = os_read_all(from->os, fd, page, sizeof page, 0);
        from->os->close(from->os->arg, fd);
        if (!err && is_header(page, from->id) && round_at(page, STAGING_SYNCED_AT, &known)) *round = known;
    }
    int status = err && err != -ENOENT && err != -ENODATA ? store_fail_os(why, path, err) : KORA_OK;
    mem_free(path);
    return status;
}

void staged_free(struct staged *s) {
    mem_free(s->records);
    buf_free(&s->bytes);
    *s = (struct staged){ 0 };
}

// ---- removing it ---------------------------------------------------------------------------------------------------------------------------

bool staged_name(const char *name) {
    if (strncmp(name, "staging", 7) != 0) return false;
    if (name[7] == 0) return true;
    return name[7] == '-' && name[8] != 0 && name[8 + strspn(name + 8, "0123456789")] == 0;
}

struct names {
    struct buf text; // each with its zero
    bool failed;
};

static bool note_name(void *to, const char *name) {
    struct names *n = to;
    if (staged_name(name)) buf_append(&n->text, name, strlen(name) + 1);
    return !n->text.failed;
}

int staged_remove(const struct os *os, const char *dir, struct reason why) {
    struct names names = { 0 };
    int err = os->list(os->arg, dir, note_name, &names), status = KORA_OK;
    if (err) status = store_fail_os(why, dir, err);
    else if (names.text.failed) status = store_fail_memory(why);
    // The file itself is the last: those beside it mean nothing without it.
    for (int last = 0; last < 2 && status == KORA_OK; last++) {
        for (size_t i = 0; i < names.text.n && status == KORA_OK; i += strlen(names.text.p + i) + 1) {
            if ((strcmp(names.text.p + i, "staging") == 0) != (last == 1)) continue;
            char *path = store_path(dir, names.text.p + i);
            if (!path) status = store_fail_memory(why);
            else if ((err = os->remove(os->arg, path)) != 0 && err != -ENOENT) status = store_fail_os(why, path, err);
            mem_free(path);
        }
    }
    if (status == KORA_OK && names.text.n > 0 && (err = os->sync_dir(os->arg, dir)) != 0) status = store_fail_os(why, dir, err);
    buf_free(&names.text);
    return status;
}
