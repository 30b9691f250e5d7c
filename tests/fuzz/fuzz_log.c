// Recovery of a log from any bytes. What must hold:
//   - nothing is read outside of what is in memory, nothing leaks, and no file stays open
//   - what is refused is as it was, byte by byte; the check says so, too, and changes nothing whatever it finds
//   - what is accepted is accepted once more with the same effects, and without anything to be cut, and without staging
//   - with repair everything is accepted that is not of another version or database
// Input: flags (1: checksums and ids are made right here, 2: repair, 4: staging is of another start of the system); two lengths of 16 bits; two segments; for two
// stripes of staging (the header is made here) half of the rest each: 16 bits of `taken`, and the ring.
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/mem.h"
#include "kora.h"
#include "sim/disk.h"
#include "store/bytes.h"
#include "store/recover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_log: %s (line %d)\n", what, line);
    abort();
}

enum { MENDED = 1, REPAIR = 2, OTHER_BOOT = 4, STRIPES = 2, RING = 1024 };
static const uint8_t id[STORE_ID_BYTES] = "0123456789abcde";

static uint64_t get(const char *p, size_t n) {
    uint64_t x = 0;
    while (n-- > 0) x = x << 8 | (uint8_t)p[n];
    return x;
}

// ---- checksums ---------------------------------------------------------------------------------------------------------------------

static size_t mend_record(char *p, size_t left) {
    if (left < RECORD_HEADER) return 0;
    uint64_t n = get(p, 4);
    size_t length = n == RECORD_SKIP ? RECORD_HEADER : n == RECORD_APART ? RECORD_HEADER + APART_BODY : (size_t)n;
    if (length < RECORD_HEADER || ALIGN_UP(length, RECORD_ALIGN) > left) return 0;
    bytes_put32(p + 4, crc32c(0, p + 8, length - 8));
    return ALIGN_UP(length, RECORD_ALIGN);
}

static void mend_block(char *p, size_t n) {
    uint64_t parts = get(p + 40, 4), at = BLOCK_HEADER + parts * BLOCK_PART;
    for (uint64_t i = 0; i < parts && at <= n; i++) {
        uint64_t bytes = get(p + BLOCK_HEADER + i * BLOCK_PART + 8, 8);
        if (bytes > n - at) break;
        for (uint64_t end = at + bytes; at < end;) {
            size_t record = mend_record(p + at, (size_t)(end - at));
            at = record ? at + record : end;
        }
    }
    bytes_put32(p + 4, crc32c(0, p + 8, n - 8));
}

static void mend_segment(char *p, size_t n) {
    if (n < SEGMENT_HEADER) return;
    memcpy(p, SEGMENT_MAGIC, 8);
    memcpy(p + 32, id, sizeof id);
    bytes_put32(p + 60, crc32c(0, p, 60));
    for (size_t at = SEGMENT_HEADER; n - at >= BLOCK_HEADER;) {
        uint64_t bytes = get(p + at + 32, 8);
        if (bytes < BLOCK_HEADER || bytes > n - at) break;
        mend_block(p + at, (size_t)bytes);
        at += bytes;
    }
}

// ---- the files ------------------------------------------------------------------------------------------------------------------------

static void put(struct disk *d, const char *path, const void *p, size_t n) {
    const struct os *os = disk_os(d);
    int fd = os->open(os->arg, path, OS_WRITE | OS_CREATE | OS_TRUNCATE);
    CHECK(fd >= 0 && os_write_all(os, fd, p, n, 0) == 0 && os->close(os->arg, fd) == 0);
}

static void put_segment(struct disk *d, const uint8_t *data, size_t n, bool mended, uint64_t first) {
    char path[64];
    if (n == 0) return;
    char *p = mem_alloc(n);
    CHECK(p);
    memcpy(p, data, n);
    if (mended) mend_segment(p, n);
    if (n >= SEGMENT_HEADER && first > 1 && get(p + 16, 8) > 1) first = get(p + 16, 8);
    snprintf(path, sizeof path, "db/log/%016llx.wal", (unsigned long long)first);
    put(d, path, p, n);
    mem_free(p);
}

static void put_staging(struct disk *d, const uint8_t *data, size_t n, unsigned flags) {
    if (n == 0) return;
    size_t size = STAGING_PAGE + STRIPES * (STAGING_STRIPE_HEADER + RING);
    char *p = mem_alloc_zero(size);
    CHECK(p);
    memcpy(p, STAGING_MAGIC, 8);
    bytes_put32(p + 8, STORE_VERSION);
    bytes_put32(p + 12, STRIPES);
    bytes_put64(p + 16, RING);
    CHECK(disk_os(d)->boot_id(disk_os(d)->arg, p + 32) == 0);
    if (flags & OTHER_BOOT) p[32] ^= 1;
    memcpy(p + 72, id, sizeof id);
    bytes_put32(p + 88, crc32c(0, p, 88));
    bytes_put32(p + STAGING_STATE_AT, STAGING_IN_USE);
    bytes_put64(p + STAGING_ROUND_AT, round_word(0));
    bytes_put64(p + STAGING_SYNCED_AT, round_word(0));
    for (size_t i = 0; i < STRIPES; i++, data += n / STRIPES) {
        char *ring = p + STAGING_PAGE + i * (STAGING_STRIPE_HEADER + RING) + STAGING_STRIPE_HEADER;
        if (n / STRIPES < 2) continue;
        uint64_t taken = get((const char *)data, 2);
        bytes_put64(ring - STAGING_STRIPE_HEADER, taken);
        memcpy(ring, data + 2, MIN(n / STRIPES - 2, (size_t)RING));
        for (size_t at = taken % RING & ~(size_t)7, step = 1; (flags & MENDED) && step && at < RING; at += step) step = mend_record(ring + at, RING - at);
    }
    put(d, "db/staging", p, size);
    mem_free(p);
}

// ---- recovering --------------------------------------------------------------------------------------------------------------------------

static int hash_effect(void *arg, const struct recovered_effect *e) {
    uint64_t *hash = arg;
    struct hash_key key = { *hash, e->stripe };
    CHECK(e->stripe < e->stripes && e->argc > 0);
    *hash = hash_sip(&key, &e->db, sizeof e->db);
    for (int i = 0; i < e->argc; i++) {
        key.k0 = *hash;
        *hash = hash_sip(&key, e->argv[i].p, e->argv[i].n);
    }
    return KORA_OK;
}

static int run(struct disk *d, bool repair, struct recovered *out, uint64_t *hash, char error[300]) {
    struct store s;
    *hash = 1;
    CHECK(store_open(disk_os(d), "db", NULL, &s, error, 300) == KORA_OK);
    struct recover_config c = { .store = &s, .from_round = s.manifest.first_round, .repair = repair, .apply = hash_effect, .arg = hash };
    int status = log_recover(&c, out, error, 300);
    store_close(&s);
    CHECK(disk_open_files(d) == 0);
    return status;
}

static struct disk *fresh(void) {
    struct disk *d = disk_new(1);
    struct store s;
    char error[300];
    CHECK(d && store_open(disk_os(d), "db", NULL, &s, error, sizeof error) == KORA_OK);
    struct manifest m = { .stripes = STRIPES, .databases = 16, .first_round = 1 };
    memcpy(m.id, id, sizeof id);
    CHECK(store_commit(&s, &m, error, sizeof error) == KORA_OK);
    store_close(&s);
    CHECK(disk_os(d)->make_dir(disk_os(d)->arg, "db/log") == 0);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5) return 0;
    struct disk *d = fresh();
    unsigned flags = data[0];
    size_t n[2] = { data[1] | (size_t)data[2] << 8, data[3] | (size_t)data[4] << 8 };
    data += 5;
    size -= 5;
    for (size_t i = 0; i < 2; i++) {
        n[i] = MIN(n[i], size);
        put_segment(d, data, n[i], flags & MENDED, i ? 9 : 1);
        data += n[i];
        size -= n[i];
    }
    put_staging(d, data, size, flags);

    struct checked checked;
    struct recovered first, again;
    char error[300];
    uint64_t hash = 1, applied, applied_again, before = disk_hash(d);
    struct store looked;
    int check = store_look(disk_os(d), "db", NULL, &looked, error, sizeof error);
    if (check == KORA_OK) {
        check = store_check(&(struct check_config){ .store = &looked, .visit = hash_effect, .arg = &hash }, &checked, error, sizeof error);
        store_close(&looked);
    }
    CHECK(disk_hash(d) == before && disk_open_files(d) == 0);
    CHECK(check == KORA_OK || (error[0] && (check == KORA_CORRUPT || check == KORA_UNSUPPORTED)));
    int status = run(d, flags & REPAIR, &first, &applied, error);
    CHECK(status == KORA_OK || (error[0] && (status == KORA_CORRUPT || status == KORA_UNSUPPORTED)));
    CHECK(check != KORA_OK || (status == KORA_OK && applied == hash));
    if (status == KORA_OK) {
        CHECK(run(d, false, &again, &applied_again, error) == KORA_OK);
        CHECK(applied_again == applied && again.cut_bytes == 0 && again.staged_records == 0);
        CHECK(again.last_round == first.last_round && again.next_round == first.next_round && first.next_round > first.last_round);
        CHECK(again.records == first.records);
    } else {
        CHECK(disk_hash(d) == before);
    }
    disk_free(d);
    return 0;
}
