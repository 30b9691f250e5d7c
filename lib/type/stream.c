// Streams as values: their root, what is done with any value, and what is told from the counters alone.
#include "base/num.h"
#include "type/stream_int.h"

static const struct stream *of(const struct root *r) { return (const struct stream *)(const void *)r; }

size_t stream_id_format(struct stream_id id, char *to) {
    size_t n = num_format_uint(id.ms, to);
    to[n++] = '-';
    return n + num_format_uint(id.seq, to + n);
}

// ---- the root ------------------------------------------------------------------------------------------------------------------

struct stream *stream_create(struct slab *slab) {
    struct stream *s = slab_alloc(slab, sizeof *s);
    if (!s) return NULL;
    *s = (struct stream){ .root.type = TYPE_STREAM };
    stream_init_nodes(s, slab);
    stream_init_groups(s);
    return s;
}

static bool free_some(struct slab *nodes, struct root *r, size_t budget) {
    struct stream *s = (struct stream *)(void *)r;
    if (!stream_free_groups(s, &budget) || !stream_free_nodes(s, &budget)) return false;
    invariant(s->bytes == 0);
    slab_free(nodes, s, sizeof *s);
    return true;
}

struct stream *stream_make(struct value *v) {
    if (v->there) return value_stream(v);
    struct slab *slab = value_nodes(v);
    struct stream *s = slab ? stream_create(slab) : NULL;
    if (!s) return NULL;
    if (value_set_root(v, &s->root)) return s;
    free_some(slab, &s->root, SIZE_MAX);
    return NULL;
}

static struct root *copy(struct slab *nodes, const struct root *r) {
    const struct stream *from = of(r);
    struct stream *s = stream_create(nodes);
    if (!s) return NULL;
    if (stream_copy_nodes(s, from) && stream_copy_groups(s, from)) {
        s->length = from->length;
        s->first_id = from->first_id;
        s->last_id = from->last_id;
        s->max_deleted = from->max_deleted;
        s->added = from->added;
        return &s->root;
    }
    free_some(nodes, &s->root, SIZE_MAX);
    return NULL;
}

static size_t memory(const struct root *r) {
    const struct stream *s = of(r);
    return slab_round(sizeof *s) + s->bytes + s->nodes.bytes + stream_groups_memory(s);
}

// ---- counters ------------------------------------------------------------------------------------------------------------------

// As Redis 7.0 estimates it: with entries deleted from the middle nobody knows how many were before one.
int64_t stream_position(const struct stream *s, struct stream_id id) {
    if (s->added == 0) return 0;
    int last = stream_id_compare(id, s->last_id);
    if (s->length == 0 && last <= 0) return (int64_t)s->added;
    if (last == 0) return (int64_t)s->added;
    if (last > 0) return STREAM_READ_UNKNOWN;
    if (stream_id_is_zero(s->max_deleted) || stream_id_compare(s->max_deleted, s->first_id) < 0) {
        int first = stream_id_compare(id, s->first_id);
        if (first < 0) return (int64_t)(s->added - s->length);
        if (first == 0) return (int64_t)(s->added - s->length + 1);
    }
    return STREAM_READ_UNKNOWN;
}

// Something behind `id`, or it, was deleted, from among entries that are still there.
static bool holes_from(const struct stream *s, struct stream_id id) {
    if (!s->length || stream_id_is_zero(s->max_deleted) || stream_id_compare(s->first_id, s->max_deleted) > 0) return false;
    return stream_id_compare(id, s->max_deleted) <= 0;
}

bool stream_lag(const struct stream *s, const struct stream_group *g, int64_t *lag) {
    *lag = 0;
    if (s->added == 0) return true;
    int64_t read = g->read != STREAM_READ_UNKNOWN && !holes_from(s, g->last_id) ? g->read : stream_position(s, g->last_id);
    if (read == STREAM_READ_UNKNOWN) return false;
    *lag = (int64_t)(s->added - (uint64_t)read);
    return true;
}

void stream_group_read(const struct stream *s, struct stream_group *g, struct stream_id id) {
    if (stream_id_compare(id, g->last_id) <= 0) return;
    if (g->read != STREAM_READ_UNKNOWN && !holes_from(s, id)) g->read += g->read < INT64_MAX;
    else if (s->added) g->read = stream_position(s, id);
    g->last_id = id;
}

// ---- the kind -------------------------------------------------------------------------------------------------------------------

static const char *encoding(const struct value *v) {
    (void)v;
    return "stream";
}

static uint64_t count(const struct value *v) { return v->there ? value_stream(v)->length : 0; }

static void check(const struct value *v) {
    const struct stream *s = value_stream(v);
    uint64_t bytes = 0;
    invariant(s->root.type == TYPE_STREAM);
    stream_check_nodes(s, &bytes);
    stream_check_groups(s, &bytes);
    invariant(bytes == s->bytes);
}

const struct value_kind value_kind_stream = {
    .name = "stream",
    .encoding = encoding,
    .count = count,
    .check = check,
    .free = free_some,
    .copy = copy,
    .memory = memory,
};
