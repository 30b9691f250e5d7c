// The keyed hash of keys. Without its key, which comes from the system's entropy at open and never leaves the process, nobody can choose
// inputs that collide.
//
// Where the processor has AES instructions, inputs go through AES rounds (the construction is that of Go's and Rust's hash tables); elsewhere
// it is SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; one compression and three finalization rounds). So a
// hash means something within one process only, and is never stored.
#ifndef KORA_BASE_HASH_H
#define KORA_BASE_HASH_H

#include "base/base.h"

struct hash_key {
    uint64_t k0, k1;
};

struct hash_name {
    uint64_t hash, brace;
};

// The hash, and (brace != 0) whether there is a '{' among the bytes, which the names of keys are searched for, in one pass. The key comes by
// address: in two registers it would be stored as two words and read as one, which a processor can't forward, and every hash would wait until all that
// came before it is done.
struct hash_name hash_name(const struct hash_key *key, const void *p, size_t n);
static inline uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n) { return hash_name(key, p, n).hash; }
uint64_t hash_sip(const struct hash_key *key, const void *p, size_t n); // the same on every machine

#endif
