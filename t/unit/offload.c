/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <pthread.h>
#include <time.h>

#include "net/loop.h"
#include "net/offload.h"

#define JOBS 200

struct job {
    unsigned value;
    bool ended;
    pthread_t worked_on, ended_on;
};

static struct job jobs[JOBS];
static unsigned ended;

static void work(void *arg)
{
    const struct timespec pause = {.tv_nsec = 100000};
    struct job *job = arg;

    nanosleep(&pause, NULL);
    job->value *= 2;
    job->worked_on = pthread_self();
}

static void done(void *arg)
{
    struct job *job = arg;

    job->ended = true;
    job->ended_on = pthread_self();
    /* The first half begins the second. */
    if (job < jobs + JOBS / 2) {
        offload_start(work, done, job + JOBS / 2);
    }
    if (++ended == JOBS) {
        loop_stop();
    }
}

int main(void)
{
    unsigned right = 0, elsewhere = 0;

    ok(!offload_start(work, done, &jobs[0]), "without a loop there is nobody to be told");
    loop_init();
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].value = i;
    }
    for (unsigned i = 0; i < JOBS / 2; i++) {
        offload_start(work, done, &jobs[i]);
    }
    ok(ended == 0, "nothing ends before the loop turns");
    loop_run();
    for (unsigned i = 0; i < JOBS; i++) {
        right += jobs[i].ended && jobs[i].value == 2 * i &&
                 pthread_equal(jobs[i].ended_on, pthread_self());
        elsewhere += !pthread_equal(jobs[i].worked_on, pthread_self());
    }
    ok(right == JOBS, "each is done once, and ends on the loop's thread");
    ok(elsewhere == JOBS, "none is done there");
    return done_testing();
}
