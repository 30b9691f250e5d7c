// The slow log: a ring of entries, newest by number.
//
// An entry is made before it is put in, and belongs to whoever has taken it out of its place by an atomic exchange: who writes never waits. A reader takes an
// entry out, copies it, and puts it back unless a newer one is there by then; readers wait for each other (guard.h), so none misses what another is copying.
#include <stdio.h>

#include "base/mem.h"
#include "stat/log_int.h"

enum { SLOW_MAX = 4096, SLOW_ARGS = 32, SLOW_ARG_BYTES = 128, SLOW_TEXT = 48 };

struct slow_log {
    _Atomic uint64_t next;    // id of the next entry
    _Atomic uint64_t first;   // older ones are dropped
    struct guard readers;
    _Atomic(struct stat_slow *) entry[SLOW_MAX]; // by id; NULL: none, or somebody has it
};

struct slow_log *slow_create(void) { return mem_alloc_zero(sizeof(struct slow_log)); }

void slow_destroy(struct slow_log *l) {
    if (!l) return;
    for (uint32_t i = 0; i < SLOW_MAX; i++) stat_slow_free(atomic_load(&l->entry[i]));
    mem_free(l);
}

void stat_slow_free(struct stat_slow *e) { mem_free(e); }

// ---- making one --------------------------------------------------------------------------------------------------------------------

// An argument as it is shown: its own bytes, or, in `text`, as much of it as there is room for, and what is missing.
static struct slice shown_arg(const struct slice *argv, int argc, int i, uint32_t hidden, char text[SLOW_ARG_BYTES + SLOW_TEXT]) {
    size_t n = 0;
    if (argc > SLOW_ARGS && i == SLOW_ARGS - 1) {
        n = (size_t)snprintf(text, SLOW_TEXT, "... (%d more arguments)", argc - SLOW_ARGS + 1);
    } else if (i < 32 && (hidden >> i & 1)) {
        return SLICE("(redacted)");
    } else if (argv[i].n <= SLOW_ARG_BYTES) {
        return argv[i];
    } else {
        memcpy(text, argv[i].p, SLOW_ARG_BYTES);
        n = SLOW_ARG_BYTES + (size_t)snprintf(text + SLOW_ARG_BYTES, SLOW_TEXT, "... (%zu more bytes)", argv[i].n - SLOW_ARG_BYTES);
    }
    return slice_of(text, n);
}

static struct slice put(char **to, struct slice s) {
    char *at = *to;
    if (s.n) memcpy(at, s.p, s.n);
    *to += s.n;
    return slice_of(at, s.n);
}

// One allocation with all of it.
static struct stat_slow *make(uint32_t argc, const struct slice *argv, struct slice client, struct slice name) {
    size_t bytes = client.n + name.n;
    for (uint32_t i = 0; i < argc; i++) bytes += argv[i].n;
    struct stat_slow *e = mem_alloc(sizeof *e + argc * sizeof *e->argv + bytes);
    if (!e) return NULL;
    *e = (struct stat_slow){ .argc = argc, .argv = (struct slice *)(void *)(e + 1) };
    char *to = (char *)(e->argv + argc);
    for (uint32_t i = 0; i < argc; i++) e->argv[i] = put(&to, argv[i]);
    e->client = put(&to, client);
    e->name = put(&to, name);
    return e;
}

// ---- the ring ------------------------------------------------------------------------------------------------------------------------

static _Atomic(struct stat_slow *) *place(struct slow_log *l, uint64_t id) { return &l->entry[id % SLOW_MAX]; }

// What is at this place goes, unless it is newer.
static void drop(struct slow_log *l, uint64_t id) {
    struct stat_slow *e = atomic_exchange(place(l, id), NULL), *none = NULL;
    if (!e || (e->id > id && atomic_compare_exchange_strong(place(l, id), &none, e))) return; // once it is there again, it is not ours to look at
    stat_slow_free(e);
}

// Entries before `first` go.
static void drop_before(struct slow_log *l, uint64_t first) {
    uint64_t at = atomic_load(&l->first);
    while (at < first) {
        if (!atomic_compare_exchange_weak(&l->first, &at, at + 1)) continue;
        drop(l, at++);
    }
}

void stat_slow_add(struct stats *s, int argc, const struct slice *argv, uint32_t hidden, int64_t at_s, uint64_t usec, struct slice client, struct slice name,
    uint64_t max_len) {
    struct slow_log *l = s->slow;
    char text[SLOW_ARGS][SLOW_ARG_BYTES + SLOW_TEXT];
    struct slice shown[SLOW_ARGS];
    int n = MIN(argc, SLOW_ARGS);
    for (int i = 0; i < n; i++) shown[i] = shown_arg(argv, argc, i, hidden, text[i]);
    struct stat_slow *e = make((uint32_t)n, shown, client, name);
    if (!e) return; // without memory there is no entry
    e->at_s = at_s;
    e->usec = usec;
    uint64_t id = e->id = atomic_fetch_add(&l->next, 1);
    max_len = MIN(max_len, (uint64_t)SLOW_MAX);
    stat_slow_free(atomic_exchange(place(l, id), e));
    if (id + 1 > max_len) drop_before(l, id + 1 - max_len);
}

// ---- reading -----------------------------------------------------------------------------------------------------------------------------

static struct stat_slow *copy(const struct stat_slow *e) {
    struct stat_slow *c = make(e->argc, e->argv, e->client, e->name);
    if (!c) return NULL;
    c->id = e->id;
    c->at_s = e->at_s;
    c->usec = e->usec;
    return c;
}

static struct stat_slow *read_entry(struct slow_log *l, uint64_t id) {
    struct stat_slow *e = atomic_exchange(place(l, id), NULL), *c = NULL, *none = NULL;
    if (!e) return NULL;
    if (e->id == id) c = copy(e);
    if (!atomic_compare_exchange_strong(place(l, id), &none, e)) stat_slow_free(e);
    else if (id < atomic_load(&l->first)) drop(l, id); // while it was out
    return c;
}

size_t stats_slow(struct stats *s, struct stat_slow **out, size_t max) {
    struct slow_log *l = s->slow;
    size_t n = 0;
    guard_take(&l->readers);
    uint64_t first = atomic_load(&l->first);
    for (uint64_t id = atomic_load(&l->next); id > first && n < max; id--) {
        struct stat_slow *e = read_entry(l, id - 1);
        if (e) out[n++] = e;
    }
    guard_give(&l->readers);
    return n;
}

size_t stats_slow_count(struct stats *s) {
    uint64_t first = atomic_load(&s->slow->first), next = atomic_load(&s->slow->next);
    return next > first ? (size_t)(next - first) : 0;
}

void stats_slow_reset(struct stats *s) {
    guard_take(&s->slow->readers);
    drop_before(s->slow, atomic_load(&s->slow->next));
    guard_give(&s->slow->readers);
}
