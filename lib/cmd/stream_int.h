// What the commands of streams share: reading ids, replying entries, effects that are told after the change.
#ifndef KORA_CMD_STREAM_INT_H
#define KORA_CMD_STREAM_INT_H

#include "cmd/cmd_int.h"
#include "type/stream.h"

// ---- ids: false when the error reply is written ------------------------------------------------------------------------------

bool parse_id(struct slice s, uint64_t missing_seq, struct stream_id *id); // "ms-seq" or "ms"; no reply
bool read_id(struct call *c, struct slice s, uint64_t missing_seq, struct stream_id *id);
bool read_id_or_edge(struct call *c, struct slice s, uint64_t missing_seq, struct stream_id *id); // "-" and "+", too
// The start and the end of a range; exclusive ones with a parenthesis.
bool read_id_range(struct call *c, struct slice start, struct slice end, struct stream_id *from, struct stream_id *to);
bool read_id_start(struct call *c, struct slice start, struct stream_id *from);

// ---- replies -----------------------------------------------------------------------------------------------------------------

void reply_id(struct call *c, struct stream_id id);
void reply_entry(struct call *c, struct stream_cursor *at); // id, and fields with values
// Entries from..to, at most `count`; an array.
struct id_range {
    struct stream_id from, to;
    uint64_t count;
    bool reverse;
};
void reply_entries(struct call *c, const struct stream *s, const struct id_range *range);
void reply_no_group(struct call *c, struct slice key, struct slice group);
// The group argv[at + 1] of the stream at argv[at], keys[0]. NULL: the reply is written.
struct stream_group *find_group(struct call *c, int at, struct value *v, struct stream **s);

// ---- effects -----------------------------------------------------------------------------------------------------------------
//
// What a command of streams does is mostly known only once it is done. So it makes room for its effects first; then telling them cannot fail.

// Room for `effects` of `args` arguments with `bytes` in all. False: no memory; the error reply is written.
bool effects_room(struct call *c, size_t effects, size_t args, size_t bytes);
// What an execution does to the pending entries of one consumer. All of it can be taken back until claiming_end, which emits
//
//     XGROUP CREATECONSUMER, if the consumer came to be
//     XCLAIM of entries that became pending, or were delivered again, with all that it would otherwise take from a clock or count by itself
//     XACK of pending entries that are no longer in the stream
//     XGROUP SETID, if the group has read on
struct claiming {
    struct call *c;
    const struct key *key;
    struct stream *s;
    struct stream_group *g;
    struct slice name;
    struct stream_consumer *consumer; // NULL: not looked up yet
    bool made;                        // ... it did not exist
    bool reads;                       // something was delivered
    struct stream_claim *claims;
    size_t claim_count, claim_cap;
    struct stream_id *gone;           // pending, but not in the stream
    size_t gone_count, gone_cap;
    struct stream_id was_last;
    int64_t was_read;
    struct stream_hint was_hint;
};
void claiming_begin(struct claiming *x, struct call *c, const struct key *key, struct stream *s, struct stream_group *g, struct slice consumer);
// False: no memory. Nothing is replied.
bool claiming_consumer(struct claiming *x);
bool claiming_add(struct claiming *x, struct stream_id id, int64_t time_ms, uint64_t count); // the consumer was looked up
bool claiming_gone(struct claiming *x, struct stream_id id);
// After all was claimed, and the reply written from `reply_start` on: does the rest of all of them, or, if the reply or the effects find no memory or
// `ok` is false, takes all of it back and replies so.
void claiming_end(struct claiming *x, size_t n, bool ok, size_t reply_start);

#endif
