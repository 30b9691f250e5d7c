// Loading in the background: a database whose directory is read back while its shards already serve.
//
// It begins with the first engine_load: settings can be made before. A thread of its own does what engine_open does otherwise (durable_recover), key by key under the leases, as any other caller. e->state keeps commands and calls away from
// data that is not all there: api/ answers KORA_LOADING, net/ -LOADING, to all but those that say nothing of it (CMD_LOADING). Expiry and eviction rest (background.c).
#ifndef KORA_ENGINE_LOADING_H
#define KORA_ENGINE_LOADING_H

#include "engine/engine.h"

enum { LOADING_ERROR_MAX = 512 };

struct loader {
    pthread_t thread;
    _Atomic bool gives_up;         // the database is being closed
    pthread_mutex_t mutex;         // of what follows
    pthread_cond_t changed;
    bool started;
    bool over;
    int status;                    // what it has come to
    char error[LOADING_ERROR_MAX]; // the loading thread's until it is over
};

// Before the shards are made, after durable_open: from here on the engine's state is ENGINE_LOADING. KORA_OK, KORA_NOMEM.
int loading_create(struct engine *e);
void loading_stop(struct engine *e); // the state is ENGINE_CLOSING: has it give up, and waits for its end
void loading_free(struct engine *e);
bool loading_goes_on(struct engine *e); // asked before each key or record. False: it gives up; of any loading

#endif
