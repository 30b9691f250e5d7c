// What handlers write into sessions.
#ifndef KORA_CMD_SESSION_H
#define KORA_CMD_SESSION_H

#include "call/call.h"

// Names of clients and libraries: printable, without spaces, since CLIENT LIST separates its fields by them.
bool session_name_ok(struct slice name);
// Copies `text`; empty: none. False: no memory, the old one stays.
bool session_set_text(char **place, struct slice text);

#endif
