// The command table and how a handler is called. A new command is a row in commands.def and a handler in its family's file.
#ifndef KORA_CMD_CMD_H
#define KORA_CMD_CMD_H

#include "call/call.h"

// How a command gets at the data.
enum command_route {
    ROUTE_NONE,    // no data: runs at once, without a lease
    ROUTE_KEYS,    // the stripes of its keys
    ROUTE_ALL,     // all stripes at one instant, among them those of its keys
    ROUTE_SCATTER, // stripe by stripe, shards side by side; the handler is called once a stripe (call->stripe, ->part), replies are merged
    ROUTE_WALK,    // one stripe after the other as the handler says (call->walk_on); starts at the stripe that walk_start names
    ROUTE_SHARDS,  // once on each shard's thread, without a lease, replies are merged
    ROUTE_EXEC,    // the stripes that the session's transaction needs
};

enum command_merge {
    MERGE_NONE,
    MERGE_ARRAY, // each part wrote elements (no header); call->sum counts them
    MERGE_TEXT,  // each part wrote raw text; together they are a bulk (RESP3: verbatim txt) reply
    MERGE_HANDLER, // the handler is called once more, with part == parts and the sum of all, and writes the reply
};

enum { // flags, as COMMAND INFO names them
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_NOSCRIPT = 1 << 4,
    CMD_LOADING = 1 << 5,
    CMD_STALE = 1 << 6,
    CMD_FAST = 1 << 7,
    CMD_NO_AUTH = 1 << 8,
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_NO_MULTI = 1 << 10,
    CMD_ALLOW_BUSY = 1 << 11,
    CMD_CONTAINER = 1 << 12,  // has subcommands: rows named "client|list"
    CMD_SCATTERED = 1 << 13,  // not one instant over all stripes (README lists these)
    CMD_MOVABLEKEYS = 1 << 14,
    CMD_VARIANTS = 1 << 15,   // its arguments decide what it needs: KORA_VARIANTS in commands.def names who picks the row for them
    CMD_BLOCKING = 1 << 17,   // may wait (call_block)
    CMD_ITEM = 1 << 18,       // argv[2] names an item of the key's value
    CMD_LAST_ITEM = 1 << 19,  // its last argument does
    CMD_SKIP_SLOWLOG = 1 << 20,
    CMD_MAY_WRITE = 1 << 24,  // held back with writes (CLIENT PAUSE): a read that may change how a value is stored, and what is published
    CMD_NO_ASYNC_LOADING = 1 << 25,
    CMD_PUBSUB = 1 << 22,     // about channels: if its route is ROUTE_KEYS and it has no keys, its arguments (of fixed number: the first) are channels' names
    CMD_HIDDEN = 1 << 16,     // a row that is picked so: not in the index, not in COMMAND
};

struct command {
    const char *name;      // lower case; subcommands "client|list"
    int arity;             // as Redis: the command's name counts; negative: at least
    uint32_t flags;
    int first_key, last_key, key_step; // as Redis; 0: none
    const char *key_flags; // where its keys are and what it does to them: the language of keys.c. "RO access"; "a; b": the first key a, the others b
    enum command_route route;
    enum command_merge merge;
    const char *acl;       // categories, space separated: "read string fast"
    const char *tips;      // for clients, space separated, as COMMAND INFO has them
    void (*handler)(struct call *c); // NULL: a container, never called itself
    const char *since, *group, *complexity;
    const char *deprecated; // "6.2.0; what to use instead", or ""
    const char *synopsis, *summary;
    int parent;            // index of the container, -1: none
};

extern const struct command commands[];
extern const int command_count;

// Every handler
#define KORA_COMMAND(symbol, parent, name, arity, flags, first_key, last_key, key_step, key_flags, route, merge, acl, tips, handler, ...) \
    void handler(struct call *c);
#define KORA_CONTAINER(...)
#include "cmd/commands.def"

// Of commands with CMD_VARIANTS, each stands in the table with its variants right behind it: the row for a call's arguments, whose number is right.
// They are not yet known to make sense.
typedef const struct command *command_variant_fn(const struct call *c);
#define KORA_COMMAND(...)
#define KORA_VARIANTS(symbol, pick) command_variant_fn pick;
#include "cmd/commands.def"

// All rows by name, for look-ups; made once a database.
struct command_index;
struct command_index *command_index_create(void);
void command_index_free(struct command_index *x);
// The row for argv (a container's subcommand if it has one by that name). NULL: unknown, or unknown subcommand: *container tells which.
const struct command *command_find(const struct command_index *x, int argc, const struct slice *argv, const struct command **container);
// The row by its full name ("get", "client|list"); NULL: none.
const struct command *command_by_name(const struct command_index *x, struct slice name);
// What a row's key_flags say (keys.c).
enum key_spec_place { KEYS_RANGE, KEYS_COUNTED, KEYS_STREAMS, KEYS_BEHIND, KEYS_SORT, KEYS_UNKNOWN };
struct key_spec {
    enum key_spec_place place;
    int index, last;    // KEYS_RANGE: of argv (last negative: from its end); else where to look
    struct slice word;  // KEYS_BEHIND
    struct slice flags; // access, as words
};
enum { KEY_SPECS_MAX = 3 };
int command_key_specs(const struct command *cmd, struct key_spec specs[KEY_SPECS_MAX]); // how many
// Visits the positions of the keys in argv. False: the arguments name them wrongly; not all were visited.
typedef void key_visit_fn(void *arg, int at, struct slice flags);
bool command_keys(const struct command *cmd, int argc, const struct slice *argv, key_visit_fn *visit, void *arg);
bool command_arity_ok(const struct command *cmd, int argc);

// Whether it may be called under RESP2 by who has subscribed to something.
bool command_allowed_to_subscriber(const struct command *cmd);

// Looks the command up and checks the number of arguments. False: the error reply is written.
bool call_prepare(struct call *c, const struct command_index *x);
// Fills in c->keys (hash, stripe, database of the session). False: no memory; the error reply is written. Frees with call_release_keys.
bool call_find_keys(struct call *c);
void call_release_keys(struct call *c);
// ROUTE_WALK: the number of the stripe to visit first. No lease is needed. False: the reply is written, there is nothing to visit.
bool walk_start(struct call *c, uint32_t *stripe);
// It has run, and no stripe's counters know of it.
static inline bool call_without_stripe(const struct call *c) {
    switch (c->cmd->route) {
    case ROUTE_KEYS: return !c->key_count;
    case ROUTE_WALK: return !c->stripe;
    case ROUTE_NONE:
    case ROUTE_SHARDS:
    case ROUTE_EXEC: return true;
    default: return false;
    }
}

// Counts a call that has run in parts, which took so long together (call->spent_ns of each). call_run does it for all others.
void call_count(struct call *c, uint64_t ns);
// A call was refused before it ran: a wrong number of arguments, no authentication.
void call_rejected(struct call *c, const struct command *cmd);
// The tallies of a database, by the rows of the table. KORA_OK or KORA_NOMEM.
struct stats;
int command_stats_create(struct host *h, uint32_t stripes, struct stats **out);
// The event of a change that is the same as this command's (its name, in any case), for typed calls.
void event_of_name(struct txn *t, const struct key *k, struct slice command);
// Runs the handler of a prepared call whose leases are held (for a route that needs none: without), hands on its effects, counts it.
void call_run(struct call *c);
// The same for a part of a call: its effects stay with those of the call.
void call_run_inside(struct call *c);
// Runs the handler of a prepared call that is an effect of an earlier run (TXN_REPLAY): nobody is told, nothing is counted.
void call_replay(struct call *c);

// Transactions (multi.c). Of a session that is in one (session_queues): the prepared call is queued instead of run. True: its reply is written. False: it is
// one that is run at once.
bool call_queue(struct call *c);
// Adds the prepared call to a transaction. KORA_OK, KORA_NOMEM, KORA_TOOBIG, or KORA_INVAL: it can't be in one. c->reply is for scratch.
int call_enqueue(struct call *c, struct multi *m);
// call_prepare, or call_find_keys, has refused the call: so EXEC will be refused, too.
void call_refused(struct call *c);
// Ends the session's transaction, if there is one, and its watching. No lease is held.
void session_end_multi(struct host *h, struct session *s);
bool command_ends_multi(const struct command *cmd); // EXEC

#endif
