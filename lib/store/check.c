// store_check: looks at every byte of a database's log that somebody relies on, and changes none.
#include <inttypes.h>

#include "kora.h"
#include "store/recover_int.h"

int store_check(const struct check_config *c, struct checked *out, char *error, size_t error_size) {
    struct reason why = { error, error_size };
    if (error_size) *error = 0;
    struct recover_config config = { .store = c->store, .from_round = c->store->manifest.first_round, .apply = c->visit, .progress = c->progress, .say = c->say, .arg = c->arg };
    struct recovered found = { 0 };
    struct scan s = { .c = &config, .out = &found, .why = why, .checking = true };
    int status = scan_all(&s);
    *out = (struct checked){ 0 };
    out->segments = s.count;
    out->segment_bytes = s.total;
    out->rounds = found.rounds;
    out->records = found.records;
    out->staged_records = found.staged_records;
    out->last_round = found.last_round;
    out->torn_bytes = found.cut_bytes;
    out->incomplete_calls = found.incomplete_calls;
    out->clean = found.clean;
    out->errors = s.errors + s.staged.problems;
    if (status == KORA_OK && s.errors > 0) status = KORA_CORRUPT;
    else if (status == KORA_OK && s.staged.problems > 0) status = store_fail(why, KORA_CORRUPT, "%s/staging: what is staged is damaged", s.staging_dir);
    scan_free(&s);
    return status;
}
