// The packed list against an array of strings, bytes that redis-server 7.0 wrote, and bytes that nobody wrote.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/packed.h"

enum { MODEL_MAX = 40, ROOM = 4 << 20 };

static bool long_form(void) { return getenv("KORA_TEST_LONG") != NULL; }

// ---- the model

struct text {
    char *p;
    size_t n;
};

struct fixture {
    struct random r;
    char *p, *other;
    struct text t[MODEL_MAX * 3];
    size_t n;
};

static struct slice slice_text(struct text t) { return slice_of(t.p, t.n); }

static struct text text_copy(struct slice s) {
    struct text t = { malloc(s.n + (s.n == 0)), s.n };
    assert_non_null(t.p);
    if (s.n > 0) memcpy(t.p, s.p, s.n);
    return t;
}

// Around each border: of the encodings, the lengths, the backwards lengths.
static size_t some_length(struct random *r) {
    static const size_t borders[] = { 6, 7, 8, 14, 15, 16, 22, 63, 125, 126, 127 }, far[] = { 4095, 16377, 16378, 16382 };
    uint64_t kind = random_below(r, 100);
    if (kind == 0) return far[random_below(r, ARRAY_LEN(far))] + (size_t)random_below(r, 4) - 1;
    if (kind < 30) return borders[random_below(r, ARRAY_LEN(borders))] + (size_t)random_below(r, 4) - 1;
    return (size_t)random_below(r, 12);
}

static int64_t some_int(struct random *r) {
    static const unsigned bits[] = { 0, 7, 12, 15, 23, 31, 63 };
    uint64_t n;
    if (random_below(r, 2)) n = ((uint64_t)1 << bits[random_below(r, ARRAY_LEN(bits))]) + random_below(r, 5) - 2;
    else n = random_next(r) >> random_below(r, 64);
    return (int64_t)(random_below(r, 2) ? n : 0 - n);
}

static struct text some_text(struct random *r) {
    char number[NUM_INT_MAX];
    if (random_below(r, 2)) return text_copy(slice_of(number, num_format_int(some_int(r), number)));
    struct text t = { NULL, some_length(r) };
    t.p = malloc(t.n + (t.n == 0));
    assert_non_null(t.p);
    const char *letters = random_below(r, 3) ? "ab" : "0123456789-"; // few: texts that are equal, alike, nearly integers
    for (size_t i = 0, n = strlen(letters); i < t.n; i++) t.p[i] = letters[random_below(r, n)];
    return t;
}

static void model_insert(struct fixture *f, size_t i, struct text t) {
    memmove(f->t + i + 1, f->t + i, (f->n - i) * sizeof *f->t);
    f->t[i] = t;
    f->n++;
}

static void model_remove(struct fixture *f, size_t i, size_t n) {
    for (size_t k = i; k < i + n; k++) free(f->t[k].p);
    memmove(f->t + i, f->t + i + n, (f->n - i - n) * sizeof *f->t);
    f->n -= n;
}

static void begin(struct fixture *f, uint64_t seed) {
    memset(f, 0, sizeof *f);
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&f->r, seed);
    f->p = malloc(ROOM);
    f->other = malloc(ROOM);
    assert_true(f->p && f->other);
    packed_init(f->p);
}

static void end(struct fixture *f) {
    model_remove(f, 0, f->n);
    free(f->p);
    free(f->other);
}

// ---- what must hold

static void check_element(const char *p, size_t at, struct slice s) {
    char number[NUM_INT_MAX];
    int64_t n, found;
    bool is_int = num_parse_int(s, &n);
    assert_true(slice_equal(packed_string(p, at, number), s));
    assert_true(packed_equal(p, at, s));
    assert_int_equal(packed_integer(p, at, &found), is_int);
    struct packed_value v = packed_get(p, at);
    assert_int_equal(v.bytes.p == NULL, is_int);
    if (is_int) assert_true(found == n && v.number == n);
    assert_int_equal(packed_size_at(p, at), packed_size_of(s));
}

static void check_all(const struct fixture *f) {
    const char *p = f->p;
    size_t at = packed_first(p), before = 0, bytes = PACKED_EMPTY;
    assert_int_equal(packed_count(p), f->n);
    for (size_t i = 0; i < f->n; i++) {
        assert_int_not_equal(at, 0);
        check_element(p, at, slice_text(f->t[i]));
        assert_int_equal(packed_previous(p, at), before);
        assert_int_equal(packed_index(p, (int64_t)i), at);
        assert_int_equal(packed_index(p, (int64_t)i - (int64_t)f->n), at);
        bytes += packed_size_at(p, at);
        before = at;
        at = packed_next(p, at);
    }
    assert_int_equal(at, 0);
    assert_int_equal(packed_last(p), before);
    assert_int_equal(packed_bytes(p), bytes);
    assert_int_equal(packed_index(p, (int64_t)f->n), 0);
    assert_int_equal(packed_index(p, -(int64_t)f->n - 1), 0);
    assert_int_equal(packed_index(p, INT64_MAX), 0);
    assert_int_equal(packed_index(p, INT64_MIN), 0);
    assert_true(packed_valid(p, bytes));
}

// In a copy of exactly its size, so that ASan sees what looks beyond.
static void check_find(struct fixture *f) {
    size_t bytes = packed_bytes(f->p), skip = (size_t)random_below(&f->r, 3), from = (size_t)random_below(&f->r, f->n + 1), found = 0;
    char *p = malloc(bytes);
    assert_non_null(p);
    memcpy(p, f->p, bytes);
    struct text t = f->n > 0 && random_below(&f->r, 2) ? text_copy(slice_text(f->t[random_below(&f->r, f->n)])) : some_text(&f->r);
    for (size_t i = from; i < f->n && !found; i += skip + 1) {
        if (slice_equal(slice_text(f->t[i]), slice_text(t))) found = packed_index(p, (int64_t)i);
        assert_int_equal(packed_equal(p, packed_index(p, (int64_t)i), slice_text(t)), found != 0);
    }
    assert_int_equal(packed_find(p, packed_index(p, (int64_t)from), slice_text(t), skip), found);
    free(t.p);
    free(p);
}

static size_t position(const struct fixture *f, size_t i) { return i == f->n ? packed_end(f->p) : packed_index(f->p, (int64_t)i); }

static void step_append(struct fixture *f) {
    size_t from = (size_t)random_below(&f->r, f->n + 1), to = from + (size_t)random_below(&f->r, f->n - from + 1), n = f->n;
    if (random_below(&f->r, 3) == 0) from = 0, to = n;
    memcpy(f->other, f->p, packed_bytes(f->p));
    packed_append_range(f->p, f->other, position(f, from), position(f, to));
    for (size_t i = from; i < to; i++) model_insert(f, f->n, text_copy(slice_text(f->t[i])));
}

static void step(struct fixture *f) {
    uint64_t kind = random_below(&f->r, 20);
    size_t i = (size_t)random_below(&f->r, f->n + 1);
    if (kind == 0 && f->n <= MODEL_MAX) {
        step_append(f);
    } else if (kind < 7 && i < f->n) {
        free(f->t[i].p);
        f->t[i] = some_text(&f->r);
        size_t bytes = packed_bytes(f->p) - packed_size_at(f->p, position(f, i)) + packed_size_of(slice_text(f->t[i]));
        packed_replace(f->p, position(f, i), slice_text(f->t[i]));
        assert_int_equal(packed_bytes(f->p), bytes);
    } else if (kind < 16 && f->n <= MODEL_MAX) {
        struct text t = some_text(&f->r);
        size_t at = position(f, i), bytes = packed_bytes(f->p) + packed_size_of(slice_text(t));
        packed_insert(f->p, at, slice_text(t));
        assert_int_equal(packed_bytes(f->p), bytes);
        model_insert(f, i, t);
    } else {
        size_t n = (size_t)random_below(&f->r, 4), at = position(f, i);
        if (random_below(&f->r, 100) == 0) n = SIZE_MAX;
        packed_remove(f->p, at, n);
        model_remove(f, i, MIN(n, f->n - i));
        assert_int_equal(at, position(f, i));
    }
}

static void test_model(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 20240611);
    check_all(&f);
    for (size_t i = 0, n = long_form() ? 10 * 1000 * 1000 : 40 * 1000; i < n; i++) {
        step(&f);
        check_all(&f);
        check_find(&f);
    }
    end(&f);
}

// ---- the bytes that redis-server 7.0.15 has, of hashes with these fields and values

struct golden {
    struct slice bytes;
    const char *texts[24];
};

#define BYTES(literal) \
    { literal, sizeof(literal) - 1 }
static const struct golden goldens[] = {
    { BYTES(
          "\x83\x00\x00\x00\x16\x00\x84name\x05\x84Kora\x05\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xd0\x00\x02\xcf\xff\x02\xf1\x00\x10\x03"
          "\xf1\x00\x80\x03\xf2\x00\x80\x00\x04\xf2\x00\x00\x80\x04\xf3\x00\x00\x80\x00\x05\xf3\x00\x00\x00\x80\x05\xf4\x00\x00\x00\x80\x00"
          "\x00"
          "\x00\x00\t\xf4\x00\x00\x00\x00\x00\x00\x00\x80\t\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\t\x93"
          "9223372036854775808\x14\x82-0\x03\x83"
          "007\x04\x80\x01\x82+1\x03\xff"),
        { "name", "Kora", "0", "127", "128", "-1", "-4096", "4095", "4096", "-32768", "32768", "-8388608", "8388608", "-2147483648",
            "2147483648", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "-0", "007", "", "+1" } },
    { BYTES("\x4b\x00\x00\x00\x04\x00\xf1\xff\xef\x03\xf2\xff\x7f\xff\x04\xf3\xff\xff\x7f\xff\x05\xb3"
            "a string with a header of one byte, of 51 in length\x34\xff"),
        { "-4097", "-32769", "-8388609", "a string with a header of one byte, of 51 in length" } },
};

static void test_golden(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        const struct golden *g = &goldens[i];
        char p[256];
        assert_true(packed_valid(g->bytes.p, g->bytes.n));
        packed_init(p);
        for (size_t k = 0; g->texts[k]; k++) packed_insert(p, packed_end(p), slice_str(g->texts[k]));
        assert_true(slice_equal(slice_of(p, packed_bytes(p)), g->bytes));
        for (size_t k = 0; g->texts[k]; k++) check_element(g->bytes.p, packed_index(g->bytes.p, (int64_t)k), slice_str(g->texts[k]));
    }
}

// A string of `n` bytes as a list's only element: its encoding and the backwards length, as in Redis's.
static void check_long(size_t n, const char *head, size_t head_n, const char *back, size_t back_n) {
    struct slice s = slice_of(malloc(n), n);
    char *p = malloc(PACKED_EMPTY + n + 16);
    assert_true(s.p && p);
    memset((void *)(uintptr_t)s.p, 'x', n);
    packed_init(p);
    packed_insert(p, packed_end(p), s);
    size_t bytes = packed_bytes(p);
    assert_int_equal(bytes, PACKED_EMPTY + head_n + n + back_n);
    assert_memory_equal(p + 6, head, head_n);
    assert_memory_equal(p + bytes - 1 - back_n, back, back_n);
    packed_insert(p, 6, SLICE(""));
    assert_int_equal(packed_find(p, packed_first(p), s, 0), 8);
    assert_int_equal(packed_find(p, packed_first(p), slice_of(s.p, n - 1), 0), 0);
    assert_int_equal(packed_previous(p, packed_end(p)), 8);
    assert_true(packed_equal(p, 8, s) && packed_valid(p, packed_bytes(p)));
    free((void *)(uintptr_t)s.p);
    free(p);
}

#define LONG_TEXT(n, head, back) check_long(n, head, sizeof(head) - 1, back, sizeof(back) - 1)

static void test_long_texts(void **state) {
    (void)state;
    LONG_TEXT(63, "\xbf", "\x40");
    LONG_TEXT(64, "\xe0\x40", "\x42");
    LONG_TEXT(125, "\xe0\x7d", "\x7f");
    LONG_TEXT(126, "\xe0\x7e", "\x01\x80");
    LONG_TEXT(4095, "\xef\xff", "\x20\x81");
    LONG_TEXT(4096, "\xf0\x00\x10\x00\x00", "\x20\x85");
    LONG_TEXT(16377, "\xf0\xf9\x3f\x00\x00", "\x7f\xfe");
    LONG_TEXT(16378, "\xf0\xfa\x3f\x00\x00", "\x00\xff\xff");
    LONG_TEXT(2097145, "\xf0\xf9\xff\x1f\x00", "\x7f\xff\xfe");
    LONG_TEXT(2097146, "\xf0\xfa\xff\x1f\x00", "\x00\xff\xff\xff");
    if (!long_form()) return;
    LONG_TEXT(268435449, "\xf0\xf9\xff\xff\x0f", "\x7f\xff\xff\xfe");
    LONG_TEXT(268435450, "\xf0\xfa\xff\xff\x0f", "\x00\xff\xff\xff\xff");
}

// What is looked for is there byte for byte, but not as an element.
static void test_alike(void **state) {
    (void)state;
    char p[1000], text[400];
    packed_init(p);
    packed_insert(p, packed_end(p), SLICE("7523094288207667809")); // is the bytes of the text in 64 bits
    assert_memory_equal(p + 7, "abcdefgh", 8);
    assert_int_equal(packed_find(p, packed_first(p), SLICE("abcdefgh"), 0), 0);
    memset(text, 'x', sizeof text);
    memcpy(text + 256, "\x02\x82", 2); // the length that stands behind a string of 256
    packed_init(p);
    packed_insert(p, packed_end(p), slice_of(text, 300));
    assert_int_equal(packed_find(p, packed_first(p), slice_of(text, 256), 0), 0);
    packed_insert(p, packed_end(p), slice_of(text, 256));
    assert_int_equal(packed_find(p, packed_first(p), slice_of(text, 256), 0), packed_last(p));
}

// ---- more than the header can count

static unsigned header_count(const char *p) { return (unsigned char)p[4] | (unsigned)(unsigned char)p[5] << 8; }

static void append_numbers(char *p, size_t from, size_t to) {
    char number[NUM_INT_MAX];
    for (size_t i = from; i < to; i++) packed_insert(p, packed_end(p), slice_of(number, num_format_uint(i, number)));
}

static void check_at(const char *p, int64_t i, int64_t n) {
    int64_t found;
    size_t at = packed_index(p, i);
    assert_true(at != 0 && packed_integer(p, at, &found) && found == n);
}

static void test_many(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 0);
    char *p = f.p;
    append_numbers(p, 0, 65534);
    assert_int_equal(header_count(p), 65534);
    append_numbers(p, 65534, 70000);
    assert_int_equal(header_count(p), 65535);
    assert_int_equal(packed_count(p), 70000);
    assert_true(packed_valid(p, packed_bytes(p)));
    check_at(p, 0, 0), check_at(p, 69999, 69999), check_at(p, -1, 69999), check_at(p, -70000, 0), check_at(p, 66000, 66000);
    assert_int_equal(packed_index(p, 70000), 0);
    assert_int_equal(packed_index(p, -70001), 0);
    for (size_t left = 70000; left > 60000; left -= 10) {
        packed_remove(p, packed_index(p, 65), 10);
        assert_true(header_count(p) == 65535 || header_count(p) == left - 10);
        if (left % 100 == 0) assert_int_equal(packed_count(p), left - 10);
    }
    assert_int_equal(header_count(p), 60000); // is exact again
    packed_init(f.other);
    packed_append_range(f.other, p, packed_index(p, 10), packed_end(p));
    assert_int_equal(header_count(f.other), 59990);
    packed_append_range(f.other, p, packed_first(p), packed_end(p));
    assert_int_equal(header_count(f.other), 65535);
    assert_int_equal(packed_count(f.other), 119990);
    packed_remove(f.other, packed_first(f.other), SIZE_MAX);
    assert_int_equal(packed_bytes(f.other), PACKED_EMPTY);
    assert_int_equal(header_count(f.other), 0);
    for (size_t i = 0; i < 66000; i++) packed_insert(f.other, 6, SLICE("7")); // the smallest there are
    check_at(f.other, 65999, 7), check_at(f.other, -66000, 7);
    packed_remove(f.other, packed_first(f.other), 66000);
    assert_int_equal(header_count(f.other), 0);
    end(&f);
}

// ---- what is no list

// Whether it is one is for packed_valid to say; all that it lets through can be walked and changed.
static void survive(struct random *r, const char *bytes, size_t n) {
    char *p = malloc(n + (n == 0)), number[NUM_INT_MAX];
    assert_non_null(p);
    if (n > 0) memcpy(p, bytes, n);
    if (packed_valid(p, n)) {
        size_t count = 0;
        for (size_t at = packed_first(p); at; at = packed_next(p, at), count++) {
            struct slice s = packed_string(p, at, number);
            assert_int_equal(packed_find(p, at, s, 0), at);
        }
        assert_int_equal(packed_count(p), count);
        for (size_t at = packed_last(p); at; at = packed_previous(p, at)) count--;
        assert_int_equal(count, 0);
        while (packed_bytes(p) > PACKED_EMPTY) {
            packed_remove(p, packed_first(p), 1 + (size_t)random_below(r, 3));
            assert_true(packed_valid(p, packed_bytes(p)));
        }
    }
    free(p);
}

// Cut off, but the header and the end are those of a list.
static void survive_cut(struct random *r, const char *bytes, size_t n) {
    char *p = malloc(n);
    uint32_t size = (uint32_t)n;
    assert_non_null(p);
    memcpy(p, bytes, n);
    memcpy(p, &size, sizeof size);
    p[4] = p[5] = p[n - 1] = (char)0xff;
    survive(r, p, n);
    free(p);
}

static void survive_changes(struct random *r, const char *bytes, size_t n) {
    char *p = malloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        assert_false(packed_valid(bytes, i));
        survive(r, bytes, i);
        if (i >= PACKED_EMPTY) survive_cut(r, bytes, i);
        memcpy(p, bytes, n);
        for (unsigned byte = 0; byte < 256; byte++) {
            p[i] = (char)byte;
            survive(r, p, n);
        }
        for (unsigned k = 0; k < 30; k++) {
            memcpy(p, bytes, n);
            for (uint64_t changes = 2 + random_below(r, 3); changes > 0; changes--) p[random_below(r, n)] = (char)random_next(r);
            survive(r, p, n);
        }
    }
    free(p);
}

static void test_hostile(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 77);
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) survive_changes(&f.r, goldens[i].bytes.p, goldens[i].bytes.n);
    for (size_t i = 0, n = long_form() ? 60 : 3; i < n; i++) {
        while (packed_bytes(f.p) > 400 || f.n < 4) step(&f);
        survive_changes(&f.r, f.p, packed_bytes(f.p));
        step(&f);
    }
    end(&f);
}

// One element, or none, of these bytes, in a list that is in order but for it.
static bool valid_around(struct slice element) {
    size_t n = PACKED_EMPTY + element.n;
    char *p = malloc(n);
    assert_non_null(p);
    packed_init(p);
    memcpy(p + 6, element.p, element.n);
    p[n - 1] = (char)0xff;
    p[0] = (char)n;
    p[4] = 1;
    bool valid = packed_valid(p, n);
    free(p);
    return valid;
}

static void test_forms(void **state) {
    (void)state;
    assert_true(valid_around(SLICE("\x05\x01")));
    assert_true(valid_around(SLICE("\x81z\x02")));
    assert_false(valid_around(SLICE("\x05\x02")));     // another length behind it
    assert_false(valid_around(SLICE("\x05\x00\x81"))); // the right one, in two bytes
    assert_false(valid_around(SLICE("\x81"
                                    "5\x02")));                                    // an integer as text
    assert_false(valid_around(SLICE("\xc0\x05\x02")));                             // in 13 bits, but 7 do
    assert_false(valid_around(SLICE("\xf1\x00\x01\x03")));                         // in 16 bits, but 13 do
    assert_false(valid_around(SLICE("\xf4\x00\x00\x01\x00\x00\x00\x00\x00\x09"))); // in 64, but 24 do
    assert_false(valid_around(SLICE("\xe0\x01z\x03")));                            // a short string in the form of longer ones
    assert_false(valid_around(SLICE("\xf0\x01\x00\x00\x00z\x06")));
    assert_false(valid_around(SLICE("\xf0\xff\xff\xff\xffz\x06"))); // longer than all
    assert_false(valid_around(SLICE("\xf0")));                      // no more of it
    assert_false(valid_around(SLICE("\xf0\x01")));
    assert_false(valid_around(SLICE("\xe0")));
    assert_false(valid_around(SLICE("\xf4")));
    assert_false(valid_around(SLICE("\xf5\x01")));         // no encoding
    assert_false(valid_around(SLICE("\xff\x01")));         // the end too early
    assert_false(valid_around(SLICE("\x05\x01\x06\x01"))); // one more than counted
    assert_false(valid_around(SLICE("")));                 // one less
    char p[PACKED_EMPTY] = { PACKED_EMPTY, 0, 0, 0, (char)0xff, (char)0xff, (char)0xff };
    assert_true(packed_valid(p, sizeof p)); // unknown, however few
    assert_int_equal(packed_count(p), 0);
}

// Writing many elements at once, and integers as they are, gives the bytes that inserting them gives.
static void test_writing(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 11);
    for (int round = 0; round < 2000; round++) {
        static char one[1 << 20], many[1 << 20];
        size_t n = random_below(&r, 20);
        packed_init(one);
        packed_init(many);
        char *to = many + packed_end(many);
        for (size_t i = 0; i < n; i++) {
            struct text t = some_text(&r);
            char number[NUM_INT_MAX];
            int64_t x = some_int(&r);
            bool as_int = random_below(&r, 2);
            struct slice s = as_int ? slice_of(number, num_format_int(x, number)) : slice_of(t.p, MIN(t.n, (size_t)5000));
            size_t size = packed_size_of(s);
            packed_insert(one, packed_end(one), s);
            char *end = as_int ? packed_write_int(to, x) : packed_write(to, s);
            assert_int_equal(end - to, size);
            assert_true(size <= (as_int ? PACKED_INT_MAX : s.n + PACKED_OVERHEAD_MAX));
            if (as_int) assert_int_equal(packed_size_of_int(x), size);
            to = end;
            free(t.p);
        }
        packed_extend(many, to, n);
        assert_true(packed_bytes(one) == packed_bytes(many) && memcmp(one, many, packed_bytes(one)) == 0);
        for (size_t at = packed_first(one); at; at = packed_next(one, at)) {
            char number[NUM_INT_MAX];
            int64_t x = some_int(&r);
            packed_replace(one, at, slice_of(number, num_format_int(x, number)));
            packed_replace_int(many, at, x);
            assert_true(packed_bytes(one) == packed_bytes(many) && memcmp(one, many, packed_bytes(one)) == 0);
        }
        assert_true(packed_valid(many, packed_bytes(many)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
