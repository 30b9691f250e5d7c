// What the files of the set commands share.
#ifndef KORA_CMD_SET_H
#define KORA_CMD_SET_H

#include "cmd/cmd_int.h"
#include "type/set.h"

void reply_members(struct call *c, struct set_batch *b);
// The effect `command key member ...`. False: no memory.
bool emit_members(struct call *c, const struct key *k, struct slice command, struct set_batch *b);

#endif
