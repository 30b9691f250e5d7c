// Hashes against a plain model, through their commands: packed and with roots, fields that expire by being looked at and by themselves, memory that is
// missing now and then, and the effects of it all replayed into another database. Every structure is checked on the way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/slab.h"
#include "type/hash.h"
#include "unit/bare.h"

enum { KEYS = 6, FIELDS = 48, NAME_MAX_LEN = 400, VALUE_MAX_LEN = 700, ARGS_MAX = 3 + 2 * FIELDS };

// ---- running commands --------------------------------------------------------------------------------------------------------

// Runs a command; its reply is in d->reply. False: it found no memory.
static bool run_argv(struct bare *d, int argc, struct slice *argv, uint32_t flags) {
    bare_run(d, argc, argv, flags);
    return !d->reply.failed && !(d->reply.n > 4 && memcmp(d->reply.p, "-OOM", 4) == 0);
}

static bool run(struct bare *d, const char *format, ...) {
    char line[4096], *p = line;
    struct slice argv[64];
    int argc = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (; *p; argc++) {
        size_t n = strcspn(p, " ");
        argv[argc] = slice_of(p, n);
        p += n + (p[n] == ' ');
    }
    return run_argv(d, argc, argv, 0);
}

static void expect(struct bare *d, const char *reply) {
    if (d->reply.n == strlen(reply) && memcmp(d->reply.p, reply, d->reply.n) == 0) return;
    fail_msg("expected %s, got %.*s", reply, (int)d->reply.n, d->reply.p);
}

static void expire_all(struct bare *d) {
    for (uint32_t i = 0; i < d->c.stripe_count; i++) {
        bool more = true;
        while (more) {
            struct txn t;
            txn_begin(&t, &d->c);
            more = stripe_expire(&d->c.stripes[i], &t, 1000);
            effect_flush(&t);
        }
    }
}

// A view of the hash at a key, as a reader has it.
static void open_hash(struct bare *d, struct txn *t, struct key *k, struct value *v, const char *name) {
    txn_begin(t, &d->c);
    key_locate(&d->c, k, 0, slice_str(name));
    struct entry *e = key_find(t, k, 0);
    assert_true(!e || e->type == TYPE_HASH);
    value_attach(v, TYPE_HASH, t, k, e);
}

// ---- the model -----------------------------------------------------------------------------------------------------------------------

struct model_field {
    bool there;
    char *value;
    size_t len;
    int64_t at_ms;
};

struct world {
    struct bare *d;
    struct random r;
    struct model_field keys[KEYS][FIELDS];
    char names[FIELDS][NAME_MAX_LEN];
    size_t name_len[FIELDS];
    char value[VALUE_MAX_LEN];
    struct buf expected;
    bool effects;
    uint64_t refused, with_root, packed, died;
};

static void forget(struct model_field *f) {
    free(f->value);
    *f = (struct model_field){ 0 };
}

static void model_set(struct model_field *f, struct slice value, int64_t at_ms) {
    char *copy = malloc(value.n + 1);
    if (value.n) memcpy(copy, value.p, value.n);
    forget(f);
    *f = (struct model_field){ true, copy, value.n, at_ms };
}

static void model_expire(struct world *w) {
    for (int k = 0; k < KEYS; k++) {
        for (int i = 0; i < FIELDS; i++) {
            struct model_field *f = &w->keys[k][i];
            if (!f->there || !f->at_ms || f->at_ms > w->d->now_ms) continue;
            forget(f);
            w->died++;
        }
    }
}

static size_t model_count(const struct world *w, int k) {
    size_t n = 0;
    for (int i = 0; i < FIELDS; i++) n += w->keys[k][i].there;
    return n;
}

static const char *key_name(int k) {
    static const char *const names[KEYS] = { "{h}0", "{h}1", "{h}2", "{h}3", "other", "another" };
    return names[k];
}

static struct slice field_of(const struct world *w, int i) { return slice_of(w->names[i], w->name_len[i]); }

static struct slice random_value(struct world *w) {
    static const size_t sizes[] = { 0, 1, 5, 12, 20, 21, 64, 100, 254, 255, 256, VALUE_MAX_LEN };
    size_t n = sizes[random_below(&w->r, random_below(&w->r, 8) ? 5 : ARRAY_LEN(sizes))];
    if (random_below(&w->r, 4) == 0) return slice_of(w->value, num_format_int((int64_t)random_next(&w->r) >> random_below(&w->r, 64), w->value));
    for (size_t i = 0; i < n; i++) w->value[i] = (char)('a' + random_below(&w->r, 26));
    return slice_of(w->value, n);
}

// Sees to it that the database says what the model says.
static void verify(struct world *w, int k) {
    struct txn t;
    struct key key;
    struct value v;
    struct hash_item item;
    open_hash(w->d, &t, &key, &v, key_name(k));
    assert_int_equal(hash_count(&v), model_count(w, k));
    for (int i = 0; i < FIELDS; i++) {
        const struct model_field *f = &w->keys[k][i];
        assert_int_equal(hash_find(&v, field_of(w, i), &item), f->there);
        if (!f->there) continue;
        assert_int_equal(item.value.n, f->len);
        assert_memory_equal(item.value.p, f->value, f->len);
        assert_int_equal(item.at_ms, f->at_ms);
    }
    if (v.root) w->with_root++;
    else w->packed += v.there;
    effect_flush(&t);
}

// ---- steps: each runs one command, and says what the reply must be -----------------------------------------------------------------------

static void say(struct world *w, const char *format, ...) {
    char text[128];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_append(&w->expected, text, (size_t)n);
}
static void say_bulk(struct world *w, const struct model_field *f) {
    if (!f->there) {
        say(w, "$-1\r\n");
        return;
    }
    say(w, "$%zu\r\n", f->len);
    buf_append(&w->expected, f->value, f->len);
    say(w, "\r\n");
}

static void stop_failing(void) {
    mem_fail(0, false);
    slab_fail(0, false);
}

static bool done(struct world *w, int argc, struct slice *argv) {
    bool ok = run_argv(w->d, argc, argv, 0);
    stop_failing();
    w->refused += !ok;
    return ok;
}
static void agree(struct world *w) {
    if (w->d->reply.n != w->expected.n || memcmp(w->d->reply.p, w->expected.p, w->expected.n) != 0) {
        fail_msg("expected %.*s, got %.*s", (int)w->expected.n, w->expected.p, (int)w->d->reply.n, w->d->reply.p);
    }
}

static int some_field(struct world *w) { return (int)random_below(&w->r, random_below(&w->r, 3) ? FIELDS / 4 : FIELDS); }

// Fields and values for HSET and HSETEX: `n` pairs from argv[from] on. The values are kept in `values`.
static size_t make_pairs(struct world *w, struct slice *argv, int from, int *fields, char (*values)[VALUE_MAX_LEN]) {
    size_t n = random_below(&w->r, 3) ? 1 : 1 + random_below(&w->r, 20);
    for (size_t i = 0; i < n; i++) {
        fields[i] = some_field(w);
        struct slice v = random_value(w);
        if (v.n) memcpy(values[i], v.p, v.n);
        argv[from + 2 * (int)i] = field_of(w, fields[i]);
        argv[from + 2 * (int)i + 1] = slice_of(values[i], v.n);
    }
    return n;
}

static void step_hset(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HSET"), slice_str(key_name(k)) };
    static char values[FIELDS][VALUE_MAX_LEN];
    int fields[FIELDS], added = 0;
    size_t n = make_pairs(w, argv, 2, fields, values);
    if (!done(w, 2 + 2 * (int)n, argv)) return;
    for (size_t i = 0; i < n; i++) {
        struct model_field *f = &w->keys[k][fields[i]];
        added += !f->there;
        model_set(f, argv[3 + 2 * i], 0);
    }
    say(w, ":%d\r\n", added);
    agree(w);
}

static void step_hsetnx(struct world *w, int k) {
    int i = some_field(w);
    struct slice value = random_value(w);
    struct model_field *f = &w->keys[k][i];
    if (!done(w, 4, (struct slice[]){ SLICE("HSETNX"), slice_str(key_name(k)), field_of(w, i), value })) return;
    say(w, ":%d\r\n", !f->there);
    if (!f->there) model_set(f, value, 0);
    agree(w);
}

static size_t make_names(struct world *w, struct slice *argv, int from, int *fields) {
    size_t n = 1 + random_below(&w->r, random_below(&w->r, 4) ? 3 : 40);
    for (size_t i = 0; i < n; i++) {
        fields[i] = some_field(w);
        argv[from + (int)i] = field_of(w, fields[i]);
    }
    return n;
}

static void step_hdel(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HDEL"), slice_str(key_name(k)) };
    int fields[FIELDS], removed = 0;
    size_t n = make_names(w, argv, 2, fields);
    if (!done(w, 2 + (int)n, argv)) return;
    for (size_t i = 0; i < n; i++) {
        removed += w->keys[k][fields[i]].there;
        forget(&w->keys[k][fields[i]]);
    }
    say(w, ":%d\r\n", removed);
    agree(w);
}

static void step_hincrby(struct world *w, int k) {
    int i = some_field(w);
    struct model_field *f = &w->keys[k][i];
    char by[32];
    int64_t add = (int64_t)random_below(&w->r, 2000) - 1000, n = 0;
    if (!done(w, 4, (struct slice[]){ SLICE("HINCRBY"), slice_str(key_name(k)), field_of(w, i), slice_of(by, (size_t)sprintf(by, "%lld", (long long)add)) })) return;
    if (f->there && !num_parse_int(slice_of(f->value, f->len), &n)) {
        say(w, "-ERR hash value is not an integer\r\n");
    } else if (__builtin_add_overflow(n, add, &n)) {
        say(w, "-ERR increment or decrement would overflow\r\n");
    } else {
        char text[32];
        model_set(f, slice_of(text, (size_t)sprintf(text, "%lld", (long long)n)), f->at_ms);
        say(w, ":%lld\r\n", (long long)n);
    }
    agree(w);
}

static void step_hmget(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HMGET"), slice_str(key_name(k)) };
    int fields[FIELDS];
    size_t n = make_names(w, argv, 2, fields);
    if (!done(w, 2 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) say_bulk(w, &w->keys[k][fields[i]]);
    agree(w);
}

static int64_t random_time(struct world *w) {
    return random_below(&w->r, 12) == 0 ? w->d->now_ms - (int64_t)random_below(&w->r, 50) : w->d->now_ms + 1 + (int64_t)random_below(&w->r, 3000);
}

// "FIELDS n names" from argv[from] on.
static size_t add_fields(struct world *w, struct slice *argv, int from, int *fields, char *number) {
    size_t n = make_names(w, argv, from + 2, fields);
    argv[from] = SLICE("FIELDS");
    argv[from + 1] = slice_of(number, (size_t)sprintf(number, "%zu", n));
    return n;
}

static int expire_reply(struct world *w, struct model_field *f, int condition, int64_t at) {
    if (!f->there) return -2;
    if (condition == 1 && f->at_ms) return 0;
    if (condition == 2 && !f->at_ms) return 0;
    if (condition == 3 && (!f->at_ms || at <= f->at_ms)) return 0;
    if (condition == 4 && f->at_ms && at >= f->at_ms) return 0;
    f->at_ms = at;
    if (at > w->d->now_ms) return 1;
    forget(f);
    return 2;
}

static void step_hexpire(struct world *w, int k) {
    static const char *const conditions[] = { "", "NX", "XX", "GT", "LT" };
    struct slice argv[ARGS_MAX] = { SLICE("HPEXPIREAT"), slice_str(key_name(k)) };
    char number[32], time[32];
    int fields[FIELDS], condition = random_below(&w->r, 2) ? 0 : (int)random_below(&w->r, 5), at = 3;
    int64_t at_ms = random_time(w);
    argv[2] = slice_of(time, (size_t)sprintf(time, "%lld", (long long)at_ms));
    if (condition) argv[at++] = slice_str(conditions[condition]);
    size_t n = add_fields(w, argv, at, fields, number);
    if (!done(w, at + 2 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) say(w, ":%d\r\n", expire_reply(w, &w->keys[k][fields[i]], condition, at_ms));
    agree(w);
}

static void step_hpersist(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HPERSIST"), slice_str(key_name(k)) };
    char number[32];
    int fields[FIELDS];
    size_t n = add_fields(w, argv, 2, fields, number);
    if (!done(w, 4 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        struct model_field *f = &w->keys[k][fields[i]];
        say(w, ":%d\r\n", !f->there ? -2 : f->at_ms ? 1 : -1);
        f->at_ms = 0;
    }
    agree(w);
}

static void step_hpexpiretime(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HPEXPIRETIME"), slice_str(key_name(k)) };
    char number[32];
    int fields[FIELDS];
    size_t n = add_fields(w, argv, 2, fields, number);
    if (!done(w, 4 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        struct model_field *f = &w->keys[k][fields[i]];
        say(w, ":%lld\r\n", !f->there ? -2LL : f->at_ms ? (long long)f->at_ms : -1LL);
    }
    agree(w);
}

static void step_hgetdel(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HGETDEL"), slice_str(key_name(k)) };
    char number[32];
    int fields[FIELDS];
    size_t n = add_fields(w, argv, 2, fields, number);
    if (!done(w, 4 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        say_bulk(w, &w->keys[k][fields[i]]);
        forget(&w->keys[k][fields[i]]);
    }
    agree(w);
}

static void step_hgetex(struct world *w, int k) {
    struct slice argv[ARGS_MAX] = { SLICE("HGETEX"), slice_str(key_name(k)) };
    char number[32], time[32];
    int fields[FIELDS], at = 2, what = (int)random_below(&w->r, 3);
    int64_t at_ms = random_time(w);
    if (what == 1) argv[at++] = SLICE("PERSIST");
    if (what == 2) {
        argv[at++] = SLICE("PXAT");
        argv[at++] = slice_of(time, (size_t)sprintf(time, "%lld", (long long)at_ms));
    }
    size_t n = add_fields(w, argv, at, fields, number);
    if (!done(w, at + 2 + (int)n, argv)) return;
    say(w, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        struct model_field *f = &w->keys[k][fields[i]];
        say_bulk(w, f);
        if (what == 1) f->at_ms = 0;
        if (what == 2) expire_reply(w, f, 0, at_ms);
    }
    agree(w);
}

static void step_hsetex(struct world *w, int k) {
    struct slice argv[ARGS_MAX + 8] = { SLICE("HSETEX"), slice_str(key_name(k)) };
    static char values[FIELDS][VALUE_MAX_LEN];
    char number[32], time[32];
    int fields[FIELDS], at = 2, condition = (int)random_below(&w->r, 5), what = (int)random_below(&w->r, 4);
    int64_t at_ms = random_time(w);
    if (condition < 2) argv[at++] = condition ? SLICE("FXX") : SLICE("FNX");
    if (what == 1) argv[at++] = SLICE("KEEPTTL");
    if (what >= 2) {
        argv[at++] = SLICE("PXAT");
        argv[at++] = slice_of(time, (size_t)sprintf(time, "%lld", (long long)at_ms));
    }
    size_t n = make_pairs(w, argv, at + 2, fields, values);
    argv[at] = SLICE("FIELDS");
    argv[at + 1] = slice_of(number, (size_t)sprintf(number, "%zu", n));
    bool met = true;
    for (size_t i = 0; condition < 2 && i < n; i++) met &= w->keys[k][fields[i]].there == (condition == 1);
    if (!done(w, at + 2 + 2 * (int)n, argv)) return;
    for (size_t i = 0; met && i < n; i++) {
        struct model_field *f = &w->keys[k][fields[i]];
        model_set(f, argv[at + 3 + 2 * (int)i], what == 1 ? f->at_ms : 0);
        if (what >= 2) expire_reply(w, f, 0, at_ms);
    }
    say(w, ":%d\r\n", met);
    agree(w);
}

static void step_hincrbyfloat(struct world *w, int k) {
    int i = some_field(w);
    struct model_field *f = &w->keys[k][i];
    long double n = 0;
    if (f->there && (!num_parse_long_real(slice_of(f->value, f->len), &n) || n > 1e15L || n < -1e15L)) return;
    if (!done(w, 4, (struct slice[]){ SLICE("HINCRBYFLOAT"), slice_str(key_name(k)), field_of(w, i), SLICE("0.25") })) return;
    char text[NUM_LONG_REAL_MAX];
    model_set(f, slice_of(text, num_format_long_real(n + 0.25L, text, sizeof text)), f->at_ms);
    say_bulk(w, f);
    agree(w);
}

// Redis's effects of copies are another matter: only where nobody wants effects.
static void step_transfer(struct world *w, int k) {
    int to = (int)random_below(&w->r, KEYS);
    bool copy = random_below(&w->r, 2);
    if (w->effects || to == k) return;
    if (copy) {
        if (!done(w, 4, (struct slice[]){ SLICE("COPY"), slice_str(key_name(k)), slice_str(key_name(to)), SLICE("REPLACE") })) return;
    } else {
        if (!done(w, 3, (struct slice[]){ SLICE("RENAME"), slice_str(key_name(k)), slice_str(key_name(to)) })) return;
    }
    if (w->d->reply.p[0] == '-' || memcmp(w->d->reply.p, ":0", 2) == 0) {
        assert_int_equal(model_count(w, k), 0); // no such key; or one of which all fields have expired
        return;
    }
    for (int i = 0; i < FIELDS; i++) {
        struct model_field *from = &w->keys[k][i], *f = &w->keys[to][i];
        forget(f);
        if (from->there) model_set(f, slice_of(from->value, from->len), from->at_ms);
        if (!copy) forget(from);
    }
    verify(w, to);
}

static void step_del(struct world *w, int k) {
    if (random_below(&w->r, 4)) return;
    if (!done(w, 2, (struct slice[]){ SLICE("DEL"), slice_str(key_name(k)) })) return;
    for (int i = 0; i < FIELDS; i++) forget(&w->keys[k][i]);
}

struct sampled {
    struct world *w;
    int k;
    bool seen[FIELDS];
    size_t n;
    bool unique;
};
static void visit_sampled(void *arg, const struct hash_item *item) {
    struct sampled *s = arg;
    for (int i = 0; i < FIELDS; i++) {
        const struct model_field *f = &s->w->keys[s->k][i];
        if (!slice_equal(item->name, field_of(s->w, i))) continue;
        assert_true(f->there && slice_equal(item->value, slice_of(f->value, f->len)));
        assert_false(s->unique && s->seen[i]);
        s->seen[i] = true;
        s->n++;
        return;
    }
    fail_msg("a field that never was");
}

// Walks, samples: each field once, or as often as wanted.
static void step_look(struct world *w, int k) {
    struct txn t;
    struct key key;
    struct value v;
    size_t all = model_count(w, k), n = random_below(&w->r, all + 1);
    bool stop = false;
    open_hash(w->d, &t, &key, &v, key_name(k));
    struct sampled s = { .w = w, .k = k, .unique = true };
    hash_each(&v, visit_sampled, &s);
    assert_int_equal(s.n, all);
    s = (struct sampled){ .w = w, .k = k, .unique = true };
    uint64_t cursor = 0;
    do cursor = hash_scan(&v, cursor, 1 + random_below(&w->r, 5), visit_sampled, &s);
    while (cursor);
    assert_int_equal(s.n, all);
    s = (struct sampled){ .w = w, .k = k, .unique = true };
    if (hash_sample(&v, n, visit_sampled, &s)) assert_int_equal(s.n, n);
    s = (struct sampled){ .w = w, .k = k };
    if (hash_sample_again(&v, n, visit_sampled, &s, &stop)) assert_int_equal(s.n, n);
    stop_failing();
    effect_flush(&t);
}

static void step_time(struct world *w, int k) {
    (void)k;
    stop_failing();
    w->d->now_ms += (int64_t)random_below(&w->r, 900);
    model_expire(w);
    if (random_below(&w->r, 2)) expire_all(w->d);
    if (random_below(&w->r, 8) == 0) {
        for (uint32_t i = 0; i < w->d->c.stripe_count; i++) while (stripe_compact(&w->d->c.stripes[i])) { }
    }
    if (random_below(&w->r, 8) == 0) {
        bool large = random_below(&w->r, 3) == 0; // packed ones too large for an entry: blobs, which copies share
        atomic_store(&w->d->c.settings.hash_max_listpack_entries, large ? 1000 : 1 + random_below(&w->r, 30));
        atomic_store(&w->d->c.settings.hash_max_listpack_value, large ? 1000 : random_below(&w->r, 300));
    }
}

enum { PLAIN_STEPS = 13 };
static void (*const steps[])(struct world *, int) = {
    step_hset, step_hset, step_hset, step_hsetnx, step_hdel, step_hdel, step_hincrby, step_hincrbyfloat, step_hmget, step_del, step_del, step_look, step_time,
    step_hexpire, step_hexpire, step_hpersist, step_hpexpiretime, step_hgetdel, step_hgetex, step_hsetex, step_hsetex, step_transfer, step_look, step_time,
};

// ---- the stream -------------------------------------------------------------------------------------------------------------------------

static struct world *world_new(uint64_t seed, bool effects) {
    struct world *w = calloc(1, sizeof *w);
    w->d = effects ? bare_keeping(4, 1700000000000) : bare_new(4, 1700000000000, (struct effect_sink){ 0 });
    w->effects = effects;
    random_seed(&w->r, seed);
    for (int i = 0; i < FIELDS; i++) {
        w->name_len[i] = (size_t)(i % 5 == 4 ? sprintf(w->names[i], "%d", i * 1000) : sprintf(w->names[i], "field-%d", i));
        for (size_t want = i % 11 == 10 ? 300 : 0; w->name_len[i] < want; w->name_len[i]++) w->names[i][w->name_len[i]] = 'n';
    }
    w->name_len[7] = 0;
    return w;
}

static void world_free(struct world *w) {
    for (int k = 0; k < KEYS; k++) {
        for (int i = 0; i < FIELDS; i++) forget(&w->keys[k][i]);
    }
    bare_free(w->d);
    buf_free(&w->expected);
    free(w);
}

// What was told, done again elsewhere at another time: the same fields, values, expiries.
static void replay(struct world *w) {
    struct bare *from = w->d;
    w->d = bare_new(16, 1, (struct effect_sink){ 0 });
    for (size_t i = 0; i < from->kept.n; i++) {
        assert_true(run_argv(w->d, from->kept.e[i].argc, from->kept.e[i].argv, TXN_REPLAY));
        if (w->d->reply.p[0] == '-') fail_msg("replayed: %.*s", (int)w->d->reply.n, w->d->reply.p);
    }
    w->d->now_ms = from->now_ms; // what came due in the last moment may not have been told yet
    for (int k = 0; k < KEYS; k++) verify(w, k);
    bare_check(w->d);
    bare_free(w->d);
    w->d = from;
}

struct met {
    uint64_t with_root, packed, refused, died;
};

static void check_stream(uint64_t seed, size_t wanted, bool effects, struct met *sum) {
    struct world *w = world_new(seed, effects);
    for (size_t i = 0; i < wanted; i++) {
        int k = (int)random_below(&w->r, KEYS);
        size_t step = random_below(&w->r, k < 3 ? ARRAY_LEN(steps) : PLAIN_STEPS); // in some keys fields never expire
        buf_clear(&w->expected);
        if (random_below(&w->r, 3) == 0) mem_fail(1 + (long)random_below(&w->r, 8), random_below(&w->r, 2));
        if (random_below(&w->r, 3) == 0) slab_fail(1 + (long)random_below(&w->r, 8), random_below(&w->r, 2));
        steps[step](w, k);
        stop_failing();
        verify(w, k);
        if (i % 8 == 0) bare_check(w->d);
    }
    expire_all(w->d);
    bare_check(w->d);
    for (int k = 0; k < KEYS; k++) verify(w, k);
    if (effects) replay(w);
    sum->with_root += w->with_root;
    sum->packed += w->packed;
    sum->refused += w->refused;
    sum->died += w->died;
    world_free(w);
}

static bool long_form(void) {
    const char *v = getenv("KORA_TEST_LONG");
    return v && *v && strcmp(v, "0") != 0;
}

static void test_model(void **state) {
    (void)state;
    const char *v = getenv("KORA_TEST_SEED");
    uint64_t seed = v ? strtoull(v, NULL, 0) : 20240607;
    size_t rounds = long_form() ? 5000 : 60, wanted = 2000;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct met sum = { 0 };
    for (size_t i = 0; i < rounds; i++) check_stream(seed + i, wanted, i % 2, &sum);
    size_t all = rounds * wanted;
    print_message("%zu commands: %llu with a root, %llu packed, %llu refused, %llu fields expired\n", all, (unsigned long long)sum.with_root,
        (unsigned long long)sum.packed, (unsigned long long)sum.refused, (unsigned long long)sum.died);
    assert_true(sum.with_root > all / 5 && sum.packed > all / 10 && sum.refused > all / 50 && sum.died > all / 50);
}

// ---- large ones -----------------------------------------------------------------------------------------------------------------------

enum { LARGE = 30000 };

static void fill(struct bare *d, const char *key, int n, const char *how) {
    for (int i = 0; i < n; i++) assert_true(run(d, how, key, i, i));
}

// A large one goes by itself, a portion at a time, with an effect for each field; freeing one is sliced, too.
static void test_large(void **state) {
    (void)state;
    struct bare *d = bare_keeping(1, 1700000000000);
    fill(d, "h", LARGE, "HSET %s field%d %d");
    run(d, "OBJECT ENCODING h");
    expect(d, "$9\r\nhashtable\r\n");
    for (int i = 0; i < LARGE; i += 2) run(d, "HPEXPIREAT h %lld FIELDS 1 field%d", 1700000001000 + (i % 1000 < 500 ? i % 400 : 5000), i);
    bare_check(d);
    d->now_ms = 1700000002000;
    run(d, "HLEN h");
    char text[64];
    int dead = 0;
    for (int i = 0; i < LARGE; i += 2) dead += i % 1000 < 500;
    sprintf(text, ":%d\r\n", LARGE - dead);
    expect(d, text); // before anything was taken out
    size_t told = d->kept.n;
    expire_all(d);
    assert_int_equal(d->kept.n - told, dead);
    bare_check(d);
    run(d, "HLEN h");
    expect(d, text);
    run(d, "HGET h field2");
    expect(d, "$-1\r\n");
    run(d, "HGET h field1");
    expect(d, "$1\r\n1\r\n");
    assert_true(run(d, "HRANDFIELD h 7000 WITHVALUES") && run(d, "HRANDFIELD h 20000") && run(d, "HRANDFIELD h -5000"));
    bare_check(d);
    run(d, "COPY h copy");
    bare_check(d);
    run(d, "DEL h");
    expect(d, ":1\r\n");
    for (int i = 0; i < 3; i++) bare_check(d), stripe_compact(&d->c.stripes[0]);
    while (stripe_compact(&d->c.stripes[0])) { }
    bare_check(d);
    d->now_ms += 10000;
    expire_all(d);
    run(d, "HLEN copy");
    sprintf(text, ":%d\r\n", LARGE / 2);
    expect(d, text);
    run(d, "DEL copy");
    while (stripe_compact(&d->c.stripes[0])) { }
    bare_check(d);
    bare_free(d);
}

// Copies share a packed value that is too large for an entry, until one of them changes, be it in place.
static void test_shared(void **state) {
    (void)state;
    static const char *const changes[] = { "HSET {h}2 f7 %0300d", "HSET {h}2 f7 x", "HDEL {h}2 f7", "HINCRBY {h}2 n 1", "HSET {h}2 f7 %0299d f8 y", "HGETDEL {h}2 FIELDS 1 f8",
        "HPEXPIREAT {h}2 60000000000000 FIELDS 1 f7" };
    struct bare *d = bare_new(2, 1700000000000, (struct effect_sink){ 0 });
    char text[400];
    atomic_store(&d->c.settings.hash_max_listpack_value, 1000);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        run(d, "DEL {h}1 {h}2");
        run(d, "HSET {h}1 n 11");
        for (int f = 0; f < 40; f++) assert_true(run(d, "HSET {h}1 f%d %0300d", f, f));
        run(d, "COPY {h}1 {h}2");
        expect(d, ":1\r\n");
        assert_true(run(d, changes[i], 1));
        bare_check(d);
        run(d, "HMGET {h}1 n f7 f8");
        sprintf(text, "*3\r\n$2\r\n11\r\n$300\r\n%0300d\r\n$300\r\n", 7);
        assert_memory_equal(d->reply.p, text, strlen(text));
        run(d, "OBJECT ENCODING {h}1");
        expect(d, "$8\r\nlistpack\r\n");
    }
    bare_free(d);
}

static void expect_told(struct bare *d, const char *words) { // the last
    char text[512];
    effects_text(&d->kept, d->kept.n - 1, text, sizeof text);
    assert_string_equal(text, words);
}

// Effects know no time and no chance, and say what is left of an expiry.
static void test_effects(void **state) {
    (void)state;
    struct bare *d = bare_keeping(2, 1700000000000);
    static const char *const rows[][2] = {
        { "HSET h a 1 b 2 c 3 d 4", "HSET h a 1 b 2 c 3 d 4" },
        { "HEXPIRE h 10 FIELDS 3 a none b", "HPEXPIREAT h 1700000010000 FIELDS 2 a b" },
        { "HINCRBYFLOAT h a 0.5", "HSETEX h KEEPTTL FIELDS 1 a 1.5" },
        { "HINCRBYFLOAT h c 0.5", "HSET h c 3.5" },
        { "HINCRBY h b 5", "HINCRBY h b 5" },
        { "HPERSIST h FIELDS 3 a c none", "HPERSIST h FIELDS 1 a" },
        { "HPEXPIRE h 5 NX FIELDS 2 b c", "HPEXPIREAT h 1700000000005 FIELDS 1 c" },
        { "HPEXPIREAT h 1 FIELDS 2 none c", "HDEL h c" },
        { "HGETEX h EX 7 FIELDS 2 d none", "HPEXPIREAT h 1700000007000 FIELDS 1 d" },
        { "HGETEX h PERSIST FIELDS 2 d a", "HPERSIST h FIELDS 1 d" },
        { "HGETDEL h FIELDS 2 d none", "HDEL h d" },
        { "HSETEX h EX 1 FIELDS 2 e 5 f 6", "HSETEX h PXAT 1700000001000 FIELDS 2 e 5 f 6" },
        { "HSETEX h FXX KEEPTTL FIELDS 1 e 55", "HSETEX h KEEPTTL FIELDS 1 e 55" },
        { "HSETEX h FNX FIELDS 1 g 7", "HSET h g 7" },
        { "HSETEX h PX 0 FIELDS 2 g 7 none 8", "HDEL h g" },
        { "HSETNX h g 9", "HSETNX h g 9" },
        { "HDEL h none g", "HDEL h none g" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t told = d->kept.n;
        assert_true(run(d, "%s", rows[i][0]));
        assert_int_equal(d->kept.n, told + 1);
        expect_told(d, rows[i][1]);
    }
    static const char *const nothing[] = { "HSETNX h a 1", "HDEL h none", "HPERSIST h FIELDS 2 a none", "HEXPIRE h 5 XX FIELDS 2 a none", "HGETDEL h FIELDS 1 none",
        "HGETEX h FIELDS 1 a", "HGETEX h PERSIST FIELDS 1 a", "HSETEX h FNX FIELDS 1 a 1", "HSETEX h PX 0 FIELDS 1 none 8", "HINCRBY h a 1", "HGETALL h" };
    size_t told = d->kept.n;
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        run(d, "%s", nothing[i]);
        if (d->kept.n != told) fail_msg("%s had an effect", nothing[i]);
    }
    d->now_ms += 2000;
    run(d, "HSETNX h e new"); // its time had come
    assert_int_equal(d->kept.n, told + 2);
    expect_told(d, "HSETNX h e new");
    d->kept.n--;
    expect_told(d, "HDEL h e");
    d->kept.n++;
    expire_all(d);
    expect_told(d, "HDEL h f");
    bare_free(d);
}

// A value that is made beside the keys, and then put at one (as RESTORE does): packed, with a root, with expiries; or thrown away.
static void make_detached(struct bare *d, int fields, int64_t at_ms, bool keep) {
    struct txn t;
    struct key key;
    struct value v;
    struct hash_item item;
    txn_begin(&t, &d->c);
    key_locate(&d->c, &key, 0, slice_str("h"));
    value_detach(&v, TYPE_HASH, &t, &key);
    for (int i = 0; i < fields; i++) {
        char name[32], value[32];
        struct slice pair[2] = { { name, (size_t)sprintf(name, "name%d", i) }, { value, (size_t)sprintf(value, "%d", i) } };
        assert_int_equal(hash_put(&v, pair, 1, i % 3 ? HASH_NO_EXPIRY : at_ms, NULL), KORA_OK);
    }
    assert_int_equal(hash_count(&v), fields);
    struct entry *old = key_find(&t, &key, 0);
    if (keep) assert_int_equal(value_store(&v, old, EXPIRE_NONE), KORA_OK);
    value_delete(&v);
    value_attach(&v, TYPE_HASH, &t, &key, key_find(&t, &key, 0));
    assert_true(keep ? hash_count(&v) == (uint64_t)fields && hash_find(&v, slice_str("name0"), &item) && item.at_ms == at_ms : !v.there || old);
    effect_flush(&t);
    bare_check(d);
}

static void test_detached(void **state) {
    (void)state;
    struct bare *d = bare_new(2, 1700000000000, (struct effect_sink){ 0 });
    for (int i = 0; i < 2; i++) {
        make_detached(d, 5, 0, false);
        make_detached(d, 5, 0, true);
        make_detached(d, 500, 0, false);
        make_detached(d, 500, 0, true);
        make_detached(d, 500, 1700000001000, false);
        make_detached(d, 500, 1700000001000, true);
    }
    d->now_ms = 1700000002000;
    expire_all(d);
    run(d, "HLEN h");
    expect(d, ":333\r\n");
    bare_check(d);
    bare_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_large), cmocka_unit_test(test_detached), cmocka_unit_test(test_shared), cmocka_unit_test(test_effects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
