// Status codes in words, from the one list in kora.h.
#include "kora.h"

KORA_API const char *kora_status_text(int status) {
    switch (status) {
#define X(name, number, text) \
    case number: return text;
        KORA_STATUS_MAP(X)
#undef X
    default: return "unknown status";
    }
}

KORA_API const char *kora_status_name(int status) {
    switch (status) {
#define X(name, number, text) \
    case number: return "KORA_" #name;
        KORA_STATUS_MAP(X)
#undef X
    default: return "unknown status";
    }
}
