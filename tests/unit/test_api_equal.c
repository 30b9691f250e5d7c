// One engine, several ways in: random operations as typed calls on one database and as commands on another have the same results
// and leave the same contents; and what each of them reports as its effects, applied to a third and a fourth, does too.
#include "unit/api.h"

enum { NAMES = 40, DATABASES = 3, WRITTEN_MAX = 1 << 16 };

// ---- effects as they come out ------------------------------------------------------------------------------------------------------

struct noted {
    struct noted *next;
    uint32_t db;
    int argc;
    char **argv;
    size_t *argv_len;
};

struct notes { // background work reports its effects from other threads
    pthread_mutex_t mutex;
    struct noted *first, **end;
    uint64_t count;
};

static void note(void *arg, const struct effect *e) {
    struct notes *n = arg;
    // What concerns a whole database has a part in each stripe; here the first stands for all.
    bool whole = slice_is_word(e->argv[0], "flushdb") || slice_is_word(e->argv[0], "swapdb");
    if (whole && e->stripe != 0) return;
    struct noted *d = calloc(1, sizeof *d);
    d->db = e->db;
    d->argc = e->argc;
    d->argv = calloc((size_t)e->argc, sizeof *d->argv);
    d->argv_len = calloc((size_t)e->argc, sizeof *d->argv_len);
    for (int i = 0; i < e->argc; i++) {
        d->argv[i] = malloc(e->argv[i].n + 1);
        if (e->argv[i].n) memcpy(d->argv[i], e->argv[i].p, e->argv[i].n);
        d->argv_len[i] = e->argv[i].n;
    }
    pthread_mutex_lock(&n->mutex);
    *n->end = d;
    n->end = &d->next;
    n->count++;
    pthread_mutex_unlock(&n->mutex);
}

static void replay(struct notes *n, kora *to) { // NULL: only forgets them
    pthread_mutex_lock(&n->mutex);
    struct noted *d = n->first;
    n->first = NULL;
    n->end = &n->first;
    pthread_mutex_unlock(&n->mutex);
    while (d) {
        struct noted *next = d->next;
        kora_reply *r = NULL;
        if (to) assert_ok(kora_exec(kora_database(to, d->db), NULL, d->argc, (const char *const *)d->argv, d->argv_len, &r));
        if (r && r->type == KORA_REPLY_ERROR) fail_msg("the effect %.*s: %s", (int)d->argv_len[0], d->argv[0], r->str);
        kora_reply_free(r);
        for (int i = 0; i < d->argc; i++) free(d->argv[i]);
        free(d->argv);
        free(d->argv_len);
        free(d);
        d = next;
    }
}

// ---- the world -----------------------------------------------------------------------------------------------------------------

struct world {
    struct random r;
    struct test_clock clock;
    kora *typed, *commands, *from_typed, *from_commands;
    struct notes typed_notes, command_notes;
    char *bytes; // values are parts of it
    uint64_t steps;
};

static void listen_to(kora *db, struct notes *n) {
    pthread_mutex_init(&n->mutex, NULL);
    n->end = &n->first;
    db->engine->common.effects = (struct effect_sink){ .fn = note, .arg = n };
}

static kora *open_world_db(struct world *w, struct notes *n) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db;
    o.shards = 1;
    o.stripes = n ? 4 : 8; // where a key is doesn't matter
    o.databases = DATABASES;
    assert_ok(kora_open(NULL, &o, &db));
    use_clock(db, &w->clock);
    if (n) listen_to(db, n);
    return db;
}

static uint64_t below(struct world *w, uint64_t n) { return random_below(&w->r, n); }

struct word {
    char text[96]; // short ones
    const char *p;
    size_t n;
};

static void pick_key(struct world *w, struct word *k) {
    uint64_t i = below(w, NAMES);
    k->p = k->text;
    k->n = (size_t)sprintf(k->text, i % 5 == 0 ? "{tag}%llu" : "key:%llu", (unsigned long long)i);
    if (i == 7) k->n = 0;
    if (i == 8) memcpy(k->text, "\0\r\n", k->n = 3);
}

static void pick_value(struct world *w, struct word *v) {
    static const size_t lens[] = { 0, 1, 5, 44, 200, 1000, 8100, 8192, 20000 };
    v->p = v->text;
    switch (below(w, 4)) {
    case 0: v->n = (size_t)sprintf(v->text, "%lld", (long long)(int64_t)random_next(&w->r) >> below(w, 64)); break;
    case 1: v->n = (size_t)sprintf(v->text, "%d", (int)below(w, 100)); break;
    default:
        v->n = lens[below(w, ARRAY_LEN(lens))];
        v->p = w->bytes + below(w, WRITTEN_MAX - 20000);
        break;
    }
}

static void number(struct word *x, int64_t n) {
    x->p = x->text;
    x->n = (size_t)sprintf(x->text, "%lld", (long long)n);
}

// A command, made word by word.
struct line {
    int argc;
    const char *argv[80];
    size_t len[80];
};
static void add(struct line *l, const char *p, size_t n) {
    l->argv[l->argc] = p;
    l->len[l->argc++] = n;
}
static void add_str(struct line *l, const char *s) { add(l, s, strlen(s)); }
static void add_word(struct line *l, const struct word *w) { add(l, w->p, w->n); }

static kora_reply *send_line(kora *db, const struct line *l) {
    kora_reply *r;
    assert_ok(kora_exec(db, NULL, l->argc, l->argv, l->len, &r));
    return r;
}

static void same_string(const kora_reply *r, const void *p, size_t n) {
    assert_int_equal(r->type, KORA_REPLY_STRING);
    assert_int_equal(r->len, n);
    assert_memory_equal(r->str, p, n);
}

// ---- operations, each both ways --------------------------------------------------------------------------------------------------

struct both {
    kora *typed, *commands; // of the database at hand
};

static void op_set(struct world *w, struct both b) {
    struct word k, v, t;
    struct line l = { 0 };
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    void *old = NULL;
    size_t old_len = 0;
    pick_key(w, &k);
    pick_value(w, &v);
    add_str(&l, "set");
    add_word(&l, &k);
    add_word(&l, &v);
    uint64_t condition = below(w, 6), time = below(w, 8);
    if (condition == 0) o.flags |= KORA_NX, add_str(&l, "NX");
    if (condition == 1) o.flags |= KORA_XX, add_str(&l, "xx");
    if (time == 0) o.flags |= KORA_KEEPTTL, add_str(&l, "KEEPTTL");
    if (time == 1) o.ttl_ms = 1 + (int64_t)below(w, 300), number(&t, o.ttl_ms), add_str(&l, "PX"), add_word(&l, &t);
    if (time == 2)
        o.expire_at_ms = w->clock.ms - 20 + (int64_t)below(w, 200), number(&t, o.expire_at_ms), add_str(&l, "PXAT"), add_word(&l, &t);
    bool get = below(w, 3) == 0;
    if (get) o.old = &old, o.old_len = &old_len, add_str(&l, "GET");
    int status = kora_set(b.typed, k.p, k.n, v.p, v.n, &o);
    kora_reply *r = send_line(b.commands, &l);
    if (get) {
        assert_true(status == KORA_OK || status == KORA_NOTSET);
        if (old) same_string(r, old, old_len);
        else assert_int_equal(r->type, KORA_REPLY_NULL);
    } else {
        assert_status(status, r->type == KORA_REPLY_STATUS ? KORA_OK : KORA_NOTSET);
    }
    kora_free(old);
    kora_reply_free(r);
}

static void op_get(struct world *w, struct both b) {
    struct word k;
    struct line l = { 0 };
    void *p = NULL;
    size_t n = 0;
    pick_key(w, &k);
    add_str(&l, "get");
    add_word(&l, &k);
    kora_reply *r = send_line(b.commands, &l);
    if (kora_get(b.typed, k.p, k.n, &p, &n) == KORA_OK) same_string(r, p, n);
    else assert_int_equal(r->type, KORA_REPLY_NULL);
    kora_free(p);
    kora_reply_free(r);
}

static void expect_int(const kora_reply *r, int64_t n) {
    assert_int_equal(r->type, KORA_REPLY_INTEGER);
    assert_int_equal(r->integer, n);
}

static void op_key(struct world *w, struct both b) { // DEL, EXISTS, PERSIST, PTTL
    static const char *const names[] = { "del", "exists", "persist", "pttl" };
    struct word k;
    struct line l = { 0 };
    int64_t ms;
    pick_key(w, &k);
    uint64_t which = below(w, 4);
    add_str(&l, names[which]);
    add_word(&l, &k);
    kora_reply *r = send_line(b.commands, &l);
    switch (which) {
    case 0: expect_int(r, kora_del(b.typed, k.p, k.n) == KORA_OK); break;
    case 1: expect_int(r, kora_exists(b.typed, k.p, k.n) == KORA_OK); break;
    case 2: expect_int(r, kora_persist(b.typed, k.p, k.n) == KORA_OK); break;
    case 3:
        if (kora_ttl(b.typed, k.p, k.n, &ms) != KORA_OK) ms = -2;
        expect_int(r, ms);
        break;
    }
    kora_reply_free(r);
}

static void op_incr(struct world *w, struct both b) {
    struct word k, by;
    struct line l = { 0 };
    int64_t n = (int64_t)random_next(&w->r) >> below(w, 64), result;
    pick_key(w, &k);
    number(&by, n);
    add_str(&l, "incrby");
    add_word(&l, &k);
    add_word(&l, &by);
    kora_reply *r = send_line(b.commands, &l);
    int status = kora_incr(b.typed, k.p, k.n, n, &result);
    if (status == KORA_OK) expect_int(r, result);
    else {
        assert_status(status, KORA_NOTINT);
        assert_int_equal(r->type, KORA_REPLY_ERROR);
    }
    kora_reply_free(r);
}

static void op_expire(struct world *w, struct both b) {
    static const struct {
        uint32_t flags;
        const char *words;
    } flags[] = { { 0, "" }, { KORA_NX, "NX" }, { KORA_XX, "XX" }, { KORA_GT, "GT" }, { KORA_LT, "LT" }, { KORA_XX | KORA_GT, "XX" },
        { KORA_XX | KORA_LT, "XX" } };
    struct word k, t;
    struct line l = { 0 };
    uint64_t f = below(w, ARRAY_LEN(flags));
    int64_t ms = (int64_t)below(w, 300) - 30;
    bool at = below(w, 2);
    if (at) ms += w->clock.ms;
    pick_key(w, &k);
    number(&t, ms);
    add_str(&l, at ? "pexpireat" : "pexpire");
    add_word(&l, &k);
    add_word(&l, &t);
    if (f) add_str(&l, flags[f].words);
    if (f == 5) add_str(&l, "GT");
    if (f == 6) add_str(&l, "LT");
    kora_reply *r = send_line(b.commands, &l);
    int status = at ? kora_expire_at(b.typed, k.p, k.n, ms, flags[f].flags) : kora_expire(b.typed, k.p, k.n, ms, flags[f].flags);
    expect_int(r, status == KORA_OK);
    assert_true(status == KORA_OK || status == KORA_NOTFOUND || status == KORA_NOTSET);
    kora_reply_free(r);
}

// There is no such command; what it would do is done in two.
static void op_cas(struct world *w, struct both b) {
    struct word k, v;
    struct line get = { 0 }, set = { 0 };
    kora_set_options o = KORA_SET_OPTIONS_INIT;
    pick_key(w, &k);
    pick_value(w, &v);
    add_str(&get, "get");
    add_word(&get, &k);
    kora_reply *r = send_line(b.commands, &get);
    bool wrong = below(w, 2), keep = below(w, 2);
    if (keep) o.flags = KORA_KEEPTTL;
    const char *expected = r->str;
    size_t n = r->len;
    if (wrong && expected) expected = n ? expected : "x", n = n ? n - 1 : 1;
    else if (wrong) expected = "";
    assert_status(kora_cas(b.typed, k.p, k.n, expected, n, v.p, v.n, &o), wrong ? KORA_NOTSET : KORA_OK);
    kora_reply_free(r);
    if (wrong) return;
    add_str(&set, "set");
    add_word(&set, &k);
    add_word(&set, &v);
    if (keep) add_str(&set, "keepttl");
    kora_reply_free(send_line(b.commands, &set));
}

static void op_many(struct world *w, struct both b) {
    static const char *const names[] = { "mset", "mget", "del" };
    struct word k[36], v[36];
    kora_bytes keys[36], values[36];
    kora_value got[36];
    size_t n = 1 + below(w, below(w, 2) ? 36 : 4), count, used;
    uint64_t which = below(w, 3);
    struct line l = { 0 };
    add_str(&l, names[which]);
    for (size_t i = 0; i < n; i++) {
        pick_key(w, &k[i]);
        pick_value(w, &v[i]);
        keys[i] = (kora_bytes){ k[i].p, k[i].n };
        values[i] = (kora_bytes){ v[i].p, v[i].n };
        add_word(&l, &k[i]);
        if (which == 0) add_word(&l, &v[i]);
    }
    kora_reply *r = send_line(b.commands, &l);
    char *buffer = malloc(1 << 20);
    switch (which) {
    case 0:
        assert_int_equal(r->type, KORA_REPLY_STATUS);
        assert_ok(kora_set_many(b.typed, keys, values, n, 0));
        break;
    case 1:
        assert_ok(kora_get_many(b.typed, keys, n, got, buffer, 1 << 20, &used));
        for (size_t i = 0; i < n; i++) {
            if (got[i].status == KORA_OK) same_string(&r->elements[i], got[i].data, got[i].len);
            else assert_int_equal(r->elements[i].type, KORA_REPLY_NULL);
        }
        break;
    case 2:
        assert_ok(kora_del_many(b.typed, keys, n, &count));
        expect_int(r, (int64_t)count);
        break;
    }
    free(buffer);
    kora_reply_free(r);
}

static void op_set_many_ttl(struct world *w, struct both b) {
    struct word k[2], v[2], t;
    kora_bytes keys[2], values[2];
    int64_t ms = 1 + (int64_t)below(w, 300);
    number(&t, ms);
    for (int i = 0; i < 2; i++) {
        struct line l = { 0 };
        pick_key(w, &k[i]);
        pick_value(w, &v[i]);
        keys[i] = (kora_bytes){ k[i].p, k[i].n };
        values[i] = (kora_bytes){ v[i].p, v[i].n };
        add_str(&l, "psetex");
        add_word(&l, &k[i]);
        add_word(&l, &t);
        add_word(&l, &v[i]);
        kora_reply_free(send_line(b.commands, &l));
    }
    assert_ok(kora_set_many(b.typed, keys, values, 2, ms));
}

// Commands without a typed call: the same on both, for their effects.
static void op_command(struct world *w, struct both b) {
    static const char *const forms[] = {
        // k: a key, v: a value, n: a small number, t: a time ahead
        "append k v",
        "append k n",
        "setrange k n v",
        "getset k v",
        "getdel k",
        "getex k persist",
        "getex k px n",
        "getex k pxat t",
        "rename k k",
        "renamenx k k",
        "copy k k",
        "copy k k replace",
        "copy k k db 2",
        "copy k k db 1 replace",
        "move k 1",
        "incrbyfloat k n",
        "decr k",
        "msetnx k v k v",
        "setnx k v",
        "psetex k n v",
        "setex k n v",
        "unlink k k k",
        "expire k n",
        "getex k",
        "pexpire k n lt",
        "touch k k",
        "set k v pxat t nx get",
    };
    static const char *const rare[] = { "flushdb", "flushall async", "swapdb 0 1", "swapdb 1 1", "swapdb 2 0" };
    char copy[64];
    const char *words[WORDS_MAX];
    struct word made[8];
    struct line l = { 0 };
    int n = split(copy, below(w, 60) == 0 ? rare[below(w, ARRAY_LEN(rare))] : forms[below(w, ARRAY_LEN(forms))], words);
    for (int i = 0; i < n; i++) {
        struct word *x = &made[i];
        if (i > 0 && strcmp(words[i], "k") == 0) pick_key(w, x), add_word(&l, x);
        else if (i > 0 && strcmp(words[i], "v") == 0) pick_value(w, x), add_word(&l, x);
        else if (i > 0 && strcmp(words[i], "n") == 0) number(x, 1 + (int64_t)below(w, 300)), add_word(&l, x);
        else if (i > 0 && strcmp(words[i], "t") == 0) number(x, w->clock.ms - 20 + (int64_t)below(w, 300)), add_word(&l, x);
        else add_str(&l, words[i]);
    }
    struct buf one = { 0 }, two = { 0 };
    kora_reply *a = send_line(b.typed, &l), *c = send_line(b.commands, &l);
    describe(a, &one);
    describe(c, &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    kora_reply_free(a);
    kora_reply_free(c);
    buf_free(&one);
    buf_free(&two);
}

static void step(struct world *w) {
    uint32_t number_of_db = below(w, 4) ? 0 : (uint32_t)below(w, DATABASES);
    struct both b = { kora_database(w->typed, number_of_db), kora_database(w->commands, number_of_db) };
    switch (below(w, 12)) {
    case 0:
    case 1: op_set(w, b); break;
    case 2: op_get(w, b); break;
    case 3: op_key(w, b); break;
    case 4: op_incr(w, b); break;
    case 5: op_expire(w, b); break;
    case 6: op_cas(w, b); break;
    case 7: op_many(w, b); break;
    case 8: op_set_many_ttl(w, b); break;
    default: op_command(w, b); break;
    }
}

static void compare(struct world *w, const char *what, kora *a, kora *b) {
    struct contents one = contents_of(a, DATABASES), two = contents_of(b, DATABASES);
    const char *bad = contents_differ(&one, &two);
    if (bad) fail_msg("after %llu steps %s differ: %s", (unsigned long long)w->steps, what, bad);
    contents_free(&one);
    contents_free(&two);
}

static void play(uint64_t seed, uint64_t steps) {
    struct world *w = calloc(1, sizeof *w);
    random_seed(&w->r, seed);
    w->clock.ms = 1700000000000;
    w->bytes = malloc(WRITTEN_MAX);
    for (int i = 0; i < WRITTEN_MAX; i++) w->bytes[i] = (char)random_next(&w->r);
    w->typed = open_world_db(w, &w->typed_notes);
    w->commands = open_world_db(w, &w->command_notes);
    w->from_typed = open_world_db(w, NULL);
    w->from_commands = open_world_db(w, NULL);
    for (w->steps = 1; w->steps <= steps; w->steps++) {
        step(w);
        replay(&w->typed_notes, w->from_typed);
        replay(&w->command_notes, w->from_commands);
        // Only now: these are ordinary calls, which see the time.
        if (below(w, 5) == 0) atomic_fetch_add(&w->clock.ms, (int64_t)below(w, 40));
        if (w->steps % 200) continue;
        compare(w, "typed calls and commands", w->typed, w->commands);
        replay(&w->typed_notes, w->from_typed);
        replay(&w->command_notes, w->from_commands);
        compare(w, "typed calls and their effects", w->typed, w->from_typed);
        compare(w, "commands and their effects", w->commands, w->from_commands);
    }
    kora *all[] = { w->typed, w->commands, w->from_typed, w->from_commands };
    for (int i = 0; i < 4; i++) {
        check_stripes(all[i]);
        assert_ok(kora_close(all[i]));
    }
    replay(&w->typed_notes, NULL);
    replay(&w->command_notes, NULL);
    assert_true(w->typed_notes.count > steps / 4 && w->command_notes.count > steps / 4);
    pthread_mutex_destroy(&w->typed_notes.mutex);
    pthread_mutex_destroy(&w->command_notes.mutex);
    free(w->bytes);
    free(w);
}

static void test_equal(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    int rounds = long_form() ? 100 : 4;
    for (int i = 0; i < rounds; i++) play(seed + (uint64_t)i, slow() ? 3000 : 8000);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_equal) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
