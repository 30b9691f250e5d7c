// HyperLogLog: how many different elements there were, give or take 0.81 %, in at most 12 KB. The string is Redis's, byte by byte:
//
//     "HYLL" | u8 encoding | 3 bytes 0 | u64 cached estimate, little endian; its highest bit set: none | registers
//
// There are 16384 registers of 6 bits. An element's hash chooses one by its low 14 bits; the register keeps the highest rank met there, which
// is 1 + the number of zero bits from bit 14 upwards (1 to 51). Two encodings:
//
//     dense   registers one after the other, the lowest bits of a byte first: 12288 bytes
//     sparse  runs, from the first register to the last:   00nnnnnn            n + 1 registers (1..64) are 0
//                                                          01nnnnnn mmmmmmmm   nm + 1 registers (1..16384) are 0
//                                                          1vvvvvnn            n + 1 registers (1..4) are v + 1 (1..32)
//
// A sparse one becomes dense when a register exceeds 32, or when it would grow beyond a limit that the caller sets. Which of several sparse
// forms of the same registers comes out is part of the format here: as Redis, so that equal commands give equal bytes.
//
// Sources: Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm" (2007); the estimate
// is Ertl's: "New cardinality estimation algorithms for HyperLogLog sketches" (2017, arXiv:1702.01284), algorithm 6; the hash is Appleby's
// MurmurHash64A; the format is as in the comment of Redis's hyperloglog.c.
//
// Strings come from users: nothing but the header's form (hll_is) is trusted, and a damaged one is HLL_CORRUPT.
#ifndef KORA_DS_HYPERLOGLOG_H
#define KORA_DS_HYPERLOGLOG_H

#include "base/base.h"

enum {
    HLL_REGISTERS = 1 << 14,
    HLL_HEAD = 16,
    HLL_DENSE_SIZE = HLL_HEAD + HLL_REGISTERS * 6 / 8,
    HLL_EMPTY_SIZE = HLL_HEAD + 2,
    HLL_GROWTH = 3, // bytes that setting one register adds to a sparse one, at most
};

enum hll_result { HLL_SAME, HLL_CHANGED, HLL_CORRUPT };

// Where an element leaves its mark.
struct hll_mark {
    uint32_t index; // of the register
    uint8_t rank;
};
struct hll_mark hll_mark_of(struct slice element);

// Whether a string looks like one: the header, and the length of a dense one.
bool hll_is(struct slice s);
static inline bool hll_is_dense(const char *p) { return p[4] == 0; }

// One that is being changed.
struct hll {
    char *p;           // room for hll_room()
    size_t n;
    size_t sparse_max; // bytes in all that a sparse one may grow to
};
// Room for one of n bytes in which up to `marks` are set.
size_t hll_room(size_t n, size_t marks, size_t sparse_max);
void hll_init(struct hll *h); // an empty one: sparse, with estimate 0
// The register becomes at least `rank`. The cached estimate is left alone.
enum hll_result hll_set(struct hll *h, struct hll_mark m);
// The same for all registers, of which those of `h` are no higher: its values become these. False: corrupt.
bool hll_put(struct hll *h, const uint8_t registers[HLL_REGISTERS]);
bool hll_make_dense(struct hll *h); // false: corrupt, nothing has changed

// Of a dense one, in place: whether hll_set would change something, and that change.
bool hll_dense_below(const char *p, struct hll_mark m);
void hll_dense_set(char *p, struct hll_mark m);

// The cached estimate.
bool hll_cached(const char *p, uint64_t *estimate);
void hll_cache(char *p, uint64_t estimate);
void hll_forget(char *p); // there is none

// registers[i] becomes the greater of itself and the string's. False: corrupt; some may have been changed.
bool hll_merge(uint8_t registers[HLL_REGISTERS], struct slice s);
// The estimate, whatever is cached. False: corrupt.
bool hll_count(struct slice s, uint64_t *estimate);
uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]);

#endif
