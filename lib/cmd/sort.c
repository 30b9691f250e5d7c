// SORT, SORT_RO: the elements of a list, a set or a sorted set, by their own values or by those of other keys.
//
// The elements are gathered as they are found in the value, without a copy: while the call runs nothing changes but the destination, at the end. What is
// sorted are pairs of a rank (the weight, so that unsigned integers have its order) and a place among the elements (ds/ranked.h). Equal weights are
// in the order of the elements' bytes, as in Redis; with ALPHA, where Redis leaves equals to its quicksort, they stay as they were found.
//
// A pattern names a key once the element is put in its first '*', or with "->" a field of a hash. These keys may be on any stripe, so a call that has
// such patterns is another row of the command table, which takes all leases (sort_variant). They are looked up in batches, whose cache misses overlap.
//
// Without STORE, ALPHA compares bytes up to the first zero byte, as Redis does outside of any locale; with STORE, all of them.
#include "base/mem.h"
#include "cmd/list.h"
#include "ds/ranked.h"
#include "kora.h"
#include "type/hash.h"
#include "type/set.h"
#include "type/zset.h"

// ---- options ---------------------------------------------------------------------------------------------------------------

enum parsed { PARSED, SYNTAX_ERROR, NOT_INTEGER };

struct options {
    bool down, alpha, dont_sort;
    int64_t offset, count;       // count negative: all
    const struct slice *by;      // NULL: the elements themselves
    bool store;
    size_t gets;
};

static bool takes_one(const struct call *c, int at, const char *word) { return at + 1 < c->argc && slice_is_word(c->argv[at], word); }

// As far as a zero byte, where Redis's searches in a pattern end.
static struct slice up_to_zero(struct slice s) { return slice_of(s.p, s.n ? strnlen(s.p, s.n) : 0); }
static const char *find_star(struct slice pattern) {
    struct slice s = up_to_zero(pattern);
    return s.n ? memchr(s.p, '*', s.n) : NULL;
}

static enum parsed parse(const struct call *c, bool may_store, struct options *o) {
    *o = (struct options){ .count = -1 };
    for (int i = 2; i < c->argc; i++) {
        struct slice word = c->argv[i];
        if (slice_is_word(word, "asc")) {
            o->down = false;
        } else if (slice_is_word(word, "desc")) {
            o->down = true;
        } else if (slice_is_word(word, "alpha")) {
            o->alpha = true;
        } else if (i + 2 < c->argc && slice_is_word(word, "limit")) {
            if (!num_parse_int(c->argv[i + 1], &o->offset) || !num_parse_int(c->argv[i + 2], &o->count)) return NOT_INTEGER;
            i += 2;
        } else if (may_store && takes_one(c, i, "store")) {
            o->store = true;
            i++;
        } else if (takes_one(c, i, "by")) {
            o->by = &c->argv[++i];
            o->dont_sort |= !find_star(*o->by);
        } else if (takes_one(c, i, "get")) {
            o->gets++;
            i++;
        } else {
            return SYNTAX_ERROR;
        }
    }
    return PARSED;
}

// Visits the patterns behind GET, of arguments that were parsed.
static int next_get(const struct call *c, int i) {
    for (;; i++) {
        if (slice_is_word(c->argv[i], "limit")) i += 2;
        else if (slice_is_word(c->argv[i], "get")) return i + 1;
        else if (slice_is_word(c->argv[i], "by") || slice_is_word(c->argv[i], "store")) i++;
    }
}

const struct command *sort_variant(const struct call *c) {
    enum { ALL = 1 };
    struct options o;
    if (parse(c, c->cmd->handler == cmd_sort, &o) != PARSED) return c->cmd;
    if (o.by && !o.dont_sort) return c->cmd + ALL;
    int at = 2;
    for (size_t i = 0; i < o.gets; i++) {
        at = next_get(c, at);
        if (find_star(c->argv[at++])) return c->cmd + ALL;
    }
    return c->cmd;
}

// ---- what is sorted ----------------------------------------------------------------------------------------------------------

// An element, a weight, or what GET finds: bytes of somebody else's, an integer, or nothing.
struct element {
    const char *p;   // NULL: `number`; `nothing`: there is none
    union {
        size_t n;
        int64_t number;
    };
};
static const char nothing[1];

struct pattern {
    enum { P_KEY, P_ELEMENT, P_NOTHING } kind;
    struct slice before, after; // around the element, of a key's name
    struct slice field;         // n 0: the key is a string
};

enum { PATTERNS_INLINE = 4, LOOK_UPS = 32, STORE_BATCH = 64, AHEAD = 16 };

struct sort {
    struct call *call;
    struct options o;
    struct value from;
    bool dont_sort, zero_ends; // zero_ends: texts that are compared end with a zero byte
    struct pattern by, *gets;
    struct pattern inline_gets[PATTERNS_INLINE];
    struct element *elements;  // as they are found
    size_t n, cap;
    struct element *weights;   // BY with ALPHA: of the elements
    struct ranked *order, *room; // NULL: as they are found
    bool wide;                 // there are elements that may be different though their weights are equal
    bool not_a_number, no_memory;
    struct buf names;          // of keys that are being looked up
    // STORE
    struct value made;
    size_t batch;
    struct slice pushed[STORE_BATCH];
    char digits[STORE_BATCH][NUM_INT_MAX];
};

static inline struct slice text_of(const struct element *e, char number[NUM_INT_MAX]) {
    if (e->p) return slice_of(e->p, e->n);
    return slice_of(number, num_format_int(e->number, number));
}

static struct element element_of(struct slice s) { return (struct element){ .p = s.p ? s.p : "", .n = s.n }; }
// Of a slice that may have been made of an integer in `number`, which does not stay.
static struct element element_kept(struct slice s, const char number[NUM_INT_MAX]) {
    struct element e = element_of(s);
    if (s.p == number) {
        e.p = NULL;
        (void)num_parse_int(s, &e.number);
    }
    return e;
}

// ---- gathering -----------------------------------------------------------------------------------------------------------------

static void add(struct sort *s, struct element e) {
    if (likely(s->n < s->cap)) s->elements[s->n++] = e;
}

static struct element list_element(const struct list_at *at) {
    if (!at->packed) return element_of(at->plain);
    struct packed_value v = packed_get(at->packed, at->at);
    return v.bytes.p ? element_of(v.bytes) : (struct element){ .number = v.number };
}

static void gather_list(struct sort *s, uint64_t from, bool backwards) {
    struct list_at at;
    if (!list_seek(&s->from, backwards ? -1 - (int64_t)from : (int64_t)from, &at)) return;
    do add(s, list_element(&at));
    while (s->n < s->cap && (backwards ? list_previous(&at) : list_next(&at)));
}

static void gather_zset(struct sort *s, uint64_t from, bool backwards) {
    struct zset_iter it;
    if (!zset_iter_at(&it, &s->from, backwards ? zset_count(&s->from) - 1 - from : from)) return;
    do add(s, element_kept(it.item.member, it.number));
    while (s->n < s->cap && (backwards ? zset_iter_previous(&it) : zset_iter_next(&it)));
}

static bool gather_members(void *arg, struct set_batch *b) {
    struct sort *s = arg;
    for (size_t i = 0; i < b->n; i++) add(s, b->m[i].text.p ? element_of(b->m[i].text) : (struct element){ .number = b->m[i].number });
    return s->n < s->cap;
}

// Reads `cap` elements from the value, from the given place on. False: no memory.
static bool gather(struct sort *s, uint64_t from, uint64_t cap, bool backwards) {
    if (cap == 0) return true;
    s->elements = cap <= SIZE_MAX / sizeof *s->elements ? mem_alloc(cap * sizeof *s->elements) : NULL;
    if (!s->elements) return false;
    s->cap = cap;
    if (s->from.type == TYPE_LIST) gather_list(s, from, backwards);
    else if (s->from.type == TYPE_ZSET) gather_zset(s, from, backwards);
    else set_visit(&s->from, gather_members, s);
    return true;
}

// ---- looking up ----------------------------------------------------------------------------------------------------------------

static struct pattern pattern_of(struct slice p) {
    const char *star = find_star(p);
    struct pattern out = { .kind = P_NOTHING };
    if (slice_equal(up_to_zero(p), SLICE("#"))) out.kind = P_ELEMENT;
    if (!star) return out;
    const char *end = p.p + p.n, *arrow = memmem(star + 1, up_to_zero(p).n - (size_t)(star + 1 - p.p), "->", 2);
    if (arrow && (arrow + 2 == end || arrow[2] == '\0')) arrow = NULL;
    out.kind = P_KEY;
    out.before = slice_of(p.p, (size_t)(star - p.p));
    out.after = slice_of(star + 1, (size_t)((arrow ? arrow : end) - star - 1));
    if (arrow) out.field = slice_of(arrow + 2, (size_t)(end - arrow - 2));
    return out;
}

struct look_up {
    const struct pattern *pattern;
    const struct element *element;
    size_t place;        // of the element
    size_t name, length; // in s->names
    struct key key;
};

typedef void found_fn(struct sort *s, size_t place, const struct element *found, const struct entry *e);

static inline size_t place_of(const struct sort *s, size_t i) { return s->order ? s->order[i].place : i; }

static void name_key(struct sort *s, struct look_up *l) {
    char number[NUM_INT_MAX];
    l->name = s->names.n;
    buf_append_slice(&s->names, l->pattern->before);
    buf_append_slice(&s->names, text_of(l->element, number));
    buf_append_slice(&s->names, l->pattern->after);
    l->length = s->names.n - l->name;
}

// Where the keys are; their cache lines are on the way.
static void locate(struct sort *s, struct look_up *l, size_t n) {
    struct call *c = s->call;
    buf_clear(&s->names);
    (void)buf_reserve(&s->names, 1); // a name may be empty, but is somewhere
    for (size_t i = 0; i < n; i++) {
        if (l[i].pattern->kind == P_KEY) name_key(s, &l[i]);
    }
    s->no_memory |= s->names.failed;
    for (size_t i = 0; i < n && !s->no_memory; i++) {
        if (l[i].pattern->kind != P_KEY) continue;
        key_locate(c->txn.common, &l[i].key, c->session->db, slice_of(s->names.p + l[i].name, l[i].length));
        key_prefetch_bucket(&l[i].key);
    }
    for (size_t i = 0; i < n && !s->no_memory; i++) {
        if (l[i].pattern->kind == P_KEY) key_prefetch_entry(&l[i].key);
    }
}

// What is found in a hash or a string; nothing if it is neither.
static struct element read_entry(struct sort *s, const struct look_up *l, struct entry *e) {
    struct element out = { .p = nothing };
    if (e && l->pattern->field.n) {
        struct hash_item item;
        struct value v;
        if (e->type != TYPE_HASH) return out;
        value_attach(&v, TYPE_HASH, &s->call->txn, &l->key, e);
        if (hash_find(&v, l->pattern->field, &item)) out = element_kept(item.value, item.number[1]);
    } else if (e && e->type == TYPE_STRING) {
        if (e->form == FORM_INT) return (struct element){ .number = entry_int(e) };
        char number[NUM_INT_MAX];
        out = element_of(entry_string(e, number));
    }
    return out;
}

static void read_one(struct sort *s, const struct look_up *l, found_fn *found) {
    struct element e = { .p = nothing };
    struct entry *at = NULL;
    if (l->pattern->kind == P_ELEMENT) {
        e = *l->element;
    } else if (l->pattern->kind == P_KEY) {
        at = key_read(&s->call->txn, &l->key);
        e = read_entry(s, l, at);
    }
    found(s, l->place, &e, l->pattern->field.n || e.p == nothing ? NULL : at);
}

// Looks up each pattern for each of the elements first..end in their order. s->no_memory: it has failed.
static void look_up(struct sort *s, const struct pattern *patterns, size_t count, size_t first, size_t end, found_fn *found) {
    struct look_up l[LOOK_UPS];
    size_t n = 0, pattern = 0;
    for (size_t i = first; i < end && !s->no_memory;) {
        if (s->order && pattern == 0 && i + AHEAD < end) prefetch(&s->elements[s->order[i + AHEAD].place]);
        l[n].place = place_of(s, i);
        l[n].element = &s->elements[l[n].place];
        l[n++].pattern = &patterns[pattern++];
        if (pattern == count) {
            pattern = 0;
            i++;
        }
        if (n < LOOK_UPS && i < end) continue;
        locate(s, l, n);
        for (size_t k = 0; k < n && !s->no_memory; k++) read_one(s, &l[k], found);
        n = 0;
    }
}

// ---- sorting -------------------------------------------------------------------------------------------------------------------

static void weigh(struct sort *s, size_t place, const struct element *e, const struct entry *at) {
    double weight = 0;
    (void)at;
    if (!e->p) {
        weight = (double)e->number;
    } else if (e->p != nothing && !num_parse_weight(up_to_zero(slice_of(e->p, e->n)), &weight)) {
        s->not_a_number = true;
        return;
    }
    s->order[place] = (struct ranked){ rank_of_double(weight), place };
}

static void keep_weight(struct sort *s, size_t place, const struct element *e, const struct entry *at) {
    (void)at;
    s->weights[place] = *e;
}

static struct slice element_text(void *arg, uint64_t place, char number[NUM_INT_MAX]) {
    const struct sort *s = arg;
    return text_of(&s->elements[place], number);
}

static struct slice alpha_text(void *arg, uint64_t place, char number[NUM_INT_MAX]) {
    const struct sort *s = arg;
    const struct element *e = s->weights ? &s->weights[place] : &s->elements[place];
    if (e->p == nothing) return slice_of(NULL, 0);
    struct slice text = text_of(e, number);
    return s->zero_ends ? up_to_zero(text) : text;
}

// Below 2^53 different integers have different weights.
static bool is_plain(const struct element *e) { return !e->p && e->number >= -(INT64_C(1) << 53) && e->number <= INT64_C(1) << 53; }

// Weighs all elements. s->no_memory, s->not_a_number: it has failed.
static void weigh_all(struct sort *s) {
    struct ranked *order = s->order;
    bool by = s->by.kind == P_KEY;
    s->wide = by;
    if (by) {
        s->order = s->o.alpha ? NULL : order; // places are looked up as they are found
        for (size_t i = 0; i < s->n; i++) order[i].place = i;
        look_up(s, &s->by, 1, 0, s->n, s->o.alpha ? keep_weight : weigh);
        s->order = order;
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        order[i].place = i;
        if (s->o.alpha) continue;
        weigh(s, i, &s->elements[i], NULL);
        s->wide |= !is_plain(&s->elements[i]);
    }
}

// Sorts as many as are needed. False: as weigh_all.
static bool sort_elements(struct sort *s, size_t first) {
    bool alpha_by = s->o.alpha && s->by.kind == P_KEY;
    s->order = mem_alloc(s->n * sizeof *s->order);
    s->room = mem_alloc(s->n * sizeof *s->room);
    if (alpha_by) s->weights = mem_alloc(s->n * sizeof *s->weights);
    s->no_memory = !s->order || !s->room || (alpha_by && !s->weights);
    if (!s->no_memory) weigh_all(s);
    if (s->no_memory || s->not_a_number) return false;
    struct ranked_order o = { .arg = s, .texts_only = s->o.alpha, .down = s->o.down };
    o.text = s->o.alpha ? alpha_text : s->wide ? element_text : NULL;
    ranked_sort_first(&o, s->order, s->room, s->n, first);
    return true;
}

// ---- results -------------------------------------------------------------------------------------------------------------------

static void reply_found(struct sort *s, size_t place, const struct element *e, const struct entry *at) {
    char number[NUM_INT_MAX];
    (void)place;
    if (e->p == nothing) reply_null(s->call);
    else if (at) reply_entry_string(s->call, at);
    else reply_bulk(s->call, text_of(e, number));
}

static void push_batch(struct sort *s) {
    if (s->batch && !s->no_memory) s->no_memory = !list_push(&s->made, LIST_BACK, s->pushed, s->batch);
    s->batch = 0;
}

static void store_found(struct sort *s, size_t place, const struct element *e, const struct entry *at) {
    (void)place, (void)at;
    s->pushed[s->batch] = e->p == nothing ? SLICE("") : text_of(e, s->digits[s->batch]);
    if (++s->batch == STORE_BATCH) push_batch(s);
}

// The elements first..end, or what GET finds for them.
static void put(struct sort *s, size_t first, size_t end, found_fn *found) {
    if (s->o.gets) {
        look_up(s, s->gets, s->o.gets, first, end, found);
        return;
    }
    for (size_t i = first; i < end && !s->no_memory; i++) {
        if (s->order) {
            if (i + 2 * AHEAD < end) prefetch(&s->elements[s->order[i + 2 * AHEAD].place]);
            if (i + AHEAD < end) prefetch(s->elements[s->order[i + AHEAD].place].p);
        }
        size_t place = place_of(s, i);
        found(s, place, &s->elements[place], NULL);
    }
}

// The effects of the destination's becoming what was made. False: no memory.
static bool emit_made(struct sort *s, const struct key *to, const struct entry *old) {
    struct txn *t = &s->call->txn;
    struct slice argv[2 + STORE_BATCH] = { SLICE("RPUSH"), to->name };
    struct list_at at;
    if (!effect_wanted(t)) return true;
    if (old && !effect_del(t, to)) return false;
    bool more = list_seek(&s->made, 0, &at);
    while (more) {
        int n = 0;
        for (; more && n < STORE_BATCH; n++, more = list_next(&at)) argv[2 + n] = list_get(&at, s->digits[n]);
        if (!effect_emit(t, to, 2 + n, argv)) return false;
    }
    return true;
}

// Puts what was made at the destination. False: no memory, nothing has changed.
static bool store_made(struct sort *s) {
    struct call *c = s->call;
    const struct key *to = &c->keys[1];
    struct entry *old = key_write(&c->txn, to);
    struct effects_mark mark = effects_mark(&c->txn);
    uint64_t n = list_count(&s->made);
    if (c->txn.no_memory) return false;
    if (n > 0 || old) {
        if (!emit_made(s, to, old) || (n > 0 && value_store(&s->made, old, EXPIRE_NONE) != KORA_OK)) {
            effects_retract(&c->txn, mark);
            return false;
        }
        if (n == 0) key_delete(&c->txn, to, old);
        key_changed(c, to);
    }
    reply_int(c, (int64_t)n);
    return true;
}

static void store(struct sort *s, size_t first, size_t end) {
    struct call *c = s->call;
    value_detach(&s->made, TYPE_LIST, &c->txn, &c->keys[1]);
    put(s, first, end, store_found);
    push_batch(s);
    if (s->no_memory || !store_made(s)) reply_no_memory(c);
    value_delete(&s->made);
    key_publish(&c->keys[1]);
}

static void reply_all(struct sort *s, size_t first, size_t end) {
    struct call *c = s->call;
    reply_array(c, (end - first) * (s->o.gets ? s->o.gets : 1));
    put(s, first, end, reply_found);
    if (s->no_memory) c->reply.buf->failed = true; // part of it is written: whoever sends it sees to the rest
}

// ---- the command ---------------------------------------------------------------------------------------------------------------

// False: the error is written.
static bool open_value(struct sort *s) {
    struct call *c = s->call;
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    value_attach(&s->from, TYPE_LIST, &c->txn, &c->keys[0], e);
    if (!e || e->type == TYPE_LIST || e->type == TYPE_SET || e->type == TYPE_ZSET) return true;
    reply_wrong_type(c);
    return false;
}

// False: no memory.
static bool read_patterns(struct sort *s) {
    int at = 2;
    s->by.kind = P_NOTHING;
    if (s->o.by && !s->dont_sort) s->by = pattern_of(*s->o.by);
    s->gets = s->o.gets <= PATTERNS_INLINE ? s->inline_gets : mem_alloc(s->o.gets * sizeof *s->gets);
    if (!s->gets) return false;
    for (size_t i = 0; i < s->o.gets; i++) {
        at = next_get(s->call, at);
        s->gets[i] = pattern_of(s->call->argv[at++]);
    }
    return true;
}

// What LIMIT leaves of n elements.
static void clip(const struct options *o, uint64_t n, uint64_t *first, uint64_t *end) {
    *first = o->offset < 0 ? 0 : MIN((uint64_t)o->offset, n);
    *end = o->count < 0 ? n : *first + MIN((uint64_t)o->count, n - *first);
}

static void sort_value(struct sort *s) {
    struct call *c = s->call;
    const struct options *o = &s->o;
    uint64_t first, end, n = s->from.there ? value_kind(&s->from)->count(&s->from) : 0;
    clip(o, n, &first, &end);
    if (s->dont_sort && s->from.type != TYPE_SET) { // only what is wanted is read
        s->no_memory = !gather(s, first, end - first, o->down);
        end -= first;
        first = 0;
    } else {
        s->no_memory = !gather(s, 0, n, false);
        if (!s->no_memory && !s->dont_sort && n > 0) sort_elements(s, end);
    }
    if (s->no_memory) reply_no_memory(c);
    else if (s->not_a_number) reply_error(c, "ERR One or more scores can't be converted into double");
    else if (o->store) store(s, first, end);
    else reply_all(s, first, end);
}

static void sort(struct call *c, bool may_store) {
    struct sort s;
    memset(&s, 0, offsetof(struct sort, pushed));
    s.call = c;
    enum parsed parsed = parse(c, may_store, &s.o);
    if (parsed == SYNTAX_ERROR) reply_syntax_error(c);
    else if (parsed == NOT_INTEGER) reply_not_integer(c);
    if (parsed != PARSED || !open_value(&s)) return;
    s.dont_sort = s.o.dont_sort;
    s.zero_ends = !s.o.store;
    if (s.dont_sort && s.o.store && s.from.type == TYPE_SET) { // a set has no order of its own that could be stored
        s.dont_sort = false;
        s.o.alpha = true;
        s.o.by = NULL;
    }
    if (read_patterns(&s)) sort_value(&s);
    else reply_no_memory(c);
    if (s.gets != s.inline_gets) mem_free(s.gets);
    mem_free(s.elements);
    mem_free(s.order);
    mem_free(s.room);
    mem_free(s.weights);
    buf_free(&s.names);
}

void cmd_sort(struct call *c) { sort(c, true); }
void cmd_sort_ro(struct call *c) { sort(c, false); }
