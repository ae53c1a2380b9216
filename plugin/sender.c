/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine; see sender.h.
 *
 * Per disk: the bulk copy (bulk.c), then check passes (passes.c).  Disks are
 * copied one after the other.
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

/* Live passes stop when so few segments differ, or after so many passes. */
#define FEW_SEGMENTS 4
#define LIVE_PASSES 5
/* After suspension the disk stands still; a few rounds repair what a bad
 * reading or writing left, more will not help. */
#define FINAL_ROUNDS 8
#define DRAIN_SECONDS 30

struct sender {
    struct sender_options opt;
    struct link link;
    struct source_disk **disks;
    unsigned n_disks;
};

int sender_new(struct sender **s_r, const struct sender_options *opt,
               struct wire *w, struct inbox *in)
{
    struct sender *s = calloc(1, sizeof(*s));
    int rc;

    if (!s)
        return -ENOMEM;
    s->opt = *opt;
    s->link.wire = w;
    s->link.inbox = in;
    s->link.peer = opt->peer;
    rc = workers_new(&s->link.pool, 0);
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
    workers_free(s->link.pool);
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
    rc = wire_send_buf(s->link.wire, FRAME_DISK, d->number, &b);
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

    return wire_send(s->link.wire, FRAME_PROBED, f->disk, &seen, 1);
}

static int say_hello(struct sender *s)
{
    struct buf b = BUF_INIT;
    struct frame f;
    int rc;

    buf_put_text(&b, "mode", s->opt.mode);
    buf_put_text(&b, "name", s->opt.name);
    buf_put_text(&b, "uuid", s->opt.uuid);
    buf_put_text_u64(&b, "timeout", wire_timeout(s->link.wire));
    rc = wire_send_buf(s->link.wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    if (rc)
        return rc;
    rc = inbox_expect(s->link.inbox, FRAME_HELLO, &f);
    if (!rc)
        frame_release(&f);
    return rc;
}

static int protocol_error(const struct sender *s, const struct frame *f)
{
    log_error("%s: sent a frame of type %u that does not belong here",
              s->link.peer, f->type);
    return -EPROTO;
}

static int take_accepted(struct source_disk *d, const struct frame *f)
{
    const char *base;

    if (!text_valid(f->data, f->length))
        return -EPROTO;
    base = text_get(f->data, f->length, "base", 0);
    d->base = base && !strcmp(base, "1");
    return 0;
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
        rc = wire_send(s->link.wire, FRAME_DISKS_END, PROTO_NO_DISK, NULL, 0);
    while (!rc && accepted < s->n_disks) {
        rc = inbox_next(s->link.inbox, &f);
        if (rc)
            break;
        if (f.disk < s->n_disks && f.type == FRAME_PROBE)
            rc = answer_probe(s, &f);
        else if (f.disk < s->n_disks && f.type == FRAME_DISK_OK) {
            rc = take_accepted(s->disks[f.disk], &f);
            accepted++;
        }
        else
            rc = protocol_error(s, &f);
        frame_release(&f);
    }
    return rc;
}

/* Passes */

static int one_pass(struct sender *s, struct source_disk *d, bool full,
                    uint64_t *left_r)
{
    int rc = pass_run(&s->link, d, full, left_r);

    /* Over a base the first pass does the bulk's work. */
    if (d->base) {
        d->report.different += d->pass_bytes;
        d->report.identical -= d->pass_bytes < d->report.identical ?
            d->pass_bytes : d->report.identical;
        d->base = !full;
    } else {
        d->report.resent += d->pass_bytes;
    }
    return rc;
}

static int live_passes(struct sender *s, struct source_disk *d)
{
    uint64_t sent = UINT64_MAX, before, left;
    unsigned i;
    int rc = 0;

    for (i = 0; i < LIVE_PASSES && sent > FEW_SEGMENTS && !rc; i++) {
        before = sent;
        log_progress("disk %s: check pass %u while the guest runs", d->vdev,
                     i + 1);
        rc = one_pass(s, d, true, &left);
        sent = d->pass_segments;
        if (sent >= before)
            break;
    }
    return rc;
}

static int bulk_disk(struct sender *s, struct source_disk *d)
{
    return bulk_run(&s->link, d);
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

        out = wire_bytes_out(s->link.wire);
        in = wire_bytes_in(s->link.wire);
        start = report_now();
        rc = step(s, s->disks[i]);
        r->wire_out += wire_bytes_out(s->link.wire) - out;
        r->wire_in += wire_bytes_in(s->link.wire) - in;
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

static int settle_disk(struct sender *s, struct source_disk *d)
{
    struct write_mark before;
    uint64_t left = 1;
    bool full = true;
    unsigned i;
    int rc;

    rc = drain(d, &before);
    for (i = 0; i < FINAL_ROUNDS && !rc && (full || left); i++) {
        rc = one_pass(s, d, full, &left);
        if (!rc)
            rc = drain(d, &d->settled);
        /* A write that came late sends us over the whole disk again. */
        full = !rc && !mark_equal(&before, &d->settled);
        before = d->settled;
    }
    if (!rc && (full || left)) {
        log_error("disk %s: still differs after %u checks; is something "
                  "else writing to %s?", d->vdev, FINAL_ROUNDS, d->path);
        rc = -EBUSY;
    }
    return rc;
}

int sender_settle(struct sender *s)
{
    return each_disk(s, settle_disk);
}

bool sender_sees_writes(const struct sender *s)
{
    struct device_activity a;
    unsigned i;

    for (i = 0; i < s->n_disks; i++)
        if (device_activity(&s->disks[i]->image, &a))
            return false;
    return true;
}

static int place_disk(struct sender *s, struct source_disk *d)
{
    struct write_mark now;
    struct frame f;
    int rc;

    rc = drain(d, &now);
    if (!rc && !mark_equal(&now, &d->settled))
        rc = settle_disk(s, d);
    if (!rc)
        rc = wire_send(s->link.wire, FRAME_PLACE, d->number, NULL, 0);
    if (!rc)
        rc = inbox_expect(s->link.inbox, FRAME_PLACED, &f);
    if (!rc)
        frame_release(&f);
    return rc;
}

int sender_place(struct sender *s)
{
    return each_disk(s, place_disk);
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
        record_write(state_dir, &key, RECORD_LEFT, &now, root);
        image_release(&now);
    }
}

void sender_report(struct sender *s, double seconds, double blackout)
{
    struct session_report session = {
        .wire_out = wire_bytes_out(s->link.wire),
        .wire_in = wire_bytes_in(s->link.wire),
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
