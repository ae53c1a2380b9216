/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine; see sender.h.
 *
 * Per disk: scan (manifest_build), send the list of objects, send what the
 * target wants of them, then check passes (passes.c).  Disks are copied one
 * after the other.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/log.h"
#include "plugin/loopdev.h"
#include "plugin/proto.h"
#include "plugin/record.h"
#include "plugin/sender.h"
#include "plugin/source_disk.h"

#define MANIFEST_BYTES (256u << 10) /* of a frame, about */
#define DATA_BYTES (512u << 10)     /* of a frame, about */
#define READ_BYTES (256u << 10)

/* Live passes stop when so few segments differ, or after so many passes. */
#define FEW_SEGMENTS 4
#define LIVE_PASSES 5
/* After suspension the disk stands still; a few rounds repair what a bad
 * reading or writing left, more will not help. */
#define FINAL_ROUNDS 8
#define DRAIN_SECONDS 30

struct sender {
    struct sender_options opt;
    struct wire *wire;
    struct inbox *inbox;
    struct workers *pool;
    struct source_disk **disks;
    unsigned n_disks;
    double progress_start;
};

int sender_new(struct sender **s_r, const struct sender_options *opt,
               struct wire *w, struct inbox *in)
{
    struct sender *s = calloc(1, sizeof(*s));
    int rc;

    if (!s)
        return -ENOMEM;
    s->opt = *opt;
    s->wire = w;
    s->inbox = in;
    rc = workers_new(&s->pool, 0);
    if (rc) {
        free(s);
        return rc;
    }
    *s_r = s;
    return 0;
}

static void disk_free(struct source_disk *d)
{
    manifest_free(d->manifest);
    image_release(&d->image);
    free(d->order);
    free(d->wanted);
    free(d->sent);
    free(d->differ);
    free(d->vdev);
    free(d->path);
    free(d->dest);
    free(d);
}

void sender_free(struct sender *s)
{
    unsigned i;

    if (!s)
        return;
    for (i = 0; i < s->n_disks; i++)
        disk_free(s->disks[i]);
    free(s->disks);
    workers_free(s->pool);
    free(s);
}

int sender_add_disk(struct sender *s, const char *vdev, const char *path,
                    const char *dest)
{
    struct source_disk *d = calloc(1, sizeof(*d)), **list;
    int rc = -ENOMEM;

    list = realloc(s->disks, (s->n_disks + 1) * sizeof(*list));
    if (!d || !list)
        goto out;
    s->disks = list;
    d->image = (struct image)IMAGE_INIT;
    d->number = s->n_disks;
    d->vdev = strdup(vdev);
    d->path = strdup(path);
    d->dest = dest ? strdup(dest) : NULL;
    if (!d->vdev || !d->path || (dest && !d->dest))
        goto out;
    d->report.name = d->vdev;
    rc = image_open(&d->image, path);
    if (!rc && d->image.size == 0) {
        log_error("%s is empty; there is nothing to copy", path);
        rc = -ENODATA;
    }
    if (!rc) {
        s->disks[s->n_disks++] = d;
        d = NULL;
    }
out:
    if (d)
        disk_free(d);
    return rc;
}

/* Offer */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static uint64_t bytes_used(const struct image *img)
{
    struct stat st;

    if (img->block || fstat(img->fd, &st))
        return img->size;
    return (uint64_t)st.st_blocks * 512;
}

static int send_offer(struct sender *s, struct source_disk *d)
{
    struct buf b = BUF_INIT;
    char *ids[8];
    size_t n, i;
    int rc;

    buf_put_text(&b, "vdev", d->vdev);
    buf_put_text_u64(&b, "size", d->image.size);
    buf_put_text_u64(&b, "used", bytes_used(&d->image));
    buf_put_text(&b, "path", d->path);
    buf_put_text(&b, "base", base_name(d->path));
    buf_put_text(&b, "kind", d->image.block ? "block" : "file");
    if (d->dest)
        buf_put_text(&b, "dest", d->dest);
    n = device_identities(&d->image, ids, 8);
    for (i = 0; i < n; i++) {
        buf_put_text(&b, "id", ids[i]);
        free(ids[i]);
    }
    rc = wire_send_buf(s->wire, FRAME_DISK, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Whether the target's probe file is seen beside our image. */
static bool sees_probe(const struct source_disk *d, const struct frame *f)
{
    const char *base = base_name(d->path);
    char *path;
    bool seen;

    if (f->length == 0 || f->length > 255 || memchr(f->data, '/', f->length))
        return false;
    if (asprintf(&path, "%.*s%.*s", (int)(base - d->path), d->path,
                 (int)f->length, (char *)f->data) < 0)
        return false;
    seen = !access(path, F_OK);
    free(path);
    return seen;
}

static int answer_probe(struct sender *s, const struct frame *f)
{
    uint8_t seen = sees_probe(s->disks[f->disk], f);

    return wire_send(s->wire, FRAME_PROBED, f->disk, &seen, 1);
}

static int say_hello(struct sender *s)
{
    struct buf b = BUF_INIT;
    struct frame f;
    int rc;

    buf_put_text(&b, "mode", s->opt.mode);
    buf_put_text(&b, "name", s->opt.name);
    buf_put_text(&b, "uuid", s->opt.uuid);
    rc = wire_send_buf(s->wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    if (rc)
        return rc;
    rc = inbox_expect(s->inbox, FRAME_HELLO, &f);
    if (!rc)
        frame_release(&f);
    return rc;
}

static int protocol_error(const struct sender *s, const struct frame *f)
{
    log_error("%s: sent a frame of type %u that does not belong here",
              s->opt.peer, f->type);
    return -EPROTO;
}

int sender_offer(struct sender *s)
{
    unsigned i, accepted = 0;
    struct frame f;
    int rc;

    rc = say_hello(s);
    for (i = 0; i < s->n_disks && !rc; i++)
        rc = send_offer(s, s->disks[i]);
    if (!rc)
        rc = wire_send(s->wire, FRAME_DISKS_END, PROTO_NO_DISK, NULL, 0);
    while (!rc && accepted < s->n_disks) {
        rc = inbox_next(s->inbox, &f);
        if (rc)
            break;
        if (f.disk < s->n_disks && f.type == FRAME_PROBE)
            rc = answer_probe(s, &f);
        else if (f.disk < s->n_disks && f.type == FRAME_DISK_OK)
            accepted++;
        else
            rc = protocol_error(s, &f);
        frame_release(&f);
    }
    return rc;
}

/* Bulk copy */

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
    size_t i, n;
    int rc;

    rc = manifest_build(&d->image, &opt, &d->manifest);
    if (rc)
        return rc;
    m = d->manifest;
    if (m->n_objects > UINT32_MAX)
        return -EFBIG;
    d->order = calloc(m->n_objects + 1, sizeof(*d->order));
    d->wanted = calloc(m->n_objects + 1, 1);
    if (!d->order || !d->wanted)
        return -ENOMEM;
    for (i = 0; i < m->n_objects; i++) {
        object_extents(m, &m->objects[i], &n);
        if (n > 0 && !m->objects[i].zero)
            d->order[d->n_order++] = i;
    }
    return 0;
}

static const struct object *object_of(const struct source_disk *d,
                                      uint64_t number)
{
    return &d->manifest->objects[d->order[number]];
}

static void put_object(struct buf *b, const struct source_disk *d,
                       uint64_t number, uint64_t *physical)
{
    const struct object *o = object_of(d, number);
    const struct fsparse_extent *e;
    uint64_t logical = 0;
    size_t n, i;

    e = object_extents(d->manifest, o, &n);
    buf_put(b, o->hash, PROTO_SHORT_DIGEST);
    buf_put_varint(b, o->size);
    buf_put_varint(b, n);
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

    object_extents(d->manifest, object_of(d, number), &n);
    return n <= MANIFEST_BYTES / 16;
}

static int send_manifest_frame(struct sender *s, struct source_disk *d,
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
        wire_send_buf(s->wire, FRAME_MANIFEST, d->number, &b);
    buf_release(&objects);
    buf_release(&b);
    return rc;
}

static int send_manifest(struct sender *s, struct source_disk *d)
{
    struct buf b = BUF_INIT;
    uint64_t i, n = 0, next = 0;
    int rc = 0;

    for (i = 0; i < d->n_order; i++)
        if (fits(d, i))
            d->order[n++] = d->order[i];
    d->n_order = n;
    while (next < d->n_order && !rc)
        rc = send_manifest_frame(s, d, &next);
    if (rc)
        return rc;
    buf_put_u64(&b, d->n_order);
    rc = wire_send_buf(s->wire, FRAME_MANIFEST_END, d->number, &b);
    buf_release(&b);
    return rc;
}

static uint64_t mapped_bytes(const struct source_disk *d, uint64_t number)
{
    const struct fsparse_extent *e;
    uint64_t bytes = 0;
    size_t n, i;

    e = object_extents(d->manifest, object_of(d, number), &n);
    for (i = 0; i < n; i++)
        bytes += e[i].length;
    return bytes;
}

static int flush_data(struct sender *s, struct source_disk *d, struct buf *b)
{
    int rc = wire_send_buf(s->wire, FRAME_DATA, d->number, b);

    buf_reset(b);
    return rc;
}

static int put_extent(struct sender *s, struct source_disk *d,
                      struct buf *b, uint64_t number,
                      const struct fsparse_extent *e)
{
    uint64_t done;
    size_t n;
    uint8_t *p;
    int rc = 0;

    for (done = 0; done < e->length && !rc; done += n) {
        n = e->length - done < READ_BYTES ? e->length - done : READ_BYTES;
        buf_put_u64(b, number);
        buf_put_u32(b, n);
        p = buf_reserve(b, n);
        if (!p)
            return -ENOMEM;
        rc = image_read(&d->image, p, n, e->physical + done);
        if (rc)
            return rc;
        b->length += n;
        d->bytes_sent += n;
        if (b->length >= DATA_BYTES)
            rc = flush_data(s, d, b);
    }
    return rc;
}

static int put_content(struct sender *s, struct source_disk *d,
                       struct buf *b, uint64_t number)
{
    const struct fsparse_extent *e;
    size_t n, i;
    int rc = 0;

    e = object_extents(d->manifest, object_of(d, number), &n);
    for (i = 0; i < n && !rc; i++)
        rc = put_extent(s, d, b, number, &e[i]);
    return rc;
}

static void send_progress(struct sender *s, struct source_disk *d)
{
    double seconds = report_now() - s->progress_start;
    double rate = seconds > 0 ? d->bytes_sent / seconds : 0;
    uint64_t left = d->bytes_wanted - d->bytes_sent;

    log_progress("disk %s: found at %s %" PRIu64 " MB, sent %" PRIu64
                 " of %" PRIu64 " MB, %.1f MB/s, %.0f s left", d->vdev,
                 s->opt.peer,
                 (d->report.identical + d->report.different -
                  d->bytes_wanted) / 1000000,
                 d->bytes_sent / 1000000, d->bytes_wanted / 1000000,
                 rate / 1e6, rate > 0 ? left / rate : 0.0);
}

/* Sends the objects that a WANT frame names. */
static int send_wanted(struct sender *s, struct source_disk *d,
                       const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    struct buf b = BUF_INIT;
    uint32_t count = cursor_u32(&c), i;
    uint64_t number = 0;
    int rc = c.bad || count > cursor_left(&c) ? protocol_error(s, f) : 0;

    for (i = 0; i < count && !rc; i++) {
        number += cursor_zigzag(&c);
        if (c.bad || number >= d->n_order || d->wanted[number] >= 2) {
            rc = protocol_error(s, f);
            break;
        }
        d->wanted[number]++;
        d->bytes_wanted += mapped_bytes(d, number);
        rc = put_content(s, d, &b, number);
        send_progress(s, d);
    }
    if (!rc && b.length)
        rc = flush_data(s, d, &b);
    buf_release(&b);
    return rc;
}

static int serve_wants(struct sender *s, struct source_disk *d)
{
    bool done = false;
    struct frame f;
    int rc;

    while (!done) {
        rc = inbox_next(s->inbox, &f);
        if (rc)
            return rc;
        if (f.disk != d->number)
            rc = protocol_error(s, &f);
        else if (f.type == FRAME_WANT)
            rc = send_wanted(s, d, &f);
        else if (f.type == FRAME_WANT_END)
            rc = wire_send(s->wire, FRAME_DATA_END, d->number, NULL, 0);
        else if (f.type == FRAME_BULK_DONE)
            done = true;
        else
            rc = protocol_error(s, &f);
        frame_release(&f);
        if (rc)
            return rc;
    }
    return 0;
}

static int bulk_disk(struct sender *s, struct source_disk *d)
{
    uint64_t i, total = 0;
    int rc;

    rc = scan(d);
    if (!rc) {
        for (i = 0; i < d->n_order; i++)
            total += mapped_bytes(d, i);
        /* Until the target says what it lacks. */
        d->report.identical = total;
        s->progress_start = report_now();
        rc = send_manifest(s, d);
    }
    if (!rc)
        rc = serve_wants(s, d);
    if (rc)
        return rc;
    for (i = 0; i < d->n_order; i++)
        if (d->wanted[i])
            d->report.different += mapped_bytes(d, i);
    d->report.identical = total - d->report.different;
    manifest_free(d->manifest);
    d->manifest = NULL;
    return 0;
}

/* Passes */

static int one_pass(struct sender *s, struct source_disk *d, bool full,
                    uint64_t *differed_r)
{
    struct pass p = { s->wire, s->inbox, s->pool };

    return pass_run(&p, d, full, differed_r);
}

static int live_passes(struct sender *s, struct source_disk *d)
{
    uint64_t differed = UINT64_MAX, before;
    unsigned i;
    int rc = 0;

    for (i = 0; i < LIVE_PASSES && differed > FEW_SEGMENTS && !rc; i++) {
        before = differed;
        log_progress("disk %s: check pass %u while the guest runs", d->vdev,
                     i + 1);
        rc = one_pass(s, d, true, &differed);
        if (differed >= before)
            break;
    }
    return rc;
}

/* Runs step for every disk and books bytes and seconds on it. */
static int each_disk(struct sender *s,
                     int (*step)(struct sender *, struct source_disk *))
{
    uint64_t out, in;
    double start;
    unsigned i;
    int rc = 0;

    for (i = 0; i < s->n_disks && !rc; i++) {
        struct disk_report *r = &s->disks[i]->report;

        out = wire_bytes_out(s->wire);
        in = wire_bytes_in(s->wire);
        start = report_now();
        rc = step(s, s->disks[i]);
        r->wire_out += wire_bytes_out(s->wire) - out;
        r->wire_in += wire_bytes_in(s->wire) - in;
        r->seconds += report_now() - start;
    }
    return rc;
}

int sender_bulk(struct sender *s, bool live)
{
    int rc = each_disk(s, bulk_disk);

    if (!rc && live)
        rc = each_disk(s, live_passes);
    return rc;
}

/* What tells that an image was written to: sectors through its device, and
 * the time of a file's last modification. */
struct write_mark {
    uint64_t written;
    struct timespec mtime;
};

/* Waits until the backend has nothing in flight, then takes the mark. */
static int drain(const struct source_disk *d, struct write_mark *mark)
{
    double limit = report_now() + DRAIN_SECONDS;
    struct device_activity a = { 0, 0 };
    struct stat st;

    while (!device_activity(&d->image, &a) && a.in_flight > 0) {
        if (report_now() > limit) {
            log_error("disk %s: %" PRIu64 " requests are still in flight "
                      "%d seconds after the guest was suspended", d->vdev,
                      a.in_flight, DRAIN_SECONDS);
            return -ETIMEDOUT;
        }
        usleep(1000);
    }
    if (fstat(d->image.fd, &st))
        return -errno;
    mark->written = a.written;
    mark->mtime = st.st_mtim;
    return 0;
}

static bool mark_equal(const struct write_mark *a, const struct write_mark *b)
{
    return a->written == b->written && a->mtime.tv_sec == b->mtime.tv_sec &&
        a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static int finish_disk(struct sender *s, struct source_disk *d)
{
    struct write_mark before, after;
    uint64_t differed = 1;
    bool full = true;
    unsigned i;
    int rc;
    struct frame f;

    rc = drain(d, &before);
    for (i = 0; i < FINAL_ROUNDS && !rc && (full || differed); i++) {
        rc = one_pass(s, d, full, &differed);
        if (!rc)
            rc = drain(d, &after);
        /* A write that came late sends us over the whole disk again. */
        full = !rc && !mark_equal(&before, &after);
        before = after;
    }
    if (!rc && (full || differed)) {
        log_error("disk %s: still differs after %u checks; is something "
                  "else writing to %s?", d->vdev, FINAL_ROUNDS, d->path);
        rc = -EBUSY;
    }
    if (!rc)
        rc = wire_send(s->wire, FRAME_PLACE, d->number, NULL, 0);
    if (!rc)
        rc = inbox_expect(s->inbox, FRAME_PLACED, &f);
    if (!rc)
        frame_release(&f);
    return rc;
}

int sender_finish(struct sender *s)
{
    return each_disk(s, finish_disk);
}

void sender_record_left(struct sender *s, const char *state_dir)
{
    uint8_t root[HASH_BYTES];
    unsigned i;

    for (i = 0; i < s->n_disks; i++) {
        struct source_disk *d = s->disks[i];
        struct record_key key = { s->opt.uuid, d->vdev, d->path };
        struct image now = IMAGE_INIT;

        /* Opened again: the time of its last modification is wanted. */
        if (!d->sent || image_open(&now, d->path))
            continue;
        segments_root(d->sent, d->n_segments, root);
        record_write(state_dir, &key, "left", &now, root);
        image_release(&now);
    }
}

void sender_report(struct sender *s, double seconds, double blackout)
{
    struct session_report session = {
        .wire_out = wire_bytes_out(s->wire),
        .wire_in = wire_bytes_in(s->wire),
        .seconds = seconds,
        .blackout = blackout,
    };
    struct disk_report *rows = calloc(s->n_disks + 1, sizeof(*rows));
    unsigned i;

    if (!rows)
        return;
    for (i = 0; i < s->n_disks; i++)
        rows[i] = s->disks[i]->report;
    report_print(rows, s->n_disks, &session);
    free(rows);
}
