// Glob patterns, exactly as Redis's KEYS matches them: * ? [abc] [a-z] [^a] and \ escapes; linear in practice, no recursion on input depth.
#ifndef KORA_BASE_GLOB_H
#define KORA_BASE_GLOB_H

#include "base/base.h"

bool glob_match(struct slice pattern, struct slice text, bool ignore_case);
// True if the pattern contains none of * ? [ \ and so matches only itself.
bool glob_is_literal(struct slice pattern);

#endif
