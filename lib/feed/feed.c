// Channels, topics and memberships, and the way of a message. See feed.h for what protects them.
#include "feed/feed.h"

#include "base/mem.h"
#include "base/num.h"
#include "feed/feed_int.h"

// ---- the whole -----------------------------------------------------------------------------------------------------------------

struct delivery {
    struct delivery *next;
    struct payload *payload;
    size_t count;
    struct topic *topics[];
};

struct feed_shard {
    _Alignas(CACHE_LINE) _Atomic(struct delivery *) newest; // a stack, taken whole and turned round
    _Atomic bool woken;                                     // it has been asked to drain
    _Atomic uint32_t monitor_count;
    struct subscriber *monitors;                            // the shard's
};

struct feed {
    struct hash_key seed;
    uint32_t shards, stripes;
    struct map *tables;       // of channels: FEED_CHANNEL's by stripe, one of special names, then FEED_SHARD_CHANNEL's by stripe
    struct patterns patterns;
    struct feed_shard *shard;
    void (*wake)(void *arg, uint32_t shard);
    void *wake_arg;
    _Atomic uint64_t counts[FEED_KINDS]; // of channels
    _Atomic uint32_t *monitors;
};

struct feed *feed_create(uint32_t shards, uint32_t stripes, const struct hash_key *seed, void (*wake)(void *arg, uint32_t shard), void *arg,
    _Atomic uint32_t *monitors) {
    struct feed *f = mem_alloc_zero(sizeof *f);
    if (!f) return NULL;
    *f = (struct feed){ .seed = *seed, .shards = shards, .stripes = stripes, .wake = wake, .wake_arg = arg, .monitors = monitors };
    f->tables = mem_alloc_zero((2 * (size_t)stripes + 1) * sizeof *f->tables);
    f->shard = mem_alloc_aligned(shards * sizeof *f->shard, CACHE_LINE);
    if (f->shard) memset(f->shard, 0, shards * sizeof *f->shard);
    if (f->tables && f->shard) return f;
    feed_free(f);
    return NULL;
}

static void topic_free(struct topic *t) {
    for (size_t i = 0; i < t->count; i++) mem_free(t->members[i]);
    mem_free(t->members);
    mem_free(t);
}

static void table_free_all(struct feed *f, struct map *table) {
    for (size_t i = 0; i < table->size; i++) {
        for (struct map_node *n = table->chains[i], *next; n; n = next) {
            struct channel *c = CONTAINER_OF(n, struct channel, node);
            next = n->next;
            for (uint32_t s = 0; s < f->shards; s++) {
                if (c->topics[s]) topic_free(c->topics[s]);
            }
            mem_free(c);
        }
    }
    map_free(table);
}

static void delivery_free(struct delivery *d) {
    payload_unref(d->payload);
    mem_free(d);
}

void feed_free(struct feed *f) {
    if (!f) return;
    for (uint32_t i = 0; f->shard && i < f->shards; i++) {
        for (struct delivery *d = atomic_load(&f->shard[i].newest), *next; d; d = next) {
            next = d->next;
            delivery_free(d);
        }
    }
    for (uint32_t i = 0; f->tables && i < 2 * f->stripes + 1; i++) table_free_all(f, &f->tables[i]);
    table_free_all(f, &f->patterns.all);
    patterns_free(&f->patterns);
    mem_free(f->tables);
    mem_free(f->shard);
    mem_free(f);
}

// ---- channels ------------------------------------------------------------------------------------------------------------------

bool feed_name_is_special(struct slice name) {
    return name.n > 11 && (memcmp(name.p, "__keyspace@", 11) == 0 || memcmp(name.p, "__keyevent@", 11) == 0);
}

static struct map *table_of(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name) {
    if (kind == FEED_PATTERN) return &f->patterns.all;
    if (kind == FEED_SHARD_CHANNEL) return &f->tables[f->stripes + 1 + stripe];
    return &f->tables[feed_name_is_special(name) ? f->stripes : stripe];
}

static struct channel *channel_find(const struct map *table, uint64_t hash, struct slice name) {
    for (struct map_node *n = map_first(table, hash); n; n = n->next) {
        struct channel *c = CONTAINER_OF(n, struct channel, node);
        if (n->hash == hash && slice_equal(c->name, name)) return c;
    }
    return NULL;
}

enum { HEAD_MAX = 48 }; // without a pattern's name

static size_t write_head(enum feed_kind kind, struct slice name, char *to) {
    static const char *const heads[FEED_KINDS] = { "3\r\n$7\r\nmessage\r\n", "4\r\n$8\r\npmessage\r\n$", "3\r\n$8\r\nsmessage\r\n" };
    size_t n = strlen(heads[kind]);
    memcpy(to, heads[kind], n);
    if (kind != FEED_PATTERN) return n;
    n += num_format_int((int64_t)name.n, to + n);
    memcpy(to + n, "\r\n", 2);
    memcpy(to + n + 2, name.p, name.n);
    memcpy(to + n + 2 + name.n, "\r\n", 2);
    return n + name.n + 4;
}

static struct channel *channel_create(struct feed *f, struct map *table, enum feed_kind kind, uint64_t hash, struct slice name) {
    size_t size = sizeof(struct channel) + f->shards * sizeof(struct topic *), bytes = 2 * name.n + HEAD_MAX;
    struct channel *c = map_reserve(table) ? mem_alloc(size + bytes) : NULL;
    if (!c) return NULL;
    memset(c, 0, size);
    c->table = table;
    c->kind = kind;
    char *to = (char *)c + size;
    if (name.n) memcpy(to, name.p, name.n);
    c->name = slice_of(to, name.n);
    c->head = slice_of(to + name.n, write_head(kind, c->name, to + name.n));
    if (kind == FEED_PATTERN && !patterns_add(&f->patterns, &f->seed, c)) {
        mem_free(c);
        return NULL;
    }
    map_add(table, &c->node, hash);
    atomic_fetch_add_explicit(&f->counts[kind], 1, memory_order_relaxed);
    return c;
}

static void channel_drop(struct feed *f, struct channel *c) {
    if (c->kind == FEED_PATTERN) patterns_remove(&f->patterns, &f->seed, c);
    map_remove(c->table, &c->node);
    atomic_fetch_sub_explicit(&f->counts[c->kind], 1, memory_order_relaxed);
    mem_free(c);
}

uint64_t feed_channels(const struct feed *f, enum feed_kind kind) { return atomic_load_explicit(&f->counts[kind], memory_order_relaxed); }

bool feed_anybody(const struct feed *f) { return feed_channels(f, FEED_CHANNEL) || feed_channels(f, FEED_PATTERN); }

uint64_t feed_count(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name) {
    const struct channel *c = channel_find(table_of(f, kind, stripe, name), hash_bytes(&f->seed, name.p, name.n), name);
    return c ? c->total : 0;
}

static void visit_table(const struct map *table, feed_visit_fn *visit, void *arg) {
    for (size_t i = 0; i < table->size; i++) {
        for (struct map_node *n = table->chains[i]; n; n = n->next) visit(arg, CONTAINER_OF(n, struct channel, node)->name);
    }
}

void feed_each(struct feed *f, enum feed_kind kind, uint32_t stripe, feed_visit_fn *visit, void *arg) {
    if (kind == FEED_CHANNEL && stripe == 0) visit_table(&f->tables[f->stripes], visit, arg);
    visit_table(kind == FEED_CHANNEL ? &f->tables[stripe] : table_of(f, kind, stripe, SLICE("")), visit, arg);
}

// ---- topics and memberships ----------------------------------------------------------------------------------------------------

static uint64_t topic_hash(const struct topic *t) { return (uint64_t)(uintptr_t)t / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 20; }

static struct membership *membership_find(const struct subscriber *s, const struct topic *t) {
    for (struct map_node *n = map_first(&s->members, topic_hash(t)); n; n = n->next) {
        struct membership *m = CONTAINER_OF(n, struct membership, node);
        if (m->topic == t) return m;
    }
    return NULL;
}

static bool topic_reserve(struct topic *t) {
    if (t->count < t->cap) return true;
    size_t cap = t->cap ? t->cap * 2 : 1;
    struct membership **members = mem_realloc(t->members, cap * sizeof *members);
    if (!members) return false;
    t->members = members;
    t->cap = cap;
    return true;
}

// What has got no member after all.
static void sweep(struct feed *f, struct channel *c, uint32_t shard) {
    struct topic *t = c->topics[shard];
    if (t && t->count == 0) {
        c->topics[shard] = NULL;
        topic_free(t);
    }
    if (c->total == 0) channel_drop(f, c);
}

static enum feed_change join(struct subscriber *s, struct channel *c) {
    struct topic *t = c->topics[s->shard];
    if (!t) {
        t = c->topics[s->shard] = mem_alloc_zero(sizeof *t);
        if (!t) return FEED_NOMEM;
        t->channel = c;
    } else if (membership_find(s, t)) {
        return FEED_AS_IT_WAS;
    }
    struct membership *m = topic_reserve(t) && map_reserve(&s->members) ? mem_alloc_zero(sizeof *m) : NULL;
    if (!m) return FEED_NOMEM;
    *m = (struct membership){ .subscriber = s, .topic = t, .at = t->count, .next = s->first[c->kind], .prev = &s->first[c->kind] };
    if (m->next) m->next->prev = &m->next;
    s->first[c->kind] = m;
    map_add(&s->members, &m->node, topic_hash(t));
    t->members[t->count++] = m;
    s->count[c->kind]++;
    c->total++;
    return FEED_CHANGED;
}

enum feed_change feed_subscribe(struct feed *f, struct subscriber *s, enum feed_kind kind, uint32_t stripe, struct slice name) {
    struct map *table = table_of(f, kind, stripe, name);
    uint64_t hash = hash_bytes(&f->seed, name.p, name.n);
    feed_drain(f, s->shard);
    struct channel *c = channel_find(table, hash, name);
    if (!c) c = channel_create(f, table, kind, hash, name);
    if (!c) return FEED_NOMEM;
    enum feed_change change = join(s, c);
    if (change == FEED_NOMEM) sweep(f, c, s->shard);
    return change;
}

static void leave(struct feed *f, struct membership *m) {
    struct topic *t = m->topic;
    struct subscriber *s = m->subscriber;
    struct channel *c = t->channel;
    struct membership *last = t->members[--t->count];
    t->members[m->at] = last;
    last->at = m->at;
    *m->prev = m->next;
    if (m->next) m->next->prev = m->prev;
    map_remove(&s->members, &m->node);
    s->count[c->kind]--;
    c->total--;
    mem_free(m);
    sweep(f, c, s->shard);
}

enum feed_change feed_unsubscribe(struct feed *f, struct subscriber *s, enum feed_kind kind, uint32_t stripe, struct slice name) {
    feed_drain(f, s->shard);
    struct channel *c = channel_find(table_of(f, kind, stripe, name), hash_bytes(&f->seed, name.p, name.n), name);
    struct membership *m = c && c->topics[s->shard] ? membership_find(s, c->topics[s->shard]) : NULL;
    if (!m) return FEED_AS_IT_WAS;
    leave(f, m);
    return FEED_CHANGED;
}

bool feed_leave_one(struct feed *f, struct subscriber *s, enum feed_kind kind, struct buf *name) {
    struct membership *m = s->first[kind];
    if (!m) return false;
    feed_drain(f, s->shard);
    buf_clear(name);
    buf_append_slice(name, m->topic->channel->name);
    leave(f, m);
    return true;
}

void feed_leave_all(struct feed *f, struct subscriber *s) {
    feed_drain(f, s->shard);
    feed_monitor_no_more(f, s);
    for (int kind = 0; kind < FEED_KINDS; kind++) {
        while (s->first[kind]) leave(f, s->first[kind]);
    }
}

// ---- messages ------------------------------------------------------------------------------------------------------------------

static void deliver(const struct feed_shard *shard, const struct delivery *d) {
    for (struct subscriber *s = d->count == 0 ? shard->monitors : NULL; s; s = s->next_monitor) {
        if (s->owner) s->deliver(s, NULL, d->payload);
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct topic *t = d->topics[i];
        for (size_t k = 0; k < t->count; k++) {
            struct subscriber *s = t->members[k]->subscriber;
            if (likely(s->owner != NULL)) s->deliver(s, t->channel, d->payload);
        }
    }
}

void feed_drain(struct feed *f, uint32_t shard) {
    struct feed_shard *s = &f->shard[shard];
    if (!atomic_load_explicit(&s->newest, memory_order_acquire)) return;
    struct delivery *newest = atomic_exchange(&s->newest, NULL), *oldest = NULL;
    while (newest) {
        struct delivery *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct delivery *d = oldest;
        oldest = d->next;
        deliver(s, d);
        delivery_free(d);
    }
}

void feed_woken(struct feed *f, uint32_t shard) {
    atomic_store(&f->shard[shard].woken, false); // before the queue is looked at: whoever adds to it later wakes it again
    feed_drain(f, shard);
}

static void post(struct feed *f, uint32_t shard, struct delivery *d) {
    struct feed_shard *s = &f->shard[shard];
    struct delivery *newest = atomic_load_explicit(&s->newest, memory_order_relaxed);
    do d->next = newest;
    while (!atomic_compare_exchange_weak(&s->newest, &newest, d));
    if (!atomic_exchange(&s->woken, true)) f->wake(f->wake_arg, shard);
}

// ---- monitors ------------------------------------------------------------------------------------------------------------------

bool feed_monitor(struct feed *f, struct subscriber *s) {
    struct feed_shard *shard = &f->shard[s->shard];
    if (s->monitors) return false;
    feed_drain(f, s->shard);
    s->monitors = true;
    s->next_monitor = shard->monitors;
    s->at_monitor = &shard->monitors;
    if (s->next_monitor) s->next_monitor->at_monitor = &s->next_monitor;
    shard->monitors = s;
    atomic_fetch_add(&shard->monitor_count, 1);
    atomic_fetch_add(f->monitors, 1);
    return true;
}

void feed_monitor_no_more(struct feed *f, struct subscriber *s) {
    if (!s->monitors) return;
    s->monitors = false;
    *s->at_monitor = s->next_monitor;
    if (s->next_monitor) s->next_monitor->at_monitor = s->at_monitor;
    atomic_fetch_sub(&f->shard[s->shard].monitor_count, 1);
    atomic_fetch_sub(f->monitors, 1);
}

// A delivery without topics is for the monitors of the shard.
void feed_tell_monitors(struct feed *f, struct payload *p) {
    for (uint32_t i = 0; i < f->shards; i++) {
        if (!atomic_load_explicit(&f->shard[i].monitor_count, memory_order_relaxed)) continue;
        struct delivery *d = mem_alloc(sizeof *d);
        if (!d) return;
        payload_ref(p);
        d->payload = p;
        d->count = 0;
        post(f, i, d);
    }
}

// ---- publishing ----------------------------------------------------------------------------------------------------------------

// Who gets a message.
struct audience {
    struct channel **channels;
    size_t count, cap;
    bool no_memory;
    struct channel *few[16];
};

static void add_channel(void *arg, struct channel *c) {
    struct audience *a = arg;
    if (a->count == a->cap) {
        size_t cap = a->cap * 2;
        struct channel **more = mem_realloc(a->channels == a->few ? NULL : a->channels, cap * sizeof *more);
        if (!more) {
            a->no_memory = true;
            return;
        }
        if (a->channels == a->few) memcpy(more, a->few, sizeof a->few);
        a->channels = more;
        a->cap = cap;
    }
    a->channels[a->count++] = c;
}

static struct delivery *delivery_to(const struct audience *a, uint32_t shard, struct payload *p) {
    size_t n = 0;
    for (size_t i = 0; i < a->count; i++) n += a->channels[i]->topics[shard] != NULL;
    struct delivery *d = mem_alloc(sizeof *d + n * sizeof d->topics[0]);
    if (!d) return NULL;
    d->payload = p;
    d->count = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (a->channels[i]->topics[shard]) d->topics[d->count++] = a->channels[i]->topics[shard];
    }
    payload_ref(p);
    return d;
}

static bool reaches(const struct audience *a, uint32_t shard) {
    for (size_t i = 0; i < a->count; i++) {
        if (a->channels[i]->topics[shard]) return true;
    }
    return false;
}

// To all of them or, without memory, to none.
static bool send_to(struct feed *f, const struct audience *a, struct payload *p) {
    struct delivery *made = NULL, *next;
    uint32_t last = f->shards;
    for (uint32_t s = 0; s < f->shards; s++) {
        if (!reaches(a, s)) continue;
        struct delivery *d = delivery_to(a, s, p);
        if (!d) {
            for (; made; made = next) {
                next = made->next;
                delivery_free(made);
            }
            return false;
        }
        d->next = made;
        made = d;
    }
    // Made in ascending order, so the last of them comes first.
    for (; made; made = next) {
        next = made->next;
        do last--;
        while (!reaches(a, last));
        post(f, last, made);
    }
    return true;
}

// How many they are; -1: no memory.
static int64_t find_audience(struct feed *f, struct audience *a, enum feed_kind kind, uint32_t stripe, struct slice name) {
    a->channels = a->few;
    a->count = 0;
    a->cap = ARRAY_LEN(a->few);
    a->no_memory = false;
    struct channel *c = channel_find(table_of(f, kind, stripe, name), hash_bytes(&f->seed, name.p, name.n), name);
    if (c) add_channel(a, c);
    if (kind == FEED_CHANNEL && f->patterns.all.count) patterns_match(&f->patterns, &f->seed, name, add_channel, a);
    int64_t total = 0;
    for (size_t i = 0; i < a->count; i++) total += (int64_t)a->channels[i]->total;
    return a->no_memory ? -1 : total;
}

static void audience_free(struct audience *a) {
    if (a->channels != a->few) mem_free(a->channels);
}

int64_t feed_publish(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name, struct slice message, uint64_t need) {
    struct audience a;
    int64_t total = find_audience(f, &a, kind, stripe, name);
    if (total > 0) {
        struct payload *p = payload_create(name, message, need);
        if (!p || !send_to(f, &a, p)) total = -1;
        if (p) payload_unref(p);
    }
    audience_free(&a);
    return total;
}

int64_t feed_receivers(struct feed *f, enum feed_kind kind, uint32_t stripe, struct slice name) {
    struct audience a;
    int64_t total = find_audience(f, &a, kind, stripe, name);
    audience_free(&a);
    return total;
}
