// Commands about all keys of a database.
//
// SCAN walks: a call visits some stripes, one after the other, and never holds two leases. Its cursor is a place in the order of all keys:
// stripe number above, 48 bits of position within the stripe below; 0 is the start, and the end. A stripe that holds nothing is passed over
// without its lease. The elements found are collected in the reply buffer itself, and the header is put in front of them on the last visit, so
// a walk that is given up between two visits leaves nothing behind.
//
// Commands that empty or exchange databases hold every stripe, and have an effect in each.
#include "base/clock.h"
#include "base/glob.h"
#include "cmd/scan.h"
#include "cmd/stats.h"
#include "kora.h"

static uint64_t count_of(struct call *c, uint32_t stripe) { return stripe_count(&c->txn.common->stripes[stripe], c->session->db); }

// The first stripe from `from` on that holds keys of the database; stripe_count: none.
static uint32_t next_stripe(struct call *c, uint32_t from) {
    uint32_t n = c->txn.common->stripe_count;
    while (from < n && count_of(c, from) == 0) from++;
    return from;
}

// ---- SCAN --------------------------------------------------------------------------------------------------------------------

// What a walk keeps between its visits, by number in call->scratch. `scanned` goes towards COUNT: each visit counts for at least one,
// so the number of visits is bounded, too.
enum scan_state { SCAN_BEGUN, SCAN_START /* where the reply begins in its buffer */, SCAN_FOUND, SCAN_SCANNED };

struct scan_visit {
    struct call *call;
    const struct scan_options *options;
};

static void visit_scanned(void *arg, void *entry) {
    struct scan_visit *v = arg;
    const struct entry *e = entry;
    struct slice key = entry_key(e);
    v->call->scratch[SCAN_SCANNED]++;
    if (!scan_matches(v->options, key)) return;
    if (v->options->type.p && !slice_is_word(v->options->type, value_type_name((enum value_type)e->type))) return;
    reply_bulk(v->call, key);
    v->call->scratch[SCAN_FOUND]++;
}

static void finish_scan(struct call *c, uint64_t cursor) { scan_finish(c, c->scratch[SCAN_START], c->scratch[SCAN_FOUND], cursor); }

void cmd_scan(struct call *c) {
    struct scan_options o;
    uint64_t cursor, position = 0, *scratch = c->scratch;
    uint32_t stripe = c->stripe->index;
    c->walk_on = false;
    if (!scan_cursor(c, c->argv[1], &cursor) || !scan_parse(c, 2, SCAN_HAS_TYPE, &o)) return; // walk_start has seen to both
    if (!scratch[SCAN_BEGUN]) {
        scratch[SCAN_BEGUN] = 1;
        scratch[SCAN_START] = c->reply.buf->n;
    }
    // Only the stripe at which a scan goes on is entered in its middle.
    if (cursor >> SCAN_POSITION_BITS == stripe) position = cursor & ((UINT64_C(1) << SCAN_POSITION_BITS) - 1);
    uint64_t before = scratch[SCAN_SCANNED];
    position = stripe_scan(c->stripe, &c->txn, c->session->db, position, (size_t)o.count - before, visit_scanned, &(struct scan_visit){ c, &o });
    if (scratch[SCAN_SCANNED] == before) scratch[SCAN_SCANNED]++;
    if (position == 0) {
        stripe = next_stripe(c, stripe + 1);
        if (stripe == c->txn.common->stripe_count) {
            finish_scan(c, 0);
            return;
        }
        if (scratch[SCAN_SCANNED] < (uint64_t)o.count) {
            c->walk_on = true;
            c->walk_next = stripe;
            return;
        }
    }
    finish_scan(c, (uint64_t)stripe << SCAN_POSITION_BITS | position);
}

static bool start_scan(struct call *c, uint32_t *stripe) {
    struct scan_options o;
    uint64_t cursor;
    if (!scan_cursor(c, c->argv[1], &cursor) || !scan_parse(c, 2, SCAN_HAS_TYPE, &o)) return false;
    uint64_t from = cursor >> SCAN_POSITION_BITS;
    *stripe = from < c->txn.common->stripe_count ? next_stripe(c, (uint32_t)from) : c->txn.common->stripe_count;
    if (*stripe < c->txn.common->stripe_count) return true;
    scan_nothing(c);
    return false;
}

// ---- RANDOMKEY ---------------------------------------------------------------------------------------------------------------

// A stripe, the more keys it holds the more likely.
static bool start_random(struct call *c, uint32_t *stripe) {
    struct common *common = c->txn.common;
    uint64_t total = 0, at;
    for (uint32_t i = 0; i < common->stripe_count; i++) total += count_of(c, i);
    // The keyed hash of the time is as random as a key needs to be, and there is no generator outside the stripes.
    int64_t now = clock_mono_ns();
    at = total ? hash_bytes(&common->seed, &now, sizeof now) % total : 0;
    for (uint32_t i = 0; i < common->stripe_count; i++) {
        uint64_t n = count_of(c, i);
        if (at < n) {
            *stripe = i;
            return true;
        }
        at -= n;
    }
    reply_null(c);
    return false;
}

// scratch[0] counts the visits: once around, should all keys of the stripes have expired or gone meanwhile.
void cmd_randomkey(struct call *c) {
    uint32_t stripes = c->txn.common->stripe_count;
    struct entry *e = stripe_random(c->stripe, &c->txn, c->session->db);
    c->walk_on = false;
    if (e) {
        reply_bulk(c, entry_key(e));
        return;
    }
    uint32_t next = next_stripe(c, c->stripe->index + 1);
    if (next == stripes) next = next_stripe(c, 0);
    if (next == stripes || ++c->scratch[0] >= stripes) {
        reply_null(c);
        return;
    }
    c->walk_on = true;
    c->walk_next = next;
}

bool walk_start(struct call *c, uint32_t *stripe) {
    if (c->cmd->handler == cmd_stats_bigkeys || c->cmd->handler == cmd_stats_memory) return stats_walk_start(c, stripe);
    return c->cmd->handler == cmd_scan ? start_scan(c, stripe) : start_random(c, stripe);
}

// ---- KEYS, DBSIZE ------------------------------------------------------------------------------------------------------------

struct keys_visit {
    struct call *call;
    struct slice pattern;
    bool all;
};

static void visit_key(void *arg, void *entry) {
    struct keys_visit *v = arg;
    struct slice key = entry_key(entry);
    if (!v->all && !glob_match(v->pattern, key, false)) return;
    reply_bulk(v->call, key);
    v->call->sum++;
}

// A pattern that can match one key only needs no scan.
static void look_for_key(struct call *c, struct slice name) {
    struct key k;
    key_locate(c->txn.common, &k, c->session->db, name);
    if (k.stripe != c->stripe || !key_find(&c->txn, &k, 0)) return;
    reply_bulk(c, name);
    c->sum++;
}

void cmd_keys(struct call *c) {
    struct keys_visit v = { c, c->argv[1], slice_equal(c->argv[1], SLICE("*")) };
    if (glob_is_literal(v.pattern)) look_for_key(c, v.pattern);
    else stripe_scan(c->stripe, &c->txn, c->session->db, 0, SIZE_MAX, visit_key, &v);
}

void cmd_dbsize(struct call *c) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->txn.common->stripe_count; i++) n += count_of(c, i);
    reply_int(c, (int64_t)n);
}

// ---- FLUSHDB, FLUSHALL, SWAPDB -----------------------------------------------------------------------------------------------

// The same effect in every stripe: together they are the command.
static bool emit_everywhere(struct call *c, uint32_t db, int argc, const struct slice *argv) {
    struct common *common = c->txn.common;
    if (!effect_wanted(&c->txn)) return true;
    for (uint32_t i = 0; i < common->stripe_count; i++) {
        struct key k = { .stripe = &common->stripes[i], .stripe_number = i, .db = db };
        if (!effect_emit(&c->txn, &k, argc, argv)) return false;
    }
    return true;
}

static bool parse_flush(struct call *c) {
    if (c->argc == 1 || (c->argc == 2 && (slice_is_word(c->argv[1], "async") || slice_is_word(c->argv[1], "sync")))) return true;
    reply_syntax_error(c);
    return false;
}

// `which`: a database, UINT32_MAX: all. The memory is given back in the background either way.
static void flush(struct call *c, uint32_t which) {
    struct common *common = c->txn.common;
    uint32_t from = which == UINT32_MAX ? 0 : which, to = which == UINT32_MAX ? common->databases : which + 1;
    struct effects_mark mark = effects_mark(&c->txn);
    if (!parse_flush(c)) return;
    for (uint32_t db = from; db < to; db++) {
        uint64_t n = 0;
        for (uint32_t i = 0; i < common->stripe_count; i++) n += stripe_count(&common->stripes[i], db);
        if (n > 0 && !emit_everywhere(c, db, 1, &SLICE("FLUSHDB"))) {
            effects_retract(&c->txn, mark);
            reply_no_memory(c);
            return;
        }
    }
    for (uint32_t i = 0; i < common->stripe_count; i++) {
        if (stripe_flush(&common->stripes[i], which)) count_up(&common->stripes[i].counters.changes);
    }
    reply_ok(c);
}

void cmd_flushdb(struct call *c) { flush(c, c->session->db); }
void cmd_flushall(struct call *c) { flush(c, UINT32_MAX); }

void cmd_swapdb(struct call *c) {
    struct common *common = c->txn.common;
    struct effects_mark mark = effects_mark(&c->txn);
    int64_t n;
    uint32_t a, b;
    if (!read_int32(c, c->argv[1], "invalid first DB index", &n) || !read_int32(c, c->argv[2], "invalid second DB index", &n)) return;
    if (!read_db(c, c->argv[1], NULL, &a) || !read_db(c, c->argv[2], NULL, &b)) return;
    if (a != b && !emit_everywhere(c, c->session->db, c->argc, c->argv)) {
        effects_retract(&c->txn, mark);
        reply_no_memory(c);
        return;
    }
    for (uint32_t i = 0; a != b && i < common->stripe_count; i++) {
        stripe_swap(&common->stripes[i], &c->txn, a, b);
        count_up(&common->stripes[i].counters.changes);
    }
    reply_ok(c);
}
