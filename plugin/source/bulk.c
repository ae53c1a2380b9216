/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bulk copy, the source's part; see bulk.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/base/log.h"
#include "plugin/match/x86_bcj.h"
#include "plugin/proto.h"
#include "plugin/source/blocklist.h"
#include "plugin/source/bulk.h"
#include "plugin/source/output.h"
#include "plugin/source/recipe.h"
#include "plugin/source/rounds.h"
#include "plugin/source/scan.h"
#include "plugin/source/send_order.h"

#define DATA_BYTES (512u << 10)     /* of a frame, about */
#define READ_BYTES (256u << 10)
#define RECORD_HEADER (8 + 4)       /* of DATA */

static int flush_data(const struct session *s, struct source_disk *d,
                      struct buf *b)
{
    int rc = output_freight(s, d, FRAME_DATA, b);

    buf_reset(b);
    return rc;
}

/* An object on its way out. */
struct outgoing {
    uint64_t number;
    uint64_t sent;              /* bytes of its extents */
    bool code;                  /* it is code, and goes with places */
};

/* Puts the head of a record, right after which its n bytes lie already, at
 * p. */
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
        if (output_reads(d)) {
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

/* What the target has asked for of an object. */
struct request {
    struct signature *signature;    /* of the file to make it of, or NULL */
    struct held_blocks *held;       /* what it has of it, or NULL */
    uint32_t taken;                 /* bytes of the budget, for these */
    uint8_t times;                  /* that it was asked for */
    bool waiting;                   /* it is in the order */
};

/* An object is asked for once, and once more if what came was not right. */
#define TIMES_MAX 2

struct requests {
    struct budget *budget;
    struct scan *scan;
    struct send_order *order;       /* of those that wait */
    struct request *list;           /* by the objects' numbers on the wire */
    uint64_t n;                     /* of these; there may be more objects */
    struct buf data;                /* a DATA frame in the making */
    bool ended;                     /* there will be no more */
};

/* The target may ask for what it has been told of meanwhile. */
static int grow_requests(struct source_disk *d, struct requests *r)
{
    uint64_t n = object_table_count(d->objects);
    struct request *list;

    if (n == r->n)
        return 0;
    list = reallocarray(r->list, n, sizeof(*list));
    if (!list)
        return -ENOMEM;
    memset(list + r->n, 0, (n - r->n) * sizeof(*list));
    r->list = list;
    r->n = n;
    return 0;
}

/* whole: the object is sent, not a recipe. */
static int add_request(struct source_disk *d, struct requests *r,
                       uint64_t number, bool whole)
{
    struct request *request;

    if (number >= r->n)
        return -EPROTO;
    request = &r->list[number];
    if (request->times >= TIMES_MAX || request->waiting)
        return -EPROTO;
    request->times++;
    request->waiting = true;
    return send_order_add(r->order, source_object(d, number), number, whole);
}

static int add_wanted(struct source_disk *d, struct requests *r,
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
        rc = c.bad ? -EPROTO : add_request(d, r, number, true);
        if (!rc)
            d->bytes_wanted += object_mapped(d->manifest,
                                             source_object(d, number));
    }
    return rc;
}

/* What the target says of an object is kept until its turn comes. */
static int take_memory(struct requests *r, uint64_t number, size_t bytes)
{
    int rc = budget_take(r->budget, bytes, "what the target says it holds");

    if (!rc)
        r->list[number].taken = bytes;
    return rc;
}

/* Drops what the target has said of an object. */
static void drop_said(struct requests *r, struct request *request)
{
    budget_give(r->budget, request->taken);
    free(request->signature);
    free(request->held);
    request->signature = NULL;
    request->held = NULL;
    request->taken = 0;
}

static int add_signatures(struct source_disk *d, struct requests *r,
                          const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct signature *signature = NULL;
    uint64_t number = 0;
    int rc = f->length ? 0 : -EPROTO;

    while (!rc && cursor_left(&c) > 0) {
        rc = recipe_parse_signature(&c, &number, &signature);
        if (rc)
            break;
        rc = add_request(d, r, number, false);
        if (!rc)
            rc = take_memory(r, number, signature_bytes(signature));
        if (rc)
            free(signature);
        else
            r->list[number].signature = signature;
    }
    return rc;
}

static int add_held(struct source_disk *d, struct requests *r,
                    const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct held_blocks *held = NULL;
    uint64_t number = 0;
    int rc = 0;

    while (!rc && cursor_left(&c) > 0) {
        rc = blocklist_parse_held(d, &c, &number, &held);
        if (rc)
            break;
        rc = add_request(d, r, number, false);
        if (!rc)
            rc = take_memory(r, number, sizeof(*held));
        if (rc)
            free(held);
        else
            r->list[number].held = held;
    }
    return rc;
}

/* Objects that the target of a dry run will not ask for, because it leaves
 * them to the passes. */
static int leave_to_passes(struct source_disk *d, struct requests *r,
                           const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint32_t count = cursor_u32(&c), i;
    const struct fsparse_extent *e;
    uint64_t number = 0;
    size_t n, j;

    if (!source_is_dry(d) || c.bad || count > cursor_left(&c))
        return -EPROTO;
    for (i = 0; i < count; i++) {
        number += cursor_zigzag(&c);
        if (c.bad || number >= r->n || r->list[number].times > 0)
            return -EPROTO;
        r->list[number].times = TIMES_MAX;
        e = object_extents(d->manifest, source_object(d, number), &n);
        for (j = 0; j < n; j++)
            output_leave(d, e[j].physical, e[j].length);
    }
    return cursor_left(&c) > 0 ? -EPROTO : 0;
}

static int take_frame(const struct session *s, struct source_disk *d,
                      struct requests *r, const struct frame *f)
{
    int rc = grow_requests(d, r);

    if (rc || f->disk != d->number)
        return rc ? rc : -EPROTO;
    switch (f->type) {
    case FRAME_UNKNOWN:
        return recipe_send_names(s, d, f);
    case FRAME_WANT:
        return add_wanted(d, r, f);
    case FRAME_SIGNATURE:
        return add_signatures(d, r, f);
    case FRAME_LIST:
        return blocklist_send(s, d, f);
    case FRAME_HELD:
        return add_held(d, r, f);
    case FRAME_LEFT:
        return leave_to_passes(d, r, f);
    case FRAME_WANT_END:
        r->ended = true;
        return f->length || !scan_is_listed(r->scan) ? -EPROTO : 0;
    default:
        return -EPROTO;
    }
}

static int flush_requests(const struct session *s, struct source_disk *d,
                          struct requests *r)
{
    return r->data.length ? flush_data(s, d, &r->data) : 0;
}

/* Frees the signature, or the blocks, that came with the request. */
static int send_recipe(const struct session *s, struct source_disk *d,
                       struct requests *r, uint64_t number)
{
    struct request *request = &r->list[number];
    int rc;

    rc = flush_requests(s, d, r);
    if (!rc)
        rc = request->signature ?
            recipe_send(s, d, number, request->signature) :
            recipe_send_from_held(s, d, number, request->held);
    drop_said(r, request);
    return rc;
}

/* Serves the request that is next in order, of which there must be one. */
static int serve_next(const struct session *s, struct source_disk *d,
                      struct requests *r)
{
    struct request *request;
    uint32_t number;
    int rc;

    send_order_take(r->order, &number);
    request = &r->list[number];
    request->waiting = false;
    if (request->signature || request->held)
        rc = send_recipe(s, d, r, number);
    else
        rc = put_content(s, d, &r->data, number);
    scan_show(r->scan);
    return rc ? rc :
        send_order_is_empty(r->order) ? flush_requests(s, d, r) : 0;
}

/* What there is to be done. */
enum event {
    EVENT_FRAME,                /* the target says something: *f */
    EVENT_REQUEST,              /* a request waits, and no frame */
    EVENT_SERVED,               /* all is served, and nothing more will come */
    EVENT_SCAN_FAILED,          /* scan_end() tells why */
};

/* Frames that are there come first: the more requests are known, the better
 * is their order. */
static int next_event(const struct session *s, const struct source_disk *d,
                      const struct requests *r, enum event *event_r,
                      struct frame *f)
{
    bool waiting = !send_order_is_empty(r->order);
    int rc;

    *event_r = EVENT_SERVED;
    if (r->ended && !waiting)
        return 0;
    *event_r = EVENT_SCAN_FAILED;
    if (scan_has_failed(r->scan))
        return 0;
    *event_r = EVENT_REQUEST;
    if (r->ended)
        return 0;
    if (waiting) {
        rc = inbox_try(s->inbox, d->number, f);
        if (rc == -EAGAIN)
            return 0;
    } else {
        rc = inbox_next_or(s->inbox, d->number, scan_fd(r->scan), f);
        *event_r = EVENT_SCAN_FAILED;
        if (rc == -ECANCELED)
            return 0;
    }
    *event_r = EVENT_FRAME;
    return rc;
}

static int handle_frame(const struct session *s, struct source_disk *d,
                        struct requests *r, struct frame *f)
{
    int rc = take_frame(s, d, r, f);

    char why[512];

    if (rc == -EPROTO)
        rc = inbox_misplaced(s->inbox, f);
    if (rc == -ENOBUFS && budget_explain(s->budget, why, sizeof(why)))
        log_error("%s: %s", s->peer, why);
    frame_release(f);
    return rc;
}

/* Serves all requests.  *end_r: EVENT_SERVED or EVENT_SCAN_FAILED. */
static int serve_all(const struct session *s, struct source_disk *d,
                     struct requests *r, enum event *end_r)
{
    struct frame f;
    int rc = 0;

    while (!rc) {
        rc = next_event(s, d, r, end_r, &f);
        if (rc)
            break;
        if (*end_r == EVENT_FRAME)
            rc = handle_frame(s, d, r, &f);
        else if (*end_r == EVENT_REQUEST)
            rc = serve_next(s, d, r);
        else
            break;
    }
    return rc;
}

static void requests_release(struct requests *r)
{
    uint64_t i;

    for (i = 0; i < r->n; i++)
        drop_said(r, &r->list[i]);
    free(r->list);
    send_order_free(r->order);
    buf_release(&r->data);
}

/* Ends the bulk copy, and waits until the target has. */
static int end_bulk(const struct session *s, struct source_disk *d)
{
    struct frame f;
    int rc = wire_send_freight(s->wire, FRAME_DATA_END, d->number, NULL, 0);

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

/* *end_r as serve_all(). */
static int serve(const struct session *s, struct source_disk *d,
                 struct scan *scan, enum event *end_r)
{
    struct requests r = { .budget = s->budget, .scan = scan,
                          .data = BUF_INIT };
    int rc = send_order_new(&r.order, d->manifest);

    if (!rc)
        rc = serve_all(s, d, &r, end_r);
    requests_release(&r);
    blocklist_end(d);
    if (!rc && *end_r == EVENT_SERVED)
        return end_bulk(s, d);
    wire_flush_freight(s->wire);
    return rc;
}

int bulk_run(const struct session *s, struct source_disk *d)
{
    enum event end = EVENT_SERVED;
    struct scan *scan;
    uint64_t total;
    int rc;

    rc = rounds_compare(s, d);
    if (!rc)
        rc = scan_start(&scan, s, d);
    if (rc)
        return rc;
    rc = serve(s, d, scan, &end);
    if (rc) {
        scan_leave(scan);
        return rc;
    }
    total = scan_found(scan);
    rc = scan_end(scan);
    prehash_stop(d->prehash);
    if (rc)
        return rc;
    d->report.different = d->bytes_sent < total ? d->bytes_sent : total;
    d->report.identical = total - d->report.different;
    return 0;
}
