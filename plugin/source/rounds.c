/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rounds, and the last state after the suspension; see rounds.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/image/stamp.h"
#include "plugin/source/delta.h"
#include "plugin/source/rounds.h"
#include "plugin/source/witness.h"

/* Rounds while the guest runs end when little was left to be sent, when it does
 * not get less, or after LIVE_ROUNDS. */
#define FEW_BYTES (1u << 20)
#define LIVE_ROUNDS 8
/* Without a tracker every round reads all of the disk. */
#define FEW_SEGMENTS 4
#define LIVE_PASSES 5
/* A few rounds repair what a bad reading or writing left, more will not
 * help. */
#define REPAIRS 8
#define DRAIN_SECONDS 30
/* How long the copying waits for a device that does not come to rest: what is
 * read before it does is read again. */
#define SETTLE_MS 2000
/* If more than one part in COMPARE_FROM of the disk is dirty, all of it is
 * compared. */
#define COMPARE_FROM 4
/* Blocks of the bitmap grow with the disk: 8 MiB for 256 GiB and more. */
#define GRAIN 4096
#define GRAINS_MAX (UINT64_C(1) << 26)

/* What is known of the target's copy. */
enum state {
    UNKNOWN,                    /* what it lacks is not known: the next round
                                   compares all of the disk */
    DIRTY,                      /* it lacks what is in d->dirty, if anything */
    EQUAL,                      /* it was equal, after the suspension */
};

struct rounds {
    enum state state;
    unsigned whole;             /* rounds that have compared all of the disk */
    struct write_stamp settled; /* when it was equal, if not traced */
    struct write_stamp prehash; /* before d->prehash was read, if not traced */
};

int rounds_begin(struct source_disk *d)
{
    d->rounds = calloc(1, sizeof(*d->rounds));
    return d->rounds ? 0 : -ENOMEM;
}

static uint64_t grain_for(uint64_t size)
{
    uint64_t grain = GRAIN;

    while (size / grain > GRAINS_MAX)
        grain *= 2;
    return grain;
}

static void drop_prehash(struct source_disk *d)
{
    prehash_free(d->prehash);
    d->prehash = NULL;
}

static void stop_tracking(struct source_disk *d)
{
    drop_prehash(d);
    tracker_stop(d->tracker);
    d->tracker = NULL;
    dirty_release(&d->dirty);
}

void rounds_end(struct source_disk *d)
{
    stop_tracking(d);
    free(d->rounds);
    d->rounds = NULL;
}

static void say_untracked(const struct source_disk *d, const char *why)
{
    log_warn("disk %s: its writes cannot be traced (%s); all of it will be "
             "compared once more while the guest stands still", d->vdev, why);
}

/* Until the tracker has settled, what it knows is that all may be dirty. */
static void wait_settled(struct tracker *t)
{
    uint64_t limit = monotonic_ms() + SETTLE_MS;
    bool settled;

    while (!tracker_settled(t, &settled) && !settled &&
           monotonic_ms() < limit)
        usleep(10000);
}

void rounds_track(struct source_disk *d, size_t ring)
{
    struct tracker_options opt = { grain_for(d->image.size), ring };
    char why[256];

    if (dirty_init(&d->dirty, d->image.size, opt.grain))
        return say_untracked(d, "out of memory");
    if (tracker_start(&d->tracker, &d->image, &opt, why, sizeof(why)))
        return say_untracked(d, why);
    wait_settled(d->tracker);
    if (tracker_canary(d->tracker) ||
        tracker_collect(d->tracker, &d->dirty) == -EIO) {
        tracker_why(d->tracker, why, sizeof(why));
        stop_tracking(d);
        return say_untracked(d, why);
    }
    /* That was all of the disk, and what is read from here on is followed: the
     * state says that all must be sent, dirty what was written since. */
    dirty_clear(&d->dirty);
    log_info("disk %s: its writes are traced (%s)", d->vdev,
             tracker_method(d->tracker));
}

static bool is_dirty(const struct source_disk *d)
{
    return dirty_any(&d->dirty, 0, d->image.size);
}

/* Adds to what has to be sent: what is in d->dirty, or all. */
static void collect(struct source_disk *d)
{
    char why[256];
    int rc;

    if (!d->tracker) {
        d->rounds->state = UNKNOWN;
        return;
    }
    rc = tracker_collect(d->tracker, &d->dirty);
    if (rc) {
        tracker_why(d->tracker, why, sizeof(why));
        log_warn("disk %s: what was written is in doubt (%s); all of it is "
                 "compared again", d->vdev, why);
        d->rounds->state = UNKNOWN;
        drop_prehash(d);
    }
    if (rc == -EIO)
        stop_tracking(d);
    else if (dirty_bytes(&d->dirty) > d->image.size / COMPARE_FROM)
        d->rounds->state = UNKNOWN;
    else if (d->rounds->state == EQUAL && is_dirty(d))
        d->rounds->state = DIRTY;
}

/* Over a base the first pass does the bulk's work. */
static void book(struct source_disk *d, bool full)
{
    struct disk_report *r = &d->report;

    if (d->base && full) {
        r->different += d->round_bytes;
        r->identical -= d->round_bytes < r->identical ? d->round_bytes :
            r->identical;
        d->base = false;
    } else {
        r->resent += d->round_bytes;
    }
    r->rounds++;
    d->rounds->whole += full;
}

static int whole_pass(const struct session *s, struct source_disk *d,
                      uint64_t *left_r)
{
    struct pass_result result = { .left = 0 };
    int rc = witness_pass(s, d, true, &result);

    drop_prehash(d);
    if (!rc)
        d->rounds->state = result.cut_short ? UNKNOWN : DIRTY;
    *left_r = result.left;
    return rc;
}

/* Has the target verify once more what it has not, and sends that again.
 * *left: segments that it has not verified, before and after. */
static int repair(const struct session *s, struct source_disk *d,
                  uint64_t *left)
{
    struct pass_result result = { .left = *left };
    unsigned i;
    int rc = 0;

    for (i = 0; i < REPAIRS && !rc && result.left; i++)
        rc = witness_pass(s, d, false, &result);
    *left = result.left;
    return rc;
}

/* One round, after collect(). */
static int run_round(const struct session *s, struct source_disk *d)
{
    bool full = d->rounds->state == UNKNOWN;
    uint64_t left = 0;
    int rc;

    d->round_bytes = d->round_segments = 0;
    rc = full ? whole_pass(s, d, &left) : delta_send(s, d, &left);
    if (rc == -EAGAIN) {
        /* Some of what was dirty has not been sent. */
        d->rounds->state = UNKNOWN;
        rc = 0;
    }
    if (!rc)
        rc = repair(s, d, &left);
    if (left)
        d->rounds->state = UNKNOWN;
    if (rc)
        return rc;
    if (d->tracker)
        dirty_clear(&d->dirty);
    book(d, full);
    return 0;
}

int rounds_run(const struct session *s, struct source_disk *d)
{
    collect(d);
    return d->rounds->state == UNKNOWN || is_dirty(d) ? run_round(s, d) : 0;
}

static int catch_up_traced(const struct session *s, struct source_disk *d)
{
    uint64_t before = UINT64_MAX;
    unsigned i;
    int rc;

    for (i = 0; i < LIVE_ROUNDS && d->tracker; i++) {
        log_progress("disk %s: round %u while the guest runs", d->vdev,
                     i + 1);
        rc = rounds_run(s, d);
        if (rc)
            return rc;
        /* The first one looked at everything. */
        if (i > 0 && d->rounds->state != UNKNOWN &&
            (d->round_bytes <= FEW_BYTES || d->round_bytes >= before))
            break;
        before = d->round_bytes;
    }
    return 0;
}

static int catch_up_blindly(const struct session *s, struct source_disk *d)
{
    uint64_t before = UINT64_MAX;
    unsigned i;
    int rc;

    for (i = 0; i < LIVE_PASSES; i++) {
        log_progress("disk %s: check pass %u while the guest runs", d->vdev,
                     i + 1);
        rc = rounds_run(s, d);
        if (rc)
            return rc;
        if (d->round_segments <= FEW_SEGMENTS || d->round_segments >= before)
            break;
        before = d->round_segments;
    }
    return 0;
}

int rounds_catch_up(const struct session *s, struct source_disk *d)
{
    int rc = d->tracker ? catch_up_traced(s, d) : 0;
    bool settled;

    if (!rc && !d->tracker)
        rc = catch_up_blindly(s, d);
    if (!rc && d->tracker && !tracker_settled(d->tracker, &settled) &&
        !settled)
        log_warn("disk %s: its device has not been seen at rest since its "
                 "writes are traced; unless it comes to rest, all of it will "
                 "be compared once more while the guest stands still",
                 d->vdev);
    return rc;
}

/* After suspension */

/* Whether every write from now on will be known. */
static bool sees_writes(struct source_disk *d)
{
    return d->tracker ||
        (d->cold && write_stamp_take_at_rest(&d->image, &d->rounds->prehash));
}

int rounds_compare(const struct session *s, struct source_disk *d)
{
    bool kept = d->base && !source_is_dry(d) && sees_writes(d);
    int rc = d->base ? pass_compare(s, d) : 0;

    if (!rc)
        rc = witness_begin(s, d);
    /* Without them the pass reads the disk once more. */
    if (!rc && kept && prehash_keep(&d->prehash, d->sent, d->n_segments))
        d->prehash = NULL;
    return rc;
}

void rounds_prehash_begin(const struct session *s, struct source_disk *d)
{
    if (!d->prehash && !source_is_dry(d) && sees_writes(d) &&
        prehash_new(&d->prehash, &d->image, s->index, d->number))
        d->prehash = NULL;
}

void rounds_prehash_rest(const struct session *s, struct source_disk *d)
{
    rounds_prehash_begin(s, d);
    prehash_start(d->prehash);
}

/* Waits until the backend has nothing in flight, then takes the stamp. */
static int drain(const struct source_disk *d, struct write_stamp *stamp)
{
    double limit = monotonic_seconds() + DRAIN_SECONDS;
    uint64_t in_flight;
    int rc;

    while (!(rc = write_stamp_take(&d->image, stamp, &in_flight)) &&
           in_flight > 0) {
        if (monotonic_seconds() > limit) {
            log_error("disk %s: %" PRIu64 " requests are still in flight "
                      "%d seconds after the guest was suspended", d->vdev,
                      in_flight, DRAIN_SECONDS);
            return -ETIMEDOUT;
        }
        usleep(1000);
    }
    return rc;
}

/* Waits until nothing is in flight, and makes sure that the trace still
 * works.  If it does not, the disk is not traced any more. */
static void drain_traced(struct source_disk *d)
{
    double limit = monotonic_seconds() + DRAIN_SECONDS;
    char why[256];
    bool quiet;
    int rc;

    while (!(rc = tracker_quiet(d->tracker, &quiet)) && !quiet &&
           monotonic_seconds() < limit)
        usleep(1000);
    if (quiet && !tracker_canary(d->tracker))
        return;
    tracker_why(d->tracker, why, sizeof(why));
    stop_tracking(d);
    say_untracked(d, rc || quiet ? why : "its device does not come to rest");
}

static int never_settles(const struct source_disk *d)
{
    log_error("disk %s: still differs after %u rounds; is something else "
              "writing to %s?", d->vdev, REPAIRS, d->path);
    return -EBUSY;
}

static int settle_blindly(const struct session *s, struct source_disk *d)
{
    struct write_stamp before;
    unsigned i;
    int rc = drain(d, &before);

    if (!d->tracker && !write_stamp_equal(&before, &d->rounds->prehash))
        drop_prehash(d);
    for (i = 0; i < REPAIRS && !rc; i++) {
        rc = rounds_run(s, d);
        if (!rc)
            rc = drain(d, &d->rounds->settled);
        /* A write that came late sends us over the whole disk again. */
        if (!rc && d->rounds->state != UNKNOWN &&
            write_stamp_equal(&before, &d->rounds->settled)) {
            d->rounds->state = EQUAL;
            return 0;
        }
        before = d->rounds->settled;
    }
    return rc ? rc : never_settles(d);
}

static int settle_traced(const struct session *s, struct source_disk *d)
{
    unsigned i;
    int rc = 0;

    drain_traced(d);
    for (i = 0; i < REPAIRS && !rc && d->tracker; i++) {
        rc = rounds_run(s, d);
        if (!rc && d->rounds->state != UNKNOWN) {
            d->rounds->state = EQUAL;
            return 0;
        }
    }
    return rc || !d->tracker ? rc : never_settles(d);
}

int rounds_settle(const struct session *s, struct source_disk *d)
{
    uint64_t before = d->report.resent + d->report.different;
    unsigned whole = d->rounds->whole;
    int rc = 0;

    if (d->rounds->state == EQUAL)
        d->rounds->state = DIRTY;
    if (d->tracker)
        rc = settle_traced(s, d);
    if (!rc && d->rounds->state != EQUAL)
        rc = settle_blindly(s, d);
    d->report.last += d->report.resent + d->report.different - before;
    d->report.compared = d->report.compared || d->rounds->whole > whole;
    return rc;
}

bool rounds_unchanged(struct source_disk *d)
{
    struct write_stamp now;

    if (d->rounds->state != EQUAL)
        return false;
    if (!d->tracker)
        return !drain(d, &now) && write_stamp_equal(&now, &d->rounds->settled);
    collect(d);
    return d->rounds->state == EQUAL;
}
