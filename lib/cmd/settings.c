// The table of parameters. A value is checked into a struct setting_value first and put in place afterwards, so that CONFIG SET of
// several parameters sets all of them or none.
#include "cmd/settings.h"

#include <stdarg.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/num.h"
#include "cmd/host.h"
#include "kora.h"
#include "stripe/stripe.h"

enum kind { KIND_NUMBER, KIND_SIGNED, KIND_SIZE, KIND_YES_NO, KIND_CHOICE, KIND_EVENTS, KIND_LIMITS, KIND_PERCENTILES, KIND_SAVE, KIND_PASSWORD, KIND_TEXT, KIND_FIXED, KIND_AS_IT_IS, KIND_CONSTANT };
enum who { ANYBODY, PROGRAM };
enum fixed {
    FIXED_BIND, FIXED_PORT, FIXED_UNIXSOCKET, FIXED_UNIXSOCKETPERM, FIXED_DATABASES, FIXED_SHARDS, FIXED_STRIPES, FIXED_NO, FIXED_NOTHING,
    FIXED_APPENDONLY, FIXED_DIR, FIXED_STAGING_DIR,
};
enum { FILES_RESERVED = 32 /* descriptors that are not connections */ };

static const char *const debug_words[] = { "no", "yes", "local", NULL };
static const char *const fsync_words[] = { "everysec", "always", "no", NULL }; // enum fsync_policy
static const char *const level_words[] = { "debug", "verbose", "notice", "warning", NULL }; // KORA_LOG_*
static const char *const policy_words[] = { "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
    "allkeys-random", "noeviction", "allkeys-s3fifo", NULL };

static const struct row {
    const char *name;
    enum kind kind;
    enum who who;
    size_t offset;            // in struct settings, of numbers; else an index
    uint64_t initial, min, max;
    const char *const *words; // of choices
    const char *text;         // the default of texts; the value of constants
    const char *why;          // constants: why it can't be another one
} rows[] = {
#define SETTING_NUMBER(name, field, initial, min, max, who) { name, KIND_NUMBER, who, offsetof(struct settings, field), initial, min, max, NULL, NULL, NULL },
#define SETTING_SIGNED(name, field, initial, min, max, who) \
    { name, KIND_SIGNED, who, offsetof(struct settings, field), (uint64_t)(initial), (uint64_t)(min), (uint64_t)(max), NULL, NULL, NULL },
#define SETTING_SIZE(name, field, initial, min, max, who) { name, KIND_SIZE, who, offsetof(struct settings, field), initial, min, max, NULL, NULL, NULL },
#define SETTING_YES_NO(name, field, initial, who) { name, KIND_YES_NO, who, offsetof(struct settings, field), initial, 0, 1, NULL, NULL, NULL },
#define SETTING_CHOICE(name, field, words, initial, who) { name, KIND_CHOICE, who, offsetof(struct settings, field), initial, 0, 0, words, NULL, NULL },
#define SETTING_EVENTS(name, field, who) { name, KIND_EVENTS, who, offsetof(struct settings, field), 0, 0, 0, NULL, NULL, NULL },
#define SETTING_LIMITS(name, who) { name, KIND_LIMITS, who, 0, 0, 0, 0, NULL, NULL, NULL },
#define SETTING_PERCENTILES(name, who) { name, KIND_PERCENTILES, who, 0, 0, 0, 0, NULL, NULL, NULL },
#define SETTING_SAVE(name, who) { name, KIND_SAVE, who, 0, 0, 0, 0, NULL, NULL, NULL },
#define SETTING_PASSWORD(name, who) { name, KIND_PASSWORD, who, 0, 0, 0, 0, NULL, NULL, NULL },
#define SETTING_TEXT(name, index, initial, who) { name, KIND_TEXT, who, index, 0, 0, 0, NULL, initial, NULL },
#define SETTING_FIXED(name, what) { name, KIND_FIXED, PROGRAM, what, 0, 0, 0, NULL, NULL, NULL },
#define SETTING_AS_IT_IS(name, what, why) { name, KIND_AS_IT_IS, ANYBODY, what, 0, 0, 0, NULL, NULL, why },
#define SETTING_CONSTANT(name, value, why) { name, KIND_CONSTANT, ANYBODY, 0, 0, 0, 0, NULL, value, why },
#include "cmd/settings.def"
};

static const struct setting_limits limits_initial = { { [OUTPUT_REPLICA] = { 256u << 20, 64u << 20, 60 },
    [OUTPUT_PUBSUB] = { 32u << 20, 8u << 20, 60 } } };
static const char *const class_names[OUTPUT_CLASSES] = { "normal", "slave", "pubsub" };

static _Atomic uint64_t *number_of(struct settings *s, const struct row *r) {
    return (_Atomic uint64_t *)(void *)((char *)s + r->offset);
}

// ---- life ----------------------------------------------------------------------------------------------------------------

static void put_limits(struct settings *s, const struct setting_limits *limits) {
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        atomic_store_explicit(&s->output[i].hard, limits->of[i][0], memory_order_relaxed);
        atomic_store_explicit(&s->output[i].soft, limits->of[i][1], memory_order_relaxed);
        atomic_store_explicit(&s->output[i].soft_s, limits->of[i][2], memory_order_relaxed);
    }
}

static struct setting_limits read_limits(struct settings *s) {
    struct setting_limits limits;
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        limits.of[i][0] = atomic_load_explicit(&s->output[i].hard, memory_order_relaxed);
        limits.of[i][1] = atomic_load_explicit(&s->output[i].soft, memory_order_relaxed);
        limits.of[i][2] = atomic_load_explicit(&s->output[i].soft_s, memory_order_relaxed);
    }
    return limits;
}

// ---- percentiles -----------------------------------------------------------------------------------------------------------

enum { PERCENT = 1000000 };
static const struct setting_percentiles percentiles_initial = { 3, { 50 * PERCENT, 99 * PERCENT, 99 * PERCENT + 9 * PERCENT / 10 } };

static void put_percentiles(struct settings *s, const struct setting_percentiles *p) {
    for (uint32_t i = 0; i < p->count; i++) atomic_store_explicit(&s->latency_percentile[i], p->of[i], memory_order_relaxed);
    atomic_store_explicit(&s->latency_percentiles, p->count, memory_order_relaxed);
}

static void format_percentiles(const struct setting_percentiles *p, struct buf *out) {
    for (uint32_t i = 0; i < p->count; i++) buf_printf(out, "%s%.10g", i ? " " : "", (double)p->of[i] / PERCENT);
}

static struct setting_percentiles read_percentiles(struct settings *s) {
    struct setting_percentiles p = { .count = (uint32_t)atomic_load_explicit(&s->latency_percentiles, memory_order_relaxed) };
    for (uint32_t i = 0; i < p.count; i++) p.of[i] = atomic_load_explicit(&s->latency_percentile[i], memory_order_relaxed);
    return p;
}

// ---- when snapshots are made -----------------------------------------------------------------------------------------------

static void put_save(struct settings *s, const struct setting_save *rules) {
    pthread_mutex_lock(&s->mutex);
    memcpy(s->save, rules->of, sizeof s->save);
    s->save_count = rules->count;
    pthread_mutex_unlock(&s->mutex);
}

static struct setting_save read_save(struct settings *s) {
    struct setting_save rules;
    pthread_mutex_lock(&s->mutex);
    memcpy(rules.of, s->save, sizeof s->save);
    rules.count = s->save_count;
    pthread_mutex_unlock(&s->mutex);
    return rules;
}

static void format_save(const struct setting_save *rules, struct buf *out) {
    for (uint32_t i = 0; i < rules->count; i++) {
        buf_printf(out, "%s%llu %llu", i ? " " : "", (unsigned long long)rules->of[i].seconds, (unsigned long long)rules->of[i].changes);
    }
}

int settings_init(struct settings *s) {
    memset(s, 0, sizeof *s);
    s->requirepass = mem_copy("", 0);
    if (!s->requirepass) return KORA_NOMEM;
    pthread_mutex_init(&s->mutex, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].kind <= KIND_EVENTS) atomic_store_explicit(number_of(s, &rows[i]), rows[i].initial, memory_order_relaxed);
    }
    put_limits(s, &limits_initial);
    put_percentiles(s, &percentiles_initial);
    atomic_store_explicit(&s->active_expire, 1, memory_order_relaxed);
    return KORA_OK;
}

void settings_free(struct settings *s) {
    if (!s->requirepass) return;
    mem_free(s->requirepass);
    for (int i = 0; i < SETTINGS_TEXTS; i++) mem_free(s->texts[i]);
    pthread_mutex_destroy(&s->mutex);
    memset(s, 0, sizeof *s);
}

// ---- reading -------------------------------------------------------------------------------------------------------------

_Static_assert(ARRAY_LEN(rows) <= SETTINGS_COUNT_MAX, "SETTINGS_COUNT_MAX");
int settings_count(void) { return (int)ARRAY_LEN(rows); }
const char *settings_name(int i) { return rows[i].name; }
bool settings_immutable(int i) { return rows[i].kind == KIND_FIXED || rows[i].who == PROGRAM; }
bool settings_in_file(int i) { return rows[i].kind < KIND_TEXT; }

int settings_find(struct slice name) {
    for (int i = 0; i < settings_count(); i++) {
        if (slice_is_word(name, rows[i].name)) return i;
    }
    return -1;
}

static void format_limits(const struct setting_limits *limits, struct buf *out) {
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        buf_printf(out, "%s%s %llu %llu %llu", i ? " " : "", class_names[i], (unsigned long long)limits->of[i][0],
            (unsigned long long)limits->of[i][1], (unsigned long long)limits->of[i][2]);
    }
}

static void format_number(const struct row *r, uint64_t n, struct buf *out) {
    if (r->kind == KIND_EVENTS) events_format(n, out);
    else if (r->kind == KIND_YES_NO) buf_append_slice(out, slice_str(n ? "yes" : "no"));
    else if (r->kind == KIND_CHOICE) buf_append_slice(out, slice_str(r->words[n]));
    else buf_append_int(out, (int64_t)n);
}

static void format_fixed(struct host *h, enum fixed what, struct buf *out) {
    switch (what) {
    case FIXED_BIND: if (h->listen_text) h->listen_text(h, "bind", out); break;
    case FIXED_UNIXSOCKET: if (h->listen_text) h->listen_text(h, "unixsocket", out); break;
    case FIXED_UNIXSOCKETPERM: if (h->listen_text) h->listen_text(h, "unixsocketperm", out); break;
    case FIXED_PORT: buf_append_int(out, h->tcp_port ? h->tcp_port(h) : 0); break;
    case FIXED_DATABASES: buf_append_int(out, h->common->databases); break;
    case FIXED_SHARDS: buf_append_int(out, h->shards); break;
    case FIXED_STRIPES: buf_append_int(out, h->common->stripe_count); break;
    case FIXED_NO: buf_append_slice(out, SLICE("no")); break;
    case FIXED_NOTHING: break;
    case FIXED_APPENDONLY: buf_append_slice(out, h->dir ? SLICE("yes") : SLICE("no")); break;
    case FIXED_DIR: if (h->dir) buf_append_slice(out, slice_str(h->dir)); break;
    case FIXED_STAGING_DIR: if (h->staging_dir) buf_append_slice(out, slice_str(h->staging_dir)); break;
    }
}

static void format_text(struct settings *s, char *const *text, const char *initial, struct buf *out) {
    pthread_mutex_lock(&s->mutex);
    buf_append_slice(out, slice_str(*text ? *text : initial));
    pthread_mutex_unlock(&s->mutex);
}

void settings_format(struct host *h, int i, struct buf *out) {
    const struct row *r = &rows[i];
    struct settings *s = &h->common->settings;
    switch (r->kind) {
    case KIND_FIXED:
    case KIND_AS_IT_IS: format_fixed(h, (enum fixed)r->offset, out); break;
    case KIND_CONSTANT: buf_append_slice(out, slice_str(r->text)); break;
    case KIND_TEXT: format_text(s, &s->texts[r->offset], r->text, out); break;
    case KIND_PASSWORD: format_text(s, &s->requirepass, "", out); break;
    case KIND_LIMITS: {
        struct setting_limits limits = read_limits(s);
        format_limits(&limits, out);
        break;
    }
    case KIND_SAVE: {
        struct setting_save rules = read_save(s);
        format_save(&rules, out);
        break;
    }
    case KIND_PERCENTILES: {
        struct setting_percentiles percentiles = read_percentiles(s);
        format_percentiles(&percentiles, out);
        break;
    }
    default: format_number(r, atomic_load_explicit(number_of(s, r), memory_order_relaxed), out); break;
    }
}

void settings_format_default(int i, struct buf *out) {
    const struct row *r = &rows[i];
    if (r->kind == KIND_LIMITS) format_limits(&limits_initial, out);
    else if (r->kind == KIND_PERCENTILES) format_percentiles(&percentiles_initial, out);
    else if (r->kind == KIND_TEXT) buf_append_slice(out, slice_str(r->text));
    else if (r->kind <= KIND_EVENTS) format_number(r, r->initial, out);
}

int settings_get(struct host *h, struct slice name, struct buf *out) {
    int i = settings_find(name);
    if (i < 0) return KORA_NOTFOUND;
    settings_format(h, i, out);
    return out->failed ? KORA_NOMEM : KORA_OK;
}

// ---- checking ------------------------------------------------------------------------------------------------------------

__attribute__((format(printf, 3, 4))) static int wrong(char *error, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (error && size) vsnprintf(error, size, format, args);
    va_end(args);
    return KORA_INVAL;
}

static int check_number(const struct row *r, struct slice value, uint64_t *n, char *error, size_t size) {
    int64_t i = 0;
    if (r->kind == KIND_SIZE) {
        if (!num_parse_size(value, n)) return wrong(error, size, "argument must be a memory value");
    } else {
        if (!num_parse_int(value, &i)) return wrong(error, size, "argument couldn't be parsed into an integer");
        *n = (uint64_t)i;
    }
    if (r->kind == KIND_SIGNED) {
        if (i >= (int64_t)r->min && i <= (int64_t)r->max) return KORA_OK;
        return wrong(error, size, "argument must be between %lld and %lld inclusive", (long long)r->min, (long long)r->max);
    }
    if (i >= 0 && *n >= r->min && *n <= r->max) return KORA_OK;
    return wrong(error, size, "argument must be between %llu and %llu inclusive", (unsigned long long)r->min, (unsigned long long)r->max);
}

static int check_choice(const struct row *r, struct slice value, uint64_t *n, char *error, size_t size) {
    char words[SETTINGS_ERROR_MAX] = "";
    for (*n = 0; r->words[*n]; ++*n) {
        if (slice_is_word(value, r->words[*n])) return KORA_OK;
        if (*n) strncat(words, ", ", sizeof words - strlen(words) - 1);
        strncat(words, r->words[*n], sizeof words - strlen(words) - 1);
    }
    return wrong(error, size, "argument(s) must be one of the following: %s", words);
}

static bool next_word(struct slice *text, struct slice *word) {
    while (text->n && *text->p == ' ') text->p++, text->n--;
    const char *end = text->n ? memchr(text->p, ' ', text->n) : NULL;
    *word = slice_of(text->p, end ? (size_t)(end - text->p) : text->n);
    text->p += word->n;
    text->n -= word->n;
    return word->n > 0;
}

static int find_class(struct slice name) {
    if (slice_is_word(name, "replica")) return OUTPUT_REPLICA;
    for (int i = 0; i < OUTPUT_CLASSES; i++) {
        if (slice_is_word(name, class_names[i])) return i;
    }
    return -1;
}

// "normal 0 0 0 pubsub 32mb 8mb 60": classes that are not named keep what they have.
static int check_limits(struct settings *s, struct slice value, struct setting_limits *limits, char *error, size_t size) {
    *limits = read_limits(s);
    struct slice text = value, word;
    size_t words = 0;
    while (next_word(&text, &word)) words++;
    if (words % 4 || (words == 0 && value.n)) return wrong(error, size, "Wrong number of arguments in buffer limit configuration.");
    for (text = value; next_word(&text, &word);) {
        int class = find_class(word);
        if (class < 0) return wrong(error, size, "Invalid client class specified in buffer limit configuration.");
        int64_t seconds;
        bool ok = next_word(&text, &word) && num_parse_size(word, &limits->of[class][0]);
        ok = ok && next_word(&text, &word) && num_parse_size(word, &limits->of[class][1]);
        ok = ok && next_word(&text, &word) && num_parse_int(word, &seconds) && seconds >= 0;
        if (!ok) return wrong(error, size, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        limits->of[class][2] = (uint64_t)seconds;
    }
    return KORA_OK;
}

static int check_percentiles(const char *name, struct slice value, struct setting_percentiles *p, char *error, size_t size) {
    struct slice text = value, word;
    bool odd = value.n && (value.p[0] == ' ' || value.p[value.n - 1] == ' ' || memmem(value.p, value.n, "  ", 2));
    if (odd) return wrong(error, size, "Invalid %s parameters", name);
    for (p->count = 0; next_word(&text, &word); p->count++) {
        double percent;
        if (!num_parse_real(word, &percent) || p->count == SETTINGS_PERCENTILES) return wrong(error, size, "Invalid %s parameters", name);
        if (!(percent >= 0 && percent <= 100)) return wrong(error, size, "%s parameters should sit between [0.0,100.0]", name);
        p->of[p->count] = (uint64_t)(percent * PERCENT + 0.5);
    }
    return KORA_OK;
}

static int check_save(struct slice value, struct setting_save *rules, char *error, size_t size) {
    struct slice text = value, word;
    for (rules->count = 0; next_word(&text, &word); rules->count++) {
        int64_t seconds, changes;
        if (!num_parse_int(word, &seconds) || !next_word(&text, &word) || !num_parse_int(word, &changes) || seconds < 1 || seconds > INT32_MAX || changes < 0 ||
            rules->count == SETTINGS_SAVE_RULES) {
            return wrong(error, size, "Invalid save parameters");
        }
        rules->of[rules->count] = (struct save_rule){ (uint64_t)seconds, (uint64_t)changes };
    }
    return KORA_OK;
}

// Descriptors are the process's: a client can't ask for more connections than it may open.
static int check_descriptors(uint64_t clients, char *error, size_t size) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY || clients + FILES_RESERVED <= r.rlim_cur) return KORA_OK;
    return wrong(error, size, "The operating system is not able to handle the specified number of clients, try with %llu",
        (unsigned long long)(r.rlim_cur > FILES_RESERVED ? r.rlim_cur - FILES_RESERVED : 1));
}

// What is so already may be asked for, by those whose configuration is Redis's. Zero may have a unit.
static bool is_constant(const struct row *r, struct slice value) {
    uint64_t n;
    return slice_is_word(value, r->text) || (strcmp(r->text, "0") == 0 && num_parse_size(value, &n) && n == 0);
}

static bool is_as_it_is(struct host *h, const struct row *r, struct slice value) {
    struct buf is = { 0 };
    format_fixed(h, (enum fixed)r->offset, &is);
    buf_append_char(&is, '\0');
    bool same = !is.failed && slice_is_word(value, is.p);
    buf_free(&is);
    return same;
}

int settings_check(struct host *h, int i, struct slice value, enum settings_by by, struct setting_value *out, char *error, size_t error_size) {
    const struct row *r = &rows[i];
    int status = KORA_OK;
    *out = (struct setting_value){ .index = i };
    if (r->kind == KIND_FIXED || (r->who == PROGRAM && by == SETTINGS_BY_CLIENT)) return wrong(error, error_size, "can't set immutable config");
    switch (r->kind) {
    case KIND_NUMBER:
    case KIND_SIGNED:
    case KIND_SIZE: status = check_number(r, value, &out->number, error, error_size); break;
    case KIND_CHOICE: status = check_choice(r, value, &out->number, error, error_size); break;
    case KIND_PERCENTILES: status = check_percentiles(r->name, value, &out->percentiles, error, error_size); break;
    case KIND_SAVE: status = check_save(value, &out->save, error, error_size); break;
    case KIND_EVENTS:
        if (!events_parse(value, &out->number)) return wrong(error, error_size, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
        break;
    case KIND_LIMITS: status = check_limits(&h->common->settings, value, &out->limits, error, error_size); break;
    case KIND_YES_NO:
        out->number = slice_is_word(value, "yes");
        if (!out->number && !slice_is_word(value, "no")) status = wrong(error, error_size, "argument must be 'yes' or 'no'");
        break;
    case KIND_PASSWORD:
    case KIND_TEXT:
        if (value.n && memchr(value.p, '\0', value.n)) return wrong(error, error_size, "argument must not contain a zero byte");
        out->text = mem_copy(value.p, value.n);
        if (!out->text) return wrong(error, error_size, "out of memory"), KORA_NOMEM;
        break;
    case KIND_CONSTANT:
        if (!is_constant(r, value)) status = wrong(error, error_size, "%s", r->why);
        break;
    case KIND_AS_IT_IS:
        if (!is_as_it_is(h, r, value)) status = wrong(error, error_size, "%s", r->why);
        break;
    case KIND_FIXED: break;
    }
    if (status == KORA_OK && by == SETTINGS_BY_CLIENT && r->offset == offsetof(struct settings, maxclients) && r->kind == KIND_NUMBER)
        status = check_descriptors(out->number, error, error_size);
    return status;
}

// ---- writing -------------------------------------------------------------------------------------------------------------

static void put_text(struct settings *s, char **place, char *text) {
    invariant(text != NULL); // settings_check has made it
    pthread_mutex_lock(&s->mutex);
    char *old = *place;
    *place = text;
    if (place == &s->requirepass) atomic_store_explicit(&s->auth_required, *text != '\0', memory_order_relaxed);
    pthread_mutex_unlock(&s->mutex);
    mem_free(old);
}

void settings_put(struct host *h, struct setting_value *v) {
    struct settings *s = &h->common->settings;
    const struct row *r = &rows[v->index];
    switch (r->kind) {
    case KIND_PASSWORD: put_text(s, &s->requirepass, v->text); break;
    case KIND_TEXT: put_text(s, &s->texts[r->offset], v->text); break;
    case KIND_LIMITS: put_limits(s, &v->limits); break;
    case KIND_AS_IT_IS:
    case KIND_CONSTANT: break;
    case KIND_PERCENTILES: put_percentiles(s, &v->percentiles); break;
    case KIND_SAVE: put_save(s, &v->save); break;
    default:
        atomic_store_explicit(number_of(s, r), v->number, memory_order_relaxed);
        if (r->words == policy_words) {
            bool lfu = strstr(policy_words[v->number], "lfu") != NULL;
            atomic_store(&s->access_policy, lfu ? ACCESS_LFU : v->number == POLICY_ALLKEYS_S3FIFO ? ACCESS_S3FIFO : ACCESS_LRU);
            atomic_store(&s->access_now, ACCESS_ASK); // in this order: see engine/background.c
        }
        break;
    }
    v->text = NULL;
}

void settings_drop(struct setting_value *v) {
    mem_free(v->text);
    v->text = NULL;
}

void settings_changed(struct host *h) {
    if (h->settings_changed) h->settings_changed(h);
}

int settings_set(struct host *h, struct slice name, struct slice value, char *error, size_t error_size) {
    struct setting_value v;
    int i = settings_find(name);
    if (i < 0) return wrong(error, error_size, "no such parameter"), KORA_NOTFOUND;
    int status = settings_check(h, i, value, SETTINGS_BY_PROGRAM, &v, error, error_size);
    if (status != KORA_OK) return status;
    settings_put(h, &v);
    settings_changed(h);
    return KORA_OK;
}

bool settings_password_is(struct settings *s, struct slice password) {
    pthread_mutex_lock(&s->mutex);
    // As many steps as the caller's own text has bytes, whatever the password is.
    size_t n = strlen(s->requirepass);
    unsigned char different = n != password.n;
    for (size_t i = 0; i < password.n; i++) different |= (unsigned char)(password.p[i] ^ (n ? s->requirepass[i % n] : 0));
    bool none = n == 0;
    pthread_mutex_unlock(&s->mutex);
    return none || !different;
}
