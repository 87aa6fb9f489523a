/* SPDX-License-Identifier: Apache-2.0 */
#include "net/offload.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/running.h"
#include "module/registry.h"
#include "net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS 4 /* disks and password hashes: few are enough, more would only compete */

struct job {
    struct job *next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    const struct module *module; /* whose it is */
};

struct queue {
    struct job *first, *last;
};

/* What threads share; all of it under `lock`. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* `waiting` has a job */
    struct queue waiting, ended;
    unsigned idle;         /* threads that wait for a job */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER};

/* The loop thread's own. */
static unsigned thread_n;
static int wake_fd = -1;
static struct event wake_event;

static void put(struct queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->last) {
        queue->last->next = job;
    } else {
        queue->first = job;
    }
    queue->last = job;
}

static struct job *take(struct queue *queue)
{
    struct job *job = queue->first;

    if (job) {
        queue->first = job->next;
        queue->last = job->next ? queue->last : NULL;
    }
    return job;
}

static struct job *wait_for_job_locked(void)
{
    struct job *job;

    while (!(job = take(&pool.waiting))) {
        pool.idle++;
        pthread_cond_wait(&pool.wanted, &pool.lock);
        pool.idle--;
    }
    return job;
}

static void do_job_locked(struct job *job)
{
    const uint64_t one = 1;

    pthread_mutex_unlock(&pool.lock);
    job->work(job->arg);
    pthread_mutex_lock(&pool.lock);
    bool first = pool.ended.first == NULL;
    put(&pool.ended, job);
    if (first && write(wake_fd, &one, sizeof(one)) < 0) {
        abort(); /* its counter takes far more than there are threads */
    }
}

static void *thread_main(void *arg)
{
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        do_job_locked(wait_for_job_locked());
    }
    return arg;
}

/* For want of a thread. */
static void work_here(void)
{
    pthread_mutex_lock(&pool.lock);
    do_job_locked(take(&pool.waiting));
    pthread_mutex_unlock(&pool.lock);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;

    (void)what;
    (void)arg;
    loop_woke();
    if (read(fd, &count, sizeof(count)) < 0) {
        return;
    }
    pthread_mutex_lock(&pool.lock);
    struct queue ended = pool.ended;
    pool.ended = (struct queue){0};
    pthread_mutex_unlock(&pool.lock);
    for (struct job *job; (job = take(&ended));) {
        struct account_call call = account_callback(job->module);

        job->done(job->arg);
        account_leave(&call);
        free(job);
    }
}

static bool listen_for_ends(void)
{
    if (wake_fd >= 0) {
        return true;
    }
    wake_fd = loop.base ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
    if (wake_fd < 0) {
        return false;
    }
    event_assign(&wake_event, loop.base, wake_fd, EV_READ | EV_PERSIST, on_ended, NULL);
    event_add(&wake_event, NULL);
    return true;
}

/* Signals are the loop's. The threads live as long as the process does. */
static void start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;

    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* as in resolver.c: a refused call fails, it does not kill */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, thread_main, NULL);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        thread_n++;
    } else {
        log_error("a thread for blocking work cannot be started: %s", strerror(rc));
    }
}

bool offload_start(void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    if (!listen_for_ends()) {
        return false;
    }
    struct job *job = mem_alloc(sizeof(*job));
    *job = (struct job){.work = work, .done = done, .arg = arg, .module = module_running};
    pthread_mutex_lock(&pool.lock);
    put(&pool.waiting, job);
    bool has_idle = pool.idle > 0;
    pthread_cond_signal(&pool.wanted);
    pthread_mutex_unlock(&pool.lock);
    if (!has_idle && thread_n < THREADS) {
        start_thread();
    }
    if (thread_n == 0) {
        work_here(); /* slow is better than never */
    }
    return true;
}
