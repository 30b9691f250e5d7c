// What korad does with files, besides keeping its own: --import, --export, --check.
#include <string.h>

#include "korad.h"

static void import_goes_on(void *arg, uint64_t done, uint64_t total) {
    enum { TELL_EVERY_S = 5 };
    struct server *s = arg;
    time_t now = time(NULL);
    if (s->told && now - s->told < TELL_EVERY_S) return;
    if (s->told) say(s, KORA_LOG_NOTICE, "importing %s: %.0f %%", s->import, 100.0 * (double)done / (double)(total ? total : 1));
    s->told = now;
}

void import(struct server *s) {
    kora_import_options options = { sizeof options, import_goes_on, s };
    kora_import_result r = KORA_IMPORT_RESULT_INIT;
    char error[512] = "";
    int status = kora_import(s->db, s->import, &options, &r, error, sizeof error);
    unsigned long long taken = r.keys, expired = r.expired, empty = r.empty, functions = r.functions, values = r.module_values, others = r.module_fields;
    if (status != KORA_OK) wrong(s, 1, "cannot import %s: %s", s->import, *error ? error : kora_status_text(status));
    else say(s, KORA_LOG_NOTICE, "imported %llu keys from %s; %llu had expired", taken, s->import, expired);
    if (r.unchecked) say(s, KORA_LOG_WARNING, "%s has no checksum: damage may have gone unseen", s->import);
    if (empty) say(s, KORA_LOG_WARNING, "%s: passed over %llu empty collections", s->import, empty);
    if (functions || values || others) {
        say(s, KORA_LOG_WARNING, "%s: passed over what is not supported: %llu libraries of functions, %llu keys and %llu other data of modules", s->import,
            functions, values, others);
    }
}

void export(struct server *s) {
    const char *end = strrchr(s->export, '.');
    kora_export_options options = { .size = sizeof options, .flags = end && !strcmp(end, ".lz4") ? KORA_EXPORT_LZ4 : 0 };
    kora_export_result r = KORA_EXPORT_RESULT_INIT;
    char error[512] = "";
    int status = kora_export(s->db, s->export, &options, &r, error, sizeof error);
    unsigned long long written = r.keys, newer = r.newer, bytes = r.bytes;
    if (status != KORA_OK) wrong(s, 1, "cannot export to %s: %s", s->export, *error ? error : kora_status_text(status));
    else say(s, KORA_LOG_NOTICE, "exported %llu keys to %s, %llu bytes", written, s->export, bytes);
    if (newer) say(s, KORA_LOG_WARNING, "%llu hashes have fields that expire: only Redis 7.4 and later load %s", newer, s->export);
}

void check(struct server *s) {
    kora_check_result r = KORA_CHECK_RESULT_INIT;
    char error[512] = "";
    s->options.error = error;
    s->options.error_size = sizeof error;
    s->options.staging_dir = s->text[STAGING_DIR] && *s->text[STAGING_DIR] ? s->text[STAGING_DIR] : NULL;
    int status = kora_check(s->check_dir, &s->options, &r);
    printf("log      %llu files, %llu bytes, %llu rounds, %llu records; %llu of these staged\n", ULL(r.segments), ULL(r.bytes), ULL(r.rounds), ULL(r.records), ULL(r.staged_records));
    if (r.torn_bytes || r.dropped_calls) printf("crash    %llu bytes and %llu calls of it will be dropped\n", ULL(r.torn_bytes), ULL(r.dropped_calls));
    if (status == KORA_OK) {
        printf("keys     %llu, %llu of these expire\n", ULL(r.keys), ULL(r.expiring));
        printf("types    %llu strings, %llu lists, %llu sets, %llu sorted sets, %llu hashes, %llu streams\n", ULL(r.strings), ULL(r.lists), ULL(r.sets), ULL(r.zsets),
            ULL(r.hashes), ULL(r.streams));
        printf("%s is whole%s\n", s->check_dir, r.clean ? "" : "; it has not been closed");
    } else {
        wrong(s, 1, "%s: %s%s%s", s->check_dir, kora_status_text(status), *error ? ": " : "", error);
    }
}
