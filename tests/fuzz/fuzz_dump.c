// RESTORE from any bytes. What must hold:
//   - nothing is read outside of the payload, which lies in memory of exactly its size (for ASan), and nothing is asked for that it can't stand for
//   - what is refused leaves no trace; what is accepted is a value that passes every check of its type
//   - DUMP of it is accepted as a value of the same type and count, whose DUMP is as long
// Input: a byte that chooses thresholds, the object. The footer is put behind it here.
#include "../unit/bare.h"
#include "type/rdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_dump: %s (line %d)\n", what, line);
    abort();
}

enum { NOW_MS = 1000 };

static void set(_Atomic uint64_t *n, uint64_t to) { atomic_store_explicit(n, to, memory_order_relaxed); }

static void choose_thresholds(struct settings *s, unsigned choice) {
    static const uint64_t entries[] = { 0, 2, 128, 100000 }, lengths[] = { 0, 5, 64, 100000 };
    static const int64_t lists[] = { 0, 2, -1, -5 };
    uint64_t n = entries[choice & 3], length = lengths[choice >> 2 & 3];
    set(&s->hash_max_listpack_entries, n);
    set(&s->hash_max_listpack_value, length);
    set(&s->set_max_intset_entries, n);
    set(&s->set_max_listpack_entries, n);
    set(&s->set_max_listpack_value, length);
    set(&s->zset_max_listpack_entries, n);
    set(&s->zset_max_listpack_value, length);
    set(&s->list_max_listpack_size, (uint64_t)lists[choice >> 4 & 3]);
}

static struct slice with_footer(struct slice object, struct buf *b) {
    struct rdb_writer w = { .out = b, .compress = false };
    buf_append_slice(b, object);
    rdb_write_footer(&w, 0);
    char *exact = malloc(b->n);
    CHECK(exact && !b->failed);
    memcpy(exact, b->p, b->n);
    return slice_of(exact, b->n);
}

static bool restore(struct bare *d, struct slice key, struct slice payload) {
    return BARE_RUN(d, SLICE("RESTORE"), key, SLICE("0"), payload, SLICE("REPLACE"));
}

// The payload in the reply of DUMP, in memory of its own.
static struct slice dump(struct bare *d, struct slice key) {
    CHECK(BARE_RUN(d, SLICE("DUMP"), key));
    CHECK(d->reply.n > 0 && d->reply.p[0] == '$');
    size_t n = strtoull(d->reply.p + 1, NULL, 10);
    const char *p = (const char *)memchr(d->reply.p, '\n', d->reply.n) + 1;
    char *copy = malloc(n);
    CHECK(copy && p + n + 2 == d->reply.p + d->reply.n);
    memcpy(copy, p, n);
    return slice_of(copy, n);
}

static struct entry *entry_of(struct bare *d, struct slice name) {
    struct txn t;
    struct key k;
    txn_begin(&t, &d->c);
    key_locate(&d->c, &k, 0, name);
    return key_find(&t, &k, 0);
}

static uint64_t count_of(const struct entry *e) {
    struct value v;
    value_view(&v, e);
    return value_kind(&v)->count ? value_kind(&v)->count(&v) : 0;
}

static void check_accepted(struct bare *d) {
    struct slice first = dump(d, SLICE("a"));
    CHECK(restore(d, SLICE("b"), first));
    struct slice second = dump(d, SLICE("b"));
    struct entry *a = entry_of(d, SLICE("a")), *b = entry_of(d, SLICE("b"));
    CHECK(a && b && a->type == b->type && count_of(a) == count_of(b));
    CHECK(a->type == TYPE_STRING || a->type == TYPE_STREAM || count_of(a) > 0);
    // Compression depends on the order of the elements of a table.
    CHECK(first.n == second.n || a->type != TYPE_STRING);
    bare_check(d);
    free((void *)(uintptr_t)first.p);
    free((void *)(uintptr_t)second.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bare *d;
    if (size < 1) return 0;
    if (!d) d = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
    struct buf b = { 0 };
    choose_thresholds(&d->c.settings, data[0]);
    struct slice payload = with_footer(slice_of(data + 1, size - 1), &b);
    bool accepted = restore(d, SLICE("a"), payload);
    free((void *)(uintptr_t)payload.p);
    buf_free(&b);
    if (accepted) check_accepted(d);
    else CHECK(d->reply.n > 4 && memcmp(d->reply.p, "-ERR Bad data format", 20) == 0);
    bool gone = BARE_RUN(d, SLICE("DEL"), SLICE("a"), SLICE("b"));
    CHECK(gone && stripe_count(&d->c.stripes[0], 0) == 0);
    return 0;
}
