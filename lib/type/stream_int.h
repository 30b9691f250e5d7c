// What the files of streams share: memory that is counted, nodes.
#ifndef KORA_TYPE_STREAM_INT_H
#define KORA_TYPE_STREAM_INT_H

#include "type/stream.h"

static inline void *stream_alloc(struct stream *s, size_t n) {
    void *p = slab_alloc(s->nodes.slab, n);
    if (p) s->bytes += slab_round(n);
    return p;
}
static inline void stream_free(struct stream *s, void *p, size_t n) {
    s->bytes -= slab_round(n);
    slab_free(s->nodes.slab, p, n);
}

// Of names: their first bytes in the order of memcmp.
static inline uint64_t stream_name_word(struct slice name) {
    uint64_t w = 0;
    for (size_t i = 0; i < 8; i++) w = w << 8 | (i < name.n ? (unsigned char)name.p[i] : 0);
    return w;
}
static inline int stream_name_compare(struct slice a, struct slice b) {
    int order = a.n && b.n ? memcmp(a.p, b.p, MIN(a.n, b.n)) : 0;
    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

struct stream *stream_create(struct slab *slab);

void stream_init_groups(struct stream *s);
// Frees groups, about `budget` objects. True: there are none left.
bool stream_free_groups(struct stream *s, size_t *budget);
bool stream_copy_groups(struct stream *to, const struct stream *from); // false: no memory, some may have been copied
uint64_t stream_groups_memory(const struct stream *s);                 // of trees
void stream_check_groups(const struct stream *s, uint64_t *bytes);

void stream_init_nodes(struct stream *s, struct slab *slab);
bool stream_free_nodes(struct stream *s, size_t *budget);
bool stream_copy_nodes(struct stream *to, const struct stream *from);
void stream_check_nodes(const struct stream *s, uint64_t *bytes);

#endif
