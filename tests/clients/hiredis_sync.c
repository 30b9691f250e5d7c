// hiredis, calls that wait for their replies, and pipelines of it: the parser that most clients in C and C++ are built on.
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <unistd.h>

#include "hiredis.h"

static redisContext *c;
static int port;

static redisContext *connect_to(void) {
    struct timeval patience = {15, 0};
    redisContext *made = redisConnectWithTimeout("127.0.0.1", port, patience);
    if (!made || made->err) {
        printf("not ok connect: %s\n", made ? made->errstr : "no memory");
        exit(1);
    }
    redisSetTimeout(made, patience);
    return made;
}

// Sends a command; its reply as text like `OK`, `7`, `(nil)`, `[a [1 2]]`, `ERR ...`, which stays until the next call.
static const char *ask_on(redisContext *on, const char *format, ...);
#define ask(...) ask_on(c, __VA_ARGS__)
#define SAYS(text, ...) (strcmp(ask(__VA_ARGS__), text) == 0)

static void put_reply(const redisReply *r, char *out, size_t room) {
    size_t used;
    switch (r->type) {
    case REDIS_REPLY_INTEGER: snprintf(out, room, "%lld", r->integer); break;
    case REDIS_REPLY_NIL: snprintf(out, room, "(nil)"); break;
    case REDIS_REPLY_ARRAY:
        snprintf(out, room, "[");
        for (size_t i = 0; i < r->elements; i++) {
            if (i) strncat(out, " ", room - strlen(out) - 1);
            used = strlen(out);
            put_reply(r->element[i], out + used, room - used);
        }
        strncat(out, "]", room - strlen(out) - 1);
        break;
    default: snprintf(out, room, "%.*s", (int)r->len, r->str);
    }
}

static const char *say(redisReply *r) {
    static char text[4000];
    if (!r) return "no reply";
    put_reply(r, text, sizeof(text));
    freeReplyObject(r);
    return text;
}

static const char *ask_on(redisContext *on, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(on, format, args);
    va_end(args);
    return say(r);
}

static const char *next_reply(redisContext *on) {
    void *r = NULL;
    return redisGetReply(on, &r) == REDIS_OK ? say(r) : on->errstr;
}

static void connects(void) {
    EXPECT(SAYS("PONG", "PING"));
    EXPECT(SAYS("OK", "SELECT 3"));
    EXPECT(SAYS("OK", "CLIENT SETNAME scenario"));
    EXPECT(SAYS("scenario", "CLIENT GETNAME"));
    EXPECT(strncmp(ask("HELLO 2"), "[server redis version ", 22) == 0);
    EXPECT(strstr(ask("INFO server"), "redis_version:") != NULL);
    EXPECT(strstr(ask("CLIENT LIST"), " name=scenario ") != NULL);
    EXPECT(SAYS("[databases 16]", "CONFIG GET databases"));
}

static void strings(void) {
    EXPECT(SAYS("OK", "SET %s %s", "s", "one two"));
    EXPECT(SAYS("one two", "GET s"));
    EXPECT(SAYS("(nil)", "GET none"));
    EXPECT(SAYS("(nil)", "SET s x NX"));
    EXPECT(SAYS("8", "APPEND s !"));
    EXPECT(SAYS("5", "INCRBY n %d", 5));
    EXPECT(SAYS("5.5", "INCRBYFLOAT n 0.5"));
    EXPECT(SAYS("OK", "MSET a 1 b 2"));
    EXPECT(SAYS("[1 (nil) 2]", "MGET a none b"));
    EXPECT(SAYS("one two!", "GETDEL s"));
}

static void hashes(void) {
    EXPECT(SAYS("2", "HSET h f v g 2"));
    EXPECT(SAYS("[f v g 2]", "HGETALL h"));
    EXPECT(SAYS("5", "HINCRBY h g 3"));
    EXPECT(SAYS("[v (nil)]", "HMGET h f x"));
}

static void lists_and_sets(void) {
    EXPECT(SAYS("3", "RPUSH l a b c"));
    EXPECT(SAYS("[a b c]", "LRANGE l 0 -1"));
    EXPECT(SAYS("[a b]", "LPOP l 2"));
    EXPECT(SAYS("2", "SADD set 1 2"));
    EXPECT(SAYS("[1 2]", "SMEMBERS set"));
    EXPECT(SAYS("[1 0]", "SMISMEMBER set 1 7"));
}

static void sorted_sets(void) {
    EXPECT(SAYS("3", "ZADD z 1 a 2.5 b -inf c"));
    EXPECT(SAYS("[c -inf a 1 b 2.5]", "ZRANGE z 0 -1 WITHSCORES"));
    EXPECT(SAYS("3", "ZINCRBY z 2 a"));
    EXPECT(SAYS("[c -inf]", "ZPOPMIN z"));
}

static void streams(void) {
    EXPECT(SAYS("1-1", "XADD x 1-1 f v"));
    EXPECT(SAYS("1-2", "XADD x 1-2 f w"));
    EXPECT(SAYS("OK", "XGROUP CREATE x g 0"));
    EXPECT(SAYS("[[x [[1-1 [f v]]]]]", "XREADGROUP GROUP g me COUNT 1 STREAMS x >"));
    EXPECT(SAYS("[1 1-1 1-1 [[me 1]]]", "XPENDING x g"));
    EXPECT(SAYS("1", "XACK x g 1-1"));
    EXPECT(SAYS("[[1-1 [f v]] [1-2 [f w]]]", "XRANGE x - +"));
}

static void pipelines(void) {
    for (int i = 0; i < 10000; i++) redisAppendCommand(c, "SET many:%d %d", i, i);
    for (int i = 0; i < 10000; i++) EXPECT(strcmp(next_reply(c), "OK") == 0);
    redisAppendCommand(c, "SET p 1");
    redisAppendCommand(c, "LPUSH p x");
    redisAppendCommand(c, "INCR p");
    EXPECT(strcmp(next_reply(c), "OK") == 0);
    EXPECT(strncmp(next_reply(c), "WRONGTYPE", 9) == 0);
    EXPECT(strcmp(next_reply(c), "2") == 0);
}

static void scan(void) {
    char cursor[32] = "0";
    size_t found = 0;
    do {
        redisReply *r = redisCommand(c, "SCAN %s MATCH many:* COUNT 500", cursor);
        EXPECT(r && r->type == REDIS_REPLY_ARRAY && r->elements == 2);
        snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++) found += atoi(ask("DEL %s", r->element[1]->element[i]->str)) == 1;
        freeReplyObject(r);
    } while (strcmp(cursor, "0") != 0);
    EXPECT(found == 10000);
}

static void blocking_pops(void) {
    redisContext *waiter = connect_to();
    redisCommand(waiter, "SELECT 3");
    redisAppendCommand(waiter, "BLPOP none q 10");
    int done = 0;
    while (!done) EXPECT(redisBufferWrite(waiter, &done) == REDIS_OK);
    while (!strstr(ask("INFO clients"), "blocked_clients:1\r")) usleep(1000);
    EXPECT(SAYS("1", "RPUSH q job"));
    EXPECT(strcmp(next_reply(waiter), "[q job]") == 0);
    EXPECT(strcmp(ask_on(waiter, "BLPOP q 0.01"), "(nil)") == 0);
    redisFree(waiter);
}

static void expiry(void) {
    EXPECT(SAYS("OK", "SET e v PX 30"));
    while (!SAYS("(nil)", "GET e")) usleep(1000);
    EXPECT(SAYS("OK", "SET e v EX 100"));
    EXPECT(SAYS("100", "TTL e"));
    EXPECT(SAYS("1", "PERSIST e"));
    EXPECT(SAYS("-1", "TTL e"));
}

static void transactions(void) {
    EXPECT(SAYS("OK", "SET t 1"));
    EXPECT(SAYS("OK", "MULTI"));
    EXPECT(SAYS("QUEUED", "INCR t"));
    EXPECT(SAYS("QUEUED", "HSET t f v"));
    EXPECT(SAYS("QUEUED", "MGET t none"));
    EXPECT(SAYS("[2 WRONGTYPE Operation against a key holding the wrong kind of value [2 (nil)]]", "EXEC"));
    EXPECT(SAYS("OK", "MULTI"));
    EXPECT(strncmp(ask("NOSUCH"), "ERR unknown command", 19) == 0);
    EXPECT(SAYS("EXECABORT Transaction discarded because of previous errors.", "EXEC"));
    EXPECT(SAYS("ERR EXEC without MULTI", "EXEC"));
    redisContext *other = connect_to();
    ask_on(other, "SELECT 3");
    for (int i = 0, tries = 0; i < 50; tries++) {
        EXPECT(SAYS("OK", "WATCH sum"));
        int sum = atoi(ask("GET sum"));
        if (tries % 2 == 0) EXPECT(atoi(ask_on(other, "INCR sum")) == sum + 1);
        EXPECT(SAYS("OK", "MULTI"));
        EXPECT(SAYS("QUEUED", "SET sum %d", sum + 1));
        int kept = SAYS("[OK]", "EXEC");
        EXPECT(kept == (tries % 2 != 0));
        i += kept;
    }
    EXPECT(SAYS("100", "GET sum"));
    redisFree(other);
}

static void pub_sub(void) {
    redisContext *s = connect_to();
    EXPECT(strcmp(ask_on(s, "SUBSCRIBE c1 c2"), "[subscribe c1 1]") == 0);
    EXPECT(strcmp(next_reply(s), "[subscribe c2 2]") == 0);
    EXPECT(strcmp(ask_on(s, "PSUBSCRIBE c[1]"), "[psubscribe c[1] 3]") == 0);
    EXPECT(SAYS("2", "PUBLISH c1 hello"));
    EXPECT(SAYS("0", "PUBLISH c3 lost"));
    EXPECT(strcmp(next_reply(s), "[message c1 hello]") == 0);
    EXPECT(strcmp(next_reply(s), "[pmessage c[1] c1 hello]") == 0);
    for (int i = 0; i < 1000; i++) redisAppendCommand(c, "PUBLISH c2 %d", i);
    for (int i = 0; i < 1000; i++) EXPECT(strcmp(next_reply(c), "1") == 0);
    for (int i = 0; i < 1000; i++) {
        char wanted[40];
        snprintf(wanted, sizeof(wanted), "[message c2 %d]", i);
        EXPECT(strcmp(next_reply(s), wanted) == 0);
    }
    EXPECT(strncmp(ask_on(s, "GET k"), "ERR Can't execute 'get': only", 29) == 0);
    EXPECT(strcmp(ask_on(s, "PING"), "[pong ]") == 0);
    EXPECT(SAYS("[c1 1 none 0]", "PUBSUB NUMSUB c1 none"));
    EXPECT(strcmp(ask_on(s, "PUNSUBSCRIBE"), "[punsubscribe c[1] 2]") == 0);
    redisFree(s);
    while (!SAYS("[c1 0]", "PUBSUB NUMSUB c1")) usleep(1000);
}

static void binary(void) {
    char bytes[260];
    for (int i = 0; i < 260; i++) bytes[i] = (char)i;
    EXPECT(SAYS("OK", "SET %b %b", bytes, sizeof(bytes), bytes, sizeof(bytes)));
    redisReply *r = redisCommand(c, "GET %b", bytes, sizeof(bytes));
    EXPECT(r && r->type == REDIS_REPLY_STRING && (size_t)r->len == sizeof(bytes) && memcmp(r->str, bytes, sizeof(bytes)) == 0);
    freeReplyObject(r);
    const size_t size = 3000000;
    char *large = malloc(size);
    EXPECT(large);
    memset(large, 'x', size);
    EXPECT(SAYS("OK", "SET long %b", large, size));
    r = redisCommand(c, "GET long");
    EXPECT(r && (size_t)r->len == size && memcmp(r->str, large, size) == 0);
    freeReplyObject(r);
    free(large);
}

static void errors(void) {
    EXPECT(SAYS("OK", "SET str v"));
    EXPECT(SAYS("WRONGTYPE Operation against a key holding the wrong kind of value", "LPUSH str x"));
    EXPECT(strncmp(ask("NOSUCH a"), "ERR unknown command 'NOSUCH', with args beginning with: 'a'", 59) == 0);
    EXPECT(SAYS("ERR wrong number of arguments for 'get' command", "GET"));
    EXPECT(SAYS("ERR value is not an integer or out of range", "INCR str"));
    EXPECT(SAYS("ERR DB index is out of range", "SELECT 999"));
}

static void reconnects(void) {
    scenario_restart();
    EXPECT(redisCommand(c, "PING") == NULL && c->err != 0);
    EXPECT(redisReconnect(c) == REDIS_OK);
    EXPECT(SAYS("OK", "SET after v"));
    EXPECT(SAYS("v", "GET after"));
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    port = atoi(argv[1]);
    c = connect_to();
    const struct {
        const char *name;
        void (*run)(void);
    } tries[] = {
        {"connect", connects},       {"strings", strings},     {"hashes", hashes},
        {"lists and sets", lists_and_sets}, {"sorted sets", sorted_sets}, {"streams with groups", streams},
        {"pipelines", pipelines},    {"scan", scan},           {"blocking pops", blocking_pops},
        {"expiry", expiry},          {"multi and watch", transactions}, {"pub/sub", pub_sub},
        {"binary safety", binary},   {"errors", errors},       {"reconnect", reconnects},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        tries[i].run();
        scenario_end_try(tries[i].name);
    }
    redisFree(c);
    printf("done\n");
    return scenario_failed;
}
