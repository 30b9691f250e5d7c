// The table of parameters (settings.def), by Redis's names: CONFIG, kora_config_set and the network's start all go through here.
#ifndef KORA_CMD_SETTINGS_H
#define KORA_CMD_SETTINGS_H

#include "base/buf.h"
#include "call/settings.h"

struct host;

int settings_init(struct settings *s); // defaults; KORA_OK or KORA_NOMEM
void settings_free(struct settings *s);

// Sets a parameter, as the program that embeds the database does, which may set more than CONFIG SET may.
//   KORA_NOTFOUND  no such parameter
//   KORA_INVAL     a bad value, or one that can't be set; `error` (may be NULL) says why, cut to `error_size` with its zero byte
int settings_set(struct host *h, struct slice name, struct slice value, char *error, size_t error_size);
// Appends the value as CONFIG GET shows it. KORA_NOTFOUND, KORA_NOMEM (out->failed).
int settings_get(struct host *h, struct slice name, struct buf *out);

// ---- for CONFIG --------------------------------------------------------------------------------------------------------

enum { SETTINGS_COUNT_MAX = 128 }; // there are fewer
int settings_count(void);
const char *settings_name(int i);
int settings_find(struct slice name); // case does not matter; -1: no such parameter
bool settings_immutable(int i);       // for CONFIG SET
bool settings_in_file(int i);         // CONFIG REWRITE writes it
void settings_format(struct host *h, int i, struct buf *out);
void settings_format_default(int i, struct buf *out);

// A checked value on its way: several are checked first, then all are put in place, which can't fail.
struct setting_value {
    int index;
    char *text;                  // mem_alloc'ed; parameters that are text
    uint64_t number;
    struct setting_percentiles {
        uint32_t count;
        uint64_t of[SETTINGS_PERCENTILES];
    } percentiles;
    struct setting_save {
        uint32_t count;
        struct save_rule of[SETTINGS_SAVE_RULES];
    } save;
    struct setting_limits { uint64_t of[OUTPUT_CLASSES][3]; /* hard, soft, seconds */ } limits;
};
enum settings_by { SETTINGS_BY_PROGRAM, SETTINGS_BY_CLIENT };
enum { SETTINGS_ERROR_MAX = 256 };
// KORA_OK: settings_put or settings_drop must follow.
int settings_check(struct host *h, int i, struct slice value, enum settings_by by, struct setting_value *out, char *error, size_t error_size);
void settings_put(struct host *h, struct setting_value *v);
void settings_drop(struct setting_value *v);
// Tells those who act on parameters, after one or more settings_put.
void settings_changed(struct host *h);

// Classes of events as letters (event.c), as notify-keyspace-events has them. False: another letter is among them.
bool events_parse(struct slice letters, uint64_t *classes);
void events_format(uint64_t classes, struct buf *out);

// The password against requirepass, in a time that does not tell how much of it was right. True without a requirepass.
bool settings_password_is(struct settings *s, struct slice password);

#endif
