/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bulk copy, the source's part: scan the disk (manifest_build), send the
 * list of its objects, send what the target wants of them: whole, or as a
 * recipe (recipe.h) if the target says what it holds instead: a file, or some
 * blocks (blocklist.h).
 *
 * Somebody may write meanwhile.  Objects are read again when they are sent,
 * so what arrives may be newer than its digest; the check passes that follow
 * make it right.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/listing.h"
#include "plugin/log.h"
#include "plugin/order.h"
#include "plugin/proto.h"
#include "plugin/recipe.h"
#include "plugin/x86code.h"

#define MANIFEST_BYTES (256u << 10) /* of a frame, about */
#define DATA_BYTES (512u << 10)     /* of a frame, about */
#define READ_BYTES (256u << 10)
#define RECORD_HEADER (8 + 4)       /* of DATA */

static void scan_progress(void *opaque, uint64_t done, uint64_t total)
{
    struct source_disk *d = opaque;

    log_progress("disk %s: scanned %" PRIu64 " of %" PRIu64 " MB", d->vdev,
                 done / 1000000, total / 1000000);
}

static int scan(struct source_disk *d)
{
    struct manifest_options opt = {
        .progress = scan_progress,
        .opaque = d,
    };
    const struct manifest *m;
    const struct object *o;
    size_t i, n;
    int rc;

    rc = manifest_build(&d->image, &opt, &d->manifest);
    if (rc)
        return rc;
    m = d->manifest;
    if (manifest_count(m) > UINT32_MAX)
        return -EFBIG;
    d->order = calloc(manifest_count(m) + 1, sizeof(*d->order));
    d->wanted = calloc(manifest_count(m) + 1, 1);
    if (!d->order || !d->wanted)
        return -ENOMEM;
    for (i = 0; i < manifest_count(m); i++) {
        o = manifest_object(m, i);
        object_extents(m, o, &n);
        if (n > 0 && !o->zero)
            d->order[d->n_order++] = i;
    }
    return 0;
}

static int out_of_place(const struct link *l, const struct frame *f)
{
    log_error("%s: sent a frame of type %u that does not belong here",
              l->peer, f->type);
    return -EPROTO;
}

static uint64_t mapped_bytes(const struct source_disk *d, uint64_t number)
{
    const struct fsparse_extent *e;
    uint64_t bytes = 0;
    size_t n, i;

    e = object_extents(d->manifest, source_object(d, number), &n);
    for (i = 0; i < n; i++)
        bytes += e[i].length;
    return bytes;
}

static void put_object(struct buf *b, const struct source_disk *d,
                       uint64_t number, uint64_t *physical)
{
    const struct object *o = source_object(d, number);
    const struct fsparse_extent *e;
    uint64_t logical = 0;
    size_t n, i;

    e = object_extents(d->manifest, o, &n);
    buf_put(b, o->hash, PROTO_SHORT_DIGEST);
    buf_put_varint(b, o->size);
    buf_put_varint(b, n << PROTO_KIND_BITS | blocklist_kind(d->manifest, o));
    for (i = 0; i < n; i++) {
        buf_put_varint(b, e[i].logical - logical);
        buf_put_zigzag(b, (int64_t)(e[i].physical - *physical));
        buf_put_varint(b, e[i].length);
        logical = e[i].logical + e[i].length;
        *physical = e[i].physical + e[i].length;
    }
}

/* Objects of so many extents do not fit into a frame: they are left to the
 * check passes, which send them by segments. */
static bool fits(const struct source_disk *d, uint64_t number)
{
    size_t n;

    object_extents(d->manifest, source_object(d, number), &n);
    return n <= MANIFEST_BYTES / 16;
}

static int send_manifest_frame(const struct link *l, struct source_disk *d,
                               uint64_t *next)
{
    struct buf b = BUF_INIT, objects = BUF_INIT;
    uint64_t physical = 0, first = *next;
    int rc;

    while (*next < d->n_order && objects.length < MANIFEST_BYTES)
        put_object(&objects, d, (*next)++, &physical);
    buf_put_u64(&b, first);
    buf_put_u32(&b, *next - first);
    buf_put(&b, objects.data, objects.length);
    rc = objects.failed ? -ENOMEM :
        listing_send(d->listing, l->wire, FRAME_MANIFEST, d->number, &b);
    buf_release(&objects);
    buf_release(&b);
    return rc;
}

static int send_manifest(const struct link *l, struct source_disk *d)
{
    struct buf b = BUF_INIT;
    uint64_t i, n = 0, next = 0;
    int rc = 0;

    for (i = 0; i < d->n_order; i++)
        if (fits(d, i))
            d->order[n++] = d->order[i];
        else
            d->bytes_unlisted += mapped_bytes(d, i);
    d->n_order = n;
    while (next < d->n_order && !rc)
        rc = send_manifest_frame(l, d, &next);
    if (rc)
        return rc;
    buf_put_u64(&b, d->n_order);
    rc = wire_send_buf(l->wire, FRAME_MANIFEST_END, d->number, &b);
    buf_release(&b);
    return rc;
}

static int flush_data(const struct link *l, struct source_disk *d, struct buf *b)
{
    int rc = rehearse_freight(l, d, FRAME_DATA, b);

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
        x86code_to_places(p, n, o->sent);
    buf_put_u64(b, o->number | (o->code ? PROTO_CODE : 0));
    buf_put_u32(b, n);
    b->length += n;
    o->sent += n;
}

static int put_extent(const struct link *l, struct source_disk *d,
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
                o->code = x86code_begins(p, n);
        }
        put_record(b, o, p, n);
        d->bytes_sent += n;
        if (b->length >= DATA_BYTES)
            rc = flush_data(l, d, b);
    }
    return rc;
}

static int put_content(const struct link *l, struct source_disk *d,
                       struct buf *b, uint64_t number)
{
    struct outgoing o = { .number = number };
    const struct fsparse_extent *e;
    size_t n, i;
    int rc = 0;

    e = object_extents(d->manifest, source_object(d, number), &n);
    for (i = 0; i < n && !rc; i++)
        rc = put_extent(l, d, b, &o, &e[i]);
    return rc;
}

static void send_progress(const struct link *l, struct source_disk *d)
{
    double seconds = report_now() - d->bulk_start;
    double rate = seconds > 0 ? d->bytes_sent / seconds : 0;
    uint64_t left = d->bytes_wanted - d->bytes_sent;

    log_progress("disk %s: found at %s %" PRIu64 " MB, sent %" PRIu64
                 " of %" PRIu64 " MB, %.1f MB/s, %.0f s left", d->vdev,
                 l->peer,
                 (d->report.identical + d->report.different -
                  d->bytes_wanted) / 1000000,
                 d->bytes_sent / 1000000, d->bytes_wanted / 1000000,
                 rate / 1e6, rate > 0 ? left / rate : 0.0);
}

/* What the target has asked for so far and did not get yet. */
struct wishes {
    struct order *order;
    struct asked **asked;       /* by number: a sketch, or NULL */
    struct lack **lacks;        /* by number: some blocks, or NULL; or none */
    struct buf data;            /* a DATA frame in the making */
};

static int wish(struct source_disk *d, struct wishes *w, uint64_t number)
{
    if (number >= d->n_order || d->wanted[number] >= 2 ||
        order_has(w->order, number))
        return -EPROTO;
    d->wanted[number]++;
    order_add(w->order, number);
    return 0;
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
        rc = c.bad ? -EPROTO : wish(d, w, number);
        if (!rc)
            d->bytes_wanted += mapped_bytes(d, number);
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
        rc = wish(d, w, number);
        if (rc)
            free(a);
        else
            w->asked[number] = a;
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

    if (!w->lacks)
        w->lacks = calloc(d->n_order + 1, sizeof(*w->lacks));
    if (!w->lacks)
        return -ENOMEM;
    while (!rc && cursor_left(&c) > 0) {
        rc = blocklist_take_lack(d, &c, &number, &a);
        if (rc)
            break;
        rc = wish(d, w, number);
        if (rc)
            free(a);
        else
            w->lacks[number] = a;
    }
    return rc;
}

static int flush_wishes(const struct link *l, struct source_disk *d,
                        struct wishes *w)
{
    return w->data.length ? flush_data(l, d, &w->data) : 0;
}

/* Frees the sketch, or the blocks, that came with the wish. */
static int cook(const struct link *l, struct source_disk *d,
                struct wishes *w, uint64_t number)
{
    struct asked *a = w->asked[number];
    struct lack *lack = a ? NULL : w->lacks[number];
    int rc;

    rc = flush_wishes(l, d, w);
    if (!rc)
        rc = a ? recipe_send(l, d, number, a) :
            recipe_send_lacking(l, d, number, lack);
    free(a);
    free(lack);
    w->asked[number] = NULL;
    if (w->lacks)
        w->lacks[number] = NULL;
    return rc;
}

static int grant(const struct link *l, struct source_disk *d,
                 struct wishes *w)
{
    size_t number;
    int rc;

    order_take(w->order, &number);
    if (w->asked[number] || (w->lacks && w->lacks[number]))
        rc = cook(l, d, w, number);
    else
        rc = put_content(l, d, &w->data, number);
    send_progress(l, d);
    return rc ? rc : order_is_empty(w->order) ? flush_wishes(l, d, w) : 0;
}

/* 1: the target has all that it wants. */
static int take_wish(const struct link *l, struct source_disk *d,
                     struct wishes *w, const struct frame *f)
{
    if (f->disk != d->number)
        return -EPROTO;
    switch (f->type) {
    case FRAME_UNKNOWN:
        return recipe_names(l, d, f);
    case FRAME_WANT:
        return take_want(d, w, f);
    case FRAME_SKETCH:
        return take_sketches(d, w, f);
    case FRAME_LIST:
        return blocklist_answer(l, d, f);
    case FRAME_LACK:
        return take_lacks(d, w, f);
    case FRAME_LEFT:
        return rehearse_left(d, f);
    case FRAME_WANT_END:
        return f->length ? -EPROTO : 1;
    default:
        return -EPROTO;
    }
}

/* Requests that are there come first: the more of them, the better the
 * order. */
static int grant_all(const struct link *l, struct source_disk *d,
                     struct wishes *w)
{
    bool ended = false;
    struct frame f;
    int rc = 0;

    while (!rc && !(ended && order_is_empty(w->order))) {
        if (ended)
            rc = -EAGAIN;
        else if (order_is_empty(w->order))
            rc = inbox_next(l->inbox, d->number, &f);
        else
            rc = inbox_try(l->inbox, d->number, &f);
        if (rc == -EAGAIN) {
            rc = grant(l, d, w);
            continue;
        }
        if (rc)
            return rc;
        rc = take_wish(l, d, w, &f);
        if (rc == -EPROTO)
            out_of_place(l, &f);
        frame_release(&f);
        ended = rc == 1;
        rc = rc == 1 ? 0 : rc;
    }
    return rc;
}

static int serve_wants(const struct link *l, struct source_disk *d)
{
    struct wishes w = { .data = BUF_INIT };
    struct frame f;
    uint64_t i;
    int rc;

    w.asked = calloc(d->n_order + 1, sizeof(*w.asked));
    rc = w.asked ? order_new(&w.order, d->manifest, d->order, d->n_order) :
        -ENOMEM;
    if (!rc)
        rc = grant_all(l, d, &w);
    for (i = 0; w.asked && i < d->n_order; i++)
        free(w.asked[i]);
    for (i = 0; w.lacks && i < d->n_order; i++)
        free(w.lacks[i]);
    free(w.asked);
    free(w.lacks);
    order_free(w.order);
    buf_release(&w.data);
    if (!rc)
        rc = wire_send_freight(l->wire, FRAME_DATA_END, d->number, NULL, 0);
    if (!rc)
        rc = inbox_expect(l->inbox, d->number, FRAME_BULK_DONE, &f);
    if (rc)
        return rc;
    if (f.disk != d->number)
        rc = out_of_place(l, &f);
    frame_release(&f);
    return rc;
}

int bulk_run(const struct link *l, struct source_disk *d)
{
    uint64_t i, total = 0;
    int rc;

    rc = live_compare(l, d);
    if (!rc)
        rc = scan(d);
    if (rc)
        return rc;
    for (i = 0; i < d->n_order; i++)
        total += mapped_bytes(d, i);
    /* Until the target says what it lacks. */
    d->report.identical = total;
    d->bulk_start = report_now();
    rc = send_manifest(l, d);
    if (!rc) {
        live_ahead(l, d);
        rc = serve_wants(l, d);
        ahead_stop(d->ahead);
    }
    if (!rc && d->dry)
        rc = rehearse_lists(d);
    if (rc)
        return rc;
    d->report.different = d->bytes_sent < total ? d->bytes_sent : total;
    d->report.identical = total - d->report.different;
    return 0;
}
