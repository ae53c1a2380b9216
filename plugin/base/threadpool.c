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
static void run_one(struct threadpool *w)
{
    struct batch *b = w->head;
    threadpool_job *job = b->job;
    void *opaque = b->opaque;
    uint64_t number = b->number++;
    struct waiting *waiting = b->waiting;
    int rc;

    if (--b->left == 0) {
        w->head = b->next;
        if (!w->head)
            w->tail = &w->head;
        free(b);
    }
    pthread_mutex_unlock(&w->lock);
    rc = job(opaque, number);
    pthread_mutex_lock(&w->lock);
    if (!waiting)
        return;
    if (rc && !waiting->rc)
        waiting->rc = rc;
    if (--waiting->unfinished == 0)
        pthread_cond_signal(&waiting->done);
}

static void *thread_main(void *opaque)
{
    struct threadpool *w = opaque;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->head && !w->stop)
            pthread_cond_wait(&w->work, &w->lock);
        if (!w->head)
            break;
        run_one(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int threadpool_new(struct threadpool **w_r, unsigned threads)
{
    struct threadpool *w;
    int rc = 0;

    if (threads == 0)
        threads = processors_count();
    w = calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
    if (!w)
        return -ENOMEM;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    w->tail = &w->head;
    for (; w->n_threads < threads && !rc; w->n_threads += !rc)
        rc = -pthread_create(&w->threads[w->n_threads], NULL, thread_main, w);
    if (rc && w->n_threads == 0) {
        threadpool_free(w);
        return rc;
    }
    *w_r = w;
    return 0;
}

void threadpool_free(struct threadpool *w)
{
    unsigned i;

    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    for (i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* Takes a copy of the batch. */
static int put(struct threadpool *w, const struct batch *batch, bool first)
{
    struct batch *b = malloc(sizeof(*b));

    if (!b)
        return -ENOMEM;
    *b = *batch;
    pthread_mutex_lock(&w->lock);
    if (first) {
        b->next = w->head;
        w->head = b;
    } else {
        *w->tail = b;
    }
    if (!b->next)
        w->tail = &b->next;
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

int threadpool_add(struct threadpool *w, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count)
{
    struct batch b = { NULL, job, opaque, first, count, NULL };

    return count ? put(w, &b, false) : 0;
}

int threadpool_add_first(struct threadpool *w, threadpool_job *job,
                         void *opaque, uint64_t first, uint64_t count)
{
    struct batch b = { NULL, job, opaque, first, count, NULL };

    return count ? put(w, &b, true) : 0;
}

int threadpool_run(struct threadpool *w, threadpool_job *job, void *opaque,
                   uint64_t first, uint64_t count)
{
    struct waiting waiting = { count, 0, PTHREAD_COND_INITIALIZER };
    struct batch b = { NULL, job, opaque, first, count, &waiting };
    int rc;

    if (count == 0)
        return 0;
    rc = put(w, &b, true);
    if (rc)
        return rc;
    pthread_mutex_lock(&w->lock);
    while (waiting.unfinished > 0)
        pthread_cond_wait(&waiting.done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&waiting.done);
    return waiting.rc;
}
