// Hashes: fields with values. A field may have an expiry of its own; one whose time has come is not there for anybody who looks, and is taken out by
// the next write that names it, or in the background.
//
// All take a `struct value` (type/value.h) of TYPE_HASH, attached or detached, there or not. A value that a function empties is deleted.
#ifndef KORA_TYPE_HASH_H
#define KORA_TYPE_HASH_H

#include "ds/packed.h"
#include "type/value.h"

// A field as it is found. The slices are valid until the value (or anything else in its stripe) changes, or the item goes.
struct hash_item {
    struct slice name, value;
    int64_t at_ms; // its expiry, Unix time; 0: none
    char number[2][NUM_INT_MAX];
};
typedef void hash_visit_fn(void *arg, const struct hash_item *item);

uint64_t hash_count(const struct value *v);
bool hash_find(const struct value *v, struct slice name, struct hash_item *item); // false: it is not there
// Before several are looked for: brings those of the next names into the cache, HASH_AHEAD of them at most. Worth it for large ones only; it knows.
enum { HASH_AHEAD = 16 };
void hash_ahead(const struct value *v, const struct slice *names, size_t count);
void hash_each(const struct value *v, hash_visit_fn *visit, void *arg);
// A part of it: see table_scan (ds/table.h). What is small is visited as a whole.
uint64_t hash_scan(const struct value *v, uint64_t cursor, size_t max, hash_visit_fn *visit, void *arg);
bool hash_random(const struct value *v, struct hash_item *item); // false: it is empty
// Visits n fields (at most hash_count), each another one; every choice is equally likely. False: no memory; some may have been visited.
bool hash_sample(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg);
// Visits a random field n times, until `stop` is set. False likewise.
bool hash_sample_again(const struct value *v, uint64_t n, hash_visit_fn *visit, void *arg, const bool *stop);

// The changes are all or nothing: KORA_OK, or KORA_NOMEM and nothing has changed. They emit no effects.

enum { HASH_NO_EXPIRY = 0, HASH_KEEP_EXPIRY = -1 }; // beside a time in ms

// Sets `count` fields: args are name, value, name, value ... *added (may be NULL): how many were not there.
int hash_put(struct value *v, const struct slice *args, size_t count, int64_t at_ms, size_t *added);
// Sets, or takes away (HASH_NO_EXPIRY), the expiry of fields, all of which are there.
int hash_set_expiry(struct value *v, const struct slice *names, size_t count, int64_t at_ms);
// Takes fields out; *removed: how many were there.
int hash_remove(struct value *v, const struct slice *names, size_t count, size_t *removed);
// Those of the names (names[0], names[stride] ...) whose time has come are taken out, each with an effect HDEL; *taken: how many. Writes begin with this.
// False: no memory for the effects; nothing else may be changed.
bool hash_take_dead(struct value *v, const struct slice *names, size_t stride, size_t count, size_t *taken);

#endif
