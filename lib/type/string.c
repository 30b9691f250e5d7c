// Strings: the type whose values an entry itself describes (entry.h).
#include "type/value.h"

size_t entry_string_len(const struct entry *e) {
    char number[NUM_INT_MAX];
    return entry_string(e, number).n;
}

enum { EMBSTR_MAX = 44 }; // Redis's limit between "embstr" and "raw"

static const char *encoding(const struct value *v) {
    const struct entry *e = v->e;
    if (e->form == FORM_INT) return "int";
    return e->form == FORM_BLOB || (e->flags & ENTRY_EDITED) || e->value_len > EMBSTR_MAX ? "raw" : "embstr";
}

const struct value_kind value_kind_string = { .name = "string", .encoding = encoding };
