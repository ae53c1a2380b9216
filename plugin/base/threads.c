/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A piece of work done by several threads; see threads.h. */
#include "config.h"

#include <pthread.h>
#include <signal.h>

#include "plugin/base/processors.h"
#include "plugin/base/threads.h"

#define THREADS_MAX 64u

struct start {
    void (*work)(void *worker);
    void *worker;
    pthread_t thread;
    bool running;
};

unsigned threads_count(unsigned asked, bool direct)
{
    unsigned n = asked;

    if (!n)
        n = (direct ? 2 : 1) * processors_count();
    return n < THREADS_MAX ? n : THREADS_MAX;
}

static void *run(void *arg)
{
    struct start *s = arg;

    s->work(s->worker);
    return NULL;
}

void threads_run(void (*work)(void *worker), void *workers, size_t size,
                 unsigned n)
{
    struct start starts[THREADS_MAX];
    sigset_t all, before;
    unsigned i;

    if (n > THREADS_MAX)
        n = THREADS_MAX;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (i = 1; i < n; i++) {
        starts[i].work = work;
        starts[i].worker = (char *)workers + i * size;
        starts[i].running = !pthread_create(&starts[i].thread, NULL, run,
                                            &starts[i]);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(workers);
    for (i = 1; i < n; i++)
        if (starts[i].running)
            pthread_join(starts[i].thread, NULL);
}
