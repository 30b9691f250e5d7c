// Geohashes: golden values are what redis-server 7.0.15 answered; searches against a look at every point.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/num.h"
#include "base/random.h"
#include "ds/geohash.h"

struct place {
    struct geo_point p;
    uint64_t bits;
    const char *longitude, *latitude, *text;
};

static const struct place places[] = {
    { { 13.361389, 38.115556 }, 3479099956230698, "13.36138933897018433", "38.11555639549629859", "sqc8b49rny0" },
    { { 15.087269, 37.502669 }, 3479447370796909, "15.08726745843887329", "37.50266842333162032", "sqdtr74hyu0" },
    { { -180, -85.05112878 }, 0, "-179.99999731779098511", "-85.05112751263942528", "00bh0hbj200" },
    { { 180, 85.05112878 }, 13510798882111488, "180", "85.0511287799999991", "bp05b5048p0" },
    { { 0, 0 }, 3377699720527872, "0.00000268220901489", "0.00000126736058093", "s0000000000" },
    { { -122.4194155, 37.7749295 }, 1367859919124776, "-122.41941779851913452", "37.77493042721969374", "9q8yyk8yuv0" },
    { { 179.999999, -0.000001 }, 3377699720527871, "179.99999731779098511", "-0.00000126736058093", "rzzzzzzzzz0" },
    { { -0.1, 66.5 }, 2229442817449197, "-0.10000079870223999", "66.50000015278486387", "ggzfm9zntf0" },
    { { 2.349014, 48.864716 }, 3663832805879806, "2.34901160001754761", "48.86471570750150306", "u09tvrw3xg0" },
};

static void assert_printed(double n, const char *text) {
    char to[NUM_LONG_REAL_MAX + 1];
    size_t length = num_format_long_real((long double)n, to, sizeof(to));
    to[length] = '\0';
    assert_string_equal(to, text);
}

static void assert_decoded(double score, const char *longitude, const char *latitude, const char *text) {
    struct geo_point p = geohash_decode(score);
    char hash[GEOHASH_TEXT];
    assert_printed(p.longitude, longitude);
    assert_printed(p.latitude, latitude);
    geohash_text(p, hash);
    assert_memory_equal(hash, text, GEOHASH_TEXT);
}

static void golden_points(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const struct place *place = &places[i];
        assert_true(geohash_valid(place->p));
        assert_true(geohash_encode(place->p) == place->bits);
        assert_decoded((double)place->bits, place->longitude, place->latitude, place->text);
    }
}

// What ZADD may have put there.
static void golden_scores(void **state) {
    (void)state;
    assert_decoded(-1, "180", "85.0511287799999991", "bp05b5048p0");
    assert_decoded(1e300, "-179.99999731779098511", "-85.05112751263942528", "00bh0hbj200");
    assert_decoded(-1e300, "180", "-85.05112751263942528", "00bh0hbj200");
    assert_decoded(1.5e19, "180", "85.0511287799999991", "bp05b5048p0");
    assert_decoded(9.3e18, "180", "85.0511287799999991", "bp05b5048p0");
    assert_decoded(1152921504606846976, "-179.99999731779098511", "85.0511287799999991", "bp05b5048p0");
    assert_decoded((double)-INFINITY, "180", "-85.05112751263942528", "00bh0hbj200");
    geohash_decode((double)NAN);
}

static void golden_distances(void **state) {
    (void)state;
    static const struct {
        unsigned char a, b;
        const char *text;
    } distances[] = { { 0, 1, "166274.1516" }, { 0, 3, "6307362.7206" }, { 1, 2, "14711749.7418" }, { 1, 4, "4449695.8942" },
        { 2, 3, "18919844.5891" }, { 2, 5, "13904417.0581" }, { 3, 4, "10560811.4940" }, { 3, 6, "9459922.5060" },
        { 4, 5, "12799027.3433" }, { 4, 7, "7396553.0468" }, { 5, 6, "7221707.0962" }, { 5, 8, "8955082.3732" },
        { 6, 7, "12624180.9537" }, { 7, 8, "1966540.9401" }, { 0, 0, "0.0000" } };
    for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
        struct geo_point a = geohash_decode((double)places[distances[i].a].bits), b = geohash_decode((double)places[distances[i].b].bits);
        char text[GEOHASH_DISTANCE_MAX + 1];
        size_t n = geohash_format_distance(geohash_distance_m(a, b), text);
        text[n] = '\0';
        assert_string_equal(text, distances[i].text);
    }
}

static void assert_distance(double distance, const char *expected) {
    char text[GEOHASH_DISTANCE_MAX + 1];
    text[geohash_format_distance(distance, text)] = '\0';
    assert_string_equal(text, expected);
}

static void distances_printed(void **state) {
    (void)state;
    assert_distance(9402257.24725, "9402257.2472"); // a half: to even
    assert_distance(0.00009, "0.0001");
    assert_distance(0.00005, "0.0000");
    assert_distance(-1.5, "-1.5000");
    assert_distance((double)INFINITY, "-922337203685477.5808");
    assert_distance((double)NAN, "-922337203685477.5808");
}

static void limits(void **state) {
    (void)state;
    const double nan = (double)NAN, infinity = (double)INFINITY;
    const struct geo_point wrong[] = { { 180.0001, 0 }, { -180.0001, 0 }, { 0, 85.05112879 }, { 0, -85.05112879 }, { nan, 0 }, { 0, nan },
        { infinity, 0 }, { 0, -infinity } };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) assert_false(geohash_valid(wrong[i]));
}

static double uniform(struct random *r, double from, double to) { return from + (to - from) * ((double)(random_next(r) >> 11) * 0x1p-53); }

// Encoding and decoding stay within half of a cell.
static void round_trips(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 11);
    print_message("seed 11\n");
    for (int i = 0; i < 100000; i++) {
        struct geo_point p = { uniform(&r, -180, 180), uniform(&r, -GEO_LATITUDE_MAX, GEO_LATITUDE_MAX) };
        uint64_t bits = geohash_encode(p);
        assert_true(bits < UINT64_C(1) << 52);
        struct geo_point back = geohash_decode((double)bits);
        assert_true(fabs(back.longitude - p.longitude) <= 180 * 0x1p-26 && fabs(back.latitude - p.latitude) <= 86 * 0x1p-26);
        assert_true(geohash_encode(back) == bits);
    }
}

// The ranges of a search, as redis-server's order of answers shows them.
static void golden_ranges(void **state) {
    (void)state;
    struct geo_range ranges[GEOHASH_RANGES_MAX];
    // All four quarters of the world, each once.
    const struct geo_shape world = { .center = { -180, -65.78109725938961 }, .radius = 18017674, .unit_m = 1 };
    assert_int_equal(geohash_ranges(&world, ranges), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(ranges[i].min == (double)i * 0x1p50);
        assert_true(ranges[i].max == (double)(i + 1) * 0x1p50);
    }
    // No size at all: the cells at the last step.
    const struct geo_shape point = { .center = places[0].p, .radius = 0, .unit_m = 1 };
    assert_true(geohash_ranges(&point, ranges) >= 1);
    assert_true(ranges[0].min == (double)places[0].bits && ranges[0].max == (double)places[0].bits + 1);
    // Towards the poles cells are larger: 2^k scores each.
    static const struct {
        double latitude, cell;
        size_t count;
    } steps[] = { { 50, 0x1p24, 4 }, { 79, 0x1p26, 6 }, { 81, 0x1p28, 2 } };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const struct geo_shape s = { .center = { 10, steps[i].latitude }, .radius = 1, .unit_m = 1000 };
        assert_int_equal(geohash_ranges(&s, ranges), steps[i].count);
        assert_true(ranges[0].max - ranges[0].min == steps[i].cell);
    }
}

// What is in a shape that is not beyond the limits is in one of its ranges, and in no two.
static void nothing_missed(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, 12);
    print_message("seed 12\n");
    size_t within = 0, looked_at = 0;
    const int rounds = getenv("KORA_TEST_LONG") ? 200000 : 2000;
    for (int i = 0; i < rounds; i++) {
        double latitude = uniform(&r, -84, 84), size = exp(uniform(&r, log(1), log(fabs(latitude) > 70 ? 60000 : 500000)));
        struct geo_shape s = { .center = { uniform(&r, -150, 150), latitude }, .is_box = random_below(&r, 2), .radius = size,
            .width = size * 2, .height = uniform(&r, 0, 2) * size, .unit_m = 1 };
        struct geo_range ranges[GEOHASH_RANGES_MAX];
        size_t n = geohash_ranges(&s, ranges);
        assert_in_range(n, 1, GEOHASH_RANGES_MAX);
        for (int j = 0; j < 100; j++) {
            double degrees = size / 111000 * 1.6;
            struct geo_point p = { s.center.longitude + uniform(&r, -1, 1) * degrees / cos(s.center.latitude / 57.3),
                s.center.latitude + uniform(&r, -1, 1) * degrees };
            if (!geohash_valid(p)) continue;
            double score = (double)geohash_encode(p), distance;
            size_t in = 0;
            for (size_t k = 0; k < n; k++) in += score >= ranges[k].min && score < ranges[k].max;
            assert_true(in <= 1);
            looked_at += in;
            if (!geohash_within(&s, geohash_decode(score), &distance)) continue;
            assert_int_equal(in, 1);
            assert_true(distance <= size * 1.6);
            within++;
        }
    }
    print_message("%zu of %zu in the ranges were within\n", within, looked_at);
    assert_true(within > (size_t)rounds * 10);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(golden_points), cmocka_unit_test(golden_scores), cmocka_unit_test(golden_distances),
        cmocka_unit_test(distances_printed), cmocka_unit_test(limits), cmocka_unit_test(round_trips), cmocka_unit_test(golden_ranges),
        cmocka_unit_test(nothing_missed) };
    return cmocka_run_group_tests_name("geohash", tests, NULL, NULL);
}
