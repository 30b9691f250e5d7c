/*
 * kora.h - the public interface of libkora, an embeddable, multi-threaded cache and database engine.
 *
 *     kora *db;
 *     if (kora_open(NULL, NULL, &db) != KORA_OK) return 1;
 *     kora_set(db, "greeting", 8, "hello", 5, NULL);
 *     void *value; size_t len;
 *     if (kora_get(db, "greeting", 8, &value, &len) == KORA_OK) { fwrite(value, 1, len, stdout); kora_free(value); }
 *     kora_close(db);
 *
 * Everything that the library offers is declared here, and this file is all the documentation that its callers need.
 *
 * CONVENTIONS
 *
 * Results. Every function that can fail returns a `kora_status` as an int: KORA_OK (0) or one of the codes below. On
 * anything but KORA_OK the database is as it was before the call and output parameters are untouched, unless said otherwise.
 *
 * Bytes. Keys and values are bytes with a length, and may hold any byte. A key or value is at most 512 MB (option
 * `proto-max-bulk-len`); typed calls answer KORA_TOOBIG to a longer one. A pointer may be NULL if its length is 0.
 *
 * Owns. Arguments are borrowed until the call returns, unless said otherwise. What a call allocates for its caller is
 * freed with the function that its comment names: kora_free, kora_reply_free, kora_unpin.
 *
 * Threads. Every function may be called from any thread, at the same time as any other, unless said otherwise. Calls about
 * different keys rarely wait for each other; a call waits only for those ahead of it that use the same part of the data.
 * From inside a callback of any database, calls that may wait return KORA_MISUSE; kora_submit is allowed there.
 *
 * Memory. With a limit (memory_max, maxmemory) calls that may need memory first evict keys if there is too much, and answer KORA_FULL where the policy
 * lets none go: kora_set, kora_cas, kora_incr, kora_set_many, those that add to a collection or a stream, and commands flagged denyoom. Reading and deleting goes on.
 *
 * Atomicity. Every call is atomic and strictly serializable with every other, from whatever thread or socket, over however
 * many keys it names. The exception are calls that walk the whole keyspace (kora_iter_*, and the commands KEYS, SCAN,
 * DBSIZE, RANDOMKEY): they see each part of the data at one instant, but not all parts at the same one.
 *
 * Durability. With KORA_SYNC_ALWAYS a call returns, a callback is called and a message arrives when all that it tells of is on the
 * disk, also what it has only read; commands of others go on meanwhile. So nobody ever sees what a power cut could take away. If the log fails before a
 * write is on the disk, the write is never acknowledged: the call answers KORA_READONLY, and nothing is known of it. It is seen by reads, which go on; it may
 * or may not be there when the database is opened again. A connection that is owed the answer to such a write is closed, since nothing true could be said in its
 * place, and a subscription that would get a message about it ends. As long as there is only no room on the disk all of them wait for it.
 *
 * Fork. A child process must not use the handles of its parent: each function then returns KORA_MISUSE, and kora_close
 * does too (the child's copy of the memory goes with exec or exit).
 *
 * ABI. Handles are opaque. A struct that begins with `size` is initialized with its *_INIT macro; it only ever grows at its
 * end. A program compiled against an older header works with a newer library; one compiled against a newer header works with
 * an older library as long as it leaves zero in the fields that this library does not know (else KORA_INVAL).
 */
#ifndef KORA_H
#define KORA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(KORA_BUILD)
#define KORA_API __attribute__((visibility("default")))
#else
#define KORA_API
#endif

#define KORA_VERSION_MAJOR 0
#define KORA_VERSION_MINOR 1
#define KORA_VERSION_PATCH 0
#define KORA_VERSION "0.1.0"

/* ---- status codes ------------------------------------------------------------------------------------------------ */

/* name, number, text */
#define KORA_STATUS_MAP(X)                                                        \
    X(OK, 0, "success")                                                           \
    X(NOMEM, 1, "out of memory")                                                  \
    X(INVAL, 2, "invalid argument")                                               \
    X(MISUSE, 3, "call not allowed here: inside a callback, or after fork")       \
    X(CLOSED, 4, "the database is being closed")                                  \
    X(NOTFOUND, 5, "no such key")                                                 \
    X(NOTSET, 6, "condition not met, nothing was changed")                        \
    X(WRONGTYPE, 7, "the key holds a value of another type")                      \
    X(NOTINT, 8, "the value is not an integer, or the result would overflow")     \
    X(TOOBIG, 9, "key or value above the size limit")                             \
    X(NOSPACE, 10, "the buffer is too small")                                     \
    X(SYSTEM, 11, "the operating system refused")                                 \
    X(UNSUPPORTED, 12, "not supported by this build")                             \
    X(BUSY, 13, "still in use")                                                   \
    X(CONFLICT, 14, "a watched key has changed, nothing was done")                \
    X(CORRUPT, 15, "damaged data")                                                \
    X(READONLY, 16, "the log cannot be written: nothing is changed any more")      \
    X(FULL, 17, "the memory limit is reached (maxmemory)")                        \
    X(LOADING, 18, "the database is being loaded")

typedef enum kora_status {
#define KORA_STATUS_ENUM_(name, number, text) KORA_##name = number,
    KORA_STATUS_MAP(KORA_STATUS_ENUM_)
#undef KORA_STATUS_ENUM_
        KORA_STATUS_FORCE_INT_ = 0x7fffffff /* not a code */
} kora_status;

/* The text of a status code, in English; "unknown status" for any other number. Owns: static. */
KORA_API const char *kora_status_text(int status);
/* The name of a status code, such as "KORA_NOMEM". Owns: static. */
KORA_API const char *kora_status_name(int status);
/* The version of the library that is linked, such as "0.1.0", which may be newer than KORA_VERSION. Owns: static. */
KORA_API const char *kora_version(void);

/* ---- open and close ---------------------------------------------------------------------------------------------- */

/* A database: its shards (threads), its data, its listeners. */
typedef struct kora kora;

enum { KORA_LOG_DEBUG, KORA_LOG_VERBOSE, KORA_LOG_NOTICE, KORA_LOG_WARNING };

/* Receives the library's log lines: `text` is one line without newline, `level` one of KORA_LOG_*.
 * Threads: called from any thread, also at the same time; no lock of the library is held. Calls into kora_* return
 * KORA_MISUSE where they may wait. */
typedef void kora_log_fn(void *arg, int level, const char *text);

/* A client has sent SHUTDOWN: the program should soon call kora_close, from a thread of its own. Until then nothing changes.
 * Threads: as kora_log_fn. */
typedef void kora_shutdown_fn(void *arg);

/* Tells how far a call has come that takes long: `done` of `total` (bytes that are read: kora_open, kora_import; keys, about: kora_export), from time to time.
 * Threads: on the calling thread; what is loaded in the background, on one of the library's. Calls that may wait return KORA_MISUSE; kora_open's must not call kora_* at all. */
typedef void kora_progress_fn(void *arg, uint64_t done, uint64_t total);

/* What is loaded in the background (kora_options.background) is all there: `status` is KORA_OK, or what kora_load answers. Called once, perhaps before kora_open has returned.
 * Threads: one of the library's. Calls that may wait return KORA_MISUSE: what there is to do with the data is another thread's. */
typedef void kora_loaded_fn(void *arg, int status);

/* When what was written is on the disk. In each case what was acknowledged survives the end of the process, however it ends (kill -9). */
enum {
    KORA_SYNC_EVERYSEC, /* synced every second: the machine may lose the last second or so, a suffix of what was done, in its order */
    KORA_SYNC_ALWAYS,   /* nothing is acknowledged, or can be seen, that is not synced */
    KORA_SYNC_OS        /* synced when the operating system likes */
};
enum { KORA_CAUSE_EXPIRED = 1, KORA_CAUSE_EVICTED = 2, KORA_CAUSE_MISSED = 3 };

/*
 * Keys that went by themselves: `cause` is KORA_CAUSE_EXPIRED (its time had come) or KORA_CAUSE_EVICTED (there was too much in memory), `database` the number of
 * its database; the bytes of `key` are borrowed until the function returns. What is deleted, overwritten or flushed by a call is not told of.
 *
 * It is told afterwards: the key is gone by then, and may be there again. Keys are told of in the order in which they went, but for those in different parts of the data.
 * If the program does not keep up, 65,536 keys wait for each shard; of those beyond, and where memory for one is missing, it is told how many
 * they were: `cause` KORA_CAUSE_MISSED, `key` NULL, `key_len` the number of keys. So no key goes without its being known that some did.
 * Threads: the shards', one call at a time for each, and for what is left kora_close's; no lock of the library is held. Calls into kora_* return KORA_MISUSE where they
 * may wait; kora_submit is allowed. Time that is spent here is missing for the connections of the shard.
 */
typedef void kora_removed_fn(void *arg, int cause, uint32_t database, const void *key, size_t key_len);

typedef struct kora_options {
    size_t size;        /* set by KORA_OPTIONS_INIT */
    uint32_t shards;    /* threads of the engine, 1 to 256; 0: one for each core that this process may use */
    uint32_t databases; /* numbered databases (SELECT), 1 to 1024; 0: 16 */
    uint32_t stripes;   /* parts that the data is divided into, a power of two up to 4096; 0: 16 a shard, at least 64 */
    int log_level;      /* lowest level that `log` receives, KORA_LOG_*; 0: everything */
    kora_log_fn *log;   /* NULL: nothing is logged */
    void *log_arg;
    kora_shutdown_fn *shutdown; /* NULL: SHUTDOWN is refused */
    void *shutdown_arg;
    /* of a database in a directory */
    int sync;                   /* KORA_SYNC_... */
    int repair;                 /* 1: of a damaged log keep what is whole; what is dropped goes to dir/dropped-<n>.wal */
    const char *staging_dir;    /* where the newest writes are kept mapped: a local file system. NULL: the directory itself.
                                  Of a database that was killed: the same as then (else INVAL, and `error` names it) */
    kora_progress_fn *progress; /* NULL: nobody wants to know */
    void *progress_arg;
    char *error;                /* NULL, or where kora_open says, cut to error_size with its zero byte, why it has failed: which file, where, what */
    size_t error_size;
    /* of all */
    uint64_t memory_max;        /* bytes that the database may take (parameter maxmemory, which can be changed later); 0: no limit. What happens there says
                                   maxmemory-policy: keys are evicted, or (noeviction) calls that need memory answer KORA_FULL */
    kora_removed_fn *removed;   /* NULL: nobody wants to know */
    void *removed_arg;
    const char *memory_policy;  /* parameter maxmemory-policy, which can be changed later; NULL: noeviction. With a directory it should be said here: what is
                                   read back keeps how often or how long ago keys were used only by the policy that there is then */
    int owns_process;           /* 1: the process does nothing else, so memory_max is meant to bound all that it has resident: more is evicted for what it takes
                                   beyond the data. 0: for what the pages of the data take alone */
    /* of a database in a directory */
    int background;             /* 1: kora_open returns before the data is loaded, which kora_load begins */
    kora_loaded_fn *loaded;     /* with `background`: NULL, or called when it is, or when that has failed */
    void *loaded_arg;
    uint64_t snapshot;          /* recovery begins with this one of the snapshots that were kept (parameter snapshot-keep), and what was written since; 0: the newest.
                                   It comes to the same, but does not need the newest one's files. Those that are newer than this one are not kept any longer */
} kora_options;
#define KORA_OPTIONS_INIT { sizeof(kora_options), 0, 0, 0, KORA_LOG_NOTICE, NULL, NULL, NULL, NULL, KORA_SYNC_EVERYSEC, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, 0, 0, NULL, NULL, 0 }

/*
 * Opens a database and starts its shards.
 *   dir      where the data is kept; made if it is missing. It is this database's alone, and one process's at a time. NULL: the data lives in memory only.
 *   options  NULL for defaults. Of `databases` and `stripes` there are never fewer than the directory was opened with before
 * What the directory holds is read back before kora_open returns; with `background`, kora_load does it.
 * Errors: INVAL, NOMEM, SYSTEM (a thread or loop could not be started, or a file is not as it should be), BUSY (another process has the directory),
 * NOTFOUND (options->snapshot is none that was kept), CORRUPT (damage that no crash explains: nothing was changed; see `repair`). options->error tells the reason of the last three.
 * Owns: *db is the caller's, until kora_close.
 */
KORA_API int kora_open(const char *dir, const kora_options *options, kora **db);

/*
 * Loads the data of a database that was opened with `background`: begins with it, if that has not been done, and waits until it is loaded, at most `timeout_ms` milliseconds; 0: does
 * not wait, negative: as long as it takes. KORA_OK: it is (or was opened without). What is to hold for the loading, too, is set before (kora_config_set).
 * Until then calls about data, and those that would wait for some, answer KORA_LOADING, and clients get -LOADING, as from Redis. These go on at once: kora_listen, kora_config_*,
 * kora_get_stats (loading, loaded_bytes) and its kind, kora_session_open, kora_close, which stops the loading and leaves the directory as it is, and, by kora_exec and kora_submit,
 * commands that are flagged `loading` (INFO, CONFIG, CLIENT ...). Nothing expires, or is evicted, meanwhile.
 * If it fails, all but these calls answer KORA_CLOSED from then on, and kora_load the error that kora_open would have had; `error` (may be NULL) tells the reason. What is left
 * to do is kora_close.
 * Errors: LOADING (not by then), NOMEM, SYSTEM, CORRUPT, UNSUPPORTED (it has failed), INVAL, MISUSE (not if timeout_ms is 0), CLOSED.
 */
KORA_API int kora_load(kora *db, int64_t timeout_ms, char *error, size_t error_size);

/*
 * Closes a database. Calls that wait inside are answered KORA_CLOSED, pending callbacks are called with KORA_CLOSED, calls
 * that run are waited for, connections are closed. After KORA_OK and KORA_READONLY the handle is gone, as after free().
 * No call may begin on the handle once kora_close has been called. Handles from kora_database are gone with it.
 * KORA_OK: of a database in a directory, all that was ever acknowledged is on the disk, whatever the policy. KORA_READONLY: the log could not be written or synced to its end (the disk is
 * full, or fails; the log function was told the reason), now or before. What was acknowledged with KORA_SYNC_ALWAYS is on the disk all the same. Of what was acknowledged with another policy, that which
 * was not synced is staged, or in the system's memory: it is there when the directory is opened again, unless the machine is started anew before.
 * Errors: MISUSE (inside a callback; after fork), BUSY (values are pinned, or sessions or iterators are open: nothing was done), READONLY (see above: it is closed).
 */
KORA_API int kora_close(kora *db);

/* What kora_check has found in a directory. */
typedef struct kora_check_result {
    size_t size;             /* set by KORA_CHECK_RESULT_INIT */
    uint32_t databases, stripes;
    uint64_t segments, bytes; /* files of the log, and their length */
    uint64_t rounds, records; /* blocks in them; effects in these and in what is staged */
    uint64_t staged_records; /* of these, staged */
    uint64_t torn_bytes, dropped_calls; /* of a crash, which kora_open drops: the end of the log, calls that were under way */
    uint64_t damages;        /* things that are wrong; the log function was told of each */
    uint64_t keys, expiring; /* what kora_open would bring back; of these with an expiry, also one that has passed */
    uint64_t strings, lists, sets, zsets, hashes, streams;
    uint32_t clean;          /* 1: it had been closed */
    uint32_t reserved;
} kora_check_result;
#define KORA_CHECK_RESULT_INIT { sizeof(kora_check_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Verifies everything that a directory holds, without changing anything (but the process's number in its LOCK), and counts its keys (which takes as much memory as the data).
 * Until it returns nobody else can open the directory.
 *   options  NULL for defaults; of interest are log, staging_dir, progress and error
 * Errors: CORRUPT (kora_open would refuse it without `repair`; `result` tells as much as is known), BUSY (a process has it open: options->error names LOCK and the process), INVAL, NOMEM, SYSTEM, MISUSE.
 */
KORA_API int kora_check(const char *dir, const kora_options *options, kora_check_result *result);

/*
 * The numbered database `index` (as SELECT) of `db` as a handle of its own: typed calls on it read and write there.
 * The handle that kora_open returns is number 0.
 * Returns NULL if there is no such number. Owns: `db`; do not close it. Never waits.
 */
KORA_API kora *kora_database(kora *db, uint32_t index);

/* Frees memory that the library allocated for its caller. NULL is allowed. */
KORA_API void kora_free(void *memory);

/* ---- strings and keys -------------------------------------------------------------------------------------------- */

/* Some bytes; never owns them. */
typedef struct kora_bytes {
    const void *data;
    size_t len;
} kora_bytes;

enum {
    KORA_NX = 1 << 0,      /* only if the key does not exist (kora_expire: has no expiry) */
    KORA_XX = 1 << 1,      /* only if the key exists (kora_expire: has an expiry) */
    KORA_KEEPTTL = 1 << 2, /* keep the expiry that the key has */
    KORA_GT = 1 << 3,      /* kora_expire: only if later than the expiry it has; no expiry counts as latest */
    KORA_LT = 1 << 4,      /* kora_expire: only if earlier than the expiry it has; no expiry counts as latest */
    KORA_REVERSE = 1 << 5  /* kora_zrank, kora_zrange: counted from the highest score */
};

typedef struct kora_set_options {
    size_t size;          /* set by KORA_SET_OPTIONS_INIT */
    uint32_t flags;       /* KORA_NX or KORA_XX, KORA_KEEPTTL */
    uint32_t reserved;    /* zero */
    int64_t ttl_ms;       /* expires this many milliseconds from now; 0: not given; negative: INVAL */
    int64_t expire_at_ms; /* expires at this Unix time in milliseconds; 0: not given. Past: the key is deleted */
    void **old;           /* not NULL: receives the value that was replaced (kora_free), NULL if there was none; the key
                             must hold a string. Filled in for NOTSET too. */
    size_t *old_len;      /* its length; may be NULL */
} kora_set_options;
#define KORA_SET_OPTIONS_INIT { sizeof(kora_set_options), 0, 0, 0, 0, NULL, NULL }

/*
 * Sets `key` to the string `value`, whatever it held. Without options an expiry that the key had is gone, as with SET.
 * Errors: NOTSET (NX or XX not met), WRONGTYPE (`old` asked for and not a string), INVAL (options), TOOBIG, NOMEM, FULL, MISUSE, CLOSED.
 * Owns: key and value are copied.
 */
KORA_API int kora_set(kora *db, const void *key, size_t key_len, const void *value, size_t value_len,
    const kora_set_options *options);

/*
 * Reads the string at `key` into memory of its own: *value (kora_free), *len bytes, followed by a zero byte that *len
 * does not count.
 * Errors: NOTFOUND, WRONGTYPE, NOMEM, INVAL, MISUSE, CLOSED.
 */
KORA_API int kora_get(kora *db, const void *key, size_t key_len, void **value, size_t *len);

/*
 * Reads the string at `key` into the caller's buffer of `size` bytes. *len is its length, also for NOSPACE, when the buffer
 * holds the first `size` bytes. No memory is allocated.
 * Errors: NOTFOUND, WRONGTYPE, NOSPACE, INVAL, MISUSE, CLOSED.
 */
KORA_API int kora_get_into(kora *db, const void *key, size_t key_len, void *buffer, size_t size, size_t *len);

/* A string that stays as it was read, whatever happens to its key, until kora_unpin. */
typedef struct kora_pinned {
    const void *data;
    size_t len;
    void *pin_; /* the library's */
} kora_pinned;

/*
 * Reads the string at `key` without a copy: values above some 8 KB are counted references, smaller ones are copied.
 * Errors: NOTFOUND, WRONGTYPE, NOMEM, INVAL, MISUSE, CLOSED.
 * Owns: *pinned, until kora_unpin, from any thread. Its memory stays in use until then; kora_close answers BUSY before.
 */
KORA_API int kora_pin(kora *db, const void *key, size_t key_len, kora_pinned *pinned);
/* Gives a pinned value back. Never waits; allowed in callbacks. */
KORA_API void kora_unpin(kora *db, kora_pinned *pinned);

/* Deletes `key`, whatever it holds. Errors: NOTFOUND, INVAL, MISUSE, CLOSED. */
KORA_API int kora_del(kora *db, const void *key, size_t key_len);
/* KORA_OK if `key` exists. Errors: NOTFOUND, INVAL, MISUSE, CLOSED. */
KORA_API int kora_exists(kora *db, const void *key, size_t key_len);

/*
 * Adds `by` to the integer at `key` (a missing key counts as 0) and keeps its expiry. *result (may be NULL) is the new value.
 * Errors: NOTINT (not a 64-bit integer, or it would overflow), WRONGTYPE, NOMEM, FULL, INVAL, MISUSE, CLOSED.
 */
KORA_API int kora_incr(kora *db, const void *key, size_t key_len, int64_t by, int64_t *result);

/*
 * Sets `key` to `value` if it still holds exactly the string `expected` (`expected` NULL: if it does not exist).
 * `options`: ttl_ms, expire_at_ms, KORA_KEEPTTL; NULL for none.
 * Errors: NOTSET (it holds something else, or does not exist), WRONGTYPE, INVAL, TOOBIG, NOMEM, FULL, MISUSE, CLOSED.
 */
KORA_API int kora_cas(kora *db, const void *key, size_t key_len, const void *expected, size_t expected_len,
    const void *value, size_t value_len, const kora_set_options *options);

/*
 * Lets `key` expire `ttl_ms` milliseconds from now (0 or less: it is deleted at once).
 * `flags`: 0, or KORA_NX, KORA_XX, KORA_GT, KORA_LT (XX goes with GT and LT).
 * Errors: NOTFOUND, NOTSET (flags not met), INVAL, NOMEM, MISUSE, CLOSED.
 */
KORA_API int kora_expire(kora *db, const void *key, size_t key_len, int64_t ttl_ms, uint32_t flags);
/* The same at a Unix time in milliseconds. */
KORA_API int kora_expire_at(kora *db, const void *key, size_t key_len, int64_t unix_ms, uint32_t flags);
/* Takes the expiry away. Errors: NOTFOUND, NOTSET (it had none), INVAL, NOMEM, MISUSE, CLOSED. */
KORA_API int kora_persist(kora *db, const void *key, size_t key_len);
/* The time that `key` has left, in milliseconds; -1: it does not expire. Errors: NOTFOUND, INVAL, MISUSE, CLOSED. */
KORA_API int kora_ttl(kora *db, const void *key, size_t key_len, int64_t *ttl_ms);

/* ---- many keys at once ------------------------------------------------------------------------------------------- */

/* A value read by kora_get_many. */
typedef struct kora_value {
    const void *data; /* NULL: not found, or not a string (see status) */
    size_t len;
    int status; /* KORA_OK, KORA_NOTFOUND, KORA_WRONGTYPE */
} kora_value;

/*
 * Reads `count` strings at one instant, as MGET. values[i] tells of keys[i]; the bytes are packed into `buffer` of `size`
 * bytes; *used (may be NULL) is what they take. For NOSPACE, *used is what they would take and values[] are undefined.
 * The cache misses of the keys overlap: for a dozen keys this is several times cheaper a key than kora_get.
 * Errors: NOSPACE, INVAL, NOMEM, MISUSE, CLOSED. count may be 0.
 */
KORA_API int kora_get_many(kora *db, const kora_bytes *keys, size_t count, kora_value *values, void *buffer, size_t size,
    size_t *used);

/*
 * Sets `count` strings at one instant, as MSET: all, or none on an error. A key named twice gets its last value.
 * `ttl_ms`: expiry of all of them, 0 for none.
 * Errors: INVAL, TOOBIG, NOMEM, FULL, MISUSE, CLOSED. count may be 0.
 */
KORA_API int kora_set_many(kora *db, const kora_bytes *keys, const kora_bytes *values, size_t count, int64_t ttl_ms);

/* Deletes `count` keys at one instant; *deleted (may be NULL) is how many there were. Errors: INVAL, NOMEM, MISUSE, CLOSED. */
KORA_API int kora_del_many(kora *db, const kora_bytes *keys, size_t count, size_t *deleted);

/* ---- collections ------------------------------------------------------------------------------------------------- */

/*
 * Hashes, lists, sets, sorted sets and streams, without formatting a command; whatever is not here, kora_exec does. What they have in common:
 *
 * A key that does not exist is an empty collection: calls that add make it, calls that read or remove find nothing in it. One that
 * becomes empty is gone. The expiry of a key stays as it is. A key that holds another type: KORA_WRONGTYPE.
 *
 * Calls that take several elements do all, or none on an error; `count` may be 0. What they tell by a pointer (how many were new ...) may
 * be NULL if it is not wanted.
 *
 * Large collections are read in portions:
 *
 *     kora_bytes items[100];
 *     char buffer[8192];
 *     uint64_t cursor = 0;
 *     size_t n;
 *     do {
 *         if (kora_sscan(db, "tags", 4, &cursor, items, 100, buffer, sizeof buffer, &n) != KORA_OK) break;
 *         for (size_t i = 0; i < n; i++) fwrite(items[i].data, 1, items[i].len, stdout);
 *     } while (cursor);
 *
 * A call reads at one instant as many elements as fit: `max` in items[], and their bytes, one behind the other, in `buffer` of `size` bytes, into
 * which items[] point. *count is how many there are. *cursor is 0 to begin with; afterwards it says where to go on, 0 at the end. KORA_NOSPACE: the
 * next element alone does not fit; *count is then how many bytes it needs, and *cursor is as it was. No memory is allocated.
 *
 * A cursor is a number; it may be kept for as long as one likes, and dropped at any point. In hashes and sets (kora_hscan, kora_sscan) it means a place
 * in an order that does not depend on what else is there: an element that is there from the first portion to the last is read exactly once,
 * whatever is added or removed meanwhile. (`max` should be above 1: of a very large collection two elements may come only together.) In lists and sorted sets
 * it is the number of the next element, from 0: one may begin anywhere, and elements that are added or removed before it move the others.
 */

/* A field of a hash. */
typedef struct kora_field {
    kora_bytes name, value;
} kora_field;

/* A member of a sorted set. */
typedef struct kora_member {
    kora_bytes name;
    double score;
} kora_member;

/*
 * Sets `count` fields of the hash at `key`; *added is how many were new. A field named twice gets its last value. An expiry that a field
 * had is gone, as with HSET.
 * Errors: WRONGTYPE, TOOBIG, NOMEM, FULL, INVAL, MISUSE, CLOSED. Owns: names and values are copied.
 */
KORA_API int kora_hset(kora *db, const void *key, size_t key_len, const kora_field *fields, size_t count, size_t *added);
/*
 * Reads a field into memory of its own: *value (kora_free), *len bytes, followed by a zero byte that *len does not count.
 * Errors: NOTFOUND (no such field), WRONGTYPE, NOMEM, INVAL, TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_hget(kora *db, const void *key, size_t key_len, const void *field, size_t field_len, void **value, size_t *len);
/*
 * Reads a field into the caller's buffer of `size` bytes. *len is its length, also for NOSPACE, when the buffer holds the first `size`
 * bytes. No memory is allocated.
 * Errors: NOTFOUND (no such field), WRONGTYPE, NOSPACE, INVAL, TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_hget_into(
    kora *db, const void *key, size_t key_len, const void *field, size_t field_len, void *buffer, size_t size, size_t *len);
/* Deletes fields; *deleted is how many there were. Errors: WRONGTYPE, TOOBIG, NOMEM, INVAL, MISUSE, CLOSED. */
KORA_API int kora_hdel(kora *db, const void *key, size_t key_len, const kora_bytes *names, size_t count, size_t *deleted);
/* How many fields there are. Errors: WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_hlen(kora *db, const void *key, size_t key_len, size_t *count);
/*
 * Adds `by` to the integer in a field (a missing one counts as 0) and keeps its expiry. *result (may be NULL) is the new value.
 * Errors: NOTINT (not a 64-bit integer, or it would overflow), WRONGTYPE, TOOBIG, NOMEM, FULL, INVAL, MISUSE, CLOSED.
 */
KORA_API int kora_hincr(
    kora *db, const void *key, size_t key_len, const void *field, size_t field_len, int64_t by, int64_t *result);
/*
 * A portion of the fields, each with its value, in no particular order: see above. `buffer` holds the bytes of both.
 * Errors: NOSPACE, WRONGTYPE, INVAL (also: `max` is 0), TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_hscan(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_field *items, size_t max, void *buffer,
    size_t size, size_t *count);

/* The ends of a list. */
enum { KORA_FRONT = 0, KORA_BACK = 1 };

/*
 * Adds `count` elements at an end (KORA_FRONT, KORA_BACK) of the list at `key`, one after the other: at the front the last of them is the first in
 * the end. Calls and clients that wait for the list get theirs before anybody else sees them. *len is the length right after they were added.
 * Errors: WRONGTYPE, TOOBIG, NOMEM, FULL, INVAL, MISUSE, CLOSED. Owns: elements are copied.
 */
KORA_API int kora_push(kora *db, const void *key, size_t key_len, int end, const kora_bytes *items, size_t count, size_t *len);
/*
 * Takes the element at an end out, into memory of its own: *element (kora_free), *len bytes, followed by a zero byte that *len does not count.
 * `timeout_ms`: 0: does not wait; above 0: waits as long for an element, in line with others that wait (BLPOP); negative: waits for ever.
 * Errors: NOTFOUND (there is none, time is over), WRONGTYPE, NOMEM, INVAL, TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_pop(kora *db, const void *key, size_t key_len, int end, int64_t timeout_ms, void **element, size_t *len);
/* How many elements there are. Errors: WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_llen(kora *db, const void *key, size_t key_len, size_t *count);
/*
 * A portion of the elements, from the front to the back, beginning with the one that *cursor numbers: see above.
 * Errors: NOSPACE, WRONGTYPE, INVAL (also: `max` is 0), TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_lrange(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_bytes *items, size_t max, void *buffer,
    size_t size, size_t *count);

/*
 * Adds members to the set at `key`; *added is how many were new.
 * Errors: WRONGTYPE, TOOBIG, NOMEM, FULL, INVAL, MISUSE, CLOSED. Owns: members are copied.
 */
KORA_API int kora_sadd(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *added);
/* Removes members; *removed is how many there were. Errors: WRONGTYPE, TOOBIG, NOMEM, INVAL, MISUSE, CLOSED. */
KORA_API int kora_srem(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *removed);
/* KORA_OK if `member` is in it. Errors: NOTFOUND (it is not), WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_sismember(kora *db, const void *key, size_t key_len, const void *member, size_t member_len);
/* How many members there are. Errors: WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_scard(kora *db, const void *key, size_t key_len, size_t *count);
/*
 * A portion of the members, in no particular order: see above.
 * Errors: NOSPACE, WRONGTYPE, INVAL (also: `max` is 0), TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_sscan(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_bytes *items, size_t max, void *buffer,
    size_t size, size_t *count);

/*
 * Adds members to the sorted set at `key`, or gives those that are there their new scores; *added is how many were new.
 * `flags`: 0, or KORA_NX (only new ones), KORA_XX (only those that are there), KORA_GT, KORA_LT (those that are there only if the new score is higher, lower;
 * goes with XX).
 * Errors: INVAL (flags, a score is not a number), WRONGTYPE, TOOBIG, NOMEM, FULL, MISUSE, CLOSED. Owns: members are copied.
 */
KORA_API int kora_zadd(
    kora *db, const void *key, size_t key_len, uint32_t flags, const kora_member *members, size_t count, size_t *added);
/*
 * Adds `by` to a member's score (a missing one counts as 0). *result (may be NULL) is the new score.
 * Errors: INVAL (`by`, or the sum, is not a number), WRONGTYPE, TOOBIG, NOMEM, FULL, MISUSE, CLOSED.
 */
KORA_API int kora_zincr(
    kora *db, const void *key, size_t key_len, const void *member, size_t member_len, double by, double *result);
/* Removes members; *removed is how many there were. Errors: WRONGTYPE, TOOBIG, NOMEM, INVAL, MISUSE, CLOSED. */
KORA_API int kora_zrem(kora *db, const void *key, size_t key_len, const kora_bytes *members, size_t count, size_t *removed);
/* The score of a member. Errors: NOTFOUND (no such member), WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_zscore(kora *db, const void *key, size_t key_len, const void *member, size_t member_len, double *score);
/*
 * How many members come before this one: by score, and by their bytes where scores are equal. `flags`: 0, or KORA_REVERSE: how many come behind it.
 * Errors: NOTFOUND (no such member), WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_zrank(
    kora *db, const void *key, size_t key_len, uint32_t flags, const void *member, size_t member_len, size_t *rank);
/* How many members there are. Errors: WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_zcard(kora *db, const void *key, size_t key_len, size_t *count);
/*
 * A portion of the members, each with its score, from the lowest score to the highest (KORA_REVERSE in `flags`: from the highest to the lowest), beginning with
 * the one whose rank in that direction *cursor is: see above.
 * Errors: NOSPACE, WRONGTYPE, INVAL (also: `max` is 0), TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_zrange(kora *db, const void *key, size_t key_len, uint32_t flags, uint64_t *cursor, kora_member *items, size_t max,
    void *buffer, size_t size, size_t *count);

/* What an entry of a stream is called: a time in milliseconds, and a number among those of that time. */
typedef struct kora_id {
    uint64_t ms, seq;
} kora_id;

/* An entry of a stream. */
typedef struct kora_entry {
    kora_id id;
    const kora_field *fields;
    size_t count; /* of fields */
} kora_entry;

/*
 * Adds an entry of `count` fields (1 at least) to the end of the stream at `key`. Calls and clients that wait for it are served.
 *   id       NULL: the next one, by the clock; else it must be above that of every entry that there ever was
 *   max_len  not 0: the oldest entries go until no more than so many are left
 *   added    the entry's id; may be NULL
 * Errors: NOTSET (`id` is not above the others), WRONGTYPE, TOOBIG (a field, or all of them together above 1 GB), NOMEM, FULL,
 * INVAL (also: `id` is 0-0, no fields), MISUSE, CLOSED. Owns: names and values are copied.
 */
KORA_API int kora_xadd(kora *db, const void *key, size_t key_len, const kora_id *id, const kora_field *fields, size_t count,
    uint64_t max_len, kora_id *added);
/* How many entries there are. Errors: WRONGTYPE, INVAL, TOOBIG, MISUSE, CLOSED. */
KORA_API int kora_xlen(kora *db, const void *key, size_t key_len, size_t *count);
/*
 * A portion of the entries behind the one with the id *after (0-0: from the first on; both numbers the highest: none of those that are there already),
 * oldest first. Instead of a cursor there is *after: it becomes the id of the last one that was read. *count is 0 when there is none.
 * items[] point into `buffer`, which takes for an entry the bytes of its fields and an array of kora_field.
 * `timeout_ms`: what to do if there is none: 0: does not wait; above 0: waits as long for one (XREAD BLOCK); negative: waits for ever.
 * Errors: NOSPACE, WRONGTYPE, INVAL (also: `max` is 0), TOOBIG, MISUSE, CLOSED; NOMEM only while it waits.
 */
KORA_API int kora_xread(kora *db, const void *key, size_t key_len, kora_id *after, int64_t timeout_ms, kora_entry *items, size_t max,
    void *buffer, size_t size, size_t *count);
/*
 * Acknowledges entries that were delivered to a consumer of `group` (by XREADGROUP, see kora_exec); *acknowledged is how many were pending. A group that
 * does not exist has none.
 * Errors: WRONGTYPE, TOOBIG, NOMEM, INVAL, MISUSE, CLOSED.
 */
KORA_API int kora_xack(kora *db, const void *key, size_t key_len, const void *group, size_t group_len, const kora_id *ids, size_t count,
    size_t *acknowledged);

/* ---- iteration --------------------------------------------------------------------------------------------------- */

typedef struct kora_iter kora_iter;

/*
 * Iterates over the keys that match the glob `pattern` (`*`, `?`, `[a-z]`, `[^a]`, `\` escapes); NULL: all keys.
 * Every key that exists from open to the end is returned, exactly once; one that comes or goes meanwhile may be returned or not.
 * Errors: INVAL, NOMEM, MISUSE, CLOSED. Owns: *iter, until kora_iter_close. Threads: one thread at a time an iterator.
 */
KORA_API int kora_iter_open(kora *db, const void *pattern, size_t pattern_len, kora_iter **iter);
/* The next key. Owns: borrowed until the next call on this iterator. Errors: NOTFOUND (the end), NOMEM, MISUSE, CLOSED. */
KORA_API int kora_iter_next(kora_iter *iter, const void **key, size_t *key_len);
/* Ends an iteration at any point. NULL is allowed. */
KORA_API void kora_iter_close(kora_iter *iter);

/* ---- every command ----------------------------------------------------------------------------------------------- */

typedef enum kora_reply_type {
    KORA_REPLY_NULL,
    KORA_REPLY_STRING,   /* str, len */
    KORA_REPLY_STATUS,   /* str, len: "OK" */
    KORA_REPLY_ERROR,    /* str, len: "ERR ...", with the code in front */
    KORA_REPLY_INTEGER,  /* integer */
    KORA_REPLY_DOUBLE,   /* real; str, len hold it as text */
    KORA_REPLY_BOOL,     /* integer: 0 or 1 */
    KORA_REPLY_BIGNUM,   /* str, len: decimal digits */
    KORA_REPLY_VERBATIM, /* str, len without the format; the three letters of which are in `format` */
    KORA_REPLY_ARRAY,    /* elements, count */
    KORA_REPLY_SET,      /* elements, count */
    KORA_REPLY_MAP,      /* elements: key, value, key, value ...; count is twice the number of pairs */
    KORA_REPLY_PUSH      /* elements, count */
} kora_reply_type;

/* The answer to a command: a tree of RESP3 values, in one allocation. Strings are followed by a zero byte. */
typedef struct kora_reply {
    kora_reply_type type;
    char format[4];
    int64_t integer;
    double real;
    const char *str;
    size_t len;
    size_t count;
    const struct kora_reply *elements; /* `count` of them */
} kora_reply;

KORA_API void kora_reply_free(kora_reply *reply); /* NULL is allowed; allowed in callbacks */

/* What a connection is to a socket's client: the selected database, name, protocol state of a sequence of commands. */
typedef struct kora_session kora_session;
/* Errors: NOMEM, INVAL, MISUSE, CLOSED. Owns: *session, until kora_session_close. Threads: one at a time a session. */
KORA_API int kora_session_open(kora *db, kora_session **session);
KORA_API void kora_session_close(kora_session *session);

/*
 * Runs a command as a client would: argv[0] its name, argv_len[i] lengths (NULL: C strings).
 *   session  NULL: a fresh one for this call, on the database of the handle `db`
 *   reply    the answer (kora_reply_free), an error of the command included (KORA_REPLY_ERROR, with KORA_OK returned); NULL if it is not wanted
 *   A blocking command (BLPOP ...) waits in this thread, as long as it says. kora_close ends that with CLOSED.
 * Errors: of the call itself: INVAL (argc < 1), NOMEM (nothing was done; but if the answer is an array, as LPOP's with a count, the command may
 * have run, and only the tree of its answer could not be made), MISUSE, CLOSED.
 */
KORA_API int kora_exec(kora *db, kora_session *session, int argc, const char *const *argv, const size_t *argv_len,
    kora_reply **reply);

/*
 * Transactions: commands that run as one, atomic and isolated over any number of keys; and keys that must not have changed since they were read.
 *
 *     kora_txn *txn;
 *     kora_txn_begin(db, &txn);
 *     do {
 *         kora_txn_watch(txn, "stock", 5);
 *         ... kora_get(db, "stock", 5, ...), and decide ...
 *         kora_txn_add(txn, 3, (const char *[]){ "SET", "stock", left }, NULL);
 *         kora_txn_add(txn, 3, (const char *[]){ "RPUSH", "orders", order }, NULL);
 *     } while ((status = kora_txn_exec(txn, NULL)) == KORA_CONFLICT);
 *     kora_txn_free(txn);
 *
 * It holds nothing while it is put together: others go on, and whoever changes a watched key makes kora_txn_exec answer CONFLICT. What is read between
 * kora_txn_watch and kora_txn_exec is read with the database's other calls. The same is there for kora_exec with a session (MULTI, EXEC, WATCH).
 */
typedef struct kora_txn kora_txn;
/* Begins one on the database of the handle. Errors: NOMEM, INVAL, MISUSE, CLOSED. Owns: *txn, until kora_txn_free. Threads: one at a time a transaction. */
KORA_API int kora_txn_begin(kora *db, kora_txn **txn);
/*
 * From now on, until kora_txn_exec or kora_txn_reset, any change of this key lets kora_txn_exec do nothing: also if it comes, or goes, or expires, or is changed
 * back. By whomever: this program's own calls count, too. Watch before reading. Errors: NOMEM, INVAL, TOOBIG, MISUSE, CLOSED.
 */
KORA_API int kora_txn_watch(kora_txn *txn, const void *key, size_t key_len);
/*
 * Adds a command, as kora_exec takes it; it runs in kora_txn_exec. A blocking one will not wait. SELECT is for those behind it, and this transaction.
 * Errors: INVAL (unknown, wrong number of arguments, or not allowed in a transaction), NOMEM, TOOBIG (all of it is above client-query-buffer-limit), MISUSE,
 * CLOSED. A transaction that could not take a command will not run, unless it is put together again after kora_txn_reset.
 * Owns: arguments are copied.
 */
KORA_API int kora_txn_add(kora_txn *txn, int argc, const char *const *argv, const size_t *argv_len);
/*
 * Runs all commands that were added, in order, at one instant. Whatever it returns, the transaction is empty and watches nothing afterwards, and can be used
 * again.
 *   reply    an array with the answer of each (kora_reply_free), errors of single commands included, which do not keep the others from running; NULL if it is
 *            not wanted
 * Errors: CONFLICT (a watched key has changed: nothing was done), INVAL (a command could not be added), FULL, NOMEM (nothing was done; or it was, and only the
 * tree of the answers could not be made), MISUSE, CLOSED.
 */
KORA_API int kora_txn_exec(kora_txn *txn, kora_reply **reply);
/* Forgets the commands that were added, and watches nothing any more. Never waits. */
KORA_API void kora_txn_reset(kora_txn *txn);
KORA_API void kora_txn_free(kora_txn *txn); /* NULL is allowed */

/* Receives the answer of kora_submit: `status` KORA_OK and `reply` (NULL otherwise), which the callback owns (kora_reply_free).
 * Threads: called exactly once, on a thread of the engine. Must not wait: calls that may wait return KORA_MISUSE. */
typedef void kora_done_fn(void *arg, int status, kora_reply *reply);

/*
 * Hands a command to a shard and returns at once. Commands submitted by one thread may run in any order and at the same time.
 * Errors: INVAL, NOMEM, MISUSE (after fork), CLOSED; `done` is then not called. Owns: arguments are copied. Allowed in callbacks.
 */
KORA_API int kora_submit(kora *db, int argc, const char *const *argv, const size_t *argv_len, kora_done_fn *done, void *arg);

/* ---- publish and subscribe --------------------------------------------------------------------------------------- */

/*
 * Sends a message to all who have subscribed to the channel, connections and subscriptions of programs alike. `receivers` (may be NULL): how many.
 * Messages of one channel arrive everywhere in the order in which they were published.
 * Errors: INVAL, TOOBIG, NOMEM (nobody gets it), MISUSE, CLOSED. Owns: the bytes are copied.
 */
KORA_API int kora_publish(kora *db, const void *channel, size_t channel_len, const void *data, size_t data_len, uint64_t *receivers);

/* A message: `pattern` is the one by which it came (data NULL: its channel was subscribed to). */
typedef struct kora_message {
    kora_bytes channel, data, pattern;
} kora_message;

/* Receives the messages of a subscription: KORA_OK and one of them, valid until the callback returns; or an error and NULL, once: that was the last call.
 * KORA_TOOBIG: more have come in than its queue holds. KORA_READONLY: what the next one tells of will never be durable (KORA_SYNC_ALWAYS).
 * Threads: on a thread of the engine, one call at a time, in order, no lease held. Must not wait: calls that may wait return KORA_MISUSE. */
typedef void kora_message_fn(void *arg, int status, const kora_message *message);

typedef struct kora_subscribe_options {
    size_t size;              /* set by KORA_SUBSCRIBE_OPTIONS_INIT */
    kora_message_fn *fn;      /* NULL: messages are polled for */
    void *arg;                /* of fn */
    uint64_t queue_bytes_max; /* what may wait to be received, with some 50 bytes a message; 0: 8 MB */
} kora_subscribe_options;
#define KORA_SUBSCRIBE_OPTIONS_INIT { sizeof(kora_subscribe_options), NULL, NULL, 0 }

typedef struct kora_subscription kora_subscription;

/*
 * Subscribes to channels and to patterns of channels (as PSUBSCRIBE), any number of each. Once it has returned, every message that is published from
 * then on arrives, exactly once for each way by which it matches. None is ever left out silently: when more wait than the queue holds, those are still
 * given out, and then the subscription has ended, and says so (KORA_TOOBIG).
 *   options  NULL: defaults
 * Errors: INVAL, NOMEM, SYSTEM (no file descriptor), MISUSE, CLOSED. Owns: names are copied; *subscription, until kora_unsubscribe, before which kora_close
 * answers KORA_BUSY.
 */
KORA_API int kora_subscribe(kora *db, const kora_bytes *channels, size_t channel_count, const kora_bytes *patterns, size_t pattern_count,
    const kora_subscribe_options *options, kora_subscription **subscription);
/* A descriptor (eventfd) that poll and epoll find readable when kora_subscription_next has something to say; -1 with a callback.
 * Errors: none beside -1. Owns: the subscription's. */
KORA_API int kora_subscription_fd(const kora_subscription *subscription);
/*
 * The next message, without waiting. Its bytes are valid until the next call for this subscription.
 * Errors: NOTFOUND (there is none now), TOOBIG (there will be none any more: the queue was full), READONLY (likewise: see kora_message_fn), INVAL (it has a callback), MISUSE (after fork).
 * Threads: one at a time a subscription; allowed in callbacks.
 */
KORA_API int kora_subscription_next(kora_subscription *subscription, kora_message *message);
/* Ends it; NULL is allowed. No callback runs after it has returned. Errors: MISUSE (inside a callback, after fork). */
KORA_API int kora_unsubscribe(kora_subscription *subscription);

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

/*
 * Writes down all of the data as it is at one instant, and waits until that is on the disk; before that for another snapshot that is under way. Nobody else waits:
 * calls go on meanwhile, and what they change is kept aside for the snapshot, so a lease is never held for long, and memory grows by what is changed.
 *   path   NULL: the database's own snapshot, in its directory, as BGSAVE makes it: the log begins anew, and opening takes less time.
 *          Else a directory that is empty, or not there yet: it becomes a database of its own, which kora_open takes. Of a database in memory, too.
 *   error  may be NULL; receives one line that says what was wrong, cut to `error_size` bytes with the final zero
 * If it fails, the snapshot before it is as it was, and a directory at `path` is none that kora_open takes.
 * Errors: UNSUPPORTED (path NULL, of a database in memory), SYSTEM (the disk; or there is a database at `path`), INVAL, NOMEM, MISUSE, CLOSED.
 */
KORA_API int kora_snapshot(kora *db, const char *path, char *error, size_t error_size);

/* ---- files of Redis ---------------------------------------------------------------------------------------------- */

typedef struct kora_import_options {
    size_t size;                /* set by KORA_IMPORT_OPTIONS_INIT */
    kora_progress_fn *progress; /* NULL: nobody wants to know */
    void *progress_arg;
} kora_import_options;
#define KORA_IMPORT_OPTIONS_INIT { sizeof(kora_import_options), NULL, NULL }

typedef struct kora_import_result {
    size_t size;             /* set by KORA_IMPORT_RESULT_INIT */
    uint64_t keys;           /* that were put into the database */
    uint64_t expired;        /* keys of the file that were passed over: their time has come */
    uint64_t empty;          /* ... collections without an element, which old versions of Redis wrote */
    uint64_t functions;      /* ... libraries of functions */
    uint64_t module_values;  /* ... keys whose value is a module's */
    uint64_t module_fields;  /* ... other data of modules */
    uint64_t bytes;          /* of the RDB file, uncompressed */
    uint32_t version;        /* of its format; 0: it did not come to that */
    uint32_t compressed;     /* 1: it was in an LZ4 frame */
    uint32_t unchecked;      /* 1: the file has no checksum, damage may have gone unseen */
    char redis_version[32];  /* of the Redis that wrote it, if it tells */
} kora_import_result;
#define KORA_IMPORT_RESULT_INIT { sizeof(kora_import_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }

/*
 * Puts every key of an RDB file (Redis's dump.rdb, from version 2.4 to 7.4; as it is, or in an LZ4 frame) into the database: into the numbered database that it was in,
 * with its expiry, and its idle time or frequency where maxmemory-policy keeps that. A key that is there is replaced; all others stay. Each key
 * is written as by RESTORE: to the log, to those who watch it or wait for it. Others go on using the database meanwhile, and see key after key appear.
 * The whole file is looked at first (progress counts both readings): if it is damaged, nothing is changed. Only a value that is malformed although
 * the checksum is right is found later.
 *   options  NULL: defaults
 *   result   may be NULL; filled in on any return but INVAL and MISUSE, as far as it came
 *   error    may be NULL; receives one line that says what was wrong, and for a damaged file at what offset, cut to `error_size` bytes with the final zero
 * Errors: CORRUPT (the file is none that can be read, or damaged), SYSTEM (it can't be opened or read), TOOBIG (a name is above proto-max-bulk-len), INVAL (or the file
 * has numbered databases that this one has not), NOMEM, READONLY, MISUSE, CLOSED. Keys that have been imported by then (result.keys) stay.
 */
KORA_API int kora_import(kora *db, const char *path, const kora_import_options *options, kora_import_result *result, char *error, size_t error_size);

enum {
    KORA_EXPORT_LZ4 = 1 << 0 /* in an LZ4 frame, which `lz4 -d` and kora_import read, and Redis does not */
};

typedef struct kora_export_options {
    size_t size;                /* set by KORA_EXPORT_OPTIONS_INIT */
    uint32_t flags;             /* KORA_EXPORT_... */
    uint32_t reserved;          /* zero */
    kora_progress_fn *progress; /* NULL: nobody wants to know */
    void *progress_arg;
} kora_export_options;
#define KORA_EXPORT_OPTIONS_INIT { sizeof(kora_export_options), 0, 0, NULL, NULL }

typedef struct kora_export_result {
    size_t size;             /* set by KORA_EXPORT_RESULT_INIT */
    uint64_t keys;           /* in the file */
    uint64_t newer;          /* of these, hashes with fields that expire: with one or more, only Redis 7.4 and later load the file */
    uint64_t bytes;          /* of the file */
} kora_export_result;
#define KORA_EXPORT_RESULT_INIT { sizeof(kora_export_result), 0, 0, 0 }

/*
 * Writes all numbered databases to an RDB file that redis-server loads (version 10 of the format: Redis 7.0 and later), as they are at one instant. The file is
 * written beside `path`, synced, and then takes that name: there is either the whole file, or what was there before (INVAL if that is no regular file). Others go on using the
 * database meanwhile (see kora_snapshot).
 *   options  NULL: defaults
 *   result   may be NULL; filled in on KORA_OK
 *   error    may be NULL; receives one line that says what was wrong, cut to `error_size` bytes with the final zero
 * Errors: SYSTEM (the file can't be written), UNSUPPORTED (unknown flags), INVAL, NOMEM, MISUSE, CLOSED.
 */
KORA_API int kora_export(kora *db, const char *path, const kora_export_options *options, kora_export_result *result, char *error, size_t error_size);

/* ---- listening, configuration, statistics ------------------------------------------------------------------------ */

/*
 * Opens the database to Redis clients (RESP2 and RESP3) at `address`:
 *     tcp://127.0.0.1:6379   tcp://[::1]:6379   tcp://0.0.0.0:0 (any free port)   unix:///run/kora.sock   unix:///path?mode=770
 * or to those who watch it, at
 *     http://127.0.0.1:9121   http://[::1]:9121
 * where / is a page for people, /metrics is for Prometheus, /stats.json has what the page shows, and /healthz answers 200 as long as the database is open.
 * Nobody is asked for a password there, and keys and arguments of slow commands are shown: let only those reach it who may see them.
 * `bound` (may be NULL) receives the address in use, as text, with the port chosen.
 * May be called several times; listeners end with kora_close. A name of a host is not looked up.
 * `error` (may be NULL) receives one line that says what was wrong, cut to `error_size` bytes with the final zero.
 * Errors: INVAL (the address), SYSTEM (in use, no permission...), NOMEM, MISUSE, CLOSED.
 */
KORA_API int kora_listen(kora *db, const char *address, char *bound, size_t bound_size, char *error, size_t error_size);

/*
 * Reads and sets a parameter by its Redis name, as CONFIG GET and CONFIG SET: "maxclients", "requirepass", "timeout" ...
 * kora_config_get: *value (kora_free). Errors: NOTFOUND (no such parameter), INVAL (bad value, said in `error`), NOMEM, MISUSE, CLOSED.
 */
KORA_API int kora_config_set(kora *db, const char *name, const char *value, char *error, size_t error_size);
KORA_API int kora_config_get(kora *db, const char *name, char **value);

typedef struct kora_stats {
    size_t size;             /* set by KORA_STATS_INIT */
    uint64_t keys;           /* keys in all databases, expired ones that are still in memory included */
    uint64_t keys_expiring;  /* of these with an expiry */
    uint64_t memory_used;    /* bytes of keys, values and their tables */
    uint64_t memory_held;    /* bytes taken from the system for them */
    uint64_t commands;       /* commands and typed calls that ran */
    uint64_t hits, misses;   /* keys looked up by reads */
    uint64_t expired;        /* keys that expired */
    uint64_t waits;          /* calls that found a lease taken and had to wait */
    uint64_t connections;    /* now open, over all listeners */
    uint64_t connections_total;
    uint32_t shards, stripes;
    uint64_t changes;        /* changes of keys */
    uint64_t errors;         /* error replies */
    uint64_t blocked;        /* blocking commands that wait now */
    uint64_t net_input, net_output; /* bytes */
    uint64_t slow;           /* entries of the slow log now */
    /* the log of a database in a directory; else zero. Those without another word: since it was opened */
    uint64_t log_records, log_bytes, log_rounds, log_syncs; /* effects that were written; how long they were; in how many writes; fsyncs */
    uint64_t log_size;       /* bytes of it on the disk, now */
    uint64_t log_staged;     /* bytes that are not written yet, now */
    uint64_t log_stalls;     /* times that a write found that it had to wait for the disk */
    int32_t log_error;       /* 0, or the errno for which writes are refused now */
    uint32_t reserved;
    uint64_t evicted;        /* keys that were evicted (maxmemory-policy) */
    uint64_t memory_counted; /* bytes that count for the limit: the data, and what connections, watching and waiting take */
    uint64_t memory_max;     /* the limit (maxmemory); 0: none */
    uint64_t loading;        /* 1: its data is not loaded yet (kora_load) */
    uint64_t loading_bytes, loaded_bytes; /* then: of all files; of these, read */
} kora_stats;
#define KORA_STATS_INIT { sizeof(kora_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Counters since open; they are read while others write, each exact at some instant. Errors: INVAL, MISUSE, CLOSED. Never waits. */
KORA_API int kora_get_stats(kora *db, kora_stats *stats);

/* A shard, and the part of the data whose background work it does. Counters are since open; longest_* since CONFIG RESETSTAT. */
typedef struct kora_shard_stats {
    size_t size;             /* set by KORA_SHARD_STATS_INIT */
    uint64_t keys, memory_used, memory_held; /* of its part of the data, as in kora_stats */
    uint64_t calls;          /* commands and typed calls about its part, whoever ran them */
    uint64_t calls_run;      /* commands that its thread ran, whatever they were about */
    uint64_t leases_taken, leases_waited, leases_handed; /* leases of its part: calls that held one, found it taken, were handed it */
    uint64_t parked;         /* calls of its connections that had to wait for a lease */
    uint64_t inbox, inbox_max; /* messages on their way to its thread: now, and the most at once */
    uint64_t longest_hold_us; /* the longest that a call has held a lease of its part (among those that were timed) */
    char longest_hold_command[32]; /* by which command; "": none was timed */
    uint64_t connections, net_input, net_output;
} kora_shard_stats;
#define KORA_SHARD_STATS_INIT { sizeof(kora_shard_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 }, 0, 0, 0 }

/* Of shard number `shard`. Errors: INVAL, NOTFOUND (there are not so many), MISUSE, CLOSED. Never waits. */
KORA_API int kora_get_shard_stats(kora *db, uint32_t shard, kora_shard_stats *stats);

/* A command ("get", "client|list"), typed calls under the command that does the same. Since open, or the last CONFIG RESETSTAT. */
typedef struct kora_command_stats {
    size_t size;             /* set by KORA_COMMAND_STATS_INIT */
    uint64_t calls, failed, rejected; /* ran; of these with an error as answer; refused before they ran */
    uint64_t usec;           /* time of all of them; of short commands from samples */
    uint64_t max_ns;         /* the longest that was timed */
} kora_command_stats;
#define KORA_COMMAND_STATS_INIT { sizeof(kora_command_stats), 0, 0, 0, 0, 0 }

/*
 * What is known of a command's calls, and the times that so many percent of them do not exceed: ns[i] for percent[i] (0 to 100), each at most 1 % off the
 * call that it stands for; 0: none was timed. `stats` may be NULL, and so may `percent` and `ns` if count is 0.
 * Errors: INVAL, NOTFOUND (no such command), NOMEM, MISUSE, CLOSED. Never waits.
 */
KORA_API int kora_get_command_stats(kora *db, const char *command, kora_command_stats *stats, const double *percent, uint64_t *ns, size_t count);

enum { KORA_HOT_READS = 0, KORA_HOT_WRITES = 1, KORA_HOT_BYTES = 2 };
typedef struct kora_hot_key {  /* never grows */
    char key[168];           /* any bytes; a key of more than 128 is cut, and ends with "... (N more bytes)" */
    uint32_t key_len, database;
    double rate;             /* estimated, a second: calls, or bytes of keys, values, arguments and answers */
} kora_hot_key;

/*
 * The keys that are read, written (KORA_HOT_...) or moved most at present, hottest first: up to `max` into keys, *count of them. Told from samples of calls of all
 * databases of the handle, with a half life of a minute. Errors: INVAL, NOMEM (what could be told was none), MISUSE, CLOSED. Does not wait for calls.
 */
KORA_API int kora_get_hot_keys(kora *db, int by, kora_hot_key *keys, size_t max, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
