// Entries: what can be said of one without changing it.
#include "type/entry.h"

const char *value_type_name(enum value_type type) {
    static const char *const names[] = {
#define X(symbol, name) name,
#include "type/types.def"
#undef X
    };
    return names[type];
}

size_t entry_string_len(const struct entry *e) {
    char number[NUM_INT_MAX];
    return entry_string(e, number).n;
}

enum { EMBSTR_MAX = 44 }; // Redis's limit between "embstr" and "raw"

const char *entry_encoding(const struct entry *e) {
    if (e->form == FORM_INT) return "int";
    return e->form == FORM_BLOB || (e->flags & ENTRY_EDITED) || e->value_len > EMBSTR_MAX ? "raw" : "embstr";
}

size_t entry_memory(const struct entry *e) {
    // The directory and segments of the table cost some 12 bytes an entry at their usual load.
    size_t n = slab_round(entry_size(e)) + 12;
    return e->form == FORM_BLOB ? n + blob_size(entry_blob(e)) : n;
}
