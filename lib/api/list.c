// Typed calls about lists. Whoever waits for what is pushed is served before the call lets go of the list (op_end_write); a pop that waits is BLPOP or BRPOP.
#include "api/items_int.h"
#include "type/list.h"

static bool end_ok(int end) { return end == KORA_FRONT || end == KORA_BACK; }
static enum list_end end_of(int end) { return end == KORA_FRONT ? LIST_FRONT : LIST_BACK; }

KORA_API int kora_push(kora *db, const void *key, size_t key_len, int end, const kora_bytes *items, size_t count, size_t *len) {
    struct change c;
    if (!end_ok(end)) return KORA_INVAL;
    int status = change_list(&c, end == KORA_FRONT ? TYPED_LPUSH : TYPED_RPUSH, end == KORA_FRONT ? SLICE("LPUSH") : SLICE("RPUSH"), items, count);
    if (status == KORA_OK) status = change_begin(&c, db, key, key_len, TYPE_LIST);
    if (status != KORA_OK) return status;
    if (count) status = change_tell(&c);
    if (status == KORA_OK && count && !list_push(&c.v, end_of(end), c.argv + 2, count)) status = KORA_NOMEM;
    size_t n = list_count(&c.v);
    status = change_end(&c, status == KORA_OK && count, status);
    if (status == KORA_OK && len) *len = n;
    return status;
}

// ---- taking --------------------------------------------------------------------------------------------------------------------

struct popped {
    char *bytes;
    size_t n;
};

static int pop_element(struct change *c, enum list_end end, struct popped *p) {
    char number[NUM_INT_MAX];
    struct list_at at;
    if (!list_edit(&c->v) || !list_seek(&c->v, end == LIST_FRONT ? 0 : -1, &at)) return KORA_NOMEM;
    struct slice s = list_get(&at, number);
    p->bytes = mem_copy(s.p, s.n);
    p->n = s.n;
    int status = p->bytes ? change_tell(c) : KORA_NOMEM;
    if (status == KORA_OK) {
        list_remove(&c->v, end == LIST_FRONT ? 0 : list_count(&c->v) - 1, 1);
        return KORA_OK;
    }
    mem_free(p->bytes);
    return status;
}

// KORA_NOTFOUND: there is nothing; or it is not for who waits, since somebody else was told that it is his turn.
static int pop_now(kora *db, const void *key, size_t key_len, enum list_end end, bool waits, struct popped *p) {
    struct change c;
    change_words(&c, end == LIST_FRONT ? TYPED_LPOP : TYPED_RPOP, end == LIST_FRONT ? SLICE("LPOP") : SLICE("RPOP"), 0);
    int status = change_begin(&c, db, key, key_len, TYPE_LIST);
    if (status != KORA_OK) return status;
    const struct key *k = &c.op.key;
    if (!c.v.there || (waits && k->stripe->waiting.count && waiting_has_turn(k))) status = KORA_NOTFOUND;
    else status = pop_element(&c, end, p);
    int answer = change_end(&c, status == KORA_OK, status);
    if (unlikely(answer != status)) mem_free(p->bytes); // it is not the caller's now
    return answer;
}

// The element in the reply "*2 $n key $n element".
static struct slice popped_element(struct slice reply, size_t key_len) {
    const char *p = reply.p, *end = reply.p + reply.n;
    for (int lines = 0; lines < 2; lines++) p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    p += key_len + 2;
    p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    return slice_of(p, (size_t)(end - p) - 2);
}

static int pop_waiting(kora *db, struct slice key, enum list_end end, int64_t timeout_ms, struct popped *p) {
    char text[32] = "0";
    struct slice reply;
    struct buf out;
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    if (timeout_ms > 0 && timeout_ms <= API_WAIT_MAX_MS) {
        snprintf(text, sizeof text, "%lld.%03d", (long long)(timeout_ms / 1000), (int)(timeout_ms % 1000));
    }
    struct slice argv[] = { end == LIST_FRONT ? SLICE("BLPOP") : SLICE("BRPOP"), key, slice_str(text) };
    status = api_command(db, ARRAY_LEN(argv), argv, &out, &reply);
    if (status == KORA_OK) status = items_reply_status(reply);
    if (status == KORA_OK) { // what it is in becomes the caller's: there is nothing that could still fail
        struct slice element = popped_element(reply, key.n);
        *p = (struct popped){ out.p, element.n };
        memmove(out.p, element.p, element.n);
        out.p[element.n] = '\0';
        out = (struct buf){ 0 };
    }
    buf_free(&out);
    api_leave(db);
    return status;
}

KORA_API int kora_pop(kora *db, const void *key, size_t key_len, int end, int64_t timeout_ms, void **element, size_t *len) {
    struct popped p;
    if (!end_ok(end) || !element || !len) return KORA_INVAL;
    int status = pop_now(db, key, key_len, end_of(end), timeout_ms != 0, &p);
    if (status == KORA_NOTFOUND && timeout_ms) status = pop_waiting(db, api_slice(key, key_len), end_of(end), timeout_ms, &p);
    if (status != KORA_OK) return status;
    *element = p.bytes;
    *len = p.n;
    return KORA_OK;
}

// ---- reading -------------------------------------------------------------------------------------------------------------------

KORA_API int kora_llen(kora *db, const void *key, size_t key_len, size_t *count) {
    struct value v;
    struct op o;
    if (!count) return KORA_INVAL;
    int status = look_begin(&o, &v, db, key, key_len, TYPE_LIST, TYPED_LLEN);
    if (status != KORA_OK) return status;
    *count = list_count(&v);
    op_end_read(&o);
    return KORA_OK;
}

// Elements from the i-th on. Returns the first that did not fit; 0: that was all.
static uint64_t read_from(const struct value *v, uint64_t i, struct portion *to, kora_bytes *items) {
    char number[NUM_INT_MAX];
    struct list_at at;
    bool more = i < list_count(v) && list_seek(v, (int64_t)i, &at);
    for (; more; i++, more = list_next(&at)) {
        struct slice s = list_get(&at, number);
        if (!portion_fits(to, s.n)) {
            if (to->count == 0) to->missing = s.n;
            return i;
        }
        items[to->count] = portion_put(to, s);
        to->count++;
    }
    return 0;
}

KORA_API int kora_lrange(kora *db, const void *key, size_t key_len, uint64_t *cursor, kora_bytes *items, size_t max, void *buffer,
    size_t size, size_t *count) {
    struct portion to;
    struct value v;
    struct op o;
    int status = portion_begin(&to, cursor, items, max, buffer, size, count);
    if (status == KORA_OK) status = look_begin(&o, &v, db, key, key_len, TYPE_LIST, TYPED_LRANGE);
    if (status != KORA_OK) return status;
    uint64_t next = read_from(&v, *cursor, &to, items);
    op_end_read(&o);
    return portion_end(&to, next, cursor, count);
}
