// See items_int.h.
#include "api/items_int.h"

#include <limits.h>

// ---- changing ----------------------------------------------------------------------------------------------------------------

int change_words(struct change *c, enum stat_typed typed, struct slice name, size_t n) {
    c->typed = typed;
    c->argv = c->few;
    c->argc = 2;
    c->longest = 0;
    c->bad = false;
    c->trimmed = false;
    if (n > INT_MAX / 2) return KORA_INVAL;
    if (n + 2 > WORDS_FEW) c->argv = mem_alloc((n + 2) * sizeof *c->argv);
    if (!c->argv) return KORA_NOMEM;
    c->argv[0] = name;
    return KORA_OK;
}

int change_list(struct change *c, enum stat_typed typed, struct slice name, const kora_bytes *items, size_t count) {
    if (count && !items) return KORA_INVAL;
    int status = change_words(c, typed, name, count);
    for (size_t i = 0; status == KORA_OK && i < count; i++) change_word(c, items[i].data, items[i].len);
    return status;
}

static void free_words(struct change *c) {
    if (unlikely(c->argv != c->few)) mem_free(c->argv);
}

int change_begin(struct change *c, kora *db, const void *key, size_t key_len, enum value_type type) {
    int status = c->bad ? KORA_INVAL : op_begin_write(&c->op, db, key, key_len, c->typed);
    if (unlikely(status != KORA_OK)) {
        free_words(c);
        return status;
    }
    struct op *o = &c->op;
    c->argv[1] = o->key.name;
    if (unlikely(api_too_big(db, c->longest))) {
        status = KORA_TOOBIG;
    } else {
        value_attach(&c->v, type, &o->txn, &o->key, key_write(&o->txn, &o->key));
        if (unlikely(c->v.type != type)) status = KORA_WRONGTYPE;
    }
    change_mark(c);
    return status == KORA_OK ? status : change_end(c, false, status);
}

static void tell_events(struct change *c) {
    event_of_name(&c->op.txn, &c->op.key, c->argv[0]);
    if (c->trimmed) event_of_name(&c->op.txn, &c->op.key, SLICE("XTRIM"));
}

int change_end(struct change *c, bool changed, int status) {
    if (!changed) effect_forget(&c->op.txn, c->mark, c->mark_count);
    else if (unlikely(c->op.txn.notify)) tell_events(c);
    status = op_end_write(&c->op, changed, status);
    free_words(c);
    return status;
}

// ---- waiting -----------------------------------------------------------------------------------------------------------------

int items_reply_status(struct slice reply) {
    static const char wrong_type[] = "-WRONGTYPE", no_room[] = "-MISCONF";
    if (reply.n == 0) return KORA_NOMEM;
    if (reply.p[0] == '_') return KORA_NOTFOUND;
    if (reply.p[0] != '-') return KORA_OK;
    if (reply.n >= sizeof no_room - 1 && memcmp(reply.p, no_room, sizeof no_room - 1) == 0) return KORA_READONLY;
    return reply.n >= sizeof wrong_type - 1 && memcmp(reply.p, wrong_type, sizeof wrong_type - 1) == 0 ? KORA_WRONGTYPE : KORA_NOMEM;
}

// ---- portions ----------------------------------------------------------------------------------------------------------------

int portion_begin(struct portion *p, const uint64_t *cursor, const void *items, size_t max, void *buffer, size_t size, const size_t *count) {
    *p = (struct portion){ .max = max, .buffer = buffer, .size = size };
    return cursor && items && max && count && !api_bad_bytes(buffer, size) ? KORA_OK : KORA_INVAL;
}

int portion_end(const struct portion *p, uint64_t next, uint64_t *cursor, size_t *count) {
    if (unlikely(p->missing)) {
        *count = p->missing;
        return KORA_NOSPACE;
    }
    *cursor = next;
    *count = p->count;
    return KORA_OK;
}

static void take(struct scan *s, const struct slice *element) {
    for (size_t i = 0; i < s->width; i++) s->items[s->to.count * s->width + i] = portion_put(&s->to, element[i]);
    s->to.count++;
}

void scan_visit(struct scan *s, const struct slice *element) {
    size_t bytes = 0;
    for (size_t i = 0; i < s->width; i++) bytes += element[i].n;
    const struct hash_key *seed = value_seed(s->v);
    s->visit(s, table_position(hash_bytes(seed, element[0].p, element[0].n)), element, bytes);
}

// ---- in order: large ones --------------------------------------------------------------------------------------------------------

static void take_next(struct scan *s, uint64_t position, const struct slice *element, size_t bytes) {
    struct portion *to = &s->to;
    if (s->over) {
        if (position == s->next && to->missing) to->missing += bytes;
        return;
    }
    if (to->count == 0 || position != s->last) {
        s->last = position;
        s->tie = to->count;
        s->tie_used = to->used;
    }
    if (likely(portion_fits(to, bytes))) {
        take(s, element);
        return;
    }
    // Those at the same position come again with it.
    s->over = true;
    s->next = position;
    if (s->tie == 0) to->missing = to->used + bytes;
    to->count = s->tie;
    to->used = s->tie_used;
}

static uint64_t scan_large(struct scan *s, uint64_t cursor) {
    enum { STEP = 64 };
    s->visit = take_next;
    do cursor = s->walk(s, cursor, MIN(s->to.max - s->to.count, (size_t)STEP));
    while (cursor && !s->over && s->to.count < s->to.max);
    return s->over ? s->next : cursor;
}

// ---- in any order: small ones ----------------------------------------------------------------------------------------------------
// In rounds. The first visit of all finds the next SCAN_ROUND of the order, and one more, which tells where they end; the second takes those that fit.

static void find_next(struct scan *s, uint64_t position, const struct slice *element, size_t bytes) {
    (void)element;
    if (position < s->cursor) return;
    size_t i = s->found_count;
    if (i > SCAN_ROUND && position >= s->found[--i].position) return;
    for (; i > 0 && s->found[i - 1].position > position; i--) s->found[i] = s->found[i - 1];
    s->found[i].position = position;
    s->found[i].bytes = bytes;
    if (s->found_count <= SCAN_ROUND) s->found_count++;
}

static void take_wanted(struct scan *s, uint64_t position, const struct slice *element, size_t bytes) {
    (void)bytes;
    if (position >= s->cursor && position <= s->last) take(s, element);
}

// How many of those that were found fit, from the first on.
static size_t count_fitting(const struct scan *s) {
    const struct portion *to = &s->to;
    size_t n = 0, left = to->size - to->used;
    while (n < MIN(s->found_count, (size_t)SCAN_ROUND) && to->count + n < to->max && s->found[n].bytes <= left) left -= s->found[n++].bytes;
    while (n > 0 && n < s->found_count && s->found[n - 1].position == s->found[n].position) n--;
    return n;
}

static uint64_t scan_small(struct scan *s, uint64_t cursor) {
    struct portion *to = &s->to;
    for (;;) {
        s->cursor = cursor;
        s->found_count = 0;
        s->visit = find_next;
        s->walk(s, 0, 1);
        size_t n = count_fitting(s);
        if (n > 0) {
            s->last = s->found[n - 1].position;
            s->visit = take_wanted;
            s->walk(s, 0, 1);
        }
        if (n == s->found_count) return 0;
        cursor = s->found[n].position;
        if (n == SCAN_ROUND && to->count < to->max) continue;
        for (size_t i = 0; to->count == 0 && i < s->found_count && s->found[i].position == cursor; i++) to->missing += s->found[i].bytes;
        return cursor;
    }
}

uint64_t scan_run(struct scan *s, uint64_t cursor) {
    s->over = false;
    if (!s->v->there) return 0;
    return s->v->root ? scan_large(s, cursor) : scan_small(s, cursor);
}
