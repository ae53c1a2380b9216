/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call that is waited for only so long; see timed_call.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "plugin/base/clock.h"
#include "plugin/base/timed_call.h"

struct call {
    void (*work)(void *opaque);
    void (*drop)(void *opaque);
    void *opaque;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done, abandoned;
};

static void call_free(struct call *c)
{
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void *run(void *opaque)
{
    struct call *c = opaque;
    bool abandoned;

    c->work(c->opaque);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    abandoned = c->abandoned;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
    if (abandoned) {
        c->drop(c->opaque);
        call_free(c);
    }
    return NULL;
}

static struct call *call_new(void)
{
    struct call *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    monotonic_cond_init(&c->ended);
    return c;
}

/* Signals are for other threads. */
static int start(struct call *c, pthread_t *thread)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = -pthread_create(thread, NULL, run, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int timed_call(void (*work)(void *opaque), void (*drop)(void *opaque),
               void *opaque, unsigned milliseconds)
{
    struct timespec end = monotonic_in(milliseconds);
    struct call *c = call_new();
    pthread_t thread;
    bool done;
    int rc;

    if (!c)
        return -ENOMEM;
    c->work = work;
    c->drop = drop;
    c->opaque = opaque;
    rc = start(c, &thread);
    if (rc) {
        call_free(c);
        return rc;
    }
    pthread_mutex_lock(&c->lock);
    while (!c->done &&
           pthread_cond_timedwait(&c->ended, &c->lock, &end) != ETIMEDOUT)
        ;
    done = c->done;
    c->abandoned = !done;
    pthread_mutex_unlock(&c->lock);
    if (!done) {
        pthread_detach(thread);
        return -ETIMEDOUT;
    }
    pthread_join(thread, NULL);
    call_free(c);
    return 0;
}
