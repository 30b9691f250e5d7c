// The few words of base.h that are not inline.
#include "base/base.h"

void invariant_failed(const char *what, const char *file, int line) {
    // The one place that may write to stderr: the next thing that happens is abort().
    fprintf(stderr, "kora: invariant broken: %s (%s:%d)\n", what, file, line);
    abort();
}

bool slice_is_word(struct slice s, const char *word) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + ('a' - 'A'));
        if (word[i] == '\0' || c != (unsigned char)word[i]) return false;
    }
    return word[s.n] == '\0';
}
