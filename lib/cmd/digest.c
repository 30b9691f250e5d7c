// See digest.h.
#include "cmd/digest.h"

#include "base/hash.h"
#include "base/num.h"
#include "type/hash.h"
#include "type/list.h"
#include "type/set.h"
#include "type/stream.h"
#include "type/value.h"
#include "type/zset.h"

static uint64_t mix(uint64_t a, uint64_t b) { return hash_bytes(&(struct hash_key){ 5, 6 }, (uint64_t[]){ a, b }, 16); }
static uint64_t of_bytes(struct slice s) { return hash_bytes(&(struct hash_key){ 1, 2 }, s.p, s.n); }

static bool add_members(void *arg, struct set_batch *b) {
    for (size_t i = 0; i < b->n; i++) *(uint64_t *)arg += mix(of_bytes(set_text(b, &b->m[i])), 1);
    return true;
}

static void add_field(void *arg, const struct hash_item *item) {
    *(uint64_t *)arg += mix(mix(of_bytes(item->name), of_bytes(item->value)), (uint64_t)item->at_ms);
}

static uint64_t of_list(const struct value *v) {
    struct list_at at;
    char number[NUM_INT_MAX];
    uint64_t sum = 0;
    for (bool more = list_seek(v, 0, &at); more; more = list_next(&at)) sum = mix(sum, of_bytes(list_get(&at, number)));
    return sum;
}

static uint64_t of_zset(const struct value *v) {
    struct zset_iter it;
    uint64_t sum = 0;
    for (bool more = zset_iter_at(&it, v, 0); more; more = zset_iter_next(&it)) {
        double score = it.item.score == 0 ? 0 : it.item.score; // -0 is 0 in some forms
        uint64_t bits;
        memcpy(&bits, &score, sizeof bits);
        sum = mix(mix(sum, of_bytes(it.item.member)), bits);
    }
    return sum;
}

static uint64_t of_id(struct stream_id id) { return mix(id.ms, id.seq); }

// Not when a consumer was seen last: the log does not tell of it.
static uint64_t of_group(const struct stream_group *g) {
    uint64_t sum = mix(mix(of_bytes(stream_group_name(g)), of_id(g->last_id)), (uint64_t)g->read);
    for (struct tree_at at = tree_first(&g->pending); at.leaf; at = tree_next(at)) {
        const struct stream_pending *p = tree_item(at);
        sum = mix(mix(sum, mix(of_id(p->id), of_bytes(stream_consumer_name(p->consumer)))), mix((uint64_t)p->time_ms, p->count));
    }
    for (struct tree_at at = tree_first(&g->consumers); at.leaf; at = tree_next(at)) sum = mix(sum, of_bytes(stream_consumer_name(tree_item(at))));
    return sum;
}

static uint64_t of_stream(const struct value *v) {
    const struct stream *s = value_stream(v);
    uint64_t sum = mix(mix(of_id(s->last_id), of_id(s->max_deleted)), mix(s->added, s->length));
    struct stream_cursor c = { .s = NULL };
    struct stream_pair pair;
    for (bool more = stream_first(&c, s, (struct stream_id){ 0, 0 }); more; more = stream_next(&c)) {
        sum = mix(sum, of_id(c.id));
        for (uint32_t i = 0; i < c.pairs; i++) {
            stream_pair(&c, &pair);
            sum = mix(sum, mix(of_bytes(pair.field), of_bytes(pair.value)));
        }
    }
    for (struct tree_at at = tree_first(&s->groups); at.leaf; at = tree_next(at)) sum = mix(sum, of_group(tree_item(at)));
    return sum;
}

uint64_t digest_of_value(const struct entry *e) {
    char number[NUM_INT_MAX];
    struct value v;
    uint64_t sum = 0;
    value_view(&v, e);
    switch (v.type) {
    case TYPE_STRING: return of_bytes(entry_string(e, number));
    case TYPE_LIST: return of_list(&v);
    case TYPE_SET: set_visit(&v, add_members, &sum); break;
    case TYPE_ZSET: return of_zset(&v);
    case TYPE_HASH: hash_each(&v, add_field, &sum); break;
    case TYPE_STREAM: return of_stream(&v);
    case TYPE_COUNT: break;
    }
    return sum;
}

uint64_t digest_of_key(const struct entry *e, uint32_t db) {
    uint64_t where = mix(mix(of_bytes(entry_key(e)), db), (uint64_t)entry_expire_at(e));
    return mix(where, mix(e->type, digest_of_value(e)));
}
