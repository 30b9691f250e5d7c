// See loading.h.
#include "engine/loading.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/background.h"
#include "engine/durable.h"
#include "kora.h"

static void tell(struct engine *e, int status) {
    if (!e->config.loaded) return;
    engine_callback_begin();
    e->config.loaded(e->config.loaded_arg, status);
    engine_callback_end();
}

bool loading_goes_on(struct engine *e) {
    uint64_t us = atomic_load_explicit(&e->common.settings.key_load_delay_us, memory_order_relaxed);
    if (unlikely(us)) nanosleep(&(struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000) * 1000 }, NULL);
    return !e->loading || !atomic_load_explicit(&e->loading->gives_up, memory_order_relaxed);
}

static void *loading_main(void *arg) {
    struct engine *e = arg;
    struct loader *l = e->loading;
    int status = durable_recover(e);
    uint32_t state = ENGINE_LOADING;
    if (status == KORA_OK) {
        durable_setting_changed(e); // what was set meanwhile
        atomic_store(&e->host.load.running, false);
    }
    // Whoever finds it open finds all that was set before. Is it being closed, it stays so.
    bool opened = atomic_compare_exchange_strong(&e->state, &state, status == KORA_OK ? ENGINE_OPEN : ENGINE_NOT_LOADED) && status == KORA_OK;
    if (opened) background_setting_changed(e); // what has rested
    pthread_mutex_lock(&l->mutex);
    l->over = true;
    l->status = status;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    tell(e, status);
    return NULL;
}

int loading_create(struct engine *e) {
    struct loader *l = mem_alloc_zero(sizeof *l);
    pthread_condattr_t monotonic;
    if (!l) return KORA_NOMEM;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    e->loading = l;
    e->durable->error = l->error;
    e->durable->error_size = sizeof l->error;
    atomic_store(&e->host.load.since_s, clock_wall_ms() / 1000);
    atomic_store(&e->host.load.running, true);
    atomic_store(&e->state, ENGINE_LOADING);
    return KORA_OK;
}

static bool start(struct engine *e) {
    struct loader *l = e->loading;
    sigset_t all, old; // the host's signals are never delivered to a thread of ours
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(&l->thread, NULL, loading_main, e) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

void loading_stop(struct engine *e) {
    struct loader *l = e->loading;
    if (!l) return;
    pthread_mutex_lock(&l->mutex);
    atomic_store(&l->gives_up, true);
    bool started = l->started;
    pthread_mutex_unlock(&l->mutex);
    if (started) pthread_join(l->thread, NULL);
}

void loading_free(struct engine *e) {
    struct loader *l = e->loading;
    if (!l) return;
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->mutex);
    mem_free(l);
    e->loading = NULL;
}

int engine_load(struct engine *e, int64_t timeout_ms, char *error, size_t error_size) {
    struct loader *l = e->loading;
    if (error && error_size) *error = '\0';
    if (!l) return KORA_OK;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (timeout_ms > 0) {
        timeout_ms = MIN(timeout_ms, (int64_t)INT32_MAX * 1000);
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += timeout_ms % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    pthread_mutex_lock(&l->mutex);
    bool there = l->started || atomic_load(&l->gives_up) || (l->started = start(e));
    for (int late = timeout_ms == 0 || !l->started; !l->over && !late;) {
        if (timeout_ms < 0) pthread_cond_wait(&l->changed, &l->mutex);
        else late = pthread_cond_timedwait(&l->changed, &l->mutex, &until) != 0;
    }
    int status = !there ? KORA_SYSTEM : l->over ? l->status : l->started ? KORA_LOADING : KORA_CLOSED;
    if (l->over && error && error_size) snprintf(error, error_size, "%s", l->error);
    pthread_mutex_unlock(&l->mutex);
    return status;
}
