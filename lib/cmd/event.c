// What keyspace notifications say of each command that changes a key, and the letters of notify-keyspace-events. Names and classes are Redis's.
//
// A command's event is told where it says that it has changed a key (key_changed). That a key has expired, is new or was looked for in vain, or that
// nothing is left of its value, is told where it is found out (lib/stripe).
#include "cmd/cmd_int.h"
#include "cmd/settings.h"

// ---- by command ------------------------------------------------------------------------------------------------------------------

static const struct row {
    const char *command;
    enum event_class class;
    const char *event;
    bool del_if_gone; // a result of which nothing is left is a "del" instead
} rows[] = { // in the order of strcmp
    { "append", EVENT_STRING, "append", false },
    { "bitfield", EVENT_STRING, "setbit", false },
    { "bitop", EVENT_STRING, "set", true },
    { "blpop", EVENT_LIST, "lpop", false },
    { "brpop", EVENT_LIST, "rpop", false },
    { "bzpopmax", EVENT_ZSET, "zpopmax", false },
    { "bzpopmin", EVENT_ZSET, "zpopmin", false },
    { "decr", EVENT_STRING, "incrby", false },
    { "decrby", EVENT_STRING, "incrby", false },
    { "del", EVENT_GENERIC, "del", false },
    { "expire", EVENT_GENERIC, "expire", true },
    { "expireat", EVENT_GENERIC, "expire", true },
    { "geoadd", EVENT_ZSET, "zadd", false },
    { "georadius", EVENT_ZSET, "georadiusstore", true },
    { "georadiusbymember", EVENT_ZSET, "georadiusstore", true },
    { "geosearchstore", EVENT_ZSET, "geosearchstore", true },
    { "getdel", EVENT_GENERIC, "del", false },
    { "getset", EVENT_STRING, "set", false },
    { "hdel", EVENT_HASH, "hdel", false },
    { "hexpire", EVENT_HASH, "hexpire", false },
    { "hexpireat", EVENT_HASH, "hexpire", false },
    { "hgetdel", EVENT_HASH, "hdel", false },
    { "hincrby", EVENT_HASH, "hincrby", false },
    { "hincrbyfloat", EVENT_HASH, "hincrbyfloat", false },
    { "hmset", EVENT_HASH, "hset", false },
    { "hpersist", EVENT_HASH, "hpersist", false },
    { "hpexpire", EVENT_HASH, "hexpire", false },
    { "hpexpireat", EVENT_HASH, "hexpire", false },
    { "hset", EVENT_HASH, "hset", false },
    { "hsetex", EVENT_HASH, "hset", false },
    { "hsetnx", EVENT_HASH, "hset", false },
    { "incr", EVENT_STRING, "incrby", false },
    { "incrby", EVENT_STRING, "incrby", false },
    { "incrbyfloat", EVENT_STRING, "incrbyfloat", false },
    { "linsert", EVENT_LIST, "linsert", false },
    { "lpop", EVENT_LIST, "lpop", false },
    { "lpush", EVENT_LIST, "lpush", false },
    { "lpushx", EVENT_LIST, "lpush", false },
    { "lrem", EVENT_LIST, "lrem", false },
    { "lset", EVENT_LIST, "lset", false },
    { "ltrim", EVENT_LIST, "ltrim", false },
    { "mset", EVENT_STRING, "set", false },
    { "msetnx", EVENT_STRING, "set", false },
    { "persist", EVENT_GENERIC, "persist", false },
    { "pexpire", EVENT_GENERIC, "expire", true },
    { "pexpireat", EVENT_GENERIC, "expire", true },
    { "pfadd", EVENT_STRING, "pfadd", false },
    { "pfmerge", EVENT_STRING, "pfadd", false },
    { "psetex", EVENT_STRING, "set", false },
    { "restore", EVENT_GENERIC, "restore", true },
    { "rpop", EVENT_LIST, "rpop", false },
    { "rpush", EVENT_LIST, "rpush", false },
    { "rpushx", EVENT_LIST, "rpush", false },
    { "sadd", EVENT_SET, "sadd", false },
    { "sdiffstore", EVENT_SET, "sdiffstore", true },
    { "set", EVENT_STRING, "set", false },
    { "setbit", EVENT_STRING, "setbit", false },
    { "setex", EVENT_STRING, "set", false },
    { "setnx", EVENT_STRING, "set", false },
    { "setrange", EVENT_STRING, "setrange", false },
    { "sinterstore", EVENT_SET, "sinterstore", true },
    { "sort", EVENT_LIST, "sortstore", true },
    { "spop", EVENT_SET, "spop", false },
    { "srem", EVENT_SET, "srem", false },
    { "sunionstore", EVENT_SET, "sunionstore", true },
    { "unlink", EVENT_GENERIC, "del", false },
    { "xadd", EVENT_STREAM, "xadd", false },
    { "xdel", EVENT_STREAM, "xdel", false },
    { "xgroup|create", EVENT_STREAM, "xgroup-create", false },
    { "xgroup|createconsumer", EVENT_STREAM, "xgroup-createconsumer", false },
    { "xgroup|delconsumer", EVENT_STREAM, "xgroup-delconsumer", false },
    { "xgroup|destroy", EVENT_STREAM, "xgroup-destroy", false },
    { "xgroup|setid", EVENT_STREAM, "xgroup-setid", false },
    { "xsetid", EVENT_STREAM, "xsetid", false },
    { "xtrim", EVENT_STREAM, "xtrim", false },
    { "zadd", EVENT_ZSET, "zadd", false },
    { "zdiffstore", EVENT_ZSET, "zdiffstore", true },
    { "zincrby", EVENT_ZSET, "zincr", false },
    { "zinterstore", EVENT_ZSET, "zinterstore", true },
    { "zpopmax", EVENT_ZSET, "zpopmax", false },
    { "zpopmin", EVENT_ZSET, "zpopmin", false },
    { "zrangestore", EVENT_ZSET, "zrangestore", true },
    { "zrem", EVENT_ZSET, "zrem", false },
    { "zremrangebylex", EVENT_ZSET, "zremrangebylex", false },
    { "zremrangebyrank", EVENT_ZSET, "zremrangebyrank", false },
    { "zremrangebyscore", EVENT_ZSET, "zremrangebyscore", false },
    { "zunionstore", EVENT_ZSET, "zunionstore", true },
};

static int compare(const void *name, const void *row) { return strcmp(name, ((const struct row *)row)->command); }

static bool same_key(const struct key *a, const struct key *b) { return a->db == b->db && slice_equal(a->name, b->name); }

static bool word_at(const struct call *c, int i, const char *word) { return i < c->argc && slice_is_word(c->argv[i], word); }

static bool any_word(const struct call *c, int from, const char *const *words) {
    for (int i = from; i < c->argc; i++) {
        for (int k = 0; words[k]; k++) {
            if (slice_is_word(c->argv[i], words[k])) return true;
        }
    }
    return false;
}

static bool sets_expiry(const struct call *c) {
    static const char *const words[] = { "ex", "px", "exat", "pxat", NULL };
    return c->cmd->handler == cmd_setex || c->cmd->handler == cmd_psetex || (c->cmd->handler == cmd_set && any_word(c, 3, words));
}

static void after_set(struct call *c, const struct key *k) {
    event_emit(&c->txn, k, EVENT_STRING, "set");
    if (sets_expiry(c)) event_emit(&c->txn, k, EVENT_GENERIC, "expire");
}

static void after_getex(struct call *c, const struct key *k) {
    const struct entry *e = key_find(&c->txn, k, 0);
    event_emit(&c->txn, k, EVENT_GENERIC, !e ? "del" : word_at(c, 2, "persist") ? "persist" : "expire");
}

static void after_zadd(struct call *c, const struct key *k) {
    static const char *const words[] = { "incr", NULL };
    int flags_end = 2; // members may be called so, too
    double score;
    while (flags_end < c->argc && !num_parse_real(c->argv[flags_end], &score)) flags_end++;
    struct call flags = { .argc = flags_end, .argv = c->argv };
    event_emit(&c->txn, k, EVENT_ZSET, any_word(&flags, 2, words) ? "zincr" : "zadd");
}

// The source goes last, but is named first.
static void after_rename(struct call *c, const struct key *k) {
    if (k == &c->keys[0]) return;
    event_emit(&c->txn, &c->keys[0], EVENT_GENERIC, "rename_from");
    event_emit(&c->txn, k, EVENT_GENERIC, "rename_to");
}

static void after_move(struct call *c, const struct key *k) {
    if (k == &c->keys[0]) return;
    event_emit(&c->txn, &c->keys[0], EVENT_GENERIC, "move_from");
    event_emit(&c->txn, k, EVENT_GENERIC, "move_to");
}

static void after_copy(struct call *c, const struct key *k) { event_emit(&c->txn, k, EVENT_GENERIC, "copy_to"); }

// A list that only turns says so of itself once.
static void after_list_move(struct call *c, const struct key *k) {
    bool words = c->cmd->handler == cmd_lmove || c->cmd->handler == cmd_blmove;
    const char *push = words && word_at(c, 4, "right") ? "rpush" : "lpush", *pop = words && word_at(c, 3, "left") ? "lpop" : "rpop";
    bool turns = same_key(&c->keys[0], &c->keys[1]);
    if (turns || k != &c->keys[0]) event_emit(&c->txn, k, EVENT_LIST, push);
    if (turns || k == &c->keys[0]) event_emit(&c->txn, k, EVENT_LIST, pop);
}

static void after_lmpop(struct call *c, const struct key *k) {
    int at = (c->cmd->handler == cmd_lmpop ? 2 : 3) + (int)c->key_count;
    event_emit(&c->txn, k, EVENT_LIST, word_at(c, at, "left") ? "lpop" : "rpop");
}

static void after_zmpop(struct call *c, const struct key *k) {
    int at = (c->cmd->handler == cmd_zmpop ? 2 : 3) + (int)c->key_count;
    event_emit(&c->txn, k, EVENT_ZSET, word_at(c, at, "min") ? "zpopmin" : "zpopmax");
}

static void after_smove(struct call *c, const struct key *k) { event_emit(&c->txn, k, EVENT_SET, k == &c->keys[0] ? "srem" : "sadd"); }

static const struct special {
    void (*handler)(struct call *c);
    void (*after)(struct call *c, const struct key *k);
} specials[] = {
    { cmd_set, after_set }, { cmd_setex, after_set }, { cmd_psetex, after_set }, { cmd_getex, after_getex }, { cmd_zadd, after_zadd },
    { cmd_rename, after_rename }, { cmd_renamenx, after_rename }, { cmd_move, after_move }, { cmd_copy, after_copy }, { cmd_lmove, after_list_move },
    { cmd_blmove, after_list_move }, { cmd_rpoplpush, after_list_move }, { cmd_brpoplpush, after_list_move }, { cmd_lmpop, after_lmpop },
    { cmd_blmpop, after_lmpop }, { cmd_zmpop, after_zmpop }, { cmd_bzmpop, after_zmpop }, { cmd_smove, after_smove },
};

void event_of_command(struct call *c, const struct key *k) {
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        if (specials[i].handler != c->cmd->handler) continue;
        specials[i].after(c, k);
        return;
    }
    const struct row *r = bsearch(c->cmd->name, rows, ARRAY_LEN(rows), sizeof rows[0], compare);
    if (!r) return;
    if (r->del_if_gone && !key_find(&c->txn, k, 0)) event_emit(&c->txn, k, EVENT_GENERIC, "del");
    else event_emit(&c->txn, k, r->class, r->event);
}

void event_of_name(struct txn *t, const struct key *k, struct slice command) {
    char name[32];
    size_t n = MIN(command.n, sizeof name - 1);
    for (size_t i = 0; i < n; i++) name[i] = command.p[i] >= 'A' && command.p[i] <= 'Z' ? (char)(command.p[i] + ('a' - 'A')) : command.p[i];
    name[n] = '\0';
    const struct row *r = bsearch(name, rows, ARRAY_LEN(rows), sizeof rows[0], compare);
    if (r) event_emit(t, k, r->class, r->event);
}

// ---- letters -----------------------------------------------------------------------------------------------------------------------

static const char letters[] = "KEg$lshzxetmdn"; // in the order of enum event_class

bool events_parse(struct slice text, uint64_t *classes) {
    *classes = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *letter = text.p[i] ? strchr(letters, text.p[i]) : NULL;
        if (text.p[i] == 'A') *classes |= EVENT_ALL;
        else if (letter) *classes |= UINT64_C(1) << (letter - letters);
        else return false;
    }
    return true;
}

void events_format(uint64_t classes, struct buf *out) {
    static const char order[] = "g$lshzxetdn";
    bool all = (classes & EVENT_ALL) == EVENT_ALL;
    if (all) buf_append_char(out, 'A');
    for (const char *l = order; *l && !all; l++) {
        if (classes & UINT64_C(1) << (strchr(letters, *l) - letters)) buf_append_char(out, *l);
    }
    if (classes & EVENT_KEYSPACE) buf_append_char(out, 'K');
    if (classes & EVENT_KEYEVENT) buf_append_char(out, 'E');
    if (classes & EVENT_MISS) buf_append_char(out, 'm');
}
