// Hashes: setting and reading fields, counters, HSCAN, HRANDFIELD. What is about the expiry of fields: hash_ttl.c.
//
// A write first takes out those of its fields whose time has come (hash_take_dead), with effects of their own; from there on its argv is its effect.
#include "cmd/hash.h"

#include <inttypes.h>
#include <math.h>

#include "base/mem.h"
#include "cmd/scan.h"
#include "kora.h"

// ---- shared -----------------------------------------------------------------------------------------------------------------

bool hash_take(struct call *c, struct value *v, const struct slice *names, size_t stride, size_t count) {
    if (likely(!v->root)) return true;
    size_t taken;
    bool ok = hash_take_dead(v, names, stride, count, &taken);
    if (unlikely(taken)) {
        stripe_changed(v->key->stripe);
        key_publish(v->key);
    }
    if (!ok) reply_no_memory(c);
    return ok && (likely(!taken) || call_make_room(c));
}

static bool hash_write(struct call *c, struct value *v, const struct slice *names, size_t stride, size_t count) {
    return value_write(c, 0, TYPE_HASH, v) && hash_take(c, v, names, stride, count);
}

void reply_field(struct call *c, const struct value *v, struct slice name) {
    struct hash_item item;
    if (hash_find(v, name, &item)) reply_bulk(c, item.value);
    else reply_null(c);
}

bool effect_with_rest(struct call *c, const struct slice *head, size_t n, const struct slice *rest, size_t count) {
    if (!effect_wanted(&c->txn)) return true;
    struct slice *argv = mem_alloc((n + count) * sizeof *argv);
    if (!argv) return false;
    memcpy(argv, head, n * sizeof *argv);
    memcpy(argv + n, rest, count * sizeof *argv);
    bool ok = effect_emit(&c->txn, &c->keys[0], (int)(n + count), argv);
    mem_free(argv);
    return ok;
}

// ---- setting ----------------------------------------------------------------------------------------------------------------

static bool set_fields(struct call *c, size_t *added) {
    struct value v;
    size_t count = (size_t)(c->argc - 2) / 2;
    if (c->argc % 2 != 0) {
        reply_arity(c);
        return false;
    }
    if (!hash_write(c, &v, c->argv + 2, 2, count)) return false;
    int status = hash_put(&v, c->argv + 2, count, HASH_NO_EXPIRY, added);
    c->changed = status == KORA_OK;
    if (status != KORA_OK) reply_status_code(c, status);
    return status == KORA_OK;
}

void cmd_hset(struct call *c) {
    size_t added;
    if (likely(set_fields(c, &added))) reply_int(c, (int64_t)added);
}

void cmd_hmset(struct call *c) {
    if (set_fields(c, NULL)) reply_ok(c);
}

void cmd_hsetnx(struct call *c) {
    struct value v;
    struct hash_item item;
    if (!hash_write(c, &v, c->argv + 2, 1, 1)) return;
    if (hash_find(&v, c->argv[2], &item)) {
        reply_int(c, 0);
        return;
    }
    int status = hash_put(&v, c->argv + 2, 1, HASH_NO_EXPIRY, NULL);
    c->changed = status == KORA_OK;
    if (status == KORA_OK) reply_int(c, 1);
    else reply_status_code(c, status);
}

void cmd_hdel(struct call *c) {
    struct value v;
    size_t removed, count = (size_t)c->argc - 2;
    if (!hash_write(c, &v, c->argv + 2, 1, count)) return;
    int status = hash_remove(&v, c->argv + 2, count, &removed);
    c->changed = removed > 0;
    if (status == KORA_OK) reply_int(c, (int64_t)removed);
    else reply_status_code(c, status);
}

// ---- counters -----------------------------------------------------------------------------------------------------------------

void cmd_hincrby(struct call *c) {
    char text[NUM_INT_MAX];
    struct value v;
    struct hash_item item;
    int64_t by, n = 0;
    if (!read_int(c, c->argv[3], &by) || !hash_write(c, &v, c->argv + 2, 1, 1)) return;
    if (hash_find(&v, c->argv[2], &item) && !num_parse_int(item.value, &n)) {
        reply_error(c, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(n, by, &n)) {
        reply_error(c, "ERR increment or decrement would overflow");
        return;
    }
    int status = hash_put(&v, (struct slice[]){ c->argv[2], { text, num_format_int(n, text) } }, 1, HASH_KEEP_EXPIRY, NULL);
    c->changed = status == KORA_OK;
    if (status == KORA_OK) reply_int(c, n);
    else reply_status_code(c, status);
}

// Sets a field to a value that is not as it came in argv, with its effect; the expiry stays.
static int put_result(struct call *c, struct value *v, const struct slice pair[2], bool expires) {
    struct txn *t = &c->txn;
    const struct key *k = &c->keys[0];
    struct effects_mark mark = effects_mark(t);
    bool told = expires ?
        effect_emit(t, k, 7, (struct slice[]){ SLICE("HSETEX"), k->name, SLICE("KEEPTTL"), SLICE("FIELDS"), SLICE("1"), pair[0], pair[1] }) :
        effect_emit(t, k, 4, (struct slice[]){ SLICE("HSET"), k->name, pair[0], pair[1] });
    if (!told) return KORA_NOMEM;
    int status = hash_put(v, pair, 1, HASH_KEEP_EXPIRY, NULL);
    if (status == KORA_OK) key_changed(c, k);
    else effects_retract(t, mark);
    return status;
}

void cmd_hincrbyfloat(struct call *c) {
    char text[NUM_LONG_REAL_MAX];
    struct value v;
    struct hash_item item = { .at_ms = 0 };
    long double n = 0, by;
    if (!num_parse_long_real(c->argv[3], &by)) {
        reply_error(c, "ERR value is not a valid float");
        return;
    }
    if (isinf(by)) {
        reply_error(c, "ERR value is NaN or Infinity");
        return;
    }
    if (!hash_write(c, &v, c->argv + 2, 1, 1)) return;
    if (hash_find(&v, c->argv[2], &item) && !num_parse_long_real(item.value, &n)) {
        reply_error(c, "ERR hash value is not a float");
        return;
    }
    n += by;
    if (isnan(n) || isinf(n)) {
        reply_error(c, "ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice result = { text, num_format_long_real(n, text, sizeof text) };
    if (!reply_room(c, result.n)) return;
    int status = put_result(c, &v, (struct slice[]){ c->argv[2], result }, item.at_ms != 0);
    if (status == KORA_OK) reply_bulk(c, result);
    else reply_status_code(c, status);
}

// ---- reading ------------------------------------------------------------------------------------------------------------------

void cmd_hget(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_HASH, &v)) reply_field(c, &v, c->argv[2]);
}

void cmd_hmget(struct call *c) {
    struct value v;
    if (!value_read(c, 0, TYPE_HASH, &v)) return;
    reply_array(c, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if ((i - 2) % HASH_AHEAD == 0) hash_ahead(&v, c->argv + i, (size_t)(c->argc - i));
        reply_field(c, &v, c->argv[i]);
    }
}

void cmd_hlen(struct call *c) {
    struct value v;
    if (value_read(c, 0, TYPE_HASH, &v)) reply_int(c, (int64_t)hash_count(&v));
}

void cmd_hstrlen(struct call *c) {
    struct value v;
    struct hash_item item;
    if (value_read(c, 0, TYPE_HASH, &v)) reply_int(c, hash_find(&v, c->argv[2], &item) ? (int64_t)item.value.n : 0);
}

void cmd_hexists(struct call *c) {
    struct value v;
    struct hash_item item;
    if (value_read(c, 0, TYPE_HASH, &v)) reply_int(c, hash_find(&v, c->argv[2], &item));
}

static void write_name(void *arg, const struct hash_item *item) { reply_bulk(arg, item->name); }
static void write_value(void *arg, const struct hash_item *item) { reply_bulk(arg, item->value); }
static void write_both(void *arg, const struct hash_item *item) {
    reply_bulk(arg, item->name);
    reply_bulk(arg, item->value);
}

void cmd_hgetall(struct call *c) {
    struct value v;
    if (!value_read(c, 0, TYPE_HASH, &v)) return;
    reply_map(c, hash_count(&v));
    hash_each(&v, write_both, c);
}

static void get_half(struct call *c, hash_visit_fn *write) {
    struct value v;
    if (!value_read(c, 0, TYPE_HASH, &v)) return;
    reply_array(c, hash_count(&v));
    hash_each(&v, write, c);
}

void cmd_hkeys(struct call *c) { get_half(c, write_name); }
void cmd_hvals(struct call *c) { get_half(c, write_value); }

// ---- HSCAN --------------------------------------------------------------------------------------------------------------------

struct hscan {
    struct call *call;
    struct scan_options options;
    size_t found;
};

static void write_scanned(void *arg, const struct hash_item *item) {
    struct hscan *s = arg;
    if (!scan_matches(&s->options, item->name)) return;
    reply_bulk(s->call, item->name);
    if (!s->options.no_values) reply_bulk(s->call, item->value);
    s->found += s->options.no_values ? 1 : 2;
}

void cmd_hscan(struct call *c) {
    struct hscan s = { .call = c };
    struct value v;
    uint64_t cursor;
    if (!scan_cursor(c, c->argv[2], &cursor) || !value_read(c, 0, TYPE_HASH, &v)) return;
    if (!v.there) {
        scan_nothing(c);
        return;
    }
    if (!scan_parse(c, 3, SCAN_HAS_NOVALUES, &s.options)) return;
    size_t start = c->reply.buf->n;
    cursor &= (UINT64_C(1) << SCAN_POSITION_BITS) - 1; // others were never given out
    cursor = hash_scan(&v, cursor, (size_t)s.options.count, write_scanned, &s);
    scan_finish(c, start, s.found, cursor);
}

// ---- HRANDFIELD ---------------------------------------------------------------------------------------------------------------

static void write_pair(void *arg, const struct hash_item *item) {
    reply_array(arg, 2);
    write_both(arg, item);
}

static bool read_random_count(struct call *c, int64_t *count, bool *with_values) {
    *with_values = c->argc > 3;
    if (!read_int(c, c->argv[2], count)) return false;
    if (*count == INT64_MIN) {
        reply_error(c, "ERR value is out of range, value must between %" PRId64 " and %" PRId64, -INT64_MAX, INT64_MAX);
        return false;
    }
    if (c->argc > 4 || (*with_values && !slice_is_word(c->argv[3], "withvalues"))) {
        reply_syntax_error(c);
        return false;
    }
    if (!*with_values || (*count >= -INT64_MAX / 2 && *count <= INT64_MAX / 2)) return true;
    reply_error(c, "ERR value is out of range");
    return false;
}

static void random_fields(struct call *c, const struct value *v, int64_t count, bool with_values) {
    uint64_t there = hash_count(v), n = count < 0 ? 0 - (uint64_t)count : MIN((uint64_t)count, there);
    size_t start = c->reply.buf->n;
    bool pairs = with_values && c->reply.version > 2, ok;
    hash_visit_fn *write = pairs ? write_pair : with_values ? write_both : write_name;
    if (there == 0) n = 0;
    reply_array(c, with_values && !pairs ? 2 * n : n);
    if (count < 0) ok = hash_sample_again(v, n, write, c, &c->reply.buf->failed);
    else ok = hash_sample(v, n, write, c);
    if (ok) return;
    c->reply.buf->n = start;
    reply_no_memory(c);
}

void cmd_hrandfield(struct call *c) {
    struct value v;
    struct hash_item item;
    int64_t count = 0;
    bool with_values;
    if (c->argc > 2) {
        if (read_random_count(c, &count, &with_values) && value_read(c, 0, TYPE_HASH, &v)) random_fields(c, &v, count, with_values);
        return;
    }
    if (!value_read(c, 0, TYPE_HASH, &v)) return;
    if (v.there && hash_random(&v, &item)) reply_bulk(c, item.name);
    else reply_null(c);
}
