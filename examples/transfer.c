// Transactions with optimistic retry: money moves between accounts, while an auditor looks. Nobody waits for anybody: who decides watches what the decision rests
// on, and if that has changed until the transaction runs, nothing is done and it is tried again.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kora.h"

enum { ACCOUNTS = 10, EACH = 1000, THREADS = 4, TRANSFERS = 500 };

struct bank {
    kora *db;
    atomic_int moved, refused, again;
    atomic_bool closed;
};

static size_t account(char name[32], int n) { return (size_t)snprintf(name, 32, "account:%d", n); }

static int balance(kora *db, const char *name, size_t len, long *amount) {
    char text[32] = "";
    size_t n;
    int status = kora_get_into(db, name, len, text, sizeof text - 1, &n);
    if (status == KORA_OK) *amount = strtol(text, NULL, 10);
    return status;
}

// KORA_OK, or KORA_NOTSET: there is not enough.
static int transfer(struct bank *b, kora_txn *txn, int from, int to, long amount) {
    char source[32], target[32], text[32];
    size_t source_len = account(source, from);
    account(target, to);
    snprintf(text, sizeof text, "%ld", amount);
    for (;;) {
        long has;
        int status = kora_txn_watch(txn, source, source_len); // watch, then read
        if (status == KORA_OK) status = balance(b->db, source, source_len, &has);
        if (status == KORA_OK && has < amount) status = KORA_NOTSET;
        if (status == KORA_OK) status = kora_txn_add(txn, 3, (const char *[]){ "DECRBY", source, text }, NULL);
        if (status == KORA_OK) status = kora_txn_add(txn, 3, (const char *[]){ "INCRBY", target, text }, NULL);
        if (status == KORA_OK) status = kora_txn_add(txn, 5, (const char *[]){ "RPUSH", "transfers", source, target, text }, NULL);
        if (status == KORA_OK) status = kora_txn_exec(txn, NULL);
        else kora_txn_reset(txn);
        if (status != KORA_CONFLICT) return status;
        atomic_fetch_add(&b->again, 1); // somebody has used this account meanwhile
    }
}

static void *teller(void *arg) {
    struct bank *b = arg;
    kora_txn *txn;
    unsigned seed = (unsigned)(size_t)&txn;
    if (kora_txn_begin(b->db, &txn) != KORA_OK) return NULL;
    for (int i = 0; i < TRANSFERS; i++) {
        int from = rand_r(&seed) % ACCOUNTS, to = (from + 1 + rand_r(&seed) % (ACCOUNTS - 1)) % ACCOUNTS;
        int status = transfer(b, txn, from, to, 1 + rand_r(&seed) % 300);
        if (status == KORA_OK) atomic_fetch_add(&b->moved, 1);
        else if (status == KORA_NOTSET) atomic_fetch_add(&b->refused, 1);
        else fprintf(stderr, "transfer: %s\n", kora_status_text(status));
    }
    kora_txn_free(txn);
    return NULL;
}

// What all accounts hold together, at one instant. -1: it could not be read.
static long total(kora_txn *txn) {
    kora_reply *reply;
    long sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        char name[32];
        account(name, i);
        kora_txn_add(txn, 2, (const char *[]){ "GET", name }, NULL);
    }
    if (kora_txn_exec(txn, &reply) != KORA_OK) return -1;
    for (size_t i = 0; i < reply->count; i++) sum += strtol(reply->elements[i].str, NULL, 10);
    kora_reply_free(reply);
    return sum;
}

static void *auditor(void *arg) {
    struct bank *b = arg;
    kora_txn *txn;
    if (kora_txn_begin(b->db, &txn) != KORA_OK) return NULL;
    do {
        long sum = total(txn);
        if (sum != ACCOUNTS * EACH) fprintf(stderr, "the auditor has found %ld\n", sum);
    } while (!atomic_load(&b->closed));
    kora_txn_free(txn);
    return NULL;
}

int main(void) {
    struct bank b = { 0 };
    pthread_t tellers[THREADS], audit;
    if (kora_open(NULL, NULL, &b.db) != KORA_OK) return 1;
    for (int i = 0; i < ACCOUNTS; i++) {
        char name[32];
        kora_set(b.db, name, account(name, i), "1000", 4, NULL);
    }
    pthread_create(&audit, NULL, auditor, &b);
    for (int i = 0; i < THREADS; i++) pthread_create(&tellers[i], NULL, teller, &b);
    for (int i = 0; i < THREADS; i++) pthread_join(tellers[i], NULL);
    atomic_store(&b.closed, 1);
    pthread_join(audit, NULL);

    kora_txn *txn;
    if (kora_txn_begin(b.db, &txn) != KORA_OK) return 1;
    printf("%d transfers, %d refused, %d tried again, %ld in all accounts\n", b.moved, b.refused, b.again, total(txn));
    kora_txn_free(txn);
    return kora_close(b.db) == KORA_OK ? 0 : 1;
}
