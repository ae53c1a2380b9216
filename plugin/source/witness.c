/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the target's device is the source's own storage under another name,
 * the source's part (docs/protocol.md, "One storage under two names").
 *
 * Names of storage can be compared only where somebody knows them.  Content
 * needs no names: what the guest writes shows at the target, too, if it is one
 * storage, although it was never sent; and if it is another one, there is a
 * place where they differ and nobody has made them differ meanwhile.  The
 * target writes to a device only after that was seen.  While both are equal
 * there is nothing to be written, and nothing to be seen either: then the disk
 * stays in doubt until the guest writes.
 *
 * The target is asked, then a segment is read here, then the target is asked
 * again.  If it had the same content before and after, and not what was read
 * in between, these are two storages.  If what it has changed meanwhile, or is
 * what it cannot have got from us, they are one, or something else writes to
 * the target's device.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"

/* Times that a segment is read between two questions: so often if it always
 * differs, and more often if the guest writes to it.  One that the guest only
 * ever switches between two contents (a bitmap of what is dirty) might pass for
 * two storages, or for one, at some of them. */
#define READINGS 3
#define READINGS_MAX 9
/* Read at once, while something is looked for that is not zero. */
#define LOOK_AT_ONCE 16
/* After so many questions without an answer we give up. */
#define ATTEMPTS 8

enum saying {
    SAYS_NOTHING,               /* nothing that would not be so anyway */
    SAYS_SHOWN,                 /* it has what it cannot have got from us */
    SAYS_OTHER,                 /* it has something else */
};

struct answer {
    enum saying says;
    uint8_t mark[PROTO_MARK];   /* equal as long as its content is */
};

/* What the target had there when it was known; known: whether it was. */
static struct segment_digest before(const struct source_disk *d,
                                    uint64_t number)
{
    /* It was found to be all zero. */
    struct segment_digest blank = { .known = !d->base, .zero = !d->base };

    return d->doubt.equal ? d->doubt.equal[number] : blank;
}

void witness_doubt(struct source_disk *d, uint64_t number)
{
    struct doubt *doubt = &d->doubt;
    unsigned i;

    for (i = 0; i < doubt->n && doubt->of[i] != number; i++)
        ;
    if (doubt->open && i == doubt->n && i < DOUBT_MAX)
        doubt->of[doubt->n++] = number;
}

/* Asking */

static int question(const struct session *s, const struct source_disk *d,
                    const struct segment_digest *now)
{
    static const uint8_t zero[HASH_BYTES];
    struct buf b = BUF_INIT;
    unsigned i;
    int rc;

    for (i = 0; i < d->doubt.n; i++) {
        buf_put_u64(&b, d->doubt.of[i]);
        buf_put(&b, now[i].zero ? zero : now[i].digest, HASH_BYTES);
    }
    rc = wire_send_buf(s->wire, FRAME_WITNESS, d->number, &b);
    buf_release(&b);
    return rc;
}

/* What it means that the target has this segment as it is here now.  If it had
 * it so before, or nobody knows, the guest may have taken back what it
 * wrote. */
static enum saying if_shown(const struct source_disk *d, uint64_t number,
                            const struct segment_digest *now)
{
    struct segment_digest was = before(d, number);

    return was.known && !segment_equal(&was, now) ? SAYS_SHOWN : SAYS_NOTHING;
}

static int hear_answer(const struct session *s, const struct source_disk *d,
                       const struct segment_digest *now,
                       struct answer *answers)
{
    char task[64];
    struct cursor c;
    struct frame f;
    const uint8_t *mark;
    unsigned i;
    int rc;

    snprintf(task, sizeof(task), "read disk %s", d->vdev);
    rc = inbox_expect_task(s->inbox, d->number, task, FRAME_WITNESSED, &f);
    if (rc)
        return rc;
    c = (struct cursor)CURSOR_INIT(f.data, f.length);
    for (i = 0; i < d->doubt.n; i++) {
        answers[i].says = cursor_u8(&c) ?
            if_shown(d, d->doubt.of[i], &now[i]) : SAYS_OTHER;
        mark = cursor_get(&c, PROTO_MARK);
        if (mark)
            memcpy(answers[i].mark, mark, PROTO_MARK);
    }
    if (c.bad || cursor_left(&c) > 0) {
        log_error("disk %s: what %s says of its device makes no sense",
                  d->vdev, s->peer);
        rc = -EPROTO;
    }
    frame_release(&f);
    return rc;
}

/* Reads the segments in doubt, also what is free.  What was read lies on the
 * storage afterwards, where the target may look for it: a cache of this host
 * could know more. */
static int read_doubt(const struct source_disk *d, struct segment_digest *now)
{
    struct image raw = d->image;
    unsigned i;
    int rc = 0;

    raw.n_unused = 0;
    for (i = 0; i < d->doubt.n && !rc; i++)
        rc = segment_hash(&raw, d->doubt.of[i], &now[i], NULL, 0);
    if (!rc && fdatasync(raw.fd) && errno != EROFS && errno != EINVAL) {
        rc = -errno;
        log_errno(rc, "disk %s: %s cannot be brought to its storage", d->vdev,
                  d->path);
    }
    return rc;
}

static int ask(const struct session *s, const struct source_disk *d,
               struct answer *answers)
{
    struct segment_digest now[DOUBT_MAX];
    int rc;

    memset(now, 0, sizeof(now));
    rc = read_doubt(d, now);
    if (!rc)
        rc = question(s, d, now);
    return rc ? rc : hear_answer(s, d, now, answers);
}

/* What the answers say together. */

struct verdict {
    unsigned others[DOUBT_MAX]; /* readings of a segment at which it had
                                   something else */
    unsigned readings;
    bool shown, changed;
};

static void weigh(struct verdict *v, const struct answer *first,
                  const struct answer *again, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        v->shown = v->shown || again[i].says == SAYS_SHOWN;
        v->changed = v->changed ||
            memcmp(first[i].mark, again[i].mark, PROTO_MARK);
        v->others[i] += again[i].says == SAYS_OTHER;
    }
    v->readings++;
}

/* Whether one segment at least had something else, at all readings or, if they
 * were many, at some.  It has always been the same. */
static bool is_apart(const struct verdict *v, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++)
        if (v->others[i] == v->readings ||
            (v->readings == READINGS_MAX && v->others[i] > 0))
            return v->readings >= READINGS;
    return false;
}

static int refuse_shared(const struct session *s, const struct source_disk *d,
                         const struct verdict *v)
{
    if (v->shown)
        log_error("disk %s: %s here and %s at %s are the same storage: what "
                  "was written here shows there, and was not sent; nothing is "
                  "to be copied: use xl migrate without --dedup", d->vdev,
                  d->path, d->doubt.there, s->peer);
    else
        log_error("disk %s: %s at %s changes, and nothing was written to it "
                  "by this migration: it is the same storage as %s here, or "
                  "something there writes to it", d->vdev, d->doubt.there,
                  s->peer, d->path);
    return -EEXIST;
}

static int say_apart(const struct session *s, struct source_disk *d)
{
    d->doubt.open = false;
    free(d->doubt.equal);
    d->doubt.equal = NULL;
    return wire_send(s->wire, FRAME_APART, d->number, NULL, 0);
}

static int settle(const struct session *s, struct source_disk *d)
{
    struct answer first[DOUBT_MAX], again[DOUBT_MAX];
    struct verdict v = { .readings = 0 };
    bool apart = false;
    int rc;

    if (!d->doubt.open || d->doubt.n == 0)
        return 0;
    rc = ask(s, d, first);
    while (!rc && !apart && v.readings < READINGS_MAX) {
        rc = ask(s, d, again);
        if (rc)
            break;
        weigh(&v, first, again, d->doubt.n);
        if (v.shown || v.changed)
            return refuse_shared(s, d, &v);
        apart = is_apart(&v, d->doubt.n);
    }
    d->doubt.n = 0;
    return rc || !apart ? rc : say_apart(s, d);
}

static int never_told(const struct session *s, const struct source_disk *d)
{
    log_error("disk %s: whether %s at %s is the same storage as %s here cannot "
              "be told; try again when the guest writes less", d->vdev,
              d->doubt.there, s->peer, d->path);
    return -EBUSY;
}

/* Before the bulk copy */

/* Something that is not zero, where the target's device is. */
static int doubt_of_blank(const struct session *s, struct source_disk *d)
{
    struct segment_digest now[LOOK_AT_ONCE];
    uint64_t n = segment_count(d->image.size), first, count, i;
    int rc = 0;

    for (first = 0; first < n && d->doubt.n == 0 && !rc; first += count) {
        count = n - first < LOOK_AT_ONCE ? n - first : LOOK_AT_ONCE;
        memset(now, 0, sizeof(now));
        rc = segments_hash(&d->image, s->pool, first, count, now);
        for (i = 0; i < count && !rc; i++)
            if (!now[i].zero)
                witness_doubt(d, first + i);
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
            witness_doubt(d, number);
    }
    if (rc)
        log_error("disk %s: what %s says to the comparison makes no sense",
                  d->vdev, s->peer);
    frame_release(&f);
    return rc;
}

/* The target had all of this when it was compared. */
static int keep_equal(struct source_disk *d)
{
    size_t bytes = d->n_segments * sizeof(*d->sent);

    d->doubt.equal = malloc(bytes + 1);
    if (!d->doubt.equal)
        return -ENOMEM;
    memcpy(d->doubt.equal, d->sent, bytes);
    return 0;
}

/* Compares until something tells, or nothing differs. */
static int settle_compared(const struct session *s, struct source_disk *d)
{
    unsigned i;
    int rc;

    for (i = 0; i < ATTEMPTS; i++) {
        rc = i == 0 ? 0 : pass_compare(s, d);
        /* What has changed again is not what the target names. */
        d->doubt.n = 0;
        if (!rc)
            rc = doubt_of_unlike(s, d);
        if (rc || d->doubt.n == 0)
            return rc ? rc : keep_equal(d);
        rc = settle(s, d);
        if (rc || !d->doubt.open)
            return rc;
        /* If all that differs is what is free, it is not zeroed. */
        d->image.n_unused = 0;
    }
    return never_told(s, d);
}

int witness_begin(const struct session *s, struct source_disk *d)
{
    int rc = 0;

    if (!d->doubt.open)
        return 0;
    if (d->base)
        return settle_compared(s, d);
    rc = doubt_of_blank(s, d);
    if (!rc)
        rc = settle(s, d);
    if (rc || !d->doubt.open || d->dry)
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

    for (n = 0; n < d->n_segments && d->doubt.n < DOUBT_MAX && !rc; n++) {
        if (!dirty_any(&d->dirty, n * PROTO_SEGMENT,
                       segment_length(d->image.size, n)))
            continue;
        rc = segment_hash(&d->image, n, &now, NULL, 0);
        if (!rc && !segment_equal(&d->doubt.equal[n], &now))
            witness_doubt(d, n);
    }
    return rc;
}

int witness_dirty(const struct session *s, struct source_disk *d)
{
    unsigned i;
    int rc;

    for (i = 0; i < ATTEMPTS && d->doubt.open; i++) {
        rc = doubt_of_dirty(d);
        if (rc || d->doubt.n == 0)
            return rc;
        rc = settle(s, d);
        if (rc)
            return rc;
    }
    return d->doubt.open ? never_told(s, d) : 0;
}

int witness_pass(const struct session *s, struct source_disk *d,
                 uint64_t *left_r)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < ATTEMPTS && d->doubt.open && !rc; i++) {
        if (d->doubt.n == 0 && *left_r == 0)
            return 0;
        rc = settle(s, d);
        /* What it named was not answered: that is named again. */
        if (!rc)
            rc = pass_once(s, d, d->doubt.open, left_r);
    }
    return rc || !d->doubt.open || (d->doubt.n == 0 && *left_r == 0) ? rc :
        never_told(s, d);
}
