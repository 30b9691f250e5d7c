// Streams: entries against an array (adding, deleting, trimming, reading both ways); and random commands with allocations failing, whose effects alone
// must make of a second database, on another clock, what the first one is: so effects say all that was done, nothing is done without its effect, and a
// command that has failed has changed nothing. Blocked readers in-process.
#include "type/stream_int.h"
#include "unit/api.h"

enum { KEYS = 3 };

struct world {
    kora *db, *replica;
    struct test_clock clock, later;
    struct random r;
    struct kept_effects kept;
    uint64_t done, refused, last_ms;
};

static size_t below(struct world *w, size_t n) { return (size_t)random_below(&w->r, n); }

// ---- a model -------------------------------------------------------------------------------------------------------------------

enum { MODEL_MAX = 400 };

struct model {
    struct { uint64_t ms, seq; int value; bool other_fields; } e[MODEL_MAX];
    int n;
};

static void model_remove(struct model *m, int from, int n) {
    memmove(&m->e[from], &m->e[from + n], (size_t)(m->n - from - n) * sizeof m->e[0]);
    m->n -= n;
}

static int model_lower(const struct model *m, uint64_t ms, uint64_t seq) {
    int i = 0;
    while (i < m->n && (m->e[i].ms < ms || (m->e[i].ms == ms && m->e[i].seq < seq))) i++;
    return i;
}

static void model_text(const struct model *m, int from, int to, int step, int count, struct buf *b) {
    buf_append_char(b, '[');
    for (int i = from, k = 0; i != to && k < count; i += step, k++) {
        buf_printf(b, "%s[%llu-%llu [%s %d%s]]", k ? " " : "", (unsigned long long)m->e[i].ms, (unsigned long long)m->e[i].seq,
            m->e[i].other_fields ? "x" : "f", m->e[i].value, m->e[i].other_fields ? " y :)" : "");
    }
    buf_append_char(b, ']');
    buf_append_char(b, '\0');
}

static void check_range(struct world *w, const struct model *m) {
    struct buf b = { 0 };
    char line[128];
    uint64_t a = below(w, w->last_ms + 2), z = below(w, w->last_ms + 2);
    int count = 1 + (int)below(w, 40), from = model_lower(m, a, 1), to = model_lower(m, z, 1);
    bool reverse = below(w, 2);
    if (to < from) to = from;
    if (reverse) {
        sprintf(line, "XREVRANGE s (%llu-1 %llu-1 COUNT %d", (unsigned long long)z, (unsigned long long)a, count);
        model_text(m, to - 1, from - 1, -1, count, &b);
    } else {
        sprintf(line, "XRANGE s %llu-1 (%llu-1 COUNT %d", (unsigned long long)a, (unsigned long long)z, count);
        model_text(m, from, to, 1, count, &b);
    }
    expect_reply(w->db, NULL, line, b.p);
    buf_free(&b);
}

static void model_add(struct world *w, struct model *m) {
    char line[128];
    int i = m->n++;
    w->last_ms += below(w, 2);
    m->e[i].ms = w->last_ms;
    m->e[i].seq = i && m->e[i - 1].ms == w->last_ms ? m->e[i - 1].seq + 1 : below(w, 1000) * 1000;
    m->e[i].value = (int)below(w, 100000);
    m->e[i].other_fields = below(w, 10) == 0;
    if (i && m->e[i - 1].ms == w->last_ms && below(w, 2)) m->e[i].seq += below(w, 100000);
    sprintf(line, m->e[i].other_fields ? "XADD s %llu-%llu x %d y :)" : "XADD s %llu-%llu f %d", (unsigned long long)m->e[i].ms, (unsigned long long)m->e[i].seq,
        m->e[i].value);
    kora_reply *r = run(w->db, NULL, line);
    if (r->type == KORA_REPLY_ERROR) { // the last id is ahead of what is left
        m->n--;
        w->last_ms++;
    }
    kora_reply_free(r);
}

static void model_step(struct world *w, struct model *m) {
    char line[128], reply[32];
    size_t what = below(w, 20);
    if (m->n == MODEL_MAX || what == 0) {
        int keep = m->n ? (int)below(w, (size_t)m->n + 1) : 0;
        sprintf(line, "XTRIM s MAXLEN %d", keep);
        sprintf(reply, ":%d", m->n - keep);
        model_remove(m, 0, m->n - keep);
    } else if (what == 1 && m->n) {
        int i = (int)below(w, (size_t)m->n);
        sprintf(line, "XTRIM s MINID %llu-%llu", (unsigned long long)m->e[i].ms, (unsigned long long)m->e[i].seq);
        sprintf(reply, ":%d", i);
        model_remove(m, 0, i);
    } else if (what < 8 && m->n) {
        int i = (int)below(w, (size_t)m->n);
        sprintf(line, "XDEL s %llu-%llu %llu-0", (unsigned long long)m->e[i].ms, (unsigned long long)m->e[i].seq, (unsigned long long)w->last_ms + 9);
        strcpy(reply, ":1");
        model_remove(m, i, 1);
    } else {
        model_add(w, m);
        return;
    }
    expect_reply(w->db, NULL, line, reply);
}

static void test_model(void **state) {
    (void)state;
    static const char *const limits[][2] = { { "100", "4096" }, { "1", "4096" }, { "3", "0" }, { "0", "100" }, { "0", "100000" } };
    uint64_t seed = test_seed();
    int steps = long_form() ? 2000000 : slow() ? 2000 : 12000;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct world *w = calloc(1, sizeof *w);
        struct model m = { .n = 0 };
        random_seed(&w->r, seed + i);
        w->last_ms = 1;
        w->db = open_db(1, 4);
        assert_ok(kora_config_set(w->db, "stream-node-max-entries", limits[i][0], NULL, 0));
        assert_ok(kora_config_set(w->db, "stream-node-max-bytes", limits[i][1], NULL, 0));
        kora_reply_free(run(w->db, NULL, "XGROUP CREATE s g 0 MKSTREAM"));
        for (int k = 0; k < steps; k++) {
            char length[32];
            model_step(w, &m);
            sprintf(length, ":%d", m.n);
            expect_reply(w->db, NULL, "XLEN s", length);
            if (k % 4 == 0) check_range(w, &m);
            if (k % 16 == 0) check_stripes(w->db);
        }
        assert_ok(kora_close(w->db));
        free(w);
    }
}

// ---- effects -------------------------------------------------------------------------------------------------------------------

// Without what is told from a clock, and from how the entries are spread over nodes.
static bool is_own(const kora_reply *name) {
    static const char *const own[] = { "radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time" };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (name->type == KORA_REPLY_STRING && strcmp(name->str, own[i]) == 0) return true;
    }
    return false;
}

static void describe_info(const kora_reply *r, struct buf *b) {
    if (r->count == 0) {
        describe(r, b);
        return;
    }
    buf_append_char(b, '[');
    for (size_t i = 0; i < r->count; i++) {
        if (is_own(&r->elements[i])) i++;
        else describe_info(&r->elements[i], b);
        buf_append_char(b, ' ');
    }
    buf_append_char(b, ']');
}

static void text_of(kora *db, struct buf *b) {
    for (int i = 0; i < KEYS; i++) {
        char line[64];
        sprintf(line, "XINFO STREAM k%d FULL COUNT 0", i);
        kora_reply *r = run(db, NULL, line);
        describe_info(r, b);
        buf_append_char(b, '\n');
        kora_reply_free(r);
    }
    buf_append_char(b, '\0');
}

static void compare(struct world *w, const char *line) {
    struct buf a = { 0 }, b = { 0 };
    text_of(w->db, &a);
    text_of(w->replica, &b);
    if (strcmp(a.p, b.p) != 0) fail_msg("after %s\n%s\nby effects\n%s", line, a.p, b.p);
    buf_free(&a);
    buf_free(&b);
}

static unsigned long long an_id(struct world *w) {
    uint64_t back = below(w, 12);
    return w->last_ms > back ? w->last_ms - back : 1;
}

// True: its reply is an array.
static bool make_line(struct world *w, char *line) {
    int k = (int)below(w, KEYS), c = (int)below(w, 3), g = (int)below(w, 4) == 0;
    switch (below(w, 24)) {
    case 0: sprintf(line, "XGROUP CREATE k%d g%d %s MKSTREAM", k, g, below(w, 2) ? "$" : "0"); return false;
    case 1: sprintf(line, "XGROUP SETID k%d g%d %llu ENTRIESREAD %d", k, g, an_id(w), (int)below(w, 9)); return false;
    case 2: sprintf(line, below(w, 4) ? "XGROUP CREATECONSUMER k%d g%d c%d" : "XGROUP DELCONSUMER k%d g%d c%d", k, g, c); return false;
    case 3: sprintf(line, below(w, 3) ? "XTRIM k%d MAXLEN %d" : "XGROUP DESTROY k%d g%d", k, below(w, 3) ? (int)below(w, 20) : g); return false;
    case 4: sprintf(line, "XTRIM k%d MINID ~ %llu", k, an_id(w)); return false;
    case 5: sprintf(line, "XDEL k%d %llu-0 %llu-1 %llu-0", k, an_id(w), an_id(w), an_id(w)); return false;
    case 6: sprintf(line, "XSETID k%d %llu ENTRIESADDED %d", k, (unsigned long long)(w->last_ms += 2), (int)below(w, 500)); return false;
    case 7:
    case 8: sprintf(line, "XACK k%d g%d %llu-0 %llu-0 %llu-0", k, g, an_id(w), an_id(w), an_id(w)); return false;
    case 9:
    case 10:
        sprintf(line, "XCLAIM k%d g%d c%d %d %llu-0 %llu-0 %llu-0 %s %s", k, g, c, below(w, 2) ? 0 : 20, an_id(w), an_id(w), an_id(w),
            below(w, 2) ? "FORCE" : "JUSTID", below(w, 2) ? "IDLE 7" : "RETRYCOUNT 3 LASTID 1-1");
        return true;
    case 11: sprintf(line, "XAUTOCLAIM k%d g%d c%d %d %llu COUNT %d", k, g, c, below(w, 2) ? 0 : 20, an_id(w), 1 + (int)below(w, 5)); return true;
    case 12: sprintf(line, "XREADGROUP GROUP g%d c%d COUNT %d STREAMS k%d %llu", g, c, 1 + (int)below(w, 5), k, an_id(w)); return true;
    case 13:
    case 14: sprintf(line, "XREADGROUP GROUP g%d c%d COUNT %d NOACK STREAMS k%d >", g, c, 1 + (int)below(w, 5), k); return true;
    case 15:
    case 16: sprintf(line, "XREADGROUP GROUP g0 c%d COUNT 40 STREAMS k%d k%d k%d > > 0", c, k, (int)below(w, KEYS), k); return true;
    case 17: sprintf(line, below(w, 8) ? "COPY k%d k%d REPLACE" : "DEL k%d", k, (int)below(w, KEYS)); return false;
    case 18: sprintf(line, "XADD k%d MAXLEN ~ %d * f v", k, (int)below(w, 30)); return false;
    case 19: sprintf(line, "XADD k%d MINID %llu *  f v", k, an_id(w)); return false;
    case 20: sprintf(line, "XADD k%d NOMKSTREAM %llu-* one 1 two %0*d", k, (unsigned long long)(w->last_ms += below(w, 2)), (int)below(w, 300), 2); return false;
    default: sprintf(line, "XADD k%d %llu-0 one 1 two 2", k, (unsigned long long)++w->last_ms); return false;
    }
}

static void step(struct world *w, bool faults) {
    char line[1024];
    kora_reply *r = NULL;
    bool array = make_line(w, line);
    atomic_fetch_add(&w->clock.ms, (int64_t)below(w, 10));
    if (faults && below(w, 2)) slab_fail(1 + (long)below(w, 6), below(w, 2));
    else if (faults) mem_fail(1 + (long)below(w, 8), below(w, 2));
    // The tree of an array is made after the command has run, and may find no memory either: such replies are not asked for.
    int status = run_status(w->db, NULL, line, faults && array ? NULL : &r);
    slab_fail(0, false);
    mem_fail(0, false);
    bool oom = status == KORA_NOMEM || (r && r->type == KORA_REPLY_ERROR && strstr(r->str, "OOM "));
    if (!oom) assert_ok(status);
    w->done += !oom && w->kept.n > 0;
    w->refused += oom;
    if (oom) assert_int_equal(w->kept.n, 0);
    kora_reply_free(r);
    replay_effects(&w->kept, w->replica);
    compare(w, line);
}

static void run_world(uint64_t seed, int steps, bool faults, const char *entries) {
    struct world *w = calloc(1, sizeof *w);
    random_seed(&w->r, seed);
    w->last_ms = 20;
    atomic_store(&w->clock.ms, 1000); // ids by the clock and named ones mingle
    atomic_store(&w->later.ms, 1700000000000);
    w->db = open_db(1, 4);
    w->replica = open_db(1, 16);
    use_clock(w->db, &w->clock);
    use_clock(w->replica, &w->later);
    keep_effects(w->db, &w->kept);
    assert_ok(kora_config_set(w->db, "stream-node-max-entries", entries, NULL, 0));
    for (int i = 0; i < steps; i++) {
        step(w, faults);
        if (i % 20 == 0) check_stripes(w->db);
    }
    assert_true(w->done > (uint64_t)steps / 10);
    if (faults) assert_true(w->refused > (uint64_t)steps / 20);
    check_stripes(w->db);
    check_stripes(w->replica);
    assert_ok(kora_close(w->db));
    assert_ok(kora_close(w->replica));
    free(w);
}

static void test_effects(void **state) {
    (void)state;
    uint64_t seed = test_seed();
    int steps = long_form() ? 200000 : slow() ? 800 : 2500;
    static const char *const entries[] = { "100", "1", "4" };
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        run_world(seed + i, steps, false, entries[i]);
        run_world(seed + 10 + i, steps, true, entries[i]);
    }
}

// ---- large groups --------------------------------------------------------------------------------------------------------------

static void test_large_group(void **state) {
    (void)state;
    enum { ENTRIES = 5000 };
    kora *db = open_db(1, 1);
    char line[128];
    kora_reply_free(run(db, NULL, "XGROUP CREATE s g 0 MKSTREAM"));
    kora_reply_free(run(db, NULL, "XGROUP CREATE s h 0"));
    for (int i = 1; i <= ENTRIES; i++) {
        sprintf(line, "XADD s %d-1 field value-%d", i, i);
        kora_reply_free(run(db, NULL, line));
    }
    kora_reply_free(run(db, NULL, "XREADGROUP GROUP g c COUNT 3000 STREAMS s >"));
    kora_reply_free(run(db, NULL, "XREADGROUP GROUP g d STREAMS s >"));
    expect_reply(db, NULL, "XPENDING s g", "[:5000 1-1 5000-1 [[c 3000] [d 2000]]]");
    check_stripes(db);
    expect_reply(db, NULL, "COPY s t", ":1");
    expect_reply(db, NULL, "XPENDING t g", "[:5000 1-1 5000-1 [[c 3000] [d 2000]]]");
    expect_reply(db, NULL, "XGROUP DELCONSUMER t g c", ":3000");
    expect_reply(db, NULL, "XGROUP DESTROY s g", ":1");
    check_stripes(db);
    expect_reply(db, NULL, "XLEN s", ":5000");
    expect_reply(db, NULL, "XPENDING t g", "[:2000 3001-1 5000-1 [[d 2000]]]");
    expect_reply(db, NULL, "DEL s t", ":2");
    check_stripes(db);
    assert_ok(kora_close(db));
}

// ---- nodes from elsewhere ------------------------------------------------------------------------------------------------------

static const struct stream *find_stream(kora *db, const char *name) {
    struct key k;
    struct value v;
    key_locate(&db->engine->common, &k, 0, slice_str(name));
    value_view(&v, keyspace_find(keyspace_of(&k), k.hash, &k.name));
    return value_stream(&v);
}

// What passes the check can be read both ways, and taken apart.
static void use_node(struct slab *slab, struct stream_id first, struct slice bytes, uint64_t live, struct stream_id last) {
    struct stream *s = stream_create(slab);
    struct stream_cursor c;
    struct stream_pair pair;
    uint64_t n = 0, back = 0, gone = 0;
    assert_true(stream_add_node(s, first, bytes));
    s->length = live;
    s->last_id = last;
    for (bool any = stream_first(&c, s, (struct stream_id){ 0, 0 }); any; any = stream_next(&c)) {
        if (n++ == 0) s->first_id = c.id;
        for (uint32_t i = 0, pairs = c.pairs; i < pairs; i++) stream_pair(&c, &pair);
    }
    for (bool any = stream_last(&c, s, STREAM_ID_MAX); any; any = stream_previous(&c)) back++;
    assert_true(n == live && back == live);
    while (stream_first(&c, s, (struct stream_id){ 0, 0 })) {
        uint64_t bytes_counted = 0;
        gone += stream_delete(s, c.id);
        stream_check_nodes(s, &bytes_counted);
    }
    assert_true(gone == live && s->length == 0);
    assert_true(value_kinds[TYPE_STREAM]->free(slab, &s->root, SIZE_MAX));
}

static void test_hostile_nodes(void **state) {
    (void)state;
    struct random r;
    struct slab *slab = slab_create(false);
    kora *db = open_db(1, 1);
    uint64_t passed = 0, live;
    struct stream_id last;
    int rounds = long_form() ? 2000000 : slow() ? 20000 : 100000;
    random_seed(&r, test_seed());
    kora_reply_free(run(db, NULL, "XADD s 100-5 a 1 b two"));
    kora_reply_free(run(db, NULL, "XADD s 100-6 a 3 b four"));
    kora_reply_free(run(db, NULL, "XADD s 100-7 other 70000 fields 5 here :)"));
    kora_reply_free(run(db, NULL, "XADD s 200-0 a 300 b two-hundred-thousand"));
    kora_reply_free(run(db, NULL, "XADD s 201-0 a 300 b x"));
    kora_reply_free(run(db, NULL, "XDEL s 100-6"));
    const struct stream_node *node = find_stream(db, "s")->tail;
    size_t n = packed_bytes(node->packed);
    assert_true(stream_node_valid(node->packed, n, node->first, &live, &last) && live == 4 && last.ms == 201);
    for (int i = 0; i < rounds; i++) {
        char *copy = malloc(n + 8); // where a sanitizer sees what is read behind it
        size_t len = n;
        memcpy(copy, node->packed, n);
        for (size_t k = 1 + random_below(&r, 3); k > 0; k--) copy[random_below(&r, n)] = (char)random_below(&r, random_below(&r, 2) ? 4 : 256);
        if (random_below(&r, 8) == 0) len = random_below(&r, n);
        char *exact = malloc(len + !len);
        memcpy(exact, copy, len);
        if (stream_node_valid(exact, len, node->first, &live, &last)) {
            use_node(slab, node->first, slice_of(exact, len), live, last);
            passed++;
        }
        free(exact);
        free(copy);
    }
    assert_true(passed > 0);
    slab_destroy(slab);
    assert_ok(kora_close(db));
}

// ---- waiting -------------------------------------------------------------------------------------------------------------------

struct reader {
    kora *db;
    const char *line;
    struct buf got;
};

static void *read_once(void *arg) {
    struct reader *r = arg;
    kora_reply *reply = run(r->db, NULL, r->line);
    describe(reply, &r->got);
    buf_append_char(&r->got, '\0');
    kora_reply_free(reply);
    return NULL;
}

static void blocked(kora *db, const char *first, const char *read, const char *then, const char *text) {
    struct reader r = { .db = db, .line = read };
    kora_reply_free(run(db, NULL, first));
    pthread_t t = spawn(read_once, &r);
    wait_until(atomic_load(&db->engine->sleepers) == 1);
    kora_reply_free(run(db, NULL, then));
    pthread_join(t, NULL);
    assert_string_equal(r.got.p, text);
    buf_free(&r.got);
    kora_reply_free(run(db, NULL, "FLUSHALL"));
}

static void test_blocked(void **state) {
    (void)state;
    kora *db = open_db(2, 16);
    blocked(db, "XADD s 1-1 a b", "XREAD BLOCK 0 STREAMS s $", "XADD s 2-2 c d", "[s [[2-2 [c d]]]]");
    blocked(db, "XGROUP CREATE s g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XADD s 2-2 c d", "[s [[2-2 [c d]]]]");
    blocked(db, "XGROUP CREATE s g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "DEL s", "-UNBLOCKED the stream key no longer exists");
    blocked(db, "XGROUP CREATE s g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "FLUSHALL", "-UNBLOCKED the stream key no longer exists");
    blocked(db, "XGROUP CREATE s g $ MKSTREAM", "XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XGROUP DESTROY s g",
        "-NOGROUP the consumer group this client was blocked on no longer exists");
    expect_reply(db, NULL, "XREAD BLOCK 1 STREAMS s $", "(nil)");
    assert_ok(kora_close(db));
}

// A group's readers, on two streams of different stripes, and writers: each entry comes to one of them, once.
enum { WRITERS = 3, READERS = 4, PER_WRITER = 400 };

struct queue {
    kora *db;
    int writer;
    _Atomic int *left, *seen; // seen: by number of the entry
};

static void *write_some(void *arg) {
    const struct queue *q = arg;
    char line[128];
    for (int i = 0; i < PER_WRITER; i++) {
        sprintf(line, "XADD %s * n %d", i % 2 ? "one" : "two", q->writer * PER_WRITER + i);
        kora_reply_free(run(q->db, NULL, line));
    }
    return NULL;
}

static void *read_some(void *arg) {
    const struct queue *q = arg;
    char line[128];
    sprintf(line, "XREADGROUP GROUP g c%d COUNT 3 BLOCK 20 STREAMS one two > >", q->writer);
    while (atomic_load(q->left) > 0) {
        kora_reply *r = run(q->db, NULL, line);
        for (size_t i = 1; r->type != KORA_REPLY_NULL && i < r->count; i += 2) {
            for (size_t k = 0; k < r->elements[i].count; k++) {
                const kora_reply *fields = &r->elements[i].elements[k].elements[1];
                atomic_fetch_add(&q->seen[atoi(fields->elements[1].str)], 1);
                atomic_fetch_sub(q->left, 1);
            }
        }
        kora_reply_free(r);
    }
    return NULL;
}

static void test_queue(void **state) {
    (void)state;
    static _Atomic int left, seen[WRITERS * PER_WRITER];
    kora *db = open_db(2, 16);
    pthread_t threads[WRITERS + READERS];
    struct queue q[WRITERS + READERS];
    atomic_store(&left, WRITERS * PER_WRITER);
    kora_reply_free(run(db, NULL, "XGROUP CREATE one g $ MKSTREAM"));
    kora_reply_free(run(db, NULL, "XGROUP CREATE two g $ MKSTREAM"));
    for (int i = 0; i < WRITERS + READERS; i++) {
        q[i] = (struct queue){ db, i, &left, seen };
        threads[i] = spawn(i < WRITERS ? write_some : read_some, &q[i]);
    }
    for (int i = 0; i < WRITERS + READERS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS * PER_WRITER; i++) assert_int_equal(atomic_load(&seen[i]), 1);
    check_stripes(db);
    assert_ok(kora_close(db));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_effects), cmocka_unit_test(test_large_group),
        cmocka_unit_test(test_hostile_nodes), cmocka_unit_test(test_blocked), cmocka_unit_test(test_queue) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
