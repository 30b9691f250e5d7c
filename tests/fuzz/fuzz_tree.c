// The counted tree against a sorted array, with the smallest nodes there can be: the bytes are operations. What must hold: the tree's answers are the
// array's, and tree_check is content after every change.
// Input: a byte of options (bit 0: items have words), then operations of two bytes: what to do, and about which item or rank.
#define TREE_LEAF 5
#define TREE_INNER 4

#include "ds/tree.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_tree: %s (line %d)\n", what, line);
    abort();
}

enum { ITEMS = 256 };

// Item i has the key i: an element of an array of bytes in which each is its index.
struct model {
    struct tree t;
    uint8_t items[ITEMS];
    bool in[ITEMS];
    unsigned expected; // by on_gone
};

static int order(const void *item, const void *key) { return *(const uint8_t *)item - *(const uint8_t *)key; }

static uint64_t high_bits(const void *item) { return *(const uint8_t *)item >> 3; }

static unsigned rank_of(const struct model *m, unsigned key) {
    unsigned rank = 0;
    for (unsigned i = 0; i < key; i++) rank += m->in[i];
    return rank;
}

// The item at a rank; ITEMS: none.
static unsigned item_at(const struct model *m, uint64_t rank) {
    for (unsigned i = 0; i < ITEMS; i++) {
        if (m->in[i] && rank-- == 0) return i;
    }
    return ITEMS;
}

static void expect(const struct model *m, struct tree_at at, unsigned i) {
    CHECK((at.leaf != NULL) == (i < ITEMS));
    if (at.leaf) CHECK(tree_item(at) == &m->items[i]);
}

static void on_gone(void *arg, void *item) {
    struct model *m = arg;
    while (!m->in[m->expected]) m->expected++;
    CHECK(item == &m->items[m->expected]);
    m->in[m->expected] = false;
}

static void ask(const struct model *m, uint8_t key, uint64_t word_of_key) {
    uint64_t rank;
    expect(m, tree_find(&m->t, order, &key, word_of_key, &rank), m->in[key] ? key : ITEMS);
    CHECK(rank == rank_of(m, key));
    expect(m, tree_lower(&m->t, order, &key, word_of_key, &rank), item_at(m, rank_of(m, key)));
    CHECK(rank == rank_of(m, key));
    expect(m, tree_at_rank(&m->t, key), item_at(m, key));
}

static void operate(struct model *m, uint8_t what, uint8_t i) {
    uint64_t word = word_of(&m->t, &i);
    if (what < 128) {
        if (m->in[i]) tree_replace(&m->t, order, &i, word, &m->items[i], &m->items[i]);
        else CHECK(tree_insert(&m->t, order, &i, word, &m->items[i]));
        m->in[i] = true;
    } else if (what < 224) {
        CHECK(tree_remove(&m->t, order, &i, word) == (m->in[i] ? &m->items[i] : NULL));
        m->in[i] = false;
    } else {
        uint64_t before = m->t.count, n = what - 223u;
        m->expected = item_at(m, i);
        CHECK(tree_remove_range(&m->t, i, n, on_gone, m) == (i < before ? MIN(n, before - i) : 0));
    }
    tree_check(&m->t, order);
    ask(m, i, word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct model m;
    struct slab *slab = slab_create(false);
    if (size == 0 || !slab) {
        slab_destroy(slab);
        return 0;
    }
    memset(&m, 0, sizeof m);
    for (unsigned i = 0; i < ITEMS; i++) m.items[i] = (uint8_t)i;
    tree_init(&m.t, slab, data[0] & 1 ? high_bits : NULL);
    for (size_t i = 1; i + 1 < size; i += 2) operate(&m, data[i], data[i + 1]);
    struct tree_at at = tree_first(&m.t);
    for (unsigned i = item_at(&m, 0), rank = 0; i < ITEMS; i = item_at(&m, ++rank), at = tree_next(at)) expect(&m, at, i);
    CHECK(!at.leaf);
    CHECK(tree_free(&m.t, SIZE_MAX) && slab_usage(slab).used == 0);
    slab_destroy(slab);
    return 0;
}
