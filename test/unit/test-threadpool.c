/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of threadpool.c: every job runs once, an error is kept, and those
 * who wait wait for all. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test/unit/unit.h"

#include "plugin/base/threadpool.h"

#define JOBS 5000

static atomic_uint ran[JOBS];

static int count(void *opaque, uint64_t number)
{
    atomic_uint *total = opaque;

    assert(number < JOBS);
    atomic_fetch_add(&ran[number], 1);
    atomic_fetch_add(total, 1);
    return 0;
}

static void each_once(void)
{
    struct threadpool *w;
    atomic_uint total;
    unsigned threads, i;

    for (threads = 0; threads < 6; threads++) {
        atomic_store(&total, 0);
        for (i = 0; i < JOBS; i++)
            atomic_store(&ran[i], 0);
        assert(!threadpool_new(&w, threads));
        assert(!threadpool_add(w, count, &total, 0, 0));
        assert(!threadpool_run(w, count, &total, 0, 0));
        assert(!threadpool_run(w, count, &total, 0, 1));
        assert(!threadpool_run(w, count, &total, 1, 99));
        assert(atomic_load(&total) == 100);
        assert(!threadpool_add(w, count, &total, 100, JOBS - 200));
        if (threads % 2)
            assert(!threadpool_run(w, count, &total, JOBS - 100, 100));
        else
            assert(!threadpool_add(w, count, &total, JOBS - 100, 100));
        /* queued jobs are finished also by the end */
        threadpool_free(w);
        assert(atomic_load(&total) == JOBS);
        for (i = 0; i < JOBS; i++)
            assert(atomic_load(&ran[i]) == 1);
    }
    threadpool_free(NULL);
}

static int fail_some(void *opaque, uint64_t number)
{
    (void)opaque;
    return number == 3 ? -EIO : number == 40 ? -ENOSPC : 0;
}

static void first_error(void)
{
    struct threadpool *w;

    assert(!threadpool_new(&w, 1));
    assert(threadpool_run(w, fail_some, NULL, 0, 50) == -EIO);
    assert(threadpool_run(w, fail_some, NULL, 4, 50) == -ENOSPC);
    assert(!threadpool_run(w, fail_some, NULL, 41, 50));
    threadpool_free(w);
}

/* Jobs that can only end together: as many threads as were asked for. */
static int meet(void *opaque, uint64_t number)
{
    (void)number;
    pthread_barrier_wait(opaque);
    return 0;
}

static void at_the_same_time(void)
{
    pthread_barrier_t barrier;
    struct threadpool *w;

    assert(!pthread_barrier_init(&barrier, NULL, 4));
    assert(!threadpool_new(&w, 4));
    assert(!threadpool_run(w, meet, &barrier, 0, 400));
    threadpool_free(w);
    pthread_barrier_destroy(&barrier);
}

/* Yields for a while, then says so. */
static int take_time(void *opaque, uint64_t number)
{
    unsigned i;

    (void)number;
    for (i = 0; i < 200; i++)
        sched_yield();
    atomic_fetch_add((atomic_uint *)opaque, 1);
    return 0;
}

static void waits_for_what_runs(void)
{
    struct threadpool *w;
    atomic_uint done;
    unsigned i;

    atomic_init(&done, 0);
    assert(!threadpool_new(&w, 3));
    for (i = 1; i <= 200; i++) {
        assert(!threadpool_run(w, take_time, &done, 0, 2));
        assert(atomic_load(&done) == 2 * i);
    }
    threadpool_free(w);
}

/* Its own jobs only, and before what waits longer. */
static void overtakes_the_queue(void)
{
    atomic_uint queued, run;
    struct threadpool *w;

    atomic_init(&queued, 0);
    atomic_init(&run, 0);
    assert(!threadpool_new(&w, 2));
    assert(!threadpool_add(w, take_time, &queued, 0, 20000));
    assert(!threadpool_run(w, take_time, &run, 0, 4));
    assert(atomic_load(&run) == 4);
    assert(atomic_load(&queued) < 20000);
    threadpool_free(w);
    assert(atomic_load(&queued) == 20000);
}

struct caller {
    struct threadpool *w;
    uint64_t first;
    int expected;
};

static void *call_often(void *opaque)
{
    struct caller *c = opaque;
    unsigned i;

    for (i = 0; i < 500; i++)
        assert(threadpool_run(c->w, fail_some, NULL, c->first, 20) ==
               c->expected);
    return NULL;
}

/* Who calls at the same time gets what his own jobs returned. */
static void several_callers(void)
{
    struct caller a = { NULL, 0, -EIO }, b = { NULL, 30, -ENOSPC };
    struct threadpool *w;
    pthread_t thread;

    assert(!threadpool_new(&w, 2));
    a.w = b.w = w;
    assert(!pthread_create(&thread, NULL, call_often, &a));
    call_often(&b);
    assert(!pthread_join(thread, NULL));
    threadpool_free(w);
}

struct chain {
    struct threadpool *w;
    atomic_uint depth;
};

/* A job that queues another one. */
static int go_on(void *opaque, uint64_t number)
{
    struct chain *c = opaque;

    atomic_fetch_add(&c->depth, 1);
    return number ? threadpool_add(c->w, go_on, c, number - 1, 1) : 0;
}

static void jobs_of_jobs(void)
{
    struct chain c;

    atomic_init(&c.depth, 0);
    assert(!threadpool_new(&c.w, 3));
    assert(!threadpool_add(c.w, go_on, &c, 100, 1));
    while (atomic_load(&c.depth) < 101)
        sched_yield();
    threadpool_free(c.w);
}

int main(void)
{
    RUN(each_once);
    RUN(first_error);
    RUN(at_the_same_time);
    RUN(waits_for_what_runs);
    RUN(overtakes_the_queue);
    RUN(several_callers);
    RUN(jobs_of_jobs);
    return 0;
}
