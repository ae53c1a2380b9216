/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bulk copy, the source's part: while the disk is read and its objects are
 * listed (scan.h), send what the target wants of them: whole, or as a recipe
 * (recipe.h) if the target says what it holds instead: a file, or some blocks
 * (blocklist.h).
 *
 * Somebody may write meanwhile.  Objects are read again when they are sent,
 * so what arrives may be newer than its digest; the check passes that follow
 * make it right.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/clock.h"
#include "plugin/match/x86_bcj.h"
#include "plugin/proto.h"
#include "plugin/source/recipe.h"
#include "plugin/source/scan.h"
#include "plugin/source/send_order.h"

#define DATA_BYTES (512u << 10)     /* of a frame, about */
#define READ_BYTES (256u << 10)
#define RECORD_HEADER (8 + 4)       /* of DATA */

static int flush_data(const struct session *s, struct source_disk *d,
                      struct buf *b)
{
    int rc = rehearse_freight(s, d, FRAME_DATA, b);

    buf_reset(b);
    return rc;
}

/* An object on its way out. */
struct outgoing {
    uint64_t number;
    uint64_t sent;              /* bytes of its extents */
    bool code;                  /* is code, and goes with places */
};

/* Puts a record in front of its n bytes at p, which come right behind. */
static void put_record(struct buf *b, struct outgoing *o, uint8_t *p, size_t n)
{
    if (o->code)
        x86_bcj_to_places(p, n, o->sent);
    buf_put_u64(b, o->number | (o->code ? PROTO_CODE : 0));
    buf_put_u32(b, n);
    b->length += n;
    o->sent += n;
}

static int put_extent(const struct session *s, struct source_disk *d,
                      struct buf *b, struct outgoing *o,
                      const struct fsparse_extent *e)
{
    uint64_t done;
    size_t n;
    uint8_t *p;
    int rc = 0;

    for (done = 0; done < e->length && !rc; done += n) {
        n = e->length - done < READ_BYTES ? e->length - done : READ_BYTES;
        p = buf_reserve(b, RECORD_HEADER + n);
        if (!p)
            return -ENOMEM;
        p += RECORD_HEADER;
        if (rehearse_reads(d)) {
            rc = image_read(&d->image, p, n, e->physical + done);
            if (rc)
                return rc;
            if (e->logical + done == 0)
                o->code = x86_bcj_begins(p, n);
        }
        put_record(b, o, p, n);
        d->bytes_sent += n;
        if (b->length >= DATA_BYTES)
            rc = flush_data(s, d, b);
    }
    return rc;
}

static int put_content(const struct session *s, struct source_disk *d,
                       struct buf *b, uint64_t number)
{
    struct outgoing o = { .number = number };
    const struct fsparse_extent *e;
    size_t n, i;
    int rc = 0;

    e = object_extents(d->manifest, source_object(d, number), &n);
    for (i = 0; i < n && !rc; i++)
        rc = put_extent(s, d, b, &o, &e[i]);
    return rc;
}

/* What the target has asked for so far and did not get yet. */
struct wishes {
    struct scan *scan;
    struct send_order *order;
    struct buf data;            /* a DATA frame in the making */
};

/* The target may ask for what it has been told of meanwhile. */
static int keep_up(struct source_disk *d)
{
    uint64_t n = object_table_count(d->objects);
    struct wish *wishes;

    if (n == d->n_listed)
        return 0;
    wishes = reallocarray(d->wishes, n, sizeof(*wishes));
    if (!wishes)
        return -ENOMEM;
    memset(wishes + d->n_listed, 0, (n - d->n_listed) * sizeof(*wishes));
    d->wishes = wishes;
    d->n_listed = n;
    return 0;
}

static int wish(struct source_disk *d, struct wishes *w, uint64_t number,
                bool whole)
{
    struct wish *wish;

    if (number >= d->n_listed)
        return -EPROTO;
    wish = &d->wishes[number];
    if (wish->times >= 2 || wish->waiting)
        return -EPROTO;
    wish->times++;
    wish->waiting = true;
    return send_order_add(w->order, source_object(d, number), number, whole);
}

static int take_want(struct source_disk *d, struct wishes *w,
                     const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint32_t count = cursor_u32(&c), i;
    uint64_t number = 0;
    int rc = 0;

    if (c.bad || count > cursor_left(&c))
        return -EPROTO;
    for (i = 0; i < count && !rc; i++) {
        number += cursor_zigzag(&c);
        rc = c.bad ? -EPROTO : wish(d, w, number, true);
        if (!rc)
            d->bytes_wanted += object_mapped(d->manifest,
                                             source_object(d, number));
    }
    return rc;
}

static int take_sketches(struct source_disk *d, struct wishes *w,
                         const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    const uint8_t *key = cursor_get(&c, PROTO_KEY);
    struct asked *a = NULL;
    uint64_t number = 0;
    int rc = key ? 0 : -EPROTO;

    while (!rc && cursor_left(&c) > 0) {
        rc = recipe_take_sketch(&c, key, &number, &a);
        if (rc)
            break;
        rc = wish(d, w, number, false);
        if (rc)
            free(a);
        else
            d->wishes[number].asked = a;
    }
    return rc;
}

static int take_lacks(struct source_disk *d, struct wishes *w,
                      const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct lack *a = NULL;
    uint64_t number = 0;
    int rc = 0;

    while (!rc && cursor_left(&c) > 0) {
        rc = blocklist_take_lack(d, &c, &number, &a);
        if (rc)
            break;
        rc = wish(d, w, number, false);
        if (rc)
            free(a);
        else
            d->wishes[number].lack = a;
    }
    return rc;
}

static int flush_wishes(const struct session *s, struct source_disk *d,
                        struct wishes *w)
{
    return w->data.length ? flush_data(s, d, &w->data) : 0;
}

/* Frees the sketch, or the blocks, that came with the wish. */
static int cook(const struct session *s, struct source_disk *d,
                struct wishes *w, uint64_t number)
{
    struct wish *wish = &d->wishes[number];
    int rc;

    rc = flush_wishes(s, d, w);
    if (!rc)
        rc = wish->asked ? recipe_send(s, d, number, wish->asked) :
            recipe_send_lacking(s, d, number, wish->lack);
    free(wish->asked);
    free(wish->lack);
    wish->asked = NULL;
    wish->lack = NULL;
    return rc;
}

static int grant(const struct session *s, struct source_disk *d,
                 struct wishes *w)
{
    const struct wish *wish;
    uint32_t number;
    int rc;

    send_order_take(w->order, &number);
    d->wishes[number].waiting = false;
    wish = &d->wishes[number];
    if (wish->asked || wish->lack)
        rc = cook(s, d, w, number);
    else
        rc = put_content(s, d, &w->data, number);
    scan_show(w->scan);
    return rc ? rc : send_order_is_empty(w->order) ? flush_wishes(s, d, w) : 0;
}

/* 1: the target has all that it wants. */
static int take_wish(const struct session *s, struct source_disk *d,
                     struct wishes *w, const struct frame *f)
{
    int rc = keep_up(d);

    if (rc || f->disk != d->number)
        return rc ? rc : -EPROTO;
    switch (f->type) {
    case FRAME_UNKNOWN:
        return recipe_names(s, d, f);
    case FRAME_WANT:
        return take_want(d, w, f);
    case FRAME_SIGNATURE:
        return take_sketches(d, w, f);
    case FRAME_LIST:
        return blocklist_answer(s, d, f);
    case FRAME_HELD:
        return take_lacks(d, w, f);
    case FRAME_LEFT:
        return rehearse_left(d, f);
    case FRAME_WANT_END:
        return f->length || !scan_is_listed(w->scan) ? -EPROTO : 1;
    default:
        return -EPROTO;
    }
}

/* Requests that are there come first: the more of them, the better the
 * order. */
static int grant_all(const struct session *s, struct source_disk *d,
                     struct wishes *w)
{
    bool ended = false;
    struct frame f;
    int rc = 0;

    while (!rc && !(ended && send_order_is_empty(w->order))) {
        if (scan_has_failed(w->scan))
            return -ECANCELED;
        if (ended)
            rc = -EAGAIN;
        else if (send_order_is_empty(w->order))
            rc = inbox_next_or(s->inbox, d->number, scan_fd(w->scan), &f);
        else
            rc = inbox_try(s->inbox, d->number, &f);
        if (rc == -EAGAIN) {
            rc = grant(s, d, w);
            continue;
        }
        if (rc)
            return rc;
        rc = take_wish(s, d, w, &f);
        if (rc == -EPROTO)
            rc = inbox_misplaced(s->inbox, &f);
        frame_release(&f);
        ended = rc == 1;
        rc = rc == 1 ? 0 : rc;
    }
    return rc;
}

static void drop_wishes(struct source_disk *d)
{
    uint64_t i;

    for (i = 0; i < d->n_listed; i++) {
        free(d->wishes[i].asked);
        free(d->wishes[i].lack);
    }
    free(d->wishes);
    d->wishes = NULL;
    d->n_listed = 0;
}

static int serve_wants(const struct session *s, struct source_disk *d,
                       struct scan *scan)
{
    struct wishes w = { .scan = scan, .data = BUF_INIT };
    struct frame f;
    int rc;

    rc = send_order_new(&w.order, d->manifest);
    if (!rc)
        rc = grant_all(s, d, &w);
    drop_wishes(d);
    send_order_free(w.order);
    buf_release(&w.data);
    if (!rc)
        rc = wire_send_freight(s->wire, FRAME_DATA_END, d->number, NULL, 0);
    wire_flush_freight(s->wire);
    if (!rc)
        rc = inbox_expect(s->inbox, d->number, FRAME_BULK_DONE, &f);
    if (rc)
        return rc;
    if (f.disk != d->number)
        rc = inbox_misplaced(s->inbox, &f);
    frame_release(&f);
    return rc;
}

int bulk_run(const struct session *s, struct source_disk *d)
{
    struct scan *scan;
    uint64_t total;
    int rc;

    rc = rounds_compare(s, d);
    d->bulk_start = monotonic_seconds();
    if (!rc)
        rc = scan_start(&scan, s, d);
    if (rc)
        return rc;
    rc = serve_wants(s, d, scan);
    /* If the scan has failed there was nothing to wait for. */
    if (rc && rc != -ECANCELED) {
        scan_leave(scan);
        return rc;
    }
    total = scan_found(scan);
    rc = scan_end(scan);
    prehash_stop(d->prehash);
    if (!rc && d->dry)
        rc = rehearse_lists(d);
    if (rc)
        return rc;
    d->report.different = d->bytes_sent < total ? d->bytes_sent : total;
    d->report.identical = total - d->report.different;
    return 0;
}
