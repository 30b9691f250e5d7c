// Geohashes. The world is halved `step` times in each direction; a cell is its column and row, `step` bits each, interleaved: even bits are the
// row (south to north), odd ones the column (west to east). A score is a cell at step 26. All points of a cell at a smaller step have
// scores with the same upper bits, so they are one range.
//
// A search takes the step at which a cell is at least about as large as the shape, and looks at the cell of the centre and its eight
// neighbours, without those that the shape does not reach. Around the poles cells are narrow, so larger ones are taken.
//
// The expressions keep Redis's order of floating-point operations, and so its results. (-std=c11: the compiler contracts nothing.)
#include "ds/geohash.h"

#include <math.h>

#include "base/num.h"

#define EARTH_RADIUS_M 6372797.560856
#define MERCATOR_M 20037726.37 // half of the projection's side
#define RADIANS (3.14159265358979323846 / 180.0)

enum { STEP_MAX = 26, SCORE_BITS = 2 * STEP_MAX };

// A rectangle, degrees.
struct bounds {
    double west, south, east, north;
};

// A cell: 2^step columns and rows. A point on the eastern or northern limit is in the column or row after the last.
struct cell {
    uint32_t column, row;
    unsigned step;
};

static const struct bounds world = { -GEO_LONGITUDE_MAX, -GEO_LATITUDE_MAX, GEO_LONGITUDE_MAX, GEO_LATITUDE_MAX };
static const struct bounds globe = { -180, -90, 180, 90 };

// ---- cells --------------------------------------------------------------------------------------------------------------------------

// Bit i goes to bit 2i.
static uint64_t spread(uint32_t n) {
    uint64_t x = n;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x << 2) & 0x3333333333333333;
    return (x | x << 1) & 0x5555555555555555;
}

// Bit 2i goes to bit i; odd bits are dropped.
static uint32_t gather(uint64_t x) {
    x &= 0x5555555555555555;
    x = (x | x >> 1) & 0x3333333333333333;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return (uint32_t)(x | x >> 16);
}

static uint64_t cell_bits(struct cell c) { return spread(c.row) | spread(c.column) << 1; }

static struct cell cell_of(struct geo_point p, const struct bounds *in, unsigned step) {
    double column = (p.longitude - in->west) / (in->east - in->west), row = (p.latitude - in->south) / (in->north - in->south);
    double cells = (double)(UINT64_C(1) << step);
    return (struct cell){ (uint32_t)(column * cells), (uint32_t)(row * cells), step };
}

static struct bounds cell_bounds(struct cell c) {
    double cells = (double)(UINT64_C(1) << c.step), width = world.east - world.west, height = world.north - world.south;
    // The number after the last wraps, as it does in Redis; only scores that no point has lead there.
    return (struct bounds){ world.west + c.column / cells * width, world.south + c.row / cells * height,
        world.west + (uint32_t)(c.column + 1) / cells * width, world.south + (uint32_t)(c.row + 1) / cells * height };
}

// The cell so many columns to the east and rows to the north, round the world.
static struct cell cell_move(struct cell c, int columns, int rows) {
    uint32_t mask = (UINT32_C(1) << c.step) - 1;
    if (columns) c.column = (c.column + (uint32_t)columns) & mask;
    if (rows) c.row = (c.row + (uint32_t)rows) & mask;
    return c;
}

// ---- points -------------------------------------------------------------------------------------------------------------------------

bool geohash_valid(struct geo_point p) {
    return p.longitude >= world.west && p.longitude <= world.east && p.latitude >= world.south && p.latitude <= world.north;
}

uint64_t geohash_encode(struct geo_point p) { return cell_bits(cell_of(p, &world, STEP_MAX)); }

// A conversion that C leaves undefined for what does not fit: as x86 does it.
static uint64_t score_bits(double score) {
    if (score > -0x1p63 && score < 0) return (uint64_t)(int64_t)score;
    if (score >= 0 && score < 0x1p64) return (uint64_t)score;
    return score > 0 ? 0 : UINT64_C(1) << 63;
}

static double clamp(double x, double max) { return x > max ? max : x < -max ? -max : x; }

struct geo_point geohash_decode(double score) {
    uint64_t bits = score_bits(score);
    struct bounds b = cell_bounds((struct cell){ gather(bits >> 1), gather(bits), STEP_MAX });
    return (struct geo_point){ clamp((b.west + b.east) / 2, GEO_LONGITUDE_MAX), clamp((b.south + b.north) / 2, GEO_LATITUDE_MAX) };
}

void geohash_text(struct geo_point p, char to[GEOHASH_TEXT]) {
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = cell_bits(cell_of(p, &globe, STEP_MAX));
    for (unsigned i = 0; i < GEOHASH_TEXT - 1; i++) to[i] = digits[bits >> (SCORE_BITS - 5 * (i + 1)) & 31];
    to[GEOHASH_TEXT - 1] = digits[0]; // there are bits for ten digits and two more: Redis calls the last one zero
}

// ---- distances ----------------------------------------------------------------------------------------------------------------------

static double north_south_m(double a, double b) { return EARTH_RADIUS_M * fabs(b * RADIANS - a * RADIANS); }

double geohash_distance_m(struct geo_point a, struct geo_point b) {
    double v = sin((b.longitude * RADIANS - a.longitude * RADIANS) / 2);
    if (v == 0) return north_south_m(a.latitude, b.latitude); // what the haversine is then, with less rounding
    double from = a.latitude * RADIANS, to = b.latitude * RADIANS, u = sin((to - from) / 2);
    return 2.0 * EARTH_RADIUS_M * asin(sqrt(u * u + cos(from) * cos(to) * v * v));
}

size_t geohash_format_distance(double distance, char to[GEOHASH_DISTANCE_MAX]) {
    double scaled = distance * 10000;
    int64_t n = fabs(scaled) < 0x1p63 ? (int64_t)llrint(scaled) : INT64_MIN; // the latter for what is no number, as x86 rounds it
    uint64_t all = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    size_t length = 0;
    if (n < 0) to[length++] = '-';
    length += num_format_uint(all / 10000, to + length);
    to[length++] = '.';
    for (unsigned divisor = 1000; divisor > 0; divisor /= 10) to[length++] = (char)('0' + all / divisor % 10);
    return length;
}

bool geohash_within(const struct geo_shape *s, struct geo_point p, double *distance_m) {
    if (s->is_box) {
        // How far to the north or south, then how far to the east or west along the point's parallel.
        struct geo_point beside = { s->center.longitude, p.latitude };
        if (north_south_m(p.latitude, s->center.latitude) > s->height * s->unit_m / 2) return false;
        if (geohash_distance_m(p, beside) > s->width * s->unit_m / 2) return false;
    }
    double distance = geohash_distance_m(s->center, p);
    if (!s->is_box && distance > s->radius * s->unit_m) return false;
    *distance_m = distance;
    return true;
}

// ---- searching ----------------------------------------------------------------------------------------------------------------------

// The step whose cells are at least as large as a circle of that radius, so that it is within nine of them.
static unsigned step_for(double radius_m, double latitude) {
    if (radius_m == 0) return STEP_MAX;
    int step = 1;
    // Each step halves a cell. (Bounded: a tiny radius would have it go on for long, and the answer is the same.)
    for (; radius_m < MERCATOR_M && step < 2 * STEP_MAX; step++) radius_m *= 2;
    step -= 2; // a cell is no smaller than the circle in most places
    if (fabs(latitude) > 66) step--;
    if (fabs(latitude) > 80) step--;
    return (unsigned)MAX(MIN(step, (int)STEP_MAX), 1);
}

// The rectangle in degrees that holds the shape. A degree of longitude is shortest on the side towards the pole.
static struct bounds shape_bounds(const struct geo_shape *s) {
    double height = s->unit_m * (s->is_box ? s->height / 2 : s->radius), width = s->unit_m * (s->is_box ? s->width / 2 : s->radius);
    double latitude = s->center.latitude, longitude = s->center.longitude;
    double rows = height / EARTH_RADIUS_M / RADIANS, poleward = latitude < 0 ? latitude - rows : latitude + rows;
    double columns = width / EARTH_RADIUS_M / cos(poleward * RADIANS) / RADIANS;
    return (struct bounds){ longitude - columns, latitude - rows, longitude + columns, latitude + rows };
}

// Whether the nine cells around `c` do not reach as far as the shape in some direction.
static bool too_small(struct cell c, const struct bounds *b) {
    return cell_bounds(cell_move(c, 0, 1)).north < b->north || cell_bounds(cell_move(c, 0, -1)).south > b->south ||
           cell_bounds(cell_move(c, 1, 0)).east < b->east || cell_bounds(cell_move(c, -1, 0)).west > b->west;
}

size_t geohash_ranges(const struct geo_shape *s, struct geo_range ranges[GEOHASH_RANGES_MAX]) {
    // Columns to the east and rows to the north: the order in which Redis visits them.
    static const signed char moves[GEOHASH_RANGES_MAX][2] = { { 0, 0 }, { 0, 1 }, { 0, -1 }, { 1, 0 }, { -1, 0 }, { 1, 1 }, { -1, 1 }, { 1, -1 }, { -1, -1 } };
    double radius_m = (s->is_box ? sqrt(s->width / 2 * (s->width / 2) + s->height / 2 * (s->height / 2)) : s->radius) * s->unit_m;
    struct bounds b = shape_bounds(s);
    struct cell center = cell_of(s->center, &world, step_for(radius_m, s->center.latitude));
    if (center.step > 1 && too_small(center, &b)) center = cell_of(s->center, &world, center.step - 1);

    struct bounds own = cell_bounds(center);
    bool west = true, south = true, east = true, north = true; // whether the shape may reach into the cells there
    if (center.step >= 2) {
        west = !(own.west < b.west);
        south = !(own.south < b.south);
        east = !(own.east > b.east);
        north = !(own.north > b.north);
    }
    size_t n = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < GEOHASH_RANGES_MAX; i++) {
        int columns = moves[i][0], rows = moves[i][1];
        if ((columns > 0 && !east) || (columns < 0 && !west) || (rows > 0 && !north) || (rows < 0 && !south)) continue;
        uint64_t bits = cell_bits(cell_move(center, columns, rows));
        if (n && bits == last) continue; // of cells as large as half the world, the neighbours to both sides are one
        last = bits;
        unsigned shift = SCORE_BITS - 2 * center.step;
        ranges[n++] = (struct geo_range){ (double)(bits << shift), (double)((bits + 1) << shift) };
    }
    return n;
}
