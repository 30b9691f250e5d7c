// Payloads, see payload.h.
#include "feed/payload.h"

#include "base/mem.h"
#include "base/num.h"

enum { HEADER_MAX = NUM_INT_MAX + 3 }; // of a bulk string

void payload_unref(void *payload) {
    struct payload *p = payload;
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) mem_free(p);
}

static struct payload *create(size_t size, uint64_t need) {
    struct payload *p = size <= SIZE_MAX / 2 ? mem_alloc(sizeof *p + size) : NULL;
    if (!p) return NULL;
    atomic_init(&p->refs, 1);
    p->channel = p->message = slice_of(p->bytes, 0);
    p->n = 0;
    p->need = need;
    return p;
}

static struct slice add_bulk(struct payload *p, struct slice s) {
    p->bytes[p->n++] = '$';
    p->n += num_format_int((int64_t)s.n, p->bytes + p->n);
    memcpy(p->bytes + p->n, "\r\n", 2);
    p->n += 2;
    struct slice copy = slice_of(p->bytes + p->n, s.n);
    if (s.n) memcpy(p->bytes + p->n, s.p, s.n);
    p->n += s.n;
    memcpy(p->bytes + p->n, "\r\n", 2);
    p->n += 2;
    return copy;
}

struct payload *payload_create(struct slice channel, struct slice message, uint64_t need) {
    struct payload *p = create(channel.n + message.n + 2 * (HEADER_MAX + 2), need);
    if (!p) return NULL;
    p->channel = add_bulk(p, channel);
    p->message = add_bulk(p, message);
    return p;
}

struct payload *payload_of_bytes(struct slice bytes, uint64_t need) {
    struct payload *p = create(bytes.n, need);
    if (!p) return NULL;
    if (bytes.n) memcpy(p->bytes, bytes.p, bytes.n);
    p->n = bytes.n;
    return p;
}
