// What SCAN, SSCAN, HSCAN and ZSCAN share: cursor and options with Redis's errors, and the reply, whose header is known last.
#ifndef KORA_CMD_SCAN_H
#define KORA_CMD_SCAN_H

#include "base/glob.h"
#include "cmd/cmd_int.h"

enum { SCAN_POSITION_BITS = 48, SCAN_COUNT_DEFAULT = 10 }; // positions of ds/table.h

enum { SCAN_HAS_TYPE = 1 << 0, SCAN_HAS_NOVALUES = 1 << 1 }; // options that not all of them have

struct scan_options {
    struct slice pattern; // p NULL: everything matches
    struct slice type;    // p NULL: of any type
    int64_t count;        // above 0
    bool no_values;
};

// As strtoull reads it, to the end or the first zero byte, and without leading space: what clients send is as varied as what it takes. False: the error is written.
bool scan_cursor(struct call *c, struct slice s, uint64_t *cursor);
// The options from argv[from] on. False: the error is written. (Redis looks at the key, whether it is there and of the right type, before these.)
bool scan_parse(struct call *c, int from, uint32_t has, struct scan_options *o);

static inline bool scan_matches(const struct scan_options *o, struct slice s) { return !o->pattern.p || glob_match(o->pattern, s, false); }

// The reply is written as elements alone, `found` of them from `start` (an offset in c->reply.buf) on. This puts its header in front of them.
void scan_finish(struct call *c, size_t start, size_t found, uint64_t cursor);
void scan_nothing(struct call *c); // at the end, no elements

#endif
