// Behind the typed calls about collections: how one is changed, how it is read, and how elements are handed out.
#ifndef KORA_API_ITEMS_INT_H
#define KORA_API_ITEMS_INT_H

#include "api/api_int.h"
#include "base/mem.h"

// ---- reading -----------------------------------------------------------------------------------------------------------------

// The value of a key, which is there or not. On anything but KORA_OK the call is over; else op_end_read ends it.
static inline int look_begin(struct op *o, struct value *v, kora *db, const void *key, size_t key_len, enum value_type type, enum stat_typed typed) {
    int status = op_begin(o, db, key, key_len, typed);
    if (unlikely(status != KORA_OK)) return status;
    value_attach(v, type, &o->txn, &o->key, key_read(&o->txn, &o->key));
    if (likely(v->type == type)) return KORA_OK;
    op_end_read(o);
    return KORA_WRONGTYPE;
}

// ---- changing ----------------------------------------------------------------------------------------------------------------

enum { WORDS_FEW = 12 };

// A change, with the command that does the same: its name, the key, then what the caller said. That is its effect.
struct change {
    struct op op;
    struct value v;
    enum stat_typed typed;
    struct slice *argv;
    size_t argc;
    size_t longest;          // of the caller's
    bool bad;                // one of them is none
    bool trimmed;            // it has done what XTRIM does, too: that event follows its own
    size_t mark;             // effects before its own: those of what has expired
    uint32_t mark_count;
    struct slice few[WORDS_FEW];
};

// Before the lease is asked for: room for the name, the key, and n words. KORA_OK; KORA_NOMEM, KORA_INVAL and there is nothing to be freed.
int change_words(struct change *c, enum stat_typed typed, struct slice name, size_t n);
static inline void change_word(struct change *c, const void *p, size_t n) {
    c->bad |= api_bad_bytes(p, n);
    c->longest = MAX(c->longest, n);
    c->argv[c->argc++] = api_slice(p, n);
}
// Words of an array.
int change_list(struct change *c, enum stat_typed typed, struct slice name, const kora_bytes *items, size_t count);
// Takes the lease; the value is there, or may become one of this type. On anything but KORA_OK the call is over; else change_end ends it.
int change_begin(struct change *c, kora *db, const void *key, size_t key_len, enum value_type type);
// Records its words as its effect, right before the change. KORA_OK or KORA_NOMEM.
static inline int change_tell(struct change *c) {
    if (!effect_wanted(&c->op.txn)) return KORA_OK;
    return effect_emit(&c->op.txn, &c->op.key, (int)c->argc, c->argv) ? KORA_OK : KORA_NOMEM;
}
// From here on effects are its own. (Until then, those of elements that have expired, which stay whatever becomes of it.)
static inline void change_mark(struct change *c) {
    c->mark = c->op.txn.effects.n;
    c->mark_count = c->op.txn.emitted;
}
// `changed` false: its own effects are taken back. What the call answers: as op_end_write.
int change_end(struct change *c, bool changed, int status) __attribute__((warn_unused_result));

// ---- waiting, by a command (api_command) -----------------------------------------------------------------------------------------

#define API_WAIT_MAX_MS INT64_C(1000000000000) // who waits thirty years waits for ever
// KORA_OK, or the error that the reply is; KORA_NOTFOUND: nil, time was over.
int items_reply_status(struct slice reply);

// ---- portions ----------------------------------------------------------------------------------------------------------------

// Where elements go: the caller's array and buffer.
struct portion {
    size_t max, count;
    char *buffer;
    size_t size, used;
    size_t missing; // the first does not fit: the bytes that it takes
};

static inline bool portion_fits(const struct portion *p, size_t n) { return p->count < p->max && n <= p->size - p->used; }
static inline kora_bytes portion_put(struct portion *p, struct slice s) {
    char *to = p->buffer + (p->buffer ? p->used : 0);
    invariant(to != NULL || !s.n); // portion_fits
    if (s.n) memcpy(to, s.p, s.n);
    p->used += s.n;
    return (kora_bytes){ to, s.n };
}
// KORA_INVAL if that is no place for elements.
int portion_begin(struct portion *p, const uint64_t *cursor, const void *items, size_t max, void *buffer, size_t size, const size_t *count);
// What the call answers: `next` is where to go on, 0 at the end.
int portion_end(const struct portion *p, uint64_t next, uint64_t *cursor, size_t *count);

// Portions of what has no order, hashes and sets. They come in the order of ds/table.h, by the hashes of their names, whatever they are kept in at the moment: so
// a cursor means the same when a small collection has become a large one between two portions. Those at one position of that order are never parted.

enum { SCAN_ROUND = 32 };

struct scan {
    struct portion to;
    kora_bytes *items;
    size_t width;           // of an element, in strings: the first is its name
    const struct value *v;
    // Visits some from the cursor on, or all that there is if it is small (hash_scan, set_scan): calls scan_visit for each.
    uint64_t (*walk)(struct scan *s, uint64_t cursor, size_t max);
    // Its own
    void (*visit)(struct scan *s, uint64_t position, const struct slice *element, size_t bytes);
    uint64_t cursor, last;  // the positions that are wanted, `last` included
    bool over;              // the next one does not fit
    uint64_t next;          // its position
    size_t tie, tie_used;   // count and used before the first at position `last`
    struct { uint64_t position; size_t bytes; } found[SCAN_ROUND + 1];
    size_t found_count;
};
void scan_visit(struct scan *s, const struct slice *element);
uint64_t scan_run(struct scan *s, uint64_t cursor); // where to go on

#endif
