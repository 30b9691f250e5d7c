// What is made of several sets: SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD.
//
// All sources are looked up once, before anything is made; from then on nothing but the result changes until it is stored. Members flow in batches, so that
// the look-ups of a batch in the next set wait for memory together. The result goes into the reply as it is found (its number is put in front at the end),
// or into a detached value, which then takes the destination's place, so that the destination may be a source.
//
// An intersection starts from the smallest set and looks its members up in the others, the next smallest first. A difference does likewise with the first
// set, or, if that costs more, copies the first set and removes the members of the others from the copy. A union of few sets looks a set's
// members up in those before it; of more, it is collected.
#include "base/mem.h"
#include "cmd/set.h"
#include "kora.h"

enum operation { INTER, UNION, DIFF };

enum {
    SOURCES_INLINE = 8,
    COPY_COST = 4,      // of adding a member to a copy, in look-ups
    UNION_LOOKS_UP = 4, // up to so many sets
};

struct algebra {
    struct call *call;
    struct value *sources;  // those that are there
    size_t n;
    bool missing_first, missing; // the first one, or any one, is not there
    struct value inline_sources[SOURCES_INLINE];
    // What becomes of members that are found
    enum { TO_REPLY, TO_VALUE, TO_COUNT } to;
    struct value value;     // TO_VALUE, and where members are collected
    uint64_t found, limit;
    bool no_memory;
};

// ---- sources ---------------------------------------------------------------------------------------------------------------

// Those of c->keys[first..]. False: the error is written.
static bool open_sources(struct algebra *a, uint32_t first) {
    struct call *c = a->call;
    size_t n = c->key_count - first;
    a->sources = n <= SOURCES_INLINE ? a->inline_sources : mem_alloc(n * sizeof *a->sources);
    if (!a->sources) {
        reply_no_memory(c);
        return false;
    }
    for (uint32_t i = first; i < c->key_count; i++) {
        struct value *v = &a->sources[a->n];
        prefetch_keys(c, i);
        if (!value_read(c, i, TYPE_SET, v)) return false;
        if (v->there) a->n++;
        else if (i == first) a->missing_first = a->missing = true;
        else a->missing = true;
    }
    return true;
}

static void close_sources(struct algebra *a) {
    if (a->sources != a->inline_sources) mem_free(a->sources);
}

static int compare_counts(const void *one, const void *other) {
    uint64_t a = set_count(one), b = set_count(other);
    return a < b ? -1 : a > b;
}
static int compare_counts_down(const void *one, const void *other) { return compare_counts(other, one); }

// ---- members ---------------------------------------------------------------------------------------------------------------

// The batch belongs to the result, whose members come once each (but for TO_VALUE, which sees to that itself). False: that is enough.
static bool put(struct algebra *a, struct set_batch *b) {
    if (a->to == TO_VALUE) {
        a->no_memory = !set_add_batch(&a->value, b);
        return !a->no_memory;
    }
    a->found += b->n;
    if (a->to == TO_COUNT) return a->limit == 0 || a->found < a->limit;
    reply_members(a->call, b);
    return !a->call->reply.buf->failed;
}

static bool put_visited(void *arg, struct set_batch *b) { return put(arg, b); }

// A visit of one set, whose members are looked up in others.
struct sieve {
    struct algebra *algebra;
    const struct value *others;
    size_t n;
    bool present;
};

static bool sift(void *arg, struct set_batch *b) {
    struct sieve *s = arg;
    for (size_t i = 0; i < s->n && b->n > 0; i++) set_sift(&s->others[i], b, s->present);
    return b->n == 0 || put(s->algebra, b);
}

static bool remove_visited(void *arg, struct set_batch *b) {
    struct algebra *a = arg;
    set_remove_batch(&a->value, b);
    return set_count(&a->value) > 0;
}

static bool collect_visited(void *arg, struct set_batch *b) {
    struct algebra *a = arg;
    a->no_memory = !set_add_batch(&a->value, b);
    return !a->no_memory;
}

// ---- operations ------------------------------------------------------------------------------------------------------------

static void inter(struct algebra *a) {
    if (a->missing) return;
    qsort(a->sources, a->n, sizeof *a->sources, compare_counts);
    struct sieve s = { a, a->sources + 1, a->n - 1, true };
    set_visit(&a->sources[0], sift, &s);
}

static bool collect_union_visited(void *arg, struct set_batch *b) {
    struct algebra *a = arg;
    return collect_visited(a, b) && (a->to == TO_VALUE || put(a, b)); // those that are new are left in the batch
}

static void unite(struct algebra *a) {
    bool look_up = a->to != TO_VALUE && a->n <= UNION_LOOKS_UP;
    qsort(a->sources, a->n, sizeof *a->sources, compare_counts_down);
    for (size_t i = 0; i < a->n && !a->no_memory; i++) {
        struct sieve s = { a, a->sources, i, false };
        if (look_up) set_visit(&a->sources[i], sift, &s);
        else set_visit(&a->sources[i], collect_union_visited, a);
    }
}

static void subtract_from_copy(struct algebra *a) {
    set_visit(&a->sources[0], collect_visited, a);
    for (size_t i = 1; i < a->n && !a->no_memory && set_count(&a->value) > 0; i++) set_visit(&a->sources[i], remove_visited, a);
    if (a->to != TO_VALUE && !a->no_memory && set_count(&a->value) > 0) set_visit(&a->value, put_visited, a);
}

static void subtract(struct algebra *a) {
    if (a->missing_first) return;
    uint64_t first = set_count(&a->sources[0]), others = 0;
    for (size_t i = 1; i < a->n; i++) {
        if (a->sources[i].e == a->sources[0].e) return; // it is the same set
        others += set_count(&a->sources[i]);
    }
    if (first * (a->n - 1) > first * COPY_COST + others) {
        subtract_from_copy(a);
        return;
    }
    // Those of the others that have most are likeliest to have the member.
    qsort(a->sources + 1, a->n - 1, sizeof *a->sources, compare_counts_down);
    struct sieve s = { a, a->sources + 1, a->n - 1, false };
    set_visit(&a->sources[0], sift, &s);
}

static void operate(struct algebra *a, enum operation how) {
    // Attributes of values that are being made come from the first key's keyspace.
    value_detach(&a->value, TYPE_SET, &a->call->txn, &a->call->keys[0]);
    if (how == INTER) inter(a);
    else if (how == UNION) unite(a);
    else subtract(a);
}

// Gives back what was made and not stored: at once, since nobody would tell the background after a call that has only read.
static void drop_value(struct algebra *a) {
    struct value *v = &a->value;
    if (!v->there) return;
    if (v->root) value_kind(v)->free(value_nodes(v), v->root, SIZE_MAX);
    v->root = NULL;
    value_delete(v);
    key_publish(v->key);
}

// ---- replying --------------------------------------------------------------------------------------------------------------

static void reply_result(struct call *c, enum operation how) {
    struct algebra a;
    size_t start = c->reply.buf->n;
    a.call = c;
    a.n = a.found = a.limit = 0;
    a.missing_first = a.missing = a.no_memory = false;
    a.to = TO_REPLY;
    if (open_sources(&a, 0)) {
        operate(&a, how);
        drop_value(&a);
        if (a.no_memory) {
            c->reply.buf->n = start;
            reply_no_memory(c);
        } else {
            resp_insert_header(c->reply.buf, start, c->reply.version == 2 ? '*' : '~', (int64_t)a.found);
        }
    }
    close_sources(&a);
}

void cmd_sinter(struct call *c) { reply_result(c, INTER); }
void cmd_sunion(struct call *c) { reply_result(c, UNION); }
void cmd_sdiff(struct call *c) { reply_result(c, DIFF); }

// ---- storing ---------------------------------------------------------------------------------------------------------------

static bool emit_visited(void *arg, struct set_batch *b) {
    struct algebra *a = arg;
    a->no_memory = !emit_members(a->call, &a->call->keys[0], SLICE("SADD"), b);
    return !a->no_memory;
}

// The effects of the destination's becoming what was made. False: no memory.
static bool emit_result(struct algebra *a, const struct entry *old) {
    struct call *c = a->call;
    if (!effect_wanted(&c->txn)) return true;
    if (old && !effect_del(&c->txn, &c->keys[0])) return false;
    set_visit(&a->value, emit_visited, a);
    return !a->no_memory;
}

static bool store(struct algebra *a, struct entry *old) {
    struct call *c = a->call;
    struct effects_mark mark = effects_mark(&c->txn);
    if (a->no_memory || c->txn.no_memory) return false;
    uint64_t n = set_count(&a->value);
    if (n == 0 && !old) {
        reply_int(c, 0);
        return true;
    }
    if (!emit_result(a, old) || (n > 0 && value_store(&a->value, old, EXPIRE_NONE) != KORA_OK)) {
        effects_retract(&c->txn, mark);
        return false;
    }
    if (n == 0) key_delete(&c->txn, &c->keys[0], old);
    key_changed(c, &c->keys[0]);
    reply_int(c, (int64_t)n);
    return true;
}

static void store_result(struct call *c, enum operation how) {
    struct algebra a;
    a.call = c;
    a.n = a.found = a.limit = 0;
    a.missing_first = a.missing = a.no_memory = false;
    a.to = TO_VALUE;
    struct entry *old = key_write(&c->txn, &c->keys[0]);
    if (open_sources(&a, 1)) {
        operate(&a, how);
        if (!store(&a, old)) reply_no_memory(c);
        drop_value(&a);
    }
    close_sources(&a);
}

void cmd_sinterstore(struct call *c) { store_result(c, INTER); }
void cmd_sunionstore(struct call *c) { store_result(c, UNION); }
void cmd_sdiffstore(struct call *c) { store_result(c, DIFF); }

// ---- SINTERCARD ------------------------------------------------------------------------------------------------------------

static bool parse_card(struct call *c, int64_t *limit) {
    int64_t keys;
    *limit = 0;
    if (!num_parse_int(c->argv[1], &keys) || keys < 1) {
        reply_error(c, "ERR numkeys should be greater than 0");
        return false;
    }
    if (keys > c->argc - 2) {
        reply_error(c, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    for (int i = 2 + (int)keys; i < c->argc; i += 2) {
        if (!slice_is_word(c->argv[i], "limit") || i + 1 == c->argc) {
            reply_syntax_error(c);
            return false;
        }
        if (!num_parse_int(c->argv[i + 1], limit) || *limit < 0) {
            reply_error(c, "ERR LIMIT can't be negative");
            return false;
        }
    }
    return true;
}

void cmd_sintercard(struct call *c) {
    struct algebra a;
    int64_t limit;
    if (!parse_card(c, &limit)) return;
    a.call = c;
    a.n = a.found = 0;
    a.limit = (uint64_t)limit;
    a.missing_first = a.missing = a.no_memory = false;
    a.to = TO_COUNT;
    if (open_sources(&a, 0)) {
        operate(&a, INTER);
        reply_int(c, (int64_t)(a.limit ? MIN(a.found, a.limit) : a.found));
    }
    close_sources(&a);
}
