// Snapshots on the disk, see snapshot_dir.h.
#include "store/snapshot_dir.h"

#include <errno.h>

#include "base/mem.h"
#include "kora.h"
#include "store/lz4_file.h"

struct snapshot_file {
    const struct os *os;
    int fd;                      // -1: there is none
    uint64_t at;
    bool framed, begun;          // `lz4`, `rdb` are open
    struct lz4_sink lz4;
    struct rdb_file_writer rdb;
};

enum { NAME_MAX_ = 64, FILES_MAX = 4096 };
static const char PREFIX[] = "snapshot-", BESIDE[] = ".tmp";

static char *path_of(const char *dir, const char *rest) {
    size_t n = strlen(dir) + strlen(rest) + 2;
    char *path = mem_alloc(n);
    if (path) snprintf(path, n, "%s/%s", dir, rest);
    return path;
}

static char *numbered(const char *dir, uint64_t number, const char *behind) {
    char name[NAME_MAX_];
    snprintf(name, sizeof name, "%s%016llx%s", PREFIX, (unsigned long long)number, behind);
    return path_of(dir, name);
}

static char *file_in(const char *dir, uint32_t i) {
    char name[NAME_MAX_];
    snprintf(name, sizeof name, "%04u.rdb.lz4", i);
    return path_of(dir, name);
}

// Of a file in a snapshot: its number, or -1.
static int number_of(const char *name) {
    unsigned i;
    int end = 0;
    if (sscanf(name, "%4u.rdb.lz4%n", &i, &end) != 1 || name[end] || end != 12 || i >= FILES_MAX) return -1;
    return (int)i;
}

// What a folder of this name is.
enum kind { STRANGE, UNFINISHED, FINISHED };
static enum kind kind_of(const char *name) {
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return STRANGE;
    name += sizeof PREFIX - 1;
    if (strspn(name, "0123456789abcdef") != 16) return STRANGE;
    return !name[16] ? FINISHED : strcmp(name + 16, BESIDE) == 0 ? UNFINISHED : STRANGE;
}

char *snapshot_dir_path(const char *dir, uint64_t number, uint32_t i) {
    char *folder = numbered(dir, number, ""), *path = folder ? file_in(folder, i) : NULL;
    mem_free(folder);
    return path;
}

// ---- removing ------------------------------------------------------------------------------------------------------------------

struct removal {
    const struct os *os;
    const char *folder;
    const uint64_t *keep;
    uint32_t keep_count;
    uint32_t removed; // folders
    int code;         // the first that went wrong
};

static void note(struct removal *r, int code) {
    if (code < 0 && code != -ENOENT && r->code == 0) r->code = code;
}

static bool remove_file(void *to, const char *name) {
    struct removal *r = to;
    if (number_of(name) < 0) return true; // somebody else's: the folder stays
    char *path = path_of(r->folder, name);
    note(r, path ? r->os->remove(r->os->arg, path) : -ENOMEM);
    mem_free(path);
    return true;
}

static int remove_folder(const struct os *os, const char *path) {
    struct removal r = { .os = os, .folder = path };
    note(&r, os->list(os->arg, path, remove_file, &r));
    note(&r, os->remove_dir(os->arg, path));
    return r.code;
}

static bool is_kept(const struct removal *r, const char *name) {
    char kept[NAME_MAX_];
    for (uint32_t i = 0; i < r->keep_count; i++) {
        snprintf(kept, sizeof kept, "%s%016llx", PREFIX, (unsigned long long)r->keep[i]);
        if (strcmp(name, kept) == 0) return true;
    }
    return false;
}

static void remove_one(struct removal *r, const char *name) {
    char *path = path_of(r->folder, name);
    int code = path ? remove_folder(r->os, path) : -ENOMEM;
    note(r, code);
    r->removed += code == 0;
    mem_free(path);
}

static bool remove_other(void *to, const char *name) {
    if (kind_of(name) != STRANGE && !is_kept(to, name)) remove_one(to, name);
    return true;
}

static bool remove_unfinished(void *to, const char *name) {
    if (kind_of(name) == UNFINISHED) remove_one(to, name);
    return true;
}

int snapshot_dirs_keep(const struct os *os, const char *dir, const uint64_t *numbers, uint32_t count) {
    struct removal r = { .os = os, .folder = dir, .keep = numbers, .keep_count = count };
    note(&r, os->list(os->arg, dir, remove_other, &r));
    return r.code;
}

int snapshot_dirs_clean(const struct os *os, const char *dir, uint32_t *removed) {
    struct removal r = { .os = os, .folder = dir };
    note(&r, os->list(os->arg, dir, remove_unfinished, &r));
    *removed = r.removed;
    return r.code;
}

// ---- writing -------------------------------------------------------------------------------------------------------------------

static int write_file(void *arg, const void *p, size_t n) {
    struct snapshot_file *f = arg;
    int code = os_write_all(f->os, f->fd, p, n, f->at);
    if (code == 0) f->at += n;
    return code;
}

static int open_file(struct snapshot_dir *d, uint32_t i) {
    struct snapshot_file *f = &d->files[i];
    char *path = file_in(d->beside, i);
    if (!path) return -ENOMEM;
    f->os = d->os;
    f->fd = d->os->open(d->os->arg, path, OS_WRITE | OS_CREATE | OS_EXCLUSIVE);
    mem_free(path);
    if (f->fd < 0) return f->fd;
    int code = lz4_sink_open(&f->lz4, (struct byte_sink){ write_file, f });
    if (code < 0) return code;
    f->framed = true;
    rdb_file_begin(&f->rdb, lz4_sink_bytes(&f->lz4), true);
    f->begun = true;
    return 0;
}

// Ends a file; it is on the disk, under the name that it has until now.
static int end_file(struct snapshot_file *f) {
    int status = rdb_file_end(&f->rdb);
    int code = status == KORA_OK ? 0 : status == KORA_NOMEM ? -ENOMEM : f->rdb.code;
    f->begun = f->framed = false;
    if (code == 0) code = lz4_sink_finish(&f->lz4);
    else lz4_sink_abandon(&f->lz4);
    if (code == 0) code = f->os->sync(f->os->arg, f->fd);
    int closed = f->os->close(f->os->arg, f->fd);
    f->fd = -1;
    return code == 0 ? closed : code;
}

static void drop_file(struct snapshot_file *f) {
    if (f->begun) rdb_file_abandon(&f->rdb);
    if (f->framed) lz4_sink_abandon(&f->lz4);
    if (f->fd >= 0) f->os->close(f->os->arg, f->fd);
}

static void forget(struct snapshot_dir *d) {
    mem_free(d->path);
    mem_free(d->beside);
    mem_free(d->files);
    *d = (struct snapshot_dir){ 0 };
}

int snapshot_dir_begin(struct snapshot_dir *d, const struct os *os, const char *dir, uint64_t number, uint32_t files) {
    *d = (struct snapshot_dir){ .os = os, .path = numbered(dir, number, ""), .beside = numbered(dir, number, BESIDE), .count = files };
    d->files = mem_alloc_zero(files * sizeof *d->files);
    if (!d->path || !d->beside || !d->files) {
        forget(d);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < files; i++) d->files[i].fd = -1;
    int code = remove_folder(os, d->beside);
    if (code == 0) code = remove_folder(os, d->path); // finished, but no manifest came to name it
    if (code == 0) code = os->make_dir(os->arg, d->beside);
    for (uint32_t i = 0; i < files && code == 0; i++) code = open_file(d, i);
    if (code < 0) snapshot_dir_abandon(d);
    return code;
}

struct rdb_file_writer *snapshot_dir_file(struct snapshot_dir *d, uint32_t i) { return &d->files[i].rdb; }

static int sync_parent(const struct snapshot_dir *d) {
    char *slash = strrchr(d->path, '/');
    *slash = '\0';
    int code = d->os->sync_dir(d->os->arg, d->path);
    *slash = '/';
    return code;
}

int snapshot_dir_finish(struct snapshot_dir *d) {
    const struct os *os = d->os;
    int code = 0;
    for (uint32_t i = 0; i < d->count && code == 0; i++) {
        code = end_file(&d->files[i]);
        d->bytes += d->files[i].at;
    }
    if (code == 0) code = os->sync_dir(os->arg, d->beside);
    if (code == 0) code = os->rename(os->arg, d->beside, d->path);
    if (code < 0) {
        snapshot_dir_abandon(d);
        return code;
    }
    code = sync_parent(d);
    uint64_t bytes = d->bytes;
    forget(d);
    d->bytes = bytes;
    return code;
}

void snapshot_dir_abandon(struct snapshot_dir *d) {
    for (uint32_t i = 0; i < d->count; i++) drop_file(&d->files[i]);
    remove_folder(d->os, d->beside);
    forget(d);
}

// ---- finding -------------------------------------------------------------------------------------------------------------------

struct census {
    uint32_t count;   // of files
    uint64_t seen[FILES_MAX / 64];
    bool strange;
};

static bool count_file(void *to, const char *name) {
    struct census *c = to;
    int i = number_of(name);
    if (i < 0) {
        c->strange = true;
        return true;
    }
    c->seen[i / 64] |= UINT64_C(1) << i % 64;
    c->count++;
    return true;
}

int snapshot_dir_count(const struct os *os, const char *dir, uint64_t number) {
    struct census c = { 0 };
    char *folder = numbered(dir, number, "");
    int code = folder ? os->list(os->arg, folder, count_file, &c) : -ENOMEM;
    mem_free(folder);
    if (code < 0) return code;
    for (uint32_t i = 0; i < c.count && !c.strange; i++) c.strange = i >= FILES_MAX || !(c.seen[i / 64] >> i % 64 & 1);
    return c.strange || c.count == 0 ? -EINVAL : (int)c.count;
}
