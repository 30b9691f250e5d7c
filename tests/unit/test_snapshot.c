// Snapshots of stripes: the image is what there was at the cut, whatever is written while it is told. Against a model: a copy of everything, taken at the
// cut. Commands of every family that writes are mixed with slices that tell next to nothing, so that most of what is told was changed meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/api_int.h"
#include "engine/lease.h"
#include "stripe/keyspace_int.h"
#include "stripe/snapshot_int.h"
#include "type/hash.h"
#include "type/list.h"
#include "type/rdb_value.h"
#include "type/set.h"
#include "type/zset.h"
#include "unit/bare.h"

enum { START_MS = 1700000000 };

// Where everything takes several times as long, less of it will do.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define LESS 3
#endif
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define LESS 3
#endif
#ifndef LESS
#define LESS 1
#endif
static unsigned less(unsigned n) {
    const char *v = getenv("LD_PRELOAD");
    return n / (v && strstr(v, "vgpreload") ? 6 : LESS);
}

// ---- values in a form that is the same whatever they are made of -------------------------------------------------------------

struct strings {
    struct slice *s;
    size_t n, room;
};

static void strings_add(struct strings *l, const char *kind, struct slice a, struct slice b, double score, int64_t at_ms) {
    struct buf t = { 0 };
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        l->s = realloc(l->s, l->room * sizeof *l->s);
    }
    buf_printf(&t, "%s %zu ", kind, a.n);
    buf_append_slice(&t, a);
    buf_printf(&t, " %zu ", b.n);
    buf_append_slice(&t, b);
    buf_printf(&t, " %.17g %lld\n", score, (long long)at_ms);
    assert_false(t.failed);
    l->s[l->n++] = slice_of(t.p, t.n);
}

static int compare_strings(const void *a, const void *b) {
    const struct slice *x = a, *y = b;
    int order = memcmp(x->p, y->p, MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static void strings_end(struct strings *l, bool sorted, struct buf *to) {
    if (sorted && l->n) qsort(l->s, l->n, sizeof *l->s, compare_strings);
    for (size_t i = 0; i < l->n; i++) {
        buf_append_slice(to, l->s[i]);
        mem_free((void *)(uintptr_t)l->s[i].p);
    }
    free(l->s);
}

static void add_field(void *arg, const struct hash_item *item) { strings_add(arg, "field", item->name, item->value, 0, item->at_ms); }
static bool add_members(void *arg, struct set_batch *b) {
    for (size_t i = 0; i < b->n; i++) strings_add(arg, "member", set_text(b, &b->m[i]), slice_of("", 0), 0, 0);
    return true;
}

static void canonical(const struct entry *e, const struct rdb_writer *how, struct buf *to) {
    struct strings l = { 0 };
    struct value v;
    char number[NUM_INT_MAX];
    value_view(&v, e);
    if (e->type == TYPE_STRING) {
        strings_add(&l, "string", entry_string(e, number), slice_of("", 0), 0, 0);
    } else if (e->type == TYPE_HASH) {
        hash_each(&v, add_field, &l);
    } else if (e->type == TYPE_SET) {
        set_visit(&v, add_members, &l);
    } else if (e->type == TYPE_ZSET) {
        struct zset_iter it;
        for (bool more = zset_iter_at(&it, &v, 0); more; more = zset_iter_next(&it)) strings_add(&l, "ranked", it.item.member, slice_of("", 0), it.item.score, 0);
    } else if (e->type == TYPE_LIST) {
        struct list_at at;
        for (bool more = list_seek(&v, 0, &at); more; more = list_next(&at)) strings_add(&l, "element", list_get(&at, number), slice_of("", 0), 0, 0);
    } else {
        struct rdb_writer w = { .out = to, .compress = how->compress, .newest = how->newest };
        rdb_write_entry(&w, e);
    }
    strings_end(&l, e->type == TYPE_HASH || e->type == TYPE_SET, to);
    assert_false(to->failed);
}

// ---- the model ---------------------------------------------------------------------------------------------------------------

struct record {
    uint32_t db;
    struct buf name, value;
    int64_t expire_at_ms;
    unsigned seen;
};

struct world {
    struct bare *d, *scratch; // the database; where what was told is read
    struct random random;
    struct record *records;
    size_t count, room;
    struct rdb_writer how;     // options of the image
    // the image
    struct buf key, object;
    uint64_t told;
    long refuse_at;            // the sink takes no more from this part on; 0: never
    uint64_t parts, portions;  // all; those that are not their value's only one
    bool within;
    int64_t expire_at_ms;
    bool failed;
};

static void forget(struct world *w) {
    for (size_t i = 0; i < w->count; i++) {
        buf_free(&w->records[i].name);
        buf_free(&w->records[i].value);
    }
    w->count = 0;
    w->told = 0;
    w->within = false;
    w->failed = false;
    buf_clear(&w->object);
}

struct copying {
    struct world *w;
    uint32_t db;
};

static void copy_entry(void *arg, void *entry) {
    struct copying *c = arg;
    struct world *w = c->w;
    const struct entry *e = entry;
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : 64;
        w->records = realloc(w->records, w->room * sizeof *w->records);
    }
    struct record *r = &w->records[w->count++];
    *r = (struct record){ .db = c->db, .expire_at_ms = entry_expire_at(e) };
    buf_append_slice(&r->name, entry_key(e));
    canonical(e, &w->how, &r->value);
}

static int compare_records(const void *a, const void *b) {
    const struct record *x = a, *y = b;
    if (x->db != y->db) return x->db < y->db ? -1 : 1;
    return compare_strings(&(struct slice){ x->name.p, x->name.n }, &(struct slice){ y->name.p, y->name.n });
}

static void copy_everything(struct world *w) {
    for (uint32_t i = 0; i < w->d->c.stripe_count; i++) {
        for (uint32_t db = 0; db < BARE_DATABASES; db++) {
            struct keyspace *k = atomic_load(&w->d->c.stripes[i].dbs[db]);
            struct copying c = { w, db };
            if (k && k->table.count) table_walk(&k->table, 0, SIZE_MAX, copy_entry, &c);
        }
    }
    if (w->count) qsort(w->records, w->count, sizeof *w->records, compare_records);
}

static struct entry *entry_in(struct bare *d, uint32_t db, struct slice name) {
    struct key k;
    key_locate(&d->c, &k, db, name);
    struct keyspace *ks = keyspace_of(&k);
    return ks ? keyspace_find(ks, k.hash, &k.name) : NULL;
}

// The value that was told is the one that there was.
static void compare_told(struct world *w, uint32_t db) {
    struct buf value = { 0 };
    struct record want = { .db = db, .name = w->key };
    struct record *r = w->count ? bsearch(&want, w->records, w->count, sizeof want, compare_records) : NULL;
    if (!r || r->seen) fail_msg("%s: %.*s in %u", r ? "told twice" : "was not there", (int)w->key.n, w->key.p, db);
    r->seen++;
    w->told++;
    assert_true(r->expire_at_ms == w->expire_at_ms);
    struct rdb_writer out = { .out = &w->object };
    size_t object = w->object.n;
    rdb_write_footer(&out, 0);
    w->scratch->session.db = 0;
    if (!BARE_RUN(w->scratch, SLICE("RESTORE"), SLICE("x"), SLICE("0"), slice_of(w->object.p, w->object.n), SLICE("REPLACE"))) {
        fail_msg("%.*s: %.*s", (int)w->key.n, w->key.p, (int)w->scratch->reply.n, w->scratch->reply.p);
    }
    const struct entry *e = entry_in(w->scratch, 0, SLICE("x"));
    if (e->type == TYPE_STREAM) buf_append(&value, w->object.p, object); // byte for byte
    else canonical(e, &w->how, &value);
    size_t same = 0;
    while (same < MIN(value.n, r->value.n) && value.p[same] == r->value.p[same]) same++;
    if (same < MAX(value.n, r->value.n)) {
        const struct buf *both[] = { &value, &r->value };
        for (int i = 0; i < 2; i++) {
            print_message("%s, %zu bytes, from %zu on:", i ? "there was" : "told", both[i]->n, same);
            for (size_t at = same; at < MIN(both[i]->n, same + 60); at++) print_message(" %02x", (unsigned char)both[i]->p[at]);
            print_message("\n");
        }
        fail_msg("%.*s in %u is another", (int)w->key.n, w->key.p, db);
    }
    buf_free(&value);
}

static bool take_part(void *arg, const struct snapshot_part *part) {
    struct world *w = arg;
    long left = mem_fail_left();
    mem_fail(0, false); // what the test does is none of the snapshot's
    w->parts++;
    bool takes = !w->refuse_at || (long)w->parts < w->refuse_at;
    if (takes) {
        assert_true(part->first == !w->within);
        assert_true((part->idle_s < 0) != (part->frequency < 0));
        if (part->first) {
            buf_clear(&w->key);
            buf_clear(&w->object);
            buf_append_slice(&w->key, part->key);
            w->expire_at_ms = part->expire_at_ms;
            assert_true(part->bytes.n > 0);
        }
        assert_true(slice_equal(part->key, slice_of(w->key.p, w->key.n)));
        buf_append_slice(&w->object, part->bytes);
        w->portions += !(part->first && part->last);
        w->within = !part->last;
        if (part->last) compare_told(w, part->db);
    }
    mem_fail(left > 0 ? left : 0, false);
    return takes;
}

// ---- random commands -----------------------------------------------------------------------------------------------------------

static uint64_t below(struct world *w, uint64_t n) { return random_below(&w->random, n); }

enum { STRINGS = 30, KEYS = 12 };

// What a word of a command below stands for. Keys of one letter have the same type, but for what SET and RENAME do.
static struct slice word(struct world *w, const char **p, char *to, size_t room) {
    static char big[300000];
    size_t n = 0;
    const char *from = *p;
    while (*from && *from != ' ') n++, from++;
    const char *at = *p;
    *p = *from ? from + 1 : from;
    if (n == 2 && at[0] == '%') {
        switch (at[1]) {
        case 's': case 'l': case 'e': case 'z': case 'h': case 'x': // a key
            return slice_of(to, (size_t)snprintf(to, room, "%c%u", at[1], (unsigned)below(w, at[1] == 's' ? STRINGS : KEYS)));
        case 'k': return slice_of(to, (size_t)snprintf(to, room, "%c%u", "slezhx"[below(w, 6)], (unsigned)below(w, STRINGS)));
        case 'n': return slice_of(to, (size_t)snprintf(to, room, "%d", (int)below(w, 40) - 8));
        case 'p': return slice_of(to, (size_t)snprintf(to, room, "%d", (int)below(w, 9) + 1));
        case 'o': return slice_of(to, (size_t)snprintf(to, room, "%u", (unsigned)below(w, below(w, 4) ? 90 : 90000)));
        case 'd': return slice_of(to, (size_t)snprintf(to, room, "%u", (unsigned)below(w, BARE_DATABASES)));
        case 't': return slice_of(to, (size_t)snprintf(to, room, "%lld", (long long)w->d->now_ms + 1 + (int64_t)below(w, 3000)));
        case 'f': return slice_of(to, (size_t)snprintf(to, room, "f%u", (unsigned)below(w, 50)));
        case 'i': return slice_of(to, (size_t)snprintf(to, room, "%lld-0", (long long)(w->d->now_ms - (int64_t)below(w, 100))));
        case 'v': break;
        default: fail_msg("%.2s", at);
        }
        size_t len = below(w, 8) ? below(w, 20) : below(w, 6) ? below(w, 400) : below(w, 8) ? 9000 + below(w, 9000) : below(w, sizeof big);
        if (!big[0]) memset(big, 'v', sizeof big);
        n = MIN(len, room);
        char *bytes = len > room ? big : to;
        for (size_t i = 0; i < n; i++) bytes[i] = (char)('a' + below(w, 26));
        return slice_of(bytes, len);
    }
    return slice_of(at, n);
}

static bool run(struct world *w, const char *line) {
    struct slice argv[24];
    char room[24][48];
    int argc = 0;
    for (const char *p = line; *p; argc++) argv[argc] = word(w, &p, room[argc], sizeof room[argc]);
    return bare_run(w->d, argc, argv, 0);
}

static const char *const fillers[] = {
    "SET %s %v", "SET %s %v", "SET %s 12345", "RPUSH %l %v %v %v %v %v %v", "RPUSH %l %f %f %f %f %f %f %f", "SADD %e %f %f %f %v %v %f %f", "SADD %e 1 2 3 %n %n %n %o %o",
    "ZADD %z %n %f %n %f %n %f %n %v %n %v", "HSET %h %f %v %f %v %f %v %f %v", "XADD %x * %f %v %f %v", "XADD %x * a %v b %v", "XADD %x * a %f b %f", "XADD %x * a %f b %f", "XADD %x * a %f b %f", "XGROUP CREATE %x g1 0",
    "XGROUP CREATE %x g2 0", "XREADGROUP GROUP g1 c1 COUNT %p STREAMS %x >", "PEXPIREAT %k %t", "HPEXPIREAT %h %t FIELDS 2 %f %f",
};
static const char *const writes[] = {
    "SET %k %v", "SET %s %v PXAT %t", "SET %s %v KEEPTTL", "SETNX %s %v", "APPEND %s %v", "APPEND %s %v", "SETRANGE %s %o %v", "SETRANGE %s %o %v", "INCRBY %s %n",
    "INCRBYFLOAT %s 1.5", "GETDEL %s", "GETSET %s %v", "GETEX %s PXAT %t", "GETEX %s PERSIST", "SETBIT %s %o 1", "SETBIT %s %o 0", "BITFIELD %s SET u8 %o 77",
    "BITFIELD %s INCRBY i16 %o 300 SET u4 %o 3", "BITOP XOR %s %s %s", "BITOP NOT %s %s", "MSET %s %v %s %v", "MSETNX %s %v %s %v", "PFADD %s %f %f", "PFMERGE %s %s %s",
    "DEL %k", "DEL %k %k", "UNLINK %k", "PEXPIREAT %k %t", "PERSIST %k", "PEXPIRE %k 0", "RENAME %k %k", "RENAME %k %k", "RENAMENX %k %k", "COPY %k %k REPLACE", "COPY %k %k DB %d",
    "MOVE %k %d", "SORT %l ALPHA STORE %l", "SORT %e ALPHA STORE %l", "TOUCH %k",
    "LPUSH %l %v", "RPUSH %l %v %v", "LPUSHX %l %v", "LPOP %l", "LPOP %l %p", "RPOP %l %p", "LSET %l %n %v", "LSET %l 0 %v", "LINSERT %l BEFORE %f %v", "LINSERT %l AFTER %f %v", "LREM %l %n %f", "LREM %l %n %f", "LTRIM %l 1 -2",
    "LTRIM %l %p 400", "LMOVE %l %l LEFT RIGHT", "LMOVE %l %l RIGHT RIGHT", "RPOPLPUSH %l %l", "LMPOP 2 %l %l LEFT COUNT %p", "BLPOP %l %l 0", "BLMOVE %l %l LEFT LEFT 0",
    "SADD %e %f", "SADD %e %v %f %n", "SREM %e %f %f %f", "SPOP %e", "SPOP %e %p", "SMOVE %e %e %f", "SINTERSTORE %e %e %e", "SUNIONSTORE %e %e %e", "SDIFFSTORE %e %e %e",
    "ZADD %z %n %f", "ZADD %z %n %f %n %v", "ZADD %z XX GT %n %f", "ZINCRBY %z %n %f", "ZADD %z INCR 0 %f", "ZREM %z %f %f %f", "ZPOPMIN %z %p", "ZPOPMAX %z", "ZREMRANGEBYRANK %z 0 %p",
    "ZREMRANGEBYSCORE %z %n %n", "ZUNIONSTORE %z 2 %z %z", "ZINTERSTORE %z 2 %z %e", "ZRANGESTORE %z %z 0 %p", "ZMPOP 1 %z MIN COUNT %p", "BZPOPMIN %z %z 0", "GEOADD %z 13.3 38.1 %f",
    "HSET %h %f %v", "HSET %h %f %v %f %v", "HSETNX %h %f %v", "HDEL %h %f %f", "HINCRBY %h n %n", "HINCRBYFLOAT %h r 2.5", "HPEXPIREAT %h %t FIELDS 1 %f", "HPEXPIRE %h 0 FIELDS 1 %f",
    "HPERSIST %h FIELDS 2 %f %f", "HGETDEL %h FIELDS 1 %f", "HGETEX %h PXAT %t FIELDS 1 %f", "HSETEX %h PXAT %t FIELDS 1 %f %v", "HGETALL %h",
    "XADD %x * %f %v", "XADD %x MAXLEN ~ 20 * %f %v", "XADD %x MAXLEN 5 * a 1 b 2", "XDEL %x %i %i %i %i", "XDEL %x %i %i %i %i %i %i %i %i", "XTRIM %x MAXLEN %p", "XTRIM %x MINID %i", "XGROUP CREATE %x g1 0 MKSTREAM",
    "XGROUP CREATE %x g2 $", "XGROUP DESTROY %x g1", "XGROUP CREATECONSUMER %x g1 c3", "XGROUP DELCONSUMER %x g1 c1", "XGROUP SETID %x g1 0", "XREADGROUP GROUP g1 c1 COUNT %p STREAMS %x >",
    "XREADGROUP GROUP g1 c2 STREAMS %x >", "XREADGROUP GROUP g1 c1 STREAMS %x 0", "XACK %x g1 %i %i", "XCLAIM %x g1 c2 0 %i %i", "XAUTOCLAIM %x g1 c3 0 0 COUNT %p", "XSETID %x 99999999999999-1",
    "GET %k", "LRANGE %l 0 -1", "SMEMBERS %e", "ZRANGE %z 0 -1",
};
static const char *const rare[] = { "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SWAPDB %d %d", "SWAPDB 2 3" };

static void fill(struct world *w, size_t count) {
    for (size_t i = 0; i < count; i++) {
        w->d->session.db = (uint32_t)below(w, BARE_DATABASES);
        w->d->now_ms += (int64_t)below(w, 2);
        run(w, fillers[below(w, ARRAY_LEN(fillers))]);
    }
}

static void background(struct world *w) {
    struct stripe *s = &w->d->c.stripes[below(w, w->d->c.stripe_count)];
    struct txn t;
    txn_begin(&t, &w->d->c);
    if (below(w, 2)) stripe_expire(s, &t, 1000);
    else stripe_compact(s);
    buf_free(&t.effects);
    buf_free(&t.events);
    struct keyspace *garbage = stripe_take_garbage(s);
    while (garbage && !keyspaces_free(&garbage)) { }
}

static void transact(struct world *w) {
    run(w, "MULTI");
    for (uint64_t n = below(w, 5); n > 0; n--) run(w, writes[below(w, ARRAY_LEN(writes))]);
    run(w, "EXEC");
}

static void change(struct world *w, unsigned rarely) {
    w->d->now_ms += (int64_t)below(w, 4);
    w->d->session.db = (uint32_t)below(w, 8) ? 0 : (uint32_t)below(w, BARE_DATABASES);
    if (below(w, rarely) == 0) run(w, rare[below(w, ARRAY_LEN(rare))]);
    else if (below(w, 20) == 0) background(w);
    else if (below(w, 20) == 0) transact(w);
    else if (below(w, 3) == 0) run(w, fillers[below(w, ARRAY_LEN(fillers))]);
    else run(w, writes[below(w, ARRAY_LEN(writes))]);
}

// ---- runs ------------------------------------------------------------------------------------------------------------------------

static void set(_Atomic uint64_t *n, uint64_t to) { atomic_store_explicit(n, to, memory_order_relaxed); }

static void world_begin(struct world *w, uint64_t seed, uint32_t stripes) {
    *w = (struct world){ .d = bare_new(stripes, START_MS, (struct effect_sink){ 0 }), .scratch = bare_new(1, 1, (struct effect_sink){ 0 }) };
    random_seed(&w->random, seed);
    w->d->session.never_block = true;
    struct settings *s = &w->d->c.settings;
    if (below(w, 3)) { // roots of few
        set(&s->hash_max_listpack_entries, 3);
        set(&s->set_max_intset_entries, 4);
        set(&s->set_max_listpack_entries, 3);
        set(&s->zset_max_listpack_entries, 3);
        set(&s->list_max_listpack_size, 4);
        set(&s->stream_node_max_entries, 3);
    }
    atomic_store(&s->access_policy, below(w, 2) ? ACCESS_LFU : ACCESS_LRU);
    w->how = (struct rdb_writer){ .compress = below(w, 2), .newest = below(w, 2) };
}

static void world_end(struct world *w) {
    forget(w);
    free(w->records);
    buf_free(&w->key);
    buf_free(&w->object);
    bare_free(w->d);
    bare_free(w->scratch);
}

// All stripes at once. False: no memory.
static bool begin(struct world *w, size_t large, size_t portion) {
    struct snapshot_options o = { .compress = w->how.compress, .newest = w->how.newest, .large = large, .portion = portion };
    forget(w);
    copy_everything(w);
    bool ok = true;
    for (uint32_t i = 0; ok && i < w->d->c.stripe_count; i++) ok = snapshot_begin(&w->d->c.stripes[i], &o) == KORA_OK;
    return ok;
}

static void end(struct world *w) {
    for (uint32_t i = 0; i < w->d->c.stripe_count; i++) snapshot_end(&w->d->c.stripes[i]);
}

static bool told_some(struct world *w, uint32_t at, int64_t budget_us) {
    enum snapshot_state state = snapshot_slice(&w->d->c.stripes[at], budget_us, take_part, w);
    if (state == SNAPSHOT_FAILED) {
        w->failed = true;
        w->within = false;
    }
    return state == SNAPSHOT_MORE;
}

// One stripe's slice. Parts of values of different stripes would be mixed: a stripe that is within one goes on. False: all have come to their ends.
static bool slice(struct world *w, uint32_t *at, int64_t budget_us) {
    if (told_some(w, *at, budget_us) && w->within) return true;
    for (uint32_t i = 0; i < w->d->c.stripe_count; i++) {
        *at = (*at + 1) % w->d->c.stripe_count;
        if (told_some(w, *at, -1)) return true;
    }
    return false;
}

static void check_whole(struct world *w) {
    if (w->failed) return;
    for (size_t i = 0; i < w->count; i++) {
        if (w->records[i].seen != 1) fail_msg("never told: %.*s in %u", (int)w->records[i].name.n, w->records[i].name.p, w->records[i].db);
    }
    assert_int_equal(w->told, w->count);
}

static void one_snapshot(struct world *w, size_t large, size_t portion, unsigned changes, unsigned rarely) {
    uint32_t at = 0;
    assert_true(begin(w, large, portion));
    bool more = true;
    while (more) {
        for (uint64_t n = below(w, changes + 1); n > 0; n--) change(w, rarely);
        more = slice(w, &at, below(w, 3) ? -1 : (int64_t)below(w, 60));
        if (below(w, 50) == 0) bare_check(w->d);
    }
    check_whole(w);
    assert_false(w->failed);
    for (uint32_t i = 0; i < w->d->c.stripe_count; i++) {
        struct snapshot_progress p = snapshot_progress(&w->d->c.stripes[i]);
        assert_true(p.keys == p.told);
    }
    end(w);
    bare_check(w->d);
    w->d->session.db = 0;
}

static void model_of(uint64_t from, uint64_t seeds, uint32_t stripes, size_t large, size_t portion, unsigned changes, unsigned rarely) {
    uint64_t portions = 0;
    for (uint64_t seed = from; seed < from + seeds; seed++) {
        struct world w;
        world_begin(&w, seed, stripes);
        fill(&w, 900);
        for (int n = 0; n < 3; n++) {
            one_snapshot(&w, large, portion, changes, rarely);
            for (int i = 0; i < 300; i++) change(&w, 1000);
        }
        portions += w.portions;
        world_end(&w);
    }
    assert_true(large == 0 || portions > 100);
}

static void small_portions(void **state) {
    (void)state;
    model_of(1, less(9), 1, 1, 1, 6, 400);
}
static void some_portions(void **state) {
    (void)state;
    model_of(100, less(9), 1, 200, 300, 12, 300);
}
static void usual_portions(void **state) {
    (void)state;
    model_of(200, less(6), 2, 0, 0, 10, 400);
}
static void much_is_dropped(void **state) {
    (void)state;
    model_of(300, less(9), 4, 100, 100, 3, 12);
}

// Given up in the middle, again and again: marks that are left mean nothing to the next.
static void given_up(void **state) {
    (void)state;
    struct world w;
    world_begin(&w, 7, 1);
    fill(&w, 900);
    for (int n = 0; n < 40; n++) {
        uint32_t at = 0;
        assert_true(begin(&w, 100, 100));
        bool refuses = n % 3 == 0;
        w.refuse_at = refuses ? (long)(w.parts + 1 + below(&w, 40)) : 0;
        for (uint64_t i = below(&w, 60); i > 0; i--) {
            for (uint64_t c = below(&w, 12); c > 0; c--) change(&w, 300);
            if (!slice(&w, &at, -1)) break;
        }
        w.refuse_at = 0;
        end(&w);
        bare_check(w.d);
        if (n % 13 != 12) continue;
        one_snapshot(&w, 100, 100, 8, 300);
        fill(&w, 300);
    }
    world_end(&w);
}

// ---- the scan: whoever stops anywhere goes on behind, and equal hashes stay together --------------------------------------------------

enum { NUMBERS = 600 };
struct numbers {
    uint32_t of[NUMBERS]; // the same in runs of five
    unsigned seen[NUMBERS / 5], stop;
    struct random random;
};

static uint64_t hash_number(const void *ctx, const void *entry) {
    (void)ctx;
    return *(const uint32_t *)entry * UINT64_C(0x9e3779b97f4a7c15);
}

static bool see_number(void *arg, void *entry) {
    struct numbers *n = arg;
    n->seen[*(uint32_t *)entry]++;
    return random_below(&n->random, n->stop) != 0;
}

static void scan_stops(void **state) {
    (void)state;
    static struct numbers n;
    for (n.stop = 1; n.stop < 100; n.stop = 2 * n.stop + 1) {
        struct slab *slab = slab_create(true);
        struct table t;
        table_init(&t, slab, hash_number, NULL);
        random_seed(&n.random, n.stop);
        memset(n.seen, 0, sizeof n.seen);
        for (uint32_t i = 0; i < NUMBERS; i++) {
            n.of[i] = i / 5;
            assert_true(table_insert(&t, hash_number(NULL, &n.of[i]), &n.of[i]));
        }
        for (uint64_t cursor = 0; cursor != UINT64_MAX;) {
            snapshot_scan(&t, &cursor, see_number, &n);
            for (uint32_t i = 0; i < NUMBERS / 5; i++) {
                assert_int_equal(n.seen[i], table_position(hash_number(NULL, &i)) < cursor ? 5 : 0);
            }
        }
        slab_destroy(slab);
    }
}

// ---- large strings ------------------------------------------------------------------------------------------------------------------

static void must(struct world *w, const char *line) {
    if (!run(w, line)) fail_msg("%s: %.*s", line, (int)w->d->reply.n, w->d->reply.p);
}

// One command after the other, with a portion told between them, from the `lead`-th portion on.
static void strings_change(const char *const *lines, size_t n, unsigned lead) {
    struct world w;
    uint32_t at = 0;
    world_begin(&w, 1, 1);
    must(&w, "SETRANGE big 200000 end");
    must(&w, "SETRANGE big 77777 middle");
    must(&w, "SETRANGE other 150000 end");
    must(&w, "COPY big twin");
    must(&w, "SETRANGE lone 200000 end");
    must(&w, "SETRANGE lone 160000 middle");
    must(&w, "SET small abc");
    assert_true(begin(&w, 0, 10000));
    size_t next = 0;
    for (unsigned i = 0;; i++) {
        if (i >= lead && next < n) must(&w, lines[next++]);
        if (!slice(&w, &at, -1) && next == n) break;
    }
    check_whole(&w);
    assert_int_equal(snapshot_progress(&w.d->c.stripes[0]).told, 5);
    end(&w);
    bare_check(w.d);
    world_end(&w);
}

static void large_strings(void **state) {
    (void)state;
    static const char *const cut_and_grown[] = { "BITOP NOT lone other", "SETRANGE lone 190000 x", "APPEND lone tail" };
    static const char *const written[] = { "SETRANGE big 100000 abc", "SETBIT big 800000 1", "APPEND big x", "BITFIELD twin SET u8 640000 200", "SETRANGE twin 9999 ab", "SETRANGE big 0 xy" };
    static const char *const twins[] = { "DEL big", "SETRANGE twin 50 abc", "SETRANGE twin 199990 abc", "RENAME twin big", "SETRANGE big 88888 q" };
    static const char *const dropped[] = { "SETRANGE big 50 abc", "FLUSHALL", "SETRANGE big 60 x", "SET twin 1" };
    static const char *const moved[] = { "MOVE big 2", "SWAPDB 0 2", "SETRANGE big 60 x", "RENAME big other", "GETDEL other" };
    for (unsigned lead = 0; lead < 45; lead++) {
        strings_change(cut_and_grown, ARRAY_LEN(cut_and_grown), lead);
        strings_change(written, ARRAY_LEN(written), lead);
        strings_change(twins, ARRAY_LEN(twins), lead);
        strings_change(dropped, ARRAY_LEN(dropped), lead);
        strings_change(moved, ARRAY_LEN(moved), lead);
    }
}

// ---- every part of a value, before and after it was told --------------------------------------------------------------------------------

enum { ENTRIES = 60 };

static void part_changes(const char *line, int number, unsigned lead) {
    struct world w;
    char text[100];
    uint32_t at = 0;
    world_begin(&w, 2, 1);
    set(&w.d->c.settings.list_max_listpack_size, 4);
    set(&w.d->c.settings.stream_node_max_entries, 4);
    set(&w.d->c.settings.zset_max_listpack_entries, 4);
    set(&w.d->c.settings.set_max_listpack_entries, 4);
    set(&w.d->c.settings.set_max_intset_entries, 4);
    set(&w.d->c.settings.hash_max_listpack_entries, 4);
    for (int i = 1; i <= ENTRIES; i++) {
        snprintf(text, sizeof text, "XADD stream %d-1 a b c %d", i, i);
        must(&w, text);
        snprintf(text, sizeof text, "RPUSH list e%d", i);
        must(&w, text);
        snprintf(text, sizeof text, "ZADD zset %d e%d", i, i);
        must(&w, text);
        snprintf(text, sizeof text, "SADD set e%d", i);
        must(&w, text);
        snprintf(text, sizeof text, "HSET hash e%d %d", i, i);
        must(&w, text);
    }
    assert_true(begin(&w, 1, 1));
    snprintf(text, sizeof text, line, number);
    for (unsigned i = 0;; i++) {
        if (i == lead) must(&w, text);
        if (!slice(&w, &at, -1)) break;
    }
    check_whole(&w);
    end(&w);
    bare_check(w.d);
    world_end(&w);
}

static void each_part(void **state) {
    (void)state;
    static const char *const lines[] = { "XDEL stream %d-1", "XTRIM stream MINID %d-2", "XADD stream * a %d", "LSET list -%d changed", "LREM list 1 e%d",
 "ZADD zset -3 e%d", "ZADD zset 99 e%d", "ZADD zset 30 e%d",
        "ZREM zset e%d", "ZREMRANGEBYSCORE zset -inf %d", "ZPOPMAX zset %d", "SREM set e%d", "SADD set f%d", "SPOP set %d", "HSET hash e%d new", "HSET hash f%d new", "HDEL hash e%d",
        "HPEXPIREAT hash 9999999999999 FIELDS 1 e%d", "LREM list -1 e%d", "LINSERT list BEFORE e%d new", "LPOP list %d", "RPOP list %d", "LPUSH list %d", "RPUSH list %d" };
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        for (int number = 1; number < ENTRIES; number += 19) {
            for (unsigned lead = 0; lead < 260; lead += 186 / less(6)) part_changes(lines[i], number, lead);
        }
    }
}

// ---- the account ---------------------------------------------------------------------------------------------------------------------

static bool swallow(void *arg, const struct snapshot_part *part) {
    (void)arg;
    (void)part;
    return true;
}

// What is held for the image is counted, and all of it is given back.
static void memory_is_counted(void **state) {
    (void)state;
    struct world w;
    world_begin(&w, 3, 1);
    struct stripe *s = &w.d->c.stripes[0];
    assert_int_equal(snapshot_memory(s), 0);
    must(&w, "SETRANGE big 999999 x");
    for (int i = 0; i < 3000; i++) run(&w, "HSET hash %v %v");
    for (int i = 0; i < 3000; i++) run(&w, "SET %s %v");
    uint64_t used = stripe_memory(s).used;
    assert_int_equal(snapshot_begin(s, &(struct snapshot_options){ 0 }), KORA_OK);
    uint64_t idle = snapshot_memory(s);
    assert_true(idle < 4096);
    must(&w, "SETRANGE big 500000 y");
    assert_in_range(snapshot_memory(s), idle + 64 * 1024, idle + 70 * 1024);
    must(&w, "DEL big");
    assert_in_range(snapshot_memory(s), 1000000, 1200000);
    must(&w, "DEL hash");
    uint64_t both = snapshot_memory(s);
    assert_true(both > 1300000 && both <= used + 100000);
    must(&w, "FLUSHALL");
    assert_true(snapshot_memory(s) > used / 2);
    while (snapshot_slice(s, 100, swallow, NULL) == SNAPSHOT_MORE) { }
    assert_int_equal(snapshot_slice(s, 100, swallow, NULL), SNAPSHOT_DONE);
    snapshot_end(s);
    snapshot_end(s);
    assert_int_equal(snapshot_memory(s), 0);
    struct keyspace *garbage = stripe_take_garbage(s);
    assert_non_null(garbage);
    while (!keyspaces_free(&garbage)) { }
    bare_check(w.d);
    world_end(&w);
}

// ---- what a slice does at once, however much of a value has changed --------------------------------------------------------------------

enum { AT_ONCE = 2 << 20 }; // bytes freed by a slice: a chunk of a slab and some

static bool count_bytes(void *arg, const struct snapshot_part *part) {
    *(uint64_t *)arg += part->bytes.n;
    return true;
}

static void each_item(struct world *w, const char *format, unsigned from, unsigned n) {
    static const char dots[] = "................................................................................";
    for (unsigned i = from; i < n; i++) {
        char line[400];
        snprintf(line, sizeof line, format, i, dots);
        must(w, line);
    }
}

// All items were changed while the image was open. What is told and what is freed by a slice is bounded, and so it is where the snapshot is given up.
static void all_of_it_changes(const char *fill_with, const char *change_with, bool give_up) {
    struct world w;
    const unsigned n = 40000;
    uint64_t most_told = 0, most_freed = 0, before, slices = 0;
    world_begin(&w, 5, 1);
    struct stripe *s = &w.d->c.stripes[0];
    each_item(&w, fill_with, 0, n);
    assert_int_equal(snapshot_begin(s, &(struct snapshot_options){ 0 }), KORA_OK);
    each_item(&w, change_with, 1, n);
    assert_true(snapshot_memory(s) > AT_ONCE);
    for (bool more = true; more; slices++) {
        uint64_t told = 0;
        before = snapshot_memory(s);
        if (give_up) more = !snapshot_give_up(s);
        else more = snapshot_slice(s, -1, count_bytes, &told) == SNAPSHOT_MORE;
        most_told = MAX(most_told, told);
        most_freed = MAX(most_freed, before - MIN(before, snapshot_memory(s)));
    }
    assert_true(slices > 1);
    assert_in_range(most_told, 0, 3 * 64 * 1024);
    assert_in_range(most_freed, 1, AT_ONCE);
    assert_in_range(snapshot_memory(s), 0, 200 * 1024); // the walk's own
    snapshot_end(s);
    assert_int_equal(snapshot_memory(s), 0);
    assert_int_equal(atomic_load(&w.d->c.held.now), 0);
    world_end(&w);
}

static void slices_are_bounded(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        { "HSET large field:%u%s value", "HSET large field:%u%s other" },
        { "SADD large member:%u%s", "SREM large member:%u%s" },
        { "ZADD large 1 member:%u%s", "ZADD large 2 member:%u%s" },
        { "RPUSH large element:%u%s", "LPOP large" },
        { "APPEND large %u%s", "SETRANGE large %u00 x" },
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        all_of_it_changes(lines[i][0], lines[i][1], false);
        all_of_it_changes(lines[i][0], lines[i][1], true);
    }
}

// ---- kora_set, which writes by itself ------------------------------------------------------------------------------------------------

static bool find_plain(void *arg, const struct snapshot_part *part) {
    if (slice_equal(part->key, SLICE("plain"))) buf_append_slice(arg, part->bytes);
    return true;
}

static void typed_calls(void **state) {
    (void)state;
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    struct buf told = { 0 };
    o.shards = 1;
    o.stripes = 1;
    assert_int_equal(kora_open(NULL, &o, &db), KORA_OK);
    assert_int_equal(kora_set(db, "plain", 5, "as it was at the cut", 20, NULL), KORA_OK);
    struct lease *l = &db->engine->leases[0];
    struct stripe *s = &db->engine->common.stripes[0];
    assert_true(lease_try(l) || lease_wait(l));
    assert_int_equal(snapshot_begin(s, &(struct snapshot_options){ 0 }), KORA_OK);
    lease_release(l);
    for (int i = 0; i < 100; i++) assert_int_equal(kora_set(db, "plain", 5, "as it is after the c", 20, NULL), KORA_OK);
    assert_true(lease_try(l) || lease_wait(l));
    while (snapshot_slice(s, 1000, find_plain, &told) == SNAPSHOT_MORE) { }
    snapshot_end(s);
    lease_release(l);
    assert_int_equal(told.n, 22);
    assert_memory_equal(told.p + 2, "as it was at the cut", 20);
    buf_free(&told);
    assert_int_equal(kora_close(db), KORA_OK);
}

// ---- memory ----------------------------------------------------------------------------------------------------------------------

// With the nth allocation failing. False: there was no such one.
static bool fail_at(long nth, bool forever, uint64_t *failed) {
    struct world w;
    uint32_t at = 0;
    bool more = true, ran_out = false;
    world_begin(&w, 11, 1);
    fill(&w, 150);
    forget(&w);
    copy_everything(&w);
    mem_fail(nth, forever);
    if (snapshot_begin(&w.d->c.stripes[0], &(struct snapshot_options){ .large = 100, .portion = 100, .compress = w.how.compress, .newest = w.how.newest }) != KORA_OK) more = false;
    for (int n = 0; more; n++) {
        if (n < 120) change(&w, 100);
        more = slice(&w, &at, -1);
    }
    ran_out = mem_fail_left() <= 0;
    mem_fail(0, false);
    if (snapshot_is_there(&w.d->c.stripes[0])) {
        *failed += w.failed;
        check_whole(&w);
    }
    end(&w);
    bare_check(w.d);
    one_snapshot(&w, 100, 100, 5, 300);
    world_end(&w);
    return ran_out;
}

static void no_memory(void **state) {
    (void)state;
    uint64_t failed = 0;
    for (long nth = 1; fail_at(nth, false, &failed); nth += 1 + (long)(nth / less(48))) { }
    for (long nth = 1; fail_at(nth, true, &failed); nth += 1 + (long)(nth / less(8))) { }
    assert_true(failed > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_portions),
        cmocka_unit_test(some_portions),
        cmocka_unit_test(usual_portions),
        cmocka_unit_test(much_is_dropped),
        cmocka_unit_test(given_up),
        cmocka_unit_test(scan_stops),
        cmocka_unit_test(large_strings),
        cmocka_unit_test(each_part),
        cmocka_unit_test(memory_is_counted),
        cmocka_unit_test(slices_are_bounded),
        cmocka_unit_test(typed_calls),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
