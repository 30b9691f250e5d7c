// The queue of a transaction: commands one after the other in blocks, each of which is twice as large as the one before.
#include "call/multi.h"

#include "base/mem.h"

enum { BLOCK_MIN = 1024, BLOCK_MAX = 64 * 1024 };

struct multi_block {
    struct multi_block *next;
    size_t size, used;
    _Alignas(8) char data[];
};

struct multi *multi_of(struct session *s) {
    if (!s->multi) s->multi = mem_alloc_zero(sizeof *s->multi);
    return s->multi;
}

void multi_drop(struct session *s) {
    struct multi *m = s->multi;
    if (!m) return;
    invariant(!m->watched);
    for (struct multi_block *b = m->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    mem_free(m);
    s->multi = NULL;
}

static void *take(struct multi *m, size_t n) {
    struct multi_block *b = m->blocks;
    if (!b || b->size - b->used < n) {
        size_t size = b ? MIN(2 * b->size, (size_t)BLOCK_MAX) : BLOCK_MIN - sizeof *b;
        size = MAX(size, n);
        b = mem_alloc(sizeof *b + size);
        if (!b) return NULL;
        *b = (struct multi_block){ .next = m->blocks, .size = size };
        m->blocks = b;
        m->bytes += sizeof *b + size;
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

// A key's name is one of the arguments, nearly always the next after that of the key before.
static struct slice name_in(const struct slice *copies, const struct call *c, struct slice name, int *at) {
    for (int i = 0; i < c->argc; i++) {
        int arg = *at + i < c->argc ? *at + i : *at + i - c->argc;
        if (c->argv[arg].p != name.p || c->argv[arg].n != name.n) continue;
        *at = arg;
        return copies[arg];
    }
    invariant_failed("a key is an argument", __FILE__, __LINE__);
}

struct queued *multi_add(struct multi *m, const struct call *c) {
    size_t keys = c->key_count * sizeof(struct key), args = (size_t)c->argc * sizeof(struct slice), bytes = 0;
    for (int i = 0; i < c->argc; i++) bytes += c->argv[i].n;
    char *p = take(m, ALIGN_UP(sizeof(struct queued) + keys + args + bytes, 8));
    if (!p) return NULL;
    struct queued *q = (struct queued *)(void *)p;
    *q = (struct queued){ .cmd = c->cmd, .argc = c->argc, .key_count = c->key_count };
    q->keys = (struct key *)(void *)(p + sizeof *q);
    q->argv = (struct slice *)(void *)(p + sizeof *q + keys);
    char *to = p + sizeof *q + keys + args;
    for (int i = 0; i < c->argc; i++) {
        if (c->argv[i].n) memcpy(to, c->argv[i].p, c->argv[i].n);
        q->argv[i] = slice_of(to, c->argv[i].n);
        to += c->argv[i].n;
    }
    int at = 0;
    for (uint32_t i = 0; i < c->key_count; i++) {
        q->keys[i] = c->keys[i];
        q->keys[i].name = name_in(q->argv, c, c->keys[i].name, &at);
    }
    if (m->last) m->last->next = q;
    else m->first = q;
    m->last = q;
    m->count++;
    return q;
}
