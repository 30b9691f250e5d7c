// The sequence: see sequence.h.
//
//   - All items are at the same depth. No node is empty; the root has more than one child unless it is the only level.
//   - A node's weight in its parent is the sum of the weights in it.
//   - After a removal a node below a quarter is joined with a neighbour under the same parent if both fit into one. So two neighbours are never
//     both thin, and the height stays logarithmic.
#include "ds/sequence.h"

enum { THIN = SEQUENCE_FAN / 4 };

static struct sequence_node *node_new(struct sequence *s) {
    struct sequence_node *n = slab_alloc(s->slab, sizeof *n);
    if (!n) return NULL;
    n->n = 0;
    s->bytes += slab_round(sizeof *n);
    return n;
}

static void node_free(struct sequence *s, struct sequence_node *n) {
    slab_free(s->slab, n, sizeof *n);
    s->bytes -= slab_round(sizeof *n);
}

static uint64_t node_weight(const struct sequence_node *n) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n->n; i++) sum += n->weight[i];
    return sum;
}

static void node_insert(struct sequence_node *n, uint32_t i, void *child, uint64_t weight) {
    memmove(n->child + i + 1, n->child + i, (n->n - i) * sizeof *n->child);
    memmove(n->weight + i + 1, n->weight + i, (n->n - i) * sizeof *n->weight);
    n->child[i] = child;
    n->weight[i] = weight;
    n->n++;
}

static void node_remove(struct sequence_node *n, uint32_t i) {
    n->n--;
    memmove(n->child + i, n->child + i + 1, (n->n - i) * sizeof *n->child);
    memmove(n->weight + i, n->weight + i + 1, (n->n - i) * sizeof *n->weight);
}

// Moves children from `i` on to the end of another.
static void node_give(struct sequence_node *from, uint32_t i, struct sequence_node *to) {
    uint32_t n = from->n - i;
    memcpy(to->child + to->n, from->child + i, n * sizeof *to->child);
    memcpy(to->weight + to->n, from->weight + i, n * sizeof *to->weight);
    to->n += n;
    from->n = i;
}

void sequence_init(struct sequence *s, struct slab *slab) { *s = (struct sequence){ .slab = slab }; }

uint64_t sequence_weight(const struct sequence *s) { return s->root ? node_weight(s->root) : 0; }

// ---- places ------------------------------------------------------------------------------------------------------------------

static void descend(struct sequence_at *at, uint32_t depth, bool to_last) {
    for (uint32_t leaf = sequence_leaf_(at);; depth++) {
        struct sequence_node *n = at->node[depth];
        at->i[depth] = to_last ? n->n - 1 : 0;
        if (depth == leaf) return;
        at->node[depth + 1] = n->child[at->i[depth]];
    }
}

static bool outermost(const struct sequence *s, struct sequence_at *at, bool to_last) {
    at->of = s;
    if (!s->root) return false;
    at->node[0] = s->root;
    descend(at, 0, to_last);
    return true;
}

bool sequence_first(const struct sequence *s, struct sequence_at *at) { return outermost(s, at, false); }
bool sequence_last(const struct sequence *s, struct sequence_at *at) { return outermost(s, at, true); }

bool sequence_find(const struct sequence *s, uint64_t pos, struct sequence_at *at, uint64_t *within) {
    struct sequence_node *n = s->root;
    at->of = s;
    for (uint32_t depth = 0; depth < s->height; depth++) {
        uint32_t i = 0;
        while (i < n->n && pos >= n->weight[i]) pos -= n->weight[i++];
        if (i == n->n) return false; // only at the root
        at->node[depth] = n;
        at->i[depth] = i;
        n = n->child[i];
    }
    *within = pos;
    return s->root != NULL;
}

static bool step(struct sequence_at *at, bool back) {
    for (uint32_t depth = at->of->height; depth-- > 0;) {
        if (back ? at->i[depth] == 0 : at->i[depth] + 1 == at->node[depth]->n) continue;
        at->i[depth] += back ? UINT32_MAX : 1;
        if (depth == sequence_leaf_(at)) return true;
        at->node[depth + 1] = at->node[depth]->child[at->i[depth]];
        descend(at, depth + 1, back);
        return true;
    }
    return false;
}

bool sequence_next(struct sequence_at *at) { return step(at, false); }
bool sequence_previous(struct sequence_at *at) { return step(at, true); }

// ---- changes -------------------------------------------------------------------------------------------------------------------

void sequence_set(struct sequence_at *at, void *item) { at->node[sequence_leaf_(at)]->child[at->i[sequence_leaf_(at)]] = item; }

void sequence_add_weight(struct sequence_at *at, int64_t more) {
    for (uint32_t depth = 0; depth < at->of->height; depth++) at->node[depth]->weight[at->i[depth]] += (uint64_t)more;
}

struct spares {
    struct sequence_node *node[SEQUENCE_HEIGHT_MAX + 1];
    uint32_t n;
};

static struct sequence_node *spare(struct spares *x) {
    invariant(x->n > 0 && x->node[x->n - 1]);
    return x->node[--x->n];
}

// The nodes that an insertion at this place needs: one for each full node from the leaf up, and a new root.
static bool reserve(struct sequence *s, const struct sequence_at *at, struct spares *x) {
    uint32_t n = 0, depth = s->height;
    while (depth > 0 && at->node[depth - 1]->n == SEQUENCE_FAN) depth--, n++;
    if (depth == 0) n++;
    if (s->height + (depth == 0) > SEQUENCE_HEIGHT_MAX) return false;
    for (x->n = 0; x->n < n; x->n++) {
        x->node[x->n] = node_new(s);
        if (x->node[x->n]) continue;
        while (x->n > 0) node_free(s, spare(x));
        return false;
    }
    return true;
}

// Where a full node is divided for an insertion at i: at the outer side it stays as it is.
static uint32_t division(uint32_t i) { return i == 0 ? 0 : i == SEQUENCE_FAN ? SEQUENCE_FAN : SEQUENCE_FAN / 2; }

// What goes up from one level to the next: the node that was divided is now lighter, and `right` is to stand behind it.
struct rise {
    struct sequence_node *right;
    uint64_t left_weight, right_weight;
    bool tracked_right; // the new item is below `right`
};

// Inserts at i of the full node at->node[depth]; *at_i is the index there that leads to the new item, counted after the insertion.
static void divide(struct sequence_at *at, uint32_t depth, uint32_t i, void *child, uint64_t weight, uint32_t at_i, struct sequence_node *right,
    struct rise *up) {
    struct sequence_node *left = at->node[depth];
    uint32_t middle = division(i);
    node_give(left, middle, right);
    bool into_left = i < middle || middle == 0;
    if (into_left) node_insert(left, i, child, weight);
    else node_insert(right, i - middle, child, weight);
    bool tracked_right = at_i >= left->n;
    if (tracked_right) at->node[depth] = right;
    at->i[depth] = tracked_right ? at_i - left->n : at_i;
    *up = (struct rise){ right, node_weight(left), node_weight(right), tracked_right };
}

// A new root above two nodes; the place gets one level more in front.
static void grow(struct sequence *s, struct sequence_at *at, struct sequence_node *root, const struct rise *up) {
    root->n = 2;
    root->child[0] = s->root;
    root->child[1] = up->right;
    root->weight[0] = up->left_weight;
    root->weight[1] = up->right_weight;
    memmove(at->node + 1, at->node, s->height * sizeof *at->node);
    memmove(at->i + 1, at->i, s->height * sizeof *at->i);
    at->node[0] = root;
    at->i[0] = up->tracked_right;
    s->root = root;
    s->height++;
}

static void insert_first(struct sequence *s, struct sequence_at *at, struct sequence_node *root, void *item, uint64_t weight) {
    node_insert(root, 0, item, weight);
    s->root = at->node[0] = root;
    at->i[0] = 0;
    s->height = 1;
}

bool sequence_insert(struct sequence *s, struct sequence_at *at, bool behind, void *item, uint64_t weight) {
    struct spares spares = { .n = 0 };
    invariant(at->of == s);
    if (!reserve(s, at, &spares)) return false;
    s->items++;
    if (!s->root) {
        insert_first(s, at, spare(&spares), item, weight);
        return true;
    }
    uint32_t depth = s->height - 1, i = at->i[depth] + behind, at_i = i;
    uint64_t child_weight = weight;
    void *child = item;
    struct rise up;
    while (at->node[depth]->n == SEQUENCE_FAN) {
        divide(at, depth, i, child, child_weight, at_i, spare(&spares), &up);
        if (depth == 0) {
            grow(s, at, spare(&spares), &up);
            return true;
        }
        // In the parent: the divided node has what is left, its other half comes behind it.
        depth--;
        at->node[depth]->weight[at->i[depth]] = up.left_weight;
        i = at->i[depth] + 1;
        at_i = at->i[depth] + up.tracked_right;
        child = up.right;
        child_weight = up.right_weight;
    }
    node_insert(at->node[depth], i, child, child_weight);
    at->i[depth] = at_i;
    while (depth-- > 0) at->node[depth]->weight[at->i[depth]] += weight;
    return true;
}

// Joins the node at->node[depth] with one beside it, if both fit into one. Never at the root.
static void join(struct sequence *s, struct sequence_at *at, uint32_t depth) {
    struct sequence_node *parent = at->node[depth - 1];
    uint32_t here = at->i[depth - 1];
    for (uint32_t i = here > 0 ? here - 1 : 0; i <= here && i + 1 < parent->n; i++) {
        struct sequence_node *left = parent->child[i], *right = parent->child[i + 1];
        if (left->n + right->n > SEQUENCE_FAN) continue;
        parent->weight[i] += parent->weight[i + 1];
        node_give(right, 0, left);
        node_remove(parent, i + 1);
        node_free(s, right);
        return;
    }
}

void sequence_remove(struct sequence *s, struct sequence_at *at) {
    uint64_t weight = sequence_item_weight(at);
    uint32_t depth = s->height;
    s->items--;
    for (uint32_t d = 0; d + 1 < depth; d++) at->node[d]->weight[at->i[d]] -= weight;
    while (depth-- > 0) {
        struct sequence_node *n = at->node[depth];
        node_remove(n, at->i[depth]);
        if (n->n == 0) {
            node_free(s, n);
            if (depth > 0) continue;
            s->root = NULL;
            s->height = 0;
            return;
        }
        if (depth == 0 || n->n >= THIN) break;
        join(s, at, depth);
        // The parent may be thin itself now.
        while (--depth > 0 && at->node[depth]->n < THIN) join(s, at, depth);
        break;
    }
    while (s->height > 1 && s->root->n == 1) {
        struct sequence_node *old = s->root;
        s->root = old->child[0];
        s->height--;
        node_free(s, old);
    }
}

// ---- check ---------------------------------------------------------------------------------------------------------------------

struct tally {
    uint64_t items, nodes;
};

static uint64_t check_node(const struct sequence *s, const struct sequence_node *n, uint32_t depth, struct tally *t) {
    uint64_t sum = 0;
    invariant(n->n > 0 && n->n <= SEQUENCE_FAN);
    t->nodes++;
    for (uint32_t i = 0; i < n->n; i++) {
        if (depth + 1 == s->height) t->items++;
        else invariant(check_node(s, n->child[i], depth + 1, t) == n->weight[i]);
        sum += n->weight[i];
    }
    return sum;
}

void sequence_check(const struct sequence *s) {
    struct tally t = { 0 };
    invariant((s->root == NULL) == (s->height == 0) && (s->height <= 1 || s->root->n > 1));
    if (s->root) check_node(s, s->root, 0, &t);
    invariant(t.items == s->items && s->bytes == t.nodes * slab_round(sizeof(struct sequence_node)));
}
