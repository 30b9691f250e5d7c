// The lease protocol as it is built, under load: host threads and connections of shards run calls about one, several and all stripes,
// with seeded delays at the protocol's points. Many short rounds: a lost wake-up shows only where no later call comes by.
//
// A call that finds two holders inside a stripe, or a sum over all stripes that is not zero, aborts. A round that does not end is a lost
// wake-up or a deadlock. At the end every path of the protocol must have been taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "engine/engine.h"
#include "kora.h"

enum { STRIPES = 4, SHARDS = 2, CONNECTIONS = 6 /* of each shard */, HOSTS = 3, OPS = 4, KEYS = 3 };
enum { STUCK_AFTER_S = 20 }; // no measure of speed: a round takes milliseconds

static struct {
    int inside;
    int64_t value;
    uint64_t calls;
} data[STRIPES]; // touched under the leases only

static uint64_t sums; // rounds' calls about all stripes; under all leases

static void visit(uint32_t stripe, int64_t amount) {
    invariant(data[stripe].inside == 0);
    data[stripe].inside++;
    data[stripe].value += amount;
    data[stripe].calls++;
}

static void handle_one(struct call *c) {
    visit(c->keys[0].stripe_number, 0);
    lease_point();
    data[c->keys[0].stripe_number].inside--;
}

// Moves an amount between stripes. Two of the keys may be in the same one.
static void handle_move(struct call *c) {
    static const int64_t amounts[KEYS] = { -10, 3, 7 };
    for (int i = 0; i < KEYS; i++) {
        visit(c->keys[i].stripe_number, amounts[i]);
        lease_point();
        data[c->keys[i].stripe_number].inside--;
    }
}

static void handle_sum(struct call *c) {
    int64_t sum = 0;
    (void)c;
    for (int i = 0; i < STRIPES; i++) sum += data[i].value;
    invariant(sum == 0);
    sums++;
}

static const struct command one = { .name = "one", .route = ROUTE_KEYS, .handler = handle_one };
static const struct command move = { .name = "move", .route = ROUTE_KEYS, .flags = CMD_WRITE, .handler = handle_move };
static const struct command sum = { .name = "sum", .route = ROUTE_ALL, .handler = handle_sum };

// ---- clients -----------------------------------------------------------------------------------------------------------

struct client {
    struct task task, second;
    bool two; // the second comes next
    struct message message;
    struct session session;
    struct buf out;
    struct random r;
    int left;
};

static struct engine *engine;
static _Atomic int running;
static _Atomic uint64_t ended;

static void prepare(struct client *c, struct task *t, struct shard *home) {
    task_release(t);
    buf_clear(&c->out);
    t->home = home;
    t->next = NULL;
    t->follows = false;
    t->call.argc = 0;
    t->call.session = &c->session;
    t->call.reply = (struct reply){ .buf = &c->out, .version = 2 };
    uint64_t kind = random_below(&c->r, 100);
    t->call.cmd = kind < 45 ? &one : kind < 97 ? &move : &sum;
    t->call.keys = t->call.keys_inline;
    t->call.key_count = t->call.cmd == &one ? 1 : t->call.cmd == &move ? KEYS : 0;
    for (uint32_t i = 0; i < t->call.key_count; i++) {
        uint32_t s = (uint32_t)random_below(&c->r, STRIPES);
        t->call.keys[i] = (struct key){ .stripe_number = s, .stripe = &engine->common.stripes[s] };
    }
}

static void client_goes_on(struct client *c);

static void count_one(struct client *c, const struct task *t) {
    invariant(t->status == KORA_OK);
    atomic_fetch_add(&ended, 1);
    c->left--;
}

static void client_done(struct task *t) {
    struct client *c = CONTAINER_OF(t, struct client, task);
    count_one(c, t);
    client_goes_on(c);
}

static void second_done(struct task *t) {
    struct client *c = CONTAINER_OF(t, struct client, second);
    count_one(c, t);
    client_goes_on(c);
}

// A second call about the same stripe is left the lease, or, now and then, another call is made all the same.
static void prepare_two(struct client *c, struct shard *home) {
    prepare(c, &c->task, home);
    c->two = c->left >= 2 && c->task.call.cmd == &one && random_below(&c->r, 2);
    if (!c->two) return;
    prepare(c, &c->second, home);
    if (c->second.call.cmd == &one) c->second.call.keys[0] = c->task.call.keys[0];
    c->task.next = &c->second;
}

static bool run_counted(struct client *c, struct task *t) {
    if (!task_run(t)) return false;
    count_one(c, t);
    return true;
}

static void client_goes_on(struct client *c) {
    struct shard *home = c->task.home;
    while (c->left > 0) {
        if (!c->two) {
            prepare_two(c, home);
            if (!run_counted(c, &c->task)) return;
        }
        bool parked = false;
        if (c->two) {
            c->two = false;
            parked = !run_counted(c, &c->second);
        }
        task_carry_end(home);
        if (parked) return;
    }
    atomic_fetch_sub(&running, 1);
}

static void client_starts(struct shard *s, struct message *m) {
    struct client *c = CONTAINER_OF(m, struct client, message);
    c->task.home = s;
    client_goes_on(c);
}

static void *host_main(void *arg) {
    struct client *c = arg;
    for (; c->left > 0; c->left--) {
        prepare(c, &c->task, NULL);
        bool done = task_run(&c->task);
        invariant(done && c->task.status == KORA_OK);
        atomic_fetch_add(&ended, 1);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void client_init(struct client *c, uint64_t seed) {
    memset(c, 0, sizeof *c);
    task_init(&c->task, engine, NULL);
    c->task.done = client_done;
    task_init(&c->second, engine, NULL);
    c->second.done = second_done;
    c->message.run = client_starts;
    random_seed(&c->r, seed);
}

// ---- rounds --------------------------------------------------------------------------------------------------------------

static void wait_for_all(uint64_t round) {
    const char *env = getenv("KORA_TEST_STUCK_S");
    int64_t until = clock_mono_ns() + (env ? atoi(env) : STUCK_AFTER_S) * INT64_C(1000000000);
    while (atomic_load(&running) > 0) {
        if (clock_mono_ns() > until) {
            print_message("round %llu: %d clients wait for ever\n", (unsigned long long)round, atomic_load(&running));
            abort();
        }
        nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
    }
}

static void run_round(struct client *clients, uint64_t round) {
    pthread_t hosts[HOSTS];
    int n = 0;
    atomic_store(&running, SHARDS * CONNECTIONS + HOSTS);
    for (int i = 0; i < SHARDS * CONNECTIONS + HOSTS; i++) clients[i].left = OPS;
    for (int i = 0; i < SHARDS; i++) {
        for (int j = 0; j < CONNECTIONS; j++) shard_post(&engine->shards[i], &clients[n++].message);
    }
    for (int i = 0; i < HOSTS; i++) assert_int_equal(pthread_create(&hosts[i], NULL, host_main, &clients[n++]), 0);
    wait_for_all(round);
    for (int i = 0; i < HOSTS; i++) pthread_join(hosts[i], NULL);
}

static const char *const path_names[] = {
#define X(name) #name,
    LEASE_PATHS(X)
#undef X
};

static void test_protocol(void **state) {
    (void)state;
    const char *env = getenv("KORA_TEST_ROUNDS");
    uint64_t rounds = env ? strtoull(env, NULL, 10) : getenv("KORA_TEST_LONG") ? 100000 : 1500, seed = 77;
    struct engine_config config = { .shards = SHARDS, .databases = 1, .stripes = STRIPES };
    static struct client clients[SHARDS * CONNECTIONS + HOSTS];
    assert_int_equal(engine_open(&config, &engine), KORA_OK);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) client_init(&clients[i], seed + i);
    print_message("seed %llu, %llu rounds\n", (unsigned long long)seed, (unsigned long long)rounds);
    for (uint64_t round = 0; round < rounds; round++) {
        atomic_store(&lease_delay_per_mille, round % 4 == 0 ? 0 : (uint32_t)(round % 4) * 60);
        run_round(clients, round);
    }
    atomic_store(&lease_delay_per_mille, 0);

    uint64_t calls = lease_paths[LEASE_PATH_CALLS];
    for (int i = 0; i < LEASE_PATH_APART; i++) { // the rest are typed calls'
        print_message("%-22s %10llu  %5.1f %%\n", path_names[i], (unsigned long long)lease_paths[i], 100.0 * (double)lease_paths[i] / (double)calls);
        assert_true(lease_paths[i] > 0);
    }
    assert_int_equal(calls, rounds * ARRAY_LEN(clients) * OPS);
    assert_int_equal(atomic_load(&ended), calls);
    assert_true(sums > 0);
    assert_true(lease_paths[LEASE_PATH_PARKED] * 10 >= calls);  // a tenth of the calls was parked
    assert_true(lease_paths[LEASE_PATH_KEPT] * 100 >= calls);   // a hundredth kept leases
    assert_true(lease_paths[LEASE_PATH_HANDED] * 100 >= calls); // and was handed one
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        task_release(&clients[i].task);
        buf_free(&clients[i].out);
    }
    engine_begin_close(engine);
    engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_protocol) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
