// Streams of bytes through LZ4 frames, both ways: what `lz4 -d` reads, and what it has written.
//
// Written is one frame: independent blocks of 256 KB, so that little is lost where a block is damaged; a checksum (xxHash32) of each block and one of all the content.
// Read is any frame, also several behind each other, and trusted in nothing.
//
// liblz4 allocates for itself; that it can't is an error like any other.
#ifndef KORA_STORE_LZ4_FILE_H
#define KORA_STORE_LZ4_FILE_H

#include "base/buf.h"
#include "store/bytes.h"

struct LZ4F_cctx_s;
struct LZ4F_dctx_s;

struct lz4_sink {
    struct byte_sink to;
    struct LZ4F_cctx_s *frame;
    struct buf in, out;      // a block's worth of content; what it became
    int code;                // the first thing that went wrong: a negative errno; 0: nothing
};

// 0, or -ENOMEM: there is nothing to be closed then.
int lz4_sink_open(struct lz4_sink *z, struct byte_sink to);
struct byte_sink lz4_sink_bytes(struct lz4_sink *z);
int lz4_sink_finish(struct lz4_sink *z); // the last bytes are handed on: 0 or a negative errno. It is closed
void lz4_sink_abandon(struct lz4_sink *z);

struct lz4_source {
    struct byte_source from;
    struct LZ4F_dctx_s *frame;
    struct buf in;
    size_t at;               // of `in` has been used
    uint64_t base;           // offset in the source of in.p[0]
    size_t wants;            // bytes that the frame at hand still takes, about; 0: it has ended
    char error[128];         // read has returned -EBADMSG: "offset N of the compressed file: what is wrong"
};

#define LZ4_FRAME_MAGIC "\x04\x22\x4d\x18" // what it begins with
enum { LZ4_FRAME_MAGIC_BYTES = 4 };

int lz4_source_open(struct lz4_source *z, struct byte_source from); // 0 or -ENOMEM
struct byte_source lz4_source_bytes(struct lz4_source *z);
void lz4_source_close(struct lz4_source *z);

#endif
