/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's engine; see receiver.h.
 *
 * One thread takes the frames in their order and hands them to bulk.c and
 * pass.c.  It alone decides about the course of the session.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/image/identity.h"
#include "plugin/image/stamp.h"
#include "plugin/state/unfinished.h"
#include "plugin/target/blocklist.h"
#include "plugin/target/bulk.h"
#include "plugin/target/delta.h"
#include "plugin/target/destination_check.h"
#include "plugin/target/destination_path.h"
#include "plugin/target/destination_place.h"
#include "plugin/target/disk.h"
#include "plugin/target/index_disk.h"
#include "plugin/target/pass.h"
#include "plugin/target/receiver.h"
#include "plugin/target/recipe.h"
#include "plugin/target/segments.h"
#include "plugin/target/witness.h"
#include "plugin/wire/listing.h"

#define WHY_BYTES 4096
/* Of 4 KiB, looked for at once: 12 GiB, and about 100 MB of memory. */
#define BLOCKS_MAX (3u << 20)

struct known_path {
    char *vdev;
    char *path;
    struct known_path *next;
};

struct receiver {
    struct wire *wire;
    struct inbox *inbox;
    const struct configuration *conf;
    struct receiver_events events;
    struct threadpool *pool;
    struct references *references;
    atomic_size_t blocks_left;
    struct known_path *paths;
    const struct used_path *busy;
    char *uuid;
    bool push;
    bool dry;                   /* nothing is to be written */
    bool offered;               /* DISKS_END was seen */
    bool failed;                /* FAIL was sent */
    struct target_disk **disks;
    unsigned n_disks;
    unsigned n_checked;
    unsigned n_accepted;
    unsigned n_placed;
};

int receiver_new(struct receiver **r_r, struct wire *w, struct inbox *in,
                 const struct configuration *conf,
                 const struct receiver_events *events)
{
    struct receiver *r = calloc(1, sizeof(*r));
    int rc;

    if (!r)
        return -ENOMEM;
    r->wire = w;
    r->inbox = in;
    r->conf = conf;
    r->events = *events;
    r->blocks_left = BLOCKS_MAX;
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

    destination_unprobe(&d->dest, d->probe);
    bulk_release(d);
    segments_release(d);
    delta_release(d);
    listing_free(d->known_list);
    destination_release(&d->dest);
    pthread_mutex_destroy(&d->lock);
    for (i = 0; i < d->n_ids; i++)
        free(d->ids[i]);
    free(d->ids);
    free(d->vdev);
    free(d->path);
    free(d->named);
    free(d->base);
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
    while ((p = r->paths)) {
        r->paths = p->next;
        free(p->vdev);
        free(p->path);
        free(p);
    }
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

bool receiver_is_dry(const struct receiver *r)
{
    return r->dry;
}

bool receiver_is_push(const struct receiver *r)
{
    return r->push;
}

void receiver_set_busy(struct receiver *r, const struct used_path *busy)
{
    r->busy = busy;
}

void receiver_fail(struct receiver *r, const char *fmt, ...)
{
    char text[WHY_BYTES];
    va_list ap;

    if (r->failed)
        return;
    r->failed = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    /* The source shows it; if it cannot be reached, it goes to our log. */
    if (wire_send(r->wire, FRAME_FAIL, PROTO_NO_DISK, text, strlen(text)))
        log_error("%s", text);
}

/* Offer */

/* The admin sits at the source. */
static void put_abandoned(const struct receiver *r, struct buf *b)
{
    struct unfinished a;

    unfinished_count(r->conf->state_dir, r->conf->remind_days, r->uuid, &a);
    if (!a.count)
        return;
    buf_put_text_u64(b, "abandoned", a.count);
    buf_put_text_u64(b, "abandoned_bytes", a.bytes);
    buf_put_text_u64(b, "abandoned_days", r->conf->remind_days);
}

/* Else the xl of this host does. */
static bool source_names_paths(const struct receiver *r)
{
    return r->push || r->dry;
}

static int take_hello(struct receiver *r, const struct frame *f)
{
    struct buf b = BUF_INIT;
    const char *uuid, *mode, *dry;
    uint64_t timeout;
    char host[256] = "";
    int rc;

    if (r->uuid || !text_valid(f->data, f->length))
        return -EPROTO;
    uuid = text_get(f->data, f->length, "uuid", 0);
    mode = text_get(f->data, f->length, "mode", 0);
    if (!uuid || !mode)
        return -EPROTO;
    dry = text_get(f->data, f->length, "dry", 0);
    r->push = !strcmp(mode, "push");
    r->dry = dry && !strcmp(dry, "1");
    r->uuid = strdup(uuid);
    if (!r->uuid)
        return -ENOMEM;
    if (!text_get_u64(f->data, f->length, "timeout", &timeout) &&
        timeout >= WIRE_TIMEOUT_MIN && timeout <= 86400)
        wire_set_timeout(r->wire, timeout);
    gethostname(host, sizeof(host) - 1);
    buf_put_text(&b, "host", host);
    put_abandoned(r, &b);
    rc = wire_send_buf(r->wire, FRAME_HELLO, PROTO_NO_DISK, &b);
    buf_release(&b);
    return rc;
}

static int take_ids(struct target_disk *d, const struct frame *f)
{
    const char *id;

    d->ids = calloc(IDENTITIES_MAX, sizeof(*d->ids));
    if (!d->ids)
        return -ENOMEM;
    while (d->n_ids < IDENTITIES_MAX &&
           (id = text_get(f->data, f->length, "id", d->n_ids))) {
        d->ids[d->n_ids] = strdup(id);
        if (!d->ids[d->n_ids++])
            return -ENOMEM;
    }
    return 0;
}

static int describe_disk(struct receiver *r, struct target_disk *d,
                         const struct frame *f)
{
    const char *vdev = text_get(f->data, f->length, "vdev", 0);
    const char *base = text_get(f->data, f->length, "base", 0);
    const char *kind = text_get(f->data, f->length, "kind", 0);
    const char *dest = text_get(f->data, f->length, "dest", 0);
    const char *stamp = text_get(f->data, f->length, "stamp", 0);
    uint64_t sector = 0;

    if (!vdev || !base || !kind || (source_names_paths(r) && !dest) ||
        text_get_u64(f->data, f->length, "size", &d->size) ||
        text_get_u64(f->data, f->length, "used", &d->dest.used) ||
        d->size == 0 || d->size > PROTO_DISK_BYTES_MAX)
        return -EPROTO;
    d->vdev = strdup(vdev);
    d->base = strdup(base);
    if (source_names_paths(r))
        d->path = strdup(dest);
    if (!d->vdev || !d->base || (source_names_paths(r) && !d->path))
        return -ENOMEM;
    if (r->dry && stamp)
        d->shared = stamp_text_is(d->path, stamp);
    d->dry = r->dry;
    d->dest.served = !r->push;
    if (!text_get_u64(f->data, f->length, "sector", &sector))
        d->dest.sectors.logical = sector < UINT_MAX ? sector : UINT_MAX;
    owner_take(f->data, f->length, &d->dest.owner);
    return take_ids(d, f);
}

static int take_list(struct target_disk *d, const struct frame *f)
{
    const char *hex = text_get(f->data, f->length, "list", 0);
    size_t n;

    if (!hex)
        return 0;
    d->lists = !sodium_hex2bin(d->offered_list, HASH_BYTES, hex, strlen(hex),
                               NULL, &n, NULL) && n == HASH_BYTES;
    return d->lists ? 0 : -EPROTO;
}

static int take_disk(struct receiver *r, const struct frame *f)
{
    struct target_disk *d, **list;
    int rc;

    if (!r->uuid || r->offered || f->disk != r->n_disks ||
        r->n_disks >= PROTO_DISKS_MAX || !text_valid(f->data, f->length))
        return -EPROTO;
    list = realloc(r->disks, (r->n_disks + 1) * sizeof(*list));
    d = calloc(1, sizeof(*d));
    if (list)
        r->disks = list;
    if (!list || !d) {
        free(d);
        return -ENOMEM;
    }
    r->disks[r->n_disks++] = d;
    pthread_mutex_init(&d->lock, NULL);
    d->number = f->disk;
    d->dest = (struct destination)DESTINATION_INIT;
    d->wire = r->wire;
    d->pool = r->pool;
    d->references = r->references;
    d->blocks_left = &r->blocks_left;
    rc = describe_disk(r, d, f);
    if (!rc)
        rc = take_list(d, f);
    return rc ? rc : segments_init(d);
}

static int find_path(struct receiver *r, struct target_disk *d)
{
    const struct known_path *p;

    if (source_names_paths(r))
        return 0;
    for (p = r->paths; p; p = p->next)
        if (!strcmp(p->vdev, d->vdev)) {
            d->path = strdup(p->path);
            return d->path ? 0 : -ENOMEM;
        }
    receiver_fail(r, "disk %s: the configuration that arrived does not have "
                  "it; was another one given with -C?", d->vdev);
    return -ENOENT;
}

static void fail_shared(struct receiver *r, const struct target_disk *d)
{
    receiver_fail(r, "disk %s: %s is the same storage on both hosts; nothing "
                  "is to be copied: use xl migrate without --dedup", d->vdev,
                  d->path);
}

/* Whether a device here is the one that the source reads. */
static bool same_device(const struct target_disk *d)
{
    char *ids[IDENTITIES_MAX];
    bool same = false;
    struct stat st;
    size_t n, i, j;

    if (d->n_ids == 0 || stat(d->path, &st) || !S_ISBLK(st.st_mode))
        return false;
    n = device_identities(&identity_system, st.st_rdev, ids, IDENTITIES_MAX);
    for (i = 0; i < n; i++) {
        for (j = 0; j < d->n_ids; j++)
            same = same || !strcmp(ids[i], d->ids[j]);
        free(ids[i]);
    }
    return same;
}

/* Whether the listing of an earlier session is the one that the source has. */
static bool knows_list(struct receiver *r, struct target_disk *d)
{
    uint8_t digest[HASH_BYTES];

    d->known_list = listing_open(r->conf->state_dir, d->path);
    if (!d->lists || !d->known_list || !listing_digest(d->known_list, digest) ||
        memcmp(digest, d->offered_list, HASH_BYTES))
        return false;
    listing_agree(d->known_list);
    return true;
}

static int accept_disk(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory";
    struct buf b = BUF_INIT;
    int rc;

    rc = d->dry ? destination_look(&d->dest, why, sizeof(why)) :
        destination_open(&d->dest, why, sizeof(why));
    if (rc) {
        receiver_fail(r, "disk %s: %s", d->vdev, why);
        return rc;
    }
    d->accepted = true;
    d->comparing = d->dest.block ? !d->dest.blank : d->dest.resumed;
    r->n_accepted++;
    buf_put_text(&b, "base", d->comparing ? "1" : "0");
    if (d->dest.own.physical)
        buf_put_text_u64(&b, "physical", d->dest.own.physical);
    witness_seal(d);
    if (d->doubtful)
        buf_put_text(&b, "witness", d->path);
    if (knows_list(r, d))
        buf_put_text(&b, "list", "1");
    rc = wire_send_buf(r->wire, FRAME_DISK_OK, d->number, &b);
    buf_release(&b);
    return rc;
}

/* Nothing is made ready before all disks have been found good. */
static int accept_all(struct receiver *r)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < r->n_disks && !rc; i++)
        rc = accept_disk(r, r->disks[i]);
    return rc;
}

static int check_destination(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory";
    int rc = destination_check(&d->dest, why, sizeof(why));

    if (rc) {
        receiver_fail(r, "disk %s: %s", d->vdev, why);
        return rc;
    }
    r->n_checked++;
    return r->n_checked == r->n_disks ? accept_all(r) : 0;
}

/* Whether the source still waits for its disks. */
static bool is_wanted(void *opaque)
{
    struct receiver *r = opaque;

    return !inbox_over(r->inbox);
}

/* From here on the disk's path is where it really goes. */
static int resolve_path(struct receiver *r, struct target_disk *d)
{
    char why[WHY_BYTES] = "out of memory", *resolved;
    int rc = destination_resolve(d->path, &resolved, why, sizeof(why));

    if (rc) {
        receiver_fail(r, "disk %s: %s", d->vdev, why);
        return rc;
    }
    d->named = d->path;
    d->path = resolved;
    d->dest.path = d->path;
    d->dest.named = strcmp(d->named, d->path) ? d->named : NULL;
    return 0;
}

/* Shared storage comes first: what else there is to say of it (it exists, it
 * is in use) only follows from that. */
static int check_disk(struct receiver *r, struct target_disk *d)
{
    int rc;

    rc = find_path(r, d);
    if (!rc)
        rc = resolve_path(r, d);
    if (rc)
        return rc;
    d->dest.uuid = r->uuid;
    d->dest.vdev = d->vdev;
    d->dest.size = d->size;
    d->dest.busy = r->busy;
    d->dest.state_dir = r->conf->state_dir;
    d->dest.guard_program = "/proc/self/exe";
    d->dest.is_wanted = is_wanted;
    d->dest.opaque = r;
    if (d->shared || same_device(d)) {
        fail_shared(r, d);
        return -EEXIST;
    }
    /* Where no file can be made, the check will find the reason. */
    if (!d->dry && !destination_probe(&d->dest, &d->probe) && d->probe)
        return wire_send(r->wire, FRAME_PROBE, d->number, d->probe,
                         strlen(d->probe));
    return check_destination(r, d);
}

static int take_probed(struct receiver *r, struct target_disk *d,
                       const struct frame *f)
{
    /* Before the probe a disk of a migration has no path. */
    if (!d->probe || f->length != 1)
        return -EPROTO;
    destination_unprobe(&d->dest, d->probe);
    d->probe = NULL;
    if (f->data[0] && !strcmp(path_basename(d->path), d->base)) {
        fail_shared(r, d);
        return -EEXIST;
    }
    return check_destination(r, d);
}

static int start_references(struct receiver *r)
{
    unsigned i;
    int rc = 0;

    for (i = 0; i < r->n_disks && !rc; i++)
        if (r->disks[i]->dest.exists)
            rc = references_add(r->references, r->disks[i]->path);
    if (r->dry)
        references_keep_index(r->references);
    return rc ? rc : references_start(r->references);
}

static int event(struct receiver *r, int (*handler)(void *))
{
    return handler ? handler(r->events.opaque) : 0;
}

static int take_disks_end(struct receiver *r)
{
    unsigned i;
    int rc;

    if (!r->uuid || r->offered)
        return -EPROTO;
    r->offered = true;
    rc = event(r, r->events.configured);
    for (i = 0; i < r->n_disks && !rc; i++)
        rc = check_disk(r, r->disks[i]);
    return rc;
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
        receiver_fail(r, "disk %s: %s", d->vdev, d->dest.reason);
}

static int make_placeholder(struct receiver *r, struct target_disk *d)
{
    int rc;

    if (!d->bulk_done)
        return -EPROTO;
    rc = destination_placeholder(&d->dest);
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
        rc = event(r, r->events.restore);
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
    return rc || r->n_disks > 0 ? rc : event(r, r->events.final);
}

int receiver_read(struct receiver *r, uint64_t disk, uint64_t offset,
                  void *data, size_t length)
{
    const struct target_disk *d = disk < r->n_disks ? r->disks[disk] : NULL;

    if (!d || offset > d->size || length > d->size - offset)
        return -ERANGE;
    return destination_read(&d->dest, data, length, offset);
}

static int place(struct receiver *r, struct target_disk *d)
{
    uint8_t root[HASH_BYTES];
    int rc = 0;

    if (d->dry || d->placed || !d->bulk_done || !segments_complete(d) ||
        delta_is_pending(d)) {
        receiver_fail(r, "disk %s: asked to put it in place before it was "
                      "verified", d->vdev);
        return -EPROTO;
    }
    /* A file is known again by its inode and times, at no cost. */
    if (d->dest.block)
        rc = pass_read_root(d, root);
    if (!rc)
        rc = destination_place(&d->dest, d->dest.block ? root : NULL);
    if (rc)
        return rc;
    d->placed = true;
    r->n_placed++;
    /* The source may have lost patience meanwhile: its guest runs on. */
    if (!is_wanted(r))
        return -EPIPE;
    rc = r->n_placed == r->n_disks ? event(r, r->events.final) : 0;
    return rc ? rc : wire_send(r->wire, FRAME_PLACED, d->number, NULL, 0);
}

static int take_session_frame(struct receiver *r, const struct frame *f)
{
    switch (f->type) {
    case FRAME_HELLO:
        return take_hello(r, f);
    case FRAME_DISKS_END:
        return take_disks_end(r);
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
        return take_probed(r, d, f);
    if (f->type == FRAME_WITNESS)
        return witness_take(d, f);
    if (f->type == FRAME_APART)
        return witness_take_apart(d, f);
    if (d->dry && d->bulk_done)
        return f->type == FRAME_PASS_END ? pass_take_end_dry(d) : -EPROTO;
    if (f->type == FRAME_PLACE)
        return place(r, d);
    return d->bulk_done ? take_pass_frame(d, f) : take_bulk_frame(d, f);
}

static int take_frame(struct receiver *r, const struct frame *f)
{
    unsigned accepted = r->n_accepted;
    int rc;

    if (f->type == FRAME_DISK)
        rc = take_disk(r, f);
    else if (f->disk == PROTO_NO_DISK)
        rc = take_session_frame(r, f);
    else if (f->disk < r->n_disks)
        rc = take_disk_frame(r, r->disks[f->disk], f);
    else
        rc = -EPROTO;
    /* What is not indexed is read while the source scans its disks. */
    if (!rc && accepted < r->n_accepted && r->n_accepted == r->n_disks)
        rc = start_references(r);
    return rc;
}

void receiver_enter(struct receiver *r)
{
    unsigned i;

    references_stop(r->references);
    threadpool_free(r->pool);
    r->pool = NULL;
    for (i = 0; i < r->n_disks; i++) {
        if (r->disks[i]->placed)
            listing_keep(r->disks[i]->known_list);
        index_disk_end(r->disks[i]);
    }
    stop_entering(r);
    /* A process opens the index once. */
    references_free(r->references);
    r->references = NULL;
    for (i = 0; i < r->n_disks; i++)
        index_disk_enter(r->disks[i], r->conf->state_dir);
}

static void explain_protocol(struct receiver *r, const struct frame *f)
{
    receiver_fail(r, "the target was sent %s where it does not belong; the "
                  "versions of xl-dedup on both hosts do not fit together, or "
                  "one of them is at fault", proto_name(f->type));
}

/* One line for the admin at the source; details are in our own log. */
static void say_failure(struct receiver *r, const struct frame *f, int rc)
{
    const struct target_disk *d = f->disk < r->n_disks ?
        r->disks[f->disk] : NULL;

    if (rc == -EPIPE || rc == -ECONNABORTED)
        return;
    if (d && d->dest.reason)
        give_reason(r, d);
    else if (rc == -EPROTO)
        explain_protocol(r, f);
    else if (!d || !d->path)
        receiver_fail(r, "the target cannot go on at %s: %s",
                      proto_name(f->type), strerror(-rc));
    else if (rc == -ENOSPC)
        receiver_fail(r, "disk %s: no space left for %s; free some there and "
                      "try again, what arrived is kept in %s", d->vdev,
                      d->path, d->dest.staging_path);
    else if (f->type == FRAME_PLACE)
        receiver_fail(r, "disk %s: %s cannot be put in place: %s", d->vdev,
                      d->path, strerror(-rc));
    else
        receiver_fail(r, "disk %s: %s cannot be rebuilt: %s", d->vdev, d->path,
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
                receiver_fail(r, "cannot wait for the source: %s",
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
