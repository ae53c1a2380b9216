/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing ahead of the first pass; see prehash.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/priority.h"
#include "plugin/source/prehash.h"

#define READ_AHEAD 5u       /* segments that the kernel is to read, with the one
                               that is hashed */

struct ahead {
    const struct image *image;  /* NULL: nothing is to be read */
    struct segment_sink sink;
    uint64_t n;             /* segments */
    pthread_t thread;
    bool running;
    atomic_bool stop;
};

/* Has the kernel read what is to be hashed of [next, end).  Returns end. */
static uint64_t read_ahead(const struct ahead *a, uint64_t next, uint64_t end)
{
    if (end > a->n)
        end = a->n;
    for (; next < end; next++)
        if (!a->sink.digests[next].known)
            segment_will_need(a->image, next);
    return next;
}

static void *work(void *opaque)
{
    struct ahead *a = opaque;
    const struct segment_sink *k = &a->sink;
    uint64_t i, asked = 0;

    niceness_set(NICENESS_READY);
    segments_note_holes(a->image, 0, a->n, k->digests);
    for (i = 0; i < a->n && !atomic_load(&a->stop); i++) {
        asked = read_ahead(a, asked, i + READ_AHEAD);
        if (!k->digests[i].known &&
            segment_hash(a->image, i, &k->digests[i], k->index, k->disk))
            break;
    }
    return NULL;
}

static struct ahead *make(uint64_t n)
{
    struct ahead *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->n = n;
    a->sink.digests = calloc(n + 1, sizeof(*a->sink.digests));
    if (a->sink.digests)
        return a;
    free(a);
    return NULL;
}

int ahead_new(struct ahead **a_r, const struct image *img,
              struct blockindex *index, unsigned disk)
{
    struct ahead *a = make(segment_count(img->size));

    if (!a)
        return -ENOMEM;
    a->image = img;
    a->sink.image_size = img->size;
    a->sink.index = index;
    a->sink.disk = disk;
    *a_r = a;
    return 0;
}

int ahead_keep(struct ahead **a_r, const struct segment_digest *digests,
               uint64_t n)
{
    struct ahead *a = make(n);

    if (!a)
        return -ENOMEM;
    memcpy(a->sink.digests, digests, n * sizeof(*digests));
    *a_r = a;
    return 0;
}

const struct segment_sink *ahead_sink(const struct ahead *a)
{
    return a && a->image ? &a->sink : NULL;
}

void ahead_start(struct ahead *a)
{
    if (a && a->image)
        a->running = !pthread_create(&a->thread, NULL, work, a);
}

void ahead_stop(struct ahead *a)
{
    if (!a || !a->running)
        return;
    atomic_store(&a->stop, true);
    pthread_join(a->thread, NULL);
    a->running = false;
}

bool ahead_digest(const struct ahead *a, uint64_t number,
                  struct segment_digest *d_r)
{
    if (!a || number >= a->n || !a->sink.digests[number].known)
        return false;
    *d_r = a->sink.digests[number];
    return true;
}

void ahead_free(struct ahead *a)
{
    if (!a)
        return;
    ahead_stop(a);
    free(a->sink.digests);
    free(a);
}
