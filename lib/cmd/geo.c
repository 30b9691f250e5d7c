// Points on the earth: members of sorted sets, whose scores are their geohashes (ds/geohash.h).
#include <math.h>

#include "base/mem.h"
#include "cmd/zset_int.h"
#include "ds/geohash.h"

// ---- arguments -----------------------------------------------------------------------------------------------------------------

static bool read_point(struct call *c, const struct slice *argv, struct geo_point *p) {
    enum { FIXED_MAX = 340 };
    char x[FIXED_MAX], y[FIXED_MAX];
    if (!read_score(c, argv[0], NOT_A_FLOAT, &p->longitude) || !read_score(c, argv[1], NOT_A_FLOAT, &p->latitude)) return false;
    if (geohash_valid(*p)) return true;
    int xn = (int)num_format_fixed(p->longitude, 6, x, sizeof x), yn = (int)num_format_fixed(p->latitude, 6, y, sizeof y);
    reply_error(c, "ERR invalid longitude,latitude pair %.*s,%.*s", xn, x, yn, y);
    return false;
}

static bool read_unit(struct call *c, struct slice s, double *metres) {
    static const struct {
        const char *word;
        double metres;
    } units[] = { { "m", 1 }, { "km", 1000 }, { "ft", 0.3048 }, { "mi", 1609.34 } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!slice_is_word(s, units[i].word)) continue;
        *metres = units[i].metres;
        return true;
    }
    reply_error(c, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

// argv: radius, unit.
static bool read_circle(struct call *c, const struct slice *argv, struct geo_shape *s) {
    s->is_box = false;
    if (!read_score(c, argv[0], "need numeric radius", &s->radius)) return false;
    if (s->radius >= 0) return read_unit(c, argv[1], &s->unit_m);
    reply_error(c, "ERR radius cannot be negative");
    return false;
}

// argv: width, height, unit.
static bool read_box(struct call *c, const struct slice *argv, struct geo_shape *s) {
    s->is_box = true;
    if (!read_score(c, argv[0], "need numeric width", &s->width) || !read_score(c, argv[1], "need numeric height", &s->height)) return false;
    if (s->width >= 0 && s->height >= 0) return read_unit(c, argv[2], &s->unit_m);
    reply_error(c, "ERR height or width cannot be negative");
    return false;
}

static bool member_point(struct call *c, const struct value *v, struct slice member, struct geo_point *p) {
    double score;
    if (!zset_score(v, member, &score)) {
        reply_error(c, "ERR could not decode requested zset member");
        return false;
    }
    *p = geohash_decode(score);
    return true;
}

// ---- GEOADD, GEOPOS, GEODIST, GEOHASH ------------------------------------------------------------------------------------------

void cmd_geoadd(struct call *c) {
    enum { FEW = 8 };
    struct zset_add few[FEW], *items = few;
    struct geo_point p;
    struct value v;
    uint32_t flags = 0;
    int at = 2;
    for (; at < c->argc; at++) {
        if (slice_is_word(c->argv[at], "nx")) flags |= ZSET_NX;
        else if (slice_is_word(c->argv[at], "xx")) flags |= ZSET_XX;
        else if (slice_is_word(c->argv[at], "ch")) flags |= ADD_CH;
        else break;
    }
    if (at == c->argc || (c->argc - at) % 3 != 0 || ((flags & ZSET_NX) && (flags & ZSET_XX))) {
        reply_syntax_error(c);
        return;
    }
    size_t n = (size_t)(c->argc - at) / 3;
    if (n > FEW && !(items = mem_alloc(n * sizeof *items))) {
        reply_no_memory(c);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct slice *argv = &c->argv[at + (int)i * 3];
        if (!read_point(c, argv, &p)) goto done;
        items[i] = (struct zset_add){ .member = argv[2], .score = (double)geohash_encode(p) };
    }
    if (value_write(c, 0, TYPE_ZSET, &v)) add_items(c, &v, items, n, flags);
done:
    if (items != few) mem_free(items);
}

// A number as long doubles are printed; in RESP3 as a double.
static void reply_coordinate(struct call *c, double n) {
    char text[1 + 64 + 2] = ",";
    size_t len = num_format_long_real(n, text + 1, 64);
    if (c->reply.version == 2) {
        reply_bulk(c, slice_of(text + 1, len));
        return;
    }
    memcpy(text + 1 + len, "\r\n", 2);
    buf_append(c->reply.buf, text, len + 3);
}

static void reply_point(struct call *c, struct geo_point p) {
    reply_array(c, 2);
    reply_coordinate(c, p.longitude);
    reply_coordinate(c, p.latitude);
}

static void reply_distance(struct call *c, double distance) {
    char text[GEOHASH_DISTANCE_MAX];
    reply_bulk(c, slice_of(text, geohash_format_distance(distance, text)));
}

void cmd_geopos(struct call *c) {
    struct value v;
    double score;
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (zset_score(&v, c->argv[i], &score)) reply_point(c, geohash_decode(score));
        else reply_null_array(c);
    }
}

void cmd_geohash(struct call *c) {
    struct value v;
    double score;
    char text[GEOHASH_TEXT];
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (!zset_score(&v, c->argv[i], &score)) {
            reply_null(c);
            continue;
        }
        geohash_text(geohash_decode(score), text);
        reply_bulk(c, slice_of(text, sizeof text));
    }
}

void cmd_geodist(struct call *c) {
    struct value v;
    double from, to, unit_m = 1;
    if (c->argc > 5) {
        reply_syntax_error(c);
        return;
    }
    if (c->argc == 5 && !read_unit(c, c->argv[4], &unit_m)) return;
    if (!value_read(c, 0, TYPE_ZSET, &v)) return;
    if (zset_score(&v, c->argv[2], &from) && zset_score(&v, c->argv[3], &to)) {
        reply_distance(c, geohash_distance_m(geohash_decode(from), geohash_decode(to)) / unit_m);
    } else {
        reply_null(c);
    }
}

// ---- searching -----------------------------------------------------------------------------------------------------------------

enum { SEARCH_NEW = 1 << 0 /* GEOSEARCH: all is said by words */, SEARCH_STORE = 1 << 1 /* GEOSEARCHSTORE */, SEARCH_READ_ONLY = 1 << 2 };

// A member that was found.
struct hit {
    struct zset_item item;
    struct geo_point point;
    double distance_m;
};

struct search {
    struct call *c;
    uint32_t flags;
    struct value v;
    const struct key *store;  // NULL: the members are the reply
    struct geo_shape shape;
    bool centered, shaped, by_member;
    bool with_distance, with_hash, with_point, store_distance, any;
    int order;                // 1: nearest first, -1: farthest first
    int64_t count;            // 0: all
    struct hit *hits;
    size_t n, cap;
    struct items kept;        // bytes of members that are text for a moment only
};

// ---- searching: arguments ------------------------------------------------------------------------------------------------------

// Words without arguments. False: it is another.
static bool parse_flag(struct search *s, struct slice word) {
    if (slice_is_word(word, "withdist")) s->with_distance = true;
    else if (slice_is_word(word, "withhash")) s->with_hash = true;
    else if (slice_is_word(word, "withcoord")) s->with_point = true;
    else if (slice_is_word(word, "any")) s->any = true;
    else if (slice_is_word(word, "asc")) s->order = 1;
    else if (slice_is_word(word, "desc")) s->order = -1;
    else if ((s->flags & SEARCH_STORE) && slice_is_word(word, "storedist")) s->store_distance = true;
    else return false;
    return true;
}

// What GEOSEARCH alone has. Returns how many arguments it took, 0: it is another word, -1: the error is written.
static int parse_new(struct search *s, const struct slice *argv, int left) {
    struct call *c = s->c;
    if (left > 1 && (!s->centered || s->by_member) && slice_is_word(argv[0], "frommember")) {
        s->centered = s->by_member = true;
        return !s->v.there || member_point(c, &s->v, argv[1], &s->shape.center) ? 2 : -1;
    }
    if (left > 2 && !s->by_member && slice_is_word(argv[0], "fromlonlat")) {
        s->centered = true;
        return read_point(c, argv + 1, &s->shape.center) ? 3 : -1;
    }
    if (left > 2 && (!s->shaped || !s->shape.is_box) && slice_is_word(argv[0], "byradius")) {
        s->shaped = true;
        return read_circle(c, argv + 1, &s->shape) ? 3 : -1;
    }
    if (left > 3 && (!s->shaped || s->shape.is_box) && slice_is_word(argv[0], "bybox")) {
        s->shaped = true;
        return read_box(c, argv + 1, &s->shape) ? 4 : -1;
    }
    return 0;
}

static int parse_word(struct search *s, const struct slice *argv, int left) {
    struct call *c = s->c;
    if (parse_flag(s, argv[0])) return 1;
    if (left > 1 && slice_is_word(argv[0], "count")) {
        if (!read_int(c, argv[1], &s->count)) return -1;
        if (s->count > 0) return 2;
        reply_error(c, "ERR COUNT must be > 0");
        return -1;
    }
    if (s->flags & SEARCH_NEW) return parse_new(s, argv, left);
    bool distance = slice_is_word(argv[0], "storedist");
    if (left > 1 && !(s->flags & SEARCH_READ_ONLY) && (distance || slice_is_word(argv[0], "store"))) {
        s->store = &c->keys[1];
        s->store_distance = distance;
        return 2;
    }
    return 0;
}

// What goes with what. False: the error is written.
static bool check_options(struct search *s) {
    struct call *c = s->c;
    if (s->store && (s->with_distance || s->with_hash || s->with_point)) {
        reply_error(c, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            s->flags & SEARCH_STORE ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    } else if ((s->flags & SEARCH_NEW) && !s->centered) {
        reply_error(c, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", (int)c->argv[0].n, c->argv[0].p);
    } else if ((s->flags & SEARCH_NEW) && !s->shaped) {
        reply_error(c, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s", (int)c->argv[0].n, c->argv[0].p);
    } else if (s->any && !s->count) {
        reply_error(c, "ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

static bool parse_search(struct search *s, int at) {
    struct call *c = s->c;
    for (int took; at < c->argc; at += took) {
        took = parse_word(s, &c->argv[at], c->argc - at);
        if (took > 0) continue;
        if (took == 0) reply_syntax_error(c);
        return false;
    }
    return check_options(s);
}

// ---- searching: members --------------------------------------------------------------------------------------------------------

static bool hit(struct search *s, const struct zset_iter *it) {
    struct hit h = { .item = it->item, .point = geohash_decode(it->item.score) };
    if (!geohash_within(&s->shape, h.point, &h.distance_m)) return true;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        struct hit *hits = mem_realloc(s->hits, cap * sizeof *hits);
        if (!hits) return false;
        s->hits = hits;
        s->cap = cap;
    }
    if (it->item.member.p == it->number && !items_keep(&s->kept, &h.item.member)) return false;
    s->hits[s->n++] = h;
    return true;
}

static bool enough(const struct search *s) { return s->any && s->n >= (uint64_t)s->count; }

// False: no memory.
static bool collect(struct search *s) {
    struct geo_range ranges[GEOHASH_RANGES_MAX];
    size_t n = geohash_ranges(&s->shape, ranges);
    for (size_t i = 0; i < n && !enough(s); i++) {
        struct zset_bounds b = { .min.score = ranges[i].min, .max.score = ranges[i].max, .max.exclusive = true };
        struct zset_iter it;
        uint64_t from, left = zset_span(&s->v, &b, false, &from);
        bool more = left > 0 && zset_iter_at(&it, &s->v, from);
        for (; more && left > 0 && !enough(s); left--, more = left > 0 && zset_iter_next(&it)) {
            if (!hit(s, &it)) return false;
        }
    }
    return true;
}

static int compare_near(const void *one, const void *other) {
    const struct hit *a = one, *b = other;
    return a->distance_m < b->distance_m ? -1 : a->distance_m > b->distance_m;
}
static int compare_far(const void *one, const void *other) { return compare_near(other, one); }

// ---- searching: results --------------------------------------------------------------------------------------------------------

static void reply_hit(struct search *s, const struct hit *h) {
    struct call *c = s->c;
    bool fits = h->item.score >= -0x1p63 && h->item.score < 0x1p63;
    size_t more = (size_t)s->with_distance + s->with_hash + s->with_point;
    if (more) reply_array(c, 1 + more);
    reply_bulk(c, h->item.member);
    if (s->with_distance) reply_distance(c, h->distance_m / s->shape.unit_m);
    if (s->with_hash) reply_int(c, fits ? (int64_t)h->item.score : INT64_MIN);
    if (s->with_point) reply_point(c, h->point);
}

static void store_hits(struct search *s, size_t n) {
    struct items x;
    bool ok = items_begin(&x, n);
    for (size_t i = 0; ok && i < n; i++) {
        struct hit *h = &s->hits[i];
        if (s->store_distance) h->item.score = h->distance_m / s->shape.unit_m;
        ok = items_add(&x, &h->item, false);
    }
    if (ok && items_sort(&x)) items_store(s->c, s->store, &x);
    else reply_no_memory(s->c);
    items_free(&x);
}

// All is parsed.
static void finish_search(struct search *s) {
    struct call *c = s->c;
    if (s->v.there && !collect(s)) {
        reply_no_memory(c);
        return;
    }
    size_t n = s->count ? MIN(s->n, (uint64_t)s->count) : s->n;
    if (s->count && !s->order && !s->any) s->order = 1;
    if (s->order && s->n > 0) qsort(s->hits, s->n, sizeof *s->hits, s->order > 0 ? compare_near : compare_far);
    if (s->store) {
        store_hits(s, n);
        return;
    }
    reply_array(c, n);
    for (size_t i = 0; i < n; i++) reply_hit(s, &s->hits[i]);
}

// `from`: the number of the key that is searched.
static void begin_search(struct search *s, struct call *c, uint32_t from, uint32_t flags) {
    *s = (struct search){ .c = c, .flags = flags };
    if (flags & SEARCH_STORE) s->store = &c->keys[0];
    value_attach(&s->v, TYPE_ZSET, &c->txn, &c->keys[from], key_read(&c->txn, &c->keys[from]));
}

static void end_search(struct search *s) {
    items_free(&s->kept);
    mem_free(s->hits);
}

static void search(struct call *c, uint32_t from, uint32_t flags) {
    struct search s;
    begin_search(&s, c, from, flags);
    if (s.v.type != TYPE_ZSET) reply_wrong_type(c);
    else if (parse_search(&s, flags & SEARCH_STORE ? 3 : 2)) finish_search(&s);
    end_search(&s);
}

// GEORADIUS: the centre and the circle have their places. Where the key is missing that of a member isn't looked at, nor is what follows.
static void radius(struct call *c, bool by_member, uint32_t flags) {
    struct search s;
    int at = by_member ? 3 : 4;
    begin_search(&s, c, 0, flags);
    if (s.v.type != TYPE_ZSET) reply_wrong_type(c);
    else if (by_member && !s.v.there ? parse_search(&s, at + 2) :
        (by_member ? member_point(c, &s.v, c->argv[2], &s.shape.center) : read_point(c, &c->argv[2], &s.shape.center)) &&
        read_circle(c, &c->argv[at], &s.shape) && parse_search(&s, at + 2)) finish_search(&s);
    end_search(&s);
}

void cmd_geosearch(struct call *c) { search(c, 0, SEARCH_NEW); }
void cmd_geosearchstore(struct call *c) { search(c, 1, SEARCH_NEW | SEARCH_STORE); }
void cmd_georadius(struct call *c) { radius(c, false, 0); }
void cmd_georadius_ro(struct call *c) { radius(c, false, SEARCH_READ_ONLY); }
void cmd_georadiusbymember(struct call *c) { radius(c, true, 0); }
void cmd_georadiusbymember_ro(struct call *c) { radius(c, true, SEARCH_READ_ONLY); }
