/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that may take their time; see freight.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "plugin/freight.h"
#include "plugin/log.h"
#include "plugin/monotonic.h"
#include "plugin/parallel.h"
#include "plugin/proto.h"
#include "plugin/wire.h"

#define QUEUE_MAX (8u << 20)        /* bytes */
#define PIECE (256u << 10)          /* bytes of a FREIGHT frame, at most */
#define WINDOW_LOG 25
#define JOB_BYTES (4u << 20)        /* that one processor compresses */
#define OVERLAP_LOG 6               /* with an eighth of the window before */
#define IDLE_MS 50                  /* without a frame: what there is goes */
#define LONG_TABLES 16              /* level from which tables are bounded */

/* Levels that the link is followed through, and seconds that one processor took
 * for a job of programs, which makes JOB_OUT bytes.  Of content that compresses
 * better a job takes less, but not less than JOB_LEAST of it.  The levels from
 * 10 to 15 save one byte in a hundred more than 9, and take up to ten times as
 * long; 19 saves what 18 does. */
static const struct {
    int level;
    double seconds;
} levels[] = {
    { -10, 0.010 }, { -5, 0.012 }, { -2, 0.014 }, { 1, 0.016 }, { 2, 0.018 },
    { 3, 0.024 }, { 4, 0.033 }, { 5, 0.050 }, { 6, 0.058 }, { 7, 0.080 },
    { 9, 0.090 }, { 16, 1.2 }, { 17, 1.4 }, { 18, 1.5 },
};
#define JOB_OUT (JOB_BYTES * 0.3)
#define JOB_LEAST 0.15
#define N_LEVELS (sizeof(levels) / sizeof(levels[0]))
/* Where that begins: at the lowest level at which zstd chooses its faster way
 * of searching (by rows), as it does so once, for all levels to come. */
#define FIRST_LEVEL 7
#define FAST_LEVEL 10       /* above it, levels take much longer */

/* A decision is due after so much of both. */
#define LOOK_SECONDS 0.25
#define LOOK_BYTES JOB_BYTES

/* How many times as long as the table says it takes here: to begin with, at
 * most and at least, and what becomes of that while the line is the slower
 * one, so that it is tried again. */
#define PACE_FIRST 1.25
#define PACE_MAX 16
#define PACE_MIN 0.5
#define PACE_FORGET 0.97

struct load {
    struct load *next;
    uint16_t disk;
    size_t length;
    uint8_t data[];
};

struct freight {
    freight_send *send;
    freight_failed *failed;
    void *opaque;

    pthread_mutex_t lock;           /* covers what follows */
    pthread_cond_t more, room;
    struct load *head, **tail;
    size_t queued;
    bool hurry;                     /* what there is goes, when all of it is
                                       in */
    bool stop;
    int rc;
    pthread_t thread;

    /* Of the thread. */
    ZSTD_CCtx *compressor;
    uint8_t *out;
    uint16_t disk;
    uint64_t flushed, unflushed;    /* bytes in */
    bool follows;                   /* the link */
    unsigned level;                 /* index of levels */
    double rate;                    /* of a rehearsal's line, or 0 */
    double pace;
    uint64_t since;                 /* the last change of level: bytes in */
    double start, compressing, writing;     /* since the last decision, and */
    uint64_t in, sent;                      /* bytes */
};

/* The tables of the highest levels would be larger than what they index, and
 * every processor has its own. */
static void set_level(ZSTD_CCtx *c, int level)
{
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c, ZSTD_c_hashLog, level < LONG_TABLES ? 0 : 21);
    ZSTD_CCtx_setParameter(c, ZSTD_c_chainLog, level < LONG_TABLES ? 0 : 22);
}

/* The highest level at which all processors together keep up with the line, as
 * it was since the last decision; of those that save little, with half of their
 * time, as the disk has to be read, and the host has other guests. */
static unsigned sustained(const struct freight *f)
{
    double line = f->writing * JOB_OUT * parallel_count(0, false) / f->sent;
    unsigned i, best = 0;

    for (i = 1; i < N_LEVELS; i++)
        if (levels[i].seconds * f->pace <=
            (levels[i].level > FAST_LEVEL ? line : line / 2))
            best = i;
    return best;
}

/* Everything waited for the compressor: that tells how long it takes. */
static void learn_pace(struct freight *f)
{
    double in = (double)f->in / JOB_BYTES, out = f->sent / JOB_OUT;
    double jobs = in * JOB_LEAST + (out < in ? out : in) * (1 - JOB_LEAST);
    double seconds = f->compressing * parallel_count(0, false) / jobs;

    f->pace = (f->pace + seconds / levels[f->level].seconds) / 2;
    if (f->pace > PACE_MAX)
        f->pace = PACE_MAX;
    if (f->pace < PACE_MIN)
        f->pace = PACE_MIN;
}

static void set_index(struct freight *f, unsigned i)
{
    if (i == f->level)
        return;
    set_level(f->compressor, levels[i].level);
    f->level = i;
    f->since = 0;
}

/* Whether jobs of another level are under way. */
static bool is_mixed(const struct freight *f)
{
    return f->since < (parallel_count(0, false) + 2) * (uint64_t)JOB_BYTES;
}

static void look_from(struct freight *f, double t)
{
    f->start = t;
    f->compressing = f->writing = 0;
    f->in = f->sent = 0;
}

static void look(struct freight *f)
{
    double t = monotonic_seconds();
    double all = f->rate > 0 ? f->compressing + f->writing : t - f->start;
    unsigned best;

    if (!f->follows || all < LOOK_SECONDS || f->in < LOOK_BYTES || !f->sent)
        return;
    if (f->writing > 0.6 * all) {
        f->pace *= PACE_FORGET;
        best = sustained(f);
        set_index(f, best > f->level ? best : f->level);
    } else if (f->compressing > 0.5 * all && f->level > 0) {
        if (f->compressing > 0.85 * all && !is_mixed(f))
            learn_pace(f);
        set_index(f, f->level > FAST_LEVEL ? FAST_LEVEL : f->level - 1);
    }
    look_from(f, t);
}

/* Compresses, and sends what comes out. */
static int push(struct freight *f, const void *data, size_t length,
                ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = { data, length, 0 };
    ZSTD_outBuffer out;
    double before, between;
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
        between = monotonic_seconds();
        f->compressing += between - before;
        rc = out.pos ? f->send(f->opaque, f->disk, f->out, out.pos) : 0;
        f->writing += f->rate > 0 ? out.pos / f->rate :
            monotonic_seconds() - between;
        if (rc)
            return rc;
        f->sent += out.pos;
    } while (in.pos < in.size || (end == ZSTD_e_flush && left > 0));
    f->in += length;
    f->since += length;
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
    struct load *l;
    int rc = 0;

    pthread_mutex_lock(&f->lock);
    while (!f->head && !f->stop && !(f->hurry && f->unflushed) &&
           rc != ETIMEDOUT)
        rc = f->unflushed ?
            pthread_cond_timedwait(&f->more, &f->lock, &until) :
            pthread_cond_wait(&f->more, &f->lock);
    l = f->stop ? NULL : f->head;
    if (!l)
        f->hurry = false;
    if (l) {
        f->head = l->next;
        if (!f->head)
            f->tail = &f->head;
        f->queued -= l->length;
        pthread_cond_broadcast(&f->room);
    }
    pthread_mutex_unlock(&f->lock);
    return l;
}

/* Of what is put in first, as much goes out as before. */
static int push_load(struct freight *f, const struct load *l)
{
    int rc = push(f, l->data, l->length, ZSTD_e_continue);

    if (rc || f->flushed >= JOB_BYTES || f->unflushed < f->flushed)
        return rc;
    rc = push(f, NULL, 0, ZSTD_e_flush);
    if (f->flushed >= JOB_BYTES)
        look_from(f, monotonic_seconds());      /* that tells little */
    return rc;
}

static void *work(void *opaque)
{
    struct freight *f = opaque;
    struct load *l;
    bool stop;
    int rc = 0;

    f->start = monotonic_seconds();
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
        f->rc = rc;
        stop = f->stop || rc;
        pthread_cond_broadcast(&f->room);
        pthread_mutex_unlock(&f->lock);
    } while (!stop);
    if (rc)
        f->failed(f->opaque, rc);
    return NULL;
}

static int prepare_compressor(struct freight *f, int level)
{
    f->level = FIRST_LEVEL;
    f->pace = PACE_FIRST;
    f->follows = level == 0;
    f->compressor = ZSTD_createCCtx();
    f->out = malloc(PIECE);
    if (!f->compressor || !f->out)
        return -ENOMEM;
    set_level(f->compressor, level ? level : levels[f->level].level);
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_windowLog, WINDOW_LOG);
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_enableLongDistanceMatching,
                           1);
    /* Refused by a library without threads: then it compresses as well. */
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_nbWorkers,
                           (int)parallel_count(0, false));
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_jobSize, JOB_BYTES);
    ZSTD_CCtx_setParameter(f->compressor, ZSTD_c_overlapLog, OVERLAP_LOG);
    return 0;
}

static int prepare(struct freight *f, int level)
{
    pthread_mutex_init(&f->lock, NULL);
    monotonic_cond_init(&f->more);
    pthread_cond_init(&f->room, NULL);
    f->tail = &f->head;
    return prepare_compressor(f, level);
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
        rc = -pthread_create(&f->thread, NULL, work, f);
    if (rc) {
        f->rc = rc;
        freight_free(f);
        return rc;
    }
    *f_r = f;
    return 0;
}

void freight_free(struct freight *f)
{
    struct load *l;

    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->more);
    pthread_mutex_unlock(&f->lock);
    if (f->thread)
        pthread_join(f->thread, NULL);
    while ((l = f->head)) {
        f->head = l->next;
        free(l);
    }
    ZSTD_freeCCtx(f->compressor);
    free(f->out);
    pthread_cond_destroy(&f->more);
    pthread_cond_destroy(&f->room);
    pthread_mutex_destroy(&f->lock);
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
    struct load *l = malloc(sizeof(*l) + PROTO_HEADER_BYTES + length);
    int rc;

    if (!l)
        return -ENOMEM;
    l->next = NULL;
    l->disk = disk;
    l->length = PROTO_HEADER_BYTES + length;
    set_le(l->data, type, 2);
    set_le(l->data + 2, disk, 2);
    set_le(l->data + 4, length, 4);
    set_le(l->data + 8, 0, 4);
    if (length)
        memcpy(l->data + PROTO_HEADER_BYTES, data, length);
    pthread_mutex_lock(&f->lock);
    while (f->queued > QUEUE_MAX && !f->rc)
        pthread_cond_wait(&f->room, &f->lock);
    rc = f->rc;
    if (!rc) {
        *f->tail = l;
        f->tail = &l->next;
        f->queued += l->length;
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

/* Rehearsal */

static int count_piece(void *opaque, uint16_t disk, const void *data,
                       size_t length)
{
    uint64_t *bytes = opaque;

    (void)disk;
    (void)data;
    *bytes += length;
    return 0;
}

int freight_rehearse(int level, double rate, double seconds,
                     const struct freight_sample *samples, size_t n,
                     struct freight_rehearsal *r)
{
    struct freight f = { .send = count_piece, .opaque = &r->out,
                         .rate = rate };
    double start = monotonic_seconds();
    size_t i;
    int rc;

    memset(r, 0, sizeof(*r));
    rc = prepare_compressor(&f, level);
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
    r->level = level ? level : levels[f.level].level;
    ZSTD_freeCCtx(f.compressor);
    free(f.out);
    return rc;
}

/* The other end */

struct unfreight {
    ZSTD_DCtx *decompressor;
    uint8_t *data;              /* the piece */
    ZSTD_inBuffer in;
    uint8_t header[PROTO_HEADER_BYTES];
    size_t have;                /* bytes of header and payload */
    struct frame frame;         /* with a payload as soon as length is known */
};

int unfreight_new(struct unfreight **u_r)
{
    struct unfreight *u = calloc(1, sizeof(*u));

    if (!u)
        return -ENOMEM;
    u->decompressor = ZSTD_createDCtx();
    if (!u->decompressor) {
        free(u);
        return -ENOMEM;
    }
    ZSTD_DCtx_setParameter(u->decompressor, ZSTD_d_windowLogMax,
                           PROTO_WINDOW_LOG_MAX);
    *u_r = u;
    return 0;
}

void unfreight_free(struct unfreight *u)
{
    if (!u)
        return;
    ZSTD_freeDCtx(u->decompressor);
    free(u->data);
    frame_release(&u->frame);
    free(u);
}

void unfreight_give(struct unfreight *u, uint8_t *data, size_t length)
{
    free(u->data);
    u->data = data;
    u->in = (ZSTD_inBuffer){ data, length, 0 };
}

/* Decompresses up to n bytes.  *got_r < n: the piece has no more. */
static int fill(struct unfreight *u, void *data, size_t n, size_t *got_r)
{
    ZSTD_outBuffer out = { data, n, 0 };
    size_t before, left;

    do {
        before = u->in.pos + out.pos;
        left = ZSTD_decompressStream(u->decompressor, &out, &u->in);
        if (ZSTD_isError(left)) {
            log_error("peer sent damaged freight: %s",
                      ZSTD_getErrorName(left));
            return -EPROTO;
        }
    } while (out.pos < out.size && u->in.pos + out.pos > before);
    *got_r = out.pos;
    if (out.pos < out.size) {
        /* zstd takes it ill to be asked again and again with nothing. */
        free(u->data);
        u->data = NULL;
    }
    return 0;
}

static int read_header(struct unfreight *u)
{
    struct cursor c = CURSOR_INIT(u->header, sizeof(u->header));
    struct frame *f = &u->frame;

    f->type = cursor_u16(&c);
    f->disk = cursor_u16(&c);
    f->length = cursor_u32(&c);
    if (cursor_u32(&c) || f->length > PROTO_RAW_MAX ||
        f->type == FRAME_FREIGHT) {
        log_error("peer sent freight that is no frame");
        return -EPROTO;
    }
    f->data = malloc(f->length + 1);
    return f->data ? 0 : -ENOMEM;
}

int unfreight_take(struct unfreight *u, struct frame *f)
{
    size_t got;
    int rc;

    if (!u->data)
        return 0;
    if (u->have < sizeof(u->header)) {
        rc = fill(u, u->header + u->have, sizeof(u->header) - u->have, &got);
        u->have += rc ? 0 : got;
        if (rc || u->have < sizeof(u->header))
            return rc;
        rc = read_header(u);
        if (rc)
            return rc;
    }
    if (u->have < sizeof(u->header) + u->frame.length) {
        size_t at = u->have - sizeof(u->header);

        rc = fill(u, u->frame.data + at, u->frame.length - at, &got);
        u->have += rc ? 0 : got;
        if (rc || u->have < sizeof(u->header) + u->frame.length)
            return rc;
    }
    *f = u->frame;
    memset(&u->frame, 0, sizeof(u->frame));
    u->have = 0;
    return 1;
}
