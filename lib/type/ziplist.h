// Packed lists of Redis before 7.0, which dumps and snapshots of its may contain: read only, and checked, since anybody may have made them up.
#ifndef KORA_TYPE_ZIPLIST_H
#define KORA_TYPE_ZIPLIST_H

#include "ds/packed.h"

// Told of each element in order; `value.bytes` lies in the list. False: no more.
typedef bool ziplist_visit_fn(void *arg, struct packed_value value);

// Visits the elements of a ziplist. False: the visitor said so, or the list is malformed (*malformed); it may have been told of some of the elements.
bool ziplist_each(struct slice list, ziplist_visit_fn *visit, void *arg, bool *malformed);
// The same with a zipmap: key, value, key, value ...
bool zipmap_each(struct slice map, ziplist_visit_fn *visit, void *arg, bool *malformed);

#endif
