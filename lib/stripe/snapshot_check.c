// Debug builds: whatever comes to be told or saved is as it was at the cut. A digest of every entry is made at the cut, which takes as long as the entries are
// many, and looked up when the entry's turn comes: a change that was not announced (see snapshot.h) is found where it would get into the image.
#include "stripe/snapshot_int.h"

#ifdef KORA_DEBUG
#include "base/mem.h"
#include "type/rdb_value.h"

struct digest {
    uint64_t key, value; // key 0: the place is free
};

struct digests {
    size_t mask;
    bool lost; // no memory: nothing is checked
    struct buf bytes;
    struct digest at[];
};

static uint64_t key_of(const struct keyspace *k, const struct entry *e) {
    return (k->table.hash(k->table.ctx, e) ^ (uintptr_t)k * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

static uint64_t value_of(struct digests *d, const struct keyspace *k, const struct entry *e) {
    struct rdb_writer w = { .out = &d->bytes, .newest = true };
    buf_clear(&d->bytes);
    rdb_write_ms(&w, entry_expire_at(e));
    rdb_write_entry(&w, e);
    d->lost |= d->bytes.failed;
    return hash_bytes(&k->common->seed, d->bytes.p, d->bytes.n);
}

static struct digest *place_of(struct digests *d, uint64_t key) {
    size_t i = (key >> 8) & d->mask;
    while (d->at[i].key && d->at[i].key != key) i = (i + 1) & d->mask;
    return &d->at[i];
}

struct digesting {
    struct digests *d;
    const struct keyspace *k;
};

static void digest_entry(void *arg, void *entry) {
    const struct digesting *a = arg;
    struct digest *p = place_of(a->d, key_of(a->k, entry));
    p->key = key_of(a->k, entry);
    p->value = value_of(a->d, a->k, entry);
}

void snapshot_check_begin(struct snapshot *s) {
    size_t size = 16;
    while (size < 2 * s->keys) size *= 2;
    s->digests = mem_alloc_zero(sizeof *s->digests + size * sizeof s->digests->at[0]);
    if (!s->digests) return;
    s->digests->mask = size - 1;
    for (const struct keyspace *k = s->first; k; k = k->walk.next) {
        if (k->table.count) table_walk(&k->table, 0, SIZE_MAX, digest_entry, &(struct digesting){ s->digests, k });
    }
}

void snapshot_check(struct snapshot *s, const struct keyspace *k, const struct entry *e) {
    struct digests *d = s->digests;
    if (!d || d->lost) return;
    uint64_t value = value_of(d, k, e);
    if (d->lost) return;
    const struct digest *p = place_of(d, key_of(k, e));
    invariant(p->key);            // it was not there at the cut
    invariant(p->value == value); // it has changed since, and nobody has said so
}

void snapshot_check_end(struct snapshot *s) {
    if (s->digests) buf_free(&s->digests->bytes);
    mem_free(s->digests);
    s->digests = NULL;
}
#endif
