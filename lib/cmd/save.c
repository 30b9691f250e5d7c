// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE: snapshots on demand (engine/save.h). A snapshot lets the log begin anew, so BGREWRITEAOF is one.
//
// SAVE does not stop the server, as Redis's does, but the client that asks for it: its call sleeps without a key to wait for, and whoever ends the snapshot ends
// the sleep. A call of the embedding program waits on its own thread.
#include "cmd/cmd_int.h"
#include "cmd/host.h"
#include "kora.h"

const struct command *save_variant(const struct call *c) { return c->session->client ? c->cmd + 1 : c->cmd; }

static void refuse(struct call *c, int status, const char *busy) {
    if (status == KORA_BUSY) reply_error(c, "%s", busy);
    else if (status == KORA_UNSUPPORTED) reply_error(c, "ERR persistence is not supported: this database is in memory only");
    else reply_status_code(c, status);
}

static bool begin(struct call *c, const char *busy) {
    int status = c->host->save(c->host, &c->scratch[0]);
    if (status == KORA_OK) return true;
    refuse(c, status, busy);
    return false;
}

static void answer(struct call *c) {
    struct host_save state;
    c->host->save_state(c->host, &state);
    if (state.ended < c->scratch[0]) reply_error(c, "ERR the snapshot is still under way");
    else if (state.failed) reply_error(c, "ERR the snapshot failed: %s", state.why);
    else reply_ok(c);
}

void cmd_save(struct call *c) {
    if (c->pass == CALL_TIMED_OUT) { // somebody has ended its sleep
        answer(c);
        return;
    }
    if (!begin(c, "ERR Background save already in progress")) return;
    if (c->session->client && call_block(c, 0, 0)) return;
    if (c->host->save_wait(c->host) == KORA_MISUSE) reply_error(c, "ERR SAVE would have to wait here: the snapshot goes on in the background");
    else answer(c);
}

void cmd_bgsave(struct call *c) {
    if (c->argc > 2 || (c->argc == 2 && !slice_is_word(c->argv[1], "schedule"))) reply_syntax_error(c);
    else if (begin(c, "ERR Background save already in progress")) reply_status(c, "Background saving started");
}

void cmd_bgrewriteaof(struct call *c) {
    if (begin(c, "ERR Background append only file rewriting already in progress")) reply_status(c, "Background append only file rewriting started");
}

void cmd_lastsave(struct call *c) {
    struct host_save state;
    c->host->save_state(c->host, &state);
    reply_int(c, state.last_s);
}
