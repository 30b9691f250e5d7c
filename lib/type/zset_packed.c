// Small sorted sets, see zset_packed.h.
#include "type/zset_packed.h"

#include <math.h>

// ---- scores ----------------------------------------------------------------------------------------------------------------

double zset_packed_score(const char *p, size_t at) {
    struct packed_value v = packed_get(p, packed_next(p, at));
    double n = 0;
    if (likely(!v.bytes.p)) return (double)v.number;
    num_parse_real(v.bytes, &n);
    return n;
}

struct slice zset_packed_text(double score, char text[NUM_REAL_MAX]) {
    const double limit = 0x1p62;
    if (score >= -limit && score <= limit && score == (double)(int64_t)score) return slice_of(text, num_format_int((int64_t)score, text));
    return slice_of(text, num_format_score(score, text));
}

// ---- pairs -----------------------------------------------------------------------------------------------------------------

size_t zset_packed_find(const char *p, struct slice member) { return packed_find(p, packed_first(p), member, 1); }

int zset_packed_compare(const char *p, size_t at, struct slice member) {
    char number[NUM_INT_MAX];
    return slice_compare(packed_string(p, at, number), member);
}

size_t zset_packed_place(const char *p, double score, struct slice member) {
    for (size_t at = packed_first(p); at; at = packed_next(p, packed_next(p, at))) {
        double other = zset_packed_score(p, at);
        if (other > score || (other == score && zset_packed_compare(p, at, member) > 0)) return at;
    }
    return packed_end(p);
}

size_t zset_packed_size(double score, struct slice member) {
    char text[NUM_REAL_MAX];
    return packed_size_of(member) + packed_size_of(zset_packed_text(score, text));
}

size_t zset_packed_size_at(const char *p, size_t at) { return packed_size_at(p, at) + packed_size_at(p, packed_next(p, at)); }

void zset_packed_insert(char *p, size_t at, double score, struct slice member) {
    char text[NUM_REAL_MAX];
    packed_insert(p, at, zset_packed_text(score, text));
    packed_insert(p, at, member);
}

void zset_packed_check(const char *p) {
    invariant(packed_valid(p, packed_bytes(p)) && packed_count(p) % 2 == 0);
    for (size_t at = packed_first(p), before = 0; at; before = at, at = packed_next(p, packed_next(p, at))) {
        char number[NUM_INT_MAX], text[NUM_REAL_MAX];
        double score = zset_packed_score(p, at), last = before ? zset_packed_score(p, before) : -INFINITY;
        struct slice member = packed_string(p, at, number);
        invariant(!isnan(score) && packed_equal(p, packed_next(p, at), zset_packed_text(score, text)));
        invariant(last < score || !before || (last == score && zset_packed_compare(p, before, member) < 0));
        invariant(zset_packed_find(p, member) == at);
    }
}
