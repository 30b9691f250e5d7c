// See hot.h.
#include "stat/hot.h"

#include <math.h>

// ---- fading ------------------------------------------------------------------------------------------------------------------------

#define FACTOR_MAX 1e6
enum { FACTOR_STALE_NS = 1000000 };

static double halves(int64_t ns) { return (double)ns / (HOT_HALF_LIFE_S * 1e9); }

static void rebase(struct hot *h, int64_t now_ns) {
    float by = (float)(1 / exp2(halves(now_ns - h->base_ns)));
    for (int k = 0; k < HOT_KINDS; k++) {
        struct hot_kind *kind = &h->kind[k];
        for (int r = 0; r < HOT_ROWS; r++) {
            for (int i = 0; i < HOT_CELLS; i++) kind->cell[r][i] *= by;
        }
        for (uint32_t i = 0; i < kind->count; i++) kind->item[i].count *= by;
    }
    h->base_ns = h->factor_ns = now_ns;
    h->factor = 1;
}

static double factor_at(struct hot *h, int64_t now_ns) {
    if (!h->base_ns) {
        h->base_ns = h->first_ns = h->factor_ns = now_ns;
        h->factor = 1;
    }
    if (now_ns - h->factor_ns < FACTOR_STALE_NS) return h->factor; // threads' clocks may differ by what has passed since they were read
    h->factor_ns = now_ns;
    h->factor = exp2(halves(now_ns - h->base_ns));
    if (unlikely(h->factor > FACTOR_MAX)) rebase(h, now_ns);
    return h->factor;
}

// ---- the list ------------------------------------------------------------------------------------------------------------------------

static uint32_t home_of(uint64_t id) { return (uint32_t)(id >> 56) % HOT_INDEX; }

static uint32_t find(const struct hot_kind *k, uint64_t id) {
    uint32_t i = home_of(id);
    while (k->index[i] && k->item[k->index[i] - 1].id != id) i = (i + 1) % HOT_INDEX;
    return i;
}

// Takes a place of the index, and closes the gap (Knuth's algorithm R).
static void unindex(struct hot_kind *k, uint64_t id) {
    uint32_t gap = find(k, id);
    for (uint32_t i = (gap + 1) % HOT_INDEX; k->index[i]; i = (i + 1) % HOT_INDEX) {
        uint32_t home = home_of(k->item[k->index[i] - 1].id);
        if ((i - home) % HOT_INDEX < (i - gap) % HOT_INDEX) continue;
        k->index[gap] = k->index[i];
        gap = i;
    }
    k->index[gap] = 0;
}

static float count_at(const struct hot_kind *k, uint32_t place) { return k->item[k->heap[place]].count; }

static void put(struct hot_kind *k, uint32_t place, uint8_t item) {
    k->heap[place] = item;
    k->item[item].place = place;
}

static void sink(struct hot_kind *k, uint32_t place) {
    uint8_t item = k->heap[place];
    float count = k->item[item].count;
    for (uint32_t child; (child = 2 * place + 1) < k->count; place = child) {
        if (child + 1 < k->count && count_at(k, child + 1) < count_at(k, child)) child++;
        if (count <= count_at(k, child)) break;
        put(k, place, k->heap[child]);
    }
    put(k, place, item);
}

static void rise(struct hot_kind *k, uint32_t place) {
    uint8_t item = k->heap[place];
    for (; place > 0 && k->item[item].count < count_at(k, (place - 1) / 2); place = (place - 1) / 2) put(k, place, k->heap[(place - 1) / 2]);
    put(k, place, item);
}

static void name_item(struct hot_kind *k, uint8_t number, uint64_t id, uint32_t db, struct slice name, float count) {
    struct hot_item *i = &k->item[number];
    i->id = id;
    i->db = db;
    i->count = count;
    i->len = (uint32_t)MIN(name.n, (size_t)UINT32_MAX);
    if (name.n) memcpy(i->name, name.p, MIN(name.n, (size_t)HOT_NAME_MAX));
    k->index[find(k, id)] = (uint8_t)(number + 1);
}

// ---- the sketch ------------------------------------------------------------------------------------------------------------------------

static float *cell(struct hot_kind *k, uint64_t id, int row) {
    return &k->cell[row][id >> 12 * row & (HOT_CELLS - 1)]; // 48 bits of a product, whose middle ones depend on all below them
}

// The key's count there is at least `count` from now on.
static void raise_cells(struct hot_kind *k, uint64_t id, float count) {
    for (int r = 0; r < HOT_ROWS; r++) {
        float *c = cell(k, id, r);
        if (*c < count) *c = count;
    }
}

static float estimate(struct hot_kind *k, uint64_t id) {
    float least = *cell(k, id, 0);
    for (int r = 1; r < HOT_ROWS; r++) least = MIN(least, *cell(k, id, r));
    return least;
}

void hot_add(struct hot *h, enum hot_by by, uint64_t id, uint32_t db, struct slice name, double weight, int64_t now_ns) {
    struct hot_kind *k = &h->kind[by];
    id ^= id >> 32; // the low bits of a product know nothing of the high ones
    float w = (float)(weight * factor_at(h, now_ns));
    uint32_t at = find(k, id);
    if (k->index[at]) {
        struct hot_item *i = &k->item[k->index[at] - 1];
        i->count += w;
        sink(k, i->place);
        return;
    }
    float count = estimate(k, id) + w;
    if (k->count < HOT_LISTED) {
        uint8_t number = (uint8_t)k->count++;
        name_item(k, number, id, db, name, count);
        put(k, number, number);
        rise(k, number);
    } else if (count > count_at(k, 0)) {
        uint8_t number = k->heap[0];
        raise_cells(k, k->item[number].id, k->item[number].count);
        unindex(k, k->item[number].id);
        name_item(k, number, id, db, name, count);
        sink(k, 0);
    } else {
        raise_cells(k, id, count);
    }
}

// ---- reading -----------------------------------------------------------------------------------------------------------------------------

// A steady rate r has come to r * life * (1 - 2^(-age / half life)), where life is what a count lasts on average.
static double rate_of(double count, int64_t age_ns) {
    double life_s = HOT_HALF_LIFE_S / log(2);
    return count / (life_s * (1 - exp2(-halves(MAX(age_ns, INT64_C(1000000000)))))); // of less than a second nobody can tell a rate
}

static void show(struct stat_hot_key *to, const struct hot_item *i) {
    size_t n = MIN(i->len, (uint32_t)HOT_NAME_MAX);
    memcpy(to->name, i->name, n);
    if (i->len > HOT_NAME_MAX) n += (size_t)snprintf(to->name + n, sizeof to->name - n, "... (%u more bytes)", i->len - HOT_NAME_MAX);
    to->name_len = (uint32_t)n;
    to->db = i->db;
}

size_t hot_list(struct hot *h, enum hot_by by, int64_t now_ns, struct stat_hot_key out[HOT_LISTED]) {
    const struct hot_kind *k = &h->kind[by];
    if (!h->base_ns) return 0;
    double factor = exp2(halves(now_ns - h->base_ns));
    for (uint32_t i = 0; i < k->count; i++) {
        show(&out[i], &k->item[i]);
        out[i].rate = rate_of((double)k->item[i].count / factor, now_ns - h->first_ns);
    }
    return k->count;
}

void hot_clear(struct hot *h) {
    memset(h->kind, 0, sizeof h->kind);
    h->base_ns = h->first_ns = h->factor_ns = 0;
}
