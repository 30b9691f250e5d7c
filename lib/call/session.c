// Sessions.
#include "base/mem.h"
#include "call/multi.h"

void session_init(struct session *s, uint64_t id) { *s = (struct session){ .id = id, .version = 2 }; }

void session_free(struct session *s) {
    multi_drop(s);
    mem_free(s->name);
    mem_free(s->lib_name);
    mem_free(s->lib_version);
    s->name = s->lib_name = s->lib_version = NULL;
}
