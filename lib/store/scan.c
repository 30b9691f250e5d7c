// Reads all of a log in its order: segments, blocks, then what is staged; and decides what damage means. Changes nothing on the disk.
//
// Rounds are a chain: each block names the one before it, in its segment or the last one with blocks. Where the chain ends before the files do (a block that is not
// whole, one that does not follow, a segment without header), there is a gap, and nothing behind it counts. Is it the tail of a crash? Every block, and every segment's
// header, says up to which round the log was synced before; so does the staging file, of the last rounds, too. If anything that is whole, before the gap or behind it, says so of a round that should be in the gap, then it
// was lost after it had been on the disk, and nothing is touched. Else nobody was promised more than that what is kept is a prefix; the rest is cut.
//
// What is not whole, but where the next segment goes on after the last round that was, is no gap: an end that was cut, and whose cutting did not reach the disk.
//
// To find what is whole behind a gap, all that follows is searched for blocks, not only where one should begin: the damage may be in a block's length.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "base/mem.h"
#include "kora.h"
#include "store/recover_int.h"

enum { PROGRESS_BYTES = 16 << 20 };

void scan_say(const struct scan *s, int level, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (s->c->say) s->c->say(s->c->arg, level, text);
}

char *scan_path(const struct scan *s, size_t i) {
    char name[32];
    snprintf(name, sizeof name, "%016" PRIx64 ".wal", s->segments[i].first);
    return store_path(s->dir, name);
}

static void progress(struct scan *s, uint64_t bytes) {
    s->done = MIN(s->done + bytes, s->total);
    if (!s->c->progress || s->done - s->told < PROGRESS_BYTES) return;
    s->told = s->done;
    s->c->progress(s->c->arg, s->done, s->total);
}

// ---- which segments there are -----------------------------------------------------------------------------------------------------------

static bool parse_name(const char *name, uint64_t *first) {
    *first = 0;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *d = name[i] ? strchr(digits, name[i]) : NULL;
        if (!d) return false;
        *first = *first << 4 | (uint64_t)(d - digits);
    }
    return strcmp(name + 16, ".wal") == 0 && *first > 0 && *first <= ROUND_MAX;
}

static bool add_segment(void *to, const char *name) {
    struct scan *s = to;
    uint64_t first;
    if (!parse_name(name, &first)) return true;
    if (s->count == s->cap) {
        size_t cap = MAX((size_t)16, s->cap * 2);
        struct scanned *more = mem_realloc(s->segments, cap * sizeof(*more));
        s->no_memory = !more;
        if (!more) return false;
        s->segments = more;
        s->cap = cap;
    }
    s->segments[s->count++] = (struct scanned){ .first = first };
    return true;
}

static int by_round(const void *a, const void *b) {
    const struct scanned *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int find_size(struct scan *s, size_t i) {
    char *path = scan_path(s, i);
    if (!path) return store_fail_memory(s->why);
    int fd = s->os->open(s->os->arg, path, OS_READ), err = fd < 0 ? fd : s->os->size(s->os->arg, fd, &s->segments[i].size);
    if (fd >= 0) s->os->close(s->os->arg, fd);
    int status = err ? store_fail_os(s->why, path, err) : KORA_OK;
    mem_free(path);
    return status;
}

static int find_segments(struct scan *s) {
    int err = s->os->list(s->os->arg, s->dir, add_segment, s), status = KORA_OK;
    if (s->no_memory) return store_fail_memory(s->why);
    if (err && err != -ENOENT) return store_fail_os(s->why, s->dir, err);
    if (s->count) qsort(s->segments, s->count, sizeof(*s->segments), by_round);
    size_t kept = 0;
    for (size_t i = 0; i < s->count && status == KORA_OK; i++) {
        status = find_size(s, i);
        // A file of no bytes is one that was being made, or removed. They come behind the others.
        if (s->segments[i].size == 0) continue;
        struct scanned one = s->segments[i];
        s->segments[i] = s->segments[kept];
        s->segments[kept++] = one;
    }
    s->empty_end = s->count;
    s->empty_begin = s->count = kept;
    while (s->begin + 1 < s->count && s->segments[s->begin + 1].first <= s->from) s->begin++;
    for (size_t i = s->checking ? 0 : s->begin; i < s->count; i++) s->total += s->segments[i].size;
    return status;
}

// The first round that can be missing at the place that was come to.
static uint64_t next_round(const struct scan *s) { return MAX(s->last + 1, s->from); }

// ---- damage ------------------------------------------------------------------------------------------------------------------------------

// What may be wrong with a place in the log.
enum wrong {
    WRONG_TORN,    // a crash can do that
    WRONG_NEVER,   // it can't
    WRONG_UNKNOWN, // not to be touched: nobody knows what it means
};

struct wrong_place {
    enum wrong wrong;
    size_t segment;
    uint64_t at, lost; // the first round that can be missing
    const char *what;
};

static int read_failed(struct scan *s, size_t i, const struct reader *r) {
    char *path = scan_path(s, i);
    int status = path ? store_fail_os(s->why, path, r->failed) : store_fail_memory(s->why);
    mem_free(path);
    return status;
}

// The highest synced_upto in r, from r->at on.
static int search_rest(struct scan *s, size_t i, struct reader *r, uint64_t round) {
    uint64_t found;
    if (reader_search(r, round, &found) == READ_FAILED) return read_failed(s, i, r);
    if (found > round) s->synced = MAX(s->synced, found);
    return KORA_OK;
}

static int search_segment(struct scan *s, size_t i, uint64_t round) {
    struct reader r;
    char *path = scan_path(s, i);
    if (!path) return store_fail_memory(s->why);
    enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
    int status = KORA_OK;
    if (result == READ_FAILED) status = store_fail_os(s->why, path, r.failed);
    // One of another database is to be looked at by somebody, not removed.
    else if (result == READ_FOREIGN) s->synced = ROUND_MAX;
    else {
        if (result == READ_OK) s->synced = MAX(s->synced, r.synced_upto);
        status = search_rest(s, i, &r, round);
    }
    reader_close(&r);
    mem_free(path);
    return status;
}

// How much would go.
static int measure_cut(struct scan *s) {
    int status = KORA_OK;
    for (size_t i = s->damaged_segment; i < s->count && status == KORA_OK; i++) {
        struct reader r;
        uint64_t bytes = 0;
        char *path = scan_path(s, i);
        if (!path) return store_fail_memory(s->why);
        enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
        if (result != READ_FAILED) result = reader_extent(&r, i == s->damaged_segment ? s->damaged_at : 0, &bytes);
        if (result == READ_FAILED) status = store_fail_os(s->why, path, r.failed);
        s->out->cut_bytes += bytes;
        reader_close(&r);
        mem_free(path);
    }
    return status;
}

// It ends there: what is behind it goes.
static int end_at(struct scan *s, const struct wrong_place *w, const char *path) {
    s->damaged = true;
    s->damaged_segment = w->segment;
    s->damaged_at = w->at;
    int status = measure_cut(s);
    if (status != KORA_OK) return status;
    scan_say(s, KORA_LOG_WARNING, "%s: offset %" PRIu64 ": %s; %s %" PRIu64 " bytes after round %" PRIu64, path, w->at, w->what,
        s->checking ? "this is the tail of a crash:" : s->gap ? "repair drops" : "the tail of a crash is cut:", s->out->cut_bytes, s->last);
    return KORA_OK;
}

// Nothing at this place or behind it counts. `r` has the file; r->at is where to search.
static int decide(struct scan *s, struct reader *r, const struct wrong_place *w) {
    int status = w->wrong == WRONG_TORN ? search_rest(s, w->segment, r, s->last) : KORA_OK;
    for (size_t i = w->segment + 1; i < s->count && status == KORA_OK && w->wrong == WRONG_TORN; i++) status = search_segment(s, i, s->last);
    if (status != KORA_OK) return status;
    char *path = scan_path(s, w->segment);
    if (!path) return store_fail_memory(s->why);
    bool torn = w->wrong == WRONG_TORN && s->synced < w->lost;
    if (torn || (s->c->repair && w->wrong != WRONG_UNKNOWN)) {
        s->gap = !torn;
        status = end_at(s, w, path);
    } else if (s->checking) {
        s->errors++;
        s->any = false;
        scan_say(s, KORA_LOG_WARNING, "%s: offset %" PRIu64 ": %s", path, w->at, w->what);
        if (s->errors == 1) store_fail(s->why, KORA_CORRUPT, "%s: offset %" PRIu64 ": %s", path, w->at, w->what);
    } else if (w->wrong == WRONG_TORN) {
        status = store_fail(s->why, KORA_CORRUPT, "%s: offset %" PRIu64 ": %s, after round %" PRIu64 "; it was on the disk: rounds up to %" PRIu64 " had been synced",
            path, w->at, w->what, s->last, s->synced);
    } else {
        status = store_fail(s->why, w->wrong == WRONG_UNKNOWN ? KORA_UNSUPPORTED : KORA_CORRUPT, "%s: offset %" PRIu64 ": %s", path, w->at, w->what);
    }
    mem_free(path);
    return status;
}

// Does the next segment with blocks go on after s->last? Then what is wrong behind that is left over from an earlier crash, and nothing is missing: *on.
static int goes_on(struct scan *s, size_t i, bool *on) {
    int status = KORA_OK;
    *on = false;
    for (bool more = s->any; more && ++i < s->count && status == KORA_OK;) {
        struct reader r;
        struct block b;
        char *path = scan_path(s, i);
        if (!path) return store_fail_memory(s->why);
        enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
        if (result == READ_OK) result = reader_next(&r, &b);
        if (result == READ_FAILED) status = store_fail_os(s->why, path, r.failed);
        *on = result == READ_OK && b.before == s->last;
        more = result == READ_END;
        reader_close(&r);
        mem_free(path);
    }
    return status;
}

// Nothing whole is at `at`, in segment i.
static int torn_at(struct scan *s, size_t i, struct reader *r, uint64_t at) {
    bool on;
    int status = goes_on(s, i, &on);
    if (status != KORA_OK) return status;
    if (!on) return decide(s, r, &(struct wrong_place){ WRONG_TORN, i, at, next_round(s), r->damage });
    scan_say(s, KORA_LOG_NOTICE, "%016" PRIx64 ".wal: offset %" PRIu64 ": what is behind round %" PRIu64 " belongs to no round, and none is missing", s->segments[i].first, at,
        s->last);
    return KORA_OK;
}

// ---- blocks --------------------------------------------------------------------------------------------------------------------------------

static int apply_one(void *arg, const struct recovered_effect *e) {
    struct scan *s = arg;
    s->out->records++;
    return s->c->apply ? s->c->apply(s->c->arg, e) : KORA_OK;
}

// Does the block follow what was read? NULL, or why not.
static const char *chain_breaks(const struct scan *s, size_t i, const struct block *b, enum wrong *wrong) {
    *wrong = WRONG_TORN;
    if (s->any && b->before != s->last) return "a round is missing before this one";
    if (b->round >= s->segments[i].first && (i + 1 == s->count || b->round < s->segments[i + 1].first)) {
        if (s->any || b->before < s->from || s->errors > 0) return NULL;
        // The segment that has them was on the disk before anything could depend on it; its blocks may not have been.
        if (s->segments[s->begin].first > s->from) *wrong = WRONG_NEVER;
        return "the first rounds that are needed are missing";
    }
    *wrong = WRONG_NEVER;
    return "a round is not in the segment where it belongs";
}

static int take_block(struct scan *s, size_t i, struct reader *r, const struct block *b) {
    struct wrong_place w = { WRONG_TORN, i, b->at, next_round(s), NULL };
    w.what = chain_breaks(s, i, b, &w.wrong);
    if (w.what) {
        r->at = b->at;
        return decide(s, r, &w);
    }
    uint64_t count = 0;
    int stopped = KORA_OK;
    enum read_result result = reader_records(r, b, NULL, NULL, &count, &stopped);
    if (result == READ_DAMAGED) {
        w = (struct wrong_place){ WRONG_NEVER, i, r->record_at, b->round, r->damage };
        if (s->c->repair) w.at = b->at; // whole blocks only
        return decide(s, r, &w);
    }
    if (result == READ_OK && b->round >= s->from) {
        result = reader_records(r, b, apply_one, s, &count, &stopped);
        s->out->rounds++;
        s->out->bytes += b->bytes;
    }
    if (result == READ_FAILED) return read_failed(s, i, r);
    if (result != READ_OK) return store_fail(s->why, KORA_SYSTEM, "a segment has changed while it was read");
    s->synced = MAX(s->synced, b->synced_upto);
    s->last = b->round;
    s->any = s->segments[i].blocks = true;
    s->segments[i].end = r->at;
    return stopped;
}

static int take_blocks(struct scan *s, size_t i, struct reader *r) {
    uint64_t errors = s->errors;
    for (;;) {
        struct block b;
        enum read_result result = reader_next(r, &b);
        if (result == READ_FAILED) return read_failed(s, i, r);
        if (result == READ_END) return KORA_OK;
        if (result == READ_DAMAGED) return torn_at(s, i, r, r->at);
        int status = take_block(s, i, r, &b);
        if (status != KORA_OK || s->damaged || s->errors > errors) return status;
        progress(s, b.bytes);
    }
}

static int take_segment(struct scan *s, size_t i) {
    struct reader r;
    char *path = scan_path(s, i);
    if (!path) return store_fail_memory(s->why);
    enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
    uint64_t done = s->done;
    int status;
    if (result == READ_OK) {
        s->synced = MAX(s->synced, r.synced_upto);
        s->segments[i].end = SEGMENT_HEADER;
        status = take_blocks(s, i, &r);
    } else if (result == READ_FAILED) {
        status = store_fail_os(s->why, path, r.failed);
    } else if (result == READ_DAMAGED) {
        status = torn_at(s, i, &r, 0);
    } else {
        enum wrong wrong = r.newer ? WRONG_UNKNOWN : WRONG_NEVER;
        status = decide(s, &r, &(struct wrong_place){ wrong, i, 0, next_round(s), r.damage });
    }
    progress(s, done + s->segments[i].size - s->done);
    reader_close(&r);
    mem_free(path);
    return status;
}

// ---- the ends of the chain ---------------------------------------------------------------------------------------------------------------------

// For a check: segments with nothing but rounds that the snapshot has, too. No recovery reads them, and they may have lost what no policy had promised to keep; so what is
// wrong with them is worth a word, and no more.
static int look_at_older(struct scan *s) {
    int status = KORA_OK;
    for (size_t i = 0; i < s->begin && status == KORA_OK; i++) {
        struct reader r;
        struct block b;
        uint64_t count = 0;
        int stopped = KORA_OK;
        char *path = scan_path(s, i);
        if (!path) return store_fail_memory(s->why);
        enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
        while (result == READ_OK && (result = reader_next(&r, &b)) == READ_OK) result = reader_records(&r, &b, NULL, NULL, &count, &stopped);
        if (result == READ_FAILED) status = store_fail_os(s->why, path, r.failed);
        else if (result != READ_END) scan_say(s, KORA_LOG_NOTICE, "%s: offset %" PRIu64 ": %s; it is older than the snapshot, and not needed", path, r.at, r.damage);
        progress(s, s->segments[i].size);
        reader_close(&r);
        mem_free(path);
    }
    return status;
}

// The snapshot has everything that is in the log: which round was the last one is told by an older segment, if there is one.
static int find_last(struct scan *s) {
    for (size_t i = s->begin; i-- > 0 && !s->any;) {
        struct reader r;
        struct block b;
        char *path = scan_path(s, i);
        if (!path) return store_fail_memory(s->why);
        enum read_result result = reader_open(&r, s->os, path, s->c->store->manifest.id, s->segments[i].first);
        while (result == READ_OK && (result = reader_next(&r, &b)) == READ_OK) {
            s->any = true;
            s->last = b.round;
        }
        int status = result == READ_FAILED ? store_fail_os(s->why, path, r.failed) : KORA_OK;
        reader_close(&r);
        mem_free(path);
        if (status != KORA_OK) return status;
    }
    return KORA_OK;
}

// Segments behind the last block, which know of rounds that are not there any more.
static int drop_empty(struct scan *s) {
    size_t i = s->count;
    while (i > s->begin && !s->segments[i - 1].blocks) i--;
    s->synced = s->last;
    s->gap = true;
    if (i == s->count) return KORA_OK;
    char *path = scan_path(s, i);
    if (!path) return store_fail_memory(s->why);
    int status = end_at(s, &(struct wrong_place){ WRONG_TORN, i, 0, next_round(s), "it comes after rounds that are missing" }, path);
    mem_free(path);
    return status;
}

// Nothing was wrong in any file. Is something missing, all the same?
static int check_end(struct scan *s) {
    char what[120];
    if (s->damaged || s->errors > 0) return KORA_OK;
    if (s->synced >= next_round(s))
        snprintf(what, sizeof what, "the log ends with round %" PRIu64 ", and rounds up to %" PRIu64 " had been synced", s->last, s->synced);
    else if (!s->any && s->from > 1 && (s->count == 0 || s->segments[s->begin].first > s->from))
        snprintf(what, sizeof what, "the log from round %" PRIu64 " on is missing", s->from);
    else return KORA_OK;
    store_fail(s->why, KORA_CORRUPT, "%s: offset 0: %s", s->dir, what);
    scan_say(s, KORA_LOG_WARNING, "%s: offset 0: %s", s->dir, what);
    s->errors++;
    if (s->checking) return KORA_OK;
    return s->c->repair ? drop_empty(s) : KORA_CORRUPT;
}

// What the end of the log may not lose, though nothing in it says so: the staging file was told.
static int find_synced(struct scan *s) {
    uint64_t round;
    const struct staged_source from = { .os = s->os, .dir = s->staging_dir, .id = s->c->store->manifest.id };
    int status = staged_synced(&from, &round, s->why);
    s->synced = MAX(s->synced, round);
    return status;
}

// ---- staging ---------------------------------------------------------------------------------------------------------------------------------

static int apply_staged(struct scan *s, const struct staged_record *e, struct args *args) {
    const char *p = s->staged.bytes.p + e->at;
    struct recovered_effect effect = { .stripe = e->stripe, .stripes = s->staged.stripes };
    if (!record_effect(p + RECORD_HEADER, get_u32(p) - RECORD_HEADER, args, &effect)) return store_fail_memory(s->why);
    s->out->staged_records++;
    s->out->bytes += e->n;
    return apply_one(s, &effect);
}

// After a gap that repair has made nothing that is staged follows.
static void drop_staged(struct scan *s) {
    struct staged *st = &s->staged;
    if (st->kept) scan_say(s, KORA_LOG_WARNING, "%s/staging: %" PRIu64 " records follow what was dropped from the log, and are dropped, too", s->staging_dir, st->kept);
    for (size_t i = 0; i < st->count; i++) st->records[i].dropped = true;
    s->out->cut_bytes += st->bytes.n;
    st->kept = 0;
}

static int take_staged(struct scan *s) {
    struct staged *st = &s->staged;
    struct staged_source from = { .os = s->os, .dir = s->staging_dir, .id = s->c->store->manifest.id, .round = MAX(s->last, s->from - 1), .say = s->c->say, .arg = s->c->arg };
    int status = staged_read(st, &from, s->why);
    struct args args = { 0 };
    if (status == KORA_OK && s->gap) drop_staged(s);
    for (size_t i = 0; i < st->count && status == KORA_OK; i++)
        if (!st->records[i].dropped) status = apply_staged(s, &st->records[i], &args);
    args_free(&args);
    s->out->incomplete_calls = st->incomplete_calls;
    if (status == KORA_OK && st->incomplete_calls > 0)
        scan_say(s, KORA_LOG_NOTICE, "calls that were under way when the process ended, and are dropped: %" PRIu64, st->incomplete_calls);
    return status;
}

int scan_size(struct scan *s) {
    const struct store *store = s->c->store;
    s->os = store->os;
    s->from = MAX(s->c->from_round, UINT64_C(1));
    s->staging_dir = store->staging_dir ? store->staging_dir : store->dir;
    s->dir = store_path(store->dir, "log");
    int status = s->dir ? find_segments(s) : store_fail_memory(s->why);
    return status == KORA_OK ? find_synced(s) : status;
}

int scan_all(struct scan *s) {
    int status = scan_size(s);
    if (status == KORA_OK && s->checking) status = look_at_older(s);
    for (size_t i = s->begin; i < s->count && status == KORA_OK && !s->damaged; i++) status = take_segment(s, i);
    if (status == KORA_OK) status = find_last(s);
    if (status == KORA_OK) status = check_end(s);
    if (status == KORA_OK) status = take_staged(s);
    if (status == KORA_OK && s->c->progress) s->c->progress(s->c->arg, s->total, s->total);
    s->out->clean = !s->damaged && (s->staged.closed || (!s->staged.there && s->count == 0));
    s->out->last_round = s->last;
    return status;
}

void scan_free(struct scan *s) {
    mem_free(s->dir);
    mem_free(s->segments);
    staged_free(&s->staged);
}
