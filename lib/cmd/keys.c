// Which arguments of a command are keys, as its row's key_flags say: specifications, separated by "; ", each "(place) access flags".
//
//     RO access                      no place: the range first_key..last_key. Where two have none, the first is of first_key alone
//     (numkeys N) RO access          argv[N] says how many follow it
//     (streams N) RO access          the first half of what is behind the word STREAMS (N: where COMMAND INFO says that it is looked for)
//     (STORE N) OW update            the argument behind that word, looked for from argv[N] on; the last one counts, and whichever word of several
//     (sort) OW update               the argument behind the last STORE of SORT
//     (unknown) RO access            keys that cannot be told from the arguments
//
// The keys of a call are in the order of the specifications.
#include "base/mem.h"
#include "cmd/cmd_int.h"

// ---- specifications --------------------------------------------------------------------------------------------------------

static struct slice trim(struct slice s) {
    while (s.n && s.p[0] == ' ') s = (struct slice){ s.p + 1, s.n - 1 };
    return s;
}

static void parse_place(struct key_spec *k, struct slice place) {
    const char *space = memchr(place.p, ' ', place.n);
    k->word = slice_of(place.p, space ? (size_t)(space - place.p) : place.n);
    k->index = space ? atoi(space + 1) : 0;
    k->place = slice_is_word(k->word, "numkeys") ? KEYS_COUNTED : slice_is_word(k->word, "streams") ? KEYS_STREAMS :
        slice_is_word(k->word, "sort") ? KEYS_SORT : slice_is_word(k->word, "unknown") ? KEYS_UNKNOWN : KEYS_BEHIND;
}

int command_key_specs(const struct command *cmd, struct key_spec specs[KEY_SPECS_MAX]) {
    struct slice rest = slice_str(cmd->key_flags);
    int n = 0, ranges = 0;
    for (; rest.n && n < KEY_SPECS_MAX; n++) {
        const char *end = memchr(rest.p, ';', rest.n);
        struct slice one = slice_of(rest.p, end ? (size_t)(end - rest.p) : rest.n);
        rest = end ? trim(slice_of(end + 1, rest.n - one.n - 1)) : SLICE("");
        specs[n] = (struct key_spec){ .place = KEYS_RANGE, .index = cmd->first_key, .last = cmd->last_key };
        if (one.p[0] == '(') {
            const char *close = memchr(one.p, ')', one.n);
            parse_place(&specs[n], slice_of(one.p + 1, (size_t)(close - one.p - 1)));
            one = slice_of(close + 1, one.n - (size_t)(close - one.p) - 1);
        } else if (ranges++ > 0) {
            specs[0].last = cmd->first_key;
            specs[n].index = cmd->first_key + 1;
        }
        specs[n].flags = trim(one);
    }
    return n;
}

// ---- positions --------------------------------------------------------------------------------------------------------------

struct span {
    int first, end, step; // first, first + step, ... below end
};

static struct span behind(int at, int argc) {
    return at && at + 1 < argc ? (struct span){ at + 1, at + 2, 1 } : (struct span){ 0, 0, 1 };
}

static struct span span_counted(const struct key_spec *k, int argc, const struct slice *argv) {
    int64_t n;
    if (k->index >= argc || !num_parse_int(argv[k->index], &n) || n <= 0 || n > argc - k->index - 1) return (struct span){ 0, -1, 1 };
    return (struct span){ k->index + 1, k->index + 1 + (int)n, 1 };
}

// A name of a group or a consumer may be that word, too.
static struct span span_streams(int argc, const struct slice *argv) {
    for (int i = 1; i < argc; i++) {
        if (slice_is_word(argv[i], "count") || slice_is_word(argv[i], "block")) i++;
        else if (slice_is_word(argv[i], "group")) i += 2;
        else if (slice_is_word(argv[i], "streams")) return (struct span){ i + 1, i + 1 + (argc - i - 1) / 2, 1 };
    }
    return (struct span){ 0, -1, 1 };
}

static struct span span_sort(int argc, const struct slice *argv) {
    int at = 0;
    for (int i = 2; i < argc; i++) {
        if (slice_is_word(argv[i], "limit")) i += 2;
        else if (slice_is_word(argv[i], "get") || slice_is_word(argv[i], "by")) i++;
        else if (slice_is_word(argv[i], "store") && i + 1 < argc) at = i++;
    }
    return behind(at, argc);
}

static bool is_store_word(const struct key_spec *specs, int n, struct slice s) {
    for (int i = 0; i < n; i++) {
        if (specs[i].place == KEYS_BEHIND && slice_is_word(s, specs[i].word.n == 5 ? "store" : "storedist")) return true;
    }
    return false;
}

// Of several words the last that there is; it is told where the first of their specifications is.
static struct span span_behind(const struct key_spec *specs, int n, int which, int argc, const struct slice *argv) {
    int at = 0;
    if (specs[which - 1].place == KEYS_BEHIND) return (struct span){ 0, 0, 1 };
    for (int i = specs[which].index - 1; i + 1 < argc; i++) {
        if (is_store_word(specs, n, argv[i])) at = i++;
    }
    return behind(at, argc);
}

static struct span span_of(const struct command *cmd, const struct key_spec *specs, int n, int which, int argc, const struct slice *argv) {
    const struct key_spec *k = &specs[which];
    switch (k->place) {
    case KEYS_RANGE: return (struct span){ k->index, MIN((k->last < 0 ? argc + k->last : k->last) + 1, argc), cmd->key_step };
    case KEYS_COUNTED: return span_counted(k, argc, argv);
    case KEYS_STREAMS: return span_streams(argc, argv);
    case KEYS_BEHIND: return span_behind(specs, n, which, argc, argv);
    case KEYS_SORT: return span_sort(argc, argv);
    case KEYS_UNKNOWN: break;
    }
    return (struct span){ 0, 0, 1 };
}

bool command_keys(const struct command *cmd, int argc, const struct slice *argv, key_visit_fn *visit, void *arg) {
    struct key_spec specs[KEY_SPECS_MAX];
    int n = command_key_specs(cmd, specs);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        struct span s = span_of(cmd, specs, n, i, argc, argv);
        ok &= s.end >= 0;
        for (int at = s.first; at < s.end; at += s.step) visit(arg, at, specs[i].flags);
    }
    return ok;
}

// ---- of calls ---------------------------------------------------------------------------------------------------------------

static bool room_for_keys(struct call *c, size_t count) {
    if (likely(count <= CALL_KEYS_INLINE)) return true;
    struct key *keys = mem_alloc(count * sizeof *keys);
    if (!keys) {
        reply_no_memory(c);
        return false;
    }
    c->keys = keys;
    return true;
}

static void count_key(void *arg, int at, struct slice flags) {
    (void)at, (void)flags;
    ++*(size_t *)arg;
}

static void locate_key(void *arg, int at, struct slice flags) {
    struct call *c = arg;
    (void)flags;
    key_locate(c->txn.common, &c->keys[c->key_count++], c->session->db, c->argv[at]);
}

// Where the arguments name their keys wrongly there are fewer or none: the handler finds that, too, before it looks at any key.
static bool find_movable(struct call *c) {
    size_t count = 0;
    if (!command_keys(c->cmd, c->argc, c->argv, count_key, &count)) return true;
    if (!room_for_keys(c, count)) return false;
    command_keys(c->cmd, c->argc, c->argv, locate_key, c);
    return true;
}

// Channels have the stripes of their names, as if they were keys.
static bool find_channels(struct call *c) {
    const struct command *cmd = c->cmd;
    int first = cmd->parent < 0 ? 1 : 2, end = cmd->arity > 0 ? first + 1 : c->argc;
    if (!room_for_keys(c, (size_t)(end - first))) return false;
    for (int i = first; i < end; i++) key_locate(c->txn.common, &c->keys[c->key_count++], c->session->db, c->argv[i]);
    return true;
}

bool call_find_keys(struct call *c) {
    const struct command *cmd = c->cmd;
    c->keys = c->keys_inline;
    c->key_count = 0;
    if (unlikely(cmd->flags & CMD_MOVABLEKEYS)) return find_movable(c);
    if (cmd->first_key == 0) return unlikely(cmd->flags & CMD_PUBSUB) && cmd->route == ROUTE_KEYS ? find_channels(c) : true;
    if (likely(cmd->last_key == cmd->first_key)) {
        key_locate(c->txn.common, &c->keys[c->key_count++], c->session->db, c->argv[cmd->first_key]);
        return true;
    }
    int end = MIN((cmd->last_key < 0 ? c->argc + cmd->last_key : cmd->last_key) + 1, c->argc), step = cmd->key_step;
    if (!room_for_keys(c, (size_t)((end - cmd->first_key + step - 1) / step))) return false;
    for (int i = cmd->first_key; i < end; i += step) key_locate(c->txn.common, &c->keys[c->key_count++], c->session->db, c->argv[i]);
    return true;
}

void call_release_keys(struct call *c) {
    if (c->keys != c->keys_inline) mem_free(c->keys);
    c->keys = NULL;
    c->key_count = 0;
}
