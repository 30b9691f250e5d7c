// What a database's directory is: MANIFEST, and LOCK, which one process at a time has.
//
// MANIFEST is text, and written by this file alone, so there is one way to write it: what is read is written once more and must be the same, byte by byte.
//
//     kora 1
//     id <32 hex digits>
//     seed <16 hex digits> <16 hex digits>
//     stripes <number>
//     databases <number>
//     snapshot <number>
//     first-round <number>
//     older <snapshot> <first-round>   of each older snapshot that is kept, the newest first
//     crc <8 hex digits>            CRC32C of all lines before
//
// The first line has the version of the whole directory's format. A larger number is refused, and so is a line that is not known.
//
// LOCK has the process's number in it, for those who find it locked. It stays when the database is closed; the lock does not.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/random.h"
#include "kora.h"
#include "store/recover_int.h"

enum { MANIFEST_BYTES_MAX = 4096, MANIFEST_VERSION = 1, LOCK_BYTES_MAX = 24 };

int store_fail(struct reason r, int status, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (r.size) vsnprintf(r.text, r.size, format, list);
    va_end(list);
    return status;
}

int store_fail_memory(struct reason r) { return store_fail(r, KORA_NOMEM, "out of memory"); }

int store_fail_os(struct reason r, const char *path, int err) {
    if (err == -ENOMEM) return store_fail_memory(r);
    char text[80];
    if (err == -ENODATA) return store_fail(r, KORA_SYSTEM, "%s: it became shorter while it was read", path);
    return store_fail(r, KORA_SYSTEM, "%s: %s", path, strerror_r(-err, text, sizeof text));
}

char *store_path(const char *dir, const char *name) {
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = mem_alloc(size);
    if (path) snprintf(path, size, "%s/%s", dir, name);
    return path;
}

// ---- MANIFEST ------------------------------------------------------------------------------------------------------------------------------

static size_t manifest_print(const struct manifest *m, char *to, size_t size) {
    char id[STORE_ID_BYTES * 2 + 1];
    for (size_t i = 0; i < STORE_ID_BYTES; i++) snprintf(id + 2 * i, 3, "%02x", m->id[i]);
    int n = snprintf(to, size,
        "kora %d\nid %s\nseed %016" PRIx64 " %016" PRIx64 "\nstripes %" PRIu32 "\ndatabases %" PRIu32 "\nsnapshot %" PRIu64 "\nfirst-round %" PRIu64 "\n",
        MANIFEST_VERSION, id, m->seed.k0, m->seed.k1, m->stripes, m->databases, m->snapshot, m->first_round);
    for (uint32_t i = 0; i < m->older_count; i++) n += snprintf(to + n, size - (size_t)n, "older %" PRIu64 " %" PRIu64 "\n", m->older[i].number, m->older[i].first_round);
    n += snprintf(to + n, size - (size_t)n, "crc %08" PRIx32 "\n", crc32c(0, to, (size_t)n));
    return (size_t)n;
}

// The next line, without its end; false: there is none.
static bool next_line(struct slice *rest, struct slice *line) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    if (!end) return false;
    *line = slice_of(rest->p, (size_t)(end - rest->p));
    *rest = slice_of(end + 1, rest->n - line->n - 1);
    return true;
}

static bool get_hex(struct slice s, uint64_t *n) {
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *digits = "0123456789abcdef", *d = s.p[i] ? strchr(digits, s.p[i]) : NULL;
        if (!d) return false;
        *n = *n << 4 | (uint64_t)(d - digits);
    }
    return s.n > 0 && s.n <= 16;
}

static bool get_number(struct slice s, uint64_t max, uint64_t *n) {
    int64_t value;
    if (!num_parse_int(s, &value) || value < 0 || (uint64_t)value > max) return false;
    *n = (uint64_t)value;
    return true;
}

static bool get_id(struct slice s, uint8_t *id) {
    uint64_t n;
    if (s.n != 2 * STORE_ID_BYTES) return false;
    for (size_t i = 0; i < STORE_ID_BYTES; i++) {
        if (!get_hex(slice_of(s.p + 2 * i, 2), &n)) return false;
        id[i] = (uint8_t)n;
    }
    return true;
}

static bool get_seed(struct slice s, struct hash_key *seed) {
    return s.n == 33 && get_hex(slice_of(s.p, 16), &seed->k0) && get_hex(slice_of(s.p + 17, 16), &seed->k1);
}

static bool get_older(struct slice s, struct manifest *m) {
    struct kept_snapshot k;
    const char *space = memchr(s.p, ' ', s.n);
    if (!space || m->older_count == MANIFEST_OLDER_MAX) return false;
    size_t n = (size_t)(space - s.p);
    if (!get_number(slice_of(s.p, n), INT64_MAX, &k.number) || !get_number(slice_of(space + 1, s.n - n - 1), ROUND_MAX, &k.first_round)) return false;
    m->older[m->older_count++] = k;
    return true;
}

static bool manifest_value(struct manifest *m, struct slice name, struct slice value) {
    uint64_t n = 0;
    if (slice_equal(name, SLICE("id"))) return get_id(value, m->id);
    if (slice_equal(name, SLICE("seed"))) return get_seed(value, &m->seed);
    if (slice_equal(name, SLICE("snapshot"))) return get_number(value, INT64_MAX, &m->snapshot);
    if (slice_equal(name, SLICE("first-round"))) return get_number(value, ROUND_MAX, &m->first_round);
    if (slice_equal(name, SLICE("older"))) return get_older(value, m);
    if (slice_equal(name, SLICE("crc"))) return true; // compared with the rest
    bool stripes = slice_equal(name, SLICE("stripes"));
    if ((!stripes && !slice_equal(name, SLICE("databases"))) || !get_number(value, stripes ? STRIPES_MAX : INT32_MAX, &n)) return false;
    *(stripes ? &m->stripes : &m->databases) = (uint32_t)n;
    return true;
}

// Does the text's last line have the checksum of what is before it?
static bool crc_is_right(struct slice text) {
    uint64_t crc;
    const size_t line = sizeof "crc 00000000\n" - 1;
    if (text.n < line) return false;
    const char *last = text.p + text.n - line;
    return memcmp(last, "crc ", 4) == 0 && get_hex(slice_of(last + 4, 8), &crc) && crc == crc32c(0, text.p, text.n - line);
}

static int manifest_parse(struct slice text, const char *path, struct manifest *m, struct reason why) {
    struct slice rest = text, line;
    int64_t version = 0;
    *m = (struct manifest){ 0 };
    bool begins = next_line(&rest, &line) && line.n > 5 && memcmp(line.p, "kora ", 5) == 0 && num_parse_int(slice_of(line.p + 5, line.n - 5), &version);
    if (!begins) return store_fail(why, KORA_CORRUPT, "%s: offset 0: it does not begin as a manifest", path);
    if (!crc_is_right(text)) return store_fail(why, KORA_CORRUPT, "%s: offset 0: its checksum is wrong", path);
    if (version != MANIFEST_VERSION)
        return store_fail(why, KORA_UNSUPPORTED, "%s: the database has format %" PRId64 ", of which this version of the software does not know", path, version);
    while (next_line(&rest, &line)) {
        const char *space = memchr(line.p, ' ', line.n);
        size_t name = space ? (size_t)(space - line.p) : line.n;
        struct slice value = slice_of(line.p + MIN(name + 1, line.n), line.n - MIN(name + 1, line.n));
        if (!manifest_value(m, slice_of(line.p, name), value))
            return store_fail(why, KORA_CORRUPT, "%s: offset %zu: `%.*s` is no line of a manifest", path, (size_t)(line.p - text.p), (int)MIN(line.n, (size_t)60), line.p);
    }
    char again[MANIFEST_BYTES_MAX];
    size_t n = manifest_print(m, again, sizeof again), at = 0;
    while (at < n && at < text.n && again[at] == text.p[at]) at++;
    if (at < n || at < text.n) return store_fail(why, KORA_CORRUPT, "%s: offset %zu: a line is missing, or not where it belongs", path, at);
    if (m->stripes == 0 || m->databases == 0) return store_fail(why, KORA_CORRUPT, "%s: it is of a database without stripes", path);
    return KORA_OK;
}

bool manifest_go_back(struct manifest *m, uint64_t snapshot) {
    uint32_t i = 0;
    if (m->snapshot == snapshot) return true;
    while (i < m->older_count && m->older[i].number != snapshot) i++;
    if (i == m->older_count) return false;
    m->snapshot = snapshot;
    m->first_round = m->older[i].first_round;
    m->older_count -= i + 1;
    memmove(m->older, m->older + i + 1, m->older_count * sizeof m->older[0]);
    return true;
}

uint64_t manifest_go_on(struct manifest *m, struct kept_snapshot next, uint64_t keep) {
    if (m->snapshot) {
        uint32_t stay = MIN(m->older_count, (uint32_t)MANIFEST_OLDER_MAX - 1);
        memmove(m->older + 1, m->older, stay * sizeof m->older[0]);
        m->older[0] = (struct kept_snapshot){ m->snapshot, m->first_round };
        m->older_count = stay + 1;
    }
    m->older_count = (uint32_t)MIN((uint64_t)m->older_count, MAX(keep, (uint64_t)1) - 1);
    m->snapshot = next.number;
    m->first_round = next.first_round;
    return m->older_count ? m->older[m->older_count - 1].first_round : m->first_round;
}

// ---- a directory without MANIFEST -----------------------------------------------------------------------------------------------------

struct leftover {
    char name[STORE_PATH_SLACK + 256];
    const char *prefix;
};

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool note_data(void *to, const char *name) {
    struct leftover *found = to;
    bool in_log = *found->prefix, data = in_log ? ends_with(name, ".wal") : staged_name(name) || strncmp(name, "snapshot-", 9) == 0;
    if (!data) return true;
    snprintf(found->name, sizeof found->name, "%s%s", found->prefix, name);
    return false;
}

// What is there of a database, in one directory: found->name stays empty if nothing is.
static int look_for_data(const struct os *os, const char *dir, const char *prefix, struct leftover *found, struct reason why) {
    *found = (struct leftover){ .prefix = prefix };
    char *path = *prefix ? store_path(dir, "log") : mem_copy(dir, strlen(dir));
    if (!path) return store_fail_memory(why);
    int err = os->list(os->arg, path, note_data, found), status = KORA_OK;
    if (err && err != -ENOENT) status = store_fail_os(why, path, err);
    mem_free(path);
    if (status == KORA_OK && found->name[0])
        status = store_fail(why, KORA_CORRUPT, "%s: there is no MANIFEST, but %s: this is (part of) a database, not a new one", dir, found->name);
    return status;
}

static int make_new(struct store *s, struct reason why) {
    struct leftover found;
    int status = look_for_data(s->os, s->dir, "", &found, why);
    if (status == KORA_OK) status = look_for_data(s->os, s->dir, "log/", &found, why);
    if (status == KORA_OK && s->staging_dir) status = look_for_data(s->os, s->staging_dir, "", &found, why);
    if (status != KORA_OK) return status;
    s->is_new = true;
    return random_entropy(s->manifest.id, sizeof s->manifest.id) ? KORA_OK : store_fail(why, KORA_SYSTEM, "the system gives no random numbers");
}

static int read_manifest(struct store *s, bool looking, struct reason why) {
    char *path = store_path(s->dir, "MANIFEST"), *text = NULL;
    if (!path) return store_fail_memory(why);
    size_t n;
    int err = os_read_file(s->os, path, MANIFEST_BYTES_MAX, &text, &n), status;
    if (err == -ENOENT) status = looking ? store_fail(why, KORA_CORRUPT, "%s: it is missing", path) : make_new(s, why);
    else if (err == -EFBIG) status = store_fail(why, KORA_CORRUPT, "%s: offset %d: it is too long", path, MANIFEST_BYTES_MAX);
    else if (err) status = store_fail_os(why, path, err);
    else status = manifest_parse(slice_of(text, n), path, &s->manifest, why);
    if (!err) mem_free(text);
    mem_free(path);
    return status;
}

// ---- LOCK -----------------------------------------------------------------------------------------------------------------------------------

static int say_busy(const struct os *os, int fd, const char *path, struct reason why) {
    char text[LOCK_BYTES_MAX + 1] = { 0 };
    ssize_t n = os->read(os->arg, fd, text, LOCK_BYTES_MAX, 0);
    size_t digits = n > 0 ? strspn(text, "0123456789") : 0;
    text[digits] = 0;
    if (digits == 0) return store_fail(why, KORA_BUSY, "%s: another process has the database open", path);
    return store_fail(why, KORA_BUSY, "%s: process %s has the database open", path, text);
}

// `looking`: it is not made if it is missing (nobody has had the directory open then), and not written to where that is not allowed.
static int open_lock(struct store *s, const char *path, bool looking, bool *mine) {
    const struct os *os = s->os;
    *mine = true;
    s->lock_fd = os->open(os->arg, path, OS_READ | OS_WRITE | (looking ? 0 : OS_CREATE));
    bool forbidden = s->lock_fd == -EACCES || s->lock_fd == -EPERM || s->lock_fd == -EROFS;
    if (!looking || !forbidden) return s->lock_fd;
    *mine = false;
    return s->lock_fd = os->open(os->arg, path, OS_READ);
}

static int take_lock(struct store *s, bool looking, struct reason why) {
    const struct os *os = s->os;
    char *path = store_path(s->dir, "LOCK"), text[LOCK_BYTES_MAX];
    bool mine;
    if (!path) return store_fail_memory(why);
    int err = open_lock(s, path, looking, &mine), status;
    bool none = looking && err == -ENOENT;
    if (err >= 0) err = os->lock(os->arg, s->lock_fd);
    if (err == -EWOULDBLOCK) {
        status = say_busy(os, s->lock_fd, path, why);
    } else {
        size_t n = (size_t)snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (!err && mine) err = os->truncate(os->arg, s->lock_fd, 0);
        if (!err && mine) err = os_write_all(os, s->lock_fd, text, n, 0);
        status = err && !none ? store_fail_os(why, path, err) : KORA_OK;
    }
    mem_free(path);
    return status;
}

static int make_directory(const struct os *os, const char *dir, struct reason why) {
    int err = os->make_dir(os->arg, dir);
    return err && err != -EEXIST ? store_fail_os(why, dir, err) : KORA_OK;
}

// The name of a new database's directory is durable, too, or all that is in it could be gone. It may have been made by a process that was killed then.
static int sync_parent(const struct os *os, const char *dir, struct reason why) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    while (n > 0 && dir[n - 1] != '/') n--;
    while (n > 1 && dir[n - 1] == '/') n--;
    char *parent = n ? mem_copy(dir, n) : mem_copy(".", 1);
    if (!parent) return store_fail_memory(why);
    int err = os->sync_dir(os->arg, parent), status = KORA_OK;
    if (err && err != -EACCES) status = store_fail_os(why, parent, err); // who may not look into it has not made it
    mem_free(parent);
    return status;
}

// ---- opening --------------------------------------------------------------------------------------------------------------------------------

// `looking`: for a check, which makes nothing new.
static int open_store(const struct os *os, const char *dir, const char *staging_dir, bool looking, struct store *out, struct reason why) {
    struct store s = { .os = os, .lock_fd = -1 };
    if (why.size) *why.text = 0;
    s.dir = mem_copy(dir, strlen(dir));
    if (s.dir && staging_dir) s.staging_dir = mem_copy(staging_dir, strlen(staging_dir));
    int status = s.dir && (!staging_dir || s.staging_dir) ? KORA_OK : store_fail_memory(why);
    if (status == KORA_OK && !looking) status = make_directory(os, dir, why);
    if (status == KORA_OK && !looking && staging_dir) status = make_directory(os, staging_dir, why);
    if (status == KORA_OK) status = take_lock(&s, looking, why);
    if (status == KORA_OK) status = read_manifest(&s, looking, why);
    if (status == KORA_OK && !s.is_new) status = place_check(&s, why);
    if (status == KORA_OK && s.is_new) status = sync_parent(os, s.dir, why);
    // A process that was killed may have replaced the manifest just before, and not synced its name.
    int err = status == KORA_OK && !s.is_new && !looking ? os->sync_dir(os->arg, s.dir) : 0;
    if (err) status = store_fail_os(why, s.dir, err);
    if (status == KORA_OK) *out = s;
    else store_close(&s);
    return status;
}

int store_open(const struct os *os, const char *dir, const char *staging_dir, struct store *out, char *error, size_t error_size) {
    return open_store(os, dir, staging_dir, false, out, (struct reason){ error, error_size });
}

int store_look(const struct os *os, const char *dir, const char *staging_dir, struct store *out, char *error, size_t error_size) {
    return open_store(os, dir, staging_dir, true, out, (struct reason){ error, error_size });
}

int store_commit(struct store *s, const struct manifest *m, char *error, size_t error_size) {
    char text[MANIFEST_BYTES_MAX];
    struct reason why = { error, error_size };
    int err = os_replace_file(s->os, s->dir, "MANIFEST", text, manifest_print(m, text, sizeof text));
    if (err) return store_fail_os(why, s->dir, err);
    s->manifest = *m;
    s->is_new = false;
    return KORA_OK;
}

void store_close(struct store *s) {
    if (s->lock_fd >= 0) s->os->close(s->os->arg, s->lock_fd);
    mem_free(s->dir);
    mem_free(s->staging_dir);
    *s = (struct store){ .lock_fd = -1 };
}
