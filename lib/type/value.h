// Values that are not strings: collections. One is either
//
//   packed: bytes (ds/packed.h, ds/intset.h) that live where a string's would: inline in the entry, or in a blob. What is small is this;
//   or has a root: a structure of nodes in the keyspace's slab of nodes, whose address is the entry's value.
//
// Which of the two is seen by nobody but the type's own file (hash.c, set.c ...), whose functions take a `struct value`: what a command works on. It is
// either attached to a key, or detached: being made for a key that will get it at once (the result of SUNIONSTORE, RESTORE, COPY).
//
// A detached value, too, takes its nodes from the slab of the keyspace that it is made for.
#ifndef KORA_TYPE_VALUE_H
#define KORA_TYPE_VALUE_H

#include "base/hash.h"
#include "base/random.h"
#include "call/call.h"
#include "call/settings.h"
#include "ds/table.h"
#include "ds/wheel.h"
#include "type/entry.h"

// The start of every collection that has nodes. It and all its nodes are in one slab, and nothing of it is anywhere else: a keyspace is dropped by
// dropping its slabs.
struct root {
    union {
        struct root *next;  // among those that are being freed
        void *image;        // while it is imaged
    };
    uint8_t type;           // enum value_type
    bool armed;             // `due` is in its keyspace's wheel of roots
    bool imaged;            // a snapshot is telling it in portions: see root_item_changes
    uint32_t own;           // the type's own
    struct wheel_node due;  // due.at_ms: when something in it expires; 0: nothing does
    uint64_t hash;          // of its key, while armed
};

struct value;

// What is done with values of a type whoever they are. NULL: it has none of that.
struct value_kind {
    const char *name;                               // as TYPE says it
    const char *(*encoding)(const struct value *v); // as OBJECT ENCODING says it
    uint64_t (*count)(const struct value *v);       // elements
    void (*check)(const struct value *v);           // tests: aborts on a broken invariant
    // Of roots. `free` frees nodes, about `budget` of them; true: all of it, and the root, is gone. Until then nothing else is done with it.
    bool (*free)(struct slab *nodes, struct root *r, size_t budget);
    struct root *(*copy)(struct slab *nodes, const struct root *r); // NULL: no memory, nothing is left of it
    size_t (*memory)(const struct root *r); // bytes of root and nodes, as the slab rounds them: exact
    // Takes out what has expired by now_ms (attached; kind of changes as a handler makes them: effects first), and calls value_arm for the next. False: no
    // memory for all of that.
    bool (*expire)(struct value *v, int64_t now_ms);
    const struct table *(*items)(const struct root *r); // where its items are found by their names, hashed by hash_bytes(ctx)
};
extern const struct value_kind *const value_kinds[TYPE_COUNT]; // by types.def

struct value {
    enum value_type type;   // of what is there; in one that is not there yet: of what it will be
    bool there;             // attached: its key exists; detached: it has bytes or a root
    bool attached;
    uint8_t flags;          // ENTRY_INTSET or 0
    struct root *root;      // NULL: packed
    char *bytes;            // packed: `len` of them
    size_t len;
    size_t cap;             // detached: of bytes, mem_alloc'ed
    struct txn *txn;
    const struct key *key;  // detached: of which it will be the value
    struct entry *e;        // attached
};

// Of an entry, to be read only.
static inline void value_view(struct value *v, const struct entry *e) {
    *v = (struct value){ .type = (enum value_type)e->type, .there = true, .flags = e->flags & ENTRY_INTSET };
    if (e->form == FORM_ROOT) {
        v->root = entry_root(e);
    } else if (e->form == FORM_BLOB) {
        v->bytes = entry_blob(e)->data;
        v->len = entry_blob(e)->len;
    } else {
        v->bytes = entry_value(e);
        v->len = e->value_len;
    }
}
// Of a key, where key_find has found e (NULL: it is missing, and may become one of `type`).
static inline void value_attach(struct value *v, enum value_type type, struct txn *t, const struct key *k, struct entry *e) {
    if (e) value_view(v, e);
    else *v = (struct value){ .type = type };
    v->attached = true;
    v->txn = t;
    v->key = k;
    v->e = e;
}
// One that is being made for the key `to`.
static inline void value_detach(struct value *v, enum value_type type, struct txn *t, const struct key *to) {
    *v = (struct value){ .type = type, .txn = t, .key = to };
}
static inline const struct value_kind *value_kind(const struct value *v) { return value_kinds[v->type]; }

// ---- what the stripe does for a value (stripe/value.c): its memory, whether attached or not -----------------------------------

// Makes it `len` packed bytes of v->type with the given flags: the packed bytes that were there stay at the start (what is behind them is undefined). A root
// must not be there. An attached value whose key is missing comes to be. NULL: no memory, nothing changed. v->bytes is where they are now.
char *value_resize(struct value *v, size_t len, uint8_t flags);
// Less than before: the same, but it can't fail (it may keep the room).
void value_shrink(struct value *v, size_t len);
// Detached: puts it at its key, where `old` was found (key_find), whatever that held. KORA_OK: it is the key's, and v is empty; or KORA_NOMEM, and it is still v's.
int value_store(struct value *v, struct entry *old, int64_t expire_at_ms);
// From now on it is this root, of v->type, instead of what it was (an earlier root is the caller's: see value_drop_root). False: no memory, nothing changed.
bool value_set_root(struct value *v, struct root *r);
// The reverse: from now on it is these packed bytes (which may be in the root) instead of its root, which is freed. False: no memory, nothing changed.
bool value_set_packed(struct value *v, struct slice bytes, uint8_t flags);
// Where roots and nodes are allocated. NULL: no memory.
struct slab *value_nodes(struct value *v);
// Frees a root that is not (or no longer) a value's: at once, or in the background if it is large.
void value_drop_root(struct value *v, struct root *r);
// Attached: deletes the key. Detached: frees what there is.
void value_delete(struct value *v);
// When something in its root expires (Unix time in ms; 0: nothing does): kind.expire is called about then. False: no memory. Only with a root.
bool value_arm(struct value *v, int64_t at_ms);

// What else a type may want to know: thresholds; what hashes are keyed with; chance.
const struct settings *value_settings(const struct value *v);
const struct hash_key *value_seed(const struct value *v); // stays where it is as long as any value
struct random *value_random(const struct value *v);
// What of it has an expiry at this time or before is not there any more. INT64_MIN: nothing expires by itself (a replay; a value that is only viewed).
int64_t value_now(const struct value *v);
static inline uint64_t settings_number(const _Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }

// For snapshots (stripe/snapshot.c). Where an item of root->imaged is about to change, come or go: `item` as it is in the table that kind.items names
// (NULL: it is not there yet), `hash` its place there. Where a node of a root without such a table is about to change or go: `mark`, a number of 31 bits
// in it, 0 at first, that value_portions.mark sets; a new node of an imaged root has root_new_mark. Nothing of the root is changed by that, and it may fail to
// nobody but the snapshot.
void root_item_changes(struct root *r, uint64_t hash, struct slice name, const void *item);
void root_node_changes(struct root *r, void *node, uint32_t mark);
uint32_t root_new_mark(const struct root *r);

static inline bool value_is_intset(const struct value *v) { return v->there && !v->root && (v->flags & ENTRY_INTSET); }
static inline bool value_is_packed(const struct value *v) { return v->there && !v->root && !(v->flags & ENTRY_INTSET); }

#endif
