// A binary heap of the fields of one hash that expire, each of which knows its place in it. It is in pages, so that growing never copies much: the table of
// pages for a million fields has 2000 places.
#include "type/hash_int.h"

static void set_place(const struct heap *h, uint32_t i, struct field *f) {
    *heap_place(h, i) = f;
    memcpy(f->data + sizeof(int64_t), &i, sizeof i);
}

static uint32_t place_of(const struct field *f) {
    uint32_t i;
    memcpy(&i, f->data + sizeof(int64_t), sizeof i);
    return i;
}

static size_t room(const struct heap *h) {
    return h->page_count > 1 ? (size_t)h->page_count * HEAP_PAGE : h->first_room;
}

static size_t page_bytes(const struct heap *h, uint32_t page) { return (page ? HEAP_PAGE : h->first_room) * sizeof(struct field *); }

// A place for a page more.
static bool grow_table(struct heap *h, struct slab *s) {
    if (h->page_count < h->page_room) return true;
    uint32_t places = h->page_room ? 2 * h->page_room : 1;
    struct field ***pages = slab_alloc(s, places * sizeof *pages);
    if (!pages) return false;
    if (h->page_count) memcpy(pages, h->pages, h->page_count * sizeof *pages);
    if (h->pages) slab_free(s, h->pages, h->page_room * sizeof *pages);
    h->pages = pages;
    h->page_room = places;
    return true;
}

static bool grow_first(struct heap *h, struct slab *s) {
    uint32_t places = h->page_count ? 2 * h->first_room : HEAP_PAGE_FIRST;
    struct field **page = slab_alloc(s, places * sizeof *page);
    if (!page) return false;
    if (h->page_count) {
        memcpy(page, h->pages[0], h->count * sizeof *page);
        slab_free(s, h->pages[0], page_bytes(h, 0));
    }
    h->pages[0] = page;
    h->page_count = 1;
    h->first_room = places;
    return true;
}

static bool grow(struct heap *h, struct slab *s) {
    if (!grow_table(h, s)) return false;
    if (h->first_room < HEAP_PAGE) return grow_first(h, s);
    h->pages[h->page_count] = slab_alloc(s, HEAP_PAGE * sizeof **h->pages);
    if (!h->pages[h->page_count]) return false;
    h->page_count++;
    return true;
}

bool heap_reserve(struct heap *h, struct slab *s, size_t more) {
    if (h->count + more > UINT32_MAX) return false;
    while (room(h) < h->count + more) {
        if (!grow(h, s)) return false;
    }
    return true;
}

static void sift_up(struct heap *h, uint32_t i, struct field *f) {
    int64_t at = field_expiry(f);
    for (; i > 0; i = (i - 1) / 2) {
        struct field *above = *heap_place(h, (i - 1) / 2);
        if (field_expiry(above) <= at) break;
        set_place(h, i, above);
    }
    set_place(h, i, f);
}

// Puts f at i, or below, or above.
static void settle(struct heap *h, uint32_t i, struct field *f) {
    int64_t at = field_expiry(f);
    for (uint64_t child; (child = 2 * (uint64_t)i + 1) < h->count; i = (uint32_t)child) {
        struct field *least = *heap_place(h, (uint32_t)child);
        if (child + 1 < h->count && field_expiry(*heap_place(h, (uint32_t)child + 1)) < field_expiry(least)) least = *heap_place(h, (uint32_t)++child);
        if (field_expiry(least) >= at) break;
        set_place(h, i, least);
    }
    sift_up(h, i, f);
}

void heap_push(struct heap *h, struct field *f) { sift_up(h, h->count++, f); }

// Gives back pages that are not needed any more, but one.
static void shrink(struct heap *h, struct slab *s) {
    if (h->count == 0) heap_free(h, s, SIZE_MAX);
    while (h->page_count > 2 && h->count <= (h->page_count - 2) * HEAP_PAGE) slab_free(s, h->pages[--h->page_count], HEAP_PAGE * sizeof **h->pages);
}

void heap_remove(struct heap *h, struct slab *s, const struct field *f) {
    uint32_t i = place_of(f);
    invariant(i < h->count && *heap_place(h, i) == f);
    struct field *last = *heap_place(h, --h->count);
    if (i < h->count) settle(h, i, last);
    shrink(h, s);
}

void heap_exchange(struct heap *h, const struct field *from, struct field *to) {
    uint32_t i = place_of(from);
    invariant(i < h->count && *heap_place(h, i) == from);
    settle(h, i, to);
}

static uint64_t count_due(const struct heap *h, uint64_t i, int64_t now_ms) {
    if (i >= h->count || field_expiry(*heap_place(h, (uint32_t)i)) > now_ms) return 0;
    return 1 + count_due(h, 2 * i + 1, now_ms) + count_due(h, 2 * i + 2, now_ms);
}

uint64_t heap_count_due(const struct heap *h, int64_t now_ms) { return count_due(h, 0, now_ms); }

bool heap_free(struct heap *h, struct slab *s, size_t budget) {
    for (; h->page_count > 0; budget--) {
        if (budget == 0) return false;
        h->page_count--;
        slab_free(s, h->pages[h->page_count], page_bytes(h, h->page_count));
    }
    if (h->pages) slab_free(s, h->pages, h->page_room * sizeof *h->pages);
    *h = (struct heap){ 0 };
    return true;
}

size_t heap_memory(const struct heap *h) {
    size_t n = h->pages ? slab_round(h->page_room * sizeof *h->pages) : 0;
    for (uint32_t i = 0; i < h->page_count; i++) n += slab_round(page_bytes(h, i));
    return n;
}

void heap_check(const struct heap *h) {
    invariant(h->count <= room(h) && h->page_count <= h->page_room);
    for (uint32_t i = 0; i < h->count; i++) {
        const struct field *f = *heap_place(h, i);
        invariant((f->flags & FIELD_EXPIRES) && place_of(f) == i && field_expiry(f) > 0);
        invariant(i == 0 || field_expiry(*heap_place(h, (i - 1) / 2)) <= field_expiry(f));
    }
}
