// What the tests of the public interface share: opening, running commands written as a line, waiting, and the contents of a database
// as text, so that two can be compared.
#ifndef TESTS_UNIT_API_H
#define TESTS_UNIT_API_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "api/api_int.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/kept.h"

// Where everything takes several times as long: 1 with AddressSanitizer, 2 with ThreadSanitizer.
#if defined(__SANITIZE_THREAD__)
#define SANITIZED 2
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SANITIZED 2
#elif __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define LIT(literal) "" literal, sizeof(literal) - 1 // two arguments: bytes and length
#define assert_status(call, status) assert_string_equal(kora_status_name(call), kora_status_name(status))
#define assert_ok(call) assert_status(call, KORA_OK)

static inline bool on_valgrind(void) {
    const char *v = getenv("LD_PRELOAD");
    return v && strstr(v, "vgpreload");
}
static inline bool slow(void) { return SANITIZED || on_valgrind(); }

static inline bool long_form(void) {
    const char *v = getenv("KORA_TEST_LONG");
    return v && *v && strcmp(v, "0") != 0;
}

// Failing runs are repeated with the seed that they print.
static inline uint64_t test_seed(void) {
    const char *v = getenv("KORA_TEST_SEED");
    uint64_t seed = v ? strtoull(v, NULL, 0) : 20240607;
    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}

static inline kora *open_db(uint32_t shards, uint32_t stripes) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.shards = shards;
    o.stripes = stripes;
    assert_ok(kora_open(NULL, &o, &db));
    assert_non_null(db);
    return db;
}

static inline void sleep_ms(int ms) { nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL); }

// Waits until `condition` holds; a minute is for ever.
#define wait_until(condition)                                       \
    do {                                                            \
        int waited_ = 0;                                            \
        while (!(condition) && waited_++ < 60000) sleep_ms(1);      \
        if (!(condition)) fail_msg("never came true: " #condition); \
    } while (0)

static inline pthread_t spawn(void *(*run)(void *), void *arg) {
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, run, arg), 0);
    return t;
}

// ---- a clock that stands still until it is moved ---------------------------------------------------------------------------------

struct test_clock {
    _Atomic int64_t ms;
};
static inline int64_t test_clock_read(void *arg) { return atomic_load(&((struct test_clock *)arg)->ms); }
static inline void use_clock(kora *db, struct test_clock *clock) { // before the first call
    db->engine->common.wall_arg = clock;
    db->engine->common.wall_ms = test_clock_read;
}

// ---- typed calls with C strings --------------------------------------------------------------------------------------------------

static inline int put(kora *db, const char *key, const char *value) { return kora_set(db, key, strlen(key), value, strlen(value), NULL); }

static inline void expect_bytes(kora *db, const void *key, size_t key_len, const void *value, size_t len) {
    void *got = NULL;
    size_t n = 0;
    assert_ok(kora_get(db, key, key_len, &got, &n));
    assert_int_equal(n, len);
    assert_memory_equal(got, value, len);
    assert_int_equal(((char *)got)[n], 0);
    kora_free(got);
}
static inline void expect(kora *db, const char *key, const char *value) {
    if (value) expect_bytes(db, key, strlen(key), value, strlen(value));
    else assert_status(kora_exists(db, key, strlen(key)), KORA_NOTFOUND);
}
static inline int64_t ttl(kora *db, const char *key) {
    int64_t ms = -9;
    assert_ok(kora_ttl(db, key, strlen(key), &ms));
    return ms;
}

// ---- commands --------------------------------------------------------------------------------------------------------------------

enum { WORDS_MAX = 64 };

// Cuts a copy of `line` at its spaces; "" stands for an empty word.
static inline int split(char *copy, const char *line, const char *words[WORDS_MAX]) {
    int n = 0;
    strcpy(copy, line);
    for (char *w = strtok_r(copy, " ", &copy); w; w = strtok_r(NULL, " ", &copy)) words[n++] = strcmp(w, "\"\"") == 0 ? "" : w;
    return n;
}

static inline int run_status(kora *db, kora_session *s, const char *line, kora_reply **reply) {
    char copy[4096];
    const char *words[WORDS_MAX];
    int n = split(copy, line, words);
    return kora_exec(db, s, n, words, NULL, reply);
}

static inline kora_reply *run(kora *db, kora_session *s, const char *line) {
    kora_reply *r = NULL;
    assert_ok(run_status(db, s, line, &r));
    assert_non_null(r);
    return r;
}

// A reply as text: strings as they are, numbers, (nil), aggregates in brackets.
static inline void describe(const kora_reply *r, struct buf *out) {
    switch (r->type) {
    case KORA_REPLY_NULL: buf_printf(out, "(nil)"); break;
    case KORA_REPLY_STRING:
    case KORA_REPLY_STATUS:
    case KORA_REPLY_BIGNUM:
    case KORA_REPLY_VERBATIM:
    case KORA_REPLY_DOUBLE: buf_append(out, r->str, r->len); break;
    case KORA_REPLY_ERROR:
        buf_append_char(out, '-');
        buf_append(out, r->str, r->len);
        break;
    case KORA_REPLY_INTEGER: buf_printf(out, ":%lld", (long long)r->integer); break;
    case KORA_REPLY_BOOL: buf_printf(out, r->integer ? "true" : "false"); break;
    default:
        buf_append_char(out, '[');
        for (size_t i = 0; i < r->count; i++) {
            if (i) buf_append_char(out, ' ');
            describe(&r->elements[i], out);
        }
        buf_append_char(out, ']');
        break;
    }
}

static inline void expect_reply(kora *db, kora_session *s, const char *line, const char *text) {
    struct buf b = { 0 };
    kora_reply *r = run(db, s, line);
    describe(r, &b);
    buf_append_char(&b, '\0');
    if (strcmp(b.p, text) != 0) fail_msg("%s: %s instead of %s", line, b.p, text);
    buf_free(&b);
    kora_reply_free(r);
}

// ---- effects ---------------------------------------------------------------------------------------------------------------------

static inline void keep_effects(kora *db, struct kept_effects *k) { db->engine->common.effects = (struct effect_sink){ .fn = effects_keep, .arg = k }; }

// Each is about keys of one stripe. Only of commands whose first argument is the key.
static inline void check_effect_stripes(kora *db, const struct kept_effects *k) {
    for (size_t i = 0; i < k->n; i++) {
        struct key key;
        key_locate(&db->engine->common, &key, k->e[i].db, k->e[i].argv[1]);
        assert_int_equal(key.stripe_number, k->e[i].stripe);
    }
}

// Runs them in another database, and forgets them.
static inline void replay_effects(struct kept_effects *k, kora *to) {
    for (size_t i = 0; i < k->n; i++) {
        const struct kept *e = &k->e[i];
        const char **argv = malloc((size_t)e->argc * sizeof *argv);
        size_t *len = malloc((size_t)e->argc * sizeof *len);
        kora_reply *r = NULL;
        for (int a = 0; a < e->argc; a++) argv[a] = e->argv[a].p, len[a] = e->argv[a].n;
        assert_ok(kora_exec(to, NULL, e->argc, argv, len, &r));
        if (r->type == KORA_REPLY_ERROR) fail_msg("effect %s %s: %s", argv[0], e->argc > 1 ? argv[1] : "", r->str);
        kora_reply_free(r);
        free((void *)argv);
        free(len);
    }
    effects_forget(k);
}

// ---- what a database holds -------------------------------------------------------------------------------------------------------

struct contents {
    size_t count;
    char **lines;
};

static inline uint64_t fnv(const void *p, size_t n) {
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3;
    return h;
}

static inline int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// One line for each key: database, key, value (or its length and hash), and when it expires.
static inline char *describe_key(kora *db, uint32_t number, const void *key, size_t key_len) {
    struct buf b = { 0 };
    void *value = NULL;
    size_t len = 0;
    kora_reply *at = NULL;
    int status = kora_get(db, key, key_len, &value, &len);
    if (status == KORA_NOTFOUND) return NULL; // it has just expired
    assert_ok(status);
    assert_ok(kora_exec(db, NULL, 2, (const char *const[]){ "PEXPIRETIME", key }, (const size_t[]){ 11, key_len }, &at));
    buf_printf(&b, "%u ", number);
    for (size_t i = 0; i < key_len; i++) {
        unsigned char c = ((const unsigned char *)key)[i];
        buf_printf(&b, c > 32 && c < 127 ? "%c" : "\\%02x", c);
    }
    buf_printf(&b, " = %zu %016llx '%.*s' @%lld", len, (unsigned long long)fnv(value, len), (int)MIN(len, (size_t)24), (char *)value,
        (long long)at->integer);
    buf_append_char(&b, '\0');
    kora_reply_free(at);
    kora_free(value);
    char *line = strdup(b.p);
    buf_free(&b);
    return line;
}

static inline struct contents contents_of(kora *root, uint32_t databases) {
    struct contents c = { 0, NULL };
    for (uint32_t i = 0; i < databases; i++) {
        kora *db = kora_database(root, i);
        kora_iter *it;
        const void *key;
        size_t len;
        int status;
        assert_ok(kora_iter_open(db, NULL, 0, &it));
        while ((status = kora_iter_next(it, &key, &len)) == KORA_OK) {
            char *line = describe_key(db, i, key, len);
            if (!line) continue;
            c.lines = realloc(c.lines, (c.count + 1) * sizeof *c.lines);
            c.lines[c.count++] = line;
        }
        assert_status(status, KORA_NOTFOUND);
        kora_iter_close(it);
    }
    if (c.count) qsort(c.lines, c.count, sizeof *c.lines, by_text);
    return c;
}

static inline void contents_free(struct contents *c) {
    for (size_t i = 0; i < c->count; i++) free(c->lines[i]);
    free(c->lines);
    *c = (struct contents){ 0, NULL };
}

// NULL if they are the same, else the first line that only one of them has.
static inline const char *contents_differ(const struct contents *a, const struct contents *b) {
    for (size_t i = 0;; i++) {
        if (i == a->count) return i == b->count ? NULL : b->lines[i];
        if (i == b->count || strcmp(a->lines[i], b->lines[i]) != 0) return a->lines[i];
    }
}

static inline void check_stripes(kora *db) { // nobody else may be using it
    struct common *c = &db->engine->common;
    for (uint32_t i = 0; i < c->stripe_count; i++) {
        if (!lease_try(&db->engine->leases[i])) assert_true(lease_wait(&db->engine->leases[i]));
        stripe_check(&c->stripes[i]);
        lease_release(&db->engine->leases[i]);
    }
}

static inline uint32_t stripe_of(kora *db, const char *key) {
    struct key k;
    key_locate(&db->engine->common, &k, 0, slice_str(key));
    return k.stripe_number;
}

#endif
