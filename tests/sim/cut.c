// What a crash leaves: copies of the simulated disk, and the choice of what of the unsynced is there.
#include "sim/disk.h"

#include "base/crc32c.h"
#include "base/hash.h"
#include "sim/disk_int.h"

// ---- copies ---------------------------------------------------------------------------------------------------------------------

static void copy_sector(struct sector *to, const struct sector *from) {
    to->dirty = from->dirty;
    struct version **at = &to->newest;
    for (const struct version *v = from->newest; v; v = v->older) {
        *at = sim_alloc(sizeof **at);
        **at = *v;
        at = &(*at)->older;
    }
    *at = NULL;
}

// A power cut makes the data anew.
static void copy_file(struct disk *d, struct inode *i, struct inode *to, bool with_data) {
    // What was stored up to here is part of what the file has been. The mapping may go on changing.
    if (i->maps) inode_absorb(d, i, 0, i->capacity, false);
    if (i->capacity) {
        if (i->durable) to->durable = sim_pages(i->durable, i->touched, i->capacity, i->capacity);
        if (with_data) to->data = sim_pages(i->maps ? i->durable : i->data, i->touched, i->capacity, i->capacity);
        to->sectors = sim_alloc(i->capacity / SECTOR * sizeof *to->sectors);
        to->touched = sim_alloc(i->capacity / PAGE);
        memcpy(to->touched, i->touched, i->capacity / PAGE);
        to->capacity = i->capacity;
    }
    for EACH_TOUCHED(i, k) {
        if (!i->sectors[k].newest) continue;
        if (i->maps && with_data) memcpy(to->data + k * SECTOR, i->sectors[k].newest->bytes, SECTOR);
        copy_sector(&to->sectors[k], &i->sectors[k]);
    }
    to->allocated = sim_alloc(i->page_count);
    to->page_count = i->page_count;
    if (i->page_count) memcpy(to->allocated, i->allocated, i->page_count);
    to->size = i->size;
    to->sizes = sim_grow(to->sizes, i->size_count * sizeof *to->sizes);
    memcpy(to->sizes, i->sizes, i->size_count * sizeof *to->sizes);
    to->size_count = i->size_count;
}

static struct name *counterpart(const struct disk *d, const struct name *n) {
    for (const struct inode *i = d->inodes; i; i = i->next) {
        for (size_t k = 0; k < i->name_count; k++) {
            if (i->names[k] == n) return i->copy->names[k];
        }
    }
    return NULL;
}

static void copy_names(const struct inode *i) {
    struct inode *to = i->copy;
    to->names = sim_alloc(i->name_count * sizeof(struct name *));
    to->name_count = i->name_count;
    for (size_t k = 0; k < i->name_count; k++) {
        const struct name *n = i->names[k];
        struct name *m = to->names[k] = sim_alloc(sizeof *m);
        *m = *n;
        m->text = strdup(n->text);
        m->versions = sim_alloc(n->count * sizeof *m->versions);
        memcpy(m->versions, n->versions, n->count * sizeof *m->versions);
        for (size_t v = 0; v < m->count; v++) {
            if (!m->versions[v].to) continue;
            m->versions[v].to = m->versions[v].to->copy;
            m->versions[v].to->refs++;
            if (v == m->count - 1) m->versions[v].to->links++;
        }
    }
}

// Behind the file's end there is nothing.
static void zero_behind(const struct inode *i, uint8_t *bytes) {
    for (uint64_t p = i->size / PAGE; p * PAGE < i->capacity; p++) {
        uint64_t from = MAX(i->size, p * PAGE);
        if (i->touched[p]) memset(bytes + from, 0, (p + 1) * PAGE - from);
    }
}

// A page that could not be written may have left memory since: then it reads as the disk has it, whichever version that is.
static void evict_failed(struct disk *d) {
    for (struct inode *i = d->inodes; i; i = i->next) {
        for EACH_TOUCHED(i, k) {
            struct sector *s = &i->sectors[k];
            if (!s->newest || s->dirty || random_below(&d->random, 2)) continue;
            const struct version *v = s->newest;
            while (v && random_below(&d->random, 2)) v = v->older;
            if (v) inode_settle_sector(i, k, v->bytes);
            memcpy(i->data + k * SECTOR, inode_durable(i, k), SECTOR);
            sector_forget(s);
        }
        zero_behind(i, i->data);
    }
}

static struct disk *copy(struct disk *d, bool with_data) {
    struct random fork = d->random; // how the disk goes on doesn't depend on who looks
    struct disk *to = disk_new(random_next(&fork));
    to->boot = d->boot;
    to->when = d->when;
    to->can_allocate = d->can_allocate;
    to->may_map = d->may_map;
    disk_advance(to, atomic_load(&d->mono_us) - atomic_load(&to->mono_us));
    for (struct inode *i = d->inodes; i; i = i->next) {
        i->copy = i == d->root ? to->root : inode_new(to, i->is_dir);
        i->copy->refs++; // until all is there
        if (!i->is_dir) copy_file(d, i, i->copy, with_data);
    }
    for (const struct inode *i = d->inodes; i; i = i->next) copy_names(i);
    for (const struct inode *i = d->inodes; i; i = i->next) {
        for (size_t k = 0; k < i->name_count; k++) {
            for (size_t v = 0; v < i->names[k]->count; v++) {
                if (i->names[k]->versions[v].needs) i->copy->names[k]->versions[v].needs = counterpart(d, i->names[k]->versions[v].needs);
            }
        }
    }
    // Files without a name that were open go with the process.
    for (const struct inode *i = d->inodes; i; i = i->next) inode_put(to, i->copy);
    return to;
}

struct disk *disk_kill(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    struct disk *to = copy(d, true);
    pthread_mutex_unlock(&d->mutex);
    evict_failed(to);
    return to;
}

// ---- power cuts -----------------------------------------------------------------------------------------------------------------

enum mood {
    LOSE,   // nothing that was not synced is there
    KEEP,   // all of it
    CHANCE, // of each thing some version
    ORDER,  // all up to some change, which is torn, and nothing after it
    MOSTLY, // nearly always the newest, or nearly always the oldest
    MOODS,
};

struct cut {
    struct random random;
    enum mood mood;
    uint64_t upto;      // ORDER: the change that is torn
    unsigned newest_of; // MOSTLY: of 64 things so many are the newest
};

// Which of the versions 0 (durable) to n - 1; `when` of each but the first.
static size_t pick(struct cut *c, size_t n, uint64_t (*when)(const void *of, size_t version), const void *of) {
    size_t at = 0;
    switch (c->mood) {
    case LOSE: return 0;
    case KEEP: return n - 1;
    case CHANCE: return (size_t)random_below(&c->random, n);
    case MOSTLY:
        if (random_below(&c->random, 16) == 0) return (size_t)random_below(&c->random, n);
        return random_below(&c->random, 64) < c->newest_of ? n - 1 : 0;
    default:
        while (at + 1 < n && when(of, at + 1) < c->upto) at++;
        if (at + 1 < n && when(of, at + 1) == c->upto) at += random_below(&c->random, 2);
        return at;
    }
}

static const struct version *nth_version(const struct sector *s, size_t count, size_t version) {
    const struct version *v = s->newest;
    for (size_t k = count - 1; k > version; k--) v = v->older;
    return v;
}

static size_t version_count(const struct sector *s) {
    size_t n = 1;
    for (const struct version *v = s->newest; v; v = v->older) n++;
    return n;
}

static uint64_t when_sector(const void *of, size_t version) { return nth_version(of, version_count(of), version)->when; }
static uint64_t when_size(const void *of, size_t version) { return ((const struct inode *)of)->sizes[version].when; }
static uint64_t when_name(const void *of, size_t version) { return ((const struct name *)of)->versions[version].when; }

static void cut_file(struct cut *c, struct inode *i) {
    for EACH_TOUCHED(i, k) {
        struct sector *s = &i->sectors[k];
        size_t n = version_count(s), is = n > 1 ? pick(c, n, when_sector, s) : 0;
        if (is > 0) inode_settle_sector(i, k, nth_version(s, n, is)->bytes);
        sector_forget(s);
    }
    i->size = i->sizes[i->size_count > 1 ? pick(c, i->size_count, when_size, i) : 0].size;
    i->sizes[0].size = i->size;
    i->size_count = 1;
    if (i->durable) zero_behind(i, i->durable);
    if (i->capacity) i->data = sim_pages(i->durable, i->touched, i->capacity, i->capacity);
    for (size_t p = 0; p < i->page_count; p++) i->allocated[p] = p * PAGE < i->size && i->allocated[p];
}

static bool needs_met(const struct binding *b) { return !b->needs || b->needs->versions[b->needs->cut].when >= b->needs_when; }

// What a rename has moved is at its new name before it is gone from the old one, and a directory is never at both. False: nothing to do.
static bool mend(struct name *n) {
    for (size_t v = 1; v <= n->cut; v++) {
        if (!needs_met(&n->versions[v])) {
            n->cut = v - 1;
            return true;
        }
    }
    const struct binding *next = n->cut + 1 < n->count ? &n->versions[n->cut + 1] : NULL;
    const struct inode *is = n->versions[n->cut].to;
    if (!is || !is->is_dir || !next || !next->needs || next->needs->versions[next->needs->cut].to != is) return false;
    n->cut++;
    return true;
}

static void cut_names(struct disk *d, struct cut *c) {
    for (struct inode *i = d->inodes; i; i = i->next) {
        for (size_t k = 0; k < i->name_count; k++) i->names[k]->cut = pick(c, i->names[k]->count, when_name, i->names[k]);
    }
    bool again = true;
    for (int round = 0; again; round++) {
        if (round == 1000) abort();
        again = false;
        for (struct inode *i = d->inodes; i; i = i->next) {
            for (size_t k = 0; k < i->name_count; k++) again |= mend(i->names[k]);
        }
    }
    for (struct inode *i = d->inodes; i; i = i->next) {
        for (size_t k = 0; k < i->name_count; k++) {
            // The version that stays is the last one: disk_settle makes it durable.
            struct name *n = i->names[k];
            const struct inode *was = n->versions[n->count - 1].to;
            struct inode *is = n->versions[n->cut].to;
            if (was == is) continue;
            if (was) n->versions[n->count - 1].to->links--;
            if (is) is->links++;
            struct binding b = { .to = is, .when = d->when };
            if (is) is->refs++;
            n->versions = sim_grow(n->versions, (n->count + 1) * sizeof *n->versions);
            n->versions[n->count++] = b;
        }
    }
}

struct disk *disk_power_cut(struct disk *d, uint64_t seed) {
    pthread_mutex_lock(&d->mutex);
    struct disk *to = copy(d, false);
    pthread_mutex_unlock(&d->mutex);
    struct cut c;
    random_seed(&c.random, seed);
    c.mood = (enum mood)random_below(&c.random, MOODS);
    c.upto = to->when - random_below(&c.random, MIN(to->when, 1u << random_below(&c.random, 10)) + 1);
    c.newest_of = random_below(&c.random, 2) ? 60 : 4;
    for (struct inode *i = to->inodes; i; i = i->next) {
        if (!i->is_dir) cut_file(&c, i);
    }
    cut_names(to, &c);
    disk_settle(to);
    random_seed(&to->random, random_next(&c.random));
    to->boot = random_next(&to->random);
    disk_advance(to, 5000000);
    return to;
}

// ---- comparing ------------------------------------------------------------------------------------------------------------------

// Zeros at the end count by the size alone: not all of them are kept.
static uint64_t hash_file(const struct inode *i) {
    size_t n = MIN(i->size, i->capacity);
    while (n > 0 && i->data[n - 1] == 0) n--;
    return ((uint64_t)crc32c(0, i->data, n) << 32) + i->size;
}

static uint64_t hash_dir(const struct inode *dir) {
    static const struct hash_key key;
    uint64_t sum = 1;
    for (size_t k = 0; k < dir->name_count; k++) {
        const struct name *n = dir->names[k];
        const struct inode *i = n->versions[n->count - 1].to;
        if (!i) continue;
        uint64_t part[2] = { hash_sip(&key, n->text, strlen(n->text)), 0 };
        part[1] = i->is_dir ? hash_dir(i) : hash_file(i);
        sum += hash_sip(&key, part, sizeof part); // names have no order
    }
    return sum;
}

uint64_t disk_hash(struct disk *d) {
    pthread_mutex_lock(&d->mutex);
    uint64_t hash = hash_dir(d->root);
    pthread_mutex_unlock(&d->mutex);
    return hash;
}
