// RDB files: the bytes that come, and walking over them. What an object consists of is in type/rdb_read.c and rdb_stream.c; here only where it ends.
#include <errno.h>
#include <stdarg.h>

#include "base/crc64.h"
#include "base/mem.h"
#include "kora.h"
#include "store/rdb_file_int.h"

enum { CHUNK = 64 << 10, KEEP_MAX = 1 << 20 };

bool rdb_file_fail(struct rdb_file_reader *r, int status, uint64_t offset, const char *format, ...) {
    if (r->status != KORA_OK) return false;
    r->status = status;
    int n = snprintf(r->error, sizeof r->error, "offset %llu: ", (unsigned long long)offset);
    va_list args;
    va_start(args, format);
    vsnprintf(r->error + n, sizeof r->error - (size_t)n, format, args);
    va_end(args);
    return false;
}

// ---- bytes ---------------------------------------------------------------------------------------------------------------------

void rdb_file_fold(struct rdb_file_reader *r) {
    if (r->at > r->folded) r->crc = crc64(r->crc, r->in.p + r->folded, r->at - r->folded);
    r->folded = r->at;
}

// What has been taken is not needed any more. Moves the rest only when that is the smaller part, so that no byte is moved often.
void rdb_file_discard(struct rdb_file_reader *r) {
    size_t left = r->in.n - r->at;
    if (r->keep || r->at == 0 || left > r->at) return;
    rdb_file_fold(r);
    r->base += r->at;
    if (r->in.cap > KEEP_MAX && left <= CHUNK) { // there was a large value
        struct buf fresh = { 0 };
        buf_append(&fresh, r->in.p + r->at, left);
        if (!fresh.failed) {
            buf_free(&r->in);
            r->in = fresh;
            r->at = r->folded = 0;
            return;
        }
        buf_free(&fresh);
    }
    buf_drop(&r->in, r->at);
    r->at = r->folded = 0;
}

bool rdb_file_fill(struct rdb_file_reader *r, uint64_t want) {
    if (r->status != KORA_OK) return false;
    rdb_file_discard(r);
    // A length is believed as far as bytes have come.
    size_t room = (size_t)MIN(MAX(want, (uint64_t)CHUNK), (uint64_t)MAX(r->in.n, (size_t)CHUNK));
    char *to = buf_reserve(&r->in, room);
    if (!to) return rdb_file_fail(r, KORA_NOMEM, rdb_file_offset(r), "out of memory");
    ssize_t n = r->from.read(r->from.arg, to, room);
    if (n > 0) {
        r->in.n += (size_t)n;
        r->bytes += (uint64_t)n;
        return true;
    }
    if (n == 0) return r->within ? rdb_file_fail(r, KORA_CORRUPT, r->base + r->in.n, "the file ends within %s", r->within) : false;
    r->code = (int)n;
    if (n == -ENOMEM) return rdb_file_fail(r, KORA_NOMEM, r->base + r->in.n, "out of memory");
    return rdb_file_fail(r, KORA_SYSTEM, r->base + r->in.n, "%s", strerror(-(int)n));
}

bool rdb_file_need(struct rdb_file_reader *r, size_t n) {
    while (r->in.n - r->at < n) {
        if (!rdb_file_fill(r, n - (r->in.n - r->at))) return false;
    }
    return true;
}

bool rdb_file_byte(struct rdb_file_reader *r, unsigned *byte) {
    if (unlikely(r->at == r->in.n) && !rdb_file_fill(r, 1)) return false;
    *byte = (unsigned char)r->in.p[r->at++];
    return true;
}

bool rdb_file_skip(struct rdb_file_reader *r, uint64_t n) {
    while (unlikely(n > r->in.n - r->at)) {
        if (!r->keep) {
            n -= r->in.n - r->at;
            r->at = r->in.n;
        }
        if (!rdb_file_fill(r, n - (r->in.n - r->at))) return false;
    }
    r->at += (size_t)n;
    return true;
}

// ---- lengths and strings ---------------------------------------------------------------------------------------------------------

enum { FORM_MASK = 0xc0, FORM_6 = 0, FORM_14 = 0x40, FORM_WIDE = 0x80, FORM_STRING = 0xc0, WIDE_32 = 0x80, WIDE_64 = 0x81, LZF = 0xc3 };

// The length that begins with `head`, which has been taken.
static bool length_of(struct rdb_file_reader *r, unsigned head, uint64_t *n) {
    unsigned low = 0;
    if ((head & FORM_MASK) == FORM_6) {
        *n = head;
        return true;
    }
    if ((head & FORM_MASK) == FORM_14) {
        if (!rdb_file_byte(r, &low)) return false;
        *n = (uint64_t)(head & 0x3f) << 8 | low;
        return true;
    }
    size_t bytes = head == WIDE_32 ? 4 : head == WIDE_64 ? 8 : 0;
    if (!bytes) return rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - 1, "0x%02x is no length (within %s)", head, r->within);
    if (!rdb_file_need(r, bytes)) return false;
    *n = 0;
    for (size_t i = 0; i < bytes; i++) *n = *n << 8 | (unsigned char)r->in.p[r->at++];
    return true;
}

bool rdb_file_length(struct rdb_file_reader *r, uint64_t *n) {
    unsigned head;
    return rdb_file_byte(r, &head) && length_of(r, head, n);
}

bool rdb_file_skip_string(struct rdb_file_reader *r) {
    unsigned head;
    uint64_t n, whole;
    if (!rdb_file_byte(r, &head)) return false;
    if ((head & FORM_MASK) != FORM_STRING) return length_of(r, head, &n) && rdb_file_skip(r, n);
    if (head < LZF) return rdb_file_skip(r, UINT64_C(1) << (head & 3)); // an integer
    if (head > LZF) return rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - 1, "0x%02x is no string (within %s)", head, r->within);
    return rdb_file_length(r, &n) && rdb_file_length(r, &whole) && rdb_file_skip(r, n);
}

// ---- objects ---------------------------------------------------------------------------------------------------------------------

// A count, then so many groups of: a length, if there is to be one; strings; bytes.
struct group {
    bool length;
    unsigned strings, bytes;
};

static bool skip_groups(struct rdb_file_reader *r, struct group g) {
    uint64_t n, ignored;
    if (!rdb_file_length(r, &n)) return false;
    for (; n > 0; n--) {
        if (g.length && !rdb_file_length(r, &ignored)) return false;
        for (unsigned i = 0; i < g.strings; i++) {
            if (!rdb_file_skip_string(r)) return false;
        }
        if (g.bytes && !rdb_file_skip(r, g.bytes)) return false;
    }
    return true;
}

static bool skip_lengths(struct rdb_file_reader *r, unsigned n) {
    uint64_t ignored;
    for (; n > 0; n--) {
        if (!rdb_file_length(r, &ignored)) return false;
    }
    return true;
}

// Members with scores as text: a byte that tells its length, or that there is none.
static bool skip_old_scores(struct rdb_file_reader *r) {
    enum { NO_TEXT_FROM = 253 };
    uint64_t n;
    unsigned length;
    if (!rdb_file_length(r, &n)) return false;
    for (; n > 0; n--) {
        if (!rdb_file_skip_string(r) || !rdb_file_byte(r, &length)) return false;
        if (length < NO_TEXT_FROM && !rdb_file_skip(r, length)) return false;
    }
    return true;
}

enum { RAW_ID = 16, TIME = 8 };

static bool skip_pending(struct rdb_file_reader *r) {
    uint64_t n;
    if (!rdb_file_length(r, &n)) return false;
    for (; n > 0; n--) {
        if (!rdb_file_skip(r, RAW_ID + TIME) || !skip_lengths(r, 1)) return false;
    }
    return true;
}

static bool skip_group_of_stream(struct rdb_file_reader *r, unsigned version) {
    uint64_t consumers;
    if (!rdb_file_skip_string(r) || !skip_lengths(r, version >= 2 ? 3 : 2) || !skip_pending(r) || !rdb_file_length(r, &consumers)) return false;
    for (; consumers > 0; consumers--) {
        if (!rdb_file_skip_string(r) || !rdb_file_skip(r, version >= 3 ? 2 * TIME : TIME)) return false;
        if (!skip_groups(r, (struct group){ .bytes = RAW_ID })) return false;
    }
    return true;
}

static bool skip_stream(struct rdb_file_reader *r, unsigned version) {
    uint64_t groups;
    if (!skip_groups(r, (struct group){ .strings = 2 }) || !skip_lengths(r, version >= 2 ? 8 : 3) || !rdb_file_length(r, &groups)) return false;
    for (; groups > 0; groups--) {
        if (!skip_group_of_stream(r, version)) return false;
    }
    return true;
}

bool rdb_file_skip_parts(struct rdb_file_reader *r) {
    enum { END, SIGNED, UNSIGNED, FLOAT, DOUBLE, STRING };
    uint64_t part;
    for (;;) {
        if (!rdb_file_length(r, &part)) return false;
        bool ok = false;
        switch (part) {
        case END: return true;
        case SIGNED: case UNSIGNED: ok = skip_lengths(r, 1); break;
        case FLOAT: ok = rdb_file_skip(r, 4); break;
        case DOUBLE: ok = rdb_file_skip(r, 8); break;
        case STRING: ok = rdb_file_skip_string(r); break;
        default: rdb_file_fail(r, KORA_CORRUPT, rdb_file_offset(r) - 1, "%llu is no part of a module's data", (unsigned long long)part);
        }
        if (!ok) return false;
    }
}

bool rdb_file_skip_object(struct rdb_file_reader *r, unsigned type) {
    switch (type) {
    case RDB_STRING: case RDB_HASH_ZIPMAP: case RDB_LIST_ZIPLIST: case RDB_SET_INTSET: case RDB_ZSET_ZIPLIST: case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK: case RDB_ZSET_LISTPACK: case RDB_SET_LISTPACK: return rdb_file_skip_string(r);
    case RDB_LIST: case RDB_SET: case RDB_LIST_QUICKLIST: return skip_groups(r, (struct group){ .strings = 1 });
    case RDB_LIST_QUICKLIST_2: return skip_groups(r, (struct group){ .length = true, .strings = 1 });
    case RDB_ZSET: return skip_old_scores(r);
    case RDB_ZSET_2: return skip_groups(r, (struct group){ .strings = 1, .bytes = sizeof(double) });
    case RDB_HASH: return skip_groups(r, (struct group){ .strings = 2 });
    case RDB_HASH_METADATA: return rdb_file_skip(r, TIME) && skip_groups(r, (struct group){ .length = true, .strings = 2 });
    case RDB_HASH_LISTPACK_EX: return rdb_file_skip(r, TIME) && rdb_file_skip_string(r);
    case RDB_STREAM_LISTPACKS: return skip_stream(r, 1);
    case RDB_STREAM_LISTPACKS_2: return skip_stream(r, 2);
    case RDB_STREAM_LISTPACKS_3: return skip_stream(r, 3);
    default: return false; // rdb_file_next has looked
    }
}
