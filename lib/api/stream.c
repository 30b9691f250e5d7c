// Typed calls about streams. A read that waits does so as XREAD, whose answer only says that it is time to look.
#include <limits.h>
#include <stdalign.h>

#include "api/items_int.h"
#include "base/clock.h"
#include "type/stream.h"

static struct stream_id id_in(kora_id id) { return (struct stream_id){ id.ms, id.seq }; }
static kora_id id_out(struct stream_id id) { return (kora_id){ id.ms, id.seq }; }

// ---- adding ------------------------------------------------------------------------------------------------------------------

// The given id, or the next one by the clock. False: it is not above the last.
static bool choose_id(struct txn *t, const struct stream *s, const kora_id *given, struct stream_id *id) {
    struct stream_id last = s ? s->last_id : (struct stream_id){ 0, 0 };
    *id = given ? id_in(*given) : (struct stream_id){ (uint64_t)txn_now(t), 0 };
    if (!given && id->ms <= last.ms) {
        *id = last;
        stream_id_next(id);
    }
    return stream_id_compare(*id, last) > 0;
}

static int tell_trim(struct change *c, const struct stream *s, uint64_t max_len) {
    char text[NUM_INT_MAX];
    struct slice argv[] = { SLICE("XTRIM"), c->op.key.name, SLICE("MAXLEN"), SLICE("="), { text, num_format_uint(max_len, text) } };
    if (!max_len || (s ? s->length : 0) < max_len || !effect_wanted(&c->op.txn)) return KORA_OK;
    return effect_emit(&c->op.txn, &c->op.key, ARRAY_LEN(argv), argv) ? KORA_OK : KORA_NOMEM;
}

static int append(struct change *c, const kora_id *given, uint64_t max_len, struct stream_id *id) {
    char text[STREAM_ID_TEXT_MAX];
    struct stream *s = value_stream(&c->v);
    bool made = !s;
    if (!choose_id(&c->op.txn, s, given, id)) return KORA_NOTSET;
    c->argv[2] = slice_of(text, stream_id_format(*id, text));
    int status = change_tell(c);
    if (status == KORA_OK) status = tell_trim(c, s, max_len);
    if (status != KORA_OK) return status;
    s = stream_make(&c->v);
    if (!s) return KORA_NOMEM;
    if (!stream_append(s, *id, c->argv + 3, (c->argc - 3) / 2, stream_limits(value_settings(&c->v)))) {
        if (made) value_delete(&c->v);
        return KORA_NOMEM;
    }
    if (max_len) c->trimmed = stream_trim(s, &(struct stream_trim){ .by = STREAM_TRIM_LENGTH, .length = max_len }) > 0;
    return KORA_OK;
}

KORA_API int kora_xadd(kora *db, const void *key, size_t key_len, const kora_id *id, const kora_field *fields, size_t count,
    uint64_t max_len, kora_id *added) {
    struct change c;
    struct stream_id chosen;
    size_t bytes = 0;
    if (!count || !fields || count > INT_MAX / 4 || (id && !id->ms && !id->seq)) return KORA_INVAL;
    int status = change_words(&c, TYPED_XADD, SLICE("XADD"), 1 + 2 * count);
    if (status != KORA_OK) return status;
    change_word(&c, NULL, 0); // the id
    for (size_t i = 0; i < count; i++) {
        change_word(&c, fields[i].name.data, fields[i].name.len);
        change_word(&c, fields[i].value.data, fields[i].value.len);
        if (__builtin_add_overflow(bytes, fields[i].name.len, &bytes) || __builtin_add_overflow(bytes, fields[i].value.len, &bytes)) bytes = SIZE_MAX / 4;
    }
    c.longest = bytes > STREAM_BYTES_MAX ? SIZE_MAX : c.longest;
    status = change_begin(&c, db, key, key_len, TYPE_STREAM);
    if (status != KORA_OK) return status;
    status = append(&c, id, max_len, &chosen);
    status = change_end(&c, status == KORA_OK, status);
    if (status == KORA_OK && added) *added = id_out(chosen);
    return status;
}

// ---- groups ------------------------------------------------------------------------------------------------------------------

// XACKs of some ids each.
static int tell_ack(struct op *o, struct slice group, const kora_id *ids, size_t count) {
    enum { BATCH = 16 };
    char text[BATCH][STREAM_ID_TEXT_MAX];
    struct slice argv[3 + BATCH] = { SLICE("XACK"), o->key.name, group };
    for (size_t i = 0; effect_wanted(&o->txn) && i < count;) {
        int n = 0;
        for (; n < BATCH && i < count; n++, i++) argv[3 + n] = slice_of(text[n], stream_id_format(id_in(ids[i]), text[n]));
        if (!effect_emit(&o->txn, &o->key, 3 + n, argv)) return KORA_NOMEM;
    }
    return KORA_OK;
}

KORA_API int kora_xack(kora *db, const void *key, size_t key_len, const void *group, size_t group_len, const kora_id *ids, size_t count,
    size_t *acknowledged) {
    struct change c;
    size_t n = 0;
    if (count && !ids) return KORA_INVAL;
    change_words(&c, TYPED_XACK, SLICE("XACK"), 1);
    change_word(&c, group, group_len);
    int status = change_begin(&c, db, key, key_len, TYPE_STREAM);
    if (status != KORA_OK) return status;
    struct stream *s = value_stream(&c.v);
    struct stream_group *g = s ? stream_group(s, c.argv[2]) : NULL;
    if (g) status = tell_ack(&c.op, c.argv[2], ids, count);
    for (size_t i = 0; g && status == KORA_OK && i < count; i++) {
        struct stream_pending *p = stream_pending(&g->pending, id_in(ids[i]));
        if (!p) continue;
        stream_acknowledge(s, g, p);
        n++;
    }
    status = change_end(&c, n > 0, status);
    if (status == KORA_OK && acknowledged) *acknowledged = n;
    return status;
}

// ---- reading -----------------------------------------------------------------------------------------------------------------

KORA_API int kora_xlen(kora *db, const void *key, size_t key_len, size_t *count) {
    struct value v;
    struct op o;
    if (!count) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_STREAM, TYPED_XLEN);
    if (status != KORA_OK) return status;
    *count = v.there ? value_stream(&v)->length : 0;
    op_end_read(&o);
    return KORA_OK;
}

// An entry takes its array of fields, which is aligned, and their bytes.
static size_t entry_bytes(struct stream_cursor at) {
    struct stream_pair pair;
    size_t n = at.pairs * sizeof(kora_field);
    for (uint32_t i = at.pairs; i > 0; i--) {
        stream_pair(&at, &pair);
        n += pair.field.n + pair.value.n;
    }
    return n;
}

static void put_entry(struct portion *to, kora_entry *entry, struct stream_cursor at) {
    struct stream_pair pair;
    kora_field *fields = (kora_field *)(void *)(to->buffer + to->used);
    *entry = (kora_entry){ id_out(at.id), fields, at.pairs };
    to->used += at.pairs * sizeof *fields;
    for (size_t i = 0; i < entry->count; i++) {
        stream_pair(&at, &pair);
        fields[i].name = portion_put(to, pair.field);
        fields[i].value = portion_put(to, pair.value);
    }
    to->count++;
}

static void read_behind(const struct stream *s, struct stream_id *after, struct portion *to, kora_entry *items) {
    struct stream_cursor at;
    for (bool more = stream_behind(&at, s, *after, &(struct stream_hint){ .node = NULL }); more; more = stream_next(&at)) {
        size_t n = entry_bytes(at), pad = -((uintptr_t)to->buffer + to->used) % alignof(kora_field);
        if (!portion_fits(to, pad + n)) {
            if (to->count == 0) to->missing = n + alignof(kora_field) - 1;
            return;
        }
        to->used += pad;
        *after = at.id;
        put_entry(to, &items[to->count], at);
    }
}

// *after becomes the last one that was read; what is behind all is where the stream ends now.
static int read_now(kora *db, const void *key, size_t key_len, struct stream_id *after, struct portion *to, kora_entry *items) {
    struct value v;
    struct op o;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_STREAM, TYPED_XREAD);
    if (status != KORA_OK) return status;
    const struct stream *s = value_stream(&v);
    if (stream_id_compare(*after, STREAM_ID_MAX) == 0) *after = s ? s->last_id : (struct stream_id){ 0, 0 };
    else if (s) read_behind(s, after, to, items);
    op_end_read(&o);
    return to->missing ? KORA_NOSPACE : KORA_OK;
}

// Until there is something behind `after`: KORA_OK. KORA_NOTFOUND: time is over.
static int wait_for_more(kora *db, struct slice key, struct stream_id after, int64_t timeout_ms) {
    char ms[NUM_INT_MAX], id[STREAM_ID_TEXT_MAX];
    struct slice reply;
    struct buf out;
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    struct slice argv[] = { SLICE("XREAD"), SLICE("COUNT"), SLICE("1"), SLICE("BLOCK"), { ms, num_format_int(MAX(timeout_ms, 0), ms) }, SLICE("STREAMS"), key,
        { id, stream_id_format(after, id) } };
    status = api_command(db, ARRAY_LEN(argv), argv, &out, &reply);
    if (status == KORA_OK) status = items_reply_status(reply);
    buf_free(&out);
    api_leave(db);
    return status;
}

KORA_API int kora_xread(kora *db, const void *key, size_t key_len, kora_id *after, int64_t timeout_ms, kora_entry *items, size_t max,
    void *buffer, size_t size, size_t *count) {
    struct portion to;
    uint64_t none = 0;
    int status = portion_begin(&to, after ? &none : NULL, items, max, buffer, size, count);
    if (status != KORA_OK || !after) return status; // without it portion_begin has refused
    struct stream_id at = id_in(*after);
    int64_t deadline_ms = 0;
    if (timeout_ms > API_WAIT_MAX_MS) timeout_ms = -1;
    if (timeout_ms > 0) deadline_ms = clock_mono_us() / 1000 + timeout_ms;
    for (;;) {
        status = read_now(db, key, key_len, &at, &to, items);
        if (status != KORA_OK || to.count || !timeout_ms) break;
        status = wait_for_more(db, api_slice(key, key_len), at, timeout_ms); // if it has gone before it is read here, it goes on
        if (status == KORA_NOTFOUND) timeout_ms = 0;
        else if (status != KORA_OK) return status;
        else if (timeout_ms > 0) timeout_ms = MAX(deadline_ms - clock_mono_us() / 1000, 0);
    }
    if (status != KORA_OK && status != KORA_NOSPACE) return status;
    status = portion_end(&to, 0, &none, count);
    if (status == KORA_OK) *after = id_out(at);
    return status;
}
