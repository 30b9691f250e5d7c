// The expiry of a hash's fields: HEXPIRE, HTTL with their relatives, HPERSIST; HGETDEL, HGETEX, HSETEX.
//
// Effects carry the time as it is kept, Unix time in milliseconds; what is in the past at once is an effect HDEL. A replay sets any time: it expires nothing.
#include "base/mem.h"
#include "cmd/hash.h"
#include "kora.h"

enum { FIELD_NONE = -2, FIELD_WITHOUT = -1, CONDITION_FAILED = 0, EXPIRY_SET = 1, FIELD_DELETED = 2 }; // replies

// ---- arguments --------------------------------------------------------------------------------------------------------------

// The names behind FIELDS numfields.
struct names {
    const struct slice *at;
    size_t n;
};

// FIELDS at argv[at], and exactly as many names behind it as it says. `text`: the error for a bad number.
static bool read_names(struct call *c, int at, const char *text, struct names *names) {
    int64_t n;
    if (at >= c->argc || !slice_is_word(c->argv[at], "fields")) {
        reply_error(c, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (at + 1 >= c->argc) {
        reply_arity(c);
        return false;
    }
    if (!num_parse_int(c->argv[at + 1], &n) || n < 1) {
        reply_error(c, "ERR %s", text);
        return false;
    }
    if (n != c->argc - at - 2) {
        reply_error(c, "ERR The `numfields` parameter must match the number of arguments");
        return false;
    }
    *names = (struct names){ c->argv + at + 2, (size_t)n };
    return true;
}

#define FIELDS_NOT_POSITIVE "Number of fields must be a positive integer"
#define FIELDS_NOT_ABOVE_0 "Parameter `numFields` should be greater than 0"

struct unit {
    const char *word; // as an option
    bool seconds, from_now;
};
static const struct unit units[] = { { "ex", true, true }, { "px", false, true }, { "exat", true, false }, { "pxat", false, false } };
enum { UNIT_EX, UNIT_PX, UNIT_EXAT, UNIT_PXAT };

static const struct unit *find_unit(struct slice s) {
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (slice_is_word(s, units[i].word)) return &units[i];
    }
    return NULL;
}

// Fields may not expire as late as keys.
static bool read_field_expiry(struct call *c, struct slice s, const struct unit *unit, int64_t *at_ms) {
    const int64_t latest_ms = (INT64_C(1) << 46) - 1;
    int64_t n, base = unit->from_now ? txn_now(&c->txn) : 0;
    if (!read_int(c, s, &n)) return false;
    if (n < 0) {
        reply_error(c, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (n > latest_ms / (unit->seconds ? 1000 : 1) || (n *= unit->seconds ? 1000 : 1) > latest_ms - base) {
        reply_invalid_expire(c);
        return false;
    }
    *at_ms = MAX(n + base, 1); // 0 is no time
    return true;
}

static bool is_past(struct call *c, int64_t at_ms) { return !(c->txn.flags & TXN_REPLAY) && at_ms <= txn_now(&c->txn); }

// Names that have been met, to know one that is named twice. Many are in a hash table (linear probing) of numbers in `names`, plus one.
struct seen {
    struct names names;
    const struct hash_key *seed;
    uint32_t *places; // NULL: few, `few` says which
    size_t mask;
    uint32_t few;
};
enum { SEEN_FEW = 32 };

static bool seen_begin(struct call *c, struct seen *s, struct names names) {
    *s = (struct seen){ .names = names, .seed = &c->txn.common->seed };
    if (names.n <= SEEN_FEW) return true;
    size_t places = 64;
    while (places < 2 * names.n) places *= 2;
    s->mask = places - 1;
    s->places = mem_alloc_zero(places * sizeof *s->places);
    if (!s->places) reply_no_memory(c);
    return s->places;
}

static uint32_t *seen_place(const struct seen *s, struct slice name) {
    size_t at = hash_bytes(s->seed, name.p, name.n) & s->mask;
    while (s->places[at] && !slice_equal(s->names.at[s->places[at] - 1], name)) at = (at + 1) & s->mask;
    return &s->places[at];
}

static bool seen_has(const struct seen *s, size_t i) {
    struct slice name = s->names.at[i];
    if (s->places) return *seen_place(s, name);
    for (uint32_t left = s->few; left; left &= left - 1) {
        if (slice_equal(s->names.at[__builtin_ctz(left)], name)) return true;
    }
    return false;
}

static void seen_add(struct seen *s, size_t i) {
    if (s->places) *seen_place(s, s->names.at[i]) = (uint32_t)i + 1;
    else s->few |= UINT32_C(1) << i;
}

static void reply_same(struct call *c, size_t n, int64_t answer) {
    reply_array(c, n);
    for (size_t i = 0; i < n; i++) reply_int(c, answer);
}

// ---- changes with their effects: KORA_OK or nothing has changed ------------------------------------------------------------------

static int delete_fields(struct call *c, struct value *v, struct names names) {
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(&c->txn);
    size_t removed;
    if (!effect_with_rest(c, (struct slice[]){ SLICE("HDEL"), k->name }, 2, names.at, names.n)) return KORA_NOMEM;
    int status = hash_remove(v, names.at, names.n, &removed);
    if (status == KORA_OK) key_changed(c, k);
    else effects_retract(&c->txn, mark);
    return status;
}

// HASH_NO_EXPIRY: takes it away. All of them are there.
static int expire_fields(struct call *c, struct value *v, struct names names, int64_t at_ms) {
    char time[NUM_INT_MAX], number[NUM_INT_MAX];
    const struct key *k = &c->keys[0];
    struct slice fields[2] = { SLICE("FIELDS"), { number, num_format_uint(names.n, number) } };
    struct effects_mark mark = effects_mark(&c->txn);
    if (is_past(c, at_ms) && at_ms != HASH_NO_EXPIRY) return delete_fields(c, v, names);
    bool told = at_ms == HASH_NO_EXPIRY ?
        effect_with_rest(c, (struct slice[]){ SLICE("HPERSIST"), k->name, fields[0], fields[1] }, 4, names.at, names.n) :
        effect_with_rest(c, (struct slice[]){ SLICE("HPEXPIREAT"), k->name, { time, num_format_int(at_ms, time) }, fields[0], fields[1] }, 5,
            names.at, names.n);
    if (!told) return KORA_NOMEM;
    int status = hash_set_expiry(v, names.at, names.n, at_ms);
    if (status == KORA_OK) key_changed(c, k);
    else effects_retract(&c->txn, mark);
    return status;
}

// Those of the named fields that something is done with, each once.
struct choice {
    struct seen seen;
    struct slice *list;
    size_t n;
};

static void choice_end(struct choice *o) {
    mem_free(o->list);
    mem_free(o->seen.places);
}
static bool choice_begin(struct call *c, struct choice *o, struct names names) {
    o->n = 0;
    if (!seen_begin(c, &o->seen, names)) return false;
    o->list = mem_alloc(names.n * sizeof *o->list);
    if (o->list) return true;
    reply_no_memory(c);
    mem_free(o->seen.places);
    return false;
}
static void choose(struct choice *o, size_t i) {
    if (seen_has(&o->seen, i)) return;
    seen_add(&o->seen, i);
    o->list[o->n++] = o->seen.names.at[i];
}
static struct names chosen_names(const struct choice *o) { return (struct names){ o->list, o->n }; }

// The replies are written: if the change fails, they don't hold.
static void finish(struct call *c, size_t start, int status) {
    if (status == KORA_OK) return;
    c->reply.buf->n = start;
    reply_status_code(c, status);
}

// ---- HEXPIRE ------------------------------------------------------------------------------------------------------------------

enum condition { ALWAYS, IF_NONE, IF_SOME, IF_GREATER, IF_LESS };

static enum condition find_condition(struct slice s) {
    static const char *const words[] = { "nx", "xx", "gt", "lt" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_is_word(s, words[i])) return (enum condition)(IF_NONE + i);
    }
    return ALWAYS;
}

// No expiry counts as the latest of all.
static bool is_met(enum condition condition, int64_t now_at, int64_t at_ms) {
    switch (condition) {
    case ALWAYS: break;
    case IF_NONE: return now_at == 0;
    case IF_SOME: return now_at != 0;
    case IF_GREATER: return now_at != 0 && at_ms > now_at;
    case IF_LESS: return now_at == 0 || at_ms < now_at;
    }
    return true;
}

// What becomes of the i-th field: the reply. One that is named twice has changed by the second time.
static int64_t judge(const struct value *v, const struct seen *chosen, size_t i, enum condition condition, int64_t at_ms, bool past) {
    struct hash_item item;
    if (!hash_find(v, chosen->names.at[i], &item)) return FIELD_NONE;
    if (unlikely(seen_has(chosen, i))) {
        if (past) return FIELD_NONE;
        item.at_ms = at_ms;
    }
    return !is_met(condition, item.at_ms, at_ms) ? CONDITION_FAILED : past ? FIELD_DELETED : EXPIRY_SET;
}

static void hexpire(struct call *c, const struct unit *unit) {
    struct value v;
    struct names names;
    int64_t at_ms;
    if (!value_write(c, 0, TYPE_HASH, &v) || !read_field_expiry(c, c->argv[2], unit, &at_ms)) return;
    enum condition condition = find_condition(c->argv[3]);
    if (!read_names(c, condition == ALWAYS ? 3 : 4, FIELDS_NOT_ABOVE_0, &names) || !hash_take(c, &v, names.at, 1, names.n)) return;
    if (!v.there) {
        reply_same(c, names.n, FIELD_NONE);
        return;
    }
    bool past = is_past(c, at_ms);
    size_t start = c->reply.buf->n;
    struct choice choice;
    if (!choice_begin(c, &choice, names)) return;
    reply_array(c, names.n);
    for (size_t i = 0; i < names.n; i++) {
        int64_t answer = judge(&v, &choice.seen, i, condition, at_ms, past);
        if (answer > 0) choose(&choice, i);
        reply_int(c, answer);
    }
    if (choice.n > 0 && !c->reply.buf->failed) finish(c, start, expire_fields(c, &v, chosen_names(&choice), at_ms));
    choice_end(&choice);
}

void cmd_hexpire(struct call *c) { hexpire(c, &units[UNIT_EX]); }
void cmd_hpexpire(struct call *c) { hexpire(c, &units[UNIT_PX]); }
void cmd_hexpireat(struct call *c) { hexpire(c, &units[UNIT_EXAT]); }
void cmd_hpexpireat(struct call *c) { hexpire(c, &units[UNIT_PXAT]); }

// ---- HTTL, HPERSIST -------------------------------------------------------------------------------------------------------------

static void httl(struct call *c, const struct unit *unit) {
    struct value v;
    struct names names;
    struct hash_item item;
    if (!value_read(c, 0, TYPE_HASH, &v) || !read_names(c, 2, FIELDS_NOT_POSITIVE, &names)) return;
    int64_t base = unit->from_now ? txn_now(&c->txn) : 0;
    reply_array(c, names.n);
    for (size_t i = 0; i < names.n; i++) {
        if (!hash_find(&v, names.at[i], &item)) reply_int(c, FIELD_NONE);
        else if (!item.at_ms) reply_int(c, FIELD_WITHOUT);
        else reply_int(c, unit->seconds ? (item.at_ms + 999 - base) / 1000 : item.at_ms - base);
    }
}

void cmd_httl(struct call *c) { httl(c, &units[UNIT_EX]); }
void cmd_hpttl(struct call *c) { httl(c, &units[UNIT_PX]); }
void cmd_hexpiretime(struct call *c) { httl(c, &units[UNIT_EXAT]); }
void cmd_hpexpiretime(struct call *c) { httl(c, &units[UNIT_PXAT]); }

void cmd_hpersist(struct call *c) {
    struct value v;
    struct names names;
    struct hash_item item;
    if (!value_write(c, 0, TYPE_HASH, &v) || !read_names(c, 2, FIELDS_NOT_POSITIVE, &names) || !hash_take(c, &v, names.at, 1, names.n)) return;
    size_t start = c->reply.buf->n;
    struct choice choice;
    if (!choice_begin(c, &choice, names)) return;
    reply_array(c, names.n);
    for (size_t i = 0; i < names.n; i++) {
        bool there = hash_find(&v, names.at[i], &item), expires = there && item.at_ms && !seen_has(&choice.seen, i);
        if (expires) choose(&choice, i);
        reply_int(c, !there ? FIELD_NONE : expires ? EXPIRY_SET : FIELD_WITHOUT);
    }
    if (choice.n > 0 && !c->reply.buf->failed) finish(c, start, expire_fields(c, &v, chosen_names(&choice), HASH_NO_EXPIRY));
    choice_end(&choice);
}

// ---- HGETDEL, HGETEX -------------------------------------------------------------------------------------------------------------

// The values, before anything becomes of them; `choice` gets those that are there. A field that was deleted by the time that it is named again is null.
// False: nothing may be changed.
static bool reply_values(struct call *c, const struct value *v, struct choice *choice, bool deleted) {
    struct names names = choice->seen.names;
    struct hash_item item;
    reply_array(c, names.n);
    for (size_t i = 0; i < names.n; i++) {
        bool there = hash_find(v, names.at[i], &item) && !(deleted && seen_has(&choice->seen, i));
        if (there) reply_bulk(c, item.value);
        else reply_null(c);
        if (there) choose(choice, i);
    }
    return choice->n > 0 && !c->reply.buf->failed;
}

void cmd_hgetdel(struct call *c) {
    struct value v;
    struct names names;
    struct choice choice;
    size_t start = c->reply.buf->n;
    if (!value_write(c, 0, TYPE_HASH, &v) || !read_names(c, 2, FIELDS_NOT_POSITIVE, &names) || !hash_take(c, &v, names.at, 1, names.n)) return;
    if (!choice_begin(c, &choice, names)) return;
    if (reply_values(c, &v, &choice, true)) finish(c, start, delete_fields(c, &v, chosen_names(&choice)));
    choice_end(&choice);
}

// Of those chosen only the ones with an expiry.
static struct names only_expiring(const struct value *v, struct choice *o) {
    struct hash_item item;
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        if (hash_find(v, o->list[i], &item) && item.at_ms) o->list[n++] = o->list[i];
    }
    return (struct names){ o->list, n };
}

void cmd_hgetex(struct call *c) {
    struct value v;
    struct names names;
    struct choice choice;
    int64_t at_ms = 0;
    const struct unit *unit = find_unit(c->argv[2]);
    bool persist = slice_is_word(c->argv[2], "persist");
    size_t start = c->reply.buf->n;
    if (!value_write(c, 0, TYPE_HASH, &v) || (unit && !read_field_expiry(c, c->argv[3], unit, &at_ms))) return;
    if (!read_names(c, unit ? 4 : persist ? 3 : 2, FIELDS_NOT_POSITIVE, &names) || !hash_take(c, &v, names.at, 1, names.n)) return;
    if (!choice_begin(c, &choice, names)) return;
    if (reply_values(c, &v, &choice, unit && is_past(c, at_ms)) && (unit || persist)) {
        names = persist ? only_expiring(&v, &choice) : chosen_names(&choice);
        if (names.n) finish(c, start, expire_fields(c, &v, names, at_ms));
    }
    choice_end(&choice);
}

// ---- HSETEX ---------------------------------------------------------------------------------------------------------------------

struct setex_options {
    bool fnx, fxx, keep;
    const struct unit *unit;
    int64_t at_ms;
    const struct slice *pairs;
    size_t count;
};

// numfields at argv[at], and as many pairs.
static bool read_pairs(struct call *c, int at, struct setex_options *o) {
    int64_t n;
    if (at + 2 >= c->argc) {
        reply_arity(c);
        return false;
    }
    if (!num_parse_int(c->argv[at], &n) || n < 1 || n > INT32_MAX) {
        reply_error(c, "ERR invalid number of fields");
        return false;
    }
    int rest = c->argc - at - 1;
    if (rest % 2 != 0 || rest / 2 != n) {
        reply_arity(c);
        return false;
    }
    o->pairs = c->argv + at + 1;
    o->count = (size_t)n;
    return true;
}

// An option at argv[*at], which is left at its last argument.
static bool read_setex_option(struct call *c, int *at, struct setex_options *o) {
    struct slice s = c->argv[*at];
    const struct unit *unit = find_unit(s);
    bool keep = slice_is_word(s, "keepttl"), fnx = slice_is_word(s, "fnx"), fxx = slice_is_word(s, "fxx");
    const char *text = NULL;
    if (unit || keep) {
        if (o->unit || o->keep) text = "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        else if (unit && *at + 1 >= c->argc) text = "missing expire time";
        else if (unit && !read_field_expiry(c, c->argv[++*at], unit, &o->at_ms)) return false;
        o->unit = unit;
        o->keep = keep;
    } else if (fnx || fxx) {
        if (o->fnx || o->fxx) text = "Only one of FXX or FNX arguments can be specified";
        o->fnx = fnx;
        o->fxx = fxx;
    } else {
        reply_error(c, "ERR unknown argument: %.*s", (int)strnlen(s.p, MIN(s.n, 512)), s.p);
        return false;
    }
    if (text) reply_error(c, "ERR %s", text);
    return !text;
}

static bool parse_setex(struct call *c, struct setex_options *o) {
    *o = (struct setex_options){ 0 };
    for (int i = 2; i < c->argc; i++) {
        if (slice_is_word(c->argv[i], "fields")) return read_pairs(c, i + 1, o);
        if (!read_setex_option(c, &i, o)) return false;
    }
    reply_arity(c); // no FIELDS
    return false;
}

static bool setex_met(const struct value *v, const struct setex_options *o) {
    struct hash_item item;
    for (size_t i = 0; (o->fnx || o->fxx) && i < o->count; i++) {
        if (hash_find(v, o->pairs[2 * i], &item) != o->fxx) return false;
    }
    return true;
}

// Set to expire in the past: they are gone.
static int setex_delete(struct call *c, struct value *v, const struct setex_options *o) {
    struct slice *list = mem_alloc(o->count * sizeof *list);
    struct hash_item item;
    size_t n = 0;
    if (!list) return KORA_NOMEM;
    for (size_t i = 0; i < o->count; i++) {
        if (hash_find(v, o->pairs[2 * i], &item)) list[n++] = o->pairs[2 * i];
    }
    int status = n ? delete_fields(c, v, (struct names){ list, n }) : KORA_OK;
    mem_free(list);
    return status;
}

static bool emit_setex(struct call *c, const struct setex_options *o) {
    char time[NUM_INT_MAX], number[NUM_INT_MAX];
    struct slice head[6] = { o->unit || o->keep ? SLICE("HSETEX") : SLICE("HSET"), c->keys[0].name };
    size_t n = 2;
    if (o->keep) head[n++] = SLICE("KEEPTTL");
    if (o->unit) {
        head[n++] = SLICE("PXAT");
        head[n++] = slice_of(time, num_format_int(o->at_ms, time));
    }
    if (n > 2) {
        head[n++] = SLICE("FIELDS");
        head[n++] = slice_of(number, num_format_uint(o->count, number));
    }
    return effect_with_rest(c, head, n, o->pairs, 2 * o->count);
}

static int setex_put(struct call *c, struct value *v, const struct setex_options *o) {
    struct effects_mark mark = effects_mark(&c->txn);
    if (!emit_setex(c, o)) return KORA_NOMEM;
    int status = hash_put(v, o->pairs, o->count, o->keep ? HASH_KEEP_EXPIRY : o->at_ms, NULL);
    if (status == KORA_OK) key_changed(c, &c->keys[0]);
    else effects_retract(&c->txn, mark);
    return status;
}

void cmd_hsetex(struct call *c) {
    struct setex_options o;
    struct value v;
    if (!parse_setex(c, &o) || !value_write(c, 0, TYPE_HASH, &v) || !hash_take(c, &v, o.pairs, 2, o.count)) return;
    if (!setex_met(&v, &o)) {
        reply_int(c, 0);
        return;
    }
    int status = o.unit && is_past(c, o.at_ms) ? setex_delete(c, &v, &o) : setex_put(c, &v, &o);
    if (status == KORA_OK) reply_int(c, 1);
    else reply_status_code(c, status);
}
