// Iterators: pages of keys, read one stripe at a time in the table's stable order.
#include "api/api_int.h"
#include "base/glob.h"
#include "base/mem.h"

enum { PAGE_KEYS = 64 };

struct kora_iter {
    kora *db;
    struct slice pattern;     // p NULL: all
    uint32_t stripe;
    uint64_t cursor;
    bool stripe_begun;
    struct buf page;          // u32 length, bytes ... of the keys at hand
    size_t at;                // in the page
};

KORA_API int kora_iter_open(kora *db, const void *pattern, size_t pattern_len, kora_iter **iter) {
    int status = api_enter(db);
    if (status != KORA_OK) return status;
    kora_iter *it = iter ? mem_alloc_zero(sizeof *it) : NULL;
    char *copy = it && pattern ? mem_copy(pattern, pattern_len) : NULL;
    if (!iter || api_bad_bytes(pattern, pattern_len)) status = KORA_INVAL;
    else if (!it || (pattern && !copy)) status = KORA_NOMEM;
    else if (!api_handle_out(db)) status = KORA_CLOSED;
    if (status == KORA_OK) {
        it->db = db;
        it->pattern = (struct slice){ copy, pattern_len };
        *iter = it;
    } else {
        mem_free(copy);
        mem_free(it);
    }
    api_leave(db);
    return status;
}

static void add_key(void *arg, void *entry) {
    kora_iter *it = arg;
    struct slice name = entry_key(entry);
    if (it->pattern.p && !glob_match(it->pattern, name, false)) return;
    uint32_t n = (uint32_t)name.n;
    size_t mark = it->page.n;
    buf_append(&it->page, &n, sizeof n);
    buf_append_slice(&it->page, name);
    if (it->page.failed) it->page.n = mark;
}

// Fills the page from the stripe at hand. KORA_OK, also if it is empty.
static int read_page(kora_iter *it) {
    struct engine *e = it->db->engine;
    struct lease *l = &e->leases[it->stripe];
    struct stripe *s = &e->common.stripes[it->stripe];
    if (!lease_try(l) && !lease_wait(l)) return KORA_CLOSED;
    struct txn t;
    txn_begin(&t, &e->common);
    uint64_t next = stripe_scan(s, &t, it->db->number, it->cursor, PAGE_KEYS, add_key, it);
    uint64_t need = txn_waits(&e->common) ? stripes_need(&e->common, &it->stripe, 1, false) : 0;
    lease_release(l);
    if (unlikely(need)) await_durable(e, need, false);
    if (it->page.failed) {
        buf_clear(&it->page); // the same page may be asked for again
        return KORA_NOMEM;
    }
    it->cursor = next;
    if (!next) it->stripe++;
    return KORA_OK;
}

KORA_API int kora_iter_next(kora_iter *it, const void **key, size_t *key_len) {
    if (!it || !key || !key_len) return KORA_INVAL;
    int status = api_enter(it->db);
    if (status != KORA_OK) return status;
    while (status == KORA_OK && it->at == it->page.n) {
        it->at = 0;
        buf_clear(&it->page);
        if (it->stripe == it->db->engine->common.stripe_count) status = KORA_NOTFOUND;
        else status = read_page(it);
    }
    if (status == KORA_OK) {
        uint32_t n;
        memcpy(&n, it->page.p + it->at, sizeof n);
        *key = it->page.p + it->at + sizeof n;
        *key_len = n;
        it->at += sizeof n + n;
    }
    api_leave(it->db);
    return status;
}

KORA_API void kora_iter_close(kora_iter *it) {
    if (!it || !*it->db->alive) return;
    kora *db = it->db;
    mem_free((char *)(uintptr_t)it->pattern.p);
    buf_free(&it->page);
    mem_free(it);
    api_handle_back(db);
}
