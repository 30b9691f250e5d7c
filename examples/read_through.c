// A read-through cache: what is not in it is fetched from a slow source and kept for a while. Of many threads that miss the same
// key at once, one fetches; the others wait for its answer.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kora.h"

enum { THREADS = 4, ROUNDS = 200, USERS = 10, VALUE_MAX = 64, FRESH_MS = 2000, FETCH_MAX_MS = 1000 };

static void sleep_ms(long ms) { nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL); }

struct cache {
    kora *db;
    atomic_int fetches;
};

// The slow source: a database elsewhere, an HTTP call ...
static size_t fetch_user(struct cache *c, int user, char *value) {
    atomic_fetch_add(&c->fetches, 1);
    sleep_ms(5);
    return (size_t)snprintf(value, VALUE_MAX, "{\"user\":%d}", user);
}

// Fills in `value`, and *len. A fetcher that dies keeps the others waiting for FETCH_MAX_MS at most: its claim expires.
static int get_user(struct cache *c, int user, char *value, size_t *len) {
    char key[32], claim[32];
    size_t key_len = (size_t)snprintf(key, sizeof key, "user:%d", user);
    size_t claim_len = (size_t)snprintf(claim, sizeof claim, "claim:%d", user);
    for (;;) {
        int status = kora_get_into(c->db, key, key_len, value, VALUE_MAX, len);
        if (status != KORA_NOTFOUND) return status;

        kora_set_options only_one = KORA_SET_OPTIONS_INIT;
        only_one.flags = KORA_NX;
        only_one.ttl_ms = FETCH_MAX_MS;
        status = kora_set(c->db, claim, claim_len, "", 0, &only_one);
        if (status == KORA_NOTSET) { // somebody else is fetching it
            sleep_ms(1);
            continue;
        }
        if (status != KORA_OK) return status;

        // Between the miss and the claim another may have come and gone: without this look it would be fetched twice.
        status = kora_get_into(c->db, key, key_len, value, VALUE_MAX, len);
        if (status == KORA_NOTFOUND) {
            kora_set_options fresh = KORA_SET_OPTIONS_INIT;
            fresh.ttl_ms = FRESH_MS;
            *len = fetch_user(c, user, value);
            status = kora_set(c->db, key, key_len, value, *len, &fresh);
        }
        kora_del(c->db, claim, claim_len);
        return status;
    }
}

static void *reader(void *arg) {
    struct cache *c = arg;
    char value[VALUE_MAX], wanted[VALUE_MAX];
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 0;
        int status = get_user(c, i % USERS, value, &len);
        int n = snprintf(wanted, sizeof wanted, "{\"user\":%d}", i % USERS);
        if (status != KORA_OK || len != (size_t)n || memcmp(value, wanted, len) != 0) {
            fprintf(stderr, "user %d: %s\n", i % USERS, kora_status_text(status));
            return NULL;
        }
    }
    return arg;
}

int main(void) {
    struct cache c = { .fetches = 0 };
    if (kora_open(NULL, NULL, &c.db) != KORA_OK) return 1;
    pthread_t threads[THREADS];
    int good = 0;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, reader, &c) != 0) return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        good += result != NULL;
    }
    printf("%d reads by %d threads, fetched %s\n", THREADS * ROUNDS, good,
        atomic_load(&c.fetches) < 2 * USERS ? "about once each" : "too often");
    return kora_close(c.db) == KORA_OK && good == THREADS ? 0 : 1;
}
