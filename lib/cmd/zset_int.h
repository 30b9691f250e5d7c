// What the commands of sorted sets share, and the geo commands, which keep their points in them.
#ifndef KORA_CMD_ZSET_INT_H
#define KORA_CMD_ZSET_INT_H

#include "cmd/cmd_int.h"
#include "type/zset.h"

// A score or weight, not a NaN. False: `text` is the error.
bool read_score(struct call *c, struct slice s, const char *text, double *score);
#define NOT_A_FLOAT "value is not a valid float"
// A count of at least `least`; anything else is the error `text`.
bool read_count(struct call *c, struct slice s, int64_t least, const char *text, int64_t *n);

// ZADD's work and reply; the call's argv is its effect. `flags`: ZSET_NX ..., ADD_CH.
enum { ADD_CH = 1 << 4 };
void add_items(struct call *c, struct value *v, struct zset_add *items, size_t n, uint32_t flags);

// How members are replied: alone, with their scores in a row, or in arrays of two.
enum layout { NAMES, FLAT, PAIRS };
static inline enum layout layout_of(const struct call *c, bool scores) { return !scores ? NAMES : c->reply.version == 2 ? FLAT : PAIRS; }
static inline void reply_items(struct call *c, size_t n, enum layout how) { reply_array(c, how == FLAT ? 2 * n : n); } // the header
void reply_item(struct call *c, const struct zset_item *item, enum layout how);
void reply_span(struct call *c, const struct value *v, uint64_t from, uint64_t n, bool backwards, enum layout how); // items by their ranks

// Items collected for a result, whose number is known to be at most `cap`. Bytes of members are somebody else's; those that would not last until then
// are kept here.
struct items {
    struct zset_item *at;
    size_t n, cap;
    struct items_page *pages; // of kept bytes
};
bool items_begin(struct items *x, uint64_t cap);               // false: no memory
bool items_add(struct items *x, const struct zset_item *item, bool keep); // false: no memory to keep it
bool items_keep(struct items *x, struct slice *bytes);         // false: no memory
bool items_sort(struct items *x);                              // false: no memory
void items_free(struct items *x);
// Puts sorted items, each once, at the key `to`, whatever it held; none: deletes it. With effects, and the number as the reply.
void items_store(struct call *c, const struct key *to, const struct items *x);

// Takes the span out of a value of c->keys[i] that was opened; deletes the key if nothing is left. The effect is the caller's.
void zset_take(struct value *v, uint64_t from, uint64_t n);
// The pop of `count` (at most) from one end: replies the members and takes them out, with its effect. `named`: as ZMPOP, with the key's name; `alone`: as BZPOPMIN,
// name, member and score in one array.
// The value, of c->keys[key], is there. False: no memory, nothing changed, nothing replied.
struct zset_pop {
    uint64_t count;
    bool highest, named, alone;
    enum layout how;
};
bool zset_pop(struct call *c, uint32_t key, struct value *v, const struct zset_pop *p);
// MIN or MAX, and COUNT, from argv[at] on. False: the error is written.
bool zset_parse_pop(struct call *c, int at, bool *highest, int64_t *count);

#endif
