// Ranks from texts: seven bytes, the first one highest, and below them how many there are:
//
//     0       no text (then the bytes are 0, too)
//     1..8    that many less one, and the text ends with them
//     9       seven, and more follow
//
// So the order of such ranks is that of memcmp with the shorter text first, and equal ranks whose lowest byte is not 9 belong to equal texts.
//
// A run of equal ranks is refined at the next seven bytes; one that all these bytes leave whole is refined behind what all its texts have in
// common. Of the runs that a run falls into the longest is gone on with in the same loop and only the others are recursed into: the depth is at most the
// logarithm of n, whatever the texts are.
#include "ds/ranked.h"

enum { CHUNK = 7, FOLLOWS = CHUNK + 2, FEW = 24, DIGITS = 8, VALUES = 256 };

struct sorting {
    const struct ranked_order *o;
    uint64_t flip; // what ranks are xored with while they are sorted: all ones if down
};

// ---- texts -----------------------------------------------------------------------------------------------------------------

static uint64_t rank_of_text(struct slice s, size_t from) {
    uint64_t rank = 0;
    if (!s.p) return 0;
    size_t n = s.n - from, take = MIN(n, (size_t)CHUNK);
    for (size_t i = 0; i < take; i++) rank |= (uint64_t)(unsigned char)s.p[from + i] << (56 - 8 * i);
    return rank | (n > CHUNK ? FOLLOWS : n + 1);
}

static inline struct slice text_of(const struct sorting *s, const struct ranked *r, char number[NUM_INT_MAX]) {
    return s->o->text(s->o->arg, r->place, number);
}

static void rank_by_text(const struct sorting *s, struct ranked *r, size_t n, size_t from) {
    char number[NUM_INT_MAX];
    for (size_t i = 0; i < n; i++) r[i].rank = rank_of_text(text_of(s, &r[i], number), from) ^ s->flip;
}

// How long the beginning is that all of them have in common; it is known to be `from` at least. All have a text.
static size_t common_prefix(const struct sorting *s, const struct ranked *r, size_t n, size_t from) {
    char number[2][NUM_INT_MAX];
    struct slice first = text_of(s, &r[0], number[0]);
    size_t common = first.n;
    for (size_t i = 1; i < n && common > from; i++) {
        struct slice text = text_of(s, &r[i], number[1]);
        size_t at = from, end = MIN(common, text.n);
        while (at + 8 <= end && load_word(first.p + at) == load_word(text.p + at)) at += 8;
        while (at < end && first.p[at] == text.p[at]) at++;
        common = at;
    }
    return common;
}

static int compare_texts(struct slice a, struct slice b) {
    if (!a.p || !b.p) return (a.p != NULL) - (b.p != NULL);
    size_t n = MIN(a.n, b.n);
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

// ---- by rank ---------------------------------------------------------------------------------------------------------------

static void insertion_by_rank(struct ranked *r, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct ranked x = r[i];
        size_t at = i;
        for (; at > 0 && r[at - 1].rank > x.rank; at--) r[at] = r[at - 1];
        r[at] = x;
    }
}

// Few with equal ranks, by their texts.
static void insertion_by_text(const struct sorting *s, struct ranked *r, size_t n) {
    char number[2][NUM_INT_MAX];
    for (size_t i = 1; i < n; i++) {
        struct ranked x = r[i];
        struct slice text = text_of(s, &x, number[0]);
        size_t at = i;
        for (; at > 0; at--) {
            int order = compare_texts(text_of(s, &r[at - 1], number[1]), text);
            if (s->flip ? order >= 0 : order <= 0) break;
            r[at] = r[at - 1];
        }
        r[at] = x;
    }
}

static void distribute(const struct ranked *from, struct ranked *to, size_t n, int digit, uint64_t counts[VALUES]) {
    uint64_t at = 0;
    for (int v = 0; v < VALUES; v++) {
        uint64_t count = counts[v];
        counts[v] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++) to[counts[from[i].rank >> (8 * digit) & 0xff]++] = from[i];
}

// Stable.
static void sort_by_rank(struct ranked *r, struct ranked *room, size_t n) {
    if (n <= FEW) {
        insertion_by_rank(r, n);
        return;
    }
    uint64_t counts[DIGITS][VALUES] = { 0 };
    for (size_t i = 0; i < n; i++) {
        for (int d = 0; d < DIGITS; d++) counts[d][r[i].rank >> (8 * d) & 0xff]++;
    }
    struct ranked *from = r, *to = room;
    for (int d = 0; d < DIGITS; d++) {
        if (counts[d][r[0].rank >> (8 * d) & 0xff] == n) continue; // the same in all
        distribute(from, to, n, d, counts[d]);
        struct ranked *other = from;
        from = to;
        to = other;
    }
    if (from != r) memcpy(r, from, n * sizeof *r);
}

// ---- runs ------------------------------------------------------------------------------------------------------------------

static size_t run_length(const struct ranked *r, size_t n) {
    size_t i = 1;
    while (i < n && r[i].rank == r[0].rank) i++;
    return i;
}

static bool settled(const struct sorting *s, const struct ranked *r) { return ((r->rank ^ s->flip) & 0xff) != FOLLOWS; }

static void refine(const struct sorting *s, struct ranked *r, struct ranked *room, size_t n, size_t from);

// The runs in r, which is sorted by the bytes before `from`: all are refined but the longest, which is left in *longest, *length (0: there is none).
static void refine_others(const struct sorting *s, struct ranked *r, struct ranked *room, size_t n, size_t from, struct ranked **longest, size_t *length) {
    *length = 0;
    for (size_t i = 0, len; i < n; i += len) {
        len = run_length(r + i, n - i);
        if (len == 1 || settled(s, &r[i])) continue;
        struct ranked *run = r + i;
        size_t shorter = len;
        if (len > *length) {
            shorter = *length;
            *length = len;
            run = *longest;
            *longest = r + i;
        }
        if (shorter) refine(s, run, room, shorter, from);
    }
}

// Sorts what is equal up to `from` by what comes there. Ranks are lost.
static void refine(const struct sorting *s, struct ranked *r, struct ranked *room, size_t n, size_t from) {
    while (n > FEW) {
        struct ranked *longest = r;
        size_t length;
        rank_by_text(s, r, n, from);
        sort_by_rank(r, room, n);
        refine_others(s, r, room, n, from + CHUNK, &longest, &length);
        from += CHUNK;
        if (length == n) from = common_prefix(s, r, n, from);
        r = longest;
        n = length;
    }
    if (n > 1) insertion_by_text(s, r, n);
}

// Sorts r by rank, and each run of equals by text.
static void sort_ranked(const struct sorting *s, struct ranked *r, struct ranked *room, size_t n) {
    sort_by_rank(r, room, n);
    for (size_t i = 0, len; s->o->text && i < n; i += len) {
        uint64_t rank = r[i].rank;
        len = run_length(r + i, n - i);
        if (len == 1 || (s->o->texts_only && settled(s, &r[i]))) continue;
        refine(s, r + i, room, len, s->o->texts_only ? CHUNK : 0);
        for (size_t k = i; k < i + len; k++) r[k].rank = rank;
    }
}

// ---- the door ----------------------------------------------------------------------------------------------------------------

static struct sorting begin(const struct ranked_order *o, struct ranked *r, size_t n) {
    struct sorting s = { o, o->down ? UINT64_MAX : 0 };
    if (o->texts_only) rank_by_text(&s, r, n, 0);
    else for (size_t i = 0; o->down && i < n; i++) r[i].rank = ~r[i].rank;
    return s;
}

static void end(const struct ranked_order *o, struct ranked *r, size_t n) {
    for (size_t i = 0; o->down && i < n; i++) r[i].rank = ~r[i].rank;
}

void ranked_sort(const struct ranked_order *o, struct ranked *r, struct ranked *room, size_t n) {
    struct sorting s = begin(o, r, n);
    sort_ranked(&s, r, room, n);
    end(o, r, n);
}

// What may be among the first is collected at the front, which is sorted and cut whenever it is twice as long as need be.
void ranked_sort_first(const struct ranked_order *o, struct ranked *r, struct ranked *room, size_t n, size_t first) {
    enum { COLLECT_MIN = 1024 };
    size_t cap = MAX(first * 2, (size_t)COLLECT_MIN), have = 0;
    if (first >= n / 4 || n <= COLLECT_MIN) {
        ranked_sort(o, r, room, n);
        return;
    }
    if (first == 0) return;
    struct sorting s = begin(o, r, n);
    uint64_t bound = UINT64_MAX; // of the last one that is wanted so far
    for (size_t i = 0; i < n; i++) {
        if (r[i].rank > bound) continue;
        r[have++] = r[i];
        if (have < cap) continue;
        sort_ranked(&s, r, room, have);
        have = first;
        bound = r[first - 1].rank;
    }
    sort_ranked(&s, r, room, have);
    end(o, r, n);
}
