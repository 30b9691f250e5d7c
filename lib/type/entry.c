// What can be said of any entry without changing it.
#include "type/entry.h"

#include "type/value.h"

#define X(symbol, name) extern const struct value_kind value_kind_##name;
#include "type/types.def"
#undef X
const struct value_kind *const value_kinds[TYPE_COUNT] = {
#define X(symbol, name) &value_kind_##name,
#include "type/types.def"
#undef X
};

const char *value_type_name(enum value_type type) { return value_kinds[type]->name; }

const char *entry_encoding(const struct entry *e) {
    struct value v;
    value_view(&v, e);
    v.e = (struct entry *)(uintptr_t)e; // strings are told apart by more than their bytes
    return value_kind(&v)->encoding(&v);
}

size_t entry_memory(const struct entry *e) {
    // The directory and segments of the table cost some 12 bytes an entry at their usual load.
    size_t n = slab_round(entry_size(e)) + 12;
    if (e->form == FORM_BLOB) n += blob_size(entry_blob(e));
    if (e->form == FORM_ROOT) n += value_kinds[e->type]->memory(entry_root(e));
    return n;
}
