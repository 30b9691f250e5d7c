// Streams through LZ4 frames, see lz4_file.h.
#include "store/lz4_file.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4frame.h>

enum { BLOCK = 256 << 10, CHUNK = 64 << 10 };

// ---- writing -----------------------------------------------------------------------------------------------------------------

static const LZ4F_preferences_t preferences = {
    .frameInfo = { .blockSizeID = LZ4F_max256KB, .blockMode = LZ4F_blockIndependent, .contentChecksumFlag = LZ4F_contentChecksumEnabled,
        .blockChecksumFlag = LZ4F_blockChecksumEnabled },
    .autoFlush = 1,
};

static int hand_on(struct lz4_sink *z, size_t n) {
    if (LZ4F_isError(n)) z->code = -ENOMEM; // no other reason is left
    else if (n > 0) z->code = z->to.write(z->to.arg, z->out.p, n);
    return z->code;
}

int lz4_sink_open(struct lz4_sink *z, struct byte_sink to) {
    *z = (struct lz4_sink){ .to = to };
    // Room for a block in any form, which is more than the head of a frame and its end take.
    char *out = buf_reserve(&z->out, LZ4F_compressBound(BLOCK, &preferences));
    if (!out || !buf_reserve(&z->in, BLOCK) || LZ4F_isError(LZ4F_createCompressionContext(&z->frame, LZ4F_VERSION))) {
        lz4_sink_abandon(z);
        return -ENOMEM;
    }
    int code = hand_on(z, LZ4F_compressBegin(z->frame, out, z->out.cap, &preferences));
    if (code < 0) lz4_sink_abandon(z);
    return code;
}

static int compress_block(struct lz4_sink *z) {
    size_t n = z->in.n;
    buf_clear(&z->in);
    return n ? hand_on(z, LZ4F_compressUpdate(z->frame, z->out.p, z->out.cap, z->in.p, n, NULL)) : z->code;
}

static int write_compressed(void *arg, const void *p, size_t n) {
    struct lz4_sink *z = arg;
    for (const char *from = p; n > 0 && z->code == 0;) {
        size_t now = MIN(n, BLOCK - z->in.n);
        buf_append(&z->in, from, now); // there is room
        from += now;
        n -= now;
        if (z->in.n == BLOCK) compress_block(z);
    }
    return z->code;
}

struct byte_sink lz4_sink_bytes(struct lz4_sink *z) { return (struct byte_sink){ write_compressed, z }; }

int lz4_sink_finish(struct lz4_sink *z) {
    if (z->code == 0) compress_block(z);
    if (z->code == 0) hand_on(z, LZ4F_compressEnd(z->frame, z->out.p, z->out.cap, NULL));
    int code = z->code;
    lz4_sink_abandon(z);
    return code;
}

void lz4_sink_abandon(struct lz4_sink *z) {
    LZ4F_freeCompressionContext(z->frame);
    z->frame = NULL;
    buf_free(&z->in);
    buf_free(&z->out);
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

int lz4_source_open(struct lz4_source *z, struct byte_source from) {
    *z = (struct lz4_source){ .from = from };
    if (buf_reserve(&z->in, CHUNK) && !LZ4F_isError(LZ4F_createDecompressionContext(&z->frame, LZ4F_VERSION))) return 0;
    lz4_source_close(z);
    return -ENOMEM;
}

void lz4_source_close(struct lz4_source *z) {
    LZ4F_freeDecompressionContext(z->frame);
    z->frame = NULL;
    buf_free(&z->in);
}

static ssize_t damaged(struct lz4_source *z, const char *what) {
    snprintf(z->error, sizeof z->error, "offset %" PRIu64 " of the compressed file: %s", z->base + z->at, what);
    return -EBADMSG;
}

// Why liblz4 would not go on, by the name that it gives: numbers are not in its shared library's interface.
static ssize_t refuse(struct lz4_source *z, const char *name) { return strcmp(name, "ERROR_allocation_failed") == 0 ? -ENOMEM : damaged(z, name); }

// More of the source. 0: there is no more.
static ssize_t refill(struct lz4_source *z) {
    z->base += z->at;
    z->at = 0;
    buf_clear(&z->in);
    ssize_t n = z->from.read(z->from.arg, z->in.p, z->in.cap);
    if (n > 0) z->in.n = (size_t)n;
    return n;
}

// The source has ended: 0 if the frame has, too. What was decompressed and did not fit before comes without more of the source.
static ssize_t read_rest(struct lz4_source *z, void *p, size_t n) {
    size_t none = 0;
    if (z->wants == 0 && z->base > 0) return 0;
    size_t left = LZ4F_decompress(z->frame, p, &n, z->in.p, &none, NULL);
    return !LZ4F_isError(left) && n > 0 ? (ssize_t)n : damaged(z, "it ends within a frame");
}

static ssize_t read_content(void *arg, void *p, size_t n) {
    struct lz4_source *z = arg;
    for (;;) {
        ssize_t more = z->at == z->in.n ? refill(z) : 1;
        if (more < 0) return more;
        if (more == 0) return read_rest(z, p, n);
        size_t used = z->in.n - z->at, made = n;
        size_t left = LZ4F_decompress(z->frame, p, &made, z->in.p + z->at, &used, NULL);
        if (LZ4F_isError(left)) return refuse(z, LZ4F_getErrorName(left));
        z->at += used;
        z->wants = left;
        if (made > 0) return (ssize_t)made;
    }
}

struct byte_source lz4_source_bytes(struct lz4_source *z) { return (struct byte_source){ read_content, z }; }
