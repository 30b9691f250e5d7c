// The table of parameters: defaults, what is accepted and what is refused, all or nothing, running out of memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cmd/host.h"
#include "cmd/settings.h"
#include "kora.h"
#include "stripe/stripe.h"

struct world {
    struct common common;
    struct host host;
    int changes;
};

static void count_change(struct host *h) { ((struct world *)h->engine)->changes++; }

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->common.databases = 16;
    w->common.stripe_count = 64;
    w->host.common = &w->common;
    w->host.engine = w;
    w->host.shards = 3;
    w->host.settings_changed = count_change;
    assert_int_equal(settings_init(&w->common.settings), KORA_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    settings_free(&w->common.settings);
    free(w);
    return 0;
}

static int set(struct world *w, const char *name, const char *value) {
    return settings_set(&w->host, slice_str(name), slice_str(value), NULL, 0);
}

static void expect(struct world *w, const char *name, const char *value) {
    struct buf b = { 0 };
    assert_int_equal(settings_get(&w->host, slice_str(name), &b), KORA_OK);
    buf_append_char(&b, '\0');
    assert_string_equal(b.p, value);
    buf_free(&b);
}

static void defaults(void **state) {
    struct world *w = *state;
    static const char *const pairs[][2] = {
        { "maxclients", "10000" }, { "timeout", "0" }, { "tcp-keepalive", "300" }, { "tcp-backlog", "511" }, { "protected-mode", "yes" },
        { "requirepass", "" }, { "proto-max-bulk-len", "536870912" }, { "client-query-buffer-limit", "1073741824" },
        { "client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60" },
        { "enable-debug-command", "no" }, { "maxmemory-policy", "noeviction" }, { "databases", "16" }, { "shards", "3" }, { "stripes", "64" },
        { "port", "0" }, { "bind", "" }, { "configfile", "" }, { "loglevel", "notice" }, { "save", "" }, { "appendonly", "no" },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) expect(w, pairs[i][0], pairs[i][1]);
    for (int i = 0; i < settings_count(); i++) {
        struct buf b = { 0 }, initial = { 0 };
        settings_format(&w->host, i, &b);
        settings_format_default(i, &initial);
        if (settings_in_file(i)) assert_true(slice_equal(slice_of(b.p, b.n), slice_of(initial.p, initial.n)));
        assert_int_equal(settings_find(slice_str(settings_name(i))), i);
        buf_free(&b);
        buf_free(&initial);
    }
}

static void good_values(void **state) {
    struct world *w = *state;
    static const char *const rows[][3] = {
        { "maxclients", "1", "1" }, { "MaxClients", "4294967295", "4294967295" }, { "timeout", "2147483647", "2147483647" },
        { "protected-mode", "NO", "no" }, { "requirepass", "p w", "p w" }, { "proto-max-bulk-len", "2MB", "2097152" },
        { "enable-debug-command", "local", "local" }, { "maxmemory-policy", "volatile-lfu", "volatile-lfu" },
        { "client-output-buffer-limit", "pubsub 1kb 2 3", "normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 2 3" },
        { "client-output-buffer-limit", "replica 1 1 1  normal 5 6 7", "normal 5 6 7 slave 1 1 1 pubsub 1024 2 3" },
        { "client-output-buffer-limit", "", "normal 5 6 7 slave 1 1 1 pubsub 1024 2 3" },
        { "configfile", "/a/b", "/a/b" }, { "configfile", "", "" }, { "tcp-backlog", "7", "7" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(set(w, rows[i][0], rows[i][1]), KORA_OK);
        expect(w, rows[i][0], rows[i][2]);
        assert_int_equal(w->changes, i + 1);
    }
    assert_int_equal(w->common.settings.access_policy, ACCESS_LFU);
    assert_int_equal(w->common.settings.auth_required, 1);
    assert_int_equal(w->common.settings.output[OUTPUT_NORMAL].soft_s, 7);
    assert_int_equal(set(w, "maxmemory-policy", "allkeys-lru"), KORA_OK);
    assert_int_equal(w->common.settings.access_policy, ACCESS_LRU);
    assert_int_equal(set(w, "requirepass", ""), KORA_OK);
    assert_int_equal(w->common.settings.auth_required, 0);
}

static void bad_values(void **state) {
    struct world *w = *state;
    static const char *const rows[][3] = {
        { "maxclients", "0", "argument must be between 1 and 4294967295 inclusive" },
        { "maxclients", "4294967296", "argument must be between 1 and 4294967295 inclusive" },
        { "maxclients", "-1", "argument must be between 1 and 4294967295 inclusive" },
        { "maxclients", " 1", "argument couldn't be parsed into an integer" },
        { "maxclients", "", "argument couldn't be parsed into an integer" },
        { "maxclients", "10mb", "argument couldn't be parsed into an integer" },
        { "timeout", "99999999999999999999", "argument couldn't be parsed into an integer" },
        { "proto-max-bulk-len", "x", "argument must be a memory value" },
        { "proto-max-bulk-len", "1048575", "argument must be between 1048576 and 9223372036854775807 inclusive" },
        { "protected-mode", "1", "argument must be 'yes' or 'no'" },
        { "enable-debug-command", "maybe", "argument(s) must be one of the following: no, yes, local" },
        { "client-output-buffer-limit", " ", "Wrong number of arguments in buffer limit configuration." },
        { "client-output-buffer-limit", "normal 1 2", "Wrong number of arguments in buffer limit configuration." },
        { "client-output-buffer-limit", "nobody 1 2 3", "Invalid client class specified in buffer limit configuration." },
        { "client-output-buffer-limit", "normal 1 2 -3", "Error in hard, soft or soft_seconds setting in buffer limit configuration." },
        { "client-output-buffer-limit", "pubsub 1 2 3 normal a b c", "Error in hard, soft or soft_seconds setting in buffer limit configuration." },
        { "databases", "3", "can't set immutable config" }, { "port", "3", "can't set immutable config" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char error[SETTINGS_ERROR_MAX] = "";
        assert_int_equal(settings_set(&w->host, slice_str(rows[i][0]), slice_str(rows[i][1]), error, sizeof error), KORA_INVAL);
        assert_string_equal(error, rows[i][2]);
        char shorter[5];
        settings_set(&w->host, slice_str(rows[i][0]), slice_str(rows[i][1]), shorter, sizeof shorter);
        assert_memory_equal(shorter, rows[i][2], 4);
        assert_int_equal(shorter[4], '\0');
    }
    assert_int_equal(set(w, "nothing", "1"), KORA_NOTFOUND);
    assert_int_equal(settings_set(&w->host, SLICE("requirepass"), SLICE("a\0b"), NULL, 0), KORA_INVAL);
    assert_int_equal(w->changes, 0);
    defaults(state);
}

// Parameters that have one value may be set to it, whoever does.
static void constants(void **state) {
    struct world *w = *state;
    assert_int_equal(set(w, "save", ""), KORA_OK);
    assert_int_equal(set(w, "save", "900 1 60 10000"), KORA_OK);
    expect(w, "save", "900 1 60 10000");
    assert_int_equal(set(w, "save", "900"), KORA_INVAL);
    assert_int_equal(set(w, "save", "0 1"), KORA_INVAL);
    assert_int_equal(set(w, "appendonly", "NO"), KORA_OK);
    assert_int_equal(set(w, "appendonly", "yes"), KORA_INVAL);
    assert_int_equal(set(w, "maxmemory-clients", "0gb"), KORA_OK);
    assert_int_equal(set(w, "maxmemory-clients", "1gb"), KORA_INVAL);
    assert_int_equal(set(w, "lazyfree-lazy-user-del", "yes"), KORA_OK);
    expect(w, "maxmemory-clients", "0");
    assert_false(settings_in_file(settings_find(SLICE("maxmemory-clients"))));
    assert_true(settings_in_file(settings_find(SLICE("save"))));
}

static void clients_may_less(void **state) {
    struct world *w = *state;
    static const char *const immutable[] = { "enable-debug-command", "tcp-backlog", "configfile", "logfile", "databases", "replicaof" };
    struct setting_value v;
    char error[SETTINGS_ERROR_MAX];
    for (size_t i = 0; i < ARRAY_LEN(immutable); i++) {
        int setting = settings_find(slice_str(immutable[i]));
        assert_int_equal(settings_check(&w->host, setting, SLICE("1"), SETTINGS_BY_CLIENT, &v, error, sizeof error), KORA_INVAL);
        assert_string_equal(error, "can't set immutable config");
        assert_true(settings_immutable(setting));
    }
    int maxclients = settings_find(SLICE("maxclients"));
    assert_int_equal(settings_check(&w->host, maxclients, SLICE("4294967295"), SETTINGS_BY_CLIENT, &v, error, sizeof error), KORA_INVAL);
    assert_non_null(strstr(error, "The operating system is not able to handle the specified number of clients, try with "));
    // Checked and dropped: nothing has changed.
    assert_int_equal(settings_check(&w->host, settings_find(SLICE("requirepass")), SLICE("x"), SETTINGS_BY_CLIENT, &v, error, sizeof error), KORA_OK);
    settings_drop(&v);
    expect(w, "requirepass", "");
}

static void passwords(void **state) {
    struct world *w = *state;
    struct settings *s = &w->common.settings;
    assert_true(settings_password_is(s, SLICE("anything")));
    assert_int_equal(set(w, "requirepass", "secret"), KORA_OK);
    assert_true(settings_password_is(s, SLICE("secret")));
    static const char *const wrong[] = { "", "s", "secre", "secreT", "secrets", "secretsecret", "xecret" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) assert_false(settings_password_is(s, slice_str(wrong[i])));
    assert_false(settings_password_is(s, SLICE("secret\0")));
}

static void out_of_memory(void **state) {
#ifdef KORA_FAULTS
    struct world *w = *state;
    struct settings s;
    mem_fail(1, false);
    assert_int_equal(settings_init(&s), KORA_NOMEM);
    mem_fail(0, false);
    assert_int_equal(set(w, "requirepass", "old"), KORA_OK);
    mem_fail(1, false);
    assert_int_equal(set(w, "requirepass", "new"), KORA_NOMEM);
    mem_fail(0, false);
    expect(w, "requirepass", "old");
#else
    (void)state;
    skip();
#endif
}

static void error_codes(void **state) {
    struct world *w = *state;
    struct host *h = &w->host;
    host_count_error(h, SLICE("-ERR a\r\n"));
    host_count_error(h, SLICE("ERR b"));
    host_count_error(h, SLICE("-WRONGTYPE x\r\n"));
    host_count_error(h, SLICE("-ALONE\r\n"));
    host_count_error(h, SLICE(""));
    assert_int_equal(h->total_error_replies, 5);
    assert_string_equal(h->error_codes[0].name, "ERR");
    assert_int_equal(h->error_codes[0].count, 2);
    assert_string_equal(h->error_codes[2].name, "ALONE");
    char code[40];
    for (int i = 0; i < 200; i++) { // more codes than there are places
        int n = snprintf(code, sizeof code, "CODE%dTHATISLONGERTHANAPLACE x", i);
        host_count_error(h, slice_of(code, (size_t)n));
    }
    assert_int_equal(h->total_error_replies, 205);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(good_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(constants, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_may_less, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passwords, set_up, tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(error_codes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
