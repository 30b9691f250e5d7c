// Reading collections in portions: every element, exactly once, whatever fits and whatever changes meanwhile; and random calls about collections, compared with
// the commands that do the same and with what the effects make of another database.
#include "unit/api.h"

#include <math.h>

#include "api/items_int.h"

enum { TEXT = 64, MAX = 64 };
#define KEY(k) (k), strlen(k)

static size_t below(struct random *r, size_t n) { return (size_t)random_below(r, n); }

// ---- the order of hashes and sets: elements at the same position, as they hardly ever are ------------------------------------------------

enum { FAKES = 120 };
struct fake {
    struct scan scan;
    uint64_t position[FAKES]; // ascending
    char name[FAKES][16];
    size_t len[FAKES];
    size_t n;
};

static void visit_fake(struct fake *f, size_t i) {
    struct slice name = { f->name[i], f->len[i] };
    f->scan.visit(&f->scan, f->position[i], &name, name.n);
}

static uint64_t walk_large(struct scan *s, uint64_t cursor, size_t max) {
    struct fake *f = CONTAINER_OF(s, struct fake, scan);
    size_t i = 0, seen = 0;
    while (i < f->n && f->position[i] < cursor) i++;
    for (; i < f->n; i++, seen++) {
        if (seen >= max && f->position[i] != f->position[i - 1]) return f->position[i];
        visit_fake(f, i);
    }
    return 0;
}

static uint64_t walk_small(struct scan *s, uint64_t cursor, size_t max) {
    struct fake *f = CONTAINER_OF(s, struct fake, scan);
    (void)cursor, (void)max;
    for (size_t i = 0; i < f->n; i++) visit_fake(f, i * 7 % f->n);
    return 0;
}

static void scan_fakes(struct random *r, struct fake *f, bool large) {
    static struct root root;
    struct value v = { .type = TYPE_SET, .there = true, .root = large ? &root : NULL };
    kora_bytes items[MAX];
    char buffer[256];
    unsigned seen[FAKES] = { 0 };
    uint64_t cursor = 0;
    size_t count = 0, max = 3 + below(r, 60), size = below(r, sizeof buffer);
    bool again;
    do {
        uint64_t was = cursor;
        f->scan.items = items;
        f->scan.width = 1;
        f->scan.v = &v;
        f->scan.walk = large ? walk_large : walk_small;
        assert_ok(portion_begin(&f->scan.to, &cursor, items, max, buffer, size, &count));
        int status = portion_end(&f->scan.to, scan_run(&f->scan, cursor), &cursor, &count);
        again = status == KORA_NOSPACE;
        if (again) {
            assert_true(cursor == was && count > 0);
            // So many are enough, and one less is not.
            assert_true(count <= sizeof buffer && (max < 3 || count > size));
            size = count;
            continue;
        }
        assert_ok(status);
        assert_true(count > 0 || cursor == 0);
        for (size_t i = 0; i < count; i++) {
            size_t k = (size_t)strtoul(items[i].data, NULL, 10);
            assert_true(k < f->n && items[i].len == f->len[k] && memcmp(items[i].data, f->name[k], f->len[k]) == 0);
            seen[k]++;
        }
    } while (cursor || again);
    for (size_t i = 0; i < f->n; i++) assert_int_equal(seen[i], 1);
}

static void test_ties(void **state) {
    (void)state;
    static struct fake f;
    struct random r;
    random_seed(&r, test_seed());
    for (int round = 0; round < (long_form() ? 200000 : 2000); round++) {
        uint64_t position = 0;
        size_t same = 0;
        f.n = 1 + below(&r, FAKES - 1);
        while (f.n % 7 == 0) f.n--; // walk_small goes round by sevens
        for (size_t i = 0; i < f.n; i++) {
            bool tie = i > 0 && same < 2 && below(&r, 3) == 0; // three at most at one position
            same = tie ? same + 1 : 0;
            if (!tie) position += below(&r, 2) + (i > 0);
            f.position[i] = position;
            f.len[i] = (size_t)sprintf(f.name[i], "%zu", i);
            f.name[i][f.len[i]++] = ' ';
            while (f.len[i] < 15 && below(&r, 2)) f.name[i][f.len[i]++] = '.';
        }
        scan_fakes(&r, &f, round & 1);
    }
}

// ---- portions while everything else changes ----------------------------------------------------------------------------------------

enum { HASH, SET, LIST, ZSET, KINDS };

static void add(kora *db, int kind, const char *key, const char *name) {
    kora_bytes one = { name, strlen(name) };
    size_t n;
    switch (kind) {
    case HASH: assert_ok(kora_hset(db, KEY(key), &(kora_field){ one, one }, 1, &n)); break;
    case SET: assert_ok(kora_sadd(db, KEY(key), &one, 1, &n)); break;
    case LIST: assert_ok(kora_push(db, KEY(key), KORA_BACK, &one, 1, &n)); break;
    default: assert_ok(kora_zadd(db, KEY(key), 0, &(kora_member){ one, (double)strtoul(name + 1, NULL, 10) }, 1, &n)); break;
    }
}

static void take(kora *db, int kind, const char *key, const char *name) {
    kora_bytes one = { name, strlen(name) };
    size_t n;
    if (kind == HASH) assert_ok(kora_hdel(db, KEY(key), &one, 1, &n));
    else assert_ok(kora_srem(db, KEY(key), &one, 1, &n));
}

static int portion(kora *db, int kind, const char *key, uint32_t flags, uint64_t *cursor, kora_bytes *names, size_t max, char *buffer, size_t size, size_t *n) {
    kora_field fields[MAX];
    kora_member members[MAX];
    int status;
    switch (kind) {
    case HASH:
        status = kora_hscan(db, KEY(key), cursor, fields, max, buffer, size, n);
        for (size_t i = 0; status == KORA_OK && i < *n; i++) {
            names[i] = fields[i].name;
            assert_true(fields[i].value.len == names[i].len && memcmp(fields[i].value.data, names[i].data, names[i].len) == 0);
        }
        return status;
    case SET: return kora_sscan(db, KEY(key), cursor, names, max, buffer, size, n);
    case LIST: return kora_lrange(db, KEY(key), cursor, names, max, buffer, size, n);
    default:
        status = kora_zrange(db, KEY(key), flags, cursor, members, max, buffer, size, n);
        for (size_t i = 0; status == KORA_OK && i < *n; i++) {
            names[i] = members[i].name;
            char name[TEXT] = "";
            memcpy(name, names[i].data, names[i].len);
            assert_true(members[i].score == (double)strtoul(name + 1, NULL, 10));
        }
        return status;
    }
}

// Those that stay are s0 .. s<stay>; others come and go between portions, so many that what is small becomes large on the way.
static void scan_changing(kora *db, struct random *r, int kind, size_t stay, size_t others, bool numbers) {
    char name[TEXT], buffer[1024];
    kora_bytes names[MAX];
    unsigned *seen = calloc(stay, sizeof *seen);
    uint64_t cursor = 0;
    size_t n, portions = 0, top = 0;
    const char *stays = numbers ? "%zu" : "s%zu", *comes = numbers ? "-%zu" : "o%zu-%s";
    expect_reply(db, NULL, "DEL k", kora_exists(db, LIT("k")) == KORA_OK ? ":1" : ":0");
    for (size_t i = 0; i < stay; i++) {
        sprintf(name, stays, i);
        add(db, kind, "k", name);
    }
    bool again;
    do {
        size_t max = 1 + below(r, MAX - 1), size = 20 + below(r, sizeof buffer - 20);
        int status = portion(db, kind, "k", 0, &cursor, names, max, buffer, size, &n);
        again = status == KORA_NOSPACE;
        if (again) {
            assert_true(n > size && n <= sizeof buffer);
            continue;
        }
        assert_ok(status);
        assert_true(n <= max && (n > 0 || cursor == 0));
        portions++;
        for (size_t i = 0; i < n; i++) {
            memcpy(name, names[i].data, names[i].len);
            name[names[i].len] = '\0';
            size_t k = numbers ? (size_t)strtoul(name, NULL, 10) : (size_t)strtoul(name + 1, NULL, 10);
            if (numbers ? name[0] != '-' : name[0] == 's') {
                assert_true(k < stay);
                seen[k]++;
            }
        }
        for (size_t i = 0; top < others && i < 3; i++) {
            sprintf(name, comes, top, below(r, 3) ? "" : "so long that a packed list takes no such");
            add(db, kind, "k", name);
            if (below(r, 2)) take(db, kind, "k", name);
            top++;
        }
    } while (cursor || again);
    for (size_t i = 0; i < stay; i++) {
        if (seen[i] != 1) fail_msg("%d: %zu of %zu was read %u times", kind, i, stay, seen[i]);
    }
    assert_true(portions > stay / MAX);
    free(seen);
}

static void test_changing(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, test_seed());
    kora *db = open_db(1, 8);
    expect_reply(db, NULL, "CONFIG SET hash-max-listpack-value 30 set-max-listpack-value 30", "OK");
    for (int round = 0; round < (long_form() ? 2000 : slow() ? 15 : 60); round++) {
        static const size_t stays[] = { 1, 5, 40, 100, 127, 300, 2000 };
        size_t stay = stays[round % (int)ARRAY_LEN(stays)];
        scan_changing(db, &r, HASH, stay, below(&r, 400), false);
        scan_changing(db, &r, SET, stay, below(&r, 400), false);
        scan_changing(db, &r, SET, stay, below(&r, 400), true); // integers become a table, too
        scan_changing(db, &r, HASH, stay, 0, true);
    }
    check_stripes(db);
    assert_ok(kora_close(db));
}

// Lists and sorted sets: any number may be the first.
static void test_ranges(void **state) {
    (void)state;
    struct random r;
    random_seed(&r, test_seed());
    kora *db = open_db(1, 8);
    char name[TEXT], buffer[512];
    kora_bytes names[MAX];
    size_t n;
    for (int kind = LIST; kind <= ZSET; kind++) {
        for (size_t total = 1; total < 1500; total = total * 3 + 1) {
            kora_del(db, LIT("k"));
            for (size_t i = 0; i < total; i++) {
                sprintf(name, "m%zu", i);
                add(db, kind, "k", name);
            }
            for (int round = 0; round < 20; round++) {
                bool reverse = kind == ZSET && round & 1;
                uint64_t cursor = below(&r, total + 3), at = cursor;
                bool again;
                do {
                    size_t max = 1 + below(&r, MAX - 1), size = below(&r, sizeof buffer);
                    int status = portion(db, kind, "k", reverse ? KORA_REVERSE : 0, &cursor, names, max, buffer, size, &n);
                    again = status == KORA_NOSPACE;
                    if (again) {
                        assert_true(n > size && n < TEXT && cursor == at);
                        continue;
                    }
                    assert_ok(status);
                    for (size_t i = 0; i < n; i++, at++) {
                        sprintf(name, "m%zu", reverse ? total - 1 - (size_t)at : (size_t)at);
                        assert_true(names[i].len == strlen(name) && memcmp(names[i].data, name, names[i].len) == 0);
                    }
                    assert_true(cursor == 0 || cursor == at);
                } while (cursor || again);
                assert_true(at >= total);
            }
        }
    }
    uint64_t far = UINT64_MAX;
    assert_ok(portion(db, ZSET, "k", 0, &far, names, MAX, buffer, sizeof buffer, &n));
    assert_true(n == 0 && far == 0);
    assert_ok(kora_del(db, LIT("k")));
    for (int kind = 0; kind < KINDS; kind++) {
        for (int large = 0; large < 2; large++) {
            kora_del(db, LIT("k"));
            for (int i = 0; i <= large * 2000; i++) {
                sprintf(name, "m%d", i);
                add(db, kind, "k", name);
            }
            far = UINT64_MAX - 5;
            assert_ok(portion(db, kind, "k", 0, &far, names, MAX, buffer, sizeof buffer, &n));
            assert_true(n == 0 && far == 0);
        }
    }
    assert_ok(kora_close(db));
}

// ---- random calls, beside the commands ------------------------------------------------------------------------------------------------

enum { ARGS = 24, ARGC = 4 + 2 * ARGS };

struct line {
    int argc;
    const char *argv[ARGC];
    size_t len[ARGC];
};

struct world {
    kora *db, *twin, *replica; // calls; commands; effects of the calls
    struct random r;
    uint64_t done, refused, effects;
};

static void word(struct line *l, const void *p, size_t n) {
    l->argv[l->argc] = p ? p : "";
    l->len[l->argc++] = n;
}

static void replay(void *arg, const struct effect *e) {
    struct world *w = arg;
    struct line l = { 0 };
    kora_reply *r = NULL;
    for (int i = 0; i < e->argc; i++) word(&l, e->argv[i].p, e->argv[i].n);
    // The databases are different ones, and this is a test: the sink calls the other.
    long left = mem_fail_left();
    mem_fail(0, false);
    assert_ok(kora_exec(w->replica, NULL, l.argc, l.argv, l.len, &r));
    if (r->type == KORA_REPLY_ERROR) fail_msg("effect %s: %s", l.argv[0], r->str);
    kora_reply_free(r);
    if (left > 0) mem_fail(left, false);
    w->effects++;
}

static void random_name(struct world *w, char *text, kora_bytes *b) {
    b->data = text;
    b->len = below(&w->r, 20) ? (size_t)sprintf(text, below(&w->r, 3) ? "%zu" : "n%zu", below(&w->r, 60)) : below(&w->r, TEXT - 1);
    if (b->len && below(&w->r, 20) == 0) memset(text, 'x', b->len);
}

enum { DONE_NOTFOUND = -1000, DONE_ERROR = -1001 };

// One call: what it came to as a number, and what the command is that does the same.
static int one_call(struct world *w, long fail_at, struct line *l, double *result) {
    char key[8], text[ARGS][TEXT] = { { 0 } }, number[ARGS][NUM_REAL_MAX]; // names may be longer than what is written into them
    kora_bytes names[ARGS];
    kora_field fields[ARGS];
    kora_member members[ARGS];
    size_t n = 0, count = below(&w->r, 8) ? below(&w->r, 5) : below(&w->r, ARGS);
    static char kept[ARGS * TEXT + ARGS * NUM_REAL_MAX + 8];
    int status, kind = (int)below(&w->r, 11);
    static const char *const names_of[] = { "HSET", "HDEL", "HINCRBY", "RPUSH", "LPUSH", "LPOP", "SADD", "SREM", "ZADD", "ZREM", "ZINCRBY" };
    static const char types[] = "hhhlllsszzz";
    bool single = kind == 2 || kind == 5 || kind == 10;
    int64_t by = (int64_t)below(&w->r, 100) - 50, sum = 0;
    sprintf(key, "%c%zu", below(&w->r, 30) ? types[kind] : 'l', below(&w->r, 3));
    if (single) count = 1;
    if (count == 0) count = 1; // no command is like that
    for (size_t i = 0; i < count; i++) {
        random_name(w, text[i], &names[i]);
        fields[i] = (kora_field){ names[i], names[below(&w->r, i + 1)] };
        members[i] = (kora_member){ names[i], (double)((int)below(&w->r, 40) - 20) / 4 };
    }
    uint32_t flag = kind == 8 && below(&w->r, 3) == 0 ? 1u << below(&w->r, 5) : 0;
    if (flag == KORA_KEEPTTL) flag = 0;
    // The command
    char *keep = kept;
#define KEPT(p, n) (memcpy(keep, (p), (n)), keep += (n), keep - (n))
    l->argc = 0;
    word(l, names_of[kind], strlen(names_of[kind]));
    word(l, KEPT(key, strlen(key)), strlen(key));
    if (flag) word(l, flag == KORA_NX ? "NX" : flag == KORA_XX ? "XX" : flag == KORA_GT ? "GT" : "LT", 2);
    for (size_t i = 0; kind != 5 && i < count; i++) {
        size_t digits = kind == 8 || kind == 10 ? num_format_score(members[i].score, number[i]) : num_format_int(by, number[i]);
        if (kind == 8 || kind == 10) word(l, KEPT(number[i], digits), digits);
        word(l, KEPT(text[i], names[i].len), names[i].len);
        if (kind == 0) word(l, KEPT(fields[i].value.data, fields[i].value.len), fields[i].value.len);
        if (kind == 2) word(l, KEPT(number[i], digits), digits);
    }
    void *p;
    if (fail_at) mem_fail(fail_at, false);
    switch (kind) {
    case 0: status = kora_hset(w->db, KEY(key), fields, count, &n); break;
    case 1: status = kora_hdel(w->db, KEY(key), names, count, &n); break;
    case 2: status = kora_hincr(w->db, KEY(key), names[0].data, names[0].len, by, &sum); break;
    case 3: status = kora_push(w->db, KEY(key), KORA_BACK, names, count, &n); break;
    case 4: status = kora_push(w->db, KEY(key), KORA_FRONT, names, count, &n); break;
    case 5: status = kora_pop(w->db, KEY(key), KORA_FRONT, 0, &p, &n); break;
    case 6: status = kora_sadd(w->db, KEY(key), names, count, &n); break;
    case 7: status = kora_srem(w->db, KEY(key), names, count, &n); break;
    case 8: status = kora_zadd(w->db, KEY(key), flag, members, count, &n); break;
    case 9: status = kora_zrem(w->db, KEY(key), names, count, &n); break;
    default: status = kora_zincr(w->db, KEY(key), names[0].data, names[0].len, members[0].score, result); break;
    }
    mem_fail(0, false);
    if (status == KORA_OK && kind == 5) kora_free(p);
    if (kind != 10) *result = kind == 2 ? (double)sum : (double)n;
    if (status == KORA_NOTFOUND) *result = DONE_NOTFOUND;
    else if (status != KORA_OK) *result = DONE_ERROR;
    return status;
}

static double result_of(const kora_reply *r) {
    switch (r->type) {
    case KORA_REPLY_INTEGER: return (double)r->integer;
    case KORA_REPLY_DOUBLE: return r->real;
    case KORA_REPLY_STRING: return (double)r->len;
    case KORA_REPLY_NULL: return DONE_NOTFOUND;
    default: return DONE_ERROR;
    }
}

static int compare_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// What a key holds and how; in order where it has none.
static char *show(kora *db, char type, int i) {
    char line[64];
    struct buf b = { 0 };
    static const char *const formats[] = { "HGETALL %c%d", "LRANGE %c%d 0 -1", "SMEMBERS %c%d", "ZRANGE %c%d 0 -1 WITHSCORES" };
    sprintf(line, formats[strchr("hlsz", type) - "hlsz"], type, i);
    kora_reply *r = run(db, NULL, line);
    char *parts[512];
    size_t n = 0, step = type == 'h' ? 2 : 1;
    for (size_t k = 0; k < r->count; k += step) {
        struct buf part = { 0 };
        for (size_t j = k; j < k + step; j++) {
            describe(&r->elements[j], &part);
            buf_append_char(&part, '=');
        }
        buf_append_char(&part, '\0');
        parts[n++] = part.p;
    }
    if (type == 'h' || type == 's') qsort(parts, n, sizeof *parts, compare_text);
    for (size_t k = 0; k < n; k++) {
        buf_printf(&b, "%s ", parts[k]);
        mem_free(parts[k]);
    }
    kora_reply_free(r);
    sprintf(line, "OBJECT ENCODING %c%d", type, i);
    r = run(db, NULL, line);
    describe(r, &b);
    kora_reply_free(r);
    buf_append_char(&b, '\0');
    return b.p;
}

static void compare(struct world *w, const struct line *l) {
    for (const char *t = "hlsz"; *t; t++) {
        for (int i = 0; i < 3; i++) {
            char *a = show(w->db, *t, i), *b = show(w->twin, *t, i), *c = show(w->replica, *t, i);
            if (strcmp(a, b) != 0) fail_msg("after %s %s: %s, by the command %s", l->argv[0], l->argv[1], a, b);
            if (strcmp(a, c) != 0) fail_msg("after %s %s: %s, by the effects %s", l->argv[0], l->argv[1], a, c);
            mem_free(a);
            mem_free(b);
            mem_free(c);
        }
    }
}

static void test_random(void **state) {
    (void)state;
    struct world w = { 0 };
    random_seed(&w.r, test_seed());
    kora **all[] = { &w.db, &w.twin, &w.replica };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) *all[i] = open_db(1, 2);
    w.db->engine->common.effects = (struct effect_sink){ .fn = replay, .arg = &w };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        expect_reply(*all[i], NULL, "CONFIG SET hash-max-listpack-entries 16 set-max-listpack-entries 12 set-max-intset-entries 8 zset-max-listpack-entries 16 "
            "list-max-listpack-size 10 hash-max-listpack-value 24", "OK");
    }
    int steps = long_form() ? 300000 : slow() ? 1500 : 8000;
    for (int i = 0; i < steps; i++) {
        struct line l;
        double result = 0;
        kora_reply *r = NULL;
        int status = one_call(&w, below(&w.r, 4) ? 0 : 1 + (long)below(&w.r, 6), &l, &result);
        if (status == KORA_NOMEM) {
            w.refused++;
        } else {
            assert_ok(kora_exec(w.twin, NULL, l.argc, l.argv, l.len, &r));
            if (result_of(r) != result) fail_msg("%s %s: %f, the command says %f", l.argv[0], l.argv[1], result, result_of(r));
            kora_reply_free(r);
            w.done++;
        }
        if (i % 16 == 0 || status == KORA_NOMEM) compare(&w, &l);
        if (below(&w.r, 400) == 0) {
            for (size_t k = 0; k < ARRAY_LEN(all); k++) expect_reply(*all[k], NULL, "FLUSHALL", "OK");
        }
    }
    print_message("%llu calls, %llu refused for want of memory, %llu effects\n", (unsigned long long)w.done, (unsigned long long)w.refused,
        (unsigned long long)w.effects);
    assert_true(w.refused > 50 && w.effects > w.done / 4);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        check_stripes(*all[i]);
        assert_ok(kora_close(*all[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_changing),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
