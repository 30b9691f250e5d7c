// The table of os/os.h over memory. See disk.h for what it promises.
#include "sim/disk.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "sim/disk_int.h"

void *sim_alloc(size_t size) {
    void *p = calloc(1, size ? size : 1);
    if (!p) abort();
    return p;
}

void *sim_grow(void *p, size_t size) {
    p = realloc(p, size ? size : 1);
    if (!p) abort();
    return p;
}

// ---- files ----------------------------------------------------------------------------------------------------------------------

struct inode *inode_new(struct disk *d, bool is_dir) {
    struct inode *i = sim_alloc(sizeof *i);
    i->is_dir = is_dir;
    i->locker = -1;
    i->sizes = sim_alloc(sizeof *i->sizes);
    i->size_count = 1;
    i->next = d->inodes;
    d->inodes = i;
    return i;
}

void sector_forget(struct sector *s) {
    while (s->newest) {
        struct version *v = s->newest;
        s->newest = v->older;
        free(v);
    }
    s->dirty = false;
}

static void name_free(struct disk *d, struct name *n) {
    for (size_t i = 0; i < n->count; i++) {
        if (n->versions[i].to) inode_put(d, n->versions[i].to);
    }
    free(n->versions);
    free(n->text);
    free(n);
}

void inode_put(struct disk *d, struct inode *i) {
    if (--i->refs > 0) return;
    struct inode **at = &d->inodes;
    while (*at != i) at = &(*at)->next;
    *at = i->next;
    for EACH_TOUCHED(i, k) sector_forget(&i->sectors[k]);
    for (size_t n = 0; n < i->name_count; n++) name_free(d, i->names[n]);
    free(i->names);
    free(i->sizes);
    free(i->sectors);
    free(i->touched);
    free(i->allocated);
    sim_pages_free(i->durable, i->capacity);
    sim_pages_free(i->data, i->capacity);
    free(i);
}

static const uint8_t zeros[SECTOR];

// Large files are mostly zeros, which take no memory.
enum { LARGE = 1 << 20 };

void *sim_pages(const void *old, const bool *touched, size_t old_size, size_t size) {
    char *p = size < LARGE ? aligned_alloc(PAGE, size) : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!p || p == MAP_FAILED) abort();
    if (size < LARGE) memset(p, 0, size);
    for (size_t at = 0; old && at < old_size; at += PAGE) {
        if (touched[at / PAGE]) memcpy(p + at, (const char *)old + at, PAGE);
    }
    return p;
}

void sim_pages_free(void *p, size_t size) {
    if (p && size >= LARGE) munmap(p, size);
    else free(p);
}

const uint8_t *inode_durable(const struct inode *i, size_t sector) { return i->durable ? i->durable + sector * SECTOR : zeros; }

void inode_settle_sector(struct inode *i, size_t sector, const uint8_t *bytes) {
    if (!i->durable) i->durable = sim_pages(NULL, NULL, 0, i->capacity);
    memcpy(i->durable + sector * SECTOR, bytes, SECTOR);
}

void inode_reserve(struct inode *i, uint64_t size) {
    if (size <= i->capacity) return;
    if (i->maps) {
        fprintf(stderr, "disk: a file that is mapped grows beyond what was reserved for it\n");
        abort();
    }
    size_t now = i->capacity, then = ALIGN_UP(MAX(size, 2 * now), PAGE);
    uint8_t *data = sim_pages(i->data, i->touched, now, then), *durable = i->durable ? sim_pages(i->durable, i->touched, now, then) : NULL;
    sim_pages_free(i->data, now);
    sim_pages_free(i->durable, now);
    i->data = data;
    i->durable = durable;
    i->sectors = sim_grow(i->sectors, then / SECTOR * sizeof *i->sectors);
    memset(i->sectors + now / SECTOR, 0, (then - now) / SECTOR * sizeof *i->sectors);
    i->touched = sim_grow(i->touched, then / PAGE);
    memset(i->touched + now / PAGE, 0, (then - now) / PAGE);
    i->capacity = then;
}

__attribute__((noinline, no_sanitize("thread"))) void racy_copy(void *to, const void *from, size_t n) {
    uint64_t *t = to;
    const volatile uint64_t *f = from;
    for (size_t k = 0; k < n / 8; k++) t[k] = f[k];
}

void inode_absorb(struct disk *d, struct inode *i, uint64_t from, uint64_t to, bool written) {
    for (size_t k = inode_touched_sector(i, from / SECTOR); k * SECTOR < to && k * SECTOR < i->capacity; k = inode_touched_sector(i, k + 1)) {
        struct sector *s = &i->sectors[k];
        uint64_t now[SECTOR / 8];
        racy_copy(now, i->data + k * SECTOR, SECTOR);
        if (memcmp(now, s->newest ? s->newest->bytes : inode_durable(i, k), SECTOR) == 0) {
            if (written && s->newest) s->dirty = true;
            continue;
        }
        struct version *v = sim_alloc(sizeof *v);
        memcpy(v->bytes, now, SECTOR);
        v->when = d->when;
        v->older = s->newest;
        s->newest = v;
        s->dirty = true;
    }
}

// Before inode_absorb: there may be something.
static void touch(struct inode *i, uint64_t from, uint64_t to) {
    for (uint64_t p = from / PAGE; p * PAGE < to && p * PAGE < i->capacity; p++) i->touched[p] = true;
}

static void set_size(struct disk *d, struct inode *i, uint64_t size) {
    if (size == i->size) return;
    i->size = size;
    i->sizes = sim_grow(i->sizes, (i->size_count + 1) * sizeof *i->sizes);
    i->sizes[i->size_count++] = (struct size_version){ size, d->when };
}

static void sync_file(struct disk *d, struct inode *i, bool fails) {
    if (i->maps) inode_absorb(d, i, 0, i->capacity, false);
    for EACH_TOUCHED(i, k) {
        struct sector *s = &i->sectors[k];
        if (!s->dirty) continue;
        s->dirty = false;
        if (fails) continue; // perhaps it is there: nobody will ever know
        inode_settle_sector(i, k, s->newest->bytes);
        sector_forget(s);
    }
    if (fails) return;
    i->sizes[0] = (struct size_version){ i->size, d->when };
    i->size_count = 1;
}

// ---- names ----------------------------------------------------------------------------------------------------------------------

static struct name *name_find(const struct inode *dir, const char *text) {
    for (size_t i = 0; i < dir->name_count; i++) {
        if (strcmp(dir->names[i]->text, text) == 0) return dir->names[i];
    }
    return NULL;
}

static struct inode *now_of(const struct name *n) { return n ? n->versions[n->count - 1].to : NULL; }

// The directory that `path` is in, and its last part ("": it is the root). -ENOENT, -ENOTDIR.
static int walk(struct disk *d, const char *path, struct inode **dir, char last[NAME_BYTES_MAX + 1]) {
    *dir = d->root;
    last[0] = '\0';
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if (n > NAME_BYTES_MAX) return -ENAMETOOLONG;
        if (n > 0 && !(n == 1 && at[0] == '.')) {
            if (last[0]) {
                struct inode *next = now_of(name_find(*dir, last));
                if (!next) return -ENOENT;
                if (!next->is_dir) return -ENOTDIR;
                *dir = next;
            }
            memcpy(last, at, n);
            last[n] = '\0';
        }
        at += n + (at[n] == '/');
    }
    return 0;
}

static int find(struct disk *d, const char *path, struct inode **to) {
    char last[NAME_BYTES_MAX + 1];
    struct inode *dir;
    int status = walk(d, path, &dir, last);
    if (status) return status;
    *to = last[0] ? now_of(name_find(dir, last)) : dir;
    return *to ? 0 : -ENOENT;
}

static struct name *bind(struct disk *d, struct inode *dir, const char *text, struct inode *to) {
    struct name *n = name_find(dir, text);
    if (!n) {
        n = sim_alloc(sizeof *n);
        n->text = sim_alloc(strlen(text) + 1);
        memcpy(n->text, text, strlen(text));
        n->versions = sim_alloc(sizeof *n->versions);
        n->count = 1;
        dir->names = sim_grow(dir->names, (dir->name_count + 1) * sizeof(struct name *));
        dir->names[dir->name_count++] = n;
    }
    if (now_of(n)) now_of(n)->links--;
    if (to) {
        to->refs++;
        to->links++;
    }
    n->versions = sim_grow(n->versions, (n->count + 1) * sizeof *n->versions);
    n->versions[n->count++] = (struct binding){ .to = to, .when = d->when };
    return n;
}

// What the name meant at `when` becomes durable; what it means since stays as uncertain as it was.
static void name_settle(struct disk *d, struct name *n, uint64_t when) {
    // A rename from one directory into another is one change. (This may come back here for what the name meant before.)
    for (size_t i = 0; i < n->count && n->versions[i].when <= when;) {
        struct binding b = n->versions[i];
        n->versions[i++].needs = NULL;
        if (!b.needs || b.needs->versions[0].when >= b.needs_when) continue;
        name_settle(d, b.needs, b.needs_when);
        i = 0;
    }
    size_t upto = 0;
    while (upto + 1 < n->count && n->versions[upto + 1].when <= when) upto++;
    for (size_t i = 0; i < upto; i++) {
        if (n->versions[i].to) inode_put(d, n->versions[i].to);
    }
    memmove(n->versions, n->versions + upto, (n->count - upto) * sizeof *n->versions);
    n->count -= upto;
}

// Names that mean nothing, for good, go; nothing may need one of them any more.
static void drop_names(struct disk *d, struct inode *dir) {
    for (size_t i = 0; i < dir->name_count;) {
        struct name *n = dir->names[i];
        if (n->count > 1 || n->versions[0].to) {
            i++;
            continue;
        }
        for (struct inode *other = d->inodes; other; other = other->next) {
            for (size_t j = 0; j < other->name_count; j++) {
                for (size_t k = 0; k < other->names[j]->count; k++) {
                    if (other->names[j]->versions[k].needs == n) other->names[j]->versions[k].needs = NULL;
                }
            }
        }
        dir->names[i] = dir->names[--dir->name_count];
        name_free(d, n);
    }
}

static void sync_names(struct disk *d, struct inode *dir) {
    dir->refs++;
    for (size_t i = 0; i < dir->name_count; i++) {
        struct name *n = dir->names[i];
        if (n->count > 1) name_settle(d, n, UINT64_MAX);
    }
    drop_names(d, dir);
    inode_put(d, dir);
}

static struct inode *unsettled(const struct disk *d) {
    for (struct inode *i = d->inodes; i; i = i->next) {
        for (size_t n = 0; n < i->name_count; n++) {
            if (i->names[n]->count > 1) return i;
        }
    }
    return NULL;
}

void disk_settle(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    for (struct inode *i = d->inodes; i; i = i->next) {
        for EACH_TOUCHED(i, k) i->sectors[k].dirty = i->sectors[k].newest != NULL;
        if (!i->is_dir) sync_file(d, i, false);
    }
    // Directories may go with the last name that they had, so begin again after each.
    for (struct inode *i; (i = unsettled(d));) sync_names(d, i);
    pthread_mutex_unlock(&d->mutex);
}

// ---- operations -----------------------------------------------------------------------------------------------------------------

static const char *const op_names[DISK_KINDS] = {
    [DISK_ANY] = "any", [DISK_OPEN] = "open", [DISK_CLOSE] = "close", [DISK_READ] = "read", [DISK_WRITE] = "write", [DISK_SYNC] = "sync",
    [DISK_ALLOCATE] = "allocate", [DISK_TRUNCATE] = "truncate", [DISK_SIZE] = "size", [DISK_LOCK] = "lock", [DISK_MAP] = "map",
    [DISK_UNMAP] = "unmap", [DISK_STORED] = "stored", [DISK_RENAME] = "rename", [DISK_REMOVE] = "remove", [DISK_MAKE_DIR] = "make_dir",
    [DISK_REMOVE_DIR] = "remove_dir", [DISK_SYNC_DIR] = "sync_dir", [DISK_LIST] = "list",
};

const char *disk_op_name(enum disk_op op) { return op_names[op]; }

bool disk_op_changes(enum disk_op op) {
    return op != DISK_CLOSE && op != DISK_READ && op != DISK_SIZE && op != DISK_LOCK && op != DISK_MAP && op != DISK_UNMAP && op != DISK_LIST;
}

static bool never_fails(enum disk_op op) { return op == DISK_STORED || op == DISK_UNMAP; }

// Begins an operation: takes the lock and counts it. The fault that is planned for it, or NULL.
static const struct fault *enter(struct disk *d, enum disk_op op) {
    pthread_mutex_lock(&d->mutex);
    d->when++;
    d->counts[op]++;
    if (never_fails(op)) return NULL;
    d->counts[DISK_ANY]++;
    for (int i = 0; i < FAULTS_MAX; i++) {
        const struct fault *f = &d->faults[i];
        uint64_t count = d->counts[f->op];
        if (f->nth && (f->op == op || f->op == DISK_ANY) && (count == f->nth || (f->forever && count > f->nth))) return f;
    }
    return NULL;
}

static int enter_or_fail(struct disk *d, enum disk_op op) {
    const struct fault *f = enter(d, op);
    return f ? -f->error : 0;
}

static int64_t leave(struct disk *d, enum disk_op op, const char *what, int64_t a, int64_t b, int64_t result) {
    if (d->trace) {
        fprintf(d->trace, "disk %p: %llu %s %s %lld %lld = %lld\n", (void *)d, (unsigned long long)d->when, op_names[op], what, (long long)a, (long long)b, (long long)result);
    }
    if (d->after) d->after(d->after_arg, d, op);
    pthread_mutex_unlock(&d->mutex);
    return result;
}

static int leave_int(struct disk *d, enum disk_op op, const char *what, int64_t a, int status) { return (int)leave(d, op, what, a, 0, status); }

static struct handle *handle(struct disk *d, int fd) {
    int at = fd - FIRST_FD;
    return at >= 0 && at < d->handle_count && d->handles[at].inode ? &d->handles[at] : NULL;
}

static int take_fd(struct disk *d, struct inode *i, uint32_t how) {
    int at = 0;
    while (at < d->handle_count && d->handles[at].inode) at++;
    if (at == d->handle_count) d->handles = sim_grow(d->handles, (size_t)++d->handle_count * sizeof *d->handles);
    d->handles[at] = (struct handle){ i, how };
    i->refs++;
    i->links++;
    return FIRST_FD + at;
}

static void resize(struct disk *d, struct inode *i, uint64_t size) {
    uint64_t old = i->size;
    if (size < old) {
        if (size < i->capacity) memset(i->data + size, 0, MIN(old, i->capacity) - size);
        inode_absorb(d, i, size, old, true);
        for (size_t p = ALIGN_UP(size, PAGE) / PAGE; p < i->page_count; p++) i->allocated[p] = false;
    }
    set_size(d, i, size);
}

static int open_file(struct disk *d, const char *path, uint32_t how) {
    char last[NAME_BYTES_MAX + 1];
    struct inode *dir, *i;
    int status = walk(d, path, &dir, last);
    if (status) return status;
    i = last[0] ? now_of(name_find(dir, last)) : dir;
    if (i && how & OS_EXCLUSIVE) return -EEXIST;
    if (!i && !(how & OS_CREATE)) return -ENOENT;
    if (i && i->is_dir && how & (OS_WRITE | OS_CREATE)) return -EISDIR;
    if (d->read_only && (how & OS_WRITE || !i)) return -EROFS;
    if (!i) {
        i = inode_new(d, false);
        bind(d, dir, last, i);
    } else if (how & OS_TRUNCATE) resize(d, i, 0);
    return take_fd(d, i, how);
}

static int table_open(void *arg, const char *path, uint32_t how) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_OPEN);
    if (!status) status = open_file(d, path, how);
    return leave_int(d, DISK_OPEN, path, how, status);
}

static int table_close(void *arg, int fd) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_CLOSE);
    struct handle *h = handle(d, fd);
    if (!h) status = -EBADF;
    else { // closed even if that fails
        struct inode *i = h->inode;
        if (i->locker == fd) i->locker = -1;
        h->inode = NULL;
        i->links--;
        inode_put(d, i);
    }
    return leave_int(d, DISK_CLOSE, "", fd, status);
}

static ssize_t table_read(void *arg, int fd, void *to, size_t n, uint64_t at) {
    struct disk *d = arg;
    int64_t done = enter_or_fail(d, DISK_READ);
    const struct handle *h = handle(d, fd);
    if (done == 0 && (!h || (h->how & OS_WRITE && !(h->how & OS_READ)))) done = -EBADF;
    if (done == 0 && h->inode->is_dir) done = -EISDIR;
    if (done == 0 && at < h->inode->size) {
        const struct inode *i = h->inode;
        done = (int64_t)MIN(n, i->size - at);
        size_t has = at < i->capacity ? MIN((size_t)done, i->capacity - at) : 0;
        for (size_t n_of, from = 0; from < has; from += n_of) {
            n_of = MIN(has - from, PAGE - (size_t)(at + from) % PAGE);
            if (i->touched[(at + from) / PAGE]) memcpy((char *)to + from, i->data + at + from, n_of);
            else memset((char *)to + from, 0, n_of);
        }
        memset((char *)to + has, 0, (size_t)done - has);
    }
    return (ssize_t)leave(d, DISK_READ, "", fd, (int64_t)at, done);
}

uint64_t disk_used(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    uint64_t used = 0;
    for (const struct inode *i = d->inodes; i; i = i->next) {
        for (size_t p = 0; i->links && p < i->page_count; p++) used += i->allocated[p] ? PAGE : 0;
    }
    pthread_mutex_unlock(&d->mutex);
    return used;
}

// Room for n bytes at `at`: how many of them have it.
static uint64_t make_room(struct disk *d, struct inode *i, uint64_t at, uint64_t n) {
    uint64_t used = d->capacity ? disk_used(d) : 0;
    size_t count = ALIGN_UP(at + n, PAGE) / PAGE;
    if (count > i->page_count) {
        i->allocated = sim_grow(i->allocated, count);
        memset(i->allocated + i->page_count, 0, count - i->page_count);
        i->page_count = count;
    }
    for (uint64_t p = at / PAGE; p * PAGE < at + n; p++) {
        if (i->allocated[p]) continue;
        if (d->capacity && used + PAGE > d->capacity) return p * PAGE > at ? p * PAGE - at : 0;
        used += PAGE;
        i->allocated[p] = true;
    }
    return n;
}

static void put_bytes(struct inode *i, const uint8_t *p, size_t n, uint64_t at) {
    // Zeros behind all else are there already.
    while (n >= 8 && at + n > i->capacity && load_word((const char *)p + n - 8) == 0) n -= 8;
    while (n > 0 && at + n > i->capacity && p[n - 1] == 0) n--;
    if (n == 0) return;
    inode_reserve(i, at + n);
    touch(i, at, at + n);
    memcpy(i->data + at, p, n);
}

static int64_t write_file(struct disk *d, const struct handle *h, const struct iovec *iov, int count, uint64_t at, uint64_t max) {
    uint64_t n = 0, done = 0;
    for (int k = 0; k < count; k++) n += iov[k].iov_len;
    n = MIN(n, max);
    uint64_t has = n ? make_room(d, h->inode, at, n) : 0;
    if (has == 0 && n > 0) return -ENOSPC;
    for (int k = 0; k < count && done < has; k++) {
        size_t part = MIN(iov[k].iov_len, has - done);
        put_bytes(h->inode, iov[k].iov_base, part, at + done);
        done += part;
    }
    inode_absorb(d, h->inode, at, at + done, true);
    if (done && at + done > h->inode->size) set_size(d, h->inode, at + done);
    return (int64_t)done;
}

static ssize_t table_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct disk *d = arg;
    const struct fault *f = enter(d, DISK_WRITE);
    const struct handle *h = handle(d, fd);
    int64_t done;
    if (!h || !(h->how & OS_WRITE)) done = -EBADF;
    else if (f && f->error) {
        if (f->error != ENOSPC && f->error != EINTR) write_file(d, h, iov, count, at, random_below(&d->random, 16) * SECTOR);
        done = -f->error;
    } else done = write_file(d, h, iov, count, at, f ? f->bytes : UINT64_MAX);
    return (ssize_t)leave(d, DISK_WRITE, "", fd, (int64_t)at, done);
}

static int table_sync(void *arg, int fd) {
    struct disk *d = arg;
    if (d->sync_us) nanosleep(&(struct timespec){ d->sync_us / 1000000, (long)(d->sync_us % 1000000) * 1000 }, NULL);
    int status = enter_or_fail(d, DISK_SYNC);
    const struct handle *h = handle(d, fd);
    if (!h) status = -EBADF;
    else if (h->inode->is_dir && status == 0) sync_names(d, h->inode);
    else if (!h->inode->is_dir) sync_file(d, h->inode, status != 0);
    return leave_int(d, DISK_SYNC, "", fd, status);
}

static int allocate(struct disk *d, const struct handle *h, uint64_t at, uint64_t n) {
    if (!d->can_allocate) return -EOPNOTSUPP;
    if (!h || !(h->how & OS_WRITE)) return -EBADF;
    if (n == 0) return -EINVAL;
    struct inode *i = h->inode;
    size_t page_count = i->page_count;
    bool *before = sim_alloc(page_count);
    if (page_count) memcpy(before, i->allocated, page_count);
    bool room = make_room(d, i, at, n) == n;
    if (!room && page_count) memcpy(i->allocated, before, page_count);
    if (!room) memset(i->allocated + page_count, 0, i->page_count - page_count);
    free(before);
    if (room && at + n > i->size) set_size(d, i, at + n);
    return room ? 0 : -ENOSPC;
}

static int table_allocate(void *arg, int fd, uint64_t at, uint64_t n) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_ALLOCATE);
    if (!status) status = allocate(d, handle(d, fd), at, n);
    return leave_int(d, DISK_ALLOCATE, "", fd, status);
}

static int table_truncate(void *arg, int fd, uint64_t size) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_TRUNCATE);
    const struct handle *h = handle(d, fd);
    if (!status && !h) status = -EBADF;
    if (!status && !(h->how & OS_WRITE)) status = -EINVAL;
    if (!status) resize(d, h->inode, size);
    return leave_int(d, DISK_TRUNCATE, "", (int64_t)size, status);
}

static int table_size(void *arg, int fd, uint64_t *size) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_SIZE);
    const struct handle *h = handle(d, fd);
    if (!status && !h) status = -EBADF;
    if (!status) *size = h->inode->size;
    return leave_int(d, DISK_SIZE, "", fd, status);
}

static int table_lock(void *arg, int fd) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_LOCK);
    const struct handle *h = handle(d, fd);
    if (!status && !h) status = -EBADF;
    if (!status && h->inode->locker >= 0 && h->inode->locker != fd) status = -EWOULDBLOCK;
    if (!status) h->inode->locker = fd;
    return leave_int(d, DISK_LOCK, "", fd, status);
}

// ---- mappings -------------------------------------------------------------------------------------------------------------------

static int map_file(struct disk *d, const struct handle *h, uint64_t size, void **at) {
    if (!h) return -EBADF;
    if (size == 0) return -EINVAL;
    if (h->inode->is_dir) return -ENODEV;
    if ((h->how & (OS_READ | OS_WRITE)) != (OS_READ | OS_WRITE)) return -EACCES;
    inode_reserve(h->inode, size);
    if (size < LARGE) touch(h->inode, 0, size); // with what nobody tells of, too
    h->inode->maps++;
    h->inode->refs++;
    h->inode->links++;
    d->mappings = sim_grow(d->mappings, (d->mapping_count + 1) * sizeof *d->mappings);
    d->mappings[d->mapping_count++] = (struct mapping){ h->inode, size };
    *at = h->inode->data;
    return 0;
}

static int table_map(void *arg, int fd, uint64_t size, void **at) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_MAP);
    if (!status) status = map_file(d, handle(d, fd), size, at);
    return leave_int(d, DISK_MAP, "", (int64_t)size, status);
}

static struct mapping *mapping_of(struct disk *d, const void *at) {
    for (size_t i = 0; i < d->mapping_count; i++) {
        const uint8_t *from = d->mappings[i].inode->data;
        if ((const uint8_t *)at >= from && (const uint8_t *)at < from + d->mappings[i].size) return &d->mappings[i];
    }
    return NULL;
}

static int table_unmap(void *arg, void *at, uint64_t size) {
    struct disk *d = arg;
    enter(d, DISK_UNMAP);
    struct mapping *m = mapping_of(d, at);
    int status = m && m->size == size && at == m->inode->data ? 0 : -EINVAL;
    if (!status) {
        struct inode *i = m->inode;
        *m = d->mappings[--d->mapping_count];
        inode_absorb(d, i, 0, i->capacity, false);
        i->maps--;
        i->links--;
        inode_put(d, i);
    }
    return leave_int(d, DISK_UNMAP, "", (int64_t)size, status);
}

static bool table_may_map(void *arg, int fd) {
    (void)fd;
    return ((struct disk *)arg)->may_map;
}

static void table_stored(void *arg, const void *at, size_t n) {
    struct disk *d = arg;
    enter(d, DISK_STORED);
    const struct mapping *m = mapping_of(d, at);
    if (!m) {
        fprintf(stderr, "disk: stored() of what is in no mapping\n");
        abort();
    }
    uint64_t from = (uint64_t)((const uint8_t *)at - m->inode->data);
    touch(m->inode, from, from + n);
    // The system writes a page back when it likes: this version may be what the disk has in the end.
    if (random_below(&d->random, 4) == 0) inode_absorb(d, m->inode, from, from + n, false);
    leave(d, DISK_STORED, "", (int64_t)from, (int64_t)n, 0);
}

// ---- changes of names -----------------------------------------------------------------------------------------------------------

static bool is_empty(const struct inode *dir) {
    for (size_t i = 0; i < dir->name_count; i++) {
        if (now_of(dir->names[i])) return false;
    }
    return true;
}

static bool is_below(const struct inode *i, const struct inode *dir) {
    if (i == dir) return true;
    for (size_t k = 0; k < dir->name_count; k++) {
        const struct inode *next = now_of(dir->names[k]);
        if (next && is_below(i, next)) return true;
    }
    return false;
}

static int rename_file(struct disk *d, const char *from, const char *to) {
    char from_last[NAME_BYTES_MAX + 1], to_last[NAME_BYTES_MAX + 1];
    struct inode *from_dir, *to_dir;
    int status = walk(d, from, &from_dir, from_last);
    if (!status) status = walk(d, to, &to_dir, to_last);
    if (status) return status;
    if (!from_last[0] || !to_last[0]) return -EBUSY;
    struct inode *i = now_of(name_find(from_dir, from_last)), *old = now_of(name_find(to_dir, to_last));
    if (!i) return -ENOENT;
    if (d->read_only) return -EROFS;
    if (old == i) return 0;
    if (is_below(to_dir, i)) return -EINVAL;
    if (old && is_below(from_dir, old)) return -ENOTEMPTY;
    if (old && old->is_dir && !i->is_dir) return -EISDIR;
    if (old && !old->is_dir && i->is_dir) return -ENOTDIR;
    if (old && old->is_dir && !is_empty(old)) return -ENOTEMPTY;
    struct name *becomes = bind(d, to_dir, to_last, i), *was = bind(d, from_dir, from_last, NULL);
    was->versions[was->count - 1].needs = becomes;
    was->versions[was->count - 1].needs_when = d->when;
    return 0;
}

static int table_rename(void *arg, const char *from, const char *to) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_RENAME);
    if (!status) status = rename_file(d, from, to);
    return leave_int(d, DISK_RENAME, to, 0, status);
}

static int remove_name(struct disk *d, const char *path, bool is_dir) {
    char last[NAME_BYTES_MAX + 1];
    struct inode *dir;
    int status = walk(d, path, &dir, last);
    if (status) return status;
    const struct inode *i = last[0] ? now_of(name_find(dir, last)) : dir;
    if (!i) return -ENOENT;
    if (i == d->root) return -EBUSY;
    if (i->is_dir != is_dir) return is_dir ? -ENOTDIR : -EISDIR;
    if (is_dir && !is_empty(i)) return -ENOTEMPTY;
    if (d->read_only) return -EROFS;
    bind(d, dir, last, NULL);
    return 0;
}

static int table_remove(void *arg, const char *path) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_REMOVE);
    if (!status) status = remove_name(d, path, false);
    return leave_int(d, DISK_REMOVE, path, 0, status);
}

static int table_remove_dir(void *arg, const char *path) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_REMOVE_DIR);
    if (!status) status = remove_name(d, path, true);
    return leave_int(d, DISK_REMOVE_DIR, path, 0, status);
}

static int make_dir(struct disk *d, const char *path) {
    char last[NAME_BYTES_MAX + 1];
    struct inode *dir;
    int status = walk(d, path, &dir, last);
    if (status) return status;
    if (!last[0] || now_of(name_find(dir, last))) return -EEXIST;
    if (d->read_only) return -EROFS;
    bind(d, dir, last, inode_new(d, true));
    return 0;
}

static int table_make_dir(void *arg, const char *path) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_MAKE_DIR);
    if (!status) status = make_dir(d, path);
    return leave_int(d, DISK_MAKE_DIR, path, 0, status);
}

static int table_sync_dir(void *arg, const char *path) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_SYNC_DIR);
    struct inode *dir;
    int found = find(d, path, &dir);
    if (found == 0 && !dir->is_dir) found = -ENOTDIR;
    if (!status) status = found;
    if (!status) sync_names(d, dir);
    return leave_int(d, DISK_SYNC_DIR, path, 0, status);
}

static int list_dir(struct disk *d, const char *path, bool (*visit)(void *to, const char *name), void *to) {
    struct inode *dir;
    int status = find(d, path, &dir);
    if (status) return status;
    if (!dir->is_dir) return -ENOTDIR;
    // Who visits may change the directory.
    size_t n = 0;
    char **names = sim_alloc((dir->name_count + 1) * sizeof *names);
    for (size_t i = 0; i < dir->name_count; i++) {
        if (now_of(dir->names[i])) names[n++] = strdup(dir->names[i]->text);
    }
    bool more = true;
    for (size_t i = 0; i < n; i++) {
        if (more) more = visit(to, names[i]);
        free(names[i]);
    }
    free(names);
    return 0;
}

static int table_list(void *arg, const char *path, bool (*visit)(void *to, const char *name), void *to) {
    struct disk *d = arg;
    int status = enter_or_fail(d, DISK_LIST);
    if (!status) status = list_dir(d, path, visit, to);
    return leave_int(d, DISK_LIST, path, 0, status);
}

// ---- the machine ----------------------------------------------------------------------------------------------------------------

static int table_boot_id(void *arg, char to[OS_BOOT_ID_MAX]) {
    memset(to, 0, OS_BOOT_ID_MAX);
    snprintf(to, OS_BOOT_ID_MAX, "simulated-%016llx", (unsigned long long)((struct disk *)arg)->boot);
    return 0;
}

static int64_t table_mono_us(void *arg) { return atomic_load(&((struct disk *)arg)->mono_us); }
static int64_t table_wall_ms(void *arg) { return atomic_load(&((struct disk *)arg)->wall_ms); }

void disk_advance(struct disk *d, int64_t us) {
    int64_t then = atomic_fetch_add(&d->mono_us, us) + us;
    atomic_store(&d->wall_ms, INT64_C(1700000000000) + then / 1000);
}

static const struct os table = {
    .open = table_open, .close = table_close, .read = table_read, .write = table_write, .sync = table_sync, .allocate = table_allocate,
    .truncate = table_truncate, .size = table_size, .lock = table_lock, .map = table_map, .unmap = table_unmap, .may_map = table_may_map,
    .stored = table_stored, .rename = table_rename, .remove = table_remove, .make_dir = table_make_dir, .remove_dir = table_remove_dir,
    .sync_dir = table_sync_dir, .list = table_list, .boot_id = table_boot_id, .mono_us = table_mono_us, .wall_ms = table_wall_ms,
};

struct disk *disk_new(uint64_t seed) {
    struct disk *d = sim_alloc(sizeof *d);
    d->os = table;
    d->os.arg = d;
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&d->mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    random_seed(&d->random, seed);
    d->boot = random_next(&d->random);
    d->can_allocate = d->may_map = true;
    disk_advance(d, 1000000);
    d->root = inode_new(d, true);
    d->root->refs = d->root->links = 1;
    return d;
}

void disk_free(struct disk *d) {
    if (!d) return;
    for (int i = 0; i < d->handle_count; i++) {
        if (d->handles[i].inode) inode_put(d, d->handles[i].inode);
    }
    for (size_t i = 0; i < d->mapping_count; i++) inode_put(d, d->mappings[i].inode);
    inode_put(d, d->root);
    pthread_mutex_destroy(&d->mutex);
    free(d->handles);
    free(d->mappings);
    free(d);
}

const struct os *disk_os(struct disk *d) { return &d->os; }

// ---- what tests ask for ---------------------------------------------------------------------------------------------------------

void disk_hook(struct disk *d, void (*after)(void *arg, struct disk *d, enum disk_op op), void *arg) {
    pthread_mutex_lock(&d->mutex);
    d->after = after;
    d->after_arg = arg;
    pthread_mutex_unlock(&d->mutex);
}

uint64_t disk_count(struct disk *d, enum disk_op op) {
    pthread_mutex_lock(&d->mutex);
    uint64_t n = d->counts[op];
    pthread_mutex_unlock(&d->mutex);
    return n;
}

unsigned disk_open_files(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    unsigned n = (unsigned)d->mapping_count;
    for (int i = 0; i < d->handle_count; i++) n += d->handles[i].inode != NULL;
    pthread_mutex_unlock(&d->mutex);
    return n;
}

static void plan(struct disk *d, struct fault f) {
    pthread_mutex_lock(&d->mutex);
    f.nth += d->counts[f.op];
    int i = 0;
    while (i < FAULTS_MAX && d->faults[i].nth) i++;
    if (i == FAULTS_MAX) abort();
    d->faults[i] = f;
    pthread_mutex_unlock(&d->mutex);
}

void disk_fail(struct disk *d, enum disk_op op, uint64_t nth, int error, bool forever) {
    plan(d, (struct fault){ .op = op, .nth = nth, .error = error, .forever = forever });
}

void disk_short_write(struct disk *d, uint64_t nth, size_t bytes, bool forever) {
    plan(d, (struct fault){ .op = DISK_WRITE, .nth = nth, .bytes = bytes, .forever = forever });
}

void disk_heal(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    memset(d->faults, 0, sizeof d->faults);
    pthread_mutex_unlock(&d->mutex);
}

// The same for all settings: under the lock, for the other threads.
#define SETTER(name, type, field)                    \
    void name(struct disk *d, type value) {          \
        pthread_mutex_lock(&d->mutex);               \
        d->field = value;                            \
        pthread_mutex_unlock(&d->mutex);             \
    }
SETTER(disk_set_capacity, uint64_t, capacity)
SETTER(disk_set_read_only, bool, read_only)
SETTER(disk_set_can_allocate, bool, can_allocate)
SETTER(disk_set_may_map, bool, may_map)
SETTER(disk_set_delay, uint32_t, sync_us)
SETTER(disk_trace, FILE *, trace)
