// The deque that large lists are: list_deque.c, for list.c.
#ifndef KORA_TYPE_LIST_INT_H
#define KORA_TYPE_LIST_INT_H

#include "type/list.h"

// What a node may hold: bytes of its allocation, elements.
struct list_limit {
    size_t bytes;
    uint32_t count;
};

struct list_node;

struct deque {
    struct root root;
    uint64_t count;                // elements
    uint64_t bytes;                // of packed nodes, as the slab rounds them
    struct list_node *first, *last;
    int64_t first_extra, last_extra;
    struct sequence nodes;         // of struct list_node, by the number of elements in each
};
static inline struct deque *deque_of(const struct root *r) { return CONTAINER_OF((struct root *)(uintptr_t)r, struct deque, root); }

struct deque *deque_new(struct slab *slab);
bool deque_free(struct deque *d, size_t budget); // as value_kind.free
struct deque *deque_copy(struct slab *slab, const struct deque *d);
size_t deque_memory(const struct deque *d);
void deque_check(const struct deque *d);
// Its one packed node, if it consists of that; else NULL.
const char *deque_packed(const struct deque *d);

// For snapshots (rdb_portions.h): the addresses of all nodes; and what is in one: a packed list, or NULL, and *plain is its element.
void deque_nodes(const struct deque *d, void **to);
void deque_mark(void *node, uint32_t mark);
const char *deque_node(const void *node, struct slice *plain);

bool deque_seek(const struct deque *d, uint64_t i, struct list_at *at);
bool deque_next(struct list_at *at);
bool deque_previous(struct list_at *at);

bool deque_push(struct deque *d, const struct list_limit *limit, enum list_end end, struct slice s);
void deque_remove(struct deque *d, const struct list_limit *limit, uint64_t i, uint64_t n);
uint64_t deque_remove_equal(struct deque *d, const struct list_limit *limit, struct slice s, uint64_t max, bool from_back);
bool deque_set(struct deque *d, const struct list_limit *limit, struct list_at *at, struct slice s);
bool deque_insert(struct deque *d, const struct list_limit *limit, struct list_at *at, bool behind, struct slice s);

#endif
