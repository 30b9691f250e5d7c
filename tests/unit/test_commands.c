// Commands on one thread, without an engine: the table and its index, walks over stripes, what happens when memory is missing, and above
// all effects: a random stream of commands runs on one database, and what it says that it did is replayed into others, with other
// numbers of stripes and other clocks. They must hold the same keys, values and expiries.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "unit/bare.h"

enum { ARGS_MAX = 64 };

// ---- running commands --------------------------------------------------------------------------------------------------------

static int split(char *line, struct slice *argv) {
    int argc = 0;
    for (char *p = line; *p; argc++) {
        size_t n = strcspn(p, " ");
        argv[argc] = (struct slice){ p, n };
        p += n + (p[n] == ' ');
    }
    return argc;
}

static bool run(struct bare *d, const char *format, ...) {
    char line[4096];
    struct slice argv[ARGS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return bare_run(d, split(line, argv), argv, 0);
}

static void expect(struct bare *d, const char *reply, const char *command) {
    run(d, "%s", command);
    if (d->reply.n != strlen(reply) || memcmp(d->reply.p, reply, d->reply.n) != 0) {
        fail_msg("%s: expected %s, got %.*s", command, reply, (int)d->reply.n, d->reply.p);
    }
}

// ---- digests: everything that a database holds --------------------------------------------------------------------------------

struct digest {
    uint64_t sum, keys; // a sum, so that the order does not matter
    uint32_t db;
};

static void digest_entry(void *arg, void *entry) {
    struct digest *d = arg;
    const struct entry *e = entry;
    char number[NUM_INT_MAX];
    struct slice key = entry_key(e), value = entry_string(e, number);
    uint64_t parts[4] = { d->db, (uint64_t)entry_expire_at(e), hash_bytes(&(struct hash_key){ 1, 2 }, key.p, key.n),
        hash_bytes(&(struct hash_key){ 3, 4 }, value.p, value.n) };
    d->sum += hash_bytes(&(struct hash_key){ 5, 6 }, parts, sizeof parts);
    d->keys++;
}

// Of what is in memory, whether its time has come or not.
static struct digest digest_of(struct bare *d) {
    struct digest g = { 0 };
    struct txn t;
    txn_begin(&t, &d->c);
    t.now_ms = INT64_MIN;
    for (g.db = 0; g.db < BARE_DATABASES; g.db++) {
        for (uint32_t i = 0; i < d->c.stripe_count; i++) stripe_scan(&d->c.stripes[i], &t, g.db, 0, SIZE_MAX, digest_entry, &g);
    }
    return g;
}

static bool same_digest(struct digest a, struct digest b) { return a.sum == b.sum && a.keys == b.keys; }

// ---- the table -----------------------------------------------------------------------------------------------------------------

static const struct command *find(const struct command_index *x, const char *line) {
    char text[256];
    struct slice argv[ARGS_MAX];
    const struct command *container;
    snprintf(text, sizeof text, "%s", line);
    return command_find(x, split(text, argv), argv, &container);
}

static void test_index(void **state) {
    (void)state;
    struct command_index *x = command_index_create();
    struct random r;
    random_seed(&r, 7);
    for (int i = 0; i < command_count; i++) {
        char name[64];
        if (commands[i].flags & CMD_HIDDEN) continue;
        snprintf(name, sizeof name, "%s", commands[i].name);
        for (char *p = name; *p; p++) {
            if (*p != '|' && random_below(&r, 2)) *p = (char)(*p >= 'a' && *p <= 'z' ? *p - ('a' - 'A') : *p);
        }
        assert_ptr_equal(command_by_name(x, slice_str(name)), &commands[i]);
        char *bar = strchr(name, '|');
        if (bar) *bar = ' ';
        if (!(commands[i].flags & CMD_CONTAINER)) assert_ptr_equal(find(x, name), &commands[i]);
        // One byte changed, added or cut: never this command.
        if (!bar) {
            size_t n = strlen(name), at = random_below(&r, n);
            name[at] = (char)(name[at] ^ 0x80);
            assert_null(find(x, name));
            name[at] = (char)(name[at] ^ 0x80 ^ 0x40);
            assert_null(find(x, name));
            name[at] = (char)(name[at] ^ 0x40);
            strcat(name, "~"); // there is LPUSHX
            assert_null(find(x, name));
        }
    }
    assert_null(find(x, "client nosuch"));
    assert_null(find(x, "getname"));
    assert_null(find(x, "client|id"));
    assert_null(find(x, "a_name_of_more_than_sixteen_bytes"));
    assert_null(find(x, "get subcommand|x") ? NULL : (void *)x);
    assert_string_equal(find(x, "client")->name, "client");
    assert_null(command_by_name(x, slice_str("get|x")));
    assert_null(command_by_name(x, slice_str("")));
    command_index_free(x);
}

static bool has_word(const char *list, const char *word) {
    char spaced[512], wanted[64];
    snprintf(spaced, sizeof spaced, " %s ", list);
    snprintf(wanted, sizeof wanted, " %s ", word);
    return strstr(spaced, wanted) != NULL;
}

static void test_table(void **state) {
    (void)state;
    for (int i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        const char *bar = strchr(c->name, '|');
        assert_true(c->arity != 0 && *c->acl && *c->since && *c->group && *c->summary);
        assert_int_equal(bar != NULL, c->parent >= 0 && !(c->flags & CMD_HIDDEN));
        if (bar) assert_true(strncmp(c->name, commands[c->parent].name, (size_t)(bar - c->name)) == 0);
        if (!c->handler) assert_true(c->flags & CMD_CONTAINER);
        assert_true(has_word(c->acl, c->flags & CMD_FAST ? "fast" : "slow"));
        assert_int_equal(has_word(c->acl, "write"), !!(c->flags & CMD_WRITE));
        if (c->flags & CMD_ADMIN) assert_true(has_word(c->acl, "admin") && has_word(c->acl, "dangerous"));
        if (c->route != ROUTE_ALL && !(c->flags & CMD_PUBSUB)) assert_int_equal(c->route == ROUTE_KEYS, *c->key_flags != '\0');
        if (c->flags & CMD_VARIANTS) assert_true(i + 1 < command_count && (commands[i + 1].flags & CMD_HIDDEN) && commands[i + 1].parent == i);
        if (!(c->flags & CMD_MOVABLEKEYS)) assert_int_equal(c->first_key != 0, *c->key_flags != '\0');
        assert_false((c->flags & CMD_WRITE) && (c->flags & CMD_READONLY));
        if (c->route == ROUTE_SCATTER || c->route == ROUTE_WALK) assert_true(c->flags & CMD_SCATTERED);
    }
}

// COMMAND, COMMAND INFO and COMMAND DOCS of everything: whole replies in both protocols.
static void test_descriptions(void **state) {
    (void)state;
    struct bare *d = bare_new(4, 1, (struct effect_sink){ 0 });
    static const char *const lines[] = { "COMMAND", "COMMAND INFO", "COMMAND DOCS", "COMMAND LIST", "COMMAND HELP", "OBJECT HELP" };
    for (int version = 2; version <= 3; version++) {
        d->session.version = version;
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            size_t consumed = 0;
            assert_true(run(d, "%s", lines[i]));
            assert_int_equal(resp_reply_skip(d->reply.p, d->reply.n, &consumed), RESP_COMPLETE);
            assert_int_equal(consumed, d->reply.n);
        }
    }
    assert_true(run(d, "COMMAND DOCS"));
    for (int i = 0; i < command_count; i++) {
        if (!(commands[i].flags & CMD_HIDDEN)) assert_non_null(memmem(d->reply.p, d->reply.n, commands[i].summary, strlen(commands[i].summary)));
    }
    bare_free(d);
}

// ---- walks ---------------------------------------------------------------------------------------------------------------------

// The elements of a SCAN's reply are keys "k:<i>"; counts them in `seen`. Returns the cursor.
static uint64_t read_scan(const struct bare *d, uint32_t *seen, size_t keys, size_t *elements) {
    struct kora_reply *r;
    size_t consumed;
    assert_int_equal(resp_reply_parse(d->reply.p, d->reply.n, &consumed, &r), RESP_COMPLETE);
    assert_int_equal(consumed, d->reply.n);
    assert_int_equal(r->count, 2);
    *elements = r->elements[1].count;
    for (size_t i = 0; i < r->elements[1].count; i++) {
        size_t k = (size_t)atoi(r->elements[1].elements[i].str + 2);
        assert_true(k < keys);
        seen[k]++;
    }
    uint64_t cursor = strtoull(r->elements[0].str, NULL, 10);
    mem_free(r);
    return cursor;
}

// Keys below STAY are there throughout and must come exactly once each; the others come and go while the scan is on its way.
static void scan_all(struct bare *d, struct random *r, uint32_t count) {
    enum { STAY = 300, ALL = 600 };
    uint32_t seen[ALL] = { 0 };
    uint64_t cursor = 0, calls = 0;
    size_t elements;
    run(d, "FLUSHALL");
    for (int i = 0; i < STAY; i++) run(d, "SET k:%d v", i);
    do {
        assert_true(run(d, "SCAN %llu COUNT %u", (unsigned long long)cursor, count));
        assert_true(d->visits <= (uint64_t)count + 1);
        cursor = read_scan(d, seen, ALL, &elements);
        assert_true(elements <= (size_t)count + TABLE_SLOTS);
        for (int i = 0; i < 5; i++) {
            unsigned k = STAY + (unsigned)random_below(r, ALL - STAY);
            run(d, random_below(r, 2) ? "SET k:%u v" : "DEL k:%u", k);
        }
        assert_true(++calls < 20000);
    } while (cursor);
    for (int i = 0; i < STAY; i++) assert_int_equal(seen[i], 1);
}

static void test_scan(void **state) {
    (void)state;
    static const uint32_t stripes[] = { 1, 2, 64, 512 }, counts[] = { 1, 3, 10, 1000, UINT32_MAX };
    for (size_t s = 0; s < ARRAY_LEN(stripes); s++) {
        struct bare *d = bare_new(stripes[s], 1000000, (struct effect_sink){ 0 });
        struct random r;
        random_seed(&r, s);
        for (size_t i = 0; i < ARRAY_LEN(counts); i++) scan_all(d, &r, counts[i]);
        // Cursors that no scan has given out are answered, too.
        for (int i = 0; i < 200; i++) assert_true(run(d, "SCAN %llu COUNT 100", (unsigned long long)random_next(&r)));
        bare_free(d);
    }
}

// What has expired is neither shown nor waited for, and the number of stripes that one call visits stays bounded.
static void test_scan_expired(void **state) {
    (void)state;
    struct bare *d = bare_new(64, 1000000, (struct effect_sink){ 0 });
    for (int i = 0; i < 1000; i++) run(d, "SET k:%d v PX 10", i);
    d->now_ms += 100;
    uint64_t cursor = 0, calls = 0;
    uint32_t seen[1000] = { 0 };
    size_t elements;
    do {
        assert_true(run(d, "SCAN %llu", (unsigned long long)cursor));
        assert_true(d->visits <= 11);
        cursor = read_scan(d, seen, 1000, &elements);
        assert_int_equal(elements, 0);
        calls++;
    } while (cursor);
    assert_true(calls >= 64 / 11);
    expect(d, "*0\r\n", "KEYS *");
    expect(d, "*0\r\n", "KEYS k:1");
    expect(d, "$-1\r\n", "RANDOMKEY");
    bare_free(d);
}

static void test_randomkey(void **state) {
    (void)state;
    enum { KEYS = 50 };
    struct bare *d = bare_new(64, 1000000, (struct effect_sink){ 0 });
    uint32_t seen[KEYS] = { 0 }, found = 0;
    for (int i = 0; i < KEYS; i++) run(d, "SET k:%d v", i);
    for (int i = 0; i < KEYS; i++) run(d, "SET gone:%d v PX 1", i);
    d->now_ms += 10;
    for (int i = 0; i < 100000 && found < KEYS; i++) {
        assert_true(run(d, "RANDOMKEY"));
        char *key = memmem(d->reply.p, d->reply.n, "k:", 2);
        assert_non_null(key);
        found += !seen[atoi(key + 2)]++;
    }
    assert_int_equal(found, KEYS);
    bare_free(d);
}

// ---- effects -------------------------------------------------------------------------------------------------------------------

// K key, L another kind of key, V value, I integer, F decimal, S seconds, M milliseconds, A and P Unix time in seconds and milliseconds, D database, O offset.
static const char *const stream[] = {
    "SET K V", "SET K V", "SET K I", "SET K V EX S", "SET K V PX M", "SET K V EXAT A", "SET K V PXAT P", "SET K V NX", "SET K V XX", "SET K V GET",
    "SET K V KEEPTTL", "SET K V NX EX S GET", "SET K V XX KEEPTTL GET", "SETNX K V", "SETEX K S V", "PSETEX K M V", "GETSET K V", "GETDEL K", "GETEX K",
    "GETEX K EX S", "GETEX K PX M", "GETEX K EXAT A", "GETEX K PXAT P", "GETEX K PERSIST", "GET K", "MGET K K K", "STRLEN K", "GETRANGE K O O",
    "MSET K V", "MSET K V K I K V", "MSET K V K V K V K V K V K V K V", "MSETNX K V", "MSETNX K V K V", "APPEND K V", "APPEND K I", "SETRANGE K O V",
    "INCR K", "DECR K", "INCRBY K I", "DECRBY K I", "INCRBYFLOAT K F", "SET K I", "SET K I PX M", "LCS K K", "DEL K", "DEL K K K", "UNLINK K K",
    "EXISTS K K", "TOUCH K K", "TYPE K", "RENAME K K", "RENAME K K", "RENAMENX K K", "COPY K K", "COPY K K REPLACE", "COPY K K DB D",
    "COPY K K DB D REPLACE", "MOVE K D", "EXPIRE K S", "PEXPIRE K M", "EXPIREAT K A", "PEXPIREAT K P", "EXPIRE K S NX", "EXPIRE K S XX", "EXPIRE K S GT",
    "EXPIRE K S LT", "PEXPIRE K M XX GT", "PERSIST K", "TTL K", "PTTL K", "EXPIRETIME K", "OBJECT ENCODING K", "OBJECT IDLETIME K", "KEYS *", "KEYS K",
    "SCAN 0 COUNT 100", "RANDOMKEY", "DBSIZE", "SELECT D", "SELECT D", "TIME", "PING", "SETBIT K O 1", "SETBIT K O 0", "GETBIT K O",
    "BITCOUNT K O O BIT", "BITPOS K 1 O", "BITOP AND K K K", "BITOP NOT K K", "BITOP DIFF K K K", "BITOP ONE K K K K", "BITFIELD K GET u8 O",
    "BITFIELD K SET u9 O 7 INCRBY i5 O 3 OVERFLOW FAIL INCRBY u2 O 2", "BITFIELD K OVERFLOW FAIL INCRBY u2 O 4", "BITFIELD_RO K GET i8 O",
    "PFADD L V V V", "PFADD L", "PFADD L I", "PFADD K V", "PFCOUNT L", "PFCOUNT L", "PFCOUNT L L", "PFMERGE L L L", "PFMERGE L", "DEL L", "EXPIRE L S",
};
static const char *const rare[] = { "FLUSHDB", "FLUSHALL", "SWAPDB D D", "SWAPDB D D", "FLUSHDB ASYNC" };

enum { KEYS_IN_STREAM = 24, LINE_MAX_LEN = 8192 };

static void fill_in(struct bare *d, struct random *r, char what, char *to, size_t size) {
    int64_t n = (int64_t)random_below(r, 200);
    switch (what) {
    case 'K': snprintf(to, size, random_below(r, 4) ? "key%d" : "{tag}%d", (int)random_below(r, KEYS_IN_STREAM)); break;
    case 'L': snprintf(to, size, random_below(r, 2) ? "hll%d" : "{tag}hll%d", (int)random_below(r, 3)); break;
    case 'V': {
        size_t len = random_below(r, 8) ? random_below(r, 60) : random_below(r, 900);
        for (size_t i = 0; i < len; i++) to[i] = (char)('a' + random_below(r, 26));
        to[len] = '\0';
        break;
    }
    case 'I': snprintf(to, size, "%d", (int)n - 100); break;
    case 'F': snprintf(to, size, "%.2f", (double)(n - 100) / 8); break;
    case 'S': snprintf(to, size, "%d", (int)(n / 20) - 1); break;
    case 'M': snprintf(to, size, "%d", (int)n * 40 - 200); break;
    case 'A': snprintf(to, size, "%lld", (long long)(d->now_ms / 1000 + n / 20 - 2)); break;
    case 'P': snprintf(to, size, "%lld", (long long)(d->now_ms + n * 40 - 1000)); break;
    case 'D': snprintf(to, size, "%d", (int)(n % BARE_DATABASES)); break;
    default: snprintf(to, size, "%d", (int)(n % 50)); break;
    }
}

// Arguments are put into `line`; an argument of the template that is one capital letter is filled in.
static int make_command(struct bare *d, struct random *r, char *line, struct slice *argv) {
    const char *p = random_below(r, 150) ? stream[random_below(r, ARRAY_LEN(stream))] : rare[random_below(r, ARRAY_LEN(rare))];
    int argc = 0;
    for (; *p; argc++) {
        size_t n = strcspn(p, " ");
        if (n == 1) {
            fill_in(d, r, *p, line, 1024);
        } else {
            memcpy(line, p, n);
            line[n] = '\0';
        }
        argv[argc] = slice_str(line);
        line += strlen(line) + 1;
        p += n + (p[n] == ' ');
    }
    return argc;
}

static bool is_whole(const struct kept *e) { return slice_is_word(e->argv[0], "flushdb") || slice_is_word(e->argv[0], "swapdb"); }

// An effect is one of few commands, about a key of its stripe, and says nothing that depends on time.
static void check_effect(struct bare *d, const struct kept *e) {
    static const char *const facts[] = { "set", "del", "unlink", "pexpireat", "persist", "append", "setrange", "incr", "decr", "incrby", "decrby",
        "setbit", "bitfield", "pfadd", "pfcount" };
    struct key k;
    size_t i = 0;
    if (is_whole(e)) return;
    while (i < ARRAY_LEN(facts) && !slice_is_word(e->argv[0], facts[i])) i++;
    assert_true(i < ARRAY_LEN(facts));
    key_locate(&d->c, &k, e->db, e->argv[1]);
    assert_int_equal(k.stripe_number, e->stripe);
    if (slice_is_word(e->argv[0], "del")) assert_int_equal(e->argc, 2);
    bool as_is = slice_is_word(e->argv[0], "bitfield") || slice_is_word(e->argv[0], "pfadd") || slice_is_word(e->argv[0], "setbit");
    for (int a = 3; a < e->argc && !as_is; a++) {
        assert_true(slice_is_word(e->argv[0], "set") ? slice_is_word(e->argv[a], "pxat") || slice_is_word(e->argv[a], "keepttl") || a == 4
                                                     : slice_is_word(e->argv[0], "setrange"));
    }
}

static void apply(struct bare *to, const struct kept *e) {
    struct slice argv[ARGS_MAX];
    memcpy(argv, e->argv, (size_t)e->argc * sizeof *argv);
    to->session.db = e->db;
    if (!bare_run(to, e->argc, argv, TXN_REPLAY)) fail_msg("replayed %.*s: %.*s", (int)argv[0].n, argv[0].p, (int)to->reply.n, to->reply.p);
}

// Between two effects of the whole database those of different stripes have nothing to do with each other: they are applied stripe by stripe.
static void replay(struct bare *from, struct bare *to, bool by_stripe) {
    size_t i = 0;
    while (i < from->kept.n) {
        if (is_whole(&from->kept.e[i])) {
            // One in each stripe: together they are the command.
            for (uint32_t s = 0; s < from->c.stripe_count; s++) {
                assert_true(is_whole(&from->kept.e[i + s]));
                assert_int_equal(from->kept.e[i + s].stripe, s);
                assert_int_equal(from->kept.e[i + s].db, from->kept.e[i].db);
            }
            apply(to, &from->kept.e[i]);
            i += from->c.stripe_count;
            continue;
        }
        size_t end = i;
        while (end < from->kept.n && !is_whole(&from->kept.e[end])) end++;
        for (uint32_t s = from->c.stripe_count; by_stripe && s-- > 0;) {
            for (size_t k = i; k < end; k++) {
                if (from->kept.e[k].stripe == s) apply(to, &from->kept.e[k]);
            }
        }
        for (size_t k = i; !by_stripe && k < end; k++) apply(to, &from->kept.e[k]);
        i = end;
    }
}

struct replica {
    struct bare *d;
    bool by_stripe;
};

static void check_stream(uint64_t seed, size_t commands_left) {
    enum { REPLICAS = 4 };
    int64_t start_ms = 1700000000000;
    struct bare *d = bare_keeping(8, start_ms);
    struct replica replicas[REPLICAS] = {
        { bare_new(1, 1000, (struct effect_sink){ 0 }), false },            // long before
        { bare_new(32, start_ms * 3, (struct effect_sink){ 0 }), true },    // long after everything has expired
        { bare_new(2, start_ms, (struct effect_sink){ 0 }), true },
        { bare_new(8, start_ms + 3000, (struct effect_sink){ 0 }), false }, // a little later
    };
    struct random r;
    random_seed(&r, seed);
    struct digest before = digest_of(d);
    size_t seen = 0, with_effects = 0, expired = 0;
    for (size_t n = 0; n < commands_left; n++) {
        char line[LINE_MAX_LEN];
        struct slice argv[ARGS_MAX];
        int argc = make_command(d, &r, line, argv);
        if (random_below(&r, 4) == 0) d->now_ms += (int64_t)random_below(&r, 700);
        bool ok = bare_run(d, argc, argv, 0);
        struct digest after = digest_of(d);
        // Nothing said, nothing done; and an error does nothing but expire.
        if (d->kept.n == seen) assert_true(same_digest(before, after));
        for (size_t i = seen; i < d->kept.n; i++) {
            check_effect(d, &d->kept.e[i]);
            if (!ok) assert_true(slice_is_word(d->kept.e[i].argv[0], "del"));
        }
        with_effects += d->kept.n > seen;
        seen = d->kept.n;
        before = after;
        if (n % 64 == 63 || n + 1 == commands_left) {
            for (int i = 0; i < REPLICAS; i++) {
                replay(d, replicas[i].d, replicas[i].by_stripe);
                assert_true(same_digest(after, digest_of(replicas[i].d)));
            }
            effects_forget(&d->kept);
            seen = 0;
        }
    }
    for (uint32_t i = 0; i < d->c.stripe_count; i++) {
        expired += atomic_load(&d->c.stripes[i].counters.expired);
        stripe_check(&d->c.stripes[i]);
    }
    // The stream is worth something: much has changed, and keys have expired on the way.
    assert_true(with_effects > commands_left / 4 && expired > commands_left / 200);
    for (int i = 0; i < REPLICAS; i++) bare_free(replicas[i].d);
    bare_free(d);
}

static void test_effects(void **state) {
    (void)state;
    size_t rounds = getenv("KORA_TEST_LONG") ? 200 : 8;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        check_stream(seed, 4000);
    }
}

// What each command says that it did, word for word.
static void test_effect_forms(void **state) {
    (void)state;
    static const struct {
        const char *command, *effects; // separated by "; "
    } forms[] = {
        { "SET a 1", "SET a 1" },
        { "SET a 1 EX 10", "SET a 1 PXAT 1010000" },
        { "SET a 2 PX 5 GET", "SET a 2 PXAT 1000005" },
        { "SET a 3 EXAT 2000", "SET a 3 PXAT 2000000" },
        { "SET a 4 XX KEEPTTL", "SET a 4 KEEPTTL" },
        { "SET a 5 NX", "" },
        { "SET a 5 NX GET", "" },
        { "SETEX a 10 v", "SET a v PXAT 1010000" },
        { "PSETEX a 10 v", "SET a v PXAT 1000010" },
        { "SETNX a v", "" },
        { "SETNX n v", "SET n v" },
        { "GETSET n w", "SET n w" },
        { "GETEX n EX 7", "PEXPIREAT n 1007000" },
        { "GETEX n PERSIST", "PERSIST n" },
        { "GETEX n PERSIST", "" },
        { "GETEX n PXAT 1", "DEL n" },
        { "GETDEL a", "DEL a" },
        { "GETDEL a", "" },
        { "MSET {x}a 1 {x}b 2 {x}a 3", "SET {x}a 1; SET {x}b 2; SET {x}a 3" },
        { "MSETNX {x}a 1 {x}c 2", "" },
        { "MSETNX {x}c 1", "SET {x}c 1" },
        { "INCR {x}c", "INCR {x}c" },
        { "DECRBY {x}c 5", "DECRBY {x}c 5" },
        { "INCRBYFLOAT {x}c 0.5", "SET {x}c -2.5 KEEPTTL" },
        { "APPEND {x}c z", "APPEND {x}c z" },
        { "SETRANGE {x}c 1 q", "SETRANGE {x}c 1 q" },
        { "SETRANGE {x}c 1 ", "" },
        { "EXPIRE {x}c 100", "PEXPIREAT {x}c 1100000" },
        { "EXPIRE {x}c 100 NX", "" },
        { "PERSIST {x}c", "PERSIST {x}c" },
        { "PERSIST {x}c", "" },
        { "PEXPIRE {x}c 100", "PEXPIREAT {x}c 1000100" },
        { "RENAME {x}c {x}d", "DEL {x}c; SET {x}d -q.5z PXAT 1000100" },
        { "RENAMENX {x}d {x}a", "" },
        { "RENAME {x}d {x}d", "" },
        { "COPY {x}d {x}e", "SET {x}e -q.5z PXAT 1000100" },
        { "COPY {x}d {x}e", "" },
        { "EXPIREAT {x}e 1", "DEL {x}e" },
        { "EXPIREAT {x}e 1", "" },
        { "DEL {x}a {x}a {x}none", "DEL {x}a; DEL {x}a" },
        { "UNLINK {x}b", "DEL {x}b" },
        { "UNLINK {x}b", "" },
        { "GET {x}d", "" },
        { "FLUSHDB", "FLUSHDB; FLUSHDB" },
        { "FLUSHDB", "" },
        { "FLUSHALL", "" },
        { "SWAPDB 0 1", "SWAPDB 0 1; SWAPDB 0 1" },
        { "SWAPDB 1 1", "" },
        { "INCR {x}n", "INCR {x}n" },
        { "MOVE {x}n 2", "DEL {x}n; SET {x}n 1" },
        { "COPY {x}n {x}m", "" },
        { "SETBIT {x}q 1 1", "SETBIT {x}q 1 1" },
        { "SETBIT {x}q 1 1", "" },
        { "SETBIT {x}q 9 0", "SETBIT {x}q 9 0" },
        { "BITFIELD {x}q GET u8 0", "" },
        { "BITFIELD {x}q SET u8 0 64", "" },
        { "BITFIELD {x}q INCRBY u8 0 1", "BITFIELD {x}q INCRBY u8 0 1" },
        { "BITFIELD {x}new OVERFLOW FAIL INCRBY u2 0 5", "BITFIELD {x}new OVERFLOW FAIL INCRBY u2 0 5" },
        { "BITFIELD {x}new OVERFLOW FAIL INCRBY u2 0 5", "" },
        { "SET {x}q abc EX 10", "SET {x}q abc PXAT 1010000" },
        { "BITOP OR {x}r {x}q none", "SET {x}r abc" },
        { "BITOP AND {x}q {x}q", "SET {x}q abc" },
        { "BITOP OR {x}r none", "DEL {x}r" },
        { "BITOP OR {x}r none", "" },
        { "PFADD {x}h", "PFADD {x}h" },
        { "PFADD {x}h", "" },
        { "PFADD {x}h u v", "PFADD {x}h u v" },
        { "PFADD {x}h v u", "" },
        { "PFCOUNT {x}h", "PFCOUNT {x}h" },
        { "PFCOUNT {x}h", "" },
        { "PFCOUNT {x}h {x}h", "" },
        { "PFCOUNT none", "" },
        { "SET {x}n v PX 1", "SET {x}n v PXAT 1000001" },
    };
    struct bare *d = bare_keeping(2, 1000000);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char line[256], said[1024];
        struct slice argv[ARGS_MAX];
        snprintf(line, sizeof line, "%s", forms[i].command);
        int argc = split(line, argv);
        if (line[strlen(line) - 1] == ' ') argv[argc++] = SLICE("");
        bare_run(d, argc, argv, 0);
        effects_text(&d->kept, 0, said, sizeof said);
        if (strcmp(said, forms[i].effects) != 0) fail_msg("%s: said \"%s\", not \"%s\"", forms[i].command, said, forms[i].effects);
        effects_forget(&d->kept);
    }
    // Expiry is an effect of whatever finds the key, reads included, and comes before the command's own.
    d->now_ms += 10;
    run(d, "APPEND {x}n x");
    assert_int_equal(d->kept.n, 2);
    assert_true(slice_is_word(d->kept.e[0].argv[0], "del") && slice_is_word(d->kept.e[1].argv[0], "append"));
    bare_free(d);
}

// ---- without memory ------------------------------------------------------------------------------------------------------------

#ifdef KORA_FAULTS

static const char *const failing[] = {
    "SET a v", "SET b %s", "SET a %s EX 10", "SET new v NX GET", "SET a %s GET", "SET c v KEEPTTL", "SETNX new %s", "SETEX a 10 %s", "GETSET a %s",
    "GETDEL a", "GETDEL long", "GETEX a EX 10", "GETEX long EX 10", "GETEX c PERSIST", "GETEX a EXAT 1", "MSET a 1 b %s new x", "MSET a 1 b 2 a 3 c %s",
    "MSETNX n1 1 n2 %s n3 3", "APPEND a %s", "APPEND new %s", "APPEND long x", "SETRANGE a 100 %s", "SETRANGE new 5 x", "INCR n", "INCR new",
    "INCRBYFLOAT n 1.5", "DEL a b c n long", "UNLINK a none b", "RENAME a b", "RENAME long new", "RENAME c a", "RENAMENX a new", "COPY long new",
    "COPY c a REPLACE", "COPY a a DB 1", "MOVE long 2", "EXPIRE a 10", "EXPIRE long 10", "PEXPIREAT a 1", "PERSIST c", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1",
    "MGET a b c n long", "LCS a b", "LCS a b IDX", "KEYS *", "SCAN 0 COUNT 100", "COMMAND DOCS", "COMMAND INFO",
    "SETBIT a 3 1", "SETBIT n 3 1", "SETBIT new 100000 1", "SETBIT long 100000 1", "BITOP OR new a long", "BITOP NOT a none", "BITOP XOR long a b c n long",
    "BITOP OR c c c c c c c c c c c c c c c c c c c c", "BITFIELD a SET u8 0 1 GET u8 0 INCRBY i5 100 1", "BITFIELD new SET u8 100000 7", "BITFIELD a GET u8 0",
    ("BITFIELD a SET u1 0 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 SET u1 1 1 "
     "SET u1 1 1 SET u1 1 1"),
    "BITFIELD_RO long GET u8 0", "PFADD hll x", "PFADD hll e1", "PFADD new a b c", "PFADD dense x y z", "PFADD dense d1", "PFCOUNT hll", "PFCOUNT dense",
    "PFCOUNT hll dense", "PFMERGE hll dense", "PFMERGE new hll", "PFMERGE new dense hll",
};

static void prepare(struct bare *d, const char *value) {
    assert_true(run(d, "MSET a 1x b 2y n 10"));
    assert_true(run(d, "SET c 3z EX 1000"));
    assert_true(run(d, "SET long %s", value));
    assert_true(run(d, "PFADD hll e1 e2 e3"));
    atomic_store(&d->c.settings.hll_sparse_max_bytes, 0);
    assert_true(run(d, "PFADD dense d1 d2 d3"));
    atomic_store(&d->c.settings.hll_sparse_max_bytes, 3000);
    effects_forget(&d->kept);
    buf_free(&d->reply); // so that the reply must be allocated, too
}

// The n-th allocation of the command fails: the reply says so, or is missing, and nothing has changed or been said. False: it has not
// come to an n-th one.
static bool fail_nth(const char *format, const char *value, bool with_effects, long nth) {
    struct bare *d = with_effects ? bare_keeping(4, 1000000) : bare_new(4, 1000000, (struct effect_sink){ 0 });
    char line[16384];
    struct slice argv[ARGS_MAX];
    prepare(d, value);
    struct digest before = digest_of(d);
    snprintf(line, sizeof line, format, value);
    int argc = split(line, argv);
    mem_fail(nth, false);
    bool ok = bare_run(d, argc, argv, 0), failed = mem_fail_left() <= 0;
    mem_fail(0, false);
    if (!failed) {
        assert_true(ok);
    } else if (!ok) {
        if (!same_digest(before, digest_of(d))) fail_msg("allocation %ld of \"%.40s\" failed, and the data has changed", nth, format);
        assert_int_equal(d->kept.n, 0);
        if (!d->reply.failed) assert_memory_equal(d->reply.p, d->reply.p[1] == 'O' ? "-OOM " : "-ERR Insufficient memory", 5);
    } // else it did without
    for (uint32_t i = 0; i < d->c.stripe_count; i++) stripe_check(&d->c.stripes[i]);
    bare_free(d);
    return failed;
}

static void test_no_memory(void **state) {
    (void)state;
    char value[9001];
    long total = 0;
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(failing); i++) {
        for (int effects = 0; effects < 2; effects++) {
            long nth = 1;
            // Format strings without %s ignore the value.
            while (fail_nth(failing[i], value, effects, nth)) nth++;
            total += nth - 1;
        }
    }
    print_message("%ld failed allocations\n", total);
    assert_true(total > 100);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index), cmocka_unit_test(test_table), cmocka_unit_test(test_descriptions), cmocka_unit_test(test_scan),
        cmocka_unit_test(test_scan_expired), cmocka_unit_test(test_randomkey), cmocka_unit_test(test_effect_forms), cmocka_unit_test(test_effects),
#ifdef KORA_FAULTS
        cmocka_unit_test(test_no_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
