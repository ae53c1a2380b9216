/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine; see sender.h.
 *
 * Per disk: the bulk copy (bulk.h), then rounds of what was written meanwhile
 * (rounds.h).  Disks are served side by side: one reads while another waits for
 * the target to look things up, or for the link.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/budget.h"
#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/base/taskgroup.h"
#include "plugin/image/free_space.h"
#include "plugin/index/index_add_image.h"
#include "plugin/proto.h"
#include "plugin/source/bulk.h"
#include "plugin/source/disk.h"
#include "plugin/source/doubt.h"
#include "plugin/source/dry_run.h"
#include "plugin/source/offer.h"
#include "plugin/source/output.h"
#include "plugin/source/rounds.h"
#include "plugin/source/sender.h"
#include "plugin/state/record.h"
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
    rc = budget_new(&s->session.budget, opt->memory_limit);
    if (!rc)
        rc = threadpool_new(&s->session.pool, 0);
    if (rc) {
        budget_free(s->session.budget);
        free(s);
        return rc;
    }
    *s_r = s;
    return 0;
}

/* The search for free space in a cold image, by a thread of its own while the
 * connection is made. */
struct examination {
    struct source_disk *disk;
    pthread_t thread;
    int rc;                     /* what came of it */
};

static void *examine(void *opaque)
{
    struct examination *e = opaque;

    e->rc = free_space_skip(&e->disk->image, &e->disk->map);
    return NULL;
}

static int begin_examination(struct source_disk *d)
{
    struct examination *e = calloc(1, sizeof(*e));
    int rc;

    if (!e)
        return -ENOMEM;
    e->disk = d;
    rc = -pthread_create(&e->thread, NULL, examine, e);
    if (rc)
        free(e);
    else
        d->examination = e;
    return rc;
}

/* Waits for the end of the examination, if there is one. */
static int end_examination(struct source_disk *d)
{
    struct examination *e = d->examination;
    int rc;

    if (!e)
        return 0;
    d->examination = NULL;
    pthread_join(e->thread, NULL);
    rc = e->rc;
    free(e);
    return rc;
}

static void disk_free(struct source_disk *d)
{
    end_examination(d);
    rounds_end(d);
    output_free(d->output);
    doubt_free(d->doubt);
    fsparse_map_free(d->map);
    manifest_free(d->manifest);
    listing_free(d->listing);
    keyring_release(&d->keyring);
    image_release(&d->image);
    object_table_free(d->objects);
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
    for (i = 0; i < s->session.n_disks; i++)
        disk_free(s->session.disks[i]);
    free(s->session.disks);
    threadpool_free(s->session.pool);
    blockindex_free(s->session.index);
    budget_free(s->session.budget);
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
    d->vdev = strdup(vdev);
    d->path = strdup(path);
    d->dest = dest ? strdup(dest) : NULL;
    if (!d->vdev || !d->path || (dest && !d->dest))
        goto out;
    d->report.name = d->vdev;
    rc = rounds_begin(d);
    if (!rc)
        rc = image_open(&d->image, path);
    if (!rc && d->image.size == 0) {
        log_error("%s is empty; there is nothing to copy", path);
        rc = -ENODATA;
    }
    if (!rc)
        rc = stamp_of(path, &d->stamp);
    if (!rc)
        image_believe_holes(&d->image, s->opt.live);
    if (!rc && s->opt.skip_free)
        rc = begin_examination(d);
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

int sender_offer(struct sender *s, struct wire *w, struct inbox *in)
{
    s->session.wire = w;
    s->session.inbox = in;
    return offer_send(&s->session, &s->opt);
}

/* Course */

static int run_step(void *opaque, unsigned number)
{
    struct sender *s = opaque;
    struct source_disk *d = s->session.disks[number];
    double start = monotonic_seconds();
    int rc = end_examination(d);

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

static int dry_run_one(struct sender *s, struct source_disk *d)
{
    return dry_run_disk(&s->session, d);
}

int sender_dry_run(struct sender *s, const struct estimate_options *opt)
{
    double start = monotonic_seconds();
    unsigned i;
    int rc = 0;

    for (i = 0; i < s->session.n_disks && !rc; i++)
        rc = output_begin(s->session.disks[i], s->session.n_disks);
    if (!rc)
        rc = each_disk(s, dry_run_one);
    return rc ? rc : estimate_print(&s->session, opt,
                                    monotonic_seconds() - start);
}

static int bulk_disk(struct sender *s, struct source_disk *d)
{
    int rc;

    if (s->opt.live)
        rounds_track(d, s->opt.trace_ring);
    else
        d->cold = true;
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

/* A guest takes along what it needs to go to where it was before. */
static void put_secrets(const struct sender *s, const struct source_disk *d,
                        struct buf *b)
{
    char hex[SECRET_HEX];
    size_t i;

    if (!offer_moves(&s->opt))
        return;
    for (i = 0; i < d->keyring.n; i++) {
        secret_print(&d->keyring.list[i].secret, hex);
        buf_put_text(b, "secret", hex);
    }
}

static int place_disk(struct sender *s, struct source_disk *d)
{
    bool marked = !stamp_of_fd(d->image.fd, &d->placed_stamp);
    struct buf b = BUF_INIT;
    struct frame f;
    char task[64];
    int rc;

    if (doubt_is_open(d))
        log_warn("disk %s: %s at %s had the same content all the time, and "
                 "was not written to; it may be the storage of %s under "
                 "another name", d->vdev, doubt_there(d), s->session.peer,
                 d->path);
    snprintf(task, sizeof(task), "make disk %s durable", d->vdev);
    put_secrets(s, d, &b);
    rc = wire_send_buf(s->session.wire, FRAME_PLACE, d->number, &b);
    buf_release(&b);
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
                         digest ? root : NULL,
                         &(struct claim){ .own = d->secret });
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
            return !doubt_is_open(s->session.disks[i]);
    return false;
}

void sender_keep_stamps(struct sender *s, void (*change)(void *opaque),
                        void *opaque)
{
    unsigned i, n = s->session.n_disks;
    struct source_disk *d;
    struct stamp now;
    bool *same = calloc(n + 1, sizeof(*same));

    for (i = 0; i < n && same; i++) {
        d = s->session.disks[i];
        same[i] = !stamp_of(d->path, &now) && stamp_same(&now, &d->stamp);
    }
    change(opaque);
    for (i = 0; i < n && same; i++) {
        d = s->session.disks[i];
        if (same[i] && !stamp_of(d->path, &now))
            d->stamp = now;
    }
    free(same);
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

    for (i = 0; i < s->session.n_disks; i++) {
        listing_keep(s->session.disks[i]->listing);
        offer_forget_replaced(&s->opt, s->session.disks[i]);
    }
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
