// Writing replies: what handlers see of RESP.
#include <stdarg.h>

#include "base/mem.h"
#include "call/call.h"
#include "kora.h"

void reply_ok(struct call *c) { resp_write_ok(c->reply.buf); }
void reply_status(struct call *c, const char *text) { resp_write_status(c->reply.buf, text, strlen(text)); }
void reply_int(struct call *c, int64_t n) { resp_write_int(c->reply.buf, n); }
void reply_bulk(struct call *c, struct slice s) { resp_write_bulk_slice(c->reply.buf, s); }
void reply_bulk_str(struct call *c, const char *s) { resp_write_bulk(c->reply.buf, s, strlen(s)); }
void reply_null(struct call *c) { resp_write_null(c->reply.buf, c->reply.version); }
void reply_null_array(struct call *c) { resp_write_null_array(c->reply.buf, c->reply.version); }
void reply_array(struct call *c, size_t n) { resp_write_array(c->reply.buf, n); }
void reply_map(struct call *c, size_t pairs) { resp_write_map(c->reply.buf, c->reply.version, pairs); }
void reply_set(struct call *c, size_t n) { resp_write_set(c->reply.buf, c->reply.version, n); }
void reply_bool(struct call *c, bool b) { resp_write_bool(c->reply.buf, c->reply.version, b); }
void reply_real(struct call *c, double d) { resp_write_double(c->reply.buf, c->reply.version, d); }
void reply_score(struct call *c, double d) {
    char text[NUM_REAL_MAX + 3] = ",";
    size_t n = num_format_score(d, text + 1);
    if (c->reply.version == 2) {
        resp_write_bulk(c->reply.buf, text + 1, n);
        return;
    }
    memcpy(text + 1 + n, "\r\n", 2);
    buf_append(c->reply.buf, text, n + 3);
}
void reply_verbatim(struct call *c, const char *format3, struct slice s) {
    resp_write_verbatim(c->reply.buf, c->reply.version, format3, s.p, s.n);
}

enum { ERROR_TEXT_MAX = 1024 };

void reply_error(struct call *c, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    resp_write_error(c->reply.buf, text, n < 0 ? 0 : MIN((size_t)n, sizeof text - 1));
    c->outcome = CALL_ERROR;
}

void reply_syntax_error(struct call *c) { reply_error(c, "ERR syntax error"); }
void reply_wrong_type(struct call *c) {
    reply_error(c, "WRONGTYPE Operation against a key holding the wrong kind of value");
}
void reply_not_integer(struct call *c) { reply_error(c, "ERR value is not an integer or out of range"); }
void reply_no_memory(struct call *c) {
    if (unlikely(c->txn.no_room)) reply_error(c, "MISCONF Errors writing to the log: there is no room for what the command would do");
    else reply_error(c, "OOM out of memory");
}
void reply_no_key(struct call *c) { reply_error(c, "ERR no such key"); }

void reply_status_code(struct call *c, int status) {
    switch (status) {
    case KORA_OK: reply_ok(c); break;
    case KORA_NOMEM: reply_no_memory(c); break;
    case KORA_FULL: reply_error(c, "OOM command not allowed when used memory > 'maxmemory'."); break;
    case KORA_WRONGTYPE: reply_wrong_type(c); break;
    case KORA_NOTINT: reply_not_integer(c); break;
    case KORA_TOOBIG: reply_error(c, "ERR string exceeds maximum allowed size (proto-max-bulk-len)"); break;
    case KORA_NOTFOUND: reply_no_key(c); break;
    default: reply_error(c, "ERR %s", kora_status_text(status)); break;
    }
}

bool reply_add_ref(struct reply *r, struct slice bytes, void *pin, void (*unpin)(void *pin)) {
    if (r->ref_count == r->ref_cap) {
        uint32_t cap = r->ref_cap ? r->ref_cap * 2 : 4;
        struct reply_ref *refs = mem_realloc(r->refs, cap * sizeof *refs);
        if (!refs) return false;
        r->refs = refs;
        r->ref_cap = cap;
    }
    r->refs[r->ref_count++] = (struct reply_ref){ .at = r->buf->n, .bytes = bytes, .pin = pin, .unpin = unpin };
    return true;
}

void reply_free_refs(struct reply *r) {
    for (uint32_t i = 0; i < r->ref_count; i++) r->refs[i].unpin(r->refs[i].pin);
    mem_free(r->refs);
    r->refs = NULL;
    r->ref_count = r->ref_cap = 0;
}
