// What the files of lib/net share. All of it belongs to one shard's thread, but for struct net.
//
// Input. Bytes are received into chunks, and commands are run right out of them: an argument is a slice of the chunk. A shard has one
// chunk that all its connections share; whoever still needs bytes of it (a parked call, input behind one) holds a reference, and the
// shard goes on behind them, or with a new chunk. A command that is not complete yet is kept in a chunk of the connection's own, which has
// just the size that it needs. An idle connection holds no memory but its struct client.
//
// Slots. A command on its way is a slot: parsed request, task, a reference to its chunk. Slots of all connections that are ready are collected
// in a batch, so that the cache misses of their keys overlap; then they run in order. A slot whose call was parked stays with its
// connection until it is done; the slots behind it wait in the connection's queue.
//
// Output. Replies are written into the shard's buffer and sent at once when the connection's turn is over. What the socket does not take
// is queued at the connection. So is what tells of something that is not durable yet, and all that comes behind it (engine/await.h): commands go on running
// meanwhile, but a client that is gone by then loses its replies.
#ifndef KORA_NET_NET_INT_H
#define KORA_NET_NET_INT_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <uv.h>

#include "engine/engine.h"
#include "net/net.h"

enum {
    BATCH_MAX = 32,                 // commands whose cache misses overlap
    POOL_MAX = 4 * BATCH_MAX,       // free slots that are kept
    CHUNK_SIZE = 64 * 1024,         // of a shard's chunk: what one read may give
    CHUNK_ROOM_MIN = 16 * 1024,     // less room than this is not worth a read
    RECEIVE_MAX = 1 << 20,          // bytes of one read of a large argument
    TURN_COMMANDS = 1000,           // after so many, or so long, others have their turn
    TURN_US = 2000,
    PUSH_HOLD_US = 200,             // what is pushed waits so long for more, while there is input
    SENDINGS_MAX = 64,              // clients whose replies are sent together
    OUTPUT_KEEP = 256 * 1024,       // a shard's buffer above this is given back; and is sent before the turn is over
    SENDING_KEEP = 16 * 1024,       // of each buffer whose replies were put aside
    OUTPUT_COPY = 4096,             // shorter leftovers are copied, longer ones take the buffer along
    OUTPUT_IOV = 64,
    UNAUTH_HELD_MAX = 16 * 1024,    // input that is held for a connection before AUTH
    ACCEPTS_A_TURN = 256,
    ACCEPT_RETRY_MS = 100,          // after the process ran out of descriptors
    SHARDS_MAX = 256,
    ADDRESS_TEXT_MAX = 128,
};

// ---- shared by all shards --------------------------------------------------------------------------------------------------

enum { NET_PAUSED = 1, NET_LOADING = 2 }; // perhaps

struct net {
    struct engine *engine;
    _Atomic uint64_t connections;             // open, or on their way to a shard
    _Atomic uint64_t rejected;
    void (*engine_settings_changed)(struct host *h); // what the host's hooks were before the network's
    void (*engine_stats)(struct host *h, struct host_stats *out);
    _Atomic uint32_t load[SHARDS_MAX];        // of them, by shard
    _Atomic uint32_t turn;                    // where the search for the least loaded shard begins
    _Atomic uint32_t gate;                    // what commands have to look at before they run: NET_...
    _Atomic int64_t pause_until_ms;           // CLIENT PAUSE, monotonic; 0: no
    _Atomic bool pause_writes_only;
    pthread_mutex_t mutex;                    // of what follows
    struct listener *listeners;
    struct adoption *adoptions;               // connections on their way
};

struct listener {
    struct net *net;
    struct listener *next;
    struct net_shard *home;                   // who accepts; NULL until it has started
    uv_poll_t poll;
    uv_timer_t retry;
    struct message start;
    int fd;
    bool starved;                             // out of descriptors, and has said so
    bool is_unix;
    net_take_fn *take;                        // whose connections these are; NULL: clients'
    const char *scheme;                       // of its address, up to "//"
    uint32_t port;                            // TCP
    int mode;                                 // Unix: asked for; -1: it was not
    char *path;                               // Unix: the file, ours if device and inode still are
    dev_t device;
    ino_t inode;
    char text[ADDRESS_TEXT_MAX];              // as it is bound, without the port; Unix: cut off
};

// An accepted connection on its way to its shard.
struct adoption {
    struct message message;
    struct adoption *prev, *next;             // in net->adoptions
    struct net *net;
    int fd;
    struct sockaddr_storage peer;
    struct listener *listener;
};

// ---- a shard's part ----------------------------------------------------------------------------------------------------------

struct chunk {
    uint32_t refs;
    size_t size, used;
    char data[];
};

// Replies on their way out; the bytes of refs[i] come before buf[refs[i].at].
struct output {
    struct output *next;
    struct buf buf;
    struct reply_ref *refs;
    uint32_t ref_count, ref_cap;
    uint32_t ref_first;                       // refs before it are sent
    size_t at, ref_at;                        // bytes of buf, and of refs[ref_first], that are sent
    uint64_t need;                            // what must be durable before any of it is sent (engine/await.h); 0: nothing
    bool owes;                                // ... for what a write has done
};

// Replies of a client that are to be sent at the end of the shard's turn.
struct sending {
    struct output out;
    struct client *of;                        // NULL: it is gone, and `out` is empty
};

enum slot_kind { SLOT_CALL, SLOT_REFUSED /* the error is in `out` */, SLOT_BAD_INPUT };

struct slot {
    struct slot *next;                        // in the pool, or in the client's queue
    struct client *client;
    struct chunk *chunk;
    enum slot_kind kind;
    bool finished;                            // parked, and done since; not yet answered
    bool sent_apart;                          // its reply is written into `out`
    struct output out;
    struct resp_request request;
    struct task task;
};

struct net_shard {
    struct shard *shard;
    struct net *net;
    uv_check_t check;
    uv_idle_t idle;                           // active while `ready` or `pushed` is not empty
    uv_timer_t timer;                         // active while a timeout, a soft limit or a pause has a date
    uint32_t handles;                         // on the loop, clients' and listeners' included
    bool stopping;
    struct client *first, *last;              // all clients
    struct client *ready, *ready_last;        // to go on with at the next turn
    struct chunk *chunk;
    struct slot *batch[BATCH_MAX];
    uint32_t batch_count;
    bool running;                             // in batch_run
    struct slot *pool;
    uint32_t pool_count;
    struct output out;                        // replies of `out_of`
    struct client *out_of;
    struct sending sendings[SENDINGS_MAX];    // replies of others, to be sent at the end of the turn
    uint32_t sending_count;
    int64_t turn_us;                          // since about when replies wait; 0: nobody has looked
    struct client *pushed, *pushed_last;      // clients that something was pushed to
    int64_t pushed_us;                        // since about when; 0: nobody has looked
    bool has_read, had_read;                  // something, in this turn of the loop; in the one before
    struct message nudge;                     // "look at the settings, and at what is held back"
    _Atomic bool nudged;
    _Atomic uint64_t commands;                // that have run without any stripe, whose counters hold the others
    char address_text[2][ADDRESS_TEXT_MAX];   // of client_view
    int64_t unbrought;           // bytes of its clients that are not in the account of memory yet, or still are (client_account)
};

struct client {
    uv_poll_t poll;
    struct net_shard *home;
    struct client *prev, *next, *next_ready;
    struct session session;
    const struct command *last;               // that it ran
    int fd;
    int events;                               // that are waited for
    bool closed;                              // gone but for its memory; a parked call may still be on its way
    bool closing;                             // closed once its output is sent; reads no more
    bool held;                                // by CLIENT PAUSE, or since SHUTDOWN
    bool is_ready;                            // in home->ready
    bool is_unix;
    // Input: bytes that have not become slots yet, and what the parser knows of the first of them.
    struct chunk *in;
    size_t in_at, in_n;
    struct resp_request *request;
    // Work
    struct slot *parked;                      // the engine has its task
    struct slot *queue, *queue_last;          // behind it
    uint32_t sending;                         // its place in home->sendings, plus 1; 0: none
    // What was pushed to it and is not yet sent (push.c)
    struct output *pushed;                    // NULL: nothing
    struct client *prev_pushed, *next_pushed; // in home->pushed
    size_t pushed_bytes;
    // Output that the socket did not take
    struct output *out, *out_last;
    size_t out_bytes;
    size_t out_memory;                        // that the list takes: values that replies refer to are not its own
    int64_t accounted;                        // bytes of it in the account of memory
    uint32_t out_count;
    struct await_waiter waits;              // while the first of it must not be sent yet
    int64_t soft_since_ms;                    // above the soft limit since; 0: is not
    int64_t created_ms, active_ms;            // uv_now
    struct listener *listener;
    struct sockaddr_in6 peer;                 // or sockaddr_in
};

static inline void counter_add(_Atomic uint64_t *n, uint64_t by) {
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
}
static inline struct settings *net_settings(struct net_shard *s) { return &s->shard->engine->common.settings; }
static inline uint64_t setting(_Atomic uint64_t *n) { return atomic_load_explicit(n, memory_order_relaxed); }
void net_shard_unref(struct net_shard *s); // a handle is gone
// Sees to it that the timer fires at `at_ms` (uv_now) or earlier.
void net_timer_by(struct net_shard *s, int64_t at_ms);
void net_nudge_all(struct net *n);

// ---- listen.c
void listener_stop(struct listener *l); // on its shard's thread
void listener_free(struct listener *l);
void adoption_free(struct adoption *a);   // closes its connection if it has not been taken over
void listener_hooks(struct host *h);
void address_format(const struct sockaddr *a, char *to, size_t size, bool with_port);

// ---- client.c
void client_adopt(struct net_shard *s, struct adoption *a); // takes over a->fd
void client_account(struct client *c);   // brings what it takes to the account of memory (stripe/account.h)
void client_close(struct client *c);     // at once; allowed anywhere on the shard's thread, more than once
void client_ended(struct client *c);     // its last parked call is done, and it is closed
void client_poll(struct client *c);      // asks for the events that its state calls for
static inline bool client_busy(const struct client *c) { return c->parked || c->held || c->queue || c->is_ready; }
void client_ready(struct client *c);     // goes on at the next turn
void client_come_back(struct net_shard *s); // the loop takes another turn without waiting for events
// Whether a command of its may run now.
enum client_gate { CLIENT_PASSES, CLIENT_PAUSED, CLIENT_LOADING };
enum client_gate client_gate(struct client *c, const struct command *cmd);
void clients_housekeeping(struct net_shard *s);
void client_hooks(struct host *h);
void client_log_close(struct client *c, const char *why);

// ---- input.c
void input_read(struct client *c);
void input_continue(struct client *c);   // with its queue, then its input
void input_drop(struct client *c);
void batch_run(struct net_shard *s);
struct slot *slot_take(struct net_shard *s); // NULL: no memory
void slot_free(struct net_shard *s, struct slot *slot);
void slots_free(struct net_shard *s);        // the pool
void chunk_unref(struct chunk *c);

// ---- output.c
void output_begin(struct client *c);      // from here on home->out is this client's; puts aside another's
void output_flush(struct net_shard *s);   // sends what is there, of all clients
void output_writable(struct client *c);   // the socket takes more
void output_drop(struct client *c);       // all that is queued
void output_clear(struct output *o);      // unpins, keeps the buffer
void output_free(struct output *o);
void output_truncate(struct output *o, size_t n, uint32_t refs); // to what it was
bool output_append(struct output *to, struct output *from);     // moves `from`, which is empty then. False: no memory, now or in `from`
static inline void output_wait_for(struct output *o, uint64_t need, bool owes) {
    o->need = MAX(o->need, need);
    o->owes |= owes;
}
void output_waiter_init(struct client *c);
// What the shard's output, the client's, has from `n` bytes and `refs` references on waits for that; what is before it does not.
void output_must_wait(struct client *c, size_t n, uint32_t refs, uint64_t need, bool owes);
size_t output_memory(const struct client *c);
size_t output_left(const struct output *o);                     // bytes that are still to be sent
void output_send(struct client *c, struct output *o);           // sends it, behind what waits already; frees `o`, which was mem_alloc'ed
bool output_within_limits(struct client *c, size_t more);       // `more` bytes beside its queue. False: it is closed

#endif
