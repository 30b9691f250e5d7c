// Packed lists and integer sets from any bytes. What must hold:
//   - whether they are valid is told without a look outside of them (they lie in allocations of exactly their size, for ASan)
//   - a list that is can be walked both ways, to the same elements, each of which is found; built anew from them, it is the same bytes
//   - whatever is inserted, replaced, removed or appended, it stays valid, and the elements are those that they should be
//   - a set that is holds what it says; with numbers added and removed, it stays valid
// Input: four bytes that seed the changes, the list or set.
#include "base/random.h"
#include "ds/intset.h"
#include "ds/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_packed: %s (line %d)\n", what, line);
    abort();
}

static char *copy_of(const char *p, size_t n) {
    char *copy = malloc(n + (n == 0));
    CHECK(copy);
    if (n > 0) memcpy(copy, p, n);
    return copy;
}

static char *resized(char *p, size_t n) {
    p = realloc(p, n);
    CHECK(p);
    return p;
}

// ---- lists

static size_t check_walks(const char *p) {
    char number[NUM_INT_MAX];
    size_t count = 0, before = 0, bytes = PACKED_EMPTY;
    for (size_t at = packed_first(p); at; at = packed_next(p, at), count++) {
        struct slice s = packed_string(p, at, number);
        CHECK(packed_size_at(p, at) == packed_size_of(s) && packed_equal(p, at, s));
        CHECK(packed_find(p, at, s, 0) == at);
        CHECK(packed_previous(p, at) == before);
        bytes += packed_size_at(p, at);
        before = at;
    }
    CHECK(packed_last(p) == before && packed_bytes(p) == bytes && packed_count(p) == count);
    return count;
}

static void check_rebuilt(const char *p) {
    char number[NUM_INT_MAX];
    size_t bytes = packed_bytes(p);
    char *again = resized(NULL, bytes);
    packed_init(again);
    for (size_t at = packed_first(p); at; at = packed_next(p, at)) packed_insert(again, packed_end(again), packed_string(p, at, number));
    CHECK(packed_bytes(again) == bytes && memcmp(again + 6, p + 6, bytes - 6) == 0);
    free(again);
}

// A few bytes of the input, or an integer.
static struct slice some_text(struct random *r, const char *input, size_t n, char number[NUM_INT_MAX]) {
    if (random_below(r, 2)) return slice_of(number, num_format_int((int64_t)random_next(r) >> random_below(r, 64), number));
    size_t from = (size_t)random_below(r, n), length = (size_t)random_below(r, 20);
    return slice_of(input + from, MIN(length, n - from));
}

static char *insert(char *p, int64_t i, struct slice s) {
    size_t count = packed_count(p), at = packed_index(p, i);
    p = resized(p, packed_bytes(p) + packed_size_of(s));
    packed_insert(p, at ? at : packed_end(p), s);
    CHECK(packed_equal(p, at ? at : packed_last(p), s) && packed_count(p) == count + 1);
    return p;
}

static char *replace(char *p, int64_t i, struct slice s) {
    size_t count = packed_count(p), at = packed_index(p, i);
    if (!at) return p;
    size_t bytes = packed_bytes(p) - packed_size_at(p, at) + packed_size_of(s);
    p = resized(p, MAX(bytes, packed_bytes(p)));
    packed_replace(p, at, s);
    CHECK(packed_equal(p, at, s) && packed_count(p) == count && packed_bytes(p) == bytes);
    return resized(p, bytes);
}

static char *take(char *p, int64_t i, size_t n) {
    size_t count = packed_count(p), at = packed_index(p, i);
    if (!at) return p;
    packed_remove(p, at, n);
    CHECK(packed_count(p) == ((size_t)i + n > count ? (size_t)i : count - n));
    return resized(p, packed_bytes(p));
}

static char *append(char *p, int64_t i, int64_t j) {
    size_t count = packed_count(p), bytes = packed_bytes(p);
    char *from = copy_of(p, bytes);
    size_t at = packed_index(from, MIN(i, j)), to = packed_index(from, MAX(i, j));
    if (!at) at = packed_end(from);
    if (!to) to = packed_end(from);
    p = resized(p, bytes + (to - at));
    packed_append_range(p, from, at, to);
    size_t added = MIN((size_t)MAX(i, j), count) - MIN((size_t)MIN(i, j), count);
    CHECK(packed_count(p) == count + added && packed_bytes(p) == bytes + (to - at));
    free(from);
    return p;
}

static void check_list(const char *input, size_t n, struct random *r) {
    char *p = copy_of(input, n);
    if (packed_valid(p, n)) {
        check_walks(p);
        check_rebuilt(p);
        for (unsigned i = 0; i < 16; i++) {
            char number[NUM_INT_MAX];
            struct slice s = some_text(r, input, n, number);
            size_t places = packed_count(p) + 1;
            int64_t at = (int64_t)random_below(r, places), to = (int64_t)random_below(r, places);
            switch (random_below(r, 4)) {
            case 0: p = insert(p, at, s); break;
            case 1: p = replace(p, at, s); break;
            case 2: p = take(p, at, (size_t)random_below(r, 4)); break;
            default: p = append(p, at, MIN(to, at + 8)); break;
            }
            CHECK(packed_valid(p, packed_bytes(p)));
            check_walks(p);
        }
    }
    free(p);
}

// ---- sets

static void check_members(const char *p) {
    for (size_t i = 0; i < intset_count(p); i++) CHECK(intset_has(p, intset_get(p, i)));
}

static void check_set(const char *input, size_t n, struct random *r) {
    char *p = copy_of(input, n);
    if (intset_valid(p, n)) {
        CHECK(intset_bytes(p) == n);
        check_members(p);
        for (unsigned i = 0; i < 16; i++) {
            size_t count = intset_count(p);
            int64_t k = (int64_t)random_next(r) >> random_below(r, 64);
            if (count > 0 && random_below(r, 2)) k = intset_get(p, (size_t)random_below(r, count));
            bool there = intset_has(p, k), adds = random_below(r, 2) > 0;
            if (adds) p = resized(p, intset_bytes_with(p, k));
            CHECK(adds ? intset_add(p, k) == !there : intset_remove(p, k) == there);
            p = resized(p, intset_bytes(p));
            CHECK(intset_has(p, k) == adds && intset_valid(p, intset_bytes(p)));
            CHECK(intset_count(p) == count + (adds && !there) - (!adds && there));
            check_members(p);
        }
    }
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t seed;
    if (size <= sizeof seed) return 0;
    memcpy(&seed, data, sizeof seed);
    struct random r;
    random_seed(&r, seed);
    const char *input = (const char *)data + sizeof seed;
    check_list(input, size - sizeof seed, &r);
    check_set(input, size - sizeof seed, &r);
    return 0;
}
