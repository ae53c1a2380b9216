/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading back beside the bulk copy; see readback.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "plugin/base/clock.h"
#include "plugin/base/hugepage.h"
#include "plugin/base/priority.h"
#include "plugin/base/budget.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/digest_table.h"
#include "plugin/target/readback.h"

#define RUN 16u             /* segments brought to the storage at a time */
#define READ 4u             /* of these, read at a time */
#define PAUSE_MS 100        /* before looking again for what is complete */
#define READERS 2u          /* one waits for storage while the other hashes */

#define BUFFERS (READERS * READ * PROTO_SEGMENT)

/* Listed content may cover the disk so often; a list that goes on would cost
 * only time. */
#define COVER_MAX 4

struct reader {
    struct readback *readback;
    pthread_t thread;
    uint64_t first, end;    /* what it reads; covered by the lock */
};

struct readback {
    struct target_disk *disk;
    atomic_uint *open;      /* by segment: objects to come; NULL: that would
                               take too much memory */
    uint64_t listed;        /* segments of all extents */
    bool hopeless;
    bool buffers;           /* memory for those of the readers is taken */
    struct reader readers[READERS];
    unsigned n_readers;
    pthread_mutex_t lock;   /* covers what follows */
    pthread_cond_t stopping;
    uint64_t next;          /* segment to look at */
    bool stop;
    int rc;                 /* of a reader that failed */
};

static bool is_used(const struct target_disk *d)
{
    return !d->dry && !d->dest.resumed && (!d->dest.block || d->dest.blank);
}

static struct readback *make(struct target_disk *d)
{
    struct readback *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->disk = d;
    if (!budget_take_spare(d->budget, d->n_segments * sizeof(*r->open))) {
        r->hopeless = true;
    } else {
        r->open = calloc(d->n_segments + 1, sizeof(*r->open));
        if (!r->open) {
            budget_give(d->budget, d->n_segments * sizeof(*r->open));
            free(r);
            return NULL;
        }
    }
    pthread_mutex_init(&r->lock, NULL);
    monotonic_cond_init(&r->stopping);
    return r;
}

static void expect(struct readback *r, const struct fsparse_extent *e)
{
    uint64_t n = e->physical / PROTO_SEGMENT;
    uint64_t last = (e->physical + e->length - 1) / PROTO_SEGMENT;

    r->listed += last - n + 1;
    if (r->listed / COVER_MAX >
        r->disk->n_segments + objects_extents_count(r->disk))
        r->hopeless = true;
    for (; n <= last && !r->hopeless; n++)
        atomic_fetch_add_explicit(&r->open[n], 1, memory_order_relaxed);
}

int readback_expect(struct target_disk *d, const struct batch *b)
{
    const struct wire_object *o;
    uint32_t i, k;

    if (!is_used(d))
        return 0;
    if (!d->readback)
        d->readback = make(d);
    if (!d->readback)
        return -ENOMEM;
    for (i = 0; i < b->count && !d->readback->hopeless; i++) {
        o = &b->objects[i];
        for (k = 0; k < o->n_extents && !d->readback->hopeless; k++)
            expect(d->readback, &b->extents[o->first_extent + k]);
    }
    return 0;
}

void readback_settle(const struct batch *b, struct wire_object *o)
{
    struct readback *r = b->disk->readback;
    const struct fsparse_extent *e;
    uint64_t n, last;
    uint32_t i;

    if (!r || !r->open || atomic_exchange(&o->settled, true))
        return;
    for (i = 0; i < o->n_extents; i++) {
        e = &b->extents[o->first_extent + i];
        n = e->physical / PROTO_SEGMENT;
        last = (e->physical + e->length - 1) / PROTO_SEGMENT;
        for (; n <= last; n++)
            atomic_fetch_sub_explicit(&r->open[n], 1, memory_order_release);
    }
}

/* With the lock held.  What was written while somebody reads it has to wait for
 * that: the older digest must not come last. */
static bool is_ready(const struct readback *r, uint64_t n)
{
    unsigned i;

    if (atomic_load_explicit(&r->open[n], memory_order_acquire) ||
        !atomic_load(&r->disk->touched[n]))
        return false;
    for (i = 0; i < READERS; i++)
        if (n >= r->readers[i].first && n < r->readers[i].end)
            return false;
    return true;
}

static bool is_stopped(struct readback *r)
{
    bool stop;

    pthread_mutex_lock(&r->lock);
    stop = r->stop;
    pthread_mutex_unlock(&r->lock);
    return stop;
}

static void touch(struct readback *r, uint64_t first, uint64_t end)
{
    for (; first < end; first++)
        atomic_store(&r->disk->touched[first], 1);
}

/* Takes the next segments that are complete: they are touched no longer.  What
 * the reader had is done. */
static bool take_run(struct reader *reader)
{
    struct readback *r = reader->readback;
    struct target_disk *d = r->disk;
    uint64_t n, end, looked;

    pthread_mutex_lock(&r->lock);
    reader->first = reader->end = 0;
    for (looked = 0, n = r->next; looked < d->n_segments; looked++, n++) {
        n = n < d->n_segments ? n : 0;
        if (is_ready(r, n))
            break;
    }
    if (looked < d->n_segments && !r->stop) {
        for (end = n; end < d->n_segments && end < n + RUN && is_ready(r, end);
             end++) {
            digest_table_forget(d->own, end);
            atomic_store(&d->touched[end], 0);
        }
        reader->first = n;
        reader->end = r->next = end;
    }
    pthread_mutex_unlock(&r->lock);
    return reader->end > 0;
}

/* How many of these are to be read at a time: those before one that is
 * known. */
static size_t unknown(const struct segment_digest *now, size_t n)
{
    size_t count = 0;

    while (count < READ && count < n && !now[count].known)
        count++;
    return count;
}

static int read_run(struct reader *reader, uint8_t *buf)
{
    struct readback *r = reader->readback;
    struct target_disk *d = r->disk;
    uint64_t first = reader->first, end = reader->end;
    uint64_t start = first * PROTO_SEGMENT, n, count;
    uint64_t length = (end - first) * PROTO_SEGMENT;
    struct segment_digest now[RUN] = { { .known = false } };
    int rc;

    destination_begin_flush(&d->dest);
    rc = destination_flush(&d->dest, start, length);
    if (!rc)
        destination_drop(&d->dest, start, length);
    if (!rc)
        segments_note_holes(&d->dest.storage, first, end - first, now);
    for (n = first; n < end && !rc && !is_stopped(r); n += count) {
        count = unknown(now + (n - first), end - n);
        if (count > 0)
            rc = segments_hash_at_once(&d->dest.storage, n, count, buf,
                                       now + (n - first));
        else
            count = 1;
    }
    if (!rc)
        rc = digest_table_put(d->own, first, n - first, now);
    touch(r, n, end);
    if (rc)
        touch(r, first, end);
    return rc;
}

static void pause_a_while(struct readback *r)
{
    struct timespec until = monotonic_in(PAUSE_MS);

    pthread_mutex_lock(&r->lock);
    if (!r->stop)
        pthread_cond_timedwait(&r->stopping, &r->lock, &until);
    pthread_mutex_unlock(&r->lock);
}

static void *work(void *opaque)
{
    struct reader *reader = opaque;
    struct readback *r = reader->readback;
    uint8_t *buf = huge_alloc(READ * PROTO_SEGMENT);
    int rc = buf ? 0 : -EOPNOTSUPP;

    niceness_set(NICENESS_READY);
    while (!rc && !is_stopped(r)) {
        if (take_run(reader))
            rc = read_run(reader, buf);
        else
            pause_a_while(r);
    }
    free(buf);
    if (rc && rc != -EOPNOTSUPP) {
        pthread_mutex_lock(&r->lock);
        r->rc = rc;
        r->stop = true;
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

void readback_begin(struct target_disk *d)
{
    struct readback *r = d->readback;
    struct reader *reader;

    if (!r || r->hopeless || r->buffers ||
        !budget_take_spare(d->budget, BUFFERS))
        return;
    r->buffers = true;
    while (r->n_readers < READERS) {
        reader = &r->readers[r->n_readers];
        reader->readback = r;
        if (pthread_create(&reader->thread, NULL, work, reader))
            break;
        r->n_readers++;
    }
}

int readback_end(struct target_disk *d)
{
    struct readback *r = d->readback;

    if (!r)
        return 0;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->stopping);
    pthread_mutex_unlock(&r->lock);
    while (r->n_readers > 0)
        pthread_join(r->readers[--r->n_readers].thread, NULL);
    return r->rc;
}

void readback_free(struct target_disk *d)
{
    struct readback *r = d->readback;

    if (!r)
        return;
    readback_end(d);
    pthread_cond_destroy(&r->stopping);
    pthread_mutex_destroy(&r->lock);
    if (r->buffers)
        budget_give(d->budget, BUFFERS);
    if (r->open)
        budget_give(d->budget, d->n_segments * sizeof(*r->open));
    free(r->open);
    free(r);
    d->readback = NULL;
}
