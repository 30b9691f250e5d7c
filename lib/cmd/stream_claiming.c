// What becomes of pending entries in one execution: collected first, in a way that can be taken back, and then done and told.
#include "base/mem.h"
#include "cmd/stream_int.h"

enum { IDS_MAX = 32, OPTIONS = 16 }; // of one effect: ids, other arguments

void claiming_begin(struct claiming *x, struct call *c, const struct key *key, struct stream *s, struct stream_group *g, struct slice consumer) {
    *x = (struct claiming){ .c = c, .key = key, .s = s, .g = g, .name = consumer, .was_last = g->last_id, .was_read = g->read, .was_hint = g->hint };
}

bool claiming_consumer(struct claiming *x) {
    if (x->consumer) return true;
    x->consumer = stream_consumer(x->g, x->name);
    if (x->consumer) return true;
    x->consumer = stream_add_consumer(x->s, x->g, x->name, txn_now(&x->c->txn));
    x->made = x->consumer != NULL;
    return x->made;
}

// Room for one more of `count`.
static bool grow(void **list, size_t count, size_t *cap, size_t size) {
    enum { LEAST = 16 };
    if (likely(count < *cap)) return true;
    size_t more = *cap ? 2 * *cap : LEAST;
    void *bytes = mem_realloc(*list, more * size);
    if (!bytes) return false;
    *list = bytes;
    *cap = more;
    return true;
}

bool claiming_add(struct claiming *x, struct stream_id id, int64_t time_ms, uint64_t count) {
    void *list = x->claims;
    bool room = grow(&list, x->claim_count, &x->claim_cap, sizeof *x->claims);
    x->claims = list;
    if (!room) return false;
    struct stream_claim *claim = &x->claims[x->claim_count];
    *claim = (struct stream_claim){ .id = id, .time_ms = time_ms, .count = count };
    if (!stream_claim(x->s, x->g, x->consumer, claim)) return false;
    x->claim_count++;
    return true;
}

bool claiming_gone(struct claiming *x, struct stream_id id) {
    void *list = x->gone;
    bool room = grow(&list, x->gone_count, &x->gone_cap, sizeof *x->gone);
    x->gone = list;
    if (room) x->gone[x->gone_count++] = id;
    return room;
}

static void undo(struct claiming *x) {
    while (x->claim_count > 0) stream_claim_undo(x->s, x->g, x->consumer, &x->claims[--x->claim_count]);
    if (x->made) stream_drop_consumer(x->s, x->g, x->consumer);
    x->g->last_id = x->was_last;
    x->g->read = x->was_read;
    x->g->hint = x->was_hint;
}

// ---- effects -------------------------------------------------------------------------------------------------------------------

static bool has_moved(const struct claiming *x) { return stream_id_compare(x->g->last_id, x->was_last) != 0 || x->g->read != x->was_read; }

// At worst each claim has an effect of its own.
static bool room_for_effects(struct call *c, const struct claiming *x, size_t n) {
    enum { TEXT = 96 + 3 * STREAM_ID_TEXT_MAX };
    size_t effects = 0, bytes = 0;
    if (!effect_wanted(&c->txn)) return true;
    for (size_t i = 0; i < n; i++) {
        size_t one = x[i].claim_count + x[i].gone_count + 2;
        effects += one;
        bytes += one * (TEXT + x[i].key->name.n + x[i].g->name_n + x[i].name.n);
    }
    return effects_room(c, effects, effects * OPTIONS, bytes);
}

static struct slice id_text(struct stream_id id, char *to) { return slice_of(to, stream_id_format(id, to)); }

// Those from the i-th on that were delivered at the same time and as often as that. Returns the next.
static size_t emit_claims(struct claiming *x, size_t i) {
    char ids[IDS_MAX][STREAM_ID_TEXT_MAX], time[NUM_INT_MAX], count[NUM_INT_MAX], last[STREAM_ID_TEXT_MAX];
    const struct stream_claim *one = &x->claims[i];
    struct slice argv[IDS_MAX + OPTIONS] = { SLICE("XCLAIM"), x->key->name, stream_group_name(x->g), x->name, SLICE("0") };
    int argc = 5;
    for (size_t n = 0; n < IDS_MAX && i < x->claim_count && x->claims[i].time_ms == one->time_ms && x->claims[i].count == one->count; n++, i++) {
        argv[argc++] = id_text(x->claims[i].id, ids[n]);
    }
    argv[argc++] = SLICE("TIME");
    argv[argc++] = slice_of(time, num_format_int(one->time_ms, time));
    argv[argc++] = SLICE("RETRYCOUNT");
    argv[argc++] = slice_of(count, num_format_uint(one->count, count));
    argv[argc++] = SLICE("FORCE");
    argv[argc++] = SLICE("JUSTID");
    argv[argc++] = SLICE("LASTID");
    argv[argc++] = id_text(x->g->last_id, last);
    effect_emit(&x->c->txn, x->key, argc, argv);
    return i;
}

static size_t emit_gone(struct claiming *x, size_t i) {
    char ids[IDS_MAX][STREAM_ID_TEXT_MAX];
    struct slice argv[IDS_MAX + OPTIONS] = { SLICE("XACK"), x->key->name, stream_group_name(x->g) };
    int argc = 3;
    for (size_t n = 0; n < IDS_MAX && i < x->gone_count; n++) argv[argc++] = id_text(x->gone[i++], ids[n]);
    effect_emit(&x->c->txn, x->key, argc, argv);
    return i;
}

static void emit(struct claiming *x) {
    char last[STREAM_ID_TEXT_MAX], read[NUM_INT_MAX];
    struct txn *t = &x->c->txn;
    struct slice group = stream_group_name(x->g);
    if (x->made) effect_emit(t, x->key, 5, (struct slice[]){ SLICE("XGROUP"), SLICE("CREATECONSUMER"), x->key->name, group, x->name });
    for (size_t i = 0; i < x->claim_count;) i = emit_claims(x, i);
    for (size_t i = 0; i < x->gone_count;) i = emit_gone(x, i);
    if (!has_moved(x)) return;
    effect_emit(t, x->key, 7, (struct slice[]){ SLICE("XGROUP"), SLICE("SETID"), x->key->name, group, id_text(x->g->last_id, last),
        SLICE("ENTRIESREAD"), slice_of(read, num_format_int(x->g->read, read)) });
}

// ---- the end -------------------------------------------------------------------------------------------------------------------

static void finish(struct claiming *x) {
    struct call *c = x->c;
    if (x->made) event_emit(&c->txn, x->key, EVENT_STREAM, "xgroup-createconsumer");
    if (effect_wanted(&x->c->txn)) emit(x);
    for (size_t i = 0; i < x->claim_count; i++) stream_claim_end(x->consumer, &x->claims[i]);
    for (size_t i = 0; i < x->gone_count; i++) {
        struct stream_pending *p = stream_pending(&x->g->pending, x->gone[i]);
        if (p) stream_acknowledge(x->s, x->g, p);
    }
    if (x->consumer) {
        x->consumer->seen_ms = txn_now(&x->c->txn);
        if (x->reads) x->consumer->active_ms = x->consumer->seen_ms;
    }
    if (x->made || x->claim_count || x->gone_count || has_moved(x)) key_changed(c, x->key);
}

void claiming_end(struct claiming *x, size_t n, bool ok, size_t reply_start) {
    if (n == 0 && ok) return;
    struct call *c = x->c;
    bool room = ok && !c->reply.buf->failed && !c->txn.no_memory;
    if (room) {
        size_t replied = c->reply.buf->n;
        room = room_for_effects(c, x, n);
        if (!room) c->reply.buf->n = replied;
    }
    for (size_t i = room ? 0 : n; i < n; i++) finish(&x[i]);
    for (size_t i = room ? 0 : n; i-- > 0;) undo(&x[i]);
    for (size_t i = 0; i < n; i++) {
        mem_free(x[i].claims);
        mem_free(x[i].gone);
    }
    if (room) return;
    c->reply.buf->failed = false;
    c->reply.buf->n = reply_start;
    reply_no_memory(c);
}
