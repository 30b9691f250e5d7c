// Snapshots that nobody asks for: by the rules of `save`, and when the log has grown (auto-aof-rewrite-percentage, auto-aof-rewrite-min-size: the snapshot's files
// and the log together are that much larger than the files alone).
//
// No clock runs where nothing changes. The log tells of each round that it has written; the first one wakes shard 0, which looks once a second while
// there are more, and else at the time when a rule will be due, if one will. When neither, it waits for the log again.
#include "base/clock.h"
#include "engine/save.h"

enum { LOOK_MS = 1000, RETRY_S = 5 /* after one that failed, as Redis */ };

static void look(struct shard *s);

static void on_timer(uv_timer_t *h) { look(h->data); }
static void on_message(struct shard *s, struct message *m) {
    (void)m;
    look(s);
}

void autosave_init(struct autosave *a) { a->message.run = on_message; }

void save_look(struct engine *e) {
    struct autosave *a = &e->autosave;
    if (atomic_load(&a->watching) || atomic_exchange(&a->watching, true)) return;
    shard_post(&e->shards[0], &a->message);
}

void save_settings_changed(struct engine *e) {
    if (e->log) save_look(e);
}

static bool has_grown(struct engine *e, const struct host_save *state, const struct log_stats *l) {
    uint64_t percentage = atomic_load_explicit(&e->common.settings.rewrite_percentage, memory_order_relaxed);
    uint64_t least = atomic_load_explicit(&e->common.settings.rewrite_min_size, memory_order_relaxed);
    uint64_t log_bytes = l->log_bytes - MIN(l->log_bytes, state->log_then), all = state->bytes + log_bytes;
    return percentage && all >= least && (double)log_bytes >= (double)state->bytes * (double)percentage / 100;
}

// Milliseconds until a rule is due; 0: now; INT64_MAX: none is going to be.
static int64_t due_in(struct engine *e, const struct host_save *state, uint64_t changes, int64_t now_ms) {
    struct settings *s = &e->common.settings;
    int64_t due = INT64_MAX;
    pthread_mutex_lock(&s->mutex);
    for (uint32_t i = 0; changes && i < s->save_count; i++) {
        if (changes >= s->save[i].changes) due = MIN(due, (state->last_s + (int64_t)s->save[i].seconds) * 1000);
    }
    pthread_mutex_unlock(&s->mutex);
    return due == INT64_MAX ? due : MAX(due - now_ms, 0);
}

static void again(struct shard *s, int64_t in_ms) {
    uv_update_time(&s->loop);
    uv_timer_start(&s->save_timer, on_timer, (uint64_t)MAX(in_ms, 1), 0);
}

static void look(struct shard *s) {
    struct engine *e = s->engine;
    struct autosave *a = &e->autosave;
    struct host_save state;
    struct log_stats l;
    if (uv_is_closing((uv_handle_t *)&s->save_timer) || engine_closes(e)) return;
    log_stats(e->log, &l);
    save_state(e, &state);
    int64_t now_ms = clock_wall_ms(), in_ms = due_in(e, &state, save_changes(e) - state.changes_then, now_ms);
    bool due = in_ms == 0 || has_grown(e, &state, &l);
    if (due && !state.running && (!state.failed || now_ms - a->tried_ms >= RETRY_S * 1000)) {
        uint64_t number;
        a->tried_ms = now_ms;
        save_begin(e, &number);
    }
    bool moved = l.rounds != a->rounds || due;
    a->rounds = l.rounds;
    if (moved || state.running) {
        again(s, LOOK_MS);
    } else if (in_ms != INT64_MAX) {
        again(s, in_ms);
    }
    // What comes from here on may make another rule due.
    if (!moved && !state.running) atomic_store(&a->watching, false);
}
