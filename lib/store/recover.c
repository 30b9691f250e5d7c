// log_recover: scan.c reads all there is and applies it, settle.c makes the disk agree.
#include "kora.h"
#include "store/recover_int.h"

int log_recover(const struct recover_config *c, struct recovered *out, char *error, size_t error_size) {
    struct scan s = { .c = c, .out = out, .why = { error, error_size } };
    if (error_size) *error = 0;
    *out = (struct recovered){ 0 };
    int status = scan_all(&s);
    if (status == KORA_OK) status = settle(&s);
    scan_free(&s);
    return status;
}
