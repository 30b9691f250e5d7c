// Connection and server commands that need nothing but the call itself: PING, ECHO, SELECT, TIME.
#include "base/clock.h"
#include "cmd/cmd_int.h"
#include "feed/feed.h"

// Who listens under RESP2 expects everything to look like a message.
static void reply_pong_message(struct call *c) {
    reply_array(c, 2);
    reply_bulk_str(c, "pong");
    reply_bulk(c, c->argc == 2 ? c->argv[1] : SLICE(""));
}

void cmd_ping(struct call *c) {
    if (c->argc > 2) reply_arity(c);
    else if (unlikely(c->session->version == 2 && feed_listens(c->session->subscriber))) reply_pong_message(c);
    else if (c->argc == 2) reply_bulk(c, c->argv[1]);
    else reply_status(c, "PONG");
}

void cmd_echo(struct call *c) { reply_bulk(c, c->argv[1]); }

void cmd_select(struct call *c) {
    if (read_db(c, c->argv[1], NULL, &c->session->db)) reply_ok(c);
}

void cmd_time(struct call *c) {
    struct common *common = c->txn.common;
    int64_t us = common->wall_ms ? common->wall_ms(common->wall_arg) * 1000 : clock_wall_us();
    char text[NUM_INT_MAX];
    reply_array(c, 2);
    reply_bulk(c, slice_of(text, num_format_int(us / 1000000, text)));
    reply_bulk(c, slice_of(text, num_format_int(us % 1000000, text)));
}
