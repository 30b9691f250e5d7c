// Strings as rows of bits, in Redis's order: bit 0 is the highest bit of the first byte. Everything here goes over whole words and works on
// unaligned memory; nothing is read or written outside of the bits that are named.
//
// A range of bits is [from, end): empty if from >= end.
#ifndef KORA_DS_BITS_H
#define KORA_DS_BITS_H

#include "base/base.h"

static inline bool bits_test(const char *p, uint64_t at) { return (unsigned char)p[at >> 3] >> (7 - (at & 7)) & 1; }
static inline void bits_write(char *p, uint64_t at, bool on) {
    unsigned mask = 0x80u >> (at & 7), byte = (unsigned char)p[at >> 3];
    p[at >> 3] = (char)(unsigned char)(on ? byte | mask : byte & ~mask);
}

// How many are 1.
uint64_t bits_count(const char *p, uint64_t from, uint64_t end);
// The first that is `bit`; `end`: there is none.
uint64_t bits_find(const char *p, bool bit, uint64_t from, uint64_t end);

// An unsigned integer of 1 to 64 bits, highest bit first, that begins at bit `at`. Of a string of n bytes; what lies behind them counts as 0.
uint64_t bits_get(const char *p, size_t n, uint64_t at, unsigned bits);
// All of it lies within the string.
void bits_put(char *p, uint64_t at, unsigned bits, uint64_t value);

// What becomes of several strings, bit by bit; the shorter ones are filled up with zeros.
enum bits_op {
    BITS_AND, // in all
    BITS_OR,  // in one or more
    BITS_XOR, // in an odd number
    BITS_NOT, // of one string: not in it
    BITS_DIFF,  // in the first and in none of the others
    BITS_DIFF1, // in one or more of the others, not in the first
    BITS_ANDOR, // in the first and in one or more of the others
    BITS_ONE,   // in exactly one
};
// `to` has n bytes; a source may begin there, too, but must not overlap with it otherwise. No source is longer than n; there is one or more.
void bits_combine(enum bits_op op, char *to, size_t n, const struct slice *sources, size_t count);

#endif
