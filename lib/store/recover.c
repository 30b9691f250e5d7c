// log_recover: scan.c reads all there is and applies it, settle.c makes the disk agree.
#include "kora.h"
#include "store/recover_int.h"

int log_recover(const struct recover_config *c, struct recovered *out, char *error, size_t error_size) {
    struct scan s = { .c = c, .out = out, .why = { error, error_size } };
    if (error_size) *error = 0;
    *out = (struct recovered){ 0 };
    int status = scan_all(&s);
    if (status == KORA_OK && c->applied) status = c->applied(c->arg);
    if (status == KORA_OK) status = settle(&s);
    scan_free(&s);
    return status;
}

uint64_t log_recover_bytes(const struct store *store, uint64_t from_round) {
    const struct recover_config c = { .store = store, .from_round = from_round };
    struct recovered out = { 0 };
    struct scan s = { .c = &c, .out = &out };
    uint64_t bytes = scan_size(&s) == KORA_OK ? s.total : 0;
    scan_free(&s);
    return bytes;
}
