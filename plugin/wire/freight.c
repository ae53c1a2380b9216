/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that may take their time; see freight.h.
 *
 * One thread compresses, and another one carries what comes out to the line.
 * Between them there is a queue of what the line takes in AHEAD_SECONDS, as
 * content that hardly compresses keeps the line busy and leaves the processors
 * idle, and content that compresses well does the opposite.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/base/processors.h"
#include "plugin/base/threads.h"
#include "plugin/proto.h"
#include "plugin/wire/adapt_level.h"
#include "plugin/wire/freight.h"

#define QUEUE_MAX (8u << 20)        /* bytes */
#define PIECE (256u << 10)          /* bytes of a FREIGHT frame, at most */
#define WINDOW_LOG 25
#define JOB_BYTES ADAPT_LEVEL_JOB_BYTES
#define OVERLAP_LOG 6               /* with an eighth of the window before */
#define IDLE_MS 50                  /* without a frame: what there is goes */
#define LONG_TABLES 16              /* level from which tables are bounded */

/* What is compressed ahead of the line, as seconds that the line takes for it:
 * so long it stays busy while the processors have something else to do, or
 * compress what leaves hardly anything. */
#define AHEAD_SECONDS 1.5
#define AHEAD_MIN (512u << 10)      /* bytes */
#define AHEAD_MAX (20u << 20)
#define RATE_SECONDS 0.25           /* of sending, to measure the line by */

/* A frame to be compressed, or a piece that was. */
struct load {
    struct load *next;
    uint16_t disk;
    size_t length;
    uint8_t data[];
};

struct queue {
    struct load *head, **tail;
    size_t bytes;
};

struct freight {
    freight_send *send;
    freight_failed *failed;
    void *opaque;

    pthread_mutex_t lock;           /* covers what follows */
    pthread_cond_t more, room;
    struct queue frames;
    bool hurry;                     /* what there is goes, when all of it is
                                       in */
    bool stop;
    int rc;                         /* the first failure */
    pthread_cond_t ready, taken;
    struct queue pieces;            /* its bytes include the one on its way */
    size_t ahead;                   /* bytes in there, at most */
    double busy;                    /* since the last decision about the level:
                                       seconds of sending, */
    uint64_t carried;               /* and bytes that were sent */

    bool started[2];
    pthread_t compressing_thread, carrying_thread;

    /* For the thread that compresses only. */
    ZSTD_CCtx *compressor;
    uint8_t *out;
    uint16_t disk;
    uint64_t flushed, unflushed;    /* bytes in */
    double rate;                    /* of an estimate's line, or 0 */
    struct adapt_level level;
    struct adapt_level_sample sample;
    double start;                   /* when the sample began */
    double idle;                    /* processors_idle() then */
};

/* Queues */

static void queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
    q->bytes = 0;
}

static void queue_put(struct queue *q, struct load *l)
{
    *q->tail = l;
    q->tail = &l->next;
    q->bytes += l->length;
}

/* Its bytes are for the caller to take off. */
static struct load *queue_take(struct queue *q)
{
    struct load *l = q->head;

    if (l)
        q->head = l->next;
    if (!q->head)
        q->tail = &q->head;
    return l;
}

static void queue_release(struct queue *q)
{
    struct load *l;

    while ((l = queue_take(q)))
        free(l);
}

static struct load *load_new(uint16_t disk, size_t length)
{
    struct load *l = malloc(sizeof(*l) + length);

    if (!l)
        return NULL;
    l->next = NULL;
    l->disk = disk;
    l->length = length;
    return l;
}

/* With the lock held.  Every thread that waits is to look again. */
static void wake_all(struct freight *f)
{
    pthread_cond_broadcast(&f->more);
    pthread_cond_broadcast(&f->room);
    pthread_cond_broadcast(&f->ready);
    pthread_cond_broadcast(&f->taken);
}

static void fail(struct freight *f, int rc)
{
    bool first;

    pthread_mutex_lock(&f->lock);
    first = !f->rc;
    if (first)
        f->rc = rc;
    wake_all(f);
    pthread_mutex_unlock(&f->lock);
    if (first)
        f->failed(f->opaque, rc);
}

/* Carrying */

/* With the lock held.  It doubles at most: the first pieces vanish into buffers
 * in no time, and tell nothing about the line. */
static void set_ahead(struct freight *f, double seconds, uint64_t bytes)
{
    double ahead = bytes / seconds * AHEAD_SECONDS;

    if (ahead > 2.0 * f->ahead)
        ahead = 2.0 * f->ahead;
    if (ahead > AHEAD_MAX)
        ahead = AHEAD_MAX;
    f->ahead = ahead < AHEAD_MIN ? AHEAD_MIN : ahead;
}

/* With the lock held, but for the sending. */
static int carry_one(struct freight *f, const struct load *l, double *seconds_r)
{
    double before;
    int rc;

    pthread_mutex_unlock(&f->lock);
    before = monotonic_seconds();
    rc = f->send(f->opaque, l->disk, l->data, l->length);
    *seconds_r = monotonic_seconds() - before;
    pthread_mutex_lock(&f->lock);
    f->busy += *seconds_r;
    f->carried += l->length;
    f->pieces.bytes -= l->length;
    pthread_cond_broadcast(&f->taken);
    return rc;
}

static void *carry(void *opaque)
{
    struct freight *f = opaque;
    double seconds, all = 0;
    uint64_t bytes = 0;
    struct load *l;
    int rc = 0;

    pthread_mutex_lock(&f->lock);
    while (!rc && !f->stop && !f->rc) {
        l = queue_take(&f->pieces);
        if (!l) {
            pthread_cond_wait(&f->ready, &f->lock);
            continue;
        }
        rc = carry_one(f, l, &seconds);
        all += seconds;
        bytes += l->length;
        free(l);
        if (all < RATE_SECONDS)
            continue;
        set_ahead(f, all, bytes);
        all = 0;
        bytes = 0;
    }
    pthread_mutex_unlock(&f->lock);
    if (rc)
        fail(f, rc);
    return NULL;
}

/* Hands what was compressed to the other thread, or lets an estimate's line
 * take it.  *seconds_r: of waiting. */
static int hand_over(struct freight *f, size_t length, double *seconds_r)
{
    double before = monotonic_seconds();
    struct load *l;
    int rc;

    *seconds_r = 0;
    if (length == 0)
        return 0;
    if (f->rate > 0) {
        *seconds_r = length / f->rate;
        f->busy += *seconds_r;
        f->carried += length;
        return f->send(f->opaque, f->disk, f->out, length);
    }
    l = load_new(f->disk, length);
    if (!l)
        return -ENOMEM;
    memcpy(l->data, f->out, length);
    pthread_mutex_lock(&f->lock);
    while (f->pieces.bytes >= f->ahead && !f->stop && !f->rc)
        pthread_cond_wait(&f->taken, &f->lock);
    rc = f->rc;
    queue_put(&f->pieces, l);
    pthread_cond_signal(&f->ready);
    pthread_mutex_unlock(&f->lock);
    *seconds_r = monotonic_seconds() - before;
    return rc;
}

/* Compressing */

/* The tables of the highest levels would be larger than what they index, and
 * every processor has its own. */
static void set_level(ZSTD_CCtx *c, int level)
{
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c, ZSTD_c_hashLog, level < LONG_TABLES ? 0 : 21);
    ZSTD_CCtx_setParameter(c, ZSTD_c_chainLog, level < LONG_TABLES ? 0 : 22);
}

/* idle: processors_idle() now */
static void begin_sample(struct freight *f, double now, double idle)
{
    f->start = now;
    f->idle = idle;
    f->sample = (struct adapt_level_sample){ 0 };
    pthread_mutex_lock(&f->lock);
    f->busy = 0;
    f->carried = 0;
    pthread_mutex_unlock(&f->lock);
}

static void look(struct freight *f)
{
    struct adapt_level_sample *s = &f->sample;
    double now = monotonic_seconds(), idle;

    s->seconds = f->rate > 0 ? s->compressing + s->waiting : now - f->start;
    pthread_mutex_lock(&f->lock);
    s->busy = f->busy;
    s->carried = f->carried;
    pthread_mutex_unlock(&f->lock);
    if (!adapt_level_is_due(&f->level, s))
        return;
    idle = processors_idle();
    s->idle = f->rate > 0 || f->idle < 0 ? -1 : idle - f->idle;
    adapt_level_time(&f->level);
    if (adapt_level_decide(&f->level, s))
        set_level(f->compressor, adapt_level_now(&f->level));
    begin_sample(f, now, idle);
}

/* Compresses, and hands on what comes out. */
static int push(struct freight *f, const void *data, size_t length,
                ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = { data, length, 0 };
    ZSTD_outBuffer out;
    double before, seconds;
    size_t left;
    int rc;

    do {
        before = monotonic_seconds();
        out = (ZSTD_outBuffer){ f->out, PIECE, 0 };
        left = ZSTD_compressStream2(f->compressor, &out, &in, end);
        if (ZSTD_isError(left)) {
            log_error("compression: %s", ZSTD_getErrorName(left));
            return -EIO;
        }
        f->sample.compressing += monotonic_seconds() - before;
        rc = hand_over(f, out.pos, &seconds);
        f->sample.waiting += seconds;
        if (rc)
            return rc;
        f->sample.out += out.pos;
    } while (in.pos < in.size || (end == ZSTD_e_flush && left > 0));
    f->sample.in += length;
    adapt_level_in(&f->level, length);
    f->unflushed += length;
    if (end == ZSTD_e_flush) {
        f->flushed += f->unflushed;
        f->unflushed = 0;
    }
    look(f);
    return 0;
}

/* NULL: nothing came for a while, or there will not be any more. */
static struct load *next_load(struct freight *f)
{
    struct timespec until = monotonic_in(IDLE_MS);
    struct load *l = NULL;
    int rc = 0;

    pthread_mutex_lock(&f->lock);
    while (!f->frames.head && !f->stop && !f->rc &&
           !(f->hurry && f->unflushed) && rc != ETIMEDOUT)
        rc = f->unflushed ?
            pthread_cond_timedwait(&f->more, &f->lock, &until) :
            pthread_cond_wait(&f->more, &f->lock);
    if (!f->stop && !f->rc)
        l = queue_take(&f->frames);
    if (l) {
        f->frames.bytes -= l->length;
        pthread_cond_broadcast(&f->room);
    } else {
        f->hurry = false;
    }
    pthread_mutex_unlock(&f->lock);
    return l;
}

/* The first pieces start small and double, until a job's bytes are out. */
static int push_load(struct freight *f, const struct load *l)
{
    int rc = push(f, l->data, l->length, ZSTD_e_continue);

    if (rc || f->flushed >= JOB_BYTES || f->unflushed < f->flushed)
        return rc;
    rc = push(f, NULL, 0, ZSTD_e_flush);
    if (f->flushed >= JOB_BYTES)                /* that tells little */
        begin_sample(f, monotonic_seconds(), processors_idle());
    return rc;
}

static void *work(void *opaque)
{
    struct freight *f = opaque;
    struct load *l;
    bool stop;
    int rc = 0;

    begin_sample(f, monotonic_seconds(), processors_idle());
    do {
        l = next_load(f);
        if (l) {
            f->disk = l->disk;
            rc = push_load(f, l);
            free(l);
        } else if (f->unflushed) {
            rc = push(f, NULL, 0, ZSTD_e_flush);
        }
        pthread_mutex_lock(&f->lock);
        stop = f->stop || f->rc;
        pthread_mutex_unlock(&f->lock);
    } while (!stop && !rc);
    if (rc)
        fail(f, rc);
    return NULL;
}

static int prepare(struct freight *f, int level)
{
    pthread_mutex_init(&f->lock, NULL);
    monotonic_cond_init(&f->more);
    pthread_cond_init(&f->room, NULL);
    pthread_cond_init(&f->ready, NULL);
    pthread_cond_init(&f->taken, NULL);
    queue_init(&f->frames);
    queue_init(&f->pieces);
    f->ahead = AHEAD_MIN;
    adapt_level_init(&f->level, level, threads_count(0, false));
    f->compressor = ZSTD_createCCtx();
    f->out = malloc(PIECE);
    if (!f->compressor || !f->out)
        return -ENOMEM;
    set_level(f->compressor, adapt_level_now(&f->level));
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_enableLongDistanceMatching,
                           1);
    /* Refused by a library without threads: then it compresses as well. */
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_nbWorkers,
                           (int)threads_count(0, false));
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_jobSize, JOB_BYTES);
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_overlapLog, OVERLAP_LOG);
    return 0;
}

static void release(struct freight *f)
{
    queue_release(&f->frames);
    queue_release(&f->pieces);
    ZSTD_freeCCtx(f->compressor);
    free(f->out);
    pthread_cond_destroy(&f->more);
    pthread_cond_destroy(&f->room);
    pthread_cond_destroy(&f->ready);
    pthread_cond_destroy(&f->taken);
    pthread_mutex_destroy(&f->lock);
}

static int start(struct freight *f)
{
    int rc = -pthread_create(&f->compressing_thread, NULL, work, f);

    f->started[0] = !rc;
    if (!rc)
        rc = -pthread_create(&f->carrying_thread, NULL, carry, f);
    f->started[1] = !rc;
    return rc;
}

int freight_new(struct freight **f_r, int level, freight_send *send,
                freight_failed *failed, void *opaque)
{
    struct freight *f = calloc(1, sizeof(*f));
    int rc;

    if (!f)
        return -ENOMEM;
    f->send = send;
    f->failed = failed;
    f->opaque = opaque;
    rc = prepare(f, level);
    if (!rc)
        rc = start(f);
    if (rc) {
        freight_free(f);
        return rc;
    }
    *f_r = f;
    return 0;
}

void freight_free(struct freight *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    wake_all(f);
    pthread_mutex_unlock(&f->lock);
    if (f->started[0])
        pthread_join(f->compressing_thread, NULL);
    if (f->started[1])
        pthread_join(f->carrying_thread, NULL);
    release(f);
    free(f);
}

static void set_le(uint8_t *p, uint32_t v, unsigned bytes)
{
    for (; bytes--; v >>= 8)
        *p++ = v;
}

int freight_put(struct freight *f, uint16_t type, uint16_t disk,
                const void *data, size_t length)
{
    struct load *l = load_new(disk, PROTO_HEADER_BYTES + length);
    int rc;

    if (!l)
        return -ENOMEM;
    set_le(l->data, type, 2);
    set_le(l->data + 2, disk, 2);
    set_le(l->data + 4, length, 4);
    set_le(l->data + 8, 0, 4);
    if (length)
        memcpy(l->data + PROTO_HEADER_BYTES, data, length);
    pthread_mutex_lock(&f->lock);
    while (f->frames.bytes > QUEUE_MAX && !f->rc)
        pthread_cond_wait(&f->room, &f->lock);
    rc = f->rc;
    if (!rc) {
        queue_put(&f->frames, l);
        l = NULL;
        pthread_cond_signal(&f->more);
    }
    pthread_mutex_unlock(&f->lock);
    free(l);
    return rc;
}

void freight_flush(struct freight *f)
{
    pthread_mutex_lock(&f->lock);
    f->hurry = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

/* Estimating */

static int count_piece(void *opaque, uint16_t disk, const void *data,
                       size_t length)
{
    uint64_t *bytes = opaque;

    (void)disk;
    (void)data;
    *bytes += length;
    return 0;
}

int freight_estimate(int level, double rate, double seconds,
                     const struct freight_sample *samples, size_t n,
                     struct freight_estimate *r)
{
    struct freight f = { .send = count_piece, .opaque = &r->out,
                         .rate = rate };
    double start = monotonic_seconds();
    size_t i;
    int rc;

    memset(r, 0, sizeof(*r));
    rc = prepare(&f, level);
    for (i = 0; i < n && !rc && monotonic_seconds() - start < seconds; i++) {
        rc = push(&f, samples[i].data, samples[i].length, ZSTD_e_continue);
        r->in += samples[i].length;
        if (i == n / 2) {
            r->half_in = r->in;
            r->half_out = r->out;
        }
    }
    if (!rc)
        rc = push(&f, NULL, 0, ZSTD_e_flush);
    r->level = adapt_level_now(&f.level);
    release(&f);
    return rc;
}
