// Maps, see map.h.
#include "feed/map.h"

#include "base/mem.h"

enum { MAP_SIZE_MIN = 4 };

bool map_reserve(struct map *m) {
    if (m->count < m->size) return true;
    size_t size = m->size ? m->size * 2 : MAP_SIZE_MIN;
    struct map_node **chains = mem_alloc_zero(size * sizeof *chains);
    if (!chains) return m->size > 0; // longer chains do as well
    for (size_t i = 0; i < m->size; i++) {
        for (struct map_node *n = m->chains[i], *next; n; n = next) {
            next = n->next;
            n->next = chains[n->hash & (size - 1)];
            chains[n->hash & (size - 1)] = n;
        }
    }
    mem_free(m->chains);
    m->chains = chains;
    m->size = size;
    return true;
}

void map_add(struct map *m, struct map_node *n, uint64_t hash) {
    struct map_node **chain = &m->chains[hash & (m->size - 1)];
    n->hash = hash;
    n->next = *chain;
    *chain = n;
    m->count++;
}

void map_remove(struct map *m, struct map_node *n) {
    struct map_node **at = &m->chains[n->hash & (m->size - 1)];
    while (*at != n) at = &(*at)->next;
    *at = n->next;
    if (--m->count == 0) map_free(m);
}

void map_free(struct map *m) {
    mem_free(m->chains);
    *m = (struct map){ 0 };
}
