/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the target is asked what its device is; see witness.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/source/doubt.h"
#include "plugin/source/witness.h"

/* Read at once, while something is looked for that is not zero. */
#define LOOK_AT_ONCE 16
/* Questions without an answer, after which we give up. */
#define ATTEMPTS 8

static int never_told(const struct session *s, const struct source_disk *d)
{
    log_error("disk %s: whether %s at %s is the same storage as %s here cannot "
              "be told; try again when the guest writes less", d->vdev,
              doubt_there(d), s->peer, d->path);
    return -EBUSY;
}

/* Before the bulk copy */

/* Something that is not zero, where the target's device is. */
static int doubt_of_blank(const struct session *s, struct source_disk *d)
{
    struct segment_digest now[LOOK_AT_ONCE];
    uint64_t n = segment_count(d->image.size), first, count, i;
    int rc = 0;

    for (first = 0; first < n && !doubt_has_notes(d) && !rc; first += count) {
        count = n - first < LOOK_AT_ONCE ? n - first : LOOK_AT_ONCE;
        memset(now, 0, sizeof(now));
        rc = segments_hash(&d->image, s->pool, first, count, now);
        for (i = 0; i < count && !rc; i++)
            if (!now[i].zero)
                doubt_note(d, first + i);
    }
    return rc;
}

/* Takes what the comparison has found different at the target. */
static int doubt_of_unlike(const struct session *s, struct source_disk *d)
{
    uint64_t number, n = segment_count(d->image.size);
    char task[64];
    struct cursor c;
    struct frame f;
    int rc;

    snprintf(task, sizeof(task), "compare disk %s", d->vdev);
    rc = inbox_expect_task(s->inbox, d->number, task, FRAME_UNLIKE, &f);
    if (rc)
        return rc;
    c = (struct cursor)CURSOR_INIT(f.data, f.length);
    while (cursor_left(&c) > 0 && !rc) {
        number = cursor_u64(&c);
        rc = c.bad || number >= n ? -EPROTO : 0;
        if (!rc)
            doubt_note(d, number);
    }
    if (rc)
        log_error("disk %s: what %s says to the comparison makes no sense",
                  d->vdev, s->peer);
    frame_release(&f);
    return rc;
}

/* Compares until something tells, or nothing differs. */
static int settle_compared(const struct session *s, struct source_disk *d)
{
    unsigned i;
    int rc;

    for (i = 0; i < ATTEMPTS; i++) {
        rc = i == 0 ? 0 : pass_compare(s, d);
        /* What has changed again is not what the target names. */
        doubt_drop_notes(d);
        if (!rc)
            rc = doubt_of_unlike(s, d);
        if (rc || !doubt_has_notes(d))
            return rc ? rc : doubt_keep_equal(d);
        rc = doubt_settle(s, d);
        if (rc || !doubt_is_open(d))
            return rc;
        /* If all that differs is what is free, it is not zeroed. */
        d->image.n_unused = 0;
    }
    return never_told(s, d);
}

int witness_begin(const struct session *s, struct source_disk *d)
{
    int rc = 0;

    if (!doubt_is_open(d))
        return 0;
    if (d->base)
        return settle_compared(s, d);
    rc = doubt_of_blank(s, d);
    if (!rc)
        rc = doubt_settle(s, d);
    if (rc || !doubt_is_open(d) || source_is_dry(d))
        return rc;
    /* Both are zero.  The target is to know, so that it writes nothing. */
    d->base = true;
    rc = pass_compare(s, d);
    return rc ? rc : settle_compared(s, d);
}

/* Rounds */

/* Segments with blocks that were written, and in which that has changed
 * something. */
static int doubt_of_dirty(struct source_disk *d)
{
    struct segment_digest now;
    uint64_t n;
    int rc = 0;

    for (n = 0; n < d->n_segments && !doubt_is_full(d) && !rc; n++) {
        if (!dirty_any(&d->dirty, n * PROTO_SEGMENT,
                       segment_length(d->image.size, n)))
            continue;
        rc = segment_hash(&d->image, n, &now, NULL, 0);
        if (!rc && !doubt_was_equal(d, n, &now))
            doubt_note(d, n);
    }
    return rc;
}

int witness_dirty(const struct session *s, struct source_disk *d)
{
    unsigned i;
    int rc;

    for (i = 0; i < ATTEMPTS && doubt_is_open(d); i++) {
        rc = doubt_of_dirty(d);
        if (rc || !doubt_has_notes(d))
            return rc;
        rc = doubt_settle(s, d);
        if (rc)
            return rc;
    }
    return doubt_is_open(d) ? never_told(s, d) : 0;
}

/* After a pass in which nothing was answered. */
static int settle_pass(const struct session *s, struct source_disk *d,
                       struct pass_result *r)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < ATTEMPTS && doubt_is_open(d) && !rc; i++) {
        if (!doubt_has_notes(d) && r->left == 0)
            return 0;
        rc = doubt_settle(s, d);
        /* What it named was not answered: that is named again. */
        if (!rc)
            rc = pass_run(s, d, doubt_is_open(d), r);
    }
    return rc || !doubt_is_open(d) ||
        (!doubt_has_notes(d) && r->left == 0) ? rc : never_told(s, d);
}

int witness_pass(const struct session *s, struct source_disk *d, bool full,
                 struct pass_result *r)
{
    int rc = pass_run(s, d, full, r);

    return rc || source_is_dry(d) ? rc : settle_pass(s, d, r);
}
