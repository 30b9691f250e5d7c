// Digests of data: what a key holds, in whatever form it is kept. For DEBUG DIGEST, and for tests that compare databases.
#ifndef KORA_CMD_DIGEST_H
#define KORA_CMD_DIGEST_H

#include "type/entry.h"

// Of its value: elements with their order where they have one, scores, field times, ids, groups with their consumers and pending entries.
uint64_t digest_of_value(const struct entry *e);
// Of the value, its type, its expiry, the key's name and database. The sum over all keys is that of the data, in whatever order they are met.
uint64_t digest_of_key(const struct entry *e, uint32_t db);

#endif
