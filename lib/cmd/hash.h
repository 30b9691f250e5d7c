// What the files about hashes share.
#ifndef KORA_CMD_HASH_H
#define KORA_CMD_HASH_H

#include "cmd/cmd_int.h"
#include "type/hash.h"

// Before a hash is changed: takes out those of the fields (names[0], names[stride] ...) whose time has come. False: the error is written.
bool hash_take(struct call *c, struct value *v, const struct slice *names, size_t stride, size_t count);
// The value of a field, or null.
void reply_field(struct call *c, const struct value *v, struct slice name);
// `n` slices in front of c->argv[from..] as an effect about c->keys[0].
bool effect_with_rest(struct call *c, const struct slice *head, size_t n, const struct slice *rest, size_t count);

#endif
