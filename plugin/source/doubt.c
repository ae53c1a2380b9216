/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the target's device is our own storage; see doubt.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/content/segment.h"
#include "plugin/proto.h"
#include "plugin/source/doubt.h"

/* Times that a segment is read between two questions: READINGS if it
 * always differs, and up to READINGS_MAX if the guest writes to it.  A segment
 * that the guest only ever switches between two contents (a bitmap of what is
 * dirty) might pass for two storages, or for one, at some of them. */
#define READINGS 3
#define READINGS_MAX 9

#define DOUBT_MAX PROTO_WITNESSES

struct doubt {
    bool open;                      /* it may be: it is not written to */
    char *there;                    /* its path at the target */
    struct segment_digest *equal;   /* what it had when it was compared, if
                                       nothing differed; else NULL */
    unsigned n;
    uint64_t of[DOUBT_MAX];         /* segments that may tell */
};

enum saying {
    SAYS_NOTHING,               /* nothing that would not be so anyway */
    SAYS_SHOWN,                 /* it has what it cannot have got from us */
    SAYS_OTHER,                 /* it has something else */
};

struct answer {
    enum saying says;
    uint8_t mark[PROTO_MARK];   /* equal as long as its content is */
};

/* What the target had there; `known` tells whether that is known. */
static struct segment_digest before(const struct source_disk *d,
                                    uint64_t number)
{
    /* It was found to be all zero. */
    struct segment_digest blank = { .known = !d->base, .zero = !d->base };

    return d->doubt->equal ? d->doubt->equal[number] : blank;
}

int doubt_begin(struct source_disk *d, const char *there)
{
    struct doubt *doubt = calloc(1, sizeof(*doubt));

    if (!doubt)
        return -ENOMEM;
    doubt->there = strdup(there);
    if (!doubt->there) {
        free(doubt);
        return -ENOMEM;
    }
    doubt->open = true;
    d->doubt = doubt;
    return 0;
}

void doubt_free(struct doubt *doubt)
{
    if (!doubt)
        return;
    free(doubt->there);
    free(doubt->equal);
    free(doubt);
}

bool doubt_is_open(const struct source_disk *d)
{
    return d->doubt && d->doubt->open;
}

const char *doubt_there(const struct source_disk *d)
{
    return d->doubt ? d->doubt->there : NULL;
}

void doubt_note(struct source_disk *d, uint64_t number)
{
    struct doubt *doubt = d->doubt;
    unsigned i;

    if (!doubt_is_open(d) || doubt_is_full(d))
        return;
    for (i = 0; i < doubt->n && doubt->of[i] != number; i++)
        ;
    if (i == doubt->n)
        doubt->of[doubt->n++] = number;
}

bool doubt_has_notes(const struct source_disk *d)
{
    return d->doubt && d->doubt->n > 0;
}

bool doubt_is_full(const struct source_disk *d)
{
    return d->doubt && d->doubt->n == DOUBT_MAX;
}

void doubt_drop_notes(struct source_disk *d)
{
    if (d->doubt)
        d->doubt->n = 0;
}

int doubt_keep_equal(struct source_disk *d)
{
    size_t bytes = d->n_segments * sizeof(*d->sent);

    d->doubt->equal = malloc(bytes + 1);
    if (!d->doubt->equal)
        return -ENOMEM;
    memcpy(d->doubt->equal, d->sent, bytes);
    return 0;
}

bool doubt_was_equal(const struct source_disk *d, uint64_t number,
                     const struct segment_digest *now)
{
    return segment_equal(&d->doubt->equal[number], now);
}

/* Asking */

static int question(const struct session *s, const struct source_disk *d,
                    const struct segment_digest *now)
{
    static const uint8_t zero[HASH_BYTES];
    struct buf b = BUF_INIT;
    unsigned i;
    int rc;

    for (i = 0; i < d->doubt->n; i++) {
        buf_put_u64(&b, d->doubt->of[i]);
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
    for (i = 0; i < d->doubt->n; i++) {
        answers[i].says = cursor_u8(&c) ?
            if_shown(d, d->doubt->of[i], &now[i]) : SAYS_OTHER;
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
    for (i = 0; i < d->doubt->n && !rc; i++)
        rc = segment_hash(&raw, d->doubt->of[i], &now[i], NULL, 0);
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
                  d->path, d->doubt->there, s->peer);
    else
        log_error("disk %s: %s at %s changes, and nothing was written to it "
                  "by this migration: it is the same storage as %s here, or "
                  "something there writes to it", d->vdev, d->doubt->there,
                  s->peer, d->path);
    return -EEXIST;
}

static int say_apart(const struct session *s, struct source_disk *d)
{
    d->doubt->open = false;
    free(d->doubt->equal);
    d->doubt->equal = NULL;
    return wire_send(s->wire, FRAME_APART, d->number, NULL, 0);
}

int doubt_settle(const struct session *s, struct source_disk *d)
{
    struct answer first[DOUBT_MAX], again[DOUBT_MAX];
    struct verdict v = { .readings = 0 };
    bool apart = false;
    int rc;

    if (!doubt_is_open(d) || !doubt_has_notes(d))
        return 0;
    rc = ask(s, d, first);
    while (!rc && !apart && v.readings < READINGS_MAX) {
        rc = ask(s, d, again);
        if (rc)
            break;
        weigh(&v, first, again, d->doubt->n);
        if (v.shown || v.changed)
            return refuse_shared(s, d, &v);
        apart = is_apart(&v, d->doubt->n);
    }
    d->doubt->n = 0;
    return rc || !apart ? rc : say_apart(s, d);
}
