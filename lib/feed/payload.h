// A payload: bytes that many are sent. Immutable once made, and counted, so that any thread may hold it for as long as it needs.
#ifndef KORA_FEED_PAYLOAD_H
#define KORA_FEED_PAYLOAD_H

#include <stdatomic.h>

#include "base/base.h"

struct payload {
    _Atomic uint32_t refs;
    uint64_t need;                 // the log's epoch that must be durable before anybody gets it; 0: none
    struct slice channel, message; // of one made by payload_create; they point into `bytes`
    size_t n;
    char bytes[];
};

// "$<n>\r\nchannel\r\n$<n>\r\nmessage\r\n", as the end of every published message is. NULL: no memory. The caller's is one reference.
struct payload *payload_create(struct slice channel, struct slice message, uint64_t need);
struct payload *payload_of_bytes(struct slice bytes, uint64_t need);
static inline void payload_ref(struct payload *p) { atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed); }
void payload_unref(void *p);

#endif
