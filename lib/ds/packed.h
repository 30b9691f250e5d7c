// A packed list: a short sequence of strings and integers in one piece of memory, in Redis's listpack format (so what DUMP writes, and a
// stream's nodes, are these bytes as they are):
//
//     u32 bytes in all | u16 elements (65535: count them) | element ... | 0xff
//     element: encoding and data | length of these, backwards readable, 1 to 5 bytes
//
// All integers little endian. A string that is the canonical text of a 64-bit integer is stored as the integer.
// Positions are offsets from the start of the list; that of an element is where its encoding begins. They stay valid until the list changes.
//
// The functions that change a list work in place, on memory that the caller has made large enough (packed_*_size tell); none allocates.
// Source of the format: Redis's listpack.md specification.
#ifndef KORA_DS_PACKED_H
#define KORA_DS_PACKED_H

#include "base/base.h"
#include "base/num.h"

enum { PACKED_EMPTY = 7, PACKED_COUNT_UNKNOWN = 65535 };

// What an element is: a string in the list, or an integer (bytes.p NULL).
struct packed_value {
    struct slice bytes;
    int64_t number;
};

void packed_init(char *p);                  // an empty one, PACKED_EMPTY bytes
size_t packed_bytes(const char *p);         // in all
size_t packed_count(const char *p);         // elements

// Positions: 0 is none (an element never is there).
size_t packed_first(const char *p);
size_t packed_last(const char *p);
size_t packed_next(const char *p, size_t at);     // 0: at was the last
size_t packed_previous(const char *p, size_t at); // 0: at was the first
size_t packed_index(const char *p, int64_t i);    // the i-th element, negative from the end (-1 the last); 0: there is none. From the nearer end
static inline size_t packed_end(const char *p) { return packed_bytes(p) - 1; } // where an element is appended

struct packed_value packed_get(const char *p, size_t at);
// Its bytes; an integer is written into `number`.
struct slice packed_string(const char *p, size_t at, char number[NUM_INT_MAX]);
// Its value as an integer. False: it is none.
bool packed_integer(const char *p, size_t at, int64_t *n);
bool packed_equal(const char *p, size_t at, struct slice s);
// The first element equal to `s`, from position `at` (0: none to look at) on, passing over `skip` elements after each that is looked at. 0: none.
size_t packed_find(const char *p, size_t at, struct slice s, size_t skip);

size_t packed_size_of(struct slice s);              // bytes that an element takes
size_t packed_size_at(const char *p, size_t at);    // bytes that the element there takes

// Inserts before `at` (packed_end: appends). There is room for packed_bytes + packed_size_of(s). `s` must not point into the list.
void packed_insert(char *p, size_t at, struct slice s);
// Replaces the element; room likewise (packed_bytes - packed_size_at + packed_size_of).
void packed_replace(char *p, size_t at, struct slice s);
// Removes `n` elements from `at` on (fewer, if there are fewer). Afterwards `at` is the position of what followed, or packed_end.
void packed_remove(char *p, size_t at, size_t n);
// Appends elements from..to (positions; to may be packed_end) of another list. Room for as many bytes.
void packed_append_range(char *p, const char *from, size_t at, size_t to);
// The same at the front without moving what is there: the list's beginning moves instead. There is room for packed_size_of(s) before p; how many
// elements it has must be known (as it is below PACKED_COUNT_UNKNOWN bytes). They return where the list begins now.
char *packed_prepend(char *p, struct slice s);
char *packed_cut(char *p, size_t to, size_t n); // takes away the n elements before position `to`

// Integers as they are, and many elements behind each other: each call writes one at `to`, and returns where the next one goes; packed_extend then makes
// the list, at whose packed_end the first was written, end at `end`, with `n` elements more.
enum { PACKED_OVERHEAD_MAX = 10, PACKED_INT_MAX = 10 }; // bytes beside those of a string; bytes of an integer
char *packed_write(char *to, struct slice s);
char *packed_write_int(char *to, int64_t n);
void packed_extend(char *p, const char *end, size_t n);
size_t packed_size_of_int(int64_t n);
void packed_replace_int(char *p, size_t at, int64_t n); // room as for packed_replace

// Whether `n` bytes from anywhere are a well-formed list: header, every element within, lengths both ways, the end. Nothing is trusted.
// Each element must be in the form that it has when inserted, which Redis writes, too: the shortest, and an integer never as text.
bool packed_valid(const char *p, size_t n);

#endif
