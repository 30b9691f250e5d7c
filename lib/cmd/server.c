// Commands about the server as a whole: how it ends, what role it has, what it keeps. There is one role, that of a primary without replicas, and nothing is
// kept on disk: what asks for more is refused in so many words, and what only asks is told so.
#include <math.h>

#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "kora.h"

// ---- SHUTDOWN ----------------------------------------------------------------------------------------------------------------

struct shutdown {
    bool save, nosave, now, force, abort;
};

static bool read_shutdown(struct call *c, struct shutdown *s) {
    *s = (struct shutdown){ false };
    for (int i = 1; i < c->argc; i++) {
        bool *words[] = { &s->save, &s->nosave, &s->now, &s->force, &s->abort };
        static const char *const names[] = { "save", "nosave", "now", "force", "abort" };
        size_t k = 0;
        while (k < ARRAY_LEN(names) && !slice_is_word(c->argv[i], names[k])) k++;
        if (k == ARRAY_LEN(names)) break;
        *words[k] = true;
        if (i + 1 == c->argc && !(s->save && s->nosave) && !(s->abort && c->argc > 2)) return true;
    }
    if (c->argc == 1) return true;
    reply_syntax_error(c);
    return false;
}

// The program ends in its own way, as at a signal. Nobody is answered any more who is asked to wait for that: the connection is closed with all others.
void cmd_shutdown(struct call *c) {
    struct shutdown s;
    if (!read_shutdown(c, &s)) return;
    if (s.abort) {
        reply_error(c, "ERR No shutdown in progress.");
    } else if (s.save && !s.force) {
        reply_error(c, "ERR Errors trying to SHUTDOWN: SAVE can't be done, this database is in memory only");
    } else if (!c->host->shutdown) {
        reply_error(c, "ERR SHUTDOWN is not available: the program that this database belongs to does not let its clients end it");
    } else {
        c->host->log(c->host, KORA_LOG_NOTICE, "a client has asked to shut down");
        c->session->ended = c->session->client != NULL;
        if (!c->session->ended) reply_ok(c); // a call of the program itself
        c->host->shutdown(c->host);
    }
}

// ---- replication -----------------------------------------------------------------------------------------------------------------

void cmd_role(struct call *c) {
    reply_array(c, 3);
    reply_bulk_str(c, "master");
    reply_int(c, 0);
    reply_array(c, 0);
}

void cmd_replicaof(struct call *c) {
    if (slice_is_word(c->argv[1], "no") && slice_is_word(c->argv[2], "one")) reply_ok(c);
    else reply_error(c, "ERR replication is not supported by this server");
}

// No replica will ever acknowledge anything: who wants none is answered at once, everybody else when the time is over. Without a connection nobody could
// end a wait for ever, so there is none.
static bool waits_for_replicas(struct call *c, int64_t wanted, struct slice timeout) {
    int64_t ms;
    if (!num_parse_int(timeout, &ms)) {
        reply_error(c, "ERR timeout is not an integer or out of range");
        return true;
    }
    if (ms < 0) {
        reply_error(c, "ERR timeout is negative");
        return true;
    }
    return wanted > 0 && c->session->client && call_block(c, 0, ms);
}

void cmd_wait(struct call *c) {
    int64_t replicas;
    if (!read_int(c, c->argv[1], &replicas)) return;
    if (!waits_for_replicas(c, replicas, c->argv[2])) reply_int(c, 0);
}

void cmd_waitaof(struct call *c) {
    int64_t local, replicas;
    if (!num_parse_int(c->argv[1], &local) || local < 0 || local > 1) {
        reply_error(c, "ERR value is out of range, must be between 0 and 1");
        return;
    }
    if (!num_parse_int(c->argv[2], &replicas) || replicas < 0) {
        reply_error(c, "ERR value is out of range, must be positive");
        return;
    }
    if (local && c->pass != CALL_TIMED_OUT) {
        if (c->host->wal) reply_error(c, "ERR WAITAOF does not wait for the local log: with appendfsync always every reply does");
        else reply_error(c, "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
        return;
    }
    if (waits_for_replicas(c, replicas, c->argv[3])) return;
    reply_array(c, 2);
    reply_int(c, 0);
    reply_int(c, 0);
}

// ---- LOLWUT ------------------------------------------------------------------------------------------------------------------------

// A kora has 21 strings. VERSION n plucks the n-th one, and those beside it swing along.
static void draw_strings(struct buf *out, int64_t plucked) {
    enum { STRINGS = 21, ROWS = 9 };
    const double half_circle = 3.14159265358979;
    for (int row = 0; row < ROWS; row++) {
        buf_append_slice(out, SLICE("  ||"));
        for (int i = 0; i < STRINGS; i++) {
            double distance = fabs((double)i - (double)plucked);
            double swing = sin(half_circle * (row + 1) / (ROWS + 1)) * cos(distance) * exp(-distance / 4);
            buf_append_slice(out, swing > 0.35 ? SLICE("  )") : swing < -0.35 ? SLICE("(  ") : SLICE(" | "));
        }
        buf_append_slice(out, SLICE("||\n"));
    }
    buf_append_slice(out, SLICE("  \\\\"));
    for (int i = 0; i < STRINGS; i++) buf_append_slice(out, SLICE("_|_"));
    buf_append_slice(out, SLICE("//\n    `"));
    for (int i = 0; i < STRINGS; i++) buf_append_slice(out, i == STRINGS / 2 ? SLICE("(o)") : SLICE("---"));
    buf_append_slice(out, SLICE("'\n\n"));
}

void cmd_lolwut(struct call *c) {
    int64_t version = 10;
    struct buf out = { 0 };
    if (c->argc >= 3 && slice_is_word(c->argv[1], "version") && !read_int(c, c->argv[2], &version)) return;
    draw_strings(&out, (version % 21 + 21) % 21);
    buf_printf(&out, "Kora ver. %s, speaking as Redis ver. %s\n", KORA_VERSION, HOST_REDIS_VERSION);
    if (out.failed) reply_no_memory(c);
    else reply_verbatim(c, "txt", slice_of(out.p, out.n));
    buf_free(&out);
}
