// The timing wheel. Time is counted in ticks of WHEEL_GRAIN_MS, as unsigned numbers of ten digits to the base 64, one digit a
// level, so that every int64_t has a place and nothing is ever beyond the end.
//
// A node is due in the first tick that begins at or after its time. If that is no later than the present tick it is in the
// list `late`. Else it is at the level of the highest digit in which its due tick and the present tick differ, in the slot of
// its own digit there. So what is on a lower level comes before what is on a higher one, and within a level the slots come in order: the
// next thing to happen is in the first busy slot of the lowest busy level, and the hand jumps there however far it is.
// When the hand enters a slot above level 0, its nodes are placed anew, further down.
//
// When the clock goes back, the hand simply goes back with it, and the nodes stay. Each is still entered no later than it is due:
//
//   invariant: for a node in slot s of level v, s is digit v of its due tick, and if s is ahead of the hand's digit v, the tick
//   at which the hand enters that slot is not after its due tick.
//
// Slots at or behind the hand's digit (only a step back leaves any but the present slot there) and late nodes that are no longer
// late are placed anew before anything else. All placing is paid from the budget of a call.
#include "ds/wheel.h"

#include "base/mem.h"

enum {
    GRAIN_BITS = 4,
    DIGIT_BITS = 6,
    BUDGET = 64, // nodes placed anew by one wheel_pop
};

static_assert(1 << GRAIN_BITS == WHEEL_GRAIN_MS && 1 << DIGIT_BITS == WHEEL_SLOTS, "the enums agree");
static_assert(GRAIN_BITS + WHEEL_LEVELS * DIGIT_BITS == 64, "the levels cover an int64_t");

struct wheel {
    uint64_t tick; // where the hand is: the last tick that wheel_pop was told of
    size_t count;
    struct wheel_node *late;
    uint64_t busy[WHEEL_LEVELS]; // a bit for each slot that has nodes
    struct wheel_node *slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

// The tick that has begun at the time; times before 1970 first.
static uint64_t tick_at(int64_t ms) { return ((uint64_t)ms ^ (uint64_t)1 << 63) >> GRAIN_BITS; }
static int64_t tick_ms(uint64_t tick) { return (int64_t)(tick << GRAIN_BITS ^ (uint64_t)1 << 63); }
static uint64_t tick_due(int64_t ms) { return tick_at(ms > INT64_MAX - (WHEEL_GRAIN_MS - 1) ? ms : ms + (WHEEL_GRAIN_MS - 1)); }
static unsigned digit(uint64_t tick, unsigned level) { return (unsigned)(tick >> (level * DIGIT_BITS)) % WHEEL_SLOTS; }

// The tick at which the hand comes to slot s of a level in its present round.
static uint64_t enter_tick(uint64_t tick, unsigned level, unsigned s) {
    unsigned below = level * DIGIT_BITS;
    return (((tick >> below) & ~(uint64_t)(WHEEL_SLOTS - 1)) | s) << below;
}

static void push(struct wheel_node **head, struct wheel_node *n) {
    n->next = *head;
    n->link = head;
    if (n->next) n->next->link = &n->next;
    *head = n;
}

static void place(struct wheel *w, struct wheel_node *n) {
    uint64_t due = tick_due(n->at_ms);
    if (due <= w->tick) {
        push(&w->late, n);
        return;
    }
    unsigned level = (unsigned)(63 - __builtin_clzll(due ^ w->tick)) / DIGIT_BITS, s = digit(due, level);
    w->busy[level] |= (uint64_t)1 << s;
    push(&w->slot[level][s], n);
}

// Takes a node out of its list, which need not be known: an emptied slot is told from its address.
static void unlink_node(struct wheel *w, struct wheel_node *n) {
    *n->link = n->next;
    if (n->next) {
        n->next->link = n->link;
    } else {
        size_t i = ((uintptr_t)n->link - (uintptr_t)&w->slot[0][0]) / sizeof n->link;
        if (i < WHEEL_LEVELS * WHEEL_SLOTS) w->busy[i / WHEEL_SLOTS] &= ~((uint64_t)1 << i % WHEEL_SLOTS);
    }
    n->next = NULL;
    n->link = NULL;
}

// A slot that has to be emptied before the hand may go on: at or behind the hand. False: there is none.
static bool behind(const struct wheel *w, unsigned *level, unsigned *s) {
    for (unsigned v = 0; v < WHEEL_LEVELS; v++) {
        uint64_t slots = w->busy[v] & (((uint64_t)2 << digit(w->tick, v)) - 1);
        if (!slots) continue;
        *level = v;
        *s = (unsigned)__builtin_ctzll(slots);
        return true;
    }
    return false;
}

// The tick of the next slot to enter; false: there is none ahead.
static bool next_tick(const struct wheel *w, uint64_t *tick) {
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        if (!w->busy[level]) continue;
        *tick = enter_tick(w->tick, level, (unsigned)__builtin_ctzll(w->busy[level]));
        return true;
    }
    return false;
}

// A mapping: who makes a wheel is rarely who drops it, and a general allocator keeps what another thread frees.
enum { PAGE = 4096 };
#define WHEEL_SIZE ALIGN_UP(sizeof(struct wheel), PAGE)
static_assert(WHEEL_SIZE == WHEEL_MEMORY, "as the header says");

struct wheel *wheel_create(int64_t now_ms) {
    struct wheel *w = mem_map(WHEEL_SIZE, PAGE);
    if (w) w->tick = tick_at(now_ms);
    return w;
}

void wheel_destroy(struct wheel *w) { mem_unmap(w, WHEEL_SIZE); }

void wheel_add(struct wheel *w, struct wheel_node *n, int64_t at_ms) {
    n->at_ms = at_ms;
    place(w, n);
    w->count++;
}

void wheel_remove(struct wheel *w, struct wheel_node *n) {
    unlink_node(w, n);
    w->count--;
}

void wheel_moved(struct wheel *w, struct wheel_node *to) {
    (void)w;
    *to->link = to;
    if (to->next) to->next->link = &to->next;
}

int64_t wheel_next(const struct wheel *w) {
    uint64_t tick;
    unsigned level, s;
    // Late ones are due whatever the clock shows by now, even if it was set back since.
    if (w->late || behind(w, &level, &s)) return INT64_MIN;
    return next_tick(w, &tick) ? tick_ms(tick) : INT64_MAX;
}

struct wheel_node *wheel_pop(struct wheel *w, int64_t now_ms, bool *again) {
    uint64_t now = tick_at(now_ms), tick;
    *again = false;
    if (now < w->tick) w->tick = now;
    for (int budget = BUDGET;; budget--) {
        struct wheel_node *n = w->late;
        unsigned level, s;
        if (!n) {
            while (!behind(w, &level, &s)) {
                bool any = next_tick(w, &tick) && tick <= now;
                w->tick = any ? tick : now;
                if (!any) return NULL;
            }
            n = w->slot[level][s];
        }
        bool due = tick_due(n->at_ms) <= w->tick;
        if (!due && budget == 0) {
            *again = true;
            return NULL;
        }
        unlink_node(w, n);
        if (due) {
            w->count--;
            return n;
        }
        place(w, n);
    }
}

enum { LOOK_AT = 32 };

static struct wheel_node *soonest_of(struct wheel_node *list) {
    struct wheel_node *best = list;
    for (int i = 0; list && i < LOOK_AT; list = list->next, i++) {
        if (list->at_ms < best->at_ms) best = list;
    }
    return best;
}

struct wheel_node *wheel_soonest(const struct wheel *w) {
    unsigned level, s;
    if (w->late) return soonest_of(w->late);
    if (behind(w, &level, &s)) return soonest_of(w->slot[level][s]);
    for (level = 0; level < WHEEL_LEVELS; level++) {
        if (w->busy[level]) return soonest_of(w->slot[level][__builtin_ctzll(w->busy[level])]);
    }
    return NULL;
}

struct wheel_node *wheel_any(const struct wheel *w, uint64_t random) {
    unsigned first = (unsigned)(random % WHEEL_LEVELS), s = (unsigned)(random >> 8) % WHEEL_SLOTS;
    unsigned steps = (unsigned)(random >> 16) % LOOK_AT;
    struct wheel_node *list = w->late;
    for (unsigned i = 0; i < WHEEL_LEVELS && (!list || (i == 0 && w->busy[first])); i++) {
        unsigned level = (first + i) % WHEEL_LEVELS;
        uint64_t from = w->busy[level] & ~(uint64_t)0 << s;
        if (w->busy[level]) list = w->slot[level][__builtin_ctzll(from ? from : w->busy[level])];
    }
    for (; list && steps && list->next; steps--) list = list->next;
    return list;
}

size_t wheel_count(const struct wheel *w) { return w->count; }

static size_t check_list(struct wheel_node *const *head) {
    size_t n = 0;
    for (struct wheel_node *const *link = head; *link; link = &(*link)->next, n++) invariant((*link)->link == link);
    return n;
}

void wheel_check(const struct wheel *w) {
    size_t n = check_list(&w->late);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        for (unsigned s = 0; s < WHEEL_SLOTS; s++) {
            const struct wheel_node *node = w->slot[level][s];
            invariant((node != NULL) == (w->busy[level] >> s & 1));
            n += check_list(&w->slot[level][s]);
            for (; node; node = node->next) {
                uint64_t due = tick_due(node->at_ms);
                invariant(digit(due, level) == s);
                invariant(s <= digit(w->tick, level) || enter_tick(w->tick, level, s) <= due);
            }
        }
    }
    invariant(n == w->count);
}
