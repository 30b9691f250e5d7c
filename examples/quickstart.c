// A database in memory: strings, counters, expiry, and any command of Redis. Without a server, without a socket.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kora.h"

// Every function says what went wrong by its return value; nothing is printed, nothing ends the program.
static int check(int status, const char *what) {
    if (status != KORA_OK) fprintf(stderr, "%s: %s\n", what, kora_status_text(status));
    return status;
}

int main(void) {
    kora *db;
    if (check(kora_open(NULL, NULL, &db), "open") != KORA_OK) return 1;

    // A value is bytes with a length. What kora_get returns is yours, until kora_free.
    check(kora_set(db, "greeting", 8, "hello", 5, NULL), "set");
    void *value;
    size_t len;
    if (check(kora_get(db, "greeting", 8, &value, &len), "get") == KORA_OK) {
        printf("greeting: %.*s\n", (int)len, (const char *)value);
        kora_free(value);
    }

    // Into a buffer of your own: no allocation.
    char buffer[64];
    if (kora_get_into(db, "greeting", 8, buffer, sizeof buffer, &len) == KORA_OK) printf("again: %zu bytes\n", len);

    // Options of SET: here a time to live, and "only if it does not exist".
    kora_set_options options = KORA_SET_OPTIONS_INIT;
    options.flags = KORA_NX;
    options.ttl_ms = 60000;
    if (kora_set(db, "greeting", 8, "good-bye", 8, &options) == KORA_NOTSET) puts("greeting was there already");

    int64_t visits = 0, ttl_ms = 0;
    check(kora_incr(db, "visits", 6, 41, NULL), "incr");
    check(kora_incr(db, "visits", 6, 1, &visits), "incr");
    check(kora_expire(db, "visits", 6, 60000, 0), "expire");
    check(kora_ttl(db, "visits", 6, &ttl_ms), "ttl");
    printf("visits: %" PRId64 ", for %s\n", visits, ttl_ms > 0 && ttl_ms <= 60000 ? "a minute" : "how long?");

    // Any command, as a client would send it. The reply is a tree in one allocation.
    const char *mget[] = { "MGET", "greeting", "nothing", "visits" };
    kora_reply *reply;
    if (check(kora_exec(db, NULL, 4, mget, NULL, &reply), "MGET") == KORA_OK) {
        for (size_t i = 0; i < reply->count; i++) {
            const kora_reply *e = &reply->elements[i];
            printf("%zu) %s\n", i + 1, e->type == KORA_REPLY_STRING ? e->str : "(nothing)");
        }
        kora_reply_free(reply);
    }
    return check(kora_close(db), "close") == KORA_OK ? 0 : 1;
}
