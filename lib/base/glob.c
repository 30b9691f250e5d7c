// Glob patterns.
//
// A pattern is a row of elements, each of which takes exactly one byte of the text, with stars between them. So when the
// text stops matching behind a star it is enough to let that star, the last one met, take one byte more: an earlier star
// could only bring the search back to a place that the last one reaches anyway. One place to go back to, no recursion,
// and at most (pattern x text) steps whatever the pattern.
//
// Redis's own ways are kept: a class that is not closed ends with the pattern, a backslash at the end means itself, in a
// class "a-]" is a range, ranges may be given backwards and compare bytes as signed, an escape in a class heeds the case.
// And an empty text is matched by "*" and by the empty pattern, but by no other row of stars.
#include "base/glob.h"

static inline int lower(int c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

static inline bool same(char a, char b, bool ignore_case) { return a == b || (ignore_case && lower(a) == lower(b)); }

static bool in_range(char from, char to, char c, bool ignore_case) {
    int low = MIN(from, to), high = MAX(from, to), at = c;
    if (ignore_case) {
        low = lower(low);
        high = lower(high);
        at = lower(at);
    }
    return at >= low && at <= high;
}

// Matches `c` against the class whose text starts at p, behind its bracket; *next is what follows the class.
static bool match_class(const char *p, const char *end, char c, bool ignore_case, const char **next) {
    bool negated = p < end && *p == '^', found = false;
    if (negated) p++;
    while (p < end && *p != ']') {
        if (*p == '\\' && end - p >= 2) {
            found |= p[1] == c;
            p += 2;
        } else if (end - p >= 3 && p[1] == '-') {
            found |= in_range(p[0], p[2], c, ignore_case);
            p += 3;
        } else {
            found |= same(*p, c, ignore_case);
            p++;
        }
    }
    *next = p < end ? p + 1 : end;
    return found != negated;
}

// Matches `c` against the element at p (not a star); *next is what follows the element.
static bool match_one(const char *p, const char *end, char c, bool ignore_case, const char **next) {
    if (*p == '[') return match_class(p + 1, end, c, ignore_case, next);
    if (*p == '\\' && end - p >= 2) p++;
    else if (*p == '?') c = *p;
    *next = p + 1;
    return same(*p, c, ignore_case);
}

bool glob_match(struct slice pattern, struct slice text, bool ignore_case) {
    if (pattern.n == 0 || text.n == 0) return text.n == 0 && (pattern.n == 0 || (pattern.n == 1 && *pattern.p == '*'));
    const char *p = pattern.p, *p_end = p + pattern.n, *t = text.p, *t_end = t + text.n;
    const char *star_p = NULL, *star_t = NULL; // behind the last star, and where the text went on then
    while (t < t_end) {
        const char *next;
        if (p < p_end && *p == '*') {
            while (p < p_end && *p == '*') p++;
            if (p == p_end) return true;
            star_p = p;
            star_t = t;
        } else if (p < p_end && match_one(p, p_end, *t, ignore_case, &next)) {
            p = next;
            t++;
        } else if (star_p) {
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*') p++;
    return p == p_end;
}

bool glob_is_literal(struct slice pattern) {
    for (size_t i = 0; i < pattern.n; i++) {
        if (memchr("*?[\\", pattern.p[i], 4)) return false;
    }
    return true;
}
