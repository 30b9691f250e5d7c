// COMMAND DOCS. The arguments of a command are a tree, which is read off its synopsis:
//
//     word          a value         WORD           a word as it is       WORD value     a value behind a word
//     [...]         optional        <...>          grouped               a | b          one of them
//     x ...  and  x [x ...]         x, once or more often
//
// The tree lives in a fixed array on the stack: the longest synopsis needs some thirty nodes.
#include "cmd/cmd_int.h"
#include "cmd/host.h"

enum node_kind { NODE_VALUE, NODE_WORD, NODE_BLOCK, NODE_ONEOF };
enum { NODES_MAX = 64, NONE = -1 };

struct node {
    enum node_kind kind;
    struct slice name;  // VALUE, WORD
    struct slice token; // the word in front of it; n 0: none
    bool optional, multiple;
    int child, next;    // NONE: there is none
};

struct tree {
    const char *p; // what is still to be read
    struct slice first_key; // the key that has a specification of its own; n 0: all have the same
    int count;
    struct node nodes[NODES_MAX];
};

struct list { // of nodes, chained by `next`
    int first, last, count;
};

static int add_node(struct tree *t, struct node n) {
    invariant(t->count < NODES_MAX);
    t->nodes[t->count] = n;
    t->nodes[t->count].next = NONE;
    return t->count++;
}

static void list_add(struct tree *t, struct list *l, int node) {
    if (l->count++) t->nodes[l->last].next = node;
    else l->first = node;
    l->last = node;
}

static int group(struct tree *t, enum node_kind kind, struct list l) { return add_node(t, (struct node){ .kind = kind, .child = l.first }); }

// A list as one node.
static int one_node(struct tree *t, struct list l) { return l.count == 1 ? l.first : group(t, NODE_BLOCK, l); }

static int read_alternatives(struct tree *t, bool *repeats);

static struct slice read_word(struct tree *t) {
    struct slice s = { t->p, strcspn(t->p, " []<>|") };
    t->p += s.n;
    return s;
}

// "key value [key value ...]": what is in the brackets repeats what stands in front of them, or (`destination key [key ...]`) the end of it.
static void repeat(struct tree *t, struct list *l) {
    if (l->count > 1) {
        int block = group(t, NODE_BLOCK, *l);
        *l = (struct list){ block, block, 1 };
    }
    t->nodes[l->last].multiple = true;
}

static int first_leaf(const struct tree *t, int node) {
    while (t->nodes[node].child != NONE) node = t->nodes[node].child;
    return node;
}

static void read_brackets(struct tree *t, struct list *l) {
    bool optional = *t->p++ == '[', repeats;
    int node = read_alternatives(t, &repeats);
    t->p++;
    struct slice name = t->nodes[first_leaf(t, node)].name;
    if (optional && repeats && l->count && slice_equal(t->nodes[first_leaf(t, l->first)].name, name)) {
        repeat(t, l);
        return;
    }
    if (optional && repeats && l->count && slice_equal(t->nodes[first_leaf(t, l->last)].name, name)) {
        t->nodes[l->last].multiple = true;
        return;
    }
    t->nodes[node].optional |= optional;
    list_add(t, l, node);
}

// A row of arguments up to a bracket or bar. A word gathers the values behind it.
static struct list read_row(struct tree *t, bool *repeats) {
    struct list l = { NONE, NONE, 0 };
    struct slice token = { NULL, 0 };
    *repeats = false;
    for (;;) {
        t->p += strspn(t->p, " ");
        if (!*t->p || *t->p == ']' || *t->p == '>' || *t->p == '|') break;
        if (*t->p == '[' || *t->p == '<') {
            read_brackets(t, &l);
            continue;
        }
        struct slice word = read_word(t);
        if (slice_equal(word, SLICE("..."))) {
            *repeats = true;
            t->nodes[l.last].multiple = true;
        } else if (word.p[0] >= 'A' && word.p[0] <= 'Z') {
            token = word;
        } else {
            list_add(t, &l, add_node(t, (struct node){ .kind = NODE_VALUE, .name = word, .child = NONE }));
        }
    }
    if (!token.n) return l;
    int node = l.count ? one_node(t, l) : add_node(t, (struct node){ .kind = NODE_WORD, .name = token, .child = NONE });
    t->nodes[node].token = token;
    return (struct list){ node, node, 1 };
}

static int read_alternatives(struct tree *t, bool *repeats) {
    struct list l = { NONE, NONE, 0 };
    for (;;) {
        list_add(t, &l, one_node(t, read_row(t, repeats)));
        if (*t->p != '|') break;
        t->p++;
    }
    return l.count == 1 ? l.first : group(t, NODE_ONEOF, l);
}

// ---- the tree as a reply -----------------------------------------------------------------------------------------------------

static const char *type_of(struct slice name) {
    static const struct {
        const char *type, *names;
    } types[] = {
        { "key", " key newkey source destination key1 key2 destkey sourcekey " },
        { "integer", " seconds milliseconds increment decrement offset start end min-match-len cursor count index index1 index2 db "
                     "destination-db timeout client-id protover bit numkeys numreplicas numlocal " },
        { "unix-time", " unix-time-seconds unix-time-milliseconds " },
        { "pattern", " pattern " },
        { "double", " decimal-increment longitude latitude radius width height " },
    };
    char word[64];
    snprintf(word, sizeof word, " %.*s ", (int)name.n, name.p);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strstr(types[i].names, word)) return types[i].type;
    }
    return "string";
}

static void append_lower(struct buf *out, struct slice s) {
    for (size_t i = 0; i < s.n; i++) buf_append_char(out, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i]);
}

// Groups have no name in the synopsis: theirs is made of the names in them.
static void append_name(struct buf *out, const struct tree *t, int node) {
    const struct node *n = &t->nodes[node];
    if (n->child == NONE) append_lower(out, n->name);
    for (int i = n->child; i != NONE; i = t->nodes[i].next) {
        if (i != n->child) buf_append_char(out, '_');
        append_name(out, t, i);
    }
}

static void reply_name(struct call *c, const struct tree *t, int node) {
    struct buf name = { 0 };
    append_name(&name, t, node);
    if (name.failed) c->reply.buf->failed = true;
    reply_bulk(c, slice_of(name.p, name.n));
    buf_free(&name);
}

static void reply_pair(struct call *c, const char *name, struct slice value) {
    reply_bulk_str(c, name);
    reply_bulk(c, value);
}

static void reply_arguments(struct call *c, const struct tree *t, int first);

static void reply_argument(struct call *c, const struct tree *t, int node) {
    static const char *const kinds[] = { [NODE_WORD] = "pure-token", [NODE_BLOCK] = "block", [NODE_ONEOF] = "oneof" };
    const struct node *n = &t->nodes[node];
    const char *type = n->kind == NODE_VALUE ? type_of(n->name) : kinds[n->kind];
    bool is_key = strcmp(type, "key") == 0, flags = n->optional || n->multiple, has_children = n->child != NONE;
    reply_map(c, 2 + (size_t)is_key + (n->token.n > 0) + (size_t)flags + (size_t)has_children);
    reply_bulk_str(c, "name");
    reply_name(c, t, node);
    reply_pair(c, "type", slice_str(type));
    if (is_key) {
        reply_bulk_str(c, "key_spec_index");
        reply_int(c, t->first_key.n && !slice_equal(n->name, t->first_key));
    }
    if (n->token.n) reply_pair(c, "token", n->token);
    if (flags) {
        reply_bulk_str(c, "flags");
        reply_set(c, (size_t)n->optional + n->multiple);
        if (n->optional) reply_status(c, "optional");
        if (n->multiple) reply_status(c, "multiple");
    }
    if (!has_children) return;
    reply_bulk_str(c, "arguments");
    reply_arguments(c, t, n->child);
}

static void reply_arguments(struct call *c, const struct tree *t, int first) {
    size_t n = 0;
    for (int i = first; i != NONE; i = t->nodes[i].next) n++;
    reply_array(c, n);
    for (int i = first; i != NONE; i = t->nodes[i].next) reply_argument(c, t, i);
}

// ---- COMMAND DOCS ------------------------------------------------------------------------------------------------------------

// The header of a map of n pairs, in front of what was written since `start`.
static void insert_map_header(struct call *c, size_t start, size_t n) {
    bool resp2 = c->reply.version == 2;
    resp_insert_header(c->reply.buf, start, resp2 ? '*' : '%', (int64_t)(resp2 ? 2 * n : n));
}

static size_t reply_docs_below(struct call *c, int parent);

// With two key specifications the first is that of the first key alone.
static void find_first_key(struct tree *t, const struct command *cmd) {
    int i = 0;
    if (!strchr(cmd->key_flags, ';')) return;
    while (i < t->count && (t->nodes[i].kind != NODE_VALUE || strcmp(type_of(t->nodes[i].name), "key") != 0)) i++;
    if (i < t->count) t->first_key = t->nodes[i].name;
}

// Name and description: a pair of a map.
static void reply_docs_of(struct call *c, const struct command *cmd) {
    struct tree t = { .p = cmd->synopsis };
    bool repeats, subcommands = cmd->flags & CMD_CONTAINER;
    struct list arguments = read_row(&t, &repeats);
    find_first_key(&t, cmd);
    const char *instead = strstr(cmd->deprecated, "; ");
    reply_bulk_str(c, cmd->name);
    reply_map(c, 4u + (instead ? 3 : 0) + (arguments.count > 0) + subcommands);
    reply_pair(c, "summary", slice_str(cmd->summary));
    reply_pair(c, "since", slice_str(cmd->since));
    reply_pair(c, "group", slice_str(cmd->group));
    reply_pair(c, "complexity", slice_str(cmd->complexity));
    if (instead) {
        reply_bulk_str(c, "doc_flags");
        reply_set(c, 1);
        reply_status(c, "deprecated");
        reply_pair(c, "deprecated_since", slice_of(cmd->deprecated, (size_t)(instead - cmd->deprecated)));
        reply_pair(c, "replaced_by", slice_str(instead + 2));
    }
    if (arguments.count) {
        reply_bulk_str(c, "arguments");
        reply_arguments(c, &t, arguments.first);
    }
    if (!subcommands) return;
    reply_bulk_str(c, "subcommands");
    size_t start = c->reply.buf->n;
    insert_map_header(c, start, reply_docs_below(c, (int)(cmd - commands)));
}

// All commands of a container (-1: those that are in none); returns how many.
static size_t reply_docs_below(struct call *c, int parent) {
    size_t n = 0;
    for (int i = 0; i < command_count; i++) {
        if (commands[i].parent != parent || (commands[i].flags & CMD_HIDDEN)) continue;
        reply_docs_of(c, &commands[i]);
        n++;
    }
    return n;
}

void cmd_command_docs(struct call *c) {
    size_t n = 0, start = c->reply.buf->n;
    if (c->argc == 2) n = reply_docs_below(c, -1);
    for (int i = 2; i < c->argc; i++) {
        const struct command *cmd = command_by_name(c->host->index, c->argv[i]);
        if (!cmd) continue;
        reply_docs_of(c, cmd);
        n++;
    }
    insert_map_header(c, start, n);
}
