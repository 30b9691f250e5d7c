// The walk of a stripe's keyspaces, and what is saved before it changes: see snapshot.h. Large values: snapshot_value.c.
//
//   - keyspace.walk.on: it is of the image, and the snapshot has not ended. Then it is on the snapshot's list.
//   - An entry at or above the cursor is as it was at the cut, or it has the keyspace's mark. Entries below the cursor have none.
//   - A small entry's old state is one allocation, told by the next slice; it may be told before or behind any other.
//   - Once the snapshot has failed no keyspace is walked, and there are no images; what is left of it is the state, and saved entries and closed images that are still to be
//     freed.
#include "stripe/snapshot_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "kora.h"
#include "stripe/s3fifo.h"
#include "type/rdb_value.h"

enum {
    CLOCK_EVERY = 16, // entries
    LARGE = 64 * 1024, PORTION = 64 * 1024
};

// ---- scanning ----------------------------------------------------------------------------------------------------------------

struct scanning {
    const struct table *t;
    snapshot_visit_fn *visit;
    void *arg;
    bool stopping, stopped;
    uint64_t last, at; // position of the last one that was visited; of the first that was not
};

static uint64_t position_in(const struct table *t, const void *entry) { return table_position(t->hash(t->ctx, entry)); }

static void scan_one(void *arg, void *entry) {
    struct scanning *s = arg;
    if (unlikely(s->stopped)) return;
    if (unlikely(s->stopping)) {
        uint64_t at = position_in(s->t, entry);
        if (at != s->last) { // those with equal hashes go together
            s->stopped = true;
            s->at = at;
            return;
        }
    }
    if (s->visit(s->arg, entry) || s->stopping) return;
    s->stopping = true;
    s->last = position_in(s->t, entry);
}

void snapshot_scan(const struct table *t, uint64_t *cursor, snapshot_visit_fn *visit, void *arg) {
    struct scanning s = { .t = t, .visit = visit, .arg = arg };
    uint64_t next = *cursor;
    do next = table_scan(t, next, TABLE_MOVES_MAX, scan_one, &s);
    while (next && !s.stopping);
    *cursor = s.stopped ? s.at : next ? next : UINT64_MAX;
}

// ---- telling -------------------------------------------------------------------------------------------------------------------

struct rdb_writer snapshot_writer(const struct snapshot *s, struct buf *out) {
    return (struct rdb_writer){ .out = out, .compress = s->options.compress, .newest = s->options.newest };
}

bool snapshot_tell(struct snapshot *s, const struct about *about, struct slice key, struct slice bytes, bool first, bool last) {
    s->told_now += key.n * first + bytes.n;
    struct snapshot_part part = { key, about->db, about->expire_at_ms, about->idle_s, about->frequency, first, last, bytes };
    if (!s->sink(s->arg, &part)) {
        snapshot_fail(s);
        return false;
    }
    s->told += last;
    return true;
}

static struct about about_of(struct snapshot *s, const struct keyspace *ks, const struct entry *e) {
    struct about about = { ks->walk.db, entry_expire_at(e), -1, -1 };
    if (!s->sink) txn_begin(&s->txn, s->stripe->common);
    switch (access_policy(s->stripe->common)) {
    case ACCESS_LFU: about.frequency = entry_frequency(&s->txn, e); break;
    case ACCESS_LRU: about.idle_s = (int64_t)entry_idle_s(&s->txn, e); break;
    case ACCESS_S3FIFO: about.frequency = s->options.newest ? (int64_t)s3_told(e->access) : -1; break;
    }
    return about;
}

static void tell_saved(struct snapshot *s) {
    struct saved *v = s->saved;
    s->saved = v->next;
    if (!s->saved) s->saved_end = &s->saved;
    snapshot_holds(s, -(int64_t)v->size);
    const char *key = (const char *)(v + 1);
    snapshot_tell(s, &v->about, slice_of(key, v->key_n), slice_of(key + v->key_n, v->value_n), true, true);
    mem_free(v);
}

// ---- what is held --------------------------------------------------------------------------------------------------------------

static bool is_too_much(const struct common *c, int64_t now) {
    int64_t limit = atomic_load_explicit(&c->held.limit, memory_order_relaxed), base = atomic_load_explicit(&c->held.base, memory_order_relaxed);
    return limit && now > limit && now + atomic_load_explicit(&c->account.sum, memory_order_relaxed) > base + limit;
}

void snapshot_bring(struct snapshot *s) {
    struct common *c = s->stripe->common;
    int64_t more = (int64_t)s->memory - s->brought;
    if (more == 0) return;
    s->brought += more;
    int64_t now = atomic_fetch_add_explicit(&c->held.now, more, memory_order_relaxed) + more;
    int64_t most = atomic_load_explicit(&c->held.most, memory_order_relaxed);
    while (now > most && !atomic_compare_exchange_weak_explicit(&c->held.most, &most, now, memory_order_relaxed, memory_order_relaxed)) { }
    if (more < 0 || s->state == SNAPSHOT_FAILED) return;
    bool failed = atomic_load_explicit(&c->held.failed, memory_order_relaxed);
    if (!failed && !is_too_much(c, now)) return;
    if (!atomic_exchange(&c->held.failed, true) && c->held.too_much) c->held.too_much(c);
    snapshot_fail(s);
}

void snapshot_keeps_(struct keyspace *k) {
    struct snapshot *s = k->walk.of;
    uint64_t n = slab_usage(k->blobs.slab).used + slab_usage(k->index).used + (k->nodes ? slab_usage(k->nodes).used : 0);
    s->kept += n;
    snapshot_holds(s, (int64_t)n);
}

// ---- saving --------------------------------------------------------------------------------------------------------------------

static bool save_small(struct snapshot *s, const struct keyspace *ks, const struct entry *e) {
    struct saved v = { .about = about_of(s, ks, e), .key_n = entry_key(e).n };
    struct buf b = { 0 };
    struct rdb_writer w = snapshot_writer(s, &b);
    buf_append(&b, &v, sizeof v);
    buf_append_slice(&b, entry_key(e));
    rdb_write_entry(&w, e);
    if (b.failed) {
        buf_free(&b);
        return false;
    }
    char *fit = b.cap > b.n + b.n / 4 ? mem_realloc(b.p, b.n) : NULL;
    struct saved *at = (struct saved *)(void *)(fit ? fit : b.p);
    at->size = fit ? b.n : b.cap;
    at->value_n = b.n - sizeof v - v.key_n;
    *s->saved_end = at;
    s->saved_end = &at->next;
    snapshot_holds(s, (int64_t)at->size);
    return true;
}

void snapshot_save_(struct keyspace *ks, uint64_t hash, struct entry *e) {
    struct snapshot *s = ks->walk.of;
    if (entry_mark(e) == ks->walk.mark || table_position(hash) < ks->walk.cursor) return;
    snapshot_check(s, ks, e);
    entry_set_mark(e, ks->walk.mark);
    struct about about;
    if (image_wanted(s, e)) {
        int64_t from_ns = clock_thread_ns();
        about = about_of(s, ks, e);
        if (!image_open(s, ks, e, &about)) snapshot_fail(s);
        snapshot_took(s, from_ns);
    } else if (!save_small(s, ks, e)) {
        snapshot_fail(s);
    }
}

void snapshot_put_(struct keyspace *ks, uint64_t hash, const struct entry *old, struct entry *e) {
    bool above = table_position(hash) >= ks->walk.cursor;
    debug_invariant(!old || !above || entry_mark(old) == ks->walk.mark);
    (void)old;
    entry_set_mark(e, above ? ks->walk.mark : 0);
}

// ---- the walk ------------------------------------------------------------------------------------------------------------------

struct walking {
    struct snapshot *s;
    struct keyspace *ks;
    int64_t until_us;
    unsigned n;
};

static bool tell_entry(struct walking *w, struct entry *e) {
    struct snapshot *s = w->s;
    struct about about = about_of(s, w->ks, e);
    snapshot_check(s, w->ks, e);
    if (image_wanted(s, e)) {
        if (!image_open(s, w->ks, e, &about)) snapshot_fail(s);
        return false; // it is told before the walk goes on
    }
    struct rdb_writer out = snapshot_writer(s, &s->scratch);
    buf_clear(&s->scratch);
    rdb_write_entry(&out, e);
    if (s->scratch.failed) {
        snapshot_fail(s);
        return false;
    }
    return snapshot_tell(s, &about, entry_key(e), slice_of(s->scratch.p, s->scratch.n), true, true);
}

static bool visit_entry(void *arg, void *entry) {
    struct walking *w = arg;
    struct entry *e = entry;
    if (w->s->state == SNAPSHOT_FAILED) return false;
    unsigned mark = entry_mark(e);
    if (unlikely(mark)) entry_set_mark(e, 0);
    bool on = mark == w->ks->walk.mark || tell_entry(w, e);
    return on && (++w->n % CLOCK_EVERY != 0 || !snapshot_over(w->s, w->until_us));
}

static void walk_some(struct snapshot *s, int64_t until_us) {
    struct keyspace *ks = s->walking;
    struct walking w = { s, ks, until_us, 0 };
    snapshot_scan(&ks->table, &ks->walk.cursor, visit_entry, &w);
    if (s->state == SNAPSHOT_FAILED || ks->walk.cursor != UINT64_MAX) return;
    ks->walk.given_up = 0; // there are no marks any more, of whatever snapshot
    s->walking = ks->walk.next;
}

// One step; false: nothing is left.
static bool step(struct snapshot *s, int64_t until_us) {
    struct image *i = s->images;
    if (s->closed) {
        image_free_some(s);
    } else if (s->saved && !(i && i->begun)) {
        tell_saved(s);
    } else if (i) {
        if (!image_tell(s, i, until_us) || s->state == SNAPSHOT_FAILED) return true;
        s->images = i->next;
        if (!s->images) s->images_end = &s->images;
        image_close(s, i);
    } else if (s->walking) {
        walk_some(s, until_us);
    } else {
        return false;
    }
    return true;
}

// ---- the door ------------------------------------------------------------------------------------------------------------------

static void unmark(void *arg, void *entry) {
    (void)arg;
    entry_set_mark(entry, 0);
}

static void begin_keyspace(struct snapshot *s, struct keyspace *k, uint32_t db) {
    k->walk.mark = k->walk.mark % ENTRY_MARK_MAX + 1;
    if (++k->walk.given_up > ENTRY_MARK_MAX) { // so many in a row have not come to their ends that their numbers are used up: rare, and the one long step
        table_walk(&k->table, 0, SIZE_MAX, unmark, NULL);
        k->walk.given_up = 1;
    }
    k->walk.on = true;
    k->walk.dropped = false;
    k->walk.of = s;
    k->walk.cursor = 0;
    k->walk.db = db;
    k->walk.next = s->first;
    s->first = k;
    s->keys += k->table.count;
}

int snapshot_begin(struct stripe *st, const struct snapshot_options *o) {
    invariant(!st->snapshot);
    struct snapshot *s = mem_alloc_zero(sizeof *s);
    if (!s) return KORA_NOMEM;
    s->stripe = st;
    s->options = *o;
    if (!s->options.large) s->options.large = LARGE;
    if (!s->options.portion) s->options.portion = PORTION;
    if (!s->options.slice) s->options.slice = SIZE_MAX;
    s->mark = st->images = st->images % INT32_MAX + 1;
    s->state = SNAPSHOT_MORE;
    s->saved_end = &s->saved;
    s->images_end = &s->images;
    for (uint32_t db = st->common->databases; db-- > 0;) {
        struct keyspace *k = atomic_load_explicit(&st->dbs[db], memory_order_relaxed);
        if (k) begin_keyspace(s, k, db);
    }
    s->walking = s->first;
    st->snapshot = s;
    snapshot_check_begin(s);
    return KORA_OK;
}

enum snapshot_state snapshot_slice(struct stripe *st, int64_t budget_us, snapshot_sink_fn *sink, void *arg) {
    struct snapshot *s = st->snapshot;
    int64_t until_us = clock_mono_us() + budget_us;
    s->sink = sink;
    s->arg = arg;
    s->told_now = 0;
    txn_begin(&s->txn, st->common);
    while (s->state == SNAPSHOT_MORE) {
        if (!step(s, until_us)) s->state = SNAPSHOT_DONE;
        else if (snapshot_over(s, until_us)) break;
    }
    s->sink = NULL;
    return s->state;
}

// Up to n small entries' old states.
static void drop_saved(struct snapshot *s, size_t n) {
    for (; s->saved && n > 0; n--) {
        struct saved *v = s->saved;
        s->saved = v->next;
        s->memory -= v->size;
        mem_free(v);
    }
    if (!s->saved) s->saved_end = &s->saved;
    snapshot_bring(s);
}

// But for these.
static void drop_all(struct snapshot *s) {
    s->state = SNAPSHOT_FAILED;
    while (s->images) {
        struct image *i = s->images;
        s->images = i->next;
        image_close(s, i);
    }
    for (struct keyspace *k = s->first; k; k = k->walk.next) {
        k->walk.on = false;
        k->walk.of = NULL;
        if (!k->walk.dropped) continue;
        k->next = s->stripe->garbage;
        s->stripe->garbage = k;
    }
    s->images_end = &s->images;
    s->first = s->walking = NULL;
    s->memory -= s->kept;
    s->kept = 0;
    buf_free(&s->scratch);
    snapshot_check_end(s);
}

void snapshot_fail(struct snapshot *s) {
    if (s->state != SNAPSHOT_FAILED) drop_all(s);
}

bool snapshot_give_up(struct stripe *st) {
    enum { AT_ONCE = 2048 };
    struct snapshot *s = st->snapshot;
    if (!s) return true;
    snapshot_fail(s);
    if (s->closed) image_free_some(s);
    else drop_saved(s, AT_ONCE);
    return !s->closed && !s->saved;
}

void snapshot_end(struct stripe *st) {
    struct snapshot *s = st->snapshot;
    if (!s) return;
    drop_all(s);
    while (s->closed) image_free_some(s);
    drop_saved(s, SIZE_MAX);
    st->snapshot = NULL;
    mem_free(s);
}

struct snapshot_progress snapshot_progress(const struct stripe *st) {
    const struct snapshot *s = st->snapshot;
    return s ? (struct snapshot_progress){ s->keys, s->told, s->longest_ns } : (struct snapshot_progress){ 0 };
}

uint64_t snapshot_memory(const struct stripe *st) {
    const struct snapshot *s = st->snapshot;
    if (!s) return 0;
    return sizeof *s + s->memory + s->scratch.cap;
}
