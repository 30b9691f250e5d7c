// The counted B+tree.
//
//     level height - 1 (the root)   [ first | child | count | word ] ...
//     ...
//     level 1                       [ first | child | count | word ] ...
//     level 0 (the leaves)          [ item ] ... <-> [ item ] ... <-> ...
//
// An entry of an inner node has the child, how many items are below it, the first of them, and that one's word: descending to a key takes the last
// child whose first item is not behind it, so no child is looked at in vain. A node is columns of 64 bits, one in leaves and four in inner nodes,
// and what moves entries does so column by column, whatever the level.
//
// A full node gives to a neighbour with the same parent, if one has ROOM; else it and a neighbour become three nodes (Knuth's B*-tree, TAOCP vol. 3,
// 6.2.4, but for whom the room is worth the moving). At the very ends the full node stays full, and the newcomer gets a node of its own: so
// sequences in order fill their nodes. Before anything changes the way up is planned, and all nodes that it needs are there.
// A node below half is merged with a neighbour as soon as the two leave an eighth of a node free, and below LOW it borrows.
//
//   invariants: no node is empty; the root, unless a leaf, has two children; nodes other than the first and last of their level have LOW entries;
//   every leaf has room for LEAF items but the lone one, which begins small.
//
// A compare reads an item, and that misses the cache. In inner nodes the words decide, unless they are equal (a find in a million items with different
// words takes 2/3 of the time). In leaves the search is the uniform one (Shar's; Knuth, 6.2.1 C): which items it will look at is known some steps
// ahead, so they are asked for together, three steps at a time (3/4 of the time, and 1/2 where words are equal).
#include "ds/tree.h"

// Tests lower these. Measured with a million items in random order: larger leaves save 3 % of the memory, and double what an insert moves.
#ifndef TREE_LEAF
#define TREE_LEAF 61
#define TREE_INNER 39
#endif

enum {
    LEAF = TREE_LEAF,
    INNER = TREE_INNER,
    LEAF_LEAST = MIN(LEAF, 5), // of a lone leaf
    HEIGHT_MAX = 32,
    WORD = sizeof(uint64_t),
    WALK_AHEAD = 8,
};
static_assert(LEAF >= 4 && LEAF <= 63 && INNER >= 4 && INNER <= 63, "splitting needs 4; the search looks two stages ahead, 63 items");
static_assert(sizeof(void *) == WORD, "columns are words");

struct tree_node {
    uint32_t n;
    uint32_t cap;
};

struct leaf {
    struct tree_node node;
    struct leaf *prev, *next;
    void *items[]; // node.cap
};

struct inner {
    struct tree_node node;
    void *first[INNER];
    struct tree_node *child[INNER];
    uint64_t count[INNER];
    uint64_t word[INNER];
};
static_assert(offsetof(struct inner, word) == offsetof(struct inner, first) + (size_t)3 * INNER * WORD, "four columns in a row");

// What is in an entry; of a leaf's entry there is only `first`, the item.
enum { COLUMNS = 4 };
struct entry {
    void *first;
    struct tree_node *child;
    uint64_t count;
    uint64_t word;
};

// The way to an item: at each level a node and the place in it.
struct step {
    struct tree_node *node;
    uint32_t i;
};

static inline struct leaf *leaf_of(const struct tree_node *x) { return (struct leaf *)(uintptr_t)x; }
static inline struct inner *inner_of(const struct tree_node *x) { return (struct inner *)(uintptr_t)x; }
static inline uint32_t capacity(unsigned level) { return level ? INNER : LEAF; }
static inline uint32_t low(uint32_t cap) { return MAX(cap * 2 / 5, (uint32_t)2); }
static inline uint32_t room(uint32_t cap) { return MAX(cap / 16, (uint32_t)1); } // of a neighbour that is worth giving to

static size_t leaf_size(uint32_t cap) { return sizeof(struct leaf) + cap * WORD; }
// Whole cache lines.
static size_t node_size(unsigned level, uint32_t cap) { return ALIGN_UP(level ? sizeof(struct inner) : leaf_size(cap), CACHE_LINE); }

static struct tree_node *node_alloc(struct tree *t, unsigned level, uint32_t cap) {
    struct tree_node *x = slab_alloc(t->slab, node_size(level, cap));
    if (!x) return NULL;
    *x = (struct tree_node){ 0, cap };
    t->bytes += node_size(level, cap);
    return x;
}

static void node_free(struct tree *t, unsigned level, struct tree_node *x) {
    t->bytes -= node_size(level, x->cap);
    slab_free(t->slab, x, node_size(level, x->cap));
}

static uint64_t word_of(const struct tree *t, const void *item) { return t->word ? t->word(item) : 0; }

static void *node_first(unsigned level, const struct tree_node *x) { return level ? inner_of(x)->first[0] : leaf_of(x)->items[0]; }

static uint64_t node_count(unsigned level, const struct tree_node *x) {
    if (level == 0) return x->n;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < x->n; i++) sum += inner_of(x)->count[i];
    return sum;
}

// ---- columns ----

static char *column(unsigned level, struct tree_node *x, unsigned c, uint32_t i) {
    return (char *)x + (level ? offsetof(struct inner, first) + ((size_t)c * INNER + i) * WORD : offsetof(struct leaf, items) + i * WORD);
}

static unsigned columns(unsigned level) { return level ? COLUMNS : 1; }

static void put(unsigned level, struct tree_node *x, uint32_t i, const struct entry *e) {
    for (unsigned c = 0; c < columns(level); c++) {
        memmove(column(level, x, c, i + 1), column(level, x, c, i), (x->n - i) * WORD);
        memcpy(column(level, x, c, i), (const char *)e + c * WORD, WORD);
    }
    x->n++;
}

static void take(unsigned level, struct tree_node *x, uint32_t i, uint32_t n) {
    for (unsigned c = 0; c < columns(level); c++) {
        memmove(column(level, x, c, i), column(level, x, c, i + n), (x->n - i - n) * WORD);
    }
    x->n -= n;
}

static void append(unsigned level, struct tree_node *x, struct tree_node *from) {
    for (unsigned c = 0; c < columns(level); c++) memcpy(column(level, x, c, x->n), column(level, from, c, 0), from->n * WORD);
    x->n += from->n;
}

// Entries of nodes side by side, on their way to a new division.
struct row {
    uint32_t n;
    uint64_t words[COLUMNS][2 * MAX(LEAF, INNER) + 1];
};

static void row_add(struct row *r, unsigned level, struct tree_node *x, uint32_t from, uint32_t to) {
    for (unsigned c = 0; c < columns(level); c++) memcpy(&r->words[c][r->n], column(level, x, c, from), (to - from) * WORD);
    r->n += to - from;
}

static void row_add_entry(struct row *r, unsigned level, const struct entry *e) {
    for (unsigned c = 0; c < columns(level); c++) memcpy(&r->words[c][r->n], (const char *)e + c * WORD, WORD);
    r->n++;
}

// In equal parts.
static void row_divide(const struct row *r, unsigned level, struct tree_node *const *nodes, uint32_t k) {
    uint32_t at = 0;
    for (uint32_t j = 0; j < k; j++) {
        struct tree_node *x = nodes[j];
        x->n = r->n / k + (j < r->n % k);
        for (unsigned c = 0; c < columns(level); c++) memcpy(column(level, x, c, 0), &r->words[c][at], x->n * WORD);
        at += x->n;
    }
}

// ---- searching ----

// How many of n items are before the key (`through`: or it). *found: one is the key's.
// After the first step `span` items from `base` on are undecided, of which the middle one is compared; both are known but for the outcomes.
static inline uint32_t search(void *const *items, uint32_t n, tree_compare_fn *compare, const void *key, bool through, bool *found) {
    if (n == 0) return 0;
    uint32_t span = ((uint32_t)1 << (31 - (unsigned)__builtin_clz(n))) - 1, other = n - span, half = span / 2, quarter = half / 2;
    prefetch(items[other - 1]);
    if (n > 3) {
        prefetch(items[half]);
        prefetch(items[other + half]);
        prefetch(items[quarter]);
        prefetch(items[half + 1 + quarter]);
        prefetch(items[other + quarter]);
        prefetch(items[other + half + 1 + quarter]);
    }
    uint32_t base = 0;
    int c = compare(items[other - 1], key);
    if (c == 0) goto equal;
    if (c < 0) base = other;
    for (unsigned depth = 1; span > 0; depth++, span /= 2) {
        if (depth == 3) {
            for (uint32_t i = 0; i < span; i++) prefetch(items[base + i]);
        }
        other = base + span / 2 + 1;
        c = compare(items[other - 1], key);
        if (c == 0) goto equal;
        if (c < 0) base = other;
    }
    return base;
equal:
    *found = true;
    return through ? other : other - 1;
}

// How many of n words are below `word` (`through`: or equal).
static inline uint32_t search_words(const uint64_t *words, uint32_t n, uint64_t word, bool through) {
    uint32_t base = 0;
    while (n > 0) {
        uint32_t half = n / 2, probe = base + half + 1;
        bool right = through ? words[probe - 1] <= word : words[probe - 1] < word;
        base = right ? probe : base;
        n = right ? n - half - 1 : half;
    }
    return base;
}

// The last child whose first item is not behind the key; the first child is never asked.
static inline uint32_t search_children(const struct inner *in, tree_compare_fn *compare, const void *key, uint64_t word) {
    uint32_t n = in->node.n, from = 1 + search_words(in->word + 1, n - 1, word, false);
    if (from == n || in->word[from] != word) return from - 1;
    bool found;
    return from - 1 + search(in->first + from, search_words(in->word + from, n - from, word, true), compare, key, true, &found);
}

static inline void prefetch_bytes(const void *p, size_t n) {
    for (size_t i = 0; i < n; i += CACHE_LINE) prefetch((const char *)p + i);
}

// Down to where the key is or would be. *rank: how many items are before that.
static inline bool descend(
    const struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, struct step *path, uint64_t *rank) {
    struct tree_node *x = t->root;
    bool found = false;
    uint64_t before = 0;
    for (unsigned level = t->height; --level > 0;) {
        const struct inner *in = inner_of(x);
        uint32_t i = search_children(in, compare, key, word);
        path[level] = (struct step){ x, i };
        x = in->child[i];
        if (level == 1) prefetch_bytes(x, node_size(0, LEAF));
        else prefetch(x), prefetch_bytes(inner_of(x)->word, sizeof in->word);
        for (uint32_t j = 0; rank && j < i; j++) before += in->count[j];
    }
    found = false;
    path[0] = (struct step){ x, search(leaf_of(x)->items, x->n, compare, key, false, &found) };
    if (rank) *rank = before + path[0].i;
    return found;
}

// Down to the item with a rank < count.
static void descend_rank(const struct tree *t, uint64_t rank, struct step *path) {
    struct tree_node *x = t->root;
    for (unsigned level = t->height; --level > 0;) {
        const struct inner *in = inner_of(x);
        uint32_t i = 0;
        for (; rank >= in->count[i]; i++) rank -= in->count[i];
        path[level] = (struct step){ x, i };
        x = in->child[i];
        if (level > 1) prefetch_bytes(inner_of(x)->count, sizeof in->count);
    }
    path[0] = (struct step){ x, (uint32_t)rank };
}

struct tree_at tree_find(const struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, uint64_t *rank) {
    struct step path[HEIGHT_MAX];
    if (rank) *rank = 0;
    if (!t->root || !descend(t, compare, key, word, path, rank)) return (struct tree_at){ NULL, 0 };
    return (struct tree_at){ path[0].node, path[0].i };
}

struct tree_at tree_lower(const struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, uint64_t *rank) {
    struct step path[HEIGHT_MAX];
    if (rank) *rank = 0;
    if (!t->root) return (struct tree_at){ NULL, 0 };
    descend(t, compare, key, word, path, rank);
    if (path[0].i < path[0].node->n) return (struct tree_at){ path[0].node, path[0].i };
    struct leaf *next = leaf_of(path[0].node)->next;
    return (struct tree_at){ next ? &next->node : NULL, 0 };
}

struct tree_at tree_at_rank(const struct tree *t, uint64_t rank) {
    struct step path[HEIGHT_MAX];
    if (rank >= t->count) return (struct tree_at){ NULL, 0 };
    descend_rank(t, rank, path);
    return (struct tree_at){ path[0].node, path[0].i };
}

struct tree_at tree_first(const struct tree *t) {
    return (struct tree_at){ t->first, 0 };
}

struct tree_at tree_last(const struct tree *t) {
    return (struct tree_at){ t->last, t->last ? t->last->n - 1 : 0 };
}

struct tree_at tree_next(struct tree_at at) {
    const struct leaf *l = leaf_of(at.leaf);
    if (at.i + WALK_AHEAD < l->node.n) prefetch(l->items[at.i + WALK_AHEAD]);
    if (likely(at.i + 1 < l->node.n)) return (struct tree_at){ at.leaf, at.i + 1 };
    const struct leaf *next = l->next;
    if (!next) return (struct tree_at){ NULL, 0 };
    for (uint32_t i = 0; i < MIN(next->node.n, (uint32_t)WALK_AHEAD); i++) prefetch(next->items[i]);
    if (next->next) prefetch_bytes(next->next, node_size(0, LEAF));
    return (struct tree_at){ (struct tree_node *)(uintptr_t)&next->node, 0 };
}

struct tree_at tree_previous(struct tree_at at) {
    const struct leaf *l = leaf_of(at.leaf);
    if (at.i >= WALK_AHEAD) prefetch(l->items[at.i - WALK_AHEAD]);
    if (likely(at.i > 0)) return (struct tree_at){ at.leaf, at.i - 1 };
    const struct leaf *prev = l->prev;
    if (!prev) return (struct tree_at){ NULL, 0 };
    uint32_t n = prev->node.n;
    for (uint32_t i = n - MIN(n, (uint32_t)WALK_AHEAD); i < n; i++) prefetch(prev->items[i]);
    if (prev->prev) prefetch_bytes(prev->prev, node_size(0, LEAF));
    return (struct tree_at){ (struct tree_node *)(uintptr_t)&prev->node, n - 1 };
}

void *tree_item(struct tree_at at) { return leaf_of(at.leaf)->items[at.i]; }

// ---- links and entries ----

// Puts a leaf behind another, NULL: before the first.
static void link_behind(struct tree *t, struct leaf *l, struct leaf *prev) {
    l->prev = prev;
    l->next = prev ? prev->next : t->first ? leaf_of(t->first) : NULL;
    if (l->prev) l->prev->next = l;
    else t->first = &l->node;
    if (l->next) l->next->prev = l;
    else t->last = &l->node;
}

static void unlink_leaf(struct tree *t, struct leaf *l) {
    if (l->prev) l->prev->next = l->next;
    else t->first = l->next ? &l->next->node : NULL;
    if (l->next) l->next->prev = l->prev;
    else t->last = l->prev ? &l->prev->node : NULL;
}

static void drop_node(struct tree *t, unsigned level, struct tree_node *x) {
    if (level == 0) unlink_leaf(t, leaf_of(x));
    node_free(t, level, x);
}

static struct entry entry_of(const struct tree *t, unsigned level, struct tree_node *x) {
    void *first = node_first(level, x);
    return (struct entry){ first, x, node_count(level, x), word_of(t, first) };
}

static void set_first(const struct tree *t, struct inner *parent, uint32_t i, void *first) {
    parent->first[i] = first;
    parent->word[i] = word_of(t, first);
}

// What the parent says of its i-th child, anew.
static void refresh(const struct tree *t, struct inner *parent, unsigned level, uint32_t i) {
    set_first(t, parent, i, node_first(level, parent->child[i]));
    parent->count[i] = node_count(level, parent->child[i]);
}

// The first item below the node on `level` has changed.
static void refresh_first(const struct tree *t, const struct step *path, unsigned level) {
    for (void *first = node_first(level, path[level].node); ++level < t->height;) {
        set_first(t, inner_of(path[level].node), path[level].i, first);
        if (path[level].i > 0) return;
    }
}

// The size of the i-th child. That of a leaf is told by its count, so the leaf itself isn't read.
static uint32_t child_size(const struct inner *parent, unsigned level, uint32_t i) {
    return level ? parent->child[i]->n : (uint32_t)parent->count[i];
}

// ---- inserting ----

// What happens to the node of a level. `before`, `after`: a new one comes before or behind it, with the new entry alone. `other`: the neighbour's index.
enum action { PUT, SHARE, SPLIT, BEFORE, AFTER };
struct plan {
    enum action action;
    uint32_t other; // index of the neighbour for SHARE and SPLIT; the node's own: it has none
    struct tree_node *fresh;
};

static struct plan plan_full(const struct inner *parent, unsigned level, uint32_t i) {
    uint32_t left = i > 0 ? child_size(parent, level, i - 1) : UINT32_MAX, right = UINT32_MAX;
    if (i + 1 < parent->node.n) right = child_size(parent, level, i + 1);
    bool share = MIN(left, right) <= capacity(level) - room(capacity(level));
    uint32_t other = share ? (left < right ? i - 1 : i + 1) : right != UINT32_MAX ? i + 1 : left != UINT32_MAX ? i - 1 : i;
    return (struct plan){ share ? SHARE : SPLIT, other, NULL };
}

// What inserting at the path's end takes, from the leaf up to the first level where it ends. Returns how many levels change; the last of them may be
// `height`: a new root.
static unsigned plan_insert(const struct tree *t, const struct step *path, struct plan *plan) {
    bool tail = path[0].node == t->last && path[0].i == path[0].node->n, head = path[0].node == t->first && path[0].i == 0;
    for (unsigned level = 0; level < t->height; level++) {
        plan[level] = (struct plan){ PUT, 0, NULL };
        if (path[level].node->n < capacity(level)) return level + 1;
        if (tail || head) {
            plan[level].action = tail ? AFTER : BEFORE;
        } else if (level + 1 == t->height) {
            plan[level].action = SPLIT;
        } else {
            plan[level] = plan_full(inner_of(path[level + 1].node), level, path[level + 1].i);
            if (plan[level].action == SHARE) return level + 1;
        }
    }
    plan[t->height] = (struct plan){ PUT, 0, NULL };
    return t->height + 1;
}

static void unreserve(struct tree *t, struct plan *plan, unsigned levels) {
    for (unsigned level = 0; level < levels; level++) {
        if (plan[level].fresh) node_free(t, level, plan[level].fresh);
    }
}

static bool reserve(struct tree *t, struct plan *plan, unsigned levels) {
    for (unsigned level = 0; level < levels; level++) {
        if (plan[level].action <= SHARE && level < t->height) continue;
        plan[level].fresh = node_alloc(t, level, capacity(level));
        if (plan[level].fresh) continue;
        unreserve(t, plan, level);
        return false;
    }
    return true;
}

// Divides the entries of the path's node, its neighbour and `e` (may be NULL) among them and `fresh` (may be NULL), which comes last.
static void divide(struct tree *t, const struct step *path, unsigned level, const struct plan *plan, const struct entry *e) {
    struct row r;
    r.n = 0;
    struct tree_node *x = path[level].node, *nodes[3] = { x };
    struct inner *parent = level + 1 < t->height ? inner_of(path[level + 1].node) : NULL;
    uint32_t i = parent ? path[level + 1].i : 0, from = MIN(i, plan->other), k = 1;
    if (parent && plan->other != i) {
        nodes[0] = parent->child[from];
        nodes[1] = parent->child[from + 1];
        k = 2;
    }
    for (uint32_t j = 0; j < k; j++) {
        uint32_t at = e && nodes[j] == x ? path[level].i : nodes[j]->n;
        row_add(&r, level, nodes[j], 0, at);
        if (e && nodes[j] == x) row_add_entry(&r, level, e);
        row_add(&r, level, nodes[j], at, nodes[j]->n);
    }
    if (plan->fresh) nodes[k] = plan->fresh;
    row_divide(&r, level, nodes, k + (plan->fresh != NULL));
    if (plan->fresh && level == 0) link_behind(t, leaf_of(plan->fresh), leaf_of(nodes[k - 1]));
    for (uint32_t j = 0; parent && j < k; j++) refresh(t, parent, level, from + j);
}

// Changes one level. Returns true if its new node is to be entered into the level above, at the path's place there; *e is its entry then.
static bool insert_level(struct tree *t, struct step *path, unsigned level, const struct plan *plan, struct entry *e) {
    struct tree_node *x = path[level].node, *fresh = plan->fresh;
    struct step *up = &path[level + 1];
    switch (plan->action) {
    case PUT: put(level, x, path[level].i, e); return false;
    case SHARE: divide(t, path, level, plan, e); return false;
    case SPLIT:
        divide(t, path, level, plan, e);
        up->i = level + 1 < t->height ? MAX(up->i, plan->other) + 1 : 1;
        break;
    default:
        put(level, fresh, 0, e);
        if (level == 0) link_behind(t, leaf_of(fresh), plan->action == AFTER ? leaf_of(x) : NULL);
        up->i = plan->action == BEFORE ? 0 : level + 1 < t->height ? up->i + 1 : 1;
    }
    *e = entry_of(t, level, fresh);
    return true;
}

static void new_root(struct tree *t, struct step *root, struct tree_node *fresh, const struct entry *e) {
    struct entry old = entry_of(t, t->height - 1, t->root);
    put(t->height, fresh, 0, &old);
    put(t->height, fresh, root->i, e);
    t->root = fresh;
    t->height++;
}

static void insert_planned(struct tree *t, struct step *path, const struct plan *plan, void *item) {
    unsigned level = 0;
    bool first = path[0].i == 0; // of all: descending takes a child whose first item isn't behind the key, if there is one
    struct entry e = { .first = item };
    while (level < t->height && insert_level(t, path, level, &plan[level], &e)) level++;
    if (level == t->height) {
        new_root(t, &path[level], plan[level].fresh, &e);
        return;
    }
    for (unsigned above = level + (plan[level].action == SHARE ? 2 : 1); above < t->height; above++) {
        inner_of(path[above].node)->count[path[above].i]++;
    }
    if (first) refresh_first(t, path, level);
}

// The lone leaf twice as large. Its item's place stays.
static bool grow_leaf(struct tree *t) {
    struct tree_node *x = t->root;
    size_t bytes = x ? node_size(0, x->cap) * 2 : node_size(0, LEAF_LEAST);
    struct tree_node *y = node_alloc(t, 0, MIN((uint32_t)((bytes - sizeof(struct leaf)) / WORD), (uint32_t)LEAF));
    if (!y) return false;
    leaf_of(y)->prev = leaf_of(y)->next = NULL;
    if (x) append(0, y, x);
    if (x) node_free(t, 0, x);
    t->root = t->first = t->last = y;
    t->height = 1;
    return true;
}

bool tree_insert(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, void *item) {
    struct step path[HEIGHT_MAX + 1];
    struct plan plan[HEIGHT_MAX + 1];
    if (t->height <= 1 && (!t->root || t->root->n == t->root->cap) && (!t->root || t->root->cap < LEAF) && !grow_leaf(t)) return false;
    bool found = descend(t, compare, key, word, path, NULL);
    debug_invariant(!found && t->height < HEIGHT_MAX);
    (void)found;
    unsigned levels = plan_insert(t, path, plan);
    if (!reserve(t, plan, levels)) return false;
    insert_planned(t, path, plan, item);
    t->count++;
    return true;
}

// ---- removing ----

// Nothing is left, or the root has one child.
static bool mend_root(struct tree *t) {
    bool changed = false;
    for (struct tree_node *x; (x = t->root) != NULL && x->n < (t->height > 1 ? 2u : 1u); changed = true) {
        t->root = x->n > 0 ? inner_of(x)->child[0] : NULL;
        drop_node(t, --t->height, x);
        if (!t->root) t->height = 0;
    }
    return changed;
}

// Whether the path leads along the first or last nodes of the levels above.
static bool is_end(const struct tree *t, const struct step *path, unsigned level) {
    bool first = true, last = true;
    for (unsigned above = level + 1; above < t->height; above++) {
        first = first && path[above].i == 0;
        last = last && path[above].i + 1 == path[above].node->n;
    }
    return first || last;
}

static void merge(struct tree *t, struct inner *parent, unsigned level, uint32_t left) {
    struct tree_node *gone = parent->child[left + 1];
    append(level, parent->child[left], gone);
    parent->count[left] += parent->count[left + 1];
    take(level + 1, &parent->node, left + 1, 1);
    drop_node(t, level, gone);
}

// Restores the invariants of the path's node on the level, as far as its neighbours allow. True: something changed.
static bool mend(struct tree *t, const struct step *path, unsigned level) {
    if (level + 1 == t->height) return mend_root(t);
    struct tree_node *x = path[level].node;
    struct inner *parent = inner_of(path[level + 1].node);
    uint32_t i = path[level + 1].i, n = x->n, cap = capacity(level), left = 0, right = 0;
    if (n == 0) {
        drop_node(t, level, x);
        take(level + 1, &parent->node, i, 1);
        if (i == 0 && parent->node.n > 0) refresh_first(t, path, level + 1);
        return true;
    }
    if (n >= cap / 2) return false;
    if (i > 0) left = child_size(parent, level, i - 1);
    if (i + 1 < parent->node.n) right = child_size(parent, level, i + 1);
    if (left && n + left <= cap - cap / 8) {
        merge(t, parent, level, i - 1);
    } else if (right && n + right <= cap - cap / 8) {
        merge(t, parent, level, i);
    } else if (n < low(cap) && left + right > 0 && !is_end(t, path, level)) {
        struct plan borrow = { SHARE, left > right ? i - 1 : i + 1, NULL };
        divide(t, path, level, &borrow, NULL);
    } else {
        return false;
    }
    return true;
}

void *tree_remove(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word) {
    struct step path[HEIGHT_MAX];
    if (!t->root || !descend(t, compare, key, word, path, NULL)) return NULL;
    struct leaf *l = leaf_of(path[0].node);
    void *item = l->items[path[0].i];
    take(0, &l->node, path[0].i, 1);
    t->count--;
    for (unsigned level = 1; level < t->height; level++) inner_of(path[level].node)->count[path[level].i]--;
    if (path[0].i == 0 && l->node.n > 0) refresh_first(t, path, 0);
    for (unsigned level = 0; level < t->height && mend(t, path, level); level++) {}
    return item;
}

struct cut {
    struct tree *t;
    tree_gone_fn *gone;
    void *arg;
};

static void cut_items(const struct cut *c, const struct leaf *l, uint32_t from, uint32_t n) {
    for (uint32_t i = from; i < from + n; i++) {
        if (i + WALK_AHEAD < from + n) prefetch(l->items[i + WALK_AHEAD]);
        c->gone(c->arg, l->items[i]);
    }
}

// Everything below x, and x. As deep as the tree is high.
static void cut_whole(const struct cut *c, unsigned level, struct tree_node *x) {
    if (level == 0) cut_items(c, leaf_of(x), 0, x->n);
    for (uint32_t i = 0; level > 0 && i < x->n; i++) cut_whole(c, level - 1, inner_of(x)->child[i]);
    drop_node(c->t, level, x);
}

// Takes n items from `from` on out of what is below x, not all of it. Children that are not wholly taken are two at most.
static void cut_part(const struct cut *c, unsigned level, struct tree_node *x, uint64_t from, uint64_t n) {
    if (level == 0) {
        cut_items(c, leaf_of(x), (uint32_t)from, (uint32_t)n);
        take(0, x, (uint32_t)from, (uint32_t)n);
        return;
    }
    struct inner *in = inner_of(x);
    uint32_t i = 0, whole = 0, whole_from = 0;
    for (; from >= in->count[i]; i++) from -= in->count[i];
    for (; n > 0; i++) {
        uint64_t here = MIN(n, in->count[i] - from);
        if (here == in->count[i]) {
            cut_whole(c, level - 1, in->child[i]);
            if (whole++ == 0) whole_from = i;
        } else {
            cut_part(c, level - 1, in->child[i], from, here);
            in->count[i] -= here;
            set_first(c->t, in, i, node_first(level - 1, in->child[i]));
        }
        n -= here;
        from = 0;
    }
    take(level, x, whole_from, whole);
}

// Mends the nodes on the way to an item, from the root down: a parent that is in order has neighbours for its children.
static void mend_path(struct tree *t, uint64_t rank) {
    struct step path[HEIGHT_MAX];
    for (bool changed = true; changed;) {
        changed = false;
        descend_rank(t, rank, path);
        for (unsigned level = t->height; level-- > 0 && !changed;) changed = mend(t, path, level);
    }
}

uint64_t tree_remove_range(struct tree *t, uint64_t from, uint64_t n, tree_gone_fn *gone, void *arg) {
    struct cut c = { t, gone, arg };
    if (from >= t->count || n == 0) return 0;
    n = MIN(n, t->count - from);
    if (n == t->count) {
        cut_whole(&c, t->height - 1, t->root);
        t->root = NULL;
        t->height = 0;
        t->count = 0;
        return n;
    }
    cut_part(&c, t->height - 1, t->root, from, n);
    t->count -= n;
    if (from < t->count) mend_path(t, from);
    if (from > 0) mend_path(t, from - 1);
    return n;
}

void tree_replace(struct tree *t, tree_compare_fn *compare, const void *key, uint64_t word, void *from, void *to) {
    struct step path[HEIGHT_MAX];
    bool found = t->root && descend(t, compare, key, word, path, NULL);
    invariant(found && leaf_of(path[0].node)->items[path[0].i] == from);
    leaf_of(path[0].node)->items[path[0].i] = to;
    if (path[0].i == 0) refresh_first(t, path, 0);
}

// ---- beginning and end ----

void tree_init(struct tree *t, struct slab *slab, tree_word_fn *word) { *t = (struct tree){ .slab = slab, .word = word }; }

// From the last leaf backwards; inner nodes go when their last child has gone.
bool tree_free(struct tree *t, size_t budget) {
    for (; t->root; budget--) {
        if (budget == 0) return false;
        struct tree_node *x = t->root, *parent = NULL;
        unsigned level = t->height - 1;
        for (; level > 0 && x->n > 0; level--) {
            parent = x;
            x = inner_of(x)->child[x->n - 1];
        }
        if (parent) parent->n--;
        else t->root = NULL;
        node_free(t, level, x);
    }
    invariant(t->bytes == 0);
    tree_init(t, t->slab, t->word);
    return true;
}

// ---- checking ----

struct check {
    const struct tree *t;
    tree_compare_fn *compare;
    const struct leaf *last; // the leaf before
    const void *item;        // the item before
    uint64_t bytes;
};

static void check_leaf(struct check *c, const struct leaf *l) {
    invariant(l->prev == c->last && (c->last ? c->last->next == l : c->t->first == &l->node));
    for (uint32_t i = 0; i < l->node.n; i++) {
        const void *item = l->items[i];
        invariant(c->compare(item, item) == 0);
        if (c->item)
            invariant(c->compare(c->item, item) < 0 && c->compare(item, c->item) > 0 && word_of(c->t, c->item) <= word_of(c->t, item));
        c->item = item;
    }
    c->last = l;
}

// `first`, `last`: the node is at that end of its level. Returns how many items are below.
static uint64_t check_node(struct check *c, unsigned level, struct tree_node *x, bool first, bool last) {
    bool root = x == c->t->root;
    invariant(x->n <= x->cap && x->n >= (first || last ? root && level > 0 ? 2 : 1 : low(capacity(level))));
    invariant(x->cap == capacity(level) || (root && level == 0 && x->cap < LEAF));
    c->bytes += node_size(level, x->cap);
    if (level == 0) {
        check_leaf(c, leaf_of(x));
        return x->n;
    }
    const struct inner *in = inner_of(x);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        invariant(in->first[i] == node_first(level - 1, in->child[i]) && in->word[i] == word_of(c->t, in->first[i]));
        uint64_t count = check_node(c, level - 1, in->child[i], first && i == 0, last && i + 1 == x->n);
        invariant(in->count[i] == count);
        sum += count;
    }
    return sum;
}

void tree_check(const struct tree *t, tree_compare_fn *compare) {
    struct check c = { .t = t, .compare = compare };
    invariant(!t->root == !t->height && !t->root == !t->first && !t->root == !t->last);
    uint64_t count = t->root ? check_node(&c, t->height - 1, t->root, true, true) : 0;
    invariant(count == t->count && c.bytes == t->bytes);
    invariant(!c.last || (!c.last->next && &c.last->node == t->last));
}
