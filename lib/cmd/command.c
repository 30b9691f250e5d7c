// COMMAND: what the table knows of each command. See docs.c for COMMAND DOCS.
#include "base/glob.h"
#include "cmd/cmd_int.h"
#include "cmd/host.h"

static bool listed(const struct command *cmd, int parent) { return cmd->parent == parent && !(cmd->flags & CMD_HIDDEN); }

static int count_rows(int parent) {
    int n = 0;
    for (int i = 0; i < command_count; i++) n += listed(&commands[i], parent);
    return n;
}

// ---- COMMAND, COMMAND INFO ---------------------------------------------------------------------------------------------------

// The next word of a list that is separated by spaces; n 0: there is none left.
static struct slice next_word(const char **list) {
    const char *p = *list + strspn(*list, " ");
    size_t n = strcspn(p, " ");
    *list = p + n;
    return slice_of(p, n);
}

static size_t count_words(const char *list) {
    size_t n = 0;
    while (next_word(&list).n) n++;
    return n;
}

// Words as a set of statuses, each with a prefix.
static void reply_words(struct call *c, const char *list, const char *prefix) {
    char text[64];
    reply_set(c, count_words(list));
    for (struct slice word; (word = next_word(&list)).n;) {
        snprintf(text, sizeof text, "%s%.*s", prefix, (int)word.n, word.p);
        reply_status(c, text);
    }
}

static void reply_tips(struct call *c, const char *list) {
    reply_set(c, count_words(list));
    for (struct slice word; (word = next_word(&list)).n;) reply_bulk(c, word);
}

static void reply_flags(struct call *c, uint32_t flags) {
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        { CMD_WRITE, "write" }, { CMD_READONLY, "readonly" }, { CMD_DENYOOM, "denyoom" }, { CMD_ADMIN, "admin" }, { CMD_NOSCRIPT, "noscript" },
        { CMD_LOADING, "loading" }, { CMD_STALE, "stale" }, { CMD_SKIP_MONITOR, "skip_monitor" }, { CMD_FAST, "fast" },
        { CMD_NO_AUTH, "no_auth" }, { CMD_NO_MULTI, "no_multi" }, { CMD_MOVABLEKEYS, "movablekeys" }, { CMD_ALLOW_BUSY, "allow_busy" },
    };
    char list[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (flags & names[i].flag) n += (size_t)snprintf(list + n, sizeof list - n, "%s ", names[i].name);
    }
    reply_words(c, list, "");
}

// The access flags of a command's `which`-th key, as words.
static void key_flags_of(const struct command *cmd, int which, char *out, size_t size) {
    const char *semicolon = strchr(cmd->key_flags, ';');
    size_t first = semicolon ? (size_t)(semicolon - cmd->key_flags) : strlen(cmd->key_flags);
    if (which == 0 || !semicolon) snprintf(out, size, "%.*s", (int)first, cmd->key_flags);
    else snprintf(out, size, "%s", semicolon + 1);
}

static void reply_typed(struct call *c, const char *name, const char *type, size_t fields) {
    reply_bulk_str(c, name);
    reply_map(c, 2);
    reply_bulk_str(c, "type");
    reply_bulk_str(c, type);
    reply_bulk_str(c, "spec");
    reply_map(c, fields);
}

static void reply_field(struct call *c, const char *name, int64_t n) {
    reply_bulk_str(c, name);
    reply_int(c, n);
}

// Keys from argv[first] on, up to `last` positions further on (negative: counted from the end of argv).
static void reply_key_spec(struct call *c, const struct command *cmd, int which, int first, int last) {
    char flags[64];
    key_flags_of(cmd, which, flags, sizeof flags);
    reply_map(c, 3);
    reply_bulk_str(c, "flags");
    reply_words(c, flags, "");
    reply_typed(c, "begin_search", "index", 1);
    reply_field(c, "index", first);
    reply_typed(c, "find_keys", "range", 3);
    reply_field(c, "lastkey", last);
    reply_field(c, "keystep", cmd->key_step);
    reply_field(c, "limit", 0);
}

static void reply_key_specs(struct call *c, const struct command *cmd) {
    int first = cmd->first_key, last = cmd->last_key;
    if (first == 0) {
        reply_set(c, 0);
    } else if (strchr(cmd->key_flags, ';')) {
        reply_set(c, 2);
        reply_key_spec(c, cmd, 0, first, 0);
        reply_key_spec(c, cmd, 1, first + 1, last < 0 ? last : last - first - 1);
    } else {
        reply_set(c, 1);
        reply_key_spec(c, cmd, 0, first, last < 0 ? last : last - first);
    }
}

static void reply_info(struct call *c, const struct command *cmd) {
    int row = (int)(cmd - commands);
    reply_array(c, 10);
    reply_bulk_str(c, cmd->name);
    reply_int(c, cmd->arity);
    reply_flags(c, cmd->flags);
    reply_int(c, cmd->first_key);
    reply_int(c, cmd->last_key);
    reply_int(c, cmd->key_step);
    reply_words(c, cmd->acl, "@");
    reply_tips(c, cmd->tips);
    reply_key_specs(c, cmd);
    // Subcommands have none themselves, so this goes one level deep. Where there are none, RESP3 has an empty set.
    int below = count_rows(row);
    if (below) reply_array(c, (size_t)below);
    else reply_set(c, 0);
    for (int i = 0; i < command_count; i++) {
        if (listed(&commands[i], row)) reply_info(c, &commands[i]);
    }
}

void cmd_command(struct call *c) {
    reply_array(c, (size_t)count_rows(-1));
    for (int i = 0; i < command_count; i++) {
        if (listed(&commands[i], -1)) reply_info(c, &commands[i]);
    }
}

void cmd_command_info(struct call *c) {
    if (c->argc == 2) {
        cmd_command(c);
        return;
    }
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct command *cmd = command_by_name(c->host->index, c->argv[i]);
        if (cmd) reply_info(c, cmd);
        else reply_null(c);
    }
}

void cmd_command_count(struct call *c) { reply_int(c, count_rows(-1)); }
void cmd_command_help(struct call *c) { reply_help(c); }

// ---- COMMAND LIST ------------------------------------------------------------------------------------------------------------

enum filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN, FILTER_INVALID };

static enum filter parse_filter(const struct call *c) {
    if (c->argc == 2) return FILTER_NONE;
    if (c->argc != 5 || !slice_is_word(c->argv[2], "filterby")) return FILTER_INVALID;
    if (slice_is_word(c->argv[3], "module")) return FILTER_MODULE;
    if (slice_is_word(c->argv[3], "aclcat")) return FILTER_CATEGORY;
    return slice_is_word(c->argv[3], "pattern") ? FILTER_PATTERN : FILTER_INVALID;
}

static bool in_category(const struct command *cmd, struct slice category) {
    char word[32];
    const char *list = cmd->acl;
    for (struct slice s; (s = next_word(&list)).n;) {
        snprintf(word, sizeof word, "%.*s", (int)s.n, s.p);
        if (slice_is_word(category, word)) return true;
    }
    return false;
}

// Subcommands are listed where a filter chooses them. There are no modules.
static bool passes(const struct command *cmd, enum filter filter, struct slice arg) {
    if (cmd->flags & CMD_HIDDEN) return false;
    if (filter == FILTER_NONE) return cmd->parent < 0;
    if (filter == FILTER_CATEGORY) return in_category(cmd, arg);
    return filter == FILTER_PATTERN && glob_match(arg, slice_str(cmd->name), true);
}

void cmd_command_list(struct call *c) {
    enum filter filter = parse_filter(c);
    struct slice arg = filter == FILTER_NONE ? SLICE("") : c->argv[c->argc - 1];
    size_t n = 0;
    if (filter == FILTER_INVALID) {
        reply_syntax_error(c);
        return;
    }
    for (int i = 0; i < command_count; i++) n += passes(&commands[i], filter, arg);
    reply_array(c, n);
    for (int i = 0; i < command_count; i++) {
        if (passes(&commands[i], filter, arg)) reply_bulk_str(c, commands[i].name);
    }
}

// ---- COMMAND GETKEYS, GETKEYSANDFLAGS ------------------------------------------------------------------------------------------

// The command that stands in argv from 2 on, with the positions of its keys there.
static const struct command *inner_command(struct call *c, struct key_positions *at) {
    const struct command *container, *cmd = command_find(c->host->index, c->argc - 2, c->argv + 2, &container);
    if (!cmd) reply_error(c, "ERR Invalid command specified");
    else if (!command_keys(cmd, c->argc - 2, at)) reply_error(c, "ERR The command has no key arguments");
    else if (!command_arity_ok(cmd, c->argc - 2)) reply_error(c, "ERR Invalid number of arguments specified for command");
    else return cmd;
    return NULL;
}

// What SET does to its key depends on whether it is to answer the old value.
static const char *set_key_flags(const struct call *c) {
    for (int i = 2 + 3; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], "get")) return "RW access update";
    }
    return "OW update";
}

static void reply_keys(struct call *c, bool with_flags) {
    struct key_positions at;
    const struct command *cmd = inner_command(c, &at);
    char flags[64];
    if (!cmd) return;
    int count = (at.end - at.first + at.step - 1) / at.step;
    reply_array(c, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (with_flags) reply_array(c, 2);
        reply_bulk(c, c->argv[2 + at.first + i * at.step]);
        if (!with_flags) continue;
        key_flags_of(cmd, i, flags, sizeof flags);
        reply_words(c, cmd->handler == cmd_set ? set_key_flags(c) : flags, "");
    }
}

void cmd_command_getkeys(struct call *c) { reply_keys(c, false); }
void cmd_command_getkeysandflags(struct call *c) { reply_keys(c, true); }
