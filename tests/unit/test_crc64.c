// CRC-64 against a bit at a time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/crc64.h"
#include "base/random.h"

static uint64_t by_bits(uint64_t crc, const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x95ac9329ac4bc9b5 : 0);
    }
    return crc;
}

static void known(void **state) {
    (void)state;
    assert_true(crc64(0, "123456789", 9) == 0xe9c6d914c4b8d9ca); // the check value of its parameters
    assert_true(crc64(0, NULL, 0) == 0);
    // Each byte at each of eight places: every entry of every table.
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            unsigned char word[8] = { 0 };
            word[at] = (unsigned char)byte;
            assert_true(crc64(0, word, 8) == by_bits(0, word, 8));
        }
    }
}

static void random_pieces(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 3);
    print_message("seed 3\n");
    unsigned char bytes[512];
    for (int i = 0; i < 20000; i++) {
        size_t from = (size_t)random_below(&r, 16), n = (size_t)random_below(&r, sizeof(bytes) - 16 + 1), cut = (size_t)random_below(&r, n + 1);
        for (size_t j = 0; j < sizeof(bytes); j += 8) {
            uint64_t word = random_next(&r);
            memcpy(bytes + j, &word, 8);
        }
        uint64_t before = random_next(&r), whole = crc64(before, bytes + from, n);
        assert_true(whole == by_bits(before, bytes + from, n));
        assert_true(whole == crc64(crc64(before, bytes + from, cut), bytes + from + cut, n - cut));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(known), cmocka_unit_test(random_pieces) };
    return cmocka_run_group_tests_name("crc64", tests, NULL, NULL);
}
