// Numbers to and from text, exactly as Redis accepts and prints them.
#ifndef KORA_BASE_NUM_H
#define KORA_BASE_NUM_H

#include "base/base.h"

// A 64-bit integer in its one canonical form: no sign but '-', no leading zeros or spaces, "-0" refused (string2ll).
bool num_parse_int(struct slice s, int64_t *n);
// Decimal digits of n into `to`; returns the length, at most NUM_INT_MAX. No zero byte.
enum { NUM_INT_MAX = 20 };
size_t num_format_int(int64_t n, char *to);
size_t num_format_uint(uint64_t n, char *to);

// A finite or infinite long double or double as Redis reads one: the whole text, no spaces, no nan.
bool num_parse_real(struct slice s, double *n);
// As strtod reads it: space in front, nothing at all (0), and what is too large (infinite) or too small (0) are no errors; a zero byte ends it.
bool num_parse_loose(struct slice s, double *n);
// Likewise, but what is too large or too small, and a number so small that it lost digits, is an error: as SORT reads weights.
bool num_parse_weight(struct slice s, double *n);
bool num_parse_long_real(struct slice s, long double *n);
// As Redis prints INCRBYFLOAT: 17 digits behind the point, trailing zeros cut, never an exponent. Returns the length; 0: it does not fit.
enum { NUM_LONG_REAL_MAX = 5 * 1024 };
size_t num_format_long_real(long double n, char *to, size_t size);
// Shortest text that reads back as the same double, as RESP3 doubles are printed ("inf", "-inf", "3", "0.1").
enum { NUM_REAL_MAX = 40 };
size_t num_format_real(double n, char *to);
// 17 digits at most, as "%.17g": how Redis prints scores, and stores them.
size_t num_format_score(double n, char *to);
// With `digits` behind the point, as "%.*f". Returns the length; 0: it does not fit.
size_t num_format_fixed(double n, int digits, char *to, size_t size);
// A size such as "64mb", "1g", "512" (Redis's configuration units: k=1000, kb=1024 ...). False: not one, or above 2^63-1.
bool num_parse_size(struct slice s, uint64_t *n);

#endif
