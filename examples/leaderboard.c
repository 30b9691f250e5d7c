// A leaderboard on a sorted set: scores that change all the time, the best ten, a player's own rank and who is around it, and a walk over everybody in
// portions that fit a buffer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kora.h"

enum { PLAYERS = 5000, GAMES = 50000, PAGE = 100, TEXT_MAX = 32 };

#define BOARD "board", 5

static int check(int status, const char *what) {
    if (status == KORA_OK) return 0;
    fprintf(stderr, "%s: %s\n", what, kora_status_text(status));
    return 1;
}

static size_t player_name(char *to, unsigned i) { return (size_t)snprintf(to, TEXT_MAX, "player:%u", i); }

// Everybody starts at 1000, a hundred at a time.
static int register_players(kora *db) {
    char names[PAGE][TEXT_MAX];
    kora_member members[PAGE];
    for (unsigned i = 0; i < PLAYERS; i += PAGE) {
        for (unsigned k = 0; k < PAGE; k++) members[k] = (kora_member){ { names[k], player_name(names[k], i + k) }, 1000 };
        size_t added;
        if (check(kora_zadd(db, BOARD, KORA_NX, members, PAGE, &added), "zadd")) return 1; // KORA_NX: nobody loses what he has
    }
    return 0;
}

// Each game takes points from one and gives them to another.
static int play(kora *db) {
    unsigned random = 1;
    for (int i = 0; i < GAMES; i++) {
        char winner[TEXT_MAX], loser[TEXT_MAX];
        random = random * 1103515245u + 12345u;
        size_t winner_len = player_name(winner, (random >> 8) % PLAYERS), loser_len = player_name(loser, (random >> 3) % PLAYERS);
        double points = 1 + (random >> 16) % 20;
        if (check(kora_zincr(db, BOARD, winner, winner_len, points, NULL), "zincr")) return 1;
        if (check(kora_zincr(db, BOARD, loser, loser_len, -points, NULL), "zincr")) return 1;
    }
    return 0;
}

// `n` places (at most PAGE) from `place` on, the best one being 0.
static int show(kora *db, size_t place, size_t n) {
    kora_member members[PAGE];
    char buffer[PAGE * TEXT_MAX];
    uint64_t cursor = place;
    if (check(kora_zrange(db, BOARD, KORA_REVERSE, &cursor, members, n, buffer, sizeof buffer, &n), "zrange")) return 1;
    for (size_t i = 0; i < n; i++) {
        printf("%5zu. %-12.*s %6.0f\n", place + i + 1, (int)members[i].name.len, (const char *)members[i].name.data, members[i].score);
    }
    return 0;
}

// All points together are as many as at the start: they only went from one to another.
static int add_up(kora *db) {
    kora_member members[PAGE];
    char buffer[2048];
    uint64_t cursor = 0;
    double total = 0;
    size_t players = 0, n;
    do {
        if (check(kora_zrange(db, BOARD, 0, &cursor, members, PAGE, buffer, sizeof buffer, &n), "zrange")) return 1;
        for (size_t i = 0; i < n; i++) total += members[i].score;
        players += n;
    } while (cursor);
    printf("%zu players have %.0f points\n", players, total);
    return players != PLAYERS || total != 1000.0 * PLAYERS;
}

int main(void) {
    kora *db;
    if (check(kora_open(NULL, NULL, &db), "open")) return 1;
    int bad = register_players(db) || play(db);
    puts("The best ten:");
    bad = bad || show(db, 0, 10);

    size_t place;
    bad = bad || check(kora_zrank(db, BOARD, KORA_REVERSE, "player:42", 9, &place), "zrank");
    if (!bad) {
        puts("Around player:42:");
        bad = show(db, place < 2 ? 0 : place - 2, 5);
    }

    // Who leaves is gone.
    size_t removed = 0;
    double score = 0;
    kora_bytes leaving = { "player:42", 9 };
    bad = bad || check(kora_zscore(db, BOARD, "player:42", 9, &score), "zscore") || check(kora_zrem(db, BOARD, &leaving, 1, &removed), "zrem");
    bad = bad || removed != 1 || kora_zscore(db, BOARD, "player:42", 9, &score) != KORA_NOTFOUND;
    kora_member back = { leaving, score };
    bad = bad || check(kora_zadd(db, BOARD, 0, &back, 1, NULL), "zadd") || add_up(db);
    return check(kora_close(db), "close") || bad;
}
