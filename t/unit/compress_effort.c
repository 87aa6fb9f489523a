/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "../../modules/compress/effort.h"

static uint64_t now_ms = 5000, waited_us;

/* So many seconds pass, busy for so many percent; each is looked at. Returns how often the step
 * changed. */
static unsigned pass(struct effort *effort, unsigned seconds, unsigned busy)
{
    unsigned changes = 0;

    for (unsigned i = 0; i < seconds; i++) {
        now_ms += 1000;
        waited_us += (100 - busy) * 10000;
        changes += effort_look(effort, now_ms, waited_us);
    }
    return changes;
}

static void test_down(void)
{
    struct effort effort = {0};

    ok(pass(&effort, 1, 100) == 0, "the first look tells where time begins");
    now_ms += 999;
    ok(!effort_look(&effort, now_ms, waited_us), "less than a second says nothing");
    now_ms++;
    ok(effort_look(&effort, now_ms, waited_us) && effort.step == 1 && effort.busy == 100,
       "a busy second lowers levels");
    ok(effort_level(&effort, 5) == 3 && effort_level(&effort, 11) == 6 &&
           effort_level(&effort, 1) == 1,
       "to half of what they are");
    ok(pass(&effort, 1, 90) == 1 && effort_level(&effort, 9) == 1, "another one to the lowest");
    ok(pass(&effort, 100, 99) == 0 && effort.step == 2, "where they stay");
}

static void test_up(void)
{
    struct effort effort = {0};

    pass(&effort, 3, 100);
    ok(pass(&effort, 60, 75) == 0 && effort.step == 2, "neither busy nor calm: they stay");
    ok(pass(&effort, 9, 60) == 0 && pass(&effort, 1, 61) == 0 && pass(&effort, 9, 0) == 0,
       "nine calm seconds are too few, twice as well");
    ok(pass(&effort, 1, 0) == 1 && effort.step == 1, "ten raise them by a step");
    ok(pass(&effort, 10, 0) == 1 && effort_level(&effort, 9) == 9,
       "ten more to what is configured");
    pass(&effort, 2, 100);
    now_ms += 60000;
    waited_us += 60000000;
    ok(effort_look(&effort, now_ms, waited_us) && effort.step == 0,
       "after an idle minute all is as it was");
}

/* What keeps the worker busy is compressing at the configured levels: lower ones make it calm at
 * once. */
static void test_flapping(void)
{
    struct effort effort = {0};
    unsigned changes = 0;

    pass(&effort, 1, 100);
    for (unsigned second = 0; second < 3600; second++) {
        changes += pass(&effort, 1, effort.step ? 50 : 95);
    }
    ok(changes <= 32, "an hour on the edge: levels change seldom (%u)", changes);
    pass(&effort, 700, 10);
    pass(&effort, 1, 100);
    ok(effort.step == 1 && pass(&effort, 10, 10) == 1,
       "and when that is over they are tried early again");
}

int main(void)
{
    test_down();
    test_up();
    test_flapping();
    return done_testing();
}
