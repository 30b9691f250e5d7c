// xoshiro256** and the system's entropy.
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static inline uint64_t rotate(uint64_t x, unsigned by) { return x << by | x >> (64 - by); }

void random_seed(struct random *r, uint64_t seed) {
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t random_next(struct random *r) {
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

// The high word of a 128-bit product is a number below n; the few products whose low word would favour some results are
// drawn again (Lemire, "Fast random integer generation in an interval", 2019). Nearly always no division.
uint64_t random_below(struct random *r, uint64_t n) {
    __extension__ typedef unsigned __int128 wide;
    invariant(n > 0);
    wide product = (wide)random_next(r) * n;
    if (unlikely((uint64_t)product < n)) {
        uint64_t biased = (0 - n) % n;
        while ((uint64_t)product < biased) product = (wide)random_next(r) * n;
    }
    return (uint64_t)(product >> 64);
}

bool random_entropy(void *p, size_t n) {
    for (char *to = p; n > 0;) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}
