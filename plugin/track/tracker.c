/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is written while an image is read; see tracker.h.
 *
 * fresh:   what the next collect must return;
 * pending: by submission only, what may be in flight: all that was submitted
 *          since the last quiet moment.  A collect returns it as well; at a
 *          quiet moment it moves to fresh, to be read a last time.
 *
 * The order in look() matters.  Statistics are read first and the rings
 * after, because an I/O is traced before it is accounted: whatever the former
 * count must be in the latter.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/track/perf_events.h"
#include "plugin/track/tracker.h"
#include "plugin/track/watch.h"

#define GRAIN_DEFAULT 65536
#define READER_MS 50
#define CANARY_MS 700
#define CANARY_TRIES 3
/* How long, and how often at least, accounts and trace must have agreed while
 * nothing was in flight. */
#define REST_MS 250
#define REST_TIMES 3

/* A trace cannot name more: 2^63 bytes. */
#define SECTORS_MAX (UINT64_C(1) << 54)

/* What was accounted beyond what was traced, when nothing was in flight. */
struct rest {
    int64_t excess;                 /* sectors: the most of late */
    uint64_t since_ms, last_ms;     /* first and last time that it was that */
    unsigned times;                 /* that it was; 0: never */
};

struct progress {
    uint64_t seen;                  /* sectors written, from the trace */
    uint64_t base;                  /* sectors accounted when seen was 0 */
    struct rest rest;
};

struct sample {
    uint64_t accounted[TRACK_DEVICES_MAX];
    bool idle;                      /* no write in flight, accounts stood */
};

struct tracker {
    const struct image *img;
    struct watch *watch;
    const struct track_devices *devs;   /* the watch's */
    bool by_completion;
    struct perf_events *events;     /* used under the lock, but for waiting */

    pthread_t reader;
    atomic_bool stop;

    pthread_mutex_t lock;           /* covers what follows */
    struct progress progress[TRACK_DEVICES_MAX];
    struct dirty fresh, pending;
    bool any_pending;
    bool based;                     /* base is known */
    bool settled;                   /* it has been quiet since the start */
    bool quiet;                     /* at the last look */
    int doubt;                      /* to be told by the next collect */
    bool ended;
    uint64_t canary_dev, canary_sector;
    bool canary_seen;
    char why[256];
};

static int __attribute__((format(printf, 3, 4)))
fail(struct tracker *t, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t->why, sizeof(t->why), fmt, ap);
    va_end(ap);
    return rc;
}

/* --- events ------------------------------------------------------------ */

/* Marks the part of a device's sectors that belong to the image. */
static void mark(struct tracker *t, const struct track_device *d,
                 uint64_t sector, uint64_t sectors)
{
    uint64_t end = sector + sectors, offset, length;

    sector = sector > d->start ? sector - d->start : 0;
    end = end > d->start ? end - d->start : 0;
    if (end > d->size / 512)
        end = d->size / 512;
    if (sector >= end)
        return;
    offset = sector * 512 + d->loop_offset;
    length = (end - sector) * 512;
    dirty_mark(&t->fresh, offset, length);
    if (!t->by_completion)
        dirty_mark(&t->pending, offset, length);
    t->any_pending = true;
}

static int take_event(struct tracker *t, size_t i,
                      const struct trace_event *e)
{
    const struct track_device *d = &t->devs->dev[i];

    if (e->op == TRACE_READ) {
        t->canary_seen |= t->canary_dev == d->dev &&
            e->sector <= t->canary_sector &&
            e->sector + e->sectors >= t->canary_sector + WATCH_BLOCK / 512;
        return 0;
    }
    if (e->op == TRACE_FLUSH)
        return 0;
    if (e->sector > SECTORS_MAX || e->sectors > SECTORS_MAX)
        return -EBADMSG;
    /* A SCSI command has no sector; it looks like zeroes written to 0. */
    if (e->op == TRACE_OTHER && !e->sector && e->sectors &&
        t->by_completion && d->hardware)
        return fail(t, -EOVERFLOW, "%s: a command that may have written "
                    "anywhere", d->name);
    if (e->dev == (t->by_completion ? d->disk_dev : d->dev))
        t->progress[i].seen += e->sectors;
    mark(t, d, e->sector, e->sectors);
    return 0;
}

static int on_event(void *opaque, const struct trace_event *e)
{
    struct tracker *t = opaque;
    size_t i;
    int rc = 0;

    for (i = 0; i < t->devs->n && !rc; i++)
        if (e->dev == t->devs->dev[i].dev || e->dev == t->devs->dev[i].disk_dev)
            rc = take_event(t, i, e);
    return rc;
}

/* --- doubt ------------------------------------------------------------- */

static int end_tracking(struct tracker *t)
{
    if (!t->ended)
        log_warn("%s: no longer tracked: %s", t->img->path, t->why);
    t->ended = true;
    return -EIO;
}

/* Sets out anew after a loss: all is dirty, and only what is written from
 * here on has to be known. */
static int start_anew(struct tracker *t)
{
    uint64_t accounted;
    size_t i;

    if (perf_events_restart(t->events, t->why, sizeof(t->why)))
        return end_tracking(t);
    for (i = 0; i < t->devs->n; i++) {
        if (track_device_accounted(&t->devs->dev[i], &accounted, NULL)) {
            fail(t, 0, "%s: no statistics", t->devs->dev[i].name);
            return end_tracking(t);
        }
        t->progress[i] = (struct progress){ .base = accounted };
    }
    dirty_mark_all(&t->fresh);
    if (!t->by_completion)
        dirty_mark_all(&t->pending);
    t->any_pending = true;
    t->based = t->settled = t->by_completion;
    t->quiet = false;
    return 0;
}

static int note_doubt(struct tracker *t, int rc)
{
    if (rc == -EIO)
        return end_tracking(t);
    log_debug("%s: tracking is in doubt: %s", t->img->path, t->why);
    t->doubt = rc;
    return start_anew(t);
}

/* --- looking ----------------------------------------------------------- */

static int take_sample(struct tracker *t, struct sample *s)
{
    uint64_t again, writes;
    bool suspended;
    size_t i;
    int rc;

    s->idle = true;
    for (i = 0; i < t->devs->n; i++) {
        const struct track_device *d = &t->devs->dev[i];

        rc = track_device_accounted(d, &s->accounted[i], NULL);
        if (!rc)
            rc = track_device_in_flight(d, &writes);
        if (!rc)
            rc = track_device_suspended(d, &suspended);
        /* The counter is a sum over processors: it can be trusted to be 0
         * only if nothing began while it was added up. */
        if (!rc)
            rc = track_device_accounted(d, &again, NULL);
        if (rc)
            return fail(t, -EIO, "%s: no statistics: %s", d->name,
                        strerror(-rc));
        if (writes || suspended || again != s->accounted[i])
            s->idle = false;
    }
    return 0;
}

/* Nothing is in flight.  True: for a while accounts and trace have differed by
 * the same again and again, whatever else was written meanwhile, and by no
 * more; so it is no write that is on its way from the one to the other. */
static bool note_rest(struct rest *r, int64_t excess)
{
    uint64_t now = monotonic_ms();

    if (!r->times || excess > r->excess ||
        (excess < r->excess && now - r->last_ms >= REST_MS)) {
        *r = (struct rest){ excess, now, now, 1 };
        return false;
    }
    /* A write has been traced, and will be accounted. */
    if (excess < r->excess)
        return false;
    r->last_ms = now;
    r->times++;
    return r->times >= REST_TIMES && now - r->since_ms >= REST_MS;
}

/* The accounts at the start include some I/O that was traced and some that was
 * not; and a driver may never account what it was given.  A base that was taken
 * too low, because a write lingered for all that time, shows when that is
 * accounted; higher it never gets. */
static void find_base(struct tracker *t, size_t i, uint64_t accounted)
{
    struct progress *p = &t->progress[i];
    int64_t excess = accounted - p->seen;

    if (!note_rest(&p->rest, excess) ||
        (t->based && excess >= (int64_t)p->base))
        return;
    p->base = excess;
    t->based = true;
}

/* Compares what was accounted with what was traced. */
static int weigh(struct tracker *t, const struct sample *s)
{
    size_t i;

    t->quiet = s->idle;
    for (i = 0; i < t->devs->n; i++) {
        struct progress *p = &t->progress[i];
        uint64_t sectors;

        if (s->idle)
            find_base(t, i, s->accounted[i]);
        sectors = s->accounted[i] - p->base;
        if (t->based && sectors > p->seen)
            return fail(t, -EOVERFLOW, "%s: %" PRIu64 " sectors were "
                        "written, but %" PRIu64 " traced",
                        t->devs->dev[i].name, sectors, p->seen);
        if (!t->by_completion && (!t->based || sectors != p->seen))
            t->quiet = false;
    }
    t->settled = t->settled || t->quiet;
    if (!t->by_completion && t->quiet && t->any_pending) {
        dirty_or(&t->fresh, &t->pending);
        dirty_clear(&t->pending);
        t->any_pending = false;
    }
    return 0;
}

enum depth {
    TAKE,                           /* what is in the rings */
    SAMPLE,                         /* and compare with statistics */
    COUNT,                          /* and with the events' counters */
};

/* Takes in what the kernel knows.  Doubts are noted, not returned.  -EIO:
 * tracking has ended. */
static int look(struct tracker *t, enum depth depth)
{
    struct sample s = { .idle = false };
    bool sampled = depth >= SAMPLE || !t->by_completion;
    bool thorough = depth == COUNT;
    int rc = 0;

    if (t->ended)
        return -EIO;
    if (sampled)
        rc = take_sample(t, &s);
    if (!rc)
        rc = perf_events_drain(t->events, thorough, on_event, t, t->why,
                               sizeof(t->why));
    if (!rc && sampled)
        rc = weigh(t, &s);
    return rc ? note_doubt(t, rc) : 0;
}

static void *read_always(void *opaque)
{
    struct tracker *t = opaque;
    int rc = 0;

    while (!rc && !atomic_load(&t->stop)) {
        perf_events_wait(t->events, READER_MS);
        pthread_mutex_lock(&t->lock);
        rc = look(t, TAKE);
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

/* --- the interface ----------------------------------------------------- */

/* "dev == 7340032 || dev == 7340033" */
static void write_filter(const struct tracker *t, char *filter, size_t size)
{
    size_t i, n = 0;

    for (i = 0; i < t->devs->n; i++) {
        const struct track_device *d = &t->devs->dev[i];

        n += snprintf(filter + n, size - n, "%sdev == %" PRIu64,
                      i ? " || " : "", d->disk_dev);
        if (!t->by_completion && d->dev != d->disk_dev)
            n += snprintf(filter + n, size - n, " || dev == %" PRIu64,
                          d->dev);
    }
}

static int start_reader(struct tracker *t)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = -pthread_create(&t->reader, NULL, read_always, t);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

static void tracker_free(struct tracker *t)
{
    perf_events_close(t->events);
    watch_close(t->watch);
    dirty_release(&t->fresh);
    dirty_release(&t->pending);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static int check_methods(struct tracker *t)
{
    size_t i;

    t->by_completion = t->devs->dev[0].by_completion;
    for (i = 1; i < t->devs->n; i++)
        if (!t->by_completion || !t->devs->dev[i].by_completion)
            return fail(t, -ENOTSUP, "several devices of different kinds");
    return 0;
}

static int init_maps(struct tracker *t, uint64_t grain)
{
    int rc = dirty_init(&t->fresh, t->img->size, grain);

    if (!rc && !t->by_completion)
        rc = dirty_init(&t->pending, t->img->size, grain);
    return rc ? fail(t, rc, "no memory, or no power of two") : 0;
}

int tracker_start(struct tracker **t_r, const struct image *img,
                  const struct tracker_options *opt, char *why,
                  size_t why_size)
{
    static const struct tracker_options defaults = { 0, 0 };
    struct tracker *t = calloc(1, sizeof(*t));
    char filter[TRACK_DEVICES_MAX * 64];
    int rc;

    *t_r = NULL;
    if (!t)
        return -ENOMEM;
    if (!opt)
        opt = &defaults;
    t->img = img;
    pthread_mutex_init(&t->lock, NULL);
    rc = watch_open(&t->watch, img, t->why, sizeof(t->why));
    if (rc)
        goto out;
    t->devs = &t->watch->devs;
    rc = check_methods(t);
    if (!rc)
        rc = init_maps(t, opt->grain ? opt->grain : GRAIN_DEFAULT);
    if (rc)
        goto out;
    write_filter(t, filter, sizeof(filter));
    rc = perf_events_open(&t->events, t->by_completion ? "block_rq_complete" :
                          "block_bio_queue", filter, opt->ring, t->why,
                          sizeof(t->why));
    if (!rc)
        rc = start_anew(t);
    if (!rc)
        rc = start_reader(t);
out:
    snprintf(why, why_size, "%s", t->why);
    if (rc)
        tracker_free(t);
    else
        *t_r = t;
    return rc;
}

void tracker_stop(struct tracker *t)
{
    if (!t)
        return;
    atomic_store(&t->stop, true);
    pthread_join(t->reader, NULL);
    tracker_free(t);
}

/* The tracker's own lock is not held while the devices are asked: that may
 * take a while, and the rings must be read meanwhile. */
static int check_watch(struct tracker *t)
{
    char why[sizeof(t->why)];
    bool ended;
    int rc = 0;

    pthread_mutex_lock(&t->lock);
    ended = t->ended;
    pthread_mutex_unlock(&t->lock);
    if (!ended)
        rc = watch_check(t->watch, why, sizeof(why));
    pthread_mutex_lock(&t->lock);
    if (rc && !t->ended) {
        fail(t, rc, "%s", why);
        end_tracking(t);
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int tracker_collect(struct tracker *t, struct dirty *d)
{
    int rc;

    check_watch(t);
    pthread_mutex_lock(&t->lock);
    rc = look(t, COUNT);
    if (!rc)
        rc = t->doubt;
    t->doubt = 0;
    if (rc)
        dirty_mark_all(d);
    dirty_or(d, &t->fresh);
    dirty_or(d, &t->pending);
    dirty_clear(&t->fresh);
    pthread_mutex_unlock(&t->lock);
    return rc;
}

/* Picks a place: not where the last canary was, nor likely anybody. */
static uint64_t place_canary(struct tracker *t, const struct track_device *d)
{
    struct timespec ts;
    uint64_t place;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    place = (ts.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) >> 20) %
        (d->size / WATCH_BLOCK + (d->size < WATCH_BLOCK));
    pthread_mutex_lock(&t->lock);
    t->canary_dev = d->dev;
    t->canary_sector = place * (WATCH_BLOCK / 512) + d->start;
    t->canary_seen = false;
    pthread_mutex_unlock(&t->lock);
    return place * WATCH_BLOCK;
}

/* Waits for the event of the canary's read.  *seen_r: it came. */
static int wait_canary(struct tracker *t, bool *seen_r)
{
    unsigned tries;
    int rc = 0;

    *seen_r = false;
    for (tries = 0; !rc && !*seen_r && tries < CANARY_MS; tries++) {
        if (tries)
            usleep(1000);
        pthread_mutex_lock(&t->lock);
        rc = look(t, tries ? TAKE : COUNT);
        *seen_r = t->canary_seen;
        pthread_mutex_unlock(&t->lock);
    }
    return rc;
}

static int try_canary(struct tracker *t, size_t i)
{
    const struct track_device *d = &t->devs->dev[i];
    unsigned tries;
    bool seen = false;
    int rc = 0;

    /* An overflow may take the event along: that is no proof against it. */
    for (tries = 0; tries < CANARY_TRIES && !rc && !seen; tries++) {
        rc = watch_read(t->watch, i, place_canary(t, d));
        if (!rc)
            rc = wait_canary(t, &seen);
    }
    if (!rc && seen)
        return 0;
    pthread_mutex_lock(&t->lock);
    if (!t->ended)
        fail(t, 0, "%s: %s", d->name, !rc ? "reading it leaves no trace" :
             rc == -ENODATA ? "its statistics do not count" :
             rc == -ETIMEDOUT ? "it does not answer" : "it cannot be read");
    rc = end_tracking(t);
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int tracker_canary(struct tracker *t)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < t->devs->n && !rc; i++)
        rc = try_canary(t, i);
    return rc;
}

int tracker_quiet(struct tracker *t, bool *quiet_r)
{
    int rc;

    pthread_mutex_lock(&t->lock);
    rc = look(t, SAMPLE);
    *quiet_r = !rc && t->quiet;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int tracker_settled(struct tracker *t, bool *settled_r)
{
    int rc;

    pthread_mutex_lock(&t->lock);
    rc = look(t, SAMPLE);
    *settled_r = !rc && t->settled;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void tracker_why(struct tracker *t, char *why, size_t size)
{
    pthread_mutex_lock(&t->lock);
    snprintf(why, size, "%s", t->why);
    pthread_mutex_unlock(&t->lock);
}

const char *tracker_method(const struct tracker *t)
{
    return t->by_completion ? "by completion" : "by submission";
}
