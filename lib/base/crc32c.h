// CRC-32C (Castagnoli; RFC 3720, appendix B.4): by the processor's instruction where it has one, else by tables.
#ifndef KORA_BASE_CRC32C_H
#define KORA_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// Goes on from `crc`, which is 0 at the start: crc32c(crc32c(0, a), b) is that of a followed by b. "123456789" has 0xe3069283.
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
uint32_t crc32c_tables(uint32_t crc, const void *p, size_t n); // the same without the instruction

#endif
