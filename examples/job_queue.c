// A job queue on a list: some threads push jobs, workers wait for them and do them, each job by one worker. A job that fails goes back into the queue, up to
// three times. What came out is in one hash, how often each kind of thing happened in another; a second list tells what is finished.
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kora.h"

enum { PRODUCERS = 2, WORKERS = 4, JOBS_EACH = 500, TRIES = 3, TEXT_MAX = 64 };

struct worker {
    kora *db;
    int done;
};

static int count(kora *db, const char *what) { return kora_hincr(db, "counts", 6, what, strlen(what), 1, NULL); }

// Jobs are text here: "<number> <tries left>".
static int push_job(kora *db, int number, int tries) {
    char text[TEXT_MAX];
    kora_bytes job = { text, (size_t)snprintf(text, sizeof text, "%d %d", number, tries) };
    return kora_push(db, "jobs", 4, KORA_BACK, &job, 1, NULL);
}

static void *produce(void *arg) {
    static int first[PRODUCERS] = { 0, JOBS_EACH };
    kora *db = arg;
    int64_t me;
    if (kora_incr(db, "producers", 9, 1, &me) != KORA_OK) return NULL;
    for (int i = 0; i < JOBS_EACH; i++) {
        if (push_job(db, first[me - 1] + i, TRIES) != KORA_OK) return NULL;
    }
    return arg;
}

// The work. One job in ten fails at first.
static int square(int number, int tries, char *result) {
    if (number % 10 == 0 && tries == TRIES) return 0;
    return snprintf(result, TEXT_MAX, "%d", number * number);
}

static int do_job(kora *db, const char *text) {
    char name[TEXT_MAX], result[TEXT_MAX];
    int number, tries;
    if (sscanf(text, "%d %d", &number, &tries) != 2) return count(db, "garbage");
    int len = square(number, tries, result);
    if (len == 0) {
        count(db, "failed");
        return tries > 1 ? push_job(db, number, tries - 1) : count(db, "given up");
    }
    kora_field field = { { name, (size_t)snprintf(name, sizeof name, "%d", number) }, { result, (size_t)len } };
    int status = kora_hset(db, "results", 7, &field, 1, NULL);
    if (status == KORA_OK) status = count(db, "done");
    return status == KORA_OK ? kora_push(db, "finished", 8, KORA_BACK, &field.name, 1, NULL) : status;
}

// Sleeps while there is nothing to do; an empty job says that there will be no more.
static void *work(void *arg) {
    struct worker *w = arg;
    for (;;) {
        void *job;
        size_t len;
        int status = kora_pop(w->db, "jobs", 4, KORA_FRONT, 1000, &job, &len);
        if (status == KORA_NOTFOUND) continue; // a second without jobs: a place to look whether the program is to end
        if (status != KORA_OK) return NULL;
        if (len > 0) status = do_job(w->db, job); // text: what kora_pop returns ends with a zero byte
        kora_free(job);
        if (status != KORA_OK) return NULL;
        if (len == 0) return arg;
        w->done++;
    }
}

static int64_t counted(kora *db, const char *what) {
    char text[TEXT_MAX];
    size_t len;
    if (kora_hget_into(db, "counts", 6, what, strlen(what), text, sizeof text - 1, &len) != KORA_OK) return 0;
    text[len] = '\0';
    int64_t n = 0;
    sscanf(text, "%" SCNd64, &n);
    return n;
}

int main(void) {
    kora *db;
    if (kora_open(NULL, NULL, &db) != KORA_OK) return 1;
    pthread_t producers[PRODUCERS], threads[WORKERS];
    struct worker workers[WORKERS];
    int good = 1;
    void *result;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ db, 0 };
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) return 1;
    }
    for (int i = 0; i < PRODUCERS; i++) {
        if (pthread_create(&producers[i], NULL, produce, db) != 0) return 1;
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], &result);
        good &= result != NULL;
    }

    // Jobs are put back, so the workers may only end when everything is finished.
    size_t results = 0, len;
    for (int i = 0; good && i < PRODUCERS * JOBS_EACH; i++) {
        good = kora_pop(db, "finished", 8, KORA_FRONT, 10000, &result, &len) == KORA_OK;
        if (good) kora_free(result);
    }
    kora_hlen(db, "results", 7, &results);
    kora_bytes ends[WORKERS] = { { NULL, 0 } };
    kora_push(db, "jobs", 4, KORA_BACK, ends, WORKERS, NULL);
    int total = 0, idle = 0;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], &result);
        good &= result != NULL;
        total += workers[i].done;
        idle += workers[i].done == 0;
    }
    printf("%zu results; %" PRId64 " jobs done, %" PRId64 " had to be tried again\n", results, counted(db, "done"), counted(db, "failed"));
    good &= results == PRODUCERS * JOBS_EACH && counted(db, "done") == PRODUCERS * JOBS_EACH && total == PRODUCERS * JOBS_EACH + (int)counted(db, "failed");
    if (idle) printf("%d workers found nothing to do\n", idle);
    return kora_close(db) == KORA_OK && good ? 0 : 1;
}
