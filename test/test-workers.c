/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of workers.c: every job runs once, an error is kept, and those
 * who wait wait for all. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "test/unit.h"

#include "plugin/workers.h"

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
    struct workers *w;
    atomic_uint total;
    unsigned threads, i;

    for (threads = 0; threads < 6; threads++) {
        atomic_store(&total, 0);
        for (i = 0; i < JOBS; i++)
            atomic_store(&ran[i], 0);
        assert(!workers_new(&w, threads));
        assert(!workers_wait(w));
        assert(!workers_add(w, count, &total, 0, 0));
        assert(!workers_add(w, count, &total, 0, 1));
        assert(!workers_add(w, count, &total, 1, 99));
        assert(!workers_wait(w));
        assert(atomic_load(&total) == 100);
        assert(!workers_add(w, count, &total, 100, JOBS - 100));
        if (threads % 2)
            assert(!workers_wait(w));
        /* queued jobs are finished also by the end */
        workers_free(w);
        assert(atomic_load(&total) == JOBS);
        for (i = 0; i < JOBS; i++)
            assert(atomic_load(&ran[i]) == 1);
    }
    workers_free(NULL);
}

static int fail_some(void *opaque, uint64_t number)
{
    (void)opaque;
    return number == 3 ? -EIO : number == 40 ? -ENOSPC : 0;
}

static void first_error(void)
{
    struct workers *w;

    assert(!workers_new(&w, 1));
    assert(!workers_add(w, fail_some, NULL, 0, 50));
    assert(workers_wait(w) == -EIO);
    /* told once */
    assert(!workers_wait(w));
    assert(!workers_add(w, fail_some, NULL, 4, 50));
    assert(workers_wait(w) == -ENOSPC);
    workers_free(w);
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
    struct workers *w;

    assert(!pthread_barrier_init(&barrier, NULL, 4));
    assert(!workers_new(&w, 4));
    assert(!workers_add(w, meet, &barrier, 0, 400));
    assert(!workers_wait(w));
    workers_free(w);
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
    struct workers *w;
    atomic_uint done;
    unsigned i;

    atomic_init(&done, 0);
    assert(!workers_new(&w, 3));
    for (i = 1; i <= 200; i++) {
        assert(!workers_add(w, take_time, &done, 0, 2));
        assert(!workers_wait(w));
        assert(atomic_load(&done) == 2 * i);
    }
    workers_free(w);
}

struct chain {
    struct workers *w;
    atomic_uint depth;
};

/* A job that queues another one. */
static int go_on(void *opaque, uint64_t number)
{
    struct chain *c = opaque;

    atomic_fetch_add(&c->depth, 1);
    return number ? workers_add(c->w, go_on, c, number - 1, 1) : 0;
}

static void jobs_of_jobs(void)
{
    struct chain c;

    atomic_init(&c.depth, 0);
    assert(!workers_new(&c.w, 3));
    assert(!workers_add(c.w, go_on, &c, 100, 1));
    assert(!workers_wait(c.w));
    assert(atomic_load(&c.depth) == 101);
    workers_free(c.w);
}

int main(void)
{
    RUN(each_once);
    RUN(first_error);
    RUN(at_the_same_time);
    RUN(waits_for_what_runs);
    RUN(jobs_of_jobs);
    return 0;
}
