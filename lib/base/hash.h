// The keyed hash: SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; one compression and three
// finalization rounds). Without the key, which comes from the system's entropy at open, nobody can make keys collide.
#ifndef KORA_BASE_HASH_H
#define KORA_BASE_HASH_H

#include "base/base.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_key key, const void *p, size_t n);

#endif
