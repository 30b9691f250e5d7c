// What commands on lists share with those that wait for elements.
#ifndef KORA_CMD_LIST_H
#define KORA_CMD_LIST_H

#include "cmd/cmd_int.h"
#include "type/list.h"

// Takes up to n elements (at least one) from an end of a list that is there into the reply: bulk strings, the outermost first, without a header. The
// list may be gone afterwards. False: no memory, nothing was taken, and what has been written of the reply is to be withdrawn (list_fail).
bool list_pop_reply(struct call *c, struct value *v, enum list_end end, uint64_t n);
// The effect of that, to be emitted before: LPOP or RPOP with a count, and LPUSH or RPUSH.
bool list_effect_pop(struct txn *t, const struct key *k, enum list_end end, uint64_t n);
bool list_effect_push(struct txn *t, const struct key *k, enum list_end end, struct slice s);
// No memory: withdraws the reply that was written since `start`, and the effects since `mark`.
void list_fail(struct call *c, size_t start, struct effects_mark mark);

// LMOVE: takes an element from an end of `v`, the list at `from`, which is there, and puts it at an end of the one at `to` (maybe the same). The element is the
// reply. Effects included. False: an error is the reply, or its buffer has failed.
bool list_move(struct call *c, const struct key *from, struct value *v, enum list_end from_end, const struct key *to, enum list_end to_end);

// argv[at] on: numkeys key [key ...] LEFT | RIGHT [COUNT count]. False: an error is the reply.
struct list_mpop {
    enum list_end end;
    int64_t count;
};
bool list_read_mpop(struct call *c, int at, struct list_mpop *m);
// The reply: the key, and the elements that are taken out of its list, which is there.
void list_mpop_from(struct call *c, const struct key *k, struct value *v, const struct list_mpop *m);

// LEFT or RIGHT. False: a syntax error is the reply.
bool list_read_end(struct call *c, struct slice s, enum list_end *end);

#endif
