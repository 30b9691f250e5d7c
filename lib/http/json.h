// Writes JSON into a buffer: commas are seen to, strings of any bytes become valid ones.
#ifndef KORA_HTTP_JSON_H
#define KORA_HTTP_JSON_H

#include "base/buf.h"

// Each value has a name inside an object, and NULL inside an array.
void json_open(struct buf *b, const char *name, char bracket);  // '{' or '['
void json_close(struct buf *b, char bracket);                   // '}' or ']'
void json_uint(struct buf *b, const char *name, uint64_t n);
void json_real(struct buf *b, const char *name, double n);      // finite; six digits behind the point
void json_text(struct buf *b, const char *name, struct slice s);

#endif
