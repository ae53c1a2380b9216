/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a source's disk for the list of its objects; see scan.h.
 *
 * One thread has the disk hashed, and enters what is found into the table
 * of objects;
 * another one lists what is new there, so that the reading never waits for
 * the line.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/base/priority.h"
#include "plugin/content/manifest_hash.h"
#include "plugin/proto.h"
#include "plugin/source/blocklist.h"
#include "plugin/source/rounds.h"
#include "plugin/source/scan.h"
#include "plugin/wire/listing.h"

#define MANIFEST_BYTES (256u << 10) /* of a frame, about */
#define GATHER_MS 50                /* what is found in that time goes out
                                       together; */
#define FIRST_MS 2                  /* in less, which doubles, to begin with,
                                       while the line has nothing to do */

struct scan {
    const struct session *session;
    struct source_disk *disk;
    pthread_t reader, lister;
    double start;               /* by monotonic_seconds() */
    int failed_fd;              /* eventfd */
    atomic_int rc;
    atomic_bool stop;
    atomic_bool listed;
    atomic_uint_fast64_t done, total, found;
};

/* The first failure counts; it ends both threads. */
static void fail(struct scan *s, int rc)
{
    uint64_t one = 1;
    int none = 0;

    if (!atomic_compare_exchange_strong(&s->rc, &none, rc))
        return;
    atomic_store(&s->stop, true);
    while (write(s->failed_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Reading */

void scan_show(const struct scan *s)
{
    const struct source_disk *d = s->disk;
    double seconds = monotonic_seconds() - s->start;
    uint64_t done = atomic_load(&s->done), total = atomic_load(&s->total);
    uint64_t sent = d->bytes_sent, wanted = d->bytes_wanted;
    uint64_t found = scan_found(s);
    double rate = seconds > 0 ? sent / seconds : 0;

    if (done < total)
        log_progress("disk %s: scanned %" PRIu64 " of %" PRIu64 " MB, sent %"
                     PRIu64 " of %" PRIu64 " MB so far, %.1f MB/s", d->vdev,
                     done / 1000000, total / 1000000, sent / 1000000,
                     wanted / 1000000, rate / 1e6);
    else
        log_progress("disk %s: found at %s %" PRIu64 " MB, sent %" PRIu64
                     " of %" PRIu64 " MB, %.1f MB/s, %.0f s left", d->vdev,
                     s->session->peer, (found > wanted ? found - wanted : 0) /
                     1000000, sent / 1000000, wanted / 1000000, rate / 1e6,
                     rate > 0 && wanted > sent ? (wanted - sent) / rate : 0.0);
}

static void take_progress(void *opaque, uint64_t done, uint64_t total)
{
    struct scan *s = opaque;

    atomic_store(&s->done, done);
    atomic_store(&s->total, total);
    scan_show(s);
}

/* Whether an object of n extents fits into a frame.  Others are left to the
 * check passes, which send them by segments. */
static bool fits(size_t n_extents)
{
    return n_extents <= MANIFEST_BYTES / 16;
}

static int take_found(void *opaque, const struct object *const *objects,
                      size_t n)
{
    struct scan *s = opaque;
    struct source_disk *d = s->disk;
    size_t i, n_extents, first = 0;
    uint64_t bytes;
    int rc = 0;

    for (i = 0; i < n && !rc; i++) {
        object_extents(d->manifest, objects[i], &n_extents);
        bytes = object_mapped(d->manifest, objects[i]);
        atomic_fetch_add(&s->found, bytes);
        if (fits(n_extents))
            continue;
        d->bytes_unlisted += bytes;
        rc = object_table_add(d->objects, objects + first, i - first);
        first = i + 1;
    }
    if (!rc)
        rc = object_table_add(d->objects, objects + first, n - first);
    if (rc)
        log_errno(rc, "disk %s: cannot list its objects", d->vdev);
    return rc;
}

static void *read_disk(void *opaque)
{
    struct scan *s = opaque;
    struct manifest_options opt = {
        .progress = take_progress,
        .found = take_found,
        .recent_first = s->disk->cold,
        .opaque = s,
        .stop = &s->stop,
    };
    int rc;

    niceness_set(NICENESS_READY);
    rounds_prehash_begin(s->session, s->disk);
    opt.segments = prehash_sink(s->disk->prehash);
    rc = manifest_hash(s->disk->manifest, &opt);
    if (rc)
        fail(s, rc);
    else
        rounds_prehash_rest(s->session, s->disk);
    object_table_end(s->disk->objects);
    if (!rc && s->session->hashed) {
        niceness_set(NICENESS_LATER);
        s->session->hashed(s->session->opaque, s->disk);
    }
    return NULL;
}

/* Listing */

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

/* Lists from *next on, and not more than those below end. */
static int send_objects(const struct scan *s, uint64_t *next, uint64_t end)
{
    struct source_disk *d = s->disk;
    struct buf b = BUF_INIT, objects = BUF_INIT;
    uint64_t physical = 0, first = *next;
    int rc;

    while (*next < end && objects.length < MANIFEST_BYTES)
        put_object(&objects, d, (*next)++, &physical);
    buf_put_u64(&b, first);
    buf_put_u32(&b, *next - first);
    buf_put(&b, objects.data, objects.length);
    rc = objects.failed ? -ENOMEM :
        listing_send(d->listing, s->session->wire, FRAME_MANIFEST,
                     d->number, &b);
    buf_release(&objects);
    buf_release(&b);
    return rc;
}

static int send_end(struct scan *s, uint64_t n)
{
    struct buf b = BUF_INIT;
    int rc;

    buf_put_u64(&b, n);
    atomic_store(&s->listed, true);
    rc = wire_send_buf(s->session->wire, FRAME_MANIFEST_END,
                       s->disk->number, &b);
    buf_release(&b);
    return rc;
}

static void *list_objects(void *opaque)
{
    struct scan *s = opaque;
    struct object_table *r = s->disk->objects;
    uint64_t next = 0, end;
    unsigned ms = FIRST_MS;
    int rc = 0;

    while (!rc && (end = object_table_wait(r, next, ms)) > next) {
        while (!rc && next < end)
            rc = send_objects(s, &next, end);
        ms = 2 * ms < GATHER_MS ? 2 * ms : GATHER_MS;
    }
    /* Whoever has failed may have listed less. */
    if (!rc && !atomic_load(&s->rc))
        rc = send_end(s, next);
    if (rc)
        fail(s, rc);
    return NULL;
}

static struct scan *scan_new(const struct session *session,
                             struct source_disk *d, double start)
{
    struct scan *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->session = session;
    s->disk = d;
    s->start = start;
    s->failed_fd = eventfd(0, EFD_CLOEXEC);
    if (s->failed_fd >= 0)
        return s;
    free(s);
    return NULL;
}

static void scan_free(struct scan *s)
{
    close(s->failed_fd);
    free(s);
}

static int start_threads(struct scan *s)
{
    int rc = -pthread_create(&s->reader, NULL, read_disk, s);

    if (rc)
        return rc;
    rc = -pthread_create(&s->lister, NULL, list_objects, s);
    if (rc) {
        atomic_store(&s->stop, true);
        pthread_join(s->reader, NULL);
    }
    return rc;
}

int scan_start(struct scan **s_r, const struct session *session,
               struct source_disk *d)
{
    double start = monotonic_seconds();
    struct scan *s;
    int rc = manifest_parse(&d->image, d->map, &d->manifest);

    d->map = NULL;
    if (!rc)
        rc = object_table_new(&d->objects);
    if (rc)
        return rc;
    s = scan_new(session, d, start);
    rc = s ? start_threads(s) : -ENOMEM;
    if (!rc)
        *s_r = s;
    else if (s)
        scan_free(s);
    return rc;
}

bool scan_has_failed(const struct scan *s)
{
    return atomic_load(&s->rc) != 0;
}

int scan_fd(const struct scan *s)
{
    return s->failed_fd;
}

bool scan_is_listed(const struct scan *s)
{
    return atomic_load(&s->listed);
}

uint64_t scan_found(const struct scan *s)
{
    return atomic_load(&s->found);
}

int scan_end(struct scan *s)
{
    int rc;

    pthread_join(s->reader, NULL);
    pthread_join(s->lister, NULL);
    rc = atomic_load(&s->rc);
    scan_free(s);
    return rc;
}

void scan_leave(struct scan *s)
{
    atomic_store(&s->stop, true);
    pthread_detach(s->reader);
    pthread_detach(s->lister);
}
