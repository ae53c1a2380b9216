/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found, told in order; see findings.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/content/findings.h"

#define PATIENCE 64             /* spans that wait for one */

/* What was found in a span. */
struct finding {
    struct finding *next;       /* that of a later span */
    uint64_t span;
    size_t n;
    const struct object *objects[];
};

struct findings {
    manifest_found *found;
    void *opaque;
    pthread_mutex_t lock;       /* covers what follows */
    struct finding *waiting;    /* for their turn, by span */
    size_t n_waiting;
    uint64_t turn;              /* the span whose turn it is */
};

struct findings *findings_new(manifest_found *found, void *opaque)
{
    struct findings *q = calloc(1, sizeof(*q));

    if (!q)
        return NULL;
    q->found = found;
    q->opaque = opaque;
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void findings_free(struct findings *q)
{
    struct finding *f;

    if (!q)
        return;
    while ((f = q->waiting)) {
        q->waiting = f->next;
        free(f);
    }
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* With the lock held. */
static void enqueue(struct findings *q, struct finding *f)
{
    struct finding **p;

    for (p = &q->waiting; *p && (*p)->span < f->span; p = &(*p)->next)
        ;
    f->next = *p;
    *p = f;
    q->n_waiting++;
}

/* Tells what has its turn, or has waited long enough.  With the lock held. */
static int tell(struct findings *q)
{
    struct finding *f;
    int rc = 0;

    while (!rc && (f = q->waiting) &&
           (f->span <= q->turn || q->n_waiting > PATIENCE)) {
        q->waiting = f->next;
        q->n_waiting--;
        if (f->span >= q->turn)
            q->turn = f->span + 1;
        if (f->n > 0)
            rc = q->found(q->opaque, f->objects, f->n);
        free(f);
    }
    return rc;
}

int findings_add(struct findings *q, uint64_t span,
                 const struct object *const *objects, size_t n)
{
    struct finding *f = malloc(sizeof(*f) + n * sizeof(*f->objects));
    int rc;

    if (!f) {
        log_error("no memory for a list of objects");
        return -ENOMEM;
    }
    f->span = span;
    f->n = n;
    if (n > 0)
        memcpy(f->objects, objects, n * sizeof(*f->objects));
    pthread_mutex_lock(&q->lock);
    enqueue(q, f);
    rc = tell(q);
    pthread_mutex_unlock(&q->lock);
    return rc;
}
