/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine; see sender.h.
 *
 * Per disk: the bulk copy (bulk.c), then rounds of what was written meanwhile
 * (rounds.c, which uses pass.c and delta.c).  Disks are served side by side:
 * one reads while another waits for the target to look things up, or for the
 * link.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/escape.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/base/taskgroup.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/free_space.h"
#include "plugin/image/identity.h"
#include "plugin/image/owner.h"
#include "plugin/image/stamp.h"
#include "plugin/index/index_add_image.h"
#include "plugin/proto.h"
#include "plugin/source/disk.h"
#include "plugin/source/sender.h"
#include "plugin/source/session.h"
#include "plugin/state/record.h"
#include "plugin/state/unfinished.h"
#include "plugin/wire/listing.h"

/* More would only make heads move and caches overflow. */
#define DISKS_AT_ONCE 4

struct sender {
    struct sender_options opt;
    struct session session;
    int (*step)(struct sender *s, struct source_disk *d);
    pthread_mutex_t enter;      /* held while a disk is entered */
};

int sender_new(struct sender **s_r, const struct sender_options *opt)
{
    struct sender *s = calloc(1, sizeof(*s));
    int rc;

    if (!s)
        return -ENOMEM;
    s->opt = *opt;
    s->session.peer = opt->peer;
    pthread_mutex_init(&s->enter, NULL);
    rc = threadpool_new(&s->session.pool, 0);
    if (rc) {
        free(s);
        return rc;
    }
    *s_r = s;
    return 0;
}

static void *examine(void *opaque)
{
    struct source_disk *d = opaque;

    d->examined = free_space_skip(&d->image, &d->map);
    return NULL;
}

/* Waits for the end of the examination, if there is one. */
static int examined(struct source_disk *d)
{
    if (d->examining)
        pthread_join(d->examiner, NULL);
    d->examining = false;
    return d->examined;
}

static void disk_free(struct source_disk *d)
{
    examined(d);
    tracker_stop(d->tracker);
    prehash_free(d->prehash);
    dirty_release(&d->dirty);
    dirty_release(&d->left_blocks);
    reservoir_release(&d->freight);
    reservoir_release(&d->patches);
    fsparse_map_free(d->map);
    manifest_free(d->manifest);
    listing_free(d->listing);
    image_release(&d->image);
    object_table_free(d->objects);
    free(d->sent);
    free(d->doubt.there);
    free(d->doubt.equal);
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
    for (i = 0; i < s->session.n_disks; i++)
        disk_free(s->session.disks[i]);
    free(s->session.disks);
    threadpool_free(s->session.pool);
    blockindex_free(s->session.index);
    pthread_mutex_destroy(&s->enter);
    free(s);
}

int sender_add_disk(struct sender *s, const char *vdev, const char *path,
                    const char *dest)
{
    struct source_disk *d = calloc(1, sizeof(*d)), **list;
    int rc = -ENOMEM;

    list = realloc(s->session.disks, (s->session.n_disks + 1) * sizeof(*list));
    if (!d || !list)
        goto out;
    s->session.disks = list;
    d->image = (struct image)IMAGE_INIT;
    d->number = s->session.n_disks;
    d->dry = s->opt.dry;
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
    if (!rc)
        rc = stamp_of(path, &d->stamp);
    if (!rc)
        image_believe_holes(&d->image, s->opt.live);
    if (!rc && s->opt.skip_free) {
        rc = -pthread_create(&d->examiner, NULL, examine, d);
        d->examining = !rc;
    }
    if (!rc) {
        s->session.disks[s->session.n_disks++] = d;
        d = NULL;
    }
out:
    if (d)
        disk_free(d);
    return rc;
}

const char *sender_vdev(const struct sender *s, unsigned i)
{
    return i < s->session.n_disks ? s->session.disks[i]->vdev : NULL;
}

const struct image *sender_image(const struct sender *s, const char *vdev)
{
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++)
        if (!strcmp(s->session.disks[i]->vdev, vdev))
            return &s->session.disks[i]->image;
    return NULL;
}

const struct blockindex *sender_index(struct sender *s, uint64_t bytes,
                                      const uint8_t key[BLOCKINDEX_KEY])
{
    uint64_t blocks = 0;
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++)
        blocks += s->session.disks[i]->image.size / BLOCKINDEX_BLOCK;
    if (blocks > 0 && blockindex_new(&s->session.index, blocks, bytes, key))
        s->session.index = NULL;
    return s->session.index;
}

/* Offer */

static uint64_t bytes_used(const struct image *img)
{
    struct stat st;

    if (img->block || fstat(img->fd, &st))
        return img->size;
    return (uint64_t)st.st_blocks * 512;
}

/* Names the listing of an earlier session, if there is one. */
static void offer_listing(struct sender *s, struct source_disk *d,
                          struct buf *b)
{
    char hex[2 * HASH_BYTES + 1];
    uint8_t digest[HASH_BYTES];

    if (s->opt.state_dir)
        d->listing = listing_open(s->opt.state_dir, d->path);
    if (!d->listing || !listing_digest(d->listing, digest))
        return;
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    buf_put_text(b, "list", hex);
}

static int send_offer(struct sender *s, struct source_disk *d)
{
    char *ids[IDENTITIES_MAX], *stamp = NULL, *real = realpath(d->path, NULL);
    struct buf b = BUF_INIT;
    struct sector_sizes sectors;
    size_t n, i;
    int rc;

    if (!real) {
        rc = -errno;
        log_errno(rc, "%s", d->path);
        return rc;
    }
    image_sectors(&d->image, &sectors);
    buf_put_text(&b, "vdev", d->vdev);
    buf_put_text_u64(&b, "size", d->image.size);
    buf_put_text_u64(&b, "used", bytes_used(&d->image));
    /* So that the target finds out that it has the same name for it. */
    buf_put_text(&b, "path", real);
    buf_put_text(&b, "base", path_basename(real));
    free(real);
    buf_put_text(&b, "kind", d->image.block ? "block" : "file");
    buf_put_text_u64(&b, "sector", sectors.logical);
    owner_offer(d->image.fd, &b);
    if (d->dest)
        buf_put_text(&b, "dest", d->dest);
    if (d->dry && (stamp = stamp_text(d->path)))
        buf_put_text(&b, "stamp", stamp);
    free(stamp);
    n = d->image.block ? device_identities(&identity_system, d->image.dev,
                                           ids, IDENTITIES_MAX) : 0;
    for (i = 0; i < n; i++) {
        buf_put_text(&b, "id", ids[i]);
        free(ids[i]);
    }
    offer_listing(s, d, &b);
    rc = wire_send_buf(s->session.wire, FRAME_DISK, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Whether the target's probe file is seen beside our image. */
static bool sees_probe(const struct source_disk *d, const struct frame *f)
{
    char *real = realpath(d->path, NULL), *path = NULL;
    bool seen = false;

    if (real && f->length > 0 && f->length <= 255 &&
        !memchr(f->data, '/', f->length) &&
        asprintf(&path, "%.*s%.*s", (int)(path_basename(real) - real), real,
                 (int)f->length, (char *)f->data) >= 0) {
        seen = !access(path, F_OK);
        free(path);
    }
    free(real);
    return seen;
}

static int answer_probe(struct sender *s, const struct frame *f)
{
    uint8_t seen = sees_probe(s->session.disks[f->disk], f);

    return wire_send(s->session.wire, FRAME_PROBED, f->disk, &seen, 1);
}

static void show_abandoned(const struct sender *s, const struct frame *f)
{
    struct unfinished a = { 0, 0 };
    uint64_t count, days;

    if (!text_valid(f->data, f->length) ||
        text_get_u64(f->data, f->length, "abandoned", &count) ||
        text_get_u64(f->data, f->length, "abandoned_bytes", &a.bytes) ||
        text_get_u64(f->data, f->length, "abandoned_days", &days))
        return;
    a.count = count < UINT_MAX ? count : UINT_MAX;
    unfinished_remind(s->session.peer, &a, days < UINT_MAX ? days : UINT_MAX);
}

static int say_hello(struct sender *s)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put_text(&b, "mode", s->opt.mode);
    buf_put_text(&b, "name", s->opt.name);
    buf_put_text(&b, "uuid", s->opt.uuid);
    buf_put_text_u64(&b, "timeout", wire_timeout(s->session.wire));
    if (s->opt.dry)
        buf_put_text(&b, "dry", "1");
    rc = wire_send_buf(s->session.wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

static int hear_hello(struct sender *s)
{
    struct frame f;
    int rc = inbox_expect(s->session.inbox, PROTO_NO_DISK, FRAME_HELLO, &f);

    if (rc)
        return rc;
    show_abandoned(s, &f);
    frame_release(&f);
    return 0;
}

/* Unlike the logical size, it tells a guest only what is fast, and what is
 * written as a whole. */
static void compare_physical(const struct sender *s,
                             const struct source_disk *d,
                             const struct frame *f)
{
    struct sector_sizes here;
    uint64_t there;

    image_sectors(&d->image, &here);
    if (!text_get_u64(f->data, f->length, "physical", &there) &&
        there != here.physical)
        log_warn("disk %s: its physical sectors have %u bytes here and "
                 "%" PRIu64 " at %s, which the guest will see", d->vdev,
                 here.physical, there, s->session.peer);
}

static int take_accepted(const struct sender *s, struct source_disk *d,
                         const struct frame *f)
{
    const char *base, *list, *there;
    char shown[1024];

    if (!text_valid(f->data, f->length))
        return -EPROTO;
    base = text_get(f->data, f->length, "base", 0);
    d->base = base && !strcmp(base, "1");
    compare_physical(s, d, f);
    list = text_get(f->data, f->length, "list", 0);
    if (list && !strcmp(list, "1")) {
        if (!d->listing)
            return -EPROTO;
        listing_agree(d->listing);
    }
    there = text_get(f->data, f->length, "witness", 0);
    d->doubt.open = there != NULL;
    if (there)
        d->doubt.there = strdup(text_escape(there, shown, sizeof(shown)));
    return !there || d->doubt.there ? 0 : -ENOMEM;
}

int sender_offer(struct sender *s, struct wire *w, struct inbox *in)
{
    unsigned i, accepted = 0;
    struct frame f;
    int rc;

    s->session.wire = w;
    s->session.inbox = in;
    rc = say_hello(s);
    for (i = 0; i < s->session.n_disks && !rc; i++)
        rc = send_offer(s, s->session.disks[i]);
    if (!rc)
        rc = wire_send(s->session.wire, FRAME_DISKS_END, PROTO_NO_DISK, NULL,
                       0);
    if (!rc)
        rc = hear_hello(s);
    while (!rc && accepted < s->session.n_disks) {
        rc = inbox_next(s->session.inbox, PROTO_NO_DISK, &f);
        if (rc)
            break;
        if (f.disk < s->session.n_disks && f.type == FRAME_PROBE)
            rc = answer_probe(s, &f);
        else if (f.disk < s->session.n_disks && f.type == FRAME_DISK_OK) {
            rc = take_accepted(s, s->session.disks[f.disk], &f);
            if (rc)
                rc = inbox_misplaced(s->session.inbox, &f);
            accepted++;
        }
        else
            rc = inbox_misplaced(s->session.inbox, &f);
        frame_release(&f);
    }
    return rc ? rc : inbox_split(s->session.inbox, s->session.n_disks);
}

/* Course */

static int run_step(void *opaque, unsigned number)
{
    struct sender *s = opaque;
    struct source_disk *d = s->session.disks[number];
    double start = monotonic_seconds();
    int rc = examined(d);

    if (!rc)
        rc = s->step(s, d);
    d->report.seconds += monotonic_seconds() - start;
    return rc;
}

static int begin_step(struct sender *s, struct taskgroup **c_r,
                      int (*step)(struct sender *, struct source_disk *))
{
    s->step = step;
    return taskgroup_start(c_r, run_step, s, s->session.n_disks, DISKS_AT_ONCE);
}

/* While disks are served the target has nothing to say that is of none. */
static int take_out_of_turn(struct sender *s)
{
    struct frame f;
    int rc = inbox_try(s->session.inbox, PROTO_NO_DISK, &f);

    if (rc)
        return rc;
    rc = inbox_misplaced(s->session.inbox, &f);
    frame_release(&f);
    return rc;
}

/* Waits for the step, and watches the session. */
static int end_step(struct sender *s, struct taskgroup *c)
{
    int waited = inbox_wait(s->session.inbox, taskgroup_fd(c), -1);
    int rc = taskgroup_leave(c);

    /* Disks' threads may see the end that follows before we have said it. */
    if (waited == -EBUSY)
        inbox_hush(s->session.inbox);
    if (waited == -EBUSY || (rc == -EPIPE && !waited))
        waited = take_out_of_turn(s);
    return waited && waited != -EAGAIN ? waited : rc;
}

/* Runs step for every disk, side by side. */
static int each_disk(struct sender *s,
                     int (*step)(struct sender *, struct source_disk *))
{
    struct taskgroup *c;
    int rc;

    if (s->session.n_disks == 0)
        return 0;
    rc = begin_step(s, &c, step);
    return rc ? rc : end_step(s, c);
}

static int rehearse_one(struct sender *s, struct source_disk *d)
{
    return rehearse_disk(&s->session, d);
}

int sender_rehearse(struct sender *s, const struct rehearsal_options *opt)
{
    double start = monotonic_seconds();
    unsigned i;
    int rc;

    for (i = 0; i < s->session.n_disks; i++) {
        reservoir_init(&s->session.disks[i]->freight, s->session.n_disks);
        reservoir_init(&s->session.disks[i]->patches, s->session.n_disks);
    }
    rc = each_disk(s, rehearse_one);
    return rc ? rc : rehearse_report(&s->session, s->session.disks,
                                     s->session.n_disks, opt,
                                     monotonic_seconds() - start);
}

static int bulk_disk(struct sender *s, struct source_disk *d)
{
    int rc;

    if (s->opt.live)
        rounds_track(d, s->opt.trace_ring);
    else
        d->behind = d->cold = true;
    rc = bulk_run(&s->session, d);
    return rc || !s->opt.live ? rc : rounds_catch_up(&s->session, d);
}

int sender_bulk(struct sender *s)
{
    return each_disk(s, bulk_disk);
}

static int round_disk(struct sender *s, struct source_disk *d)
{
    return d->tracker ? rounds_run(&s->session, d) : 0;
}

int sender_round(struct sender *s, int control_fd)
{
    struct taskgroup *c;
    int rc;

    if (s->session.n_disks == 0)
        return 0;
    rc = begin_step(s, &c, round_disk);
    if (rc)
        return rc;
    inbox_watch(s->session.inbox, control_fd, POLLIN);
    if (inbox_wait(s->session.inbox, taskgroup_fd(c), -1) == -ECANCELED)
        atomic_store(&s->session.hurry, true);
    inbox_watch(s->session.inbox, control_fd, POLLRDHUP);
    rc = end_step(s, c);
    atomic_store(&s->session.hurry, false);
    return rc;
}

static int settle_traced_disk(struct sender *s, struct source_disk *d)
{
    return d->tracker ? rounds_settle(&s->session, d) : 0;
}

int sender_settle_traced(struct sender *s)
{
    return each_disk(s, settle_traced_disk);
}

static int settle_disk(struct sender *s, struct source_disk *d)
{
    return rounds_unchanged(d) ? 0 : rounds_settle(&s->session, d);
}

int sender_settle(struct sender *s)
{
    return each_disk(s, settle_disk);
}

static int place_disk(struct sender *s, struct source_disk *d)
{
    bool marked = !stamp_of_fd(d->image.fd, &d->placed_stamp);
    struct frame f;
    char task[64];
    int rc;

    if (d->doubt.open)
        log_warn("disk %s: %s at %s had the same content all the time, and "
                 "was not written to; it may be the storage of %s under "
                 "another name", d->vdev, d->doubt.there, s->session.peer,
                 d->path);
    snprintf(task, sizeof(task), "make disk %s durable", d->vdev);
    rc = wire_send(s->session.wire, FRAME_PLACE, d->number, NULL, 0);
    if (!rc)
        rc = inbox_expect_task(s->session.inbox, d->number, task, FRAME_PLACED,
                               &f);
    if (!rc)
        frame_release(&f);
    /* If it was not written to up to here, the stamp is of what was sent. */
    d->marked = !rc && marked && rounds_unchanged(d);
    return rc;
}

int sender_place(struct sender *s)
{
    return each_disk(s, place_disk);
}

/* Digests of what was sent block by block are made up for; nobody writes any
 * more. */
static int complete_digests(struct sender *s, struct source_disk *d)
{
    return segments_hash(&d->image, s->session.pool, 0, d->n_segments, d->sent);
}

void sender_record_left(struct sender *s, const char *state_dir)
{
    uint8_t root[HASH_BYTES];
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++) {
        struct source_disk *d = s->session.disks[i];
        struct record_key key = { s->opt.uuid, d->vdev, d->path };
        struct image now = IMAGE_INIT;
        bool digest = d->image.block && d->sent && !complete_digests(s, d);

        /* Opened again: the time of its last modification is wanted. */
        if (image_open(&now, d->path))
            continue;
        if (now.block != d->image.block || now.dev != d->image.dev ||
            now.ino != d->image.ino) {
            log_warn("disk %s: %s is not the image that was sent any more; "
                     "it is not noted as a copy", d->vdev, d->path);
            image_release(&now);
            continue;
        }
        if (digest)
            segments_root(d->sent, d->n_segments, root);
        if (digest || !d->image.block)
            record_write(state_dir, &key, RECORD_LEFT, &now,
                         digest ? root : NULL);
        image_release(&now);
    }
}

int sender_mark(const struct sender *s, const char *vdev,
                struct stamp *stamp_r)
{
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++) {
        const struct source_disk *d = s->session.disks[i];

        if (strcmp(d->vdev, vdev) || !d->marked)
            continue;
        *stamp_r = d->placed_stamp;
        return 0;
    }
    return -ENOENT;
}

bool sender_apart(const struct sender *s, const char *vdev)
{
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++)
        if (!strcmp(s->session.disks[i]->vdev, vdev))
            return !s->session.disks[i]->doubt.open;
    return false;
}

static void enter_disk(void *opaque, const struct source_disk *d)
{
    struct sender *s = opaque;
    struct index_source source;

    if (!s->opt.state_dir || !d->manifest ||
        manifest_count(d->manifest) > UINT32_MAX)
        return;
    source = index_source_of(d->manifest);
    /* A process opens the index once. */
    pthread_mutex_lock(&s->enter);
    index_add_image(s->opt.state_dir, d->path, &d->stamp, &source);
    pthread_mutex_unlock(&s->enter);
}

void sender_enter_ahead(struct sender *s)
{
    s->session.hashed = enter_disk;
    s->session.opaque = s;
}

void sender_enter(struct sender *s)
{
    unsigned i;

    for (i = 0; i < s->session.n_disks; i++)
        listing_keep(s->session.disks[i]->listing);
    for (i = 0; i < s->session.n_disks && !s->session.hashed; i++)
        enter_disk(s, s->session.disks[i]);
}

void sender_report(struct sender *s, double seconds,
                   const struct blackout *blackout)
{
    struct session_report session = {
        .wire_out = wire_bytes_out(s->session.wire),
        .wire_in = wire_bytes_in(s->session.wire),
        .seconds = seconds,
    };
    struct disk_report *rows = calloc(s->session.n_disks + 1, sizeof(*rows));
    unsigned i;

    if (!rows)
        return;
    if (blackout)
        session.blackout = *blackout;
    for (i = 0; i < s->session.n_disks; i++) {
        rows[i] = s->session.disks[i]->report;
        wire_bytes_of_disk(s->session.wire, i, &rows[i].wire_out,
                           &rows[i].wire_in);
        if (s->session.disks[i]->tracker)
            rows[i].traced = tracker_method(s->session.disks[i]->tracker);
    }
    report_print(rows, s->session.n_disks, &session);
    free(rows);
}
