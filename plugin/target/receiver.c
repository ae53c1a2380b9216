/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's engine; see receiver.h.
 *
 * One thread takes the frames in their order and hands them to the chapters
 * (offer.c, bulk.c, recipe.c, blocklist.c, pass.c, delta.c, witness.c).  It
 * alone decides about the course of the session.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/target/blocklist.h"
#include "plugin/target/bulk.h"
#include "plugin/target/confinement.h"
#include "plugin/target/delta.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/index_disk.h"
#include "plugin/target/monitor.h"
#include "plugin/target/offer.h"
#include "plugin/target/pass.h"
#include "plugin/target/passed_secrets.h"
#include "plugin/target/receiver.h"
#include "plugin/target/recipe.h"
#include "plugin/target/segments.h"
#include "plugin/target/session.h"
#include "plugin/target/witness.h"
#include "plugin/wire/listing.h"

/* Of 4 KiB, looked for at once: 12 GiB, and about 100 MB of memory. */
#define BLOCKS_MAX (3u << 20)
/* What one session is told of references: signatures of some 10 GB of files
 * that have changed, whether a recipe is right, until this number has come out
 * wrong, and which blocks are held of 128 GiB that no parser understands. */
#define SIGNATURES_MAX ((size_t)64 << 20)
#define WRONG_MAX 1024u
#define LISTED_MAX ((size_t)1 << 25)

int receiver_new(struct receiver **r_r, struct wire *w, struct inbox *in,
                 const struct configuration *conf, struct budget *budget,
                 const struct receiver_events *events)
{
    struct receiver *r = calloc(1, sizeof(*r));
    int rc;

    if (!r)
        return -ENOMEM;
    r->wire = w;
    r->inbox = in;
    r->conf = conf;
    r->budget = budget;
    r->events = *events;
    r->blocks_left = BLOCKS_MAX;
    r->told.signatures = SIGNATURES_MAX;
    r->told.wrong = WRONG_MAX;
    r->told.listed = LISTED_MAX;
    rc = threadpool_new(&r->pool, 0);
    if (!rc)
        rc = references_new(&r->references, conf, "/proc/self/exe");
    if (rc) {
        receiver_free(r);
        return rc;
    }
    *r_r = r;
    return 0;
}

static void disk_free(struct target_disk *d)
{
    size_t i;

    if (!d->monitor)
        destination_unprobe(&d->dest, d->probe);
    bulk_release(d);
    segments_release(d);
    delta_release(d);
    listing_free(d->known_list);
    passed_secrets_forget(d);
    monitor_release(d);
    pthread_mutex_destroy(&d->lock);
    for (i = 0; i < d->n_ids; i++)
        free(d->ids[i]);
    free(d->ids);
    free(d->vdev);
    free(d->path);
    free(d->named);
    free(d->base);
    free(d->stamp);
    free(d->source_path);
    free(d->index_name);
    free(d);
}

/* Before the references go. */
static void stop_entering(struct receiver *r)
{
    unsigned i;

    for (i = 0; i < r->n_disks; i++)
        index_disk_stop(r->disks[i]);
}

void receiver_free(struct receiver *r)
{
    struct known_path *p;
    unsigned i;

    if (!r)
        return;
    /* Objects still to be looked for are not; then the threads, before the
     * disks they work on. */
    for (i = 0; i < r->n_disks; i++)
        disk_fail(r->disks[i], -ECANCELED);
    if (r->references)
        references_stop(r->references);
    threadpool_free(r->pool);
    /* Whoever reads references for the index has its lock, and what was entered
     * in vain would stay. */
    if (r->references)
        references_end_refresh(r->references);
    stop_entering(r);
    for (i = 0; i < r->n_disks; i++)
        disk_free(r->disks[i]);
    free(r->disks);
    references_free(r->references);
    monitor_stop(r->monitor);
    while ((p = r->paths)) {
        r->paths = p->next;
        free(p->vdev);
        free(p->path);
        free(p);
    }
    destination_list_free(r->places);
    free(r->uuid);
    free(r);
}

int receiver_set_path(struct receiver *r, const char *vdev, const char *path)
{
    struct known_path *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->vdev = strdup(vdev);
    p->path = strdup(path);
    p->next = r->paths;
    r->paths = p;
    return p->vdev && p->path ? 0 : -ENOMEM;
}

void receiver_confine(struct receiver *r)
{
    r->confines = !CONFINEMENT_NONE;
}

bool receiver_is_dry(const struct receiver *r)
{
    return r->dry;
}

bool receiver_is_push(const struct receiver *r)
{
    return r->push;
}

void receiver_set_used(struct receiver *r, const struct used_path *used)
{
    r->busy = used;
}

void receiver_fail(struct receiver *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    session_vrefuse(r, fmt, ap);
    va_end(ap);
}

/* Course */

static int take_ballast(struct receiver *r)
{
    return r->dry ?
        wire_send(r->wire, FRAME_BALLAST, PROTO_NO_DISK, NULL, 0) : -EPROTO;
}

/* Says why a destination cannot be used any more, if it knows. */
static void give_reason(struct receiver *r, const struct target_disk *d)
{
    if (d->dest.reason)
        session_refuse(r, "disk %s: %s", d->vdev, d->dest.reason);
}

static int make_placeholder(struct receiver *r, struct target_disk *d)
{
    int rc;

    if (!d->bulk_done)
        return -EPROTO;
    rc = monitor_placeholder(d);
    if (rc)
        give_reason(r, d);
    else if (d->dest.placeholder && r->events.placeholder)
        r->events.placeholder(r->events.opaque, d->path, &d->dest.found);
    return rc;
}

static int take_restore(struct receiver *r)
{
    unsigned i;
    int rc = r->offered && !r->dry ? 0 : -EPROTO;

    for (i = 0; i < r->n_disks && !rc; i++)
        rc = make_placeholder(r, r->disks[i]);
    if (!rc)
        rc = session_raise(r, r->events.restore);
    return rc ? rc :
        wire_send(r->wire, FRAME_RESTORING, PROTO_NO_DISK, NULL, 0);
}

static int take_memory_end(struct receiver *r, const struct frame *f)
{
    struct cursor c = CURSOR_INIT(f->data, f->length);
    uint64_t bytes = cursor_u64(&c);
    const uint8_t *digest = cursor_get(&c, HASH_BYTES);
    int rc;

    if (c.bad || !r->offered || r->dry || !r->events.memory_end)
        return -EPROTO;
    rc = r->events.memory_end(r->events.opaque, bytes, digest);
    /* A guest without disks has nothing else to wait for. */
    return rc || r->n_disks > 0 ? rc : session_raise(r, r->events.final);
}

int receiver_read(struct receiver *r, uint64_t disk, uint64_t offset,
                  void *data, size_t length)
{
    const struct target_disk *d = disk < r->n_disks ? r->disks[disk] : NULL;

    if (!d || offset > d->size || length > d->size - offset)
        return -ERANGE;
    /* With the key of the source an answer would tell of what it has not shown
     * to know. */
    if (d->dest.foreign)
        return -EACCES;
    return destination_read(&d->dest, data, length, offset);
}

static int place(struct receiver *r, struct target_disk *d,
                 const struct frame *f)
{
    uint8_t root[HASH_BYTES];
    int rc = passed_secrets_take(d, f);

    if (rc)
        return rc;
    if (d->dry || d->placed || !d->bulk_done || !segments_complete(d) ||
        delta_is_pending(d)) {
        session_refuse(r, "disk %s: asked to put it in place before it was "
                       "verified", d->vdev);
        return -EPROTO;
    }
    /* A file is known again by its inode and times, at no cost. */
    if (d->dest.block)
        rc = pass_read_root(d, root);
    if (!rc)
        rc = monitor_place(d, d->dest.block ? root : NULL);
    if (rc)
        return rc;
    d->placed = true;
    r->n_placed++;
    /* The source may have lost patience meanwhile: its guest runs on. */
    if (!session_is_wanted(r))
        return -EPIPE;
    rc = r->n_placed == r->n_disks ? session_raise(r, r->events.final) : 0;
    return rc ? rc : wire_send(r->wire, FRAME_PLACED, d->number, NULL, 0);
}

static int take_session_frame(struct receiver *r, const struct frame *f)
{
    switch (f->type) {
    case FRAME_HELLO:
        return offer_take_hello(r, f);
    case FRAME_DISKS_END:
        return offer_take_disks_end(r);
    case FRAME_BALLAST:
        return take_ballast(r);
    case FRAME_RESTORE:
        return take_restore(r);
    case FRAME_MEMORY_END:
        return take_memory_end(r, f);
    default:
        return -EPROTO;
    }
}

static int take_bulk_frame(struct target_disk *d, const struct frame *f)
{
    if (!d->accepted)
        return -EPROTO;
    switch (f->type) {
    case FRAME_SEGMENTS:
        return witness_may_compare(d) ? pass_take_segments(d, f) : -EPROTO;
    case FRAME_COMPARED:
        return bulk_take_compared(d);
    case FRAME_MANIFEST:
        return bulk_take_manifest(d, f);
    case FRAME_MANIFEST_END:
        return bulk_take_manifest_end(d, f);
    case FRAME_NAMES:
        return recipe_take_names(d, f);
    case FRAME_RECIPE:
        return recipe_take(d, f);
    case FRAME_BLOCKLIST:
        return blocklist_take(d, f);
    case FRAME_DATA:
        return bulk_take_data(d, f);
    case FRAME_DATA_END:
        return bulk_take_data_end(d);
    default:
        return -EPROTO;
    }
}

static int take_pass_frame(struct target_disk *d, const struct frame *f)
{
    if (d->placed)
        return -EPROTO;
    switch (f->type) {
    case FRAME_SEGMENTS:
        return pass_take_segments(d, f);
    case FRAME_SEGMENT:
        return pass_take_segment(d, f);
    case FRAME_PATCH:
        return pass_take_patch(d, f);
    case FRAME_DELTA:
        return delta_take(d, f);
    case FRAME_PASS_END:
        return pass_take_end(d);
    default:
        return -EPROTO;
    }
}

static int take_disk_frame(struct receiver *r, struct target_disk *d,
                           const struct frame *f);

struct unlisting {
    struct receiver *receiver;
    struct target_disk *disk;
};

static int take_unlisted(void *opaque, const struct frame *f)
{
    struct unlisting *u = opaque;

    return take_disk_frame(u->receiver, u->disk, f);
}

static int take_listed(struct receiver *r, struct target_disk *d,
                       const struct frame *f)
{
    struct unlisting u = { r, d };

    return listing_take(d->known_list, f, take_unlisted, &u);
}

static int take_disk_frame(struct receiver *r, struct target_disk *d,
                           const struct frame *f)
{
    if (f->type == FRAME_LISTING)
        return take_listed(r, d, f);
    listing_note(d->known_list, f);
    if (f->type == FRAME_PASS_END)
        listing_note_end(d->known_list);
    if (f->type == FRAME_PROBED)
        return offer_take_probed(r, d, f);
    if (f->type == FRAME_WITNESS)
        return witness_take(d, f);
    if (f->type == FRAME_APART)
        return witness_take_apart(d, f);
    if (d->dry && d->bulk_done)
        return f->type == FRAME_PASS_END ? pass_take_end_dry(d) : -EPROTO;
    if (f->type == FRAME_PLACE)
        return place(r, d, f);
    return d->bulk_done ? take_pass_frame(d, f) : take_bulk_frame(d, f);
}

static int open_references(struct receiver *r)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < r->n_disks && !rc; i++)
        if (r->disks[i]->dest.earlier.own.set && !r->disks[i]->dest.foreign)
            rc = references_add(r->references, r->disks[i]->path);
    if (r->dry)
        references_keep_index(r->references);
    host_secret_load(r->conf->state_dir, !r->dry, r->told.secret);
    return rc ? rc : references_open(r->references);
}

static int give_up_rights(struct receiver *r)
{
    char why[WHY_BYTES] = "out of memory";
    int rc;

    wire_prepare();
    rc = monitor_start(&r->monitor, r, why, sizeof(why));
    if (!rc)
        rc = confinement_enter(why, sizeof(why));
    if (rc)
        session_refuse(r, "%s", why);
    return rc;
}

/* All disks are accepted.  What takes rights has been done, or is the monitor's
 * from now on, before anything is unpacked. */
static int settle(struct receiver *r)
{
    int rc = r->n_disks > 0 ? open_references(r) : 0;

    if (!rc && r->confines)
        rc = give_up_rights(r);
    if (rc)
        return rc;
    r->settled = true;
    wire_set_packed(r->wire, WIRE_PACKED_TAKE);
    /* What is not indexed is read while the source scans its disks. */
    if (r->n_disks > 0)
        references_start(r->references);
    return 0;
}

static int take_frame(struct receiver *r, const struct frame *f)
{
    int rc;

    if (f->type == FRAME_DISK)
        rc = offer_take_disk(r, f);
    else if (f->disk == PROTO_NO_DISK)
        rc = take_session_frame(r, f);
    else if (f->disk < r->n_disks)
        rc = take_disk_frame(r, r->disks[f->disk], f);
    else
        rc = -EPROTO;
    if (!rc && r->offered && !r->settled && r->n_accepted == r->n_disks)
        rc = settle(r);
    return rc;
}

void receiver_enter(struct receiver *r)
{
    unsigned i;

    for (i = 0; i < r->n_disks; i++)
        if (r->disks[i]->placed && !r->push)
            monitor_keep_secrets(r->disks[i]);
    references_stop(r->references);
    threadpool_free(r->pool);
    r->pool = NULL;
    /* Whoever reads references for the index has its lock. */
    references_end_refresh(r->references);
    for (i = 0; i < r->n_disks; i++) {
        if (r->disks[i]->placed)
            monitor_keep_listing(r->disks[i]);
        index_disk_end(r->disks[i]);
    }
}

static void explain_protocol(struct receiver *r, const struct frame *f)
{
    session_refuse(r, "the target was sent %s where it does not belong; the "
                   "versions of xl-dedup on both hosts do not fit together, or "
                   "one of them is at fault", proto_name(f->type));
}

/* One line for the admin at the source; details are in our own log. */
static void say_failure(struct receiver *r, const struct frame *f, int rc)
{
    const struct target_disk *d = f->disk < r->n_disks ?
        r->disks[f->disk] : NULL;
    char why[WHY_BYTES];

    if (rc == -EPIPE || rc == -ECONNABORTED)
        return;
    if (rc == -ENOBUFS && budget_explain(r->budget, why, sizeof(why))) {
        session_refuse(r, "%s", why);
        return;
    }
    if (d && d->dest.reason)
        give_reason(r, d);
    else if (rc == -EPROTO)
        explain_protocol(r, f);
    else if (!d || !d->path)
        session_refuse(r, "the target cannot go on at %s: %s",
                       proto_name(f->type), strerror(-rc));
    else if (rc == -ENOSPC)
        session_refuse(r, "disk %s: no space left for %s; free some there and "
                       "try again, what arrived is kept in %s", d->vdev,
                       d->path, d->dest.staging_path);
    else if (f->type == FRAME_PLACE)
        session_refuse(r, "disk %s: %s cannot be put in place: %s", d->vdev,
                       d->path, strerror(-rc));
    else
        session_refuse(r, "disk %s: %s cannot be rebuilt: %s", d->vdev, d->path,
                       strerror(-rc));
}

int receiver_run(struct receiver *r)
{
    struct frame f;
    bool bye = false;
    int rc = 0;

    while (!rc && !bye) {
        rc = inbox_next(r->inbox, PROTO_NO_DISK, &f);
        if (rc == -ECANCELED && r->events.watched) {
            rc = r->events.watched(r->events.opaque);
            continue;
        }
        if (rc) {
            if (rc != -EPIPE && rc != -ECONNABORTED)
                session_refuse(r, "cannot wait for the source: %s",
                               strerror(-rc));
            return rc;
        }
        bye = f.type == FRAME_BYE;
        if (!bye)
            rc = take_frame(r, &f);
        wire_worked(r->wire);
        if (rc)
            say_failure(r, &f, rc);
        frame_release(&f);
    }
    return rc;
}
