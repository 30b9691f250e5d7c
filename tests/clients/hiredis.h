// What the two programs for hiredis share: named tries that print how they went.
#ifndef HIREDIS_SCENARIO_H
#define HIREDIS_SCENARIO_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int scenario_failed;
static char scenario_why[400];

// Within a try: says what is wrong, once, and leaves the function.
#define EXPECT(condition)                                                                                  \
    do {                                                                                                   \
        if (!(condition)) {                                                                                \
            if (!scenario_why[0]) snprintf(scenario_why, sizeof(scenario_why), "line %d: %s", __LINE__, #condition); \
            return;                                                                                        \
        }                                                                                                  \
    } while (0)

static void scenario_end_try(const char *name) {
    if (scenario_why[0]) {
        scenario_failed = 1;
        printf("not ok %s: %s\n", name, scenario_why);
    } else {
        printf("ok %s\n", name);
    }
    fflush(stdout);
    scenario_why[0] = 0;
}

// Has the server restarted, which is up again when this returns.
static void scenario_restart(void) {
    char line[16];
    printf("restart\n");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin)) exit(1);
}

#endif
