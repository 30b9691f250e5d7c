// Typed calls about one key: straight to the keyspace functions that the command handlers use, too, without argv and RESP.
#include "api/api_int.h"
#include "base/mem.h"

// ---- reading -----------------------------------------------------------------------------------------------------------

// The string at a spot. On anything but KORA_OK the call is over.
static int read_spot(struct op *o, kora *db, const struct spot *s, struct entry **e) {
    op_of_spot(o, db, s, TYPED_GET);
    *e = key_read(&o->txn, &o->key);
    if (likely(*e && (*e)->type == TYPE_STRING)) return KORA_OK;
    int status = *e ? KORA_WRONGTYPE : KORA_NOTFOUND;
    op_end_read(o);
    return status;
}

// Takes the key's lease, and finds what most keys are; the call is then ended by end_plain. *e NULL: it may be another (read_spot).
static inline __attribute__((always_inline)) int begin_plain(struct spot *s, kora *db, const void *key, size_t len, const struct entry **e) {
    int status = spot_take(s, db, key, len);
    struct slice name = { key, len }; // not s->name: a spot that had an address would not be in registers
    // A sample goes the other way, where it is timed.
    if (likely(status == KORA_OK)) *e = stat_due(&s->stripe->stat, TYPED_GET) ? NULL : key_read_plain(&s->engine->common, s->stripe, db->number, s->hash, &name);
    return status;
}
// The rest of end_plain where what was read has to be durable.
static __attribute__((noinline)) void end_plain_durable(const struct stripe *s, struct lease *l) {
    uint64_t need = stripes_need(s->common, &s->index, 1, false);
    lease_release(l);
    if (need) await_durable(CONTAINER_OF(s->common, struct engine, common), need, false);
}
static inline __attribute__((always_inline)) void end_plain(const struct spot *s, kora *db) {
    stat_count(&s->stripe->stat, TYPED_GET);
    if (stripe_waits(s->stripe)) end_plain_durable(s->stripe, s->lease);
    else lease_release(s->lease);
    gate_leave_by(db, s->gate); // nobody was called back meanwhile
}
static inline __attribute__((always_inline)) void end_plain_write(const struct spot *s, kora *db) {
    count_up(&s->stripe->counters.changes);
    if (unlikely(s->stripe->watching.count)) watch_mark(s->stripe, db->number, s->hash, api_slice(s->name.p, s->name.n), false);
    if (LEASE_CHECK(9)) stripe_changed(s->stripe);
    struct stripe_news news = stripe_news(s->stripe);
    stat_count(&s->stripe->stat, TYPED_SET);
    lease_release(s->lease);
    engine_tell_home(s->engine, s->stripe, news);
    gate_leave_by(db, s->gate);
}
// What was written is durable when `need` is.
static int end_plain_write_durable(const struct spot *s, kora *db, uint64_t need) {
    struct engine *e = s->engine;
    if (!need) {
        end_plain_write(s, db);
        return KORA_OK;
    }
    struct spot inside = *s; // left only when it is
    gate_enter(db);
    end_plain_write(&inside, db);
    int status = await_durable(e, need, true);
    api_leave(db);
    return status;
}
static inline struct slice plain_value(const struct spot *s, const struct entry *e) {
    return (struct slice){ (const char *)(e + 1) + s->name.n, e->value_len };
}

// The value outlives the lease if it is a blob, which is pinned then; else it is only there until the lease is let go.
struct view {
    struct slice bytes;
    struct blob *blob;
    char number[NUM_INT_MAX];
};

static inline void view_entry(struct view *v, const struct entry *e) {
    v->blob = unlikely(e->form == FORM_BLOB) ? entry_pin(e) : NULL;
    v->bytes = entry_string(e, v->number);
}
static inline void view_read(struct op *o, struct view *v, const struct entry *e) {
    view_entry(v, e);
    o->bytes = v->bytes.n;
}

// The last reference to a value that is gone from its key: the stripe's home frees it.
static void api_unpin(kora *db, struct blob *b) {
    struct stripe *s = &db->engine->common.stripes[b->owner->stripe];
    if (unlikely(blob_unpin_was_last(b))) engine_tell_home_slow(db->engine, s, (struct stripe_news){ .compact = true });
}

static void *copy_value(struct slice s, size_t *len) {
    char *copy = mem_copy(s.p, s.n);
    if (copy) *len = s.n;
    return copy;
}

// kora_get of anything but a plain string.
static __attribute__((noinline)) int get_other(kora *db, const struct spot *s, void **value, size_t *len) {
    struct op o;
    struct entry *e;
    struct view v;
    int status = read_spot(&o, db, s, &e);
    if (status != KORA_OK) return status;
    view_read(&o, &v, e);
    void *copy;
    if (!v.blob) {
        copy = copy_value(v.bytes, len);
        op_end_read(&o);
    } else {
        op_unlease_read(&o); // a large copy is made without the lease
        copy = copy_value(v.bytes, len);
        api_unpin(db, v.blob);
        api_leave(db);
    }
    if (!copy) return KORA_NOMEM;
    *value = copy;
    return KORA_OK;
}

KORA_API int kora_get(kora *db, const void *key, size_t key_len, void **value, size_t *len) {
    struct spot s;
    const struct entry *e;
    if (!value || !len) return KORA_INVAL;
    int status = begin_plain(&s, db, key, key_len, &e);
    if (unlikely(status != KORA_OK)) return status;
    if (unlikely(!e)) {
        struct spot other = s; // for the same reason
        return get_other(db, &other, value, len);
    }
    void *copy = copy_value(plain_value(&s, e), len);
    end_plain(&s, db);
    if (unlikely(!copy)) return KORA_NOMEM;
    *value = copy;
    return KORA_OK;
}

static int copy_into(struct slice value, void *buffer, size_t size, size_t *len) {
    *len = value.n;
    size_t n = MIN(value.n, size);
    if (n) memcpy(buffer, value.p, n);
    return likely(value.n <= size) ? KORA_OK : KORA_NOSPACE;
}

static __attribute__((noinline)) int get_other_into(kora *db, const struct spot *s, void *buffer, size_t size, size_t *len) {
    struct op o;
    struct entry *e;
    struct view v;
    int status = read_spot(&o, db, s, &e);
    if (status != KORA_OK) return status;
    view_read(&o, &v, e);
    if (!v.blob) {
        status = copy_into(v.bytes, buffer, size, len);
        op_end_read(&o);
        return status;
    }
    op_unlease_read(&o);
    status = copy_into(v.bytes, buffer, size, len);
    api_unpin(db, v.blob);
    api_leave(db);
    return status;
}

KORA_API int kora_get_into(kora *db, const void *key, size_t key_len, void *buffer, size_t size, size_t *len) {
    struct spot s;
    const struct entry *e;
    if (!len || api_bad_bytes(buffer, size)) return KORA_INVAL;
    int status = begin_plain(&s, db, key, key_len, &e);
    if (unlikely(status != KORA_OK)) return status;
    if (unlikely(!e)) {
        struct spot other = s;
        return get_other_into(db, &other, buffer, size, len);
    }
    status = copy_into(plain_value(&s, e), buffer, size, len);
    end_plain(&s, db);
    return status;
}

// What kora_pinned.pin_ points to: a blob, or (with the lowest bit set) a copy of a small value.
enum { PIN_IS_COPY = 1 };

static void drop_pin(kora *db, void *pin) {
    uintptr_t bits = (uintptr_t)pin;
    if (bits & PIN_IS_COPY) mem_free((void *)(bits & ~(uintptr_t)PIN_IS_COPY));
    else api_unpin(db, pin);
}

KORA_API int kora_pin(kora *db, const void *key, size_t key_len, kora_pinned *pinned) {
    struct op o;
    struct entry *e;
    struct view v;
    if (!pinned) return KORA_INVAL;
    struct spot s;
    int status = spot_take(&s, db, key, key_len);
    if (status == KORA_OK) status = read_spot(&o, db, &s, &e);
    if (status != KORA_OK) return status;
    view_read(&o, &v, e);
    kora_pinned p = { v.bytes.p, v.bytes.n, v.blob };
    if (!v.blob) {
        char *copy = mem_copy(v.bytes.p, v.bytes.n);
        if (!copy) status = KORA_NOMEM;
        p = (kora_pinned){ copy, v.bytes.n, (void *)((uintptr_t)copy | PIN_IS_COPY) };
    }
    op_unlease_read(&o);
    if (status == KORA_OK && !api_handle_out(db)) {
        drop_pin(db, p.pin_);
        status = KORA_CLOSED;
    }
    if (status == KORA_OK) *pinned = p;
    api_leave(db);
    return status;
}

KORA_API void kora_unpin(kora *db, kora_pinned *pinned) {
    if (!db || !pinned || !pinned->pin_ || !*db->alive) return;
    drop_pin(db, pinned->pin_);
    *pinned = (kora_pinned){ 0 };
    api_handle_back(db);
}

KORA_API int kora_exists(kora *db, const void *key, size_t key_len) {
    struct op o;
    int status = op_begin(&o, db, key, key_len, TYPED_EXISTS);
    if (status != KORA_OK) return status;
    status = key_peek(&o.txn, &o.key) ? KORA_OK : KORA_NOTFOUND;
    op_end_read(&o);
    return status;
}

KORA_API int kora_ttl(kora *db, const void *key, size_t key_len, int64_t *ttl_ms) {
    struct op o;
    if (!ttl_ms) return KORA_INVAL;
    int status = op_begin(&o, db, key, key_len, TYPED_PTTL);
    if (status != KORA_OK) return status;
    struct entry *e = key_peek(&o.txn, &o.key);
    if (e) *ttl_ms = entry_expires(e) ? entry_expire_at(e) - txn_now(&o.txn) : -1;
    op_end_read(&o);
    return e ? KORA_OK : KORA_NOTFOUND;
}

// ---- writing -----------------------------------------------------------------------------------------------------------

int api_expiry(struct txn *t, int64_t ttl_ms, int64_t expire_at_ms, int64_t *at_ms) {
    *at_ms = EXPIRE_NONE;
    if (ttl_ms < 0 || expire_at_ms < 0 || (ttl_ms && expire_at_ms)) return KORA_INVAL;
    if (ttl_ms && __builtin_add_overflow(txn_now(t), ttl_ms, at_ms)) return KORA_INVAL;
    if (expire_at_ms) *at_ms = expire_at_ms;
    return KORA_OK;
}

static int delete_entry(struct op *o, struct entry *e, bool *changed) {
    if (!effect_del(&o->txn, &o->key)) return KORA_NOMEM;
    key_delete(&o->txn, &o->key, e);
    event_emit(&o->txn, &o->key, EVENT_GENERIC, "del");
    *changed = true;
    return KORA_OK;
}

// Sets the key under the lease. A time that has passed deletes it.
static int set_value(struct op *o, struct entry *e, struct slice value, int64_t at_ms, bool keep_ttl, bool *changed) {
    if (at_ms && at_ms <= txn_now(&o->txn)) return e ? delete_entry(o, e, changed) : KORA_OK;
    size_t recorded = o->txn.effects.n; // a DEL, if it has just expired: that stays
    uint32_t emitted = o->txn.emitted;
    if (effect_wanted(&o->txn) && !effect_set(&o->txn, &o->key, value, at_ms, keep_ttl)) return KORA_NOMEM;
    int status = key_set_string(&o->txn, &o->key, e, value, STRING_AS_SET, keep_ttl ? EXPIRE_KEEP : at_ms, NULL);
    if (unlikely(status != KORA_OK)) {
        effect_forget(&o->txn, recorded, emitted);
        return status;
    }
    *changed = true;
    event_emit(&o->txn, &o->key, EVENT_STRING, "set");
    if (at_ms > 0) event_emit(&o->txn, &o->key, EVENT_GENERIC, "expire");
    return KORA_OK;
}

enum { SET_FLAGS = KORA_NX | KORA_XX | KORA_KEEPTTL };

static int check_set_options(const kora_set_options *o, uint32_t flags_allowed) {
    bool both = (o->flags & KORA_NX) && (o->flags & KORA_XX);
    bool times = o->ttl_ms || o->expire_at_ms;
    if ((o->flags & ~flags_allowed) || both || o->reserved || ((o->flags & KORA_KEEPTTL) && times)) return KORA_INVAL;
    return KORA_OK;
}

struct old {
    void *copy; // NULL: there was none
    size_t len;
};

// Copies the value that is about to be replaced. A large one is copied under the lease: whoever asks for it pays for it.
static int copy_old(const kora_set_options *opt, const struct entry *e, struct old *old) {
    *old = (struct old){ NULL, 0 };
    if (!opt->old || !e) return KORA_OK;
    char number[NUM_INT_MAX];
    if (e->type != TYPE_STRING) return KORA_WRONGTYPE;
    old->copy = copy_value(entry_string(e, number), &old->len);
    return old->copy ? KORA_OK : KORA_NOMEM;
}

// Hands it out, unless the call failed.
static void give_old(const kora_set_options *opt, int status, const struct old *old) {
    if (status != KORA_OK && status != KORA_NOTSET) {
        mem_free(old->copy);
    } else if (opt->old) {
        *opt->old = old->copy;
        if (opt->old_len) *opt->old_len = old->len;
    }
}

static int set_with_options(struct op *o, struct slice value, const kora_set_options *opt, bool *changed) {
    int64_t at_ms;
    int status = api_expiry(&o->txn, opt->ttl_ms, opt->expire_at_ms, &at_ms);
    if (status != KORA_OK) return status;
    struct entry *e = key_write(&o->txn, &o->key);
    struct old old;
    status = copy_old(opt, e, &old);
    if (status != KORA_OK) return status;
    bool met = !((opt->flags & KORA_NX) && e) && !((opt->flags & KORA_XX) && !e);
    status = met ? set_value(o, e, value, at_ms, opt->flags & KORA_KEEPTTL, changed) : KORA_NOTSET;
    give_old(opt, status, &old);
    return status;
}

// kora_set of what is not only overwritten.
static __attribute__((noinline)) int set_other(kora *db, const struct spot *s, struct slice value, const kora_set_options *opt) {
    struct op o;
    bool changed = false;
    int status;
    op_of_spot(&o, db, s, TYPED_SET);
    o.bytes = value.n;
    if (unlikely(api_too_big(db, value.n))) status = KORA_TOOBIG;
    else if (opt) status = set_with_options(&o, value, opt, &changed);
    else status = set_value(&o, key_write(&o.txn, &o.key), value, EXPIRE_NONE, false, &changed);
    int answer = op_end_write(&o, changed, status);
    if (unlikely(answer != status) && opt && opt->old) { // what was handed out is not the caller's now
        mem_free(*opt->old);
        *opt->old = NULL;
    }
    return answer;
}

static __attribute__((noinline)) int set_as_asked(kora *db, const void *key, size_t key_len, struct slice value, const kora_set_options *options) {
    kora_set_options opt = KORA_SET_OPTIONS_INIT;
    struct spot s;
    if (api_options(&opt, sizeof opt, options) != KORA_OK || check_set_options(&opt, SET_FLAGS) != KORA_OK) return KORA_INVAL;
    int status = spot_take(&s, db, key, key_len);
    if (status == KORA_OK) status = spot_may_write(&s, db);
    return status == KORA_OK ? set_other(db, &s, value, &opt) : status;
}

// Whether the entry (NULL: none such) can be overwritten with bytes that are as many, and no integer, and nobody is to be told by an event.
static inline __attribute__((always_inline)) bool is_overwrite(const struct spot *s, const struct entry *e, const char *value, size_t len) {
    if (unlikely(!e) || unlikely(e->value_len != len) ||
        unlikely(atomic_load_explicit(&s->engine->common.settings.notify_events, memory_order_relaxed))) {
        return false;
    }
    return likely(len > NUM_INT_MAX) || !len || (unsigned char)value[0] > '9'; // perhaps the text of an integer
}
static inline bool overwrite(const struct spot *s, struct entry *e, const char *value, size_t len) {
    if (unlikely(s->engine->common.effects.fn != NULL) || !is_overwrite(s, e, value, len)) return false;
    if (len) memcpy((char *)(e + 1) + s->name.n, value, len);
    return true;
}

// kora_set where its effect is wanted. What is only overwritten is told without being copied before.
static __attribute__((noinline)) int set_and_tell(kora *db, const struct spot *s, struct entry *e, struct slice value) {
    const struct effect_sink *sink = &s->engine->common.effects;
    if (s->engine->log && unlikely(!log_may_write(s->engine->log, s->number))) {
        int status = spot_may_write(s, db);
        if (status != KORA_OK) return status;
        e = NULL; // the lease was let go
    }
    if (!is_overwrite(s, e, value.p, value.n)) return set_other(db, s, value, NULL);
    struct slice argv[] = { SLICE("SET"), api_slice(s->name.p, s->name.n), value };
    if (sink->room && unlikely(!sink->room(sink->arg, s->number, effect_bytes(3, argv), 1))) return set_other(db, s, value, NULL); // it says so
    if (value.n) memcpy((char *)(e + 1) + s->name.n, value.p, value.n);
    sink->fn(sink->arg, &(struct effect){ .stripe = s->number, .db = db->number, .argc = 3, .argv = argv });
    uint64_t need = txn_waits(&s->engine->common) ? stripes_need(&s->engine->common, &s->number, 1, true) : 0;
    return end_plain_write_durable(s, db, need);
}

KORA_API int kora_set(kora *db, const void *key, size_t key_len, const void *value, size_t value_len, const kora_set_options *options) {
    struct spot s;
    struct slice name = { key, key_len };
    if (unlikely(api_bad_bytes(value, value_len))) return KORA_INVAL;
    if (options) return set_as_asked(db, key, key_len, api_slice(value, value_len), options);
    int status = spot_take(&s, db, key, key_len);
    if (unlikely(status != KORA_OK)) return status;
    struct entry *e = NULL;
    if (likely(!api_too_big(db, value_len)) && likely(!stat_due(&s.stripe->stat, TYPED_SET))) e = key_write_plain(&s.engine->common, s.stripe, db->number, s.hash, &name);
    if (likely(overwrite(&s, e, value, value_len))) {
        end_plain_write(&s, db);
        return KORA_OK;
    }
    struct spot other = s; // so that s has no address
    if (other.engine->common.effects.fn) return set_and_tell(db, &other, e, api_slice(value, value_len));
    return set_other(db, &other, api_slice(value, value_len), NULL);
}

static int cas_entry(struct op *o, bool absent, struct slice expected, struct slice value, const kora_set_options *opt, bool *changed) {
    char number[NUM_INT_MAX];
    int64_t at_ms;
    int status = api_expiry(&o->txn, opt->ttl_ms, opt->expire_at_ms, &at_ms);
    if (status != KORA_OK) return status;
    struct entry *e = key_write(&o->txn, &o->key);
    if (e && e->type != TYPE_STRING) return KORA_WRONGTYPE;
    if (absent ? e != NULL : !e || !slice_equal(entry_string(e, number), expected)) return KORA_NOTSET;
    return set_value(o, e, value, at_ms, opt->flags & KORA_KEEPTTL, changed);
}

KORA_API int kora_cas(kora *db, const void *key, size_t key_len, const void *expected, size_t expected_len, const void *value,
    size_t value_len, const kora_set_options *options) {
    struct op o;
    kora_set_options opt = KORA_SET_OPTIONS_INIT;
    bool changed = false;
    if (options && (api_options(&opt, sizeof opt, options) != KORA_OK || check_set_options(&opt, KORA_KEEPTTL) != KORA_OK)) return KORA_INVAL;
    if (api_bad_bytes(value, value_len) || api_bad_bytes(expected, expected_len) || opt.old) return KORA_INVAL;
    int status = op_begin_write(&o, db, key, key_len, TYPED_SET);
    if (status != KORA_OK) return status;
    if (api_too_big(db, value_len)) status = KORA_TOOBIG;
    else status = cas_entry(&o, !expected, api_slice(expected, expected_len), api_slice(value, value_len), &opt, &changed);
    return op_end_write(&o, changed, status);
}

KORA_API int kora_del(kora *db, const void *key, size_t key_len) {
    struct op o;
    bool changed = false;
    int status = op_begin_write(&o, db, key, key_len, TYPED_DEL);
    if (status != KORA_OK) return status;
    struct entry *e = key_write(&o.txn, &o.key);
    status = e ? delete_entry(&o, e, &changed) : KORA_NOTFOUND;
    return op_end_write(&o, changed, status);
}

static int incr_entry(struct op *o, int64_t by, int64_t *sum) {
    char number[NUM_INT_MAX], text[NUM_INT_MAX];
    int64_t n = 0;
    struct entry *e = key_write(&o->txn, &o->key);
    if (e && e->type != TYPE_STRING) return KORA_WRONGTYPE;
    if (e && e->form != FORM_INT && !num_parse_int(entry_string(e, number), &n)) return KORA_NOTINT;
    if (e && e->form == FORM_INT) n = entry_int(e);
    if (__builtin_add_overflow(n, by, sum)) return KORA_NOTINT;
    struct slice argv[] = { SLICE("INCRBY"), o->key.name, { text, num_format_int(by, text) } };
    size_t recorded = o->txn.effects.n; // a DEL, if it has just expired: that stays
    uint32_t emitted = o->txn.emitted;
    if (!effect_emit(&o->txn, &o->key, 3, argv)) return KORA_NOMEM;
    int status = key_set_int(&o->txn, &o->key, e, *sum);
    if (status != KORA_OK) effect_forget(&o->txn, recorded, emitted);
    else event_emit(&o->txn, &o->key, EVENT_STRING, "incrby");
    return status;
}

KORA_API int kora_incr(kora *db, const void *key, size_t key_len, int64_t by, int64_t *result) {
    struct op o;
    int64_t sum = 0;
    int status = op_begin_write(&o, db, key, key_len, TYPED_INCRBY);
    if (status != KORA_OK) return status;
    status = incr_entry(&o, by, &sum);
    status = op_end_write(&o, status == KORA_OK, status);
    if (status == KORA_OK && result) *result = sum;
    return status;
}

// ---- expiry ------------------------------------------------------------------------------------------------------------

enum { EXPIRE_FLAGS = KORA_NX | KORA_XX | KORA_GT | KORA_LT };

static bool expire_flags_ok(uint32_t flags) {
    if (flags & ~(uint32_t)EXPIRE_FLAGS) return false;
    if ((flags & KORA_NX) && flags != KORA_NX) return false;
    return !((flags & KORA_GT) && (flags & KORA_LT));
}

static bool expire_flags_met(uint32_t flags, const struct entry *e, int64_t at_ms) {
    int64_t has = entry_expires(e) ? entry_expire_at(e) : INT64_MAX;
    if ((flags & KORA_NX) && entry_expires(e)) return false;
    if ((flags & KORA_XX) && !entry_expires(e)) return false;
    if ((flags & KORA_GT) && (at_ms <= has)) return false;
    return !((flags & KORA_LT) && at_ms >= has);
}

static int expire_entry(struct op *o, int64_t at_ms, uint32_t flags, bool *changed) {
    struct entry *e = key_write(&o->txn, &o->key);
    if (!e) return KORA_NOTFOUND;
    if (!expire_flags_met(flags, e, at_ms)) return KORA_NOTSET;
    if (at_ms <= txn_now(&o->txn)) return delete_entry(o, e, changed);
    if (!effect_pexpireat(&o->txn, &o->key, at_ms)) return KORA_NOMEM;
    int status = key_set_expiry(&o->txn, &o->key, &e, at_ms);
    if (status == KORA_OK) *changed = true;
    else effect_forget(&o->txn, 0, 0);
    if (status == KORA_OK) event_emit(&o->txn, &o->key, EVENT_GENERIC, "expire");
    return status;
}

static int expire_key(kora *db, const void *key, size_t key_len, int64_t ms, bool relative, uint32_t flags) {
    struct op o;
    bool changed = false;
    if (!expire_flags_ok(flags)) return KORA_INVAL;
    int status = op_begin_write(&o, db, key, key_len, relative ? TYPED_PEXPIRE : TYPED_PEXPIREAT);
    if (status != KORA_OK) return status;
    if (relative && __builtin_add_overflow(txn_now(&o.txn), ms, &ms)) status = KORA_INVAL;
    else status = expire_entry(&o, ms, flags, &changed);
    return op_end_write(&o, changed, status);
}

KORA_API int kora_expire(kora *db, const void *key, size_t key_len, int64_t ttl_ms, uint32_t flags) {
    return expire_key(db, key, key_len, ttl_ms, true, flags);
}

KORA_API int kora_expire_at(kora *db, const void *key, size_t key_len, int64_t unix_ms, uint32_t flags) {
    return expire_key(db, key, key_len, unix_ms, false, flags);
}

KORA_API int kora_persist(kora *db, const void *key, size_t key_len) {
    struct op o;
    int status = op_begin_write(&o, db, key, key_len, TYPED_PERSIST);
    if (status != KORA_OK) return status;
    struct entry *e = key_write(&o.txn, &o.key);
    if (!e) status = KORA_NOTFOUND;
    else if (!entry_expires(e)) status = KORA_NOTSET;
    else if (!effect_persist(&o.txn, &o.key)) status = KORA_NOMEM;
    else status = key_set_expiry(&o.txn, &o.key, &e, EXPIRE_NONE);
    if (status == KORA_NOMEM) effect_forget(&o.txn, 0, 0);
    if (status == KORA_OK) event_emit(&o.txn, &o.key, EVENT_GENERIC, "persist");
    return op_end_write(&o, status == KORA_OK, status);
}
