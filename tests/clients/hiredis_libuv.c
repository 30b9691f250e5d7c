// hiredis on a loop of libuv: replies come to callbacks, of many commands and several connections at once. Each stage starts the
// next one when its last reply is there.
#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "hiredis.h"

enum { MANY = 20000, MESSAGES = 1000, ROUNDS = 50, PATIENCE_MS = 30000 };

static uv_loop_t *loop;
static int port;
static redisAsyncContext *main_connection, *subscriber, *waiter, *rival;
static int replies, subscriptions, by_channel, by_pattern, connected, disconnected;

static void many_sets(void);
static void blocking_pop(void);
static void pub_sub(void);
static void optimistic(redisAsyncContext *ac);
static void lose_connection(void);

// A stage that failed has no next one: the clock ends the program.
static void stage_ends(const char *name, void (*next)(void)) {
    int good = !scenario_why[0];
    scenario_end_try(name);
    if (good && next) next();
    else uv_stop(loop);
}

static void ends_late(uv_timer_t *timer) {
    (void)timer;
    snprintf(scenario_why, sizeof(scenario_why), "not done after %d ms", PATIENCE_MS);
    scenario_end_try("in time");
    uv_stop(loop);
}

static void on_connect(const redisAsyncContext *ac, int status) {
    (void)ac;
    connected += status == REDIS_OK;
}

static void on_disconnect(const redisAsyncContext *ac, int status) {
    (void)ac;
    (void)status;
    disconnected++;
}

static redisAsyncContext *connect_to(void) {
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", port);
    if (!ac || ac->err) {
        printf("not ok connect: %s\n", ac ? ac->errstr : "no memory");
        exit(1);
    }
    redisLibuvAttach(ac, loop);
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    return ac;
}

static int is_text(const redisReply *r, const char *text) {
    return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) && strcmp(r->str, text) == 0;
}

// ---- many commands, replies in their order -----------------------------------------------------------------------------

static void on_get(redisAsyncContext *ac, void *reply, void *data) {
    char wanted[24];
    snprintf(wanted, sizeof(wanted), "value %d", replies);
    (void)ac;
    (void)data;
    EXPECT(is_text(reply, wanted));
    if (++replies == MANY) stage_ends("many commands", blocking_pop);
}

static void many_sets(void) {
    for (int i = 0; i < MANY; i++) {
        char value[24];
        snprintf(value, sizeof(value), "value %d", i);
        redisAsyncCommand(main_connection, NULL, NULL, "SET key:%d %s", i % 100, value);
        redisAsyncCommand(main_connection, on_get, NULL, "GET key:%d", i % 100);
    }
}

// ---- a pop that waits, while another connection works ------------------------------------------------------------------

static void on_popped(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    (void)ac;
    (void)data;
    if (!(r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 && is_text(r->element[1], "job")))
        snprintf(scenario_why, sizeof(scenario_why), "not the job");
    stage_ends("blocking pops", pub_sub);
}

static void on_clients(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    if (r && r->type == REDIS_REPLY_STRING && strstr(r->str, "blocked_clients:1\r")) redisAsyncCommand(ac, NULL, NULL, "RPUSH q job");
    else redisAsyncCommand(ac, on_clients, data, "INFO clients");
}

static void blocking_pop(void) {
    waiter = connect_to();
    redisAsyncCommand(waiter, on_popped, NULL, "BLPOP none q 20");
    redisAsyncCommand(main_connection, on_clients, NULL, "INFO clients");
}

// ---- publish and subscribe ---------------------------------------------------------------------------------------------

static void start_watching(void) {
    rival = connect_to();
    optimistic(main_connection);
    optimistic(rival);
}

static void on_message(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    (void)ac;
    if (!r) return; // its connection ends
    EXPECT(r->type == REDIS_REPLY_ARRAY && r->elements >= 3);
    const char *kind = r->element[0]->str;
    if (strcmp(kind, "subscribe") == 0 || strcmp(kind, "psubscribe") == 0) {
        if (++subscriptions == 2)
            for (int i = 0; i < MESSAGES; i++) redisAsyncCommand(main_connection, NULL, NULL, "PUBLISH news:%d %d", i % 2, i);
        return;
    }
    int *count = strcmp(kind, "message") == 0 ? &by_channel : &by_pattern;
    int wanted = count == &by_channel ? *count * 2 : *count;
    EXPECT(atoi(r->element[r->elements - 1]->str) == wanted);
    (*count)++;
    if (by_channel == MESSAGES / 2 && by_pattern == MESSAGES) stage_ends("pub/sub", start_watching);
    (void)data;
}

static void pub_sub(void) {
    subscriber = connect_to();
    redisAsyncCommand(subscriber, on_message, NULL, "SUBSCRIBE news:0");
    redisAsyncCommand(subscriber, on_message, NULL, "PSUBSCRIBE news:*");
}

// ---- two that add to one number, by WATCH ------------------------------------------------------------------------------

static int added[2], rounds_done;

static void on_sum(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    (void)ac;
    (void)data;
    char wanted[16];
    snprintf(wanted, sizeof(wanted), "%d", 2 * ROUNDS);
    if (!is_text(r, wanted)) snprintf(scenario_why, sizeof(scenario_why), "the sum is not %s", wanted);
    stage_ends("multi and watch", lose_connection);
}

static void on_exec(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    (void)data;
    EXPECT(r && (r->type == REDIS_REPLY_NIL || r->type == REDIS_REPLY_ARRAY));
    if (r->type == REDIS_REPLY_ARRAY) added[ac == rival]++;
    if (added[ac == rival] < ROUNDS) optimistic(ac);
    else if (++rounds_done == 2) redisAsyncCommand(ac, on_sum, NULL, "GET sum");
}

static void on_read(redisAsyncContext *ac, void *reply, void *data) {
    const redisReply *r = reply;
    (void)data;
    EXPECT(r && (r->type == REDIS_REPLY_NIL || r->type == REDIS_REPLY_STRING));
    int sum = r->type == REDIS_REPLY_STRING ? atoi(r->str) : 0;
    redisAsyncCommand(ac, NULL, NULL, "MULTI");
    redisAsyncCommand(ac, NULL, NULL, "SET sum %d", sum + 1);
    redisAsyncCommand(ac, on_exec, NULL, "EXEC");
}

static void optimistic(redisAsyncContext *ac) {
    redisAsyncCommand(ac, NULL, NULL, "WATCH sum");
    redisAsyncCommand(ac, on_read, NULL, "GET sum");
}

// ---- the server goes, and comes again ----------------------------------------------------------------------------------

static void on_again(redisAsyncContext *ac, void *reply, void *data) {
    (void)data;
    if (!is_text(reply, "PONG")) snprintf(scenario_why, sizeof(scenario_why), "no answer on a new connection");
    redisAsyncDisconnect(ac);
    stage_ends("reconnect", NULL);
}

static void when_all_lost(uv_timer_t *timer) {
    if (disconnected < 4) return;
    uv_timer_stop(timer);
    redisAsyncCommand(connect_to(), on_again, NULL, "PING");
}

static void lose_connection(void) {
    static uv_timer_t timer;
    if (connected != 4) snprintf(scenario_why, sizeof(scenario_why), "%d connections, wanted 4", connected);
    scenario_restart();
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, when_all_lost, 1, 1);
}

int main(int argc, char **argv) {
    static uv_timer_t clock;
    if (argc != 2) return 2;
    port = atoi(argv[1]);
    loop = uv_default_loop();
    uv_timer_init(loop, &clock);
    uv_timer_start(&clock, ends_late, PATIENCE_MS, 0);
    main_connection = connect_to();
    many_sets();
    uv_run(loop, UV_RUN_DEFAULT);
    printf("done\n");
    return scenario_failed;
}
