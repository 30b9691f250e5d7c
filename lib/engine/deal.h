// Replaying a log on several threads.
//
// Who reads the log deals each effect to the worker of its stripe. Effects come in order for each stripe and in none between stripes (replay.h), so that is all the order there
// has to be. Whole calls are the reader's concern: what it deals counts.
//
// An effect is copied into a piece of memory, and a piece goes to its worker when it is full; PIECES of them wait at most, then the reader does. The threads are started by the
// first piece that is full: a short log is run by its reader. When the log goes on by another number of stripes, all that was dealt is run first.
#ifndef KORA_ENGINE_DEAL_H
#define KORA_ENGINE_DEAL_H

#include "engine/replay.h"

enum { DEAL_WORKERS = 16, DEAL_ERROR_MAX = 256 };

struct deal_piece;
struct deal;

struct deal_worker {
    struct deal *of;
    struct replay replay;
    struct deal_piece *open;               // the reader fills it
    struct deal_piece *first, *last;       // to be run, under deal.mutex
    uint32_t waiting;                      // of these, and the one that is run
    pthread_t thread;
    pthread_cond_t comes;                  // a piece, or the end
    char error[DEAL_ERROR_MAX];
};

struct deal {
    struct engine *engine;
    uint32_t count;                        // workers
    uint32_t stripes;                      // of the effects now; 0: there was none
    bool started, ends;
    pthread_mutex_t mutex;
    pthread_cond_t run;                    // a worker has run a piece
    _Atomic int status;                    // the first thing that went wrong
    char *error;                           // gets its reason
    size_t error_size;
    struct deal_worker workers[DEAL_WORKERS];
};

void deal_begin(struct deal *d, struct engine *e, char *error, size_t error_size);
int deal_effect(struct deal *d, const struct recovered_effect *r); // KORA_OK, or what this one or an earlier one has come to
int deal_finish(struct deal *d);                                   // until all have been run: likewise
void deal_end(struct deal *d);

#endif
