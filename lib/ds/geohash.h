// Points on the earth as integers of 52 bits, so that neighbours mostly have neighbouring numbers: what the geo commands keep as scores of a
// sorted set. Every number here is the same, to the last bit, as Redis computes it.
#ifndef KORA_DS_GEOHASH_H
#define KORA_DS_GEOHASH_H

#include "base/base.h"

#define GEO_LONGITUDE_MAX 180.0
#define GEO_LATITUDE_MAX 85.05112878 // where the Mercator projection of the world is a square

// Degrees.
struct geo_point {
    double longitude, latitude;
};

// A circle or a rectangle around a point; its size is in units of `unit_m` metres.
struct geo_shape {
    struct geo_point center;
    bool is_box;
    double radius, width, height, unit_m;
};

// Scores from `min` on, below `max`.
struct geo_range {
    double min, max;
};

enum { GEOHASH_TEXT = 11, GEOHASH_RANGES_MAX = 9 };

// Whether a point can be encoded: within the limits above. (Not a number: false.)
bool geohash_valid(struct geo_point p);
uint64_t geohash_encode(struct geo_point p); // a valid one
// The middle of what the score stands for. Any score is answered as Redis does on x86, whether geohash_encode gave it or not.
struct geo_point geohash_decode(double score);
// The standard geohash (base 32, latitudes up to 90 degrees) of a point, without a zero byte.
void geohash_text(struct geo_point p, char to[GEOHASH_TEXT]);

double geohash_distance_m(struct geo_point a, struct geo_point b);
// A distance (in any unit) as Redis prints it: four digits behind the point, halves rounded to even. Returns the length; no zero byte.
enum { GEOHASH_DISTANCE_MAX = 24 };
size_t geohash_format_distance(double distance, char to[GEOHASH_DISTANCE_MAX]);
// Whether the point is in the shape, and how far from its centre, in metres (only if it is).
bool geohash_within(const struct geo_shape *s, struct geo_point p, double *distance_m);
// The scores to look at for what may be in the shape: few ranges, in the order in which Redis looks at them, each once. Returns how many.
size_t geohash_ranges(const struct geo_shape *s, struct geo_range ranges[GEOHASH_RANGES_MAX]);

#endif
