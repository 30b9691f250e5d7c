// Streams: entries (an id and pairs of field and value) in the order of their ids, and groups of consumers that read them.
//
// Always a root:
//
//     nodes      packed lists of some entries each, in Redis's format (stream_node.c), under a counted tree by the first id. The last node is at hand
//     groups     by name; each has
//       pending    what was delivered to a consumer and not acknowledged, by id
//       consumers  by name; each has the part of the group's pending entries that is its own, by id: the same objects
//
// All of it is in the slab of nodes that the root is in, and is told apart from what other values have there by `bytes` alone.
//
// Ids only grow: `last_id` is the highest that ever was. Entries that are deleted stay in their node, marked, until all of its entries are.
//
// Functions here change the stream and nothing else: effects, and what waits, are the handlers'.
#ifndef KORA_TYPE_STREAM_H
#define KORA_TYPE_STREAM_H

#include "ds/packed.h"
#include "ds/tree.h"
#include "type/value.h"

// ---- ids ---------------------------------------------------------------------------------------------------------------------

struct stream_id {
    uint64_t ms, seq;
};
#define STREAM_ID_MAX ((struct stream_id){ UINT64_MAX, UINT64_MAX })

static inline int stream_id_compare(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}
static inline bool stream_id_is_zero(struct stream_id a) { return (a.ms | a.seq) == 0; }
static inline bool stream_id_next(struct stream_id *id) { // false: it was the last there can be
    if (++id->seq == 0 && ++id->ms == 0) return false;
    return true;
}
static inline bool stream_id_previous(struct stream_id *id) {
    if (stream_id_is_zero(*id)) return false;
    if (id->seq-- == 0) id->ms--;
    return true;
}
enum { STREAM_ID_TEXT_MAX = 2 * NUM_INT_MAX + 1 };
size_t stream_id_format(struct stream_id id, char *to); // "ms-seq", no zero byte

// ---- the stream ----------------------------------------------------------------------------------------------------------------

struct stream_node {
    struct stream_id first; // what the ids in it are counted from: that of the entry it was made for
    char *packed;           // by itself: full nodes are about 4096 bytes, so that any more would take the next larger size class
    uint32_t cap;           // bytes that packed may take
    uint32_t mark;          // see root_node_changes
};

struct stream {
    struct root root;
    struct tree nodes;
    struct stream_node *tail;      // the last one; NULL: there is none
    uint64_t length;               // entries that are not deleted
    struct stream_id first_id;     // of the first of them; zero: there is none
    struct stream_id last_id;
    struct stream_id max_deleted;  // the highest that XDEL has deleted
    uint64_t added;                // entries that ever were
    struct tree groups;
    uint64_t bytes;                // of all but the nodes of trees, as the slab rounds them
    uint32_t shape;                // steps when a place in a node may have changed: see struct stream_hint
};

// Redis's limits for a node; 0: none.
struct stream_limits {
    uint64_t bytes, entries;
};
static inline struct stream_limits stream_limits(const struct settings *s) {
    return (struct stream_limits){ settings_number(&s->stream_node_max_bytes), settings_number(&s->stream_node_max_entries) };
}

static inline struct stream *value_stream(const struct value *v) { return v->there ? (struct stream *)(void *)v->root : NULL; }
// An empty one, which becomes v's, where there is none. NULL: no memory, nothing changed.
struct stream *stream_make(struct value *v);

enum { STREAM_BYTES_MAX = 1 << 30 }; // of fields and values of an entry together
// Adds an entry: `args` are field, value, field, value ... `id` is above last_id. False: no memory, nothing changed.
bool stream_append(struct stream *s, struct stream_id id, const struct slice *args, size_t pairs, struct stream_limits limits);
// Deletes entries; what the highest deleted id is now, is the caller's. They never fail. How many there were.
bool stream_delete(struct stream *s, struct stream_id id);

enum stream_trim_by { STREAM_TRIM_NOT, STREAM_TRIM_LENGTH, STREAM_TRIM_ID };
struct stream_trim {
    enum stream_trim_by by;
    uint64_t length;      // keep so many
    struct stream_id id;  // keep those from this one on
    bool whole_nodes;     // only where a whole node can go
    uint64_t limit;       // go on to a node only if not more than that have been deleted with it; 0: none
};
uint64_t stream_trim(struct stream *s, const struct stream_trim *how);

// For what builds a stream from its parts (RESTORE): a node behind all others, whose bytes stream_node_valid has passed, and what length and ids are then
// (`length`, `first_id`, `last_id`, `max_deleted`, `added`) are the caller's. False: no memory.
bool stream_add_node(struct stream *s, struct stream_id first, struct slice packed);
// Whether any bytes are a node: a list in all its parts, ids in order. *live: entries that are not deleted.
bool stream_node_valid(const char *packed, size_t n, struct stream_id first, uint64_t *live, struct stream_id *last);

// ---- walking -------------------------------------------------------------------------------------------------------------------

// A place among entries, good until the stream changes. What is deleted is passed over.
struct stream_cursor {
    const struct stream *s;
    const struct stream_node *node; // NULL: at the end
    struct tree_at place;           // the node's
    struct stream_id id;
    size_t at;          // of the entry in its node
    size_t element;     // the first that has not been visited yet
    size_t field;       // of the node's first entry, if this one has the same fields; 0: it has its own
    uint32_t left;      // elements up to the entry's end, but for the last
    uint32_t pairs;
    bool deleted;
    size_t fields_at;   // of the node
    uint32_t fields;    // of the node
};

bool stream_first(struct stream_cursor *c, const struct stream *s, struct stream_id from); // the first at or behind `from`. False: none
bool stream_last(struct stream_cursor *c, const struct stream *s, struct stream_id to);    // the last at or before `to`
bool stream_next(struct stream_cursor *c);
bool stream_previous(struct stream_cursor *c);
// The same as stream_first, cheaper if `from` isn't far behind where the cursor (of the same stream, or zeroed) is.
bool stream_forward(struct stream_cursor *c, const struct stream *s, struct stream_id from);
bool stream_has(struct stream_cursor *c, const struct stream *s, struct stream_id id); // by stream_forward
// Its fields and values, c->pairs of them one after the other. Integers are written into `number`.
struct stream_pair {
    struct slice field, value;
    char number[2][NUM_INT_MAX];
};
void stream_pair(struct stream_cursor *c, struct stream_pair *pair);

// Where a reader goes on: behind the entry `id`. Good as long as the stream's shape is the same.
struct stream_hint {
    struct stream_id id;
    const struct stream_node *node; // NULL: not known
    size_t at;
    uint32_t shape;
};
// The first behind `id`: at once, if the hint is about it.
bool stream_behind(struct stream_cursor *c, const struct stream *s, struct stream_id id, const struct stream_hint *hint);
struct stream_hint stream_hint(struct stream_cursor *c); // behind where the cursor is

// ---- groups --------------------------------------------------------------------------------------------------------------------

enum { STREAM_READ_UNKNOWN = -1 };

struct stream_group {
    struct tree pending, consumers;
    struct stream_id last_id;  // delivered
    int64_t read;              // how many entries were before that one, and it; STREAM_READ_UNKNOWN
    struct stream_hint hint;   // of last_id
    uint32_t name_n;
    char name[];
};
struct stream_consumer {
    struct tree pending;
    int64_t seen_ms;           // it tried to do something
    int64_t active_ms;         // it was delivered something; -1: never
    uint32_t name_n;
    char name[];
};
struct stream_pending {
    struct stream_id id;
    struct stream_consumer *consumer;
    int64_t time_ms;           // delivered
    uint64_t count;            // how often
};
static inline uint64_t stream_count_again(const struct stream_pending *p) { return p->count + (p->count < INT64_MAX); } // it must fit where it is told
static inline struct slice stream_group_name(const struct stream_group *g) { return slice_of(g->name, g->name_n); }
static inline struct slice stream_consumer_name(const struct stream_consumer *c) { return slice_of(c->name, c->name_n); }

struct stream_group *stream_group(const struct stream *s, struct slice name); // NULL: none
// A new one; there is none of that name. NULL: no memory.
struct stream_group *stream_add_group(struct stream *s, struct slice name, struct stream_id last_id, int64_t read);
void stream_drop_group(struct value *v, struct stream_group *g); // what it has is freed at once, or in the background if that is much
struct stream_consumer *stream_consumer(const struct stream_group *g, struct slice name);
struct stream_consumer *stream_add_consumer(struct stream *s, struct stream_group *g, struct slice name, int64_t now_ms);
void stream_drop_consumer(struct stream *s, struct stream_group *g, struct stream_consumer *c); // with what is pending for it

// Of a group's or a consumer's tree.
struct stream_pending *stream_pending(const struct tree *pending, struct stream_id id);
struct tree_at stream_pending_from(const struct tree *pending, struct stream_id id); // the first at or behind it
void stream_acknowledge(struct stream *s, struct stream_group *g, struct stream_pending *p);

// An entry that becomes pending for a consumer, or is delivered to it once more. What needs memory comes first, and can be taken back, the latest claim
// first; until stream_claim_end it is still with its old consumer, too.
struct stream_claim {
    struct stream_id id;
    int64_t time_ms;
    uint64_t count;
    struct stream_pending *p;
    bool fresh, moves;
    int64_t was_time_ms;
    uint64_t was_count;
};
bool stream_claim(struct stream *s, struct stream_group *g, struct stream_consumer *to, struct stream_claim *c); // false: no memory, nothing changed
void stream_claim_end(struct stream_consumer *to, const struct stream_claim *c);
void stream_claim_undo(struct stream *s, struct stream_group *g, struct stream_consumer *to, const struct stream_claim *c);

// How many entries were ever added up to `id`, as far as that can be told without looking at them; STREAM_READ_UNKNOWN.
int64_t stream_position(const struct stream *s, struct stream_id id);
// How many a group has still to read. False: unknown.
bool stream_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);
// The group has read the entry `id`.
void stream_group_read(const struct stream *s, struct stream_group *g, struct stream_id id);

#endif
