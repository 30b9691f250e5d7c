// Effects of every command that writes: a random stream of all of them runs on one database, over few keys of each type, while time passes and
// what expires is taken out in the background. What it says that it did is replayed into other databases, which have other numbers of stripes, and
// clocks that are years off. They must hold the same keys with the same types, contents and expiries. Now and then the sink has no room for an effect, at any point of a command:
// then that changes nothing but what it has told of.
//
// `invocations` has at least one line for every command with CMD_WRITE, or the test fails. test_commands.c looks at the forms of the effects of strings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "cmd/digest.h"
#include "type/rdb_value.h"
#include "unit/bare.h"

// ---- the stream ----------------------------------------------------------------------------------------------------------------

// %s %l %t %z %h %x %b  a key that mostly holds a string, list, set, sorted set, hash, stream, bits; %k any key
// %m a member or field   %v a value   %i an integer   %f a decimal   %n a score   %o a small position, also negative   %c a small count   %d a database
// %S %M seconds, milliseconds from now   %A %P Unix time of about now in seconds, milliseconds   %I an id of a stream   %D the DUMP of a key   %w a consumer or group
static const char *const invocations[] = {
    // keys
    "DEL %k", "DEL %k %k %k", "UNLINK %k", "RENAME %k %k", "RENAMENX %k %k", "COPY %k %k", "COPY %k %k REPLACE", "COPY %k %k DB %d REPLACE", "MOVE %k %d",
    "EXPIRE %k %S", "EXPIRE %k %S NX", "EXPIRE %k %S GT", "PEXPIRE %k %M", "EXPIREAT %k %A", "PEXPIREAT %k %P", "PEXPIREAT %k %P LT", "PERSIST %k",
    "RESTORE %k 0 %D", "RESTORE %k 0 %D REPLACE", "RESTORE %k %M %D REPLACE", "RESTORE %k %P %D REPLACE ABSTTL", "RESTORE %k 0 %D REPLACE IDLETIME 5",
    "SORT %l STORE %k", "SORT %l ALPHA DESC STORE %k", "SORT %t ALPHA STORE %k", "SORT %z ALPHA LIMIT 0 3 STORE %k",
    // strings
    "SET %s %v", "SET %s %i", "SET %s %v EX %S", "SET %s %v PXAT %P", "SET %s %v NX", "SET %s %v XX GET KEEPTTL", "SET %k %v", "SETNX %s %v", "SETEX %s %S %v",
    "PSETEX %s %M %v", "GETSET %s %v", "GETDEL %s", "GETEX %s PX %M", "GETEX %s PERSIST", "MSET %s %v %k %v", "MSETNX %s %v %s %v", "APPEND %s %v",
    "SETRANGE %s %c %v", "INCR %s", "DECR %s", "INCRBY %s %i", "DECRBY %s %i", "INCRBYFLOAT %s %f",
    // bits
    "SETBIT %b %c 1", "SETBIT %b %c 0", "BITOP AND %b %b %b", "BITOP NOT %k %b", "BITOP XOR %b %b %s", "BITFIELD %b INCRBY u5 %c 3 SET i8 %c 100",
    "BITFIELD %b OVERFLOW FAIL INCRBY u2 %c 1", "PFADD %b %m %m", "PFADD %b", "PFMERGE %b %b", "PFMERGE %b %b %b", "PFCOUNT %b", "PFDEBUG GETREG %b",
    // lists
    "LPUSH %l %v", "LPUSH %l %v %i %v", "RPUSH %l %v", "RPUSH %l %m %m %m %m %m %m", "LPUSHX %l %v", "RPUSHX %l %v %v", "LPOP %l", "LPOP %l %c", "RPOP %l", "RPOP %l %c",
    "LINSERT %l BEFORE %m %v", "LINSERT %l AFTER %m %v", "LSET %l %o %v", "LREM %l %o %m", "LREM %l 0 %m", "LTRIM %l %o %o", "LMOVE %l %l LEFT RIGHT", "LMOVE %l %l RIGHT RIGHT",
    "RPOPLPUSH %l %l", "LMPOP 2 %l %l LEFT", "LMPOP 1 %l RIGHT COUNT %c", "BLPOP %l %l 0", "BRPOP %l 0", "BLMOVE %l %l LEFT LEFT 0", "BRPOPLPUSH %l %l 0",
    "BLMPOP 0 2 %l %l LEFT COUNT %c",
    // sets
    "SADD %t %m", "SADD %t %i %i %i", "SADD %t %m %v %m %i", "SREM %t %m", "SREM %t %m %m %i", "SPOP %t", "SPOP %t %c", "SMOVE %t %t %m", "SINTERSTORE %k %t %t",
    "SUNIONSTORE %t %t %t", "SDIFFSTORE %t %t %t",
    // sorted sets
    "ZADD %z %n %m", "ZADD %z %n %m %n %m %n %v", "ZADD %z GT CH %n %m", "ZADD %z NX %n %m %n %m", "ZADD %z XX INCR %n %m", "ZADD %z INCR %f %m", "ZINCRBY %z %n %m", "ZREM %z %m",
    "ZREM %z %m %m %m", "ZREMRANGEBYRANK %z %o %o", "ZREMRANGEBYSCORE %z %n +inf", "ZREMRANGEBYSCORE %z -inf (%n", "ZREMRANGEBYLEX %z [%m +", "ZPOPMIN %z", "ZPOPMIN %z %c",
    "ZPOPMAX %z %c", "ZMPOP 2 %z %z MIN COUNT %c", "ZMPOP 1 %z MAX", "ZUNIONSTORE %z 2 %z %z WEIGHTS 2 %f", "ZUNIONSTORE %k 2 %z %t AGGREGATE MAX", "ZINTERSTORE %z 2 %z %z",
    "ZDIFFSTORE %z 2 %z %z", "ZRANGESTORE %k %z %o %o", "ZRANGESTORE %z %z -inf %n BYSCORE", "BZPOPMIN %z %z 0", "BZPOPMAX %z 0", "BZMPOP 0 1 %z MIN COUNT %c",
    "GEOADD %z 13.361389 38.115556 %m 15.087269 37.502669 %m", "GEOADD %z XX CH %c.5 %c.25 %m", "GEORADIUS %z 15 37 200 km STORE %k", "GEORADIUS %z 15 37 5000 km STOREDIST %z",
    "GEORADIUSBYMEMBER %z %m 300 km STORE %z", "GEOSEARCHSTORE %k %z FROMLONLAT 15 37 BYBOX 400 400 km ASC",
    // hashes
    "HSET %h %m %v", "HSET %h %m %v %m %i %m %v", "HMSET %h %m %v", "HSETNX %h %m %v", "HINCRBY %h %m %i", "HINCRBYFLOAT %h %m %f", "HDEL %h %m", "HDEL %h %m %m %m",
    "HEXPIRE %h %S FIELDS 2 %m %m", "HPEXPIRE %h %M FIELDS 1 %m", "HPEXPIRE %h %M NX FIELDS 3 %m %m %m", "HEXPIREAT %h %A FIELDS 1 %m", "HPEXPIREAT %h %P GT FIELDS 1 %m",
    "HPEXPIREAT %h %P FIELDS 2 %m %m", "HPERSIST %h FIELDS 2 %m %m", "HGETDEL %h FIELDS 2 %m %m", "HGETEX %h PX %M FIELDS 1 %m", "HGETEX %h PERSIST FIELDS 1 %m",
    "HGETEX %h PXAT %P FIELDS 2 %m %m", "HSETEX %h EX %S FIELDS 1 %m %v", "HSETEX %h FNX KEEPTTL FIELDS 1 %m %v", "HSETEX %h PXAT %P FIELDS 2 %m %v %m %v", "HSETEX %h FIELDS 1 %m %v",
    // streams
    "XADD %x * %m %v", "XADD %x * %m %v %m %i", "XADD %x %I %m %v", "XADD %x NOMKSTREAM * %m %v", "XADD %x MAXLEN 5 * %m %v", "XADD %x MAXLEN ~ 5 * %m %v",
    "XADD %x MINID ~ %I LIMIT 2 * %m %v", "XDEL %x %I", "XDEL %x %I %I", "XTRIM %x MAXLEN %c", "XTRIM %x MAXLEN ~ 4", "XTRIM %x MINID %I", "XSETID %x 99999999999999-1",
    "XSETID %x 99999999999999-2 ENTRIESADDED 500 MAXDELETEDID 7-1", "XGROUP CREATE %x %w 0 MKSTREAM", "XGROUP CREATE %x %w $", "XGROUP CREATE %x %w %I ENTRIESREAD %c",
    "XGROUP SETID %x %w %I", "XGROUP SETID %x %w 0 ENTRIESREAD %c", "XGROUP DESTROY %x %w", "XGROUP CREATECONSUMER %x %w %w", "XGROUP DELCONSUMER %x %w %w",
    "XREADGROUP GROUP %w %w STREAMS %x >", "XREADGROUP GROUP %w %w COUNT %c STREAMS %x %x > >", "XREADGROUP GROUP %w %w NOACK STREAMS %x >",
    "XREADGROUP GROUP %w %w COUNT 2 STREAMS %x >", "XREADGROUP GROUP %w %w STREAMS %x 0", "XACK %x %w %I", "XACK %x %w %I %I %I", "XCLAIM %x %w %w 0 %I",
    "XCLAIM %x %w %w 0 %I %I FORCE", "XCLAIM %x %w %w 100 %I JUSTID", "XCLAIM %x %w %w 0 %I IDLE 50 RETRYCOUNT 7", "XCLAIM %x %w %w 0 %I TIME %P LASTID %I",
    "XAUTOCLAIM %x %w %w 0 0 COUNT 3", "XAUTOCLAIM %x %w %w 200 0 JUSTID", "XDELEX %x KEEPREF IDS 1 %I", "XDELEX %x DELREF IDS 2 %I %I", "XACKDEL %x %w ACKED IDS 1 %I",
    // reads: of what has expired they take notice
    "GET %s", "HGETALL %h", "TYPE %k", "MGET %k %k %k %k", "EXISTS %k %k", "SELECT %d", "SELECT %d",
};
// Often enough once in a while.
static const char *const rare[] = { "FLUSHDB", "FLUSHALL", "SWAPDB %d %d" };
// Written to by none of these: it has no effect that could be replayed.
static const char *const without[] = { "migrate", "script" };

static const char key_kinds[] = "sltzhxb";
enum { KEYS_OF_KIND = 4, MEMBERS = 14, ARGS_MAX = 32, LINE_BYTES = 1 << 20 };

// What a command is made of: bytes of its arguments, one after the other.
struct line {
    struct buf bytes;
    size_t start[ARGS_MAX + 1];
    int argc;
};

static void add_key(struct line *l, struct random *r, char kind) {
    if (kind == 'k' || random_below(r, 12) == 0) kind = key_kinds[random_below(r, sizeof key_kinds - 1)];
    if (random_below(r, 4) == 0) buf_append(&l->bytes, "{tag}", 5);
    buf_append_char(&l->bytes, kind);
    buf_append_int(&l->bytes, (int64_t)random_below(r, KEYS_OF_KIND));
}

static void add_value(struct line *l, struct random *r) {
    size_t n = random_below(r, 10) ? random_below(r, 20) : random_below(r, 300);
    for (size_t i = 0; i < n; i++) buf_append_char(&l->bytes, (char)('a' + random_below(r, 4)));
}

// The payload of some key: what DUMP replies, without its frame.
static void add_dump(struct bare *d, struct line *l, struct random *r) {
    struct line key = { 0 };
    add_key(&key, r, 'k');
    if (!BARE_RUN(d, SLICE("DUMP"), slice_of(key.bytes.p, key.bytes.n)) || d->reply.p[0] != '$' || d->reply.p[1] == '-') {
        buf_append(&l->bytes, "nothing", 7);
    } else {
        const char *p = (const char *)memchr(d->reply.p, '\n', d->reply.n) + 1;
        buf_append(&l->bytes, p, (size_t)(d->reply.p + d->reply.n - 2 - p));
    }
    buf_free(&key.bytes);
}

// Ids of the stream's last entries are near the clock, those that XADD is given are small.
static void add_id(struct bare *d, struct line *l, struct random *r) {
    if (random_below(r, 2)) buf_printf(&l->bytes, "%d-%d", (int)random_below(r, 30), (int)random_below(r, 3));
    else buf_printf(&l->bytes, "%lld-0", (long long)(d->now_ms - (int64_t)random_below(r, 3000)));
}

static void add_part(struct bare *d, struct line *l, struct random *r, char what) {
    int64_t n = (int64_t)random_below(r, 200);
    switch (what) {
    case 'm': buf_printf(&l->bytes, random_below(r, 2) ? "m%d" : "%d", (int)random_below(r, MEMBERS)); break;
    case 'v': add_value(l, r); break;
    case 'i': buf_append_int(&l->bytes, n - 100); break;
    case 'f': buf_printf(&l->bytes, "%.2f", (double)(n - 100) / 8); break;
    case 'n': buf_printf(&l->bytes, random_below(r, 3) ? "%d" : "%d.5", (int)(n % 10) - 5); break;
    case 'o': buf_append_int(&l->bytes, n % 12 - 4); break;
    case 'c': buf_append_int(&l->bytes, n % 7 + 1); break;
    case 'd': buf_append_int(&l->bytes, n % BARE_DATABASES); break;
    case 'S': buf_append_int(&l->bytes, n / 20 - 1); break;
    case 'M': buf_append_int(&l->bytes, n * 40 - 200); break;
    case 'A': buf_append_int(&l->bytes, d->now_ms / 1000 + n / 20 - 2); break;
    case 'P': buf_append_int(&l->bytes, d->now_ms + n * 40 - 1000); break;
    case 'I': add_id(d, l, r); break;
    case 'D': add_dump(d, l, r); break;
    case 'w': buf_printf(&l->bytes, "w%d", (int)random_below(r, 3)); break;
    default: add_key(l, r, what); break;
    }
}

static void make(struct bare *d, struct random *r, const char *p, struct line *l) {
    buf_clear(&l->bytes);
    l->argc = 0;
    for (; *p; p++) {
        if (l->argc == 0 || *p == ' ') {
            l->start[l->argc++] = l->bytes.n;
            if (*p == ' ') continue;
        }
        if (*p == '%') add_part(d, l, r, *++p);
        else buf_append_char(&l->bytes, *p);
    }
    l->start[l->argc] = l->bytes.n;
    assert_true(l->argc <= ARGS_MAX && !l->bytes.failed);
}

static void slices_of(const struct line *l, struct slice *argv) {
    for (int i = 0; i < l->argc; i++) argv[i] = slice_of(l->bytes.p + l->start[i], l->start[i + 1] - l->start[i]);
}

// ---- effects --------------------------------------------------------------------------------------------------------------------

static void say(const char *what, const struct slice *argv, int argc) {
    print_message("%s", what);
    for (int i = 0; i < argc; i++) print_message(" %.*s%s", (int)MIN(argv[i].n, 60), argv[i].p, argv[i].n > 60 ? "..." : "");
    print_message("\n");
}

static bool is_whole(const struct kept *e) { return slice_is_word(e->argv[0], "flushdb") || slice_is_word(e->argv[0], "swapdb"); }

struct whereabouts {
    struct bare *d;
    const struct kept *e;
    int keys;
};

static void check_key(void *arg, int at, struct slice flags) {
    struct whereabouts *w = arg;
    struct key k;
    (void)flags;
    key_locate(&w->d->c, &k, w->e->db, w->e->argv[at]);
    if (k.stripe_number != w->e->stripe) say("about another stripe:", w->e->argv, w->e->argc);
    assert_int_equal(k.stripe_number, w->e->stripe);
    w->keys++;
}

// An effect is about keys of one stripe.
static void check_effect(struct bare *d, const struct kept *e) {
    const struct command *container, *c = command_find(d->host.index, e->argc, e->argv, &container);
    struct whereabouts w = { d, e, 0 };
    assert_non_null(c);
    if (is_whole(e)) return;
    // PFCOUNT, which only reads, keeps the count that it has found in the value.
    bool writes = (c->flags & CMD_WRITE) || strcmp(c->name, "pfcount") == 0;
    if (!writes) say("writes nothing:", e->argv, e->argc);
    assert_true(writes);
    assert_true(command_keys(c, e->argc, e->argv, check_key, &w));
    assert_true(w.keys > 0);
}

static void apply(struct bare *to, const struct kept *e) {
    struct slice argv[ARGS_MAX * 2], *all = e->argc <= (int)ARRAY_LEN(argv) ? argv : malloc((size_t)e->argc * sizeof *all);
    memcpy(all, e->argv, (size_t)e->argc * sizeof *all);
    to->session.db = e->db;
    if (!bare_run(to, e->argc, all, TXN_REPLAY)) {
        say("replayed:", e->argv, e->argc);
        fail_msg("%.*s", (int)to->reply.n, to->reply.p);
    }
    if (all != argv) free(all);
}

// Between two effects of the whole database those of different stripes have nothing to do with each other: they may be applied stripe by stripe.
static void replay(const struct bare *from, const struct kept_effects *l, struct bare *to, bool by_stripe) {
    for (size_t i = 0, end; i < l->n; i = end) {
        if (is_whole(&l->e[i])) {
            apply(to, &l->e[i]);
            end = i + from->c.stripe_count; // one in each: together they are the command
            continue;
        }
        for (end = i; end < l->n && !is_whole(&l->e[end]); end++) {
            if (!by_stripe) apply(to, &l->e[end]);
        }
        for (uint32_t s = from->c.stripe_count; by_stripe && s-- > 0;) {
            for (size_t k = i; k < end; k++) {
                if (l->e[k].stripe == s) apply(to, &l->e[k]);
            }
        }
    }
}

// ---- digests: everything that a database holds, in whatever form ----------------------------------------------------------------

struct digest {
    uint64_t sum, keys; // a sum, so that the order does not matter
    uint32_t db;
    struct buf *list;   // NULL; or gets a line for each key
};

static void digest_entry(void *arg, void *entry) {
    struct digest *g = arg;
    const struct entry *e = entry;
    struct slice name = entry_key(e);
    g->sum += digest_of_key(e, g->db);
    g->keys++;
    if (!g->list) return;
    buf_printf(g->list, "%u %.*s %s %lld %016llx\n", g->db, (int)name.n, name.p, value_type_name((enum value_type)e->type),
        (long long)entry_expire_at(e), (unsigned long long)digest_of_value(e));
}

static struct digest digest_of(struct bare *d, struct buf *list) {
    struct digest g = { .list = list };
    struct txn t;
    txn_begin(&t, &d->c);
    t.now_ms = INT64_MIN;
    for (g.db = 0; g.db < BARE_DATABASES; g.db++) {
        for (uint32_t i = 0; i < d->c.stripe_count; i++) stripe_scan(&d->c.stripes[i], &t, g.db, 0, SIZE_MAX, digest_entry, &g);
    }
    return g;
}

static bool same(struct digest a, struct digest b) { return a.sum == b.sum && a.keys == b.keys; }

// Lines of `a` that `b` has not.
static void say_missing(const char *what, const struct buf *a, const struct buf *b) {
    for (const char *p = a->p, *end; p < a->p + a->n; p = end + 1) {
        end = memchr(p, '\n', (size_t)(a->p + a->n - p));
        if (!b->n || !memmem(b->p, b->n, p, (size_t)(end + 1 - p))) print_message("%s: %.*s\n", what, (int)(end - p), p);
    }
}

static void say_difference(struct bare *from, struct bare *to, const struct kept_effects *l) {
    struct buf a = { 0 }, b = { 0 };
    digest_of(from, &a);
    digest_of(to, &b);
    say_missing("in the database", &a, &b);
    say_missing("in the replica", &b, &a);
    for (size_t i = l->n > 60 ? l->n - 60 : 0; i < l->n; i++) say("effect:", l->e[i].argv, l->e[i].argc);
    buf_free(&a);
    buf_free(&b);
}

// ---- tests ------------------------------------------------------------------------------------------------------------------------

static const struct command *command_of(const struct command_index *x, const char *line) {
    struct slice argv[2];
    const struct command *container;
    size_t n = strcspn(line, " ");
    argv[0] = slice_of(line, n);
    argv[1] = line[n] ? slice_of(line + n + 1, strcspn(line + n + 1, " ")) : slice_of("", 0);
    return command_find(x, line[n] ? 2 : 1, argv, &container);
}

static bool is_excused(const struct command *c) {
    for (size_t k = 0; k < ARRAY_LEN(without); k++) {
        if (strcmp(c->name, without[k]) == 0) return true;
    }
    return false;
}

static void nobody_is_missing(void **state) {
    (void)state;
    struct command_index *x = command_index_create();
    bool *seen = calloc((size_t)command_count, sizeof *seen);
    for (size_t i = 0; i < ARRAY_LEN(invocations) + ARRAY_LEN(rare); i++) {
        const struct command *c = command_of(x, i < ARRAY_LEN(invocations) ? invocations[i] : rare[i - ARRAY_LEN(invocations)]);
        if (c) seen[c - commands] = true; // lines of commands that are not there are passed over
    }
    int missing = 0;
    for (int i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        bool excused = !(c->flags & CMD_WRITE) || !c->handler || (c->flags & CMD_HIDDEN) || seen[i] || is_excused(c);
        if (!excused) print_message("no line for %s\n", c->name);
        missing += !excused;
    }
    free(seen);
    command_index_free(x);
    assert_int_equal(missing, 0);
}

static void set(_Atomic uint64_t *n, uint64_t to) { atomic_store_explicit(n, to, memory_order_relaxed); }

// So low that collections of every form are met.
static void lower_thresholds(struct settings *s) {
    set(&s->hash_max_listpack_entries, 4);
    set(&s->set_max_intset_entries, 4);
    set(&s->set_max_listpack_entries, 4);
    set(&s->zset_max_listpack_entries, 4);
    set(&s->list_max_listpack_size, 3);
    set(&s->stream_node_max_entries, 3);
}

struct replica {
    struct bare *d;
    bool by_stripe;
};

enum { STRIPES = 8 };

// A sink that has room for what it has granted, and grants so many times more.
struct tight {
    struct bare *d;
    int left;
    size_t granted[STRIPES];
    size_t refused;
};

static bool tight_room(void *arg, uint32_t stripe, size_t bytes, size_t count) {
    struct tight *t = arg;
    (void)count;
    if (bytes <= t->granted[stripe]) return true;
    if (t->left-- <= 0) {
        t->refused++;
        return false;
    }
    t->granted[stripe] = bytes;
    return true;
}

static void tight_keep(void *arg, const struct effect *e) { effects_keep(&((struct tight *)arg)->d->kept, e); }

// Before each execution.
static void tighten(struct tight *t, struct random *r) {
    memset(t->granted, 0, sizeof t->granted);
    t->left = random_below(r, 4) ? INT32_MAX : (int)random_below(r, 6);
}

struct run {
    struct bare *d;
    struct tight tight;
    size_t seen;      // effects that have been looked at
    size_t telling;   // commands with effects
    size_t *told;     // by each row of the table
    struct digest before;
    struct line line;
};

static void in_background(struct run *w, struct random *r) {
    struct txn t;
    tighten(&w->tight, r);
    txn_begin(&t, &w->d->c);
    stripe_expire(&w->d->c.stripes[random_below(r, w->d->c.stripe_count)], &t, 1000);
    effect_flush(&t);
    while (w->seen < w->d->kept.n) check_effect(w->d, &w->d->kept.e[w->seen++]);
    w->before = digest_of(w->d, NULL);
}

// Whether an effect may be of something that has expired on the way.
static bool is_expiry(const struct kept *e) { return slice_is_word(e->argv[0], "del") || slice_is_word(e->argv[0], "hdel"); }

static void one(struct run *w, struct random *r, const char *template) {
    struct slice argv[ARGS_MAX];
    size_t before = w->d->kept.n;
    w->tight.left = INT32_MAX;
    make(w->d, r, template, &w->line); // %D may have let a key expire
    slices_of(&w->line, argv);
    if (w->d->kept.n > before) w->before = digest_of(w->d, NULL);
    w->seen = w->d->kept.n;
    tighten(&w->tight, r);
    bool ok = bare_run(w->d, w->line.argc, argv, 0);
    struct digest after = digest_of(w->d, NULL);
    if (w->d->kept.n == w->seen && !same(w->before, after)) {
        slices_of(&w->line, argv);
        say("has changed something, and says nothing:", argv, w->line.argc);
        fail();
    }
    w->telling += w->d->kept.n > w->seen;
    if (ok && w->d->kept.n > w->seen) w->told[command_of(w->d->host.index, template) - commands]++;
    for (; w->seen < w->d->kept.n; w->seen++) {
        check_effect(w->d, &w->d->kept.e[w->seen]);
        if (ok || is_expiry(&w->d->kept.e[w->seen])) continue;
        slices_of(&w->line, argv);
        say("is an error, and does something:", argv, w->line.argc);
        fail();
    }
    w->before = after;
}

// Some in a transaction: one unit, in the order of its commands.
static void several(struct run *w, struct random *r) {
    assert_true(BARE_RUN(w->d, SLICE("MULTI")));
    for (uint64_t n = random_below(r, 8); n > 0; n--) {
        struct slice argv[ARGS_MAX];
        const char *template = random_below(r, 40) ? invocations[random_below(r, ARRAY_LEN(invocations))] : rare[random_below(r, ARRAY_LEN(rare))];
        if (!command_of(w->d->host.index, template)) continue;
        make(w->d, r, template, &w->line);
        slices_of(&w->line, argv);
        assert_true(bare_run(w->d, w->line.argc, argv, 0));
    }
    w->seen = w->d->kept.n;
    w->before = digest_of(w->d, NULL);
    tighten(&w->tight, r);
    assert_true(BARE_RUN(w->d, SLICE("EXEC")));
    struct digest after = digest_of(w->d, NULL);
    if (w->d->kept.n == w->seen && !same(w->before, after)) fail_msg("a transaction has changed something, and says nothing");
    for (; w->seen < w->d->kept.n; w->seen++) check_effect(w->d, &w->d->kept.e[w->seen]);
    w->before = after;
}

static void compare(struct run *w, struct replica *replicas, size_t n) {
    for (size_t i = 0; i < n; i++) {
        replay(w->d, &w->d->kept, replicas[i].d, replicas[i].by_stripe);
        if (same(w->before, digest_of(replicas[i].d, NULL))) continue;
        say_difference(w->d, replicas[i].d, &w->d->kept);
        fail();
    }
    effects_forget(&w->d->kept);
    w->seen = 0;
}

static void check_stream(uint64_t seed, size_t commands_n, size_t *told) {
    const int64_t start_ms = 1700000000000;
    struct run w = { .told = told };
    struct random r;
    w.d = bare_keeping(STRIPES, start_ms);
    w.tight.d = w.d;
    w.tight.left = INT32_MAX;
    w.d->c.effects = (struct effect_sink){ .fn = tight_keep, .arg = &w.tight, .room = tight_room };
    w.d->session.never_block = true;
    struct replica replicas[] = {
        { bare_new(1, 1000, (struct effect_sink){ 0 }), false },         // long before
        { bare_new(32, start_ms * 3, (struct effect_sink){ 0 }), true }, // long after everything has expired
    };
    random_seed(&r, seed);
    lower_thresholds(&w.d->c.settings);
    lower_thresholds(&replicas[0].d->c.settings); // the other one's are as they come
    for (size_t n = 0; n < commands_n; n++) {
        const char *line = random_below(&r, 400) ? invocations[random_below(&r, ARRAY_LEN(invocations))] : rare[random_below(&r, ARRAY_LEN(rare))];
        if (!command_of(w.d->host.index, line)) continue;
        if (random_below(&r, 6) == 0) w.d->now_ms += (int64_t)random_below(&r, 700);
        if (random_below(&r, 30) == 0) in_background(&w, &r);
        if (random_below(&r, 20)) one(&w, &r, line);
        else several(&w, &r);
        if (n % 300 == 299 || n + 1 == commands_n) compare(&w, replicas, ARRAY_LEN(replicas));
    }
    compare(&w, replicas, ARRAY_LEN(replicas));
    // The stream is worth something.
    assert_true(w.telling > commands_n / 5);
    assert_true(w.tight.refused > commands_n / 20);
    bare_check(w.d);
    for (size_t i = 0; i < ARRAY_LEN(replicas); i++) {
        bare_check(replicas[i].d);
        bare_free(replicas[i].d);
    }
    bare_free(w.d);
    buf_free(&w.line.bytes);
}

static void effects(void **state) {
    (void)state;
    const char *v = getenv("KORA_TEST_LONG"), *only = getenv("KORA_TEST_SEED");
    size_t *told = calloc((size_t)command_count, sizeof *told);
    uint64_t rounds = v && *v && strcmp(v, "0") != 0 ? 400 : 24, first = only ? strtoull(only, NULL, 0) : 1;
    for (uint64_t seed = first; seed < first + (only ? 1 : rounds); seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        check_stream(seed, 6000, told);
    }
    // No command of which the stream makes nothing.
    int silent = 0;
    for (int i = 0; i < command_count && !only; i++) {
        if (!(commands[i].flags & CMD_WRITE) || !commands[i].handler || (commands[i].flags & CMD_HIDDEN) || told[i] > 0 || is_excused(&commands[i])) continue;
        print_message("%s never had an effect\n", commands[i].name);
        silent++;
    }
    free(told);
    assert_int_equal(silent, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_is_missing), cmocka_unit_test(effects) };
    return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
