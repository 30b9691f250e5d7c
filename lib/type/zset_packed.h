// Small sorted sets: member and score in turn in a packed list, ordered by score, then by the bytes of the member (Redis's form, so DUMP
// writes it as it is). A score is an integer element where it is integral and below 2^62, else its text (num_format_score).
//
// Positions are those of members. What changes a list works in place; zset_packed_size tells how much room a pair takes.
#ifndef KORA_TYPE_ZSET_PACKED_H
#define KORA_TYPE_ZSET_PACKED_H

#include "ds/packed.h"

double zset_packed_score(const char *p, size_t at); // of the member there
size_t zset_packed_find(const char *p, struct slice member); // 0: it is not there
size_t zset_packed_place(const char *p, double score, struct slice member); // where it would be inserted
size_t zset_packed_size(double score, struct slice member);
size_t zset_packed_size_at(const char *p, size_t at);
void zset_packed_insert(char *p, size_t at, double score, struct slice member);
// The element's bytes against those of another member, as memcmp.
int zset_packed_compare(const char *p, size_t at, struct slice member);
struct slice zset_packed_text(double score, char text[NUM_REAL_MAX]); // how a score is stored
// Tests: aborts where pairs, scores or their order are not as told above.
void zset_packed_check(const char *p);

// Bytes in Redis's order.
static inline int slice_compare(struct slice a, struct slice b) {
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

#endif
