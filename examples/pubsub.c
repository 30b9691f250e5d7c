// Publish and subscribe inside one program: a thread publishes prices; one subscription, of a pattern, is polled for beside whatever else
// the program waits for, another has a callback on the engine's threads, and a third hears of a key that expires. Clients of a listener
// (embed_server.c) could publish and subscribe to the same channels.
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kora.h"

enum { GOODS = 3, ROUNDS = 4 };
static const char *const goods[GOODS] = { "copper", "gold", "silver" };
static const char CLOSED[] = "closed"; // the last message of a channel

static int is_closed(const kora_message *m) { return m->data.len == strlen(CLOSED) && memcmp(m->data.data, CLOSED, m->data.len) == 0; }

static int number(const kora_message *m) { // a message has no zero at its end
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)m->data.len, (const char *)m->data.data);
    return atoi(text);
}

static void *market(void *arg) {
    kora *db = arg;
    char channel[32], text[16];
    for (int round = 0; round <= ROUNDS; round++) {
        for (int i = 0; i < GOODS; i++) {
            uint64_t receivers;
            snprintf(channel, sizeof channel, "prices:%s", goods[i]);
            snprintf(text, sizeof text, "%d", 100 * (i + 1) + (7 * round) % 10);
            const char *data = round < ROUNDS ? text : CLOSED;
            int status = kora_publish(db, channel, strlen(channel), data, strlen(data), &receivers);
            if (status != KORA_OK) fprintf(stderr, "%s: %s\n", channel, kora_status_text(status));
        }
    }
    return NULL;
}

// ---- a callback: messages come on a thread of the engine, one at a time, in order ---------------------------------------------

struct highest {
    int price, count, lost;
    sem_t closed; // posted by its last call: who has waited for it may read the others
};

static void gold(void *arg, int status, const kora_message *m) {
    struct highest *h = arg;
    if (status != KORA_OK || is_closed(m)) { // KORA_TOOBIG: it was too slow for its queue, and has lost the rest
        h->lost = status != KORA_OK;
        sem_post(&h->closed);
        return;
    }
    h->count++;
    if (number(m) > h->price) h->price = number(m);
}

// ---- polling: messages are taken when the program has time for them -----------------------------------------------------------

static int prices(kora_subscription *s, int *closed) {
    kora_message m;
    int status, count = 0;
    while ((status = kora_subscription_next(s, &m)) == KORA_OK) {
        if (is_closed(&m)) {
            ++*closed;
            continue;
        }
        printf("%.*s costs %d\n", (int)m.channel.len, (const char *)m.channel.data, number(&m));
        count++;
    }
    if (status != KORA_NOTFOUND) fprintf(stderr, "prices: %s\n", kora_status_text(status)); // NOTFOUND: no more for now
    return status == KORA_NOTFOUND ? count : -1;
}

// The channel is of the key, the message says what has happened to it.
static int expired(kora_subscription *s) {
    kora_message m;
    int is_over = 0;
    while (kora_subscription_next(s, &m) == KORA_OK) {
        printf("%.*s: %.*s\n", (int)m.channel.len, (const char *)m.channel.data, (int)m.data.len, (const char *)m.data.data);
        if (m.data.len == 7 && memcmp(m.data.data, "expired", 7) == 0) is_over = 1;
    }
    return is_over;
}

static int wait_for_all(kora_subscription *by_pattern, kora_subscription *keys) {
    struct pollfd fds[] = { { kora_subscription_fd(by_pattern), POLLIN, 0 }, { kora_subscription_fd(keys), POLLIN, 0 } };
    int count = 0, closed = 0, over = 0;
    while (closed < GOODS || !over) {
        if (poll(fds, 2, 10000) <= 0) return -1;
        if (fds[0].revents) {
            int n = prices(by_pattern, &closed);
            if (n < 0) return -1;
            count += n;
        }
        if (fds[1].revents && expired(keys)) over = 1;
    }
    return count;
}

int main(void) {
    static const kora_bytes pattern = { "prices:*", 8 }, channel = { "prices:gold", 11 }, session = { "__keyspace@0__:session", 22 };
    struct highest highest = { 0 };
    kora_subscribe_options with_callback = KORA_SUBSCRIBE_OPTIONS_INIT;
    kora_subscription *by_pattern, *of_gold, *of_session;
    kora_set_options briefly = KORA_SET_OPTIONS_INIT;
    pthread_t publisher;
    kora *db;
    sem_init(&highest.closed, 0, 0);
    with_callback.fn = gold;
    with_callback.arg = &highest;
    briefly.ttl_ms = 100;

    if (kora_open(NULL, NULL, &db) != KORA_OK) return 1;
    // K: by the name of the key; $: commands of strings; x: what expires. Without it nobody is told of keys.
    if (kora_config_set(db, "notify-keyspace-events", "K$x", NULL, 0) != KORA_OK) return 1;
    // Who has subscribed misses nothing that is published from then on: so first this, then the thread.
    if (kora_subscribe(db, NULL, 0, &pattern, 1, NULL, &by_pattern) != KORA_OK) return 1;
    if (kora_subscribe(db, &channel, 1, NULL, 0, &with_callback, &of_gold) != KORA_OK) return 1;
    if (kora_subscribe(db, &session, 1, NULL, 0, NULL, &of_session) != KORA_OK) return 1;
    if (kora_set(db, "session", 7, "open", 4, &briefly) != KORA_OK) return 1;
    if (pthread_create(&publisher, NULL, market, db) != 0) return 1;

    int count = wait_for_all(by_pattern, of_session);
    if (count >= 0) sem_wait(&highest.closed);
    pthread_join(publisher, NULL);
    printf("%d prices by pattern; %d of gold by callback, the highest %d\n", count, highest.count, highest.price);

    kora_unsubscribe(by_pattern);
    kora_unsubscribe(of_gold);
    kora_unsubscribe(of_session);
    sem_destroy(&highest.closed);
    int ok = count == GOODS * ROUNDS && highest.count == ROUNDS && !highest.lost;
    return kora_close(db) == KORA_OK && ok ? 0 : 1;
}
