// HyperLogLogs from any bytes. What must hold:
//   - nothing is read or written outside of the string and the room that hll_room asks for (allocations of exactly these sizes, for ASan)
//   - counting, merging and making dense agree on whether the string is damaged, and on the estimate
//   - a good one in which registers are set is good, and its registers are the greater ones; setting all at once gives the same bytes
// Input: a byte that chooses the limit of sparse ones and whether what is missing is added, four bytes for each of eight marks, the string behind
// its first four bytes.
#include "base/mem.h"
#include "ds/hyperloglog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_hyperloglog: %s (line %d)\n", what, line);
    abort();
}

enum { MARKS = 8, OPTIONS = 1 + 4 * MARKS };

static struct hll copy_of(struct slice s, size_t sparse_max) {
    struct hll h = { .p = malloc(hll_room(s.n, HLL_REGISTERS, sparse_max)), .n = s.n, .sparse_max = sparse_max };
    memcpy(h.p, s.p, s.n);
    return h;
}

static struct hll_mark mark_at(const uint8_t *p) { return (struct hll_mark){ (p[0] | (uint32_t)p[1] << 8) % HLL_REGISTERS, (uint8_t)(1 + p[2] % (p[3] & 1 ? 4 : 51)) }; }

static void set_marks(struct slice s, const uint8_t *marks, size_t sparse_max, bool good, uint8_t *registers) {
    struct hll h = copy_of(s, sparse_max);
    for (int i = 0; i < MARKS; i++) {
        struct hll_mark m = mark_at(marks + 4 * i);
        enum hll_result result = hll_set(&h, m);
        CHECK(!good || result == (registers[m.index] < m.rank ? HLL_CHANGED : HLL_SAME));
        CHECK(result == HLL_CORRUPT || hll_is(slice_of(h.p, h.n)));
        registers[m.index] = MAX(registers[m.index], m.rank);
    }
    uint8_t after[HLL_REGISTERS] = { 0 };
    if (good) {
        CHECK(hll_merge(after, slice_of(h.p, h.n)));
        CHECK(memcmp(after, registers, sizeof after) == 0);
    }
    free(h.p);
}

// All registers, once one after the other and once together.
static void set_all(struct slice s, size_t sparse_max, const uint8_t *registers) {
    struct hll one = copy_of(s, sparse_max), all = copy_of(s, sparse_max);
    for (uint32_t i = 0; i < HLL_REGISTERS; i++) {
        if (registers[i]) CHECK(hll_set(&one, (struct hll_mark){ i, registers[i] }) != HLL_CORRUPT);
    }
    CHECK(hll_put(&all, registers));
    CHECK(one.n == all.n && memcmp(one.p, all.p, one.n) == 0);
    free(one.p);
    free(all.p);
}

// A run of zeros for the registers that the runs leave out, if any, in the last two bytes.
static void complete(char *p, size_t n) {
    uint32_t left = HLL_REGISTERS;
    for (size_t at = HLL_HEAD; at + 2 < n; at++) {
        unsigned c = (unsigned char)p[at];
        uint32_t len = c & 0x80 ? (c & 3) + 1 : c & 0x40 ? ((c & 63) << 8 | (unsigned char)p[at + 1]) + 1 : c + 1;
        left -= MIN(left, len);
        if ((c & 0xc0) == 0x40) at++;
    }
    left = MAX(left, 1);
    p[n - 2] = (char)(0x40 | (left - 1) >> 8);
    p[n - 1] = (char)(left - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < OPTIONS + 1) return 0;
    size_t n = 4 + size - OPTIONS, sparse_max = data[0] % 4 == 0 ? 0 : data[0] % 4 == 1 ? n + data[0] / 4 : 3000;
    bool dense = data[OPTIONS] == 0;
    if (dense) n = HLL_DENSE_SIZE;
    char *p = calloc(1, n);
    memcpy(p, "HYLL", 4);
    memcpy(p + 4, data + OPTIONS, MIN(size - OPTIONS, n - 4));
    if (data[0] & 4 && n >= HLL_EMPTY_SIZE && !dense) complete(p, n);
    struct slice s = { p, n };
    if (hll_is(s)) {
        uint8_t registers[HLL_REGISTERS] = { 0 };
        uint64_t estimate = 0, again = 0;
        bool good = hll_count(s, &estimate);
        CHECK(hll_merge(registers, s) == good);
        struct hll h = copy_of(s, 3000);
        CHECK(hll_make_dense(&h) == good);
        if (good) CHECK(hll_count(slice_of(h.p, h.n), &again) && again == estimate && hll_count_registers(registers) == estimate);
        free(h.p);
        set_marks(s, data + 1, sparse_max, good, registers);
        if (good) set_all(s, sparse_max, registers);
    }
    free(p);
    return 0;
}
