// See deal.h.
#include "engine/deal.h"

#include <signal.h>

#include "base/mem.h"
#include "kora.h"

enum { PIECE_BYTES = 128 << 10, PIECES = 4 };

struct dealt { // then its arguments as slices, and their bytes
    struct recovered_effect effect;
    size_t size; // with all of that
};

struct deal_piece {
    struct deal_piece *next;
    size_t used, size;
    _Alignas(8) char data[];
};

// ---- a worker --------------------------------------------------------------------------------------------------------------------

static void failed(struct deal *d, int status, const char *why) {
    pthread_mutex_lock(&d->mutex);
    if (atomic_load(&d->status) == KORA_OK) {
        if (d->error_size) snprintf(d->error, d->error_size, "%s", why);
        atomic_store(&d->status, status);
    }
    pthread_mutex_unlock(&d->mutex);
}

static void run_piece(struct deal_worker *w, const struct deal_piece *p) {
    struct deal *d = w->of;
    for (size_t at = 0; at < p->used && atomic_load_explicit(&d->status, memory_order_relaxed) == KORA_OK;) {
        const struct dealt *x = (const struct dealt *)(const void *)(p->data + at);
        int status = replay_effect(&w->replay, &x->effect);
        if (status != KORA_OK) failed(d, status, w->error);
        at += x->size;
    }
}

static void *worker_main(void *arg) {
    struct deal_worker *w = arg;
    struct deal *d = w->of;
    pthread_mutex_lock(&d->mutex);
    for (;;) {
        while (!w->first && !d->ends) pthread_cond_wait(&w->comes, &d->mutex);
        struct deal_piece *p = w->first;
        if (!p) break;
        w->first = p->next;
        pthread_mutex_unlock(&d->mutex);
        run_piece(w, p);
        mem_free(p);
        pthread_mutex_lock(&d->mutex);
        w->waiting--;
        pthread_cond_signal(&d->run);
    }
    pthread_mutex_unlock(&d->mutex);
    return NULL;
}

static void start(struct deal *d) {
    sigset_t all, old; // the host's signals are never delivered to a thread of ours
    uint32_t n = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (n < d->count && pthread_create(&d->workers[n].thread, NULL, worker_main, &d->workers[n]) == 0) n++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    d->started = n == d->count;
    if (d->started) return;
    // Too few: the reader runs all of it.
    pthread_mutex_lock(&d->mutex);
    d->ends = true;
    for (uint32_t i = 0; i < n; i++) pthread_cond_signal(&d->workers[i].comes);
    pthread_mutex_unlock(&d->mutex);
    for (uint32_t i = 0; i < n; i++) pthread_join(d->workers[i].thread, NULL);
}

// ---- the reader --------------------------------------------------------------------------------------------------------------------

// Its open piece is full, or the last one.
static void hand_over(struct deal *d, struct deal_worker *w) {
    struct deal_piece *p = w->open;
    w->open = NULL;
    if (!p) return;
    if (!d->started) {
        run_piece(w, p);
        mem_free(p);
        return;
    }
    pthread_mutex_lock(&d->mutex);
    while (w->waiting >= PIECES) pthread_cond_wait(&d->run, &d->mutex);
    p->next = NULL;
    if (w->first) w->last->next = p;
    else w->first = p;
    w->last = p;
    w->waiting++;
    pthread_cond_signal(&w->comes);
    pthread_mutex_unlock(&d->mutex);
}

static void run_all(struct deal *d) {
    for (uint32_t i = 0; i < d->count; i++) hand_over(d, &d->workers[i]);
    pthread_mutex_lock(&d->mutex);
    for (uint32_t i = 0; i < d->count; i++) {
        while (d->workers[i].waiting) pthread_cond_wait(&d->run, &d->mutex);
    }
    pthread_mutex_unlock(&d->mutex);
}

// Room in the worker's open piece. NULL: no memory.
static void *room(struct deal *d, struct deal_worker *w, size_t size) {
    if (w->open && w->open->size - w->open->used < size) {
        if (!d->started && !d->ends && d->count > 1) start(d);
        hand_over(d, w);
    }
    if (!w->open) {
        size_t n = MAX(size, (size_t)PIECE_BYTES);
        w->open = mem_alloc(sizeof *w->open + n);
        if (!w->open) return NULL;
        w->open->used = 0;
        w->open->size = n;
    }
    void *at = w->open->data + w->open->used;
    w->open->used += size;
    return at;
}

int deal_effect(struct deal *d, const struct recovered_effect *r) {
    int status = atomic_load_explicit(&d->status, memory_order_relaxed);
    if (status != KORA_OK) return status;
    if (r->stripes != d->stripes) {
        if (d->stripes) run_all(d);
        d->stripes = r->stripes;
    }
    struct deal_worker *w = &d->workers[r->stripe % d->count];
    size_t head = sizeof(struct dealt) + (size_t)r->argc * sizeof(struct slice), size = head;
    for (int i = 0; i < r->argc; i++) size += r->argv[i].n;
    size = ALIGN_UP(size, sizeof(void *));
    struct dealt *x = room(d, w, size);
    if (!x) {
        failed(d, KORA_NOMEM, "out of memory");
        return KORA_NOMEM;
    }
    struct slice *argv = (struct slice *)(void *)(x + 1);
    char *p = (char *)x + head;
    x->effect = *r;
    x->effect.argv = argv;
    x->size = size;
    for (int i = 0; i < r->argc; i++) {
        if (r->argv[i].n) memcpy(p, r->argv[i].p, r->argv[i].n);
        argv[i] = slice_of(p, r->argv[i].n);
        p += r->argv[i].n;
    }
    return KORA_OK;
}

void deal_begin(struct deal *d, struct engine *e, char *error, size_t error_size) {
    *d = (struct deal){ .engine = e, .error = error, .error_size = error_size };
    d->count = MIN(MAX(e->shard_count, 1u), (uint32_t)DEAL_WORKERS);
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->run, NULL);
    for (uint32_t i = 0; i < d->count; i++) {
        struct deal_worker *w = &d->workers[i];
        w->of = d;
        pthread_cond_init(&w->comes, NULL);
        replay_begin(&w->replay, e, w->error, sizeof w->error);
    }
}

int deal_finish(struct deal *d) {
    run_all(d);
    return atomic_load(&d->status);
}

void deal_end(struct deal *d) {
    run_all(d);
    pthread_mutex_lock(&d->mutex);
    bool started = d->started;
    d->ends = true;
    for (uint32_t i = 0; i < d->count; i++) pthread_cond_signal(&d->workers[i].comes);
    pthread_mutex_unlock(&d->mutex);
    for (uint32_t i = 0; i < d->count; i++) {
        struct deal_worker *w = &d->workers[i];
        if (started) pthread_join(w->thread, NULL);
        replay_end(&w->replay);
        pthread_cond_destroy(&w->comes);
    }
    pthread_cond_destroy(&d->run);
    pthread_mutex_destroy(&d->mutex);
}
