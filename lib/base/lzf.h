// LZF: the fast compression of Redis's long strings in RDB and DUMP. Neither way allocates.
#ifndef KORA_BASE_LZF_H
#define KORA_BASE_LZF_H

#include "base/base.h"

// Compressed bytes are at most this many times fewer than what they stand for: three of them copy 264.
enum { LZF_RATIO_MAX = 88 };

// Compresses into `to`; returns the bytes written. 0: it takes more than `room`, or there is nothing, or 4 GB or more, to compress.
size_t lzf_compress(struct slice from, char *to, size_t room);
// How many bytes compressed ones stand for. SIZE_MAX: they are malformed. Takes a fraction of the time of decompressing.
size_t lzf_length(struct slice from);
// Writes exactly `n` bytes. False: `from` is malformed, or stands for another number of bytes; what is in `to` is then anything.
bool lzf_decompress(struct slice from, char *to, size_t n);

#endif
