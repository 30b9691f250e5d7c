// Reading arguments, with Redis's errors; and HELP.
#include "cmd/cmd_int.h"

bool read_int(struct call *c, struct slice s, int64_t *n) {
    if (likely(num_parse_int(s, n))) return true;
    reply_not_integer(c);
    return false;
}

bool read_int32(struct call *c, struct slice s, const char *text, int64_t *n) {
    bool whole = num_parse_int(s, n);
    if (likely(whole && *n >= INT32_MIN && *n <= INT32_MAX)) return true;
    if (text) reply_error(c, "ERR %s", text);
    else if (!whole) reply_not_integer(c);
    else reply_error(c, "ERR value is out of range, value must between %d and %d", INT32_MIN, INT32_MAX);
    return false;
}

bool read_db(struct call *c, struct slice s, const char *text, uint32_t *db) {
    int64_t n;
    if (!read_int32(c, s, text, &n)) return false;
    if (n < 0 || n >= c->txn.common->databases) {
        reply_error(c, "ERR DB index is out of range");
        return false;
    }
    *db = (uint32_t)n;
    return true;
}

void reply_invalid_expire(struct call *c) { reply_error(c, "ERR invalid expire time in '%s' command", c->cmd->name); }

void reply_arity(struct call *c) { reply_error(c, "ERR wrong number of arguments for '%s' command", c->cmd->name); }

bool read_expire_at(struct call *c, int64_t n, bool seconds, bool from_now, int64_t *at_ms) {
    if (seconds && __builtin_mul_overflow(n, (int64_t)1000, &n)) goto invalid;
    if (from_now && __builtin_add_overflow(n, txn_now(&c->txn), &n)) goto invalid;
    *at_ms = n;
    return true;
invalid:
    reply_invalid_expire(c);
    return false;
}

bool read_timeout(struct call *c, struct slice s, int64_t *ms) {
    long double seconds;
    if (!num_parse_long_real(s, &seconds)) {
        reply_error(c, "ERR timeout is not a float or out of range");
        return false;
    }
    if (seconds * 1000 >= (long double)INT64_MAX) {
        reply_error(c, "ERR timeout is out of range");
        return false;
    }
    if (seconds < 0) {
        reply_error(c, "ERR timeout is negative");
        return false;
    }
    *ms = (int64_t)(seconds * 1000);
    if ((long double)*ms < seconds * 1000) ++*ms;
    return true;
}

void upper_name(const char *from, char *to, size_t size) {
    size_t n = 0;
    for (; from[n] && n < size - 1; n++) to[n] = from[n] >= 'a' && from[n] <= 'z' ? (char)(from[n] - ('a' - 'A')) : from[n];
    to[n] = '\0';
}

void reply_help(struct call *c) {
    enum { HELP_LINE_MAX = 512 };
    const struct command *container = &commands[c->cmd->parent];
    char name[64], line[HELP_LINE_MAX];
    size_t lines = 1;
    for (int i = 0; i < command_count; i++) lines += commands[i].parent == c->cmd->parent ? 2 : 0;
    upper_name(container->name, name, sizeof name);
    snprintf(line, sizeof line, "%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    reply_array(c, lines);
    reply_status(c, line);
    for (int i = 0; i < command_count; i++) {
        if (commands[i].parent != c->cmd->parent) continue;
        upper_name(strchr(commands[i].name, '|') + 1, name, sizeof name);
        snprintf(line, sizeof line, "%s%s%s", name, *commands[i].synopsis ? " " : "", commands[i].synopsis);
        reply_status(c, line);
        snprintf(line, sizeof line, "    %s", commands[i].summary);
        reply_status(c, line);
    }
}
