// RDB files from any bytes. What must hold:
//   - nothing is read outside of the input, which lies in memory of exactly its size and comes in pieces, and no memory is asked for that it can't stand for
//   - an end, or an error that names an offset within the file; in pieces of any size the same
//   - every key that comes out is a name and an object that RESTORE takes, or refuses without a trace
// Input: a byte that chooses the size of pieces, the file.
#include "../unit/bare.h"
#include "../unit/bytes.h"
#include "base/crc64.h"
#include "store/rdb_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __LINE__))
static _Noreturn void check_failed(const char *what, int line) {
    fprintf(stderr, "fuzz_rdb_file: %s (line %d)\n", what, line);
    abort();
}

enum { NOW_MS = 1000, MEMORY_BESIDE = 256 << 10 };

// What has come out, in one number.
static uint64_t fold(uint64_t sum, struct slice s) {
    sum = crc64(sum, &s.n, sizeof s.n);
    return crc64(sum, s.p, s.n);
}

static void try_key(struct bare *d, struct rdb_file_reader *r) {
    struct slice payload = rdb_file_dump(r);
    CHECK(payload.p);
    bool accepted = BARE_RUN(d, SLICE("RESTORE"), r->key.name, SLICE("0"), payload, SLICE("REPLACE"));
    CHECK(accepted || memcmp(d->reply.p, "-ERR Bad data format", 20) == 0);
    bool gone = BARE_RUN(d, SLICE("DEL"), r->key.name);
    CHECK(gone && d->reply.p[1] == (accepted ? '1' : '0'));
    CHECK(stripe_count(&d->c.stripes[0], 0) == 0);
}

static uint64_t read_all(struct bare *d, struct slice file, size_t piece, enum rdb_file_item *end) {
    struct pieces p = { .left = file, .piece = piece };
    struct rdb_file_reader r;
    uint64_t sum = 0, keys = 0;
    rdb_file_open(&r, (struct byte_source){ pieces_read, &p });
    while ((*end = rdb_file_next(&r)) == RDB_FILE_KEY || *end == RDB_FILE_FIELD) {
        CHECK(r.in.cap <= 2 * file.n + MEMORY_BESIDE);
        if (*end == RDB_FILE_FIELD) {
            sum = fold(fold(sum, r.field), r.value);
            continue;
        }
        CHECK(r.key.offset < file.n && r.key.object.n >= 2 && r.keys == ++keys);
        sum = fold(fold(sum, r.key.name), r.key.object);
        if (d) try_key(d, &r);
    }
    CHECK(r.in.cap <= 2 * file.n + MEMORY_BESIDE && r.bytes <= file.n);
    unsigned long long offset = 0;
    if (*end == RDB_FILE_ERROR) CHECK(r.status == KORA_CORRUPT && sscanf(r.error, "offset %llu: ", &offset) == 1 && offset <= file.n);
    else CHECK(r.status == KORA_OK && r.bytes == file.n && !*r.error);
    sum = fold(sum, slice_str(r.error));
    CHECK(rdb_file_next(&r) == *end);
    rdb_file_close(&r);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bare *d;
    enum rdb_file_item end, other;
    if (size < 1) return 0;
    if (!d) d = bare_new(1, NOW_MS, (struct effect_sink){ 0 });
    struct slice file = slice_of(data + 1, size - 1);
    uint64_t sum = read_all(d, file, 0, &end);
    CHECK(read_all(NULL, file, 1u + data[0], &other) == sum && end == other);
    return 0;
}
