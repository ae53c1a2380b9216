/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures on their way to the source; see signature_queue.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/target/signature_queue.h"
#include "plugin/target/want.h"

#define UNDERWAY_MAX (4u << 20)     /* bytes of signatures */
#define SIGNATURE_FRAME (64u << 10) /* bytes, about */
#define JOB_MAX 64u                 /* signatures */

struct signature_queue {
    struct target_disk *disk;

    /* Covered by the disk's lock. */
    struct queued_signature *head;  /* not begun */
    struct queued_signature **tail;
    size_t underway;                /* bytes that are not answered */
};

/* Signatures that a thread makes and sends. */
struct job {
    struct signature_queue *queue;
    struct target_disk *disk;
    uint32_t count;
    struct queued_signature *list[JOB_MAX];
};

static const char out_of_memory[] = "out of memory";

int signature_queue_new(struct signature_queue **q_r, struct target_disk *d)
{
    struct signature_queue *q = calloc(1, sizeof(*q));

    if (!q)
        return -ENOMEM;
    q->disk = d;
    q->tail = &q->head;
    *q_r = q;
    return 0;
}

void signature_queue_free(struct signature_queue *q)
{
    free(q);
}

void signature_queue_add(struct signature_queue *q, struct queued_signature *s)
{
    s->next = NULL;
    pthread_mutex_lock(&q->disk->lock);
    *q->tail = s;
    q->tail = &s->next;
    pthread_mutex_unlock(&q->disk->lock);
}

void signature_queue_answered(struct signature_queue *q,
                              const struct queued_signature *s)
{
    pthread_mutex_lock(&q->disk->lock);
    q->underway -= s->cost;
    pthread_mutex_unlock(&q->disk->lock);
}

/* Sending (a thread of the pool) */

static int flush(struct target_disk *d, struct buf *b)
{
    int rc = b->length > 0 ?
        wire_send_buf(d->wire, FRAME_SIGNATURE, d->number, b) : 0;

    buf_reset(b);
    return rc;
}

/* Sends those of which the source has shown another version, by way of b.  The
 * others are moved to the front of the job, *refused_r of them. */
static int send_shown(struct job *j, struct buf *b, uint32_t *refused_r)
{
    struct target_disk *d = j->disk;
    uint64_t previous = 0;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < j->count && !rc && d->error != -ECANCELED; i++) {
        struct queued_signature *s = j->list[i];

        if (d->told->proven &&
            !signature_is_shown(&s->file, d->told->proof_key, s->shown)) {
            j->list[(*refused_r)++] = s;
            continue;
        }
        /* The largest signature just fits into a frame. */
        if (b->length + signature_cost(&s->file) > SIGNATURE_FRAME)
            rc = flush(d, b);
        if (rc)
            break;
        if (b->length == 0)
            previous = 0;
        buf_put_zigzag(b, (int64_t)(s->number - previous));
        previous = s->number;
        rc = signature_put(&s->file, b);
        atomic_store(&s->begun, true);
    }
    return rc ? rc : flush(d, b);
}

/* Wants objects whose files are not described. */
static int refuse(struct job *j, uint32_t count)
{
    struct target_disk *d = j->disk;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < count; i++)
        signature_queue_answered(j->queue, j->list[i]);
    for (i = 0; i < count && !rc; i++)
        rc = want_ask(d, j->list[i]->number);
    if (!rc)
        rc = want_flush(d);
    if (!rc)
        rc = signature_queue_send(j->queue);
    /* With the last one all may be freed. */
    for (i = 0; i < count; i++)
        want_leave(d, WANT_HELPED, rc);
    return rc;
}

/* When the last one has begun and is sent, or is refused, the source may let
 * all of this be freed: only the job itself may be used then. */
static int send_job(void *opaque, uint64_t number)
{
    struct job *j = opaque;
    struct target_disk *d = j->disk;
    struct buf b = BUF_INIT;
    uint32_t refused = 0;
    int rc;

    (void)number;
    rc = send_shown(j, &b, &refused);
    if (!rc && refused)
        rc = refuse(j, refused);
    /* Otherwise both sides would wait for each other. */
    if (rc == -ENOMEM)
        rc = wire_send(d->wire, FRAME_FAIL, d->number, out_of_memory,
                       strlen(out_of_memory));
    buf_release(&b);
    free(j);
    return rc;
}

/* With the lock held: takes as many from the queue as may be under way. */
static void fill_job(struct signature_queue *q, struct job *j)
{
    struct queued_signature *s;

    while ((s = q->head) && q->underway < UNDERWAY_MAX && j->count < JOB_MAX) {
        q->head = s->next;
        q->underway += s->cost;
        j->list[j->count++] = s;
    }
    if (!q->head)
        q->tail = &q->head;
}

int signature_queue_send(struct signature_queue *q)
{
    struct target_disk *d = q->disk;
    struct job *j;
    int rc = 0;

    while (!rc) {
        j = calloc(1, sizeof(*j));
        if (!j)
            return -ENOMEM;
        j->queue = q;
        j->disk = d;
        pthread_mutex_lock(&d->lock);
        fill_job(q, j);
        pthread_mutex_unlock(&d->lock);
        if (j->count == 0) {
            free(j);
            return 0;
        }
        rc = threadpool_add_first(d->pool, send_job, j, 0, 1);
        if (rc)
            free(j);
    }
    return rc;
}
