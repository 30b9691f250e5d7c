// CRC-64 as Redis uses it in DUMP and RDB files ("Jones": polynomial 0xad93d23594c935a9, reflected, begins with 0, no final inversion).
#ifndef KORA_BASE_CRC64_H
#define KORA_BASE_CRC64_H

#include "base/base.h"

// Goes on from `crc`, that of the bytes before (0: none): crc64(crc64(0, a), b) is the CRC of a and b together.
uint64_t crc64(uint64_t crc, const void *p, size_t n);

#endif
