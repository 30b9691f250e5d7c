// Values as RDB objects in portions, see rdb_portions.h. The formats are in rdb_write.c and rdb_stream.c.
#include "type/rdb_portions.h"

#include "type/hash_int.h"
#include "type/list_int.h"
#include "type/rdb_int.h"
#include "type/set_int.h"
#include "type/stream.h"
#include "type/zset_int.h"

static uint64_t head(struct rdb_writer *w, enum rdb_type type, uint64_t count) {
    rdb_write_byte(w, type);
    rdb_write_length(w, count);
    return count;
}

// ---- hashes: `base` is the earliest expiry ---------------------------------------------------------------------------------------

static uint64_t hash_head(struct rdb_writer *w, const struct root *r, int64_t *base) {
    uint64_t count = hash_of(r)->fields.count;
    *base = r->due.at_ms;
    if (!*base) return head(w, RDB_HASH, count);
    rdb_write_byte(w, RDB_HASH_METADATA);
    rdb_write_ms(w, *base);
    rdb_write_length(w, count);
    return count;
}

static void hash_item(struct rdb_writer *w, const void *item, int64_t base) {
    int64_t at_ms = field_expiry(item);
    if (base) rdb_write_length(w, at_ms ? (uint64_t)(at_ms - base) + 1 : 0);
    rdb_write_string(w, field_name(item));
    rdb_write_string(w, field_value(item));
}

static struct slice hash_item_name(const void *item) { return field_name(item); }

// ---- sets, sorted sets -----------------------------------------------------------------------------------------------------------

static uint64_t set_head(struct rdb_writer *w, const struct root *r, int64_t *base) {
    (void)base;
    return head(w, RDB_SET, ((const struct set_root *)r)->table.count);
}

static void set_item(struct rdb_writer *w, const void *item, int64_t base) {
    (void)base;
    rdb_write_string(w, member_text(item));
}

static struct slice set_item_name(const void *item) { return member_text(item); }

static uint64_t zset_head(struct rdb_writer *w, const struct root *r, int64_t *base) {
    (void)base;
    return head(w, RDB_ZSET_2, ((const struct zset_root *)r)->members.count);
}

static void zset_item(struct rdb_writer *w, const void *item, int64_t base) {
    (void)base;
    rdb_write_string(w, zset_member_name(item));
    rdb_write_double(w, ((const struct member *)item)->score);
}

static struct slice zset_item_name(const void *item) { return zset_member_name(item); }

static bool zset_walk(const struct root *root, struct buf *at, value_item_fn *visit, void *arg) {
    enum { AHEAD = 8 };
    const struct tree *t = &((const struct zset_root *)root)->order;
    if (t->count == 0) return true;
    struct tree_at p = tree_last(t);
    if (at->n) {
        const struct member *last = (const struct member *)(const void *)at->p;
        struct tree_at behind = tree_lower(t, zset_compare, last, zset_word(last), NULL);
        if (behind.leaf) p = tree_previous(behind);
    }
    struct tree_at ahead = p;
    for (int i = 0; i < AHEAD && ahead.leaf; i++) ahead = tree_previous(ahead);
    for (; p.leaf; p = tree_previous(p)) {
        struct member *m = tree_item(p);
        if (ahead.leaf) {
            prefetch(tree_item(ahead));
            ahead = tree_previous(ahead);
        }
        if (visit(arg, m)) continue;
        buf_clear(at);
        buf_append(at, m, zset_member_size(zset_member_name(m).n));
        return false;
    }
    return true;
}

static bool zset_walked(const void *item, const struct buf *at) { return at->n && zset_compare(item, at->p) >= 0; }

// ---- lists -----------------------------------------------------------------------------------------------------------------------

static uint64_t list_head(struct rdb_writer *w, const struct root *r, int64_t *base) {
    (void)base;
    return head(w, RDB_LIST_QUICKLIST_2, deque_of(r)->nodes.items);
}

static void list_nodes(const struct root *r, void **to) { deque_nodes(deque_of(r), to); }
static void list_mark(void *node, uint32_t mark) { deque_mark(node, mark); }

static void list_node(struct rdb_writer *w, const void *node) {
    struct slice plain;
    const char *packed = deque_node(node, &plain);
    if (packed) rdb_write_list_packed(w, packed);
    else rdb_write_list_plain(w, plain);
}

// ---- streams ---------------------------------------------------------------------------------------------------------------------

static uint64_t stream_head(struct rdb_writer *w, const struct root *r, int64_t *base) {
    const struct stream *s = (const struct stream *)(const void *)r;
    (void)base;
    return head(w, w->newest ? RDB_STREAM_LISTPACKS_3 : RDB_STREAM_LISTPACKS_2, s->nodes.count);
}

static void stream_nodes(const struct root *r, void **to) {
    for (struct tree_at at = tree_first(&((const struct stream *)(const void *)r)->nodes); at.leaf; at = tree_next(at)) *to++ = tree_item(at);
}

static void stream_mark(void *node, uint32_t mark) { ((struct stream_node *)node)->mark = mark; }

static void stream_node(struct rdb_writer *w, const void *node) { rdb_write_stream_node(w, node); }
static void stream_tail(struct rdb_writer *w, const struct root *r) { rdb_write_stream_tail(w, (const struct stream *)(const void *)r); }

const struct value_portions *value_portions(enum value_type type) {
    static const struct value_portions kinds[TYPE_COUNT] = {
        [TYPE_HASH] = { .head = hash_head, .item = hash_item, .name = hash_item_name },
        [TYPE_SET] = { .head = set_head, .item = set_item, .name = set_item_name },
        [TYPE_ZSET] = { .head = zset_head, .item = zset_item, .name = zset_item_name, .walk = zset_walk, .walked = zset_walked },
        [TYPE_LIST] = { .head = list_head, .nodes = list_nodes, .mark = list_mark, .node = list_node },
        [TYPE_STREAM] = { .head = stream_head, .nodes = stream_nodes, .mark = stream_mark, .node = stream_node, .tail = stream_tail },
    };
    invariant(type < TYPE_COUNT && kinds[type].head);
    return &kinds[type];
}
