// Sorted sets: waiting for members.
#include "cmd/zset_int.h"

// Pops from the first of the keys that it looks at and that has members, or waits.
static void pop_or_wait(struct call *c, const struct zset_pop *p, int64_t timeout_ms) {
    struct value v;
    for (uint32_t i = 0; i < c->key_count; i++) {
        if (!call_looks_at(c, i)) continue;
        if (!value_wanted(c, i, TYPE_ZSET, &v)) return;
        if (!v.there) continue;
        if (!zset_pop(c, i, &v, p)) reply_no_memory(c);
        return;
    }
    if (!call_block(c, c->key_count, timeout_ms)) reply_null_array(c);
}

static void pop_one(struct call *c, bool highest) {
    int64_t timeout_ms;
    if (!read_timeout(c, c->argv[c->argc - 1], &timeout_ms)) return;
    pop_or_wait(c, &(struct zset_pop){ .count = 1, .highest = highest, .alone = true }, timeout_ms);
}

void cmd_bzpopmin(struct call *c) { pop_one(c, false); }
void cmd_bzpopmax(struct call *c) { pop_one(c, true); }

void cmd_bzmpop(struct call *c) {
    struct zset_pop p = { .named = true, .how = PAIRS };
    int64_t timeout_ms, keys, count;
    if (!read_timeout(c, c->argv[1], &timeout_ms)) return;
    if (!read_count(c, c->argv[2], 1, "numkeys should be greater than 0", &keys)) return;
    if (!zset_parse_pop(c, keys < c->argc ? (int)keys + 3 : c->argc, &p.highest, &count)) return;
    p.count = (uint64_t)count;
    pop_or_wait(c, &p, timeout_ms);
}
