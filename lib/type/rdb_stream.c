// Streams as RDB objects:
//
//     nodes | first id (a string of 16 bytes), packed list (a string) ...
//     length | last id | [2: first id | highest deleted id | entries ever added]
//     groups | name, last id, [2: entries read], pending, consumers ...
//         pending    entries | id (16 bytes), time, times delivered ...
//         consumers  consumers | name, time seen, [3: time active], entries, id (16 bytes) ...
//
// where an id is two lengths unless it says 16 bytes, which are its halves, the high byte first, and [n] is not in versions before n: STREAM_LISTPACKS is 1,
// STREAM_LISTPACKS_2 (Redis 7.0) 2, STREAM_LISTPACKS_3 3. Ids ascend everywhere. The entries of consumers are those that are pending for the group.
#include "base/mem.h"
#include "type/rdb_int.h"
#include "type/stream.h"

enum { RAW_ID = 16 };

// ---- writing -------------------------------------------------------------------------------------------------------------------

static void put_raw_id(struct stream_id id, char to[RAW_ID]) {
    for (int i = 0; i < 8; i++) {
        to[i] = (char)(id.ms >> (56 - 8 * i) & 255);
        to[8 + i] = (char)(id.seq >> (56 - 8 * i) & 255);
    }
}

static void write_raw_id(struct rdb_writer *w, struct stream_id id) {
    char raw[RAW_ID];
    put_raw_id(id, raw);
    rdb_write_raw(w, slice_of(raw, RAW_ID));
}

static void write_id(struct rdb_writer *w, struct stream_id id) {
    rdb_write_length(w, id.ms);
    rdb_write_length(w, id.seq);
}

void rdb_write_stream_node(struct rdb_writer *w, const struct stream_node *n) {
    char raw[RAW_ID];
    put_raw_id(n->first, raw);
    rdb_write_string(w, slice_of(raw, RAW_ID));
    rdb_write_string(w, slice_of(n->packed, packed_bytes(n->packed)));
}

static void write_nodes(struct rdb_writer *w, const struct stream *s) {
    rdb_write_length(w, s->nodes.count);
    for (struct tree_at at = tree_first(&s->nodes); at.leaf; at = tree_next(at)) rdb_write_stream_node(w, tree_item(at));
}

// Pending entries are objects by themselves: those that come next are on their way from memory while one is written.
struct pending_walk {
    struct tree_at at, ahead;
};

static void pending_ahead(struct pending_walk *p, int n) {
    for (; n > 0 && p->ahead.leaf; n--) {
        prefetch(tree_item(p->ahead));
        p->ahead = tree_next(p->ahead);
    }
}

static const struct stream_pending *first_pending(struct pending_walk *p, const struct tree *t) {
    enum { AHEAD = 16 };
    p->at = p->ahead = tree_first(t);
    pending_ahead(p, AHEAD);
    return p->at.leaf ? tree_item(p->at) : NULL;
}

static const struct stream_pending *next_pending(struct pending_walk *p) {
    p->at = tree_next(p->at);
    pending_ahead(p, 1);
    return p->at.leaf ? tree_item(p->at) : NULL;
}

static void write_consumer(struct rdb_writer *w, const struct stream_consumer *c) {
    struct pending_walk walk;
    rdb_write_string(w, stream_consumer_name(c));
    rdb_write_ms(w, c->seen_ms);
    if (w->newest) rdb_write_ms(w, c->active_ms);
    rdb_write_length(w, c->pending.count);
    for (const struct stream_pending *p = first_pending(&walk, &c->pending); p; p = next_pending(&walk)) write_raw_id(w, p->id);
}

static void write_group(struct rdb_writer *w, const struct stream_group *g) {
    struct pending_walk walk;
    rdb_write_string(w, stream_group_name(g));
    write_id(w, g->last_id);
    rdb_write_length(w, (uint64_t)g->read);
    rdb_write_length(w, g->pending.count);
    for (const struct stream_pending *p = first_pending(&walk, &g->pending); p; p = next_pending(&walk)) {
        write_raw_id(w, p->id);
        rdb_write_ms(w, p->time_ms);
        rdb_write_length(w, p->count);
    }
    rdb_write_length(w, g->consumers.count);
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) write_consumer(w, tree_item(at));
}

void rdb_write_stream_tail(struct rdb_writer *w, const struct stream *s) {
    rdb_write_length(w, s->length);
    write_id(w, s->last_id);
    write_id(w, s->first_id);
    write_id(w, s->max_deleted);
    rdb_write_length(w, s->added);
    rdb_write_length(w, s->groups.count);
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) write_group(w, tree_item(at));
}

void rdb_write_stream(struct rdb_writer *w, const struct value *v) {
    const struct stream *s = value_stream(v);
    rdb_write_byte(w, w->newest ? RDB_STREAM_LISTPACKS_3 : RDB_STREAM_LISTPACKS_2);
    write_nodes(w, s);
    rdb_write_stream_tail(w, s);
}

// ---- reading: streams ----------------------------------------------------------------------------------------------------------

struct reading {
    struct rdb_reader *r;
    int version;
    struct stream *s;
    struct buf scratch;
};

static bool corrupt(struct reading *x) {
    rdb_fail(x->r, RDB_CORRUPT);
    return false;
}
static bool no_memory(struct reading *x) {
    rdb_fail(x->r, RDB_NOMEM);
    return false;
}

static struct stream_id get_raw_id(const char *p) {
    struct stream_id id = { 0, 0 };
    for (int i = 0; i < 8; i++) {
        id.ms = id.ms << 8 | (unsigned char)p[i];
        id.seq = id.seq << 8 | (unsigned char)p[8 + i];
    }
    return id;
}

static bool read_raw_id(struct reading *x, struct stream_id *id) {
    struct slice raw = rdb_read_raw(x->r, RAW_ID);
    if (raw.p) *id = get_raw_id(raw.p);
    return raw.p != NULL;
}

static struct stream_id read_id(struct reading *x) {
    uint64_t ms = rdb_read_length(x->r), seq = rdb_read_length(x->r);
    return (struct stream_id){ ms, seq };
}

// The next node, whose entries are behind `*before` unless it is the first.
static bool read_node(struct reading *x, bool is_first, struct stream_id *before) {
    uint64_t live;
    struct stream_id last;
    struct slice s = rdb_read_slice(x->r, &x->scratch);
    if (!s.p || s.n != RAW_ID) return corrupt(x);
    struct stream_id first = get_raw_id(s.p);
    s = rdb_read_slice(x->r, &x->scratch);
    if (!s.p || (!is_first && stream_id_compare(first, *before) <= 0) || !stream_node_valid(s.p, s.n, first, &live, &last)) return corrupt(x);
    if (!stream_add_node(x->s, first, s)) return no_memory(x);
    x->s->length += live;
    *before = live ? last : first;
    return true;
}

static bool read_nodes(struct reading *x) {
    struct stream_id before = { 0, 0 };
    size_t n = rdb_read_count(x->r, 2 + RAW_ID);
    for (size_t i = 0; i < n; i++) {
        if (!read_node(x, i == 0, &before)) return false;
    }
    return rdb_ok(x->r);
}

// What is known of the whole stream; much of it can be seen in the nodes, too.
static bool read_counters(struct reading *x) {
    struct stream *s = x->s;
    struct stream_cursor c;
    uint64_t length = rdb_read_length(x->r);
    s->last_id = read_id(x);
    s->added = length;
    if (x->version >= 2) {
        read_id(x); // the first one, which the nodes tell
        s->max_deleted = read_id(x);
        s->added = rdb_read_length(x->r);
    }
    if (!rdb_ok(x->r) || length != s->length || s->added < length || s->added > INT64_MAX) return corrupt(x);
    if (stream_id_compare(s->max_deleted, s->last_id) > 0) return corrupt(x);
    if (length == 0) return true;
    if (!stream_last(&c, s, STREAM_ID_MAX) || stream_id_compare(c.id, s->last_id) > 0) return corrupt(x);
    if (!stream_first(&c, s, (struct stream_id){ 0, 0 })) return corrupt(x);
    s->first_id = c.id;
    return true;
}

// ---- reading: groups -----------------------------------------------------------------------------------------------------------

// What is pending for a group comes before the consumers that it belongs to.
struct owed {
    struct stream_id id;
    int64_t time_ms;
    uint64_t count;
    bool taken;
};
struct owed_list {
    struct owed *list;
    size_t n, taken;
};

static bool read_owed(struct reading *x, struct owed_list *o) {
    o->n = rdb_read_count(x->r, RAW_ID + 8 + 1);
    o->list = o->n ? mem_alloc(o->n * sizeof *o->list) : NULL;
    if (o->n && !o->list) return no_memory(x);
    for (size_t i = 0; i < o->n; i++) {
        struct owed *e = &o->list[i];
        *e = (struct owed){ .taken = false };
        if (!read_raw_id(x, &e->id) || (i > 0 && stream_id_compare(e->id, e[-1].id) <= 0)) return corrupt(x);
        e->time_ms = rdb_read_ms(x->r);
        e->count = rdb_read_length(x->r);
    }
    return rdb_ok(x->r);
}

// The one with that id, once. NULL: there is none, or it has a consumer.
static struct owed *take_owed(struct owed_list *o, struct stream_id id) {
    size_t low = 0, high = o->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (stream_id_compare(o->list[mid].id, id) < 0) low = mid + 1;
        else high = mid;
    }
    if (low == o->n || o->list[low].taken || stream_id_compare(o->list[low].id, id) != 0) return NULL;
    o->list[low].taken = true;
    o->taken++;
    return &o->list[low];
}

static bool read_consumer(struct reading *x, struct stream_group *g, struct owed_list *o) {
    struct slice name = rdb_read_slice(x->r, &x->scratch);
    if (!name.p || name.n > UINT32_MAX || stream_consumer(g, name)) return corrupt(x);
    int64_t seen_ms = rdb_read_ms(x->r), active_ms = x->version >= 3 ? rdb_read_ms(x->r) : seen_ms;
    if (!rdb_ok(x->r)) return false;
    struct stream_consumer *c = stream_add_consumer(x->s, g, name, seen_ms);
    if (!c) return no_memory(x);
    c->active_ms = active_ms;
    for (size_t n = rdb_read_count(x->r, RAW_ID); n > 0; n--) {
        struct stream_id id = { 0, 0 };
        struct owed *e = read_raw_id(x, &id) ? take_owed(o, id) : NULL;
        if (!e) return corrupt(x);
        if (!stream_claim(x->s, g, c, &(struct stream_claim){ .id = id, .time_ms = e->time_ms, .count = e->count })) return no_memory(x);
    }
    return rdb_ok(x->r);
}

static bool read_consumers(struct reading *x, struct stream_group *g, struct owed_list *o) {
    for (size_t n = rdb_read_count(x->r, x->version >= 3 ? 18 : 10); n > 0; n--) {
        if (!read_consumer(x, g, o)) return false;
    }
    return rdb_ok(x->r) && (o->taken == o->n || corrupt(x));
}

static bool read_group(struct reading *x) {
    struct slice name = rdb_read_slice(x->r, &x->scratch);
    if (!name.p || name.n > UINT32_MAX || stream_group(x->s, name)) return corrupt(x);
    struct stream_id last_id = read_id(x);
    int64_t read = x->version >= 2 ? (int64_t)rdb_read_length(x->r) : stream_position(x->s, last_id);
    if (!rdb_ok(x->r) || read < STREAM_READ_UNKNOWN) return corrupt(x);
    struct stream_group *g = stream_add_group(x->s, name, last_id, read);
    if (!g) return no_memory(x);
    struct owed_list o = { 0 };
    bool done = read_owed(x, &o) && read_consumers(x, g, &o);
    mem_free(o.list);
    return done;
}

static bool read_groups(struct reading *x) {
    for (size_t n = rdb_read_count(x->r, 5); n > 0; n--) {
        if (!read_group(x)) return false;
    }
    return rdb_ok(x->r);
}

bool rdb_read_stream(struct rdb_reader *r, unsigned type, struct value *v) {
    struct reading x = { .r = r, .version = type == RDB_STREAM_LISTPACKS_3 ? 3 : type == RDB_STREAM_LISTPACKS_2 ? 2 : 1, .s = stream_make(v) };
    if (!x.s) return no_memory(&x);
    bool done = read_nodes(&x) && read_counters(&x) && read_groups(&x);
    buf_free(&x.scratch);
    return done;
}
