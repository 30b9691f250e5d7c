// Damage to what a database has on the disk: bits that have changed in any of its files, files that end too early. Whatever it is, one of three things happens:
//
//   - it is refused, with a reason that names the file and, but for a file that is missing, the offset, and nothing is changed;
//   - what is damaged lies above the last round that was synced: it is cut off, that is said, and what is loaded is a prefix of the real order;
//   - what is damaged is in staging, which is above the last synced round in any case: what was there may be missing, that is said, and the log is there.
//
// It never goes unseen. What has no meaning, and may change without a word, are the bytes of staging's rings in which no record stands that is still wanted, and LOCK.
//
// Two databases, over the simulated disk. The one of the log is written by the log alone (store/log.h), with calls that are numbered in their real order: a copy of it as a
// killed process leaves it, with rounds that were never synced and with staged records; one that was closed. The other one is a whole database with
// values of all types: its manifest, and a snapshot of two files. Each damage is done to a copy.
//
// Long form (KORA_TEST_LONG): every bit of 100 KB of log, and of 100 KB of snapshot, every length of the log's last 64 KB, a million random ones. KORA_DAMAGE_RANDOM=n: how many
// random ones; KORA_DAMAGE_SEED=s: from this one on.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/api_int.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "kora.h"
#include "sim/disk.h"
#include "store/log.h"
#include "store/lz4_file.h"
#include "store/rdb_file.h"
#include "store/recover.h"

enum { STRIPES = 2, CALLS_MAX = 600, FILES_MAX = 16, HASH_EVERY = 64, SETTLE_EVERY = 256, FLIPS_MAX = 8 };

static bool is_long(void) {
    const char *v = getenv("KORA_TEST_LONG");
    return v && *v && strcmp(v, "0") != 0;
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

// ---- files ------------------------------------------------------------------------------------------------------------------------

struct file {
    char path[96];
    size_t n;
};

struct files {
    struct file at[FILES_MAX];
    size_t count;
    const char *dir;
    struct disk *disk;
};

static size_t size_of(struct disk *d, const char *path) {
    const struct os *os = disk_os(d);
    uint64_t n = 0;
    int fd = os->open(os->arg, path, OS_READ);
    if (fd < 0 || os->size(os->arg, fd, &n) != 0) n = SIZE_MAX; // a directory, or none
    if (fd >= 0) os->close(os->arg, fd);
    return (size_t)n;
}

static bool note_file(void *to, const char *name) {
    struct files *f = to;
    struct file *x = &f->at[f->count];
    snprintf(x->path, sizeof x->path, "%s/%s", f->dir, name);
    x->n = size_of(f->disk, x->path);
    if (x->n == SIZE_MAX || x->n == 0 || strcmp(name, "LOCK") == 0) return true;
    assert_true(++f->count < FILES_MAX);
    return true;
}

static void list_files(struct files *f, struct disk *d, const char *dir) {
    f->dir = dir;
    f->disk = d;
    disk_os(d)->list(disk_os(d)->arg, dir, note_file, f);
}

static const struct file *file_named(const struct files *f, const char *part) {
    for (size_t i = 0; i < f->count; i++) {
        if (strstr(f->at[i].path, part)) return &f->at[i];
    }
    fail_msg("there is no %s", part);
    return NULL;
}

static void write_bytes(struct disk *d, const char *path, const void *p, size_t n, uint64_t at) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE | OS_CREATE);
    assert_true(fd >= 0);
    assert_int_equal(os_write_all(os, fd, p, n, at), 0);
    os->close(os->arg, fd);
}

static void flip(struct disk *d, const char *path, size_t bit) {
    const struct os *os = disk_os(d);
    char byte;
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE);
    assert_true(fd >= 0);
    assert_int_equal(os_read_all(os, fd, &byte, 1, bit / 8), 0);
    byte = (char)(byte ^ 1 << bit % 8);
    assert_int_equal(os_write_all(os, fd, &byte, 1, bit / 8), 0);
    os->close(os->arg, fd);
}

static void cut_to(struct disk *d, const char *path, size_t n) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_READ | OS_WRITE);
    assert_true(fd >= 0);
    assert_int_equal(os->truncate(os->arg, fd, n), 0);
    os->close(os->arg, fd);
}

// ---- what is done to them ------------------------------------------------------------------------------------------------------------

struct damage {
    size_t count;       // of bits; 0: a file ends at `bit` 0's place
    struct {
        const struct file *file;
        size_t bit;
    } at[FLIPS_MAX];
};

static void apply_damage(struct disk *d, const struct damage *x) {
    if (!x->count) cut_to(d, x->at[0].file->path, x->at[0].bit / 8);
    for (size_t i = 0; i < x->count; i++) flip(d, x->at[i].file->path, x->at[i].bit);
}

static const char *describe(const struct damage *x) {
    static char text[FLIPS_MAX * 80];
    size_t n = 0;
    for (size_t i = 0; i < MAX(x->count, (size_t)1); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s %zu.%zu", i ? ", " : "", x->at[i].file->path, x->count ? "bit" : "cut to", x->at[i].bit / 8, x->at[i].bit % 8);
    return text;
}

static bool same_bit_twice(const struct damage *x) {
    for (size_t i = 0; i < x->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (x->at[i].file == x->at[k].file && x->at[i].bit == x->at[k].bit) return true;
        }
    }
    return false;
}

// 1 to 8 bits, half of the time all of them within a few bytes, in one file or two.
static void random_damage(struct damage *x, struct random *r, const struct files *f) {
    do {
        const struct file *two[2] = { &f->at[random_below(r, f->count)], &f->at[random_below(r, f->count)] };
        if (random_below(r, 4)) two[1] = two[0];
        size_t from[2] = { random_below(r, two[0]->n * 8), random_below(r, two[1]->n * 8) };
        bool near = random_below(r, 2) == 0;
        x->count = 1 + random_below(r, FLIPS_MAX);
        for (size_t i = 0; i < x->count; i++) {
            const struct file *file = two[i % 2];
            x->at[i].file = file;
            x->at[i].bit = near ? (from[i % 2] + random_below(r, 48)) % (file->n * 8) : random_below(r, file->n * 8);
        }
    } while (same_bit_twice(x));
}

// A reason that names what is damaged, or, of several, one of them.
static bool names_file(const char *error, const struct damage *x) {
    for (size_t i = 0; i < MAX(x->count, (size_t)1); i++) {
        const char *name = strrchr(x->at[i].file->path, '/') + 1;
        if (strstr(error, name)) return true;
    }
    return false;
}

static void check_refused(struct disk *d, int status, const char *error, const struct damage *x, uint64_t hash) {
    bool known = status == KORA_CORRUPT || status == KORA_UNSUPPORTED;
    if (!known) fail_msg("%s: status %d, %s", describe(x), status, error);
    // A log that has become shorter, or whose end looks as if nothing had ever been there, is named as a whole.
    bool ends = strstr(error, "the log ends with round") || strstr(error, "are missing") || strstr(error, "is missing");
    if (!(names_file(error, x) || ends || strstr(error, ".wal")) || !strstr(error, "offset")) fail_msg("%s: no file or no offset: %s", describe(x), error);
    if (hash && disk_hash(d) != hash) fail_msg("%s: refused, and changed: %s", describe(x), error);
}

// ---- the log's database ---------------------------------------------------------------------------------------------------------------

struct sent {
    uint32_t stripe, part;
    char *value;
    size_t n;
};

struct world {
    struct sent sent[CALLS_MAX * 2]; // effects in their real order
    size_t count;
    bool ends_call[CALLS_MAX * 2 + 1]; // so many effects are whole calls
    bool ends_round[CALLS_MAX * 2 + 1];
    size_t logged, synced;           // of them are in the log; on the disk for sure
    struct disk *disk;
    struct files files;
    struct disk *base, *work;        // of which copies are made; the one at hand
    uint64_t refused, cut, staged, unseen, done;
};

static void append(struct world *w, struct log *l, struct random *r, int parts, size_t bytes) {
    struct log_append a;
    uint32_t first = (uint32_t)random_below(r, STRIPES);
    for (uint32_t i = 0; i < STRIPES; i++) assert_true(log_may_write(l, i) && log_reserve(l, i, bytes + 200, 2));
    log_begin(&a, l, first, (uint32_t)parts);
    for (int i = 0; i < parts; i++) {
        struct sent *s = &w->sent[w->count++];
        char key[24];
        size_t n = (size_t)snprintf(key, sizeof key, "%zu", (size_t)(s - w->sent));
        *s = (struct sent){ .stripe = (first + (uint32_t)i) % STRIPES, .n = i ? bytes / 8 : bytes };
        s->value = malloc(s->n + 1);
        for (size_t k = 0; k < s->n; k++) s->value[k] = (char)random_below(r, 256);
        struct slice argv[3] = { SLICE("SET"), slice_of(key, n), slice_of(s->value, s->n) };
        log_add(&a, &(struct effect){ .stripe = s->stripe, .db = 3, .argc = 3, .argv = argv });
    }
    log_end(&a);
    w->ends_call[w->count] = true;
    assert_true(w->count < CALLS_MAX * 2 - 4);
}

static void round_of(struct world *w, struct log *l, struct random *r, int calls, size_t bytes_max) {
    for (int i = 0; i < calls; i++) append(w, l, r, random_below(r, 4) ? 1 : 2, random_below(r, bytes_max));
    disk_advance(w->disk, 10000);
    assert_true(log_step(l));
    w->logged = w->count;
    w->ends_round[w->count] = true;
}

static void flush(struct world *w, struct log *l) {
    assert_int_equal(log_flush(l), 0);
    w->synced = w->logged = w->count;
    w->ends_round[w->count] = true;
}

// About `bytes` of log in three segments, the last one of more than half of it; the rounds of its second half were never synced, but if it was closed.
static void write_log(struct world *w, struct log *l, size_t bytes) {
    struct random r;
    uint64_t first;
    random_seed(&r, 77);
    size_t value = MAX(bytes / 60, (size_t)24);
    for (size_t of = bytes / 6, n = 0; n < 3; n++) {
        struct log_stats stats;
        bool synced = false;
        do {
            round_of(w, l, &r, 1 + (int)random_below(&r, 4), value);
            if (random_below(&r, 5) == 0 && n < 2) flush(w, l);
            log_stats(l, &stats);
            if (n == 2 && !synced && stats.segment_bytes > bytes / 3) {
                flush(w, l);
                synced = true;
            }
        } while (stats.segment_bytes < (n < 2 ? of : bytes * 2 / 3));
        if (n == 0) append(w, l, &r, 2, bytes / 12); // a large value
        if (n < 2) {
            flush(w, l);
            assert_int_equal(log_rotate(l, &first), 0);
        }
    }
}

static struct log *open_log(struct world *w, struct store *s, size_t bytes) {
    char error[300];
    struct log *l;
    struct disk *d = w->disk = disk_new(1);
    if (store_open(disk_os(d), "/db", NULL, s, error, sizeof error) != KORA_OK) fail_msg("%s", error);
    struct manifest m = s->manifest;
    m.stripes = STRIPES;
    m.databases = 16;
    m.first_round = 1;
    assert_int_equal(store_commit(s, &m, error, sizeof error), KORA_OK);
    // `os`: what is synced is what flush has synced.
    struct log_config c = { .os = disk_os(d), .dir = "/db", .stripes = STRIPES, .sync = LOG_OS, .staging_bytes = 1, .segment_bytes_max = bytes, .stepped = true };
    memcpy(c.id, m.id, sizeof c.id);
    if (log_open(&c, 1, &l, error, sizeof error) != KORA_OK) fail_msg("%s", error);
    return l;
}

static void world_begin(struct world *w, size_t bytes, bool closed) {
    struct store s;
    *w = (struct world){ 0 };
    struct log *l = open_log(w, &s, bytes);
    write_log(w, l, bytes);
    if (closed) {
        log_close(l, NULL, 0);
        w->synced = w->logged;
        store_close(&s);
        w->base = disk_kill(w->disk);
        cut_to(w->base, "/db/staging", STAGING_PAGE); // its rings are not looked at, and would make copies slow
    } else {
        struct random r;
        random_seed(&r, 78);
        for (int i = 0; i < 12; i++) append(w, l, &r, 1 + i % 2, 100);
        w->base = disk_kill(w->disk);
        log_close(l, NULL, 0);
        store_close(&s);
    }
    char error[300];
    assert_int_equal(store_open(disk_os(w->base), "/db", NULL, &s, error, sizeof error), KORA_OK); // LOCK is made
    store_close(&s);
    disk_settle(w->base);
    list_files(&w->files, w->base, "/db");
    list_files(&w->files, w->base, "/db/log");
    disk_free(w->disk);
    w->disk = NULL;
}

static void world_end(struct world *w) {
    for (size_t i = 0; i < w->count; i++) free(w->sent[i].value);
    disk_free(w->base);
    if (w->work) disk_free(w->work);
}

struct back {
    const struct world *w;
    bool seen[CALLS_MAX * 2];
    size_t count, most; // of them; the highest number + 1
    uint64_t last[STRIPES];
    int said, warnings;
    bool wrong;
};

static int take_back(void *arg, const struct recovered_effect *e) {
    struct back *b = arg;
    int64_t n = -1;
    b->wrong |= e->argc != 3 || e->db != 3 || !slice_equal(e->argv[0], SLICE("SET")) || !num_parse_int(e->argv[1], &n) || n < 0 || (size_t)n >= b->w->count;
    if (b->wrong) return KORA_CORRUPT;
    const struct sent *s = &b->w->sent[n];
    b->wrong = s->stripe != e->stripe || b->seen[n] || !slice_equal(e->argv[2], slice_of(s->value, s->n)) || b->last[e->stripe] > (uint64_t)n;
    b->seen[n] = true;
    b->last[e->stripe] = (uint64_t)n;
    b->count++;
    b->most = MAX(b->most, (size_t)n + 1);
    return b->wrong ? KORA_CORRUPT : KORA_OK;
}

static void said(void *arg, int level, const char *text) {
    struct back *b = arg;
    b->said += text[0] != 0;
    b->warnings += level == KORA_LOG_WARNING;
}

static bool hits(const struct damage *x, const char *part, size_t from, size_t to) {
    for (size_t i = 0; i < MAX(x->count, (size_t)1); i++) {
        if (strstr(x->at[i].file->path, part) && x->at[i].bit / 8 < to && (!x->count || x->at[i].bit / 8 >= from)) return true;
    }
    return false;
}

// It was taken: what is there is what it may be, and it was said if that is not all.
static void check_taken(struct world *w, const struct damage *x, const struct back *b, const struct recovered *out) {
    bool log = hits(x, ".wal", 0, SIZE_MAX), staging = hits(x, "staging", 0, SIZE_MAX);
    bool knows = !hits(x, "staging", 0, STAGING_SYNCED_AT + 8);
    if (b->count == w->count) {
        w->unseen += !b->said;
        // A file that is cut within the room behind the last block has lost nothing.
        if (!b->said && ((log && x->count) || (!log && !staging) || hits(x, "staging", 0, STAGING_PAGE))) fail_msg("%s: unseen", describe(x));
    } else if (!b->said) {
        fail_msg("%s: %zu of %zu are there, and nothing was said", describe(x), b->count, w->count);
    }
    if (log && b->count < w->logged && ((x->count && !out->cut_bytes) || !b->warnings)) fail_msg("%s: cut, and how much was not told", describe(x));
    size_t floor = !log ? w->logged : knows ? w->synced : 0;
    for (size_t i = 0; i < floor; i++) {
        if (!b->seen[i]) fail_msg("%s: number %zu is missing, which had been synced", describe(x), i);
    }
    // Where staging itself is damaged, its stripes may end in different places.
    bool whole = b->count == b->most && (w->ends_round[b->count] || b->count >= w->logged) && w->ends_call[b->count];
    if (!staging && b->count > 0 && !whole) fail_msg("%s: %zu effects up to number %zu: no prefix", describe(x), b->count, b->most);
    if (staging && (b->count < w->logged ? b->count != b->most : false)) fail_msg("%s: %zu of the log up to number %zu: no prefix", describe(x), b->count, b->most);
    w->cut += log;
    w->staged += !log;
}

static int recover_copy(const struct world *w, struct disk *d, struct back *b, struct recovered *out, char *error, size_t size) {
    struct store s;
    memset(b, 0, sizeof *b);
    b->w = w;
    *out = (struct recovered){ 0 };
    int status = store_open(disk_os(d), "/db", NULL, &s, error, size);
    if (status != KORA_OK) return status;
    struct recover_config c = { .store = &s, .from_round = s.manifest.first_round, .apply = take_back, .say = said, .arg = b };
    status = log_recover(&c, out, error, size);
    store_close(&s);
    return status;
}

static void undo_damage(struct world *w, const struct damage *x, bool taken) {
    if (taken || !x->count) {
        disk_free(w->work);
        w->work = NULL;
        return;
    }
    apply_damage(w->work, x); // once more
    if (w->done % SETTLE_EVERY == 0) disk_settle(w->work);
}

// Where it was refused nothing has changed, so that the same copy serves again.
static void try_log(struct world *w, const struct damage *x) {
    if (!w->work) w->work = disk_kill(w->base);
    struct disk *d = w->work;
    struct back b;
    struct recovered out;
    char error[300] = "";
    bool look = w->done++ % HASH_EVERY == 0;
    apply_damage(d, x);
    uint64_t hash = look ? disk_hash(d) : 0;
    int status = recover_copy(w, d, &b, &out, error, sizeof error);
    if (b.wrong) fail_msg("%s: an effect has come back changed", describe(x));
    if (status == KORA_OK) {
        check_taken(w, x, &b, &out);
    } else {
        check_refused(d, status, error, x, hash);
        w->refused++;
        if (look) { // it is refused again in the same words
            char again[300] = "";
            assert_int_equal(recover_copy(w, d, &b, &out, again, sizeof again), status);
            assert_string_equal(again, error);
        }
    }
    undo_damage(w, x, status == KORA_OK);
}

static void one_bit(struct damage *x, const struct file *f, size_t bit) {
    *x = (struct damage){ .count = 1 };
    x->at[0].file = f;
    x->at[0].bit = bit;
}

static void report(const struct world *w, const char *what) {
    print_message("%s: %llu, of them refused %llu, the end of the log cut %llu, staging %llu (%llu of no meaning)\n", what, (unsigned long long)w->done,
        (unsigned long long)w->refused, (unsigned long long)w->cut, (unsigned long long)w->staged, (unsigned long long)w->unseen);
}

static size_t log_bytes(void) { return is_long() ? 110 << 10 : 3 << 10; }

// What there is without any damage.
static void undamaged(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct world w;
        struct back b;
        struct recovered out;
        char error[300] = "";
        world_begin(&w, log_bytes(), closed);
        assert_true(w.synced > 10 && (closed ? w.synced == w.count : w.synced + 5 < w.logged && w.logged + 5 < w.count));
        assert_int_equal(recover_copy(&w, w.base, &b, &out, error, sizeof error), KORA_OK);
        assert_true(b.count == w.count && !b.wrong && !b.said && out.cut_bytes == 0 && out.clean == closed);
        size_t bytes = 0;
        for (size_t i = 0; i < w.files.count; i++) bytes += strstr(w.files.at[i].path, ".wal") ? w.files.at[i].n : 0;
        print_message("%s: %zu effects, %zu of them logged, %zu synced, %zu bytes of log\n", closed ? "closed" : "killed", w.count, w.logged, w.synced, bytes);
        world_end(&w);
    }
}

static void every_bit_of_the_log(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct world w;
        struct damage x;
        world_begin(&w, log_bytes(), closed);
        // Of the one that was killed a fifth, in the long form: its staging makes it slow.
        size_t step = is_long() ? closed ? 1 : 5 : closed ? 3 : 17;
        for (size_t i = 0; i < w.files.count; i++) {
            bool log = strstr(w.files.at[i].path, ".wal");
            for (size_t bit = 0; log && bit < w.files.at[i].n * 8; bit += step) {
                one_bit(&x, &w.files.at[i], bit);
                try_log(&w, &x);
            }
        }
        report(&w, closed ? "bits of the log of a closed database" : "bits of the log of a killed one");
        // After a clean end nothing of it is a crash's tail.
        assert_true(closed ? w.cut == 0 && w.refused == w.done : w.cut > w.done / 4 && w.refused > w.done / 4);
        world_end(&w);
    }
}

static void every_bit_of_the_manifest_and_staging(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct world w;
        struct damage x;
        world_begin(&w, 3 << 10, closed);
        const struct file *f = file_named(&w.files, "MANIFEST"), *s = file_named(&w.files, "staging");
        for (size_t bit = 0; bit < f->n * 8; bit++) {
            one_bit(&x, f, bit);
            try_log(&w, &x);
        }
        assert_int_equal(w.refused, f->n * 8);
        for (size_t bit = 0; bit < s->n * 8; bit += is_long() || bit < 300 * 8 ? 1 : closed ? 9 : 511) {
            one_bit(&x, s, bit);
            try_log(&w, &x);
        }
        report(&w, closed ? "bits of the manifest and staging, closed" : "bits of the manifest and staging, killed");
        world_end(&w);
    }
}

static void truncated_logs(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct world w;
        struct damage x = { 0 };
        world_begin(&w, log_bytes(), closed);
        for (size_t i = 0; i < w.files.count; i++) {
            x.at[0].file = &w.files.at[i];
            size_t n = w.files.at[i].n, last = 64 << 10, step = strstr(w.files.at[i].path, ".wal") ? 1 : strstr(w.files.at[i].path, "staging") ? 509 : 1;
            if (!is_long() && !closed) step *= 3;
            for (size_t to = n > last ? n - last : 0; to < n; to += step) {
                x.at[0].bit = to * 8;
                try_log(&w, &x);
            }
        }
        report(&w, closed ? "lengths of the files of a closed database" : "lengths of those of a killed one");
        world_end(&w);
    }
}

static void random_bits_of_the_log(uint64_t n, uint64_t seed, bool closed) {
    struct world w;
    struct random r;
    struct damage x;
    world_begin(&w, is_long() ? 20 << 10 : 3 << 10, closed);
    random_seed(&r, seed);
    for (uint64_t i = 0; i < n; i++) {
        random_damage(&x, &r, &w.files);
        try_log(&w, &x);
    }
    report(&w, closed ? "random ones, log, closed" : "random ones, log, killed");
    world_end(&w);
}

// ---- a database with a snapshot -----------------------------------------------------------------------------------------------------------

static kora *open_at(struct disk *d, int *status, char *error, size_t size) {
    kora_options o = KORA_OPTIONS_INIT;
    kora *db = NULL;
    o.shards = d ? 2 : 1;
    o.stripes = 4;
    o.databases = 4;
    o.error = error;
    o.error_size = size;
    *error = 0;
    *status = api_open("/db", &o, disk_os(d), &db);
    return db;
}

static void run(kora *db, int argc, const char *const *argv) {
    kora_reply *r;
    assert_int_equal(kora_exec(db, NULL, argc, argv, NULL, &r), KORA_OK);
    if (r->type == KORA_REPLY_ERROR) fail_msg("%s: %s", argv[0], r->str);
    kora_reply_free(r);
}
#define RUN(db, ...) run(db, (int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), (const char *[]){ __VA_ARGS__ })

static void digest(kora *db, char to[64]) {
    kora_reply *r;
    assert_int_equal(kora_exec(db, NULL, 2, (const char *[]){ "DEBUG", "DIGEST" }, NULL, &r), KORA_OK);
    snprintf(to, 64, "%s", r->str ? r->str : "");
    kora_reply_free(r);
}

// Something of every type and encoding, with and without expiry, in several databases; and `bytes` of strings that can't be compressed.
static void fill(kora *all, size_t bytes) {
    struct random r;
    random_seed(&r, 5);
    char key[64], value[1200];
    for (uint32_t n = 0; n < 3; n++) {
        kora *db = kora_database(all, n);
        for (int i = 0; i < 20 - 6 * (int)n; i++) {
            char field[64];
            snprintf(field, sizeof field, "field:%d", i);
            snprintf(value, sizeof value, "%d", i * 1000);
            RUN(db, "RPUSH", "list", field, value);
            RUN(db, "SADD", "set", field);
            RUN(db, "SADD", "ints", value);
            RUN(db, "HSET", "hash", field, value, "same", "x");
            RUN(db, "ZADD", "zset", value, field, "1.5e-7", "half");
            RUN(db, "XADD", "stream", "*", field, value, "same", "x");
        }
        RUN(db, "XGROUP", "CREATE", "stream", "group", "0");
        RUN(db, "XREADGROUP", "GROUP", "group", "one", "COUNT", "3", "STREAMS", "stream", ">");
        RUN(db, "XREADGROUP", "GROUP", "group", "two", "COUNT", "2", "STREAMS", "stream", ">");
        RUN(db, "XDEL", "stream", "0-1");
        RUN(db, "SET", "number", "-12345", "PX", "999999999");
        RUN(db, "SETRANGE", "raw", "300", "end");
        RUN(db, "PFADD", "hll", "a", "b", "c");
        RUN(db, "SET", "soon", "x", "EX", "1000000");
        RUN(db, "PEXPIRE", "zset", "888888888");
        for (int i = 0; i < 300; i++) {
            snprintf(value, sizeof value, "member %d of a large set", i);
            if (bytes > 10000) RUN(db, "SADD", "large set", value), RUN(db, "ZADD", "large zset", "1", value), RUN(db, "HSET", "large hash", value, "v");
        }
    }
    for (size_t i = 0, n = 0; n < bytes; i++) {
        size_t size = 200 + random_below(&r, 1000), len = (size_t)snprintf(key, sizeof key, "random:%zu", i);
        for (size_t k = 0; k < size; k++) value[k] = (char)random_below(&r, 256);
        assert_int_equal(kora_set(kora_database(all, (uint32_t)(i % 3)), key, len, value, size, NULL), KORA_OK);
        n += size;
    }
}

struct whole {
    struct disk *base; // its files, of staging the page only
    struct files files;
    uint64_t done, refused, cut;
    char digest[64];
};

static void copy_file(struct disk *from, struct disk *to, const char *path, size_t max) {
    char *text;
    size_t n;
    assert_int_equal(os_read_file(disk_os(from), path, 64 << 20, &text, &n), 0);
    write_bytes(to, path, text, MIN(n, max), 0);
    mem_free(text);
}

static void whole_begin(struct whole *w, size_t bytes) {
    char error[300], snapshot[] = "/db/snapshot-0000000000000001";
    int status;
    *w = (struct whole){ .base = disk_new(2) };
    struct disk *d = disk_new(1);
    kora *db = open_at(d, &status, error, sizeof error);
    if (!db) fail_msg("%s", error);
    fill(db, bytes);
    assert_int_equal(kora_snapshot(db, NULL, error, sizeof error), KORA_OK);
    RUN(db, "SET", "later", "on");
    digest(db, w->digest);
    assert_int_equal(kora_close(db), KORA_OK);
    static const char *const dirs[] = { "/db", "/db/log", "/db/snapshot-0000000000000001" };
    assert_true(strcmp(dirs[2], snapshot) == 0);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        struct files f = { 0 };
        disk_os(w->base)->make_dir(disk_os(w->base)->arg, dirs[i]);
        list_files(&f, d, dirs[i]);
        for (size_t k = 0; k < f.count; k++) copy_file(d, w->base, f.at[k].path, strstr(f.at[k].path, "staging") ? STAGING_PAGE : SIZE_MAX);
        list_files(&w->files, w->base, dirs[i]);
    }
    disk_free(d);
    disk_settle(w->base);
}

static void whole_end(struct whole *w) { disk_free(w->base); }

static void try_whole(struct whole *w, const struct damage *x) {
    struct disk *d = disk_kill(w->base);
    char error[300], is[64];
    int status;
    apply_damage(d, x);
    w->done++;
    kora *db = open_at(d, &status, error, sizeof error);
    if (status != KORA_OK) {
        check_refused(d, status, error, x, 0);
        w->refused++;
    } else {
        // A closed database: all was synced. Only staging's page can be damaged, and nothing be missing.
        digest(db, is);
        if (strcmp(is, w->digest) != 0) fail_msg("%s: silently other data", describe(x));
        if (hits(x, ".wal", 0, SIZE_MAX) || hits(x, "MANIFEST", 0, SIZE_MAX) || hits(x, "snapshot", 0, SIZE_MAX)) fail_msg("%s: unseen", describe(x));
        assert_int_equal(kora_close(db), KORA_OK);
        w->cut++;
    }
    disk_free(d);
}

static void report_whole(const struct whole *w, const char *what) {
    print_message("%s: %llu, of them refused %llu, in staging only %llu\n", what, (unsigned long long)w->done, (unsigned long long)w->refused, (unsigned long long)w->cut);
}

// A file of a snapshot by itself, as loading reads it: a million openings of a database, with their threads, would take hours.
struct image {
    char *p;
    size_t n, at;
};

static ssize_t read_image(void *arg, void *to, size_t n) {
    struct image *m = arg;
    n = MIN(n, m->n - m->at);
    memcpy(to, m->p + m->at, n);
    m->at += n;
    return (ssize_t)n;
}

// Whether it is refused; why, with the offset, is in `error`.
static bool image_refused(struct image *m, char *error, size_t size) {
    struct lz4_source z;
    struct rdb_file_reader r;
    enum rdb_file_item item;
    m->at = 0;
    *error = 0;
    assert_int_equal(lz4_source_open(&z, (struct byte_source){ read_image, m }), 0);
    rdb_file_open(&r, lz4_source_bytes(&z));
    do item = rdb_file_next(&r);
    while (item == RDB_FILE_KEY || item == RDB_FILE_FIELD);
    if (item == RDB_FILE_ERROR) snprintf(error, size, "%s", r.status == KORA_SYSTEM && r.code == -EBADMSG ? z.error : r.error);
    if (item == RDB_FILE_ERROR && r.status != KORA_CORRUPT && r.code != -EBADMSG) fail_msg("status %d, %s", r.status, r.error);
    rdb_file_close(&r);
    lz4_source_close(&z);
    return item == RDB_FILE_ERROR;
}

static void image_of(struct image *m, struct disk *d, const struct file *f) {
    char *text;
    assert_int_equal(os_read_file(disk_os(d), f->path, 64 << 20, &text, &m->n), 0);
    m->p = malloc(m->n); // of exactly its size, for those who watch over memory
    memcpy(m->p, text, m->n);
    mem_free(text);
}

static void try_image(struct whole *w, struct image *m, const struct damage *x) {
    char error[300];
    size_t n = m->n;
    for (size_t i = 0; i < x->count; i++) m->p[x->at[i].bit / 8] = (char)(m->p[x->at[i].bit / 8] ^ 1 << x->at[i].bit % 8);
    if (!x->count) m->n = x->at[0].bit / 8;
    if (!image_refused(m, error, sizeof error)) fail_msg("%s: unseen", describe(x));
    if (!strstr(error, "offset")) fail_msg("%s: no offset: %s", describe(x), error);
    m->n = n;
    for (size_t i = 0; i < x->count; i++) m->p[x->at[i].bit / 8] = (char)(m->p[x->at[i].bit / 8] ^ 1 << x->at[i].bit % 8);
    w->done++;
    w->refused++;
}

static size_t snapshot_bytes(void) { return is_long() ? 60 << 10 : 1500; }

static bool is_snapshot(const struct file *f) { return strstr(f->path, "snapshot-") != NULL; }

static void every_bit_of_a_snapshot(void **state) {
    (void)state;
    struct whole w;
    struct damage x = { 0 };
    struct image m;
    size_t bytes = 0;
    whole_begin(&w, snapshot_bytes());
    for (size_t i = 0; i < w.files.count; i++) {
        const struct file *f = &w.files.at[i];
        if (!is_snapshot(f)) continue;
        image_of(&m, w.base, f);
        char error[300];
        assert_false(image_refused(&m, error, sizeof error));
        bytes += f->n;
        for (size_t bit = 0; bit < f->n * 8; bit++) {
            one_bit(&x, f, bit);
            try_image(&w, &m, &x);
        }
        x.count = 0;
        for (size_t to = 0; to < f->n; to++) {
            x.at[0].bit = to * 8;
            try_image(&w, &m, &x);
        }
        free(m.p);
    }
    print_message("%zu bytes of snapshot\n", bytes);
    report_whole(&w, "every bit of a snapshot, and every length");
    whole_end(&w);
}

// The whole way, of some of them: the database is not opened, and says why.
static void opened(void **state) {
    (void)state;
    struct whole w;
    struct damage x = { 0 };
    struct random r;
    whole_begin(&w, 1500);
    one_bit(&x, file_named(&w.files, "staging"), 100 * 8);
    try_whole(&w, &x); // it opens, but for that
    assert_int_equal(w.cut, 1);
    random_seed(&r, 3);
    for (size_t i = 0; i < w.files.count; i++) {
        const struct file *f = &w.files.at[i];
        if (strstr(f->path, "staging")) continue;
        for (size_t k = 0; k < (is_long() ? 400u : 12u); k++) {
            one_bit(&x, f, random_below(&r, f->n * 8));
            x.count = k % 2;
            try_whole(&w, &x);
        }
    }
    report_whole(&w, "bits and lengths, opened");
    assert_int_equal(w.refused + 1, w.done);
    whole_end(&w);
}

// Each file missing, and one in the place of another.
static void missing_and_exchanged(void **state) {
    (void)state;
    struct whole w;
    char error[300], two[2][96];
    int status;
    whole_begin(&w, 1500);
    for (size_t i = 0; i < w.files.count; i++) {
        const char *path = w.files.at[i].path;
        struct disk *d = disk_kill(w.base);
        disk_os(d)->remove(disk_os(d)->arg, path);
        kora *db = open_at(d, &status, error, sizeof error);
        if (strstr(path, "staging")) {
            assert_int_equal(status, KORA_OK);
            assert_int_equal(kora_close(db), KORA_OK);
        } else {
            if (status != KORA_CORRUPT || strlen(error) < 10) fail_msg("%s is missing: status %d, %s", path, status, error);
        }
        disk_free(d);
    }
    for (int i = 0; i < 2; i++) snprintf(two[i], sizeof two[i], "/db/snapshot-0000000000000001/%04d.rdb.lz4", i);
    for (int i = 0; i < 2; i++) {
        char *text;
        size_t n;
        struct disk *d = disk_kill(w.base);
        assert_int_equal(os_read_file(disk_os(d), two[i], 64 << 20, &text, &n), 0);
        disk_os(d)->remove(disk_os(d)->arg, two[1 - i]);
        write_bytes(d, two[1 - i], text, n, 0);
        mem_free(text);
        open_at(d, &status, error, sizeof error);
        if (status != KORA_CORRUPT || !strstr(error, two[1 - i] + 4)) fail_msg("status %d, %s", status, error);
        disk_free(d);
    }
    whole_end(&w);
}

static void random_bits_of_a_snapshot(uint64_t n, uint64_t seed) {
    struct whole w;
    struct random r;
    struct damage x;
    whole_begin(&w, 1500);
    random_seed(&r, seed);
    for (size_t i = 0; i < w.files.count; i++) {
        struct files one = { .at = { w.files.at[i] }, .count = 1 };
        struct image m;
        if (!is_snapshot(&w.files.at[i])) continue;
        image_of(&m, w.base, &w.files.at[i]);
        for (uint64_t k = 0; k < n / 2; k++) {
            random_damage(&x, &r, &one);
            try_image(&w, &m, &x);
        }
        free(m.p);
    }
    report_whole(&w, "random ones, snapshot");
    whole_end(&w);
}

// ---- the whole -----------------------------------------------------------------------------------------------------------------------------

static void random_bits(void **state) {
    (void)state;
    uint64_t n = number("KORA_DAMAGE_RANDOM", is_long() ? 1000000 : 3000), seed = number("KORA_DAMAGE_SEED", 1);
    random_bits_of_the_log(n / 2, seed, true);
    random_bits_of_the_log(n / 5, seed + 1, false);
    random_bits_of_a_snapshot(n - n / 2 - n / 5, seed + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undamaged), cmocka_unit_test(every_bit_of_the_log), cmocka_unit_test(every_bit_of_the_manifest_and_staging),
        cmocka_unit_test(truncated_logs), cmocka_unit_test(every_bit_of_a_snapshot), cmocka_unit_test(opened),
        cmocka_unit_test(missing_and_exchanged), cmocka_unit_test(random_bits),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
