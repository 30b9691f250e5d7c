// The one thing that walks: a command on its way from argv to its reply.
//
//     socket bytes -> resp -> call -> leases -> run -> effects -> reply
//
// A call is owned by its origin (a connection, a kora_exec, a kora_submit) and used by one thread at a time. Its argv
// slices, session and reply buffer belong to the origin, too, and stay valid until the call is done.
#ifndef KORA_CALL_CALL_H
#define KORA_CALL_CALL_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/buf.h"
#include "resp/resp.h"

struct stripe;
struct entry;
struct command;
struct common;
struct host;
struct table_bucket;
struct stat_slot;

// ---- transactions: what one atomic execution carries along -------------------------------------------------------------

enum {
    TXN_NO_TOUCH = 1 << 0, // look-ups leave the access metadata alone (CLIENT NO-TOUCH)
    TXN_REPLAY = 1 << 1,   // effects are being replayed: nothing expires by itself
};

struct effect_sink; // call/effect.h
struct effect_sum;  // call/effect.c
struct undo;        // stripe/undo.c

// Begun by txn_begin (stripe/stripe.h).
struct txn {
    struct common *common;
    const struct effect_sink *sink; // NULL: nobody wants effects
    int64_t now_ms;      // the wall clock of this execution; 0: not read yet. Use txn_now() (stripe/stripe.h)
    uint32_t flags;
    uint32_t access_s;   // the clock of access metadata, in seconds; 0: not read yet
    struct buf effects;  // what it did, see effect.h; empty unless somebody wants effects
    uint32_t emitted;    // how many effects
    size_t later;        // bytes of one more, that is recorded after the change; its room is kept
    size_t granted_bytes; // what the sink has room for in the stripe that was asked about last
    uint32_t granted_stripe, granted_count;
    uint32_t sums_count; // stripes that there are
    struct effect_sum *sums; // of what was recorded, by stripe; NULL: not counted yet
    bool expired;        // a look-up has found that a key's time has come: whoever waits for it is to be told, also by a call that only reads
    bool no_memory;      // an effect could not be recorded: from here on nothing may change any more (effect_emit, key_set_* ... refuse)
    bool no_room;        // ... since its sink had no room for it
    bool together;       // it is a transaction's: effects of several calls are handed on at once
    struct undo *undo;   // see txn_undo_begin
    uint32_t notify;     // classes of events that somebody is to be told of (stripe/stripe.h); 0: none
    struct buf events;   // what happened of them
    size_t last_event;
    size_t events_from;  // those before are of earlier commands of a transaction
    void (*send_events)(struct txn *t); // set with the first
    // What must be durable before anything of it is seen outside (txn_settle). Set while the database waits for that at all:
    const uint32_t *stripes; // whose leases are held
    uint32_t stripe_count;
    bool wrote;              // it has left effects in the log
    uint64_t need;           // the log's epoch; 0: nothing, or all of it is
};

// A key as look-ups need it: where it is, not what it holds.
struct key {
    struct slice name;
    uint64_t hash;
    struct stripe *stripe;
    uint32_t stripe_number;
    uint32_t db;
    const struct table_bucket *hint; // where key_prefetch_bucket has looked
};

// ---- sessions: what a sequence of commands carries along ---------------------------------------------------------------

enum reply_mode { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

struct multi; // call/multi.h

struct session {
    uint64_t id;
    uint32_t db;      // SELECT
    int version;      // RESP 2 or 3
    bool authenticated;
    bool no_touch, no_evict;
    bool never_block; // blocking commands answer at once, as if time were over
    bool close;       // end the connection once the reply is written (QUIT, CLIENT KILL of itself)
    bool ended;       // SHUTDOWN: nothing of the connection runs any more; it is closed with all others
    uint64_t need;    // the largest of all that it was answered (call->need): what it tells others may depend on
    enum reply_mode reply_mode;
    char *name, *lib_name, *lib_version; // NULL: none; mem_alloc'ed
    struct client *client;               // the connection (net's), NULL in-process
    struct multi *multi;                 // its transaction; NULL: it is in none, and watches nothing
    struct subscriber *subscriber;       // what it has subscribed to (feed/feed.h); NULL: nothing ever
};
void session_init(struct session *s, uint64_t id);
void session_free(struct session *s); // releases what it owns, not itself. Its transaction is over (session_end_multi)

// ---- replies -----------------------------------------------------------------------------------------------------------

// A large value that a reply refers to instead of copying: its bytes go between buf[0..at) and buf[at..].
struct reply_ref {
    size_t at;
    struct slice bytes;
    void *pin;
    void (*unpin)(void *pin); // any thread, no lease; whoever sends or drops the reply calls it
};

struct reply {
    struct buf *buf;
    int version;       // RESP 2 or 3
    bool may_refer;    // false: large values are copied into buf
    struct reply_ref *refs;
    uint32_t ref_count, ref_cap;
};
void reply_free_refs(struct reply *r); // unpins those that are left, and frees the list
// Adds one at the end of buf. False: no memory (copy the bytes instead).
bool reply_add_ref(struct reply *r, struct slice bytes, void *pin, void (*unpin)(void *pin));

// ---- calls -------------------------------------------------------------------------------------------------------------

enum { CALL_KEYS_INLINE = 4 };

// What a blocking command is asked to do (call_block).
enum call_pass {
    CALL_TRY,       // look at all keys; block if none has anything
    CALL_QUEUE,     // others wait before it: look at none, block
    CALL_SERVED,    // look at keys[served] alone; block (go on waiting) if it has nothing
    CALL_TIMED_OUT, // write the reply that says so; no lease is held
};

enum call_outcome { CALL_OK, CALL_ERROR /* an error was the reply */ };

struct call {
    // What to do
    const struct command *cmd;
    int argc;
    struct slice *argv;
    struct session *session; // never NULL
    struct host *host;       // what handlers may ask of the floors above (cmd/host.h)
    struct stat_slot *stat;  // where it is counted (stat/stat.h); NULL: in any of the shared ones
    uint64_t spent_ns;       // time of earlier parts, of a call that runs in several
    struct reply reply;
    struct txn txn;
    enum call_outcome outcome;
    bool changed;            // the handler changed something: its argv is its effect unless it emitted others
    bool owes;               // something of `need` is its own: without it its answer would be a lie
    uint64_t need;           // the log's epoch that must be durable before the answer leaves the process; 0: none. The largest over all its parts

    // Its keys in the order of argv (command table), with hash and stripe; filled in by call_find_keys
    struct key *keys; // keys_inline if they fit
    uint32_t key_count;

    // Blocking commands
    enum call_pass pass;
    bool blocks;             // call_block was called: nothing is written yet
    uint32_t served;         // CALL_SERVED: which key
    uint32_t block_keys;     // it waits for the first so many of its keys; if that is not all, it needs the leases of all to go on
    int64_t block_ms;        // at most so long; 0: for ever
    void *block_state;       // handler's own between passes (mem_alloc); freed with the call

    // For commands that visit stripe by stripe (ROUTE_SCATTER, ROUTE_WALK) or shard by shard (ROUTE_SHARDS): the visit at hand
    struct stripe *stripe;   // the one to look at; its lease is held
    uint32_t part;           // number of the stripe or shard
    uint32_t parts;          // how many there are
    bool walk_on;            // ROUTE_WALK: set by the handler to be called again for `walk_next`
    uint32_t walk_next;
    int64_t sum;             // MERGE_ARRAY: elements written; MERGE_HANDLER: the handler's
    uint64_t scratch[4];     // handler's own between visits of a walk; zero at the start

    struct key keys_inline[CALL_KEYS_INLINE]; // last: need not be zero at the start
};

// Whether a blocking command should look at its i-th key now.
static inline bool call_looks_at(const struct call *c, uint32_t i) { return c->pass == CALL_TRY || (c->pass == CALL_SERVED && c->served == i); }
// The handler has found nothing: the call waits until one of its first `keys` keys is changed, or for timeout_ms (0: for ever). Where it must not wait
// (CALL_TIMED_OUT, a session that says so) false: the handler writes the reply for that.
static inline bool call_block(struct call *c, uint32_t keys, int64_t timeout_ms) {
    if (c->pass == CALL_TIMED_OUT || c->session->never_block) return false;
    c->blocks = true;
    c->block_keys = keys;
    c->block_ms = timeout_ms;
    return true;
}

// ---- writing the reply: handlers use these only (call/reply.c) -----------------------------------------------------------

void reply_ok(struct call *c);
void reply_status(struct call *c, const char *text);
void reply_int(struct call *c, int64_t n);
void reply_bulk(struct call *c, struct slice s);
void reply_bulk_str(struct call *c, const char *s);
void reply_verbatim(struct call *c, const char *format3, struct slice s); // RESP2: bulk
void reply_null(struct call *c);       // RESP2: $-1
void reply_null_array(struct call *c); // RESP2: *-1
void reply_array(struct call *c, size_t n);
void reply_map(struct call *c, size_t pairs);
void reply_set(struct call *c, size_t n);
void reply_bool(struct call *c, bool b);
void reply_real(struct call *c, double d);
void reply_score(struct call *c, double d); // a double as Redis 7.0 prints it: num_format_score
// `text` with its code in front ("ERR syntax error"), printf-like; control characters become spaces.
void reply_error(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_status_code(struct call *c, int status); // a kora_status as Redis would say it: NOMEM, WRONGTYPE, NOTINT, TOOBIG ...
// The errors that many share, word for word Redis's
void reply_syntax_error(struct call *c);
void reply_wrong_type(struct call *c);
void reply_not_integer(struct call *c);
void reply_no_memory(struct call *c);
void reply_no_key(struct call *c);

#endif
