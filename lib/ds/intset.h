// A set of integers in one piece of memory: sorted, each as wide as the widest needs. Redis's intset format, so DUMP writes it as it is:
//
//     u32 bytes a member (2, 4, 8) | u32 members | members in ascending order         all little endian
//
// Nothing allocates: the caller makes room.
#ifndef KORA_DS_INTSET_H
#define KORA_DS_INTSET_H

#include "base/base.h"

enum { INTSET_EMPTY = 8 };

void intset_init(char *p); // an empty one, INTSET_EMPTY bytes
size_t intset_count(const char *p);
size_t intset_bytes(const char *p);
bool intset_has(const char *p, int64_t n);
int64_t intset_get(const char *p, size_t i); // i < count
// Bytes of the set with `n` added; intset_bytes if it is there.
size_t intset_bytes_with(const char *p, int64_t n);
bool intset_add(char *p, int64_t n);    // there is room for intset_bytes_with. False: it was there
bool intset_remove(char *p, int64_t n); // false: it was not there
// Whether `size` bytes from anywhere are a well-formed set: widths, count, order.
bool intset_valid(const char *p, size_t size);

#endif
