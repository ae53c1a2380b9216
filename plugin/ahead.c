/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing ahead of the first pass; see ahead.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/ahead.h"
#include "plugin/niceness.h"

struct ahead {
    const struct image *image;
    struct blockindex *index;
    unsigned disk;
    struct segment_digest *digests;
    uint64_t n;             /* segments */
    uint64_t done;          /* of these, from the first on */
    pthread_t thread;
    bool running;
    atomic_bool stop;
};

static void *work(void *opaque)
{
    struct ahead *a = opaque;

    niceness_set(NICENESS_READY);
    for (; a->done < a->n && !atomic_load(&a->stop); a->done++)
        if (segment_hash_noted(a->image, a->done, &a->digests[a->done],
                               a->index, a->disk))
            break;
    return NULL;
}

static struct ahead *make(uint64_t n)
{
    struct ahead *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->n = n;
    a->digests = calloc(n + 1, sizeof(*a->digests));
    if (a->digests)
        return a;
    free(a);
    return NULL;
}

int ahead_start(struct ahead **a_r, const struct image *img,
                struct blockindex *index, unsigned disk)
{
    struct ahead *a = make(segment_count(img->size));
    int rc;

    if (!a)
        return -ENOMEM;
    a->image = img;
    a->index = index;
    a->disk = disk;
    rc = -pthread_create(&a->thread, NULL, work, a);
    if (rc) {
        ahead_free(a);
        return rc;
    }
    a->running = true;
    *a_r = a;
    return 0;
}

int ahead_keep(struct ahead **a_r, const struct segment_digest *digests,
               uint64_t n)
{
    struct ahead *a = make(n);

    if (!a)
        return -ENOMEM;
    memcpy(a->digests, digests, n * sizeof(*digests));
    a->done = n;
    *a_r = a;
    return 0;
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
    if (!a || number >= a->done)
        return false;
    *d_r = a->digests[number];
    return true;
}

void ahead_free(struct ahead *a)
{
    if (!a)
        return;
    ahead_stop(a);
    free(a->digests);
    free(a);
}
