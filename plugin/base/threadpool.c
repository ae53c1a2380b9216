/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pool of threads; see threadpool.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "plugin/base/processors.h"
#include "plugin/base/threadpool.h"

/* What a caller of threadpool_run() waits for. */
struct waiting {
    uint64_t unfinished;
    int rc;
    pthread_cond_t done;
};

struct batch {
    struct batch *next;
    threadpool_job *job;
    void *opaque;
    uint64_t number;        /* of the next job to start */
    uint64_t left;
    struct waiting *waiting;    /* NULL: nobody waits */
};

struct threadpool {
    pthread_mutex_t lock;   /* covers everything below */
    pthread_cond_t work;
    struct batch *head;
    struct batch **tail;
    bool stop;
    unsigned n_threads;
    pthread_t threads[];
};

/* Runs one job of the first batch.  Called and returns with the lock held. */
static void run_one(struct threadpool *p)
{
    struct batch *b = p->head;
    threadpool_job *job = b->job;
    void *opaque = b->opaque;
    uint64_t number = b->number++;
    struct waiting *waiting = b->waiting;
    int rc;

    if (--b->left == 0) {
        p->head = b->next;
        if (!p->head)
            p->tail = &p->head;
        free(b);
    }
    pthread_mutex_unlock(&p->lock);
    rc = job(opaque, number);
    pthread_mutex_lock(&p->lock);
    if (!waiting)
        return;
    if (rc && !waiting->rc)
        waiting->rc = rc;
    if (--waiting->unfinished == 0)
        pthread_cond_signal(&waiting->done);
}

static void *thread_main(void *opaque)
{
    struct threadpool *p = opaque;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stop)
            pthread_cond_wait(&p->work, &p->lock);
        if (!p->head)
            break;
        run_one(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int threadpool_new(struct threadpool **p_r, unsigned threads)
{
    struct threadpool *p;
    int rc = 0;

    if (threads == 0)
        threads = processors_count();
    p = calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    if (!p)
        return -ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->tail = &p->head;
    for (; p->n_threads < threads && !rc; p->n_threads += !rc)
        rc = -pthread_create(&p->threads[p->n_threads], NULL, thread_main, p);
    if (rc && p->n_threads == 0) {
        threadpool_free(p);
        return rc;
    }
    *p_r = p;
    return 0;
}

void threadpool_free(struct threadpool *p)
{
    unsigned i;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Takes a copy of the batch. */
static int put(struct threadpool *p, const struct batch *batch, bool first)
{
    struct batch *b = malloc(sizeof(*b));

    if (!b)
        return -ENOMEM;
    *b = *batch;
    pthread_mutex_lock(&p->lock);
    if (first) {
        b->next = p->head;
        p->head = b;
    } else {
        *p->tail = b;
    }
    if (!b->next)
        p->tail = &b->next;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    return 0;
}

int threadpool_add(struct threadpool *p, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count)
{
    struct batch b = { NULL, job, opaque, first, count, NULL };

    return count ? put(p, &b, false) : 0;
}

int threadpool_add_first(struct threadpool *p, threadpool_job *job,
                         void *opaque, uint64_t first, uint64_t count)
{
    struct batch b = { NULL, job, opaque, first, count, NULL };

    return count ? put(p, &b, true) : 0;
}

int threadpool_run(struct threadpool *p, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count)
{
    struct waiting waiting = { count, 0, PTHREAD_COND_INITIALIZER };
    struct batch b = { NULL, job, opaque, first, count, &waiting };
    int rc;

    if (count == 0)
        return 0;
    rc = put(p, &b, true);
    if (rc)
        return rc;
    pthread_mutex_lock(&p->lock);
    while (waiting.unfinished > 0)
        pthread_cond_wait(&waiting.done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&waiting.done);
    return waiting.rc;
}
