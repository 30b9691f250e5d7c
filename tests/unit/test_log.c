// The log: what is in its files is decoded by a reader of its own, written from format.h's text, and compared with what was appended.
//
// Most tests have a log without a thread (`stepped`) and decide themselves when there is a round; a fake clock tells what is due. Faults come from a table of
// functions around the real one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "kora.h"
#include "store/log.h"
#include "store/staging.h"

enum { STRIPES = 4, RING = 64 << 10 };
static const uint8_t the_id[STORE_ID_BYTES] = "an id of 16 byte";

// ---- the system, with faults ------------------------------------------------------------------------------------------------------

enum op { OP_NONE, OP_WRITE, OP_SHORT, OP_SYNC, OP_SYNC_DIR, OP_ALLOCATE, OP_TRUNCATE, OP_OPEN, OP_REMOVE, OP_MAP, OPS };

struct faulty {
    struct os os;
    const struct os *real;
    enum op op;
    long nth;      // of them fails; 0: none
    bool forever;
    int code;
    _Atomic long counts[OPS], failed;
    _Atomic int64_t clock_us;
    _Atomic int hold;        // 1: a sync waits until it is 0; 2: one does
    bool no_map, really; // syncs are done, not only counted
    _Atomic long clock_reads;
};

static bool fails(struct faulty *f, enum op op) {
    f->counts[op]++;
    if (f->op != op || f->nth == 0) return false;
    long n = --f->nth;
    if (n < 0 || (n == 0 && f->forever)) f->nth = 1;
    if (n > 0) return false;
    f->failed++;
    return true;
}
static int f_open(void *arg, const char *path, uint32_t how) {
    struct faulty *f = arg;
    return fails(f, OP_OPEN) ? f->code : f->real->open(f->real->arg, path, how);
}
static int f_close(void *arg, int fd) { return ((struct faulty *)arg)->real->close(NULL, fd); }
static ssize_t f_read(void *arg, int fd, void *to, size_t n, uint64_t at) { return ((struct faulty *)arg)->real->read(NULL, fd, to, n, at); }
static ssize_t f_write(void *arg, int fd, const struct iovec *iov, int count, uint64_t at) {
    struct faulty *f = arg;
    if (fails(f, OP_WRITE)) {
        if (f->code == -EINTR || f->failed % 2 || iov->iov_len < 2) return f->code;
        // Half of the time something of it is written before the next one fails.
        struct iovec some = { iov->iov_base, iov->iov_len / 2 };
        f->nth = 1;
        return f->real->write(NULL, fd, &some, 1, at);
    }
    if (fails(f, OP_SHORT)) {
        struct iovec some = { iov->iov_base, MIN(iov->iov_len, 7) };
        return f->real->write(NULL, fd, &some, 1, at);
    }
    return f->real->write(NULL, fd, iov, count, at);
}
static int f_sync(void *arg, int fd) {
    struct faulty *f = arg;
    if (f->hold) f->hold = 2;
    while (f->hold) sched_yield();
    return fails(f, OP_SYNC) ? f->code : f->really ? f->real->sync(NULL, fd) : 0;
}
static int f_allocate(void *arg, int fd, uint64_t at, uint64_t n) {
    struct faulty *f = arg;
    return fails(f, OP_ALLOCATE) ? f->code : f->real->allocate(NULL, fd, at, n);
}
static int f_truncate(void *arg, int fd, uint64_t size) {
    struct faulty *f = arg;
    return fails(f, OP_TRUNCATE) ? f->code : f->real->truncate(NULL, fd, size);
}
static int f_size(void *arg, int fd, uint64_t *size) { return ((struct faulty *)arg)->real->size(NULL, fd, size); }
static int f_map(void *arg, int fd, uint64_t size, void **at) {
    struct faulty *f = arg;
    return fails(f, OP_MAP) ? f->code : f->real->map(NULL, fd, size, at);
}
static int f_unmap(void *arg, void *at, uint64_t size) { return ((struct faulty *)arg)->real->unmap(NULL, at, size); }
static bool f_may_map(void *arg, int fd) { return !((struct faulty *)arg)->no_map && ((struct faulty *)arg)->real->may_map(NULL, fd); }
static int f_rename(void *arg, const char *from, const char *to) { return ((struct faulty *)arg)->real->rename(NULL, from, to); }
static int f_remove(void *arg, const char *path) {
    struct faulty *f = arg;
    return fails(f, OP_REMOVE) ? f->code : f->real->remove(NULL, path);
}
static int f_make_dir(void *arg, const char *path) { return ((struct faulty *)arg)->real->make_dir(NULL, path); }
static int f_sync_dir(void *arg, const char *path) {
    struct faulty *f = arg;
    return fails(f, OP_SYNC_DIR) ? f->code : f->really ? f->real->sync_dir(NULL, path) : 0;
}
static int f_list(void *arg, const char *path, bool (*visit)(void *to, const char *name), void *to) {
    return ((struct faulty *)arg)->real->list(NULL, path, visit, to);
}
static int f_boot_id(void *arg, char to[OS_BOOT_ID_MAX]) { return ((struct faulty *)arg)->real->boot_id(NULL, to); }
static int64_t f_mono_us(void *arg) {
    struct faulty *f = arg;
    f->clock_reads++;
    return f->clock_us ? f->clock_us : f->real->mono_us(NULL);
}
static int64_t f_wall_ms(void *arg) { return ((struct faulty *)arg)->real->wall_ms(NULL); }

static void faulty_init(struct faulty *f) {
    memset(f, 0, sizeof *f);
    f->real = os_system();
    f->os = (struct os){ .arg = f, .open = f_open, .close = f_close, .read = f_read, .write = f_write, .sync = f_sync, .allocate = f_allocate,
        .truncate = f_truncate, .size = f_size, .map = f_map, .unmap = f_unmap, .may_map = f_may_map, .rename = f_rename, .remove = f_remove,
        .make_dir = f_make_dir, .sync_dir = f_sync_dir, .list = f_list, .boot_id = f_boot_id, .mono_us = f_mono_us, .wall_ms = f_wall_ms };
}

// ---- a log in a folder of its own -------------------------------------------------------------------------------------------------

// What was appended: [u64 epoch][u32 call parts][body] by stripe, to compare with what is read.
struct kept {
    struct buf bodies;
    size_t count;
};

struct field {
    char dir[64];
    struct faulty f;
    struct log_config config;
    struct log *l;
    struct random random;
    uint64_t number;           // of the next effect
    struct kept appended[STRIPES];
    uint64_t told_durable;
    int rooms, breaks;
    char said[400];
};

static void on_durable(void *arg, uint64_t epoch) {
    struct field *d = arg;
    assert_true(epoch > d->told_durable || d->told_durable == 0);
    d->told_durable = epoch;
}
static void on_room(void *arg) { ((struct field *)arg)->rooms++; }
static void on_broken(void *arg) { ((struct field *)arg)->breaks++; }
static void on_say(void *arg, int level, const char *text) {
    (void)level;
    snprintf(((struct field *)arg)->said, 400, "%s", text);
}

static void open_log_at(struct field *d, uint64_t round, uint64_t before) {
    char error[300];
    d->config.round_before = before;
    d->told_durable = 0;
    int status = log_open(&d->config, round, &d->l, error, sizeof error);
    if (status != KORA_OK) fail_msg("log_open: %s", error);
}

static void field_init_at(struct field *d, enum log_sync sync, bool disk) {
    memset(d, 0, sizeof *d);
    bool memory = access("/dev/shm", W_OK) == 0 && !disk; // what is synced, and what that costs, is no matter to most tests
    snprintf(d->dir, sizeof d->dir, "%s/kora-test-log-XXXXXX", memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(d->dir));
    faulty_init(&d->f);
    d->config = (struct log_config){ .os = &d->f.os, .dir = d->dir, .stripes = STRIPES, .sync = sync, .segment_bytes_max = 200000, .staging_bytes = 1,
        .durable = on_durable, .room = on_room, .broken = on_broken, .say = on_say, .arg = d, .stepped = true };
    memcpy(d->config.id, the_id, sizeof the_id);
    random_seed(&d->random, 5);
}
static void field_init(struct field *d, enum log_sync sync) { field_init_at(d, sync, false); }
static void field_open(struct field *d, enum log_sync sync) {
    field_init(d, sync);
    open_log_at(d, 1, 0);
}

static void remove_tree(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (unlink(name) != 0) remove_tree(name);
    }
    if (dir) closedir(dir);
    rmdir(path);
}
static void field_free(struct field *d) {
    if (d->l) log_close(d->l, NULL, 0);
    for (int i = 0; i < STRIPES; i++) buf_free(&d->appended[i].bodies);
    remove_tree(d->dir);
}

// ---- appending ----------------------------------------------------------------------------------------------------------------------

static void put32(struct buf *b, uint32_t n) {
    for (int i = 0; i < 4; i++, n >>= 8) buf_append_char(b, (char)n);
}
static void put64(struct buf *b, uint64_t n) {
    put32(b, (uint32_t)n);
    put32(b, (uint32_t)(n >> 32));
}
static void put_varint(struct buf *b, uint64_t n) {
    for (; n > 127; n >>= 7) buf_append_char(b, (char)(n | 128));
    buf_append_char(b, (char)n);
}

// [u64 epoch][u32 parts][u32 is it a number of a call][u32 length][body], as the readers make it, too.
static void keep(struct kept *k, uint64_t epoch, uint32_t call, uint32_t parts, const char *body, size_t n) {
    put64(&k->bodies, epoch);
    put32(&k->bodies, parts);
    put32(&k->bodies, call);
    put32(&k->bodies, (uint32_t)n);
    buf_append(&k->bodies, body, n);
    k->count++;
}

struct one {
    uint32_t stripe;
    size_t size; // of its value
};

static bool append(struct field *d, const struct one *effects, uint32_t count) {
    static char value[300000];
    size_t bytes[STRIPES] = { 0 }, counts[STRIPES] = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        uint32_t s = effects[i].stripe;
        bytes[s] += 3 + 8 + effects[i].size + 3 * 5;
        if (!log_reserve(d->l, s, bytes[s], ++counts[s])) return false;
    }
    struct log_append a;
    log_begin(&a, d->l, effects[0].stripe, count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = d->number++;
        for (size_t j = 0; j < effects[i].size; j++) value[j] = (char)(number + j);
        struct slice argv[3] = { SLICE("SET"), slice_of(&number, 8), { value, effects[i].size } };
        struct effect e = { effects[i].stripe, (uint32_t)(number % 300), 3, argv };
        struct buf body = { 0 };
        put_varint(&body, e.db);
        put_varint(&body, 3);
        for (int j = 0; j < 3; j++) {
            put_varint(&body, argv[j].n);
            buf_append_slice(&body, argv[j]);
        }
        log_add(&a, &e);
        keep(&d->appended[effects[i].stripe], a.epoch, a.number, count, body.p, body.n);
        assert_true((a.number != 0) == (count > 1));
        buf_free(&body);
    }
    log_end(&a);
    for (uint32_t i = 0; i < count; i++) assert_int_equal(log_last_epoch(d->l, effects[i].stripe), a.epoch);
    return true;
}
static void append_one(struct field *d, uint32_t stripe, size_t size) { assert_true(append(d, &(struct one){ stripe, size }, 1)); }

// ---- reading -------------------------------------------------------------------------------------------------------------------------

static uint32_t get32(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}
static uint64_t get64(const char *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static char *slurp(const char *dir, const char *name, size_t *n) {
    char path[400], *text;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int status = os_read_file(os_system(), path, 1 << 30, &text, n);
    return status == 0 ? text : NULL;
}

struct image {
    struct kept kept[STRIPES];
    uint64_t last_round, blocks, segments, synced_upto;
    size_t tail; // bytes behind the last block that are no zeros
    void (*on_record)(void *arg, uint64_t round, uint32_t stripe, const char *record, size_t n);
    void *arg;
};
static void image_free(struct image *m) {
    for (int i = 0; i < STRIPES; i++) buf_free(&m->kept[i].bodies);
}

static void read_record(struct image *m, uint64_t round, uint32_t stripe, const char *p, size_t left, uint64_t above, size_t *padded) {
    assert_true(left >= RECORD_HEADER);
    uint32_t length = get32(p);
    *padded = (length + 7u) & ~7u;
    assert_true(length > RECORD_HEADER && *padded <= left);
    assert_int_equal(get32(p + 4), crc32c(0, p + 8, length - 8));
    assert_int_equal(get64(p + 8) % 8, 0);
    assert_true(get64(p + 16) > above && get64(p + 16) <= round);
    for (size_t i = length; i < *padded; i++) assert_int_equal(p[i], 0);
    keep(&m->kept[stripe], get64(p + 16), get32(p + 24), get32(p + 28), p + RECORD_HEADER, length - RECORD_HEADER);
    if (m->on_record) m->on_record(m->arg, round, stripe, p, length);
}

// One block; returns its bytes, or 0: there is none.
static size_t read_block(struct image *m, const char *p, size_t left) {
    if (left < BLOCK_HEADER || memcmp(p, "KRND", 4) != 0) return 0;
    uint64_t bytes = get64(p + 32), round = get64(p + 8), parts = get32(p + 40);
    if (bytes > left || bytes < BLOCK_HEADER || bytes % 8 || get32(p + 4) != crc32c(0, p + 8, bytes - 8)) return 0;
    assert_int_equal(get64(p + 16), m->last_round);
    assert_true(round > m->last_round && get64(p + 24) < round && get64(p + 24) >= m->synced_upto && parts > 0 && get32(p + 44) == 0);
    const char *part = p + BLOCK_HEADER, *record = part + parts * BLOCK_PART, *end = p + bytes;
    for (uint64_t i = 0; i < parts; i++, part += BLOCK_PART) {
        uint64_t n = get64(part + 8);
        assert_true(n > 0 && get32(part) < STRIPES && get32(part + 4) == 0 && n <= (uint64_t)(end - record));
        for (size_t at = 0, padded; at < n; at += padded) read_record(m, round, get32(part), record + at, n - at, m->last_round, &padded);
        record += n;
    }
    assert_ptr_equal(record, end);
    m->last_round = round;
    m->synced_upto = get64(p + 24);
    m->blocks++;
    return bytes;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_wal(const struct dirent *e) { return strstr(e->d_name, ".wal") != NULL; }

// All segments; only the last one may end with anything but a block.
static void read_segments(struct field *d, struct image *m) {
    char dir[100];
    snprintf(dir, sizeof dir, "%s/log", d->dir);
    struct dirent **names;
    int count = scandir(dir, &names, is_wal, by_name);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        size_t n, at = SEGMENT_HEADER, bytes;
        char *p = slurp(dir, names[i]->d_name, &n), name[40];
        assert_true(p && n >= SEGMENT_HEADER && memcmp(p, "KORALOG1", 8) == 0);
        assert_int_equal(get32(p + 8), 1);
        assert_int_equal(get32(p + 12), STRIPES);
        snprintf(name, sizeof name, "%016llx.wal", (unsigned long long)get64(p + 16));
        assert_string_equal(name, names[i]->d_name);
        assert_true(get64(p + 16) > m->last_round && get64(p + 24) < get64(p + 16));
        assert_memory_equal(p + 32, the_id, STORE_ID_BYTES);
        assert_int_equal(get32(p + 60), crc32c(0, p, 60));
        if (i == 0 && n > at + BLOCK_HEADER) m->last_round = get64(p + at + 16); // older ones may have been removed
        while ((bytes = read_block(m, p + at, n - at)) != 0) at += bytes;
        size_t end = n;
        while (end > at && p[end - 1] == 0) end--;
        m->tail = end - at;
        assert_true(m->tail == 0 || i == count - 1);
        m->segments++;
        mem_free(p);
        free(names[i]);
    }
    free(names);
}

static void read_apart(struct field *d, struct image *m, uint32_t stripe, const char *stub, uint64_t above) {
    char name[40];
    snprintf(name, sizeof name, "staging-%llu", (unsigned long long)get64(stub + 32));
    size_t n, bytes = get64(stub + 40);
    char *p = slurp(d->dir, name, &n);
    assert_true(p && bytes <= n && crc32c(0, p, bytes) == get32(stub + 48));
    for (size_t at = 0, padded; at < bytes; at += padded) {
        assert_memory_equal(p + at + 8, stub + 8, RECORD_HEADER - 8);
        read_record(m, UINT64_MAX, stripe, p + at, bytes - at, above, &padded);
    }
    mem_free(p);
}

// What staging holds of epochs that are not in the log. *state: of the file.
static void read_staging(struct field *d, struct image *m, uint32_t *state) {
    size_t n;
    char *p = slurp(d->dir, "staging", &n), boot[OS_BOOT_ID_MAX] = { 0 };
    assert_true(p && n >= STAGING_PAGE && memcmp(p, "KORASTG1", 8) == 0);
    os_system()->boot_id(NULL, boot);
    uint64_t ring = get64(p + 16), above = m->last_round;
    assert_true(get32(p + 8) == 1 && get32(p + 12) == STRIPES && ring == RING && get64(p + 24) == 1);
    assert_memory_equal(p + 32, boot, OS_BOOT_ID_MAX);
    assert_memory_equal(p + 72, the_id, STORE_ID_BYTES);
    assert_int_equal(get32(p + 88), crc32c(0, p, 88));
    *state = get32(p + 256);
    for (uint32_t i = 0; i < STRIPES; i++) {
        const char *header = p + STAGING_PAGE + i * (STAGING_STRIPE_HEADER + ring), *bytes = header + STAGING_STRIPE_HEADER;
        uint64_t at = get64(header);
        for (;;) {
            uint64_t left = ring - at % ring;
            if (left < RECORD_HEADER) {
                at += left;
                continue;
            }
            const char *r = bytes + at % ring;
            uint32_t length = get32(r), whole = length == RECORD_SKIP ? 32 : length == RECORD_APART ? 52 : length;
            if (get64(r + 8) != at || whole < RECORD_HEADER || whole > left || get32(r + 4) != crc32c(0, r + 8, whole - 8)) break;
            size_t padded = (whole + 7u) & ~7u;
            if (length == RECORD_SKIP) {
                at += left;
                continue;
            }
            if (get64(r + 16) <= above) {
            } else if (length == RECORD_APART) {
                read_apart(d, m, i, r, above);
            } else {
                read_record(m, UINT64_MAX, i, r, left, above, &padded);
            }
            at += padded;
        }
    }
    mem_free(p);
}

// Everything that was appended is there once, in order.
static void check_all(struct field *d, uint32_t state_expected) {
    struct image m = { 0 };
    uint32_t state;
    read_segments(d, &m);
    read_staging(d, &m, &state);
    assert_int_equal(state, state_expected);
    for (int i = 0; i < STRIPES; i++) {
        assert_int_equal(m.kept[i].count, d->appended[i].count);
        assert_int_equal(m.kept[i].bodies.n, d->appended[i].bodies.n);
        if (m.kept[i].bodies.n) assert_memory_equal(m.kept[i].bodies.p, d->appended[i].bodies.p, m.kept[i].bodies.n);
    }
    image_free(&m);
}

static void close_log(struct field *d) {
    log_close(d->l, NULL, 0);
    d->l = NULL;
}

// ---- tests ---------------------------------------------------------------------------------------------------------------------------

static void test_rounds(void **state) {
    (void)state;
    for (int sync = LOG_ALWAYS; sync <= LOG_OS; sync++) {
        struct field d;
        field_open(&d, (enum log_sync)sync);
        check_all(&d, STAGING_IN_USE);
        assert_int_equal(log_durable(d.l), 0);
        assert_int_equal(log_last_epoch(d.l, 1), 0);
        append_one(&d, 1, 32);
        append_one(&d, 3, 0);
        check_all(&d, STAGING_IN_USE);
        assert_true(log_step(d.l));
        assert_int_equal(log_durable(d.l), 1);
        assert_int_equal(d.told_durable, 1);
        assert_false(log_step(d.l));
        assert_true(append(&d, (struct one[]){ { 2, 5 }, { 0, 100 }, { 2, 1 }, { 3, 3000 } }, 4));
        assert_int_equal(log_last_epoch(d.l, 0), 2);
        assert_int_equal(log_last_epoch(d.l, 1), 1);
        check_all(&d, STAGING_IN_USE);
        assert_true(log_step(d.l));
        append_one(&d, 1, 32);
        struct log_stats s;
        log_stats(d.l, &s);
        assert_int_equal(s.rounds, 2);
        assert_int_equal(s.records, 7);
        assert_int_equal(s.syncs, sync == LOG_ALWAYS ? 2 : 0);
        assert_int_equal(s.epoch, 3);
        assert_true(s.staged_bytes > 0 && s.segments == 1 && s.log_bytes == s.segment_bytes);
        close_log(&d);
        check_all(&d, STAGING_CLOSED);
        // Another one goes on behind it.
        open_log_at(&d, 7, 3);
        append_one(&d, 1, 32);
        close_log(&d);
        struct image m = { 0 };
        read_segments(&d, &m);
        assert_int_equal(m.last_round, 7);
        assert_int_equal(m.segments, 2);
        assert_int_equal(m.tail, 0);
        image_free(&m);
        field_free(&d);
    }
}

// Everysec, by a fake clock: a sync when the oldest write has waited for about a second, and none after that.
static void test_everysec(void **state) {
    (void)state;
    struct field d;
    field_open(&d, LOG_EVERYSEC);
    d.f.clock_us = 1000000;
    long before = d.f.counts[OP_SYNC];
    append_one(&d, 0, 10);
    assert_true(log_step(d.l));
    d.f.clock_us += 500000;
    append_one(&d, 0, 10);
    assert_true(log_step(d.l));
    assert_int_equal(d.f.counts[OP_SYNC], before);
    d.f.clock_us += 500000;
    assert_true(log_step(d.l));
    assert_int_equal(d.f.counts[OP_SYNC], before + 1);
    d.f.clock_us += 5000000;
    assert_false(log_step(d.l));
    append_one(&d, 0, 10);
    assert_true(log_step(d.l));
    assert_int_equal(d.f.counts[OP_SYNC], before + 1);
    log_set_sync(d.l, LOG_ALWAYS); // what is not synced is, at once
    assert_true(log_step(d.l));
    assert_int_equal(d.f.counts[OP_SYNC], before + 2);
    log_set_sync(d.l, LOG_OS);
    for (int i = 0; i < 50; i++) {
        append_one(&d, 0, 20000); // over several segments
        assert_true(log_step(d.l));
        d.f.clock_us += 2000000;
    }
    struct log_stats s;
    log_stats(d.l, &s);
    assert_int_equal(s.syncs, 2);
    assert_true(s.segments > 3);
    assert_int_equal(log_flush(d.l), 0);
    log_stats(d.l, &s);
    assert_int_equal(s.syncs, 3);
    assert_true(d.f.counts[OP_SYNC] >= before + 2 + 2 * (long)(s.segments - 1)); // each of them, and its header
    long after = d.f.counts[OP_SYNC];
    assert_int_equal(log_flush(d.l), 0);
    assert_int_equal(d.f.counts[OP_SYNC], after);
    field_free(&d);
}

// Any sizes, any number of parts, rounds now and then: wrap-around, laps left early, calls too large for the ring.
static void random_work(bool no_map, uint64_t seed) {
    struct field d;
    field_init(&d, LOG_OS);
    d.f.no_map = no_map;
    open_log_at(&d, 1, 0);
    random_seed(&d.random, seed);
    size_t max = seed % 3 == 0 ? 200 : seed % 3 == 1 ? 9000 : 70000;
    uint32_t rounds_in = seed % 2 ? 3 : 40;
    for (int i = 0; i < 240; i++) {
        struct one effects[6];
        uint32_t count = 1 + (uint32_t)random_below(&d.random, 6);
        if (random_below(&d.random, 2)) count = 1;
        bool may = true;
        for (uint32_t j = 0; j < count; j++) {
            effects[j] = (struct one){ (uint32_t)random_below(&d.random, STRIPES), (size_t)random_below(&d.random, max) };
            may = may && log_may_write(d.l, effects[j].stripe);
        }
        if (!may || !append(&d, effects, count)) {
            assert_true(log_step(d.l));
            continue;
        }
        if (i % 80 == 0) check_all(&d, STAGING_IN_USE);
        if (random_below(&d.random, rounds_in) == 0) assert_true(log_step(d.l));
        if (i % 80 == 25) check_all(&d, STAGING_IN_USE);
    }
    check_all(&d, STAGING_IN_USE);
    close_log(&d);
    check_all(&d, STAGING_CLOSED);
    field_free(&d);
}
static void test_random(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) random_work(seed % 5 == 3, seed);
}

// One stripe that is always emptied before the next append: its ring's first pages are used again and again.
static void test_early_laps(void **state) {
    (void)state;
    struct field d;
    field_open(&d, LOG_OS);
    for (int i = 0; i < 3000; i++) {
        append_one(&d, 2, 40 + (size_t)i % 300);
        if (i % 3 == 0) assert_true(log_step(d.l));
        if (i % 100 == 0) check_all(&d, STAGING_IN_USE);
    }
    size_t n, highest = 0;
    char *p = slurp(d.dir, "staging", &n);
    const char *ring = p + STAGING_PAGE + 2 * (STAGING_STRIPE_HEADER + RING) + STAGING_STRIPE_HEADER;
    for (size_t i = 0; i < RING; i++) highest = ring[i] ? i : highest;
    assert_true(highest < RING / 3);
    mem_free(p);
    field_free(&d);
}

// A round that comes to its end while an append of the next epoch is under way, at any of the points at which that one can be interrupted.
static struct {
    struct field *d;
    pthread_t appender;
    int point, points;         // at which the round goes on; that there were so far
    _Atomic int state;         // 0: the epoch has not advanced; 1: it has; 2: the append is at the point, or over; 3: so is the round
} meeting;

static void meet(void) {
    if (!pthread_equal(pthread_self(), meeting.appender)) { // the round, right after it has begun
        if (meeting.state == 0) meeting.state = 1;
        while (meeting.state < 2) sched_yield();
    } else if (meeting.points++ == meeting.point) {
        meeting.state = 2;
        while (meeting.state < 3) sched_yield();
    }
}

static void *step(void *arg) {
    log_step(((struct field *)arg)->l);
    meeting.state = 3;
    return NULL;
}

// `full`: the lap is left because it is full, and most of it was not taken; else because all of it was. Returns whether there was such a point.
static bool append_within_round(int point, bool full) {
    struct field d;
    field_open(&d, LOG_OS);
    if (full) {
        append_one(&d, 2, 12000);
        log_step(d.l); // or there would be no room behind the end
        for (int i = 0; i < 7; i++) append_one(&d, 2, 7400);
    } else {
        for (int i = 0; i < 20; i++) append_one(&d, 2, 1000);
        log_step(d.l);
    }
    append_one(&d, 1, 10); // so that there is a round
    memset(&meeting, 0, sizeof meeting);
    meeting.d = &d;
    meeting.appender = pthread_self();
    meeting.point = point;
    pthread_t other;
    atomic_store(&log_point_hook, meet);
    pthread_create(&other, NULL, step, &d);
    while (meeting.state == 0) sched_yield();
    append_one(&d, 2, 3000);
    bool met = meeting.state == 3;
    if (!met) meeting.state = 2;
    pthread_join(other, NULL);
    atomic_store(&log_point_hook, (void (*)(void))0);
    append_one(&d, 2, 100);
    log_step(d.l);
    close_log(&d);
    check_all(&d, STAGING_CLOSED);
    field_free(&d);
    return met;
}

static void test_round_within_append(void **state) {
    (void)state;
    enum { EPOCH_IS_KNOWN = 2 }; // before that point the round waits for the append
    for (int full = 0; full < 2; full++) {
        int point = EPOCH_IS_KNOWN;
        while (append_within_round(point, full)) point++;
        assert_true(point > EPOCH_IS_KNOWN + 3);
    }
}

// A process that is killed: at any moment at which something was stored into the file, all appends before are in it, or in the log.
static struct {
    struct field *d;
    long count, every;
} killing;

static void on_stored(void *arg, const void *at, size_t n) {
    (void)arg;
    struct field *d = killing.d;
    assert_true(at && n > 0);
    if (!d->l || killing.count++ % killing.every) return;
    struct image m = { 0 };
    uint32_t state;
    read_segments(d, &m);
    read_staging(d, &m, &state);
    for (int i = 0; i < STRIPES; i++) {
        struct kept *kept = &m.kept[i], *appended = &d->appended[i];
        assert_true(kept->count == appended->count || kept->count == appended->count + 1);
        if (appended->bodies.n) assert_memory_equal(kept->bodies.p, appended->bodies.p, appended->bodies.n);
    }
    image_free(&m);
}

static void test_killed(void **state) {
    (void)state;
    for (int rounds_in = 1; rounds_in < 40; rounds_in += 12) {
        struct field d;
        field_init(&d, LOG_EVERYSEC);
        d.f.os.stored = on_stored;
        killing.d = &d;
        killing.every = 29;
        open_log_at(&d, 1, 0);
        for (int i = 0; i < 1500; i++) {
            uint32_t stripe = (uint32_t)random_below(&d.random, 2);
            struct one effects[3] = { { stripe, random_below(&d.random, 400) }, { stripe, 3 }, { 3, random_below(&d.random, 100) } };
            assert_true(append(&d, effects, random_below(&d.random, 3) ? 1 : 3));
            if (i % rounds_in == 0) assert_true(log_step(d.l));
        }
        assert_true(killing.count > 1500);
        killing.count = 0;
        d.f.os.stored = NULL;
        field_free(&d);
    }
}

static void test_apart(void **state) {
    (void)state;
    for (int no_map = 0; no_map < 2; no_map++) {
        struct field d;
        field_init(&d, LOG_ALWAYS);
        d.f.no_map = no_map;
        open_log_at(&d, 1, 0);
        append_one(&d, 1, 10);
        assert_true(append(&d, (struct one[]){ { 1, 10 }, { 1, 250000 }, { 2, 70000 }, { 1, 3 }, { 0, 3 } }, 5));
        append_one(&d, 1, 20);
        append_one(&d, 1, 100000);
        append_one(&d, 1, 30);
        check_all(&d, STAGING_IN_USE);
        char name[100];
        snprintf(name, sizeof name, "%s/staging-1", d.dir);
        assert_int_equal(access(name, F_OK), 0);
        assert_true(log_step(d.l));
        assert_int_equal(access(name, F_OK), -1);
        check_all(&d, STAGING_IN_USE);
        // Made ready, and not needed: it goes with the next call that fits.
        assert_true(log_reserve(d.l, 0, 150000, 1));
        assert_true(log_reserve(d.l, 0, 290000, 2));
        assert_true(log_reserve(d.l, 0, 100, 1));
        append_one(&d, 0, 10);
        // One that nobody used is removed at the end; so is what an earlier process left.
        assert_true(log_reserve(d.l, 0, 150000, 1));
        close_log(&d);
        check_all(&d, STAGING_CLOSED);
        snprintf(name, sizeof name, "%s/staging-77", d.dir);
        close(open(name, O_CREAT | O_WRONLY, 0600));
        struct log_stats s;
        open_log_at(&d, 9, 3);
        log_stats(d.l, &s);
        assert_int_equal(s.staged_bytes, 0);
        struct dirent **names;
        int count = scandir(d.dir, &names, NULL, by_name);
        assert_int_equal(count, 4); // . .. log staging
        while (count > 0) free(names[--count]);
        free(names);
        // More than there can be
        assert_false(log_reserve(d.l, 0, SIZE_MAX / 4, 1));
        d.f.op = OP_ALLOCATE;
        d.f.nth = 1;
        d.f.forever = true;
        d.f.code = -ENOSPC;
        if (!no_map) assert_false(log_reserve(d.l, 0, 150000, 1));
        d.f.op = OP_OPEN;
        assert_false(log_reserve(d.l, 0, 150000, 1));
        d.f.op = OP_NONE;
        assert_true(log_reserve(d.l, 0, 150000, 1));
        field_free(&d);
    }
}

static void test_segments(void **state) {
    (void)state;
    struct field d;
    field_open(&d, LOG_ALWAYS);
    for (int i = 0; i < 90; i++) {
        append_one(&d, (uint32_t)i % STRIPES, 10000);
        assert_true(log_step(d.l));
    }
    check_all(&d, STAGING_IN_USE);
    struct log_stats s;
    log_stats(d.l, &s);
    assert_int_equal(s.segments, 5);
    uint64_t first;
    append_one(&d, 0, 1);
    assert_int_equal(log_rotate(d.l, &first), 0);
    assert_int_equal(first, s.epoch + 1);
    log_stats(d.l, &s);
    assert_int_equal(s.segments, 6);
    assert_int_equal(s.segment_bytes, SEGMENT_HEADER);
    append_one(&d, 0, 1);
    assert_int_equal(log_last_epoch(d.l, 0), first);
    check_all(&d, STAGING_IN_USE);
    log_forget(d.l, 30); // the second begins before that
    log_stats(d.l, &s);
    assert_int_equal(s.segments, 5);
    log_forget(d.l, first);
    log_stats(d.l, &s);
    assert_int_equal(s.segments, 1);
    assert_int_equal(log_flush(d.l), 0);
    struct image m = { 0 };
    read_segments(&d, &m);
    assert_int_equal(m.segments, 1);
    assert_int_equal(m.kept[0].count, 1);
    image_free(&m);
    log_forget(d.l, UINT64_MAX);
    log_stats(d.l, &s);
    assert_int_equal(s.segments, 1);
    // Opened again at the same round, when nothing came: the same file. With something in it: refused.
    close_log(&d);
    open_log_at(&d, 500, first);
    close_log(&d);
    open_log_at(&d, 500, first);
    append_one(&d, 0, 1);
    close_log(&d);
    char error[300];
    assert_int_equal(log_open(&d.config, 500, &d.l, error, sizeof error), KORA_SYSTEM);
    assert_string_equal(error, "log/00000000000001f4.wal: create: File exists");
    d.l = NULL;
    field_free(&d);
}

static void test_pressure(void **state) {
    (void)state;
    struct field d;
    field_open(&d, LOG_EVERYSEC);
    int count = 0;
    for (; log_may_write(d.l, 1); count++) append_one(&d, 1, 1000);
    assert_true(count > 20 && count < 40); // half of the ring
    assert_true(log_may_write(d.l, 0));
    assert_false(log_may_write(d.l, 1));
    struct log_error e;
    assert_false(log_error(d.l, &e));
    // A call that has passed the gate still has room.
    append_one(&d, 1, 28000);
    struct log_stats s;
    log_stats(d.l, &s);
    assert_int_equal(s.stalls, 2);
    assert_int_equal(d.rooms, 0);
    assert_true(log_step(d.l));
    assert_int_equal(d.rooms, 1);
    assert_true(log_may_write(d.l, 1));
    append_one(&d, 1, 1000);
    assert_true(log_step(d.l));
    assert_int_equal(d.rooms, 1);
    check_all(&d, STAGING_IN_USE);
    field_free(&d);
}

// One run of a fixed piece of work with a fault. What was called durable is in the files, whole; the error has its name; nothing is called durable that is not.
static void run_faulty(enum log_sync sync, enum op op, long nth, bool forever, int code, bool *hit) {
    struct field d;
    field_open(&d, sync);
    d.f.op = op;
    d.f.nth = nth;
    d.f.forever = forever;
    d.f.code = code;
    bool refused = false;
    for (int i = 0; i < 30; i++) {
        if (!log_may_write(d.l, 1)) {
            refused = true;
            log_step(d.l);
            continue;
        }
        append_one(&d, 1, (size_t)(i % 5) * 5000);
        if (i == 20) append_one(&d, 2, 70000);
        if (i == 15) {
            uint64_t first;
            log_rotate(d.l, &first);
        }
        uint64_t epoch = log_last_epoch(d.l, 1);
        log_step(d.l);
        struct log_error e;
        assert_true(log_durable(d.l) >= epoch || log_error(d.l, &e));
    }
    *hit = d.f.failed > 0;
    struct log_error e = { 0 };
    bool broken = log_error(d.l, &e);
    if (broken) {
        assert_true(!log_may_write(d.l, 1) && e.code == code);
        assert_non_null(strstr(e.text, strerror(-code)));
        assert_int_equal(d.breaks % 2, 1);
        int flushed = log_flush(d.l);
        assert_true(flushed == code || (code == -ENOSPC && op == OP_WRITE && !forever));
        broken = log_error(d.l, &e);
    }
    bool no_room = code == -ENOSPC, harmless = op == OP_ALLOCATE || op == OP_SHORT || code == -EINTR || op == OP_OPEN || op == OP_REMOVE;
    if (harmless) assert_false(broken);
    if (*hit && (op == OP_SYNC || op == OP_SYNC_DIR)) assert_true(broken);
    if (*hit && op == OP_WRITE && !no_room && !harmless && forever) assert_true(broken); // once: it may have been about the room ahead, which is no matter
    if (no_room && op == OP_WRITE && !forever) assert_false(broken);
    uint64_t durable = log_durable(d.l);
    d.f.op = OP_NONE;
    if (no_room && op == OP_WRITE) { // it goes on by itself
        log_step(d.l);
        assert_false(log_error(d.l, &e));
        assert_true(log_may_write(d.l, 1));
        if (refused) assert_true(d.rooms > 0);
        assert_true(log_durable(d.l) >= durable);
        durable = log_durable(d.l);
        broken = false;
    } else if (broken) { // it does not
        assert_false(log_step(d.l) && log_durable(d.l) != durable);
        assert_false(log_may_write(d.l, 1));
    }
    close_log(&d);
    if (!broken) check_all(&d, STAGING_CLOSED);
    // Broken: what the log has whole, and what staging has, is everything; and the log alone has what was durable.
    struct image m = { 0 };
    read_segments(&d, &m);
    for (int i = 0; i < STRIPES; i++) {
        size_t expected = 0;
        for (size_t at = 0; at < d.appended[i].bodies.n; at += 20 + get32(d.appended[i].bodies.p + at + 16)) {
            if (get64(d.appended[i].bodies.p + at) <= durable) expected++;
        }
        assert_true(m.kept[i].count >= expected && m.kept[i].bodies.n <= d.appended[i].bodies.n);
        if (m.kept[i].bodies.n) assert_memory_equal(m.kept[i].bodies.p, d.appended[i].bodies.p, m.kept[i].bodies.n);
    }
    image_free(&m);
    if (broken) check_all(&d, STAGING_IN_USE);
    field_free(&d);
}

static void test_faults(void **state) {
    (void)state;
    static const struct {
        enum op op;
        int code;
    } faults[] = { { OP_WRITE, -EIO }, { OP_WRITE, -ENOSPC }, { OP_WRITE, -EINTR }, { OP_SHORT, 0 }, { OP_SYNC, -EIO }, { OP_SYNC, -ENOSPC },
        { OP_SYNC_DIR, -EIO }, { OP_ALLOCATE, -ENOSPC }, { OP_ALLOCATE, -EOPNOTSUPP }, { OP_OPEN, -EMFILE }, { OP_REMOVE, -EACCES } };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        for (int forever = 0; forever < 2; forever++) {
            if (forever && (faults[i].code == -EINTR || faults[i].op == OP_OPEN || faults[i].op == OP_ALLOCATE)) continue;
            for (int sync = LOG_ALWAYS; sync <= LOG_EVERYSEC; sync++) {
                bool hit = true;
                long runs = 0;
                for (long nth = 1; hit && nth < 200; nth += nth < 10 ? 1 : 1 + nth / 4) {
                    run_faulty((enum log_sync)sync, faults[i].op, nth, forever, faults[i].code, &hit);
                    runs += hit;
                }
                assert_true(runs > 0);
            }
        }
    }
}

// log_open fails at any call: says so, and leaves nothing behind that the next one minds.
static void test_open_fails(void **state) {
    (void)state;
    struct field d;
    char error[300];
    for (enum op op = OP_WRITE; op < OPS; op++) {
        if (op == OP_SHORT || op == OP_REMOVE) continue;
        for (long nth = 1; nth < 20; nth++) {
            field_init(&d, LOG_ALWAYS);
            d.f.op = op;
            d.f.nth = nth;
            d.f.forever = true;
            d.f.code = -EIO;
            int status = log_open(&d.config, 1, &d.l, error, sizeof error);
            if (status != KORA_OK) {
                d.l = NULL;
                assert_int_equal(status, KORA_SYSTEM);
                assert_non_null(strstr(error, "Input/output error"));
                d.f.op = OP_NONE;
                open_log_at(&d, 1, 0);
                nth = nth < 19 ? nth : 18;
            } else {
                nth = 100;
            }
            d.f.op = OP_NONE;
            append_one(&d, 1, 10);
            close_log(&d);
            check_all(&d, STAGING_CLOSED);
            field_free(&d);
        }
    }
    for (long nth = 1;; nth++) {
        field_init(&d, LOG_ALWAYS);
        mem_fail(nth, false);
        int status = log_open(&d.config, 1, &d.l, error, sizeof error);
        bool failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        if (status != KORA_OK) {
            d.l = NULL;
            assert_int_equal(status, KORA_NOMEM);
        }
        field_free(&d);
        if (!failed) break;
    }
    field_open(&d, LOG_ALWAYS);
    for (long nth = 1;; nth++) { // and where memory is needed later: that is before the change
        mem_fail(nth, false);
        bool reserved = log_reserve(d.l, 0, 100000, 1), failed = mem_fail_left() <= 0;
        mem_fail(0, false);
        assert_true(reserved || failed);
        if (!failed) break;
    }
    append_one(&d, 0, 90000);
    for (long nth = 1; nth < 10; nth++) {
        append_one(&d, 0, 90000);
        append_one(&d, 1, 10);
        mem_fail(nth, true);
        log_step(d.l);
        mem_fail(0, false);
        log_step(d.l);
        struct log_error e;
        assert_false(log_error(d.l, &e));
    }
    check_all(&d, STAGING_IN_USE);
    field_free(&d);
}

// ---- threads ----------------------------------------------------------------------------------------------------------------------------

enum { THREADS = 4, CALLS = 3000, STUCK_S = 20 };

struct crowd {
    struct field d;
    pthread_mutex_t leases[STRIPES];
    pthread_mutex_t durable_lock;
    pthread_cond_t durable_changed;
    uint64_t durable;
    _Atomic uint64_t order;      // of the real world: counted when an append begins, and when it has ended, under its leases
    uint64_t rooms;
    _Atomic uint64_t refused;
    int calls;                   // of each thread
    bool large;                  // all about one stripe, and so large that it is often full
    // By the number at which a call began
    uint64_t ended[2 * THREADS * CALLS], round[2 * THREADS * CALLS];
    uint32_t parts[2 * THREADS * CALLS];
    uint32_t missing;            // parts that have not been seen of calls that have
};
struct runner {
    pthread_t thread;
    struct crowd *c;
    uint64_t seed;
};

static void crowd_durable(void *arg, uint64_t epoch) {
    struct crowd *c = arg;
    pthread_mutex_lock(&c->durable_lock);
    c->durable = epoch;
    pthread_cond_broadcast(&c->durable_changed);
    pthread_mutex_unlock(&c->durable_lock);
}
static void crowd_room(void *arg) {
    struct crowd *c = arg;
    pthread_mutex_lock(&c->durable_lock);
    c->rooms++;
    pthread_cond_broadcast(&c->durable_changed);
    pthread_mutex_unlock(&c->durable_lock);
}

// Until *word is `at_least`; a wake-up that never comes is told after a time that nothing here takes.
static void wait_changed(struct crowd *c, const uint64_t *word, uint64_t at_least) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += getenv("KORA_TEST_STUCK_S") ? atoi(getenv("KORA_TEST_STUCK_S")) : STUCK_S;
    pthread_mutex_lock(&c->durable_lock);
    while (*word < at_least) {
        if (pthread_cond_timedwait(&c->durable_changed, &c->durable_lock, &limit) != ETIMEDOUT) continue;
        fprintf(stderr, "somebody waits for ever\n");
        _exit(1);
    }
    pthread_mutex_unlock(&c->durable_lock);
}

// One call about the stripes of `set`. False: it was refused.
static bool run_call(struct crowd *c, struct random *random, uint32_t set, size_t size, uint64_t *epoch) {
    static const char filler[40000];
    struct log *l = c->d.l;
    bool may = true;
    for (uint32_t s = 0; s < STRIPES; s++) {
        if (!(set >> s & 1)) continue;
        pthread_mutex_lock(&c->leases[s]);
        may = may && log_may_write(l, s);
    }
    if (may) {
        struct log_append a;
        uint64_t number = atomic_fetch_add_explicit(&c->order, 1, memory_order_relaxed);
        uint32_t parts = (uint32_t)__builtin_popcount(set), first = (uint32_t)__builtin_ctz(set);
        if (random_below(random, 2)) first = 31 - (uint32_t)__builtin_clz(set);
        for (uint32_t s = 0; s < STRIPES; s++) {
            if (set >> s & 1) assert_true(log_reserve(l, s, 8 + size + 10, 1));
        }
        log_begin(&a, l, first, parts);
        for (uint32_t s = 0; s < STRIPES; s++) {
            if (!(set >> s & 1)) continue;
            struct slice argv[2] = { slice_of(&number, 8), { filler, size } };
            log_add(&a, &(struct effect){ s, 0, 2, argv });
        }
        log_end(&a);
        c->ended[number] = atomic_fetch_add_explicit(&c->order, 1, memory_order_relaxed);
        *epoch = a.epoch;
    }
    for (uint32_t s = 0; s < STRIPES; s++) {
        if (set >> s & 1) pthread_mutex_unlock(&c->leases[s]);
    }
    return may;
}

static void *run_calls(void *arg) {
    struct runner *r = arg;
    struct crowd *c = r->c;
    struct random random;
    random_seed(&random, r->seed);
    for (int i = 0; i < c->calls;) {
        uint32_t set = random_below(&random, 3) ? 1u << random_below(&random, STRIPES) : 1 + (uint32_t)random_below(&random, (1 << STRIPES) - 1);
        size_t size = random_below(&random, 50) ? random_below(&random, 60) : random_below(&random, 3000);
        if (random_below(&random, 500) == 0) size = 40000;
        if (c->large) {
            set = 1;
            size = 9000;
        }
        pthread_mutex_lock(&c->durable_lock);
        uint64_t rooms = c->rooms, epoch = 0;
        pthread_mutex_unlock(&c->durable_lock);
        if (!run_call(c, &random, set, size, &epoch)) {
            wait_changed(c, &c->rooms, rooms + 1);
            c->refused++;
            continue;
        }
        if (!c->large && random_below(&random, 8) == 0) wait_changed(c, &c->durable, epoch);
        i++;
    }
    return NULL;
}

static void see(void *arg, uint64_t round, uint32_t stripe, const char *record, size_t n) {
    (void)stripe;
    struct crowd *c = arg;
    const char *body = record + RECORD_HEADER;
    assert_true(n > RECORD_HEADER + 11 && body[0] == 0 && body[1] == 2 && body[2] == 8);
    uint64_t began = get64(body + 3);
    assert_true(began < 2 * THREADS * CALLS && c->ended[began] > began);
    assert_true(c->parts[began] == 0 || c->round[began] == round); // all parts of a call in one block
    c->round[began] = round;
    c->parts[began]++;
    assert_true(c->parts[began] <= get32(record + 28));
    c->missing += c->parts[began] == 1 ? get32(record + 28) - 1 : UINT32_MAX;
}

// Every block is a cut: what ended before anything in it began is in it, or in one before.
static void check_cuts(struct crowd *c) {
    uint64_t highest = 0; // round of what began before, and ended before `at`
    uint64_t *rounds = mem_alloc_zero(2 * THREADS * CALLS * sizeof *rounds), calls = 0; // by end
    for (uint64_t at = 0; at < 2 * THREADS * CALLS; at++) {
        highest = MAX(highest, rounds[at]);
        if (c->ended[at] == 0) continue;
        calls++;
        assert_true(c->round[at] >= highest && c->round[at] > 0);
        rounds[c->ended[at]] = c->round[at];
    }
    assert_int_equal(calls, c->order / 2);
    mem_free(rounds);
}

static void crowd_init(struct crowd *c, enum log_sync sync, bool no_map, int calls, bool large) {
    memset(c, 0, sizeof *c);
    c->calls = calls;
    c->large = large;
    field_init_at(&c->d, sync, calls == CALLS);
    c->d.f.no_map = no_map;
    c->d.f.really = !large && sync == LOG_ALWAYS && calls == CALLS;
    c->d.config.stepped = false;
    c->d.config.durable = crowd_durable;
    c->d.config.room = crowd_room;
    c->d.config.arg = c;
    c->d.config.say = NULL;
    c->d.config.broken = NULL;
    for (int i = 0; i < STRIPES; i++) pthread_mutex_init(&c->leases[i], NULL);
    pthread_mutex_init(&c->durable_lock, NULL);
    pthread_cond_init(&c->durable_changed, NULL);
}

static void run_crowd(enum log_sync sync, bool no_map, uint32_t threads, int calls, bool large) {
    static struct crowd crowd;
    struct crowd *c = &crowd;
    crowd_init(c, sync, no_map, calls, large);
    open_log_at(&c->d, 1, 0);
    struct runner runners[THREADS];
    for (uint64_t i = 0; i < threads; i++) {
        runners[i] = (struct runner){ .c = c, .seed = i };
        pthread_create(&runners[i].thread, NULL, run_calls, &runners[i]);
    }
    uint64_t last = 0;
    for (int i = 0; i < 20 && threads > 1; i++) { // beside them
        uint64_t first = 0;
        struct log_stats s;
        assert_int_equal(i % 2 ? log_rotate(c->d.l, &first) : log_flush(c->d.l), 0);
        assert_true(!(i % 2) || first > last);
        last = MAX(first, last);
        log_stats(c->d.l, &s);
        sched_yield();
    }
    for (uint32_t i = 0; i < threads; i++) pthread_join(runners[i].thread, NULL);
    struct log_stats s;
    log_stats(c->d.l, &s);
    close_log(&c->d);
    struct image m = { .on_record = see, .arg = c };
    read_segments(&c->d, &m);
    assert_int_equal(c->missing, 0);
    assert_int_equal(c->order, 2 * (uint64_t)calls * threads);
    check_cuts(c);
    assert_true(m.blocks > 1 && m.tail == 0 && (!large || c->refused > 0));
    assert_int_equal(m.kept[0].count + m.kept[1].count + m.kept[2].count + m.kept[3].count, s.records);
    image_free(&m);
    field_free(&c->d);
}
static void test_threads(void **state) {
    (void)state;
    for (int delays = 0; delays < 2; delays++) {
        atomic_store(&log_delay_per_mille, delays ? 30 : 0);
        run_crowd(LOG_ALWAYS, false, THREADS, delays ? CALLS / 4 : CALLS, false);
        run_crowd(LOG_EVERYSEC, false, THREADS, delays ? CALLS / 4 : CALLS, false);
        run_crowd(LOG_OS, true, THREADS, CALLS / 4, false);
        run_crowd(LOG_ALWAYS, false, 1, CALLS / 4, false);
        run_crowd(LOG_ALWAYS, false, 1, CALLS / 2, true); // which is refused, and told when there is room
        run_crowd(LOG_EVERYSEC, false, 2, CALLS / 4, true);
    }
    atomic_store(&log_delay_per_mille, 0);
}

// A log with a thread that has nothing to do does nothing; a single append is made durable without anybody asking.
static void test_idle(void **state) {
    (void)state;
    for (int sync = LOG_ALWAYS; sync <= LOG_OS; sync++) {
        struct field d;
        field_init(&d, (enum log_sync)sync);
        d.config.stepped = false;
        d.config.durable = NULL;
        open_log_at(&d, 1, 0);
        for (int i = 0; i < 20; i++) {
            append_one(&d, 1, 10);
            uint64_t epoch = log_last_epoch(d.l, 1);
            while (log_durable(d.l) < epoch) sched_yield();
        }
        usleep(20000); // for it to fall asleep: if it takes longer, the test has less to see
        log_flush(d.l);
        struct log_stats before, after;
        log_stats(d.l, &before);
        usleep(20000);
        log_stats(d.l, &after);
        assert_int_equal(before.epoch, after.epoch);
        field_free(&d);
    }
}

static void append_durably(struct field *d) {
    append_one(d, 1, 10);
    uint64_t epoch = log_last_epoch(d->l, 1);
    while (log_durable(d->l) < epoch) sched_yield();
}

// While a sync takes its time, `everysec` goes on with its rounds; and what it says in the end counts.
static void test_syncer(void **state) {
    (void)state;
    for (int fails_then = 0; fails_then < 2; fails_then++) {
        struct field d;
        field_init(&d, LOG_EVERYSEC);
        d.config.stepped = false;
        d.config.durable = NULL;
        d.f.clock_us = 1;
        open_log_at(&d, 1, 0);
        append_durably(&d);
        d.f.hold = 1;
        d.f.clock_us += 2000000;
        while (d.f.hold != 2) append_durably(&d); // a round, in which it is seen that a sync is due
        for (int i = 0; i < 20; i++) append_durably(&d);
        struct log_stats s;
        log_stats(d.l, &s);
        assert_int_equal(s.syncs, 0);
        struct log_error e;
        if (fails_then) {
            d.f.op = OP_SYNC;
            d.f.nth = 1;
            d.f.code = -EIO;
        }
        d.f.hold = 0;
        if (fails_then) {
            while (!log_error(d.l, &e)) sched_yield();
            assert_int_equal(e.code, -EIO);
            assert_string_equal(e.text, "log/0000000000000001.wal: fdatasync: Input/output error");
            assert_int_equal(log_flush(d.l), -EIO);
            assert_false(log_may_write(d.l, 0));
        } else {
            assert_int_equal(log_flush(d.l), 0);
            log_stats(d.l, &s);
            assert_int_equal(s.syncs, 2); // that one, and one of what has come meanwhile
        }
        close_log(&d);
        check_all(&d, fails_then ? STAGING_IN_USE : STAGING_CLOSED);
        field_free(&d);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_everysec),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_early_laps),
        cmocka_unit_test(test_round_within_append),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_open_fails),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_syncer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
