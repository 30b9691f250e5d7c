// The command table, the index by name over it, and what is done with it before a call runs: look-up, number of arguments, keys.
//
// The index is an open-addressing hash table over the first and last eight bytes of a name, in lower case, with its length: for names
// of up to 16 bytes that is the whole name, so a look-up compares two words and follows no pointer. A subcommand is found under its own
// name together with the number of its container. The index is immutable once made; any thread reads it.
#include "base/mem.h"
#include "cmd/cmd_int.h"

enum row {
    ROW_none = -1,
#define KORA_COMMAND(symbol, ...) ROW_##symbol,
#define KORA_CONTAINER(symbol, ...) ROW_##symbol,
#include "cmd/commands.def"
    ROW_COUNT
};

const struct command commands[] = {
#define KORA_COMMAND(symbol, parent_, name_, arity_, flags_, first, last, step, key_flags_, route_, merge_, acl_, tips_, handler_, since_, \
    group_, complexity_, deprecated_, synopsis_, summary_)                                                                                \
    { .name = name_, .arity = arity_, .flags = flags_, .first_key = first, .last_key = last, .key_step = step, .key_flags = key_flags_,   \
        .route = route_, .merge = merge_, .acl = acl_, .tips = tips_, .handler = handler_, .since = since_, .group = group_,              \
        .complexity = complexity_, .deprecated = deprecated_, .synopsis = synopsis_, .summary = summary_, .parent = ROW_##parent_ },
#define KORA_CONTAINER(symbol, name_, acl_, since_, group_, summary_)                                                                     \
    { .name = name_, .arity = -2, .flags = CMD_CONTAINER, .key_flags = "", .acl = acl_, .tips = "", .since = since_, .group = group_,     \
        .complexity = "Depends on the subcommand.", .deprecated = "", .synopsis = "", .summary = summary_, .parent = ROW_none },
#include "cmd/commands.def"
};
const int command_count = ROW_COUNT;

static command_variant_fn *const variants[ROW_COUNT] = { // NULL: it has none
#define KORA_COMMAND(...)
#define KORA_VARIANTS(symbol, pick) [ROW_##symbol] = pick,
#include "cmd/commands.def"
};

// ---- the index -----------------------------------------------------------------------------------------------------------

struct name { // lower case
    uint64_t head, tail;
};

struct slot {
    struct name name;
    uint32_t len; // 0: free
    int16_t parent, row;
};

enum { INDEX_BITS = 10, INDEX_SLOTS = 1 << INDEX_BITS };
_Static_assert(ROW_COUNT * 2 <= INDEX_SLOTS, "the index is at most half full");

struct command_index {
    struct slot slots[INDEX_SLOTS];
};

static inline uint64_t load8(const char *p) {
    uint64_t n;
    memcpy(&n, p, sizeof n);
    return n;
}
static inline uint64_t load4(const char *p) {
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return n;
}

// Eight bytes at once: those from 'A' to 'Z' get the bit that makes them lower case.
static inline uint64_t lower8(uint64_t n) {
    const uint64_t ones = 0x0101010101010101, low7 = n & 0x7f * ones;
    uint64_t from_a = low7 + (0x80 - 'A') * ones, above_z = low7 + (0x7f - 'Z') * ones;
    return n | ((from_a ^ above_z) & ~n & 0x80 * ones) >> 2;
}

static inline struct name name_of(struct slice s) {
    struct name name = { 0, 0 };
    if (s.n >= 8) {
        name = (struct name){ load8(s.p), load8(s.p + s.n - 8) };
    } else if (s.n >= 4) {
        name = (struct name){ load4(s.p), load4(s.p + s.n - 4) };
    } else if (s.n > 0) {
        name.head = (uint64_t)(unsigned char)s.p[0] | (uint64_t)(unsigned char)s.p[s.n / 2] << 8 | (uint64_t)(unsigned char)s.p[s.n - 1] << 16;
    }
    return (struct name){ lower8(name.head), lower8(name.tail) };
}

static inline uint32_t home_of(struct name name, size_t len, int parent) {
    uint64_t h = (name.head ^ (name.tail << 29 | name.tail >> 35) ^ ((uint64_t)len << 56) ^ ((uint64_t)(parent + 1) << 40)) * 0x9e3779b97f4a7c15;
    return (uint32_t)(h >> (64 - INDEX_BITS));
}

// A subcommand's name without its container's.
static struct slice own_name(const struct command *cmd) {
    const char *bar = strchr(cmd->name, '|');
    return slice_str(bar ? bar + 1 : cmd->name);
}

static inline const struct command *look_up(const struct command_index *x, struct slice s, int parent) {
    struct name name = name_of(s);
    for (uint32_t i = home_of(name, s.n, parent);; i++) {
        const struct slot *slot = &x->slots[i & (INDEX_SLOTS - 1)];
        if (slot->len == 0) return NULL;
        if (slot->name.head != name.head || slot->name.tail != name.tail || slot->len != s.n || slot->parent != parent) continue;
        if (likely(s.n <= 16) || slice_is_word(s, own_name(&commands[slot->row]).p)) return &commands[slot->row];
    }
}

struct command_index *command_index_create(void) {
    struct command_index *x = mem_alloc_zero(sizeof *x);
    if (!x) return NULL;
    for (int row = 0; row < command_count; row++) {
        if (commands[row].flags & CMD_HIDDEN) continue;
        struct slice s = own_name(&commands[row]);
        struct slot slot = { name_of(s), (uint32_t)s.n, (int16_t)commands[row].parent, (int16_t)row };
        uint32_t i = home_of(slot.name, s.n, slot.parent);
        while (x->slots[i & (INDEX_SLOTS - 1)].len) i++;
        x->slots[i & (INDEX_SLOTS - 1)] = slot;
    }
    return x;
}

void command_index_free(struct command_index *x) { mem_free(x); }

const struct command *command_find(const struct command_index *x, int argc, const struct slice *argv, const struct command **container) {
    const struct command *cmd = look_up(x, argv[0], ROW_none);
    *container = NULL;
    if (likely(!cmd || !(cmd->flags & CMD_CONTAINER)) || argc == 1) return cmd;
    *container = cmd;
    return look_up(x, argv[1], (int)(cmd - commands));
}

const struct command *command_by_name(const struct command_index *x, struct slice name) {
    const char *bar = name.n ? memchr(name.p, '|', name.n) : NULL;
    if (!bar) return look_up(x, name, ROW_none);
    size_t n = (size_t)(bar - name.p);
    const struct command *container = look_up(x, slice_of(name.p, n), ROW_none);
    return container ? look_up(x, slice_of(bar + 1, name.n - n - 1), (int)(container - commands)) : NULL;
}

// ---- before a call runs ----------------------------------------------------------------------------------------------------

// As much of s as Redis shows: up to a zero byte, at most `max` bytes.
static int shown(struct slice s, size_t max) { return (int)strnlen(s.p ? s.p : "", MIN(s.n, max)); }

static void reply_unknown(struct call *c, const struct command *container) {
    if (container) {
        char upper[32];
        upper_name(container->name, upper, sizeof upper);
        reply_error(c, "ERR unknown subcommand '%.*s'. Try %s HELP.", shown(c->argv[1], 128), c->argv[1].p, upper);
        return;
    }
    char args[256];
    int n = 0;
    for (int i = 1; i < c->argc && n < 128; i++) {
        n += snprintf(args + n, sizeof args - (size_t)n, "'%.*s' ", shown(c->argv[i], (size_t)(128 - n)), c->argv[i].p);
    }
    reply_error(c, "ERR unknown command '%.*s', with args beginning with: %.*s", shown(c->argv[0], 128), c->argv[0].p, n, args);
}

bool command_arity_ok(const struct command *cmd, int argc) { return cmd->arity > 0 ? argc == cmd->arity : argc >= -cmd->arity; }

bool call_prepare(struct call *c, const struct command_index *x) {
    const struct command *container, *cmd = command_find(x, c->argc, c->argv, &container);
    if (unlikely(!cmd)) {
        reply_unknown(c, container);
        return false;
    }
    if (unlikely(!command_arity_ok(cmd, c->argc))) {
        call_rejected(c, cmd);
        const char *code = cmd->handler == cmd_exec ? "EXECABORT Transaction discarded because of:" : "ERR";
        reply_error(c, "%s wrong number of arguments for '%s' command", code, cmd->name);
        return false;
    }
    c->cmd = cmd;
    if (unlikely(cmd->flags & CMD_VARIANTS)) c->cmd = variants[cmd - commands](c);
    return true;
}
