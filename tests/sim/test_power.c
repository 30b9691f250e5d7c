// Power cuts and kills: the log and its recovery over the simulated disk, from one seed.
//
// A life is a process: it opens the database of its disk (recovery, log), appends calls, rotates, forgets, closes; without threads (log_config.stepped), so
// that a seed always does the same. At operations chosen at random, also within recovery, the world is copied as a kill or a power cut leaves it,
// and what comes back from that is compared with what had been promised:
//
//   - what is there is a prefix of the real order, over all stripes; calls of several effects are there whole or not at all;
//   - after a kill everything appended is there;
//   - after a power cut, what was reported durable under `always`, what a flush has answered, under `everysec` what is older than 1.1 s;
//   - recovery never refuses; what it has found stays, whatever happens next; done twice it finds the same.
//
// Some of the copies are lives of their own, which go on writing and are cut again. Some lives have a fault: an operation fails once or for ever, a write is
// short, the disk is full. Then nothing is lost of what was reported durable, and the failure has a name.
//
// KORA_SIM_SEEDS=n: how many (300; with KORA_TEST_LONG 100,000). KORA_SIM_SEED=s: from this one on, one if that is
// not set; with a trace on stderr if KORA_SIM_TRACE is.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "kora.h"
#include "sim/disk.h"
#include "store/log.h"
#include "store/recover.h"

enum { PARTS_MAX = 6, CALLS_MAX = 400, LIVES_MAX = 3, TICK_US = 20000, ROLL_US = 1100000, VALUE_MAX = 200 << 10, STATES_PER_SEED = 20 };

struct done {
    uint32_t tag; // its values are made of it, so that a call that was lost is not mistaken for one that came later
    uint32_t size;
    uint8_t parts, stripes[PARTS_MAX];
    uint64_t epoch;
    int64_t at_us;
};

struct world {
    uint64_t seed;
    uint32_t tags;
    int budget; // of states that are still looked at
    uint64_t kills, cuts, faults, named, refused, resumed, opened, cut_bytes, staged, incomplete, aparts, forgotten, closes, within_recovery, checks;
};

struct life {
    struct world *world;
    struct life *parent;
    struct disk *disk;
    struct random random;
    struct done *calls;      // the real order
    char *value;
    size_t started, ended;   // calls whose append has begun; has ended
    size_t cut_floor, kill_floor; // of them there must be at least so many after a power cut; a kill
    int depth;
    bool uncertain; // a sync has failed in an earlier life: a check may find damage, which recovery cuts off
    bool resolved; // its disk comes from a power cut: all that is there is durable
    bool can_map, opening, faulty, sync_failed, lost_writes; // lost_writes: what is staged is written, and that may fail
    uint64_t ops, next_crash, gap;
    struct log *log;
    struct store store;
    enum log_sync sync;
    uint32_t stripes;
    const char *staging_dir;
    uint64_t base;           // calls that the snapshot has
    uint64_t durable_epoch;
    bool room, broken;
    char history[120];
};

static _Noreturn void failed(const struct life *l, const char *format, ...) {
    char text[600];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fprintf(stderr, "seed %llu, %s, operation %llu: %s\n", (unsigned long long)l->world->seed, l->history, (unsigned long long)l->ops, text);
    for (const struct life *p = l; p; p = p->parent) {
        fprintf(stderr, "  %s: %s, sync %d, %zu of %zu calls appended, %zu promised for a power cut, %zu for a kill%s%s\n", p->history,
            p->opening ? "opening" : "open", p->sync, p->ended, p->started, p->cut_floor, p->kill_floor, p->faulty ? ", with faults" : "",
            p->can_map ? "" : ", not mapped");
    }
    fflush(stderr);
    fail_msg("seed %llu", (unsigned long long)l->world->seed);
    abort();
}
#define check(l, is, ...) \
    do { \
        if (!(is)) failed((l), __VA_ARGS__); \
    } while (0)

// ---- what is written --------------------------------------------------------------------------------------------------------------------

static struct done make_call(struct life *l) {
    struct random *r = &l->random;
    struct done c = { .tag = ++l->world->tags, .parts = 1, .epoch = 0 };
    if (random_below(r, 3) == 0) c.parts = (uint8_t)(1 + random_below(r, PARTS_MAX));
    for (int i = 0; i < c.parts; i++) c.stripes[i] = (uint8_t)random_below(r, l->stripes);
    uint64_t sort = random_below(r, 100);
    c.size = (uint32_t)(sort < 70 ? random_below(r, 40) : sort < 96 ? random_below(r, 1500) : sort < 99 ? random_below(r, 30000) : random_below(r, VALUE_MAX));
    return c;
}

// The value of a part; the same each time it is asked for. In a life's own buffer: another one may begin while an append is under way.
static struct slice value_of(const struct life *l, const struct done *c, int part) {
    char *value = l->value;
    int n = snprintf(value, 64, "%u.%d.", c->tag, part);
    uint32_t size = part == 0 ? c->size : c->size % 50;
    for (uint32_t i = 0; i < MIN(size, 23u); i++) value[n + (int)i] = (char)('a' + (c->tag * 7 + (uint32_t)part + i) % 23);
    for (uint32_t has = 23; has < size; has *= 2) memcpy(value + n + has, value + n, MIN(has, size - has));
    return slice_of(value, (size_t)n + size);
}

// ---- what comes back ----------------------------------------------------------------------------------------------------------------------

struct back {
    const struct life *life; // whose calls they should be
    struct effect_back {
        uint32_t stripe, tag;
        int part;
    } *records;
    size_t count, cap;
};

// Tags ascend.
static const struct done *by_tag(const struct life *l, uint32_t tag, size_t *at) {
    size_t from = 0, to = l->started;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (l->calls[middle].tag < tag) from = middle + 1;
        else to = middle;
    }
    *at = from;
    return from < l->started && l->calls[from].tag == tag ? &l->calls[from] : NULL;
}

static int take_back(void *arg, const struct recovered_effect *e) {
    struct back *b = arg;
    unsigned tag = 0;
    int part = 0;
    char head[24] = "";
    if (e->argc == 3) memcpy(head, e->argv[2].p, MIN(e->argv[2].n, sizeof head - 1));
    bool known = slice_equal(e->argv[0], SLICE("SET")) && sscanf(head, "%u.%d.", &tag, &part) == 2;
    size_t at = 0;
    const struct done *c = known ? by_tag(b->life, tag, &at) : NULL;
    check(b->life, c != NULL, "an effect of no call that could be there: %u", tag);
    check(b->life, part >= 0 && part < c->parts && e->stripe == c->stripes[part] && e->db == tag % 16, "call %zu, tag %u, has come back changed: part %d of %u, stripe %u, db %u", at, tag, part, c->parts, e->stripe, e->db);
    struct slice is = value_of(b->life, c, part);
    check(b->life, slice_equal(is, e->argv[2]), "call %zu has come back with another value", at);
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->records = realloc(b->records, b->cap * sizeof *b->records);
    }
    b->records[b->count++] = (struct effect_back){ e->stripe, tag, part };
    return KORA_OK;
}

// The number of calls that are there, which must be the first ones, in each stripe in their order.
static size_t prefix_of(struct back *b, size_t base) {
    const struct life *l = b->life;
    size_t n = base, effects = 0;
    while (effects < b->count && n < l->started) effects += l->calls[n++].parts;
    check(l, effects == b->count, "%zu effects came back, which is not a number of whole calls", b->count);
    for (uint32_t stripe = 0; stripe < l->stripes; stripe++) {
        size_t at = 0;
        for (size_t i = base; i < n; i++) {
            const struct done *c = &l->calls[i];
            for (int part = 0; part < c->parts; part++) {
                if (c->stripes[part] != stripe) continue;
                while (at < b->count && b->records[at].stripe != stripe) at++;
                check(l, at < b->count && b->records[at].tag == c->tag && b->records[at].part == part,
                    "of %zu calls that came back, call %zu is not there in stripe %u: not a prefix of the real order", n, i, stripe);
                at++;
            }
        }
    }
    return n;
}

// ---- opening --------------------------------------------------------------------------------------------------------------------------------

static void said(void *arg, int level, const char *text) {
    const struct life *l = arg;
    (void)level;
    check(l, text[0], "an empty line was said");
    if (getenv("KORA_SIM_TRACE")) fprintf(stderr, "%s: %s\n", l->history, text);
}

static void said_back(void *arg, int level, const char *text) { said((void *)(uintptr_t)((struct back *)arg)->life, level, text); }

// The manifest's snapshot number is how many calls are in it. Returns a kora_status.
static int recover(struct life *l, size_t *found, struct recovered *out, char *error, size_t size) {
    int status = store_open(disk_os(l->disk), "/db", l->staging_dir, &l->store, error, size);
    if (status != KORA_OK) return status;
    if (l->store.is_new) {
        struct manifest m = l->store.manifest;
        m.stripes = l->stripes;
        m.databases = 16;
        m.first_round = 1;
        status = store_commit(&l->store, &m, error, size);
    }
    l->base = l->store.manifest.snapshot;
    struct back b = { .life = l };
    struct recover_config c = { .store = &l->store, .from_round = l->store.manifest.first_round, .apply = take_back, .say = said_back, .arg = &b };
    if (status == KORA_OK) status = log_recover(&c, out, error, size);
    if (status == KORA_OK) *found = prefix_of(&b, l->base);
    free(b.records);
    if (status != KORA_OK) store_close(&l->store);
    return status;
}

static void on_durable(void *arg, uint64_t epoch) {
    struct life *l = arg;
    check(l, epoch >= l->durable_epoch, "durable goes back");
    l->durable_epoch = epoch;
    if (l->sync != LOG_ALWAYS) return;
    for (size_t i = l->cut_floor; i < l->ended && l->calls[i].epoch <= epoch; i++) l->cut_floor = i + 1;
}
static void on_room(void *arg) { ((struct life *)arg)->room = true; }
static void on_broken(void *arg) {
    struct life *l = arg;
    l->broken = !l->broken;
}

static int open_log(struct life *l, const struct recovered *r, char *error, size_t size) {
    struct log_config c = { .os = disk_os(l->disk), .dir = "/db", .staging_dir = l->staging_dir, .stripes = l->stripes, .round_before = r->last_round, .sync = l->sync,
        .segment_bytes_max = 1000 + random_below(&l->random, 40000), .staging_bytes = 1, .durable = on_durable, .room = on_room,
        .broken = on_broken, .say = said, .arg = l, .stepped = true };
    memcpy(c.id, l->store.manifest.id, STORE_ID_BYTES);
    return log_open(&c, r->next_round, &l->log, error, size);
}

// ---- a life -----------------------------------------------------------------------------------------------------------------------------------

static void live(struct life *l);

// What there must be under `everysec`: what was written so long ago that its second is over.
static size_t old_enough(const struct life *l) {
    int64_t now = disk_os(l->disk)->mono_us(l->disk);
    size_t n = l->cut_floor;
    if (l->sync != LOG_EVERYSEC || l->faulty) return n;
    while (n < l->ended && l->calls[n].at_us <= now - ROLL_US) n++;
    return n;
}

static void child_of(struct life *l, struct disk *disk, bool power) {
    struct life child = { .world = l->world, .parent = l, .disk = disk, .depth = l->depth + 1, .started = l->started, .stripes = l->stripes, .staging_dir = l->staging_dir, .can_map = l->can_map, .resolved = power, .uncertain = l->sync_failed || l->uncertain };
    child.cut_floor = l->opening ? l->cut_floor : MAX(l->cut_floor, old_enough(l));
    child.kill_floor = l->sync_failed ? child.cut_floor : l->opening ? l->kill_floor : l->lost_writes ? child.cut_floor : l->ended;
    if (power) child.kill_floor = child.cut_floor;
    child.calls = malloc(CALLS_MAX * sizeof *child.calls);
    memcpy(child.calls, l->calls, l->started * sizeof *child.calls);
    random_seed(&child.random, random_next(&l->random));
    snprintf(child.history, sizeof child.history, "%.80s %s %llu", l->history, power ? "cut" : "kill", (unsigned long long)l->ops);
    child.value = malloc(VALUE_MAX + 64);
    live(&child);
    free(child.value);
    free(child.calls);
}

static void crash(struct life *l, bool power) {
    l->world->budget--;
    l->world->kills += !power;
    l->world->cuts += power;
    l->world->within_recovery += l->opening;
    struct disk *d = power ? disk_power_cut(l->disk, random_next(&l->random)) : disk_kill(l->disk);
    child_of(l, d, power);
    disk_free(d);
}

static void after_operation(void *arg, struct disk *d, enum disk_op op) {
    struct life *l = arg;
    (void)d;
    if (!disk_op_changes(op) || ++l->ops != l->next_crash) return;
    l->next_crash += 1 + random_below(&l->random, l->gap);
    if (l->world->budget <= 0) return;
    crash(l, random_below(&l->random, 5) < 3);
}

static void tick(struct life *l) {
    disk_advance(l->disk, TICK_US);
    log_step(l->log);
}

static void append(struct life *l) {
    struct done *c = &l->calls[l->started];
    *c = make_call(l);
    for (int i = 0; i < c->parts; i++) {
        if (!log_may_write(l->log, c->stripes[i])) {
            struct log_error e;
            bool named = log_error(l->log, &e);
            check(l, !named || (e.code < 0 && strlen(e.text) > 10), "an error without a name: %d %s", e.code, e.text);
            l->world->refused++;
            l->room = false;
            tick(l);
            check(l, named || l->room || log_error(l->log, &e), "there is room, and nobody says so");
            // What a round could not note in staging is found by the next one, for which the one who is refused has asked.
            if (!named && !log_may_write(l->log, c->stripes[i]) && !log_error(l->log, &e)) tick(l);
            check(l, named || log_may_write(l->log, c->stripes[i]) || log_error(l->log, &e), "refused, though there is room");
            return;
        }
    }
    for (int i = 0; i < c->parts; i++) {
        size_t bytes = 0, count = 0;
        for (int k = 0; k <= i; k++) {
            if (c->stripes[k] != c->stripes[i]) continue;
            bytes += 3 + 10 + value_of(l, c, k).n + 3 * 5;
            count++;
        }
        if (!log_reserve(l->log, c->stripes[i], bytes, count)) return;
        l->world->aparts += bytes > 32 << 10;
    }
    struct log_append a;
    c->at_us = disk_os(l->disk)->mono_us(l->disk);
    l->started++;
    log_begin(&a, l->log, c->stripes[0], c->parts);
    c->epoch = a.epoch;
    for (int i = 0; i < c->parts; i++) {
        struct slice argv[3] = { SLICE("SET"), SLICE("some key"), value_of(l, c, i) };
        struct effect e = { .stripe = c->stripes[i], .db = c->tag % 16, .argc = 3, .argv = argv };
        log_add(&a, &e);
    }
    log_end(&a);
    l->ended = l->started;
    if (getenv("KORA_SIM_TRACE")) fprintf(stderr, "%s: call %zu, tag %u, of %d parts, %u bytes, epoch %llu\n", l->history, l->ended, c->tag, c->parts, c->size, (unsigned long long)c->epoch);
}

static void snapshot(struct life *l) {
    uint64_t first;
    if (log_rotate(l->log, &first) != 0) {
        check(l, l->faulty, "it does not rotate");
        return;
    }
    struct manifest m = l->store.manifest;
    m.first_round = first;
    while (m.snapshot < l->ended && l->calls[m.snapshot].epoch < first) m.snapshot++;
    char error[300] = "";
    if (store_commit(&l->store, &m, error, sizeof error) != KORA_OK) {
        check(l, l->faulty && error[0], "no manifest: %s", error);
        return;
    }
    // What is in the snapshot is there.
    l->cut_floor = MAX(l->cut_floor, (size_t)m.snapshot);
    log_forget(l->log, first);
    l->world->forgotten++;
}

static void act(struct life *l) {
    uint64_t what = random_below(&l->random, 100);
    if (what < 60) append(l);
    else if (what < 90) tick(l);
    else if (what < 92) {
        for (int i = 0; i < 50; i++) tick(l);
    } else if (what < 95) {
        size_t ended = l->ended;
        int status = log_flush(l->log);
        check(l, status == 0 || l->faulty, "flush: %d", status);
        if (status == 0) l->cut_floor = MAX(l->cut_floor, ended);
    } else if (what < 97) {
        uint64_t first;
        int status = log_rotate(l->log, &first);
        check(l, status == 0 || l->faulty, "rotate: %d", status);
    } else if (what < 98) snapshot(l);
    else if (what < 99 && l->sync != LOG_EVERYSEC && !l->faulty) {
        // Not to `everysec` and back: what is promised about the time between would have to be told apart.
        l->sync = l->sync == LOG_ALWAYS ? LOG_OS : LOG_ALWAYS;
        log_set_sync(l->log, l->sync);
    }
}

// ---- faults -----------------------------------------------------------------------------------------------------------------------------------

static void plan_fault(struct life *l) {
    static const enum disk_op ops[] = { DISK_WRITE, DISK_SYNC, DISK_ALLOCATE, DISK_SYNC_DIR, DISK_RENAME, DISK_OPEN, DISK_TRUNCATE, DISK_CLOSE,
        DISK_MAP, DISK_REMOVE, DISK_READ, DISK_LIST, DISK_SIZE, DISK_MAKE_DIR, DISK_ANY };
    struct random *r = &l->random;
    l->faulty = true;
    l->lost_writes = !l->can_map;
    l->world->faults++;
    uint64_t nth = 1 + random_below(r, random_below(r, 2) ? 6 : 60);
    bool forever = random_below(r, 2) == 0;
    uint64_t sort = random_below(r, 10);
    if (sort == 0) disk_short_write(l->disk, nth, forever ? 700 + random_below(r, 9000) : random_below(r, 700), forever);
    else if (sort < 3) disk_set_capacity(l->disk, disk_used(l->disk) + random_below(r, 60) * 4096);
    else {
        enum disk_op op = sort < 8 ? ops[random_below(r, 2)] : ops[random_below(r, ARRAY_LEN(ops))];
        int error = op == DISK_WRITE || op == DISK_ALLOCATE ? random_below(r, 2) ? ENOSPC : EIO : EIO;
        disk_fail(l->disk, op, nth, error, forever);
        if (op == DISK_SYNC || op == DISK_ANY) l->sync_failed = true;
    }
}

// The disk has room again, or works again: what may go on goes on.
static void heal(struct life *l) {
    struct log_error e;
    tick(l);
    tick(l); // what a round could not note in staging is found by the next one
    bool was = log_error(l->log, &e);
    l->world->named += was;
    if (was) {
        check(l, e.code < 0 && strlen(e.text) > 10, "an error without a name: %d %s", e.code, e.text);
        check(l, strstr(e.text, strerror(-e.code)) != NULL, "the error's name is not in its text: %d %s", e.code, e.text);
    }
    disk_heal(l->disk);
    disk_set_capacity(l->disk, 0);
    for (int i = 0; i < 150; i++) tick(l);
    bool is = log_error(l->log, &e);
    check(l, !is || was, "an error after all was well: %s", e.text);
    check(l, !was || !is || e.code != -ENOSPC || l->sync_failed || l->lost_writes, "no room, though there is: %s", e.text);
    l->world->resumed += was && !is;
}

// ---- the whole ----------------------------------------------------------------------------------------------------------------------------------

// Opens; false: a fault kept it from that, and it is healed.
static bool begin(struct life *l, size_t *found, struct recovered *r) {
    char error[300] = "";
    int status = recover(l, found, r, error, sizeof error);
    if (status == KORA_OK) {
        check(l, *found >= l->kill_floor, "%zu calls are back of %zu, %zu of them promised", *found, l->started, l->kill_floor);
        l->world->cut_bytes += r->cut_bytes > 0;
        l->world->staged += r->staged_records > 0;
        l->world->incomplete += r->incomplete_calls;
        status = open_log(l, r, error, sizeof error);
        if (status != KORA_OK) store_close(&l->store);
    }
    if (status == KORA_OK) return true;
    check(l, l->faulty, "refused: %d %s", status, error);
    check(l, (status == KORA_SYSTEM || status == KORA_NOMEM) && strlen(error) > 10, "status %d without a reason: %s", status, error);
    l->world->named++;
    disk_heal(l->disk);
    disk_set_capacity(l->disk, 0);
    return false;
}

// An offline check changes nothing, and finds what recovery is going to find.
static size_t check_offline(struct life *l) {
    char error[300] = "";
    struct checked c;
    struct back b = { .life = l };
    struct store s;
    struct check_config config = { .store = &s, .visit = take_back, .say = said_back, .arg = &b };
    uint64_t hash[2];
    size_t found = 0;
    for (int i = 0; i < 2; i++) { // the first one may make LOCK
        b.count = 0;
        int status = store_look(disk_os(l->disk), "/db", l->staging_dir, &s, error, sizeof error);
        check(l, status == KORA_OK, "to look is refused: %d %s", status, error);
        status = store_check(&config, &c, error, sizeof error);
        check(l, status == KORA_OK && c.errors == 0, "the check says %d %s", status, error);
        l->base = s.manifest.snapshot;
        store_close(&s);
        found = prefix_of(&b, l->base);
        hash[i] = disk_hash(l->disk);
    }
    check(l, hash[0] == hash[1], "a check has changed something");
    free(b.records);
    l->world->checks++;
    return found;
}

static bool has_manifest(struct disk *d) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, "/db/MANIFEST", OS_READ);
    if (fd >= 0) os->close(os->arg, fd);
    return fd >= 0;
}

// What is there now stays, whatever was promised; found out on a copy, if the disk is still wanted.
static void peek(struct life *l, bool lives) {
    struct life look = *l;
    struct recovered r;
    char error[300] = "";
    if (lives) look.disk = disk_kill(l->disk);
    size_t found = 0, checked = SIZE_MAX;
    if (random_below(&l->random, 4) == 0 && !l->uncertain && !l->sync_failed && has_manifest(look.disk)) checked = check_offline(&look);
    int status = recover(&look, &found, &r, error, sizeof error);
    check(l, status == KORA_OK, "refused: %d %s", status, error);
    check(l, checked == SIZE_MAX || checked == found, "a check finds %zu calls, recovery %zu", checked, found);
    check(l, found >= l->kill_floor, "%zu calls are back of %zu, %zu of them promised", found, l->started, l->kill_floor);
    store_close(&look.store);
    if (lives) disk_free(look.disk);
    // But what a failed sync was about may be forgotten by the system at any time, as long as it runs.
    if (!l->uncertain || l->resolved) l->kill_floor = found;
    if (l->resolved) l->cut_floor = found;
}

static void live(struct life *l) {
    struct random *r = &l->random;
    struct recovered rec;
    size_t found = 0;
    bool last = l->depth >= LIVES_MAX || (l->depth > 0 && random_below(r, 5) != 0);
    l->sync = (enum log_sync)random_below(r, 3);
    l->opening = true;
    l->world->opened++;
    if (last) { // only looks
        peek(l, false);
        return;
    }
    if (l->depth > 0) peek(l, true);
    l->gap = 1 + random_below(r, 90);
    l->next_crash = 1 + random_below(r, l->gap);
    if (random_below(r, 4) == 0) plan_fault(l);
    if (getenv("KORA_SIM_TRACE")) {
        fprintf(stderr, "%s: a life begins\n", l->history);
        disk_trace(l->disk, stderr);
    }
    disk_hook(l->disk, after_operation, l);
    if (!begin(l, &found, &rec)) {
        // Nobody was told anything. The next one comes through, but what a failed sync was about is uncertain for good.
        bool sync_failed = l->sync_failed;
        l->uncertain |= sync_failed;
        l->faulty = l->sync_failed = false;
        disk_hook(l->disk, NULL, NULL);
        if (sync_failed) l->kill_floor = l->cut_floor;
        check(l, disk_open_files(l->disk) == 0, "%u files are still open", disk_open_files(l->disk));
        peek(l, true);
        return;
    }
    l->opening = false;
    l->started = l->ended = found;
    if (!l->sync_failed) l->cut_floor = found;
    for (size_t steps = 20 + random_below(r, 150); steps > 0 && l->started < CALLS_MAX; steps--) act(l);
    if (l->faulty) heal(l);
    struct log_error e;
    bool broken = log_error(l->log, &e);
    if (random_below(r, 3) == 0) {
        crash(l, true);
        crash(l, false);
    }
    log_close(l->log, NULL, 0);
    store_close(&l->store);
    l->world->closes++;
    check(l, disk_open_files(l->disk) == 0, "%u files are still open", disk_open_files(l->disk));
    disk_hook(l->disk, NULL, NULL);
    if (!broken && !l->faulty) l->cut_floor = l->ended; // what is closed is synced
    crash(l, true);
    crash(l, false);
}

static void one_seed(struct world *w, uint64_t seed) {
    w->seed = seed;
    w->budget = STATES_PER_SEED;
    struct random r;
    random_seed(&r, seed);
    struct life l = { .world = w, .random = r, .disk = disk_new(seed), .stripes = 1 + (uint32_t)random_below(&r, 4) };
    l.calls = malloc(CALLS_MAX * sizeof *l.calls);
    l.value = malloc(VALUE_MAX + 64);
    snprintf(l.history, sizeof l.history, "born");
    bool may_map = random_below(&r, 6) != 0, can_allocate = random_below(&r, 6) != 0;
    disk_set_may_map(l.disk, may_map);
    disk_set_can_allocate(l.disk, can_allocate);
    l.can_map = may_map && can_allocate;
    if (random_below(&r, 4) == 0) l.staging_dir = "/fast";
    random_seed(&l.random, seed + 1);
    live(&l);
    disk_free(l.disk);
    free(l.value);
    free(l.calls);
}

static void directed(struct life *l, struct world *w, uint64_t seed) {
    w->seed = seed;
    w->budget = 0;
    *l = (struct life){ .world = w, .disk = disk_new(seed), .stripes = 3, .can_map = true, .sync = LOG_OS, .gap = 1 };
    l->calls = malloc(CALLS_MAX * sizeof *l->calls);
    l->value = malloc(VALUE_MAX + 64);
    snprintf(l->history, sizeof l->history, "directed");
    random_seed(&l->random, seed);
    size_t found;
    struct recovered r;
    assert_true(begin(l, &found, &r));
}

static void directed_end(struct life *l) {
    log_close(l->log, NULL, 0);
    store_close(&l->store);
    disk_free(l->disk);
    free(l->value);
    free(l->calls);
}

// Blocks were written, and their room in staging given back; then the sync fails, the system forgets some of what it could not write, and the process is killed.
// What is staged comes after what is lost.
static void killed_after_a_failed_sync(void **state) {
    (void)state;
    struct world w = { 0 };
    int lost = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct life l;
        directed(&l, &w, seed);
        l.sync = LOG_EVERYSEC;
        log_set_sync(l.log, l.sync);
        disk_fail(l.disk, DISK_SYNC, 1, EIO, true);
        l.faulty = l.sync_failed = true;
        for (int i = 0; i < 60; i++) {
            for (int k = 0; k < 7 && l.started < CALLS_MAX; k++) append(&l); // rings are filled more than once
            tick(&l);
        }
        struct log_error e;
        assert_true(log_error(l.log, &e));
        struct life next = l;
        next.disk = disk_kill(l.disk);
        next.parent = &l;
        char error[300];
        size_t found;
        struct recovered r;
        check(&l, recover(&next, &found, &r, error, sizeof error) == KORA_OK, "refused: %s", error); // and they are a prefix
        lost += found < l.ended;
        store_close(&next.store);
        disk_free(next.disk);
        disk_heal(l.disk);
        directed_end(&l);
    }
    assert_true(lost > 0);
}

// Right after a snapshot all that is needed of the log is an empty segment, and the rest is in staging. Any operation of the opening fails; or the process is killed after it, or
// the power goes; then the next opening finds all, or, after the power cut, the snapshot at least.
static void opened_after_a_snapshot(void **state) {
    (void)state;
    struct world w = { 0 };
    int failures = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct life l;
        directed(&l, &w, seed);
        for (int i = 0; i < 20; i++) append(&l);
        tick(&l);
        snapshot(&l);
        size_t base = l.ended;
        for (int i = 0; i < 20; i++) append(&l);
        for (uint64_t nth = 1, done = 0; done < 2; nth++) {
            struct life next = l;
            char error[300];
            size_t found;
            struct recovered r;
            next.disk = disk_kill(l.disk);
            next.parent = &l;
            next.faulty = true;
            disk_fail(next.disk, DISK_ANY, nth, seed % 2 ? ENOSPC : EIO, seed % 4 < 2);
            if (begin(&next, &found, &r)) {
                log_close(next.log, NULL, 0);
                store_close(&next.store);
                done++;
            } else failures++;
            disk_heal(next.disk);
            struct disk *disks[2] = { disk_kill(next.disk), disk_power_cut(next.disk, nth) };
            disk_free(next.disk);
            for (int i = 0; i < 2; i++) {
                next.disk = disks[i];
                check(&next, recover(&next, &found, &r, error, sizeof error) == KORA_OK, "operation %d: refused: %s", (int)nth, error);
                check(&next, found >= (i ? base : l.ended), "operation %d: %zu calls are back of %zu", (int)nth, found, l.ended);
                store_close(&next.store);
                disk_free(next.disk);
            }
        }
        directed_end(&l);
    }
    assert_true(failures > 100);
}

static uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void seeds(void **state) {
    (void)state;
    bool is_long = getenv("KORA_TEST_LONG") && strcmp(getenv("KORA_TEST_LONG"), "0") != 0;
    uint64_t n = number("KORA_SIM_SEEDS", is_long ? 100000 : 300), first = 1;
    if (getenv("KORA_SIM_SEED")) {
        first = number("KORA_SIM_SEED", 1);
        n = number("KORA_SIM_SEEDS", 1);
    }
    struct world w = { 0 };
    for (uint64_t seed = first; seed < first + n; seed++) one_seed(&w, seed);
    print_message("%llu seeds: %llu lives, %llu kills, %llu power cuts (%llu within recovery), %llu faults (%llu named, %llu resumed), %llu refusals to write, "
        "%llu torn ends, %llu stagings, %llu incomplete calls, %llu large calls, %llu snapshots, %llu checks\n", (unsigned long long)n,
        (unsigned long long)w.opened, (unsigned long long)w.kills, (unsigned long long)w.cuts, (unsigned long long)w.within_recovery,
        (unsigned long long)w.faults, (unsigned long long)w.named, (unsigned long long)w.resumed, (unsigned long long)w.refused,
        (unsigned long long)w.cut_bytes, (unsigned long long)w.staged, (unsigned long long)w.incomplete, (unsigned long long)w.aparts,
        (unsigned long long)w.forgotten, (unsigned long long)w.checks);
    if (n >= 100) {
        assert_true(w.kills > n && w.cuts > n && w.within_recovery > n / 10 && w.faults > n / 10 && w.named > 0 && w.resumed > 0 && w.cut_bytes > 0);
        assert_true(w.staged > 0 && w.incomplete > 0 && w.aparts > 0 && w.forgotten > 0 && w.checks > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed_after_a_failed_sync), cmocka_unit_test(opened_after_a_snapshot), cmocka_unit_test(seeds) };
    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
