// Reads one segment of the log (format.h), and trusts nothing in it: a block counts if its checksum is right and what it says of itself fits together; a
// record, if its own checksum is right and it is an effect.
//
// A block can be as large as what a database has staged, and more if a value was. So a file is seen through a window of READ_PIECE bytes, that
// grows for a record that is larger: a block that fits in is read once, another one twice (its checksum first: no half of a block is ever applied).
#include <errno.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/recover_int.h"

enum { READ_PIECE = 1 << 20, SEARCH_PIECE = 4096, ARGS_MIN = 64 };

static enum read_result damaged(struct reader *r, const char *why) {
    r->damage = why;
    return READ_DAMAGED;
}

// ---- the window -------------------------------------------------------------------------------------------------------------------------

static bool window_make(struct reader *r, size_t size) {
    if (size <= r->window_cap) return true;
    char *p = mem_realloc(r->window, size);
    if (!p) {
        r->failed = -ENOMEM;
        return false;
    }
    r->window = p;
    r->window_cap = size;
    return true;
}

// n bytes of the file, at `at`; the caller has seen that they are in it. NULL: r->failed tells.
static const char *look(struct reader *r, uint64_t at, size_t n) {
    if (likely(at >= r->window_at && at + n <= r->window_at + r->window_n)) return r->window + (at - r->window_at);
    if (n <= READ_PIECE && r->window_cap > READ_PIECE) {
        // It had grown for a large record.
        mem_free(r->window);
        r->window = NULL;
        r->window_cap = r->window_n = 0;
    }
    if (!window_make(r, MAX(n, (size_t)MIN(r->size, (uint64_t)READ_PIECE)))) return NULL;
    size_t kept = 0;
    if (at >= r->window_at && at < r->window_at + r->window_n) {
        kept = (size_t)(r->window_at + r->window_n - at);
        memmove(r->window, r->window + (at - r->window_at), kept);
    }
    r->window_at = at;
    r->window_n = kept;
    size_t want = (size_t)MIN((uint64_t)r->window_cap, r->size - at) - kept;
    r->failed = os_read_all(r->os, r->fd, r->window + kept, want, at + kept);
    if (r->failed) return NULL;
    r->window_n += want;
    return r->window;
}

static bool all_zero(const char *p, size_t n) { return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0); }

enum read_result reader_extent(struct reader *r, uint64_t at, uint64_t *bytes) {
    *bytes = 0;
    for (uint64_t from = at; from < r->size;) {
        size_t n = (size_t)MIN(r->size - from, (uint64_t)READ_PIECE);
        const char *p = look(r, from, n);
        if (!p) return READ_FAILED;
        if (!all_zero(p, n)) {
            size_t last = n;
            while (p[last - 1] == 0) last--;
            *bytes = from + last - at;
        }
        from += n;
    }
    return READ_OK;
}

// ---- the header --------------------------------------------------------------------------------------------------------------------------

static enum read_result read_header(struct reader *r, const uint8_t *id, uint64_t first) {
    if (r->size < SEGMENT_HEADER) return damaged(r, "the header is not complete");
    const char *p = look(r, 0, SEGMENT_HEADER);
    if (!p) return READ_FAILED;
    if (memcmp(p, SEGMENT_MAGIC, 8) != 0) return damaged(r, "it does not begin as a segment of a log");
    if (crc32c(0, p, SEGMENT_HEADER - 4) != get_u32(p + SEGMENT_HEADER - 4)) return damaged(r, "the header's checksum is wrong");
    uint32_t version = get_u32(p + 8);
    if (version != STORE_VERSION) {
        r->newer = true;
        r->damage = "it was written by a version of this software that is not known here";
        return READ_FOREIGN;
    }
    if (memcmp(p + 32, id, STORE_ID_BYTES) != 0) {
        r->damage = "it belongs to another database";
        return READ_FOREIGN;
    }
    r->stripes = get_u32(p + 12);
    r->first = get_u64(p + 16);
    r->synced_upto = get_u64(p + 24);
    if (r->first != first) {
        r->damage = "its name is not that of its first round";
        return READ_FOREIGN;
    }
    if (r->stripes == 0 || r->stripes > STRIPES_MAX || r->first > ROUND_MAX || r->synced_upto >= r->first) return damaged(r, "the header makes no sense");
    r->at = SEGMENT_HEADER;
    return READ_OK;
}

enum read_result reader_open(struct reader *r, const struct os *os, const char *path, const uint8_t *id, uint64_t first) {
    *r = (struct reader){ .os = os, .fd = -1 };
    r->fd = os->open(os->arg, path, OS_READ);
    r->failed = r->fd < 0 ? r->fd : os->size(os->arg, r->fd, &r->size);
    if (r->failed) return READ_FAILED;
    enum read_result result = read_header(r, id, first);
    if (result != READ_OK) r->stripes = STRIPES_MAX; // for reader_search
    return result;
}

void reader_close(struct reader *r) {
    if (r->fd >= 0) r->os->close(r->os->arg, r->fd);
    r->fd = -1;
    mem_free(r->window);
    r->window = NULL;
    buf_free(&r->table);
    args_free(&r->args);
}

// ---- blocks -------------------------------------------------------------------------------------------------------------------------------

static struct block block_header(const char *p, uint64_t at) {
    return (struct block){ .at = at, .bytes = get_u64(p + 32), .round = get_u64(p + 8), .before = get_u64(p + 16), .synced_upto = get_u64(p + 24),
        .parts = get_u32(p + 40) };
}

static bool header_fits(const struct reader *r, const struct block *b, const char *p) {
    return memcmp(p, BLOCK_MAGIC, 4) == 0 && get_u32(p + 44) == 0 && b->bytes % RECORD_ALIGN == 0 && b->parts <= r->stripes &&
        b->bytes >= BLOCK_HEADER + (uint64_t)b->parts * BLOCK_PART && b->bytes <= r->size - b->at && b->round > b->before && b->round <= ROUND_MAX &&
        b->synced_upto < b->round;
}

// The table of its parts into r->table: false if it can't be so.
static enum read_result read_table(struct reader *r, const struct block *b) {
    size_t n = (size_t)b->parts * BLOCK_PART;
    const char *p = look(r, b->at + BLOCK_HEADER, n);
    if (!p) return READ_FAILED;
    buf_clear(&r->table);
    buf_append(&r->table, p, n);
    if (r->table.failed) {
        r->failed = -ENOMEM;
        return READ_FAILED;
    }
    uint64_t left = b->bytes - BLOCK_HEADER - n;
    for (size_t i = 0; i < n; i += BLOCK_PART) {
        uint64_t bytes = get_u64(r->table.p + i + 8);
        if (get_u32(r->table.p + i) >= r->stripes || get_u32(r->table.p + i + 4) != 0 || bytes % RECORD_ALIGN != 0 || bytes > left)
            return damaged(r, "a block's parts are not as long as it says");
        left -= bytes;
    }
    return left == 0 ? READ_OK : damaged(r, "a block's parts are not as long as it says");
}

static enum read_result check_sum(struct reader *r, const struct block *b) {
    uint32_t crc = 0, is = 0;
    for (uint64_t at = b->at; at < b->at + b->bytes;) {
        size_t n = (size_t)MIN(b->at + b->bytes - at, (uint64_t)READ_PIECE), skip = at == b->at ? 8 : 0;
        const char *p = look(r, at, n);
        if (!p) return READ_FAILED;
        if (skip) is = get_u32(p + 4);
        crc = crc32c(crc, p + skip, n - skip);
        at += n;
    }
    return crc == is ? READ_OK : damaged(r, "a block's checksum is wrong");
}

// The block at b->at, whatever is around it.
static enum read_result read_block(struct reader *r, struct block *b) {
    const char *p = look(r, b->at, BLOCK_HEADER);
    if (!p) return READ_FAILED;
    *b = block_header(p, b->at);
    if (!header_fits(r, b, p)) return damaged(r, "there is no block where one should begin");
    enum read_result result = check_sum(r, b);
    return result == READ_OK ? read_table(r, b) : result;
}

enum read_result reader_next(struct reader *r, struct block *b) {
    size_t n = (size_t)MIN(r->size - r->at, (uint64_t)BLOCK_HEADER);
    const char *p = look(r, r->at, n);
    if (!p) return READ_FAILED;
    if (all_zero(p, n)) {
        uint64_t more;
        enum read_result result = reader_extent(r, r->at, &more);
        if (result != READ_OK) return result;
        return more == 0 ? READ_END : damaged(r, "the beginning of a block is missing");
    }
    if (n < BLOCK_HEADER) return damaged(r, "a block is not complete");
    b->at = r->at;
    enum read_result result = read_block(r, b);
    if (result == READ_OK) r->at += b->bytes;
    return result;
}

// Is what stands at r->at the header of a block that was cut off? Then its length is right, and what is inside of it is somebody's data, which
// may look like blocks.
static enum read_result damaged_length(struct reader *r, uint64_t round, uint64_t *length) {
    *length = RECORD_ALIGN;
    if (r->size - r->at < BLOCK_HEADER) return READ_OK;
    const char *p = look(r, r->at, BLOCK_HEADER);
    if (!p) return READ_FAILED;
    struct block b = block_header(p, r->at);
    uint64_t table = BLOCK_HEADER + (uint64_t)b.parts * BLOCK_PART;
    if (memcmp(p, BLOCK_MAGIC, 4) != 0 || get_u32(p + 44) != 0 || b.parts > r->stripes || b.before != round || b.round <= round || b.synced_upto > round)
        return READ_OK;
    if (b.bytes < table || b.bytes % RECORD_ALIGN != 0 || table > r->size - r->at) return READ_OK;
    b.bytes = MIN(b.bytes, r->size - r->at);
    // Only whole parts add up to it.
    uint64_t sum = table, says = get_u64(p + 32);
    for (uint64_t at = BLOCK_HEADER; at < table; at += BLOCK_PART) {
        p = look(r, r->at + at, BLOCK_PART);
        if (!p) return READ_FAILED;
        sum += MIN(get_u64(p + 8), ROUND_MAX);
    }
    if (sum == says) *length = b.bytes;
    return READ_OK;
}

// The next place from *at on, in steps, at which a block's first bytes stand. READ_END: there is none.
static enum read_result find_magic(struct reader *r, uint64_t *at) {
    while (*at < r->size && r->size - *at >= BLOCK_HEADER) {
        size_t n = (size_t)MIN(r->size - *at, (uint64_t)SEARCH_PIECE), i = 0;
        const char *p = look(r, *at, n);
        if (!p) return READ_FAILED;
        while (i + BLOCK_HEADER <= n && memcmp(p + i, BLOCK_MAGIC, 4) != 0) i += RECORD_ALIGN;
        *at += i;
        if (i + BLOCK_HEADER <= n) return READ_OK;
    }
    return READ_END;
}

enum read_result reader_search(struct reader *r, uint64_t round, uint64_t *synced_upto) {
    uint64_t at = ALIGN_UP(r->at, RECORD_ALIGN), step;
    enum read_result result = damaged_length(r, round, &step);
    if (result != READ_OK) return result;
    for (*synced_upto = round; (result = find_magic(r, &at)) == READ_OK; at += step, step = RECORD_ALIGN) {
        const char *p = look(r, at, BLOCK_HEADER);
        if (!p) return READ_FAILED;
        struct block b = block_header(p, at);
        // Those that could not say more than is known are not worth a checksum.
        if (b.synced_upto <= *synced_upto || !header_fits(r, &b, p)) continue;
        result = read_block(r, &b);
        if (result == READ_FAILED) return result;
        if (result != READ_OK) continue;
        *synced_upto = b.synced_upto;
        step = b.bytes;
    }
    return result == READ_FAILED ? READ_FAILED : READ_OK;
}

// ---- records ------------------------------------------------------------------------------------------------------------------------------

void args_free(struct args *args) {
    mem_free(args->at);
    *args = (struct args){ 0 };
}

static bool get_varint(const char **p, const char *end, uint64_t *n) {
    *n = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)*(*p)++;
        if (shift == 63 && c > 1) return false;
        *n |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) return true;
    }
    return false;
}

static bool args_make(struct args *args, uint64_t n) {
    if (n <= args->cap) return true;
    size_t cap = MAX((size_t)n, MAX((size_t)ARGS_MIN, args->cap * 2));
    struct slice *at = mem_realloc(args->at, cap * sizeof(*at));
    args->failed = !at;
    if (!at) return false;
    args->at = at;
    args->cap = cap;
    return true;
}

bool record_effect(const char *body, size_t n, struct args *args, struct recovered_effect *out) {
    const char *p = body, *end = body + n;
    uint64_t db, argc, length;
    if (!get_varint(&p, end, &db) || db > INT32_MAX || !get_varint(&p, end, &argc)) return false;
    // Each argument has at least the byte of its length.
    if (argc == 0 || argc > INT32_MAX || argc > (uint64_t)(end - p) || !args_make(args, argc)) return false;
    for (uint64_t i = 0; i < argc; i++) {
        if (!get_varint(&p, end, &length) || length > (uint64_t)(end - p)) return false;
        args->at[i] = slice_of(p, (size_t)length);
        p += length;
    }
    out->db = (uint32_t)db;
    out->argc = (int)argc;
    out->argv = args->at;
    return p == end;
}

struct walk {
    record_fn *fn;
    void *arg;
    uint64_t *count;
    int *stopped;
};

// One record at `at`, of a part that ends at `end`. *padded: how long it is there.
static enum read_result walk_record(struct reader *r, const struct walk *w, uint32_t stripe, uint64_t round, uint64_t at, uint64_t end, uint64_t *padded) {
    r->record_at = at;
    if (end - at < RECORD_HEADER) return damaged(r, "a record is not complete");
    const char *p = look(r, at, RECORD_HEADER);
    if (!p) return READ_FAILED;
    struct record h = record_header(p);
    *padded = ALIGN_UP((uint64_t)h.length, RECORD_ALIGN);
    if (h.length <= RECORD_HEADER || *padded > end - at) return damaged(r, "a record is longer than its part of the block");
    p = look(r, at, (size_t)*padded);
    if (!p) return READ_FAILED;
    if (!w->fn && crc32c(0, p + 8, h.length - 8) != get_u32(p + 4)) return damaged(r, "a record's checksum is wrong");
    if (h.epoch > round) return damaged(r, "a record is of an epoch after its block");
    struct recovered_effect e = { .stripe = stripe, .stripes = r->stripes };
    if (!record_effect(p + RECORD_HEADER, h.length - RECORD_HEADER, &r->args, &e)) {
        if (!r->args.failed) return damaged(r, "a record is no command");
        r->failed = -ENOMEM;
        return READ_FAILED;
    }
    *w->count += 1;
    if (w->fn) *w->stopped = w->fn(w->arg, &e);
    return READ_OK;
}

enum read_result reader_records(struct reader *r, const struct block *b, record_fn *fn, void *arg, uint64_t *count, int *stopped) {
    struct walk w = { fn, arg, count, stopped };
    uint64_t at = b->at + BLOCK_HEADER + r->table.n;
    for (size_t i = 0; i < r->table.n; i += BLOCK_PART) {
        uint64_t end = at + get_u64(r->table.p + i + 8), padded;
        for (; at < end; at += padded) {
            enum read_result result = walk_record(r, &w, get_u32(r->table.p + i), b->round, at, end, &padded);
            if (result != READ_OK || *stopped) return result;
        }
    }
    return READ_OK;
}
