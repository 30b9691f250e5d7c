// CRC-32C: the vectors of RFC 3720, and both ways against a bit at a time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/crc32c.h"
#include "base/random.h"

static uint32_t by_bits(uint32_t crc, const unsigned char *p, size_t n) {
    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void both(uint32_t crc, const void *p, size_t n, uint32_t is) {
    assert_int_equal(crc32c(crc, p, n), is);
    assert_int_equal(crc32c_tables(crc, p, n), is);
}

static void known(void **state) {
    (void)state;
    unsigned char bytes[32];
    both(0, "123456789", 9, 0xe3069283);
    both(0, NULL, 0, 0);
    memset(bytes, 0, sizeof bytes);
    both(0, bytes, 32, 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    both(0, bytes, 32, 0x62a8ab43);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
    both(0, bytes, 32, 0x46dd794e);
    for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)(31 - i);
    both(0, bytes, 32, 0x113fdb5c);
    // The SCSI READ (10) command of the RFC.
    static const unsigned char scsi[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    };
    both(0, scsi, 48, 0xd9963a56);
    // Each byte at each of eight places: every entry of every table.
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            unsigned char word[8] = { 0 };
            word[at] = (unsigned char)byte;
            both(0, word, 8, by_bits(0, word, 8));
        }
    }
}

enum { LENGTH_MAX = 20000 };

static void fill(struct random *r, unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = random_next(r);
        memcpy(p + i, &word, 8);
    }
}

static void random_pieces(void **state) {
    (void)state;
    static unsigned char bytes[LENGTH_MAX + 16];
    struct random r;
    random_seed(&r, 5);
    print_message("seed 5\n");
#ifdef __x86_64__
    print_message("the processor %s the instruction\n", __builtin_cpu_supports("sse4.2") ? "has" : "does not have");
#endif
    for (int i = 0; i < 8000; i++) {
        // Lengths of all magnitudes: below one step, around one block of each length, above several.
        size_t max = (size_t[]){ 40, 800, 7000, LENGTH_MAX }[random_below(&r, i % 10 == 0 ? 4 : 2)];
        size_t from = (size_t)random_below(&r, 16), n = (size_t)random_below(&r, max + 1), cut = (size_t)random_below(&r, n + 1);
        fill(&r, bytes, (size_t)ALIGN_UP(n + 16, 8) <= sizeof bytes ? ALIGN_UP(n + 16, 8) : sizeof bytes);
        uint32_t before = (uint32_t)random_next(&r), whole = by_bits(before, bytes + from, n);
        both(before, bytes + from, n, whole);
        both(crc32c(before, bytes + from, cut), bytes + from + cut, n - cut, whole);
    }
    // Every length around the seams of the blocks.
    fill(&r, bytes, sizeof bytes);
    uint32_t at = by_bits(0, bytes + 1, 760);
    for (size_t n = 760; n < 6920; n++) {
        if (n < 780 || (n > 1530 && n < 1550) || n > 6140) both(0, bytes + 1, n, at);
        at = by_bits(at, bytes + 1 + n, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(known), cmocka_unit_test(random_pieces) };
    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
