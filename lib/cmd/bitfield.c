// BITFIELD and BITFIELD_RO: integers of 1 to 64 bits anywhere in a string.
//
// All operations are read before the first is done, and the string is made as long as the furthest write needs; nothing can fail after that. The
// command's own words are its effect.
#include "base/mem.h"
#include "cmd/cmd_int.h"
#include "ds/bits.h"
#include "kora.h"

enum verb { VERB_GET, VERB_SET, VERB_INCRBY };
enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };

struct operation {
    uint64_t at;
    int64_t n; // the value, or what is added
    enum verb verb;
    enum overflow overflow;
    unsigned bits;
    bool is_signed;
};

struct operations {
    struct operation *list;
    size_t count;
    bool writes;
    uint64_t start, end; // bits that are written to: from the first to behind the last
};

// ---- arguments ------------------------------------------------------------------------------------------------------------------

static bool read_type(struct call *c, struct slice s, struct operation *o) {
    int64_t bits;
    o->is_signed = s.n && s.p[0] == 'i';
    bool ok = s.n && (o->is_signed || s.p[0] == 'u') && num_parse_int(slice_of(s.p + 1, s.n - 1), &bits);
    if (ok && bits >= 1 && bits <= (o->is_signed ? 64 : 63)) {
        o->bits = (unsigned)bits;
        return true;
    }
    reply_error(c, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    return false;
}

static bool read_overflow(struct call *c, struct slice s, enum overflow *to) {
    static const char *const words[] = { "wrap", "sat", "fail" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!slice_is_word(s, words[i])) continue;
        *to = (enum overflow)i;
        return true;
    }
    reply_error(c, "ERR Invalid OVERFLOW type specified");
    return false;
}

static bool find_verb(struct slice s, int words_left, enum verb *verb) {
    static const struct {
        const char *word;
        int words;
    } verbs[] = { { "get", 2 }, { "set", 3 }, { "incrby", 3 } };
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (words_left < verbs[i].words || !slice_is_word(s, verbs[i].word)) continue;
        *verb = (enum verb)i;
        return true;
    }
    return false;
}

// Room for as many as there can be is in o->list.
static bool read_operations(struct call *c, struct operations *o) {
    enum overflow overflow = OVERFLOW_WRAP;
    for (int i = 2; i < c->argc;) {
        struct operation op = { .at = 0 };
        const struct slice *words = &c->argv[i];
        if (i + 1 < c->argc && slice_is_word(words[0], "overflow")) {
            if (!read_overflow(c, words[1], &overflow)) return false;
            i += 2;
            continue;
        }
        if (!find_verb(words[0], c->argc - i - 1, &op.verb)) {
            reply_syntax_error(c);
            return false;
        }
        if (!read_type(c, words[1], &op) || !read_bit_offset(c, words[2], op.bits, &op.at)) return false;
        i += 3;
        if (op.verb != VERB_GET) {
            o->writes = true;
            o->start = MIN(o->start, op.at);
            o->end = MAX(o->end, op.at + op.bits);
            if (!read_int(c, words[3], &op.n)) return false;
            i++;
        }
        op.overflow = overflow;
        o->list[o->count++] = op;
    }
    return true;
}

// ---- integers -------------------------------------------------------------------------------------------------------------------

static int64_t as_integer(uint64_t raw, const struct operation *o) {
    unsigned unused = 64 - o->bits;
    return o->is_signed ? (int64_t)(raw << unused) >> unused : (int64_t)raw; // unsigned ones have 63 bits at most
}

// old (or 0) + n, fitted into the type as the overflow rule says. False: it does not fit, and the rule is to fail.
static bool fit(const struct operation *o, int64_t old, int64_t *value) {
    __extension__ typedef __int128 wide;
    wide sum = (wide)(o->verb == VERB_INCRBY ? old : 0) + o->n;
    // Unsigned ones are set from what their 64 bits say: a negative number is a large one.
    if (o->verb == VERB_SET && !o->is_signed) sum = (wide)(uint64_t)o->n;
    wide most = ((wide)1 << (o->bits - o->is_signed)) - 1, least = o->is_signed ? -most - 1 : 0;
    if (sum >= least && sum <= most) *value = (int64_t)sum;
    else if (o->overflow == OVERFLOW_WRAP) *value = as_integer((uint64_t)sum & (UINT64_MAX >> (64 - o->bits)), o);
    else if (o->overflow == OVERFLOW_SAT) *value = (int64_t)(sum > most ? most : least);
    else return false;
    return true;
}

// ---- doing it -------------------------------------------------------------------------------------------------------------------

static void run_operation(struct call *c, const struct operation *o, struct slice s, char *bytes) {
    int64_t old = as_integer(bits_get(s.p, s.n, o->at, o->bits), o), value;
    if (o->verb == VERB_GET) {
        reply_int(c, old);
    } else if (fit(o, old, &value)) {
        bits_put(bytes, o->at, o->bits, (uint64_t)value & (UINT64_MAX >> (64 - o->bits)));
        if (value != old) c->changed = true;
        reply_int(c, o->verb == VERB_SET ? old : value);
    } else {
        reply_null(c);
    }
}

static void run_reads(struct call *c, const struct operations *o) {
    char number[NUM_INT_MAX];
    struct entry *e = key_read(&c->txn, &c->keys[0]);
    if (!check_string(c, e)) return;
    struct slice s = e ? entry_string(e, number) : (struct slice){ "", 0 };
    reply_array(c, o->count);
    for (size_t i = 0; i < o->count; i++) run_operation(c, &o->list[i], s, NULL);
}

static void run_writes(struct call *c, const struct operations *o) {
    struct entry *e = key_write(&c->txn, &c->keys[0]);
    char *bytes;
    if (!check_string(c, e) || !reply_room(c, (o->count + 1) * RESP_HEADER_MAX)) return;
    size_t had = e ? entry_string_len(e) : 0, len = MAX(had, (size_t)((o->end + 7) / 8));
    int status = key_edit_range(&c->txn, &c->keys[0], e, len, (size_t)(o->start / 8), (size_t)((o->end + 7) / 8), &bytes);
    if (status != KORA_OK) {
        reply_status_code(c, status);
        return;
    }
    c->changed = len != had;
    reply_array(c, o->count);
    for (size_t i = 0; i < o->count; i++) run_operation(c, &o->list[i], slice_of(bytes, len), bytes);
}

static void bitfield(struct call *c, bool read_only) {
    enum { FEW = 16 };
    struct operation few[FEW];
    size_t most = (size_t)c->argc / 3;
    struct operations o = { .list = most > FEW ? mem_alloc(most * sizeof *few) : few, .start = UINT64_MAX };
    if (!o.list) {
        reply_no_memory(c);
        return;
    }
    if (read_operations(c, &o)) {
        if (o.writes && read_only) reply_error(c, "ERR BITFIELD_RO only supports the GET subcommand");
        else if (o.writes) run_writes(c, &o);
        else run_reads(c, &o);
    }
    if (o.list != few) mem_free(o.list);
}

void cmd_bitfield(struct call *c) { bitfield(c, false); }
void cmd_bitfield_ro(struct call *c) { bitfield(c, true); }
