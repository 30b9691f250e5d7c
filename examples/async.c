// Commands handed over without waiting: kora_submit returns at once, and the answer comes to a callback on one of the engine's
// threads. There calls that may wait return KORA_MISUSE; submitting more is allowed.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kora.h"

enum { COMMANDS = 1000 };

// What the callbacks and the main thread share.
struct progress {
    kora *db;
    pthread_mutex_t lock;
    pthread_cond_t all_done;
    int open;   // commands without an answer yet
    int failed; // of the answers
};

static void finish(struct progress *p, int failed) {
    pthread_mutex_lock(&p->lock);
    p->failed += failed;
    if (--p->open == 0) pthread_cond_signal(&p->all_done);
    pthread_mutex_unlock(&p->lock);
}

static int is_error(int status, const kora_reply *reply) { return status != KORA_OK || reply->type == KORA_REPLY_ERROR; }

static void counted(void *arg, int status, kora_reply *reply) {
    finish(arg, is_error(status, reply));
    kora_reply_free(reply); // the callback owns it
}

// One command after the other: the next is submitted when the answer to this one is there.
static void stored(void *arg, int status, kora_reply *reply) {
    struct progress *p = arg;
    int failed = is_error(status, reply);
    kora_reply_free(reply);
    const char *incr[] = { "INCR", "stored" };
    if (failed || kora_submit(p->db, 2, incr, NULL, counted, p) != KORA_OK) finish(p, 1);
}

int main(void) {
    struct progress p = { .lock = PTHREAD_MUTEX_INITIALIZER, .all_done = PTHREAD_COND_INITIALIZER, .open = COMMANDS };
    if (kora_open(NULL, NULL, &p.db) != KORA_OK) return 1;
    for (int i = 0; i < COMMANDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "key:%d", i);
        const char *set[] = { "SET", key, "value" }; // copied before kora_submit returns
        if (kora_submit(p.db, 3, set, NULL, stored, &p) != KORA_OK) finish(&p, 1);
    }

    pthread_mutex_lock(&p.lock);
    while (p.open > 0) pthread_cond_wait(&p.all_done, &p.lock);
    pthread_mutex_unlock(&p.lock);

    char text[32] = "";
    size_t len = 0;
    int status = kora_get_into(p.db, "stored", 6, text, sizeof text - 1, &len);
    printf("%s stored, %d failed\n", status == KORA_OK ? text : "nothing", p.failed);
    return kora_close(p.db) == KORA_OK && p.failed == 0 && atoi(text) == COMMANDS ? 0 : 1;
}
