// Runs effects again that an earlier run has recorded: by the handlers of their commands, with TXN_REPLAY, under the leases of their stripes.
//
// They come in order for each stripe of that run, in no order between stripes. Each is about keys of one stripe, but for those of commands about a whole
// database (FLUSHDB, SWAPDB), of which each stripe has recorded its part.
#ifndef KORA_ENGINE_REPLAY_H
#define KORA_ENGINE_REPLAY_H

#include "engine/engine.h"
#include "store/recover.h"

struct replay {
    struct engine *engine; // it has the hash seed of that run, and as many databases and stripes, or more
    struct session session;
    struct buf reply;
    char *error;           // gets the reason of what fails
    size_t error_size;
};

void replay_begin(struct replay *p, struct engine *e, char *error, size_t error_size);
int replay_effect(struct replay *p, const struct recovered_effect *r); // KORA_OK, KORA_NOMEM, KORA_CORRUPT, KORA_CLOSED
void replay_end(struct replay *p);

#endif
