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
        { CMD_PUBSUB, "pubsub" }, { CMD_LOADING, "loading" }, { CMD_STALE, "stale" }, { CMD_SKIP_MONITOR, "skip_monitor" }, { CMD_FAST, "fast" },
        { CMD_BLOCKING, "blocking" }, { CMD_NO_AUTH, "no_auth" }, { CMD_NO_ASYNC_LOADING, "no_async_loading" }, { CMD_NO_MULTI, "no_multi" }, { CMD_SKIP_SLOWLOG, "skip_slowlog" },
        { CMD_MOVABLEKEYS, "movablekeys" }, { CMD_ALLOW_BUSY, "allow_busy" },
    };
    char list[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (flags & names[i].flag) n += (size_t)snprintf(list + n, sizeof list - n, "%s ", names[i].name);
    }
    reply_words(c, list, "");
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

static void reply_range(struct call *c, int last, int step, int limit) {
    reply_typed(c, "find_keys", "range", 3);
    reply_field(c, "lastkey", last);
    reply_field(c, "keystep", step);
    reply_field(c, "limit", limit);
}

static void reply_counted(struct call *c) {
    reply_typed(c, "find_keys", "keynum", 3);
    reply_field(c, "keynumidx", 0);
    reply_field(c, "firstkey", 1);
    reply_field(c, "keystep", 1);
}

static void reply_keyword(struct call *c, struct slice word, int from) {
    char upper[32], name[32];
    snprintf(name, sizeof name, "%.*s", (int)word.n, word.p);
    upper_name(name, upper, sizeof upper);
    reply_typed(c, "begin_search", "keyword", 2);
    reply_bulk_str(c, "keyword");
    reply_bulk_str(c, upper);
    reply_field(c, "startfrom", from);
}

static void reply_index(struct call *c, int index) {
    reply_typed(c, "begin_search", "index", 1);
    reply_field(c, "index", index);
}

// What there is to say of a specification. NULL: nothing.
static const char *key_spec_note(const struct command *cmd, const struct key_spec *k) {
    static const struct {
        void (*handler)(struct call *c);
        const char *note;
    } notes[] = {
        { cmd_bitfield, "Reads the key, and changes it unless there is nothing but GET." },
        { cmd_getex, "RW and update, since it may change when the key expires." },
        { cmd_pfcount, "RW, since it may change how the key's value is stored." },
        { cmd_set, "Reads the key only with GET." },
        { cmd_xadd, "Update, since it may trim the stream." },
    };
    bool sorts = cmd->handler == cmd_sort || cmd->handler == cmd_sort_ro;
    if (sorts && k->place == KEYS_UNKNOWN) return "Keys that patterns of BY and GET make of what is sorted: only the data names them.";
    if (sorts && k->place == KEYS_SORT) return "The key behind STORE, a word that may stand anywhere.";
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        if (cmd->handler == notes[i].handler) return notes[i].note;
    }
    return NULL;
}

static void reply_key_spec(struct call *c, const struct command *cmd, const struct key_spec *k) {
    char flags[64];
    const char *note = key_spec_note(cmd, k);
    snprintf(flags, sizeof flags, "%.*s", (int)k->flags.n, k->flags.p);
    reply_map(c, note ? 4 : 3);
    if (note) {
        reply_bulk_str(c, "notes");
        reply_bulk_str(c, note);
    }
    reply_bulk_str(c, "flags");
    reply_words(c, flags, "");
    switch (k->place) {
    case KEYS_RANGE:
        reply_index(c, k->index);
        reply_range(c, k->last < 0 ? k->last : k->last - k->index, cmd->key_step, 0);
        break;
    case KEYS_COUNTED:
        reply_index(c, k->index);
        reply_counted(c);
        break;
    case KEYS_STREAMS:
        reply_keyword(c, k->word, k->index);
        reply_range(c, -1, 1, 2);
        break;
    case KEYS_BEHIND:
        reply_keyword(c, k->word, k->index);
        reply_range(c, 0, 1, 0);
        break;
    case KEYS_SORT:
    case KEYS_UNKNOWN:
        reply_typed(c, "begin_search", "unknown", 0);
        reply_typed(c, "find_keys", "unknown", 0);
        break;
    }
}

static void reply_key_specs(struct call *c, const struct command *cmd) {
    struct key_spec specs[KEY_SPECS_MAX];
    int n = command_key_specs(cmd, specs);
    reply_set(c, (size_t)n);
    for (int i = 0; i < n; i++) reply_key_spec(c, cmd, &specs[i]);
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

struct found_keys {
    struct call *c;
    const struct command *cmd;
    size_t count;
    bool with_flags;
};

static void count_key(void *arg, int at, struct slice flags) {
    struct found_keys *f = arg;
    (void)at, (void)flags;
    f->count++;
}

// The command that stands in argv from 2 on, and how many keys it has there.
static bool inner_command(struct call *c, struct found_keys *f) {
    const struct command *container, *cmd = command_find(c->host->index, c->argc - 2, c->argv + 2, &container);
    f->cmd = cmd;
    if (!cmd) reply_error(c, "ERR Invalid command specified");
    else if (!*cmd->key_flags || (cmd->flags & CMD_PUBSUB)) reply_error(c, "ERR The command has no key arguments");
    else if (!command_arity_ok(cmd, c->argc - 2)) reply_error(c, "ERR Invalid number of arguments specified for command");
    else if (!command_keys(cmd, c->argc - 2, c->argv + 2, count_key, f) || f->count == 0) reply_error(c, "ERR Invalid arguments specified for command");
    else return true;
    return false;
}

// What SET does to its key depends on whether it is to answer the old value.
static const char *set_key_flags(const struct call *c) {
    for (int i = 2 + 3; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], "get")) return "RW access update";
    }
    return "OW update";
}

// What a BITFIELD does to its key depends on whether there is anything but GET in it.
static const char *bitfield_key_flags(const struct call *c) {
    for (int i = 2 + 2; i < c->argc; i++) {
        int left = c->argc - i - 1;
        if (slice_is_word(c->argv[i], "get") && left >= 2) i += 2;
        else if (slice_is_word(c->argv[i], "overflow") && left >= 1) i++;
        else return "RW access update";
    }
    return "RO access";
}

static void reply_found_key(void *arg, int at, struct slice flags) {
    const struct found_keys *f = arg;
    char words[64];
    if (f->with_flags) reply_array(f->c, 2);
    reply_bulk(f->c, f->c->argv[2 + at]);
    if (!f->with_flags) return;
    snprintf(words, sizeof words, "%.*s", (int)flags.n, flags.p);
    reply_words(f->c, f->cmd->handler == cmd_set ? set_key_flags(f->c) : f->cmd->handler == cmd_bitfield ? bitfield_key_flags(f->c) : words, "");
}

static void reply_keys(struct call *c, bool with_flags) {
    struct found_keys f = { .c = c, .with_flags = with_flags };
    if (!inner_command(c, &f)) return;
    reply_array(c, f.count);
    command_keys(f.cmd, c->argc - 2, c->argv + 2, reply_found_key, &f);
}

void cmd_command_getkeys(struct call *c) { reply_keys(c, false); }
void cmd_command_getkeysandflags(struct call *c) { reply_keys(c, true); }
