// See removed.h. A record is a message to the home's inbox, which keeps the order of one stripe's: they are sent one after the other, under its lease.
#include "engine/removed.h"

#include "base/mem.h"
#include "kora.h"

_Static_assert((int)REMOVED_EXPIRED + 1 == (int)KORA_CAUSE_EXPIRED && (int)REMOVED_EVICTED + 1 == (int)KORA_CAUSE_EVICTED, "a cause is a removal plus 1");

struct record {
    struct message message;
    struct record *next;     // of those that are left at the end
    int cause;
    uint32_t db;
    size_t len;
    char key[];
};

struct removing {            // a shard's
    _Alignas(CACHE_LINE) _Atomic uint64_t waiting; // records on their way
    _Atomic uint64_t missed;                       // keys that there is no record of, since the program was last told how many
    struct message news;                           // that there are some
    _Atomic bool told;                             // it is on its way
};

static void tell(struct engine *e, int cause, uint32_t db, const void *key, size_t len) {
    engine_callback_begin();
    e->config.removed(e->config.removed_arg, cause, db, key, len);
    engine_callback_end();
}

static void tell_missed(struct engine *e, struct removing *r) {
    uint64_t n = atomic_exchange(&r->missed, 0);
    if (n) tell(e, KORA_CAUSE_MISSED, 0, NULL, n);
}

static void on_record(struct shard *s, struct message *m) {
    struct record *one = CONTAINER_OF(m, struct record, message);
    tell(s->engine, one->cause, one->db, one->key, one->len);
    atomic_fetch_sub_explicit(&s->engine->removing[s->id].waiting, 1, memory_order_relaxed);
    mem_free(one);
}

static void on_news(struct shard *s, struct message *m) {
    struct removing *r = CONTAINER_OF(m, struct removing, news);
    atomic_store(&r->told, false);
    tell_missed(s->engine, r);
}

// Under the lease.
static void removed(struct common *c, const struct key *k, enum removal why) {
    struct engine *e = CONTAINER_OF(c, struct engine, common);
    struct shard *home = engine_home(e, k->stripe_number);
    struct removing *r = &e->removing[home->id];
    bool room = atomic_load_explicit(&r->waiting, memory_order_relaxed) < REMOVED_MAX;
    struct record *one = room ? mem_alloc(sizeof *one + k->name.n) : NULL;
    if (!one) {
        atomic_fetch_add(&r->missed, 1);
        if (!atomic_exchange(&r->told, true)) shard_post(home, &r->news);
        return;
    }
    one->message.run = on_record;
    one->cause = (int)why + 1;
    one->db = k->db;
    one->len = k->name.n;
    if (k->name.n) memcpy(one->key, k->name.p, k->name.n);
    atomic_fetch_add_explicit(&r->waiting, 1, memory_order_relaxed);
    shard_post(home, &one->message);
}

int removed_create(struct engine *e) {
    if (!e->config.removed) return KORA_OK;
    e->removing = mem_alloc_aligned(e->shard_count * sizeof *e->removing, CACHE_LINE);
    if (!e->removing) return KORA_NOMEM;
    memset(e->removing, 0, e->shard_count * sizeof *e->removing);
    for (uint32_t i = 0; i < e->shard_count; i++) e->removing[i].news.run = on_news;
    e->common.removed = removed;
    return KORA_OK;
}

void removed_free(struct engine *e) {
    for (uint32_t i = 0; e->removing && e->shards && i < e->shard_count; i++) {
        struct record *oldest = NULL;
        struct message *others = NULL, **end = &others; // they stay, for those whom they are of
        for (struct message *m = atomic_load(&e->shards[i].inbox), *next; m; m = next) { // newest first
            next = m->next;
            if (m->run != on_record) {
                *end = m;
                end = &m->next;
                continue;
            }
            struct record *one = CONTAINER_OF(m, struct record, message);
            one->next = oldest;
            oldest = one;
        }
        *end = NULL;
        atomic_store(&e->shards[i].inbox, others);
        while (oldest) {
            struct record *next = oldest->next;
            tell(e, oldest->cause, oldest->db, oldest->key, oldest->len);
            mem_free(oldest);
            oldest = next;
        }
        tell_missed(e, &e->removing[i]);
    }
    mem_free(e->removing);
}
